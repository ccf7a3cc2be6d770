//! Bytes to observations: frames, tunnels, flows, and one file a protocol.

pub mod frame;
pub mod packet;
