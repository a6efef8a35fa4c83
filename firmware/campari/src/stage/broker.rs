//! Mosquitto as a stage's broker, from the files that a deployment starts from (`tests/brokers/mosquitto`): only places and ports differ.
//!
//! `/etc/mosquitto` is not touched; everything is in the stage's folder. Tested with Mosquitto 2.0 (Debian 12).

use super::StageError;
use super::certificates::{Certificates, Door};
use super::child::Child;
use super::files::folder;
use contract::{CameraId, SiteId, SubscriberId};
use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Of util-linux: has the kernel end the broker with whoever started it, also when that is killed and can end nothing itself.
const GUARD: &str = "/usr/bin/setpriv";

/// Where Debian puts what is not on every user's path.
const PROGRAMS: [&str; 3] = ["mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];
/// The deployment's folder in those files.
const DEPLOYED: &str = "/etc/mosquitto/campari/";
/// The deployment's folder for what Mosquitto keeps.
const KEPT: &str = "/var/lib/mosquitto/";

macro_rules! deployed {
    ($file:literal) => {
        include_str!(concat!("../../../../tests/brokers/mosquitto/", $file))
    };
}

/// Whom a stage is for.
#[derive(Debug, Clone)]
pub struct Parties {
    /// The site.
    pub site: SiteId,
    /// Its one board.
    pub camera: CameraId,
    /// Its one subscriber.
    pub subscriber: SubscriberId,
}

/// TCP ports on loopback, one a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    boards: u16,
    control_room: u16,
    subscribers: u16,
}

impl Ports {
    /// Ports that nothing uses now. Whoever takes one in between makes the broker's start fail, loudly.
    fn free() -> Result<Self, StageError> {
        // All held at once, so that they differ.
        let hold = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|cause| StageError::Port { cause });
        let held = [hold()?, hold()?, hold()?];
        let port =
            |at: usize| held[at].local_addr().map(|address| address.port()).map_err(|cause| StageError::Port { cause });
        Ok(Self { boards: port(0)?, control_room: port(1)?, subscribers: port(2)? })
    }

    /// The port of a door.
    #[must_use]
    pub fn of(self, door: Door) -> u16 {
        match door {
            Door::Boards => self.boards,
            Door::ControlRoom => self.control_room,
            Door::Subscribers => self.subscribers,
        }
    }
}

/// A broker's files.
#[derive(Debug, Clone)]
pub struct BrokerFiles {
    config: PathBuf,
    /// Where it listens.
    pub ports: Ports,
}

impl BrokerFiles {
    /// Writes configuration and ACL files into `dir` for ports that are free now. Nothing is kept over a restart.
    ///
    /// # Errors
    /// [`StageError`] when the folder cannot be written or no port is free.
    pub fn write(dir: &Path, certificates: &Certificates, sites: &[SiteId]) -> Result<Self, StageError> {
        folder(dir)?;
        let ports = Ports::free()?;
        let acls = [
            ("boards.acl", deployed!("boards.acl")),
            ("control-room.acl", deployed!("control-room.acl")),
            ("subscribers.acl", deployed!("subscribers.acl")),
        ];
        for (name, text) in acls {
            put(dir, name, &sites.iter().map(|site| text.replace("SITE", site.as_str())).collect::<String>())?;
        }
        let text = Door::ALL.into_iter().fold(deployed!("mosquitto.conf").to_owned(), |text, door| {
            let acl = format!("{}.acl", door.name());
            text.replace(&format!("{DEPLOYED}{acl}"), &dir.join(acl).display().to_string())
        });
        let text = moved(&text.replace("persistence true", "persistence false"), dir, certificates, ports);
        Ok(Self { config: put(dir, "mosquitto.conf", &text)?, ports })
    }

    /// As [`BrokerFiles::write`], with the dynamic-security plugin instead of ACL files, and one door for all. `plugin_config` is what
    /// `mosquitto_ctrl dynsec init` made.
    ///
    /// # Errors
    /// [`StageError`] when the folder cannot be written or no port is free.
    pub fn write_dynamic(dir: &Path, certificates: &Certificates, plugin_config: &Path) -> Result<Self, StageError> {
        folder(dir)?;
        let door = Ports::free()?.boards;
        let ports = Ports { boards: door, control_room: door, subscribers: door };
        let text = deployed!("dynamic-security.conf")
            .replace("persistence true", "persistence false")
            .replace(&format!("{KEPT}dynamic-security.json"), &plugin_config.display().to_string());
        Ok(Self { config: put(dir, "mosquitto.conf", &moved(&text, dir, certificates, ports))?, ports })
    }

