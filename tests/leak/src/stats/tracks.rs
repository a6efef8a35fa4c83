//! Figures over many clips: heads and plates apart, kinds of clip apart. Intervals are over tracks: frames of one track are not independent.

use super::bootstrap::Resamples;
use super::figures::Figure;
use crate::input::Class;
use crate::score::{ClipScore, TrackScore};
use std::collections::BTreeSet;

/// The figures of one class over clips of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackRow {
    /// `filmed`, `rendered` and so on; `all`.
    pub kind: String,
    /// Heads or plates.
    pub class: Class,
    /// Reference tracks that were shown.
    pub tracks: usize,
    /// Head-frames or plate-frames: boxes of tracks in frames that were shown.
    pub boxes: usize,
    /// Share of them that was bare, 0 to 1; interval over tracks.
    pub bare: Figure,
    /// Tracks that were bare in some frame.
    pub tracks_bare: usize,
    /// Frames.
    pub longest_bare_run: usize,
    /// False area in clips that hold such tracks, share of the picture, masks of both classes; interval over clips.
    pub false_area: Figure,
    /// Frames of these clips that were covered whole because of doubt.
    pub in_doubt: usize,
}

/// Rows of both classes, all kinds together first. `clips`: each one's kind and score.
#[must_use]
pub fn track_rows(clips: &[(&str, &ClipScore)]) -> Vec<TrackRow> {
    let kinds: BTreeSet<&str> = clips.iter().map(|(kind, _)| *kind).collect();
    let kinds: Vec<Option<&str>> = std::iter::once(None).chain(kinds.into_iter().map(Some)).collect();
    let row = |class, kind: Option<&str>| {
        let of_kind = clips.iter().filter(|(is, _)| kind.is_none_or(|kind| kind == *is)).map(|(_, score)| *score);
        let holding = |score: &&ClipScore| score.tracks.iter().any(|track| track.class == class);
        track_row(kind.unwrap_or("all"), class, &of_kind.filter(holding).collect::<Vec<_>>())
    };
    let rows = Class::ALL.into_iter().flat_map(|class| kinds.iter().map(move |kind| (class, *kind)));
    rows.filter_map(|(class, kind)| row(class, kind)).collect()
}

fn track_row(kind: &str, class: Class, clips: &[&ClipScore]) -> Option<TrackRow> {
    let tracks: Vec<&TrackScore> =
        clips.iter().flat_map(|clip| &clip.tracks).filter(|track| track.class == class).collect();
    let share = |pairs: &[(f64, f64)], counts: bool| {
        let (above, below) = pairs.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
        (below > 0.0)
            .then(|| Figure { value: above / below, interval: Resamples::new(pairs.len()).ratio(pairs, counts) })
    };
    let bare: Vec<(f64, f64)> = tracks.iter().map(|track| (track.bare as f64, track.frames as f64)).collect();
    let area = |clip: &&ClipScore| (clip.false_shares.iter().sum::<f64>(), clip.false_shares.len() as f64);
    Some(TrackRow {
        kind: kind.to_owned(),
        class,
        tracks: tracks.len(),
        boxes: tracks.iter().map(|track| track.frames).sum(),
        bare: share(&bare, true)?,
        tracks_bare: tracks.iter().filter(|track| track.bare > 0).count(),
        longest_bare_run: tracks.iter().map(|track| track.longest_bare_run).max().unwrap_or(0),
        false_area: share(&clips.iter().map(area).collect::<Vec<_>>(), false)?,
        in_doubt: clips.iter().map(|clip| clip.in_doubt).sum(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(bare: &[usize], class: Class) -> ClipScore {
        let track = |bare: &usize| TrackScore { class, frames: 10, bare: *bare, longest_bare_run: *bare };
        ClipScore { tracks: bare.iter().map(track).collect(), false_shares: vec![0.1, 0.3], in_doubt: 1, bare: vec![] }
    }

    #[test]
    fn rows_are_by_class_and_kind_and_count_frames_of_tracks() {
        let (a, b, c) = (clip(&[0, 2], Class::Face), clip(&[4], Class::Face), clip(&[0; 5], Class::Plate));
        let rows = track_rows(&[("filmed", &a), ("rendered", &b), ("rendered", &c)]);
        let told: Vec<(&str, Class, usize)> =
            rows.iter().map(|row| (row.kind.as_str(), row.class, row.tracks)).collect();
        use Class::{Face, Plate};
        assert_eq!(
            told,
            [("all", Face, 3), ("filmed", Face, 2), ("rendered", Face, 1), ("all", Plate, 5), ("rendered", Plate, 5)]
        );
        assert_eq!((rows[0].boxes, rows[0].bare.value, rows[0].longest_bare_run, rows[0].tracks_bare), (30, 0.2, 4, 2));
        assert!((rows[0].false_area.value - 0.2).abs() < 1e-12);
        assert_eq!(rows[0].in_doubt, 2);
        let none = rows[3].bare.interval.unwrap();
        assert!(none.low == 0.0 && none.high > 0.4, "five tracks that are never bare promise little: {none:?}");
    }
}
