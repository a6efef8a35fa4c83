//! TLS towards the broker and towards readers of metrics: rustls with ring, our own authorities only, a client certificate always.
//!
//! TLS 1.3 (RFC 8446) and 1.2. The system's root certificates are not used: a public authority has no say over who the broker is.

use crate::config::Tls;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file that is missing or holds nothing usable.
    #[error("{table} {key} = {path:?}: {why}")]
    File {
        /// Which table of the configuration.
        table: &'static str,
        /// `ca`, `cert` or `key`.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Certificate and key that do not belong together, or an unsupported kind.
    #[error("{table} cert and key cannot be used together: {why}")]
    Pair {
        /// Which table of the configuration.
        table: &'static str,
        /// What the library says.
        why: rustls::Error,
    },
    /// Authorities that no certificate can be checked against.
    #[error("{table} ca cannot be used: {why}")]
    Authority {
        /// Which table of the configuration.
        table: &'static str,
        /// What the library says.
        why: String,
    },
}

/// The client's side of every connection to the broker.
///
/// # Errors
/// [`TlsError`] naming the file.
pub fn client(tls: &Tls) -> Result<Arc<ClientConfig>, TlsError> {
    let table = "[mqtt.tls]";
    let Identity { roots, chain, key } = Identity::read(table, tls)?;
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|why| TlsError::Pair { table, why })?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|why| TlsError::Pair { table, why })?;
    Ok(Arc::new(config))
}

/// A server's side, towards clients who have a certificate of our authorities; others are not let in.
///
/// # Errors
/// [`TlsError`] naming the file.
pub fn server(table: &'static str, tls: &Tls) -> Result<Arc<ServerConfig>, TlsError> {
    let Identity { roots, chain, key } = Identity::read(table, tls)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(|error| TlsError::Authority { table, why: error.to_string() })?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| TlsError::Pair { table, why })?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|why| TlsError::Pair { table, why })?;
    Ok(Arc::new(config))
}

/// What the files hold.
struct Identity {
    roots: RootCertStore,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    fn read(table: &'static str, tls: &Tls) -> Result<Self, TlsError> {
        let fault = |key, path: &Path, why| TlsError::File { table, key, path: path.to_owned(), why };
        let certificates = |key: &'static str, path: &Path| {
            let fail = |error: rustls::pki_types::pem::Error| fault(key, path, error.to_string());
            let found =
                CertificateDer::pem_file_iter(path).map_err(fail)?.collect::<Result<Vec<_>, _>>().map_err(fail)?;
            if found.is_empty() {
                return Err(fault(key, path, "holds no PEM certificate".into()));
            }
            Ok(found)
        };
        let mut roots = RootCertStore::empty();
        for certificate in certificates("ca", &tls.ca)? {
            roots.add(certificate).map_err(|error| fault("ca", &tls.ca, error.to_string()))?;
        }
        let chain = certificates("cert", &tls.cert)?;
        let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| fault("key", &tls.key, error.to_string()))?;
        Ok(Self { roots, chain, key })
    }
}
