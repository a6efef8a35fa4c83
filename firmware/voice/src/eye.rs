//! The voice's end of the link: finds the eye's socket, greets, reads, writes, and finds it again when it was lost.
//!
//! Understands no message but the greeting. Bodies stay in the decoder's buffer: a picture is copied once, into its packets.

use link::message::LINK_VERSION;
use link::{Decoder, LinkError, MAX_BODY, ToEye, ToVoice, codec};
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// Waits between tries to connect.
const RETRY: [Duration; 4] =
    [Duration::from_millis(50), Duration::from_millis(100), Duration::from_millis(250), Duration::from_millis(500)];
/// The eye greets within this time.
const HELLO_WITHIN: Duration = Duration::from_secs(2);
/// Bytes read at once.
const READ: usize = 64 * 1024;
/// Messages that may wait for the eye.
const QUEUED: usize = 64;

/// What the eye said in its greeting.
#[derive(Debug, Clone, PartialEq)]
pub struct Greeting {
    /// One key picture without camera pixels.
    pub slate: Vec<u8>,
    /// Pixels per line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Nominal frames per second.
    pub fps: f32,
    /// What slate and pictures are encoded as.
    pub codec: rtp::Codec,
}

/// What became of the link.
#[derive(Debug)]
pub enum EyeEvent {
    /// The eye is there and speaks our version.
    Up(Greeting, EyeWriter),
    /// Bytes came; take the messages with [`EyeLink::message`].
    Readable,
    /// It is gone.
    Down,
}

/// Why a connection is given up.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Link(#[from] LinkError),
    #[error("the eye closed the connection")]
    Closed,
    #[error("the eye speaks link version {0}, this voice {LINK_VERSION}; install eye and voice of one release")]
    Version(u16),
    #[error("the eye's first message is no greeting")]
    NoGreeting,
    #[error("the eye did not greet within {} s; does another voice hold the link?", HELLO_WITHIN.as_secs())]
    NoAnswer,
}

/// Writes to the eye without waiting.
#[derive(Debug)]
pub struct EyeWriter {
    queue: mpsc::Sender<Vec<u8>>,
    task: JoinHandle<()>,
}

impl EyeWriter {
    fn start(mut half: OwnedWriteHalf) -> Self {
        let (queue, mut frames) = mpsc::channel::<Vec<u8>>(QUEUED);
        let task = tokio::spawn(async move {
            while let Some(frame) = frames.recv().await {
                if half.write_all(&frame).await.is_err() {
                    // The reading half sees the end.
                    return;
                }
            }
        });
        Self { queue, task }
    }

    /// Queues a message. False when the eye does not read, or the body is too long.
    #[must_use]
    pub fn tell(&self, message: &ToEye, body: &[u8]) -> bool {
        let mut frame = Vec::with_capacity(body.len() + 64);
        codec::encode(message, body, &mut frame).is_ok() && self.queue.try_send(frame).is_ok()
    }
}

impl EyeWriter {
    /// Whether half of the queue is free: the other half is for commands.
    #[must_use]
    pub fn has_room_for_ask(&self) -> bool {
        self.queue.capacity() > QUEUED / 2
    }
}

impl Drop for EyeWriter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn attempt(path: PathBuf, at: Instant) -> Attempt {
    Box::pin(async move {
        sleep_until(at).await;
        let mut stream = UnixStream::connect(&path).await?;
        let mut hello = Vec::new();
        codec::encode(&ToEye::Hello { version: LINK_VERSION }, &[], &mut hello)?;
        stream.write_all(&hello).await?;
        Ok(stream)
    })
}

/// The link.
pub struct EyeLink {
    path: PathBuf,
    state: State,
    decoder: Decoder,
    /// The stream turned out to be garbage.
    fault: Option<LinkError>,
    failures: usize,
    complained: Option<String>,
}

/// A try to connect and greet. Kept between calls: dropped half-way it would leave the eye with a connection that says nothing.
type Attempt = Pin<Box<dyn Future<Output = Result<UnixStream, Fault>> + Send>>;

enum State {
    Down { attempt: Attempt },
    Greeting { stream: UnixStream, until: Instant },
    Up { half: OwnedReadHalf },
}

