//! DICOM: which imaging devices, archives and work places talk, with which software, and whether they say who uses them.
//!
//! Spec: DICOM PS3.8 §9.3 (PDUs), Annex D (user information); PS3.7 Annex D (implementation, user identity), Annex E (command fields).
//! Tells us: application entity titles, implementation class UID and version name, SOP classes that are proposed, user identity, passcodes
//! in the clear, operations.
//! Does not tell: patients and pictures, which are never read; maker and model, which stand in pictures.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::tlv::number;
use observations::{Field, Kind, OperationClass, Subject, Transport, Value};

pub(crate) struct Dicom;

/// PS3.8 §9.3.1: type, a zero, length.
const HEADER: usize = 6;
const ASSOCIATE_RQ: u8 = 1;
const ASSOCIATE_AC: u8 = 2;
const P_DATA: u8 = 4;
/// §9.3.2: version, two zeros, two titles, 32 zeros; items follow.
const ASSOCIATE: usize = 68;
const TITLE: usize = 16;
/// Negotiations of 128 contexts with many transfer syntaxes have some 30 KiB.
const ASSOCIATE_MAX: usize = 64 * 1024;
/// Of data only the head of a command is looked at.
const COMMAND_WITHIN: usize = 160;
/// §9.3.2.2: context identifiers are odd numbers of one byte.
const CONTEXTS_MAX: usize = 128;
const ITEMS_MAX: usize = 256;
/// PS3.7 §A.2.1: the only application context.
const APPLICATION_CONTEXT: &[u8] = b"1.2.840.10008.3.1.1.1";

/// PS3.7 Annex E: command fields of requests; the index is that of [`OPERATIONS`].
const COMMANDS: &[u16] = &[0x01, 0x10, 0x20, 0x21, 0x30, 0x100, 0x110, 0x120, 0x130, 0x140, 0x150, 0xfff];
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("c_store", OperationClass::Write),
    ("c_get", OperationClass::Read),
    ("c_find", OperationClass::Read),
    ("c_move", OperationClass::Read),
    ("c_echo", OperationClass::Diagnose),
    ("n_event_report", OperationClass::Read),
    ("n_get", OperationClass::Read),
    ("n_set", OperationClass::Write),
    ("n_action", OperationClass::Control),
    ("n_create", OperationClass::Write),
    ("n_delete", OperationClass::Write),
    ("c_cancel", OperationClass::Session),
    ("associate", OperationClass::Session),
    ("release", OperationClass::Session),
];

impl Dissector for Dicom {
    type State = Association;

