//! Sets a stage: folders, keys, certificates, policy, configuration. Starts nothing before everything is there.

use super::broker::{BrokerFiles, Parties};
use super::certificates::{Certificates, Door};
use super::files::{folder, write_private};
use super::play::Stage;
use super::{StageError, config};
use crate::clock;
use crate::keys::NamedKey;
use contract::policy::{Policy, Role, SubscriberRule, TrustedKey, View};
use contract::{Filter, KeyId, SubscriberId, ViewName};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

/// Longest path of a Unix socket that every system takes (unix(7): 108 with its end).
const SOCKET_PATH_MAX: usize = 100;
/// Says that a folder is a stage's, and may be emptied.
const MARK: &str = "campari-stage.txt";
/// How long a stage's policy is valid.
const POLICY_LASTS_S: u64 = 24 * 3600;

/// What the camera looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scene {
    /// A file that ffmpeg reads, over and over.
    Clip(PathBuf),
    /// A V4L2 device.
    Camera(PathBuf),
}

/// A board that is another machine: what its files are called there, and how it reaches this one. Its programs are started there, by others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// This machine's address as the board sees it; on it the broker and the subscriber are found.
    pub this_machine: IpAddr,
    /// The folder for policy and certificates (`tls/`), there.
    pub files: PathBuf,
    /// The folder of the models' manifest, there.
    pub models: PathBuf,
    /// The eye's state, there.
    pub eye_state: PathBuf,
    /// The socket between eye and voice, there.
    pub socket: PathBuf,
}

/// Where everything of a stage lies.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The stage's folder.
    pub root: PathBuf,
    /// One log per program, `NAME.log`.
    pub logs: PathBuf,
    /// The signed policy bundle.
    pub policy: PathBuf,
    /// The eye's configuration.
    pub eye_config: PathBuf,
    /// The eye's state: journal, replay memory, policy held.
    pub eye_state: PathBuf,
    /// The voice's configuration.
    pub voice_config: PathBuf,
    /// The socket between them.
    pub socket: PathBuf,
    /// The agent's memory.
    pub room_memory: PathBuf,
    /// What the subscriber received and could decode, H.264 annex B.
    pub received: PathBuf,
}

/// Every private key of a stage; also in `keys/`, as files.
#[derive(Debug, Clone)]
pub struct Keys {
    /// A centralist.
    pub centralist: NamedKey,
    /// The control room's agent.
    pub room: NamedKey,
    /// The policy office.
    pub policy: [NamedKey; 2],
    /// The subscriber; its name is the subscriber's.
    pub subscriber: NamedKey,
    /// Clears leak reports.
    pub officer: NamedKey,
}

/// Changes the policy before it is signed.
type PolicyChange = Box<dyn FnOnce(&mut Policy) + Send>;

/// Changes a program's configuration before it is written.
pub(super) type ConfigChange = Box<dyn FnOnce(&mut toml::Table) + Send>;

/// A stage being set.
pub struct Builder {
    pub(super) programs: PathBuf,
    pub(super) models: PathBuf,
    pub(super) scene: Scene,
    pub(super) root: PathBuf,
    pub(super) logs: Option<PathBuf>,
    pub(super) parties: Parties,
    pub(super) view: ViewName,
    pub(super) detector_setting: String,
    pub(super) bitrate_kbps: u32,
    pub(super) elsewhere: Option<Elsewhere>,
    policy: Vec<PolicyChange>,
    eye: Vec<ConfigChange>,
    voice: Vec<ConfigChange>,
}

/// An identifier that stands in this file.
pub(super) fn id<T: std::str::FromStr<Err = contract::IdError>>(text: &'static str) -> T {
    match text.parse() {
        Ok(id) => id,
        Err(cause) => unreachable!("a constant: {cause}"),
    }
}

