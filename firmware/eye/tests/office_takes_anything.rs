//! Bad input at the office: whatever comes as a command or policy is answered with a code, opens nothing, leaves the journal whole and memory as it was.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod bench;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bench::{Bench, INES, ROOM, Voice, bundle, id, policy};
use contract::body::Mode;
use contract::claims::{Grant, Heartbeat, MAX_TOKEN, TokenKind};
use contract::policy::MAX_POLICY;
use contract::{Audience, ErrorCode, Filter};
use ed25519_dalek::Signer as _;
use eye::road::Desk as _;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::time::Duration;

const KINDS: [TokenKind; TokenKind::ALL.len()] = TokenKind::ALL;
/// The subscriber's key, which the policy of these tests names.
const TLC: u8 = 5;

/// A second agent's key: what the tests make the first one say must not end the lease.
const ROOM_2: u8 = 6;
/// How far the simulated time goes with each message: as fast as a subscriber may ask.
const STEP: Duration = Duration::from_millis(250);

/// An office under attack.
struct Target {
    bench: Bench,
    voice: Voice,
    steps: u64,
    _dir: tempfile::TempDir,
}

impl Target {
    fn new() -> Self {
        let (bench, mut voice, dir) = Bench::ready();
        let mut policy = policy(2);
        policy.subscribers[0].x = Some(bench::key(TLC).public().x());
        policy.keys[0].may_preempt = false;
        let mut room = policy.keys[1].clone();
        (room.kid, room.x) = (id("room-2"), bench::key(ROOM_2).public().x());
        policy.keys.push(room);
        assert!(voice.policy(&bundle(&policy)).ok);
        Self { bench, voice, steps: 0, _dir: dir }
    }

    /// Time goes on, and the control room stays there.
    fn step(&mut self) {
        self.bench.clock.advance(STEP);
        self.steps += 1;
        if !self.steps.is_multiple_of(4) {
            return;
        }
        let mut envelope = self.bench.envelope("room-2", None);
        envelope.aud = Audience::site(id("almere"));
        let heartbeat = Heartbeat { envelope, counter: self.steps, stands: vec![], reserve_epoch: 0, busy: false };
        let token = bench::sign(TokenKind::Heartbeat, "room-2", &heartbeat, ROOM_2);
        let answer = self.voice.command(TokenKind::Heartbeat, &token);
        assert!(answer.ok, "{answer:?}");
    }

    /// Sends it; the code with which it was refused, or `None` when it was taken.
    fn send(&mut self, kind: TokenKind, token: &[u8]) -> Option<ErrorCode> {
        self.step();
        let answer = self.voice.command_of(kind, token);
        self.voice.heard.clear();
        assert_eq!(answer.ok, answer.error.is_none(), "{answer:?}");
        let code = answer.error.map(|refusal| refusal.code);
        assert!(!matches!(code, Some(ErrorCode::Fault | ErrorCode::EyeAbsent)), "{code:?}");
        code
    }

    /// Nothing flows, and the journal still proves itself.
    fn is_unharmed(&mut self) {
        assert!(!self.bench.office.order().open, "something was opened");
        let state = self.voice.state();
        self.voice.heard.clear();
        assert_eq!((state.shares.len(), state.policy_version), (0, Some(2)));
        let mut audit = journal::Audit::new([]);
        for segment in self.segments() {
            let lines = segment.strip_suffix(b"\n").unwrap();
            lines.split(|byte| *byte == b'\n').for_each(|line| audit.line(line).unwrap());
        }
        assert!(audit.last() > 0);
    }

    /// The journal's segments, oldest first.
    fn segments(&self) -> Vec<Vec<u8>> {
        let files = std::fs::read_dir(self.bench.dir.join("state")).unwrap().map(|entry| entry.unwrap().path());
        let number = |path: &std::path::PathBuf| journal::segment::number(path.file_name()?.to_str()?);
        let mut found: Vec<_> = files.filter_map(|path| number(&path).map(|number| (number, path))).collect();
        found.sort();
        found.iter().map(|(_, path)| std::fs::read(path).unwrap()).collect()
    }

    /// It still does its work.
    fn still_serves(&mut self) {
        let state = self.voice.state();
        let grant = self.bench.grant(&state);
        let token = bench::sign(TokenKind::Grant, "ines", &grant, INES);
        assert_eq!(self.send(TokenKind::Grant, token.as_bytes()), None);
        self.revoke(&grant);
    }

    fn revoke(&mut self, grant: &Grant) {
        let state = self.voice.state();
        let revoke = self.bench.revoke(&state, &grant.envelope.jti);
        assert_eq!(self.send(TokenKind::Revoke, revoke.as_bytes()), None);
    }

