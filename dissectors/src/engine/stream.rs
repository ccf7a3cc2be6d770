//! TCP: segments to streams, streams to PDUs, and what becomes of gaps and cuts.

use super::{Engine, LOST_MAX, Sheet};
use crate::dissector::{At, Framing};
use crate::flow::Mode;
use crate::reassembly::{Arrival, Origin, Stream, WANT_MAX};

/// The TCP flag of an opening (RFC 9293 §3.1).
const SYN: u8 = 2;

impl Engine {
    /// A TCP segment: bytes go to the stream's reader in order. Where all streams together hold too much, the one that grows gives up.
    pub(super) fn segment(&mut self, at: u32, direction: usize, sheet: &Sheet<'_>, payload: &[u8]) {
        // What acknowledges, and brings nothing, changes nothing of what is held.
        if payload.is_empty() && sheet.frame.tcp_flags & SYN == 0 {
            return;
        }
        let before = self.held(at, direction);
        self.take_segment(at, direction, sheet, payload);
        let after = self.held(at, direction);
        self.stream_bytes = self.stream_bytes.saturating_sub(before).saturating_add(after);
        if after > before && self.stream_bytes > self.limits.stream_bytes {
            self.troubles.limit("bytes of streams held");
            if let Some(stream) = self.reader(at).and_then(|reader| reader.streams.get_mut(direction)) {
                stream.give_up();
            }
            self.stream_bytes = self.stream_bytes.saturating_sub(after);
            self.missed(at);
        }
    }

    fn held(&mut self, at: u32, direction: usize) -> usize {
        self.reader(at).and_then(|reader| reader.streams.get(direction)).map_or(0, Stream::held)
    }

    fn take_segment(&mut self, at: u32, direction: usize, sheet: &Sheet<'_>, payload: &[u8]) {
        let frame = sheet.frame;
        if frame.tcp_flags & SYN != 0 {
            self.stack(sheet);
            if let Some(reader) = self.reader(at)
                && let Some(stream) = reader.streams.get_mut(direction)
            {
                stream.begin(frame.tcp_seq);
            }
            return;
        }
        if payload.is_empty() {
            return;
        }
        if self.flows.get(at).is_none_or(|flow| flow.dissector.is_none()) && !self.recognise(at, direction, sheet, payload) {
            return;
        }
        let from = match sheet.pieces {
            None => Origin::Packet(crate::context::span(sheet.stamp.packet, frame.payload_offset as usize, payload.len())),
            Some(pieces) => Origin::Fragments(pieces.spans(frame.payload_offset as usize, payload.len())),
        };
        let Some(stream) = self.reader(at).and_then(|reader| reader.streams.get_mut(direction)) else { return };
        match stream.arrive(frame.tcp_seq, payload, &from) {
            Arrival::Old | Arrival::Held => return,
            Arrival::Next(known) => {
                let fresh = payload.get(known..).unwrap_or_default();
                self.deliver(at, direction, sheet, fresh, from.behind(known));
            }
            Arrival::Gap => {
                self.troubles.limit("gaps in streams");
                self.gap(at, direction);
            }
        }
        self.drain(at, direction, sheet);
        if frame.payload_cut > 0 {
            self.cut(at, direction, sheet);
        }
    }

    /// What the headers of a SYN or SYN+ACK show of their sender's stack: once for each connection.
    fn stack(&mut self, sheet: &Sheet<'_>) {
        let (mut rename, mut layers) = (None, crate::context::Layers::default());
        let parts = (&mut self.ledger, &mut self.again, &mut self.scratch, &mut self.troubles);
        let row = crate::registry::RowId::of(u16::MAX);
        crate::stack::say(&mut super::read::context(sheet.registry, parts, &mut layers, None, sheet, row, &mut rename));
    }

    /// What waited behind the segment that has come.
    fn drain(&mut self, at: u32, direction: usize, sheet: &Sheet<'_>) {
        while let Some((bytes, from)) = self.reader(at).and_then(|reader| reader.streams.get_mut(direction)).and_then(Stream::turn) {
            if !bytes.is_empty() {
                // The bytes stand in an earlier packet: they are read from the gathered buffer, which knows their place.
                let Some(stream) = self.reader(at).and_then(|reader| reader.streams.get_mut(direction)) else { return };
                stream.advance(bytes.len());
                let passed = stream.pass_over(bytes.len());
                let Some(rest) = bytes.get(passed..).filter(|rest| !rest.is_empty()) else { continue };
                self.gather(at, direction, rest, from.behind(passed));
                self.read_gathered(at, direction, sheet);
            }
        }
    }

    /// A gap that will not close: what was gathered is given up; the stream goes on at what was held back.
    fn gap(&mut self, at: u32, direction: usize) {
        if let Some(stream) = self.reader(at).and_then(|reader| reader.streams.get_mut(direction)) {
            stream.resume_at_pending();
        }
        self.missed(at);
    }

    /// The capture cut this segment: the PDU is read as far as it goes, the stream goes on behind the cut.
    fn cut(&mut self, at: u32, direction: usize, sheet: &Sheet<'_>) {
        let registry = sheet.registry;
        let Some(row) = self.flows.get(at).and_then(|flow| flow.dissector) else { return };
        let Some(stream) = self.reader(at).and_then(|reader| reader.streams.get_mut(direction)) else { return };
        let gathered = stream.take_gathered();
        let behind = sheet.frame.tcp_seq.wrapping_add(sheet.frame.payload_len).wrapping_add(sheet.frame.payload_cut);
        stream.resume(behind);
        self.missed(at);
        if let (Some(dissector), false) = (registry.get(row), gathered.bytes().is_empty()) {
            self.pdu(at, row, dissector, gathered.bytes(), &Sheet { pieces: Some(&gathered), ..*sheet });
        }
    }

