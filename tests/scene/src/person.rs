//! People: cut out of photographs along traced outlines, on drawn legs that walk.
//!
//! Outlines and boxes are in *traced units*; `unit_px` of a portrait says how many picture pixels one is.

use crate::canvas::Area;
use crate::plate::{draw_level, halvings};
use crate::world::{fill_px, project, rgb, scale, shade};
use anyhow::{Context, Result};
use std::path::Path;
use tiny_skia::{Color, FillRule, Mask, Pixmap, PixmapMut, Point, PremultipliedColorU8, Transform};

/// How wide a head with hair and ears is.
const HEAD_WIDTH_M: f32 = 0.19;
const HEIGHT_M: f32 = 1.76;
/// Heads that a person is tall.
const HEADS_TALL: f32 = 7.2;

/// A traced photograph.
pub(crate) struct Portrait {
    file: &'static str,
    unit_px: f32,
    /// Clockwise; ends at the lower edge of what the photograph shows.
    outline: &'static [(f32, f32)],
    /// Whole head, hair and chin: x, y, w, h.
    head: (f32, f32, f32, f32),
    /// Where legs begin: left, right, top.
    hips: (f32, f32, f32),
    trousers: (u8, u8, u8),
    /// Coat below what the photograph shows, when it ends at the waist: down to where, and its colour.
    coat: Option<(f32, (u8, u8, u8))>,
}

pub(crate) static STATESMAN: Portrait = Portrait {
    file: "biden.jpg",
    unit_px: 1.0636,
    outline: &[
        (375., 502.),
        (392., 470.),
        (392., 408.),
        (374., 390.),
        (365., 345.),
        (363., 285.),
        (374., 212.),
        (390., 167.),
        (426., 128.),
        (480., 99.),
        (540., 96.),
        (600., 100.),
        (648., 128.),
        (686., 172.),
        (704., 232.),
        (705., 284.),
        (690., 338.),
        (677., 365.),
        (661., 438.),
        (640., 468.),
        (610., 520.),
        (598., 562.),
        (660., 610.),
        (758., 648.),
        (838., 690.),
        (866., 738.),
        (876., 802.),
        (896., 850.),
        (905., 900.),
        (907., 1000.),
        (904., 1090.),
        (880., 1140.),
        (845., 1158.),
        (779., 1158.),
        (798., 1238.),
        (813., 1360.),
        (848., 1440.),
        (836., 1462.),
        (855., 1590.),
        (877., 1690.),
        (887., 1790.),
        (898., 1870.),
        (803., 1900.),
        (788., 2071.),
        (32., 2071.),
        (30., 1950.),
        (24., 1840.),
        (43., 1680.),
        (67., 1470.),
        (80., 1330.),
        (107., 1182.),
        (78., 1110.),
        (48., 1000.),
        (38., 860.),
        (43., 760.),
        (41., 680.),
        (52., 622.),
        (92., 592.),
        (190., 568.),
        (300., 550.),
    ],
    head: (360., 92., 348., 456.),
    hips: (70., 815., 2000.),
    trousers: (16, 16, 20),
    coat: None,
};

pub(crate) static PRESIDENT: Portrait = Portrait {
    file: "obama.jpg",
    unit_px: 1.0,
    outline: &[
        (402., 394.),
        (398., 370.),
        (386., 300.),
        (363., 294.),
        (347., 260.),
        (339., 206.),
        (354., 198.),
        (359., 150.),
        (364., 112.),
        (382., 72.),
        (421., 45.),
        (480., 32.),
        (530., 35.),
        (579., 57.),
        (608., 91.),
        (622., 140.),
        (623., 197.),
        (638., 200.),
        (639., 230.),
        (627., 274.),
        (612., 294.),
        (600., 310.),
        (592., 345.),
        (583., 373.),
        (600., 402.),
        (640., 432.),
        (740., 467.),
        (804., 502.),
        (833., 532.),
        (840., 600.),
        (831., 650.),
        (836., 710.),
        (830., 800.),
        (818., 900.),
        (788., 980.),
        (755., 1040.),
        (757., 1136.),
        (205., 1136.),
        (200., 1107.),
        (100., 1090.),
        (73., 1060.),
        (67., 1000.),
        (53., 960.),
        (66., 890.),
        (91., 810.),
        (109., 740.),
        (132., 690.),
        (152., 620.),
        (192., 532.),
        (240., 507.),
        (310., 477.),
        (381., 437.),
    ],
    head: (337., 29., 304., 428.),
    hips: (215., 750., 1500.),
    trousers: (28, 34, 48),
    coat: Some((1640., (27, 32, 45))),
};

