//! Evidence of strength beside weakness: which services are authenticated and protected, by what their conversations showed, and how
//! that changes from one capture to the next.

use super::{Bench, Mark};
use crate::assemble::{Talk, View};
use crate::gather::{Span, wider};
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

/// How many conversations there were, and what they showed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Shares {
    pub(crate) conversations: u64,
    /// Of how many it is known.
    pub(crate) known: u64,
    pub(crate) authenticated: u64,
    pub(crate) encrypted: u64,
}

/// The same of all time, and by period: see [`Periods`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct History {
    pub(crate) all: Shares,
    pub(crate) by_period: BTreeMap<u32, Shares>,
}

/// Shares by protocol.
pub(crate) type ByProtocol = BTreeMap<String, History>;

/// What is known of a service: the weakest that was seen there, at any time and by period.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Known {
    all: Option<Protection>,
    by_period: BTreeMap<u32, Protection>,
}

/// By component and endpoint: protocols, of which there are few at one.
pub(crate) type Services = HashMap<(u32, Endpoint), Vec<(String, Known)>>;

/// Days on which captures began. A conversation is counted in a source as a whole, so that nothing shorter than a source can be told
/// apart; sources of one day are one period.
#[derive(Clone, Debug, Default)]
pub(crate) struct Periods {
    /// By source.
    of_source: Vec<u32>,
    /// When the first of its sources began and the last one ended.
    pub(crate) spans: Vec<Span>,
}

/// Periods that are told; of more the latest ones. A year of daily captures, and some.
pub(crate) const PERIODS_MAX: usize = 400;

const DAY: i64 = 86_400 * 1_000_000_000;

/// Tunnels, which are nothing without protection, and the operations that show that both sides agreed on it. A request alone, or the
/// answer that there is no time, protects nothing; where no operation tells, packets both ways do.
const TUNNELS: &[(&str, &[&str])] = &[("wg", &["handshake_response", "transport_data"]), ("openvpn", &["data"]), ("esp", &[])];

