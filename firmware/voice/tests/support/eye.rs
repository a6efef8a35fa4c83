//! The eye's end of the link.

use super::{LANDLORD, SLATE, jti, patient, socket, state, sub};
use contract::{EndReason, Filter, Rung};
use link::message::LINK_VERSION;
use link::{Codec, Decoder, Destination, MAX_BODY, StreamId, ToEye, ToVoice, codec};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

/// The eye's end of the link, scripted.
pub struct FakeEye {
    listener: UnixListener,
}

pub struct EyeSession {
    pub stream: UnixStream,
    decoder: Decoder,
}

impl FakeEye {
    pub fn listen(dir: &TempDir) -> Self {
        let path = socket(dir);
        let _ = std::fs::remove_file(&path);
        Self { listener: UnixListener::bind(path).expect("a socket") }
    }
    /// The next voice that connects, not yet greeted.
    pub async fn accept(&self) -> EyeSession {
        let (stream, _) = patient("the voice to connect", self.listener.accept()).await.expect("a connection");
        let mut session = EyeSession { stream, decoder: Decoder::new(MAX_BODY) };
        let (hello, _) = session.hear().await;
        assert_eq!(hello, ToEye::Hello { version: LINK_VERSION });
        session
    }
    /// Accepts, greets, and says how it is.
    pub async fn greet(&self) -> EyeSession {
        self.greet_with(&SLATE).await
    }
    pub async fn greet_with(&self, slate: &[u8]) -> EyeSession {
        self.greet_as(Codec::H264, slate).await
    }
    pub async fn greet_as(&self, codec: Codec, slate: &[u8]) -> EyeSession {
        let mut session = self.accept().await;
        session.say(hello(codec), slate).await;
        session.say(ToVoice::State, &state("c1")).await;
        session
    }
}

/// The eye's greeting.
pub fn hello(codec: Codec) -> ToVoice {
    ToVoice::Hello { version: LINK_VERSION, width: 640, height: 360, fps: 25.0, codec }
}

impl EyeSession {
    pub async fn say(&mut self, message: ToVoice, body: &[u8]) {
        let mut frame = Vec::new();
        codec::encode(&message, body, &mut frame).expect("fits");
        self.stream.write_all(&frame).await.expect("the voice reads");
    }
    pub async fn hear(&mut self) -> (ToEye, Vec<u8>) {
        patient("a message from the voice", async {
            loop {
                if let Some((message, body)) = self.decoder.next::<ToEye>().expect("a link") {
                    return (message, body.to_vec());
                }
                let room = self.decoder.room(64 * 1024);
                let bytes = self.stream.read(room).await.expect("readable");
                assert!(bytes > 0, "the voice closed the link");
                self.decoder.filled(bytes);
            }
        })
        .await
    }
    /// The next message that `wanted` picks.
    pub async fn hear_until<T>(&mut self, wanted: impl Fn(&ToEye, &[u8]) -> Option<T>) -> T {
        loop {
            let (message, body) = self.hear().await;
            if let Some(found) = wanted(&message, &body) {
                return found;
            }
        }
    }
    pub async fn grant(&mut self, share: &str) {
        let message = ToVoice::ShareGranted {
            jti: jti(share),
            sub: sub(),
            filter: Filter::Fill,
            exp: 2_000_000_000,
            way: link::Way::Push,
            seal_to: None,
            at_ms: 1000,
        };
        self.say(message, &[]).await;
    }
    /// Who may fetch: the one subscriber, with this password.
    pub async fn admit(&mut self, pullers: &link::Pullers) {
        self.say(ToVoice::Pullers, &serde_json::to_vec(pullers).expect("made")).await;
    }
    /// A share to be fetched is granted, and its window opens.
    pub async fn grant_pull(&mut self, share: &str) {
        let (jti, exp) = (jti(share), 2_000_000_000);
        let filter = Filter::Fill;
        let granted =
            ToVoice::ShareGranted { jti, sub: sub(), filter, exp, way: link::Way::Pull, seal_to: None, at_ms: 1000 };
        self.say(granted, &[]).await;
        self.wait_for_viewer(share).await;
    }
    /// A share to be published to a media server is granted, and its window opens.
    pub async fn grant_relay(&mut self, share: &str, to: &link::Relay) {
        let (jti, exp) = (jti(share), 2_000_000_000);
        let (filter, way) = (Filter::Fill, link::Way::Relay);
        let granted = ToVoice::ShareGranted { jti, sub: sub(), filter, exp, way, seal_to: None, at_ms: 1000 };
        self.say(granted, &serde_json::to_vec(to).expect("made")).await;
        self.wait_for_viewer(share).await;
    }
    /// The media server is there.
    pub async fn start_relay(&mut self, share: &str) {
        let (stream, delivery, encrypt_to) = (StreamId(0), Destination::Relay, None);
        self.say(ToVoice::ShareStarted { jti: jti(share), stream, delivery, encrypt_to, at_ms: 2000 }, &[]).await;
    }
    pub async fn resume(&mut self, share: &str) {
        self.say(ToVoice::ShareResumed { jti: jti(share), sub: sub(), at_ms: 3000 }, &[]).await;
    }
    pub async fn wait_for_viewer(&mut self, share: &str) {
        let until = 2_000_000_000;
        self.say(ToVoice::ShareWaiting { jti: jti(share), sub: sub(), until, at_ms: 1100 }, &[]).await;
    }
    /// Its first viewer is there.
    pub async fn start_pull(&mut self, share: &str) {
        let (stream, delivery, encrypt_to) = (StreamId(0), Destination::Pull, None);
        self.say(ToVoice::ShareStarted { jti: jti(share), stream, delivery, encrypt_to, at_ms: 2000 }, &[]).await;
    }
    pub async fn hears_joined(&mut self, share: &str) {
        self.hear_until(|said, _| (*said == ToEye::ViewerJoined { jti: jti(share) }).then_some(())).await;
    }
    pub async fn start(&mut self, share: &str, stream: u8, port: u16) {
        let delivery = Destination::Push { address: LANDLORD, port };
        let stream = StreamId(stream);
        let encrypt_to = None;
        self.say(ToVoice::ShareStarted { jti: jti(share), stream, delivery, encrypt_to, at_ms: 2000 }, &[]).await;
    }
    pub async fn end(&mut self, share: &str, reason: EndReason) {
        let message = ToVoice::ShareEnded { jti: jti(share), sub: sub(), reason, told: reason.told(), at_ms: 3000 };
        self.say(message, br#"{"pictures":7,"bytes":99,"seconds_clear":1.5,"seconds_cautious":0,"seconds_covered":0,"seconds_dark":0}"#)
            .await;
    }
    pub async fn picture(&mut self, stream: u8, captured_utc_us: u64, unit: &[u8]) {
        self.picture_as(stream, captured_utc_us, unit, rtp::annexb::is_key(unit)).await;
    }
    /// A picture of any codec.
    pub async fn picture_as(&mut self, stream: u8, captured_utc_us: u64, unit: &[u8], key: bool) {
        let captured_monotonic_us = voice::clock::monotonic_us();
        let message =
            ToVoice::Unit { stream: StreamId(stream), captured_utc_us, captured_monotonic_us, key, rung: Rung::Clear };
        self.say(message, unit).await;
    }
}
