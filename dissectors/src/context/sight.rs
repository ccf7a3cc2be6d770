//! Where a value stands in the capture: addresses of slices to spans of packets, and what was undone on the way.

use super::Scratch;
use crate::frame::Frame;
use crate::reassembly::Pieces;
use observations::bytes::{put_evidence_head, put_field_evidence, put_plain_evidence};
use observations::{Evidence, FieldEvidence, Span, Stamp};
use sha2::{Digest, Sha256};
use std::cell::OnceCell;

/// The bytes that lie open: where each of them stands in the capture.
pub(crate) struct Sight<'a> {
    pub(crate) frame: &'a Frame,
    /// The captured frame.
    pub(crate) data: &'a [u8],
    /// The reassembled buffer that the payload stands in, if it does not stand in the frame.
    pub(crate) pieces: Option<&'a Pieces>,
    /// Buffers made from parts of the payload, innermost last.
    pub(crate) made: Vec<Made>,
    pub(crate) stamp: Stamp,
    /// SHA-256 of the frame, once an observation needed it.
    pub(crate) digest: OnceCell<[u8; 32]>,
}

/// Bytes made from others, as addresses: (start, length) of the made bytes and of what they were made from.
#[derive(Clone)]
pub(crate) struct Made {
    pub(super) bytes: (usize, usize),
    /// Each run of made bytes with where it was taken from; one run over all where they were transformed.
    pub(super) runs: Vec<Run>,
    pub(super) derivation: &'static str,
}

/// `length` made bytes from `start` stand at these spans.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) start: usize,
    pub(super) length: usize,
    pub(super) spans: Vec<Span>,
    pub(super) exact: bool,
}

/// Where one field stands, not yet resolved: addresses, so that nothing is paid for what is already known.
pub(super) struct Place {
    pub(super) spans: Where,
    pub(super) derivation: Option<&'static str>,
    /// The value's own bytes within the key, if the quote may be them.
    pub(super) value: Option<(usize, usize)>,
}

pub(super) enum Where {
    Nowhere,
    /// A slice: address and length.
    Slice(usize, usize),
    /// A span of the captured frame.
    Frame(u32, u32),
}

