//! The kernel as a [`Driver`].

use crate::controls::Described;
use crate::driver::{Driver, DriverFormat, Filled, FourCc, Identity, Notice, Readiness, Signal, Source};
use crate::ioctl::input::Incoming;
use crate::ioctl::{self, BufferType};
use crate::mapping::Mapping;
use crate::memory::Memory;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An open device node.
pub(crate) struct Device {
    node: File,
    buffers: BufferType,
    imports: AtomicBool,
    /// What came in when the receiver was set to it.
    tuned: Mutex<Option<Incoming>>,
}

impl Device {
    /// Opens without waiting; closed in children.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let node = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(path)?;
        let (_, buffers) = ioctl::identity::query(node.as_fd())?;
        Ok(Self {
            node,
            buffers: buffers.unwrap_or(BufferType::Single),
            imports: AtomicBool::new(false),
            tuned: Mutex::new(None),
        })
    }
    fn source(&self) -> Source {
        if self.imports.load(Ordering::Relaxed) { Source::Imported } else { Source::Own }
    }
}

impl Driver for Device {
    fn identity(&self) -> io::Result<Identity> {
        Ok(ioctl::identity::query(self.node.as_fd())?.0)
    }
    fn tune(&self) -> io::Result<Signal> {
        // First, so that a change in between is not missed.
        ioctl::event::subscribe(self.node.as_fd());
        let incoming = ioctl::input::tune(self.node.as_fd())?;
        *self.tuned.lock().unwrap_or_else(PoisonError::into_inner) = Some(incoming);
        Ok(match incoming {
            Incoming::Nothing(lacks) => Signal::None(lacks),
            Incoming::Timed(_) | Incoming::Untimed => Signal::Present,
        })
    }
    fn formats(&self) -> io::Result<Vec<FourCc>> {
        ioctl::identity::formats(self.node.as_fd(), self.buffers)
    }
    fn controls(&self) -> io::Result<Vec<Described>> {
        ioctl::control::all(self.node.as_fd())
    }
    fn set_control(&self, id: u32, value: i32) -> io::Result<()> {
        ioctl::control::set(self.node.as_fd(), id, value)
    }
    fn fastest(&self, pixels: FourCc, width: usize, height: usize) -> io::Result<Option<f32>> {
        ioctl::rate::fastest(self.node.as_fd(), pixels, width, height)
    }
    fn set_format(&self, pixels: FourCc, width: usize, height: usize) -> io::Result<DriverFormat> {
        ioctl::format::set(self.node.as_fd(), self.buffers, pixels, width, height)
    }
    fn set_fps(&self, fps: f32) -> io::Result<Option<f32>> {
        ioctl::rate::set(self.node.as_fd(), self.buffers, fps)
    }
    fn request_buffers(&self, count: usize, source: Source) -> io::Result<usize> {
        self.imports.store(source == Source::Imported, Ordering::Relaxed);
        ioctl::buffer::request(self.node.as_fd(), self.buffers, source, count)
    }
    fn map(&self, index: usize) -> io::Result<Vec<Memory>> {
        let places = ioctl::buffer::places(self.node.as_fd(), self.buffers, index)?;
        let map = |(plane, place): (usize, ioctl::buffer::Place)| {
            let mapping = Mapping::of_device(self.node.as_fd(), i64::from(place.offset), place.len as usize)?;
            let exported = ioctl::dma_buf::export(self.node.as_fd(), self.buffers, index, plane)
                .inspect_err(|error| tracing::debug!(index, %error, "the driver does not export its buffers"));
            Ok(Memory::of_driver(mapping, exported.ok()))
        };
        places.into_iter().enumerate().map(map).collect()
    }
    fn queue(&self, index: usize, memories: &[Memory]) -> io::Result<()> {
        ioctl::buffer::queue(self.node.as_fd(), self.buffers, self.source(), index, memories)
    }
    fn dequeue(&self) -> io::Result<Filled> {
        ioctl::buffer::dequeue(self.node.as_fd(), self.buffers, self.source())
    }
    fn notice(&self) -> io::Result<Option<Notice>> {
        let notice = ioctl::event::fetch(self.node.as_fd())?;
        if notice != Some(Notice::SourceChanged) {
            return Ok(notice);
        }
        // Some receivers say so of being set to what comes in anyway, or of a moment's disturbance.
        let now = ioctl::input::incoming(self.node.as_fd())?;
        let before = *self.tuned.lock().unwrap_or_else(PoisonError::into_inner);
        let the_same = matches!(now, Incoming::Timed(_)) && before == Some(now);
        Ok(Some(if the_same { Notice::Other } else { Notice::SourceChanged }))
    }
    fn stream_on(&self) -> io::Result<()> {
        ioctl::stream::on(self.node.as_fd(), self.buffers)
    }
    fn stream_off(&self) -> io::Result<()> {
        ioctl::stream::off(self.node.as_fd(), self.buffers)
    }
    fn wait(&self, timeout: Duration) -> io::Result<Readiness> {
        let until = Instant::now() + timeout;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            // Rounded up, so that the last fraction of a millisecond does not spin.
            let left_ms = PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
            let mut asked = [PollFd::new(self.node.as_fd(), PollFlags::POLLIN | PollFlags::POLLPRI)];
            match poll(&mut asked, left_ms) {
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
                Ok(0) => return Ok(Readiness::Nothing),
                Ok(_) => {}
            }
            let told = asked[0].revents().unwrap_or(PollFlags::POLLERR);
            return Ok(if told.contains(PollFlags::POLLPRI) {
                Readiness::Notice
            } else if told.contains(PollFlags::POLLIN) {
                Readiness::Frame
            } else {
                Readiness::Broken
            });
        }
    }
}
