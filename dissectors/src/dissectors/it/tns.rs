//! TNS, Oracle's network layer: which services are asked for by whom, and the listener's version.
//!
//! Spec: none public. Packet and connect data as the documentation of Oracle Net ("Net Services Reference", connect descriptors) and
//! public captures show them. Tells us: services, host and program of clients, protocol version, version of listeners that refuse.
//! Does not tell: log-ins and statements, which lie in data packets.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::login::word;
use crate::tlv::number;
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Tns;

const PORTS: [u16; 2] = [1521, 1526];
/// Length, checksum, type, flags, checksum of the header. From protocol version 315 on the length of data packets has four bytes.
const HEADER: usize = 8;
const WANT: usize = 2048;

const CONNECT: u8 = 1;
const ACCEPT: u8 = 2;
const REFUSE: u8 = 4;
const REDIRECT: u8 = 5;
const DATA: u8 = 6;
const TYPE_MAX: u8 = 19;
/// Where a connect packet says how long its data is and where it begins.
const CONNECT_FIXED: usize = 20;
/// Protocol versions from 7.x (0x0100...) on count up to some 320.
const VERSIONS: std::ops::RangeInclusive<u64> = 100..=400;

impl Dissector for Tns {
    type State = ();

    const ROW: Row = Row {
        name: "tns",
        revision: 1,
        spec: "Oracle Net Services Reference",
        tells: "services of databases, host and program of clients, version of listeners",
        bindings: &[Binding::Tcp(PORTS[0]), Binding::Tcp(PORTS[1])],
        shapes: &[Shape {
            over: Transport::Tcp,
            bytes: &[(0, 0xf8, 0), (2, 0xff, 0), (3, 0xff, 0), (4, 0xff, CONNECT), (6, 0xff, 0), (7, 0xff, 0), (8, 0xfe, 0)],
            min: 34,
            max: usize::MAX,
        }],
        operations: &[("connect", OperationClass::Session), ("data", OperationClass::Read)],
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let Some((kind, length, body)) = packet(head) else { return Gate::NotMine };
        let bound = PORTS.iter().any(|port| *port == at.src_port || *port == at.dst_port);
        let whole = length == head.len() || length > head.len() && head.len() >= crate::engine::GATE_BYTES;
        let mine = match kind {
            CONNECT => descriptor(head).is_some(),
            ACCEPT => bound && whole && VERSIONS.contains(&number(body.get(..2).unwrap_or_default())),
            REFUSE | REDIRECT => bound && whole && body.contains(&b'('),
            DATA => bound && whole && length > HEADER + 2,
            _ => false,
        };
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.get(4) {
            Some(&CONNECT) => Side::Client,
            Some(&(ACCEPT | REFUSE | REDIRECT)) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        match packet(head) {
            Some((_, length, _)) => Framing::Pdu { len: length, want: length.min(WANT) },
            None if head.len() < HEADER => Framing::Need(HEADER),
            // A longer length: 0, 0, then a number of its own.
            None => Framing::datagram(head),
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        match packet(head) {
            Some((CONNECT, ..)) => Glance { operation: Some(0), look: Look::Always, inner: None },
            Some((ACCEPT | REFUSE | REDIRECT, ..)) => Glance::READ,
            Some((DATA, ..)) if at.from_client == Some(true) => {
                let long = head.get(10) == Some(&b'(');
                Glance { operation: Some(1), look: if long { Look::Always } else { Look::Never }, inner: None }
            }
            _ => Glance::SKIP,
        }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some((kind, _, body)) = packet(pdu) else { return Ok(Next::Watch) };
        match kind {
            CONNECT => connect(descriptor(pdu).unwrap_or_default(), cx),
            // A descriptor that is too long for its packet follows in the next; two bytes of flags stand before.
            DATA if body.get(2) == Some(&b'(') && cx.from_client() == Some(true) => connect(body.get(2..).unwrap_or_default(), cx),
            ACCEPT => {
                let (server, version) = (cx.sender(), body.get(..2).unwrap_or_default());
                cx.say(&server, Kind::Service).number(Field::ProtocolVersion, number(version), version);
            }
            REFUSE => refused(body, cx),
            _ => {}
        }
        Ok(Next::Watch)
    }
}

/// Type, length, and what is there of the body.
fn packet(bytes: &[u8]) -> Option<(u8, usize, &[u8])> {
    let (&[high, low, c0, c1, kind, _, h0, h1], body) = bytes.split_first_chunk::<HEADER>()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let sound = (1..=TYPE_MAX).contains(&kind) && length >= HEADER && [c0, c1, h0, h1] == [0; 4];
    sound.then(|| (kind, length, body.get(..length - HEADER).unwrap_or(body)))
}

/// The connect data of a connect packet; empty where it follows in another.
fn descriptor(bytes: &[u8]) -> Option<&[u8]> {
    let (kind, length, body) = packet(bytes)?;
    let fixed = body.get(..CONNECT_FIXED)?;
    let (version, size, start) = (number(fixed.get(..2)?), number(fixed.get(16..18)?), usize::try_from(number(fixed.get(18..20)?)).ok()?);
    let sound = kind == CONNECT && VERSIONS.contains(&version) && (26..=length.max(0xff)).contains(&start);
    let size = usize::try_from(size).ok()?;
    let data = bytes.get(start..).unwrap_or_default();
    let data = data.get(..size).unwrap_or(data);
    (sound && (data.is_empty() || data.first() == Some(&b'('))).then_some(data)
}

/// The value of a name in `(NAME=value)`.
fn value<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut from = 0;
    loop {
        let rest = text.get(from..)?;
        let at = rest.windows(name.len()).position(|window| window.eq_ignore_ascii_case(name))?;
        let (before, behind) = (at.checked_sub(1).and_then(|at| rest.get(at)), rest.get(at + name.len()..)?);
        let behind = behind.trim_ascii_start();
        if let (Some(b'('), Some(value)) = (before, behind.strip_prefix(b"=")) {
            return value.split(|byte| matches!(byte, b')' | b'(')).next().map(trim).filter(|value| !value.is_empty());
        }
        from += at + name.len();
    }
}

fn connect(text: &[u8], cx: &mut Context<'_>) {
    let (client, server) = (cx.sender_host(), cx.receiver());
    let service = value(text, b"SERVICE_NAME").or_else(|| value(text, b"SID"));
    drop(cx.say(&server, Kind::Request).maybe(service, |s, v| s.text(Field::ServiceName, v)));
    // The client's own words stand in CID; HOST in ADDRESS is the server's.
    let own = text.windows(5).position(|window| window.eq_ignore_ascii_case(b"(CID=")).and_then(|at| text.get(at + 5..));
    let Some(own) = own else { return };
    let host = value(own, b"HOST").filter(|host| !matches!(*host, b"__jdbc__" | b"localhost"));
    let program = value(own, b"PROGRAM").filter(|program| *program != b"");
    drop(cx.say(&client, Kind::Client).maybe(host, |s, v| s.text(Field::Hostname, v)).maybe(program, |s, v| s.text(Field::ClientName, v)));
}

/// VSNNUM is a version in one number: 4, 4 (2 digits), 8, 4 and 8 bits.
fn refused(text: &[u8], cx: &mut Context<'_>) {
    let server = cx.sender();
    cx.say(&server, Kind::Service).implied(Field::Outcome, &word("refused"));
    let Some(slice) = value(text, b"VSNNUM") else { return };
    let Some(packed) = std::str::from_utf8(slice).ok().and_then(|digits| digits.parse::<u32>().ok()).filter(|packed| *packed > 0) else { return };
    let version = format!("{}.{}.{}.{}.{}", packed >> 24, packed >> 20 & 15, packed >> 12 & 255, packed >> 8 & 15, packed & 255);
    cx.say(&server, Kind::Service).decoded(Field::SoftwareVersion, &word(&version), slice, "tns-version");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, field, gate, payload};

