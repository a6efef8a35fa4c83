//! What clients do to an RTSP server: limits of sessions, proofs of every kind, requests that are too large, out of order or for what is not offered.

#[path = "support/rtsp.rs"]
mod rtsp;
mod support;

use link::{Puller, Pullers};
use rcgen::{CertificateParams, KeyPair};
use rtsp::*;
use rustls::ClientConfig;
use rustls::pki_types::PrivateKeyDer;
use sha2::{Digest as _, Sha256};
use support::*;
use tokio::io::AsyncWriteExt as _;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 2069's answer to a challenge, with either hash.
fn digest(nonce: &str, algorithm: &str, method: &str, uri: &str) -> String {
    let hash = |text: String| match algorithm {
        "MD5" => hex(&md5::Md5::digest(text)),
        _ => hex(&Sha256::digest(text)),
    };
    let secret = hash(format!("{USER}:campari:{PASSWORD}"));
    let response = hash(format!("{secret}:{nonce}:{}", hash(format!("{method}:{uri}"))));
    format!(
        "Digest username=\"{USER}\", realm=\"campari\", nonce=\"{nonce}\", uri=\"{uri}\", algorithm={algorithm}, response=\"{response}\""
    )
}

#[tokio::test]
async fn digest_of_both_kinds_basic_over_tls_and_bearer_prove_who_it_is() {
    let stage = Stage::new().await;
    for algorithm in ["MD5", "SHA-256"] {
        let mut client = stage.plain_client().await;
        let refused = client.ask("DESCRIBE", "/613", &[]).await;
        assert_eq!(refused.status, 401);
        let offered: Vec<&str> = refused.headers("WWW-Authenticate").collect();
        assert!(offered.iter().all(|offer| offer.starts_with("Digest ")), "in clear nothing else: {offered:?}");
        let nonce = offered[0].split('"').nth(3).expect("a nonce").to_owned();
        let uri = format!("{}/613", client.base);
        client.authorization = Some(digest(&nonce, algorithm, "DESCRIBE", &uri));
        assert_eq!(client.ask("DESCRIBE", "/613", &[]).await.status, 200, "{algorithm}");
        client.authorization = Some(digest("another", algorithm, "DESCRIBE", &uri));
        let stale = client.ask("DESCRIBE", "/613", &[]).await;
        assert!(stale.status == 401 && stale.head.contains("stale=true"), "{}", stale.head);
    }
    let mut client = stage.client().await;
    client.authorization = Some(format!("Bearer {PASSWORD}"));
    assert_eq!(client.ask("DESCRIBE", "/613", &[]).await.status, 200);
}

#[tokio::test]
async fn p10_in_clear_the_credential_itself_is_not_taken() {
    let stage = Stage::new().await;
    let mut client = stage.plain_client().await.knows_password();
    assert_eq!(client.ask("DESCRIBE", "/613", &[]).await.status, 401);
    client.authorization = Some(format!("Bearer {PASSWORD}"));
    assert_eq!(client.ask("DESCRIBE", "/613", &[]).await.status, 401);
}

#[tokio::test]
async fn a_client_certificate_that_the_policy_names_is_a_proof_and_another_is_none() {
    let key = KeyPair::generate().expect("made");
    let certificate = CertificateParams::new(vec!["vms".into()]).expect("made").self_signed(&key).expect("made");
    let fingerprint: String = Sha256::digest(certificate.der()).iter().map(|byte| format!("{byte:02x}")).collect();
    for (named, status) in [(fingerprint, 200), ("0".repeat(64), 401)] {
        let who = Puller { certificate_sha256: Some(named), ..puller(1) };
        let stage = Stage::with(&Pullers { plain: false, who: vec![who] }, |_| ()).await;
        let config = ClientConfig::builder_with_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring")
            .with_root_certificates(stage.root())
            .with_client_auth_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
            )
            .expect("a pair");
        let mut client = stage.client_with(config).await;
        assert_eq!(client.ask("DESCRIBE", "/613", &[]).await.status, status);
        // Without a certificate it is nobody.
        assert_eq!(stage.client().await.ask("DESCRIBE", "/613", &[]).await.status, 401);
    }
}

#[tokio::test]
async fn one_session_at_a_time_and_a_client_that_tries_again_takes_its_own_place() {
    let stage = Stage::new().await;
    let mut first = stage.client().await.knows_password();
    first.play().await;
    assert!(first.picture().await.is_some());
    let mut second = stage.client().await.knows_password();
    second.play().await;
    assert!(second.picture().await.is_some());
    // The older one is shown out.
    while first.next().await.is_some() {}
    assert!(second.picture().await.is_some());
}

