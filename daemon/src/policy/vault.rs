//! What a vault lists, from the registrar's database: its devices are managed, and its CA is trusted.

use super::{PolicyError, trust};
use enrollment::listed::{List, lists};
use enrollment::store::Store;
use inventory::judge::policy::Policy;
use std::path::Path;

/// The lists in a registrar's database, which is only read.
///
/// # Errors
/// [`PolicyError`] names the file and the reason.
pub fn read(path: &Path) -> Result<Vec<List>, PolicyError> {
    let wrong = |reason: String| PolicyError { file: path.to_owned(), reason };
    let told = |error: enrollment::store::StoreError| wrong(error.reason().to_owned());
    lists(&Store::open_read_only(path).map_err(told)?).map_err(told)
}

/// Adds them to what an operator knows. That a vault's CA is trusted makes nobody else's a finding.
pub fn add(policy: &mut Policy, lists: Vec<List>) {
    for list in lists {
        // What the vault keeps of its CA and we cannot read vouches for nobody.
        let issuers: Vec<_> = list.issuers.iter().filter_map(|pem| trust::issuers(pem.as_bytes()).ok()).flatten().collect();
        policy.others_issue |= policy.issuers.is_empty() && !issuers.is_empty();
        policy.issuers.extend(issuers);
        policy.authorities.push(list.authority);
    }
}
