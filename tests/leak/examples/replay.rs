//! Plays the tracker again over what the detector saw in clips, and prints the tables of `cargo xtask leak --clips`: seconds instead of an hour of
//! inference, for whoever works on tracks.
//!
//! ```text
//! campari-mask CLIPS --setting full --no-tracking --detections full.jsonl --out … --report …     once a model
//! cargo run -p leak --example replay -- --clips DIR --detections full.jsonl                      as often as wanted
//! ```
//!
//! It masks as `campari-mask` does: the same tracker, the same plan. A file made with a manifest of lower candidate thresholds serves all from there up:
//! `--setting` then takes those of `models/manifest.toml`.
#![allow(clippy::print_stdout, reason = "a measuring program prints its figures")]

use anyhow::{Context, Result, ensure};
use clap::Parser;
use contract::{Filter, Rung};
use detect::{Decoding, Detections, LetterboxMap, TrackSettings, Tracker};
use leak::input::{Clip, Frame, Kind, Masked, Rect, Shape, clips};
use leak::measure::WAYS;
use leak::report::{ClipBasis, Look, Played, by_way, track_tables};
use leak::score::{ClipScore, score_clip};
use leak::stats::track_rows;
use mask::plan::{Scene, decide};
use mask::{Class, FrameId, Geometry, HeldForms, Object, Objects};
use maskfile::play::Play;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Plays the tracker again over what campari-mask --detections wrote.
#[derive(Debug, Parser)]
struct Arguments {
    /// Holds the clips and their reference tracks.
    #[arg(long, value_name = "DIR")]
    clips: PathBuf,
    /// What the detector saw in every frame of them; may be given several times.
    #[arg(long, value_name = "FILE.jsonl", required = true)]
    detections: Vec<PathBuf>,
    /// Holds manifest.toml, and references that do not lie beside their clips in eval/clips.
    #[arg(long, value_name = "DIR", default_value = "models")]
    models: PathBuf,
    /// Settings of the tracker instead of its own, TOML.
    #[arg(long, value_name = "FILE.toml")]
    tracks: Option<PathBuf>,
    /// Of the candidates only those that this setting of the manifest lets through; one for all files, or one for each, in their order.
    #[arg(long)]
    setting: Vec<String>,
    /// Only these ways of playing, by their names in the tables.
    #[arg(long, value_name = "WAY")]
    how: Vec<String>,
    /// Only the rows of all clips together.
    #[arg(long)]
    short: bool,
    /// Also one line for every box that was bare.
    #[arg(long)]
    bare: bool,
    /// Also one line for every mask of a track: how it came about, and its share of the picture in per cent.
    #[arg(long)]
    masks: bool,
    /// Draw the bare share by way of playing here, as `cargo xtask leak --clips` does.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

/// One frame as the detector saw it.
#[derive(Deserialize)]
struct Sight {
    image: String,
    frame: u64,
    width: usize,
    height: usize,
    captured_us: u64,
    doubtful: bool,
    found: Vec<Seen>,
    candidates: Vec<Seen>,
}

#[derive(Deserialize)]
struct Seen {
    class: Class,
    score: f32,
    x: f32,
    y: f32,
    w: f32,
    h: f32,
}

impl Seen {
    fn object(&self) -> Object {
        let &Self { class, score, x, y, w, h } = self;
        Object { class, score, rect: mask::Rect { x, y, w, h }, track: 0, grown: [0.0; 2] }
    }
}

/// The candidates of one setting.
struct Candidates {
    decoding: Decoding,
    network: [usize; 2],
}

impl Candidates {
    fn read(models: &Path, setting: &str) -> Result<Self> {
        let file = models.join("manifest.toml");
        let manifest: toml::Table = toml::from_str(&std::fs::read_to_string(&file)?)?;
        let all = manifest.get("model").and_then(toml::Value::as_array).into_iter().flatten();
        let mut of_setting = all.filter(|model| model.get("setting").and_then(toml::Value::as_str) == Some(setting));
        let model = of_setting.next().with_context(|| format!("{}: no setting {setting}", file.display()))?;
        let input = |side| model.get("input").and_then(|input| input.get(side)).and_then(toml::Value::as_integer);
        let size = |side| usize::try_from(input(side)?).ok();
        let network = [size("width"), size("height")].map(|size| size.context("a model without an input size"));
        let [width, height] = network;
        Ok(Self { decoding: model.clone().try_into()?, network: [width?, height?] })
    }

