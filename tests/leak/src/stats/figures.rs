//! From scored pictures to a table: rows of pictures (all, by day, by source), figures of each class in each.

use super::bootstrap::{Interval, Resamples, median};
use crate::input::{Class, Head, View};
use crate::score::{Bin, BoxScore, CURVE, PictureScore, TABLE};
use std::collections::BTreeSet;

/// A picture whose mean luma (0 to 255) is below this counts as taken at night. Street pictures under lamps lie between 38 and
/// 105, by day mostly above 60: this parts the dark ones, not the hours.
pub const NIGHT_LUMA: f64 = 60.0;

/// A scored picture and what it is told apart by.
#[derive(Debug, Clone)]
pub struct Scored {
    /// Where it comes from.
    pub source: String,
    /// Mean luma of the original, 0 to 255.
    pub luma: f64,
    /// A model was trained on it.
    pub trained_on: bool,
    /// What is known of its annotated heads, in their order.
    pub heads: Vec<Head>,
    /// How it fared.
    pub score: PictureScore,
}

impl Scored {
    /// The picture with only those annotated heads, and no plates.
    fn only(&self, which: &dyn Fn(Head) -> bool) -> Self {
        let faces = self.score.boxes.iter().filter(|one| one.class == Class::Face);
        let boxes = faces.zip(&self.heads).filter(|(_, head)| which(**head)).map(|(one, _)| *one).collect();
        Self { score: PictureScore { boxes, ..self.score.clone() }, ..self.clone() }
    }
}

/// What heads are told apart by.
type HeadRow = (&'static str, fn(Head) -> bool);
const HEAD_ROWS: [HeadRow; 5] = [
    ("mask worn", |head| head.mask_worn == Some(true)),
    ("no mask worn", |head| head.mask_worn == Some(false)),
    ("seen from the side", |head| head.view == Some(View::Side)),
    ("seen from behind", |head| head.view == Some(View::Back)),
    ("bent down", |head| head.view == Some(View::Down)),
];

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// In the interval's unit.
    pub value: f64,
    /// `None` when it could not be found.
    pub interval: Option<Interval>,
}

/// core85 of one bin of widths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InBin {
    /// Which widths.
    pub bin: Bin,
    /// Boxes in it.
    pub boxes: usize,
    /// `None` without boxes.
    pub core85: Option<Figure>,
}

/// The figures of one class in one row. Shares are 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassFigures {
    /// Which class.
    pub class: Class,
    /// Annotated boxes.
    pub boxes: usize,
    /// See [`crate::score`].
    pub cover85: Figure,
    /// See [`crate::score`].
    pub core85: Figure,
    /// See [`crate::score`].
    pub touch: Figure,
    /// Mean over the pictures of all sources that have this class annotated; masks of both classes.
    pub false_area: Figure,
    /// The same, extra boxes excusing.
    pub false_area_excused: Figure,
    /// Over the same pictures.
    pub median_infer_ms: Option<Figure>,
    /// Boxes whose core is masked by the report and still shows the original.
    pub still_shows: usize,
    /// By the table's bins.
    pub by_width: Vec<InBin>,
    /// By the curve's bins.
    pub curve: Vec<InBin>,
}

/// Figures over some of the pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Which pictures.
    pub name: String,
    /// How many.
    pub pictures: usize,
    /// How many of them were not masked (and count as uncovered).
    pub missing: usize,
    /// How many of them were covered whole because of doubt: their boxes count as covered, their area as false.
    pub in_doubt: usize,
    /// What the network took.
    pub median_infer_ms: Option<Figure>,
    /// Classes that are annotated in them.
    pub classes: Vec<ClassFigures>,
}

/// All rows: all pictures, those never trained on (where any was), night and day, each source, then kinds of heads where they are known.
#[must_use]
pub fn rows(pictures: &[Scored]) -> Vec<Row> {
    let some = |name: &str, which: &dyn Fn(&Scored) -> bool| {
        let chosen: Vec<&Scored> = pictures.iter().filter(|picture| which(picture)).collect();
        (!chosen.is_empty()).then(|| row(name.to_owned(), &chosen))
    };
    let mut rows: Vec<Row> = some("all", &|_| true).into_iter().collect();
    if pictures.iter().any(|picture| picture.trained_on) {
        rows.extend(some("never trained on", &|picture| !picture.trained_on));
    }
    rows.extend(some("night", &|picture| picture.luma < NIGHT_LUMA));
    rows.extend(some("day", &|picture| picture.luma >= NIGHT_LUMA));
    let sources: BTreeSet<&str> = pictures.iter().map(|picture| picture.source.as_str()).collect();
    for source in sources {
        rows.extend(some(source, &|picture| picture.source == source));
    }
    for (name, which) in HEAD_ROWS {
        let reduced: Vec<Scored> = pictures.iter().map(|picture| picture.only(&which)).collect();
        let with: Vec<&Scored> = reduced.iter().filter(|picture| !picture.score.boxes.is_empty()).collect();
        if !with.is_empty() {
            rows.push(row(name.to_owned(), &with));
        }
    }
    rows
}

