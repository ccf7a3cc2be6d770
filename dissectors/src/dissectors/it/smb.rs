//! SMB 1 and the transport of all versions: systems of both ends, names, how weakly they are protected.
//!
//! Spec: MS-CIFS §2.2, MS-SMB §2.2.4; RFC 1002 §4.3 (session service), MS-SMB2 §2.1 (the same header over port 445).
//! Tells us: SMB 1 in use; NativeOS and NativeLanMan of both ends, the server's domain, signing; the caller's NetBIOS name; passwords in
//! the clear; guest sessions; NTLM (handed on).
//! Does not tell: files, shares and users; whether a system is what it says (Samba names a Windows).

use super::smb_commands::{self as commands, NEGOTIATE, OPERATIONS, SESSION_SETUP};
use super::smb2_header as smb2;
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::netbios::{self, ENCODED};
use crate::spnego;
use nom::bytes::take;
use nom::number::{be_u8, le_u16, le_u32};
use nom::{IResult, Parser};
use observations::{Field, Kind, Subject, Transport, Value};

pub(crate) struct Smb;

/// RFC 1002 §4.3.1: type, and a length of 17 bits (24 over port 445).
const FRAME: usize = 4;
const SESSION_MESSAGE: u8 = 0x00;
const SESSION_REQUEST: u8 = 0x81;
const POSITIVE_RESPONSE: u8 = 0x82;
const NEGATIVE_RESPONSE: u8 = 0x83;
const RETARGET_RESPONSE: u8 = 0x84;
const KEEP_ALIVE: u8 = 0x85;
/// RFC 1002 §4.3.2: two names of 34 bytes.
const REQUEST_LENGTH: usize = 68;
const SESSION_PORT: u16 = 139;

/// MS-CIFS §2.2.3.1.
const MAGIC: &[u8] = b"\xffSMB";
const HEADER: usize = 32;
const REPLY: u8 = 0x80;
const UNICODE: u16 = 0x8000;
/// Log-ins carry tickets of some kilobytes, names and no more.
const LOG_IN_MAX: usize = 16 * 1024;

/// MS-CIFS §2.2.4.52.2 SecurityMode.
const ENCRYPT_PASSWORDS: u8 = 2;
const SIGNING_ENABLED: u8 = 4;
const SIGNING_REQUIRED: u8 = 8;
/// MS-SMB §2.2.4.5.2.1: capabilities with extended security.
const EXTENDED_SECURITY: u32 = 0x8000_0000;
/// MS-CIFS §2.2.4.53.2 Action.
const GUEST: u16 = 1;
/// MS-NLMP §3.3.1: LM and NTLM v1 responses.
const V1_RESPONSE: usize = 24;

const fn shape(version: u8) -> &'static [(usize, u8, u8)] {
    match version {
        1 => &[(0, 0xff, 0), (4, 0xff, 0xff), (5, 0xff, b'S'), (6, 0xff, b'M'), (7, 0xff, b'B')],
        _ => &[(0, 0xff, 0), (4, 0xff, 0xfe), (5, 0xff, b'S'), (6, 0xff, b'M'), (7, 0xff, b'B')],
    }
}

impl Dissector for Smb {
    type State = Session;

