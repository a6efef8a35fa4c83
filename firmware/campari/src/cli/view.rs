//! `campari view`: a subscriber that measures.

use super::connect::Connection;
use super::{Done, Output, asked_to_stop, output};
use crate::command::{Booth, Events, Told};
use crate::media;
use crate::mqtt::Bus;
use crate::receive::{Format, Ports, Receiver, Reception, SavedStream};
use crate::started::{self, Share, Started, StartedError};
use anyhow::{Context, Result, bail};
use contract::body::ShareEvent;
use contract::{Audience, CameraId, Jti, SubscriberId};
use indicatif::ProgressBar;
use rtp::Codec;
use rtp::sdp::{Description, Protection};
use rtp::srtp::MasterKey;
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use token::PublicKey;
use token::jwe::DecryptionKey;

/// Between two renewals of the line that lives.
const LIVE_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("from").required(true).multiple(true))]
pub(super) struct Arguments {
    /// Session description of the stream, or the `sealed` one of an encrypted stream (with --key).
    #[arg(long, value_name = "FILE", group = "from", conflicts_with = "listen")]
    sdp: Option<PathBuf>,
    /// Receive on this port (RTCP on the next one).
    #[arg(long, value_name = "[ADDR:]PORT", group = "from", value_parser = address)]
    listen: Option<SocketAddr>,
    /// Follow the subscriber's shares over MQTT: take the session description from there, and end with the share.
    #[arg(long, value_name = "CAMERA/SUBSCRIBER", group = "from", value_parser = share_topic)]
    share_topic: Option<(CameraId, SubscriberId)>,
    /// The subscriber's encryption key (as `campari keygen` makes it): opens the sealed description of an encrypted stream.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The board's public key: takes no description that it did not sign [default: the settings file's board_keys].
    #[arg(long, value_name = "X", requires = "share_topic")]
    board_key: Option<String>,
    /// Save what can be decoded: .h264 or .h265, or .mp4 and .mkv through ffmpeg.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Stop after this long.
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    #[command(flatten)]
    connection: Connection,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let all = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
    let address = text.parse::<u16>().map(all).or_else(|_| text.parse());
    match address {
        Ok(address) if address.port() % 2 == 0 && address.port() > 0 => Ok(address),
        Ok(_) => Err("the port must be even: RTCP uses the next one".into()),
        Err(_) => Err("write PORT or ADDR:PORT".into()),
    }
}

fn share_topic(text: &str) -> Result<(CameraId, SubscriberId), String> {
    let (camera, subscriber) = text.split_once('/').ok_or("write CAMERA/SUBSCRIBER")?;
    let said = |cause: contract::IdError| cause.to_string();
    Ok((camera.parse().map_err(said)?, subscriber.parse().map_err(said)?))
}

/// Where to listen, for which payload type, and the key of an encrypted stream.
#[derive(Debug)]
struct Session {
    address: SocketAddr,
    format: Format,
    key: Option<MasterKey>,
}

impl Session {
    fn of(description: Description) -> Result<Self> {
        let key = match description.protection {
            Protection::Clear => None,
            Protection::Srtp(key) => Some(key),
            Protection::Secret => bail!(
                "the stream is encrypted and this description lacks its key; give the subscriber's encryption key with --key, and the `sealed` description"
            ),
        };
        let address = SocketAddr::new(description.address, description.port);
        Ok(Self { address, format: Format { payload_type: description.payload_type, codec: description.codec }, key })
    }
    /// Of a description, or of one sealed to `key`.
    fn read(text: &str, key: Option<&DecryptionKey>) -> Result<Self> {
        // A description begins with its version (RFC 8866 §5.1), a JWE with a base64url letter.
        if text.starts_with("v=") {
            return Self::of(Description::parse(text)?);
        }
        let key = key.context(
            "no session description; if it is a sealed one, give the subscriber's encryption key with --key",
        )?;
        Self::of(Description::parse(&started::open(text, key)?)?)
    }
}