    /// Claims that would be taken, or nearly, and who signs them.
    fn claims(&mut self, kind: TokenKind) -> (&'static str, u8, Value) {
        let state = self.voice.state();
        self.voice.heard.clear();
        let grant = self.bench.grant(&state);
        let act = json!({"operator": "operator-1"});
        let mut claims = serde_json::to_value(&grant.envelope).unwrap();
        let (kid, seed) = match kind {
            TokenKind::Heartbeat | TokenKind::UsageAck => ("room", ROOM),
            TokenKind::Request | TokenKind::Withdraw | TokenKind::Leave | TokenKind::ReportLeak => ("tlc", TLC),
            _ => ("ines", INES),
        };
        let more = match kind {
            TokenKind::Grant => serde_json::to_value(&grant).unwrap(),
            TokenKind::Extend => json!({"share": "nowhere", "exp": grant.exp, "act": act}),
            TokenKind::Deny => json!({"request": "nowhere", "reason": "busy", "act": act}),
            TokenKind::Revoke => json!({"share": "nowhere", "act": act}),
            TokenKind::Preempt | TokenKind::Release => json!({"reserve_epoch": 1, "act": act}),
            TokenKind::Heartbeat => {
                let counter = self.bench.now_s() * 1_000 + 999;
                json!({"aud": Audience::site(id("almere")), "counter": counter, "stands": [], "reserve_epoch": 0})
            }
            TokenKind::Request => {
                let delivery = serde_json::to_value(&grant.delivery).unwrap();
                json!({"view": "schrijverstraat", "duration_s": 60, "delivery": delivery, "purpose": "traffic"})
            }
            TokenKind::Withdraw => json!({"request": "nowhere"}),
            TokenKind::Leave => json!({"share": "nowhere"}),
            TokenKind::ReportLeak => json!({"what": "head"}),
            TokenKind::ClearLeak => json!({"act": act}),
            TokenKind::UsageAck => json!({"records": ["nowhere"]}),
            TokenKind::JournalHead => json!({"entries": 1, "head": "00", "clock_synchronised": true}),
            TokenKind::Description => json!({"sub": "tlc", "share": "nowhere", "sdp_sha256": "x"}),
        };
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims["iss"] = kid.into();
        (kid, seed, claims)
    }
}

fn header(kind: TokenKind, kid: &str) -> String {
    json!({"alg": "EdDSA", "typ": kind.typ(), "kid": kid}).to_string()
}

/// Any header and payload, signed all the same.
fn signed(header: &str, payload: &str, seed: u8) -> Vec<u8> {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]).sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes())).into_bytes()
}

/// Runs `attack` on one office with many inputs (in `cargo xtask nightly` with `CAMPARI_FUZZ_FACTOR` times as many); afterwards it must still be sound
/// and serve.
fn under_attack<S: Strategy>(cases: u32, inputs: &S, attack: impl Fn(&mut Target, S::Value)) {
    let target = RefCell::new(Target::new());
    let factor = std::env::var("CAMPARI_FUZZ_FACTOR").map_or(1, |text| text.parse().expect("a whole number"));
    let config = Config { cases: cases * factor, failure_persistence: None, ..Config::default() };
    let done = TestRunner::new(config).run(inputs, |input| {
        attack(&mut target.borrow_mut(), input);
        Ok(())
    });
    if let Err(error) = done {
        panic!("{error}");
    }
    let mut target = target.into_inner();
    target.is_unharmed();
    target.still_serves();
}

fn any_kind() -> impl Strategy<Value = TokenKind> {
    prop::sample::select(&KINDS[..])
}

/// JSON as text, so that it may be what no parser gives back: numbers beyond 64 bits, members twice, lone surrogates, deep nesting.
fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<u64>().prop_map(|value| value.to_string()),
        any::<f64>()
            .prop_filter("JSON has no others", |value| value.is_finite())
            .prop_map(|value| format!("{value:e}")),
        prop::sample::select(vec![
            "18446744073709551616",
            "-1",
            "-0",
            "1e400",
            "1E-400",
            "0.1",
            "\"\\ud800\"",
            "\"\\u0000\"",
            "\"\\u202e613\"",
            "\"\\uff16\\uff11\\uff13\"",
            "\"tlc/#\"",
            "\"+\"",
            "\"..\"",
            "\"$SYS\"",
            "\"almere/*\"",
            "{\"a\":1,\"a\":2}",
            "01",
            "NaN",
            "[,]",
        ])
        .prop_map(str::to_owned),
        any::<String>().prop_map(|text| json!(text).to_string()),
        (1_usize..40).prop_map(|depth| "[".repeat(depth) + &"]".repeat(depth)),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((any::<String>(), inner), 0..4).prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

