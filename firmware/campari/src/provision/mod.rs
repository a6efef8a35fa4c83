//! Gives a board its identity by way of a stick, since nobody logs in to one: [`prepare`] writes what it is to be, the board makes its key and asks for a
//! certificate ([`board`]), [`sign`] answers for the city's authority (PKCS#10, RFC 2986), and the board takes it in.
//!
//! The private key never leaves the board, and an identity is given once: another one takes another flashing. Who holds the stick before the board has
//! an identity decides whose board it is; afterwards the stick decides nothing.

mod board;
mod files;
mod order;
mod sign;
#[cfg(test)]
mod tests;

pub use board::{Board, Step, board};
pub use order::{Camera, Order, Wanted, prepare};
pub use sign::sign;

use crate::trust::TrustError;
use contract::{CameraId, SiteId};
use std::path::PathBuf;

/// The folder on the stick.
pub const FOLDER: &str = "campari";
/// What the board is to be.
const ORDER: &str = "board.toml";
const POLICY: &str = "policy.json";
const BROKER_CA: &str = "broker-ca.pem";
const TIME_CA: &str = "time-ca.pem";
/// The board's request for a certificate.
const REQUEST: &str = "board.csr.pem";
/// The answer.
const CERTIFICATE: &str = "board.cert.pem";

/// Why a board gets no identity.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// A file or folder.
    #[error("{}: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// It does not say what it should.
    #[error("{}: {what}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is off, and what to do.
        what: String,
    },
    /// Not what the policy office signed.
    #[error(transparent)]
    Policy(#[from] TrustError),
    /// Two of the policy office's keys are needed.
    #[error("{0} key(s) of the policy office given; a policy needs two of them (--root KID=X, twice)")]
    Roots(usize),
    /// The policy has nothing for this camera.
    #[error("the policy has no view of camera {0}; nobody could be shown anything")]
    NoView(CameraId),
    /// A stick for one board in another.
    #[error(
        "this board is camera {is} of {site}; the stick is for another. To give it another identity, flash it anew"
    )]
    Other {
        /// What it is.
        is: CameraId,
        /// Where.
        site: SiteId,
    },
    /// A key or certificate.
    #[error("{what}: {cause}")]
    Certificate {
        /// Which.
        what: &'static str,
        /// What is off.
        cause: rcgen::Error,
    },
    /// The program that would run with it does not take it.
    #[error("the eye does not take this configuration: {0}")]
    Eye(String),
}

#[expect(clippy::needless_pass_by_value, reason = "errors are handed over as they come out of map_err")]
fn content(path: &std::path::Path, what: impl ToString) -> ProvisionError {
    ProvisionError::Content { path: path.to_owned(), what: what.to_string() }
}
