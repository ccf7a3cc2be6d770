//! What was said becomes devices: pure functions from observations and tallies to the published document.
//!
//! ```text
//! Said ── gather ──► Facts ── resolve ──► Components ── assemble ──► Document
//! ```
//!
//! | module | is |
//! |---|---|
//! | [`gather`] | one pass over all that was said: who is spoken of, what is claimed, which keys each says of itself |
//! | [`place`] | which IP address belongs to which MAC address, when; next hops; virtual addresses |
//! | [`key`] | what identifies a device, by strength, and the id that names a key |
//! | [`resolve`] | keys joined by strata into components |
//! | [`parts`] | units, slots and stations that are real parts |
//! | [`attribute`] | of several claims the one that stands, its rivals and its history |
//! | [`document`] | the published schema, as serde types |
//! | [`judge`] | what is weak, and the way out: rules of the catalogue held against all of it |
//! | `proof` | whose keys were proven to be held, whose certificates lead to a trusted one |
//! | `enrollability` | how a device could get an identity |
//! | [`managed`] | whether a list of managed devices knows a device |
//! | [`assemble`] | components to the document, whole or one device at a time |
//! | [`explain`] | why: reasons, joins made and refused, packets, bytes |
//! | [`decision`] | what an operator decided: pin, split, annotate |
//!
//! No I/O, no clock, no vendor's name.

pub mod assemble;
pub mod attribute;
pub mod decision;
pub mod document;
mod enrollability;
pub mod explain;
pub mod gather;
mod grouped;
pub mod judge;
pub mod key;
pub mod managed;
pub mod parts;
pub mod place;
mod proof;
pub mod resolve;

pub use assemble::{Outline, View, inventory};
pub use document::Document;
