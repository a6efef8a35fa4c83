//! What a scraper reads: OpenMetrics text of counters that only grow, for all and for each share.
//!
//! Contract: **no personal data (P10)**: a share is named by its `jti`, nobody and no address is. A counter of all shares goes on when they end; a share's
//! own end with it. Rates are the reader's to make. Counts nothing itself, opens no socket ([`server`] does).

pub mod server;
pub mod thermal;

use self::thermal::Temperature;
use crate::figures::{Dropped, Figures, LATENCY_BOUNDS_S};
use crate::reports::Heard;
use contract::body::{Counters, Usage};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::{Registry, Unit};
use std::collections::HashMap;
use std::fmt;

/// What all names begin with.
const PREFIX: &str = "campari";
/// Media type of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Whether the eye is there.
    pub eye_linked: bool,
    /// The eye's counters; absent while it is not there.
    pub eye: Option<Counters>,
    /// Media of all shares since the voice started.
    pub totals: Figures,
    /// RTP packets that something tried to send outside a share.
    pub packets_outside_share: u64,
    /// Messages to the broker that were given up.
    pub messages_lost: u64,
    /// What subscribers said and was not passed on.
    pub asks_refused: u64,
    /// Receivers of running shares, those who fetch and media servers among them.
    pub viewers: Vec<Viewer>,
    /// How warm the board is; empty where it does not say.
    pub temperatures: Vec<Temperature>,
}

/// One receiver of a share.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// The share, and which of its receivers.
    pub labels: Labels,
    /// Whether it was heard and is not lost.
    pub is_heard: bool,
    /// What was sent to it.
    pub figures: Figures,
    /// Seconds on each rung.
    pub usage: Usage,
    /// What it reports.
    pub heard: Heard,
}

/// Names a receiver without saying who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// The share's `jti`.
    pub share: String,
    /// Number among the share's receivers.
    pub viewer: String,
}

impl Labels {
    fn pairs(&self) -> [(&str, &str); 2] {
        [("share", &self.share), ("viewer", &self.viewer)]
    }
    fn with<'a>(&'a self, name: &'a str, value: &'a str) -> [(&'a str, &'a str); 3] {
        let [share, viewer] = self.pairs();
        [share, viewer, (name, value)]
    }
}

impl Snapshot {
    /// The page.
    #[must_use]
    pub fn text(self) -> String {
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        // Writing to memory cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        text
    }
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let page = &mut Page(&mut encoder);
        self.board(page)?;
        self.eye(page)?;
        self.media(page)?;
        self.rungs(page)?;
        self.reports(page)
    }
}

impl Snapshot {
    fn board(&self, page: &mut Page<'_, '_>) -> fmt::Result {
        page.gauge("eye_linked", "Whether the eye is there.", &u32::from(self.eye_linked))?;
        page.gauge("viewers", "Receivers of running shares.", &(self.viewers.len() as u64))?;
        let heard = self.viewers.iter().filter(|viewer| viewer.is_heard).count();
        page.gauge("viewers_heard", "Receivers that report and are not lost.", &(heard as u64))?;
        let help = "RTP packets that something tried to send outside a share; none was sent. Must be 0.";
        page.counter("packets_outside_share", help, None, self.packets_outside_share)?;
        let help = "Messages to the broker that were given up. Must be 0.";
        page.counter("mqtt_messages_lost", help, None, self.messages_lost)?;
        let help = "What subscribers said and the voice did not pass on.";
        page.counter("asks_refused", help, None, self.asks_refused)?;
        if self.temperatures.is_empty() {
            return Ok(());
        }
        let (help, unit) = ("How warm the board says that it is.", Unit::Celsius);
        let mut family = page.family("temperature", help, Some(&unit), MetricType::Gauge)?;
        self.temperatures.iter().try_for_each(|Temperature { zone, kind, celsius }| {
            family.encode_family(&[("zone", zone.as_str()), ("type", kind)])?.encode_gauge(celsius)
        })
    }

