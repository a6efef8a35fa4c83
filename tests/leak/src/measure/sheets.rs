//! The contact sheets of one setting.

use super::{Setting, pictures};
use crate::input::{Class, Dataset, Extras, Masked, Rect};
use crate::report::{Tile, Worst, sheet, worst_false, worst_misses};
use crate::score::PictureScore;
use anyhow::{Context, Result};
use std::path::Path;

/// Writes `worst-misses-SETTING.png` and `worst-false-SETTING.png` into `out`.
pub(super) fn write(out: &Path, data: &Dataset, extras: &Extras, setting: &Setting) -> Result<()> {
    let drawing = Drawing { data, extras, setting };
    let mut misses = Vec::new();
    for class in Class::ALL {
        let tiles = drawing.misses(class)?;
        misses.push((
            format!("{} {class} with the least of their core covered, {}", tiles.len(), setting.model.name),
            tiles,
        ));
    }
    let areas = drawing.false_areas()?;
    let title = format!("{} masks with the largest false area, {}", areas.len(), setting.model.name);
    for (name, groups) in [("misses", misses), ("false", vec![(title, areas)])] {
        let file = out.join(format!("worst-{name}-{}.png", setting.model.setting));
        sheet(&groups).save(&file).with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}

struct Drawing<'a> {
    data: &'a Dataset,
    extras: &'a Extras,
    setting: &'a Setting,
}

impl Drawing<'_> {
    fn misses(&self, class: Class) -> Result<Vec<Tile>> {
        let rects: Vec<Vec<Rect>> =
            self.data.pictures.iter().map(|picture| picture.boxes.iter().map(|one| one.rect).collect()).collect();
        let words = |worst: &Worst, score: &PictureScore| {
            let one = &score.boxes[worst.which];
            let shows = if one.still_shows { ", STILL SHOWS" } else { "" };
            format!("core {:.0} %, {:.0} px at 640{shows}", 100.0 * one.core, one.width_at_640)
        };
        self.tiles(&worst_misses(class, &self.with_scores(&rects)), &words)
    }

    fn false_areas(&self) -> Result<Vec<Tile>> {
        let shapes = |name: &str| {
            let masked = self.setting.report.of(name).map_or(&[][..], |masked| &masked.mask);
            masked.iter().map(|shape| shape.rect).collect::<Vec<Rect>>()
        };
        let rects: Vec<Vec<Rect>> = self.data.pictures.iter().map(|picture| shapes(picture.name())).collect();
        let words = |worst: &Worst, score: &PictureScore| {
            let masked = self.setting.report.of(self.data.pictures[worst.picture].name());
            let taken = masked.map_or_else(String::new, |masked| taken_for(masked, worst.rect));
            format!("{:.1} % of the picture{taken}", 100.0 * score.false_of_shape[worst.which])
        };
        self.tiles(&worst_false(&self.with_scores(&rects)), &words)
    }

    fn with_scores<'a>(&'a self, rects: &'a [Vec<Rect>]) -> Vec<(&'a [Rect], &'a PictureScore)> {
        rects.iter().map(Vec::as_slice).zip(&self.setting.scores).collect()
    }

    fn tiles(&self, worst: &[Worst], words: &dyn Fn(&Worst, &PictureScore) -> String) -> Result<Vec<Tile>> {
        worst.iter().map(|worst| self.tile(worst, words(worst, &self.setting.scores[worst.picture]))).collect()
    }

    fn tile(&self, worst: &Worst, words: String) -> Result<Tile> {
        let picture = &self.data.pictures[worst.picture];
        let original = pictures::rgb(&self.data.folder.join(&picture.image))?;
        let boxes = picture.boxes.iter().chain(self.extras.of(&picture.image));
        let truth: Vec<Rect> = boxes.map(|one| one.rect).collect();
        let masked = self.setting.report.of(picture.name()).map_or(&[][..], |masked| &masked.mask);
        let masks: Vec<Rect> = masked.iter().map(|shape| shape.rect).collect();
        // The end of a name tells pictures of one source apart.
        let name = picture.name().split_once("__").map_or(picture.name(), |(_, rest)| rest);
        Ok(Tile::cut(&original, worst.rect, &truth, &masks, [words, name.to_owned()]))
    }
}

/// What the detector took a mask's place for: the object whose middle is nearest to the mask's.
fn taken_for(masked: &Masked, rect: Rect) -> String {
    let middle = |rect: Rect| (rect.x + rect.w / 2.0, rect.y + rect.h / 2.0);
    let apart = |other: Rect| {
        let ((x, y), (other_x, other_y)) = (middle(rect), middle(other));
        (x - other_x).hypot(y - other_y)
    };
    let nearest = masked.objects.iter().min_by(|a, b| apart(a.rect).total_cmp(&apart(b.rect)));
    nearest.map_or_else(String::new, |found| format!(", {} {:.2}", found.class, found.score))
}
