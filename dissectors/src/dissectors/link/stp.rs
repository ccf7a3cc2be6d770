//! Spanning tree: which bridge a port belongs to, and which bridge is root.
//!
//! Spec: IEEE 802.1D-2004 section 9.3, IEEE 802.1Q-2018 section 14 (MST); PVST+ carries the same under SNAP, with a VLAN behind it.
//! Tells us: the bridge's MAC address beside its port's, the root, the version.
//! Does not tell: make or model. A topology change notification names nobody.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use crate::tlv::number;
use nom::bytes::take;
use nom::{IResult, Parser};
use observations::{Field, Kind, Mac, OperationClass};

pub(crate) struct Stp;

/// §9.3.2 and §9.3.3: BPDU types.
const CONFIGURATION: u8 = 0;
const RAPID: u8 = 2;
const TOPOLOGY_CHANGE: u8 = 0x80;
/// §9.3.1: a configuration BPDU's length, protocol identifier to forward delay.
const CONFIGURATION_LENGTH: usize = 35;
/// §9.3.4: protocol versions.
const VERSION_RAPID: u8 = 2;
const VERSION_MULTIPLE: u8 = 3;
/// 802.1Q §14.4, figure 14-1: where the bridge's own identifier stands in an MST BPDU; the one before is the regional root's.
const MULTIPLE_BRIDGE: usize = 93;
/// PVST+: behind the BPDU and a byte of padding stands type 0, length 2, VLAN.
const PVST_VLAN: usize = 36;

impl Dissector for Stp {
    type State = ();

    const ROW: Row = Row {
        name: "stp",
        revision: 1,
        spec: "IEEE 802.1D-2004, IEEE 802.1Q-2018",
        tells: "bridges and their ports, the root bridge",
        bindings: &[Binding::Llc(0x4242), Binding::Snap([0, 0, 0x0c], 0x010b)],
        shapes: &[],
        operations: &[("configuration", OperationClass::Session), ("rapid", OperationClass::Session), ("topology_change", OperationClass::Session)],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        match head {
            [0, 0, _, TOPOLOGY_CHANGE, ..] => Gate::Mine,
            [0, 0, _, CONFIGURATION | RAPID, ..] if head.len() >= CONFIGURATION_LENGTH => Gate::Mine,
            _ => Gate::NotMine,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let operation = match head.get(3) {
            Some(&CONFIGURATION) => 0,
            Some(&RAPID) => 1,
            _ => 2,
        };
        Glance { operation: Some(operation), look: Look::Always, inner: None }
    }

    fn read(&self, pdu: &[u8], _: &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if pdu.get(3) == Some(&TOPOLOGY_CHANGE) {
            return Ok(Next::Read);
        }
        let (_, bpdu) = bpdu(pdu)?;
        let multiple = bpdu.version >= VERSION_MULTIPLE && bpdu.kind == RAPID;
        let bridge = if multiple {
            let needed = MULTIPLE_BRIDGE + 8;
            pdu.get(MULTIPLE_BRIDGE..needed).ok_or(DissectError::Truncated { needed: needed.saturating_sub(pdu.len()) })?
        } else {
            bpdu.bridge
        };
        let card = bridge.get(2..).unwrap_or_default();
        let mac = <[u8; 6]>::try_from(card).ok().map(Mac).filter(|mac| mac.is_device());
        let Some(mac) = mac else { return Err(DissectError::Malformed { rule: "bridge identifier", offset: 17 }) };
        let about = cx.sender_host();
        // §7.12.5: the identifier holds an address of the bridge; the frame's source is an address of its port: one box.
        cx.say(&about, Kind::Binding).mac(Field::MacAddress, mac, card);
        let saying = cx.say(&about, Kind::Topology).number(Field::ProtocolVersion, u64::from(bpdu.version), bpdu.version_byte);
        let saying = saying.bytes(Field::RootBridge, bpdu.root).bytes(Field::BridgeId, bridge).number(Field::PortId, number(bpdu.port), bpdu.port);
        match pdu.get(PVST_VLAN..PVST_VLAN + 6) {
            Some([0, 0, 0, 2, vlan @ ..]) if bpdu.version <= VERSION_RAPID => drop(saying.number(Field::VlanId, number(vlan), vlan)),
            _ => drop(saying),
        }
        Ok(Next::Read)
    }
}

/// §9.3.1, figure 9-1.
struct Bpdu<'a> {
    version: u8,
    version_byte: &'a [u8],
    kind: u8,
    root: &'a [u8],
    bridge: &'a [u8],
    port: &'a [u8],
}