    /// Retained messages are kept over a restart that is no crash, as they are in a deployment.
    ///
    /// # Errors
    /// [`StageError`] when the configuration cannot be written again.
    pub fn keeping(self) -> Result<Self, StageError> {
        self.edit(|text| text.replace("persistence false", "persistence true"))
    }

    /// Appends lines to the configuration.
    ///
    /// # Errors
    /// [`StageError`] when it cannot be written again.
    pub fn also(self, lines: &str) -> Result<Self, StageError> {
        self.edit(|text| text + lines)
    }

    fn edit(self, change: impl FnOnce(String) -> String) -> Result<Self, StageError> {
        let failed = |cause| StageError::File { path: self.config.clone(), cause };
        let text = std::fs::read_to_string(&self.config).map_err(failed)?;
        std::fs::write(&self.config, change(text)).map_err(failed)?;
        Ok(self)
    }

    /// Files that [`BrokerFiles::write`] made earlier, to start the same broker again.
    #[must_use]
    pub fn at(dir: &Path, ports: Ports) -> Self {
        Self { config: dir.join("mosquitto.conf"), ports }
    }

    /// Starts Mosquitto and waits until it takes connections.
    ///
    /// # Errors
    /// [`StageError`] when it is not installed or ends at once.
    pub async fn start(&self, logs: &Path) -> Result<Child, StageError> {
        let program = PROGRAMS
            .into_iter()
            .find(|program| installed(program))
            .ok_or(StageError::NotInstalled { program: "mosquitto", remedy: "apt-get install mosquitto" })?;
        let mosquitto = ["-c".as_ref(), self.config.as_os_str()];
        let child = if installed(GUARD) {
            let guard = ["--pdeathsig", "KILL", "--", program].map(OsStr::new);
            Child::start("broker", Path::new(GUARD), guard.into_iter().chain(mosquitto), logs)?
        } else {
            Child::start("broker", Path::new(program), mosquitto, logs)?
        };
        for door in Door::ALL {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports.of(door)));
            child
                .until("takes connections", Duration::from_secs(10), || tokio::net::TcpStream::connect(address))
                .await?;
        }
        Ok(child)
    }
}

/// Whether `program` can be run.
pub(crate) fn installed(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

fn put(dir: &Path, name: &str, text: &str) -> Result<PathBuf, StageError> {
    let path = dir.join(name);
    std::fs::write(&path, text).map_err(|cause| StageError::File { path: path.clone(), cause }).map(|()| path)
}

/// A deployment's configuration with this stage's places and ports.
fn moved(text: &str, dir: &Path, certificates: &Certificates, ports: Ports) -> String {
    let listener = |port| format!("\nlistener {port}\n");
    let text = [(8883, Door::Boards), (8884, Door::ControlRoom), (8885, Door::Subscribers)]
        .into_iter()
        .fold(text.to_owned(), |text, (port, door)| {
            text.replace(&listener(port), &format!("\nlistener {} 127.0.0.1\n", ports.of(door)))
        })
        .replace(DEPLOYED, &format!("{}/", certificates.dir().display()))
        .replace(KEPT, &format!("{}/", dir.display()));
    // Without this, a broker started by root becomes another user, who may not read these files.
    format!("{text}\nuser root\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stages_broker_uses_no_place_and_no_port_of_a_deployment() {
        let dir = tempfile::tempdir().unwrap();
        let certificates = Certificates::at(&dir.path().join("tls"));
        let sites = ["almere".parse().unwrap(), "urk".parse().unwrap()];
        let made = [
            BrokerFiles::write(&dir.path().join("acl"), &certificates, &sites).unwrap(),
            BrokerFiles::write_dynamic(&dir.path().join("dynamic"), &certificates, &dir.path().join("d.json")).unwrap(),
        ];
        for files in &made {
            let text = std::fs::read_to_string(&files.config).unwrap();
            let settings: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
            for left in ["/etc/", "/var/", "888", "SITE", "persistence true"] {
                assert!(!settings.iter().any(|line| line.contains(left)), "{left} is left in:\n{text}");
            }
            assert!(settings.iter().any(|line| line.ends_with("127.0.0.1")), "{text}");
        }
        let acl = std::fs::read_to_string(dir.path().join("acl/boards.acl")).unwrap();
        let rules = |site: &str| acl.lines().filter(|line| line.contains(&format!("campari/v1/{site}/"))).count();
        assert_eq!(rules("almere"), rules("urk"));
        assert!(rules("urk") > 20 && rules("SITE") == 0, "{acl}");
    }
}
