//! The authority's office: one lock around the grant authority, the journal and the shares' tallies.
//!
//! **Nothing leaves the eye but through [`Desk::deliver`](crate::road::Desk::deliver), which asks the authority for the very moment; and nothing flows before its start is on the disk.**
//! Signed bytes come in from the link, are verified here, judged by `grant`, journaled, and answered. Runs on one thread of its own ([`Office::run`]); the frame
//! road looks in through [`Desk`](crate::road::Desk).

mod asks;
mod bucket;
mod commands;
mod desk;
mod noted;
mod pins;
mod record;
mod refusals;
mod state;
mod tally;
mod told;
mod usage;

pub use pins::OFF_AFTER_MS;
pub use record::Record;

use crate::board_key::BoardKey;
use crate::config::Config;
use crate::pull_key::PullKey;
use crate::road::Report;
use crate::server::{LinkEvent, Outbox};
use crate::store::{Store, StoreError};
use crate::usage_store::UsageStore;
use board_hal::{Aiming, CameraFormat, Clock, Codec, NoPins, Pins};
use contract::body::{Answer, Refusal, SignedHead};
use contract::claims::TokenKind;
use contract::policy::Policy;
use contract::topic::AskTopic;
use contract::{ErrorCode, Filter, KeyId};
use grant::{Authority, Now};
use link::message::{LINK_VERSION, StreamId, ToEye, ToVoice};
use mask::Scene;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tally::Tallies;
use token::{PublicKey, Sha256Digest};

/// The one encode of this board.
const STREAM: StreamId = StreamId(0);
/// Filters that this board paints.
pub const FILTERS: [Filter; 4] = Filter::ALL;
/// `state` is told at least this often.
const TELL_STATE_EVERY_MS: u64 = 1_000;
/// A challenge lives this long.
const CHALLENGE_LIFE_MS: u64 = 3_600_000;
/// A viewer's wish for a key picture is heard at most this often.
const KEY_EVERY_MS: u64 = 500;
/// A journal that cannot be written is tried again this often.
const MEND_EVERY_MS: u64 = 1_000;

/// Why the office cannot open.
#[derive(Debug, thiserror::Error)]
pub enum OfficeError {
    /// The state folder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A root key in the configuration.
    #[error("configuration: policy.roots: key {kid}: {cause}")]
    Root {
        /// Which key.
        kid: KeyId,
        /// What is wrong.
        cause: String,
    },
    /// The bundle named in the configuration.
    #[error("policy bundle {file}: {cause}")]
    Bundle {
        /// Which file.
        file: String,
        /// What is wrong.
        cause: String,
    },
    /// The journal.
    #[error("journal: {0}")]
    Journal(String),
    /// The machine gives no randomness.
    #[error("no randomness for the challenge: {0}")]
    Randomness(String),
}

/// What the voice must be told first.
struct Greeting {
    width: u32,
    height: u32,
    fps: f32,
    codec: link::Codec,
    slate: Vec<u8>,
}

/// Everything under the one lock.
struct Books {
    authority: Authority,
    saved_generation: u64,
    /// That the replay memory could not be saved has been said; it is tried at every turn.
    said_unsaved: bool,
    record: Record,
    /// Signs the journal's heads; absent while a full disk keeps it from being made.
    board_key: Option<BoardKey>,
    /// Makes the subscribers' RTSP credentials; absent while a full disk keeps it from being made, and then nobody fetches.
    pull_key: Option<PullKey>,
    tallies: Tallies,
    usage: UsageStore,
    /// The open shares' common scene; `None` when none is open or it cannot be painted.
    scene: Option<Scene>,
    /// A camera that turns to the granted view.
    aiming: Option<Arc<dyn Aiming>>,
    greeting: Option<Greeting>,
    report: Option<Report>,
    key_wanted: bool,
    key_heard_ms: u64,
    challenge_since_ms: u64,
    told_state_ms: u64,
    /// Whether the log has been told that the clock is synchronised, or is not.
    told_clock: Option<bool>,
    /// When it was last tried to write to a journal that cannot be written.
    mended_ms: u64,
    /// Frames captured when the state was last told, and when that was; for the frame rate.
    captured_before: (u64, u64),
    fps: f32,
    pins: pins::Standing,
    /// How often subscribers have asked of late.
    asks: asks::Asks,
    /// Which refusals are in the journal.
    refusals: refusals::Refusals,
    /// The token of the command that is being carried out, for the journal.
    token: Option<String>,
    /// What no voice was there to hear, of before a restart or of the voice that went away: ends of shares and requests.
    untold: Vec<Untold>,
}

