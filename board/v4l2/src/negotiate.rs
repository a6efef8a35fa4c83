//! Which format to ask for, and whether the driver's answer holds water. Pure.

use crate::driver::{DriverFormat, Field, FourCc};
use mask::{ColourMatrix, ColourRange, Geometry};

/// What Campari reads, for error messages.
pub(crate) const READS: &str = "NV12 (NM12), NV16, UYVY, YUYV or MJPG, whole pictures of even size";
/// What is read, dearest first: what can be masked where it lies, then what is converted, then what is decoded.
const PREFERRED: [FourCc; 7] =
    [FourCc::NV12, FourCc::NM12, FourCc::NV16, FourCc::UYVY, FourCc::YUYV, FourCc::MJPG, FourCc::JPEG];
/// Longest side of a picture that is believed, pixels.
const MOST_SIDE_PX: usize = 8_192;
/// Largest buffer that is believed, bytes: twice the largest picture.
const MOST_BYTES: usize = 2 * MOST_SIDE_PX * MOST_SIDE_PX * 2;
/// A rate that is lower by less than this share counts as reached (29.97 for 30).
const RATE_SLACK: f32 = 0.05;

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
    Packed {
        /// Bytes from line to line.
        stride: usize,
        layout: Layout,
    },
    /// To be decoded.
    Jpeg,
}

/// 4:2:2 in one memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Y0 Cb Y1 Cr.
    Yuyv,
    /// Cb Y0 Cr Y1.
    Uyvy,
    /// Luma, then interleaved Cb Cr of as many lines, from here on.
    Nv16 {
        /// Bytes from the start of the memory.
        chroma_offset: usize,
    },
}

/// A driver's answer that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) wire: Wire,
    /// Of the NV12 picture that the caller gets.
    pub(crate) geometry: Geometry,
    pub(crate) range: ColourRange,
    pub(crate) matrix: ColourMatrix,
    /// Bytes that each memory must hold for a picture.
    pub(crate) needed: [usize; 2],
}

/// The best of `offered`: of those that come nearest to `fps` the one that costs least. `fastest` tells what each can do at the size that is wanted,
/// `None` when that is not known.
pub(crate) fn choose(offered: &[FourCc], fps: f32, fastest: impl Fn(FourCc) -> Option<f32>) -> Option<FourCc> {
    let mut best: Option<(FourCc, f32)> = None;
    for pixels in PREFERRED.into_iter().filter(|pixels| offered.contains(pixels)) {
        let reaches = fastest(pixels).unwrap_or(fps).min(fps);
        if best.is_none_or(|(_, before)| reaches * (1.0 - RATE_SLACK) > before) {
            best = Some((pixels, reaches));
        }
    }
    best.map(|(pixels, _)| pixels)
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
    let sound = |side: usize| side > 0 && side <= MOST_SIDE_PX && side.is_multiple_of(2);
    if !sound(width) || !sound(height) {
        return Err(format!("pictures of {width}x{height}"));
    }
    if answer.field == Field::Separate {
        return Err("fields one after the other".to_owned());
    }
    let expected_memories = if pixels == FourCc::NM12 { 2 } else { 1 };
    if memories != expected_memories {
        return Err(format!("{pixels} in {memories} memory planes"));
    }
    let bytes_per_line = match pixels {
        FourCc::MJPG | FourCc::JPEG => 0,
        FourCc::YUYV | FourCc::UYVY => width * 2,
        _ => width,
    };
    for memory in &answer.memory[..memories] {
        if memory.stride < bytes_per_line {
            return Err(format!("lines of {bytes_per_line} bytes {} bytes apart", memory.stride));
        }
        if memory.size > MOST_BYTES || memory.stride > MOST_BYTES {
            return Err(format!("buffers of {} bytes, lines {} bytes apart", memory.size, memory.stride));
        }
    }
    let agreed = agree(answer);
    for (memory, needed) in answer.memory[..memories].iter().zip(agreed.needed) {
        if memory.size < needed {
            return Err(format!("buffers of {} bytes for pictures of {needed}", memory.size));
        }
    }
    Ok(agreed)
}

fn agree(answer: &DriverFormat) -> Agreed {
    let DriverFormat { width, height, pixels, full_range, .. } = *answer;
    let [luma_stride, second_stride] = answer.memory.map(|memory| memory.stride);
    let in_place = |chroma_stride| Geometry { width, height, luma_stride, chroma_stride };
    let chroma_offset = luma_stride * height;
    let packed = |layout| (Wire::Packed { stride: luma_stride, layout }, Geometry::packed(width, height));
    let (wire, geometry) = match pixels {
        FourCc::YUYV => packed(Layout::Yuyv),
        FourCc::UYVY => packed(Layout::Uyvy),
        FourCc::NV16 => packed(Layout::Nv16 { chroma_offset }),
        FourCc::MJPG | FourCc::JPEG => (Wire::Jpeg, Geometry::packed(width, height)),
        FourCc::NM12 => (Wire::Nv12InTwo, in_place(second_stride)),
        _ => (Wire::Nv12 { chroma_offset }, in_place(luma_stride)),
    };
    let needed = match wire {
        Wire::Nv12 { chroma_offset } => [chroma_offset + geometry.chroma_len(), 0],
        Wire::Nv12InTwo => [geometry.luma_len(), geometry.chroma_len()],
        Wire::Packed { stride, layout: Layout::Nv16 { chroma_offset } } => {
            [chroma_offset + stride * (height - 1) + width, 0]
        }
        Wire::Packed { stride, .. } => [stride * (height - 1) + width * 2, 0],
        Wire::Jpeg => [SHORTEST_JPEG, 0],
    };
    // JFIF is full range and BT.601; what a driver says of JPEG is about the pixels before they were compressed.
    let jpeg = wire == Wire::Jpeg;
    let range = if full_range.unwrap_or(jpeg) || jpeg { ColourRange::Full } else { ColourRange::Limited };
    let stated = if jpeg { Some(ColourMatrix::Bt601) } else { answer.matrix };
    Agreed { wire, geometry, range, matrix: stated.unwrap_or_else(|| ColourMatrix::usual(height)), needed }
}

/// No JPEG is shorter than its start and end of image; a buffer that cannot hold these holds no picture.
const SHORTEST_JPEG: usize = 4;
