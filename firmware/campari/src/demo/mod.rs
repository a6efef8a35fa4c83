//! The whole road in half a minute: nothing before the grant, a masked picture during it, nothing after the revoke.

mod hold;
mod report;
mod timeline;

pub use hold::hold;
pub use report::{Frames, Ladder, Received, Report, STOP_WITHIN};
pub use timeline::{Sink, Timeline, Tone};

use crate::command::{AskOrder, CommandError};
use crate::media::{self, Decoded, MediaError};
use crate::receive::{Reception, SavedStream};
use crate::stage::{Said, Scene, Stage, StageError};
use contract::body::{EyeState, Latency, State};
use contract::{EndReason, Filter, Jti, Rung};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the subscriber listens before anybody grants.
const BEFORE: Duration = Duration::from_secs(3);
/// How long it listens after the revoke.
const AFTER: Duration = Duration::from_secs(2);
/// How long programs may take to be ready: the model is loaded, the scene opened.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long the first picture may take before we stop waiting for it.
const PICTURE_WITHIN: Duration = Duration::from_secs(10);
/// How long the board may take to say that a share ended (P9).
const TOLD_WITHIN: Duration = Duration::from_secs(5);
/// For how long the subscriber asks, and how much longer it gets. It is over sooner here.
const ASKED_FOR: Duration = Duration::from_secs(15 * 60);
/// Between two renewals of the line that lives.
const LIVE_EVERY: Duration = Duration::from_millis(250);

/// What to demonstrate.
#[derive(Debug, Clone)]
pub struct DemoSettings {
    /// Folder of `campari-eye` and `campari-voice`.
    pub programs: PathBuf,
    /// Folder of the models' `manifest.toml`.
    pub models: PathBuf,
    /// What the camera looks at.
    pub scene: Scene,
    /// Where the results go.
    pub out: PathBuf,
    /// How long the subscriber watches.
    pub watch: Duration,
    /// The filter asked for.
    pub filter: Filter,
    /// Which of the manifest's models looks.
    pub detector: String,
    /// Largest face of the view, share of the picture's width.
    pub largest_face: f32,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The stage.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// ffmpeg.
    #[error(transparent)]
    Media(#[from] MediaError),
}

/// What was measured while the stage played.
struct Played {
    before: Reception,
    granted_at: Instant,
    first_key: Option<Instant>,
    revoked_at: Instant,
    told_at: Option<Instant>,
    ended: Option<EndReason>,
    state: Option<State>,
    seen: Reception,
    eye_rss_mb: Option<f64>,
    voice_rss_mb: Option<f64>,
    filter: Filter,
}

/// Plays everything and leaves `contact-sheet.png`, `subscriber.mp4` and `logs/` in [`DemoSettings::out`].
///
/// # Errors
/// [`DemoError`]; a broken promise is no error but in [`Report::broken`].
pub async fn run(settings: &DemoSettings, timeline: &mut Timeline) -> Result<Report, DemoError> {
    media::look()?;
    let out =
        std::path::absolute(&settings.out).map_err(|cause| StageError::File { path: settings.out.clone(), cause })?;
    let logs = out.join("logs");
    let logged = ["broker", "eye", "voice"].map(|name| logs.join(format!("{name}.log")));
    clear(logged.iter().chain(&[out.join("contact-sheet.png"), out.join("subscriber.mp4")]))?;
    timeline.tell(Tone::Quiet, "setting the stage: keys, certificates, policy, configuration");
    let largest_face = settings.largest_face;
    let stage = Stage::builder(&settings.programs, &settings.models, settings.scene.clone(), &out.join("stage"))
        .logs(&logs)
        .detector_setting(&settings.detector)
        .policy(move |policy| policy.views.iter_mut().for_each(|view| view.largest_face = Some(largest_face)))
        .start()
        .await?;
    let played = play(&stage, settings, timeline).await;
    timeline.now(|| "everything ends in good order".into());
    let saved = stage.stop().await;
    let played = played?;
    let report = tell_results(&played, saved, &out, timeline).await;
    timeline.settle();
    report
}

/// Takes away what an earlier run left, file by file.
fn clear<'a>(old: impl Iterator<Item = &'a PathBuf>) -> Result<(), StageError> {
    for path in old {
        match std::fs::remove_file(path) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(StageError::File { path: path.clone(), cause });
            }
            _ => {}
        }
    }
    Ok(())
}