/// An end to be told to the next voice.
struct Untold {
    message: ToVoice,
    body: Vec<u8>,
}

/// See the [module](self).
pub struct Office {
    inner: Mutex<Books>,
    outbox: Arc<Outbox>,
    clock: Arc<dyn Clock>,
    store: Store,
    roots: Vec<(KeyId, PublicKey)>,
    about: state::About,
    pins: Arc<dyn Pins>,
    /// The privacy switch counts as on; for the road.
    private: AtomicBool,
    /// When [`Office::run`] last came round, monotonic.
    round_ms: AtomicU64,
}

impl Office {
    /// Opens the office: reads what was kept, verifies the policy held, tells the journal that the eye has started, and ends in it what a crash left open.
    ///
    /// # Errors
    /// [`OfficeError`].
    pub fn open(
        config: &Config,
        model: (String, String),
        store: Store,
        outbox: Arc<Outbox>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OfficeError> {
        let roots = roots(config)?;
        let now = now(clock.as_ref());
        let snapshot = match store.read("memory.json")? {
            None => grant::Snapshot::first(),
            Some(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::error!(%error, "memory.json cannot be read; the camera is reserved until a release");
                grant::Snapshot::unreadable()
            }),
        };
        let authority_config =
            grant::Config { site: config.site.clone(), camera: config.camera.clone(), filters: FILTERS.to_vec() };
        let mut authority = Authority::restore(authority_config, challenge()?, snapshot, now);
        for (file, bytes) in policies(config, &store)? {
            verify_policy(&bytes, &roots)
                .and_then(|policy| authority.handle_policy(policy, now))
                .map_err(|refusal| OfficeError::Bundle { file, cause: refusal.to_string() })?;
        }
        let usage = UsageStore::open(&store, &config.site, &config.camera, now.utc_ms)?;
        let (record, left_open) = Record::open(&store, config.journal.limits(), &model, now)?;
        let office = Self {
            inner: Mutex::new(Books {
                authority,
                saved_generation: 0,
                said_unsaved: false,
                record,
                board_key: None,
                pull_key: None,
                tallies: Tallies::default(),
                usage,
                scene: None,
                aiming: None,
                greeting: None,
                report: None,
                key_wanted: false,
                key_heard_ms: 0,
                challenge_since_ms: now.monotonic_ms,
                told_state_ms: 0,
                told_clock: None,
                mended_ms: now.monotonic_ms,
                captured_before: (now.monotonic_ms, 0),
                fps: 0.0,
                pins: pins::Standing::default(),
                asks: asks::Asks::default(),
                refusals: refusals::Refusals::default(),
                token: None,
                untold: Vec::new(),
            }),
            outbox,
            clock,
            store,
            roots,
            about: state::About::new(config, model),
            pins: Arc::new(NoPins),
            private: AtomicBool::new(false),
            round_ms: AtomicU64::new(now.monotonic_ms),
        };
        {
            let mut desk = office.lock();
            for share in left_open {
                desk.end_left_open(share, now);
            }
            desk.usage.tidy();
            if let Some(version) = desk.authority.policy().map(|policy| policy.version)
                && let Err(error) = desk.record.policy(version, now)
            {
                tracing::error!(%error, "the policy in force is not in the journal");
            }
            office.find_keys(&mut desk, now);
            office.settle(&mut desk, now);
        }
        Ok(office)
    }

