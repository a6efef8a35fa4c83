//! Which encoders a board has, in the order in which they are tried.

use serde::Deserialize;
use std::fmt;

/// A way to encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EncoderKind {
    /// Rockchip's hardware through MPP.
    Mpp,
    /// Hardware behind a V4L2 memory-to-memory device.
    V4l2M2m,
    /// OpenH264 on the processor.
    Software,
}

impl EncoderKind {
    /// As profiles and configurations write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            EncoderKind::Mpp => "mpp",
            EncoderKind::V4l2M2m => "v4l2-m2m",
            EncoderKind::Software => "software",
        }
    }
}

impl fmt::Display for EncoderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The encoders to try, the best one first: `"auto"`, one kind, or a list of kinds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct EncoderOrder(Vec<EncoderKind>);

impl EncoderOrder {
    /// At least one kind, none twice.
    #[must_use]
    pub fn kinds(&self) -> &[EncoderKind] {
        &self.0
    }
}

impl Default for EncoderOrder {
    /// `"auto"`: hardware where there is some.
    fn default() -> Self {
        Self(vec![EncoderKind::Mpp, EncoderKind::V4l2M2m, EncoderKind::Software])
    }
}

impl fmt::Display for EncoderOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|kind| kind.as_str()).collect();
        f.write_str(&names.join(", "))
    }
}

/// As it stands in a file.
#[derive(Deserialize)]
#[serde(untagged, expecting = "\"auto\", \"mpp\", \"v4l2-m2m\", \"software\", or a list of the last three")]
enum Written {
    Auto(Auto),
    One(EncoderKind),
    List(Vec<EncoderKind>),
}

#[derive(Deserialize)]
enum Auto {
    #[serde(rename = "auto")]
    Auto,
}

impl TryFrom<Written> for EncoderOrder {
    type Error = String;
    fn try_from(written: Written) -> Result<Self, String> {
        let kinds = match written {
            Written::Auto(Auto::Auto) => return Ok(Self::default()),
            Written::One(kind) => vec![kind],
            Written::List(kinds) => kinds,
        };
        if kinds.is_empty() {
            return Err("no encoder at all; name at least one".to_owned());
        }
        if let Some((_, twice)) = kinds.iter().enumerate().find(|(at, kind)| kinds[..*at].contains(kind)) {
            return Err(format!("encoder {twice} twice"));
        }
        Ok(Self(kinds))
    }
}
