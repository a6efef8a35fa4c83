//! The bill adds up, whatever was told twice, lost its order or is no record at all.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

use contract::body::Usage;
use contract::usage::UsageRecord;
use contract::{EndReason, Filter};
use proptest::prelude::*;
use usage::{Bill, Kind, Ledger, Month, NoRecord, Taken, Tariff, bill};

/// 2026-11-15, noon.
const NOVEMBER_MS: u64 = 1_794_744_000_000;
const DAY_MS: u64 = 86_400_000;

const TARIFF: &str = r#"
currency = "EUR"
[subscription]
per_camera_month = "45.00"
minimum_months = 12
[view]
per_minute = "0.12"
[[discount]]
from_cameras = 10
percent = "5"
[[discount]]
from_cameras = 50
percent = "12.5"
[[contract]]
subscriber = "tlc"
cameras = 12
from = "2026-01"
[[contract]]
subscriber = "short"
cameras = 1
from = "2026-01"
until = "2026-03"
"#;

/// What both contracts cost a month, in cents.
const SUBSCRIPTIONS: i64 = 51_300 + 4_500;

fn record(jti: &str, sub: &str, camera: &str, clear: f64, cautious: f64, covered: f64) -> UsageRecord {
    UsageRecord {
        site: "almere".parse().unwrap(),
        camera: camera.parse().unwrap(),
        jti: jti.parse().unwrap(),
        sub: sub.parse().unwrap(),
        purpose: "detector-fault".into(),
        view: "schrijverstraat".parse().unwrap(),
        filter: Filter::Fill,
        granted_at_ms: NOVEMBER_MS - 1,
        started_at_ms: Some(NOVEMBER_MS),
        ended_at_ms: NOVEMBER_MS + 1_000,
        reason: EndReason::Expired,
        usage: Usage { seconds_clear: clear, seconds_cautious: cautious, seconds_covered: covered, ..Usage::default() },
    }
}

fn line(record: &UsageRecord) -> Vec<u8> {
    serde_json::to_vec(record).unwrap()
}

fn ledger(records: &[UsageRecord]) -> Ledger {
    let mut ledger = Ledger::default();
    for record in records {
        ledger.line(&line(record)).unwrap();
    }
    ledger
}

fn of(records: &[UsageRecord]) -> Bill {
    bill(&ledger(records), &Tariff::parse(TARIFF).unwrap(), Some("2026-11".parse().unwrap()))
}

#[test]
fn a_bill_worked_out_by_hand() {
    let bill = of(&[
        record("a", "tlc", "613", 600.0, 30.0, 100.0),
        record("b", "tlc", "613", 59.9996, 0.0, 0.0),
        record("c", "tlc", "7", 0.0, 0.0, 500.0),
        record("d", "guest", "613", 90.0, 0.0, 0.0),
    ]);
    let found: Vec<_> = bill
        .lines
        .iter()
        .map(|l| (l.subscriber.as_str(), l.kind, l.camera.as_deref(), l.quantity, l.billed_ms, l.free_ms, l.cents))
        .collect();
    assert_eq!(
        found,
        [
            // 1.5 min x 0.12
            ("guest", Kind::Views, Some("almere/613"), 1, 90_000, 0, 18),
            // Ended in March, and billed for its twelve months.
            ("short", Kind::Subscription, None, 1, 0, 0, 4_500),
            // 12 x 45.00 - 5 %
            ("tlc", Kind::Subscription, None, 12, 0, 0, 51_300),
            // 11.5 min x 0.12 - 5 % = 1.311
            ("tlc", Kind::Views, Some("almere/613"), 2, 690_000, 100_000, 131),
            ("tlc", Kind::Views, Some("almere/7"), 1, 0, 500_000, 0),
        ]
    );
    assert_eq!((bill.totals.cents, bill.totals.billed_ms, bill.totals.views), (55_949, 780_000, 4));
    assert_eq!(bill.without_contract, ["guest".parse().unwrap()]);
}

#[test]
fn half_a_cent_goes_up() {
    // 2.5 s at 0.12 a minute is half a cent.
    assert_eq!(of(&[record("a", "guest", "1", 2.5, 0.0, 0.0)]).totals.cents - SUBSCRIPTIONS, 1);
    assert_eq!(of(&[record("a", "guest", "1", 2.499, 0.0, 0.0)]).totals.cents - SUBSCRIPTIONS, 0);
}

