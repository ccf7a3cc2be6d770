//! FINS, as controllers of the CS, CJ, CP, NJ and NX series speak it: what a controller is, how it runs, and what is done to it.
//!
//! Spec: Omron W342 (CS/CJ Communications Commands) section 5; W421 (Ethernet Units, FINS/TCP) section 7-4; W227 (FINS Commands).
//! Tells us: model and version, models of bus units, operating mode, node addresses; reads, writes, runs and stops, programs, files.
//! Does not tell: who asks (there is no authentication; a program's password is all); which host is behind a routed node.

use super::omron_fins_commands::{ADDRESS_EXCHANGE, COMMANDS, ERROR_RESPONSE, OTHER};
use crate::codes;
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use nom::bytes::take;
use nom::number::{be_u8, be_u16, be_u32};
use nom::{IResult, Parser};
use observations::{Field, Kind, OperationClass, StepKind, Subject, Transport, Value};

pub(crate) struct OmronFins;

const PORT: u16 = 9600;
/// ICF, RSV, GCT, destination (3), source (3), SID, command (2): W342 section 3-3.
const HEADER: usize = 12;
/// W421 7-4: "FINS", length, command, error code.
const TCP_HEADER: usize = 16;
/// Length counts command, error code and a frame of at most 2,012 bytes of data (W421 7-4-3).
const TCP_LENGTH_MAX: u32 = 2100;
/// Commands of the FINS/TCP header.
const TCP_CLIENT_ADDRESS: u32 = 0;
const TCP_SERVER_ADDRESS: u32 = 1;
const TCP_FRAME: u32 = 2;
const TCP_COMMANDS: &[u32] = &[TCP_CLIENT_ADDRESS, TCP_SERVER_ADDRESS, TCP_FRAME, 3, 6];

/// Bits of ICF: a gateway may be used, this is a response, no response is wanted.
const RESPONSE: u8 = 0x40;
const ICF_UNUSED: u8 = 0x3e;
const GATEWAYS_MAX: u8 = 7;
/// Network numbers go to 127 (W342 3-3-2).
const NETWORK_MAX: u8 = 0x7f;

const PROGRAM_AREA_PROTECT: u16 = 0x0304;
const PROGRAM_AREA_PROTECT_CLEAR: u16 = 0x0305;
const CONTROLLER_DATA_READ: u16 = 0x0501;
const CONNECTION_DATA_READ: u16 = 0x0502;
const CONTROLLER_STATUS_READ: u16 = 0x0601;
/// Model and version fill twenty bytes each.
const TEXT: usize = 20;
/// The answer has at most 25 units (W342 5-3-16).
const UNITS_MAX: usize = 25;
const OPERATIONS: &[(&str, OperationClass)] = &codes::operations::<{ COMMANDS.len() }>(COMMANDS);

impl Dissector for OmronFins {
    type State = ();

