//! Browser announcements: Windows and Samba hosts introduce themselves to their workgroup.
//!
//! Spec: MS-BRWS §2.2.1 (host), §2.2.7 (domain), §2.2.10 (local master announcement).
//! Tells us: host name, a version, server type (domain controller, printer, SQL and terminal server, …), comment; local master and group.
//! Does not tell: what system it really is: Samba names a version of Windows.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Next, Row};
use crate::netbios;
use nom::bytes::take;
use nom::number::{be_u8, le_u16, le_u32};
use nom::{IResult, Parser};
use observations::{Field, Kind, Value};

pub(crate) struct Browser;

/// §2.2: operation codes.
const HOST_ANNOUNCEMENT: u8 = 0x01;
const DOMAIN_ANNOUNCEMENT: u8 = 0x0c;
const LOCAL_MASTER_ANNOUNCEMENT: u8 = 0x0f;
/// §2.2: the other frames ask, elect and list; they tell of nobody's kind.
const OTHERS: &[u8] = &[0x02, 0x08, 0x09, 0x0a, 0x0b, 0x0d, 0x0e];
/// §2.2.1: the constant that ends the fixed part.
const SIGNATURE: u16 = 0xaa55;

impl Dissector for Browser {
    type State = ();

    const ROW: Row = Row {
        name: "browser",
        revision: 1,
        spec: "MS-BRWS",
        tells: "host name, server type, comment, workgroup and its master",
        bindings: &[Binding::Under("nbdgm", netbios::BROWSER)],
        shapes: &[],
        operations: &[],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let mine = match head.first() {
            Some(&(HOST_ANNOUNCEMENT | DOMAIN_ANNOUNCEMENT | LOCAL_MASTER_ANNOUNCEMENT)) => true,
            Some(opcode) => OTHERS.contains(opcode),
            None => false,
        };
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn read(&self, pdu: &[u8], _: &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some(&opcode) = pdu.first().filter(|opcode| !OTHERS.contains(opcode)) else { return Ok(Next::Watch) };
        let (tail, frame) = announcement(pdu)?;
        // Windows NT puts something else into the announcement of a group.
        if frame.signature != SIGNATURE && opcode != DOMAIN_ANNOUNCEMENT {
            return Err(DissectError::Malformed { rule: "signature", offset: 30 });
        }
        let (sender, tail) = (cx.sender_host(), terminated(tail));
        if opcode == DOMAIN_ANNOUNCEMENT {
            // The sender is the group's local master, whose name stands behind.
            let saying = cx.say(&sender, Kind::Identity).text(Field::Workgroup, terminated(frame.name));
            saying.implied(Field::Role, &Value::Text(b"local master browser".to_vec()));
            return Ok(Next::Watch);
        }
        let saying = cx.say(&sender, Kind::Identity).text(Field::Hostname, terminated(frame.name));
        let version = frame.version.iter().map(u8::to_string).collect::<Vec<_>>().join(".");
        let saying = saying.decoded(Field::BrowserVersion, &Value::Text(version.into_bytes()), frame.version, "major.minor");
        saying.number(Field::BrowserServerType, frame.server_type.into(), frame.server_type_bytes).trimmed(Field::Description, tail);
        Ok(Next::Watch)
    }
}

/// §2.2.1, §2.2.7 and §2.2.10 share their layout. The frequency of announcements changes and is left out.
struct Announcement<'a> {
    name: &'a [u8],
    version: &'a [u8],
    server_type: u32,
    server_type_bytes: &'a [u8],
    signature: u16,
}

fn announcement(i: &[u8]) -> IResult<&[u8], Announcement<'_>> {
    let (i, (_opcode, _update_count, _periodicity)) = (be_u8(), be_u8(), le_u32()).parse(i)?;
    let (i, (name, version)) = (take(16usize), take(2usize)).parse(i)?;
    let server_type_bytes = i.get(..4).unwrap_or_default();
    let (i, (server_type, _browser_version, signature)) = (le_u32(), le_u16(), le_u16()).parse(i)?;
    Ok((i, Announcement { name, version, server_type, server_type_bytes, signature }))
}

/// Text up to its terminator.
fn terminated(bytes: &[u8]) -> &[u8] {
    trim(bytes.split(|byte| *byte == 0).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissectors::it::nbdgm::Nbdgm;
    use crate::testing::{conversation_of, field, gate};
    use observations::{Observation, Transport};

    const HOST: &[u8] = &[
        0x01, 0x00, // host announcement, update count
        0x80, 0xfc, 0x0a, 0x00, // periodicity
        b'N', b'V', b'R', b'9', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // server name
        0x06, 0x01, // version 6.1
        0x07, 0x10, 0x01, 0x00, // server type
        0x0f, 0x01, 0x55, 0xaa, // browser version, signature
        b'L', b'a', b'b', b' ', b'7', 0, // comment
    ];

    /// A datagram of 10.0.0.2 that writes to the browser's mailslot.
    fn announced(frame: &[u8]) -> Vec<Observation> {
        let mut bytes = vec![0x11, 0x0e, 0xc2, 0xf4, 10, 0, 0, 2, 0, 138, 0, 187, 0, 0];
        for name in [b"EOFGFCDJCACACACACACACACACACACACA", b"FGEJEHEJEMEBEOFEFPEHFCEPFFFACABN"] {
            bytes.extend([&[32], &name[..], &[0]].concat());
        }
        let mut smb = [&b"\xffSMB\x25"[..], &[0; 27], &[17], &[0; 22]].concat();
        smb.extend(u16::try_from(frame.len()).unwrap().to_le_bytes());
        smb.extend([86, 0, 3, 0, 1, 0, 0, 0, 2, 0, 50, 0]);
        smb.extend_from_slice(b"\\MAILSLOT\\BROWSE\0");
        smb.extend_from_slice(frame);
        bytes.extend(smb);
        conversation_of(&[&Nbdgm, &Browser], Transport::Udp, &[(138, 138, &bytes)])
    }

    #[test]
    fn a_host_announces_name_version_type_and_comment() {
        let said = announced(HOST);
        assert_eq!(field(&said, Kind::Identity, Field::Hostname), ["NVR9"]);
        assert_eq!(field(&said, Kind::Identity, Field::BrowserVersion), ["6.1"]);
        assert_eq!(field(&said, Kind::Identity, Field::BrowserServerType), ["69639"]);
        assert_eq!(field(&said, Kind::Identity, Field::Description), ["Lab 7"]);
        assert_eq!(field(&said, Kind::Identity, Field::Workgroup), ["VIGILANT_GROUP"]);
    }

    #[test]
    fn a_master_announces_its_group_and_no_host_of_that_name() {
        let mut domain = HOST.to_vec();
        domain[0] = DOMAIN_ANNOUNCEMENT;
        // Where others have the signature.
        (domain[30], domain[31]) = (0x6b, 0x02);
        let said: Vec<_> = announced(&domain).into_iter().filter(|said| said.protocol == "browser").collect();
        assert_eq!(field(&said, Kind::Identity, Field::Workgroup), ["NVR9"]);
        assert!(field(&said, Kind::Identity, Field::Hostname).is_empty());
    }

    #[test]
    fn a_truncated_announcement_says_nothing() {
        assert!(announced(&HOST[..28]).iter().all(|said| said.protocol != "browser"));
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n"[..], &[0; 40], &[0x16, 3, 1]] {
            assert_eq!(gate(&Browser, stranger, 138), Gate::NotMine);
        }
    }
}
