//! The steps: a share from grant to revoke on each kind of camera, the faults that vivid can play, and what the machine says of its confinement.

use crate::machine::Machine;
use crate::pins;
use crate::report::Report;
use crate::scene::Played;
use anyhow::{Context, Result, bail, ensure};
use campari::stage::{Said, Stage};
use contract::body::{PinState, Presence};
use contract::{EndReason, ErrorCode, Jti, Rung};
use e2e::judge::judge;
use e2e::pictures;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a state of the board may take to come about; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(90);
/// Heads and plates below that width are not judged: `light`, the only setting that an emulated processor can afford, works at 352 pixels of these 640
/// and does not find every head of 22.
const NARROWEST_PX: f32 = 26.0;
/// More than this share of a picture masked in vain is no view of a street. At one or two frames a second each mask has grown by as much as a walker
/// goes in a second: 0.23 to 0.51 was seen over six runs, 0.44 in the last, by how fast the emulator happened to be; a picture that is all mask has 1.
const MOST_IN_VAIN: f64 = 0.6;
/// Pictures that are received before they are judged.
const WATCHED: u64 = 40;
/// So many of the pictures at a time of change are not judged: they were on their way.
const ON_THE_WAY: u64 = 3;

/// Everything that plays.
pub(crate) struct Story<'a> {
    pub(crate) stage: Stage,
    pub(crate) machine: Machine,
    pub(crate) report: &'a mut Report,
    pub(crate) played: Played,
}

/// Pictures of the received stream, by their number.
struct Part {
    from: usize,
    to: usize,
}

/// The steps, in their order.
const STEPS: [&str; 14] = [
    "the clock is synchronised by chrony",
    "eye and voice are online and hear the control room",
    "eye and voice are confined",
    "no packet before the grant",
    "a share reaches clear (camera with several memory planes)",
    "a corrupt buffer costs a frame, not the share",
    "a fatal streaming error: dark, reopened, clear again",
    "no signal: dark; signal again: clear",
    "unplugged: dark; plugged in again: clear",
    "revoked: the last packet",
    "a share reaches clear (camera with one memory plane)",
    "the light shows the share; the privacy switch ends it and forbids the next",
    "the switch is off again: a share runs again, and is revoked",
    "tampering is told",
];

