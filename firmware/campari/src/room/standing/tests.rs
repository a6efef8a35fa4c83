//! What a lying or lossy broker can do to the list: shorten it, never lengthen it.

use super::*;
use contract::Filter;
use contract::claims::{Actors, Delivery, Envelope};
use contract::{Audience, EndReason};

fn grant(jti: &str, camera: &str, exp: u64) -> Grant {
    Grant {
        envelope: envelope(jti, Some(camera)),
        sub: "tlc".parse().unwrap(),
        nbf: 0,
        exp,
        view: "wide".parse().unwrap(),
        filter: Filter::Fill,
        fps: None,
        delivery: Delivery::Push { address: [127, 0, 0, 1].into(), port: 5004 },
        purpose: "traffic".into(),
        act: Actors { operator: "op-1".into(), requester: None },
        cnf: None,
        request: None,
    }
}

fn envelope(jti: &str, camera: Option<&str>) -> Envelope {
    let site = "almere".parse().unwrap();
    Envelope {
        iss: "ines".parse().unwrap(),
        aud: match camera {
            Some(camera) => Audience::camera(site, camera.parse().unwrap()),
            None => Audience::site(site),
        },
        iat: 100,
        jti: jti.parse().unwrap(),
        challenge: None,
    }
}

fn log(jti: &str, event: &str) -> ShareLog {
    ShareLog {
        jti: jti.parse().unwrap(),
        sub: "tlc".parse().unwrap(),
        event: event.into(),
        reason: (event == "ended").then_some(EndReason::Expired),
        at_ms: 0,
        usage: None,
        server: None,
    }
}

fn revoke(share: Option<&str>, camera: Option<&str>) -> Revoke {
    Revoke {
        envelope: envelope("r1", camera),
        share: share.map(|jti| jti.parse().unwrap()),
        act: Actors { operator: "op-1".into(), requester: None },
    }
}

fn names(standing: &Standing, now: u64) -> Vec<String> {
    standing.stands(now).iter().map(ToString::to_string).collect()
}

#[test]
fn a_log_line_without_a_signed_grant_gives_nothing() {
    let mut standing = Standing::default();
    assert!(!standing.logged(&"613".parse().unwrap(), &log("forged", "granted")));
    assert!(names(&standing, 100).is_empty());
}

#[test]
fn a_signed_grant_stands_until_its_window_closes() {
    let mut standing = Standing::default();
    assert_eq!(standing.granted(&grant("a", "613", 200), 100), Noted::New);
    assert!(standing.logged(&"613".parse().unwrap(), &log("a", "granted")));
    assert_eq!(names(&standing, 199), ["a"]);
    assert!(names(&standing, 200).is_empty());
}

#[test]
fn a_grant_that_no_board_confirms_leaves_the_list() {
    let mut standing = Standing::default();
    standing.granted(&grant("a", "613", 1000), 100);
    assert_eq!(names(&standing, 114), ["a"]);
    assert!(names(&standing, 115).is_empty());
    assert!(standing.logged(&"613".parse().unwrap(), &log("a", "started")), "a late confirmation brings it back");
    assert_eq!(names(&standing, 116), ["a"]);
}

#[test]
fn an_ended_share_does_not_come_back_with_its_replayed_grant() {
    let mut standing = Standing::default();
    standing.granted(&grant("a", "613", 1000), 100);
    assert!(standing.logged(&"613".parse().unwrap(), &log("a", "ended")));
    assert_eq!(standing.granted(&grant("a", "613", 1000), 101), Noted::Known);
    assert!(names(&standing, 101).is_empty());
}

#[test]
fn another_boards_log_neither_confirms_nor_ends() {
    let mut standing = Standing::default();
    standing.granted(&grant("a", "613", 1000), 100);
    assert!(!standing.logged(&"614".parse().unwrap(), &log("a", "ended")));
    assert_eq!(names(&standing, 101), ["a"]);
}

#[test]
fn a_revoke_ends_one_share_all_of_a_camera_or_all_of_the_site() {
    let mut standing = Standing::default();
    for (jti, camera) in [("a", "613"), ("b", "613"), ("c", "614"), ("d", "615")] {
        standing.granted(&grant(jti, camera, 1000), 100);
    }
    standing.revoked(&revoke(Some("a"), Some("613")));
    assert_eq!(names(&standing, 101), ["b", "c", "d"]);
    standing.revoked(&revoke(Some("c"), Some("613")));
    assert_eq!(names(&standing, 101), ["b", "c", "d"], "a revoke for one camera does not reach another's share");
    standing.revoked(&revoke(None, Some("613")));
    assert_eq!(names(&standing, 101), ["c", "d"]);
    standing.revoked(&revoke(None, None));
    assert!(names(&standing, 101).is_empty());
}

