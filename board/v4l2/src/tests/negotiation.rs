//! A driver's answer is believed only when it holds water.

use crate::driver::{DriverFormat, Field, FourCc, MemoryFormat};
use crate::negotiate::{Layout, Wire, check, choose};
use mask::{ColourMatrix, ColourRange, Geometry};

fn answer(pixels: FourCc, width: usize, height: usize, memory: &[(usize, usize)]) -> DriverFormat {
    let mut all = [MemoryFormat::default(); 2];
    for (ours, (stride, size)) in all.iter_mut().zip(memory) {
        *ours = MemoryFormat { stride: *stride, size: *size };
    }
    let memories = memory.len();
    let field = Field::Progressive;
    DriverFormat { width, height, pixels, field, full_range: None, matrix: None, memories, memory: all }
}

#[test]
fn what_costs_least_is_preferred_and_anything_unknown_is_refused() {
    let unknown = |_| None;
    let h264 = FourCc(*b"H264");
    let mut offered = vec![h264, FourCc::MJPG, FourCc::YUYV, FourCc::UYVY, FourCc::NV16, FourCc::NM12, FourCc::NV12];
    for best in [FourCc::NV12, FourCc::NM12, FourCc::NV16, FourCc::UYVY, FourCc::YUYV, FourCc::MJPG] {
        assert_eq!(choose(&offered, 25.0, unknown), Some(best));
        offered.pop();
    }
    assert_eq!(choose(&offered, 25.0, unknown), None);
}

#[test]
fn a_format_that_is_too_slow_at_the_size_wanted_gives_way_to_one_that_is_not() {
    // A USB camera at 1080p: five pictures a second as they are, thirty as JPEG.
    let usb = |pixels| Some(if pixels == FourCc::MJPG { 30.0 } else { 5.0 });
    assert_eq!(choose(&[FourCc::YUYV, FourCc::MJPG], 25.0, usb), Some(FourCc::MJPG));
    assert_eq!(choose(&[FourCc::YUYV, FourCc::MJPG], 5.0, usb), Some(FourCc::YUYV), "nobody wants more");
    let ntsc = |pixels| Some(if pixels == FourCc::MJPG { 30.0 } else { 29.97 });
    assert_eq!(choose(&[FourCc::YUYV, FourCc::MJPG], 30.0, ntsc), Some(FourCc::YUYV), "near enough");
    let absent = |pixels| (pixels != FourCc::MJPG).then_some(0.0);
    assert_eq!(choose(&[FourCc::YUYV, FourCc::MJPG], 25.0, absent), Some(FourCc::MJPG), "no such size");
    assert_eq!(choose(&[FourCc::YUYV, FourCc::MJPG], 25.0, |_| Some(0.0)), Some(FourCc::YUYV), "the driver chooses");
}

#[test]
fn padded_nv12_keeps_the_drivers_stride() {
    let agreed = check(FourCc::NV12, &answer(FourCc::NV12, 100, 50, &[(128, 128 * 75)])).unwrap();
    assert_eq!(agreed.wire, Wire::Nv12 { chroma_offset: 128 * 50 });
    assert_eq!(agreed.geometry, Geometry { width: 100, height: 50, luma_stride: 128, chroma_stride: 128 });
    assert_eq!(agreed.needed, [128 * 50 + 128 * 24 + 100, 0]);
}

#[test]
fn planes_in_two_memories_keep_a_stride_each() {
    let format = answer(FourCc::NM12, 100, 50, &[(128, 128 * 50), (112, 112 * 25)]);
    let agreed = check(FourCc::NM12, &format).unwrap();
    assert_eq!((agreed.geometry.luma_stride, agreed.geometry.chroma_stride), (128, 112));
    assert_eq!(agreed.needed, [128 * 49 + 100, 112 * 24 + 100]);
}

