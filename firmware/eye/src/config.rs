//! The eye's configuration file (TOML). Unknown keys and wrong types are refused with file, line and what is allowed.

use board_hal::Codec;
use board_profile::{EncoderOrder, PinsProfile, Profile, WatchdogProfile};
use contract::{CameraId, FilterRates, KeyId, SiteId};
use serde::{Deserialize, Deserializer, de};
use std::collections::BTreeMap;
use std::num::NonZeroU8;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a frame waits for its detections where nothing is said.
const WAIT: Duration = Duration::from_millis(80);
/// Pictures a second of `silhouette` where nothing is said: what shows only where things are needs no more.
const SILHOUETTE_FPS: u8 = 12;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or not readable.
    #[error("configuration {file}: {cause}")]
    Unreadable {
        /// Which file.
        file: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Not TOML, an unknown key or a wrong type; the text names line and column and what is allowed.
    #[error("configuration {file}: {cause}")]
    Malformed {
        /// Which file.
        file: String,
        /// The parser's report.
        cause: toml::de::Error,
    },
    /// A value outside its range.
    #[error("configuration {file}: {key} = {value}; allowed: {allowed}")]
    OutOfRange {
        /// Which file.
        file: String,
        /// Which key.
        key: String,
        /// What it holds.
        value: String,
        /// What it may hold.
        allowed: &'static str,
    },
}

/// Everything that the eye is told.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The city's camera park.
    pub site: SiteId,
    /// This camera.
    pub camera: CameraId,
    /// For people, in the catalogue.
    #[serde(default)]
    pub name: String,
    /// Where it hangs.
    #[serde(default)]
    pub place: String,
    /// The board: `rk3588`, `rk3568`, `rv1126b`, `desktop`, or the path of a file like those in `board/profiles`. It says which network and how many
    /// threads where `[detector]` does not. Absent: `fast` and one thread, whatever the machine.
    #[serde(default, deserialize_with = "profile")]
    pub profile: Option<Profile>,
    /// Where frames come from.
    pub source: Source,
    /// A camera that turns, and where it looks for each view; absent: nobody here moves it.
    #[serde(default)]
    pub ptz: Option<board_ptz::PtzConfig>,
    /// Which network.
    pub detector: DetectorConfig,
    /// What to encode to.
    #[serde(default)]
    pub encoder: EncoderConfig,
    /// The socket for the voice.
    pub link: LinkConfig,
    /// What must survive a restart.
    pub state: StateConfig,
    /// How large the journal may grow.
    #[serde(default)]
    pub journal: JournalConfig,
    /// Who may sign policy.
    pub policy: PolicyConfig,
    /// Whether to trust the clock.
    #[serde(default)]
    pub clock: ClockConfig,
    /// When doubt covers.
    #[serde(default)]
    pub ladder: mask::ladder::LadderSettings,
    /// How often the detector must prove itself.
    #[serde(default)]
    pub selftest: SelfTestConfig,
    /// Pictures a second of each filter, in place of the profile's. Asked for through [`Config::rates`].
    #[serde(default)]
    pub fps: FilterRates,
    /// Where the board's pins are, beyond the profile's. Asked for through [`Config::pins`].
    #[serde(default)]
    pub pins: PinsProfile,
    /// The board's watchdog, in place of the profile's. Asked for through [`Config::watchdog`].
    #[serde(default)]
    pub watchdog: Option<WatchdogProfile>,
    /// How slowly `silhouette` learns the still scene.
    #[serde(default)]
    pub silhouette: mask::SilhouetteSettings,
}

/// Reads a profile by its name or path.
fn profile<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Profile>, D::Error> {
    let name = String::deserialize(from)?;
    Profile::open(&name).map(Some).map_err(de::Error::custom)
}

