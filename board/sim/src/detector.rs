//! A detector that finds what the script says, fails, or hangs.
//!
//! Its tensors have the layout of `models/README.md` (heads and plates on a grid of 4-pixel cells), so that the real decoder reads them.

use crate::{Gate, Script};
use board_hal::{Detector, DetectorError, DetectorSpec, OutputRole, QuantisedTensor};

/// Network pixels per grid cell.
const CELL_PX: usize = 4;
/// Steps of the scale tensors, natural log units.
const SCALE_STEP: f32 = 1.0 / 32.0;
/// Steps of scores, offsets (cells) and landmarks (share of the face).
const STEP: f32 = 1.0 / 256.0;

/// A box in *network* pixels as the network itself reports it: a face (the decoder grows it to a head) or a plate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// A plate rather than a face.
    pub plate: bool,
    /// 0 to 1.
    pub score: f32,
    /// Centre, from the left.
    pub cx: f32,
    /// Centre, from the top.
    pub cy: f32,
    /// Width.
    pub w: f32,
    /// Height.
    pub h: f32,
}

/// What the detector does with one picture.
#[derive(Debug, Clone)]
pub enum DetectorStep {
    /// Finds these.
    Find(Vec<Found>),
    /// Fills the tensors with numbers that mean nothing.
    Garbage,
    /// Fails.
    Fail,
    /// Hangs at the gate; once let through it finds nothing.
    Hang(Gate),
    /// Hangs at the gate; once let through it finds these.
    Late(Gate, Vec<Found>),
    /// Hangs at the gate; once let through it fails.
    LateFail(Gate),
    /// Panics, as a defect in a driver's wrapper would.
    Panic,
}

/// A detector that follows a script.
pub struct SimDetector {
    spec: DetectorSpec,
    script: Script<DetectorStep>,
    outputs: [Vec<i8>; OutputRole::ALL.len()],
}

impl SimDetector {
    /// A network of `width` x `height` input, both multiples of 4.
    #[must_use]
    pub fn new(width: usize, height: usize, script: Script<DetectorStep>) -> Self {
        assert!(
            width.is_multiple_of(CELL_PX) && height.is_multiple_of(CELL_PX),
            "the input must be whole cells, not {width}x{height}"
        );
        let cells = (width / CELL_PX) * (height / CELL_PX);
        let spec = DetectorSpec { name: "simulated".to_owned(), sha256: "0".repeat(64), width, height };
        Self { spec, script, outputs: OutputRole::ALL.map(|role| vec![zero_point(role); cells * role.channels()]) }
    }
    fn tensor(&mut self, role: OutputRole) -> &mut [i8] {
        &mut self.outputs[index(role)]
    }
    fn find(&mut self, found: &Found) {
        use OutputRole::{HeadHeat, HeadLandmarks, HeadOffset, HeadScale, PlateHeat, PlateOffset, PlateScale};
        let (columns, rows) = (self.spec.width / CELL_PX, self.spec.height / CELL_PX);
        let cell = CELL_PX as f32;
        let column = ((found.cx / cell).max(0.0) as usize).min(columns - 1);
        let row = ((found.cy / cell).max(0.0) as usize).min(rows - 1);
        let at = row * columns + column;
        let (heat, scale, offset) =
            if found.plate { (PlateHeat, PlateScale, PlateOffset) } else { (HeadHeat, HeadScale, HeadOffset) };
        self.tensor(heat)[at] = quantise(heat, found.score);
        let sizes = [(found.h / cell).ln(), (found.w / cell).ln()];
        let centre = [found.cy / cell - row as f32 - 0.5, found.cx / cell - column as f32 - 0.5];
        for axis in 0..2 {
            self.tensor(scale)[at * 2 + axis] = quantise(scale, sizes[axis]);
            self.tensor(offset)[at * 2 + axis] = quantise(offset, centre[axis]);
        }
        if !found.plate {
            // A face that looks straight ahead: (y, x) of eyes, nose, mouth.
            let face = [0.38, 0.3, 0.38, 0.7, 0.58, 0.5, 0.78, 0.35, 0.78, 0.65];
            for (channel, place) in face.into_iter().enumerate() {
                self.tensor(HeadLandmarks)[at * 10 + channel] = quantise(HeadLandmarks, place);
            }
        }
    }
    fn clear(&mut self) {
        for role in OutputRole::ALL {
            self.tensor(role).fill(zero_point(role));
        }
    }
}

impl Detector for SimDetector {
    fn spec(&self) -> &DetectorSpec {
        &self.spec
    }
    fn infer(&mut self, input: &[i8]) -> Result<(), DetectorError> {
        let wanted = self.spec.width * self.spec.height * 3;
        if input.len() != wanted {
            return Err(DetectorError::Inference(format!(
                "the input has {} bytes, the network takes {wanted}",
                input.len()
            )));
        }
        self.clear();
        match &*self.script.next() {
            DetectorStep::Find(all) => all.iter().for_each(|found| self.find(found)),
            DetectorStep::Garbage => {
                for output in &mut self.outputs {
                    for (at, value) in output.iter_mut().enumerate() {
                        *value = (at.wrapping_mul(167) >> 2) as u8 as i8;
                    }
                }
            }
            DetectorStep::Fail => return Err(failure()),
            DetectorStep::Hang(gate) => gate.pass(),
            DetectorStep::Late(gate, all) => {
                gate.pass();
                all.iter().for_each(|found| self.find(found));
            }
            DetectorStep::LateFail(gate) => {
                gate.pass();
                return Err(failure());
            }
            DetectorStep::Panic => panic!("scripted"),
        }
        Ok(())
    }
    fn output(&self, role: OutputRole) -> QuantisedTensor<'_> {
        QuantisedTensor {
            data: &self.outputs[index(role)],
            height: self.spec.height / CELL_PX,
            width: self.spec.width / CELL_PX,
            channels: role.channels(),
            scale: step(role),
            zero_point: i32::from(zero_point(role)),
        }
    }
}

fn failure() -> DetectorError {
    DetectorError::Inference("scripted".to_owned())
}

fn index(role: OutputRole) -> usize {
    OutputRole::ALL.iter().position(|each| *each == role).expect("ALL lists every role")
}

fn step(role: OutputRole) -> f32 {
    match role {
        OutputRole::HeadScale | OutputRole::PlateScale => SCALE_STEP,
        _ => STEP,
    }
}

fn zero_point(role: OutputRole) -> i8 {
    match role {
        OutputRole::HeadOffset | OutputRole::PlateOffset => 0,
        _ => -128,
    }
}

fn quantise(role: OutputRole, value: f32) -> i8 {
    (value / step(role) + f32::from(zero_point(role))).round().clamp(-128.0, 127.0) as i8
}
