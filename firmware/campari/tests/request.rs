//! `campari request` against a board that is played here, over a real Mosquitto: what becomes of the session description.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail them")]

use campari::mqtt::{Bus, BusSettings, Message};
use campari::stage::{BrokerFiles, Certificates, Child, Parties, Ports, Role};
use contract::asking::RequestEvent;
use contract::body::{Answer, PullCredential, Refusal, ShareEvent};
use contract::claims::{Delivery, Description, Request, TokenKind};
use contract::topic::{AskTopic, Topics};
use contract::{Audience, EncryptionKey, ErrorCode, Jti};
use serde_json::Value;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;
use token::{Sha256Digest, SigningKey};
use tokio::process::Command;
use tokio::sync::broadcast::Receiver;

const SOON: Duration = Duration::from_secs(20);
const OPEN: &str = "v=0\r\ns=open\r\n";
const WHOLE: &str = "v=0\r\ns=open\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:secret\r\n";

fn parties() -> Parties {
    Parties { site: "almere".parse().unwrap(), camera: "613".parse().unwrap(), subscriber: "tlc".parse().unwrap() }
}

fn topics() -> Topics {
    Topics::new(parties().site, parties().camera)
}

/// What the board, or who stands in for it, makes of a request.
type Describe = Box<dyn FnOnce(&Request, &Road) -> ShareEvent>;

/// A broker, a board on it, and a subscriber's folder.
struct Road {
    dir: tempfile::TempDir,
    board: Bus,
    heard: Receiver<Arc<Message>>,
    key: SigningKey,
    _broker: Child,
}

impl Road {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tls = dir.path().join("tls");
        std::fs::create_dir(&tls).unwrap();
        let certificates = Certificates::make(&tls, Ipv4Addr::LOCALHOST.into(), &parties()).unwrap();
        let files = BrokerFiles::write(&dir.path().join("broker"), &certificates, &[parties().site]).unwrap();
        let broker = files.start(dir.path()).await.unwrap();
        let ports: Ports = files.ports;
        let settings = BusSettings {
            client_id: "613".into(),
            subscribe: vec![topics().asks(AskTopic::Request), topics().asks(AskTopic::Leave)],
            ..BusSettings::default()
        };
        let board = Bus::open(&certificates.connection(Role::Board, ports), settings).unwrap();
        let heard = board.messages();
        board.ready(SOON).await.unwrap();
        let user = certificates.connection(Role::Subscriber, ports);
        let tls = user.tls.clone().unwrap();
        let identity = tls.identity.unwrap();
        let text = format!(
            "broker = \"{}:{}\"\nca = {:?}\ncert = {:?}\nkey_pem = {:?}\nsite = \"almere\"\nkey = \"tlc.jwk\"\n",
            user.host, user.port, tls.ca, identity.cert, identity.key
        );
        std::fs::write(dir.path().join("campari.toml"), text).unwrap();
        let road = Self { dir, board, heard, key: SigningKey::from_seed([7; 32]), _broker: broker };
        let made = road.campari(&["keygen", "tlc", "--role", "subscriber", "--out", "tlc.jwk"]).output().await.unwrap();
        assert!(made.status.success());
        road
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn campari(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_campari"));
        command.args(arguments).current_dir(self.dir.path()).env("HOME", self.dir.path()).env_remove("RUST_LOG");
        command.env_remove("XDG_CONFIG_HOME").kill_on_drop(true);
        command
    }

    /// Asks with `more`; the board grants, and says that the share started with what `describe` makes of the request.
    async fn ask(&mut self, more: &[&str], describe: impl FnOnce(&Request, &Road) -> ShareEvent) -> (Output, Jti) {
        self.ask_for(&["--push", "192.0.2.7:5004"], more, describe).await
    }

