//! The ladder in simulated time: doubt at once, trust slowly.

use contract::Rung;
use mask::ladder::{Event, Fault, Ladder, LadderSettings, Proof, RungReason};
use proptest::prelude::*;

const FRAME_US: u64 = 40_000;

fn settings() -> LadderSettings {
    LadderSettings { cautious_ms: 250, good_frames: 5 }
}

/// A ladder and a camera at 25 frames a second.
struct Rig {
    ladder: Ladder,
    now_us: u64,
}

impl Rig {
    fn new() -> Self {
        Self { ladder: Ladder::new(settings(), 0), now_us: 0 }
    }
    /// One that has reached `clear`.
    fn clear() -> Self {
        let mut rig = Self::new();
        for _ in 0..20 {
            rig.detected_frame();
        }
        assert_eq!(rig.ladder.verdict().rung, Rung::Clear);
        rig
    }
    fn frame(&mut self) -> Rung {
        self.now_us += FRAME_US;
        self.ladder.frame(self.now_us).rung
    }
    /// A frame that the detector has answered, having looked everywhere in it.
    fn detected_frame(&mut self) -> Rung {
        let captured_us = self.now_us + FRAME_US;
        self.ladder.handle(Event::Detected { captured_us });
        self.ladder.handle(Event::LookedEverywhere { since_us: captured_us });
        self.frame()
    }
    fn reason(&self) -> RungReason {
        self.ladder.verdict().reason
    }
}

#[test]
fn p3_it_starts_covered_and_stays_so_without_detections() {
    let mut rig = Rig::new();
    for _ in 0..100 {
        assert_eq!(rig.frame(), Rung::Covered);
    }
    assert_eq!(rig.reason(), RungReason::Started);
}

#[test]
fn p3_it_climbs_down_only_after_a_run_of_good_frames() {
    let mut rig = Rig::new();
    for _ in 0..4 {
        assert_eq!(rig.detected_frame(), Rung::Covered);
        assert_eq!(rig.reason(), RungReason::Recovering);
    }
    assert_eq!(rig.detected_frame(), Rung::Clear);
    assert_eq!(rig.reason(), RungReason::Detected);
}

#[test]
fn p3_a_bad_frame_starts_the_run_anew() {
    let mut rig = Rig::new();
    for _ in 0..4 {
        rig.detected_frame();
    }
    rig.ladder.handle(Event::Doubtful { captured_us: rig.now_us + FRAME_US });
    assert_eq!(rig.frame(), Rung::Covered);
    assert_eq!(rig.reason(), RungReason::Doubtful);
    for _ in 0..4 {
        assert_eq!(rig.detected_frame(), Rung::Covered);
    }
    assert_eq!(rig.detected_frame(), Rung::Clear);
}

#[test]
fn p3_old_detections_are_cautious_then_covered() {
    let mut rig = Rig::clear();
    for age_ms in (40..=240).step_by(40) {
        assert_eq!(rig.frame(), Rung::Cautious, "{age_ms} ms old");
    }
    assert_eq!(rig.frame(), Rung::Covered, "280 ms old");
    assert_eq!(rig.reason(), RungReason::DetectionsOld);
}

#[test]
fn p3_a_detector_that_answers_every_third_frame_stays_cautious_without_flicker() {
    let mut rig = Rig::clear();
    rig.frame();
    for n in 0..60 {
        let rung = if n % 3 == 0 { rig.detected_frame() } else { rig.frame() };
        assert_eq!(rung, Rung::Cautious, "frame {n}");
    }
}

#[test]
fn p3_doubt_and_failure_cover_the_very_next_frame() {
    let mut rig = Rig::clear();
    for (event, reason) in [
        (Event::Doubtful { captured_us: rig.now_us + FRAME_US }, RungReason::Doubtful),
        (Event::DetectorFailed { captured_us: rig.now_us + FRAME_US }, RungReason::DetectorFailed),
        (Event::SceneCut { captured_us: rig.now_us + FRAME_US }, RungReason::SceneCut),
        (Event::CameraMoved { captured_us: rig.now_us + FRAME_US }, RungReason::CameraMoved),
    ] {
        let mut rig = Rig { ladder: rig.ladder.clone(), now_us: rig.now_us };
        rig.ladder.handle(event);
        assert_eq!(rig.frame(), Rung::Covered);
        assert_eq!(rig.reason(), reason);
    }
    rig.ladder.handle(Event::Broken(Fault::CameraLost));
    assert_eq!(rig.frame(), Rung::Dark);
}

