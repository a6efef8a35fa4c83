//! The policy bundle: what a city allows, signed by two keys that cannot grant (P6).
//!
//! Travels as a JWS in general JSON serialisation (RFC 7515 §7.2.1) whose payload is [`Policy`] as JSON.

use crate::{CameraId, EncryptionKey, EncryptionKeyError, Filter, KeyId, SiteId, SubscriberId, ViewName};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Largest bundle, in bytes: 400 cameras with twelve views of four privacy zones each take 1.7 MB.
pub const MAX_POLICY: usize = 2 * 1024 * 1024;
/// `typ` of a policy signature.
pub const POLICY_TYP: &str = "campari-policy+jws";

/// The signed bundle on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignedPolicy {
    /// base64url of the policy's JSON.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^[A-Za-z0-9_-]+$")))]
    pub payload: String,
    /// Two or more signatures by different policy keys.
    #[cfg_attr(feature = "schema", schemars(length(min = 2, max = 8)))]
    pub signatures: Vec<PolicySignature>,
}

/// One signature over `protected.payload`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PolicySignature {
    /// base64url of the JOSE header (`alg`, `typ`, `kid`).
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^[A-Za-z0-9_-]+$")))]
    pub protected: String,
    /// base64url of the signature.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^[A-Za-z0-9_-]{86}$")))]
    pub signature: String,
}

/// What a city allows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Never goes back.
    pub version: u64,
    /// The site it is for.
    pub site: SiteId,
    /// Unix seconds; past this nothing is granted.
    pub valid_until: u64,
    /// The law or decision that it rests on, for the journal.
    pub legal_basis: String,
    /// Who may sign what.
    pub keys: Vec<TrustedKey>,
    /// Who may watch, and how.
    pub subscribers: Vec<SubscriberRule>,
    /// The cameras' named aims.
    pub views: Vec<View>,
    /// Most shares at once on one camera.
    #[serde(default = "one")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 8)))]
    pub max_shares: u8,
    /// How long a share outlives the last heartbeat, seconds (1 to 60).
    #[serde(default = "ten")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 60)))]
    pub lease_s: u32,
    /// Whether media may go in clear: push without SRTP, RTSP over UDP or without TLS.
    #[serde(default)]
    pub plain_rtp: bool,
    /// How long a request waits for a centralist before it lapses, seconds (5 to 3600).
    #[serde(default = "two_minutes")]
    #[cfg_attr(feature = "schema", schemars(range(min = 5, max = 3600)))]
    pub patience_s: u32,
    /// Most requests that wait at one camera (1 to 64).
    #[serde(default = "sixteen")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 64)))]
    pub max_requests: u8,
    /// How long a share outlives its last viewer, seconds (0 to 600).
    #[serde(default = "thirty")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 600)))]
    pub waiting_grace_s: u32,
    /// How long a share outlives its camera's leaving the granted view, seconds (0 to 300); the picture is covered meanwhile.
    #[serde(default = "ten")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 300)))]
    pub view_grace_s: u32,
    /// Whether shares that a preempt ended come back at the release, as far as their windows still run.
    #[serde(default)]
    pub restore_after_release: bool,
}

fn one() -> u8 {
    1
}
fn ten() -> u32 {
    10
}
fn thirty() -> u32 {
    30
}
fn two_minutes() -> u32 {
    120
}
fn sixteen() -> u8 {
    16
}

/// What a trusted key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Grants, extends, denies, revokes.
    Centralist,
    /// Sends the heartbeat, and acknowledges usage records.
    Room,
    /// Reports leaks, and clears them.
    PrivacyOfficer,
}

/// One key of the trust store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TrustedKey {
    /// Its id.
    pub kid: KeyId,
    /// base64url of the 32-byte Ed25519 public key (RFC 8037 `x`).
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^[A-Za-z0-9_-]{43}$")))]
    pub x: String,
    /// What it may do.
    pub role: Role,
    /// On which cameras; empty means all of the site.
    #[serde(default)]
    pub cameras: Vec<CameraId>,
    /// Longest share that it may grant, seconds.
    #[serde(default)]
    pub longest_grant_s: Option<u64>,
    /// Whether it may preempt and release.
    #[serde(default)]
    pub may_preempt: bool,
}

