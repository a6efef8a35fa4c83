//! What OpenH264's own decoder makes of our stream.

#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use board_hal::{Codec, EncodeError, EncodedUnit, Encoder, EncoderSettings};
use board_openh264::SoftEncoder;
use mask::{ColourMatrix, ColourRange};
use openh264::decoder::Decoder;
use openh264::formats::YUVSource;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{counted_frame, frame};

fn settings(width: usize, height: usize) -> EncoderSettings {
    EncoderSettings { codec: Codec::H264, width, height, fps: 25.0, bitrate_bps: 2_000_000, key_interval: 50 }
}

fn open(width: usize, height: usize) -> SoftEncoder {
    SoftEncoder::open(settings(width, height), ColourRange::Limited).unwrap()
}

/// Types of the NAL units in an Annex B access unit (ITU-T H.264 table 7-1).
fn nal_types(unit: &[u8]) -> Vec<u8> {
    unit.windows(4).filter(|bytes| bytes[..3] == [0, 0, 1]).map(|bytes| bytes[3] & 0x1f).collect()
}

/// Peak signal-to-noise ratio over `width` by `height` samples, dB.
fn psnr_db(width: usize, height: usize, a: &dyn Fn(usize, usize) -> u8, b: &dyn Fn(usize, usize) -> u8) -> f64 {
    let mut square = 0.0;
    for y in 0..height {
        for x in 0..width {
            square += (f64::from(a(x, y)) - f64::from(b(x, y))).powi(2);
        }
    }
    10.0 * (255.0_f64.powi(2) * (width * height) as f64 / square.max(1e-9)).log10()
}

#[test]
fn the_decoded_picture_is_close_to_the_masked_one_in_luma_and_colour_whatever_the_stride() {
    for (width, height, padding) in [(320, 240, 0), (322, 182, 30)] {
        let mut encoder = open(width, height);
        let mut decoder = Decoder::new().unwrap();
        let mut unit = EncodedUnit::default();
        for number in 0..20 {
            encoder.encode(frame(width, height, padding, number, ColourRange::Limited), false, &mut unit).unwrap();
            let original = frame(width, height, padding, number, ColourRange::Limited);
            let planes = original.planes();
            let stride = width + padding;
            let decoded = decoder.decode(&unit.data).unwrap().expect("one unit in, one picture out");
            assert_eq!(decoded.dimensions(), (width, height));
            let (y_stride, u_stride, v_stride) = decoded.strides();
            let luma =
                psnr_db(width, height, &|x, y| planes.luma[y * stride + x], &|x, y| decoded.y()[y * y_stride + x]);
            let (half_w, half_h) = (width / 2, height / 2);
            let cb = psnr_db(half_w, half_h, &|x, y| planes.chroma[y * stride + 2 * x], &|x, y| {
                decoded.u()[y * u_stride + x]
            });
            let cr = psnr_db(half_w, half_h, &|x, y| planes.chroma[y * stride + 2 * x + 1], &|x, y| {
                decoded.v()[y * v_stride + x]
            });
            assert!(luma > 32.0 && cb > 32.0 && cr > 32.0, "frame {number}: {luma:.1} {cb:.1} {cr:.1} dB");
        }
    }
}

#[test]
fn key_pictures_come_first_on_demand_and_at_the_interval_each_with_its_parameter_sets() {
    let mut encoder = open(320, 240);
    let mut unit = EncodedUnit::default();
    let mut keys = Vec::new();
    for number in 0..120 {
        encoder
            .encode(frame(320, 240, 0, number, ColourRange::Limited), number == 7 || number == 8, &mut unit)
            .unwrap();
        let types = nal_types(&unit.data);
        if unit.key {
            keys.push(number);
            assert_eq!(types[..2], [7, 8], "frame {number}: parameter sets before the key picture");
            assert!(types[2..].iter().all(|t| *t == 5));
        } else {
            assert!(types.iter().all(|t| *t == 1), "frame {number}: {types:?}");
        }
        assert_eq!(unit.data[..4], [0, 0, 0, 1]);
    }
    assert_eq!(keys[..3], [0, 7, 8]);
    assert!(keys.windows(2).all(|pair| pair[1] - pair[0] <= 50), "{keys:?}");
    assert!(keys.len() < 10, "{keys:?}");
}

#[test]
fn decoding_can_begin_at_a_key_picture_on_demand() {
    let mut encoder = open(320, 240);
    let mut unit = EncodedUnit::default();
    for number in 0..10 {
        encoder.encode(frame(320, 240, 0, number, ColourRange::Limited), number == 9, &mut unit).unwrap();
    }
    assert!(unit.key);
    assert!(Decoder::new().unwrap().decode(&unit.data).unwrap().is_some());
}

#[test]
fn the_bit_rate_stays_near_its_target() {
    let mut encoder =
        SoftEncoder::open(EncoderSettings { bitrate_bps: 400_000, ..settings(320, 240) }, ColourRange::Limited)
            .unwrap();
    let mut unit = EncodedUnit::default();
    let mut bytes = 0;
    for number in 0..100 {
        encoder.encode(frame(320, 240, 0, number, ColourRange::Limited), false, &mut unit).unwrap();
        bytes += unit.data.len();
    }
    let bps = bytes * 8 * 25 / 100;
    assert!((100_000..700_000).contains(&bps), "{bps} bit/s");
}

