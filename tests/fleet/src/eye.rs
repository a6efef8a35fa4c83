//! A simulated eye: no camera, no picture, no disk; the link and the grant authority are the real ones, so its verdicts are real verdicts.
//!
//! Says how it is once a second, as the eye does. Serves one voice at a time.

use contract::body::{Answer, Refusal};
use contract::claims::{Delivery, Grant, Heartbeat, Revoke, TokenKind};
use contract::policy::MAX_POLICY;
use contract::{CameraId, Challenge, ErrorCode, Filter, Jti, KeyId, SiteId};
use grant::{Authority, Config, Event, Now};
use link::message::LINK_VERSION;
use link::{Codec, Decoder, Destination, StreamId, ToEye, ToVoice, codec};
use serde::de::DeserializeOwned;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use token::PublicKey;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::Instant;

const TELL_STATE_EVERY: Duration = Duration::from_secs(1);
/// Parameter sets and a slice of a picture: what a voice needs to describe a stream; never sent to anybody here.
const SLATE: [u8; 24] =
    [0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x8c, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80, 0, 0, 0, 1, 0x65, 0x88, 0x84];
const FILTERS: [Filter; 3] = [Filter::Pixelate, Filter::Fill, Filter::Coarse];

/// One board's eye.
pub struct Eye {
    site: SiteId,
    camera: CameraId,
    roots: Arc<[(KeyId, PublicKey)]>,
    authority: Authority,
    /// Messages to the voice, not yet written.
    out: Vec<u8>,
}

impl Eye {
    /// An eye that was just switched on.
    ///
    /// # Errors
    /// Never: the challenge is made of hexadecimal digits.
    pub fn new(site: SiteId, camera: CameraId, roots: Arc<[(KeyId, PublicKey)]>) -> Result<Self, contract::IdError> {
        let config = Config { site: site.clone(), camera: camera.clone(), filters: FILTERS.to_vec() };
        let challenge = Challenge::new(format!("{:032x}", rand::random::<u128>()))?;
        Ok(Self { site, camera, roots, authority: Authority::new(config, challenge, now()), out: Vec::new() })
    }

    /// Waits for voices at `path`, for ever.
    ///
    /// # Errors
    /// A socket that cannot be made.
    pub async fn run(mut self, path: &Path) -> std::io::Result<()> {
        let listener = UnixListener::bind(path)?;
        loop {
            let (stream, _) = listener.accept().await?;
            if let Err(cause) = self.serve(stream).await {
                tracing::debug!(%cause, "a voice went");
            }
            self.authority.handle_fault(None, now());
        }
    }

    async fn serve(&mut self, mut stream: UnixStream) -> std::io::Result<()> {
        let mut decoder = Decoder::new(MAX_POLICY);
        self.out.clear();
        self.tell(
            &ToVoice::Hello { version: LINK_VERSION, width: 1920, height: 1080, fps: 25.0, codec: Codec::H264 },
            &SLATE,
        );
        self.tell(&ToVoice::Catalogue, &self.catalogue());
        self.tell(&ToVoice::JournalHead, &json_of(&json!({"entries": 1, "head": "0".repeat(64)})));
        let mut told_state_at = None::<Instant>;
        loop {
            if told_state_at.is_none_or(|at| at.elapsed() >= TELL_STATE_EVERY) {
                self.tell_state();
                told_state_at = Some(Instant::now());
            }
            stream.write_all(&self.out).await?;
            self.out.clear();
            let state_due = told_state_at.unwrap_or_else(Instant::now) + TELL_STATE_EVERY;
            let authority_due = self
                .authority
                .poll_timeout()
                .map(|due_ms| Instant::now() + Duration::from_millis(due_ms.saturating_sub(now().monotonic_ms)));
            let due = authority_due.map_or(state_due, |due| due.min(state_due));
            tokio::select! {
                read = stream.read(decoder.room(4096)) => match read? {
                    0 => return Ok(()),
                    bytes => decoder.filled(bytes),
                },
                () = tokio::time::sleep_until(due) => {}
            }
            self.authority.handle_timeout(now());
            while let Some((message, body)) = decoder.next::<ToEye>().map_err(std::io::Error::other)? {
                let changed = self.hear(&message, body);
                self.tell_events();
                if changed {
                    told_state_at = None;
                }
            }
            self.tell_events();
        }
    }

    /// Whether `state` is to be told at once.
    fn hear(&mut self, message: &ToEye, body: &[u8]) -> bool {
        match *message {
            ToEye::Command { kind, correlation } => {
                let answer = self.command(kind, body).map_or_else(Answer::refused, Answer::done);
                self.tell(&ToVoice::Answer { correlation }, &json_of(&answer));
                kind != TokenKind::Heartbeat
            }
            ToEye::Policy { correlation } => {
                let answer = self.policy(body).map_or_else(Answer::refused, |()| Answer::done(None));
                self.tell(&ToVoice::Answer { correlation }, &json_of(&answer));
                true
            }
            _ => false,
        }
    }

