//! A picture file to a raw frame, and a masked frame to a picture file.
//!
//! EXIF orientation is honoured (the masked picture lies upright) and nothing else of the metadata is kept. Odd sizes get a border of one pixel, which is cut
//! off again. Pictures are full range; BT.709 from 720 lines on, BT.601 below, as the detector takes them.

use crate::FileError;
use board_hal::Nv12Pool;
use image::{DynamicImage, ImageDecoder, ImageReader, RgbImage, imageops};
use mask::{CaptureTime, ColourRange, FrameBuffer, FrameId, MaskedFrame, RawFrame};
use std::fs;
use std::io::Cursor;
use std::path::Path;
use yuv::{BufferStoreMut, YuvBiPlanarImage, YuvBiPlanarImageMut, YuvConversionMode, YuvRange, YuvStandardMatrix};

/// Longest side, pixels.
pub const MAX_SIDE_PX: usize = 8192;
/// Quality of masked JPEG files.
const JPEG_QUALITY: u8 = 92;

/// A picture as a raw frame, and its own size.
pub struct Opened {
    /// The frame, of even size.
    pub frame: RawFrame,
    /// Pixels per line of the upright picture.
    pub width: usize,
    /// Lines of the upright picture.
    pub height: usize,
}

/// Reads `file` as frame `id`.
///
/// # Errors
/// [`FileError::Unreadable`], [`FileError::Size`].
pub fn open(file: &Path, id: u64) -> Result<Opened, FileError> {
    let unreadable = |cause: String| FileError::Unreadable { file: file.to_owned(), cause };
    let picture = decode(file).map_err(|error| unreadable(error.to_string()))?;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let picture = even(picture);
    if width.max(height) > MAX_SIDE_PX {
        return Err(FileError::Size { file: file.to_owned(), width, height });
    }
    let pool = Nv12Pool::new(picture.width() as usize, picture.height() as usize, 1);
    let mut buffer = pool.try_take().ok_or_else(|| unreadable("no buffer".to_owned()))?;
    to_nv12(&picture, &mut *buffer).map_err(|error| unreadable(error.to_string()))?;
    let at = CaptureTime { monotonic_us: 0, utc_us: 0 };
    let frame = RawFrame::new(FrameId(id), at, pool.geometry(), ColourRange::Full, buffer)
        .map_err(|error| unreadable(error.to_string()))?;
    Ok(Opened { frame, width, height })
}

/// Writes `masked`, cut to `width` by `height`, as the file type that `target`'s name says.
///
/// # Errors
/// [`FileError::Unwritable`].
pub fn write(masked: &MaskedFrame, width: usize, height: usize, target: &Path) -> Result<(), FileError> {
    let unwritable = |cause: String| FileError::Unwritable { file: target.to_owned(), cause };
    let whole = from_nv12(masked).map_err(|error| unwritable(error.to_string()))?;
    let picture = if (whole.width() as usize, whole.height() as usize) == (width, height) {
        whole
    } else {
        imageops::crop_imm(&whole, 0, 0, width as u32, height as u32).to_image()
    };
    let mut bytes = Vec::new();
    let encoded = if target.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
        picture.write_with_encoder(image::codecs::png::PngEncoder::new(Cursor::new(&mut bytes)))
    } else {
        picture.write_with_encoder(image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY))
    };
    encoded.map_err(|error| unwritable(error.to_string()))?;
    fs::write(target, bytes).map_err(|error| unwritable(error.to_string()))
}

fn decode(file: &Path) -> image::ImageResult<RgbImage> {
    let mut decoder = ImageReader::open(file)?.with_guessed_format()?.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture.into_rgb8())
}

/// Repeats the last column and line of a picture whose size is odd.
fn even(picture: RgbImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    if width % 2 == 0 && height % 2 == 0 {
        return picture;
    }
    RgbImage::from_fn(width.next_multiple_of(2), height.next_multiple_of(2), |x, y| {
        *picture.get_pixel(x.min(width - 1), y.min(height - 1))
    })
}

fn matrix(height: u32) -> YuvStandardMatrix {
    if height >= 720 { YuvStandardMatrix::Bt709 } else { YuvStandardMatrix::Bt601 }
}

fn to_nv12(picture: &RgbImage, buffer: &mut dyn FrameBuffer) -> Result<(), yuv::YuvError> {
    let (width, height) = picture.dimensions();
    let planes = buffer.planes_mut();
    let mut nv12 = YuvBiPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(planes.luma),
        y_stride: width,
        uv_plane: BufferStoreMut::Borrowed(planes.chroma),
        uv_stride: width,
        width,
        height,
    };
    yuv::rgb_to_yuv_nv12(
        &mut nv12,
        picture.as_raw(),
        3 * width,
        YuvRange::Full,
        matrix(height),
        YuvConversionMode::Balanced,
    )
}

fn from_nv12(masked: &MaskedFrame) -> Result<RgbImage, yuv::YuvError> {
    let geometry = masked.info().geometry;
    let planes = masked.planes();
    let (width, height) = (geometry.width as u32, geometry.height as u32);
    let nv12 = YuvBiPlanarImage {
        y_plane: planes.luma,
        y_stride: geometry.luma_stride as u32,
        uv_plane: planes.chroma,
        uv_stride: geometry.chroma_stride as u32,
        width,
        height,
    };
    let mut picture = RgbImage::new(width, height);
    yuv::yuv_nv12_to_rgb(&nv12, &mut picture, 3 * width, YuvRange::Full, matrix(height), YuvConversionMode::Balanced)?;
    Ok(picture)
}
