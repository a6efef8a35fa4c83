//! A camera behind an image signal processor: the media graph in front of the capture device, and the service that tunes its pictures.

use serde::Deserialize;
use std::fmt;
use std::path::PathBuf;

/// What a profile says of the way from the sensor; nothing for cameras that need none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IspProfile {
    /// The way from the sensor to the device.
    #[serde(default)]
    pub media: Option<MediaGraph>,
    /// Who sets exposure and white balance.
    #[serde(default)]
    pub tuning: Option<Tuning>,
}

/// The way from a sensor to a capture device, through the kernel's media controller.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MediaGraph {
    /// The media device: its driver, model or bus as `media-ctl -p` prints them.
    pub device: String,
    /// Links to enable or disable, in this order.
    #[serde(default)]
    pub links: Vec<MediaLink>,
    /// Formats to set, in this order: from the sensor on.
    #[serde(default)]
    pub formats: Vec<PadFormat>,
}

/// A link between two pads.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MediaLink {
    /// Entity that sends.
    pub from: String,
    /// Its pad.
    pub from_pad: u16,
    /// Entity that receives.
    pub to: String,
    /// Its pad.
    pub to_pad: u16,
    /// Whether pictures go this way.
    #[serde(default = "enabled")]
    pub enabled: bool,
}

fn enabled() -> bool {
    true
}

/// What passes a pad.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PadFormat {
    /// Entity.
    pub entity: String,
    /// Its pad.
    pub pad: u16,
    /// Media bus code (`MEDIA_BUS_FMT_*` of linux/media-bus-format.h), for example 0x300f for SRGGB10_1X10.
    pub code: u32,
    /// Pixels per line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// The part of it that goes on.
    #[serde(default)]
    pub crop: Option<Crop>,
}

/// A part of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "a rectangle in pixels")]
pub struct Crop {
    pub left: i32,
    pub top: i32,
    pub width: u32,
    pub height: u32,
}

impl fmt::Display for Crop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{} at {},{}", self.width, self.height, self.left, self.top)
    }
}

/// The vendor's service for exposure, white balance and focus ("3A"), without which an ISP's picture is dark and green.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    /// The name of its process, as `ps` prints it: `rkaiq_3A_server`.
    pub process: String,
    /// Where its tuning files lie: `/etc/iqfiles`.
    pub files: PathBuf,
    /// How the names of the files of this sensor begin: `imx415`.
    pub sensor: String,
}
