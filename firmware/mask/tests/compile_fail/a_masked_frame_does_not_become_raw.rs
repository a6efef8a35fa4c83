//! There is no way back.
fn back(frame: mask::MaskedFrame) -> mask::RawFrame {
    frame.into()
}

fn main() {}
