#![allow(clippy::unwrap_used, reason = "helpers of tests may fail them")]

use super::*;
use crate::keys::NamedKey;
use crate::stage::{Certificates, Client, Door};
use crate::trust::Root;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

const EYE: &str = "site = \"nowhere\"\ncamera = \"0\"\nname = \"none\"\nprofile = \"vm\"\n[source]\nkind = \"v4l2\"\ndevice = \"/dev/campari/isp\"\n\
     width = 1920\n[state]\ndir = \"/var/lib/campari/eye\"\n[policy]\nroots = []\nbundle = \"x\"\n";
const VOICE: &str = "site = \"nowhere\"\ncamera = \"0\"\nlink = \"/run/campari/eye.sock\"\n[mqtt]\nhost = \"broker.invalid\"\nport = 8883\n";
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// A technician's table: stick, authorities, policy, and a board fresh from the flasher.
struct Table {
    dir: TempDir,
    wanted: Wanted,
}

impl Table {
    fn laid() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for folder in ["stick", "identity", "image", "tls"] {
            std::fs::create_dir(path(folder)).unwrap();
        }
        std::fs::write(path("image/eye.toml"), EYE).unwrap();
        std::fs::write(path("image/voice.toml"), VOICE).unwrap();
        let none: [Client; 0] = [];
        Certificates::make_for(&path("tls"), IpAddr::V4(Ipv4Addr::LOCALHOST), &none).unwrap();
        let office = ["a", "b"].map(|kid| NamedKey::generate(kid.parse().unwrap()));
        let policy = policy();
        let signers: Vec<_> = office.iter().map(|key| (key.kid.clone(), &key.key)).collect();
        let signed = token::policy::sign(&policy, &signers).unwrap();
        std::fs::write(path("policy.json"), serde_json::to_vec(&signed).unwrap()).unwrap();
        let wanted = Wanted {
            camera: Camera {
                site: policy.site,
                camera: "613".parse().unwrap(),
                name: "Corner".into(),
                place: String::new(),
            },
            broker: "broker.example:8883".parse().unwrap(),
            broker_ca: path("tls/ca.pem"),
            policy: path("policy.json"),
            roots: office.iter().map(|key| Root { kid: key.kid.clone(), x: key.key.public().x() }).collect(),
            time_servers: vec!["time.example".into()],
            time_ca: Some(path("tls/ca.pem")),
            eye: None,
        };
        Self { dir, wanted }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn stick(&self) -> PathBuf {
        self.path("stick")
    }

    fn prepared() -> Self {
        let table = Self::laid();
        prepare(&table.stick(), &table.wanted).unwrap();
        table
    }

    fn put_in(&self) -> Result<Step, ProvisionError> {
        self.put_into("identity")
    }

    fn put_into(&self, identity: &str) -> Result<Step, ProvisionError> {
        let there = Board {
            identity: self.path(identity),
            known_as: "/etc/campari".into(),
            image: self.path("image"),
            voice_uid: None,
            eye: None,
        };
        board(&self.stick(), &there)
    }

    fn sign(&self) -> Result<CameraId, ProvisionError> {
        let tls = Certificates::at(&self.path("tls"));
        sign(&self.stick(), &tls.authority(Door::Boards), &tls.authority_key(Door::Boards), YEAR)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }
}

/// The example of a policy, with keys.
fn policy() -> contract::policy::Policy {
    let mut policy: contract::policy::Policy = toml::from_str(include_str!("../cli/policy/example.toml")).unwrap();
    for (n, key) in (1_u8..).zip(policy.keys.iter_mut()) {
        key.x = token::SigningKey::from_seed([n; 32]).public().x();
    }
    for (n, subscriber) in (50_u8..).zip(policy.subscribers.iter_mut()) {
        subscriber.x = Some(token::SigningKey::from_seed([n; 32]).public().x());
        subscriber.encrypt_x = Some(contract::EncryptionKey([n; 32]).x());
    }
    policy
}

fn camera() -> CameraId {
    "613".parse().unwrap()
}

#[test]
fn a_board_makes_its_key_asks_and_takes_its_identity_in() {
    let table = Table::prepared();
    assert_eq!(table.put_in().unwrap(), Step::Asked { camera: camera() });
    assert!(!table.path("identity/eye.toml").exists(), "not before it has a certificate");
    assert_eq!(table.sign().unwrap(), camera());
    assert_eq!(table.put_in().unwrap(), Step::Provisioned { camera: camera() });
    let eye: toml::Table = table.read("identity/eye.toml").parse().unwrap();
    assert_eq!((eye["camera"].as_str(), eye["name"].as_str()), (Some("613"), Some("Corner")));
    assert_eq!(eye["source"]["device"].as_str(), Some("/dev/campari/isp"), "the camera's device is the image's");
    assert_eq!(eye["policy"]["roots"].as_array().unwrap().len(), 2);
    let voice: toml::Table = table.read("identity/voice.toml").parse().unwrap();
    assert_eq!(voice["mqtt"]["host"].as_str(), Some("broker.example"));
    assert!(table.read("identity/site.sources").contains("server time.example iburst nts"));
    assert!(table.read("identity/time.conf").contains("/etc/campari/time-ca.pem"));
    assert_eq!(table.put_in().unwrap(), Step::Already { camera: camera() });
}

