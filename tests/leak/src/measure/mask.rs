//! Runs `campari-mask` as a user would.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// `campari-mask` and what it is told every time.
#[derive(Debug)]
pub struct Program {
    /// The program; a release build, or its times mean nothing.
    pub file: PathBuf,
    /// The models' manifest.
    pub manifest: PathBuf,
    /// `fill`, `pixelate`.
    pub filter: String,
}

impl Program {
    /// Masks the pictures of `images` into `folder/masked/`, which is made anew, and returns the report.
    ///
    /// # Errors
    /// When the program cannot be started or gives up. That it failed on some pictures is in the report, and no error.
    pub fn mask(&self, images: &Path, setting: &str, folder: &Path) -> Result<PathBuf> {
        self.mask_files(&[images], setting, folder, &[])
    }

    /// The same for several files or folders, with further options.
    ///
    /// # Errors
    /// As above.
    pub fn mask_files(&self, files: &[&Path], setting: &str, folder: &Path, options: &[&str]) -> Result<PathBuf> {
        let (masked, report) = (folder.join("masked"), folder.join("report.jsonl"));
        for old in [&masked, &report] {
            let gone = if old.is_dir() { fs::remove_dir_all(old) } else { fs::remove_file(old) };
            if let Err(error) = gone
                && error.kind() != std::io::ErrorKind::NotFound
            {
                return Err(error).with_context(|| format!("removing {} of an earlier run", old.display()));
            }
        }
        let mut command = Command::new(&self.file);
        command.args(files).arg("--out").arg(&masked).arg("--report").arg(&report).args(options);
        command.args(["--setting", setting, "--filter", &self.filter]).arg("--manifest").arg(&self.manifest);
        let status =
            command.stdin(Stdio::null()).status().with_context(|| format!("starting {}", self.file.display()))?;
        // 1 is also said when some pictures failed; then there is a report, and it names them.
        let told = fs::metadata(&report).is_ok_and(|about| about.len() > 0);
        if status.success() || (status.code() == Some(1) && told) {
            return Ok(report);
        }
        bail!("{} --setting {setting} failed ({status})", self.file.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A program that does what `script` says, with the report's path as `$5`.
    fn program(folder: &Path, script: &str) -> Program {
        let file = folder.join("mask.sh");
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        Program { file, manifest: folder.join("manifest.toml"), filter: "fill".into() }
    }

    fn mask(script: &str) -> Result<String> {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("light");
        fs::create_dir_all(out.join("masked")).unwrap();
        fs::write(out.join("masked/old.jpg"), "").unwrap();
        let report = program(folder.path(), script).mask(&folder.path().join("images"), "light", &out)?;
        assert!(!out.join("masked/old.jpg").exists(), "pictures of an earlier run are gone");
        Ok(fs::read_to_string(report).unwrap())
    }

    #[test]
    fn the_program_is_told_setting_filter_and_manifest() {
        let told = mask(r#"echo "$@" > "$5""#).unwrap();
        assert!(told.contains("--setting light --filter fill --manifest "), "{told}");
    }

    #[test]
    fn pictures_that_failed_are_no_end_but_a_program_that_gave_up_is() {
        assert_eq!(mask(r#"echo one > "$5"; exit 1"#).unwrap(), "one\n");
        assert!(mask("exit 1").unwrap_err().to_string().contains("--setting light failed (exit status: 1)"));
        assert!(mask(r#"echo one > "$5"; exit 2"#).is_err());
    }
}
