//! The message that DNS, mDNS, LLMNR and NetBIOS name service share: header, names, questions, records.
//!
//! Spec: RFC 1035 §4; RFC 6762 §18 (class bits of mDNS); RFC 4795 §2.1; RFC 1002 §4.2.

use crate::dissector::DissectError;
use nom::bytes::take;
use nom::number::{be_u8, be_u16, be_u32};
use nom::{IResult, Parser};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// RFC 1035 §4.1.1: id, flags, four counts.
pub(crate) const HEADER: usize = 12;
/// RFC 1035 §4.1.4 lets a name point into another name and sets no bound; a loop of pointers ends here.
const POINTER_HOPS_MAX: usize = 16;
/// RFC 1035 §2.3.4: octets of a name.
const NAME_OCTETS_MAX: usize = 255;
/// A message of 9000 bytes (RFC 6762 §17) holds some hundred records with their data; more is an attempt to cost time.
const RECORDS_MAX: u16 = 512;
/// RFC 1035 §4.1.4: the two high bits of a length octet.
const POINTER: u8 = 0xc0;

/// RFC 1035 §3.2.2, RFC 3596, RFC 2782, RFC 6762: types that are read.
pub(crate) const TYPE_A: u16 = 1;
pub(crate) const TYPE_CNAME: u16 = 5;
pub(crate) const TYPE_PTR: u16 = 12;
pub(crate) const TYPE_HINFO: u16 = 13;
pub(crate) const TYPE_TXT: u16 = 16;
pub(crate) const TYPE_AAAA: u16 = 28;
pub(crate) const TYPE_SRV: u16 = 33;
pub(crate) const TYPE_OPT: u16 = 41;
/// RFC 1035 §3.2.4 and §3.2.5, RFC 2136 §1.3.
pub(crate) const CLASS_IN: u16 = 1;
pub(crate) const CLASS_CHAOS: u16 = 3;
pub(crate) const CLASS_NONE: u16 = 254;
pub(crate) const CLASS_ANY: u16 = 255;

/// RFC 1035 §4.1.1.
#[derive(Clone, Copy)]
pub(crate) struct Header {
    pub(crate) flags: u16,
    pub(crate) questions: u16,
    pub(crate) answers: u16,
    pub(crate) authorities: u16,
    pub(crate) additionals: u16,
}

impl Header {
    pub(crate) const fn is_response(self) -> bool {
        self.flags & 0x8000 != 0
    }

    pub(crate) const fn opcode(self) -> u16 {
        self.flags >> 11 & 0xf
    }

    pub(crate) const fn rcode(self) -> u16 {
        self.flags & 0xf
    }

    pub(crate) fn records(self) -> u32 {
        u32::from(self.answers) + u32::from(self.authorities) + u32::from(self.additionals)
    }
}

/// A name with its labels, and the bytes that hold its first labels.
#[derive(Clone, Default)]
pub(crate) struct Name<'a> {
    pub(crate) labels: Vec<&'a [u8]>,
    /// The labels that stand together: in place, or where the name points to if it is nothing but a pointer.
    pub(crate) slice: &'a [u8],
}

