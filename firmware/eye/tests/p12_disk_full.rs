//! P7 and P12 on a disk that is really full: a file system of one mebibyte, in a mount namespace of the test's own.
//!
//! The test starts itself anew in that namespace (`unshare`, util-linux). Where the system allows no user namespaces it fails and says so.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod bench;

use bench::{Bench, INES};
use board_hal::Clock;
use contract::body::EyeState;
use contract::claims::TokenKind;
use contract::{EndReason, ErrorCode, Rung};
use journal::{Audit, What};
use link::message::ToVoice;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SMALL_DISK: &str = "CAMPARI_TEST_SMALL_DISK";

/// Runs `name` of this file again, in a process of its own that sees a file system of one mebibyte at `dir`.
fn on_a_small_disk(name: &str, dir: &Path) {
    let script = "mount -t tmpfs -o size=1m campari \"$CAMPARI_TEST_SMALL_DISK\" && exec \"$@\"";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--test-threads", "1", "--nocapture"])
        .env(SMALL_DISK, dir)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Takes all the room that is left.
fn fill(dir: &Path) {
    let mut file = std::fs::File::create(dir.join("somebody-elses")).unwrap();
    for bytes in [65_536, 4_096, 1] {
        while file.write_all(&vec![1; bytes]).is_ok() {}
    }
    assert!(std::fs::write(dir.join("one-more"), [1; 4_096]).is_err(), "the disk is full");
    std::fs::remove_file(dir.join("one-more")).unwrap();
}

fn events(dir: &Path) -> Vec<What> {
    let bytes = std::fs::read(dir.join("state/journal-000001.jsonl")).unwrap();
    let mut audit = Audit::new([]);
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        audit.line(line).unwrap();
    }
    journal::lines(&bytes).map(|entry| entry.unwrap().event).collect()
}

/// What the eye logs from now on, in a process that has nothing else to do than this test.
fn log_of_the_process() -> Arc<Mutex<Vec<u8>>> {
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = Arc::new(Mutex::new(Vec::new()));
    let same = Arc::clone(&log);
    tracing_subscriber::fmt().with_ansi(false).with_writer(move || Log(Arc::clone(&same))).init();
    log
}

/// States that the eye tells until one is as wanted.
fn until(voice: &mut bench::Voice, bench: &Bench, wanted: impl Fn(&EyeState) -> bool) -> EyeState {
    for _ in 0..20 {
        bench.clock.pause(Duration::from_secs(1));
        let state = voice.state();
        if wanted(&state) {
            return state;
        }
    }
    panic!("{:?}", voice.newest_state());
}

#[test]
fn p12_on_a_full_disk_shares_end_none_begins_and_it_recovers_by_itself() {
    let Some(dir) = std::env::var_os(SMALL_DISK) else {
        let dir = tempfile::tempdir().unwrap();
        return on_a_small_disk("p12_on_a_full_disk_shares_end_none_begins_and_it_recovers_by_itself", dir.path());
    };
    let dir = Path::new(&dir);
    let (mut bench, mut voice) = Bench::ready_in(dir);
    let jti = voice.share(&mut bench);
    bench.picture(b"while there is room");
    // What has not gone yet when the share ends is taken back (P4): it has to have gone.
    assert_eq!(voice.all_units(&bench), [b"while there is room"]);
    assert!(voice.newest_state().journal_fault.is_none());
    fill(dir);

    // Something must be written: a newer policy. It takes the room in reserve, and every share ends.
    assert!(voice.policy(&bench::bundle(&bench::policy(2))).ok);
    let told = |message: &ToVoice| matches!(message, ToVoice::ShareEnded { jti: ended, reason: EndReason::Fault, .. } if *ended == jti);
    voice.state();
    voice.hears(told);
    bench.picture(b"afterwards");
    assert_eq!(voice.all_units(&bench), [b"while there is room"]);
    let state = voice.state();
    assert!(state.journal_fault.is_some());
    assert_eq!(state.ladder, Rung::Dark);
    assert!(state.ladder_reason.unwrap().contains("journal"));
    let written = events(dir);
    let ended = written.iter().position(|event| *event == What::Ended).unwrap();
    assert!(written[..ended].contains(&What::JournalFault), "{written:?}");

    // Now even the reserve is gone.
    fill(dir);
    let grant = bench.grant(&voice.newest_state());
    assert_eq!(voice.refusal(TokenKind::Grant, &bench::sign(TokenKind::Grant, "ines", &grant, INES)), ErrorCode::Fault);
    let state = voice.state();
    assert!(state.journal_fault.is_some() && state.shares.is_empty());

    // There is room again.
    std::fs::remove_file(dir.join("somebody-elses")).unwrap();
    until(&mut voice, &bench, |state| state.journal_fault.is_none());
    // That a grant was refused meanwhile is said as soon as there is room.
    assert!(events(dir).ends_with(&[What::JournalRestored, What::Refused]), "{:?}", events(dir));
    let token = bench.heartbeat(&[]);
    assert!(voice.command(TokenKind::Heartbeat, &token).ok);
    voice.share(&mut bench);
    assert_eq!(*events(dir).last().unwrap(), What::Started);
}

#[test]
fn p12_an_eye_that_starts_on_a_full_disk_says_so_and_writes_what_it_owes_when_there_is_room() {
    let Some(dir) = std::env::var_os(SMALL_DISK) else {
        let dir = tempfile::tempdir().unwrap();
        let name = "p12_an_eye_that_starts_on_a_full_disk_says_so_and_writes_what_it_owes_when_there_is_room";
        return on_a_small_disk(name, dir.path());
    };
    let dir = Path::new(&dir);
    let log = log_of_the_process();
    let said = |words: &str| String::from_utf8(log.lock().unwrap().clone()).unwrap().matches(words).count();
    std::fs::write(dir.join("policy.json"), bench::bundle(&bench::policy(1))).unwrap();
    std::fs::create_dir(dir.join("state")).unwrap();
    fill(dir);
    let (mut bench, mut voice) = Bench::ready_in(dir);
    let state = voice.state();
    assert!(state.journal_fault.unwrap().contains("reserve"), "the state says what could not be written");
    let grant = bench.grant(&voice.newest_state());
    assert_eq!(voice.refusal(TokenKind::Grant, &bench::sign(TokenKind::Grant, "ines", &grant, INES)), ErrorCode::Fault);
    // It is tried at every turn of the office, and said once.
    for _ in 0..5 {
        voice.state();
        bench.clock.pause(Duration::from_secs(1));
    }
    assert_eq!(said("the replay memory is not on disk"), 1);
    assert_eq!(said("the replay memory is on disk again"), 0);
    std::fs::remove_file(dir.join("somebody-elses")).unwrap();
    until(&mut voice, &bench, |state| state.journal_fault.is_none());
    assert_eq!(said("the replay memory is not on disk"), 1);
    assert_eq!(said("the replay memory is on disk again"), 1);
    let expected = [What::JournalFault, What::Boot, What::Policy, What::JournalRestored, What::Refused];
    assert_eq!(events(dir), expected);
    assert!(dir.join("state/board-key.jwk").exists(), "and makes the key that it could not keep before");
    let token = bench.heartbeat(&[]);
    assert!(voice.command(TokenKind::Heartbeat, &token).ok);
    voice.share(&mut bench);
}
