//! AMQP: which broker, of which version, lets whom in how.
//!
//! Spec: AMQP 0-9-1 §2.3 (framing), §4.2 (wire format), connection class; OASIS AMQP 1.0 part 2 (transport), part 5 (SASL).
//! Tells us: product, version and platform of brokers and clients, SASL mechanisms, virtual hosts, container ids, passwords in the clear.
//! Does not tell: queues and what is in them.

use super::amqp_types::{self as types, Value as Amqp};
use crate::context::{Context, Saying, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use observations::{Field, Kind, OperationClass, Subject, Transport, Value};

pub(crate) struct AmqpBroker;

const PORT: u16 = 5672;
/// 0-9-1 §4.2.2, 1.0 part 2 §2.2: the name and four bytes: of 1.0 protocol 0 or SASL (3), of 0-9-1 zero, then the version.
const NAME: &[u8] = b"AMQP";
const GREETING: usize = 8;
/// 0-9-1 §4.2.3: type, channel, size; and the byte behind the payload.
const HEADER: usize = 7;
const END: u8 = 0xce;
const METHOD: u8 = 1;
/// The smallest frame that a peer must accept is 4 KiB; brokers agree on 128 KiB.
const FRAME_MAX: usize = 1 << 24;
/// Properties of a broker have some hundred bytes, of a client less.
const WANT: usize = 8 * 1024;
/// 1.0 part 2 §2.3: size, offset of the data in words of four bytes, type, channel.
const HEADER_1_0: usize = 8;
const SASL: u8 = 1;

/// 0-9-1: class and method; the index is that of [`OPERATIONS`].
const METHODS: &[(u16, u16)] =
    &[(10, 11), (10, 40), (20, 10), (40, 10), (50, 10), (50, 20), (60, 20), (60, 40), (60, 70), (60, 80), (85, 10), (50, 40)];
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("connection_start_ok", OperationClass::Session),
    ("connection_open", OperationClass::Session),
    ("channel_open", OperationClass::Session),
    ("exchange_declare", OperationClass::Configure),
    ("queue_declare", OperationClass::Configure),
    ("queue_bind", OperationClass::Configure),
    ("basic_consume", OperationClass::Read),
    ("basic_publish", OperationClass::Write),
    ("basic_get", OperationClass::Read),
    ("basic_ack", OperationClass::Session),
    ("confirm_select", OperationClass::Session),
    ("queue_delete", OperationClass::Configure),
    // 1.0: performatives of part 2 §2.7 and of part 5.
    ("open", OperationClass::Session),
    ("begin", OperationClass::Session),
    ("attach", OperationClass::Session),
    ("transfer", OperationClass::Write),
    ("sasl_init", OperationClass::Session),
];
const OPERATIONS_1_0: &[(u64, u16)] = &[(0x10, 12), (0x11, 13), (0x12, 14), (0x14, 15), (0x41, 16)];

impl Dissector for AmqpBroker {
    type State = ();

