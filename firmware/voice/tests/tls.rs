//! TLS towards the broker: our authority only, both sides with a certificate.

mod support;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::path::{Path, PathBuf};
use support::*;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use voice::config::Tls;

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("made");
        // Of another name than what it signs, or that looks self-signed.
        params.distinguished_name.push(DnType::CommonName, "test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("made");
        let pem = params.self_signed(&key).expect("made").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }
    fn write(&self, dir: &Path, name: &str) -> Tls {
        let key = KeyPair::generate().expect("made");
        let cert = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()])
            .expect("made")
            .signed_by(&key, &self.issuer)
            .expect("made");
        let write = |suffix: &str, text: String| -> PathBuf {
            let path = dir.join(format!("{name}.{suffix}"));
            std::fs::write(&path, text).expect("made");
            path
        };
        Tls {
            ca: write("ca", self.pem.clone()),
            cert: write("cert", cert.pem()),
            key: write("key", key.serialize_pem()),
        }
    }
}

/// A broker with a TLS listener that wants a certificate, and one in clear for the test.
async fn broker(dir: &TempDir, server: &Tls) -> (Broker, u16) {
    let (clear, tls) = (free_port(), free_port());
    let text = format!(
        "listener {clear} 127.0.0.1\nallow_anonymous true\nlistener {tls} 127.0.0.1\nallow_anonymous true\ncafile {}\n\
        certfile {}\nkeyfile {}\nrequire_certificate true\n",
        server.ca.display(),
        server.cert.display(),
        server.key.display()
    );
    (Broker::start_with(dir, clear, &text).await, tls)
}

#[tokio::test]
async fn the_voice_comes_with_a_certificate_and_checks_the_brokers() {
    let dir = TempDir::new().unwrap();
    let authority = Authority::new();
    let (broker, port) = broker(&dir, &authority.write(dir.path(), "server")).await;
    let mut room = Room::join(broker.port).await;
    let mut config = config(&dir, port);
    config.mqtt.tls = Some(authority.write(dir.path(), "board"));
    let _voice = Voice::start_with(config);
    room.presence("eye-absent").await;
}

#[tokio::test]
async fn a_broker_of_another_authority_is_not_spoken_to() {
    let dir = TempDir::new().unwrap();
    let (broker, port) = broker(&dir, &Authority::new().write(dir.path(), "server")).await;
    let mut room = Room::join(broker.port).await;
    // Between them a relay that sees the voice try and give up.
    let relay = TcpListener::bind((LANDLORD, 0)).await.unwrap();
    let mut wrong = config(&dir, relay.local_addr().unwrap().port());
    wrong.mqtt.tls = Some(Authority::new().write(dir.path(), "board"));
    let wrong = Voice::start_with(wrong);
    for _ in 0..2 {
        let (mut from, _) = patient("the voice to try", relay.accept()).await.unwrap();
        let mut to = TcpStream::connect((LANDLORD, port)).await.unwrap();
        let _ = patient("the voice to give up", tokio::io::copy_bidirectional(&mut from, &mut to)).await;
    }
    assert!(wrong.is_running());
    // Nothing of it reached the broker, which is there and well.
    room.publish("campari/v1/demo/room/presence", "{}", false).await;
    room.hear_on("campari/v1/demo/room/presence").await;
    assert!(room.heard_on(&topic("state")).is_empty());
}

#[test]
fn a_file_that_holds_no_certificate_is_named() {
    let dir = TempDir::new().unwrap();
    let good = Authority::new().write(dir.path(), "board");
    let empty = dir.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let wrong = [
        ("ca", Tls { ca: empty.clone(), ..good.clone() }),
        ("cert", Tls { cert: dir.path().join("missing.pem"), ..good.clone() }),
        ("key", Tls { key: empty, ..good.clone() }),
    ];
    for (key, tls) in wrong {
        let error = voice::tls::client(&tls).unwrap_err().to_string();
        assert!(error.starts_with(&format!("[mqtt.tls] {key} =")) && error.contains(".pem"), "{error}");
    }
    let other = Authority::new().write(dir.path(), "other");
    let error = voice::tls::client(&Tls { key: other.key, ..good }).unwrap_err().to_string();
    assert!(error.contains("cannot be used together"), "{error}");
}
