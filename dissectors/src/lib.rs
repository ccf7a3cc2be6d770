//! Bytes to observations: frames, tunnels, flows, and one file a protocol.

mod decap;
pub mod fragment;
pub mod frame;
pub mod packet;
pub mod tunnel;
