//! daemon.

pub mod store;
