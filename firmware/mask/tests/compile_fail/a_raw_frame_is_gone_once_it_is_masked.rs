//! `apply` consumes it.
fn masked_and_kept(frame: mask::RawFrame, plan: &mask::Plan, painter: &mut mask::Painter) -> mask::RawFrame {
    let _masked = mask::apply(frame, plan, painter);
    frame
}

fn main() {}
