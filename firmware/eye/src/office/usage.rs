//! Usage records: told to the voice until the control room's agent acknowledges them.

use super::commands::verified;
use super::{Books, Office, json};
use contract::ErrorCode;
use contract::body::Refusal;
use contract::claims::{TokenKind, UsageAck};
use contract::policy::Role;
use contract::usage::MOST_ACKNOWLEDGED;
use grant::Now;
use link::message::ToVoice;
use token::policy::key_of;

impl Office {
    /// Writes down what runs, and tells what is due.
    pub(super) fn tend_usage(&self, desk: &mut Books, now: Now) {
        let Books { usage, tallies, .. } = desk;
        usage.checkpoint(|jti| tallies.so_far(jti), now.utc_ms, now.monotonic_ms);
        if self.outbox.connected() {
            for record in usage.due(now.monotonic_ms) {
                self.outbox.tell(&ToVoice::Usage, &json(record));
            }
        }
    }

    /// The control room has records. No challenge and no time is asked for: one that is replayed names what is gone already.
    pub(super) fn usage_ack(&self, desk: &mut Books, token: &[u8], now: Now) -> Result<(), Refusal> {
        let ack: UsageAck = verified(&desk.authority, TokenKind::UsageAck, token, key_of)?;
        let camera = &self.about.camera;
        let trusted = desk.authority.policy().is_some_and(|policy| {
            policy.keys.iter().any(|key| {
                key.kid == ack.iss && key.role == Role::Room && (key.cameras.is_empty() || key.cameras.contains(camera))
            })
        });
        if !trusted {
            return Err(Refusal::new(
                ErrorCode::NotAllowed,
                "only the control room's agent acknowledges usage records",
            ));
        }
        if ack.aud.site != self.about.site || ack.aud.camera.as_ref() != Some(camera) {
            return Err(Refusal::new(ErrorCode::WrongAudience, format!("aud must name {}/{camera}", self.about.site)));
        }
        if ack.records.len() > MOST_ACKNOWLEDGED {
            let detail = format!("{} records in one acknowledgement, at most {MOST_ACKNOWLEDGED}", ack.records.len());
            return Err(Refusal::new(ErrorCode::TooLarge, detail));
        }
        let count = desk.usage.acknowledged(&ack.records, now.monotonic_ms);
        tracing::info!(count, left = desk.usage.waiting(), "usage records acknowledged");
        Ok(())
    }
}
