//! Cameras on a line that a test plays, and a real line: a pseudo-terminal.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

use board_hal::ptz::{Aim, Motion, Ptz, PtzError, Target, Turn};
use board_ptz::{Line, PelcoD, PtzConfig, SerialLine, Visca};
use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A camera at the other end: answers to messages, in order.
#[derive(Clone, Default)]
struct Played(Arc<Mutex<Ends>>);

/// What was sent, the answers to come, and the bytes on their way.
#[derive(Default)]
struct Ends {
    sent: Vec<Vec<u8>>,
    answers: VecDeque<Vec<u8>>,
    on_the_way: VecDeque<u8>,
}

impl Played {
    fn answering(answers: &[&[u8]]) -> Self {
        let played = Self::default();
        played.0.lock().unwrap().answers = answers.iter().map(|answer| answer.to_vec()).collect();
        played
    }
    fn sent(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().sent.clone()
    }
}

impl Line for Played {
    fn name(&self) -> String {
        "played".to_owned()
    }
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.sent.push(bytes.to_vec());
        let answer = state.answers.pop_front().unwrap_or_default();
        state.on_the_way.extend(answer);
        Ok(())
    }
    fn receive(&mut self, into: &mut [u8], _: Duration) -> io::Result<usize> {
        let Some(byte) = self.0.lock().unwrap().on_the_way.pop_front() else { return Ok(0) };
        into[0] = byte;
        Ok(1)
    }
    fn forget(&mut self) {
        self.0.lock().unwrap().on_the_way.clear();
    }
}

const AIM: Target = Target::Aim(Aim { pan_deg: 90.0, tilt_deg: 30.0, zoom: 1.0 });

#[test]
fn visca_goes_to_an_aim_in_the_cameras_own_steps() {
    let line = Played::answering(&[&[0x90, 0x41, 0xff], &[0x90, 0x42, 0xff]]);
    Visca::new(line.clone(), 1, 14.4).go(&AIM).unwrap();
    let sent = line.sent();
    assert_eq!(sent[0][6..14], [0, 5, 1, 0, 0, 1, 0xb, 0], "90 and 30 degrees");
    assert_eq!(sent[1], [0x81, 1, 4, 0x47, 4, 0, 0, 0, 0xff]);
}

#[test]
fn visca_passes_over_what_is_not_the_answer_and_names_a_refusal() {
    let mut noisy = vec![0x12, 0xff, 0xa0, 0x41, 0xff, 0x90, 0x52, 0xff];
    noisy.extend([0x90, 0x50, 0, 0, 0, 1, 0, 0, 0, 2, 0xff]);
    let zoom = [0x90, 0x50, 0, 0, 0, 3, 0xff];
    let line = Played::answering(&[&noisy, &zoom, &noisy, &zoom, &[0x90, 0x60, 0x02, 0xff]]);
    let mut camera = Visca::new(line, 1, 14.4);
    assert_eq!(camera.motion().unwrap(), Motion::Moving, "nobody knows where it came from");
    assert_eq!(camera.motion().unwrap(), Motion::Still);
    let error = camera.go(&Target::Stored(9)).unwrap_err().to_string();
    assert!(error.contains("refused") && error.contains("position that it does not reach"), "{error}");
}

#[test]
fn visca_without_an_answer_says_what_to_look_at() {
    let error = Visca::new(Played::default(), 3, 14.4).turn(&Turn::default()).unwrap_err();
    assert!(matches!(error, PtzError::Silent { address: 3, .. }) && error.to_string().contains("address 3"), "{error}");
}

#[test]
fn an_aim_beyond_what_can_be_said_is_refused_before_anything_is_sent() {
    let line = Played::default();
    let target = Target::Aim(Aim { pan_deg: 359.0, tilt_deg: 0.0, zoom: 0.0 });
    assert!(matches!(Visca::new(line.clone(), 1, 200.0).go(&target), Err(PtzError::Unsupported { .. })));
    assert!(line.sent().is_empty());
}