#[tokio::test]
async fn p4_a_renewed_credential_ends_the_sessions_of_the_old_one() {
    let mut stage = Stage::new().await;
    let mut client = stage.client().await.knows_password();
    client.play().await;
    assert!(client.picture().await.is_some());
    let renewed = Puller { password: "z".repeat(43), ..puller(1) };
    stage.eye.admit(&Pullers { plain: true, who: vec![renewed] }).await;
    while client.next().await.is_some() {}
    let mut client = stage.client().await.knows_password();
    assert_eq!(client.ask("DESCRIBE", "/613", &[]).await.status, 401);
}

#[tokio::test]
async fn udp_is_refused_where_media_may_not_go_in_clear_and_the_client_falls_back_on_the_same_connection() {
    let stage = Stage::with(&Pullers { plain: false, ..pullers() }, |_| ()).await;
    let mut client = stage.client().await.knows_password();
    assert_eq!(client.set_up("RTP/AVP;unicast;client_port=5000-5001").await.status, 461);
    assert_eq!(client.set_up("RTP/AVP;multicast").await.status, 461);
    client.play().await;
    assert!(client.picture().await.is_some());
}

/// Asks in clear, with the proof that is taken there.
async fn asks_in_clear(
    client: &mut Client<tokio::net::TcpStream>,
    method: &str,
    path: &str,
    more: &[(&str, &str)],
) -> Answer {
    client.authorization = None;
    let refused = client.ask("DESCRIBE", "/613", &[]).await;
    let nonce =
        refused.header("WWW-Authenticate").and_then(|offer| offer.split('"').nth(3)).expect("a nonce").to_owned();
    client.authorization = Some(digest(&nonce, "SHA-256", method, &format!("{}{path}", client.base)));
    client.ask(method, path, more).await
}
const INTERLEAVED: (&str, &str) = ("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1");

#[tokio::test]
async fn p5_a_connection_in_clear_gets_pictures_only_while_the_policy_allows_it_and_is_told_to_use_rtsps() {
    let may = |plain| Pullers { plain, who: vec![puller(2)] };
    let mut stage = Stage::with(&may(false), |_| ()).await;
    let mut tls = stage.client().await.knows_password();
    tls.play().await;
    stage.eye.grant_pull("s1").await;
    stage.eye.hears_joined("s1").await;
    stage.eye.start_pull("s1").await;
    let mut clear = stage.plain_client().await;
    let refused = asks_in_clear(&mut clear, "SETUP", "/613/video", &[INTERLEAVED]).await;
    assert!(
        refused.status == 403 && refused.head.lines().next().is_some_and(|line| line.contains("rtsps")),
        "{}",
        refused.head
    );
    assert_eq!(asks_in_clear(&mut clear, "PLAY", "/613/", &[]).await.status, 403);

    stage.eye.admit(&may(true)).await;
    patient("the policy's new word", async {
        loop {
            let answer = asks_in_clear(&mut clear, "SETUP", "/613/video", &[INTERLEAVED]).await;
            if answer.status == 200 {
                clear.session = answer.header("Session").and_then(|text| text.split(';').next()).map(str::to_owned);
                return;
            }
            assert_eq!(answer.status, 403, "{}", answer.head);
        }
    })
    .await;
    assert_eq!(asks_in_clear(&mut clear, "PLAY", "/613/", &[]).await.status, 200);
    stage.eye.picture(0, 1, &KEY).await;
    while clear.picture().await.expect("the picture, in clear") != KEY {}
    while tls.picture().await.expect("the picture") != KEY {}

    // The word is taken back before this picture: the session in clear ends without it, the encrypted one goes on with it.
    stage.eye.admit(&may(false)).await;
    stage.eye.picture(0, 2, &delta(1)).await;
    while let Some(picture) = clear.picture().await {
        assert_ne!(picture, delta(1), "in clear");
    }
    while tls.picture().await.expect("the picture") != delta(1) {}
}

#[tokio::test]
async fn p5_media_over_udp_ends_with_the_policys_word_for_it() {
    let may = |plain| Pullers { plain, ..pullers() };
    let stage = Stage::with(&may(true), |_| ()).await;
    let mut client = stage.client().await.knows_password();
    let own = tokio::net::UdpSocket::bind((LANDLORD, 0)).await.expect("a port");
    let port = own.local_addr().expect("bound").port();
    let answer = client.set_up(&format!("RTP/AVP;unicast;client_port={port}-{}", port ^ 1)).await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    assert_eq!(client.ask("PLAY", "/613/", &[]).await.status, 200);
    let mut stage = stage;
    stage.eye.admit(&may(false)).await;
    let end = async { while client.next().await.is_some() {} };
    // Its silence alone would end it after 15 s.
    tokio::time::timeout(std::time::Duration::from_secs(8), end).await.expect("the policy's word ends it");
}

