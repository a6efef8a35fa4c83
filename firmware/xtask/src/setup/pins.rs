//! What is fetched from outside, each pinned twice: the package by its sha256 and every file taken out of it by its own.
//!
//! Nothing of it is committed to the repository.

use super::Arch;

/// One package and what we take from it.
pub(crate) struct Pin {
    /// For the progress display.
    pub(crate) what: &'static str,
    /// Needed only for this machine type.
    pub(crate) arch: Option<Arch>,
    pub(crate) package: &'static str,
    pub(crate) version: &'static str,
    /// Of the wheel or source archive.
    pub(crate) sha256: &'static str,
    pub(crate) form: Form,
    pub(crate) members: &'static [Member],
}

/// How the package is packed.
pub(crate) enum Form {
    /// A wheel for this platform tag; `cpython` is its ABI tag when it is not for every Python.
    Wheel { platform: &'static str, cpython: Option<&'static str> },
    /// A source archive.
    Source,
}

/// One file taken out of a package.
pub(crate) struct Member {
    pub(crate) path: &'static str,
    /// Below `.campari`.
    pub(crate) to: &'static str,
    pub(crate) sha256: &'static str,
}

/// The list. Licences: TensorFlow Apache-2.0; the portraits are works of the US government (NASA; White House), public domain.
pub(crate) static PINS: &[Pin] = &[
    Pin {
        what: "TFLite library for x86_64",
        arch: Some(Arch::X86_64),
        package: "pymicro-wakeword",
        version: "2.5.0",
        sha256: "3869f536402b1254e3be3549d3a462ecd6ed21ce2c3e77ec8eb501c3c700417c",
        form: Form::Wheel { platform: "manylinux_2_35_x86_64", cpython: None },
        members: &[Member {
            path: "pymicro_wakeword/lib/libtensorflowlite_c.so",
            to: "tflite/x86_64/libtensorflowlite_c.so",
            sha256: "25465edb5cd7aadd00249d4d28f1d922ce5cc90195ad4403458111dd63493bae",
        }],
    },
    Pin {
        what: "TFLite library for aarch64",
        arch: Some(Arch::Aarch64),
        package: "pymicro-wakeword",
        version: "2.5.0",
        sha256: "6c75b77c936efd19b8c35a094cb7e3fdbd4ebcd0f63635a0851ce591990829f2",
        form: Form::Wheel { platform: "manylinux_2_35_aarch64", cpython: None },
        members: &[Member {
            path: "pymicro_wakeword/lib/libtensorflowlite_c.so",
            to: "tflite/aarch64/libtensorflowlite_c.so",
            sha256: "12062437bfde367b1be592ebc4a9fe64b8453f90b3b7dc21fade002c38e1ac1a",
        }],
    },
    Pin {
        what: "a portrait for the scene",
        arch: None,
        package: "scikit-image",
        version: "0.25.2",
        sha256: "24cc986e1f4187a12aa319f777b36008764e856e5013666a4a83f8df083c2641",
        // One fixed Python's wheel, whichever Python runs here: only a picture is taken out of it.
        form: Form::Wheel { platform: "manylinux2014_x86_64", cpython: Some("cp311") },
        members: &[Member {
            path: "skimage/data/astronaut.png",
            to: "pictures/astronaut.png",
            sha256: "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        }],
    },
    Pin {
        what: "two portraits for the scene",
        arch: None,
        package: "face_recognition",
        version: "1.3.0",
        sha256: "5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec",
        form: Form::Source,
        members: &[
            Member {
                path: "face_recognition-1.3.0/tests/test_images/biden.jpg",
                to: "pictures/biden.jpg",
                sha256: "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c",
            },
            Member {
                path: "face_recognition-1.3.0/tests/test_images/obama.jpg",
                to: "pictures/obama.jpg",
                sha256: "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6",
            },
        ],
    },
];
