//! Law: whatever the bytes of a picture file, reading it gives a frame of the size that it says or an error; never a panic.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use image::codecs::jpeg::JpegEncoder;
use maskfile::picture;
use proptest::prelude::*;
use std::fs;
use support::gradient;
use support::jpeg::flat_blocks;

/// One picture of each encoding.
fn seeds() -> [(&'static str, Vec<u8>); 4] {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 80).encode_image(&gradient(48, 40)).unwrap();
    let mut png = std::io::Cursor::new(Vec::new());
    gradient(23, 17).write_to(&mut png, image::ImageFormat::Png).unwrap();
    let blocks: Vec<[u8; 4]> = (0..24_u8).map(|n| [n * 10, 255 - n * 9, n ^ 0x55, 200]).collect();
    [
        ("a.jpg", jpeg),
        ("b.png", png.into_inner()),
        ("c.jpg", flat_blocks(6, &blocks, 3, true)),
        ("d.jpg", flat_blocks(6, &blocks, 4, false)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damage_is_an_error_or_another_picture(
        which in 0usize..4,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
        doubled in any::<bool>(),
    ) {
        let (name, mut bytes) = seeds()[which].clone();
        for (at, value) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
        if let Some(cut) = &cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if doubled {
            bytes.extend(bytes.clone());
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        fs::write(&file, bytes).unwrap();
        match picture::open(&file, 0) {
            Ok(opened) => {
                let geometry = opened.frame.info().geometry;
                prop_assert_eq!((geometry.width, geometry.height), (opened.width.next_multiple_of(2), opened.height.next_multiple_of(2)));
            }
            Err(error) => prop_assert!(error.to_string().contains(name), "{}", error),
        }
        prop_assert!(changes.len() + usize::from(cut.is_some()) > 0 || picture::open(&file, 0).is_ok());
    }
}
