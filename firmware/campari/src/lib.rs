//! campari.
