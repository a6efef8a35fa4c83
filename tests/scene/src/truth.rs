//! What is really in every frame: boxes of heads and plates, and how much of each can be seen.

use crate::canvas::{Area, Canvas};
use crate::world::{FPS, HEIGHT_PX, WIDTH_PX};
use anyhow::{Context, Result};
use serde::Serialize;
use std::path::Path;

/// Less than this share visible and an object is left out: a sliver at the edge is not a head.
const LEAST_VISIBLE: f32 = 0.15;

/// A head or plate as drawn, before what is in front of it.
pub(crate) struct Seen {
    pub(crate) owner: u8,
    pub(crate) actor: &'static str,
    pub(crate) class: Class,
    pub(crate) area: Area,
    /// Pixels of the actor in the box when nothing was in front.
    pub(crate) own_px: u32,
}

/// What an object is.
#[derive(Clone, Copy, Serialize, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Class {
    Head,
    Plate,
}

#[derive(Serialize)]
struct Object {
    actor: &'static str,
    class: Class,
    x: f32,
    y: f32,
    w: f32,
    h: f32,
    visible: f32,
}

#[derive(Serialize)]
struct Frame {
    frame: u32,
    objects: Vec<Object>,
}

/// The whole clip's truth, as written to `scene-v1.json`. Boxes in pixels, origin top left, clipped to the frame.
#[derive(Serialize)]
pub(crate) struct Truth {
    clip: &'static str,
    width: u32,
    height: u32,
    fps: u32,
    frames: Vec<Frame>,
}

impl Truth {
    pub(crate) fn new() -> Self {
        Self { clip: "scene-v1.mp4", width: WIDTH_PX, height: HEIGHT_PX, fps: FPS, frames: Vec::new() }
    }

    /// Adds a finished frame.
    pub(crate) fn add(&mut self, frame: u32, seen: &[Seen], canvas: &Canvas) {
        let objects = seen.iter().filter_map(|one| object(one, canvas.count(one.owner, one.area))).collect();
        self.frames.push(Frame { frame, objects });
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string(self).context("writing the truth as JSON")?;
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
    }
}

/// The object if enough of it is visible, given how many of its pixels are left in the finished frame.
fn object(seen: &Seen, left_px: u32) -> Option<Object> {
    let clipped = seen.area.clipped()?;
    let inside = clipped.w * clipped.h / (seen.area.w * seen.area.h);
    let visible = inside * left_px as f32 / seen.own_px.max(1) as f32;
    let tenth = |value: f32| (value * 10.0).round() / 10.0;
    (visible >= LEAST_VISIBLE).then(|| Object {
        actor: seen.actor,
        class: seen.class,
        x: tenth(clipped.x),
        y: tenth(clipped.y),
        w: tenth(clipped.w),
        h: tenth(clipped.h),
        visible: (visible * 100.0).round() / 100.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(x: f32) -> Seen {
        let area = Area { x, y: 100.0, w: 40.0, h: 50.0 };
        Seen { owner: 1, actor: "a", class: Class::Head, area, own_px: 1000 }
    }

    #[test]
    fn half_hidden_is_half_visible_and_hidden_is_left_out() {
        assert!((object(&head(0.0), 500).unwrap().visible - 0.5).abs() < 0.01);
        assert!(object(&head(0.0), 100).is_none());
    }

    #[test]
    fn half_out_of_the_frame_is_half_visible() {
        let half = object(&head(-20.0), 1000).unwrap();
        assert!((half.visible - 0.5).abs() < 0.01 && half.x == 0.0 && half.w == 20.0);
    }
}