    const ROW: Row = Row {
        name: "amqp",
        revision: 1,
        spec: "AMQP 0-9-1, OASIS AMQP 1.0",
        tells: "product and version of brokers and clients, mechanisms, virtual hosts, container ids",
        bindings: &[Binding::Tcp(PORT)],
        shapes: &[
            Shape {
                over: Transport::Tcp,
                bytes: &[(0, 0xff, b'A'), (1, 0xff, b'M'), (2, 0xff, b'Q'), (3, 0xff, b'P'), (4, 0xfc, 0), (5, 0xfe, 0), (6, 0xf0, 0)],
                min: GREETING,
                max: usize::MAX,
            },
            // Connection.Start, on channel 0.
            Shape {
                over: Transport::Tcp,
                bytes: &[(0, 0xff, 1), (1, 0xff, 0), (2, 0xff, 0), (3, 0xff, 0), (7, 0xff, 0), (8, 0xff, 10), (9, 0xff, 0), (10, 0xff, 10)],
                min: 32,
                max: usize::MAX,
            },
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        if head.len() < GREETING {
            return if NAME.starts_with(head.get(..4).unwrap_or(head)) { Gate::More } else { Gate::NotMine };
        }
        if greeting(head).is_some() || is_frame(head) || is_frame_1_0(head) { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match method(head) {
            Some((10, 10 | 30 | 41, _)) => Side::Server,
            Some((10, 11 | 31 | 40, _)) => Side::Client,
            // Of 1.0 both sides greet; of 0-9-1 only the client does.
            _ if greeting(head) == Some(false) => Side::Client,
            _ => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        if NAME.starts_with(head.get(..4).unwrap_or(head)) {
            return if head.len() < GREETING { Framing::Need(GREETING) } else { Framing::Pdu { len: GREETING, want: GREETING } };
        }
        let Some((header, _)) = head.split_first_chunk::<HEADER_1_0>() else { return Framing::Need(HEADER_1_0) };
        let &[a, b, c, d, offset, kind, ..] = header;
        let size_1_0 = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if a == 0 && (HEADER_1_0..FRAME_MAX).contains(&size_1_0) && (2..=4).contains(&offset) && kind <= SASL {
            return Framing::Pdu { len: size_1_0, want: size_1_0.min(WANT) };
        }
        match size(head) {
            Some(size) => Framing::Pdu { len: HEADER + size + 1, want: (HEADER + size + 1).min(WANT) },
            None => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        if greeting(head).is_some() {
            return Glance::SKIP;
        }
        if let Some((class, id, _)) = method(head) {
            let index = METHODS.iter().position(|known| *known == (class, id)).filter(|_| at.from_client != Some(false));
            let look = if class == 10 { Look::Always } else { Look::Never };
            return Glance { operation: index.and_then(|index| u16::try_from(index).ok()), look, inner: None };
        }
        let Some((code, _)) = performative(head) else { return Glance::SKIP };
        let index = OPERATIONS_1_0.iter().find(|known| known.0 == code).filter(|_| at.from_client != Some(false));
        let look = if matches!(code, 0x10 | 0x40..=0x44) { Look::Always } else { Look::Never };
        Glance { operation: index.map(|known| known.1), look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if greeting(pdu).is_some() {
            return Ok(Next::Watch);
        }
        let read = match method(pdu) {
            Some((10, 10, arguments)) => started(arguments, cx),
            Some((10, 11, arguments)) => start_answered(arguments, cx),
            Some((10, 40, arguments)) => opened(arguments, cx),
            Some(_) => Some(()),
            None => match performative(pdu) {
                Some((code, fields)) => performed(code, fields, cx),
                None => Some(()),
            },
        };
        if read.is_some() { Ok(Next::Watch) } else { Err(DissectError::Truncated { needed: 1 }) }
    }
}

/// Whether a greeting is of 1.0.
fn greeting(head: &[u8]) -> Option<bool> {
    match head.strip_prefix(NAME)? {
        [0 | 2 | 3, 1, 0, 0, ..] => Some(true),
        [0, 0, 9, 0 | 1, ..] | [1, 1, 0 | 8 | 9, 0 | 9 | 10, ..] => Some(false),
        _ => None,
    }
}

/// Size of a 0-9-1 frame's payload, if its type is one.
fn size(head: &[u8]) -> Option<usize> {
    let &[kind, _, _, a, b, c, d] = head.first_chunk::<HEADER>()?;
    let size = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
    (matches!(kind, 1..=3 | 8) && size < FRAME_MAX).then_some(size)
}

/// A whole frame with its end; of a longer one a method that there is.
fn is_frame(head: &[u8]) -> bool {
    let Some(size) = size(head) else { return false };
    match head.get(HEADER + size) {
        Some(end) => *end == END,
        None => head.first() == Some(&METHOD) && matches!(method(head), Some((10 | 20 | 40 | 50 | 60 | 85 | 90, 10..=120, _))),
    }
}

/// 0-9-1 §4.2.4: class, method and arguments.
fn method(head: &[u8]) -> Option<(u16, u16, &[u8])> {
    let size = size(head).filter(|_| head.first() == Some(&METHOD))?;
    let payload = head.get(HEADER..)?;
    let payload = payload.get(..size).unwrap_or(payload);
    let (&[a, b, c, d], arguments) = payload.split_first_chunk::<4>()?;
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]), arguments))
}

/// 1.0 part 2 §2.3: a frame that is empty keeps the connection alive; others begin with a described list.
fn is_frame_1_0(head: &[u8]) -> bool {
    let Some(&[0, _, c, d, offset, kind, ..]) = head.first_chunk::<HEADER_1_0>() else { return false };
    let empty = (c, d, head.len()) == (0, 8, HEADER_1_0);
    (2..=4).contains(&offset) && kind <= SASL && (empty || matches!(performative(head), Some((0x10..=0x18 | 0x40..=0x44, _))))
}

/// The number of a performative, and its fields.
fn performative(head: &[u8]) -> Option<(u64, &[u8])> {
    let &[0, _, _, _, offset, kind, ..] = head.first_chunk::<HEADER_1_0>()? else { return None };
    let body = head.get(usize::from(offset) * 4..).filter(|_| kind <= SASL)?;
    types::described(body)
}

/// 0-9-1 Connection.Start: version, properties of the server, mechanisms.
fn started(arguments: &[u8], cx: &mut Context<'_>) -> Option<()> {
    let server = cx.sender();
    let (version, rest) = arguments.split_at_checked(2)?;
    let (table, rest) = types::long(rest);
    properties(table, &server, Kind::Service, cx);
    let saying = cx.say(&server, Kind::Service);
    drop(saying.decoded(Field::ProtocolVersion, &Value::Text(b"0-9-1".to_vec()), version, "amqp-version"));
    let (mechanisms, _locales) = types::long(rest?);
    offered(mechanisms.split(|byte| *byte == b' '), &server, cx);
    Some(())
}

/// What a server lets itself be shown.
fn offered<'m>(mechanisms: impl Iterator<Item = &'m [u8]>, server: &Subject, cx: &mut Context<'_>) {
    let mut saying = cx.say(server, Kind::Security);
    for mechanism in mechanisms.filter(|name| !name.is_empty()) {
        saying = saying.text(Field::AuthenticationMethod, mechanism);
    }
}