#[test]
fn p3_a_sound_answer_about_an_earlier_frame_does_not_end_doubt() {
    let mut rig = Rig::clear();
    let doubtful_us = rig.now_us + FRAME_US;
    rig.ladder.handle(Event::Doubtful { captured_us: doubtful_us });
    rig.frame();
    for _ in 0..20 {
        rig.ladder.handle(Event::Detected { captured_us: doubtful_us });
        assert_eq!(rig.frame(), Rung::Covered);
    }
    assert_eq!(rig.reason(), RungReason::Doubtful);
}

#[test]
fn p3_after_a_scene_cut_the_detector_must_have_looked_everywhere_in_the_new_scene() {
    let mut rig = Rig::clear();
    let cut_us = rig.now_us + FRAME_US;
    rig.ladder.handle(Event::SceneCut { captured_us: cut_us });
    rig.frame();
    for _ in 0..50 {
        rig.ladder.handle(Event::Detected { captured_us: rig.now_us + FRAME_US });
        // A round that began before the cut.
        rig.ladder.handle(Event::LookedEverywhere { since_us: cut_us - 1 });
        assert_eq!(rig.frame(), Rung::Covered);
    }
    for _ in 0..4 {
        assert_eq!(rig.detected_frame(), Rung::Covered);
    }
    assert_eq!(rig.detected_frame(), Rung::Clear);
}

#[test]
fn p3_a_mended_fault_goes_from_dark_to_covered_until_the_detector_has_looked_again() {
    let mut rig = Rig::clear();
    for fault in [Fault::CameraLost, Fault::MaskingFailed, Fault::AimLeft, Fault::PrivacySwitch] {
        rig.ladder.handle(Event::Broken(fault));
    }
    assert_eq!(rig.detected_frame(), Rung::Dark);
    assert_eq!(rig.reason(), RungReason::MaskingFailed);
    for fault in [Fault::MaskingFailed, Fault::CameraLost, Fault::PrivacySwitch] {
        rig.ladder.handle(Event::Mended { fault, at_us: rig.now_us });
        for _ in 0..20 {
            assert_eq!(rig.detected_frame(), Rung::Dark, "another fault stands");
        }
    }
    rig.ladder.handle(Event::Mended { fault: Fault::AimLeft, at_us: rig.now_us + 1 });
    let rungs: Vec<Rung> = (0..10).map(|_| rig.frame()).collect();
    assert_eq!(rungs[..4], [Rung::Dark; 4]);
    assert_eq!(rungs[4..], [Rung::Covered; 6]);
    for _ in 0..5 {
        rig.detected_frame();
    }
    assert_eq!(rig.ladder.verdict().rung, Rung::Clear);
}

#[test]
fn p3_time_on_each_rung_adds_up_to_the_time_that_passed() {
    let mut rig = Rig::clear();
    for _ in 0..12 {
        rig.frame();
    }
    rig.ladder.handle(Event::Broken(Fault::CameraLost));
    rig.frame();
    rig.ladder.count(rig.now_us + 60_000_000);
    let spent: Vec<u64> = Rung::ALL.iter().map(|rung| rig.ladder.spent_us(*rung)).collect();
    assert_eq!(spent.iter().sum::<u64>(), rig.now_us + 60_000_000);
    assert_eq!(spent[Rung::Dark as usize], 60_000_000);
    assert_eq!(spent[Rung::Cautious as usize], 6 * FRAME_US);
}

