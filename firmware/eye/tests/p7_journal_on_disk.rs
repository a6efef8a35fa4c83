//! P7 on real files: a power loss at any byte, segments that begin and go, the one file of an older version, a file that somebody altered.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod bench;

use bench::BEGIN_S;
use board_sim::SimClock;
use contract::body::{JournalHead, SignedHead};
use contract::claims::{Head, TokenKind};
use eye::journal_files::JournalFiles;
use eye::store::Store;
use journal::segment::{self, Limits};
use journal::{Audit, Beginning, Chain, Entry, Proof, What};
use std::path::{Path, PathBuf};
use token::{Jwk, PublicKey};

const SMALL: Limits = Limits { segment_bytes: 1_000, keep_bytes: 8_000 };

/// A folder in memory where there is one: nothing here tests what a disk does with fsync.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter_map(|entry| Some((segment::number(entry.file_name().to_str()?)?, entry.path())))
        .collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

/// What an auditor makes of the files; panics at a line that does not hold.
fn audit(dir: &Path, heads: &[JournalHead]) -> Proof {
    let mut audit = Audit::new(heads.to_vec());
    for path in segments(dir) {
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.is_empty() || bytes.ends_with(b"\n"), "{} ends with a whole line", path.display());
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            audit.line(line).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        }
    }
    audit.finish().unwrap()
}

fn open(dir: &Path, limits: Limits) -> (JournalFiles, Chain, bool) {
    let (mut files, found) = JournalFiles::open(&Store::open(dir).unwrap(), limits, 5, |_| {}).unwrap();
    files.cut_off().unwrap();
    (files, found.chain, found.altered)
}

/// Writes `count` entries as the office does, and lets go what is too much.
fn write(files: &mut JournalFiles, chain: &mut Chain, count: usize) {
    for _ in 0..count {
        append(files, chain, &Entry::new(1, true, What::Boot));
        if let Some(removed_to) = files.surplus() {
            append(files, chain, &Entry { removed_to: Some(removed_to), ..Entry::new(1, true, What::Truncated) });
            files.remove_to(removed_to).unwrap();
        }
    }
}

fn append(files: &mut JournalFiles, chain: &mut Chain, entry: &Entry) {
    let line = chain.append(entry).unwrap();
    files.append(&line, chain.head().entries).unwrap();
}

#[test]
fn p7_the_newest_file_cut_at_any_byte_opens_keeps_what_was_whole_and_goes_on() {
    let dir = folder();
    let (mut files, mut chain, _) = open(dir.path(), SMALL);
    write(&mut files, &mut chain, 9);
    drop(files);
    let before = segments(dir.path());
    assert!(before.len() >= 2);
    let newest = before.last().unwrap();
    let whole = std::fs::read(newest).unwrap();
    for cut in 0..=whole.len() {
        std::fs::write(newest, &whole[..cut]).unwrap();
        let (mut files, mut chain, altered) = open(dir.path(), SMALL);
        assert!(!altered, "cut at {cut}: a power loss is no alteration");
        let kept = whole[..cut].iter().filter(|byte| **byte == b'\n').count() as u64;
        let first = audit_first(&before);
        assert_eq!(chain.head().entries, first + kept, "cut at {cut}");
        append(&mut files, &mut chain, &Entry::new(2, true, What::Boot));
        assert_eq!(audit(dir.path(), &[]).head, chain.head(), "cut at {cut}");
        // A new segment may have begun; the next cut starts from what was there.
        for path in segments(dir.path()).iter().skip(before.len()) {
            std::fs::remove_file(path).unwrap();
        }
    }
}

/// Entries in all files but the newest.
fn audit_first(files: &[PathBuf]) -> u64 {
    let lines = |path: &PathBuf| std::fs::read(path).unwrap().iter().filter(|byte| **byte == b'\n').count() as u64;
    files[..files.len() - 1].iter().map(lines).sum()
}

#[test]
fn p7_a_cut_between_making_a_segment_and_its_first_line_goes_on_in_it() {
    let dir = folder();
    let (mut files, mut chain, _) = open(dir.path(), SMALL);
    write(&mut files, &mut chain, 9);
    let count = segments(dir.path()).len() as u32;
    drop(files);
    std::fs::write(dir.path().join(segment::name(count + 1)), b"").unwrap();
    let (mut files, mut reopened, altered) = open(dir.path(), SMALL);
    assert_eq!((reopened.head(), altered), (chain.head(), false));
    write(&mut files, &mut reopened, 1);
    assert_eq!(segments(dir.path()).len() as u32, count + 1);
    assert_eq!(audit(dir.path(), &[chain.head()]).head, reopened.head());
}

