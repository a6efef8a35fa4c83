//! Power cuts: every write of a run is recorded, and a hundred disks are made as a cut at a random write could have left them.
//!
//! What a disk keeps: everything before the last flush; of what came after, each write or not, by lot; of the last one its first sectors. Writes that the machine
//! had not been answered for when it flushed are taken to be before the flush: the recorder does not tell.

use crate::disk::Disk;
use crate::stick::Stick;
use crate::world::{BOOT_WITHIN, INSTALL_WITHIN, World, run};
use crate::writes::{Lot, Writes};
use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

/// So many cuts are looked at.
const CUTS: usize = 100;
/// And so many of them are started, evenly spread.
const STARTED: usize = 5;
/// Another number gives other cuts.
const SEED: u64 = 8;

pub(crate) const STEPS: [&str; 3] = [
    "every write is recorded: a share, an update by the stick, the new system's first start, a share",
    "a hundred power cuts: file system sound, journal verifies, no slot that would be started half-written",
    "five of them started: online, and shares",
];

pub(crate) async fn step(world: &mut World<'_>, at: usize) -> Result<String> {
    match at {
        0 => record(world).await,
        1 => cut(world),
        _ => start(world).await,
    }
}

async fn record(world: &mut World<'_>) -> Result<String> {
    let next = world.system("next", "1.1", &[])?;
    world.flash_provisioned("/dev/campari/vivid", &[])?;
    let first = world.out("cuts-first.img");
    run(Command::new("cp").arg("--sparse=always").arg(world.disk.file()).arg(&first))?;
    let log = world.out("cuts.log-writes");
    File::create(&log).context("the log of writes")?;
    world.writes = Some(log.clone());
    world.on("cuts-recorded").await?;
    world.counted(&["BOOT_A_LEFT=3"]).await?;
    world.sure().await?;
    let (share, _) = world.grant().await?;
    let stick = Stick::new(&world.out("stick.img"), 512)?;
    stick.put(&next)?;
    let report = world.offer(&stick, INSTALL_WITHIN).await?;
    ensure!(report.contains("next.raucb: installed"), "the report on the stick: {report}");
    world.ended(&share).await?;
    world.hears("campari: slot b", 1, BOOT_WITHIN).await?;
    world.stage.ready(BOOT_WITHIN).await?;
    world.counted(&["BOOT_ORDER=B A", "BOOT_B_LEFT=3"]).await?;
    world.grant().await?;
    world.off().await?;
    world.writes = None;
    let writes = Writes::read(&log)?;
    let flushes = writes.all().iter().filter(|write| write.flushes()).count();
    ensure!(flushes > 0, "the machine never flushed");
    world.report.fact("cuts_writes", writes.all().len());
    world.report.fact("cuts_flushes", flushes);
    Ok(format!("{} writes, {flushes} flushes; the plug was pulled while a share ran", writes.all().len()))
}

/// The cuts, in their order: at which write. Every other one anywhere, the others outside of the slots: installing has most of the writes.
fn cuts(writes: &Writes, outside: &[usize], lot: &mut Lot) -> Vec<usize> {
    let mut cuts: Vec<usize> = (0..CUTS)
        .map(|number| match number % 2 {
            0 => 1 + lot.below(writes.all().len() as u64 - 1) as usize,
            _ => outside[lot.below(outside.len() as u64) as usize],
        })
        .collect();
    cuts.sort_unstable();
    cuts
}

/// What a slot may hold: the bytes of a system's root and kernel.
struct System {
    name: &'static str,
    rootfs: Vec<u8>,
    boot: Vec<u8>,
}

impl System {
    fn read(name: &'static str, image: &Path) -> Result<Self> {
        let part = |part: &str| std::fs::read(image.join(part)).with_context(|| format!("{part} of {name}"));
        Ok(Self { name, rootfs: part("rootfs.img")?, boot: part("boot.img")? })
    }
}

