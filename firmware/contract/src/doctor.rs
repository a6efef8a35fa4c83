//! What `campari-eye --doctor --json` says and `campari doctor` prints: one check for each line of a board's profile, and what a frame costs. One JSON
//! value on standard output.

use serde::{Deserialize, Serialize};

/// All that was checked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Name of the profile.
    pub profile: String,
    /// In the profile's own order.
    pub checks: Vec<Check>,
    /// What a frame costs; empty unless it was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
}

/// One line of the profile or the configuration, held against the board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Which line, as the file calls it: `camera.names`, `pins.privacy_switch`.
    pub line: String,
    /// What came of it.
    pub outcome: Outcome,
    /// What was found.
    pub found: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As stated.
    Pass,
    /// Worth knowing; the board works.
    Note,
    /// Not as stated.
    Fail,
}

/// One stage of a frame's way: what the profile expects and what was measured, milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Which.
    pub stage: String,
    /// As the profile's budget says; absent where it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_ms: Option<f32>,
    /// Median; absent where it could not be measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<f32>,
    /// 99th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<f32>,
}

impl Report {
    /// Whether nothing failed.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.checks.iter().all(|check| check.outcome != Outcome::Fail)
    }
}

impl Check {
    /// As stated.
    pub fn pass(line: &str, found: impl Into<String>) -> Self {
        Self { line: line.into(), outcome: Outcome::Pass, found: found.into(), remedy: None }
    }
    /// Worth knowing.
    pub fn note(line: &str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { line: line.into(), outcome: Outcome::Note, found: found.into(), remedy: Some(remedy.into()) }
    }
    /// Not as stated.
    pub fn fail(line: &str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { line: line.into(), outcome: Outcome::Fail, found: found.into(), remedy: Some(remedy.into()) }
    }
}
