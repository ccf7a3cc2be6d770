//! LIFX LAN: lamps say which product they are, and are switched.
//!
//! Spec: LIFX LAN Protocol (lan.developer.lifx.com): header, messages of device and light.
//! Tells us: vendor and product number, MAC address, firmware version, label; who switches.
//! Does not tell: where it stands: groups and locations are not kept.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape};
use crate::tlv::number;
use observations::{Field, Kind, Mac, OperationClass, Transport, Value};

pub(crate) struct Lifx;

const PORT: u16 = 56700;
/// Size, protocol, source, target, flags, type.
const HEADER: usize = 36;
/// The longest message, of a strip's zones, has some 700 bytes.
const SIZE_MAX: usize = 1024;

const STATE_HOST_FIRMWARE: u16 = 15;
const STATE_LABEL: u16 = 25;
const STATE_VERSION: u16 = 33;

/// Messages that ask, by type; the index is that of [`OPERATIONS`].
const TYPES: &[u16] = &[2, 14, 20, 21, 23, 24, 32, 34, 38, 48, 51, 101, 102, 116, 117];
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("get_service", OperationClass::Diagnose),
    ("get_host_firmware", OperationClass::Diagnose),
    ("get_power", OperationClass::Read),
    ("set_power", OperationClass::Control),
    ("get_label", OperationClass::Diagnose),
    ("set_label", OperationClass::Configure),
    ("get_version", OperationClass::Diagnose),
    ("get_info", OperationClass::Diagnose),
    ("set_reboot", OperationClass::Control),
    ("get_location", OperationClass::Diagnose),
    ("get_group", OperationClass::Diagnose),
    ("get_color", OperationClass::Read),
    ("set_color", OperationClass::Control),
    ("get_light_power", OperationClass::Read),
    ("set_light_power", OperationClass::Control),
];

impl Dissector for Lifx {
    type State = ();

    const ROW: Row = Row {
        name: "lifx",
        revision: 1,
        spec: "LIFX LAN Protocol",
        tells: "vendor and product number, MAC address, firmware version, who switches",
        bindings: &[Binding::Udp(PORT)],
        shapes: &[Shape {
            over: Transport::Udp,
            // Size below 1024, protocol 1024 with the bit that a target follows, two zeros behind its six bytes.
            bytes: &[(1, 0xfc, 0), (2, 0xff, 0), (3, 0xdf, 0x14), (14, 0xff, 0), (15, 0xff, 0)],
            min: HEADER,
            max: SIZE_MAX,
        }],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let mine = header(head).is_some_and(|(size, _)| size == head.len() || head.len() >= crate::engine::GATE_BYTES && size > head.len());
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some((_, kind)) = header(head) else { return Glance::SKIP };
        let index = TYPES.iter().position(|known| *known == kind);
        let look = if matches!(kind, STATE_HOST_FIRMWARE | STATE_LABEL | STATE_VERSION) { Look::Always } else { Look::Never };
        Glance { operation: index.and_then(|index| u16::try_from(index).ok()), look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (_, kind) = header(pdu).ok_or(DissectError::Malformed { rule: "header", offset: 0 })?;
        let body = pdu.get(HEADER..).unwrap_or_default();
        let about = cx.sender();
        let target = pdu.get(8..14).unwrap_or_default();
        let mac = target.first_chunk::<6>().map(|bytes| Mac(*bytes)).filter(|mac| mac.is_device());
        let cut = DissectError::Truncated { needed: 1 };
        match kind {
            STATE_VERSION => {
                let (vendor, product) = (body.get(..4).ok_or(cut)?, body.get(4..8).ok_or(cut)?);
                let saying = cx.say(&about, Kind::Identity).number(Field::LifxVendorId, little(vendor), vendor);
                let saying = saying.number(Field::LifxProductId, little(product), product);
                drop(saying.maybe(mac, |s, mac| s.mac(Field::MacAddress, mac, target)));
            }
            STATE_HOST_FIRMWARE => {
                // Build and a reserved time, then minor before major.
                let version = body.get(16..20).ok_or(cut)?;
                let &[a, b, c, d] = version.first_chunk::<4>().ok_or(cut)?;
                let text = format!("{}.{}", u16::from_le_bytes([c, d]), u16::from_le_bytes([a, b]));
                cx.say(&about, Kind::Identity).decoded(Field::FirmwareVersion, &Value::Text(text.into_bytes()), version, "lifx-version");
            }
            STATE_LABEL => drop(cx.say(&about, Kind::Identity).text(Field::FriendlyName, trim(body.get(..32).ok_or(cut)?))),
            _ => {}
        }
        Ok(Next::Watch)
    }
}

/// Size and type.
fn header(head: &[u8]) -> Option<(usize, u16)> {
    let size = usize::try_from(little(head.get(..2)?)).ok().filter(|size| (HEADER..=SIZE_MAX).contains(size))?;
    let protocol = little(head.get(2..4)?);
    let target = head.get(14..16)?;
    // Protocol 1024, and a target, tagged or not.
    let mine = protocol & 0xdfff == 0x1400 && target == [0, 0];
    let kind = u16::try_from(little(head.get(32..34)?)).ok()?;
    mine.then_some((size, kind))
}

fn little(slice: &[u8]) -> u64 {
    let reversed: Vec<u8> = slice.iter().rev().copied().collect();
    number(&reversed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};
    use observations::Observation;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let size = u16::try_from(HEADER + body.len()).unwrap().to_le_bytes();
        let head = [
            &size[..],
            &[0x00, 0x14, 7, 0, 0, 0],          // protocol with target, source
            &[0xd0, 0x73, 0xd5, 0x0a, 0, 0x33], // target
            &[0; 18],                           // two zeros, reserved, flags, sequence, reserved
            &[kind, 0, 0, 0],
        ];
        [&head.concat()[..], body].concat()
    }

    fn said(kind: u8, body: &[u8]) -> Vec<Observation> {
        payload(&Lifx, Transport::Udp, PORT, 50000, &message(kind, body))
    }

    #[test]
    fn a_lamp_says_product_version_and_label() {
        let version = said(33, &[1, 0, 0, 0, 27, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(field(&version, Kind::Identity, Field::LifxVendorId), ["1"]);
        assert_eq!(field(&version, Kind::Identity, Field::LifxProductId), ["27"]);
        assert_eq!(field(&version, Kind::Identity, Field::MacAddress), ["d0:73:d5:0a:00:33"]);
        let firmware = said(15, &[&[9; 16][..], &[70, 0, 3, 0]].concat());
        assert_eq!(field(&firmware, Kind::Identity, Field::FirmwareVersion), ["3.70"]);
        let label = said(25, &[b"Hall".to_vec(), vec![0; 28]].concat());
        assert_eq!(field(&label, Kind::Identity, Field::FriendlyName), ["Hall"]);
    }

    #[test]
    fn it_is_found_on_another_port_and_strangers_are_refused() {
        let said = payload(&Lifx, Transport::Udp, 40000, 50000, &message(33, &[1, 0, 0, 0, 27, 0, 0, 0, 0, 0, 0, 0]));
        assert_eq!(field(&said, Kind::Identity, Field::LifxProductId), ["27"]);
        for stranger in [&b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..], &[0; 40], &[0xff; 40]] {
            assert_eq!(gate(&Lifx, stranger, PORT), Gate::NotMine);
        }
    }
}
