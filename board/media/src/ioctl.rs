//! The ioctls of media devices and subdevices: C structures in, plain values out. Structures and numbers of linux/media.h and linux/v4l2-subdev.h.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// `struct media_device_info`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct DeviceInfo {
    pub(crate) driver: [u8; 16],
    pub(crate) model: [u8; 32],
    pub(crate) serial: [u8; 40],
    pub(crate) bus_info: [u8; 32],
    versions: [u32; 3],
    reserved: [u32; 31],
}

/// `struct media_v2_topology`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct RawTopology {
    pub(crate) version: u64,
    pub(crate) entities: Array,
    pub(crate) interfaces: Array,
    pub(crate) pads: Array,
    pub(crate) links: Array,
}

/// A count and a pointer, which that structure has four of.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct Array {
    pub(crate) count: u32,
    reserved: u32,
    pointer: u64,
}

/// `struct media_v2_entity`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct RawEntity {
    pub(crate) id: u32,
    pub(crate) name: [u8; 64],
    function: u32,
    flags: u32,
    reserved: [u32; 5],
}

/// `struct media_v2_interface`; the union begins with major and minor.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct RawInterface {
    pub(crate) id: u32,
    kind: u32,
    flags: u32,
    reserved: [u32; 9],
    pub(crate) major: u32,
    pub(crate) minor: u32,
    rest: [u32; 14],
}

/// `struct media_v2_pad`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct RawPad {
    pub(crate) id: u32,
    pub(crate) entity: u32,
    flags: u32,
    pub(crate) index: u32,
    reserved: [u32; 4],
}

/// `struct media_v2_link`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct RawLink {
    id: u32,
    pub(crate) source: u32,
    pub(crate) sink: u32,
    pub(crate) flags: u32,
    reserved: [u32; 6],
}

/// `MEDIA_LNK_FL_*`.
pub(crate) const ENABLED: u32 = 1;
pub(crate) const IMMUTABLE: u32 = 2;
pub(crate) const KIND: u32 = 0xf << 28;
pub(crate) const KIND_INTERFACE: u32 = 1 << 28;

/// `struct media_pad_desc`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct PadDesc {
    entity: u32,
    index: u16,
    padding: u16,
    flags: u32,
    reserved: [u32; 2],
}

/// `struct media_link_desc`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct LinkDesc {
    source: PadDesc,
    sink: PadDesc,
    flags: u32,
    reserved: [u32; 2],
}

/// `struct v4l2_subdev_format`, with its `v4l2_mbus_framefmt` unfolded.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct SubdevFormat {
    which: u32,
    pad: u32,
    width: u32,
    height: u32,
    code: u32,
    field: u32,
    colours: [u32; 3],
    rest: [u16; 10],
    reserved: [u32; 8],
}

/// `struct v4l2_subdev_selection`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct SubdevSelection {
    which: u32,
    pad: u32,
    target: u32,
    flags: u32,
    left: i32,
    top: i32,
    width: u32,
    height: u32,
    reserved: [u32; 8],
}

const WHICH_ACTIVE: u32 = 1;
const FIELD_NONE: u32 = 1;
const TARGET_CROP: u32 = 0;

const MEDIA_IOC_DEVICE_INFO: Request = nix::request_code_readwrite!(b'|', 0, size_of::<DeviceInfo>());
const MEDIA_IOC_SETUP_LINK: Request = nix::request_code_readwrite!(b'|', 3, size_of::<LinkDesc>());
const MEDIA_IOC_G_TOPOLOGY: Request = nix::request_code_readwrite!(b'|', 4, size_of::<RawTopology>());
const VIDIOC_SUBDEV_S_FMT: Request = nix::request_code_readwrite!(b'V', 5, size_of::<SubdevFormat>());
const VIDIOC_SUBDEV_S_SELECTION: Request = nix::request_code_readwrite!(b'V', 62, size_of::<SubdevSelection>());

// The kernel's sizes; a structure of another one would make another request.
const _: () = assert!(size_of::<DeviceInfo>() == 256 && size_of::<RawTopology>() == 72 && size_of::<LinkDesc>() == 52);
const _: () = assert!(size_of::<RawEntity>() == 96 && size_of::<RawInterface>() == 112);
const _: () = assert!(size_of::<RawPad>() == 32 && size_of::<RawLink>() == 40);
const _: () = assert!(size_of::<SubdevFormat>() == 88 && size_of::<SubdevSelection>() == 64);

type Request = libc::Ioctl;

