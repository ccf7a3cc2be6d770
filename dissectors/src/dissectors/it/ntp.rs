//! NTP: who gives the time, from where it has it, and whether anybody could have said so.
//!
//! Spec: RFC 5905 (NTPv4), RFC 9327 (control messages, mode 6), RFC 8915 (NTS extension fields), ntpd's `ntp_request.h` (mode 7).
//! Tells us: stratum and reference of servers, whether answers are authenticated, version and system of daemons that answer control queries.
//! Does not tell: whether the time is right; keys, of which only a digest crosses.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Side};
use crate::login::word;
use crate::tlv::{hash, number};
use observations::{Field, Kind, OperationClass, Subject};

pub(crate) struct Ntp;

const PORT: u16 = 123;
/// RFC 5905 §7.3: up to the transmit timestamp.
const HEADER: usize = 48;
/// RFC 9327 §2.
const CONTROL_HEADER: usize = 12;
/// ntp_request.h, `RESP_HEADER_SIZE`.
const PRIVATE_HEADER: usize = 8;
/// RFC 7822 §3: the shortest extension field; what is shorter at the end is a MAC (key id and digest: 20 or 24 bytes; more for SHA-2).
const EXTENSION_MIN: usize = 28;
/// A crypto-NAK is a key id alone (RFC 5905 §7.3).
const CRYPTO_NAK: usize = 4;
/// RFC 8915 §7.6: NTS Authenticator and Encrypted Extension Fields.
const NTS_AUTHENTICATOR: u64 = 0x0404;
/// An answer carries a handful of extension fields.
const EXTENSIONS_MAX: usize = 16;

const SYMMETRIC_ACTIVE: u8 = 1;
const SYMMETRIC_PASSIVE: u8 = 2;
const CLIENT: u8 = 3;
const SERVER: u8 = 4;
const BROADCAST: u8 = 5;
const CONTROL: u8 = 6;
const PRIVATE: u8 = 7;

/// Time modes by their numbers, then what mode 6 and 7 ask for.
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("symmetric_active", OperationClass::Session),
    ("symmetric_passive", OperationClass::Session),
    ("client", OperationClass::Read),
    ("server", OperationClass::Session),
    ("broadcast", OperationClass::Session),
    ("control_read", OperationClass::Diagnose),
    ("control_write", OperationClass::Configure),
    ("private", OperationClass::Diagnose),
];
const CONTROL_READ: u16 = 5;
const CONTROL_WRITE: u16 = 6;
const PRIVATE_REQUEST: u16 = 7;
/// RFC 9327 §2.1: write variables, write clock variables, configure.
const WRITES: &[u8] = &[3, 5, 8, 9];
const OPCODE: u8 = 0x1f;
const RESPONSE: u8 = 0x80;

impl Dissector for Ntp {
    type State = ();

