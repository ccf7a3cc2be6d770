//! What is known of one host. Most have little to say, and there may be a million: what few have lies apart.

use super::{HostKey, Span};
use crate::key::Key;
use observations::{Endpoint, Mac, PathStep};

/// A key that a host said of itself, and where it answers for it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct OwnKey<'a> {
    /// The key.
    pub key: Key,
    /// In which protocol.
    pub protocol: &'a str,
    /// At which service.
    pub endpoint: Option<Endpoint>,
    /// Of which part.
    pub path: Vec<PathStep>,
}

/// A service, and the way to a part behind it.
type Part = (Option<Endpoint>, Vec<PathStep>);

/// See the module.
#[derive(Default, Debug)]
pub struct Host<'a> {
    /// First and last time that it was spoken of.
    pub span: Option<Span>,
    /// First and last time that it spoke.
    pub active: Option<Span>,
    /// An address was leased to it.
    pub leased: bool,
    /// It sent something itself.
    pub spoke: bool,
    /// Others asked for it.
    pub asked_for: bool,
    /// It announced itself as a router.
    pub router: bool,
    /// Protocols in which it spoke, by number.
    protocols: Vec<u16>,
    more: Option<Box<More<'a>>>,
}

#[derive(Default, Debug)]
struct More<'a> {
    keys: Vec<(OwnKey<'a>, Span)>,
    own_macs: Vec<((Mac, &'a str), i64)>,
    vlans: Vec<u16>,
    parts: Vec<(Part, Span)>,
    relays: Vec<HostKey>,
}

impl<'a> Host<'a> {
    /// Protocols in which it spoke, by number, in no order.
    #[must_use]
    pub fn protocols(&self) -> &[u16] {
        &self.protocols
    }

    /// Keys that it said of itself, from when to when.
    #[must_use]
    pub fn keys(&self) -> &[(OwnKey<'a>, Span)] {
        self.more.as_ref().map_or(&[], |more| &more.keys)
    }

    /// MAC addresses that it named as its own, in which protocol, when first.
    #[must_use]
    pub fn own_macs(&self) -> &[((Mac, &'a str), i64)] {
        self.more.as_ref().map_or(&[], |more| &more.own_macs)
    }

    /// VLANs that it was seen in; untagged is none.
    #[must_use]
    pub fn vlans(&self) -> &[u16] {
        self.more.as_ref().map_or(&[], |more| &more.vlans)
    }

    /// Parts that answered: unit identifiers and the like, by endpoint.
    #[must_use]
    pub fn parts(&self) -> &[(Part, Span)] {
        self.more.as_ref().map_or(&[], |more| &more.parts)
    }

    /// Relays that handed on what it said itself (DHCP).
    #[must_use]
    pub fn relays(&self) -> &[HostKey] {
        self.more.as_ref().map_or(&[], |more| &more.relays)
    }

    pub(super) fn see(&mut self, span: Span, speaks: bool) {
        self.span = Some(self.span.map_or(span, |known| wider(known, span)));
        if speaks {
            self.active = Some(self.active.map_or(span, |known| wider(known, span)));
        }
    }

    pub(super) fn speaks(&mut self, protocol: u16) {
        if !self.protocols.contains(&protocol) {
            self.protocols.push(protocol);
        }
    }

    pub(super) fn shows(&mut self, key: OwnKey<'a>, span: Span) {
        self.more().keys.push((key, span));
    }

    pub(super) fn names(&mut self, mac: Mac, protocol: &'a str, first: i64) {
        self.more().own_macs.push(((mac, protocol), first));
    }

    pub(super) fn seen_in(&mut self, vlan: u16) {
        let vlans = &mut self.more().vlans;
        if let Err(at) = vlans.binary_search(&vlan) {
            vlans.insert(at, vlan);
        }
    }

    pub(super) fn answers_for(&mut self, endpoint: Option<Endpoint>, path: &[PathStep], span: Span) {
        self.more().parts.push(((endpoint, path.to_vec()), span));
    }

    pub(super) fn relayed_by(&mut self, relay: HostKey) {
        self.more().relays.push(relay);
    }

    fn more(&mut self) -> &mut More<'a> {
        self.more.get_or_insert_default()
    }

    /// Forgets what only says who it is.
    pub(super) fn settle(&mut self) {
        if let Some(more) = &mut self.more {
            (more.keys, more.own_macs, more.relays) = (Vec::new(), Vec::new(), Vec::new());
        }
        self.more = self.more.take().filter(|more| !more.parts.is_empty() || !more.vlans.is_empty());
    }

    /// Everything in order, each once.
    pub(super) fn order(&mut self) {
        self.protocols.shrink_to_fit();
        let Some(more) = &mut self.more else { return };
        tidy(&mut more.keys, |known, next| *known = wider(*known, next));
        tidy(&mut more.own_macs, |known, next| *known = (*known).min(next));
        tidy(&mut more.parts, |known, next| *known = wider(*known, next));
        more.relays.sort_unstable();
        more.relays.dedup();
        more.relays.shrink_to_fit();
        more.vlans.shrink_to_fit();
    }
}

/// Sorts by the first, and of equal ones joins the second.
pub(crate) fn tidy<K: Ord, V: Copy>(all: &mut Vec<(K, V)>, join: impl Fn(&mut V, V)) {
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all.dedup_by(|next, known| {
        let same = next.0 == known.0;
        if same {
            join(&mut known.1, next.1);
        }
        same
    });
    all.shrink_to_fit();
}

/// The span of both.
pub(crate) fn wider(a: Span, b: Span) -> Span {
    (a.0.min(b.0), a.1.max(b.1))
}
