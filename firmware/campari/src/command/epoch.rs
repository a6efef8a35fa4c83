//! The reserve epoch: the number by which boards tell a release from one that was held back (P8).
//!
//! It must only grow. The room's agent carries the highest that it saw; a command takes one more, or the time in milliseconds if that is more,
//! so that the police can take a camera though no agent runs: a preempt waits for nothing and is never refused for its epoch.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// An epoch further ahead than this is not the room's: nobody shall be able to use the numbers up.
const AHEAD_MS: u64 = 24 * 3600 * 1000;

/// The next epoch, after `known` and at `unix_ms`.
#[must_use]
pub fn next_epoch(known: Option<u64>, unix_ms: u64) -> u64 {
    let plausible = known.filter(|known| *known <= unix_ms.saturating_add(AHEAD_MS));
    plausible.map_or(unix_ms, |known| unix_ms.max(known.saturating_add(1)))
}

/// The epoch that an agent's claim on `room/lead` tells. Not verified: whoever lies here can only make the police's next command fail for a day,
/// and could as well keep it back.
#[must_use]
pub fn epoch_told(heartbeat: &[u8]) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Told {
        reserve_epoch: u64,
    }
    let payload = heartbeat.split(|byte| *byte == b'.').nth(1)?;
    let json = URL_SAFE_NO_PAD.decode(payload).ok()?;
    serde_json::from_slice::<Told>(&json).ok().map(|told| told.reserve_epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p8_the_epoch_grows_over_clock_steps_and_without_an_agent() {
        assert_eq!(next_epoch(None, 1_000), 1_000);
        assert_eq!(next_epoch(Some(999), 1_000), 1_000);
        assert_eq!(next_epoch(Some(5_000), 1_000), 5_001);
        assert_eq!(next_epoch(Some(u64::MAX), 1_000), 1_000, "a lie uses nothing up");
        assert_eq!(next_epoch(Some(u64::MAX), u64::MAX), u64::MAX);
    }

    #[test]
    fn what_is_no_heartbeat_tells_no_epoch() {
        for text in ["", "a", "a.b.c", "..", "e30.e30.x"] {
            assert_eq!(epoch_told(text.as_bytes()), None, "{text}");
        }
    }
}
