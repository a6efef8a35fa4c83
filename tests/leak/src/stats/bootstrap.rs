//! 95 % intervals by the bootstrap over pictures: boxes of one picture are not independent, pictures nearly are.
//!
//! Percentile intervals (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13). Where every box passes, or none does,
//! every resample says the same and the bootstrap knows nothing; then the exact bound for n pictures out of n stands in (Clopper and Pearson, Biometrika 26,
//! 1934: 0.025^(1/n)), n being the pictures that hold such a box.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;

/// How often pictures are drawn anew.
pub const RESAMPLES: usize = 2000;
/// Where chance begins; the same for every setting, so that settings are compared on the same draws.
pub const SEED: u64 = 200_501;
/// Fewer pictures than this make no interval to rely on.
pub const FEW: usize = 10;
/// What lies below and above the interval.
const TAIL: f64 = 0.025;

/// How an interval was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Percentiles over resamples.
    Bootstrap,
    /// All passed, or none: the binomial bound over pictures.
    Exact,
}

/// A 95 % interval, in the figure's own unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// How it was found.
    pub method: Method,
    /// Pictures that had a say in it.
    pub pictures: usize,
}

impl Interval {
    /// Whether it is too narrow to be trusted: percentiles over a handful of pictures know little of what others hold.
    #[must_use]
    pub fn is_shaky(&self) -> bool {
        self.method == Method::Bootstrap && self.pictures < FEW
    }
}

/// Draws of pictures with replacement: how often each picture is in each draw.
pub struct Resamples {
    counts: Vec<Vec<u32>>,
}

impl Resamples {
    /// [`RESAMPLES`] draws of `pictures` out of as many.
    #[must_use]
    pub fn new(pictures: usize) -> Self {
        let mut chance = StdRng::seed_from_u64(SEED);
        let mut draw = || {
            let mut counts = vec![0; pictures];
            (0..pictures).for_each(|_| counts[chance.random_range(0..pictures)] += 1);
            counts
        };
        Self { counts: (0..RESAMPLES).map(|_| draw()).collect() }
    }

    /// The interval of a ratio of sums: one (numerator, denominator) a picture. `None` when there is nothing to count. `counts` says that numerators count
    /// what passed out of the denominators, so that the exact bound applies.
    ///
    /// # Panics
    /// When there is not one pair a picture.
    #[must_use]
    pub fn ratio(&self, pairs: &[(f64, f64)], counts: bool) -> Option<Interval> {
        let (above, below) = pairs.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
        if below == 0.0 {
            return None;
        }
        let pictures = pairs.iter().filter(|pair| pair.1 > 0.0).count();
        if counts && (above == 0.0 || above == below) {
            let bound = TAIL.powf(1.0 / pictures as f64);
            let (low, high) = if above == 0.0 { (0.0, 1.0 - bound) } else { (bound, 1.0) };
            return Some(Interval { low, high, method: Method::Exact, pictures });
        }
        self.interval(pairs.len(), pictures, |counts| {
            let mut sum = (0.0, 0.0);
            for (pair, count) in pairs.iter().zip(counts) {
                sum.0 += pair.0 * f64::from(*count);
                sum.1 += pair.1 * f64::from(*count);
            }
            (sum.1 > 0.0).then(|| sum.0 / sum.1)
        })
    }

    /// The interval of the median of what pictures have, some of them nothing.
    ///
    /// # Panics
    /// When there is not one value a picture.
    #[must_use]
    pub fn median(&self, values: &[Option<f64>]) -> Option<Interval> {
        let mut order: Vec<(f64, usize)> =
            values.iter().enumerate().filter_map(|(at, value)| value.map(|value| (value, at))).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.interval(values.len(), order.len(), |counts| {
            let total: u32 = order.iter().map(|(_, at)| counts[*at]).sum();
            let nth = |rank: u32| {
                let mut passed = 0;
                let at = order.iter().find(|(_, at)| {
                    passed += counts[*at];
                    passed > rank
                });
                at.map(|(value, _)| *value)
            };
            Some((nth(total.checked_sub(1)? / 2)? + nth(total / 2)?) / 2.0)
        })
    }

