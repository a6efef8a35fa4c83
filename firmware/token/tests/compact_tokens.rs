//! Which compact tokens are accepted, and why the others are not.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod support;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::ErrorCode;
use contract::claims::{Grant, MAX_TOKEN, TokenKind};
use proptest::prelude::*;
use serde_json::json;
use support::{grant, handmade, key, kid, store};
use token::{TokenError, peek_kid, sign, verify};

const KINDS: [TokenKind; TokenKind::ALL.len()] = TokenKind::ALL;
const HEADER: &str = r#"{"alg":"EdDSA","typ":"campari-grant+jwt","kid":"anna"}"#;

fn good() -> String {
    sign(TokenKind::Grant, &kid("anna"), &grant(), &key(1)).unwrap()
}

fn judge(token: impl AsRef<[u8]>) -> Result<Grant, TokenError> {
    verify(TokenKind::Grant, token, store)
}

fn payload() -> Vec<u8> {
    serde_json::to_vec(&grant()).unwrap()
}

#[test]
fn what_was_signed_comes_out_again() {
    assert_eq!(judge(good()), Ok(grant()));
    assert_eq!(peek_kid(good()), Ok(kid("anna")));
}

#[test]
fn a_token_made_by_another_library_is_accepted() {
    assert_eq!(judge(handmade(HEADER, &payload(), &key(1))), Ok(grant()));
}

#[test]
fn the_signer_of_these_tests_agrees_with_rfc_8037_appendix_a4() {
    let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap().try_into().unwrap();
    let message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = support::raw_sign(message.as_bytes(), &token::SigningKey::from_seed(seed));
    assert_eq!(
        URL_SAFE_NO_PAD.encode(signature),
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    );
}

#[test]
fn the_clock_is_never_looked_at() {
    let mut long_over = grant();
    (long_over.nbf, long_over.exp) = (1, 2);
    let mut far_ahead = grant();
    (far_ahead.nbf, far_ahead.exp) = (u64::MAX - 1, u64::MAX);
    for claims in [long_over, far_ahead] {
        let token = sign(TokenKind::Grant, &kid("anna"), &claims, &key(1)).unwrap();
        assert_eq!(judge(token), Ok(claims));
    }
}

#[test]
fn p5_no_kind_passes_for_another() {
    for made in KINDS {
        let token = sign(made, &kid("anna"), &grant(), &key(1)).unwrap();
        for asked in KINDS {
            let verdict = verify::<Grant>(asked, &token, store);
            if made == asked {
                assert!(verdict.is_ok(), "{made:?}");
            } else {
                assert_eq!(verdict, Err(TokenError::WrongType(asked)), "{made:?} as {asked:?}");
            }
        }
    }
}

#[test]
fn p5_alg_none_is_refused() {
    for alg in ["none", "None", "NONE", "nOnE"] {
        let header = HEADER.replace("EdDSA", alg);
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(&header), URL_SAFE_NO_PAD.encode(payload()));
        assert_eq!(judge(format!("{signed}.")), Err(TokenError::Algorithm));
        assert_eq!(judge(handmade(&header, &payload(), &key(1))), Err(TokenError::Algorithm));
    }
}

#[test]
fn p5_hs256_with_the_public_key_as_its_secret_is_refused() {
    for alg in ["HS256", "HS512", "RS256", "ES256", "Ed25519", "eddsa"] {
        let header = HEADER.replace("EdDSA", alg);
        assert_eq!(judge(handmade(&header, &payload(), &key(1))), Err(TokenError::Algorithm), "{alg}");
    }
}

#[test]
fn p5_an_unknown_key_is_refused() {
    let token = sign(TokenKind::Grant, &kid("mallory"), &grant(), &key(9)).unwrap();
    assert_eq!(judge(token), Err(TokenError::UnknownKey(kid("mallory"))));
}