fn cut(world: &mut World<'_>) -> Result<String> {
    let writes = Writes::read(&world.out("cuts.log-writes"))?;
    let systems = [System::read("1.0", &world.out("image"))?, System::read("1.1", &world.out("image-next"))?];
    let base = Disk::at(&world.out("cuts-first.img"));
    let disk = File::options().read(true).write(true).open(base.file()).context("the disk of the cuts")?;
    let mut slots = Vec::new();
    for name in ["boot-a", "boot-b", "rootfs-a", "rootfs-b"] {
        slots.push(base.partition(name)?);
    }
    let outside: Vec<usize> = (1..writes.all().len())
        .filter(|at| {
            writes
                .at(*at)
                .is_some_and(|byte| !slots.iter().any(|(from, length)| (*from..from + length).contains(&byte)))
        })
        .collect();
    ensure!(!outside.is_empty(), "nothing was written outside of the slots");
    let mut lot = Lot(SEED);
    let (mut done, mut journals, mut lost, mut firsts) = (0, 0, 0, [0; 3]);
    for (number, cut) in cuts(&writes, &outside, &mut lot).into_iter().enumerate() {
        let flushed = (0..cut).rev().find(|at| writes.all()[*at].flushes()).unwrap_or(0).max(done);
        for write in done..flushed {
            writes.apply(write, &disk, u64::MAX)?;
        }
        done = flushed;
        let mut before = Vec::new();
        for write in done..cut {
            if lot.below(2) == 0 {
                before.push(writes.apply(write, &disk, u64::MAX)?);
            } else {
                lost += 1;
            }
        }
        // The one that it was at: torn.
        before.push(writes.apply(cut, &disk, lot.below(writes.sectors(cut).max(1)))?);
        let at = || format!("cut {number}, at write {cut}");
        journals += usize::from(sound(world, &base).with_context(at)?);
        firsts[bootable(&base, &disk, &systems).with_context(at)?] += 1;
        if (number + 1) % (CUTS / STARTED) == 0 {
            let kept = world.out(&format!("cuts-start-{}.img", (number + 1) / (CUTS / STARTED)));
            run(Command::new("cp").arg("--sparse=always").arg(base.file()).arg(&kept))?;
        }
        for (at, bytes) in before.into_iter().rev().flatten() {
            disk.write_all_at(&bytes, at).context("the disk of the cuts")?;
        }
    }
    ensure!(journals > 0, "no cut left a journal: nothing was tried");
    ensure!(firsts.iter().all(|cuts| *cuts > 0), "the cuts miss a part of the update: {firsts:?}");
    world.report.fact("cuts_sound", CUTS);
    let [before, during, after] = firsts;
    Ok(format!(
        "{CUTS} of {CUTS}; {journals} with a journal, which verifies; {lost} writes lost by lot; {before} with both old systems to start, {during} with the one only \
         that does not change, {after} with the new one first"
    ))
}

/// That the loader's counters are whole, and every slot that it may start by them; gives 0 for both slots with the old system, 1 when there is only one,
/// 2 when the new one comes first.
fn bootable(base: &Disk, disk: &File, systems: &[System]) -> Result<usize> {
    base.counters_whole()?;
    let counters = base.counters()?;
    let value =
        |name: &str| counters.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default();
    let mut held = Vec::new();
    for slot in
        value("BOOT_ORDER").split_whitespace().filter(|slot| !matches!(value(&format!("BOOT_{slot}_LEFT")), "" | "0"))
    {
        let name = slot.to_lowercase();
        let mut whole = None;
        for system in systems {
            if same(base, disk, &format!("boot-{name}"), &system.boot)?
                && same(base, disk, &format!("rootfs-{name}"), &system.rootfs)?
            {
                whole = Some(system.name);
            }
        }
        held.push(
            whole.with_context(|| format!("slot {name} is half-written, and the loader may start it: {counters}"))?,
        );
    }
    match held.as_slice() {
        ["1.1", ..] => Ok(2),
        ["1.0", "1.0"] => Ok(0),
        ["1.0"] => Ok(1),
        _ => anyhow::bail!("{held:?} may be started: {counters}"),
    }
}

