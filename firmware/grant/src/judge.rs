//! The questions that a command must answer, each a pure function of what it says, what the policy says and the time. All of them
//! refuse with a reason; none changes anything.

use crate::challenge::Challenges;
use crate::{Config, Now};
use contract::body::Refusal;
use contract::claims::{COMMAND_LIFE_S, Delivery, Envelope, Grant, Request};
use contract::policy::{Policy, RelayRule, Role, SubscriberRule, TrustedKey};
use contract::{EncryptionKey, EncryptionKeyError, ErrorCode, Filter, KeyId, SubscriberId, ViewName};
use serde_json::Value;

/// A command's `iat` may be ahead of the board's clock by this much, seconds.
pub const SKEW_S: u64 = 30;
/// A window may begin at most this far ahead, seconds.
pub const MAX_AHEAD_S: u64 = 24 * 3600;

const DAY_S: u64 = 24 * 3600;

/// What a command does to the camera's privacy decides how it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Opens something: everything must be proven, the clock included.
    Loosens,
    /// Closes something. A current challenge proves by itself that it is new, so that neither the board's clock nor the sender's
    /// can keep a centralist from ending a share.
    Tightens,
}

fn refuse<T>(code: ErrorCode, detail: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(code, detail))
}

/// The key that signed, if it is trusted with one of `roles` on this camera.
pub(crate) fn actor<'p>(
    policy: &'p Policy,
    config: &Config,
    kid: &KeyId,
    roles: &[Role],
) -> Result<&'p TrustedKey, Refusal> {
    let Some(key) = policy.keys.iter().find(|key| key.kid == *kid) else {
        return refuse(ErrorCode::UnknownKey, "the signing key is not in the policy's trust store");
    };
    if !roles.contains(&key.role) {
        let detail = format!("the signing key's role is {:?}, this takes {roles:?}", key.role);
        return refuse(ErrorCode::NotAllowed, detail);
    }
    if !key.cameras.is_empty() && !key.cameras.contains(&config.camera) {
        return refuse(ErrorCode::NotAllowed, "the signing key has no rights on this camera");
    }
    Ok(key)
}

/// The subscriber that signed, if the policy names a key of it.
pub(crate) fn subscriber<'p>(policy: &'p Policy, kid: &KeyId) -> Result<&'p SubscriberRule, Refusal> {
    let named = policy.subscribers.iter().find(|rule| rule.id.as_str() == kid.as_str() && rule.x.is_some());
    match named {
        Some(rule) => Ok(rule),
        None => refuse(ErrorCode::UnknownKey, "the policy names no key of such a subscriber"),
    }
}

/// Whether the command is for this camera. `site_wide` says whether `site/*` will do.
pub(crate) fn audience(config: &Config, envelope: &Envelope, site_wide: bool) -> Result<(), Refusal> {
    let for_this_camera = match &envelope.aud.camera {
        Some(camera) => *camera == config.camera,
        None => site_wide,
    };
    if envelope.aud.site == config.site && for_this_camera {
        return Ok(());
    }
    refuse(ErrorCode::WrongAudience, format!("aud must name {}/{}", config.site, config.camera))
}

/// Whether the command is new: by its challenge, by its `iat`, or by both (see [`Effect`]).
pub(crate) fn freshness(envelope: &Envelope, effect: Effect, challenges: &Challenges, now: Now) -> Result<(), Refusal> {
    let site_wide = envelope.aud.camera.is_none();
    match &envelope.challenge {
        Some(claimed) if challenges.accepts(claimed, now.monotonic_ms) => {
            if effect == Effect::Tightens {
                return Ok(());
            }
        }
        Some(_) => return refuse(ErrorCode::StaleChallenge, "the challenge is not the one now in state"),
        None if site_wide => {
            if effect == Effect::Tightens && !now.synchronised {
                return Ok(());
            }
        }
        None => return refuse(ErrorCode::StaleChallenge, "the challenge is missing"),
    }
    recent(envelope, now)
}

/// Whether it was issued a moment ago, by the board's wall clock.
pub(crate) fn recent(envelope: &Envelope, now: Now) -> Result<(), Refusal> {
    let (iat, now_s) = (envelope.iat, now.utc_s());
    if iat > now_s.saturating_add(SKEW_S) {
        let detail = format!("issued {} s ahead of the board's clock, at most {SKEW_S} s are allowed", iat - now_s);
        return refuse(ErrorCode::NotYetValid, detail);
    }
    if iat.saturating_add(COMMAND_LIFE_S) < now_s {
        let detail = format!("issued {} s ago, a command lives {COMMAND_LIFE_S} s", now_s - iat);
        return refuse(ErrorCode::Expired, detail);
    }
    Ok(())
}

