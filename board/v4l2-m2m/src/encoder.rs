//! The encoder over a [`Driver`]: nothing that it says is believed before it was checked.

use crate::device::{Device, encodes};
use crate::driver::{Control, Done, Driver, FourCc, H264, HEVC, NV12, RawFormat, Side};
use crate::mapping::Mapping;
use board_hal::annexb::{AccessUnit, is_header};
use board_hal::{Codec, EncodeError, EncodedUnit, Encoder, EncoderSettings};
use mask::{ColourMatrix, ColourRange, Geometry, MaskedFrame};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// A device that takes longer than this for one picture is stuck.
pub const STUCK_AFTER: Duration = Duration::from_millis(400);
/// Buffers for the stream: one that is filled, one that is read, and what drivers keep.
const CODED_BUFFERS: usize = 4;
/// Buffers for pictures: one is enough, since nothing else is encoded meanwhile.
const RAW_BUFFERS: usize = 1;
/// More than a picture can need: buffers that hold no picture.
const MOST_BUFFERS_A_PICTURE: usize = 4;

/// A memory-to-memory device behind [`board_hal::Encoder`].
pub struct M2mEncoder {
    name: String,
    settings: EncoderSettings,
    range: ColourRange,
    raw: RawFormat,
    /// The last parameter sets, for drivers that do not repeat them.
    header: Vec<u8>,
    number: u64,
    patience: Duration,
    /// `None` only in drop.
    queues: Option<Queues>,
    /// The driver may still hold the picture's buffer.
    stuck: bool,
}

/// The driver and its buffers.
struct Queues {
    driver: Box<dyn Driver>,
    raw: Vec<Mapping>,
    coded: Vec<Mapping>,
}

impl Queues {
    /// Stops, unmaps and frees. May wait for as long as the device does.
    fn close(self) {
        for side in [Side::Raw, Side::Coded] {
            if let Err(error) = self.driver.stream(side, false) {
                tracing::debug!(%error, "the encoder was gone before it was closed");
            }
        }
        drop((self.raw, self.coded));
        for side in [Side::Raw, Side::Coded] {
            let _ = self.driver.request_buffers(side, 0);
        }
    }
}

pub(crate) fn fourcc(codec: Codec) -> FourCc {
    match codec {
        Codec::H264 => H264,
        Codec::H265 => HEVC,
    }
}

impl M2mEncoder {
    /// Opens a device for frames of this size, luma range and colour matrix.
    ///
    /// # Errors
    /// [`EncodeError::Settings`] when the device is not there, is no encoder, or refuses what it is asked.
    pub fn open(
        device: &Path,
        settings: EncoderSettings,
        range: ColourRange,
        matrix: ColourMatrix,
    ) -> Result<Self, EncodeError> {
        let name = device.display().to_string();
        let driver = Device::open(device).map_err(|error| EncodeError::Settings(format!("{name}: {error}")))?;
        Self::start(&name, Box::new(driver), settings, (range, matrix), STUCK_AFTER)
    }

