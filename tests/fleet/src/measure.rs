//! One run: a broker, so many boards, their control rooms; all get to know each other, the broker is restarted, all come back.

use crate::figures::{self, Sum};
use crate::plan::{self, Keys, Plan, site};
use crate::traffic::Traffic;
use crate::watch::{self, Desk, Seen, is_ready};
use anyhow::{Context, Result, bail};
use campari::mqtt::{Bus, BusSettings};
use campari::room::{Room, RoomSettings};
use campari::stage::{BrokerFiles, Certificates, Child, Door, Ports, Role};
use campari::trust::{Root, Trust};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::process::{Child as Process, Command};

/// Most boards in one process.
const BOARDS_A_PROCESS: usize = 1250;
/// Open files that a board takes in its process: connection, listener, both ends of the link, and a share's two sockets.
const FILES_A_BOARD: usize = 6;
/// Open files beside the boards'.
const FILES_BESIDE: usize = 200;
/// Between two looks at how many boards are there.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long connections of the control room may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(60);

/// What is to be measured.
#[derive(Debug, Clone)]
pub struct Options {
    /// This program, which runs the boards too.
    pub program: PathBuf,
    /// How many boards.
    pub boards: usize,
    /// How long grants are given before the restart.
    pub steady: Duration,
    /// How long the broker is down.
    pub down: Duration,
    /// Grants a second, at all boards together.
    pub grants_a_second: u32,
    /// How long anything may take before it counts as not happening.
    pub patience: Duration,
}

/// What was measured of one number of boards.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measured {
    /// How many.
    pub boards: usize,
    /// At how many sites, each with a control room of its own.
    pub sites: usize,
    /// Bytes of a site's policy bundle.
    pub policy_bytes: usize,
    /// Load average before anything was started.
    pub load_before: f64,
    /// Load average right after all were back: this run's own load is in it.
    pub load_after: f64,
    /// From the first board's start until the last was online, held the policy, and heard the heartbeat, seconds.
    pub first_online_s: f64,
    /// Memory of all processes with boards, MB of 10^6 bytes, with every board online.
    pub boards_mb: f64,
    /// The same for one board, kB: its voice and its simulated eye with a policy of its own.
    pub board_kb: f64,
    /// The broker's memory then.
    pub broker_mb: f64,
    /// The same after the restart, all boards back.
    pub boards_after_mb: f64,
    /// The broker's, after its restart.
    pub broker_after_mb: f64,
    /// Share of one processor that the broker took while nothing happened but states, heartbeats and grants.
    pub broker_cpu_percent: f64,
    /// The same of all boards.
    pub boards_cpu_percent: f64,
    /// Verdicts then.
    pub steady: Sum,
    /// How long the broker was down, seconds.
    pub down_s: f64,
    /// How many boards were back after the restart.
    pub back: usize,
    /// How many were not.
    pub not_back: usize,
    /// From the moment the restarted broker took connections until the control room had heard from so many boards: (seconds, boards).
    pub returning: Vec<(f64, usize)>,
    /// Until all were back; absent when they were not within the patience.
    pub all_back_s: Option<f64>,
    /// Verdicts between the restart and the last board's return.
    pub storm: Sum,
}

/// A running fleet.
struct Fleet {
    options: Options,
    dir: tempfile::TempDir,
    files: BrokerFiles,
    broker: Child,
    processes: Vec<Process>,
    rooms: Vec<Room>,
    traffic: Traffic,
    policy_bytes: usize,
}

/// Measures.
///
/// # Errors
/// What the machine lacks, or how many boards did not come online.
pub async fn run(options: Options) -> Result<Measured> {
    if options.boards == 0 {
        bail!("a fleet has at least one board");
    }
    open_files(options.boards)?;
    let load_before = figures::load();
    let mut fleet = Fleet::start(options).await?;
    let began = Instant::now();
    fleet.start_boards()?;
    fleet.all_ready().await?;
    let first_online_s = began.elapsed().as_secs_f64();

    let (cpu_before, since) = (fleet.cpu_s(), Instant::now());
    let steady = fleet.grants_for(fleet.options.steady).await;
    let passed_s = since.elapsed().as_secs_f64();
    let cpu_after = fleet.cpu_s();
    let percent = |before: f64, after: f64| 100.0 * (after - before) / passed_s;
    let (boards_mb, broker_mb) = fleet.memory_mb();

    let storm = fleet.restart().await?;
    let (boards_after_mb, broker_after_mb) = fleet.memory_mb();
    let measured = Measured {
        boards: fleet.options.boards,
        sites: fleet.traffic.desks.len(),
        policy_bytes: fleet.policy_bytes,
        load_before,
        load_after: figures::load(),
        first_online_s,
        boards_mb,
        broker_mb,
        boards_after_mb,
        broker_after_mb,
        broker_cpu_percent: percent(cpu_before.0, cpu_after.0),
        boards_cpu_percent: percent(cpu_before.1, cpu_after.1),
        steady: steady.sum(),
        down_s: storm.down_s,
        back: storm.back,
        not_back: fleet.options.boards - storm.back,
        board_kb: boards_mb * 1e3 / fleet.options.boards as f64,
        all_back_s: storm.all_back_s,
        returning: storm.returning,
        storm: storm.verdicts.sum(),
    };
    fleet.stop().await;
    Ok(measured)
}

