//! Who is who in a fleet: sites of as many boards as one policy bundle serves, their keys, their bundles, their files.

use anyhow::{Context, Result};
use campari::keys::NamedKey;
use campari::stage::{Certificates, Client, Door, Role};
use contract::policy::Policy;
use contract::{CameraId, KeyId, SiteId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};
use token::PublicKey;

/// Boards that one bundle serves (DESIGN §7).
pub const BOARDS_A_SITE: usize = 400;
/// The one view of each camera.
pub const VIEW: &str = "junction";
/// The one subscriber of each site.
pub const SUBSCRIBER: &str = "tlc";
/// What for.
pub const PURPOSE: &str = "traffic";

/// What a process with some of the boards must know; no private key but their certificates' files.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// How many boards there are.
    pub boards: usize,
    /// Folder of certificates.
    pub tls: PathBuf,
    /// Folder of the sockets between eyes and voices.
    pub links: PathBuf,
    /// The broker's port for boards, on 127.0.0.1.
    pub port: u16,
    /// The policy office's keys: id and public `x`.
    pub roots: Vec<(KeyId, String)>,
}

impl Plan {
    /// How many sites these boards make.
    #[must_use]
    pub fn sites(&self) -> usize {
        self.boards.div_ceil(BOARDS_A_SITE)
    }

    /// The policy office's keys.
    ///
    /// # Errors
    /// A plan that was not made by this program.
    pub fn roots(&self) -> Result<Vec<(KeyId, PublicKey)>> {
        self.roots.iter().map(|(kid, x)| Ok((kid.clone(), PublicKey::from_x(x).context("the plan's roots")?))).collect()
    }

    /// Where eye and voice of a board meet.
    #[must_use]
    pub fn link(&self, board: usize) -> PathBuf {
        self.links.join(format!("{board}.sock"))
    }

    /// The voice's configuration of a board, as a technician would write it.
    #[must_use]
    pub fn voice(&self, board: usize) -> String {
        let certificates = Certificates::at(&self.tls);
        let camera = camera(board);
        format!(
            "site = \"{site}\"\ncamera = \"{camera}\"\nlink = {link:?}\n[mqtt]\nhost = \"127.0.0.1\"\nport = {port}\n\
             [mqtt.tls]\nca = {ca:?}\ncert = {cert:?}\nkey = {key:?}\n",
            site = site(board / BOARDS_A_SITE),
            link = self.link(board),
            port = self.port,
            ca = certificates.ca(),
            cert = certificates.cert(camera.as_str()),
            key = certificates.key(camera.as_str()),
        )
    }
}

fn id<T: std::str::FromStr<Err = contract::IdError>>(text: &str) -> T {
    match text.parse() {
        Ok(id) => id,
        Err(cause) => unreachable!("made of letters and digits: {cause}"),
    }
}

/// A site's name.
#[must_use]
pub fn site(number: usize) -> SiteId {
    id(&format!("s{number:02}"))
}

/// A board's camera; its name is its own on the whole broker.
#[must_use]
pub fn camera(board: usize) -> CameraId {
    id(&format!("c{board:05}"))
}

/// Certificates for all boards and for the control rooms.
///
/// # Errors
/// A folder that cannot be written.
pub fn certificates(dir: &Path, boards: usize) -> Result<Certificates> {
    let of_role = |role: Role| Client { file: role.user().into(), door: role.door(), name: role.user().into() };
    let mut clients = vec![of_role(Role::Room), of_role(Role::Centralist), of_role(Role::PolicyOffice)];
    clients.extend((0..boards).map(|board| {
        let name = camera(board).to_string();
        Client { file: name.clone(), door: Door::Boards, name }
    }));
    std::fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    Ok(Certificates::make_for(dir, std::net::Ipv4Addr::LOCALHOST.into(), &clients)?)
}

/// Everybody's private keys.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Grants.
    pub centralist: NamedKey,
    /// Beats.
    pub room: NamedKey,
    /// Two who sign policy.
    pub offices: [NamedKey; 2],
}

impl Keys {
    /// New ones.
    #[must_use]
    pub fn make() -> Self {
        let key = |name| NamedKey::generate(id::<KeyId>(name));
        Self { centralist: key("ines"), room: key("room"), offices: [key("policy-a"), key("policy-b")] }
    }

    /// Ids and public keys of the policy office.
    #[must_use]
    pub fn roots(&self) -> Vec<(KeyId, String)> {
        self.offices.iter().map(|office| (office.kid.clone(), office.key.public().x())).collect()
    }

    /// The signed bundle of a site, with a view for each of its boards.
    ///
    /// # Errors
    /// A policy that is off; it is not.
    pub fn bundle(&self, number: usize, boards: usize) -> Result<Vec<u8>> {
        let key = |key: &NamedKey, role: &str| json!({"kid": key.kid, "x": key.key.public().x(), "role": role});
        let first = number * BOARDS_A_SITE;
        let views: Vec<_> = (first..boards.min(first + BOARDS_A_SITE))
            .map(|board| json!({"name": VIEW, "camera": camera(board), "largest_face": 0.12, "zones": []}))
            .collect();
        // As JSON: what a policy does not say has its default, today's and tomorrow's.
        let policy: Policy = serde_json::from_value(json!({
            "version": 1,
            "site": site(number),
            "valid_until": campari::clock::unix_s() + 24 * 3600,
            "legal_basis": "a simulated fleet; no camera",
            "keys": [key(&self.centralist, "centralist"), key(&self.room, "room")],
            "subscribers": [{"id": SUBSCRIBER, "purposes": [PURPOSE], "min_filter": "fill", "longest_share_s": 3600, "push_to": ["127.0.0.1"]}],
            "views": views,
            "plain_rtp": true,
        }))?;
        let signers: Vec<_> = self.offices.iter().map(|office| (office.kid.clone(), &office.key)).collect();
        Ok(serde_json::to_vec(&token::policy::sign(&policy, &signers)?)?)
    }
}
