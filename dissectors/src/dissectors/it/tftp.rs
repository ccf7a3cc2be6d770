//! TFTP: files that devices fetch and leave without any log-in: configurations, firmware, start-up images.
//!
//! Spec: RFC 1350, RFC 2347 to RFC 2349 and RFC 7440 (options).
//! Tells us: which files are asked for, whether they are given and taken. Names often carry a telephone's MAC address or a device's model.
//! Does not tell: what is in them; where they are kept.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::login;
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Tftp;

const PORT: u16 = 69;
/// RFC 1350 §5.
const RRQ: u16 = 1;
const WRQ: u16 = 2;
const DATA: u16 = 3;
const ACK: u16 = 4;
const ERROR: u16 = 5;
const OACK: u16 = 6;
/// Names are paths; requests have one packet.
const NAME_MAX: usize = 256;

const OPERATIONS: &[(&str, OperationClass)] = &[("rrq", OperationClass::Read), ("wrq", OperationClass::Write)];

impl Dissector for Tftp {
    type State = ();

    const ROW: Row = Row {
        name: "tftp",
        revision: 2,
        spec: "RFC 1350, RFC 2347",
        tells: "files that are fetched and left without a log-in",
        bindings: &[Binding::Udp(PORT)],
        shapes: &[
            // The answer comes from a port of its own: it is waited for. Where the question was not seen, a block of data has too little that
            // shows whose it is, agreed options have.
            Shape { over: Transport::Udp, bytes: &[(0, 0xff, 0), (1, 0xff, 6), (2, 0x40, 0x40), (3, 0x40, 0x40), (4, 0x40, 0x40)], min: 8, max: 512 },
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let asked = at.dst_port == PORT;
        let ours = match opcode(head) {
            Some((RRQ | WRQ, rest)) => asked && request(rest).is_some(),
            Some((OACK, rest)) => !asked && is_options(rest),
            Some((ERROR, rest)) => at.src_port == PORT && matches!(rest, [0, 0..=8, .., 0]),
            _ => false,
        };
        if ours { Gate::Mine } else { Gate::NotMine }
    }

    fn follows(&self, head: &[u8]) -> bool {
        is_first(head) || matches!(opcode(head), Some((ERROR, [0, 0..=8, .., 0]))) || matches!(opcode(head), Some((OACK, rest)) if is_options(rest))
    }

    fn side(&self, head: &[u8]) -> Side {
        match opcode(head) {
            Some((RRQ | WRQ, _)) => Side::Client,
            Some((OACK, _)) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        match opcode(head) {
            Some((code @ (RRQ | WRQ), _)) => Glance { operation: Some(code - 1), ..Glance::READ },
            Some((OACK, _)) => Glance { look: Look::Once(0), ..Glance::SKIP },
            Some((DATA | ACK, _)) if is_first(head) => Glance { look: Look::Once(1), ..Glance::SKIP },
            _ => Glance::SKIP,
        }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        match opcode(pdu) {
            Some((RRQ | WRQ, rest)) => {
                let (name, _) = request(rest).ok_or(DissectError::Malformed { rule: "request", offset: 2 })?;
                let client = cx.sender_host();
                cx.expect_answer();
                cx.say(&client, Kind::Request).text(Field::FileName, name.get(..NAME_MAX).unwrap_or(name));
                if let Some(mac) = telephone(name) {
                    cx.say(&client, Kind::Identity).decoded(Field::MacAddress, &observations::Value::Mac(mac.0), mac.1, "mac-text");
                }
            }
            // Somebody gives, or agrees to, what was asked for without a log-in.
            Some((OACK, _)) => given(cx),
            Some((DATA | ACK, _)) if cx.from_client() == Some(false) && is_first(pdu) => given(cx),
            _ => {}
        }
        Ok(Next::Watch)
    }
}

/// RFC 1350 §2 and §4: what is read begins with block 1, what is written is agreed to by acknowledging block 0.
fn is_first(head: &[u8]) -> bool {
    matches!(opcode(head), Some((DATA, [0, 1, ..]) | (ACK, [0, 0])))
}

fn given(cx: &mut Context<'_>) {
    let host = cx.sender_host();
    drop(login::say(cx, &host, login::NONE, login::ACCEPTED));
}

fn opcode(head: &[u8]) -> Option<(u16, &[u8])> {
    head.split_first_chunk::<2>().map(|(code, rest)| (u16::from_be_bytes(*code), rest))
}

/// RFC 1350 §5: name and mode, each with a NUL behind; RFC 2347: then options and values in pairs.
fn request(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = rest.split(|byte| *byte == 0);
    let (name, mode) = (parts.next()?, parts.next()?);
    parts.next()?;
    let modes = [&b"octet"[..], b"netascii", b"mail"];
    let known = modes.iter().any(|known| mode.eq_ignore_ascii_case(known));
    (known && !name.is_empty() && name.iter().all(|byte| *byte >= b' ')).then_some((name, mode))
}

/// RFC 2347 §2: pairs of known options.
fn is_options(rest: &[u8]) -> bool {
    let known = [&b"blksize"[..], b"timeout", b"tsize", b"windowsize", b"multicast", b"utimeout", b"blksize2", b"rollover"];
    let name = rest.split(|byte| *byte == 0).next().unwrap_or_default();
    rest.last() == Some(&0) && known.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Telephones ask for files that are called by their MAC address: `SEP` (or `CTLSEP`, `ATA`, `SIP`), 12 digits, and an ending.
fn telephone(name: &[u8]) -> Option<(observations::Mac, &[u8])> {
    const DIGITS: usize = 12;
    let prefix = [&b"SEP"[..], b"CTLSEP", b"ITLSEP", b"SIP", b"ATA"].into_iter().find(|prefix| name.starts_with(prefix))?;
    let digits = name.get(prefix.len()..prefix.len() + DIGITS)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) || name.get(prefix.len() + DIGITS) != Some(&b'.') {
        return None;
    }
    Some((crate::tlv::mac_of_text(digits)?, digits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, outcomes, payload, request as ask};

    #[test]
    fn a_file_that_is_asked_for_is_told() {
        let said = ask(&Tftp, b"\0\x01firmware-4.2.bin\0octet\0tsize\x000\0");
        assert_eq!(field(&said, Kind::Request, Field::FileName), ["firmware-4.2.bin"]);
        assert!(outcomes(&said).is_empty());
    }

    #[test]
    fn a_telephone_s_file_names_it() {
        let said = ask(&Tftp, b"\0\x01SEP001BD4C0FFEE.cnf.xml\0octet\0");
        assert_eq!(field(&said, Kind::Identity, Field::MacAddress), ["00:1b:d4:c0:ff:ee"]);
        assert!(field(&ask(&Tftp, b"\0\x01SEPTEMBER\0octet\0"), Kind::Identity, Field::MacAddress).is_empty());
    }

    #[test]
    fn whoever_gives_needs_no_log_in() {
        let block = [&[0, 3, 0, 1][..], &[7; 512]].concat();
        assert!(outcomes(&payload(&Tftp, Transport::Udp, 40000, 50000, &block)).is_empty());
        assert_eq!(outcomes(&payload(&Tftp, Transport::Udp, 40000, 50000, b"\0\x06tsize\x002048\0")), ["none accepted"]);
        let said = conversation(&Tftp, Transport::Udp, &[(50000, 69, b"\0\x01x\0octet\0"), (69, 50000, b"\0\x05\0\x01not found\0")]);
        assert!(outcomes(&said).is_empty());
    }

    #[test]
    fn an_answer_from_another_port_is_known_by_the_question() {
        let block = [&[0, 3, 0, 1][..], &[7; 512]].concat();
        let read = |answer: &[u8]| outcomes(&conversation(&Tftp, Transport::Udp, &[(50000, 69, b"\0\x01x\0octet\0"), (40000, 50000, answer)]));
        assert_eq!(read(&block), ["none accepted"]);
        assert_eq!(read(&[0, 4, 0, 0]), ["none accepted"]);
        for other in [&b"\0\x05\0\x01not found\0"[..], &[0, 3, 0, 2, 7], &[0, 4, 0, 1], b"hello"] {
            assert!(read(other).is_empty(), "{other:?}");
        }
        let elsewhere = conversation(&Tftp, Transport::Udp, &[(50000, 69, b"\0\x01x\0octet\0"), (40000, 50001, &block)]);
        assert!(outcomes(&elsewhere).is_empty());
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"\0\x01\0\x08!\x12\xa4B"[..], b"\0\x01name\0binary\0", b"\0\x02\0octet\0", b"\0\x01cut", b"<34>hello", &[0, 3, 0, 1]] {
            assert_eq!(gate(&Tftp, stranger, 69), Gate::NotMine);
        }
        assert_eq!(gate(&Tftp, b"\0\x01x\0octet\0", 6900), Gate::NotMine);
    }
}
