//! A camera that turns by V4L2 controls (USB cameras, and sensors whose lens has a driver).

use crate::controls::Described;
use crate::ioctl;
use board_hal::ptz::{Aim, Motion, Ptz, PtzError, Target, Turn};
use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;
use std::path::Path;
use v4l::v4l_sys::{
    V4L2_CID_PAN_ABSOLUTE, V4L2_CID_PAN_SPEED, V4L2_CID_TILT_ABSOLUTE, V4L2_CID_TILT_SPEED, V4L2_CID_ZOOM_ABSOLUTE,
    V4L2_CID_ZOOM_CONTINUOUS,
};

/// Pan and tilt are in seconds of arc.
const SECONDS_PER_DEG: f32 = 3_600.0;

/// A camera that turns by V4L2 controls.
pub struct V4l2Ptz {
    device: String,
    node: File,
    controls: Vec<Described>,
}

impl V4l2Ptz {
    /// Opens a device that has `pan_absolute`, `tilt_absolute` or `zoom_absolute`.
    ///
    /// # Errors
    /// [`PtzError::Line`], or [`PtzError::Unsupported`] for a device that has none of these.
    pub fn open(path: &Path) -> Result<Self, PtzError> {
        let device = path.display().to_string();
        let failed = |doing| {
            let device = device.clone();
            move |cause| PtzError::Line { device, doing, cause }
        };
        let node = OpenOptions::new().read(true).write(true).open(path).map_err(failed("open"))?;
        let controls = ioctl::control::all(node.as_fd()).map_err(failed("list controls"))?;
        let absolute = [V4L2_CID_PAN_ABSOLUTE, V4L2_CID_TILT_ABSOLUTE, V4L2_CID_ZOOM_ABSOLUTE];
        if !controls.iter().any(|control| absolute.contains(&control.id)) {
            let what = "has no control pan_absolute, tilt_absolute or zoom_absolute".to_owned();
            return Err(PtzError::Unsupported { device, what });
        }
        Ok(Self { device, node, controls })
    }

    /// Gives a control the value that `of` makes of its range; one that the camera lacks is left out where `needed` is false.
    fn set(&self, id: u32, needed: bool, of: impl FnOnce(&Described) -> f32) -> Result<(), PtzError> {
        let Some(control) = self.controls.iter().find(|control| control.id == id) else {
            let what = "has not all of pan, tilt and zoom; leave a preset's parts that it lacks at 0".to_owned();
            return if needed { Err(PtzError::Unsupported { device: self.device.clone(), what }) } else { Ok(()) };
        };
        let value = of(control).round();
        if value < control.least as f32 || value > control.most as f32 {
            let what = format!("{} = {value}; allowed: {} to {}", control.name, control.least, control.most);
            return Err(PtzError::Unsupported { device: self.device.clone(), what });
        }
        let set = ioctl::control::set(self.node.as_fd(), id, value as i32);
        set.map_err(|cause| PtzError::Line { device: self.device.clone(), doing: "set a control", cause })
    }
}

impl Ptz for V4l2Ptz {
    fn go(&mut self, to: &Target) -> Result<(), PtzError> {
        let Target::Aim(Aim { pan_deg, tilt_deg, zoom }) = *to else {
            let what = "V4L2 cameras keep no presets; state pan_deg, tilt_deg and zoom".to_owned();
            return Err(PtzError::Unsupported { device: self.device.clone(), what });
        };
        self.set(V4L2_CID_PAN_ABSOLUTE, pan_deg != 0.0, |_| pan_deg * SECONDS_PER_DEG)?;
        self.set(V4L2_CID_TILT_ABSOLUTE, tilt_deg != 0.0, |_| tilt_deg * SECONDS_PER_DEG)?;
        self.set(V4L2_CID_ZOOM_ABSOLUTE, zoom != 0.0, |control| share(zoom, control))
    }
    fn turn(&mut self, &Turn { pan, tilt, zoom }: &Turn) -> Result<(), PtzError> {
        let speed =
            |how: f32| move |control: &Described| how * (if how < 0.0 { -control.least } else { control.most }) as f32;
        self.set(V4L2_CID_PAN_SPEED, pan != 0.0, speed(pan))?;
        self.set(V4L2_CID_TILT_SPEED, tilt != 0.0, speed(tilt))?;
        self.set(V4L2_CID_ZOOM_CONTINUOUS, zoom != 0.0, speed(zoom))
    }
    /// A control holds what was asked for from the moment it is set; where the camera really looks is not told.
    fn motion(&mut self) -> Result<Motion, PtzError> {
        Ok(Motion::Unknown)
    }
}

/// That share of a control's range.
fn share(of: f32, control: &Described) -> f32 {
    let (least, most) = (control.least as f32, control.most as f32);
    least + of.clamp(0.0, 1.0) * (most - least)
}
