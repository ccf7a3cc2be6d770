//! Benchmark captures out of code and a seed, the bare walk that is the floor, and the measuring of programs against it.

pub mod arguments;
pub mod captures;
pub mod generate;
pub mod measure;
pub mod report;
pub mod runs;
pub mod stats;
pub mod walk;
