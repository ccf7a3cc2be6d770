//! What was decided and done, in an order that nobody can change unseen: each entry carries the hash of the one before.

use crate::request::canonical;
use crate::sign::hex;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// One entry.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Entry {
    /// From 1, without a gap.
    pub sequence: i64,
    /// Seconds since 1970.
    pub at: i64,
    /// Who: `sensor:ID`, `person:NAME`, `registrar`.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To which request or target.
    pub subject: String,
    /// With which outcome; never a credential.
    pub detail: String,
    /// Hash of the entry before, hexadecimal; of the first, zeros.
    pub before: String,
}

impl Entry {
    /// Hash of the entry, hexadecimal SHA-256 over its canonical JSON.
    #[must_use]
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(canonical(self)))
    }

    /// What stands before the first.
    #[must_use]
    pub fn origin() -> String {
        hex(&[0; 32])
    }
}

/// What is wrong with a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// Number of the entry.
    pub sequence: i64,
    /// What.
    pub what: &'static str,
}

/// Follows a log from its first entry; gives the hash of the last, to be kept elsewhere: by it a log that lost its end is found out.
///
/// # Errors
/// The first entry that does not follow from the one before.
pub fn verify(entries: impl Iterator<Item = (Entry, String)>) -> Result<(i64, String), Broken> {
    let (mut count, mut last) = (0, Entry::origin());
    for (entry, hash) in entries {
        count += 1;
        let broken = |what| Err(Broken { sequence: entry.sequence, what });
        if entry.sequence != count {
            return broken("an entry before it is missing");
        }
        if entry.before != last {
            return broken("it does not follow from the entry before it");
        }
        if entry.hash() != hash {
            return broken("it was changed");
        }
        last = hash;
    }
    Ok((count, last))
}
