//! VIDIOC_S_FMT: size and layout of the pictures.

use super::{BufferType, Plain, call};
use crate::driver::{DriverFormat, Field, FourCc, MAX_MEMORIES, MemoryFormat};
use mask::ColourMatrix;
use std::io;
use std::os::fd::BorrowedFd;
use v4l::v4l_sys::{
    V4L2_PIX_FMT_PRIV_MAGIC, v4l2_colorspace_V4L2_COLORSPACE_BT2020 as COLORSPACE_BT2020,
    v4l2_colorspace_V4L2_COLORSPACE_DCI_P3 as COLORSPACE_DCI_P3,
    v4l2_colorspace_V4L2_COLORSPACE_DEFAULT as COLORSPACE_DEFAULT,
    v4l2_colorspace_V4L2_COLORSPACE_JPEG as COLORSPACE_JPEG, v4l2_colorspace_V4L2_COLORSPACE_RAW as COLORSPACE_RAW,
    v4l2_colorspace_V4L2_COLORSPACE_REC709 as COLORSPACE_REC709, v4l2_field_V4L2_FIELD_INTERLACED as INTERLACED,
    v4l2_field_V4L2_FIELD_INTERLACED_BT as INTERLACED_BT, v4l2_field_V4L2_FIELD_INTERLACED_TB as INTERLACED_TB,
    v4l2_field_V4L2_FIELD_NONE as PROGRESSIVE, v4l2_format, v4l2_pix_format, v4l2_pix_format_mplane,
    v4l2_quantization_V4L2_QUANTIZATION_FULL_RANGE as FULL_RANGE,
    v4l2_quantization_V4L2_QUANTIZATION_LIM_RANGE as LIMITED_RANGE, v4l2_ycbcr_encoding_V4L2_YCBCR_ENC_601 as ENC_601,
    v4l2_ycbcr_encoding_V4L2_YCBCR_ENC_709 as ENC_709, v4l2_ycbcr_encoding_V4L2_YCBCR_ENC_BT2020 as ENC_BT2020,
    v4l2_ycbcr_encoding_V4L2_YCBCR_ENC_BT2020_CONST_LUM as ENC_BT2020_CONST_LUM,
    v4l2_ycbcr_encoding_V4L2_YCBCR_ENC_SYCC as ENC_SYCC, v4l2_ycbcr_encoding_V4L2_YCBCR_ENC_XV601 as ENC_XV601,
    v4l2_ycbcr_encoding_V4L2_YCBCR_ENC_XV709 as ENC_XV709,
};
use v4l::v4l2::vidioc::VIDIOC_S_FMT;

// SAFETY: integers and a union of plain structures.
unsafe impl Plain for v4l2_format {}
// SAFETY: integers.
unsafe impl Plain for v4l2_pix_format {}
// SAFETY: integers and arrays of them.
unsafe impl Plain for v4l2_pix_format_mplane {}

/// Asks for a format and tells what the driver made of it.
pub(crate) fn set(
    device: BorrowedFd<'_>,
    buffers: BufferType,
    pixels: FourCc,
    width: usize,
    height: usize,
) -> io::Result<DriverFormat> {
    let too_large = |_| io::Error::from_raw_os_error(libc::EINVAL);
    let width = u32::try_from(width).map_err(too_large)?;
    let height = u32::try_from(height).map_err(too_large)?;
    let (pixelformat, field) = (pixels.code(), PROGRESSIVE);
    let mut format = v4l2_format { type_: buffers.code(), ..v4l2_format::zeroed() };
    match buffers {
        BufferType::Single => {
            format.fmt.pix = v4l2_pix_format {
                width,
                height,
                pixelformat,
                field,
                // Without it the kernel leaves matrix and range out of its answer.
                priv_: V4L2_PIX_FMT_PRIV_MAGIC,
                ..v4l2_pix_format::zeroed()
            };
        }
        BufferType::Multi => {
            format.fmt.pix_mp =
                v4l2_pix_format_mplane { width, height, pixelformat, field, ..v4l2_pix_format_mplane::zeroed() };
        }
    }
    // SAFETY: S_FMT reads and fills in a v4l2_format.
    unsafe { call(device, VIDIOC_S_FMT, &mut format) }?;
    Ok(match buffers {
        BufferType::Single => {
            // SAFETY: of this buffer type the kernel fills in `pix`; any bytes are integers.
            from_single(&unsafe { format.fmt.pix })
        }
        BufferType::Multi => {
            // SAFETY: of this buffer type the kernel fills in `pix_mp`; any bytes are integers.
            from_multi(&unsafe { format.fmt.pix_mp })
        }
    })
}