/// What one subscriber may have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SubscriberRule {
    /// The subscriber.
    pub id: SubscriberId,
    /// Allowed purposes.
    pub purposes: Vec<String>,
    /// Weakest filter it may see.
    pub min_filter: Filter,
    /// Longest share, seconds.
    pub longest_share_s: u64,
    /// Viewers at once.
    #[serde(default = "one")]
    pub max_viewers: u8,
    /// Where push may go (IP literals).
    #[cfg_attr(feature = "schema", schemars(with = "Vec<crate::schema::IpLiteral>"))]
    pub push_to: Vec<IpAddr>,
    /// Hours of the day (UTC) in which it may watch, `[from, to)`; absent means all day.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Hours>"))]
    pub hours_utc: Option<[u8; 2]>,
    /// The subscriber's public key as base64url (RFC 8037 `x`), for requests.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^[A-Za-z0-9_-]{43}$")))]
    pub x: Option<String>,
    /// base64url of the subscriber's 32-byte X25519 public key (RFC 8037 `x`), to which its credentials are encrypted. Where it is stated no grant may
    /// name another.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^[A-Za-z0-9_-]{43}$")))]
    pub encrypt_x: Option<String>,
    /// The filter of a request that names none; absent means `min_filter`.
    #[serde(default)]
    pub default_filter: Option<Filter>,
    /// Which no-recording clause the subscriber has accepted, for the journal.
    #[serde(default)]
    pub clause: Option<String>,
    /// How it may fetch the picture by RTSP; absent means that it may not.
    #[serde(default)]
    pub pull: Option<PullRule>,
    /// The media server to which boards may publish for it; absent means that they may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<RelayRule>,
}

/// How a subscriber may fetch the picture from the camera's RTSP server. `max_viewers` says how many sessions it may have at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PullRule {
    /// Which of its credentials holds. The board makes one for each number; a higher number makes a new one, and the old one opens nothing any more.
    #[serde(default)]
    pub credential: u32,
    /// sha256 of the client certificate (DER) with which it may also prove who it is, in lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^[0-9a-f]{64}$")))]
    pub certificate_sha256: Option<String>,
}

/// The media server to which a board publishes for a subscriber, by RTSP's ANNOUNCE and RECORD: `rtsps://ADDRESS:PORT/PATH/CAMERA`. With which credential
/// is written in the board's own configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RelayRule {
    /// An IP literal; names are never resolved.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::IpLiteral"))]
    pub address: IpAddr,
    /// TCP port.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub port: u16,
    /// Where the camera's id is put behind: letters, digits, `.`, `_`, `~` and `-`, in parts divided by `/`. No other subscriber has the same on this server.
    #[cfg_attr(
        feature = "schema",
        schemars(length(max = 128), regex(pattern = r"^[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*$"))
    )]
    pub path: String,
    /// What the server's certificate calls it; absent: the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 253), regex(pattern = r"^[A-Za-z0-9.-]+$")))]
    pub server_name: Option<String>,
    /// PEM text of the one authority that may have signed the server's certificate. Either this or `certificate_sha256`, unless `plain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 8192), regex(pattern = r"^-----BEGIN CERTIFICATE-----")))]
    pub authority: Option<String>,
    /// sha256 of the server's certificate (DER), in lower-case hex: that certificate and no other, whoever signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^[0-9a-f]{64}$")))]
    pub certificate_sha256: Option<String>,
    /// Without TLS; only where `plain_rtp` allows media in clear.
    #[serde(default)]
    pub plain: bool,
}

impl RelayRule {
    /// Where `camera` is published, and viewers find it.
    #[must_use]
    pub fn url(&self, camera: &CameraId) -> String {
        let scheme = if self.plain { "rtsp" } else { "rtsps" };
        let host = match (&self.server_name, self.address) {
            (Some(name), _) => name.clone(),
            (None, IpAddr::V4(address)) => address.to_string(),
            (None, IpAddr::V6(address)) => format!("[{address}]"),
        };
        format!("{scheme}://{host}:{}/{}/{camera}", self.port, self.path)
    }