    fn eye(&self, page: &mut Page<'_, '_>) -> fmt::Result {
        let Some(eye) = &self.eye else { return Ok(()) };
        page.counter("frames_captured", "Frames that the camera delivered.", None, eye.frames_captured)?;
        page.counter("frames_dropped", "Frames that no stage of the eye had time for.", None, eye.frames_dropped)?;
        let mut family = page.family("ladder", "Seconds on each rung.", Some(&Unit::Seconds), MetricType::Counter)?;
        let rungs = [eye.seconds_clear, eye.seconds_cautious, eye.seconds_covered, eye.seconds_dark];
        for (rung, seconds) in RUNGS.into_iter().zip(rungs) {
            count(&mut family.encode_family(&[("rung", rung)])?, &seconds)?;
        }
        Ok(())
    }

    fn media(&self, page: &mut Page<'_, '_>) -> fmt::Result {
        let (totals, shares) = (&self.totals, &self.viewers);
        page.counter("rtp_packets", "RTP packets that the kernel took.", None, totals.packets)?;
        page.counter("rtp_sent", "Their bytes, headers included.", Some(&Unit::Bytes), totals.bytes)?;
        page.counter("pictures_sent", "Pictures whose last packet the kernel took.", None, totals.pictures)?;
        let mut family =
            page.family("pictures_dropped", "Pictures not sent, or not whole.", None, MetricType::Counter)?;
        for (why, pictures) in Dropped::ALL.into_iter().zip(totals.dropped) {
            count(&mut family.encode_family(&[("reason", why.name())])?, &pictures)?;
        }
        let help = "From capture to the last packet handed to the kernel.";
        let mut family = page.family("capture_to_packet", help, Some(&Unit::Seconds), MetricType::Histogram)?;
        histogram(&mut family, totals)?;
        if shares.is_empty() {
            return Ok(());
        }
        page.counters("share_rtp_packets", "RTP packets that the kernel took.", None, shares, |v| v.figures.packets)?;
        let bytes = Some(&Unit::Bytes);
        page.counters("share_rtp_sent", "Their bytes, headers included.", bytes, shares, |v| v.figures.bytes)?;
        let help = "Pictures whose last packet the kernel took.";
        page.counters("share_pictures_sent", help, None, shares, |viewer| viewer.figures.pictures)?;
        let help = "Pictures not sent, or not whole.";
        let mut family = page.family("share_pictures_dropped", help, None, MetricType::Counter)?;
        for viewer in shares {
            for (why, pictures) in Dropped::ALL.into_iter().zip(viewer.figures.dropped) {
                count(&mut family.encode_family(&viewer.labels.with("reason", why.name()))?, &pictures)?;
            }
        }
        let help = "From capture to the last packet handed to the kernel.";
        let mut family = page.family("share_capture_to_packet", help, Some(&Unit::Seconds), MetricType::Histogram)?;
        shares.iter().try_for_each(|v| histogram(&mut family.encode_family(&v.labels.pairs())?, &v.figures))
    }

    fn rungs(&self, page: &mut Page<'_, '_>) -> fmt::Result {
        if self.viewers.is_empty() {
            return Ok(());
        }
        let help = "Seconds watched on each rung.";
        let mut family = page.family("share_ladder", help, Some(&Unit::Seconds), MetricType::Counter)?;
        for Viewer { labels, usage, .. } in &self.viewers {
            let rungs = [usage.seconds_clear, usage.seconds_cautious, usage.seconds_covered, usage.seconds_dark];
            for (rung, seconds) in RUNGS.into_iter().zip(rungs) {
                count(&mut family.encode_family(&labels.with("rung", rung))?, &seconds)?;
            }
        }
        Ok(())
    }

