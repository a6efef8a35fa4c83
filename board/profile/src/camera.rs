//! The camera that a board has.

use serde::Deserialize;

/// The camera: what the driver calls it, what it must offer, and how the board is meant to be run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameraProfile {
    /// What drivers call their node (`/sys/class/video4linux/*/name`), which does not change with the order of loading as `/dev/video0` does; the
    /// first of these that is there. None stated: the one that the configuration names.
    #[serde(default)]
    pub names: Vec<String>,
    /// Pixel formats of which it must offer one at that size and rate, as V4L2 writes them; none stated: any that Campari reads.
    #[serde(default)]
    pub formats: Vec<String>,
    /// Pixels per line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Pictures a second, 1 to 120.
    #[serde(deserialize_with = "rate")]
    pub fps: u32,
}

fn rate<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let fps = u32::deserialize(from)?;
    if (1..=120).contains(&fps) {
        return Ok(fps);
    }
    Err(serde::de::Error::custom(format!("fps = {fps}; allowed: 1 to 120")))
}
