//! Resampling along one axis: for each output the first input, and weights that sum to 256.
//!
//! An area average when shrinking, linear interpolation when enlarging; both with pixel centres at half-integers.

/// Weights sum to this, so that a line averaged down the picture fits `u16` (255 * 256).
const ONE: u32 = 256;

/// The table of one axis.
pub(super) struct Taps {
    /// Inputs per output, the same for all.
    count: usize,
    first: Vec<usize>,
    /// `count` weights per output.
    weights: Vec<u16>,
}

impl Taps {
    /// From `from` samples to `to` samples, both above zero.
    pub(super) fn new(from: usize, to: usize) -> Self {
        let spans: Vec<(usize, Vec<u16>)> =
            (0..to).map(|i| if from > to { area(from, to, i) } else { linear(from, to, i) }).collect();
        let count = spans.iter().map(|(_, weights)| weights.len()).max().unwrap_or(1);
        let mut first = Vec::with_capacity(to);
        let mut weights = vec![0; to * count];
        for (i, (start, span)) in spans.into_iter().enumerate() {
            // A window at the far edge is moved inwards and gets leading zeros.
            let moved = start.min(from - count);
            first.push(moved);
            let at = i * count + (start - moved);
            weights[at..at + span.len()].copy_from_slice(&span);
        }
        Self { count, first, weights }
    }

    /// Averages the rows that make output row `row`, into 8.8 fixed point; as many samples as `sums` holds.
    pub(super) fn average_rows(&self, row: usize, plane: &[u8], stride: usize, sums: &mut [u16]) {
        let (first, weights) = (self.first[row], &self.weights[row * self.count..(row + 1) * self.count]);
        let width = sums.len();
        let line = |k: usize| &plane[(first + k) * stride..][..width];
        match *weights {
            [a] => blend([line(0)], [a], sums),
            [a, b] => blend([line(0), line(1)], [a, b], sums),
            [a, b, c] => blend([line(0), line(1), line(2)], [a, b, c], sums),
            [a, b, c, d] => blend([line(0), line(1), line(2), line(3)], [a, b, c, d], sums),
            _ => {
                sums.fill(0);
                for (k, weight) in weights.iter().enumerate() {
                    for (sum, value) in sums.iter_mut().zip(line(k)) {
                        *sum += u16::from(*value) * weight;
                    }
                }
            }
        }
    }

    /// Averages along a line of 8.8 fixed point whose samples are `STEP` apart.
    pub(super) fn average_line<const STEP: usize>(&self, sums: &[u16], out: &mut [u8]) {
        match self.count {
            1 => self.average_counted::<STEP, 1>(sums, out),
            2 => self.average_counted::<STEP, 2>(sums, out),
            3 => self.average_counted::<STEP, 3>(sums, out),
            4 => self.average_counted::<STEP, 4>(sums, out),
            count => {
                for ((value, first), weights) in out.iter_mut().zip(&self.first).zip(self.weights.chunks_exact(count)) {
                    let window = sums[first * STEP..].iter().step_by(STEP);
                    *value = rounded(window.zip(weights).map(|(s, w)| u32::from(*s) * u32::from(*w)).sum());
                }
            }
        }
    }

    fn average_counted<const STEP: usize, const COUNT: usize>(&self, sums: &[u16], out: &mut [u8]) {
        let (weights, _) = self.weights.as_chunks::<COUNT>();
        for ((value, first), weights) in out.iter_mut().zip(&self.first).zip(weights) {
            let window = &sums[first * STEP..][..(COUNT - 1) * STEP + 1];
            let mut sum = 0;
            for k in 0..COUNT {
                sum += u32::from(window[k * STEP]) * u32::from(weights[k]);
            }
            *value = rounded(sum);
        }
    }
}

fn blend<const COUNT: usize>(lines: [&[u8]; COUNT], weights: [u16; COUNT], sums: &mut [u16]) {
    for (x, sum) in sums.iter_mut().enumerate() {
        let mut total = 0;
        for k in 0..COUNT {
            total += u16::from(lines[k][x]) * weights[k];
        }
        *sum = total;
    }
}

/// 8.16 fixed point to the nearest whole level; at most 255 because the weights sum to one.
fn rounded(sum: u32) -> u8 {
    ((sum + (1 << 15)) >> 16) as u8
}

/// The inputs that output `i` covers, weighted by how much of each it covers.
fn area(from: usize, to: usize, i: usize) -> (usize, Vec<u16>) {
    // In units of 1/to input samples everything is whole: output i covers [i * from, (i + 1) * from).
    let (begin, end) = (i * from, (i + 1) * from);
    let (first, last) = (begin / to, (end - 1) / to);
    let share =
        |upto: usize| ((upto.clamp(begin, end) - begin) as u64 * u64::from(ONE) * 2 + from as u64) / (2 * from as u64);
    let weights = (first..=last).map(|s| (share((s + 1) * to) - share(s * to)) as u16).collect();
    (first, weights)
}

/// The one or two inputs between which output `i` lies.
fn linear(from: usize, to: usize, i: usize) -> (usize, Vec<u16>) {
    let position = ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).clamp(0.0, (from - 1) as f64);
    let first = (position.floor() as usize).min(from.saturating_sub(2));
    let second = ((position - first as f64) * f64::from(ONE)).round() as u16;
    match (from, second) {
        (1, _) => (0, vec![ONE as u16]),
        _ if from == to => (i, vec![ONE as u16]),
        _ => (first, vec![ONE as u16 - second, second]),
    }
}

#[cfg(test)]
mod tests {
    use super::{ONE, Taps};

    #[test]
    fn weights_sum_to_one_and_stay_inside() {
        for (from, to) in
            [(1920, 640), (1080, 360), (960, 640), (7, 7), (7, 5), (2, 1), (1, 9), (3, 100), (4096, 31), (2, 3)]
        {
            let taps = Taps::new(from, to);
            assert_eq!(taps.first.len(), to);
            for (i, weights) in taps.weights.chunks(taps.count).enumerate() {
                assert_eq!(weights.iter().map(|w| u32::from(*w)).sum::<u32>(), ONE, "{from} to {to}, output {i}");
                assert!(taps.first[i] + taps.count <= from, "{from} to {to}, output {i}");
            }
        }
    }
}
