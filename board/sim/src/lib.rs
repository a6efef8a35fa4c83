//! board-sim.
