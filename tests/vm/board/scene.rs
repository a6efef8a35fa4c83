//! What the board's camera sees: some seconds of the default scene, as raw pictures, and what is in them.

use anyhow::{Context, Result, bail};
use e2e::pictures::Gray;
use e2e::truth::{Frame, Truth};
use std::path::Path;
use std::process::Command;

/// The scene is played at half its size: an emulated processor encodes nothing larger in time.
const SHRUNK: usize = 2;
/// Which pictures of the scene are played: from the first, so many apart, so many. A part in which heads and plates pass.
const FIRST: usize = 60;
const APART: usize = 3;
const COUNT: usize = 50;

/// The pictures that are played, and their truth.
pub(crate) struct Played {
    /// Their luma.
    pub(crate) pictures: Vec<Gray>,
    /// What is in them, one for one.
    pub(crate) truth: Vec<Frame>,
}

/// Writes the pictures to `file` as NV12, one behind the other.
///
/// # Errors
/// ffmpeg's own words.
pub(crate) fn play(scene: &Path, file: &Path) -> Result<Played> {
    let truth = Truth::read(&scene.with_extension("json"))?;
    let (width, height) = (truth.width / SHRUNK, truth.height / SHRUNK);
    let select = format!("select=gte(n\\,{FIRST})*not(mod(n-{FIRST}\\,{APART})),scale={width}:{height}:flags=area");
    let output = Command::new("ffmpeg")
        .args(["-y", "-v", "error", "-i"])
        .arg(scene)
        .args(["-vf", &select, "-fps_mode", "passthrough", "-frames:v", &COUNT.to_string()])
        .args(["-pix_fmt", "nv12", "-f", "rawvideo"])
        .arg(file)
        .output()
        .context("running ffmpeg")?;
    if !output.status.success() {
        bail!("ffmpeg cannot read {}: {}", scene.display(), String::from_utf8_lossy(&output.stderr));
    }
    let bytes = std::fs::read(file).context("the pictures that ffmpeg wrote")?;
    let pictures: Vec<Gray> = bytes
        .chunks_exact(width * height * 3 / 2)
        .map(|picture| Gray { width, height, data: picture[..width * height].to_vec() })
        .collect();
    let truth = truth.frames.into_iter().skip(FIRST).step_by(APART).take(COUNT);
    let truth: Vec<Frame> = truth.map(|frame| frame.shrunk(SHRUNK as f32)).collect();
    if pictures.len() != COUNT || truth.len() != COUNT {
        bail!("{} has too few pictures: {} of {COUNT}, truth of {}", scene.display(), pictures.len(), truth.len());
    }
    Ok(Played { pictures, truth })
}