    fn check(&self) -> Result<(), PolicyError> {
        let wrong = |field, value: &dyn std::fmt::Display, allowed| {
            Err(PolicyError::OutOfRange { field, value: value.to_string(), allowed })
        };
        if self.port == 0 {
            return wrong("subscribers.relay.port", &0, "1 to 65535");
        }
        let part =
            |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~-".contains(&b));
        if self.path.len() > 128 || !self.path.split('/').all(part) {
            return wrong(
                "subscribers.relay.path",
                &self.path,
                "parts of letters, digits, . _ ~ -, divided by /, 128 characters in all",
            );
        }
        let named = |name: &&String| name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b));
        if let Some(name) = &self.server_name
            && (name.is_empty() || name.len() > 253 || !named(&name))
        {
            return wrong("subscribers.relay.server_name", name, "a host's name");
        }
        if let Some(pin) = self.certificate_sha256.as_ref().filter(|text| !is_sha256(text)) {
            return wrong("subscribers.relay.certificate_sha256", pin, "64 lower-case hex digits");
        }
        let pem = |text: &String| text.starts_with("-----BEGIN CERTIFICATE-----") && text.len() <= 8192;
        if self.authority.as_ref().is_some_and(|text| !pem(text)) {
            return wrong(
                "subscribers.relay.authority",
                &"something else",
                "a certificate as PEM text, at most 8192 bytes",
            );
        }
        match (self.plain, &self.authority, &self.certificate_sha256) {
            (false, Some(_), None) | (false, None, Some(_)) | (true, None, None) => Ok(()),
            (false, None, None) => {
                wrong("subscribers.relay", &"without a way to know the server", "authority or certificate_sha256")
            }
            (false, Some(_), Some(_)) => {
                wrong("subscribers.relay", &"with two", "authority or certificate_sha256, not both")
            }
            (true, ..) => wrong(
                "subscribers.relay",
                &"plain, with a certificate",
                "without authority and certificate_sha256 where plain",
            ),
        }
    }
}

/// A named aim of a camera.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct View {
    /// Its name ("schrijverstraat").
    pub name: ViewName,
    /// Which camera.
    pub camera: CameraId,
    /// Width of the largest face possible in this view, as a share of the picture's width (0 to 1); absent means unknown.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0.0, "maximum" = 1.0)))]
    pub largest_face: Option<f32>,
    /// Always painted.
    #[serde(default)]
    pub zones: Vec<Zone>,
}

/// A privacy zone: a rectangle in shares of the picture's width and height (0 to 1), origin top left.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Left edge.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.0, max = 1.0)))]
    pub x: f32,
    /// Top edge.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.0, max = 1.0)))]
    pub y: f32,
    /// Width.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.0, max = 1.0)))]
    pub w: f32,
    /// Height.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.0, max = 1.0)))]
    pub h: f32,
}

/// What is wrong with a policy's contents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A value outside its range.
    #[error("policy: {field} is {value}, allowed: {allowed}")]
    OutOfRange {
        /// Which field.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What it may hold.
        allowed: &'static str,
    },
    /// A subscriber's `encrypt_x` is no key that anything could be encrypted to.
    #[error("policy: subscribers.encrypt_x of {subscriber}: {cause}")]
    NoKey {
        /// Whose.
        subscriber: SubscriberId,
        /// What is wrong with it.
        cause: EncryptionKeyError,
    },
    /// The same key, subscriber or view twice.
    #[error("policy: {field} {value} is there twice")]
    Twice {
        /// Which list.
        field: &'static str,
        /// Which entry.
        value: String,
    },
}