#[test]
fn pelco_d_needs_no_answer_and_is_asked_no_more_when_it_gives_none() {
    let line = Played::default();
    let mut camera = PelcoD::new(line.clone(), 1);
    camera.go(&Target::Stored(5)).unwrap();
    assert_eq!(line.sent(), [[0xff, 1, 0, 7, 0, 5, 0x0d]]);
    assert_eq!(camera.motion().unwrap(), Motion::Unknown);
    let asked = line.sent().len();
    assert_eq!(camera.motion().unwrap(), Motion::Unknown);
    assert_eq!(line.sent().len(), asked);
}

#[test]
fn pelco_d_that_answers_moves_while_its_position_changes() {
    let pan = |value: u8| vec![0x00, 0xff, 1, 0, 0x59, 0, value, 0x5a + value];
    let tilt = [0xff, 1, 0, 0x5b, 0, 0, 0x5c];
    let line = Played::answering(&[&pan(1), &tilt, &pan(2), &tilt, &pan(2), &tilt]);
    let mut camera = PelcoD::new(line, 1);
    let told: Vec<Motion> = (0..3).map(|_| camera.motion().unwrap()).collect();
    assert_eq!(told, [Motion::Moving, Motion::Moving, Motion::Still]);
}

#[test]
fn a_serial_port_carries_every_byte_unaltered_both_ways() {
    let pair = nix::pty::openpty(None, None).unwrap();
    let path = nix::unistd::ttyname(&pair.slave).unwrap();
    let mut line = SerialLine::open(&path, 9_600).unwrap();
    let mut far = std::fs::File::from(pair.master);
    let every: Vec<u8> = (0..=255).collect();
    line.send(&every).unwrap();
    let mut came = vec![0; 256];
    far.read_exact(&mut came).unwrap();
    assert_eq!(came, every, "to the camera: no echo, no line ends altered");
    far.write_all(&every).unwrap();
    let mut back = Vec::new();
    while back.len() < 256 {
        let mut some = [0; 64];
        let count = line.receive(&mut some, Duration::from_secs(5)).unwrap();
        assert!(count > 0, "{} bytes came", back.len());
        back.extend_from_slice(&some[..count]);
    }
    assert_eq!(back, every, "and from it");
    assert_eq!(line.receive(&mut [0], Duration::from_millis(1)).unwrap(), 0, "then nothing");
}

#[test]
fn a_port_that_is_none_or_a_speed_that_is_none_is_named() {
    let open = |text: &str| toml::from_str::<PtzConfig>(text).unwrap().open().err().expect("refused").to_string();
    let gone = open("camera = { kind = \"visca\", port = \"/dev/tty-gone\" }");
    assert!(gone.contains("/dev/tty-gone") && gone.contains("No such file"), "{gone}");
    let speed = open("camera = { kind = \"pelco-d\", port = \"/dev/null\", baud = 1234 }");
    assert!(speed.contains("1234 baud; allowed: 2400"), "{speed}");
    let node = open("camera = { kind = \"v4l2\", device = \"/dev/null\" }");
    assert!(node.contains("pan_absolute"), "{node}");
}

#[test]
fn presets_have_names_and_what_is_out_of_range_is_said_with_what_is_allowed() {
    let text = "camera = { kind = \"visca\", port = \"/dev/ttyS1\" }\n[presets]\n\
        schrijverstraat = { pan_deg = 90.0, tilt_deg = 30.0, zoom = 1.0 }\nbridge = { stored = 4 }\n";
    let config: PtzConfig = toml::from_str(text).unwrap();
    assert_eq!(config.check(), Ok(()));
    assert_eq!(config.presets["schrijverstraat"].target(), AIM);
    assert_eq!(config.presets["bridge"].target(), Target::Stored(4));
    for (from, to, says) in [
        ("zoom = 1.0", "zoom = 1.5", "ptz.presets.schrijverstraat.zoom"),
        ("tilt_deg = 30.0", "tilt_deg = 91.0", "ptz.presets.schrijverstraat.tilt_deg"),
        ("/dev/ttyS1\"", "/dev/ttyS1\", address = 8", "ptz.camera.address"),
    ] {
        let config: PtzConfig = toml::from_str(&text.replace(from, to)).unwrap();
        assert_eq!(config.check().unwrap_err().0, says);
    }
    let unknown = toml::from_str::<PtzConfig>(&text.replace("stored = 4", "number = 4")).unwrap_err().to_string();
    assert!(unknown.contains("stored = NUMBER"), "{unknown}");
}
