//! What a counterpart of enrollment can do. One file a kind in `targets/`; the outbox knows only this trait.

use crate::request::Request;
use std::time::Duration;

/// A vault, an enrollment API, a webhook, a folder of hand-off files.
///
/// Every call is idempotent by the request's id: the outbox delivers at least once, and a call whose answer was lost is made again.
pub trait Target: Send {
    /// What kind it is, as the configuration spells it.
    fn kind(&self) -> &'static str;

    /// Asks what this credential may do there, and whether the other side answers at all. Changes nothing.
    ///
    /// # Errors
    /// If it does not answer, or refuses the credential.
    fn probe(&mut self) -> Result<Capabilities, Failure>;

    /// Makes the device known there, once: a second call for the same request finds the first.
    ///
    /// # Errors
    /// If it could not be done; [`Failure::retry`] says whether it is worth another try.
    fn register(&mut self, request: &Request) -> Result<Registered, Failure>;

    /// Has the request's CSR signed.
    ///
    /// # Errors
    /// As [`Self::register`]; [`Reason::Unsupported`] where this kind signs nothing.
    fn sign(&mut self, request: &Request, csr_pem: &str) -> Result<Issued, Failure>;

    /// What became of a registration.
    ///
    /// # Errors
    /// As [`Self::register`].
    fn status(&mut self, registered: &Registered) -> Result<Status, Failure>;

    /// Certificates that the other side issued, without those whose serials are `known`, and all serials that it revoked.
    ///
    /// # Errors
    /// As [`Self::register`]; [`Reason::Unsupported`] where it keeps no list.
    fn issued(&mut self, known: &dyn Fn(&str) -> bool) -> Result<IssuedList, Failure>;

    /// Tells what the wire shows of a registered device.
    ///
    /// # Errors
    /// As [`Self::register`].
    fn posture(&mut self, registered: &Registered, posture: &Posture) -> Result<(), Failure>;

    /// Proposes that an identity be taken back. Nothing is revoked or disabled by this call: people there decide.
    ///
    /// # Errors
    /// As [`Self::register`].
    fn propose_deactivation(&mut self, registered: &Registered, why: &str) -> Result<(), Failure>;
}

/// What a target can do with this credential.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Capabilities {
    /// The product and version, where it says so.
    pub server: String,
    /// Whether devices can be registered.
    pub register: bool,
    /// Profiles for which a CSR would be signed.
    pub sign: Vec<String>,
    /// Whether what it issued can be listed.
    pub list: bool,
    /// What works less well than it could, and what is missing, each a sentence that says what to do.
    pub notes: Vec<String>,
    /// Rights that this credential has and should not have.
    pub excess: Vec<String>,
}

/// A device that the other side knows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Registered {
    /// By which the other side finds it again: an entity's id, a URL, a file.
    pub external_id: String,
    /// Whether it was there already, from this same request.
    pub replayed: bool,
}

/// A certificate that was issued.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Issued {
    /// Serial number, lower-case hex without separators.
    pub serial: String,
    /// The leaf, PEM.
    pub certificate_pem: String,
    /// What leads from it to the root, PEM, leaf's issuer first.
    pub chain_pem: Vec<String>,
    /// RFC 3339.
    pub not_after: String,
}

/// What the other side issued.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IssuedList {
    /// Those that were not known.
    pub new: Vec<Issued>,
    /// Serials that were revoked.
    pub revoked: Vec<String>,
    /// Certificates of the CA itself that were not known: what it issues leads to them.
    pub authorities: Vec<Issued>,
    /// More was issued than one look fetches: the next look fetches the next ones.
    pub more: bool,
    /// Whether every certificate of that issuer must stand here. A role that stores nothing (`no_store`) makes it false.
    pub complete: bool,
}

/// What became of a registration, as the other side tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Status {
    /// Waits there, for people or for the device; ask again after that time.
    Pending(Option<Duration>),
    /// It is known.
    Registered,
    /// It has an identity, with this serial where known.
    Enrolled(Option<String>),
    /// People there said no, and why.
    Rejected(String),
    /// It is not there any more.
    Gone,
}

/// What the wire shows of a registered device.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Posture {
    /// A state of the enrollment: `verified`, `stale`, `suspended` …
    pub state: String,
    /// Serial of the certificate that was seen.
    pub serial: Option<String>,
    /// When, RFC 3339 (packet time).
    pub as_of: String,
    /// Rule ids of open findings.
    pub findings: Vec<String>,
}

/// Why a call failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The kind.
    pub reason: Reason,
    /// What was asked, what came back, and what to do, in a sentence; never a credential.
    pub message: String,
}

/// Kinds of failure. Each leads to something else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// No connection, a time-out, a 5xx: again later.
    Unreachable,
    /// The certificate of the other side is not trusted, or names another host: the configuration must change.
    Untrusted,
    /// Sealed, standby, not initialised: again later, all of this target's requests wait.
    Sealed,
    /// Too many requests; after that time, if it said so.
    Throttled(Option<Duration>),
    /// The credential is wrong or expired, after one more log-in was tried.
    Unauthenticated,
    /// The credential lacks a right.
    Denied,
    /// Another's record stands there.
    Conflict,
    /// The request is refused as it stands.
    Refused,
    /// This kind, or this server, cannot do it.
    Unsupported,
    /// The answer is none that its documentation knows.
    Garbled,
}

impl Failure {
    /// Whether the same call may succeed later without anybody's doing: what it takes is time.
    #[must_use]
    pub fn retry(&self) -> bool {
        matches!(self.reason, Reason::Unreachable | Reason::Sealed | Reason::Throttled(_) | Reason::Garbled)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
