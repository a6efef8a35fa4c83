//! Video that ffmpeg draws, and clients that hand out small grey pictures of what they see.

#![allow(dead_code, unreachable_pub)] // each test program uses its part

use crate::support::*;
use std::process::Stdio;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

/// A side of the square pictures that a client hands out, and their bytes.
pub const SIDE: usize = 8;
pub const BYTES: usize = SIDE * SIDE;

/// A second of video from ffmpeg, as access units.
pub async fn drawn(colour: &str) -> Vec<Vec<u8>> {
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

/// Waits for a picture as bright as `wanted` says, of a client that hands out raw grey ones.
pub async fn shows(client: &mut Child, what: &str, wanted: impl Fn(u8) -> bool) {
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
