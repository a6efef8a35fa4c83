//! Players that nobody here wrote decode what the voice sends: ffmpeg and GStreamer picture for picture, VLC by its looks, H.264 and H.265, in clear and
//! encrypted, from the session description of the share event alone. (ffmpeg, encrypted: `srtp.rs`.)

mod support;

use base64::Engine as _;
use link::{Codec, StreamId, ToVoice};
use rtp::annexb;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use support::*;
use tempfile::TempDir;
use token::jwe::DecryptionKey;
use tokio::process::{Child, Command};

/// Pictures that a player must show.
const WANTED: usize = 20;
const WIDTH: usize = 320;
const HEIGHT: usize = 240;
const FRAME: Duration = Duration::from_millis(40);

fn ours(codec: Codec) -> rtp::Codec {
    match codec {
        Codec::H264 => rtp::Codec::H264,
        Codec::H265 => rtp::Codec::H265,
    }
}

/// A clip of 50 pictures, a key picture every tenth: its access units, and the byte stream as a file.
async fn clip(dir: &Path, codec: Codec) -> (Vec<Vec<u8>>, PathBuf) {
    let (encoder, options, key, format) = match codec {
        Codec::H264 => ("libx264", "-x264-params", "keyint=10:min-keyint=10:scenecut=0:aud=1:repeat-headers=1", "h264"),
        Codec::H265 => (
            "libx265",
            "-x265-params",
            "log-level=error:info=0:keyint=10:min-keyint=10:scenecut=0:aud=1:repeat-headers=1:bframes=0:open-gop=0",
            "hevc",
        ),
    };
    let file = dir.join(format!("clip.{format}"));
    let source = format!("testsrc2=size={WIDTH}x{HEIGHT}:rate=25");
    let made = Command::new("ffmpeg")
        .args(["-y", "-loglevel", "error", "-f", "lavfi", "-i", &source, "-frames:v", "50", "-pix_fmt", "yuv420p"])
        .args(["-c:v", encoder, "-preset", "ultrafast", "-tune", "zerolatency", options, key, "-f", format])
        .arg(&file)
        .status();
    assert!(patient("ffmpeg to encode", made).await.expect("ffmpeg runs: apt-get install ffmpeg").success());
    let stream = std::fs::read(&file).expect("a clip");
    let delimiter = if codec == Codec::H264 { 9 } else { 35 };
    let mut units: Vec<Vec<u8>> = Vec::new();
    for nal in annexb::nals(&stream) {
        if ours(codec).nal_type(nal) == delimiter {
            units.push(Vec::new());
        }
        let unit = units.last_mut().expect("a delimiter comes first");
        unit.extend(annexb::START_CODE);
        unit.extend(nal);
    }
    assert_eq!(units.len(), 50);
    (units, file)
}

/// The decoded pictures of a file of raw I420.
fn pictures(raw: &[u8]) -> Vec<&[u8]> {
    raw.chunks_exact(WIDTH * HEIGHT * 3 / 2).collect()
}

/// What the clip shows, decoded straight from the file.
async fn shown(clip: &Path) -> Vec<u8> {
    let decoded = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-i"])
        .arg(clip)
        .args(["-f", "rawvideo", "-pix_fmt", "yuv420p", "-"])
        .output();
    patient("ffmpeg to decode", decoded).await.expect("ffmpeg runs").stdout
}

fn ffmpeg(sdp: &Path, out: &Path) -> Child {
    Command::new("ffmpeg")
        .args(["-y", "-loglevel", "error", "-protocol_whitelist", "file,udp,rtp", "-i"])
        .arg(sdp)
        .args(["-frames:v", &WANTED.to_string(), "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p"])
        .arg(out)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("ffmpeg runs")
}

fn gstreamer(sdp: &Path, out: &Path, codec: Codec) -> Child {
    let (depay, parse, decode) = match codec {
        Codec::H264 => ("rtph264depay", "h264parse", "avdec_h264"),
        Codec::H265 => ("rtph265depay", "h265parse", "avdec_h265"),
    };
    let (from, to, stop) =
        (format!("location={}", sdp.display()), format!("location={}", out.display()), format!("eos-after={WANTED}"));
    Command::new("gst-launch-1.0")
        .args(["-q", "filesrc", &from, "!", "sdpdemux", "latency=0", "!", depay, "!", parse, "!", decode, "!"])
        .args(["identity", &stop, "!", "filesink", &to])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("GStreamer runs: apt-get install gstreamer1.0-tools gstreamer1.0-plugins-{base,good,bad} gstreamer1.0-libav")
}

