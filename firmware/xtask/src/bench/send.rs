//! What sending costs: against ffmpeg and GStreamer sending the same stream in the same run, and with 1, 10 and 100 receivers.

use super::Setting;
use super::programs::{example, number};
use super::row::{Bar, Row};
use anyhow::{Context, Result};
use serde_json::Value;

/// Runs the voice's own bench and judges it.
pub(super) fn run(_: &Setting) -> Result<Vec<Row>> {
    rows(&example("voice", "send_bench", &[])?)
}

fn rows(json: &Value) -> Result<Vec<Row>> {
    let mut rows = speed(&json["send"])?;
    let rounds = json["rounds"].as_array().context("no rounds in what it printed")?;
    let of = |round: &Value, count: u64, path: &str| {
        let run = round.as_array().into_iter().flatten().find(|run| run["viewers"] == count);
        number(run.with_context(|| format!("no run with {count} viewers"))?, path)
    };
    let each = |figure: &dyn Fn(&Value) -> Result<f64>| rounds.iter().map(figure).collect::<Result<Vec<f64>>>();
    for count in [1, 10, 100] {
        let name = |what: &str| format!("{count} viewers: {what}");
        let cost = middle(each(&|round| of(round, count, "cpu_ms_per_viewer_second"))?)?;
        rows.push(Row::new(&name("CPU per viewer"), "ms/s", Bar::None, cost.1).note("4 Mbit/s each, loopback"));
        let loss = each(&|round| of(round, count, "loss"))?.into_iter().fold(0.0, f64::max);
        rows.push(Row::new(&name("loss"), "", Bar::AtMost(0.0), loss).note("the worst round"));
        let p99 = middle(each(&|round| of(round, count, "capture_to_packet_ms.p99"))?)?;
        rows.push(
            Row::new(&name("capture to last packet p99"), "ms", Bar::None, p99.1).note(spread(p99, rounds.len())),
        );
    }
    let ratio =
        |count: u64, path: &'static str| middle(each(&|round| Ok(of(round, count, path)? / of(round, 1, path)?))?);
    for count in [10, 100] {
        let figure = ratio(count, "cpu_ms_per_viewer_second")?;
        rows.push(Row::new(&format!("CPU per viewer, {count} / 1"), "x", Bar::AtMost(1.0), figure.1));
    }
    let figure = ratio(10, "capture_to_packet_ms.p99")?;
    let note = format!("the voice's part alone, each round by itself; {}", spread(figure, rounds.len()));
    rows.push(Row::new("capture to last packet p99, 10 / 1", "x", Bar::AtMost(1.2), figure.1).note(note));
    Ok(rows)
}

/// Smallest, middle and largest.
fn middle(mut figures: Vec<f64>) -> Result<(f64, f64, f64)> {
    figures.sort_by(f64::total_cmp);
    let (first, last) = figures.first().zip(figures.last()).context("no round was measured")?;
    Ok((*first, figures[figures.len() / 2], *last))
}

fn spread((least, _, most): (f64, f64, f64), rounds: usize) -> String {
    format!("the middle one of {rounds} rounds, {least:.2} to {most:.2}")
}

fn speed(send: &Value) -> Result<Vec<Row>> {
    let ours = number(send, "ours.gbit_per_s")?;
    let mut rows = vec![
        Row::new("packetise + SRTP + send", "Gbit/s", Bar::None, ours).note("one core, loopback, 20 Mbit/s 1080p clip"),
        Row::new("packetise + SRTP + send", "packets/s", Bar::None, number(send, "ours.packets_per_s")?),
    ];
    let mut best: Option<f64> = None;
    for peer in ["ffmpeg", "gstreamer"] {
        let name = format!("{peer}, the same");
        match number(send, &format!("{peer}.gbit_per_s")) {
            Ok(figure) => {
                best = Some(best.unwrap_or(0.0).max(figure));
                rows.push(Row::new(&name, "Gbit/s", Bar::None, figure).note("its whole process"));
            }
            Err(_) => rows.push(Row::missing(&name, send[peer]["missing"].as_str().unwrap_or("no figure"))),
        }
    }
    rows.push(match best {
        Some(best) => Row::new("send / the better peer", "x", Bar::AtLeast(2.0), ours / best),
        None => Row::missing("send / the better peer", "no peer ran"),
    });
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn viewers_are_judged_against_one_in_the_same_run() {
        let run = |viewers: u64, cost: f64, p99: f64| json!({"viewers": viewers, "cpu_ms_per_viewer_second": cost, "loss": 0.0, "capture_to_packet_ms": {"p99": p99}});
        let speed = json!({"gbit_per_s": 2.0, "packets_per_s": 1.0});
        let send = json!({"ours": speed, "ffmpeg": speed, "gstreamer": speed});
        let round = |p99| json!([run(1, 4.0, 2.0), run(10, 1.0, p99), run(100, 5.0, 9.0)]);
        // One round that something else disturbed is outvoted; two of three are not.
        let of = |p99s: [f64; 3]| rows(&json!({"send": send, "rounds": p99s.map(round)})).unwrap();
        let calm = super::super::row::table(&of([2.2, 9.0, 2.1]));
        let line = |text: &str, name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        let ratio = line(&calm, "capture to last packet p99, 10 / 1");
        assert!(!ratio.contains("NOT MET") && ratio.contains("1.10 x") && ratio.contains("1.05 to 4.50"), "{calm}");
        let rows = of([2.2, 9.0, 3.0]);
        let text = super::super::row::table(&rows);
        let verdict =
            |name: &str| text.lines().find(|line| line.starts_with(name)).is_some_and(|line| !line.contains("NOT MET"));
        assert!(verdict("CPU per viewer, 10 / 1") && !verdict("CPU per viewer, 100 / 1"), "{text}");
        assert!(!verdict("capture to last packet p99, 10 / 1") && !verdict("send / the better peer"), "{text}");
    }

    #[test]
    fn the_better_peer_is_the_mark_and_one_that_did_not_run_is_named() {
        let send = json!({"ours": {"gbit_per_s": 6.0, "packets_per_s": 5e5}, "ffmpeg": {"gbit_per_s": 2.0}, "gstreamer": {"missing": "not there"}});
        let rows = speed(&send).unwrap();
        let text = super::super::row::table(&rows);
        assert!(text.contains("3.00 x") && text.contains("not there"), "{text}");
    }
}
