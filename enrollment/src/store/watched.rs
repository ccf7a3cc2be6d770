//! What the wire, the target and others' logs show of an identity, and what is wrong with it.

use super::listed::texts;
use super::{Note, Result, Store, audit};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::Serialize;
use std::collections::BTreeMap;

/// What is known of a request's identity beside where it stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Watched {
    /// Until when the wire was looked at, RFC 3339 (packet time).
    pub as_of: String,
    /// Serial of the certificate that was seen last.
    pub serial: Option<String>,
    /// Rule ids of open findings of its device.
    pub findings: Vec<String>,
    /// When the target was asked what became of it.
    pub asked_at: i64,
    /// Since when the target says that it was taken back: its entity is disabled, or its record gone.
    pub disabled_at: Option<i64>,
    /// When it was last used, as somebody's log says; never seen by us.
    pub reported_at: Option<i64>,
    /// Whose log.
    pub reported_by: String,
}

/// Something that is wrong with an identity.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Open {
    /// Its rule's id.
    pub rule: String,
    /// As in the catalogue of findings: *low*, *medium*, *high*, *critical*; *info* is nothing that is wrong.
    pub severity: String,
    /// What it is, in a word.
    pub what: String,
    /// Of which request.
    pub request: Option<String>,
    /// On which device of the inventory.
    pub device: Option<String>,
    /// In a sentence.
    pub text: String,
    /// Since when, seconds since 1970.
    pub since: i64,
}

impl Open {
    /// The same finding tomorrow.
    fn key(&self, subject: &str) -> String {
        let of = |one: &Option<String>| one.clone().unwrap_or_default();
        format!("{}|{}|{}|{}|{subject}", self.rule, self.what, of(&self.request), of(&self.device))
    }
}

impl Store {
    /// What is known of an identity.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn watched(&self, request: &str) -> Result<Watched> {
        let query = "SELECT as_of, serial, findings, asked_at, disabled_at, reported_at, reported_by FROM watched WHERE request = ?1";
        self.read(|c| c.prepare_cached(query)?.query_row([request], watched).optional()).map(Option::unwrap_or_default)
    }

    /// Notes it.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn watch(&mut self, request: &str, watched: &Watched) -> Result<()> {
        let findings = serde_json::to_string(&watched.findings).unwrap_or_default();
        let Watched { as_of, serial, asked_at, disabled_at, reported_at, reported_by, .. } = watched;
        self.write(|t| {
            t.execute(
                "INSERT OR REPLACE INTO watched (request, as_of, serial, findings, asked_at, disabled_at, reported_at, reported_by)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![request, as_of, serial, findings, asked_at, disabled_at, reported_at, reported_by],
            )
            .map(|_| ())
        })
    }

    /// What is wrong, the worst first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn findings(&self) -> Result<Vec<Open>> {
        let query = "SELECT rule, severity, what, request, device, text, since FROM findings
                     ORDER BY CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END, rule, key";
        self.read(|c| c.prepare(query)?.query_map([], open)?.collect())
    }

    /// Rule ids of what is wrong with a request's identity.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn rules_of(&self, request: &str) -> Result<Vec<String>> {
        let query = "SELECT DISTINCT rule FROM findings WHERE request = ?1 AND severity <> 'info' ORDER BY rule";
        self.read(|c| c.prepare(query)?.query_map([request], |row| row.get(0))?.collect())
    }

    /// Puts what is wrong now, each with what it is about, in the place of what was wrong before. What stays keeps its time.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn set_findings(&mut self, now: i64, all: &[(Open, String)]) -> Result<()> {
        let mut wanted: BTreeMap<String, &Open> = all.iter().map(|(one, subject)| (one.key(subject), one)).collect();
        self.write(|t| {
            let known: Vec<(String, Option<String>, String)> = t
                .prepare("SELECT key, request, text FROM findings ORDER BY key")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect::<rusqlite::Result<_>>()?;
            for (key, request, text) in known {
                if let Some(one) = wanted.remove(&key) {
                    t.execute("UPDATE findings SET text = ?2 WHERE key = ?1", params![key, one.text])?;
                } else {
                    t.execute("DELETE FROM findings WHERE key = ?1", [&key])?;
                    say(t, now, "finding-closed", request.as_deref(), &text)?;
                }
            }
            for (key, one) in wanted {
                t.execute(
                    "INSERT INTO findings (key, rule, severity, what, request, device, text, since) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                    params![key, one.rule, one.severity, one.what, one.request, one.device, one.text, now],
                )?;
                say(t, now, "finding", one.request.as_deref(), &format!("{} {}: {}", one.rule, one.what, one.text))?;
            }
            Ok(())
        })
    }
}

fn say(t: &Transaction<'_>, now: i64, action: &str, request: Option<&str>, detail: &str) -> rusqlite::Result<()> {
    audit(t, now, &Note { actor: "registrar", action, subject: request.unwrap_or("wire"), detail })
}

fn watched(row: &Row<'_>) -> rusqlite::Result<Watched> {
    Ok(Watched {
        as_of: row.get(0)?,
        serial: row.get(1)?,
        findings: texts(row, 2)?,
        asked_at: row.get(3)?,
        disabled_at: row.get(4)?,
        reported_at: row.get(5)?,
        reported_by: row.get(6)?,
    })
}

fn open(row: &Row<'_>) -> rusqlite::Result<Open> {
    Ok(Open {
        rule: row.get(0)?,
        severity: row.get(1)?,
        what: row.get(2)?,
        request: row.get(3)?,
        device: row.get(4)?,
        text: row.get(5)?,
        since: row.get(6)?,
    })
}
