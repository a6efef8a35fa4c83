//! A device that is no encoder, or whose answers do not fit together, is refused with its name and the reason.

use super::fake::{Fake, LINES, STRIDE, settings};
use crate::driver::{CodedFormat, Control, H264, NV12, RawFormat};
use board_hal::{Codec, EncodeError, EncoderSettings};

fn refused(fake: &Fake) -> String {
    let error = fake.open().err().expect("refused");
    assert!(matches!(error, EncodeError::Settings(_)), "{error}");
    let text = error.to_string();
    assert!(text.contains("/dev/video9") && text.lines().count() == 1, "{text}");
    text
}

#[test]
fn what_is_no_encoder_is_refused_with_what_it_is() {
    for spoil in [
        (|fake: &Fake| fake.set(|state| state.is_m2m = false)) as fn(&Fake),
        |fake| fake.set(|state| state.coded_offered = vec![*b"FWHT"]),
        |fake| fake.set(|state| state.raw_offered = vec![*b"YU12"]),
    ] {
        let fake = Fake::new();
        spoil(&fake);
        assert!(refused(&fake).contains("Fake (fake): no multi-planar encoder from NV12 to H264"));
    }
}

#[test]
fn formats_that_do_not_fit_together_are_refused() {
    let good = RawFormat {
        width: STRIDE,
        height: LINES,
        pixels: NV12,
        memories: 1,
        stride: STRIDE,
        size: STRIDE * LINES * 3 / 2,
    };
    for bad in [
        RawFormat { pixels: *b"YU12", ..good },
        RawFormat { memories: 2, ..good },
        RawFormat { width: 28, ..good },
        RawFormat { height: 18, ..good },
        RawFormat { height: 33, ..good },
        RawFormat { stride: 30, ..good },
        RawFormat { stride: usize::MAX, ..good },
        RawFormat { size: good.size - 1, ..good },
    ] {
        let fake = Fake::new();
        fake.set(|state| state.raw = bad);
        assert!(refused(&fake).contains("do not fit"), "{bad:?}");
    }
    let fake = Fake::new();
    fake.set(|state| state.coded = CodedFormat { pixels: *b"FWHT", size: 4096 });
    assert!(refused(&fake).contains("do not fit"));
    let fake = Fake::new();
    fake.set(|state| state.coded = CodedFormat { pixels: H264, size: 0 });
    assert!(refused(&fake).contains("buffers"));
}

#[test]
fn every_step_that_fails_is_named() {
    for (step, says) in [
        ("set_coded", "stream's format"),
        ("set_raw", "pictures' format"),
        ("set_visible", "less than it codes"),
        ("set_fps", "frame rate"),
        ("request", "giving buffers"),
        ("map", "giving buffers"),
        ("queue", "starting"),
        ("on", "starting"),
    ] {
        let fake = Fake::new();
        fake.set(|state| state.fails = Some((step, libc::EBUSY)));
        let text = refused(&fake);
        assert!(text.contains(says), "{step}: {text}");
    }
    for (control, says) in [(Control::Bitrate, "bit rate"), (Control::KeyInterval, "key interval")] {
        let fake = Fake::new();
        fake.set(|state| state.unknown = vec![control]);
        assert!(refused(&fake).contains(says));
    }
    for buffers in [2, 1_000] {
        let fake = Fake::new();
        fake.set(|state| state.buffers = buffers);
        assert!(refused(&fake).contains("asked for"), "{buffers}");
    }
}

#[test]
fn settings_out_of_range_are_refused_before_the_device_is_asked() {
    for bad in [
        EncoderSettings { width: 31, ..settings() },
        EncoderSettings { height: 0, ..settings() },
        EncoderSettings { fps: f32::NAN, ..settings() },
        EncoderSettings { bitrate_bps: 0, ..settings() },
        EncoderSettings { key_interval: 0, ..settings() },
    ] {
        let fake = Fake::new();
        assert!(matches!(fake.open_with(bad), Err(EncodeError::Settings(_))), "{bad:?}");
        assert!(fake.set(|state| state.calls.is_empty()));
    }
    assert!(Fake::new().open_with(EncoderSettings { codec: Codec::H265, ..settings() }).is_err());
}
