//! RTSP 1.0 (RFC 2326) for one live video: the server's side of fetching, and the client's side of publishing ([`Publication`]): reading, proving who it
//! is, the conversation. No sockets, no clock, no chance.
//!
//! ```text
//!  bytes ─► Reader ─► request ─► Conversation::hear ─► Ask ─► the caller does it ─► Conversation::{described,set_up,…} ─► answer
//! ```
//!
//! Contract: **who proves nothing learns nothing**: whatever it asks of whichever camera, the answer is the same 401. Parsing is `rtsp-types`' and
//! `http-auth`'s. Of RFC 2326 the server leaves out PAUSE, RECORD, ANNOUNCE, REDIRECT, aggregate control of several streams, and every time range but "now".
#![forbid(unsafe_code)]

mod answer;
mod conversation;
mod proof;
mod publish;
mod reader;
mod transport;

pub use answer::Answer;
pub use conversation::{Ask, Conversation, Settings, Whom};
pub use proof::Key;
pub use publish::{Credential, Publication, PublishError, Step, decline};
pub use reader::{Heard, MAX_BODY, MAX_DATA, MAX_HEAD, ReadError, Reader};
pub use rtsp_types::{Data, Method, Request, Response, StatusCode};
pub use transport::Way;
