//! P3, P4, P5, P8 at the office, over the real link: viewers that go and come back, a camera that is turned away, reports of leaks, several shares, and
//! the police.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod bench;

use bench::{Bench, INES, Voice, id, policy, sign};
use board_hal::Aiming;
use board_sim::SimClock;
use contract::body::{Catalogue, Mode, Usage};
use contract::claims::{Delivery, TokenKind};
use contract::policy::SubscriberRule;
use contract::{EndReason, Filter, Jti, ToldReason};
use eye::road::{Desk, Painted};
use link::message::{ToEye, ToVoice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn ended(share: &Jti, reason: EndReason) -> impl Fn(&ToVoice) -> bool {
    move |message| matches!(message, ToVoice::ShareEnded { jti, reason: why, .. } if jti == share && *why == reason)
}

fn filtered(share: &Jti, to: Filter) -> impl Fn(&ToVoice) -> bool {
    move |message| matches!(message, ToVoice::ShareFiltered { jti, filter, .. } if jti == share && *filter == to)
}

/// A policy with room for two, changed.
fn two(bench: &Bench, voice: &mut Voice, restore: bool) {
    let mut newer = policy(2);
    (newer.max_shares, newer.restore_after_release) = (2, restore);
    let other = SubscriberRule { id: id("tunnel"), x: None, ..newer.subscribers[0].clone() };
    newer.subscribers.push(other);
    assert!(voice.policy(&bench::bundle(&newer)).ok);
    assert_eq!(voice.state().policy_version, Some(2), "{}", bench.now_s());
}

/// A second share, for `tunnel`.
fn second(bench: &mut Bench, voice: &mut Voice, filter: Filter) -> Jti {
    let mut grant = bench.grant(&voice.newest_state());
    (grant.sub, grant.filter) = (id("tunnel"), filter);
    grant.delivery = Delivery::Push { address: [127, 0, 0, 1].into(), port: 6004 };
    voice.done(TokenKind::Grant, &sign(TokenKind::Grant, "ines", &grant, INES)).share.unwrap()
}

#[test]
fn p4_media_stops_while_no_viewer_is_heard_of_and_goes_on_with_a_key_picture() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let share = voice.share(&mut bench);
    assert!(bench.office.order().key_wanted);
    voice.say(&ToEye::ViewerLost { jti: share.clone() }, &[]);
    voice.hears(|message| matches!(message, ToVoice::ShareWaiting { jti, .. } if *jti == share));
    assert!(!bench.office.order().open, "nothing is even encoded");
    bench.picture(b"to nobody");
    voice.say(&ToEye::ViewerJoined { jti: share.clone() }, &[]);
    voice.hears(|message| matches!(message, ToVoice::ShareResumed { jti, .. } if *jti == share));
    let order = bench.office.order();
    assert!(order.open && order.key_wanted);
    bench.picture(b"to somebody");
    assert_eq!(voice.all_units(&bench), [b"to somebody"]);
    voice.say(&ToEye::ViewerLost { jti: share.clone() }, &[]);
    voice.until(|message, _| matches!(message, ToVoice::ShareWaiting { .. }));
    for _ in 0..4 {
        bench.clock.advance(Duration::from_secs(8));
        voice.beat(&mut bench, std::slice::from_ref(&share));
    }
    voice.hears(ended(&share, EndReason::ViewerLeft));
    let journal = bench.journal();
    assert!(journal.contains("\"waiting\"") && journal.contains("\"resumed\""), "{journal}");
}

#[test]
fn p4_leave_ends_a_share_at_once() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let share = voice.share(&mut bench);
    let leave = bench.leave(&share);
    assert_eq!(voice.done(TokenKind::Leave, &leave).share, Some(share.clone()));
    bench.picture(b"too late");
    voice.hears(ended(&share, EndReason::ViewerLeft));
    assert!(voice.all_units(&bench).is_empty());
}

/// A camera that somebody turns away when the test says so.
struct Turned(AtomicBool);