/// Whether anything may be opened at all: clock and policy.
pub(crate) fn readiness(policy: &Policy, now: Now) -> Result<(), Refusal> {
    if !now.synchronised {
        return refuse(ErrorCode::ClockUnsure, "the board's clock is not synchronised; check its time source");
    }
    if now.utc_s() >= policy.valid_until {
        return refuse(ErrorCode::NoPolicy, format!("policy {} is past its valid_until", policy.version));
    }
    Ok(())
}

/// Whether the window makes sense now.
pub(crate) fn window(grant: &Grant, now: Now) -> Result<(), Refusal> {
    if grant.exp <= grant.nbf {
        return refuse(ErrorCode::Malformed, "the window ends (exp) before it begins (nbf)");
    }
    if grant.exp <= now.utc_s() {
        return refuse(ErrorCode::Expired, format!("the window closed {} s ago", now.utc_s() - grant.exp));
    }
    if grant.nbf > now.utc_s().saturating_add(MAX_AHEAD_S) {
        return refuse(ErrorCode::NotYetValid, format!("the window begins more than {MAX_AHEAD_S} s ahead"));
    }
    Ok(())
}

/// Whether `policy` allows this grant on this board, `signer` answering for its window: asked when it comes, and again of every share when that is
/// extended or the policy changes.
pub(crate) fn policy_allows(policy: &Policy, config: &Config, grant: &Grant, signer: &KeyId) -> Result<(), Refusal> {
    let key = actor(policy, config, signer, &[Role::Centralist])?;
    let terms = Terms::of_grant(grant);
    if let Some(longest_s) = key.longest_grant_s
        && terms.length_s > longest_s
    {
        let detail = format!("{} s; this key may grant at most {longest_s} s", terms.length_s);
        return refuse(ErrorCode::NotAllowed, detail);
    }
    if grant.exp > policy.valid_until {
        return refuse(ErrorCode::OutsidePolicy, format!("the window outlasts policy {}", policy.version));
    }
    let rule = terms_allowed(policy, config, &terms)?;
    if let Some([from, to]) = rule.hours_utc
        && !within_hours(grant.nbf, terms.length_s, from, to)
    {
        return refuse(ErrorCode::OutsidePolicy, format!("the window is not within {from}:00 to {to}:00 UTC"));
    }
    Ok(())
}

/// What a request asks for and a grant gives, but for when.
pub(crate) struct Terms<'a> {
    sub: &'a SubscriberId,
    view: &'a ViewName,
    filter: Filter,
    fps: Option<u8>,
    length_s: u64,
    delivery: &'a Delivery,
    purpose: &'a str,
    cnf: Option<&'a Value>,
}

impl<'a> Terms<'a> {
    fn of_grant(grant: &'a Grant) -> Self {
        Self {
            sub: &grant.sub,
            view: &grant.view,
            filter: grant.filter,
            fps: grant.fps,
            length_s: grant.exp.saturating_sub(grant.nbf),
            delivery: &grant.delivery,
            purpose: &grant.purpose,
            cnf: grant.cnf.as_ref(),
        }
    }
    /// Of a request whose filter is filled in.
    pub(crate) fn of_request(request: &'a Request, sub: &'a SubscriberId, filter: Filter) -> Self {
        Self {
            sub,
            view: &request.view,
            filter,
            fps: request.fps,
            length_s: request.duration_s,
            delivery: &request.delivery,
            purpose: &request.purpose,
            cnf: request.cnf.as_ref(),
        }
    }
}

/// Whether `policy` allows these terms on this board; the subscriber's rule if it does.
pub(crate) fn terms_allowed<'p>(
    policy: &'p Policy,
    config: &Config,
    terms: &Terms<'_>,
) -> Result<&'p SubscriberRule, Refusal> {
    let Some(rule) = policy.subscribers.iter().find(|rule| rule.id == *terms.sub) else {
        return refuse(ErrorCode::OutsidePolicy, "the subscriber is not in the policy");
    };
    subscriber_may(rule, policy, terms)?;
    if !policy.views.iter().any(|view| view.name == *terms.view && view.camera == config.camera) {
        return refuse(ErrorCode::NotOffered, format!("this camera has no view {}", terms.view));
    }
    if !config.filters.contains(&terms.filter) {
        return refuse(ErrorCode::NotOffered, format!("this board does not offer {}", terms.filter));
    }
    Ok(rule)
}

