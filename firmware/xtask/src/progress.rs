//! A progress display for jobs that take a while: a spinner on a terminal, one plain line a step elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Steps of one job, counted.
pub(crate) struct Steps {
    total: usize,
    begun: usize,
}

/// A step under way. Dropped without [`Step::done`], it is shown as failed.
pub(crate) struct Step {
    label: String,
    bar: Option<ProgressBar>,
    started: Instant,
    finished: bool,
}

impl Steps {
    pub(crate) fn new(total: usize) -> Self {
        Self { total, begun: 0 }
    }

    /// Begins the next step and shows it.
    pub(crate) fn begin(&mut self, name: &str) -> Step {
        self.begun += 1;
        let label = format!("[{}/{}] {name}", self.begun, self.total);
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}  {elapsed}") {
                bar.set_style(style);
            }
            bar.set_message(label.clone());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        if bar.is_none() {
            eprintln!("{label} …");
        }
        Step { label, bar, started: Instant::now(), finished: false }
    }
}

impl Step {
    /// Ends the step well; `detail` says what came of it.
    pub(crate) fn done(mut self, detail: &str) {
        self.end(&format!("✓ {}: {detail} ({:.1} s)", self.label, self.started.elapsed().as_secs_f32()));
    }

    fn end(&mut self, text: &str) {
        self.finished = true;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        eprintln!("{text}");
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if !self.finished {
            self.end(&format!("✗ {} failed", self.label));
        }
    }
}
