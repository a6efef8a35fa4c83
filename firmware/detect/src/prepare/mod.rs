//! From a frame's planes to the network's input: shrink, convert, place, pad.
//!
//! Luma and chroma are averaged in Y'CbCr and converted at the small size, which equals converting first (the conversion is linear) but for
//! clipping, at a ninth of the work for 1080p. Shrinking averages areas, enlarging interpolates linearly, as the models were calibrated.
//! Colour: BT.709 from 720 lines up, BT.601 below; chroma is taken as lying in the middle of its four luma pixels.

mod colour;
mod taps;

use crate::LetterboxMap;
use colour::Colour;
use mask::{ColourMatrix, ColourRange, Geometry, Planes};
use taps::Taps;

/// Longest side of picture or input, pixels.
const MAX_SIDE: usize = 16_384;

/// Why a picture cannot be prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// Zero, odd or very large sizes, or a stride below the width.
    #[error(
        "a picture with {0:?} cannot be fed to the detector: sides must be even, 2 to {MAX_SIDE}, strides not below the width"
    )]
    Geometry(Geometry),
    /// The network's input has no sensible size.
    #[error("a network input of {width}x{height} is none: sides must be 1 to {MAX_SIDE}; see the model manifest")]
    Input {
        /// Pixels per line.
        width: usize,
        /// Lines.
        height: usize,
    },
    /// The planes are smaller than the geometry that this was built for: the camera changed its format.
    #[error(
        "the {plane} plane has {have} bytes, its geometry needs {need}; the camera changed its format: prepare anew"
    )]
    Plane {
        /// `luma` or `chroma`.
        plane: &'static str,
        /// Bytes there.
        have: usize,
        /// Bytes needed.
        need: usize,
    },
    /// The input buffer is not the network's.
    #[error("the input buffer has {have} bytes, the network takes {need}")]
    Buffer {
        /// Bytes there.
        have: usize,
        /// Bytes needed.
        need: usize,
    },
}

/// Tables and lines for one camera format and one network. Built once; [`Prepare::run`] allocates nothing.
pub struct Prepare {
    geometry: Geometry,
    map: LetterboxMap,
    net_width: usize,
    net_height: usize,
    pad: i8,
    range: ColourRange,
    colour: Colour,
    luma: [Taps; 2],
    chroma: [Taps; 2],
    /// A line averaged down the picture, 8.8 fixed point.
    column_sums: Vec<u16>,
    /// One line of the small picture: Y', Cb, Cr.
    small: [Vec<u8>; 3],
    /// The same line as R, G, B, less 128.
    rgb: [Vec<i8>; 3],
}

impl Prepare {
    /// For frames of `geometry` and `range`, and a network that takes `net_width` x `net_height`; `pad` (0 to 255) fills what the picture leaves.
    ///
    /// # Errors
    /// [`PrepareError::Geometry`] and [`PrepareError::Input`] for sizes that are none.
    pub fn new(
        geometry: Geometry,
        range: ColourRange,
        net_width: usize,
        net_height: usize,
        pad: u8,
    ) -> Result<Self, PrepareError> {
        let Geometry { width, height, luma_stride, chroma_stride } = geometry;
        let fits = |side: usize| (2..=MAX_SIDE).contains(&side) && side.is_multiple_of(2);
        if !fits(width) || !fits(height) || luma_stride < width || chroma_stride < width {
            return Err(PrepareError::Geometry(geometry));
        }
        if !(1..=MAX_SIDE).contains(&net_width) || !(1..=MAX_SIDE).contains(&net_height) {
            return Err(PrepareError::Input { width: net_width, height: net_height });
        }
        let map = LetterboxMap::new(width, height, net_width, net_height);
        let (across, down) = (map.content_width, map.content_height);
        Ok(Self {
            geometry,
            map,
            net_width,
            net_height,
            pad: less_128(pad),
            range,
            colour: Colour::new(ColourMatrix::usual(height), range),
            luma: [Taps::new(width, across), Taps::new(height, down)],
            chroma: [Taps::new(width / 2, across), Taps::new(height / 2, down)],
            column_sums: vec![0; width],
            small: std::array::from_fn(|_| vec![0; across]),
            rgb: std::array::from_fn(|_| vec![0; across]),
        })
    }

    /// For pictures whose source states its colour matrix; else it is the usual one for their height.
    #[must_use]
    pub fn with_matrix(self, matrix: ColourMatrix) -> Self {
        Self { colour: Colour::new(matrix, self.range), ..self }
    }

    /// Where the picture lies in the input.
    #[must_use]
    pub fn map(&self) -> LetterboxMap {
        self.map
    }

    /// Bytes of the input: width x height x 3.
    #[must_use]
    pub fn input_len(&self) -> usize {
        self.net_width * self.net_height * 3
    }

    /// Writes the whole input: height x width x RGB, each `v - 128`.
    ///
    /// # Errors
    /// [`PrepareError::Plane`] when the planes are shorter than the geometry, [`PrepareError::Buffer`] when `out` is not [`Prepare::input_len`] long.
    pub fn run(&mut self, planes: Planes<'_>, out: &mut [i8]) -> Result<(), PrepareError> {
        let geometry = self.geometry;
        for (plane, have, need) in
            [("luma", planes.luma.len(), geometry.luma_len()), ("chroma", planes.chroma.len(), geometry.chroma_len())]
        {
            if have < need {
                return Err(PrepareError::Plane { plane, have, need });
            }
        }
        if out.len() != self.input_len() {
            return Err(PrepareError::Buffer { have: out.len(), need: self.input_len() });
        }
        let [y, cb, cr] = &mut self.small;
        let [red, green, blue] = &mut self.rgb;
        let [luma_x, luma_y] = &self.luma;
        let [chroma_x, chroma_y] = &self.chroma;
        let (content, below) = out.split_at_mut(self.map.content_height * self.net_width * 3);
        for (row, line) in content.chunks_exact_mut(self.net_width * 3).enumerate() {
            luma_y.average_rows(row, planes.luma, geometry.luma_stride, &mut self.column_sums);
            luma_x.average_line::<1>(&self.column_sums, y);
            chroma_y.average_rows(row, planes.chroma, geometry.chroma_stride, &mut self.column_sums);
            chroma_x.average_line::<2>(&self.column_sums, cb);
            chroma_x.average_line::<2>(&self.column_sums[1..], cr);
            self.colour.convert([y, cb, cr], [red, green, blue]);
            let (picture, beside) = line.split_at_mut(y.len() * 3);
            for (((pixel, r), g), b) in picture.chunks_exact_mut(3).zip(&*red).zip(&*green).zip(&*blue) {
                pixel.copy_from_slice(&[*r, *g, *b]);
            }
            beside.fill(self.pad);
        }
        below.fill(self.pad);
        Ok(())
    }
}

/// 0..=255 as the network stores it.
fn less_128(value: u8) -> i8 {
    (value ^ 0x80) as i8
}
