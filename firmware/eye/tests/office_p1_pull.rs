//! Shares that are fetched, at the office over the real link: who may fetch is told, nothing leaves before a viewer is there, and nothing after.

mod bench;

use bench::{BEGIN_S, Bench, Voice, bundle, policy};
use board_sim::SimClock;
use contract::body::Catalogue;
use contract::claims::{Delivery, TokenKind};
use contract::policy::{Policy, PullRule};
use link::message::{Destination, ToEye, ToVoice, Way};
use link::{Puller, Pullers};

const CERTIFICATE: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn pulling(version: u64, credential: u32) -> Policy {
    let mut policy = policy(version);
    policy.subscribers[0].pull = Some(PullRule { credential, certificate_sha256: Some(CERTIFICATE.into()) });
    policy
}

fn newest<T: serde::de::DeserializeOwned>(voice: &Voice, of: &ToVoice) -> T {
    let (_, body) = voice.heard.iter().rev().find(|(message, _)| message == of).expect("told");
    serde_json::from_slice(body).expect("JSON")
}

fn puller(voice: &Voice) -> Puller {
    let mut pullers: Pullers = newest(voice, &ToVoice::Pullers);
    assert_eq!(pullers.who.len(), 1);
    pullers.who.remove(0)
}

fn fetched(bench: &mut Bench, voice: &mut Voice) -> contract::Jti {
    let mut grant = bench.grant(&voice.newest_state());
    grant.delivery = Delivery::Pull;
    let token = bench::sign(TokenKind::Grant, "ines", &grant, bench::INES);
    let answer = voice.command(TokenKind::Grant, &token);
    answer.share.unwrap_or_else(|| panic!("refused: {:?}", answer.error))
}

#[test]
fn p1_a_fetched_share_hands_out_nothing_before_its_viewer_is_there_and_nothing_after() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    assert!(voice.policy(&bundle(&pulling(2, 0))).ok);
    let jti = fetched(&mut bench, &mut voice);
    voice.hears(|said| matches!(said, ToVoice::ShareGranted { way: Way::Pull, seal_to: None, .. }));
    voice.hears(|said| matches!(said, ToVoice::ShareWaiting { .. }));
    bench.picture(b"nobody is there");
    voice.say(&ToEye::ViewerJoined { jti: jti.clone() }, &[]);
    voice.hears(|said| matches!(said, ToVoice::ShareStarted { delivery: Destination::Pull, encrypt_to: None, .. }));
    bench.picture(b"watched");
    voice.until(|said, _| matches!(said, ToVoice::Unit { .. }));
    voice.say(&ToEye::ViewerLost { jti: jti.clone() }, &[]);
    let waits = |heard: &[(ToVoice, Vec<u8>)]| {
        heard.iter().filter(|(said, _)| matches!(said, ToVoice::ShareWaiting { .. })).count()
    };
    voice.until(|said, _| matches!(said, ToVoice::ShareWaiting { .. }));
    assert_eq!(waits(&voice.heard), 2);
    bench.picture(b"nobody is there any more");
    assert_eq!(voice.all_units(&bench), [b"watched"]);
}

#[test]
fn p5_without_the_policys_word_nobody_fetches() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    assert_eq!(newest::<Pullers>(&voice, &ToVoice::Pullers), Pullers { plain: true, who: vec![] });
    let catalogue: Catalogue = newest(&voice, &ToVoice::Catalogue);
    assert_eq!(catalogue.deliveries, ["push"]);
    let mut grant = bench.grant(&voice.newest_state());
    grant.delivery = Delivery::Pull;
    let token = bench::sign(TokenKind::Grant, "ines", &grant, bench::INES);
    assert!(!voice.command(TokenKind::Grant, &token).ok);
}

#[test]
fn a_credential_outlives_restarts_and_is_renewed_by_its_number_in_the_policy() {
    let dir = tempfile::tempdir().unwrap();
    let first = {
        let (_bench, mut voice) = Bench::ready_in(dir.path());
        assert!(voice.policy(&bundle(&pulling(2, 0))).ok);
        puller(&voice)
    };
    assert_eq!((first.sub.as_str(), first.password.len(), first.sessions), ("tlc", 43, 1));
    assert_eq!(first.certificate_sha256.as_deref(), Some(CERTIFICATE));
    let bench = Bench::open(dir.path(), SimClock::new((BEGIN_S + 60) * 1_000_000));
    let mut voice = bench.voice();
    assert_eq!(puller(&voice), first, "the same after a restart");
    assert!(voice.policy(&bundle(&pulling(3, 1))).ok);
    let renewed = puller(&voice);
    assert_ne!(renewed.password, first.password);
    let catalogue: Catalogue = newest(&voice, &ToVoice::Catalogue);
    assert_eq!(catalogue.deliveries, ["push", "pull"]);
    assert!(!bench.journal().contains(&renewed.password), "the journal holds no credential");
}

#[test]
fn another_board_makes_another_credential() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let passwords = [&one, &other].map(|dir| {
        let (_bench, mut voice) = Bench::ready_in(dir.path());
        assert!(voice.policy(&bundle(&pulling(2, 0))).ok);
        puller(&voice).password
    });
    assert_ne!(passwords[0], passwords[1]);
}
