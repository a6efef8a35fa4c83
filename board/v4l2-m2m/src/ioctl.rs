//! The ioctls: C structures in, plain values out.

use crate::driver::{CodedFormat, Control, Done, FourCc, Identity, NV12, RawFormat, Side};
use mask::{ColourMatrix, ColourRange};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use v4l::v4l_sys::{
    V4L2_BUF_FLAG_ERROR, V4L2_CAP_DEVICE_CAPS, V4L2_CAP_STREAMING, V4L2_CAP_VIDEO_M2M_MPLANE, V4L2_SEL_TGT_CROP,
    v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE as CAPTURE,
    v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_OUTPUT as OUTPUT_SINGLE,
    v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE as OUTPUT, v4l2_buffer, v4l2_capability,
    v4l2_colorspace_V4L2_COLORSPACE_BT2020 as BT2020, v4l2_colorspace_V4L2_COLORSPACE_REC709 as REC709,
    v4l2_colorspace_V4L2_COLORSPACE_SMPTE170M as SMPTE170M, v4l2_control, v4l2_field_V4L2_FIELD_NONE as PROGRESSIVE,
    v4l2_fmtdesc, v4l2_format, v4l2_fract, v4l2_memory_V4L2_MEMORY_MMAP as MMAP, v4l2_outputparm,
    v4l2_pix_format_mplane, v4l2_plane, v4l2_plane_pix_format, v4l2_quantization_V4L2_QUANTIZATION_FULL_RANGE as FULL,
    v4l2_quantization_V4L2_QUANTIZATION_LIM_RANGE as LIMITED, v4l2_rect, v4l2_requestbuffers, v4l2_selection,
    v4l2_streamparm,
};
use v4l::v4l2::vidioc::{
    _IOC_TYPE, VIDIOC_DQBUF, VIDIOC_ENUM_FMT, VIDIOC_QBUF, VIDIOC_QUERYBUF, VIDIOC_QUERYCAP, VIDIOC_REQBUFS,
    VIDIOC_S_CTRL, VIDIOC_S_FMT, VIDIOC_S_PARM, VIDIOC_STREAMOFF, VIDIOC_STREAMON,
};

/// More formats than this is a driver that never says "that was all".
const MOST_FORMATS: u32 = 256;
/// `_IOWR('V', 95, struct v4l2_selection)` of videodev2.h, which the v4l crate does not have: both directions, the size, the letter, the number.
const VIDIOC_S_SELECTION: _IOC_TYPE =
    (3 << 30) | ((size_of::<v4l2_selection>() as _IOC_TYPE) << 16) | ((b'V' as _IOC_TYPE) << 8) | 95;
/// V4L2_CID_CODEC_BASE of v4l2-controls.h.
const CODEC_BASE: u32 = 0x0099_0900;

impl Side {
    fn code(self) -> u32 {
        match self {
            Side::Raw => OUTPUT,
            Side::Coded => CAPTURE,
        }
    }
}

impl Control {
    /// V4L2_CID_MPEG_VIDEO_….
    fn code(self) -> u32 {
        CODEC_BASE
            + match self {
                Control::BFrames => 202,
                Control::KeyInterval => 203,
                Control::ConstantBitrate => 206,
                Control::Bitrate => 207,
                Control::RateLimits => 215,
                Control::HeaderWithPicture => 216,
                Control::RepeatHeader => 226,
                Control::ForceKey => 229,
                Control::H264Profile => 363,
            }
    }
}

