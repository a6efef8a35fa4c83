//! Key files (JSON Web Keys, mode 0600) and fresh identifiers.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::{Jti, KeyId};
use curve25519_dalek::MontgomeryPoint;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use token::{Jwk, SigningKey, TokenError};

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read or written.
    #[error("key file {}: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Others may read it.
    #[error("key file {} may be read by others (mode {mode:04o}): run `chmod 600 {}` and consider the key known", path.display(), path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is no private key.
    #[error("key file {}: {cause}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is off.
        cause: TokenError,
    },
}

/// A private key and its name.
#[derive(Debug, Clone)]
pub struct NamedKey {
    /// Its name in the trust store; tokens carry it as `kid` and `iss`.
    pub kid: KeyId,
    /// The key.
    pub key: SigningKey,
}

impl NamedKey {
    /// A new key from the system's random source.
    #[must_use]
    pub fn generate(kid: KeyId) -> Self {
        Self { kid, key: SigningKey::from_seed(rand::random()) }
    }

    /// Writes the private key file; an existing file is never replaced.
    ///
    /// # Errors
    /// [`KeyError::File`].
    pub fn write(&self, path: &Path) -> Result<(), KeyError> {
        write_new(path, &self.key.to_jwk(&self.kid).to_json())
    }

    /// Reads a private key file, which nobody but its owner may read.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let json = read_secret(path)?;
        let content = |cause| KeyError::Content { path: path.to_owned(), cause };
        let jwk = Jwk::parse(&json).map_err(content)?;
        Ok(Self { key: jwk.signing_key().map_err(content)?, kid: jwk.kid })
    }
}

/// Reads a private key file, which nobody but its owner may read.
///
/// # Errors
/// [`KeyError::File`], [`KeyError::Open`].
pub fn read_secret(path: &Path) -> Result<Vec<u8>, KeyError> {
    let unreadable = |cause| KeyError::File { path: path.to_owned(), cause };
    let mode = std::fs::metadata(path).map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Open { path: path.to_owned(), mode });
    }
    std::fs::read(path).map_err(unreadable)
}

/// A subscriber's X25519 key (RFC 7748), to which boards encrypt its credentials.
#[derive(Clone)]
pub struct EncryptionKey {
    /// Its name.
    pub kid: KeyId,
    secret: [u8; 32],
}

/// The file of an [`EncryptionKey`]: a JWK of RFC 8037 §2.
#[derive(Serialize, Deserialize)]
struct EncryptionJwk {
    kty: String,
    crv: String,
    kid: KeyId,
    x: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    d: Option<String>,
}

impl EncryptionKey {
    /// A new key from the system's random source.
    #[must_use]
    pub fn generate(kid: KeyId) -> Self {
        Self { kid, secret: rand::random() }
    }

    /// base64url of the public half, as in a policy's `encrypt_x`.
    #[must_use]
    pub fn x(&self) -> String {
        URL_SAFE_NO_PAD.encode(MontgomeryPoint::mul_base_clamped(self.secret).as_bytes())
    }

    fn jwk(&self, d: Option<String>) -> EncryptionJwk {
        EncryptionJwk { kty: "OKP".into(), crv: "X25519".into(), kid: self.kid.clone(), x: self.x(), d }
    }

    /// Writes the private key file; an existing file is never replaced.
    ///
    /// # Errors
    /// [`KeyError::File`].
    pub fn write(&self, path: &Path) -> Result<(), KeyError> {
        let text = serde_json::to_string(&self.jwk(Some(URL_SAFE_NO_PAD.encode(self.secret))))
            .map_err(|cause| KeyError::File { path: path.to_owned(), cause: std::io::Error::other(cause) })?;
        write_new(path, &format!("{text}\n"))
    }
}

/// The public half of an encryption key file, as the `cnf` of a request wants it.
///
/// # Errors
/// [`KeyError`].
pub fn read_encryption_key(path: &Path) -> Result<serde_json::Value, KeyError> {
    let unusable = |cause: String| KeyError::Content { path: path.to_owned(), cause: TokenError::Key(cause) };
    let json = std::fs::read(path).map_err(|cause| KeyError::File { path: path.to_owned(), cause })?;
    let jwk: EncryptionJwk = serde_json::from_slice(&json).map_err(|cause| unusable(cause.to_string()))?;
    if jwk.kty != "OKP" || jwk.crv != "X25519" {
        return Err(unusable("kty must be OKP and crv X25519".into()));
    }
    let public = contract::key::EncryptionKey::of_x(&jwk.x).map_err(|cause| unusable(cause.to_string()))?;
    Ok(public.to_cnf())
}

fn write_new(path: &Path, text: &str) -> Result<(), KeyError> {
    let write = || {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())
    };
    write().map_err(|cause| KeyError::File { path: path.to_owned(), cause })
}

/// A new token id: 96 random bits, hexadecimal.
#[must_use]
pub fn fresh_jti() -> Jti {
    let text: String = rand::random::<[u8; 12]>().iter().map(|byte| format!("{byte:02x}")).collect();
    match Jti::new(text) {
        Ok(jti) => jti,
        Err(cause) => unreachable!("hexadecimal digits are allowed: {cause}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> NamedKey {
        NamedKey::generate("ines".parse().unwrap())
    }

    #[test]
    fn a_key_file_is_its_owners_alone_and_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ines.jwk");
        let made = key();
        made.write(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let read = NamedKey::read(&path).unwrap();
        assert_eq!(read.kid, made.kid);
        assert_eq!(read.key.public().x(), made.key.public().x());
    }

    #[test]
    fn an_existing_key_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ines.jwk");
        key().write(&path).unwrap();
        let before = std::fs::read(&path).unwrap();
        assert!(matches!(key().write(&path), Err(KeyError::File { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ines.jwk");
        key().write(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = NamedKey::read(&path).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
}