impl Builder {
    /// A stage in the folder `root` with the programs `campari-eye` and `campari-voice` of `programs` and the manifest in `models`.
    #[must_use]
    pub fn new(programs: &Path, models: &Path, scene: Scene, root: &Path) -> Self {
        Self {
            programs: programs.to_owned(),
            models: models.to_owned(),
            scene,
            root: root.to_owned(),
            logs: None,
            parties: Parties { site: id("almere"), camera: id("613"), subscriber: id("tlc") },
            view: id("schrijverstraat"),
            detector_setting: "fast".into(),
            bitrate_kbps: 4_000,
            elsewhere: None,
            policy: Vec::new(),
            eye: Vec::new(),
            voice: Vec::new(),
        }
    }
    /// Logs go here instead of `logs` in the stage's folder.
    #[must_use]
    pub fn logs(mut self, logs: &Path) -> Self {
        self.logs = Some(logs.to_owned());
        self
    }
    /// Which of the manifest's settings the detector uses.
    #[must_use]
    pub fn detector_setting(mut self, setting: &str) -> Self {
        setting.clone_into(&mut self.detector_setting);
        self
    }
    /// Changes the policy before it is signed.
    #[must_use]
    pub fn policy(mut self, change: impl FnOnce(&mut Policy) + Send + 'static) -> Self {
        self.policy.push(Box::new(change));
        self
    }
    /// Changes the eye's configuration before it is written.
    #[must_use]
    pub fn eye(mut self, change: impl FnOnce(&mut toml::Table) + Send + 'static) -> Self {
        self.eye.push(Box::new(change));
        self
    }
    /// Changes the voice's configuration before it is written. The broker's certificate, `tls/broker.cert.pem` in the stage's folder, is good for any
    /// server on this machine.
    #[must_use]
    pub fn voice(mut self, change: impl FnOnce(&mut toml::Table) + Send + 'static) -> Self {
        self.voice.push(Box::new(change));
        self
    }
    /// Eye and voice run on another machine, which gets what [`Paths`] says and is started by others.
    #[must_use]
    pub fn elsewhere(mut self, board: Elsewhere) -> Self {
        self.elsewhere = Some(board);
        self
    }

    /// Writes everything, starts everything, waits for nothing but the broker: see [`Stage::ready`].
    ///
    /// # Errors
    /// [`StageError`] saying what is missing.
    pub async fn start(mut self) -> Result<Stage, StageError> {
        self.look()?;
        let paths = self.make_folders()?;
        let keys = Keys::make(&paths.root.join("keys"), &self.parties.subscriber)?;
        let certificates_dir = paths.root.join("tls");
        folder(&certificates_dir)?;
        let certificates = Certificates::make(&certificates_dir, self.this_machine(), &self.parties)?;
        let sites = std::slice::from_ref(&self.parties.site);
        let broker = BrokerFiles::write(&paths.root.join("broker"), &certificates, sites)?;
        let mut policy = self.first_policy(&keys);
        for change in std::mem::take(&mut self.policy) {
            change(&mut policy);
        }
        let bundle = keys.sign(&policy)?;
        write_private(&paths.policy, &bundle)?;
        let (for_eye, for_voice) = (std::mem::take(&mut self.eye), std::mem::take(&mut self.voice));
        config::eye(&self, &paths, &keys, for_eye)?;
        config::voice(&self, &paths, &certificates, broker.ports.of(Door::Boards), for_voice)?;
        Stage::open(self, paths, keys, certificates, broker, policy).await
    }

    fn look(&mut self) -> Result<(), StageError> {
        let here =
            |path: &Path| std::path::absolute(path).map_err(|cause| StageError::File { path: path.to_owned(), cause });
        (self.programs, self.models, self.root) = (here(&self.programs)?, here(&self.models)?, here(&self.root)?);
        let mut wanted = Vec::new();
        if self.elsewhere.is_none() {
            wanted.push(("the eye", self.program("campari-eye")));
            wanted.push(("the voice", self.program("campari-voice")));
        }
        wanted.push(("the models' manifest", self.models.join("manifest.toml")));
        // A camera that is not there may still come; the eye waits for it.
        if let Scene::Clip(scene) = &mut self.scene {
            *scene = here(scene)?;
            wanted.push(("the scene", scene.clone()));
        }
        match wanted.into_iter().find(|(_, path)| !path.exists()) {
            Some((what, path)) => Err(StageError::Missing { what, path }),
            None => Ok(()),
        }
    }

    /// This machine's address, as the board sees it.
    pub(super) fn this_machine(&self) -> IpAddr {
        self.elsewhere.as_ref().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |board| board.this_machine)
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// The stage's folder is made anew: nothing of an earlier run may decide this one. A folder of somebody else's is left alone.
    fn make_folders(&self) -> Result<Paths, StageError> {
        let root = self.root.clone();
        let unusable = |cause| StageError::File { path: root.clone(), cause };
        folder(&root)?;
        let foreign = std::fs::read_dir(&root).map_err(unusable)?.next().is_some() && !root.join(MARK).is_file();
        if foreign {
            return Err(StageError::Foreign { path: root });
        }
        std::fs::remove_dir_all(&root).map_err(unusable)?;
        folder(&root)?;
        std::fs::write(root.join(MARK), "This folder is made anew by every run.\n").map_err(unusable)?;
        let mut socket = root.join("link").join("eye.sock");
        if socket.as_os_str().len() > SOCKET_PATH_MAX {
            let short = std::env::temp_dir().join(format!("campari-{:08x}", rand::random::<u32>()));
            socket = short.join("eye.sock");
        }
        let paths = Paths {
            logs: self.logs.clone().unwrap_or_else(|| root.join("logs")),
            policy: root.join("policy.json"),
            eye_config: root.join("eye.toml"),
            eye_state: root.join("eye-state"),
            voice_config: root.join("voice.toml"),
            room_memory: root.join("room.json"),
            received: root.join("received.h264"),
            socket,
            root,
        };
        for dir in [Some(paths.root.as_path()), Some(&paths.logs), Some(&paths.eye_state), paths.socket.parent()] {
            dir.map_or(Ok(()), folder)?;
        }
        Ok(paths)
    }