#[test]
fn bit_rate_and_frame_rate_change_while_it_runs_without_a_key_picture() {
    let mut encoder = open(320, 240);
    encoder.change(300_000, 25.0).unwrap();
    let mut unit = EncodedUnit::default();
    let mut seconds = |encoder: &mut SoftEncoder, from: u64| {
        let (mut bytes, mut keys) = (0, 0);
        for number in from..from + 100 {
            encoder.encode(frame(320, 240, 0, number * 9, ColourRange::Limited), false, &mut unit).unwrap();
            // The interval's own come in every rate.
            keys += usize::from(unit.key);
            bytes += unit.data.len();
        }
        (bytes, keys)
    };
    let (low, _) = seconds(&mut encoder, 0);
    encoder.change(1_200_000, 25.0).unwrap();
    let (high, keys) = seconds(&mut encoder, 100);
    assert!(high > 2 * low, "{low} and {high} bytes");
    assert_eq!(keys, 2, "only those of the interval");
    // Half as many frames a second at the same rate: twice as many bytes for each.
    encoder.change(600_000, 25.0).unwrap();
    let (at_25, _) = seconds(&mut encoder, 200);
    encoder.change(600_000, 12.5).unwrap();
    let (at_12, _) = seconds(&mut encoder, 300);
    assert!(at_12 * 10 > at_25 * 14, "{at_25} and {at_12} bytes");
    assert_eq!((encoder.settings().bitrate_bps, encoder.settings().fps), (600_000, 12.5));
    assert!(matches!(encoder.change(0, 25.0), Err(EncodeError::Settings(_))));
    assert_eq!(encoder.settings().bitrate_bps, 600_000, "what was refused changes nothing");
}

#[test]
fn a_frame_of_another_size_or_range_is_refused_and_its_buffer_goes_back() {
    let mut encoder = open(320, 240);
    let released = Arc::<AtomicUsize>::default();
    let mut unit = EncodedUnit { data: vec![1, 2, 3], key: true };
    let other = counted_frame(160, 120, 0, 1, ColourRange::Limited, &released);
    let refused = encoder.encode(other, false, &mut unit).unwrap_err();
    assert!(matches!(&refused, EncodeError::Failed(text) if text.contains("160x120") && text.contains("320x240")));
    assert!(unit.data.is_empty() && !unit.key, "no old unit is left to be sent");
    let other = counted_frame(320, 240, 0, 2, ColourRange::Full, &released);
    assert!(matches!(encoder.encode(other, false, &mut unit), Err(EncodeError::Failed(_))));
    assert_eq!(released.load(Ordering::Relaxed), 2);
    encoder.encode(counted_frame(320, 240, 0, 3, ColourRange::Limited, &released), false, &mut unit).unwrap();
    assert_eq!(released.load(Ordering::Relaxed), 3);
}

#[test]
fn settings_out_of_range_are_refused_with_the_range() {
    let good = settings(320, 240);
    for (bad, word) in [
        (EncoderSettings { width: 321, ..good }, "even"),
        (EncoderSettings { height: 8, ..good }, "16"),
        (EncoderSettings { width: 4000, ..good }, "3840"),
        (EncoderSettings { fps: f32::NAN, ..good }, "frames per second"),
        (EncoderSettings { bitrate_bps: 0, ..good }, "bit/s"),
        (EncoderSettings { codec: Codec::H265, ..good }, "H.264"),
    ] {
        let refused = SoftEncoder::open(bad, ColourRange::Limited).err().expect("refused").to_string();
        assert!(refused.contains(word), "{refused}");
    }
}

#[test]
fn a_warm_unit_is_reused() {
    let mut encoder = open(320, 240);
    let mut unit = EncodedUnit { data: Vec::with_capacity(1 << 20), key: false };
    let before = unit.data.as_ptr();
    for number in 0..30 {
        encoder.encode(frame(320, 240, 0, number, ColourRange::Limited), false, &mut unit).unwrap();
        assert_eq!(unit.data.as_ptr(), before);
    }
}

/// What ffprobe reads in the stream: range and matrix, in its words.
fn colours_told(stream: &[u8]) -> String {
    let arguments =
        ["-v", "error", "-f", "h264", "-show_entries", "stream=color_range,color_space", "-of", "csv=p=0", "-i", "-"];
    let mut ffprobe = Command::new("ffprobe")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("ffprobe, of Debian's ffmpeg");
    ffprobe.stdin.take().unwrap().write_all(stream).unwrap();
    String::from_utf8(ffprobe.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}

#[test]
fn range_and_matrix_stand_in_the_stream_as_the_camera_states_them() {
    for (range, matrix, told) in [
        (ColourRange::Limited, ColourMatrix::Bt601, "tv,smpte170m"),
        (ColourRange::Full, ColourMatrix::Bt709, "pc,bt709"),
        (ColourRange::Limited, ColourMatrix::Bt2020, "tv,bt2020nc"),
    ] {
        let mut encoder = SoftEncoder::open_as(settings(320, 240), range, matrix).unwrap();
        let (mut unit, mut stream) = (EncodedUnit::default(), Vec::new());
        for number in 0..3 {
            encoder.encode(frame(320, 240, 0, number, range), false, &mut unit).unwrap();
            stream.extend_from_slice(&unit.data);
        }
        assert_eq!(colours_told(&stream), told);
    }
}
