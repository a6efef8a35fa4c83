//! Motion JPEG (JFIF pictures, also without their Huffman tables as many USB cameras send them) to NV12.
//!
//! zune-jpeg decodes: written in Rust without C, for these bytes come from a cable that anybody may have a hand on. It allocates some line buffers per picture;
//! the picture itself lies in memory that is kept. A picture that is cut short, broken, or of another size than was agreed on is refused whole.

use mask::{Geometry, PlanesMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// More scans than this only serve to keep a decoder busy.
const MOST_SCANS: usize = 16;
/// EOI of ITU-T T.81, table B.1. Entropy-coded data cannot hold it.
const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];

/// Decodes pictures of one size.
pub(crate) struct Jpeg {
    geometry: Geometry,
    options: DecoderOptions,
    /// Y Cb Cr for each pixel.
    pixels: Vec<u8>,
}

impl Jpeg {
    pub(crate) fn new(geometry: Geometry) -> Self {
        let options = DecoderOptions::default()
            .set_strict_mode(true)
            .set_max_width(geometry.width)
            .set_max_height(geometry.height)
            .jpeg_set_max_scans(MOST_SCANS);
        Self { geometry, options, pixels: vec![0; geometry.width * geometry.height * 3] }
    }

    /// Decodes the picture in `from`; an error says what is wrong with it, and `to` is not to be shown then.
    pub(crate) fn decode_to_nv12(&mut self, from: &[u8], to: &mut PlanesMut<'_>) -> Result<(), String> {
        // The decoder is fuzzed by its authors; should it panic all the same, one picture is lost and not the eye.
        let coloured = catch_unwind(AssertUnwindSafe(|| self.decode(from)))
            .unwrap_or_else(|_| Err("the JPEG decoder panicked".to_owned()))?;
        if coloured {
            self.subsample(to);
        } else {
            self.gray(to);
        }
        Ok(())
    }

    /// Fills `pixels`; tells whether there is colour, else there is one byte for each pixel.
    fn decode(&mut self, from: &[u8]) -> Result<bool, String> {
        // The decoder makes up what is missing of the last lines.
        if !from.windows(2).rev().any(|bytes| bytes == END_OF_IMAGE) {
            return Err("a JPEG cut short".to_owned());
        }
        let broken = |error: &dyn std::fmt::Display| format!("a broken JPEG: {error}");
        let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(from), self.options);
        decoder.decode_headers().map_err(|error| broken(&error))?;
        let size = decoder.dimensions().unwrap_or_default();
        let Geometry { width, height, .. } = self.geometry;
        if size != (width, height) {
            return Err(format!("a JPEG of {}x{}, agreed on were {width}x{height}", size.0, size.1));
        }
        let colour = match decoder.input_colorspace() {
            Some(ColorSpace::YCbCr) => ColorSpace::YCbCr,
            Some(ColorSpace::Luma) => ColorSpace::Luma,
            other => return Err(format!("a JPEG whose colours are {other:?}")),
        };
        decoder.set_options(self.options.jpeg_set_out_colorspace(colour));
        decoder.decode_into(&mut self.pixels).map_err(|error| broken(&error))?;
        Ok(colour == ColorSpace::YCbCr)
    }

    /// Luma as it is, chroma of each four pixels averaged.
    fn subsample(&self, to: &mut PlanesMut<'_>) {
        let line_len = self.geometry.width * 3;
        let luma = to.luma.chunks_mut(self.geometry.luma_stride * 2);
        let chroma = to.chroma.chunks_mut(self.geometry.chroma_stride);
        for ((pair, luma), chroma) in self.pixels.chunks_exact(line_len * 2).zip(luma).zip(chroma) {
            let (upper, lower) = pair.split_at(line_len);
            let (luma_upper, luma_lower) = luma.split_at_mut(self.geometry.luma_stride);
            for (to, from) in luma_upper.iter_mut().zip(upper.chunks_exact(3)) {
                *to = from[0];
            }
            for (to, from) in luma_lower.iter_mut().zip(lower.chunks_exact(3)) {
                *to = from[0];
            }
            for ((to, up), down) in chroma.chunks_exact_mut(2).zip(upper.chunks_exact(6)).zip(lower.chunks_exact(6)) {
                to[0] = mean([up[1], up[4], down[1], down[4]]);
                to[1] = mean([up[2], up[5], down[2], down[5]]);
            }
        }
    }

    fn gray(&self, to: &mut PlanesMut<'_>) {
        let width = self.geometry.width;
        for (to, from) in to.luma.chunks_mut(self.geometry.luma_stride).zip(self.pixels.chunks_exact(width)) {
            to[..width].copy_from_slice(from);
        }
        to.chroma.fill(128);
    }
}

fn mean(of: [u8; 4]) -> u8 {
    ((of.iter().map(|value| u16::from(*value)).sum::<u16>() + 2) >> 2) as u8
}
