//! The authority: who may watch this camera, now.
//!
//! **No stream is open unless a verified grant stands, its window is open, the lease is fresh and the policy allows it.**
//!
//! A pure state machine: commands and times go in by `handle_*`, events and the next deadline come out by `poll_*`. It reads no
//! clock, draws no random number, opens no file. What it is handed has had its *signature* checked (the `token` crate); everything
//! else a command says is judged here: key, audience, times, challenge, replay, policy (DESIGN §7).
//!
//! The driver (the eye) owes it four things:
//! 1. call [`Authority::handle_timeout`] no later than [`Authority::poll_timeout`] says, then drain [`Authority::poll_event`];
//! 2. ask [`Authority::may_send`] for every single picture, with the time of that moment;
//! 3. write [`Authority::snapshot`] to disk whenever [`Authority::generation`] has changed, before it acts on the events;
//! 4. draw a new challenge at every boot and at least hourly ([`Authority::rotate_challenge`]).
//!
//! Time is kept twice ([`Now`]): a share's end is fixed on the monotonic clock when it is granted *and* held against the wall
//! clock for as long as it runs; whichever comes first ends it. So no step of the wall clock lengthens a share (P4).
#![forbid(unsafe_code)]

mod aim;
mod authority;
mod challenge;
mod commands;
mod event;
mod filters;
mod judge;
mod leak;
mod lease;
mod now;
mod police;
mod replay;
mod requests;
mod share;
mod snapshot;
mod time;
mod viewing;

pub use authority::{Authority, Config, MAX_EVENTS, MAX_SHARES, PolicyVerdict};
pub use challenge::CHALLENGE_OVERLAP_MS;
pub use event::Event;
pub use judge::{MAX_AHEAD_S, SKEW_S, encryption_key, relay};
pub use lease::HEARTBEAT_SKEW_S;
pub use now::Now;
pub use replay::{MAX_ASKED, MAX_ASKED_EACH, MAX_USED};
pub use requests::MAX_REQUESTS_EACH;
pub use share::Share;
pub use snapshot::Snapshot;
pub use time::Timer;
