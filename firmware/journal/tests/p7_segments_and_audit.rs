//! P7: old segments may go and the rest verifies; an audit says what was removed by the board and what by somebody else.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

use contract::body::JournalHead;
use journal::segment::{Limits, name, number};
use journal::{Audit, Beginning, Chain, Compared, Entry, Proof, What};
use proptest::prelude::*;

/// Lines of `count` entries; that of number `at` says that all up to `removed_to` are removed. And the head after each.
fn journal(count: u64, announced: Option<(u64, u64)>) -> (Vec<Vec<u8>>, Vec<JournalHead>) {
    let mut chain = Chain::new();
    let mut heads = vec![chain.head()];
    let mut lines = vec![];
    for seq in 1..=count {
        let mut entry = Entry::new(1_000 * seq, true, What::Boot);
        if let Some((at, removed_to)) = announced
            && at == seq
        {
            entry.event = What::Truncated;
            entry.removed_to = Some(removed_to);
        }
        let mut line = chain.append(&entry).unwrap();
        line.pop();
        lines.push(line);
        heads.push(chain.head());
    }
    (lines, heads)
}

fn audit(lines: &[Vec<u8>], heads: &[JournalHead]) -> Proof {
    let mut audit = Audit::new(heads.to_vec());
    for line in lines {
        audit.line(line).unwrap();
    }
    audit.finish().unwrap()
}

#[test]
fn p7_a_beginning_that_the_board_removed_is_told_from_one_that_somebody_took() {
    let (lines, heads) = journal(10, Some((8, 5)));
    assert_eq!(audit(&lines, &[]).beginning, Beginning::Whole);
    let removed = audit(&lines[5..], &[]);
    assert_eq!((removed.first, removed.beginning), (6, Beginning::Removed));
    assert_eq!(removed.head, heads[10]);
    assert_eq!(audit(&lines[3..], &[]).beginning, Beginning::Removed, "announced and not yet carried out");
    assert_eq!(audit(&lines[6..], &[]).beginning, Beginning::Missing { removed_to: 5 }, "one more than was announced");
    assert_eq!(audit(&lines[8..], &[]).beginning, Beginning::Missing { removed_to: 0 });
}

#[test]
fn p7_a_head_seen_earlier_shows_a_cut_end_and_a_journal_written_anew() {
    let (lines, heads) = journal(10, None);
    let compared = |lines: &[Vec<u8>], head: &JournalHead| audit(lines, std::slice::from_ref(head)).compared[0].1;
    for head in &heads {
        assert_eq!(compared(&lines, head), Compared::Holds, "{}", head.entries);
    }
    assert_eq!(compared(&lines[..9], &heads[10]), Compared::CutOff);
    assert_eq!(compared(&lines[5..], &heads[5]), Compared::Holds, "the first line's prev is the head before it");
    assert_eq!(compared(&lines[5..], &heads[4]), Compared::Before);
    let (other, _) = journal(10, Some((1, 0)));
    assert_eq!(compared(&other, &heads[10]), Compared::Differs);
}

#[test]
fn p7_an_audit_stops_at_the_line_that_does_not_follow() {
    let (lines, _) = journal(5, None);
    let mut audit = Audit::new([]);
    audit.line(&lines[0]).unwrap();
    assert!(audit.line(&lines[2]).unwrap_err().contains("seq does not follow"));
    assert_eq!(audit.last(), 1);
    assert!(audit.line(b"\xff\xff").is_err());
    assert!(audit.line(b"").is_err());
    audit.line(&lines[1]).unwrap();
    let mut first = Audit::new([]);
    assert!(first.line(b"{\"seq\":0,\"prev\":\"\"}").is_err());
    assert_eq!(first.finish(), None);
}

#[test]
fn a_segment_is_known_by_its_name() {
    assert_eq!(name(7), "journal-000007.jsonl");
    for known in [1, 999_999, 1_000_000, u32::MAX] {
        assert_eq!(number(&name(known)), Some(known));
    }
    assert_eq!(number("journal.jsonl"), Some(0));
    for foreign in [
        "journal-7.jsonl",
        "journal-000000.jsonl",
        "journal-+00007.jsonl",
        "journal-000007.jsonl.altered-1",
        "memory.json",
        "journal-99999999999.jsonl",
    ] {
        assert_eq!(number(foreign), None, "{foreign}");
    }
}

proptest! {
    #[test]
    fn what_stays_fits_and_is_as_much_as_fits(sizes in prop::collection::vec(0_u64..1_000, 0..40), keep_bytes in 0_u64..10_000) {
        let limits = Limits { segment_bytes: 1_000, keep_bytes };
        let gone = limits.surplus(sizes.iter().copied());
        let left: u64 = sizes[gone..].iter().sum();
        prop_assert!(left <= keep_bytes || sizes.len() - gone <= 2);
        prop_assert!(gone == 0 || left + sizes[gone - 1] > keep_bytes);
    }

    #[test]
    fn an_audit_takes_any_bytes_for_a_line(line in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Audit::new([]).line(&line).is_err());
    }
}
