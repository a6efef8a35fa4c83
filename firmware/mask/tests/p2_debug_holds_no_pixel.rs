//! A frame that is written to a log says what it is, not what it shows. That it reaches no encoder and no file is in the types:
//! `src/frame/boundary.rs`.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use support::Picture;

#[test]
fn p2_a_frames_debug_text_holds_no_pixel() {
    let dark = format!("{:?}", Picture::noise(32, 32, 0, 1).frame(1, 0));
    let light = format!("{:?}", Picture::noise(32, 32, 0, 2).frame(1, 0));
    assert_eq!(dark, light, "the text depends on the pixels");
}