impl Name<'_> {
    /// The labels from one on with dots between them; a dot within a label is escaped (RFC 1035 §5.1).
    pub(crate) fn text_from(&self, first: usize) -> Vec<u8> {
        join(self.labels.get(first..).unwrap_or_default())
    }

    /// All of it.
    pub(crate) fn text(&self) -> Vec<u8> {
        self.text_from(0)
    }

    /// In lower case: names are compared so (RFC 1035 §2.3.3), and resolvers that draw the case at random would name a host anew with
    /// each question.
    pub(crate) fn lower(&self) -> Vec<u8> {
        self.text().to_ascii_lowercase()
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        self.labels.len() == other.labels.len() && self.labels.iter().zip(&other.labels).all(|(a, b)| a.eq_ignore_ascii_case(b))
    }

    /// Whether the last labels are these.
    pub(crate) fn ends_with(&self, labels: &[&[u8]]) -> bool {
        let start = self.labels.len().checked_sub(labels.len());
        let end = start.and_then(|start| self.labels.get(start..));
        end.is_some_and(|end| end.iter().zip(labels).all(|(a, b)| a.eq_ignore_ascii_case(b)))
    }

    /// Whether it could be a name of the Internet or of a service: printable, not empty.
    pub(crate) fn is_plain(&self) -> bool {
        !self.labels.is_empty() && self.labels.iter().all(|label| label.iter().all(|byte| (0x21..0x7f).contains(byte)))
    }

    /// Whether it lies in a zone of reverse names.
    pub(crate) fn is_reverse(&self) -> bool {
        self.ends_with(&[b"in-addr", b"arpa"]) || self.ends_with(&[b"ip6", b"arpa"])
    }

    /// The address of a reverse name (RFC 1035 §3.5, RFC 3596 §2.5).
    pub(crate) fn reverse(&self) -> Option<IpAddr> {
        if self.ends_with(&[b"in-addr", b"arpa"]) {
            let [d, c, b, a, ..] = self.labels.get(..self.labels.len().checked_sub(2)?)?.try_into().ok().map(|labels: [&[u8]; 4]| labels)?;
            return Some(Ipv4Addr::new(decimal(a)?, decimal(b)?, decimal(c)?, decimal(d)?).into());
        }
        if self.labels.len() != 34 || !self.ends_with(&[b"ip6", b"arpa"]) {
            return None;
        }
        let mut address = 0u128;
        for label in self.labels.iter().take(32).rev() {
            let [digit] = label else { return None };
            address = address << 4 | u128::from(char::from(*digit).to_digit(16)?);
        }
        Some(Ipv6Addr::from(address).into())
    }
}

/// Labels with dots between them.
pub(crate) fn join(labels: &[&[u8]]) -> Vec<u8> {
    let mut text = Vec::with_capacity(32);
    for (index, label) in labels.iter().enumerate() {
        if index > 0 {
            text.push(b'.');
        }
        for &byte in *label {
            if byte == b'.' {
                text.push(b'\\');
            }
            text.push(byte);
        }
    }
    text
}

fn decimal(label: &[u8]) -> Option<u8> {
    std::str::from_utf8(label).ok()?.parse().ok()
}

/// RFC 1035 §4.1.2.
pub(crate) struct Question<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) kind: u16,
    pub(crate) class: u16,
}

/// RFC 1035 §4.1.3. The time to live is left out: it counts down in caches.
pub(crate) struct Record<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) kind: u16,
    pub(crate) class: u16,
    pub(crate) data: &'a [u8],
    /// Where `data` begins in the message.
    pub(crate) at: usize,
}

impl<'a> Record<'a> {
    /// The address of an A or AAAA record.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self.kind {
            TYPE_A => <[u8; 4]>::try_from(self.data).ok().map(IpAddr::from),
            TYPE_AAAA => <[u8; 16]>::try_from(self.data).ok().map(IpAddr::from),
            _ => None,
        }
        .filter(|ip| !ip.is_unspecified() && !ip.is_loopback() && !ip.is_multicast())
    }

    /// The name that a PTR or CNAME record points to.
    pub(crate) fn target(&self, message: &'a [u8]) -> Option<Name<'a>> {
        name(message, self.at).ok().map(|(_, name)| name)
    }

    /// Port, its bytes and target of a SRV record (RFC 2782).
    pub(crate) fn server(&self, message: &'a [u8]) -> Option<(u16, &'a [u8], Name<'a>)> {
        let port = self.data.get(4..6)?;
        let (_, target) = name(message, self.at + 6).ok()?;
        Some((u16::from_be_bytes(port.try_into().ok()?), port, target))
    }

    /// The strings of a TXT or HINFO record (RFC 1035 §3.3).
    pub(crate) fn strings(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.data;
        std::iter::from_fn(move || {
            let (&length, after) = rest.split_first()?;
            let (string, after) = after.split_at_checked(usize::from(length))?;
            rest = after;
            Some(string)
        })
    }
}

/// A message as far as it could be read, and why no further.
pub(crate) struct Message<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) header: Header,
    pub(crate) questions: Vec<Question<'a>>,
    pub(crate) answers: Vec<Record<'a>>,
    pub(crate) authorities: Vec<Record<'a>>,
    pub(crate) additionals: Vec<Record<'a>>,
    /// Where reading ended.
    pub(crate) end: usize,
    pub(crate) broken: Option<DissectError>,
}

