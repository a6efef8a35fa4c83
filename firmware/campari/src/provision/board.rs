//! The board's half: it makes its key, asks, and takes its identity in. Run as root when a stick is put in; a power cut at any point leaves it without an
//! identity or with a whole one, since `eye.toml` is written last and the units wait for it.

use super::files::{at, needed, read, write};
use super::order::{Order, certificates};
use super::{BROKER_CA, CERTIFICATE, FOLDER, POLICY, ProvisionError, REQUEST, TIME_CA, content};
use crate::trust::Trust;
use contract::CameraId;
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Serialize;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// Where things are on the board.
#[derive(Debug, Clone)]
pub struct Board {
    /// Where identities are kept (`/var/lib/campari/etc`).
    pub identity: PathBuf,
    /// What the programs call that folder (`/etc/campari`).
    pub known_as: PathBuf,
    /// Folder of the image's own `eye.toml` and `voice.toml`, which the identity completes.
    pub image: PathBuf,
    /// The voice's user, who alone may read the key; None leaves owners alone.
    pub voice_uid: Option<u32>,
    /// `campari-eye`, which is asked whether it takes the configuration; None asks nobody.
    pub eye: Option<PathBuf>,
}

/// How far it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub enum Step {
    /// The stick is for something else.
    NoOrder,
    /// The request is on the stick: sign it, and bring the stick back.
    Asked {
        /// For which camera.
        camera: CameraId,
    },
    /// It has its identity now.
    Provisioned {
        /// Which camera it is.
        camera: CameraId,
    },
    /// It had it before; nothing was changed.
    Already {
        /// Which camera it is.
        camera: CameraId,
    },
}

/// Goes as far as the stick lets it.
///
/// # Errors
/// [`ProvisionError`]; the board stays what it was.
pub fn board(stick: &Path, board: &Board) -> Result<Step, ProvisionError> {
    let Some(order) = Order::of(stick)? else { return Ok(Step::NoOrder) };
    let camera = order.camera.camera.clone();
    let done = board.identity.join("eye.toml");
    if let Some(text) = read(&done)? {
        return already(&done, &text, &order);
    }
    let folder = stick.join(FOLDER);
    let policy = needed(&folder.join(POLICY))?;
    Trust::new(policy.as_bytes(), &order.roots, &order.camera.site)?;
    let tls = board.identity.join("tls");
    std::fs::create_dir_all(&tls).map_err(at(&tls))?;
    std::fs::set_permissions(&tls, PermissionsExt::from_mode(0o700)).map_err(at(&tls))?;
    if board.voice_uid.is_some() {
        chown(&tls, board.voice_uid, board.voice_uid).map_err(at(&tls))?;
    }
    let key = own_key(&tls.join("board.key"), board.voice_uid)?;
    let Some(certificate) = read(&folder.join(CERTIFICATE))?.filter(|text| fits(text, &key)) else {
        let mut asks = CertificateParams::default();
        asks.distinguished_name.push(DnType::CommonName, camera.as_str());
        let request = asks.serialize_request(&key).and_then(|request| request.pem());
        let request = request.map_err(|cause| ProvisionError::Certificate { what: "the request", cause })?;
        write(&folder.join(REQUEST), &request, 0o644, None)?;
        return Ok(Step::Asked { camera });
    };
    let put = |name: &str, text: &str| write(&board.identity.join(name), text, 0o644, None);
    for (name, text) in [("board.pem", &certificate), ("ca.pem", &certificates(&folder.join(BROKER_CA))?)] {
        write(&tls.join(name), text, 0o600, board.voice_uid)?;
    }
    put("policy.json", &policy)?;
    let mut time = String::new();
    if read(&folder.join(TIME_CA))?.is_some() {
        put("time-ca.pem", &certificates(&folder.join(TIME_CA))?)?;
        time = format!("ntstrustedcerts {}\n", board.known_as.join("time-ca.pem").display());
    }
    put("time.conf", &time)?;
    let sources: Vec<String> =
        order.time_servers.iter().map(|server| format!("server {server} iburst nts\n")).collect();
    put("site.sources", &sources.concat())?;
    put("voice.toml", &voice(board, &order)?)?;
    let eye = eye(board, &order)?;
    ask_the_eye(board, &eye)?;
    write(&done, &eye, 0o644, None)?;
    Ok(Step::Provisioned { camera })
}

