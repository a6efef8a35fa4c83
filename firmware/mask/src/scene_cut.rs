//! Notices that the picture is of something else than before: a cut, or a camera that has moved.
//!
//! Looks at a sparse grid of luma, each point the mean of a few neighbours. Cheap (some thousands of bytes a frame) and coarse on purpose: it may call a
//! lorry that fills the picture a change (which only covers), it does not miss another scene. It is no motion detector and says nothing about what moves.

use crate::RawFrame;
use serde::{Deserialize, Serialize};

const COLUMNS: usize = 64;
const LINES: usize = 36;
/// Pixels averaged at each point, along the line.
const RUN: usize = 4;

/// Thresholds; configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SceneCutSettings {
    /// Mean absolute difference to the frame before that is a cut, luma steps.
    pub cut_mean: f32,
    /// A point has changed when it differs by more than this, luma steps.
    pub point_step: u8,
    /// Share of points that differ from the reference when the camera has moved, 0 to 1.
    pub moved_share: f32,
    /// Age at which the reference is replaced by the current frame, milliseconds.
    pub reference_ms: u32,
}

impl Default for SceneCutSettings {
    fn default() -> Self {
        Self { cut_mean: 24.0, point_step: 16, moved_share: 0.6, reference_ms: 1000 }
    }
}

/// What was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The same scene.
    None,
    /// Another picture from one frame to the next.
    Cut,
    /// Much has changed within about a second, step by step: the camera turns.
    Moved,
}

type Points = [u8; COLUMNS * LINES];

/// Keeps the points of the frame before and of a reference about a second old.
#[derive(Debug, Clone)]
pub struct SceneCut {
    settings: SceneCutSettings,
    before: Option<Points>,
    reference: Option<(u64, Points)>,
}

impl SceneCut {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(settings: SceneCutSettings) -> Self {
        Self { settings, before: None, reference: None }
    }

    /// Looks at the next frame. The first one is [`Change::None`]: the ladder starts covered anyway.
    pub fn look(&mut self, frame: &RawFrame) -> Change {
        let now_us = frame.info().captured.monotonic_us;
        let points = sample(frame);
        let change = self.compare(&points);
        self.before = Some(points);
        let hold_us = u64::from(self.settings.reference_ms) * 1000;
        let stale = self.reference.as_ref().is_none_or(|(at_us, _)| now_us.abs_diff(*at_us) >= hold_us);
        if stale || change != Change::None {
            self.reference = Some((now_us, points));
        }
        change
    }

    fn compare(&self, points: &Points) -> Change {
        let Some(before) = &self.before else { return Change::None };
        let total: u32 = differences(before, points).map(u32::from).sum();
        if total as f32 / points.len() as f32 >= self.settings.cut_mean {
            return Change::Cut;
        }
        let Some((_, reference)) = &self.reference else { return Change::None };
        let changed = differences(reference, points).filter(|&step| step > self.settings.point_step).count();
        if changed as f32 / points.len() as f32 >= self.settings.moved_share { Change::Moved } else { Change::None }
    }
}

fn differences<'a>(a: &'a Points, b: &'a Points) -> impl Iterator<Item = u8> + 'a {
    a.iter().zip(b).map(|(&a, &b)| a.abs_diff(b))
}

fn sample(frame: &RawFrame) -> Points {
    let geometry = frame.info().geometry;
    let luma = frame.planes().luma;
    let run = RUN.min(geometry.width);
    std::array::from_fn(|index| {
        let (column, line) = (index % COLUMNS, index / COLUMNS);
        let x = (2 * column + 1) * geometry.width / (2 * COLUMNS);
        let y = (2 * line + 1) * geometry.height / (2 * LINES);
        let start = y * geometry.luma_stride + x.min(geometry.width - run);
        let sum: u32 = luma[start..start + run].iter().map(|&value| u32::from(value)).sum();
        (sum / run as u32) as u8
    })
}
