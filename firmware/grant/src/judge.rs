//! The questions that a command must answer, each a pure function of what it says, what the policy says and the time. All of them
//! refuse with a reason; none changes anything.

use crate::challenge::Challenges;
use crate::{Config, Now};
use contract::body::Refusal;
use contract::claims::{COMMAND_LIFE_S, Delivery, Envelope, Grant};
use contract::policy::{Policy, Role, SubscriberRule, TrustedKey};
use contract::{EncryptionKey, EncryptionKeyError, ErrorCode};

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

/// The key that signed, if it is trusted with `role` on this camera.
pub(crate) fn actor<'p>(
    policy: &'p Policy,
    config: &Config,
    envelope: &Envelope,
    role: Role,
) -> Result<&'p TrustedKey, Refusal> {
    let Some(key) = policy.keys.iter().find(|key| key.kid == envelope.iss) else {
        return refuse(ErrorCode::UnknownKey, "the signing key is not in the policy's trust store");
    };
    if key.role != role {
        return refuse(ErrorCode::NotAllowed, format!("the signing key's role is {:?}, this takes {role:?}", key.role));
    }
    if !key.cameras.is_empty() && !key.cameras.contains(&config.camera) {
        return refuse(ErrorCode::NotAllowed, "the signing key has no rights on this camera");
    }
    Ok(key)
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

/// Whether `policy` allows this grant on this board: asked when it comes, and again of every running share when the policy changes.
pub(crate) fn policy_allows(policy: &Policy, config: &Config, grant: &Grant) -> Result<(), Refusal> {
    let key = actor(policy, config, &grant.envelope, Role::Centralist)?;
    let length_s = grant.exp.saturating_sub(grant.nbf);
    if let Some(longest_s) = key.longest_grant_s
        && length_s > longest_s
    {
        return refuse(ErrorCode::NotAllowed, format!("{length_s} s; this key may grant at most {longest_s} s"));
    }
    if grant.exp > policy.valid_until {
        return refuse(ErrorCode::OutsidePolicy, format!("the window outlasts policy {}", policy.version));
    }
    let Some(rule) = policy.subscribers.iter().find(|rule| rule.id == grant.sub) else {
        return refuse(ErrorCode::OutsidePolicy, "the subscriber is not in the policy");
    };
    subscriber_may(rule, policy, grant, length_s)?;
    if !policy.views.iter().any(|view| view.name == grant.view && view.camera == config.camera) {
        return refuse(ErrorCode::NotOffered, format!("this camera has no view {}", grant.view));
    }
    if !config.filters.contains(&grant.filter) {
        return refuse(ErrorCode::NotOffered, format!("this board does not offer {}", grant.filter));
    }
    Ok(())
}

fn subscriber_may(rule: &SubscriberRule, policy: &Policy, grant: &Grant, length_s: u64) -> Result<(), Refusal> {
    let outside = |detail: String| refuse(ErrorCode::OutsidePolicy, detail);
    if !rule.purposes.contains(&grant.purpose) {
        return outside("the purpose is not among the subscriber's".into());
    }
    if grant.filter < rule.min_filter {
        return outside(format!("{} is weaker than {}, the subscriber's weakest", grant.filter, rule.min_filter));
    }
    if length_s > rule.longest_share_s {
        return outside(format!("{length_s} s; the subscriber may have at most {} s", rule.longest_share_s));
    }
    if let Some([from, to]) = rule.hours_utc
        && !within_hours(grant.nbf, length_s, from, to)
    {
        return outside(format!("the window is not within {from}:00 to {to}:00 UTC"));
    }
    if grant.fps == Some(0) {
        return refuse(ErrorCode::Malformed, "fps is 0");
    }
    match grant.delivery {
        Delivery::Push { port, .. } if port == 0 || port == u16::MAX => {
            refuse(ErrorCode::Malformed, "push takes a port from 1 to 65534: RTCP uses the next one")
        }
        Delivery::Push { address, .. } if !rule.push_to.contains(&address) => {
            outside("the push address is not among the subscriber's".into())
        }
        Delivery::Push { .. } if encryption_key(policy, grant)?.is_none() && !policy.plain_rtp => outside(
            "the policy does not allow push without SRTP (plain_rtp), and SRTP needs a key of the subscriber's (cnf, or encrypt_x in the policy)".into(),
        ),
        Delivery::Push { .. } => Ok(()),
    }
}

/// The key to which the stream's credentials are to be encrypted: the grant's `cnf`, which may not differ from the policy's `encrypt_x` where that
/// is stated; the policy's where the grant names none; `None` where neither does, and the stream goes in clear if the policy allows that.
///
/// # Errors
/// [`Refusal`] when the key is none, or another than the policy's.
pub fn encryption_key(policy: &Policy, grant: &Grant) -> Result<Option<EncryptionKey>, Refusal> {
    let malformed = |cause: EncryptionKeyError| Refusal::new(ErrorCode::Malformed, cause.to_string());
    let named = grant.cnf.as_ref().map(EncryptionKey::of_cnf).transpose().map_err(malformed)?;
    let rule = policy.subscribers.iter().find(|rule| rule.id == grant.sub);
    let stated = rule.and_then(|rule| rule.encrypt_x.as_deref()).map(EncryptionKey::of_x).transpose();
    let stated = stated.map_err(|cause| {
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
