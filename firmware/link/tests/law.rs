//! Law: decode(encode(m, b)) == (m, b), however the socket cuts the bytes; and no bytes make the decoder panic.

use contract::claims::TokenKind;
use contract::{EncryptionKey, EndReason, Filter, Jti, Rung, SubscriberId, ToldReason};
use link::{Codec, Decoder, Destination, LinkError, MAX_BODY, MAX_HEAD, StreamId, ToEye, ToVoice, Way, codec};
use proptest::prelude::*;
use std::net::IpAddr;

fn jti() -> impl Strategy<Value = Jti> {
    "[A-Za-z0-9_-]{1,64}".prop_map(|text| Jti::new(text).expect("an identifier"))
}
fn sub() -> impl Strategy<Value = SubscriberId> {
    "[A-Za-z0-9_-]{1,64}".prop_map(|text| SubscriberId::new(text).expect("an identifier"))
}
fn reason() -> impl Strategy<Value = EndReason> {
    use EndReason as E;
    prop::sample::select(vec![
        E::ViewerLeft,
        E::Withdrawn,
        E::Expired,
        E::Revoked,
        E::Preempted,
        E::ControlRoomLost,
        E::ViewLeft,
        E::Fault,
        E::Policy,
        E::Replaced,
        E::LeakReported,
        E::PrivacySwitch,
        E::Maintenance,
    ])
}
fn told() -> impl Strategy<Value = ToldReason> {
    use ToldReason as T;
    prop::sample::select(vec![T::Left, T::Expired, T::Ended, T::Fault])
}

fn to_voice() -> impl Strategy<Value = ToVoice> {
    let filter = prop::sample::select(Filter::ALL.to_vec());
    let rung = prop::sample::select(Rung::ALL.to_vec());
    prop_oneof![
        (any::<u16>(), any::<u32>(), any::<u32>(), 0.0_f32..1e6, any::<bool>()).prop_map(
            |(version, width, height, fps, new)| {
                let codec = if new { Codec::H265 } else { Codec::H264 };
                ToVoice::Hello { version, width, height, fps, codec }
            }
        ),
        Just(ToVoice::Catalogue),
        Just(ToVoice::State),
        Just(ToVoice::JournalHead),
        Just(ToVoice::Usage),
        any::<u64>().prop_map(|correlation| ToVoice::Answer { correlation }),
        jti().prop_map(|jti| ToVoice::DescriptionSigned { jti }),
        Just(ToVoice::Pullers),
        (jti(), sub(), filter, any::<u64>(), 0..3_u8, any::<Option<[u8; 32]>>(), any::<u64>()).prop_map(
            |(jti, sub, filter, exp, way, key, at_ms)| {
                let seal_to = key.map(EncryptionKey);
                let way = [Way::Push, Way::Pull, Way::Relay][usize::from(way)];
                ToVoice::ShareGranted { jti, sub, filter, exp, way, seal_to, at_ms }
            }
        ),
        (jti(), any::<u8>(), any::<Option<(IpAddr, u16)>>(), any::<bool>(), any::<Option<[u8; 32]>>(), any::<u64>())
            .prop_map(|(jti, stream, to, relay, key, at_ms)| {
                let other = if relay { Destination::Relay } else { Destination::Pull };
                let push = |(address, port)| Destination::Push { address, port };
                ToVoice::ShareStarted {
                    jti,
                    stream: StreamId(stream),
                    delivery: to.map_or(other, push),
                    encrypt_to: key.map(EncryptionKey),
                    at_ms,
                }
            }),
        (jti(), sub(), reason(), told(), any::<u64>())
            .prop_map(|(jti, sub, reason, told, at_ms)| ToVoice::ShareEnded { jti, sub, reason, told, at_ms }),
        (any::<u8>(), any::<u64>(), any::<u64>(), any::<bool>(), rung).prop_map(
            |(stream, utc, monotonic, key, rung)| ToVoice::Unit {
                stream: StreamId(stream),
                captured_utc_us: utc,
                captured_monotonic_us: monotonic,
                key,
                rung,
            }
        ),
    ]
}

