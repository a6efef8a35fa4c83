//! Its planes are lent for writing to nobody.
fn paint(frame: &mut mask::RawFrame) {
    frame.planes_mut().luma.fill(0);
}

fn main() {}
