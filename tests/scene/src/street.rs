//! The empty street: sky, rows of houses, pavement, carriageway, trees and lamps. Drawn once.

use crate::world::{HEIGHT_PX, HORIZON_PX, WIDTH_PX, fill, fill_path, noise, project, rgb, scale, shade};
use tiny_skia::{Color, PathBuilder, Pixmap, PixmapMut, PremultipliedColorU8, Transform};

/// Houses stand this far from the middle.
const FACADE_M: f32 = 4.6;
/// Half the carriageway.
const KERB_M: f32 = 2.3;
const NEAR_M: f32 = 0.8;
const END_M: f32 = 46.0;

/// Draws the street.
pub(crate) fn draw() -> Pixmap {
    let mut picture = Pixmap::new(WIDTH_PX, HEIGHT_PX).expect("the frame's size is not zero");
    sky(&mut picture);
    let mut onto = picture.as_mut();
    end_of_street(&mut onto);
    ground(&mut onto);
    for side in [-1.0, 1.0] {
        row_of_houses(&mut onto, side);
    }
    for (z, side) in [(27.0, 1.0), (23.0, -1.0), (17.0, 1.0), (12.5, -1.0)] {
        tree(&mut onto, side * 3.1, z);
    }
    for (z, side) in [(20.0, -1.0), (10.0, 1.0)] {
        lamp(&mut onto, side * 2.75, z);
    }
    grain(&mut picture);
    picture
}

fn sky(picture: &mut Pixmap) {
    let width = WIDTH_PX as usize;
    for (at, pixel) in picture.pixels_mut().iter_mut().enumerate() {
        let (x, y) = (at % width, at / width);
        let down = (y as f32 / HORIZON_PX).min(1.0);
        // Slow waves of cloud: three sines of different length.
        let cloud = ((x as f32 * 0.007 + y as f32 * 0.02).sin()
            + (x as f32 * 0.017 - y as f32 * 0.031 + 2.0).sin()
            + (x as f32 * 0.031 + y as f32 * 0.057 + 4.0).sin())
            * 6.0;
        let part = |top: f32, low: f32| (top + (low - top) * down + cloud).clamp(0.0, 255.0) as u8;
        if let Some(colour) = PremultipliedColorU8::from_rgba(part(150., 206.), part(180., 214.), part(212., 220.), 255)
        {
            *pixel = colour;
        }
    }
}

fn end_of_street(onto: &mut PixmapMut<'_>) {
    fill(
        onto,
        &[(-9.0, 0.0, END_M), (9.0, 0.0, END_M), (9.0, 8.5, END_M), (0.0, 11.5, END_M), (-9.0, 8.5, END_M)],
        rgb(158, 146, 138),
    );
    for floor in 0..3 {
        for window in 0..8 {
            let (x, y) = (window as f32 * 2.0 - 7.6, floor as f32 * 2.6 + 1.2);
            fill(
                onto,
                &[(x, y, END_M), (x + 1.1, y, END_M), (x + 1.1, y + 1.6, END_M), (x, y + 1.6, END_M)],
                rgb(92, 100, 110),
            );
        }
    }
}

fn ground(onto: &mut PixmapMut<'_>) {
    let strip = |onto: &mut PixmapMut<'_>, from: f32, to: f32, y: f32, colour: Color| {
        fill(onto, &[(from, y, NEAR_M), (to, y, NEAR_M), (to, y, END_M), (from, y, END_M)], colour);
    };
    strip(onto, -9.0, 9.0, 0.0, rgb(150, 146, 140));
    strip(onto, -KERB_M, KERB_M, 0.0, rgb(92, 92, 96));
    for side in [-1.0_f32, 1.0] {
        strip(onto, side * KERB_M - 0.08, side * KERB_M + 0.08, 0.0, rgb(176, 174, 168));
        strip(onto, side * 2.15 - 0.05, side * 2.15 + 0.02, 0.0, rgb(74, 74, 78));
        // Joints of the paving.
        let mut z = 1.2_f32;
        while z < 34.0 {
            let (near, far) = (z, z + 0.02 + 0.001 * z);
            let (inner, outer) = (side * (KERB_M + 0.1), side * FACADE_M);
            fill(
                onto,
                &[(inner, 0.0, near), (outer, 0.0, near), (outer, 0.0, far), (inner, 0.0, far)],
                rgb(128, 124, 118),
            );
            z += 0.6;
        }
        for joint in 1..4 {
            let x = side * (KERB_M + joint as f32 * 0.6);
            strip(onto, x - 0.01, x + 0.01, 0.0, rgb(128, 124, 118));
        }
    }
    let mut z = 1.0_f32;
    while z < END_M {
        fill(onto, &[(-0.05, 0.0, z), (0.05, 0.0, z), (0.05, 0.0, z + 1.0), (-0.05, 0.0, z + 1.0)], rgb(206, 204, 198));
        z += 2.6;
    }
    // Wheel tracks and a patch of newer asphalt.
    for x in [-1.65_f32, -0.45, 0.45, 1.65] {
        strip(onto, x - 0.13, x + 0.13, 0.0, Color::from_rgba8(60, 60, 64, 70));
    }
    fill(
        onto,
        &[(0.3, 0.0, 5.2), (2.0, 0.0, 5.2), (2.0, 0.0, 8.6), (0.3, 0.0, 8.6)],
        Color::from_rgba8(58, 58, 62, 130),
    );
}

