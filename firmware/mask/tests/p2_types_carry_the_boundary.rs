//! What must not compile does not: a raw frame reaches no encoder, and nothing but the painting makes a masked one.
//!
//! `TRYBUILD=overwrite cargo test -p mask --test p2_types_carry_the_boundary` renews the expected messages after a compiler update.

#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use support::Picture;

#[test]
fn p2_the_ways_around_masking_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}

#[test]
fn p2_a_frames_debug_text_holds_no_pixel() {
    let dark = format!("{:?}", Picture::noise(32, 32, 0, 1).frame(1, 0));
    let light = format!("{:?}", Picture::noise(32, 32, 0, 2).frame(1, 0));
    assert_eq!(dark, light, "the text depends on the pixels");
}
