//! What every story has: the stage around the board, a disk of its own, the machine when it is on.

use crate::Options;
use crate::disk::Disk;
use crate::machine::{Machine, Plan};
use crate::outside::{self, BROKER_PORT, THIS_MACHINE, TimeServer};
use crate::report::{self, Report};
use crate::stick::Stick;
use anyhow::{Context, Result, bail, ensure};
use campari::provision::{self, Board, Camera, Step, Wanted};
use campari::stage::{Certificates, Door, Elsewhere, Role, Said, Scene, Stage};
use contract::body::Presence;
use contract::{EndReason, ErrorCode, Jti};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Longest boot: systemd on an emulated processor, beside other work.
pub(crate) const BOOT_WITHIN: Duration = Duration::from_secs(600);
/// How long a state may take to come about once the board is up; nothing is measured by it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
/// Reading, checking and writing a whole system from a stick, on an emulated processor.
pub(crate) const INSTALL_WITHIN: Duration = Duration::from_secs(900);
/// Pictures that make a share.
const WATCHED: u64 = 10;
/// The image's version.
pub(crate) const VERSION: &str = "1.0";
/// How long a board's certificate is good.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

pub(crate) struct World<'a> {
    pub(crate) options: &'a Options,
    pub(crate) report: &'a mut Report,
    pub(crate) stage: Stage,
    /// Taken away where a board has to do without.
    pub(crate) time: Option<TimeServer>,
    pub(crate) machine: Option<Machine>,
    pub(crate) disk: Disk,
    pub(crate) stick: Option<Stick>,
    /// A share that is running between two steps.
    pub(crate) share: Option<Jti>,
    /// What the battery-backed clock says, when not this machine's time.
    pub(crate) clock: Option<&'static str>,
    /// Every block that the machine writes goes here, too.
    pub(crate) writes: Option<PathBuf>,
    /// Whether it has the development image's shell.
    pub(crate) shell: bool,
    /// The image that the machine's loader comes from.
    pub(crate) image: PathBuf,
    _door: tokio::task::JoinHandle<()>,
}

/// Runs `build.sh`, with what is `set` of the things that it can be asked for.
pub(crate) fn build(options: &Options, version: &str, image: &Path, set: &[&str]) -> Result<()> {
    let mut command = script(options, "build.sh");
    command.arg(&options.cache).arg(&options.programs).arg(&options.tflite).arg(version).arg(image);
    run(command.envs(set.iter().map(|name| (*name, "yes"))))
}

fn script(options: &Options, name: &str) -> Command {
    let mut command = Command::new("bash");
    command.arg(options.root.join("tests/vm/image").join(name));
    command
}

/// Runs a command; what it complained of is the error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("running {}", command.get_program().display()))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// The board's camera and how it is played to; what emulation makes slow is given time, and the report tells that.
fn eye_of_the_machine(device: &str) -> toml::Table {
    let source = toml::toml! { kind = "v4l2" device = (device) width = 640 height = 360 fps = 25 };
    let mut eye = toml::Table::from_iter([("source".to_owned(), source.into())]);
    for (table, key, value) in report::SLOWED {
        if let Some(table) = eye.entry(table).or_insert_with(|| toml::Table::new().into()).as_table_mut() {
            table.insert(key.into(), value.into());
        }
    }
    for (table, key, value) in [("detector", "setting", toml::Value::from("light")), ("detector", "threads", 1.into())]
    {
        if let Some(table) = eye.get_mut(table).and_then(toml::Value::as_table_mut) {
            table.insert(key.into(), value);
        }
    }
    eye
}

