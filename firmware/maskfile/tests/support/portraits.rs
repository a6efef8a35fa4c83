//! Photographed people, from the pictures that `cargo xtask setup` fetches for the default scene.

use image::RgbImage;
use image::imageops::{FilterType, crop_imm, resize};
use std::path::Path;

/// File, and where the head lies in it: x, y, width, height, pixels (as the scene's outlines were traced).
const PORTRAITS: [(&str, [u32; 4]); 3] =
    [("astronaut.png", [153, 15, 149, 176]), ("biden.jpg", [383, 98, 370, 485]), ("obama.jpg", [337, 29, 304, 428])];

fn open(file: &str) -> RgbImage {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.campari/pictures").join(file);
    image::open(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask setup`", path.display()))
        .into_rgb8()
}

/// A portrait in which nothing stands as it would after any turn or flip: 480 x 360, its head left of the middle and high.
pub fn portrait() -> RgbImage {
    let picture = open(PORTRAITS[0].0);
    crop_imm(&picture, 32, 0, 480, 360).to_image()
}

/// Pixels of [`portrait`] that belong to the face beyond doubt: left, top, right, bottom.
pub const FACE: [u32; 4] = [165, 75, 215, 150];

/// `columns` x `rows` heads with shoulders, each in a cell of `cell` pixels.
pub fn crowd(columns: u32, rows: u32, cell: (u32, u32)) -> RgbImage {
    let heads = PORTRAITS.map(|(file, [x, y, w, h])| {
        let (left, top) = (x.saturating_sub(w / 3), y.saturating_sub(h / 8));
        let picture = open(file);
        let head = crop_imm(&picture, left, top, w * 5 / 3, h * 5 / 4).to_image();
        let height = cell.1;
        resize(&head, (head.width() * height / head.height()).min(cell.0), height, FilterType::Triangle)
    });
    let mut picture = RgbImage::from_pixel(columns * cell.0, rows * cell.1, image::Rgb([150, 155, 160]));
    for place in 0..columns * rows {
        let head = &heads[place as usize % heads.len()];
        let (x, y) = (place % columns * cell.0 + (cell.0 - head.width()) / 2, place / columns * cell.1);
        image::imageops::replace(&mut picture, head, x.into(), y.into());
    }
    picture
}