pub(crate) static ASTRONAUT: Portrait = Portrait {
    file: "astronaut.png",
    unit_px: 0.5,
    outline: &[
        (370., 300.),
        (362., 262.),
        (346., 253.),
        (322., 214.),
        (310., 170.),
        (314., 121.),
        (337., 87.),
        (386., 67.),
        (420., 47.),
        (470., 34.),
        (530., 44.),
        (574., 77.),
        (596., 121.),
        (601., 170.),
        (593., 219.),
        (569., 248.),
        (551., 268.),
        (535., 275.),
        (512., 347.),
        (558., 387.),
        (598., 432.),
        (608., 472.),
        (650., 487.),
        (683., 527.),
        (704., 582.),
        (722., 660.),
        (728., 702.),
        (780., 694.),
        (850., 690.),
        (905., 706.),
        (958., 752.),
        (988., 830.),
        (1002., 920.),
        (1004., 1022.),
        (150., 1022.),
        (104., 1010.),
        (64., 960.),
        (47., 880.),
        (42., 780.),
        (54., 690.),
        (77., 622.),
        (97., 542.),
        (132., 502.),
        (192., 452.),
        (226., 417.),
        (230., 380.),
        (247., 350.),
        (282., 316.),
        (330., 299.),
    ],
    head: (306., 30., 298., 352.),
    hips: (120., 690., 1180.),
    trousers: (188, 70, 34),
    coat: Some((1330., (204, 78, 38))),
};

/// A portrait cut out and ready to be drawn at any size.
pub(crate) struct Person {
    portrait: &'static Portrait,
    levels: Vec<Pixmap>,
}

/// One moment of a walk.
#[derive(Clone, Copy)]
pub(crate) struct Pose {
    pub(crate) x_m: f32,
    pub(crate) z_m: f32,
    /// Steps walked so far, for legs and bobbing.
    pub(crate) steps: f32,
    pub(crate) mirrored: bool,
}

impl Person {
    pub(crate) fn new(folder: &Path, portrait: &'static Portrait) -> Result<Self> {
        let path = folder.join(portrait.file);
        let picture = image::open(&path).with_context(|| format!("reading {}", path.display()))?.into_rgb8();
        let (w, h) = picture.dimensions();
        let mut cut = Pixmap::new(w, h).context("a picture has a size")?;
        let mut mask = Mask::new(w, h).context("a picture has a size")?;
        let points: Vec<Point> =
            portrait.outline.iter().map(|&(x, y)| Point::from_xy(x * portrait.unit_px, y * portrait.unit_px)).collect();
        let path = crate::world::shape(&points).context("an outline has corners")?;
        mask.fill_path(&path, FillRule::Winding, true, Transform::identity());
        // A traced edge is never exact; a soft one a hundredth of the head wide does not show it.
        feather(&mut mask, (portrait.head.2 * portrait.unit_px / 70.0).ceil() as usize);
        for ((to, from), &alpha) in cut.pixels_mut().iter_mut().zip(picture.pixels()).zip(mask.data()) {
            let part = |value: u8| (u16::from(value) * u16::from(alpha) / 255) as u8;
            let [red, green, blue] = from.0.map(part);
            if let Some(pixel) = PremultipliedColorU8::from_rgba(red, green, blue, alpha) {
                *to = pixel;
            }
        }
        Ok(Self { portrait, levels: halvings(cut) })
    }

    /// Traced units to pixels of the frame: head top at the person's height, head in the middle of `x_m`.
    fn place(&self, pose: Pose) -> (Transform, f32) {
        let (head_x, head_y, head_w, _) = self.portrait.head;
        let size = HEAD_WIDTH_M * scale(pose.z_m) / head_w;
        let bob_m = 0.018 * (pose.steps * std::f32::consts::TAU).cos();
        let top = project(pose.x_m, HEIGHT_M + bob_m, pose.z_m);
        let flip = if pose.mirrored { -1.0 } else { 1.0 };
        let middle = head_x + head_w / 2.0;
        let transform =
            Transform::from_translate(top.x, top.y).pre_scale(size * flip, size).pre_translate(-middle, -head_y);
        (transform, size)
    }

