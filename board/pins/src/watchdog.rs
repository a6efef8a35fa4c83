//! `/dev/watchdog*` (Linux `Documentation/watchdog/watchdog-api.rst`): opening it arms it, a byte tells it that all is well, the byte `V` before
//! closing disarms it. A process that dies leaves it armed, so that the board starts anew unless the next eye is quick enough.

use board_profile::WatchdogProfile;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;

mod ioctl {
    nix::ioctl_readwrite!(set_timeout, b'W', 6, nix::libc::c_int);
}

/// An armed watchdog.
#[derive(Debug)]
pub struct Watchdog {
    file: File,
}

impl Watchdog {
    /// Arms it.
    ///
    /// # Errors
    /// What is wrong and what to do, for people.
    pub fn open(profile: &WatchdogProfile) -> Result<Self, String> {
        let path = profile.device.display();
        let file = OpenOptions::new().write(true).open(&profile.device).map_err(|cause| {
            let hint = match cause.kind() {
                std::io::ErrorKind::NotFound => "; load the board's watchdog driver, or take [watchdog] out",
                std::io::ErrorKind::PermissionDenied => "; the eye's user needs write access to it",
                std::io::ErrorKind::ResourceBusy => {
                    "; somebody has it: the service manager perhaps (RuntimeWatchdogSec=), which then needs another one"
                }
                _ => "",
            };
            format!("{path}: {cause}{hint}")
        })?;
        let mut seconds = i32::try_from(profile.timeout_s).unwrap_or(i32::MAX);
        // SAFETY: the descriptor is open for the whole call, and WDIOC_SETTIMEOUT reads and writes one int, which `seconds` is.
        let set = unsafe { ioctl::set_timeout(file.as_raw_fd(), &raw mut seconds) };
        let mut armed = Self { file };
        if let Err(cause) = set {
            // Some watchdogs have one fixed time; that is no reason to go without.
            tracing::warn!(%cause, device = %path, "the watchdog keeps its own time");
        }
        armed.kick().map_err(|cause| format!("{path}: {cause}"))?;
        Ok(armed)
    }

    /// All is well.
    ///
    /// # Errors
    /// What the system says.
    pub fn kick(&mut self) -> std::io::Result<()> {
        self.file.write_all(&[0])
    }

    /// It no longer waits to be told; a driver that was built not to let go (`nowayout`) goes on waiting.
    pub fn disarm(mut self) {
        if let Err(error) = self.file.write_all(b"V") {
            tracing::warn!(%error, "the watchdog stays armed");
        }
    }
}
