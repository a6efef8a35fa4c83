//! P5 at the office: a picture that was painted for an earlier share does not reach a later one that asked for more.

mod bench;

use bench::{Bench, INES, sign};
use contract::Filter;
use contract::claims::TokenKind;
use eye::road::Painted;
use link::message::ToVoice;
use mask::Rect;

#[test]
fn p5_a_picture_painted_before_a_stronger_grant_does_not_leave_under_it() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let jti = voice.share(&mut bench);
    let fill = bench.painted();
    assert_eq!(fill.filter, Filter::Fill);
    bench.picture_painted(b"for the first share", &fill);
    voice.until(|message, _| matches!(message, ToVoice::Unit { .. }));

    let token = bench.revoke(&voice.newest_state(), &jti);
    assert!(voice.command(TokenKind::Revoke, &token).ok);
    let mut grant = bench.grant(&voice.state());
    grant.filter = Filter::Coarse;
    assert!(voice.command(TokenKind::Grant, &sign(TokenKind::Grant, "ines", &grant, INES)).ok);

    assert!(bench.picture_painted(b"still on its way", &fill), "the next one must be a key picture");
    bench.picture_painted(b"for the second share", &bench.painted());
    assert_eq!(voice.all_units(&bench), [&b"for the first share"[..], b"for the second share"]);
}

#[test]
fn p5_a_picture_painted_for_another_view_does_not_leave() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    voice.share(&mut bench);
    let mut other: Painted = bench.painted();
    other.scene.zones.push(Rect { x: 0.0, y: 0.0, w: 8.0, h: 8.0 }).unwrap();
    bench.picture_painted(b"other zones", &other);
    bench.picture(b"these zones");
    assert_eq!(voice.all_units(&bench), [b"these zones"]);
}
