//! Which format to ask for, and whether the driver's answer holds water. Pure.

use crate::driver::{DriverFormat, Field, FourCc};
use mask::{ColourRange, Geometry};

/// What Campari reads, for error messages.
pub(crate) const READS: &str = "NV12 (NM12) or YUYV, whole pictures of even size";

/// How the pixels lie in a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Both planes in one memory, chroma from here on.
    Nv12 {
        /// Bytes from the start of the memory.
        chroma_offset: usize,
    },
    /// A memory for each plane.
    Nv12InTwo,
    /// To be converted.
    Yuyv {
        /// Bytes from line to line.
        stride: usize,
    },
}

/// A driver's answer that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) wire: Wire,
    /// Of the NV12 picture that the caller gets.
    pub(crate) geometry: Geometry,
    pub(crate) range: ColourRange,
    /// Bytes that each memory must hold for a picture.
    pub(crate) needed: [usize; 2],
}

/// The best of `offered`.
pub(crate) fn choose(offered: &[FourCc]) -> Option<FourCc> {
    [FourCc::NV12, FourCc::NM12, FourCc::YUYV].into_iter().find(|wanted| offered.contains(wanted))
}

/// For error messages.
pub(crate) fn list(offered: &[FourCc]) -> String {
    if offered.is_empty() {
        return "no pixel format".to_owned();
    }
    offered.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Checks what the driver made of the format that was asked for; an error says what it offers instead.
pub(crate) fn check(asked: FourCc, answer: &DriverFormat) -> Result<Agreed, String> {
    let DriverFormat { width, height, pixels, memories, .. } = *answer;
    if pixels != asked {
        return Err(format!("{pixels} when asked for {asked}"));
    }
    if width == 0 || height == 0 || width % 2 != 0 || height % 2 != 0 {
        return Err(format!("pictures of {width}x{height}"));
    }
    if answer.field == Field::Separate {
        return Err("fields one after the other".to_owned());
    }
    let bytes_per_line = if pixels == FourCc::YUYV { width * 2 } else { width };
    let expected_memories = if pixels == FourCc::NM12 { 2 } else { 1 };
    if memories != expected_memories {
        return Err(format!("{pixels} in {memories} memory planes"));
    }
    for memory in &answer.memory[..memories] {
        if memory.stride < bytes_per_line {
            return Err(format!("lines of {bytes_per_line} bytes {} bytes apart", memory.stride));
        }
    }
    let [first, second] = answer.memory;
    let agreed = agree(answer, first.stride, second.stride);
    for (memory, needed) in answer.memory[..memories].iter().zip(agreed.needed) {
        if memory.size < needed {
            return Err(format!("buffers of {} bytes for pictures of {needed}", memory.size));
        }
    }
    Ok(agreed)
}

fn agree(answer: &DriverFormat, first_stride: usize, second_stride: usize) -> Agreed {
    let DriverFormat { width, height, pixels, .. } = *answer;
    let luma_stride = first_stride;
    let (wire, geometry) = match pixels {
        FourCc::YUYV => (Wire::Yuyv { stride: first_stride }, Geometry::packed(width, height)),
        FourCc::NM12 => (Wire::Nv12InTwo, Geometry { width, height, luma_stride, chroma_stride: second_stride }),
        _ => (
            Wire::Nv12 { chroma_offset: luma_stride * height },
            Geometry { width, height, luma_stride, chroma_stride: luma_stride },
        ),
    };
    let needed = match wire {
        Wire::Nv12 { chroma_offset } => [chroma_offset + geometry.chroma_len(), 0],
        Wire::Nv12InTwo => [geometry.luma_len(), geometry.chroma_len()],
        Wire::Yuyv { stride } => [stride * (height - 1) + width * 2, 0],
    };
    let range = if answer.full_range { ColourRange::Full } else { ColourRange::Limited };
    Agreed { wire, geometry, range, needed }
}
