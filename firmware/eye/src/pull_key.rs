//! What makes the subscribers' RTSP credentials: one secret of the board, and from it one password for each subscriber and number.
//!
//! HMAC-SHA256 (RFC 2104) over camera, subscriber and the number in the policy: nothing to store for each, the same after a restart, and a new one when
//! the policy counts the number up. Made at the first start, kept in the state folder as `pull-key`, mode 0600. Whoever deletes it renews all of them.

use crate::store::{Store, StoreError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::policy::Policy;
use contract::{CameraId, SiteId, SubscriberId};
use hmac::{Hmac, KeyInit as _, Mac as _};
use link::{Puller, Pullers};
use sha2::Sha256;

const FILE: &str = "pull-key";

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum PullKeyError {
    /// The file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The machine gives no randomness.
    #[error("no randomness for {FILE}: {0}")]
    Randomness(String),
}

/// Makes credentials.
pub struct PullKey {
    secret: [u8; 32],
    place: String,
}

impl PullKey {
    /// Reads the secret, or makes it.
    ///
    /// # Errors
    /// [`PullKeyError`] when it can be neither read nor written: on a full disk.
    pub fn open(store: &Store, site: &SiteId, camera: &CameraId, now_ms: u64) -> Result<Self, PullKeyError> {
        let place = format!("{site}/{camera}");
        if let Some(kept) = store.read(FILE)? {
            if let Ok(secret) = kept.try_into() {
                return Ok(Self { secret, place });
            }
            tracing::error!("the secret of the RTSP credentials cannot be read; it is kept aside and all are renewed");
            store.set_aside(FILE, now_ms)?;
        }
        let mut secret = [0_u8; 32];
        getrandom::fill(&mut secret).map_err(|error| PullKeyError::Randomness(error.to_string()))?;
        store.replace_secret(FILE, &secret)?;
        Ok(Self { secret, place })
    }

    /// Who may fetch under `policy`.
    #[must_use]
    pub fn pullers(&self, policy: &Policy) -> Pullers {
        let who = policy.subscribers.iter().filter_map(|rule| {
            let pull = rule.pull.as_ref()?;
            Some(Puller {
                sub: rule.id.clone(),
                password: self.password(&rule.id, pull.credential),
                certificate_sha256: pull.certificate_sha256.clone(),
                sessions: rule.max_viewers,
            })
        });
        Pullers { plain: policy.plain_rtp, who: who.collect() }
    }

    /// 43 characters that no header needs to escape.
    fn password(&self, sub: &SubscriberId, number: u32) -> String {
        // HMAC takes keys of any length; identifiers hold no line feed.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.secret) else { unreachable!("any key will do") };
        mac.update(format!("campari rtsp\n{}\n{sub}\n{number}", self.place).as_bytes());
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }
}

impl std::fmt::Debug for PullKey {
    /// It is a secret (P10).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PullKey")
    }
}
