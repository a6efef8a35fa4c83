//! Every write of a machine to its disk, as qemu's `blklogwrites` records them (Linux, Documentation/admin-guide/device-mapper/log-writes.rst), and the disks that
//! a power cut could have left: all that was flushed, of what was not some, and of the last one a part.

use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

const SECTOR: u64 = 512;
const MAGIC: u64 = 0x006a_7366_7773_6872;
const FLUSH: u64 = 1;
const DISCARD: u64 = 4;

/// One request, in the order in which the machine made them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Write {
    /// Where on the disk, sectors.
    sector: u64,
    sectors: u64,
    flags: u64,
    /// Where its data is in the log, bytes.
    data: u64,
}

impl Write {
    /// Whether everything before it is on the disk for good once it is answered.
    pub(crate) fn flushes(&self) -> bool {
        self.flags & FLUSH != 0
    }
}

/// A log, and what is in it.
pub(crate) struct Writes {
    log: File,
    all: Vec<Write>,
}

impl Writes {
    /// Reads the log of a machine that is off.
    ///
    /// # Errors
    /// No such log.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let log = File::open(path).with_context(|| format!("the log of writes {}", path.display()))?;
        let end = log.metadata()?.len();
        ensure!(word(&log, 0)? == MAGIC, "{} is no log of writes", path.display());
        let (mut all, mut at) = (Vec::new(), SECTOR);
        // Not by the number that it begins with: that is written now and then, and the machine's plug was pulled.
        while at + SECTOR <= end {
            let write = Write {
                sector: word(&log, at)?,
                sectors: word(&log, at + 8)?,
                flags: word(&log, at + 16)?,
                data: at + SECTOR,
            };
            let held = if write.flags & DISCARD != 0 { 0 } else { write.sectors };
            if write.flags == 0 && write.sectors == 0 || write.data + held * SECTOR > end {
                break;
            }
            all.push(write);
            at = write.data + held * SECTOR;
        }
        ensure!(!all.is_empty(), "{} holds no write", path.display());
        Ok(Self { log, all })
    }

    pub(crate) fn all(&self) -> &[Write] {
        &self.all
    }

    /// Where on the disk a write begins, bytes; a flush alone writes nothing.
    pub(crate) fn at(&self, write: usize) -> Option<u64> {
        let write = &self.all[write];
        (write.sectors > 0).then_some(write.sector * SECTOR)
    }

    /// Does the first `sectors` of a write (all of them, when it has fewer) on `disk`; gives what was there before, and where.
    ///
    /// # Errors
    /// A disk that is full.
    pub(crate) fn apply(&self, write: usize, disk: &File, sectors: u64) -> Result<Option<(u64, Vec<u8>)>> {
        let write = &self.all[write];
        // What is discarded may be read as anything; here it stays.
        if write.flags & DISCARD != 0 || write.sectors == 0 {
            return Ok(None);
        }
        let mut bytes = vec![0; usize::try_from(write.sectors.min(sectors) * SECTOR)?];
        let (mut before, at) = (bytes.clone(), write.sector * SECTOR);
        disk.read_exact_at(&mut before, at).context("the disk")?;
        self.log.read_exact_at(&mut bytes, write.data).context("the log of writes")?;
        disk.write_all_at(&bytes, at).context("the disk")?;
        Ok(Some((at, before)))
    }

    pub(crate) fn sectors(&self, at: usize) -> u64 {
        self.all[at].sectors
    }
}

fn word(file: &File, at: u64) -> Result<u64> {
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, at).context("the log of writes")?;
    Ok(u64::from_le_bytes(bytes))
}

/// Numbers that are the same in every run (splitmix64), for what is left to chance.
pub(crate) struct Lot(pub(crate) u64);

impl Lot {
    /// Below `end`, which is above nought.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}
