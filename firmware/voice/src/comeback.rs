//! When to try the broker again. Pure: the lot is an argument.
//!
//! A broker that restarts loses all boards of a city in the same moment. A board whose pictures somebody watches comes back at once, since its share lives
//! on a heartbeat that has to come every few seconds (P4). One that nobody watches tries once at once, because most losses are its own; when the broker is
//! not there either, it takes its turn by lot within [`Comeback::scatter`], so that a broker with thousands of boards goes on answering those that it has.

use std::time::Duration;

/// Longest waits between tries while somebody watches; each is between half of it and all of it, by lot.
const WATCHED: [Duration; 5] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
];
/// How long one try to connect may take, seconds, after so many failures. A broker that all boards of a city come back to at once answers late; giving up
/// early would make it begin anew with everybody, for ever.
const CONNECT_WITHIN_S: [u64; 4] = [5, 5, 10, 20];

/// The failures since the last connection, and what follows from them.
#[derive(Debug)]
pub(crate) struct Comeback {
    failures: usize,
    /// Longest wait of a board that nobody watches.
    scatter: Duration,
}

impl Comeback {
    pub(crate) fn new(scatter: Duration) -> Self {
        Self { failures: 0, scatter }
    }
    /// A connection stands.
    pub(crate) fn connected(&mut self) {
        self.failures = 0;
    }
    /// Lost, or not come about: how long to wait before the next try. `lot` is 0 to 1.
    pub(crate) fn pause(&mut self, watched: bool, lot: f64) -> Duration {
        let ladder = WATCHED[self.failures.min(WATCHED.len() - 1)].mul_f64(0.5 + 0.5 * lot);
        let turn = if watched || self.failures == 0 {
            ladder
        } else {
            self.scatter.mul_f64(lot).max(ladder.min(self.scatter))
        };
        self.failures += 1;
        turn
    }
    /// How long the try that comes may take, seconds.
    pub(crate) fn connect_within_s(&self) -> u64 {
        CONNECT_WITHIN_S[self.failures.min(CONNECT_WITHIN_S.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCATTER: Duration = Duration::from_secs(20);

    #[test]
    fn a_broker_that_answers_late_gets_more_time_and_a_first_try_as_little_as_ever() {
        let mut comeback = Comeback::new(SCATTER);
        let within: Vec<u64> = (0..6)
            .map(|_| {
                let within_s = comeback.connect_within_s();
                comeback.pause(true, 0.5);
                within_s
            })
            .collect();
        assert_eq!(within, [5, 5, 10, 20, 20, 20]);
        comeback.connected();
        assert_eq!(comeback.connect_within_s(), 5);
    }

    #[test]
    fn a_watched_board_comes_back_scattered_and_none_later_than_the_ladder_says() {
        for lot in [0.0, 0.3, 1.0] {
            let mut comeback = Comeback::new(SCATTER);
            for longest in WATCHED.into_iter().chain([WATCHED[4], WATCHED[4]]) {
                assert_eq!(comeback.pause(true, lot), longest.mul_f64(0.5 + 0.5 * lot));
            }
        }
    }

    #[test]
    fn an_idle_board_tries_once_at_once_and_then_takes_its_turn() {
        for lot in [0.0, 0.3, 1.0] {
            let mut comeback = Comeback::new(SCATTER);
            assert!(comeback.pause(false, lot) <= WATCHED[0]);
            for _ in 0..10 {
                let turn = comeback.pause(false, lot);
                assert!(
                    turn <= SCATTER && turn >= WATCHED[1] / 2,
                    "{turn:?}: neither late nor again and again without a pause"
                );
                assert!(lot < 0.5 || turn == SCATTER.mul_f64(lot));
            }
            // Somebody began to watch (a share that stands since before): no more turns.
            assert!(comeback.pause(true, lot) <= WATCHED[4]);
        }
    }

    #[test]
    fn no_scatter_is_no_wait_beyond_the_ladder() {
        let mut comeback = Comeback::new(Duration::ZERO);
        comeback.pause(false, 1.0);
        assert_eq!(comeback.pause(false, 1.0), Duration::ZERO);
    }
}
