//! MELSOFT connection: how MELSEC programming software talks to a controller directly.
//!
//! Spec: no public one. Message form as digitalbond's Redpoint and captures of GX Works show it; its commands are those of SLMP.
//! Tells us: model and model code; reads, writes, remote control.
//! Does not tell: serial number and firmware; who asks.

use super::slmp_frame::{Digits, is_type_name};
use crate::codes::{self, Code};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use nom::bytes::take;
use nom::number::{le_u16, u8};
use nom::{IResult, Parser};
use observations::OperationClass::{Control, Diagnose, Program, Read, Session, Write};
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Melsoft;

/// Subheaders of requests and answers.
const REQUEST: u8 = 0x57;
const RESPONSE: u8 = 0xd7;
/// What stands behind the serial number in both.
const FIXED: [u8; 3] = [0x11, 0x11, 0x07];
/// Where the length stands, and what follows it.
const LENGTH_AT: usize = 19;
const HEADER: usize = 21;
/// Longest message that is believed: a block of a program.
const LENGTH_MAX: usize = 0x2000;
/// Between length and command: twelve bytes, in answers an end code of two more.
const BEFORE_COMMAND: usize = 12;
const END_CODE: usize = 2;
/// Between an answer's command and its data.
const BEFORE_DATA: usize = 4;
const READ_TYPE_NAME: u16 = 0x0101;
const TYPE_NAME: usize = 16;

const OTHER: u32 = 0x1_0000;
/// Commands that are those of SLMP.
const COMMANDS: &[Code] = &[
    (0x0101, "read_type_name", Diagnose),
    (0x0401, "device_read", Read),
    (0x0403, "device_read_random", Read),
    (0x1001, "remote_run", Control),
    (0x1002, "remote_stop", Control),
    (0x1003, "remote_pause", Control),
    (0x1005, "remote_latch_clear", Control),
    (0x1006, "remote_reset", Control),
    (0x1401, "device_write", Write),
    (0x1402, "device_write_random", Write),
    (0x1810, "read_directory_file", Program),
    (0x1811, "search_directory_file", Program),
    (0x1820, "file_new", Program),
    (0x1822, "file_delete", Program),
    (0x1824, "file_copy", Program),
    (0x1827, "file_open", Program),
    (0x1828, "file_read", Program),
    (0x1829, "file_write", Program),
    (0x182a, "file_close", Program),
    (OTHER, "other_command", Session),
];
const OPERATIONS: &[(&str, OperationClass)] = &codes::operations::<{ COMMANDS.len() }>(COMMANDS);

const fn shape(over: Transport, first: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over, bytes: first, min: HEADER + BEFORE_COMMAND, max: usize::MAX }
}
const HEAD: &[(usize, u8, u8)] = &[(0, 0x7f, 0x57), (1, 0xff, 0), (5, 0xff, 0x11), (6, 0xff, 0x11), (7, 0xff, 0x07)];

impl Dissector for Melsoft {
    type State = ();

