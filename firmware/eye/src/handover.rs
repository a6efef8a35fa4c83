//! Hands values from one thread to another through a queue of fixed length, and allocates nothing after it was made: not at the first wait either, where
//! `std::sync::mpsc` takes memory for the thread that waits and for the list of those who do. That first wait may come hours after the start.
//!
//! One side each; no picking among several queues.

use heapless::Deque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Why nothing was taken in; the value comes back.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused<T> {
    /// There is no place.
    Full(T),
    /// The other side is gone.
    Gone(T),
}

/// Why nothing came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nothing {
    /// Not within the time given.
    Yet,
    /// The other side is gone, and everything it gave was taken.
    Ever,
}

struct Shared<T, const N: usize> {
    queue: Mutex<Queue<T, N>>,
    /// Something came, something was taken, or a side is gone.
    changed: Condvar,
}

struct Queue<T, const N: usize> {
    values: Deque<T, N>,
    /// Both sides are there.
    open: bool,
}

impl<T, const N: usize> Shared<T, N> {
    fn lock(&self) -> MutexGuard<'_, Queue<T, N>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self) {
        self.lock().open = false;
        self.changed.notify_all();
    }
}

/// The side that gives.
pub struct Giver<T, const N: usize>(Arc<Shared<T, N>>);

/// The side that takes.
pub struct Taker<T, const N: usize>(Arc<Shared<T, N>>);

/// A queue of `N` places.
#[must_use]
pub fn handover<T, const N: usize>() -> (Giver<T, N>, Taker<T, N>) {
    let queue = Mutex::new(Queue { values: Deque::new(), open: true });
    let shared = Arc::new(Shared { queue, changed: Condvar::new() });
    (Giver(Arc::clone(&shared)), Taker(shared))
}

impl<T, const N: usize> Giver<T, N> {
    /// Hands `value` over if there is a place. Does not wait.
    ///
    /// # Errors
    /// The value, when there is none or nobody takes any more.
    pub fn try_give(&self, value: T) -> Result<(), Refused<T>> {
        let mut queue = self.0.lock();
        if !queue.open {
            return Err(Refused::Gone(value));
        }
        queue.values.push_back(value).map_err(Refused::Full)?;
        drop(queue);
        self.0.changed.notify_all();
        Ok(())
    }

    /// Hands `value` over as soon as there is a place.
    ///
    /// # Errors
    /// The value, when nobody takes any more.
    pub fn give(&self, value: T) -> Result<(), T> {
        let queue = self.0.lock();
        let full = |queue: &mut Queue<T, N>| queue.open && queue.values.is_full();
        let mut queue = self.0.changed.wait_while(queue, full).unwrap_or_else(PoisonError::into_inner);
        if !queue.open {
            return Err(value);
        }
        queue.values.push_back(value)?;
        drop(queue);
        self.0.changed.notify_all();
        Ok(())
    }
}

impl<T, const N: usize> Taker<T, N> {
    /// The next value, if one is there.
    ///
    /// # Errors
    /// When none is.
    pub fn try_take(&self) -> Result<T, Nothing> {
        self.next(&mut self.0.lock())
    }

    /// The next value; waits for at most `patience`.
    ///
    /// # Errors
    /// When none came.
    pub fn take_within(&self, patience: Duration) -> Result<T, Nothing> {
        let waited = self.0.changed.wait_timeout_while(self.0.lock(), patience, |queue| queue.is_idle());
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        self.next(&mut queue)
    }

    /// The next value; waits until there is one. `None` when the other side is gone, and everything it gave was taken.
    #[must_use]
    pub fn take(&self) -> Option<T> {
        let waited = self.0.changed.wait_while(self.0.lock(), |queue| queue.is_idle());
        self.next(&mut waited.unwrap_or_else(PoisonError::into_inner)).ok()
    }

    fn next(&self, queue: &mut MutexGuard<'_, Queue<T, N>>) -> Result<T, Nothing> {
        let value = queue.values.pop_front().ok_or(if queue.open { Nothing::Yet } else { Nothing::Ever })?;
        self.0.changed.notify_all();
        Ok(value)
    }
}

impl<T, const N: usize> Queue<T, N> {
    /// Nothing is there, and something may come.
    fn is_idle(&self) -> bool {
        self.open && self.values.is_empty()
    }
}

impl<T, const N: usize> Drop for Giver<T, N> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl<T, const N: usize> Drop for Taker<T, N> {
    fn drop(&mut self) {
        self.0.leave();
        // Whoever gave may be waiting for what lies in these.
        while self.0.lock().values.pop_front().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// Nobody waits so long who is not stuck.
    const EVER: Duration = Duration::from_secs(60);

    #[test]
    fn values_come_in_their_order_and_a_full_queue_gives_them_back() {
        let (giver, taker) = handover::<u8, 2>();
        assert_eq!(taker.try_take(), Err(Nothing::Yet));
        assert_eq!((giver.try_give(1), giver.try_give(2), giver.try_give(3)), (Ok(()), Ok(()), Err(Refused::Full(3))));
        assert_eq!((taker.take(), taker.try_take(), taker.try_take()), (Some(1), Ok(2), Err(Nothing::Yet)));
    }

    #[test]
    fn whoever_takes_waits_for_what_comes_and_no_longer_than_told() {
        let (giver, taker) = handover::<u8, 1>();
        assert_eq!(taker.take_within(Duration::from_millis(1)), Err(Nothing::Yet));
        let other = thread::spawn(move || (taker.take_within(EVER), taker.take()));
        giver.give(1).unwrap();
        giver.give(2).unwrap();
        assert_eq!(other.join().unwrap(), (Ok(1), Some(2)));
    }

    #[test]
    fn whoever_gives_waits_for_a_place() {
        let (giver, taker) = handover::<u8, 1>();
        let other =
            thread::spawn(move || (0..50).map(|value| giver.give(value)).collect::<Result<Vec<()>, _>>().is_ok());
        let taken: Vec<u8> = std::iter::from_fn(|| taker.take()).collect();
        assert_eq!((other.join().unwrap(), taken), (true, (0..50).collect()));
    }

    #[test]
    fn what_was_given_is_taken_although_the_giver_is_gone() {
        let (giver, taker) = handover::<u8, 2>();
        giver.give(1).unwrap();
        drop(giver);
        assert_eq!((taker.take_within(EVER), taker.take_within(EVER), taker.take()), (Ok(1), Err(Nothing::Ever), None));
    }

    #[test]
    fn a_taker_that_goes_frees_what_lay_there_and_ends_every_wait() {
        let (giver, taker) = handover::<Arc<()>, 1>();
        let value = Arc::new(());
        giver.give(Arc::clone(&value)).unwrap();
        let (again, waits) = (Arc::clone(&value), Arc::new(std::sync::Barrier::new(2)));
        let other = thread::spawn({
            let waits = Arc::clone(&waits);
            move || {
                waits.wait();
                giver.give(again).is_err() && matches!(giver.try_give(Arc::new(())), Err(Refused::Gone(_)))
            }
        });
        waits.wait();
        drop(taker);
        assert!(other.join().unwrap());
        assert_eq!(Arc::strong_count(&value), 1);
    }
}
