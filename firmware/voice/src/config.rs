//! The voice's configuration file (TOML). Unknown keys are refused; errors name file, line, and what is allowed.
//!
//! Paths are taken as written; whether the files behind `[mqtt.tls]` can be used is [`crate::tls`]'s to say.

use crate::rtsp::{Patience, RelayPatience};
use contract::{CameraId, SiteId};
use serde::Deserialize;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Least keep-alive, seconds: the MQTT library allows no shorter one.
const KEEP_ALIVE_S: std::ops::RangeInclusive<u16> = 5..=60;
const MOST_SCATTER_S: u16 = 60;
const MAX_PAYLOAD_BYTES: std::ops::RangeInclusive<usize> = 500..=8900;

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The site, first level of every topic.
    pub site: SiteId,
    /// The camera, second level.
    pub camera: CameraId,
    /// Path of the eye's Unix socket.
    pub link: PathBuf,
    /// The broker.
    pub mqtt: Mqtt,
    /// How pictures go out.
    #[serde(default)]
    pub rtp: Rtp,
    /// Where metrics are read; absent: nowhere.
    pub metrics: Option<Metrics>,
    /// Where subscribers fetch; without it they cannot.
    pub rtsp: Option<Rtsp>,
    /// What media servers are shown that ask who publishes.
    #[serde(default)]
    pub relay: Vec<RelayAccess>,
}

/// What one media server is shown when it asks who publishes. Whether and where anything is published is the policy's to say.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelayAccess {
    /// Address and port, as the policy names them.
    pub server: SocketAddr,
    /// The user there: letters, digits, `.`, `_`, `@` and `-`.
    pub user: String,
    /// File whose one line is the password.
    pub password_file: PathBuf,
    /// Not for the file: tests have no time.
    #[serde(skip)]
    pub patience: RelayPatience,
}

/// Where metrics are read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Address and port; anything but loopback needs `[metrics.tls]`.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// Certificates: `ca` is the authority of those who may read.
    pub tls: Option<Tls>,
    /// Not for the file: where the system says how warm it is.
    #[serde(skip, default = "thermal_zones")]
    pub thermal: PathBuf,
}

/// The RTSP server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rtsp {
    /// Address and port for RTSP over TLS.
    #[serde(default = "rtsps_port")]
    pub listen: SocketAddr,
    /// Address and port for RTSP in clear, where the policy allows media in clear; credentials are digests there. Default: none.
    pub listen_plain: Option<SocketAddr>,
    /// What subscribers call this board, a name or an IP literal: the host of the URL that they are told.
    pub known_as: String,
    /// PEM file: this board's certificate chain for subscribers.
    pub cert: PathBuf,
    /// PEM file: its private key.
    pub key: PathBuf,
    /// Most connections at once (1 to 1024).
    #[serde(default = "sixty_four")]
    pub max_connections: usize,
    /// Most connections from one address at once (1 to 1024).
    #[serde(default = "sixteen")]
    pub max_per_address: usize,
    /// How long it waits for its clients; not in the file.
    #[serde(skip)]
    pub patience: Patience,
}

/// Where the broker is and how to speak to it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mqtt {
    /// Name or IP literal.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// What the broker knows this board by; must be its own. Default `campari-SITE-CAMERA`.
    pub client_id: Option<String>,
    /// The broker publishes the last will when it has heard nothing for 1.5 times this long, seconds (5 to 60).
    #[serde(default = "ten")]
    pub keep_alive_s: u16,
    /// A board that nobody watches comes back to a broker that restarted within so many seconds, by lot (0 to 60), so that thousands do not come at once.
    #[serde(default = "twenty")]
    pub scatter_s: u16,
    /// Certificates; without it the connection is in clear.
    pub tls: Option<Tls>,
}

/// PEM files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Authorities that may have signed the broker's certificate.
    pub ca: PathBuf,
    /// This board's certificate chain.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// How pictures go out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rtp {
    /// Largest payload of one packet, bytes (500 to 8900).
    #[serde(default = "default_payload")]
    pub max_payload_bytes: usize,
    /// Hops of multicast (1 to 255); 1 stays on the link.
    #[serde(default = "default_ttl")]
    pub multicast_ttl: u8,
    /// Name of the network interface that multicast leaves by; absent: the system's choice.
    pub multicast_interface: Option<String>,
}

impl Default for Rtp {
    fn default() -> Self {
        Self { max_payload_bytes: default_payload(), multicast_ttl: default_ttl(), multicast_interface: None }
    }
}

