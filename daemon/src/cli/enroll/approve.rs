//! `enroll approve` and `enroll reject`: what a person says of requests, signed with his key or by his log-in at the vault.

use super::{Desk, Done, Failure, json, now, plan};
use crate::capture::text::shown;
use enrollment::approval::{Approval, Statement, agreeing};
use enrollment::people::Who;
use enrollment::registrar::{Decision, Error, Registrar};
use enrollment::request::Request;
use enrollment::sign::Key;
use enrollment::state::State;
use enrollment::store::Held;
use enrollment::targets::deciding::Decider;
use enrollment::targets::proposing::At;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

/// Who says it, and with which key.
#[derive(clap::Args)]
struct Person {
    /// Your name, as the configuration lists it among the approvers.
    #[arg(long = "as", value_name = "NAME", required_unless_present = "vault_token_file", requires = "key")]
    name: Option<String>,
    /// Your key (`enroll key FILE` makes one); the public half stands in the configuration.
    #[arg(long, value_name = "FILE", requires = "name")]
    key: Option<PathBuf>,
    /// Instead of a key: a file with your token of the vault. The registrar looks it up there, once, and keeps it nowhere.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "key"])]
    vault_token_file: Option<PathBuf>,
    /// With a token: the registrar's front, https://HOST:PORT, where the registrar is on another host.
    #[arg(long, value_name = "ADDRESS", requires = "vault_token_file")]
    at: Option<String>,
    /// The CAs that may vouch for the front, PEM.
    #[arg(long, value_name = "FILE", requires = "at")]
    ca_file: Option<PathBuf>,
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
        if let Some(front) = self.person.front()? {
            return self.there(&front);
        }
        let mut registrar = self.desk.registrar()?;
        let which = self.which(&registrar)?;
        if which.is_empty() {
            return crate::cli::output::answer("Nothing waits for approval.\n");
        }
        if !self.yes {
            return shows(&which);
        }
        say(&mut registrar, &which, &self.person, "approve", &self.desk)
    }

    /// At a registrar on another host.
    fn there(&self, front: &Decider) -> Done {
        if self.all {
            return Err(Failure::usage("at a registrar on another host: ids, or --plan FILE, and not --all".to_owned()));
        }
        let which = match &self.plan {
            Some(path) => plan::read(path)?,
            None => self.requests.iter().map(|id| front.proposal(id)).collect::<Result<_, _>>()?,
        };
        if self.yes { say_there(front, &which, "approve") } else { shows(&which) }
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

fn shows(which: &[Request]) -> Done {
    eprintln!("this is what would be sent; --yes agrees to it");
    crate::cli::output::answer(&json(&which)?)
}

impl Person {
    /// The front, if it is to be said there.
    fn front(&self) -> Result<Option<Decider>, Failure> {
        let (Some(address), Some(token)) = (&self.at, &self.vault_token_file) else { return Ok(None) };
        let at = At { address: address.clone(), ca_file: self.ca_file.clone(), ..At::default() };
        Ok(Some(Decider::open(&at, token)?))
    }

    /// How this person's word is taken in by this registrar.
    fn voice(&self, registrar: &Registrar, desk: &Desk) -> Result<Voice, Failure> {
        if let Some(file) = &self.vault_token_file {
            return Ok(Voice::Vault(registrar.who(file)?, desk.own_key()?));
        }
        let (Some(name), Some(file)) = (&self.name, &self.key) else { return Err(Failure::usage("--as NAME and --key FILE".to_owned())) };
        if !file.exists() {
            return Err(Failure::new(format!("{}: no such key; `enroll key FILE` makes one", shown(&file.to_string_lossy()))));
        }
        Ok(Voice::Key(name.clone(), Key::of_file(file)?))
    }
}

/// By what a person's word counts.
enum Voice {
    /// His name, and his own key.
    Key(String, Key),
    /// Whom the vault authenticated, and the registrar's key.
    Vault(Who, Key),
}

impl Voice {
    fn say(&self, registrar: &mut Registrar, request: &Request, decision: &str) -> Result<Held, Error> {
        let (id, binding, decision) = (request.id.clone(), request.binding_digest(), decision.to_owned());
        match self {
            Self::Vault(who, key) => registrar.decide_as(who, Decision { request: id, binding, decision }, key, now()),
            Self::Key(name, key) => {
                let statement = Statement { request: id, binding, decision, approver: name.clone(), at: now() };
                registrar.decide(&Approval::sign(key, statement), now())
            }
        }
    }
}

/// Says it to a registrar on another host.
fn say_there(front: &Decider, which: &[Request], decision: &str) -> Done {
    let said = |request: &Request| Decision { request: request.id.clone(), binding: request.binding_digest(), decision: decision.to_owned() };
    let decided = front.decide(&which.iter().map(said).collect::<Vec<_>>())?;
    let (mut text, mut refused) = (String::new(), 0);
    for one in &decided {
        match &one.outcome {
            Ok(stands) => {
                let _ = writeln!(text, "{}  {}", shown(&one.request), shown(stands));
            }
            Err(why) => {
                refused += 1;
                eprintln!("wirecensus: {}: {}", shown(&one.request), shown(why));
            }
        }
    }
    crate::cli::output::answer(&text)?;
    if refused > 0 { Err(Failure::new(format!("{refused} of {} were not taken", which.len()))) } else { Ok(std::process::ExitCode::SUCCESS) }
}

impl Reject {
    pub(super) fn run(&self) -> Done {
        if let Some(front) = self.person.front()? {
            let which: Vec<Request> = self.requests.iter().map(|id| front.proposal(id)).collect::<Result<_, _>>()?;
            return say_there(&front, &which, "reject");
        }
        let mut registrar = self.desk.registrar()?;
        let which: Vec<Request> = self.requests.iter().map(|id| Ok::<_, Failure>(registrar.held(id)?.request)).collect::<Result<_, _>>()?;
        say(&mut registrar, &which, &self.person, "reject", &self.desk)
    }
}

/// Signs and takes in; one that does not count does not keep the others from it.
fn say(registrar: &mut Registrar, which: &[Request], person: &Person, decision: &str, desk: &Desk) -> Done {
    let voice = person.voice(registrar, desk)?;
    let (mut text, mut refused, mut stand) = (String::new(), 0, BTreeMap::new());
    for request in which {
        let id = request.id.clone();
        match voice.say(registrar, request, decision) {
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
