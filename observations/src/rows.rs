//! Rows: what was said about one host, one client's counters, or one source, packed into one byte string each: for the database and for
//! messages between sensors.
//!
//! A row begins with the format's number. Neighbours share much, so a byte string is written as how much it shares with the one before
//! and the rest. Everything read back is checked, and unpacks to no more than [`WEIGHT_MAX`].

use crate::address::Transport;
use crate::bytes::{self, DecodeError, Reader, put_bytes, put_number, put_signed, put_subject};
use crate::entries::EntryRef;
use crate::evidence::Stamp;
use crate::operation::{OperationClass, Uses};
use crate::said::Entry;
use crate::subject::{Endpoint, Subject};
use crate::tally::{Pair, Tally};
use std::collections::BTreeMap;

mod source;

/// What a row may weigh unpacked. A real device's row weighs some kilobytes; a host that names itself anew in every packet reaches the
/// bounds of its groups long before. A forged row is refused here before it fills the memory.
pub const WEIGHT_MAX: usize = 64 << 20;

/// The bookkeeping that one record costs in memory beside its bytes.
pub const RECORD_WEIGHT: usize = 64;

/// Names in one list of counters: more than there are ports of three transports.
const COUNTS_MAX: usize = 1 << 18;

/// The number before every row; another one is another format.
const FORMAT: u8 = 3;

/// What an observation weighs in its row.
#[must_use]
pub fn weight(one: EntryRef<'_>) -> usize {
    RECORD_WEIGHT + one.key.len() + one.evidence.len()
}

/// What a tally weighs in its row.
#[must_use]
pub fn tally_weight(pair: &Pair, tally: &Tally) -> usize {
    2 * RECORD_WEIGHT + pair.protocol.len() + tally.operations.keys().map(|name| RECORD_WEIGHT + name.len()).sum::<usize>()
}

// ── whose row ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// The host that canonical bytes begin with: a subject without service and path, still in the bytes of the key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Host<'a> {
    flags: u8,
    addresses: &'a [u8],
}

impl<'a> Host<'a> {
    /// Reads whom an observation's key, or its group, is about.
    ///
    /// # Errors
    /// [`DecodeError`] where the bytes do not begin with a canonical subject.
    pub fn of(key: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader { bytes: key };
        let flags = reader.byte()?;
        let known = bytes::HAS_MAC | bytes::HAS_IPV4 | bytes::HAS_IPV6 | bytes::HAS_ENDPOINT | bytes::HAS_PATH | bytes::HAS_SEGMENT;
        if flags & !known != 0 || flags & bytes::HAS_IPV4 != 0 && flags & bytes::HAS_IPV6 != 0 {
            return Err(reader.fail("subject"));
        }
        let all = reader.bytes;
        if flags & bytes::HAS_SEGMENT != 0 {
            u16::try_from(reader.number()?).map_err(|_| reader.fail("segment"))?;
        }
        for (bit, length) in [(bytes::HAS_MAC, 6), (bytes::HAS_IPV4, 4), (bytes::HAS_IPV6, 16)] {
            if flags & bit != 0 {
                reader.take(length)?;
            }
        }
        let addresses = all.get(..all.len() - reader.bytes.len()).ok_or(reader.fail("subject"))?;
        Ok(Self { flags: flags & !(bytes::HAS_ENDPOINT | bytes::HAS_PATH), addresses })
    }

    /// Its MAC and its IP address, as they stand on the wire.
    #[must_use]
    pub fn identifiers(&self) -> [Option<&'a [u8]>; 2] {
        let (macs, ips) = (self.flags & bytes::HAS_MAC, self.flags & (bytes::HAS_IPV4 | bytes::HAS_IPV6));
        let ip_length = match ips {
            0 => 0,
            bytes::HAS_IPV4 => 4,
            _ => 16,
        };
        let end = self.addresses.len() - ip_length;
        let mac = if macs == 0 { None } else { end.checked_sub(6).and_then(|start| self.addresses.get(start..end)) };
        [mac, self.addresses.get(end..).filter(|ip| !ip.is_empty())]
    }

    /// The number of its segment.
    #[must_use]
    pub fn segment(&self) -> u16 {
        let number = if self.flags & bytes::HAS_SEGMENT == 0 { None } else { Reader { bytes: self.addresses }.number().ok() };
        number.and_then(|number| u16::try_from(number).ok()).unwrap_or(0)
    }

    /// The canonical bytes of the host as a subject.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1 + self.addresses.len());
        out.push(self.flags);
        out.extend_from_slice(self.addresses);
        out
    }
}