#[test]
fn p5_arbitrary_bytes_are_refused_as_any_command() {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..400),
        "[A-Za-z0-9_.=-]{0,400}".prop_map(String::into_bytes),
        any_json().prop_map(String::into_bytes),
    ];
    under_attack(1_500, &(any_kind(), bytes), |target, (kind, bytes)| {
        let code = target.send(kind, &bytes);
        assert!(matches!(code, Some(ErrorCode::Malformed | ErrorCode::UnknownCommand)), "{code:?}");
    });
}

#[test]
fn p5_signed_json_of_any_other_shape_is_refused() {
    under_attack(1_500, &(any_kind(), any_json()), |target, (kind, payload)| {
        let (kid, seed, _) = target.claims(kind);
        let code = target.send(kind, &signed(&header(kind, kid), &payload, seed));
        assert!(matches!(code, Some(ErrorCode::Malformed | ErrorCode::UnknownCommand)), "{code:?}");
    });
}

/// What is done to good claims.
#[derive(Debug, Clone)]
enum Twist {
    Replace(prop::sample::Index, String),
    Remove(prop::sample::Index),
    Twice(prop::sample::Index, String),
    Add(String, String),
}

fn twist() -> impl Strategy<Value = Twist> {
    let member = any::<prop::sample::Index>;
    prop_oneof![
        4 => (member(), any_json()).prop_map(|(member, value)| Twist::Replace(member, value)),
        1 => member().prop_map(Twist::Remove),
        1 => (member(), any_json()).prop_map(|(member, value)| Twist::Twice(member, value)),
        1 => (any::<String>(), any_json()).prop_map(|(name, value)| Twist::Add(name, value)),
    ]
}

/// The claims as text, with the twist in them.
fn twisted(claims: &Value, twist: &Twist) -> String {
    let mut members: Vec<(String, String)> =
        claims.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
    let count = members.len();
    match twist {
        Twist::Replace(member, value) => members[member.index(count)].1.clone_from(value),
        Twist::Remove(member) => drop(members.remove(member.index(count))),
        Twist::Twice(member, value) => members.push((members[member.index(count)].0.clone(), value.clone())),
        Twist::Add(name, value) => members.push((name.clone(), value.clone())),
    }
    let members: Vec<_> = members.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    format!("{{{}}}", members.join(","))
}

#[test]
fn p5_claims_with_one_member_off_open_nothing_that_the_policy_does_not_allow() {
    under_attack(3_000, &(any_kind(), twist()), |target, (kind, twist)| {
        let (kid, seed, claims) = target.claims(kind);
        let payload = twisted(&claims, &twist);
        let epoch = |claims: &Value| claims["reserve_epoch"].as_u64().unwrap_or(0);
        if kind == TokenKind::Heartbeat && serde_json::from_str(&payload).is_ok_and(|claims| epoch(&claims) > 0) {
            // Whoever holds the room's key may reserve the camera: that tightens, and the rest of the test would find it closed.
            return;
        }
        let code = target.send(kind, &signed(&header(kind, kid), &payload, seed));
        if matches!(twist, Twist::Twice(..)) {
            assert!(matches!(code, Some(ErrorCode::Malformed | ErrorCode::UnknownCommand)), "{payload}: {code:?}");
        }
        assert_eq!(target.voice.state().mode, Mode::Normal, "nobody here may preempt: {kind:?} {payload} {code:?}");
        target.voice.heard.clear();
        if !target.bench.office.order().open {
            return;
        }
        // Then it was a grant, and still one that this policy allows.
        assert_eq!((kind, code), (TokenKind::Grant, None), "{payload}");
        let grant: Grant = serde_json::from_str(&payload).unwrap();
        let (camera, sub, purpose) = ("almere/613", "tlc", "traffic");
        assert_eq!(
            (grant.envelope.aud.to_string().as_str(), grant.sub.as_str(), grant.purpose.as_str()),
            (camera, sub, purpose)
        );
        assert!(grant.filter >= Filter::Fill && grant.exp <= target.bench.now_s() + 3_600, "{payload}");
        target.revoke(&grant);
    });
}