    const ROW: Row = Row {
        name: "smb",
        revision: 1,
        spec: "MS-CIFS, MS-SMB, RFC 1002 section 4.3",
        tells: "SMB 1 in use, systems of both ends, domain, signing, NetBIOS name of the caller",
        bindings: &[Binding::Tcp(445), Binding::Tcp(SESSION_PORT)],
        shapes: &[
            Shape { over: Transport::Tcp, bytes: shape(1), min: 8, max: usize::MAX },
            Shape { over: Transport::Tcp, bytes: shape(2), min: 8, max: usize::MAX },
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let Some((&[kind, _, _, low], message)) = head.split_first_chunk::<FRAME>() else { return Gate::More };
        let sessions = at.src_port == SESSION_PORT || at.dst_port == SESSION_PORT;
        match kind {
            SESSION_REQUEST if sessions && usize::from(low) == REQUEST_LENGTH => match caller(message) {
                Some(_) => Gate::Mine,
                None if message.len() < REQUEST_LENGTH => Gate::More,
                None => Gate::NotMine,
            },
            POSITIVE_RESPONSE if sessions && low == 0 && message.is_empty() => Gate::Mine,
            SESSION_MESSAGE => of_message(message),
            _ => Gate::NotMine,
        }
    }

    fn side(&self, head: &[u8]) -> Side {
        match (head.first(), head.get(FRAME + 9)) {
            (Some(&SESSION_REQUEST), _) => Side::Client,
            (Some(&(POSITIVE_RESPONSE | NEGATIVE_RESPONSE | RETARGET_RESPONSE)), _) => Side::Server,
            (_, Some(flags)) if head.get(FRAME..).is_some_and(|message| message.starts_with(MAGIC)) => {
                if flags & REPLY != 0 {
                    Side::Server
                } else {
                    Side::Client
                }
            }
            _ => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        let Some((&[kind, high, middle, low], message)) = head.split_first_chunk::<FRAME>() else { return Framing::Need(FRAME) };
        let length = usize::try_from(u32::from_be_bytes([0, high, middle, low])).unwrap_or(usize::MAX);
        let len = length.saturating_add(FRAME);
        match kind {
            SESSION_REQUEST..=KEEP_ALIVE if length <= REQUEST_LENGTH => Framing::Pdu { len, want: len },
            SESSION_MESSAGE => match of_message(message) {
                Gate::More => Framing::Need(FRAME + 16),
                Gate::NotMine => Framing::Lost,
                Gate::Mine => Framing::Pdu { len, want: len.min(if is_read(message) { LOG_IN_MAX } else { FRAME + smb2::HEADER }) },
            },
            _ => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let message = head.get(FRAME..).unwrap_or_default();
        if head.first() != Some(&SESSION_MESSAGE) {
            return Glance::READ;
        }
        let (Some(&command), Some(&flags)) = (message.get(4), message.get(9)) else { return Glance::SKIP };
        if !message.starts_with(MAGIC) {
            return Glance { operation: None, look: Look::Always, inner: Some((smb2::KEY, FRAME)) };
        }
        let request = flags & REPLY == 0;
        let look = if is_read(message) { Look::Always } else { Look::Once(u32::from(request)) };
        Glance { operation: commands::operation(command).filter(|_| request), look, inner: None }
    }

    fn read(&self, pdu: &[u8], session: &mut Session, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (message, frame) = take::<_, _, Error<'_>>(FRAME).parse(pdu)?;
        match frame.first() {
            Some(&SESSION_REQUEST) => calls(message, cx),
            Some(&SESSION_MESSAGE) if message.starts_with(MAGIC) => session.message(message, cx)?,
            Some(&SESSION_MESSAGE) => drop(cx.under(smb2::KEY, message)),
            _ => {}
        }
        Ok(Next::Watch)
    }
}

type Error<'a> = nom::error::Error<&'a [u8]>;

/// Whose message it is: SMB 1 by a command that exists, or its successors.
fn of_message(message: &[u8]) -> Gate {
    let Some((version, name)) = message.get(..4).and_then(<[u8]>::split_first) else { return Gate::More };
    match (version, name, message.get(4)) {
        (0xff, b"SMB", Some(command)) if commands::operation(*command).is_some() => Gate::Mine,
        (0xff, b"SMB", None) => Gate::More,
        (0xfe, b"SMB", Some(64)) | (0xfd | 0xfc, b"SMB", _) => Gate::Mine,
        (0xfe, b"SMB", None) => Gate::More,
        _ => Gate::NotMine,
    }
}

/// Whether a message is read whole: negotiation and log-in.
fn is_read(message: &[u8]) -> bool {
    message.starts_with(MAGIC) && matches!(message.get(4), Some(&(NEGOTIATE | SESSION_SETUP))) || smb2::is_read(message)
}

/// RFC 1002 §4.3.2: the name that is called, then the caller's own.
fn caller(message: &[u8]) -> Option<&[u8]> {
    let name = |at: usize| message.get(at..at + ENCODED + 2)?.strip_prefix(&[0x20])?.strip_suffix(&[0]);
    name(0).and_then(netbios::decode)?;
    name(ENCODED + 2).filter(|name| netbios::decode(name).is_some())
}

fn calls(message: &[u8], cx: &mut Context<'_>) {
    let Some(label) = caller(message) else { return };
    let about = cx.sender_host();
    // Suffix 0: the workstation's own name (MS-BRWS §2.1.1.1).
    if let Some(name) = netbios::decode(label).filter(|name| name.suffix == 0 && netbios::is_name(&name.name)) {
        cx.say(&about, Kind::Name).decoded(Field::Hostname, &Value::Text(name.name), label, "netbios-name");
    }
}

/// What the negotiation said about log-ins.
#[derive(Default)]
pub(crate) struct Session {
    /// The server takes passwords in the clear.
    plaintext: bool,
}

/// MS-CIFS §2.2.3: header, parameter words, data bytes.
struct Message<'a> {
    /// From the header on: texts are aligned to it.
    whole: &'a [u8],
    command: u8,
    reply: bool,
    unicode: bool,
    words: &'a [u8],
    data: &'a [u8],
}

fn message(whole: &[u8]) -> IResult<&[u8], Message<'_>> {
    let (i, (_magic, command, _status, flags, flags2)) = (take(4usize), be_u8(), take(4usize), be_u8(), le_u16()).parse(whole)?;
    let (i, (_rest, count)) = (take(HEADER - 12), be_u8()).parse(i)?;
    let (i, words) = take(2 * usize::from(count)).parse(i)?;
    let (i, length) = le_u16().parse(i)?;
    let data = i.get(..usize::from(length)).unwrap_or(i);
    Ok((i, Message { whole, command, reply: flags & REPLY != 0, unicode: flags2 & UNICODE != 0, words, data }))
}

impl Session {
    fn message(&mut self, whole: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
        let command = whole.get(4).copied().unwrap_or_default();
        let reply = whole.get(9).is_some_and(|flags| flags & REPLY != 0);
        // Clients offer SMB 1 to learn of its successors: it is in use when a server answers with it, or later.
        if reply || command != NEGOTIATE {
            let server = if reply { cx.sender() } else { cx.receiver() };
            cx.say(&server, Kind::Security).implied(Field::ProtocolVersion, &word("1.0"));
        }
        if !is_read(whole) {
            return Ok(());
        }
        let (_, message) = message(whole)?;
        match (message.command, message.reply) {
            (NEGOTIATE, true) => self.agrees(&message, cx)?,
            (SESSION_SETUP, false) => self.logs_in(&message, cx)?,
            (SESSION_SETUP, true) => logged_in(&message, cx)?,
            _ => {}
        }
        Ok(())
    }

