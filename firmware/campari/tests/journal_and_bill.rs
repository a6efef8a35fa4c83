//! `campari journal`, `names` and `usage report` as an auditor and an accountant meet them: exit status, output, and input of any kind.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail them")]

mod support;

use contract::body::{SignedHead, Usage};
use contract::claims::{Head, TokenKind};
use contract::usage::UsageRecord;
use contract::{Audience, EndReason, Filter};
use journal::{Chain, Entry, What, segment};
use serde_json::Value;
use std::path::Path;
use support::{campari, json, said};
use token::SigningKey;

/// What `verify` says, with its exit status.
fn verify(dir: &Path, arguments: &[&str]) -> (i32, String) {
    let output = campari(dir, &[&["journal", "verify"], arguments].concat());
    assert!(!said(&output).contains("panicked"), "{}", said(&output));
    (output.status.code().unwrap(), said(&output))
}

fn board_key() -> SigningKey {
    SigningKey::from_seed([7; 32])
}

fn share(jti: &str, what: What, at_ms: u64) -> Entry {
    Entry {
        share: Some(jti.parse().unwrap()),
        operator: Some("op-7".into()),
        recipient: Some("traffic-centre".parse().unwrap()),
        purpose: Some("detector-fault".into()),
        ..Entry::new(at_ms, true, what)
    }
}

/// A folder as a board's: three segments of four entries each, and a signed head after each segment.
fn state() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new();
    for number in 1..=3_u32 {
        let at_ms = 1_800_000_000_000 + u64::from(number) * 60_000;
        let jti = format!("g-{number}");
        let entries = [
            Entry::new(at_ms, true, What::Boot),
            share(&jti, What::Granted, at_ms + 1_000),
            share(&jti, What::Started, at_ms + 1_100),
            share(&jti, What::Ended, at_ms + 9_000).of_end(
                jti.parse().unwrap(),
                EndReason::Expired,
                Usage { seconds_clear: 7.5, ..Usage::default() },
            ),
        ];
        let lines: Vec<u8> = entries.iter().flat_map(|entry| chain.append(entry).unwrap()).collect();
        std::fs::write(dir.path().join(segment::name(number)), lines).unwrap();
        write_head(dir.path(), &chain, number, &board_key());
    }
    dir
}

fn write_head(dir: &Path, chain: &Chain, number: u32, key: &SigningKey) {
    let head = chain.head();
    let claims = Head {
        iss: "board".parse().unwrap(),
        aud: Audience::camera("almere".parse().unwrap(), "613".parse().unwrap()),
        iat: 1_800_000_000,
        clock_synchronised: true,
        entries: head.entries,
        head: head.head.clone(),
    };
    let token = token::sign(TokenKind::JournalHead, &claims.iss, &claims, key).unwrap();
    let signed = SignedHead { head, board_key: Some(key.public().x()), token: Some(token) };
    std::fs::write(dir.join(format!("head-{number}.json")), serde_json::to_vec(&signed).unwrap()).unwrap();
}

#[test]
fn p7_a_whole_journal_and_its_heads_verify_and_say_what_is_proven() {
    let dir = state();
    let dir = dir.path();
    let x = board_key().public().x();
    let (status, text) = verify(dir, &[".", "--head", "head-2.json", "--head", "head-3.json", "--board-key", &x]);
    assert_eq!(status, 0, "{text}");
    for part in
        ["entries 1 to 12 in 3 files are one chain", &x, "went through the head of entry 8", "the journal holds"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("not proven"), "{text}");
    let (status, text) = verify(dir, &["."]);
    assert_eq!(status, 0);
    assert!(text.contains("not proven") && text.contains("cut off at the end"), "{text}");
    // In any order, by name.
    let (status, text) =
        verify(dir, &["journal-000003.jsonl", "journal-000001.jsonl", "journal-000002.jsonl", "--json"]);
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &found["holds"], &found["head"]["entries"]), (0, &Value::Bool(true), &12.into()));
}

