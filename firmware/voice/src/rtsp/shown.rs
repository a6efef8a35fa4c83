//! A picture of a share on its way to those who sit in it: one buffer for all of them, which is used again when the last has let go, and no longer shown from
//! the moment at which the share stops (P4).

use crate::outlet::Picture;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Pictures' buffers that are kept for the next.
const POOL: usize = 16;

/// A picture on its way to the seats of one share.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) unit: Vec<u8>,
    pub(super) captured_monotonic_us: u64,
    pub(super) captured_utc_us: u64,
    pub(super) key: bool,
    valid: Arc<AtomicBool>,
}

impl Shown {
    /// Whether the share still runs at this moment.
    pub(super) fn is_valid(&self) -> bool {
        self.valid.load(Ordering::Acquire)
    }
}

/// The picture in a buffer that nobody holds any more, or in a new one.
pub(super) fn filled(pool: &mut Vec<Arc<Shown>>, picture: &Picture<'_>, valid: &Arc<AtomicBool>) -> Arc<Shown> {
    let free = pool.iter().position(|shown| Arc::strong_count(shown) == 1);
    let at = free.unwrap_or_else(|| {
        if pool.len() >= POOL {
            pool.remove(0);
        }
        pool.push(Arc::default());
        pool.len() - 1
    });
    if let Some(shown) = Arc::get_mut(&mut pool[at]) {
        shown.unit.clear();
        shown.unit.extend_from_slice(picture.unit);
        (shown.captured_monotonic_us, shown.captured_utc_us) = (picture.captured_monotonic_us, picture.captured_utc_us);
        (shown.key, shown.valid) = (picture.key, Arc::clone(valid));
    }
    Arc::clone(&pool[at])
}
