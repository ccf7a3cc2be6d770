//! Statements as the wire makes them, in words: each becomes real observations.
#![allow(dead_code, reason = "each test binary uses its part")]

use fingerprints::Fingerprints;
use inventory::decision::{Decision, Decisions};
use inventory::document::{Device, Document};
use observations::said::Entry;
use observations::{
    Endpoint, Evidence, Field, FieldEvidence, Kind, Mac, Observation, Pair, PathStep, Said, SaidField, Segment, Source, SourceKey, SourceSaid, Span,
    Stamp, StepKind, Subject, Tally, Transport, Value,
};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::LazyLock;

pub(crate) static RULES: LazyLock<Fingerprints> = LazyLock::new(|| Fingerprints::new().unwrap());

pub(crate) const SECOND: i64 = 1_000_000_000;

pub(crate) fn mac(text: &str) -> Mac {
    text.parse().unwrap()
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn text(field: Field, value: &str) -> (Field, Value) {
    (field, Value::Text(value.as_bytes().to_vec()))
}

pub(crate) fn bytes(field: Field, value: &[u8]) -> (Field, Value) {
    (field, Value::Bytes(value.to_vec()))
}

/// A host as its frames show it: MAC and IP address, each `""` if none.
pub(crate) fn host(mac_text: &str, ip_text: &str) -> Subject {
    Subject { mac: (!mac_text.is_empty()).then(|| mac(mac_text)), ip: (!ip_text.is_empty()).then(|| ip(ip_text)), ..Subject::default() }
}

/// The same at a TCP port.
pub(crate) fn at_port(subject: &Subject, port: u16) -> Subject {
    Subject { endpoint: Some(Endpoint { transport: Transport::Tcp, port }), ..subject.clone() }
}

pub(crate) fn unit(subject: &Subject, number: u64) -> Subject {
    Subject { path: vec![PathStep { kind: StepKind::ModbusUnit, number }], ..at_port(subject, 502) }
}

/// One capture.
#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) said: SourceSaid,
    segment: Segment,
    clock: i64,
    packet: u64,
}

impl Wire {
    pub(crate) fn new(name: &str) -> Self {
        let mut key = [0; 16];
        key.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
        let source = Source {
            key: SourceKey(key),
            name: name.into(),
            site: "plant".into(),
            segments: vec![String::new()],
            complete: true,
            ..Source::default()
        };
        Self { said: SourceSaid { source, ..SourceSaid::default() }, segment: Segment(0), clock: SECOND, packet: 0 }
    }

    /// A capture of one configured segment.
    pub(crate) fn in_segment(name: &str, segment: &str) -> Self {
        let mut wire = Self::new(name);
        wire.said.source.segments.push(segment.into());
        wire.segment = Segment(1);
        wire
    }

    /// From now on it is so many seconds after the begin.
    pub(crate) fn at(&mut self, seconds: i64) -> &mut Self {
        self.clock = (seconds + 1) * SECOND;
        self
    }

    pub(crate) fn says(&mut self, speaker: &Subject, about: &Subject, protocol: &str, kind: Kind, fields: &[(Field, Value)]) -> &mut Self {
        self.packet += 1;
        let stamp = Stamp { time: self.clock, packet: Stamp::packet_id(0, self.packet) };
        let here = |subject: &Subject| Subject { segment: self.segment, ..subject.clone() };
        let fields: Vec<SaidField> = fields.iter().map(|(field, value)| SaidField { field: *field, value: value.clone() }).collect();
        let evidence = |said: &SaidField| FieldEvidence {
            spans: vec![Span { packet: stamp.packet, offset: 42, length: 4 }],
            quote: said.value.display().into_bytes(),
            derivation: None,
        };
        let observation = Observation {
            about: here(about),
            speaker: here(&speaker.host()),
            protocol: protocol.into(),
            kind,
            fields_first: fields.iter().map(evidence).collect(),
            fields,
            revision: 1,
            first: Evidence { stamp, frame_sha256: [7; 32], derivation: vec![] },
            last: stamp,
        };
        let entry = Entry { evidence: observation.evidence_bytes().into(), first: stamp, last: stamp, revision: 1 };
        self.said.insert(&observation.key(), &entry);
        let source = &mut self.said.source;
        source.first_seen = Some(source.first_seen.map_or(stamp.time, |time| time.min(stamp.time)));
        source.last_seen = source.last_seen.max(Some(stamp.time));
        source.packets += 1;
        self
    }

    /// Of itself.
    pub(crate) fn tells(&mut self, of: &Subject, protocol: &str, kind: Kind, fields: &[(Field, Value)]) -> &mut Self {
        self.says(of, of, protocol, kind, fields)
    }