    const ROW: Row = Row {
        name: "omron-fins",
        revision: 1,
        spec: "Omron W342 section 5, W421 section 7-4",
        tells: "model, version, bus units, operating mode, node addresses; reads, writes, runs, stops, programs",
        bindings: &[Binding::Udp(PORT), Binding::Tcp(PORT)],
        shapes: &[
            Shape {
                over: Transport::Tcp,
                bytes: &[(0, 0xff, b'F'), (1, 0xff, b'I'), (2, 0xff, b'N'), (3, 0xff, b'S'), (4, 0xff, 0), (5, 0xff, 0)],
                min: TCP_HEADER,
                max: usize::MAX,
            },
            Shape {
                over: Transport::Udp,
                // ICF with the bit that gateways set, RSV, few gateways, networks, and a command's high byte.
                bytes: &[(0, 0x80 | ICF_UNUSED, 0x80), (1, 0xff, 0), (2, 0xf8, 0), (3, 0x80, 0), (6, 0x80, 0), (10, 0xc0, 0)],
                min: HEADER,
                max: 2100,
            },
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        if at.transport == Transport::Tcp {
            return tcp_gate(head);
        }
        let Ok((body, header)) = header(head) else { return Gate::NotMine };
        let bound = at.src_port == PORT || at.dst_port == PORT;
        let shaped = header.is_plausible() && codes::knows(COMMANDS, u32::from(header.command));
        if shaped && (bound || fits(&header, body)) { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match frame_of(head).and_then(|frame| header(frame).ok()) {
            Some((_, header)) if header.is_response() => Side::Server,
            Some(_) => Side::Client,
            None => match tcp_header(head) {
                Ok((_, (_, TCP_CLIENT_ADDRESS))) => Side::Client,
                Ok((_, (_, TCP_SERVER_ADDRESS))) => Side::Server,
                _ => Side::Unknown,
            },
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        let Ok((_, (length, command))) = tcp_header(head) else { return Framing::Need(TCP_HEADER) };
        match usize::try_from(length) {
            Ok(length) if head.starts_with(b"FINS") && TCP_COMMANDS.contains(&command) && (8..=TCP_LENGTH_MAX as usize).contains(&length) => {
                Framing::Pdu { len: length + 8, want: length + 8 }
            }
            _ => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some((body, header)) = frame_of(head).and_then(|frame| header(frame).ok()) else {
            let exchange = matches!(tcp_header(head), Ok((_, (_, TCP_CLIENT_ADDRESS))));
            return Glance { operation: codes::find(COMMANDS, ADDRESS_EXCHANGE).filter(|_| exchange), look: Look::Always, inner: None };
        };
        let (code, response) = (u32::from(header.command), header.is_response());
        let failed = response && body.first_chunk::<2>().is_some_and(|end| *end != [0, 0]);
        let always = match header.command {
            PROGRAM_AREA_PROTECT | PROGRAM_AREA_PROTECT_CLEAR => !response,
            CONTROLLER_DATA_READ | CONNECTION_DATA_READ | CONTROLLER_STATUS_READ => response,
            _ => false,
        };
        let code = match (failed, response) {
            (true, _) => Some(ERROR_RESPONSE),
            (false, true) => None,
            (false, false) => Some(if codes::knows(COMMANDS, code) { code } else { OTHER }),
        };
        let end = body.first_chunk().map_or(0, |end| u16::from_be_bytes(*end));
        let look = match (always, failed) {
            (true, _) => Look::Always,
            (false, true) => Look::Once(1 << 31 | u32::from(end)),
            (false, false) => Look::Once(u32::from(header.command) | u32::from(response) << 16),
        };
        Glance { operation: code.and_then(|code| codes::find(COMMANDS, code)), look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some(frame) = frame_of(pdu) else {
            let (body, (_, command)) = tcp_header(pdu)?;
            if command == TCP_SERVER_ADDRESS {
                addresses(body, cx)?;
            }
            return Ok(Next::Watch);
        };
        let (body, header) = header(frame)?;
        if !header.is_response() {
            if matches!(header.command, PROGRAM_AREA_PROTECT | PROGRAM_AREA_PROTECT_CLEAR) {
                password(body, cx);
            }
            return Ok(Next::Watch);
        }
        let about = header.source_of(cx);
        say_address(&about, header.source, cx);
        let (data, end_code) = be_u16::<_, nom::error::Error<&[u8]>>().parse(body)?;
        // W342 5-1-3: the high bit of each byte tells of relays and of errors that stop nothing.
        if end_code & 0x7f3f == 0 {
            match header.command {
                CONTROLLER_DATA_READ => controller_data(data, &about, cx),
                CONNECTION_DATA_READ => connection_data(data, &about, cx),
                CONTROLLER_STATUS_READ => status(data, &about, cx),
                _ => {}
            }
        }
        if let Some(word) = refusal(end_code) {
            cx.say(&about, Kind::Security).implied(Field::Protection, &Value::Text(word.to_vec()));
        }
        Ok(Next::Watch)
    }
}

/// W342 5-1-3: end codes that show a protection.
const fn refusal(end_code: u16) -> Option<&'static [u8]> {
    match end_code & 0x7f3f {
        0x2002 => Some(b"read protected"),
        0x2102 => Some(b"write protected"),
        0x3001 => Some(b"access right"),
        _ => None,
    }
}

struct Header<'a> {
    icf: u8,
    rsv: u8,
    gateways: u8,
    destination: &'a [u8],
    source: &'a [u8],
    command: u16,
}

/// W342 3-3-2.
fn header(i: &[u8]) -> IResult<&[u8], Header<'_>> {
    let (i, (icf, rsv, gateways)) = (be_u8(), be_u8(), be_u8()).parse(i)?;
    let (i, (destination, source)) = (take(3usize), take(3usize)).parse(i)?;
    let (i, (_sid, command)) = (be_u8(), be_u16()).parse(i)?;
    Ok((i, Header { icf, rsv, gateways, destination, source, command }))
}

impl Header<'_> {
    const fn is_response(&self) -> bool {
        self.icf & RESPONSE != 0
    }

    fn is_plausible(&self) -> bool {
        let networks = [self.destination, self.source].iter().all(|address| address.first().is_some_and(|network| *network <= NETWORK_MAX));
        self.icf & ICF_UNUSED == 0 && self.rsv == 0 && self.gateways <= GATEWAYS_MAX && networks
    }

    /// Who answers: the host, or a node behind it (other network) or a unit of it. Whether the host's own network has a number is not
    /// said, so a numbered network is always told apart.
    fn source_of(&self, cx: &Context<'_>) -> Subject {
        let mut about = cx.sender();
        let &[network, node, unit] = self.source else { return about };
        if network != 0 {
            about = cx.part(&about, StepKind::FinsNetwork, network.into());
            about = cx.part(&about, StepKind::FinsNode, node.into());
        }
        if unit == 0 { about } else { cx.part(&about, StepKind::FinsUnit, unit.into()) }
    }
}

/// The FINS frame: the payload, or what FINS/TCP carries; `None` for the messages of FINS/TCP itself.
fn frame_of(payload: &[u8]) -> Option<&[u8]> {
    if !payload.starts_with(b"FINS") {
        return Some(payload);
    }
    let (frame, (_, command)) = tcp_header(payload).ok()?;
    (command == TCP_FRAME).then_some(frame)
}

/// W421 7-4-2: length and command; the error code is left.
fn tcp_header(i: &[u8]) -> IResult<&[u8], (u32, u32)> {
    let (i, (_magic, length, command, _error)) = (take(4usize), be_u32(), be_u32(), be_u32()).parse(i)?;
    Ok((i, (length, command)))
}

fn tcp_gate(head: &[u8]) -> Gate {
    if !head.starts_with(b"FINS") {
        return if b"FINS".starts_with(head) { Gate::More } else { Gate::NotMine };
    }
    match tcp_header(head) {
        Ok((_, (length, command))) if TCP_COMMANDS.contains(&command) && (8..=TCP_LENGTH_MAX).contains(&length) => Gate::Mine,
        Ok(_) => Gate::NotMine,
        Err(_) => Gate::More,
    }
}

/// Whether a frame's data are as long as its command demands (W342 5-3): asked for where the port says nothing.
fn fits(header: &Header<'_>, body: &[u8]) -> bool {
    let length = body.len();
    if header.is_response() {
        return header.command == CONTROLLER_DATA_READ && length >= 2 + 2 * TEXT && body.get(2..2 + TEXT).is_some_and(is_text);
    }
    match header.command {
        0x0101 => length == 6,
        0x0102 => length >= 8,
        0x0103 => length == 8,
        0x0104 => length >= 4 && length.is_multiple_of(4),
        0x0105 => length == 10,
        0x0501 => length <= 1,
        0x0502 => length <= 2,
        0x0402 | 0x0601 | 0x0602 | 0x0701 | 0x2103 => length == 0,
        0x0702 => (5..=7).contains(&length),
        _ => false,
    }
}

/// Printable, padded with blanks or NULs.
fn is_text(field: &[u8]) -> bool {
    let text = until_nul(field);
    text.trim_ascii().len() >= 3 && text.iter().all(|byte| (0x20..0x7f).contains(byte))
}

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn say_address(about: &Subject, source: &[u8], cx: &mut Context<'_>) {
    let (Some(network), Some(node)) = (source.get(..1), source.get(1..2)) else { return };
    cx.say(about, Kind::Part).number(Field::NetworkNumber, crate::tlv::number(network), network).number(
        Field::NodeAddress,
        crate::tlv::number(node),
        node,
    );
}

/// W421 7-4-4: the server says the client's node address and its own.
fn addresses(body: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (_, (client, server)) = (take::<_, _, nom::error::Error<&[u8]>>(4usize), take(4usize)).parse(body)?;
    let (asks, serves) = (cx.receiver_host(), cx.sender());
    cx.say(&serves, Kind::Part).number(Field::NodeAddress, crate::tlv::number(server), server);
    cx.say(&asks, Kind::Part).number(Field::NodeAddress, crate::tlv::number(client), client);
    Ok(())
}

/// W342 5-3-15: model, version, area data. The answer to parameter 1 has bus units instead, which are no text.
fn controller_data(data: &[u8], about: &Subject, cx: &mut Context<'_>) {
    let (Some(model), Some(version)) = (data.get(..TEXT), data.get(TEXT..2 * TEXT)) else { return };
    if is_text(model) && is_text(version) {
        cx.say(about, Kind::Identity).trimmed(Field::ModelName, until_nul(model)).trimmed(Field::FirmwareVersion, until_nul(version));
    }
}

/// W342 5-3-16: number of units (the high bit: no more follow), then address and model of each.
fn connection_data(data: &[u8], about: &Subject, cx: &mut Context<'_>) {
    let Some((count, units)) = data.split_first() else { return };
    for unit in units.chunks_exact(1 + TEXT).take(usize::from(count & 0x7f).min(UNITS_MAX)) {
        let Some((address, model)) = unit.split_first() else { return };
        if is_text(model) {
            let part = cx.part(about, StepKind::FinsUnit, u64::from(*address));
            cx.say(&part, Kind::Identity).trimmed(Field::ModelName, until_nul(model));
        }
    }
}

/// W342 5-3-17: status, then mode.
fn status(data: &[u8], about: &Subject, cx: &mut Context<'_>) {
    let mode: &[u8] = match data.get(1) {
        Some(0) => b"program",
        Some(2) => b"monitor",
        Some(4) => b"run",
        _ => return,
    };
    let byte = data.get(1..2).unwrap_or_default();
    cx.say(about, Kind::State).decoded(Field::OperatingMode, &Value::Text(mode.to_vec()), byte, "fins-mode");
}

/// W342 5-3-9: program number, protect code, first and last word, then four bytes of password.
fn password(body: &[u8], cx: &mut Context<'_>) {
    const BEFORE: usize = 11;
    let Some(password) = body.get(BEFORE..BEFORE + 4) else { return };
    let holder = cx.receiver();
    cx.secret(&holder, "fins program area protection", None, crate::context::trim(password));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, payload};