#[test]
fn p5_a_known_name_with_another_key_is_refused() {
    let token = sign(TokenKind::Grant, &kid("anna"), &grant(), &key(9)).unwrap();
    assert_eq!(judge(token), Err(TokenError::BadSignature(kid("anna"))));
}

#[test]
fn p5_an_issuer_other_than_the_signer_is_refused() {
    let mut claims = grant();
    claims.envelope.iss = kid("bert");
    let token = sign(TokenKind::Grant, &kid("anna"), &claims, &key(1)).unwrap();
    assert_eq!(judge(token), Err(TokenError::WrongIssuer(kid("anna"))));
}

#[test]
fn a_header_with_anything_more_is_refused() {
    for extra in [
        r#""crit":["b64"],"b64":false"#,
        r#""jwk":{"kty":"OKP"}"#,
        r#""jku":"https://example.org/keys""#,
        r#""zip":"DEF""#,
        r#""kid":"bert""#,
    ] {
        let header = HEADER.replace('}', &format!(",{extra}}}"));
        let verdict = judge(handmade(&header, &payload(), &key(1)));
        assert!(matches!(verdict, Err(TokenError::Header(_))), "{extra}: {verdict:?}");
    }
}

#[test]
fn a_header_that_lacks_a_member_is_refused() {
    for header in [
        r#"{"typ":"campari-grant+jwt","kid":"anna"}"#,
        r#"{"alg":"EdDSA","kid":"anna"}"#,
        r#"{"alg":"EdDSA","typ":"campari-grant+jwt"}"#,
        r#"{"alg":"EdDSA","typ":"campari-grant+jwt","kid":"../anna"}"#,
        r#"{"alg":"EdDSA","typ":"campari-grant+jwt","kid":"anna"} x"#,
    ] {
        let verdict = judge(handmade(header, &payload(), &key(1)));
        assert!(matches!(verdict, Err(TokenError::Header(_))), "{header}: {verdict:?}");
    }
}

#[test]
fn a_claim_that_is_there_twice_is_refused() {
    let twice = String::from_utf8(payload()).unwrap().replacen("\"exp\":1600", "\"exp\":1600,\"exp\":9999", 1);
    assert_ne!(twice.as_bytes(), payload(), "the test must have changed something");
    let verdict = judge(handmade(HEADER, twice.as_bytes(), &key(1)));
    assert!(matches!(&verdict, Err(TokenError::Claims(why)) if why.contains("twice")), "{verdict:?}");
}

#[test]
fn deeply_nested_claims_are_refused() {
    let mut claims = serde_json::to_value(grant()).unwrap();
    let nest = |depth| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    claims["cnf"] = nest(15);
    assert!(judge(handmade(HEADER, claims.to_string().as_bytes(), &key(1))).is_ok());
    claims["cnf"] = nest(16);
    let verdict = judge(handmade(HEADER, claims.to_string().as_bytes(), &key(1)));
    assert!(matches!(&verdict, Err(TokenError::Claims(why)) if why.contains("deeper")), "{verdict:?}");
    let bottomless = format!("{{\"iss\":\"anna\",\"x\":{}", "[".repeat(8_000));
    let verdict = judge(handmade(HEADER, bottomless.as_bytes(), &key(1)));
    assert!(matches!(verdict, Err(TokenError::Claims(_))), "{verdict:?}");
}

#[test]
fn claims_of_the_wrong_shape_are_refused_without_repeating_their_values() {
    let mut claims = serde_json::to_value(grant()).unwrap();
    claims["exp"] = json!("Jan de Vries");
    let verdict = judge(handmade(HEADER, claims.to_string().as_bytes(), &key(1)));
    let text = verdict.clone().unwrap_err().to_string();
    assert!(matches!(verdict, Err(TokenError::Claims(_))) && !text.contains("Jan"), "{text}");
    claims.as_object_mut().unwrap().remove("exp");
    let text = judge(handmade(HEADER, claims.to_string().as_bytes(), &key(1))).unwrap_err().to_string();
    assert!(text.contains("missing field `exp`"), "{text}");
}

