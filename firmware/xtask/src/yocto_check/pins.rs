//! What the recipes pin: every source of TensorFlow Lite, and the archive of our own: is it of today's sources, and, where it was made, is it the pinned one?

use super::Told;
use crate::{vendor, workspace};
use anyhow::{Context, Result};

const TFLITE: &str = "yocto/meta-campari/recipes-ml/libtensorflowlite-c/tflite-pins.inc";

pub(super) fn check(told: &mut Told) -> Result<()> {
    let text = std::fs::read_to_string(workspace::root().join(TFLITE)).with_context(|| format!("reading {TFLITE}"))?;
    match unpinned(&text).as_slice() {
        [] => told.holds("pins: every source of libtensorflowlite-c"),
        names => told.fails(format!("libtensorflowlite-c: not yet pinned ({TFLITE}): {}", names.join(", "))),
    }
    match vendor::age()? {
        vendor::Age::Fresh => told.holds("pins: nothing that the source archive holds has changed since it was packed"),
        vendor::Age::Behind(commit, behind) => told.not_checked(format!(
            "what is committed: the layer builds the sources of {commit}, and {behind} commits have changed them since; `cargo xtask vendor` pins anew"
        )),
        vendor::Age::Unknown(commit) => {
            told.not_checked(format!("whether the pinned archive is of today: the history here does not reach {commit}"));
        }
    }
    let archive = vendor::folder().join(vendor::name());
    if !archive.exists() {
        told.not_checked("the source archive: `cargo xtask vendor` makes it; for the dry run an empty one stands in");
        return Ok(());
    }
    let (found, pinned) = (vendor::sha256_of(&archive)?, vendor::pinned()?);
    if found == pinned {
        told.holds("pins: the source archive");
    } else {
        told.fails(format!("{} has sha256 {found}, the layer pins {pinned}: `cargo xtask vendor`", archive.display()));
    }
    Ok(())
}

/// Names whose revision or sum is empty.
fn unpinned(text: &str) -> Vec<&str> {
    let empty = text.lines().filter_map(|line| line.strip_suffix(" = \"\""));
    empty.map(|name| name.strip_prefix("TFLITE_REV[").map_or(name, |name| name.trim_end_matches(']'))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_revision_is_named() {
        let text = "# A = \"\" in a comment\nTFLITE_REV[ruy] = \"\"\nTFLITE_REV[eigen] = \"0123\"\nTFLITE_LICENSE_MD5 = \"\"\n";
        assert_eq!(unpinned(text), ["ruy", "TFLITE_LICENSE_MD5"]);
    }
}