#[test]
fn p7_old_segments_go_the_journal_says_so_and_the_rest_verifies() {
    let dir = folder();
    let (mut files, mut chain, _) = open(dir.path(), SMALL);
    for _ in 0..50 {
        write(&mut files, &mut chain, 20);
        let bytes: u64 = segments(dir.path()).iter().map(|path| path.metadata().unwrap().len()).sum();
        // One segment may be new since it was last counted.
        assert!(bytes <= SMALL.keep_bytes + SMALL.segment_bytes, "{bytes}");
        let proof = audit(dir.path(), &[chain.head()]);
        assert_eq!(proof.head, chain.head());
        assert_ne!(proof.beginning, Beginning::Missing { removed_to: 0 });
    }
    let proof = audit(dir.path(), &[]);
    assert_eq!(proof.beginning, Beginning::Removed);
    assert!(proof.first > 900, "{}", proof.first);
    // Somebody takes one more.
    std::fs::remove_file(&segments(dir.path())[0]).unwrap();
    assert!(matches!(audit(dir.path(), &[]).beginning, Beginning::Missing { .. }));
    // After a restart it goes on from there.
    let (mut files, mut reopened, altered) = open(dir.path(), SMALL);
    assert_eq!((reopened.head(), altered), (chain.head(), false));
    write(&mut files, &mut reopened, 20);
    audit(dir.path(), &[chain.head()]);
}

#[test]
fn p7_a_removal_that_was_announced_and_cut_short_by_a_power_loss_is_made_up_for() {
    let dir = folder();
    let (mut files, mut chain, _) = open(dir.path(), SMALL);
    write(&mut files, &mut chain, 30);
    drop(files);
    // Announced, and then the power went.
    let (mut files, mut chain, _) = open(dir.path(), Limits { keep_bytes: 2_000, ..SMALL });
    let removed_to = files.surplus().unwrap();
    append(&mut files, &mut chain, &Entry { removed_to: Some(removed_to), ..Entry::new(1, true, What::Truncated) });
    drop(files);
    let count = segments(dir.path()).len();
    let (mut files, mut chain, _) = open(dir.path(), Limits { keep_bytes: 2_000, ..SMALL });
    write(&mut files, &mut chain, 1);
    assert!(segments(dir.path()).len() < count);
    assert_eq!(audit(dir.path(), &[]).beginning, Beginning::Removed);
}

#[test]
fn the_one_file_of_an_older_version_becomes_the_first_segment() {
    let dir = folder();
    let mut chain = Chain::new();
    let mut old: Vec<u8> = (0..5).flat_map(|_| chain.append(&Entry::new(1, true, What::Boot)).unwrap()).collect();
    old.extend(b"{\"seq\":6,");
    std::fs::write(dir.path().join("journal.jsonl"), &old).unwrap();
    let (mut files, mut reopened, altered) = open(dir.path(), SMALL);
    assert_eq!((reopened.head(), altered), (chain.head(), false));
    write(&mut files, &mut reopened, 10);
    assert!(!dir.path().join("journal.jsonl").exists());
    let proof = audit(dir.path(), &[chain.head()]);
    assert_eq!((proof.beginning, proof.head), (Beginning::Whole, reopened.head()));
}

#[test]
fn p7_an_altered_file_is_kept_aside_what_holds_of_it_stays_and_the_chain_goes_on() {
    let dir = folder();
    let (mut files, mut chain, _) = open(dir.path(), Limits { segment_bytes: 100_000, ..SMALL });
    write(&mut files, &mut chain, 9);
    drop(files);
    let path = dir.path().join(segment::name(1));
    let altered = String::from_utf8(std::fs::read(&path).unwrap()).unwrap().replacen("\"seq\":6", "\"seq\":7", 1);
    std::fs::write(&path, &altered).unwrap();
    let (mut files, mut reopened, found) = open(dir.path(), SMALL);
    assert!(found);
    assert_eq!(reopened.head().entries, 5);
    write(&mut files, &mut reopened, 3);
    let aside = dir.path().join("journal-000001.jsonl.altered-5");
    assert_eq!(std::fs::read_to_string(aside).unwrap(), altered);
    let compared = audit(dir.path(), &[chain.head()]).compared[0].1;
    assert_eq!(compared, journal::Compared::CutOff, "a head that was seen before tells on it");
}

