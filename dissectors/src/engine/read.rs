//! PDUs: counted by their operation, read if they may say something new.

use super::{Engine, NOVELTIES_MAX, Reader, SAMPLED, Sheet};
use crate::again::{Again, Known};
use crate::context::{Context, Exchange, Layers, Scratch, Sight, Tagger, Troubles};
use crate::dissector::{At, Gate, Look, Next, Registered, Side};
use crate::flow::Mode;
use crate::ledger::Ledger;
use crate::reassembly::Stream;
use crate::registry::{Registry, RowId};
use observations::{Field, Kind, OperationClass, Transport, Value};
use std::cell::OnceCell;

impl Engine {
    pub(super) fn set_mode(&mut self, at: u32, mode: Mode) {
        if let Some(flow) = self.flows.get(at) {
            flow.mode = mode;
        }
        if mode == Mode::Counting
            && let Some(reader) = self.reader(at)
        {
            reader.streams = <[Stream; 2]>::default();
            reader.layers = Layers::default();
            reader.seen = Vec::new();
        }
    }

    /// One PDU: counted by its operation, read if the conversation is being read or if it is new.
    pub(super) fn pdu(&mut self, at: u32, row: RowId, dissector: &'static dyn Registered, pdu: &[u8], sheet: &Sheet<'_>) {
        let registry = sheet.registry;
        let Some(flow) = self.flows.get(at) else { return };
        let (mode, slot) = (flow.mode, flow.reader.checked_sub(1));
        // Recognising the protocol may just have told who asks.
        let sheet = &Sheet { at: At { from_client: flow.from_client(sheet.direction), ..sheet.at }, ..*sheet };
        let (operation, look) = glance(registry, row, dissector, pdu, &sheet.at);
        let operation_seen = operation.is_some();
        let mut reader = slot.and_then(|slot| self.readers.get_mut(slot as usize).and_then(Option::take));
        let mut fresh = None;
        let operation = operation.filter(|operation| {
            let Some(flow) = self.flows.get(at) else { return true };
            let counted = flow.count_operation(*operation);
            fresh = Some(*operation).filter(|_| counted && flow.operation.2 == 1);
            !counted
        });
        let remembers = operation.is_some() || matches!(look, Look::Once(_));
        if remembers && reader.is_none() {
            reader = Some(Box::default());
        }
        if let (Some(operation), Some(reader)) = (operation, reader.as_deref_mut())
            && add(&mut reader.operations, operation, 1)
        {
            fresh = Some(operation);
        }
        if let Some(operation) = fresh {
            self.announce(operation, sheet);
        }
        let wanted = match (mode, look) {
            (Mode::Counting, _) | (Mode::Watching, Look::Never) => false,
            (Mode::Watching, Look::Once(key)) => reader.as_deref_mut().is_none_or(|reader| is_new(&mut reader.seen, key)),
            (_, Look::Once(key)) => {
                if let Some(reader) = reader.as_deref_mut() {
                    is_new(&mut reader.seen, key);
                }
                true
            }
            _ => true,
        };
        let wanted = wanted && !self.may_wait(mode, dissector, operation_seen, fresh.is_some());
        let next = if wanted { self.read(row, dissector, pdu, sheet, &mut reader, at) } else { None };
        self.return_reader(at, slot, reader);
        match next {
            Some(Next::Count) => self.set_mode(at, Mode::Counting),
            Some(Next::Watch) => self.set_mode(at, Mode::Watching),
            Some(Next::Read) if mode != Mode::Counting => self.set_mode(at, Mode::Reading),
            _ => {}
        }
    }

    /// Whether a PDU is left unread for want of time.
    fn may_wait(&mut self, mode: Mode, dissector: &'static dyn Registered, operation: bool, fresh: bool) -> bool {
        if !self.pressed || mode == Mode::Counting || !operation || fresh || !dissector.is_stateless() {
            return false;
        }
        self.sampled += 1;
        let waits = !self.sampled.is_multiple_of(SAMPLED);
        if waits {
            self.troubles.limit("messages of known conversations left unread for want of time");
        }
        waits
    }

