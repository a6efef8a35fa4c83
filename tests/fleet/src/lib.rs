//! A city's boards on one broker: each is the real voice over a simulated eye, which has no camera but judges with the real authority.
//!
//! Measures what a broker's restart does to them, how long a verdict takes meanwhile, and what each of them costs. Sends no picture.
#![forbid(unsafe_code)]

pub mod boards;
pub mod eye;
pub mod figures;
pub mod measure;
pub mod plan;
pub mod plot;
mod traffic;
mod watch;
