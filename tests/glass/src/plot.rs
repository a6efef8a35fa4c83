//! Capture to packet and capture to screen as histograms above each other, on one axis of time, as SVG.

use crate::figures::{Report, bins, part};
use plotters::coord::Shift;
use plotters::prelude::*;

const WIDTH_PX: u32 = 1000;
const STRIP_PX: u32 = 92;
const FOOT_PX: u32 = 46;
/// Of a bin.
const BIN_MS: f64 = 20.0;
/// End of the axis; what is slower stands in the last bin.
const MOST_MS: f64 = 1_100.0;
/// Capture to screen stays below (P11).
pub const WITHIN_MS: f64 = 1_000.0;
/// Told apart also by those who see no red or green (Okabe and Ito).
const BOARD: RGBColor = RGBColor(213, 94, 0);
const SCREEN: RGBColor = RGBColor(0, 114, 178);

/// A strip: its words, its colour, and bars as from, to and the share of pictures in each bin of [`BIN_MS`] that they cover.
struct Strip {
    words: String,
    colour: RGBColor,
    bars: Vec<(f64, f64, f64)>,
}

/// Draws a run.
///
/// # Errors
/// What the drawing said.
pub fn histogram(report: &Report) -> Result<String, String> {
    let mut svg = String::new();
    draw(&strips(report), &mut svg).map_err(|error| error.to_string())?;
    Ok(svg)
}

fn strips(report: &Report) -> Vec<Strip> {
    let all = report.to_packet.last().map_or(0, |last| last.1);
    let mut strips = vec![Strip {
        words: format!("capture to last packet, all shares: {all} pictures"),
        colour: BOARD,
        bars: packet_bars(&report.to_packet),
    }];
    for client in &report.clients {
        let values = &client.latencies_ms;
        let told = match (part(values, 0.5), part(values, 0.99)) {
            (Some(p50), Some(p99)) => format!("p50 {p50:.0} ms, p99 {p99:.0} ms, {} pictures", values.len()),
            _ => "showed nothing".to_owned(),
        };
        let counts = bins(values, BIN_MS, (MOST_MS / BIN_MS) as usize);
        let bar = |(n, count): (usize, u64)| {
            let from = n as f64 * BIN_MS;
            (from, from + BIN_MS, count as f64 / values.len().max(1) as f64)
        };
        let bars = counts.into_iter().enumerate().map(bar).filter(|bar| bar.2 > 0.0).collect();
        strips.push(Strip { words: format!("capture to screen, {}: {told}", client.name), colour: SCREEN, bars });
    }
    strips
}

/// The voice's steps are not all as wide as ours: a bar has the area of its pictures.
fn packet_bars(cumulated: &[(Option<f64>, u64)]) -> Vec<(f64, f64, f64)> {
    let all = cumulated.last().map_or(0, |last| last.1).max(1) as f64;
    let (mut from, mut below, mut bars) = (0.0, 0, Vec::new());
    for (bound, count) in cumulated {
        let to = bound.unwrap_or(MOST_MS).min(MOST_MS);
        if *count > below && to > from {
            bars.push((from, to, (count - below) as f64 / all * BIN_MS / (to - from)));
        }
        (from, below) = (to, *count);
    }
    bars
}

fn draw(strips: &[Strip], svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let size = (WIDTH_PX, strips.len() as u32 * STRIP_PX + FOOT_PX);
    let root = SVGBackend::with_string(svg, size).into_drawing_area();
    root.fill(&WHITE)?;
    let mut rest = root.clone();
    for (n, strip) in strips.iter().enumerate() {
        let is_last = n + 1 == strips.len();
        let (area, below) = rest.split_vertically(if is_last { STRIP_PX + FOOT_PX } else { STRIP_PX });
        one(&area, strip, is_last)?;
        rest = below;
    }
    root.present()?;
    Ok(())
}

fn one(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    strip: &Strip,
    is_last: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    let highest = strip.bars.iter().map(|bar| bar.2).fold(0.01, f64::max) * 1.1;
    let mut chart = ChartBuilder::on(area)
        .margin_left(12)
        .margin_right(20)
        .margin_top(24)
        .x_label_area_size(if is_last { FOOT_PX - 2 } else { 2 })
        .y_label_area_size(40)
        .build_cartesian_2d(0.0..MOST_MS, 0.0..highest)?;
    // Strips share the axis of the last one.
    let told = |ms: &f64| if is_last { format!("{ms:.0}") } else { String::new() };
    let mut mesh = chart.configure_mesh();
    mesh.disable_y_mesh()
        .max_light_lines(0)
        .x_labels(12)
        .y_labels(3)
        .x_label_formatter(&told)
        .y_label_formatter(&|share| format!("{:.0} %", share * 100.0))
        .label_style(("sans-serif", 12));
    if is_last {
        mesh.x_desc(
            "milliseconds (what is slower stands at the end); height: share of the pictures in 20 ms; dashed: the bar",
        );
    }
    mesh.draw()?;
    let bars =
        strip.bars.iter().map(|(from, to, share)| Rectangle::new([(*from, 0.0), (*to, *share)], strip.colour.filled()));
    chart.draw_series(bars)?;
    chart.draw_series(DashedLineSeries::new([(WITHIN_MS, 0.0), (WITHIN_MS, highest)], 5, 4, BLACK.stroke_width(1)))?;
    area.draw(&Text::new(strip.words.clone(), (56, 6), ("sans-serif", 14)))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Glass, View};

    #[test]
    fn a_bar_has_the_area_of_its_pictures_whatever_its_width() {
        let bars = packet_bars(&[(Some(5.0), 0), (Some(10.0), 50), (Some(50.0), 90), (None, 100)]);
        assert_eq!(bars.len(), 3);
        let area: f64 = bars.iter().map(|(from, to, share)| (to - from) * share / BIN_MS).sum();
        assert!((area - 1.0).abs() < 1e-9, "{bars:?}");
    }

    #[test]
    fn every_client_has_a_strip_and_one_that_showed_nothing_says_so() {
        let glass = |name: &str, latencies_ms| Glass {
            name: name.into(),
            line: String::new(),
            first_ms: None,
            fps: 25.0,
            longest_gap_ms: 40.0,
            to_packet_ms: None,
            latencies_ms,
            failed: None,
        };
        let report = Report {
            processors: 2,
            load_before: 0.1,
            detector: "light".into(),
            clients: vec![glass("one", vec![90.0, 110.0, 5_000.0]), glass("two", vec![])],
            view: View::default(),
            to_packet: vec![(Some(20.0), 3), (None, 3)],
        };
        let svg = histogram(&report).unwrap();
        for words in ["3 pictures", "one: p50 110 ms, p99 5000 ms", "two: showed nothing"] {
            assert!(svg.contains(words), "{words}");
        }
        assert_eq!(strips(&report)[1].bars.last().unwrap().1, MOST_MS, "what is beyond the axis stands at its end");
    }
}
