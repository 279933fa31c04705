//! Conformance suites and faulty wrappers for Kinfolk's stores and sources.

pub mod conformance;
pub mod faulty;
