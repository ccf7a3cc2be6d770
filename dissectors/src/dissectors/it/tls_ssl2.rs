//! SSL 2.0: broken since 1996 and still heard from old devices; also the ClientHello in its form that asks for newer versions.
//!
//! Spec: draft-hickman-netscape-ssl-00 §1.1, §5.5 and §5.6; RFC 5246 §E.2.

use crate::context::Context;
use crate::dissector::{DissectError, Framing, Side};
use crate::x509::{self, Shown};
use nom::bytes::take;
use nom::number::{be_u8, be_u16};
use nom::{IResult, Parser};
use observations::{Field, Kind};

/// §5.5.1 and §5.6.1.
pub(super) const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 4;

/// §5.6.1: the only type of certificate.
const X509: u8 = 1;

const SSL_2_0: u16 = 0x0002;

/// The longer hello's fixed part: header, type, hit, certificate type, version, three lengths.
const HEAD: usize = 13;

/// A record of two header bytes with a hello in it; its lengths agree.
enum Hello<'a> {
    Client { version: u16, version_bytes: &'a [u8] },
    Server { version_bytes: &'a [u8], certificate_type: u8, certificate_length: u16, rest: &'a [u8] },
}

/// Whether a hello begins here, by its version and lengths.
pub(super) fn begins(head: &[u8]) -> bool {
    hello(head).is_ok()
}

/// The hello's length; nothing if this is no record of this form.
pub(super) fn frame(head: &[u8]) -> Option<Framing> {
    let possible = head.first()? & 0x80 != 0 && head.get(2).is_none_or(|kind| matches!(*kind, CLIENT_HELLO | SERVER_HELLO));
    if possible && head.len() < HEAD {
        return Some(Framing::Need(HEAD));
    }
    let (_, (_, len)) = hello(head).ok()?;
    Some(Framing::Pdu { len, want: len })
}

/// Says which version is asked for or served, and what certificate is shown. Returns whose hello it was.
pub(super) fn read(pdu: &[u8], cx: &mut Context<'_>) -> Result<Side, DissectError> {
    match hello(pdu)?.1.0 {
        Hello::Client { version, version_bytes } => {
            let about = cx.sender_host();
            cx.say(&about, Kind::Client).number(Field::TlsVersion, u64::from(version), version_bytes);
            Ok(Side::Client)
        }
        Hello::Server { version_bytes, certificate_type, certificate_length, rest } => {
            let about = cx.sender();
            cx.say(&about, Kind::Security).number(Field::TlsVersion, u64::from(SSL_2_0), version_bytes);
            let whole = rest.get(..usize::from(certificate_length));
            if let Some(bytes) = whole.filter(|bytes| certificate_type == X509 && x509::looks_like(bytes)) {
                let read = x509::say(cx, &about, bytes, Shown { role: Some("server"), position: 0 }, true);
                let row = cx.row;
                cx.note(row, read.err());
            }
            Ok(Side::Server)
        }
    }
}

/// The hello at the head of these bytes, and its length with the header.
fn hello(i: &[u8]) -> IResult<&[u8], (Hello<'_>, usize)> {
    let (i, (header, kind)) = (be_u16(), be_u8()).parse(i)?;
    let length = usize::from(header & 0x7fff);
    let (i, (found, expected)) = match kind {
        CLIENT_HELLO => client_hello(i)?,
        SERVER_HELLO => server_hello(i)?,
        _ => return Err(refused(i)),
    };
    if header & 0x8000 == 0 || length != expected {
        return Err(refused(i));
    }
    Ok((i, (found, length + 2)))
}

/// §5.5.1: version, then lengths of cipher specs (three bytes each), session (none or 16 bytes) and challenge (16 to 32).
fn client_hello(i: &[u8]) -> IResult<&[u8], (Hello<'_>, usize)> {
    let (i, version_bytes) = take(2usize).parse(i)?;
    let (_, version) = be_u16().parse(version_bytes)?;
    let (i, (specs, session, challenge)) = (be_u16(), be_u16(), be_u16()).parse(i)?;
    let sound = specs > 0 && specs % 3 == 0 && (session == 0 || session == 16) && (16..=32).contains(&challenge);
    if !sound || !(version == SSL_2_0 || (0x0300..=0x0303).contains(&version)) {
        return Err(refused(i));
    }
    Ok((i, (Hello::Client { version, version_bytes }, 9 + usize::from(specs) + usize::from(session) + usize::from(challenge))))
}

/// §5.6.1: session hit, certificate type, version, then lengths of certificate, cipher specs and connection id (16).
fn server_hello(i: &[u8]) -> IResult<&[u8], (Hello<'_>, usize)> {
    let (i, (hit, certificate_type)) = (be_u8(), be_u8()).parse(i)?;
    let (i, version_bytes) = take(2usize).parse(i)?;
    let (i, (certificate_length, specs, connection)) = (be_u16(), be_u16(), be_u16()).parse(i)?;
    let sound = hit <= 1 && certificate_type <= X509 && specs % 3 == 0 && connection == 16;
    if !sound || version_bytes != SSL_2_0.to_be_bytes() {
        return Err(refused(i));
    }
    let expected = 11 + usize::from(certificate_length) + usize::from(specs) + usize::from(connection);
    Ok((i, (Hello::Server { version_bytes, certificate_type, certificate_length, rest: i }, expected)))
}

fn refused(i: &[u8]) -> nom::Err<nom::error::Error<&[u8]>> {
    nom::Err::Error(nom::error::Error::new(i, nom::error::ErrorKind::Verify))
}
