//! Class and type from the bits in which a device says what it does: capabilities of LLDP and CDP, MED device class, PROFINET role,
//! the server type of browser announcements; and from what only a bridge, a router or a device of a substation sends.
//!
//! A bit is a word, not a nameplate: hosts with virtual switches bridge, laptops have wireless cards, and field devices with two ports
//! forward frames. So what the bits say is an inference, and combinations that several kinds of box show claim a class only, or nothing.

use crate::claim::{Attribute, Claim, Class};
use observations::{Field, Kind, Statement, ValueRef};
use std::net::IpAddr;

/// What is inferred: class, type (empty: none), confidence, the rule's name.
type Inferred = (&'static str, &'static str, u8, &'static str);

/// IEEE 802.1AB §8.5.8.1, table 8-4.
mod lldp {
    pub(super) const REPEATER: u64 = 1 << 1;
    pub(super) const BRIDGE: u64 = 1 << 2;
    pub(super) const WLAN: u64 = 1 << 3;
    pub(super) const ROUTER: u64 = 1 << 4;
    pub(super) const TELEPHONE: u64 = 1 << 5;
    pub(super) const DOCSIS: u64 = 1 << 6;
    pub(super) const STATION: u64 = 1 << 7;
    pub(super) const VLAN_BRIDGE: u64 = 1 << 8 | 1 << 9;
}

/// CDP capabilities, as Cisco documents them for the CISCO-CDP-MIB (cdpCacheCapabilities).
mod cdp {
    pub(super) const ROUTER: u64 = 1;
    pub(super) const BRIDGE: u64 = 1 << 1 | 1 << 2;
    pub(super) const SWITCH: u64 = 1 << 3;
    pub(super) const REPEATER: u64 = 1 << 6;
    pub(super) const PHONE: u64 = 1 << 7;
}

/// MS-BRWS §2.2.1 and MS-RAP: bits of the server type.
mod browser {
    pub(super) const CONTROLLER: u64 = 0x08 | 0x10;
    pub(super) const UNIX: u64 = 0x800;
    pub(super) const NT: u64 = 0x1000;
    pub(super) const SERVER_NT: u64 = 0x8000;
}

/// Whether a field, or a statement of this kind by itself, can say so.
pub(crate) const fn reads(field: Field) -> bool {
    matches!(
        field,
        Field::Capabilities
            | Field::MedDeviceClass
            | Field::ProfinetRole
            | Field::NodeId
            | Field::EtherCatVendorId
            | Field::HartDeviceType
            | Field::DeviceTypeNumber
            | Field::BrowserServerType
    )
}

/// Whether a statement says so by being there.
pub(crate) fn is_telling(said: &Statement<'_>) -> bool {
    let publishes = said.kind == Kind::Identity && matches!(said.protocol, "goose" | "sv");
    let leases = said.kind == Kind::Service && said.protocol == "dhcp";
    matches!(said.kind, Kind::Topology | Kind::Router) || publishes || leases || said.kind == Kind::Binding && is_container(said)
}

/// Claims from what a device says that it does.
pub fn claims<'a>(said: &Statement<'a>, claims: &mut Vec<Claim<'a>>) {
    if !said.of_itself() {
        return;
    }
    let mut add = |index: Option<usize>, (class, kind, confidence, rule): Inferred| {
        for (attribute, value) in [(Attribute::Class, class), (Attribute::Type, kind)] {
            if !value.is_empty() {
                let confidence = confidence.min(Class::Inferred.most());
                claims.push(Claim { attribute, value: value.into(), class: Class::Inferred, confidence, rule: rule.into(), field: index });
            }
        }
    };
    for (index, one) in said.fields.iter().enumerate().filter(|(_, one)| reads(one.field)) {
        if let Some(inferred) = one.value.number().and_then(|bits| inferred(said, one.field, bits)) {
            add(Some(index), inferred);
        }
    }
    let place = |field| said.fields.iter().position(|one| one.field == field);
    match (said.kind, said.protocol) {
        (Kind::Topology, "stp") => {
            if let Some(bridge) = place(Field::BridgeId) {
                add(Some(bridge), ("network", "switch", 55, "capability:sends-bpdu"));
            }
        }
        (Kind::Identity, "goose") => add(published(said), ("controller", "ied", 55, "capability:publishes-goose")),
        (Kind::Identity, "sv") => add(published(said), ("field-device", "merging-unit", 55, "capability:publishes-sampled-values")),
        (Kind::Topology, "ptp") if is_grandmaster(said) => {
            add(place(Field::GrandmasterIdentity), ("infrastructure", "clock", 60, "capability:ptp-grandmaster"));
        }
        (Kind::Binding, _) if is_container(said) => add(None, ("", "container", 65, "capability:mac-made-of-address")),
        // RFC 1542 §4.1: who hands on what clients send to everybody stands between networks.
        (Kind::Service, "dhcp") if said.get(Field::RelayAddress).is_some() => {
            add(place(Field::RelayAddress), ("network", "router", 60, "capability:relays-dhcp"));
        }
        (Kind::Service, "dhcp") if is_gateway(said) => {
            add(place(Field::Gateway), ("network", "router", 64, "capability:leases-and-is-the-gateway"));
        }
        (Kind::Router, _) => add(None, ("network", "router", 60, "capability:announces-itself-as-router")),
        _ => {}
    }
}