/// Reads a subject that stands alone.
///
/// # Errors
/// [`DecodeError`] where the bytes are none, or more than one.
pub fn subject(bytes: &[u8]) -> Result<Subject, DecodeError> {
    let mut reader = Reader { bytes };
    let subject = reader.subject()?;
    ended(&reader)?;
    Ok(subject)
}

// ── observations of one host ───────────────────────────────────────────────────────────────────────────────────────────────

/// What one row of observations holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Observations {
    /// Observations with their keys, in order.
    pub entries: Vec<(Box<[u8]>, Entry)>,
    /// Crowded groups, in order.
    pub crowded: Vec<Box<[u8]>>,
}

/// Packs observations, in the order of their keys, and crowded groups, in order.
pub fn put_observations<'a>(out: &mut Vec<u8>, entries: &[EntryRef<'a>], crowded: &[&'a [u8]]) {
    out.push(FORMAT);
    put_number(out, crowded.len() as u64);
    let mut before: &[u8] = &[];
    for group in crowded {
        put_shared(out, before, group);
        before = group;
    }
    put_number(out, entries.len() as u64);
    let (mut key_before, mut evidence_before, mut stamp_before): (&[u8], &[u8], Stamp) = (&[], &[], Stamp::default());
    for one in entries {
        put_shared(out, key_before, one.key);
        put_shared(out, evidence_before, one.evidence);
        put_stamp(out, stamp_before, one.first);
        put_stamp(out, one.first, one.last);
        put_number(out, u64::from(one.revision));
        (key_before, evidence_before, stamp_before) = (one.key, one.evidence, one.first);
    }
}

/// Unpacks them.
///
/// # Errors
/// [`DecodeError`] where the bytes are no such row: also if keys are out of order or about different hosts.
pub fn read_observations(host: &[u8], bytes: &[u8]) -> Result<Observations, DecodeError> {
    let (mut reader, mut budget) = start(bytes)?;
    let host = Host::of(host)?;
    let mut crowded: Vec<Box<[u8]>> = Vec::new();
    for _ in 0..reader.number()? {
        let group = read_shared(&mut reader, crowded.last().map_or(&[], |group| group), &mut budget)?;
        if Host::of(&group)? != host || crowded.last().is_some_and(|before| *before >= group) {
            return Err(reader.fail("group of this host"));
        }
        crowded.push(group);
    }
    let mut entries: Vec<(Box<[u8]>, Entry)> = Vec::new();
    for _ in 0..reader.number()? {
        let (key_before, evidence_before, stamp_before): (&[u8], &[u8], Stamp) =
            entries.last().map_or((&[], &[], Stamp::default()), |(key, entry)| (key, &entry.evidence, entry.first));
        let key = read_shared(&mut reader, key_before, &mut budget)?;
        if Host::of(&key)? != host || (!key_before.is_empty() && key_before >= &key[..]) {
            return Err(reader.fail("observation of this host"));
        }
        let evidence = read_shared(&mut reader, evidence_before, &mut budget)?;
        let first = read_stamp(&mut reader, stamp_before)?;
        let last = read_stamp(&mut reader, first)?;
        let revision = u16::try_from(reader.number()?).map_err(|_| reader.fail("revision"))?;
        entries.push((key, Entry { evidence, first, last, revision }));
    }
    ended(&reader)?;
    Ok(Observations { entries, crowded })
}

// ── counters of one client ─────────────────────────────────────────────────────────────────────────────────────────────────

/// Packs a client's counters, in the order of their pairs.
pub fn put_tallies(out: &mut Vec<u8>, tallies: &[(Pair, Tally)]) {
    out.push(FORMAT);
    put_number(out, tallies.len() as u64);
    for (pair, tally) in tallies {
        match &pair.server {
            None => out.push(0),
            Some(server) => {
                out.push(1);
                put_subject(out, server);
            }
        }
        out.push(pair.endpoint.transport.code());
        out.extend_from_slice(&pair.endpoint.port.to_be_bytes());
        put_bytes(out, pair.protocol.as_bytes());
        for number in [tally.packets_out, tally.bytes_out, tally.packets_in, tally.bytes_in, tally.flows] {
            put_number(out, number);
        }
        put_stamp(out, Stamp::default(), tally.first);
        put_stamp(out, tally.first, tally.last);
        out.push(tally.directions);
        out.push(u8::from(tally.roles_known));
        put_operations(out, &tally.operations);
    }
}

