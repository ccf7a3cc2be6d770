//! A PROFINET station that starts asks for its own name, whether another has it (IEC 61158-6-10 §4.3.2.3). A controller asks for those of its
//! devices. Who asks for one name alone that nobody answers to, and shows no connection, is taken for that name's owner: an inference.

use super::{At, ClaimAt, Facts, Host, Name};
use fingerprints::{Attribute, Claim, Class};
use observations::{Field, Observation, Value};
use std::collections::BTreeSet;

/// The least that is told: a controller whose only device is missing asks in the same way.
const CONFIDENCE: u8 = 50;
/// Protocols of a connection: with one of them the name may as well be the partner's.
const CONNECTED: &[&str] = &["pn_io", "pn_rt"];
/// One name is told from several.
const NAMES_MAX: usize = 2;

impl<'a> Host<'a> {
    pub(super) fn take_asked_name(&mut self, said: &Observation, at: At<'a>) {
        let Some(Value::Text(name)) = said.get(Field::StationAskedFor) else { return };
        let name = String::from_utf8_lossy(name).into_owned();
        if let Some(known) = self.asked_names.get_mut(&name) {
            if (at.entry.first, at.source) < (known.entry.first, known.source) {
                *known = at;
            }
        } else if self.asked_names.len() < NAMES_MAX {
            self.asked_names.insert(name, at);
        }
    }
}

impl Facts<'_> {
    pub(super) fn infer_own_names(&mut self) {
        if self.hosts.values().all(|host| host.asked_names.is_empty()) {
            return;
        }
        let named = |claim: &ClaimAt<'_>| (claim.claim.attribute == Attribute::StationName).then(|| claim.claim.value.to_lowercase());
        let answered: BTreeSet<(Name, String)> =
            self.hosts.iter().flat_map(|(key, host)| host.claims.iter().filter_map(named).map(|name| (key.site, name))).collect();
        for (key, host) in &mut self.hosts {
            let (Some((name, at)), 1) = (host.asked_names.first_key_value(), host.asked_names.len()) else { continue };
            let connected = CONNECTED.iter().any(|protocol| host.protocols.contains(protocol));
            let named = host.claims.iter().any(|claim| claim.claim.attribute == Attribute::StationName);
            if connected || named || answered.contains(&(key.site, name.to_lowercase())) {
                continue;
            }
            let claim = Claim {
                attribute: Attribute::StationName,
                value: fingerprints::text::safe(&Value::Text(name.clone().into_bytes())),
                class: Class::Inferred,
                confidence: CONFIDENCE,
                rule: "behaviour:asks-for-its-own-name".to_owned(),
                field: Some(0),
            };
            let doubtful = self.doubtful.get(at.source as usize).copied().unwrap_or(false);
            host.claims.push(ClaimAt { claim, at: *at, protocol: "pn_dcp", endpoint: None, path: Vec::new(), doubtful });
        }
    }
}
