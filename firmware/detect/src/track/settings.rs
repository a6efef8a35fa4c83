//! How long tracks are held and how much their masks grow.

use mask::Class;
use serde::{Deserialize, Serialize};

/// For one class.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassSettings {
    /// A track ends when a working detector has missed it for so long, and at three looks at least.
    pub hold_ms: u32,
    /// The same for a track that was found only once or twice: what flickers would otherwise stay masked, and grow, most of the time.
    pub hold_new_ms: u32,
    /// The same for a track that was seen for long and hardly moves: what stood there for long is more likely hidden than gone. Plates of standing
    /// cars are hidden for seconds, by whoever walks past or drives between.
    pub hold_old_ms: u32,
    /// Added on each side always, share of the object's size.
    pub margin: f32,
    /// Added on each side for every second since it was last seen, share of its size.
    pub margin_per_s: f32,
    /// A mask shrinks by at most this share in a second: what is half hidden is seen smaller than it is.
    pub shrink_per_s: f32,
    /// A candidate in a place where the scores of candidates so far, older ones counting less, come to this starts a track.
    pub start_score: f32,
}

/// For all tracks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrackSettings {
    /// Heads.
    pub head: ClassSettings,
    /// Plates.
    pub plate: ClassSettings,
    /// Without sound detections for so long every frame is doubtful, whatever is held.
    pub blind_limit_ms: u32,
}

impl TrackSettings {
    /// The settings of a class.
    #[must_use]
    pub fn of(&self, class: Class) -> &ClassSettings {
        match class {
            Class::Head => &self.head,
            Class::Plate => &self.plate,
        }
    }
}

impl Default for TrackSettings {
    fn default() -> Self {
        Self {
            head: ClassSettings {
                hold_ms: 500,
                hold_new_ms: 250,
                hold_old_ms: 1200,
                margin: 0.08,
                margin_per_s: 0.2,
                shrink_per_s: 1.5,
                // Two of the weakest that count, one after the other; not with a look between them.
                start_score: 0.185,
            },
            plate: ClassSettings {
                hold_ms: 500,
                hold_new_ms: 250,
                hold_old_ms: 9000,
                margin: 0.15,
                margin_per_s: 0.2,
                shrink_per_s: 0.2,
                start_score: 0.2,
            },
            blind_limit_ms: 1000,
        }
    }
}
