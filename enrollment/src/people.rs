//! People whom a vault authenticated: their token is looked up there by the registrar itself, once, and dropped.
//!
//! What is kept is who it was, and that this registrar saw it: a statement that bears the registrar's own signature. The token stands in
//! no log, no database and no message.

use crate::approval::Statement;
use crate::policy::Policy;
use serde::{Deserialize, Serialize};

/// The table `[enrollment.people]`: whose log-in at a vault counts as an approver's key does.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct People {
    /// The target whose vault authenticates them.
    pub vault: String,
    /// Who holds this policy there may approve, besides the entities that approvers name. People are given it by a group.
    pub policy: Option<String>,
}

/// Whom a token belongs to, as the vault says it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Who {
    /// The entity's id.
    pub entity: String,
    /// How the vault calls the log-in, for people.
    pub display_name: String,
    /// Path of the log-in, such as `auth/userpass/login/anna`.
    pub path: String,
    /// Policies of token and entity.
    pub policies: Vec<String>,
}

/// Log-ins of machines. A sensor and the registrar itself have entities, too.
const MACHINES: &[&str] = &["auth/approle/", "auth/token/", "auth/kubernetes/"];

impl Policy {
    /// The approver that somebody is whom the vault authenticated.
    ///
    /// # Errors
    /// Why he is none.
    pub fn person(&self, who: &Who) -> Result<String, String> {
        let Some(people) = &self.people else { return Err("no log-in at a vault counts here: [enrollment.people] names none".to_owned()) };
        if who.entity.is_empty() {
            return Err("the token is no person's: it has no entity".to_owned());
        }
        if MACHINES.iter().any(|machine| who.path.starts_with(machine)) {
            return Err(format!("{} is a machine's log-in: people agree, and they log in as such", who.path));
        }
        if let Some(approver) = self.approver.iter().find(|approver| approver.entity.as_ref() == Some(&who.entity)) {
            return Ok(approver.name.clone());
        }
        if people.policy.as_ref().is_some_and(|policy| who.policies.contains(policy)) {
            return Ok(format!("{VAULT}{}", who.entity));
        }
        Err(format!("entity {} is no approver's, and holds no policy that makes it one", who.entity))
    }

    /// Whether what a vault authenticated still counts for a person of this name.
    #[must_use]
    pub fn is_person(&self, name: &str) -> bool {
        let Some(people) = &self.people else { return false };
        let listed = self.approver.iter().any(|approver| approver.name == name && approver.entity.is_some());
        listed || (name.starts_with(VAULT) && people.policy.is_some())
    }
}

/// Before the entity's id of somebody who is no approver by name.
pub const VAULT: &str = "vault:";

/// What a registrar signs when a vault authenticated somebody.
#[derive(Serialize)]
pub(crate) struct Attested<'s> {
    pub(crate) attested: &'static str,
    pub(crate) statement: &'s Statement,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Approver;

    fn anna() -> Who {
        Who { entity: "e1".into(), path: "auth/userpass/login/anna".into(), ..Who::default() }
    }

    #[test]
    fn a_person_is_known_by_entity_or_policy_and_a_machine_is_none() {
        let approver = Approver { name: "anna".into(), entity: Some("e1".into()), ..Approver::default() };
        let people = People { vault: "v".into(), policy: Some("approve".into()) };
        let policy = Policy { approver: vec![approver], people: Some(people), ..Policy::default() };
        assert_eq!(policy.person(&anna()).unwrap(), "anna");
        let eve = Who { entity: "e2".into(), ..anna() };
        assert!(policy.person(&eve).unwrap_err().contains("no approver's"));
        assert_eq!(policy.person(&Who { policies: vec!["approve".into()], ..eve }).unwrap(), "vault:e2");
        assert!(policy.person(&Who { path: "auth/approle/login".into(), ..anna() }).unwrap_err().contains("machine"));
        assert!(policy.person(&Who { path: "auth/token/create".into(), ..anna() }).unwrap_err().contains("machine"));
        assert!(policy.person(&Who { entity: String::new(), ..anna() }).unwrap_err().contains("no entity"));
        assert!(Policy::default().person(&anna()).is_err());
        assert!(policy.is_person("anna") && policy.is_person("vault:e2") && !policy.is_person("bob"));
    }
}
