//! The kernel as a [`Driver`], and the devices that there are.

use crate::driver::{CodedFormat, Control, Done, Driver, FourCc, Identity, NV12, RawFormat, Side};
use crate::encoder::fourcc;
use crate::ioctl;
use crate::mapping::Mapping;
use board_hal::Codec;
use mask::{ColourMatrix, ColourRange};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// An open device node.
pub(crate) struct Device(File);

impl Device {
    /// Opens without waiting; closed in children.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(path).map(Self)
    }
}

impl Driver for Device {
    fn identity(&self) -> io::Result<Identity> {
        ioctl::identity(self.0.as_fd())
    }
    fn formats(&self, side: Side) -> io::Result<Vec<FourCc>> {
        ioctl::formats(self.0.as_fd(), side)
    }
    fn set_coded(&self, pixels: FourCc, width: usize, height: usize, size: usize) -> io::Result<CodedFormat> {
        ioctl::set_coded(self.0.as_fd(), pixels, width, height, size)
    }
    fn set_raw(&self, width: usize, height: usize, colours: (ColourRange, ColourMatrix)) -> io::Result<RawFormat> {
        ioctl::set_raw(self.0.as_fd(), width, height, colours)
    }
    fn set_visible(&self, width: usize, height: usize) -> io::Result<()> {
        ioctl::set_visible(self.0.as_fd(), width, height)
    }
    fn set_fps(&self, fps: f32) -> io::Result<()> {
        ioctl::set_fps(self.0.as_fd(), fps)
    }
    fn set_control(&self, control: Control, value: i32) -> io::Result<()> {
        ioctl::set_control(self.0.as_fd(), control, value)
    }
    fn request_buffers(&self, side: Side, count: usize) -> io::Result<usize> {
        ioctl::request(self.0.as_fd(), side, count)
    }
    fn map(&self, side: Side, index: usize) -> io::Result<Mapping> {
        let (offset, len) = ioctl::place(self.0.as_fd(), side, index)?;
        Mapping::of_device(self.0.as_fd(), offset, len)
    }
    fn queue(&self, side: Side, index: usize, used: usize, number: u64) -> io::Result<()> {
        ioctl::queue(self.0.as_fd(), side, index, used, number)
    }
    fn dequeue(&self, side: Side) -> io::Result<Done> {
        ioctl::dequeue(self.0.as_fd(), side)
    }
    fn stream(&self, side: Side, on: bool) -> io::Result<()> {
        ioctl::stream(self.0.as_fd(), side, on)
    }
    fn wait(&self, side: Side, timeout: Duration) -> io::Result<bool> {
        let until = Instant::now() + timeout;
        let wanted = match side {
            Side::Raw => PollFlags::POLLOUT,
            Side::Coded => PollFlags::POLLIN,
        };
        loop {
            let left = until.saturating_duration_since(Instant::now());
            // Rounded up, so that the last fraction of a millisecond does not spin.
            let left_ms = PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
            let mut asked = [PollFd::new(self.0.as_fd(), wanted)];
            match poll(&mut asked, left_ms) {
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
                Ok(0) => return Ok(false),
                Ok(_) => {}
            }
            let told = asked[0].revents().unwrap_or(PollFlags::POLLERR);
            if told.contains(wanted) {
                return Ok(true);
            }
            return Err(io::Error::other("the device reports an error"));
        }
    }
}

/// The device nodes of this board that encode NV12 to `codec`, by name.
#[must_use]
pub fn find(codec: Codec) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir("/dev") else { return Vec::new() };
    let is_video =
        |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("video"));
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_video).collect();
    found.retain(|path| Device::open(path).is_ok_and(|device| encodes(&device, codec)));
    found.sort();
    found
}

/// Whether it says so.
pub(crate) fn encodes(driver: &dyn Driver, codec: Codec) -> bool {
    driver.identity().is_ok_and(|identity| identity.is_m2m)
        && driver.formats(Side::Coded).is_ok_and(|offered| offered.contains(&fourcc(codec)))
        && driver.formats(Side::Raw).is_ok_and(|offered| offered.contains(&NV12))
}
