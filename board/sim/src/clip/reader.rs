//! The thread between ffmpeg's pipe and the consumer: paces, copies into the pool, keeps the newest.

use super::ffmpeg::{Pictures, Said};
use board_hal::{Clock, Nv12Buffer, Nv12Pool};
use mask::{CaptureTime, FrameBuffer};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Behind by more than this, a paced clip goes on from now rather than hurry.
const HURRY_US: u64 = 500_000;

/// A picture that nobody has taken yet.
pub(super) struct Ready {
    /// Its place in the clip, from 0; loops count on.
    pub(super) number: u64,
    pub(super) captured: CaptureTime,
    pub(super) buffer: Box<Nv12Buffer>,
}

/// How the pictures ended.
#[derive(Clone)]
pub(super) struct Ending {
    /// After so many.
    pub(super) frames: u64,
    /// What ffmpeg or its pipe had to say of that.
    pub(super) complaint: Option<String>,
}

/// What the reader and the consumer share.
pub(super) struct Shared {
    state: Mutex<State>,
    arrived: Condvar,
    closing: Condvar,
}

struct State {
    ready: VecDeque<Ready>,
    ended: Option<Ending>,
    closed: bool,
    dropped: u64,
}

impl Shared {
    pub(super) fn new(buffers: usize) -> Self {
        let state = State { ready: VecDeque::with_capacity(buffers), ended: None, closed: false, dropped: 0 };
        Self { state: Mutex::new(state), arrived: Condvar::new(), closing: Condvar::new() }
    }
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// The next picture, `None` after `timeout`, or why there will be no more.
    pub(super) fn take(&self, timeout: Duration) -> Result<Option<Ready>, Ending> {
        let (mut state, _) = self
            .arrived
            .wait_timeout_while(self.lock(), timeout, |state| state.ready.is_empty() && state.ended.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        match (state.ready.pop_front(), &state.ended) {
            (Some(ready), _) => Ok(Some(ready)),
            (None, Some(ending)) => Err(ending.clone()),
            (None, None) => Ok(None),
        }
    }
    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.closing.notify_all();
    }
    fn closed(&self) -> bool {
        self.lock().closed
    }
    /// Waits until `clock` shows `due_us`; false when closed meanwhile.
    fn wait_until(&self, clock: &dyn Clock, due_us: u64) -> bool {
        let mut state = self.lock();
        while !state.closed {
            let Some(left_us) = due_us.checked_sub(clock.monotonic_us()).filter(|left| *left > 0) else {
                return true;
            };
            let waited = self.closing.wait_timeout(state, Duration::from_micros(left_us));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }
    /// The oldest picture that nobody took, to be overwritten.
    fn steal(&self) -> Option<Box<Nv12Buffer>> {
        let mut state = self.lock();
        let oldest = state.ready.pop_front()?;
        state.dropped += 1;
        Some(oldest.buffer)
    }
    fn drop_one(&self) {
        self.lock().dropped += 1;
    }
    fn publish(&self, ready: Ready, newest_only: bool) {
        let mut state = self.lock();
        while newest_only && let Some(stale) = state.ready.pop_front() {
            state.dropped += 1;
            stale.buffer.release();
        }
        state.ready.push_back(ready);
        self.arrived.notify_one();
    }
    fn end(&self, ending: Ending) {
        self.lock().ended = Some(ending);
        self.arrived.notify_all();
    }
}

pub(super) struct Reader {
    pub(super) pictures: Pictures,
    pub(super) pool: Nv12Pool,
    pub(super) shared: Arc<Shared>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) paced: bool,
    /// Frames per `per` seconds.
    pub(super) rate: u64,
    pub(super) per: u64,
    pub(super) said: Said,
}

impl Reader {
    /// Plays until the clip ends or the source is closed.
    pub(super) fn run(mut self) {
        let opened = self.now();
        let mut start_us = None;
        for number in 0.. {
            let picture = match self.pictures.read_frame() {
                Ok(picture) => picture,
                Err(error) => return self.shared.end(ending(number, &error, &self.said)),
            };
            let offset_us = number * 1_000_000 * self.per / self.rate;
            let (buffer, captured) = if self.paced {
                let start_us = start_us.get_or_insert_with(|| self.clock.monotonic_us());
                if !self.shared.wait_until(&*self.clock, *start_us + offset_us) {
                    return;
                }
                let late_us = self.clock.monotonic_us().saturating_sub(*start_us + offset_us);
                if late_us > HURRY_US {
                    tracing::warn!(late_us, "ffmpeg cannot keep up with the clip; going on from now");
                    *start_us += late_us;
                }
                let now = CaptureTime { monotonic_us: self.clock.monotonic_us(), utc_us: self.clock.utc_us() };
                (self.pool.try_take().or_else(|| self.shared.steal()), now)
            } else {
                let media =
                    CaptureTime { monotonic_us: opened.monotonic_us + offset_us, utc_us: opened.utc_us + offset_us };
                let taken = self.pool.take();
                if taken.is_none() {
                    return;
                }
                (taken, media)
            };
            match buffer {
                Some(mut buffer) => {
                    copy(&picture, &mut buffer);
                    self.shared.publish(Ready { number, captured, buffer }, self.paced);
                }
                // The consumer holds them all.
                None => self.shared.drop_one(),
            }
            if self.shared.closed() {
                return;
            }
        }
    }
    fn now(&self) -> CaptureTime {
        CaptureTime { monotonic_us: self.clock.monotonic_us(), utc_us: self.clock.utc_us() }
    }
}

/// Planar 4:2:0 to NV12.
fn copy(picture: &y4m::Frame<'_>, buffer: &mut Nv12Buffer) {
    let planes = buffer.planes_mut();
    planes.luma.copy_from_slice(picture.get_y_plane());
    let pairs = picture.get_u_plane().iter().zip(picture.get_v_plane());
    for (to, (cb, cr)) in planes.chroma.chunks_exact_mut(2).zip(pairs) {
        to[0] = *cb;
        to[1] = *cr;
    }
}

fn ending(frames: u64, error: &y4m::Error, said: &Said) -> Ending {
    match error {
        y4m::Error::EOF => Ending { frames, complaint: said.last() },
        other => Ending { frames, complaint: Some(format!("ffmpeg's pipe: {other}")) },
    }
}
