//! Where the broker is, and how we and it prove who we are (TLS 1.2 or newer, client certificates).

use rumqttc::v5::MqttOptions;
use rumqttc::{TlsConfiguration, Transport};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Largest packet that we read, and say so to the broker: the largest policy bundle and its topic fit.
pub(super) const MAX_PACKET: u32 = contract::policy::MAX_POLICY as u32 + 64 * 1024;
/// A dead connection shows after one and a half of these (DESIGN §8: board power loss 1.5 × keep-alive).
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// A broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// TLS; `None` means plain TCP, for a broker on this very machine.
    pub tls: Option<Tls>,
}

/// How the broker is recognised and we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM file of the authority that signed the broker's certificate.
    pub ca: PathBuf,
    /// Our certificate; the broker takes our role from it.
    pub identity: Option<Identity>,
}

/// A client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// PEM file of the certificate.
    pub cert: PathBuf,
    /// PEM file of its private key.
    pub key: PathBuf,
}

/// Why no connection can be tried at all.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// `host:port` was expected.
    #[error("{0:?} is no broker address: write host:port, for example 127.0.0.1:8883")]
    Address(String),
    /// A PEM file that does not give what it should.
    #[error("{what} {}: {cause}", path.display())]
    Pem {
        /// Which of the three files.
        what: &'static str,
        /// Where it was looked for.
        path: PathBuf,
        /// What the parser said.
        cause: rustls::pki_types::pem::Error,
    },
    /// Certificate and key that do not fit, or a broken authority.
    #[error("TLS with {}: {cause}", ca.display())]
    Tls {
        /// The authority's file.
        ca: PathBuf,
        /// What the TLS library said.
        cause: rustls::Error,
    },
}

impl std::str::FromStr for Broker {
    type Err = BrokerError;
    fn from_str(text: &str) -> Result<Self, BrokerError> {
        let refuse = || BrokerError::Address(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(refuse)?;
        let port = port.parse().map_err(|_| refuse())?;
        if host.is_empty() {
            return Err(refuse());
        }
        Ok(Self { host: host.to_owned(), port, tls: None })
    }
}

impl std::fmt::Display for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Broker {
    pub(super) fn options(&self, client_id: &str) -> Result<MqttOptions, BrokerError> {
        let mut options = MqttOptions::new(client_id, self.host.clone(), self.port);
        options.set_keep_alive(KEEP_ALIVE).set_max_packet_size(Some(MAX_PACKET)).set_connection_timeout(5);
        // Commands are small and somebody waits for them.
        let mut network = options.network_options();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        if let Some(tls) = &self.tls {
            let config = tls.client_config()?;
            options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(Arc::new(config))));
        }
        Ok(options)
    }
}

impl Tls {
    fn client_config(&self) -> Result<rustls::ClientConfig, BrokerError> {
        let broken = |cause| BrokerError::Tls { ca: self.ca.clone(), cause };
        let mut roots = RootCertStore::empty();
        for certificate in certificates("certificate authority", &self.ca)? {
            roots.add(certificate).map_err(broken)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(broken)?
            .with_root_certificates(roots);
        match &self.identity {
            None => Ok(builder.with_no_client_auth()),
            Some(identity) => {
                let chain = certificates("certificate", &identity.cert)?;
                let key = PrivateKeyDer::from_pem_file(&identity.key).map_err(|cause| BrokerError::Pem {
                    what: "private key",
                    path: identity.key.clone(),
                    cause,
                })?;
                builder.with_client_auth_cert(chain, key).map_err(broken)
            }
        }
    }
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, BrokerError> {
    let refuse = |cause| BrokerError::Pem { what, path: path.to_owned(), cause };
    let found = CertificateDer::pem_file_iter(path).map_err(refuse)?.collect::<Result<Vec<_>, _>>().map_err(refuse)?;
    if found.is_empty() {
        return Err(refuse(rustls::pki_types::pem::Error::NoItemsFound));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_port_is_refused_with_an_example() {
        let error = "broker.example".parse::<Broker>().unwrap_err();
        assert!(error.to_string().contains("host:port"), "{error}");
        assert!(":1883".parse::<Broker>().is_err());
        assert!("broker:99999".parse::<Broker>().is_err());
    }

    #[test]
    fn an_ipv6_address_keeps_its_colons() {
        let broker = "[::1]:8883".parse::<Broker>().unwrap();
        assert_eq!((broker.host.as_str(), broker.port), ("[::1]", 8883));
    }

    #[test]
    fn a_missing_certificate_is_named() {
        let tls = Tls { ca: "/nowhere/ca.pem".into(), identity: None };
        let error = tls.client_config().unwrap_err().to_string();
        assert!(error.contains("/nowhere/ca.pem") && error.contains("certificate authority"), "{error}");
    }

    #[test]
    fn a_file_without_a_certificate_is_no_authority() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let tls = Tls { ca: file.path().to_owned(), identity: None };
        assert!(matches!(tls.client_config(), Err(BrokerError::Pem { .. })));
    }
}