/// Product with its version, platform and names, of a table of properties.
fn properties(table: &[u8], about: &Subject, kind: Kind, cx: &mut Context<'_>) {
    let text = |name: &[u8]| types::Table(table).find(|(key, _)| *key == name).map(|(_, value)| value);
    let saying = cx.say(about, kind).maybe(text(b"product"), |s, product| program(s, product, text(b"version"), table));
    let saying = saying.maybe(text(b"platform"), |s, v| s.trimmed(Field::Platform, v));
    let saying = saying.maybe(text(b"cluster_name"), |s, v| s.trimmed(Field::ServiceName, v));
    drop(saying.maybe(text(b"connection_name"), |s, v| s.trimmed(Field::ClientName, v)));
}

/// A version alone says nothing: it is told together with its product, though they stand apart.
fn program<'s, 'a>(saying: Saying<'s, 'a>, product: &[u8], version: Option<&[u8]>, properties: &[u8]) -> Saying<'s, 'a> {
    let text = [trim(product), trim(version.unwrap_or_default())].join(&b' ');
    saying.decoded(Field::SoftwareVersion, &Value::Text(trim(&text).to_vec()), properties, "amqp-product")
}

/// 0-9-1 Connection.StartOk: properties of the client, the mechanism and what it shows.
fn start_answered(arguments: &[u8], cx: &mut Context<'_>) -> Option<()> {
    let (client, server) = (cx.sender_host(), cx.receiver());
    let (table, rest) = types::long(arguments);
    properties(table, &client, Kind::Client, cx);
    let (mechanism, rest) = types::short(rest?)?;
    cx.say(&client, Kind::Security).text(Field::AuthenticationMethod, mechanism);
    let (response, _) = types::long(rest);
    shown(mechanism, response, &server, cx);
    Some(())
}

