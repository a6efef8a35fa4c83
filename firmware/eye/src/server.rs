//! The eye's end of the link: listens on a Unix socket, lets in one voice at a time, reads its messages and writes ours.
//!
//! Nothing that comes in is believed here; it goes to the authority. What goes out waits in two queues: control messages, which are never dropped and
//! go first, and pictures, of which at most [`UNITS_QUEUED`] wait: when the voice is slow, pictures are dropped up to the next key picture, so that
//! latency never creeps (P11).

use link::{Decoder, ToEye, ToVoice, codec};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Pictures that may wait for the voice.
pub const UNITS_QUEUED: usize = 6;
/// Control messages that may wait; a voice that leaves so many unread is cut off.
const CONTROL_QUEUED: usize = 1024;
const WRITE_LIMIT: Duration = Duration::from_millis(500);
const HELLO_LIMIT: Duration = Duration::from_secs(2);

/// What the link tells the authority.
#[derive(Debug)]
pub enum LinkEvent {
    /// A voice is there and speaks our version. Nothing is written to it before the office has opened the outbox for it.
    Connected(UnixStream),
    /// It went away.
    Disconnected,
    /// It said something. The bytes are the message's body.
    Said(ToEye, Vec<u8>),
}

/// Why the link cannot be offered.
#[derive(Debug, thiserror::Error)]
#[error("link socket {path}: {cause}")]
pub struct ServeError {
    path: String,
    cause: std::io::Error,
}

#[derive(Default)]
struct Outgoing {
    stream: Option<UnixStream>,
    control: VecDeque<Vec<u8>>,
    units: VecDeque<Vec<u8>>,
    free: Vec<Vec<u8>>,
    /// A picture was dropped: only a key picture may follow.
    broken: bool,
    /// Bytes are on their way into the socket.
    writing: bool,
}

/// The outgoing half, shared by the authority (control) and the frame road (pictures).
#[derive(Default)]
pub struct Outbox {
    state: Mutex<Outgoing>,
    filled: Condvar,
    emptied: Condvar,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Outgoing> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a control message; without a voice it is forgotten (the next voice is told the state anew).
    pub fn tell(&self, message: &ToVoice, body: &[u8]) {
        let mut state = self.lock();
        if state.stream.is_none() {
            return;
        }
        let mut bytes = Vec::with_capacity(64 + body.len());
        if let Err(error) = codec::encode(message, body, &mut bytes) {
            tracing::error!(%error, "a message to the voice is too large; dropped");
            return;
        }
        if state.control.len() >= CONTROL_QUEUED {
            tracing::warn!("the voice does not read; cutting it off");
            hang_up(&mut state);
            return;
        }
        state.control.push_back(bytes);
        self.filled.notify_one();
    }

    /// Queues a picture. Returns whether it (or a later one) needs to be a key picture because something was dropped.
    #[must_use]
    pub fn picture(&self, message: &ToVoice, body: &[u8], key: bool) -> bool {
        let mut state = self.lock();
        if state.stream.is_none() {
            return true;
        }
        if state.broken && !key {
            return true;
        }
        if state.units.len() >= UNITS_QUEUED {
            while let Some(old) = state.units.pop_front() {
                state.free.push(old);
            }
            state.broken = true;
            if !key {
                return true;
            }
        }
        let mut bytes = state.free.pop().unwrap_or_default();
        bytes.clear();
        if codec::encode(message, body, &mut bytes).is_err() {
            state.free.push(bytes);
            state.broken = true;
            return true;
        }
        state.units.push_back(bytes);
        state.broken = false;
        self.filled.notify_one();
        false
    }

    /// Forgets every picture that waits: a share ended, and what was encoded for it goes nowhere.
    pub fn drop_pictures(&self) {
        let mut state = self.lock();
        while let Some(old) = state.units.pop_front() {
            state.free.push(old);
        }
        state.broken = true;
    }

    /// Waits until every control message is written, for at most `limit`.
    pub fn flush(&self, limit: Duration) {
        let state = self.lock();
        let _ = self
            .emptied
            .wait_timeout_while(state, limit, |state| {
                state.stream.is_some() && (state.writing || !state.control.is_empty())
            })
            .unwrap_or_else(PoisonError::into_inner);
    }

