//! Niagara Fox: stations of the Niagara framework, the hosts that they run on, and how their users log in.
//!
//! Spec: no public one. The text form as nmap's fox-info probe and its answers show it: a line with channel and command, then properties
//! with a letter for their type, in braces, ended by `;;`.
//! Tells us: station, host name and id, software version, operating system, virtual machine, brand, kinds of authentication.
//! Does not tell: what a station does once its user has logged in.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape};
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Fox;

/// Stations listen here; 4911 is the same within TLS.
const PORT: u16 = 1911;
/// The longest hello that was met has less than one kilobyte; what follows a log-in may be longer and tells nothing.
const MESSAGE_MAX: usize = 16 * 1024;
const END: &[u8] = b"};;\n";
/// A hello has some twenty properties.
const PROPERTIES_MAX: usize = 64;

const OPERATIONS: &[(&str, OperationClass)] = &[
    ("hello", OperationClass::Session),
    ("challenge", OperationClass::Session),
    ("login", OperationClass::Session),
    ("authenticate", OperationClass::Session),
    ("rejected", OperationClass::Session),
    ("other_message", OperationClass::Session),
];
const HELLO: usize = 0;
const OTHER: usize = OPERATIONS.len() - 1;

/// Properties of a hello that say who sends it.
const PROPERTIES: &[(&[u8], Field)] = &[
    (b"hostName", Field::Hostname),
    (b"station.name", Field::ApplicationName),
    (b"app.name", Field::SoftwareProduct),
    (b"app.version", Field::SoftwareVersion),
    (b"vm.name", Field::RuntimeName),
    (b"vm.version", Field::VmVersion),
    (b"os.name", Field::OperatingSystem),
    (b"os.version", Field::OsRelease),
    (b"hostId", Field::HostId),
    (b"brandId", Field::BrandId),
    (b"fox.version", Field::ProtocolVersion),
];

impl Dissector for Fox {
    type State = ();

    const ROW: Row = Row {
        name: "fox",
        revision: 1,
        spec: "Niagara Fox, as its text form shows it",
        tells: "station, host name and id, software and system versions, brand, kinds of authentication",
        bindings: &[Binding::Tcp(PORT), Binding::Tcp(3011)],
        shapes: &[Shape {
            over: Transport::Tcp,
            bytes: &[(0, 0xff, b'f'), (1, 0xff, b'o'), (2, 0xff, b'x'), (3, 0xff, b' '), (5, 0xff, b' ')],
            min: 12,
            max: usize::MAX,
        }],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        if head.len() < 12 {
            return if b"fox ".iter().zip(head).all(|(want, byte)| want == byte) && head.len() >= 4 { Gate::More } else { Gate::NotMine };
        }
        if header(head).is_some_and(|(_, rest)| rest.starts_with(b"{\n")) { Gate::Mine } else { Gate::NotMine }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        if !b"fox ".iter().zip(head).all(|(want, byte)| want == byte) {
            return Framing::Lost;
        }
        match head.windows(END.len()).take(MESSAGE_MAX).position(|window| window == END) {
            Some(at) => Framing::Pdu { len: at + END.len(), want: at + END.len() },
            None if head.len() < MESSAGE_MAX => Framing::Need(head.len() + 1),
            None => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let Some((command, _)) = header(head) else { return Glance::SKIP };
        let index = OPERATIONS.iter().take(OTHER).position(|row| row.0.as_bytes() == command).unwrap_or(OTHER);
        let operation = u16::try_from(index).ok().filter(|_| at.from_client != Some(false));
        Glance { operation, look: if index == OTHER { Look::Never } else { Look::Always }, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some((command, rest)) = header(pdu) else { return Err(DissectError::Malformed { rule: "header", offset: 0 }) };
        if command == OPERATIONS.get(HELLO).map_or("", |row| row.0).as_bytes() {
            hello(rest, cx);
        } else {
            login(rest, cx);
        }
        Ok(Next::Watch)
    }
}

/// `fox`, a letter, two numbers, channel, command: the command, and what follows the line. Other channels than `fox` have none that is
/// read.
fn header(head: &[u8]) -> Option<(&[u8], &[u8])> {
    /// The longest first line that is in use has some sixty bytes.
    const LINE_MAX: usize = 200;
    let end = head.iter().take(LINE_MAX).position(|byte| *byte == b'\n')?;
    let (line, rest) = head.split_at_checked(end)?;
    let mut words = line.split(|byte| *byte == b' ');
    let number = |word: &[u8]| !word.is_empty() && word.strip_prefix(b"-").unwrap_or(word).iter().all(u8::is_ascii_digit);
    let plain = |word: &&[u8]| !word.is_empty() && word.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b':'));
    let (Some(b"fox"), Some([b'a'..=b'z']), Some(one), Some(other)) = (words.next(), words.next(), words.next(), words.next()) else { return None };
    if !number(one) || !number(other) {
        return None;
    }
    let channel = words.next().filter(plain)?;
    let command = words.next().filter(plain)?;
    words.next().is_none().then_some((if channel == b"fox" { command } else { &[] }, rest.get(1..).unwrap_or_default()))
}