const BRICKS: [(u8, u8, u8); 6] =
    [(142, 84, 66), (168, 122, 92), (120, 76, 66), (186, 170, 146), (152, 98, 74), (134, 112, 100)];

fn row_of_houses(onto: &mut PixmapMut<'_>, side: f32) {
    let x = side * FACADE_M;
    let house_m = 5.2;
    // Far houses first, so that cornices of near ones cover them.
    for house in (0..9).rev() {
        let near = NEAR_M + 0.4 + house as f32 * house_m;
        let far = near + house_m;
        let pick = (house * 5 + if side > 0.0 { 2 } else { 0 }) % BRICKS.len();
        let (red, green, blue) = BRICKS[pick];
        let light = if side > 0.0 { 1.12 } else { 0.82 };
        let wall = shade(rgb(red, green, blue), light);
        let high = 7.6 + (house * 7 % 4) as f32 * 0.7;
        let quad = |onto: &mut PixmapMut<'_>, z0: f32, z1: f32, y0: f32, y1: f32, colour: Color| {
            fill(onto, &[(x, y0, z0), (x, y0, z1), (x, y1, z1), (x, y1, z0)], colour);
        };
        quad(onto, near, far, 0.0, high, wall);
        // Courses of brick: faint lines that carry the perspective.
        let mut y = 0.6;
        while y < high {
            quad(onto, near, far, y, y + 0.03, shade(wall, 0.9));
            y += 0.34;
        }
        quad(onto, near, far, 0.0, 0.45, shade(wall, 0.6));
        quad(onto, near, far, high - 0.35, high, shade(wall, 1.3));
        quad(onto, far - 0.06, far, 0.0, high, shade(wall, 0.7));
        for floor in 0..3 {
            let base = if floor == 0 { 0.95 } else { floor as f32 * 2.6 + 1.1 };
            for bay in 0..3 {
                let z = near + 0.45 + bay as f32 * 1.6;
                if floor == 0 && bay == 2 {
                    quad(onto, z, z + 1.0, 0.1, 2.3, rgb(44, 58, 50));
                    quad(onto, z + 0.12, z + 0.88, 1.55, 2.15, rgb(110, 124, 132));
                    continue;
                }
                quad(onto, z - 0.07, z + 1.17, base - 0.12, base + 1.62, rgb(222, 220, 212));
                let glass = rgb(74, 88, 102);
                quad(
                    onto,
                    z,
                    z + 1.1,
                    base,
                    base + 1.5,
                    shade(glass, 0.85 + 0.06 * ((house + bay * 2 + floor) % 5) as f32),
                );
                quad(onto, z + 0.1, z + 0.5, base + 0.6, base + 1.45, shade(glass, 1.35));
                quad(onto, z + 0.52, z + 0.58, base, base + 1.5, rgb(222, 220, 212));
                quad(onto, z, z + 1.1, base + 0.98, base + 1.04, rgb(222, 220, 212));
            }
        }
    }
}

fn tree(onto: &mut PixmapMut<'_>, x: f32, z: f32) {
    fill(onto, &[(x - 0.1, 0.0, z), (x + 0.1, 0.0, z), (x + 0.06, 2.6, z), (x - 0.06, 2.6, z)], rgb(74, 58, 46));
    for leaf in 0..140_u32 {
        let (a, b) = (noise(leaf, 1, z as u32), noise(leaf, 2, z as u32));
        let reach = (1.0 - (a * a + b * b) * 0.4).max(0.2);
        let at = project(x + a * 1.1 * reach, 3.5 + b * 1.3 * reach, z);
        let size = scale(z) * (0.16 + 0.1 * noise(leaf, 3, 7).abs());
        let light = 0.75 + 0.3 * noise(leaf, 4, 5) + 0.22 * b;
        if let Some(disc) = PathBuilder::from_circle(at.x, at.y, size) {
            fill_path(onto, &disc, shade(rgb(74, 104, 54), light), Transform::identity());
        }
    }
}

fn lamp(onto: &mut PixmapMut<'_>, x: f32, z: f32) {
    let iron = rgb(52, 56, 60);
    fill(onto, &[(x - 0.05, 0.0, z), (x + 0.05, 0.0, z), (x + 0.035, 4.6, z), (x - 0.035, 4.6, z)], iron);
    let arm = if x < 0.0 { 0.8 } else { -0.8 };
    fill(onto, &[(x, 4.6, z), (x + arm, 4.7, z), (x + arm, 4.62, z), (x, 4.5, z)], iron);
    fill(
        onto,
        &[(x + arm, 4.74, z), (x + arm * 1.45, 4.72, z), (x + arm * 1.45, 4.6, z), (x + arm, 4.6, z)],
        rgb(210, 210, 200),
    );
}

/// What paint lacks and sensors see: a little texture everywhere, more on the ground.
fn grain(picture: &mut Pixmap) {
    for y in 0..HEIGHT_PX {
        for x in 0..WIDTH_PX {
            let rough = if y as f32 > HORIZON_PX + 12.0 { 7.0 } else { 3.5 };
            let by = rough * (0.6 * noise(x, y, 1) + 0.4 * noise(x / 3, y / 2, 2));
            let at = (y * WIDTH_PX + x) as usize;
            let pixel = picture.pixels()[at];
            let part = |value: u8| (f32::from(value) + by).clamp(0.0, 255.0) as u8;
            if let Some(colour) =
                PremultipliedColorU8::from_rgba(part(pixel.red()), part(pixel.green()), part(pixel.blue()), 255)
            {
                picture.pixels_mut()[at] = colour;
            }
        }
    }
}
