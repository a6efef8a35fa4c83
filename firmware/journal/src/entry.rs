//! One entry: the closed list of fields of DESIGN §9. What is not here is not recorded.

use contract::body::Usage;
use contract::claims::{Grant, Request, TokenKind};
use contract::{EndReason, ErrorCode, Filter, Jti, KeyId, SubscriberId, ToldReason, ViewName};
use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The eye started.
    Boot,
    /// A policy came into force.
    Policy,
    /// A grant was accepted.
    Granted,
    /// Media of the share may flow; written before the first picture does.
    Started,
    /// The share is over.
    Ended,
    /// Nobody watches; the share ends unless somebody comes back. A viewer that comes and goes is written at most once in ten seconds.
    Waiting,
    /// Somebody came back.
    Resumed,
    /// The share's window closes later.
    Extended,
    /// Another filter is in effect for the share.
    Filtered,
    /// The share goes on: the police gave the camera back.
    Restored,
    /// A subscriber asks.
    Requested,
    /// A centralist said no.
    RequestDenied,
    /// Nobody decided.
    RequestLapsed,
    /// The subscriber took it back.
    RequestWithdrawn,
    /// Somebody reported something uncovered; everything is coarse until that is cleared.
    LeakReported,
    /// A privacy officer has looked into it.
    LeakCleared,
    /// The camera does not look where it was sent; nothing of it is shown.
    ViewLeft,
    /// It looks there again.
    ViewBack,
    /// A command was refused; where many are, not every one of them ([`Entry::left_out`]).
    Refused,
    /// The police took the camera.
    Preempted,
    /// The police gave the camera back.
    Released,
    /// The detector passed its self-test; written when that changes.
    SelfTestPassed,
    /// The detector failed its self-test; the picture is covered until it passes.
    SelfTestFailed,
    /// The camera is gone, silent or frozen; written when that begins, at most once a minute.
    CameraLost,
    /// The camera delivers again.
    CameraBack,
    /// Somebody at the camera turned its privacy switch on; nothing is shared until it is off.
    PrivacyOn,
    /// The privacy switch is off.
    PrivacyOff,
    /// The privacy switch cannot be read, which counts as on.
    PrivacyUnreadable,
    /// The housing is open, or its contact cannot be read.
    Tampered,
    /// The housing is closed again.
    TamperCleared,
    /// The oldest segments are removed because the journal has reached its largest size; written before they are.
    Truncated,
    /// What was found at start was not what had been written.
    JournalAltered,
    /// There is no room for the journal; every share ends and none begins.
    JournalFault,
    /// There is room again.
    JournalRestored,
}

/// One entry. Absent fields are left out of the line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Unix milliseconds on the board.
    pub at_ms: u64,
    /// Whether the board's clock was synchronised then.
    pub clock_synchronised: bool,
    /// What happened.
    pub event: What,
    /// The share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Jti>,
    /// The request, or the one that the grant answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Jti>,
    /// Key that signed the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_key: Option<KeyId>,
    /// Who acted in the control room: a pseudonym.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// Who asked: a pseudonym.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<String>,
    /// Recipient organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<SubscriberId>,
    /// What for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Policy in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<u64>,
    /// Granted view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<ViewName>,
    /// Filter that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter_asked: Option<Filter>,
    /// Filter in effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter_effective: Option<Filter>,
    /// Seconds per rung, bytes and pictures sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// SHA-256 of the model in use, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_sha256: Option<String>,
    /// Firmware: version or hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
    /// The signed command itself, so that it can be verified again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Which kind of command was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<TokenKind>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<ErrorCode>,
    /// How many commands were refused since the entry of the last one, and are in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<u64>,
    /// Why a share ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub true_reason: Option<EndReason>,
    /// What the subscriber was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_reason: Option<ToldReason>,
    /// Number of the newest entry that is removed with its segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_to: Option<u64>,
}

impl Entry {
    /// An entry that says only when and what.
    #[must_use]
    pub fn new(at_ms: u64, clock_synchronised: bool, event: What) -> Self {
        Self {
            at_ms,
            clock_synchronised,
            event,
            share: None,
            request: None,
            actor_key: None,
            operator: None,
            requester: None,
            recipient: None,
            purpose: None,
            policy_version: None,
            view: None,
            filter_asked: None,
            filter_effective: None,
            usage: None,
            model_sha256: None,
            firmware: None,
            token: None,
            command: None,
            refused: None,
            left_out: None,
            true_reason: None,
            told_reason: None,
            removed_to: None,
        }
    }

    /// The same entry about `grant`: everything that its claims say.
    #[must_use]
    pub fn of_grant(self, grant: &Grant) -> Self {
        Self {
            share: Some(grant.envelope.jti.clone()),
            request: grant.request.clone(),
            actor_key: Some(grant.envelope.iss.clone()),
            operator: Some(grant.act.operator.clone()),
            requester: grant.act.requester.clone(),
            recipient: Some(grant.sub.clone()),
            purpose: Some(grant.purpose.clone()),
            view: Some(grant.view.clone()),
            filter_asked: Some(grant.filter),
            ..self
        }
    }

    /// The same entry about `request`: everything that its claims say.
    #[must_use]
    pub fn of_request(self, request: &Request, sub: &SubscriberId) -> Self {
        Self {
            request: Some(request.envelope.jti.clone()),
            actor_key: Some(request.envelope.iss.clone()),
            requester: request.requester.clone(),
            recipient: Some(sub.clone()),
            purpose: Some(request.purpose.clone()),
            view: Some(request.view.clone()),
            filter_asked: request.filter,
            ..self
        }
    }

    /// The same entry with the end of a share.
    #[must_use]
    pub fn of_end(self, share: Jti, reason: EndReason, usage: Usage) -> Self {
        Self {
            share: Some(share),
            true_reason: Some(reason),
            told_reason: Some(reason.told()),
            usage: Some(usage),
            ..self
        }
    }
}