async fn play(stage: &Stage, settings: &DemoSettings, timeline: &mut Timeline) -> Result<Played, StageError> {
    let ledger = stage.ledger();
    timeline.tell(Tone::Plain, "broker: Mosquitto, TLS, one certificate and one set of topics per role");
    timeline
        .tell(Tone::Plain, &format!("subscriber: listens on UDP {}, nothing granted yet", stage.subscriber_address()));
    timeline.now(|| "eye, voice and control room start".into());
    let eye = stage.ready(READY_WITHIN).await?;
    timeline.tell(Tone::Plain, &looks(&settings.scene, &eye));
    timeline.tell(Tone::Plain, &format!("eye: {}", told_rung(eye.ladder)));
    timeline.tell(Tone::Plain, "control room: its signed heartbeat reaches the eye every 2 s");
    let mut rung = Some(eye.ladder);
    listen(stage, timeline, &mut rung, BEFORE, "no grant, no picture").await?;
    let before = ledger.snapshot();
    let early = before.datagrams + before.control_datagrams;
    let (tone, verdict) = if early == 0 { (Tone::Good, "") } else { (Tone::Bad, " (P1 is broken)") };
    timeline.tell(tone, &format!("subscriber: {early} packets before the grant{verdict}"));

    let (bus, _events) = stage.guarded(stage.subscriber_bus()).await??;
    let wish = AskOrder { filter: Some(settings.filter), ..stage.wish(ASKED_FOR) };
    let minutes = ASKED_FOR.as_secs() / 60;
    let subscriber = &stage.parties().subscriber;
    timeline.tell(
        Tone::Act,
        &format!("traffic manager: asks for camera {} at the {}, {minutes} minutes", stage.parties().camera, wish.view),
    );
    let asked = stage.guarded(stage.booth(&bus).ask(wish)).await??;
    if let Some(refusal) = asked.answer.error.clone() {
        return Err(refusal.into());
    }
    let found = |said: &Said| said.inbox.requests.iter().any(|open| open.jti == asked.jti);
    let said = stage.until("the request is in the control room's inbox", TOLD_WITHIN, found).await?;
    let Some(open) = said.inbox.requests.into_iter().find(|open| open.jti == asked.jti) else {
        return Err(CommandError::NoSuchRequest { request: asked.jti, camera: None }.into());
    };
    let waits_s = open.until.saturating_sub(open.asked_at);
    timeline.tell(Tone::Plain, &format!("control room: {subscriber}'s request waits, at most {waits_s} s"));

    ledger.mark();
    timeline.tell(
        Tone::Act,
        &format!("centralist: grants it, as {subscriber} signed it: filter {} or stronger", settings.filter),
    );
    let granted = stage.grant_request(&open).await?;
    if let Some(refusal) = granted.answer.error.clone() {
        return Err(refusal.into());
    }
    let jti = granted.jti.clone();
    timeline.tell(Tone::Plain, &format!("eye: signature, challenge, policy and window hold; share {jti} may begin"));
    let picture =
        tokio::time::timeout(PICTURE_WITHIN, stage.guarded(ledger.until(|seen| seen.first_key_since_mark.is_some())));
    let first_key = picture.await.ok().transpose()?.and_then(|seen| seen.first_key_since_mark);
    match first_key {
        Some(at) => {
            timeline.tell(
                Tone::Good,
                &format!("subscriber: first picture {:.0} ms after the grant", ms(at - granted.sent_at)),
            );
        }
        None => timeline.tell(Tone::Bad, &format!("subscriber: no picture within {} s", PICTURE_WITHIN.as_secs())),
    }
    listen(stage, timeline, &mut rung, settings.watch / 2, "watching").await?;
    let closes = stage.eye_state()?.shares.iter().find(|share| share.jti == jti).map(|share| share.exp);
    if let Some(exp) = closes {
        timeline.tell(Tone::Act, &format!("centralist: extends it by {minutes} minutes"));
        let pictures = ledger.snapshot().units;
        let extended = stage.extend(jti.clone(), exp + ASKED_FOR.as_secs()).await?;
        if let Some(refusal) = extended.answer.error.clone() {
            return Err(refusal.into());
        }
        listen(stage, timeline, &mut rung, settings.watch - settings.watch / 2, "watching").await?;
        let more = ledger.snapshot().units - pictures;
        timeline.tell(Tone::Plain, &format!("subscriber: watches on, {more} pictures since, no new session"));
    }

    timeline.tell(Tone::Act, "centralist: revokes");
    let revoked = stage.revoke(Some(jti.clone())).await?;
    if let Some(refusal) = revoked.answer.error.clone() {
        timeline.tell(Tone::Bad, &format!("eye: {refusal}"));
    }
    let told = stage
        .until("the board logs the end of the share", TOLD_WITHIN, |said| said.logged(&jti, "ended").is_some())
        .await;
    listen(stage, timeline, &mut rung, AFTER, "nothing may come any more").await?;
    let moments = Moments { before, granted_at: granted.sent_at, first_key, revoked_at: revoked.sent_at };
    Ok(finish(stage, &jti, moments, told.is_ok(), settings.filter))
}

