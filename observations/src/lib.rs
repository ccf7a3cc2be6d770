//! The shared tongue of Wirecensus: who is spoken of, what was said, where it stands in the capture, and how two records join.
//!
//! | module | is |
//! |---|---|
//! | [`address`] | MAC addresses and transports |
//! | [`subject`] | [`Subject`]: who or what is spoken of |
//! | [`field`] | [`Field`] and [`Kind`]: what can be said, one row each |
//! | [`value`] | [`Value`]: what was said |
//! | [`evidence`] | [`Stamp`], [`Span`], [`Evidence`]: where it stands |
//! | [`observation`] | [`Observation`]: what one PDU said together |
//! | [`operation`] | [`OperationClass`]: what a request does |
//! | [`statement`] | [`Statement`]: the same read where it lies, without copying |
//! | [`tally`] | [`Tally`]: a pair's counters, absolute within one source |
//! | [`tallies`] | [`Tallies`]: a source's counters, packed |
//! | [`source`] | [`Source`]: one capture, or live: one sensor, boot and month |
//! | [`bytes`] | canonical bytes of all of these |
//! | [`entries`] | [`Entries`]: a source's observations, packed |
//! | [`rows`] | the same packed into rows, for the database and for messages between sensors |
//! | [`said`] | [`Said`]: everything that was said, and the join over sources |
//!
//! No dependency and no I/O. The join is associative, commutative and idempotent: minima of first-seen, maxima of last-seen, unions of
//! sets; that is what makes an inventory independent of order, grouping and repetition of captures.

pub mod address;
pub mod bytes;
pub mod entries;
pub mod evidence;
pub mod field;
pub mod observation;
pub mod operation;
pub mod rows;
pub mod said;
pub mod source;
pub mod statement;
pub mod subject;
pub mod tallies;
pub mod tally;
#[cfg(test)]
mod testing;
pub mod value;

pub use address::{Mac, Transport};
pub use bytes::DecodeError;
pub use entries::{Entries, EntryRef};
pub use evidence::{Evidence, Span, Stamp};
pub use field::{Field, Kind};
pub use observation::{FieldEvidence, Observation, Said as SaidField};
pub use operation::{OperationClass, Uses};
pub use said::{Most, Said, SourceSaid};
pub use source::{Limit, Part, Shown, Source, SourceKey};
pub use statement::{SaidRef, Statement, ValueRef};
pub use subject::{Endpoint, PathStep, Segment, StepKind, Subject};
pub use tallies::{Packing, Tallies, TallyRef};
pub use tally::{Pair, Tally};
pub use value::Value;
