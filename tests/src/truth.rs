//! What is really in the default scene, frame by frame (`scene-v1.json`, written when the scene is made).

use anyhow::{Context, Result};
use serde::Deserialize;
use std::path::Path;

/// The whole clip.
#[derive(Debug, Deserialize)]
pub struct Truth {
    /// Pixels per line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// Frame by frame.
    pub frames: Vec<Frame>,
}

/// One frame.
#[derive(Debug, Deserialize)]
pub struct Frame {
    /// Heads and plates in it.
    pub objects: Vec<Object>,
}

/// A head or plate; pixels, origin top left.
#[derive(Debug, Clone, Deserialize)]
pub struct Object {
    /// `head` or `plate`.
    pub class: String,
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width.
    pub w: f32,
    /// Height.
    pub h: f32,
    /// Share that can be seen, 0 to 1.
    pub visible: f32,
}

impl Frame {
    /// The same in a picture so many times as small.
    #[must_use]
    pub fn shrunk(mut self, times: f32) -> Self {
        for object in &mut self.objects {
            for length in [&mut object.x, &mut object.y, &mut object.w, &mut object.h] {
                *length /= times;
            }
        }
        self
    }
}

impl Truth {
    /// Reads the file beside a scene.
    ///
    /// # Errors
    /// When it is not there or not readable as such.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not a scene's truth", path.display()))
    }
}
