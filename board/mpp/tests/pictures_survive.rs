//! What a decoder makes of the stream, whichever way the frame came, and what the stream does when it is told to change.

#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use board_hal::{Codec, EncodeError, EncodedUnit, Encoder, EncoderSettings};
use board_mpp::{MppEncoder, MppOptions, RateControl};
use mask::{ColourMatrix, ColourRange};
use openh264::decoder::Decoder;
use openh264::formats::YUVSource;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Pixels, SIZE, Sim, heap, masked, memfd, options, settings, shared, unit};

/// Types of the NAL units (ITU-T H.264 table 7-1).
fn nal_types(unit: &[u8]) -> Vec<u8> {
    unit.windows(4).filter(|bytes| bytes[..3] == [0, 0, 1]).map(|bytes| bytes[3] & 0x1f).collect()
}

/// Mean absolute difference of a decoded picture to the scene, luma and both chromas.
fn difference(decoded: &dyn YUVSource, pixels: &Pixels) -> f64 {
    let (width, height) = (pixels.geometry.width, pixels.geometry.height);
    assert_eq!(decoded.dimensions(), (width, height));
    let stride = pixels.geometry.luma_stride;
    let (y_stride, u_stride, v_stride) = decoded.strides();
    let mut sum = 0;
    for y in 0..height {
        for x in 0..width {
            sum += u64::from(decoded.y()[y * y_stride + x].abs_diff(pixels.bytes[y * stride + x]));
        }
    }
    for y in 0..height / 2 {
        for x in 0..width / 2 {
            let at = pixels.chroma_offset + y * stride + 2 * x;
            sum += u64::from(decoded.u()[y * u_stride + x].abs_diff(pixels.bytes[at]));
            sum += u64::from(decoded.v()[y * v_stride + x].abs_diff(pixels.bytes[at + 1]));
        }
    }
    sum as f64 / (width * height * 3 / 2) as f64
}

#[test]
fn the_decoded_picture_is_the_masked_one_from_the_heap_and_from_a_dma_buf_whatever_the_strides() {
    let sim = Sim::new();
    for (size, stride, lines, in_place) in [
        (SIZE, 320, 240, false),
        ((322, 182), 330, 182, false),
        (SIZE, 352, 256, true),
        ((322, 182), 336, 182, true),
        // A layout that no hardware reads is copied although it is a dma-buf.
        ((322, 182), 330, 182, true),
    ] {
        let (width, height) = size;
        let mut encoder = sim.open_with(EncoderSettings { width, height, ..settings() }, options());
        let mut decoder = Decoder::new().unwrap();
        let files = [memfd(), memfd(), memfd()];
        for number in 0..9 {
            let scene = || Pixels::scene(size, stride, lines, number);
            let file = in_place.then(|| Arc::clone(&files[number as usize % 3]));
            let mut unit = EncodedUnit::default();
            encoder.encode(masked(number, scene(), file, &Arc::default()), false, &mut unit).unwrap();
            let decoded = decoder.decode(&unit.data).unwrap().expect("one frame in, one picture out");
            let difference = difference(&decoded, &scene());
            assert!(difference < 3.0, "{size:?} {stride} {in_place}, frame {number}: {difference}");
        }
    }
}

#[test]
fn slate_and_camera_may_alternate_though_one_is_copied_and_the_other_is_not() {
    let sim = Sim::new();
    let mut encoder = sim.open();
    let mut decoder = Decoder::new().unwrap();
    let file = memfd();
    for number in 0..8 {
        let mut unit = EncodedUnit::default();
        let frame = if number % 2 == 0 { heap(number) } else { shared(number, &file) };
        encoder.encode(frame, false, &mut unit).unwrap();
        let decoded = decoder.decode(&unit.data).unwrap().expect("a picture");
        assert!(difference(&decoded, &Pixels::scene(SIZE, SIZE.0, SIZE.1, number)) < 3.0, "frame {number}");
    }
}

