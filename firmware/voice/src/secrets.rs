//! One share's SRTP key: drawn here, sealed to the subscriber, told to nobody else.
//!
//! The key never reaches a log, the disk or the broker in clear. Whether a stream must be encrypted is the eye's to say.

use contract::EncryptionKey;
use contract::body::PullCredential;
use rtp::sdp::{Description, Protection};
use rtp::srtp::MasterKey;
use token::jwe::{self, JweError};

/// Media type of a credential.
const JSON: &str = "application/json";
/// Media type of a session description (RFC 8866 §8.1).
const SDP: &str = "application/sdp";

/// The key, and to whom it may be told.
#[derive(Debug)]
pub struct Secrets {
    master: MasterKey,
    to: EncryptionKey,
}

/// Why a stream cannot be encrypted; it is then not sent.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The kernel gave no random bytes.
    #[error("no random bytes: {0}")]
    Random(getrandom::Error),
    /// The subscriber's key cannot be used.
    #[error("{0}; the subscriber has to make a new key")]
    Key(#[from] JweError),
}

impl Secrets {
    /// Draws a key, and makes sure that it can be sealed to `to`.
    ///
    /// # Errors
    /// [`SecretsError`].
    pub fn draw(to: EncryptionKey) -> Result<Self, SecretsError> {
        let secrets = Self { master: MasterKey::new(random()?), to };
        secrets.seal(b"")?;
        Ok(secrets)
    }
    /// The key.
    #[must_use]
    pub fn master(&self) -> &MasterKey {
        &self.master
    }
    /// The session description as anybody may read it, and with the key, sealed.
    ///
    /// # Errors
    /// [`SecretsError`].
    pub fn describe(&self, description: Description, session_id: u64) -> Result<(String, String), SecretsError> {
        let open = Description { protection: Protection::Secret, ..description };
        let whole = Description { protection: Protection::Srtp(self.master.clone()), ..open.clone() };
        Ok((open.text(session_id), self.seal(whole.text(session_id).as_bytes())?))
    }
    fn seal(&self, text: &[u8]) -> Result<String, SecretsError> {
        Ok(jwe::seal(text, SDP, &self.to, random()?, random()?)?)
    }
}

/// What opens the RTSP server, sealed to its subscriber.
///
/// # Errors
/// [`SecretsError`].
pub fn seal_credential(credential: &PullCredential, to: &EncryptionKey) -> Result<String, SecretsError> {
    let json = serde_json::to_vec(credential).unwrap_or_default();
    Ok(jwe::seal(&json, JSON, to, random()?, random()?)?)
}

fn random<const N: usize>() -> Result<[u8; N], SecretsError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(SecretsError::Random)?;
    Ok(bytes)
}
