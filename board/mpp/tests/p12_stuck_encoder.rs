//! P12: an encoder that is stuck is noticed within half a second and another can be built at once; the frame that the hardware may still read stays where it
//! is until the hardware lets go.

#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use board_hal::{EncodeError, EncodedUnit, Encoder};
use board_mpp::{MppEncoder, MppOptions};
use mask::{ColourMatrix, ColourRange};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::{Pixels, SIZE, Sim, masked, memfd, settings, unit, until};

const NOTICED_WITHIN: Duration = Duration::from_millis(500);
const LONG_MS: i64 = 60_000;

/// An encoder that made a picture, and is stuck from now on.
fn stuck_soon(sim: &Sim) -> MppEncoder {
    let mut encoder = sim.open_with(settings(), MppOptions::default());
    unit(&mut encoder, 0, true);
    sim.set("hang_ms", LONG_MS);
    encoder
}

fn notice(encoder: &mut MppEncoder, released: &Arc<AtomicUsize>) -> Duration {
    let frame = masked(1, Pixels::scene(SIZE, 352, 256, 1), Some(memfd()), released);
    let mut unit = EncodedUnit { data: vec![1], key: true };
    let start = Instant::now();
    let error = encoder.encode(frame, false, &mut unit).unwrap_err();
    let took = start.elapsed();
    assert!(matches!(error, EncodeError::Stuck(_)), "{error}");
    assert!(unit.data.is_empty() && !unit.key);
    took
}

#[test]
fn p12_a_stuck_encoder_is_noticed_within_half_a_second_and_another_one_works_at_once() {
    let sim = Sim::new();
    let released = Arc::<AtomicUsize>::default();
    let mut encoder = stuck_soon(&sim);
    let start = Instant::now();
    let took = notice(&mut encoder, &released);
    assert!(took < NOTICED_WITHIN, "{took:?}");
    drop(encoder);
    assert!(start.elapsed() < NOTICED_WITHIN, "with its end: {:?}", start.elapsed());
    assert_eq!(released.load(Ordering::SeqCst), 0, "the hardware may still read the frame");
    // A chip that recovered in all but that one job.
    sim.set("hang_ms", 0);
    assert!(unit(&mut sim.open_with(settings(), MppOptions::default()), 2, true).key);
    until("the frame goes back once the hardware let go", || released.load(Ordering::SeqCst) == 1);
    until("all of it is freed", || sim.count("live") == 0);
}

#[test]
fn p12_a_library_that_does_not_keep_its_own_timeouts_is_noticed_too() {
    let sim = Sim::new();
    // Its answer, whatever the timeout, comes when the hardware is done: as of a call that hangs in the kernel.
    sim.set("deaf", 1);
    let released = Arc::<AtomicUsize>::default();
    let mut encoder = stuck_soon(&sim);
    let took = notice(&mut encoder, &released);
    assert!(took < NOTICED_WITHIN, "{took:?}");
    let mut unit = EncodedUnit::default();
    let other = masked(2, Pixels::scene(SIZE, SIZE.0, SIZE.1, 2), None, &released);
    let again = Instant::now();
    assert!(matches!(encoder.encode(other, false, &mut unit), Err(EncodeError::Stuck(_))));
    assert!(again.elapsed() < Duration::from_millis(100), "it is known by now");
    drop(encoder);
    sim.set("hang_ms", 0);
    until("both frames go back", || released.load(Ordering::SeqCst) == 2);
    until("all of it is freed", || sim.count("live") == 0);
}

#[test]
fn p12_when_too_many_are_stuck_only_a_new_process_helps_and_that_is_said() {
    let sim = Sim::new();
    sim.set("deaf", 1);
    let released = Arc::<AtomicUsize>::default();
    for _ in 0..2 {
        sim.set("hang_ms", 0);
        let mut encoder = stuck_soon(&sim);
        // Those of before hang on: the fault is asked again and again.
        notice(&mut encoder, &released);
    }
    until("one or two are counted", || {
        let opened = MppEncoder::open(
            &sim.library,
            settings(),
            ColourRange::Limited,
            ColourMatrix::Bt601,
            MppOptions::default(),
        );
        // The first one may have come back in the moment in which the fault was off.
        match opened {
            Err(EncodeError::Wedged(2)) => true,
            Ok(mut encoder) => {
                notice(&mut encoder, &released);
                false
            }
            Err(other) => panic!("{other}"),
        }
    });
    sim.set("hang_ms", 0);
    until("they come back and are forgotten", || {
        MppEncoder::open(&sim.library, settings(), ColourRange::Limited, ColourMatrix::Bt601, MppOptions::default())
            .is_ok()
    });
    until("all of it is freed", || sim.count("live") == 0);
}

#[test]
fn p12_a_packet_that_never_comes_is_noticed_within_half_a_second() {
    let sim = Sim::new();
    let mut encoder = sim.open_with(settings(), MppOptions::default());
    unit(&mut encoder, 0, true);
    sim.set("lose", 1);
    let took = notice(&mut encoder, &Arc::default());
    assert!(took < NOTICED_WITHIN, "{took:?}");
    drop(encoder);
    until("all of it is freed", || sim.count("live") == 0);
}
