//! A desk that orders what the test says and records what it is handed. It judges nothing, not even whether a share is open.

use board_hal::{CameraFormat, Clock, Codec};
use board_sim::{SimClock, SimUnit};
use contract::{Filter, Rung};
use eye::road::{Desk, Order, Picture, Report};
use mask::Scene;
use std::sync::{Mutex, MutexGuard};

/// What a delivery showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// The slate that was handed in with the format.
    Slate,
    /// A frame of the camera.
    Picture(SimUnit),
}

/// What the road handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub shown: Shown,
    pub key: bool,
    pub rung: Rung,
    /// Capture time.
    pub captured_us: u64,
    /// When it was handed over.
    pub at_us: u64,
}

impl Delivery {
    pub fn is_slate(&self) -> bool {
        self.shown == Shown::Slate
    }
    /// The unit, when it is a picture.
    pub fn unit(&self) -> SimUnit {
        match self.shown {
            Shown::Picture(unit) => unit,
            Shown::Slate => panic!("a slate where a picture was due: {self:?}"),
        }
    }
}

pub struct FakeDesk {
    clock: SimClock,
    inner: Mutex<Inner>,
}

struct Inner {
    order: Order,
    private: bool,
    key_next: bool,
    slate: Vec<u8>,
    formats: usize,
    deliveries: Vec<Delivery>,
    forgets: bool,
    handed: u64,
    report: Option<Report>,
}

impl FakeDesk {
    pub fn new(clock: SimClock) -> Self {
        let scene = Scene { zones: heapless::Vec::new(), largest_face_px: Some(super::LARGEST_FACE_PX) };
        let order = Order { open: false, filter: Filter::Fill, scene, fps_cap: None, key_wanted: false };
        let inner = Inner {
            order,
            private: false,
            key_next: false,
            slate: vec![],
            formats: 0,
            deliveries: vec![],
            forgets: false,
            handed: 0,
            report: None,
        };
        Self { clock, inner: Mutex::new(inner) }
    }
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }
    /// Changes what is wanted.
    pub fn want(&self, change: impl FnOnce(&mut Order)) {
        change(&mut self.lock().order);
    }
    pub fn open(&self) {
        self.want(|order| order.open = true);
    }
    /// Somebody at the camera turns the privacy switch.
    pub fn turn_private(&self, private: bool) {
        self.lock().private = private;
    }
    pub fn close(&self) {
        self.want(|order| order.open = false);
    }
    /// What the next deliveries answer: the next picture should be a key picture.
    pub fn ask_for_key(&self, key_next: bool) {
        self.lock().key_next = key_next;
    }
    /// From now on deliveries are counted and not kept, which allocates nothing.
    pub fn forget(&self) {
        self.lock().forgets = true;
    }
    /// Deliveries so far, kept or not.
    pub fn handed(&self) -> u64 {
        self.lock().handed
    }
    pub fn count(&self) -> usize {
        self.lock().deliveries.len()
    }
    pub fn since(&self, before: usize) -> Vec<Delivery> {
        self.lock().deliveries[before..].to_vec()
    }
    /// How often a format and its slate were handed in.
    pub fn formats(&self) -> usize {
        self.lock().formats
    }
    pub fn report(&self) -> Option<Report> {
        self.lock().report
    }
}

impl Desk for FakeDesk {
    fn is_private(&self) -> bool {
        self.lock().private
    }
    fn order(&self) -> Order {
        let mut inner = self.lock();
        let order = inner.order.clone();
        // As the office does: asked for once.
        inner.order.key_wanted = false;
        order
    }
    fn deliver(&self, picture: &Picture<'_>) -> bool {
        let mut inner = self.lock();
        inner.handed += 1;
        if inner.forgets {
            return inner.key_next;
        }
        let shown = if picture.data == inner.slate {
            Shown::Slate
        } else {
            Shown::Picture(SimUnit::read(picture.data).expect("a unit of the simulated encoder"))
        };
        let delivery = Delivery {
            shown,
            key: picture.key,
            rung: picture.rung,
            captured_us: picture.captured.monotonic_us,
            at_us: self.clock.monotonic_us(),
        };
        inner.deliveries.push(delivery);
        inner.key_next
    }
    fn format(&self, _: &CameraFormat, _: Codec, slate: &[u8]) {
        let mut inner = self.lock();
        inner.slate = slate.to_vec();
        inner.formats += 1;
    }
    fn report(&self, report: &Report) {
        self.lock().report = Some(*report);
    }
}
