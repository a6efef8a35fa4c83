//! An encoder takes a masked frame and nothing else.
fn encode(
    encoder: &mut dyn board_hal::Encoder,
    frame: mask::RawFrame,
    unit: &mut board_hal::EncodedUnit,
) -> Result<(), board_hal::EncodeError> {
    encoder.encode(frame, false, unit)
}

fn main() {}
