//! What is missing or full: the board boots, says what is wrong, and shares nothing that it should not.

use crate::world::{BOOT_WITHIN, PATIENCE, World};
use anyhow::{Context, Result, ensure};
use campari::stage::Said;
use contract::Rung;

pub(crate) const STEPS: [&str; 3] = [
    "no camera: online, dark, says so, no camera's picture",
    "a full data partition: online, says so, grants nothing",
    "a clock at 1970 and no time server: online, says so, grants nothing",
];

pub(crate) async fn step(world: &mut World<'_>, at: usize) -> Result<String> {
    match at {
        0 => no_camera(world).await,
        1 => full(world).await,
        _ => no_time(world).await,
    }
}

async fn no_camera(world: &mut World<'_>) -> Result<String> {
    world.flash_provisioned("/dev/campari/none", &[])?;
    world.power("bad-camera")?;
    let dark = |said: &Said| said.eye().is_some_and(|eye| eye.ladder == Rung::Dark && eye.ladder_reason.is_some());
    let said = world.stage.until("the board says that it sees nothing", BOOT_WITHIN, dark).await?;
    let state = said.eye().context("no state")?.clone();
    let console = world.hears("/dev/campari/none", 1, PATIENCE).await?;
    let line = console.lines().find(|line| line.contains("/dev/campari/none")).unwrap_or_default().trim().to_owned();
    let silent = world.stage.ledger().snapshot().datagrams;
    world.off().await?;
    ensure!(world.stage.ledger().snapshot().datagrams == silent, "packets without a grant");
    Ok(format!("MQTT: dark, {}; console: {line}", state.ladder_reason.unwrap_or_default()))
}

/// Grants, expects a refusal; gives what the board said.
async fn refuses(world: &World<'_>) -> Result<String> {
    let before = world.stage.ledger().snapshot().datagrams;
    let outcome = world.stage.grant(world.stage.order()).await?;
    ensure!(!outcome.answer.ok, "granted: {outcome:?}");
    let error = outcome.answer.error.context("a refusal without a reason")?;
    ensure!(world.stage.ledger().snapshot().datagrams == before, "packets without a grant");
    Ok(format!("{:?}: {}", error.code, error.detail))
}

async fn full(world: &mut World<'_>) -> Result<String> {
    world.flash_provisioned("/dev/campari/vivid", &["FULL"])?;
    world.power("bad-full")?;
    let told = |said: &Said| said.eye().is_some_and(|eye| eye.journal_fault.is_some());
    let said = world.stage.until("the board says that its journal cannot be written", BOOT_WITHIN, told).await?;
    let fault = said.eye().and_then(|eye| eye.journal_fault.clone()).context("no fault")?;
    world.hears("nobody may watch until it can", 1, PATIENCE).await?;
    let refusal = refuses(world).await?;
    world.off().await?;
    Ok(format!("MQTT: {fault}; a grant: {refusal}"))
}

async fn no_time(world: &mut World<'_>) -> Result<String> {
    world.flash_provisioned("/dev/campari/vivid", &[])?;
    world.time = None;
    world.clock = Some("1970-01-01T00:00:00");
    world.power("bad-time")?;
    let said = world
        .stage
        .until("the board says that it does not know the time", BOOT_WITHIN, |said| said.eye().is_some())
        .await?;
    ensure!(said.eye().is_some_and(|eye| !eye.clock_synchronised), "it believes its clock");
    world.hears("the clock is not synchronised; nothing is granted", 1, PATIENCE).await?;
    let refusal = refuses(world).await?;
    let state = world.stage.eye_state()?;
    ensure!(!state.clock_synchronised, "it believes its clock");
    world.off().await?;
    Ok(format!("{} is its time; a grant: {refusal}", state.now))
}
