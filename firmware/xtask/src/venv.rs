//! Virtual environments for Python programs: made once, and anew when other packages belong into them.

use crate::{child, setup, workspace};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// deface and its own dependency, as it was compared in the project's notes.
const DEFACE: &str = "deface==1.5.0\nonnxruntime==1.23.2";

/// Brings `folder` to hold an environment with `packages`, one requirement a line.
pub(crate) fn make(folder: &Path, packages: &str) -> Result<()> {
    if is_whole(folder, packages) {
        return Ok(());
    }
    child::output(setup::python().args(["-m", "venv", "--clear"]).arg(folder))?;
    let list = folder.join("requirements.txt");
    setup::write_whole(&list, packages.as_bytes())?;
    child::output(Command::new(folder.join("bin/pip")).args(["install", "--quiet", "--requirement"]).arg(&list))
        .with_context(|| format!("filling {}; it needs a network", folder.display()))?;
    setup::write_whole(&folder.join("whole"), packages.as_bytes())
}

/// Whether an environment with exactly these packages is there.
fn is_whole(folder: &Path, packages: &str) -> bool {
    std::fs::read_to_string(folder.join("whole")).is_ok_and(|made_of| made_of == packages)
}

/// The program deface, in an environment of its own.
pub(crate) fn deface() -> Result<PathBuf> {
    let folder = workspace::kept().join("bench/deface");
    make(&folder, DEFACE)?;
    Ok(folder.join("bin/deface"))
}

/// What the foreign client of `tests/interop` is built from, one requirement a line.
fn interop_packages() -> Result<String> {
    let list = workspace::root().join("tests/interop/requirements.txt");
    std::fs::read_to_string(&list).with_context(|| format!("reading {}", list.display()))
}

/// Whether the Python of the tests' foreign client is there.
pub(crate) fn interop_is_here(kept: &Path) -> Result<bool> {
    Ok(is_whole(&kept.join("interop"), &interop_packages()?))
}

/// Makes it.
pub(crate) fn interop() -> Result<String> {
    let folder = workspace::kept().join("interop");
    make(&folder, &interop_packages()?)?;
    Ok(folder.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_that_is_whole_is_left_alone() {
        let kept = tempfile::tempdir().unwrap();
        std::fs::write(kept.path().join("whole"), "a==1").unwrap();
        make(kept.path(), "a==1").unwrap();
        assert!(!kept.path().join("bin").exists());
    }
}
