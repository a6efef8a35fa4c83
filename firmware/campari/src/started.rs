//! What `started` holds for its subscriber: held against the board's signature, and opened with the subscriber's key where it is sealed.
//!
//! The broker and whoever sits on it may deny a share; with the board's key at hand they cannot put another stream in its place.

use contract::claims::{Description, TokenKind};
use contract::{Audience, Jti, SubscriberId};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use token::jwe::{DecryptionKey, JweError};
use token::{PublicKey, Sha256Digest, TokenError};

/// Why a description is not used.
#[derive(Debug, thiserror::Error)]
pub enum StartedError {
    /// Sealed, and no key.
    #[error(
        "the stream is encrypted and its description sealed to the subscriber's key: give that key, FILE.encrypt.jwk of `campari keygen --role subscriber`"
    )]
    NoKey,
    /// Sealed to another key.
    #[error("the sealed description: {0}; give the key that the grant or the policy names")]
    Sealed(#[from] JweError),
    /// Sealed, and no text in it.
    #[error("the sealed description is no text: the board and this program are of different versions")]
    NoText,
    /// Unsigned where a signature is wanted.
    #[error(
        "the description is not signed by the board: whoever forwarded it may have put another in its place (a board without a key cannot sign: see its log)"
    )]
    Unsigned,
    /// Signed by another key, or altered.
    #[error("the description is not this board's: {0}; compare --board-key with the board_key of its journal head")]
    Signature(TokenError),
    /// The board signed something else.
    #[error("the description is not the one that the board signed for this share: {0} differs")]
    Another(&'static str),
}

/// The share that is expected to start.
#[derive(Debug, Clone)]
pub struct Share {
    /// Site and camera.
    pub aud: Audience,
    /// Its subscriber.
    pub sub: SubscriberId,
    /// Which.
    pub jti: Jti,
}

/// A `started` event.
#[derive(Debug, Clone, Copy)]
pub struct Started<'a> {
    /// The session description, as anybody may read it.
    pub sdp: &'a str,
    /// The same with the stream's key.
    pub sealed: Option<&'a str>,
    /// The board's word on both.
    pub signed: Option<&'a str>,
}

impl Started<'_> {
    /// Whether the board of `key` said so of `share`.
    ///
    /// # Errors
    /// [`StartedError`].
    pub fn verify(&self, key: PublicKey, share: &Share) -> Result<(), StartedError> {
        let signed = self.signed.ok_or(StartedError::Unsigned)?;
        let claims: Description =
            token::verify(TokenKind::Description, signed, |_| Some(key)).map_err(StartedError::Signature)?;
        let digest = |text: &str| Sha256Digest::of(text).to_string();
        let same = [
            ("the camera", claims.aud == share.aud),
            ("the subscriber", claims.sub == share.sub),
            ("the share", claims.share == share.jti),
            ("sdp", claims.sdp_sha256 == digest(self.sdp)),
            ("sealed", claims.sealed_sha256 == self.sealed.map(digest)),
        ];
        same.into_iter().find(|(_, same)| !same).map_or(Ok(()), |(what, _)| Err(StartedError::Another(what)))
    }

    /// The description that a player takes: with the stream's key where it is encrypted.
    ///
    /// # Errors
    /// [`StartedError`] when it is sealed and cannot be opened.
    pub fn playable(&self, key: Option<&DecryptionKey>) -> Result<String, StartedError> {
        match self.sealed {
            None => Ok(self.sdp.to_owned()),
            Some(sealed) => open(sealed, key.ok_or(StartedError::NoKey)?),
        }
    }
}

/// Opens a sealed description.
///
/// # Errors
/// [`StartedError`].
pub fn open(sealed: &str, key: &DecryptionKey) -> Result<String, StartedError> {
    String::from_utf8(key.open(sealed)?).map_err(|_| StartedError::NoText)
}

/// Writes a description for a player. It may hold the stream's key, so that a file is its owner's alone.
///
/// # Errors
/// What the system says.
pub fn write(path: &Path, description: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // One that was there keeps its mode otherwise. A pipe or terminal has nothing to keep.
    if file.metadata()?.is_file() {
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    file.write_all(description.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use token::SigningKey;

    const SDP: &str = "v=0\r\n";

    fn share() -> Share {
        Share {
            aud: Audience::camera("almere".parse().unwrap(), "613".parse().unwrap()),
            sub: "tlc".parse().unwrap(),
            jti: "s1".parse().unwrap(),
        }
    }

    fn signed(key: &SigningKey, sealed: Option<&str>) -> String {
        let Share { aud, sub, jti } = share();
        let digest = |text| Sha256Digest::of(text).to_string();
        let iss: contract::KeyId = "board".parse().unwrap();
        let (sdp_sha256, sealed_sha256) = (digest(SDP), sealed.map(digest));
        let claims = Description { iss: iss.clone(), aud, iat: 1, sub, share: jti, sdp_sha256, sealed_sha256 };
        token::sign(TokenKind::Description, &iss, &claims, key).unwrap()
    }

    #[test]
    fn p5_what_the_broker_puts_in_its_place_is_not_the_boards_description() {
        let (board, other) = (SigningKey::from_seed([1; 32]), SigningKey::from_seed([2; 32]));
        let (key, sealed) = (board.public(), Some("e.y.J.h.b"));
        let word = signed(&board, sealed);
        let good = Started { sdp: SDP, sealed, signed: Some(&word) };
        good.verify(key, &share()).unwrap();
        let forged = signed(&other, sealed);
        let in_clear = signed(&board, None);
        let substitutes = [
            ("another stream", Started { sdp: "v=0\r\ns=mine\r\n", ..good }),
            ("sealed by anybody", Started { sealed: Some("f.a.l.s.e"), ..good }),
            ("in clear what was sealed", Started { sealed: None, ..good }),
            ("sealed what was in clear", Started { signed: Some(&in_clear), ..good }),
            ("unsigned", Started { signed: None, ..good }),
            ("signed by another", Started { signed: Some(&forged), ..good }),
            ("no token", Started { signed: Some("junk"), ..good }),
        ];
        for (what, started) in substitutes {
            assert!(started.verify(key, &share()).is_err(), "{what}");
        }
        let others = [
            Share { jti: "s2".parse().unwrap(), ..share() },
            Share { sub: "vws".parse().unwrap(), ..share() },
            Share { aud: Audience::camera("almere".parse().unwrap(), "614".parse().unwrap()), ..share() },
        ];
        for other in others {
            assert!(matches!(good.verify(key, &other), Err(StartedError::Another(_))), "{other:?}");
        }
    }

    #[test]
    fn a_description_is_its_owners_alone_also_where_a_file_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("share.sdp");
        std::fs::write(&path, "an older and longer one").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        write(&path, SDP).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), SDP);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
