//! H.264 and H.265 in hardware on Rockchip boards, through MPP (`librockchip_mpp`), behind [`board_hal::Encoder`].
//!
//! One frame in, one access unit out; nothing waits for another frame. A frame that has a dma-buf is encoded where the camera wrote it; any other is copied
//! into a buffer of MPP's, which costs an RK3568 some 30 ms at 1080p and is said in the log. **A call that does not come back is noticed within half a
//! second**: the library runs on a thread of its own, which is left behind then, with the frame that the hardware may still read, and another encoder
//! can be built at once.
//!
//! | module | what |
//! |---|---|
//! | [`MppLibrary`] | the library, loaded and of a version that is understood |
//! | [`MppEncoder`] | the encoder, as the road sees it |
//! | `worker` | the thread that calls the library, and how long it is waited for |
//! | `session` | a context with what belongs to it: the calls, in their order |
//! | `handles` | the library's objects, each freed once |
//! | `settings` | what the library is asked for, by name |
//! | `layout`, `imports` | where a picture's planes lie; dma-bufs that the library knows |
//!
//! Standards: ITU-T H.264 and H.265, Annex B of each. `base:low_delay` is never set (its makers advise against it); slices as they become ready are
//! `split:*`, see [`MppOptions::slice_bytes`]. Not goals: decoding, rotation, scaling, JPEG.
#![allow(unsafe_code)] // calls into MPP; confined to `handles`, `session` and `library`

mod encoder;
mod handles;
mod imports;
mod layout;
mod library;
mod session;
mod settings;
mod worker;

pub use encoder::MppEncoder;
pub use library::MppLibrary;
pub use settings::{MppOptions, RateControl};
