//! How every command finds the broker: flags, or `~/.config/campari.toml`, or both (flags win).

use crate::keys::NamedKey;
use crate::mqtt::{Broker, Bus, BusSettings, Identity, Tls};
use crate::trust::{Root, Trust};
use anyhow::{Context, Result, bail};
use contract::{CameraId, SiteId};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use token::PublicKey;

/// How long a broker may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Flags that all commands on the bus share.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Connection {
    /// MQTT broker, as HOST:PORT.
    #[arg(long, value_name = "HOST:PORT", help_heading = "Broker")]
    pub(super) broker: Option<Broker>,
    /// Authority that signed the broker's certificate (PEM). Without it the connection is in clear.
    #[arg(long, value_name = "FILE", help_heading = "Broker")]
    pub(super) ca: Option<PathBuf>,
    /// Our client certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "key_pem", help_heading = "Broker")]
    pub(super) cert: Option<PathBuf>,
    /// Its private key (PEM).
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "Broker")]
    pub(super) key_pem: Option<PathBuf>,
    /// The camera park.
    #[arg(long, value_name = "SITE")]
    pub(super) site: Option<SiteId>,
    /// Settings file with broker, ca, cert, key_pem, site, key, operator, policy, roots and board_keys [default: ~/.config/campari.toml, if it is there].
    #[arg(long, value_name = "FILE", help_heading = "Broker")]
    pub(super) config: Option<PathBuf>,
}

/// The settings file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    broker: Option<String>,
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key_pem: Option<PathBuf>,
    site: Option<SiteId>,
    /// The signing key (JWK).
    key: Option<PathBuf>,
    /// The pseudonym of whoever works here.
    operator: Option<String>,
    /// The signed policy bundle.
    policy: Option<PathBuf>,
    /// The policy office's public keys, `KID=X`.
    #[serde(default)]
    roots: Vec<String>,
    /// The boards' public keys, by camera.
    #[serde(default)]
    board_keys: BTreeMap<CameraId, String>,
}

/// What flags and file together say.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) broker: Broker,
    pub(super) site: SiteId,
    key: Option<PathBuf>,
    operator: Option<String>,
    policy: Option<PathBuf>,
    roots: Vec<String>,
    board_keys: BTreeMap<CameraId, String>,
}

fn read(path: &Path) -> Result<File> {
    let text = std::fs::read_to_string(path).with_context(|| format!("settings {}", path.display()))?;
    parse(&text, path)
}

/// Paths in the file are relative to it.
fn parse(text: &str, path: &Path) -> Result<File> {
    let mut file: File = toml::from_str(text).with_context(|| format!("settings {}", path.display()))?;
    let base = path.parent().unwrap_or(Path::new(""));
    for named in
        [&mut file.ca, &mut file.cert, &mut file.key_pem, &mut file.key, &mut file.policy].into_iter().flatten()
    {
        *named = base.join(&*named);
    }
    Ok(file)
}

impl Connection {
    fn file(&self) -> Result<File> {
        if let Some(path) = &self.config {
            return read(path);
        }
        let config = std::env::var_os("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".config")));
        match config.map(|dir| dir.join("campari.toml")) {
            Some(path) if path.is_file() => read(&path),
            _ => Ok(File::default()),
        }
    }

    pub(super) fn place(&self) -> Result<Place> {
        let file = self.file()?;
        let Some(site) = self.site.clone().or(file.site) else {
            bail!("which camera park? Give --site, or write site = \"…\" into ~/.config/campari.toml");
        };
        let mut broker = match (&self.broker, &file.broker) {
            (Some(broker), _) => broker.clone(),
            (None, Some(text)) => text.parse()?,
            (None, None) => {
                bail!("which broker? Give --broker HOST:PORT, or write broker = \"…\" into ~/.config/campari.toml")
            }
        };
        let identity = match (self.cert.clone().or(file.cert), self.key_pem.clone().or(file.key_pem)) {
            (Some(cert), Some(key)) => Some(Identity { cert, key }),
            (None, None) => None,
            _ => bail!("a client certificate needs both cert and key_pem"),
        };
        broker.tls = match (self.ca.clone().or(file.ca), identity) {
            (Some(ca), identity) => Some(Tls { ca, identity }),
            (None, Some(_)) => {
                bail!("a client certificate needs TLS: give --ca, the authority of the broker's certificate")
            }
            (None, None) => None,
        };
        let File { key, operator, policy, roots, board_keys, .. } = file;
        Ok(Place { broker, site, key, operator, policy, roots, board_keys })
    }
}

/// A pseudonym for journals and screens: short, and nothing that a terminal would obey.
pub(super) fn pseudonym(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | ' ');
    if text.is_empty() || text.chars().count() > 64 || !text.chars().all(plain) {
        return Err(format!("{text:?} is no pseudonym: 1 to 64 letters, digits, spaces, . _ -"));
    }
    Ok(text.to_owned())
}

/// A client id that no other run has.
pub(super) fn client_id(what: &str) -> String {
    format!("campari-{what}-{:08x}", rand::random::<u32>())
}

/// Whose word counts: needed wherever this program itself judges what others signed.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct TrustArguments {
    /// The signed policy bundle [default: the one on the broker].
    #[arg(long, value_name = "FILE", help_heading = "Trust")]
    policy: Option<PathBuf>,
    /// A public key of the policy office; give two.
    #[arg(long = "root", value_name = "KID=X", help_heading = "Trust")]
    roots: Vec<Root>,
}

