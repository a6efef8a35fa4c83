//! Key files: what is written is read again, and what is off is said.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod support;

use proptest::prelude::*;
use support::{key, kid};
use token::{Jwk, PublicKey, SigningKey};

#[test]
fn rfc_8037_appendix_a_example_is_read() {
    let file = br#"{"kty":"OKP","crv":"Ed25519","kid":"rfc","use":"sig",
        "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let jwk = Jwk::parse(file).unwrap();
    assert_eq!(jwk.kid, kid("rfc"));
    assert_eq!(jwk.signing_key().unwrap().public().x(), "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
}

#[test]
fn a_public_file_holds_no_private_key() {
    let file = key(7).public().to_jwk(&kid("anna")).to_json();
    assert!(!file.contains("\"d\""), "{file}");
    let jwk = Jwk::parse(file.as_bytes()).unwrap();
    assert_eq!(jwk.public_key(), Ok(key(7).public()));
    assert!(jwk.signing_key().unwrap_err().to_string().contains("public"));
}

#[test]
fn halves_that_do_not_belong_together_are_refused() {
    let file = key(7).to_jwk(&kid("anna")).to_json().replace(&key(7).public().x(), &key(8).public().x());
    assert!(Jwk::parse(file.as_bytes()).unwrap().signing_key().is_err());
}

#[test]
fn other_kinds_of_key_are_refused() {
    let x = key(7).public().x();
    for (kty, crv) in [("EC", "P-256"), ("OKP", "X25519"), ("oct", "Ed25519")] {
        let file = format!(r#"{{"kty":"{kty}","crv":"{crv}","kid":"a","x":"{x}"}}"#);
        assert!(Jwk::parse(file.as_bytes()).is_err(), "{kty} {crv}");
    }
    for x in ["", "AAAA", "not base64!", &"A".repeat(44), &"A".repeat(43)] {
        assert!(PublicKey::from_x(x).is_err(), "{x}");
    }
}

#[test]
fn p10_no_key_prints_its_secret() {
    let secret = key(7);
    let jwk = secret.to_jwk(&kid("anna"));
    let d: serde_json::Value = serde_json::from_str(&jwk.to_json()).unwrap();
    let d = d["d"].as_str().unwrap();
    for text in [format!("{secret:?}"), format!("{jwk:?}")] {
        assert!(!text.contains(d) && !text.contains("7, 7"), "{text}");
    }
}

proptest! {
    #[test]
    fn a_key_file_is_read_as_it_was_written(seed in any::<[u8; 32]>()) {
        let key = SigningKey::from_seed(seed);
        let read = Jwk::parse(key.to_jwk(&kid("anna")).to_json().as_bytes()).unwrap();
        prop_assert_eq!(read.signing_key().unwrap().to_jwk(&kid("anna")), key.to_jwk(&kid("anna")));
    }

    #[test]
    fn arbitrary_bytes_are_no_key_file(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Jwk::parse(&bytes).is_err());
    }
}
