//! ARP: which MAC address an IPv4 address is at.
//!
//! Spec: RFC 826; probes and announcements RFC 5227.
//! Tells us: the sender's MAC and IPv4 address together; whom it asks for.
//! Does not tell: whether the sender is honest; anything of the target, which only answers for itself.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use nom::bytes::take;
use nom::number::be_u16;
use nom::{IResult, Parser};
use observations::{Field, Kind, Mac, OperationClass};
use std::net::Ipv4Addr;

pub(crate) struct Arp;

/// Hardware type Ethernet, protocol IPv4, address lengths 6 and 4.
const ETHERNET_IPV4: [u8; 6] = [0, 1, 0x08, 0x00, 6, 4];
const REQUEST: u16 = 1;
const REPLY: u16 = 2;

impl Dissector for Arp {
    type State = ();

    const ROW: Row = Row {
        name: "arp",
        revision: 1,
        spec: "RFC 826, RFC 5227",
        tells: "MAC and IPv4 address together; whom a host asks for",
        bindings: &[Binding::EtherType(0x0806)],
        shapes: &[],
        operations: &[("request", OperationClass::Session), ("reply", OperationClass::Session)],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        match head.get(..8) {
            Some([kind @ .., 0, 1 | 2]) if *kind == ETHERNET_IPV4 => Gate::Mine,
            _ => Gate::NotMine,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let operation = if head.get(7) == Some(&1) { 0 } else { 1 };
        Glance { operation: Some(operation), look: Look::Always, inner: None }
    }

    fn read(&self, pdu: &[u8], _: &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (_, arp) = packet(pdu)?;
        let sender = Mac(mac(arp.sender_hardware));
        let ip = Ipv4Addr::from(ip(arp.sender_protocol));
        let target = Ipv4Addr::from(self::ip(arp.target_protocol));
        // A probe (sender 0.0.0.0, RFC 5227 §1.1) asks whether an address is free: it binds nothing.
        if sender.is_device() && !ip.is_unspecified() {
            let about = cx.by_mac_and_ip(sender, ip.into());
            cx.say(&about, Kind::Binding).mac(Field::MacAddress, sender, arp.sender_hardware).ip(Field::Ipv4Address, ip.into(), arp.sender_protocol);
        }
        if arp.operation == REQUEST && target != ip && !target.is_unspecified() {
            let about = cx.by_ip(target.into());
            cx.say(&about, Kind::Request).ip(Field::Ipv4Address, target.into(), arp.target_protocol);
        }
        if arp.operation == REPLY || arp.operation == REQUEST {
            Ok(Next::Read)
        } else {
            Err(DissectError::Malformed { rule: "operation", offset: 6 })
        }
    }
}

/// RFC 826, "Packet format".
struct Packet<'a> {
    operation: u16,
    sender_hardware: &'a [u8],
    sender_protocol: &'a [u8],
    target_protocol: &'a [u8],
}

fn packet(i: &[u8]) -> IResult<&[u8], Packet<'_>> {
    let (i, _kind) = take(6usize).parse(i)?;
    let (i, operation) = be_u16().parse(i)?;
    let (i, (sender_hardware, sender_protocol)) = (take(6usize), take(4usize)).parse(i)?;
    let (i, (_target_hardware, target_protocol)) = (take(6usize), take(4usize)).parse(i)?;
    Ok((i, Packet { operation, sender_hardware, sender_protocol, target_protocol }))
}

fn mac(bytes: &[u8]) -> [u8; 6] {
    bytes.first_chunk().copied().unwrap_or_default()
}

fn ip(bytes: &[u8]) -> [u8; 4] {
    bytes.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, read_frame};

    const REQUEST_FRAME: &[u8] = &[
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // destination
        0x00, 0x80, 0xf4, 0x0a, 0x00, 0x11, // source
        0x08, 0x06, // EtherType
        0x00, 0x01, 0x08, 0x00, 6, 4, // Ethernet, IPv4
        0x00, 0x01, // request
        0x00, 0x80, 0xf4, 0x0a, 0x00, 0x11, // sender hardware address
        10, 77, 0, 11, // sender protocol address
        0, 0, 0, 0, 0, 0, // target hardware address
        10, 77, 0, 20, // target protocol address
    ];

    #[test]
    fn a_request_binds_its_sender_and_names_whom_it_asks_for() {
        let said = read_frame(&Arp, REQUEST_FRAME);
        assert_eq!(field(&said, Kind::Binding, Field::MacAddress), ["00:80:f4:0a:00:11"]);
        assert_eq!(field(&said, Kind::Binding, Field::Ipv4Address), ["10.77.0.11"]);
        assert_eq!(field(&said, Kind::Request, Field::Ipv4Address), ["10.77.0.20"]);
    }

    #[test]
    fn a_probe_binds_nothing() {
        let mut probe = REQUEST_FRAME.to_vec();
        probe[28..32].fill(0);
        let said = read_frame(&Arp, &probe);
        assert!(field(&said, Kind::Binding, Field::Ipv4Address).is_empty());
        assert_eq!(field(&said, Kind::Request, Field::Ipv4Address), ["10.77.0.20"]);
    }
}
