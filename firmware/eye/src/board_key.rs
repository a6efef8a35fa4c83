//! The board's own key: signs the journal's heads and how streams are described, and nothing else. No policy knows it, so that it can command nothing.
//!
//! Made at the first start, kept in the state folder as `board-key.jwk`, mode 0600; never leaves the board. One that cannot be read is kept aside and a
//! new one made: the heads then name another key, which whoever compares will see.

use crate::store::{Store, StoreError};
use contract::body::{JournalHead, SignedHead};
use contract::claims::{Description, Head, TokenKind};
use contract::{Audience, CameraId, Jti, KeyId, SiteId, SubscriberId};
use grant::Now;
use token::{Jwk, Sha256Digest, SigningKey, TokenError};

const FILE: &str = "board-key.jwk";
const KID: &str = "board";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum BoardKeyError {
    /// The file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key itself.
    #[error("{FILE}: {0}")]
    Key(#[from] TokenError),
    /// The machine gives no randomness.
    #[error("no randomness for {FILE}: {0}")]
    Randomness(String),
}

/// Digests of a stream's description: the open one, and the sealed one where there is one.
pub type Digests = (Sha256Digest, Option<Sha256Digest>);

/// Signs heads and descriptions.
#[derive(Debug)]
pub struct BoardKey {
    kid: KeyId,
    aud: Audience,
    key: SigningKey,
    x: String,
}

impl BoardKey {
    /// Reads the key, or makes it.
    ///
    /// # Errors
    /// [`BoardKeyError`] when it can be neither read nor written: on a full disk.
    pub fn open(store: &Store, site: &SiteId, camera: &CameraId, now_ms: u64) -> Result<Self, BoardKeyError> {
        let Ok(kid) = KeyId::new(KID) else { unreachable!("a constant") };
        let kept = match store.read(FILE)? {
            None => None,
            Some(bytes) => match Jwk::parse(&bytes).and_then(|jwk| jwk.signing_key()) {
                Ok(key) => Some(key),
                Err(error) => {
                    tracing::error!(%error, "the board's key cannot be read; it is kept aside and a new one made");
                    store.set_aside(FILE, now_ms)?;
                    None
                }
            },
        };
        let key = match kept {
            Some(key) => key,
            None => {
                let mut seed = [0_u8; 32];
                getrandom::fill(&mut seed).map_err(|error| BoardKeyError::Randomness(error.to_string()))?;
                let key = SigningKey::from_seed(seed);
                store.replace_secret(FILE, key.to_jwk(&kid).to_json().as_bytes())?;
                tracing::info!(x = key.public().x(), "the board's key is made");
                key
            }
        };
        let x = key.public().x();
        Ok(Self { kid, aud: Audience::camera(site.clone(), camera.clone()), key, x })
    }

    /// `head`, signed.
    ///
    /// # Errors
    /// [`TokenError`] when it cannot be.
    pub fn sign(&self, head: JournalHead, now: Now) -> Result<SignedHead, TokenError> {
        let claims = Head {
            iss: self.kid.clone(),
            aud: self.aud.clone(),
            iat: now.utc_s(),
            clock_synchronised: now.synchronised,
            entries: head.entries,
            head: head.head.clone(),
        };
        let token = token::sign(TokenKind::JournalHead, &self.kid, &claims, &self.key)?;
        Ok(SignedHead { head, board_key: Some(self.x.clone()), token: Some(token) })
    }

    /// The board's word that `share` of `sub` is described so.
    ///
    /// # Errors
    /// [`TokenError`] when it cannot be signed.
    pub fn describe(
        &self,
        share: &Jti,
        sub: &SubscriberId,
        (sdp, sealed): Digests,
        now: Now,
    ) -> Result<String, TokenError> {
        let claims = Description {
            iss: self.kid.clone(),
            aud: self.aud.clone(),
            iat: now.utc_s(),
            sub: sub.clone(),
            share: share.clone(),
            sdp_sha256: sdp.to_string(),
            sealed_sha256: sealed.map(|digest| digest.to_string()),
        };
        token::sign(TokenKind::Description, &self.kid, &claims, &self.key)
    }
}
