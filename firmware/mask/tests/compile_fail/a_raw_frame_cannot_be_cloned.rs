//! A second raw frame would outlive the masking of the first.
fn twice(frame: &mask::RawFrame) -> mask::RawFrame {
    Clone::clone(frame)
}

fn main() {}
