//! The audit log: entries of which each carries the hash of the one before. Changing one, or taking one out, breaks the chain; taking
//! away the end is seen where a later head is known, which is why `audit verify` prints it.

use crate::request::{canonical, digest};
use serde::{Deserialize, Serialize};

/// Hash before the first entry.
pub const START: &str = "sha256:";

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// From 1, without gaps.
    pub sequence: u32,
    /// Milliseconds since 1970.
    pub at: i64,
    /// The hash of the entry before.
    pub before: String,
    /// `taken`, `approval`, `sent`, `answer`, `state`, …
    pub what: String,
    /// Who did it.
    pub who: String,
    /// The request, or what else it is about.
    pub about: String,
    /// In words; never a credential.
    pub detail: String,
}

impl Entry {
    /// Its hash.
    #[must_use]
    pub fn hash(&self) -> String {
        digest(&canonical(self))
    }
}

/// Checks the chain, and that a head which was written down elsewhere is still in it. Gives the head.
///
/// # Errors
/// Which entry is wrong, and how.
pub fn verify(rows: &[(Entry, String)], known: Option<&str>) -> Result<String, String> {
    let mut before = START.to_owned();
    for (place, (entry, hash)) in (1..).zip(rows) {
        if entry.sequence != place {
            return Err(format!("entry {place} is missing"));
        }
        if entry.before != before || entry.hash() != *hash {
            return Err(format!("entry {place} was changed, or the one before it"));
        }
        before.clone_from(hash);
    }
    match known {
        Some(known) if known != START && !rows.iter().any(|(_, hash)| hash == known) => {
            Err("the log ends before the head that is known: its end was taken away, or it was written anew".to_owned())
        }
        _ => Ok(before),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<(Entry, String)> {
        let mut before = START.to_owned();
        let entries = (1..=3).map(|sequence| {
            let text = String::new();
            let entry = Entry { sequence, at: 1, before: before.clone(), what: "state".into(), who: text.clone(), about: text.clone(), detail: text };
            before = entry.hash();
            (entry, before.clone())
        });
        entries.collect()
    }

    #[test]
    fn whatever_is_changed_or_taken_out_is_seen() {
        let rows = rows();
        let head = verify(&rows, None).unwrap();
        assert_eq!(verify(&rows, Some(&head)), Ok(head.clone()));
        for place in 0..3 {
            let mut changed = rows.clone();
            changed[place].0.detail = "other".to_owned();
            assert!(verify(&changed, None).is_err());
            let mut shorter = rows.clone();
            shorter.remove(place);
            assert!(verify(&shorter, Some(&head)).is_err(), "{place}");
        }
    }
}
