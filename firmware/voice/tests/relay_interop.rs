//! Media servers that nobody here wrote receive a published share and decode it: GStreamer's RTSP server over TLS with Digest, and ffmpeg in listen mode
//! in clear. The pictures are drawn and encoded by ffmpeg.

#[path = "support/drawn.rs"]
mod drawn;
#[path = "support/media_server.rs"]
mod media_server;
mod support;

use contract::EndReason;
use drawn::*;
use media_server::*;
use std::process::Stdio;
use std::time::Duration;
use support::*;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

async fn stage(change: impl FnOnce(&mut link::Relay)) -> Stage {
    let slate = drawn("black").await.swap_remove(0);
    Stage::with_slate(&slate, change).await
}

/// The share is granted, the server takes it, and what it decodes is the picture.
async fn sees_the_picture(stage: &mut Stage, server: &mut Child) {
    let bright = drawn("white").await;
    stage.grant("s1").await;
    stage.eye.hears_joined("s1").await;
    stage.eye.start_relay("s1").await;
    let seen = shows(server, "the picture", |grey| grey > 180);
    tokio::pin!(seen);
    let mut frames = tokio::time::interval(Duration::from_millis(40));
    let mut units = bright.iter().cycle();
    loop {
        tokio::select! {
            () = &mut seen => return,
            _ = frames.tick() => stage.eye.picture(0, 1, units.next().expect("a cycle")).await,
        }
    }
}

#[tokio::test]
async fn gstreamers_rtsp_server_records_over_tls_with_digest() {
    let mut stage = stage(|_| ()).await;
    let (certificate, key) = (stage.dir.path().join("media.pem"), stage.dir.path().join("media.key"));
    std::fs::write(&certificate, &stage.identity.cert_pem).expect("a file");
    std::fs::write(&key, &stage.identity.key_pem).expect("a file");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/media_server.py");
    let mut server = Command::new("/usr/bin/python3")
        .args([script, &stage.port.to_string()])
        .args([&certificate, &key])
        .args([USER, PASSWORD, &SIDE.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("python3 is not installed: cargo xtask setup");
    let mut lines = BufReader::new(server.stderr.take().expect("piped")).lines();
    patient("GStreamer's server to listen", async {
        let mut said = String::new();
        while let Some(line) = lines.next_line().await.expect("text") {
            if line == "listening" {
                return;
            }
            said += &line;
        }
        panic!("GStreamer's RTSP server ended; is gir1.2-gst-rtsp-server-1.0 installed (cargo xtask setup)? {said}");
    })
    .await;
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            eprintln!("{line}");
        }
    });
    sees_the_picture(&mut stage, &mut server).await;
    stage.eye.end("s1", EndReason::Expired).await;
    // It is there for the next one.
    stage.grant("s2").await;
    stage.eye.hears_joined("s2").await;
}

#[tokio::test]
async fn ffmpeg_receives_in_clear_and_ends_with_the_share() {
    let mut stage = stage(|to| to.proof = None).await;
    let mut server = Command::new("ffmpeg")
        .args([
            "-v",
            "warning",
            "-rtsp_flags",
            "listen",
            "-fflags",
            "nobuffer",
            "-probesize",
            "32768",
            "-i",
            &stage.to.url,
        ])
        .args(["-an", "-vf", &format!("scale={SIDE}:{SIDE},format=gray"), "-fps_mode", "passthrough"])
        .args(["-f", "rawvideo", "-flush_packets", "1", "-"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("ffmpeg is not installed: cargo xtask setup");
    sees_the_picture(&mut stage, &mut server).await;
    stage.eye.end("s1", EndReason::Expired).await;
    let mut rest = Vec::new();
    let stdout = server.stdout.as_mut().expect("piped");
    patient("the end of what ffmpeg writes", stdout.read_to_end(&mut rest)).await.expect("readable");
    assert!(patient("ffmpeg to end by itself", server.wait()).await.expect("it ran").success());
}
