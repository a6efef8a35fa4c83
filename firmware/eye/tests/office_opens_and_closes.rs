//! P1, P4, P7 at the office, over the real link: what lets a picture out, what stops it, and what is on disk by then.

mod bench;

use bench::{BEGIN_S, Bench};
use board_sim::SimClock;
use contract::claims::{Description, TokenKind};
use contract::{EndReason, Jti, Rung};
use eye::road::Desk;
use link::message::{ToEye, ToVoice};
use std::time::Duration;
use token::{Jwk, Sha256Digest};

fn ended(reason: EndReason) -> impl Fn(&ToVoice) -> bool {
    move |message| matches!(message, ToVoice::ShareEnded { reason: why, .. } if *why == reason)
}

#[test]
fn p1_no_unit_leaves_without_a_grant() {
    let (bench, mut voice, _dir) = Bench::ready();
    assert!(!bench.office.order().open, "nothing is to be encoded");
    for _ in 0..10 {
        bench.picture(b"secret");
    }
    assert!(voice.all_units(&bench).is_empty());
}

#[test]
fn p1_a_unit_leaves_while_a_grant_stands_and_only_then() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let jti = voice.share(&mut bench);
    assert!(bench.office.order().open);
    bench.picture(b"granted");
    voice.until(|message, _| matches!(message, ToVoice::Unit { .. }));
    let token = bench.revoke(&voice.newest_state(), &jti);
    assert!(voice.command(TokenKind::Revoke, &token).ok);
    bench.picture(b"too late");
    assert_eq!(voice.all_units(&bench), [b"granted"]);
}

#[test]
fn p4_a_picture_encoded_before_the_revoke_does_not_leave_after_it() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let jti = voice.share(&mut bench);
    let token = bench.revoke(&voice.newest_state(), &jti);
    assert!(voice.command(TokenKind::Revoke, &token).ok);
    // The frame road was in the middle of encoding when the share ended.
    bench.picture(b"in flight");
    assert!(voice.all_units(&bench).is_empty());
}

#[test]
fn p4_media_stops_at_the_expiry() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let jti = voice.share(&mut bench);
    for _ in 0..75 {
        bench.clock.advance(Duration::from_secs(8));
        let token = bench.heartbeat(std::slice::from_ref(&jti));
        voice.command(TokenKind::Heartbeat, &token);
    }
    bench.picture(b"after ten minutes");
    voice.hears(ended(EndReason::Expired));
    assert!(voice.all_units(&bench).is_empty());
}

#[test]
fn p4_media_stops_when_the_lease_runs_out_even_before_the_office_has_looked() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    voice.share(&mut bench);
    bench.clock.advance(Duration::from_millis(10_001));
    assert!(!bench.office.order().open, "the road is told at once");
    bench.picture(b"without a heartbeat");
    voice.hears(ended(EndReason::ControlRoomLost));
    assert!(voice.all_units(&bench).is_empty());
}

#[test]
fn p4_a_clock_set_back_does_not_lengthen_a_share() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    voice.share(&mut bench);
    bench.clock.step_utc((BEGIN_S - 10 * 31_536_000) * 1_000_000);
    bench.clock.advance(Duration::from_secs(601));
    bench.picture(b"past the window");
    voice.until(|message, _| matches!(message, ToVoice::ShareEnded { .. }));
    assert!(voice.all_units(&bench).is_empty());
}

#[test]
fn p7_the_start_is_on_disk_before_the_voice_hears_of_it() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let grant = bench.grant(&voice.newest_state());
    let jti = grant.envelope.jti.clone();
    let token = bench::sign(TokenKind::Grant, "ines", &grant, bench::INES);
    voice.say(&link::ToEye::Command { kind: TokenKind::Grant, correlation: 77 }, token.as_bytes());
    voice.until(|message, _| matches!(message, ToVoice::ShareStarted { .. }));
    let journal = bench.journal();
    let line = |event: &str| journal.lines().find(|line| line.contains(event) && line.contains(jti.as_str()));
    assert!(line("\"started\"").is_some(), "{journal}");
    assert!(line("\"granted\"").is_some_and(|line| line.contains(&token)), "the token itself is kept: {journal}");
    journal::verify(journal.as_bytes()).unwrap();
}

#[test]
fn p9_an_eye_that_is_stopped_tells_the_end_before_it_goes() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let jti = voice.share(&mut bench);
    bench.office.close();
    voice.hears(ended(EndReason::Maintenance));
    let journal = bench.journal();
    let told = "\"true_reason\":\"maintenance\",\"told_reason\":\"ended\"";
    assert!(journal.lines().any(|line| line.contains(told) && line.contains(jti.as_str())), "{journal}");
}

