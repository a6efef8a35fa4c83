//! Shares that are published to a media server, at the office over the real link: the voice is told the policy's server and no other, nothing leaves before
//! the server is there, and nothing after it is gone.

mod bench;

use bench::{Bench, Voice, bundle, policy};
use contract::body::Catalogue;
use contract::claims::{Delivery, TokenKind};
use contract::policy::{Policy, RelayRule};
use link::message::{Destination, Relay, ServerProof, ToEye, ToVoice, Way};

fn rule() -> RelayRule {
    RelayRule {
        address: [192, 0, 2, 9].into(),
        port: 8322,
        path: "almere/tlc".into(),
        server_name: Some("media.example.org".into()),
        authority: None,
        certificate_sha256: Some("ab".repeat(32)),
        plain: false,
    }
}

fn relaying(version: u64, rule: Option<RelayRule>) -> Policy {
    let mut policy = policy(version);
    policy.subscribers[0].relay = rule;
    policy
}

fn relayed(bench: &mut Bench, voice: &mut Voice) -> Result<contract::Jti, String> {
    let mut grant = bench.grant(&voice.newest_state());
    grant.delivery = Delivery::Relay;
    let token = bench::sign(TokenKind::Grant, "ines", &grant, bench::INES);
    let answer = voice.command(TokenKind::Grant, &token);
    answer.share.ok_or_else(|| format!("{:?}", answer.error))
}

#[test]
fn p1_p5_a_relayed_share_goes_to_the_policys_server_and_hands_out_nothing_while_that_is_away() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    assert!(voice.policy(&bundle(&relaying(2, Some(rule())))).ok);
    let jti = relayed(&mut bench, &mut voice).expect("granted");
    let told = |message: &ToVoice| matches!(message, ToVoice::ShareGranted { way: Way::Relay, seal_to: None, .. });
    voice.hears(told);
    let (_, body) = voice.heard.iter().rev().find(|(message, _)| told(message)).expect("told");
    let proof = ServerProof::Certificate { sha256: "ab".repeat(32), name: "media.example.org".into() };
    let server = Relay {
        server: "192.0.2.9:8322".parse().expect("an address"),
        url: "rtsps://media.example.org:8322/almere/tlc/613".into(),
        proof: Some(proof),
    };
    assert_eq!(serde_json::from_slice::<Relay>(body).expect("JSON"), server);
    voice.hears(|said| matches!(said, ToVoice::ShareWaiting { .. }));
    bench.picture(b"nobody is there");
    voice.say(&ToEye::ViewerJoined { jti: jti.clone() }, &[]);
    voice.hears(|said| matches!(said, ToVoice::ShareStarted { delivery: Destination::Relay, encrypt_to: None, .. }));
    bench.picture(b"recorded");
    voice.until(|said, _| matches!(said, ToVoice::Unit { .. }));
    voice.say(&ToEye::ViewerLost { jti }, &[]);
    voice.until(|said, _| matches!(said, ToVoice::ShareWaiting { .. }));
    bench.picture(b"the server is away");
    assert_eq!(voice.all_units(&bench), [b"recorded"]);
}

#[test]
fn p5_without_the_policys_word_nothing_is_relayed_and_the_catalogue_says_what_is() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    assert!(relayed(&mut bench, &mut voice).expect_err("refused").contains("OutsidePolicy"));
    assert!(voice.policy(&bundle(&relaying(2, Some(rule())))).ok);
    let offers = |said: &ToVoice, body: &[u8]| {
        matches!(said, ToVoice::Catalogue)
            && serde_json::from_slice::<Catalogue>(body)
                .is_ok_and(|catalogue| catalogue.deliveries == ["push", "relay"])
    };
    if !voice.heard.iter().any(|(said, body)| offers(said, body)) {
        voice.until(offers);
    }
}
