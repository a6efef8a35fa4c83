//! The board that is looked at: a stage with the default scene, and a share for each player as its way wants it.

use crate::clients::Way;
use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use campari::command::{Events, Told};
use campari::mqtt::Bus;
use campari::stage::{Scene, Stage};
use campari::started::{self, Started};
use contract::Jti;
use contract::body::{Latency, PullCredential, ShareEvent};
use contract::claims::Delivery;
use contract::policy::PullRule;
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;
use token::jwe::DecryptionKey;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long programs may take to be ready, on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long the board may take to say something.
const TOLD_WITHIN: Duration = Duration::from_secs(20);
/// How long a share may last; each is revoked long before.
const LASTS: Duration = Duration::from_secs(600);
/// The voice's histogram, as its metrics call it.
const HISTOGRAM: &str = "campari_capture_to_packet_seconds_bucket{le=\"";

/// What the stage is made of.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Folder of `campari-eye`, `campari-voice` and `campari`.
    pub programs: PathBuf,
    /// Folder of the models' manifest.
    pub models: PathBuf,
    /// What the camera looks at.
    pub scene: PathBuf,
    /// Which of the manifest's models looks.
    pub detector: String,
    /// Where logs and pictures of the screen go.
    pub out: PathBuf,
}

/// A stage that is ready.
pub(crate) struct Board {
    stage: Stage,
    bus: Bus,
    events: Events,
    key: DecryptionKey,
    metrics: u16,
}

/// A share that was granted, with all that a player has to be told.
pub(crate) struct Share {
    pub(crate) jti: Jti,
    /// Its description, of a push.
    pub(crate) sdp: PathBuf,
    pub(crate) port: u16,
    pub(crate) ssrc: String,
    pub(crate) key: String,
    pub(crate) url: String,
    pub(crate) user: String,
    pub(crate) password: String,
}

impl Board {
    pub(crate) async fn start(setting: &Setting) -> Result<Self> {
        let (rtsps, metrics) = (free_tcp()?, free_tcp()?);
        let root = setting.out.join("stage");
        let tls = std::path::absolute(&root)?.join("tls");
        let mut stage = Stage::builder(&setting.programs, &setting.models, Scene::Clip(setting.scene.clone()), &root)
            .logs(&setting.out.join("logs"))
            .detector_setting(&setting.detector)
            .policy(|policy| policy.subscribers.iter_mut().for_each(|rule| rule.pull = Some(PullRule::default())))
            .voice(move |voice| {
                voice.insert("rtsp".into(), serves(rtsps, &tls).into());
                let listen = toml::Table::from_iter([("listen".into(), format!("127.0.0.1:{metrics}").into())]);
                voice.insert("metrics".into(), listen.into());
            })
            .start()
            .await?;
        stage.subscriber_leaves().await;
        stage.ready(READY_WITHIN).await?;
        let (bus, events) = stage.subscriber_bus().await?;
        Ok(Self { stage, bus, events, key: DecryptionKey::new([7; 32]), metrics })
    }

    pub(crate) async fn stop(self) {
        self.bus.close().await;
        self.stage.stop().await;
    }

    /// The centralist grants; what the subscriber is told.
    pub(crate) async fn grant(&mut self, way: Way, dir: &Path) -> Result<Share> {
        let port = free_udp()?;
        let mut order = self.stage.order();
        order.lasts = LASTS;
        order.cnf = (way != Way::Clear).then(|| self.key.public().to_cnf());
        order.delivery = match way {
            Way::Rtsps => Delivery::Pull,
            Way::Srtp | Way::Clear => Delivery::Push { address: IpAddr::V4(Ipv4Addr::LOCALHOST), port },
        };
        let outcome = self.stage.grant(order).await?;
        if let Some(refusal) = outcome.answer.error {
            bail!("the board refuses: {refusal}");
        }
        let told = tokio::time::timeout(TOLD_WITHIN, self.told(&outcome.jti, way, port, dir));
        told.await.context("the board did not say how the share is received")?
    }

    async fn told(&mut self, jti: &Jti, way: Way, port: u16, dir: &Path) -> Result<Share> {
        let mut share = Share {
            jti: jti.clone(),
            sdp: PathBuf::new(),
            port,
            ssrc: String::new(),
            key: String::new(),
            url: String::new(),
            user: String::new(),
            password: String::new(),
        };
        while let Some((of, told)) = self.events.next().await {
            match told {
                Told::Share(ShareEvent::Granted { url: Some(url), credential: Some(sealed), .. })
                    if of == *jti && way == Way::Rtsps =>
                {
                    let credential: PullCredential = serde_json::from_slice(&self.key.open(&sealed)?)?;
                    share.url = url;
                    (share.user, share.password) = (credential.user.to_string(), credential.password);
                    return Ok(share);
                }
                Told::Share(ShareEvent::Started { sdp, sealed, signed }) if of == *jti => {
                    let started = Started { sdp: &sdp, sealed: sealed.as_deref(), signed: signed.as_deref() };
                    let description = started.playable(Some(&self.key))?;
                    share.key = key_of(&description)?;
                    share.ssrc = ssrc_of(&description);
                    ensure!(share.key.is_empty() == (way == Way::Clear), "the share is not as it was granted");
                    share.sdp = dir.join(format!("{jti}.sdp"));
                    started::write(&share.sdp, &description)?;
                    return Ok(share);
                }
                _ => {}
            }
        }
        bail!("the connection to the broker is over")
    }

