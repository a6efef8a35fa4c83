//! Cameras on a line, as a [`Ptz`].

use crate::line::Line;
use crate::{pelco_d, visca};
use board_hal::ptz::{Aim, Motion, Ptz, PtzError, Target, Turn};
use std::time::{Duration, Instant};

/// A camera that is going to answer has begun to within this time; VISCA allows 16 ms, converters add theirs.
const PATIENCE: Duration = Duration::from_millis(300);

fn line_error(line: &dyn Line, doing: &'static str) -> impl FnOnce(std::io::Error) -> PtzError {
    let device = line.name();
    move |cause| PtzError::Line { device, doing, cause }
}

/// A camera that speaks Pelco-D.
pub struct PelcoD<L> {
    line: L,
    address: u8,
    last: Option<[u16; 2]>,
    /// It has never told where it looks, and is not asked again.
    mute: bool,
}

impl<L: Line> PelcoD<L> {
    /// The camera of that address, 1 to 255.
    pub fn new(line: L, address: u8) -> Self {
        Self { line, address, last: None, mute: false }
    }
    fn say(&mut self, command: &pelco_d::Command) -> Result<(), PtzError> {
        let sent = self.line.send(&pelco_d::encode(self.address, command));
        sent.map_err(|cause| line_error(&self.line, "send")(cause))
    }
    /// Asks and waits for an answer; `None` when none comes.
    fn ask(&mut self, command: &pelco_d::Command) -> Result<Option<pelco_d::Answer>, PtzError> {
        self.line.forget();
        self.say(command)?;
        let until = Instant::now() + PATIENCE;
        // The newest seven bytes: whatever came before an answer is passed over.
        let mut newest = [0; 7];
        loop {
            let mut byte = [0];
            let left = until.saturating_duration_since(Instant::now());
            let came = self.line.receive(&mut byte, left).map_err(|cause| line_error(&self.line, "receive")(cause))?;
            if came == 0 {
                return Ok(None);
            }
            newest.rotate_left(1);
            newest[6] = byte[0];
            if let Some((address, answer)) = pelco_d::decode(&newest)
                && address == self.address
            {
                return Ok(Some(answer));
            }
        }
    }
}

impl<L: Line> Ptz for PelcoD<L> {
    fn go(&mut self, to: &Target) -> Result<(), PtzError> {
        match *to {
            Target::Stored(number) => self.say(&pelco_d::Command::CallPreset(number)),
            Target::Aim(Aim { pan_deg, tilt_deg, zoom }) => {
                self.say(&pelco_d::Command::SetPan(pan_deg))?;
                self.say(&pelco_d::Command::SetTilt(tilt_deg))?;
                self.say(&pelco_d::Command::SetZoom(zoom))
            }
        }
    }
    fn turn(&mut self, &Turn { pan, tilt, zoom }: &Turn) -> Result<(), PtzError> {
        self.say(&pelco_d::Command::Turn { pan, tilt, zoom })
    }
    /// Zoom is not asked for: few cameras tell, and none moves it alone for long.
    fn motion(&mut self) -> Result<Motion, PtzError> {
        if self.mute {
            return Ok(Motion::Unknown);
        }
        let pan = self.ask(&pelco_d::Command::QueryPan)?;
        let tilt = self.ask(&pelco_d::Command::QueryTilt)?;
        let (Some(pelco_d::Answer::Pan(pan)), Some(pelco_d::Answer::Tilt(tilt))) = (pan, tilt) else {
            self.mute = self.last.is_none();
            return Ok(Motion::Unknown);
        };
        let still = self.last.replace([pan, tilt]) == Some([pan, tilt]);
        Ok(if still { Motion::Still } else { Motion::Moving })
    }
}

/// A camera that speaks VISCA.
pub struct Visca<L> {
    line: L,
    address: u8,
    steps_per_deg: f32,
    last: Option<(i16, i16, u16)>,
}

impl<L: Line> Visca<L> {
    /// The camera of that address, 1 to 7; it turns by `steps_per_deg` of its own steps for each degree (14.4 for most).
    pub fn new(line: L, address: u8, steps_per_deg: f32) -> Self {
        Self { line, address, steps_per_deg, last: None }
    }
    /// Sends and waits for the answer that `wanted` takes; ends of earlier commands are passed over.
    fn ask<T>(&mut self, command: &visca::Command, wanted: impl Fn(visca::Answer) -> Option<T>) -> Result<T, PtzError> {
        self.line.forget();
        let sent = self.line.send(visca::encode(self.address, command).bytes());
        sent.map_err(|cause| line_error(&self.line, "send")(cause))?;
        let until = Instant::now() + PATIENCE;
        let mut splitter = visca::Splitter::default();
        loop {
            let mut byte = [0];
            let left = until.saturating_duration_since(Instant::now());
            let came = self.line.receive(&mut byte, left).map_err(|cause| line_error(&self.line, "receive")(cause))?;
            if came == 0 {
                return Err(PtzError::Silent { device: self.line.name(), address: self.address, waited: PATIENCE });
            }
            let answer = splitter.take(byte[0]).and_then(visca::decode).filter(|(from, _)| *from == self.address);
            match answer {
                Some((_, visca::Answer::Refused(refusal))) => {
                    return Err(PtzError::Refused { device: self.line.name(), cause: refusal.text().to_owned() });
                }
                Some((_, answer)) => {
                    if let Some(answer) = wanted(answer) {
                        return Ok(answer);
                    }
                }
                None => {}
            }
        }
    }
    fn say(&mut self, command: &visca::Command) -> Result<(), PtzError> {
        self.ask(command, |answer| matches!(answer, visca::Answer::Taken | visca::Answer::Done).then_some(()))
    }
    fn steps(&self, degrees: f32) -> Result<i16, PtzError> {
        let steps = (degrees * self.steps_per_deg).round();
        if (f32::from(i16::MIN)..=f32::from(i16::MAX)).contains(&steps) {
            return Ok(steps as i16);
        }
        let what = format!("{degrees} degrees are {steps} steps, which VISCA cannot say");
        Err(PtzError::Unsupported { device: self.line.name(), what })
    }
}

impl<L: Line> Ptz for Visca<L> {
    fn go(&mut self, to: &Target) -> Result<(), PtzError> {
        match *to {
            Target::Stored(number) => self.say(&visca::Command::Recall(number)),
            Target::Aim(Aim { pan_deg, tilt_deg, zoom }) => {
                let (pan, tilt) = (self.steps(pan_deg)?, self.steps(tilt_deg)?);
                self.say(&visca::Command::PanTiltTo { pan, tilt })?;
                self.say(&visca::Command::ZoomTo(zoom))
            }
        }
    }
    fn turn(&mut self, &Turn { pan, tilt, zoom }: &Turn) -> Result<(), PtzError> {
        self.say(&visca::Command::PanTilt { pan, tilt })?;
        self.say(&visca::Command::Zoom(zoom))
    }
    fn motion(&mut self) -> Result<Motion, PtzError> {
        let (pan, tilt) = self.ask(&visca::Command::InquirePanTilt, |answer| match answer {
            visca::Answer::PanTilt { pan, tilt } => Some((pan, tilt)),
            _ => None,
        })?;
        let zoom = self.ask(&visca::Command::InquireZoom, |answer| match answer {
            visca::Answer::Zoom(zoom) => Some(zoom),
            _ => None,
        })?;
        let now = (pan, tilt, zoom);
        Ok(if self.last.replace(now) == Some(now) { Motion::Still } else { Motion::Moving })
    }
}
