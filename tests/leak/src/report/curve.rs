//! core85 over the width of the object, one panel a class, one line a setting, bars for the 95 % intervals; as SVG.

use super::Outcome;
use crate::input::Class;
use crate::stats::{ClassFigures, InBin};
use plotters::prelude::*;
use plotters::style::RelativeSize;

pub(super) const SIZE_PX: (u32, u32) = (1640, 600);
/// Told apart also by those who see no red or green (Okabe and Ito).
pub(super) const COLOURS: [RGBColor; 4] =
    [RGBColor(213, 94, 0), RGBColor(0, 114, 178), RGBColor(0, 158, 115), RGBColor(204, 121, 167)];
/// How far settings are moved apart within a bin, so that their bars do not hide one another.
const APART: f64 = 0.09;

/// Draws the curve of all pictures.
///
/// # Errors
/// What the drawing said.
pub fn curve(outcomes: &[Outcome]) -> Result<String, String> {
    let mut svg = String::new();
    draw(outcomes, &mut svg).map_err(|error| error.to_string())?;
    Ok(svg)
}

fn draw(outcomes: &[Outcome], svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(svg, SIZE_PX).into_drawing_area();
    root.fill(&WHITE)?;
    let panels = root.split_evenly((1, Class::ALL.len()));
    for (class, panel) in Class::ALL.into_iter().zip(&panels) {
        let lines: Vec<(&str, &ClassFigures)> = outcomes
            .iter()
            .filter_map(|outcome| {
                let all = outcome.rows.first()?;
                let figures = all.classes.iter().find(|figures| figures.class == class)?;
                Some((outcome.model.setting.as_str(), figures))
            })
            .collect();
        if !lines.is_empty() {
            draw_panel(panel, class, &lines)?;
        }
    }
    root.present()?;
    Ok(())
}

type Panel<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw_panel(
    panel: &Panel<'_>,
    class: Class,
    lines: &[(&str, &ClassFigures)],
) -> Result<(), Box<dyn std::error::Error>> {
    let bins = lines.first().map_or(&[][..], |(_, figures)| &figures.curve);
    let name = |place: &f64| bins.get(place.round() as usize).map_or_else(String::new, label);
    let mut chart = ChartBuilder::on(panel)
        .caption(format!("{class}: core85"), ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(48)
        .y_label_area_size(52)
        .build_cartesian_2d(-0.5..bins.len() as f64 - 0.5, 0.0..100.0)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .max_light_lines(1)
        .x_labels(bins.len())
        .x_label_formatter(&name)
        .x_desc("width in px at 640 px picture width (boxes)")
        .y_desc("% of boxes, 95 % interval")
        .label_style(("sans-serif", 12))
        .draw()?;
    for (at, (setting, figures)) in lines.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let shift = (at as f64 - (lines.len() as f64 - 1.0) / 2.0) * APART;
        let points: Vec<(f64, f64, f64, f64)> = figures
            .curve
            .iter()
            .enumerate()
            .filter_map(|(place, bin)| {
                let core = bin.core85?;
                let (low, high) =
                    core.interval.map_or((core.value, core.value), |interval| (interval.low, interval.high));
                Some((place as f64 + shift, 100.0 * low, 100.0 * core.value, 100.0 * high))
            })
            .collect();
        chart
            .draw_series(LineSeries::new(points.iter().map(|point| (point.0, point.2)), colour.stroke_width(2)))?
            .label(*setting)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(3)));
        chart.draw_series(
            points
                .iter()
                .map(|(x, low, value, high)| ErrorBar::new_vertical(*x, *low, *value, *high, colour.filled(), 7)),
        )?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .margin(RelativeSize::Smaller(0.02))
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .label_font(("sans-serif", 14))
        .draw()?;
    Ok(())
}

fn label(bin: &InBin) -> String {
    format!("{} ({})", bin.bin, bin.boxes)
}
