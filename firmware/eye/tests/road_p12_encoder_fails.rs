//! P12 on the road: an encoder that fails is built anew, and a slate fills the gap.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod roadside;

use board_sim::EncoderStep;
use roadside::Roadside;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[test]
fn p12_a_failed_encoder_is_built_anew_and_begins_with_a_key_picture() {
    let mut side = Roadside::new().sharing();
    assert!(!side.picture().0.key);
    let built = side.encoders.load(Ordering::SeqCst);
    side.encoder.push(EncoderStep::Fail);
    assert!(side.step().unwrap().is_slate(), "nothing is known of the frame that failed");
    let (unit, ..) = side.picture();
    assert!(unit.key);
    assert_eq!(side.encoders.load(Ordering::SeqCst), built + 1);
    assert!(!side.picture().0.key);
}

#[test]
fn p12_an_encoder_that_never_works_is_built_ever_more_slowly_while_the_slate_stands() {
    let mut side = Roadside::new().sharing();
    let built = side.encoders.load(Ordering::SeqCst);
    side.encoder.from_now(EncoderStep::Fail);
    let delivered = side.steps_for(Duration::from_secs(20));
    assert!(delivered.iter().all(roadside::desk::Delivery::is_slate));
    assert!((38..=41).contains(&delivered.len()), "{} slates in twenty seconds", delivered.len());
    let attempts = side.encoders.load(Ordering::SeqCst) - built;
    assert!((4..=8).contains(&attempts), "{attempts} encoders in twenty seconds");
    side.encoder.from_now(EncoderStep::Unit);
    let delivered = side.steps_for(Duration::from_secs(9));
    assert!(delivered.iter().find(|delivery| !delivery.is_slate()).unwrap().unit().key);
}

#[test]
fn p12_an_encoder_that_cannot_be_built_is_one_that_fails() {
    let mut side = Roadside::new().sharing();
    side.encoder_there.store(false, Ordering::SeqCst);
    side.encoder.push(EncoderStep::Fail);
    let delivered = side.steps_for(Duration::from_secs(5));
    assert!(!delivered.is_empty() && delivered.iter().all(roadside::desk::Delivery::is_slate));
    side.encoder_there.store(true, Ordering::SeqCst);
    let delivered = side.steps_for(Duration::from_secs(9));
    assert!(delivered.iter().find(|delivery| !delivery.is_slate()).unwrap().unit().key);
}

#[test]
fn p12_a_slate_that_could_not_be_made_at_the_start_is_made_later() {
    for refuse in [(|side: &Roadside| side.encoder_there.store(false, Ordering::SeqCst)) as fn(&Roadside), |side| {
        side.encoder.from_now(EncoderStep::Fail);
    }] {
        let mut side = Roadside::new();
        refuse(&side);
        side.steps_for(Duration::from_secs(2));
        assert_eq!(side.desk.formats(), 0);
        side.encoder_there.store(true, Ordering::SeqCst);
        side.encoder.from_now(EncoderStep::Unit);
        side.steps_for(Duration::from_secs(9));
        assert_eq!(side.desk.formats(), 1, "the authority can tell the voice what pictures will look like");
        side.sharing().picture();
    }
}