    fn command(&mut self, kind: TokenKind, token: &[u8]) -> Result<Option<Jti>, Refusal> {
        match kind {
            TokenKind::Grant => {
                let grant: Grant = self.verified(kind, token)?;
                self.authority.handle_grant(grant, now()).map(Some)
            }
            TokenKind::Revoke => {
                let revoke: Revoke = self.verified(kind, token)?;
                self.authority.handle_revoke(&revoke, now()).map(|ended| ended.into_iter().next())
            }
            TokenKind::Heartbeat => {
                let heartbeat: Heartbeat = self.verified(kind, token)?;
                self.authority.handle_heartbeat(&heartbeat, now()).map(|()| None)
            }
            _ => Err(Refusal::new(ErrorCode::UnknownCommand, "the simulated eye does not know that command")),
        }
    }

    fn verified<C: DeserializeOwned>(&self, kind: TokenKind, token: &[u8]) -> Result<C, Refusal> {
        let none = || Refusal::new(ErrorCode::NoPolicy, "the board holds no policy yet");
        let policy = self.authority.policy().ok_or_else(none)?;
        Ok(token::verify(kind, token, |kid: &KeyId| token::policy::key_of(policy, kid))?)
    }

    fn policy(&mut self, bundle: &[u8]) -> Result<(), Refusal> {
        let policy = token::policy::verify(bundle, &self.roots, token::policy::SIGNATURES_NEEDED)?;
        self.authority.handle_policy(policy, now())?;
        self.tell(&ToVoice::Catalogue, &self.catalogue());
        Ok(())
    }

    fn tell_events(&mut self) {
        while let Some(event) = self.authority.poll_event() {
            let at_ms = now().utc_ms;
            match event {
                Event::Granted { grant, filter } => {
                    let Grant { envelope, sub, exp, .. } = *grant;
                    self.tell(
                        &ToVoice::ShareGranted {
                            jti: envelope.jti,
                            sub,
                            filter,
                            exp,
                            way: link::Way::Push,
                            seal_to: None,
                            at_ms,
                        },
                        &[],
                    );
                }
                Event::Started { jti, .. } => {
                    let Some(share) = self.authority.share(&jti) else { continue };
                    let delivery = match share.grant().delivery {
                        Delivery::Push { address, port } => Destination::Push { address, port },
                        Delivery::Pull => Destination::Pull,
                        Delivery::Relay => Destination::Relay,
                    };
                    self.tell(
                        &ToVoice::ShareStarted { jti, stream: StreamId(0), delivery, at_ms, encrypt_to: None },
                        &[],
                    );
                }
                Event::Ended { jti, sub, reason, told, .. } => {
                    let usage = json_of(&contract::body::Usage::default());
                    self.tell(&ToVoice::ShareEnded { jti, sub, reason, told, at_ms }, &usage);
                }
                _ => {}
            }
        }
    }

    fn tell_state(&mut self) {
        let now = now();
        // As JSON: fields that are new have their defaults.
        let state = json!({
            "mode": self.authority.mode(), "shares": self.authority.summaries(), "ladder": "clear", "fps": 25.0,
            "capture_to_link_p99_ms": 28.5, "challenge": self.authority.challenge(), "now": now.utc_s(), "clock_synchronised": true,
            "heartbeat_age_s": self.authority.heartbeat_age_ms(now).map(|age_ms| age_ms as f64 / 1_000.0),
            "policy_version": self.authority.policy().map(|policy| policy.version),
            "firmware": env!("CARGO_PKG_VERSION"), "model": "fleet", "model_sha256": "0".repeat(64),
            "counters": {"frames_captured": 0, "frames_dropped": 0, "pictures_sent": 0, "objects_masked": 0, "shapes_painted": 0,
                "seconds_clear": 0.0, "seconds_cautious": 0.0, "seconds_covered": 0.0, "seconds_dark": 0.0},
        });
        self.tell(&ToVoice::State, &json_of(&state));
    }

    fn catalogue(&self) -> Vec<u8> {
        let views = self.authority.policy().map_or(&[][..], |policy| &policy.views);
        let own: Vec<_> = views.iter().filter(|view| view.camera == self.camera).map(|view| &view.name).collect();
        json_of(&json!({
            "site": self.site, "camera": self.camera, "name": "a simulated junction", "place": "nowhere", "views": own,
            "filters": FILTERS.map(|filter| json!({"filter": filter, "fps": 25.0})), "codecs": ["h264"], "deliveries": ["push"],
        }))
    }

    fn tell(&mut self, message: &ToVoice, body: &[u8]) {
        if let Err(cause) = codec::encode(message, body, &mut self.out) {
            tracing::error!(%cause, "a message of the simulated eye is too long");
        }
    }
}

fn now() -> Now {
    Now { monotonic_ms: voice::clock::monotonic_us() / 1_000, utc_ms: voice::clock::utc_ms(), synchronised: true }
}

fn json_of(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
