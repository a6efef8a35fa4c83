//! The session description says what a receiver needs, and reads back.

use rtp::Codec;
use rtp::Ssrc;
use rtp::sdp::{Description, Protection, SdpError, Source};
use rtp::srtp::MasterKey;

const KEY: [u8; 23] =
    [0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x8c, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80, 0, 0, 1, 0x65, 0x88, 0x84];

#[test]
fn a_push_is_described_line_by_line() {
    let text = Description::of_push(Codec::H264, &KEY, "192.0.2.7".parse().unwrap(), 5004).unwrap().text(42);
    let expected = "v=0\r\n\
        o=- 42 1 IN IP4 0.0.0.0\r\n\
        s=Campari masked video\r\n\
        c=IN IP4 192.0.2.7\r\n\
        t=0 0\r\n\
        m=video 5004 RTP/AVP 96\r\n\
        a=rtpmap:96 H264/90000\r\n\
        a=fmtp:96 packetization-mode=1;profile-level-id=42c01f;sprop-parameter-sets=Z0LAH4w=,aM48gA==\r\n\
        a=extmap:1 http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time\r\n\
        a=recvonly\r\n";
    assert_eq!(text, expected);
}

#[test]
fn what_was_described_reads_back() {
    for address in ["192.0.2.7", "2001:db8::7", "239.1.2.3"] {
        let description = Description::of_push(Codec::H264, &KEY, address.parse().unwrap(), 5004).unwrap();
        assert_eq!(Description::parse(&description.text(1)), Ok(description));
    }
}

#[test]
fn the_source_of_a_stream_is_described_with_its_name_and_reads_back() {
    let plain = Description::of_push(Codec::H264, &KEY, "192.0.2.7".parse().unwrap(), 5004).unwrap();
    let source = Source { ssrc: Ssrc(3_416_063_363), cname: "0a1b2c".into() };
    let description = Description { source: Some(source), ..plain.clone() };
    let text = description.text(1);
    assert!(text.contains("a=ssrc:3416063363 cname:0a1b2c\r\n"), "{text}");
    assert_eq!(Description::parse(&text), Ok(description));
    assert_eq!(Description::parse(&text.replace("3416063363", "34160633630")), Ok(plain));
}

/// Two access units that x265 made (320x240): VPS, SPS, PPS, a key picture and one that says the same.
const H265: &[u8] = include_bytes!("../../../board/mpp-sim/src/canned.h265");

#[test]
fn h265_is_described_with_its_three_parameter_sets_its_profile_and_its_level() {
    let description = Description::of_push(Codec::H265, H265, "192.0.2.7".parse().unwrap(), 5004).unwrap();
    let text = description.text(42);
    assert!(text.contains("a=rtpmap:96 H265/90000\r\n"), "{text}");
    // Main profile, main tier, level 2: 30 times the level.
    let format = "a=fmtp:96 profile-id=1;tier-flag=0;level-id=60;sprop-vps=QAE";
    assert!(text.contains(format) && text.contains(";sprop-sps=QgE") && text.contains(";sprop-pps=RAH"), "{text}");
    assert_eq!(Description::parse(&text), Ok(description));
}

#[test]
fn a_group_is_described_with_its_hops_and_an_ipv6_group_without() {
    let of = |address: &str| {
        let description = Description::of_push(Codec::H264, &KEY, address.parse().unwrap(), 5004).unwrap();
        Description { ttl: 9, ..description }
    };
    assert!(of("239.1.2.3").text(1).contains("c=IN IP4 239.1.2.3/9\r\n"));
    assert_eq!(Description::parse(&of("239.1.2.3").text(1)).unwrap().ttl, 9);
    assert!(of("ff15::7").text(1).contains("c=IN IP6 ff15::7\r\n"));
}

#[test]
fn a_unit_without_parameter_sets_is_refused() {
    let refused = Description::of_push(Codec::H264, &KEY[16..], "192.0.2.7".parse().unwrap(), 5004);
    assert!(matches!(refused, Err(SdpError::NoParameterSets(_))));
}

#[test]
fn a_description_of_something_else_names_the_line() {
    let text = Description::of_push(Codec::H264, &KEY, "192.0.2.7".parse().unwrap(), 5004).unwrap().text(1);
    let unfit = |from: &str, to: &str| Description::parse(&text.replace(from, to)).unwrap_err().to_string();
    assert!(unfit("m=video", "m=audio").contains("m=video"));
    assert!(unfit("H264/", "H263/").contains("a=rtpmap"));
    assert!(unfit("H264/", "H265/").contains("sprop-vps"));
    assert!(unfit("packetization-mode=1", "packetization-mode=0").contains("packetization-mode"));
    assert!(unfit("sprop-parameter-sets=Z", "x=Z").contains("sprop-parameter-sets"));
    assert!(unfit("192.0.2.7", "elsewhere").contains("c="));
    assert!(Description::parse("hello").unwrap_err().to_string().contains("cannot read"));
}

#[test]
fn an_encrypted_push_names_its_key_only_where_it_is_told_to() {
    let mut description = Description::of_push(Codec::H264, &KEY, "192.0.2.7".parse().unwrap(), 5004).unwrap();
    let key = MasterKey::new([7; 30]);
    let secret = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
    description.protection = Protection::Secret;
    let text = description.text(1);
    assert!(text.contains("m=video 5004 RTP/SAVP 96") && !text.contains("crypto") && !text.contains(secret), "{text}");
    assert_eq!(Description::parse(&text), Ok(description.clone()));
    description.protection = Protection::Srtp(key);
    let text = description.text(1);
    assert!(text.contains(&format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{secret}\r\n")), "{text}");
    assert_eq!(Description::parse(&text), Ok(description.clone()));
    assert!(!format!("{description:?}").contains("BwcH"));
    for wrong in [
        text.replace("SHA1_80", "SHA1_32"),
        text.replace(secret, "AAAA"),
        text.replace(secret, &format!("{secret}|1:4")),
    ] {
        assert!(matches!(Description::parse(&wrong), Err(SdpError::Unfit { what: "a=crypto", .. })), "{wrong}");
    }
    assert_eq!(Description::parse(&text.replace(secret, &format!("{secret}|2^20"))), Ok(description));
}
