//! Video that ffmpeg draws, and clients that hand out small grey pictures of what they see.

#![allow(dead_code, unreachable_pub)] // each test program uses its part

use crate::support::*;
use link::Codec;
use std::process::Stdio;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

/// A side of the square pictures that a client hands out, and their bytes.
pub const SIDE: usize = 8;
pub const BYTES: usize = SIDE * SIDE;

/// A second of video from ffmpeg, as access units.
pub async fn drawn(colour: &str) -> Vec<Vec<u8>> {
    drawn_as(Codec::H264, colour).await
}

/// The same of either codec.
pub async fn drawn_as(codec: Codec, colour: &str) -> Vec<Vec<u8>> {
    let (encoder, filters, format): (&[&str], _, _) = match codec {
        Codec::H264 => {
            (&["libx264", "-profile:v", "baseline"], "dump_extra=freq=keyframe,h264_metadata=aud=insert", "h264")
        }
        Codec::H265 => (
            &["libx265", "-x265-params", "log-level=error:info=0:bframes=0:open-gop=0:repeat-headers=1"],
            "hevc_metadata=aud=insert",
            "hevc",
        ),
    };
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", &format!("color={colour}:size=640x360:rate=25:duration=1")])
        .args(["-pix_fmt", "yuv420p", "-c:v"])
        .args(encoder)
        .args(["-preset", "ultrafast", "-tune", "zerolatency", "-g", "5", "-bsf:v", filters, "-f", format, "-"])
        .stdin(Stdio::null())
        .output()
        .await
        .expect("ffmpeg is not installed: cargo xtask setup");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // An access unit delimiter begins each.
    let delimiter: &[u8] = if codec == Codec::H264 { &[0, 0, 0, 1, 9] } else { &[0, 0, 0, 1, 0x46] };
    let starts: Vec<usize> =
        (0..output.stdout.len()).filter(|at| output.stdout[*at..].starts_with(delimiter)).collect();
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
