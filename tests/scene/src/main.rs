//! Composes the default scene: a street that we draw, photographed people, and cars with legible made-up plates.
//!
//! Writes `scene-v1.mp4` (1280x720, 25 fps, 20 s) through an ffmpeg child and `scene-v1.json`, the true boxes of every
//! head and plate in every frame. Same pictures, same ffmpeg: same bytes. The pictures come from `cargo xtask setup`.

mod canvas;
mod car;
mod person;
mod plate;
mod script;
mod street;
mod truth;
mod world;

use anyhow::{Context, Result, bail};
use clap::Parser;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Composes the default scene.
#[derive(Parser)]
struct Options {
    /// Folder with astronaut.png, biden.jpg and obama.jpg.
    #[arg(long)]
    pictures: PathBuf,
    /// Where scene-v1.mp4 and scene-v1.json go.
    #[arg(long)]
    out: PathBuf,
    /// The typeface of the plates.
    #[arg(long, default_value = "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf")]
    font: PathBuf,
}

fn main() -> Result<()> {
    let options = Options::parse();
    std::fs::create_dir_all(&options.out).with_context(|| format!("making {}", options.out.display()))?;
    let mut script = script::Script::new(&options.pictures, &options.font)?;
    let street = street::draw();
    let mut canvas = canvas::Canvas::new();
    let mut truth = truth::Truth::new();

    // Written under other names and renamed at the end: an interrupted run leaves no half scene.
    let clip_part = options.out.join("scene-v1.part.mp4");
    let mut ffmpeg = encoder(&clip_part)?;
    let mut pipe = ffmpeg.stdin.take().context("ffmpeg's input is not piped")?;
    for frame in 0..world::FRAMES {
        canvas.begin(&street);
        let seen = script.draw(&mut canvas, frame);
        truth.add(frame, &seen, &canvas);
        pipe.write_all(canvas.rgba()).context("ffmpeg stopped reading frames")?;
    }
    drop(pipe);
    let status = ffmpeg.wait().context("waiting for ffmpeg")?;
    if !status.success() {
        bail!("ffmpeg failed ({status})");
    }
    let truth_part = options.out.join("scene-v1.part.json");
    truth.write(&truth_part)?;
    for (part, whole) in [(truth_part, "scene-v1.json"), (clip_part, "scene-v1.mp4")] {
        std::fs::rename(&part, options.out.join(whole)).with_context(|| format!("renaming {}", part.display()))?;
    }
    Ok(())
}

/// ffmpeg, reading raw RGBA frames. One thread count and no version strings: the bytes depend on nothing else.
fn encoder(clip: &Path) -> Result<Child> {
    let size = format!("{}x{}", world::WIDTH_PX, world::HEIGHT_PX);
    let rate = world::FPS.to_string();
    Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgba", "-s", &size, "-r", &rate, "-i", "-"])
        .args([
            "-vf",
            "scale=out_color_matrix=bt709:out_range=tv",
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-crf",
            "18",
        ])
        .args(["-pix_fmt", "yuv420p", "-g", &rate, "-threads", "2", "-fflags", "+bitexact", "-flags", "+bitexact"])
        .args(["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-movflags", "+faststart"])
        .arg(clip)
        .stdin(Stdio::piped())
        .spawn()
        .context("starting ffmpeg (Debian package ffmpeg)")
}
