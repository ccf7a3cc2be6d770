//! EDP: Extreme's discovery protocol: names, slots, ports and versions of switches.
//!
//! Spec: none public; TLVs as Wireshark names their fields and captures show them.
//! Tells us: name, version, slot and port, MAC address of a switch. Does not tell: model and serial number.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Next, Row};
use crate::tlv::number;
use observations::{Field, Kind, Mac, OperationClass, Value};

pub(crate) struct Edp;

/// Version, reserved, length (2), checksum (2), sequence (2), kind of id (2), id (6).
const HEADER: usize = 16;
const MARKER: u8 = 0x99;
const NULL: u8 = 0;
const DISPLAY: u8 = 1;
const INFO: u8 = 2;
const TLVS_MAX: usize = 32;

impl Dissector for Edp {
    type State = ();

    const ROW: Row = Row {
        name: "edp",
        revision: 1,
        spec: "Extreme Discovery Protocol",
        tells: "name, version, slot and port of Extreme switches",
        bindings: &[Binding::Snap([0, 0xe0, 0x2b], 0x00bb)],
        shapes: &[],
        operations: &[("announcement", OperationClass::Session)],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let mine = head.first() == Some(&1) && head.get(8..10) == Some(&[0, 0]) && head.get(HEADER..).and_then(tlv).is_some();
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, _: &[u8], _: &At) -> Glance {
        Glance { operation: Some(0), ..Glance::READ }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let about = cx.sender_host();
        let id = pdu.get(10..HEADER).unwrap_or_default();
        let mac = id.first_chunk::<6>().map(|mac| Mac(*mac)).filter(|mac| mac.is_device());
        let mut saying = cx.say(&about, Kind::Identity).maybe(mac, |s, mac| s.mac(Field::MacAddress, mac, id));
        let mut rest = pdu.get(HEADER..).unwrap_or_default();
        let mut ended = false;
        for _ in 0..TLVS_MAX {
            let Some((kind, value, behind)) = tlv(rest) else { break };
            rest = behind;
            saying = match (kind, value) {
                (DISPLAY, value) => saying.text(Field::SystemName, trim(value)),
                (INFO, value) => info(saying, value),
                (NULL, _) => {
                    ended = true;
                    break;
                }
                _ => saying,
            };
        }
        drop(saying);
        if ended || rest.is_empty() { Ok(Next::Watch) } else { Err(DissectError::Truncated { needed: 1 }) }
    }
}

/// Slot (2), port (2), chassis (2), reserved (6), version (4).
fn info<'s, 'a>(saying: crate::context::Saying<'s, 'a>, value: &[u8]) -> crate::context::Saying<'s, 'a> {
    let saying = saying.maybe(value.get(2..4), |s, port| s.decoded(Field::PortId, &Value::Number(number(port) + 1), port, "plus-one"));
    match value.get(12..16) {
        Some(slice @ &[a, b, c, d]) if a > 0 => {
            saying.decoded(Field::SoftwareVersion, &Value::Text(format!("{a}.{b}.{c}.{d}").into_bytes()), slice, "decimal-dotted")
        }
        _ => saying,
    }
}

/// Type, value, and what follows; the length counts the four bytes before the value.
fn tlv(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let &[MARKER, kind, high, low] = bytes.first_chunk::<4>()? else { return None };
    let (whole, behind) = bytes.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
    Some((kind, whole.get(4..)?, behind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, read_frame};

    fn frame() -> Vec<u8> {
        let info = [&[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 15, 3, 1, 4][..], &[0; 16]].concat();
        let tlvs = [&[MARKER, 1, 0, 12][..], b"core-sw\0", &[MARKER, 2, 0, 36], &info, &[MARKER, 0, 0, 4]].concat();
        let head = [1, 0, 0, 66, 0, 0, 0, 7, 0, 0, 0, 0x04, 0x96, 1, 2, 3];
        [&[0, 0xe0, 0x2b, 0, 0, 0, 0, 0x04, 0x96, 1, 2, 3, 0, 74, 0xaa, 0xaa, 3, 0, 0xe0, 0x2b, 0, 0xbb][..], &head, &tlvs].concat()
    }

    #[test]
    fn a_switch_says_its_name_version_and_port() {
        let said = read_frame(&Edp, &frame());
        assert_eq!(field(&said, Kind::Identity, Field::SystemName), ["core-sw"]);
        assert_eq!(field(&said, Kind::Identity, Field::SoftwareVersion), ["15.3.1.4"]);
        assert_eq!(field(&said, Kind::Identity, Field::PortId), ["5"]);
    }

    #[test]
    fn what_is_cut_keeps_what_came_before_and_strangers_are_refused() {
        let cut = frame();
        assert_eq!(field(&read_frame(&Edp, &cut[..60]), Kind::Identity, Field::SystemName), ["core-sw"]);
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &[1; 40]] {
            assert_eq!(gate(&Edp, stranger, 0), Gate::NotMine);
        }
    }
}
