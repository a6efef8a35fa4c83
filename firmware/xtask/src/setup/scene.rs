//! The default scene: composed on this machine by the `scene` package from the pinned portraits, and kept.
//!
//! Its stamp is a hash over the compositor's sources and the pictures, so that a changed compositor makes a new scene.

use super::{pins, sha256_hex, stamp, write_whole};
use crate::{child, workspace};
use anyhow::{Context, Result};
use std::path::Path;

/// Whether the scene is there and was made by this compositor from these pictures.
pub(crate) fn is_here(kept: &Path) -> Result<bool> {
    let folder = kept.join("scene");
    Ok(folder.join("scene-v1.mp4").is_file()
        && folder.join("scene-v1.json").is_file()
        && stamp(&folder.join("scene-v1.stamp")) == Some(key()?))
}

/// Builds the compositor and lets it make the scene.
pub(crate) fn make(kept: &Path) -> Result<String> {
    let folder = kept.join("scene");
    let mut compositor = workspace::cargo();
    compositor.args(["run", "--quiet", "--package", "scene", "--", "--pictures"]).arg(kept.join("pictures"));
    compositor.arg("--out").arg(&folder);
    child::output(&mut compositor).context("composing the scene")?;
    write_whole(&folder.join("scene-v1.stamp"), key()?.as_bytes())?;
    Ok(format!("{}", folder.join("scene-v1.mp4").display()))
}

/// What the scene is made of, as one hash.
fn key() -> Result<String> {
    let package = workspace::root().join("tests/scene");
    let sources = std::fs::read_dir(package.join("src")).with_context(|| format!("reading {}", package.display()))?;
    let mut files: Vec<_> = sources.flatten().map(|entry| entry.path()).chain([package.join("Cargo.toml")]).collect();
    files.sort();
    let mut all = Vec::new();
    for file in files {
        all.extend(std::fs::read(&file).with_context(|| format!("reading {}", file.display()))?);
    }
    for member in pins::PINS.iter().flat_map(|pin| pin.members).filter(|member| member.to.starts_with("pictures/")) {
        all.extend(member.sha256.as_bytes());
    }
    Ok(sha256_hex(&all))
}
