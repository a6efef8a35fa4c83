//! Whether the camera's picture has stopped changing: a driver or a splitter that repeats its last picture shows a street that is no longer there.
//!
//! A sensor's noise makes every picture another one, even of a wall at night, so only pictures whose luma is the same to the last bit count. A source
//! without noise (a test card, a still picture over HDMI) is taken for frozen; `source.frozen_s = 0` is for these.

use mask::RawFrame;
use std::time::Duration;

/// Every so many lines are looked at: 68 of 1080 lines are 130,000 samples.
const LINES: usize = 16;

/// See the [module](self).
pub(super) struct Stillness {
    /// `None`: never frozen.
    after_us: Option<u64>,
    seen: Option<(u64, u64)>,
}

impl Stillness {
    /// Frozen after so long without any change.
    pub(super) fn new(after: Option<Duration>) -> Self {
        Self { after_us: after.map(|after| after.as_micros() as u64), seen: None }
    }

    /// Looks at the frame taken at `at_us` and tells whether the picture is frozen. That outlives a camera that is opened anew: as long as it shows
    /// the same picture it stays frozen.
    pub(super) fn look(&mut self, frame: &RawFrame, at_us: u64) -> bool {
        let Some(after_us) = self.after_us else { return false };
        let now = fingerprint(frame);
        match self.seen {
            Some((before, since_us)) if before == now => at_us.saturating_sub(since_us) >= after_us,
            _ => {
                self.seen = Some((now, at_us));
                false
            }
        }
    }
}

/// Of the luma of every sixteenth line; equal for equal pictures, and for others once in 2^64. The multiplier is that of `rustc-hash`.
fn fingerprint(frame: &RawFrame) -> u64 {
    const MULTIPLIER: u64 = 0xf135_7aea_2e62_a9c5;
    let geometry = frame.info().geometry;
    let mixed = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(MULTIPLIER);
    frame.planes().luma.chunks(geometry.luma_stride).take(geometry.height).step_by(LINES).fold(0, |hash, line| {
        let (words, rest) = line[..geometry.width].as_chunks::<8>();
        let hash = words.iter().fold(hash, |hash, word| mixed(hash, u64::from_le_bytes(*word)));
        rest.iter().fold(hash, |hash, byte| mixed(hash, u64::from(*byte)))
    })
}
