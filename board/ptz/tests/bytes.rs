//! The bytes of both protocols, beside what manufacturers print.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

use board_ptz::{pelco_d, visca};
use proptest::prelude::*;

fn hex(text: &str) -> Vec<u8> {
    text.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

fn pelco(address: u8, command: &pelco_d::Command) -> Vec<u8> {
    pelco_d::encode(address, command).to_vec()
}

fn visca_bytes(command: &visca::Command) -> Vec<u8> {
    visca::encode(1, command).bytes().to_vec()
}

#[test]
fn pelco_d_directions_and_sums_are_those_of_a_printed_manual() {
    // Examples for address 1 in the manual of the Oxic XPM9A261A, appendix 3; speeds 0x20 and 0x23 of 0x3f.
    let turn = |pan, tilt| pelco_d::Command::Turn { pan, tilt, zoom: 0.0 };
    let (slower, faster) = (32.0 / 63.0, 35.0 / 63.0);
    for (command, bytes) in [
        (turn(slower, 0.0), "ff 01 00 02 20 00 23"),
        (turn(-faster, 0.0), "ff 01 00 04 23 00 28"),
        (turn(0.0, faster), "ff 01 00 08 00 23 2c"),
        (turn(0.0, -faster), "ff 01 00 10 00 23 34"),
        (turn(0.0, 0.0), "ff 01 00 00 00 00 01"),
        (turn(9.0, -9.0), "ff 01 00 12 3f 3f 91"),
        (pelco_d::Command::Turn { pan: 0.0, tilt: 0.0, zoom: 1.0 }, "ff 01 00 20 00 00 21"),
        (pelco_d::Command::Turn { pan: 0.0, tilt: 0.0, zoom: -1.0 }, "ff 01 00 40 00 00 41"),
        (pelco_d::Command::CallPreset(5), "ff 01 00 07 00 05 0d"),
        (pelco_d::Command::QueryPan, "ff 01 00 51 00 00 52"),
        (pelco_d::Command::SetPan(90.0), "ff 01 00 4b 23 28 97"),
    ] {
        assert_eq!(pelco(1, &command), hex(bytes), "{command:?}");
    }
}

#[test]
fn pelco_d_positions_wrap_round_and_tilt_counts_downwards() {
    let value = |command: &pelco_d::Command| {
        let bytes = pelco(1, command);
        u16::from_be_bytes([bytes[4], bytes[5]])
    };
    assert_eq!(value(&pelco_d::Command::SetPan(-90.0)), 27_000);
    assert_eq!(value(&pelco_d::Command::SetPan(360.0)), 0);
    assert_eq!(value(&pelco_d::Command::SetTilt(-30.0)), 3_000);
    assert_eq!(value(&pelco_d::Command::SetTilt(10.0)), 35_000);
    assert_eq!(value(&pelco_d::Command::SetZoom(2.0)), u16::MAX);
}

#[test]
fn pelco_d_answers_are_read_and_altered_ones_are_not() {
    let answer = [0xff, 1, 0, 0x59, 0x23, 0x28, 0xa5];
    assert_eq!(pelco_d::decode(&answer), Some((1, pelco_d::Answer::Pan(9_000))));
    for at in 0..7 {
        let mut altered = answer;
        altered[at] ^= 1;
        assert_eq!(pelco_d::decode(&altered), None, "byte {at}");
    }
}

#[test]
fn visca_commands_are_those_of_sonys_list() {
    // Command list of the Sony SRG-X400, and angles as the Telycam TLC-700-S prints them: 90 degrees are 0x510, -45 are 0xFD78, 30 up are 0x01B0.
    use visca::Command::{InquirePanTilt, InquireZoom, PanTilt, PanTiltTo, Recall, Zoom, ZoomTo};
    for (command, bytes) in [
        (PanTilt { pan: 0.0, tilt: 1.0 }, "81 01 06 01 01 14 03 01 ff"),
        (PanTilt { pan: 0.0, tilt: -1.0 }, "81 01 06 01 01 14 03 02 ff"),
        (PanTilt { pan: -1.0, tilt: 0.0 }, "81 01 06 01 18 01 01 03 ff"),
        (PanTilt { pan: 1.0, tilt: 1.0 }, "81 01 06 01 18 14 02 01 ff"),
        (PanTilt { pan: 0.0, tilt: 0.0 }, "81 01 06 01 01 01 03 03 ff"),
        (PanTiltTo { pan: 0x510, tilt: 0x1b0 }, "81 01 06 02 18 14 00 05 01 00 00 01 0b 00 ff"),
        (PanTiltTo { pan: -648, tilt: 0 }, "81 01 06 02 18 14 0f 0d 07 08 00 00 00 00 ff"),
        (Zoom(0.0), "81 01 04 07 00 ff"),
        (Zoom(1.0), "81 01 04 07 27 ff"),
        (Zoom(-1.0), "81 01 04 07 37 ff"),
        (ZoomTo(1.0), "81 01 04 47 04 00 00 00 ff"),
        (Recall(2), "81 01 04 3f 02 02 ff"),
        (InquirePanTilt, "81 09 06 12 ff"),
        (InquireZoom, "81 09 04 47 ff"),
    ] {
        assert_eq!(visca_bytes(&command), hex(bytes), "{command:?}");
    }
}

#[test]
fn visca_answers_are_those_of_sonys_list() {
    use visca::{Answer, Refusal};
    for (bytes, answer) in [
        ("90 41 ff", Answer::Taken),
        ("90 52 ff", Answer::Done),
        ("90 60 02 ff", Answer::Refused(Refusal::Syntax)),
        ("90 61 41 ff", Answer::Refused(Refusal::NotNow)),
        ("90 50 00 05 01 00 0f 0e 05 00 ff", Answer::PanTilt { pan: 0x510, tilt: -432 }),
        ("90 50 04 00 00 00 ff", Answer::Zoom(0x4000)),
    ] {
        assert_eq!(visca::decode(&hex(bytes)), Some((1, answer)), "{bytes}");
    }
    for none in ["ff", "90 ff", "90 50 14 00 00 00 ff", "81 41 ff", "90 41", "90 50 00 ff", "90 41 01 02 ff"] {
        assert_eq!(visca::decode(&hex(none)), None, "{none}");
    }
}

proptest! {
    #[test]
    fn a_pelco_d_position_comes_back_as_it_was_sent(address in 1..=255_u8, value in 0..36_000_u16) {
        // A camera that answers with what it was told: the same bytes under the answer's number.
        let mut bytes = pelco_d::encode(address, &pelco_d::Command::SetPan(f32::from(value) / 100.0));
        bytes[3] = 0x59;
        bytes[6] = bytes[1..6].iter().fold(0, |sum, byte| sum.wrapping_add(*byte));
        prop_assert_eq!(pelco_d::decode(&bytes), Some((address, pelco_d::Answer::Pan(value))));
    }

    #[test]
    fn a_visca_position_comes_back_as_it_was_sent(address in 1..=7_u8, pan: i16, tilt: i16) {
        let message = visca::encode(address, &visca::Command::PanTiltTo { pan, tilt });
        let mut reply = vec![0x80 | address << 4, 0x50];
        reply.extend_from_slice(&message.bytes()[6..]);
        prop_assert_eq!(visca::decode(&reply), Some((address, visca::Answer::PanTilt { pan, tilt })));
    }

    #[test]
    fn no_bytes_from_a_line_panic_and_whole_messages_are_found_behind_rubbish(rubbish in prop::collection::vec(0..0xff_u8, 0..40)) {
        let mut splitter = visca::Splitter::default();
        for byte in &rubbish {
            prop_assert_eq!(splitter.take(*byte), None);
        }
        let _ = splitter.take(0xff).and_then(visca::decode);
        let mut found = None;
        for byte in [0x90, 0x41, 0xff] {
            found = splitter.take(byte).and_then(visca::decode).or(found);
        }
        prop_assert_eq!(found, Some((1, visca::Answer::Taken)));
        for seven in rubbish.windows(7) {
            let _ = pelco_d::decode(seven.try_into().unwrap());
        }
    }
}
