//! Which board this is, as the kernel was told when it started.

use crate::{Profile, ProfileError};
use std::path::Path;

/// Where Linux shows the root node's `compatible`; x86-64 machines have no such file.
pub const DEVICE_TREE: &str = "/proc/device-tree/compatible";

impl Profile {
    /// The profile of the board that this program runs on, or [`Profile::desktop`] where no profile names it. `device_tree` is [`DEVICE_TREE`].
    ///
    /// # Errors
    /// None; see [`Profile::built_in`].
    pub fn of_this_board(device_tree: &Path) -> Result<Self, ProfileError> {
        // No device tree, or one that cannot be read, names no board.
        let compatible = std::fs::read(device_tree).unwrap_or_default();
        match Self::of_compatible(&compatible)? {
            Some(profile) => Ok(profile),
            None => Self::desktop(),
        }
    }
}