    /// Finds the dissector of a TCP conversation; first bytes that are too few are gathered until they tell.
    fn recognise(&mut self, at: u32, direction: usize, sheet: &Sheet<'_>, payload: &[u8]) -> bool {
        if self.bound(at, direction, sheet, payload).is_none() {
            return false;
        }
        let slot = match self.free_readers.pop() {
            Some(slot) => slot,
            None => {
                self.readers.push(None);
                u32::try_from(self.readers.len() - 1).unwrap_or(u32::MAX)
            }
        };
        if let Some(place) = self.readers.get_mut(slot as usize) {
            *place = Some(Box::default());
        }
        if let Some(flow) = self.flows.get(at) {
            flow.reader = slot + 1;
        }
        true
    }

    /// New bytes in order: read in place while whole PDUs stand in the segment, gathered where one goes on.
    fn deliver(&mut self, at: u32, direction: usize, sheet: &Sheet<'_>, bytes: &[u8], from: Origin) {
        let Some(stream) = self.reader(at).and_then(|reader| reader.streams.get_mut(direction)) else { return };
        stream.advance(bytes.len());
        let passed = stream.pass_over(bytes.len());
        let gathering = stream.is_gathering();
        let Some(mut rest) = bytes.get(passed..).filter(|rest| !rest.is_empty()) else { return };
        if !gathering {
            let read = self.read_pdus(at, direction, sheet, rest);
            rest = rest.get(read..).unwrap_or_default();
            if rest.is_empty() {
                return;
            }
        }
        let from = from.behind(bytes.len() - rest.len());
        self.gather(at, direction, rest, from);
        if gathering {
            self.read_gathered(at, direction, sheet);
        }
    }

    fn read_gathered(&mut self, at: u32, direction: usize, sheet: &Sheet<'_>) {
        let Some(stream) = self.reader(at).and_then(|reader| reader.streams.get_mut(direction)) else { return };
        let pieces = stream.take_gathered();
        let read = self.read_pdus(at, direction, &Sheet { pieces: Some(&pieces), ..*sheet }, pieces.bytes());
        let mut idle = std::mem::take(&mut self.idle);
        if let Some(stream) = self.reader(at).and_then(|reader| reader.streams.get_mut(direction)) {
            stream.put_back(pieces, read, &mut idle);
        }
        self.idle = idle;
    }

    fn gather(&mut self, at: u32, direction: usize, bytes: &[u8], from: Origin) {
        let mut idle = std::mem::take(&mut self.idle);
        if let Some(stream) = self.reader(at).and_then(|reader| reader.streams.get_mut(direction)) {
            stream.gather(bytes, from, &mut idle);
        }
        self.idle = idle;
    }

    /// Reads PDU after PDU; returns how many bytes are done with. What is left is the beginning of one.
    fn read_pdus(&mut self, at: u32, direction: usize, sheet: &Sheet<'_>, bytes: &[u8]) -> usize {
        let registry = sheet.registry;
        let mut done = 0;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            let flow = self.flows.get(at).and_then(|flow| Some((flow.dissector?, flow.mode, flow.from_client(direction))));
            let Some((row, mode, from_client)) = flow else { return bytes.len() };
            let Some(dissector) = registry.get(row) else { return bytes.len() };
            if mode == Mode::Counting {
                return bytes.len();
            }
            let state = self.reader(at).and_then(|reader| reader.layers.peek(row));
            match dissector.frame(rest, &At { from_client, ..sheet.at }, state) {
                Framing::Need(needed) if needed > rest.len() && rest.len() < WANT_MAX => return done,
                Framing::Pdu { len, want } => {
                    let want = want.min(len).min(WANT_MAX);
                    if want > rest.len() {
                        return done;
                    }
                    let len = len.max(1);
                    self.pdu(at, row, dissector, rest.get(..len).unwrap_or(rest), sheet);
                    if len > rest.len() {
                        self.skip(at, direction, (len - rest.len()) as u64);
                        return bytes.len();
                    }
                    done += len;
                }
                Framing::Need(_) | Framing::Lost => {
                    self.lost(at);
                    return bytes.len();
                }
            }
        }
        bytes.len()
    }

    /// Bytes of the conversation were not seen.
    fn missed(&mut self, at: u32) {
        if let Some(reader) = self.reader(at) {
            reader.layers.missed = reader.layers.missed.saturating_add(1);
        }
    }

    fn skip(&mut self, at: u32, direction: usize, bytes: u64) {
        if let Some(stream) = self.reader(at).and_then(|reader| reader.streams.get_mut(direction)) {
            stream.skip(bytes);
        }
    }

    /// No PDU begins here: the rest of the segment is passed over, and after too many the conversation is only counted.
    fn lost(&mut self, at: u32) {
        let Some(reader) = self.reader(at) else { return };
        reader.lost = reader.lost.saturating_add(1);
        reader.layers.missed = reader.layers.missed.saturating_add(1);
        if reader.lost > LOST_MAX {
            self.set_mode(at, Mode::Counting);
        }
    }
}
