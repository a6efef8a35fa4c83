//! P3: wholly random tensors, as a broken accelerator or a wrong model would give, never panic and never yield a box that is none.

use crate::common::{Tensors, decoding};
use board_hal::OutputRole;
use detect::LetterboxMap;
use proptest::prelude::*;

/// Steps that no quantiser would write.
const ABSURD: [f32; 8] = [f32::NAN, f32::INFINITY, f32::MAX, f32::MIN_POSITIVE, 1e-45, 0.0, -0.02, 1e30];

/// Real steps, and absurd ones.
fn step() -> impl Strategy<Value = f32> {
    prop_oneof![6 => 0.0005f32..0.1, 3 => Just(1.0 / 256.0), 1 => proptest::sample::select(&ABSURD[..])]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn p3_random_bytes_in_every_tensor_give_sound_boxes_inside_the_picture(
        (rows, cols) in (1usize..40, 1usize..40),
        seed in any::<u64>(),
        steps in proptest::array::uniform7(step()),
        zero_points in proptest::array::uniform7(prop_oneof![4 => -128i32..128, 1 => any::<i32>()]),
        // How many of 256 cells are hot at all: random bytes everywhere are always doubt.
        hot in prop_oneof![Just(256u64), 0u64..16],
        short in proptest::option::weighted(0.1, 0usize..7),
        picture in (2usize..8192, 2usize..8192),
    ) {
        let mut tensors = Tensors::empty(rows, cols);
        let mut state = seed | 1;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state >> 16
        };
        for (role, data) in OutputRole::ALL.into_iter().zip(&mut tensors.data) {
            for value in data.iter_mut() {
                let heat = role.channels() == 1;
                *value = if heat && random() % 256 >= hot { -128 } else { random() as i8 };
            }
        }
        tensors.scale = steps;
        tensors.zero_point = zero_points;
        if let Some(role) = short {
            tensors.data[role].pop();
        }
        let map = LetterboxMap::new(picture.0, picture.1, cols * 4, rows * 4);
        let found = tensors.decode(&decoding(), &map);
        for object in found.found.list.iter().chain(&found.candidates) {
            let rect = object.rect;
            prop_assert!(rect.is_sound(), "{object:?}");
            prop_assert!(object.score.is_finite(), "{object:?}");
            let slack = picture.0.max(picture.1) as f32 * 1e-6;
            prop_assert!(rect.x >= 0.0 && rect.x + rect.w <= picture.0 as f32 + slack, "{object:?} in {picture:?}");
            prop_assert!(rect.y >= 0.0 && rect.y + rect.h <= picture.1 as f32 + slack, "{object:?} in {picture:?}");
        }
        prop_assert!(short.is_none() || found.found.doubtful, "a tensor that is too short is doubt");
    }
}