/// One ioctl, again when a signal interrupts it.
///
/// # Safety
/// `request` must take a pointer to `T`, and every pointer inside `argument` must be valid for what the request does with it.
unsafe fn call<T>(device: BorrowedFd<'_>, request: _IOC_TYPE, argument: &mut T) -> io::Result<()> {
    loop {
        let pointer = (&raw mut *argument).cast();
        // SAFETY: the caller's promise; `argument` is borrowed mutably for the whole call.
        match unsafe { v4l::v4l2::ioctl(device.as_raw_fd(), request, pointer) } {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// C structures of integers, arrays, unions and pointers, for which all zeroes is a value.
///
/// # Safety
/// It must be one.
unsafe trait Plain: Copy {
    fn zeroed() -> Self {
        // SAFETY: the trait's promise.
        unsafe { std::mem::zeroed() }
    }
}

macro_rules! plain {
    ($($name:ident),*) => {$(
        // SAFETY: integers, arrays and unions of them, and pointers, which may be null.
        unsafe impl Plain for $name {}
    )*};
}

plain!(v4l2_buffer, v4l2_capability, v4l2_fmtdesc, v4l2_format, v4l2_outputparm, v4l2_pix_format_mplane, v4l2_plane);
plain!(v4l2_plane_pix_format, v4l2_requestbuffers, v4l2_selection, v4l2_streamparm);

pub(crate) fn identity(device: BorrowedFd<'_>) -> io::Result<Identity> {
    let mut answer = v4l2_capability::zeroed();
    // SAFETY: QUERYCAP fills in a v4l2_capability.
    unsafe { call(device, VIDIOC_QUERYCAP, &mut answer) }?;
    let all = answer.capabilities;
    let this = if all & V4L2_CAP_DEVICE_CAPS != 0 { answer.device_caps } else { all };
    let is_m2m = this & V4L2_CAP_VIDEO_M2M_MPLANE != 0 && this & V4L2_CAP_STREAMING != 0;
    Ok(Identity { driver: text(&answer.driver), card: text(&answer.card), is_m2m })
}

pub(crate) fn formats(device: BorrowedFd<'_>, side: Side) -> io::Result<Vec<FourCc>> {
    let mut offered = Vec::new();
    for index in 0..MOST_FORMATS {
        let mut answer = v4l2_fmtdesc { index, type_: side.code(), ..v4l2_fmtdesc::zeroed() };
        // SAFETY: ENUM_FMT reads and fills in a v4l2_fmtdesc.
        match unsafe { call(device, VIDIOC_ENUM_FMT, &mut answer) } {
            Ok(()) => offered.push(answer.pixelformat.to_le_bytes()),
            Err(end) if end.raw_os_error() == Some(libc::EINVAL) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(offered)
}

/// S_FMT of one side, in and out.
fn set_format(device: BorrowedFd<'_>, side: Side, wish: v4l2_pix_format_mplane) -> io::Result<v4l2_pix_format_mplane> {
    let mut format = v4l2_format { type_: side.code(), ..v4l2_format::zeroed() };
    format.fmt.pix_mp = wish;
    // SAFETY: S_FMT reads and fills in a v4l2_format.
    unsafe { call(device, VIDIOC_S_FMT, &mut format) }?;
    // SAFETY: of this buffer type the kernel fills in `pix_mp`; any bytes are integers.
    Ok(unsafe { format.fmt.pix_mp })
}

fn wish(pixels: FourCc, width: usize, height: usize) -> io::Result<v4l2_pix_format_mplane> {
    Ok(v4l2_pix_format_mplane {
        width: small(width)?,
        height: small(height)?,
        pixelformat: u32::from_le_bytes(pixels),
        field: PROGRESSIVE,
        num_planes: 1,
        ..v4l2_pix_format_mplane::zeroed()
    })
}

pub(crate) fn set_coded(
    device: BorrowedFd<'_>,
    pixels: FourCc,
    width: usize,
    height: usize,
    size: usize,
) -> io::Result<CodedFormat> {
    let mut asked = wish(pixels, width, height)?;
    asked.plane_fmt[0] = v4l2_plane_pix_format { sizeimage: small(size)?, ..v4l2_plane_pix_format::zeroed() };
    let answer = set_format(device, Side::Coded, asked)?;
    let (pixelformat, planes) = (answer.pixelformat, answer.plane_fmt);
    Ok(CodedFormat { pixels: pixelformat.to_le_bytes(), size: planes[0].sizeimage as usize })
}

pub(crate) fn set_raw(
    device: BorrowedFd<'_>,
    width: usize,
    height: usize,
    (range, matrix): (ColourRange, ColourMatrix),
) -> io::Result<RawFormat> {
    let mut asked = wish(NV12, width, height)?;
    // What the stream says of its colours is taken from here.
    asked.colorspace = match matrix {
        ColourMatrix::Bt601 => SMPTE170M,
        ColourMatrix::Bt709 => REC709,
        ColourMatrix::Bt2020 => BT2020,
    };
    asked.quantization = match range {
        ColourRange::Limited => LIMITED,
        ColourRange::Full => FULL,
    } as u8;
    let answer = set_format(device, Side::Raw, asked)?;
    let (width, height, pixelformat, planes) = (answer.width, answer.height, answer.pixelformat, answer.plane_fmt);
    let (stride, size) = (planes[0].bytesperline, planes[0].sizeimage);
    Ok(RawFormat {
        width: width as usize,
        height: height as usize,
        pixels: pixelformat.to_le_bytes(),
        memories: usize::from(answer.num_planes),
        stride: stride as usize,
        size: size as usize,
    })
}

pub(crate) fn set_visible(device: BorrowedFd<'_>, width: usize, height: usize) -> io::Result<()> {
    let mut selection = v4l2_selection {
        // The kernel asks for the single-planar name whatever the device is.
        type_: OUTPUT_SINGLE,
        target: V4L2_SEL_TGT_CROP,
        r: v4l2_rect { left: 0, top: 0, width: small(width)?, height: small(height)? },
        ..v4l2_selection::zeroed()
    };
    // SAFETY: S_SELECTION reads and fills in a v4l2_selection.
    unsafe { call(device, VIDIOC_S_SELECTION, &mut selection) }
}

pub(crate) fn set_fps(device: BorrowedFd<'_>, fps: f32) -> io::Result<()> {
    let mut parameters = v4l2_streamparm { type_: OUTPUT, ..v4l2_streamparm::zeroed() };
    let timeperframe = v4l2_fract { numerator: 1000, denominator: (fps * 1000.0).round() as u32 };
    parameters.parm.output = v4l2_outputparm { timeperframe, ..v4l2_outputparm::zeroed() };
    // SAFETY: S_PARM reads and fills in a v4l2_streamparm.
    unsafe { call(device, VIDIOC_S_PARM, &mut parameters) }
}

pub(crate) fn set_control(device: BorrowedFd<'_>, control: Control, value: i32) -> io::Result<()> {
    let mut control = v4l2_control { id: control.code(), value };
    // SAFETY: S_CTRL reads and fills in a v4l2_control.
    unsafe { call(device, VIDIOC_S_CTRL, &mut control) }
}

pub(crate) fn request(device: BorrowedFd<'_>, side: Side, count: usize) -> io::Result<usize> {
    let mut request =
        v4l2_requestbuffers { count: small(count)?, type_: side.code(), memory: MMAP, ..v4l2_requestbuffers::zeroed() };
    // SAFETY: REQBUFS reads and fills in a v4l2_requestbuffers.
    unsafe { call(device, VIDIOC_REQBUFS, &mut request) }?;
    Ok(request.count as usize)
}

/// Offset and length of a buffer's one memory.
pub(crate) fn place(device: BorrowedFd<'_>, side: Side, index: usize) -> io::Result<(i64, usize)> {
    let (_, plane) = exchange(device, VIDIOC_QUERYBUF, side, index, 0, 0)?;
    // SAFETY: of mapped memory the kernel fills in `mem_offset`; any bytes are an integer.
    let offset = unsafe { plane.m.mem_offset };
    Ok((i64::from(offset), plane.length as usize))
}

pub(crate) fn queue(device: BorrowedFd<'_>, side: Side, index: usize, used: usize, number: u64) -> io::Result<()> {
    exchange(device, VIDIOC_QBUF, side, index, used, number).map(drop)
}

pub(crate) fn dequeue(device: BorrowedFd<'_>, side: Side) -> io::Result<Done> {
    let (answer, plane) = exchange(device, VIDIOC_DQBUF, side, 0, 0, 0)?;
    let stamp = answer.timestamp;
    Ok(Done {
        index: answer.index as usize,
        // A stream that does not begin where its memory does is not one that is read here: it counts as empty.
        used: if plane.data_offset == 0 { plane.bytesused as usize } else { 0 },
        number: (stamp.tv_sec as u64).wrapping_mul(1_000_000).wrapping_add(stamp.tv_usec as u64),
        error: answer.flags & V4L2_BUF_FLAG_ERROR != 0,
    })
}

/// An ioctl that takes a `v4l2_buffer` with one plane.
fn exchange(
    device: BorrowedFd<'_>,
    request: _IOC_TYPE,
    side: Side,
    index: usize,
    used: usize,
    number: u64,
) -> io::Result<(v4l2_buffer, v4l2_plane)> {
    let mut plane = v4l2_plane { bytesused: small(used)?, ..v4l2_plane::zeroed() };
    let mut buffer = v4l2_buffer {
        index: small(index)?,
        type_: side.code(),
        memory: MMAP,
        field: PROGRESSIVE,
        length: 1,
        ..v4l2_buffer::zeroed()
    };
    // The kernel copies it from the picture to its unit.
    buffer.timestamp.tv_sec = (number / 1_000_000).cast_signed();
    buffer.timestamp.tv_usec = (number % 1_000_000).cast_signed();
    buffer.m.planes = &raw mut plane;
    // SAFETY: the three requests read and fill in a v4l2_buffer, which points at one plane that outlives the call.
    unsafe { call(device, request, &mut buffer) }?;
    Ok((buffer, plane))
}

pub(crate) fn stream(device: BorrowedFd<'_>, side: Side, on: bool) -> io::Result<()> {
    let request = if on { VIDIOC_STREAMON } else { VIDIOC_STREAMOFF };
    // SAFETY: both read one int.
    unsafe { call(device, request, &mut side.code()) }
}

fn small(value: usize) -> io::Result<u32> {
    u32::try_from(value).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes[..end].escape_ascii().to_string()
}
