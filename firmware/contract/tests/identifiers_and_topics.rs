//! No identifier can reach beyond its own topic level, file name or log line.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

use contract::id::NO_CAMERA;
use contract::topic::{AskTopic, CommandTopic, Topics};
use contract::{Audience, CameraId, IdError, Jti, SiteId, SubscriberId};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn topics() -> Topics {
    Topics::new("almere".parse().unwrap(), "613".parse().unwrap())
}

#[test]
fn topics_are_those_of_the_contract() {
    let (sub, jti) = ("traffic".parse().unwrap(), "g-1".parse().unwrap());
    let of_camera = [
        (topics().state(), "state"),
        (topics().catalogue(), "catalogue"),
        (topics().command(CommandTopic::Grant), "grant"),
        (topics().share(&sub, &jti), "share/traffic/g-1"),
        (topics().share_log(), "share-log"),
        (topics().usage(), "usage"),
        (topics().journal(), "journal"),
    ];
    for (topic, level) in of_camera {
        assert_eq!(topic, format!("campari/v1/almere/613/{level}"));
    }
    assert_eq!(topics().policy(), "campari/v1/almere/policy");
    assert_eq!(topics().heartbeat(), "campari/v1/almere/room/heartbeat");
    assert_eq!(topics().all(CommandTopic::Preempt), "campari/v1/almere/all/preempt");
}

#[test]
fn a_command_is_known_by_its_topic_and_by_nothing_else() {
    for command in CommandTopic::ALL {
        assert_eq!(topics().parse_command(&topics().command(command)), Some(command));
        assert_eq!(topics().parse_command(&topics().all(command)), Some(command));
    }
    for topic in
        ["campari/v1/almere/700/grant", "campari/v1/almere/613/grant/x", "campari/v1/almere/613/state", "grant", ""]
    {
        assert_eq!(topics().parse_command(topic), None, "{topic}");
    }
}

#[test]
fn what_a_subscriber_says_is_known_by_its_topic_with_its_name() {
    let tlc: SubscriberId = "tlc".parse().unwrap();
    for ask in AskTopic::ALL {
        assert_eq!(topics().parse_ask(&topics().ask(ask, &tlc)), Some((ask, tlc.clone())));
        assert_eq!(topics().asks(ask), topics().ask(ask, &tlc).replace("tlc", "+"));
    }
    for topic in [
        "campari/v1/almere/613/request",
        "campari/v1/almere/613/request/",
        "campari/v1/almere/613/request/a/b",
        "campari/v1/almere/613/request/+",
        "campari/v1/almere/700/request/tlc",
        "campari/v1/almere/613/grant/tlc",
    ] {
        assert_eq!(topics().parse_ask(topic), None, "{topic}");
    }
    assert_eq!(topics().inbox(), "campari/v1/almere/613/inbox");
    assert_eq!(topics().taken(&"r1".parse().unwrap()), "campari/v1/almere/room/taken/613/r1");
}

#[test]
fn what_could_inject_a_topic_is_no_identifier() {
    for text in ["", "a/b", "#", "+", "a b", "a\0b", "..", ".hidden", "$SYS", "a\nb", "zoë", "６１３", "a\u{202e}b"]
    {
        assert!(CameraId::new(text).is_err(), "{text:?}");
    }
    assert_eq!(Jti::new("x".repeat(65)), Err(IdError::TooLong(65)));
    assert!(Jti::new("x".repeat(64)).is_ok());
    assert!(serde_json::from_str::<SubscriberId>("\"a/b\"").is_err(), "nor through JSON");
}

#[test]
fn no_camera_takes_a_topic_of_the_whole_site() {
    let of_site: BTreeSet<String> = SITE_TOPICS.iter().map(|topic| level_after_site(&topic(&topics()))).collect();
    let answers = "answer".to_owned();
    assert_eq!(
        of_site.iter().chain([&answers]).collect::<BTreeSet<_>>(),
        NO_CAMERA.map(str::to_owned).iter().collect()
    );
    for name in NO_CAMERA {
        assert_eq!(CameraId::new(name), Err(IdError::Reserved(name.into())));
        assert!(serde_json::from_str::<CameraId>(&format!("\"{name}\"")).is_err(), "nor through JSON");
        assert!(Audience::try_from(format!("almere/{name}")).is_err(), "nor as an audience");
        assert!(CameraId::new(format!("{name}-1")).is_ok() && SubscriberId::new(name).is_ok());
    }
}

/// Every topic that is no camera's: from here the reserved names are counted.
const SITE_TOPICS: [fn(&Topics) -> String; 8] = [
    Topics::policy,
    Topics::heartbeat,
    Topics::presence,
    Topics::lead,
    Topics::busy,
    Topics::any_of_all,
    |topics| topics.all(CommandTopic::Preempt),
    |topics| topics.taken(&"r1".parse().unwrap()),
];

fn level_after_site(topic: &str) -> String {
    topic.split('/').nth(3).unwrap().to_owned()
}

#[test]
fn an_audience_is_one_camera_or_the_whole_site() {
    let one = Audience::camera("almere".parse().unwrap(), "613".parse().unwrap());
    let all = Audience::site("almere".parse().unwrap());
    assert_eq!((one.to_string(), all.to_string()), ("almere/613".into(), "almere/*".into()));
    for audience in [one, all] {
        assert_eq!(Audience::try_from(audience.to_string()), Ok(audience));
    }
    for text in ["almere", "almere/", "/613", "*/613", "*/*", "almere/613/x", "almere/**"] {
        assert!(Audience::try_from(text.to_owned()).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn whatever_is_accepted_adds_no_level(text in any::<String>()) {
        if let Ok(site) = SiteId::new(text.clone()) {
            prop_assert_eq!(site.as_str(), text.as_str());
            let topic = Topics::new(site, "613".parse().unwrap()).state();
            prop_assert_eq!(topic.split('/').count(), 5);
            prop_assert!(!topic.contains(['+', '#', '\0', ' ']));
        }
        if let Ok(camera) = CameraId::new(text.clone()) {
            let board = Topics::new("almere".parse().unwrap(), camera);
            for of_site in SITE_TOPICS {
                prop_assert_eq!(board.parse_command(&of_site(&topics())).is_some(), of_site(&topics()).contains("/all/preempt"));
                let own = format!("campari/v1/almere/{text}/");
                prop_assert!(!of_site(&topics()).starts_with(&own));
            }
        }
    }
}
