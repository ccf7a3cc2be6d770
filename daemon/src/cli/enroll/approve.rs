//! `enroll approve` and `enroll reject`: what a person says of requests, signed with his key.

use super::{Desk, Done, Failure, json, now, plan};
use crate::capture::text::shown;
use enrollment::approval::{Approval, Statement, agreeing};
use enrollment::registrar::Registrar;
use enrollment::request::Request;
use enrollment::sign::Key;
use enrollment::state::State;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

/// Who says it, and with which key.
#[derive(clap::Args)]
struct Person {
    /// Your name, as the configuration lists it among the approvers.
    #[arg(long = "as", value_name = "NAME")]
    name: String,
    /// Your key (`enroll key FILE` makes one); the public half stands in the configuration.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

/// Agrees to requests. Shows exactly what would be sent, and agrees only with --yes.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["requests", "plan", "all"]))]
pub(super) struct Approve {
    /// Ids of requests.
    #[arg(value_name = "ID")]
    requests: Vec<String>,
    /// All of a plan that people have reviewed, as it stood there.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// All that wait.
    #[arg(long)]
    all: bool,
    /// With --all: only those of this identity profile.
    #[arg(long, value_name = "PROFILE", requires = "all")]
    profile: Option<String>,
    /// With --all: only those of this site.
    #[arg(long, value_name = "SITE", requires = "all")]
    site: Option<String>,
    /// Agrees; without it is only shown what would be agreed to.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    desk: Desk,
}

/// Refuses requests: they are not proposed again.
#[derive(clap::Args)]
pub(super) struct Reject {
    /// Ids of requests.
    #[arg(value_name = "ID", required = true)]
    requests: Vec<String>,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    desk: Desk,
}

impl Approve {
    pub(super) fn run(&self) -> Done {
        let mut registrar = self.desk.registrar()?;
        let which = self.which(&registrar)?;
        if which.is_empty() {
            return crate::cli::output::answer("Nothing waits for approval.\n");
        }
        if !self.yes {
            eprintln!("this is what would be sent; --yes agrees to it");
            return crate::cli::output::answer(&json(&which)?);
        }
        say(&mut registrar, &which, &self.person, "approve", &self.desk)
    }

    /// What is meant, as it stood when it was reviewed.
    fn which(&self, registrar: &Registrar) -> Result<Vec<Request>, Failure> {
        if let Some(path) = &self.plan {
            return plan::read(path);
        }
        if !self.all {
            return self.requests.iter().map(|id| Ok(registrar.held(id)?.request)).collect();
        }
        let fits = |request: &Request| {
            self.profile.as_ref().is_none_or(|profile| request.identity_profile == *profile)
                && self.site.as_ref().is_none_or(|site| request.site == *site)
        };
        let waiting = registrar.store.all()?.into_iter().filter(|held| held.state == State::AwaitingApproval);
        Ok(waiting.map(|held| held.request).filter(fits).collect())
    }
}

impl Reject {
    pub(super) fn run(&self) -> Done {
        let mut registrar = self.desk.registrar()?;
        let which: Vec<Request> = self.requests.iter().map(|id| Ok::<_, Failure>(registrar.held(id)?.request)).collect::<Result<_, _>>()?;
        say(&mut registrar, &which, &self.person, "reject", &self.desk)
    }
}

/// Signs and takes in; one that does not count does not keep the others from it.
fn say(registrar: &mut Registrar, which: &[Request], person: &Person, decision: &str, desk: &Desk) -> Done {
    if !person.key.exists() {
        return Err(Failure::new(format!("{}: no such key; `enroll key FILE` makes one", shown(&person.key.to_string_lossy()))));
    }
    let key = Key::of_file(&person.key)?;
    let (mut text, mut refused, mut stand) = (String::new(), 0, BTreeMap::new());
    for request in which {
        let (id, binding, approver) = (request.id.clone(), request.binding_digest(), person.name.clone());
        let statement = Statement { request: id.clone(), binding, decision: decision.to_owned(), approver, at: now() };
        match registrar.decide(&Approval::sign(&key, statement), now()) {
            Ok(held) => {
                let agreed = agreeing(&registrar.store.approvals(&id)?, &held.request, &registrar.policy);
                stand.insert(id.clone(), held.state.name());
                let _ = writeln!(text, "{id}  {}: {agreed} of {} agree", held.state, registrar.policy.approvals_required);
            }
            Err(error) => {
                refused += 1;
                eprintln!("wirecensus: {id}: {}", shown(&error.to_string()));
            }
        }
    }
    crate::cli::output::answer(&if desk.json { json(&stand)? } else { text })?;
    if refused > 0 { Err(Failure::new(format!("{refused} of {} were not taken", which.len()))) } else { Ok(std::process::ExitCode::SUCCESS) }
}
