//! The encoder and the slate that it makes: built when needed, and built anew after a failure. It encodes what it is given; whether anything may
//! leave is not its business.

use super::MakeEncoder;
use super::pace::BackOff;
use crate::slate::Slate;
use crate::watchdog::{self, Stage, Watchdog};
use board_hal::{CameraFormat, EncodeError, EncodedUnit, Encoder};
use mask::MaskedFrame;
use std::sync::Arc;
use std::time::Duration;

/// See the [module](self).
pub(super) struct Encoding {
    make: MakeEncoder,
    watchdog: Arc<Watchdog>,
    /// A picture takes no longer.
    hang: Duration,
    encoder: Option<Box<dyn Encoder>>,
    unit: EncodedUnit,
    slate: Slate,
    /// The slate is of the present format.
    slate_fits: bool,
    /// The encoder has made something since it was built.
    proven: bool,
    /// A rate that it does not take; asking with every picture would help nobody.
    refused_fps: Option<f32>,
    again: BackOff,
}

impl Encoding {
    pub(super) fn new(make: MakeEncoder, watchdog: Arc<Watchdog>, hang: Duration) -> Self {
        Self {
            make,
            watchdog,
            hang,
            encoder: None,
            unit: EncodedUnit::default(),
            slate: Slate::default(),
            slate_fits: false,
            proven: false,
            refused_fps: None,
            again: BackOff::new(),
        }
    }

    /// The format is another one. The slate of the former stays until there is a new one; a decoder can begin with it.
    pub(super) fn forget(&mut self) {
        (self.encoder, self.slate_fits) = (None, false);
        self.again.worked();
    }

    /// Whether a slate of the present format is still to be made.
    pub(super) fn wants_slate(&self) -> bool {
        !self.slate_fits
    }

    /// The slate; empty before it was made.
    pub(super) fn slate(&self) -> &Slate {
        &self.slate
    }

    /// Makes the slate of `format`, unless a failure was too short a while ago. True when it was made.
    pub(super) fn make_slate(&mut self, format: &CameraFormat, now_us: u64) -> bool {
        self.build(format, now_us);
        let Some(encoder) = self.encoder.as_mut() else { return false };
        let watched = self.watchdog.enter(Stage::Encode, self.hang);
        let made = Slate::encode(encoder.as_mut(), format, &mut self.unit);
        drop(watched);
        match made {
            Ok(slate) => {
                (self.slate, self.slate_fits) = (slate, true);
                self.worked();
            }
            Err(error) => {
                tracing::error!(%error, "the slate cannot be made");
                self.failed(&error, now_us);
            }
        }
        self.slate_fits
    }

    /// So many pictures a second come at most: rate control must know, or under a cap each would get the bits of a faster stream's.
    pub(super) fn reckon_with(&mut self, fps_cap: Option<u8>, format: &CameraFormat, now_us: u64) {
        let fps = fps_cap.map_or(format.fps, |cap| format.fps.min(cap.into()));
        let Some(encoder) = self.encoder.as_mut() else { return };
        let settings = *encoder.settings();
        if settings.fps.to_bits() == fps.to_bits() || self.refused_fps == Some(fps) {
            return;
        }
        let watched = self.watchdog.enter(Stage::Encode, self.hang);
        let changed = encoder.change(settings.bitrate_bps, fps);
        drop(watched);
        match changed {
            Ok(()) => tracing::debug!(fps, "the encoder reckons with another rate"),
            Err(error @ EncodeError::Settings(_)) => {
                tracing::warn!(fps, %error, "the encoder keeps its rate");
                self.refused_fps = Some(fps);
            }
            Err(error) => {
                tracing::error!(%error, "the encoder is built anew");
                self.failed(&error, now_us);
            }
        }
    }

    /// Encodes a picture. `None` when that failed, or when a failure was too short a while ago; whatever comes next must be a key picture then.
    pub(super) fn encode(
        &mut self,
        frame: MaskedFrame,
        key: bool,
        format: &CameraFormat,
        now_us: u64,
    ) -> Option<&EncodedUnit> {
        self.build(format, now_us);
        let encoder = self.encoder.as_mut()?;
        let watched = self.watchdog.enter(Stage::Encode, self.hang);
        let encoded = encoder.encode(frame, key, &mut self.unit);
        drop(watched);
        match encoded {
            Ok(()) => {
                self.worked();
                Some(&self.unit)
            }
            Err(error) => {
                tracing::error!(%error, "the encoder is built anew");
                self.failed(&error, now_us);
                None
            }
        }
    }

    fn build(&mut self, format: &CameraFormat, now_us: u64) {
        if self.encoder.is_some() || !self.again.is_due(now_us) {
            return;
        }
        match (self.make)(format) {
            Ok(encoder) => (self.encoder, self.proven, self.refused_fps) = (Some(encoder), false, None),
            Err(error) => {
                let again = self.again.failed(now_us);
                tracing::error!(%error, ?again, "no encoder");
                end_if_wedged(&error);
            }
        }
    }

    fn worked(&mut self) {
        self.proven = true;
        self.again.worked();
    }

    /// An encoder that worked before is built anew at once; one that never did, after a while.
    fn failed(&mut self, error: &EncodeError, now_us: u64) {
        end_if_wedged(error);
        self.encoder = None;
        if !self.proven {
            self.again.failed(now_us);
        }
    }
}

/// Encoders that are stuck hold their frames and the hardware; only the end of the process frees both.
fn end_if_wedged(error: &EncodeError) {
    if matches!(error, EncodeError::Wedged(_)) {
        watchdog::end(error);
    }
}
