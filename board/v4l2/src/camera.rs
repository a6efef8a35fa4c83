//! A V4L2 device as a `CameraSource`.

use crate::device::Device;
use crate::driver::{Driver, Filled, FourCc, Notice, Readiness, Signal};
use crate::jpeg::Jpeg;
use crate::lease::{KernelBuffer, Queue};
use crate::negotiate::{self, Agreed, READS, Wire};
use crate::{convert, fault};
use board_hal::{CameraError, CameraFormat, CameraSource, Clock, Nv12Pool};
use mask::{CaptureTime, FrameBuffer, FrameId, RawFrame};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Kernel buffers to ask for: what the pipeline holds, and two for the driver to fill meanwhile.
const BUFFERS: usize = 6;
/// Fewer than this cannot keep a camera running; more than this (VIDEO_MAX_FRAME) no driver has.
const BUFFERS_RANGE: std::ops::RangeInclusive<usize> = 2..=32;
/// Pictures converted or decoded that can exist at once.
const CONVERTED: usize = 6;
/// A larger gap in the driver's sequence numbers is a restarted count, not lost frames.
const MOST_LOST: u32 = 10_000;

/// Events fetched at once; more are left for the next time.
const MOST_NOTICES: usize = 64;

/// A camera, open and streaming.
///
/// `next` gives the newest frame. A frame's time is the driver's monotonic time stamp; where the driver has none, or one in the future, it is the moment
/// at which the frame was fetched. A stalled consumer never gets the pictures that the driver filled before it ran out of buffers.
pub struct V4l2Camera {
    device: String,
    format: CameraFormat,
    agreed: Agreed,
    queue: Arc<Queue>,
    converted: Option<Nv12Pool>,
    jpeg: Option<Jpeg>,
    clock: Arc<dyn Clock>,
    last_sequence: Option<u32>,
    next_id: u64,
    dropped: u64,
}

/// What the caller would like.
pub(crate) struct Wish {
    /// This pixel format and no other.
    pub(crate) only: Option<FourCc>,
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) fps: f32,
}

/// A buffer that holds a picture.
struct Picture {
    id: FrameId,
    filled: Filled,
    buffer: Box<KernelBuffer>,
}

