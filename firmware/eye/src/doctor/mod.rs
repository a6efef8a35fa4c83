//! Holds a board against its profile, line by line, and says what to do where they differ; `--bench` measures what a frame costs beside what the
//! profile expects.
//!
//! Each check is one small function that says one thing. It changes nothing on the board: a watchdog is not armed, no output is moved; lines, camera and
//! encoder are let go again. It gives up the network before it looks, as the eye does. What needs no driver is `campari doctor`'s.

mod bench;
mod board;
mod camera;
mod detector;
mod encoder;
mod folders;
mod pins;

use crate::config::{Config, Source};
use board_profile::{CameraProfile, DEVICE_TREE, PinsProfile, Profile, ProfileError, WatchdogProfile};
use contract::doctor::{Check, Report};
use std::path::{Path, PathBuf};

/// What is held against the board.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The profile.
    pub profile: Profile,
    /// The configuration, where there is one already; what it states counts.
    pub config: Option<Config>,
    /// `models/manifest.toml`.
    pub manifest: PathBuf,
}

impl Asked {
    /// A profile by name or file; `None`: the board's own.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn of_profile(name: Option<&str>, manifest: PathBuf) -> Result<Self, ProfileError> {
        let profile = match name {
            Some(name) => Profile::open(name)?,
            None => Profile::of_this_board(Path::new(DEVICE_TREE))?,
        };
        Ok(Self { profile, config: None, manifest })
    }

    /// A configuration, and the profile that it names; the board's own when it names none.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn of_config(config: Config) -> Result<Self, ProfileError> {
        let profile = match &config.profile {
            Some(profile) => profile.clone(),
            None => Profile::of_this_board(Path::new(DEVICE_TREE))?,
        };
        Ok(Self { profile, manifest: config.detector.manifest.clone(), config: Some(config) })
    }

    fn setting(&self) -> &str {
        self.config.as_ref().map_or(self.profile.detector.setting.as_str(), Config::setting)
    }
    fn threads(&self) -> usize {
        self.config.as_ref().map_or(usize::from(self.profile.detector.threads), Config::threads)
    }
    fn cores(&self) -> &[u8] {
        self.config.as_ref().map_or(&self.profile.detector.cores, |config| config.cores())
    }
    fn pins(&self) -> PinsProfile {
        self.config.as_ref().map_or_else(|| self.profile.pins.clone(), Config::pins)
    }
    fn watchdog(&self) -> Option<&WatchdogProfile> {
        self.config.as_ref().map_or(self.profile.watchdog.as_ref(), Config::watchdog)
    }

    /// The camera that is wanted: the configuration's size and rate, else the profile's.
    fn camera(&self) -> Option<CameraProfile> {
        let stated = self.profile.camera.clone();
        match self.config.as_ref().map(|config| &config.source) {
            Some(Source::V4l2 { width, height, fps, .. }) => {
                let (names, formats) = stated.map(|camera| (camera.names, camera.formats)).unwrap_or_default();
                Some(CameraProfile { names, formats, width: *width, height: *height, fps: *fps })
            }
            _ => stated,
        }
    }
}

/// One line of the profile, or a few that belong together.
type Probe = fn(&Asked) -> Vec<Check>;

/// In the order of the profile. A check of something new is a function here.
const CHECKS: [Probe; 13] = [
    board::profile,
    camera::names,
    camera::isp,
    camera::opens,
    encoder::kind,
    detector::setting,
    detector::threads,
    detector::cores,
    board::budget,
    pins::lines,
    pins::watchdog,
    board::clock,
    folders::folders,
];

/// Checks everything; with `bench` also what a frame costs. Gives up the network first.
#[must_use]
pub fn examine(asked: &Asked, bench: bool) -> Report {
    let mut checks = vec![board::confinement()];
    checks.extend(CHECKS.iter().flat_map(|check| check(asked)));
    let mut report = Report { profile: asked.profile.name.clone(), checks, stages: Vec::new() };
    if bench {
        bench::measure(asked, &mut report);
    }
    report
}
