//! Takes requests and interleaved data (RFC 2326 §10.12) out of whatever pieces the connection delivers.
//!
//! Law: what comes out does not depend on how the bytes were cut. Memory is bounded by [`MAX_HEAD`] + [`MAX_BODY`] and what is pushed at once.

use rtsp_types::{Data, Message, ParseError, Request, Response};

/// Largest request line and headers, in bytes.
pub const MAX_HEAD: usize = 8 * 1024;
/// Largest body of a request, in bytes; clients send none to a camera.
pub const MAX_BODY: usize = 4 * 1024;
/// Largest interleaved packet from a client, in bytes: it sends RTCP.
pub const MAX_DATA: usize = 4 * 1024;

/// What a client said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// It wants something.
    Request(Request<Vec<u8>>),
    /// A packet on an interleaved channel.
    Data(Data<Vec<u8>>),
    /// An answer.
    Answer(Response<Vec<u8>>),
}

/// Why the connection cannot go on: what follows cannot be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Above one of the limits.
    #[error(
        "rtsp: a request of more than {MAX_HEAD} bytes head and {MAX_BODY} body, or a packet of more than {MAX_DATA}"
    )]
    TooLarge,
    /// Not RTSP.
    #[error("rtsp: not a message of RFC 2326")]
    Malformed,
}

/// Reads messages out of a byte stream.
#[derive(Debug, Default)]
pub struct Reader {
    bytes: Vec<u8>,
    /// Of `bytes`, so many were searched for the end of the head in vain.
    searched: usize,
}

impl Reader {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes from the connection. Take all messages with [`Reader::next`] before adding more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether nothing of a next message came yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next whole message, or `None` until more bytes came.
    ///
    /// # Errors
    /// [`ReadError`]; answer and close.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot fail and go on")]
    pub fn next(&mut self) -> Result<Option<Heard>, ReadError> {
        self.skip_blank_lines();
        if !self.is_worth_parsing()? {
            return Ok(None);
        }
        let (message, consumed) = match Message::<Vec<u8>>::parse(&self.bytes) {
            Ok(parsed) => parsed,
            Err(ParseError::Incomplete(_)) if self.bytes.len() <= MAX_HEAD + MAX_BODY => return Ok(None),
            Err(ParseError::Incomplete(_)) => return Err(ReadError::TooLarge),
            Err(ParseError::Error) => return Err(ReadError::Malformed),
        };
        self.bytes.drain(..consumed);
        self.searched = 0;
        match message {
            Message::Request(request) if request.body().len() > MAX_BODY => Err(ReadError::TooLarge),
            Message::Request(request) => Ok(Some(Heard::Request(request))),
            Message::Response(response) if response.body().len() > MAX_BODY => Err(ReadError::TooLarge),
            Message::Response(response) => Ok(Some(Heard::Answer(response))),
            Message::Data(data) => Ok(Some(Heard::Data(data))),
        }
    }

    /// Before a request line they mean nothing (RFC 9112 §2.2 says so for HTTP; some clients send them).
    fn skip_blank_lines(&mut self) {
        let blank = self.bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if blank > 0 {
            self.bytes.drain(..blank);
            self.searched = 0;
        }
    }

    /// Whether a head is whole, so that a client that sends byte by byte does not make us parse it anew for each.
    fn is_worth_parsing(&mut self) -> Result<bool, ReadError> {
        match *self.bytes.as_slice() {
            [] => Ok(false),
            [b'$', _, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                if length > MAX_DATA { Err(ReadError::TooLarge) } else { Ok(self.bytes.len() >= 4 + length) }
            }
            [b'$', ..] => Ok(false),
            _ => {
                let from = self.searched.saturating_sub(3);
                let end = self.bytes[from..].windows(4).position(|four| four == b"\r\n\r\n");
                match end {
                    Some(at) if from + at <= MAX_HEAD => {
                        // Found again at once until the body is there.
                        self.searched = from + at;
                        Ok(true)
                    }
                    None if self.bytes.len() <= MAX_HEAD => {
                        self.searched = self.bytes.len();
                        Ok(false)
                    }
                    Some(_) | None => Err(ReadError::TooLarge),
                }
            }
        }
    }
}