    const ROW: Row = Row {
        name: "melsoft",
        revision: 1,
        spec: "Redpoint's melsecq-discover; captures of GX Works",
        tells: "model and model code; reads, writes, remote control, files",
        bindings: &[Binding::Tcp(5007), Binding::Udp(5006), Binding::Tcp(5002), Binding::Udp(5560)],
        shapes: &[shape(Transport::Tcp, HEAD), shape(Transport::Udp, HEAD)],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let Ok((_, message)) = message(head) else { return Gate::NotMine };
        let whole = HEADER + message.length;
        let fits = match at.transport {
            Transport::Udp => head.len() == whole,
            _ => head.get(whole..).is_some_and(|rest| matches!(rest, [] | [REQUEST | RESPONSE, 0, ..])),
        };
        let cut = head.len() >= crate::engine::GATE_BYTES && whole > head.len();
        if fits || cut { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first() {
            Some(&REQUEST) => Side::Client,
            Some(&RESPONSE) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        match message(head) {
            Ok((_, message)) => Framing::Pdu { len: HEADER + message.length, want: HEADER + message.length },
            Err(_) if head.len() < HEADER && matches!(head.first(), Some(&(REQUEST | RESPONSE)) | None) => Framing::Need(HEADER),
            Err(_) => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Ok((_, message)) = message(head) else { return Glance::SKIP };
        let Some(command) = message.command() else { return Glance::SKIP };
        let code = u32::from(command);
        let look = if command == READ_TYPE_NAME { Look::Always } else { Look::Once(code | u32::from(message.response) << 16) };
        let operation = codes::find(COMMANDS, code).or_else(|| codes::find(COMMANDS, OTHER));
        Glance { operation: operation.filter(|_| !message.response), look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (_, message) = message(pdu)?;
        let data = message.body.get(BEFORE_COMMAND + END_CODE + 2 + BEFORE_DATA..).unwrap_or_default();
        let end_code = message.body.get(BEFORE_COMMAND..BEFORE_COMMAND + END_CODE);
        if message.response && message.command() == Some(READ_TYPE_NAME) && end_code == Some(&[0, 0]) {
            let (rest, name) = take::<_, _, nom::error::Error<&[u8]>>(TYPE_NAME).parse(data)?;
            let (_, code) = Digits(false).word(rest)?;
            if is_type_name(name) {
                let about = cx.sender();
                cx.say(&about, Kind::Identity).trimmed(Field::ModelName, name).number(Field::ModelCode, code.into(), rest.get(..2).unwrap_or(rest));
            }
        }
        Ok(Next::Watch)
    }
}

struct Message<'a> {
    response: bool,
    /// Of what follows the header.
    length: usize,
    body: &'a [u8],
}

fn message(i: &[u8]) -> IResult<&[u8], Message<'_>> {
    let refused = || nom::Err::Error(nom::error::Error { input: i, code: nom::error::ErrorKind::Tag });
    let (rest, (subheader, zero, _serial, fixed)) = (u8(), u8(), take(3usize), take(3usize)).parse(i)?;
    let (rest, (_route, length)) = (take(LENGTH_AT - 8), le_u16()).parse(rest)?;
    let length = usize::from(length);
    if !matches!(subheader, REQUEST | RESPONSE) || zero != 0 || fixed != FIXED || !(BEFORE_COMMAND..=LENGTH_MAX).contains(&length) {
        return Err(refused());
    }
    Ok((&[], Message { response: subheader == RESPONSE, length, body: rest.get(..length).unwrap_or(rest) }))
}

impl Message<'_> {
    fn command(&self) -> Option<u16> {
        let at = BEFORE_COMMAND + if self.response { END_CODE } else { 0 };
        self.body.get(at..).and_then(<[u8]>::first_chunk).map(|command| u16::from_be_bytes(*command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload, read_cut};

    fn answer() -> Vec<u8> {
        let mut answer = vec![RESPONSE, 0, 0xc8, 0, 0, 0x11, 0x11, 7, 0, 0, 0, 0xe4, 3, 0, 0xff, 0xff, 3, 0, 0, 38, 0];
        answer.extend_from_slice(&[0x9c, 0, 0x0c, 8, 0, 0, 0, 0, 0x10, 4, 0, 0, 0, 0]); // twelve bytes, end code
        answer.extend_from_slice(&[1, 1, 1, 0, 0, 0]); // command
        answer.extend_from_slice(b"Q03UDECPU       \x68\x02");
        answer
    }

    const ASK: &[u8] = &[
        REQUEST, 0, 0, 0, 0, 0x11, 0x11, 7, 0, 0, 0xff, 0xff, 3, 0, 0, 0xfe, 3, 0, 0, 20, 0, // header
        0x1c, 8, 0x0a, 8, 0, 0, 0, 0, 0, 0, 0, 4, 1, 1, 1, 0, 0, 0, 0, 1, // read type name
    ];

    #[test]
    fn an_answer_says_the_model() {
        for port in [5007, 4711] {
            let said = payload(&Melsoft, Transport::Tcp, port, 50000, &answer());
            assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["Q03UDECPU"]);
            assert_eq!(field(&said, Kind::Identity, Field::ModelCode), ["616"]);
        }
    }

    #[test]
    fn a_cut_answer_and_a_question_say_nothing() {
        assert!(read_cut(&Melsoft, false, &answer()[..45]).is_empty());
        assert!(payload(&Melsoft, Transport::Tcp, 50000, 5007, ASK).iter().all(|said| said.protocol != "melsoft"));
        let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: 5007, from_client: Some(true) };
        assert_eq!(Melsoft.glance(ASK, &at).operation.map(|index| OPERATIONS[usize::from(index)].0), Some("read_type_name"));
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"WHOIS example\r\n"[..], &[0x57; 60], &[0; 60], &ASK[..30], b"W\0\0\0\0\x11\x11\x07 and then something else entirely"] {
            assert_eq!(gate(&Melsoft, stranger, 5007), Gate::NotMine);
        }
    }
}
