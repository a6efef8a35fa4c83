//! A shared library with `librockchip_mpp`'s C interface, which tests load in its place, so that the unsafe code that runs on a board is the code that
//! runs in CI. All of it is ours; its behaviour follows what rockchip-linux/mpp does as of the commit that `board/rkmpp-sys/layout.txt` names.
//!
//! H.264 is made by OpenH264 from what lies in the frame's buffer, read with the strides that were configured, so that a test can look at the picture.
//! H.265 is two canned access units (`canned.h265`: ffmpeg's libx265 of a grey 320x240 picture). As the real one it encodes on a thread of its own and
//! reads a frame for as long as it likes: a caller that lets go of a buffer too early is caught by AddressSanitizer or valgrind. Buffers are memfds, so that
//! descriptors can be counted.
//!
//! Tests make it misbehave through `mpp_sim_set` and friends (see `faults`): time out, answer with errors, hold packets back, refuse settings.
//!
//! Not simulated: decoders, tasks (answered with `MPP_NOK`), scaling and rotation, what hardware costs in time.
#![allow(unsafe_code)] // a C interface
#![allow(
    clippy::missing_safety_doc,
    reason = "the contract of each function is the C header's: live handles, valid pointers"
)]

mod abi;
mod context;
mod encode;
mod faults;
mod memory;
mod objects;
