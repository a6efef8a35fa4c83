//! The scripted encoder: units that say what they hold.
#![allow(clippy::unwrap_used)] // helpers of tests fail the test

use board_hal::{CameraSource, Codec, EncodeError, EncodedUnit, Encoder, EncoderSettings};
use board_sim::{CameraStep, EncoderStep, Gate, Script, SimCamera, SimClock, SimEncoder, SimUnit, Witness};
use contract::{Filter, Rung};
use mask::{MaskedFrame, Painter, Scene};
use std::time::Duration;

const SETTINGS: EncoderSettings =
    EncoderSettings { codec: Codec::H264, width: 64, height: 64, fps: 10.0, bitrate_bps: 1_000_000, key_interval: 3 };

fn camera(width: usize) -> SimCamera {
    // A gray that coarse cells, in which everything is painted here, keep.
    let flat = CameraStep::Flat { luma: 96, cb: 128, cr: 128 };
    SimCamera::new(SimClock::new(0), width, 64, 10.0, Script::always(flat))
}

fn masked(camera: &mut SimCamera) -> MaskedFrame {
    let frame = camera.next(Duration::from_secs(1)).unwrap();
    let scene = Scene { zones: heapless::Vec::new(), largest_face_px: Some(40.0) };
    let plan = mask::plan::decide(frame.info().id, None, Rung::Clear, Filter::Fill, &scene);
    mask::apply(frame, &plan, &mut Painter::new()).unwrap()
}

#[test]
fn a_unit_says_which_frame_it_holds_and_how_bright_it_was() {
    let (mut camera, mut unit) = (camera(64), EncodedUnit::default());
    let mut encoder = SimEncoder::new(SETTINGS, Script::always(EncoderStep::Unit));
    for n in 0..7 {
        let frame = masked(&mut camera);
        let id = frame.info().id;
        encoder.encode(frame, n == 4, &mut unit).unwrap();
        let key = [0, 3, 4].contains(&n);
        assert_eq!(SimUnit::read(&unit.data), Some(SimUnit { frame: id, key, mean_luma: 96, fps: 10 }), "unit {n}");
        assert_eq!(unit.key, key);
    }
}

#[test]
fn a_key_picture_begins_with_its_parameter_sets() {
    let mut unit = EncodedUnit::default();
    let mut encoder = SimEncoder::new(SETTINGS, Script::always(EncoderStep::Big(5_000)));
    encoder.encode(masked(&mut camera(64)), false, &mut unit).unwrap();
    let types: Vec<u8> = unit.data.windows(5).filter(|w| w[..4] == [0, 0, 0, 1]).map(|w| w[4] & 0x1F).collect();
    assert_eq!(types, [7, 8, 5]);
    assert_eq!(unit.data.len(), 5_000);
    assert!(SimUnit::read(&unit.data).is_some());
}

#[test]
fn what_no_sim_encoder_made_reads_as_nothing() {
    for foreign in [&b""[..], b"frame=1 luma=2", &[0, 0, 0, 1, 0x65, 0x88, 0x84], &[0, 0, 0, 1, 0x41]] {
        assert_eq!(SimUnit::read(foreign), None);
    }
}

#[test]
fn a_witness_sees_every_pixel_that_is_encoded() {
    let (mut camera, witness) = (camera(64), Witness::new());
    let mut encoder =
        SimEncoder::new(SETTINGS, Script::of([EncoderStep::Unit], EncoderStep::Fail)).shown_to(witness.clone());
    assert!(witness.seen().is_none());
    encoder.encode(masked(&mut camera), false, &mut EncodedUnit::default()).unwrap();
    encoder.encode(masked(&mut camera), false, &mut EncodedUnit::default()).unwrap_err();
    let seen = witness.seen().unwrap();
    assert_eq!((seen.frame.0, seen.size()), (1, (64, 64)), "the one that failed too");
    assert!((0..64).all(|y| (0..64).all(|x| seen.luma(x, y) == 96)));
}

#[test]
fn a_witness_tells_coarse_from_fine() {
    let witness = Witness::new();
    let mut camera = SimCamera::new(SimClock::new(0), 64, 64, 10.0, Script::always(CameraStep::Still));
    let mut encoder = SimEncoder::new(SETTINGS, Script::always(EncoderStep::Unit)).shown_to(witness.clone());
    encoder.encode(masked(&mut camera), false, &mut EncodedUnit::default()).unwrap();
    assert!(witness.seen().unwrap().is_coarse(16), "the view's largest face asks for cells of 16 pixels");
    let frame = camera.next(Duration::from_secs(1)).unwrap();
    let (id, scene) = (frame.info().id, Scene::unknown());
    let plan = mask::plan::decide(id, Some(&mask::Objects::none(id)), Rung::Clear, Filter::Fill, &scene);
    let bare = mask::apply(frame, &plan, &mut Painter::new()).unwrap();
    encoder.encode(bare, false, &mut EncodedUnit::default()).unwrap();
    assert!(!witness.seen().unwrap().is_coarse(2), "nothing was painted");
}

#[test]
fn a_frame_of_another_size_is_refused() {
    let mut encoder = SimEncoder::new(SETTINGS, Script::always(EncoderStep::Unit));
    let error = encoder.encode(masked(&mut camera(32)), false, &mut EncodedUnit::default()).unwrap_err();
    assert!(matches!(&error, EncodeError::Failed(cause) if cause.contains("32x64")), "{error}");
}

#[test]
fn it_fails_and_hangs_when_told() {
    let gate = Gate::new();
    let script = Script::of([EncoderStep::Fail, EncoderStep::Hang(gate.clone())], EncoderStep::Unit);
    let mut encoder = SimEncoder::new(SETTINGS, script);
    let mut camera = camera(64);
    let mut unit = EncodedUnit::default();
    assert!(encoder.encode(masked(&mut camera), false, &mut unit).is_err());
    let frame = masked(&mut camera);
    let thread = std::thread::spawn(move || encoder.encode(frame, false, &mut unit).map(|()| unit));
    gate.wait_until_reached();
    gate.open();
    assert!(SimUnit::read(&thread.join().unwrap().unwrap().data).is_some());
}
