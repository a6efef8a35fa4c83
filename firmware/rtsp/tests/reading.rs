//! Laws of reading: what comes out does not depend on how the bytes were cut, arbitrary bytes never panic, and memory is bounded.

use proptest::prelude::*;
use rtsp::{Ask, Conversation, Heard, Key, MAX_BODY, MAX_HEAD, Method, ReadError, Reader, Settings, Whom};

fn all(bytes: &[u8], cuts: &[usize]) -> (Vec<Heard>, Option<ReadError>) {
    let (mut reader, mut heard, mut rest) = (Reader::new(), Vec::new(), bytes);
    let mut cuts = cuts.iter().cycle();
    while !rest.is_empty() {
        let cut = rest.len().min(*cuts.next().expect("never empty"));
        reader.push(&rest[..cut]);
        rest = &rest[cut..];
        loop {
            match reader.next() {
                Ok(Some(message)) => heard.push(message),
                Ok(None) => break,
                Err(error) => return (heard, Some(error)),
            }
        }
    }
    (heard, None)
}

fn two_requests_and_a_packet() -> Vec<u8> {
    let mut bytes = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n$\x01\x00\x04abcd\r\n\r\n".to_vec();
    bytes.extend_from_slice(b"SET_PARAMETER rtsp://h/613 RTSP/1.0\r\nCSeq: 2\r\nContent-Length: 5\r\n\r\na: b\n");
    bytes
}

#[test]
fn pipelined_requests_and_packets_come_out_one_by_one_wherever_they_are_cut() {
    let bytes = two_requests_and_a_packet();
    let (whole, _) = all(&bytes, &[bytes.len()]);
    assert!(matches!(&whole[..], [Heard::Request(_), Heard::Data(data), Heard::Request(set)]
        if data.as_slice() == b"abcd" && *set.method() == Method::SetParameter && set.body() == b"a: b\n"));
    for at in 1..bytes.len() {
        assert_eq!(all(&bytes, &[at, bytes.len()]), (whole.clone(), None), "cut at {at}");
    }
    assert_eq!(all(&bytes, &[1]), (whole, None), "byte by byte");
}

#[test]
fn a_head_of_a_megabyte_and_a_body_of_a_gigabyte_are_refused_before_they_are_held() {
    let mut head = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: ".to_vec();
    head.resize(1024 * 1024, b'x');
    assert_eq!(all(&head, &[4096]), (vec![], Some(ReadError::TooLarge)));
    let mut body = b"SET_PARAMETER rtsp://h/613 RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 1000000000\r\n\r\n".to_vec();
    body.resize(MAX_HEAD + MAX_BODY + 8192, b'x');
    assert_eq!(all(&body, &[4096]), (vec![], Some(ReadError::TooLarge)));
    assert_eq!(all(b"$\x00\xff\xff", &[4]), (vec![], Some(ReadError::TooLarge)));
}

fn settings() -> Settings {
    let text = |text: &str| text.to_owned();
    Settings { camera: text("613"), nonce: text("n"), session: text("s"), secure: true, timeout_s: 12 }
}

proptest! {
    #[test]
    fn the_cuts_do_not_matter(bytes in prop::collection::vec(any::<u8>(), 0..2000), cuts in prop::collection::vec(1_usize..300, 1..8)) {
        prop_assert_eq!(all(&bytes, &cuts), all(&bytes, &[bytes.len().max(1)]));
    }

    #[test]
    fn whatever_is_asked_without_a_proof_is_answered_401(
        method in "(DESCRIBE|SETUP|PLAY|PAUSE|TEARDOWN|GET_PARAMETER|SET_PARAMETER|ANNOUNCE|RECORD|FOO)",
        path in "/[a-z0-9]{0,5}", authorization in "[ -~]{0,80}", scheme in "(Basic|Digest|Bearer|)",
    ) {
        let text = format!("{method} rtsp://h{path} RTSP/1.0\r\nCSeq: 1\r\nAuthorization: {scheme} {authorization}\r\n\r\n");
        let (heard, _) = all(text.as_bytes(), &[text.len()]);
        if let [Heard::Request(request)] = &heard[..] {
            let keys = [Key { user: "traffic-centre", password: "a long secret that nobody guesses" }];
            let whom = Whom { ready: true, keys: &keys, certified: None, plain: true };
            let Ask::Say(answer) = Conversation::new(settings()).hear(request, &whom) else { panic!("answered") };
            let answer = String::from_utf8(answer.bytes()).expect("text");
            prop_assert!(answer.starts_with("RTSP/1.0 401 "), "{}", answer);
        }
    }
}
