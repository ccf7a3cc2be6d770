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

/// Protocols that are nothing without protection. TLS is not among them: a handshake may be refused, and what a server chose may be
/// without encryption or authentication.
const PROTECTED: &[&str] = &["ssh", "quic", "wg", "esp"];

/// Cipher suites without encryption, and those in which nobody proves who he is (IANA TLS Cipher Suites: NULL, anon).
const NULL_SUITES: &[u64] =
    &[0, 1, 2, 0x2c, 0x2d, 0x2e, 0x3b, 0xb0, 0xb1, 0xb4, 0xb5, 0xb8, 0xb9, 0xc001, 0xc006, 0xc00b, 0xc010, 0xc039, 0xc03a, 0xc03b];
const ANONYMOUS_SUITES: &[u64] =
    &[0x17, 0x18, 0x19, 0x1a, 0x1b, 0x34, 0x3a, 0x46, 0x6c, 0x6d, 0x89, 0x9b, 0xa6, 0xa7, 0xbf, 0xc5, 0xc015, 0xc016, 0xc017, 0xc018, 0xc019];

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
        if let Some(suite) = said.get(Field::TlsCipherSuite).and_then(ValueRef::number) {
            return Some(Self { authenticated: !ANONYMOUS_SUITES.contains(&suite), encrypted: !NULL_SUITES.contains(&suite) });
        }
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
    fn tls_is_as_strong_as_the_suite_that_the_server_chose() {
        let of = |suite| {
            let fields = vec![SaidRef { field: Field::TlsCipherSuite, value: ValueRef::Number(suite) }];
            Protection::of(&Statement { fields, ..Statement::default() }).map(|shown| (shown.authenticated, shown.encrypted))
        };
        assert_eq!((of(0xc02f), of(0x3b), of(0x34)), (Some((true, true)), Some((true, false)), Some((false, true))));
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