impl Policy {
    /// Checks ranges and uniqueness.
    ///
    /// # Errors
    /// [`PolicyError`] naming the first field that is off.
    pub fn check(&self) -> Result<(), PolicyError> {
        in_range("lease_s", self.lease_s, 1..=60, "1 to 60")?;
        in_range("max_shares", self.max_shares.into(), 1..=8, "1 to 8")?;
        in_range("patience_s", self.patience_s, 5..=3600, "5 to 3600")?;
        in_range("max_requests", self.max_requests.into(), 1..=64, "1 to 64")?;
        in_range("waiting_grace_s", self.waiting_grace_s, 0..=600, "0 to 600")?;
        in_range("view_grace_s", self.view_grace_s, 0..=300, "0 to 300")?;
        let unit = 0.0..=1.0;
        for view in &self.views {
            if let Some(face) = view.largest_face
                && !(face > 0.0 && face <= 1.0)
            {
                return Err(PolicyError::OutOfRange {
                    field: "views.largest_face",
                    value: face.to_string(),
                    allowed: "above 0, at most 1",
                });
            }
            for zone in &view.zones {
                for value in [zone.x, zone.y, zone.w, zone.h] {
                    if !unit.contains(&value) {
                        return Err(PolicyError::OutOfRange {
                            field: "views.zones",
                            value: value.to_string(),
                            allowed: "0 to 1",
                        });
                    }
                }
            }
        }
        for rule in &self.subscribers {
            if let Some([from, to]) = rule.hours_utc
                && (from > 23 || to > 24)
            {
                return Err(PolicyError::OutOfRange {
                    field: "subscribers.hours_utc",
                    value: format!("[{from}, {to}]"),
                    allowed: "0 to 23, 0 to 24",
                });
            }
            if let Some(filter) = rule.default_filter
                && filter < rule.min_filter
            {
                return Err(PolicyError::OutOfRange {
                    field: "subscribers.default_filter",
                    value: filter.to_string(),
                    allowed: "min_filter or stronger",
                });
            }
            if let Some(relay) = &rule.relay {
                relay.check()?;
            }
            if let Some(Err(cause)) = rule.encrypt_x.as_deref().map(EncryptionKey::of_x) {
                return Err(PolicyError::NoKey { subscriber: rule.id.clone(), cause });
            }
        }
        let certificates = || self.subscribers.iter().filter_map(|s| s.pull.as_ref()?.certificate_sha256.clone());
        if let Some(value) = certificates().find(|text| !is_sha256(text)) {
            let field = "subscribers.pull.certificate_sha256";
            return Err(PolicyError::OutOfRange { field, value, allowed: "64 lower-case hex digits" });
        }
        unique("subscribers.pull.certificate_sha256", certificates())?;
        let relays = self.subscribers.iter().filter_map(|s| s.relay.as_ref());
        unique("subscribers.relay", relays.map(|r| format!("{} port {} path {}", r.address, r.port, r.path)))?;
        unique("keys.kid", self.keys.iter().map(|k| k.kid.to_string()))?;
        unique("keys.x", self.keys.iter().map(|k| k.x.clone()))?;
        unique("subscribers.id", self.subscribers.iter().map(|s| s.id.to_string()))?;
        // A subscriber signs under its id: whoever signs must be one of the two, by name and by key.
        let signing = || self.subscribers.iter().filter(|s| s.x.is_some());
        let names = self.keys.iter().map(|k| k.kid.to_string()).chain(signing().map(|s| s.id.to_string()));
        unique("keys.kid and subscribers.id", names)?;
        let keys = self.keys.iter().map(|k| k.x.clone()).chain(signing().filter_map(|s| s.x.clone()));
        unique("keys.x and subscribers.x", keys)?;
        unique("views", self.views.iter().map(|v| format!("{} of camera {}", v.name, v.camera)))
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

fn in_range(
    field: &'static str,
    value: u32,
    range: std::ops::RangeInclusive<u32>,
    allowed: &'static str,
) -> Result<(), PolicyError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(PolicyError::OutOfRange { field, value: value.to_string(), allowed })
}

fn unique(field: &'static str, values: impl Iterator<Item = String>) -> Result<(), PolicyError> {
    let mut seen = std::collections::BTreeSet::new();
    for value in values {
        if !seen.insert(value.clone()) {
            return Err(PolicyError::Twice { field, value });
        }
    }
    Ok(())
}
