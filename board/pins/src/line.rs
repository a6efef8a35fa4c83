//! A line of the GPIO character device (Linux `include/uapi/linux/gpio.h`, version 2) as an `embedded-hal` pin.
//!
//! Levels are the line's own; what counts as on is the [`Slot`](crate::Slot)'s business.

use board_profile::{Bias, Line as Place, On, Pin};
use embedded_hal::digital::{Error, ErrorKind, ErrorType, InputPin, OutputPin, PinState};
use gpiocdev::Request;
use gpiocdev::chip::Chip;
use gpiocdev::line::{EdgeDetection, Offset, Value};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Changes shorter than this are the contact's bouncing; the kernel hides them, from edges and levels alike.
pub const DEBOUNCE: Duration = Duration::from_millis(5);
/// Who has the line, for `gpioinfo`.
const CONSUMER: &str = "campari";

/// A requested line; nobody else can have it while this lives.
#[derive(Debug, Clone)]
pub struct Line {
    request: Arc<Request>,
    offset: Offset,
    edges: bool,
}

/// What the kernel said.
#[derive(Debug)]
pub struct LineError(gpiocdev::Error);

impl Error for LineError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Line {
    /// Takes an input. Where the chip cannot tell of edges the line is read from time to time instead ([`Line::tells_edges`]).
    ///
    /// # Errors
    /// What is wrong and what to do, for people.
    pub fn input(pin: &Pin) -> Result<Self, String> {
        let (chip, offset) = find(&pin.at)?;
        let request = |edges: bool| {
            let mut builder = Request::builder();
            builder.on_chip(&chip).with_consumer(CONSUMER).with_line(offset).as_input().with_bias(bias(pin.bias));
            if edges {
                builder.with_debounce_period(DEBOUNCE).with_edge_detection(EdgeDetection::BothEdges);
            }
            builder.request()
        };
        let (request, edges) = match request(true) {
            Ok(request) => (request, true),
            Err(with_edges) => match request(false) {
                Ok(request) => (request, false),
                Err(_) => return Err(refused(&chip, offset, &with_edges)),
            },
        };
        Ok(Self { request: Arc::new(request), offset, edges })
    }

    /// Takes an output; it is `on` from the start.
    ///
    /// # Errors
    /// What is wrong and what to do, for people.
    pub fn output(pin: &Pin, on: bool) -> Result<Self, String> {
        let (chip, offset) = find(&pin.at)?;
        let value = if on == (pin.on == On::High) { Value::Active } else { Value::Inactive };
        let mut builder = Request::builder();
        builder.on_chip(&chip).with_consumer(CONSUMER).with_line(offset).as_output(value).with_bias(bias(pin.bias));
        let request = builder.request().map_err(|error| refused(&chip, offset, &error))?;
        Ok(Self { request: Arc::new(request), offset, edges: false })
    }

    /// Says where a pin is and who has it, without taking it.
    ///
    /// # Errors
    /// What is wrong and what to do, for people.
    pub fn look(pin: &Pin) -> Result<String, String> {
        let (path, offset) = find(&pin.at)?;
        let info = Chip::from_path(&path).and_then(|chip| chip.line_info(offset)).map_err(|e| unreadable(&path, &e))?;
        match (info.used, info.consumer.as_str()) {
            (true, CONSUMER) => Ok(format!("line {offset} of {}, held by the eye that runs", path.display())),
            (true, who) => Err(format!("line {offset} of {} is in use by {who:?}", path.display())),
            (false, _) => Ok(format!("line {offset} of {}", path.display())),
        }
    }

    /// Whether the kernel tells of every change.
    #[must_use]
    pub fn tells_edges(&self) -> bool {
        self.edges
    }

    /// The kernel's side, to wait for edges with.
    #[must_use]
    pub fn request(&self) -> &Arc<Request> {
        &self.request
    }
}

impl ErrorType for Line {
    type Error = LineError;
}