    fn frame(icf: u8, command: u16, body: &[u8]) -> Vec<u8> {
        let mut frame = vec![icf, 0, 2, 0, 0x63, 0, 0, 0x0b, 0, 0xef];
        frame.extend_from_slice(&command.to_be_bytes());
        [&frame, body].concat()
    }

    fn controller_data() -> Vec<u8> {
        let mut body = vec![0, 0];
        body.extend_from_slice(b"CJ2M-CPU33          ");
        body.extend_from_slice(b"02.01\0\0\0\0\0\x30\x32.01\0\0\0\0\0");
        body.extend_from_slice(&[0; 52]);
        frame(0xc0, CONTROLLER_DATA_READ, &body)
    }

    fn over_tcp(command: u8, body: &[u8]) -> Vec<u8> {
        let length = u8::try_from(body.len() + 8).unwrap();
        [&b"FINS"[..], &[0, 0, 0, length, 0, 0, 0, command, 0, 0, 0, 0], body].concat()
    }

    #[test]
    fn controller_data_say_model_and_version() {
        let tcp = over_tcp(2, &controller_data());
        let both = [
            payload(&OmronFins, Transport::Udp, PORT, 50000, &controller_data()),
            payload(&OmronFins, Transport::Tcp, PORT, 50000, &tcp),
            payload(&OmronFins, Transport::Udp, 12000, 50000, &controller_data()),
        ];
        for said in both {
            assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["CJ2M-CPU33"]);
            assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["02.01"]);
            assert_eq!(field(&said, Kind::Part, Field::NodeAddress), ["11"]);
        }
    }

    #[test]
    fn texts_may_fill_their_fields() {
        let body = [&[0, 0][..], &[b'A'; 20], &[b'B'; 20], &[b'C'; 52]].concat();
        let said = payload(&OmronFins, Transport::Udp, PORT, 50000, &frame(0xc1, CONTROLLER_DATA_READ, &body));
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["A".repeat(20)]);
        assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["B".repeat(20)]);
    }

    #[test]
    fn a_cut_answer_and_bus_unit_configuration_say_nothing() {
        let cut = payload(&OmronFins, Transport::Udp, PORT, 50000, &controller_data()[..40]);
        assert!(field(&cut, Kind::Identity, Field::ModelName).is_empty());
        let units = frame(0xc0, CONTROLLER_DATA_READ, &[[0, 0].as_slice(), &[0x80, 1].repeat(33)].concat());
        assert!(field(&payload(&OmronFins, Transport::Udp, PORT, 50000, &units), Kind::Identity, Field::ModelName).is_empty());
    }

    #[test]
    fn an_answer_of_another_network_is_of_a_node_behind_the_host() {
        let mut routed = controller_data();
        routed[6..9].copy_from_slice(&[2, 5, 0]);
        let said = payload(&OmronFins, Transport::Udp, PORT, 50000, &routed);
        let identity = said.iter().find(|said| said.kind == Kind::Identity).unwrap();
        let path: Vec<(StepKind, u64)> = identity.about.path.iter().map(|step| (step.kind, step.number)).collect();
        assert_eq!(path, [(StepKind::FinsNetwork, 2), (StepKind::FinsNode, 5)]);
    }

    #[test]
    fn bus_units_are_parts_and_the_mode_is_a_state() {
        let units = frame(0xc0, CONNECTION_DATA_READ, &[&[0, 0, 0x81, 0x10][..], b"CJ1W-EIP21          "].concat());
        let status = frame(0xc0, CONTROLLER_STATUS_READ, &[&[0, 0, 1, 2][..], &[0; 24]].concat());
        let said = conversation(&OmronFins, Transport::Udp, &[(PORT, 50000, &units), (PORT, 50000, &status)]);
        let unit = said.iter().find(|said| said.kind == Kind::Identity).unwrap();
        assert_eq!((unit.about.path[0].kind, unit.about.path[0].number), (StepKind::FinsUnit, 0x10));
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["CJ1W-EIP21"]);
        assert_eq!(field(&said, Kind::State, Field::OperatingMode), ["monitor"]);
    }

    #[test]
    fn a_program_password_is_a_credential_and_never_quoted() {
        let request = frame(0x80, PROGRAM_AREA_PROTECT, b"\xff\xff\0\0\0\0\0\xff\xff\xff\xffPASS");
        let said = payload(&OmronFins, Transport::Udp, 50000, PORT, &request);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["fins program area protection"]);
        assert!(said.iter().all(|said| !said.fields.iter().any(|value| value.value.display().contains("PASS"))));
    }

    #[test]
    fn a_refusal_shows_a_protection() {
        let refused = frame(0xc0, 0x0307, &[0x21, 0x02]);
        let said = payload(&OmronFins, Transport::Udp, PORT, 50000, &refused);
        assert_eq!(field(&said, Kind::Security, Field::Protection), ["write protected"]);
        let wrong = payload(&OmronFins, Transport::Udp, PORT, 50000, &frame(0xc0, 0x0307, &[0x10, 0x01]));
        assert!(field(&wrong, Kind::Security, Field::Protection).is_empty());
    }

    #[test]
    fn node_addresses_are_exchanged_over_tcp() {
        let said = conversation(
            &OmronFins,
            Transport::Tcp,
            &[(50000, PORT, &over_tcp(0, &[0, 0, 0, 0])), (PORT, 50000, &over_tcp(1, &[0, 0, 0, 6, 0, 0, 0, 11]))],
        );
        assert_eq!(field(&said, Kind::Part, Field::NodeAddress).len(), 2);
    }

    #[test]
    fn operations_have_their_names() {
        let at = At { transport: Transport::Udp, src_port: 50000, dst_port: PORT, from_client: Some(true) };
        let name = |frame: &[u8]| OmronFins.glance(frame, &at).operation.map(|index| OPERATIONS[usize::from(index)].0);
        assert_eq!(name(&frame(0x80, 0x0102, &[0x82, 0, 0, 0, 0, 1, 0, 1])), Some("memory_area_write"));
        assert_eq!(name(&frame(0x80, 0x0402, &[])), Some("stop"));
        assert_eq!(name(&frame(0xc0, 0x0402, &[0x20, 0x02])), Some("error_response"));
        assert_eq!(name(&frame(0xc0, 0x0402, &[0, 0])), None);
        assert_eq!(name(&over_tcp(2, &frame(0x80, 0x0307, &[0; 9]))), Some("program_area_write"));
    }

    #[test]
    fn strangers_are_refused() {
        let at = |transport, port| At { transport, src_port: 50000, dst_port: port, from_client: None };
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &[0x80, 0, 2, 0, 1, 0, 0, 2, 0, 9, 0x99, 0x99], b"\x80\x60\0\x01\0\0\0\0\0\0\0\0"]
        {
            assert_eq!(OmronFins.gate(stranger, &at(Transport::Udp, PORT)), Gate::NotMine, "{stranger:02x?}");
            assert_eq!(OmronFins.gate(stranger, &at(Transport::Tcp, PORT)), Gate::NotMine);
        }
        let long = frame(0x80, 0x0101, &[0; 7]);
        assert_eq!(OmronFins.gate(&long, &at(Transport::Udp, PORT)), Gate::Mine);
        assert_eq!(OmronFins.gate(&long, &at(Transport::Udp, 4000)), Gate::NotMine);
    }
}
