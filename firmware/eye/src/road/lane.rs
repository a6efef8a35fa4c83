//! Encoding on a thread of its own, so that the next frame is looked at while this one is encoded.
//!
//! At most one job waits while one is done; a picture that finds no place is dropped, never delayed (P11). What is masked goes in, what was encoded goes to
//! the [`Desk`], which asks the authority once more.

use super::encoding::Encoding;
use super::{Desk, Painted, Picture};
use crate::handover::{Giver, Refused, Taker, handover};
use crate::watchdog::Vital;
use board_hal::{CameraFormat, Clock};
use contract::Rung;
use mask::{CaptureTime, MaskedFrame};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The slate is repeated at this interval, so that a viewer who joins sees it.
const SLATE_EVERY_US: u64 = 500_000;

/// A picture that is ready to be encoded.
pub(super) struct Masked {
    pub(super) frame: MaskedFrame,
    pub(super) painted: Painted,
    pub(super) rung: Rung,
    /// Most pictures a second that are shown.
    pub(super) fps_cap: Option<u8>,
}

// Moved through the queue's one place as it is: no frame may cost an allocation.
#[allow(clippy::large_enum_variant)]
enum Job {
    /// Pictures look like this from now on: another encoder, another slate.
    Format(Box<CameraFormat>),
    /// Try again to make the slate.
    MakeSlate,
    /// Encode and deliver.
    Picture(Masked, bool),
    /// Deliver the slate, at its pace.
    Slate(CaptureTime),
}

#[derive(Default)]
struct Shared {
    wants_slate: AtomicBool,
    /// Jobs handed in and not yet done.
    open: Mutex<usize>,
    done: Condvar,
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, usize> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The road's side.
pub(super) struct Lane {
    jobs: Giver<Job, 1>,
    shared: Arc<Shared>,
}

impl Lane {
    /// Starts the thread.
    pub(super) fn start(encoding: Encoding, desk: Arc<dyn Desk>, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let (jobs, take) = handover();
        let shared = Arc::<Shared>::default();
        let side = Side {
            encoding,
            desk,
            clock,
            format: None,
            shared: Arc::clone(&shared),
            key_next: true,
            last_slate_us: None,
        };
        std::thread::Builder::new().name("encoder".into()).spawn(move || side.run(&take))?;
        Ok(Self { jobs, shared })
    }

    /// Pictures will look like this from now on. Returns when encoder and slate are made, or cannot be.
    pub(super) fn format(&self, format: &CameraFormat) {
        *self.shared.open() += 1;
        if self.jobs.give(Job::Format(Box::new(format.clone()))).is_err() {
            *self.shared.open() -= 1;
        }
        self.settle();
    }

    /// Whether the slate of the present format is still to be made.
    pub(super) fn wants_slate(&self) -> bool {
        self.shared.wants_slate.load(Ordering::Acquire)
    }

    /// Makes it now, if it is time to try again.
    pub(super) fn make_slate(&self) {
        self.hand_in(Job::MakeSlate);
    }

    /// Encodes and delivers a picture; as a key picture when `key`, or when something was lost before it. `false`: there was no place for it.
    pub(super) fn picture(&self, masked: Masked, key: bool) -> bool {
        self.hand_in(Job::Picture(masked, key))
    }

    /// Shows the slate, at once after a picture and then at its slow pace; the picture that follows it will be a key picture.
    pub(super) fn slate(&self, at: CaptureTime) {
        self.hand_in(Job::Slate(at));
    }

    /// Waits until everything that was handed in is done.
    pub(super) fn settle(&self) {
        let open = self.shared.open();
        drop(self.shared.done.wait_while(open, |open| *open > 0));
    }

    fn hand_in(&self, job: Job) -> bool {
        let mut open = self.shared.open();
        match self.jobs.try_give(job) {
            Ok(()) => {
                *open += 1;
                true
            }
            Err(Refused::Full(_) | Refused::Gone(_)) => false,
        }
    }
}

/// The thread's side.
struct Side {
    encoding: Encoding,
    desk: Arc<dyn Desk>,
    clock: Arc<dyn Clock>,
    format: Option<CameraFormat>,
    shared: Arc<Shared>,
    /// Something was lost, or the slate was shown: the next picture begins anew. Decided here, when it is encoded: it may have been waiting already.
    key_next: bool,
    last_slate_us: Option<u64>,
}

impl Side {
    fn run(mut self, jobs: &Taker<Job, 1>) {
        let _vital = Vital("encoder");
        while let Some(job) = jobs.take() {
            match job {
                Job::Format(format) => {
                    self.encoding.forget();
                    self.format = Some(*format);
                    self.make_slate();
                }
                Job::MakeSlate => self.make_slate(),
                Job::Picture(masked, key) => self.picture(masked, key),
                Job::Slate(at) => self.show_slate(at),
            }
            self.shared.wants_slate.store(self.encoding.wants_slate(), Ordering::Release);
            *self.shared.open() -= 1;
            self.shared.done.notify_all();
        }
    }

    fn make_slate(&mut self) {
        self.key_next = true;
        let Some(format) = self.format.as_ref() else { return };
        if self.encoding.make_slate(format, self.clock.monotonic_us()) {
            let slate = self.encoding.slate();
            self.desk.format(format, slate.codec(), slate.data());
        }
    }

    fn picture(&mut self, masked: Masked, key: bool) {
        let Masked { frame, painted, rung, fps_cap } = masked;
        let captured = frame.info().captured;
        let Some(format) = self.format.as_ref() else { return };
        let key = key || self.key_next;
        let now_us = self.clock.monotonic_us();
        self.encoding.reckon_with(fps_cap, format, now_us);
        let Some(unit) = self.encoding.encode(frame, key, format, now_us) else {
            return self.show_slate(captured);
        };
        self.last_slate_us = None;
        let picture = Picture { data: &unit.data, key: unit.key, captured, rung, painted: Some(&painted) };
        self.key_next = self.desk.deliver(&picture);
    }

    fn show_slate(&mut self, at: CaptureTime) {
        self.key_next = true;
        let now_us = at.monotonic_us;
        let too_soon = self.last_slate_us.is_some_and(|last_us| now_us.saturating_sub(last_us) < SLATE_EVERY_US);
        if too_soon || self.encoding.slate().data().is_empty() {
            return;
        }
        self.last_slate_us = Some(now_us);
        let picture =
            Picture { data: self.encoding.slate().data(), key: true, captured: at, rung: Rung::Dark, painted: None };
        let _ = self.desk.deliver(&picture);
    }
}
