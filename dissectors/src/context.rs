//! What a dissector is given beside the bytes, and its only way to say something.

mod lent;
mod saying;
mod sight;

pub(crate) use lent::{Layers, Scratch, Troubles};
pub use saying::Saying;
pub(crate) use sight::{Sight, span};

use crate::again::{Again, Known};
use crate::dissector::{At, DissectError, Gate};
use crate::frame::{Frame, Net};
use crate::ledger::{self, Ledger};
use crate::registry::{Registry, RowId};
use observations::bytes::{put_bytes_value, put_field, put_key_head, put_text_value, put_value};
use observations::{Endpoint, Field, Kind, Mac, PathStep, Span, StepKind, Subject, Transport, Value};
use sight::{Made, Place, Run, Where, place};
use std::hash::Hash;
use std::net::IpAddr;

/// Protocols handed on within one payload: TPKT, COTP, session, presentation, ACSE, MMS is the deepest stack in use.
pub const HAND_ON_MAX: u8 = 8;

/// A keyed digest: it tells equal secrets from others, and nothing of what they are to anybody without the key.
pub type Tag = [u8; 16];

/// What is kept of a secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tags {
    /// Of the secret.
    pub secret: Tag,
    /// Of user and secret together, where the user is named.
    pub login: Option<Tag>,
}

/// Turns a captured secret into keyed tags: the daemon hands one in, so that no key is known here. The secret goes nowhere else.
pub trait Tagger: Send + Sync {
    /// The tags of a secret, and of a user with it.
    fn tag(&self, user: Option<&[u8]>, secret: &[u8]) -> Tags;
}

/// What an outer protocol says of the exchange that a payload belongs to, so that the inner one can bring answers and questions together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Exchange {
    /// Equal in a question and its answer, and different in other pairs that are open at the same time.
    pub transaction: u128,
    /// The connection inside the conversation, if the outer protocol has such: its number on the sender's side.
    pub connection: Option<u32>,
}

/// A host whose words stand in another one's frames, or who is told something through them: RADIUS carries what a peer of EAP says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Behalf {
    /// Of the host that is meant.
    pub(crate) mac: Mac,
    /// Whether these are its words; else it is who they are for.
    pub(crate) sends: bool,
}

/// A payload in the middle of being read: its packet, its conversation and its way to the ledger.
pub struct Context<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) again: &'a mut Again,
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) troubles: &'a mut Troubles,
    pub(crate) layers: &'a mut Layers,
    pub(crate) tagger: Option<&'a dyn Tagger>,
    pub(crate) sight: Sight<'a>,
    pub(crate) segment: observations::Segment,
    pub(crate) at: At,
    pub(crate) row: RowId,
    /// What handed on to it.
    pub(crate) carrier: RowId,
    pub(crate) depth: u8,
    pub(crate) exchange: Exchange,
    pub(crate) behalf: Option<Behalf>,
    pub(crate) rename: &'a mut Option<(u8, RowId)>,
    /// An inner dissector waits for what comes next.
    pub(crate) reading: bool,
    /// What was read depends on when it was said.
    pub(crate) timely: bool,
}

