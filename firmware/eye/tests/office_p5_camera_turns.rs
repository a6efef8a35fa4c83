//! P5: a camera that turns is sent to the granted view, once, and let go when nobody watches.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod bench;

use bench::Bench;
use board_hal::Aiming;
use contract::claims::TokenKind;
use std::sync::{Arc, Mutex};

/// Notes what it is told, once in a row.
#[derive(Default)]
struct Noted(Mutex<Vec<Option<String>>>);

impl Aiming for Noted {
    fn aim(&self, view: Option<&str>) {
        let (mut told, view) = (self.0.lock().unwrap(), view.map(str::to_owned));
        if told.last() != Some(&view) {
            told.push(view);
        }
    }
    fn is_aimed(&self) -> bool {
        true
    }
    fn moved_until_us(&self) -> u64 {
        0
    }
}

#[test]
fn p5_a_grant_sends_the_camera_to_its_view_and_the_end_lets_it_go() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let camera = Arc::new(Noted::default());
    bench.office.aim_with(camera.clone());
    assert_eq!(*camera.0.lock().unwrap(), [None]);
    let share = voice.share(&mut bench);
    let view = camera.0.lock().unwrap().last().unwrap().clone().expect("it is sent somewhere");
    assert!(bench::policy(1).views.iter().any(|known| known.name.as_str() == view), "{view}");
    let state = voice.state();
    let revoke = bench.revoke(&state, &share);
    assert!(voice.command(TokenKind::Revoke, &revoke).ok);
    voice.state();
    assert_eq!(*camera.0.lock().unwrap(), [None, Some(view), None]);
}