    const TEXT: &[u8] = b"(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=10.0.0.2)(PORT=1521))(CONNECT_DATA=(SERVICE_NAME=MES)(CID=(PROGRAM=sqlplus)(HOST=eng-ws07)(USER=jane))))";

    fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len() + HEADER).unwrap().to_be_bytes();
        [&[length[0], length[1], 0, 0, kind, 0, 0, 0][..], body].concat()
    }

    fn connect_of(text: &[u8]) -> Vec<u8> {
        let mut body = vec![0; 50];
        body[..2].copy_from_slice(&[1, 0x3a]);
        body[16..18].copy_from_slice(&u16::try_from(text.len()).unwrap().to_be_bytes());
        body[18..20].copy_from_slice(&[0, 58]);
        body.extend_from_slice(text);
        framed(CONNECT, &body)
    }

    #[test]
    fn a_client_says_where_it_is_and_what_it_wants() {
        let said = payload(&Tns, Transport::Tcp, 50000, 1521, &connect_of(TEXT));
        assert_eq!(field(&said, Kind::Client, Field::Hostname), ["eng-ws07"]);
        assert_eq!(field(&said, Kind::Client, Field::ClientName), ["sqlplus"]);
        assert_eq!(field(&said, Kind::Request, Field::ServiceName), ["MES"]);
        let all: String = said.iter().flat_map(|said| &said.fields_first).map(|field| String::from_utf8_lossy(&field.quote).into_owned()).collect();
        assert!(!all.contains("jane"));
    }

    #[test]
    fn a_listener_that_refuses_says_its_version() {
        let said = answer(&Tns, &framed(REFUSE, &[&[0x22, 0, 0, 0x59][..], b"(DESCRIPTION=(TMP=)(VSNNUM=186647296)(ERR=12514))"].concat()));
        assert_eq!(field(&said, Kind::Service, Field::SoftwareVersion), ["11.2.0.3.0"]);
    }

    #[test]
    fn it_is_found_elsewhere_and_strangers_are_refused() {
        assert_eq!(gate(&Tns, &connect_of(TEXT), 11521), Gate::Mine);
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"SSH-2.0-x\r\n", &[0; 40], &[0, 40, 0, 0, 1, 0, 0, 0, 9, 9], &[0x16, 3, 1, 2, 0, 1, 0, 0]] {
            assert_eq!(gate(&Tns, stranger, 1521), Gate::NotMine, "{stranger:?}");
        }
    }
}
