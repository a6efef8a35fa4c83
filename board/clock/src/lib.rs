//! The board's real clocks: `CLOCK_MONOTONIC` (the one that V4L2 stamps frames with), `CLOCK_REALTIME`, and the kernel's word on whether
//! something disciplines the latter (adjtimex(2), the same bit that `timedatectl` shows).
//!
//! It does not set any clock, and does not judge how far off a synchronised clock is.
#![allow(unsafe_code)] // adjtimex has no safe wrapper

use board_hal::Clock;
use nix::time::{ClockId, clock_gettime};

/// The clocks of the machine it runs on.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock {
    assume_synchronised: bool,
}

impl SystemClock {
    /// Believes the kernel about synchronisation: the one for boards.
    #[must_use]
    pub fn new() -> Self {
        Self { assume_synchronised: false }
    }
    /// Calls UTC right whatever the kernel says: for development machines and containers, whose kernel is often not told.
    #[must_use]
    pub fn assume_synchronised() -> Self {
        Self { assume_synchronised: true }
    }
}

impl Clock for SystemClock {
    fn monotonic_us(&self) -> u64 {
        read_us(ClockId::CLOCK_MONOTONIC)
    }
    fn utc_us(&self) -> u64 {
        read_us(ClockId::CLOCK_REALTIME)
    }
    fn synchronised(&self) -> bool {
        self.assume_synchronised || kernel_says_synchronised()
    }
}

/// A clock in microseconds; 0 for a wall clock set before 1970.
fn read_us(clock: ClockId) -> u64 {
    let now = clock_gettime(clock).expect("both clocks exist on every Linux");
    let seconds = u64::try_from(now.tv_sec()).unwrap_or(0);
    let micros = u64::try_from(now.tv_nsec() / 1000).unwrap_or(0);
    seconds * 1_000_000 + micros
}

/// False also where the system call is refused: not knowing is not being synchronised.
fn kernel_says_synchronised() -> bool {
    // SAFETY: `timex` is a struct of integers, for which all zeroes is a value.
    let mut answer: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: `modes` is 0, so the kernel only fills in the struct, which outlives the call; nothing is set.
    let state = unsafe { libc::adjtimex(&raw mut answer) };
    state >= 0 && state != libc::TIME_ERROR && answer.status & libc::STA_UNSYNC == 0
}