    /// MS-CIFS §2.2.4.52.2: 17 words with NT LM 0.12; older dialects say less.
    fn agrees(&mut self, message: &Message<'_>, cx: &mut Context<'_>) -> Result<(), DissectError> {
        if message.words.len() != 34 {
            return Ok(());
        }
        let (i, (_dialect, mode)) = (le_u16::<_, Error<'_>>(), take(1usize)).parse(message.words)?;
        let (i, (_sizes, capabilities)) = (take::<_, _, Error<'_>>(16usize), le_u32()).parse(i)?;
        let (_, (_time, challenge)) = (take::<_, _, Error<'_>>(10usize), be_u8()).parse(i)?;
        let bits = mode.first().copied().unwrap_or_default();
        self.plaintext = bits & ENCRYPT_PASSWORDS == 0;
        let level = match bits {
            _ if bits & SIGNING_REQUIRED != 0 => "signing-required",
            _ if bits & SIGNING_ENABLED != 0 => "signing-enabled",
            _ => "signing-disabled",
        };
        let about = cx.sender();
        let saying = cx.say(&about, Kind::Security).decoded(Field::SecurityLevel, &word(level), mode, "smb-security-mode");
        let plain = self.plaintext.then(|| word("plaintext"));
        drop(saying.maybe(plain, |s, plain| s.decoded(Field::AuthenticationMethod, &plain, mode, "smb-security-mode")));
        if capabilities & EXTENDED_SECURITY != 0 {
            cx.say(&about, Kind::Service).bytes(Field::SmbServerGuid, message.data.get(..16).unwrap_or_default());
            return Ok(());
        }
        // MS-SMB §2.2.4.5.2.2: challenge, domain and server's name, not aligned.
        let names = message.data.get(usize::from(challenge)..).unwrap_or_default();
        let (domain, rest) = split(names, message.unicode);
        let (server, _) = split(rest, message.unicode);
        let host = cx.sender_host();
        say_names(&host, message.unicode, &[(Field::DomainName, domain), (Field::Hostname, server)], cx);
        Ok(())
    }

    /// MS-CIFS §2.2.4.53.1 (13 words), MS-SMB §2.2.4.6.1 (12 words, with a security blob).
    fn logs_in(&self, message: &Message<'_>, cx: &mut Context<'_>) -> Result<(), DissectError> {
        let (i, _before) = take::<_, _, Error<'_>>(14usize).parse(message.words)?;
        let (_, (first, second)) = (le_u16::<_, Error<'_>>(), le_u16()).parse(i)?;
        let (first, second) = (usize::from(first), usize::from(second));
        let about = cx.sender_host();
        match message.words.len() {
            24 => {
                spnego::hand_on(message.data.get(..first).unwrap_or(message.data), cx);
                let [system, service, _] = texts(message, first);
                systems(&about, message.unicode, system, service, cx);
            }
            26 => {
                let [user, _domain, system] = texts(message, first.saturating_add(second));
                let service = split(after(message.data, system, message.unicode), message.unicode).0;
                self.credentials(message, (first, second), user, cx);
                systems(&about, message.unicode, system, service, cx);
            }
            _ => {}
        }
        Ok(())
    }

    /// MS-CIFS §3.2.4.2.4: responses of 24 bytes and longer ones, or the password itself.
    fn credentials(&self, message: &Message<'_>, (lm, nt): (usize, usize), user: &[u8], cx: &mut Context<'_>) {
        let (client, server) = (cx.sender_host(), cx.receiver());
        let method = match (nt, lm) {
            (0, 0 | 1) if user.is_empty() => "anonymous",
            (0, 0 | 1) => "none",
            _ if self.plaintext => "plaintext",
            (0, V1_RESPONSE) => "lm",
            (V1_RESPONSE, _) => "ntlm-v1",
            (length, _) if length > V1_RESPONSE => "ntlm-v2",
            _ => return,
        };
        let lengths = message.words.get(14..18).unwrap_or_default();
        cx.say(&client, Kind::Security).decoded(Field::AuthenticationMethod, &word(method), lengths, "smb-password-lengths");
        if method == "plaintext" {
            let range = if nt > 0 { lm..lm.saturating_add(nt) } else { 0..lm };
            let secret = message.data.get(range).unwrap_or_default();
            let (user, secret) = (plain(user, message.unicode), plain(secret, nt > 0 && message.unicode));
            cx.secret(&server, "smb password", Some(user.as_bytes()), secret.as_bytes());
        }
    }
}

/// MS-CIFS §2.2.4.53.2 (3 words), MS-SMB §2.2.4.6.2 (4 words, with a security blob). An error has no words.
fn logged_in(message: &Message<'_>, cx: &mut Context<'_>) -> Result<(), DissectError> {
    if !matches!(message.words.len(), 6 | 8) {
        return Ok(());
    }
    let (i, (_andx, action)) = (take(4usize), take::<_, _, Error<'_>>(2usize)).parse(message.words)?;
    let blob = i.first_chunk().map_or(0, |length| usize::from(u16::from_le_bytes(*length)));
    let about = cx.sender();
    if action.first_chunk().is_some_and(|action| u16::from_le_bytes(*action) & GUEST != 0) {
        cx.say(&about, Kind::Security).decoded(Field::AuthenticationMethod, &word("guest"), action, "smb-action");
    }
    spnego::hand_on(message.data.get(..blob).unwrap_or(message.data), cx);
    let (host, [system, service, domain]) = (cx.sender_host(), texts(message, blob));
    systems(&host, message.unicode, system, service, cx);
    say_names(&host, message.unicode, &[(Field::DomainName, domain)], cx);
    Ok(())
}

fn word(text: &str) -> Value {
    Value::Text(text.into())
}

/// NativeOS and NativeLanMan of the side that says them.
fn systems(about: &Subject, unicode: bool, system: &[u8], service: &[u8], cx: &mut Context<'_>) {
    let saying = cx.say(about, Kind::Identity);
    let saying = text(saying, Field::NativeOs, system, unicode);
    drop(text(saying, Field::NativeLanMan, service, unicode));
}

fn say_names(about: &Subject, unicode: bool, names: &[(Field, &[u8])], cx: &mut Context<'_>) {
    let saying = cx.say(about, Kind::Name);
    drop(names.iter().fold(saying, |saying, (field, name)| text(saying, *field, name, unicode)));
}

fn text<'s, 'a>(saying: crate::context::Saying<'s, 'a>, field: Field, bytes: &[u8], unicode: bool) -> crate::context::Saying<'s, 'a> {
    let value = plain(bytes, unicode);
    match value.trim() {
        "" => saying,
        _ if !unicode => saying.trimmed(field, bytes),
        value => saying.decoded(field, &word(value), bytes, "utf-16le"),
    }
}

fn plain(bytes: &[u8], unicode: bool) -> String {
    if !unicode {
        return String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
    }
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
    let text: String = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    text.trim_end_matches('\0').to_owned()
}

/// Three texts of the data bytes, which in Unicode begin on an even offset from the header (MS-CIFS §2.2.1.1.2).
fn texts<'a>(message: &Message<'a>, from: usize) -> [&'a [u8]; 3] {
    let start = message.data.as_ptr().addr().saturating_sub(message.whole.as_ptr().addr()).saturating_add(from);
    let from = if message.unicode { from.saturating_add(start % 2) } else { from };
    let (first, rest) = split(message.data.get(from..).unwrap_or_default(), message.unicode);
    let (second, rest) = split(rest, message.unicode);
    [first, second, split(rest, message.unicode).0]
}

/// What stands behind a text of the data.
fn after<'a>(data: &'a [u8], text: &[u8], unicode: bool) -> &'a [u8] {
    let end = text.as_ptr().addr().saturating_add(text.len()).saturating_sub(data.as_ptr().addr());
    data.get(end.saturating_add(if unicode { 2 } else { 1 })..).unwrap_or_default()
}

/// A text up to its terminator, and what follows. The last may lack it.
fn split(bytes: &[u8], unicode: bool) -> (&[u8], &[u8]) {
    let width = if unicode { 2 } else { 1 };
    let end = bytes.chunks(width).position(|unit| unit.iter().all(|byte| *byte == 0)).map_or(bytes.len(), |units| units * width);
    (bytes.get(..end).unwrap_or(bytes), bytes.get(end.saturating_add(width)..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate};
    use observations::Observation;

    const EXTENDED_REPLY: &[u8] = &[0x88, 0x03, 0x80]; // reply; Unicode

    fn smb(command: u8, flags: &[u8], words: &[u8], data: &[u8]) -> Vec<u8> {
        let count = u8::try_from(words.len() / 2).unwrap();
        let length = u16::try_from(data.len()).unwrap().to_le_bytes();
        let body = [MAGIC, &[command, 0, 0, 0, 0], flags, &[0; 20], &[count], words, &length, data].concat();
        [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], &body].concat()
    }

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
    }

    fn talk(messages: &[(bool, &[u8])]) -> Vec<Observation> {
        let payloads: Vec<_> = messages.iter().map(|(client, bytes)| if *client { (50000, 445, *bytes) } else { (445, 50000, *bytes) }).collect();
        conversation(&Smb, Transport::Tcp, &payloads)
    }

    /// A negotiation without extended security, with this security mode.
    fn agreement(mode: u8) -> Vec<u8> {
        let words = [&[0, 0, mode][..], &[0; 16], &[0; 4], &[0; 10], &[8]].concat();
        smb(NEGOTIATE, EXTENDED_REPLY, &words, &[&[7; 8][..], &wide("PLANT"), &wide("HISTORIAN1")].concat())
    }

    /// A log-in of `user` with these responses.
    fn log_in(lm: &[u8], nt: &[u8], user: &str) -> Vec<u8> {
        let lengths = [u8::try_from(lm.len()).unwrap(), 0, u8::try_from(nt.len()).unwrap(), 0];
        let words = [&[0xff, 0, 0, 0][..], &[0; 10], &lengths, &[0; 8]].concat();
        let pad = vec![0; (1 + lm.len() + nt.len()) % 2];
        smb(SESSION_SETUP, &[0x18, 0x03, 0x80], &words, &[lm, nt, &pad, &wide(user), &wide("PLANT"), &wide("Windows 5.1"), &wide("LM 5")].concat())
    }

    #[test]
    fn a_server_s_answer_names_its_systems_and_domain() {
        let data = [&[0][..], &wide("Windows 5.1"), &wide("Windows 2000 LAN Manager"), &wide("PLANT")].concat();
        let said = talk(&[(false, &smb(SESSION_SETUP, EXTENDED_REPLY, &[0xff, 0, 0, 0, 1, 0], &data))]);
        assert_eq!(field(&said, Kind::Identity, Field::NativeOs), ["Windows 5.1"]);
        assert_eq!(field(&said, Kind::Identity, Field::NativeLanMan), ["Windows 2000 LAN Manager"]);
        assert_eq!(field(&said, Kind::Name, Field::DomainName), ["PLANT"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["guest"]);
        assert_eq!(field(&said, Kind::Security, Field::ProtocolVersion), ["1.0"]);
    }

    #[test]
    fn a_negotiation_tells_names_and_signing() {
        let said = talk(&[(false, &agreement(0x03))]);
        assert_eq!(field(&said, Kind::Name, Field::Hostname), ["HISTORIAN1"]);
        assert_eq!(field(&said, Kind::Name, Field::DomainName), ["PLANT"]);
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["signing-disabled"]);
        assert_eq!(field(&talk(&[(false, &agreement(0x0f))]), Kind::Security, Field::SecurityLevel), ["signing-required"]);
    }

    #[test]
    fn a_log_in_tells_the_kind_of_response_and_no_name_of_people() {
        let said = talk(&[(false, &agreement(0x03)), (true, &log_in(&[9; 24], &[9; 24], "operator"))]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["ntlm-v1"]);
        assert_eq!(field(&said, Kind::Identity, Field::NativeOs), ["Windows 5.1"]);
        assert!(!said.iter().flat_map(|said| &said.fields).any(|said| said.value.display().contains("operator")));
        assert!(said.iter().all(|said| said.kind != Kind::Credential));
    }

    #[test]
    fn a_password_in_the_clear_goes_to_the_tagger_alone() {
        let said = talk(&[(false, &agreement(0x01)), (true, &log_in(b"hunter2\0", &[], "operator"))]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["smb password"]);
        assert!(!said.iter().flat_map(|said| &said.fields_first).any(|field| field.quote.windows(6).any(|quote| quote == b"hunter")));
    }

    #[test]
    fn an_offer_of_smb_1_is_no_use_of_it() {
        let offer = smb(NEGOTIATE, &[0x18, 0x43, 0xc8], &[], b"\x02NT LM 0.12\0");
        assert!(field(&talk(&[(true, &offer)]), Kind::Security, Field::ProtocolVersion).is_empty());
        let middle = smb(0x2e, &[0x18, 0x43, 0xc8], &[0; 24], &[]);
        assert_eq!(field(&talk(&[(true, &middle)]), Kind::Security, Field::ProtocolVersion), ["1.0"]);
    }

    #[test]
    fn a_caller_gives_its_own_name() {
        let label = |name: &str| [&[0x20], name.as_bytes(), &[0]].concat();
        let called = [&[0x81, 0, 0, 68][..], &label("DBDACODHDHCODACODCDACACACACACACA"), &label("EIEJFDFEEPFCEJEBEODBCACACACACAAA")].concat();
        let said = conversation(&Smb, Transport::Tcp, &[(50000, 139, &called)]);
        assert_eq!(field(&said, Kind::Name, Field::Hostname), ["HISTORIAN1"]);
    }

    #[test]
    fn it_is_found_elsewhere_and_strangers_are_refused() {
        let said = conversation(&Smb, Transport::Tcp, &[(4450, 50000, &agreement(0x0f))]);
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["signing-required"]);
        for stranger in [&b"GET / HTTP/1.1\r\n"[..], b"\x81\0\0\x44not a name at all, but as long as one", &[0; 40], b"\0\0\0\x10\xffSMB\xff"] {
            assert_ne!(gate(&Smb, stranger, 445), Gate::Mine);
        }
    }

    #[test]
    fn what_is_cut_breaks_nothing() {
        for whole in [agreement(3), log_in(&[9; 24], &[9; 24], "a"), log_in(&[], &[], "")] {
            (0..whole.len()).for_each(|end| drop(crate::testing::read_cut(&Smb, false, &whole[..end])));
        }
    }
}