fn ten() -> u16 {
    10
}
fn twenty() -> u16 {
    20
}
fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9613))
}
fn thermal_zones() -> PathBuf {
    "/sys/class/thermal".into()
}
fn default_ttl() -> u8 {
    1
}
/// All addresses, IPv4 too.
fn rtsps_port() -> SocketAddr {
    (Ipv6Addr::UNSPECIFIED, 8322).into()
}
fn sixty_four() -> usize {
    64
}
fn sixteen() -> usize {
    16
}
fn default_payload() -> usize {
    rtp::MAX_PAYLOAD_BYTES
}

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No such file, or no right to read it.
    #[error("{}: cannot be read: {cause}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The system's word.
        cause: std::io::Error,
    },
    /// Not TOML, an unknown key, a wrong type, or a value that is not allowed.
    #[error("{}:{line}: {what}", path.display())]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong and what is allowed.
        what: String,
    },
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`ConfigError`] naming file and line.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })?;
        Self::parse(&text, path)
    }

    /// As [`Config::load`], of a text; `path` is for errors only.
    ///
    /// # Errors
    /// [`ConfigError::Wrong`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let wrong = |line, what| ConfigError::Wrong { path: path.to_owned(), line, what };
        let config: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_at(text, span.start));
            wrong(line, error.message().replace('\n', " "))
        })?;
        let mqtt = &config.mqtt;
        let range = |key: &str, value: &dyn std::fmt::Display, allowed: &str| {
            wrong(line_of_key(text, key), format!("`{key}` is {value}, allowed: {allowed}"))
        };
        if mqtt.host.is_empty() {
            return Err(range("host", &"empty", "a name or an IP literal"));
        }
        if mqtt.port == 0 {
            return Err(range("port", &0, "1 to 65535"));
        }
        if mqtt.client_id.as_ref().is_some_and(|id| id.is_empty() || id.starts_with(' ') || id.len() > 128) {
            return Err(range("client_id", &"empty, too long or begins with a space", "1 to 128 characters"));
        }
        if !KEEP_ALIVE_S.contains(&mqtt.keep_alive_s) {
            return Err(range("keep_alive_s", &mqtt.keep_alive_s, "5 to 60"));
        }
        if mqtt.scatter_s > MOST_SCATTER_S {
            return Err(range("scatter_s", &mqtt.scatter_s, "0 to 60"));
        }
        if !MAX_PAYLOAD_BYTES.contains(&config.rtp.max_payload_bytes) {
            return Err(range("max_payload_bytes", &config.rtp.max_payload_bytes, "500 to 8900"));
        }
        if let Some(Metrics { listen, tls: None, .. }) = &config.metrics
            && !listen.ip().is_loopback()
        {
            return Err(range("listen", listen, "a loopback address, or any with [metrics.tls]"));
        }
        if config.rtp.multicast_ttl == 0 {
            return Err(range("multicast_ttl", &0, "1 to 255"));
        }
        if let Some(rtsp) = &config.rtsp {
            // In a URL of IPv6 it stands in brackets.
            let bare = rtsp.known_as.trim_matches(['[', ']']);
            let named = bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':'));
            if bare.is_empty() || !named {
                return Err(range("known_as", &rtsp.known_as, "a name or an IP literal"));
            }
            for (key, value) in [("max_connections", rtsp.max_connections), ("max_per_address", rtsp.max_per_address)] {
                if !(1..=1024).contains(&value) {
                    return Err(range(key, &value, "1 to 1024"));
                }
            }
        }
        let plain = |user: &str| user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte));
        if let Some(relay) = config.relay.iter().find(|relay| relay.user.is_empty() || !plain(&relay.user)) {
            return Err(range("user", &relay.user, "letters, digits, . _ @ -"));
        }
        for (at, relay) in config.relay.iter().enumerate() {
            if config.relay[..at].iter().any(|other| other.server == relay.server) {
                return Err(range("server", &relay.server, "each media server once"));
            }
        }
        Ok(config)
    }

    /// What the broker knows this board by.
    #[must_use]
    pub fn client_id(&self) -> String {
        self.mqtt.client_id.clone().unwrap_or_else(|| format!("campari-{}-{}", self.site, self.camera))
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.get(..offset).map_or(1, |before| before.matches('\n').count() + 1)
}

/// The keys checked by hand have names of their own in this file, so the first line that sets one is it.
fn line_of_key(text: &str, key: &str) -> usize {
    let sets = |line: &str| line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='));
    text.lines().position(sets).map_or(1, |index| index + 1)
}
