//! What is sealed to a subscriber's key opens with that key alone, and not when anything of it was altered.

use contract::EncryptionKey;
use token::jwe::{DecryptionKey, JweError, seal};

const SDP: &[u8] = b"v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:secret\r\n";

fn sealed(to: &DecryptionKey) -> String {
    seal(SDP, "application/sdp", &to.public(), [3; 32], [4; 12]).expect("a good key")
}

#[test]
fn it_opens_with_its_key_and_with_no_other() {
    let (key, other) = (DecryptionKey::new([1; 32]), DecryptionKey::new([2; 32]));
    assert_eq!(key.open(&sealed(&key)).unwrap(), SDP);
    assert_eq!(other.open(&sealed(&key)), Err(JweError::NotForThisKey));
    assert_eq!(
        key.open(&sealed(&key)).unwrap(),
        DecryptionKey::of_jwk(key.to_jwk().as_bytes()).unwrap().open(&sealed(&key)).unwrap()
    );
}

#[test]
fn nothing_altered_opens() {
    let key = DecryptionKey::new([1; 32]);
    let whole = sealed(&key);
    for at in 0..whole.len() {
        let mut bytes = whole.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(bytes).unwrap();
        // The last digit of a part may hold bits that stand for nothing; those are refused too.
        assert!(key.open(&altered).is_err(), "character {at}");
    }
}

#[test]
fn a_key_of_small_order_is_refused_both_ways() {
    let weak = EncryptionKey([0; 32]);
    assert_eq!(seal(SDP, "application/sdp", &weak, [3; 32], [4; 12]), Err(JweError::WeakKey));
}

#[test]
fn what_is_no_jwe_of_ours_is_refused() {
    let key = DecryptionKey::new([1; 32]);
    for text in ["", "a.b.c", "....", "e30....", "a..b.c.d", "é"] {
        assert!(matches!(key.open(text), Err(JweError::Malformed(_))), "{text}");
    }
    assert!(matches!(key.open(&"a".repeat(100_000)), Err(JweError::Malformed(_))));
    assert!(matches!(
        DecryptionKey::of_jwk(br#"{"kty":"OKP","crv":"Ed25519","x":"","d":""}"#),
        Err(JweError::Malformed(_))
    ));
}

/// Made with jwcrypto 1.6.1 (Python) for the key of 32 bytes 1.
#[test]
fn what_another_library_sealed_opens() {
    let sealed = concat!(
        "eyJhbGciOiJFQ0RILUVTIiwiY3R5IjoiYXBwbGljYXRpb24vc2RwIiwiZW5jIjoiQTI1NkdDTSIsImVwayI6eyJjcnYiOiJYMjU1MTkiLCJrdHkiOiJPS1AiLCJ4Ijoidn",
        "RjWl8yOUtIakRvbU53SFBxR21LTjJhQ0ljM2xfTFZfaU9ncXlZbHFqdyJ9fQ..v4xpl6m3G5VrurWz.dBafzoxev-dBnY_6F2okpX1iknHIZFs.PD1z_iWLEBKif8wva7a",
        "-rQ",
    );
    assert_eq!(DecryptionKey::new([1; 32]).open(sealed).unwrap(), b"made by another library");
}

#[test]
fn the_contract_and_the_library_call_the_same_keys_weak() {
    let by_library = |x: [u8; 32]| seal(SDP, "application/sdp", &EncryptionKey(x), [3; 32], [4; 12]).is_err();
    let mut weak = 0;
    // Every coordinate within 64 of 0, of p and of 2^255, with the highest bit and without; and the two others that there are.
    for (near, filling, top) in [(0_u8, 0, 0), (0xed, 0xff, 0x7f)] {
        for first in (0..=127_u8).map(|step| near.wrapping_add(step).wrapping_sub(if near == 0 { 0 } else { 0x40 })) {
            for bit in [0, 0x80] {
                let mut x = [filling; 32];
                (x[0], x[31]) = (first, top | bit);
                assert_eq!(EncryptionKey(x).is_weak(), by_library(x), "{x:?}");
                weak += usize::from(by_library(x));
            }
        }
    }
    assert_eq!(weak, 2 * 5, "0, 1, p - 1, p, p + 1");
    for hex in [
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    ] {
        let mut x: [u8; 32] = std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hex"));
        assert!(by_library(x) && EncryptionKey(x).is_weak(), "{hex}");
        x[31] ^= 0x80;
        assert!(by_library(x) && EncryptionKey(x).is_weak(), "{hex} with the bit that is ignored");
        x[0] ^= 4;
        assert!(!by_library(x) && !EncryptionKey(x).is_weak(), "beside {hex}");
    }
}
