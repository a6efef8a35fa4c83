//! One clip: its reference tracks against what was masked in the frames that were shown.

use super::picture::{COVERED, TOLERANCE};
use super::{Raster, width_at_640};
use crate::input::{Class, Clip, Frame, Rect};
use std::collections::BTreeMap;

/// A box that was bare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bare {
    /// The clip's frame, from 0.
    pub frame: u64,
    /// Which track.
    pub track: u32,
    /// What it is.
    pub class: Class,
    /// Where it is.
    pub rect: Rect,
    /// Masked share of its core, 0 to 1.
    pub core: f64,
    /// Its width if the clip were 640 pixels wide.
    pub width_at_640: f64,
}

/// How one reference track fared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackScore {
    /// What it is.
    pub class: Class,
    /// Frames in which it was shown.
    pub frames: usize,
    /// Of these, in how many it was bare.
    pub bare: usize,
    /// The longest run of them.
    pub longest_bare_run: usize,
}

/// How one clip fared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClipScore {
    /// Its tracks, by class and number.
    pub tracks: Vec<TrackScore>,
    /// False area of each frame that was shown, share of the picture.
    pub false_shares: Vec<f64>,
    /// Frames that were covered whole because of doubt.
    pub in_doubt: usize,
    /// All that was bare.
    pub bare: Vec<Bare>,
}

/// Scores the frames of `clip` that were shown.
#[must_use]
pub fn score_clip(clip: &Clip, shown: &[Frame]) -> ClipScore {
    let mut score = ClipScore::default();
    let mut tracks: BTreeMap<(Class, u32), (TrackScore, usize)> = BTreeMap::new();
    for frame in shown {
        let mut mask = Raster::new(frame.width, frame.height);
        let mut truth = mask.clone();
        frame.masked.mask.iter().for_each(|shape| mask.paint_shape(shape));
        for one in clip.boxes.get(&frame.frame).into_iter().flatten() {
            truth.paint(one.rect.grown(TOLERANCE));
            if one.ignore {
                continue;
            }
            let new = TrackScore { class: one.cls, frames: 0, bare: 0, longest_bare_run: 0 };
            let (track, run) = tracks.entry((one.cls, one.track)).or_insert((new, 0));
            track.frames += 1;
            let core = mask.share_of(one.rect.core());
            if core >= COVERED {
                *run = 0;
                continue;
            }
            *run += 1;
            track.bare += 1;
            track.longest_bare_run = track.longest_bare_run.max(*run);
            let width_at_640 = width_at_640(one.rect.w, frame.width);
            let (frame, track) = (one.frame, one.track);
            score.bare.push(Bare { frame, track, class: one.cls, rect: one.rect, core, width_at_640 });
        }
        score.false_shares.push(mask.share_outside(&truth));
        score.in_doubt += usize::from(frame.masked.in_doubt);
    }
    score.tracks = tracks.into_values().map(|(track, _)| track).collect();
    score
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Kind, Masked, Shape, TrackBox};

    const HEAD: Rect = Rect { x: 40.0, y: 40.0, w: 20.0, h: 20.0 };

    fn clip(ignored: &[u64]) -> Clip {
        let one = |frame| TrackBox { frame, track: 1, cls: Class::Face, rect: HEAD, ignore: ignored.contains(&frame) };
        let boxes = (0..10).map(|frame| (frame, vec![one(frame)])).collect();
        Clip { file: "a.mp4".into(), name: "a.mp4".into(), kind: "filmed".into(), boxes }
    }

    fn shown(frames: &[(u64, bool)]) -> Vec<Frame> {
        let mask = |covered: bool| covered.then_some(Shape { shape: Kind::Rect, rect: HEAD }).into_iter().collect();
        let frame = |(frame, covered): &(u64, bool)| Frame {
            frame: *frame,
            width: 100,
            height: 100,
            masked: Masked { mask: mask(*covered), ..Masked::default() },
        };
        frames.iter().map(frame).collect()
    }

    #[test]
    fn bare_frames_and_their_longest_run_are_counted_in_frames_that_were_shown() {
        let frames = [(0, false), (1, true), (2, false), (5, false), (6, true), (7, false)];
        let score = score_clip(&clip(&[]), &shown(&frames));
        assert_eq!(score.tracks, [TrackScore { class: Class::Face, frames: 6, bare: 4, longest_bare_run: 2 }]);
        let bare: Vec<u64> = score.bare.iter().map(|bare| bare.frame).collect();
        assert_eq!((bare, score.bare[0].width_at_640), (vec![0, 2, 5, 7], 128.0));
    }

    #[test]
    fn what_is_ignored_is_neither_missed_nor_false_and_what_is_nowhere_is_false() {
        let score = score_clip(&clip(&[0]), &shown(&[(0, false), (0, true), (20, true)]));
        assert!(score.tracks.is_empty() && score.bare.is_empty());
        assert_eq!(score.false_shares, [0.0, 0.0, 0.04]);
    }
}
