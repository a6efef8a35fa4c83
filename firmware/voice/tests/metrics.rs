//! The page of metrics: what the reference parser of OpenMetrics reads in it, what it does not say (P10), who may read it, and that the dashboard asks for
//! nothing that does not exist.

#[path = "support/page.rs"]
mod page;
mod support;

use page::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use support::*;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use voice::config::{Metrics, Tls};
use voice::metrics::server::{MOST_AT_ONCE, MOST_HEAD};

fn with_metrics(dir: &TempDir, broker: u16, port: u16, tls: Option<Tls>) -> voice::config::Config {
    let listen = SocketAddr::new(LANDLORD, port);
    voice::config::Config {
        metrics: Some(Metrics { listen, tls, thermal: dir.path().join("thermal") }),
        ..config(dir, broker)
    }
}

#[tokio::test]
async fn p10_the_page_counts_a_share_by_its_jti_and_names_nobody() {
    let dir = TempDir::new().expect("a folder");
    let broker = Broker::start(&dir).await;
    let (mut room, eye, port) = (Room::join(broker.port).await, FakeEye::listen(&dir), free_port());
    zone(&dir, "thermal_zone0", "cpu-thermal", "48250");
    let _voice = Voice::start_with(with_metrics(&dir, broker.port, port, None));
    let mut eye = eye.greet().await;
    let mut receiver = Receiver::bind().await;
    eye.grant("one").await;
    eye.start("one", 0, receiver.port).await;
    for utc in 1..=3 {
        eye.picture(0, utc, &KEY).await;
        receiver.picture().await;
    }
    // A report that names the voice's own, garbage twice, a name that is taken.
    let (sr, from) = receiver.report().await;
    let word = |at: usize| u32::from_be_bytes(*sr[at..].first_chunk().expect("a report"));
    let (ssrc, stamp) = (word(4), (word(8) << 16) | (word(12) >> 16));
    let same_name = [&[0x80, 201, 0, 1][..], &ssrc.to_be_bytes()].concat();
    for packet in [&report(ssrc, stamp)[..], b"not RTCP", b"nor this", &same_name] {
        receiver.rtcp.send_to(packet, from).await.expect("sent");
    }
    let text = patient("the page to have it all", async {
        loop {
            let text = get(port).await;
            if text.contains("campari_share_ssrc_collisions_total{share=\"one\",viewer=\"0\"} 1") {
                return text;
            }
        }
    })
    .await;
    let samples = parse(&text).await;
    let one = [("share", "one"), ("viewer", "0")];
    for (name, expected) in [
        ("campari_share_rtp_packets_total", 3.0),
        ("campari_share_pictures_sent_total", 3.0),
        ("campari_share_capture_to_packet_seconds_count", 3.0),
        ("campari_share_rtcp_reports_total", 1.0),
        ("campari_share_rtcp_packets_lost", 12.0),
        ("campari_share_rtcp_loss_ratios", 0.25),
        ("campari_share_rtcp_jitter_seconds", 0.01),
        ("campari_share_rtcp_garbage_total", 2.0),
    ] {
        assert_eq!(value(&samples, name, &one), expected, "{name}");
    }
    let round_trip = value(&samples, "campari_share_rtcp_round_trip_seconds", &one);
    assert!((0.0..20.0).contains(&round_trip), "{round_trip}");
    let all = value(&samples, "campari_capture_to_packet_seconds_bucket", &[("le", "+Inf")]);
    assert_eq!((all, value(&samples, "campari_eye_linked", &[])), (3.0, 1.0));
    assert_eq!(value(&samples, "campari_ladder_seconds_total", &[("rung", "clear")]), 0.0);
    for name in ["traffic-centre", "127.0.0.1", SITE, &receiver.port.to_string()] {
        assert!(!text.contains(name), "it names {name}:\n{text}");
    }
    // The dashboard asks for what is there.
    let known: BTreeSet<&str> = samples.iter().map(|(name, _, _)| name.as_str()).collect();
    let asked = dashboard_names();
    assert!(asked.len() >= 20 && asked.iter().all(|name| known.contains(name.as_str())), "{asked:?}\n{known:?}");
    // The share ends; what it added stays.
    eye.end("one", contract::EndReason::Revoked).await;
    room.event("one", "ended").await;
    let samples = parse(&get(port).await).await;
    assert_eq!(value(&samples, "campari_rtp_packets_total", &[]), 3.0);
    assert!(samples.iter().all(|(name, _, _)| !name.starts_with("campari_share_")));
}

/// A thermal zone as Linux shows it.
fn zone(dir: &TempDir, name: &str, kind: &str, temp: &str) {
    let folder = dir.path().join("thermal").join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    for (file, text) in [("type", kind), ("temp", temp)] {
        std::fs::write(folder.join(file), format!("{text}\n")).expect("a file");
    }
}

