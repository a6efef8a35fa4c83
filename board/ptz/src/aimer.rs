//! Sends the camera to the preset of the granted view, on a thread of its own, and knows how long it moves.
//!
//! **From before the first byte of a command until the camera says that it is at rest, or has had the time that it needs, it counts as moving.** A camera that
//! tells where it looks is asked also when nobody sent it anywhere: an operator's joystick moves it too.

use board_hal::Clock;
use board_hal::ptz::{Aiming, Motion, Ptz, PtzError, Target};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const MOVING: u64 = u64::MAX;

/// How long a camera may take.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// A camera that does not tell has arrived after so long.
    pub settle: Duration,
    /// One that tells and is still moving after so long is not believed any more, and counts as one that does not tell.
    pub give_up: Duration,
    /// Before a command that failed is tried again.
    pub retry: Duration,
    /// Between two questions while it moves.
    pub ask_moving: Duration,
    /// Between two questions while it does not.
    pub ask_still: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(5),
            give_up: Duration::from_secs(60),
            retry: Duration::from_secs(2),
            ask_moving: Duration::from_millis(200),
            ask_still: Duration::from_millis(500),
        }
    }
}

/// Sends the camera where it is to look, and knows how long it moves.
pub struct Aimer {
    shared: Arc<Shared>,
    presets: BTreeMap<String, Target>,
}

struct Shared {
    state: Mutex<State>,
    told: Condvar,
    moved_until_us: AtomicU64,
    aimed: AtomicBool,
}

#[derive(Default)]
struct State {
    /// The view that the camera was sent to last.
    view: Option<String>,
    next: Option<Target>,
    /// It was sent there and ought to look there still.
    sent: bool,
    ended: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Aimer {
    /// Starts the thread that talks to the camera.
    ///
    /// # Errors
    /// When the thread cannot be made.
    pub fn start(
        camera: Box<dyn Ptz>,
        presets: BTreeMap<String, Target>,
        pace: Pace,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            told: Condvar::new(),
            // Nobody knows what it did before.
            moved_until_us: AtomicU64::new(clock.monotonic_us()),
            aimed: AtomicBool::new(true),
        });
        let mut driver = Driver { camera, shared: Arc::clone(&shared), pace, clock, since_us: None };
        std::thread::Builder::new().name("ptz".into()).spawn(move || driver.run())?;
        Ok(Self { shared, presets })
    }
}

impl Aiming for Aimer {
    fn aim(&self, view: Option<&str>) {
        let mut state = self.shared.lock();
        if state.view.as_deref() == view {
            return;
        }
        state.view = view.map(str::to_owned);
        state.sent = false;
        let Some((view, target)) = view.and_then(|view| Some((view, self.presets.get(view)?))) else {
            // Wherever it looks, nothing was promised.
            state.next = None;
            self.shared.aimed.store(true, Ordering::SeqCst);
            return;
        };
        state.sent = true;
        tracing::info!(view, "the camera is sent to a preset");
        state.next = Some(*target);
        self.shared.moved_until_us.store(MOVING, Ordering::SeqCst);
        self.shared.told.notify_all();
    }
    fn is_aimed(&self) -> bool {
        self.shared.aimed.load(Ordering::SeqCst)
    }
    fn moved_until_us(&self) -> u64 {
        self.shared.moved_until_us.load(Ordering::SeqCst)
    }
}

impl Drop for Aimer {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.told.notify_all();
    }
}

/// The thread's side.
struct Driver {
    camera: Box<dyn Ptz>,
    shared: Arc<Shared>,
    pace: Pace,
    clock: Arc<dyn Clock>,
    /// When it began to move, while it moves.
    since_us: Option<u64>,
}

