//! IS-IS: routers of a provider's or plant's backbone, by system id and name.
//!
//! Spec: ISO/IEC 10589 (9.5 to 9.9), RFC 1195 (addresses), RFC 5301 (host names), RFC 5304 and RFC 5310 (authentication).
//! Tells us: system id, host name, addresses, authentication of a router. Does not tell: what it only passes on of others.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use crate::login::word;
use crate::tlv::{Elements, hash};
use observations::{Field, Kind, Mac, OperationClass};
use std::net::Ipv4Addr;

pub(crate) struct Isis;

/// §9.5: discriminator, length of the header, version, length of ids (0 is 6), type, version, reserved, areas.
const HEADER: usize = 8;
const DISCRIMINATOR: u8 = 0x83;
const SYSTEM_ID: usize = 6;
/// Types, and where the variable part of each begins.
const TYPES: &[(u8, &str, usize)] = &[
    (15, "level_1_lan_hello", 27),
    (16, "level_2_lan_hello", 27),
    (17, "point_to_point_hello", 20),
    (18, "level_1_link_state", 27),
    (20, "level_2_link_state", 27),
    (24, "level_1_complete_sequence_numbers", 33),
    (25, "level_2_complete_sequence_numbers", 33),
    (26, "level_1_partial_sequence_numbers", 17),
    (27, "level_2_partial_sequence_numbers", 17),
];
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("level_1_lan_hello", OperationClass::Session),
    ("level_2_lan_hello", OperationClass::Session),
    ("point_to_point_hello", OperationClass::Session),
    ("level_1_link_state", OperationClass::Configure),
    ("level_2_link_state", OperationClass::Configure),
    ("level_1_complete_sequence_numbers", OperationClass::Session),
    ("level_2_complete_sequence_numbers", OperationClass::Session),
    ("level_1_partial_sequence_numbers", OperationClass::Session),
    ("level_2_partial_sequence_numbers", OperationClass::Session),
];
const AUTHENTICATION: u64 = 10;
const ADDRESSES: u64 = 132;
const HOSTNAME: u64 = 137;
/// RFC 5304 §2, RFC 5310 §3.1.
const METHODS: &[(u8, &str)] = &[(1, "cleartext"), (3, "cryptographic"), (54, "hmac-md5")];
const ADDRESSES_MAX: usize = 16;

/// Who sends here, by its hellos: what it floods of others is not its own.
#[derive(Default)]
pub(crate) struct Speaker(Option<(Option<Mac>, [u8; SYSTEM_ID])>);

impl Dissector for Isis {
    type State = Speaker;

