//! What the detector and the mask miss on annotated pictures, as figures with 95 % intervals.
//!
//! ```text
//!  input   annotations, campari-mask's report, lists, models' manifest     files in, plain values out
//!  score   a picture's boxes against its mask and its masked pixels        pure
//!  stats   figures over pictures, and how sure they are                    pure
//!  cost    what an inference costs, here and on boards                     pure
//!  report  tables, JSON, curve, contact sheets                             plain values in, files out
//!  measure the road through all of them
//! ```
//!
//! The definitions of cover85, core85, touch and false area stand in [`score`]. Nothing here looks at pictures by itself:
//! masks come from `campari-mask`, run as a program, exactly as a user runs it.
#![forbid(unsafe_code)]

pub mod cost;
pub mod input;
pub mod measure;
pub mod report;
pub mod score;
pub mod stats;
