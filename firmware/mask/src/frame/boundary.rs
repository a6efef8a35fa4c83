//! P2, in types: the ways around masking do not compile. `cargo test --doc -p mask` runs what stands here; nothing of it is in a build.
//!
//! A test that something does not compile would also pass for a spelling mistake. Therefore the very same words compile elsewhere: inside this
//! crate ([`only_inside`]), or with another type in the place of the forbidden one ([`not_for`]). This module lies under `frame` because that
//! is where the private fields are.

/// `code` compiles here, where private fields and functions can be reached, and not outside.
macro_rules! only_inside {
    ($(#[doc = $why:literal])* $name:ident: $($code:tt)*) => {
        $(#[doc = $why])*
        #[doc = concat!("```compile_fail\n", stringify!($($code)*), "\n```")]
        #[allow(dead_code)] // that it compiles is all
        mod $name {
            use crate as mask;
            $($code)*
        }
    };
}

/// `code` compiles outside for a `Frame` that is `good`, and not for one that is `bad`.
macro_rules! not_for {
    ($(#[doc = $why:literal])* $name:ident: $bad:ty, but $good:ty: $($code:tt)*) => {
        $(#[doc = $why])*
        #[doc = concat!("```compile_fail\ntype Frame = ", stringify!($bad), ";\n", stringify!($($code)*), "\n```\n")]
        #[doc = concat!("```\ntype Frame = ", stringify!($good), ";\n", stringify!($($code)*), "\n```")]
        #[allow(dead_code)] // that there is such a type is all
        mod $name {
            use crate as mask;
            type Bad = $bad;
        }
    };
}

only_inside! {
    /// Only painting may say that a frame is masked.
    p2_a_raw_frame_cannot_be_declared_masked:
    fn declared(frame: mask::RawFrame) -> mask::MaskedFrame {
        frame.into_masked()
    }
}

only_inside! {
    /// A raw frame's planes are lent for writing to nobody.
    p2_a_raw_frame_cannot_be_painted_from_outside:
    fn paint(frame: &mut mask::RawFrame) {
        frame.planes_mut().luma.fill(0);
    }
}

only_inside! {
    /// The fields of a masked frame are private.
    p2_a_masked_frame_cannot_be_made_by_hand:
    fn made(frame: mask::RawFrame) -> mask::MaskedFrame {
        mask::MaskedFrame { info: frame.info, lease: frame.lease, written_back: true }
    }
}

only_inside! {
    /// `decide` is the only maker of plans.
    p2_a_plan_cannot_be_made_by_hand:
    fn made(frame: mask::FrameId) -> mask::Plan {
        mask::Plan {
            frame,
            rung: contract::Rung::Clear,
            filter: contract::Filter::Fill,
            objects: Default::default(),
            masks: Default::default(),
            zones: Default::default(),
            coarse_cell_px: None,
        }
    }
}

only_inside! {
    /// Not even its rung.
    p2_a_plan_cannot_be_changed:
    fn surer(mut plan: mask::Plan) -> mask::Plan {
        plan.rung = contract::Rung::Clear;
        plan
    }
}

not_for! {
    /// A second raw frame would outlive the masking of the first.
    p2_a_raw_frame_cannot_be_cloned: mask::RawFrame, but mask::FrameInfo:
    fn twice(frame: &Frame) -> Frame {
        Clone::clone(frame)
    }
}

not_for! {
    /// Nothing writes a raw frame anywhere.
    p2_a_raw_frame_cannot_be_serialised: mask::RawFrame, but mask::Area:
    fn written(frame: &Frame) -> serde_json::Result<String> {
        serde_json::to_string(frame)
    }
}

not_for! {
    /// There is no way back.
    p2_a_masked_frame_does_not_become_raw: mask::RawFrame, but mask::MaskedFrame:
    fn back(frame: mask::MaskedFrame) -> Frame {
        frame.into()
    }
}

not_for! {
    /// An encoder takes a masked frame and nothing else.
    p2_an_encoder_refuses_a_raw_frame: mask::RawFrame, but mask::MaskedFrame:
    fn encode(
        encoder: &mut dyn board_hal::Encoder,
        frame: Frame,
        unit: &mut board_hal::EncodedUnit,
    ) -> Result<(), board_hal::EncodeError> {
        encoder.encode(frame, false, unit)
    }
}

/// `apply` consumes the frame.
/// ```compile_fail
/// fn masked(frame: mask::RawFrame, plan: &mask::Plan, painter: &mut mask::Painter) -> mask::FrameInfo {
///     let _masked = mask::apply(frame, plan, painter);
///     let info = *frame.info();
///     info
/// }
/// ```
/// With the same two lines the other way round:
/// ```
/// fn masked(frame: mask::RawFrame, plan: &mask::Plan, painter: &mut mask::Painter) -> mask::FrameInfo {
///     let info = *frame.info();
///     let _masked = mask::apply(frame, plan, painter);
///     info
/// }
/// ```
mod p2_a_raw_frame_is_gone_once_it_is_masked {}