    const ROW: Row = Row {
        name: "isis",
        revision: 1,
        spec: "ISO/IEC 10589, RFC 1195, RFC 5301, RFC 5304",
        tells: "system ids, host names, addresses, authentication of routers",
        bindings: &[Binding::Llc(0xfefe)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        if header(head).is_some() { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some((index, _)) = header(head) else { return Glance::SKIP };
        // Hellos and link states are padded and aged; what is variable in them tells whether they are new.
        let part = TYPES.get(index).and_then(|row| head.get(row.2..)).unwrap_or_default();
        let look = if index < 5 { Look::Once(hash(part) ^ hash(head.get(12..20).unwrap_or_default())) } else { Look::Never };
        Glance { operation: u16::try_from(index).ok(), look, inner: None }
    }

    fn read(&self, pdu: &[u8], state: &mut Speaker, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (index, fixed) = header(pdu).ok_or(DissectError::NotMine)?;
        let about = cx.sender_host();
        let mut elements = Elements::<1>::of(pdu.get(fixed..).unwrap_or_default());
        if index < 3 {
            let id = pdu.get(HEADER + 1..HEADER + 1 + SYSTEM_ID).unwrap_or_default();
            state.0 = id.first_chunk().map(|id| (about.mac, *id));
            cx.say(&about, Kind::Router).bytes(Field::IsisSystemId, id);
            let mut method = None;
            for (kind, value) in elements.by_ref() {
                match kind {
                    AUTHENTICATION => method = authentication(value, cx).or(method),
                    ADDRESSES => addresses(value, cx),
                    _ => {}
                }
            }
            if method.is_none() {
                cx.say(&about, Kind::Security).implied(Field::AuthenticationMethod, &word("none"));
            }
        } else if let Some((mac, id)) = state.0
            && mac == about.mac
            && pdu.get(12..12 + SYSTEM_ID) == Some(&id[..])
        {
            for (_, value) in elements.by_ref().filter(|(kind, _)| *kind == HOSTNAME) {
                cx.say(&about, Kind::Identity).trimmed(Field::SystemName, value);
            }
        }
        Ok(Next::Watch)
    }
}

/// Index of the type, and where its variable part begins.
fn header(head: &[u8]) -> Option<(usize, usize)> {
    let &[DISCRIMINATOR, length, 1, id @ (0 | 6), kind, 1, 0, _] = head.first_chunk::<HEADER>()? else { return None };
    let index = TYPES.iter().position(|row| row.0 == kind & 0x1f)?;
    let fixed = TYPES.get(index)?.2;
    (usize::from(length) == fixed && head.len() >= fixed && id <= 6).then_some((index, fixed))
}

fn authentication(value: &[u8], cx: &mut Context<'_>) -> Option<&'static str> {
    let (kind, data) = value.split_first()?;
    let method = METHODS.iter().find(|row| row.0 == *kind)?.1;
    let about = cx.sender_host();
    let slice = value.get(..1).unwrap_or_default();
    cx.say(&about, Kind::Security).decoded(Field::AuthenticationMethod, &word(method), slice, "isis-authentication");
    if method == "cleartext" {
        cx.secret(&about, "isis authentication", None, trim(data));
    }
    Some(method)
}

/// RFC 1195 §5.3.1: of the interface that sends.
fn addresses(value: &[u8], cx: &mut Context<'_>) {
    let Some(mac) = cx.sender_host().mac else { return };
    for slice in value.chunks_exact(4).take(ADDRESSES_MAX) {
        let Some(ip) = slice.first_chunk::<4>().map(|ip| Ipv4Addr::from(*ip)).filter(|ip| !ip.is_unspecified() && !ip.is_loopback()) else {
            continue;
        };
        let about = cx.by_mac_and_ip(mac, ip.into());
        cx.say(&about, Kind::Binding).ip(Field::Ipv4Address, ip.into(), slice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, read_frame};

    fn frame(kind: u8, fixed: u8, middle: &[u8], more: &[u8]) -> Vec<u8> {
        let body = [&[DISCRIMINATOR, fixed, 1, 0, kind, 1, 0, 0][..], middle, more].concat();
        let length = u16::try_from(body.len() + 3).unwrap().to_be_bytes();
        [&[1, 0x80, 0xc2, 0, 0, 0x14, 0, 0x1e, 0x13, 0, 0, 5, length[0], length[1], 0xfe, 0xfe, 3][..], &body].concat()
    }

    fn hello(more: &[u8]) -> Vec<u8> {
        frame(15, 27, &[1, 1, 0x92, 0, 0, 0, 9, 1, 0, 30, 0, 60, 64, 1, 0x92, 0, 0, 0, 9, 1, 1][..19], more)
    }

    #[test]
    fn a_router_says_its_id_addresses_and_authentication() {
        let said = read_frame(&Isis, &hello(&[132, 4, 10, 0, 0, 1]));
        assert_eq!(field(&said, Kind::Router, Field::IsisSystemId), ["019200000009"]);
        assert_eq!(field(&said, Kind::Binding, Field::Ipv4Address), ["10.0.0.1"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["none"]);
        let clear = read_frame(&Isis, &hello(&[&[10, 8, 1][..], b"plant-7"].concat()));
        assert_eq!(field(&clear, Kind::Security, Field::AuthenticationMethod), ["cleartext"]);
        assert_eq!(field(&clear, Kind::Credential, Field::SecretUse), ["isis authentication"]);
    }

    #[test]
    fn a_name_that_was_only_passed_on_is_not_the_senders() {
        let link_state = frame(18, 27, &[0; 19], &[&[137, 4][..], b"core"].concat());
        assert!(field(&read_frame(&Isis, &link_state), Kind::Identity, Field::SystemName).is_empty());
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &[DISCRIMINATOR; 40], &[DISCRIMINATOR, 27, 1, 0, 15, 1, 0, 0]] {
            assert_eq!(gate(&Isis, stranger, 0), Gate::NotMine);
        }
    }
}
