//! Pictures go in with the driver's lines and come out as access units, one for one.

use super::fake::{Fake, HEIGHT, PPS, SPS, WIDTH, frame, settings};
use crate::driver::Control;
use board_hal::{EncodedUnit, Encoder, EncoderSettings};

/// What the fake makes of a picture after the parameter sets.
fn slice(number: u8, key: bool) -> Vec<u8> {
    let n = number;
    vec![0, 0, 0, 1, if key { 0x65 } else { 0x41 }, 40 + n, 50 + n, 60 + n, 70 + n, 80 + n]
}

fn encoded(encoder: &mut dyn Encoder, number: u64, key: bool) -> EncodedUnit {
    let mut unit = EncodedUnit { data: vec![9], key: true };
    encoder.encode(frame(number), key, &mut unit).expect("a unit");
    unit
}

#[test]
fn each_picture_is_copied_line_by_line_and_comes_back_as_its_own_unit() {
    let fake = Fake::new();
    let mut encoder = fake.open().expect("an encoder");
    for number in 0..25 {
        let unit = encoded(&mut encoder, number, false);
        let key = number % 10 == 0;
        let header = if key { [SPS, PPS].concat() } else { Vec::new() };
        assert_eq!((unit.key, unit.data), (key, [header, slice(number as u8, key)].concat()), "frame {number}");
    }
    assert_eq!(fake.set(|state| state.visible), Some((WIDTH, HEIGHT)), "alignment is not shown");
}

#[test]
fn key_pictures_come_when_asked_for_each_with_its_parameter_sets_however_the_driver_gives_them() {
    for (apart, once) in [(false, false), (true, false), (false, true), (true, true)] {
        let fake = Fake::new();
        fake.set(|state| (state.header_apart, state.header_once) = (apart, once));
        let mut encoder = fake.open_with(EncoderSettings { key_interval: 1_000, ..settings() }).expect("an encoder");
        for number in 0..6 {
            let asked = number == 0 || number == 3;
            let unit = encoded(&mut encoder, number, asked);
            let header = if asked { [SPS, PPS].concat() } else { Vec::new() };
            assert_eq!(unit.data, [header, slice(number as u8, asked)].concat(), "{apart} {once}, frame {number}");
            assert_eq!(unit.key, asked);
        }
    }
}

#[test]
fn what_is_asked_for_reaches_the_driver_and_rates_change_while_it_runs() {
    let fake = Fake::new();
    let mut encoder = fake.open().expect("an encoder");
    let control = |control| fake.set(|state| state.controls.get(&control).copied());
    assert_eq!(control(Control::Bitrate), Some(500_000));
    assert_eq!(control(Control::KeyInterval), Some(10));
    assert_eq!((control(Control::BFrames), control(Control::RepeatHeader)), (Some(0), Some(1)));
    assert!(!encoded(&mut encoder, 0, true).data.is_empty());
    encoder.change(200_000, 12.5).expect("another rate");
    assert_eq!((control(Control::Bitrate), fake.set(|state| state.fps)), (Some(200_000), 12.5));
    assert!(!encoded(&mut encoder, 1, false).key, "without a key picture");
    // Both or none.
    fake.set(|state| state.fails = Some(("set_fps", libc::EINVAL)));
    assert!(encoder.change(900_000, 50.0).is_err());
    assert_eq!((control(Control::Bitrate), encoder.settings().bitrate_bps), (Some(200_000), 200_000));
    assert!(encoder.change(0, 25.0).is_err());
}

#[test]
fn settings_that_are_only_wished_for_may_be_unknown() {
    let fake = Fake::new();
    fake.set(|state| {
        state.unknown = vec![Control::BFrames, Control::RepeatHeader, Control::H264Profile, Control::RateLimits];
    });
    assert!(encoded(&mut fake.open().expect("an encoder"), 0, true).key);
}

#[test]
fn a_closed_encoder_gives_everything_back() {
    let fake = Fake::new();
    drop(fake.open().expect("an encoder"));
    let calls = fake.set(|state| state.calls.clone());
    assert_eq!(calls[calls.len() - 4..], ["off", "off", "free", "free"]);
}
