//! The kernel's media devices: found by what they are, not by their number.

use crate::ioctl::{self, Lists};
use crate::setup::MediaError;
use crate::topology::{Entity, Link, Pad, Topology};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

const DEV: &str = "/dev";
const CHARACTER_DEVICES: &str = "/sys/dev/char";

/// An open media device.
pub(crate) struct MediaDevice {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
}

impl MediaDevice {
    /// The one whose driver, model or bus is `name`.
    pub(crate) fn find(name: &str) -> Result<Self, MediaError> {
        let mut seen = Vec::new();
        for path in candidates(Path::new(DEV)) {
            let Ok(file) = open(&path) else {
                seen.push(format!("{} (not readable)", path.display()));
                continue;
            };
            let Ok(info) = ioctl::info(file.as_fd()) else { continue };
            let (driver, model, bus) = (text(&info.driver), text(&info.model), text(&info.bus_info));
            if [&driver, &model, &bus].contains(&&name.to_owned()) {
                return Ok(Self { path, file });
            }
            seen.push(format!("{} ({driver}, {model}, {bus})", path.display()));
        }
        let there = if seen.is_empty() { "none".to_owned() } else { seen.join(", ") };
        Err(MediaError::Missing { name: name.to_owned(), there })
    }
    pub(crate) fn topology(&self) -> io::Result<Topology> {
        Ok(convert(&ioctl::topology(self.file.as_fd())?))
    }
}

fn candidates(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with("media")))
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
}

/// A subdevice by its numbers; udev is asked for nothing.
pub(crate) fn open_node((major, minor): (u32, u32)) -> io::Result<(PathBuf, File)> {
    let about = std::fs::read_to_string(format!("{CHARACTER_DEVICES}/{major}:{minor}/uevent"))?;
    let name = about.lines().find_map(|line| line.strip_prefix("DEVNAME="));
    let path = Path::new(DEV).join(name.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no device node"))?);
    let file = open(&path)?;
    Ok((path, file))
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

fn convert(lists: &Lists) -> Topology {
    let is_interface = |flags: u32| flags & ioctl::KIND == ioctl::KIND_INTERFACE;
    let node = |entity: u32| {
        let own = lists.links.iter().find(|link| is_interface(link.flags) && link.sink == entity)?;
        let interface = lists.interfaces.iter().find(|interface| interface.id == own.source)?;
        Some((interface.major, interface.minor))
    };
    Topology {
        entities: lists
            .entities
            .iter()
            .map(|entity| Entity { id: entity.id, name: text(&entity.name), node: node(entity.id) })
            .collect(),
        pads: lists
            .pads
            .iter()
            .map(|pad| Pad { id: pad.id, entity: pad.entity, index: u16::try_from(pad.index).unwrap_or(u16::MAX) })
            .collect(),
        links: lists
            .links
            .iter()
            .filter(|link| link.flags & ioctl::KIND == 0)
            .map(|link| Link {
                source: link.source,
                sink: link.sink,
                enabled: link.flags & ioctl::ENABLED != 0,
                immutable: link.flags & ioctl::IMMUTABLE != 0,
            })
            .collect(),
    }
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}
