//! One run: a board, a screen, one player after the other, and `campari view`.

use crate::clients::{CLIENTS, Client, Given, Way};
use crate::figures::{Glass, Report, View, tenth};
use crate::screen::{Screen, Shown, Watch, now_us};
use crate::share::{Board, Share};
use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Child;
use tokio::time::{Instant, timeout, timeout_at};

pub use crate::share::Setting;

/// How long a player may take to show its first picture.
const FIRST_WITHIN: Duration = Duration::from_secs(20);
/// From its first picture on a player may still catch up; what it shows then is not counted.
const SETTLES: Duration = Duration::from_secs(3);
/// How long a player may take to end.
const ENDS_WITHIN: Duration = Duration::from_secs(3);
/// How often `campari view` joins a share.
const JOINS: usize = 8;
/// How long each of these lasts, seconds; the last one lasts as long as a player.
const JOIN_S: u64 = 1;
/// How long a share has run when it joins: longer than the board waits between two key pictures that somebody asks for, the first one's among them.
const RUNS: Duration = Duration::from_millis(1_500);
/// How much longer than it was told `campari view` may take.
const VIEW_GRACE: Duration = Duration::from_secs(10);

/// Measures every player whose title contains `only`, `seconds` each; tells of each as it is done.
///
/// # Errors
/// When there is no board or no screen; a player that shows nothing is no error, its figures say so.
pub async fn run(setting: &Setting, seconds: u64, only: &str, tell: impl Fn(&str)) -> Result<Report> {
    let load_before = std::fs::read_to_string("/proc/loadavg").ok().and_then(|t| t.split(' ').next()?.parse().ok());
    std::fs::create_dir_all(&setting.out).with_context(|| setting.out.display().to_string())?;
    // Elsewhere than the results: VLC may run for nobody, who need not reach them. What is secret in it is over in minutes, and its files are their owner's.
    let desk = tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o755)).tempdir()?;
    let screen = Screen::start(desk.path()).await?;
    let mut board = Board::start(setting).await?;
    let counted = measure(&mut board, &screen, setting, desk.path(), seconds, only, &tell).await;
    board.stop().await;
    let (clients, view, to_packet) = counted?;
    Ok(Report {
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        load_before: load_before.unwrap_or_default(),
        detector: setting.detector.clone(),
        clients,
        view,
        to_packet,
    })
}

type Counted = (Vec<Glass>, View, Vec<(Option<f64>, u64)>);

async fn measure(
    board: &mut Board,
    screen: &Screen,
    setting: &Setting,
    desk: &Path,
    seconds: u64,
    only: &str,
    tell: &impl Fn(&str),
) -> Result<Counted> {
    let before = board.histogram().await?;
    let mut clients = Vec::new();
    for client in CLIENTS.iter().filter(|client| client.title().contains(only)) {
        tell(&client.title());
        clients.push(glass(board, screen, setting, desk, client, seconds).await?);
    }
    tell("campari view");
    let view = view(board, setting, desk, seconds).await?;
    let after = board.histogram().await?;
    let since = |((bound, count), (_, earlier)): ((f64, u64), (f64, u64))| {
        (Some(bound).filter(|bound| bound.is_finite()), count.saturating_sub(earlier))
    };
    Ok((clients, view, after.into_iter().zip(before).map(since).collect()))
}

/// One player from its start to its end.
async fn glass(
    board: &mut Board,
    screen: &Screen,
    setting: &Setting,
    desk: &Path,
    client: &Client,
    seconds: u64,
) -> Result<Glass> {
    let name: String = client.title().chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    let share = board.grant(client.way, desk).await?;
    readable(&share, client)?;
    let home = desk.join(&name);
    std::fs::create_dir_all(&home)?;
    std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o777))?;
    let given = Given {
        sdp: &share.sdp,
        port: share.port,
        ssrc: &share.ssrc,
        key: &share.key,
        url: &share.url,
        user: &share.user,
        password: &share.password,
    };
    let log = setting.out.join("logs").join(format!("{name}.log"));
    let began_us = now_us();
    let mut players = client.start(&given, &screen.display, &home, &log)?;
    let mut watch = screen.watch(began_us / 1_000);
    let shown = board.guarded(shown(&mut players, &mut watch, Duration::from_secs(seconds))).await?;
    screen.save(&setting.out.join(format!("{name}.png")))?;
    let to_packet_ms = board.to_packet().map(|latency| (latency.p50, latency.p99));
    for player in players.into_iter().rev() {
        end(player).await?;
    }
    board.revoke(&share.jti).await?;
    let mut glass = Glass {
        name: client.title(),
        line: client.line.split_whitespace().collect::<Vec<_>>().join(" "),
        first_ms: None,
        fps: 0.0,
        longest_gap_ms: 0.0,
        to_packet_ms,
        latencies_ms: Vec::new(),
        failed: None,
    };
    match shown {
        Ok((first, shown)) => {
            glass.first_ms = Some(tenth((first.seen_us - began_us) as f64 / 1e3));
            glass.latencies_ms = shown.iter().map(|shown| tenth(shown.latency_ms())).collect();
            let gaps = shown.windows(2).map(|two| (two[1].seen_us - two[0].seen_us) as f64 / 1e3);
            glass.longest_gap_ms = tenth(gaps.fold(0.0, f64::max));
            glass.fps = tenth(shown.len() as f64 / seconds as f64);
        }
        Err(cause) => {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            let last: Vec<&str> = said.lines().rev().take(5).collect();
            glass.failed = Some(format!("{cause:#}; it said: {}", last.join(" | ")));
        }
    }
    Ok(glass)
}

