//! An approval: the signed statement of a person over exactly what would be sent. It is checked where things are sent from, each time.

use crate::request::{Request, canonical};
use crate::sign::{Key, verify};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A person whose word counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Approver {
    /// Who it is.
    pub name: String,
    /// The public key, in hexadecimal.
    pub public_key: String,
}

/// Yes or no.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Yes.
    Approve,
    /// No.
    Reject,
}

/// What is signed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Statement {
    /// The request's id.
    pub request: String,
    /// Its binding digest: a device that changed has another.
    pub binding: String,
    /// Yes or no.
    pub decision: Decision,
    /// When it was signed, milliseconds since 1970.
    pub at: i64,
}

/// A statement with its signature.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Signed {
    /// What is signed.
    pub statement: Statement,
    /// The public key, in hexadecimal.
    pub key: String,
    /// The signature over the canonical JSON of the statement, in hexadecimal.
    pub signature: String,
}

/// Clocks of two machines may differ by this; a statement from later than that is none.
const SKEW: i64 = 5 * 60 * 1000;

impl Signed {
    /// Signs a decision on a request.
    #[must_use]
    pub fn new(request: &Request, decision: Decision, at: i64, key: &Key) -> Self {
        let statement = Statement { request: request.id.clone(), binding: request.binding_digest(), decision, at };
        let signature = key.sign(&canonical(&statement));
        Self { statement, key: key.public(), signature }
    }

    /// Whose word it is, if it counts for this request as it stands.
    ///
    /// # Errors
    /// Why it does not count.
    pub fn by<'a>(&self, request: &Request, approvers: &'a [Approver], now: i64) -> Result<&'a str, String> {
        let person = approvers.iter().find(|one| one.public_key == self.key);
        let person = person.ok_or_else(|| format!("the key {} is none of an approver", self.key))?;
        if !verify(&self.key, &canonical(&self.statement), &self.signature) {
            return Err(format!("the signature is not that of {}", person.name));
        }
        if person.name == request.requested_by {
            return Err(format!("{} asked for it, and cannot approve it", person.name));
        }
        if self.statement.request != request.id {
            return Err("it speaks of another request".to_owned());
        }
        if self.statement.binding != request.binding_digest() {
            return Err("the device changed since: review it and approve it again".to_owned());
        }
        if self.statement.at > now.saturating_add(SKEW) {
            return Err("it was signed in the future: check the clocks".to_owned());
        }
        Ok(&person.name)
    }
}

/// Distinct people who approve a request as it stands.
#[must_use]
pub fn people<'a>(request: &Request, signed: &[Signed], approvers: &'a [Approver], now: i64) -> BTreeSet<&'a str> {
    let yes = signed.iter().filter(|one| one.statement.decision == Decision::Approve);
    yes.filter_map(|one| one.by(request, approvers, now).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Identifiers;

    #[test]
    fn only_distinct_listed_people_other_than_the_requester_count_and_only_for_what_they_saw() {
        let folder = tempfile::tempdir().unwrap();
        let key = |name: &str| Key::create(&folder.path().join(name)).unwrap();
        let (ann, bob, eve) = (key("ann"), key("bob"), key("eve"));
        let person = |name: &str, key: &Key| Approver { name: name.to_owned(), public_key: key.public() };
        let list = [person("ann", &ann), person("bob", &bob)];
        let request = Request { id: "r".to_owned(), requested_by: "policy:x".to_owned(), ..Request::default() };
        let yes = |key: &Key| Signed::new(&request, Decision::Approve, 1, key);
        assert_eq!(people(&request, &[yes(&ann), yes(&ann), yes(&eve)], &list, 1).len(), 1);
        assert_eq!(people(&request, &[yes(&ann), yes(&bob)], &list, 1).len(), 2);
        let asked = Request { requested_by: "ann".to_owned(), ..request.clone() };
        assert_eq!(people(&asked, &[yes(&ann), yes(&bob)], &list, 1).len(), 1);
        let forged = Signed { signature: yes(&bob).signature, ..yes(&ann) };
        assert!(forged.by(&request, &list, 1).unwrap_err().contains("not that of ann"));
        let changed = Request { identifiers: Identifiers { ip: vec!["10.0.0.1".to_owned()], ..Identifiers::default() }, ..request.clone() };
        assert!(yes(&ann).by(&changed, &list, 1).unwrap_err().contains("changed"));
        let later = Signed::new(&request, Decision::Approve, SKEW + 2, &ann);
        assert!(later.by(&request, &list, 1).unwrap_err().contains("future"));
    }
}
