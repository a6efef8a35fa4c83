//! The demonstration in figures, as JSON: the agreed fields first, in their order, then more.

use contract::Filter;
use contract::body::{Counters, Latency};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// Media may go on this long after a revoke (P4).
pub const STOP_WITHIN: Duration = Duration::from_millis(500);

/// What happened.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Datagrams on the subscriber's ports before the grant. Must be 0 (P1).
    pub packets_before_grant: u64,
    /// From publishing the grant to the first whole key picture.
    pub grant_to_first_picture_ms: Option<f64>,
    /// From capture to the last packet of the picture leaving the voice; `measured_by` says whether it is the voice's figure.
    pub capture_to_packet_ms: Option<Latency>,
    /// From publishing the revoke to the last packet; 0 when that one came before.
    pub revoke_to_last_packet_ms: f64,
    /// Pictures that ffmpeg decoded from what the subscriber received.
    pub pictures_decoded: u64,
    /// Tracks of heads and plates that were masked, each counted once.
    pub objects_masked: u64,
    /// Of the eye, since it started.
    pub frames: Frames,
    /// Seconds on each rung, since the eye started.
    pub ladder: Ladder,
    /// Largest resident set of the eye, MB.
    pub eye_rss_mb: Option<f64>,
    /// Largest resident set of the voice, MB.
    pub voice_rss_mb: Option<f64>,
    /// Promises that were broken; empty is good.
    pub broken: Vec<String>,
    /// `voice` or `subscriber`: where `capture_to_packet_ms` was measured.
    pub measured_by: &'static str,
    /// From capture to the whole picture at the subscriber, by `abs-capture-time`.
    pub capture_to_subscriber_ms: Option<Latency>,
    /// What the board showed.
    pub filter: Filter,
    /// Why the share ended, as the control room was told.
    pub ended: Option<String>,
    /// From publishing the revoke to the board's log line.
    pub revoke_to_told_ms: Option<f64>,
    /// Packets and pictures at the subscriber.
    pub received: Received,
    /// Times that the detector missed an object which a track kept masked until it was seen again; of the eye, since it started.
    pub misses_bridged: u64,
    /// Anything that ffmpeg found wrong while decoding.
    pub decode_errors: Vec<String>,
    /// What the subscriber saw, as a sheet of pictures.
    pub contact_sheet: Option<PathBuf>,
    /// What the subscriber saw, as a clip.
    pub clip: Option<PathBuf>,
}

/// Frames of the camera.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Frames {
    /// That the camera delivered.
    pub captured: u64,
    /// That no stage had time for.
    pub dropped: u64,
}

/// Seconds on each rung.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Ladder {
    /// Masks of this very frame.
    pub clear: f64,
    /// Masks held and grown.
    pub cautious: f64,
    /// The whole picture coarse.
    pub covered: f64,
    /// The slate.
    pub dark: f64,
}

/// What reached the subscriber.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Received {
    /// RTP packets.
    pub packets: u64,
    /// That never came.
    pub packets_lost: u64,
    /// Whole pictures.
    pub pictures: u64,
    /// Interarrival jitter (RFC 3550).
    pub jitter_ms: f64,
    /// Megabits per second.
    pub megabits_per_s: Option<f64>,
    /// Pictures per second, by RTP timestamps.
    pub fps: Option<f64>,
}

impl From<&Counters> for Frames {
    fn from(counters: &Counters) -> Self {
        Self { captured: counters.frames_captured, dropped: counters.frames_dropped }
    }
}

impl From<&Counters> for Ladder {
    fn from(counters: &Counters) -> Self {
        let round = |seconds: f64| (seconds * 100.0).round() / 100.0;
        Self {
            clear: round(counters.seconds_clear),
            cautious: round(counters.seconds_cautious),
            covered: round(counters.seconds_covered),
            dark: round(counters.seconds_dark),
        }
    }
}

