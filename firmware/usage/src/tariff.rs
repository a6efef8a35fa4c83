//! What watching costs: a file that the city writes. Amounts are decimal text, read exactly.

use crate::Month;
use contract::SubscriberId;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, de};
use std::collections::BTreeSet;

/// A tariff.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tariff {
    /// Three letters, ISO 4217.
    pub currency: String,
    /// What a camera costs a month, watched or not.
    pub subscription: Subscription,
    /// What watching costs.
    pub view: View,
    /// Less for many cameras; the best one that applies.
    #[serde(default, rename = "discount")]
    pub discounts: Vec<Discount>,
    /// Who subscribes to how many cameras. Whoever has no contract pays for views alone.
    #[serde(default, rename = "contract")]
    pub contracts: Vec<Contract>,
}

/// What a camera costs a month.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// For each camera.
    #[serde(deserialize_with = "amount")]
    pub per_camera_month: Decimal,
    /// A contract that ends earlier is billed to so many months all the same, 0 to 120.
    #[serde(default)]
    pub minimum_months: u16,
}

/// What watching costs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct View {
    /// For each minute at `clear` or `cautious`, to the millisecond.
    #[serde(deserialize_with = "amount")]
    pub per_minute: Decimal,
}

/// Less for many cameras.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Discount {
    /// From so many cameras of one contract.
    pub from_cameras: u32,
    /// Off subscription and views, 0 to 100.
    #[serde(deserialize_with = "amount")]
    pub percent: Decimal,
}

/// A subscriber's contract.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Who.
    pub subscriber: SubscriberId,
    /// To how many cameras.
    pub cameras: u32,
    /// First month.
    pub from: Month,
    /// Last month; absent while it runs.
    #[serde(default)]
    pub until: Option<Month>,
}

/// Why a tariff cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TariffError {
    /// Not TOML, an unknown key or a wrong value; the text names line and column.
    #[error("{0}")]
    Malformed(#[from] Box<toml::de::Error>),
    /// A value outside its range, or two that contradict each other.
    #[error("{0}")]
    Wrong(String),
}

/// Text or a whole number, so that no amount ever passes through a float.
fn amount<'de, D: Deserializer<'de>>(from: D) -> Result<Decimal, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Text(String),
        Whole(u32),
        Float(f64),
    }
    let decimal = match Given::deserialize(from)? {
        Given::Text(text) => text
            .parse::<Decimal>()
            .map_err(|_| de::Error::custom(format!("{text:?} is no amount; write it like \"0.12\"")))?,
        Given::Whole(whole) => whole.into(),
        Given::Float(float) => {
            return Err(de::Error::custom(format!(
                "{float}: write amounts in quotes, \"{float}\", so that they are exact"
            )));
        }
    };
    let most = Decimal::from(1_000_000);
    if decimal.is_sign_negative() || decimal > most || decimal.scale() > 6 {
        return Err(de::Error::custom(format!("{decimal}: allowed are 0 to {most} with at most 6 decimals")));
    }
    Ok(decimal)
}

impl Tariff {
    /// Reads and checks a tariff.
    ///
    /// # Errors
    /// [`TariffError`] saying where and what is allowed.
    pub fn parse(text: &str) -> Result<Self, TariffError> {
        let tariff: Self = toml::from_str(text).map_err(Box::new)?;
        let wrong = |what: String| Err(TariffError::Wrong(what));
        if tariff.currency.len() != 3 || !tariff.currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return wrong(format!("currency = {:?}; allowed: three capital letters like \"EUR\"", tariff.currency));
        }
        if tariff.subscription.minimum_months > 120 {
            return wrong(format!(
                "subscription.minimum_months = {}; allowed: 0 to 120",
                tariff.subscription.minimum_months
            ));
        }
        if let Some(discount) = tariff.discounts.iter().find(|discount| discount.percent > Decimal::ONE_HUNDRED) {
            return wrong(format!("discount.percent = {}; allowed: 0 to 100", discount.percent));
        }
        let mut seen = BTreeSet::new();
        for contract in &tariff.contracts {
            if !seen.insert(&contract.subscriber) {
                return wrong(format!("subscriber {} has two contracts; write one", contract.subscriber));
            }
            if contract.until.is_some_and(|until| until < contract.from) {
                return wrong(format!("contract of {}: until is before from", contract.subscriber));
            }
        }
        Ok(tariff)
    }

    /// A subscriber's contract.
    #[must_use]
    pub fn contract(&self, subscriber: &SubscriberId) -> Option<&Contract> {
        self.contracts.iter().find(|contract| contract.subscriber == *subscriber)
    }

    /// The last month that a contract is billed for; `None` while it runs.
    #[must_use]
    pub fn billed_until(&self, contract: &Contract) -> Option<Month> {
        let least = match self.subscription.minimum_months {
            0 => contract.from,
            months => contract.from.plus(months - 1),
        };
        contract.until.map(|until| until.max(least))
    }

    /// Percent off for a contract of so many cameras.
    #[must_use]
    pub fn discount(&self, cameras: u32) -> Decimal {
        let applies = self.discounts.iter().filter(|discount| cameras >= discount.from_cameras);
        applies.map(|discount| discount.percent).max().unwrap_or_default()
    }
}