#[tokio::test]
async fn what_live_cannot_do_is_said_politely() {
    let stage = Stage::new().await;
    let mut client = stage.client().await.knows_password();
    assert_eq!(client.ask("PLAY", "/613/", &[]).await.status, 454, "no session yet");
    client.play().await;
    assert_eq!(client.ask("PLAY", "/613/", &[("Range", "npt=10-20")]).await.status, 457);
    let answer = client.ask("PLAY", "/613/", &[("Scale", "2.0"), ("Range", "npt=now-")]).await;
    assert_eq!((answer.status, answer.header("Scale")), (200, Some("1.0")));
    assert_eq!(client.ask("PAUSE", "/613/", &[]).await.status, 405);
    assert_eq!(client.ask("GET_PARAMETER", "/613/", &[]).await.status, 200);
    assert_eq!(client.ask("PLAY", "/613/", &[("Require", "eternal-life")]).await.status, 551);
    client.session = Some("another".into());
    assert_eq!(client.ask("TEARDOWN", "/613/", &[]).await.status, 454);
    assert!(client.picture().await.is_some(), "and it still plays");
}

#[tokio::test]
async fn a_megabyte_of_header_or_nonsense_ends_that_connection_and_no_other() {
    let mut stage = Stage::new().await;
    let mut viewer = stage.client().await.knows_password();
    viewer.play().await;
    stage.eye.grant_pull("s1").await;
    stage.eye.hears_joined("s1").await;
    stage.eye.start_pull("s1").await;
    let mut text = b"DESCRIBE rtsp://h/613 RTSP/1.0\r\nCSeq: 1\r\nX: ".to_vec();
    text.resize(1024 * 1024, b'x');
    // As much as is taken before the answer.
    let mut large = stage.client().await;
    large.send(&text[..16 * 1024]).await;
    assert_eq!(large.answer().await.status, 413);
    assert!(large.next().await.is_none());
    // All of it at once: the board hangs up in the middle, and the answer may be lost with the connection.
    let mut whole = stage.client().await;
    let refused = patient("the end", whole.stream.write_all(&text)).await.is_err();
    while let Some(came) = whole.next().await {
        assert!(matches!(came, Came::Answer(Answer { status: 413, .. })), "{came:?}");
    }
    // Nobody took a megabyte: the kernels' buffers alone are less.
    assert!(refused || whole.stream.write_all(&text).await.is_err(), "the connection is over");
    let mut nonsense = stage.client().await;
    nonsense.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(nonsense.answer().await.status, 400);
    assert!(nonsense.next().await.is_none());
    stage.eye.picture(0, 1, &KEY).await;
    while viewer.picture().await.expect("the picture") != KEY {}
}

#[tokio::test]
async fn a_wrong_cseq_is_refused_and_a_strange_one_given_back() {
    let stage = Stage::new().await;
    let mut viewer = stage.client().await.knows_password();
    viewer.play().await;
    for wrong in ["", "CSeq:\r\n", "CSeq: -7\r\n", "CSeq: seven\r\n", "CSeq: 99999999999\r\n", "CSeq: 1 2\r\n"] {
        let mut client = stage.client().await;
        client.send(format!("OPTIONS * RTSP/1.0\r\n{wrong}\r\n").as_bytes()).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.header("CSeq")), (400, None), "{wrong:?}");
    }
    // Twice the same, backwards, with zeros before it: RFC 2326 §12.17 has the answer say the request's, and asks no order of who reads.
    let mut client = stage.client().await;
    for strange in ["7", "7", "3", "007", "4294967295"] {
        client.send(format!("OPTIONS * RTSP/1.0\r\nCSeq: {strange}\r\n\r\n").as_bytes()).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.header("CSeq")), (200, Some(strange)));
    }
    assert!(viewer.picture().await.is_some(), "the other does not notice");
}

#[tokio::test]
async fn connections_of_one_address_are_limited_and_come_free_again() {
    let stage = Stage::with(&pullers(), |rtsp| rtsp.max_per_address = 3).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut client = stage.plain_client().await;
        assert_eq!(client.ask("OPTIONS", "/613", &[]).await.status, 200);
        held.push(client);
    }
    let mut fourth = stage.plain_client().await;
    assert!(fourth.next().await.is_none(), "closed without a word");
    drop(held);
    patient("room", async {
        loop {
            let mut client = stage.plain_client().await;
            let request = client.request("OPTIONS", "/613", &[]);
            if client.stream.write_all(request.as_bytes()).await.is_ok() && client.next().await.is_some() {
                return;
            }
        }
    })
    .await;
}