#[test]
fn the_key_never_leaves_the_board_and_only_its_owner_reads_it() {
    let table = Table::prepared();
    table.put_in().unwrap();
    table.sign().unwrap();
    table.put_in().unwrap();
    let key = table.path("identity/tls/board.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(table.path("identity/tls")).unwrap().permissions().mode() & 0o777, 0o700);
    for entry in std::fs::read_dir(table.path("stick/campari")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains("PRIVATE KEY"), "{text}");
    }
}

#[test]
fn an_answer_to_another_board_is_not_taken_and_it_asks_anew() {
    let table = Table::prepared();
    table.put_in().unwrap();
    table.sign().unwrap();
    std::fs::create_dir(table.path("second")).unwrap();
    let first = table.read("stick/campari/board.csr.pem");
    assert_eq!(table.put_into("second").unwrap(), Step::Asked { camera: camera() });
    assert_ne!(table.read("stick/campari/board.csr.pem"), first);
    assert!(!table.path("second/eye.toml").exists());
}

#[test]
fn a_board_that_is_a_camera_does_not_become_another_one() {
    let table = Table::prepared();
    table.put_in().unwrap();
    table.sign().unwrap();
    table.put_in().unwrap();
    let before = table.read("identity/eye.toml");
    let order = table.read("stick/campari/board.toml").replace("\"613\"", "\"614\"");
    std::fs::write(table.path("stick/campari/board.toml"), order).unwrap();
    let refused = table.put_in().unwrap_err().to_string();
    assert!(refused.contains("613") && refused.contains("flash it anew"), "{refused}");
    assert_eq!(table.read("identity/eye.toml"), before);
}

#[test]
fn a_stick_without_an_order_is_for_something_else() {
    let table = Table::laid();
    assert_eq!(table.put_in().unwrap(), Step::NoOrder);
}

#[test]
fn a_policy_that_somebody_changed_on_the_stick_is_refused_by_the_board() {
    let table = Table::prepared();
    let policy = table.read("stick/campari/policy.json");
    let at = policy.find("\"payload\":\"").unwrap() + 20;
    let changed = format!("{}{}{}", &policy[..at], if &policy[at..=at] == "A" { "B" } else { "A" }, &policy[at + 1..]);
    std::fs::write(table.path("stick/campari/policy.json"), changed).unwrap();
    assert!(matches!(table.put_in(), Err(ProvisionError::Policy(_))));
    assert!(!table.path("identity/tls/board.key").exists());
}

#[test]
fn what_a_board_would_refuse_is_refused_on_the_technicians_machine() {
    let table = Table::laid();
    let refused = |change: &dyn Fn(&mut Wanted)| {
        let mut wanted = table.wanted.clone();
        change(&mut wanted);
        let text = prepare(&table.stick(), &wanted).unwrap_err().to_string();
        assert!(!table.path("stick/campari/board.toml").exists(), "{text}");
        text
    };
    assert!(refused(&|wanted| drop(wanted.roots.pop())).contains("two"));
    assert!(refused(&|wanted| wanted.time_servers.clear()).contains("no time server"));
    assert!(refused(&|wanted| wanted.time_servers = vec!["a\nallow all".into()]).contains("no name or address"));
    assert!(refused(&|wanted| wanted.camera.camera = "999".parse().unwrap()).contains("no view of camera 999"));
    assert!(refused(&|wanted| wanted.camera.site = "elsewhere".parse().unwrap()).contains("elsewhere"));
    assert!(refused(&|wanted| wanted.broker_ca.clone_from(&wanted.policy)).contains("certificate"));
}

#[test]
fn a_stick_states_the_camera_but_not_what_the_eye_believes() {
    let mut table = Table::laid();
    let eye = table.path("extra.toml");
    std::fs::write(&eye, "[clock]\nassume_synchronised = true\n").unwrap();
    table.wanted.eye = Some(eye.clone());
    let refused = prepare(&table.stick(), &table.wanted).unwrap_err().to_string();
    assert!(refused.contains("`clock`"), "{refused}");
    std::fs::write(&eye, "[source]\nwidth = 640\n").unwrap();
    prepare(&table.stick(), &table.wanted).unwrap();
    table.put_in().unwrap();
    table.sign().unwrap();
    table.put_in().unwrap();
    let eye: toml::Table = table.read("identity/eye.toml").parse().unwrap();
    assert_eq!(eye["source"]["width"].as_integer(), Some(640));
    assert_eq!(eye["source"]["device"].as_str(), Some("/dev/campari/isp"));
}

#[test]
fn a_request_for_another_camera_is_not_signed() {
    let table = Table::prepared();
    table.put_in().unwrap();
    let order = table.read("stick/campari/board.toml").replace("\"613\"", "\"614\"");
    std::fs::write(table.path("stick/campari/board.toml"), order).unwrap();
    let refused = table.sign().unwrap_err().to_string();
    assert!(refused.contains("613") && refused.contains("614"), "{refused}");
    assert!(!Path::new(&table.path("stick/campari/board.cert.pem")).exists());
}