/// GStreamer on an encrypted push: `srtpdec` wants the key in hexadecimal and the source's number, both of which the description has.
fn gstreamer_srtp(sdp: &Path, out: &Path) -> Child {
    let description = std::fs::read_to_string(sdp).expect("a description");
    let value =
        |line: &str| description.split_once(line).and_then(|(_, rest)| rest.split_whitespace().next()).expect("a line");
    let key = base64::engine::general_purpose::STANDARD.decode(value("inline:")).expect("base64");
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let caps = format!(
        "caps=application/x-srtp,media=video,clock-rate=90000,encoding-name=H264,payload=96,ssrc=(uint){},srtp-key=(buffer){key},\
         srtp-cipher=aes-128-icm,srtp-auth=hmac-sha1-80,srtcp-cipher=aes-128-icm,srtcp-auth=hmac-sha1-80",
        value("a=ssrc:")
    );
    let (port, to, stop) =
        (format!("port={}", value("m=video ")), format!("location={}", out.display()), format!("eos-after={WANTED}"));
    Command::new("gst-launch-1.0")
        .args(["-q", "udpsrc", &port, &caps, "!", "srtpdec", "!", "rtpjitterbuffer", "latency=0", "!"])
        .args(["rtph264depay", "!", "h264parse", "!", "avdec_h264", "!", "identity", &stop, "!", "filesink", &to])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("GStreamer runs: apt-get install gstreamer1.0-tools gstreamer1.0-plugins-{base,good,bad} gstreamer1.0-libav")
}

/// Waits until somebody listens on the port: players join where they are and some show what they cannot decode.
async fn taken(port: u16) {
    let mut looks = tokio::time::interval(Duration::from_millis(10));
    // Looked up and not tried: a port that we hold for a moment is one that the player cannot have.
    let own = format!(":{port:04X}");
    let is_bound = |line: &str| line.split_ascii_whitespace().nth(1).is_some_and(|local| local.ends_with(&own));
    let listens = |table: &str| std::fs::read_to_string(table).is_ok_and(|sockets| sockets.lines().any(is_bound));
    while !listens("/proc/net/udp") && !listens("/proc/net/udp6") {
        looks.tick().await;
    }
}

/// A share that is pushed, and described in a file.
struct Pushed {
    dir: TempDir,
    codec: Codec,
    units: Vec<Vec<u8>>,
    clip: PathBuf,
    _broker: Broker,
    _voice: Voice,
    eye: EyeSession,
    port: u16,
    sdp: PathBuf,
}

impl Pushed {
    /// With `key` the share is encrypted, and the description in the file holds the stream's key.
    async fn begin(codec: Codec, key: Option<&DecryptionKey>) -> Self {
        let dir = TempDir::new().expect("a folder");
        let (units, clip) = clip(dir.path(), codec).await;
        let broker = Broker::start(&dir).await;
        let mut room = Room::join(broker.port).await;
        let eye = FakeEye::listen(&dir);
        let voice = Voice::start(&dir, broker.port);
        let mut eye = eye.accept().await;
        let slate = units.first().expect("fifty");
        eye.say(hello(codec), slate).await;
        eye.say(link::ToVoice::State, &state("c1")).await;
        // Free again as soon as it is known.
        let port = Receiver::bind().await.port;
        eye.grant("one").await;
        let delivery = link::Destination::Push { address: LANDLORD, port };
        let encrypt_to = key.map(DecryptionKey::public);
        let start = ToVoice::ShareStarted { jti: jti("one"), stream: StreamId(0), delivery, encrypt_to, at_ms: 2000 };
        eye.say(start, &[]).await;
        eye.picture_as(0, voice::clock::now().utc_us, slate, true).await;
        let started = room.event("one", "started").await;
        let sdp = dir.path().join("share.sdp");
        let description = match key {
            Some(key) => key.open(started["sealed"].as_str().expect("text")).expect("it is for this key"),
            None => started["sdp"].as_str().expect("text").into(),
        };
        std::fs::write(&sdp, description).expect("a file");
        Self { dir, codec, units, clip, _broker: broker, _voice: voice, eye, port, sdp }
    }

    /// Sends the clip in a circle at its own pace until `done` says what came of it.
    async fn circle<T>(&mut self, what: &str, mut done: impl FnMut() -> Option<T>) -> T {
        patient(&format!("{what} to listen"), taken(self.port)).await;
        let mut pace = tokio::time::interval(FRAME);
        let codec = ours(self.codec);
        patient(&format!("{what} to have shown its pictures"), async {
            for unit in self.units.iter().cycle() {
                pace.tick().await;
                self.eye.picture_as(0, voice::clock::now().utc_us, unit, codec.is_key(unit)).await;
                if let Some(done) = done() {
                    return done;
                }
            }
            unreachable!("a circle has no end")
        })
        .await
    }
}