    fn holds(&self, one: &Seen, sight: &Sight) -> bool {
        let (least, _) = self.decoding.thresholds.of(one.class);
        let map = LetterboxMap::new(sight.width, sight.height, self.network[0], self.network[1]);
        let asked = match (one.class, &self.decoding.plate_by_width, &self.decoding.head_by_width) {
            (Class::Plate, Some(wide), _) => {
                let grown = 1.0 + 2.0 * self.decoding.plate_growth.x;
                wide.asked_of_candidate(one.w / map.kx / grown, least)
            }
            (Class::Head, _, Some(wide)) => wide.asked(one.object().rect, &map, least),
            _ => least,
        };
        one.score >= asked
    }
}

impl Sight {
    fn detections(&self, which: Option<&Candidates>) -> Result<Detections> {
        let mut seen = Detections::none(FrameId(self.frame));
        self.found.iter().for_each(|one| seen.found.push(one.object()));
        // What overflowed in a file of lower thresholds need not overflow in this.
        seen.found.doubtful = self.doubtful && which.is_none();
        for one in self.candidates.iter().filter(|one| which.is_none_or(|which| which.holds(one, self))) {
            let pushed = seen.candidates.push(one.object());
            ensure!(pushed.is_ok(), "{} {}: more candidates than a detector may give", self.image, self.frame);
        }
        Ok(seen)
    }

    /// One line for one mask: what is covered, what is painted, and what the detector saw of it in this frame.
    fn tell(&self, object: &Object, area: &mask::Area) {
        let best = |seen: &[Seen]| {
            let of_class = seen.iter().map(Seen::object).filter(|one| one.class == object.class);
            of_class.map(|one| one.rect.overlap(object.rect) / one.rect.area()).fold(0.0, f32::max)
        };
        let now = match (best(&self.found), best(&self.candidates)) {
            (found, _) if found > 0.5 => "found",
            (_, candidate) if candidate > 0.5 => "suspected",
            _ => "held",
        };
        let (mask::Rect { x, y, w, h }, [grown_x, grown_y]) = (object.rect, object.grown);
        println!(
            "mask: {} frame {} {:?} {} {now} score {:.2} box {x:.0},{y:.0} {w:.0}x{h:.0} of it grown {grown_x:.0}x{grown_y:.0} painted {},{} {}x{} share {:.2}",
            self.image,
            self.frame,
            object.class,
            object.track,
            object.score,
            area.x,
            area.y,
            area.w,
            area.h,
            100.0 * (area.w * area.h) as f64 / (self.width * self.height) as f64
        );
    }