fn subscriber_may(rule: &SubscriberRule, policy: &Policy, terms: &Terms<'_>) -> Result<(), Refusal> {
    let outside = |detail: String| refuse(ErrorCode::OutsidePolicy, detail);
    if !rule.purposes.iter().any(|purpose| purpose == terms.purpose) {
        return outside("the purpose is not among the subscriber's".into());
    }
    if terms.filter < rule.min_filter {
        return outside(format!("{} is weaker than {}, the subscriber's weakest", terms.filter, rule.min_filter));
    }
    if terms.length_s > rule.longest_share_s {
        return outside(format!("{} s; the subscriber may have at most {} s", terms.length_s, rule.longest_share_s));
    }
    if terms.fps == Some(0) {
        return refuse(ErrorCode::Malformed, "fps is 0");
    }
    let key = key_for(rule, terms.cnf)?;
    match *terms.delivery {
        Delivery::Push { port, .. } if port == 0 || port == u16::MAX => {
            refuse(ErrorCode::Malformed, "push takes a port from 1 to 65534: RTCP uses the next one")
        }
        Delivery::Push { address, .. } if !rule.push_to.contains(&address) => {
            outside("the push address is not among the subscriber's".into())
        }
        Delivery::Push { .. } if key.is_none() && !policy.plain_rtp => outside(
            "the policy does not allow push without SRTP (plain_rtp), and SRTP needs a key of the subscriber's (cnf, or encrypt_x in the policy)".into(),
        ),
        Delivery::Push { .. } => Ok(()),
        Delivery::Pull => match &rule.pull {
            None => outside("the policy does not let the subscriber fetch the picture (pull)".into()),
            Some(pull) if key.is_none() && pull.certificate_sha256.is_none() => outside(
                "the subscriber's credential for pull needs a key of its own to be sealed to (cnf, or encrypt_x in the policy), or a client certificate \
                 (pull.certificate_sha256)"
                    .into(),
            ),
            Some(_) => Ok(()),
        },
        Delivery::Relay => match &rule.relay {
            None => outside("the policy names no media server for the subscriber (relay)".into()),
            Some(relay) if relay.plain && !policy.plain_rtp => {
                outside("the subscriber's media server is in clear, and the policy does not allow that (plain_rtp)".into())
            }
            Some(_) => Ok(()),
        },
    }
}

/// The media server that a relayed grant is published to, by the policy's word alone; `None` of any other grant, and where the policy names none.
#[must_use]
pub fn relay<'p>(policy: &'p Policy, grant: &Grant) -> Option<&'p RelayRule> {
    let rule = policy.subscribers.iter().find(|rule| rule.id == grant.sub)?;
    rule.relay.as_ref().filter(|_| grant.delivery == Delivery::Relay)
}

/// The key to which the stream's credentials are to be encrypted: the grant's `cnf`, which may not differ from the policy's `encrypt_x` where that
/// is stated; the policy's where the grant names none; `None` where neither does, and the stream goes in clear if the policy allows that.
///
/// # Errors
/// [`Refusal`] when the key is none, or another than the policy's.
pub fn encryption_key(policy: &Policy, grant: &Grant) -> Result<Option<EncryptionKey>, Refusal> {
    match policy.subscribers.iter().find(|rule| rule.id == grant.sub) {
        Some(rule) => key_for(rule, grant.cnf.as_ref()),
        None => refuse(ErrorCode::OutsidePolicy, "the subscriber is not in the policy"),
    }
}

fn key_for(rule: &SubscriberRule, cnf: Option<&Value>) -> Result<Option<EncryptionKey>, Refusal> {
    let malformed = |cause: EncryptionKeyError| Refusal::new(ErrorCode::Malformed, cause.to_string());
    let named = cnf.map(EncryptionKey::of_cnf).transpose().map_err(malformed)?;
    let stated = rule.encrypt_x.as_deref().map(EncryptionKey::of_x).transpose().map_err(|cause| {
        Refusal::new(ErrorCode::OutsidePolicy, format!("the policy's encrypt_x is no key: {cause}"))
    })?;
    match (named, stated) {
        (Some(named), Some(stated)) if named != stated => {
            refuse(ErrorCode::OutsidePolicy, "cnf is not the subscriber's key in the policy (encrypt_x)")
        }
        (named, stated) => Ok(named.or(stated)),
    }
}

/// Whether a window of `length_s` from `nbf` lies within the daily hours `[from, to)`, which may pass midnight.
fn within_hours(nbf: u64, length_s: u64, from: u8, to: u8) -> bool {
    if (from, to) == (0, 24) {
        return true;
    }
    let (from_s, to_s) = (u64::from(from) * 3600, u64::from(to) * 3600);
    let open_s = if to_s >= from_s { to_s - from_s } else { DAY_S - from_s + to_s };
    let since_opening_s = (nbf % DAY_S + DAY_S - from_s) % DAY_S;
    since_opening_s.saturating_add(length_s) <= open_s
}
