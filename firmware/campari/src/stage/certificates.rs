//! A certificate authority for one stage: the broker's certificate and one client certificate per role (RFC 5280).
//!
//! For demonstrations and tests. A city brings its own authority; only the file names are the same.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::StageError;
use super::files::write_private;
use crate::mqtt::{Broker, Identity, Tls};

/// Who may connect to the broker. The name is the certificate's common name and the ACL's user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The voice of the board.
    Board,
    /// The heartbeat agent.
    Room,
    /// A centralist's command line.
    Centralist,
    /// The traffic system.
    Subscriber,
    /// Whoever publishes policy.
    PolicyOffice,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 5] = [Role::Board, Role::Room, Role::Centralist, Role::Subscriber, Role::PolicyOffice];

    /// The user's name at the broker.
    #[must_use]
    pub fn user(self) -> &'static str {
        match self {
            Role::Board => "board",
            Role::Room => "room",
            Role::Centralist => "centralist",
            Role::Subscriber => "subscriber",
            Role::PolicyOffice => "policy-office",
        }
    }
}

/// The certificates' folder.
#[derive(Debug, Clone)]
pub struct Certificates {
    dir: PathBuf,
}

impl Certificates {
    /// Certificates that were made in `dir`.
    #[must_use]
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }
    /// Makes the authority and all certificates in `dir`; private keys are readable by their owner only. The broker is known as `localhost`,
    /// 127.0.0.1, and `reached_at`.
    ///
    /// # Errors
    /// [`StageError`] when the folder cannot be written.
    pub fn make(dir: &Path, reached_at: IpAddr) -> Result<Self, StageError> {
        let made = Self::at(dir);
        let mut authority = named("Campari stage authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        write_private(&made.ca(), authority.pem().as_bytes())?;

        let mut broker = named("broker");
        broker.subject_alt_names = vec![
            rcgen::SanType::IpAddress(std::net::Ipv4Addr::LOCALHOST.into()),
            rcgen::SanType::IpAddress(reached_at),
            rcgen::SanType::DnsName("localhost".try_into()?),
        ];
        broker.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        made.issue("broker", &broker, &authority)?;
        for role in Role::ALL {
            let mut client = named(role.user());
            client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            made.issue(role.user(), &client, &authority)?;
        }
        Ok(made)
    }

    fn issue(
        &self,
        name: &str,
        params: &CertificateParams,
        by: &CertifiedIssuer<'_, KeyPair>,
    ) -> Result<(), StageError> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, by)?;
        write_private(&self.cert(name), certificate.pem().as_bytes())?;
        write_private(&self.key(name), key.serialize_pem().as_bytes())
    }

    /// The authority's certificate.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }
    /// The certificate of `broker` or of a role's user.
    #[must_use]
    pub fn cert(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.cert.pem"))
    }
    /// Its private key.
    #[must_use]
    pub fn key(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.key.pem"))
    }
    /// How `role` reaches a broker on this machine.
    #[must_use]
    pub fn connection(&self, role: Role, port: u16) -> Broker {
        let identity = Identity { cert: self.cert(role.user()), key: self.key(role.user()) };
        Broker { host: "127.0.0.1".into(), port, tls: Some(Tls { ca: self.ca(), identity: Some(identity) }) }
    }
}

fn named(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}
