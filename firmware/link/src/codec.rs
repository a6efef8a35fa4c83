//! Framing: writes messages into a reused buffer, reads them out of whatever pieces the socket delivers.
//!
//! Law: decode(encode(m, b)) == (m, b), however the bytes are cut.

use serde::{Serialize, de::DeserializeOwned};

/// Largest head, in bytes.
pub const MAX_HEAD: usize = 4 * 1024;
/// Largest body, in bytes; a key picture at 4K stays well below.
pub const MAX_BODY: usize = 8 * 1024 * 1024;
const PREFIX: usize = 8;

/// Why the link cannot go on; the connection is closed and opened anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// A head above [`MAX_HEAD`].
    #[error("link: a head of {0} bytes, at most {MAX_HEAD} are allowed")]
    HeadTooLarge(usize),
    /// A body above [`MAX_BODY`] or above what the reader allows.
    #[error("link: a body of {0} bytes, at most {1} are allowed")]
    BodyTooLarge(usize, usize),
    /// The head is no message of this version.
    #[error("link: cannot read message: {0}")]
    Malformed(String),
}

/// Appends one frame to `out`. No allocation once `out` has grown to its largest frame.
///
/// # Errors
/// [`LinkError`] when head or body are above their limits; `out` is then as it was.
pub fn encode<M: Serialize>(message: &M, body: &[u8], out: &mut Vec<u8>) -> Result<(), LinkError> {
    if body.len() > MAX_BODY {
        return Err(LinkError::BodyTooLarge(body.len(), MAX_BODY));
    }
    let start = out.len();
    let mut head = [0_u8; MAX_HEAD];
    let head = postcard::to_slice(message, &mut head).map_err(|_| LinkError::HeadTooLarge(MAX_HEAD + 1))?;
    out.extend_from_slice(&u32::try_from(head.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(head);
    out.extend_from_slice(body);
    debug_assert!(out.len() == start + PREFIX + head.len() + body.len());
    Ok(())
}

/// Reads frames out of a byte stream.
#[derive(Debug)]
pub struct Decoder {
    /// Read bytes are `start..end`; what follows is room for the next read.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    max_body: usize,
}

impl Decoder {
    /// A decoder that refuses bodies above `max_body` bytes.
    #[must_use]
    pub fn new(max_body: usize) -> Self {
        Self { buffer: Vec::new(), start: 0, end: 0, max_body: max_body.min(MAX_BODY) }
    }
    /// Adds bytes from the socket.
    pub fn push(&mut self, bytes: &[u8]) {
        self.room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.filled(bytes.len());
    }
    /// Room for at least `at_least` bytes, to read into without a copy; then say with [`Decoder::filled`] how many came.
    pub fn room(&mut self, at_least: usize) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
        if self.buffer.len() < self.end + at_least {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            let wanted = self.end + at_least;
            if self.buffer.len() < wanted {
                self.buffer.resize(wanted, 0);
            }
        }
        &mut self.buffer[self.end..]
    }
    /// The first `bytes` of the room now hold bytes from the socket.
    ///
    /// # Panics
    /// When there was less room than that.
    pub fn filled(&mut self, bytes: usize) {
        assert!(self.end + bytes <= self.buffer.len(), "link: {bytes} bytes are more than there was room for");
        self.end += bytes;
    }
    /// The next whole message and its body, or `None` until more bytes came.
    ///
    /// # Errors
    /// [`LinkError`] when the stream is not a link stream; close it.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend its body")]
    pub fn next<M: DeserializeOwned>(&mut self) -> Result<Option<(M, &[u8])>, LinkError> {
        let have = &self.buffer[self.start..self.end];
        let Some(prefix) = have.get(..PREFIX) else { return Ok(None) };
        let length =
            |at: usize| u32::from_le_bytes([prefix[at], prefix[at + 1], prefix[at + 2], prefix[at + 3]]) as usize;
        let (head, body) = (length(0), length(4));
        if head > MAX_HEAD {
            return Err(LinkError::HeadTooLarge(head));
        }
        if body > self.max_body {
            return Err(LinkError::BodyTooLarge(body, self.max_body));
        }
        let total = PREFIX + head + body;
        if have.len() < total {
            return Ok(None);
        }
        let start = self.start;
        self.start += total;
        let message = postcard::from_bytes(&self.buffer[start + PREFIX..start + PREFIX + head])
            .map_err(|e| LinkError::Malformed(e.to_string()))?;
        Ok(Some((message, &self.buffer[start + PREFIX + head..start + total])))
    }
}