    /// The same, with another delivery.
    async fn ask_for(
        &mut self,
        delivery: &[&str],
        more: &[&str],
        describe: impl FnOnce(&Request, &Road) -> ShareEvent,
    ) -> (Output, Jti) {
        let asked = [
            &["--config", "campari.toml", "--camera", "613", "--view", "v", "--minutes", "5"][..],
            delivery,
            &["--purpose", "traffic", "--json"],
            more,
        ];
        let mut command = self.campari(&["request"]);
        let program = tokio::spawn(command.args(asked.concat()).output());
        let message = tokio::time::timeout(SOON, self.heard.recv()).await.expect("a request").unwrap();
        let payload = message.payload.split(|byte| *byte == b'.').nth(1).unwrap().to_vec();
        let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).unwrap();
        let request: Request = serde_json::from_slice(&claims).unwrap();
        let jti = request.envelope.jti.clone();
        let share: Jti = format!("s-{}", jti.as_str()).parse().unwrap();
        let pending = RequestEvent::Pending { until: request.envelope.iat + 60 };
        let answer = Answer { request: Some(pending), ..Answer::done(None) };
        let to = message.response_topic.as_deref().unwrap();
        self.board.answer(to, message.correlation.clone(), serde_json::to_vec(&answer).unwrap()).unwrap();
        let tell =
            |of: &Jti, event: Vec<u8>| self.board.publish(&topics().share(&parties().subscriber, of), event, false);
        let granted = RequestEvent::Granted { share: share.clone() };
        tell(&jti, serde_json::to_vec(&granted).unwrap()).unwrap();
        tell(&share, serde_json::to_vec(&describe(&request, self)).unwrap()).unwrap();
        (tokio::time::timeout(SOON, program).await.expect("it ends").unwrap().unwrap(), share)
    }

    fn signed(&self, request: &Request, sealed: Option<&str>) -> String {
        let digest = |text: &str| Sha256Digest::of(text).to_string();
        let claims = Description {
            iss: "board".parse().unwrap(),
            aud: Audience::camera(parties().site, parties().camera),
            iat: request.envelope.iat,
            sub: parties().subscriber,
            share: format!("s-{}", request.envelope.jti.as_str()).parse().unwrap(),
            sdp_sha256: digest(OPEN),
            sealed_sha256: sealed.map(digest),
        };
        token::sign(TokenKind::Description, &claims.iss, &claims, &self.key).unwrap()
    }
}

/// Sealed to the key that the request names.
fn sealed(request: &Request) -> String {
    let key = EncryptionKey::of_cnf(request.cnf.as_ref().expect("it names a key")).unwrap();
    token::jwe::seal(WHOLE.as_bytes(), "application/sdp", &key, [3; 32], [4; 12]).unwrap()
}

fn encrypted(request: &Request, _: &Road) -> ShareEvent {
    ShareEvent::Started { sdp: OPEN.into(), sealed: Some(sealed(request)), signed: None }
}

fn last_line(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(text.lines().last().unwrap_or_else(|| panic!("{output:?}"))).unwrap()
}

fn is_owners_alone(path: &Path) -> bool {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777 == 0o600
}

#[tokio::test]
async fn the_description_of_an_encrypted_stream_is_written_with_its_key_for_its_owner_alone() {
    let mut road = Road::new().await;
    let (output, _) = road.ask(&["--encrypt-key", "tlc.encrypt.jwk", "--sdp", "share.sdp"], encrypted).await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::read_to_string(road.path("share.sdp")).unwrap(), WHOLE);
    assert!(is_owners_alone(&road.path("share.sdp")));
    let said = last_line(&output);
    assert_eq!((&said["encrypted"], &said["sdp"]), (&true.into(), &OPEN.into()));
    let said = format!("{output:?}");
    assert!(!said.contains("inline:"), "the key is in the file alone: {said}");
    // The policy may name the key: the one beside the signing key opens it, though the request says nothing of it.
    let key = campari::keys::read_encryption_key(&road.path("tlc.encrypt.jwk")).unwrap();
    let (output, _) = road
        .ask(&["--sdp", "again.sdp"], |request, road| {
            assert_eq!(request.cnf, None);
            encrypted(&Request { cnf: Some(key), ..request.clone() }, road)
        })
        .await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::read_to_string(road.path("again.sdp")).unwrap(), WHOLE);
}

#[tokio::test]
async fn a_description_that_cannot_be_opened_is_said_so_and_nothing_is_written() {
    let mut road = Road::new().await;
    let other = EncryptionKey([9; 32]).to_cnf();
    let (output, share) = road
        .ask(&["--sdp", "share.sdp"], |request, road| encrypted(&Request { cnf: Some(other), ..request.clone() }, road))
        .await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("for another key") && said.contains(&format!("campari leave --share {share}")), "{said}");
    assert!(!road.path("share.sdp").exists());
    // Without any key, too.
    std::fs::rename(road.path("tlc.encrypt.jwk"), road.path("away.jwk")).unwrap();
    let key = campari::keys::read_encryption_key(&road.path("away.jwk")).unwrap();
    let (output, _) = road
        .ask(&["--sdp", "share.sdp"], |request, road| encrypted(&Request { cnf: Some(key), ..request.clone() }, road))
        .await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("give that key"), "{output:?}");
    assert!(!road.path("share.sdp").exists());
}

