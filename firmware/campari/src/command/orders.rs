//! What a centralist or a privacy officer signs for one camera, or for all of a site.

use super::{CommandError, Desk};
use crate::clock;
use crate::keys::fresh_jti;
use crate::trust::Trust;
use contract::asking::{DenyReason, OpenRequest};
use contract::body::EyeState;
use contract::claims::{
    Actors, ClearLeak, Delivery, Deny, Envelope, Extend, Grant, Leaked, Preempt, Release, ReportLeak, Request, Revoke,
    TokenKind,
};
use contract::{Audience, CameraId, Filter, Jti, SubscriberId, ViewName};
use std::time::Duration;

/// A grant's window opens this much before now, so that a board whose clock is a little behind takes it.
const HEAD_START_S: u64 = 1;

/// What a centralist grants.
#[derive(Debug, Clone)]
pub struct GrantOrder {
    /// Who will watch.
    pub subscriber: SubscriberId,
    /// Which view.
    pub view: ViewName,
    /// The weakest filter that may be shown.
    pub filter: Filter,
    /// Pictures a second, at most.
    pub fps: Option<u8>,
    /// For how long, from now.
    pub lasts: Duration,
    /// Where to.
    pub delivery: Delivery,
    /// What for.
    pub purpose: String,
    /// Who acts.
    pub act: Actors,
    /// The key to which the subscriber's credentials are encrypted.
    pub cnf: Option<serde_json::Value>,
    /// The request that it answers.
    pub request: Option<Jti>,
}

impl GrantOrder {
    /// All that a verified request asks for. `filter` is used where the request leaves it to the policy.
    #[must_use]
    pub fn answering(request: &Request, subscriber: SubscriberId, filter: Filter, operator: String) -> Self {
        Self {
            subscriber,
            view: request.view.clone(),
            filter: request.filter.unwrap_or(filter),
            fps: request.fps,
            lasts: Duration::from_secs(request.duration_s),
            delivery: request.delivery.clone(),
            purpose: request.purpose.clone(),
            act: Actors { operator, requester: request.requester.clone() },
            cnf: request.cnf.clone(),
            request: Some(request.envelope.jti.clone()),
        }
    }
}

/// What a request that waits at `camera` asks for, if the subscriber itself signed it: nothing is taken from those who carried it.
///
/// # Errors
/// [`CommandError::ForgedRequest`].
pub fn believed(
    trust: &Trust,
    camera: &CameraId,
    open: &OpenRequest,
    operator: String,
) -> Result<GrantOrder, CommandError> {
    let forged = |cause: String| CommandError::ForgedRequest { request: open.jti.clone(), cause };
    let request = trust.request(open.token.as_bytes(), camera).map_err(|cause| forged(crate::chain(&cause)))?;
    if request.envelope.jti != open.jti {
        return Err(forged(format!("the subscriber signed request {}", request.envelope.jti)));
    }
    let rules = &trust.policy().subscribers;
    let Some(rule) = rules.iter().find(|rule| rule.id.as_str() == request.envelope.iss.as_str()) else {
        return Err(forged("its subscriber is not in the policy".into()));
    };
    let filter = rule.default_filter.unwrap_or(rule.min_filter);
    Ok(GrantOrder::answering(&request, rule.id.clone(), filter, operator))
}

/// A signed command and its token id.
pub type Signed = Result<(Jti, String), CommandError>;