/// What names a stream of IEC 61850: protection and control devices and merging units publish, and their simulators.
fn published(said: &Statement<'_>) -> Option<usize> {
    said.fields.iter().position(|said| matches!(said.field, Field::GooseControlBlock | Field::SvId))
}

/// RFC 2132 §3.5 and §9.7: who leases addresses and names itself as the router.
fn is_gateway(said: &Statement<'_>) -> bool {
    said.get(Field::ServerId).is_some_and(|server| said.all(Field::Gateway).any(|gateway| gateway == server))
}

/// IEEE 1588 §13.5: a clock that announces itself, of a class that only clocks with a reference of their own have (§7.6.2.5, classes 6
/// and 7; 13 and 14 in a scale of their own). Any other device may be elected where there is none.
fn is_grandmaster(said: &Statement<'_>) -> bool {
    let class = said.get(Field::ClockClass).and_then(ValueRef::number);
    said.get(Field::ClockIdentity) == said.get(Field::GrandmasterIdentity) && matches!(class, Some(6 | 7 | 13 | 14))
}

/// Docker gives a container on its own bridge a MAC address made of 02:42 and the IPv4 address.
fn is_container(said: &Statement<'_>) -> bool {
    match (said.about.mac, said.about.ip) {
        (Some(mac), Some(IpAddr::V4(ip))) => mac.0[..2] == [0x02, 0x42] && mac.0[2..] == ip.octets(),
        _ => false,
    }
}

fn inferred(said: &Statement<'_>, field: Field, bits: u64) -> Option<Inferred> {
    match (said.protocol, field) {
        ("lldp", Field::Capabilities) => of_lldp(bits, said),
        ("cdp", Field::Capabilities) => of_cdp(bits),
        // ANSI/TIA-1057 §10.2.2.2: class III endpoints are communication devices, class 4 is network connectivity.
        (_, Field::MedDeviceClass) if bits == 3 => Some(("office", "phone", 65, "capability:med-class-3")),
        (_, Field::MedDeviceClass) if bits == 4 => Some(("network", "", 60, "capability:med-network-connectivity")),
        // IEC 61158-6-10, DeviceRoleDetails: IO device 1, IO controller 2, supervisor 8.
        (_, Field::ProfinetRole) if bits & 2 != 0 => Some(("controller", "plc", 60, "capability:profinet-controller")),
        (_, Field::ProfinetRole) if bits & 8 != 0 => Some(("operator-station", "engineering-station", 55, "capability:profinet-supervisor")),
        (_, Field::ProfinetRole) if bits & 1 != 0 => Some(("field-device", "", 60, "capability:profinet-device")),
        // EPSG DS 301 section 4.5: the managing node is 240, controlled nodes are 1 to 239.
        ("epl", Field::NodeId) if bits == 240 => Some(("controller", "", 60, "capability:powerlink-managing-node")),
        ("epl", Field::NodeId) if (1..240).contains(&bits) => Some(("field-device", "", 55, "capability:powerlink-controlled-node")),
        // Object 1000h of CiA 301: the low half is the device profile; CiA 401 is of inputs and outputs, CiA 402 of drives.
        ("epl", Field::DeviceTypeNumber) if bits & 0xffff == 401 => Some(("field-device", "io-device", 60, "capability:cia-401")),
        ("epl", Field::DeviceTypeNumber) if bits & 0xffff == 402 => Some(("field-device", "drive", 60, "capability:cia-402")),
        // What has an identity in a slave's memory is a slave; what answers HART's command 0 is a field device or stands before some.
        ("ecat", Field::EtherCatVendorId) => Some(("field-device", "", 55, "capability:ethercat-slave")),
        ("hart_ip", Field::HartDeviceType) => Some(("field-device", "", 55, "capability:hart-device")),
        (_, Field::BrowserServerType) => of_browser(bits),
        _ => None,
    }
}