    pub(super) fn read(
        &mut self,
        row: RowId,
        dissector: &'static dyn Registered,
        pdu: &[u8],
        sheet: &Sheet<'_>,
        reader: &mut Option<Box<Reader>>,
        at: u32,
    ) -> Option<Next> {
        let registry = sheet.registry;
        let mut none = Layers::default();
        let layers = match reader.as_deref_mut() {
            Some(reader) => &mut reader.layers,
            None => &mut none,
        };
        let mut state = layers.take(row, registry);
        let mut rename = None;
        let tagger = self.tagger.as_deref();
        let (troubles, parts) = (self.troubles.count, (&mut self.ledger, &mut self.again, &mut self.scratch, &mut self.troubles));
        let mut cx = context(registry, parts, layers, tagger, sheet, row, &mut rename);
        let whole = dissector.is_stateless() && sheet.pieces.is_none() && sheet.at.transport != Transport::Tcp;
        let known = whole.then(|| cx.known_datagram(pdu));
        if let Some((_, Known::Said)) = known {
            return Some(Next::Watch);
        }
        let result = dissector.read(pdu, state.as_deref_mut(), &mut cx);
        cx.note(row, result.err());
        let waits = cx.reading;
        if let Some((hash, Known::Twice)) = known
            && result == Ok(Next::Watch)
            && !waits
            && cx.said_only(troubles)
        {
            cx.remember(hash, 0);
        }
        layers.put(row, state);
        if !none.is_empty() {
            *reader = Some(Box::new(Reader { layers: none, ..Reader::default() }));
        }
        if !self.scratch.operations.is_empty() {
            let operations = &mut reader.get_or_insert_default().operations;
            let mut counted = std::mem::take(&mut self.scratch.operations);
            counted.retain(|(operation, times)| add(operations, *operation, *times));
            counted.iter().for_each(|(operation, _)| self.announce(*operation, sheet));
            counted.clear();
            self.scratch.operations = counted;
        }
        if let (Some(inner), Some(flow)) = (rename, self.flows.get(at)) {
            // A PDU that ends a layer's connection does not reach as deep as those before it.
            if flow.inner.is_none_or(|known| inner.0 >= known.0) {
                flow.inner = Some(inner);
            }
        }
        match result {
            Ok(Next::Watch) if waits => Some(Next::Read),
            Ok(next) => Some(next),
            Err(crate::dissector::DissectError::NotMine) => Some(Next::Count),
            Err(_) => None,
        }
    }

    /// Says that something which may change a device was asked of it: when a conversation does so first, so that the packet can be told.
    fn announce(&mut self, operation: (RowId, u16), sheet: &Sheet<'_>) {
        let (name, class) = sheet.registry.operation(operation.0, operation.1);
        let to_one = sheet.frame.dst_mac.is_device() || !sheet.frame.has_macs;
        if class < OperationClass::Write || sheet.at.from_client == Some(false) || !to_one {
            return;
        }
        let (mut none, mut rename) = (Layers::default(), None);
        let parts = (&mut self.ledger, &mut self.again, &mut self.scratch, &mut self.troubles);
        let mut cx = context(sheet.registry, parts, &mut none, None, sheet, operation.0, &mut rename);
        let about = cx.receiver();
        cx.say(&about, Kind::Operation).implied(Field::Operation, &Value::Text(name.into()));
    }

