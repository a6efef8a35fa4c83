//! Only painting may say that a frame is masked.
fn declared(frame: mask::RawFrame) -> mask::MaskedFrame {
    frame.into_masked()
}

fn main() {}
