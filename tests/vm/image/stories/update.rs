//! Updates by bundle, from a stick, while the board is in use: refused, installed, gone back from.

use crate::stick::Stick;
use crate::world::{BOOT_WITHIN, INSTALL_WITHIN, PATIENCE, World, seconds};
use anyhow::{Context, Result, ensure};
use contract::EndReason;
use std::time::{Duration, Instant};

pub(crate) const STEPS: [&str; 9] = [
    "bundles are made and the board shares",
    "a bundle with a stranger's signature is refused",
    "a truncated bundle is refused",
    "a bundle for another board is refused",
    "a bundle of an older version is refused",
    "the board shared all the while",
    "a good bundle is installed; the share ends, told, and the board restarts into the other slot",
    "the new system is marked good by its masking self-test, and shares",
    "a bundle whose self-test fails is tried, not marked good, and gone back from",
];

pub(crate) async fn step(world: &mut World<'_>, at: usize) -> Result<String> {
    match at {
        0 => shares(world).await,
        1 => refused(world, "stranger", "signature verification failed").await,
        2 => refused(world, "truncated", "exceeds bundle size").await,
        3 => refused(world, "other-board", "compatible mismatch").await,
        4 => refused(world, "older", "version mismatch").await,
        5 => still(world),
        6 => installed(world).await,
        7 => marked_good(world).await,
        _ => gone_back(world).await,
    }
}

async fn shares(world: &mut World<'_>) -> Result<String> {
    let next = world.system("next", "1.1", &[])?;
    world.system("blind", "1.2", &["BLIND"])?;
    let small = world.folder("image-small")?;
    // What is refused is the beginning of a system only: were it taken, the board would not start from it.
    for part in ["rootfs.img", "boot.img"] {
        let whole = std::fs::read(world.out("image-next").join(part))?;
        std::fs::write(small.join(part), whole.get(..1 << 20).context("an image of some length")?)?;
    }
    world.bundle(&small, "1.1", &[("SIGNER", "unknown")], &world.out("stranger.raucb"))?;
    world.bundle(&small, "1.1", &[("COMPATIBLE", "campari-rockchip-rk3588-evb")], &world.out("other-board.raucb"))?;
    world.bundle(&small, "0.9", &[], &world.out("older.raucb"))?;
    let whole = std::fs::read(next)?;
    std::fs::write(world.out("truncated.raucb"), whole.get(..whole.len() / 2).context("a bundle of some length")?)?;
    world.flash_provisioned("/dev/campari/vivid", &[])?;
    world.on("update").await?;
    world.counted(&["BOOT_A_LEFT=3"]).await?;
    world.sure().await?;
    world.share = Some(world.grant().await?.0);
    Ok(format!("1.0 runs and shares; the bundle of 1.1 has {} MiB", whole.len() >> 20))
}

/// Puts a bundle in; gives what the board says of it, when it refuses it for `reason`.
async fn refused(world: &mut World<'_>, bundle: &str, reason: &str) -> Result<String> {
    let (stick, name) = (Stick::new(&world.out("stick.img"), 512)?, format!("{bundle}.raucb"));
    stick.put(&world.out(&name))?;
    let report = world.offer(&stick, INSTALL_WITHIN).await?;
    let why = report.lines().find(|line| line.contains("refused")).context("no refusal in the report")?.to_owned();
    let told = why.to_lowercase();
    ensure!(told.contains(reason), "refused, but for what? {report}");
    let counters = world.disk.counters()?;
    ensure!(counters.contains("BOOT_ORDER=A B"), "the loader would start another slot: {counters}");
    ensure!(world.stage.eye_state()?.shares.len() == 1, "the share is over");
    Ok(why)
}

fn still(world: &mut World<'_>) -> Result<String> {
    let share = world.share.clone().context("no share")?;
    let said = world.stage.said();
    ensure!(said.logged(&share, "ended").is_none(), "the share ended");
    let last = world.stage.ledger().snapshot().last_datagram.context("no packet ever came")?;
    ensure!(last.elapsed() < PATIENCE, "no packet for {} s", last.elapsed().as_secs());
    Ok(format!("{} pictures so far", world.stage.ledger().snapshot().units))
}

async fn installed(world: &mut World<'_>) -> Result<String> {
    let share = world.share.take().context("no share")?;
    let stick = Stick::new(&world.out("stick.img"), 512)?;
    stick.put(&world.out("next.raucb"))?;
    let began = Instant::now();
    let report = world.offer(&stick, INSTALL_WITHIN).await?;
    ensure!(report.contains("next.raucb: installed"), "the report on the stick: {report}");
    let took = seconds(began);
    let reason = world.ended(&share).await?;
    ensure!(reason == EndReason::Maintenance, "ended for {reason:?}");
    let ended = Instant::now();
    world.offline("the board leaves").await?;
    world.hears("campari: slot b", 1, BOOT_WITHIN).await?;
    let late = world.stage.ledger().snapshot().last_datagram.is_some_and(|last| last > ended + Duration::from_secs(1));
    ensure!(!late, "pictures came after the share had ended");
    world.stage.ready(BOOT_WITHIN).await?;
    let back = seconds(began);
    world.report.fact("update_install_s", took);
    world.report.fact("update_to_online_s", back);
    Ok(format!("installed after {took} s, the share ended ({reason:?}), slot b online after {back} s"))
}

async fn marked_good(world: &mut World<'_>) -> Result<String> {
    let counters = world.counted(&["BOOT_ORDER=B A", "BOOT_B_LEFT=3"]).await?;
    world.sure().await?;
    let (share, first_ms) = world.grant().await?;
    let last_ms = world.revoke(share).await?;
    Ok(format!("{counters}; first picture after {first_ms} ms, last packet {last_ms} ms after the revoke"))
}

async fn gone_back(world: &mut World<'_>) -> Result<String> {
    let stick = Stick::new(&world.out("stick.img"), 512)?;
    stick.put(&world.out("blind.raucb"))?;
    world.machine()?.put_in(stick.file())?;
    world.hears("blind.raucb: installed", 1, INSTALL_WITHIN).await?;
    // The stick stays in: what was tried is not tried again.
    let began = Instant::now();
    world.hears("not marked good: the masking self-test did not pass", 1, BOOT_WITHIN * 2).await?;
    world.hears("campari: slot b", 2, BOOT_WITHIN).await?;
    world.stage.ready(BOOT_WITHIN).await?;
    let back = seconds(began);
    let counters = world.counted(&["BOOT_A_LEFT=0", "BOOT_B_LEFT=3"]).await?;
    let said = world.hears("blind.raucb: was installed before", 1, PATIENCE).await?;
    ensure!(said.matches("campari: slot a").count() == 2, "slot a was started once at first, and once for the bundle");
    world.sure().await?;
    let (share, _) = world.grant().await?;
    world.revoke(share).await?;
    world.report.fact("rollback_to_online_s", back);
    Ok(format!("back in slot b and sharing {back} s after it was installed: {counters}"))
}
