//! How a clip is played to the detector, where that is not as it is: frames left out as by a slower camera, frames lost, a detector that has time for some
//! frames only, no tracks. For measuring what tracks are worth (`cargo xtask leak --clips`). Pure; chance comes from a seed.

use std::str::FromStr;

/// How a clip is played. As it is by default: every frame, each looked at, with tracks.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Play {
    /// Frames a second of a slower camera; those between are left out.
    pub fps: Option<f64>,
    /// Frames that the camera loses.
    pub drop: Option<Drop>,
    /// Of the frames that come, only every so-many-th is looked at: a detector that is late. Tracks are predicted meanwhile. 0 and 1: every one.
    pub look_every: u64,
    /// What is found in a frame is masked, and nothing else.
    pub without_tracks: bool,
}

/// Frames that are lost: a share of all, in runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drop {
    seed: u64,
    share: f64,
    run: u64,
}

impl FromStr for Drop {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let (seed, share, run) = match parts[..] {
            [seed, share] => (seed.parse(), share.parse(), Ok(1)),
            [seed, share, run] => (seed.parse(), share.parse(), run.parse()),
            _ => return Err("is SEED:SHARE or SEED:SHARE:RUN, such as 1:0.1 or 1:0.1:5".into()),
        };
        match (seed, share, run) {
            (Ok(seed), Ok(share), Ok(run)) if (0.0..1.0).contains(&share) && run > 0 => Ok(Self { seed, share, run }),
            _ => Err("is SEED:SHARE[:RUN]: a number, a share from 0 to below 1, frames in a run".into()),
        }
    }
}

impl Play {
    /// Which frames of a clip of `clip_fps` come, in order from 0: `true` for those that do. Without end.
    pub fn frames(&self, clip_fps: f64) -> impl Iterator<Item = bool> + use<> {
        let (fps, drop) = (self.fps.filter(|fps| *fps < clip_fps), self.drop);
        let slot = move |frame: u64| fps.map_or(frame, |fps| (frame as f64 * fps / clip_fps + 1e-6) as u64);
        let mut lost = 0_u64;
        (0_u64..).map(move |frame| {
            if frame > 0 && slot(frame) == slot(frame - 1) {
                return false;
            }
            if let Some(Drop { seed, share, run }) = drop
                && lost == 0
                && chance(seed, frame) < share / (run as f64 * (1.0 - share) + share)
            {
                lost = run;
            }
            let comes = lost == 0;
            lost = lost.saturating_sub(1);
            comes
        })
    }
    /// Frames a second of what comes out of a clip of `clip_fps`, lost ones not counted.
    #[must_use]
    pub fn rate(&self, clip_fps: f32) -> f32 {
        self.fps.map_or(clip_fps, |fps| clip_fps.min(fps as f32))
    }
    /// Whether the detector looks at the frame that comes as number `nth`, from 0.
    #[must_use]
    pub fn looks(&self, nth: u64) -> bool {
        nth.is_multiple_of(self.look_every.max(1))
    }
}

/// 0 to below 1, the same for the same numbers (SplitMix64, Steele et al. 2014).
fn chance(seed: u64, number: u64) -> f64 {
    let mut bits = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(play: Play, clip_fps: f64, many: usize) -> Vec<usize> {
        play.frames(clip_fps).take(many).enumerate().filter_map(|(frame, comes)| comes.then_some(frame)).collect()
    }

    #[test]
    fn as_it_is_every_frame_comes_and_is_looked_at() {
        let play = Play::default();
        assert_eq!(frames(play, 12.0, 100), (0..100).collect::<Vec<_>>());
        assert!((0..9).all(|nth| play.looks(nth)));
        assert_eq!(play.rate(12.0), 12.0);
    }

    #[test]
    fn a_slower_camera_leaves_out_the_frames_between() {
        let at = |fps| Play { fps: Some(fps), ..Play::default() };
        assert_eq!(frames(at(5.0), 25.0, 20), [0, 5, 10, 15]);
        assert_eq!(frames(at(12.0), 25.0, 250).len(), 120);
        assert_eq!(frames(at(1.0), 12.0, 36), [0, 12, 24]);
        assert_eq!(frames(at(25.0), 12.0, 36).len(), 36, "a camera is not made quicker");
        assert_eq!((at(5.0).rate(25.0), at(25.0).rate(12.0)), (5.0, 12.0));
    }

    #[test]
    fn the_share_asked_for_is_lost_in_runs_and_the_same_every_time() {
        for (text, run) in [("1:0.1", 1), ("1:0.1:5", 5), ("2:0.3:4", 4)] {
            let play = Play { drop: Some(text.parse().unwrap()), ..Play::default() };
            let left = frames(play, 25.0, 20_000);
            let share = 1.0 - left.len() as f64 / 20_000.0;
            let asked: f64 = text.split(':').nth(1).unwrap().parse().unwrap();
            assert!((share - asked).abs() < 0.02, "{text}: {share}");
            assert!(left.windows(2).all(|pair| (pair[1] - pair[0] - 1) % run == 0), "{text}");
            assert_eq!(left, frames(play, 25.0, 20_000));
        }
    }

    #[test]
    fn a_wrong_loss_is_refused() {
        for text in ["", "1", "1:1", "1:-0.1", "1:0.1:0", "x:0.1", "1:0.1:5:6"] {
            assert!(text.parse::<Drop>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_late_detector_looks_at_every_so_many_th() {
        let play = Play { look_every: 3, ..Play::default() };
        assert_eq!((0..7).filter(|nth| play.looks(*nth)).collect::<Vec<_>>(), [0, 3, 6]);
    }
}