impl<'a> World<'a> {
    pub(crate) async fn open(options: &'a Options, report: &'a mut Report) -> Result<Self> {
        let time = TimeServer::start(&options.chronyd, &options.out.join("time"))?;
        let there = Elsewhere {
            this_machine: THIS_MACHINE.into(),
            files: "/etc/campari".into(),
            models: "/usr/share/campari/models".into(),
            eye_state: "/var/lib/campari/eye".into(),
            socket: "/run/campari/eye.sock".into(),
        };
        let scene = Scene::Camera("/dev/campari/vivid".into());
        let stage = Stage::builder(&options.programs, &options.root.join("models"), scene, &options.out.join("stage"));
        let stage = stage.elsewhere(there).start().await?;
        let door = outside::broker_at_its_port(stage.connection(Role::Board).port).await?;
        let disk = Disk::at(&options.out.join("disk.img"));
        let image = options.out.join("image");
        Ok(Self {
            options,
            report,
            stage,
            time: Some(time),
            machine: None,
            disk,
            stick: None,
            share: None,
            clock: None,
            writes: None,
            shell: false,
            image,
            _door: door,
        })
    }

    /// What a technician would state of this board, with its camera at `device`.
    pub(crate) fn wanted(&self, device: &str) -> Result<Wanted> {
        let (tls, parties) = (Certificates::at(&self.stage.paths().root.join("tls")), self.stage.parties());
        let eye = self.out("eye-of-the-machine.toml");
        std::fs::write(&eye, toml::to_string(&eye_of_the_machine(device))?).context("what the eye is told")?;
        Ok(Wanted {
            camera: Camera {
                site: parties.site.clone(),
                camera: parties.camera.clone(),
                name: "A board in a machine".into(),
                place: String::new(),
            },
            broker: format!("{THIS_MACHINE}:{BROKER_PORT}").parse()?,
            broker_ca: tls.ca(),
            policy: self.stage.paths().policy.clone(),
            roots: self.stage.roots(),
            time_servers: vec![THIS_MACHINE.to_string()],
            time_ca: Some(self.out("time").join("ca.pem")),
            eye: Some(eye),
        })
    }

    /// Signs what lies in the folder of a stick, as the city's authority does.
    pub(crate) fn sign(&self, stick: &Path) -> Result<()> {
        let tls = Certificates::at(&self.stage.paths().root.join("tls"));
        provision::sign(stick, &tls.authority(Door::Boards), &tls.authority_key(Door::Boards), YEAR)?;
        Ok(())
    }