    const ROW: Row = Row {
        name: "dicom",
        revision: 1,
        spec: "DICOM PS3.7, PS3.8",
        tells: "application entity titles, implementation and its version, SOP classes, user identity",
        bindings: &[Binding::Tcp(104), Binding::Tcp(11112), Binding::Tcp(4242), Binding::Tcp(2761), Binding::Tcp(2762)],
        shapes: &[
            shape(&[(0, 0xff, 1), (1, 0xff, 0), (2, 0xff, 0), (3, 0xff, 0), (6, 0xff, 0), (7, 0xff, 1), (8, 0xff, 0), (9, 0xff, 0)]),
            shape(&[(0, 0xff, 2), (1, 0xff, 0), (2, 0xff, 0), (3, 0xff, 0), (6, 0xff, 0), (7, 0xff, 1), (8, 0xff, 0), (9, 0xff, 0)]),
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some((kind, length)) = header(head) else { return if head.len() < HEADER { Gate::More } else { Gate::NotMine } };
        let body = head.get(HEADER..).unwrap_or_default();
        let mine = match kind {
            ASSOCIATE_RQ | ASSOCIATE_AC => return association(body, length),
            P_DATA => is_data(body, length),
            _ => length == 4 && body.len() == 4 && body.first() == Some(&0),
        };
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first() {
            Some(&ASSOCIATE_RQ) => Side::Client,
            Some(&ASSOCIATE_AC | 3) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        if head.len() < HEADER {
            return Framing::Need(HEADER);
        }
        let Some((kind, length)) = header(head) else { return Framing::Lost };
        let want = if kind == P_DATA { COMMAND_WITHIN } else { ASSOCIATE_MAX };
        let len = HEADER.saturating_add(length);
        Framing::Pdu { len, want: len.min(want) }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let operation = match head.first() {
            Some(&P_DATA) => command(head.get(HEADER..).unwrap_or_default()).and_then(|code| COMMANDS.iter().position(|known| *known == code)),
            Some(&ASSOCIATE_RQ) => Some(COMMANDS.len()),
            Some(5) => Some(COMMANDS.len() + 1),
            _ => None,
        };
        let look = if matches!(head.first(), Some(&(ASSOCIATE_RQ | ASSOCIATE_AC))) { Look::Always } else { Look::Never };
        Glance { operation: operation.and_then(|index| u16::try_from(index).ok()), look, inner: None }
    }

    fn read(&self, pdu: &[u8], asked: &mut Association, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (kind, length) = header(pdu).ok_or(DissectError::Malformed { rule: "header", offset: 0 })?;
        let body = pdu.get(HEADER..).unwrap_or_default();
        match kind {
            ASSOCIATE_RQ => requested(body, asked, cx),
            ASSOCIATE_AC => accepted(body, asked, cx),
            _ => {}
        }
        let missing = length.saturating_sub(body.len());
        if missing > 0 && kind != P_DATA { Err(DissectError::Truncated { needed: missing }) } else { Ok(Next::Watch) }
    }
}

const fn shape(bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over: Transport::Tcp, bytes, min: HEADER + ASSOCIATE, max: usize::MAX }
}

/// How the client proved who it is, until the server has answered.
#[derive(Default)]
pub(crate) struct Association {
    identified: Option<bool>,
}

/// Type and length.
fn header(head: &[u8]) -> Option<(u8, usize)> {
    let &[kind, zero, a, b, c, d] = head.first_chunk::<HEADER>()?;
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
    ((1..=7).contains(&kind) && zero == 0 && length >= 4).then_some((kind, length))
}

/// §9.3.2: version 1, two titles of printable characters, and the application context.
fn association(body: &[u8], length: usize) -> Gate {
    let Some((fixed, items)) = body.split_first_chunk::<ASSOCIATE>() else { return if body.len() < ASSOCIATE { Gate::More } else { Gate::NotMine } };
    let (version, titles) = (fixed.get(..4), fixed.get(4..4 + 2 * TITLE).unwrap_or_default());
    let printable = titles.iter().all(|byte| (0x20..0x7f).contains(byte) || *byte == 0);
    let context = Items(items).next().is_some_and(|(kind, value)| kind == 0x10 && trim(value) == APPLICATION_CONTEXT);
    let mine = version == Some(&[0, 1, 0, 0]) && printable && context && length >= ASSOCIATE + 4;
    if mine { Gate::Mine } else { Gate::NotMine }
}

/// §9.3.5: length, an odd context identifier, two bits.
fn is_data(body: &[u8], length: usize) -> bool {
    let Some((value, rest)) = body.split_first_chunk::<4>() else { return false };
    let value = usize::try_from(u32::from_be_bytes(*value)).unwrap_or(usize::MAX);
    let fits = value >= 2 && value.checked_add(4).is_some_and(|value| value <= length);
    match rest {
        // PS3.7 §6.3.1: a command begins with its group's length.
        [context, 1 | 3, group @ ..] => fits && context % 2 == 1 && group.starts_with(&[0, 0, 0, 0, 4, 0, 0, 0]),
        [context, 0 | 2, ..] => fits && context % 2 == 1,
        _ => false,
    }
}

/// PS3.7 §6.3.1: the command field among elements in implicit little endian form.
fn command(body: &[u8]) -> Option<u16> {
    let &[_, _, _, _, _, 1 | 3, ..] = body.first_chunk::<6>()? else { return None };
    let mut rest = body.get(6..)?;
    while let Some((&[0, 0, low, high, a, b, c, d], behind)) = rest.split_first_chunk::<8>() {
        let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?;
        let (value, behind) = behind.split_at_checked(length)?;
        if u16::from_le_bytes([low, high]) == 0x100 {
            return value.first_chunk::<2>().map(|code| u16::from_le_bytes(*code));
        }
        rest = behind;
    }
    None
}

/// Items of type, a zero, length of two bytes; ends at the first that is cut.
struct Items<'a>(&'a [u8]);

impl<'a> Iterator for Items<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[kind, _, high, low], rest) = self.0.split_first_chunk::<4>()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        self.0 = rest;
        Some((kind, value))
    }
}

