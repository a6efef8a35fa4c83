//! The configuration files of the eye and the voice, as their documentation describes them.

use super::StageError;
use super::builder::{Builder, ConfigChange, Keys, Paths, Scene};
use super::certificates::{Certificates, Role};
use super::files::write_private;
use serde::Serialize;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

#[derive(Serialize)]
struct EyeFile<'a> {
    site: &'a str,
    camera: &'a str,
    name: &'a str,
    place: &'a str,
    source: Source<'a>,
    detector: Detector<'a>,
    encoder: Encoder,
    link: Link<'a>,
    state: StateDir<'a>,
    policy: PolicyRoots<'a>,
    clock: Clock,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Source<'a> {
    Clip {
        file: &'a Path,
        #[serde(rename = "loop")]
        again: bool,
    },
    V4l2 {
        device: &'a Path,
    },
}

#[derive(Serialize)]
struct Detector<'a> {
    manifest: &'a Path,
    setting: &'a str,
    threads: u8,
}

#[derive(Serialize)]
struct Encoder {
    bitrate_kbps: u32,
    key_interval_s: u32,
}

#[derive(Serialize)]
struct Link<'a> {
    socket: &'a Path,
}

#[derive(Serialize)]
struct StateDir<'a> {
    dir: &'a Path,
}

#[derive(Serialize)]
struct PolicyRoots<'a> {
    bundle: &'a Path,
    roots: Vec<Root>,
}

#[derive(Serialize)]
struct Root {
    kid: String,
    x: String,
}

#[derive(Serialize)]
struct Clock {
    assume_synchronised: bool,
}

#[derive(Serialize)]
struct VoiceFile<'a> {
    site: &'a str,
    camera: &'a str,
    link: &'a Path,
    mqtt: Mqtt<'a>,
}

#[derive(Serialize)]
struct Mqtt<'a> {
    host: &'a str,
    port: u16,
    client_id: &'a str,
    tls: TlsFiles<'a>,
}

#[derive(Serialize)]
struct TlsFiles<'a> {
    ca: &'a Path,
    cert: &'a Path,
    key: &'a Path,
}

/// What the board calls its files, and the broker's host: all of this machine, unless the board is elsewhere.
struct There<'a> {
    manifest: PathBuf,
    socket: &'a Path,
    eye_state: &'a Path,
    policy: PathBuf,
    broker: IpAddr,
}

impl<'a> There<'a> {
    fn of(builder: &'a Builder, paths: &'a Paths) -> Self {
        let broker = builder.this_machine();
        match &builder.elsewhere {
            None => Self {
                manifest: builder.models.join("manifest.toml"),
                socket: &paths.socket,
                eye_state: &paths.eye_state,
                policy: paths.policy.clone(),
                broker,
            },
            Some(board) => Self {
                manifest: board.models.join("manifest.toml"),
                socket: &board.socket,
                eye_state: &board.eye_state,
                policy: board.files.join("policy.json"),
                broker,
            },
        }
    }
}

pub(super) fn eye(builder: &Builder, paths: &Paths, keys: &Keys, changes: Vec<ConfigChange>) -> Result<(), StageError> {
    let there = There::of(builder, paths);
    let file = EyeFile {
        site: builder.parties.site.as_str(),
        camera: builder.parties.camera.as_str(),
        name: "Junction",
        place: "a stage on one machine",
        source: match &builder.scene {
            Scene::Clip(file) => Source::Clip { file, again: true },
            Scene::Camera(device) => Source::V4l2 { device },
        },
        detector: Detector { manifest: &there.manifest, setting: &builder.detector_setting, threads: 1 },
        encoder: Encoder { bitrate_kbps: builder.bitrate_kbps, key_interval_s: 2 },
        link: Link { socket: there.socket },
        state: StateDir { dir: there.eye_state },
        policy: PolicyRoots {
            bundle: &there.policy,
            roots: keys.policy.iter().map(|key| Root { kid: key.kid.to_string(), x: key.key.public().x() }).collect(),
        },
        // Elsewhere is a board, whose clock has to prove itself.
        clock: Clock { assume_synchronised: builder.elsewhere.is_none() },
    };
    write(&paths.eye_config, &file, changes)
}

pub(super) fn voice(
    builder: &Builder,
    paths: &Paths,
    certificates: &Certificates,
    port: u16,
    changes: Vec<ConfigChange>,
) -> Result<(), StageError> {
    let user = Role::Board.user();
    let there = There::of(builder, paths);
    let certificates =
        builder.elsewhere.as_ref().map_or_else(|| certificates.clone(), |b| Certificates::at(&b.files.join("tls")));
    let file = VoiceFile {
        site: builder.parties.site.as_str(),
        camera: builder.parties.camera.as_str(),
        link: there.socket,
        mqtt: Mqtt {
            host: &there.broker.to_string(),
            port,
            client_id: "board-613",
            tls: TlsFiles { ca: &certificates.ca(), cert: &certificates.cert(user), key: &certificates.key(user) },
        },
    };
    write(&paths.voice_config, &file, changes)
}

fn write(path: &Path, file: &impl Serialize, changes: Vec<ConfigChange>) -> Result<(), StageError> {
    let unwritable = |cause| StageError::Config { path: path.to_owned(), cause };
    let mut table = toml::Table::try_from(file).map_err(unwritable)?;
    for change in changes {
        change(&mut table);
    }
    let text = toml::to_string(&table).map_err(unwritable)?;
    write_private(path, text.as_bytes())
}