impl<'a> Message<'a> {
    /// The records that answer, and those that help.
    pub(crate) fn said(&self) -> impl Iterator<Item = &Record<'a>> {
        self.answers.iter().chain(&self.additionals)
    }

    /// What [`crate::dissector::Dissector::read`] gives back.
    pub(crate) fn outcome(&self, next: crate::dissector::Next) -> Result<crate::dissector::Next, DissectError> {
        self.broken.map_or(Ok(next), Err)
    }
}

/// The header alone.
pub(crate) fn header(bytes: &[u8]) -> Option<Header> {
    fields(bytes).ok().map(|(_, header)| header)
}

fn fields(i: &[u8]) -> IResult<&[u8], Header> {
    let (i, (_id, flags)) = (be_u16(), be_u16()).parse(i)?;
    let (i, (questions, answers, authorities, additionals)) = (be_u16(), be_u16(), be_u16(), be_u16()).parse(i)?;
    Ok((i, Header { flags, questions, answers, authorities, additionals }))
}

/// The first question's name, type and class; `None` if the bytes do not hold it.
pub(crate) fn first_question(bytes: &[u8]) -> Option<Question<'_>> {
    question(bytes, HEADER).ok().map(|(_, question)| question)
}

/// Whether counts and length agree: a question takes 5 bytes at least, a record 11.
pub(crate) fn fits(header: Header, length: usize) -> bool {
    let least = 5 * u64::from(header.questions) + 11 * u64::from(header.records());
    least <= length.saturating_sub(HEADER) as u64
}

/// Reads what can be read.
pub(crate) fn message(bytes: &[u8]) -> Result<Message<'_>, DissectError> {
    let header = header(bytes).ok_or(DissectError::Truncated { needed: HEADER })?;
    let mut message = Message {
        bytes,
        header,
        questions: Vec::new(),
        answers: Vec::new(),
        authorities: Vec::new(),
        additionals: Vec::new(),
        end: HEADER,
        broken: None,
    };
    message.broken = sections(&mut message).err();
    Ok(message)
}

fn sections(message: &mut Message<'_>) -> Result<(), DissectError> {
    let header = message.header;
    if header.records() + u32::from(header.questions) > u32::from(RECORDS_MAX) {
        return Err(DissectError::Malformed { rule: "more records than a message holds", offset: 4 });
    }
    for _ in 0..header.questions {
        let (end, question) = question(message.bytes, message.end)?;
        message.questions.push(question);
        message.end = end;
    }
    let sections =
        [(header.answers, &mut message.answers), (header.authorities, &mut message.authorities), (header.additionals, &mut message.additionals)];
    for (count, section) in sections {
        for _ in 0..count {
            let (end, record) = record(message.bytes, message.end)?;
            section.push(record);
            message.end = end;
        }
    }
    Ok(())
}

fn question(bytes: &[u8], at: usize) -> Result<(usize, Question<'_>), DissectError> {
    let (at, name) = name(bytes, at)?;
    let (_, (kind, class)) = (be_u16::<_, nom::error::Error<&[u8]>>(), be_u16()).parse(bytes.get(at..).unwrap_or_default())?;
    Ok((at + 4, Question { name, kind, class }))
}

fn record(bytes: &[u8], at: usize) -> Result<(usize, Record<'_>), DissectError> {
    let (at, name) = name(bytes, at)?;
    let rest = bytes.get(at..).unwrap_or_default();
    let (rest, (kind, class, _ttl, length)) = (be_u16::<_, nom::error::Error<&[u8]>>(), be_u16(), be_u32(), be_u16()).parse(rest)?;
    let (_, data) = take::<_, _, nom::error::Error<&[u8]>>(length).parse(rest)?;
    Ok((at + 10 + data.len(), Record { name, kind, class, data, at: at + 10 }))
}

