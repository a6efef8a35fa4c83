//! From profile to kernel.

use crate::device::{MediaDevice, open_node};
use crate::ioctl;
use board_profile::{MediaGraph, PadFormat};
use std::io;
use std::os::fd::AsFd;

/// Why a graph is not as the profile says.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// No such media device.
    #[error("media device \"{name}\": not there; there are: {there}")]
    Missing {
        /// Driver, model or bus, as the profile names it.
        name: String,
        /// Those that there are.
        there: String,
    },
    /// The profile names what the graph does not have.
    #[error("media device {device}: {cause}")]
    Unknown {
        /// Its node.
        device: String,
        /// What, and what there is instead.
        cause: String,
    },
    /// The kernel refuses.
    #[error("media device {device}: {doing}: {cause}")]
    Failed {
        /// Its node.
        device: String,
        /// What was tried.
        doing: String,
        /// What the system said.
        cause: io::Error,
    },
    /// The driver made something else of it.
    #[error("media device {device}: {doing}: the driver made {made} of it")]
    Other {
        /// Its node.
        device: String,
        /// What was asked.
        doing: String,
        /// What became of it.
        made: String,
    },
}

/// Enables the links and sets the formats of `graph`, in its order. What is right already is left alone; other links are not touched.
///
/// # Errors
/// [`MediaError`], one line that names device, entity and pad.
pub fn setup(graph: &MediaGraph) -> Result<(), MediaError> {
    let media = MediaDevice::find(&graph.device)?;
    let device = media.path.display().to_string();
    let failed = |doing: String| {
        let device = device.clone();
        move |cause| MediaError::Failed { device, doing, cause }
    };
    let unknown = |cause| MediaError::Unknown { device: device.clone(), cause };
    let topology = media.topology().map_err(failed("read its graph".to_owned()))?;
    for wanted in &graph.links {
        let found = topology.link(wanted).map_err(unknown)?;
        if found.link.enabled == wanted.enabled {
            continue;
        }
        let verb = if wanted.enabled { "enable" } else { "disable" };
        let doing = format!("{verb} \"{}\":{} -> \"{}\":{}", wanted.from, wanted.from_pad, wanted.to, wanted.to_pad);
        let flags = if wanted.enabled { ioctl::ENABLED } else { 0 };
        let pad = |pad: crate::topology::Pad| (pad.entity, pad.index);
        ioctl::set_link(media.file.as_fd(), pad(found.source), pad(found.sink), flags).map_err(failed(doing))?;
    }
    for format in &graph.formats {
        let entity = topology.entity(&format.entity).map_err(unknown)?;
        let node = entity.node.ok_or_else(|| unknown(format!("\"{}\" has no device node", format.entity)))?;
        set_pad(&device, node, format)?;
    }
    tracing::info!(device, links = graph.links.len(), formats = graph.formats.len(), "the media graph is set up");
    Ok(())
}

fn set_pad(device: &str, node: (u32, u32), format: &PadFormat) -> Result<(), MediaError> {
    let PadFormat { entity, pad, code, width, height, crop } = format;
    let failed = |doing: String| {
        let device = device.to_owned();
        move |cause| MediaError::Failed { device, doing, cause }
    };
    let other = |doing, made| MediaError::Other { device: device.to_owned(), doing, made };
    let (path, subdevice) = open_node(node).map_err(failed(format!("open \"{entity}\"")))?;
    let doing = || format!("set \"{entity}\":{pad} ({}) to {code:#06x} {width}x{height}", path.display());
    let made = ioctl::set_format(subdevice.as_fd(), *pad, *code, *width, *height).map_err(failed(doing()))?;
    if made != (*code, *width, *height) {
        return Err(other(doing(), format!("{:#06x} {}x{}", made.0, made.1, made.2)));
    }
    let Some(crop) = crop else { return Ok(()) };
    let asked = (crop.left, crop.top, crop.width, crop.height);
    let doing = || format!("crop \"{entity}\":{pad} ({}) to {crop}", path.display());
    let made = ioctl::set_crop(subdevice.as_fd(), *pad, asked).map_err(failed(doing()))?;
    if made != asked {
        return Err(other(doing(), format!("{}x{} at {},{}", made.2, made.3, made.0, made.1)));
    }
    Ok(())
}
