//! What a subscriber signs: it asks, takes back, leaves, and reports what should have been masked.
//!
//! Its key is the one that the policy names for it; [`Envelope::iss`] is the subscriber's id. None of these opens anything: a request waits for a
//! centralist, the others only tighten.

use super::{Actors, Delivery, Envelope};
use crate::{Filter, Jti, ViewName};
use serde::{Deserialize, Serialize};

/// Longest request token that the board reads, in bytes: it waits in memory and travels to the control room.
pub const MAX_REQUEST_TOKEN: usize = 4 * 1024;

/// `request`: please let us watch. `jti` names the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Request {
    /// The common claims.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The wished view.
    pub view: ViewName,
    /// The wished filter; absent means the policy's default for the subscriber.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// Optional cap on frames per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fps: Option<u8>,
    /// For how long, seconds.
    pub duration_s: u64,
    /// Where the picture should go.
    pub delivery: Delivery,
    /// What for; the policy lists the purposes.
    pub purpose: String,
    /// The person who asks: a pseudonym.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<String>,
    /// The key to which credentials are to be encrypted (RFC 7800 `cnf`), a JWK; the grant repeats it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Confirmation>"))]
    pub cnf: Option<serde_json::Value>,
}

/// `withdraw`: a request is taken back, or, when it was granted already, its share is given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Withdraw {
    /// The common claims.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// Which request.
    pub request: Jti,
}

/// `leave`: the subscriber no longer watches; the share is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Leave {
    /// The common claims.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// Which share.
    pub share: Jti,
}

/// What was seen uncovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Leaked {
    /// A head.
    Head,
    /// A licence plate.
    Plate,
    /// Something else that identifies somebody.
    Other,
}

/// `report-leak`: something was seen uncovered. The board masks everything with `coarse` until somebody named clears it. Signed by a subscriber, a
/// centralist or a privacy officer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReportLeak {
    /// The common claims.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// In which share; absent when it was seen elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Jti>,
    /// When it was seen, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_at: Option<u64>,
    /// What was seen.
    pub what: Leaked,
    /// Who acted, if it was somebody of the control room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Actors>,
}