    const ROW: Row = Row {
        name: "ntp",
        revision: 1,
        spec: "RFC 5905, RFC 9327, RFC 8915",
        tells: "stratum, reference, authentication of time; version and system of daemons that answer control queries",
        bindings: &[Binding::Udp(PORT)],
        // The first byte is all that is fixed.
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let mine = match mode(head) {
            Some(CONTROL) => control(head).is_some(),
            Some(PRIVATE) => private(head).is_some(),
            Some(mode) => is_time(mode, head),
            None => false,
        };
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        let asks = |answer: bool| if answer { Side::Server } else { Side::Client };
        match mode(head) {
            Some(CLIENT) => Side::Client,
            Some(SERVER | BROADCAST) => Side::Server,
            Some(CONTROL) => asks(head.get(1).is_some_and(|byte| byte & RESPONSE != 0)),
            Some(PRIVATE) => asks(head.first().is_some_and(|byte| byte & RESPONSE != 0)),
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some(mode) = mode(head) else { return Glance::SKIP };
        let operation = match mode {
            CONTROL => control(head).filter(|message| !message.answer).map(|message| message.operation()),
            PRIVATE => private(head).filter(|answer| !answer).map(|_| PRIVATE_REQUEST),
            mode => Some(u16::from(mode).saturating_sub(1)),
        };
        let look = match mode {
            CONTROL | PRIVATE => Look::Always,
            // Stratum, reference and how long what follows is: all else is time.
            _ => Look::Once(hash(&[head.get(..2).unwrap_or_default(), head.get(12..16).unwrap_or_default(), &[length_class(head)]].concat())),
        };
        Glance { operation, look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        match mode(pdu) {
            Some(CONTROL) => variables(pdu, cx),
            Some(PRIVATE) if private(pdu) == Some(true) => drop(answers(cx, "private")),
            Some(mode @ (SERVER | BROADCAST | SYMMETRIC_ACTIVE | SYMMETRIC_PASSIVE)) => time(mode, pdu, cx),
            _ => {}
        }
        Ok(Next::Watch)
    }
}

/// Mode, of a packet whose version is in use.
fn mode(head: &[u8]) -> Option<u8> {
    let first = head.first()?;
    let version = first >> 3 & 7;
    ((1..=4).contains(&version) && first & 7 != 0).then_some(first & 7)
}

/// §7.3: figures that an answer must have; clients may leave all of them out (RFC 4330 §5).
fn is_time(mode: u8, head: &[u8]) -> bool {
    let figures = |stratum: u8, poll: u8, precision: u8| stratum <= 16 && (poll <= 17 || poll >= 0xf0) && (precision >= 0xe0 || precision <= 1);
    let rest = head.len().checked_sub(HEADER).filter(|rest| rest % 4 == 0);
    match (rest, head) {
        (Some(_), &[_, stratum, poll, precision, ..]) if mode == CLIENT => figures(stratum, poll, precision),
        (Some(_), &[_, stratum, poll, precision, ..]) => {
            figures(stratum, poll, precision) && precision >= 0x80 && number(head.get(40..HEADER).unwrap_or_default()) != 0
        }
        _ => false,
    }
}

fn length_class(head: &[u8]) -> u8 {
    u8::try_from(head.len() / 4).unwrap_or(u8::MAX)
}

/// What follows the header (§7.3, RFC 7822 §3, RFC 8915 §5.7).
fn authentication(rest: &[u8]) -> &'static str {
    if rest.len() <= CRYPTO_NAK {
        return "none";
    }
    let mut left = rest;
    for _ in 0..EXTENSIONS_MAX {
        let (kind, length) = (number(left.get(..2).unwrap_or_default()), number(left.get(2..4).unwrap_or_default()));
        let length = usize::try_from(length).unwrap_or(0);
        if left.len() < EXTENSION_MIN || length < 16 || length % 4 != 0 || length > left.len() {
            break;
        }
        if kind == NTS_AUTHENTICATOR {
            return "nts";
        }
        left = left.get(length..).unwrap_or_default();
    }
    if left.len() > CRYPTO_NAK { "mac" } else { "none" }
}

fn time(mode: u8, pdu: &[u8], cx: &mut Context<'_>) {
    let about = if mode == SERVER { cx.sender() } else { cx.sender_host() };
    let (stratum, reference) = (pdu.get(1..2).unwrap_or_default(), pdu.get(12..16).unwrap_or_default());
    let saying = cx.say(&about, Kind::Service).number(Field::NtpStratum, number(stratum), stratum);
    match number(stratum) {
        // §7.3: a kiss code, or the name of a clock.
        0 => drop(saying),
        1 => drop(saying.trimmed(Field::NtpReference, reference)),
        _ => drop(saying.bytes(Field::NtpReference, reference)),
    }
    let rest = pdu.get(HEADER..).unwrap_or_default();
    let method = authentication(rest);
    let saying = cx.say(&about, Kind::Security);
    drop(match method {
        "none" => saying.implied(Field::AuthenticationMethod, &word(method)),
        _ => saying.decoded(Field::AuthenticationMethod, &word(method), rest, "ntp-authenticator"),
    });
}

struct Control<'a> {
    answer: bool,
    opcode: u8,
    data: &'a [u8],
}

impl Control<'_> {
    fn operation(&self) -> u16 {
        if WRITES.contains(&self.opcode) { CONTROL_WRITE } else { CONTROL_READ }
    }
}

/// RFC 9327 §2: a header whose count agrees with what follows, padded to words and perhaps authenticated.
fn control(head: &[u8]) -> Option<Control<'_>> {
    let (header, body) = head.split_at_checked(CONTROL_HEADER)?;
    let bits = *header.get(1)?;
    let count = usize::try_from(number(header.get(10..12)?)).ok()?;
    let cut = head.len() >= crate::engine::GATE_BYTES;
    let fits = count <= body.len() && body.len() - count <= 64 || cut;
    let mine = mode(head) == Some(CONTROL) && bits & OPCODE != 0 && fits;
    mine.then_some(Control { answer: bits & RESPONSE != 0, opcode: bits & OPCODE, data: body.get(..count).unwrap_or(body) })
}

/// Whether a mode 7 message is an answer; its items fill it (ntp_request.h).
fn private(head: &[u8]) -> Option<bool> {
    let &[first, _, implementation, _, a, b, c, d] = head.first_chunk::<PRIVATE_HEADER>()?;
    let (count, size) = (usize::from(u16::from_be_bytes([a & 0x0f, b])), usize::from(u16::from_be_bytes([c & 0x0f, d])));
    let answer = first & RESPONSE != 0;
    let fits = head.len() >= PRIVATE_HEADER.saturating_add(count * size);
    (matches!(implementation, 0 | 2 | 3) && c & 0xf0 == 0 && (fits || head.len() >= crate::engine::GATE_BYTES)).then_some(answer)
}

