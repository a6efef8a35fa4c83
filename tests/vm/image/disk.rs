//! The machine's disk, looked at and changed from outside: partitions, the loader's counters, single bits.

use anyhow::{Context, Result, ensure};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Length of the boot loader's counters on the disk: one sector (tests/vm/image/disk.sh).
const COUNTERS_BYTES: usize = 512;

/// The disk of a machine that is off; for the counters also of one that runs.
pub(crate) struct Disk {
    file: PathBuf,
}

impl Disk {
    pub(crate) fn at(file: &Path) -> Self {
        Self { file: file.to_owned() }
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Where a partition begins and how long it is, bytes.
    ///
    /// # Errors
    /// When there is none of that name.
    pub(crate) fn partition(&self, name: &str) -> Result<(u64, u64)> {
        let output = Command::new("sfdisk").arg("--json").arg(&self.file).output();
        let output = output.or_else(|_| Command::new("/usr/sbin/sfdisk").arg("--json").arg(&self.file).output());
        let table: serde_json::Value =
            serde_json::from_slice(&output.context("sfdisk (apt-get install fdisk)")?.stdout)?;
        let partitions = table["partitiontable"]["partitions"].as_array().context("a table of partitions")?;
        let found = partitions
            .iter()
            .find(|partition| partition["name"] == name)
            .with_context(|| format!("no partition {name}"))?;
        let sectors = |key: &str| found[key].as_u64().with_context(|| format!("{key} of {name}"));
        Ok((sectors("start")? * 512, sectors("size")? * 512))
    }

    /// The boot loader's counters, a line each.
    ///
    /// # Errors
    /// A disk that cannot be read.
    pub(crate) fn counters(&self) -> Result<String> {
        let (at, _) = self.partition("uboot-env")?;
        let mut file = std::fs::File::open(&self.file).context("the disk")?;
        file.seek(SeekFrom::Start(at + 4))?; // the sum
        let mut sector = [0; COUNTERS_BYTES - 4];
        file.read_exact(&mut sector)?;
        let text = sector.split(|byte| *byte == 0).take_while(|line| !line.is_empty()).map(String::from_utf8_lossy);
        Ok(text.collect::<Vec<_>>().join("\n"))
    }

    /// That the counters' sector is one that the loader takes.
    ///
    /// # Errors
    /// When its sum is not that of its contents.
    pub(crate) fn counters_whole(&self) -> Result<()> {
        let (at, _) = self.partition("uboot-env")?;
        let mut sector = [0; COUNTERS_BYTES];
        let mut file = std::fs::File::open(&self.file).context("the disk")?;
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut sector)?;
        let sum = sector[4..].iter().fold(u32::MAX, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(sum & 1)))
        });
        ensure!(sector[..4] == (!sum).to_le_bytes(), "the loader's counters are not whole");
        Ok(())
    }

    /// Sets the boot loader's counters, as many starts as so many slots have left.
    ///
    /// # Errors
    /// When mkenvimage is missing.
    pub(crate) fn set_counters(&self, a_left: u32, b_left: u32) -> Result<()> {
        let made = self.file.with_extension("counters");
        let mut make = Command::new("mkenvimage");
        make.args(["-s", "0x200", "-o"]).arg(&made).arg("-").stdin(Stdio::piped());
        let mut child = make.spawn().context("mkenvimage (apt-get install u-boot-tools)")?;
        let text = format!("BOOT_ORDER=A B\nBOOT_A_LEFT={a_left}\nBOOT_B_LEFT={b_left}\n");
        child.stdin.take().context("its input")?.write_all(text.as_bytes())?;
        anyhow::ensure!(child.wait()?.success(), "mkenvimage failed");
        let (at, _) = self.partition("uboot-env")?;
        self.write(at, &std::fs::read(&made).context("the counters")?)
    }

    /// Turns over one bit of `wanted` (bytes of a file that lies in the partition in one piece), which occurs there once.
    ///
    /// # Errors
    /// When it is not there.
    pub(crate) fn flip(&self, partition: &str, wanted: &[u8]) -> Result<u64> {
        let (at, length) = self.partition(partition)?;
        let mut file = std::fs::File::open(&self.file).context("the disk")?;
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = vec![0; usize::try_from(length)?];
        file.read_exact(&mut bytes)?;
        let found = bytes.windows(wanted.len()).position(|window| window == wanted);
        let found = found.with_context(|| format!("the bytes to change are not in {partition}"))?;
        self.write(at + found as u64, &[wanted[0] ^ 1])?;
        Ok(found as u64)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> Result<()> {
        let mut file = std::fs::File::options().write(true).open(&self.file).context("the disk")?;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)?;
        file.sync_all().context("the disk")
    }
}
