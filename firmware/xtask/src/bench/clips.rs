//! Benches on whole programs and a clip: the road, the eye against x264, campari-mask against deface.

use super::Setting;
use super::process::{self, Used};
use super::programs::number;
use super::row::{Bar, Row};
use crate::{child, demo, venv, workspace};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// One demo run and what the eye used meanwhile.
fn demo_run(setting: &Setting, clip: Option<PathBuf>, detector: &str, seconds: u32) -> Result<(Value, Used)> {
    let json = setting.kept.join("demo.json");
    std::fs::create_dir_all(&setting.kept).with_context(|| format!("making {}", setting.kept.display()))?;
    let options = demo::Options {
        clip,
        setting: Some(detector.to_owned()),
        seconds: Some(seconds),
        headless: true,
        json: Some(json.clone()),
        out: Some(setting.kept.join("demo")),
        ..demo::Options::default()
    };
    // Before anything is started: a demo that nobody watches would run on.
    let eye = setting.bin_dir.join("campari-eye");
    let eye = eye.canonicalize().with_context(|| format!("{} is not built", eye.display()))?;
    let mut command = demo::command(&options, &setting.bin_dir)?;
    let log = std::fs::File::create(setting.kept.join("demo.log")).context("making the demo's log")?;
    let mut run = command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("starting `{}`", child::line(&command)))?;
    let (status, used) = process::watch(&mut run, &eye)?;
    if !status.success() {
        let said = std::fs::read_to_string(setting.kept.join("demo.log")).unwrap_or_default();
        bail!("campari demo failed ({status}):\n{}", child::tail(&said));
    }
    let text = std::fs::read_to_string(&json).with_context(|| format!("reading {}", json.display()))?;
    Ok((serde_json::from_str(&text).with_context(|| format!("{} is no JSON", json.display()))?, used))
}

/// Grant, revoke, latency, memory: the default scene.
pub(super) fn road(setting: &Setting) -> Result<Vec<Row>> {
    let (json, _) = demo_run(setting, None, "fast", setting.seconds)?;
    let row =
        |name: &str, unit, bar, path: &str| Ok::<Row, anyhow::Error>(Row::new(name, unit, bar, number(&json, path)?));
    Ok(vec![
        row("packets before the grant", "", Bar::AtMost(0.0), "packets_before_grant")?,
        row("grant to first picture", "ms", Bar::AtMost(300.0), "grant_to_first_picture_ms")?,
        row("revoke to last packet", "ms", Bar::AtMost(100.0), "revoke_to_last_packet_ms")?,
        row("capture to packet p50, 720p", "ms", Bar::None, "capture_to_packet_ms.p50")?,
        row("capture to packet p99, 720p", "ms", Bar::None, "capture_to_packet_ms.p99")?,
        row("eye resident", "MB", Bar::AtMost(120.0), "eye_rss_mb")?,
        row("voice resident", "MB", Bar::AtMost(20.0), "voice_rss_mb")?,
    ])
}

/// The whole eye on a 1080p25 clip with two detector settings, and x264 on the same clip without any masking.
pub(super) fn eye(setting: &Setting) -> Result<Vec<Row>> {
    let clip = clip_1080p(setting)?;
    let x264_ms = x264_cpu_ms(&clip)?;
    let mut rows = vec![
        Row::new("x264 ultrafast CPU a frame", "ms", Bar::None, x264_ms).note("to RTP, paced, decoding taken off"),
    ];
    // The bar on CPU speaks of a detector that costs at most 10 ms: `light` here, `fast` on processors with quicker int8 arithmetic.
    for (detector, cpu_bar) in [("fast", Bar::None), ("light", Bar::AtMost(3.0))] {
        rows.extend(eye_with(setting, &clip, detector, cpu_bar, x264_ms)?);
    }
    Ok(rows)
}

fn eye_with(setting: &Setting, clip: &Path, detector: &str, cpu_bar: Bar, x264_ms: f64) -> Result<Vec<Row>> {
    let (json, used) = demo_run(setting, Some(clip.to_owned()), detector, setting.seconds)?;
    let captured = number(&json, "frames.captured")?;
    let dropped = number(&json, "frames.dropped")?;
    anyhow::ensure!(captured > 0.0 && used.cpu_s > 0.0, "the eye was not seen at work");
    let eye_ms = used.cpu_s * 1000.0 / captured;
    let growth = used.rss_end_mb - used.rss_mid_mb;
    let name = |what: &str| format!("eye 1080p25 {detector}, {what}");
    Ok(vec![
        Row::new(&name("frames dropped"), "%", Bar::AtMost(0.0), dropped * 100.0 / captured)
            .note(format!("{dropped} dropped, {captured} captured in the run")),
        Row::new(&name("capture to packet p99"), "ms", Bar::AtMost(60.0), number(&json, "capture_to_packet_ms.p99")?),
        Row::new(&name("growth, second half of the run"), "MB", Bar::AtMost(1.0), growth)
            .note(format!("{} s; the bar speaks of --seconds 600", setting.seconds)),
        Row::new(&name("resident"), "MB", Bar::AtMost(120.0), used.rss_mb),
        Row::new(&name("CPU a frame"), "ms", Bar::None, eye_ms).note("start-up included"),
        Row::new(&name("CPU a frame / x264"), "x", cpu_bar, eye_ms / x264_ms),
    ])
}