/// Properties one after another: name, letter of the type, value up to the line's end. A structure says its length and may have lines.
fn properties(rest: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = rest.strip_prefix(b"{\n").unwrap_or_default();
    std::iter::from_fn(move || {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let (line, behind) = rest.split_at_checked(end)?;
        rest = behind.get(1..)?;
        let at = line.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (line.get(..at)?, line.get(at + 1..)?);
        let (kind, value) = value.split_at_checked(2).filter(|(kind, _)| kind.ends_with(b":"))?;
        if kind == b"o:" {
            let open = value.iter().position(|byte| *byte == b'[')?;
            let digits = value.get(..open)?.rsplit(|byte| *byte == b' ').next()?;
            let length: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
            // The structure goes on where the line ended; after it come its bracket and a line's end.
            let inside = value.len().saturating_sub(open + 1) + 1;
            rest = rest.get(length.checked_sub(inside)?..)?;
            let close = rest.iter().position(|byte| *byte == b'\n')?;
            rest = rest.get(close + 1..)?;
            return Some((name, &[][..]));
        }
        Some((name, value))
    })
    .take(PROPERTIES_MAX)
}

fn hello(rest: &[u8], cx: &mut Context<'_>) {
    let about = cx.sender();
    let saying = cx.say(&about, Kind::Identity);
    drop(properties(rest).fold(saying, |saying, (name, value)| match PROPERTIES.iter().find(|row| row.0 == name) {
        // Hosts without a name say their address in its place.
        Some((_, Field::Hostname)) if is_address(value) => saying,
        Some((_, field)) => saying.trimmed(*field, value),
        None => saying,
    }));
    if let Some((_, agents)) = properties(rest).find(|property| property.0 == b"authAgentTypeSpecs") {
        cx.say(&about, Kind::Security).trimmed(Field::AuthenticationMethod, agents);
    }
}

fn is_address(value: &[u8]) -> bool {
    std::str::from_utf8(trim(value)).is_ok_and(|text| text.parse::<std::net::IpAddr>().is_ok())
}

