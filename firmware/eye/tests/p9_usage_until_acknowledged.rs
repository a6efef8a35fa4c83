//! P9: a usage record is told until the control room's agent says that it has it, whatever restarts in between; exactly one a share.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod bench;

use bench::{BEGIN_S, Bench, INES, ROOM, Voice, id, sign};
use board_sim::SimClock;
use contract::body::Usage;
use contract::claims::{TokenKind, UsageAck};
use contract::usage::{RecordId, UsageRecord};
use contract::{Audience, CameraId, EndReason, ErrorCode, Jti, SiteId};
use eye::store::Store;
use eye::usage_store::{AFRESH_MS, AGAIN_MS, CHECKPOINT_MS, SELDOM_MS, UsageStore, WINDOW};
use link::message::{ToEye, ToVoice};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

fn told(voice: &Voice) -> Vec<UsageRecord> {
    let records = voice.heard.iter().filter(|(message, _)| *message == ToVoice::Usage);
    records.map(|(_, body)| serde_json::from_slice(body).unwrap()).collect()
}

fn ack(iss: &str, seed: u8, aud: &str, records: &[RecordId]) -> String {
    let (site, camera) = aud.split_once('/').unwrap();
    let aud = Audience::camera(id(site), id(camera));
    sign(TokenKind::UsageAck, iss, &UsageAck { iss: id(iss), aud, iat: BEGIN_S, records: records.to_vec() }, seed)
}

/// A share with `pictures` of a second each, ended by a revoke.
fn watched(bench: &mut Bench, voice: &mut Voice, pictures: u32) -> Jti {
    let jti = voice.share(bench);
    for second in 0..=pictures {
        if second > 0 {
            bench.clock.advance(Duration::from_secs(1));
        }
        let token = bench.heartbeat(std::slice::from_ref(&jti));
        assert!(voice.command(TokenKind::Heartbeat, &token).ok);
        bench.picture(b"picture");
    }
    let state = voice.state();
    let token = bench.revoke(&state, &jti);
    assert!(voice.command(TokenKind::Revoke, &token).ok);
    jti
}

fn wait(bench: &mut Bench, voice: &mut Voice, ms: u64) {
    bench.clock.advance(Duration::from_millis(ms));
    voice.state();
    voice.state();
}

#[test]
fn p9_a_record_is_told_again_until_the_room_acknowledges_it() {
    let (mut bench, mut voice, dir) = Bench::ready();
    let jti = watched(&mut bench, &mut voice, 5);
    wait(&mut bench, &mut voice, 0);
    let first = told(&voice);
    assert_eq!(first.len(), 1, "told at once");
    let record = &first[0];
    assert_eq!(
        (record.id(), record.sub.as_str(), record.reason),
        (format!("almere/613/{jti}@{}", record.granted_at_ms), "tlc", EndReason::Revoked)
    );
    assert_eq!((record.purpose.as_str(), record.view.as_str()), ("traffic", "schrijverstraat"));
    assert_eq!((record.usage.pictures, record.usage.seconds_clear), (6, 5.0));
    assert!(record.started_at_ms.is_some_and(|at_ms| at_ms >= record.granted_at_ms && at_ms < record.ended_at_ms));

    wait(&mut bench, &mut voice, AGAIN_MS);
    assert_eq!(told(&voice), [record.clone(), record.clone()], "the same again");

    let part = record.part();
    let file = dir.path().join(format!("state/usage/{jti}@{}.json", record.granted_at_ms));
    // Nobody but the room, for this camera.
    for (token, code) in [
        (ack("ines", INES, "almere/613", std::slice::from_ref(&part)), ErrorCode::NotAllowed),
        (ack("room", INES, "almere/613", std::slice::from_ref(&part)), ErrorCode::BadSignature),
        (ack("room", ROOM, "almere/614", std::slice::from_ref(&part)), ErrorCode::WrongAudience),
        (ack("room", ROOM, "almere/613", &vec![part.clone(); 65]), ErrorCode::TooLarge),
    ] {
        assert_eq!(voice.refusal(TokenKind::UsageAck, &token), code);
    }
    assert!(file.exists());
    let another_time = RecordId { granted_at_ms: part.granted_at_ms + 1, ..part.clone() };
    assert!(voice.command(TokenKind::UsageAck, &ack("room", ROOM, "almere/613", &[another_time])).ok);
    assert!(file.exists(), "the same share at another time is another record");
    let good = ack("room", ROOM, "almere/613", &[part, RecordId { jti: id("never-heard-of"), granted_at_ms: 1 }]);
    assert!(voice.command(TokenKind::UsageAck, &good).ok);
    assert!(!file.exists());
    let before = told(&voice).len();
    wait(&mut bench, &mut voice, SELDOM_MS + 1_000);
    assert_eq!(told(&voice).len(), before, "and never again");
    assert!(voice.command(TokenKind::UsageAck, &good).ok, "a replay changes nothing");
}

