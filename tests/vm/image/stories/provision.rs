//! A board fresh from the flasher, a technician and a stick: nobody logs in.

use super::first;
use crate::stick::Stick;
use crate::world::{BOOT_WITHIN, PATIENCE, World, seconds};
use anyhow::{Context, Result, ensure};
use campari::stage::Said;
use contract::body::Presence;
use std::time::Instant;

pub(crate) const STEPS: [&str; 5] = [
    "a board without an identity says so, and is silent",
    "a stick tells it what to be: it makes its key and asks for a certificate",
    "the certificate comes back by the stick: the board is online",
    "its clock is right, and proven, by the time server of the stick",
    "a share on the provisioned board, from grant to revoke",
];

pub(crate) async fn step(world: &mut World<'_>, at: usize) -> Result<String> {
    match at {
        0 => without(world).await,
        1 => asks(world).await,
        2 => online(world).await,
        3 => first::clock(world).await,
        _ => {
            let (share, first_ms) = world.grant().await?;
            let last_ms = world.revoke(share).await?;
            Ok(format!("first picture after {first_ms} ms, last packet {last_ms} ms after the revoke"))
        }
    }
}

async fn without(world: &mut World<'_>) -> Result<String> {
    let image = world.options.out.join("image");
    world.flash(&image)?;
    let silent = world.stage.ledger().snapshot().datagrams;
    world.power("provision")?;
    world.hears("not provisioned yet: the slot stays as it is", 1, BOOT_WITHIN).await?;
    let said = world.hears("policy.roots (how many) = 0", 1, PATIENCE).await?;
    let online = |said: &Said| said.state.as_ref().is_some_and(|state| state.presence == Presence::Online);
    ensure!(!online(&world.stage.said()), "a board without an identity is online");
    ensure!(world.stage.ledger().snapshot().datagrams == silent, "a board without an identity sends");
    let line = said.lines().find(|line| line.contains("policy.roots")).unwrap_or_default();
    Ok(line.split("ERROR ").last().unwrap_or_default().trim().to_owned())
}

async fn asks(world: &mut World<'_>) -> Result<String> {
    let folder = world.folder("stick")?;
    campari::provision::prepare(&folder, &world.wanted("/dev/campari/vivid")?)?;
    let stick = Stick::new(&world.out("stick.img"), 64)?;
    stick.put_all(&folder.join("campari"))?;
    let report = world.offer(&stick, PATIENCE).await?;
    ensure!(report.contains("the request for a certificate is on the stick"), "the report on the stick: {report}");
    world.stick = Some(stick);
    Ok(report.trim().to_owned())
}

async fn online(world: &mut World<'_>) -> Result<String> {
    let stick = world.stick.take().context("no stick")?;
    let folder = world.folder("stick")?.join("campari");
    std::fs::create_dir(&folder)?;
    stick.take_all(&folder)?;
    for entry in std::fs::read_dir(&folder)? {
        let text = std::fs::read_to_string(entry?.path())?;
        ensure!(!text.contains("PRIVATE KEY"), "a private key is on the stick");
    }
    world.sign(&world.out("stick"))?;
    stick.put(&folder.join("board.cert.pem"))?;
    let began = Instant::now();
    let report = world.offer(&stick, PATIENCE).await?;
    ensure!(report.contains("this board is camera 613 now"), "the report on the stick: {report}");
    world.stage.ready(BOOT_WITHIN).await?;
    let seconds = seconds(began);
    world.report.fact("stick_to_online_s", seconds);
    Ok(format!("{seconds} s after it was put in, without a restart"))
}