    /// Waits until everything, pictures too, is written, for at most `limit`; whether it is.
    #[must_use]
    pub fn drain(&self, limit: Duration) -> bool {
        let waits = |state: &mut Outgoing| {
            state.stream.is_some() && (state.writing || !state.control.is_empty() || !state.units.is_empty())
        };
        let state = self.lock();
        let waited = self.emptied.wait_timeout_while(state, limit, waits);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Whether a voice is there.
    #[must_use]
    pub fn connected(&self) -> bool {
        self.lock().stream.is_some()
    }

    /// From now on to this voice, beginning with nothing.
    pub fn open(&self, stream: UnixStream) {
        let mut state = self.lock();
        state.control.clear();
        state.units.clear();
        state.free = (0..=UNITS_QUEUED).map(|_| Vec::with_capacity(256 * 1024)).collect();
        state.broken = true;
        state.stream = Some(stream);
    }

    fn close(&self) {
        hang_up(&mut self.lock());
    }

    /// Writes what is queued, for ever.
    fn write(&self) {
        loop {
            let mut state = self.lock();
            let (stream, bytes, picture) = loop {
                if let Some(stream) = state.stream.as_ref().and_then(|s| s.try_clone().ok()) {
                    if let Some(bytes) = state.control.pop_front() {
                        break (stream, bytes, false);
                    }
                    if let Some(bytes) = state.units.pop_front() {
                        break (stream, bytes, true);
                    }
                }
                state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
            };
            state.writing = true;
            drop(state);
            let written = (&stream).write_all(&bytes);
            let mut state = self.lock();
            state.writing = false;
            if picture && state.free.len() <= UNITS_QUEUED {
                state.free.push(bytes);
            }
            if state.control.is_empty() {
                self.emptied.notify_all();
            }
            if let Err(error) = written {
                tracing::warn!(%error, "cannot write to the voice; cutting it off");
                hang_up(&mut state);
                self.emptied.notify_all();
            }
        }
    }
}

fn hang_up(state: &mut Outgoing) {
    if let Some(stream) = state.stream.take() {
        // The reading thread sees the end and reports it.
        let _ = stream.shutdown(Shutdown::Both);
    }
    state.control.clear();
    while let Some(old) = state.units.pop_front() {
        state.free.push(old);
    }
}

/// Binds the socket and starts the reading and writing threads.
///
/// # Errors
/// [`ServeError`] when the socket cannot be bound or a thread not made.
pub fn serve(path: &Path, voice_uid: Option<u32>, events: SyncSender<LinkEvent>) -> Result<Arc<Outbox>, ServeError> {
    let fail = |cause| ServeError { path: path.display().to_string(), cause };
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(fail(error)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(fail)?;
    let mode = if voice_uid.is_some() { 0o660 } else { 0o600 };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(fail)?;
    let allowed = voice_uid.unwrap_or_else(|| nix::unistd::geteuid().as_raw());
    let outbox = Arc::new(Outbox::default());
    let writer = Arc::clone(&outbox);
    std::thread::Builder::new().name("link-write".into()).spawn(move || writer.write()).map_err(fail)?;
    let reader = Arc::clone(&outbox);
    std::thread::Builder::new()
        .name("link-read".into())
        .spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                if let Err(cause) = admit(&stream, allowed) {
                    tracing::warn!(%cause, "a peer on the link was refused");
                    continue;
                }
                if attend(stream, &reader, &events).is_err() {
                    return; // the authority is gone, and with it the process
                }
            }
        })
        .map_err(fail)?;
    Ok(outbox)
}

/// Only the voice's user may speak to the eye.
fn admit(stream: &UnixStream, allowed: u32) -> Result<(), String> {
    let credentials = nix::sys::socket::getsockopt(stream, nix::sys::socket::sockopt::PeerCredentials)
        .map_err(|e| format!("no peer credentials: {e}"))?;
    if credentials.uid() != allowed {
        return Err(format!("peer runs as user {}, the voice is user {allowed}", credentials.uid()));
    }
    stream.set_write_timeout(Some(WRITE_LIMIT)).map_err(|e| e.to_string())?;
    stream.set_read_timeout(Some(HELLO_LIMIT)).map_err(|e| e.to_string())
}

/// Reads one voice until it goes. `Err` when nobody listens to the events any more.
fn attend(mut stream: UnixStream, outbox: &Outbox, events: &SyncSender<LinkEvent>) -> Result<(), ()> {
    let mut decoder = Decoder::new(contract::policy::MAX_POLICY);
    let mut bytes = vec![0_u8; 64 * 1024];
    let mut greeted = false;
    loop {
        loop {
            match decoder.next::<ToEye>() {
                Ok(None) => break,
                Ok(Some((ToEye::Hello { version }, _))) if !greeted && version == link::message::LINK_VERSION => {
                    greeted = true;
                    let Ok(own) = stream.try_clone() else { return Ok(()) };
                    let _ = stream.set_read_timeout(None);
                    events.send(LinkEvent::Connected(own)).map_err(|_| ())?;
                }
                Ok(Some((message, body))) if greeted => {
                    let body = body.to_vec();
                    events.send(LinkEvent::Said(message, body)).map_err(|_| ())?;
                }
                Ok(Some(_)) => {
                    tracing::warn!("the voice's first message is not a greeting of this version; refused");
                    return Ok(());
                }
                Err(error) => {
                    tracing::warn!(%error, "the voice speaks nonsense; cutting it off");
                    return leave(greeted, outbox, events);
                }
            }
        }
        match stream.read(&mut bytes) {
            Ok(0) => return leave(greeted, outbox, events),
            Ok(n) => decoder.push(&bytes[..n]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return leave(greeted, outbox, events),
        }
    }
}

fn leave(greeted: bool, outbox: &Outbox, events: &SyncSender<LinkEvent>) -> Result<(), ()> {
    outbox.close();
    if greeted { events.send(LinkEvent::Disconnected).map_err(|_| ()) } else { Ok(()) }
}