#[test]
fn p3_settings_refuse_unknown_fields() {
    assert!(serde_json::from_str::<LadderSettings>(r#"{"cautious_ms":100,"good_frames":3}"#).is_ok());
    assert!(serde_json::from_str::<LadderSettings>(r#"{"cautious_s":1}"#).is_err());
}

fn event() -> impl Strategy<Value = (u8, u64)> {
    (0_u8..12, 0_u64..400_000)
}

proptest! {
    /// Whatever happens in whatever order: never surer than the facts, and never surer without a whole run of good frames.
    #[test]
    fn p3_no_sequence_of_events_makes_it_surer_than_the_facts(steps in prop::collection::vec(event(), 1..300)) {
        let mut ladder = Ladder::new(settings(), 0);
        let mut now_us = 1_000_000_u64;
        let (mut newest, mut doubt_us, mut unseen_us) = (None::<u64>, None::<u64>, Some(0_u64));
        let mut faults = [false; 3];
        let mut run = 0;
        let mut before = Rung::Covered;
        for (kind, back_us) in steps {
            let at_us = now_us.saturating_sub(back_us);
            let fault = [Fault::CameraLost, Fault::MaskingFailed, Fault::AimLeft, Fault::PrivacySwitch][usize::from(kind % 4)];
            match kind {
                0..=3 => {
                    ladder.handle(Event::Detected { captured_us: at_us });
                    ladder.handle(Event::LookedEverywhere { since_us: at_us });
                    newest = newest.max(Some(at_us));
                    doubt_us = doubt_us.filter(|since| at_us <= *since);
                    unseen_us = unseen_us.filter(|since| at_us < *since);
                }
                4 => { ladder.handle(Event::Doubtful { captured_us: at_us }); doubt_us = doubt_us.max(Some(at_us)); }
                5 => { ladder.handle(Event::SceneCut { captured_us: at_us }); unseen_us = unseen_us.max(Some(at_us)); }
                6 => { ladder.handle(Event::Broken(fault)); faults[usize::from(kind % 3)] = true; }
                7..=8 => {
                    ladder.handle(Event::Mended { fault, at_us });
                    if std::mem::take(&mut faults[usize::from(kind % 3)]) {
                        unseen_us = unseen_us.max(Some(at_us));
                    }
                }
                _ => {}
            }
            now_us += 20_000;
            let rung = ladder.frame(now_us).rung;
            let age_us = newest.map_or(u64::MAX, |at| now_us - at);
            let facts = if faults.contains(&true) { Rung::Dark }
                else if doubt_us.is_some() || unseen_us.is_some() || age_us > 250_000 { Rung::Covered }
                else if age_us > 0 { Rung::Cautious } else { Rung::Clear };
            prop_assert!(rung >= facts, "{rung} although the facts say {facts}");
            run = if facts < before { run + 1 } else { 0 };
            if rung < before {
                prop_assert!(run >= 5, "climbed down after {run} good frames");
                run = 0;
            }
            before = rung;
        }
    }
}

#[test]
fn p3_a_self_test_that_has_not_passed_covers_and_trust_comes_back_slowly() {
    let mut rig = Rig::clear();
    for (proof, reason) in [(Proof::Failed, RungReason::SelfTestFailed), (Proof::Running, RungReason::SelfTestRunning)]
    {
        rig.ladder.handle(Event::SelfTest(proof));
        for _ in 0..20 {
            assert_eq!(rig.detected_frame(), Rung::Covered);
            assert_eq!(rig.reason(), reason);
        }
    }
    rig.ladder.handle(Event::SelfTest(Proof::Passed));
    for _ in 1..settings().good_frames {
        assert_eq!(rig.detected_frame(), Rung::Covered);
    }
    assert_eq!(rig.detected_frame(), Rung::Clear);
}

#[test]
fn p3_a_passed_self_test_mends_nothing_else() {
    let mut rig = Rig::clear();
    rig.ladder.handle(Event::DetectorFailed { captured_us: rig.now_us + FRAME_US });
    rig.ladder.handle(Event::SelfTest(Proof::Passed));
    assert_eq!(rig.frame(), Rung::Covered);
    rig.ladder.handle(Event::Broken(Fault::CameraLost));
    rig.ladder.handle(Event::SelfTest(Proof::Passed));
    assert_eq!(rig.frame(), Rung::Dark);
}