/// Where frames come from.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Source {
    /// A V4L2 capture device.
    V4l2 {
        /// `/dev/video0`, or better a stable name under `/dev/v4l/by-path`.
        device: PathBuf,
        /// Wanted pixels per line.
        #[serde(default = "width")]
        width: u32,
        /// Wanted lines.
        #[serde(default = "height")]
        height: u32,
        /// Wanted frames per second.
        #[serde(default = "fps")]
        fps: u32,
        /// A picture that does not change at all for so many seconds is taken for frozen, 1 to 3600; 0: never.
        #[serde(default = "frozen_s")]
        frozen_s: u32,
        /// Controls to set when the camera is opened, by the names that `v4l2-ctl --list-ctrls` prints.
        #[serde(default)]
        controls: BTreeMap<String, i32>,
    },
    /// A file that ffmpeg reads, paced by its own timestamps.
    Clip {
        /// The file.
        file: PathBuf,
        /// Begin anew at its end.
        #[serde(default, rename = "loop")]
        again: bool,
    },
}

fn width() -> u32 {
    1920
}
fn height() -> u32 {
    1080
}
fn fps() -> u32 {
    25
}

fn frozen_s() -> u32 {
    10
}

/// Which network, and how hard it may work.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorConfig {
    /// `models/manifest.toml`.
    pub manifest: PathBuf,
    /// `full`, `fast` or `light`; absent: the profile's. Asked for through [`Config::setting`].
    #[serde(default)]
    pub setting: Option<String>,
    /// Threads for one inference, 1 to 8; absent: the profile's. Asked for through [`Config::threads`].
    #[serde(default)]
    pub threads: Option<u8>,
    /// Cores that it is kept to, by number; absent: the profile's. Asked for through [`Config::cores`].
    #[serde(default)]
    pub cores: Option<Vec<u8>>,
    /// How long a frame waits for its detections before it goes on with predicted masks, milliseconds, 1 to 5000; absent: what the profile's budget
    /// leaves. More than some hundred is for processors that are emulated: nothing is live then. Asked for through [`Config::wait`].
    #[serde(default)]
    pub wait_ms: Option<u64>,
    /// An inference that takes longer than this is hung: the eye aborts and starts anew, milliseconds.
    #[serde(default = "hang_ms")]
    pub hang_ms: u64,
}

fn hang_ms() -> u64 {
    2_000
}

/// What to encode to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderConfig {
    /// `"h264"`, which every receiver takes, or `"h265"`, where the board's hardware makes it.
    #[serde(default)]
    pub codec: CodecChoice,
    /// Target, kilobits per second, 100 to 50000.
    #[serde(default = "bitrate_kbps")]
    pub bitrate_kbps: u32,
    /// A key picture at least this often, seconds, 1 to 60.
    #[serde(default = "key_interval_s")]
    pub key_interval_s: u32,
    /// An encoder that takes longer than this for one picture is hung: the eye aborts and starts anew, milliseconds.
    #[serde(default = "encode_hang_ms")]
    pub hang_ms: u64,
    /// `"auto"`, `"mpp"`, `"v4l2-m2m"`, `"software"`, or a list of the last three, the best one first; absent: the profile's. Asked for through
    /// [`Config::encoders`].
    #[serde(default)]
    pub kind: Option<EncoderOrder>,
    /// MPP: fewer bits in a quiet scene, up to a sixteenth above the target in a busy one.
    #[serde(default)]
    pub variable_rate: bool,
    /// MPP: renews so many rows of blocks with every picture, 1 to 64, so that key pictures may be rare.
    #[serde(default)]
    pub intra_refresh_rows: Option<u32>,
    /// MPP: cuts pictures into slices of about so many bytes, 200 to 60000.
    #[serde(default)]
    pub slice_bytes: Option<u32>,
    /// The V4L2 memory-to-memory device, where it is not to be looked for.
    #[serde(default)]
    pub m2m_device: Option<PathBuf>,
    /// MPP's library, by name or path, where it is not the usual one.
    #[serde(default)]
    pub mpp_library: Option<PathBuf>,
}

/// What pictures are encoded as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CodecChoice {
    /// ITU-T H.264.
    #[default]
    H264,
    /// ITU-T H.265.
    H265,
}

impl EncoderConfig {
    /// What pictures are encoded as.
    #[must_use]
    pub fn codec(&self) -> Codec {
        match self.codec {
            CodecChoice::H264 => Codec::H264,
            CodecChoice::H265 => Codec::H265,
        }
    }
}

