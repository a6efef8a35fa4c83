//! TLS towards RTSP clients: the board's certificate, and theirs if they have one.
//!
//! A client's certificate is not judged by who signed it: the policy names its fingerprint, and the handshake proves that the client holds its key. One that the
//! policy does not name proves nothing, and is as good as none.

use super::signature::{provider, signatures_are_checked};
use crate::config::Rtsp;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DistinguishedName, Error, ServerConfig};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the server cannot open.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// A PEM file that is missing or holds nothing usable.
    #[error("[rtsp] {key} = {path:?}: {why}")]
    File {
        /// `cert` or `key`.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Certificate and key that do not belong together, or an unsupported kind.
    #[error("[rtsp] cert and key cannot be used together: {0}")]
    Pair(Error),
    /// An address that cannot be had.
    #[error("[rtsp] {key} = \"{at}\": {cause}; is another server there already?")]
    Listen {
        /// `listen` or `listen_plain`.
        key: &'static str,
        /// The address.
        at: SocketAddr,
        /// The system's word.
        cause: std::io::Error,
    },
}

/// The server's side of every connection.
pub(super) fn server(config: &Rtsp) -> Result<Arc<ServerConfig>, DoorError> {
    let fail = |key, path: &Path, error: rustls::pki_types::pem::Error| DoorError::File {
        key,
        path: path.to_owned(),
        why: error.to_string(),
    };
    let cert = |error| fail("cert", &config.cert, error);
    let chain =
        CertificateDer::pem_file_iter(&config.cert).map_err(cert)?.collect::<Result<Vec<_>, _>>().map_err(cert)?;
    if chain.is_empty() {
        let why = "holds no PEM certificate".into();
        return Err(DoorError::File { key: "cert", path: config.cert.clone(), why });
    }
    let key = PrivateKeyDer::from_pem_file(&config.key).map_err(|error| fail("key", &config.key, error))?;
    let provider = provider();
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(DoorError::Pair)?
        .with_client_cert_verifier(Arc::new(Holder { provider }))
        .with_single_cert(chain, key)
        .map_err(DoorError::Pair)?;
    Ok(Arc::new(server))
}

/// Asks for a certificate, and makes sure that the client holds its key.
#[derive(Debug)]
struct Holder {
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Holder {
    fn client_auth_mandatory(&self) -> bool {
        false
    }
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }
    fn verify_client_cert(
        &self,
        _end: &CertificateDer<'_>,
        _between: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }
    signatures_are_checked!();
}