/// The player is given the clip until it ends by itself; then what it wrote is held against the clip.
async fn plays(codec: Codec, key: Option<&DecryptionKey>, start: impl FnOnce(&Path, &Path) -> Child) {
    let mut pushed = Pushed::begin(codec, key).await;
    let out = pushed.dir.path().join("out.yuv");
    let mut player = start(&pushed.sdp, &out);
    let status = pushed.circle("the player", || player.try_wait().expect("a child")).await;
    assert!(status.success(), "{status}");
    let out = std::fs::read(out).expect("its pictures");
    let (shown, out) = (shown(&pushed.clip).await, pictures(&out));
    let known: HashSet<&[u8]> = pictures(&shown).into_iter().collect();
    assert!(out.len() >= WANTED - 1, "{} pictures", out.len());
    assert!(out.iter().all(|picture| known.contains(picture)), "a picture that the clip does not have");
    let different: HashSet<&&[u8]> = out.iter().collect();
    assert!(different.len() >= WANTED - 1, "only {} different pictures", different.len());
}

/// VLC, which writes every fifth picture that it shows as a file into `folder`. Debian's cannot read a session description itself (it is built without
/// live555), and is told to have libavformat do it. It refuses to run for root, and runs for nobody then.
fn vlc(sdp: &Path, folder: &Path) -> Child {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    let open = |path: &Path| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).expect("ours");
    let mut command = if is_root {
        open(folder.parent().expect("in a folder"));
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "cvlc"]);
        command
    } else {
        Command::new("cvlc")
    };
    open(folder);
    command
        .args(["-q", "-I", "dummy", "--no-audio", "--demux=avformat", "--avformat-format=sdp", "--vout=dummy"])
        .args(["--video-filter=scene", "--scene-format=png", "--scene-ratio=5"])
        .arg(format!("--scene-path={}", folder.display()))
        .arg(sdp)
        .env("HOME", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("VLC runs: apt-get install vlc-bin vlc-plugin-base")
}

/// The luma of a picture file, and more after it.
async fn luma(picture: &Path) -> Vec<u8> {
    let decoded = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-i"])
        .arg(picture)
        .args(["-f", "rawvideo", "-pix_fmt", "yuv420p", "-"])
        .output();
    patient("ffmpeg to decode", decoded).await.expect("ffmpeg runs").stdout
}

async fn vlc_plays(codec: Codec, key: Option<&DecryptionKey>) {
    let mut pushed = Pushed::begin(codec, key).await;
    let folder = pushed.dir.path().join("seen");
    std::fs::create_dir(&folder).expect("a folder");
    let mut player = vlc(&pushed.sdp, &folder);
    let written = || -> Vec<PathBuf> {
        let files = std::fs::read_dir(&folder).expect("a folder").filter_map(Result::ok).map(|entry| entry.path());
        files.filter(|path| path.extension().is_some_and(|extension| extension == "png")).collect()
    };
    let seen = pushed
        .circle("VLC", || {
            assert!(player.try_wait().expect("a child").is_none(), "VLC ended");
            // Written to another name first.
            Some(written()).filter(|files| files.len() >= 4)
        })
        .await;
    player.kill().await.expect("it ran");
    let shown = shown(&pushed.clip).await;
    let known: Vec<&[u8]> = pictures(&shown).into_iter().map(|picture| &picture[..WIDTH * HEIGHT]).collect();
    for file in seen {
        let luma = luma(&file).await;
        // Below the picture the file has the lines that the decoder filled up to whole blocks.
        let luma = luma.get(..WIDTH * HEIGHT).unwrap_or_else(|| panic!("{}: {} bytes", file.display(), luma.len()));
        let off = |known: &&[u8]| luma.iter().zip(*known).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>();
        let nearest = known.iter().map(off).min().expect("fifty") as f64 / luma.len() as f64;
        // To RGB and back, with another range of values; a picture of another moment is off by more than ten.
        assert!(nearest < 6.0, "VLC shows what the clip does not have, off by {nearest:.1} of 255 on average");
    }
}

#[tokio::test]
async fn ffmpeg_shows_h264_from_the_session_description() {
    plays(Codec::H264, None, ffmpeg).await;
}

#[tokio::test]
async fn ffmpeg_shows_h265_from_the_session_description() {
    plays(Codec::H265, None, ffmpeg).await;
}

#[tokio::test]
async fn gstreamer_shows_h264_from_the_session_description() {
    plays(Codec::H264, None, |sdp, out| gstreamer(sdp, out, Codec::H264)).await;
}

#[tokio::test]
async fn gstreamer_shows_h265_from_the_session_description() {
    plays(Codec::H265, None, |sdp, out| gstreamer(sdp, out, Codec::H265)).await;
}

#[tokio::test]
async fn vlc_shows_h264_from_the_session_description() {
    vlc_plays(Codec::H264, None).await;
}

#[tokio::test]
async fn vlc_shows_h265_from_the_session_description() {
    vlc_plays(Codec::H265, None).await;
}

#[tokio::test]
async fn gstreamer_shows_an_encrypted_push_by_the_key_and_the_source_of_its_description() {
    plays(Codec::H264, Some(&DecryptionKey::new([1; 32])), gstreamer_srtp).await;
}

#[tokio::test]
async fn vlc_shows_an_encrypted_push_from_the_session_description() {
    vlc_plays(Codec::H264, Some(&DecryptionKey::new([1; 32]))).await;
}