impl Story<'_> {
    /// Plays all of it; ends at the first step that fails.
    pub(crate) async fn tell(&mut self) -> Result<()> {
        let mut parts = Vec::new();
        for (at, name) in STEPS.into_iter().enumerate() {
            let started = Instant::now();
            let done = self.play(at, &mut parts).await;
            let detail = done.as_ref().map_or_else(|_| String::new(), Clone::clone);
            if let Err(error) = self.report.told(name, started, done, &detail) {
                STEPS.iter().skip(at + 1).for_each(|name| self.report.not_run(name));
                self.report.not_run("the received pictures show no head or plate");
                self.report.not_run("the journal holds what happened");
                self.report.not_run("an eye that stands still: the watchdog resets the board");
                return Err(error);
            }
        }
        let started = Instant::now();
        let judged = self.judge(&parts).await;
        let detail = judged.as_ref().map_or_else(|_| String::new(), Clone::clone);
        self.report.told("the received pictures show no head or plate", started, judged, &detail)?;
        let started = Instant::now();
        let journal = self.journal();
        let detail = journal.as_ref().map_or_else(|_| String::new(), Clone::clone);
        self.report.told("the journal holds what happened", started, journal, &detail).map(drop)
    }

    async fn play(&mut self, step: usize, parts: &mut Vec<Part>) -> Result<String> {
        match step {
            0 => self.clock(),
            1 => self.online().await,
            2 => self.confined(),
            3 => self.silent(),
            4 | 10 => self.share(step == 10, parts).await,
            5 => self.corrupt().await,
            6 => self.fault("inject_fatal_streaming_error=1").await,
            7 => self.no_signal().await,
            8 => self.unplugged().await,
            9 => self.revoked().await,
            11 => self.privacy().await,
            12 => self.shared_again().await,
            13 => self.tampered().await,
            other => bail!("there is no step {other}"),
        }
    }

    fn clock(&self) -> Result<String> {
        // chrony steps the clock first and then tells the kernel that it is right; the eye asks the kernel.
        let until = Instant::now() + PATIENCE;
        loop {
            let log = self.machine.run("cat /run/chrony.log")?;
            if let Some(line) = log.lines().find(|line| line.contains("Selected source")) {
                let board: u64 = self.machine.run("date +%s")?.trim().parse().context("the board's date")?;
                let here = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
                ensure!(here.abs_diff(board) <= 2, "the board's clock is {} s off", here.abs_diff(board));
                return Ok(line.split_whitespace().skip(1).collect::<Vec<_>>().join(" "));
            }
            ensure!(Instant::now() < until, "chrony has not found the time: {log}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    async fn online(&self) -> Result<String> {
        let eye = self.stage.ready(PATIENCE).await?;
        // chrony tells the kernel when it is sure, which is a while after it has set the clock.
        let sure = |said: &Said| said.eye().is_some_and(|eye| eye.clock_synchronised);
        self.until("the eye holds its clock for synchronised", sure).await?;
        Ok(format!("{}, {:.1} frames a second", eye.model, eye.fps))
    }

    fn confined(&mut self) -> Result<String> {
        let status = |program: &str, key: &str| -> Result<String> {
            let text = self.machine.run(&format!("cat /proc/$(pidof {program})/status"))?;
            let line =
                text.lines().find_map(|line| line.strip_prefix(key)).with_context(|| format!("{key} in {text}"))?;
            Ok(line.trim().to_owned())
        };
        for (program, uid) in [("campari-eye", "970"), ("campari-voice", "971")] {
            ensure!(status(program, "Uid:")?.split_whitespace().all(|id| id == uid), "{program} is not user {uid}");
            ensure!(status(program, "CapEff:")?.trim_start_matches('0').is_empty(), "{program} has capabilities");
        }
        ensure!(status("campari-eye", "Seccomp:")? == "2", "the eye runs without seccomp");
        ensure!(status("campari-eye", "NoNewPrivs:")? == "1", "the eye may gain privileges");
        let network =
            self.machine.run("cat /proc/$(pidof campari-eye)/net/dev | tail -n +3 | grep -v ' *lo:' || true")?;
        ensure!(network.trim().is_empty(), "the eye sees a network: {network}");
        let video = self.machine.run("su voice -s /bin/sh -c 'cat /dev/camera' 2>&1 >/dev/null | head -1; true")?;
        ensure!(video.contains("denied"), "the voice can open the camera: {video}");
        let resident = |program: &str| -> Result<f64> {
            let kib: f64 = status(program, "VmHWM:")?.split_whitespace().next().context("VmHWM")?.parse()?;
            Ok((kib * 1024.0 / 1e5).round() / 10.0)
        };
        let (eye, voice) = (resident("campari-eye")?, resident("campari-voice")?);
        self.report.fact("eye_rss_mb", eye);
        self.report.fact("voice_rss_mb", voice);
        Ok("own users, no capabilities; eye: seccomp, no network, no new privileges; voice: no camera".into())
    }

    fn silent(&self) -> Result<String> {
        let datagrams = self.stage.ledger().snapshot().datagrams;
        ensure!(datagrams == 0, "{datagrams} datagrams came without a grant");
        Ok("0".into())
    }

    /// Grants, waits for `clear`, and watches.
    async fn share(&mut self, single: bool, parts: &mut Vec<Part>) -> Result<String> {
        if single {
            self.other_camera().await?;
        }
        let ledger = self.stage.ledger();
        ledger.mark();
        let granted = Instant::now();
        let outcome = self.stage.grant(self.stage.order()).await?;
        let share = outcome.answer.share.clone().with_context(|| format!("refused: {outcome:?}"))?;
        let first = ledger.until(|seen| seen.first_key_since_mark.is_some()).await;
        let first_ms = first.first_key_since_mark.map_or(0, |at| at.duration_since(granted).as_millis() as u64);
        self.rung(Rung::Clear).await?;
        let from = ledger.snapshot().units + ON_THE_WAY;
        let watched = tokio::time::timeout(PATIENCE, ledger.until(|seen| seen.units >= from + WATCHED)).await;
        let seen = watched.with_context(|| format!("only {} pictures came", ledger.snapshot().units))?;
        parts.push(Part { from: from as usize, to: (from + WATCHED) as usize });
        let kind = if single { "one_plane" } else { "several_planes" };
        self.report.fact(&format!("{kind}_grant_to_first_picture_ms"), first_ms);
        if let Some(latency) = seen.latency_us {
            self.report.fact(&format!("{kind}_capture_to_arrival_p50_ms"), latency.p50 / 1_000);
        }
        let eye = self.stage.eye_state()?;
        self.report.fact(&format!("{kind}_frames_a_second"), f64::from((eye.fps * 10.0).round() / 10.0));
        Ok(format!(
            "share {share}: {WATCHED} pictures at clear, {:.1} frames a second, {} packets lost",
            eye.fps, seen.packets_lost
        ))
    }

    /// The scene is played into the second vivid device, and an eye that is started anew looks there.
    async fn other_camera(&self) -> Result<()> {
        self.machine.run("rm -f /dev/camera; echo 2 >/run/scene; killall v4l2-ctl; killall -9 campari-eye")?;
        let gone = |said: &Said| said.state.as_ref().is_some_and(|state| state.presence == Presence::EyeAbsent);
        self.until("the eye is gone", gone).await?;
        self.stage.ready(PATIENCE).await?;
        Ok(())
    }

    /// One bad buffer.
    async fn corrupt(&self) -> Result<String> {
        let before = self.stage.eye_state()?.counters.frames_dropped;
        self.control("inject_v4l2_buf_flag_error=1")?;
        let dropped = |said: &Said| said.eye().is_some_and(|eye| eye.counters.frames_dropped > before);
        let said = self.until("a dropped frame", dropped).await?;
        let shares = said.eye().map_or(0, |eye| eye.shares.len());
        ensure!(shares == 1, "{shares} shares run after it");
        Ok("the share runs on".into())
    }

    /// A fault of the camera: dark, then clear again without anybody's help.
    async fn fault(&self, control: &str) -> Result<String> {
        self.control(control)?;
        let dark = self.rung(Rung::Dark).await?;
        let why = dark.eye().and_then(|eye| eye.ladder_reason.clone()).unwrap_or_default();
        self.rung(Rung::Clear).await?;
        Ok(format!("\"{why}\""))
    }

    async fn no_signal(&self) -> Result<String> {
        self.control("dv_timings_signal_mode=1")?;
        let dark = self.rung(Rung::Dark).await?;
        let why = dark.eye().and_then(|eye| eye.ladder_reason.clone()).unwrap_or_default();
        let units = self.stage.ledger().snapshot().units;
        self.stage.guarded(self.stage.ledger().until(|seen| seen.units > units + ON_THE_WAY)).await?;
        self.control("dv_timings_signal_mode=0")?;
        self.rung(Rung::Clear).await?;
        Ok(format!("\"{why}\", slates meanwhile"))
    }

    async fn unplugged(&self) -> Result<String> {
        self.machine.run("cd /sys/bus/platform/drivers/vivid && echo vivid.0 >unbind")?;
        let dark = self.rung(Rung::Dark).await?;
        let why = dark.eye().and_then(|eye| eye.ladder_reason.clone()).unwrap_or_default();
        self.machine.run("cd /sys/bus/platform/drivers/vivid && echo vivid.0 >bind")?;
        self.rung(Rung::Clear).await?;
        Ok(format!("\"{why}\""))
    }

    async fn revoked(&mut self) -> Result<String> {
        let share = self.stage.eye_state()?.shares.first().map(|share| share.jti.clone()).context("no share runs")?;
        let at = Instant::now();
        self.end(&share, EndReason::Revoked).await?;
        let last = self.stage.ledger().snapshot().last_datagram.context("no packet ever came")?;
        let after = last.saturating_duration_since(at).as_millis() as u64;
        self.report.fact("revoke_sent_to_last_packet_ms", after);
        Ok(format!("{after} ms after the revoke was sent"))
    }

    /// The lines of the GPIO chip that the kernel holds for the eye.
    fn light(&self, offset: u8) -> Result<bool> {
        let lines = self.machine.run("cat /sys/kernel/debug/gpio")?;
        let chip = lines.split("gpiochip0: GPIOs ").nth(1).context("no gpiochip0 in /sys/kernel/debug/gpio")?;
        let base: u32 = chip.split('-').next().unwrap_or_default().parse().context("the chip's first line")?;
        let name = format!("gpio-{}", base + u32::from(offset));
        let line = chip.lines().find(|line| line.trim_start().starts_with(&name));
        let line = line.with_context(|| format!("nobody holds {name}: {lines}"))?;
        ensure!(line.contains("out"), "{name} is no output: {line}");
        Ok(line.contains("hi"))
    }

    async fn privacy(&mut self) -> Result<String> {
        let share = self.stage.eye_state()?.shares.first().map(|share| share.jti.clone()).context("no share runs")?;
        ensure!(self.light(pins::SHARING)?, "the sharing light is dark while somebody watches");
        let at = Instant::now();
        self.machine.pull(pins::PRIVACY, true)?;
        let said = self.until("the end", |said| said.logged(&share, "ended").is_some()).await?;
        let told = said.logged(&share, "ended").and_then(|logged| logged.log.reason);
        ensure!(told == Some(EndReason::PrivacySwitch), "ended for {told:?}");
        self.rung(Rung::Dark).await?;
        let last = self.stage.ledger().snapshot().last_datagram.context("no packet ever came")?;
        let after = last.saturating_duration_since(at).as_millis() as u64;
        self.report.fact("privacy_switch_to_last_packet_ms", after);
        ensure!(!self.light(pins::SHARING)?, "the sharing light is lit though nobody watches");
        let refused = self.stage.grant(self.stage.order()).await?.answer.error.context("a grant was accepted")?;
        ensure!(refused.code == ErrorCode::PrivacySwitch, "refused for {}", refused.code);
        Ok(format!("last packet {after} ms after the switch; then: \"{refused}\""))
    }

    async fn shared_again(&mut self) -> Result<String> {
        self.machine.pull(pins::PRIVACY, false)?;
        self.until("the ladder has left dark", |said| rung(said).is_some_and(|rung| rung != Rung::Dark)).await?;
        let outcome = self.stage.grant(self.stage.order()).await?;
        let share = outcome.answer.share.clone().with_context(|| format!("refused: {outcome:?}"))?;
        let units = self.stage.ledger().snapshot().units;
        self.stage.guarded(self.stage.ledger().until(|seen| seen.units > units + ON_THE_WAY)).await?;
        self.end(&share, EndReason::Revoked).await?;
        Ok(format!("share {share}"))
    }

    async fn tampered(&mut self) -> Result<String> {
        self.machine.pull(pins::TAMPER, true)?;
        let open = |said: &Said| {
            said.eye().and_then(|eye| eye.pins.as_ref()).is_some_and(|pins| pins.tamper == Some(PinState::On))
        };
        self.until("the state tells that the housing is open", open).await?;
        Ok("in state".into())
    }

    async fn end(&self, share: &Jti, reason: EndReason) -> Result<()> {
        let answer = self.stage.revoke(Some(share.clone())).await?.answer;
        ensure!(answer.ok, "the revoke was refused: {answer:?}");
        let said = self.until("the end", |said| said.logged(share, "ended").is_some()).await?;
        let told = said.logged(share, "ended").and_then(|logged| logged.log.reason);
        ensure!(told == Some(reason), "ended for {told:?}");
        Ok(())
    }

    /// What the subscriber received while the ladder was clear, against what the camera saw.
    async fn judge(&mut self, parts: &[Part]) -> Result<String> {
        let saved = self.stage.subscriber_leaves().await.context("nothing was received")?;
        ensure!(saved.left_out == 0, "{} pictures could not be decoded", saved.left_out);
        let first = self.played.pictures.first().context("no picture was played")?;
        let seen = pictures::decode(&saved.path, first.width, first.height)?;
        let truth: Vec<_> = self.played.truth.iter().collect();
        let part = |part: &Part| part.from..part.to.min(seen.len());
        let watched = parts.iter().flat_map(|p| seen.get(part(p)).unwrap_or_default()).step_by(2);
        let verdict = judge(watched, &self.played.pictures, &truth, NARROWEST_PX);
        self.report.fact("verdict", serde_json::to_value(&verdict)?);
        ensure!(verdict.judged >= 30, "too little to judge: {verdict:?}");
        ensure!(verdict.showing * 50 <= verdict.judged, "heads or plates show: {verdict:?}");
        ensure!(verdict.median_elsewhere_db > 28.0, "the rest is not the scene: {verdict:?}");
        ensure!(verdict.median_masked_in_vain < MOST_IN_VAIN, "most is masked in vain: {verdict:?}");
        Ok(format!("{} of {} heads and plates in {} pictures show", verdict.showing, verdict.judged, verdict.pictures))
    }

    fn journal(&self) -> Result<String> {
        let text = self.machine.run("cat /var/lib/campari/eye/journal*")?;
        let head = journal::verify(format!("{text}\n").as_bytes()).context("the journal does not verify")?;
        for event in ["grant", "ended", "revoked", "privacy-on", "privacy-off", "tampered", "camera-lost"] {
            ensure!(text.contains(&format!("\"{event}")), "the journal has no {event}: {text}");
        }
        Ok(format!("{} entries, chain verified", head.entries))
    }

    fn control(&self, setting: &str) -> Result<()> {
        self.machine.run(&format!("v4l2-ctl -d /dev/camera -c {setting}")).map(drop)
    }

    async fn rung(&self, wanted: Rung) -> Result<Said> {
        self.until(&format!("the ladder stands at {wanted}"), |said| rung(said) == Some(wanted)).await
    }

    async fn until(&self, what: &str, wanted: impl Fn(&Said) -> bool) -> Result<Said> {
        Ok(self.stage.until(what, PATIENCE, wanted).await?)
    }

    /// The last step, after which there is no machine: an eye that does not come round is the watchdog's business.
    pub(crate) fn stopped(&mut self) -> Result<()> {
        let Self { machine, report, .. } = self;
        report.step("an eye that stands still: the watchdog resets the board", || {
            machine.run("killall -STOP campari-eye")?;
            machine.ends(PATIENCE)
        })
    }

    /// The board's own logs, for whoever looks into a failure.
    pub(crate) fn keep_logs(&self, dir: &Path) {
        let kept = std::fs::create_dir_all(dir);
        for name in ["eye", "voice", "scene", "supervisor"] {
            if let (Ok(()), Ok(log)) = (&kept, self.machine.run(&format!("cat /run/log/{name} || true"))) {
                std::fs::write(dir.join(format!("{name}.log")), log).ok();
            }
        }
    }
}

fn rung(said: &Said) -> Option<Rung> {
    let state = said.state.as_ref()?;
    (state.presence == Presence::Online).then(|| state.eye.as_ref().map(|eye| eye.ladder)).flatten()
}