    pub(crate) fn start(
        name: &str,
        driver: Box<dyn Driver>,
        settings: EncoderSettings,
        colours: (ColourRange, ColourMatrix),
        patience: Duration,
    ) -> Result<Self, EncodeError> {
        check(&settings)?;
        let refuse = |what: &str, why: &dyn std::fmt::Display| EncodeError::Settings(format!("{name}: {what}: {why}"));
        if !encodes(driver.as_ref(), settings.codec) {
            let identity = driver.identity().map_err(|error| refuse("asking who it is", &error))?;
            let who = format!("{} ({})", identity.card, identity.driver);
            return Err(refuse(&who, &format!("no multi-planar encoder from NV12 to {:?}", settings.codec)));
        }
        // In the order of the kernel's documentation, 4.5.2.3: coded format, raw format, rate, controls.
        let EncoderSettings { width, height, .. } = settings;
        // No picture is larger than its pixels.
        let coded = driver
            .set_coded(fourcc(settings.codec), width, height, width * height * 3 / 2)
            .map_err(|error| refuse("taking the stream's format", &error))?;
        let raw =
            driver.set_raw(width, height, colours).map_err(|error| refuse("taking the pictures' format", &error))?;
        let whole = raw.stride.checked_mul(raw.height).and_then(|luma| luma.checked_mul(3)).map(|bytes| bytes / 2);
        let sound = coded.pixels == fourcc(settings.codec)
            && raw.pixels == NV12
            && raw.memories == 1
            && raw.width >= width
            && raw.height >= height
            && raw.height.is_multiple_of(2)
            && raw.stride >= raw.width
            && whole.is_some_and(|whole| whole <= raw.size);
        if !sound {
            return Err(refuse("its formats do not fit together", &format!("{raw:?}, {coded:?}")));
        }
        if (raw.width, raw.height) != (width, height) {
            driver.set_visible(width, height).map_err(|error| refuse("showing less than it codes", &error))?;
        }
        driver.set_fps(settings.fps).map_err(|error| refuse("taking the frame rate", &error))?;
        set_controls(driver.as_ref(), &settings).map_err(|(what, error)| refuse(what, &error))?;
        let (raw_buffers, coded_buffers) =
            buffers(driver.as_ref(), raw.size, coded.size).map_err(|error| refuse("giving buffers", &error))?;
        let queues = Queues { driver, raw: raw_buffers, coded: coded_buffers };
        let started = (|| {
            for index in 0..queues.coded.len() {
                queues.driver.queue(Side::Coded, index, 0, 0)?;
            }
            queues.driver.stream(Side::Raw, true)?;
            queues.driver.stream(Side::Coded, true)
        })();
        let range = colours.0;
        let encoder = Self {
            name: name.to_owned(),
            settings,
            range,
            raw,
            header: Vec::new(),
            number: 0,
            patience,
            queues: Some(queues),
            stuck: false,
        };
        started.map_err(|error| refuse("starting", &error))?;
        Ok(encoder)
    }

    fn failed(&self, what: &str, why: &dyn std::fmt::Display) -> EncodeError {
        EncodeError::Failed(format!("{}: {what}: {why}", self.name))
    }
    fn queues(&mut self) -> &mut Queues {
        self.queues.as_mut().expect("taken only in drop")
    }

    fn check_frame(&self, frame: &MaskedFrame) -> Result<(), EncodeError> {
        let (info, settings) = (frame.info(), &self.settings);
        let Geometry { width, height, .. } = info.geometry;
        if (width, height, info.range) == (settings.width, settings.height, self.range) {
            return Ok(());
        }
        Err(EncodeError::Failed(format!(
            "the frame is {width}x{height} with {:?} range, the encoder is set to {}x{} with {:?}; open one for the frame",
            info.range, settings.width, settings.height, self.range
        )))
    }

    /// Into the driver's buffer, with the driver's lines.
    fn copy(&mut self, frame: &MaskedFrame) -> Result<(), EncodeError> {
        let (geometry, raw) = (frame.info().geometry, self.raw);
        let memory = self.queues().raw.first_mut().map(Mapping::bytes_mut);
        let Some(memory) = memory else { return Err(self.failed("a picture", &"there is no buffer")) };
        let (luma, chroma) = memory.split_at_mut(raw.stride * raw.height);
        let planes = frame.planes();
        for (from, from_stride, to, lines) in [
            (planes.luma, geometry.luma_stride, luma, geometry.height),
            (planes.chroma, geometry.chroma_stride, chroma, geometry.height / 2),
        ] {
            for (from, to) in from.chunks(from_stride).zip(to.chunks_mut(raw.stride)).take(lines) {
                to[..geometry.width].copy_from_slice(&from[..geometry.width]);
            }
        }
        Ok(())
    }

