//! The encoder, as the road sees it.

use crate::library::MppLibrary;
use crate::settings::{self, MppOptions};
use crate::worker::Worker;
use board_hal::{EncodeError, EncodedUnit, Encoder, EncoderSettings};
use mask::{ColourMatrix, ColourRange, MaskedFrame};

/// Rockchip's hardware behind [`board_hal::Encoder`].
pub struct MppEncoder {
    settings: EncoderSettings,
    worker: Worker,
}

impl MppEncoder {
    /// An encoder for frames of this size, luma range and colour matrix; range and matrix are written into the stream.
    ///
    /// # Errors
    /// [`EncodeError::Settings`] when a setting is out of range or refused, with its name; [`EncodeError::Stuck`] when the library does not come back;
    /// [`EncodeError::Wedged`] when too many encoders are stuck already.
    pub fn open(
        library: &MppLibrary,
        settings: EncoderSettings,
        range: ColourRange,
        matrix: ColourMatrix,
        options: MppOptions,
    ) -> Result<Self, EncodeError> {
        settings::check(&settings)?;
        if !library.offers(settings.codec) {
            let codec = settings.codec;
            return Err(EncodeError::Settings(format!("this board's MPP does not encode {codec:?}")));
        }
        let worker = Worker::open(library, settings, (range, matrix), options)?;
        Ok(Self { settings, worker })
    }
}

impl Encoder for MppEncoder {
    fn settings(&self) -> &EncoderSettings {
        &self.settings
    }
    fn encode(&mut self, frame: MaskedFrame, key: bool, unit: &mut EncodedUnit) -> Result<(), EncodeError> {
        self.worker.encode(frame, key, unit)
    }
    fn change(&mut self, bitrate_bps: u32, fps: f32) -> Result<(), EncodeError> {
        let settings = EncoderSettings { bitrate_bps, fps, ..self.settings };
        settings::check(&settings)?;
        self.worker.change(settings)?;
        self.settings = settings;
        Ok(())
    }
}