#[test]
fn a_cameras_buffers_are_imported_once_each() {
    let sim = Sim::new();
    let mut encoder = sim.open();
    let mut unit = EncodedUnit::default();
    let files = [memfd(), memfd(), memfd(), memfd()];
    for number in 0..40 {
        encoder.encode(shared(number, &files[number as usize % 4]), false, &mut unit).unwrap();
    }
    assert_eq!((sim.count("import"), sim.count("buffer")), (4, 0), "no copy");
    // Another camera's: more buffers than are remembered, then the first again.
    let others: Vec<_> = (0..20).map(|_| memfd()).collect();
    for (number, file) in others.iter().chain([&files[0]]).enumerate() {
        encoder.encode(shared(100 + number as u64, file), false, &mut unit).unwrap();
    }
    assert_eq!(sim.count("import"), 4 + 20 + 1);
    drop(encoder);
    assert_eq!(sim.count("live"), 0);
}

#[test]
fn key_pictures_come_first_on_demand_and_at_the_interval_each_with_its_parameter_sets() {
    for ignores_header_mode in [0, 1] {
        let sim = Sim::new();
        sim.set("header_once", ignores_header_mode);
        let mut encoder = sim.open();
        let mut keys = Vec::new();
        for number in 0..120 {
            let unit = unit(&mut encoder, number, number == 0 || number == 7 || number == 8);
            let types = nal_types(&unit.data);
            assert_eq!(unit.data[..4], [0, 0, 0, 1]);
            if unit.key {
                keys.push(number);
                assert_eq!(types, [7, 8, 5], "frame {number}");
            } else {
                assert_eq!(types, [1], "frame {number}");
            }
        }
        assert_eq!(keys, [0, 7, 8, 58, 108]);
    }
}

#[test]
fn bit_rate_and_frame_rate_change_while_it_runs_without_a_key_picture() {
    let sim = Sim::new();
    let mut encoder =
        sim.open_with(EncoderSettings { bitrate_bps: 300_000, key_interval: 10_000, ..settings() }, options());
    let bytes = |encoder: &mut MppEncoder, from: u64| {
        let units: Vec<_> = (from..from + 60).map(|number| unit(encoder, number * 17, false)).collect();
        assert!(units.iter().skip(usize::from(from == 0)).all(|unit| !unit.key));
        units.iter().map(|unit| unit.data.len()).sum::<usize>()
    };
    let low = bytes(&mut encoder, 0);
    encoder.change(1_200_000, 25.0).unwrap();
    let high = bytes(&mut encoder, 60);
    assert!(high > 2 * low, "{low} and {high} bytes");
    encoder.change(200_000, 25.0).unwrap();
    let at_25 = bytes(&mut encoder, 120);
    encoder.change(200_000, 12.5).unwrap();
    let at_12 = bytes(&mut encoder, 180);
    assert!(at_12 * 10 > at_25 * 14, "{at_25} and {at_12} bytes");
    assert_eq!((encoder.settings().bitrate_bps, encoder.settings().fps), (200_000, 12.5));
    // Refused by us, then by the library: the former rate stays, and pictures go on.
    assert!(matches!(encoder.change(0, 25.0), Err(EncodeError::Settings(_))));
    sim.set("set_cfg", -6);
    assert!(matches!(encoder.change(400_000, 25.0), Err(EncodeError::Settings(_))));
    sim.set("set_cfg", 0);
    assert_eq!(encoder.settings().bitrate_bps, 200_000);
    assert!(!unit(&mut encoder, 9_000, false).key);
}

#[test]
fn slices_as_they_are_ready_make_one_unit_and_the_dangerous_setting_is_never_asked_for() {
    let sim = Sim::new();
    // Its makers say: not this one. A library that refuses it is one that was not asked.
    sim.refuse("base:low_delay");
    let mut encoder = sim.open_with(settings(), MppOptions { slice_bytes: Some(1_000), ..options() });
    let before = sim.count("get");
    let first = unit(&mut encoder, 0, true);
    assert_eq!(nal_types(&first.data), [7, 8, 5], "three packets, one unit");
    assert_eq!(sim.count("get") - before, 3);
    assert_eq!(nal_types(&unit(&mut encoder, 1, false).data), [1]);
    sim.refuse("split:mode");
    let refused = MppEncoder::open(
        &sim.library,
        settings(),
        ColourRange::Limited,
        ColourMatrix::Bt601,
        MppOptions { slice_bytes: Some(1_000), ..options() },
    );
    assert!(refused.err().unwrap().to_string().contains("split:mode"));
    drop(sim.open());
}