#[tokio::test]
async fn p5_with_the_boards_key_at_hand_only_what_the_board_signed_is_written() {
    let mut road = Road::new().await;
    let x = road.key.public().x();
    let more = ["--encrypt-key", "tlc.encrypt.jwk", "--sdp", "share.sdp", "--board-key", &x];
    let (output, _) = road
        .ask(&more, |request, road| {
            let sealed = sealed(request);
            let signed = road.signed(request, Some(&sealed));
            ShareEvent::Started { sdp: OPEN.into(), sealed: Some(sealed), signed: Some(signed) }
        })
        .await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(last_line(&output)["verified"], true);
    std::fs::remove_file(road.path("share.sdp")).unwrap();
    // The broker seals a description of its own to the subscriber's public key: anybody can.
    let mut forge: Vec<Describe> = vec![Box::new(encrypted)];
    forge.push(Box::new(|request, road| {
        let signed = road.signed(request, Some("what the board sealed"));
        ShareEvent::Started { sdp: OPEN.into(), sealed: Some(sealed(request)), signed: Some(signed) }
    }));
    forge.push(Box::new(|request, road| {
        let signed = road.signed(request, Some("what the board sealed"));
        ShareEvent::Started { sdp: OPEN.into(), sealed: None, signed: Some(signed) }
    }));
    for describe in forge {
        let (output, _) = road.ask(&more, describe).await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("signed"), "{output:?}");
        assert!(!road.path("share.sdp").exists());
    }
}

#[tokio::test]
async fn leaving_a_share_that_is_over_is_done_and_says_so() {
    let mut road = Road::new().await;
    let leave = ["leave", "--config", "campari.toml", "--camera", "613", "--share", "s-1"];
    // A player that said goodbye has ended it; another refusal stays one.
    let over = Refusal::new(ErrorCode::NoSuchShare, "no such share of this subscriber, or it is over");
    let away = Refusal::new(ErrorCode::EyeAbsent, "the eye is not running");
    let runs = [
        (&over, &[][..], 0, "it was over already"),
        (&over, &["--json"], 0, "\"already_over\":true"),
        (&away, &[], 1, "eye-absent"),
    ];
    for (refusal, how, status, words) in runs {
        let program = tokio::spawn(road.campari(&[&leave[..], how].concat()).output());
        let asked = tokio::time::timeout(SOON, road.heard.recv()).await.expect("a leave").unwrap();
        let answer = serde_json::to_vec(&Answer::refused(refusal.clone())).unwrap();
        road.board.answer(asked.response_topic.as_deref().unwrap(), asked.correlation.clone(), answer).unwrap();
        let output = tokio::time::timeout(SOON, program).await.expect("it ends").unwrap().unwrap();
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(words), "{output:?}");
    }
}

fn invitation(url: Option<&str>, credential: Option<String>) -> ShareEvent {
    let exp = 2_000_000_000;
    ShareEvent::Granted { exp, filter: contract::Filter::Fill, url: url.map(str::to_owned), credential }
}

#[tokio::test]
async fn who_asks_to_fetch_is_told_the_url_and_the_credential_that_only_its_key_opens() {
    const URL: &str = "rtsps://cam-613.example.org:8322/613";
    let mut road = Road::new().await;
    let sealed = |request: &Request| {
        assert_eq!(request.delivery, Delivery::Pull);
        let key = EncryptionKey::of_cnf(request.cnf.as_ref().expect("it names a key")).unwrap();
        let credential = PullCredential { user: "tlc".parse().unwrap(), password: "a secret".into() };
        let json = serde_json::to_vec(&credential).unwrap();
        token::jwe::seal(&json, "application/json", &key, [3; 32], [4; 12]).unwrap()
    };
    let with_key = ["--encrypt-key", "tlc.encrypt.jwk"];
    let (output, share) =
        road.ask_for(&["--pull"], &with_key, |request, _| invitation(Some(URL), Some(sealed(request)))).await;
    assert!(output.status.success(), "{output:?}");
    let said = last_line(&output);
    assert_eq!((&said["event"], &said["share"], &said["url"]), (&"fetch".into(), &share.as_str().into(), &URL.into()));
    assert_eq!((&said["credential"]["user"], &said["credential"]["password"]), (&"tlc".into(), &"a secret".into()));
    // A board without an RTSP server says nothing of where.
    let (output, _) = road.ask_for(&["--pull"], &with_key, |_, _| invitation(None, None)).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("serves no RTSP"), "{output:?}");
}

#[tokio::test]
async fn who_asks_for_a_relay_is_told_where_its_viewers_find_it() {
    const URL: &str = "rtsps://media.example.org:8322/almere/tlc/613";
    let mut road = Road::new().await;
    let (output, share) = road
        .ask_for(&["--relay"], &[], |request, _| {
            assert_eq!(request.delivery, Delivery::Relay);
            invitation(Some(URL), None)
        })
        .await;
    assert!(output.status.success(), "{output:?}");
    let said = last_line(&output);
    assert_eq!((&said["event"], &said["share"], &said["url"]), (&"relay".into(), &share.as_str().into(), &URL.into()));
}