    /// The box of the head in the frame.
    pub(crate) fn head_area(&self, pose: Pose) -> Area {
        let (transform, size) = self.place(pose);
        let (x, y, w, h) = self.portrait.head;
        let mut corner = Point::from_xy(if pose.mirrored { x + w } else { x }, y);
        transform.map_point(&mut corner);
        Area { x: corner.x, y: corner.y, w: w * size, h: h * size }
    }

    /// Draws the person.
    pub(crate) fn draw(&self, onto: &mut PixmapMut<'_>, pose: Pose) {
        let (transform, size) = self.place(pose);
        self.legs(onto, transform, pose.steps);
        let unit = self.portrait.unit_px;
        let full = self.levels.first().map_or(1.0, |level| level.width() as f32);
        // Flip and position without the size, which the level takes.
        let place = transform.pre_scale(1.0 / size, 1.0 / size);
        draw_level(onto, &self.levels, full, place, size / unit);
    }

    fn legs(&self, onto: &mut PixmapMut<'_>, transform: Transform, steps: f32) {
        let portrait = self.portrait;
        let (left, right, top) = portrait.hips;
        let (_, head_y, _, head_h) = portrait.head;
        let ground = head_y + head_h * HEADS_TALL;
        let (red, green, blue) = portrait.trousers;
        let cloth = rgb(red, green, blue);
        let width = right - left;
        let middle = f32::midpoint(left, right);
        let swing = (steps * std::f32::consts::PI).sin();
        let polygon = |onto: &mut PixmapMut<'_>, corners: &[(f32, f32)], colour: Color| {
            let points: Vec<Point> = corners.iter().map(|&(x, y)| Point::from_xy(x, y)).collect();
            fill_px(onto, &points, colour, transform);
        };
        let shadow = Color::from_rgba8(10, 10, 14, 90);
        let spread = width * 0.75;
        polygon(onto, &oval(middle, ground, spread, head_h * 0.13), shadow);
        // The leg in the air is drawn first, shorter and darker: it is the one behind.
        let mut legs = [(-1.0, swing), (1.0, -swing)];
        legs.sort_by(|a, b| b.1.total_cmp(&a.1));
        for (side, lift) in legs {
            let up = lift.max(0.0);
            let foot = ground - head_h * 0.28 * up;
            let hip = middle + side * width * 0.24;
            let toe = middle + side * width * 0.19;
            let tint = shade(cloth, 1.0 - 0.3 * up);
            let (hip_w, toe_w) = (width * 0.25, width * 0.13);
            polygon(onto, &[(hip - hip_w, top), (hip + hip_w, top), (toe + toe_w, foot), (toe - toe_w, foot)], tint);
            let shoe = head_h * 0.16;
            polygon(onto, &oval(toe + side * width * 0.03, foot, toe_w * 1.15, shoe), rgb(20, 18, 18));
        }
        if let Some((hem, (red, green, blue))) = portrait.coat {
            let cloth = rgb(red, green, blue);
            let seam = portrait.outline.iter().map(|corner| corner.1).fold(0.0, f32::max) - 40.0;
            let flare = width * 0.05;
            polygon(onto, &[(left, seam), (right, seam), (right + flare, hem), (left - flare, hem)], cloth);
            polygon(
                onto,
                &[(middle - 3.0, seam), (middle + 3.0, seam), (middle + 14.0, hem), (middle - 9.0, hem)],
                shade(cloth, 0.65),
            );
        }
    }
}

fn oval(x: f32, y: f32, rx: f32, ry: f32) -> Vec<(f32, f32)> {
    (0..20)
        .map(|step| (step as f32 * std::f32::consts::TAU / 20.0).sin_cos())
        .map(|(s, c)| (x + rx * c, y + ry * s))
        .collect()
}

/// Softens a mask's edge inwards and outwards: a box filter along rows, then columns.
fn feather(mask: &mut Mask, radius: usize) {
    let (w, h) = (mask.width() as usize, mask.height() as usize);
    let data = mask.data_mut();
    for (lines, length, step, stride) in [(h, w, 1, w), (w, h, w, 1)] {
        let mut line = vec![0u8; length];
        for start in 0..lines {
            for (at, value) in line.iter_mut().enumerate() {
                *value = data[start * stride + at * step];
            }
            for at in 0..length {
                let window = &line[at.saturating_sub(radius)..(at + radius + 1).min(length)];
                let sum: usize = window.iter().map(|&value| usize::from(value)).sum();
                data[start * stride + at * step] = (sum / window.len()) as u8;
            }
        }
    }
}