/// §9.3.2: who asks, with what, for which kinds of pictures.
fn requested(body: &[u8], asked: &mut Association, cx: &mut Context<'_>) {
    let (client, server) = (cx.sender_host(), cx.receiver());
    let (called, calling) = (title(body, 4), title(body, 4 + TITLE));
    cx.say(&client, Kind::Client).text(Field::DicomAeTitle, calling);
    cx.say(&server, Kind::Request).text(Field::DicomAeTitle, called);
    asked.identified = Some(false);
    let mut contexts = 0;
    for (kind, value) in Items(body.get(ASSOCIATE..).unwrap_or_default()).take(ITEMS_MAX) {
        match kind {
            0x20 if contexts < CONTEXTS_MAX => {
                contexts += 1;
                let syntax = Items(value.get(4..).unwrap_or_default()).find(|item| item.0 == 0x30);
                if let Some((_, class)) = syntax {
                    cx.say(&client, Kind::Client).trimmed(Field::DicomSopClass, class);
                }
            }
            0x50 => {
                implementation(value, &client, Kind::Client, cx);
                if let Some((_, identity)) = Items(value).find(|item| item.0 == 0x58) {
                    asked.identified = Some(true);
                    identified(identity, &client, &server, cx);
                }
            }
            _ => {}
        }
    }
}

/// §9.3.3: the titles come back as they were sent.
fn accepted(body: &[u8], asked: &mut Association, cx: &mut Context<'_>) {
    let server = cx.sender();
    cx.say(&server, Kind::Service).text(Field::DicomAeTitle, title(body, 4));
    if let Some((_, value)) = Items(body.get(ASSOCIATE..).unwrap_or_default()).take(ITEMS_MAX).find(|item| item.0 == 0x50) {
        implementation(value, &server, Kind::Service, cx);
    }
    if let Some(identified) = asked.identified.take() {
        let method = if identified { "user-identity" } else { "none" };
        let saying = cx.say(&server, Kind::Security).implied(Field::AuthenticationMethod, &Value::Text(method.into()));
        drop(saying.implied(Field::SecurityLevel, &Value::Text("none".into())));
    }
}

fn title(body: &[u8], at: usize) -> &[u8] {
    trim(body.get(at..at + TITLE).unwrap_or_default())
}

/// PS3.7 §D.3.3.2.
fn implementation(items: &[u8], about: &Subject, kind: Kind, cx: &mut Context<'_>) {
    let mut saying = cx.say(about, kind);
    for (item, value) in Items(items).take(ITEMS_MAX) {
        saying = match item {
            0x52 => saying.trimmed(Field::DicomImplementationUid, value),
            0x55 => saying.trimmed(Field::DicomImplementationVersion, value),
            _ => saying,
        };
    }
}

