//! One look at a frame: detector and tracks say what to mask, and the ladder hears how sure that is.

use crate::inference::Answer;
use crate::sight::Sight;
use mask::ladder::{Event, Ladder};
use mask::{Objects, RawFrame};

/// Detects, tracks, and tells the ladder how sure that was.
pub(super) fn look(sight: &mut Sight, ladder: &mut Ladder, frame: &RawFrame) -> Objects {
    let captured_us = frame.info().captured.monotonic_us;
    let mut answered = true;
    let objects = sight.look(frame, |answer| match answer {
        Answer::Fresh(found) if found.found.doubtful => ladder.handle(Event::Doubtful { captured_us }),
        Answer::Older(found, of_us) if found.found.doubtful => ladder.handle(Event::Doubtful { captured_us: *of_us }),
        Answer::Fresh(_) => looked(ladder, captured_us),
        Answer::Older(_, of_us) => looked(ladder, *of_us),
        Answer::Late => answered = false,
        Answer::Failed(cause) => {
            answered = false;
            tracing::error!(cause, "no detections");
            ladder.handle(Event::DetectorFailed { captured_us });
        }
    });
    // The network was sure, the tracks are not: more objects than can be followed.
    if answered && objects.doubtful {
        ladder.handle(Event::Doubtful { captured_us });
    }
    objects
}

/// The network takes in the whole picture at once.
fn looked(ladder: &mut Ladder, captured_us: u64) {
    ladder.handle(Event::Detected { captured_us });
    ladder.handle(Event::LookedEverywhere { since_us: captured_us });
}