/// That a server answers whoever asks: said with the word of what it answers.
fn answers(cx: &mut Context<'_>, what: &str) -> Subject {
    let about = cx.sender();
    cx.say(&about, Kind::Security).implied(Field::AuthenticationMethod, &word("none")).implied(Field::Outcome, &word(what));
    about
}

/// RFC 9327 §4: `name=value, name="value"`.
fn variables(pdu: &[u8], cx: &mut Context<'_>) {
    let Some(message) = control(pdu).filter(|message| message.answer) else { return };
    // An error tells that it is refused.
    if pdu.get(1).is_some_and(|bits| bits & 0x40 != 0) {
        return;
    }
    let about = answers(cx, "control");
    let value = |name: &[u8]| value(message.data, name);
    let saying = cx.say(&about, Kind::Service).maybe(value(b"version="), |s, v| s.trimmed(Field::SoftwareVersion, v));
    let saying = saying.maybe(value(b"processor="), |s, v| s.trimmed(Field::Cpu, v));
    drop(saying.maybe(value(b"system="), |s, v| s.trimmed(Field::OperatingSystem, v)));
}

fn value<'a>(data: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut from = 0;
    while let Some(at) = data.get(from..)?.windows(name.len()).position(|window| window == name) {
        let start = from + at;
        let alone = start.checked_sub(1).and_then(|before| data.get(before)).is_none_or(|byte| matches!(byte, b' ' | b',' | b'\n' | b'\r'));
        let behind = data.get(start + name.len()..)?;
        if alone {
            return match behind.strip_prefix(b"\"") {
                Some(quoted) => quoted.split(|byte| *byte == b'"').next(),
                None => behind.split(|byte| *byte == b',').next(),
            };
        }
        from = start + name.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, field, gate, request};

    fn packet(first: u8, stratum: u8, reference: [u8; 4], rest: &[u8]) -> Vec<u8> {
        [&[first, stratum, 6, 0xe7][..], &[0; 8], &reference, &[1; 32], rest].concat()
    }

    #[test]
    fn a_server_says_its_stratum_and_its_clock() {
        let said = answer(&Ntp, &packet(0x24, 1, *b"GPS\0", &[]));
        assert_eq!(field(&said, Kind::Service, Field::NtpStratum), ["1"]);
        assert_eq!(field(&said, Kind::Service, Field::NtpReference), ["GPS"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["none"]);
    }

    #[test]
    fn a_digest_and_nts_are_told_from_nothing() {
        let mac = answer(&Ntp, &packet(0x24, 2, [10, 0, 0, 9], &[&[0, 0, 0, 7][..], &[9; 16]].concat()));
        assert_eq!(field(&mac, Kind::Security, Field::AuthenticationMethod), ["mac"]);
        let unique = [&[1, 4, 0, 36][..], &[7; 32]].concat();
        let nts = [&unique[..], &[4, 4, 0, 40], &[5; 36]].concat();
        let said = answer(&Ntp, &packet(0x24, 2, [10, 0, 0, 9], &nts));
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["nts"]);
    }

    #[test]
    fn a_daemon_that_answers_control_queries_says_what_it_is() {
        let text = b"version=\"ntpd 4.2.8p15\", processor=\"armv7l\", system=\"Linux/4.9.0\", leap=0";
        let head = [0x26, 0x82, 0, 1, 6, 0x15, 0, 0, 0, 0, 0, u8::try_from(text.len()).unwrap()];
        let said = answer(&Ntp, &[&head[..], text, &[0; 2]].concat());
        assert_eq!(field(&said, Kind::Service, Field::SoftwareVersion), ["ntpd 4.2.8p15"]);
        assert_eq!(field(&said, Kind::Service, Field::OperatingSystem), ["Linux/4.9.0"]);
        assert_eq!(field(&said, Kind::Service, Field::Cpu), ["armv7l"]);
        assert_eq!(field(&said, Kind::Security, Field::Outcome), ["control"]);
    }

    #[test]
    fn who_asks_says_nothing_of_the_server() {
        let said = request(&Ntp, &packet(0x23, 0, [0; 4], &[]));
        assert!(said.iter().all(|said| said.protocol != "ntp"));
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in
            [&b"GET / HTTP/1.1\r\nHost: plc.example.org and a longer head\r\n\r\n"[..], &[0; 48], &[0x24; 47], &[0x24; 48], b"\x26\x82", &[]]
        {
            assert_eq!(gate(&Ntp, stranger, PORT), Gate::NotMine, "{stranger:?}");
        }
    }
}
