//! The players and how each is started: the line that README recommends, and what a screen without window manager, sound or hands takes beside it.

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;
use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use tokio::process::{Child, Command};

/// How the picture comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Fetched over TLS.
    Rtsps,
    /// Pushed, encrypted.
    Srtp,
    /// Pushed in clear, where the policy says so.
    Clear,
}

impl Way {
    /// For tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rtsps => "RTSPS",
            Self::Srtp => "SRTP push",
            Self::Clear => "RTP push",
        }
    }
}

/// A player.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    /// Its name.
    pub name: &'static str,
    /// How the picture comes to it.
    pub way: Way,
    /// As README has it: URL, user and password, `share.sdp`, port, source and key are put in. Of two programs with `&` between them the last one is the player.
    pub line: &'static str,
    /// What the bench adds, after the player's name.
    beside: &'static [&'static str],
}

/// README's URL.
const URL: &str = "rtsps://cam-613.example.org:8322/613";
/// The same with the credential.
const FULL_URL: &str = "rtsps://USER:PASSWORD@cam-613.example.org:8322/613";

/// Everybody who is measured.
pub const CLIENTS: &[Client] = &[
    Client {
        name: "ffplay",
        way: Way::Rtsps,
        line: "ffplay -fflags nobuffer -flags low_delay -probesize 32 -analyzeduration 0 -vf setpts=0 -rtsp_transport tcp \
               rtsps://USER:PASSWORD@cam-613.example.org:8322/613",
        beside: FFPLAY,
    },
    Client {
        name: "GStreamer",
        way: Way::Rtsps,
        line: "gst-launch-1.0 rtspsrc location=rtsps://cam-613.example.org:8322/613 user-id=USER user-pw=PASSWORD protocols=tcp latency=100 ! \
               rtph264depay ! h264parse ! avdec_h264 ! videoconvert ! autovideosink",
        beside: &[],
    },
    Client {
        name: "ffplay",
        way: Way::Srtp,
        line: "ffplay -protocol_whitelist file,udp,rtp,srtp,crypto -fflags nobuffer -flags low_delay -probesize 32 -analyzeduration 0 -vf setpts=0 \
               share.sdp",
        beside: FFPLAY,
    },
    Client {
        name: "GStreamer",
        way: Way::Srtp,
        line: "gst-launch-1.0 udpsrc port=PORT caps=application/x-srtp,media=video,clock-rate=90000,encoding-name=H264,payload=96,ssrc=(uint)SSRC,\
               srtp-key=(buffer)KEY,srtp-cipher=aes-128-icm,srtp-auth=hmac-sha1-80,srtcp-cipher=aes-128-icm,srtcp-auth=hmac-sha1-80 ! srtpdec ! \
               rtpjitterbuffer latency=100 ! rtph264depay ! h264parse ! avdec_h264 ! videoconvert ! autovideosink",
        beside: &[],
    },
    Client {
        name: "GStreamer",
        way: Way::Clear,
        line: "gst-launch-1.0 filesrc location=share.sdp ! sdpdemux latency=100 ! rtph264depay ! h264parse ! avdec_h264 ! videoconvert ! autovideosink",
        beside: &[],
    },
    Client {
        name: "VLC behind ffmpeg",
        way: Way::Srtp,
        line: "ffmpeg -protocol_whitelist file,udp,rtp,srtp,crypto -fflags nobuffer -probesize 32 -analyzeduration 0 -i share.sdp -c copy -f mpegts \
               -muxdelay 0 -muxpreload 0 -flush_packets 1 udp://127.0.0.1:5104?pkt_size=1316 & cvlc --network-caching=200 udp://@127.0.0.1:5104",
        beside: VLC,
    },
    Client {
        name: "VLC alone",
        way: Way::Srtp,
        line: "cvlc --demux=avformat --avformat-format=sdp share.sdp",
        beside: VLC,
    },
];

/// No desktop to speak with, and the plainest way to draw.
const VLC: &[&str] = &["-I", "dummy", "--no-audio", "--no-video-title-show", "--vout=xcb_x11"];
/// No sound card is there, and no window manager that would put the window anywhere.
const FFPLAY: &[&str] = &["-hide_banner", "-loglevel", "warning", "-an", "-noborder", "-left", "0", "-top", "0"];

/// What a share says of itself, for the line.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// Session description of a push; empty for one that is fetched.
    pub sdp: &'a Path,
    /// Its port.
    pub port: u16,
    /// Its source's number, as the description has it.
    pub ssrc: &'a str,
    /// Its key, 30 bytes in hexadecimal.
    pub key: &'a str,
    /// URL of one that is fetched.
    pub url: &'a str,
    /// Its user.
    pub user: &'a str,
    /// Its password.
    pub password: &'a str,
}