fn row(name: String, pictures: &[&Scored]) -> Row {
    let resamples = Resamples::new(pictures.len());
    let times: Vec<Option<f64>> = pictures.iter().map(|picture| picture.score.infer_ms).collect();
    Row {
        median_infer_ms: median_of(&times, &resamples),
        name,
        pictures: pictures.len(),
        missing: pictures.iter().filter(|picture| picture.score.missing).count(),
        in_doubt: pictures.iter().filter(|picture| picture.score.in_doubt).count(),
        classes: Class::ALL.into_iter().filter_map(|class| class_figures(class, pictures, &resamples)).collect(),
    }
}

fn class_figures(class: Class, pictures: &[&Scored], resamples: &Resamples) -> Option<ClassFigures> {
    let boxes_of = |picture: &Scored| {
        let boxes = picture.score.boxes.iter().filter(move |one| one.class == class);
        boxes.copied().collect::<Vec<BoxScore>>()
    };
    let boxes: Vec<Vec<BoxScore>> = pictures.iter().map(|picture| boxes_of(picture)).collect();
    let share = |among: &dyn Fn(&BoxScore) -> bool, pass: &dyn Fn(&BoxScore) -> bool| {
        let pair = |boxes: &Vec<BoxScore>| {
            let among = boxes.iter().filter(|one| among(one));
            among.fold((0.0, 0.0), |sum, one| (sum.0 + f64::from(u8::from(pass(one))), sum.1 + 1.0))
        };
        ratio(&boxes.iter().map(pair).collect::<Vec<_>>(), resamples, true)
    };
    let every = |pass: fn(&BoxScore) -> bool| share(&|_| true, &pass);
    let in_bins = |bins: &[Bin]| -> Vec<InBin> {
        let in_bin = |bin: &Bin| InBin {
            bin: *bin,
            boxes: boxes.iter().flatten().filter(|one| bin.holds(one.width_at_640)).count(),
            core85: share(&|one| bin.holds(one.width_at_640), &BoxScore::core85),
        };
        bins.iter().map(in_bin).collect()
    };
    // Sources that annotate this class in any picture: their pictures without it count, those of other sources do not.
    let sources: BTreeSet<&str> = pictures
        .iter()
        .zip(&boxes)
        .filter(|(_, boxes)| !boxes.is_empty())
        .map(|(picture, _)| picture.source.as_str())
        .collect();
    let counts = |picture: &Scored| sources.contains(picture.source.as_str());
    let area = |of: fn(&PictureScore) -> f64| {
        let pair = |picture: &&Scored| if counts(picture) { (of(&picture.score), 1.0) } else { (0.0, 0.0) };
        ratio(&pictures.iter().map(pair).collect::<Vec<_>>(), resamples, false)
    };
    let times: Vec<Option<f64>> =
        pictures.iter().map(|picture| picture.score.infer_ms.filter(|_| counts(picture))).collect();
    Some(ClassFigures {
        class,
        boxes: boxes.iter().map(Vec::len).sum(),
        cover85: every(BoxScore::cover85)?,
        core85: every(BoxScore::core85)?,
        touch: every(BoxScore::touched)?,
        false_area: area(|score| score.false_share)?,
        false_area_excused: area(|score| score.false_share_excused)?,
        median_infer_ms: median_of(&times, resamples),
        still_shows: boxes.iter().flatten().filter(|one| one.still_shows).count(),
        by_width: in_bins(&TABLE),
        curve: in_bins(&CURVE),
    })
}

fn median_of(times: &[Option<f64>], resamples: &Resamples) -> Option<Figure> {
    let value = median(&times.iter().flatten().copied().collect::<Vec<f64>>())?;
    Some(Figure { value, interval: resamples.median(times) })
}

