//! Who or what is spoken of.

use crate::address::{Mac, Transport};
use std::net::IpAddr;

/// A configured segment of a source (`--sources`): an address space of its own. The number is an index into
/// [`crate::Source::segments`]; 0 is the site itself. VLANs that no configuration names stay in segment 0: where a device was seen is
/// an observation, never part of its identity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Segment(pub u16);

/// A service's place on its device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Endpoint {
    /// What carries it.
    pub transport: Transport,
    /// The port, IP protocol or EtherType, as `transport` says.
    pub port: u16,
}

/// What one step into a nested device counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum StepKind {
    /// Modbus unit identifier behind a gateway.
    ModbusUnit,
    /// CIP port segment: the port number (1 is the backplane).
    CipPort,
    /// CIP link address: the slot.
    CipSlot,
    /// S7 rack.
    S7Rack,
    /// S7 slot.
    S7Slot,
    /// BACnet network number.
    BacnetNetwork,
    /// BACnet MAC layer address on that network, as a number.
    BacnetAddress,
    /// DNP3 data link address.
    Dnp3Address,
    /// IEC 60870-5 common address.
    CommonAddress,
    /// HART long address.
    HartDevice,
    /// PROFINET slot.
    ProfinetSlot,
    /// PROFINET subslot.
    ProfinetSubslot,
    /// AMS net id and port, as a number.
    AmsPort,
    /// SNMP entPhysicalIndex (RFC 6933).
    Entity,
    /// IEEE C37.118 IDCODE of a phasor measurement unit.
    Pmu,
    /// Logical address of a control unit behind a vehicle's gateway (ISO 13400-2).
    LogicalAddress,
    /// EtherCAT position, or station address where it is not known which position has it.
    EtherCatSlave,
    /// FINS network number.
    FinsNetwork,
    /// FINS node number on that network.
    FinsNode,
    /// FINS unit address: 16 and more are CPU bus units.
    FinsUnit,
    /// MELSEC network number.
    MelsecNetwork,
    /// MELSEC station number on that network.
    MelsecStation,
    /// Genisys server address.
    GenisysStation,
    /// Sparkplug device behind an edge node: 32 bits of a hash of its identifier.
    SparkplugDevice,
    /// Slot of a Tricon's first chassis: 0 to 2 are the main processors.
    TriconSlot,
    /// Virtual address of a BACnet/SC node behind its hub.
    BacnetVmac,
    /// Object in an OPC UA server that has a name plate: 32 bits of a hash of its node.
    OpcUaObject,
}

/// Every step kind with its code in canonical bytes and its name in documents. Codes are never used again.
pub const STEP_KINDS: &[(StepKind, u8, &str)] = &[
    (StepKind::ModbusUnit, 1, "unit"),
    (StepKind::CipPort, 2, "port"),
    (StepKind::CipSlot, 3, "slot"),
    (StepKind::S7Rack, 4, "rack"),
    (StepKind::S7Slot, 5, "slot"),
    (StepKind::BacnetNetwork, 6, "network"),
    (StepKind::BacnetAddress, 7, "address"),
    (StepKind::Dnp3Address, 8, "dnp3 address"),
    (StepKind::CommonAddress, 9, "common address"),
    (StepKind::HartDevice, 10, "hart device"),
    (StepKind::ProfinetSlot, 11, "slot"),
    (StepKind::ProfinetSubslot, 12, "subslot"),
    (StepKind::AmsPort, 13, "ams port"),
    (StepKind::Entity, 14, "entity"),
    (StepKind::LogicalAddress, 31, "logical address"),
    (StepKind::EtherCatSlave, 30, "ethercat slave"),
    (StepKind::FinsNetwork, 40, "network"),
    (StepKind::FinsNode, 41, "node"),
    (StepKind::FinsUnit, 42, "unit"),
    (StepKind::MelsecNetwork, 43, "network"),
    (StepKind::MelsecStation, 44, "station"),
    (StepKind::GenisysStation, 45, "station"),
    (StepKind::SparkplugDevice, 61, "sparkplug device"),
    (StepKind::TriconSlot, 46, "slot"),
    (StepKind::BacnetVmac, 47, "virtual address"),
    (StepKind::OpcUaObject, 62, "opc ua object"),
    (StepKind::Pmu, 15, "pmu"),
];

impl StepKind {
    /// The word in documents: `unit 3`, `slot 2`.
    #[must_use]
    pub fn name(self) -> &'static str {
        STEP_KINDS.iter().find(|row| row.0 == self).map_or("part", |row| row.2)
    }
}

/// One step from a device to a part of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PathStep {
    /// What is counted.
    pub kind: StepKind,
    /// Which one.
    pub number: u64,
}

/// Who or what is spoken of, within one source. Everything is optional but the segment: a frame without IP has only a MAC, a DNS answer
/// speaks of an IP alone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Subject {
    /// The address space.
    pub segment: Segment,
    /// The MAC address of the frame, or the one that the PDU names. Behind a router it is the router's.
    pub mac: Option<Mac>,
    /// The innermost IP address.
    pub ip: Option<IpAddr>,
    /// The service, where what was said belongs to one.
    pub endpoint: Option<Endpoint>,
    /// The way to a nested part; empty for the device itself. At most [`Subject::PATH_MAX`] steps.
    pub path: Vec<PathStep>,
}

impl Subject {
    /// CIP routes and BACnet networks nest two or three deep in real plants; more is an attempt to fill memory.
    pub const PATH_MAX: usize = 8;

    /// A subject known by its MAC address alone.
    #[must_use]
    pub fn of_mac(segment: Segment, mac: Mac) -> Self {
        Self { segment, mac: Some(mac), ..Self::default() }
    }

    /// A subject known by its IP address alone.
    #[must_use]
    pub fn of_ip(segment: Segment, ip: IpAddr) -> Self {
        Self { segment, ip: Some(ip), ..Self::default() }
    }

    /// The same host without service and path.
    #[must_use]
    pub fn host(&self) -> Self {
        Self { endpoint: None, path: Vec::new(), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_a_code_and_no_two_have_one() {
        let codes: std::collections::BTreeSet<u8> = STEP_KINDS.iter().map(|row| row.1).collect();
        assert_eq!(codes.len(), STEP_KINDS.len());
    }
}