#[test]
fn rate_control_and_intra_refresh_are_asked_for_by_name() {
    let sim = Sim::new();
    let variable = MppOptions { rate_control: RateControl::Variable, ..options() };
    drop(sim.open_with(settings(), variable));
    for (refuse, options) in [
        ("rc:refresh_en", MppOptions { intra_refresh_rows: Some(2), ..options() }),
        ("rc:mode", variable),
        ("rc:bps_target", options()),
        ("prep:hor_stride", options()),
        ("h264:profile", options()),
    ] {
        let sim = Sim::new();
        sim.refuse(refuse);
        let refused = MppEncoder::open(&sim.library, settings(), ColourRange::Limited, ColourMatrix::Bt601, options)
            .err()
            .unwrap();
        assert!(matches!(&refused, EncodeError::Settings(text) if text.contains(refuse)), "{refused}");
        assert_eq!(sim.count("live"), 0);
    }
}

#[test]
fn settings_that_are_only_wished_for_may_be_missing_and_one_may_be_misspelt() {
    let sim = Sim::new();
    for missing in ["prep:colorrange", "rc:super_mode", "rc:qp_max", "rc:fps_in_denom", "rc:fps_out_denom"] {
        sim.refuse(missing);
    }
    assert!(unit(&mut sim.open(), 0, true).key);
}

#[test]
fn h265_units_have_their_parameter_sets_and_pass_as_key_pictures() {
    let sim = Sim::new();
    let mut encoder = sim.open_with(EncoderSettings { codec: Codec::H265, ..settings() }, options());
    let kinds = |unit: &EncodedUnit| -> Vec<u8> {
        unit.data.windows(4).filter(|b| b[..3] == [0, 0, 1]).map(|b| b[3] >> 1 & 0x3F).collect()
    };
    for (number, asked) in [(0, true), (1, false), (2, true)] {
        let unit = unit(&mut encoder, number, asked);
        assert_eq!(unit.key, asked);
        assert_eq!(kinds(&unit), if asked { vec![32, 33, 34, 20] } else { vec![1] });
    }
    sim.set("no_h265", 1);
    let refused = MppEncoder::open(
        &sim.library,
        EncoderSettings { codec: Codec::H265, ..settings() },
        ColourRange::Limited,
        ColourMatrix::Bt601,
        options(),
    );
    assert!(refused.err().unwrap().to_string().contains("H265"));
}

#[test]
fn a_frame_of_another_size_is_refused_and_its_buffer_goes_back() {
    let sim = Sim::new();
    let mut encoder = sim.open();
    let released = Arc::<AtomicUsize>::default();
    let mut unit = EncodedUnit { data: vec![1, 2, 3], key: true };
    let other = masked(1, Pixels::scene((160, 120), 160, 120, 1), None, &released);
    let refused = encoder.encode(other, false, &mut unit).unwrap_err().to_string();
    assert!(refused.contains("160x120") && refused.contains("320x240"), "{refused}");
    assert!(unit.data.is_empty() && !unit.key, "no old unit is left to be sent");
    drop(encoder);
    assert_eq!(released.load(Ordering::SeqCst), 1);
}

#[test]
fn settings_out_of_range_are_refused_with_the_range() {
    let sim = Sim::new();
    for (bad, word) in [
        (EncoderSettings { width: 321, ..settings() }, "even"),
        (EncoderSettings { height: 90, ..settings() }, "96"),
        (EncoderSettings { width: 5000, ..settings() }, "4096"),
        (EncoderSettings { fps: f32::NAN, ..settings() }, "frames per second"),
        (EncoderSettings { bitrate_bps: 0, ..settings() }, "bit/s"),
        (EncoderSettings { key_interval: 0, ..settings() }, "key picture"),
    ] {
        let refused = MppEncoder::open(&sim.library, bad, ColourRange::Limited, ColourMatrix::Bt601, options())
            .err()
            .unwrap()
            .to_string();
        assert!(refused.contains(word), "{refused}");
    }
    assert_eq!(sim.count("create"), 0);
}