fn already(path: &Path, text: &str, order: &Order) -> Result<Step, ProvisionError> {
    let table: toml::Table = toml::from_str(text).map_err(|cause| content(path, cause))?;
    let value = |key: &str| table.get(key).and_then(toml::Value::as_str).unwrap_or_default();
    let parse = |cause: contract::IdError| content(path, cause);
    let (site, is) = (value("site").parse().map_err(parse)?, value("camera").parse().map_err(parse)?);
    if is == order.camera.camera && site == order.camera.site {
        return Ok(Step::Already { camera: is });
    }
    Err(ProvisionError::Other { is, site })
}

/// The board's key, made when there is none yet.
fn own_key(path: &Path, owner: Option<u32>) -> Result<KeyPair, ProvisionError> {
    let off = |cause| ProvisionError::Certificate { what: "the board's key", cause };
    if let Some(text) = read(path)? {
        return KeyPair::from_pem(&text).map_err(off);
    }
    let key = KeyPair::generate().map_err(off)?;
    write(path, &key.serialize_pem(), 0o600, owner)?;
    Ok(key)
}

/// Whether the certificate is this key's. One that is not is an older answer, or another board's: it is asked for anew.
fn fits(certificate: &str, key: &KeyPair) -> bool {
    let chain =
        CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<Vec<_>, _>>().unwrap_or_default();
    let Ok(key) = PrivateKeyDer::try_from(key.serialize_der()) else { return false };
    let provider = rustls::crypto::ring::default_provider();
    !chain.is_empty()
        && rustls::sign::CertifiedKey::from_der(chain, key, &provider).is_ok_and(|pair| pair.keys_match().is_ok())
}

fn image_file(board: &Board, name: &str) -> Result<toml::Table, ProvisionError> {
    let path = board.image.join(name);
    toml::from_str(&needed(&path)?).map_err(|cause| content(&path, cause))
}

/// The image's configuration of the eye, completed.
fn eye(board: &Board, order: &Order) -> Result<String, ProvisionError> {
    let mut eye = image_file(board, "eye.toml")?;
    name(&mut eye, order);
    eye.insert("name".into(), order.camera.name.clone().into());
    if !order.camera.place.is_empty() {
        eye.insert("place".into(), order.camera.place.clone().into());
    }
    for (key, value) in &order.eye {
        match (eye.get_mut(key).and_then(toml::Value::as_table_mut), value) {
            (Some(table), toml::Value::Table(stated)) => table.extend(stated.clone()),
            _ => drop(eye.insert(key.clone(), value.clone())),
        }
    }
    let roots: Vec<toml::Value> = order
        .roots
        .iter()
        .map(|root| {
            toml::Table::from_iter([("kid".into(), root.kid.as_str().into()), ("x".into(), root.x.as_str().into())])
                .into()
        })
        .collect();
    let bundle = board.known_as.join(POLICY).display().to_string();
    eye.insert(
        "policy".into(),
        toml::Table::from_iter([("roots".into(), roots.into()), ("bundle".into(), bundle.into())]).into(),
    );
    toml::to_string(&eye).map_err(|cause| content(&board.identity.join("eye.toml"), cause))
}

/// The image's configuration of the voice, completed.
fn voice(board: &Board, order: &Order) -> Result<String, ProvisionError> {
    let mut voice = image_file(board, "voice.toml")?;
    name(&mut voice, order);
    let file = |name: &str| toml::Value::from(board.known_as.join("tls").join(name).display().to_string());
    let tls = toml::Table::from_iter([
        ("ca".into(), file("ca.pem")),
        ("cert".into(), file("board.pem")),
        ("key".into(), file("board.key")),
    ]);
    let mqtt = toml::Table::from_iter([
        ("host".into(), order.broker_host.as_str().into()),
        ("port".into(), i64::from(order.broker_port).into()),
        ("tls".into(), tls.into()),
    ]);
    voice.insert("mqtt".into(), mqtt.into());
    toml::to_string(&voice).map_err(|cause| content(&board.identity.join("voice.toml"), cause))
}

fn name(table: &mut toml::Table, order: &Order) {
    table.insert("site".into(), order.camera.site.as_str().into());
    table.insert("camera".into(), order.camera.camera.as_str().into());
}

/// The eye itself says whether it takes the configuration, before it is the board's.
fn ask_the_eye(board: &Board, text: &str) -> Result<(), ProvisionError> {
    let Some(eye) = &board.eye else { return Ok(()) };
    let tried = board.identity.join("eye.tried");
    write(&tried, text, 0o644, None)?;
    let ran = std::process::Command::new(eye).arg("--config").arg(&tried).arg("--check").output();
    let removed = std::fs::remove_file(&tried);
    let ran = ran.map_err(at(eye))?;
    removed.map_err(at(&tried))?;
    if ran.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ran.stderr);
    Err(ProvisionError::Eye(said.lines().last().unwrap_or("it says nothing").to_owned()))
}
