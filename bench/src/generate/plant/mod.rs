//! What the plant says: controllers, operators' computers, switches.

pub(crate) mod enip;
pub(crate) mod goose;
pub(crate) mod link;
pub(crate) mod modbus;
pub(crate) mod opcua;
pub(crate) mod profinet;
pub(crate) mod s7;
