//! A packed row, sealed against damage; the two tables of rows; and what is said of rows that are damaged.

use observations::{DecodeError, SourceKey, rows};

/// One of the two tables that hold a row a source and subject.
pub(super) struct Table {
    /// Its name.
    pub(super) name: &'static str,
    pub(super) select: &'static str,
    pub(super) insert: &'static str,
    pub(super) update: &'static str,
    /// All rows, as they lie in the file.
    pub(super) scan: &'static str,
    /// One source's rows, by subject.
    pub(super) of_source: &'static str,
    /// The same with their numbers.
    pub(super) with_ids: &'static str,
    /// The same after a subject, at most so many.
    pub(super) after: &'static str,
    pub(super) delete: &'static str,
}

/// Observations by the host that they are about.
pub(super) const SAID: Table = Table {
    name: "said",
    select: "SELECT id, record FROM said WHERE source = ?1 AND subject = ?2",
    insert: "INSERT INTO said (source, subject, record) VALUES (?1, ?2, ?3)",
    update: "UPDATE said SET record = ?2 WHERE id = ?1",
    scan: "SELECT source, subject, record FROM said",
    of_source: "SELECT source, subject, record FROM said WHERE source = ?1 ORDER BY subject",
    with_ids: "SELECT id, subject, record FROM said WHERE source = ?1",
    after: "SELECT id, subject, record FROM said WHERE source = ?1 AND subject > ?2 ORDER BY subject LIMIT ?3",
    delete: "DELETE FROM said WHERE id = ?1",
};

/// Counters by client.
pub(super) const TALLIES: Table = Table {
    name: "tallies",
    select: "SELECT id, record FROM tallies WHERE source = ?1 AND subject = ?2",
    insert: "INSERT INTO tallies (source, subject, record) VALUES (?1, ?2, ?3)",
    update: "UPDATE tallies SET record = ?2 WHERE id = ?1",
    scan: "SELECT source, subject, record FROM tallies",
    of_source: "SELECT source, subject, record FROM tallies WHERE source = ?1 ORDER BY subject",
    with_ids: "SELECT id, subject, record FROM tallies WHERE source = ?1",
    after: "SELECT id, subject, record FROM tallies WHERE source = ?1 AND subject > ?2 ORDER BY subject LIMIT ?3",
    delete: "DELETE FROM tallies WHERE id = ?1",
};

/// The bytes of the checksum before a row.
const SEAL_BYTES: usize = 4;

/// Packs a row behind a checksum of itself and of the place where it belongs. SQLite has none for its pages.
pub(super) fn seal(source: SourceKey, subject: &[u8], put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut record = Vec::with_capacity(512);
    record.resize(SEAL_BYTES, 0);
    put(&mut record);
    if let Some((seal, body)) = record.split_first_chunk_mut::<SEAL_BYTES>() {
        *seal = checksum(source, subject, body).to_le_bytes();
    }
    record
}

/// The packed bytes of a sealed row.
pub(super) fn unseal<'r>(source: SourceKey, subject: &[u8], record: &'r [u8]) -> Result<&'r [u8], Damage> {
    if record.len() > SEAL_BYTES + 2 * rows::WEIGHT_MAX {
        return Err(Damage::TooLarge(record.len()));
    }
    let (seal, body) = record.split_first_chunk::<SEAL_BYTES>().ok_or(Damage::Checksum)?;
    if u32::from_le_bytes(*seal) == checksum(source, subject, body) { Ok(body) } else { Err(Damage::Checksum) }
}

fn checksum(source: SourceKey, subject: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&source.0);
    hasher.update(subject);
    hasher.update(body);
    hasher.finalize()
}

/// What is wrong with a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Damage {
    /// Its bytes are not those that were written there.
    Checksum,
    /// It is no row of ours, although its checksum is right: forged, or written by a faulty program.
    Encoding(DecodeError),
    /// It is larger than any that we write.
    TooLarge(usize),
    /// It belongs to a source that is not listed.
    NoSource,
    /// SQLite cannot read its page, nor what comes after it in this table.
    Page(String),
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Checksum => f.write_str("its checksum is wrong"),
            Self::Encoding(error) => write!(f, "{error}"),
            Self::TooLarge(length) => write!(f, "{length} bytes are more than a row may have"),
            Self::NoSource => f.write_str("its source is not listed"),
            Self::Page(what) => write!(f, "{what}"),
        }
    }
}

impl From<DecodeError> for Damage {
    fn from(error: DecodeError) -> Self {
        Self::Encoding(error)
    }
}

/// A row that was left out, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DamagedRow {
    /// `sources`, `said` or `tallies`.
    pub table: &'static str,
    /// Its source, if that is known.
    pub source: Option<SourceKey>,
    /// Its subject as canonical bytes; empty for a source's own record.
    pub subject: Vec<u8>,
    /// What is wrong.
    pub damage: Damage,
}

impl std::fmt::Display for DamagedRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.table)?;
        if let Some(source) = self.source {
            write!(f, " of source {source}")?;
        }
        if let Ok(subject) = rows::subject(&self.subject) {
            for word in [subject.mac.map(|mac| mac.to_string()), subject.ip.map(|ip| ip.to_string())].into_iter().flatten() {
                write!(f, " {word}")?;
            }
        }
        write!(f, ": {}", self.damage)
    }
}

/// Rows that were left out: the first of them by name, and how many.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DamagedRows {
    /// At most [`DamagedRows::NAMED_MAX`].
    pub rows: Vec<DamagedRow>,
    /// All.
    pub count: u64,
}

impl DamagedRows {
    /// More names help nobody, and a forged database could have millions.
    pub const NAMED_MAX: usize = 100;

    pub(super) fn push(&mut self, row: DamagedRow) {
        self.count += 1;
        if self.rows.len() < Self::NAMED_MAX {
            self.rows.push(row);
        }
    }
}
