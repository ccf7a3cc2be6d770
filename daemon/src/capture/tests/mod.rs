//! Tests of capture reading on captures built byte by byte.

mod build;
mod damage;
mod formats;
mod keys;
mod merging;
mod planning;
mod sources;
