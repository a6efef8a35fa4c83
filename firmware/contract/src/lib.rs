//! The words Campari's programs say to each other: identifiers, filters, rungs, reasons, token claims,
//! the policy bundle, MQTT topics and message bodies.
//!
//! Pure data: no I/O, no clock, no cryptography. Tokens are *described* here and signed or verified in the
//! `token` crate. Every body is JSON; unknown fields from a newer peer are ignored, unknown commands refused.
#![forbid(unsafe_code)]

pub mod asking;
pub mod body;
pub mod claims;
pub mod doctor;
pub mod filter;
pub mod id;
pub mod key;
pub mod policy;
pub mod reason;
#[cfg(feature = "schema")]
pub mod schema;
pub mod topic;
pub mod usage;

pub use filter::{Filter, FilterRates, Rung};
pub use id::{Audience, CameraId, Challenge, IdError, Jti, KeyId, SiteId, SubscriberId, ViewName};
pub use key::{EncryptionKey, EncryptionKeyError};
pub use reason::{EndReason, ErrorCode, ToldReason};
