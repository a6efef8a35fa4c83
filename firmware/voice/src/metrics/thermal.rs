//! How warm the board says that it is: Linux's thermal zones (Documentation/ABI/testing/sysfs-class-thermal), each a name and thousandths of a degree.
//!
//! A board without any has none; a zone that cannot be read at a moment is left out of that page.

use std::path::Path;

/// Most zones that are told.
const MOST: usize = 16;

/// One zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Temperature {
    /// As the system numbers it, `thermal_zone0`.
    pub zone: String,
    /// What the board's description calls it, `cpu-thermal`.
    pub kind: String,
    /// Degrees.
    pub celsius: f64,
}

/// All zones under `folder`, in the order of their names. Reads files, and a sensor may take some milliseconds.
#[must_use]
pub fn read(folder: &Path) -> Vec<Temperature> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut zones: Vec<Temperature> =
        entries.flatten().take(8 * MOST).filter_map(|entry| zone(&entry.path())).collect();
    zones.sort_by(|one, other| one.zone.cmp(&other.zone));
    zones.truncate(MOST);
    zones
}

fn zone(folder: &Path) -> Option<Temperature> {
    let zone = folder.file_name()?.to_str().filter(|name| name.starts_with("thermal_zone"))?.to_owned();
    let said = |name: &str| std::fs::read_to_string(folder.join(name)).ok().map(|text| text.trim().to_owned());
    let thousandths: i32 = said("temp")?.parse().ok()?;
    Some(Temperature { zone, kind: said("type").unwrap_or_default(), celsius: f64::from(thousandths) / 1000.0 })
}
