//! The registrar's database: requests, what people said of them, what is to be delivered, and the audit log. Every call is one
//! transaction, durable when it returns (`synchronous=FULL`). The sensor never opens this file.

mod exceptions;
mod listed;
mod schema;
mod told;
mod watched;

pub use exceptions::Exception;
pub use listed::{Listed, Polled};
use told::moved;
pub use watched::{Open, Watched};

pub use schema::{APPLICATION, durable};

use crate::approval::{Approval, Statement};
use crate::audit::Entry;
use crate::request::{Request, canonical};
use crate::state::State;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::fmt;
use std::path::{Path, PathBuf};

/// An open database.
pub struct Store {
    connection: Connection,
    path: PathBuf,
}

/// What went wrong with it.
#[derive(Debug)]
pub struct StoreError {
    path: PathBuf,
    what: String,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.what)
    }
}

impl std::error::Error for StoreError {}

impl StoreError {
    /// What is wrong, without the file's name.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.what
    }
}

/// A request and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// The request.
    pub request: Request,
    /// Where it stands.
    pub state: State,
    /// Why, in words.
    pub reason: String,
    /// By which the target knows it.
    pub external_id: Option<String>,
    /// Serial number of the certificate that was issued.
    pub serial: Option<String>,
    /// The certificate and what leads to its root, PEM.
    pub certificate: Option<String>,
    /// A CSR that an operator attached, PEM.
    pub csr: Option<String>,
    /// When it came, seconds since 1970.
    pub created: i64,
    /// When its state changed.
    pub changed: i64,
}

/// What is to be done at a target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Make the device known.
    Register,
    /// Have its CSR signed.
    Sign,
    /// Tell what the wire shows of it.
    Posture,
    /// Propose to take its identity back.
    Deactivate,
}

impl Step {
    const ALL: [Self; 4] = [Self::Register, Self::Sign, Self::Posture, Self::Deactivate];

    /// By its name.
    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }

    /// Its name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Sign => "sign",
            Self::Posture => "posture",
            Self::Deactivate => "deactivate",
        }
    }
}

/// One delivery that is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Due {
    /// Of which request.
    pub request: String,
    /// What.
    pub step: Step,
    /// Tries so far.
    pub attempts: u32,
    /// Since when it waits.
    pub since: i64,
}

/// One line of the audit log to be written.
pub struct Note<'n> {
    /// Who.
    pub actor: &'n str,
    /// Did what.
    pub action: &'n str,
    /// To what.
    pub subject: &'n str,
    /// With which outcome.
    pub detail: &'n str,
}

