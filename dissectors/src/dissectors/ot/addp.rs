//! ADDP, the search for Digi devices: what they are and where, and who sets their addresses.
//!
//! Spec: no public one. Packet and field types as C. Gysin's libaddp documents them (`packet.h`, `field.h`), as Q. Beukes' notes of 2009 have them too.
//! Tells us: MAC and IP address, name, hardware type and revision, firmware, number of serial ports; new addresses, restarts.
//! Does not tell: which devices are on the serial ports.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::tlv::Elements;
use observations::{Field, Kind, Mac, OperationClass, Transport, Value};
use std::net::Ipv4Addr;

pub(crate) struct Addp;

const PORT: u16 = 2362;
/// The protocol's own, and those of makers that took it over.
const MAGICS: [[u8; 4]; 3] = [*b"DIGI", *b"DVKT", *b"DGDP"];
/// Magic, type (2), length of the rest (2).
const HEADER: usize = 8;

/// Types of packets: requests are odd, answers follow them.
const DISCOVERED: u16 = 2;
const SET_ADDRESS: u16 = 3;
const REBOOT: u16 = 5;
const SET_DHCP: u16 = 7;
const TYPE_MAX: u16 = 8;

/// Types of fields.
const MAC_ADDRESS: u64 = 0x01;
const IP_ADDRESS: u64 = 0x02;
const DOMAIN: u64 = 0x05;
const HARDWARE_TYPE: u64 = 0x06;
const HARDWARE_REVISION: u64 = 0x07;
const FIRMWARE: u64 = 0x08;
const DEVICE_NAME: u64 = 0x0d;
/// An answer has a dozen fields.
const FIELDS_MAX: usize = 64;

impl Dissector for Addp {
    type State = ();

