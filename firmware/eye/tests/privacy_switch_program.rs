//! The real `campari-eye`, confined as it always is, on a board whose stated privacy switch is not there: it starts, says so, and grants nothing.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod bench;
mod broken;

use bench::{INES, POLICY_A, POLICY_B, ROOM, Voice, bundle, id, key, policy, sign};
use contract::body::{EyeState, PinState};
use contract::claims::{Actors, Delivery, Envelope, Grant, Heartbeat, TokenKind};
use contract::{Audience, EndReason, ErrorCode, Filter, Rung};
use link::message::ToVoice;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The program, ended with the test.
struct Eye(Child);

impl Drop for Eye {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// Starts the eye in `folder` and waits until it is open; what it logged until then.
fn start(folder: &Path, pins: &str) -> (Eye, Vec<String>) {
    let (config, bundle_file) = (folder.join("eye.toml"), folder.join("policy.json"));
    let x = |seed| key(seed).public().x();
    std::fs::write(&bundle_file, bundle(&policy(1))).unwrap();
    let text = format!(
        "site = \"almere\"\ncamera = \"613\"\n[source]\nkind = \"v4l2\"\ndevice = \"/nowhere\"\n[detector]\nmanifest = {:?}\nsetting = \"light\"\n\
         [clock]\nassume_synchronised = true\n[link]\nsocket = {:?}\n[state]\ndir = {:?}\n[pins]\n{pins}\n\
         [policy]\nroots = [{{ kid = \"policy-a\", x = {:?} }}, {{ kid = \"policy-b\", x = {:?} }}]\nbundle = {bundle_file:?}\n",
        broken::manifest(),
        folder.join("eye.sock"),
        folder.join("state"),
        x(POLICY_A),
        x(POLICY_B),
    );
    std::fs::write(&config, text).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_campari-eye"))
        .arg("--config")
        .arg(config)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = Vec::new();
    loop {
        let line = lines.next().unwrap_or_else(|| panic!("it ended: {said:#?}")).unwrap();
        let open = line.contains("the eye is open");
        said.push(line);
        if open {
            break;
        }
    }
    // Whatever it says later must not fill the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    (Eye(child), said)
}

fn envelope(iss: &str, now: u64, state: Option<&EyeState>) -> Envelope {
    Envelope {
        iss: id(iss),
        aud: if state.is_some() { Audience::camera(id("almere"), id("613")) } else { Audience::site(id("almere")) },
        iat: now,
        jti: id(&format!("{iss}-{now}")),
        challenge: state.map(|state| state.challenge.clone()),
    }
}

/// What the eye says to a good heartbeat and a good grant.
fn ask(voice: &mut Voice, state: &EyeState) -> contract::body::Answer {
    let now = state.now;
    let heartbeat = Heartbeat {
        envelope: envelope("room", now, None),
        counter: now * 1_000,
        stands: vec![],
        reserve_epoch: 0,
        busy: false,
    };
    let answer = voice.command(TokenKind::Heartbeat, &sign(TokenKind::Heartbeat, "room", &heartbeat, ROOM));
    assert!(answer.ok, "{answer:?}");
    let grant = Grant {
        envelope: envelope("ines", now, Some(state)),
        sub: id("tlc"),
        nbf: now,
        exp: now + 600,
        view: id("schrijverstraat"),
        filter: Filter::Fill,
        fps: None,
        delivery: Delivery::Push { address: [127, 0, 0, 1].into(), port: 5004 },
        purpose: "traffic".into(),
        act: Actors { operator: "operator-1".into(), requester: None },
        cnf: None,
        request: None,
    };
    voice.command(TokenKind::Grant, &sign(TokenKind::Grant, "ines", &grant, INES))
}

#[test]
fn p3_a_stated_switch_that_is_not_there_is_told_in_one_line_and_nothing_is_granted() {
    let folder = tempfile::tempdir().unwrap();
    let (_eye, said) = start(folder.path(), "privacy_switch = { line = \"campari-test-not-there\" }");
    let lines: Vec<_> = said.iter().filter(|line| line.contains("campari-test-not-there")).collect();
    assert_eq!(lines.len(), 1, "{said:#?}");
    for word in ["ERROR", "privacy_switch", "gpio-line-names"] {
        assert!(lines[0].contains(word), "{word} is missing in: {}", lines[0]);
    }
    let mut voice = Voice::at(&folder.path().join("eye.sock"));
    // The road reports with its first look round.
    let reason = "the privacy switch is on, or cannot be read";
    voice.until(|message, body| *message == ToVoice::State && String::from_utf8_lossy(body).contains(reason));
    let state = voice.newest_state();
    assert_eq!((state.ladder, state.ladder_reason.as_deref()), (Rung::Dark, Some(reason)));
    assert_eq!(state.pins.unwrap().privacy_switch, Some(PinState::Unreadable));
    let answer = ask(&mut voice, &state);
    assert_eq!(answer.error.unwrap().code, ErrorCode::PrivacySwitch);
    let journal = std::fs::read_to_string(folder.path().join("state/journal-000001.jsonl")).unwrap();
    assert!(journal.contains("\"privacy-unreadable\"") && !journal.contains("\"granted\""), "{journal}");
}

#[test]
fn the_same_eye_without_a_stated_switch_grants() {
    let folder = tempfile::tempdir().unwrap();
    let (_eye, _) = start(folder.path(), "");
    let mut voice = Voice::at(&folder.path().join("eye.sock"));
    let state = voice.state();
    assert_eq!(state.pins, None);
    let answer = ask(&mut voice, &state);
    assert!(answer.ok, "{answer:?}");
}

#[test]
fn p3_a_stated_light_that_is_not_there_shares_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (_eye, _) = start(folder.path(), "light_sharing = { chip = \"gpiochip-not-there\", offset = 1 }");
    let mut voice = Voice::at(&folder.path().join("eye.sock"));
    let state = voice.state();
    ask(&mut voice, &state);
    voice.hears(|message| matches!(message, ToVoice::ShareEnded { reason: EndReason::Fault, .. }));
    let started = |message: &ToVoice| matches!(message, ToVoice::ShareStarted { .. });
    assert!(!voice.heard.iter().any(|(message, _)| started(message)));
}