pub(crate) type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Opens a registrar's database, or makes it.
    ///
    /// # Errors
    /// If it cannot be opened, or is another program's.
    pub fn open(path: &Path) -> Result<Self> {
        let named = |error: rusqlite::Error| StoreError { path: path.into(), what: error.to_string() };
        let mut connection = Connection::open(path).map_err(named)?;
        connection.busy_timeout(std::time::Duration::from_secs(10)).map_err(named)?;
        schema::prepare(&mut connection).map_err(|what| StoreError { path: path.into(), what })?;
        Ok(Self { connection, path: path.into() })
    }

    /// Writes a copy into an empty file: what was committed when it began. Others may write meanwhile.
    ///
    /// # Errors
    /// If this one cannot be read, or the other cannot be written.
    pub fn copy_into(&self, to: &Path) -> Result<()> {
        self.read(|connection| connection.execute("VACUUM INTO ?1", [to.to_string_lossy()]).map(drop))
    }

    /// What SQLite finds wrong with its pages; empty if nothing is.
    ///
    /// # Errors
    /// If it cannot be read at all.
    pub fn check_whole(&self) -> Result<Vec<String>> {
        let faults: Vec<String> = self.read(|connection| connection.prepare("PRAGMA integrity_check")?.query_map([], |row| row.get(0))?.collect())?;
        Ok(faults.into_iter().filter(|fault| fault != "ok").collect())
    }

    fn write<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T> {
        let path = self.path.clone();
        let named = |error: rusqlite::Error| StoreError { path: path.clone(), what: error.to_string() };
        let transaction = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(named)?;
        let done = work(&transaction).map_err(named)?;
        transaction.commit().map_err(named)?;
        Ok(done)
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&self.connection).map_err(|error| StoreError { path: self.path.clone(), what: error.to_string() })
    }

    /// A request by its id.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn get(&self, id: &str) -> Result<Option<Held>> {
        self.read(|c| c.query_row(&format!("{HELD} WHERE id = ?1"), [id], held).optional())
    }

    /// All requests, by id.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn all(&self) -> Result<Vec<Held>> {
        self.read(|c| c.prepare(&format!("{HELD} ORDER BY id"))?.query_map([], held)?.collect())
    }

    /// How many requests stand there.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn count(&self, state: State) -> Result<u32> {
        self.read(|c| c.query_row("SELECT count(*) FROM requests WHERE state = ?1", [state.name()], |row| row.get(0)))
    }

    /// Requests to a target that stand there, by id.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn standing(&self, target: &str, state: State) -> Result<Vec<Held>> {
        let query = format!("{HELD} WHERE target = ?1 AND state = ?2 ORDER BY id");
        self.read(|c| c.prepare(&query)?.query_map([target, state.name()], held)?.collect())
    }

    /// Requests on a device by any of its keys, to a target.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn on_device(&self, keys: &[String], target: &str) -> Result<Vec<Held>> {
        let mut ids = std::collections::BTreeSet::new();
        self.read(|c| {
            let mut find = c.prepare("SELECT request FROM keys WHERE key = ?1")?;
            for key in keys {
                for id in find.query_map([key], |row| row.get::<_, String>(0))? {
                    ids.insert(id?);
                }
            }
            Ok(())
        })?;
        let all: Vec<Held> = ids.iter().filter_map(|id| self.get(id).transpose()).collect::<Result<_>>()?;
        Ok(all.into_iter().filter(|one| one.request.target == target).collect())
    }

    /// Puts a request in, or its newer text in the place of the older, in this state; what was to be delivered of the older is not.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn put(&mut self, request: &Request, state: State, reason: &str, now: i64, note: &Note<'_>) -> Result<()> {
        let body = String::from_utf8(canonical(request)).unwrap_or_default();
        self.write(|t| {
            t.execute(
                "INSERT INTO requests (id, target, state, reason, body, created, changed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
                 ON CONFLICT (id) DO UPDATE SET state = ?3, reason = ?4, body = ?5, changed = ?6",
                params![request.id, request.target, state.name(), reason, body, now],
            )?;
            for key in &request.device_keys {
                t.execute("INSERT OR IGNORE INTO keys (key, request) VALUES (?1, ?2)", params![key, request.id])?;
            }
            t.execute("DELETE FROM outbox WHERE request = ?1", [&request.id])?;
            audit(t, now, note)
        })
    }

    /// Puts a newer text in the place of an older one that it does not differ from in anything that an approval is about.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn refresh(&mut self, request: &Request) -> Result<()> {
        let body = String::from_utf8(canonical(request)).unwrap_or_default();
        self.write(|t| t.execute("UPDATE requests SET body = ?2 WHERE id = ?1", params![request.id, body])).map(|_| ())
    }

    /// Moves a request to another state, with what is to be delivered then.
    ///
    /// # Errors
    /// If the database cannot be written, or the request may not go there from where it stands.
    pub fn advance(&mut self, id: &str, to: State, reason: &str, deliver: Option<Step>, now: i64, note: &Note<'_>) -> Result<()> {
        self.write(|t| moved(t, id, to, reason, deliver, now, note))
    }

    /// Notes what the target calls it.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn known_as(&mut self, id: &str, external_id: &str) -> Result<()> {
        self.write(|t| t.execute("UPDATE requests SET external_id = ?2 WHERE id = ?1", params![id, external_id])).map(|_| ())
    }

    /// Notes what was issued for it.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn issued(&mut self, id: &str, serial: &str, certificate: &str) -> Result<()> {
        self.write(|t| t.execute("UPDATE requests SET serial = ?2, certificate = ?3 WHERE id = ?1", params![id, serial, certificate])).map(|_| ())
    }

    /// Attaches a CSR, and has it signed if the target knows the device already.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn attach(&mut self, id: &str, csr: &str, sign_now: bool, now: i64, note: &Note<'_>) -> Result<()> {
        self.write(|t| {
            t.execute("UPDATE requests SET csr = ?2 WHERE id = ?1", params![id, csr])?;
            if sign_now {
                t.execute(
                    "INSERT OR REPLACE INTO outbox (request, step, attempts, since, next_at, lease_until) VALUES (?1, 'sign', 0, ?2, ?2, 0)",
                    params![id, now],
                )?;
            }
            audit(t, now, note)
        })
    }

    /// Adds what a person said.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn approve(&mut self, approval: &Approval, now: i64, note: &Note<'_>) -> Result<()> {
        let Statement { request, binding, decision, approver, at } = &approval.statement;
        self.write(|t| {
            t.execute(
                "INSERT OR REPLACE INTO approvals (request, approver, binding, decision, at, signature) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![request, approver, binding, decision, at, approval.signature],
            )?;
            audit(t, now, note)
        })
    }

    /// What people said of a request.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn approvals(&self, id: &str) -> Result<Vec<Approval>> {
        self.read(|c| {
            let of = |row: &rusqlite::Row<'_>| {
                let statement =
                    Statement { request: row.get(0)?, approver: row.get(1)?, binding: row.get(2)?, decision: row.get(3)?, at: row.get(4)? };
                Ok(Approval { statement, signature: row.get(5)? })
            };
            let mut all = c.prepare("SELECT request, approver, binding, decision, at, signature FROM approvals WHERE request = ?1 ORDER BY at")?;
            all.query_map([id], of)?.collect()
        })
    }

    /// What of a target is due, the longest waiting first. Why an identity should be taken back is told before that it should.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn due(&self, target: &str, now: i64) -> Result<Vec<Due>> {
        self.read(|c| {
            let mut all = c.prepare(
                "SELECT request, step, attempts, since FROM outbox JOIN requests ON request = id
                 WHERE target = ?1 AND next_at <= ?2 AND lease_until <= ?2 AND NOT (step = 'deactivate'
                   AND EXISTS (SELECT 1 FROM outbox AS told WHERE told.request = outbox.request AND told.step = 'posture'))
                 ORDER BY next_at, request",
            )?;
            let of = |row: &rusqlite::Row<'_>| {
                let step = row.get::<_, String>(1)?;
                let step = Step::from_name(&step).ok_or_else(|| broken(1, format!("no step is called {step:?}")))?;
                Ok(Due { request: row.get(0)?, step, attempts: row.get(2)?, since: row.get(3)? })
            };
            all.query_map(params![target, now], of)?.collect()
        })
    }

    /// How many deliveries wait, due or not.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn waiting(&self) -> Result<u32> {
        self.read(|c| c.query_row("SELECT count(*) FROM outbox", [], |row| row.get(0)))
    }

    /// Takes a delivery for oneself until then: another process leaves it alone.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn lease(&mut self, due: &Due, now: i64, until: i64) -> Result<bool> {
        let (request, step) = (&due.request, due.step.name());
        let query = "UPDATE outbox SET lease_until = ?3 WHERE request = ?1 AND step = ?2 AND lease_until <= ?4";
        self.write(|t| t.execute(query, params![request, step, until, now])).map(|taken| taken == 1)
    }

    /// Puts a delivery off.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn put_off(&mut self, due: &Due, next_at: i64, why: &str, now: i64, note: &Note<'_>) -> Result<()> {
        self.write(|t| {
            t.execute(
                "UPDATE outbox SET attempts = attempts + 1, next_at = ?3, lease_until = 0 WHERE request = ?1 AND step = ?2",
                params![due.request, due.step.name(), next_at],
            )?;
            // Where it stands has a reason of its own; that it could not be told yet is none.
            if matches!(due.step, Step::Register | Step::Sign) {
                let query = "UPDATE requests SET reason = ?2 WHERE id = ?1 AND state IN ('requested', 'accepted')";
                t.execute(query, params![due.request, why])?;
            }
            audit(t, now, note)
        })
    }

    /// A target's failures in a row, and until when it is left alone.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn breaker(&self, target: &str) -> Result<(u32, i64)> {
        let query = "SELECT failures, open_until FROM breakers WHERE target = ?1";
        self.read(|c| c.query_row(query, [target], |row| Ok((row.get(0)?, row.get(1)?))).optional()).map(Option::unwrap_or_default)
    }

    /// Sets the same.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn set_breaker(&mut self, target: &str, failures: u32, open_until: i64) -> Result<()> {
        let query = "INSERT OR REPLACE INTO breakers (target, failures, open_until) VALUES (?1, ?2, ?3)";
        self.write(|t| t.execute(query, params![target, failures, open_until])).map(|_| ())
    }

    /// Requests that a target came to know since then.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn accepted_since(&self, since: i64) -> Result<u32> {
        self.read(|c| c.query_row("SELECT count(*) FROM audit WHERE action = 'register' AND at > ?1", [since], |row| row.get(0)))
    }

    /// Writes a line of the audit log and nothing else.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn note(&mut self, now: i64, note: &Note<'_>) -> Result<()> {
        self.write(|t| audit(t, now, note))
    }

    /// The audit log, each entry with the hash that stands beside it.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn audit(&self) -> Result<Vec<(Entry, String)>> {
        self.read(|c| {
            let of = |row: &rusqlite::Row<'_>| {
                let (sequence, at, actor, action) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
                Ok((Entry { sequence, at, actor, action, subject: row.get(4)?, detail: row.get(5)?, before: row.get(6)? }, row.get(7)?))
            };
            let mut all = c.prepare("SELECT sequence, at, actor, action, subject, detail, before, hash FROM audit ORDER BY sequence")?;
            all.query_map([], of)?.collect()
        })
    }
}

