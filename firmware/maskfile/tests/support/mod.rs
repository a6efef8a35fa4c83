//! A folder of pictures and a detector that finds what the test says.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // each file takes what it needs; a helper that fails fails the test

pub mod jpeg;
pub mod portraits;
pub mod program;

use board_sim::{DetectorStep, Found, Script, SimDetector};
use contract::Filter;
use detect::{Decoding, HeadGrowth, PerClass, PlateGrowth, Thresholds};
use image::{Rgb, RgbImage};
use maskfile::look::Looker;
use maskfile::play::Play;
use maskfile::report::Report;
use maskfile::{Job, Summary, inputs, run};
use serde_json::Value;
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// The network's input, pixels.
pub const NET: (usize, usize) = (320, 192);

/// A plate in network pixels.
pub fn plate(cx: f32, cy: f32, w: f32, h: f32) -> Found {
    Found { plate: true, score: 0.9, cx, cy, w, h }
}

pub fn finds(found: &[Found]) -> Script<DetectorStep> {
    Script::always(DetectorStep::Find(found.to_vec()))
}

pub fn looker(script: Script<DetectorStep>, filter: Filter, largest_face: Option<f32>) -> Looker {
    let decoding = Decoding {
        thresholds: Thresholds { head: 0.25, plate: 0.3, head_candidate: 0.1, plate_candidate: 0.1 },
        nms_iou: PerClass { head: 0.4, plate: 0.4 },
        plate_growth: PlateGrowth { x: 0.0, y: 0.0 },
        plate_by_width: None,
        head_by_width: None,
        head_growth: HeadGrowth { side: [0.0; 8], top: [0.0; 8], bottom: [0.0; 8], min: 0.0, max: 1.0 },
    };
    Looker::new(Box::new(SimDetector::new(NET.0, NET.1, script)), decoding, 114, filter, largest_face)
}

/// What came of masking.
pub struct Outcome {
    pub summary: Summary,
    pub lines: Vec<Value>,
    pub sights: Vec<Value>,
    pub complaints: Vec<String>,
}

impl Outcome {
    pub fn line(&self, image: &str) -> &Value {
        self.lines.iter().find(|line| line["image"] == image).unwrap_or_else(|| panic!("no line for {image}"))
    }
}

pub fn mask(paths: &[&Path], out: &Path, looker: &mut Looker) -> Outcome {
    mask_played(paths, out, looker, Play::default())
}

pub fn mask_played(paths: &[&Path], out: &Path, looker: &mut Looker, play: Play) -> Outcome {
    let (mut bytes, mut sights) = (Vec::new(), Vec::new());
    let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
    let found = inputs::find(&paths, out).unwrap();
    let complaints = RefCell::new(Vec::new());
    let job = Job {
        found: &found,
        out,
        kept: &[],
        play,
        progress: &|_, _, _| {},
        complain: &|error| complaints.borrow_mut().push(error.to_string()),
    };
    let summary = run(&job, looker, &mut Report::new(&mut bytes).with_sights(Some(&mut sights))).unwrap();
    let read =
        |bytes| String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    Outcome { summary, lines: read(bytes), sights: read(sights), complaints: complaints.into_inner() }
}

/// Smooth colours, so that halved chroma changes little.
pub fn gradient(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([(40 + x * 150 / width) as u8, (60 + y * 120 / height) as u8, (200 - x * 100 / width) as u8])
    })
}

/// The largest difference of any channel.
pub fn difference(a: Rgb<u8>, b: Rgb<u8>) -> u8 {
    a.0.iter().zip(b.0).map(|(a, b)| a.abs_diff(b)).max().unwrap()
}

pub fn is_gray(pixel: Rgb<u8>) -> bool {
    difference(pixel, Rgb([128, 128, 128])) <= 2
}
