//! What a twin will do next: a queue of steps, then one step for ever. Clones share the queue, so that a test keeps its hand on a twin that
//! the eye has taken over.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The steps of one twin.
#[derive(Debug)]
pub struct Script<S>(Arc<Mutex<Steps<S>>>);

#[derive(Debug)]
struct Steps<S> {
    queue: VecDeque<Arc<S>>,
    then: Arc<S>,
    taken: u64,
}

impl<S> Clone for Script<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> Script<S> {
    /// `step` for ever.
    #[must_use]
    pub fn always(step: S) -> Self {
        Self::of([], step)
    }
    /// `steps`, each once, and `then` for ever.
    #[must_use]
    pub fn of(steps: impl IntoIterator<Item = S>, then: S) -> Self {
        Self(Arc::new(Mutex::new(Steps {
            queue: steps.into_iter().map(Arc::new).collect(),
            then: Arc::new(then),
            taken: 0,
        })))
    }
    fn steps(&self) -> MutexGuard<'_, Steps<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// One more step before the one for ever.
    pub fn push(&self, step: S) {
        self.steps().queue.push_back(Arc::new(step));
    }
    /// From now on: forgets what is queued, `step` for ever.
    pub fn from_now(&self, step: S) {
        let mut steps = self.steps();
        steps.queue.clear();
        steps.then = Arc::new(step);
    }
    /// Steps taken so far.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.steps().taken
    }
    /// Shared rather than copied, so that a step taken for ever allocates nothing.
    pub(crate) fn next(&self) -> Arc<S> {
        let mut steps = self.steps();
        steps.taken += 1;
        steps.queue.pop_front().unwrap_or_else(|| Arc::clone(&steps.then))
    }
}

/// Where a hanging twin hangs until the test opens it. Clones are the same gate.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<(Mutex<GateState>, Condvar)>);

#[derive(Debug, Default)]
struct GateState {
    open: bool,
    waiting: usize,
}

impl Gate {
    /// A shut one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
    fn state(&self) -> MutexGuard<'_, GateState> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Lets through whoever hangs here, now and later.
    pub fn open(&self) {
        self.state().open = true;
        self.0.1.notify_all();
    }
    /// Waits until somebody hangs here.
    pub fn wait_until_reached(&self) {
        drop(self.0.1.wait_while(self.state(), |gate| gate.waiting == 0).unwrap_or_else(PoisonError::into_inner));
    }
    pub(crate) fn pass(&self) {
        let mut gate = self.state();
        gate.waiting += 1;
        self.0.1.notify_all();
        gate = self.0.1.wait_while(gate, |gate| !gate.open).unwrap_or_else(PoisonError::into_inner);
        gate.waiting -= 1;
    }
}