    /// A frame from a host with this TTL.
    pub(crate) fn frame(&mut self, mac_text: &str, ip_text: &str, ttl: u64) -> &mut Self {
        let sender = host(mac_text, ip_text);
        if let Some(mac) = sender.mac {
            let card = host(mac_text, "");
            self.tells(&card, "eth", Kind::Presence, &[(Field::VlanId, Value::Number(0)), (Field::MacAddress, Value::Mac(mac))]);
        }
        if let Some(ip) = sender.ip {
            let (protocol, field) = if ip.is_ipv4() { ("ip", Field::Ipv4Address) } else { ("ipv6", Field::Ipv6Address) };
            self.tells(&sender, protocol, Kind::Binding, &[(field, Value::Ip(ip)), (Field::TimeToLive, Value::Number(ttl))]);
        }
        self
    }

    /// ARP with this sender.
    pub(crate) fn arp(&mut self, mac_text: &str, ip_text: &str) -> &mut Self {
        let fields = [(Field::MacAddress, Value::Mac(mac(mac_text))), (Field::Ipv4Address, Value::Ip(ip(ip_text)))];
        self.frame(mac_text, "", 0).says(&host(mac_text, ""), &host(mac_text, ip_text), "arp", Kind::Binding, &fields)
    }

    /// An ordinary host: ARP, and a frame with an untouched TTL.
    pub(crate) fn lives(&mut self, mac_text: &str, ip_text: &str) -> &mut Self {
        self.arp(mac_text, ip_text).frame(mac_text, ip_text, 64)
    }

    pub(crate) fn asks_for(&mut self, mac_text: &str, ip_text: &str) -> &mut Self {
        self.says(&host(mac_text, ""), &host("", ip_text), "arp", Kind::Request, &[(Field::Ipv4Address, Value::Ip(ip(ip_text)))])
    }

    /// A DHCP client with its own words.
    pub(crate) fn dhcp_client(&mut self, mac_text: &str, id: &[u8]) -> &mut Self {
        let client = host(mac_text, "");
        self.frame(mac_text, "", 0).tells(
            &client,
            "dhcp",
            Kind::Identity,
            &[(Field::MacAddress, Value::Mac(mac(mac_text))), bytes(Field::DhcpClientId, id)],
        )
    }

    /// A server gives an address to a client.
    pub(crate) fn lease(&mut self, server: &Subject, mac_text: &str, ip_text: &str) -> &mut Self {
        let fields = [(Field::MacAddress, Value::Mac(mac(mac_text))), (Field::Ipv4Address, Value::Ip(ip(ip_text)))];
        let about = host(mac_text, ip_text);
        self.says(server, &about, "dhcp", Kind::Lease, &fields).says(server, &about, "dhcp", Kind::Binding, &fields)
    }

    /// Identification with vendor and serial number.
    pub(crate) fn serial(&mut self, of: &Subject, protocol: &str, vendor: &str, serial: &str) -> &mut Self {
        self.tells(of, protocol, Kind::Identity, &[text(Field::VendorName, vendor), text(Field::SerialNumber, serial)])
    }

    pub(crate) fn lldp_chassis(&mut self, port: &str, chassis: &str) -> &mut Self {
        self.frame(port, "", 0).tells(&host(port, ""), "lldp", Kind::Identity, &[(Field::ChassisId, Value::Mac(mac(chassis)))])
    }

    pub(crate) fn certificate(&mut self, of: &Subject, key: &[u8]) -> &mut Self {
        self.tells(
            &at_port(of, 443),
            "tls",
            Kind::Certificate,
            &[bytes(Field::CertificateSha256, key), bytes(Field::SpkiSha256, key), (Field::ChainPosition, Value::Number(0))],
        )
    }

    pub(crate) fn name(&mut self, of: &Subject, name: &str) -> &mut Self {
        self.tells(of, "mdns", Kind::Name, &[text(Field::Hostname, name)])
    }

    pub(crate) fn dns_answer(&mut self, server: &Subject, name: &str, ip_text: &str) -> &mut Self {
        self.says(server, &host("", ip_text), "dns", Kind::Name, &[text(Field::DnsName, name), (Field::Ipv4Address, Value::Ip(ip(ip_text)))])
    }

    /// A conversation, both ways.
    pub(crate) fn talks(&mut self, client: &Subject, server: &Subject, port: u16, protocol: &str) -> &mut Self {
        self.exchanges(client, server, Endpoint { transport: Transport::Tcp, port }, protocol, (3, 2))
    }

