//! P7: the journal survives power loss at any instant and shows every alteration.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

use contract::body::{JournalHead, Usage};
use contract::{EndReason, ErrorCode, Filter};
use journal::{Broken, Chain, Entry, GENESIS, JournalError, MAX_LINE, Tail, What, lines, recover, verify};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn full_entry() -> Entry {
    Entry {
        share: Some("g-1".parse().unwrap()),
        actor_key: Some("anna".parse().unwrap()),
        operator: Some("op-7".into()),
        requester: Some("pers-3".into()),
        recipient: Some("traffic".parse().unwrap()),
        purpose: Some("detector-fault".into()),
        policy_version: Some(5),
        view: Some("schrijverstraat".parse().unwrap()),
        filter_asked: Some(Filter::Pixelate),
        filter_effective: Some(Filter::Fill),
        usage: Some(Usage {
            pictures: 250,
            bytes: 1_000_000,
            seconds_clear: 9.5,
            seconds_cautious: 0.5,
            ..Usage::default()
        }),
        model_sha256: Some("ab".repeat(32)),
        firmware: Some("0.1.0".into()),
        token: Some("a.b.c".into()),
        command: Some(contract::claims::TokenKind::Grant),
        refused: Some(ErrorCode::Busy),
        true_reason: Some(EndReason::Preempted),
        told_reason: Some(EndReason::Preempted.told()),
        removed_to: Some(3),
        ..Entry::new(1_700_000_000_123, true, What::Ended)
    }
}

fn entries() -> Vec<Entry> {
    vec![
        Entry::new(1_700_000_000_000, false, What::Boot),
        Entry { purpose: Some("line\nbreak, \"quotes\" and Zoë".into()), ..Entry::new(1, true, What::Granted) },
        full_entry(),
        Entry::new(2, true, What::Ended).of_end("g-1".parse().unwrap(), EndReason::Expired, Usage::default()),
    ]
}

/// A journal of [`entries`], and the head after each prefix of it (length in bytes, head).
fn journal() -> (Vec<u8>, Vec<(usize, JournalHead)>) {
    let mut chain = Chain::new();
    let mut bytes = vec![];
    let mut heads = vec![(0, chain.head())];
    for entry in entries() {
        bytes.extend(chain.append(&entry).unwrap());
        heads.push((bytes.len(), chain.head()));
    }
    (bytes, heads)
}

#[test]
fn what_was_written_is_read_again() {
    let (bytes, heads) = journal();
    assert_eq!(verify(&bytes), Ok(heads.last().unwrap().1.clone()));
    assert_eq!(lines(&bytes).collect::<Result<Vec<_>, _>>().unwrap(), entries());
}

#[test]
fn the_hash_is_that_of_the_line_as_anybody_computes_it() {
    // printf '%s' '{"seq":1,…}' | sha256sum
    let line =
        format!(r#"{{"seq":1,"prev":"{GENESIS}","at_ms":1700000000000,"clock_synchronised":true,"event":"boot"}}"#);
    let mut chain = Chain::new();
    let written = chain.append(&Entry::new(1_700_000_000_000, true, What::Boot)).unwrap();
    assert_eq!(String::from_utf8(written).unwrap(), format!("{line}\n"));
    assert_eq!(chain.head().head, EXPECTED_HASH);
}
const EXPECTED_HASH: &str = "56809920e7de95b0b93a290cdee3b67031cd42f5e2d550a22cc71906d8147b38";

#[test]
fn p7_a_journal_cut_at_any_byte_recovers_to_its_last_whole_line() {
    let (bytes, heads) = journal();
    for cut in 0..=bytes.len() {
        let (valid_len, head) = heads.iter().rev().find(|(len, _)| *len <= cut).unwrap();
        for before in [Some(Chain::new()), None] {
            let recovered = recover(&bytes[..cut], before.as_ref());
            assert_eq!(recovered.valid_len, *valid_len, "cut at {cut}");
            assert_eq!(recovered.chain.head(), *head, "cut at {cut}");
            let torn = cut - valid_len;
            let tail = if torn == 0 { Tail::Clean } else { Tail::Torn { bytes: torn } };
            assert_eq!(recovered.tail, tail, "cut at {cut}");
        }
    }
}

#[test]
fn p7_after_a_cut_at_any_byte_writing_goes_on_and_verifies() {
    let (bytes, _) = journal();
    for cut in 0..=bytes.len() {
        let mut recovered = recover(&bytes[..cut], Some(&Chain::new()));
        let mut file = bytes[..recovered.valid_len].to_vec();
        file.extend(recovered.chain.append(&Entry::new(3, true, What::Boot)).unwrap());
        assert_eq!(verify(&file), Ok(recovered.chain.head()), "cut at {cut}");
    }
}

#[test]
fn p7_every_flipped_bit_shows() {
    let (bytes, heads) = journal();
    let published = &heads.last().unwrap().1;
    let last_line_at = heads[heads.len() - 2].0;
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut altered = bytes.clone();
            altered[at] ^= 1 << bit;
            let verdict = verify(&altered);
            assert_ne!(verdict.as_ref(), Ok(published), "byte {at} bit {bit}");
            if at < last_line_at {
                assert!(verdict.is_err(), "byte {at} bit {bit}: shows even without a published head");
            }
        }
    }
}

