//! Clients that nobody here wrote fetch by RTSP: ffmpeg and GStreamer, over TLS, in clear and over UDP. Each sees the slate, then the picture, then the
//! slate again, in one session, and decodes all of it. The pictures are drawn and encoded by ffmpeg.

#[path = "support/drawn.rs"]
mod drawn;
#[path = "support/rtsp.rs"]
mod rtsp;
mod support;

use contract::EndReason;
use drawn::*;
use link::{Codec, ToEye};
use rtsp::*;
use std::process::Stdio;
use std::time::Duration;
use support::*;
use tokio::process::Command;

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
    gstreamer_of("264", stage, secure, transport)
}

fn gstreamer_of(codec: &str, stage: &Stage, secure: bool, transport: &str) -> Command {
    let elements = ["depay", "parse"].map(|element| match element {
        "depay" => format!("rtph{codec}depay"),
        _ => format!("h{codec}parse"),
    });
    let (scheme, port) = if secure { ("rtsps", stage.tls.port()) } else { ("rtsp", stage.plain.port()) };
    let mut command = Command::new("gst-launch-1.0");
    command.args(["-q", "rtspsrc", &format!("location={scheme}://localhost:{port}/613")]);
    command.args([&format!("user-id={USER}"), &format!("user-pw={PASSWORD}")]);
    command.args([&format!("protocols={transport}"), "latency=100", "tls-validation-flags=0"]);
    let [depay, parse] = &elements;
    command.args(["!", depay, "!", parse, "!", &format!("avdec_h{codec}"), "!", "videoconvert", "!", "videoscale"]);
    command.args(["!", &format!("video/x-raw,format=GRAY8,width={SIDE},height={SIDE}"), "!", "fdsink", "fd=1"]);
    command
}

/// Slate, picture, slate: what a share looks like to a client that knows nothing of it.
async fn sees_all(command: Command, stage: Stage) {
    sees_all_of(Codec::H264, command, stage).await;
}

