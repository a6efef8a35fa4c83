//! The control room's and the subscriber's side of Campari: keys, policy, heartbeat, grants, receiving, and a stage
//! on which the whole road runs on one machine.
//!
//! Depends on the network and on no pixels: it runs the eye and the voice as programs, and `ffmpeg` where a picture must be
//! decoded. What a board may be told is in `contract`, how it is signed in `token`.
#![forbid(unsafe_code)]

pub mod cli;
pub mod clock;
pub mod command;
pub mod demo;
pub mod keys;
pub mod media;
pub mod mqtt;
pub mod receive;
pub mod room;
pub mod stage;
pub mod trust;