impl V4l2Camera {
    /// Opens `path` and starts it at the size and rate nearest to those asked for; [`CameraSource::format`] tells which they became.
    ///
    /// # Errors
    /// [`CameraError::Missing`], [`CameraError::Busy`], or [`CameraError::Unsupported`] with what the camera offers.
    pub fn open(
        path: &Path,
        width: usize,
        height: usize,
        fps: f32,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CameraError> {
        Self::open_as(path, None, width, height, fps, clock)
    }
    /// As [`V4l2Camera::open`], but takes only the pixel format `only` (a FourCC that Campari reads), for a camera that does badly what it offers first.
    ///
    /// # Errors
    /// As [`V4l2Camera::open`].
    pub fn open_as(
        path: &Path,
        only: Option<[u8; 4]>,
        width: usize,
        height: usize,
        fps: f32,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CameraError> {
        let name = path.display().to_string();
        let device = Device::open(path).map_err(|error| fault::opening(&name, "open", &error))?;
        let wish = Wish { only: only.map(FourCc), width, height, fps };
        Self::start(name, Box::new(device), &wish, clock)
    }
    /// Goes on counting frames from `first`, as after a camera that was lost.
    #[must_use]
    pub fn number_from(mut self, first: FrameId) -> Self {
        self.next_id = first.0;
        self
    }
    pub(crate) fn start(
        device: String,
        driver: Box<dyn Driver>,
        wish: &Wish,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CameraError> {
        let failed = |doing: &'static str| {
            let device = device.clone();
            move |error| fault::opening(&device, doing, &error)
        };
        let unsupported = |offers: String| CameraError::Unsupported { device: device.clone(), offers, reads: READS };
        let identity = driver.identity().map_err(failed("ask who it is"))?;
        if !identity.streams_video {
            return Err(unsupported(format!("no video streaming (driver {})", identity.driver)));
        }
        if let Signal::None(cause) = driver.tune().map_err(failed("ask for its signal"))? {
            return Err(CameraError::Missing { device, cause: cause.to_owned() });
        }
        let offered = driver.formats().map_err(failed("list formats"))?;
        let readable = |format: &&FourCc| wish.only.is_none_or(|only| only == **format);
        let readable: Vec<FourCc> = offered.iter().filter(readable).copied().collect();
        // A driver that fails to say how fast it is, is not known to be slow.
        let fastest = |pixels| driver.fastest(pixels, wish.width, wish.height).ok().flatten();
        let pixels =
            negotiate::choose(&readable, wish.fps, fastest).ok_or_else(|| unsupported(negotiate::list(&offered)))?;
        let answer = driver.set_format(pixels, wish.width, wish.height).map_err(failed("set the format"))?;
        let agreed = negotiate::check(pixels, &answer).map_err(unsupported)?;
        let rate = driver.set_fps(wish.fps).map_err(failed("set the frame rate"))?;
        let buffers = map_buffers(&*driver, &agreed, failed("map buffers"), &unsupported)?;
        let (driver_name, card, count) = (identity.driver, identity.card, buffers.len());
        let chroma_offset = match agreed.wire {
            Wire::Nv12 { chroma_offset } => Some(chroma_offset),
            Wire::Nv12InTwo | Wire::Packed { .. } | Wire::Jpeg => None,
        };
        let queue = Queue::start(driver, buffers, chroma_offset).map_err(failed("start streaming"))?;
        let format = CameraFormat {
            geometry: agreed.geometry,
            range: agreed.range,
            matrix: agreed.matrix,
            fps: rate.unwrap_or(wish.fps),
            wire: pixels.to_string(),
        };
        tracing::info!(
            device, driver = driver_name, card, asked_width = wish.width, asked_height = wish.height, asked_fps = wish.fps,
            width = format.geometry.width, height = format.geometry.height, stride = answer.memory[0].stride,
            fps = format.fps, rate_from_driver = rate.is_some(), wire = format.wire, range = ?format.range,
            matrix = ?format.matrix, matrix_from_driver = answer.matrix.is_some(),
            field = ?answer.field, buffers = count, "camera opened"
        );
        let converts = matches!(agreed.wire, Wire::Packed { .. } | Wire::Jpeg);
        let converted = converts.then(|| Nv12Pool::new(agreed.geometry.width, agreed.geometry.height, CONVERTED));
        let jpeg = (agreed.wire == Wire::Jpeg).then(|| Jpeg::new(agreed.geometry));
        Ok(Self { device, format, agreed, queue, converted, jpeg, clock, last_sequence: None, next_id: 0, dropped: 0 })
    }

    /// Hears what the driver has to say.
    fn hear(&self) -> Result<(), CameraError> {
        let gone = |cause: &str| CameraError::Gone { device: self.device.clone(), cause: cause.to_owned() };
        for _ in 0..MOST_NOTICES {
            match self
                .queue
                .driver()
                .notice()
                .map_err(|error| fault::streaming(&self.device, "fetch an event", &error))?
            {
                Some(Notice::SourceChanged) => return Err(gone("its source changed or is lost")),
                Some(Notice::Ended) => return Err(gone("its source ended")),
                Some(Notice::Other) => {}
                None => break,
            }
        }
        Ok(())
    }
    /// Takes all that is filled, keeps the newest, queues the rest again.
    fn newest(&mut self) -> Result<Option<Picture>, CameraError> {
        let (mut kept, mut bad) = (None::<Picture>, None);
        let (all, mut taken) = (self.queue.in_driver(), 0);
        for _ in 0..self.queue.len() {
            let filled = match self.queue.driver().dequeue() {
                Ok(filled) => filled,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    if let Some(picture) = kept {
                        picture.buffer.release();
                    }
                    return Err(fault::streaming(&self.device, "fetch a frame", &error));
                }
            };
            taken += 1;
            let id = self.number(filled.sequence);
            match self.accept(&filled) {
                Ok(buffer) => {
                    if let Some(older) = kept.replace(Picture { id, filled, buffer }) {
                        self.dropped += 1;
                        older.buffer.release();
                    }
                }
                Err(cause) => bad = Some(cause),
            }
        }
        match (kept, bad) {
            (Some(picture), _) if taken >= all && self.is_old(&picture.filled) => {
                self.dropped += 1;
                picture.buffer.release();
                Ok(None)
            }
            (Some(picture), bad) => {
                self.dropped += u64::from(bad.is_some());
                Ok(Some(picture))
            }
            (None, Some(cause)) => Err(CameraError::BadFrame { device: self.device.clone(), cause }),
            (None, None) => Ok(None),
        }
    }
    /// Gives a frame its number, with a gap for those that the driver lost.
    fn number(&mut self, sequence: u32) -> FrameId {
        let lost = self.last_sequence.map_or(0, |last| sequence.wrapping_sub(last).wrapping_sub(1));
        self.last_sequence = Some(sequence);
        if lost <= MOST_LOST {
            self.dropped += u64::from(lost);
            self.next_id += u64::from(lost);
        }
        let id = FrameId(self.next_id);
        self.next_id += 1;
        id
    }
    fn accept(&self, filled: &Filled) -> Result<Box<KernelBuffer>, String> {
        let buffer =
            self.queue.lend(filled.index).ok_or_else(|| format!("buffer {} is not the driver's", filled.index))?;
        let short = filled.used.iter().zip(self.agreed.needed).find(|(used, needed)| **used < *needed);
        let (used, room) = (filled.used[0], buffer.bytes().len());
        let wrong = match short {
            _ if filled.error => Some("the driver marks it as corrupt".to_owned()),
            Some((used, needed)) => Some(format!("{used} bytes, a picture has {needed}")),
            None if used > room => Some(format!("{used} bytes in a buffer of {room}")),
            None => None,
        };
        match wrong {
            Some(cause) => {
                buffer.release();
                Err(cause)
            }
            None => Ok(buffer),
        }
    }
    /// Filled before the driver ran out of buffers, not just now.
    fn is_old(&self, filled: &Filled) -> bool {
        let four_frames_us = (4_000_000.0 / f64::from(self.format.fps.max(1.0))) as u64;
        filled.monotonic_us.is_some_and(|stamp| self.clock.monotonic_us().saturating_sub(stamp) > four_frames_us)
    }
    fn captured(&self, filled: &Filled) -> CaptureTime {
        let (now_us, utc_us) = (self.clock.monotonic_us(), self.clock.utc_us());
        let monotonic_us = filled.monotonic_us.filter(|stamp| *stamp <= now_us).unwrap_or(now_us);
        CaptureTime { monotonic_us, utc_us: utc_us.saturating_sub(now_us - monotonic_us) }
    }
    /// `None` when a converted picture finds no room.
    fn frame(&mut self, picture: Picture) -> Result<Option<RawFrame>, CameraError> {
        let captured = self.captured(&picture.filled);
        let buffer: Box<dyn FrameBuffer> = match (&self.converted, self.agreed.wire) {
            (Some(pool), wire) => {
                let Some(mut target) = pool.try_take() else {
                    picture.buffer.release();
                    self.dropped += 1;
                    return Ok(None);
                };
                let converted = match (&mut self.jpeg, wire) {
                    (Some(jpeg), _) => {
                        jpeg.decode_to_nv12(&picture.buffer.bytes()[..picture.filled.used[0]], &mut target.planes_mut())
                    }
                    (None, Wire::Packed { stride, layout }) => {
                        let from = picture.buffer.bytes();
                        convert::to_nv12(layout, from, stride, self.agreed.geometry, &mut target.planes_mut());
                        Ok(())
                    }
                    (None, _) => Err("no way to convert it".to_owned()),
                };
                picture.buffer.release();
                if let Err(cause) = converted {
                    target.release();
                    return Err(CameraError::BadFrame { device: self.device.clone(), cause });
                }
                target
            }
            (None, _) => picture.buffer,
        };
        RawFrame::new(picture.id, captured, self.agreed.geometry, self.agreed.range, buffer)
            .map(|frame| Some(frame.with_matrix(self.agreed.matrix)))
            .map_err(|error| CameraError::BadFrame { device: self.device.clone(), cause: error.to_string() })
    }
}

/// Gets buffers from the driver and maps them, if each can hold a picture.
fn map_buffers(
    driver: &dyn Driver,
    agreed: &Agreed,
    failed: impl Fn(std::io::Error) -> CameraError,
    unsupported: &impl Fn(String) -> CameraError,
) -> Result<Vec<Vec<crate::mapping::Mapping>>, CameraError> {
    let count = driver.request_buffers(BUFFERS).map_err(&failed)?;
    if !BUFFERS_RANGE.contains(&count) {
        return Err(unsupported(format!("{count} buffers")));
    }
    let mut buffers = Vec::with_capacity(count);
    for index in 0..count {
        let memories = driver.map(index).map_err(&failed)?;
        for (at, needed) in agreed.needed.into_iter().enumerate().filter(|(_, needed)| *needed > 0) {
            let have = memories.get(at).map_or(0, |memory| memory.bytes().len());
            if have < needed {
                return Err(unsupported(format!("buffers of {have} bytes for pictures of {needed}")));
            }
        }
        buffers.push(memories);
    }
    Ok(buffers)
}

impl CameraSource for V4l2Camera {
    fn format(&self) -> &CameraFormat {
        &self.format
    }
    fn next(&mut self, timeout: Duration) -> Result<RawFrame, CameraError> {
        let until = Instant::now() + timeout;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let ready =
                self.queue.driver().wait(left).map_err(|error| fault::streaming(&self.device, "wait", &error))?;
            if ready == Readiness::Nothing {
                return Err(CameraError::Timeout(timeout));
            }
            if ready == Readiness::Notice {
                self.hear()?;
            }
            if let Some(picture) = self.newest()? {
                if let Some(frame) = self.frame(picture)? {
                    return Ok(frame);
                }
            } else if ready == Readiness::Broken {
                return Err(CameraError::Gone {
                    device: self.device.clone(),
                    cause: "the driver reports an error".to_owned(),
                });
            }
            if Instant::now() >= until {
                return Err(CameraError::Timeout(timeout));
            }
        }
    }
    fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl Drop for V4l2Camera {
    fn drop(&mut self) {
        self.queue.close();
    }
}