    /// Waits for a buffer of that side until the time is over.
    fn take(&mut self, side: Side, until: Instant) -> Result<Done, EncodeError> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let driver = &self.queues().driver;
            match driver.wait(side, left) {
                Ok(true) => {}
                Ok(false) => {
                    self.stuck = true;
                    return Err(EncodeError::Stuck(self.patience));
                }
                Err(error) => return Err(self.failed("waiting", &error)),
            }
            match driver.dequeue(side) {
                Ok(done) => return Ok(done),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(self.failed("taking a buffer back", &error)),
            }
        }
    }

    /// The unit of picture `number`, which may come in more than one buffer.
    fn collect(&mut self, data: &mut Vec<u8>, until: Instant) -> Result<bool, EncodeError> {
        for _ in 0..MOST_BUFFERS_A_PICTURE {
            let done = self.take(Side::Coded, until)?;
            let bytes = self.queues().coded.get(done.index).and_then(|memory| memory.bytes().get(..done.used));
            let Some(bytes) = bytes else { return Err(self.failed("a buffer", &"of another size than it has")) };
            data.extend_from_slice(bytes);
            self.queues()
                .driver
                .queue(Side::Coded, done.index, 0, 0)
                .map_err(|error| self.failed("giving a buffer back", &error))?;
            if done.error {
                return Err(self.failed("a picture", &"the device says that it is broken"));
            }
            if let Some(unit) = AccessUnit::read(self.settings.codec, data) {
                if done.number != self.number {
                    let why = format!("the unit of picture {} came for picture {}", done.number, self.number);
                    return Err(self.failed("out of turn", &why));
                }
                return self.finish(data, unit);
            }
            if !is_header(self.settings.codec, data) {
                return Err(self.failed("a picture", &"what came is no access unit"));
            }
        }
        Err(self.failed("a picture", &"only parameter sets came"))
    }

    /// Gives a key picture its parameter sets where the device did not.
    fn finish(&mut self, data: &mut Vec<u8>, unit: AccessUnit) -> Result<bool, EncodeError> {
        if !unit.key {
            return Ok(false);
        }
        if unit.has_header {
            self.header.clear();
            self.header.extend_from_slice(&data[..unit.picture_at]);
        } else if self.header.is_empty() {
            return Err(self.failed("a key picture", &"it never had parameter sets"));
        } else {
            data.splice(0..0, self.header.iter().copied());
        }
        Ok(true)
    }
}

fn check(settings: &EncoderSettings) -> Result<(), EncodeError> {
    let EncoderSettings { width, height, fps, bitrate_bps, key_interval, .. } = *settings;
    let refuse = |what: String| Err(EncodeError::Settings(what));
    if width == 0 || height == 0 || width % 2 != 0 || height % 2 != 0 || width > 8192 || height > 8192 {
        return refuse(format!("{width}x{height}: width and height must be even, 2 to 8192"));
    }
    if !(fps.is_finite() && (0.1..=240.0).contains(&fps)) {
        return refuse(format!("{fps} frames per second: allowed are 0.1 to 240"));
    }
    if !(10_000..=200_000_000).contains(&bitrate_bps) {
        return refuse(format!("{bitrate_bps} bit/s: allowed are 10000 to 200000000"));
    }
    if key_interval == 0 || i32::try_from(key_interval).is_err() {
        return refuse(format!("a key picture every {key_interval} frames: allowed are 1 to {}", i32::MAX));
    }
    Ok(())
}

/// What must be had, and what would be good to have: drivers know few of them.
fn set_controls(driver: &dyn Driver, settings: &EncoderSettings) -> Result<(), (&'static str, io::Error)> {
    let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    driver
        .set_control(Control::Bitrate, number(settings.bitrate_bps))
        .map_err(|error| ("taking the bit rate", error))?;
    driver
        .set_control(Control::KeyInterval, number(settings.key_interval))
        .map_err(|error| ("taking the key interval", error))?;
    let profile = (settings.codec == Codec::H264).then_some((Control::H264Profile, 4));
    let wishes = [
        (Control::RateLimits, 1),
        (Control::ConstantBitrate, 1),
        (Control::BFrames, 0),
        (Control::HeaderWithPicture, 1),
        (Control::RepeatHeader, 1),
    ];
    for (control, value) in wishes.into_iter().chain(profile) {
        if let Err(error) = driver.set_control(control, value) {
            tracing::debug!(?control, value, %error, "the encoder goes without a setting");
        }
    }
    Ok(())
}