/// Unpacks the counters of `client`.
///
/// # Errors
/// [`DecodeError`] where the bytes are no such row.
pub fn read_tallies(client: &[u8], bytes: &[u8]) -> Result<Vec<(Pair, Tally)>, DecodeError> {
    let client = subject(client)?;
    let (mut reader, mut budget) = start(bytes)?;
    let mut tallies: Vec<(Pair, Tally)> = Vec::new();
    for _ in 0..reader.number()? {
        let (pair, tally) = read_tally(&mut reader, &client)?;
        spend(&mut budget, tally_weight(&pair, &tally), &reader)?;
        if tallies.last().is_some_and(|(before, _)| *before >= pair) {
            return Err(reader.fail("pair in order"));
        }
        tallies.push((pair, tally));
    }
    ended(&reader)?;
    Ok(tallies)
}

fn read_tally(reader: &mut Reader<'_>, client: &Subject) -> Result<(Pair, Tally), DecodeError> {
    let server = if flag(reader)? { Some(reader.subject()?) } else { None };
    let transport = Transport::from_code(reader.byte()?).ok_or(reader.fail("transport"))?;
    let port = reader.take(2)?.iter().fold(0, |port, byte| port << 8 | u16::from(*byte));
    let pair = Pair { client: client.clone(), server, endpoint: Endpoint { transport, port }, protocol: reader.text()?.to_owned() };
    let mut tally = Tally {
        packets_out: reader.number()?,
        bytes_out: reader.number()?,
        packets_in: reader.number()?,
        bytes_in: reader.number()?,
        flows: reader.number()?,
        ..Tally::default()
    };
    tally.first = read_stamp(reader, Stamp::default())?;
    tally.last = read_stamp(reader, tally.first)?;
    tally.directions = reader.byte()?;
    tally.roles_known = flag(reader)?;
    tally.operations = read_operations(reader)?;
    Ok((pair, tally))
}

// ── small parts ────────────────────────────────────────────────────────────────────────────────────────────────────────────

fn start(bytes: &[u8]) -> Result<(Reader<'_>, usize), DecodeError> {
    let mut reader = Reader { bytes };
    if bytes.len() > WEIGHT_MAX + RECORD_WEIGHT || reader.byte()? != FORMAT {
        return Err(reader.fail("row of this format"));
    }
    Ok((reader, WEIGHT_MAX))
}

fn ended(reader: &Reader<'_>) -> Result<(), DecodeError> {
    if reader.bytes.is_empty() { Ok(()) } else { Err(reader.fail("end")) }
}

fn spend(budget: &mut usize, weight: usize, reader: &Reader<'_>) -> Result<(), DecodeError> {
    *budget = budget.checked_sub(weight).ok_or(reader.fail("row of a bearable size"))?;
    Ok(())
}

fn put_shared(out: &mut Vec<u8>, before: &[u8], bytes: &[u8]) {
    let shared = before.iter().zip(bytes).take_while(|(a, b)| a == b).count();
    put_number(out, shared as u64);
    put_bytes(out, bytes.get(shared..).unwrap_or_default());
}

fn read_shared(reader: &mut Reader<'_>, before: &[u8], budget: &mut usize) -> Result<Box<[u8]>, DecodeError> {
    let shared = usize::try_from(reader.number()?).ok().and_then(|shared| before.get(..shared)).ok_or(reader.fail("shared bytes"))?;
    let rest = reader.counted()?;
    // Half a record each: every record has two byte strings.
    spend(budget, RECORD_WEIGHT / 2 + shared.len() + rest.len(), reader)?;
    Ok([shared, rest].concat().into_boxed_slice())
}

fn put_stamp(out: &mut Vec<u8>, before: Stamp, stamp: Stamp) {
    put_signed(out, stamp.time.wrapping_sub(before.time));
    put_signed(out, stamp.packet.wrapping_sub(before.packet) as i64);
}

fn read_stamp(reader: &mut Reader<'_>, before: Stamp) -> Result<Stamp, DecodeError> {
    let (time, packet) = (reader.signed()?, reader.signed()?);
    Ok(Stamp { time: before.time.wrapping_add(time), packet: before.packet.wrapping_add(packet as u64) })
}

fn put_option<T>(out: &mut Vec<u8>, value: Option<T>, put: impl Fn(&mut Vec<u8>, T)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put(out, value);
    }
}

fn put_text(out: &mut Vec<u8>, text: Option<&str>) {
    put_option(out, text, |out, text| put_bytes(out, text.as_bytes()));
}

