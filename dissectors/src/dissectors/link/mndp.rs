//! MNDP: MikroTik's neighbour discovery: what a router or access point is, on every link, to everybody.
//!
//! Spec: MikroTik documentation, "Neighbor discovery"; types of fields as Wireshark names them.
//! Tells us: MAC and IP addresses, name, version, platform, board, licence, interface, time since start.
//! Does not tell: a serial number.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use crate::tlv::{Elements, hash};
use observations::{Field, Kind, Mac, OperationClass, Value};
use std::net::{Ipv4Addr, Ipv6Addr};

pub(crate) struct Mndp;

const PORT: u16 = 5678;
/// Header and sequence number, two bytes each.
const HEADER: usize = 4;
const MAC_ADDRESS: u64 = 1;
const IDENTITY: u64 = 5;
const VERSION: u64 = 7;
const PLATFORM: u64 = 8;
const UPTIME: u64 = 10;
const SOFTWARE_ID: u64 = 11;
const BOARD: u64 = 12;
const IPV6: u64 = 15;
const INTERFACE: u64 = 16;
const IPV4: u64 = 17;
const TYPE_MAX: u64 = 30;
/// An announcement has a dozen.
const FIELDS_MAX: usize = 32;

impl Dissector for Mndp {
    type State = ();

    const ROW: Row = Row {
        name: "mndp",
        revision: 1,
        spec: "MikroTik Neighbor Discovery Protocol",
        tells: "name, version, platform, board, addresses of MikroTik devices",
        bindings: &[Binding::Udp(PORT)],
        shapes: &[],
        operations: &[("request", OperationClass::Diagnose), ("announcement", OperationClass::Session)],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        // A request is nothing but a header.
        if head == [0; HEADER] || head == [0; 9] {
            return Gate::Mine;
        }
        let mut fields = Elements::<2>::of(head.get(HEADER..).unwrap_or_default());
        let known = fields
            .by_ref()
            .take(FIELDS_MAX)
            .all(|(kind, value)| (MAC_ADDRESS..=TYPE_MAX).contains(&kind) && (kind != MAC_ADDRESS || value.len() == 6));
        let whole = fields.rest().is_empty() || head.len() >= crate::engine::GATE_BYTES;
        if known && whole && head.len() > HEADER + 4 { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        // Sequence and uptime are new in each; names and versions are not.
        let fields = Elements::<2>::of(head.get(HEADER..).unwrap_or_default()).take(FIELDS_MAX).filter(|(kind, _)| *kind != UPTIME);
        let key = fields.fold(0, |key: u32, (_, value)| key.rotate_left(5) ^ hash(value));
        Glance { operation: Some(u16::from(head.len() > 9)), look: Look::Once(key), inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let about = cx.sender_host();
        let mut fields = Elements::<2>::of(pdu.get(HEADER..).unwrap_or_default());
        let mut saying = cx.say(&about, Kind::Identity);
        for (kind, value) in fields.by_ref().take(FIELDS_MAX) {
            saying = match (kind, value) {
                (MAC_ADDRESS, &[a, b, c, d, e, f]) => saying.mac(Field::MacAddress, Mac([a, b, c, d, e, f]), value),
                (IDENTITY, value) => saying.trimmed(Field::SystemName, value),
                (VERSION, value) => saying.trimmed(Field::SoftwareVersion, value),
                (PLATFORM, value) => saying.trimmed(Field::VendorName, value),
                (SOFTWARE_ID, value) => saying.trimmed(Field::SoftwareId, value),
                (BOARD, value) => saying.trimmed(Field::ModelName, value),
                (INTERFACE, value) => saying.trimmed(Field::InterfaceName, value),
                (IPV4, &[a, b, c, d]) if value != [0; 4] => saying.ip(Field::Ipv4Address, Ipv4Addr::new(a, b, c, d).into(), value),
                (IPV6, value) if value.len() == 16 && value != [0; 16] => match value.first_chunk::<16>() {
                    Some(address) => saying.ip(Field::Ipv6Address, Ipv6Addr::from(*address).into(), value),
                    None => saying,
                },
                _ => saying,
            };
        }
        drop(saying);
        let uptime = Elements::<2>::of(pdu.get(HEADER..).unwrap_or_default()).find(|(kind, value)| *kind == UPTIME && value.len() == 4);
        if let Some((_, value)) = uptime {
            let seconds = value.first_chunk::<4>().copied().map(u32::from_le_bytes).unwrap_or_default();
            cx.say(&about, Kind::State).decoded(Field::UptimeSeconds, &Value::Number(seconds.into()), value, "u32-le");
        }
        if fields.rest().is_empty() { Ok(Next::Watch) } else { Err(DissectError::Truncated { needed: 1 }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};
    use observations::Transport;

    fn announcement() -> Vec<u8> {
        let mut packet = vec![0, 0, 0, 7];
        for (kind, value) in [
            (1u8, &[0x4c, 0x5e, 0x0c, 1, 2, 3][..]),
            (5, b"gate-north"),
            (7, b"6.49.10 (long-term)"),
            (8, b"MikroTik"),
            (10, &[0x10, 0x0e, 0, 0]),
            (12, b"RB750Gr3"),
            (17, &[10, 0, 0, 1]),
        ] {
            packet.extend([0, kind, 0, u8::try_from(value.len()).unwrap()]);
            packet.extend_from_slice(value);
        }
        packet
    }

    #[test]
    fn a_router_says_what_it_is() {
        let said = payload(&Mndp, Transport::Udp, PORT, PORT, &announcement());
        assert_eq!(field(&said, Kind::Identity, Field::SystemName), ["gate-north"]);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["RB750Gr3"]);
        assert_eq!(field(&said, Kind::Identity, Field::SoftwareVersion), ["6.49.10 (long-term)"]);
        assert_eq!(field(&said, Kind::Identity, Field::Ipv4Address), ["10.0.0.1"]);
        assert_eq!(field(&said, Kind::State, Field::UptimeSeconds), ["3600"]);
    }

    #[test]
    fn a_field_that_is_cut_keeps_those_before_and_strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &[1; 40], &announcement()[..30]] {
            assert_eq!(gate(&Mndp, stranger, PORT), Gate::NotMine);
        }
        assert_eq!(gate(&Mndp, &[0; 4], PORT), Gate::Mine);
    }
}