fn bitrate_kbps() -> u32 {
    4_000
}
fn key_interval_s() -> u32 {
    2
}
fn encode_hang_ms() -> u64 {
    1_500
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self {
            codec: CodecChoice::default(),
            bitrate_kbps: bitrate_kbps(),
            key_interval_s: key_interval_s(),
            hang_ms: encode_hang_ms(),
            kind: None,
            variable_rate: false,
            intra_refresh_rows: None,
            slice_bytes: None,
            m2m_device: None,
            mpp_library: None,
        }
    }
}

/// How often the detector must prove itself. It cannot be switched off.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelfTestConfig {
    /// Every golden picture is looked at once within so many minutes, 1 to 60.
    #[serde(default = "every_min")]
    pub every_min: u64,
}

fn every_min() -> u64 {
    5
}

impl Default for SelfTestConfig {
    fn default() -> Self {
        Self { every_min: every_min() }
    }
}

/// The socket for the voice.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkConfig {
    /// A path; its folder must exist and be the eye's.
    pub socket: PathBuf,
    /// User id that the voice runs as; absent means the eye's own.
    #[serde(default)]
    pub voice_uid: Option<u32>,
}

/// What must survive a restart.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateConfig {
    /// A folder for journal, replay memory and the policy held.
    pub dir: PathBuf,
}

/// How large the journal may grow. A share takes about three kilobytes of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalConfig {
    /// When it is larger than so many mebibytes the oldest segments go, 1 to 1024.
    #[serde(default = "keep_mib")]
    pub keep_mib: u64,
    /// A segment that has so many kibibytes is followed by a new one, 64 to 65536 and at most an eighth of `keep_mib`.
    #[serde(default = "segment_kib")]
    pub segment_kib: u64,
}

fn keep_mib() -> u64 {
    32
}
fn segment_kib() -> u64 {
    1_024
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self { keep_mib: keep_mib(), segment_kib: segment_kib() }
    }
}

impl JournalConfig {
    /// The same in bytes.
    #[must_use]
    pub fn limits(&self) -> journal::segment::Limits {
        journal::segment::Limits { segment_bytes: self.segment_kib * 1_024, keep_bytes: self.keep_mib * 1_024 * 1_024 }
    }
}

/// Who may sign policy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    /// Keys of the policy office; a bundle needs two of them.
    pub roots: Vec<RootKey>,
    /// A bundle delivered with provisioning.
    #[serde(default)]
    pub bundle: Option<PathBuf>,
}

/// One key of the policy office.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootKey {
    /// Its id.
    pub kid: KeyId,
    /// base64url of the 32-byte Ed25519 public key.
    pub x: String,
}

/// Whether to trust the clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockConfig {
    /// For development machines, whose clock is right though nothing tells the kernel so. Grants need a synchronised clock.
    #[serde(default)]
    pub assume_synchronised: bool,
}

impl Config {
    /// Which of the manifest's models looks.
    #[must_use]
    pub fn setting(&self) -> &str {
        let profile = self.profile.as_ref().map(|profile| profile.detector.setting.as_str());
        self.detector.setting.as_deref().or(profile).unwrap_or("fast")
    }
    /// Threads for one inference.
    #[must_use]
    pub fn threads(&self) -> usize {
        let profile = self.profile.as_ref().map(|profile| profile.detector.threads);
        usize::from(self.detector.threads.or(profile).unwrap_or(1))
    }

    /// Which encoders to try, the best one first.
    #[must_use]
    pub fn encoders(&self) -> EncoderOrder {
        let profile = self.profile.as_ref().map(|profile| &profile.encoder.kind);
        self.encoder.kind.as_ref().or(profile).cloned().unwrap_or_default()
    }
    /// How long a frame waits for its detections before it goes on with predicted masks and the ladder climbs: the file's, else what the profile's
    /// budget leaves of the interval between two frames, else 80 ms.
    #[must_use]
    pub fn wait(&self) -> Duration {
        let stated = self.detector.wait_ms.map(Duration::from_millis);
        stated.or_else(|| self.profile.as_ref()?.wait()).unwrap_or(WAIT)
    }
    /// The cores that the detector is kept to; none stated, none kept.
    #[must_use]
    pub fn cores(&self) -> &[u8] {
        let profile = self.profile.as_ref().map(|profile| profile.detector.cores.as_slice());
        self.detector.cores.as_deref().or(profile).unwrap_or_default()
    }
    /// Every pin that this file or the profile states.
    #[must_use]
    pub fn pins(&self) -> PinsProfile {
        let profile = self.profile.as_ref().map(|profile| profile.pins.clone()).unwrap_or_default();
        self.pins.clone().or(profile)
    }
    /// The board's watchdog.
    #[must_use]
    pub fn watchdog(&self) -> Option<&WatchdogProfile> {
        self.watchdog.as_ref().or(self.profile.as_ref()?.watchdog.as_ref())
    }

