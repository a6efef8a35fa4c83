//! Refused commands in the journal: who tried what, and why not. A flood of them neither fills the disk nor drives out what else is in the journal.
//!
//! What is signed by a key of the policy and what anybody could have sent have a rate each, so that the one never hides the other. What goes beyond is
//! counted, and the count is written as soon as there is a turn. What is no command at all (no token, of no known kind) is not journaled.

use super::bucket::{Bucket, Rate};
use super::{Books, Office};
use contract::claims::TokenKind;
use contract::policy::Policy;
use contract::{ErrorCode, KeyId};
use grant::Now;
use journal::What;
use serde::de::IgnoredAny;
use token::policy::{key_of, key_of_subscriber};

/// Of those that a key of the policy signed: at most 1,460 a day.
const SIGNED: Rate = (16, 60_000);
/// Of all others: at most 148 a day.
const UNSIGNED: Rate = (4, 600_000);

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Refusals {
    signed: Option<Bucket>,
    unsigned: Option<Bucket>,
    /// Refused since the last entry, and not in the journal.
    left_out: u64,
}

impl Refusals {
    fn buckets(&mut self, now_ms: u64) -> (&mut Bucket, &mut Bucket) {
        let signed = self.signed.get_or_insert_with(|| Bucket::full(SIGNED, now_ms));
        let unsigned = self.unsigned.get_or_insert_with(|| Bucket::full(UNSIGNED, now_ms));
        signed.refill(SIGNED, now_ms);
        unsigned.refill(UNSIGNED, now_ms);
        (signed, unsigned)
    }
    /// Whether any may be written: nothing is looked at for one that may not.
    fn has_turn(&mut self, now_ms: u64) -> bool {
        let (signed, unsigned) = self.buckets(now_ms);
        signed.turns > 0 || unsigned.turns > 0
    }
    fn take(&mut self, is_signed: bool, now_ms: u64) -> bool {
        let (signed, unsigned) = self.buckets(now_ms);
        let bucket = if is_signed { signed } else { unsigned };
        let may = bucket.turns > 0;
        bucket.turns -= u32::from(may);
        may
    }
}

impl Office {
    /// A command was refused with `code`. `kind` is that of its topic; a policy bundle has none.
    pub(super) fn refused(&self, desk: &mut Books, kind: Option<TokenKind>, token: &[u8], code: ErrorCode, now: Now) {
        let now_ms = now.monotonic_ms;
        let is_no_command = matches!(code, ErrorCode::Malformed | ErrorCode::TooLarge | ErrorCode::UnknownCommand);
        // While it cannot be written, what must be in it has the room that is owed.
        if desk.record.fault().is_some() || !desk.refusals.has_turn(now_ms) {
            desk.refusals.left_out += u64::from(!is_no_command);
            return;
        }
        let signer = kind.and_then(|kind| signer(desk.authority.policy()?, kind, token));
        if signer.is_none() && is_no_command {
            return;
        }
        if !desk.refusals.take(signer.is_some(), now_ms) {
            desk.refusals.left_out += 1;
            return;
        }
        self.write_refusal(desk, kind, signer, Some(code), now);
    }

    /// How many were left out, if any were and there is a turn to say so.
    pub(super) fn tend_refusals(&self, desk: &mut Books, now: Now) {
        if desk.refusals.left_out > 0 && desk.record.fault().is_none() && desk.refusals.take(false, now.monotonic_ms) {
            self.write_refusal(desk, None, None, None, now);
        }
    }

    fn write_refusal(
        &self,
        desk: &mut Books,
        kind: Option<TokenKind>,
        signer: Option<KeyId>,
        code: Option<ErrorCode>,
        now: Now,
    ) {
        let left_out = std::mem::take(&mut desk.refusals.left_out);
        let mut entry = desk.record.entry(What::Refused, now);
        (entry.command, entry.actor_key, entry.refused) = (kind, signer, code);
        entry.left_out = (left_out > 0).then_some(left_out);
        match desk.record.write(&entry, now) {
            Ok(()) => self.tell_head(desk, now),
            Err(error) => tracing::error!(%error, "a refusal is not in the journal"),
        }
    }
}

/// The key of `policy` that signed `token` as one of `kind`.
fn signer(policy: &Policy, kind: TokenKind, token: &[u8]) -> Option<KeyId> {
    let kid = token::peek_kid(token).ok()?;
    let key = |kid: &KeyId| key_of(policy, kid).or_else(|| key_of_subscriber(policy, kid));
    token::verify::<IgnoredAny>(kind, token, key).ok().map(|_| kid)
}
