//! Ubiquiti's discovery: radios, cameras and gateways say to whoever asks what they are.
//!
//! Spec: none public; fields as Rapid7's study of 2019 ("Understanding Ubiquiti Discovery Service Exposures") and captures show them.
//! Tells us: MAC and IP addresses, firmware, name, model, network name, time since start. Does not tell: whose it is.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use observations::{Field, Kind, Mac, OperationClass, Transport};
use std::net::Ipv4Addr;

pub(crate) struct Ubdp;

const PORT: u16 = 10001;
/// Version, command, length (2).
const HEADER: usize = 4;
const MAC_ADDRESS: u8 = 0x01;
const MAC_AND_IP: u8 = 0x02;
const FIRMWARE: u8 = 0x03;
const UPTIME: u8 = 0x0a;
const HOSTNAME: u8 = 0x0b;
const PLATFORM: u8 = 0x0c;
const NETWORK_NAME: u8 = 0x0d;
const MODEL: u8 = 0x14;
const SHORT_MODEL: u8 = 0x15;
const VERSION: u8 = 0x16;
/// An answer has some twenty.
const FIELDS_MAX: usize = 48;

impl Dissector for Ubdp {
    type State = ();

    const ROW: Row = Row {
        name: "ubdp",
        revision: 1,
        spec: "Ubiquiti Discovery Protocol, versions 1 and 2",
        tells: "addresses, name, model, firmware of Ubiquiti devices",
        bindings: &[Binding::Udp(PORT)],
        // An answer: version 1 or 2, whose first field is an address, of six or ten bytes.
        shapes: &[
            Shape { over: Transport::Udp, bytes: &[(0, 0xff, 1), (1, 0xff, 0), (4, 0xff, 1), (5, 0xff, 0), (6, 0xff, 6)], min: 20, max: 1472 },
            Shape { over: Transport::Udp, bytes: &[(0, 0xfc, 0), (1, 0xf0, 0), (4, 0xff, 2), (5, 0xff, 0), (6, 0xff, 10)], min: 20, max: 1472 },
        ],
        operations: &[("discover", OperationClass::Diagnose)],
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let bound = at.src_port == PORT || at.dst_port == PORT;
        let asks = matches!(head, [1, 0, 0, 0] | [2, 8, 0, 0]);
        if bound && asks || fields(head).is_some() { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        if head.len() == HEADER { Side::Client } else { Side::Server }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        Glance { operation: (head.len() == HEADER).then_some(0), look: Look::Always, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some(mut rest) = fields(pdu) else { return Ok(Next::Watch) };
        let about = cx.sender_host();
        let mut saying = cx.say(&about, Kind::Identity);
        let mut uptime = None;
        for _ in 0..FIELDS_MAX {
            let Some((kind, value, behind)) = tlv(rest) else { break };
            rest = behind;
            saying = match (kind, value) {
                (MAC_ADDRESS, &[a, b, c, d, e, f]) => saying.mac(Field::MacAddress, Mac([a, b, c, d, e, f]), value),
                (MAC_AND_IP, &[_, _, _, _, _, _, a, b, c, d]) if [a, b, c, d] != [0; 4] => {
                    saying.ip(Field::Ipv4Address, Ipv4Addr::new(a, b, c, d).into(), value.get(6..).unwrap_or_default())
                }
                (FIRMWARE, value) => saying.trimmed(Field::FirmwareVersion, value),
                (VERSION, value) => saying.trimmed(Field::SoftwareVersion, value),
                (HOSTNAME, value) => saying.trimmed(Field::Hostname, value),
                (PLATFORM | SHORT_MODEL, value) => saying.trimmed(Field::ProductCode, value),
                (MODEL, value) => saying.trimmed(Field::ModelName, value),
                (NETWORK_NAME, value) => saying.trimmed(Field::Ssid, value),
                (UPTIME, value) if value.len() == 4 => {
                    uptime = Some(value);
                    saying
                }
                _ => saying,
            };
        }
        drop(saying);
        if let Some(value) = uptime {
            cx.say(&about, Kind::State).number(Field::UptimeSeconds, crate::tlv::number(value), value);
        }
        if rest.is_empty() { Ok(Next::Watch) } else { Err(DissectError::Truncated { needed: 1 }) }
    }
}

/// The fields of an answer, if the lengths agree and the first is an address.
fn fields(bytes: &[u8]) -> Option<&[u8]> {
    let (&[version @ (1 | 2), command, high, low], rest) = bytes.split_first_chunk::<HEADER>()? else { return None };
    let known = version == 1 && command == 0 || version == 2 && command <= 9;
    let whole = rest.len() == usize::from(u16::from_be_bytes([high, low])) || bytes.len() >= crate::engine::GATE_BYTES;
    let first = matches!(tlv(rest), Some((MAC_ADDRESS, [_, _, _, _, _, _], _)) | Some((MAC_AND_IP, [_, _, _, _, _, _, _, _, _, _], _)));
    (known && whole && first).then_some(rest)
}

fn tlv(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[kind, high, low], rest) = bytes.split_first_chunk::<3>()?;
    let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
    Some((kind, value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};

    fn answer() -> Vec<u8> {
        let mut body = Vec::new();
        for (kind, value) in [
            (2u8, &[0x24, 0xa4, 0x3c, 1, 2, 3, 10, 0, 0, 20][..]),
            (3, b"XW.ar934x.v5.6.15.30572"),
            (10, &[0, 0, 0x0e, 0x10]),
            (11, b"radio-north"),
            (12, b"N5N"),
            (20, b"NanoStation M5"),
        ] {
            body.extend([kind, 0, u8::try_from(value.len()).unwrap()]);
            body.extend_from_slice(value);
        }
        [&[1, 0, 0, u8::try_from(body.len()).unwrap()][..], &body].concat()
    }

    #[test]
    fn a_radio_says_what_it_is_also_elsewhere() {
        for port in [PORT, 20001] {
            let said = payload(&Ubdp, Transport::Udp, port, 50000, &answer());
            assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["NanoStation M5"]);
            assert_eq!(field(&said, Kind::Identity, Field::Hostname), ["radio-north"]);
            assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["XW.ar934x.v5.6.15.30572"]);
            assert_eq!(field(&said, Kind::State, Field::UptimeSeconds), ["3600"]);
        }
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &[1; 40], &answer()[..30], &[1, 0, 0, 9]] {
            assert_eq!(gate(&Ubdp, stranger, PORT), Gate::NotMine);
        }
    }
}
