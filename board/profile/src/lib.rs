//! What a board can afford, as `board/profiles/*.toml` states it: one file per supported board, built into the programs, or a file of one's own.
//!
//! A profile only gives defaults: what a configuration or a command line says itself, counts.
#![forbid(unsafe_code)]

mod budget;
mod camera;
mod device_tree;
mod encoder;
mod error;
mod isp;
mod pins;

pub use budget::{Budget, interval_ms};
pub use camera::CameraProfile;
pub use device_tree::DEVICE_TREE;
pub use encoder::{EncoderKind, EncoderOrder};
pub use error::ProfileError;
pub use isp::{Crop, IspProfile, MediaGraph, MediaLink, PadFormat, Tuning};
pub use pins::{Bias, Line, On, Pin, PinsProfile, WatchdogProfile};

use contract::FilterRates;
use serde::Deserialize;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// The profiles that the programs know by name.
const BUILT_IN: [(&str, &str); 5] = [
    ("rk3588", include_str!("../../profiles/rk3588.toml")),
    ("rk3568", include_str!("../../profiles/rk3568.toml")),
    ("rv1126b", include_str!("../../profiles/rv1126b.toml")),
    ("vm", include_str!("../../profiles/vm.toml")),
    (DESKTOP, include_str!("../../profiles/desktop.toml")),
];
/// What stands in where no other profile fits.
const DESKTOP: &str = "desktop";
/// Most threads of one inference.
const MAX_THREADS: u8 = 8;

/// What a board can afford.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What it is asked for by.
    pub name: String,
    /// For people: which board, and what counts about it.
    pub description: String,
    /// Entries of a device tree's `compatible` (Devicetree Specification 0.4, 2.3.1) by which a board is known to be this one.
    #[serde(default)]
    pub compatible: Vec<String>,
    /// The camera that it has.
    #[serde(default)]
    pub camera: Option<CameraProfile>,
    /// Which network, and how hard it may work.
    pub detector: DetectorProfile,
    /// Which encoder.
    #[serde(default)]
    pub encoder: EncoderProfile,
    /// Pictures a second of each filter.
    #[serde(default)]
    pub fps: FilterRates,
    /// What a frame may cost.
    #[serde(default)]
    pub budget: Option<Budget>,
    /// The way from the camera's sensor.
    #[serde(default)]
    pub isp: IspProfile,
    /// Where the board's pins are.
    #[serde(default)]
    pub pins: PinsProfile,
    /// The board's own watchdog.
    #[serde(default)]
    pub watchdog: Option<WatchdogProfile>,
}

/// Which encoder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderProfile {
    /// The encoders to try, the best one first.
    #[serde(default)]
    pub kind: EncoderOrder,
}

/// Which network, and how hard it may work.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorProfile {
    /// Which of the manifest's models.
    pub setting: Setting,
    /// Threads for one inference, 1 to 8.
    pub threads: u8,
    /// The cores that it is kept to, by number; none stated: wherever the system likes.
    #[serde(default)]
    pub cores: Vec<u8>,
}

/// Which of the manifest's models, from the one that misses least to the one that costs least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are the manifest's; models/cards says what each can do")]
pub enum Setting {
    Full,
    Fast,
    Light,
}

impl Setting {
    /// As the manifest writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Setting::Full => "full",
            Setting::Fast => "fast",
            Setting::Light => "light",
        }
    }
}

impl fmt::Display for Profile {
    /// Name and description.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.description)
    }
}

impl Profile {
    /// The built-in profile of that name, or else the file of that path (which has a slash or a dot in it, as no name has).
    ///
    /// # Errors
    /// [`ProfileError`]: the names that there are, or the file's fault with its line.
    pub fn open(name_or_file: &str) -> Result<Self, ProfileError> {
        if let Some((name, text)) = BUILT_IN.iter().find(|(name, _)| *name == name_or_file) {
            return Self::parse(name, text);
        }
        if !name_or_file.contains(['/', '.']) {
            return Err(ProfileError::Unknown { name: name_or_file.to_owned(), known: names() });
        }
        let text = std::fs::read_to_string(Path::new(name_or_file))
            .map_err(|cause| ProfileError::Unreadable { file: name_or_file.to_owned(), cause })?;
        Self::parse(name_or_file, &text)
    }

    /// Reads and checks a text; `file` is only for the error.
    ///
    /// # Errors
    /// [`ProfileError::Malformed`] with line and what is allowed, [`ProfileError::Threads`], [`ProfileError::Budget`].
    pub fn parse(file: &str, text: &str) -> Result<Self, ProfileError> {
        let profile: Self =
            toml::from_str(text).map_err(|cause| ProfileError::Malformed { file: file.to_owned(), cause })?;
        if profile.budget.is_some() && profile.camera.is_none() {
            return Err(ProfileError::BudgetOfNothing { file: file.to_owned() });
        }
        if let Some((stage, ms)) =
            profile.budget.and_then(|b| b.stages().into_iter().find(|(_, ms)| !(0.0..=10_000.0).contains(ms)))
        {
            return Err(ProfileError::Budget { file: file.to_owned(), stage, ms });
        }
        let threads = profile.detector.threads;
        if !(1..=MAX_THREADS).contains(&threads) {
            return Err(ProfileError::Threads { file: file.to_owned(), threads, most: MAX_THREADS });
        }
        Ok(profile)
    }

    /// The profile for machines that no other one names.
    ///
    /// # Errors
    /// None; see [`Profile::built_in`].
    pub fn desktop() -> Result<Self, ProfileError> {
        Self::open(DESKTOP)
    }

    /// How long a frame may wait for its own detections; `None` without a budget.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        Some(self.budget?.wait(self.camera.as_ref()?))
    }

    /// All profiles that are built in.
    ///
    /// # Errors
    /// None in a build that passed its tests: they read every built-in profile.
    pub fn built_in() -> Result<Vec<Self>, ProfileError> {
        BUILT_IN.iter().map(|(name, text)| Self::parse(name, text)).collect()
    }

    /// The built-in profile of a board whose device tree says `compatible`: strings that each end with a zero byte, the most particular one first.
    /// `None` when no profile names such a board.
    ///
    /// # Errors
    /// None; see [`Profile::built_in`].
    pub fn of_compatible(compatible: &[u8]) -> Result<Option<Self>, ProfileError> {
        let profiles = Self::built_in()?;
        let mut entries = compatible.split(|byte| *byte == 0).filter(|entry| !entry.is_empty());
        Ok(entries.find_map(|entry| {
            let names = |profile: &&Self| profile.compatible.iter().any(|own| own.as_bytes() == entry);
            profiles.iter().find(names).cloned()
        }))
    }
}

fn names() -> String {
    BUILT_IN.map(|(name, _)| name).join(", ")
}