struct Moments {
    before: Reception,
    granted_at: Instant,
    first_key: Option<Instant>,
    revoked_at: Instant,
}

fn finish(stage: &Stage, jti: &Jti, moments: Moments, told: bool, asked: Filter) -> Played {
    let said = stage.said();
    let ended = said.logged(jti, "ended").filter(|_| told);
    Played {
        before: moments.before,
        granted_at: moments.granted_at,
        first_key: moments.first_key,
        revoked_at: moments.revoked_at,
        told_at: ended.map(|logged| logged.at),
        ended: ended.and_then(|logged| logged.log.reason),
        seen: stage.ledger().snapshot(),
        eye_rss_mb: stage.eye().and_then(crate::stage::Child::peak_rss_mb),
        voice_rss_mb: stage.voice().and_then(crate::stage::Child::peak_rss_mb),
        filter: said.filter(jti).unwrap_or(asked),
        state: said.state,
    }
}

/// Lets time pass, and tells of every change of rung meanwhile.
async fn listen(
    stage: &Stage,
    timeline: &mut Timeline,
    rung: &mut Option<Rung>,
    lasts: Duration,
    doing: &str,
) -> Result<(), StageError> {
    let until = tokio::time::Instant::now() + lasts;
    let ledger = stage.ledger();
    let mut look = tokio::time::interval(LIVE_EVERY);
    let mut said = stage.board().said();
    loop {
        let eye = stage.said().eye().cloned();
        if let Some(eye) = &eye
            && rung.replace(eye.ladder).is_some_and(|before| before != eye.ladder)
        {
            let reason = eye.ladder_reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            let tone = if eye.ladder == Rung::Clear { Tone::Plain } else { Tone::Bad };
            timeline.tell(tone, &format!("eye: {}{reason}", told_rung(eye.ladder)));
        }
        timeline.now(|| live_line(doing, eye.as_ref(), &ledger.snapshot(), until));
        let wait = async {
            tokio::select! {
                () = tokio::time::sleep_until(until) => true,
                _ = look.tick() => false,
                changed = said.changed() => changed.is_err() && { std::future::pending::<()>().await; false },
            }
        };
        if stage.guarded(wait).await? {
            return Ok(());
        }
    }
}

