//! How masking looks, and how sure the board is of it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZeroU8;

/// How masking looks, weakest first: `a < b` means that `b` hides more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// At most two cells across a head and one over a plate, in three grays.
    Pixelate,
    /// A flat colour over every detected object.
    Fill,
    /// `fill`, and everything that moves becomes a flat shape over a still scene.
    Silhouette,
    /// The whole picture in cells two and a quarter times as wide as the largest face of the view, in few colours.
    Coarse,
}

impl Filter {
    /// All filters, weakest first.
    pub const ALL: [Filter; 4] = [Filter::Pixelate, Filter::Fill, Filter::Silhouette, Filter::Coarse];
    /// The filter's name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Filter::Pixelate => "pixelate",
            Filter::Fill => "fill",
            Filter::Silhouette => "silhouette",
            Filter::Coarse => "coarse",
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Filter {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Filter::ALL
            .into_iter()
            .find(|filter| filter.name() == text)
            .ok_or_else(|| format!("{text:?} is no filter (pixelate, fill, silhouette, coarse)"))
    }
}

/// The highest frame rate of each filter, pictures a second; one that is not stated is not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the names are the filters'")]
pub struct FilterRates {
    pub pixelate: Option<NonZeroU8>,
    pub fill: Option<NonZeroU8>,
    pub silhouette: Option<NonZeroU8>,
    pub coarse: Option<NonZeroU8>,
}

impl FilterRates {
    /// That of `filter`.
    #[must_use]
    pub fn of(&self, filter: Filter) -> Option<u8> {
        let rate = match filter {
            Filter::Pixelate => self.pixelate,
            Filter::Fill => self.fill,
            Filter::Silhouette => self.silhouette,
            Filter::Coarse => self.coarse,
        };
        rate.map(NonZeroU8::get)
    }
    /// These, and `others` where these say nothing.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            pixelate: self.pixelate.or(others.pixelate),
            fill: self.fill.or(others.fill),
            silhouette: self.silhouette.or(others.silhouette),
            coarse: self.coarse.or(others.coarse),
        }
    }
}

/// A rung of the ladder: how sure the board is of its masking. `a < b` means that `b` shows less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// Detections are of this very frame.
    Clear,
    /// Detections are a little old: masks are held and grown.
    Cautious,
    /// Too old, or in doubt: the whole picture is coarse.
    Covered,
    /// Masking or camera cannot be trusted: the slate.
    Dark,
}

impl Rung {
    /// All rungs, surest first.
    pub const ALL: [Rung; 4] = [Rung::Clear, Rung::Cautious, Rung::Covered, Rung::Dark];
    /// The rung's name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Rung::Clear => "clear",
            Rung::Cautious => "cautious",
            Rung::Covered => "covered",
            Rung::Dark => "dark",
        }
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
