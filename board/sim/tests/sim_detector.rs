//! The scripted detector: tensors that a decoder can read, failures, hangs.

use board_hal::{Detector, DetectorError, OutputRole, QuantisedTensor};
use board_sim::{DetectorStep, Found, Gate, Script, SimDetector};

const FACE: Found = Found { plate: false, score: 0.9, cx: 33.0, cy: 21.0, w: 16.0, h: 20.0 };
const PLATE: Found = Found { plate: true, score: 0.7, cx: 90.0, cy: 50.0, w: 30.0, h: 8.0 };

fn detector(script: Script<DetectorStep>) -> (SimDetector, Vec<i8>) {
    (SimDetector::new(128, 64, script), vec![0; 128 * 64 * 3])
}

fn real(tensor: &QuantisedTensor<'_>, row: usize, column: usize, channel: usize) -> f32 {
    let q = tensor.data[(row * tensor.width + column) * tensor.channels + channel];
    (i32::from(q) - tensor.zero_point) as f32 * tensor.scale
}

fn peaks(tensor: &QuantisedTensor<'_>) -> usize {
    tensor.data.iter().filter(|q| i32::from(**q) > tensor.zero_point).count()
}

#[test]
fn what_is_found_decodes_to_the_same_box() {
    let (mut detector, input) = detector(Script::always(DetectorStep::Find(vec![FACE, PLATE])));
    detector.infer(&input).unwrap();
    use OutputRole::{HeadHeat, HeadOffset, HeadScale, PlateHeat, PlateOffset, PlateScale};
    for (found, heat, scale, offset) in
        [(FACE, HeadHeat, HeadScale, HeadOffset), (PLATE, PlateHeat, PlateScale, PlateOffset)]
    {
        let (heat, scale, offset) = (detector.output(heat), detector.output(scale), detector.output(offset));
        assert_eq!((heat.height, heat.width, peaks(&heat)), (16, 32, 1));
        let (row, column) = ((found.cy / 4.0) as usize, (found.cx / 4.0) as usize);
        assert!((real(&heat, row, column, 0) - found.score).abs() < 0.01);
        assert!((4.0 * real(&scale, row, column, 0).exp() - found.h).abs() < 0.5);
        assert!((4.0 * real(&scale, row, column, 1).exp() - found.w).abs() < 0.5);
        assert!((4.0 * (row as f32 + 0.5 + real(&offset, row, column, 0)) - found.cy).abs() < 0.05);
        assert!((4.0 * (column as f32 + 0.5 + real(&offset, row, column, 1)) - found.cx).abs() < 0.05);
    }
}

#[test]
fn what_was_found_before_is_forgotten() {
    let script = Script::of([DetectorStep::Find(vec![FACE])], DetectorStep::Find(vec![]));
    let (mut detector, input) = detector(script);
    detector.infer(&input).unwrap();
    detector.infer(&input).unwrap();
    assert_eq!(peaks(&detector.output(OutputRole::HeadHeat)), 0);
}

#[test]
fn a_scripted_failure_is_an_error_and_the_next_picture_works() {
    let (mut detector, input) = detector(Script::of([DetectorStep::Fail], DetectorStep::Find(vec![])));
    assert!(matches!(detector.infer(&input), Err(DetectorError::Inference(_))));
    detector.infer(&input).unwrap();
}

#[test]
fn an_input_of_the_wrong_size_is_refused() {
    let (mut detector, _) = detector(Script::always(DetectorStep::Find(vec![])));
    assert!(detector.infer(&[0; 10]).unwrap_err().to_string().contains("10 bytes"));
}

#[test]
fn a_hang_lasts_until_the_gate_opens() {
    let gate = Gate::new();
    let (mut detector, input) = detector(Script::always(DetectorStep::Hang(gate.clone())));
    let thread = std::thread::spawn(move || detector.infer(&input));
    gate.wait_until_reached();
    assert!(!thread.is_finished());
    gate.open();
    thread.join().unwrap().unwrap();
}

#[test]
fn a_late_answer_holds_what_was_scripted() {
    let (open, other) = (Gate::new(), Gate::new());
    open.open();
    other.open();
    let script = Script::of([DetectorStep::Late(open, vec![FACE])], DetectorStep::LateFail(other));
    let (mut detector, input) = detector(script);
    detector.infer(&input).unwrap();
    assert_eq!(peaks(&detector.output(OutputRole::HeadHeat)), 1);
    assert!(matches!(detector.infer(&input), Err(DetectorError::Inference(_))));
}

#[test]
fn a_test_keeps_its_hand_on_the_script() {
    let script = Script::always(DetectorStep::Find(vec![]));
    let (mut detector, input) = detector(script.clone());
    detector.infer(&input).unwrap();
    script.push(DetectorStep::Fail);
    assert!(detector.infer(&input).is_err());
    script.from_now(DetectorStep::Garbage);
    detector.infer(&input).unwrap();
    assert!(peaks(&detector.output(OutputRole::HeadHeat)) > 100);
    assert_eq!(script.taken(), 3);
}
