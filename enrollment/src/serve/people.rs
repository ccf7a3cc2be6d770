//! What the front answers to a person whom a vault authenticates.

use super::answer::{Asked, Desk, Reply, lock, trouble};
use super::gate::PEOPLE;
use crate::approval::agreeing;
use crate::people::Who;
use crate::registrar::{Decision, Error};
use crate::target::{Failure, Reason};
use crate::targets::vault::who;
use serde::Deserialize;
use serde_json::{Value, json};

/// Decisions in one call: a plan in a few calls, and each call in a second or two.
const DECISIONS_MAX: usize = 500;
/// Seconds after which a vault that is in trouble is worth another call.
const VAULT: u32 = 30;

impl Desk {
    /// Who calls, by one look-up of the token, and the approver that he is.
    fn person(&self, asked: &Asked, now: i64) -> Result<(Who, String), Reply> {
        let token = asked.token.as_ref().ok_or_else(|| Reply::problem(401, "no token", "X-Vault-Token holds a person's token of the vault"))?;
        self.pass("people", PEOPLE, now)?;
        // A vault that is slow keeps no sensor waiting: the database is not held meanwhile.
        let policy = lock(&self.registrar).policy.clone();
        let who = who(&policy, token.reveal()).map_err(|failure| unknown(&failure))?;
        let name = policy.person(&who).map_err(|why| self.refuse(&why, now))?;
        Ok((who, name))
    }

    /// A request exactly as it would be sent.
    pub(super) fn proposal(&self, asked: &Asked, id: &str, now: i64) -> Result<Reply, Reply> {
        self.person(asked, now)?;
        let held = lock(&self.registrar).store.get(id).map_err(|error| trouble(&error.into()))?;
        let held = held.ok_or_else(|| Reply::problem(404, "not found", "there is no such request"))?;
        Ok(Reply::of(200, json!(held.request)))
    }

    /// What a person says of requests: each counts by itself.
    pub(super) fn decide(&self, asked: &Asked, now: i64) -> Result<Reply, Reply> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Decisions {
            decisions: Vec<Decision>,
        }
        let (who, approver) = self.person(asked, now)?;
        let said: Decisions =
            serde_json::from_slice(&asked.body).map_err(|error| Reply::problem(400, "no decisions", &format!("the body: {error}")))?;
        if said.decisions.len() > DECISIONS_MAX {
            return Err(Reply::problem(413, "too many", &format!("at most {DECISIONS_MAX} decisions in a call")));
        }
        let outcomes: Vec<Value> = said.decisions.into_iter().map(|one| self.decide_one(&who, one, now)).collect::<Result<_, _>>()?;
        Ok(Reply::of(200, json!({ "approver": approver, "login": who.display_name, "decisions": outcomes })))
    }

    fn decide_one(&self, who: &Who, said: Decision, now: i64) -> Result<Value, Reply> {
        let mut registrar = lock(&self.registrar);
        let id = said.request.clone();
        match registrar.decide_as(who, said, &self.key, now) {
            Ok(held) => {
                let approvals = registrar.store.approvals(&id).map_err(|error| trouble(&error.into()))?;
                let agreed = agreeing(&approvals, &held.request, &registrar.policy);
                Ok(json!({ "request": id, "state": held.state.name(), "agreed": agreed, "required": registrar.policy.approvals_required }))
            }
            Err(Error::Refused(why)) => Ok(json!({ "request": id, "problem": why })),
            Err(error) => Err(trouble(&error)),
        }
    }
}

/// The vault does not know the token, or does not answer.
fn unknown(failure: &Failure) -> Reply {
    match failure.reason {
        Reason::Unauthenticated => Reply::problem(401, "not authenticated", &failure.message),
        Reason::Refused => Reply::problem(403, "not allowed", &failure.message),
        _ => Reply { retry_after: Some(VAULT), ..Reply::problem(503, "the vault does not answer", &failure.message) },
    }
}