/// The scene, larger.
fn clip_1080p(setting: &Setting) -> Result<PathBuf> {
    let clip = setting.kept.join("scene-1080p.mp4");
    if !clip.exists() {
        std::fs::create_dir_all(&setting.kept)?;
        let part = setting.kept.join("scene-1080p.part.mp4");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-y", "-i"]).arg(workspace::scene());
        ffmpeg.args(["-vf", "scale=1920:1080", "-c:v", "libx264", "-preset", "veryfast", "-crf", "20"]).arg(&part);
        child::output(&mut ffmpeg)?;
        std::fs::rename(&part, &clip)?;
    }
    Ok(clip)
}

/// CPU that x264 and RTP take a frame: with them, less without them, both paced as a camera would.
fn x264_cpu_ms(clip: &Path) -> Result<f64> {
    const FRAMES: f64 = 250.0;
    let run = |output: &[&str]| -> Result<f64> {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-hide_banner", "-nostdin", "-nostats", "-benchmark", "-re", "-threads", "1", "-i"]).arg(clip);
        ffmpeg.args(["-an", "-frames:v", &FRAMES.to_string()]).args(output);
        let out = ffmpeg.output().context("starting ffmpeg")?;
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        anyhow::ensure!(out.status.success(), "ffmpeg failed:\n{}", child::tail(&said));
        bench_cpu_s(&said).with_context(|| format!("ffmpeg told no CPU time:\n{}", child::tail(&said)))
    };
    let x264 =
        ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-b:v", "4M", "-g", "50", "-threads", "1"];
    // Port 9 (discard) of this machine: packets are made and sent, nobody has to take them.
    let with = run(&[&x264[..], &["-f", "rtp", "rtp://127.0.0.1:9"]].concat())?;
    let without = run(&["-f", "null", "-"])?;
    Ok((with - without) * 1000.0 / FRAMES)
}

/// Sum of user and system time in `bench: utime=1.234s stime=0.056s rtime=…`.
fn bench_cpu_s(said: &str) -> Option<f64> {
    let line = said.lines().find(|line| line.contains("bench: utime="))?;
    let part = |key: &str| line.split(key).nth(1)?.split('s').next()?.parse::<f64>().ok();
    Some(part("utime=")? + part("stime=")?)
}

/// Frames a second of campari-mask and of deface on the same four seconds of the scene.
pub(super) fn maskfile(setting: &Setting) -> Result<Vec<Row>> {
    const SECONDS: u32 = 4;
    let frames = f64::from(SECONDS) * 25.0;
    let clip = setting.kept.join("scene-short.mp4");
    std::fs::create_dir_all(&setting.kept)?;
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg
        .args(["-v", "error", "-y", "-i"])
        .arg(workspace::scene())
        .args(["-t", &SECONDS.to_string(), "-c", "copy"])
        .arg(&clip);
    child::output(&mut ffmpeg)?;

    let out = setting.kept.join("masked");
    let mut ours = Command::new(setting.bin_dir.join("campari-mask"));
    ours.arg(&clip).arg("--out").arg(&out).arg("--report").arg(setting.kept.join("masked.jsonl"));
    ours.arg("--manifest").arg(workspace::root().join("models/manifest.toml"));
    workspace::equip(&mut ours);
    let ours_fps = frames / timed(&mut ours)?;
    let own = Row::new("campari-mask", "frames/s", Bar::None, ours_fps);

    match venv::deface() {
        Err(error) => {
            Ok(vec![own, Row::missing("campari-mask / deface", &format!("deface could not be had: {error:#}"))])
        }
        Ok(program) => {
            let mut theirs = Command::new(program);
            theirs.arg(&clip).arg("--output").arg(setting.kept.join("deface.mp4"));
            let theirs_fps = frames / timed(&mut theirs)?;
            Ok(vec![
                own,
                Row::new("deface 1.5.0", "frames/s", Bar::None, theirs_fps)
                    .note("CenterFace at 720p, onnxruntime, its defaults"),
                Row::new("campari-mask / deface", "x", Bar::AtLeast(5.0), ours_fps / theirs_fps),
            ])
        }
    }
}

fn timed(command: &mut Command) -> Result<f64> {
    let started = Instant::now();
    child::output(command)?;
    Ok(started.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_from_what_ffmpeg_says() {
        let said = "frame= 250\nbench: utime=1.250s stime=0.250s rtime=10.016s\nbench: maxrss=64000kB\n";
        assert_eq!(bench_cpu_s(said), Some(1.5));
        assert_eq!(bench_cpu_s("nothing"), None);
    }
}