#[test]
fn what_is_converted_becomes_packed_nv12() {
    let agreed = check(FourCc::YUYV, &answer(FourCc::YUYV, 100, 50, &[(256, 256 * 50)])).unwrap();
    assert_eq!(agreed.wire, Wire::Packed { stride: 256, layout: Layout::Yuyv });
    assert_eq!((agreed.geometry, agreed.needed), (Geometry::packed(100, 50), [256 * 49 + 200, 0]));
    let agreed = check(FourCc::NV16, &answer(FourCc::NV16, 100, 50, &[(128, 128 * 100)])).unwrap();
    assert_eq!(agreed.wire, Wire::Packed { stride: 128, layout: Layout::Nv16 { chroma_offset: 128 * 50 } });
    assert_eq!((agreed.geometry, agreed.needed), (Geometry::packed(100, 50), [128 * 99 + 100, 0]));
    let agreed = check(FourCc::MJPG, &answer(FourCc::MJPG, 100, 50, &[(0, 20_000)])).unwrap();
    assert_eq!((agreed.wire, agreed.geometry), (Wire::Jpeg, Geometry::packed(100, 50)));
}

#[test]
fn range_and_matrix_are_the_drivers() {
    let mut format = answer(FourCc::NV12, 16, 8, &[(16, 192)]);
    assert_eq!(check(FourCc::NV12, &format).unwrap().range, ColourRange::Limited);
    assert_eq!(
        check(FourCc::NV12, &format).unwrap().matrix,
        ColourMatrix::Bt601,
        "the usual one, where nothing is said"
    );
    (format.full_range, format.matrix) = (Some(true), Some(ColourMatrix::Bt2020));
    let agreed = check(FourCc::NV12, &format).unwrap();
    assert_eq!((agreed.range, agreed.matrix), (ColourRange::Full, ColourMatrix::Bt2020));
    let mut jpeg = answer(FourCc::MJPG, 1280, 720, &[(0, 20_000)]);
    (jpeg.full_range, jpeg.matrix) = (Some(false), Some(ColourMatrix::Bt709));
    let agreed = check(FourCc::MJPG, &jpeg).unwrap();
    assert_eq!((agreed.range, agreed.matrix), (ColourRange::Full, ColourMatrix::Bt601), "JFIF knows no other");
}

#[test]
fn answers_that_do_not_hold_water_are_refused_with_what_is_wrong() {
    let fields = DriverFormat { field: Field::Separate, ..answer(FourCc::NV12, 16, 8, &[(16, 192)]) };
    for (format, says) in [
        (answer(FourCc::YUYV, 16, 8, &[(32, 256)]), "YUYV when asked for NV12"),
        (answer(FourCc::NV12, 15, 8, &[(16, 192)]), "15x8"),
        (answer(FourCc::NV12, 16, 0, &[(16, 192)]), "16x0"),
        (answer(FourCc::NV12, 16, 8, &[(15, 192)]), "lines of 16 bytes 15 bytes apart"),
        (answer(FourCc::NV12, 16, 8, &[(0, 192)]), "0 bytes apart"),
        (answer(FourCc::NV12, 16, 8, &[(16, 191)]), "buffers of 191 bytes"),
        (answer(FourCc::NV12, 16, 8, &[(16, 192), (16, 192)]), "in 2 memory planes"),
        (answer(FourCc::NV12, 16, 8, &[]), "in 0 memory planes"),
        (answer(FourCc::NV12, 8_194, 8, &[(8_194, 98_328)]), "8194x8"),
        (answer(FourCc::NV12, 16, 8, &[(16, usize::MAX)]), "buffers of"),
        (answer(FourCc::NV12, 16, 8, &[(u32::MAX as usize, u32::MAX as usize)]), "4294967295 bytes apart"),
        (fields, "fields"),
    ] {
        let error = check(FourCc::NV12, &format).unwrap_err();
        assert!(error.contains(says), "{error} should say {says}");
    }
    let one = answer(FourCc::NM12, 16, 8, &[(16, 192)]);
    assert!(check(FourCc::NM12, &one).is_err(), "two planes in one memory");
    let thin = answer(FourCc::YUYV, 16, 8, &[(16, 256)]);
    assert!(check(FourCc::YUYV, &thin).is_err(), "YUYV lines that overlap");
}

#[test]
fn more_memories_than_were_made_room_for_are_refused() {
    let many = DriverFormat { memories: 5, ..answer(FourCc::NV12, 16, 8, &[(16, 192)]) };
    assert!(check(FourCc::NV12, &many).is_err());
}
