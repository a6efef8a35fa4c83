//! eye.