impl Driver {
    fn run(&mut self) {
        loop {
            let pause = if self.since_us.is_some() { self.pace.ask_moving } else { self.pace.ask_still };
            let target = {
                let state = self.shared.lock();
                let (mut state, _) = self
                    .shared
                    .told
                    .wait_timeout_while(state, pause, |state| state.next.is_none() && !state.ended)
                    .unwrap_or_else(PoisonError::into_inner);
                if state.ended {
                    return;
                }
                state.next.take()
            };
            if let Some(target) = target {
                let sent = self.send(&target);
                let mut state = self.shared.lock();
                if !sent && state.sent && state.next.is_none() {
                    // Tried again after a while, unless another view is granted meanwhile.
                    let waiting = self
                        .shared
                        .told
                        .wait_timeout_while(state, self.pace.retry, |state| state.next.is_none() && !state.ended);
                    state = waiting.unwrap_or_else(PoisonError::into_inner).0;
                    if state.sent {
                        state.next.get_or_insert(target);
                    }
                }
                drop(state);
            }
            self.ask();
        }
    }

    /// Tells the camera; whether it took it.
    fn send(&mut self, target: &Target) -> bool {
        self.since_us = Some(self.clock.monotonic_us());
        let sent = self.report(|camera| camera.go(target), "sent").is_some();
        self.shared.aimed.store(sent, Ordering::SeqCst);
        sent
    }

    /// Whether it moves; what it does not tell is taken from the clock.
    fn ask(&mut self) {
        let motion = self.report(|camera| camera.motion(), "asked").unwrap_or(Motion::Unknown);
        let now_us = self.clock.monotonic_us();
        let passed = |since_us: u64| Duration::from_micros(now_us.saturating_sub(since_us));
        match (motion, self.since_us) {
            (Motion::Moving, None) => {
                // Not ours: an operator's joystick, and the police come first. It is not sent back; the next grant does.
                let state = self.shared.lock();
                if state.sent && state.next.is_none() {
                    self.shared.aimed.store(false, Ordering::SeqCst);
                }
                drop(state);
                self.shared.moved_until_us.store(MOVING, Ordering::SeqCst);
                self.since_us = Some(now_us);
            }
            (Motion::Still, Some(_)) => self.rest(now_us),
            (Motion::Unknown, Some(since_us)) if passed(since_us) >= self.pace.settle => self.rest(now_us),
            (Motion::Moving, Some(since_us)) if passed(since_us) >= self.pace.give_up => {
                tracing::warn!("the camera has been moving for too long to be believed");
                self.rest(now_us);
            }
            _ => {}
        }
    }

    fn rest(&mut self, now_us: u64) {
        self.since_us = None;
        // A target that came meanwhile has it moving again; it must not be said to rest after that.
        let state = self.shared.lock();
        if state.next.is_none() {
            self.shared.moved_until_us.store(now_us, Ordering::SeqCst);
        }
    }