/// One ioctl, again when a signal interrupts it.
///
/// # Safety
/// `request` must take a pointer to `T`, and every pointer inside `argument` must be valid for what the request does with it.
unsafe fn call<T>(device: BorrowedFd<'_>, request: Request, argument: &mut T) -> io::Result<()> {
    loop {
        // SAFETY: the caller's promise; `argument` is borrowed mutably for the whole call.
        if unsafe { libc::ioctl(device.as_raw_fd(), request, &raw mut *argument) } >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// C structures of integers and arrays of them, for which all zeroes is a value.
///
/// # Safety
/// It must be one.
pub(crate) unsafe trait Plain: Copy {
    fn zeroed() -> Self {
        // SAFETY: the trait's promise.
        unsafe { std::mem::zeroed() }
    }
}
// SAFETY: integers and arrays of them.
unsafe impl Plain for DeviceInfo {}
// SAFETY: integers and arrays of them.
unsafe impl Plain for RawEntity {}
// SAFETY: integers and arrays of them.
unsafe impl Plain for RawInterface {}
// SAFETY: integers and arrays of them.
unsafe impl Plain for RawPad {}
// SAFETY: integers and arrays of them.
unsafe impl Plain for RawLink {}

/// Which media device it is.
pub(crate) fn info(device: BorrowedFd<'_>) -> io::Result<DeviceInfo> {
    let mut info = DeviceInfo::zeroed();
    // SAFETY: DEVICE_INFO fills in a media_device_info.
    unsafe { call(device, MEDIA_IOC_DEVICE_INFO, &mut info) }?;
    Ok(info)
}

/// Everything in the graph as the kernel lists it.
pub(crate) struct Lists {
    pub(crate) entities: Vec<RawEntity>,
    pub(crate) interfaces: Vec<RawInterface>,
    pub(crate) pads: Vec<RawPad>,
    pub(crate) links: Vec<RawLink>,
}

/// More of anything than this is no graph.
const MOST: u32 = 4_096;
/// A graph that changes whenever it is read is given up.
const TRIES: usize = 5;

/// Reads the graph: once for the counts, once for the lists; again if it has grown meanwhile.
pub(crate) fn topology(device: BorrowedFd<'_>) -> io::Result<Lists> {
    for _ in 0..TRIES {
        let mut counts = RawTopology::default();
        // SAFETY: G_TOPOLOGY fills in a media_v2_topology; where a pointer in it is null it writes the count alone.
        unsafe { call(device, MEDIA_IOC_G_TOPOLOGY, &mut counts) }?;
        let arrays = [counts.entities, counts.interfaces, counts.pads, counts.links];
        if arrays.iter().any(|array| array.count > MOST) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a graph too large to be one"));
        }
        let mut lists = Lists {
            entities: vec![RawEntity::zeroed(); counts.entities.count as usize],
            interfaces: vec![RawInterface::zeroed(); counts.interfaces.count as usize],
            pads: vec![RawPad::zeroed(); counts.pads.count as usize],
            links: vec![RawLink::zeroed(); counts.links.count as usize],
        };
        let mut filled = counts;
        filled.entities.pointer = lists.entities.as_mut_ptr() as u64;
        filled.interfaces.pointer = lists.interfaces.as_mut_ptr() as u64;
        filled.pads.pointer = lists.pads.as_mut_ptr() as u64;
        filled.links.pointer = lists.links.as_mut_ptr() as u64;
        // SAFETY: each pointer is of as many elements as its count says, of the kernel's sizes, and outlives the call; the kernel writes no more than that.
        match unsafe { call(device, MEDIA_IOC_G_TOPOLOGY, &mut filled) } {
            Ok(()) if filled.version == counts.version => return Ok(lists),
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::ENOSPC) => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "the graph changes whenever it is read"))
}

/// A pad as the kernel wants it named: entity and index.
pub(crate) type PadName = (u32, u16);

/// Enables or disables a link.
pub(crate) fn set_link(device: BorrowedFd<'_>, source: PadName, sink: PadName, flags: u32) -> io::Result<()> {
    let pad = |(entity, index): PadName| PadDesc { entity, index, ..PadDesc::default() };
    let mut link = LinkDesc { source: pad(source), sink: pad(sink), flags, ..LinkDesc::default() };
    // SAFETY: SETUP_LINK reads a media_link_desc.
    unsafe { call(device, MEDIA_IOC_SETUP_LINK, &mut link) }
}

/// Sets a pad's format and tells what became of it: media bus code, width, height.
pub(crate) fn set_format(
    device: BorrowedFd<'_>,
    pad: u16,
    code: u32,
    width: u32,
    height: u32,
) -> io::Result<(u32, u32, u32)> {
    let (which, pad, field) = (WHICH_ACTIVE, u32::from(pad), FIELD_NONE);
    let mut format = SubdevFormat { which, pad, width, height, code, field, ..SubdevFormat::default() };
    // SAFETY: SUBDEV_S_FMT reads and fills in a v4l2_subdev_format.
    unsafe { call(device, VIDIOC_SUBDEV_S_FMT, &mut format) }?;
    Ok((format.code, format.width, format.height))
}

/// Sets a pad's crop and tells what became of it: left, top, width, height.
pub(crate) fn set_crop(
    device: BorrowedFd<'_>,
    pad: u16,
    crop: (i32, i32, u32, u32),
) -> io::Result<(i32, i32, u32, u32)> {
    let (left, top, width, height) = crop;
    let (which, pad, target) = (WHICH_ACTIVE, u32::from(pad), TARGET_CROP);
    let mut selection = SubdevSelection { which, pad, target, left, top, width, height, ..SubdevSelection::default() };
    // SAFETY: SUBDEV_S_SELECTION reads and fills in a v4l2_subdev_selection.
    unsafe { call(device, VIDIOC_SUBDEV_S_SELECTION, &mut selection) }?;
    Ok((selection.left, selection.top, selection.width, selection.height))
}
