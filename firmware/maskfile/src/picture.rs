//! A picture file to a raw frame, and a masked frame to a picture file.
//!
//! EXIF orientation is applied and nothing of the metadata is kept: the masked picture lies upright by itself, and sizes and boxes in the report are those of
//! the upright picture. Without EXIF that is the stored pixel grid. Odd sizes get a border of one pixel, which is cut off again. Transparency is left behind.
//! Pictures are full range; BT.709 from 720 lines on, BT.601 below, as the detector takes them.
//!
//! What a file says of itself is not believed: its size is judged before anything is decoded, and a JPEG without an end is not taken for a whole one.

use crate::FileError;
use crate::place::Part;
use board_hal::Nv12Pool;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage, imageops};
use mask::{CaptureTime, ColourRange, FrameBuffer, FrameId, MaskedFrame, RawFrame};
use std::fs;
use std::io::Cursor;
use std::path::Path;
use yuv::{BufferStoreMut, YuvBiPlanarImage, YuvBiPlanarImageMut, YuvConversionMode, YuvRange, YuvStandardMatrix};

/// Longest side, pixels.
pub const MAX_SIDE_PX: usize = 8192;
/// Longest file, bytes: more than a picture of the largest size in 16 bits with transparency takes unpacked.
const MAX_FILE_BYTES: u64 = 1 << 30;
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
    let picture = decode(file)?;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let picture = even(picture);
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
    let part = Part::of(target);
    fs::write(part.file(), bytes).map_err(|error| unwritable(error.to_string()))?;
    part.finish()
}

fn decode(file: &Path) -> Result<RgbImage, FileError> {
    let unreadable = |cause: String| FileError::Unreadable { file: file.to_owned(), cause: cause.trim().to_owned() };
    let about = fs::metadata(file).map_err(|error| unreadable(error.to_string()))?;
    if about.len() == 0 || about.len() > MAX_FILE_BYTES {
        return Err(unreadable(format!("{} bytes; a picture has 1 to {MAX_FILE_BYTES}", about.len())));
    }
    let bytes = fs::read(file).map_err(|error| unreadable(error.to_string()))?;
    let reader = ImageReader::new(Cursor::new(&bytes)).with_guessed_format();
    let reader = reader.map_err(|error| unreadable(error.to_string()))?;
    let format = reader.format().ok_or_else(|| unreadable("neither JPEG nor PNG".to_owned()))?;
    let failed = |error: image::ImageError| unreadable(error.to_string());
    let mut decoder = reader.into_decoder().map_err(failed)?;
    let (width, height) = decoder.dimensions();
    let (width, height) = (width as usize, height as usize);
    if width.max(height) > MAX_SIDE_PX {
        return Err(FileError::Size { file: file.to_owned(), width, height });
    }
    if format == ImageFormat::Jpeg && !jpeg_has_an_end(&bytes) {
        return Err(unreadable("a JPEG that breaks off: it has no end".to_owned()));
    }
    let orientation = decoder.orientation().map_err(failed)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(failed)?;
    picture.apply_orientation(orientation);
    Ok(picture.into_rgb8())
}

/// Whether an end-of-image marker follows the first scan (ITU-T T.81, B.1.1.2: within a scan, 0xFF is stuffed). The decoder fills what is missing with gray,
/// and would not say so. Segments before the scan are skipped whole: a small picture of its own may lie in them.
fn jpeg_has_an_end(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(2..).unwrap_or_default();
    loop {
        rest = match rest {
            [0xff, 0xda, scan @ ..] => return scan.windows(2).any(|pair| pair == [0xff, 0xd9]),
            // Markers without a length.
            [0xff, 0x01 | 0xd0..=0xd7, after @ ..] => after,
            [0xff, marker, high, low, ..] if *marker != 0xff => {
                rest.get(2 + usize::from(u16::from_be_bytes([*high, *low]))..).unwrap_or_default()
            }
            // Fill, and what lies between segments though it should not; the decoder skips it too.
            [_, after @ ..] => after,
            [] => return false,
        };
    }
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