    /// Datagrams of a conversation whose roles are guessed: so many from the client, so many to it.
    pub(crate) fn sends(&mut self, client: &Subject, server: &Subject, port: u16, protocol: &str, packets: (u64, u64)) -> &mut Self {
        self.exchanges(client, server, Endpoint { transport: Transport::Udp, port }, protocol, packets)
    }

    fn exchanges(&mut self, client: &Subject, server: &Subject, endpoint: Endpoint, protocol: &str, (out, back): (u64, u64)) -> &mut Self {
        let here = |subject: &Subject| Subject { segment: self.segment, ..subject.host() };
        let pair = Pair { client: here(client), server: Some(here(server)), endpoint, protocol: protocol.into() };
        let stamp = Stamp { time: self.clock, packet: self.packet };
        let tally = Tally {
            packets_out: out,
            bytes_out: out * 100,
            packets_in: back,
            bytes_in: back * 100,
            flows: 1,
            first: stamp,
            last: stamp,
            directions: u8::from(out > 0) | u8::from(back > 0) << 1,
            roles_known: endpoint.transport == Transport::Tcp,
            ..Tally::default()
        };
        self.said.tallies.take(&pair, &tally, Tally::add);
        self
    }

    pub(crate) fn done(&self) -> Said {
        Said::of(self.said.clone())
    }

    pub(crate) fn seen(&self) -> Seen {
        see(&self.done(), &[])
    }
}

/// A document, with questions that tests ask. Every document is checked for what must hold always.
pub(crate) struct Seen(pub Document);

pub(crate) fn see(said: &Said, decisions: &[Decision]) -> Seen {
    let document = inventory::inventory(said, &RULES, &Decisions::of(decisions.iter().cloned()));
    let seen = Seen(document);
    seen.holds();
    seen
}

impl Seen {
    /// Ids and aliases name one device each, and parents are there.
    fn holds(&self) {
        let mut named = BTreeSet::new();
        for device in &self.0.devices {
            for id in std::iter::once(&device.id).chain(&device.aliases) {
                assert!(named.insert(id), "{id} names two devices");
            }
        }
        for device in &self.0.devices {
            for other in device.parent.iter().chain(&device.behind).chain(&device.replaced_by) {
                assert!(named.contains(other), "{other} is nobody");
            }
        }
        for shared in &self.0.coverage.shared_keys {
            assert!(!named.contains(&shared.id), "{} names a device and is shared", shared.key);
        }
    }

    pub(crate) fn of_kind(&self, kind: &str) -> Vec<&Device> {
        self.0.devices.iter().filter(|device| device.kind == kind).collect()
    }

    /// Devices that are no parts and no ghosts.
    pub(crate) fn count(&self) -> usize {
        self.of_kind("device").len() + self.of_kind("represents_many").len()
    }

    pub(crate) fn mac(&self, text: &str) -> &Device {
        let found: Vec<&Device> = self.0.devices.iter().filter(|device| device.macs.iter().any(|mac| mac == text)).collect();
        assert_eq!(found.len(), 1, "{text} is one device's");
        found[0]
    }

    pub(crate) fn has_ip(&self, text: &str) -> Vec<&Device> {
        self.0.devices.iter().filter(|device| device.kind != "ghost" && device.ips.iter().any(|ip| ip == text)).collect()
    }

    pub(crate) fn ip(&self, text: &str) -> &Device {
        let found = self.has_ip(text);
        assert_eq!(found.len(), 1, "{text} is one device's");
        found[0]
    }

    pub(crate) fn no_conflict(&self) -> &Self {
        for device in &self.0.devices {
            for (name, record) in &device.attributes {
                assert!(!record.conflict, "{name} of {} is a conflict", device.id);
            }
        }
        self
    }

    /// Every id that an earlier document showed leads to a device of this one.
    pub(crate) fn keeps_ids_of(&self, earlier: &Self) {
        for device in earlier.0.devices.iter().filter(|device| device.kind != "ghost") {
            let found = self.0.devices.iter().any(|now| now.id == device.id || now.aliases.contains(&device.id));
            assert!(found || self.0.coverage.shared_keys.iter().any(|shared| shared.id == device.id), "{} is lost", device.id);
        }
    }

    pub(crate) fn shares(&self, key: &str) -> usize {
        self.0.coverage.shared_keys.iter().filter(|shared| shared.key == key).map(|shared| shared.devices.len()).sum()
    }
}

pub(crate) fn value<'d>(device: &'d Device, attribute: &str) -> &'d str {
    device.attributes.get(attribute).map_or("", |record| record.value.as_str())
}
