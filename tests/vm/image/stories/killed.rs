//! kill -9, one daemon after the other, on the development image: the production image has nobody who could do it.

use crate::world::{self, PATIENCE, World, seconds};
use anyhow::{Context, Result, ensure};
use campari::stage::Said;
use std::time::{Duration, Instant};

/// What a share needs, and whether it ends with it. Not tried: dbus, logind and RAUC, which no share needs.
const DAEMONS: [(&str, bool); 7] = [
    ("campari-eye", true),
    ("campari-voice", true),
    ("chronyd", false),
    ("systemd-networkd", false),
    ("systemd-resolved", false),
    ("systemd-journald", false),
    ("systemd-udevd", false),
];
/// A command in the machine.
const COMMAND_WITHIN: Duration = Duration::from_secs(120);

pub(crate) const STEPS: [&str; 2] = [
    "the development image is online with a development identity",
    "eye, voice and five of the system's daemons killed during shares: back by themselves, and shares anew",
];

pub(crate) async fn step(world: &mut World<'_>, at: usize) -> Result<String> {
    match at {
        0 => online(world).await,
        _ => killed(world).await,
    }
}

async fn online(world: &mut World<'_>) -> Result<String> {
    let image = world.out("image-dev");
    world::build(world.options, world::VERSION, &image, &["DEVELOPMENT"])?;
    world.flash(&image)?;
    let identity = world.identity("/dev/campari/vivid")?;
    std::fs::write(identity.join("development"), "a board on a desk\n")?;
    world.data(&identity, &[])?;
    world.shell = true;
    let seconds = world.on("killed").await?;
    // A system whose daemons die before it is marked good is gone back from; that is another story.
    world.counted(&["BOOT_A_LEFT=3"]).await?;
    world.sure().await?;
    world.machine()?.shell("true", COMMAND_WITHIN)?;
    Ok(format!("{seconds} s from power on"))
}

/// The daemon's process, when it runs.
fn pid(world: &mut World<'_>, daemon: &str) -> Result<u32> {
    let said = world.machine()?.shell(&format!("echo pid=$(systemctl show -P MainPID {daemon})."), COMMAND_WITHIN)?;
    let number = said.rsplit("pid=").find_map(|rest| rest.split_once('.').and_then(|(pid, _)| pid.parse().ok()));
    number.with_context(|| format!("the process of {daemon}: {said}"))
}

async fn killed(world: &mut World<'_>) -> Result<String> {
    let mut took = Vec::new();
    for (daemon, ends) in DAEMONS {
        world.sure().await?;
        let (share, _) = world.grant().await?;
        let before = pid(world, daemon)?;
        ensure!(before != 0, "{daemon} does not run");
        let killed = Instant::now();
        world.machine()?.shell(&format!("kill -9 {before}"), COMMAND_WITHIN)?;
        while {
            let now = pid(world, daemon)?;
            now == 0 || now == before
        } {
            ensure!(killed.elapsed() < PATIENCE, "{daemon} did not come back");
        }
        took.push(format!("{daemon} {}", seconds(killed)));
        if ends {
            world.ended(&share).await?;
            // What was retained before is not the state of the one that came back.
            let anew =
                |said: &Said| said.eye().is_some_and(|eye| eye.shares.iter().all(|running| running.jti != share));
            world.stage.until("a state without the share", PATIENCE, anew).await?;
            world.stage.ready(PATIENCE).await?;
            world.sure().await?;
            let (anew, _) = world.grant().await?;
            world.revoke(anew).await?;
        } else {
            world.revoke(share).await.with_context(|| format!("a share while {daemon} was killed"))?;
        }
    }
    Ok(format!("seen back, in seconds: {}", took.join(", ")))
}
