//! What road and authority say to each other: orders one way, pictures and reports the other. No token and no share is named here.

use crate::selftest::Standing;
use board_hal::{CameraFormat, Codec};
use contract::{Filter, Rung};
use mask::ladder::RungReason;
use mask::{CaptureTime, Scene};
use std::time::Duration;

/// What is wanted of the road at this moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Whether any share is open; otherwise nothing is encoded.
    pub open: bool,
    /// The strongest filter of the open shares.
    pub filter: Filter,
    /// The granted view.
    pub scene: Scene,
    /// Most pictures per second.
    pub fps_cap: Option<u8>,
    /// A viewer waits for a picture to begin with.
    pub key_wanted: bool,
}

/// What a picture was painted for. Shares come and go while one is encoded; a picture serves only those who asked for no more than this.
#[derive(Debug, Clone, PartialEq)]
pub struct Painted {
    /// The filter of the order.
    pub filter: Filter,
    /// Its view.
    pub scene: Scene,
}

/// One picture on its way out.
pub struct Picture<'a> {
    /// Annex B access unit.
    pub data: &'a [u8],
    /// Whether decoding can start here.
    pub key: bool,
    /// When the frame was taken.
    pub captured: CaptureTime,
    /// How sure the road is of its masking.
    pub rung: Rung,
    /// What it was painted for; `None` for the slate, which serves everybody.
    pub painted: Option<&'a Painted>,
}

/// What the road asks of the authority.
pub trait Desk: Send + Sync {
    /// Whether the privacy switch at the camera counts as on: nothing is looked at then, let alone shown. Asked for every frame; waits for nothing.
    fn is_private(&self) -> bool;
    /// What is wanted now.
    fn order(&self) -> Order;
    /// Hands over a picture. It goes nowhere unless a share is open at this very moment and it was painted for no less than is wanted now. Returns
    /// whether the next one should be a key picture.
    fn deliver(&self, picture: &Picture<'_>) -> bool;
    /// The camera's format is known, or has changed, and with it the slate, which is encoded as `codec`, as all pictures.
    fn format(&self, format: &CameraFormat, codec: Codec, slate: &[u8]);
    /// How it goes, after each frame.
    fn report(&self, report: &Report);
}

/// How it is with the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CameraStanding {
    /// Nothing came yet, and it is not long since the start.
    Awaited,
    /// Pictures come.
    Delivering,
    /// It is gone, silent, or delivers nothing that can be used.
    Lost,
    /// It delivers the same picture again and again.
    Frozen,
}

/// How it goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// Rung in effect.
    pub rung: Rung,
    /// Why.
    pub reason: RungReason,
    /// How it is with the camera.
    pub camera: CameraStanding,
    /// Frames that the camera delivered.
    pub captured: u64,
    /// Frames that nobody had time for.
    pub dropped: u64,
    /// Tracks that were masked, each once.
    pub objects_masked: u64,
    /// Misses of the detector during which a track kept the object masked until it was seen again.
    pub misses_bridged: u64,
    /// Shapes painted.
    pub shapes_painted: u64,
    /// Microseconds on each rung.
    pub rung_us: [u64; 4],
    /// Newest inference.
    pub inference: Duration,
    /// Where the detector's self-test stands; `None` without one.
    pub selftest: Option<Standing>,
}