/// §3.1 and §4.1.4: the name that begins at an offset, and where what follows it begins.
pub(crate) fn name(bytes: &[u8], start: usize) -> Result<(usize, Name<'_>), DissectError> {
    let mut name = Name::default();
    let (mut at, mut run, mut hops, mut octets) = (start, start, 0, 0);
    let mut end = None;
    loop {
        let (_, length) = be_u8::<_, nom::error::Error<&[u8]>>().parse(bytes.get(at..).unwrap_or_default())?;
        match length & POINTER {
            0 if length == 0 => break,
            0 => {
                let label = bytes.get(at + 1..at + 1 + usize::from(length)).ok_or(DissectError::Truncated { needed: usize::from(length) })?;
                octets += label.len() + 1;
                if octets >= NAME_OCTETS_MAX {
                    return Err(DissectError::Malformed { rule: "name is too long", offset: start });
                }
                name.labels.push(label);
                at += 1 + label.len();
            }
            POINTER => {
                let low = bytes.get(at + 1).ok_or(DissectError::Truncated { needed: 1 })?;
                let target = usize::from(length & !POINTER) << 8 | usize::from(*low);
                // §4.1.4: a pointer leads to a prior occurrence. What leads forward is a trick.
                if target >= at || hops >= POINTER_HOPS_MAX {
                    return Err(DissectError::Malformed { rule: "pointer of a name", offset: at });
                }
                hops += 1;
                if name.slice.is_empty() {
                    name.slice = bytes.get(run..at).unwrap_or_default();
                }
                end = end.or(Some(at + 2));
                (at, run) = (target, target);
            }
            _ => return Err(DissectError::Malformed { rule: "label type", offset: at }),
        }
    }
    if name.slice.is_empty() {
        name.slice = bytes.get(run..at).unwrap_or_default();
    }
    Ok((end.unwrap_or(at + 1), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_follows_pointers_and_cites_its_own_labels() {
        let bytes = b"\x05plant\x07example\x00\x03plc\xc0\x00\xc0\x0f";
        let (end, plc) = name(bytes, 15).unwrap();
        assert_eq!((end, plc.text().as_slice(), plc.slice), (21, &b"plc.plant.example"[..], &b"\x03plc"[..]));
        let (end, pointed) = name(bytes, 21).unwrap();
        assert_eq!((end, pointed.text().as_slice(), pointed.slice), (23, &b"plc.plant.example"[..], &b"\x03plc"[..]));
    }

    #[test]
    fn a_loop_of_pointers_ends() {
        for bytes in [&b"\xc0\x00"[..], b"\x01a\xc0\x00\xc0\x02", b"\x01a\xc0\x00", b"\xc0\x04\x01a\xc0\x00"] {
            for start in 0..bytes.len() {
                let _ = name(bytes, start);
            }
        }
        assert!(matches!(name(b"\x01a\xc0\x04\xc0\x02", 0), Err(DissectError::Malformed { .. })));
    }

    #[test]
    fn names_are_bounded_and_label_types_known() {
        let long: Vec<u8> = (0..5).flat_map(|_| [&[63][..], &[b'x'; 63]].concat()).collect();
        assert!(matches!(name(&long, 0), Err(DissectError::Malformed { rule: "name is too long", .. })));
        assert!(matches!(name(b"\x41\x01", 0), Err(DissectError::Malformed { rule: "label type", .. })));
    }

    #[test]
    fn reverse_names_are_addresses() {
        let v4 = b"\x0220\x010\x0277\x0210\x07in-addr\x04arpa\x00";
        assert_eq!(name(v4, 0).unwrap().1.reverse(), Some(IpAddr::from([10, 77, 0, 20])));
        let mut v6: Vec<u8> = b"020000000000000000000000770000df".iter().flat_map(|digit| [1, *digit]).collect();
        v6.extend_from_slice(b"\x03ip6\x04arpa\x00");
        assert_eq!(name(&v6, 0).unwrap().1.reverse(), "fd00:77::20".parse().ok());
        assert_eq!(name(b"\x011\x07in-addr\x04arpa\x00", 0).unwrap().1.reverse(), None);
    }

    #[test]
    fn more_records_than_bytes_do_not_fit() {
        let header = header(&[0, 1, 0x81, 0x80, 0, 1, 0xff, 0xff, 0, 0, 0, 0]).unwrap();
        assert!(!fits(header, 512));
    }
}
