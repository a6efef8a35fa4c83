//! board-openh264.