#[test]
fn a_file_that_is_no_segment_and_one_that_is_no_file_say_so() {
    let dir = folder();
    std::fs::write(dir.path().join("journal-7.jsonl"), "not ours").unwrap();
    std::fs::create_dir(dir.path().join(segment::name(3))).unwrap();
    let error = JournalFiles::open(&Store::open(dir.path()).unwrap(), SMALL, 5, |_| {}).unwrap_err().to_string();
    assert!(error.contains("journal-000003.jsonl"), "{error}");
}

fn journaled(dir: &Path) -> Vec<What> {
    segments(dir)
        .iter()
        .flat_map(|path| {
            let bytes = std::fs::read(path).unwrap();
            journal::lines(&bytes).map(|entry| entry.unwrap().event).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn p7_the_office_opens_whatever_a_power_loss_left_and_ends_the_share_that_was_open() {
    let dir = folder();
    let state = dir.path().join("state");
    let mut chain = Chain::new();
    let mut lines = vec![];
    let share = Entry {
        share: Some(bench::id("s-1")),
        recipient: Some(bench::id("tlc")),
        ..Entry::new(1, true, What::Granted)
    };
    for entry in [Entry::new(1, true, What::Boot), share.clone(), Entry { event: What::Started, ..share }] {
        lines.push(chain.append(&entry).unwrap());
    }
    let granted_by = lines[0].len() + lines[1].len();
    let bytes = lines.concat();
    std::fs::create_dir_all(&state).unwrap();
    let newest = state.join(segment::name(1));
    for cut in 0..=bytes.len() {
        std::fs::write(&newest, &bytes[..cut]).unwrap();
        drop(bench::closed_office(dir.path(), SimClock::new(BEGIN_S * 1_000_000)));
        let kept = bytes[..cut].iter().filter(|byte| **byte == b'\n').count();
        let all = journaled(&state);
        let mut expected = vec![What::Boot];
        expected.extend((cut >= granted_by).then_some(What::Ended));
        expected.push(What::Policy);
        assert_eq!(all[kept..], expected, "cut at {cut}");
        assert_eq!(audit(&state, &[]).beginning, Beginning::Whole, "cut at {cut}");
    }
}

#[test]
fn p7_the_boards_key_is_made_once_is_its_own_and_signs_heads_that_a_changed_number_spoils() {
    use std::os::unix::fs::PermissionsExt;
    let dir = folder();
    let clock = SimClock::new(BEGIN_S * 1_000_000);
    let bench = bench::Bench::open(dir.path(), clock.clone());
    let file = dir.path().join("state/board-key.jwk");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let x = Jwk::parse(&std::fs::read(&file).unwrap()).unwrap().public_key().unwrap().x();
    let mut voice = bench.voice();
    let told = |voice: &bench::Voice| -> SignedHead {
        let newest = voice.heard.iter().rev().find(|(message, _)| *message == link::ToVoice::JournalHead).unwrap();
        serde_json::from_slice(&newest.1).unwrap()
    };
    voice.state();
    let signed = told(&voice);
    assert_eq!(signed.board_key.as_deref(), Some(x.as_str()));
    let key = PublicKey::from_x(&x).unwrap();
    let token = signed.token.clone().unwrap();
    let head: Head = token::verify(TokenKind::JournalHead, &token, |_| Some(key)).unwrap();
    assert_eq!((head.entries, &head.head), (signed.head.entries, &signed.head.head));
    assert_eq!((head.aud.to_string().as_str(), head.iat), ("almere/613", BEGIN_S));
    assert_eq!(audit(&dir.path().join("state"), &[signed.head]).compared[0].1, journal::Compared::Holds);
    for kind in [TokenKind::Grant, TokenKind::Heartbeat, TokenKind::UsageAck] {
        assert!(token::verify::<Head>(kind, &token, |_| Some(key)).is_err(), "a head passes for no command");
    }
    // A restart keeps it; one that cannot be read is kept aside.
    let again = bench::closed_office(dir.path(), clock.clone());
    drop(again);
    assert_eq!(Jwk::parse(&std::fs::read(&file).unwrap()).unwrap().public_key().unwrap().x(), x);
    std::fs::write(&file, "{\"kty\":\"OKP\"}").unwrap();
    drop(bench::closed_office(dir.path(), clock));
    assert_ne!(Jwk::parse(&std::fs::read(&file).unwrap()).unwrap().public_key().unwrap().x(), x);
    assert!(dir.path().join(format!("state/board-key.jwk.altered-{}", BEGIN_S * 1_000)).exists());
}