    /// The highest frame rate of each filter: the file's, else the profile's; without either `silhouette` has 12 and the others the
    /// camera's.
    #[must_use]
    pub fn rates(&self) -> FilterRates {
        let profile = self.profile.as_ref().map(|profile| profile.fps).unwrap_or_default();
        let otherwise = FilterRates { silhouette: NonZeroU8::new(SILHOUETTE_FPS), ..FilterRates::default() };
        self.fps.or(profile).or(otherwise)
    }

    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`ConfigError`] with file, line and what is allowed.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|cause| ConfigError::Unreadable { file: file.clone(), cause })?;
        Self::parse(&file, &text)
    }

    /// Checks a text; `file` is only for the error.
    ///
    /// # Errors
    /// [`ConfigError`] with file, line and what is allowed.
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigError> {
        let config: Config =
            toml::from_str(text).map_err(|cause| ConfigError::Malformed { file: file.into(), cause })?;
        let range = |key: &str, value: u64, from: u64, to: u64, allowed| {
            if (from..=to).contains(&value) {
                Ok(())
            } else {
                Err(ConfigError::OutOfRange {
                    file: file.into(),
                    key: key.to_owned(),
                    value: value.to_string(),
                    allowed,
                })
            }
        };
        range("detector.threads", config.threads() as u64, 1, 8, "1 to 8")?;
        range("detector.wait_ms", config.detector.wait_ms.unwrap_or(1), 1, 5_000, "1 to 5000")?;
        range("detector.hang_ms", config.detector.hang_ms, 200, 60_000, "200 to 60000")?;
        range("selftest.every_min", config.selftest.every_min, 1, 60, "1 to 60")?;
        range("encoder.bitrate_kbps", config.encoder.bitrate_kbps.into(), 100, 50_000, "100 to 50000")?;
        range("encoder.key_interval_s", config.encoder.key_interval_s.into(), 1, 60, "1 to 60")?;
        range("encoder.hang_ms", config.encoder.hang_ms, 200, 60_000, "200 to 60000")?;
        let (rows, bytes) = (config.encoder.intra_refresh_rows, config.encoder.slice_bytes);
        range("encoder.intra_refresh_rows", rows.unwrap_or(1).into(), 1, 64, "1 to 64")?;
        range("encoder.slice_bytes", bytes.unwrap_or(200).into(), 200, 60_000, "200 to 60000")?;
        range("policy.roots (how many)", config.policy.roots.len() as u64, 2, 8, "2 to 8 keys")?;
        let journal = &config.journal;
        range("journal.keep_mib", journal.keep_mib, 1, 1_024, "1 to 1024")?;
        let eighth = (journal.keep_mib * 128).min(65_536);
        range("journal.segment_kib", journal.segment_kib, 64, eighth, "64 to 65536, at most an eighth of keep_mib")?;
        let silhouette = &config.silhouette;
        range("silhouette.still_s", silhouette.still_s.into(), 5, 600, "5 to 600")?;
        range("silhouette.again_s", silhouette.again_s.into(), silhouette.still_s.into(), 3_600, "still_s to 3600")?;
        range("silhouette.step", silhouette.step.into(), 2, 32, "2 to 32")?;
        if let Source::V4l2 { width, height, fps, frozen_s, .. } = config.source {
            range("source.width", width.into(), 16, 7_680, "16 to 7680")?;
            range("source.height", height.into(), 16, 4_320, "16 to 4320")?;
            range("source.fps", fps.into(), 1, 120, "1 to 120")?;
            range("source.frozen_s", frozen_s.into(), 0, 3_600, "0 to 3600")?;
        }
        if let Some((key, value, allowed)) = config.ptz.as_ref().and_then(|ptz| ptz.check().err()) {
            return Err(ConfigError::OutOfRange { file: file.into(), key, value, allowed });
        }
        Ok(config)
    }
}
