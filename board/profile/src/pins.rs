//! Where a board's pins are. What is stated here is taken to be there: a privacy switch that is stated and cannot be read counts as on.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// The pins of a board. Only what is soldered may be stated; everything may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinsProfile {
    /// On: nobody may watch, whatever software says.
    #[serde(default)]
    pub privacy_switch: Option<Pin>,
    /// On: the housing is open.
    #[serde(default)]
    pub tamper: Option<Pin>,
    /// Lit while a grant could be given.
    #[serde(default)]
    pub light_armed: Option<Pin>,
    /// Lit while somebody watches.
    #[serde(default)]
    pub light_sharing: Option<Pin>,
    /// On: the infrared filter is before the sensor (day).
    #[serde(default)]
    pub ir_cut: Option<Pin>,
    /// On: the wiper wipes.
    #[serde(default)]
    pub wiper: Option<Pin>,
}

/// One line of a GPIO chip, and what counts as on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Pin {
    /// Which line.
    pub at: Line,
    /// The level that means on.
    pub on: On,
    /// The chip's own resistor.
    pub bias: Option<Bias>,
}

/// Which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// By the name that the device tree gives it (`gpio-line-names`), on whichever chip.
    Named(String),
    /// By chip and number.
    Numbered {
        /// Name (`gpiochip0`), path, or label.
        chip: String,
        /// Number on the chip.
        offset: u32,
    },
}

/// The level that means on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum On {
    /// High.
    #[default]
    High,
    /// Low.
    Low,
}

/// The chip's own resistor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bias {
    /// To supply.
    PullUp,
    /// To ground.
    PullDown,
    /// None.
    Disabled,
}

/// As it stands in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    line: Option<String>,
    #[serde(default)]
    chip: Option<String>,
    #[serde(default)]
    offset: Option<u32>,
    #[serde(default)]
    on: On,
    #[serde(default)]
    bias: Option<Bias>,
}

impl TryFrom<Written> for Pin {
    type Error = &'static str;
    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let Written { line, chip, offset, on, bias } = written;
        let at = match (line, chip, offset) {
            (Some(name), None, None) if !name.is_empty() => Line::Named(name),
            (None, Some(chip), Some(offset)) if !chip.is_empty() => Line::Numbered { chip, offset },
            _ => return Err("a pin is stated by `line` (its name), or by `chip` and `offset`"),
        };
        Ok(Self { at, on, bias })
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Named(name) => write!(f, "line {name:?}"),
            Line::Numbered { chip, offset } => write!(f, "line {offset} of {chip}"),
        }
    }
}

impl PinsProfile {
    /// These, and `others` where these say nothing.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            privacy_switch: self.privacy_switch.or(others.privacy_switch),
            tamper: self.tamper.or(others.tamper),
            light_armed: self.light_armed.or(others.light_armed),
            light_sharing: self.light_sharing.or(others.light_sharing),
            ir_cut: self.ir_cut.or(others.ir_cut),
            wiper: self.wiper.or(others.wiper),
        }
    }

    /// The inputs that are stated, with their names.
    pub fn inputs(&self) -> impl Iterator<Item = (&'static str, &Pin)> {
        [("privacy_switch", &self.privacy_switch), ("tamper", &self.tamper)].into_iter().filter_map(stated)
    }

    /// The outputs that are stated, with their names.
    pub fn outputs(&self) -> impl Iterator<Item = (&'static str, &Pin)> {
        [
            ("light_armed", &self.light_armed),
            ("light_sharing", &self.light_sharing),
            ("ir_cut", &self.ir_cut),
            ("wiper", &self.wiper),
        ]
        .into_iter()
        .filter_map(stated)
    }
}

fn stated<'a>((name, pin): (&'static str, &'a Option<Pin>)) -> Option<(&'static str, &'a Pin)> {
    pin.as_ref().map(|pin| (name, pin))
}

/// The board's own watchdog: it starts the board anew when it is not told for a while that all is well.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchdogProfile {
    /// `/dev/watchdog0`; not the one that the service manager kicks (`RuntimeWatchdogSec=`).
    pub device: PathBuf,
    /// How long it waits, seconds, 3 to 120. An eye that hangs is ended within two seconds and started anew; this is for what that does not mend.
    #[serde(default = "timeout_s", deserialize_with = "in_range")]
    pub timeout_s: u32,
}

fn timeout_s() -> u32 {
    20
}

fn in_range<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let seconds = u32::deserialize(from)?;
    if (3..=120).contains(&seconds) {
        return Ok(seconds);
    }
    Err(serde::de::Error::custom(format!("{seconds} seconds; allowed: 3 to 120")))
}