#[test]
fn a_claim_from_a_newer_peer_is_ignored() {
    let mut claims = serde_json::to_value(grant()).unwrap();
    claims["later"] = json!({"some": "thing"});
    assert_eq!(judge(handmade(HEADER, claims.to_string().as_bytes(), &key(1))), Ok(grant()));
}

#[test]
fn a_token_of_a_megabyte_is_refused_unread() {
    let token = "a".repeat(1 << 20);
    assert_eq!(judge(&token), Err(TokenError::TooLarge(1 << 20)));
    assert_eq!(peek_kid(&token), Err(TokenError::TooLarge(1 << 20)));
    let mut claims = grant();
    claims.purpose = "p".repeat(MAX_TOKEN);
    let signed = sign(TokenKind::Grant, &kid("anna"), &claims, &key(1));
    assert!(matches!(signed, Err(TokenError::TooLarge(_))));
}

#[test]
fn what_is_no_token_is_refused() {
    let good = good();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    for junk in [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        signed.into(),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}="),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{signed}."),
        format!("{signed}.{}", &signature[..80]),
        format!("{signed}.{signature}AAAA"),
        "{\"grant\":true}".into(),
    ] {
        assert!(judge(&junk).is_err(), "{junk:?}");
    }
    assert_eq!(judge([0xff, 0xfe, 0x2e, 0x2e]), Err(TokenError::NotCompact("not text")));
}

#[test]
fn a_signature_of_small_order_is_refused() {
    // The identity as public key and as R, with S = 0, passes plain Ed25519 verification for every message.
    let mut identity = [0; 32];
    identity[0] = 1;
    assert!(token::PublicKey::from_bytes(&identity).is_err());
    let mut forged = [0; 64];
    forged[0] = 1;
    let good = good();
    let (signed, _) = good.rsplit_once('.').unwrap();
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(forged));
    assert_eq!(judge(token), Err(TokenError::BadSignature(kid("anna"))));
}

#[test]
fn every_error_has_the_code_that_the_contract_names() {
    let codes = [
        (judge("a".repeat(MAX_TOKEN + 1)), ErrorCode::TooLarge),
        (judge("junk"), ErrorCode::Malformed),
        (verify(TokenKind::Revoke, good(), store), ErrorCode::WrongType),
        (
            judge(handmade(&HEADER.replace("campari-grant+jwt", "campari-handshake+jwt"), b"{}", &key(1))),
            ErrorCode::UnknownCommand,
        ),
        (verify(TokenKind::Grant, good(), |_| None), ErrorCode::UnknownKey),
        (verify(TokenKind::Grant, good(), |_| Some(key(2).public())), ErrorCode::BadSignature),
    ];
    for (verdict, code) in codes {
        assert_eq!(verdict.unwrap_err().code(), code);
    }
}

proptest! {
    #[test]
    fn p5_a_token_altered_anywhere_is_refused(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut token = good().into_bytes();
        let at = at.index(token.len());
        prop_assume!(token[at] != byte);
        token[at] = byte;
        prop_assert!(judge(&token).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(judge(&bytes).is_err());
    }

    #[test]
    fn arbitrary_signed_payloads_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let verdict = judge(handmade(HEADER, &bytes, &key(1)));
        prop_assert!(matches!(verdict, Err(TokenError::Claims(_))));
    }
}

/// Exhaustive where proptest samples: every byte, every bit.
#[test]
fn p5_every_single_bit_of_a_token_counts() {
    let token = good().into_bytes();
    for at in 0..token.len() {
        for bit in 0..8 {
            let mut altered = token.clone();
            altered[at] ^= 1 << bit;
            assert!(judge(&altered).is_err(), "byte {at} bit {bit}");
        }
    }
}