/// PS3.7 §D.3.3.7: type, whether an answer is wished, then two fields with their lengths.
fn identified(identity: &[u8], client: &Subject, server: &Subject, cx: &mut Context<'_>) {
    let Some((kind, rest)) = identity.split_at_checked(1) else { return };
    let word = match kind {
        [1] => "user-name",
        [2] => "password",
        [3] => "kerberos",
        [4] => "saml",
        [5] => "jwt",
        _ => return,
    };
    cx.say(client, Kind::Security).decoded(Field::AuthenticationMethod, &Value::Text(word.into()), kind, "dicom-user-identity");
    let Some(fields) = rest.get(1..).filter(|_| kind == [2]) else { return };
    let field = |bytes| -> Option<(&[u8], &[u8])> {
        let (length, rest): (&[u8], &[u8]) = <[u8]>::split_at_checked(bytes, 2)?;
        rest.split_at_checked(usize::try_from(number(length)).ok()?)
    };
    if let Some((user, rest)) = field(fields)
        && let Some((passcode, _)) = field(rest)
    {
        cx.secret(server, "dicom passcode", Some(user), passcode);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, payload, read_cut};
    use observations::Observation;

    fn item(kind: u8, value: &[u8]) -> Vec<u8> {
        [&[kind, 0][..], &u16::try_from(value.len()).unwrap().to_be_bytes(), value].concat()
    }

    fn associate(kind: u8, more: &[u8]) -> Vec<u8> {
        let context = [&[1, 0, 0, 0][..], &item(0x30, b"1.2.840.10008.5.1.4.1.1.2"), &item(0x40, b"1.2.840.10008.1.2")].concat();
        let user = [item(0x51, &[0, 0, 0x40, 0]), item(0x52, b"1.2.276.0.7230010.3.0.3.6.6"), item(0x55, b"OFFIS_DCMTK_366"), more.to_vec()].concat();
        let body = [
            &[0, 1, 0, 0][..],   // version 1
            b"ARCHIVE         ", // called
            b"CT-2            ", // calling
            &[0; 32],
            &item(0x10, APPLICATION_CONTEXT),
            &item(0x20, &context),
            &item(0x50, &user),
        ]
        .concat();
        [&[kind, 0][..], &u32::try_from(body.len()).unwrap().to_be_bytes(), &body].concat()
    }

    fn talk(messages: &[(bool, &[u8])]) -> Vec<Observation> {
        let payloads: Vec<_> = messages.iter().map(|(up, bytes)| if *up { (50000, 11112, *bytes) } else { (11112, 50000, *bytes) }).collect();
        conversation(&Dicom, Transport::Tcp, &payloads)
    }

    #[test]
    fn both_sides_tell_title_and_implementation() {
        let said = talk(&[(true, &associate(1, &[])), (false, &associate(2, &[]))]);
        assert_eq!(field(&said, Kind::Client, Field::DicomAeTitle), ["CT-2"]);
        assert_eq!(field(&said, Kind::Service, Field::DicomAeTitle), ["ARCHIVE"]);
        assert_eq!(field(&said, Kind::Client, Field::DicomImplementationVersion), ["OFFIS_DCMTK_366"]);
        assert_eq!(field(&said, Kind::Service, Field::DicomImplementationUid), ["1.2.276.0.7230010.3.0.3.6.6"]);
        assert_eq!(field(&said, Kind::Client, Field::DicomSopClass), ["1.2.840.10008.5.1.4.1.1.2"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["none"]);
    }

    #[test]
    fn a_passcode_leaves_as_a_secret() {
        let identity = item(0x58, b"\x02\x00\x00\x04anna\x00\x07hunter2");
        let said = talk(&[(true, &associate(1, &identity))]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["password"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["dicom passcode"]);
        let all: String = said.iter().flat_map(|said| &said.fields_first).map(|field| String::from_utf8_lossy(&field.quote).into_owned()).collect();
        assert!(!all.contains("hunter2") && !all.contains("anna"), "{all}");
    }

    #[test]
    fn commands_are_known_in_the_middle() {
        let echo = [
            &[4, 0, 0, 0, 0, 0x48][..],
            &[0, 0, 0, 0x44, 1, 3],                   // length, context, command and last
            &[0, 0, 0, 0, 4, 0, 0, 0, 0x38, 0, 0, 0], // group length
            &[0, 0, 2, 0, 18, 0, 0, 0],               // affected SOP class
            b"1.2.840.10008.1.1\0",
            &[0, 0, 0, 1, 2, 0, 0, 0, 0x30, 0], // C-ECHO-RQ
            &[0, 0, 0x10, 1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 8, 2, 0, 0, 0, 1, 1],
        ]
        .concat();
        assert_eq!(gate(&Dicom, &echo, 11112), Gate::Mine);
        assert_eq!(command(&echo[HEADER..]), Some(0x30));
        let glance = Dicom.glance(&echo, &At { transport: Transport::Tcp, src_port: 50000, dst_port: 104, from_client: Some(true) });
        assert_eq!((glance.operation.map(|index| OPERATIONS[usize::from(index)].0), glance.look), (Some("c_echo"), Look::Never));
    }

    #[test]
    fn a_cut_association_keeps_what_came_before() {
        let whole = associate(1, &[]);
        let said = read_cut(&Dicom, true, &whole[..HEADER + ASSOCIATE + 10]);
        assert_eq!(field(&said, Kind::Client, Field::DicomAeTitle), ["CT-2"]);
    }

    #[test]
    fn it_is_found_on_another_port_and_strangers_are_refused() {
        let said = payload(&Dicom, Transport::Tcp, 50000, 40104, &associate(1, &[]));
        assert_eq!(field(&said, Kind::Client, Field::DicomAeTitle), ["CT-2"]);
        for stranger in
            [&b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.2p1\r\n", &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3], &[0; 80], &[1; 80]]
        {
            assert_eq!(gate(&Dicom, stranger, 104), Gate::NotMine, "{stranger:?}");
        }
    }
}