#[test]
fn p9_a_record_is_told_within_a_second_of_the_brokers_return_and_no_oftener_whatever_the_voice_says() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    watched(&mut bench, &mut voice, 1);
    // Told in vain so often that the next time is far away.
    for _ in 0..6 {
        wait(&mut bench, &mut voice, SELDOM_MS);
    }
    let before = told(&voice).len();
    wait(&mut bench, &mut voice, 2 * AGAIN_MS);
    assert_eq!(told(&voice).len(), before, "its time is not come");
    voice.say(&ToEye::BrokerBack, &[]);
    wait(&mut bench, &mut voice, AFRESH_MS);
    assert_eq!(told(&voice).len(), before + 1);
    // A voice that says so a hundred times in ten seconds.
    for _ in 0..100 {
        voice.say(&ToEye::BrokerBack, &[]);
        wait(&mut bench, &mut voice, 100);
    }
    let again = told(&voice).len() - before - 1;
    assert!((9..=11).contains(&again), "{again}");
}

#[test]
fn p9_a_record_outlives_eye_and_voice() {
    let dir = tempfile::tempdir().unwrap();
    let clock = SimClock::new(BEGIN_S * 1_000_000);
    let (mut bench, mut voice) = Bench::open(dir.path(), clock.clone()).beating();
    watched(&mut bench, &mut voice, 3);
    wait(&mut bench, &mut voice, 0);
    let record = told(&voice)[0].clone();
    // Another voice.
    drop(voice);
    let mut voice = bench.voice();
    wait(&mut bench, &mut voice, 1_000);
    assert_eq!(told(&voice), std::slice::from_ref(&record));
    // Another eye.
    drop((bench, voice));
    let mut bench = Bench::open(dir.path(), clock);
    let mut voice = bench.voice();
    wait(&mut bench, &mut voice, 1_000);
    assert_eq!(told(&voice), std::slice::from_ref(&record));
    assert!(voice.command(TokenKind::UsageAck, &ack("room", ROOM, "almere/613", &[record.part()])).ok);
}