/// Buffers of both sides, each large enough.
fn buffers(driver: &dyn Driver, raw: usize, coded: usize) -> io::Result<(Vec<Mapping>, Vec<Mapping>)> {
    let side = |side: Side, wanted: usize, bytes: usize| -> io::Result<Vec<Mapping>> {
        let count = driver.request_buffers(side, wanted)?;
        if count < wanted || count > 64 {
            return Err(io::Error::other(format!("{count} buffers where {wanted} were asked for")));
        }
        let mapped: Vec<Mapping> = (0..count).map(|index| driver.map(side, index)).collect::<io::Result<_>>()?;
        if bytes == 0 || mapped.iter().any(|memory| memory.len() < bytes) {
            return Err(io::Error::other(format!("buffers of less than {bytes} bytes")));
        }
        Ok(mapped)
    };
    Ok((side(Side::Raw, RAW_BUFFERS, raw)?, side(Side::Coded, CODED_BUFFERS, coded)?))
}

impl Encoder for M2mEncoder {
    fn settings(&self) -> &EncoderSettings {
        &self.settings
    }
    fn encode(&mut self, frame: MaskedFrame, key: bool, unit: &mut EncodedUnit) -> Result<(), EncodeError> {
        unit.data.clear();
        unit.key = false;
        if self.stuck {
            return Err(EncodeError::Stuck(self.patience));
        }
        self.check_frame(&frame)?;
        self.copy(&frame)?;
        // The driver reads its own buffer: the camera may have its one back.
        drop(frame);
        let until = Instant::now() + self.patience;
        let first = self.number == 0;
        if key && !first {
            let asked = self.queues().driver.set_control(Control::ForceKey, 1);
            asked.map_err(|error| self.failed("asking for a key picture", &error))?;
        }
        self.number += 1;
        let (number, size) = (self.number, self.raw.size);
        let queued = self.queues().driver.queue(Side::Raw, 0, size, number);
        queued.map_err(|error| self.failed("taking a picture", &error))?;
        let mut data = std::mem::take(&mut unit.data);
        let collected = self.collect(&mut data, until);
        unit.data = data;
        let finished = collected.and_then(|is_key| {
            let back = self.take(Side::Raw, until)?;
            if back.error || back.index != 0 {
                return Err(self.failed("a picture", &"the device could not read it"));
            }
            if (key || first) && !is_key {
                return Err(self.failed("a key picture", &"was asked for, another came"));
            }
            Ok(is_key)
        });
        match finished {
            Ok(is_key) => unit.key = is_key,
            Err(_) => unit.data.clear(),
        }
        finished.map(drop)
    }
    fn change(&mut self, bitrate_bps: u32, fps: f32) -> Result<(), EncodeError> {
        let settings = EncoderSettings { bitrate_bps, fps, ..self.settings };
        check(&settings)?;
        let refuse = |error: io::Error| EncodeError::Settings(format!("taking another rate: {error}"));
        let bps = i32::try_from(bitrate_bps).unwrap_or(i32::MAX);
        self.queues().driver.set_control(Control::Bitrate, bps).map_err(refuse)?;
        if let Err(error) = self.queues().driver.set_fps(fps) {
            // Both or none.
            let former = i32::try_from(self.settings.bitrate_bps).unwrap_or(i32::MAX);
            self.queues().driver.set_control(Control::Bitrate, former).map_err(refuse)?;
            return Err(refuse(error));
        }
        self.settings = settings;
        Ok(())
    }
}

impl Drop for M2mEncoder {
    fn drop(&mut self) {
        let Some(queues) = self.queues.take() else { return };
        if !self.stuck {
            return queues.close();
        }
        tracing::error!(device = self.name, "the encoder is stuck and left behind");
        let closing = move || queues.close();
        if let Err(error) = std::thread::Builder::new().name("m2m-stuck".into()).spawn(closing) {
            tracing::error!(%error, "no thread to close a stuck encoder");
        }
    }
}