const HELD: &str = "SELECT body, state, reason, external_id, serial, certificate, csr, created, changed FROM requests";

/// What stands in a column is nothing that we wrote.
fn broken(at: usize, what: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, what.into())
}

fn held(row: &rusqlite::Row<'_>) -> rusqlite::Result<Held> {
    let (body, state): (String, String) = (row.get(0)?, row.get(1)?);
    Ok(Held {
        request: serde_json::from_str(&body).map_err(|error| broken(0, error.to_string()))?,
        state: State::from_name(&state).ok_or_else(|| broken(1, format!("no state is called {state:?}")))?,
        reason: row.get(2)?,
        external_id: row.get(3)?,
        serial: row.get(4)?,
        certificate: row.get(5)?,
        csr: row.get(6)?,
        created: row.get(7)?,
        changed: row.get(8)?,
    })
}

/// Appends to the log.
fn audit(t: &Transaction<'_>, at: i64, note: &Note<'_>) -> rusqlite::Result<()> {
    let last = t.query_row("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)));
    let (sequence, before): (i64, String) = last.optional()?.unwrap_or_else(|| (0, Entry::origin()));
    let Note { actor, action, subject, detail } = note;
    let text = |text: &str| text.to_owned();
    let entry = Entry { sequence: sequence + 1, at, actor: text(actor), action: text(action), subject: text(subject), detail: text(detail), before };
    t.execute(
        "INSERT INTO audit (sequence, at, actor, action, subject, detail, before, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![entry.sequence, at, actor, action, subject, detail, entry.before, entry.hash()],
    )?;
    Ok(())
}
