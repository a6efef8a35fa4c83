//! The board as it is every day, and with a bit turned over.

use crate::machine::{Machine, Plan};
use crate::world::{BOOT_WITHIN, World};
use anyhow::{Context, Result, ensure};
use std::time::{Duration, Instant};

pub(crate) const STEPS: [&str; 6] = [
    "the loader takes a signed kernel, the board is online on its verified root",
    "its clock is right, and proven",
    "a share from grant to revoke",
    "marked good by the masking self-test",
    "a bit turned over in the root: noticed, and the other slot starts",
    "a bit turned over in the kernel: the loader does not start it",
];

pub(crate) async fn step(world: &mut World<'_>, at: usize) -> Result<String> {
    match at {
        0 => boots(world).await,
        1 => clock(world).await,
        2 => share(world).await,
        // RAUC gives a good slot all its starts back; the loader had taken one.
        3 => world.counted(&["BOOT_A_LEFT=3"]).await,
        4 => broken_root(world).await,
        _ => broken_kernel(world),
    }
}

async fn boots(world: &mut World<'_>) -> Result<String> {
    world.flash_provisioned("/dev/campari/vivid", &[])?;
    let seconds = world.on("first-1").await?;
    world.report.fact("boot_to_online_s", seconds);
    let said = world.said()?;
    ensure!(said.contains("campari: slot a"), "the loader did not choose slot a");
    ensure!(said.contains("sha256,rsa4096:campari+ OK"), "the loader did not check the kernel's signature");
    ensure!(!said.contains("login:"), "somebody may log in at the console");
    Ok(format!("{seconds} s from power on"))
}

pub(super) async fn clock(world: &mut World<'_>) -> Result<String> {
    world.sure().await?;
    let board = world.stage.eye_state()?.now;
    let here = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    // State is told every five seconds.
    ensure!(here.abs_diff(board) <= 10, "the board's clock is {} s off", here.abs_diff(board));
    Ok("NTS".into())
}

async fn share(world: &mut World<'_>) -> Result<String> {
    let silent = world.stage.ledger().snapshot().datagrams;
    ensure!(silent == 0, "{silent} datagrams came without a grant");
    let (share, first_ms) = world.grant().await?;
    let last_ms = world.revoke(share).await?;
    world.report.fact("grant_to_first_picture_ms", first_ms);
    world.report.fact("revoke_to_last_packet_ms", last_ms);
    Ok(format!("first picture after {first_ms} ms, last packet {last_ms} ms after the revoke"))
}

async fn broken_root(world: &mut World<'_>) -> Result<String> {
    world.off().await?;
    // Of the voice, without which a board is not online: where its program begins, which is read whatever it does.
    let voice = std::fs::read(world.options.programs.join("campari-voice")).context("the voice's program")?;
    let piece = voice.get(..64).context("a program of some length")?;
    world.disk.flip("rootfs-a", piece)?;
    world.disk.set_counters(1, 3)?;
    let seconds = world.on("first-2").await?;
    let said = world.said()?;
    ensure!(said.contains("campari: slot a") && said.contains("campari: slot b"), "slot b did not start after slot a");
    world.report.fact("broken_root_to_online_s", seconds);
    Ok(format!("online from slot b {seconds} s after power on, with both starts in it"))
}

fn broken_kernel(world: &mut World<'_>) -> Result<String> {
    world.machine = None;
    let fit = std::fs::read(world.image.join("boot.img")).context("the signed kernel")?;
    let piece = fit.get(fit.len() / 2..fit.len() / 2 + 64).context("a kernel of some length")?;
    world.disk.flip("boot-a", piece)?;
    world.disk.set_counters(2, 0)?;
    let console = world.out("first-3.log");
    let (image, disk) = (&world.image, world.disk.file());
    let plan = Plan { image, disk, console: &console, clock: None, writes: None, shell: false };
    let mut machine = Machine::boot(&plan)?;
    let until = Instant::now() + BOOT_WITHIN;
    // Twice, as often as the counters allow; then the loader gives both slots their starts back and begins anew.
    while machine.said()?.matches("campari: slot a").count() < 2 {
        ensure!(Instant::now() < until, "the loader does not try again: {}", console.display());
        std::thread::sleep(Duration::from_millis(200));
    }
    let said = machine.said()?;
    ensure!(said.contains("Bad hash") || said.contains("error!"), "the loader says nothing of a broken kernel");
    ensure!(!said.contains("Starting kernel"), "a broken kernel was started");
    Ok("refused, and tried anew".into())
}
