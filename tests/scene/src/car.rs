//! Cars: simple bodies in perspective, seen from the front or the rear, each with a plate.

use crate::canvas::Area;
use crate::plate::{self, Plate};
use crate::world::{fill, fill_path, project, rgb, scale, shade};
use tiny_skia::{Color, PathBuilder, PixmapMut, Transform};

const HALF_WIDTH_M: f32 = 0.88;
const SILL_M: f32 = 0.22;
const WAIST_M: f32 = 0.88;
const ROOF_M: f32 = 1.42;
const LENGTH_M: f32 = 4.1;
const PLATE_BOTTOM_M: f32 = 0.42;

/// Which end is turned to the camera.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Front,
    Rear,
}

/// One car.
pub(crate) struct Car {
    pub(crate) body: Color,
    pub(crate) end: End,
    pub(crate) plate: Plate,
}

/// The box of the plate of a car that stands there.
pub(crate) fn plate_area(x_m: f32, z_m: f32) -> Area {
    let corner = project(x_m - plate::WIDTH_M / 2.0, PLATE_BOTTOM_M + plate::HEIGHT_M, z_m);
    Area { x: corner.x, y: corner.y, w: plate::WIDTH_M * scale(z_m), h: plate::HEIGHT_M * scale(z_m) }
}

impl Car {
    /// Draws the car with its near end at a place in the street.
    pub(crate) fn draw(&self, onto: &mut PixmapMut<'_>, x: f32, z: f32) {
        let (left, right) = (x - HALF_WIDTH_M, x + HALF_WIDTH_M);
        let far = z + LENGTH_M;
        // Glass begins behind a bonnet or a boot.
        let (deck, slope) = if self.end == End::Front { (1.15, 0.75) } else { (0.55, 0.5) };
        let (glass, top) = (z + deck, z + deck + slope);
        let roof_end = if self.end == End::Front { far - 0.7 } else { far - 1.7 };
        let tuck = 0.14;

        ground_shadow(onto, left, right, z, far);
        // The side that the camera sees: the one nearer to the middle of the picture.
        let side = if x < 0.0 { right } else { left };
        let inward = if x < 0.0 { -tuck } else { tuck };
        fill(
            onto,
            &[
                (side, SILL_M, z),
                (side, WAIST_M - 0.1, z),
                (side, WAIST_M, glass),
                (side, WAIST_M, far),
                (side, SILL_M, far),
            ],
            shade(self.body, 0.72),
        );
        let window = rgb(38, 46, 54);
        let cabin = [
            (side, WAIST_M, glass),
            (side + inward, ROOF_M, top),
            (side + inward, ROOF_M, roof_end),
            (side, WAIST_M, far - 0.2),
        ];
        fill(onto, &cabin, shade(self.body, 0.62));
        let pane = [
            (side, WAIST_M + 0.04, glass + 0.22),
            (side + inward * 0.9, ROOF_M - 0.07, top + 0.12),
            (side + inward * 0.9, ROOF_M - 0.07, roof_end - 0.12),
            (side, WAIST_M + 0.04, far - 0.5),
        ];
        fill(onto, &pane, window);
        for wheel in [z + 0.75, far - 0.8] {
            wheel_on(onto, side, wheel);
        }
        // Roof, glass, deck.
        fill(
            onto,
            &[
                (left + tuck, ROOF_M, top),
                (right - tuck, ROOF_M, top),
                (right - tuck, ROOF_M, roof_end),
                (left + tuck, ROOF_M, roof_end),
            ],
            shade(self.body, 1.15),
        );
        fill(
            onto,
            &[(left, WAIST_M, glass), (right, WAIST_M, glass), (right - tuck, ROOF_M, top), (left + tuck, ROOF_M, top)],
            shade(self.body, 0.8),
        );
        let frame = 0.07;
        fill(
            onto,
            &[
                (left + frame, WAIST_M + 0.03, glass),
                (right - frame, WAIST_M + 0.03, glass),
                (right - tuck - frame, ROOF_M - 0.05, top),
                (left + tuck + frame, ROOF_M - 0.05, top),
            ],
            rgb(58, 70, 82),
        );
        fill(
            onto,
            &[
                (left + 0.3, WAIST_M + 0.03, glass),
                (left + 0.7, WAIST_M + 0.03, glass),
                (left + 0.95, ROOF_M - 0.05, top),
                (left + 0.6, ROOF_M - 0.05, top),
            ],
            rgb(92, 108, 120),
        );
        let cut = 0.06;
        let deck = [
            (left + cut, WAIST_M - 0.06, z),
            (right - cut, WAIST_M - 0.06, z),
            (right, WAIST_M, glass),
            (left, WAIST_M, glass),
        ];
        fill(onto, &deck, shade(self.body, 1.08));
        self.face(onto, left, right, z);
    }

