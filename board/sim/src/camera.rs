//! A camera of scripted pictures and faults in simulated time.
//!
//! A picture takes one frame interval of [`SimClock`]; a timeout takes as long as was asked for. Nothing here waits for real time.

use crate::{Script, SimClock};
use board_hal::{CameraError, CameraFormat, CameraSource, Clock, Nv12Pool};
use mask::{CaptureTime, ColourMatrix, ColourRange, FrameBuffer, FrameId, Geometry, PlanesMut, RawFrame};
use std::time::Duration;

/// What the camera does when asked for a frame.
#[derive(Debug, Clone, PartialEq)]
pub enum CameraStep {
    /// All of one colour.
    Flat {
        /// Luma.
        luma: u8,
        /// Cb.
        cb: u8,
        /// Cr.
        cr: u8,
    },
    /// A picture in which every pixel depends on its place and on the frame, so that what is not painted can be recognised.
    Texture,
    /// A picture in which every pixel depends on its place alone: a scene in which nothing moves.
    Still,
    /// The still scene, but for one pixel that is another one in every frame, as the noise of a sensor would make it.
    Living,
    /// A texture of another size than was negotiated, as a driver that lies would.
    Resized {
        /// Pixels per line, even.
        width: usize,
        /// Lines, even.
        height: usize,
    },
    /// The consumer was late: so many frames went by, then a texture.
    Skipped(u64),
    /// Nothing within the time asked for.
    Timeout,
    /// One frame that cannot be used.
    Bad,
    /// Unplugged. It stays so until opened anew.
    Gone,
}

/// A camera that follows a script.
pub struct SimCamera {
    clock: SimClock,
    format: CameraFormat,
    script: Script<CameraStep>,
    pool: Nv12Pool,
    next_id: u64,
    dropped: u64,
    gone: bool,
}

impl SimCamera {
    /// Frames that can be leased at once.
    pub const BUFFERS: usize = 4;

    /// A camera of `width` x `height` (even) at `fps`, limited range.
    #[must_use]
    pub fn new(clock: SimClock, width: usize, height: usize, fps: f32, script: Script<CameraStep>) -> Self {
        let format = CameraFormat {
            geometry: Geometry::packed(width, height),
            range: ColourRange::Limited,
            matrix: ColourMatrix::usual(height),
            fps,
            wire: "scripted".to_owned(),
        };
        let pool = Nv12Pool::new(width, height, Self::BUFFERS);
        Self { clock, format, script, pool, next_id: 0, dropped: 0, gone: false }
    }
    /// Goes on counting from `first`, as after a camera that was lost.
    #[must_use]
    pub fn number_from(mut self, first: FrameId) -> Self {
        self.next_id = first.0;
        self
    }
    /// The luma that [`CameraStep::Texture`] puts at (`x`, `y`) of frame `id`: 32 to 223, never that of a neighbour.
    #[must_use]
    pub fn texture_luma(id: FrameId, x: usize, y: usize) -> u8 {
        let mixed =
            (x as u64).wrapping_mul(37).wrapping_add((y as u64).wrapping_mul(61)).wrapping_add(id.0.wrapping_mul(7));
        32 + u8::try_from(mixed % 192).expect("below 192")
    }
    /// The luma that [`CameraStep::Still`] puts at (`x`, `y`): 33 to 223 and odd, as no flat paint of `mask` is, and never that of a neighbour.
    #[must_use]
    pub fn still_luma(x: usize, y: usize) -> u8 {
        Self::texture_luma(FrameId(0), x, y) | 1
    }
    fn frame(
        &mut self,
        pool: &Nv12Pool,
        paint: impl Fn(FrameId, Geometry, &mut PlanesMut<'_>),
    ) -> Result<RawFrame, CameraError> {
        let id = FrameId(self.next_id);
        self.next_id += 1;
        self.clock.advance(self.frames(1));
        let Some(mut buffer) = pool.try_take() else {
            self.dropped += 1;
            return Err(CameraError::Timeout(Duration::ZERO));
        };
        paint(id, pool.geometry(), &mut buffer.planes_mut());
        let captured = CaptureTime { monotonic_us: self.clock.monotonic_us(), utc_us: self.clock.utc_us() };
        RawFrame::new(id, captured, pool.geometry(), self.format.range, buffer)
            .map_err(|error| self.bad(error.to_string()))
    }
    /// How long so many frames take.
    fn frames(&self, count: u64) -> Duration {
        Duration::from_secs_f64(count as f64 / f64::from(self.format.fps))
    }
    fn bad(&self, cause: String) -> CameraError {
        CameraError::BadFrame { device: "simulated".to_owned(), cause }
    }
}

fn texture(id: FrameId, geometry: Geometry, planes: &mut PlanesMut<'_>) {
    paint(geometry, planes, |x, y| SimCamera::texture_luma(id, x, y));
}

fn paint(geometry: Geometry, planes: &mut PlanesMut<'_>, at: impl Fn(usize, usize) -> u8) {
    for (y, row) in planes.luma.chunks_exact_mut(geometry.luma_stride).enumerate() {
        for (x, luma) in row.iter_mut().enumerate() {
            *luma = at(x, y);
        }
    }
    planes.chroma.fill(128);
}

impl CameraSource for SimCamera {
    fn format(&self) -> &CameraFormat {
        &self.format
    }
    fn next(&mut self, timeout: Duration) -> Result<RawFrame, CameraError> {
        if self.gone {
            return Err(CameraError::Gone { device: "simulated".to_owned(), cause: "unplugged".to_owned() });
        }
        let pool = self.pool.clone();
        match *self.script.next() {
            CameraStep::Flat { luma, cb, cr } => self.frame(&pool, |_, _, planes| {
                planes.luma.fill(luma);
                for pair in planes.chroma.chunks_exact_mut(2) {
                    pair.copy_from_slice(&[cb, cr]);
                }
            }),
            CameraStep::Texture => self.frame(&pool, texture),
            CameraStep::Still => {
                self.frame(&pool, |_, geometry, planes| paint(geometry, planes, SimCamera::still_luma))
            }
            CameraStep::Living => self.frame(&pool, |id, geometry, planes| {
                paint(geometry, planes, SimCamera::still_luma);
                planes.luma[0] = if id.0 % 2 == 0 { 33 } else { 35 };
            }),
            CameraStep::Resized { width, height } => self.frame(&Nv12Pool::new(width, height, 1), texture),
            CameraStep::Skipped(frames) => {
                self.dropped += frames;
                self.next_id += frames;
                self.clock.advance(self.frames(frames));
                self.frame(&pool, texture)
            }
            CameraStep::Timeout => {
                self.clock.advance(timeout);
                Err(CameraError::Timeout(timeout))
            }
            CameraStep::Bad => {
                self.clock.advance(self.frames(1));
                self.next_id += 1;
                Err(self.bad("scripted".to_owned()))
            }
            CameraStep::Gone => {
                self.gone = true;
                self.next(timeout)
            }
        }
    }
    fn dropped(&self) -> u64 {
        self.dropped
    }
}