#[test]
fn p9_a_share_that_the_eye_died_under_is_billed_up_to_the_last_checkpoint_and_once() {
    let dir = tempfile::tempdir().unwrap();
    let clock = SimClock::new(BEGIN_S * 1_000_000);
    let (mut bench, mut voice) = Bench::open(dir.path(), clock.clone()).beating();
    let jti = voice.share(&mut bench);
    for _ in 0..25 {
        clock.advance(Duration::from_secs(1));
        let token = bench.heartbeat(std::slice::from_ref(&jti));
        assert!(voice.command(TokenKind::Heartbeat, &token).ok);
        bench.picture(b"picture");
    }
    voice.state();
    // The power goes: what is on the disk is all that there is.
    let after = tempfile::tempdir().unwrap();
    std::fs::copy(dir.path().join("policy.json"), after.path().join("policy.json")).unwrap();
    copy(&dir.path().join("state"), &after.path().join("state"));
    for start in 0..3 {
        let mut bench = Bench::open(after.path(), clock.clone());
        let mut voice = bench.voice();
        wait(&mut bench, &mut voice, 1_000);
        let records = told(&voice);
        assert_eq!(records.len(), 1, "start {start}");
        assert_eq!((&records[0].jti, records[0].reason), (&jti, EndReason::Fault));
        let seconds = records[0].usage.seconds_clear;
        let lost = 24.0 - seconds;
        assert!((0.0..=CHECKPOINT_MS as f64 / 1_000.0 + 1.0).contains(&lost), "{seconds} of 24 s");
        let ends = bench.journal().lines().filter(|line| line.contains("\"event\":\"ended\"")).count();
        assert_eq!(ends, 1, "one end in the journal");
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn store(dir: &Path) -> UsageStore {
    let (site, camera): (SiteId, CameraId) = (id("almere"), id("613"));
    UsageStore::open(&Store::open(dir).unwrap(), &site, &camera, 7).unwrap()
}

/// A store with `count` records that wait.
fn full(dir: &Path, count: u64) -> UsageStore {
    std::fs::create_dir_all(dir.join("usage")).unwrap();
    for number in 0..count {
        let record = UsageRecord {
            site: id("almere"),
            camera: id("613"),
            jti: id(&format!("j-{number}")),
            sub: id("tlc"),
            purpose: "traffic".into(),
            view: id("v"),
            filter: contract::Filter::Fill,
            granted_at_ms: number,
            started_at_ms: None,
            ended_at_ms: number,
            reason: EndReason::Expired,
            usage: Usage::default(),
        };
        std::fs::write(dir.join(format!("usage/j-{number}@{number}.json")), serde_json::to_vec(&record).unwrap())
            .unwrap();
    }
    store(dir)
}

fn due(store: &mut UsageStore, at_ms: u64) -> Vec<RecordId> {
    store.due(at_ms).into_iter().map(UsageRecord::part).collect()
}

#[test]
fn p9_with_nobody_to_take_them_records_are_told_ever_more_seldom_and_with_somebody_all_arrive() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = full(dir.path(), 100);
    let mut sent = 0;
    for second in 0..3_600 {
        sent += due(&mut store, second * 1_000).len();
    }
    assert!((WINDOW * 10..=WINDOW * 25).contains(&sent), "{sent} messages in an hour without an answer");
    // The room comes back and acknowledges what it gets, every other batch lost.
    let (mut got, mut now_ms, mut batch) = (BTreeSet::new(), 4_000_000, 0);
    while store.waiting() > 0 {
        now_ms += 500;
        assert!(now_ms < 5_000_000, "{} still wait", store.waiting());
        let records = due(&mut store, now_ms);
        if records.is_empty() {
            continue;
        }
        batch += 1;
        if batch % 2 == 0 {
            got.extend(records.iter().cloned());
            store.acknowledged(&records, now_ms);
        }
    }
    assert_eq!(got.len(), 100);
    assert_eq!(full(&dir.path().join("other"), 0).waiting(), 0);
}

#[test]
fn a_file_that_is_no_record_is_kept_aside_and_the_others_go_on() {
    let dir = tempfile::tempdir().unwrap();
    drop(full(dir.path(), 2));
    std::fs::write(dir.path().join("usage/j-9.json"), "{\"jti\":\"j-9\"}").unwrap();
    std::fs::write(dir.path().join("usage/big.json"), vec![b' '; 10_000]).unwrap();
    std::fs::write(dir.path().join("usage/j-1@1.json.new"), "half").unwrap();
    let mut store = store(dir.path());
    assert_eq!(store.waiting(), 2);
    assert_eq!(due(&mut store, 0).len(), 2);
    assert!(dir.path().join("usage/j-9.json.altered-7").exists());
    assert!(dir.path().join("usage/big.json.altered-7").exists());
}