impl Client {
    /// Its name and way.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{}, {}", self.name, self.way.name())
    }

    /// Whether it reads the description for nobody; see [`Self::start`].
    #[must_use]
    pub fn is_nobody(&self) -> bool {
        self.name.starts_with("VLC") && Uid::effective().is_root()
    }

    /// Each program with its words.
    fn programs(&self, given: &Given<'_>) -> Result<Vec<Vec<OsString>>> {
        self.line.split(" & ").map(|line| self.words(line, given)).collect()
    }

    fn words(&self, line: &str, given: &Given<'_>) -> Result<Vec<OsString>> {
        let bare = given.url.strip_prefix("rtsps://").unwrap_or(given.url);
        let full = format!("rtsps://{}:{}@{bare}", given.user, given.password);
        let mut words = Vec::new();
        for word in line.split_whitespace() {
            let word = word
                .replace(FULL_URL, &full)
                .replace(URL, given.url)
                .replace("user-id=USER", &format!("user-id={}", given.user))
                .replace("user-pw=PASSWORD", &format!("user-pw={}", given.password))
                .replace("port=PORT", &format!("port={}", given.port))
                .replace("(uint)SSRC", &format!("(uint){}", given.ssrc))
                .replace("(buffer)KEY", &format!("(buffer){}", given.key))
                .replace("share.sdp", given.sdp.to_str().context("the folder's name is no text")?);
            words.push(word.into());
            // The board's authority is its own here; a gst-launch line has no word for a file of authorities.
            if self.way == Way::Rtsps && self.line.starts_with("gst-launch") && words.len() == 2 {
                words.push("tls-validation-flags=0".into());
            }
        }
        Ok(words)
    }

    /// Starts it on `display`; what it says goes to `log`. The last one is the player.
    ///
    /// # Errors
    /// When it is not installed.
    pub fn start(&self, given: &Given<'_>, display: &str, home: &Path, log: &Path) -> Result<Vec<Child>> {
        let said = std::fs::File::create(log).with_context(|| log.display().to_string())?;
        let programs = self.programs(given)?;
        let mut started = Vec::new();
        for (place, words) in programs.iter().enumerate() {
            let is_player = place + 1 == programs.len();
            let [program, rest @ ..] = &words[..] else { bail!("a line without a program") };
            // VLC refuses to run for root, and runs for nobody then.
            let mut command = if is_player && self.is_nobody() {
                let mut command = Command::new("setpriv");
                command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
                command
            } else {
                Command::new(program)
            };
            let child = command
                .args(if is_player { self.beside } else { &["-hide_banner", "-loglevel", "warning"] })
                .args(rest)
                .env("DISPLAY", display)
                .env("HOME", home)
                .env("SDL_VIDEODRIVER", "x11")
                .stdin(Stdio::null())
                .stdout(said.try_clone()?)
                .stderr(said.try_clone()?)
                .kill_on_drop(true)
                .spawn();
            started.push(child.with_context(|| format!("starting {}", program.display()))?);
        }
        Ok(started)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// README breaks lines where a shell lets it.
    fn readme() -> String {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap();
        text.replace("\\\n", "").replace('"', "").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn readme_recommends_what_is_measured() {
        let readme = readme();
        for client in CLIENTS {
            let line = client.line.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(readme.contains(&line), "README does not have: {line}");
        }
    }

    #[test]
    fn a_line_gets_what_the_share_says_and_keeps_no_placeholder() {
        let given = Given {
            sdp: Path::new("/x/one.sdp"),
            port: 5004,
            ssrc: "77",
            key: "0a0b",
            url: "rtsps://localhost:8322/613",
            user: "tlc",
            password: "secret",
        };
        for client in CLIENTS {
            let programs = client.programs(&given).unwrap().concat();
            let line = programs.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ");
            for left in ["USER", "PASSWORD", "PORT", "KEY", "SSRC", "share.sdp", "example.org"] {
                assert!(!line.contains(left), "{left} in {line}");
            }
            let own = match client.way {
                Way::Rtsps => "localhost:8322/613",
                Way::Srtp if client.name == "GStreamer" => "port=5004 caps=application/x-srtp",
                Way::Srtp | Way::Clear => "/x/one.sdp",
            };
            assert!(line.contains(own), "{line}");
        }
    }
}
