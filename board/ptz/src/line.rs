//! A serial line: bytes out, bytes in within a time.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{BaudRate, FlushArg, SetArg, cfmakeraw, cfsetspeed, tcflush, tcgetattr, tcsetattr};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Where a camera hangs; a test plays one.
pub trait Line: Send {
    /// For errors.
    fn name(&self) -> String;
    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// What the system said.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// What comes within `patience`: at least one byte, or 0 when nothing came.
    ///
    /// # Errors
    /// What the system said.
    fn receive(&mut self, into: &mut [u8], patience: Duration) -> io::Result<usize>;
    /// Throws away what has come and was not read.
    fn forget(&mut self);
}

/// A serial port: eight bits, no parity, one stop bit, no flow control, which is what both protocols ask for.
pub struct SerialLine {
    name: String,
    port: File,
}

/// Longest wait for a line that takes no bytes.
const SEND_LIMIT: Duration = Duration::from_secs(1);

impl SerialLine {
    /// Opens a port at one of the usual speeds.
    ///
    /// # Errors
    /// What the system said; [`io::ErrorKind::InvalidInput`] for another speed.
    pub fn open(path: &Path, baud: u32) -> io::Result<Self> {
        let speed = match baud {
            2_400 => BaudRate::B2400,
            4_800 => BaudRate::B4800,
            9_600 => BaudRate::B9600,
            19_200 => BaudRate::B19200,
            38_400 => BaudRate::B38400,
            57_600 => BaudRate::B57600,
            115_200 => BaudRate::B115200,
            other => {
                let allowed = "2400, 4800, 9600, 19200, 38400, 57600, 115200";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{other} baud; allowed: {allowed}")));
            }
        };
        let flags = nix::libc::O_NOCTTY | nix::libc::O_NONBLOCK;
        let port = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
        let mut settings = tcgetattr(&port)?;
        cfmakeraw(&mut settings);
        cfsetspeed(&mut settings, speed)?;
        tcsetattr(&port, SetArg::TCSAFLUSH, &settings)?;
        Ok(Self { name: path.display().to_string(), port })
    }

    /// Whether the port is ready within the time.
    fn ready(&self, for_what: PollFlags, until: Instant) -> io::Result<bool> {
        loop {
            let left = until.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
            let mut asked = [PollFd::new(self.port.as_fd(), for_what)];
            match poll(&mut asked, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
                Ok(0) => return Ok(false),
                Ok(_) if asked[0].revents().is_some_and(|told| told.intersects(for_what)) => return Ok(true),
                Ok(_) => return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the port is gone")),
            }
        }
    }
}

impl Line for SerialLine {
    fn name(&self) -> String {
        self.name.clone()
    }
    fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let until = Instant::now() + SEND_LIMIT;
        while !bytes.is_empty() {
            if !self.ready(PollFlags::POLLOUT, until)? {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the port takes no bytes"));
            }
            match self.port.write(bytes) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
    fn receive(&mut self, into: &mut [u8], patience: Duration) -> io::Result<usize> {
        let until = Instant::now() + patience;
        while self.ready(PollFlags::POLLIN, until)? {
            match self.port.read(into) {
                Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the port is gone")),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                other => return other,
            }
        }
        Ok(0)
    }
    fn forget(&mut self) {
        // A port that is gone says so at the next send.
        let _ = tcflush(&self.port, FlushArg::TCIFLUSH);
    }
}