impl Aiming for Turned {
    fn aim(&self, _: Option<&str>) {}
    fn is_aimed(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
    fn moved_until_us(&self) -> u64 {
        0
    }
}

#[test]
fn p5_a_picture_of_a_camera_that_was_turned_away_does_not_leave_and_the_share_ends_after_the_grace() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let camera = Arc::new(Turned(AtomicBool::new(true)));
    bench.office.aim_with(camera.clone());
    let share = voice.share(&mut bench);
    let painted = bench.painted();
    // Turned away while this one was encoded; nobody has told the office yet.
    camera.0.store(false, Ordering::SeqCst);
    assert!(bench.picture_painted(b"elsewhere", &painted), "the next one must be a key picture");
    camera.0.store(true, Ordering::SeqCst);
    bench.picture_painted(b"back", &painted);
    assert_eq!(voice.all_units(&bench), [b"back"]);
    camera.0.store(false, Ordering::SeqCst);
    voice.beat(&mut bench, std::slice::from_ref(&share));
    voice.state();
    assert!(bench.office.order().open, "whoever watches sees the slate meanwhile");
    bench.clock.advance(Duration::from_secs(6));
    voice.beat(&mut bench, std::slice::from_ref(&share));
    bench.clock.advance(Duration::from_millis(4_001));
    voice.hears(ended(&share, EndReason::ViewLeft));
    let told = |message: &ToVoice| matches!(message, ToVoice::ShareEnded { told: ToldReason::Ended, .. });
    voice.hears(told);
    assert!(bench.journal().contains("view-left"));
}

#[test]
fn p3_a_report_of_a_leak_covers_what_is_on_its_way_and_stands_across_a_restart_until_it_is_cleared() {
    let (mut bench, mut voice, dir) = Bench::ready();
    let share = voice.share(&mut bench);
    let fill = bench.painted();
    let token = bench.report_leak(Some(&share));
    voice.done(TokenKind::ReportLeak, &token);
    voice.hears(filtered(&share, Filter::Coarse));
    assert!(bench.picture_painted(b"on its way", &fill), "the next one must be a key picture");
    assert_eq!(bench.office.order().filter, Filter::Coarse);
    let coarse = bench.painted();
    bench.picture_painted(b"coarse", &coarse);
    assert_eq!(voice.all_units(&bench), [b"coarse"]);
    let state = voice.state();
    assert_eq!((state.leak.unwrap().reports, state.shares[0].filter), (1, Filter::Coarse));
    let journal = bench.journal();
    let line = journal.lines().find(|line| line.contains("leak-reported")).unwrap();
    assert!(line.contains(&token) && line.contains("tlc") && line.contains(share.as_str()), "{line}");

    // As kill -9 leaves it.
    let mut again = Bench::open(dir.path(), SimClock::new((bench.now_s() + 5) * 1_000_000));
    let mut voice = again.voice();
    voice.beat(&mut again, &[]);
    let share = voice.share(&mut again);
    assert_eq!(again.office.order().filter, Filter::Coarse, "it stands");
    let by_a_centralist = contract::claims::ClearLeak {
        envelope: again.envelope("ines", Some(voice.newest_state().challenge)),
        act: bench::act(),
    };
    let token = sign(TokenKind::ClearLeak, "ines", &by_a_centralist, INES);
    assert_eq!(voice.refusal(TokenKind::ClearLeak, &token), contract::ErrorCode::NotAllowed);
    let token = again.clear_leak(&voice.newest_state());
    voice.done(TokenKind::ClearLeak, &token);
    voice.hears(filtered(&share, Filter::Fill));
    assert_eq!((again.office.order().filter, voice.state().leak), (Filter::Fill, None));
    assert!(again.journal().lines().any(|line| line.contains("leak-cleared") && line.contains("officer")));
}