#[tokio::test]
async fn the_board_is_as_warm_as_it_says_zone_by_zone_and_a_board_that_says_nothing_has_no_such_metric() {
    let dir = TempDir::new().expect("a folder");
    let (broker, port) = (Broker::start(&dir).await, free_port());
    let _voice = Voice::start_with(with_metrics(&dir, broker.port, port, None));
    assert!(!get(port).await.contains("temperature"));
    zone(&dir, "thermal_zone0", "cpu-thermal", "48250");
    zone(&dir, "thermal_zone1", "npu-thermal", "-1500");
    // One that says nothing of use at this moment, and something else that lies there too.
    zone(&dir, "thermal_zone2", "gpu-thermal", "");
    zone(&dir, "cooling_device0", "fan", "3000");
    let samples = parse(&get(port).await).await;
    let warm: Vec<_> = samples.iter().filter(|(name, ..)| name == "campari_temperature_celsius").collect();
    assert_eq!(warm.len(), 2, "{warm:?}");
    for (zone, kind, celsius) in [("thermal_zone0", "cpu-thermal", 48.25), ("thermal_zone1", "npu-thermal", -1.5)] {
        assert_eq!(value(&samples, "campari_temperature_celsius", &[("zone", zone), ("type", kind)]), celsius);
    }
}

/// All names of metrics in the dashboard's expressions.
fn dashboard_names() -> BTreeSet<String> {
    let dashboard: Value = serde_json::from_str(include_str!("../dashboards/campari.json")).expect("JSON");
    let mut names = BTreeSet::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().expect("targets") {
            let expression = target["expr"].as_str().expect("an expression");
            let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            names.extend(words.filter(|word| word.starts_with("campari_")).map(str::to_owned));
        }
    }
    names
}

#[tokio::test]
async fn whoever_asks_wrongly_gets_a_status_and_idle_ones_keep_nobody_out_for_long() {
    let dir = TempDir::new().expect("a folder");
    let (broker, port) = (Broker::start(&dir).await, free_port());
    let _voice = Voice::start_with(with_metrics(&dir, broker.port, port, None));
    let long = [b"GET /metrics HTTP/1.1\r\nX: ".as_slice(), &vec![b'x'; MOST_HEAD]].concat();
    for (request, status) in [
        (&b"POST /metrics HTTP/1.1\r\n\r\n"[..], "405"),
        (b"GET / HTTP/1.1\r\n\r\n", "404"),
        (b"\0\0\0\0\r\n\r\n", "400"),
        (&long, "431"),
    ] {
        let answer = converse(connect(port).await, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
    }
    // As many as there may be, who say nothing: they are let go after some seconds, and the next is served.
    let mut idle = Vec::new();
    for _ in 0..MOST_AT_ONCE {
        idle.push(connect(port).await);
    }
    assert!(get(port).await.ends_with("# EOF\n"));
}

#[tokio::test]
async fn over_tls_only_who_has_a_certificate_of_the_configured_authority_reads() {
    let dir = TempDir::new().expect("a folder");
    let authority = || {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
    };
    let (good, other) = (authority(), authority());
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    let leaf = |issuer: &CertifiedIssuer<'_, KeyPair>| {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        (params.signed_by(&key, issuer).expect("signed").pem(), key.serialize_pem())
    };
    let (cert, key) = leaf(&good);
    let tls = Tls { ca: write("ca.pem", &good.pem()), cert: write("cert.pem", &cert), key: write("key.pem", &key) };
    let (broker, port) = (Broker::start(&dir).await, free_port());
    let _voice = Voice::start_with(with_metrics(&dir, broker.port, port, Some(tls)));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(good.der().clone()).expect("an authority");
    let builder = || {
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots.clone())
    };
    let as_client = |issuer| {
        let (cert, key) = leaf(issuer);
        let cert = rustls::pki_types::CertificateDer::from_pem_slice(cert.as_bytes()).expect("PEM");
        let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM");
        builder().with_client_auth_cert(vec![cert], key).expect("a pair")
    };
    let clients = [(builder().with_no_client_auth(), false), (as_client(&other), false), (as_client(&good), true)];
    for (client, served) in clients {
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
        let name = ServerName::try_from("localhost").expect("a name");
        let mut answer = Vec::new();
        // With TLS 1.3 a client hears of its refusal when it reads.
        if let Ok(mut stream) = connector.connect(name, connect(port).await).await {
            let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").await;
            let _ = patient("an answer or the end", stream.read_to_end(&mut answer)).await;
        }
        assert_eq!(String::from_utf8_lossy(&answer).contains("campari_viewers 0"), served);
    }
}
