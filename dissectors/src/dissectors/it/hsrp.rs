//! HSRP: routers that share an address, and what they show of it to everybody on the link.
//!
//! Spec: RFC 2281 (version 1); Cisco, "HSRP version 2" (TLVs as Wireshark's documentation of the fields lists them).
//! Tells us: group, priority, state and shared address of a router, its authentication: none but the default word, a word, or MD5.
//! Does not tell: make and model. The shared MAC address is no device.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use crate::login::word;
use crate::tlv::{Elements, hash, number};
use observations::{Field, Kind, OperationClass};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) struct Hsrp;

const PORT: u16 = 1985;
const PORT_V6: u16 = 2029;
/// RFC 2281 §5.
const V1: usize = 20;
const STATES_V1: &[(u8, &str)] = &[(0, "initial"), (1, "learn"), (2, "listen"), (4, "speak"), (8, "standby"), (16, "active")];
const OPCODE_MAX: u8 = 3;
/// Version 2: types of TLVs, and the length of the group's.
const GROUP_STATE: u64 = 1;
const TEXT: u64 = 3;
const MD5: u64 = 4;
const GROUP_LENGTH: usize = 40;
const STATES_V2: &[(u8, &str)] = &[(0, "disabled"), (1, "initial"), (2, "learn"), (3, "listen"), (4, "speak"), (5, "standby"), (6, "active")];
/// RFC 2281 §5: what the field holds where nothing was configured.
const DEFAULT: &[u8] = b"cisco";
const TLVS_MAX: usize = 16;

impl Dissector for Hsrp {
    type State = ();