/// Raises the limit on open files as far as it goes; the broker and the boards' processes inherit it.
fn open_files(boards: usize) -> Result<()> {
    let in_one_process = boards.min(BOARDS_A_PROCESS) * FILES_A_BOARD;
    let wanted = (in_one_process.max(boards) + FILES_BESIDE) as u64;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("reading the limit on open files")?;
    if hard < wanted {
        bail!(
            "{boards} boards need {wanted} open files in one process, the hard limit is {hard}: raise it (ulimit -Hn), or take fewer boards"
        );
    }
    if soft < wanted {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("raising the limit on open files")?;
    }
    Ok(())
}

impl Fleet {
    /// Everything but the boards.
    async fn start(options: Options) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("campari-fleet-").tempdir().context("a folder for the fleet")?;
        let certificates = plan::certificates(&dir.path().join("tls"), options.boards)?;
        let keys = Arc::new(Keys::make());
        let mut plan = Plan {
            boards: options.boards,
            tls: certificates.dir().to_owned(),
            links: dir.path().join("links"),
            port: 0,
            roots: keys.roots(),
        };
        std::fs::create_dir_all(&plan.links)?;
        let sites: Vec<_> = (0..plan.sites()).map(site).collect();
        let files = BrokerFiles::write(&dir.path().join("broker"), &certificates, &sites)?.keeping()?;
        let broker = files.start(dir.path()).await?;
        plan.port = files.ports.of(Door::Boards);
        std::fs::write(plan_file(dir.path()), serde_json::to_vec(&plan)?)?;

