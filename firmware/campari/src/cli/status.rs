//! `campari status`: every camera of a site, from what its board last said.

use super::connect::Connection;
use super::{Done, Output};
use crate::clock;
use crate::command::{inbox_filter, read_inbox, read_state, state_filter};
use anyhow::Result;
use contract::asking::OpenRequest;
use contract::body::{EyeState, Mode, PinState, PinsState, Presence, SelfTest, SelfTestResult, State};
use contract::{CameraId, SiteId};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::timeout;

/// The broker sends everything retained at once and has no word for "that was all": silence this long is it.
const SILENCE: Duration = Duration::from_millis(400);
/// For the first one we wait longer.
const FIRST: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    connection: Connection,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn run(arguments: Arguments, output: Output) -> Result<Done> {
    let place = arguments.connection.place()?;
    let listen = vec![state_filter(&place.site), inbox_filter(&place.site)];
    let (bus, mut messages) = place.open("status", listen).await?;
    let (mut cameras, mut waiting) = (BTreeMap::new(), BTreeMap::new());
    let mut patience = FIRST;
    // Boards that renew their state meanwhile must not keep us here.
    let whole = tokio::time::Instant::now() + FIRST;
    while let Ok(Ok(message)) = timeout(patience, messages.recv()).await {
        if let Some((camera, state)) = read_state(&place.site, &message) {
            cameras.insert(camera, state);
        } else if let Some((camera, inbox)) = read_inbox(&place.site, &message)
            && !inbox.requests.is_empty()
        {
            waiting.insert(camera, inbox.requests);
        }
        patience = SILENCE.min(whole.saturating_duration_since(tokio::time::Instant::now()));
    }
    bus.close().await;
    let people = || {
        let now = clock::unix_s();
        let asks = |(camera, open): (&CameraId, &OpenRequest)| {
            let left_s = open.until.saturating_sub(now);
            format!("\nrequest {}: {} asks for camera {camera}, lapses in {left_s} s", open.jti, open.sub)
        };
        let asks = waiting.iter().flat_map(|(camera, open)| open.iter().map(move |open| (camera, open))).map(asks);
        table(&place.site, &cameras) + &asks.collect::<String>()
    };
    let list: Vec<_> = cameras.iter().map(|(camera, state)| json!({"camera": camera, "state": state})).collect();
    output.result(people, &json!({"site": place.site, "cameras": list, "requests": waiting}));
    Ok(Done::Yes)
}

const HEAD: [&str; 10] =
    ["camera", "board", "mode", "masking", "self-test", "fps", "p99", "heartbeat", "policy", "shares"];

