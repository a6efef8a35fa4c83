//! From usage records to the bill: each record once, `clear` and `cautious` seconds alone, money in whole cents.
//!
//! Pure: records, tariff and month come in, lines and totals come out. What was told twice is counted once ([`Ledger`]); what is no record is refused
//! with a reason and counted as such, so that the totals can be held against the files they came from ([`Bill::read`]).
#![forbid(unsafe_code)]

mod bill;
mod ledger;
mod month;
mod tariff;

pub use bill::{Bill, Kind, Line, Read, Totals, bill};
pub use ledger::{Ledger, NoRecord, Taken};
pub use month::Month;
pub use tariff::{Contract, Discount, Subscription, Tariff, TariffError, View};
