//! What one PDU said together.

use crate::evidence::{Evidence, Span, Stamp};
use crate::field::{Field, Kind};
use crate::subject::Subject;
use crate::value::Value;

/// One field and its value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Said {
    /// Which.
    pub field: Field,
    /// What.
    pub value: Value,
}

/// Where one field's value stands.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct FieldEvidence {
    /// The bytes, in order; several where the value was reassembled, none where it follows from the presence of the PDU alone.
    pub spans: Vec<Span>,
    /// At most [`FieldEvidence::QUOTE_MAX`] bytes of them.
    pub quote: Vec<u8>,
    /// How the value follows from the bytes where it is not plainly them: `utf-16le`, `base64`, `dns-name`, …
    pub derivation: Option<String>,
}

impl FieldEvidence {
    /// The document contract's bound on a quote, in bytes.
    pub const QUOTE_MAX: usize = 64;
}

/// What one PDU said together: kept whole, because fields split apart make false pairs, and with its speaker, because a report about
/// another is not a declaration. Identity is everything but the evidence: the same said again is the same observation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observation {
    /// Whom it is about.
    pub about: Subject,
    /// Who said it.
    pub speaker: Subject,
    /// The protocol, as Wireshark's display filter spells it.
    pub protocol: String,
    /// What sort of statement it is.
    pub kind: Kind,
    /// The fields in the order of the PDU.
    pub fields: Vec<Said>,
    /// The dissector's revision that read it.
    pub revision: u16,
    /// Where it was read first.
    pub first: Evidence,
    /// Where each field stands there; as long as `fields`.
    pub fields_first: Vec<FieldEvidence>,
    /// When it was read last.
    pub last: Stamp,
}

impl Observation {
    /// No PDU of any protocol in the registry says more of one subject that is worth keeping; the rest is dropped and counted.
    pub const FIELDS_MAX: usize = 48;

    /// The first value of a field.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&Value> {
        self.fields.iter().find(|said| said.field == field).map(|said| &said.value)
    }

    /// All values of a field.
    pub fn all(&self, field: Field) -> impl Iterator<Item = &Value> {
        self.fields.iter().filter(move |said| said.field == field).map(|said| &said.value)
    }

    /// Whether the speaker spoke of itself: the same host in the same frame, by MAC where both have one, else by IP.
    #[must_use]
    pub fn of_itself(&self) -> bool {
        of_itself(&self.about, &self.speaker, self.kind)
    }
}

/// See [`Observation::of_itself`].
pub(crate) fn of_itself(about: &Subject, speaker: &Subject, kind: Kind) -> bool {
    match (about.mac, speaker.mac) {
        (Some(a), Some(s)) => a == s && (about.ip == speaker.ip || about.ip.is_none() || speaker.ip.is_none() || kind == Kind::Binding),
        _ => about.ip.is_some() && about.ip == speaker.ip,
    }
}