    fn first_policy(&self, keys: &Keys) -> Policy {
        let trusted = |key: &NamedKey, role| TrustedKey {
            kid: key.kid.clone(),
            x: key.key.public().x(),
            role,
            cameras: Vec::new(),
            longest_grant_s: None,
            may_preempt: role == Role::Centralist,
        };
        Policy {
            version: 1,
            site: self.parties.site.clone(),
            valid_until: clock::unix_s() + POLICY_LASTS_S,
            legal_basis: "a stage on one machine; no real camera".into(),
            keys: vec![
                trusted(&keys.centralist, Role::Centralist),
                trusted(&keys.room, Role::Room),
                trusted(&keys.officer, Role::PrivacyOfficer),
            ],
            subscribers: vec![subscriber(&keys.subscriber, &self.parties.subscriber, self.this_machine())],
            views: vec![View {
                name: self.view.clone(),
                camera: self.parties.camera.clone(),
                largest_face: Some(0.12),
                zones: Vec::new(),
            }],
            max_shares: 1,
            lease_s: 10,
            plain_rtp: true,
            patience_s: 120,
            max_requests: 16,
            waiting_grace_s: 30,
            view_grace_s: 10,
            restore_after_release: false,
        }
    }
}

fn subscriber(key: &NamedKey, id: &SubscriberId, at: IpAddr) -> SubscriberRule {
    SubscriberRule {
        id: id.clone(),
        purposes: vec!["traffic".into()],
        min_filter: Filter::Pixelate,
        longest_share_s: 3600,
        max_viewers: 1,
        push_to: vec![at],
        hours_utc: None,
        x: Some(key.key.public().x()),
        encrypt_x: None,
        default_filter: None,
        clause: None,
        pull: None,
        relay: None,
    }
}

impl Keys {
    fn make(dir: &Path, subscriber: &SubscriberId) -> Result<Self, StageError> {
        folder(dir)?;
        let make = |kid: &str| -> Result<NamedKey, StageError> {
            let Ok(id) = KeyId::new(kid) else { unreachable!("a constant, or a subscriber's id") };
            let key = NamedKey::generate(id);
            key.write(&dir.join(format!("{kid}.jwk")))?;
            Ok(key)
        };
        Ok(Self {
            centralist: make("ines")?,
            room: make("room")?,
            policy: [make("policy-a")?, make("policy-b")?],
            subscriber: make(subscriber.as_str())?,
            officer: make("mara")?,
        })
    }

    /// Signs a policy with both keys of the policy office.
    ///
    /// # Errors
    /// [`StageError::Token`] when its contents are off.
    pub fn sign(&self, policy: &Policy) -> Result<Vec<u8>, StageError> {
        let signers: Vec<_> = self.policy.iter().map(|key| (key.kid.clone(), &key.key)).collect();
        let signed = token::policy::sign(policy, &signers)?;
        serde_json::to_vec(&signed).map_err(|cause| token::TokenError::Bundle(cause.to_string()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder(root: &Path) -> Builder {
        Builder::new(Path::new("bin"), Path::new("models"), Scene::Clip("scene.mp4".into()), root)
    }

    #[test]
    fn a_folder_with_somebody_elses_files_is_never_emptied() {
        let dir = tempfile::tempdir().unwrap();
        let precious = dir.path().join("thesis.txt");
        std::fs::write(&precious, "precious").unwrap();
        assert!(matches!(builder(dir.path()).make_folders(), Err(StageError::Foreign { .. })));
        assert!(precious.exists());
    }

    #[test]
    fn a_stages_folder_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("stage");
        let paths = builder(&root).make_folders().unwrap();
        let old = paths.eye_state.join("journal");
        std::fs::write(&old, "old").unwrap();
        builder(&root).make_folders().unwrap();
        assert!(!old.exists());
    }

    #[test]
    fn a_deep_folder_gets_a_short_socket_path() {
        let dir = tempfile::tempdir().unwrap();
        let paths = builder(&dir.path().join("deep".repeat(30))).make_folders().unwrap();
        assert!(paths.socket.as_os_str().len() <= SOCKET_PATH_MAX, "{}", paths.socket.display());
        std::fs::remove_dir_all(paths.socket.parent().unwrap()).unwrap();
    }
}
