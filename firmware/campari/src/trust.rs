//! Whom the control room's agent believes: the keys of a policy bundle that the policy office signed (DESIGN §7).

use contract::claims::{Grant, Revoke, TokenKind};
use contract::policy::{Policy, Role};
use contract::{Audience, KeyId, SiteId};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use token::{PublicKey, TokenError};

/// One key of the policy office.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// Its name.
    pub kid: KeyId,
    /// base64url of the 32-byte Ed25519 public key.
    pub x: String,
}

impl std::str::FromStr for Root {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (kid, x) = text.split_once('=').ok_or("write KID=X, as `campari keygen` printed them")?;
        PublicKey::from_x(x).map_err(|cause| cause.to_string())?;
        Ok(Self { kid: kid.parse().map_err(|cause: contract::IdError| cause.to_string())?, x: x.to_owned() })
    }
}

/// Why a policy is not believed.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It cannot be read.
    #[error("policy {}: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// It is not what the policy office signed.
    #[error("policy: {0}")]
    Policy(#[from] TokenError),
    /// It is for another city.
    #[error("policy: it is for site {found}, this is {expected}")]
    OtherSite {
        /// What it says.
        found: SiteId,
        /// Where we are.
        expected: SiteId,
    },
    /// It goes back.
    #[error("policy: version {found} is not newer than {held}, which is in force")]
    Older {
        /// What it says.
        found: u64,
        /// What we hold.
        held: u64,
    },
}

/// Why a command is not believed.
#[derive(Debug, thiserror::Error)]
pub enum Disbelief {
    /// Not signed as it should be.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Signed by a key that may not.
    #[error("key {0} is no centralist's, or not for this camera")]
    NotAllowed(KeyId),
    /// For another site, or for no camera where one is needed.
    #[error("it is for {0}")]
    OtherAudience(Audience),
}

/// A verified policy and the keys that verified it.
#[derive(Debug, Clone)]
pub struct Trust {
    roots: Vec<(KeyId, PublicKey)>,
    policy: Policy,
}

impl Trust {
    /// Verifies `bundle` with `roots`, for `site`.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn new(bundle: &[u8], roots: &[Root], site: &SiteId) -> Result<Self, TrustError> {
        let roots = roots
            .iter()
            .map(|root| Ok((root.kid.clone(), PublicKey::from_x(&root.x)?)))
            .collect::<Result<Vec<_>, TokenError>>()?;
        let policy = verified(bundle, &roots, site)?;
        Ok(Self { roots, policy })
    }

    /// As [`Trust::new`], from a file.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn read(path: &Path, roots: &[Root], site: &SiteId) -> Result<Self, TrustError> {
        let bundle = std::fs::read(path).map_err(|cause| TrustError::File { path: path.to_owned(), cause })?;
        Self::new(&bundle, roots, site)
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Takes a newer bundle in; the held one stays when it is not better. Answers whether it changed.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn renew(&mut self, bundle: &[u8]) -> Result<bool, TrustError> {
        let policy = verified(bundle, &self.roots, &self.policy.site)?;
        if policy == self.policy {
            return Ok(false);
        }
        if policy.version <= self.policy.version {
            return Err(TrustError::Older { found: policy.version, held: self.policy.version });
        }
        self.policy = policy;
        Ok(true)
    }

    /// Believes a grant that a centralist's key signed for one camera of this site.
    ///
    /// # Errors
    /// [`Disbelief`].
    pub fn grant(&self, token: &[u8]) -> Result<Grant, Disbelief> {
        let grant: Grant = token::verify(TokenKind::Grant, token, |kid| token::policy::key_of(&self.policy, kid))?;
        if grant.envelope.aud.camera.is_none() {
            return Err(Disbelief::OtherAudience(grant.envelope.aud));
        }
        self.may_command(&grant.envelope.iss, &grant.envelope.aud)?;
        Ok(grant)
    }

    /// Believes a revoke that a centralist's key signed for this site.
    ///
    /// # Errors
    /// [`Disbelief`].
    pub fn revoke(&self, token: &[u8]) -> Result<Revoke, Disbelief> {
        let revoke: Revoke = token::verify(TokenKind::Revoke, token, |kid| token::policy::key_of(&self.policy, kid))?;
        self.may_command(&revoke.envelope.iss, &revoke.envelope.aud)?;
        Ok(revoke)
    }

    fn may_command(&self, kid: &KeyId, aud: &Audience) -> Result<(), Disbelief> {
        if aud.site != self.policy.site {
            return Err(Disbelief::OtherAudience(aud.clone()));
        }
        let key = self.policy.keys.iter().find(|key| key.kid == *kid && key.role == Role::Centralist);
        let covers = |cameras: &[contract::CameraId]| match &aud.camera {
            Some(camera) => cameras.is_empty() || cameras.contains(camera),
            None => cameras.is_empty(),
        };
        if key.is_some_and(|key| covers(&key.cameras)) { Ok(()) } else { Err(Disbelief::NotAllowed(kid.clone())) }
    }
}

fn verified(bundle: &[u8], roots: &[(KeyId, PublicKey)], site: &SiteId) -> Result<Policy, TrustError> {
    let policy = token::policy::verify(bundle, roots, token::policy::SIGNATURES_NEEDED)?;
    if policy.site != *site {
        return Err(TrustError::OtherSite { found: policy.site, expected: site.clone() });
    }
    Ok(policy)
}