fn of_lldp(bits: u64, said: &Statement<'_>) -> Option<Inferred> {
    let has = |mask: u64| bits & mask != 0;
    // Two-port field devices bridge, and hosts that say "station" beside it run a virtual switch.
    let not_its_work = [Field::StationName, Field::StationAlias].iter().any(|field| said.get(*field).is_some()) || has(lldp::STATION);
    if has(lldp::TELEPHONE) {
        return Some(("office", "phone", 70, "capability:lldp-telephone"));
    }
    if has(lldp::DOCSIS) {
        return Some(("network", "", 60, "capability:lldp-cable-modem"));
    }
    if not_its_work {
        return None;
    }
    let bridge = has(lldp::BRIDGE | lldp::VLAN_BRIDGE);
    match (bridge, has(lldp::ROUTER), has(lldp::WLAN)) {
        (true, false, true) => Some(("network", "access-point", 55, "capability:lldp-bridge-and-wlan")),
        (true, false, false) => Some(("network", "switch", 60, "capability:lldp-bridge")),
        // Layer 3 switches, routers with switch ports and hosts of virtual machines all show both.
        (true, true, _) => Some(("network", "", 60, "capability:lldp-bridge-and-router")),
        (false, true, _) => Some(("network", "router", 60, "capability:lldp-router")),
        (false, false, true) => None,
        (false, false, false) => has(lldp::REPEATER).then_some(("network", "", 55, "capability:lldp-repeater")),
    }
}

const fn of_cdp(bits: u64) -> Option<Inferred> {
    if bits & cdp::PHONE != 0 {
        Some(("office", "phone", 70, "capability:cdp-phone"))
    } else if bits & cdp::SWITCH != 0 {
        Some(("network", "switch", 65, "capability:cdp-switch"))
    } else if bits & cdp::BRIDGE != 0 {
        Some(("network", "", 60, "capability:cdp-bridge"))
    } else if bits & cdp::ROUTER != 0 {
        Some(("network", "router", 65, "capability:cdp-router"))
    } else if bits & cdp::REPEATER != 0 {
        Some(("network", "", 55, "capability:cdp-repeater"))
    } else {
        None
    }
}