    /// The camera turns: it is sent to the view that is granted.
    pub fn aim_with(&self, aiming: Arc<dyn Aiming>) {
        let mut desk = self.lock();
        desk.aiming = Some(aiming);
        desk.authority.set_turning();
        desk.set_scene();
    }

    /// Attends to the link and the clock until the link's sender is gone.
    pub fn run(&self, events: &Receiver<LinkEvent>) {
        loop {
            let wait = self.wait();
            let event = match events.recv_timeout(wait) {
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            // A large policy takes a while to verify, and the frame road is not to wait for that.
            let policy = match &event {
                Some(LinkEvent::Said(ToEye::Policy { .. }, bundle)) => Some(verify_policy(bundle, &self.roots)),
                _ => None,
            };
            let now = now(self.clock.as_ref());
            self.round_ms.store(now.monotonic_ms, Ordering::Release);
            let mut desk = self.lock();
            desk.authority.handle_timeout(now);
            let changed = self.look_at_pins(&mut desk, now);
            desk.look_at_aim(now);
            match (event, policy) {
                (Some(LinkEvent::Said(ToEye::Policy { correlation }, bundle)), Some(policy)) => {
                    self.policy_came(&mut desk, correlation, policy, &bundle, now);
                }
                (Some(event), _) => self.handle(&mut desk, event, now),
                (None, _) => {}
            }
            self.rotate_challenge(&mut desk, now);
            self.settle(&mut desk, now);
            self.check_light(&mut desk, now);
            self.record_report(&mut desk, now);
            self.tend_usage(&mut desk, now);
            let changed = self.mend_journal(&mut desk, now) || changed;
            self.tend_refusals(&mut desk, now);
            if changed || now.monotonic_ms.saturating_sub(desk.told_state_ms) >= TELL_STATE_EVERY_MS {
                self.tell_state(&mut desk, now);
            }
        }
    }

    /// Ends every share and waits a moment for the voice to be told.
    pub fn close(&self) {
        let now = now(self.clock.as_ref());
        let mut desk = self.lock();
        desk.authority.handle_stop(now);
        self.settle(&mut desk, now);
        drop(desk);
        self.rest();
        self.outbox.flush(Duration::from_millis(300));
    }

    /// When the office last came round, milliseconds on the monotonic clock: an office that stands still is not healthy.
    #[must_use]
    pub fn came_round_ms(&self) -> u64 {
        self.round_ms.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until the next deadline, whichever it is.
    fn wait(&self) -> Duration {
        let desk = self.lock();
        let now_ms = self.clock.monotonic_us() / 1_000;
        let state_ms = desk.told_state_ms + TELL_STATE_EVERY_MS;
        let due_ms = desk.authority.poll_timeout().map_or(state_ms, |due_ms| due_ms.min(state_ms));
        Duration::from_millis(due_ms.saturating_sub(now_ms).clamp(1, TELL_STATE_EVERY_MS))
    }

    fn handle(&self, desk: &mut Books, event: LinkEvent, now: Now) {
        match event {
            LinkEvent::Connected(stream) => self.greet(desk, stream, now),
            LinkEvent::Disconnected => {
                // Whoever carried the media is gone, and with it every share.
                desk.authority.handle_fault(None, now);
            }
            // A policy was taken before: `run` does that.
            LinkEvent::Said(ToEye::Hello { .. } | ToEye::Policy { .. }, _) => {}
            LinkEvent::Said(ToEye::Command { kind, correlation }, token) => {
                let answer = match self.command(desk, kind, &token, now) {
                    Ok(done) => done.answer(),
                    Err(refusal) => {
                        tracing::info!(?kind, code = %refusal.code, "a command was refused");
                        self.refused(desk, Some(kind), &token, refusal.code, now);
                        Answer::refused(refusal)
                    }
                };
                self.settle(desk, now);
                self.answer(correlation, &answer);
                // Whoever only asks, and in vain, changes nothing: no state for that.
                let asked_in_vain = !answer.ok && AskTopic::ALL.iter().any(|ask| ask.carries(kind));
                if kind != TokenKind::Heartbeat && !asked_in_vain {
                    self.tell_state(desk, now);
                }
            }
            LinkEvent::Said(ToEye::KeyPicture { jti }, _) => {
                if desk.authority.share(&jti).is_some()
                    && now.monotonic_ms.saturating_sub(desk.key_heard_ms) >= KEY_EVERY_MS
                {
                    desk.key_heard_ms = now.monotonic_ms;
                    desk.key_wanted = true;
                }
            }
            LinkEvent::Said(ToEye::ViewerJoined { jti }, _) => {
                desk.authority.handle_viewer_joined(&jti, now);
            }
            LinkEvent::Said(ToEye::ViewerLost { jti }, _) => {
                desk.authority.handle_viewer_lost(&jti, now);
            }
            LinkEvent::Said(ToEye::ViewerLeft { jti }, _) => {
                desk.authority.handle_viewer_left(&jti, now);
            }
            LinkEvent::Said(ToEye::BrokerBack, _) => desk.usage.afresh(now.monotonic_ms),
            LinkEvent::Said(ToEye::Described { jti, sdp_sha256, sealed_sha256 }, _) => {
                let digests = (Sha256Digest(sdp_sha256), sealed_sha256.map(Sha256Digest));
                self.sign_description(desk, jti, digests, now);
            }
        }
    }

    fn answer(&self, correlation: u64, answer: &Answer) {
        self.outbox.tell(&ToVoice::Answer { correlation }, &json(answer));
    }

    /// Tells a new voice all that it must know.
    fn greet(&self, desk: &mut Books, stream: UnixStream, now: Now) {
        // A voice that was there before is gone; its shares ended when it went, or end now.
        desk.authority.handle_fault(None, now);
        self.settle(desk, now);
        self.outbox.open(stream);
        self.say_hello(desk);
        for Untold { message, body } in desk.untold.drain(..) {
            self.outbox.tell(&message, &body);
        }
        self.tell_inbox(desk);
        desk.usage.afresh(now.monotonic_ms);
        self.tell_head(desk, now);
        self.tell_state(desk, now);
    }

    fn say_hello(&self, desk: &Books) {
        let Some(greeting) = &desk.greeting else { return };
        let Greeting { width, height, fps, codec, .. } = *greeting;
        self.outbox.tell(&ToVoice::Hello { version: LINK_VERSION, width, height, fps, codec }, &greeting.slate);
        self.outbox.tell(&ToVoice::Catalogue, &json(&self.about.catalogue(desk.authority.policy(), fps)));
        self.tell_pullers(desk);
    }

    fn tell_head(&self, desk: &Books, now: Now) {
        let head = desk.record.head();
        let unsigned = SignedHead { head: head.clone(), board_key: None, token: None };
        let signed = match &desk.board_key {
            None => unsigned,
            Some(key) => key.sign(head, now).unwrap_or_else(|error| {
                tracing::error!(%error, "the journal's head is not signed");
                unsigned
            }),
        };
        self.outbox.tell(&ToVoice::JournalHead, &json(&signed));
    }

    fn find_keys(&self, desk: &mut Books, now: Now) {
        match BoardKey::open(&self.store, &self.about.site, &self.about.camera, now.utc_ms) {
            Ok(key) => desk.board_key = Some(key),
            Err(error) => tracing::error!(%error, "the journal's heads are not signed"),
        }
        match PullKey::open(&self.store, &self.about.site, &self.about.camera, now.utc_ms) {
            Ok(key) => desk.pull_key = Some(key),
            Err(error) => tracing::error!(%error, "nobody can fetch by RTSP"),
        }
    }

    /// Who may fetch, to the voice; nobody without a policy.
    fn tell_pullers(&self, desk: &Books) {
        let pullers = desk.authority.policy().zip(desk.pull_key.as_ref()).map(|(policy, key)| key.pullers(policy));
        self.outbox.tell(&ToVoice::Pullers, &json(&pullers.unwrap_or_default()));
    }

    /// Once a second: whether there is still room; and where there was none, whether there is again. True when that changed.
    fn mend_journal(&self, desk: &mut Books, now: Now) -> bool {
        if now.monotonic_ms.saturating_sub(desk.mended_ms) < MEND_EVERY_MS {
            return false;
        }
        desk.mended_ms = now.monotonic_ms;
        if desk.record.fault().is_none() {
            desk.record.check(now);
            self.settle(desk, now);
            return desk.record.fault().is_some();
        }
        if !desk.record.mend(now) {
            return false;
        }
        if desk.board_key.is_none() || desk.pull_key.is_none() {
            self.find_keys(desk, now);
            self.tell_pullers(desk);
        }
        self.tell_head(desk, now);
        true
    }

    fn rotate_challenge(&self, desk: &mut Books, now: Now) {
        if now.monotonic_ms.saturating_sub(desk.challenge_since_ms) < CHALLENGE_LIFE_MS {
            return;
        }
        match challenge() {
            Ok(new) => {
                desk.authority.rotate_challenge(new, now);
                desk.challenge_since_ms = now.monotonic_ms;
                self.tell_state(desk, now);
            }
            Err(error) => tracing::error!(%error, "the challenge stays as it is"),
        }
    }

    /// The camera's format is known: greets the voice with it.
    fn set_format(&self, format: &CameraFormat, codec: Codec, slate: &[u8]) {
        let mut desk = self.lock();
        desk.greeting = Some(Greeting {
            width: format.geometry.width as u32,
            height: format.geometry.height as u32,
            fps: format.fps,
            codec: match codec {
                Codec::H264 => link::Codec::H264,
                Codec::H265 => link::Codec::H265,
            },
            slate: slate.to_vec(),
        });
        desk.set_scene();
        self.say_hello(&desk);
    }
}

/// Both clocks at one instant, as `grant` wants them.
fn now(clock: &dyn Clock) -> Now {
    Now {
        monotonic_ms: clock.monotonic_us() / 1_000,
        utc_ms: clock.utc_us() / 1_000,
        synchronised: clock.synchronised(),
    }
}

fn json<T: serde::Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|error| {
        tracing::error!(%error, "a message cannot be written as JSON");
        Vec::new()
    })
}