impl TrustArguments {
    /// The policy office's public keys; two at least.
    pub(super) fn roots(&self, place: &Place) -> Result<Vec<Root>> {
        let roots = if self.roots.is_empty() {
            place.roots.iter().map(|text| text.parse().map_err(anyhow::Error::msg)).collect::<Result<Vec<Root>>>()?
        } else {
            self.roots.clone()
        };
        if roots.len() < 2 {
            bail!(
                "whose policy counts? Give --root KID=X twice, or write roots = [\"KID=X\", \"KID=X\"] into the settings file"
            );
        }
        Ok(roots)
    }

    /// Whether a file is named, here or in the settings.
    pub(super) fn names_a_file(&self, place: &Place) -> bool {
        self.policy.is_some() || place.policy.is_some()
    }

    /// The policy of the file or of the broker (whichever is newer), verified. `on_broker` may be anything: it is believed only if signed.
    pub(super) fn trust(&self, place: &Place, on_broker: Option<&[u8]>) -> Result<Trust> {
        let roots = self.roots(place)?;
        match (self.policy.as_ref().or(place.policy.as_ref()), on_broker) {
            (Some(path), on_broker) => {
                let mut trust = Trust::read(path, &roots, &place.site)?;
                if let Some(bundle) = on_broker
                    && let Err(cause) = trust.renew(bundle)
                {
                    tracing::debug!(%cause, "the policy on the broker is not taken");
                }
                Ok(trust)
            }
            (None, Some(bundle)) => Ok(Trust::new(bundle, &roots, &place.site)?),
            (None, None) => {
                bail!("no policy on the broker: give --policy FILE, or publish one (`campari policy publish`)")
            }
        }
    }
}

impl Place {
    /// The key that signs: the flag's, or the settings file's.
    pub(super) fn signing_key(&self, flag: Option<&Path>) -> Result<NamedKey> {
        Ok(NamedKey::read(&self.key_file(flag)?)?)
    }

    /// Where it lies.
    pub(super) fn key_file(&self, flag: Option<&Path>) -> Result<PathBuf> {
        match flag.or(self.key.as_deref()) {
            Some(path) => Ok(path.to_owned()),
            None => bail!("which key signs? Give --key FILE, or write key = \"…\" into ~/.config/campari.toml"),
        }
    }

    /// The public key of `camera`'s board: the flag's, or the settings file's; `None` where neither names one.
    pub(super) fn board_key(&self, flag: Option<&str>, camera: &CameraId) -> Result<Option<PublicKey>> {
        let (x, from) = match (flag, self.board_keys.get(camera)) {
            (Some(x), _) => (x, "--board-key".to_owned()),
            (None, Some(x)) => (x.as_str(), format!("board_keys of the settings file, camera {camera}")),
            (None, None) => return Ok(None),
        };
        PublicKey::from_x(x).with_context(|| from).map(Some)
    }

    /// Who works here: the flag, the settings file, or the key's name.
    pub(super) fn operator(&self, flag: Option<&str>, key: &NamedKey) -> Result<String> {
        self.operator_or(flag, key.kid.as_str())
    }

    /// Who works here: the flag, the settings file, or `otherwise`.
    pub(super) fn operator_or(&self, flag: Option<&str>, otherwise: &str) -> Result<String> {
        pseudonym(flag.or(self.operator.as_deref()).unwrap_or(otherwise)).map_err(anyhow::Error::msg)
    }

    /// Connects and waits until the subscriptions stand. The receiver has everything retained.
    pub(super) async fn open(
        &self,
        what: &str,
        subscribe: Vec<String>,
    ) -> Result<(Bus, tokio::sync::broadcast::Receiver<std::sync::Arc<crate::mqtt::Message>>)> {
        let id = client_id(what);
        let answers = (what != "status" && what != "view").then(|| format!("campari/v1/{}/answer/{id}", self.site));
        self.open_as(id, subscribe, answers).await
    }

    /// As [`Place::open`], with answers somewhere else, or nowhere.
    pub(super) async fn open_as(
        &self,
        id: String,
        subscribe: Vec<String>,
        answers: Option<String>,
    ) -> Result<(Bus, tokio::sync::broadcast::Receiver<std::sync::Arc<crate::mqtt::Message>>)> {
        let bus = Bus::open(&self.broker, BusSettings { client_id: id, subscribe, answers, ..BusSettings::default() })?;
        let messages = bus.messages();
        bus.ready(CONNECT_WITHIN).await?;
        Ok((bus, messages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_the_settings_file_are_relative_to_it() {
        let file =
            parse("broker = \"b:8883\"\nca = \"tls/ca.pem\"\nsite = \"almere\"", Path::new("/etc/c/campari.toml"))
                .unwrap();
        assert_eq!(file.ca.as_deref(), Some(Path::new("/etc/c/tls/ca.pem")));
    }

    #[test]
    fn an_unknown_key_in_the_settings_is_refused_with_what_is_allowed() {
        let error = format!("{:#}", parse("brokr = \"b:1\"", Path::new("campari.toml")).unwrap_err());
        assert!(error.contains("brokr") && error.contains("broker") && error.contains("campari.toml"), "{error}");
    }

    #[test]
    fn a_certificate_without_an_authority_is_refused() {
        let connection = Connection {
            broker: Some("b:8883".parse().unwrap()),
            cert: Some("c.pem".into()),
            key_pem: Some("k.pem".into()),
            site: Some("almere".parse().unwrap()),
            ..Connection::default()
        };
        let error = connection.place().unwrap_err().to_string();
        assert!(error.contains("--ca"), "{error}");
    }
}