    /// What is painted over `objects`.
    fn masked(&self, objects: &Objects, forms: &mut HeldForms, tell: bool) -> Frame {
        let mut plan = decide(FrameId(self.frame), Some(objects), Rung::Clear, Filter::Fill, &Scene::unknown());
        forms.hold(&mut plan, self.captured_us);
        if tell && plan.rung() == Rung::Clear {
            // Without zones the areas are those of the objects, in their order, but for those beyond the picture.
            let inside = |object: &&Object| {
                mask::Area::outward(object.rect, &Geometry::packed(self.width, self.height)).is_some()
            };
            for (object, area) in
                plan.objects().iter().filter(inside).zip(plan.areas(&Geometry::packed(self.width, self.height)))
            {
                self.tell(object, &area);
            }
        }
        let shape = |area: &mask::Area| {
            let (right, bottom) = (area.right().min(self.width), area.bottom().min(self.height));
            let [x, y, w, h] = [area.x, area.y, right.saturating_sub(area.x), bottom.saturating_sub(area.y)];
            let [x, y, w, h] = [x, y, w, h].map(|value| value as f64);
            Shape { shape: Kind::Rect, rect: Rect { x, y, w, h } }
        };
        let mask = plan.areas(&Geometry::packed(self.width, self.height)).iter().map(shape).collect();
        let masked = Masked { mask, in_doubt: plan.rung() != Rung::Clear, ..Masked::default() };
        Frame { frame: self.frame, width: self.width, height: self.height, masked }
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let settings = match &arguments.tracks {
        None => TrackSettings::default(),
        Some(file) => toml::from_str(&std::fs::read_to_string(file)?).with_context(|| format!("{}", file.display()))?,
    };
    let (files, settings_of) = (arguments.detections.len(), &arguments.setting);
    ensure!(
        [0, 1, files].contains(&settings_of.len()),
        "{} times --setting for {files} files: give it once, or once for each",
        settings_of.len()
    );
    let clips = clips(&arguments.clips, &arguments.models.join("eval/clips"))?;
    let mut played = Vec::new();
    for (at, file) in arguments.detections.iter().enumerate() {
        let setting = settings_of.get(at).or(settings_of.last());
        let candidates = setting.map(|setting| Candidates::read(&arguments.models, setting)).transpose()?;
        let sights = read(file)?;
        for (how, options) in
            WAYS.into_iter().filter(|way| arguments.how.is_empty() || arguments.how.iter().any(|how| how == way.0))
        {
            let play = play(options)?;
            for tracking in [false, true] {
                let mut scores = Vec::new();
                for clip in &clips {
                    let sights = sights
                        .get(&clip.name)
                        .with_context(|| format!("{} has nothing of {}", file.display(), clip.name))?;
                    let fps = frames_a_second(sights);
                    let tracker = tracking.then(|| Tracker::new(settings));
                    scores.push(score(
                        clip,
                        sights,
                        play,
                        fps,
                        tracker,
                        candidates.as_ref(),
                        arguments.masks && tracking,
                    )?);
                }
                if arguments.bare && tracking {
                    bare(how, &clips, &scores);
                }
                let of_kinds: Vec<(&str, &ClipScore)> =
                    clips.iter().map(|clip| clip.kind.as_str()).zip(&scores).collect();
                let mut rows = track_rows(&of_kinds);
                rows.retain(|row| !arguments.short || row.kind == "all");
                let setting = if settings_of.len() == files { setting.cloned() } else { None }
                    .unwrap_or_else(|| file.file_stem().unwrap_or_default().to_string_lossy().into_owned());
                played.push(Played { setting, how: how.to_owned(), tracking, rows });
            }
        }
    }
    let mut kinds = BTreeMap::new();
    clips.iter().for_each(|clip| *kinds.entry(clip.kind.clone()).or_insert(0) += 1);
    let basis = ClipBasis { kinds: kinds.into_iter().collect(), filter: "fill".into() };
    println!("{}", track_tables(&basis, &played, Look::Terminal));
    if let Some(file) = &arguments.plot {
        let drawn = by_way(&played).map_err(anyhow::Error::msg)?;
        std::fs::write(file, drawn).with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}

/// By clip, in the order of frames.
fn read(file: &Path) -> Result<BTreeMap<String, Vec<Sight>>> {
    let mut sights: BTreeMap<String, Vec<Sight>> = BTreeMap::new();
    let open = std::fs::File::open(file).with_context(|| format!("opening {}", file.display()))?;
    for (number, line) in (1..).zip(BufReader::new(open).lines()) {
        let sight: Sight = serde_json::from_str(&line?).with_context(|| format!("{}:{number}", file.display()))?;
        sights.entry(sight.image.clone()).or_default().push(sight);
    }
    Ok(sights)
}

/// `campari-mask`'s options as it understands them.
fn play(options: &[&str]) -> Result<Play> {
    let mut play = Play { look_every: 1, ..Play::default() };
    for pair in options.chunks(2) {
        match pair {
            ["--fps", fps] => play.fps = Some(fps.parse()?),
            ["--drop", drop] => play.drop = Some(drop.parse().map_err(anyhow::Error::msg)?),
            ["--look-every", every] => play.look_every = every.parse()?,
            other => anyhow::bail!("{other:?} is a way of playing that this program does not know"),
        }
    }
    Ok(play)
}

/// The clip's own rate.
fn frames_a_second(sights: &[Sight]) -> f64 {
    let us = sights.last().zip(sights.first()).map_or(0, |(last, first)| last.captured_us - first.captured_us);
    (sights.len() as f64 - 1.0) / (us.max(1) as f64 * 1e-6)
}

fn score(
    clip: &Clip,
    sights: &[Sight],
    play: Play,
    fps: f64,
    mut tracker: Option<Tracker>,
    which: Option<&Candidates>,
    tell: bool,
) -> Result<ClipScore> {
    let (mut shown, mut forms) = (Vec::new(), HeldForms::new());
    for (sight, _) in sights.iter().zip(play.frames(fps)).filter(|(_, comes)| *comes) {
        let seen = sight.detections(which)?;
        let objects = match &mut tracker {
            None => seen.found,
            Some(tracker) => {
                let looks = play.looks(shown.len() as u64);
                tracker.step(FrameId(sight.frame), sight.captured_us, looks.then_some(&seen))
            }
        };
        shown.push(sight.masked(&objects, &mut forms, tell));
    }
    Ok(score_clip(clip, &shown))
}

fn bare(how: &str, clips: &[Clip], scores: &[ClipScore]) {
    for (clip, score) in clips.iter().zip(scores) {
        for one in &score.bare {
            let leak::score::Bare { frame, track, class, rect, core, width_at_640 } = one;
            println!(
                "{how}: {} frame {frame} {class} {track} {:.0},{:.0} {:.0}x{:.0}, core {:.0} %, {width_at_640:.0} px at 640",
                clip.name,
                rect.x,
                rect.y,
                rect.w,
                rect.h,
                100.0 * core
            );
        }
    }
}
