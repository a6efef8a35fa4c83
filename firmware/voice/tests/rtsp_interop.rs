//! Clients that nobody here wrote fetch by RTSP: ffmpeg and GStreamer, over TLS, in clear and over UDP. Each sees the slate, then the picture, then the
//! slate again, in one session, and decodes all of it. The pictures are drawn and encoded by ffmpeg.

#[path = "support/rtsp.rs"]
mod rtsp;
mod support;

use contract::EndReason;
use link::ToEye;
use rtsp::*;
use std::process::Stdio;
use std::time::Duration;
use support::*;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

/// A side of the square pictures that a client hands out, and their bytes.
const SIDE: usize = 8;
const BYTES: usize = SIDE * SIDE;

/// A second of video from ffmpeg, as access units.
async fn drawn(colour: &str) -> Vec<Vec<u8>> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", &format!("color={colour}:size=640x360:rate=25:duration=1")])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline", "-g", "5"])
        .args(["-bsf:v", "dump_extra=freq=keyframe,h264_metadata=aud=insert", "-f", "h264", "-"])
        .stdin(Stdio::null())
        .output()
        .await
        .expect("ffmpeg is not installed: cargo xtask setup");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // An access unit delimiter begins each.
    let delimiter = [0, 0, 0, 1, 9];
    let starts: Vec<usize> =
        (0..output.stdout.len()).filter(|at| output.stdout[*at..].starts_with(&delimiter)).collect();
    let ends = starts.iter().copied().skip(1).chain([output.stdout.len()]);
    let units: Vec<Vec<u8>> = starts.iter().zip(ends).map(|(from, to)| output.stdout[*from..to].to_vec()).collect();
    assert_eq!(units.len(), 25);
    units
}

/// The URL with what a VMS has stored.
fn url(stage: &Stage, secure: bool) -> String {
    let (scheme, port) = if secure { ("rtsps", stage.tls.port()) } else { ("rtsp", stage.plain.port()) };
    format!("{scheme}://{USER}:{PASSWORD}@localhost:{port}/613")
}

fn ffmpeg(stage: &Stage, secure: bool, transport: &str) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "warning", "-rtsp_transport", transport, "-fflags", "nobuffer", "-i", &url(stage, secure)]);
    command.args(["-an", "-vf", &format!("scale={SIDE}:{SIDE},format=gray"), "-fps_mode", "passthrough"]);
    command.args(["-f", "rawvideo", "-flush_packets", "1", "-"]);
    command
}

fn gstreamer(stage: &Stage, secure: bool, transport: &str) -> Command {
    let (scheme, port) = if secure { ("rtsps", stage.tls.port()) } else { ("rtsp", stage.plain.port()) };
    let mut command = Command::new("gst-launch-1.0");
    command.args(["-q", "rtspsrc", &format!("location={scheme}://localhost:{port}/613")]);
    command.args([&format!("user-id={USER}"), &format!("user-pw={PASSWORD}")]);
    command.args([&format!("protocols={transport}"), "latency=100", "tls-validation-flags=0"]);
    command.args(["!", "rtph264depay", "!", "h264parse", "!", "avdec_h264", "!", "videoconvert", "!", "videoscale"]);
    command.args(["!", &format!("video/x-raw,format=GRAY8,width={SIDE},height={SIDE}"), "!", "fdsink", "fd=1"]);
    command
}

/// Waits for a picture as bright as `wanted` says, of a client that hands out raw grey ones.
async fn shows(client: &mut Child, what: &str, wanted: impl Fn(u8) -> bool) {
    let stdout = client.stdout.as_mut().expect("piped");
    patient(what, async {
        loop {
            let mut picture = [0; BYTES];
            stdout
                .read_exact(&mut picture)
                .await
                .unwrap_or_else(|error| panic!("the client ended before {what}: {error}"));
            if wanted(picture[BYTES / 2]) {
                return;
            }
        }
    })
    .await;
}

/// Slate, picture, slate: what a share looks like to a client that knows nothing of it.
async fn sees_all(mut command: Command, mut stage: Stage) {
    let bright = drawn("white").await;
    let mut client = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the client is not installed: cargo xtask setup");
    let (dark, light) = (|grey: u8| grey < 80, |grey: u8| grey > 180);
    shows(&mut client, "the slate", dark).await;
    stage.eye.grant_pull("s1").await;
    stage.eye.hears_joined("s1").await;
    stage.eye.start_pull("s1").await;
    let seen = async {
        shows(&mut client, "the picture", light).await;
        client
    };
    tokio::pin!(seen);
    let mut frames = tokio::time::interval(Duration::from_millis(40));
    let mut units = bright.iter().cycle();
    let mut client = loop {
        tokio::select! {
            client = &mut seen => break client,
            _ = frames.tick() => stage.eye.picture(0, 1, units.next().expect("a cycle")).await,
        }
    };
    stage.eye.end("s1", EndReason::Expired).await;
    shows(&mut client, "the slate again", dark).await;
    client.kill().await.expect("it still ran: the session went on");
}

async fn stage() -> Stage {
    let slate = drawn("black").await.swap_remove(0);
    Stage::with_slate(&pullers(), &slate).await
}

#[tokio::test]
async fn ffmpeg_fetches_over_tls() {
    let stage = stage().await;
    sees_all(ffmpeg(&stage, true, "tcp"), stage).await;
}

#[tokio::test]
async fn ffmpeg_fetches_in_clear_by_digest() {
    let stage = stage().await;
    sees_all(ffmpeg(&stage, false, "tcp"), stage).await;
}

#[tokio::test]
async fn ffmpeg_fetches_over_udp() {
    let stage = stage().await;
    sees_all(ffmpeg(&stage, false, "udp"), stage).await;
}

#[tokio::test]
async fn gstreamer_fetches_over_tls() {
    let stage = stage().await;
    sees_all(gstreamer(&stage, true, "tcp"), stage).await;
}

#[tokio::test]
async fn gstreamer_fetches_in_clear_by_digest() {
    let stage = stage().await;
    sees_all(gstreamer(&stage, false, "tcp"), stage).await;
}

#[tokio::test]
async fn gstreamer_fetches_over_udp() {
    let stage = stage().await;
    sees_all(gstreamer(&stage, false, "udp"), stage).await;
}

/// What the eye is told of a client that goes without a goodbye is tested elsewhere; this one says one.
#[tokio::test]
async fn p9_ffmpeg_that_is_stopped_says_goodbye() {
    let mut stage = stage().await;
    let mut command = ffmpeg(&stage, true, "tcp");
    stage.eye.grant_pull("s1").await;
    let mut client = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("ffmpeg is not installed");
    stage.eye.hears_joined("s1").await;
    shows(&mut client, "the slate", |grey| grey < 80).await;
    let mut stdin = client.stdin.take().expect("piped");
    tokio::io::AsyncWriteExt::write_all(&mut stdin, b"q").await.expect("it reads");
    stage.eye.hear_until(|said, _| (*said == ToEye::ViewerLeft { jti: jti("s1") }).then_some(())).await;
}