    /// A folder of this run's, empty.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.out(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| format!("emptying {}", folder.display()))?;
        }
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(folder)
    }

    /// A disk as it comes from the flasher.
    pub(crate) fn flash(&mut self, image: &Path) -> Result<()> {
        self.machine = None;
        image.clone_into(&mut self.image);
        let mut copy = Command::new("cp");
        run(copy.arg("--sparse=always").arg(image.join("disk.img")).arg(self.disk.file()))
    }

    /// A flashed disk of a board that has its identity.
    pub(crate) fn flash_provisioned(&mut self, device: &str, set: &[&str]) -> Result<()> {
        self.flash(&self.options.out.join("image"))?;
        let identity = self.identity(device)?;
        self.data(&identity, set)
    }

    /// The folder of an identity, made by the code that the board runs.
    pub(crate) fn identity(&self, device: &str) -> Result<PathBuf> {
        let (stick, identity, image) = (self.folder("stick")?, self.folder("identity")?, self.folder("image-etc")?);
        let layer = self.options.root.join("yocto/meta-campari/recipes-campari/campari-config/files");
        for name in ["eye.toml", "voice.toml"] {
            let text = std::fs::read_to_string(layer.join(name)).with_context(|| format!("the layer's {name}"))?;
            std::fs::write(
                image.join(name),
                text.replace("@PROFILE@", "vm").replace("@CAMERA@", "/dev/campari/vivid"),
            )?;
        }
        provision::prepare(&stick, &self.wanted(device)?)?;
        let there =
            Board { identity: identity.clone(), known_as: "/etc/campari".into(), image, voice_uid: None, eye: None };
        let asked = provision::board(&stick, &there)?;
        ensure!(matches!(asked, Step::Asked { .. }), "the board did not ask: {asked:?}");
        self.sign(&stick)?;
        let done = provision::board(&stick, &there)?;
        ensure!(matches!(done, Step::Provisioned { .. }), "the board took nothing: {done:?}");
        Ok(identity)
    }

    /// Writes the data partition, with what is `set` of the things that `data.sh` can be asked for.
    pub(crate) fn data(&self, identity: &Path, set: &[&str]) -> Result<()> {
        let mut command = script(self.options, "data.sh");
        run(command.arg(self.disk.file()).arg(identity).envs(set.iter().map(|name| (*name, "yes"))))
    }

    /// Makes a system and its bundle, NAME.raucb.
    pub(crate) fn system(&self, name: &str, version: &str, set: &[&str]) -> Result<PathBuf> {
        let (image, bundle) = (self.out(&format!("image-{name}")), self.out(&format!("{name}.raucb")));
        let root_only: Vec<&str> = set.iter().copied().chain(["ROOT_ONLY"]).collect();
        build(self.options, version, &image, &root_only)?;
        self.bundle(&image, version, &[], &bundle)?;
        Ok(bundle)
    }

    /// Makes a bundle of what `build` left in `image`.
    pub(crate) fn bundle(&self, image: &Path, version: &str, set: &[(&str, &str)], out: &Path) -> Result<()> {
        let mut command = script(self.options, "bundle.sh");
        command.arg(self.options.cache.join("keys")).arg(image).arg(version).arg(out);
        run(command.envs(set.iter().copied()))
    }

    pub(crate) fn out(&self, name: &str) -> PathBuf {
        self.options.out.join(name)
    }

    /// Switches the machine on; its console goes to `NAME.log`.
    pub(crate) fn power(&mut self, name: &str) -> Result<()> {
        self.machine = Some(Machine::boot(&Plan {
            image: &self.image,
            disk: self.disk.file(),
            console: &self.out(&format!("{name}.log")),
            clock: self.clock,
            writes: self.writes.as_deref(),
            shell: self.shell,
        })?);
        Ok(())
    }

    /// Switches the machine on, and waits until the board says that it is there.
    pub(crate) async fn on(&mut self, name: &str) -> Result<f64> {
        let began = Instant::now();
        self.power(name)?;
        self.stage.ready(BOOT_WITHIN).await?;
        Ok(seconds(began))
    }

    /// Waits until the eye trusts its clock.
    pub(crate) async fn sure(&self) -> Result<()> {
        let sure = |said: &Said| said.eye().is_some_and(|eye| eye.clock_synchronised);
        self.stage.until("a clock that the eye trusts", PATIENCE, sure).await?;
        Ok(())
    }

    /// Pulls the plug, and waits until the broker has told so.
    pub(crate) async fn off(&mut self) -> Result<()> {
        self.machine = None;
        self.offline("the last will").await
    }

    /// Waits until the board is said to be away; one that never came is.
    pub(crate) async fn offline(&self, what: &str) -> Result<()> {
        let away = |said: &Said| said.state.as_ref().is_none_or(|state| state.presence == Presence::Offline);
        self.stage.until(what, PATIENCE, away).await?;
        Ok(())
    }

    /// After a story: nothing of it runs on.
    pub(crate) async fn clear(&mut self) -> Result<()> {
        (self.share, self.clock, self.writes, self.shell) = (None, None, None, false);
        if self.time.is_none() {
            self.time = Some(TimeServer::start(&self.options.chronyd, &self.out("time"))?);
        }
        self.off().await
    }

    pub(crate) fn machine(&mut self) -> Result<&mut Machine> {
        self.machine.as_mut().context("the machine is off")
    }

    /// Everything that was said on the console.
    pub(crate) fn said(&mut self) -> Result<String> {
        self.machine()?.said()
    }

    /// Waits until the console has said `word` so many times, and gives everything that it said.
    pub(crate) async fn hears(&mut self, word: &str, times: usize, within: Duration) -> Result<String> {
        let until = Instant::now() + within;
        loop {
            let said = self.said()?;
            if said.matches(word).count() >= times {
                return Ok(said);
            }
            ensure!(Instant::now() < until, "the console never said `{word}` {times} time(s)");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Puts a stick in, waits until the board is through with it, pulls it out; gives what the board wrote on it.
    pub(crate) async fn offer(&mut self, stick: &Stick, within: Duration) -> Result<String> {
        const DONE: &str = "campari stick: done";
        let before = self.said()?.matches(DONE).count();
        self.machine()?.put_in(stick.file())?;
        self.hears(DONE, before + 1, within).await?;
        self.machine()?.pull_out()?;
        stick.report()
    }

    /// Waits until the loader's counters have all of `words`.
    pub(crate) async fn counted(&self, words: &[&str]) -> Result<String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let counters = self.disk.counters()?;
            if words.iter().all(|word| counters.contains(word)) {
                return Ok(counters.replace('\n', ", "));
            }
            if Instant::now() > until {
                bail!("the loader's counters are still {}", counters.replace('\n', ", "));
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Grants, waits for pictures; gives the share and the milliseconds to the first picture.
    pub(crate) async fn grant(&self) -> Result<(Jti, u64)> {
        let ledger = self.stage.ledger();
        ledger.mark();
        let before = ledger.snapshot().units;
        let granted = Instant::now();
        let mut outcome = self.stage.grant(self.stage.order()).await?;
        // The eye was too slow for the voice's patience, on this machine: whether it was carried out is in `state`.
        while outcome.answer.error.as_ref().is_some_and(|error| error.code == ErrorCode::EyeAbsent) {
            ensure!(granted.elapsed() < PATIENCE, "the eye does not answer: {outcome:?}");
            if self.stage.eye_state().is_ok_and(|eye| eye.shares.iter().any(|share| share.jti == outcome.jti)) {
                outcome.answer.share = Some(outcome.jti.clone());
                break;
            }
            outcome = self.stage.grant(self.stage.order()).await?;
        }
        let share = outcome.answer.share.clone().with_context(|| format!("refused: {outcome:?}"))?;
        let watched = tokio::time::timeout(PATIENCE, ledger.until(|seen| seen.units >= before + WATCHED)).await;
        let seen = watched.with_context(|| format!("only {} pictures came", ledger.snapshot().units - before))?;
        Ok((share, seen.first_key_since_mark.map_or(0, |at| millis(at, granted))))
    }

    /// Waits for a share's end; gives its reason.
    pub(crate) async fn ended(&self, share: &Jti) -> Result<EndReason> {
        let said = self.stage.until("the end", PATIENCE, |said| said.logged(share, "ended").is_some()).await?;
        said.logged(share, "ended").and_then(|logged| logged.log.reason).context("an end without a reason")
    }

    /// Revokes; gives the milliseconds to the last packet.
    pub(crate) async fn revoke(&self, share: Jti) -> Result<u64> {
        let revoked = Instant::now();
        let answer = self.stage.revoke(Some(share.clone())).await?.answer;
        ensure!(answer.ok, "the revoke was refused: {answer:?}");
        let reason = self.ended(&share).await?;
        ensure!(reason == EndReason::Revoked, "ended for {reason:?}");
        let last = self.stage.ledger().snapshot().last_datagram.context("no packet ever came")?;
        Ok(last.saturating_duration_since(revoked).as_millis() as u64)
    }
}

/// Since `began`, to a tenth.
pub(crate) fn seconds(began: Instant) -> f64 {
    (began.elapsed().as_secs_f64() * 10.0).round() / 10.0
}

fn millis(at: Instant, since: Instant) -> u64 {
    at.saturating_duration_since(since).as_millis() as u64
}
