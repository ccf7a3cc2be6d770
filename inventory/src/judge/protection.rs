//! Evidence of strength beside weakness: which services are authenticated and protected, by what their conversations showed.

use super::{Bench, Mark};
use observations::{Endpoint, Field, Statement, ValueRef};
use std::collections::{BTreeMap, HashMap};

/// What a conversation's protocol gives it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Protection {
    /// Somebody proves who he is, message by message.
    pub(crate) authenticated: bool,
    /// Nobody reads along.
    pub(crate) encrypted: bool,
}

/// What one protocol's conversations showed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Shares {
    pub(crate) conversations: u64,
    /// Of how many it is known.
    pub(crate) known: u64,
    pub(crate) authenticated: u64,
    pub(crate) encrypted: u64,
}

/// By component, protocol and endpoint: the weakest that was seen there.
pub(crate) type Services = HashMap<(u32, String, Endpoint), Protection>;

/// Protocols that are nothing without protection.
const PROTECTED: &[&str] = &["tls", "dtls", "ssh", "quic", "wg", "esp"];

/// Words of `security-level` for integrity alone, and for encryption as well; any other known word is `none`.
const SIGNED: &[&str] = &[
    "sign",
    "signed",
    "digest",
    "authenticated",
    "authNoPriv",
    "iec62351-6",
    "iec61850-90-5 signed",
    "signing-required",
    "network security",
    "ptp-authentication-tlv",
];
const ENCRYPTED: &[&str] = &[
    "sign-and-encrypt",
    "encrypted",
    "tls",
    "authPriv",
    "authenticated-and-encrypted",
    "oscore",
    "secure",
    "secure tunnelling",
    "secure device management",
    "credssp",
    "credssp-early-auth",
];
const NONE: &[&str] = &["none", "noAuthNoPriv", "signing-disabled", "signing-enabled", "rdp", "unencrypted"];

impl Protection {
    /// What a statement about security shows; nothing, if it is not about the level.
    fn of(said: &Statement<'_>) -> Option<Self> {
        let levels = said.all(Field::SecurityLevel).filter_map(|level| if let ValueRef::Text(text) = level { Some(text) } else { None });
        let is = |words: &[&str], text: &[u8]| words.iter().any(|word| word.as_bytes() == text);
        let known = levels.filter_map(|text| match text {
            text if is(ENCRYPTED, text) => Some(Self { authenticated: true, encrypted: true }),
            text if is(SIGNED, text) => Some(Self { authenticated: true, encrypted: false }),
            text if is(NONE, text) => Some(Self::default()),
            _ => None,
        });
        known.reduce(Self::weaker)
    }

    /// Of two, what both have.
    fn weaker(self, other: Self) -> Self {
        Self { authenticated: self.authenticated && other.authenticated, encrypted: self.encrypted && other.encrypted }
    }
}

impl Bench<'_, '_> {
    /// What is known of each service.
    pub(super) fn services(&self) -> Services {
        let mut services = Services::new();
        for component in 0..self.view.resolved.components.len() {
            let marks = self.members.marks(component).iter().filter(|mark| mark.condition == Mark::SECURITY);
            for told in marks.filter_map(|mark| self.view.facts.told(mark.at)) {
                let (Some(endpoint), Some(shown)) = (told.said.about.endpoint, Protection::of(&told.said)) else { continue };
                let key = (component as u32, told.said.protocol.to_owned(), endpoint);
                services.entry(key).and_modify(|known| *known = known.weaker(shown)).or_insert(shown);
            }
        }
        services
    }

    /// What each protocol's conversations showed.
    pub(super) fn shares(&self, services: &Services) -> BTreeMap<String, Shares> {
        let mut shares: BTreeMap<String, Shares> = BTreeMap::new();
        for (_, talk) in self.traffic.talks(|_| true) {
            if talk.protocol == talk.transport.name() {
                continue;
            }
            let share = match shares.get_mut(talk.protocol) {
                Some(share) => share,
                None => shares.entry(talk.protocol.to_owned()).or_default(),
            };
            share.conversations += 1;
            let server = talk.server.map(|at| (at as u32, Endpoint { transport: talk.transport, port: talk.port }));
            let Some(known) = server.and_then(|(at, endpoint)| known(services, at, talk.protocol, endpoint)) else { continue };
            share.known += 1;
            share.authenticated += u64::from(known.authenticated);
            share.encrypted += u64::from(known.encrypted);
        }
        shares
    }
}

/// What is known of a service: by its statements, else by its protocol.
pub(crate) fn known(services: &Services, component: u32, protocol: &str, endpoint: Endpoint) -> Option<Protection> {
    if PROTECTED.contains(&protocol) {
        return Some(Protection { authenticated: true, encrypted: true });
    }
    if services.is_empty() { None } else { services.get(&(component, protocol.to_owned(), endpoint)).copied() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use observations::SaidRef;

    fn of(words: &[&str]) -> Option<Protection> {
        let fields = words.iter().map(|word| SaidRef { field: Field::SecurityLevel, value: ValueRef::Text(word.as_bytes()) }).collect();
        Protection::of(&Statement { fields, ..Statement::default() })
    }

    #[test]
    fn a_service_is_as_strong_as_the_weakest_that_it_showed() {
        let signed = Protection { authenticated: true, encrypted: false };
        assert_eq!(of(&["sign"]), Some(signed));
        assert_eq!(of(&["sign-and-encrypt", "sign"]), Some(signed));
        assert_eq!(of(&["tls", "none"]), Some(Protection::default()));
        assert_eq!((of(&["some word"]), of(&[])), (None, None));
    }
}
