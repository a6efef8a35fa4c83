//! Who is where and when: the walks and drives of the scene, in seconds and metres.

use crate::canvas::{Area, Canvas};
use crate::car::{self, Car, End};
use crate::person::{self, Person, Pose};
use crate::plate::{self, Look, Plate};
use crate::truth::{Class, Seen};
use crate::world::{FPS, rgb};
use anyhow::Result;
use std::path::Path;

/// Places (seconds, x, z) that an actor passes; straight and even between them, absent outside.
type Way = &'static [(f32, f32, f32)];

/// A walk: which person, along which way.
struct Walk {
    actor: &'static str,
    person: usize,
    mirrored: bool,
    way: Way,
}

/// A drive: which car, along which way.
struct Drive {
    actor: &'static str,
    car: usize,
    way: Way,
}

const WALKS: &[Walk] = &[
    // Comes towards the camera: head from 26 to 150 px.
    Walk {
        actor: "statesman-approaches",
        person: 0,
        mirrored: false,
        way: &[(0.0, -2.6, 8.0), (9.0, -1.35, 3.4), (17.0, -0.42, 1.4), (20.0, -0.4, 1.39)],
    },
    // Enters at the left edge, crosses, leaves at the right; comes back nearer and mirrored.
    Walk { actor: "president-crosses", person: 1, mirrored: false, way: &[(0.0, -2.35, 3.6), (8.0, 2.5, 3.6)] },
    Walk { actor: "president-returns", person: 1, mirrored: true, way: &[(9.5, 1.95, 2.7), (18.0, -2.1, 2.9)] },
    // Crosses the other way behind them, later approaches on the right.
    Walk { actor: "astronaut-crosses", person: 2, mirrored: false, way: &[(0.5, 3.2, 4.8), (11.0, -3.3, 4.6)] },
    Walk { actor: "astronaut-approaches", person: 2, mirrored: true, way: &[(11.5, 2.6, 7.5), (20.0, 0.55, 1.75)] },
    // Far off on the right pavement, coming slowly: head from 21 to 35 px.
    Walk {
        actor: "president-far",
        person: 1,
        mirrored: true,
        way: &[(0.0, 2.9, 10.0), (11.0, 2.75, 6.4), (15.0, 3.9, 6.0)],
    },
];

const DRIVES: &[Drive] = &[
    Drive { actor: "yellow-approaches", car: 0, way: &[(0.0, -1.05, 14.5), (7.0, -1.05, 3.0), (8.4, -1.25, -4.2)] },
    Drive {
        actor: "white-recedes",
        car: 1,
        way: &[(3.4, 1.3, -4.0), (6.0, 1.1, 3.2), (14.0, 1.05, 15.0), (20.0, 1.05, 24.0)],
    },
    Drive { actor: "yellow-parked", car: 2, way: &[(0.0, 3.35, 8.4), (20.0, 3.35, 8.4)] },
    Drive { actor: "white-approaches", car: 3, way: &[(11.0, -1.05, 20.0), (17.5, -1.1, 5.0), (20.0, -1.1, 4.0)] },
];

/// Everyone and everything that moves.
pub(crate) struct Script {
    people: Vec<Person>,
    cars: Vec<Car>,
}

impl Script {
    pub(crate) fn new(pictures: &Path, font: &Path) -> Result<Self> {
        let people = [&person::STATESMAN, &person::PRESIDENT, &person::ASTRONAUT];
        let font = plate::font(font)?;
        let plate = |look, country, number| Plate::new(&font, look, country, number);
        Ok(Self {
            people: people.into_iter().map(|portrait| Person::new(pictures, portrait)).collect::<Result<_>>()?,
            cars: vec![
                Car { body: rgb(150, 34, 38), end: End::Front, plate: plate(Look::Yellow, "NL", "QZ-417-X")? },
                Car { body: rgb(52, 76, 116), end: End::Rear, plate: plate(Look::White, "D", "CQ X 2718")? },
                Car { body: rgb(176, 178, 182), end: End::Rear, plate: plate(Look::Yellow, "NL", "83-QXK-6")? },
                Car { body: rgb(52, 58, 60), end: End::Front, plate: plate(Look::White, "B", "9-QXZ-314")? },
            ],
        })
    }

    /// Draws everyone present, far ones first; returns heads and plates as drawn.
    pub(crate) fn draw(&mut self, canvas: &mut Canvas, frame: u32) -> Vec<Seen> {
        let now = frame as f32 / FPS as f32;
        let walks = WALKS.iter().map(|walk| (Mover::Walk(walk), place(walk.way, now)));
        let drives = DRIVES.iter().map(|drive| (Mover::Drive(drive), place(drive.way, now)));
        let mut present: Vec<(u8, Mover, f32, f32)> = (1..)
            .zip(walks.chain(drives))
            .filter_map(|(owner, (mover, at))| at.map(|(x, z)| (owner, mover, x, z)))
            .collect();
        present.sort_by(|a, b| b.3.total_cmp(&a.3));
        let seen = |owner, actor, class, area: Area, own_px| Seen { owner, actor, class, area, own_px };
        present
            .into_iter()
            .map(|(owner, mover, x, z)| match mover {
                Mover::Walk(walk) => {
                    let pose =
                        Pose { x_m: x, z_m: z, steps: now * 1.8 + f32::from(owner) * 0.3, mirrored: walk.mirrored };
                    let person = &self.people[walk.person];
                    let area = person.head_area(pose);
                    let own_px = canvas.actor(owner, area, |onto| person.draw(onto, pose));
                    seen(owner, walk.actor, Class::Head, area, own_px)
                }
                Mover::Drive(drive) => {
                    let area = car::plate_area(x, z);
                    let own_px = canvas.actor(owner, area, |onto| self.cars[drive.car].draw(onto, x, z));
                    seen(owner, drive.actor, Class::Plate, area, own_px)
                }
            })
            .collect()
    }
}

enum Mover {
    Walk(&'static Walk),
    Drive(&'static Drive),
}

/// Where on a way one is at a time, if there at all.
fn place(way: Way, now: f32) -> Option<(f32, f32)> {
    let leg = way.windows(2).find(|leg| (leg[0].0..=leg[1].0).contains(&now))?;
    let ((t0, x0, z0), (t1, x1, z1)) = (leg[0], leg[1]);
    let part = (now - t0) / (t1 - t0);
    Some((x0 + (x1 - x0) * part, z0 + (z1 - z0) * part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::FRAMES;

    #[test]
    fn a_place_lies_between_its_neighbours_and_nowhere_outside() {
        let way: Way = &[(1.0, 0.0, 10.0), (3.0, 2.0, 5.0)];
        assert_eq!(place(way, 2.0), Some((1.0, 7.5)));
        assert_eq!(place(way, 0.9), None);
        assert_eq!(place(way, 3.1), None);
    }

    #[test]
    fn somebody_walks_and_a_plate_shows_in_every_second() {
        for second in 0..FRAMES / FPS {
            let now = second as f32 + 0.5;
            assert!(WALKS.iter().any(|walk| place(walk.way, now).is_some()), "nobody at {now} s");
            assert!(DRIVES.iter().any(|drive| place(drive.way, now).is_some()), "no car at {now} s");
        }
    }

    #[test]
    fn plates_grow_from_40_to_150_px() {
        let widths: Vec<f32> = DRIVES[0].way.iter().map(|&(_, x, z)| car::plate_area(x, z).w).collect();
        assert!(widths[0] < 41.0 && widths[1] > 150.0, "{widths:?}");
    }
}
