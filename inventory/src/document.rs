//! The published schema `wirecensus.inventory/1`, as serde types: what exports, API, pages, reports and diff see. Additive: readers
//! ignore unknown keys. Arrays are sorted, keys stand in a fixed order, times are RFC 3339 with nanoseconds: the document can be hashed.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A word of the program's own, of few: most are lent, those of a document that was read are not.
pub type Word = Cow<'static, str>;

/// The schema's name.
pub const SCHEMA: &str = "wirecensus.inventory/1";

macro_rules! schema {
    ($($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $type:ty,)* })*) => {
        $($(#[$meta])*
        #[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $name { $($(#[$doc])* pub $field: $type,)* })*
    };
}

schema! {
    /// An inventory.
    Document {
        /// [`SCHEMA`].
        schema: String,
        /// What made it.
        producer: Producer,
        /// Time of the last packet.
        as_of: Option<String>,
        /// Whether every source was read to its end and no global limit was hit.
        complete: bool,
        /// Limits that were hit, `source key: limit`.
        limits_hit: Vec<String>,
        /// The captures.
        sources: Vec<SourceRecord>,
        /// What these captures could not show.
        coverage: Coverage,
        /// What is weak in a zone, or in the site, as a whole: each once, with the devices that show it.
        findings: Vec<Finding>,
        /// By protocol: how many conversations were authenticated and encrypted, of those of which it is known.
        protection: BTreeMap<String, Protection>,
        /// Devices, components and ghosts, by id.
        devices: Vec<Device>,
        /// Who talks to whom by what.
        conversations: Vec<Conversation>,
        /// Certificates that were presented.
        certificates: Vec<Certificate>,
    }

    /// Digests of what made the document.
    Producer {
        /// The program's.
        version: String,
        /// Number and digest of the rules.
        rules: String,
        /// Of the data tables.
        data: String,
        /// Of the catalogue of findings, and what an operator set.
        config: String,
    }

    /// One capture.
    SourceRecord {
        /// See `observations::SourceKey`.
        key: String,
        /// For people.
        name: String,
        /// Its files.
        files: Vec<FileRecord>,
        /// Packets read.
        packets: u64,
        /// Captured bytes.
        bytes: u64,
        /// Time of the earliest packet.
        first_seen: Option<String>,
        /// Time of the latest packet.
        last_seen: Option<String>,
        /// Link types by name.
        link_types: Vec<String>,
        /// The site.
        site: String,
        /// The tap point, if configured.
        #[serde(skip_serializing_if = "Option::is_none")]
        tap: Option<String>,
        /// Packets cut by the snap length.
        truncated: u64,
        /// What was not decoded, by reason.
        undecoded: BTreeMap<String, u64>,
        /// PDUs that broke a rule.
        malformed: BTreeMap<String, u64>,
        /// Packets delivered twice by the mirror.
        duplicates: u64,
        /// Packets lost by the capture, where it says so.
        #[serde(skip_serializing_if = "Option::is_none")]
        dropped: Option<u64>,
        /// Why the clock is not believed, if so.
        #[serde(skip_serializing_if = "Option::is_none")]
        clock: Option<String>,
        /// Read to its end.
        complete: bool,
    }

    /// One file of a source.
    FileRecord {
        /// Without its folder.
        name: String,
        /// Packets read.
        packets: u64,
        /// What stopped the reading.
        #[serde(skip_serializing_if = "Option::is_none")]
        damage: Option<String>,
        /// Of the file, if asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        sha256: Option<String>,
    }

    /// What the captures could not show.
    Coverage {
        /// Conversations of which only one direction was seen.
        one_way_conversations: u64,
        /// All conversations.
        conversations: u64,
        /// TCP connections that were open when a source began or ended: their opening or their end is not in it.
        cut: u64,
        /// TCP data seen in conversations of which both directions were, bytes; of as many conversations at a time as are looked at.
        tcp_seen_bytes: u64,
        /// TCP data that the other end acknowledged and that is in no source: lost before it reached the capture.
        tcp_unseen_bytes: u64,
        /// Addresses that were only asked for.
        asked_for_only: Vec<String>,
        /// Payload that no dissector knew, by port.
        opaque_bytes: BTreeMap<String, u64>,
        /// What such a port is known for: a guess from its number alone, which no device's record rests on.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        opaque_guesses: BTreeMap<String, String>,
        /// TLS servers whose certificates TLS 1.3 hides, of all TLS servers, in percent.
        tls13_share: Option<u8>,
        /// Virtual router addresses: they belong to no single device.
        virtual_addresses: Vec<String>,
        /// Addresses used by several devices at a time with disjoint peers: overlapping address space suspected.
        overlapping_addresses: Vec<String>,
        /// Keys that several devices show, which therefore join nothing.
        shared_keys: Vec<SharedKey>,
        /// Devices that accept the same secret, a group each; of the secret nothing is told.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        shared_secrets: Vec<SharedSecret>,
        /// What was given and could not be used, and what was not compared: for people.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        reservations: Vec<String>,
    }

    /// What the conversations of one protocol showed of their protection.
    Protection {
        /// All of them.
        conversations: u64,
        /// Those of which it is known.
        known: u64,
        /// Messages prove who sent them.
        authenticated: u64,
        /// Nobody can read along.
        encrypted: u64,
        /// The same by the days on which captures began, if there are several: a conversation counts in each that it is in.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        series: Vec<Period>,
    }

    /// What conversations showed in the captures that began on one day.
    Period {
        /// When the first of them began.
        first_seen: Option<String>,
        /// When the last of them ended.
        last_seen: Option<String>,
        /// All of them.
        conversations: u64,
        /// Those of which it is known.
        known: u64,
        /// Messages prove who sent them.
        authenticated: u64,
        /// Nobody can read along.
        encrypted: u64,
    }

    /// Devices that accept the same secret.
    SharedSecret {
        /// For what it is used: `snmp community`, `ftp password`.
        uses: Vec<String>,
        /// The devices that accept it.
        devices: Vec<String>,
        /// First packet.
        first_seen: Option<String>,
        /// Last packet.
        last_seen: Option<String>,
    }

    /// A key that joins nothing.
    SharedKey {
        /// The key.
        key: String,
        /// The id that names it, which leads to no single device.
        id: String,
        /// The devices that show it.
        devices: Vec<String>,
        /// At the same time; else one after the other.
        at_once: bool,
    }

    /// A device, a component of one, or a ghost.
    Device {
        /// UUIDv5 of its least key.
        id: String,
        /// Ids of its other keys.
        aliases: Vec<String>,
        /// `device`, `component`, `ghost` or `represents_many`.
        kind: Word,
        /// The site.
        site: String,
        /// Where it was seen.
        segments: Vec<String>,
        /// `local`, `routed` or `external`.
        reach: Word,
        /// The device that it is a part of.
        parent: Option<String>,
        /// The next hop that it is behind.
        #[serde(skip_serializing_if = "Option::is_none")]
        behind: Option<String>,
        /// What it is of its parent: `unit 3`.
        #[serde(skip_serializing_if = "Option::is_none")]
        part: Option<String>,
        /// The device that took its place: same address and name, later.
        #[serde(skip_serializing_if = "Option::is_none")]
        replaced_by: Option<String>,
        /// The devices whose place it took.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        replaces: Vec<String>,
        /// MAC addresses.
        macs: Vec<String>,
        /// IP addresses.
        ips: Vec<String>,
        /// Names, best first.
        hostnames: Vec<String>,
        /// Which address when.
        bindings: Vec<Binding>,
        /// What it is.
        attributes: BTreeMap<String, AttributeRecord>,
        /// Closed list; `unknown` where nothing carries more.
        class: String,
        /// Open list.
        #[serde(rename = "type")]
        kind_of_device: String,
        /// `modbus server`.
        roles: Vec<String>,
        /// What would tell more, where class or type is unknown.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        would_tell_more: Vec<String>,
        /// The zone.
        zone: Option<String>,
        /// Purdue level.
        purdue_level: Option<String>,
        /// An operator's.
        annotations: BTreeMap<String, String>,
        /// What it serves.
        services: Vec<Service>,
        /// In which it spoke.
        protocols: Vec<String>,
        /// By protocol, where anything is known: how many of its conversations were authenticated and encrypted.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        protection: BTreeMap<String, Protection>,
        /// Keys that it presented.
        identities: Vec<Identity>,
        /// Secrets that it was logged in to with, as far as they were tagged (`--site-key`): of each only for what and when.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        secrets: Vec<UsedSecret>,
        /// Whether a vault or list knows it.
        managed: Managed,
        /// How it could be enrolled.
        enrollability: Vec<Enrollability>,
        /// What is weak.
        findings: Vec<Finding>,
        /// What advisories say of it, where any speaks of it.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        advisories: Vec<Verdict>,
        /// Exposure.
        score: Score,
        /// First packet.
        first_seen: Option<String>,
        /// Last packet.
        last_seen: Option<String>,
        /// Sent.
        sent: Traffic,
        /// Received.
        received: Traffic,
    }

    /// An address and when it was used.
    Binding {
        /// `ip`, `mac` or `hostname`.
        kind: Word,
        /// The address or the name.
        value: String,
        /// The segment.
        segment: String,
        /// From.
        first_seen: Option<String>,
        /// To.
        last_seen: Option<String>,
        /// `declared`, `reported` or `inferred`.
        class: Word,
    }

    /// The claim that stands, with its rivals and its history.
    AttributeRecord {
        /// The value.
        value: String,
        /// In percent.
        confidence: u8,
        /// `proven`, `declared`, `reported`, `inferred`.
        class: Word,
        /// What made the claim.
        rule: String,
        /// Two values of what cannot change.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        conflict: bool,
        /// The bytes in hexadecimal, where showing them as text loses something.
        #[serde(skip_serializing_if = "Option::is_none")]
        raw: Option<String>,
        /// Other values.
        rivals: Vec<Rival>,
        /// Earlier values.
        history: Vec<Rival>,
        /// Where it stands.
        evidence: Vec<Evidence>,
    }

    /// A value that does not stand, or no longer.
    Rival {
        /// The value.
        value: String,
        /// In percent.
        confidence: u8,
        /// As above.
        class: Word,
        /// What made the claim.
        rule: String,
        /// First said.
        first_seen: Option<String>,
        /// Last said.
        last_seen: Option<String>,
    }

    /// Where a value stands in a capture.
    Evidence {
        /// Source key.
        source: Arc<str>,
        /// The file within the source, if it has several.
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        /// The protocol.
        protocol: String,
        /// The field.
        field: Word,
        /// Packet time.
        time: Option<String>,
        /// The bytes.
        spans: Vec<Span>,
        /// What was undone on the way.
        derivation: Vec<String>,
        /// At most 64 bytes, printable text or `hex:…`.
        quote: String,
        /// SHA-256 of the last packet's captured bytes.
        frame_sha256: String,
        /// `name@revision`.
        dissector: String,
    }

    /// Bytes of one captured frame.
    Span {
        /// The file, where it is not the evidence's: a PDU that began in one file of a rotation and ended in the next.
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        /// Counted from 1 in its file.
        packet: u64,
        /// From the start of the captured frame.
        offset: u32,
        /// In bytes.
        length: u32,
    }

    /// A service.
    Service {
        /// The protocol, or the transport where none was recognised.
        protocol: String,
        /// `tcp`, `udp`, …
        transport: String,
        /// The port.
        port: u16,
        /// How many devices use it.
        clients: u64,
        /// First packet.
        first_seen: Option<String>,
        /// Last packet.
        last_seen: Option<String>,
        /// Whether it is protected, where that is known.
        secured: Option<bool>,
    }

    /// A key that a device presented.
    Identity {
        /// `x509`, `ssh-host-key`, `snmp-engine-id`, …
        kind: String,
        /// The key or its digest.
        value: String,
        /// Of a certificate.
        #[serde(skip_serializing_if = "Option::is_none")]
        issuer: Option<String>,
        /// Of a certificate.
        #[serde(skip_serializing_if = "Option::is_none")]
        not_after: Option<String>,
        /// As what the device used it: `server`, `client`.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        roles: Vec<String>,
        /// First packet that shows it.
        first_seen: Option<String>,
        /// Last packet.
        last_seen: Option<String>,
        /// A signature was verified.
        proven: bool,
        /// Where that signature stands, and what it signs.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        proof: Vec<Evidence>,
        /// No other device shows it.
        unique: bool,
    }

    /// A secret that a device was logged in to with. Nothing of the secret itself is told, and not which of two devices have the same.
    UsedSecret {
        /// What it is: a community, a password of which protocol.
        #[serde(rename = "use")]
        used: String,
        /// First packet that carries it.
        first_seen: Option<String>,
        /// Last packet.
        last_seen: Option<String>,
    }

    /// Whether a vault or list knows the device.
    Managed {
        /// `unknown` until a list is loaded.
        state: Word,
        /// Which list.
        authority: Option<String>,
        /// Its age.
        list_as_of: Option<String>,
        /// Class of the key that matched.
        key_class: Option<String>,
        /// Why.
        reason: Word,
    }

    /// One way to enroll.
    Enrollability {
        /// The method.
        method: String,
        /// Whether the target supports it.
        target_supports: Option<bool>,
        /// What is in the way.
        blockers: Vec<String>,
        /// Why.
        reasons: Vec<String>,
    }

    /// What an advisory says of a device.
    Verdict {
        /// The advisory's id.
        advisory: String,
        /// The weakness: a CVE number, or the advisory's own id.
        weakness: String,
        /// `affected`, `not affected` or `unknown`.
        verdict: String,
        /// Why.
        reason: String,
    }

    /// A finding.
    Finding {
        /// Its id.
        id: String,
        /// The catalogue's rule.
        rule: Word,
        /// Severity.
        severity: Word,
        /// `open`, or `resolved` where strength was seen after the weakness.
        status: Word,
        /// `device`, `zone` or `site`.
        scope: Word,
        /// The zone, of what concerns one.
        #[serde(skip_serializing_if = "Option::is_none")]
        zone: Option<String>,
        /// Title.
        title: Word,
        /// How often.
        count: u64,
        /// First.
        first_seen: Option<String>,
        /// Last.
        last_seen: Option<String>,
        /// When it was first seen to be mended.
        #[serde(skip_serializing_if = "Option::is_none")]
        resolved_since: Option<String>,
        /// For rules based on absence.
        observable_because: Option<Word>,
        /// What was seen, for people.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        details: Vec<String>,
        /// Ids of devices, of what concerns several.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        devices: Vec<String>,
        /// Where.
        evidence: Vec<Evidence>,
        /// Controls by framework. Those of the catalogue are lent, as thousands of devices have the same.
        controls: Cow<'static, BTreeMap<String, Vec<String>>>,
        /// The way out, lent likewise.
        remedy: Cow<'static, Remedy>,
        /// By whom and why, if suppressed.
        suppressed: Option<String>,
    }

    /// The way out of a finding.
    Remedy {
        /// What to do.
        text: String,
        /// What it interrupts.
        process_risk: String,
        /// The enrollment path.
        enrollment: String,
    }

    /// Exposure 0–100.
    Score {
        /// The sum.
        exposure: u8,
        /// Its parts.
        because: Vec<String>,
    }

    /// Packets and bytes.
    Traffic {
        /// Packets.
        packets: u64,
        /// Bytes on the wire.
        bytes: u64,
    }

    /// Who talks to whom by what.
    Conversation {
        /// Who asks.
        client: Party,
        /// Who answers.
        server: Party,
        /// The protocol.
        protocol: String,
        /// `tcp`, `udp`, …
        transport: String,
        /// The server's port.
        port: u16,
        /// Packets, both ways.
        packets: u64,
        /// Bytes on the wire, both ways.
        bytes: u64,
        /// Operations by name.
        operations: BTreeMap<String, u64>,
        /// The same by what they do: `read`, `write`, `control`, `program`, `configure`, `diagnose`, `session`.
        operation_classes: BTreeMap<String, u64>,
        /// First packet.
        first_seen: Option<String>,
        /// Last packet.
        last_seen: Option<String>,
    }

    /// One side of a conversation.
    Party {
        /// The device's id; none for groups and broadcast.
        device: Option<String>,
        /// The address; `many` where a client had more peers than are kept apart.
        address: String,
    }

    /// A certificate.
    Certificate {
        /// Of the DER.
        sha256: String,
        /// RFC 4514 text.
        subject: String,
        /// RFC 4514 text.
        issuer: String,
        /// Hexadecimal.
        serial: String,
        /// Validity.
        not_before: Option<String>,
        /// Validity.
        not_after: Option<String>,
        /// Algorithm and bits.
        key: String,
        /// Algorithm.
        signature: String,
        /// Subject and issuer are equal.
        self_signed: bool,
        /// Subject alternative names.
        subject_alt_names: Vec<String>,
        /// Device ids.
        presented_by: Vec<String>,
        /// `server`, `client`.
        roles: Vec<String>,
        /// Ids of those that proved to hold its key.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        proven_by: Vec<String>,
        /// Where its signatures lead, if certificates of trusted issuers were given: `trusted`, `forged`, `not-checked` or `unknown`.
        #[serde(skip_serializing_if = "Option::is_none")]
        trust: Option<String>,
        /// The trusted issuer that it leads to, or whose name it has.
        #[serde(skip_serializing_if = "Option::is_none")]
        trusted_issuer: Option<String>,
        /// Where it stands.
        evidence: Vec<Evidence>,
    }
}