/// Samba sets the bit of Unix; what runs it may be anything. A Windows PC in a plant may be an operator's station: only its type is told.
const fn of_browser(bits: u64) -> Option<Inferred> {
    if bits & browser::UNIX != 0 {
        None
    } else if bits & browser::CONTROLLER != 0 {
        Some(("server", "server", 65, "capability:browser-domain-controller"))
    } else if bits & browser::SERVER_NT != 0 {
        Some(("server", "server", 60, "capability:browser-server"))
    } else if bits & browser::NT != 0 {
        Some(("", "workstation", 55, "capability:browser-workstation"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{said, text};
    use observations::{Observation, Value};

    fn values(said: &Observation) -> Vec<String> {
        let mut found = Vec::new();
        claims(&said.statement(), &mut found);
        found.into_iter().map(|claim| claim.value.into_owned()).collect()
    }

    fn told(protocol: &str, kind: Kind, fields: &[(Field, Value)]) -> Vec<String> {
        values(&said(protocol, kind, fields))
    }

    fn lldp(bits: u64) -> Vec<String> {
        told("lldp", Kind::Identity, &[(Field::Capabilities, Value::Number(bits))])
    }

    #[test]
    fn a_bridge_is_a_switch_unless_it_is_more_or_says_that_it_is_a_station() {
        assert_eq!(lldp(0x0004), ["network", "switch"]);
        assert_eq!(lldp(0x0014), ["network"]);
        assert_eq!(lldp(0x0010), ["network", "router"]);
        assert_eq!(lldp(0x000c), ["network", "access-point"]);
        assert!(lldp(0x0084).is_empty());
        assert!(lldp(0x0080).is_empty());
        assert!(lldp(0x0008).is_empty());
    }

    #[test]
    fn a_phone_with_a_port_for_a_computer_is_a_phone() {
        assert_eq!(lldp(0x0024), ["office", "phone"]);
        assert_eq!(told("cdp", Kind::Identity, &[(Field::Capabilities, Value::Number(0x490))]), ["office", "phone"]);
    }

    #[test]
    fn a_profinet_device_with_two_ports_is_no_switch() {
        let fields = [(Field::StationName, text("et200-1")), (Field::Capabilities, Value::Number(0x0004))];
        assert!(told("lldp", Kind::Identity, &fields).is_empty());
    }

    #[test]
    fn cdp_switches_route_too() {
        assert_eq!(told("cdp", Kind::Identity, &[(Field::Capabilities, Value::Number(0x29))]), ["network", "switch"]);
        assert_eq!(told("cdp", Kind::Identity, &[(Field::Capabilities, Value::Number(0x01))]), ["network", "router"]);
        assert!(told("cdp", Kind::Identity, &[(Field::Capabilities, Value::Number(0x10))]).is_empty());
    }

    #[test]
    fn profinet_roles_tell_controllers_from_devices() {
        let role = |bits| told("pn_dcp", Kind::Identity, &[(Field::ProfinetRole, Value::Number(bits))]);
        assert_eq!(role(1), ["field-device"]);
        assert_eq!(role(3), ["controller", "plc"]);
        assert_eq!(role(8), ["operator-station", "engineering-station"]);
        assert!(role(0).is_empty());
    }

    #[test]
    fn a_profile_of_a_fieldbus_tells_drives_from_inputs_and_outputs() {
        let node = |number| told("epl", Kind::Identity, &[(Field::DeviceTypeNumber, Value::Number(number))]);
        assert_eq!(node(0x0002_0192), ["field-device", "drive"]);
        assert_eq!(node(0x000f_0191), ["field-device", "io-device"]);
        assert!(node(0).is_empty());
    }

    #[test]
    fn samba_says_nothing_of_its_box() {
        let host = |bits| told("browser", Kind::Identity, &[(Field::BrowserServerType, Value::Number(bits))]);
        assert_eq!(host(0x0001_1003), ["workstation"]);
        assert_eq!(host(0x0000_9003), ["server", "server"]);
        assert!(host(0x0081_9a03).is_empty());
    }

    #[test]
    fn who_sends_bpdus_bridges_and_who_announces_itself_routes() {
        let bridge = (Field::BridgeId, Value::Bytes(vec![0x80, 0, 0, 1, 2, 3, 4, 5]));
        assert_eq!(told("stp", Kind::Topology, std::slice::from_ref(&bridge)), ["network", "switch"]);
        assert!(told("stp", Kind::Binding, &[bridge]).is_empty());
        assert_eq!(told("icmpv6", Kind::Router, &[]), ["network", "router"]);
    }

    #[test]
    fn a_mac_that_is_made_of_the_address_is_a_containers() {
        let mut binding = said("arp", Kind::Binding, &[]);
        assert!(values(&binding).is_empty());
        binding.about.mac = "02:42:0a:00:00:02".parse().ok();
        binding.speaker.mac = binding.about.mac;
        assert_eq!(values(&binding), ["container"]);
    }

    #[test]
    fn what_is_said_of_another_is_no_bit_of_ones_own() {
        let mut report = said("lldp", Kind::Neighbor, &[(Field::Capabilities, Value::Number(4))]);
        report.about.mac = "00:80:f4:01:02:09".parse().ok();
        report.about.ip = None;
        assert!(values(&report).is_empty());
    }
}
