//! `campari watch`: every camera of a site and one inbox of requests, for a centralist at work, at night too.
//!
//! **What is heard goes in, a screen comes out**: [`model`] holds what is known and what a key press means, and touches nothing; [`draw`] puts it
//! on a terminal of whatever size; [`desk`] alone signs and sends. Words of strangers (purposes, names) are shown without anything that a
//! terminal would obey.

pub mod desk;
pub mod draw;
mod keys;
pub mod model;
#[cfg(test)]
mod tests;
mod text;

pub use desk::{Hand, WatchDesk};
pub use model::{Asked, Camera, Change, Do, Heard, Model, Notice, Order, Tone};
