//! Signs and verifies Campari's tokens and policy bundles: JWS (RFC 7515) with EdDSA over Ed25519 (RFC 8037), following the
//! advice of RFC 8725.
//!
//! **What comes out of [`verify`] was signed, unaltered, by the key that it names, for the kind of command that was asked for.**
//! Nothing more: times, audience, challenge and rights are judged by the `grant` crate. No clock, no randomness, no I/O here; the
//! JWS library is used through its signature functions only, which never look at the time.
#![forbid(unsafe_code)]

mod compact;
mod digest;
mod error;
pub mod jwe;
mod key;
pub mod policy;
mod provider;
mod strict;

pub use compact::{peek_kid, sign, verify};
pub use digest::Sha256Digest;
pub use error::TokenError;
pub use key::{Jwk, PublicKey, SigningKey};
