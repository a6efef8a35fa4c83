//! The eye: owns the camera, the detector, the encoder, the journal and the authority, and has no network.
//!
//! ```text
//!  camera ─► Road: detect ─► plan ─► mask ─► encode ─► Desk::deliver ─► Outbox ─► voice
//!                                                        ▲ only what is open at this moment
//!  voice ─► server ─► Office: verify ─► judge ─► journal ┘
//! ```
//!
//! Threads and std only; no async runtime, no network crate. [`confine`] runs before anything is opened.
#![forbid(unsafe_code)]

pub mod board_key;
pub mod config;
pub mod confine;
pub mod cores;
pub mod doctor;
pub mod encoders;
pub mod handover;
pub mod inference;
pub mod journal_files;
pub mod kick;
pub mod office;
pub mod pull_key;
pub mod road;
pub mod selftest;
pub mod server;
pub mod sight;
pub mod slate;
pub mod start;
pub mod store;
pub mod usage_store;
pub mod watchdog;
