//! What the eye says of itself: `state` and `catalogue`.

use super::{Books, FILTERS, Office, json};
use crate::config::Config;
use crate::selftest::Standing;
use contract::body::{Catalogue, Counters, EyeState, FilterOffer, SelfTest};
use contract::policy::{Policy, SubscriberRule};
use contract::{CameraId, Filter, FilterRates, Rung, SiteId};
use grant::Now;
use link::message::ToVoice;

/// What does not change while the eye runs.
pub(super) struct About {
    pub(super) site: SiteId,
    pub(super) camera: CameraId,
    name: String,
    place: String,
    model: String,
    model_sha256: String,
    rates: FilterRates,
}

impl About {
    pub(super) fn new(config: &Config, (model, model_sha256): (String, String)) -> Self {
        Self {
            site: config.site.clone(),
            camera: config.camera.clone(),
            name: config.name.clone(),
            place: config.place.clone(),
            model,
            model_sha256,
            rates: config.rates(),
        }
    }

    /// The most pictures a second under `filter`, where it has a rate of its own.
    pub(super) fn rate(&self, filter: Filter) -> Option<u8> {
        self.rates.of(filter)
    }

    pub(super) fn catalogue(&self, policy: Option<&Policy>, fps: f32) -> Catalogue {
        let views = policy.map_or(&[][..], |policy| &policy.views);
        Catalogue {
            site: self.site.clone(),
            camera: self.camera.clone(),
            name: self.name.clone(),
            place: self.place.clone(),
            views: views.iter().filter(|view| view.camera == self.camera).map(|view| view.name.clone()).collect(),
            filters: FILTERS
                .map(|filter| FilterOffer { filter, fps: self.rate(filter).map_or(fps, |rate| fps.min(rate.into())) })
                .to_vec(),
            codecs: vec!["h264".into()],
            deliveries: deliveries(policy).map(str::to_owned).collect(),
        }
    }
}

fn deliveries(policy: Option<&Policy>) -> impl Iterator<Item = &'static str> {
    let any = |right: fn(&SubscriberRule) -> bool| policy.is_some_and(|policy| policy.subscribers.iter().any(right));
    let (pulls, relays) = (any(|rule| rule.pull.is_some()), any(|rule| rule.relay.is_some()));
    ["push"].into_iter().chain(pulls.then_some("pull")).chain(relays.then_some("relay"))
}

impl Office {
    /// Journals how it is with the camera, and what the self-test came to. Here and not when the road reports it: the road does not wait for the disk.
    pub(super) fn record_report(&self, desk: &mut Books, now: Now) {
        let Some(report) = desk.report else { return };
        let before = desk.record.head();
        if let Err(error) = desk.record.camera(report.camera, now) {
            tracing::error!(%error, "the camera's loss or return is not in the journal");
        }
        if let Some(Err(error)) = report.selftest.map(|standing| desk.record.self_test(standing.result, now)) {
            tracing::error!(%error, "the self-test's result is not in the journal");
        }
        if desk.record.head() != before {
            self.tell_head(desk, now);
        }
    }

    pub(super) fn tell_state(&self, desk: &mut Books, now: Now) {
        desk.told_state_ms = now.monotonic_ms;
        if desk.told_clock.replace(now.synchronised) != Some(now.synchronised) {
            match now.synchronised {
                true => tracing::info!("the clock is synchronised"),
                false => tracing::warn!(
                    "the clock is not synchronised; nothing is granted until a time server has proven the time"
                ),
            }
        }
        let capture_to_link_p99_ms = desk.tallies.latency_p99_ms(self.clock.monotonic_us());
        let report = desk.report;
        let (since_ms, before) = desk.captured_before;
        let passed_ms = now.monotonic_ms.saturating_sub(since_ms);
        if passed_ms >= 900 {
            let captured = report.map_or(0, |report| report.captured);
            desk.fps = captured.saturating_sub(before) as f32 * 1_000.0 / passed_ms as f32;
            desk.captured_before = (now.monotonic_ms, captured);
        }
        let fps = desk.fps;
        let seconds = |rung: Rung| report.map_or(0.0, |report| report.rung_us[rung as usize] as f64 / 1e6);
        let journal_fault = desk.record.fault();
        // Nobody is shown anything that is not journaled.
        let ladder = report.filter(|_| journal_fault.is_none()).map_or(Rung::Dark, |report| report.rung);
        let ladder_reason = match report {
            _ if journal_fault.is_some() => Some("the journal cannot be written".to_owned()),
            Some(report) if ladder != Rung::Clear => Some(report.reason.text().to_owned()),
            Some(_) => None,
            None => Some("no frame yet".to_owned()),
        };
        let state = EyeState {
            mode: desk.authority.mode(),
            shares: desk.authority.summaries(),
            ladder,
            ladder_reason,
            fps,
            capture_to_link_p99_ms,
            challenge: desk.authority.challenge().clone(),
            now: now.utc_s(),
            clock_synchronised: now.synchronised,
            heartbeat_age_s: desk.authority.heartbeat_age_ms(now).map(|age_ms| age_ms as f32 / 1_000.0),
            policy_version: desk.authority.policy().map(|policy| policy.version),
            firmware: env!("CARGO_PKG_VERSION").to_owned(),
            model: self.about.model.clone(),
            model_sha256: self.about.model_sha256.clone(),
            self_test: report.and_then(|report| report.selftest).map(self_test),
            requests_waiting: u32::try_from(desk.authority.requests_waiting()).unwrap_or(u32::MAX),
            leak: desk.authority.leak(),
            journal_fault: journal_fault.map(str::to_owned),
            pins: desk.pins.told(),
            counters: Counters {
                frames_captured: report.map_or(0, |report| report.captured),
                frames_dropped: report.map_or(0, |report| report.dropped),
                pictures_sent: desk.tallies.pictures_sent(),
                objects_masked: report.map_or(0, |report| report.objects_masked),
                misses_bridged: report.map_or(0, |report| report.misses_bridged),
                shapes_painted: report.map_or(0, |report| report.shapes_painted),
                seconds_clear: seconds(Rung::Clear),
                seconds_cautious: seconds(Rung::Cautious),
                seconds_covered: seconds(Rung::Covered),
                seconds_dark: seconds(Rung::Dark),
            },
        };
        self.outbox.tell(&ToVoice::State, &json(&state));
    }
}

/// The self-test's standing as it is told.
fn self_test(standing: Standing) -> SelfTest {
    SelfTest {
        result: standing.result,
        at: standing.at_utc_us.map(|at_us| at_us / 1_000_000),
        took_ms: standing.took.as_secs_f32() * 1_000.0,
        missed: standing.miss.map(|miss| miss.picture.to_owned()),
        why: standing.miss.map(|miss| miss.cause.to_string()),
    }
}
