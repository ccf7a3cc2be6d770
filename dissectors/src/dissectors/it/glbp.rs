//! GLBP: routers that share an address and its load.
//!
//! Spec: none public; Cisco, "GLBP Gateway Load Balancing Protocol" (feature guide), TLVs as Wireshark names their fields.
//! Tells us: group, priority, state, shared address of a router, authentication. Does not tell: make and model.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use crate::login::word;
use crate::tlv::{hash, number};
use observations::{Field, Kind, OperationClass};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) struct Glbp;

const PORT: u16 = 3222;
/// Version, reserved, group (2), reserved (2), owner (6).
const HEADER: usize = 12;
const HELLO: u8 = 1;
const AUTHENTICATION: u8 = 3;
const STATES: &[(u8, &str)] = &[(0, "disabled"), (1, "initial"), (4, "listen"), (8, "speak"), (16, "standby"), (32, "active")];
const METHODS: &[&str] = &["none", "cleartext", "md5", "md5"];
const TLVS_MAX: usize = 16;

impl Dissector for Glbp {
    type State = ();

    const ROW: Row = Row {
        name: "glbp",
        revision: 1,
        spec: "Cisco GLBP",
        tells: "groups of routers that share an address, priority and state, authentication",
        bindings: &[Binding::Udp(PORT)],
        shapes: &[],
        operations: &[("hello", OperationClass::Session)],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let first = head.get(HEADER..).and_then(tlv);
        let mine = head.first() == Some(&1) && head.get(4..6) == Some(&[0, 0]) && matches!(first, Some((1..=4, ..)));
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        Glance { operation: Some(0), look: Look::Once(hash(head)), inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (about, group) = (cx.sender_host(), pdu.get(2..4).unwrap_or_default());
        crate::never_routed::bind(cx);
        let (mut rest, mut protected) = (pdu.get(HEADER..).unwrap_or_default(), false);
        for _ in 0..TLVS_MAX {
            let Some((kind, value, behind)) = tlv(rest) else { break };
            rest = behind;
            match kind {
                HELLO => hello(group, value, cx),
                AUTHENTICATION => {
                    protected = true;
                    let (method, data) = (value.first().copied().unwrap_or_default(), value.get(2..).unwrap_or_default());
                    let method = METHODS.get(usize::from(method)).copied().unwrap_or("none");
                    let slice = value.get(..1).unwrap_or_default();
                    cx.say(&about, Kind::Security).decoded(Field::AuthenticationMethod, &word(method), slice, "glbp-authentication");
                    if method == "cleartext" {
                        cx.secret(&about, "glbp authentication", None, trim(data));
                    }
                }
                _ => {}
            }
        }
        if !protected {
            cx.say(&about, Kind::Security).implied(Field::AuthenticationMethod, &word("none"));
        }
        if rest.iter().all(|byte| *byte == 0) { Ok(Next::Watch) } else { Err(DissectError::Truncated { needed: 1 }) }
    }
}

/// Type, value, and what follows; the length counts both bytes before the value.
fn tlv(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let &[kind, length] = bytes.first_chunk::<2>()?;
    let (whole, behind) = bytes.split_at_checked(usize::from(length))?;
    (kind > 0).then_some((kind, whole.get(2..)?, behind))
}

/// Reserved, state, reserved, priority, reserved (2), hello and hold time (4 each), redirect and time-out (2 each), reserved (2), kind and
/// length of the address, the address.
fn hello(group: &[u8], value: &[u8], cx: &mut Context<'_>) {
    let about = cx.sender_host();
    let saying = cx.say(&about, Kind::Router).number(Field::RedundancyGroup, number(group), group);
    let saying = saying.maybe(value.get(3..4), |s, v| s.number(Field::RedundancyPriority, number(v), v));
    let state = value.get(1..2).and_then(|slice| Some((STATES.iter().find(|row| Some(&row.0) == slice.first())?.1, slice)));
    let saying = saying.maybe(state, |s, (name, slice)| s.decoded(Field::Role, &word(name), slice, "glbp-state"));
    let address = match (value.get(20..22), value.get(22..)) {
        (Some([1, 4]), Some(rest)) => rest.first_chunk::<4>().map(|address| (IpAddr::from(Ipv4Addr::from(*address)), rest.get(..4))),
        (Some([2, 16]), Some(rest)) => rest.first_chunk::<16>().map(|address| (IpAddr::from(Ipv6Addr::from(*address)), rest.get(..16))),
        _ => None,
    };
    let address = address.and_then(|(address, slice)| Some((address, slice?))).filter(|(address, _)| !address.is_unspecified());
    drop(saying.maybe(address, |s, (address, slice)| s.ip(Field::VirtualAddress, address, slice)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};
    use observations::Transport;

    fn packet(more: &[u8]) -> Vec<u8> {
        let hello =
            [&[1, 28, 0, 32, 0, 150, 0, 0][..], &[0, 0, 0x0b, 0xb8, 0, 0, 0x27, 0x10], &[2, 0x58, 0x38, 0x40, 0, 0, 1, 4], &[10, 0, 0, 254]].concat();
        [&[1, 0, 0, 5, 0, 0, 0, 0x1e, 0x13, 0, 0, 5][..], &hello, more].concat()
    }

    #[test]
    fn a_router_says_its_group_and_its_authentication() {
        let said = payload(&Glbp, Transport::Udp, PORT, PORT, &packet(&[&[3, 11, 1, 7][..], b"plant-7"].concat()));
        assert_eq!(field(&said, Kind::Router, Field::VirtualAddress), ["10.0.0.254"]);
        assert_eq!(field(&said, Kind::Router, Field::Role), ["active"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["cleartext"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["glbp authentication"]);
        let open = payload(&Glbp, Transport::Udp, PORT, PORT, &packet(&[]));
        assert_eq!(field(&open, Kind::Security, Field::AuthenticationMethod), ["none"]);
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &[1; 40], &packet(&[])[..20]] {
            assert_eq!(gate(&Glbp, stranger, PORT), Gate::NotMine);
        }
    }
}