    /// RTCP, of those who report.
    fn reports(&self, page: &mut Page<'_, '_>) -> fmt::Result {
        let shares = &self.viewers;
        if shares.is_empty() {
            return Ok(());
        }
        page.counters("share_rtcp_reports", "Reports of the receiver.", None, shares, |viewer| viewer.heard.reports)?;
        let help = "Requests for a key picture.";
        page.counters("share_key_requests", help, None, shares, |viewer| viewer.heard.key_requests)?;
        let help = "Datagrams of the receiver that were no RTCP, or not authentic.";
        page.counters("share_rtcp_garbage", help, None, shares, |viewer| viewer.heard.garbage)?;
        let help = "Reports of a receiver that calls itself what the stream is called.";
        page.counters("share_ssrc_collisions", help, None, shares, |viewer| viewer.heard.collisions)?;
        let reporting: Vec<Viewer> = shares.iter().filter(|viewer| viewer.heard.reports > 0).cloned().collect();
        if reporting.is_empty() {
            return Ok(());
        }
        let help = "Packets lost since the share started, as its receiver says; below zero when more came twice.";
        page.gauges("share_rtcp_packets_lost", help, None, &reporting, |viewer| Some(f64::from(viewer.heard.lost)))?;
        let help = "Packets lost between the receiver's two newest reports.";
        page.gauges("share_rtcp_loss", help, Some(&Unit::Ratios), &reporting, |v| Some(v.heard.fraction_lost))?;
        let help = "Interarrival jitter, as the receiver says.";
        page.gauges("share_rtcp_jitter", help, Some(&Unit::Seconds), &reporting, |v| Some(v.heard.jitter_s))?;
        let help = "Time to the receiver and back.";
        page.gauges("share_rtcp_round_trip", help, Some(&Unit::Seconds), &reporting, |v| v.heard.round_trip_s)
    }
}

const RUNGS: [&str; 4] = ["clear", "cautious", "covered", "dark"];

/// Writes families.
struct Page<'a, 'e>(&'a mut DescriptorEncoder<'e>);

impl Page<'_, '_> {
    fn family<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
        unit: Option<&'s Unit>,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0.encode_descriptor(name, help, unit, kind)
    }
    fn counter(&mut self, name: &str, help: &str, unit: Option<&Unit>, value: u64) -> fmt::Result {
        count(&mut self.family(name, help, unit, MetricType::Counter)?, &value)
    }
    fn gauge(&mut self, name: &str, help: &str, value: &impl EncodeGaugeValue) -> fmt::Result {
        self.family(name, help, None, MetricType::Gauge)?.encode_gauge(value)
    }
    fn counters(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        viewers: &[Viewer],
        value: impl Fn(&Viewer) -> u64,
    ) -> fmt::Result {
        let mut family = self.family(name, help, unit, MetricType::Counter)?;
        viewers.iter().try_for_each(|viewer| count(&mut family.encode_family(&viewer.labels.pairs())?, &value(viewer)))
    }
    fn gauges(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        viewers: &[Viewer],
        value: impl Fn(&Viewer) -> Option<f64>,
    ) -> fmt::Result {
        let mut family = self.family(name, help, unit, MetricType::Gauge)?;
        for (viewer, value) in viewers.iter().filter_map(|viewer| Some((viewer, value(viewer)?))) {
            family.encode_family(&viewer.labels.pairs())?.encode_gauge(&value)?;
        }
        Ok(())
    }
}

fn count(metric: &mut MetricEncoder<'_>, value: &impl EncodeCounterValue) -> fmt::Result {
    metric.encode_counter(value, None::<&Exemplar<NoLabelSet, f64>>)
}

fn histogram(metric: &mut MetricEncoder<'_>, figures: &Figures) -> fmt::Result {
    let bounds = LATENCY_BOUNDS_S.into_iter().chain([f64::MAX]);
    let mut buckets = [(0.0, 0); LATENCY_BOUNDS_S.len() + 1];
    for (bucket, found) in buckets.iter_mut().zip(bounds.zip(figures.latency)) {
        *bucket = found;
    }
    let none: Option<&HashMap<usize, Exemplar<NoLabelSet, f64>>> = None;
    metric.encode_histogram(figures.latency_sum_s, figures.pictures, &buckets, none)
}
