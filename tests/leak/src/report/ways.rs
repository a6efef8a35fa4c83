//! The bare share by how clips are played, one panel a class, one colour a setting; with tracks as points with their 95 % intervals, without as rings. As SVG.
//!
//! Frame rates are joined by a line; lost frames and a late detector are cases of their own. The scale is logarithmic: what is below its foot, none bare
//! included, stands on it.

use super::curve::{COLOURS, SIZE_PX};
use super::tracks::{BAR_SHARE, Played};
use crate::input::Class;
use crate::stats::Figure;
use plotters::prelude::*;
use plotters::style::RelativeSize;

/// Percent.
const FOOT: f64 = 0.02;
const HEAD: f64 = 100.0;
/// How far settings are moved apart, so that their bars do not hide one another.
const APART: f64 = 0.13;
/// The clip as it is, or a rate; not lost frames.
const RATES: [&str; 4] = ["as it is", "12 fps", "5 fps", "1 fps"];

/// Draws the rows of all clips together.
///
/// # Errors
/// What the drawing said.
pub fn by_way(played: &[Played]) -> Result<String, String> {
    let mut svg = String::new();
    draw(played, &mut svg).map_err(|error| error.to_string())?;
    Ok(svg)
}

fn draw(played: &[Played], svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(svg, SIZE_PX).into_drawing_area();
    root.fill(&WHITE)?;
    let panels = root.split_evenly((1, Class::ALL.len()));
    for (class, panel) in Class::ALL.into_iter().zip(&panels) {
        draw_panel(panel, class, played)?;
    }
    root.present()?;
    Ok(())
}

/// In their order, each once.
fn each<'a>(of: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names = Vec::new();
    of.for_each(|name| {
        if !names.contains(&name) {
            names.push(name);
        }
    });
    names
}

/// What was bare of one class in all clips, of those with as without tracks.
fn bare<'a>(
    played: &'a [Played],
    class: Class,
    setting: &'a str,
    tracking: bool,
) -> impl Iterator<Item = (&'a str, Figure)> {
    let of_setting = played.iter().filter(move |one| one.setting == setting && one.tracking == tracking);
    of_setting.filter_map(move |one| {
        let all = one.rows.iter().find(|row| row.class == class && row.kind == "all")?;
        Some((one.how.as_str(), all.bare))
    })
}

fn draw_panel(
    panel: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    class: Class,
    played: &[Played],
) -> Result<(), Box<dyn std::error::Error>> {
    let ways = each(played.iter().map(|one| one.how.as_str()));
    let settings = each(played.iter().map(|one| one.setting.as_str()));
    let on_scale = |share: f64| (100.0 * share).clamp(FOOT, HEAD);
    // Labels are asked for at whole numbers and, beyond the last, at the axis' end.
    let name = |place: &f64| ways.get(place.round() as usize).map_or_else(String::new, ToString::to_string);
    let wide = ways.len() as f64 - 0.5;
    let mut chart = ChartBuilder::on(panel)
        .caption(format!("{class}: bare"), ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(48)
        .y_label_area_size(60)
        .build_cartesian_2d(-0.5..wide, (FOOT..HEAD).log_scale())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .max_light_lines(1)
        .x_labels(ways.len())
        .x_label_formatter(&name)
        .x_desc("how the clips were played")
        .y_label_formatter(&|percent| format!("{percent}"))
        .y_desc("% of boxes, 95 % interval; rings: without tracks")
        .label_style(("sans-serif", 12))
        .x_label_style(("sans-serif", 10))
        .draw()?;
    let bar = on_scale(BAR_SHARE);
    chart.draw_series(LineSeries::new([(-0.5, bar), (wide, bar)], BLACK.mix(0.5).stroke_width(1)))?;
    for (at, setting) in settings.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let shift = (at as f64 - (settings.len() as f64 - 1.0) / 2.0) * APART;
        let place = |how: &str| ways.iter().position(|way| *way == how).map_or(0.0, |place| place as f64) + shift;
        let with: Vec<(&str, Figure)> = bare(played, class, setting, true).collect();
        let rates = with.iter().filter(|(how, _)| RATES.contains(how));
        chart
            .draw_series(LineSeries::new(
                rates.map(|(how, figure)| (place(how), on_scale(figure.value))),
                colour.stroke_width(2),
            ))?
            .label(*setting)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(3)));
        chart.draw_series(with.iter().map(|(how, figure)| {
            let (low, high) = figure.interval.map_or((figure.value, figure.value), |i| (i.low, i.high));
            let [low, value, high] = [low, figure.value, high].map(on_scale);
            ErrorBar::new_vertical(place(how), low, value, high, colour.filled(), 7)
        }))?;
        chart.draw_series(
            bare(played, class, setting, false)
                .map(|(how, figure)| Circle::new((place(how), on_scale(figure.value)), 4, colour.stroke_width(1))),
        )?;
    }
    chart.draw_series([Text::new("bar", (-0.48, bar * 1.1), ("sans-serif", 12))])?;
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .margin(RelativeSize::Smaller(0.02))
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .label_font(("sans-serif", 14))
        .draw()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::TrackRow;

    fn played(setting: &str, how: &str, tracking: bool, share: f64) -> Played {
        let figure = Figure { value: share, interval: None };
        let row = |class| TrackRow {
            kind: "all".into(),
            class,
            tracks: 9,
            boxes: 900,
            bare: figure,
            tracks_bare: 1,
            longest_bare_run: 1,
            false_area: figure,
            in_doubt: 0,
        };
        let rows = Class::ALL.map(row).into();
        Played { setting: setting.into(), how: how.into(), tracking, rows }
    }

    /// Heights of the rings in the first panel, from the top.
    fn rings(svg: &str) -> Vec<i32> {
        let of = |line: &str, name: &str| {
            let (_, rest) = line.split_once(&format!(" {name}=\""))?;
            rest.split_once('"')?.0.parse::<i32>().ok()
        };
        let rings = svg.lines().filter(|line| line.starts_with("<circle") && of(line, "r") == Some(4));
        rings.filter(|line| of(line, "cx") < Some(800)).filter_map(|line| of(line, "cy")).collect()
    }

    #[test]
    fn every_way_and_setting_is_drawn_and_more_bare_stands_higher() {
        let shown = [
            played("full", "as it is", false, 0.01),
            played("full", "1 fps", false, 0.1),
            played("light", "as it is", true, 0.02),
        ];
        let svg = by_way(&shown).unwrap();
        for word in ["heads: bare", "plates: bare", "as it is", "1 fps", "full", "light"] {
            assert!(svg.contains(word), "{word} is not in the plot");
        }
        let [few, many] = rings(&svg)[..] else { panic!("two rings: {:?}", rings(&svg)) };
        assert!(many < few);
    }

    #[test]
    fn nothing_bare_stands_on_the_foot_of_the_scale() {
        let shown = |share| by_way(&[played("full", "as it is", false, share)]).unwrap();
        assert_eq!(rings(&shown(0.0)), rings(&shown(FOOT / 100.0)));
        assert_ne!(rings(&shown(0.0)), rings(&shown(0.01)));
    }
}
