//! What targets list of what they issued, when they were asked, and which of it is a request's.

use super::{Note, Result, Store, StoreError, audit, broken, moved, schema};
use crate::state::State;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Transaction, params};
use std::collections::{BTreeSet, HashSet};
use std::path::Path;

/// A certificate that a target issued.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Listed {
    /// Which target.
    pub target: String,
    /// Lower-case hex without separators.
    pub serial: String,
    /// SHA-256 of the DER, lower-case hex.
    pub sha256: String,
    /// SHA-256 of the public key, lower-case hex.
    pub key: String,
    /// The subject (RFC 4514).
    pub subject: String,
    /// The issuer (RFC 4514).
    pub issuer: String,
    /// Common name and alternative names.
    pub names: Vec<String>,
    /// The certificate, PEM.
    pub certificate: String,
    /// It is the CA's own.
    pub authority: bool,
    /// Seconds since 1970.
    pub not_before: i64,
    /// Seconds since 1970.
    pub not_after: i64,
    /// When it was first listed here, or signed for us.
    pub first_polled: i64,
    /// When it was first listed as revoked: it was revoked then, or before.
    pub revoked_at: Option<i64>,
    /// When another took its place.
    pub replaced_at: Option<i64>,
    /// The request that it was issued for, where that is known.
    pub request: Option<String>,
}

/// What is known of a target's lists.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Polled {
    /// Not to be asked before, seconds since 1970.
    pub next_at: i64,
    /// Failures in a row.
    pub failures: u32,
    /// When it last answered.
    pub polled_at: Option<i64>,
    /// Whether it keeps lists at all.
    pub lists: bool,
    /// Whether everything that its CA issued stands on them.
    pub complete: bool,
    /// Sites that it covers; all if there are none.
    pub sites: Vec<String>,
    /// Why it could not be asked, or is not complete.
    pub reason: String,
}

const LISTED: &str = "SELECT target, serial, sha256, key, subject, issuer, names, certificate, authority, not_before, not_after, first_polled,
                      revoked_at, replaced_at, request FROM issued";
/// The same, and of all that a vault ever issued the CA's own certificates alone as they are: the others' would fill the memory.
const LISTED_SHORT: &str = "SELECT target, serial, sha256, key, subject, issuer, names, CASE WHEN authority THEN certificate ELSE '' END, authority,
                      not_before, not_after, first_polled, revoked_at, replaced_at, request FROM issued";

impl Store {
    /// Opens a registrar's database to read from it, and makes or changes nothing.
    ///
    /// # Errors
    /// If it is not there, is another program's, or is of another version.
    pub fn open_read_only(path: &Path) -> Result<Self> {
        let named = |error: rusqlite::Error| StoreError { path: path.into(), what: error.to_string() };
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(named)?;
        connection.busy_timeout(std::time::Duration::from_secs(10)).map_err(named)?;
        schema::look(&connection).map_err(|what| StoreError { path: path.into(), what })?;
        Ok(Self { connection, path: path.into() })
    }

