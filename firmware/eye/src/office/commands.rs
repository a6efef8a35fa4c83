//! Commands off the broker: verified here, judged by `grant`.

use super::{Books, Office, take_policy, unknown_command};
use contract::body::Refusal;
use contract::claims::{Grant, Heartbeat, Preempt, Release, Revoke, TokenKind};
use contract::{ErrorCode, Jti, KeyId};
use grant::{Authority, Now, PolicyVerdict};
use serde::de::DeserializeOwned;
use token::PublicKey;

impl Office {
    /// Carries out a command; says which share it made.
    pub(super) fn command(
        &self,
        desk: &mut Books,
        kind: TokenKind,
        token: &[u8],
        now: Now,
    ) -> Result<Option<Jti>, Refusal> {
        let authority = &mut desk.authority;
        match kind {
            TokenKind::Grant => {
                let grant: Grant = verified(authority, kind, token)?;
                if let Some(cause) = desk.record.fault() {
                    let detail = format!("the board's journal cannot be written: {cause}");
                    return Err(Refusal::new(ErrorCode::Fault, detail));
                }
                let jti = authority.handle_grant(grant, now)?;
                desk.token = String::from_utf8(token.to_vec()).ok();
                Ok(Some(jti))
            }
            TokenKind::Revoke => {
                let revoke: Revoke = verified(authority, kind, token)?;
                authority.handle_revoke(&revoke, now).map(|ended| ended.into_iter().next())
            }
            TokenKind::Preempt => {
                let preempt: Preempt = verified(authority, kind, token)?;
                authority.handle_preempt(&preempt, now).map(|_| None)
            }
            TokenKind::Release => {
                let release: Release = verified(authority, kind, token)?;
                authority.handle_release(&release, now).map(|()| None)
            }
            TokenKind::Heartbeat => {
                let heartbeat: Heartbeat = verified(authority, kind, token)?;
                authority.handle_heartbeat(&heartbeat, now).map(|()| None)
            }
            TokenKind::Extend
            | TokenKind::Deny
            | TokenKind::Request
            | TokenKind::Withdraw
            | TokenKind::Leave
            | TokenKind::ReportLeak
            | TokenKind::ClearLeak
            | TokenKind::UsageAck
            | TokenKind::JournalHead => Err(unknown_command()),
        }
    }

    /// Takes a policy bundle: kept on disk before anything is granted under it.
    pub(super) fn policy(&self, desk: &mut Books, bundle: &[u8], now: Now) -> Result<(), Refusal> {
        let verdict = take_policy(&mut desk.authority, bundle, &self.roots, now)?;
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

/// Checks a token's signature against the trust store of the policy in force.
fn verified<C: DeserializeOwned>(authority: &Authority, kind: TokenKind, token: &[u8]) -> Result<C, Refusal> {
    let policy =
        authority.policy().ok_or_else(|| Refusal::new(ErrorCode::NoPolicy, "the board holds no policy yet"))?;
    let lookup = |kid: &KeyId| -> Option<PublicKey> { token::policy::key_of(policy, kid) };
    Ok(token::verify(kind, token, lookup)?)
}