    const ROW: Row = Row {
        name: "addp",
        revision: 1,
        spec: "C. Gysin, libaddp",
        tells: "MAC and IP address, name, hardware, firmware of Digi devices; addresses that are set, restarts",
        bindings: &[Binding::Udp(PORT)],
        shapes: &[Shape {
            over: Transport::Udp,
            bytes: &[(0, 0xff, b'D'), (1, 0xff, b'I'), (2, 0xff, b'G'), (3, 0xff, b'I'), (4, 0xff, 0), (5, 0xf0, 0)],
            min: HEADER,
            max: usize::MAX,
        }],
        operations: &[
            ("discover", OperationClass::Diagnose),
            ("set_static_address", OperationClass::Configure),
            ("reboot", OperationClass::Control),
            ("set_dhcp", OperationClass::Configure),
        ],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some((kind, length, body)) = packet(head) else { return Gate::NotMine };
        let whole = body.len() == length || head.len() >= crate::engine::GATE_BYTES && length > body.len();
        if whole && (1..=TYPE_MAX).contains(&kind) { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match packet(head) {
            Some((kind, ..)) if kind % 2 == 1 => Side::Client,
            Some(_) => Side::Server,
            None => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let operation = packet(head).map(|packet| packet.0).filter(|kind| kind % 2 == 1).map(|kind| kind / 2);
        Glance { operation, look: Look::Always, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some((kind, length, body)) = packet(pdu) else { return Err(DissectError::NotMine) };
        let body = body.get(..length).unwrap_or(body);
        match kind {
            DISCOVERED => discovered(body, cx)?,
            // Address, mask, router (4 each) and MAC address (6); MAC address; a flag and MAC address: then a password.
            SET_ADDRESS => password(body.get(18..), cx),
            REBOOT => password(body.get(6..), cx),
            SET_DHCP => password(body.get(7..), cx),
            _ => {}
        }
        Ok(Next::Watch)
    }
}

/// Type, length of the rest, and the rest.
fn packet(bytes: &[u8]) -> Option<(u16, usize, &[u8])> {
    let (magic, rest) = bytes.split_first_chunk::<4>()?;
    let (&[t0, t1, l0, l1], body) = rest.split_first_chunk::<4>()?;
    MAGICS.contains(magic).then_some((u16::from_be_bytes([t0, t1]), usize::from(u16::from_be_bytes([l0, l1])), body))
}

/// What a device says of itself.
fn discovered(body: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let about = cx.sender();
    let mut fields = Elements::<1>::of(body);
    let mut saying = cx.say(&about, Kind::Identity);
    for (kind, value) in fields.by_ref().take(FIELDS_MAX) {
        saying = match (kind, value) {
            (MAC_ADDRESS, &[a, b, c, d, e, f]) => saying.mac(Field::MacAddress, Mac([a, b, c, d, e, f]), value),
            (IP_ADDRESS, &[a, b, c, d]) if value != [0; 4] => saying.ip(Field::Ipv4Address, Ipv4Addr::new(a, b, c, d).into(), value),
            (DOMAIN, value) => saying.trimmed(Field::DomainName, value),
            // A number, or a name.
            (HARDWARE_TYPE, value) if value.len() > 2 => saying.trimmed(Field::ModelName, value),
            (HARDWARE_REVISION, &[revision]) => saying.decoded(Field::HardwareVersion, &Value::Text(revision.to_string().into_bytes()), value, "u8"),
            (FIRMWARE, value) => saying.trimmed(Field::FirmwareVersion, value),
            (DEVICE_NAME, value) => saying.trimmed(Field::SystemName, value),
            _ => saying,
        };
    }
    drop(saying);
    if fields.rest().is_empty() { Ok(()) } else { Err(DissectError::Truncated { needed: 1 }) }
}

/// A password at the end of a request, with its length before it; not told where the length does not agree.
fn password(rest: Option<&[u8]>, cx: &mut Context<'_>) {
    let Some((length, password)) = rest.and_then(<[u8]>::split_first) else { return };
    if usize::from(*length) == password.len() && !password.is_empty() {
        let holder = cx.receiver();
        cx.secret(&holder, "addp password", None, password);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, field, payload, request};

    fn packet_of(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&b"DIGI"[..], &[0, kind, length[0], length[1]], body].concat()
    }

    fn found() -> Vec<u8> {
        let mut body = vec![0x01, 6, 0, 0x40, 0x9d, 1, 2, 3, 0x02, 4, 10, 79, 0, 41, 0x07, 1, 3];
        for (kind, text) in [(0x0d, "packer-2"), (0x06, "PortServer TS 4"), (0x08, "Version 82000747_W2")] {
            body.extend([kind, u8::try_from(text.len()).unwrap()]);
            body.extend_from_slice(text.as_bytes());
        }
        body
    }

    #[test]
    fn a_device_that_is_found_says_what_it_is() {
        for said in [answer(&Addp, &packet_of(2, &found())), payload(&Addp, Transport::Udp, 40001, 50000, &packet_of(2, &found()))] {
            assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["PortServer TS 4"]);
            assert_eq!(field(&said, Kind::Identity, Field::SystemName), ["packer-2"]);
            assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["Version 82000747_W2"]);
            assert_eq!(field(&said, Kind::Identity, Field::HardwareVersion), ["3"]);
            assert_eq!(field(&said, Kind::Identity, Field::MacAddress), ["00:40:9d:01:02:03"]);
            assert_eq!(field(&said, Kind::Identity, Field::Ipv4Address), ["10.79.0.41"]);
        }
    }

    #[test]
    fn a_truncated_field_keeps_the_ones_before() {
        let body = found();
        let said = answer(&Addp, &packet_of(2, &body[..30]));
        assert_eq!(field(&said, Kind::Identity, Field::SystemName), ["packer-2"]);
        assert!(field(&said, Kind::Identity, Field::ModelName).is_empty());
    }

    #[test]
    fn a_restart_shows_a_credential_that_is_never_quoted() {
        let said = request(&Addp, &packet_of(5, &[&[0, 0x40, 0x9d, 1, 2, 3, 4][..], b"dbps"].concat()));
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["addp password"]);
        let at = At { transport: Transport::Udp, src_port: 50000, dst_port: PORT, from_client: None };
        assert_eq!(Addp.glance(&packet_of(5, &[0; 6]), &at).operation, Some(2));
    }

    #[test]
    fn strangers_are_refused() {
        let at = At { transport: Transport::Udp, src_port: 50000, dst_port: PORT, from_client: None };
        for stranger in [&[0; 24][..], b"GET / HTTP/1.1\r\n", b"DIGITAL", b"DIGI\0\x01\0\x09abc", b"DIGI\0\x20\0\0"] {
            assert_eq!(Addp.gate(stranger, &at), Gate::NotMine);
        }
    }
}
