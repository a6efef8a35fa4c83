//! What happens, told while it happens: one line per event with the seconds since the start, and under them a line that lives.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::{Duration, Instant};

/// How a line is meant; decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Preparation.
    Quiet,
    /// An event.
    Plain,
    /// A promise kept.
    Good,
    /// A promise broken, or doubt.
    Bad,
    /// What a person did.
    Act,
}

/// Where lines go. The command line gives one that prints; tests give one that collects.
pub trait Sink: Send {
    /// Takes one line without its end.
    fn line(&mut self, text: &str);
}

/// Tells.
pub struct Timeline {
    began: Instant,
    sink: Box<dyn Sink>,
    colours: bool,
    live: Option<ProgressBar>,
}

impl Timeline {
    /// Begins now. `live` redraws a line on the terminal; `colours` only where somebody sees them.
    #[must_use]
    pub fn new(sink: Box<dyn Sink>, colours: bool, live: bool) -> Self {
        let live = live.then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { began: Instant::now(), sink, colours, live }
    }

    /// Tells of an event that happens now.
    pub fn tell(&mut self, tone: Tone, text: &str) {
        let line = format!("{:7.2} s  {}", self.began.elapsed().as_secs_f64(), self.paint(tone, text));
        self.raw(&line);
    }

    /// A line without a time.
    pub fn say(&mut self, tone: Tone, text: &str) {
        let line = self.paint(tone, text);
        self.raw(&line);
    }

    /// Renews the line that lives.
    pub fn now(&mut self, text: impl FnOnce() -> String) {
        if let Some(bar) = &self.live {
            bar.set_message(text());
        }
    }

    /// Takes the line that lives away.
    pub fn settle(&mut self) {
        if let Some(bar) = self.live.take() {
            bar.finish_and_clear();
        }
    }

    fn raw(&mut self, line: &str) {
        match &self.live {
            Some(bar) => bar.suspend(|| self.sink.line(line)),
            None => self.sink.line(line),
        }
    }

    fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.colours {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Quiet => "2",
            Tone::Plain => return text.to_owned(),
            Tone::Good => "32",
            Tone::Bad => "1;31",
            Tone::Act => "1;36",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

impl Drop for Timeline {
    fn drop(&mut self) {
        self.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    struct Lines(Arc<Mutex<Vec<String>>>);
    impl Sink for Lines {
        fn line(&mut self, text: &str) {
            self.0.lock().unwrap().push(text.to_owned());
        }
    }

    #[test]
    fn lines_carry_the_time_and_no_colour_unless_asked() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let mut plain = Timeline::new(Box::new(Lines(Arc::clone(&lines))), false, false);
        plain.tell(Tone::Bad, "packets before the grant");
        let mut painted = Timeline::new(Box::new(Lines(Arc::clone(&lines))), true, false);
        painted.tell(Tone::Bad, "packets before the grant");
        let lines = lines.lock().unwrap();
        assert!(lines[0].ends_with(" s  packets before the grant") && !lines[0].contains('\x1b'), "{:?}", lines[0]);
        assert!(lines[1].contains("\x1b[1;31m"), "{:?}", lines[1]);
    }
}
