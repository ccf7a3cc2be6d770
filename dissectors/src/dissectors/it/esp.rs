//! ESP: traffic that IPsec protects.
//!
//! Spec: RFC 4303 (section 2), RFC 3948 (UDP 4500).
//! Tells us: that two hosts talk through IPsec. Does not tell: anything inside, nor with which algorithms.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use crate::login::word;
use crate::tlv::number;
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Esp;

const PROTOCOL: u8 = 50;
const NAT_PORT: u16 = 4500;
/// SPI and sequence number.
const HEADER: usize = 8;
/// The shortest: one block or an empty payload with its padding and a tag of twelve bytes.
const LENGTH_MIN: usize = HEADER + 12;
/// RFC 4303 §2.1: smaller SPIs are reserved.
const SPI_MIN: u64 = 256;

impl Dissector for Esp {
    type State = ();

    const ROW: Row = Row {
        name: "esp",
        revision: 1,
        spec: "RFC 4303, RFC 3948",
        tells: "that two hosts talk through IPsec",
        bindings: &[Binding::Ip(PROTOCOL), Binding::Udp(NAT_PORT)],
        shapes: &[],
        operations: &[("packet", OperationClass::Session)],
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let spi = number(head.get(..4).unwrap_or_default());
        // RFC 4303 §2.4: what is encrypted ends on four bytes; in UDP that is all there is to see.
        let whole = at.transport != Transport::Udp || head.len().is_multiple_of(4);
        if spi >= SPI_MIN && head.len() >= LENGTH_MIN && whole && number(head.get(4..HEADER).unwrap_or_default()) > 0 {
            Gate::Mine
        } else {
            Gate::NotMine
        }
    }

    fn glance(&self, _: &[u8], _: &At) -> Glance {
        Glance { operation: Some(0), look: Look::Once(0), inner: None }
    }

    fn read(&self, _: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let about = cx.sender_host();
        cx.say(&about, Kind::Security).implied(Field::RemoteAccess, &word("ipsec")).implied(Field::SecurityLevel, &word("esp"));
        Ok(Next::Watch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, read_ipv6};

    const PACKET: &[u8] = &[0xc0, 1, 2, 3, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9];

    #[test]
    fn protected_traffic_is_told() {
        let said = read_ipv6(&Esp, PROTOCOL, [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 64, PACKET);
        assert_eq!(field(&said, Kind::Security, Field::RemoteAccess), ["ipsec"]);
    }

    #[test]
    fn reserved_numbers_and_short_packets_are_refused() {
        for stranger in [&[0; 40][..], &PACKET[..12], &[0, 0, 0, 9, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]] {
            assert_eq!(gate(&Esp, stranger, 0), Gate::NotMine);
        }
    }
}
