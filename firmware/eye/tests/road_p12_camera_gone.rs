//! P12 on the road: a camera that goes is replaced by the slate, looked for ever more slowly, and taken up where it left off.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod roadside;

use board_hal::Clock;
use board_sim::CameraStep;
use contract::Rung;
use mask::FrameId;
use mask::ladder::RungReason;
use roadside::desk::Delivery;
use roadside::{GOOD_FRAMES, Roadside};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Pulls the plug while a share is open; what the first step without camera delivered.
fn unplug(side: &mut Roadside) -> Option<Delivery> {
    side.plugged.store(false, Ordering::SeqCst);
    side.camera.push(CameraStep::Gone);
    side.step()
}

/// Plugs in again and waits for the first picture.
fn plug(side: &mut Roadside) -> Delivery {
    side.plugged.store(true, Ordering::SeqCst);
    let delivered = (0..100).filter_map(|_| side.step()).find(|delivery| !delivery.is_slate());
    delivered.expect("the camera comes back")
}

#[test]
fn p12_a_lost_camera_is_a_slate_at_once_and_at_its_slow_pace() {
    let mut side = Roadside::new().sharing();
    let first = unplug(&mut side).unwrap();
    let mut delivered = vec![first.clone()];
    delivered.extend(side.steps_for(Duration::from_secs(30)));
    assert!(delivered.iter().all(|delivery| delivery.is_slate() && delivery.key && delivery.rung == Rung::Dark));
    for pair in delivered.windows(2) {
        let gap_us = pair[1].at_us - pair[0].at_us;
        assert!((500_000..=750_000).contains(&gap_us), "{gap_us} us from slate to slate");
    }
    assert!(delivered.last().unwrap().at_us - first.at_us > 29_000_000, "it goes on");
    assert_eq!((side.report().rung, side.report().reason), (Rung::Dark, RungReason::CameraLost));
}

#[test]
fn p12_a_lost_camera_is_looked_for_ever_more_slowly() {
    let mut side = Roadside::new();
    side.steps(3);
    side.openings.lock().unwrap().clear();
    let lost_us = side.clock.monotonic_us();
    unplug(&mut side);
    side.steps_for(Duration::from_secs(35));
    let mut before_us = lost_us;
    let mut waits = Vec::new();
    for (at_us, _) in side.openings.lock().unwrap().iter() {
        waits.push((at_us - before_us) / 1_000);
        before_us = *at_us;
    }
    assert_eq!(waits, [250, 500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000], "milliseconds");
}

#[test]
fn p12_a_camera_that_came_back_is_looked_for_at_once_when_it_goes_again() {
    let mut side = Roadside::new();
    side.steps(3);
    unplug(&mut side);
    side.steps_for(Duration::from_secs(5));
    side.desk.open();
    plug(&mut side);
    let lost_us = side.clock.monotonic_us();
    unplug(&mut side);
    side.steps(2);
    assert_eq!(side.openings.lock().unwrap().last().unwrap().0, lost_us + 250_000);
}

#[test]
fn p12_a_camera_that_opens_but_never_delivers_is_opened_ever_more_slowly_too() {
    let mut side = Roadside::new();
    side.camera.from_now(CameraStep::Gone);
    side.steps_for(Duration::from_secs(30));
    let openings = side.openings.lock().unwrap().len();
    assert!((5..=9).contains(&openings), "{openings} openings in half a minute");
}

#[test]
fn p12_a_camera_that_comes_back_goes_on_counting_and_begins_with_a_key_picture() {
    let mut side = Roadside::new().sharing();
    let (last, ..) = side.picture();
    unplug(&mut side);
    side.steps_for(Duration::from_secs(3));
    let encoded = side.encoder.taken();
    let back = plug(&mut side);
    assert_eq!(side.openings.lock().unwrap().last().unwrap().1, FrameId(last.frame.0 + 1));
    assert_eq!(back.unit().frame.0, last.frame.0 + u64::from(GOOD_FRAMES), "no number comes twice, a run stays dark");
    assert_eq!(side.encoder.taken(), encoded + 1, "what stays dark is not encoded");
    assert!(back.key && back.unit().key, "a decoder begins anew");
    assert!(!side.picture().0.key, "one key picture is enough");
}

#[test]
fn p12_a_camera_that_was_away_for_a_moment_only_begins_with_a_key_picture_too() {
    let mut side = Roadside::new().sharing();
    side.camera.push(CameraStep::Gone);
    assert!(side.step().unwrap().is_slate());
    assert!(plug(&mut side).unit().key);
}

#[test]
fn p12_a_camera_that_comes_back_with_another_size_brings_a_new_slate_and_encoder() {
    let mut side = Roadside::new().sharing();
    unplug(&mut side);
    *side.size.lock().unwrap() = (320, 240);
    let back = plug(&mut side);
    assert!(back.unit().key);
    assert_eq!(side.witness.seen().unwrap().size(), (320, 240));
    assert_eq!((side.desk.formats(), side.encoders.load(Ordering::SeqCst)), (2, 2));
}

#[test]
fn p12_without_a_camera_at_the_start_there_is_none_until_it_comes() {
    let mut side = Roadside::new();
    side.plugged.store(false, Ordering::SeqCst);
    side.desk.open();
    side.steps_for(Duration::from_secs(10));
    assert_eq!(side.report().rung, Rung::Dark);
    assert_eq!(side.openings.lock().unwrap().last().unwrap().1, FrameId(0));
    let first = plug(&mut side);
    assert!(first.unit().key);
    assert_eq!(first.unit().frame.0 + 1, u64::from(GOOD_FRAMES));
}