impl Sight<'_> {
    /// The spans of a slice, by its address: in made bytes, in the reassembled buffer, or in the frame.
    pub(super) fn locate(&self, address: usize, length: usize) -> Vec<Span> {
        for made in self.made.iter().rev() {
            if let Some(start) = within(address, length, made.bytes) {
                return made.runs.iter().flat_map(|run| run.cut(start, length)).collect();
            }
        }
        if let Some(pieces) = self.pieces
            && let Some(start) = within(address, length, (pieces.bytes().as_ptr().addr(), pieces.bytes().len()))
        {
            return pieces.spans(start, length);
        }
        match within(address, length, (self.data.as_ptr().addr(), self.data.len())) {
            Some(offset) => vec![span(self.stamp.packet, offset, length)],
            None => Vec::new(),
        }
    }

    /// What was undone on the way to a slice, beside the field's own derivation.
    fn undone(&self, address: usize, length: usize) -> Option<&'static str> {
        self.made.iter().rev().find(|made| within(address, length, made.bytes).is_some()).map(|made| made.derivation)
    }

    /// Appends where everything in the scratch stands, as canonical bytes.
    pub(super) fn evidence(&self, scratch: &Scratch, out: &mut Vec<u8>) {
        let stamp = self.stamp;
        let evidence =
            Evidence { stamp, frame_sha256: *self.digest.get_or_init(|| Sha256::digest(self.data).into()), derivation: self.reassembled() };
        put_evidence_head(out, &evidence);
        for place in &scratch.places {
            let value = place.value.and_then(|(start, end)| scratch.key.get(start..end));
            let value = value.map(|value| value.get(..FieldEvidence::QUOTE_MAX).unwrap_or(value));
            if !self.put_plain(out, place, value) {
                put_field_evidence(out, stamp, &self.field_evidence(place, value), value);
            }
        }
    }

    /// Appends where a field stands, if that takes no looking: in the frame itself, or nowhere. Says whether it did.
    fn put_plain(&self, out: &mut Vec<u8>, place: &Place, value: Option<&[u8]>) -> bool {
        let found = match place.spans {
            Where::Nowhere => None,
            Where::Frame(offset, length) => Some((offset as usize, length as usize)),
            Where::Slice(address, length) if self.made.is_empty() && self.pieces.is_none() => {
                match within(address, length, (self.data.as_ptr().addr(), self.data.len())) {
                    Some(offset) => Some((offset, length)),
                    None => return false,
                }
            }
            Where::Slice(..) => return false,
        };
        let bytes = |(offset, length): (usize, usize)| {
            self.data.get(offset..offset.saturating_add(length.min(FieldEvidence::QUOTE_MAX)).min(self.data.len())).unwrap_or_default()
        };
        let quote = if value.is_some() { None } else { Some(found.map_or(&[][..], bytes)) };
        let place_of = |(offset, length)| (u32::try_from(offset).unwrap_or(u32::MAX), u32::try_from(length).unwrap_or(u32::MAX));
        put_plain_evidence(out, found.map(place_of), place.derivation.unwrap_or_default(), quote);
        true
    }

    fn reassembled(&self) -> Vec<String> {
        self.pieces.into_iter().flat_map(Pieces::derivations).map(str::to_owned).collect()
    }

    fn field_evidence(&self, place: &Place, value: Option<&[u8]>) -> FieldEvidence {
        let (spans, undone) = match place.spans {
            Where::Nowhere => (Vec::new(), None),
            Where::Slice(address, length) => (self.locate(address, length), self.undone(address, length)),
            Where::Frame(offset, length) => (vec![Span { packet: self.stamp.packet, offset, length }], None),
        };
        let derivation = match (undone, place.derivation) {
            (None, None) => None,
            (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
            (Some(outer), Some(inner)) => Some(format!("{outer} {inner}")),
        };
        let quote = match value {
            Some(value) => value.to_vec(),
            None => self.quote(&spans),
        };
        FieldEvidence { spans, quote, derivation }
    }

    /// The first bytes of spans that stand in this very frame.
    fn quote(&self, spans: &[Span]) -> Vec<u8> {
        let mut quote = Vec::new();
        for span in spans.iter().filter(|span| span.packet == self.stamp.packet) {
            let (Ok(start), Ok(length)) = (usize::try_from(span.offset), usize::try_from(span.length)) else { continue };
            let room = FieldEvidence::QUOTE_MAX.saturating_sub(quote.len()).min(length);
            quote.extend_from_slice(self.data.get(start..start.saturating_add(room)).unwrap_or_default());
        }
        quote
    }
}

impl Run {
    /// The spans of a stretch of the made bytes.
    fn cut(&self, start: usize, length: usize) -> Vec<Span> {
        let (from, to) = (start.max(self.start), start.saturating_add(length).min(self.start.saturating_add(self.length)));
        if from >= to {
            return Vec::new();
        }
        if self.exact { crate::reassembly::cut(&self.spans, from - self.start, to - from) } else { self.spans.clone() }
    }
}

/// Where a slice begins within another, both as (address, length).
fn within(address: usize, length: usize, whole: (usize, usize)) -> Option<usize> {
    let offset = address.checked_sub(whole.0)?;
    (offset.checked_add(length)? <= whole.1).then_some(offset)
}

/// A span of one packet; offsets beyond 4 GiB do not occur.
pub(crate) fn span(packet: u64, offset: usize, length: usize) -> Span {
    Span { packet, offset: u32::try_from(offset).unwrap_or(u32::MAX), length: u32::try_from(length).unwrap_or(u32::MAX) }
}

pub(super) fn place(slice: &[u8]) -> Where {
    Where::Slice(slice.as_ptr().addr(), slice.len())
}
