//! The whole road on one machine: broker, eye, voice, control room and subscriber, each the real program or the real code.
//!
//! The demonstration and the end-to-end tests stand on it. States are awaited, never slept for; a program that dies ends every wait
//! with the last lines of its log.

mod board;
mod broker;
mod builder;
mod certificates;
mod child;
mod config;
mod error;
mod files;
mod play;

pub use board::{Board, Logged, Said};
pub use broker::{BrokerFiles, Parties, Ports};
pub use builder::{Builder, Elsewhere, Keys, Paths, Scene};
pub use certificates::{Certificates, Client, Door, Role};
pub use child::Child;
pub use error::StageError;
pub use play::Stage;

pub(crate) use broker::installed;
