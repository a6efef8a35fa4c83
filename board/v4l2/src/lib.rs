//! board-v4l2.
