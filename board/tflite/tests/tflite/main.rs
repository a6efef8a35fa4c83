//! What board-tflite promises, one file per behaviour.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod altered_models_are_refused;
mod common;
mod manifest_is_read_strictly;
mod network_answers;