    /// `with_say`: how many of all pictures the figure is made of.
    fn interval(&self, all: usize, with_say: usize, figure: impl Fn(&[u32]) -> Option<f64>) -> Option<Interval> {
        // One picture is itself in every draw: that is no certainty.
        if with_say < 2 {
            return None;
        }
        assert!(self.counts.iter().all(|counts| counts.len() == all), "resamples of another number of pictures");
        let mut figures: Vec<f64> = self.counts.iter().filter_map(|counts| figure(counts)).collect();
        figures.sort_by(f64::total_cmp);
        let at = |share: f64| percentile(&figures, share);
        Some(Interval { low: at(TAIL)?, high: at(1.0 - TAIL)?, method: Method::Bootstrap, pictures: with_say })
    }
}

/// Of sorted values, between neighbours in proportion.
fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted.get(place.floor() as usize)?, sorted.get(place.ceil() as usize)?);
    Some(below + (above - below) * place.fract())
}

/// The median; `None` of nothing.
#[must_use]
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    percentile(&sorted, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_independent_boxes_is_the_binomial_one() {
        // 400 pictures with a box each, 80 % pass: standard error 2 %, so about 76.1 to 83.9.
        let pairs: Vec<(f64, f64)> = (0..400).map(|at| (f64::from(u8::from(at % 5 != 0)), 1.0)).collect();
        let interval = Resamples::new(400).ratio(&pairs, true).unwrap();
        assert!((interval.low - 0.761).abs() < 0.006 && (interval.high - 0.839).abs() < 0.006, "{interval:?}");
        assert_eq!((interval.method, interval.pictures, interval.is_shaky()), (Method::Bootstrap, 400, false));
    }

    #[test]
    fn boxes_of_one_picture_share_their_fate() {
        // The same boxes in a tenth of the pictures: about sqrt(10) as unsure.
        let pairs: Vec<(f64, f64)> = (0..40).map(|at| (if at % 5 != 0 { 10.0 } else { 0.0 }, 10.0)).collect();
        let interval = Resamples::new(40).ratio(&pairs, true).unwrap();
        assert!(interval.high - interval.low > 0.2, "{interval:?}");
    }

    #[test]
    fn an_interval_of_a_handful_of_pictures_is_shaky() {
        let mut pairs = vec![(0.0, 0.0); 100];
        pairs[..9].fill((1.0, 2.0));
        let interval = Resamples::new(100).ratio(&pairs, true).unwrap();
        assert_eq!((interval.pictures, interval.is_shaky()), (9, true));
    }

    #[test]
    fn where_all_pass_the_exact_bound_stands_in() {
        let all = Resamples::new(30).ratio(&[(2.0, 2.0); 30], true).unwrap();
        assert_eq!((all.high, all.method), (1.0, Method::Exact));
        // scipy.stats.beta.ppf(0.025, 30, 1)
        assert!((all.low - 0.884_297).abs() < 1e-6, "{all:?}");
        let none = Resamples::new(30).ratio(&[(0.0, 2.0); 30], true).unwrap();
        assert!((none.high - 0.115_703).abs() < 1e-6 && none.low == 0.0, "{none:?}");
        // Pictures without such a box make nothing surer.
        let mut few = vec![(0.0, 0.0); 30];
        few[0] = (1.0, 1.0);
        assert!((Resamples::new(30).ratio(&few, true).unwrap().low - 0.025).abs() < 1e-12);
        // An area of nought is not a count.
        assert_eq!(Resamples::new(30).ratio(&[(0.0, 1.0); 30], false).unwrap().high, 0.0);
    }

    #[test]
    fn nothing_has_no_interval_and_one_picture_neither() {
        assert_eq!(Resamples::new(3).ratio(&[(0.0, 0.0), (1.0, 2.0), (0.0, 0.0)], true), None);
        assert_eq!(Resamples::new(3).median(&[None, Some(1.0), None]), None);
        assert_eq!(Resamples::new(3).ratio(&[(0.0, 0.0); 3], true), None);
        assert_eq!(Resamples::new(3).median(&[None; 3]), None);
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn the_same_seed_says_the_same() {
        let pairs: Vec<(f64, f64)> = (0..50).map(|at| (f64::from(at % 3), 3.0)).collect();
        assert_eq!(Resamples::new(50).ratio(&pairs, true), Resamples::new(50).ratio(&pairs, true));
    }

    #[test]
    fn the_median_and_its_interval_leave_out_what_is_missing() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        let values: Vec<Option<f64>> = (0..101).map(|at| (at != 50).then_some(f64::from(at))).collect();
        let interval = Resamples::new(101).median(&values).unwrap();
        assert!(interval.low < 50.0 && interval.high > 50.0 && interval.high - interval.low < 30.0, "{interval:?}");
        assert!(interval.low > 35.0 && interval.high < 65.0, "{interval:?}");
    }
}
