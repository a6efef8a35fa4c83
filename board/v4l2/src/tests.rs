//! Unit tests against a scripted driver, well-behaved and not. The real one is tested in tests/vm.

mod capture;
mod controls;
mod conversion;
mod fake;
mod jpeg;
mod lease;
mod memory;
mod negotiation;
mod opening;
mod timing;
