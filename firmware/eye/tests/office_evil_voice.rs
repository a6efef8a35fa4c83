//! The voice taken over: what it says over the real link lengthens nothing, starts nothing and sends nothing elsewhere; what it carries it cannot make.

mod bench;

use bench::{Bench, TLC, Voice, sign};
use contract::claims::TokenKind;
use contract::{EndReason, ErrorCode, Jti};
use link::message::{Destination, ToEye, ToVoice};
use std::time::Duration;

fn storm(voice: &mut Voice, share: &Jti) {
    for _ in 0..5 {
        voice.say(&ToEye::ViewerLost { jti: share.clone() }, &[]);
        voice.say(&ToEye::ViewerJoined { jti: share.clone() }, &[]);
        voice.say(&ToEye::KeyPicture { jti: share.clone() }, &[]);
    }
}

/// Why the share ended, if it did.
fn end_of(voice: &Voice, share: &Jti) -> Option<EndReason> {
    voice.heard.iter().find_map(|(message, _)| match message {
        ToVoice::ShareEnded { jti, reason, .. } if jti == share => Some(*reason),
        _ => None,
    })
}

fn begins(message: &ToVoice) -> bool {
    matches!(message, ToVoice::ShareStarted { .. } | ToVoice::ShareResumed { .. } | ToVoice::ShareGranted { .. })
}

#[test]
fn p4_a_storm_of_viewers_lost_and_joined_does_not_outlast_the_window() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let share = voice.share(&mut bench);
    for second in 0..=600 {
        if end_of(&voice, &share).is_some() {
            assert!(second >= 600, "it ended early, after {second} s");
            break;
        }
        if second % 2 == 0 {
            voice.beat(&mut bench, std::slice::from_ref(&share));
        }
        if second % 20 == 0 {
            storm(&mut voice, &share);
        }
        bench.clock.advance(Duration::from_secs(1));
        voice.state();
    }
    voice.hears(|message| matches!(message, ToVoice::ShareEnded { .. }));
    assert_eq!(end_of(&voice, &share), Some(EndReason::Expired));
    let heard = voice.heard.len();
    storm(&mut voice, &share);
    bench.picture(b"after");
    voice.state();
    assert!(!voice.heard[heard..].iter().any(|(message, _)| begins(message)), "it came back");
    assert!(!voice.all_units(&bench).contains(&&b"after"[..]));
}

#[test]
fn p4_a_storm_of_viewers_does_not_stand_in_for_the_control_room() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let share = voice.share(&mut bench);
    let old = bench.heartbeat(std::slice::from_ref(&share));
    assert!(voice.command(TokenKind::Heartbeat, &old).ok);
    for _ in 0..10 {
        bench.clock.advance(Duration::from_millis(1_001));
        storm(&mut voice, &share);
        // What was heard before proves nothing now.
        assert_eq!(voice.refusal(TokenKind::Heartbeat, &old), ErrorCode::Replayed);
    }
    voice.hears(|message| matches!(message, ToVoice::ShareEnded { .. }));
    assert_eq!(end_of(&voice, &share), Some(EndReason::ControlRoomLost));
}

#[test]
fn p4_heartbeats_kept_back_and_given_out_of_order_gain_nothing() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let share = voice.share(&mut bench);
    // Five made now; the newest is given first, the others cannot follow.
    let kept: Vec<_> = (0..5).map(|_| bench.heartbeat(std::slice::from_ref(&share))).collect();
    assert!(voice.command(TokenKind::Heartbeat, &kept[4]).ok);
    for earlier in &kept[..4] {
        assert_eq!(voice.refusal(TokenKind::Heartbeat, earlier), ErrorCode::Replayed);
    }
    // Nor can a hoard be spent slowly: a heartbeat is of its own moment.
    let hoard: Vec<_> = (0..30).map(|_| bench.heartbeat(std::slice::from_ref(&share))).collect();
    for token in &hoard {
        bench.clock.advance(Duration::from_secs(4));
        voice.command(TokenKind::Heartbeat, token);
        if end_of(&voice, &share).is_some() {
            break;
        }
    }
    assert_eq!(end_of(&voice, &share), Some(EndReason::ControlRoomLost));
}

#[test]
fn p1_viewers_of_no_share_start_nothing() {
    let (bench, mut voice, _dir) = Bench::ready();
    let heard = voice.heard.len();
    storm(&mut voice, &bench::id("made-up"));
    bench.picture(b"nothing");
    voice.state();
    assert!(!voice.heard[heard..].iter().any(|(message, _)| begins(message)));
    assert!(voice.all_units(&bench).is_empty());
}

#[test]
fn p5_the_destination_is_that_of_the_signed_grant_and_the_voice_has_no_word_for_another() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    voice.share(&mut bench);
    voice.hears(|message| matches!(message, ToVoice::ShareStarted { .. }));
    let destinations: Vec<_> = voice
        .heard
        .iter()
        .filter_map(|(message, _)| match message {
            ToVoice::ShareStarted { delivery, .. } => Some(*delivery),
            _ => None,
        })
        .collect();
    assert_eq!(destinations, [Destination::Push { address: [127, 0, 0, 1].into(), port: 5004 }]);
}

#[test]
fn p5_a_request_that_is_replayed_or_given_as_something_else_is_refused() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let request = sign(TokenKind::Request, "tlc", &bench.request(), TLC);
    voice.done(TokenKind::Request, &request);
    assert_eq!(voice.refusal(TokenKind::Request, &request), ErrorCode::Replayed);
    for other in [TokenKind::Grant, TokenKind::Extend, TokenKind::Heartbeat, TokenKind::Release] {
        assert_eq!(voice.refusal(other, &request), ErrorCode::WrongType, "{other:?}");
    }
    assert!(!voice.heard.iter().any(|(message, _)| begins(message)));
}
