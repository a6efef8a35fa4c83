//! What the commands print: text for people, or one JSON value a line for programs; failures on the error stream.
#![expect(clippy::print_stderr, reason = "the one place of this crate that prints, and what it is for")]

use serde::Serialize;
use serde_json::json;
use std::io::{IsTerminal, Write};

/// Where results go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    json: bool,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// A result, one way or the other.
    pub(super) fn result(self, people: impl FnOnce() -> String, programs: &impl Serialize) {
        if !self.json {
            return line(people().trim_end_matches('\n'));
        }
        match serde_json::to_string(programs) {
            Ok(text) => line(&text),
            Err(cause) => self.failed(&anyhow::anyhow!("this result cannot be written as JSON: {cause}")),
        }
    }

    /// A remark for people only.
    pub(super) fn remark(self, text: &str) {
        if !self.json {
            line(text);
        }
    }

    /// What is wrong with a part of the input; the rest goes on.
    pub(super) fn complain(self, text: &str) {
        eprintln!("campari: {text}");
    }

    /// A failure with its causes.
    pub(super) fn failed(self, error: &anyhow::Error) {
        let text = crate::chain(error.as_ref());
        if self.json {
            line(&json!({"ok": false, "error": {"code": "failed", "detail": text}}).to_string());
        }
        eprintln!("campari: {text}");
    }
}

/// Prints a line; a reader that went away ends nothing.
pub(super) fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    let _reader_gone = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Prints text as it is.
pub(super) fn text(text: &str) {
    let mut out = std::io::stdout().lock();
    let _reader_gone = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Whether a person looks at the output.
pub(super) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether colours are welcome (no-color.org).
pub(super) fn colours() -> bool {
    is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Prints the timeline of the demonstration.
#[derive(Debug, Default)]
pub(super) struct Lines;

impl crate::demo::Sink for Lines {
    fn line(&mut self, text: &str) {
        line(text);
    }
}
