//! The technician's stick: a FAT file system called CAMPARI in a file, filled and read with mtools.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct Stick {
    file: PathBuf,
}

impl Stick {
    /// Formats it.
    ///
    /// # Errors
    /// When mkfs.vfat is missing.
    pub(crate) fn new(file: &Path, mib: u64) -> Result<Self> {
        let made = std::fs::File::create(file).with_context(|| format!("making {}", file.display()))?;
        made.set_len(mib << 20).context("the stick")?;
        let mut format = Command::new("/usr/sbin/mkfs.vfat");
        ran(format.args(["-F", "32", "-n", "CAMPARI"]).arg(file), "mkfs.vfat (apt-get install dosfstools)")?;
        let stick = Self { file: file.to_owned() };
        ran(stick.tool("mmd").arg("::campari"), "mmd (apt-get install mtools)")?;
        Ok(stick)
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Copies everything in the folder `from` into the stick's folder.
    ///
    /// # Errors
    /// A stick that is full.
    pub(crate) fn put_all(&self, from: &Path) -> Result<()> {
        for entry in std::fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
            self.put(&entry?.path())?;
        }
        Ok(())
    }

    /// Copies a file into the stick's folder.
    ///
    /// # Errors
    /// A stick that is full.
    pub(crate) fn put(&self, file: &Path) -> Result<()> {
        ran(self.tool("mcopy").arg("-o").arg(file).arg("::campari/"), "mcopy")
    }

    /// Copies everything of the stick's folder into the folder `to`.
    ///
    /// # Errors
    /// A stick that cannot be read.
    pub(crate) fn take_all(&self, to: &Path) -> Result<()> {
        ran(self.tool("mcopy").args(["-n", "-o", "::campari/*"]).arg(to), "mcopy")
    }

    /// What the board wrote on it.
    ///
    /// # Errors
    /// When it wrote nothing.
    pub(crate) fn report(&self) -> Result<String> {
        let output = self.tool("mtype").arg("::campari/report.txt").output().context("mtype")?;
        ensure!(output.status.success(), "the board wrote no report: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.arg("-i").arg(&self.file).env("MTOOLS_SKIP_CHECK", "1");
        command
    }
}

fn ran(command: &mut Command, what: &str) -> Result<()> {
    let output = command.output().with_context(|| what.to_owned())?;
    ensure!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