#[test]
fn the_list_is_bounded_and_unconfirmed_grants_make_room_first() {
    let mut standing = Standing::default();
    for n in 0..MAX_STANDING {
        assert_eq!(standing.granted(&grant(&format!("g{n}"), "613", 1000), 100), Noted::New);
    }
    assert_eq!(standing.granted(&grant("one-more", "613", 1000), 101), Noted::Full);
    assert_eq!(standing.granted(&grant("later", "613", 1000), 100 + CONFIRM_WITHIN_S), Noted::New);
    assert_eq!(names(&standing, 100 + CONFIRM_WITHIN_S), ["later"]);
}

#[test]
fn a_full_list_fits_a_token() {
    let longest = contract::Jti::new("f".repeat(24)).unwrap();
    let claims = contract::claims::Heartbeat {
        envelope: envelope("hb", None),
        counter: u64::MAX,
        stands: vec![longest; MAX_STANDING],
        reserve_epoch: u64::MAX,
        busy: true,
    };
    let key = token::SigningKey::from_seed([7; 32]);
    let token = token::sign(contract::claims::TokenKind::Heartbeat, &"ines".parse().unwrap(), &claims, &key).unwrap();
    assert!(token.len() <= contract::claims::MAX_TOKEN);
}

fn jtis(names: &[&str]) -> Vec<Jti> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[test]
fn a_follower_names_what_the_leader_names_though_it_never_saw_the_grant() {
    let mut standing = Standing::default();
    assert!(standing.led(&jtis(&["a", "b"]), 100, 100));
    assert_eq!(names(&standing, 101), ["a", "b"]);
    // Its board says that one is over, under whatever camera it is.
    assert!(standing.logged(&"613".parse().unwrap(), &log("a", "ended")));
    assert!(!standing.led(&jtis(&["a", "b"]), 102, 102), "a share that is over came back");
    assert_eq!(names(&standing, 103), ["b"]);
}

#[test]
fn a_share_that_the_leader_does_not_name_twice_is_over_but_not_one_that_it_cannot_know_yet() {
    let mut standing = Standing::default();
    standing.granted(&grant("a", "613", 9_000), 100);
    standing.logged(&"613".parse().unwrap(), &log("a", "granted"));
    assert!(!standing.led(&[], 103, 103) && !standing.led(&[], 103, 103), "issued before the leader could know");
    assert!(!standing.led(&[], 105, 105));
    assert!(!standing.led(&jtis(&["a"]), 107, 107));
    assert!(!standing.led(&[], 109, 109), "two in a row are needed");
    assert!(standing.led(&[], 111, 111));
    assert!(names(&standing, 112).is_empty());
}

#[test]
fn a_revoke_of_one_cameras_shares_spares_those_of_which_the_camera_is_unknown() {
    let mut standing = Standing::default();
    standing.led(&jtis(&["a"]), 100, 100);
    assert!(standing.revoked(&revoke(None, Some("613"))).is_empty());
    assert_eq!(standing.revoked(&revoke(Some("a"), Some("613"))), jtis(&["a"]));
    standing.led(&jtis(&["b"]), 100, 100);
    assert_eq!(standing.revoked(&revoke(None, None)), jtis(&["b"]));
}

#[test]
fn an_extension_lengthens_a_share_of_its_own_camera_and_never_shortens_it() {
    let extend = |camera: &str, exp| Extend {
        envelope: envelope("e", Some(camera)),
        share: "a".parse().unwrap(),
        exp,
        act: Actors { operator: "op-1".into(), requester: None },
    };
    let mut standing = Standing::default();
    standing.granted(&grant("a", "613", 200), 100);
    standing.logged(&"613".parse().unwrap(), &log("a", "granted"));
    assert!(!standing.extended(&extend("614", 500)));
    assert!(standing.extended(&extend("613", 500)));
    assert!(!standing.extended(&extend("613", 300)));
    assert_eq!(names(&standing, 499), ["a"]);
    assert!(names(&standing, 500).is_empty());
}

#[test]
fn p8_a_preempted_share_is_still_named_where_the_policy_lets_it_come_back() {
    let preempted = ShareLog { reason: Some(EndReason::Preempted), ..log("a", "ended") };
    for (restores, left) in [(false, 0), (true, 1)] {
        let mut standing = Standing { restores, ..Standing::default() };
        standing.granted(&grant("a", "613", 9_000), 100);
        standing.logged(&"613".parse().unwrap(), &log("a", "granted"));
        standing.logged(&"613".parse().unwrap(), &preempted);
        assert_eq!(standing.stands(200).len(), left);
    }
}
