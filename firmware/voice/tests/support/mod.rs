//! A board's surroundings for tests of the voice: a real Mosquitto, a scripted eye, a receiver, a control room's MQTT client. All on loopback.
//!
//! Every wait is for an event and bounded by [`PATIENCE`]; nothing here sleeps.
#![allow(dead_code, unreachable_pub, unused_imports)] // each test program uses its part, and is a crate of its own

mod broker;
mod eye;
mod flood;
mod receiver;
mod room;

pub use broker::{Broker, free_port};
pub use eye::{EyeSession, FakeEye, hello};
pub use flood::Flood;
pub use receiver::{Receiver, Seen, goodbye};
pub use room::Room;

use contract::{CameraId, EndReason, Jti, SiteId, SubscriberId, ToldReason};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use voice::config::{Config, Mqtt};

/// No wait takes longer; a test that needs it has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);
pub const SITE: &str = "demo";
pub const CAMERA: &str = "613";
/// SPS, PPS, IDR slice: enough for a session description.
pub const KEY: [u8; 24] =
    [0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x8c, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80, 0, 0, 0, 1, 0x65, 0x88, 0x84];
pub const SLATE: [u8; 24] =
    [0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x11, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x11, 0, 0, 0, 1, 0x65, 0x11, 0x11];
pub const LANDLORD: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub async fn patient<T>(what: &str, wait: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, wait).await {
        Ok(found) => found,
        Err(_) => panic!("waited {PATIENCE:?} in vain for {what}"),
    }
}

pub fn jti(text: &str) -> Jti {
    Jti::new(text).expect("an identifier")
}
pub fn sub() -> SubscriberId {
    SubscriberId::new("traffic-centre").expect("an identifier")
}
pub fn topic(level: &str) -> String {
    format!("campari/v1/{SITE}/{CAMERA}/{level}")
}

/// The voice, in this process.
pub struct Voice {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Voice {
    pub fn start(dir: &TempDir, port: u16) -> Self {
        Self::start_with(config(dir, port))
    }
    pub fn start_with(config: Config) -> Self {
        // Shown with a test that fails.
        let _ = tracing_subscriber::fmt().with_test_writer().with_env_filter("voice=debug").try_init();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            voice::run(config, async {
                let _ = stopped.await;
            })
            .await
            .expect("no TLS, no error");
        });
        Self { stop: Some(stop), task }
    }
    pub async fn stop(mut self) {
        let _ = self.stop.take().expect("once").send(());
        patient("the voice to stop", &mut self.task).await.expect("no panic");
    }
    pub fn is_running(&self) -> bool {
        !self.task.is_finished()
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn config(dir: &TempDir, port: u16) -> Config {
    Config {
        site: SiteId::new(SITE).expect("an identifier"),
        camera: CameraId::new(CAMERA).expect("an identifier"),
        link: socket(dir),
        mqtt: Mqtt { host: LANDLORD.to_string(), port, client_id: None, keep_alive_s: 5, scatter_s: 2, tls: None },
        rtp: voice::config::Rtp::default(),
        metrics: None,
        rtsp: None,
        relay: Vec::new(),
    }
}
pub fn socket(dir: &TempDir) -> PathBuf {
    dir.path().join("link.sock")
}

pub fn told(reason: EndReason) -> ToldReason {
    reason.told()
}

/// A picture that decoding cannot start at.
pub fn delta(number: u8) -> [u8; 8] {
    [0, 0, 0, 1, 0x41, 0x9a, number, 0x80]
}

pub fn state(challenge: &str) -> Vec<u8> {
    format!(
        r#"{{"mode":"normal","shares":[],"ladder":"clear","fps":25.0,"capture_to_link_p99_ms":12.0,"challenge":"{challenge}","now":1,
        "clock_synchronised":true,"firmware":"0","model":"m","model_sha256":"0","counters":{{"frames_captured":0,"frames_dropped":0,
        "pictures_sent":0,"objects_masked":0,"shapes_painted":0,"seconds_clear":0,"seconds_cautious":0,"seconds_covered":0,"seconds_dark":0}}}}"#
    )
    .into_bytes()
}

/// What a board runs on, to be held while it does.
pub struct Board {
    _voice: Voice,
    _eye: FakeEye,
    _broker: Broker,
    _dir: TempDir,
}

/// A board that is online, as its control room and its eye see it.
pub async fn board() -> (Room, EyeSession, Board) {
    let dir = TempDir::new().expect("a folder");
    let broker = Broker::start(&dir).await;
    let mut room = Room::join(broker.port).await;
    let listener = FakeEye::listen(&dir);
    let voice = Voice::start(&dir, broker.port);
    let eye = listener.greet().await;
    room.presence("online").await;
    (room, eye, Board { _voice: voice, _eye: listener, _broker: broker, _dir: dir })
}