impl<'a> Context<'a> {
    /// Packet time in nanoseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn time(&mut self) -> i64 {
        self.timely = true;
        self.sight.stamp.time
    }

    /// Ports, transport and side of the payload.
    #[must_use]
    pub const fn at(&self) -> &At {
        &self.at
    }

    /// The frame that completed the payload.
    #[must_use]
    pub const fn frame(&self) -> &Frame {
        self.sight.frame
    }

    /// The captured frame's bytes.
    pub(crate) const fn captured(&self) -> &'a [u8] {
        self.sight.data
    }

    /// Whether the captured frame has these bytes at this offset.
    pub(crate) fn stands_at(&self, offset: usize, bytes: &[u8]) -> bool {
        self.sight.data.get(offset..).is_some_and(|rest| rest.starts_with(bytes))
    }

    /// Whether the sender asks (`Some(true)`), answers, or that is not known.
    #[must_use]
    pub const fn from_client(&self) -> Option<bool> {
        self.at.from_client
    }

    /// The sending host: MAC and IP of the frame, no service. Where another one's frame carries its words, its MAC alone.
    #[must_use]
    pub fn sender_host(&self) -> Subject {
        match self.behalf {
            Some(Behalf { mac, sends: true }) => self.by_mac(mac),
            _ => self.frame_sender(),
        }
    }

    /// Who sent the frame, whosever words it carries.
    fn frame_sender(&self) -> Subject {
        let mac = self.sight.frame.src_mac;
        Subject {
            segment: self.segment,
            mac: (self.sight.frame.has_macs && mac.is_device()).then_some(mac),
            ip: self.sight.frame.src_ip(),
            ..Subject::default()
        }
    }

    /// The receiving host: MAC and IP of the frame, no service; no MAC where the frame went to a group.
    #[must_use]
    pub fn receiver_host(&self) -> Subject {
        if let Some(Behalf { mac, sends: false }) = self.behalf {
            return self.by_mac(mac);
        }
        let mac = self.sight.frame.dst_mac;
        Subject {
            segment: self.segment,
            mac: (self.sight.frame.has_macs && mac.is_device()).then_some(mac),
            ip: self.sight.frame.dst_ip(),
            ..Subject::default()
        }
    }

    /// The sender, with the service's endpoint if the sender is the side that serves.
    #[must_use]
    pub fn sender(&self) -> Subject {
        let serves = match self.at.from_client {
            Some(client) => !client,
            None => self.registry.is_bound(self.row, self.at.transport, self.at.src_port),
        };
        let endpoint = serves.then(|| self.endpoint(self.at.src_port));
        Subject { endpoint: endpoint.filter(|e| e.port != 0), ..self.sender_host() }
    }

    /// The receiver, with the service's endpoint if the receiver is the side that serves.
    #[must_use]
    pub fn receiver(&self) -> Subject {
        let serves = match self.at.from_client {
            Some(client) => client,
            None => self.registry.is_bound(self.row, self.at.transport, self.at.dst_port),
        };
        let endpoint = serves.then(|| self.endpoint(self.at.dst_port));
        Subject { endpoint: endpoint.filter(|e| e.port != 0), ..self.receiver_host() }
    }

    const fn endpoint(&self, port: u16) -> Endpoint {
        Endpoint { transport: self.at.transport, port }
    }

    /// A device that the PDU names by its MAC address.
    #[must_use]
    pub fn by_mac(&self, mac: Mac) -> Subject {
        Subject::of_mac(self.segment, mac)
    }

    /// A device that the PDU names by its IP address.
    #[must_use]
    pub fn by_ip(&self, ip: IpAddr) -> Subject {
        Subject::of_ip(self.segment, ip)
    }

    /// A device that the PDU names by both.
    #[must_use]
    pub fn by_mac_and_ip(&self, mac: Mac, ip: IpAddr) -> Subject {
        Subject { ip: Some(ip), ..Subject::of_mac(self.segment, mac) }
    }

    /// A part of a subject.
    #[must_use]
    pub fn part(&self, whole: &Subject, kind: StepKind, number: u64) -> Subject {
        let mut part = whole.clone();
        if part.path.len() < Subject::PATH_MAX {
            part.path.push(PathStep { kind, number });
        }
        part
    }

    /// Begins an observation about a subject; the sender of the frame is its speaker. It is recorded when the builder is dropped, also
    /// on the way out of a failed parse.
    pub fn say(&mut self, about: &Subject, kind: Kind) -> Saying<'_, 'a> {
        let (protocol, speaker) = (self.registry.name(self.row), self.frame_sender());
        self.say_as(protocol, &speaker, about, kind)
    }

    /// Whether another dissector handed this on.
    pub(crate) fn is_carried_by(&self, name: &str) -> bool {
        self.depth > 0 && self.registry.name(self.carrier) == name
    }

    /// As [`Context::say`] of a proof. Where frames or datagrams carry TLS, a message may be lost unnoticed, which whoever verifies must know:
    /// it is said in the name of what carries it (EAP, OpenVPN).
    pub(crate) fn prove(&mut self, about: &Subject) -> Saying<'_, 'a> {
        let carried = self.depth > 0 && self.at.transport != Transport::Tcp;
        let name = self.registry.name(if carried { self.carrier } else { self.row });
        let speaker = self.frame_sender();
        self.say_as(name, &speaker, about, Kind::Proof)
    }

    /// As [`Context::say`], in the name of what lies below all dissectors.
    pub(crate) fn say_as(&mut self, protocol: &'static str, speaker: &Subject, about: &Subject, kind: Kind) -> Saying<'_, 'a> {
        self.scratch.key.clear();
        self.scratch.places.clear();
        // A service's host speaks for the service: the speaker carries no endpoint, so that "of itself" is host against host.
        put_key_head(&mut self.scratch.key, about, protocol, kind, speaker);
        self.scratch.group = observations::bytes::group(&self.scratch.key).map_or(0, <[u8]>::len);
        Saying { cx: self }
    }

    /// The only way out for a captured secret: what it was used for, its length class, and keyed tags. About the side that `holder` is.
    pub fn secret(&mut self, holder: &Subject, secret_use: &'static str, user: Option<&[u8]>, secret: &[u8]) {
        let class = match secret.len() {
            0 => 0,
            1..=7 => 1,
            8..=15 => 8,
            _ => 16,
        };
        let tags = self.tagger.filter(|_| !secret.is_empty()).map(|tagger| tagger.tag(user, secret));
        let value = |tag: Tag| Value::Bytes(tag.into());
        self.say(holder, Kind::Credential)
            .implied(Field::SecretUse, &Value::Text(secret_use.into()))
            .implied(Field::SecretLengthClass, &Value::Number(class))
            .maybe(tags, |saying, tags| saying.implied(Field::SecretTag, &value(tags.secret)))
            .maybe(tags.and_then(|tags| tags.login), |saying, login| saying.implied(Field::LoginTag, &value(login)));
    }

    /// Hands a part of the payload on to the dissector that is bound `Under(this, key)`, or `Under(layer, key)` where `layer` names
    /// what lies between. Says whether one took it. While that one answers [`crate::dissector::Next::Read`], the whole conversation is
    /// read.
    pub fn under(&mut self, key: u64, payload: &[u8]) -> bool {
        let layer = self.registry.name(self.row);
        self.under_layer(layer, key, payload)
    }

    /// As [`Context::under`], for a layer that several dissectors carry (`ntlmssp` in HTTP and SMB).
    pub fn under_layer(&mut self, layer: &'static str, key: u64, payload: &[u8]) -> bool {
        if self.depth >= HAND_ON_MAX {
            self.troubles.limit("protocols handed on within one payload");
            return false;
        }
        let registry = self.registry;
        for &row in registry.under(layer, key) {
            let Some(dissector) = registry.get(row) else { continue };
            if dissector.gate(payload, &self.at) != Gate::Mine {
                continue;
            }
            let mut state = self.layers.take(row, registry);
            let outer = std::mem::replace(&mut self.row, row);
            let carrier = std::mem::replace(&mut self.carrier, outer);
            *self.rename = Some((self.depth, row));
            self.depth += 1;
            let result = dissector.read(payload, state.as_deref_mut(), self);
            self.depth -= 1;
            (self.row, self.carrier) = (outer, carrier);
            self.layers.put(row, state);
            self.reading |= matches!(result, Ok(crate::dissector::Next::Read));
            self.note(row, result.err());
            return true;
        }
        false
    }

    /// As [`Context::under_layer`], for a token that stands beside what the conversation carries (a log-in): it keeps its name.
    pub fn beside(&mut self, layer: &'static str, key: u64, payload: &[u8]) -> bool {
        let name = *self.rename;
        let taken = self.under_layer(layer, key, payload);
        *self.rename = name;
        taken
    }

    /// As [`Context::under`], telling the inner dissector which exchange the payload belongs to.
    pub fn under_exchange(&mut self, key: u64, exchange: Exchange, payload: &[u8]) -> bool {
        let outer = std::mem::replace(&mut self.exchange, exchange);
        let taken = self.under(key, payload);
        self.exchange = outer;
        taken
    }

    /// Reads what another host than the frame's says or is told: it has a conversation of its own within this one, whose states `layers`
    /// are. Whoever sent the frame stays the speaker.
    pub(crate) fn on_behalf<R>(&mut self, behalf: Option<Behalf>, layers: &mut Layers, read: impl FnOnce(&mut Self) -> R) -> R {
        layers.missed = self.layers.missed;
        std::mem::swap(self.layers, layers);
        let outer = std::mem::replace(&mut self.behalf, behalf);
        let result = read(self);
        self.behalf = outer;
        std::mem::swap(self.layers, layers);
        result
    }

    /// What the outer protocol said of the payload's exchange.
    #[must_use]
    pub const fn exchange(&self) -> Exchange {
        self.exchange
    }

    /// The answer to this datagram comes from a port that is not known yet, to the port that asked: there the row that is reading takes what
    /// [`crate::dissector::Dissector::follows`] says is its.
    pub fn expect_answer(&mut self) {
        let now = self.time();
        if self.scratch.expected.answer_to(self.sight.frame, self.segment, self.row, now) {
            self.troubles.limit("answers waited for from ports of their own");
        }
    }

    /// Counts an operation that no glance can see, as it is masked, encoded or one of several in a PDU: an index into the operations of
    /// the row that is reading.
    pub fn operation(&mut self, index: usize) {
        let Ok(index) = u16::try_from(index) else { return };
        crate::engine::count_operation(&mut self.scratch.operations, (self.row, index));
    }

    /// Reads what a sender may have said in the same words before; then it has only said it again. What `read` says must depend on
    /// nothing but the sender, whether it serves and on which port, and the words; it changes no state and fails only on their account.
    /// For what takes long to read: it is remembered when it comes the first time.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn once(&mut self, words: impl Hash, read: impl FnOnce(&mut Self) -> Result<(), DissectError>) -> Result<(), DissectError> {
        self.unless_known(words, true, read)
    }

    /// As [`Context::once`], for what is said in many different words: it is remembered when it comes the second time.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn twice(&mut self, words: impl Hash, read: impl FnOnce(&mut Self) -> Result<(), DissectError>) -> Result<(), DissectError> {
        self.unless_known(words, false, read)
    }

    fn unless_known(
        &mut self,
        words: impl Hash,
        at_once: bool,
        read: impl FnOnce(&mut Self) -> Result<(), DissectError>,
    ) -> Result<(), DissectError> {
        // Words are remembered by the frame's sender, who may carry the same ones for others.
        if self.behalf.is_some() {
            return read(self);
        }
        let (sender, frame) = (self.sender(), self.sight.frame);
        let service = sender.endpoint.map(|endpoint| endpoint.port);
        let whose = (self.row, self.segment, frame.src, frame.src_mac, frame.net == Net::V4, service, self.at.from_client);
        let hash = self.again.hash((whose, words));
        let remembers = match self.again.known(hash, self.sight.stamp) {
            Known::Said => return Ok(()),
            Known::Twice => true,
            Known::No => at_once,
        };
        let (start, troubles) = (self.scratch.told.len(), self.troubles.count);
        let result = read(self);
        if remembers && result.is_ok() && self.is_only_said(troubles) {
            self.remember(hash, start);
        }
        result
    }

    /// The fingerprints of a client, made once for each offer.
    pub(crate) fn client_prints(&mut self, offer: impl Hash, make: impl FnOnce() -> crate::ja::Prints) -> crate::ja::Prints {
        let hash = self.again.hash(offer);
        self.scratch.prints.get(hash, make)
    }

    /// Whether a datagram came before between the same ends, and its hash with them.
    pub(crate) fn known_datagram(&mut self, pdu: &[u8]) -> (u64, Known) {
        let Frame { src, dst, src_mac, dst_mac, net, src_port, dst_port, ttl, vlan, .. } = *self.sight.frame;
        let ends = (src, dst, src_mac, dst_mac, net == Net::V4, src_port, dst_port, self.at.from_client);
        let hash = self.again.hash((self.row, self.segment, ttl, vlan, ends, pdu));
        (hash, self.again.known(hash, self.sight.stamp))
    }

    /// Whether a reading did nothing but say things that hold at any time: it handed nothing on, and met with no trouble.
    pub(crate) fn said_only(&self, troubles: u64) -> bool {
        self.is_only_said(troubles) && self.layers.is_empty() && self.rename.is_none()
    }

    /// Whether nothing was met or counted that must be met or counted the next time too.
    fn is_only_said(&self, troubles: u64) -> bool {
        self.troubles.count == troubles && !self.timely && self.scratch.operations.is_empty()
    }

    /// Hashes of the keys of what was said up to now.
    pub(crate) fn told(&self) -> &[u64] {
        &self.scratch.told
    }

    /// Remembers a reading by what was said since `start`; one of which something was refused may find room later.
    pub(crate) fn remember(&mut self, hash: u64, start: usize) {
        if self.ledger.refused {
            return;
        }
        let told = self.scratch.told.get(start..).unwrap_or_default();
        for (last, told) in self.again.remember(hash, self.sight.stamp, told) {
            told.iter().for_each(|hash| self.ledger.touch_hash(*hash, last));
        }
    }

    /// Gaps in the conversation's streams so far: what was said across one may miss something.
    pub(crate) const fn missed(&self) -> u32 {
        self.layers.missed
    }

    /// Counts that a dissector met one of its limits.
    pub fn limit(&mut self, name: &'static str) {
        self.troubles.limit(name);
    }

    /// Counts why a PDU was not read to its end.
    pub(crate) fn note(&mut self, row: RowId, error: Option<crate::dissector::DissectError>) {
        use crate::dissector::DissectError;
        let name = self.registry.name(row);
        match error {
            Some(DissectError::Malformed { rule, .. }) => self.troubles.malformed(name, rule),
            Some(DissectError::Truncated { .. }) => self.troubles.malformed(name, "truncated"),
            Some(DissectError::NotMine) | None => {}
        }
    }

    /// Reads bytes that were made from a part of the payload (decoded, decompressed): everything said inside cites that part, with
    /// `derivation` naming what was done.
    pub fn derived<R>(&mut self, bytes: &[u8], from: &[u8], derivation: &'static str, read: impl FnOnce(&[u8], &mut Self) -> R) -> R {
        let run = Run { start: 0, length: bytes.len(), spans: self.sight.locate(from.as_ptr().addr(), from.len()), exact: false };
        self.with_made(bytes, vec![run], derivation, read)
    }

    /// Reads bytes that were put together from several parts, unchanged (a handshake message over several records): `parts` lists the
    /// spans of each stretch, as [`Context::spans_of`] gave them when the stretch was at hand.
    pub fn stitched<R>(
        &mut self,
        bytes: &[u8],
        parts: &[(usize, Vec<Span>)],
        derivation: &'static str,
        read: impl FnOnce(&[u8], &mut Self) -> R,
    ) -> R {
        let mut start = 0;
        let runs = parts.iter().map(|(length, spans)| {
            let run = Run { start, length: *length, spans: spans.clone(), exact: true };
            start += length;
            run
        });
        let runs = runs.collect();
        self.with_made(bytes, runs, derivation, read)
    }

    fn with_made<R>(&mut self, bytes: &[u8], runs: Vec<Run>, derivation: &'static str, read: impl FnOnce(&[u8], &mut Self) -> R) -> R {
        self.sight.made.push(Made { bytes: (bytes.as_ptr().addr(), bytes.len()), runs, derivation });
        let result = read(bytes, self);
        self.sight.made.pop();
        result
    }

    /// Where a slice of the payload stands in the capture, for [`Context::stitched`].
    #[must_use]
    pub fn spans_of(&self, slice: &[u8]) -> Vec<Span> {
        self.sight.locate(slice.as_ptr().addr(), slice.len())
    }

    /// Records what the scratch holds.
    fn commit(&mut self) {
        let revision = self.registry.revision(self.row);
        let (sight, scratch) = (&self.sight, &*self.scratch);
        let evidence = |out: &mut Vec<u8>| sight.evidence(scratch, out);
        let hash = self.ledger.say(&scratch.key, scratch.group, &ledger::Saying { stamp: sight.stamp, revision, evidence });
        self.scratch.told.push(hash);
    }
}

/// Without white space and NULs at either end.
#[must_use]
pub fn trim(mut slice: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\r' | b'\n' | 0, rest @ ..] = slice {
        slice = rest;
    }
    while let [rest @ .., b' ' | b'\t' | b'\r' | b'\n' | 0] = slice {
        slice = rest;
    }
    slice
}
