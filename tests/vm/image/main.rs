//! `image-test`: the image that a technician flashes, as far as it can be had without a board: loader, signed kernel, verified root, systemd with the
//! layer's own units, RAUC, firewall, proven time; broker, control room and subscriber outside. Nobody logs in: everything is seen from outside, as in the field.
//!
//! Run by `cargo xtask image-test`, which builds what it takes. Exit status 1 when a step fails; what comes after it is told as not run.

mod machine;
mod outside;
#[path = "../board/report.rs"]
mod report;

use anyhow::{Context, Result, ensure};
use campari::stage::{Elsewhere, Said, Scene, Stage};
use clap::Parser;
use contract::EndReason;
use contract::body::Presence;
use machine::{Disk, Machine};
use outside::{BROKER_PORT, THIS_MACHINE, TimeServer};
use report::Report;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// Longest boot: systemd on an emulated processor, beside other work.
const BOOT_WITHIN: Duration = Duration::from_secs(300);
/// How long a state may take to come about once the board is up; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(180);
/// Pictures that make a share.
const WATCHED: u64 = 10;
/// The image's version.
const VERSION: &str = "1.0";

/// Boots the image in a virtual machine and holds it to its promises.
#[derive(Parser)]
struct Options {
    /// The repository.
    #[arg(long)]
    root: PathBuf,
    /// Folder of the Arm programs campari-eye and campari-voice.
    #[arg(long)]
    programs: PathBuf,
    /// The TFLite library for Arm.
    #[arg(long)]
    tflite: PathBuf,
    /// chronyd of this machine.
    #[arg(long)]
    chronyd: PathBuf,
    /// What is fetched once and kept.
    #[arg(long)]
    cache: PathBuf,
    /// Where the image, logs and the received stream go.
    #[arg(long)]
    out: PathBuf,
    /// Make the image and end.
    #[arg(long)]
    image_only: bool,
    /// Write what was seen here.
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => {
            eprintln!("error: {cause}");
            return ExitCode::FAILURE;
        }
    };
    let mut report = Report::new();
    let done = runtime.block_on(run(&options, &mut report));
    report.end();
    let written = options.json.as_ref().map_or(Ok(()), |file| report.write(file));
    match done.and(written) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}\nlogs: {}", options.out.display());
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options, report: &mut Report) -> Result<()> {
    let identity = options.out.join("identity");
    // A board's identity is made anew: nothing of an earlier one may lie in it.
    if identity.exists() {
        std::fs::remove_dir_all(&identity).context("the identity of an earlier run")?;
    }
    std::fs::create_dir_all(identity.join("tls")).context("the folder of the identity")?;
    let _time = TimeServer::start(&options.chronyd, &options.out.join("time"), &identity)?;
    let stage = Stage::builder(
        &options.programs,
        &options.root.join("models"),
        Scene::Camera("/dev/campari/vivid".into()),
        &options.out.join("stage"),
    )
    .detector_setting("light")
    .elsewhere(Elsewhere {
        this_machine: THIS_MACHINE.into(),
        files: "/etc/campari".into(),
        models: "/usr/share/campari/models".into(),
        eye_state: "/var/lib/campari/eye".into(),
        socket: "/run/campari/eye.sock".into(),
    })
    .eye(board)
    .start()
    .await?;
    let broker = provision(&stage, &identity)?;
    let _door = outside::broker_at_its_port(broker).await?;
    let image = options.out.join("image");
    report.step("the image is made", || build(options, &identity, &image))?;
    if options.image_only {
        return Ok(());
    }
    let mut test =
        Test { stage, image, out: options.out.clone(), programs: options.programs.clone(), report, machine: None };
    test.play().await
}

/// The board's camera and profile. What emulation makes slow is given time; the report tells that.
fn board(config: &mut toml::Table) {
    let source = toml::toml! { kind = "v4l2" device = "/dev/campari/vivid" width = 640 height = 360 fps = 25 };
    config.insert("source".into(), source.into());
    config.insert("profile".into(), "vm".into());
    for (table, key, value) in report::SLOWED {
        if let Some(table) = config.entry(table).or_insert_with(|| toml::Table::new().into()).as_table_mut() {
            table.insert(key.into(), value.into());
        }
    }
    if let Some(link) = config.get_mut("link").and_then(toml::Value::as_table_mut) {
        link.insert("voice_uid".into(), 971.into());
    }
}

