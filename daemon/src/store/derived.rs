//! The derived document: it can be made again from what was said, and is kept so that it need not be.

use super::Store;
use super::error::{Named, StoreError};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

/// Pieces that a document is cut into: SQLite holds a value whole in memory, and has a bound for one.
const PIECE_BYTES: usize = 1 << 20;

/// The document that is served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Derived {
    /// Its generation.
    pub generation: u64,
    /// What it was derived from and by, as whoever put it words it.
    pub digest: Vec<u8>,
    /// The document.
    pub bytes: Vec<u8>,
}

impl Store {
    /// Puts the document of a new generation in the place of the one before, in one step: readers see either.
    ///
    /// # Errors
    /// [`StoreError::Stale`] if a document of this or a later generation is there; others if the file cannot be written.
    pub fn put_document(&mut self, generation: u64, digest: &[u8], bytes: &[u8]) -> Result<(), StoreError> {
        let Self { connection, path } = self;
        let work = |connection: &mut Connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if let Some((current, _)) = current(&transaction)?
                && current >= generation
            {
                return Ok(Some(current));
            }
            transaction.execute("DELETE FROM documents", [])?;
            for piece in bytes.chunks(PIECE_BYTES) {
                let sql = "INSERT INTO documents (generation, bytes) VALUES (?1, ?2)";
                transaction.prepare_cached(sql)?.execute(params![generation as i64, piece])?;
            }
            let sql =
                "INSERT INTO generation (one, generation, digest) VALUES (1, ?1, ?2) ON CONFLICT (one) DO UPDATE SET generation = ?1, digest = ?2";
            transaction.execute(sql, params![generation as i64, digest])?;
            transaction.commit()?;
            Ok(None)
        };
        match work(connection).named(path)? {
            Some(current) => Err(StoreError::Stale { generation, current }),
            None => Ok(()),
        }
    }

    /// The document that is served, if there is one.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read.
    pub fn document(&self) -> Result<Option<Derived>, StoreError> {
        let work = || {
            let snapshot = self.connection.unchecked_transaction()?;
            let Some((generation, digest)) = current(&snapshot)? else { return Ok(None) };
            let mut statement = snapshot.prepare_cached("SELECT bytes FROM documents WHERE generation = ?1 ORDER BY id")?;
            let (mut rows, mut bytes) = (statement.query([generation as i64])?, Vec::new());
            while let Some(row) = rows.next()? {
                bytes.extend_from_slice(row.get_ref(0)?.as_blob()?);
            }
            Ok(Some(Derived { generation, digest, bytes }))
        };
        work().named(&self.path)
    }
}

fn current(connection: &Connection) -> rusqlite::Result<Option<(u64, Vec<u8>)>> {
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)? as u64, row.get(1)?));
    connection.query_row("SELECT generation, digest FROM generation", [], read).optional()
}