    /// When a target's lists were asked for, and what they are.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn polled(&self, target: &str) -> Result<Option<Polled>> {
        let query = "SELECT next_at, failures, polled_at, lists, complete, sites, reason FROM polls WHERE target = ?1";
        self.read(|c| c.query_row(query, [target], polled).optional())
    }

    /// Targets that were asked for their lists.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn polled_targets(&self) -> Result<Vec<String>> {
        self.read(|c| c.prepare("SELECT target FROM polls ORDER BY target")?.query_map([], |row| row.get(0))?.collect())
    }

    /// Notes when to ask again, and what is known.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn set_polled(&mut self, target: &str, polled: &Polled) -> Result<()> {
        self.write(|t| note_poll(t, target, polled))
    }

    /// Serials that a target listed.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn serials(&self, target: &str) -> Result<HashSet<String>> {
        self.read(|c| c.prepare("SELECT serial FROM issued WHERE target = ?1")?.query_map([target], |row| row.get(0))?.collect())
    }

    /// Everything that a target listed, the oldest first; without the certificates themselves, but for the CA's own.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn listed(&self, target: &str) -> Result<Vec<Listed>> {
        let query = format!("{LISTED_SHORT} WHERE target = ?1 ORDER BY not_before, serial");
        self.read(|c| c.prepare(&query)?.query_map([target], listed)?.collect())
    }

    /// One certificate of a target's list, as it is.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn listed_one(&self, target: &str, serial: &str) -> Result<Option<Listed>> {
        let query = format!("{LISTED} WHERE target = ?1 AND serial = ?2");
        self.read(|c| c.query_row(&query, [target, serial], listed).optional())
    }

    /// What was issued for a request, the oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn issued_for(&self, request: &str) -> Result<Vec<Listed>> {
        let query = format!("{LISTED} WHERE request = ?1 ORDER BY not_before, first_polled, serial");
        self.read(|c| c.prepare_cached(&query)?.query_map([request], listed)?.collect())
    }

    /// Keeps an answer: what is new, what is revoked, and when to ask again. How many were new, and how many newly revoked.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn keep_list(&mut self, target: &str, new: &[Listed], revoked: &[String], polled: &Polled, now: i64) -> Result<(u32, u32)> {
        self.write(|t| {
            let (mut added, mut ended) = (0, 0);
            for one in new {
                added += u32::from(insert(t, one)?);
            }
            let mut end = t.prepare("UPDATE issued SET revoked_at = ?3 WHERE target = ?1 AND serial = ?2 AND revoked_at IS NULL")?;
            for serial in revoked.iter().collect::<BTreeSet<_>>() {
                if end.execute(params![target, serial, now])? > 0 {
                    ended += 1;
                    let detail = format!("{target} lists {serial} as revoked");
                    audit(t, now, &Note { actor: "registrar", action: "revoked", subject: target, detail: &detail })?;
                }
            }
            note_poll(t, target, polled)?;
            Ok((added, ended))
        })
    }

    /// Keeps what was issued for a request, if it is not kept yet; what it was given before has been replaced then.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn keep_own(&mut self, one: &Listed, now: i64) -> Result<()> {
        self.write(|t| own(t, one, now))
    }

    /// Takes a certificate, with what leads to its root where that is known, as a request's, and moves it; with no state to go to it stays
    /// where it is.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn adopt(&mut self, one: &Listed, certificate: &str, to: Option<State>, reason: &str, now: i64, note: &Note<'_>) -> Result<()> {
        let id = one.request.clone().unwrap_or_default();
        self.write(|t| {
            own(t, one, now)?;
            t.execute("UPDATE requests SET serial = ?2, certificate = ?3 WHERE id = ?1", params![id, one.serial, certificate])?;
            match to {
                Some(to) => moved(t, &id, to, reason, None, now, note),
                None => audit(t, now, note),
            }
        })
    }
}

fn own(t: &Transaction<'_>, one: &Listed, now: i64) -> rusqlite::Result<()> {
    insert(t, one)?;
    let key = params![one.target, one.serial, one.request];
    t.execute("UPDATE issued SET request = ?3 WHERE target = ?1 AND serial = ?2", key)?;
    t.execute(
        "UPDATE issued SET replaced_at = ?3 WHERE request = ?2 AND serial <> ?1 AND replaced_at IS NULL",
        params![one.serial, one.request, now],
    )?;
    Ok(())
}

fn insert(t: &Transaction<'_>, one: &Listed) -> rusqlite::Result<bool> {
    let names = serde_json::to_string(&one.names).unwrap_or_default();
    let added = t.execute(
        "INSERT OR IGNORE INTO issued (target, serial, sha256, key, subject, issuer, names, certificate, authority, not_before, not_after, first_polled,
         request) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        params![
            one.target,
            one.serial,
            one.sha256,
            one.key,
            one.subject,
            one.issuer,
            names,
            one.certificate,
            one.authority,
            one.not_before,
            one.not_after,
            one.first_polled,
            one.request
        ],
    )?;
    Ok(added == 1)
}

fn note_poll(t: &Transaction<'_>, target: &str, polled: &Polled) -> rusqlite::Result<()> {
    let sites = serde_json::to_string(&polled.sites).unwrap_or_default();
    let Polled { next_at, failures, polled_at, lists, complete, reason, .. } = polled;
    t.execute(
        "INSERT OR REPLACE INTO polls (target, next_at, failures, polled_at, lists, complete, sites, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![target, next_at, failures, polled_at, lists, complete, sites, reason],
    )
    .map(|_| ())
}

fn polled(row: &Row<'_>) -> rusqlite::Result<Polled> {
    let (next_at, failures, polled_at, lists, complete) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
    Ok(Polled { next_at, failures, polled_at, lists, complete, sites: texts(row, 5)?, reason: row.get(6)? })
}

fn listed(row: &Row<'_>) -> rusqlite::Result<Listed> {
    Ok(Listed {
        target: row.get(0)?,
        serial: row.get(1)?,
        sha256: row.get(2)?,
        key: row.get(3)?,
        subject: row.get(4)?,
        issuer: row.get(5)?,
        names: texts(row, 6)?,
        certificate: row.get(7)?,
        authority: row.get(8)?,
        not_before: row.get(9)?,
        not_after: row.get(10)?,
        first_polled: row.get(11)?,
        revoked_at: row.get(12)?,
        replaced_at: row.get(13)?,
        request: row.get(14)?,
    })
}

/// A column that holds a list of texts.
pub(super) fn texts(row: &Row<'_>, at: usize) -> rusqlite::Result<Vec<String>> {
    serde_json::from_str(&row.get::<_, String>(at)?).map_err(|error| broken(at, error.to_string()))
}
