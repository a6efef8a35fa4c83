//! Areas of pixels that are painted: even edges, inside the picture.
//!
//! NV12 has one colour sample for two by two pixels (ITU-R BT.601 4:2:0). An area grown outward to even edges therefore covers whole colour
//! samples: no pixel of an object keeps its colour, and no sample outside the area changes.

use crate::{Geometry, Rect};
use serde::Serialize;

/// An area of whole pixels inside a picture; all four edges are even.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Area {
    /// Left edge, pixels.
    pub x: usize,
    /// Top edge, pixels.
    pub y: usize,
    /// Width, pixels.
    pub w: usize,
    /// Height, pixels.
    pub h: usize,
}

impl Area {
    /// The whole picture.
    #[must_use]
    pub fn whole(geometry: &Geometry) -> Self {
        Area { x: 0, y: 0, w: geometry.width, h: geometry.height }
    }
    /// `rect` grown outward to even edges and cut to the picture; `None` when nothing of it is inside.
    #[must_use]
    pub fn outward(rect: Rect, geometry: &Geometry) -> Option<Self> {
        Outline::outward(rect).inside(geometry)
    }
    /// First column to the right of it.
    #[must_use]
    pub fn right(&self) -> usize {
        self.x + self.w
    }
    /// First line below it.
    #[must_use]
    pub fn bottom(&self) -> usize {
        self.y + self.h
    }
    /// Whether the pixel is in it.
    #[must_use]
    pub fn holds(&self, x: usize, y: usize) -> bool {
        (self.x..self.right()).contains(&x) && (self.y..self.bottom()).contains(&y)
    }
}

/// A rectangle with even edges that may reach beyond the picture. Cells are cut from this, so that their grid stays with the object when
/// it is partly outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outline {
    pub(crate) left: i64,
    pub(crate) top: i64,
    pub(crate) right: i64,
    pub(crate) bottom: i64,
}

impl Outline {
    /// Grown outward to even edges. Coordinates saturate far outside any picture.
    pub(crate) fn outward(rect: Rect) -> Self {
        Self {
            left: even_floor(rect.x),
            top: even_floor(rect.y),
            right: even_ceil(rect.x + rect.w),
            bottom: even_ceil(rect.y + rect.h),
        }
    }
    pub(crate) fn width(&self) -> i64 {
        self.right - self.left
    }
    pub(crate) fn height(&self) -> i64 {
        self.bottom - self.top
    }
    /// What of it lies in the picture.
    pub(crate) fn inside(&self, geometry: &Geometry) -> Option<Area> {
        let (left, right) = clamp(self.left, self.right, geometry.width)?;
        let (top, bottom) = clamp(self.top, self.bottom, geometry.height)?;
        Some(Area { x: left, y: top, w: right - left, h: bottom - top })
    }
    /// Cell `column`, `row` of a grid of `columns` by `rows` laid over it; edges even.
    pub(crate) fn cell(&self, column: u8, columns: u8, row: u8, rows: u8) -> Outline {
        let cut = |from: i64, length: i64, index: u8, of: u8| from + ((length * i64::from(index) / i64::from(of)) & !1);
        Outline {
            left: cut(self.left, self.width(), column, columns),
            right: cut(self.left, self.width(), column + 1, columns),
            top: cut(self.top, self.height(), row, rows),
            bottom: cut(self.top, self.height(), row + 1, rows),
        }
    }
}

fn even_floor(value: f32) -> i64 {
    i64::from(value.floor() as i32) & !1
}

fn even_ceil(value: f32) -> i64 {
    (i64::from(value.ceil() as i32) + 1) & !1
}

fn clamp(from: i64, to: i64, size: usize) -> Option<(usize, usize)> {
    let size = i64::try_from(size).ok()?;
    let (from, to) = (from.clamp(0, size), to.clamp(0, size));
    if from < to { Some((usize::try_from(from).ok()?, usize::try_from(to).ok()?)) } else { None }
}