/// A cipher of SSH that is none (RFC 4253 §6.3).
const NO_CIPHER: &str = "none";

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
        // Both sides of SSH named what they have in common; a banner alone says nothing.
        let ciphers: Vec<_> = said.all(Field::SshCipher).collect();
        if !ciphers.is_empty() {
            return Some(Self { authenticated: true, encrypted: ciphers.iter().all(|cipher| cipher.display() != NO_CIPHER) });
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

impl Shares {
    fn count(&mut self, known: Option<Protection>) {
        self.conversations += 1;
        self.known += u64::from(known.is_some());
        self.authenticated += u64::from(known.is_some_and(|known| known.authenticated));
        self.encrypted += u64::from(known.is_some_and(|known| known.encrypted));
    }
}

impl Known {
    fn see(&mut self, period: u32, shown: Protection) {
        self.all = Some(self.all.map_or(shown, |known| known.weaker(shown)));
        self.by_period.entry(period).and_modify(|known| *known = known.weaker(shown)).or_insert(shown);
    }
}

impl Periods {
    fn of(view: &View<'_>) -> Self {
        let mut sources: Vec<(i64, u32, Span)> = Vec::new();
        for (at, one) in (0u32..).zip(&view.facts.sources) {
            let source = &one.said.source;
            if let (Some(first), Some(last)) = (source.first_seen, source.last_seen) {
                sources.push((first.div_euclid(DAY), at, (first, last)));
            }
        }
        sources.sort_unstable();
        let mut periods = Self { of_source: vec![0; view.facts.sources.len()], spans: Vec::new() };
        for of_day in sources.chunk_by(|a, b| a.0 == b.0) {
            let number = periods.spans.len() as u32;
            of_day.iter().for_each(|(_, at, _)| periods.of_source[*at as usize] = number);
            periods.spans.extend(of_day.iter().map(|(.., span)| *span).reduce(wider));
        }
        periods
    }

    fn of_source(&self, source: u32) -> u32 {
        self.of_source.get(source as usize).copied().unwrap_or(0)
    }
}

/// What is known of the protection of all that was said.
#[derive(Default)]
pub(crate) struct Strength {
    pub(crate) services: Services,
    pub(crate) protocols: ByProtocol,
    /// By component, of protocols of which anything is known.
    pub(crate) devices: BTreeMap<u32, ByProtocol>,
    pub(crate) periods: Periods,
}

impl Bench<'_, '_> {
    pub(super) fn strength(&self) -> Strength {
        let periods = Periods::of(self.view);
        let mut strength = Strength { services: self.services(&periods), periods, ..Strength::default() };
        let several = strength.periods.spans.len() > 1;
        for (number, talk) in self.traffic.talks(|_| true) {
            if talk.protocol == talk.transport.name() {
                continue;
            }
            let endpoint = Endpoint { transport: talk.transport, port: talk.port };
            let tunnel = self.tunnel(number, &talk);
            if let (Some(Some(shown)), Some(server)) = (tunnel, talk.server) {
                let service = at(&mut strength.services, (server as u32, endpoint), talk.protocol);
                self.traffic.sources(number).for_each(|(source, _)| service.see(strength.periods.of_source(source), shown));
            }
            let service = talk.server.and_then(|server| service(&strength.services, server as u32, talk.protocol, endpoint));
            // What is protected takes two; that it is not shows in one direction as well.
            let of_talk = |shown: Option<Protection>| shown.filter(|shown| talk.both || *shown == Protection::default());
            let mut by_period: BTreeMap<u32, Option<Protection>> = BTreeMap::new();
            for (source, said) in self.traffic.sources(number).filter(|_| several) {
                let period = strength.periods.of_source(source);
                let shown = match tunnel {
                    Some(shown) => shown.filter(|_| said.counters().packets_out > 0 && said.counters().packets_in > 0),
                    None => service.and_then(|service| service.by_period.get(&period).copied()),
                };
                let of = by_period.entry(period).or_default();
                *of = of.or(of_talk(shown));
            }
            let all = of_talk(tunnel.unwrap_or_else(|| service.and_then(|service| service.all)));
            strength.count(&talk, all, &by_period);
        }
        strength
    }

    /// What is known of each service by what was said of it.
    fn services(&self, periods: &Periods) -> Services {
        let mut services = Services::new();
        for component in self.components() {
            let marks = self.members.marks(component).iter().filter(|mark| mark.condition == Mark::SECURITY);
            for told in marks.filter_map(|mark| self.view.facts.told(mark.at)) {
                let (Some(endpoint), Some(shown)) = (told.said.about.endpoint, Protection::of(&told.said)) else { continue };
                if !is_tunnel(told.said.protocol) {
                    at(&mut services, (component as u32, endpoint), told.said.protocol).see(periods.of_source(told.at.source), shown);
                }
            }
        }
        services
    }

    /// Of a tunnel: what its conversation shows; none of other protocols.
    fn tunnel(&self, number: u32, talk: &Talk<'_>) -> Option<Option<Protection>> {
        let (_, wanted) = TUNNELS.iter().find(|(name, _)| *name == talk.protocol)?;
        let agreed = || wanted.is_empty() || self.traffic.operations(number as usize).iter().any(|(name, _)| wanted.contains(name));
        Some((talk.both && agreed()).then_some(Protection { authenticated: true, encrypted: true }))
    }
}

impl Strength {
    fn count(&mut self, talk: &Talk<'_>, all: Option<Protection>, by_period: &BTreeMap<u32, Option<Protection>>) {
        see(&mut self.protocols, talk.protocol, all, by_period);
        if all.is_some() || by_period.values().any(Option::is_some) {
            let ends = [talk.client, talk.server.filter(|server| talk.client != Some(*server))];
            for component in ends.into_iter().flatten() {
                see(self.devices.entry(component as u32).or_default(), talk.protocol, all, by_period);
            }
        }
    }
}

fn see(protocols: &mut ByProtocol, protocol: &str, all: Option<Protection>, by_period: &BTreeMap<u32, Option<Protection>>) {
    // Few conversations are the first of their protocol.
    let history = match protocols.get_mut(protocol) {
        Some(history) => history,
        None => protocols.entry(protocol.to_owned()).or_default(),
    };
    history.all.count(all);
    by_period.iter().for_each(|(period, shown)| history.by_period.entry(*period).or_default().count(*shown));
}

fn is_tunnel(protocol: &str) -> bool {
    TUNNELS.iter().any(|(name, _)| *name == protocol)
}

/// A service, known or not yet.
fn at<'s>(services: &'s mut Services, place: (u32, Endpoint), protocol: &str) -> &'s mut Known {
    let here = services.entry(place).or_default();
    let number = here.iter().position(|(name, _)| name == protocol).unwrap_or_else(|| {
        here.push((protocol.to_owned(), Known::default()));
        here.len() - 1
    });
    &mut here[number].1
}

fn service<'s>(services: &'s Services, component: u32, protocol: &str, endpoint: Endpoint) -> Option<&'s Known> {
    services.get(&(component, endpoint))?.iter().find(|(name, _)| name == protocol).map(|(_, known)| known)
}

/// What is known of a service.
pub(crate) fn known(services: &Services, component: u32, protocol: &str, endpoint: Endpoint) -> Option<Protection> {
    service(services, component, protocol, endpoint)?.all
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
    fn ssh_is_as_strong_as_what_both_sides_agreed_on() {
        let of = |fields: &[(Field, &'static str)]| {
            let fields = fields.iter().map(|(field, text)| SaidRef { field: *field, value: ValueRef::Text(text.as_bytes()) }).collect();
            Protection::of(&Statement { fields, ..Statement::default() }).map(|shown| shown.encrypted)
        };
        assert_eq!(of(&[(Field::SshBanner, "SSH-2.0-x")]), None);
        assert_eq!((of(&[(Field::SshCipher, "aes128-ctr")]), of(&[(Field::SshCipher, "none")])), (Some(true), Some(false)));
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
