//! The bill: lines that add up.
//!
//! Rounding, once and stated: each record's seconds to the millisecond, each line's amount to the cent, halves away from zero; totals are sums of lines.

use crate::{Ledger, Month, Tariff};
use contract::SubscriberId;
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Cameras subscribed to.
    Subscription,
    /// What was watched of one camera.
    Views,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Of which month.
    pub month: Month,
    /// Who pays.
    pub subscriber: SubscriberId,
    /// What for.
    pub kind: Kind,
    /// `site/camera`, of views.
    pub camera: Option<String>,
    /// Cameras subscribed to, or views.
    pub quantity: u64,
    /// Milliseconds at `clear` and `cautious`.
    pub billed_ms: u64,
    /// Milliseconds at `covered` and `dark`: free.
    pub free_ms: u64,
    /// Off.
    pub discount_percent: Decimal,
    /// To be paid.
    pub cents: i64,
}

/// What all lines come to; each is the sum of theirs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Shares.
    pub views: u64,
    /// Milliseconds.
    pub billed_ms: u64,
    /// Milliseconds.
    pub free_ms: u64,
    /// To be paid.
    pub cents: i64,
}

/// What the files held, to hold the totals against.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Read {
    /// Different records.
    pub records: u64,
    /// Of those, of another month than the bill's.
    pub of_other_months: u64,
    /// Lines that said again what was there; ignored.
    pub repeated: u64,
    /// Lines that are no records; ignored.
    pub refused: u64,
}

/// A bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bill {
    /// Three letters.
    pub currency: String,
    /// Of which month; absent: of every month that has records.
    pub month: Option<Month>,
    /// By month, subscriber, kind, camera.
    pub lines: Vec<Line>,
    /// Their sums.
    pub totals: Totals,
    /// What was read.
    pub read: Read,
    /// Subscribers that watched and have no contract.
    pub without_contract: Vec<SubscriberId>,
}

#[derive(Default)]
struct Watched {
    views: u64,
    billed_ms: u64,
    free_ms: u64,
}

/// The bill for `month`, or for every month that has records. A record belongs to the month in which its share ended, UTC.
#[must_use]
pub fn bill(ledger: &Ledger, tariff: &Tariff, month: Option<Month>) -> Bill {
    let mut watched: BTreeMap<(Month, SubscriberId, String), Watched> = BTreeMap::new();
    let mut of_other_months = 0;
    for (ended, record) in ledger.records() {
        if month.is_some_and(|month| month != ended) {
            of_other_months += 1;
            continue;
        }
        let camera = format!("{}/{}", record.site, record.camera);
        let entry = watched.entry((ended, record.sub.clone(), camera)).or_default();
        let usage = &record.usage;
        entry.views += 1;
        entry.billed_ms += millis(usage.seconds_clear) + millis(usage.seconds_cautious);
        entry.free_ms += millis(usage.seconds_covered) + millis(usage.seconds_dark);
    }
    let months = month.map_or_else(
        || {
            let mut months = watched.keys().map(|(month, ..)| *month);
            let first = months.next();
            (first, months.next_back().or(first))
        },
        |month| (Some(month), Some(month)),
    );
    let mut lines = Vec::new();
    if let (Some(first), Some(last)) = months {
        lines.extend(first.through(last).flat_map(|month| subscriptions(tariff, month)));
    }
    let mut without_contract = Vec::new();
    for ((month, subscriber, camera), watched) in watched {
        let contract = tariff.contract(&subscriber);
        if contract.is_none() && !without_contract.contains(&subscriber) {
            without_contract.push(subscriber.clone());
        }
        let discount_percent = tariff.discount(contract.map_or(0, |contract| contract.cameras));
        let minutes = Decimal::from(watched.billed_ms) / Decimal::from(60_000);
        lines.push(Line {
            month,
            subscriber,
            kind: Kind::Views,
            camera: Some(camera),
            quantity: watched.views,
            billed_ms: watched.billed_ms,
            free_ms: watched.free_ms,
            discount_percent,
            cents: cents(tariff.view.per_minute * minutes, discount_percent),
        });
    }
    lines.sort_by(|a, b| (a.month, &a.subscriber, a.kind, &a.camera).cmp(&(b.month, &b.subscriber, b.kind, &b.camera)));
    let totals = lines.iter().fold(Totals::default(), |sum, line| Totals {
        views: sum.views + if line.kind == Kind::Views { line.quantity } else { 0 },
        billed_ms: sum.billed_ms + line.billed_ms,
        free_ms: sum.free_ms + line.free_ms,
        cents: sum.cents.saturating_add(line.cents),
    });
    let read = Read { records: ledger.len(), of_other_months, repeated: ledger.repeated(), refused: ledger.refused() };
    Bill { currency: tariff.currency.clone(), month, lines, totals, read, without_contract }
}

fn subscriptions(tariff: &Tariff, month: Month) -> impl Iterator<Item = Line> {
    let runs = move |contract: &&crate::Contract| {
        month >= contract.from && tariff.billed_until(contract).is_none_or(|until| month <= until)
    };
    tariff.contracts.iter().filter(runs).map(move |contract| {
        let discount_percent = tariff.discount(contract.cameras);
        Line {
            month,
            subscriber: contract.subscriber.clone(),
            kind: Kind::Subscription,
            camera: None,
            quantity: contract.cameras.into(),
            billed_ms: 0,
            free_ms: 0,
            discount_percent,
            cents: cents(tariff.subscription.per_camera_month * Decimal::from(contract.cameras), discount_percent),
        }
    })
}

/// The ledger lets no other seconds in than those between 0 and a year.
fn millis(seconds: f64) -> u64 {
    (seconds * 1_000.0).round() as u64
}

fn cents(amount: Decimal, discount_percent: Decimal) -> i64 {
    let net = amount * (Decimal::ONE_HUNDRED - discount_percent);
    net.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero).to_i64().unwrap_or(i64::MAX)
}
