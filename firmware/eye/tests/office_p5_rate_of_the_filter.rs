//! P5 at the office: each filter has a frame rate; the catalogue says it, and the road is held to it.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod bench;

use bench::{Bench, INES, sign};
use contract::Filter;
use contract::body::Catalogue;
use contract::claims::TokenKind;
use eye::road::Desk;
use link::message::ToVoice;

#[test]
fn p5_a_share_with_silhouette_is_granted_at_its_rate_or_at_a_lower_one_that_was_asked_for() {
    for (asked, held_to) in [(None, 12), (Some(25), 12), (Some(5), 5)] {
        let (mut bench, mut voice, _dir) = Bench::ready();
        let mut grant = bench.grant(&voice.state());
        (grant.filter, grant.fps) = (Filter::Silhouette, asked);
        let answer = voice.command(TokenKind::Grant, &sign(TokenKind::Grant, "ines", &grant, INES));
        assert!(answer.ok, "{:?}", answer.error);
        let order = bench.office.order();
        assert_eq!((order.open, order.filter, order.fps_cap), (true, Filter::Silhouette, Some(held_to)), "{asked:?}");
    }
}

#[test]
fn p5_a_filter_without_a_rate_has_the_cameras() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    voice.share(&mut bench);
    assert_eq!(bench.office.order().fps_cap, None);
}

#[test]
fn the_catalogue_names_every_filter_with_its_rate() {
    let (_bench, voice, _dir) = Bench::ready();
    let told = voice.heard.iter().rev().find(|(message, _)| matches!(message, ToVoice::Catalogue));
    let catalogue: Catalogue = serde_json::from_slice(&told.unwrap().1).unwrap();
    let offers: Vec<_> = catalogue.filters.iter().map(|offer| (offer.filter, offer.fps)).collect();
    let expected = [(Filter::Pixelate, 25.0), (Filter::Fill, 25.0), (Filter::Silhouette, 12.0), (Filter::Coarse, 25.0)];
    assert_eq!(offers, expected);
}
