//! When `state` is published: at once when somebody waits for it, else about once a second, at least every five. In simulated time.

use contract::body::{EyeState, Presence};
use std::time::Duration;
use tokio::time::Instant;
use voice::status::{AT_LEAST, ORDINARY, Status, URGENT};

/// While somebody watches: what is told without a share is tested where it is decided.
fn eye(challenge: &str, now: u64) -> EyeState {
    let text = format!(
        r#"{{"mode":"normal","shares":[{{"jti":"one","state":"sharing","filter":"fill","exp":9}}],"ladder":"clear","fps":25.0,"capture_to_link_p99_ms":12.0,"challenge":"{challenge}","now":{now},
        "clock_synchronised":true,"firmware":"0","model":"m","model_sha256":"0","counters":{{"frames_captured":0,"frames_dropped":0,
        "pictures_sent":0,"objects_masked":0,"shapes_painted":0,"seconds_clear":0,"seconds_cautious":0,"seconds_covered":0,"seconds_dark":0}}}}"#
    );
    serde_json::from_str(&text).expect("a state")
}

/// Steps through simulated time to the next publication; how long it took, and what was said.
fn next(status: &mut Status, now: &mut Instant) -> (Duration, Presence) {
    let began = *now;
    loop {
        if let Some(state) = status.say(*now, None) {
            return (*now - began, state.presence);
        }
        *now += Duration::from_millis(10);
    }
}

#[test]
fn the_first_is_said_at_once_and_without_an_eye_says_so() {
    let (mut status, mut now) = (Status::default(), Instant::now());
    assert_eq!(next(&mut status, &mut now), (Duration::ZERO, Presence::EyeAbsent));
}

#[test]
fn without_a_change_it_is_repeated_every_five_seconds() {
    let (mut status, mut now) = (Status::default(), Instant::now());
    next(&mut status, &mut now);
    assert_eq!(next(&mut status, &mut now).0, AT_LEAST);
}

#[test]
fn an_ordinary_change_waits_a_second_an_urgent_one_does_not() {
    let (mut status, mut now) = (Status::default(), Instant::now());
    next(&mut status, &mut now);
    status.linked(true);
    status.eye_says(eye("c1", 1));
    assert_eq!(next(&mut status, &mut now), (URGENT, Presence::Online));
    status.eye_says(eye("c1", 2));
    assert_eq!(next(&mut status, &mut now).0, ORDINARY);
    status.eye_says(eye("c2", 3));
    assert_eq!(next(&mut status, &mut now).0, URGENT, "somebody needs the new challenge");
    status.linked(false);
    assert_eq!(next(&mut status, &mut now), (URGENT, Presence::EyeAbsent));
}

#[test]
fn an_eye_that_talks_without_pause_is_passed_on_once_a_second() {
    let (mut status, mut now) = (Status::default(), Instant::now());
    status.linked(true);
    status.eye_says(eye("c1", 0));
    next(&mut status, &mut now);
    let mut said = 0;
    for tick in 0..1000 {
        now += Duration::from_millis(10);
        status.eye_says(eye("c1", tick));
        said += usize::from(status.say(now, None).is_some());
    }
    assert_eq!(said, 10);
}

#[test]
fn p3_a_self_test_that_changes_is_said_sooner_than_what_nobody_waits_for() {
    let (mut status, mut now) = (Status::default(), Instant::now());
    let tested = |result: &str| {
        let text = serde_json::to_string(&eye("c", 0)).expect("a state");
        let test = format!(r#"{{"self_test":{{"result":"{result}","took_ms":1.0}},"#);
        serde_json::from_str::<EyeState>(&text.replacen('{', &test, 1)).expect("a state")
    };
    status.linked(true);
    status.eye_says(tested("passed"));
    next(&mut status, &mut now);
    status.eye_says(tested("passed"));
    assert_eq!(next(&mut status, &mut now).0, ORDINARY);
    status.eye_says(tested("failed"));
    assert_eq!(next(&mut status, &mut now).0, URGENT);
}
