//! Whoever begins to watch begins with a key picture, and nobody else pays for one.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod roadside;

use roadside::Roadside;

fn keys(side: &mut Roadside, count: usize) -> Vec<bool> {
    side.steps(count).iter().map(|delivery| delivery.unit().key).collect()
}

#[test]
fn a_share_begins_with_a_key_picture() {
    let mut side = Roadside::new();
    side.steps(10);
    side.desk.open();
    assert_eq!(keys(&mut side, 4), [true, false, false, false]);
}

#[test]
fn a_share_that_follows_another_begins_with_a_key_picture() {
    let mut side = Roadside::new().sharing();
    side.desk.close();
    side.step();
    side.desk.open();
    assert_eq!(keys(&mut side, 3), [true, false, false]);
}

#[test]
fn a_viewer_who_joins_a_share_gets_one_key_picture() {
    let mut side = Roadside::new().sharing();
    side.desk.want(|order| order.key_wanted = true);
    assert_eq!(keys(&mut side, 3), [true, false, false]);
}

#[test]
fn a_picture_that_was_lost_on_the_way_is_followed_by_a_key_picture() {
    let mut side = Roadside::new().sharing();
    side.desk.ask_for_key(true);
    assert_eq!(keys(&mut side, 1), [false]);
    side.desk.ask_for_key(false);
    assert_eq!(keys(&mut side, 2), [true, false]);
}
