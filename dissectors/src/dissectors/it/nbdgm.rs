//! NetBIOS datagram service: whose name is behind an address, and what is written to mailslots.
//!
//! Spec: RFC 1002 §4.4 (datagrams); MS-MAIL §2.2 and MS-CIFS §2.2.4.33 (mailslots in SMB transactions).
//! Tells us: the sender's NetBIOS name and workgroup; announcements of the browser (handed on).
//! Does not tell: users; what other mailslots carry.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Next, Row};
use crate::netbios::{self, ENCODED, decode, is_name, suffix_of};
use nom::bytes::{tag, take};
use nom::number::{be_u8, be_u16, le_u16};
use nom::{IResult, Parser};
use observations::{Field, Kind, Value};
use std::net::{IpAddr, Ipv4Addr};

pub(crate) struct Nbdgm;

const PORT: u16 = 138;
/// §4.4.1: direct unique, direct group and broadcast datagrams carry names and data; the others are errors and queries.
const CARRYING: std::ops::RangeInclusive<u8> = 0x10..=0x12;
/// §4.4.1: two bits of node type, first and more; the others are zero.
const FLAGS: u8 = 0x0f;
/// The workstation's and the file server's own names; the local master browser's and the elections' group.
const OWN: &[u8] = &[0x00, 0x20];
const OF_GROUP: &[u8] = &[0x1d, 0x1e];
/// MS-CIFS §2.2.3.1 and §2.2.4.33: a transaction, its parameter words, and where count and offset of the data stand.
const TRANSACTION: &[u8] = b"\xffSMB\x25";
const SMB_HEADER: usize = 32;
const DATA_COUNT: usize = SMB_HEADER + 1 + 22;
/// The name follows word count, 17 words and byte count.
const NAME: usize = SMB_HEADER + 1 + 34 + 2;
/// MS-BRWS §2.1: the mailslots of the browser.
const MAILSLOTS: &[&[u8]] = &[b"\\MAILSLOT\\BROWSE\0", b"\\MAILSLOT\\LANMAN\0"];

impl Dissector for Nbdgm {
    type State = ();

    const ROW: Row = Row {
        name: "nbdgm",
        revision: 1,
        spec: "RFC 1002, MS-MAIL",
        tells: "NetBIOS names and workgroups of senders",
        bindings: &[Binding::Udp(PORT)],
        shapes: &[],
        operations: &[],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Ok((_, datagram)) = datagram(head) else { return Gate::NotMine };
        let named = decode(datagram.source).is_some() && decode(datagram.destination).is_some();
        let sane = CARRYING.contains(&datagram.kind) && datagram.flags & !FLAGS == 0 && datagram.length >= 2 * (ENCODED + 2);
        if named && sane { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, _: &[u8], _: &At) -> Glance {
        Glance::READ
    }

    fn read(&self, pdu: &[u8], _: &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (data, datagram) = datagram(pdu)?;
        names(&datagram, cx);
        if data.starts_with(TRANSACTION) && MAILSLOTS.iter().any(|name| data.get(NAME..).is_some_and(|rest| rest.starts_with(name))) {
            let (_, (count, offset)) = counts(data)?;
            let written = data.get(usize::from(offset)..).unwrap_or_default();
            cx.under(netbios::BROWSER, written.get(..usize::from(count)).unwrap_or(written));
        }
        Ok(Next::Watch)
    }
}

/// §4.4.1 and §4.4.2.
struct Datagram<'a> {
    kind: u8,
    flags: u8,
    address: &'a [u8],
    length: usize,
    source: &'a [u8],
    destination: &'a [u8],
}

fn datagram(i: &[u8]) -> IResult<&[u8], Datagram<'_>> {
    let (i, (kind, flags, _id)) = (be_u8(), be_u8(), be_u16()).parse(i)?;
    let (i, (address, _port, length, _offset)) = (take(4usize), be_u16(), be_u16(), be_u16()).parse(i)?;
    let (i, (source, destination)) = (name, name).parse(i)?;
    Ok((i, Datagram { kind, flags, address, length: usize::from(length), source, destination }))
}