fn table(site: &SiteId, cameras: &BTreeMap<CameraId, State>) -> String {
    if cameras.is_empty() {
        return format!("no camera of site {site} was ever connected to this broker");
    }
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(cameras.iter().map(|(camera, state)| row(camera, state)));
    let widths: Vec<_> =
        (0..HEAD.len()).map(|c| rows.iter().map(|row| row[c].chars().count()).max().unwrap_or(0)).collect();
    let line = |row: &[String; 10]| {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn row(camera: &CameraId, state: &State) -> [String; 10] {
    let board = match state.presence {
        Presence::Online => "online",
        Presence::EyeAbsent => "eye absent",
        Presence::Offline => "offline",
    };
    let Some(eye) = &state.eye else {
        return std::array::from_fn(|column| match column {
            0 => camera.to_string(),
            1 => board.to_owned(),
            _ => "-".to_owned(),
        });
    };
    let now = clock::unix_s();
    let shares: Vec<_> = eye
        .shares
        .iter()
        .map(|share| format!("{} {} {} min left", share.jti, share.filter, share.exp.saturating_sub(now).div_ceil(60)))
        .collect();
    [
        camera.to_string(),
        if eye.clock_synchronised { board.to_owned() } else { format!("{board}, clock unsure") },
        mode(eye),
        eye.ladder.to_string(),
        eye.self_test.as_ref().map_or_else(|| "none".to_owned(), |test| self_test(test, eye.now)),
        format!("{:.1}", eye.fps),
        format!("{:.0} ms", eye.capture_to_link_p99_ms),
        eye.heartbeat_age_s.map_or_else(|| "never".to_owned(), |age_s| format!("{age_s:.0} s ago")),
        eye.policy_version.map_or_else(|| "none".to_owned(), |version| version.to_string()),
        if shares.is_empty() { "none".to_owned() } else { shares.join(", ") },
    ]
}

/// Who commands, and what somebody at the camera has done.
fn mode(eye: &EyeState) -> String {
    let mut text = match eye.mode {
        Mode::Normal => "normal".to_owned(),
        Mode::Reserved => "reserved".to_owned(),
    };
    let pins = eye.pins.unwrap_or(PinsState { privacy_switch: None, tamper: None });
    for (pin, on, unreadable) in [
        (pins.privacy_switch, "PRIVACY SWITCH ON", "PRIVACY SWITCH UNREADABLE"),
        (pins.tamper, "HOUSING OPEN", "HOUSING CONTACT UNREADABLE"),
    ] {
        match pin {
            None | Some(PinState::Off) => {}
            Some(PinState::On) => text = format!("{text}, {on}"),
            Some(PinState::Unreadable) => text = format!("{text}, {unreadable}"),
        }
    }
    text
}

/// `now` is the board's.
fn self_test(test: &SelfTest, now: u64) -> String {
    let when = test.at.map(|at| format!("{} min ago", now.saturating_sub(at) / 60)).unwrap_or_default();
    match test.result {
        SelfTestResult::Running => "running".to_owned(),
        SelfTestResult::Passed => format!("passed {when}"),
        SelfTestResult::Failed => {
            let text = |part: &Option<String>| part.clone().unwrap_or_default();
            format!("FAILED {when}: {}: {}", text(&test.missed), text(&test.why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p3_a_failed_self_test_says_which_picture_and_why() {
        let test = SelfTest {
            result: SelfTestResult::Failed,
            at: Some(1_000),
            took_ms: 40.0,
            missed: Some("by-night".into()),
            why: Some("object 2 (a head) is not hidden".into()),
        };
        assert_eq!(self_test(&test, 1_130), "FAILED 2 min ago: by-night: object 2 (a head) is not hidden");
        let passed = SelfTest { result: SelfTestResult::Passed, missed: None, why: None, ..test };
        assert_eq!(self_test(&passed, 1_000), "passed 0 min ago");
    }

    #[test]
    fn a_privacy_switch_that_is_on_and_an_open_housing_are_seen_at_once() {
        let text = r#"{"mode":"normal","shares":[],"ladder":"dark","fps":25.0,"capture_to_link_p99_ms":12.0,"challenge":"c","now":1,
            "clock_synchronised":true,"firmware":"0","model":"m","model_sha256":"0","pins":{"privacy_switch":"on","tamper":"unreadable"},
            "counters":{"frames_captured":0,"frames_dropped":0,"pictures_sent":0,"objects_masked":0,"shapes_painted":0,
            "seconds_clear":0,"seconds_cautious":0,"seconds_covered":0,"seconds_dark":0}}"#;
        let eye: EyeState = serde_json::from_str(text).unwrap();
        assert_eq!(mode(&eye), "normal, PRIVACY SWITCH ON, HOUSING CONTACT UNREADABLE");
        assert_eq!(mode(&EyeState { pins: None, ..eye }), "normal");
    }

    #[test]
    fn a_board_that_is_away_shows_nothing_old() {
        let state = State { presence: Presence::Offline, eye: None, voice: None };
        let text = table(&"almere".parse().unwrap(), &BTreeMap::from([("613".parse().unwrap(), state)]));
        let row = text.lines().nth(1).unwrap();
        assert!(row.starts_with("613") && row.contains("offline") && row.contains('-'), "{text}");
    }

    #[test]
    fn an_empty_site_says_so() {
        assert!(table(&"almere".parse().unwrap(), &BTreeMap::new()).contains("almere"));
    }
}
