//! A fixed set of NV12 pictures on the heap, for drivers that copy: the simulator, and cameras whose own format must be converted.
//!
//! Everything is allocated at the start; a released buffer goes back by itself, so a frame costs no allocation, and one that outlives its pool
//! is freed. Cameras that deliver NV12 lend their own memory instead and need none of this.

use mask::{FrameBuffer, Geometry, Planes, PlanesMut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

/// The pictures that are free; clones share them. When the last clone goes, leased pictures live until their release.
#[derive(Clone)]
pub struct Nv12Pool {
    geometry: Geometry,
    home: Arc<Home>,
}

struct Home {
    state: Mutex<State>,
    returned: Condvar,
}

struct State {
    // Boxed, because a frame leases its buffer as a box and no frame may allocate one.
    #[allow(clippy::vec_box)]
    free: Vec<Box<Nv12Buffer>>,
    closed: bool,
}

impl Home {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Nv12Pool {
    /// `count` pictures of `width` x `height` (even), rows without padding.
    #[must_use]
    pub fn new(width: usize, height: usize, count: usize) -> Self {
        let geometry = Geometry::packed(width, height);
        let home = Arc::new(Home {
            state: Mutex::new(State { free: Vec::with_capacity(count), closed: false }),
            returned: Condvar::new(),
        });
        let luma_len = width * height;
        for _ in 0..count {
            // Not zero: the pages are to be there from the start, not to be faulted in on the frame path.
            let bytes = vec![16; luma_len + luma_len / 2].into_boxed_slice();
            home.lock().free.push(Box::new(Nv12Buffer { bytes, luma_len, home: Arc::downgrade(&home) }));
        }
        Self { geometry, home }
    }
    /// Size and layout of its pictures.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }
    /// A free picture, with whatever it last held, if there is one.
    #[must_use]
    pub fn try_take(&self) -> Option<Box<Nv12Buffer>> {
        self.home.lock().free.pop()
    }
    /// Waits for a free picture; `None` once the pool is closed.
    #[must_use]
    pub fn take(&self) -> Option<Box<Nv12Buffer>> {
        let waiting = self
            .home
            .returned
            .wait_while(self.home.lock(), |state| state.free.is_empty() && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let mut state = waiting;
        if state.closed { None } else { state.free.pop() }
    }
    /// Ends every present and future [`Nv12Pool::take`].
    pub fn close(&self) {
        self.home.lock().closed = true;
        self.home.returned.notify_all();
    }
}

/// One picture of a pool.
pub struct Nv12Buffer {
    bytes: Box<[u8]>,
    luma_len: usize,
    home: Weak<Home>,
}

impl FrameBuffer for Nv12Buffer {
    fn planes(&self) -> Planes<'_> {
        let (luma, chroma) = self.bytes.split_at(self.luma_len);
        Planes { luma, chroma }
    }
    fn planes_mut(&mut self) -> PlanesMut<'_> {
        let (luma, chroma) = self.bytes.split_at_mut(self.luma_len);
        PlanesMut { luma, chroma }
    }
    fn release(self: Box<Self>) {
        if let Some(home) = self.home.upgrade() {
            home.lock().free.push(self);
            home.returned.notify_one();
        }
    }
}