async fn sees_all_of(codec: Codec, mut command: Command, mut stage: Stage) {
    let bright = drawn_as(codec, "white").await;
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
    // A key picture is every fifth.
    let mut units = bright.iter().enumerate().map(|(at, unit)| (unit, at % 5 == 0)).cycle();
    let mut client = loop {
        tokio::select! {
            client = &mut seen => break client,
            _ = frames.tick() => {
                let (unit, key) = units.next().expect("a cycle");
                stage.eye.picture_as(0, 1, unit, key).await;
            }
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

async fn stage_h265() -> Stage {
    let slate = drawn_as(Codec::H265, "black").await.swap_remove(0);
    Stage::made(&pullers(), Codec::H265, &slate, |_| ()).await
}

#[tokio::test]
async fn h265_is_described_with_all_its_parameter_sets() {
    let stage = stage_h265().await;
    let mut client = stage.client().await.knows_password();
    let described = client.ask("DESCRIBE", "/613", &[]).await;
    assert_eq!(described.status, 200);
    for wanted in ["a=rtpmap:96 H265/90000", "sprop-vps=", "sprop-sps=", "sprop-pps="] {
        assert!(described.body.contains(wanted), "{wanted}:\n{}", described.body);
    }
}

#[tokio::test]
async fn ffmpeg_fetches_h265_over_tls() {
    let stage = stage_h265().await;
    sees_all_of(Codec::H265, ffmpeg(&stage, true, "tcp"), stage).await;
}

#[tokio::test]
async fn ffmpeg_fetches_h265_in_clear_by_digest() {
    let stage = stage_h265().await;
    sees_all_of(Codec::H265, ffmpeg(&stage, false, "tcp"), stage).await;
}

#[tokio::test]
async fn gstreamer_fetches_h265_in_clear_by_digest() {
    let stage = stage_h265().await;
    sees_all_of(Codec::H265, gstreamer_of("265", &stage, false, "tcp"), stage).await;
}

#[tokio::test]
async fn ffmpeg_fetches_h265_over_udp() {
    let stage = stage_h265().await;
    sees_all_of(Codec::H265, ffmpeg(&stage, false, "udp"), stage).await;
}

#[tokio::test]
async fn gstreamer_fetches_h265_over_tls() {
    let stage = stage_h265().await;
    sees_all_of(Codec::H265, gstreamer_of("265", &stage, true, "tcp"), stage).await;
}

#[tokio::test]
async fn gstreamer_fetches_h265_over_udp() {
    let stage = stage_h265().await;
    sees_all_of(Codec::H265, gstreamer_of("265", &stage, false, "udp"), stage).await;
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

/// The `retina` crate, which refuses what is not as the standards say: fetches until its connection ends, and tells of each access unit what it ends with.
async fn retina(
    url: String,
    codec: Codec,
    transport: retina::client::Transport,
    units: tokio::sync::mpsc::Sender<Vec<u8>>,
) {
    use retina::client::{Credentials, PlayOptions, Session, SessionOptions, SetupOptions};
    use retina::codec::CodecItem;
    let credentials = Credentials { username: USER.into(), password: PASSWORD.into() };
    let mut session =
        Session::describe(url.parse().expect("a URL"), SessionOptions::default().creds(Some(credentials)))
            .await
            .expect("a description that it takes");
    assert_eq!(session.streams().len(), 1);
    assert_eq!(session.streams()[0].encoding_name(), if codec == Codec::H264 { "h264" } else { "h265" });
    session.setup(0, SetupOptions::default().transport(transport)).await.expect("set up");
    let playing = session.play(PlayOptions::default()).await.expect("it plays");
    let mut items = std::pin::pin!(playing.demuxed().expect("a codec that it knows"));
    while let Some(item) = std::future::poll_fn(|cx| futures_core::Stream::poll_next(items.as_mut(), cx)).await {
        let CodecItem::VideoFrame(frame) = item.expect("nothing that it refuses") else { continue };
        assert_eq!(frame.loss(), 0, "on loopback");
        let data = frame.data();
        if units.send(data[data.len().saturating_sub(16)..].to_vec()).await.is_err() {
            return;
        }
    }
}

/// Slate, picture, slate, of a client that refuses what is not right.
async fn retina_sees_all(codec: Codec, transport: retina::client::Transport) {
    let slate = drawn_as(codec, "black").await.swap_remove(0);
    let mut stage = Stage::made(&pullers(), codec, &slate, |_| ()).await;
    let bright = drawn_as(codec, "white").await;
    let url = format!("rtsp://localhost:{}/613", stage.plain.port());
    let (tell, mut units) = tokio::sync::mpsc::channel(16);
    let client = tokio::spawn(retina(url, codec, transport, tell));
    let end = |unit: &[u8]| unit[unit.len() - 16..].to_vec();
    let (dark, light) = (end(&slate), bright.iter().map(|unit| end(unit)).collect::<Vec<_>>());
    let mut sees = async |what: &str, wanted: &dyn Fn(&Vec<u8>) -> bool, stage: &mut Stage, shares: bool| {
        let mut frames = tokio::time::interval(Duration::from_millis(40));
        // A key picture is every fifth.
        let mut pictures = bright.iter().enumerate().map(|(at, unit)| (unit, at % 5 == 0)).cycle();
        patient(what, async {
            loop {
                tokio::select! {
                    unit = units.recv() => if wanted(&unit.expect("retina goes on")) { return },
                    _ = frames.tick(), if shares => {
                        let (unit, key) = pictures.next().expect("a cycle");
                        stage.eye.picture_as(0, 1, unit, key).await;
                    }
                }
            }
        })
        .await;
    };
    sees("the slate", &|unit| *unit == dark, &mut stage, false).await;
    stage.eye.grant_pull("s1").await;
    stage.eye.hears_joined("s1").await;
    stage.eye.start_pull("s1").await;
    sees("the picture", &|unit| light.contains(unit), &mut stage, true).await;
    stage.eye.end("s1", EndReason::Expired).await;
    sees("the slate again", &|unit| *unit == dark, &mut stage, false).await;
    assert!(!client.is_finished(), "one session");
    client.abort();
}

#[tokio::test]
async fn retina_fetches_in_clear_by_digest() {
    let transport = retina::client::Transport::Tcp(retina::client::TcpTransportOptions::default());
    retina_sees_all(Codec::H264, transport).await;
}

#[tokio::test]
async fn retina_fetches_h265_in_clear_by_digest() {
    let transport = retina::client::Transport::Tcp(retina::client::TcpTransportOptions::default());
    retina_sees_all(Codec::H265, transport).await;
}

#[tokio::test]
async fn retina_fetches_h265_over_udp() {
    let transport = retina::client::Transport::Udp(retina::client::UdpTransportOptions::default());
    retina_sees_all(Codec::H265, transport).await;
}

#[tokio::test]
async fn retina_fetches_over_udp() {
    let transport = retina::client::Transport::Udp(retina::client::UdpTransportOptions::default());
    retina_sees_all(Codec::H264, transport).await;
}