/// RFC 4616: a name to act for, the user and the password, with NULs between. AMQPLAIN is a table of both.
fn shown(mechanism: &[u8], response: &[u8], server: &Subject, cx: &mut Context<'_>) {
    match mechanism {
        b"PLAIN" => {
            let mut parts = response.splitn(3, |byte| *byte == 0).skip(1);
            if let (Some(user), Some(password)) = (parts.next(), parts.next()) {
                cx.secret(server, "amqp plain", Some(user), password);
            }
        }
        b"AMQPLAIN" => {
            let value = |name: &[u8]| types::Table(response).find(|(key, _)| *key == name).map(|(_, value)| value);
            if let Some(password) = value(b"PASSWORD") {
                cx.secret(server, "amqp plain", value(b"LOGIN"), password);
            }
        }
        _ => {}
    }
}

/// 0-9-1 Connection.Open.
fn opened(arguments: &[u8], cx: &mut Context<'_>) -> Option<()> {
    let client = cx.sender_host();
    let (host, _) = types::short(arguments)?;
    cx.say(&client, Kind::Client).text(Field::VirtualHost, host);
    Some(())
}

/// 1.0: Open (part 2 §2.7.1), SASL mechanisms and Init (part 5 §5.3.3).
fn performed(code: u64, fields: &[u8], cx: &mut Context<'_>) -> Option<()> {
    let mut values = types::Values(fields);
    match code {
        0x10 => {
            let (about, kind) = if cx.from_client() == Some(false) { (cx.sender(), Kind::Service) } else { (cx.sender_host(), Kind::Client) };
            if let Amqp::Bytes(id) = values.next()? {
                cx.say(&about, kind).text(Field::AmqpContainerId, id);
            }
            // hostname, max-frame-size, channel-max, idle-time-out, two lists of locales, two of capabilities, then properties.
            if let Some(Amqp::Map(map)) = values.nth(8) {
                described(map, &about, kind, cx);
            }
        }
        0x40 => {
            let server = cx.sender();
            match values.next()? {
                Amqp::Bytes(one) => offered(std::iter::once(one), &server, cx),
                Amqp::Array(names) => offered(names.into_iter(), &server, cx),
                _ => {}
            }
        }
        0x41 => {
            let (client, server) = (cx.sender_host(), cx.receiver());
            let Amqp::Bytes(mechanism) = values.next()? else { return Some(()) };
            cx.say(&client, Kind::Security).text(Field::AuthenticationMethod, mechanism);
            if let Some(Amqp::Bytes(response)) = values.next() {
                shown(mechanism, response, &server, cx);
            }
        }
        _ => {}
    }
    Some(())
}

