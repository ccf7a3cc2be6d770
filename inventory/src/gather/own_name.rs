//! A PROFINET station that starts asks for its own name, whether another has it (IEC 61158-6-10 §4.3.2.3). A controller asks for those of its
//! devices. Who asks for one name alone that nobody answers to, and shows no connection, is taken for that name's owner: an inference.

use super::{At, Facts, Name, Tell, presents};
use fingerprints::{Attribute, Claim, Class, Fingerprints};
use observations::{EntryRef, Field, Statement, ValueRef};
use std::collections::BTreeSet;

/// The least that is told: a controller whose only device is missing asks in the same way.
const CONFIDENCE: u8 = 50;
/// Protocols of a connection: with one of them the name may as well be the partner's.
const CONNECTED: &[&str] = &["pn_io", "pn_rt"];
/// One name is told from several.
const NAMES_MAX: usize = 2;

impl<'a> Facts<'a> {
    /// Notes the name that a host asks for, and where it asked first.
    pub(super) fn asks_for_name(&mut self, host: u32, said: &Statement<'_>, at: At, entry: EntryRef<'_>) {
        let Some(ValueRef::Text(name)) = said.get(Field::StationAskedFor) else { return };
        let name = String::from_utf8_lossy(name).into_owned();
        let names = self.asked_names.entry(host).or_default();
        if let Some(known) = names.iter_mut().find(|known| known.0 == name) {
            if (entry.first, at.source) < (known.1, known.2.source) {
                *known = (name, entry.first, at);
            }
        } else if names.len() < NAMES_MAX {
            names.push((name, entry.first, at));
        }
    }

    pub(super) fn infer_own_names(&mut self, fingerprints: &'a Fingerprints) {
        let asked = std::mem::take(&mut self.asked_names);
        if asked.is_empty() {
            return;
        }
        let (mut named, mut answered): (BTreeSet<u32>, BTreeSet<(Name, String)>) = Default::default();
        for (host, tell) in &self.telling {
            // No rule names a station: only its own field does.
            let Some(told) = self.told(tell.at).filter(|told| told.said.get(Field::StationName).is_some()) else { continue };
            for claim in fingerprints.claims(&told.said).iter().filter(|claim| claim.attribute == Attribute::StationName) {
                named.insert(*host);
                answered.insert((self.hosts[*host as usize].0.site, claim.value.to_lowercase()));
            }
        }
        for (host, names) in asked {
            let [(name, _, at)] = &names[..] else { continue };
            let (key, known) = &self.hosts[host as usize];
            let speaks = |name: &&str| known.protocols().iter().any(|number| self.protocols.get(usize::from(*number)) == Some(name));
            if CONNECTED.iter().any(speaks) || named.contains(&host) || answered.contains(&(key.site, name.to_lowercase())) {
                continue;
            }
            let Some(told) = self.told(*at) else { continue };
            if !fingerprints.is_telling(&told.said) && presents(&told.said).next().is_none() {
                self.telling.push((host, Tell::of(&told.said, *at)));
            }
            self.own_names.insert(*at, name.clone());
        }
    }

    /// What a statement means beyond its fields: that who asks for a name has it.
    pub(crate) fn inferred(&self, at: At) -> Option<Claim<'a>> {
        let name = self.own_names.get(&at)?;
        Some(Claim {
            attribute: Attribute::StationName,
            value: fingerprints::text::safe(ValueRef::Text(name.as_bytes())).into_owned().into(),
            class: Class::Inferred,
            confidence: CONFIDENCE,
            rule: "behaviour:asks-for-its-own-name".into(),
            field: Some(0),
        })
    }
}
