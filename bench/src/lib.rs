//! Benchmark captures out of code and a seed, the bare walk that is the floor, and the measuring of programs against it.

pub mod arguments;
pub mod generate;
pub mod measure;
pub mod plan;
pub mod report;
pub mod shapes;
pub mod stats;
pub mod walk;
