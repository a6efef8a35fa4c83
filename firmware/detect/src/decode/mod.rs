//! From the network's tensors to objects in the frame: peaks, boxes, suppression of doubles, growth (`models/README.md`, "Decoding").
//!
//! It reads int8 tensors as they are; only peaks are dequantised. Tensors that do not fit together, a threshold that no value can reach, boxes that
//! are no boxes, and more of anything than fits make the answer doubtful (P3).

mod growth;
mod peaks;

use crate::{Decoding, LetterboxMap};
use board_hal::{OutputRole, QuantisedTensor};
use growth::{head_box, plate_box};
use heapless::Vec;
use mask::{Class, FrameId, MAX_OBJECTS, Object, Objects};
use peaks::{Grid, Peak};

/// Most weak detections of one frame; more is doubt. To drop the weakest instead would let go of tracks that nothing else keeps.
pub const MAX_CANDIDATES: usize = 256;
/// Most peaks of one class before doubles are dropped; more is doubt.
const MAX_PEAKS: usize = 1024;
/// Most boxes of one class after doubles are dropped.
const MAX_KEPT: usize = MAX_OBJECTS + MAX_CANDIDATES;
/// Network pixels per cell.
const STRIDE_PX: f32 = 4.0;
/// A box larger than this many inputs is none.
const MAX_BOX_INPUTS: f32 = 16.0;

/// What the network found in one frame, in its pixels, cut off at its edges.
#[derive(Debug, Clone)]
pub struct Detections {
    /// At or above the threshold of their class: heads first, each class by falling score. `track` is 0.
    pub found: Objects,
    /// Between the candidate threshold and the threshold: no reason to mask by themselves, but to keep a track.
    pub candidates: Vec<Object, MAX_CANDIDATES>,
}

impl Detections {
    /// None found, in `frame`.
    #[must_use]
    pub fn none(frame: FrameId) -> Self {
        Self { found: Objects::none(frame), candidates: Vec::new() }
    }
    /// Whose they are.
    #[must_use]
    pub fn frame(&self) -> FrameId {
        self.found.frame
    }
}

/// Reads the tensors of one inference into `into`, which is cleared first.
///
/// `output` hands out the tensors, as [`board_hal::Detector::output`] does.
pub fn decode<'t>(
    output: &dyn Fn(OutputRole) -> QuantisedTensor<'t>,
    decoding: &Decoding,
    map: &LetterboxMap,
    frame: FrameId,
    into: &mut Detections,
) {
    into.found.frame = frame;
    into.found.list.clear();
    into.found.doubtful = false;
    into.candidates.clear();
    for class in [Class::Head, Class::Plate] {
        if decode_class(class, output, decoding, map, into).is_none() {
            into.found.doubtful = true;
        }
    }
}

/// `None` is doubt; what was read until then stays.
fn decode_class<'t>(
    class: Class,
    output: &dyn Fn(OutputRole) -> QuantisedTensor<'t>,
    decoding: &Decoding,
    map: &LetterboxMap,
    into: &mut Detections,
) -> Option<()> {
    let (heat, scale, offset) = match class {
        Class::Head => (OutputRole::HeadHeat, OutputRole::HeadScale, OutputRole::HeadOffset),
        Class::Plate => (OutputRole::PlateHeat, OutputRole::PlateScale, OutputRole::PlateOffset),
    };
    let heat = Grid::new(output(heat), 1)?;
    let scale = Grid::new(output(scale), 2)?.same_size_as(&heat)?;
    let offset = Grid::new(output(offset), 2)?.same_size_as(&heat)?;
    let landmarks = match class {
        Class::Head => Some(Grid::new(output(OutputRole::HeadLandmarks), 10)?.same_size_as(&heat)?),
        Class::Plate => None,
    };
    let (candidate_score, found_score) = decoding.thresholds.of(class);
    let (candidate_q, found_q) = (heat.lowest_reaching(candidate_score)?, heat.lowest_reaching(found_score)?);

    let mut peaks = Vec::<Peak, MAX_PEAKS>::new();
    heat.peaks(candidate_q, &mut peaks)?;
    // Falling score, equal scores in raster order; peaks differ in their place, so an unstable sort is as good as a stable one.
    peaks.sort_unstable_by_key(|p| (std::cmp::Reverse(p.q), p.row, p.col));

    let limit_px = MAX_BOX_INPUTS * STRIDE_PX * heat.width().max(heat.height()) as f32;
    let mut kept = Vec::<[f32; 4], MAX_KEPT>::new();
    for peak in &peaks {
        let raw = box_of(peak, scale.cell(peak), offset.cell(peak));
        if !raw.iter().all(|edge| edge.abs() <= limit_px) {
            return None;
        }
        if kept.iter().any(|better| iou(raw, *better) > decoding.nms_iou.of(class)) {
            continue;
        }
        kept.push(raw).ok()?;
        let grown = match &landmarks {
            Some(landmarks) => head_box(raw, landmarks.cell(peak), &decoding.head_growth),
            None => plate_box(raw, &decoding.plate_growth),
        };
        if !grown.iter().all(|edge| edge.is_finite()) {
            return None;
        }
        let Some(rect) = map.to_picture(grown) else {
            // Over the padding there is nothing to hide; a box that a cell of the picture throws out of the picture is absurd.
            if lies_on_padding(peak, map) {
                continue;
            }
            return None;
        };
        let object = Object { class, score: heat.real(peak.q), rect, track: 0, grown: [0.0; 2] };
        let width = raw[2] - raw[0];
        let (sure, supports) = match (class, &decoding.plate_by_width, &decoding.head_by_width) {
            (Class::Plate, Some(wide), _) => (
                object.score >= wide.asked(width, found_score),
                object.score >= wide.asked_of_candidate(width, candidate_score),
            ),
            (Class::Head, _, Some(wide)) => (true, object.score >= wide.asked(rect, map, candidate_score)),
            _ => (true, true),
        };
        if i16::from(peak.q) >= found_q && sure {
            into.found.push(object);
        } else if supports {
            into.candidates.push(object).ok()?;
        }
    }
    Some(())
}

/// The box of a peak in network pixels: x1, y1, x2, y2. Tensors hold y before x.
fn box_of(peak: &Peak, [scale_y, scale_x]: [f32; 2], [offset_y, offset_x]: [f32; 2]) -> [f32; 4] {
    let (h, w) = (STRIDE_PX * scale_y.exp(), STRIDE_PX * scale_x.exp());
    let cy = STRIDE_PX * (f32::from(peak.row) + offset_y + 0.5);
    let cx = STRIDE_PX * (f32::from(peak.col) + offset_x + 0.5);
    [cx - w / 2.0, cy - h / 2.0, cx + w / 2.0, cy + h / 2.0]
}

/// Whether a peak's cell lies beside or below the picture.
fn lies_on_padding(peak: &Peak, map: &LetterboxMap) -> bool {
    STRIDE_PX * f32::from(peak.col) >= map.content_width as f32
        || STRIDE_PX * f32::from(peak.row) >= map.content_height as f32
}

/// Intersection over union of two boxes.
fn iou(a: [f32; 4], b: [f32; 4]) -> f32 {
    let w = a[2].min(b[2]) - a[0].max(b[0]);
    let h = a[3].min(b[3]) - a[1].max(b[1]);
    if w <= 0.0 || h <= 0.0 {
        return 0.0;
    }
    let area = |c: [f32; 4]| (c[2] - c[0]) * (c[3] - c[1]);
    w * h / (area(a) + area(b) - w * h)
}
