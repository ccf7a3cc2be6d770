//! What a person signs when he agrees or refuses, and whether that is enough.

use crate::people::{Attested, VAULT};
use crate::policy::Policy;
use crate::request::Request;
use crate::sign::{Key, verify};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What is signed. It binds what an approval is about, so that a device seen once more keeps it and a changed one does not.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Statement {
    /// The request's id.
    pub request: String,
    /// [`Request::binding_digest`].
    pub binding: String,
    /// `approve` or `reject`.
    pub decision: String,
    /// The person's name in the policy.
    pub approver: String,
    /// Seconds since 1970.
    pub at: i64,
}

/// A statement with its signature.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Approval {
    /// What is said.
    pub statement: Statement,
    /// Over its canonical JSON, hexadecimal.
    pub signature: String,
}

impl Approval {
    /// Signs.
    #[must_use]
    pub fn sign(key: &Key, statement: Statement) -> Self {
        Self { signature: key.sign(&statement), statement }
    }

    /// Signs for a person whom a vault authenticated, with the key of the registrar that saw it.
    #[must_use]
    pub fn attest(key: &Key, statement: Statement) -> Self {
        let signature = key.sign(&Attested { attested: "vault", statement: &statement });
        Self { signature: format!("{VAULT}{signature}"), statement }
    }

    /// Whether it counts for this request under this policy.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, request: &Request, policy: &Policy) -> Result<(), String> {
        let Statement { binding, approver, .. } = &self.statement;
        let known = policy.approver.iter().find(|known| known.name == *approver);
        if known.is_none() && !policy.is_person(approver) {
            return Err(format!("{approver} is no approver: the policy lists {:?}", names(policy)));
        }
        if self.statement.request != request.id || *binding != request.binding_digest() {
            return Err("it is about something else: the request is another one, or has changed since".to_owned());
        }
        match self.signature.strip_prefix(VAULT) {
            Some(_) if !policy.is_person(approver) => return Err(format!("no log-in at a vault makes anybody {approver} any more")),
            Some(seen) if !verify(&policy.attested_by, &Attested { attested: "vault", statement: &self.statement }, seen) => {
                return Err(format!("it is not this registrar that saw a vault authenticate {approver}"));
            }
            None if !known.is_some_and(|known| verify(&known.public_key, &self.statement, &self.signature)) => {
                return Err(format!("it is not signed with the key of {approver}"));
            }
            _ => {}
        }
        if request.requested_by == format!("person:{approver}") {
            return Err(format!("{approver} asked for it himself: others must agree"));
        }
        Ok(())
    }
}

fn names(policy: &Policy) -> Vec<&str> {
    policy.approver.iter().map(|approver| approver.name.as_str()).collect()
}

/// How many people agree, of those whose word still counts.
#[must_use]
pub fn agreeing(approvals: &[Approval], request: &Request, policy: &Policy) -> usize {
    let counts = |approval: &&Approval| approval.statement.decision == "approve" && approval.check(request, policy).is_ok();
    approvals.iter().filter(counts).map(|approval| &approval.statement.approver).collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Approver;

    #[test]
    fn one_person_is_one_however_often_he_signs_and_a_changed_device_voids_it() {
        let (anna, eve) = (Key::generate().unwrap(), Key::generate().unwrap());
        let policy = Policy { approver: vec![Approver { name: "anna".into(), public_key: anna.public(), entity: None }], ..Policy::default() };
        let mut request = Request { id: "1".into(), ..Request::default() };
        let say = |key: &Key, approver: &str, at, request: &Request| {
            let (id, binding) = (request.id.clone(), request.binding_digest());
            Approval::sign(key, Statement { request: id, binding, decision: "approve".into(), approver: approver.into(), at })
        };
        let twice = [say(&anna, "anna", 1, &request), say(&anna, "anna", 2, &request), say(&eve, "anna", 3, &request), say(&eve, "eve", 4, &request)];
        assert_eq!(agreeing(&twice, &request, &policy), 1);
        assert!(twice[2].check(&request, &policy).unwrap_err().contains("not signed with the key of anna"));
        assert!(twice[3].check(&request, &policy).unwrap_err().contains("eve is no approver"));
        request.identifiers.mac.push("00:80:f4:01:02:03".into());
        assert_eq!(agreeing(&twice, &request, &policy), 0);
        let own = Request { requested_by: "person:anna".into(), ..request };
        assert!(say(&anna, "anna", 5, &own).check(&own, &policy).unwrap_err().contains("himself"));
    }
}
