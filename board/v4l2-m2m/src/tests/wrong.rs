//! Whatever a driver does wrong amid pictures is an error; nothing of it is sent, and a device that is stuck is left in time.

use super::fake::{Fake, frame, sized};
use board_hal::{EncodeError, EncodedUnit, Encoder};
use std::time::{Duration, Instant};

fn failed(spoil: impl FnOnce(&Fake)) -> String {
    let fake = Fake::new();
    let mut encoder = fake.open().expect("an encoder");
    let mut unit = EncodedUnit::default();
    encoder.encode(frame(0), true, &mut unit).expect("a unit");
    spoil(&fake);
    let error = encoder.encode(frame(1), false, &mut unit).expect_err("an error");
    assert!(unit.data.is_empty() && !unit.key, "nothing is left to be sent");
    assert!(matches!(error, EncodeError::Failed(_)), "{error}");
    error.to_string()
}

#[test]
fn what_cannot_be_a_picture_is_an_error() {
    assert!(failed(|fake| fake.set(|state| state.garbage = true)).contains("no access unit"));
    assert!(failed(|fake| fake.set(|state| state.broken = true)).contains("broken"));
    assert!(failed(|fake| fake.set(|state| state.boasts = 5_000)).contains("another size"));
    for step in ["queue picture", "dequeue", "wait", "queue"] {
        let text = failed(|fake| fake.set(|state| state.fails = Some((step, libc::EIO))));
        assert!(text.contains("/dev/video9"), "{step}: {text}");
    }
}

#[test]
fn p2_the_unit_of_another_picture_is_never_taken_for_this_ones() {
    assert!(failed(|fake| fake.set(|state| state.late = 1)).contains("picture 1 came for picture 2"));
}

#[test]
fn p12_a_device_that_is_stuck_is_noticed_in_time_and_closed_without_waiting_for_it() {
    let fake = Fake::new();
    let mut encoder = fake.open().expect("an encoder");
    fake.set(|state| state.silent = true);
    let (start, mut unit) = (Instant::now(), EncodedUnit { data: vec![1], key: true });
    assert!(matches!(encoder.encode(frame(0), true, &mut unit), Err(EncodeError::Stuck(_))));
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    assert!(unit.data.is_empty() && !unit.key);
    assert!(matches!(encoder.encode(frame(1), true, &mut unit), Err(EncodeError::Stuck(_))), "and stays so");
    drop(encoder);
    let closed = || fake.set(|state| state.calls.iter().filter(|call| *call == "free").count() == 2);
    while !closed() {
        assert!(start.elapsed() < Duration::from_secs(60), "it is closed in the end");
        std::thread::yield_now();
    }
    fake.set(|state| state.silent = false);
}

#[test]
fn a_frame_of_another_size_is_refused_before_the_device_sees_it() {
    let fake = Fake::new();
    let mut encoder = fake.open().expect("an encoder");
    let mut unit = EncodedUnit::default();
    let error = encoder.encode(sized(0, 16, 16, 16), true, &mut unit).expect_err("refused").to_string();
    assert!(error.contains("16x16") && error.contains("30x20"), "{error}");
    assert!(fake.set(|state| !state.calls.iter().any(|call| call == "queue picture")));
    encoder.encode(frame(0), true, &mut unit).expect("its own size");
}