fn looks(scene: &Scene, eye: &EyeState) -> String {
    let scene = match scene {
        Scene::Clip(file) => file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned(),
        Scene::Camera(device) => device.display().to_string(),
    };
    format!("eye: looks at {scene}, masks with {} at {:.0} fps", eye.model, eye.fps)
}

fn told_rung(rung: Rung) -> &'static str {
    match rung {
        Rung::Clear => "clear: the masks are of this very frame",
        Rung::Cautious => "cautious: masks are held and grown",
        Rung::Covered => "covered: the whole picture is coarse",
        Rung::Dark => "dark: the slate instead of a picture",
    }
}

fn live_line(doing: &str, eye: Option<&EyeState>, seen: &Reception, until: tokio::time::Instant) -> String {
    let left = until.saturating_duration_since(tokio::time::Instant::now()).as_secs();
    let eye = eye.map_or_else(
        || "the board is away".into(),
        |eye| format!("{} · {:.0} fps · {} objects masked", eye.ladder, eye.fps, eye.counters.objects_masked),
    );
    let latency = seen.latency_us.map(|us| format!(" · {:.0} ms", us.p50 as f64 / 1e3)).unwrap_or_default();
    format!("{doing} · {eye} · {} pictures received{latency} · {left} s", seen.units)
}

fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e4).round() / 10.0
}

async fn tell_results(
    played: &Played,
    saved: Option<SavedStream>,
    out: &Path,
    timeline: &mut Timeline,
) -> Result<Report, DemoError> {
    let seen = &played.seen;
    let after = seen.last_datagram.map_or(Duration::ZERO, |last| last.saturating_duration_since(played.revoked_at));
    let (tone, which) = if after > STOP_WITHIN { (Tone::Bad, " (P4 is broken)") } else { (Tone::Good, "") };
    timeline.tell(tone, &format!("subscriber: last packet {:.0} ms after the revoke, nothing since{which}", ms(after)));
    if let (Some(reason), Some(at)) = (played.ended, played.told_at) {
        timeline.tell(
            Tone::Plain,
            &format!(
                "control room: told \"{reason}\" {:.0} ms after the revoke",
                ms(at.saturating_duration_since(played.revoked_at))
            ),
        );
    }
    timeline.now(|| "ffmpeg decodes what the subscriber received".into());
    let decoded = match &saved {
        Some(stream) if stream.pictures > 0 => media::decode(&stream.path).await?,
        _ => Decoded { pictures: 0, errors: Vec::new() },
    };
    let (mut sheet, mut video) = (None, None);
    if let Some(stream) = saved.as_ref().filter(|_| decoded.pictures > 0) {
        let to = out.join("subscriber.mp4");
        media::clip(stream, &to).await?;
        let picture = out.join("contact-sheet.png");
        media::contact_sheet(&to, stream.seconds(), &picture).await?;
        (sheet, video) = (Some(picture), Some(to));
    }
    let mut report = report_of(played, saved.as_ref(), &decoded);
    (report.contact_sheet, report.clip) = (sheet, video);
    report.judge();
    summary(&report, timeline);
    Ok(report)
}