    const ROW: Row = Row {
        name: "hsrp",
        revision: 1,
        spec: "RFC 2281, Cisco HSRP version 2",
        tells: "groups of routers that share an address, their priority and state, authentication",
        bindings: &[Binding::Udp(PORT), Binding::Udp(PORT_V6)],
        shapes: &[],
        operations: &[
            ("hello", OperationClass::Session),
            ("coup", OperationClass::Control),
            ("resign", OperationClass::Control),
            ("advertise", OperationClass::Session),
        ],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        if Hello::v1(head).is_some() || Hello::v2(head).is_some() || is_advertisement(head) { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let opcode = match head.first() {
            Some(0) => head.get(1),
            _ => head.get(3),
        };
        // Timers may change with each: what is read is state, priority, group, authentication.
        Glance { operation: opcode.copied().filter(|code| *code <= OPCODE_MAX).map(u16::from), look: Look::Once(hash(head)), inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let about = cx.sender_host();
        crate::never_routed::bind(cx);
        if let Some(hello) = Hello::v1(pdu) {
            hello.say(cx);
            // §5 of later releases: TLVs behind, of which 4 is MD5.
            let protected = Elements::<1>::of(pdu.get(V1..).unwrap_or_default()).take(TLVS_MAX).any(|(kind, _)| kind == MD5);
            match pdu.get(8..16) {
                _ if protected => drop(cx.say(&about, Kind::Security).implied(Field::AuthenticationMethod, &word("md5"))),
                Some(text) => cleartext(text, cx),
                None => {}
            }
            return Ok(Next::Watch);
        }
        let Some(hello) = Hello::v2(pdu) else { return Ok(Next::Watch) };
        hello.say(cx);
        let mut shown = false;
        for (kind, value) in Elements::<1>::of(pdu).take(TLVS_MAX) {
            match kind {
                TEXT => cleartext(value, cx),
                MD5 => drop(cx.say(&about, Kind::Security).implied(Field::AuthenticationMethod, &word("md5"))),
                _ => continue,
            }
            shown = true;
        }
        if !shown {
            cx.say(&about, Kind::Security).implied(Field::AuthenticationMethod, &word("none"));
        }
        Ok(Next::Watch)
    }
}

/// A word that everybody on the link can read; the default is none.
fn cleartext(text: &[u8], cx: &mut Context<'_>) {
    let (about, text) = (cx.sender_host(), trim(text));
    let method = match text {
        [] => "none",
        DEFAULT => "default",
        _ => "cleartext",
    };
    cx.say(&about, Kind::Security).implied(Field::AuthenticationMethod, &word(method));
    if method == "cleartext" {
        cx.secret(&about, "hsrp authentication", None, text);
    }
}

/// RFC 2281 §5.4: routers that are passive or active on an interface say only so.
fn is_advertisement(head: &[u8]) -> bool {
    matches!(head, [0, 3, 0, 1, ..]) && head.len() >= 12
}

struct Hello<'a> {
    state: Option<(&'static str, &'a [u8])>,
    group: &'a [u8],
    priority: &'a [u8],
    address: Option<(IpAddr, &'a [u8])>,
}

impl<'a> Hello<'a> {
    fn v1(bytes: &'a [u8]) -> Option<Self> {
        let head = bytes.get(..V1)?;
        let &[0, opcode, state, hello, hold, _, _, 0, ..] = head else { return None };
        let state = STATES_V1.iter().find(|row| row.0 == state)?.1;
        let sound = opcode < OPCODE_MAX && hello > 0 && hold >= hello;
        let slice = head.get(16..)?;
        let address = Ipv4Addr::from(*slice.first_chunk::<4>()?);
        sound.then_some(Self {
            state: head.get(2..3).map(|slice| (state, slice)),
            group: head.get(6..7)?,
            priority: head.get(5..6)?,
            address: Some((address.into(), slice)).filter(|_| !address.is_unspecified()),
        })
    }

    fn v2(bytes: &'a [u8]) -> Option<Self> {
        let (kind, value) = Elements::<1>::of(bytes).next()?;
        let &[2, opcode, state, family @ (4 | 6), ..] = value else { return None };
        if kind != GROUP_STATE || value.len() != GROUP_LENGTH || opcode > OPCODE_MAX {
            return None;
        }
        let state = STATES_V2.iter().find(|row| row.0 == state)?.1;
        let slice = value.get(24..if family == 4 { 28 } else { 40 })?;
        let address: IpAddr = match (slice.first_chunk::<16>(), slice.first_chunk::<4>()) {
            (Some(address), _) => Ipv6Addr::from(*address).into(),
            (None, Some(address)) => Ipv4Addr::from(*address).into(),
            _ => return None,
        };
        Some(Self {
            state: value.get(2..3).map(|slice| (state, slice)),
            group: value.get(4..6)?,
            priority: value.get(12..16)?,
            address: Some((address, slice)).filter(|_| !address.is_unspecified()),
        })
    }

    fn say(&self, cx: &mut Context<'_>) {
        let about = cx.sender_host();
        let saying = cx.say(&about, Kind::Router).number(Field::RedundancyGroup, number(self.group), self.group);
        let saying = saying.number(Field::RedundancyPriority, number(self.priority), self.priority);
        let saying = saying.maybe(self.state, |s, (name, slice)| s.decoded(Field::Role, &word(name), slice, "hsrp-state"));
        drop(saying.maybe(self.address, |s, (address, slice)| s.ip(Field::VirtualAddress, address, slice)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};
    use observations::{Observation, Transport};

    fn v1(text: &[u8; 8]) -> Vec<u8> {
        [&[0, 0, 16, 3, 10, 110, 1, 0][..], text, &[10, 0, 0, 254]].concat()
    }

    fn v2(more: &[u8]) -> Vec<u8> {
        let mut group = vec![1, 40, 2, 0, 6, 4, 0, 7];
        group.extend([0, 0x1e, 0x13, 0, 0, 5, 0, 0, 0, 120]);
        group.extend([0; 8]);
        group.extend([10, 0, 0, 254]);
        group.extend([0; 12]);
        group.extend(more);
        group
    }

    fn read(data: &[u8]) -> Vec<Observation> {
        payload(&Hsrp, Transport::Udp, PORT, PORT, data)
    }

    #[test]
    fn group_state_and_shared_address_are_told_in_both_versions() {
        for said in [read(&v1(b"cisco\0\0\0")), read(&v2(&[]))] {
            assert_eq!(field(&said, Kind::Router, Field::Role), ["active"]);
            assert_eq!(field(&said, Kind::Router, Field::VirtualAddress), ["10.0.0.254"]);
        }
        assert_eq!(field(&read(&v2(&[])), Kind::Router, Field::RedundancyGroup), ["7"]);
    }

    #[test]
    fn default_word_own_word_and_md5_are_told_apart() {
        let method = |data: &[u8]| field(&read(data), Kind::Security, Field::AuthenticationMethod).concat();
        assert_eq!(method(&v1(b"cisco\0\0\0")), "default");
        assert_eq!(method(&v1(b"plant-7\0")), "cleartext");
        assert_eq!(method(&v2(&[])), "none");
        assert_eq!(method(&v2(&[&[3, 8][..], b"plant-7\0"].concat())), "cleartext");
        assert_eq!(method(&v2(&[&[4, 28][..], &[1; 28]].concat())), "md5");
        assert_eq!(field(&read(&v1(b"plant-7\0")), Kind::Credential, Field::SecretUse), ["hsrp authentication"]);
        assert!(field(&read(&v1(b"cisco\0\0\0")), Kind::Credential, Field::SecretUse).is_empty());
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &v1(b"cisco\0\0\0")[..19], &[1, 40, 2, 0], &[2; 60]] {
            assert_eq!(gate(&Hsrp, stranger, PORT), Gate::NotMine);
        }
    }
}
