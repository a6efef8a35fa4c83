//! Unit tests against a scripted driver, well-behaved and not.

mod fake;
mod pictures;
mod refusals;
mod wrong;