impl Desk<'_> {
    /// For this camera with its challenge, or without a state for every camera of the site.
    fn envelope(&self, eye: Option<&EyeState>) -> Envelope {
        Envelope {
            iss: self.key.kid.clone(),
            aud: match eye {
                Some(_) => Audience::camera(self.site.clone(), self.camera.clone()),
                None => Audience::site(self.site.clone()),
            },
            iat: clock::unix_s(),
            jti: fresh_jti(),
            challenge: eye.map(|eye| eye.challenge.clone()),
        }
    }

    /// Signs a grant that starts now.
    ///
    /// # Errors
    /// [`CommandError::Sign`].
    pub fn sign_grant(&self, eye: &EyeState, order: GrantOrder) -> Signed {
        let envelope = self.envelope(Some(eye));
        let jti = envelope.jti.clone();
        let opens = envelope.iat.saturating_sub(HEAD_START_S);
        let claims = Grant {
            nbf: opens,
            exp: opens.saturating_add(order.lasts.as_secs()),
            envelope,
            sub: order.subscriber,
            view: order.view,
            filter: order.filter,
            fps: order.fps,
            delivery: order.delivery,
            purpose: order.purpose,
            act: order.act,
            cnf: order.cnf,
            request: order.request,
        };
        self.sign(TokenKind::Grant, &claims).map(|token| (jti, token))
    }

    /// Signs that the window of `share` closes at `exp`, Unix seconds.
    ///
    /// # Errors
    /// [`CommandError::Sign`].
    pub fn sign_extend(&self, eye: &EyeState, share: Jti, exp: u64, act: Actors) -> Signed {
        let envelope = self.envelope(Some(eye));
        let jti = envelope.jti.clone();
        self.sign(TokenKind::Extend, &Extend { envelope, share, exp, act }).map(|token| (jti, token))
    }

    /// Signs that `request` is not granted.
    ///
    /// # Errors
    /// [`CommandError::Sign`].
    pub fn sign_deny(&self, eye: &EyeState, request: Jti, reason: DenyReason, act: Actors) -> Signed {
        let envelope = self.envelope(Some(eye));
        let jti = envelope.jti.clone();
        self.sign(TokenKind::Deny, &Deny { envelope, request, reason, act }).map(|token| (jti, token))
    }

    /// Signs a revoke of `share`, or of every share of the camera, or without a state of the whole site.
    ///
    /// # Errors
    /// [`CommandError::Sign`].
    pub fn sign_revoke(&self, eye: Option<&EyeState>, share: Option<Jti>, act: Actors) -> Signed {
        let envelope = self.envelope(eye);
        let jti = envelope.jti.clone();
        self.sign(TokenKind::Revoke, &Revoke { envelope, share, act }).map(|token| (jti, token))
    }

    /// Signs that the police take the camera, or without a state every camera of the site.
    ///
    /// # Errors
    /// [`CommandError::Sign`].
    pub fn sign_preempt(&self, eye: Option<&EyeState>, reserve_epoch: u64, act: Actors) -> Signed {
        let envelope = self.envelope(eye);
        let jti = envelope.jti.clone();
        self.sign(TokenKind::Preempt, &Preempt { envelope, reserve_epoch, act }).map(|token| (jti, token))
    }

    /// Signs that the police give the camera back, or without a state every camera of the site.
    ///
    /// # Errors
    /// [`CommandError::Sign`].
    pub fn sign_release(&self, eye: Option<&EyeState>, reserve_epoch: u64, act: Actors) -> Signed {
        let envelope = self.envelope(eye);
        let jti = envelope.jti.clone();
        self.sign(TokenKind::Release, &Release { envelope, reserve_epoch, act }).map(|token| (jti, token))
    }

    /// Signs that somebody of the control room saw something uncovered.
    ///
    /// # Errors
    /// [`CommandError::Sign`].
    pub fn sign_report_leak(&self, eye: &EyeState, what: Leaked, share: Option<Jti>, act: Actors) -> Signed {
        let envelope = self.envelope(Some(eye));
        let jti = envelope.jti.clone();
        let seen_at = Some(envelope.iat);
        let claims = ReportLeak { envelope, share, seen_at, what, act: Some(act) };
        self.sign(TokenKind::ReportLeak, &claims).map(|token| (jti, token))
    }

    /// Signs that the reports were looked into.
    ///
    /// # Errors
    /// [`CommandError::Sign`].
    pub fn sign_clear_leak(&self, eye: &EyeState, act: Actors) -> Signed {
        let envelope = self.envelope(Some(eye));
        let jti = envelope.jti.clone();
        self.sign(TokenKind::ClearLeak, &ClearLeak { envelope, act }).map(|token| (jti, token))
    }
}