fn read_text(reader: &mut Reader<'_>) -> Result<Option<String>, DecodeError> {
    if flag(reader)? { Ok(Some(reader.text()?.to_owned())) } else { Ok(None) }
}

fn put_texts<'a>(out: &mut Vec<u8>, texts: impl ExactSizeIterator<Item = &'a String>) {
    put_number(out, texts.len() as u64);
    for text in texts {
        put_bytes(out, text.as_bytes());
    }
}

fn put_counts(out: &mut Vec<u8>, counts: &BTreeMap<String, u64>) {
    put_number(out, counts.len() as u64);
    for (name, count) in counts {
        put_bytes(out, name.as_bytes());
        put_number(out, *count);
    }
}

fn read_counts(reader: &mut Reader<'_>) -> Result<BTreeMap<String, u64>, DecodeError> {
    let mut counts = BTreeMap::new();
    for _ in 0..reader.number()? {
        let name = reader.text()?.to_owned();
        if counts.len() >= COUNTS_MAX || counts.last_key_value().is_some_and(|(before, _)| *before >= name) {
            return Err(reader.fail("name in order"));
        }
        counts.insert(name, reader.number()?);
    }
    Ok(counts)
}

fn put_operations(out: &mut Vec<u8>, operations: &BTreeMap<String, Uses>) {
    put_number(out, operations.len() as u64);
    for (name, uses) in operations {
        put_bytes(out, name.as_bytes());
        out.push(uses.class.code());
        put_number(out, uses.count);
    }
}

fn read_operations(reader: &mut Reader<'_>) -> Result<BTreeMap<String, Uses>, DecodeError> {
    let mut operations = BTreeMap::new();
    for _ in 0..reader.number()? {
        let name = reader.text()?.to_owned();
        if operations.len() >= COUNTS_MAX || operations.last_key_value().is_some_and(|(before, _)| *before >= name) {
            return Err(reader.fail("name in order"));
        }
        let class = OperationClass::from_code(reader.byte()?).ok_or_else(|| reader.fail("class of an operation"))?;
        operations.insert(name, Uses { class, count: reader.number()? });
    }
    Ok(operations)
}

