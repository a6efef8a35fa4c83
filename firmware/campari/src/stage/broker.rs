//! Mosquitto as a stage's broker: TLS with client certificates, one role each, and an ACL that knows the roles.
//!
//! `/etc/mosquitto` is not touched; everything is in the stage's folder. Tested with Mosquitto 2.0 (Debian 12).

use super::certificates::Certificates;
use super::child::Child;
use super::files::folder;
use super::{Role, StageError};
use contract::{CameraId, SiteId, SubscriberId};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where Debian puts what is not on every user's path.
const PROGRAMS: [&str; 3] = ["mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];

/// Whom the ACL names.
#[derive(Debug, Clone)]
pub struct Parties {
    /// The site.
    pub site: SiteId,
    /// Its one board.
    pub camera: CameraId,
    /// Its one subscriber.
    pub subscriber: SubscriberId,
}

/// A broker's files.
#[derive(Debug, Clone)]
pub struct BrokerFiles {
    config: PathBuf,
    /// TCP port on loopback.
    pub port: u16,
}

impl BrokerFiles {
    /// Writes configuration and ACL into `dir` for a port that is free now.
    ///
    /// # Errors
    /// [`StageError`] when the folder cannot be written or no port is free.
    pub fn write(dir: &Path, certificates: &Certificates, parties: &Parties) -> Result<Self, StageError> {
        folder(dir)?;
        let port = free_tcp_port()?;
        let put = |name: &str, text: String| {
            let path = dir.join(name);
            std::fs::write(&path, text).map_err(|cause| StageError::File { path: path.clone(), cause }).map(|()| path)
        };
        let acl = put("acl", acl(parties))?;
        let config = put("mosquitto.conf", config(port, certificates, &acl))?;
        Ok(Self { config, port })
    }

    /// Files that [`BrokerFiles::write`] made earlier, to start the same broker again.
    #[must_use]
    pub fn at(dir: &Path, port: u16) -> Self {
        Self { config: dir.join("mosquitto.conf"), port }
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
        let child = Child::start("broker", Path::new(program), ["-c".as_ref(), self.config.as_os_str()], logs)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        child.until("takes connections", Duration::from_secs(10), || tokio::net::TcpStream::connect(address)).await?;
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

/// A TCP port on loopback that nothing uses. Whoever takes it in between makes the broker's start fail, loudly.
fn free_tcp_port() -> Result<u16, StageError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|cause| StageError::Port { cause })
}

fn config(port: u16, certificates: &Certificates, acl: &Path) -> String {
    format!(
        "# Made for one stage. The role is the client certificate's common name.\n\
         listener {port} 127.0.0.1\n\
         cafile {ca}\ncertfile {cert}\nkeyfile {key}\n\
         require_certificate true\nuse_identity_as_username true\nallow_anonymous false\n\
         acl_file {acl}\n\
         # The largest policy bundle and its topic.\n\
         max_packet_size 307200\n\
         persistence false\n\
         # Without this, a broker started by root becomes another user, who may not read these files.\n\
         user root\n\
         log_dest stderr\nlog_type error\nlog_type warning\nlog_type notice\nlog_timestamp_format %Y-%m-%dT%H:%M:%SZ\n",
        ca = certificates.ca().display(),
        cert = certificates.cert("broker").display(),
        key = certificates.key("broker").display(),
        acl = acl.display(),
    )
}

/// Who may read and write which topic (DESIGN §8).
fn acl(Parties { site, camera, subscriber }: &Parties) -> String {
    let root = format!("campari/v1/{site}");
    let rules = [
        (
            Role::Board,
            vec![
                format!("write {root}/{camera}/state"),
                format!("write {root}/{camera}/catalogue"),
                format!("write {root}/{camera}/share/#"),
                format!("write {root}/{camera}/share-log"),
                format!("write {root}/{camera}/usage"),
                format!("write {root}/{camera}/journal"),
                format!("write {root}/{camera}/inbox"),
                format!("write {root}/answer/#"),
                format!("read {root}/{camera}/+"),
                format!("read {root}/{camera}/+/+"),
                format!("read {root}/all/#"),
                format!("read {root}/room/#"),
                format!("read {root}/policy"),
            ],
        ),
        (
            Role::Room,
            vec![
                format!("write {root}/room/heartbeat"),
                format!("readwrite {root}/room/presence"),
                format!("readwrite {root}/room/lead"),
                format!("read {root}/room/busy"),
                format!("read {root}/+/grant"),
                format!("read {root}/+/extend"),
                format!("read {root}/+/revoke"),
                format!("read {root}/+/preempt"),
                format!("read {root}/+/release"),
                format!("read {root}/+/share-log"),
                format!("read {root}/+/state"),
                format!("read {root}/policy"),
            ],
        ),
        (
            Role::Centralist,
            vec![
                format!("read {root}/+/state"),
                format!("read {root}/+/catalogue"),
                format!("read {root}/+/share-log"),
                format!("read {root}/+/usage"),
                format!("read {root}/+/journal"),
                format!("read {root}/+/share/#"),
                format!("read {root}/+/inbox"),
                format!("read {root}/room/presence"),
                format!("read {root}/room/lead"),
                format!("readwrite {root}/room/busy"),
                format!("readwrite {root}/room/taken/#"),
                format!("read {root}/policy"),
                format!("read {root}/answer/#"),
                format!("write {root}/+/report-leak"),
                format!("write {root}/+/clear-leak"),
                format!("write {root}/+/usage-ack"),
                format!("write {root}/+/grant"),
                format!("write {root}/+/extend"),
                format!("write {root}/+/deny"),
                format!("write {root}/+/revoke"),
                format!("write {root}/+/preempt"),
                format!("write {root}/+/release"),
            ],
        ),
        (
            Role::Subscriber,
            vec![
                format!("read {root}/+/catalogue"),
                format!("read {root}/+/share/{subscriber}/#"),
                format!("read {root}/room/presence"),
                format!("read {root}/answer/{subscriber}/#"),
                format!("write {root}/+/request/{subscriber}"),
                format!("write {root}/+/withdraw/{subscriber}"),
                format!("write {root}/+/leave/{subscriber}"),
                format!("write {root}/+/report-leak/{subscriber}"),
            ],
        ),
        (Role::PolicyOffice, vec![format!("write {root}/policy"), format!("read {root}/+/state")]),
    ];
    let mut text = String::from("# The first wall; signatures are the second.\n");
    for (role, topics) in rules {
        text.push_str("\nuser ");
        text.push_str(role.user());
        text.push('\n');
        for topic in topics {
            text.push_str("topic ");
            text.push_str(&topic);
            text.push('\n');
        }
    }
    text
}
