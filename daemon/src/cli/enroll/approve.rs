//! `enroll approve`, `reject`, `retry` and `key`: what a person decides, signed with his key.

use super::super::{Done, Failure};
use super::plan::Reviewed;
use super::{Place, now};
use enrollment::approval::{Approval, Statement};
use enrollment::registrar::Registrar;
use enrollment::request::Request;
use enrollment::sign::Key;
use enrollment::state::State;
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Whose word it is.
#[derive(clap::Args)]
struct Person {
    /// The name in the configuration, [[enrollment.approver]].
    #[arg(long = "as", value_name = "NAME")]
    name: String,
    /// The key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

impl Person {
    fn say(&self, registrar: &mut Registrar, request: &Request, decision: &str) -> Result<State, Failure> {
        if !self.key.exists() {
            return Err(Failure::new(format!("{}: no such key; `wirecensus enroll key` makes one", self.key.display())));
        }
        let key = Key::of_file(&self.key)?;
        let (request, binding) = (request.id.clone(), request.binding_digest());
        let statement = Statement { request, binding, decision: decision.to_owned(), approver: self.name.clone(), at: now() };
        Ok(registrar.decide(&Approval::sign(&key, statement), now())?.state)
    }
}

/// Shows exactly what would be sent, and with --yes signs it.
#[derive(clap::Args)]
pub(super) struct Approve {
    /// Ids of requests, or a plan.
    #[arg(value_name = "ID|PLAN", required_unless_present = "all")]
    what: Vec<String>,
    /// All that wait.
    #[arg(long, conflicts_with = "what")]
    all: bool,
    /// Of those, what goes to this target.
    #[arg(long, value_name = "NAME", requires = "all")]
    target: Option<String>,
    /// Signs; without it nothing is changed.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    place: Place,
}

impl Approve {
    pub(super) fn run(&self) -> Done {
        let mut registrar = self.place.registrar()?;
        let (mut words, mut rows) = (String::new(), Vec::new());
        for reviewed in self.requests(&registrar)? {
            // What is signed is what stands there now; a plan says what its reader saw.
            let request = registrar.held(&reviewed.id)?.request;
            if request.binding_digest() != reviewed.binding_digest() {
                return Err(Failure::new(format!("request {}: the device changed since the plan was written; write a new one", request.id)));
            }
            if !self.yes {
                let _ = writeln!(words, "{}", serde_json::to_string_pretty(&request)?);
                rows.push(json!({ "request": request, "state": "not signed" }));
                continue;
            }
            let state = self.person.say(&mut registrar, &request, "approve")?;
            let _ = writeln!(words, "{}\t{}", request.id, state.name());
            rows.push(json!({ "id": request.id, "state": state.name() }));
        }
        if !self.yes {
            eprintln!("note: nothing was signed; --yes signs what is shown here");
        }
        self.place.answer(&json!(rows), &words)
    }

    fn requests(&self, registrar: &Registrar) -> Result<Vec<Request>, Failure> {
        if self.all {
            let wanted = |target: &str| self.target.as_deref().is_none_or(|name| name == target);
            let waiting = registrar.store.all()?.into_iter().filter(|held| held.state == State::AwaitingApproval && wanted(&held.request.target));
            return Ok(waiting.map(|held| held.request).collect());
        }
        let mut requests = Vec::new();
        for word in &self.what {
            if Path::new(word).is_file() {
                requests.extend(Reviewed::read(Path::new(word))?.requests);
            } else {
                requests.push(registrar.held(word)?.request);
            }
        }
        Ok(requests)
    }
}

/// Refuses a request: it is not proposed again.
#[derive(clap::Args)]
pub(super) struct Reject {
    /// Its id.
    id: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    place: Place,
}

impl Reject {
    pub(super) fn run(&self) -> Done {
        let mut registrar = self.place.registrar()?;
        let request = registrar.held(&self.id)?.request;
        let state = self.person.say(&mut registrar, &request, "reject")?;
        self.place.answer(&json!({ "id": self.id, "state": state.name() }), &format!("{}\t{}\n", self.id, state.name()))
    }
}

/// Sends what failed, or is a dead letter, on its way again, as it was approved.
#[derive(clap::Args)]
pub(super) struct Retry {
    /// Its id.
    id: String,
    #[command(flatten)]
    place: Place,
}

impl Retry {
    pub(super) fn run(&self) -> Done {
        self.place.registrar()?.retry(&self.id, "person:operator", now())?;
        self.place.answer(&json!({ "id": self.id, "state": "requested" }), &format!("{}\trequested\n", self.id))
    }
}

/// Makes a key that its owner alone can read, and shows the public half for the configuration.
#[derive(clap::Args)]
pub(super) struct NewKey {
    /// The key's file; one that is there is read.
    file: PathBuf,
}

impl NewKey {
    pub(super) fn run(&self) -> Done {
        super::super::output::answer(&format!("public_key = \"{}\"\n", Key::of_file(&self.file)?.public()))
    }
}