/// The same of a map of properties.
fn described(map: &[u8], about: &Subject, kind: Kind, cx: &mut Context<'_>) {
    let (mut values, mut product, mut version, mut platform) = (types::Values(map), None, None, None);
    while let (Some(name), Some(value)) = (values.next(), values.next()) {
        match (name, value) {
            (Amqp::Bytes(b"product"), Amqp::Bytes(value)) => product = Some(value),
            (Amqp::Bytes(b"version"), Amqp::Bytes(value)) => version = Some(value),
            (Amqp::Bytes(b"platform"), Amqp::Bytes(value)) => platform = Some(value),
            _ => {}
        }
    }
    let saying = cx.say(about, kind).maybe(product, |s, product| program(s, product, version, map));
    drop(saying.maybe(platform, |s, v| s.trimmed(Field::Platform, v)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, payload, read_cut};
    use observations::Observation;

    fn frame(class: u16, method: u16, arguments: &[u8]) -> Vec<u8> {
        let payload = [&class.to_be_bytes()[..], &method.to_be_bytes(), arguments].concat();
        [&[1, 0, 0][..], &u32::try_from(payload.len()).unwrap().to_be_bytes(), &payload, &[END]].concat()
    }

    fn long(value: &[u8]) -> Vec<u8> {
        [&u32::try_from(value.len()).unwrap().to_be_bytes()[..], value].concat()
    }

    fn short(value: &[u8]) -> Vec<u8> {
        [&[u8::try_from(value.len()).unwrap()][..], value].concat()
    }

    fn table(pairs: &[(&[u8], &[u8])]) -> Vec<u8> {
        long(&pairs.iter().flat_map(|(name, value)| [short(name), vec![b'S'], long(value)].concat()).collect::<Vec<_>>())
    }

    fn start() -> Vec<u8> {
        let capabilities = [short(b"capabilities"), vec![b'F'], long(&[short(b"basic.nack"), b"t\x01".to_vec()].concat())].concat();
        let product = [short(b"product"), vec![b'S'], long(b"RabbitMQ")].concat();
        let version = [short(b"version"), vec![b'S'], long(b"3.12.1")].concat();
        frame(10, 10, &[&[0, 9][..], &long(&[capabilities, product, version].concat()), &long(b"PLAIN AMQPLAIN"), &long(b"en_US")].concat())
    }

    fn talk(messages: &[(bool, &[u8])]) -> Vec<Observation> {
        let payloads: Vec<_> = messages.iter().map(|(up, bytes)| if *up { (50000, PORT, *bytes) } else { (PORT, 50000, *bytes) }).collect();
        conversation(&AmqpBroker, Transport::Tcp, &payloads)
    }

    #[test]
    fn a_broker_tells_product_version_and_mechanisms() {
        let said = talk(&[(true, b"AMQP\x00\x00\x09\x01"), (false, &start())]);
        assert_eq!(field(&said, Kind::Service, Field::SoftwareVersion), ["RabbitMQ 3.12.1"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["PLAIN", "AMQPLAIN"]);
    }

    #[test]
    fn a_plain_password_leaves_as_a_secret() {
        let ok = [&table(&[(b"product", b"pika"), (b"version", b"1.3")])[..], &short(b"PLAIN"), &long(b"\0mes\0hunter2"), &short(b"en_US")].concat();
        let said = talk(&[(true, &frame(10, 11, &ok)), (true, &frame(10, 40, &[&short(b"/plant")[..], &[0, 0]].concat()))]);
        assert_eq!(field(&said, Kind::Client, Field::SoftwareVersion), ["pika 1.3"]);
        assert_eq!(field(&said, Kind::Client, Field::VirtualHost), ["/plant"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["amqp plain"]);
        let all: String = said.iter().flat_map(|said| &said.fields_first).map(|field| String::from_utf8_lossy(&field.quote).into_owned()).collect();
        assert!(!all.contains("hunter2") && !all.contains("mes"), "{all}");
    }

    #[test]
    fn version_1_0_tells_mechanisms_and_containers() {
        let mechanisms = [&[0, 0, 0, 0x20, 2, 1, 0, 0, 0, 0x53, 0x40, 0xc0, 19, 1, 0xe0, 16, 2, 0xb3][..], &long(b"PLAIN"), &long(b"X")].concat();
        let open = [&[0, 0, 0, 0x19, 2, 0, 0, 0, 0, 0x53, 0x10, 0xc0, 12, 2, 0xa1, 5][..], b"edge7", &[0xa1, 1, b'h', 0x40]].concat();
        let said = talk(&[(true, b"AMQP\x03\x01\x00\x00"), (false, b"AMQP\x03\x01\x00\x00"), (false, &mechanisms), (true, &open)]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["PLAIN", "X"]);
        assert_eq!(field(&said, Kind::Client, Field::AmqpContainerId), ["edge7"]);
    }

    #[test]
    fn a_cut_start_keeps_what_came_before() {
        let start = start();
        let said = read_cut(&AmqpBroker, false, &start[..start.len() - 40]);
        assert_eq!(field(&said, Kind::Service, Field::SoftwareVersion), ["RabbitMQ"]);
    }

    #[test]
    fn it_is_found_on_another_port_and_strangers_are_refused() {
        let said = payload(&AmqpBroker, Transport::Tcp, 40123, 50000, &start());
        assert_eq!(field(&said, Kind::Service, Field::SoftwareVersion), ["RabbitMQ 3.12.1"]);
        for stranger in
            [&b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.2p1\r\n", &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3], &[0; 40], b"AMQPxxxx"]
        {
            assert_eq!(gate(&AmqpBroker, stranger, PORT), Gate::NotMine, "{stranger:?}");
        }
    }
}