impl EyeLink {
    /// A link to the socket at `path`, not yet tried.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        let state = State::Down { attempt: attempt(path.clone(), Instant::now()) };
        Self { path, state, decoder: Decoder::new(MAX_BODY), fault: None, failures: 0, complained: None }
    }

    /// Waits for the next thing to happen. Cancel-safe.
    pub async fn next(&mut self) -> EyeEvent {
        loop {
            match self.step().await {
                Ok(Some(event)) => return event,
                Ok(None) => {}
                Err(fault) => {
                    if let Some(event) = self.give_up(&fault) {
                        return event;
                    }
                }
            }
        }
    }

    async fn step(&mut self) -> Result<Option<EyeEvent>, Fault> {
        match &mut self.state {
            State::Down { attempt } => {
                let stream = attempt.await?;
                self.decoder = Decoder::new(MAX_BODY);
                self.state = State::Greeting { stream, until: Instant::now() + HELLO_WITHIN };
                Ok(None)
            }
            State::Greeting { stream, until } => {
                tokio::select! {
                    read = stream.read(self.decoder.room(READ)) => match read? {
                        0 => return Err(Fault::Closed),
                        bytes => self.decoder.filled(bytes),
                    },
                    () = sleep_until(*until) => return Err(Fault::NoAnswer),
                }
                self.greeted()
            }
            State::Up { .. } if self.fault.is_some() => self.fault.take().map_or(Ok(None), |fault| Err(fault.into())),
            State::Up { half } => match half.read(self.decoder.room(READ)).await? {
                0 => Err(Fault::Closed),
                bytes => {
                    self.decoder.filled(bytes);
                    Ok(Some(EyeEvent::Readable))
                }
            },
        }
    }

    fn greeted(&mut self) -> Result<Option<EyeEvent>, Fault> {
        let greeting = match self.decoder.next::<ToVoice>()? {
            None => return Ok(None),
            Some((ToVoice::Hello { version, .. }, _)) if version != LINK_VERSION => {
                return Err(Fault::Version(version));
            }
            Some((ToVoice::Hello { width, height, fps, codec, .. }, slate)) => {
                let codec = match codec {
                    link::Codec::H264 => rtp::Codec::H264,
                    link::Codec::H265 => rtp::Codec::H265,
                };
                Greeting { slate: slate.to_vec(), width, height, fps, codec }
            }
            Some(_) => return Err(Fault::NoGreeting),
        };
        let down = State::Down { attempt: attempt(self.path.clone(), Instant::now()) };
        let State::Greeting { stream, .. } = std::mem::replace(&mut self.state, down) else { return Ok(None) };
        let (half, writer) = stream.into_split();
        self.state = State::Up { half };
        self.failures = 0;
        self.complained = None;
        tracing::info!(width = greeting.width, height = greeting.height, fps = greeting.fps, "the eye is there");
        Ok(Some(EyeEvent::Up(greeting, EyeWriter::start(writer))))
    }

    fn give_up(&mut self, fault: &Fault) -> Option<EyeEvent> {
        let was_up = matches!(self.state, State::Up { .. });
        let retry_at = Instant::now() + RETRY[self.failures.min(RETRY.len() - 1)];
        self.failures += 1;
        self.state = State::Down { attempt: attempt(self.path.clone(), retry_at) };
        // Its memory is as large as the largest picture; nothing in it is of use any more.
        self.decoder = Decoder::new(MAX_BODY);
        self.fault = None;
        if was_up {
            tracing::warn!(%fault, "the link to the eye is lost");
        } else if self.complained.as_deref() != Some(fault.to_string().as_str()) {
            // Once for each cause: "not there yet" may be followed by "not allowed".
            tracing::warn!(%fault, socket = %self.path.display(), "no link to the eye; trying on");
            self.complained = Some(fault.to_string());
        }
        was_up.then_some(EyeEvent::Down)
    }

    /// The next whole message and its body; `None` until more bytes came, or when the stream turned out to be garbage
    /// (then [`EyeLink::next`] reports the end).
    pub fn message(&mut self) -> Option<(ToVoice, &[u8])> {
        if !matches!(self.state, State::Up { .. }) {
            return None;
        }
        match self.decoder.next::<ToVoice>() {
            Ok(found) => found,
            Err(fault) => {
                self.fault = Some(fault);
                None
            }
        }
    }
}
