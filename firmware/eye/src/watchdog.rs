//! Watches calls into C code and drivers, and the threads that make them. A call that hangs or a thread that dies ends the process: an eye that waits is worse
//! than one that starts anew, and what had started is in the journal (DESIGN §4).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A stage of the road that calls what may hang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// TFLite.
    Inference,
    /// The encoder.
    Encode,
    /// The camera's driver.
    Camera,
}

const STAGES: [Stage; 3] = [Stage::Inference, Stage::Encode, Stage::Camera];
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Shared between the stages and the watching thread.
#[derive(Debug)]
pub struct Watchdog {
    start: Instant,
    /// Milliseconds since `start` by which the stage must be back; 0 while it is not in a call.
    deadlines: [AtomicU64; STAGES.len()],
}

/// While it lives, the stage is in a call.
#[derive(Debug)]
pub struct Watched<'a>(&'a AtomicU64);

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}

/// Held by a thread that the road cannot do without: a panic there ends the process.
#[derive(Debug)]
pub struct Vital(pub &'static str);

impl Drop for Vital {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(thread = self.0, "a thread died; the eye ends so that it can be started anew");
            std::process::abort();
        }
    }
}

/// Ends the process, because only a new one can go on.
pub fn end(why: &dyn std::fmt::Display) -> ! {
    tracing::error!(%why, "the eye ends so that it can be started anew");
    std::process::abort();
}

impl Watchdog {
    /// A watchdog that nobody looks at yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { start: Instant::now(), deadlines: Default::default() })
    }
    /// The stage goes into a call that must be back within `limit`.
    #[must_use]
    pub fn enter(&self, stage: Stage, limit: Duration) -> Watched<'_> {
        let slot = &self.deadlines[stage as usize];
        slot.store(self.elapsed_ms() + limit.as_millis() as u64 + 1, Ordering::Release);
        Watched(slot)
    }
    /// The stage that is overdue, if any.
    #[must_use]
    pub fn overdue(&self) -> Option<Stage> {
        let now = self.elapsed_ms();
        STAGES.into_iter().find(|stage| {
            let deadline = self.deadlines[*stage as usize].load(Ordering::Acquire);
            deadline != 0 && now > deadline
        })
    }
    fn elapsed_ms(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }
    /// Starts the thread that aborts the process when a stage is overdue.
    ///
    /// # Errors
    /// When the thread cannot be made.
    pub fn guard(self: &Arc<Self>) -> std::io::Result<()> {
        let dog = Arc::clone(self);
        std::thread::Builder::new().name("watchdog".into()).spawn(move || {
            loop {
                std::thread::sleep(LOOK_EVERY);
                if let Some(stage) = dog.overdue() {
                    tracing::error!(?stage, "a call hangs; the eye ends so that it can be started anew");
                    std::process::abort();
                }
            }
        })?;
        Ok(())
    }
}
