//! SMB 2 and 3: dialect, signing and encryption of file services, names of both hosts by their log-in.
//!
//! Spec: MS-SMB2 §2.2.
//! Tells us: the dialect in use, whether signing is required, the cipher, when the server started, its GUID; guest and null sessions; NTLM
//! (handed on).
//! Does not tell: which files and shares are used; anything of an encrypted session.

use super::smb2_header::{HEADER, KEY, NEGOTIATE, PLAIN, SESSION_SETUP, command};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Side};
use crate::spnego;
use nom::bytes::take;
use nom::number::{le_u16, le_u32};
use nom::{IResult, Parser};
use observations::{Field, Kind, OperationClass, Value};

pub(crate) struct Smb2;

/// §2.2.41 (transform), §2.2.42 (compression).
const ENCRYPTED: &[u8] = b"\xfdSMB";
const COMPRESSED: &[u8] = b"\xfcSMB";
const FLAGS: usize = 16;

/// §2.2.1: flags.
const FROM_SERVER: u8 = 0x01;
const SIGNED: u8 = 0x08;

/// §2.2.3 and §2.2.4: signing.
const SIGNING_REQUIRED: u16 = 2;
/// §2.2.4: the answer to a negotiation that SMB 1 began: the dialect is agreed on in the next.
const WILDCARD: u16 = 0x02ff;
/// §2.2.4 DialectRevision.
const DIALECTS: &[(u16, &str)] = &[(0x0202, "2.0.2"), (0x0210, "2.1"), (0x0300, "3.0"), (0x0302, "3.0.2"), (0x0311, "3.1.1")];
/// §2.2.3.1.2: ciphers.
const CIPHERS: &[(u16, &str)] = &[(1, "AES-128-CCM"), (2, "AES-128-GCM"), (3, "AES-256-CCM"), (4, "AES-256-GCM")];
const ENCRYPTION_CAPABILITIES: u16 = 2;
/// §2.2.3.1 knows eight kinds of context; each stands once.
const CONTEXTS_MAX: u16 = 16;
/// §2.2.6: session flags.
const IS_GUEST: u16 = 1;
const IS_NULL: u16 = 2;
const ENCRYPT_DATA: u16 = 4;

/// §2.2.1.2 Command, in its order.
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("negotiate", OperationClass::Session),
    ("session_setup", OperationClass::Session),
    ("logoff", OperationClass::Session),
    ("tree_connect", OperationClass::Session),
    ("tree_disconnect", OperationClass::Session),
    ("create", OperationClass::Read),
    ("close", OperationClass::Session),
    ("flush", OperationClass::Session),
    ("read", OperationClass::Read),
    ("write", OperationClass::Write),
    ("lock", OperationClass::Session),
    ("ioctl", OperationClass::Session),
    ("cancel", OperationClass::Session),
    ("echo", OperationClass::Session),
    ("query_directory", OperationClass::Read),
    ("change_notify", OperationClass::Session),
    ("query_info", OperationClass::Read),
    ("set_info", OperationClass::Write),
    ("oplock_break", OperationClass::Session),
];

impl Dissector for Smb2 {
    type State = ();

