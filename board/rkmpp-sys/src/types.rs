//! Handles, structures and constants, by their C names. C's enumerations are integers here: a library may answer with a number that we do not know.
#![allow(
    non_camel_case_types,
    non_upper_case_globals,
    missing_docs,
    reason = "the names and their meaning are the C headers'"
)]

use std::ffi::{c_char, c_int, c_void};

/// What every call answers: 0 or above is good, below is one of `MPP_NOK` … (mpp_err.h).
pub type MPP_RET = c_int;
pub type MppCtxType = c_int;
pub type MppCodingType = c_int;
pub type MpiCmd = c_int;
pub type MppPortType = c_int;
/// Milliseconds to wait; below 0 for ever.
pub type MppPollType = c_int;
pub type MppBufferType = c_int;
pub type MppBufferMode = c_int;
pub type MppFrameFormat = c_int;
/// Four letters, the first one on top.
pub type MppMetaKey = c_int;

/// Declares pointers to what only the library can see into, each a type of its own.
macro_rules! handles {
    ($($name:ident),* $(,)?) => {$(
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(transparent)]
        pub struct $name(pub *mut c_void);
        impl $name {
            pub const NULL: Self = Self(std::ptr::null_mut());
            #[must_use]
            pub fn is_null(self) -> bool {
                self.0.is_null()
            }
        }
    )*};
}

handles!(MppCtx, MppParam, MppFrame, MppPacket, MppBuffer, MppBufferGroup, MppTask, MppMeta, MppEncCfg);

/// What a context can do (rk_mpi.h). Only read through the pointer that `mpp_create` gives; entries of decoders are kept as plain pointers.
#[repr(C)]
pub struct MppApi {
    pub size: u32,
    pub version: u32,
    pub decode: *const c_void,
    pub decode_put_packet: *const c_void,
    pub decode_get_frame: *const c_void,
    pub encode: *const c_void,
    pub encode_put_frame: Option<unsafe extern "C" fn(ctx: MppCtx, frame: MppFrame) -> MPP_RET>,
    pub encode_get_packet: Option<unsafe extern "C" fn(ctx: MppCtx, packet: *mut MppPacket) -> MPP_RET>,
    pub isp: *const c_void,
    pub isp_put_frame: *const c_void,
    pub isp_get_frame: *const c_void,
    pub poll: Option<unsafe extern "C" fn(ctx: MppCtx, port: MppPortType, timeout: MppPollType) -> MPP_RET>,
    pub dequeue: Option<unsafe extern "C" fn(ctx: MppCtx, port: MppPortType, task: *mut MppTask) -> MPP_RET>,
    pub enqueue: Option<unsafe extern "C" fn(ctx: MppCtx, port: MppPortType, task: MppTask) -> MPP_RET>,
    pub reset: Option<unsafe extern "C" fn(ctx: MppCtx) -> MPP_RET>,
    pub control: Option<unsafe extern "C" fn(ctx: MppCtx, command: MpiCmd, param: MppParam) -> MPP_RET>,
    pub reserv: [u32; 16],
}

/// A buffer from outside, to import (mpp_buffer.h).
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct MppBufferInfo {
    /// C calls it `type`.
    pub type_: MppBufferType,
    pub size: usize,
    pub ptr: *mut c_void,
    pub hnd: *mut c_void,
    pub fd: c_int,
    pub index: c_int,
}

/// For what a log of the library's says; may be null.
pub type Tag = *const c_char;

