//! What detect promises, one file per behaviour.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod absurd_tensors_are_doubt;
mod common;
mod golden_decoder;

mod letterbox_and_back;
mod picture_becomes_input;
mod random_tensors;
mod steps_of_any_kind;
mod tracks_hold_and_end;
mod tracks_in_a_street;
mod tracks_keep_their_word;
mod wide_heads_must_be_sure;
mod wide_plates_must_be_sure;
