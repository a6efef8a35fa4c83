//! A driver's answer is believed only when it holds water.

use crate::driver::{DriverFormat, Field, FourCc, MemoryFormat};
use crate::negotiate::{Wire, check, choose};
use mask::{ColourRange, Geometry};

fn answer(pixels: FourCc, width: usize, height: usize, memory: &[(usize, usize)]) -> DriverFormat {
    let mut all = [MemoryFormat::default(); 2];
    for (ours, (stride, size)) in all.iter_mut().zip(memory) {
        *ours = MemoryFormat { stride: *stride, size: *size };
    }
    let memories = memory.len();
    DriverFormat { width, height, pixels, field: Field::Progressive, full_range: false, memories, memory: all }
}

#[test]
fn nv12_is_preferred_to_yuyv_and_anything_else_is_refused() {
    let mjpg = FourCc(*b"MJPG");
    assert_eq!(choose(&[mjpg, FourCc::YUYV, FourCc::NV12]), Some(FourCc::NV12));
    assert_eq!(choose(&[FourCc::YUYV, FourCc::NM12]), Some(FourCc::NM12));
    assert_eq!(choose(&[mjpg, FourCc::YUYV]), Some(FourCc::YUYV));
    assert_eq!(choose(&[mjpg]), None);
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
fn yuyv_becomes_packed_nv12() {
    let agreed = check(FourCc::YUYV, &answer(FourCc::YUYV, 100, 50, &[(256, 256 * 50)])).unwrap();
    assert_eq!((agreed.wire, agreed.geometry), (Wire::Yuyv { stride: 256 }, Geometry::packed(100, 50)));
}

#[test]
fn the_quantisation_range_is_the_drivers() {
    let mut format = answer(FourCc::NV12, 16, 8, &[(16, 192)]);
    assert_eq!(check(FourCc::NV12, &format).unwrap().range, ColourRange::Limited);
    format.full_range = true;
    assert_eq!(check(FourCc::NV12, &format).unwrap().range, ColourRange::Full);
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
