//! Certificate authorities for one stage: one for the broker, one for each of its doors, and the certificates they sign (RFC 5280).
//!
//! For demonstrations and tests. A city brings its own authorities; only the file names are the same (`tests/brokers/mosquitto`).

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::StageError;
use super::broker::{Parties, Ports};
use super::files::write_private;
use crate::mqtt::{Broker, Identity, Tls};

/// A listener of the broker, with the authority whose certificates it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// For boards; the common name is the camera's id.
    Boards,
    /// For the control room and the policy office; the common name is the role's.
    ControlRoom,
    /// For subscribers; the common name is the subscriber's id.
    Subscribers,
}

impl Door {
    /// Every door.
    pub const ALL: [Door; 3] = [Door::Boards, Door::ControlRoom, Door::Subscribers];

    /// What its files begin with.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Door::Boards => "boards",
            Door::ControlRoom => "control-room",
            Door::Subscribers => "subscribers",
        }
    }
}

/// Who gets a certificate.
#[derive(Debug, Clone)]
pub struct Client {
    /// `FILE.cert.pem`, `FILE.key.pem`.
    pub file: String,
    /// Whose authority signs it.
    pub door: Door,
    /// Its common name.
    pub name: String,
}

/// Who may connect to the broker; the name is that of its files.
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

    /// Where it comes in.
    #[must_use]
    pub fn door(self) -> Door {
        match self {
            Role::Board => Door::Boards,
            Role::Room | Role::Centralist | Role::PolicyOffice => Door::ControlRoom,
            Role::Subscriber => Door::Subscribers,
        }
    }

    /// The name of its files, and of those in the control room at the broker.
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
    /// Makes the authorities and the certificates of a stage's five roles in `dir`; private keys are readable by their owner only. The broker is
    /// known as `localhost`, 127.0.0.1, and `reached_at`.
    ///
    /// # Errors
    /// [`StageError`] when the folder cannot be written.
    pub fn make(dir: &Path, reached_at: IpAddr, parties: &Parties) -> Result<Self, StageError> {
        let clients = Role::ALL.map(|role| Client {
            file: role.user().to_owned(),
            door: role.door(),
            name: match role {
                Role::Board => parties.camera.to_string(),
                Role::Subscriber => parties.subscriber.to_string(),
                Role::Room | Role::Centralist | Role::PolicyOffice => role.user().to_owned(),
            },
        });
        Self::make_for(dir, reached_at, &clients)
    }

    /// As [`Certificates::make`], for whomever.
    ///
    /// # Errors
    /// [`StageError`] when the folder cannot be written.
    pub fn make_for(dir: &Path, reached_at: IpAddr, clients: &[Client]) -> Result<Self, StageError> {
        let made = Self::at(dir);
        let own = authority("Campari stage broker authority")?;
        write_private(&made.ca(), own.pem().as_bytes())?;
        let mut broker = named("broker");
        broker.subject_alt_names = vec![
            rcgen::SanType::IpAddress(std::net::Ipv4Addr::LOCALHOST.into()),
            rcgen::SanType::IpAddress(reached_at),
            rcgen::SanType::DnsName("localhost".try_into()?),
        ];
        broker.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        made.issue("broker", &broker, &own)?;
        let mut every = String::new();
        for door in Door::ALL {
            let signs = authority(&format!("Campari stage {} authority", door.name()))?;
            write_private(&made.authority(door), signs.pem().as_bytes())?;
            write_private(&made.authority_key(door), signs.key().serialize_pem().as_bytes())?;
            every.push_str(&signs.pem());
            for client in clients.iter().filter(|client| client.door == door) {
                let mut params = named(&client.name);
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
                made.issue(&client.file, &params, &signs)?;
            }
        }
        // For a broker with one door for all.
        write_private(&dir.join("clients-ca.pem"), every.as_bytes())?;
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

    /// Their folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
    /// The certificate of the authority that signed the broker's.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }
    /// The authority that signs certificates for a door.
    #[must_use]
    pub fn authority(&self, door: Door) -> PathBuf {
        self.dir.join(format!("{}-ca.pem", door.name()))
    }
    /// Its private key.
    #[must_use]
    pub fn authority_key(&self, door: Door) -> PathBuf {
        self.dir.join(format!("{}-ca.key.pem", door.name()))
    }
    /// The certificate of `broker`, of a role's user, or of a [`Client`]'s file.
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
    pub fn connection(&self, role: Role, ports: Ports) -> Broker {
        self.connection_of(role.user(), ports.of(role.door()))
    }
    /// How whoever has the certificate `file` reaches a port of this machine.
    #[must_use]
    pub fn connection_of(&self, file: &str, port: u16) -> Broker {
        let identity = Identity { cert: self.cert(file), key: self.key(file) };
        Broker { host: "127.0.0.1".into(), port, tls: Some(Tls { ca: self.ca(), identity: Some(identity) }) }
    }
}

fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, StageError> {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

fn named(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}