fn ratio(pairs: &[(f64, f64)], resamples: &Resamples, counts: bool) -> Option<Figure> {
    let (above, below) = pairs.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
    (below > 0.0).then(|| Figure { value: above / below, interval: resamples.ratio(pairs, counts) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(class: Class, width_at_640: f64, cover: f64, core: f64) -> BoxScore {
        BoxScore { class, width_at_640, cover, core, still_shows: false }
    }

    fn scored(source: &str, luma: f64, boxes: Vec<BoxScore>, false_share: f64) -> Scored {
        let score = PictureScore {
            boxes,
            false_share,
            false_share_excused: false_share / 2.0,
            false_of_shape: vec![],
            infer_ms: Some(luma),
            missing: false,
            in_doubt: luma < 50.0,
        };
        Scored { source: source.into(), luma, trained_on: false, heads: Vec::new(), score }
    }

    fn some_pictures() -> Vec<Scored> {
        use Class::{Face, Plate};
        vec![
            scored("cars", 20.0, vec![one(Plate, 10.0, 1.0, 1.0), one(Plate, 20.0, 0.5, 0.5)], 0.10),
            scored("cars", 100.0, vec![], 0.30),
            scored("people", 120.0, vec![one(Face, 10.0, 0.2, 0.9)], 0.90),
        ]
    }

    fn class(row: &Row, class: Class) -> &ClassFigures {
        row.classes.iter().find(|figures| figures.class == class).unwrap()
    }

    #[test]
    fn shares_are_over_boxes_and_areas_over_pictures_of_sources_with_the_class() {
        let rows = rows(&some_pictures());
        let plates = class(&rows[0], Class::Plate);
        assert_eq!((plates.boxes, plates.cover85.value, plates.core85.value, plates.touch.value), (2, 0.5, 0.5, 1.0));
        assert_eq!((plates.false_area.value, plates.false_area_excused.value), (0.2, 0.1));
        assert_eq!(plates.median_infer_ms.unwrap().value, 60.0);
        let heads = class(&rows[0], Class::Face);
        assert_eq!((heads.cover85.value, heads.core85.value, heads.touch.value), (0.0, 1.0, 0.0));
        assert_eq!(heads.false_area.value, 0.9);
        assert_eq!(rows[0].median_infer_ms.unwrap().value, 100.0);
        assert_eq!((rows[0].in_doubt, rows[0].missing), (1, 0));
    }

    #[test]
    fn a_core_that_still_shows_is_no_hit_and_is_counted() {
        let mut pictures = some_pictures();
        pictures[0].score.boxes[0].still_shows = true;
        let rows = rows(&pictures);
        let plates = class(&rows[0], Class::Plate);
        assert_eq!((plates.core85.value, plates.cover85.value, plates.still_shows), (0.0, 0.5, 1));
    }

    #[test]
    fn bins_hold_what_is_as_wide() {
        let rows = rows(&some_pictures());
        let plates = class(&rows[0], Class::Plate);
        let told: Vec<(usize, Option<f64>)> =
            plates.by_width.iter().map(|bin| (bin.boxes, bin.core85.map(|figure| figure.value))).collect();
        assert_eq!(told, [(0, None), (1, Some(1.0)), (1, Some(0.0)), (0, None), (0, None)]);
        assert_eq!(plates.curve.iter().map(|bin| bin.boxes).sum::<usize>(), 2);
    }

    #[test]
    fn rows_part_the_pictures() {
        let mut pictures = some_pictures();
        let names = |pictures: &[Scored]| rows(pictures).iter().map(|row| (row.name.clone(), row.pictures)).collect();
        let told: Vec<(String, usize)> = names(&pictures);
        let wanted = [("all", 3), ("night", 1), ("day", 2), ("cars", 2), ("people", 1)];
        assert_eq!(told, wanted.map(|(name, count)| (name.to_owned(), count)));
        pictures[1].trained_on = true;
        assert_eq!(names(&pictures)[1], ("never trained on".to_owned(), 2));
        // Everything trained on: nothing to tell.
        pictures.iter_mut().for_each(|picture| picture.trained_on = true);
        assert_eq!(names(&pictures)[1].0, "night");
    }

    #[test]
    fn heads_are_told_apart_where_it_is_known_what_they_wear() {
        let mut pictures = some_pictures();
        let people = pictures.iter_mut().find(|picture| picture.source == "people").unwrap();
        let count = people.score.boxes.iter().filter(|one| one.class == Class::Face).count();
        people.heads = vec![Head { mask_worn: Some(true), view: Some(View::Side) }; count];
        let rows = rows(&pictures);
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        assert!(names.ends_with(&["mask worn", "seen from the side"]), "{names:?}");
        assert_eq!(class(rows.last().unwrap(), Class::Face).boxes, count);
    }

    #[test]
    fn a_class_that_is_nowhere_has_no_figures() {
        let rows = rows(&some_pictures());
        let cars = rows.iter().find(|row| row.name == "cars").unwrap();
        assert_eq!(cars.classes.iter().map(|figures| figures.class).collect::<Vec<_>>(), [Class::Plate]);
    }
}