#[test]
fn p5_no_trick_with_the_header_passes_for_any_command() {
    let mut target = Target::new();
    let known = |code: Option<ErrorCode>, wanted| code == Some(wanted) || code == Some(ErrorCode::UnknownCommand);
    for kind in KINDS {
        let (kid, seed, claims) = target.claims(kind);
        let (good, payload) = (header(kind, kid), claims.to_string());
        let with = |more: &str| good.replacen('{', &format!("{{{more},"), 1);
        let malformed = [
            good.replace("EdDSA", "none"),
            good.replace("EdDSA", "HS256"),
            good.replace("EdDSA", "ES256"),
            with(r#""crit":["exp"]"#),
            with(r#""b64":false"#),
            with(r#""zip":"DEF""#),
            with(r#""jku":"https://example.org/""#),
            with(r#""x5u":"https://example.org/""#),
            with(r#""kid":"ines""#),
            with(r#""alg":"EdDSA""#),
            format!("{good} "),
            format!("{good}{{}}"),
            "[]".to_owned(),
            String::new(),
        ];
        for header in malformed {
            // A space after the header's JSON is still that JSON; it is the signature that holds it.
            let harmless = header.ends_with("} ");
            let code = target.send(kind, &signed(&header, &payload, seed ^ u8::from(harmless)));
            let wanted = if harmless { ErrorCode::BadSignature } else { ErrorCode::Malformed };
            assert!(known(code, wanted), "{kind:?} {header}: {code:?}");
        }
        for other in KINDS.into_iter().filter(|other| *other != kind) {
            let code = target.send(kind, &signed(&header(other, kid), &payload, seed));
            assert!(known(code, ErrorCode::WrongType), "{other:?} as {kind:?}: {code:?}");
        }
        let (other, theirs) = if kid == "room" { ("ines", INES) } else { ("room", ROOM) };
        let code = target.send(kind, &signed(&header(kind, other), &payload, seed));
        // Keys of the control room are none of those that may ask at all.
        let stranger = code == Some(ErrorCode::UnknownKey);
        assert!(stranger || known(code, ErrorCode::BadSignature), "{kind:?} under the name of {other}: {code:?}");
        let code = target.send(kind, &signed(&header(kind, other), &payload, theirs));
        let stranger = code == Some(ErrorCode::UnknownKey);
        assert!(stranger || known(code, ErrorCode::Malformed), "{kind:?} by {other} with another's iss: {code:?}");
        let mut by_other = claims.clone();
        by_other["iss"] = other.into();
        let code = target.send(kind, &signed(&header(kind, other), &by_other.to_string(), theirs));
        assert!(code.is_some(), "{kind:?} by {other}, who has no right to it");
    }
    target.is_unharmed();
    target.still_serves();
}

#[test]
fn p6_no_bundle_that_two_policy_keys_did_not_sign_is_taken() {
    let good = String::from_utf8(bundle(&policy(9))).unwrap();
    let length = good.len();
    let altered = (any::<prop::sample::Index>(), any::<u8>()).prop_map(move |(at, byte)| {
        let mut bytes = good.clone().into_bytes();
        bytes[at.index(length)] ^= byte.max(1);
        bytes
    });
    let inputs = prop_oneof![
        altered,
        prop::collection::vec(any::<u8>(), 0..400),
        any_json().prop_map(String::into_bytes),
        any_json().prop_map(|json| format!("{{\"payload\":{json},\"signatures\":{json}}}").into_bytes()),
    ];
    under_attack(1_500, &inputs, |target, bytes| {
        let answer = target.voice.policy(&bytes);
        target.voice.heard.clear();
        let code = answer.error.map(|refusal| refusal.code);
        let expected = [ErrorCode::Malformed, ErrorCode::PolicyRefused, ErrorCode::BadSignature, ErrorCode::TooLarge];
        assert!(code.is_some_and(|code| expected.contains(&code)), "{code:?}");
    });
}

/// Resident memory of this process, bytes.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

#[test]
fn p12_floods_of_large_commands_leave_memory_as_it_was() {
    let mut target = Target::new();
    let nested = format!("{{\"iss\":\"ines\",\"x\":{}", "[".repeat(10_000));
    let wide = format!("{{\"iss\":\"ines\",\"x\":[{}1]}}", "1,".repeat(5_000));
    // The link lets nothing longer than a bundle through at all.
    let floods = [
        (vec![b'A'; MAX_TOKEN + 1], ErrorCode::TooLarge),
        (vec![b'.'; MAX_TOKEN], ErrorCode::Malformed),
        (vec![0xff; MAX_POLICY], ErrorCode::TooLarge),
        (signed(&header(TokenKind::Grant, "ines"), &nested, INES), ErrorCode::Malformed),
        (signed(&header(TokenKind::Grant, "ines"), &wide, INES), ErrorCode::Malformed),
    ];
    let mut send = |rounds| {
        for _ in 0..rounds {
            for (bytes, wanted) in &floods {
                assert_eq!(target.send(TokenKind::Grant, bytes), Some(*wanted));
            }
            let answer = target.voice.policy(&vec![b'{'; MAX_POLICY]);
            target.voice.heard.clear();
            assert_eq!(answer.error.map(|refusal| refusal.code), Some(ErrorCode::Malformed));
        }
    };
    // Allocators keep what they once needed: only what comes after counts.
    send(20);
    let before = resident();
    send(400);
    let grown = resident().saturating_sub(before);
    assert!(grown < 16 << 20, "{} MiB more after 2400 hostile messages", grown >> 20);
    target.is_unharmed();
    target.still_serves();
}
