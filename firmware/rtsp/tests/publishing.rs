//! Publishing to a server that a test plays: the order of the words, what is proved and where, and a server that says anything.

use proptest::prelude::*;
use rtsp::{Credential, Heard, Publication, PublishError, Reader, Response, Step};

const URL: &str = "rtsps://media.example.org:8322/almere/613";

fn publication(secure: bool, credential: bool) -> Publication {
    let credential = credential.then(|| Credential { user: "board-613".into(), password: "a secret".into() });
    Publication::new(URL, "v=0\r\n".into(), credential, secure, "0a4f113b".into()).expect("a URL")
}
fn answer(text: &str) -> Response<Vec<u8>> {
    let mut reader = Reader::new();
    reader.push(text.as_bytes());
    match reader.next() {
        Ok(Some(Heard::Answer(answer))) => answer,
        other => panic!("{other:?}"),
    }
}
fn say(step: Result<Step, PublishError>) -> String {
    match step {
        Ok(Step::Say(bytes)) => String::from_utf8(bytes).expect("text"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_that_lets_everybody_publish_is_told_what_where_and_how_in_this_order() {
    let mut publication = publication(true, false);
    let first = String::from_utf8(publication.begin()).expect("text");
    assert!(first.starts_with("ANNOUNCE rtsps://media.example.org:8322/almere/613 RTSP/1.0\r\n"), "{first}");
    assert!(first.contains("Content-Type: application/sdp\r\n") && first.ends_with("\r\n\r\nv=0\r\n"), "{first}");
    let second = say(publication.hear(&answer("RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n")));
    assert!(second.starts_with("SETUP rtsps://media.example.org:8322/almere/613/video RTSP/1.0\r\n"), "{second}");
    assert!(second.contains("interleaved=0-1") && second.contains("mode=record"), "{second}");
    let third = say(publication.hear(&answer(
        "RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: 12ab;timeout=60\r\nTransport: RTP/AVP/TCP;unicast;interleaved=4-5;mode=record\r\n\r\n",
    )));
    assert!(third.starts_with("RECORD ") && third.contains("Session: 12ab\r\n"), "{third}");
    let step = publication.hear(&answer("RTSP/1.0 200 OK\r\nCSeq: 3\r\n\r\n"));
    assert_eq!(step, Ok(Step::Recording { rtp: 4, rtcp: 5 }));
    let alive = String::from_utf8(publication.keep_alive()).expect("text");
    assert!(alive.starts_with("OPTIONS ") && alive.contains("Session: 12ab\r\n"), "{alive}");
    assert_eq!(publication.hear(&answer("RTSP/1.0 405 No\r\nCSeq: 4\r\n\r\n")), Ok(Step::Nothing), "it is there");
    let last = String::from_utf8(publication.tear_down()).expect("text");
    assert!(last.starts_with("TEARDOWN ") && last.contains("CSeq: 5\r\n"), "{last}");
}

/// RFC 7616 §3.9.1's algorithm, computed elsewhere: `printf` and `md5sum`, `sha256sum`.
#[test]
fn the_strongest_digest_is_answered_and_the_next_question_counts_on() {
    let mut publication = publication(true, true);
    let first = String::from_utf8(publication.begin()).expect("text");
    assert!(!first.contains("Authorization"), "nothing is stated before it is asked for");
    let again = say(publication.hear(&answer(
        "RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Basic realm=\"m\"\r\nWWW-Authenticate: Digest realm=\"m\", nonce=\"n1\", algorithm=MD5\r\n\
         WWW-Authenticate: Digest realm=\"m\", nonce=\"n2\", algorithm=SHA-256, qop=\"auth\"\r\n\r\n",
    )));
    assert!(
        again.starts_with("ANNOUNCE ") && again.contains("nonce=\"n2\"") && again.contains("nc=00000001"),
        "{again}"
    );
    let response = "response=\"844c217219b987d932da297ae2d0ad6933572cddd37e19addad19dcd700e1e50\"";
    assert!(again.contains(response), "{again}");
    let set_up = say(publication.hear(&answer("RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n")));
    assert!(
        set_up.contains("nc=00000002") && set_up.contains("uri=\"rtsps://media.example.org:8322/almere/613/video\"")
    );
}

#[test]
fn a_digest_of_1999_is_answered_as_it_was_asked() {
    let mut publication = publication(false, true);
    publication.begin();
    let again = say(publication.hear(&answer(
        "RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Digest realm=\"m\", nonce=\"n1\"\r\n\r\n",
    )));
    assert!(
        again.contains("response=\"d37e7f745dba964f173ff5a1541eb30b\"")
            && !again.contains("algorithm")
            && !again.contains("qop"),
        "{again}"
    );
}

#[test]
fn p10_a_password_never_goes_in_clear() {
    let basic = "RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Basic realm=\"m\"\r\n\r\n";
    let mut clear = publication(false, true);
    clear.begin();
    assert_eq!(clear.hear(&answer(basic)), Err(PublishError::NoScheme));
    let mut secure = publication(true, true);
    secure.begin();
    let again = say(secure.hear(&answer(basic)));
    assert!(again.contains("Authorization: Basic Ym9hcmQtNjEzOmEgc2VjcmV0\r\n"), "{again}");
    assert_eq!(secure.hear(&answer(&basic.replace("CSeq: 1", "CSeq: 2"))), Err(PublishError::Unproven), "said once");
    assert!(!format!("{secure:?}").contains("a secret"), "nor into a log");
}

#[test]
fn whoever_refuses_or_sends_elsewhere_is_left() {
    for status in [301, 302, 403, 404, 500] {
        let mut publication = publication(true, true);
        publication.begin();
        let text = format!("RTSP/1.0 {status} No\r\nCSeq: 1\r\nLocation: rtsp://192.0.2.66/\r\n\r\n");
        assert_eq!(publication.hear(&answer(&text)), Err(PublishError::Refused { asked: "ANNOUNCE", status }));
    }
    let mut publication = publication(true, false);
    publication.begin();
    let text = "RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Digest realm=\"m\", nonce=\"n\"\r\n\r\n";
    assert_eq!(publication.hear(&answer(text)), Err(PublishError::NoCredential));
}

#[test]
fn a_server_that_takes_the_session_by_another_way_is_left() {
    for transport in ["RTP/AVP;unicast;client_port=0-1", "RTP/AVP/TCP;unicast;interleaved=3-3"] {
        let mut publication = publication(true, false);
        publication.begin();
        say(publication.hear(&answer("RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n")));
        let text = format!("RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: 1\r\nTransport: {transport}\r\n\r\n");
        assert_eq!(publication.hear(&answer(&text)), Err(PublishError::Confused), "{transport}");
    }
}

proptest! {
    /// It says at most one thing for each answer, and comes to an end.
    #[test]
    fn a_server_that_says_anything_gets_no_panic_and_no_flood(
        answers in prop::collection::vec((100_u16..600, 1_u32..12, "[ -~]{0,80}", "[ -~]{0,80}", "[ -~]{0,40}"), 0..24)
    ) {
        let mut publication = publication(true, true);
        publication.begin();
        for (status, cseq, challenge, transport, session) in answers {
            let mut reader = Reader::new();
            reader.push(format!(
                "RTSP/1.0 {status} X\r\nCSeq: {cseq}\r\nWWW-Authenticate: {challenge}\r\nTransport: {transport}\r\nSession: {session}\r\n\r\n"
            ).as_bytes());
            let Ok(Some(Heard::Answer(answer))) = reader.next() else { continue };
            match publication.hear(&answer) {
                Ok(Step::Say(bytes)) => prop_assert!(bytes.ends_with(b"\r\n\r\n") || bytes.ends_with(b"v=0\r\n")),
                Ok(Step::Recording { rtp, rtcp }) => prop_assert_ne!(rtp, rtcp),
                Ok(Step::Nothing) => {}
                Err(_) => break,
            }
        }
    }
}