    /// The near end: panel, lamps, grille or boot lid, wheels, plate.
    fn face(&self, onto: &mut PixmapMut<'_>, left: f32, right: f32, z: f32) {
        for wheel in [left + 0.03, right - 0.25] {
            fill(
                onto,
                &[(wheel, 0.0, z), (wheel + 0.22, 0.0, z), (wheel + 0.22, 0.4, z), (wheel, 0.4, z)],
                rgb(22, 22, 24),
            );
        }
        let cut = 0.06;
        fill(
            onto,
            &[
                (left, SILL_M + cut, z),
                (left + cut, SILL_M, z),
                (right - cut, SILL_M, z),
                (right, SILL_M + cut, z),
                (right, WAIST_M - 0.14, z),
                (right - cut, WAIST_M - 0.06, z),
                (left + cut, WAIST_M - 0.06, z),
                (left, WAIST_M - 0.14, z),
            ],
            self.body,
        );
        fill(
            onto,
            &[
                (left + 0.03, SILL_M, z),
                (right - 0.03, SILL_M, z),
                (right - 0.03, SILL_M + 0.12, z),
                (left + 0.03, SILL_M + 0.12, z),
            ],
            rgb(34, 34, 36),
        );
        let lamp = if self.end == End::Front { rgb(236, 238, 230) } else { rgb(176, 22, 24) };
        let wide = if self.end == End::Front { 0.36 } else { 0.26 };
        for (near, inner) in [(left + 0.06, left + 0.06 + wide), (right - 0.06, right - 0.06 - wide)] {
            fill(onto, &[(near, 0.58, z), (inner, 0.6, z), (inner, 0.7, z), (near, 0.74, z)], rgb(48, 50, 54));
            fill(onto, &[(near, 0.6, z), (inner, 0.615, z), (inner, 0.685, z), (near, 0.72, z)], lamp);
        }
        if self.end == End::Front {
            for slat in 0..3 {
                let y = 0.59 + slat as f32 * 0.045;
                fill(
                    onto,
                    &[(left + 0.5, y, z), (right - 0.5, y, z), (right - 0.5, y + 0.03, z), (left + 0.5, y + 0.03, z)],
                    rgb(30, 32, 34),
                );
            }
        } else {
            fill(
                onto,
                &[(left + 0.1, 0.54, z), (right - 0.1, 0.54, z), (right - 0.1, 0.55, z), (left + 0.1, 0.55, z)],
                shade(self.body, 0.6),
            );
        }
        let middle = f32::midpoint(left, right);
        let rim = 0.015;
        let (low, high) = (PLATE_BOTTOM_M - rim, PLATE_BOTTOM_M + plate::HEIGHT_M + rim);
        let half = plate::WIDTH_M / 2.0 + rim;
        fill(
            onto,
            &[(middle - half, low, z), (middle + half, low, z), (middle + half, high, z), (middle - half, high, z)],
            rgb(20, 20, 22),
        );
        let area = plate_area(middle, z);
        self.plate.draw(onto, tiny_skia::Point::from_xy(area.x, area.y), area.w);
    }
}

fn ground_shadow(onto: &mut PixmapMut<'_>, left: f32, right: f32, near: f32, far: f32) {
    let dark = Color::from_rgba8(12, 12, 16, 120);
    fill(
        onto,
        &[
            (left - 0.1, 0.01, near - 0.1),
            (right + 0.1, 0.01, near - 0.1),
            (right + 0.1, 0.01, far),
            (left - 0.1, 0.01, far),
        ],
        dark,
    );
}

/// A wheel on the car's side: a circle in the plane of the side.
fn wheel_on(onto: &mut PixmapMut<'_>, x: f32, z: f32) {
    for (radius, colour) in [(0.33, rgb(18, 18, 20)), (0.2, rgb(150, 152, 156)), (0.06, rgb(70, 70, 74))] {
        let mut path = PathBuilder::new();
        for step in 0..24 {
            let angle = step as f32 * std::f32::consts::TAU / 24.0;
            let point = project(x, 0.33 + radius * angle.sin(), z + radius * angle.cos());
            if step == 0 { path.move_to(point.x, point.y) } else { path.line_to(point.x, point.y) }
        }
        path.close();
        if let Some(path) = path.finish() {
            fill_path(onto, &path, colour, Transform::identity());
        }
    }
}
