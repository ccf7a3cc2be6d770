//! CODESYS version 2: the answer to a search.
//!
//! Spec: no public one. Offsets of the three texts in the answer as digitalbond's Redpoint documents them (`codesys-v2-discover`).

use crate::context::Context;
use crate::dissector::{At, Side};
use observations::{Field, Kind};

/// Where it is served.
const PORTS: [u16; 2] = [1200, 2455];
const MAGIC: [u8; 2] = [0xbb, 0xbb];
/// A search has seven bytes.
const REQUEST_MAX: usize = 32;
/// The operating system's name and version, and the product, each with an end.
const TEXTS: [(std::ops::Range<usize>, Field); 3] = [(64..96, Field::OperatingSystem), (96..128, Field::OsVersion), (128..160, Field::ModelName)];
/// The first text stands whole in an answer.
const ANSWER_MIN: usize = 96;

pub(super) fn begins(head: &[u8]) -> bool {
    !head.is_empty() && head.iter().zip(MAGIC).all(|(is, should)| *is == should)
}

/// Whether a payload is a search or its answer: by its magic and where texts stand.
pub(super) fn is(head: &[u8], at: &At) -> bool {
    let bound = PORTS.contains(&at.src_port) || PORTS.contains(&at.dst_port);
    bound && head.starts_with(&MAGIC) && (answers(head) || (7..=REQUEST_MAX).contains(&head.len()))
}

fn answers(head: &[u8]) -> bool {
    head.len() >= ANSWER_MIN && head.get(64..96).and_then(text).is_some()
}

pub(super) fn side(head: &[u8]) -> Side {
    match (head.starts_with(&MAGIC), answers(head)) {
        (true, true) => Side::Server,
        (true, false) if head.len() <= REQUEST_MAX => Side::Client,
        _ => Side::Unknown,
    }
}

/// Printable text up to its end; `None` if it is none.
fn text(bytes: &[u8]) -> Option<&[u8]> {
    let text = bytes.split(|byte| *byte == 0).next()?;
    (text.len() >= 2 && text.iter().all(|byte| (0x20..0x7f).contains(byte))).then_some(text)
}

pub(super) fn identification(bytes: &[u8], cx: &mut Context<'_>) {
    if !bytes.starts_with(&MAGIC) || !answers(bytes) {
        return;
    }
    let about = cx.sender();
    let mut saying = cx.say(&about, Kind::Identity);
    for (place, field) in TEXTS {
        // The last may be cut by what the capture has.
        let bytes = bytes.get(place.start..place.end.min(bytes.len())).unwrap_or_default();
        saying = saying.maybe(text(bytes), |s, text| s.trimmed(field, text));
    }
}

#[cfg(test)]
mod tests {
    use super::super::codesys::Codesys;
    use super::*;
    use crate::dissector::Gate;
    use crate::testing::{field, gate, payload};
    use observations::Transport;

    fn answer() -> Vec<u8> {
        let mut bytes = [&MAGIC[..], &[0x9a, 0, 0, 0, 1, 0]].concat();
        for (place, text) in [(64, "Nucleus PLUS"), (96, "Nucleus PLUS version 1.15"), (128, "WAGO 750-841")] {
            bytes.resize(place, 0);
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes.resize(160, 0);
        bytes
    }

    #[test]
    fn a_runtime_says_operating_system_and_product() {
        let said = payload(&Codesys, Transport::Tcp, 2455, 50000, &answer());
        assert_eq!(field(&said, Kind::Identity, Field::OperatingSystem), ["Nucleus PLUS"]);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["WAGO 750-841"]);
        let said = payload(&Codesys, Transport::Tcp, 2455, 50000, &answer()[..100]);
        assert_eq!(field(&said, Kind::Identity, Field::OperatingSystem), ["Nucleus PLUS"]);
        assert!(field(&said, Kind::Identity, Field::ModelName).is_empty());
    }

    #[test]
    fn elsewhere_than_on_its_ports_two_bytes_are_no_proof() {
        assert_eq!(gate(&Codesys, &answer(), 2455), Gate::Mine);
        assert_eq!(gate(&Codesys, &answer(), 11740), Gate::NotMine);
        assert_eq!(gate(&Codesys, &[0xbb; 200], 2455), Gate::NotMine);
    }
}