/// The private encryption key in a file, which nobody but its owner may read.
pub(super) fn decryption_key(path: &Path) -> Result<DecryptionKey> {
    let json = crate::keys::read_secret(path)?;
    DecryptionKey::of_jwk(&json).with_context(|| format!("key file {}", path.display()))
}

/// A subscriber's shares, as the board tells of them.
struct Follower {
    _bus: Bus,
    events: Events,
    aud: Audience,
    sub: SubscriberId,
    board_key: Option<PublicKey>,
}

impl Follower {
    async fn open(arguments: &Arguments, camera: &CameraId, subscriber: &SubscriberId) -> Result<Self> {
        let place = arguments.connection.place()?;
        let board_key = place.board_key(arguments.board_key.as_deref(), camera)?;
        let filter = Booth::events_filter(&place.site, camera, subscriber);
        let (bus, messages) = place.open("view", vec![filter]).await?;
        let events = Events::of(messages, &place.site, camera, subscriber);
        let aud = Audience::camera(place.site, camera.clone());
        Ok(Self { _bus: bus, events, aud, sub: subscriber.clone(), board_key })
    }

    /// What happens to any of its shares.
    async fn event(&mut self) -> (Jti, ShareEvent) {
        loop {
            match self.events.next().await {
                Some((jti, Told::Share(event))) => return (jti, event),
                Some((_, Told::Request(_))) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Waits for the end of `share`, or of any where that is not known.
    async fn ended(&mut self, share: Option<&Jti>) {
        let is_it = |jti: &Jti| share.is_none_or(|share| share == jti);
        while !matches!(self.event().await, (jti, ShareEvent::Ended { .. }) if is_it(&jti)) {}
    }
}

pub(super) async fn run(arguments: Arguments, output: Output) -> Result<Done> {
    let key = arguments.key.as_deref().map(decryption_key).transpose()?;
    let mut follower = match &arguments.share_topic {
        Some((camera, subscriber)) => Some(Follower::open(&arguments, camera, subscriber).await?),
        None => None,
    };
    let mut share = None;
    let session = match (&arguments.sdp, arguments.listen, &mut follower) {
        (Some(path), _, _) => described(path, key.as_ref())?,
        (_, Some(address), _) => Session { address, format: Format::USUAL, key: None },
        (_, _, Some(follower)) => {
            output.remark("waiting for a share");
            match next_share(follower, key.as_ref(), output).await? {
                Some((jti, session)) => {
                    share = Some(jti);
                    session
                }
                None => return Ok(Done::No),
            }
        }
        _ => bail!("give --sdp, --listen or --share-topic"),
    };
    let stream = arguments.save.as_deref().map(|path| stream_file(path, session.format.codec));
    let ports = Ports::bind(session.address).await?;
    let began = Instant::now();
    let receiver = Receiver::start(ports, session.format, session.key.as_ref(), stream.as_deref())?;
    output.remark(&format!("listening on UDP {}; Ctrl-C ends", session.address));
    let why = watch(
        &receiver,
        arguments.seconds,
        follower.as_mut().map(|follower| (follower, share.as_ref())),
        !arguments.json,
    )
    .await;
    let seen = receiver.ledger().snapshot();
    let saved = receiver.leave().await;
    let saved = match (saved, &arguments.save) {
        (Some(stream), Some(path)) => Some(keep(stream, path).await?),
        _ => None,
    };
    report(&seen, began, why, saved.as_ref(), output);
    Ok(if seen.units > 0 { Done::Yes } else { Done::No })
}

fn described(path: &Path, key: Option<&DecryptionKey>) -> Result<Session> {
    let text = std::fs::read_to_string(path).with_context(|| format!("session description {}", path.display()))?;
    Session::read(&text, key).with_context(|| path.display().to_string())
}

/// The next share that starts; `None` when somebody stopped waiting.
async fn next_share(
    follower: &mut Follower,
    key: Option<&DecryptionKey>,
    output: Output,
) -> Result<Option<(Jti, Session)>> {
    loop {
        tokio::select! {
            (jti, event) = follower.event() => if let ShareEvent::Started { sdp, sealed, signed } = event {
                let started = Started { sdp: &sdp, sealed: sealed.as_deref(), signed: signed.as_deref() };
                let share = Share { aud: follower.aud.clone(), sub: follower.sub.clone(), jti: jti.clone() };
                trust(&started, follower.board_key, &share, output)?;
                let description = started.playable(key)?;
                return Ok(Some((jti, Session::of(Description::parse(&description)?)?)));
            },
            () = asked_to_stop() => return Ok(None),
        }
    }
}

/// Holds a description against the board's key, where that is known; says so where it is not.
pub(super) fn trust(
    started: &Started<'_>,
    board_key: Option<PublicKey>,
    share: &Share,
    output: Output,
) -> Result<(), StartedError> {
    match board_key {
        Some(key) => started.verify(key, share),
        None => {
            output.remark(
                "unproven that this description is the board's: give --board-key, or board_keys in the settings file",
            );
            Ok(())
        }
    }
}

/// Media containers are made from the byte stream at the end.
fn stream_file(save: &Path, codec: Codec) -> PathBuf {
    let part = match codec {
        Codec::H264 => "part.h264",
        Codec::H265 => "part.h265",
    };
    if is_stream(save) { save.to_owned() } else { save.with_extension(part) }
}

fn is_stream(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| ["h264", "264", "h265", "265"].iter().any(|name| extension.eq_ignore_ascii_case(name)))
}

async fn keep(stream: SavedStream, path: &Path) -> Result<SavedStream> {
    if let Some(fault) = &stream.fault {
        bail!("{}: {fault}; the rest is missing", stream.path.display());
    }
    if is_stream(path) || stream.pictures == 0 {
        return Ok(stream);
    }
    media::clip(&stream, path).await?;
    std::fs::remove_file(&stream.path).with_context(|| stream.path.display().to_string())?;
    Ok(SavedStream { path: path.to_owned(), ..stream })
}

async fn watch(
    receiver: &Receiver,
    seconds: Option<u64>,
    mut followed: Option<(&mut Follower, Option<&Jti>)>,
    live: bool,
) -> &'static str {
    let bar = if live && output::is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    let mut renew = tokio::time::interval(LIVE_EVERY);
    let limit = async {
        match seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(limit);
    let ledger = receiver.ledger();
    let why = loop {
        let ended = async {
            match &mut followed {
                Some((follower, share)) => follower.ended(*share).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = renew.tick() => bar.set_message(live_line(&ledger.snapshot())),
            _ = ledger.until(|seen| seen.goodbye.is_some()) => break "the sender said goodbye",
            () = ended => break "the share ended",
            () = asked_to_stop() => break "stopped",
            () = &mut limit => break "time is up",
        }
    };
    bar.finish_and_clear();
    why
}

fn live_line(seen: &Reception) -> String {
    let latency = seen.latency_us.map(|us| format!(" · {:.0} ms", us.p50 as f64 / 1e3)).unwrap_or_default();
    format!("{} pictures · {} packets · {} lost{latency}", seen.units, seen.packets, seen.packets_lost)
}

fn report(seen: &Reception, began: Instant, why: &str, saved: Option<&SavedStream>, output: Output) {
    let since = |at: Instant| at.duration_since(began).as_secs_f64() * 1e3;
    let first_packet_ms = seen.first_datagram.map(since);
    let first_picture_ms = seen.first_key.map(since);
    let of_first_packet_ms =
        seen.first_key.zip(seen.first_datagram).map(|(key, packet)| (key - packet).as_secs_f64() * 1e3);
    let latency = seen.latency_us.map(|us| (us.p50 as f64 / 1e3, us.p99 as f64 / 1e3, us.max as f64 / 1e3));
    let people = || {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".into());
        let mut lines = vec![
            format!("ended              {why}"),
            format!(
                "first picture      {}",
                or_none(
                    first_picture_ms
                        .zip(of_first_packet_ms)
                        .map(|(ms, of)| format!("{ms:.0} ms after listening began, {of:.0} ms after the first packet"))
                )
            ),
            format!("pictures           {} whole, {} with a part missing", seen.units, seen.units_dropped),
            format!("packets            {}, {} lost, jitter {:.1} ms", seen.packets, seen.packets_lost, seen.jitter_ms),
            format!("rate               {}", or_none(seen.megabits_per_s().map(|rate| format!("{rate:.2} Mbit/s")))),
            format!(
                "capture to here    {}",
                latency.map_or_else(
                    || "the stream does not say when it was captured".into(),
                    |(p50, p99, max)| format!("p50 {p50:.0} ms, p99 {p99:.0} ms, slowest {max:.0} ms (by both clocks)")
                )
            ),
        ];
        if seen.from_the_future > 0 {
            lines.push(format!(
                "clocks             {} pictures come from our future: the clocks disagree",
                seen.from_the_future
            ));
        }
        if let Some(stream) = saved {
            lines.push(format!("saved              {} ({} pictures)", stream.path.display(), stream.pictures));
        }
        lines.join("\n")
    };
    let programs = json!({
        "ok": seen.units > 0,
        "ended": why,
        "first_packet_ms": first_packet_ms,
        "first_picture_ms": first_picture_ms,
        "pictures": seen.units,
        "pictures_damaged": seen.units_dropped,
        "packets": seen.packets,
        "packets_lost": seen.packets_lost,
        "jitter_ms": seen.jitter_ms,
        "megabits_per_s": seen.megabits_per_s(),
        "capture_to_subscriber_ms": latency.map(|(p50, p99, max)| json!({"p50": p50, "p99": p99, "max": max})),
        "saved": saved.map(|stream| json!({"file": stream.path, "pictures": stream.pictures, "fps": stream.fps()})),
    });
    output.result(people, &programs);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_port_is_refused_since_rtcp_needs_the_next_one() {
        assert!(address("5005").unwrap_err().contains("even"));
        assert_eq!(address("5004").unwrap().port(), 5004);
        assert_eq!(address("127.0.0.1:5004").unwrap().ip(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert!(address("camera:5004").is_err());
    }

    #[test]
    fn a_sealed_description_is_read_with_its_key_alone_and_an_open_one_lacks_the_key() {
        let unit = [0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x8c, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80];
        let plain = Description::of_push(Codec::H264, &unit, IpAddr::V4(Ipv4Addr::LOCALHOST), 5004).unwrap();
        let master = MasterKey::new([5; 30]);
        let whole = Description { protection: Protection::Srtp(master.clone()), ..plain.clone() };
        let open = Description { protection: Protection::Secret, ..plain };
        let (key, other) = (DecryptionKey::new([1; 32]), DecryptionKey::new([2; 32]));
        let seal = |text: &str| token::jwe::seal(text.as_bytes(), "application/sdp", &key.public(), [3; 32], [4; 12]);
        let sealed = seal(&whole.text(1)).unwrap();
        assert_eq!(Session::read(&sealed, Some(&key)).unwrap().key, Some(master.clone()));
        assert_eq!(Session::read(&whole.text(1), None).unwrap().key, Some(master));
        assert!(Session::read(&sealed, Some(&other)).is_err());
        assert!(Session::read(&sealed, None).unwrap_err().to_string().contains("--key"));
        assert!(Session::read(&open.text(1), None).unwrap_err().to_string().contains("--key"));
    }

    #[test]
    fn a_share_topic_cannot_carry_wildcards() {
        assert!(share_topic("613/#").is_err());
        assert!(share_topic("+/tlc").is_err());
        assert!(share_topic("613/tlc").is_ok());
    }
}