fn from_single(pix: &v4l2_pix_format) -> DriverFormat {
    let mut memory = [MemoryFormat::default(); MAX_MEMORIES];
    memory[0] = MemoryFormat { stride: pix.bytesperline as usize, size: pix.sizeimage as usize };
    DriverFormat {
        width: pix.width as usize,
        height: pix.height as usize,
        pixels: FourCc::from_code(pix.pixelformat),
        field: field(pix.field),
        full_range: full_range(pix.quantization, pix.colorspace),
        // SAFETY: either field of the union is an integer, and the kernel fills it in.
        matrix: matrix(unsafe { pix.__bindgen_anon_1.ycbcr_enc }, pix.colorspace),
        memories: 1,
        memory,
    }
}

fn from_multi(pix: &v4l2_pix_format_mplane) -> DriverFormat {
    let (memories, planes) = (pix.num_planes, pix.plane_fmt);
    let mut memory = [MemoryFormat::default(); MAX_MEMORIES];
    for (ours, theirs) in memory.iter_mut().zip(planes) {
        *ours = MemoryFormat { stride: theirs.bytesperline as usize, size: theirs.sizeimage as usize };
    }
    DriverFormat {
        width: pix.width as usize,
        height: pix.height as usize,
        pixels: FourCc::from_code(pix.pixelformat),
        field: field(pix.field),
        full_range: full_range(u32::from(pix.quantization), pix.colorspace),
        // SAFETY: either field of the union is an integer, and the kernel fills it in.
        matrix: matrix(u32::from(unsafe { pix.__bindgen_anon_1.ycbcr_enc }), pix.colorspace),
        memories: usize::from(memories),
        memory,
    }
}

fn field(code: u32) -> Field {
    match code {
        PROGRESSIVE => Field::Progressive,
        INTERLACED | INTERLACED_TB | INTERLACED_BT => Field::Interlaced,
        _ => Field::Separate,
    }
}

/// V4L2_MAP_QUANTIZATION_DEFAULT of videodev2.h, for Y'CbCr.
fn full_range(quantisation: u32, colorspace: u32) -> Option<bool> {
    match (quantisation, colorspace) {
        (FULL_RANGE, _) => Some(true),
        (LIMITED_RANGE, _) => Some(false),
        (_, COLORSPACE_DEFAULT | COLORSPACE_RAW) => None,
        _ => Some(colorspace == COLORSPACE_JPEG),
    }
}

/// V4L2_MAP_YCBCR_ENC_DEFAULT of videodev2.h. SMPTE 240M, which no camera of this century has, counts as unsaid.
fn matrix(encoding: u32, colorspace: u32) -> Option<ColourMatrix> {
    match (encoding, colorspace) {
        (ENC_601 | ENC_XV601 | ENC_SYCC, _) => Some(ColourMatrix::Bt601),
        (ENC_709 | ENC_XV709, _) => Some(ColourMatrix::Bt709),
        (ENC_BT2020 | ENC_BT2020_CONST_LUM, _) => Some(ColourMatrix::Bt2020),
        (0, COLORSPACE_REC709 | COLORSPACE_DCI_P3) => Some(ColourMatrix::Bt709),
        (0, COLORSPACE_BT2020) => Some(ColourMatrix::Bt2020),
        (0, COLORSPACE_DEFAULT | COLORSPACE_RAW) => None,
        (0, _) => Some(ColourMatrix::Bt601),
        _ => None,
    }
}