impl InputPin for Line {
    fn is_high(&mut self) -> Result<bool, LineError> {
        self.request.value(self.offset).map(|value| value == Value::Active).map_err(LineError)
    }
    fn is_low(&mut self) -> Result<bool, LineError> {
        self.is_high().map(|high| !high)
    }
}

impl OutputPin for Line {
    fn set_low(&mut self) -> Result<(), LineError> {
        self.set_state(PinState::Low)
    }
    fn set_high(&mut self) -> Result<(), LineError> {
        self.set_state(PinState::High)
    }
    fn set_state(&mut self, state: PinState) -> Result<(), LineError> {
        let value = if state == PinState::High { Value::Active } else { Value::Inactive };
        self.request.set_value(self.offset, value).map_err(LineError)
    }
}

fn bias(bias: Option<Bias>) -> Option<gpiocdev::line::Bias> {
    bias.map(|bias| match bias {
        Bias::PullUp => gpiocdev::line::Bias::PullUp,
        Bias::PullDown => gpiocdev::line::Bias::PullDown,
        Bias::Disabled => gpiocdev::line::Bias::Disabled,
    })
}

/// Chip and number of a line.
fn find(place: &Place) -> Result<(PathBuf, Offset), String> {
    match place {
        Place::Named(name) => {
            let found = gpiocdev::find_named_line(name).ok_or_else(|| {
                format!(
                    "no GPIO chip has a line named {name:?} ({}); name it in the device tree (gpio-line-names), or state chip and offset",
                    chips()
                )
            })?;
            Ok((found.chip, found.info.offset))
        }
        Place::Numbered { chip, offset } => {
            let path = find_chip(chip)?;
            let info = Chip::from_path(&path).and_then(|chip| chip.info()).map_err(|e| unreadable(&path, &e))?;
            if *offset >= info.num_lines {
                let last = info.num_lines.saturating_sub(1);
                return Err(format!("{} has lines 0 to {last}, there is no line {offset}", path.display()));
            }
            Ok((path, *offset))
        }
    }
}

/// A chip by path, name, or label.
fn find_chip(chip: &str) -> Result<PathBuf, String> {
    let path = if chip.starts_with('/') { PathBuf::from(chip) } else { PathBuf::from("/dev").join(chip) };
    if path.exists() {
        return Ok(path);
    }
    let labelled = gpiocdev::chip::chips()
        .unwrap_or_default()
        .into_iter()
        .find(|path| Chip::from_path(path).and_then(|chip| chip.info()).is_ok_and(|info| info.label == chip));
    labelled.ok_or_else(|| format!("there is no GPIO chip {chip:?} ({})", chips()))
}

/// What there is, for people.
fn chips() -> String {
    let found = gpiocdev::chip::chips().unwrap_or_default();
    let told: Vec<String> = found
        .iter()
        .filter_map(|path| Chip::from_path(path).and_then(|chip| chip.info()).ok())
        .map(|info| format!("{} {:?} with {} lines", info.name, info.label, info.num_lines))
        .collect();
    match (told.is_empty(), std::fs::read_dir("/sys/bus/gpio/devices").map_or(0, Iterator::count)) {
        (false, _) => format!("there are: {}", told.join(", ")),
        (true, 0) => "this machine has none".into(),
        (true, n) => {
            format!("none of the {n} here can be opened; the eye's user needs read and write access to /dev/gpiochip*")
        }
    }
}

fn unreadable(path: &std::path::Path, error: &gpiocdev::Error) -> String {
    format!("{}: {error}; the eye's user needs read and write access to it", path.display())
}

/// Why a line was refused: mostly because somebody has it.
fn refused(chip: &std::path::Path, offset: Offset, error: &gpiocdev::Error) -> String {
    let info = Chip::from_path(chip).and_then(|chip| chip.line_info(offset));
    match info {
        Ok(info) if info.used => format!(
            "line {offset} of {} is in use by {:?}; free it in the device tree or end that program",
            chip.display(),
            info.consumer
        ),
        Ok(_) => format!("line {offset} of {}: {error}", chip.display()),
        Err(error) => unreadable(chip, &error),
    }
}
