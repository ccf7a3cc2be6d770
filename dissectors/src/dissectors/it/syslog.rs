//! Syslog: devices report what they do, and name themselves and their programs.
//!
//! Spec: RFC 5424 (syslog), RFC 3164 (BSD syslog), RFC 5426 (UDP), RFC 6587 (TCP); over TLS it is RFC 5425, of which nothing is seen.
//! Tells us: host name and program of the first sender, that messages cross in the clear.
//! Does not tell: whether a relay passes others' messages on; the messages themselves are not kept.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::login::word;
use crate::tlv::hash;
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Syslog;

const PORT: u16 = 514;
/// RFC 6587 §3.1 is the reason for the second; UDP 514 is registered.
const RELIABLE_PORT: u16 = 601;
/// RFC 5424 §6.2.1: facility 23, severity 7.
const PRI_MAX: u32 = 191;
/// Host name, program and their order stand in the first part of a message.
const WANT: usize = 400;
/// RFC 5424 §6.1: receivers should take messages of 2 KiB; of longer ones the length says where they end.
const LINE_MAX: usize = 8 * 1024;
/// RFC 5424 §6: 255 and 48 characters.
const HOSTNAME_MAX: usize = 255;
const NAME_MAX: usize = 48;
/// RFC 3164 §4.1.2: `Mmm dd hh:mm:ss`.
const BSD_TIME: usize = 15;
const MONTHS: &[&[u8; 3]] = &[b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

impl Dissector for Syslog {
    type State = ();

    const ROW: Row = Row {
        name: "syslog",
        revision: 1,
        spec: "RFC 5424, RFC 3164, RFC 6587",
        tells: "host names and programs of senders, in the clear",
        bindings: &[Binding::Udp(PORT), Binding::Tcp(PORT), Binding::Tcp(RELIABLE_PORT)],
        // "<", then digits or ">", which all begin with 3.
        shapes: &[Shape { over: Transport::Udp, bytes: &[(0, 0xff, b'<'), (1, 0xf0, 0x30), (2, 0xf0, 0x30)], min: 16, max: 65_535 }],
        operations: &[("message", OperationClass::Session)],
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let bound = [PORT, RELIABLE_PORT].iter().any(|port| *port == at.src_port || *port == at.dst_port);
        let (_, counted) = octets(head);
        let text = |rest: &[u8]| rest.iter().take(16).all(|byte| *byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r'));
        match priority(counted) {
            Some(rest) if Message::of(rest).is_some() || bound && !rest.is_empty() && text(rest) => Gate::Mine,
            _ => Gate::NotMine,
        }
    }

    fn side(&self, _: &[u8]) -> Side {
        Side::Client
    }

    fn frame(&self, head: &[u8]) -> Framing {
        let (prefix, _) = octets(head);
        if let Some((length, digits)) = prefix {
            let len = digits + length;
            return Framing::Pdu { len, want: len.min(digits + WANT) };
        }
        // RFC 6587 §3.4.2: a message ends with its line.
        match head.iter().take(LINE_MAX).position(|byte| matches!(byte, b'\n' | 0)) {
            Some(end) => Framing::Pdu { len: end + 1, want: end + 1 },
            None if head.len() < LINE_MAX => Framing::Need(head.len() + 1),
            None => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some(rest) = priority(octets(head).1) else { return Glance::SKIP };
        // One of each host and program.
        let look = match Message::of(rest) {
            Some(message) => Look::Once(hash(&[message.host, b" ", message.program].concat())),
            None => Look::Once(0),
        };
        Glance { operation: Some(0), look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some(rest) = priority(octets(pdu).1) else { return Ok(Next::Watch) };
        let (sender, receiver) = (cx.sender_host(), cx.receiver());
        if let Some(message) = Message::of(rest) {
            cx.say(&sender, Kind::Client).text(Field::SyslogHostname, message.host).text(Field::SyslogAppName, message.program);
        }
        cx.say(&receiver, Kind::Security).implied(Field::SecurityLevel, &word("none"));
        Ok(Next::Watch)
    }
}

/// RFC 6587 §3.4.1: a length in digits and a space before a message; gives the length with that of the digits, and the message.
fn octets(head: &[u8]) -> (Option<(usize, usize)>, &[u8]) {
    let digits = head.iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
    let length = head.get(..digits).and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|digits| digits.parse::<usize>().ok());
    match (length, head.get(digits), head.get(digits + 1..)) {
        (Some(length), Some(b' '), Some(rest)) if digits > 0 && length > 0 => (Some((length, digits + 1)), rest),
        _ => (None, head),
    }
}

/// RFC 5424 §6.2.1: `<PRI>`; gives what follows.
fn priority(head: &[u8]) -> Option<&[u8]> {
    let rest = head.strip_prefix(b"<")?;
    let end = rest.iter().take(4).position(|byte| *byte == b'>')?;
    let (digits, rest) = rest.split_at_checked(end)?;
    let value: u32 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (digits.iter().all(u8::is_ascii_digit) && value <= PRI_MAX).then(|| rest.get(1..).unwrap_or_default())
}

/// Host and program, each empty where a message does not name it.
struct Message<'a> {
    host: &'a [u8],
    program: &'a [u8],
}

impl<'a> Message<'a> {
    fn of(rest: &'a [u8]) -> Option<Self> {
        let rest = rest.split(|byte| matches!(byte, b'\n' | 0)).next()?;
        match rest.strip_prefix(b"1 ") {
            Some(rest) => Self::ietf(rest),
            None => Self::bsd(rest).or_else(|| Self::numbered(rest)),
        }
    }

    /// As network devices write: a number, a colon, the time with a mark of doubt before it; neither host nor tag.
    fn numbered(rest: &'a [u8]) -> Option<Self> {
        let digits = rest.iter().take(10).take_while(|byte| byte.is_ascii_digit()).count();
        let time = rest.get(digits..)?.strip_prefix(b": ")?;
        let time = time.strip_prefix(b"*").or_else(|| time.strip_prefix(b".")).unwrap_or(time);
        (digits > 0 && MONTHS.iter().any(|month| time.starts_with(*month))).then_some(Self { host: &[], program: &[] })
    }

    /// RFC 5424 §6: TIMESTAMP HOSTNAME APP-NAME PROCID MSGID; a hyphen stands for nothing.
    fn ietf(rest: &'a [u8]) -> Option<Self> {
        let mut words = rest.splitn(6, |byte| *byte == b' ');
        let (time, host, program) = (words.next()?, words.next()?, words.next()?);
        let timed = time == b"-" || time.len() >= 19 && time.get(4) == Some(&b'-') && time.get(10) == Some(&b'T');
        let named = |word: &'a [u8], most| if word == b"-" || word.len() > most || !word.iter().all(u8::is_ascii_graphic) { &[][..] } else { word };
        timed.then(|| Self { host: host_name(named(host, HOSTNAME_MAX)), program: named(program, NAME_MAX) })
    }

    /// RFC 3164 §4.1: TIMESTAMP HOSTNAME TAG; devices leave the host name out, so that it counts only before a tag.
    fn bsd(rest: &'a [u8]) -> Option<Self> {
        let (time, rest) = rest.split_at_checked(BSD_TIME)?;
        let timed = MONTHS.iter().any(|month| time.starts_with(*month)) && time.get(9) == Some(&b':') && time.get(12) == Some(&b':');
        if !timed {
            return None;
        }
        let mut words = trim(rest).splitn(3, |byte| *byte == b' ');
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if let Some(program) = tag(first) {
            return Some(Self { host: &[], program });
        }
        Some(match tag(second) {
            Some(program) => Self { host: host_name(first), program },
            None => Self { host: &[], program: &[] },
        })
    }
}

/// RFC 3164 §4.1.3: letters and digits up to a colon or a bracket.
fn tag(word: &[u8]) -> Option<&[u8]> {
    let end = word.iter().position(|byte| matches!(byte, b':' | b'['))?;
    let (name, rest) = word.split_at_checked(end)?;
    let plain =
        (1..=NAME_MAX).contains(&name.len()) && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/' | b'.'));
    (plain && (rest == b":" || rest.ends_with(b"]:") || rest.ends_with(b"]"))).then_some(name)
}

/// A name: an address in its place is known already.
fn host_name(word: &[u8]) -> &[u8] {
    let named =
        word.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) && word.iter().any(u8::is_ascii_alphabetic);
    if named && word.len() <= HOSTNAME_MAX { word } else { &[] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, payload};

    fn told(message: &[u8]) -> (String, String) {
        let said = payload(&Syslog, Transport::Udp, 50000, PORT, message);
        (field(&said, Kind::Client, Field::SyslogHostname).concat(), field(&said, Kind::Client, Field::SyslogAppName).concat())
    }

    fn pair(host: &str, program: &str) -> (String, String) {
        (host.into(), program.into())
    }

    #[test]
    fn host_and_program_are_told_in_both_forms() {
        assert_eq!(told(b"<13>1 2026-11-22T14:18:22.09+00:00 m340-pump7 BMXP342020 - - - boot"), pair("m340-pump7", "BMXP342020"));
        assert_eq!(told(b"<13>Nov 22 14:18:22 ipcam-gate hikvision: motion"), pair("ipcam-gate", "hikvision"));
        assert_eq!(told(b"<38>Nov  2 14:18:22 sshd[12]: session"), pair("", "sshd"));
        assert_eq!(told(b"<13>1 - - - - - -"), pair("", ""));
    }

    #[test]
    fn words_of_a_message_are_no_host() {
        assert_eq!(told(b"<13>Nov 22 14:18:22 last message repeated 3 times"), pair("", ""));
        assert_eq!(told(b"<13>Nov 22 14:18:22 10.0.0.7 fan: slow"), pair("", "fan"));
        assert_eq!(told(b"<189>29: *Mar 1 18:46:11: %SYS-5-CONFIG_I: Configured"), pair("", ""));
    }

    #[test]
    fn messages_over_tcp_are_counted_or_lines() {
        let one = b"<13>Nov 22 14:18:22 a-1 app: x\n<13>Nov 22 14:18:23 a-2 app: y\n";
        let said = conversation(&Syslog, Transport::Tcp, &[(50000, PORT, one)]);
        assert_eq!(field(&said, Kind::Client, Field::SyslogHostname).len(), 2);
        let message = b"<13>1 2026-11-22T14:18:22Z b-1 app - - - x\ny";
        let counted = [format!("{} ", message.len()).as_bytes(), message, b"44 "].concat();
        let said = conversation(&Syslog, Transport::Tcp, &[(50000, RELIABLE_PORT, &counted)]);
        assert_eq!(field(&said, Kind::Client, Field::SyslogHostname), ["b-1"]);
    }

    #[test]
    fn it_is_found_elsewhere_and_strangers_are_refused() {
        let said = payload(&Syslog, Transport::Udp, 50000, 5140, b"<13>Nov 22 14:18:22 a-1 app: x");
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["none"]);
        for stranger in [&b"<html><body>"[..], b"<999>x", b"<13", b"GET / HTTP/1.1\r\n\r\n", &[0; 40], b"<13>\0\0\0\0"] {
            assert_eq!(gate(&Syslog, stranger, PORT), Gate::NotMine, "{stranger:?}");
        }
        assert_eq!(gate(&Syslog, b"<13>anything", 5140), Gate::NotMine);
    }
}