/// Constants, with the type that they are used as.
macro_rules! constants {
    ($($(#[$meta:meta])* $name:ident: $type:ty = $value:expr;)*) => {
        $($(#[$meta])* pub const $name: $type = $value;)*
        /// Every constant, by name.
        pub(crate) const CONSTANTS: &[(&str, i64)] = &[$((stringify!($name), $name as i64),)*];
    };
}

const fn key(letters: [u8; 4]) -> MppMetaKey {
    i32::from_be_bytes(letters)
}

constants! {
    MPP_OK: MPP_RET = 0;
    MPP_NOK: MPP_RET = -1;
    MPP_ERR_UNKNOW: MPP_RET = -2;
    MPP_ERR_NULL_PTR: MPP_RET = -3;
    MPP_ERR_MALLOC: MPP_RET = -4;
    MPP_ERR_VALUE: MPP_RET = -6;
    MPP_ERR_TIMEOUT: MPP_RET = -8;
    MPP_ERR_PERM: MPP_RET = -9;
    MPP_ERR_INIT: MPP_RET = -1002;
    MPP_ERR_VPU_CODEC_INIT: MPP_RET = -1003;
    MPP_ERR_NOMEM: MPP_RET = -1006;
    MPP_ERR_VPUHW: MPP_RET = -1009;
    MPP_ERR_BUFFER_FULL: MPP_RET = -1012;

    MPP_CTX_ENC: MppCtxType = 1;
    MPP_VIDEO_CodingAVC: MppCodingType = 7;
    MPP_VIDEO_CodingHEVC: MppCodingType = 0x0100_0004;

    MPP_SET_INPUT_TIMEOUT: MpiCmd = 0x0020_0006;
    MPP_SET_OUTPUT_TIMEOUT: MpiCmd = 0x0020_0007;
    MPP_ENC_SET_CFG: MpiCmd = 0x0032_0001;
    MPP_ENC_GET_CFG: MpiCmd = 0x0032_0002;
    MPP_ENC_SET_IDR_FRAME: MpiCmd = 0x0032_0009;
    MPP_ENC_GET_HDR_SYNC: MpiCmd = 0x0032_000D;
    MPP_ENC_SET_SEI_CFG: MpiCmd = 0x0032_000F;
    MPP_ENC_SET_HEADER_MODE: MpiCmd = 0x0032_8001;

    MPP_ENC_HEADER_MODE_EACH_IDR: c_int = 1;
    MPP_ENC_SEI_MODE_DISABLE: c_int = 0;
    MPP_ENC_RC_MODE_VBR: i32 = 0;
    MPP_ENC_RC_MODE_CBR: i32 = 1;
    MPP_ENC_RC_DROP_FRM_DISABLED: u32 = 0;
    MPP_ENC_RC_SUPER_FRM_NONE: u32 = 0;
    MPP_ENC_RC_INTRA_REFRESH_ROW: u32 = 0;
    MPP_ENC_SPLIT_NONE: u32 = 0;
    MPP_ENC_SPLIT_BY_BYTE: u32 = 1;
    MPP_ENC_SPLIT_BY_CTU: u32 = 2;
    MPP_ENC_SPLIT_OUT_LOWDELAY: u32 = 1;

    MPP_PORT_INPUT: MppPortType = 0;
    MPP_PORT_OUTPUT: MppPortType = 1;
    MPP_POLL_BLOCK: MppPollType = -1;
    MPP_POLL_NON_BLOCK: MppPollType = 0;
    MPP_POLL_MAX: MppPollType = 8000;

    MPP_BUFFER_INTERNAL: MppBufferMode = 0;
    MPP_BUFFER_TYPE_NORMAL: MppBufferType = 0;
    MPP_BUFFER_TYPE_ION: MppBufferType = 1;
    MPP_BUFFER_TYPE_EXT_DMA: MppBufferType = 2;
    MPP_BUFFER_TYPE_DRM: MppBufferType = 3;
    MPP_BUFFER_FLAGS_CACHABLE: MppBufferType = 0x0002_0000;

    MPP_FMT_YUV420SP: MppFrameFormat = 0;
    MPP_FRAME_RANGE_MPEG: i32 = 1;
    MPP_FRAME_RANGE_JPEG: i32 = 2;
    MPP_FRAME_PRI_BT709: i32 = 1;
    MPP_FRAME_PRI_BT470BG: i32 = 5;
    MPP_FRAME_PRI_BT2020: i32 = 9;
    MPP_FRAME_TRC_BT709: i32 = 1;
    MPP_FRAME_TRC_SMPTE170M: i32 = 6;
    MPP_FRAME_TRC_BT2020_10: i32 = 14;
    MPP_FRAME_SPC_BT709: i32 = 1;
    MPP_FRAME_SPC_BT470BG: i32 = 5;
    MPP_FRAME_SPC_BT2020_NCL: i32 = 9;

    KEY_INPUT_FRAME: MppMetaKey = key(*b"ifrm");
    KEY_OUTPUT_PACKET: MppMetaKey = key(*b"opkt");
    KEY_INPUT_IDR_REQ: MppMetaKey = key(*b"iidr");
    KEY_OUTPUT_INTRA: MppMetaKey = key(*b"oidr");
    KEY_ENC_AVERAGE_QP: MppMetaKey = key(*b"avgq");
}