    fn report<T>(&mut self, doing: impl FnOnce(&mut dyn Ptz) -> Result<T, PtzError>, what: &str) -> Option<T> {
        doing(&mut *self.camera).inspect_err(|error| tracing::warn!(%error, what, "the camera that turns")).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use board_sim::{SimClock, SimPtz};

    const TARGET: Target = Target::Stored(3);

    fn driver(camera: &SimPtz, clock: &SimClock) -> (Driver, Arc<Shared>) {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            told: Condvar::new(),
            moved_until_us: AtomicU64::new(MOVING),
            aimed: AtomicBool::new(true),
        });
        let (camera, clock) = (Box::new(camera.clone()), Arc::new(clock.clone()));
        (Driver { camera, shared: Arc::clone(&shared), pace: Pace::default(), clock, since_us: None }, shared)
    }

    fn until(shared: &Shared) -> u64 {
        shared.moved_until_us.load(Ordering::SeqCst)
    }

    #[test]
    fn a_camera_that_tells_moves_until_it_says_that_it_does_not() {
        let (camera, clock) = (SimPtz::new(), SimClock::new(0));
        let (mut driver, shared) = driver(&camera, &clock);
        camera.tells(Motion::Moving);
        assert!(driver.send(&TARGET));
        for _ in 0..50 {
            clock.advance(Duration::from_millis(200));
            driver.ask();
            assert_eq!(until(&shared), MOVING);
        }
        camera.tells(Motion::Still);
        driver.ask();
        assert_eq!((until(&shared), camera.told()), (clock.monotonic_us(), vec![TARGET]));
    }

    #[test]
    fn a_camera_that_does_not_tell_or_cannot_be_asked_has_the_time_that_it_needs() {
        for refuses in [false, true] {
            let (camera, clock) = (SimPtz::new(), SimClock::new(0));
            let (mut driver, shared) = driver(&camera, &clock);
            driver.send(&TARGET);
            camera.refuses(refuses);
            clock.advance(Duration::from_millis(4_999));
            driver.ask();
            assert_eq!(until(&shared), MOVING);
            clock.advance(Duration::from_millis(1));
            driver.ask();
            assert_eq!(until(&shared), clock.monotonic_us());
        }
    }

    #[test]
    fn a_camera_that_somebody_else_moves_counts_as_moving_too() {
        let (camera, clock) = (SimPtz::new(), SimClock::new(0));
        let (mut driver, shared) = driver(&camera, &clock);
        driver.rest(5);
        camera.tells(Motion::Still);
        driver.ask();
        assert_eq!(until(&shared), 5);
        camera.tells(Motion::Moving);
        driver.ask();
        assert_eq!((until(&shared), shared.aimed.load(Ordering::SeqCst)), (MOVING, true));
        camera.tells(Motion::Still);
        driver.ask();
        shared.lock().sent = true;
        camera.tells(Motion::Moving);
        driver.ask();
        assert!(!shared.aimed.load(Ordering::SeqCst), "it was to look at a granted view");
    }

    #[test]
    fn a_camera_that_never_comes_to_rest_is_not_believed_for_ever() {
        let (camera, clock) = (SimPtz::new(), SimClock::new(0));
        let (mut driver, shared) = driver(&camera, &clock);
        camera.tells(Motion::Moving);
        driver.send(&TARGET);
        clock.advance(Duration::from_secs(60));
        driver.ask();
        assert_eq!(until(&shared), clock.monotonic_us());
    }

    #[test]
    fn a_camera_that_takes_no_command_is_not_aimed_until_it_does() {
        let (camera, clock) = (SimPtz::new(), SimClock::new(0));
        let (mut driver, shared) = driver(&camera, &clock);
        camera.refuses(true);
        assert!(!driver.send(&TARGET) && !shared.aimed.load(Ordering::SeqCst));
        camera.refuses(false);
        assert!(driver.send(&TARGET) && shared.aimed.load(Ordering::SeqCst));
    }

    #[test]
    fn a_target_that_comes_while_it_arrives_keeps_it_moving() {
        let (camera, clock) = (SimPtz::new(), SimClock::new(0));
        let (mut driver, shared) = driver(&camera, &clock);
        shared.lock().next = Some(TARGET);
        driver.rest(7);
        assert_eq!(until(&shared), MOVING);
    }

    #[test]
    fn a_granted_view_sends_the_camera_once_and_it_moves_from_that_moment() {
        let (camera, clock) = (SimPtz::new(), SimClock::new(0));
        camera.tells(Motion::Moving);
        clock.advance(Duration::from_micros(9));
        let presets = BTreeMap::from([("schrijverstraat".to_owned(), TARGET)]);
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let pace = Pace { ask_still: Duration::from_secs(3_600), ..Pace::default() };
        let aimer = Aimer::start(Box::new(camera.clone()), presets, pace, clock).unwrap();
        assert_eq!(aimer.moved_until_us(), 9, "nobody knows what it did before");
        aimer.aim(Some("elsewhere"));
        assert_eq!(aimer.moved_until_us(), 9, "no preset of that name");
        aimer.aim(Some("schrijverstraat"));
        assert_eq!(aimer.moved_until_us(), MOVING);
        aimer.aim(Some("schrijverstraat"));
        while camera.told().is_empty() {
            std::thread::yield_now();
        }
        aimer.aim(Some("schrijverstraat"));
        assert_eq!(camera.told(), [TARGET]);
        // Nobody watched for a while: who knows where it was turned.
        aimer.aim(None);
        aimer.aim(Some("schrijverstraat"));
        while camera.told().len() < 2 {
            std::thread::yield_now();
        }
    }
}