/// A record goes as text from the board to whoever bills. One last bit lost on the way would be a millisecond where the seconds lie next to a half.
#[test]
fn seconds_next_to_half_a_millisecond_are_billed_as_the_board_counted_them() {
    assert_eq!(of(&[record("a", "guest", "1", 25_596_661.662_499_998, 0.0, 0.0)]).totals.billed_ms, 25_596_661_662);
}

#[test]
fn a_contract_is_billed_for_its_minimum_term_and_then_no_more() {
    let tariff = Tariff::parse(TARIFF).unwrap();
    let billed = |month: &str| {
        let bill = bill(&Ledger::default(), &tariff, Some(month.parse().unwrap()));
        bill.lines.iter().any(|line| line.subscriber.as_str() == "short")
    };
    assert!(!billed("2025-12"));
    assert!(billed("2026-01") && billed("2026-03") && billed("2026-04") && billed("2026-12"));
    assert!(!billed("2027-01"));
}

#[test]
fn a_record_counts_in_the_month_of_its_end() {
    let mut late = record("a", "guest", "1", 60.0, 0.0, 0.0);
    late.ended_at_ms = NOVEMBER_MS + 16 * DAY_MS;
    let records = [late, record("b", "guest", "1", 60.0, 0.0, 0.0)];
    let november = of(&records);
    assert_eq!((november.totals.views, november.read.of_other_months), (1, 1));
    let all = bill(&ledger(&records), &Tariff::parse(TARIFF).unwrap(), None);
    let months: Vec<String> = all.lines.iter().map(|line| line.month.to_string()).collect();
    assert_eq!(months, ["2026-11", "2026-11", "2026-11", "2026-12", "2026-12", "2026-12"].map(str::to_owned));
}

#[test]
fn what_is_told_again_counts_once_and_what_contradicts_does_not_count() {
    let mut ledger = Ledger::default();
    let one = record("a", "tlc", "1", 60.0, 0.0, 0.0);
    assert_eq!(ledger.line(&line(&one)), Ok(Taken::New));
    assert_eq!(ledger.line(&line(&one)), Ok(Taken::Repeated));
    let other = UsageRecord { reason: EndReason::Revoked, ..one.clone() };
    assert_eq!(ledger.line(&line(&other)), Err(NoRecord::Contradicts(one.id())));
    let elsewhere = UsageRecord { camera: "2".parse().unwrap(), ..one.clone() };
    assert_eq!(ledger.line(&line(&elsewhere)), Ok(Taken::New), "the same jti on another camera is another share");
    let later = UsageRecord { granted_at_ms: one.granted_at_ms + 1, ..one };
    assert_eq!(ledger.line(&line(&later)), Ok(Taken::New), "a share that was restored has another record");
    assert_eq!((ledger.len(), ledger.repeated(), ledger.refused()), (3, 1, 1));
}

#[test]
fn what_is_no_record_says_what_is_wrong() {
    let mut ledger = Ledger::default();
    let mut backwards = record("a", "tlc", "1", 1.0, 0.0, 0.0);
    backwards.ended_at_ms = 0;
    for (line, says) in [
        (b"{".to_vec(), "not a usage record"),
        (b"[]".to_vec(), "not a usage record"),
        (b"{\"jti\":\"a\"}".to_vec(), "missing field"),
        (vec![b'x'; 5_000], "5000 bytes"),
        (line(&record("a", "tlc", "1", -1.0, 0.0, 0.0)), "below 0"),
        (line(&record("a", "tlc", "1", 1e300, 0.0, 0.0)), "above a year"),
        (line(&backwards), "before it was granted"),
        (b"\xff\xfe".to_vec(), "not a usage record"),
    ] {
        let error = ledger.line(&line).unwrap_err().to_string();
        assert!(error.contains(says) && !error.contains('\n'), "{error}");
    }
    assert!(ledger.is_empty());
    let newer =
        String::from_utf8(line(&record("a", "tlc", "1", 1.0, 0.0, 0.0))).unwrap().replacen('{', "{\"new\":1,", 1);
    assert_eq!(ledger.line(newer.as_bytes()), Ok(Taken::New), "a field from a newer board is ignored");
}

