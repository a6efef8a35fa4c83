//! What a board is to be: checked on the technician's machine, written on the stick, read by the board.

use super::files::{at, needed, read, write};
use super::{BROKER_CA, CERTIFICATE, FOLDER, ORDER, POLICY, ProvisionError, REQUEST, TIME_CA, content};
use crate::mqtt::Broker;
use crate::trust::{Root, Trust};
use contract::{CameraId, SiteId};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Tables of the eye's configuration that a stick may state. Where it keeps its state, whom it speaks to and what it believes of its clock are the image's.
const EYE_TABLES: [&str; 11] =
    ["profile", "source", "ptz", "detector", "selftest", "encoder", "fps", "pins", "watchdog", "silhouette", "ladder"];

/// The camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Camera {
    /// Its site.
    pub site: SiteId,
    /// Its id: second level of its topics, and the common name in its certificate.
    pub camera: CameraId,
    /// For people, in the catalogue.
    pub name: String,
    /// For people; where it hangs.
    #[serde(default)]
    pub place: String,
}

/// `board.toml` on the stick.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Which camera.
    pub camera: Camera,
    /// The broker's name or address.
    pub broker_host: String,
    /// Its port for boards.
    pub broker_port: u16,
    /// Time servers that speak NTS (RFC 8915).
    pub time_servers: Vec<String>,
    /// The policy office's public keys.
    pub roots: Vec<Root>,
    /// Of the eye's configuration, what is not as the image has it.
    #[serde(default)]
    pub eye: toml::Table,
}

/// What `campari provision prepare` is asked.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Which camera.
    pub camera: Camera,
    /// Where the board's messages go.
    pub broker: Broker,
    /// Authority of the broker's certificate.
    pub broker_ca: PathBuf,
    /// The signed policy bundle.
    pub policy: PathBuf,
    /// The policy office's public keys.
    pub roots: Vec<Root>,
    /// Time servers, by name or address.
    pub time_servers: Vec<String>,
    /// Their authority, where it is not a public one.
    pub time_ca: Option<PathBuf>,
    /// A file with tables of `eye.toml`, where the image's do not fit.
    pub eye: Option<PathBuf>,
}

/// Writes what a board is to be on the stick mounted at `stick`; what lay there for another board is taken away.
///
/// # Errors
/// [`ProvisionError`]: whatever the board would not take is refused here already.
pub fn prepare(stick: &Path, wanted: &Wanted) -> Result<(), ProvisionError> {
    let camera = &wanted.camera;
    if wanted.roots.len() < 2 {
        return Err(ProvisionError::Roots(wanted.roots.len()));
    }
    let trust = Trust::read(&wanted.policy, &wanted.roots, &camera.site)?;
    if !trust.policy().views.iter().any(|view| view.camera == camera.camera) {
        return Err(ProvisionError::NoView(camera.camera.clone()));
    }
    let eye = match &wanted.eye {
        None => toml::Table::new(),
        Some(file) => toml::from_str(&needed(file)?).map_err(|cause| content(file, cause))?,
    };
    let order = Order {
        camera: camera.clone(),
        broker_host: wanted.broker.host.clone(),
        broker_port: wanted.broker.port,
        time_servers: wanted.time_servers.clone(),
        roots: wanted.roots.clone(),
        eye,
    };
    order.check(wanted.eye.as_deref().unwrap_or(Path::new(ORDER)))?;
    let folder = stick.join(FOLDER);
    std::fs::create_dir_all(&folder).map_err(at(&folder))?;
    for old in [REQUEST, CERTIFICATE, TIME_CA, ORDER] {
        let old = folder.join(old);
        match std::fs::remove_file(&old) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => return Err(at(&old)(cause)),
            _ => {}
        }
    }
    write(&folder.join(POLICY), &needed(&wanted.policy)?, 0o644, None)?;
    write(&folder.join(BROKER_CA), &certificates(&wanted.broker_ca)?, 0o644, None)?;
    if let Some(time_ca) = &wanted.time_ca {
        write(&folder.join(TIME_CA), &certificates(time_ca)?, 0o644, None)?;
    }
    // Last: a stick that was pulled out too early says nothing.
    let text = toml::to_string(&order).map_err(|cause| content(&folder.join(ORDER), cause))?;
    write(&folder.join(ORDER), &text, 0o644, None)
}

impl Order {
    /// The order on a stick, if there is one.
    pub(super) fn of(stick: &Path) -> Result<Option<Self>, ProvisionError> {
        let path = stick.join(FOLDER).join(ORDER);
        let Some(text) = read(&path)? else { return Ok(None) };
        let order: Self = toml::from_str(&text).map_err(|cause| content(&path, cause))?;
        order.check(&path)?;
        Ok(Some(order))
    }

    fn check(&self, path: &Path) -> Result<(), ProvisionError> {
        let word =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-:".contains(c));
        for host in self.time_servers.iter().chain([&self.broker_host]) {
            if !word(host) {
                return Err(content(path, format!("`{host}` is no name or address of a server")));
            }
        }
        if self.time_servers.is_empty() {
            return Err(content(path, "no time server: without proven time the board refuses every grant"));
        }
        match self.eye.keys().find(|key| !EYE_TABLES.contains(&key.as_str())) {
            Some(key) => Err(content(
                path,
                format!("`{key}` of the eye is the image's to state; allowed: {}", EYE_TABLES.join(", ")),
            )),
            None => Ok(()),
        }
    }
}

/// A file of certificates, PEM, at least one.
pub(super) fn certificates(path: &Path) -> Result<String, ProvisionError> {
    let text = needed(path)?;
    let count = CertificateDer::pem_slice_iter(text.as_bytes())
        .try_fold(0, |count, one| one.map(|_| count + 1))
        .map_err(|cause| content(path, format!("no certificates in PEM: {cause}")))?;
    if count == 0 {
        return Err(content(path, "no certificate in it; one in PEM is needed"));
    }
    Ok(text)
}
