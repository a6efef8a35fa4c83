//! Why a profile cannot be used.

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// No such name.
    #[error("there is no profile {name:?}; there are: {known}, and a file of your own by its path")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The file is not there or not readable.
    #[error("profile {file}: {cause}")]
    Unreadable {
        /// Which file.
        file: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Not TOML, an unknown key or a wrong type; the text names line and column and what is allowed.
    #[error("profile {file}: {cause}")]
    Malformed {
        /// Which file.
        file: String,
        /// The parser's report.
        cause: toml::de::Error,
    },
    /// A budget of frames that nobody takes.
    #[error("profile {file}: [budget] is of a frame, and there is no [camera] that says how large and how often")]
    BudgetOfNothing {
        /// Which file.
        file: String,
    },
    /// Milliseconds outside their range.
    #[error("profile {file}: budget.{stage}_ms = {ms}; allowed: 0 to 10000")]
    Budget {
        /// Which file.
        file: String,
        /// Which stage.
        stage: &'static str,
        /// What it holds.
        ms: f32,
    },
    /// Threads outside their range.
    #[error("profile {file}: detector.threads = {threads}; allowed: 1 to {most}")]
    Threads {
        /// Which file.
        file: String,
        /// What it holds.
        threads: u8,
        /// What it may hold.
        most: u8,
    },
}
