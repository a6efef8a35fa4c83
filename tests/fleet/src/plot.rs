//! What grows with the number of boards, as SVG: memory, the time until all are back, and the 99th verdict.

use crate::figures::{Line, line};
use crate::measure::Measured;
use plotters::coord::Shift;
use plotters::prelude::*;

const SIZE_PX: (u32, u32) = (1860, 460);
/// Told apart also by those who see no red or green (Okabe and Ito).
const BOARDS: RGBColor = RGBColor(0, 114, 178);
const BROKER: RGBColor = RGBColor(213, 94, 0);
/// All boards are back by then.
pub const BACK_WITHIN_S: f64 = 60.0;
/// Of a hundred verdicts 99 are there by then, also while boards come back.
pub const VERDICT_WITHIN_MS: f64 = 100.0;

type Points = Vec<(f64, f64)>;

/// A figure over the number of boards.
#[must_use]
pub fn points(runs: &[Measured], figure: impl Fn(&Measured) -> Option<f64>) -> Points {
    runs.iter().filter_map(|run| Some((run.boards as f64, figure(run)?))).collect()
}

/// Draws the runs.
///
/// # Errors
/// What the drawing said.
pub fn growth(runs: &[Measured]) -> Result<String, String> {
    let mut svg = String::new();
    draw(runs, &mut svg).map_err(|error| error.to_string())?;
    Ok(svg)
}

fn draw(runs: &[Measured], svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(svg, SIZE_PX).into_drawing_area();
    root.fill(&WHITE)?;
    let panels = root.split_evenly((1, 3));
    let [left, middle, right] = &panels[..] else { return Err("there are three panels".into()) };
    let boards = points(runs, |run| Some(run.boards_mb));
    let broker = points(runs, |run| Some(run.broker_mb));
    panel(
        left,
        "memory, all online",
        "MB",
        &[("boards (voice and simulated eye)", BOARDS, boards), ("broker", BROKER, broker)],
        None,
    )?;
    let first = points(runs, |run| Some(run.first_online_s));
    let back = points(runs, |run| run.all_back_s);
    let lines =
        [("all back after a broker's restart", BOARDS, back), ("all online after their own start", BROKER, first)];
    panel(middle, "all boards there", "s", &lines, Some(BACK_WITHIN_S))?;
    let steady = points(runs, |run| run.steady.p99_ms);
    let storm = points(runs, |run| run.storm.p99_ms);
    let lines = [("nothing else happens", BOARDS, steady), ("until all are back", BROKER, storm)];
    panel(right, "verdict on a grant, 99th percentile", "ms", &lines, Some(VERDICT_WITHIN_MS))?;
    root.present()?;
    Ok(())
}

fn panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    caption: &str,
    unit: &str,
    lines: &[(&str, RGBColor, Points)],
    bar: Option<f64>,
) -> Result<(), Box<dyn std::error::Error>> {
    let all = || lines.iter().flat_map(|(.., points)| points);
    let widest = all().map(|point| point.0).fold(1.0, f64::max) * 1.05;
    // Room for the words above all points.
    let highest = all().map(|point| point.1).chain(bar).fold(1.0, f64::max) * 1.4;
    let mut chart = ChartBuilder::on(area)
        .caption(caption, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..widest, 0.0..highest)?;
    chart
        .configure_mesh()
        .max_light_lines(1)
        .x_label_formatter(&|boards| format!("{boards:.0}"))
        .y_label_formatter(&|value| format!("{value:.0}"))
        .x_desc("boards")
        .y_desc(unit)
        .label_style(("sans-serif", 12))
        .draw()?;
    for (name, colour, points) in lines {
        let colour = *colour;
        let label = line(points).map_or_else(|| (*name).to_owned(), |fit| told(name, fit, unit));
        if let Some(fit) = line(points) {
            let ends = [0.0, widest].map(|x| (x, fit.base + fit.each * x));
            chart
                .draw_series(LineSeries::new(ends, colour.stroke_width(1)))?
                .label(label)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(3)));
            chart.draw_series(points.iter().map(|at| Circle::new(*at, 4, colour.filled())))?;
        } else {
            chart
                .draw_series(points.iter().map(|at| Circle::new(*at, 4, colour.filled())))?
                .label(label)
                .legend(move |(x, y)| Circle::new((x + 9, y), 4, colour.filled()));
        }
    }
    if let Some(bar) = bar {
        chart
            .draw_series(DashedLineSeries::new([(0.0, bar), (widest, bar)], 6, 4, BLACK.stroke_width(1)))?
            .label(format!("bar: {bar:.0} {unit}"))
            .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], BLACK.stroke_width(1)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .label_font(("sans-serif", 12))
        .draw()?;
    Ok(())
}

fn told(name: &str, fit: Line, unit: &str) -> String {
    format!("{name}: {:.2} {unit} per 1000 boards, r² {:.3}", fit.each * 1_000.0, fit.r2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Sum;

    #[test]
    fn every_run_is_a_point_and_one_that_did_not_come_back_is_left_out() {
        let run = |boards: usize, back: Option<f64>| Measured {
            boards,
            sites: 1,
            policy_bytes: 1,
            load_before: 0.0,
            load_after: 0.0,
            first_online_s: 1.0,
            boards_mb: boards as f64,
            broker_mb: 1.0,
            boards_after_mb: 1.0,
            broker_after_mb: 1.0,
            broker_cpu_percent: 1.0,
            boards_cpu_percent: 1.0,
            steady: Sum { p99_ms: Some(boards as f64 / 10.0), ..Sum::default() },
            down_s: 1.0,
            back: boards,
            not_back: 0,
            board_kb: 1.0,
            returning: vec![],
            all_back_s: back,
            storm: Sum { p99_ms: Some(boards as f64 / 5.0), ..Sum::default() },
        };
        let runs = [run(100, Some(1.0)), run(200, Some(2.0)), run(300, Some(3.0)), run(400, None)];
        let svg = growth(&runs).unwrap();
        // Four of memory twice, four of the first start, three that came back, four of verdicts twice.
        assert_eq!(svg.matches("<circle").count(), 4 + 4 + 4 + 3 + 4 + 4, "{svg}");
        assert!(svg.contains("100.00 ms per 1000 boards"), "{svg}");
        assert!(svg.contains("1000.00 MB per 1000 boards"), "{svg}");
    }
}