#[test]
fn p7_a_line_left_out_inserted_or_moved_shows() {
    let (bytes, _) = journal();
    let whole: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let left_out = [whole[0], whole[2], whole[3]].concat();
    let inserted = [whole[0], whole[1], whole[1], whole[2], whole[3]].concat();
    let moved = [whole[0], whole[2], whole[1], whole[3]].concat();
    let headless = whole[1..].concat();
    for altered in [left_out, inserted, moved, headless] {
        assert!(verify(&altered).unwrap_err().why.starts_with("seq does not follow"));
    }
}

#[test]
fn p7_a_line_rewritten_with_its_hash_breaks_the_next_one() {
    let (bytes, heads) = journal();
    let mut forged = Chain::resume(&heads[1].1);
    let line = forged.append(&Entry::new(1, true, What::Refused)).unwrap();
    let altered = [&bytes[..heads[1].0], &line, &bytes[heads[2].0..]].concat();
    let verdict = verify(&altered).unwrap_err();
    assert_eq!((verdict.offset, verdict.after), (heads[1].0 + line.len(), 2));
}

#[test]
fn p7_an_end_that_was_cut_off_shows_against_the_published_head() {
    let (bytes, heads) = journal();
    let shortened = verify(&bytes[..heads[3].0]).unwrap();
    assert_ne!(&shortened, &heads[4].1);
    assert_eq!(shortened.entries, 3);
}

#[test]
fn p7_a_broken_line_is_told_from_a_torn_one() {
    let (mut bytes, heads) = journal();
    bytes.extend(b"{\"seq\":5}\n");
    let recovered = recover(&bytes, Some(&Chain::new()));
    assert_eq!(recovered.valid_len, heads[4].0);
    assert!(matches!(recovered.tail, Tail::Broken(Broken { after: 4, .. })));
    assert_eq!(verify(&bytes[..bytes.len() - 1]).unwrap_err().why, "the last line is not whole");
}

#[test]
fn p7_a_new_segment_goes_on_where_the_old_one_ended() {
    let (first, heads) = journal();
    let mut chain = recover(&first, Some(&Chain::new())).chain;
    let end_of_first = chain.clone();
    let second = chain.append(&Entry::new(9, true, What::Boot)).unwrap();
    assert_eq!(recover(&second, Some(&end_of_first)).chain, chain);
    assert_eq!(recover(&second, None).chain, chain, "the first one may be gone by its retention date");
    assert_eq!(recover(&second, Some(&Chain::new())).valid_len, 0, "but it is no beginning");
    assert_eq!(verify(&[first, second].concat()), Ok(chain.head()));
    assert_eq!(chain.head().entries, heads.len() as u64);
}

#[test]
fn p7_an_entry_that_cannot_be_written_leaves_the_chain_as_it_was() {
    let mut chain = Chain::new();
    let too_long = Entry { token: Some("x".repeat(MAX_LINE)), ..full_entry() };
    assert!(matches!(chain.append(&too_long), Err(JournalError::TooLong { seq: 1, .. })));
    let usage = Some(Usage { seconds_dark: f64::NAN, ..Usage::default() });
    let not_a_number = Entry { usage, ..full_entry() };
    assert_eq!(chain.append(&not_a_number), Err(JournalError::NotANumber { seq: 1 }));
    assert_eq!(chain, Chain::new());
    let longest = Entry { token: Some("x".repeat(contract::claims::MAX_TOKEN)), ..full_entry() };
    assert!(chain.append(&longest).is_ok(), "the longest token always fits");
}

#[test]
fn a_number_at_the_end_of_its_range_breaks_the_chain_and_not_the_program() {
    let last = format!("{{\"seq\":{},\"prev\":\"{GENESIS}\"}}\n", u64::MAX);
    let recovered = recover(format!("{last}{last}").as_bytes(), None);
    assert_eq!(recovered.valid_len, last.len());
    assert!(matches!(recovered.tail, Tail::Broken(_)));
}

#[test]
fn a_megabyte_without_a_line_end_is_broken_not_torn() {
    let recovered = recover(&vec![b'x'; 1 << 20], None);
    assert_eq!(recovered.valid_len, 0);
    assert!(matches!(recovered.tail, Tail::Broken(_)));
}

#[test]
fn the_fields_are_the_closed_list_and_no_others() {
    let mut chain = Chain::new();
    let line: serde_json::Value = serde_json::from_slice(&chain.append(&full_entry()).unwrap()).unwrap();
    let written: BTreeSet<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
    let closed = [
        "seq",
        "prev",
        "at_ms",
        "clock_synchronised",
        "event",
        "share",
        "actor_key",
        "operator",
        "requester",
        "recipient",
        "purpose",
        "policy_version",
        "view",
        "filter_asked",
        "filter_effective",
        "usage",
        "model_sha256",
        "firmware",
        "token",
        "command",
        "refused",
        "true_reason",
        "told_reason",
        "removed_to",
    ];
    assert_eq!(written, BTreeSet::from(closed));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_and_never_count_as_more_than_they_are(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let recovered = recover(&bytes, None);
        prop_assert!(recovered.valid_len <= bytes.len());
        prop_assert!(!bytes.is_empty() || recovered.tail == Tail::Clean);
        prop_assert!(verify(&bytes).is_err() || bytes.is_empty());
    }

    #[test]
    fn any_text_in_a_field_stays_on_one_line(text in any::<String>()) {
        let entry = Entry { purpose: Some(text.chars().take(500).collect()), ..Entry::new(1, true, What::Granted) };
        let mut chain = Chain::new();
        let line = chain.append(&entry).unwrap();
        prop_assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        prop_assert_eq!(verify(&line), Ok(chain.head()));
        prop_assert_eq!(lines(&line).next().unwrap().unwrap(), entry);
    }
}
