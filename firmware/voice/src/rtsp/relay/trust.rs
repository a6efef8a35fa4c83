//! Who a media server has to be: TLS towards the one that the policy describes, by its authority or by its very certificate.
//!
//! TLS 1.3 and 1.2 by rustls with ring. The system's root certificates have no say. A pinned certificate is not asked who signed it, nor until when it holds:
//! the policy's two signatures stand for it.

use super::super::signature::{fingerprint, provider, signatures_are_checked};
use link::ServerProof;
use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, Error, RootCertStore};
use std::sync::Arc;

/// Why the policy's words describe no server.
#[derive(Debug, thiserror::Error)]
pub(super) enum TrustError {
    /// Its name.
    #[error("the policy's name of the media server is none")]
    Name,
    /// The authority.
    #[error("the policy's authority for the media server is no certificate")]
    Authority,
    /// The library.
    #[error("{0}")]
    Library(#[from] Error),
}

/// The client's side of a connection to the server that `proof` describes, and its name there.
pub(super) fn client(proof: &ServerProof) -> Result<(Arc<ClientConfig>, ServerName<'static>), TrustError> {
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let (config, name) = match proof {
        ServerProof::Authority { pem, name } => {
            let mut roots = RootCertStore::empty();
            let authority = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| TrustError::Authority)?;
            roots.add(authority).map_err(|_| TrustError::Authority)?;
            (builder.with_root_certificates(roots).with_no_client_auth(), name)
        }
        ServerProof::Certificate { sha256, name } => {
            let pinned = Pinned { sha256: sha256.clone(), provider };
            let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(pinned));
            (builder.with_no_client_auth(), name)
        }
    };
    let name = ServerName::try_from(name.clone()).map_err(|_| TrustError::Name)?;
    Ok((Arc::new(config), name))
}

/// One certificate and no other; the handshake proves that the server holds its key.
#[derive(Debug)]
struct Pinned {
    sha256: String,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        _between: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if fingerprint(end) == self.sha256 {
            return Ok(ServerCertVerified::assertion());
        }
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }
    signatures_are_checked!();
}