impl Report {
    /// Fills in [`Report::broken`]: which promises the figures contradict.
    pub fn judge(&mut self) {
        let stop_ms = STOP_WITHIN.as_secs_f64() * 1e3;
        let mut broken = Vec::new();
        if self.packets_before_grant > 0 {
            broken.push(format!("P1: {} packets before the grant", self.packets_before_grant));
        }
        if self.revoke_to_last_packet_ms > stop_ms {
            broken.push(format!(
                "P4: packets for {:.0} ms after the revoke, {stop_ms:.0} are allowed",
                self.revoke_to_last_packet_ms
            ));
        }
        if self.ended.is_none() {
            broken.push("P9: the board did not log the end of the share".into());
        }
        if self.grant_to_first_picture_ms.is_none() {
            broken.push("no picture came after the grant".into());
        } else if self.pictures_decoded == 0 {
            broken.push("no received picture could be decoded".into());
        }
        if let Some(first) = self.decode_errors.first() {
            broken.push(format!("pictures do not decode without error: {first}"));
        }
        self.broken = broken;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Report {
        Report {
            packets_before_grant: 0,
            grant_to_first_picture_ms: Some(120.0),
            capture_to_packet_ms: Some(Latency { p50: 30.0, p99: 45.0, max: 60.0 }),
            revoke_to_last_packet_ms: 20.0,
            pictures_decoded: 500,
            objects_masked: 9,
            frames: Frames { captured: 600, dropped: 0 },
            ladder: Ladder { clear: 20.0, cautious: 0.0, covered: 1.0, dark: 0.0 },
            eye_rss_mb: Some(90.0),
            voice_rss_mb: Some(12.0),
            broken: Vec::new(),
            measured_by: "voice",
            capture_to_subscriber_ms: None,
            filter: Filter::Fill,
            ended: Some("revoked".into()),
            revoke_to_told_ms: Some(15.0),
            received: Received {
                packets: 9000,
                packets_lost: 0,
                pictures: 500,
                jitter_ms: 1.0,
                megabits_per_s: Some(3.9),
                fps: Some(25.0),
            },
            misses_bridged: 40,
            decode_errors: Vec::new(),
            contact_sheet: None,
            clip: None,
        }
    }

    fn broken(change: impl FnOnce(&mut Report)) -> Vec<String> {
        let mut report = good();
        change(&mut report);
        report.judge();
        report.broken
    }

    #[test]
    fn a_good_run_breaks_nothing() {
        assert!(broken(|_| {}).is_empty());
    }

    #[test]
    fn each_broken_promise_is_named() {
        assert!(broken(|r| r.packets_before_grant = 1)[0].contains("P1"));
        assert!(broken(|r| r.revoke_to_last_packet_ms = 501.0)[0].contains("P4"));
        assert!(broken(|r| r.ended = None)[0].contains("P9"));
        assert!(broken(|r| r.grant_to_first_picture_ms = None)[0].contains("no picture"));
        assert!(broken(|r| r.pictures_decoded = 0)[0].contains("decoded"));
        assert!(broken(|r| r.decode_errors = vec!["bad slice".into()])[0].contains("bad slice"));
    }

    #[test]
    fn the_agreed_fields_come_first_and_in_their_order() {
        let text = serde_json::to_string(&good()).unwrap();
        let agreed = [
            "packets_before_grant",
            "grant_to_first_picture_ms",
            "capture_to_packet_ms",
            "revoke_to_last_packet_ms",
            "pictures_decoded",
            "objects_masked",
            "frames",
            "ladder",
            "eye_rss_mb",
            "voice_rss_mb",
            "broken",
        ];
        let places: Vec<_> = agreed.iter().map(|name| text.find(&format!("\"{name}\":")).unwrap()).collect();
        assert!(places.is_sorted(), "{places:?}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        for path in ["/capture_to_packet_ms/p99", "/frames/dropped", "/ladder/covered"] {
            assert!(value.pointer(path).is_some_and(serde_json::Value::is_number), "{path}");
        }
    }
}
