//! The control room's and the subscriber's side of Campari: keys, policy, heartbeat, grants, receiving, and a stage
//! on which the whole road runs on one machine.
//!
//! Depends on the network and on no pixels: it runs the eye and the voice as programs, and `ffmpeg` where a picture must be
//! decoded. What a board may be told is in `contract`, how it is signed in `token`.
#![forbid(unsafe_code)]

pub mod cli;
pub mod clock;
pub mod collect;
pub mod command;
pub mod demo;
pub mod keys;
pub mod lines;
pub mod media;
pub mod mqtt;
pub mod names;
pub mod provision;
pub mod receive;
pub mod room;
pub mod stage;
pub mod started;
pub mod trust;
pub mod watch;

/// An error with its causes, each said once: the outermost often says only "TLS", or all of it already.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}
