//! Gray pictures out of clips, through ffmpeg, and comparisons between them.

use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::{Command, Stdio};

/// A gray picture.
#[derive(Clone)]
pub struct Gray {
    /// Pixels per line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// Row by row.
    pub data: Vec<u8>,
}

/// A box in whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Box2 {
    /// Left edge.
    pub x: usize,
    /// Top edge.
    pub y: usize,
    /// Width.
    pub w: usize,
    /// Height.
    pub h: usize,
}

/// Decodes a clip to gray pictures of the given size. Fails when ffmpeg reports any decoding error.
///
/// # Errors
/// ffmpeg's own words.
pub fn decode(file: &Path, width: usize, height: usize) -> Result<Vec<Gray>> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(file)
        .args(["-map", "0:v", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-"])
        .stdin(Stdio::null())
        .output()
        .context("running ffmpeg")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || !said.trim().is_empty() {
        bail!("ffmpeg cannot decode {} cleanly: {said}", file.display());
    }
    if output.stdout.len() % (width * height) != 0 {
        bail!("{} is not {width}x{height}", file.display());
    }
    Ok(output.stdout.chunks_exact(width * height).map(|data| Gray { width, height, data: data.to_vec() }).collect())
}

impl Gray {
    fn values(&self, area: Box2) -> impl Iterator<Item = u8> + '_ {
        let right = (area.x + area.w).min(self.width);
        let bottom = (area.y + area.h).min(self.height);
        (area.y..bottom).flat_map(move |y| self.data[y * self.width + area.x..y * self.width + right].iter().copied())
    }
}

/// Pearson's correlation of two pictures inside a box; 0 when one of them is flat there.
#[must_use]
pub fn correlation(a: &Gray, b: &Gray, area: Box2) -> f64 {
    let pairs: Vec<(f64, f64)> = a.values(area).zip(b.values(area)).map(|(a, b)| (a.into(), b.into())).collect();
    let n = pairs.len().max(1) as f64;
    let (mean_a, mean_b) = pairs.iter().fold((0.0, 0.0), |(sa, sb), (a, b)| (sa + a / n, sb + b / n));
    let (mut shared, mut var_a, mut var_b) = (0.0, 0.0, 0.0);
    for (a, b) in pairs {
        shared += (a - mean_a) * (b - mean_b);
        var_a += (a - mean_a).powi(2);
        var_b += (b - mean_b).powi(2);
    }
    // A flat area after an encoder still has a step or two of noise; less than one gray level of spread is flat.
    if var_a / n < 1.0 || var_b / n < 1.0 { 0.0 } else { shared / (var_a * var_b).sqrt() }
}

/// Peak signal-to-noise ratio in decibels over the pixels for which `keep` is true.
#[must_use]
pub fn psnr(a: &Gray, b: &Gray, keep: &[bool]) -> f64 {
    let (mut sum, mut count) = (0.0, 0_u64);
    for ((a, b), _) in a.data.iter().zip(&b.data).zip(keep).filter(|(_, keep)| **keep) {
        sum += (f64::from(*a) - f64::from(*b)).powi(2);
        count += 1;
    }
    if count == 0 || sum == 0.0 { 99.0 } else { 10.0 * (255.0 * 255.0 * count as f64 / sum).log10() }
}

/// Whether each pixel lies in a flat area of about this gray level: under a `fill` mask as an encoder leaves it.
#[must_use]
pub fn painted(seen: &Gray, level: u8) -> Vec<bool> {
    const NOISE: u8 = 6;
    const REACH: usize = 4;
    let like = |x: usize, y: usize| seen.data[y * seen.width + x].abs_diff(level) <= NOISE;
    let mut flat = vec![false; seen.data.len()];
    for y in 0..seen.height {
        for x in 0..seen.width {
            let (left, right) = (x.saturating_sub(REACH), (x + REACH).min(seen.width - 1));
            let (top, bottom) = (y.saturating_sub(REACH), (y + REACH).min(seen.height - 1));
            // An edge of a mask has the mask on one side of it.
            flat[y * seen.width + x] = like(left, y) && like(left, top) && like(x, top)
                || like(right, y) && like(right, top) && like(x, top)
                || like(left, y) && like(left, bottom) && like(x, bottom)
                || like(right, y) && like(right, bottom) && like(x, bottom);
        }
    }
    flat
}

/// The index of the picture in `candidates` that `seen` was made from: the one with the highest PSNR over a sparse grid of the pixels in `keep`.
#[must_use]
pub fn closest(seen: &Gray, candidates: &[Gray], keep: &[bool]) -> usize {
    let sparse: Vec<usize> = (0..keep.len()).step_by(7).filter(|i| keep[*i]).collect();
    let distance =
        |other: &Gray| -> u64 { sparse.iter().map(|i| u64::from(seen.data[*i].abs_diff(other.data[*i])).pow(2)).sum() };
    (0..candidates.len()).min_by_key(|i| distance(&candidates[*i])).unwrap_or(0)
}

/// Everything outside `areas`, each grown by `margin` of its size, and outside the top `overlay` lines.
#[must_use]
pub fn outside(width: usize, height: usize, areas: &[Box2], margin: f32, overlay: usize) -> Vec<bool> {
    let mut keep = vec![true; width * height];
    keep[..overlay.min(height) * width].fill(false);
    for area in areas {
        let (mx, my) = ((area.w as f32 * margin) as usize, (area.h as f32 * margin) as usize);
        for y in area.y.saturating_sub(my)..(area.y + area.h + my).min(height) {
            keep[y * width + area.x.saturating_sub(mx)..y * width + (area.x + area.w + mx).min(width)].fill(false);
        }
    }
    keep
}