        let seen: Seen = Arc::new(Mutex::new(vec![None; options.boards]));
        let mut desks = Vec::new();
        let mut rooms = Vec::new();
        let mut policy_bytes = 0;
        let office = open(&certificates, files.ports, Role::PolicyOffice).await?;
        for (number, own) in sites.iter().enumerate() {
            let bundle = keys.bundle(number, options.boards)?;
            policy_bytes = policy_bytes.max(bundle.len());
            rooms.push(room(number, &certificates, files.ports, &keys, &bundle)?);
            office.publish(&format!("campari/v1/{own}/policy"), bundle, true)?;
            desks.push(Desk::open(number, &certificates, files.ports.of(Door::ControlRoom), &seen)?);
        }
        for desk in &desks {
            desk.bus.ready(CONNECT_WITHIN).await?;
        }
        office.close().await;
        let traffic = Traffic { desks: Arc::new(desks), seen, keys, a_second: options.grants_a_second };
        Ok(Self { options, dir, files, broker, processes: Vec::new(), rooms, traffic, policy_bytes })
    }

    fn start_boards(&mut self) -> Result<()> {
        let log = std::fs::File::create(self.dir.path().join("boards.log")).context("the boards' log")?;
        for from in (0..self.options.boards).step_by(BOARDS_A_PROCESS) {
            let to = (from + BOARDS_A_PROCESS).min(self.options.boards);
            // The boards' processors are not the broker's: here they get what it leaves.
            let mut command = Command::new("nice");
            command
                .args(["-n", "9"])
                .arg(&self.options.program)
                .arg("boards")
                .arg("--plan")
                .arg(plan_file(self.dir.path()));
            command.args(["--from", &from.to_string(), "--to", &to.to_string()]);
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log.try_clone()?).kill_on_drop(true);
            self.processes.push(command.spawn().context("starting boards")?);
        }
        Ok(())
    }

    async fn all_ready(&mut self) -> Result<()> {
        let began = Instant::now();
        loop {
            let ready = watch::lock(&self.traffic.seen).iter().flatten().filter(|eye| is_ready(eye)).count();
            if ready == self.options.boards {
                return Ok(());
            }
            self.still_there()?;
            if began.elapsed() > self.options.patience {
                bail!(
                    "{ready} of {} boards were ready within {} s",
                    self.options.boards,
                    self.options.patience.as_secs()
                );
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn still_there(&mut self) -> Result<()> {
        for process in &mut self.processes {
            if let Some(status) = process.try_wait()? {
                let said = std::fs::read_to_string(self.dir.path().join("boards.log")).unwrap_or_default();
                let last: Vec<&str> = said.lines().rev().take(10).collect();
                bail!("a process with boards ended ({status}); it said last:\n{}", last.join("\n"));
            }
        }
        Ok(())
    }

    async fn grants_for(&self, time: Duration) -> figures::Verdicts {
        let (tell, enough) = tokio::sync::watch::channel(false);
        let wait = async {
            tokio::time::sleep(time).await;
            tell.send_replace(true);
        };
        tokio::join!(self.traffic.run(0, enough), wait).0
    }

    /// Restarts the broker and waits until every board has been heard of again.
    async fn restart(&mut self) -> Result<Storm> {
        let stopped = Instant::now();
        self.broker.stop().await;
        tokio::time::sleep(self.options.down.saturating_sub(stopped.elapsed())).await;
        self.broker = self.files.start(self.dir.path()).await?;
        let (up, up_s) = (Instant::now(), campari::clock::unix_s());
        let down_s = (up - stopped).as_secs_f64();
        let (tell, enough) = tokio::sync::watch::channel(false);
        let boards = self.options.boards;
        let (seen, patience) = (Arc::clone(&self.traffic.seen), self.options.patience);
        let count = async {
            let mut returning: Vec<(f64, usize)> = Vec::new();
            let all = loop {
                let back = watch::back_since(&seen, up_s);
                if returning.last().is_none_or(|(_, before)| *before != back) {
                    returning.push((up.elapsed().as_secs_f64(), back));
                }
                if back == boards || up.elapsed() > patience {
                    break back == boards;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            };
            // One beat of grants at least, however quick they were.
            if all {
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
            tell.send_replace(true);
            let all_back_s = returning.last().filter(|_| all).map(|(after_s, _)| *after_s);
            let back = returning.last().map_or(0, |(_, back)| *back);
            (returning, back, all_back_s)
        };
        let (verdicts, (returning, back, all_back_s)) = tokio::join!(self.traffic.run(up_s, enough), count);
        Ok(Storm { down_s, returning, back, all_back_s, verdicts })
    }

    fn memory_mb(&self) -> (f64, f64) {
        let mb = |kib: u64| kib as f64 * 1024.0 / 1e6;
        let boards = self.processes.iter().filter_map(Process::id).map(figures::resident_kib).sum();
        (mb(boards), mb(figures::resident_kib(self.broker.pid())))
    }

    /// Processor time of the broker and of the boards.
    fn cpu_s(&self) -> (f64, f64) {
        let boards = self.processes.iter().filter_map(Process::id).map(figures::cpu_s).sum();
        (figures::cpu_s(self.broker.pid()), boards)
    }

    async fn stop(mut self) {
        for process in &mut self.processes {
            // Its standard input closes with it.
            drop(process.stdin.take());
            let _gone = process.wait().await;
        }
        for room in self.rooms {
            room.stop().await;
        }
        self.broker.stop().await;
    }
}

struct Storm {
    down_s: f64,
    returning: Vec<(f64, usize)>,
    back: usize,
    all_back_s: Option<f64>,
    verdicts: figures::Verdicts,
}

fn plan_file(dir: &Path) -> PathBuf {
    dir.join("plan.json")
}

async fn open(certificates: &Certificates, ports: Ports, role: Role) -> Result<Bus> {
    let settings = BusSettings { client_id: role.user().into(), ..BusSettings::default() };
    let bus = Bus::open(&certificates.connection(role, ports), settings)?;
    bus.ready(CONNECT_WITHIN).await?;
    Ok(bus)
}

fn room(number: usize, certificates: &Certificates, ports: Ports, keys: &Keys, bundle: &[u8]) -> Result<Room> {
    let roots: Vec<_> = keys.roots().into_iter().map(|(kid, x)| Root { kid, x }).collect();
    let own = site(number);
    Ok(Room::start(RoomSettings {
        broker: certificates.connection(Role::Room, ports),
        client_id: format!("room-{own}"),
        trust: Trust::new(bundle, &roots, &own)?,
        site: own,
        key: keys.room.clone(),
        memory: None,
        busy: false,
    })?)
}

/// The broker's own word on its version.
#[must_use]
pub fn broker_version() -> String {
    let run = |program: &str| std::process::Command::new(program).arg("-h").output().ok();
    let said = ["mosquitto", "/usr/sbin/mosquitto"].into_iter().find_map(run).map(|out| out.stdout).unwrap_or_default();
    String::from_utf8_lossy(&said).lines().next().unwrap_or_default().to_owned()
}

/// This program, to run the boards.
///
/// # Errors
/// A system that does not say.
pub fn own_program() -> Result<PathBuf> {
    std::env::current_exe().context("where this program lies")
}

/// How many processors all of it shares.
#[must_use]
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
