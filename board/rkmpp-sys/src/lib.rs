//! Bindings to Rockchip's Media Process Platform, `librockchip_mpp` (<https://github.com/rockchip-linux/mpp>), as far as an encoder needs it: context,
//! configuration, frames, packets, buffers and their groups, metadata and tasks.
//!
//! The library is **loaded at run time**, so that one program serves boards with and without it. Everything here is what has stayed the same between
//! releases: opaque handles, the [`MppApi`] table, and configuration by names (`mpp_enc_cfg_set_s32`). The few structures and numbers that are relied on
//! are listed in [`layout`]; `cargo run -p rkmpp-sys --example layout` prints them, and a test compares them with `layout.txt`, which `record-layout.sh`
//! wrote from the headers of the commit named in it.
//!
//! | module | what |
//! |---|---|
//! | [`types`] | handles, structures, constants, by their C names |
//! | [`Mpp`] | the loaded library: one field a function |
//! | [`Version`] | which library it is |
//! | [`layout`] | what the bindings rely on |
//!
//! Not goals: decoding, the image processor, the legacy `vpu_api`, 32-bit boards, anything safe (that is `board-mpp`).
#![allow(unsafe_code)] // a foreign library; every call is the caller's to justify

mod functions;
pub mod layout;
pub mod types;
mod version;

pub use functions::{LIBRARY, LoadError, Mpp};
pub use types::*;
pub use version::Version;