/// Writes what makes a board this board; gives the port at which its broker really listens.
fn provision(stage: &Stage, identity: &Path) -> Result<u16> {
    let paths = stage.paths();
    std::fs::copy(&paths.eye_config, identity.join("eye.toml")).context("the eye's configuration")?;
    std::fs::copy(&paths.policy, identity.join("policy.json")).context("the policy")?;
    let mut voice: toml::Table = toml::from_str(&std::fs::read_to_string(&paths.voice_config)?)?;
    let mqtt = voice.get_mut("mqtt").and_then(toml::Value::as_table_mut).context("[mqtt] of the voice")?;
    let port = mqtt
        .insert("port".into(), i64::from(BROKER_PORT).into())
        .and_then(|port| port.as_integer())
        .context("its port")?;
    // Of all the keys that the stage made, the board gets its own.
    for (_, file) in mqtt.get("tls").and_then(toml::Value::as_table).context("[mqtt.tls] of the voice")? {
        let name = Path::new(file.as_str().unwrap_or_default()).file_name().context("a certificate's name")?;
        std::fs::copy(paths.root.join("tls").join(name), identity.join("tls").join(name))
            .with_context(|| format!("copying {name:?}"))?;
    }
    std::fs::write(identity.join("voice.toml"), toml::to_string(&voice)?).context("the voice's configuration")?;
    u16::try_from(port).context("the broker's port")
}

fn build(options: &Options, identity: &Path, image: &Path) -> Result<()> {
    let mut command = Command::new("bash");
    command
        .arg(options.root.join("tests/vm/image/build.sh"))
        .arg(&options.cache)
        .arg(&options.programs)
        .arg(&options.tflite);
    let output = command.arg(VERSION).arg(identity).arg(image).output().context("running build.sh")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

struct Test<'a> {
    stage: Stage,
    image: PathBuf,
    out: PathBuf,
    programs: PathBuf,
    report: &'a mut Report,
    machine: Option<Machine>,
}

/// The steps, in their order.
const STEPS: [&str; 6] = [
    "the loader takes a signed kernel, the board is online on its verified root",
    "its clock is right, and proven",
    "a share from grant to revoke",
    "marked good by the masking self-test",
    "a bit turned over in the root: noticed, and the other slot starts",
    "a bit turned over in the kernel: the loader does not start it",
];