/// Whether a partition begins with these bytes.
fn same(base: &Disk, disk: &File, partition: &str, wanted: &[u8]) -> Result<bool> {
    let (at, _) = base.partition(partition)?;
    let mut piece = vec![0; 1 << 20];
    for (number, wanted) in wanted.chunks(piece.len()).enumerate() {
        let piece = &mut piece[..wanted.len()];
        disk.read_exact_at(piece, at + (number << 20) as u64).with_context(|| partition.to_owned())?;
        if piece != wanted {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the data partition that a cut left is sound; gives whether it has a journal.
fn sound(world: &World<'_>, disk: &Disk) -> Result<bool> {
    let (at, length) = disk.partition("data")?;
    let data = world.out("cuts-data.img");
    match std::fs::remove_file(&data) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => return Err(cause).context("the data partition"),
        _ => {}
    }
    let mut copy = Command::new("dd");
    copy.args(["bs=1M", "conv=sparse", "iflag=skip_bytes,count_bytes", "status=none"]);
    copy.arg(format!("if={}", disk.file().display())).arg(format!("of={}", data.display()));
    run(copy.arg(format!("skip={at}")).arg(format!("count={length}")))?;
    File::options().write(true).open(&data)?.set_len(length)?;
    // What a start does without asking anybody: the file system's own journal, files that were deleted while open, counts of what is free. Anything else is 4 or more.
    let repaired = Command::new("/usr/sbin/e2fsck")
        .args(["-f", "-p"])
        .arg(&data)
        .output()
        .context("e2fsck (apt-get install e2fsprogs)")?;
    let said = String::from_utf8_lossy(&repaired.stdout).into_owned();
    ensure!(repaired.status.code().is_some_and(|code| code <= 1), "its file system: {said}");
    run(Command::new("/usr/sbin/e2fsck").args(["-f", "-n"]).arg(&data)).context("its file system, repaired")?;
    let kept = world.folder("cuts-journal")?;
    let mut dump = Command::new("/usr/sbin/debugfs");
    run(dump.args(["-R", &format!("rdump /lib/campari/eye {}", kept.display())]).arg(&data))?;
    let state = kept.join("eye");
    let mut journal = false;
    if state.is_dir() {
        for file in std::fs::read_dir(&state)?
            .flatten()
            .filter(|file| file.file_name().to_string_lossy().starts_with("journal-"))
        {
            journal |= std::fs::read(file.path())?.contains(&b'\n');
        }
    }
    if journal {
        let beside = std::env::current_exe().context("this program's folder")?.with_file_name("campari");
        let verify = Command::new(beside).args(["journal", "verify"]).arg(&state).output().context("campari")?;
        let said = String::from_utf8_lossy(&verify.stdout).into_owned();
        ensure!(verify.status.success(), "its journal: {said}{}", String::from_utf8_lossy(&verify.stderr));
    }
    Ok(journal)
}

async fn start(world: &mut World<'_>) -> Result<String> {
    let mut took = Vec::new();
    for number in 1..=STARTED {
        world.machine = None;
        std::fs::rename(world.out(&format!("cuts-start-{number}.img")), world.disk.file())
            .context("the disk of a cut")?;
        let online = world.on(&format!("cuts-start-{number}")).await?;
        world.sure().await?;
        let (share, _) = world.grant().await?;
        world.revoke(share).await?;
        let slot = if world.said()?.contains("campari: slot b") { "b" } else { "a" };
        world.off().await?;
        took.push(format!("{online} (slot {slot})"));
    }
    Ok(format!("online after {} s", took.join(", ")))
}