#[test]
fn a_tariff_that_cannot_be_used_says_where_and_what_is_allowed() {
    for (from, to, says) in [
        ("per_minute = \"0.12\"", "per_minute = 0.12", "in quotes"),
        ("per_minute = \"0.12\"", "per_minute = \"-1\"", "0 to 1000000"),
        ("per_minute = \"0.12\"", "per_minute = \"0.1234567\"", "6 decimals"),
        ("per_minute = \"0.12\"", "per_minut = \"0.12\"", "per_minut"),
        ("percent = \"5\"", "percent = \"101\"", "0 to 100"),
        ("\"EUR\"", "\"euro\"", "three capital letters"),
        ("from = \"2026-01\"", "from = \"January\"", "like 2026-11"),
        ("minimum_months = 12", "minimum_months = 121", "0 to 120"),
        ("subscriber = \"short\"", "subscriber = \"tlc\"", "two contracts"),
        ("until = \"2026-03\"", "until = \"2025-03\"", "before from"),
    ] {
        let error = Tariff::parse(&TARIFF.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn the_example_is_a_tariff() {
    let example = include_str!("../tariff-example.toml");
    assert_eq!(Tariff::parse(example).unwrap().currency, "EUR");
}

#[test]
fn a_month_is_that_of_the_calendar() {
    for (unix_ms, month) in [(0, "1970-01"), (1_798_761_599_999, "2026-12"), (1_798_761_600_000, "2027-01")] {
        assert_eq!(Month::of_unix_ms(unix_ms).unwrap().to_string(), month);
    }
    assert_eq!(Month::of_unix_ms(u64::MAX), None);
    for wrong in ["2026-13", "2026-00", "2026-1", "26-01", "2026", "", "+026-01", "2026-+1"] {
        assert!(wrong.parse::<Month>().is_err(), "{wrong}");
    }
}

fn any_record() -> impl Strategy<Value = UsageRecord> {
    let seconds = || prop_oneof![Just(0.0), 0.0..5_000.0_f64, 0.0..31_000_000.0_f64];
    (
        0..40_u8,
        prop::sample::select(vec!["tlc", "short", "guest"]),
        0..3_u8,
        [seconds(), seconds(), seconds()],
        0..100_u64,
    )
        .prop_map(|(jti, sub, camera, [clear, cautious, covered], day)| UsageRecord {
            ended_at_ms: NOVEMBER_MS + day * DAY_MS,
            ..record(&format!("j-{jti}"), sub, &camera.to_string(), clear, cautious, covered)
        })
}

proptest! {
    #[test]
    fn totals_are_the_sums_of_lines_and_of_records_whatever_is_repeated(
        records in prop::collection::vec(any_record(), 0..60),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
    ) {
        let mut ledger = Ledger::default();
        let mut first = std::collections::BTreeMap::new();
        for record in &records {
            if ledger.line(&line(record)).is_ok() {
                first.insert(record.id(), record.clone());
            }
        }
        if !records.is_empty() {
            for index in again {
                let _told_before = ledger.line(&line(index.get(&records)));
            }
        }
        let tariff = Tariff::parse(TARIFF).unwrap();
        let all = bill(&ledger, &tariff, None);
        prop_assert_eq!(all.totals.cents, all.lines.iter().map(|line| line.cents).sum::<i64>());
        let ms = |seconds: f64| (seconds * 1_000.0).round() as u64;
        let billed: u64 = first.values().map(|r| ms(r.usage.seconds_clear) + ms(r.usage.seconds_cautious)).sum();
        let free: u64 = first.values().map(|r| ms(r.usage.seconds_covered)).sum();
        prop_assert_eq!((all.totals.billed_ms, all.totals.free_ms), (billed, free));
        prop_assert_eq!((all.totals.views, all.read.records), (first.len() as u64, first.len() as u64));
        // The months together are the whole.
        let months: std::collections::BTreeSet<_> = all.lines.iter().map(|line| line.month).collect();
        let parts: Vec<Bill> = months.iter().map(|month| bill(&ledger, &tariff, Some(*month))).collect();
        prop_assert_eq!(parts.iter().map(|part| part.totals.cents).sum::<i64>(), all.totals.cents);
        prop_assert_eq!(parts.iter().map(|part| part.totals.billed_ms).sum::<u64>(), all.totals.billed_ms);
        for part in &parts {
            prop_assert_eq!(part.read.of_other_months + part.totals.views, part.read.records);
        }
    }

    #[test]
    fn any_bytes_are_a_line_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Ledger::default().line(&bytes).is_err());
    }
}
