//! FDP: Foundry's discovery protocol: what a switch of Foundry or Brocade is.
//!
//! Spec: Brocade, "FastIron Configuration Guide" (Foundry Discovery Protocol); TLVs as those of CDP version 1.
//! Tells us: device id, port, platform, software version of a switch. Does not tell: a serial number.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Next, Row};
use crate::tlv::number;
use observations::{Field, Kind, OperationClass};

pub(crate) struct Fdp;

/// Version, time to live, checksum (2).
const HEADER: usize = 4;
const DEVICE_ID: u64 = 1;
const PORT: u64 = 3;
const VERSION: u64 = 5;
const PLATFORM: u64 = 6;
const TYPE_MAX: u64 = 0x1f;
const TLVS_MAX: usize = 32;

impl Dissector for Fdp {
    type State = ();

    const ROW: Row = Row {
        name: "fdp",
        revision: 1,
        spec: "Foundry Discovery Protocol",
        tells: "device id, port, platform, software of Foundry and Brocade switches",
        bindings: &[Binding::Snap([0, 0xe0, 0x52], 0x2000)],
        shapes: &[],
        operations: &[("announcement", OperationClass::Session)],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let first = head.get(HEADER..).and_then(tlv);
        let mine = head.first() == Some(&1) && first.is_some_and(|(kind, ..)| (DEVICE_ID..=TYPE_MAX).contains(&kind));
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, _: &[u8], _: &At) -> Glance {
        Glance { operation: Some(0), ..Glance::READ }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let about = cx.sender_host();
        let mut rest = pdu.get(HEADER..).unwrap_or_default();
        let mut saying = cx.say(&about, Kind::Identity);
        for _ in 0..TLVS_MAX {
            let Some((kind, value, behind)) = tlv(rest) else { break };
            rest = behind;
            saying = match kind {
                DEVICE_ID => saying.trimmed(Field::DeviceId, value),
                PORT => saying.trimmed(Field::PortId, value),
                VERSION => saying.trimmed(Field::SoftwareVersion, value),
                PLATFORM => saying.trimmed(Field::ModelName, value),
                _ => saying,
            };
        }
        drop(saying);
        if rest.is_empty() { Ok(Next::Watch) } else { Err(DissectError::Truncated { needed: 1 }) }
    }
}

/// Type, value, and what follows; the length counts the four bytes before the value.
fn tlv(bytes: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let head = bytes.get(..4)?;
    let (whole, behind) = bytes.split_at_checked(usize::try_from(number(head.get(2..)?)).ok()?)?;
    Some((number(head.get(..2)?), whole.get(4..)?, behind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, read_frame};

    fn frame() -> Vec<u8> {
        let mut tlvs = Vec::new();
        for (kind, value) in [(1u8, &b"FES-2402"[..]), (3, b"ethernet1/2"), (5, b"IronWare 08.0.30"), (6, b"ICX6450-24")] {
            tlvs.extend([0, kind, 0, u8::try_from(value.len() + 4).unwrap()]);
            tlvs.extend_from_slice(value);
        }
        [&[1, 0xe0, 0x52, 0xcc, 0xcc, 0xcc, 0, 0xe0, 0x52, 1, 2, 3, 0, 80, 0xaa, 0xaa, 3, 0, 0xe0, 0x52, 0x20, 0, 1, 5, 0, 0][..], &tlvs].concat()
    }

    #[test]
    fn a_switch_says_what_it_is() {
        let said = read_frame(&Fdp, &frame());
        assert_eq!(field(&said, Kind::Identity, Field::DeviceId), ["FES-2402"]);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["ICX6450-24"]);
        assert_eq!(field(&said, Kind::Identity, Field::SoftwareVersion), ["IronWare 08.0.30"]);
    }

    #[test]
    fn what_is_cut_keeps_what_came_before_and_strangers_are_refused() {
        assert_eq!(field(&read_frame(&Fdp, &frame()[..60]), Kind::Identity, Field::DeviceId), ["FES-2402"]);
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &[2; 40]] {
            assert_eq!(gate(&Fdp, stranger, 0), Gate::NotMine);
        }
    }
}
