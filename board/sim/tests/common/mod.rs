//! Clips made by ffmpeg for one test.

use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// A lossless clip whose frame n is flat with luma 16 + 8 n (limited range), `frames` (at most 25) long.
pub(crate) fn numbered_clip(folder: &TempDir, size: &str, fps: u32, frames: u32) -> PathBuf {
    let path = folder.path().join("numbered.mkv");
    let graph = format!("color=black:s={size}:r={fps},format=yuv420p,geq=lum='16+8*N':cb=128:cr=128");
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i", &graph])
        .args(["-frames:v", &frames.to_string(), "-c:v", "ffv1"])
        .arg(&path)
        .status()
        .expect("these tests need ffmpeg");
    assert!(made.success(), "ffmpeg could not make the clip");
    path
}