#[test]
fn p7_every_way_to_tamper_shows_and_the_first_bad_line_is_named() {
    let alter = |change: &dyn Fn(&Path), arguments: &[&str]| {
        let dir = state();
        change(dir.path());
        verify(dir.path(), arguments)
    };
    let rewrite = |name: &'static str, from: &'static str, to: &'static str| {
        move |dir: &Path| {
            let text = std::fs::read_to_string(dir.join(name)).unwrap();
            assert!(text.contains(from));
            std::fs::write(dir.join(name), text.replacen(from, to, 1)).unwrap();
        }
    };
    let second = "journal-000002.jsonl";
    let (status, text) = alter(&rewrite(second, "op-7", "op-8"), &["."]);
    assert_eq!(status, 1);
    assert!(text.contains("journal-000002.jsonl, line 3, byte") && text.contains("entries up to 6 hold"), "{text}");
    let (status, text) = alter(&|dir| std::fs::remove_file(dir.join(second)).unwrap(), &["."]);
    assert!(status == 1 && text.contains("journal-000003.jsonl, line 1"), "{text}");
    let first_gone = |dir: &Path| std::fs::remove_file(dir.join("journal-000001.jsonl")).unwrap();
    let (status, text) = alter(&first_gone, &["."]);
    assert!(status == 1 && text.contains("entries 1 to 4 are missing"), "{text}");
    assert_eq!(alter(&first_gone, &[".", "--part"]).0, 0);
    let last_gone = |dir: &Path| std::fs::remove_file(dir.join("journal-000003.jsonl")).unwrap();
    assert_eq!(alter(&last_gone, &["."]).0, 0, "nothing tells, without a head");
    let (status, text) = alter(&last_gone, &[".", "--head", "head-3.json"]);
    assert!(status == 1 && text.contains("there was an entry 12 once"), "{text}");
    // A journal written anew has another hash at the same number.
    let (status, text) = alter(
        &rewrite("journal-000003.jsonl", "\"at_ms\":1800000189000", "\"at_ms\":1800000189001"),
        &[".", "--head", "head-3.json"],
    );
    assert!(status == 1 && text.contains("written anew"), "{text}");
    // A head of somebody else's making.
    let forged = |dir: &Path| {
        let mut chain = Chain::new();
        chain.append(&Entry::new(1, true, What::Boot)).unwrap();
        write_head(dir, &chain, 3, &SigningKey::from_seed([9; 32]));
    };
    let x = board_key().public().x();
    let (status, text) = alter(&forged, &[".", "--head", "head-3.json", "--board-key", &x]);
    assert!(status == 1 && text.contains("does not match"), "{text}");
    let (status, text) =
        alter(&rewrite("head-3.json", "\"entries\":12", "\"entries\":11"), &[".", "--head", "head-3.json"]);
    assert!(status == 1 && text.contains("what is signed is another head"), "{text}");
    // A power loss is no tampering.
    let torn = |dir: &Path| {
        let path = dir.join("journal-000003.jsonl");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 10]).unwrap();
    };
    let (status, text) = alter(&torn, &["."]);
    assert!(status == 0 && text.contains("a power loss does that"), "{text}");
}

#[test]
fn what_is_no_journal_is_one_clear_line_and_status_2_or_1() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("empty.jsonl"), "").unwrap();
    std::fs::write(dir.join("noise.jsonl"), vec![0xff; 1_000_000]).unwrap();
    std::fs::write(dir.join("array.jsonl"), "[1,2,3]\n{}\n").unwrap();
    std::fs::write(dir.join("not-a-head.json"), "{\"entries\":true}").unwrap();
    for (arguments, status, says) in [
        (&["."][..], 2, "no journal in it"),
        (&["nowhere.jsonl"][..], 2, "nowhere.jsonl"),
        (&["empty.jsonl"][..], 2, "no entry"),
        (&["noise.jsonl"][..], 1, "line 1, byte 0"),
        (&["array.jsonl"][..], 1, "not a line of a journal"),
        (&["array.jsonl", "--head", "not-a-head.json"][..], 2, "not-a-head.json"),
        (&["array.jsonl", "--board-key", "abc"][..], 2, "--board-key"),
        (&[][..], 2, "Usage"),
    ] {
        let (found, text) = verify(dir, arguments);
        assert!(found == status && text.contains(says), "{arguments:?}: {found}: {text}");
    }
}

#[test]
fn the_journal_is_shown_with_names_that_live_outside_it() {
    let dir = state();
    let dir = dir.path();
    let done = |arguments: &[&str]| {
        let output = campari(dir, arguments);
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    };
    done(&["names", "add", "op-7", "Ines Visser", "--until", "2027-01-31"]);
    done(&["names", "add", "traffic-centre", "Verkeerscentrale", "--until", "2030-01-01"]);
    let text = done(&["journal", "show", ".", "--share", "g-2", "--names", "names.json"]);
    assert!(text.contains("Ines Visser (op-7)") && text.contains("Verkeerscentrale (traffic-centre)"), "{text}");
    assert!(text.contains("3 entries") && text.contains("7.5 s clear") && !text.contains("g-1"), "{text}");
    let text = done(&["journal", "show", ".", "--since", "2027-01-15T08:02:30Z", "--json"]);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| line["seq"].as_u64().unwrap()).collect::<Vec<_>>(), [9, 10, 11, 12]);
    // Erased by their date: the chain verifies on.
    let before = verify(dir, &["."]);
    assert!(done(&["names", "erase", "--before", "2027-02-01"]).contains("op-7"));
    let text = done(&["journal", "show", ".", "--names", "names.json"]);
    assert!(!text.contains("Ines") && text.contains("op-7") && text.contains("Verkeerscentrale"), "{text}");
    assert_eq!(verify(dir, &["."]), before);
    assert!(!std::fs::read_to_string(dir.join("names.json")).unwrap().contains("Ines"));
}

