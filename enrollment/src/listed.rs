//! What targets list, as lists of managed devices: a vault that answers is a list that covers its sites.

use crate::state::State;
use crate::store::{Held, Listed, Polled, Result, Store};
use inventory::managed::{Authority, Entry};
use std::collections::{BTreeMap, BTreeSet};

/// A target's list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct List {
    /// Its devices: those that were registered with their identifiers, and whoever else was given a certificate.
    pub authority: Authority,
    /// Certificates of its CA, PEM.
    pub issuers: Vec<String>,
}

/// The lists of all targets that keep one and have answered.
///
/// # Errors
/// If the database cannot be read.
pub fn lists(store: &Store) -> Result<Vec<List>> {
    let mut requests: BTreeMap<String, Vec<Held>> = BTreeMap::new();
    for held in store.all()?.into_iter().filter(|held| held.external_id.is_some() && is_listed(held.state)) {
        requests.entry(held.request.target.clone()).or_default().push(held);
    }
    let mut all = Vec::new();
    for target in store.polled_targets()? {
        let Some(polled) = store.polled(&target)?.filter(|polled| polled.lists && polled.polled_at.is_some()) else { continue };
        all.push(list(&target, &polled, requests.get(&target).map(Vec::as_slice).unwrap_or_default(), &store.listed(&target)?));
    }
    Ok(all)
}

/// Whether the target holds an identity, or a record, of the device.
const fn is_listed(state: State) -> bool {
    state.is_watched() || matches!(state, State::Accepted | State::Suspended | State::DeactivationProposed | State::Retired)
}

fn list(target: &str, polled: &Polled, requests: &[Held], listed: &[Listed]) -> List {
    let mut given: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for one in listed.iter().filter(|one| one.revoked_at.is_none()) {
        given.entry(one.request.as_deref().unwrap_or_default()).or_default().insert(one.sha256.clone());
    }
    let lower = |texts: &[String]| texts.iter().map(|text| text.to_lowercase()).collect::<BTreeSet<_>>();
    let of_request = |held: &Held| {
        let names = &held.request.identifiers;
        Entry {
            name: name(&[&held.request.requested.common_name, &held.request.id]),
            macs: names.mac.iter().filter_map(|mac| mac.parse().ok()).collect(),
            serials: lower(&names.serial),
            hostnames: lower(&names.hostnames),
            certificates: given.get(held.request.id.as_str()).cloned().unwrap_or_default(),
            retired: held.state == State::Retired,
            ..Entry::default()
        }
    };
    // Whoever bears a certificate of the vault's is its device, whoever asked for it; its names alone say nothing.
    let others = listed.iter().filter(|one| one.request.is_none() && !one.authority && one.revoked_at.is_none());
    let of_other = |one: &Listed| Entry {
        name: name(&[one.names.first().map_or("", String::as_str), &one.subject]),
        certificates: [one.sha256.clone()].into(),
        ..Entry::default()
    };
    let authority = Authority {
        name: target.to_owned(),
        as_of: polled.polled_at.and_then(|at| at.checked_mul(1_000_000_000)),
        sites: polled.sites.clone(),
        entries: requests.iter().map(of_request).chain(others.map(of_other)).collect(),
        partial: !polled.complete,
        revoked: listed.iter().filter_map(|one| Some((one.sha256.clone(), one.revoked_at?.checked_mul(1_000_000_000)?))).collect(),
    };
    List { authority, issuers: listed.iter().filter(|one| one.authority && one.revoked_at.is_none()).map(|one| one.certificate.clone()).collect() }
}

fn name(candidates: &[&str]) -> String {
    candidates.iter().find(|name| !name.is_empty()).map_or_else(String::new, |name| (*name).to_owned())
}