fn to_eye() -> impl Strategy<Value = ToEye> {
    use TokenKind as K;
    let kind = prop::sample::select(vec![
        K::Grant,
        K::Extend,
        K::Deny,
        K::Revoke,
        K::Preempt,
        K::Release,
        K::Heartbeat,
        K::Request,
    ]);
    prop_oneof![
        any::<u16>().prop_map(|version| ToEye::Hello { version }),
        (kind, any::<u64>()).prop_map(|(kind, correlation)| ToEye::Command { kind, correlation }),
        any::<u64>().prop_map(|correlation| ToEye::Policy { correlation }),
        jti().prop_map(|jti| ToEye::KeyPicture { jti }),
        jti().prop_map(|jti| ToEye::ViewerLeft { jti }),
        Just(ToEye::BrokerBack),
        (jti(), any::<[u8; 32]>(), any::<Option<[u8; 32]>>())
            .prop_map(|(jti, sdp_sha256, sealed_sha256)| ToEye::Described { jti, sdp_sha256, sealed_sha256 }),
    ]
}

/// Feeds `bytes` in pieces of the given sizes (repeated), half of them through `room`, and collects what comes out.
fn decode<M: serde::de::DeserializeOwned>(bytes: &[u8], cuts: &[usize]) -> Result<Vec<(M, Vec<u8>)>, LinkError> {
    let mut decoder = Decoder::new(MAX_BODY);
    let mut out = Vec::new();
    let (mut rest, mut cuts) = (bytes, cuts.iter().cycle());
    while !rest.is_empty() {
        let cut = rest.len().min(*cuts.next().expect("never empty"));
        if cut % 2 == 0 {
            decoder.room(cut)[..cut].copy_from_slice(&rest[..cut]);
            decoder.filled(cut);
        } else {
            decoder.push(&rest[..cut]);
        }
        rest = &rest[cut..];
        while let Some((message, body)) = decoder.next::<M>()? {
            out.push((message, body.to_vec()));
        }
    }
    Ok(out)
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..3000)
}

proptest! {
    #[test]
    fn what_the_eye_says_arrives_however_it_is_cut(
        said in prop::collection::vec((to_voice(), bodies()), 1..8),
        cuts in prop::collection::vec(1_usize..2000, 1..10),
    ) {
        let mut bytes = Vec::new();
        for (message, body) in &said {
            codec::encode(message, body, &mut bytes).unwrap();
        }
        prop_assert_eq!(decode::<ToVoice>(&bytes, &cuts), Ok(said));
    }

    #[test]
    fn what_the_voice_says_arrives_however_it_is_cut(
        said in prop::collection::vec((to_eye(), bodies()), 1..8),
        cuts in prop::collection::vec(1_usize..2000, 1..10),
    ) {
        let mut bytes = Vec::new();
        for (message, body) in &said {
            codec::encode(message, body, &mut bytes).unwrap();
        }
        prop_assert_eq!(decode::<ToEye>(&bytes, &cuts), Ok(said));
    }

    #[test]
    fn any_bytes_give_messages_or_an_error(
        bytes in prop::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..400),
        cuts in prop::collection::vec(1_usize..50, 1..5),
    ) {
        let _ = decode::<ToVoice>(&bytes, &cuts);
        let _ = decode::<ToEye>(&bytes, &cuts);
    }
}

#[test]
fn a_head_above_its_limit_is_refused_before_it_is_read() {
    let mut decoder = Decoder::new(MAX_BODY);
    let head = u32::try_from(MAX_HEAD + 1).unwrap().to_le_bytes();
    decoder.push(&[head, [0; 4]].concat());
    assert_eq!(decoder.next::<ToVoice>(), Err(LinkError::HeadTooLarge(MAX_HEAD + 1)));
}

#[test]
fn a_body_above_the_readers_limit_is_refused_before_it_is_read() {
    let mut bytes = Vec::new();
    codec::encode(&ToVoice::State, &[0; 1001], &mut bytes).unwrap();
    let mut decoder = Decoder::new(1000);
    decoder.push(&bytes[..8]);
    assert_eq!(decoder.next::<ToVoice>(), Err(LinkError::BodyTooLarge(1001, 1000)));
}

#[test]
fn a_body_above_the_wires_limit_is_not_written() {
    let mut out = vec![7];
    let refused = codec::encode(&ToVoice::State, &vec![0; MAX_BODY + 1], &mut out);
    assert_eq!(refused, Err(LinkError::BodyTooLarge(MAX_BODY + 1, MAX_BODY)));
    assert_eq!(out, [7]);
}

#[test]
fn every_message_fits_in_a_head() {
    let longest = "x".repeat(64);
    let message = ToVoice::ShareEnded {
        jti: Jti::new(longest.clone()).unwrap(),
        sub: SubscriberId::new(longest).unwrap(),
        reason: EndReason::ControlRoomLost,
        told: ToldReason::Ended,
        at_ms: u64::MAX,
    };
    let mut out = Vec::new();
    codec::encode(&message, &[], &mut out).unwrap();
    assert!(out.len() < MAX_HEAD);
}