fn report_of(played: &Played, saved: Option<&SavedStream>, decoded: &Decoded) -> Report {
    let seen = &played.seen;
    let counters =
        played.state.as_ref().and_then(|state| state.eye.as_ref()).map(|eye| eye.counters).unwrap_or_default();
    let at_subscriber = seen.latency_us.map(|us| Latency {
        p50: us.p50 as f64 / 1e3,
        p99: us.p99 as f64 / 1e3,
        max: us.max as f64 / 1e3,
    });
    let of_voice = played.state.as_ref().and_then(|state| state.voice).filter(|voice| voice.pictures > 0);
    let after = seen.last_datagram.map_or(Duration::ZERO, |last| last.saturating_duration_since(played.revoked_at));
    let round_mb = |mb: f64| (mb * 10.0).round() / 10.0;
    Report {
        packets_before_grant: played.before.datagrams + played.before.control_datagrams,
        grant_to_first_picture_ms: played.first_key.map(|at| ms(at - played.granted_at)),
        capture_to_packet_ms: of_voice.map(|voice| voice.capture_to_packet_ms).or(at_subscriber),
        revoke_to_last_packet_ms: ms(after),
        pictures_decoded: decoded.pictures,
        objects_masked: counters.objects_masked,
        frames: (&counters).into(),
        ladder: (&counters).into(),
        eye_rss_mb: played.eye_rss_mb.map(round_mb),
        voice_rss_mb: played.voice_rss_mb.map(round_mb),
        broken: Vec::new(),
        measured_by: if of_voice.is_some() { "voice" } else { "subscriber" },
        capture_to_subscriber_ms: at_subscriber,
        filter: played.filter,
        ended: played.ended.map(|reason| reason.to_string()),
        revoke_to_told_ms: played.told_at.map(|at| ms(at.saturating_duration_since(played.revoked_at))),
        received: Received {
            packets: seen.packets,
            packets_lost: seen.packets_lost,
            pictures: seen.units,
            jitter_ms: (seen.jitter_ms * 100.0).round() / 100.0,
            megabits_per_s: seen.megabits_per_s().map(|rate| (rate * 100.0).round() / 100.0),
            fps: saved.and_then(SavedStream::fps).map(|fps| (fps * 100.0).round() / 100.0),
        },
        misses_bridged: counters.misses_bridged,
        decode_errors: decoded.errors.clone(),
        contact_sheet: None,
        clip: None,
    }
}

fn summary(report: &Report, timeline: &mut Timeline) {
    let latency = |latency: Option<Latency>| {
        latency.map_or_else(
            || "not measured".into(),
            |l| format!("p50 {:.0} ms, p99 {:.0} ms, slowest {:.0} ms", l.p50, l.p99, l.max),
        )
    };
    let mb = |mb: Option<f64>| mb.map_or_else(|| "?".into(), |mb| format!("{mb:.0} MB"));
    let Ladder { clear, cautious, covered, dark } = report.ladder;
    timeline.say(Tone::Plain, "");
    for (name, value) in [
        ("masked", format!("{} heads and plates, filter {}", report.objects_masked, report.filter)),
        (
            "held by tracks",
            format!("{} times the detector missed what a track masked until it was seen again", report.misses_bridged),
        ),
        (
            "capture to packet",
            format!("{} (measured by the {})", latency(report.capture_to_packet_ms), report.measured_by),
        ),
        ("capture to subscriber", latency(report.capture_to_subscriber_ms)),
        ("frames", format!("{} captured, {} dropped", report.frames.captured, report.frames.dropped)),
        ("ladder", format!("clear {clear:.1} s, cautious {cautious:.1} s, covered {covered:.1} s, dark {dark:.1} s")),
        (
            "received",
            format!(
                "{} pictures in {} packets, {} lost, jitter {:.1} ms",
                report.received.pictures,
                report.received.packets,
                report.received.packets_lost,
                report.received.jitter_ms
            ),
        ),
        ("decoded", format!("{} pictures, {} errors", report.pictures_decoded, report.decode_errors.len())),
        ("memory", format!("eye {}, voice {}", mb(report.eye_rss_mb), mb(report.voice_rss_mb))),
    ] {
        timeline.say(Tone::Plain, &format!("  {name:<22} {value}"));
    }
    timeline.say(Tone::Plain, "");
    for broken in &report.broken {
        timeline.say(Tone::Bad, &format!("  broken: {broken}"));
    }
    if report.broken.is_empty() {
        timeline.say(Tone::Good, "  no picture before the grant, masked pictures during it, nothing after the revoke");
    }
    for (what, path) in [("what the subscriber saw", &report.contact_sheet), ("the same as a clip", &report.clip)] {
        if let Some(path) = path {
            timeline.say(Tone::Plain, &format!("  {what:<24} {}", path.display()));
        }
    }
}
