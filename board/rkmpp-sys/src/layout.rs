//! What the bindings rely on: sizes, offsets and numbers of the C headers. `layout.txt` holds what a C compiler says of the same.

use crate::functions::{OPTIONAL, REQUIRED};
use crate::types::*;
use std::mem::{align_of, offset_of, size_of};

/// A line each: `TYPE size=N align=N`, `TYPE.field offset=N`, `NAME = N`, by their C names. For 64-bit machines.
#[must_use]
pub fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    macro_rules! plain {
        ($($name:ident),*) => {$(
            lines.push(format!("{} size={} align={}", stringify!($name), size_of::<$name>(), align_of::<$name>()));
        )*};
    }
    macro_rules! structure {
        ($name:ident { $($field:ident $(as $c:literal)?),* $(,)? }) => {
            plain!($name);
            $(
                #[allow(unused_mut, unused_assignments, reason = "only some fields are called otherwise in C")]
                let mut field = stringify!($field);
                $(field = $c;)?
                lines.push(format!("{}.{field} offset={}", stringify!($name), offset_of!($name, $field)));
            )*
        };
    }
    plain!(MPP_RET, MppCtxType, MppCodingType, MpiCmd, MppPortType, MppPollType, MppBufferType, MppBufferMode);
    plain!(MppFrameFormat, MppMetaKey);
    plain!(MppCtx, MppParam, MppFrame, MppPacket, MppBuffer, MppBufferGroup, MppTask, MppMeta, MppEncCfg);
    structure!(MppApi {
        size,
        version,
        decode,
        decode_put_packet,
        decode_get_frame,
        encode,
        encode_put_frame,
        encode_get_packet,
        isp,
        isp_put_frame,
        isp_get_frame,
        poll,
        dequeue,
        enqueue,
        reset,
        control,
        reserv,
    });
    structure!(MppBufferInfo { type_ as "type", size, ptr, hnd, fd, index });
    lines.extend(CONSTANTS.iter().map(|(name, value)| format!("{name} = {value}")));
    lines
}

/// The functions that a library must have, and those that it may have.
#[must_use]
pub fn functions() -> (&'static [&'static str], &'static [&'static str]) {
    (REQUIRED, OPTIONAL)
}
