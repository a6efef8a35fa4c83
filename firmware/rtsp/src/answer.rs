//! An answer and its bytes.

use rtsp_types::{Response, StatusCode};

/// What is said to a client.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    response: Response<Vec<u8>>,
    /// Each a `WWW-Authenticate` of its own: clients do not take several apart in one line, as `rtsp-types` would write them.
    pub(crate) challenges: Vec<String>,
}

impl From<Response<Vec<u8>>> for Answer {
    fn from(response: Response<Vec<u8>>) -> Self {
        Self { response, challenges: Vec::new() }
    }
}

impl Answer {
    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// As it goes over the wire.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1024);
        // Writing to memory does not fail.
        let _ = self.response.write(&mut bytes);
        let first = bytes.windows(2).position(|two| two == b"\r\n").map_or(0, |at| at + 2);
        let lines: String =
            self.challenges.iter().map(|challenge| format!("WWW-Authenticate: {challenge}\r\n")).collect();
        bytes.splice(first..first, lines.into_bytes());
        bytes
    }
}
