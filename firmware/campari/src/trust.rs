//! Whom the control room believes: the keys of a policy bundle that the policy office signed (DESIGN §7).

use contract::claims::{Envelope, Extend, Grant, Heartbeat, Preempt, Release, Request, Revoke, TokenKind};
use contract::policy::{Policy, Role};
use contract::{Audience, CameraId, KeyId, SiteId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use token::{PublicKey, TokenError};

/// One key of the policy office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
        let grant: Grant = self.command(TokenKind::Grant, token, |grant: &Grant| &grant.envelope)?;
        if grant.envelope.aud.camera.is_none() {
            return Err(Disbelief::OtherAudience(grant.envelope.aud));
        }
        Ok(grant)
    }

    /// Believes an extension that a centralist's key signed for one camera of this site.
    ///
    /// # Errors
    /// [`Disbelief`].
    pub fn extend(&self, token: &[u8]) -> Result<Extend, Disbelief> {
        self.command(TokenKind::Extend, token, |extend: &Extend| &extend.envelope)
    }

    /// Believes a revoke that a centralist's key signed for this site.
    ///
    /// # Errors
    /// [`Disbelief`].
    pub fn revoke(&self, token: &[u8]) -> Result<Revoke, Disbelief> {
        self.command(TokenKind::Revoke, token, |revoke: &Revoke| &revoke.envelope)
    }

    /// The reserve epoch of a preempt or release that a key which may do so signed for this site.
    ///
    /// # Errors
    /// [`Disbelief`].
    pub fn reserve_epoch(&self, kind: TokenKind, token: &[u8]) -> Result<u64, Disbelief> {
        let (envelope, epoch) = if kind == TokenKind::Preempt {
            let preempt: Preempt = self.command(kind, token, |preempt: &Preempt| &preempt.envelope)?;
            (preempt.envelope, preempt.reserve_epoch)
        } else {
            let release: Release = self.command(TokenKind::Release, token, |release: &Release| &release.envelope)?;
            (release.envelope, release.reserve_epoch)
        };
        let may = self.policy.keys.iter().any(|key| key.kid == envelope.iss && key.may_preempt);
        if may { Ok(epoch) } else { Err(Disbelief::NotAllowed(envelope.iss)) }
    }

    /// Believes a heartbeat that a room's key signed for this site. Whether it is new is for the caller to judge.
    ///
    /// # Errors
    /// [`Disbelief`].
    pub fn heartbeat(&self, token: &[u8]) -> Result<Heartbeat, Disbelief> {
        let heartbeat: Heartbeat = token::verify(TokenKind::Heartbeat, token, |kid| self.key(kid))?;
        let Envelope { iss, aud, .. } = &heartbeat.envelope;
        if *aud != Audience::site(self.policy.site.clone()) {
            return Err(Disbelief::OtherAudience(aud.clone()));
        }
        if self.policy.keys.iter().any(|key| key.kid == *iss && key.role == Role::Room) {
            return Ok(heartbeat);
        }
        Err(Disbelief::NotAllowed(iss.clone()))
    }

    /// Believes a request that the subscriber's own key signed for `camera`, whatever those who carried it say.
    ///
    /// # Errors
    /// [`Disbelief`].
    pub fn request(&self, token: &[u8], camera: &CameraId) -> Result<Request, Disbelief> {
        let rule = |kid: &KeyId| self.policy.subscribers.iter().find(|rule| rule.id.as_str() == kid.as_str());
        let request: Request = token::verify(TokenKind::Request, token, |kid| {
            rule(kid).and_then(|rule| rule.x.as_deref()).and_then(|x| PublicKey::from_x(x).ok())
        })?;
        if request.envelope.aud != Audience::camera(self.policy.site.clone(), camera.clone()) {
            return Err(Disbelief::OtherAudience(request.envelope.aud));
        }
        Ok(request)
    }

    fn key(&self, kid: &KeyId) -> Option<PublicKey> {
        token::policy::key_of(&self.policy, kid)
    }

    fn command<T: DeserializeOwned>(
        &self,
        kind: TokenKind,
        token: &[u8],
        envelope: impl Fn(&T) -> &Envelope,
    ) -> Result<T, Disbelief> {
        let claims: T = token::verify(kind, token, |kid| self.key(kid))?;
        self.may_command(&envelope(&claims).iss, &envelope(&claims).aud)?;
        Ok(claims)
    }

    fn may_command(&self, kid: &KeyId, aud: &Audience) -> Result<(), Disbelief> {
        if aud.site != self.policy.site {
            return Err(Disbelief::OtherAudience(aud.clone()));
        }
        let key = self.policy.keys.iter().find(|key| key.kid == *kid && key.role == Role::Centralist);
        let covers = |cameras: &[CameraId]| match &aud.camera {
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
