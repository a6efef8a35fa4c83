//! Law: an assured message leaves the box only when the broker acknowledged it, whatever the connection does; order is kept.

use proptest::prelude::*;
use std::collections::VecDeque;
use voice::outbox::{Kind, MOST_UNACKNOWLEDGED, MOST_WAITING, Outbox, Publication};

fn message(kind: Kind, topic: &str, text: &str) -> Publication {
    Publication { topic: topic.into(), payload: text.into(), kind, correlation: None }
}
fn text(publication: &Publication) -> String {
    String::from_utf8_lossy(&publication.payload).into_owned()
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Put,
    Connect,
    Lose,
    Send,
    Acknowledge,
}

proptest! {
    #[test]
    fn every_assured_message_arrives_whatever_the_connection_does(steps in prop::collection::vec(prop_oneof![
        3 => Just(Step::Put), 1 => Just(Step::Connect), 1 => Just(Step::Lose), 4 => Just(Step::Send), 3 => Just(Step::Acknowledge),
    ], 0..200)) {
        let mut outbox = Outbox::default();
        let (mut put, mut packet_id, mut on_the_way) = (0_usize, 0_u16, VecDeque::new());
        let mut arrived: Vec<usize> = Vec::new();
        let finish = [Step::Lose, Step::Connect].into_iter().chain([Step::Send, Step::Acknowledge].into_iter().cycle().take(1000));
        for step in steps.into_iter().chain(finish) {
            match step {
                Step::Put => {
                    outbox.put(message(Kind::Assured, "t", &put.to_string()));
                    put += 1;
                }
                Step::Connect if !outbox.is_connected() => outbox.connected(),
                Step::Connect => {}
                Step::Lose => {
                    outbox.disconnected();
                    on_the_way.clear();
                }
                Step::Send => {
                    if let Some(publication) = outbox.hand_out() {
                        packet_id = packet_id % 1000 + 1;
                        outbox.left(packet_id);
                        arrived.push(text(&publication).parse().unwrap());
                        on_the_way.push_back(packet_id);
                    }
                    prop_assert!(on_the_way.len() <= MOST_UNACKNOWLEDGED);
                }
                Step::Acknowledge => {
                    if let Some(id) = on_the_way.pop_front() {
                        outbox.acknowledged(id);
                    }
                }
            }
        }
        prop_assert!(outbox.is_settled());
        // Repeats are allowed (QoS 1), gaps are not, and the first arrivals are in order.
        let mut first: Vec<usize> = Vec::new();
        for number in arrived {
            if !first.contains(&number) {
                first.push(number);
            }
        }
        prop_assert_eq!(first, (0..put).collect::<Vec<_>>());
    }
}

#[test]
fn of_a_retained_topic_only_the_newest_goes_out_and_again_on_every_connection() {
    let mut outbox = Outbox::default();
    outbox.put(message(Kind::Latest, "state", "old"));
    outbox.put(message(Kind::Latest, "state", "new"));
    for packet_id in 1..4 {
        outbox.connected();
        assert_eq!(outbox.hand_out().map(|p| text(&p)), Some("new".into()));
        assert_eq!(outbox.hand_out(), None);
        assert!(!outbox.is_settled());
        outbox.left(packet_id);
        outbox.acknowledged(packet_id);
        assert!(outbox.is_settled());
        outbox.disconnected();
    }
}

#[test]
fn an_answer_goes_first_and_is_forgotten_without_a_connection() {
    let mut outbox = Outbox::default();
    outbox.put(message(Kind::Answer, "a", "unheard"));
    outbox.connected();
    outbox.put(message(Kind::Assured, "log", "entry"));
    outbox.put(message(Kind::Answer, "a", "answer"));
    assert_eq!(outbox.hand_out().map(|p| text(&p)), Some("answer".into()));
    assert_eq!(outbox.hand_out().map(|p| text(&p)), Some("entry".into()));
    outbox.put(message(Kind::Answer, "a", "late"));
    outbox.disconnected();
    outbox.connected();
    assert_eq!(outbox.hand_out().map(|p| text(&p)), Some("entry".into()));
    assert_eq!(outbox.hand_out(), None);
}

#[test]
fn a_box_that_overflows_loses_the_oldest_and_says_so() {
    let mut outbox = Outbox::default();
    for number in 0..=MOST_WAITING {
        outbox.put(message(Kind::Assured, "t", &number.to_string()));
    }
    outbox.connected();
    assert_eq!(outbox.hand_out().map(|p| text(&p)), Some("1".into()));
    assert_eq!(outbox.lost(), 1);
}