/// A name without scope: names with one are out of use.
fn name(i: &[u8]) -> IResult<&[u8], &[u8]> {
    let (i, _length) = tag(&[0x20u8][..]).parse(i)?;
    let (i, name) = take(ENCODED).parse(i)?;
    let (i, _root) = tag(&[0u8][..]).parse(i)?;
    Ok((i, name))
}

fn counts(data: &[u8]) -> IResult<&[u8], (u16, u16)> {
    let (i, _before) = take(DATA_COUNT).parse(data)?;
    (le_u16(), le_u16()).parse(i)
}

/// The sender's own name; and its workgroup, where it writes to that group's master browser or takes part in its elections.
fn names(datagram: &Datagram<'_>, cx: &mut Context<'_>) {
    let Some(&[a, b, c, d]) = datagram.address.first_chunk::<4>() else { return };
    let ip = IpAddr::V4(Ipv4Addr::new(a, b, c, d));
    let sender = cx.sender_host();
    // A distribution server passes datagrams on (RFC 1002 §4.4): then it speaks for another.
    let about = if sender.ip == Some(ip) { sender } else { cx.by_ip(ip) };
    let source = decode(datagram.source).filter(|name| OWN.contains(&name.suffix) && is_name(&name.name));
    if let Some(name) = source {
        let saying = cx.say(&about, Kind::Name).ip(Field::Ipv4Address, ip, datagram.address);
        let saying = saying.decoded(Field::Hostname, &Value::Text(name.name), datagram.source, "netbios-name");
        saying.decoded(Field::NetbiosSuffix, &Value::Number(name.suffix.into()), suffix_of(datagram.source), "netbios-name");
    }
    if let Some(group) = decode(datagram.destination).filter(|name| OF_GROUP.contains(&name.suffix) && is_name(&name.name)) {
        cx.say(&about, Kind::Identity).decoded(Field::Workgroup, &Value::Text(group.name), datagram.destination, "netbios-name");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};
    use observations::{Observation, Transport};

    /// A datagram from 10.0.0.2 to the group's master browser; `data` follows.
    fn datagram_with(data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x11, 0x0e, 0xc2, 0xf4, 10, 0, 0, 2, 0, 138, 0, 187, 0, 0];
        for (name, suffix) in [(&b"NVR9"[..], 0x20u8), (b"PLANT", 0x1d)] {
            let mut padded = [b' '; 16];
            padded[..name.len()].copy_from_slice(name);
            padded[15] = suffix;
            bytes.push(32);
            bytes.extend(padded.iter().flat_map(|byte| [b'A' + (byte >> 4), b'A' + (byte & 15)]));
            bytes.push(0);
        }
        bytes.extend_from_slice(data);
        bytes
    }

    fn said(bytes: &[u8]) -> Vec<Observation> {
        payload(&Nbdgm, Transport::Udp, PORT, PORT, bytes)
    }

    #[test]
    fn a_datagram_names_its_sender_and_its_workgroup() {
        let said = said(&datagram_with(b""));
        assert_eq!(field(&said, Kind::Name, Field::Hostname), ["NVR9"]);
        assert_eq!(field(&said, Kind::Identity, Field::Workgroup), ["PLANT"]);
        assert!(said.iter().filter(|said| said.kind == Kind::Name).all(Observation::of_itself));
    }

    #[test]
    fn a_truncated_transaction_keeps_the_names_before() {
        assert_eq!(field(&said(&datagram_with(b"\xffSMB\x25\0\0\0")), Kind::Name, Field::Hostname), ["NVR9"]);
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.2p1\r\n", &[0; 90], &[0x11; 90]] {
            assert_eq!(gate(&Nbdgm, stranger, PORT), Gate::NotMine);
        }
    }
}
