//! The slate, encoded once: a constant key picture with words and without a camera pixel.

use board_hal::pool::Nv12Pool;
use board_hal::{CameraFormat, Codec, EncodeError, EncodedUnit, Encoder};
use mask::{CaptureTime, FrameId};

/// An encoded slate, ready to be sent at any time.
#[derive(Debug, Default)]
pub struct Slate {
    unit: Vec<u8>,
    codec: Codec,
}

impl Slate {
    /// Paints and encodes it with the encoder whose pictures it stands in for, so that one decoder reads both.
    ///
    /// # Errors
    /// [`EncodeError`] from the encoder, or when the format is no picture.
    pub fn encode(
        encoder: &mut dyn Encoder,
        format: &CameraFormat,
        unit: &mut EncodedUnit,
    ) -> Result<Self, EncodeError> {
        let pool = Nv12Pool::new(format.geometry.width, format.geometry.height, 1);
        let buffer = pool.try_take().ok_or_else(|| EncodeError::Failed("no buffer for the slate".into()))?;
        let at = CaptureTime { monotonic_us: 0, utc_us: 0 };
        let frame = mask::slate::frame(FrameId(0), at, pool.geometry(), format.range, buffer, &mask::slate::NO_SHARE)
            .map_err(|e| EncodeError::Failed(e.to_string()))?;
        encoder.encode(frame, true, unit)?;
        Ok(Self { unit: unit.data.clone(), codec: encoder.settings().codec })
    }
    /// The access unit, Annex B; empty before it was made.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.unit
    }
    /// What it is encoded as, and with it all pictures.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }
}