fn bpdu(i: &[u8]) -> IResult<&[u8], Bpdu<'_>> {
    let (i, _protocol) = take(2usize).parse(i)?;
    let (i, (version_byte, kind, _flags)) = (take(1usize), take(1usize), take(1usize)).parse(i)?;
    let (i, (root, _cost)) = (take(8usize), take(4usize)).parse(i)?;
    let (i, (bridge, port)) = (take(8usize), take(2usize)).parse(i)?;
    let byte = |slice: &[u8]| slice.first().copied().unwrap_or(0);
    Ok((i, Bpdu { version: byte(version_byte), version_byte, kind: byte(kind), root, bridge, port }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, read_frame};

    const RAPID_FRAME: &[u8] = &[
        0x01, 0x80, 0xc2, 0, 0, 0, // bridge group address
        0x00, 0x0e, 0x8c, 0x01, 0x02, 0x05, // the port
        0, 39, 0x42, 0x42, 3, // 802.3 length, LLC
        0, 0, 2, 2, 0x7c, // protocol, version, type, flags
        0x10, 0x00, 0x00, 0x1b, 0x1b, 0x0a, 0x00, 0x01, // root
        0, 0, 0x4e, 0x20, // cost
        0x80, 0x00, 0x00, 0x0e, 0x8c, 0x01, 0x02, 0x00, // bridge
        0x80, 0x05, // port
        1, 0, 20, 0, 2, 0, 15, 0, // times
        0, // version 1 length
    ];

    #[test]
    fn a_port_is_bound_to_its_bridge_and_the_root_is_named() {
        let said = read_frame(&Stp, RAPID_FRAME);
        assert_eq!(field(&said, Kind::Binding, Field::MacAddress), ["00:0e:8c:01:02:00"]);
        assert_eq!(field(&said, Kind::Topology, Field::RootBridge), ["1000001b1b0a0001"]);
        assert_eq!(field(&said, Kind::Topology, Field::BridgeId), ["8000000e8c010200"]);
        assert_eq!(field(&said, Kind::Topology, Field::ProtocolVersion), ["2"]);
    }

    #[test]
    fn a_region_s_root_is_not_taken_for_the_bridge() {
        let mut frame = RAPID_FRAME.to_vec();
        frame[19] = VERSION_MULTIPLE;
        frame.extend([0, 64]); // version 3 length
        frame.extend([0; 51 + 4]); // configuration identifier, internal cost
        frame.extend([0x80, 0, 0, 0x0e, 0x8c, 0x01, 0x02, 0x77, 20]); // bridge, hops
        let said = read_frame(&Stp, &frame);
        assert_eq!(field(&said, Kind::Topology, Field::BridgeId), ["8000000e8c010277"]);
        assert!(field(&read_frame(&Stp, &frame[..frame.len() - 4]), Kind::Topology, Field::BridgeId).is_empty());
    }

    #[test]
    fn pvst_tells_its_vlan() {
        let mut frame = RAPID_FRAME[..12].to_vec();
        frame.extend([0, 50, 0xaa, 0xaa, 3, 0, 0, 0x0c, 1, 0x0b]);
        frame.extend(&RAPID_FRAME[17..]);
        frame.extend([0, 0, 0, 2, 0, 77]);
        assert_eq!(field(&read_frame(&Stp, &frame), Kind::Topology, Field::VlanId), ["77"]);
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 20], &[0, 0, 0, 0], &[0x16, 3, 1, 0, 5, 1]] {
            assert_eq!(gate(&Stp, stranger, 0), Gate::NotMine);
        }
    }
}