#[test]
fn p9_a_voice_that_goes_away_ends_its_share() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let jti = voice.share(&mut bench);
    drop(voice);
    let mut next = bench.voice();
    assert!(matches!(next.heard[0].0, ToVoice::Hello { .. }), "the greeting comes first: {:?}", next.heard[0].0);
    assert!(next.newest_state().shares.is_empty());
    next.hears(
        |message| matches!(message, ToVoice::ShareEnded { jti: of, reason: EndReason::Fault, .. } if *of == jti),
    );
    assert!(bench.journal().lines().any(|line| line.contains("\"ended\"") && line.contains(jti.as_str())));
    assert!(!bench.office.order().open);
}

#[test]
fn p9_a_restarted_eye_ends_what_it_left_open_and_tells_it() {
    let dir = tempfile::tempdir().unwrap();
    let clock = SimClock::new(BEGIN_S * 1_000_000);
    let mut bench = Bench::open(dir.path(), clock.clone());
    let mut voice = bench.voice();
    let token = bench.heartbeat(&[]);
    voice.command(TokenKind::Heartbeat, &token);
    let jti = voice.share(&mut bench);
    // As kill -9 leaves it: the first office is not asked to close. Its socket is taken over.
    let again = Bench::open(dir.path(), clock);
    let mut voice = again.voice();
    let told = |message: &ToVoice| matches!(message, ToVoice::ShareEnded { jti: of, reason: EndReason::Fault, .. } if *of == jti);
    voice.hears(told);
    assert!(!again.office.order().open, "no share outlives a restart");
    journal::verify(again.journal().as_bytes()).unwrap();
}

#[test]
fn p8_memory_that_cannot_be_read_leaves_the_camera_reserved() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("state")).unwrap();
    std::fs::write(dir.path().join("state/memory.json"), b"{half").unwrap();
    let mut bench = Bench::open(dir.path(), SimClock::new(BEGIN_S * 1_000_000));
    let mut voice = bench.voice();
    let token = bench.heartbeat(&[]);
    voice.command(TokenKind::Heartbeat, &token);
    let grant = bench.grant(&voice.newest_state());
    let token = bench::sign(TokenKind::Grant, "ines", &grant, bench::INES);
    assert_eq!(voice.refusal(TokenKind::Grant, &token), contract::ErrorCode::Reserved);
}

#[test]
fn usage_counts_what_was_handed_over() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let jti = voice.share(&mut bench);
    for _ in 0..26 {
        bench.picture(&[7; 100]);
        voice.until(|message, _| matches!(message, ToVoice::Unit { rung: Rung::Clear, .. }));
        bench.clock.advance(Duration::from_millis(40));
    }
    let token = bench.revoke(&voice.newest_state(), &jti);
    voice.command(TokenKind::Revoke, &token);
    let body = &voice.heard.iter().find(|(message, _)| matches!(message, ToVoice::ShareEnded { .. })).unwrap().1;
    let usage: contract::body::Usage = serde_json::from_slice(body).unwrap();
    assert_eq!((usage.pictures, usage.bytes), (26, 2_600));
    assert!((usage.seconds_clear - 1.0).abs() < 0.01, "{usage:?}");
}

#[test]
fn p5_the_board_signs_how_a_running_share_is_described_and_nothing_else() {
    let (mut bench, mut voice, dir) = Bench::ready();
    let file = std::fs::read(dir.path().join("state/board-key.jwk")).unwrap();
    let key = Jwk::parse(&file).unwrap().public_key().unwrap();
    let asked = |jti: &Jti, sealed: Option<&str>| ToEye::Described {
        jti: jti.clone(),
        sdp_sha256: Sha256Digest::of("v=0").0,
        sealed_sha256: sealed.map(|sealed| Sha256Digest::of(sealed).0),
    };
    let word = |voice: &mut bench::Voice, jti: &Jti, sealed: Option<&str>| {
        voice.say(&asked(jti, sealed), &[]);
        voice.until(|message, _| matches!(message, ToVoice::DescriptionSigned { jti: of } if of == jti))
    };
    let nowhere: Jti = bench::id("nowhere");
    assert!(word(&mut voice, &nowhere, None).is_empty(), "no share, no word");
    let jti = voice.share(&mut bench);
    for sealed in [None, Some("e.y.J")] {
        let token = word(&mut voice, &jti, sealed);
        let claims: Description = token::verify(TokenKind::Description, &token, |_| Some(key)).unwrap();
        assert_eq!((claims.aud.to_string().as_str(), &claims.share), ("almere/613", &jti));
        assert_eq!((claims.sub.as_str(), claims.iss.as_str()), ("tlc", "board"));
        assert_eq!(claims.sdp_sha256, Sha256Digest::of("v=0").to_string());
        assert_eq!(claims.sealed_sha256, sealed.map(|sealed| Sha256Digest::of(sealed).to_string()));
    }
    let signed = (0..100).filter(|_| !word(&mut voice, &jti, None).is_empty()).count();
    assert_eq!(signed, 2, "a voice that asks on and on keeps nobody busy");
    let other = voice.share(&mut bench);
    let token = bench.revoke(&voice.newest_state(), &other);
    voice.done(TokenKind::Revoke, &token);
    assert!(word(&mut voice, &other, None).is_empty(), "it is over");
}