    const ROW: Row = Row {
        name: "smb2",
        revision: 1,
        spec: "MS-SMB2",
        tells: "dialect, signing, encryption, start of the server, names by NTLM",
        bindings: &[Binding::Under("smb", KEY)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        if [PLAIN, ENCRYPTED, COMPRESSED].iter().any(|magic| head.starts_with(magic)) { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.get(FLAGS) {
            Some(flags) if head.starts_with(PLAIN) => {
                if flags & FROM_SERVER != 0 {
                    Side::Server
                } else {
                    Side::Client
                }
            }
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let (Some(command), Some(flags)) = (command(head), head.get(FLAGS)) else {
            return Glance { look: Look::Once(0), ..Glance::READ };
        };
        let request = flags & FROM_SERVER == 0;
        let look = match command {
            NEGOTIATE | SESSION_SETUP => Look::Always,
            _ => Look::Once(1 + u32::from(*flags & (SIGNED | FROM_SERVER))),
        };
        Glance { operation: Some(command).filter(|command| request && usize::from(*command) < OPERATIONS.len()), look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let about = cx.sender();
        if let Some(magic) = pdu.get(..4).filter(|magic| *magic == ENCRYPTED) {
            cx.say(&about, Kind::Security).decoded(Field::SecurityLevel, &word("encrypted"), magic, "smb2-transform");
            return Ok(Next::Watch);
        }
        let Some(command) = command(pdu) else { return Ok(Next::Watch) };
        let (body, header) = take::<_, _, Error<'_>>(HEADER).parse(pdu)?;
        let flags = header.get(FLAGS..).unwrap_or_default();
        let answer = flags.first().is_some_and(|flags| flags & FROM_SERVER != 0);
        match (command, answer) {
            (NEGOTIATE, false) => asks(body, cx)?,
            (NEGOTIATE, true) => agrees(pdu, body, cx)?,
            (SESSION_SETUP, false) => logs_in(pdu, body, cx)?,
            (SESSION_SETUP, true) => logged_in(pdu, body, cx)?,
            _ if flags.first().is_some_and(|flags| flags & SIGNED != 0) => {
                cx.say(&about, Kind::Security).decoded(Field::SecurityLevel, &word("signed"), flags.get(..1).unwrap_or_default(), "smb2-flags");
            }
            _ => {}
        }
        Ok(Next::Watch)
    }
}

type Error<'a> = nom::error::Error<&'a [u8]>;

fn word(text: &str) -> Value {
    Value::Text(text.into())
}

fn signing(mode: u16) -> Value {
    word(if mode & SIGNING_REQUIRED != 0 { "signing-required" } else { "signing-enabled" })
}

/// §2.2.3: size, count of dialects, security mode, reserved, capabilities, GUID of the client.
fn asks(body: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (i, (_size, _count)) = (le_u16(), le_u16::<_, Error<'_>>()).parse(body)?;
    let (rest, (mode, _reserved, _capabilities, guid)) = (le_u16::<_, Error<'_>>(), take(2usize), le_u32(), take(16usize)).parse(i)?;
    let _ = rest;
    let about = cx.sender_host();
    cx.say(&about, Kind::Security).decoded(Field::SecurityLevel, &signing(mode), i.get(..2).unwrap_or_default(), "smb2-security-mode");
    if guid.iter().any(|byte| *byte != 0) {
        cx.say(&about, Kind::Client).bytes(Field::SmbClientGuid, guid);
    }
    Ok(())
}

/// §2.2.4.
struct Agreed<'a> {
    mode: &'a [u8],
    dialect: &'a [u8],
    contexts: u16,
    guid: &'a [u8],
    start: &'a [u8],
    contexts_at: u32,
}

fn agreed(i: &[u8]) -> IResult<&[u8], Agreed<'_>> {
    let (i, (_size, mode, dialect, contexts, guid)) = (le_u16(), take(2usize), take(2usize), le_u16(), take(16usize)).parse(i)?;
    let (i, (_capabilities, _transact, _read, _write, _now, start)) =
        (le_u32(), le_u32(), le_u32(), le_u32(), take(8usize), take(8usize)).parse(i)?;
    let (i, (_blob_at, _blob_length, contexts_at)) = (le_u16(), le_u16(), le_u32()).parse(i)?;
    Ok((i, Agreed { mode, dialect, contexts, guid, start, contexts_at }))
}

fn agrees(pdu: &[u8], body: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (_, agreed) = agreed(body)?;
    let about = cx.sender();
    let dialect = number(agreed.dialect);
    let known = DIALECTS.iter().find(|(code, _)| *code == dialect);
    let saying =
        cx.say(&about, Kind::Security).maybe(known, |s, (_, name)| s.decoded(Field::ProtocolVersion, &word(name), agreed.dialect, "smb2-dialect"));
    drop(saying.decoded(Field::SecurityLevel, &signing(number(agreed.mode)), agreed.mode, "smb2-security-mode"));
    if dialect == WILDCARD {
        return Ok(());
    }
    cx.say(&about, Kind::Service).bytes(Field::SmbServerGuid, agreed.guid);
    if let Some(seconds) = filetime(agreed.start) {
        let host = cx.sender_host();
        cx.say(&host, Kind::State).decoded(Field::BootTime, &Value::Number(seconds), agreed.start, "filetime");
    }
    // Only the newest dialect has contexts; in others the same bytes are reserved.
    if known.is_some_and(|(_, name)| *name == "3.1.1") {
        let at = usize::try_from(agreed.contexts_at).unwrap_or(usize::MAX);
        encryption(pdu.get(at..).unwrap_or_default(), agreed.contexts, cx);
    }
    Ok(())
}

/// §2.2.4.1: contexts, each on a boundary of eight bytes; the server answers with one cipher.
fn encryption(mut i: &[u8], count: u16, cx: &mut Context<'_>) {
    let about = cx.sender();
    for _ in 0..count.min(CONTEXTS_MAX) {
        let Ok((_, (kind, data))) = context(i) else { return };
        if let Some(cipher) = data.get(2..4).filter(|_| kind == ENCRYPTION_CAPABILITIES)
            && let Some((_, name)) = CIPHERS.iter().find(|(code, _)| *code == number(cipher))
        {
            cx.say(&about, Kind::Security).decoded(Field::EncryptionMethod, &word(name), cipher, "smb2-cipher");
        }
        i = i.get((8 + data.len()).next_multiple_of(8)..).unwrap_or_default();
    }
}

fn context(i: &[u8]) -> IResult<&[u8], (u16, &[u8])> {
    let (i, (kind, length, _reserved)) = (le_u16(), le_u16(), le_u32()).parse(i)?;
    let (i, data) = take(length).parse(i)?;
    Ok((i, (kind, data)))
}

/// §2.2.5: size, flags, security mode, capabilities, channel, place and length of the blob.
fn logs_in(pdu: &[u8], body: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (i, _before) = take::<_, _, Error<'_>>(12usize).parse(body)?;
    let (_, at) = (le_u16::<_, Error<'_>>(), le_u16()).parse(i)?;
    spnego::hand_on(blob(pdu, at), cx);
    Ok(())
}

/// §2.2.6: size, session flags, place and length of the blob. An error (§2.2.2) has the same size, no flags and no blob.
fn logged_in(pdu: &[u8], body: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (i, (_size, flag_bytes)) = (le_u16::<_, Error<'_>>(), take(2usize)).parse(body)?;
    let (_, at) = (le_u16::<_, Error<'_>>(), le_u16()).parse(i)?;
    let (about, flags) = (cx.sender(), number(flag_bytes));
    // Flags hold once the session is there.
    if pdu.get(8..12) == Some(&[0; 4]) {
        let method = match flags {
            _ if flags & IS_NULL != 0 => Some("anonymous"),
            _ if flags & IS_GUEST != 0 => Some("guest"),
            _ => None,
        };
        let saying = cx.say(&about, Kind::Security);
        let saying = saying.maybe(method, |s, name| s.decoded(Field::AuthenticationMethod, &word(name), flag_bytes, "smb2-session-flags"));
        let encrypted = (flags & ENCRYPT_DATA != 0).then_some("encrypted");
        drop(saying.maybe(encrypted, |s, name| s.decoded(Field::SecurityLevel, &word(name), flag_bytes, "smb2-session-flags")));
    }
    spnego::hand_on(blob(pdu, at), cx);
    Ok(())
}

/// A blob by its offset from the header's beginning; as far as it is there.
fn blob(pdu: &[u8], (offset, length): (u16, u16)) -> &[u8] {
    let rest = pdu.get(usize::from(offset)..).filter(|_| usize::from(offset) >= HEADER).unwrap_or_default();
    rest.get(..usize::from(length)).unwrap_or(rest)
}

fn number(bytes: &[u8]) -> u16 {
    bytes.first_chunk().map_or(0, |bytes| u16::from_le_bytes(*bytes))
}

/// MS-DTYP §2.3.3: tenths of microseconds since 1601, as seconds since 1970; nothing where the server leaves it out.
fn filetime(bytes: &[u8]) -> Option<u64> {
    /// Seconds from 1601 to 1970.
    const EPOCH: u64 = 11_644_473_600;
    (u64::from_le_bytes(*bytes.first_chunk()?) / 10_000_000).checked_sub(EPOCH)
}

#[cfg(test)]
mod tests {
    use super::super::smb2_header::COMMAND;
    use super::*;
    use crate::dissectors::it::ntlmssp::Ntlmssp;
    use crate::dissectors::it::smb::Smb;
    use crate::testing::{conversation_of, field};
    use observations::{Observation, Transport};

    /// A message in its frame.
    fn message(command: u8, flags: u8, status: u8, body: &[u8]) -> Vec<u8> {
        let mut header = [0u8; HEADER];
        header[..6].copy_from_slice(PLAIN);
        (header[8], header[COMMAND], header[FLAGS]) = (status, command, flags);
        framed(&[&header[..], body].concat())
    }

    fn framed(message: &[u8]) -> Vec<u8> {
        [&u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
    }

    fn talk(messages: &[(bool, &[u8])]) -> Vec<Observation> {
        let payloads: Vec<_> = messages.iter().map(|(client, bytes)| if *client { (50000, 445, *bytes) } else { (445, 50000, *bytes) }).collect();
        conversation_of(&[&Smb, &Smb2, &Ntlmssp], Transport::Tcp, &payloads)
    }

    fn agreement() -> Vec<u8> {
        let body = [
            &[65, 0][..],                                      // size
            &[3, 0],                                           // signing enabled and required
            &[0x11, 0x03],                                     // 3.1.1
            &[1, 0],                                           // one context
            b"GUID-of-a-server",                               //
            &[0; 16],                                          // capabilities, sizes
            &[0; 8],                                           // now
            &[0x00, 0x80, 0x3e, 0xd5, 0xde, 0xb1, 0x9d, 0x01], // 1970-01-01 and no more
            &[0x80, 0, 0, 0],                                  // no blob
            &[128, 0, 0, 0],                                   // contexts follow
            &[2, 0, 4, 0, 0, 0, 0, 0, 1, 0, 2, 0],             // one cipher: AES-128-GCM
        ];
        message(0, FROM_SERVER, 0, &body.concat())
    }

    #[test]
    fn an_agreement_tells_dialect_signing_and_cipher() {
        let said = talk(&[(false, &agreement())]);
        assert_eq!(field(&said, Kind::Security, Field::ProtocolVersion), ["3.1.1"]);
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["signing-required"]);
        assert_eq!(field(&said, Kind::Security, Field::EncryptionMethod), ["AES-128-GCM"]);
        assert_eq!(said.iter().filter(|said| said.get(Field::SmbServerGuid).is_some()).count(), 1);
        assert!(said.iter().all(|said| said.protocol != "smb"));
    }

    #[test]
    fn a_log_in_names_the_client_by_ntlm() {
        let mut ntlm = b"NTLMSSP\0\x01\0\0\0\x07\x32\0\0\0\0\0\0\0\0\0\0\x05\0\x05\0\x20\0\0\0PLC-9".to_vec();
        let body = [&[25, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 88, 0, 37, 0][..], &[0; 8], &ntlm].concat();
        let said = talk(&[(true, &message(1, 0, 0, &body))]);
        assert_eq!(field(&said, Kind::Name, Field::Hostname), ["PLC-9"]);
        ntlm.truncate(3);
        assert!(talk(&[(true, &message(1, 0, 0, &[&body[..24], &ntlm].concat()))]).iter().all(|said| said.kind != Kind::Name));
    }

    #[test]
    fn guests_and_encryption_are_told_once_the_session_is_there() {
        let answer = |status| message(1, FROM_SERVER, status, &[9, 0, 5, 0, 0, 0, 0, 0]);
        let said = talk(&[(false, &answer(0))]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["guest"]);
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["encrypted"]);
        assert!(field(&talk(&[(false, &answer(0x16))]), Kind::Security, Field::AuthenticationMethod).is_empty());
    }

    #[test]
    fn an_encrypted_session_is_picked_up_in_the_middle() {
        let said = talk(&[(true, &framed(&[ENCRYPTED, &[7; 60]].concat()))]);
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["encrypted"]);
    }

    #[test]
    fn an_agreement_that_is_cut_breaks_nothing() {
        for end in 5..agreement().len() {
            let mut cut = agreement()[..end].to_vec();
            cut[3] = u8::try_from(end - 4).unwrap();
            talk(&[(false, &cut)]);
        }
    }
}