    /// Puts a reader back, or gives a conversation the one that it came to need.
    fn return_reader(&mut self, at: u32, slot: Option<u32>, reader: Option<Box<Reader>>) {
        let Some(reader) = reader else { return };
        let slot = slot.or_else(|| self.free_readers.pop()).unwrap_or_else(|| {
            self.readers.push(None);
            u32::try_from(self.readers.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(place) = self.readers.get_mut(slot as usize) {
            *place = Some(reader);
        }
        if let Some(flow) = self.flows.get(at) {
            flow.reader = slot + 1;
        }
    }
}

/// What the head of a PDU tells, through the layers that it hands on to.
fn glance(registry: &Registry, row: RowId, dissector: &'static dyn Registered, pdu: &[u8], at: &At) -> (Option<(RowId, u16)>, Look) {
    let (mut row, mut dissector, mut head) = (row, dissector, pdu);
    for _ in 0..crate::context::HAND_ON_MAX {
        let glance = dissector.glance(head, at);
        match within(registry, dissector, glance.inner, head, at) {
            Some(inner) => (row, dissector, head) = inner,
            None => return (glance.operation.map(|operation| (row, operation)), glance.look),
        }
    }
    (None, Look::Always)
}

/// The dissector that takes what another hands on, and its bytes.
fn within<'p>(
    registry: &Registry,
    dissector: &'static dyn Registered,
    inner: Option<(u64, usize)>,
    head: &'p [u8],
    at: &At,
) -> Option<(RowId, &'static dyn Registered, &'p [u8])> {
    let (key, offset) = inner?;
    let head = head.get(offset..)?;
    let taken = |id: &&RowId| registry.get(**id).is_some_and(|inner| inner.gate(head, at) == Gate::Mine);
    let id = *registry.under(dissector.row().name, key).iter().find(taken)?;
    Some((id, registry.get(id)?, head))
}

/// Which side sends a payload: the outermost layer that can tell does.
pub(super) fn side(registry: &Registry, mut dissector: &'static dyn Registered, mut head: &[u8], at: &At) -> Side {
    for _ in 0..crate::context::HAND_ON_MAX {
        match dissector.side(head) {
            Side::Unknown => {}
            known => return known,
        }
        match within(registry, dissector, dissector.glance(head, at).inner, head, at) {
            Some((_, inner, rest)) => (dissector, head) = (inner, rest),
            None => break,
        }
    }
    Side::Unknown
}

/// Counts an operation.
pub(crate) fn count(operations: &mut Vec<((RowId, u16), u64)>, operation: (RowId, u16)) {
    add(operations, operation, 1);
}

/// Whether an operation is a new one.
fn add(operations: &mut Vec<((RowId, u16), u64)>, operation: (RowId, u16), times: u64) -> bool {
    let known = operations.iter_mut().find(|(known, _)| *known == operation);
    match known {
        Some((_, count)) => {
            *count += times;
            false
        }
        None => {
            operations.push((operation, times));
            true
        }
    }
}

/// Whether a key was not seen before; always, once there are too many to remember.
fn is_new(seen: &mut Vec<u32>, key: u32) -> bool {
    if seen.contains(&key) {
        return false;
    }
    if seen.len() < NOVELTIES_MAX {
        seen.push(key);
    }
    true
}

/// What is lent of an engine, part by part.
type Parts<'a> = (&'a mut Ledger, &'a mut Again, &'a mut Scratch, &'a mut Troubles);

pub(super) fn context<'a>(
    registry: &'a Registry,
    (ledger, again, scratch, troubles): Parts<'a>,
    layers: &'a mut Layers,
    tagger: Option<&'a dyn Tagger>,
    sheet: &Sheet<'a>,
    row: RowId,
    rename: &'a mut Option<(u8, RowId)>,
) -> Context<'a> {
    scratch.begin();
    let sight = Sight { frame: sheet.frame, data: sheet.data, pieces: sheet.pieces, made: Vec::new(), stamp: sheet.stamp, digest: OnceCell::new() };
    Context {
        registry,
        ledger,
        again,
        scratch,
        troubles,
        layers,
        tagger,
        sight,
        segment: sheet.segment,
        at: sheet.at,
        row,
        depth: 0,
        exchange: Exchange::default(),
        rename,
        reading: false,
        timely: false,
        behalf: None,
        carrier: row,
    }
}
