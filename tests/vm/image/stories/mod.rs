//! What the board goes through. Each story begins with a disk of its own.

mod bad;
mod cuts;
mod first;
mod killed;
mod provision;
mod update;

use crate::world::World;
use anyhow::Result;

/// A story, by the name that `--only` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Story {
    /// Loader, kernel, root, clock, a share, marked good; a bit turned over in root and kernel.
    First,
    /// A board fresh from the flasher becomes a camera, by way of a stick.
    Provision,
    /// Bundles by the stick: refused, installed, gone back from.
    Update,
    /// No camera, a full data partition, no time.
    Bad,
    /// kill -9, one daemon after the other.
    Killed,
    /// Power that fails at any write.
    Cuts,
}

impl Story {
    pub(crate) fn steps(self) -> &'static [&'static str] {
        match self {
            Self::First => &first::STEPS,
            Self::Provision => &provision::STEPS,
            Self::Update => &update::STEPS,
            Self::Bad => &bad::STEPS,
            Self::Killed => &killed::STEPS,
            Self::Cuts => &cuts::STEPS,
        }
    }

    /// Does one of its steps; gives what was seen.
    pub(crate) async fn step(self, world: &mut World<'_>, at: usize) -> Result<String> {
        match self {
            Self::First => first::step(world, at).await,
            Self::Provision => provision::step(world, at).await,
            Self::Update => update::step(world, at).await,
            Self::Bad => bad::step(world, at).await,
            Self::Killed => killed::step(world, at).await,
            Self::Cuts => cuts::step(world, at).await,
        }
    }
}