fn record(jti: &str, camera: &str, clear: f64, covered: f64) -> UsageRecord {
    UsageRecord {
        site: "almere".parse().unwrap(),
        camera: camera.parse().unwrap(),
        jti: jti.parse().unwrap(),
        sub: "traffic-centre".parse().unwrap(),
        purpose: "detector-fault".into(),
        view: "schrijverstraat".parse().unwrap(),
        filter: Filter::Fill,
        granted_at_ms: 1_794_744_000_000,
        started_at_ms: Some(1_794_744_000_100),
        ended_at_ms: 1_794_744_900_000,
        reason: EndReason::ViewerLeft,
        usage: Usage { seconds_clear: clear, seconds_covered: covered, ..Usage::default() },
    }
}

#[test]
fn the_bill_as_table_csv_and_json_says_the_same_and_reconciles() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let example = include_str!("../../usage/tariff-example.toml");
    std::fs::write(dir.join("tariff.toml"), example).unwrap();
    let lines: Vec<String> =
        [record("a", "613", 690.0, 100.0), record("b", "7", 0.0, 500.0), record("a", "613", 690.0, 100.0)]
            .iter()
            .map(|record| serde_json::to_string(record).unwrap())
            .collect();
    std::fs::write(dir.join("usage.jsonl"), lines.join("\n") + "\n").unwrap();
    campari(dir, &["names", "add", "traffic-centre", "Centrale \"Noord\", Almere", "--until", "2030-01-01"]);
    let report = ["usage", "report", "--records", "usage.jsonl", "--tariff", "tariff.toml", "--month", "2026-11"];
    let run = |more: &[&str]| campari(dir, &[&report, more].concat());
    let table = run(&["--names", "names.json"]);
    let text = said(&table);
    assert!(table.status.success(), "{text}");
    for part in [
        "513.00",
        "1.31",
        "514.31",
        "0:11:30",
        "read: 2 records, 0 of them of other months; ignored: 1 told again, 0 that are no records",
        "billed: 690.000 s",
        "free: 600.000 s",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let bill = json(&run(&["--json"]));
    assert_eq!((&bill["totals"]["cents"], &bill["read"]["repeated"]), (&51_431.into(), &1.into()));
    let csv = run(&["--csv", "--names", "names.json"]);
    let mut reader = csv::Reader::from_reader(&csv.stdout[..]);
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.unwrap()).collect();
    assert_eq!(rows.iter().map(|row| &row[9]).collect::<Vec<_>>(), ["513.00", "1.31", "0.00"]);
    assert!(rows.iter().all(|row| &row[2] == "Centrale \"Noord\", Almere"));
}

#[test]
fn a_damaged_file_of_records_is_billed_as_far_as_it_goes_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("tariff.toml"), include_str!("../../usage/tariff-example.toml")).unwrap();
    let good = serde_json::to_string(&record("a", "613", 60.0, 0.0)).unwrap();
    let mut bytes = format!("{good}\n{{\"site\":\"almere\"}}\n{}\n", "x".repeat(100_000)).into_bytes();
    bytes.extend(b"\xff\xfe\n");
    bytes.extend(&good.as_bytes()[..40]);
    std::fs::write(dir.join("usage.jsonl"), bytes).unwrap();
    let output = campari(dir, &["usage", "report", "--records", "usage.jsonl", "--tariff", "tariff.toml", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert_eq!((&json(&output)["read"]["records"], &json(&output)["read"]["refused"]), (&1.into(), &4.into()));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors.lines().count(), 4, "{errors}");
    assert!(errors.contains("usage.jsonl, line 2:") && errors.contains("usage.jsonl, line 5:"), "{errors}");
    std::fs::write(dir.join("tariff.toml"), "currency = \"EUR\"\n[view]\nper_minute = 0.1\n").unwrap();
    let output = campari(dir, &["usage", "report", "--records", "usage.jsonl", "--tariff", "tariff.toml"]);
    assert!(said(&output).contains("tariff.toml") && output.status.code() == Some(1), "{}", said(&output));
}
