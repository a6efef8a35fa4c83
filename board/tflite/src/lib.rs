//! board-tflite.