/// The method that a server demands, and what a client shows.
fn login(rest: &[u8], cx: &mut Context<'_>) {
    let about = cx.sender();
    let one = |wanted: &[u8]| properties(rest).find(|property| property.0.eq_ignore_ascii_case(wanted)).map(|property| trim(property.1));
    if let Some(method) = one(b"method") {
        cx.say(&about, Kind::Security).text(Field::AuthenticationMethod, method);
    }
    for name in [&b"password"[..], b"credentials"] {
        if let Some(secret) = one(name) {
            cx.secret(&about, "fox login", one(b"username"), secret);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, field, gate, payload, read_cut, request};

    const STATION: &[u8] = b"fox a 0 -1 fox hello\n{\nfox.version=s:1.0.1\nid=i:118752\nhostName=s:plant-room\nhostAddress=s:10.79.0.11\napp.name=s:Station\napp.version=s:4.10.1.36\nvm.version=s:25.222-b10\nos.name=s:QNX\nos.version=s:6.5.0\nstation.name=s:NorthWing\nsysInfo=o:bog 25[<bog>\nhostId=s:no\n</bog>\n]\nhostId=s:Qnx-TITAN-0A1B-2C3D-4E5F-6071\nbrandId=s:vykon\nauthAgentTypeSpecs=s:fox:FoxUsernamePasswordAuthAgent\n};;\n";

    #[test]
    fn a_station_says_who_it_is_and_what_it_runs_on() {
        let said = answer(&Fox, STATION);
        assert_eq!(field(&said, Kind::Identity, Field::Hostname), ["plant-room"]);
        assert_eq!(field(&said, Kind::Identity, Field::ApplicationName), ["NorthWing"]);
        assert_eq!(field(&said, Kind::Identity, Field::SoftwareVersion), ["4.10.1.36"]);
        assert_eq!(field(&said, Kind::Identity, Field::OperatingSystem), ["QNX"]);
        assert_eq!(field(&said, Kind::Identity, Field::HostId), ["Qnx-TITAN-0A1B-2C3D-4E5F-6071"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["fox:FoxUsernamePasswordAuthAgent"]);
    }

    #[test]
    fn an_address_in_the_place_of_a_name_is_none() {
        let said = answer(&Fox, b"fox a 0 -1 fox hello\n{\nhostName=s:10.79.0.11\nos.name=s:QNX\n};;\n");
        assert!(field(&said, Kind::Identity, Field::Hostname).is_empty());
    }

    #[test]
    fn a_password_leaves_only_its_use_and_length_class() {
        let said = request(&Fox, b"fox a 2 1 fox login\n{\nusername=s:operator\npassword=s:geheim\n};;\n");
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["fox login"]);
        assert!(!said.iter().any(|said| said.fields_first.iter().any(|field| field.quote.windows(6).any(|quote| quote == b"geheim"))));
        let said = answer(&Fox, b"fox a 1 -1 fox challenge\n{\nmethod=s:basic\n};;\n");
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["basic"]);
    }

    #[test]
    fn a_truncated_hello_keeps_the_properties_before() {
        let said = read_cut(&Fox, false, &STATION[..120]);
        assert_eq!(field(&said, Kind::Identity, Field::Hostname), ["plant-room"]);
        assert!(field(&said, Kind::Identity, Field::HostId).is_empty());
    }

    #[test]
    fn operations_are_named_and_later_messages_are_only_counted() {
        let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: PORT, from_client: Some(true) };
        let glance = |bytes: &[u8]| Fox.glance(bytes, &at);
        let name = |bytes: &[u8]| glance(bytes).operation.map(|index| OPERATIONS[usize::from(index)].0);
        assert_eq!(name(STATION), Some("hello"));
        let other = b"fox a 9 -1 station read\n{\nord=s:slot:/\n};;\n";
        assert_eq!((name(other), glance(other).look), (Some("other_message"), Look::Never));
    }

    #[test]
    fn strangers_are_refused_and_an_unusual_port_is_no_matter() {
        for stranger in [&b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..], b"fox jumps over the lazy dog\n{\n", b"fox a 1 x fox hello\n{\n", &[0; 40]] {
            assert_eq!(gate(&Fox, stranger, PORT), Gate::NotMine);
        }
        assert_eq!(gate(&Fox, b"fox a", PORT), Gate::More);
        let said = payload(&Fox, Transport::Tcp, 3333, 50000, STATION);
        assert_eq!(field(&said, Kind::Identity, Field::ApplicationName), ["NorthWing"]);
    }
}