fn flag(reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
    match reader.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(reader.fail("yes or no")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Mac;
    use crate::field::{Field, Kind};
    use crate::observation::{Observation, Said};
    use crate::source::{Part, Source, SourceKey};
    use crate::subject::{PathStep, Segment, StepKind};
    use crate::value::Value;

    fn plc() -> Subject {
        Subject { mac: Some(Mac([0, 0x80, 0xf4, 1, 2, 3])), ip: Some("192.168.1.10".parse().unwrap()), ..Subject::of_mac(Segment(3), Mac::default()) }
    }

    fn observation(about: Subject, name: &str) -> Vec<u8> {
        let fields = vec![Said { field: Field::VendorName, value: Value::Text(name.into()) }];
        let (protocol, kind, speaker) = ("modbus".to_owned(), Kind::Identity, about.clone());
        let (revision, first, fields_first, last) = Default::default();
        Observation { about, speaker, protocol, kind, fields, revision, first, fields_first, last }.key()
    }

    fn observations_row() -> (Vec<u8>, Observations, Vec<u8>) {
        let unit = Subject { path: vec![PathStep { kind: StepKind::ModbusUnit, number: 300 }], ..plc() };
        let service = Subject { endpoint: Some(Endpoint { transport: Transport::Tcp, port: 502 }), ..plc() };
        let mut keys =
            vec![observation(plc(), "Schneider"), observation(plc(), "Schneider Electric"), observation(unit, ""), observation(service, "x")];
        keys.sort();
        let entry = |n: u64| Entry {
            evidence: [&[7; 40][..], &n.to_be_bytes()].concat().into(),
            first: Stamp { time: 5 - n as i64, packet: Stamp::packet_id(2, n) },
            last: Stamp { time: i64::MAX, packet: u64::MAX },
            revision: 9,
        };
        let entries: Vec<(Box<[u8]>, Entry)> = keys.into_iter().zip(0..).map(|(key, n)| (key.into(), entry(n))).collect();
        let crowded = vec![Box::from(bytes::group(&entries[0].0).unwrap())];
        let (mut host, mut row) = (Vec::new(), Vec::new());
        put_subject(&mut host, &plc());
        let lent: Vec<EntryRef<'_>> = entries.iter().map(|(key, entry)| EntryRef::of(key, entry)).collect();
        put_observations(&mut row, &lent, &[&crowded[0]]);
        (host, Observations { entries, crowded }, row)
    }

    fn tallies_row() -> (Vec<u8>, BTreeMap<Pair, Tally>, Vec<u8>) {
        let pair = |server, port| Pair { client: plc(), server, endpoint: Endpoint { transport: Transport::Udp, port }, protocol: "dns".into() };
        let tally = Tally {
            packets_in: 300,
            flows: 1,
            first: Stamp { time: -4, packet: 1 },
            operations: [("query".into(), Uses { class: OperationClass::Read, count: 7 })].into(),
            ..Tally::default()
        };
        let tallies =
            BTreeMap::from([(pair(None, 53), tally.clone()), (pair(Some(plc()), 65_535), Tally { roles_known: true, directions: 3, ..tally })]);
        let (mut client, mut row) = (Vec::new(), Vec::new());
        put_subject(&mut client, &plc());
        put_tallies(&mut row, &tallies.clone().into_iter().collect::<Vec<_>>());
        (client, tallies, row)
    }

    fn source() -> Source {
        Source {
            key: SourceKey([8; 16]),
            name: "plant.pcap".into(),
            tap: Some("cell 3".into()),
            segments: vec![String::new(), "cell".into()],
            parts: vec![Part { name: "plant.pcap".into(), packets: 3, damage: Some("cut".into()), sha256: None }],
            link_types: ["ethernet".to_owned()].into(),
            first_seen: Some(-1),
            dropped: Some(0),
            opaque: [("tcp/8883".to_owned(), 1 << 40)].into(),
            complete: true,
            revisions: [("arp".to_owned(), 2)].into(),
            ..Source::default()
        }
    }

    #[test]
    fn rows_are_read_back_as_they_were() {
        let (host, observations, row) = observations_row();
        assert_eq!(read_observations(&host, &row).unwrap(), observations);
        let (client, tallies, row) = tallies_row();
        assert_eq!(read_tallies(&client, &row).unwrap().into_iter().collect::<BTreeMap<_, _>>(), tallies);
        assert_eq!(Source::from_bytes(&source().to_bytes()).unwrap(), source());
    }

    #[test]
    fn a_part_and_a_service_of_a_host_stand_in_its_row() {
        let (host, observations, _) = observations_row();
        assert!(observations.entries.iter().all(|(key, _)| Host::of(key).unwrap().bytes() == host));
        assert_eq!(subject(&host).unwrap(), plc());
        assert_eq!(Host::of(&host).unwrap().identifiers(), [Some(&[0, 0x80, 0xf4, 1, 2, 3][..]), Some(&[192, 168, 1, 10][..])]);
    }

    #[test]
    fn no_prefix_and_no_changed_byte_of_a_row_panics() {
        let ((host, _, said), (client, _, tallies), source) = (observations_row(), tallies_row(), source().to_bytes());
        let read = |at: usize, bytes: &[u8]| match at {
            0 => read_observations(&host, bytes).is_ok(),
            1 => read_tallies(&client, bytes).is_ok(),
            _ => Source::from_bytes(bytes).is_ok(),
        };
        for (at, row) in [said, tallies, source].into_iter().enumerate() {
            assert!(read(at, &row));
            assert!((0..row.len()).all(|end| !read(at, &row[..end])), "row {at}");
            for (place, byte) in (0..row.len()).flat_map(|place| [0, 1, 0x7f, 0x80, 0xff].map(|byte| (place, byte))) {
                let mut changed = row.clone();
                changed[place] = byte;
                let _ = read(at, &changed);
            }
        }
    }

    #[test]
    fn a_strangers_observation_is_refused() {
        let (_, _, row) = observations_row();
        let mut other = Vec::new();
        put_subject(&mut other, &Subject { ip: None, ..plc() });
        assert!(read_observations(&other, &row).is_err());
    }

    #[test]
    fn a_row_that_would_unpack_without_end_is_refused() {
        let (host, observations, _) = observations_row();
        let mut row = vec![FORMAT, 0];
        put_number(&mut row, 1 << 40);
        let mut key = observations.entries[0].0.to_vec();
        key.resize(1 << 20, 0);
        put_shared(&mut row, &[], &key);
        row.extend([0, 0, 0, 0, 0, 0, 0]);
        for grown in 0..1_000 {
            put_number(&mut row, key.len() as u64 + grown);
            row.extend([1, 1, 0, 0, 0, 0, 0, 0, 0]);
        }
        assert_eq!(read_observations(&host, &row).unwrap_err().expected, "row of a bearable size");
    }
}