/// The first picture, and those from [`SETTLES`] after it on for `lasts`.
async fn shown(players: &mut [Child], watch: &mut Watch, lasts: Duration) -> Result<(Shown, Vec<Shown>)> {
    let pictures = async {
        let first = timeout(FIRST_WITHIN, watch.shown.recv()).await;
        let first = first.with_context(|| format!("no picture with its time within {} s", FIRST_WITHIN.as_secs()))?;
        let first = first.context("the screen cannot be read")?;
        let begin = Instant::now() + SETTLES;
        while let Ok(Some(_)) = timeout_at(begin, watch.shown.recv()).await {}
        let mut all = Vec::new();
        while let Ok(Some(shown)) = timeout_at(begin + lasts, watch.shown.recv()).await {
            all.push(shown);
        }
        ensure!(!all.is_empty(), "its picture stands still");
        Ok((first, all))
    };
    let [.., player] = players else { bail!("a line without a player") };
    tokio::select! {
        pictures = pictures => pictures,
        status = player.wait() => bail!("it ended with {}", status?),
    }
}

async fn end(mut player: Child) -> Result<()> {
    if let Some(pid) = player.id().and_then(|pid| i32::try_from(pid).ok()) {
        // It may have ended this very moment.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        if timeout(ENDS_WITHIN, player.wait()).await.is_err() {
            player.kill().await?;
        }
    }
    Ok(())
}

/// VLC runs for nobody where we are root; the description, which may hold the key of a share that is over in seconds, is nobody's then.
fn readable(share: &Share, client: &Client) -> Result<()> {
    if client.is_nobody() && client.way != Way::Rtsps {
        std::os::unix::fs::chown(&share.sdp, Some(65_534), None).with_context(|| share.sdp.display().to_string())?;
    }
    Ok(())
}

/// `campari view` joins shares that already run; the last time it stays.
async fn view(board: &mut Board, setting: &Setting, desk: &Path, seconds: u64) -> Result<View> {
    let mut view = View::default();
    for join in 0..JOINS {
        let share = board.grant(Way::Srtp, desk).await?;
        tokio::time::sleep(RUNS).await;
        let lasts_s = if join + 1 == JOINS { seconds } else { JOIN_S };
        let run = tokio::process::Command::new(setting.programs.join("campari"))
            .args(["view", "--json", "--seconds", &lasts_s.to_string(), "--sdp"])
            .arg(&share.sdp)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let run = board.guarded(timeout(Duration::from_secs(lasts_s) + VIEW_GRACE, run)).await?;
        let output = run.context("campari view does not end")?.context("starting campari view")?;
        // It may have left first, which is told as the share's end.
        board.revoke(&share.jti).await?;
        let last = String::from_utf8_lossy(&output.stdout);
        let said: serde_json::Value =
            last.lines().last().and_then(|line| serde_json::from_str(line).ok()).with_context(|| {
                format!("campari view said no JSON: {last}{}", String::from_utf8_lossy(&output.stderr))
            })?;
        view.first_picture_ms.extend(said["first_picture_ms"].as_f64().map(tenth));
        let of = &said["capture_to_subscriber_ms"];
        view.arrival_ms =
            of["p50"].as_f64().zip(of["p99"].as_f64()).zip(of["max"].as_f64()).map(|((a, b), c)| (a, b, c));
        view.pictures = said["pictures"].as_u64().unwrap_or_default();
    }
    ensure!(
        view.first_picture_ms.len() == JOINS,
        "campari view had a picture in {} of {JOINS} shares",
        view.first_picture_ms.len()
    );
    Ok(view)
}
