//! What people say whom a vault authenticated.

use super::{Error, Registrar};
use crate::approval::{Approval, Statement};
use crate::people::Who;
use crate::sign::Key;
use crate::store::Held;
use crate::target::Failure;
use crate::targets::read_private;
use crate::targets::vault::who;
use std::path::Path;

/// What a person says of one request.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The request's id.
    pub request: String,
    /// Its binding digest, as it stood when it was reviewed.
    pub binding: String,
    /// `approve` or `reject`.
    pub decision: String,
}

impl Registrar {
    /// Who holds the token in a file, by the vault of `[enrollment.people]`.
    ///
    /// # Errors
    /// If the file cannot be read, others may read it, there is no such vault, it does not answer, or does not know the token.
    pub fn who(&self, token_file: &Path) -> Result<Who, Failure> {
        who(&self.policy, read_private("people", "--vault-token-file", token_file)?.reveal())
    }

    /// Takes in what somebody says whom the vault authenticated, under this registrar's own key.
    ///
    /// # Errors
    /// If he is no approver, or what he says does not count.
    pub fn decide_as(&mut self, who: &Who, said: Decision, key: &Key, now: i64) -> Result<Held, Error> {
        // What is attested now is held against the same key.
        self.policy.attested_by = key.public();
        let approver = self.policy.person(who).map_err(Error::Refused)?;
        let Decision { request, binding, decision } = said;
        let statement = Statement { request, binding, decision, approver, at: now };
        self.decide(&Approval::attest(key, statement), now)
    }
}
