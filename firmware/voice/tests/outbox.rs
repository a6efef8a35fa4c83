//! Law: an assured message leaves the box only when the broker acknowledged it, whatever the connection does; order is kept.

use proptest::prelude::*;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;
use voice::outbox::{Kind, MOST_UNACKNOWLEDGED, MOST_WAITING, Outbox, Publication};

fn message(kind: Kind, topic: &str, text: &str) -> Publication {
    Publication { topic: topic.into(), payload: text.into(), kind, correlation: None, expires_at: None }
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
                    if let Some(publication) = outbox.hand_out(Instant::now()) {
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
        assert_eq!(outbox.hand_out(Instant::now()).map(|p| text(&p)), Some("new".into()));
        assert_eq!(outbox.hand_out(Instant::now()), None);
        assert!(!outbox.is_settled());
        outbox.left(packet_id);
        outbox.acknowledged(packet_id);
        assert!(outbox.is_settled());
        outbox.disconnected();
    }
}

#[test]
fn an_answer_goes_first_and_survives_a_lost_connection_until_it_expires() {
    let mut outbox = Outbox::default();
    let now = Instant::now();
    let answer = |text, lives_s| Publication {
        expires_at: Some(now + Duration::from_secs(lives_s)),
        ..message(Kind::Answer, "a", text)
    };
    outbox.put(message(Kind::Assured, "log", "entry"));
    outbox.put(answer("short", 60));
    outbox.put(answer("long", 90));
    assert_eq!(outbox.hand_out(now), None, "there is no connection");
    outbox.connected();
    assert_eq!(outbox.hand_out(now).map(|p| text(&p)), Some("short".into()));
    outbox.disconnected();
    outbox.connected();
    assert_eq!(outbox.hand_out(now).map(|p| text(&p)), Some("short".into()), "it was not acknowledged");
    outbox.left(1);
    outbox.acknowledged(1);
    assert_eq!(outbox.hand_out(now + Duration::from_secs(90)).map(|p| text(&p)), Some("entry".into()));
    assert_eq!(outbox.hand_out(now), None, "nobody waits for it any more");
    assert_eq!(outbox.lost(), 0);
}

#[test]
fn share_events_give_way_before_ends_and_logs() {
    let mut outbox = Outbox::default();
    outbox.put(message(Kind::Assured, "t", "end"));
    for number in 0..MOST_WAITING {
        outbox.put(message(Kind::Event, "t", &number.to_string()));
    }
    outbox.put(message(Kind::Assured, "t", "another end"));
    assert_eq!(outbox.lost(), 2);
    outbox.connected();
    let mut out = Vec::new();
    let mut packet_id = 0;
    while let Some(publication) = outbox.hand_out(Instant::now()) {
        out.push(text(&publication));
        packet_id += 1;
        outbox.left(packet_id);
        outbox.acknowledged(packet_id);
    }
    assert_eq!((out.len(), out[0].as_str(), out[1].as_str()), (MOST_WAITING, "end", "2"));
    assert_eq!(out.last().map(String::as_str), Some("another end"));
}

#[test]
fn a_box_that_overflows_loses_the_oldest_and_says_so() {
    let mut outbox = Outbox::default();
    for number in 0..=MOST_WAITING {
        outbox.put(message(Kind::Assured, "t", &number.to_string()));
    }
    outbox.connected();
    assert_eq!(outbox.hand_out(Instant::now()).map(|p| text(&p)), Some("1".into()));
    assert_eq!(outbox.lost(), 1);
}
