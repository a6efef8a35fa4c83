//! Its fields are private.
fn renamed(info: mask::FrameInfo, other: mask::MaskedFrame) -> mask::MaskedFrame {
    mask::MaskedFrame { info, ..other }
}

fn main() {}
