//! P2 on the road: what is found is painted in the very frame in which it is found, privacy zones always, and nothing else is touched.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod roadside;

use board_sim::{DetectorStep, Seen};
use contract::{Filter, Rung};
use mask::{FILL, Rect, ZONE};
use roadside::{Roadside, SIZE, head, is_bare, is_covered, shown_pixels};

const HEAD: Rect = Rect { x: 96.0, y: 64.0, w: 24.0, h: 32.0 };
/// Around it, with room for its margin.
const WIDE: Rect = Rect { x: 88.0, y: 56.0, w: 40.0, h: 48.0 };
const ZONE_RECT: Rect = Rect { x: 200.0, y: 16.0, w: 40.0, h: 60.0 };

/// Every pixel of `rect` has this luma.
fn is_flat(seen: &Seen, rect: Rect, luma: u8) -> bool {
    let (left, top) = (rect.x as usize, rect.y as usize);
    let (right, bottom) = (left + rect.w as usize, top + rect.h as usize);
    (top..bottom).all(|y| (left..right).all(|x| seen.luma(x, y) == luma))
}

/// Pixels of the picture outside `rect`.
fn outside(rect: Rect) -> usize {
    SIZE.0 * SIZE.1 - (rect.w * rect.h) as usize
}

#[test]
fn p2_a_head_is_painted_in_the_frame_in_which_it_is_found() {
    let mut side = Roadside::new().sharing();
    assert!(is_bare(&side.picture().2));
    side.detector.push(DetectorStep::Find(vec![head(HEAD)]));
    let (_, rung, seen) = side.picture();
    assert_eq!(rung, Rung::Clear);
    assert!(is_flat(&seen, HEAD, FILL.y));
    assert_eq!(shown_pixels(&seen, WIDE).1, outside(WIDE), "away from the head nothing is painted");
    assert_eq!(side.report().objects_masked, 1);
}

#[test]
fn p3_a_head_that_is_missed_stays_painted_for_a_while() {
    let mut side = Roadside::new().sharing();
    for _ in 0..3 {
        side.detector.push(DetectorStep::Find(vec![head(HEAD)]));
        side.picture();
    }
    for n in 0..12 {
        let (_, rung, seen) = side.picture();
        assert_eq!(rung, Rung::Clear);
        assert!(is_flat(&seen, HEAD, FILL.y), "frame {n} after the last sighting");
    }
    side.steps(30);
    assert!(is_bare(&side.picture().2), "a head that has gone does not stay for ever");
}

#[test]
fn p2_a_privacy_zone_is_painted_though_nothing_is_found() {
    for filter in [Filter::Pixelate, Filter::Fill] {
        let side = Roadside::new();
        side.desk.want(|order| {
            order.filter = filter;
            order.scene.zones.push(ZONE_RECT).unwrap();
        });
        let mut side = side.sharing();
        let (_, rung, seen) = side.picture();
        assert_eq!(rung, Rung::Clear);
        assert!(is_flat(&seen, ZONE_RECT, ZONE.y), "{filter}");
        assert_eq!(shown_pixels(&seen, ZONE_RECT), (0, outside(ZONE_RECT)), "{filter}");
    }
}

#[test]
fn p2_a_zone_of_a_new_share_is_painted_in_its_first_picture() {
    let mut side = Roadside::new().sharing();
    assert!(is_bare(&side.picture().2));
    side.desk.want(|order| order.scene.zones.push(ZONE_RECT).unwrap());
    assert!(is_flat(&side.picture().2, ZONE_RECT, ZONE.y));
}

#[test]
fn p5_a_stronger_filter_is_in_force_with_the_next_picture() {
    let mut side = Roadside::new().sharing();
    assert!(is_bare(&side.picture().2));
    side.desk.want(|order| order.filter = Filter::Coarse);
    assert!(is_covered(&side.picture().2));
}