fn challenge() -> Result<contract::Challenge, OfficeError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|e| OfficeError::Randomness(e.to_string()))?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    contract::Challenge::new(text).map_err(|e| OfficeError::Randomness(e.to_string()))
}

fn roots(config: &Config) -> Result<Vec<(KeyId, PublicKey)>, OfficeError> {
    let read = |root: &crate::config::RootKey| {
        let kid = root.kid.clone();
        match PublicKey::from_x(&root.x) {
            Ok(key) => Ok((kid, key)),
            Err(cause) => Err(OfficeError::Root { kid, cause: cause.to_string() }),
        }
    };
    config.policy.roots.iter().map(read).collect()
}

/// The bundles that may be in force at start: the one held, and the one delivered with provisioning, oldest version last judged by the authority.
fn policies(config: &Config, store: &Store) -> Result<Vec<(String, Vec<u8>)>, OfficeError> {
    let mut found = Vec::new();
    if let Some(bytes) = store.read("policy.json")? {
        found.push(("policy.json in the state folder".to_owned(), bytes));
    } else if let Some(path) = &config.policy.bundle {
        let file = path.display().to_string();
        let bytes =
            std::fs::read(path).map_err(|e| OfficeError::Bundle { file: file.clone(), cause: e.to_string() })?;
        found.push((file, bytes));
    }
    Ok(found)
}

fn verify_policy(bytes: &[u8], roots: &[(KeyId, PublicKey)]) -> Result<Policy, Refusal> {
    Ok(token::policy::verify(bytes, roots, token::policy::SIGNATURES_NEEDED)?)
}

/// For the commands that a later version will know.
fn unknown_command() -> Refusal {
    Refusal::new(ErrorCode::UnknownCommand, "this version does not know that command")
}