#[test]
fn p5_one_encode_serves_two_shares_with_the_stronger_filter_and_each_has_its_own_end_and_bill() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    two(&bench, &mut voice, false);
    let first = voice.share(&mut bench);
    let fill: Painted = bench.painted();
    bench.picture_painted(b"one", &fill);
    let strong = second(&mut bench, &mut voice, Filter::Coarse);
    voice.hears(filtered(&first, Filter::Coarse));
    assert!(bench.picture_painted(b"too weak by now", &fill));
    bench.clock.advance(Duration::from_millis(40));
    bench.picture_painted(b"both", &bench.painted());
    voice.hears(|message| matches!(message, ToVoice::Unit { .. }));
    let token = bench.revoke(&voice.newest_state(), &strong);
    voice.done(TokenKind::Revoke, &token);
    voice.hears(filtered(&first, Filter::Fill));
    assert_eq!(bench.office.order().filter, Filter::Fill, "the weaker one applies again");
    bench.picture_painted(b"first", &bench.painted());
    let units = voice.all_units(&bench);
    assert!(!units.contains(&&b"too weak by now"[..]), "{units:?}");
    let token = bench.revoke(&voice.newest_state(), &first);
    voice.done(TokenKind::Revoke, &token);
    let usage = |share: &Jti| -> Usage {
        let of = |message: &ToVoice| matches!(message, ToVoice::ShareEnded { jti, .. } if jti == share);
        serde_json::from_slice(&voice.heard.iter().find(|(message, _)| of(message)).unwrap().1).unwrap()
    };
    // Every picture is on the bill of every share that was open when it left, and on no other.
    let (of_first, of_second) = (usage(&first), usage(&strong));
    assert_eq!((of_first.pictures, of_first.bytes), (3, 3 + 4 + 5));
    assert_eq!((of_second.pictures, of_second.bytes), (1, 4));
    assert_eq!(voice.state().counters.pictures_sent, 3);
}

#[test]
fn p8_a_preempt_of_the_whole_site_ends_all_and_a_release_brings_back_what_the_policy_says() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    two(&bench, &mut voice, true);
    let first = voice.share(&mut bench);
    let other = second(&mut bench, &mut voice, Filter::Fill);
    let token = bench.preempt(&voice.newest_state(), 1, true);
    voice.done(TokenKind::Preempt, &token);
    assert!(!bench.office.order().open);
    bench.picture(b"police business");
    for share in [&first, &other] {
        voice.hears(ended(share, EndReason::Preempted));
    }
    let state = voice.state();
    assert_eq!((state.mode, state.shares.len()), (Mode::Reserved, 0));
    let grant = bench.grant(&state);
    let token = sign(TokenKind::Grant, "ines", &grant, INES);
    assert_eq!(voice.refusal(TokenKind::Grant, &token), contract::ErrorCode::Reserved);

    let heard = voice.heard.len();
    bench.clock.advance(Duration::from_secs(5));
    voice.beat(&mut bench, &[first.clone(), other.clone()]);
    let token = bench.release(&voice.newest_state(), 2);
    voice.done(TokenKind::Release, &token);
    voice.state();
    let again = |share: &Jti, is: fn(&ToVoice) -> Option<&Jti>| {
        voice.heard[heard..].iter().filter(|(message, _)| is(message) == Some(share)).count()
    };
    for share in [&first, &other] {
        let granted = |message: &ToVoice| matches!(message, ToVoice::ShareGranted { .. });
        assert!(voice.heard[heard..].iter().any(|(message, _)| granted(message)));
        let started = again(share, |message| match message {
            ToVoice::ShareStarted { jti, .. } => Some(jti),
            _ => None,
        });
        assert_eq!(started, 1, "{share}");
    }
    assert_eq!(voice.newest_state().shares.len(), 2);
    bench.picture(b"it goes on");
    assert_eq!(voice.all_units(&bench), [b"it goes on"]);
    journal::verify(bench.journal().as_bytes()).unwrap();
}

#[test]
fn p8_what_a_subscriber_may_read_does_not_change_when_the_police_take_the_camera() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let catalogue = |voice: &Voice| -> Vec<Catalogue> {
        let told = voice.heard.iter().filter(|(message, _)| matches!(message, ToVoice::Catalogue));
        told.map(|(_, body)| serde_json::from_slice(body).unwrap()).collect()
    };
    let before = catalogue(&voice);
    let token = bench.preempt(&voice.newest_state(), 1, false);
    voice.done(TokenKind::Preempt, &token);
    let request = sign(TokenKind::Request, "tlc", &bench.request(), bench::TLC);
    let answer = voice.done(TokenKind::Request, &request);
    let text = serde_json::to_string(&answer).unwrap();
    assert!(text.contains("room-busy") && !text.contains("reserve"), "{text}");
    voice.state();
    assert_eq!(catalogue(&voice), before);
}