impl Test<'_> {
    async fn play(&mut self) -> Result<()> {
        for (at, name) in STEPS.into_iter().enumerate() {
            let started = Instant::now();
            let done = match at {
                0 => self.boots().await,
                1 => self.clock().await,
                2 => self.share().await,
                3 => self.good().await,
                4 => self.broken_root().await,
                _ => self.broken_kernel(),
            };
            let detail = done.as_ref().map_or_else(|_| String::new(), Clone::clone);
            if let Err(error) = self.report.told(name, started, done, &detail) {
                STEPS.iter().skip(at + 1).for_each(|name| self.report.not_run(name));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Switches the machine on, and waits until the board says that it is there.
    async fn on(&mut self, console: &str) -> Result<f64> {
        let began = Instant::now();
        self.machine = Some(Machine::boot(&self.image, &self.out.join(console))?);
        self.stage.ready(BOOT_WITHIN).await?;
        Ok((began.elapsed().as_secs_f64() * 10.0).round() / 10.0)
    }

    /// Pulls the plug, and waits until the broker has told so.
    async fn off(&mut self) -> Result<()> {
        self.machine = None;
        let offline = |said: &Said| said.state.as_ref().is_some_and(|state| state.presence == Presence::Offline);
        self.stage.until("the last will", PATIENCE, offline).await?;
        Ok(())
    }

    fn said(&mut self) -> Result<String> {
        self.machine.as_mut().context("the machine is off")?.said()
    }

    async fn boots(&mut self) -> Result<String> {
        let seconds = self.on("console-1.log").await?;
        self.report.fact("boot_to_online_s", seconds);
        let said = self.said()?;
        ensure!(said.contains("campari: slot a"), "the loader did not choose slot a");
        ensure!(said.contains("sha256,rsa4096:campari+ OK"), "the loader did not check the kernel's signature");
        ensure!(!said.contains("login:"), "somebody may log in at the console");
        Ok(format!("{seconds} s from power on"))
    }

    async fn clock(&mut self) -> Result<String> {
        let sure = |said: &Said| said.eye().is_some_and(|eye| eye.clock_synchronised);
        self.stage.until("a clock that the eye trusts", PATIENCE, sure).await?;
        let board = self.stage.eye_state()?.now;
        let here = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
        // State is told every five seconds.
        ensure!(here.abs_diff(board) <= 10, "the board's clock is {} s off", here.abs_diff(board));
        Ok("NTS".into())
    }

    async fn share(&mut self) -> Result<String> {
        let ledger = self.stage.ledger();
        let silent = ledger.snapshot().datagrams;
        ensure!(silent == 0, "{silent} datagrams came without a grant");
        ledger.mark();
        let granted = Instant::now();
        let outcome = self.stage.grant(self.stage.order()).await?;
        let share = outcome.answer.share.clone().with_context(|| format!("refused: {outcome:?}"))?;
        let watched = tokio::time::timeout(PATIENCE, ledger.until(|seen| seen.units >= WATCHED)).await;
        let seen = watched.with_context(|| format!("only {} pictures came", ledger.snapshot().units))?;
        let first_ms = seen.first_key_since_mark.map_or(0, |at| at.duration_since(granted).as_millis() as u64);
        let revoked = Instant::now();
        let answer = self.stage.revoke(Some(share.clone())).await?.answer;
        ensure!(answer.ok, "the revoke was refused: {answer:?}");
        let ended = |said: &Said| said.logged(&share, "ended").is_some();
        let said = self.stage.until("the end", PATIENCE, ended).await?;
        let reason = said.logged(&share, "ended").and_then(|logged| logged.log.reason);
        ensure!(reason == Some(EndReason::Revoked), "ended for {reason:?}");
        let last = ledger.snapshot().last_datagram.context("no packet ever came")?;
        let last_ms = last.saturating_duration_since(revoked).as_millis() as u64;
        self.report.fact("grant_to_first_picture_ms", first_ms);
        self.report.fact("revoke_to_last_packet_ms", last_ms);
        Ok(format!("first picture after {first_ms} ms, last packet {last_ms} ms after the revoke"))
    }

    /// RAUC gives a good slot all its starts back; the loader had taken one.
    async fn good(&mut self) -> Result<String> {
        let disk = Disk::of(&self.image);
        let until = Instant::now() + PATIENCE;
        loop {
            let counters = disk.counters()?;
            if counters.contains("BOOT_A_LEFT=3") {
                return Ok(counters.replace('\n', ", "));
            }
            ensure!(Instant::now() < until, "the loader's counters are still {}", counters.replace('\n', ", "));
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn broken_root(&mut self) -> Result<String> {
        self.off().await?;
        let disk = Disk::of(&self.image);
        // Of the voice, without which a board is not online: a piece of its program.
        let voice = std::fs::read(self.programs.join("campari-voice")).context("the voice's program")?;
        let piece = voice.get(voice.len() / 4..voice.len() / 4 + 64).context("a program of some length")?;
        disk.flip("rootfs-a", piece)?;
        disk.set_counters(1, 3)?;
        let seconds = self.on("console-2.log").await?;
        let said = self.said()?;
        ensure!(
            said.contains("campari: slot a") && said.contains("campari: slot b"),
            "slot b did not start after slot a"
        );
        self.report.fact("broken_root_to_online_s", seconds);
        Ok(format!("online from slot b {seconds} s after power on, with both starts in it"))
    }

    fn broken_kernel(&mut self) -> Result<String> {
        self.machine = None;
        let disk = Disk::of(&self.image);
        let fit = std::fs::read(self.image.join("boot.img")).context("the signed kernel")?;
        let piece = fit.get(fit.len() / 2..fit.len() / 2 + 64).context("a kernel of some length")?;
        disk.flip("boot-a", piece)?;
        disk.set_counters(2, 0)?;
        let console = self.out.join("console-3.log");
        let mut machine = Machine::boot(&self.image, &console)?;
        let until = Instant::now() + BOOT_WITHIN;
        // Twice, as often as the counters allow; then the loader gives both slots their starts back and begins anew.
        while machine.said()?.matches("campari: slot a").count() < 2 {
            ensure!(Instant::now() < until, "the loader does not try again: {}", console.display());
            std::thread::sleep(Duration::from_millis(200));
        }
        let said = machine.said()?;
        ensure!(said.contains("Bad hash") || said.contains("error!"), "the loader says nothing of a broken kernel");
        ensure!(!said.contains("Starting kernel"), "a broken kernel was started");
        Ok("refused, and tried anew".into())
    }
}
