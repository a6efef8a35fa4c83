//! Pictures from files, upright as `campari-mask` sees them.

use crate::input::Annotated;
use crate::score::Luma;
use anyhow::{Context, Result, ensure};
use image::{DynamicImage, ImageDecoder, ImageReader, RgbImage};
use std::path::Path;

/// The luma of `file`, which shows the annotated picture (or its masked twin).
pub(super) fn luma(file: &Path, picture: &Annotated) -> Result<Luma> {
    let read = rgb(file)?;
    let (width, height) = (read.width() as usize, read.height() as usize);
    ensure!(
        (width, height) == (picture.width, picture.height),
        "{}: {width}x{height} pixels, annotated as {}x{}",
        file.display(),
        picture.width,
        picture.height
    );
    Ok(Luma::of_rgb(width, height, read.as_raw()))
}

/// The picture itself.
pub(super) fn rgb(file: &Path) -> Result<RgbImage> {
    decode(file).with_context(|| format!("reading the picture {}", file.display()))
}

fn decode(file: &Path) -> Result<RgbImage> {
    let mut decoder = ImageReader::open(file)?.with_guessed_format()?.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture.into_rgb8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_of_another_size_than_annotated_is_refused_with_both() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.png");
        RgbImage::from_pixel(6, 4, image::Rgb([10, 200, 30])).save(&file).unwrap();
        let mut picture =
            Annotated { image: "images/a.png".into(), width: 6, height: 4, source: "s".into(), boxes: vec![] };
        assert_eq!(luma(&file, &picture).unwrap().mean(), 124.0);
        picture.width = 7;
        let told = luma(&file, &picture).unwrap_err().to_string();
        assert!(told.contains("a.png: 6x4 pixels, annotated as 7x4"), "{told}");
        assert!(format!("{:#}", luma(&folder.path().join("b.png"), &picture).unwrap_err()).contains("b.png"));
    }
}
