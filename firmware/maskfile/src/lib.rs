//! maskfile.
