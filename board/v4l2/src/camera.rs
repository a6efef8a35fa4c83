//! A V4L2 device as a `CameraSource`.

use crate::device::Device;
use crate::driver::{Driver, Filled, FourCc, Notice, Readiness, Signal};
use crate::heap::DmaHeap;
use crate::jpeg::Jpeg;
use crate::lease::{KernelBuffer, Queue};
use crate::memory::{Heap, probe};
use crate::negotiate::{self, Agreed, READS, Wire};
use crate::place::{Chosen, MemoryChoice, PlaceError, Placing};
use crate::{controls, convert, fault};
use board_hal::{CameraError, CameraFormat, CameraSource, Clock, Nv12Buffer, Nv12Pool};
use mask::{CaptureTime, FrameBuffer, FrameId, Geometry, Planes, RawFrame};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Pictures converted, decoded or copied that can exist at once.
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
pub struct Options {
    /// This pixel format (a FourCC that Campari reads) and no other, for a camera that does badly what it offers first.
    pub only: Option<[u8; 4]>,
    /// Pixels per line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// Frames per second.
    pub fps: f32,
    /// Controls to set, by the names that `v4l2-ctl --list-ctrls` prints; what is named `auto` comes first.
    pub controls: Vec<(String, i32)>,
    /// Whose memory the pictures lie in.
    pub memory: MemoryChoice,
}

impl Options {
    /// Any format, memory as measured.
    #[must_use]
    pub fn new(width: usize, height: usize, fps: f32) -> Self {
        Self { only: None, width, height, fps, controls: Vec::new(), memory: MemoryChoice::Measured }
    }
    /// This pixel format and no other.
    #[must_use]
    pub fn only(self, pixels: [u8; 4]) -> Self {
        Self { only: Some(pixels), ..self }
    }
}

/// How memory is measured, and which heaps there are.
pub(crate) struct Surroundings<'a> {
    pub(crate) probe: &'a dyn Fn(&mut [u8]) -> Duration,
    pub(crate) heaps: &'a dyn Fn() -> Vec<Arc<dyn Heap>>,
}

fn kernel_heaps() -> Vec<Arc<dyn Heap>> {
    DmaHeap::all().into_iter().map(|heap| Arc::new(heap) as Arc<dyn Heap>).collect()
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
    pub fn open(path: &Path, wish: &Options, clock: Arc<dyn Clock>) -> Result<Self, CameraError> {
        let name = path.display().to_string();
        let device = Device::open(path).map_err(|error| fault::opening(&name, "open", &error))?;
        let surroundings = Surroundings { probe: &probe, heaps: &kernel_heaps };
        Self::start(name, Box::new(device), wish, &surroundings, clock)
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
        wish: &Options,
        surroundings: &Surroundings<'_>,
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
        set_controls(&device, &*driver, &wish.controls)?;
        let offered = driver.formats().map_err(failed("list formats"))?;
        let readable = |format: &&FourCc| wish.only.is_none_or(|only| FourCc(only) == **format);
        let readable: Vec<FourCc> = offered.iter().filter(readable).copied().collect();
        // A driver that fails to say how fast it is, is not known to be slow.
        let fastest = |pixels| driver.fastest(pixels, wish.width, wish.height).ok().flatten();
        let pixels =
            negotiate::choose(&readable, wish.fps, fastest).ok_or_else(|| unsupported(negotiate::list(&offered)))?;
        let answer = driver.set_format(pixels, wish.width, wish.height).map_err(failed("set the format"))?;
        let agreed = negotiate::check(pixels, &answer).map_err(unsupported)?;
        let rate = driver.set_fps(wish.fps).map_err(failed("set the frame rate"))?;
        let &Surroundings { probe, heaps } = surroundings;
        let placing = Placing { driver: &*driver, answer: &answer, agreed: &agreed, probe, heaps };
        let (buffers, chosen) = placing.place(&wish.memory).map_err(|error| match error {
            PlaceError::Failed(doing, error) => fault::opening(&device, doing, &error),
            PlaceError::Unfit(offers) => unsupported(offers),
        })?;
        let exported = buffers.iter().flatten().all(|memory| memory.dma_buf().is_some());
        let (driver_name, card, count) = (identity.driver, identity.card, buffers.len());
        let chroma_offset = match agreed.wire {
            Wire::Nv12 { chroma_offset } => Some(chroma_offset),
            Wire::Nv12InTwo | Wire::Packed { .. } | Wire::Jpeg => None,
        };
        let queue = Queue::start(driver, buffers, chroma_offset).map_err(failed("start streaming"))?;
        let Geometry { width, height, .. } = agreed.geometry;
        let converts = chosen == Chosen::SlowDriver || matches!(agreed.wire, Wire::Packed { .. } | Wire::Jpeg);
        let format = CameraFormat {
            geometry: if converts { Geometry::packed(width, height) } else { agreed.geometry },
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
            field = ?answer.field, buffers = count, memory = ?chosen, dma_bufs = exported, "camera opened"
        );
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
        let mut buffer =
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
            None => match buffer.begin() {
                Ok(()) => Ok(buffer),
                Err(error) => {
                    buffer.release();
                    Err(format!("its memory cannot be read: {error}"))
                }
            },
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
                    (None, _) => {
                        copy(picture.buffer.planes(), self.agreed.geometry, &mut target);
                        Ok(())
                    }
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
        RawFrame::new(picture.id, captured, self.format.geometry, self.agreed.range, buffer)
            .map(|frame| Some(frame.with_matrix(self.agreed.matrix)))
            .map_err(|error| CameraError::BadFrame { device: self.device.clone(), cause: error.to_string() })
    }
}

/// Sets what the configuration asks for; a camera that cannot is not what it was taken for.
fn set_controls(device: &str, driver: &dyn Driver, wanted: &[(String, i32)]) -> Result<(), CameraError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let all = driver.controls().map_err(|error| fault::opening(device, "list controls", &error))?;
    let found =
        controls::resolve(wanted, &all).map_err(|cause| CameraError::Missing { device: device.to_owned(), cause })?;
    for (id, value) in found {
        driver.set_control(id, value).map_err(|error| fault::opening(device, "set a control", &error))?;
    }
    Ok(())
}

/// A picture out of slow memory: every byte is fetched once, line by line.
fn copy(from: Planes<'_>, geometry: Geometry, to: &mut Nv12Buffer) {
    let to = to.planes_mut();
    let width = geometry.width;
    let lines = |plane: &'_ [u8], stride: usize, to: &mut [u8]| {
        for (from, to) in plane.chunks(stride).zip(to.chunks_exact_mut(width)) {
            to.copy_from_slice(&from[..width]);
        }
    };
    lines(from.luma, geometry.luma_stride, to.luma);
    lines(from.chroma, geometry.chroma_stride, to.chroma);
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