    /// Capture to last packet of the shares since none ran, as the board says it.
    pub(crate) fn to_packet(&self) -> Option<Latency> {
        self.stage.said().state?.voice.map(|voice| voice.capture_to_packet_ms)
    }

    pub(crate) async fn revoke(&self, jti: &Jti) -> Result<()> {
        self.stage.revoke(Some(jti.clone())).await?;
        self.stage.until("the end of the share", TOLD_WITHIN, |said| said.logged(jti, "ended").is_some()).await?;
        Ok(())
    }

    /// Runs `doing` unless the stage falls.
    pub(crate) async fn guarded<T>(&self, doing: impl Future<Output = T>) -> Result<T> {
        Ok(self.stage.guarded(doing).await?)
    }

    /// The voice's histogram of capture to last packet: upper bounds in milliseconds, and how many pictures were not slower.
    pub(crate) async fn histogram(&self) -> Result<Vec<(f64, u64)>> {
        let mut stream =
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.metrics)).await.context("the voice's metrics")?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
        let mut page = String::new();
        stream.read_to_string(&mut page).await?;
        let buckets = buckets(&page);
        ensure!(!buckets.is_empty(), "the voice's metrics have no {HISTOGRAM}");
        Ok(buckets)
    }
}

fn buckets(page: &str) -> Vec<(f64, u64)> {
    let bucket = |line: &str| {
        let (bound, count) = line.strip_prefix(HISTOGRAM)?.split_once("\"} ")?;
        Some((bound.replace("+Inf", "inf").parse::<f64>().ok()? * 1e3, count.parse().ok()?))
    };
    page.lines().filter_map(bucket).collect()
}

/// The master key of a description (RFC 4568 §9.1), in hexadecimal; empty where there is none.
fn key_of(description: &str) -> Result<String> {
    let Some((_, rest)) = description.split_once("inline:") else { return Ok(String::new()) };
    let end = rest.find(|c: char| c.is_whitespace() || c == '|').unwrap_or(rest.len());
    let bytes =
        base64::engine::general_purpose::STANDARD.decode(&rest[..end]).context("a=crypto of the description")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The number of the source (RFC 5576 §4.1); empty where there is none.
fn ssrc_of(description: &str) -> String {
    let value = description.split_once("a=ssrc:").map(|(_, rest)| rest);
    value.map(|value| value.chars().take_while(char::is_ascii_digit).collect()).unwrap_or_default()
}

fn serves(port: u16, tls: &Path) -> toml::Table {
    let file = |name: &str| tls.join(name).display().to_string();
    toml::Table::from_iter([
        ("listen".into(), format!("127.0.0.1:{port}").into()),
        ("known_as".into(), "localhost".into()),
        ("cert".into(), file("broker.cert.pem").into()),
        ("key".into(), file("broker.key.pem").into()),
    ])
}

fn free_tcp() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// An even port that is free, and the next one, which RTCP takes.
fn free_udp() -> Result<u16> {
    for _ in 0..1000 {
        let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let both = [port, port + 1].map(|port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)));
        if port.is_multiple_of(2) && both.iter().all(Result::is_ok) {
            return Ok(port);
        }
    }
    bail!("no two UDP ports beside each other are free")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_description_is_what_a_player_takes_as_hexadecimal() {
        let line = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd\r\n";
        assert_eq!(key_of(line).unwrap(), "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d");
        assert_eq!(key_of("v=0\r\nm=video 5004 RTP/AVP 96\r\n").unwrap(), "");
        assert!(key_of("a=crypto:1 X inline:!!").is_err());
        assert_eq!(ssrc_of("a=ssrc:3416063363 cname:0a1b\r\n"), "3416063363");
    }

    #[test]
    fn the_histogram_is_read_from_the_voices_page_and_not_that_of_a_single_share() {
        let page = "# TYPE campari_capture_to_packet_seconds histogram\ncampari_capture_to_packet_seconds_bucket{le=\"0.005\"} 2\n\
            campari_capture_to_packet_seconds_bucket{le=\"+Inf\"} 9\ncampari_share_capture_to_packet_seconds_bucket{le=\"0.005\"} 1\n";
        assert_eq!(buckets(page), [(5.0, 2), (f64::INFINITY, 9)]);
    }
}
