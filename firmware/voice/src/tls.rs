//! TLS towards the broker: rustls with ring, our own authorities only, a client certificate always.
//!
//! TLS 1.3 (RFC 8446) and 1.2. The system's root certificates are not used: a public authority has no say over who the broker is.

use crate::config::Tls;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file that is missing or holds nothing usable.
    #[error("[mqtt.tls] {key} = {path:?}: {why}")]
    File {
        /// `ca`, `cert` or `key`.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Certificate and key that do not belong together, or an unsupported kind.
    #[error("[mqtt.tls] cert and key cannot be used together: {0}")]
    Pair(rustls::Error),
}

/// The client's side of every connection to the broker.
///
/// # Errors
/// [`TlsError`] naming the file.
pub fn client(tls: &Tls) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("ca", &tls.ca)? {
        roots.add(certificate).map_err(|error| fault("ca", &tls.ca, error.to_string()))?;
    }
    let chain = certificates("cert", &tls.cert)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| fault("key", &tls.key, error.to_string()))?;
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Pair)?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(TlsError::Pair)?;
    Ok(Arc::new(config))
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let fail = |error: rustls::pki_types::pem::Error| fault(key, path, error.to_string());
    let found = CertificateDer::pem_file_iter(path).map_err(fail)?.collect::<Result<Vec<_>, _>>().map_err(fail)?;
    if found.is_empty() {
        return Err(fault(key, path, "holds no PEM certificate".into()));
    }
    Ok(found)
}

fn fault(key: &'static str, path: &Path, why: String) -> TlsError {
    TlsError::File { key, path: path.to_owned(), why }
}
