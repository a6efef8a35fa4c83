//! The street's space and the camera in it: metres to pixels.
//!
//! x to the right, y up from the ground, z away from the camera. The camera looks along z, slightly below eye level.

use tiny_skia::{Color, FillRule, Paint, Path, PathBuilder, PixmapMut, Point, Transform};

pub(crate) const WIDTH_PX: u32 = 1280;
pub(crate) const HEIGHT_PX: u32 = 720;
pub(crate) const FPS: u32 = 25;
pub(crate) const FRAMES: u32 = 20 * FPS;
/// Focal length in pixels.
pub(crate) const FOCAL_PX: f32 = 1100.0;
/// Where the horizon lies.
pub(crate) const HORIZON_PX: f32 = 318.0;
const CAMERA_HEIGHT_M: f32 = 1.65;
/// Nothing nearer than this is projected.
const NEAR_M: f32 = 0.35;

/// Pixels per metre at a distance.
pub(crate) fn scale(z_m: f32) -> f32 {
    FOCAL_PX / z_m.max(NEAR_M)
}

/// Where a point appears.
pub(crate) fn project(x_m: f32, y_m: f32, z_m: f32) -> Point {
    let px_per_m = scale(z_m);
    Point::from_xy(WIDTH_PX as f32 / 2.0 + x_m * px_per_m, HORIZON_PX + (CAMERA_HEIGHT_M - y_m) * px_per_m)
}

/// A closed shape through screen points.
pub(crate) fn shape(points: &[Point]) -> Option<Path> {
    let mut path = PathBuilder::new();
    let (first, rest) = points.split_first()?;
    path.move_to(first.x, first.y);
    for point in rest {
        path.line_to(point.x, point.y);
    }
    path.close();
    path.finish()
}

/// Fills a polygon given in metres.
pub(crate) fn fill(onto: &mut PixmapMut<'_>, corners: &[(f32, f32, f32)], colour: Color) {
    let points: Vec<Point> = corners.iter().map(|&(x, y, z)| project(x, y, z)).collect();
    fill_px(onto, &points, colour, Transform::identity());
}

/// Fills a polygon given in pixels (or whatever `transform` makes pixels of).
pub(crate) fn fill_px(onto: &mut PixmapMut<'_>, points: &[Point], colour: Color, transform: Transform) {
    if let Some(path) = shape(points) {
        fill_path(onto, &path, colour, transform);
    }
}

/// Fills a path with one colour, edges smoothed.
pub(crate) fn fill_path(onto: &mut PixmapMut<'_>, path: &Path, colour: Color, transform: Transform) {
    let mut paint = Paint::default();
    paint.set_color(colour);
    onto.fill_path(path, &paint, FillRule::Winding, transform, None);
}

/// An opaque colour, each part 0 to 255.
pub(crate) fn rgb(red: u8, green: u8, blue: u8) -> Color {
    Color::from_rgba8(red, green, blue, 255)
}

/// A colour made darker (`by` < 1) or lighter.
pub(crate) fn shade(colour: Color, by: f32) -> Color {
    let part = |value: f32| (value * by).clamp(0.0, 1.0);
    Color::from_rgba(part(colour.red()), part(colour.green()), part(colour.blue()), colour.alpha()).unwrap_or(colour)
}

/// A small, seedless noise: the same for the same numbers everywhere, -1 to 1.
pub(crate) fn noise(x: u32, y: u32, salt: u32) -> f32 {
    let mut h = x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77) ^ salt.wrapping_mul(0xC2B2_AE3D);
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
    h ^= h >> 15;
    (h & 0xFFFF) as f32 / 32_767.5 - 1.0
}
