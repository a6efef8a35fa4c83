//! Commands off the broker: verified here, judged by `grant`.

use super::{Books, Office, unknown_command};
use contract::asking::RequestEvent;
use contract::body::{Answer, Refusal};
use contract::claims::{
    ClearLeak, Deny, Extend, Grant, Heartbeat, Leave, MAX_REQUEST_TOKEN, Preempt, Release, ReportLeak, Request, Revoke,
    TokenKind, Withdraw,
};
use contract::policy::Policy;
use contract::{ErrorCode, Jti, KeyId};
use grant::{Authority, Now, PolicyVerdict};
use serde::de::DeserializeOwned;
use token::PublicKey;
use token::policy::{key_of, key_of_subscriber};

/// What a command came to, for its answer.
#[derive(Debug, Default)]
pub(super) struct Done {
    share: Option<Jti>,
    request: Option<RequestEvent>,
}

impl Done {
    fn share(share: Option<Jti>) -> Self {
        Self { share, request: None }
    }
    pub(super) fn answer(self) -> Answer {
        Answer { request: self.request, ..Answer::done(self.share) }
    }
}

impl Office {
    /// Carries out a command.
    pub(super) fn command(&self, desk: &mut Books, kind: TokenKind, token: &[u8], now: Now) -> Result<Done, Refusal> {
        let done = match kind {
            TokenKind::Request | TokenKind::Withdraw | TokenKind::Leave | TokenKind::ReportLeak => {
                ask(desk, kind, token, now)?
            }
            TokenKind::UsageAck => self.usage_ack(desk, token, now).map(|()| Done::default())?,
            _ => decide(desk, kind, token, now)?,
        };
        desk.token = String::from_utf8(token.to_vec()).ok();
        Ok(done)
    }

    /// A policy bundle came, and this is what verifying it came to.
    pub(super) fn policy_came(
        &self,
        desk: &mut Books,
        correlation: u64,
        policy: Result<Policy, Refusal>,
        bundle: &[u8],
        now: Now,
    ) {
        let answer = match policy.and_then(|policy| self.take_policy(desk, policy, bundle, now)) {
            Ok(()) => Answer::done(None),
            Err(refusal) => {
                tracing::warn!(code = %refusal.code, detail = refusal.detail, "a policy bundle was refused");
                self.refused(desk, None, bundle, refusal.code, now);
                Answer::refused(refusal)
            }
        };
        self.settle(desk, now);
        self.answer(correlation, &answer);
        self.tell_state(desk, now);
    }

    /// Takes a policy: its bundle is kept on disk before anything is granted under it.
    fn take_policy(&self, desk: &mut Books, policy: Policy, bundle: &[u8], now: Now) -> Result<(), Refusal> {
        let verdict = desk.authority.handle_policy(policy, now)?;
        if verdict == PolicyVerdict::AlreadyHeld {
            return Ok(());
        }
        if let Err(error) = self.store.replace("policy.json", bundle) {
            tracing::error!(%error, "the policy in force is not on disk; after a restart the one before is");
        }
        if let Some(version) = desk.authority.policy().map(|policy| policy.version)
            && let Err(error) = desk.record.policy(version, now)
        {
            tracing::error!(%error, "a change of policy is not in the journal");
        }
        desk.set_scene();
        self.say_hello(desk);
        Ok(())
    }
}

/// What the control room decides.
fn decide(desk: &mut Books, kind: TokenKind, token: &[u8], now: Now) -> Result<Done, Refusal> {
    let authority = &mut desk.authority;
    let done = |share: Jti| Done::share(Some(share));
    match kind {
        TokenKind::Grant => {
            let grant: Grant = verified(authority, kind, token, key_of)?;
            if let Some(cause) = desk.record.fault() {
                let detail = format!("the board's journal cannot be written: {cause}");
                return Err(Refusal::new(ErrorCode::Fault, detail));
            }
            authority.handle_grant(grant, now).map(done)
        }
        TokenKind::Extend => {
            let extend: Extend = verified(authority, kind, token, key_of)?;
            authority.handle_extend(&extend, now).map(done)
        }
        TokenKind::Deny => {
            let deny: Deny = verified(authority, kind, token, key_of)?;
            authority.handle_deny(&deny, now).map(|()| Done::default())
        }
        TokenKind::Revoke => {
            let revoke: Revoke = verified(authority, kind, token, key_of)?;
            authority.handle_revoke(&revoke, now).map(|ended| Done::share(ended.into_iter().next()))
        }
        TokenKind::Preempt => {
            let preempt: Preempt = verified(authority, kind, token, key_of)?;
            authority.handle_preempt(&preempt, now).map(|_| Done::default())
        }
        TokenKind::Release => {
            let release: Release = verified(authority, kind, token, key_of)?;
            authority.handle_release(&release, now).map(|()| Done::default())
        }
        TokenKind::Heartbeat => {
            let heartbeat: Heartbeat = verified(authority, kind, token, key_of)?;
            authority.handle_heartbeat(&heartbeat, now).map(|()| Done::default())
        }
        TokenKind::ClearLeak => {
            let clear: ClearLeak = verified(authority, kind, token, key_of)?;
            authority.handle_clear_leak(&clear, now).map(|()| Done::default())
        }
        _ => Err(unknown_command()),
    }
}

/// What subscribers say, and anybody's report of a leak. Bounded before anything is verified, so that asking cannot keep the frame road waiting.
fn ask(desk: &mut Books, kind: TokenKind, token: &[u8], now: Now) -> Result<Done, Refusal> {
    if kind == TokenKind::Request && token.len() > MAX_REQUEST_TOKEN {
        let detail = format!("a request has at most {MAX_REQUEST_TOKEN} bytes, this one {}", token.len());
        return Err(Refusal::new(ErrorCode::TooLarge, detail));
    }
    let kid = token::peek_kid(token)?;
    if !desk.asks.lets_in(&kid, desk.authority.policy(), now.monotonic_ms) {
        return Err(Refusal::new(ErrorCode::Busy, "too many at once; try again in a second"));
    }
    let authority = &mut desk.authority;
    match kind {
        TokenKind::Request => {
            let request: Request = verified(authority, kind, token, key_of_subscriber)?;
            let token = String::from_utf8_lossy(token).into_owned();
            let request = Some(authority.handle_request(request, token, now)?);
            Ok(Done { share: None, request })
        }
        TokenKind::Withdraw => {
            let withdraw: Withdraw = verified(authority, kind, token, key_of_subscriber)?;
            authority.handle_withdraw(&withdraw, now).map(Done::share)
        }
        TokenKind::Leave => {
            let leave: Leave = verified(authority, kind, token, key_of_subscriber)?;
            authority.handle_leave(&leave, now).map(|share| Done::share(Some(share)))
        }
        _ => {
            let anybody = |policy: &Policy, kid: &KeyId| key_of(policy, kid).or_else(|| key_of_subscriber(policy, kid));
            let report: ReportLeak = verified(authority, kind, token, anybody)?;
            authority.handle_report_leak(&report, now).map(|()| Done::default())
        }
    }
}

/// Checks a token's signature against the keys of the policy in force that `key` looks in.
pub(super) fn verified<C: DeserializeOwned>(
    authority: &Authority,
    kind: TokenKind,
    token: &[u8],
    key: impl Fn(&Policy, &KeyId) -> Option<PublicKey>,
) -> Result<C, Refusal> {
    let policy =
        authority.policy().ok_or_else(|| Refusal::new(ErrorCode::NoPolicy, "the board holds no policy yet"))?;
    Ok(token::verify(kind, token, |kid| key(policy, kid))?)
}
