//! Where things lie: the workspace root, what set-up made, what cargo built, and which packages there are.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The workspace root: of the checkout that `cargo xtask` was called in, since two checkouts that share a target folder share this program too; of the
/// one that it was built in where cargo did not start it.
pub(crate) fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let own =
            std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        own.ancestors().nth(2).map_or_else(|| own.clone(), Path::to_path_buf)
    });
    &ROOT
}

/// Everything set-up makes; ignored by git, removed by deleting it.
pub(crate) fn kept() -> PathBuf {
    root().join(".campari")
}

/// The default clip.
pub(crate) fn scene() -> PathBuf {
    kept().join("scene/scene-v1.mp4")
}

/// Folder of the TFLite library for this machine; see [`equip`].
pub(crate) fn tflite() -> PathBuf {
    kept().join("tflite").join(std::env::consts::ARCH)
}

/// Gives a program what it takes to find the library and the broker: mosquitto is in `/usr/sbin`, which a user's `PATH`
/// often lacks.
pub(crate) fn equip(command: &mut Command) -> &mut Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    let folders: Vec<PathBuf> = std::env::split_paths(&path).chain(more).collect();
    if let Ok(path) = std::env::join_paths(folders) {
        command.env("PATH", path);
    }
    command.env("LD_LIBRARY_PATH", tflite())
}

/// cargo, the one that runs us.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// The part of `cargo metadata` that xtask reads.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_members: Vec<String>,
    pub(crate) target_directory: PathBuf,
}

/// One package of the dependency graph.
#[derive(Deserialize, Clone)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    /// `None` for packages of this workspace.
    pub(crate) source: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) license_file: Option<PathBuf>,
    pub(crate) rust_version: Option<String>,
    pub(crate) manifest_path: PathBuf,
}

/// `cargo metadata` for this machine's target; without dependencies when `own` is all that is wanted.
pub(crate) fn metadata(own: bool) -> Result<Metadata> {
    let mut command = cargo();
    command.args(["metadata", "--format-version", "1"]);
    if own {
        command.arg("--no-deps");
    } else {
        command.args(["--filter-platform", &format!("{}-unknown-linux-gnu", std::env::consts::ARCH)]);
    }
    let text = crate::child::output(&mut command)?;
    serde_json::from_str(&text).context("reading the output of `cargo metadata`")
}

/// Where `cargo build` leaves its binaries in the dev profile.
pub(crate) fn bin_dir() -> Result<PathBuf> {
    Ok(metadata(true)?.target_directory.join("debug"))
}

/// Where `cargo build --release` leaves them.
pub(crate) fn release_dir() -> Result<PathBuf> {
    Ok(metadata(true)?.target_directory.join("release"))
}
