//! daemon.

pub mod capture;
