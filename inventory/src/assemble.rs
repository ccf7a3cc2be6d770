//! Components to the published document.

use crate::decision::Decisions;
use crate::document::{self, Document, SCHEMA};
use crate::gather::{Facts, HostKey, Name, Presented, gather};
use crate::key::{Key, namespace};
use crate::place::{Address, Holder, Places};
use crate::resolve::{Node, Resolved, node_of, resolve};
use fingerprints::Fingerprints;
use observations::{Mac, Said};
use std::collections::BTreeSet;
use uuid::Uuid;

mod answer;
mod certificate;
mod conversation;
mod decided;
mod device;
mod kind;
mod member;
mod overlap;
mod source;
mod text;

pub use text::{evidence, time};

/// Everything that was said, as the document; `decisions` are an operator's.
#[must_use]
pub fn inventory(said: &Said, fingerprints: &Fingerprints, decisions: &Decisions) -> Document {
    View::of(said, fingerprints, decisions).document()
}

/// What the document is made from, for commands that need more than it shows.
pub struct View<'a> {
    /// All that was said.
    pub said: &'a Said,
    /// Sorted by whom it is about.
    pub facts: Facts<'a>,
    /// Who had which address.
    pub places: Places,
    /// Devices.
    pub resolved: Resolved,
    fingerprints: &'a Fingerprints,
    decisions: &'a Decisions,
    /// By site.
    namespaces: Vec<Uuid>,
    /// By component.
    ids: Vec<Option<String>>,
    /// By component: addresses that its MAC addresses had.
    addresses_of: Vec<Vec<(Address, Holder)>>,
}

impl<'a> View<'a> {
    /// Resolves what was said.
    #[must_use]
    pub fn of(said: &'a Said, fingerprints: &'a Fingerprints, decisions: &'a Decisions) -> Self {
        let facts = gather(said, fingerprints);
        let places = Places::of(&facts);
        let resolved = resolve(&facts, &places, decisions);
        let namespaces: Vec<Uuid> = facts.sites.iter().map(|site| namespace(site)).collect();
        let mut view = Self { said, facts, places, resolved, fingerprints, decisions, namespaces, ids: Vec::new(), addresses_of: Vec::new() };
        let components = &view.resolved.components;
        view.ids = components.iter().map(|component| Some(view.id_of(component.site(), component.least()?))).collect();
        view.addresses_of = components.iter().map(|_| Vec::new()).collect();
        for (address, holders) in &view.places.holders {
            for holder in holders {
                if let Some(at) = view.resolved.of_node.get(&Node::Mac(address.0, holder.mac)) {
                    view.addresses_of[*at].push((*address, *holder));
                }
            }
        }
        view
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> Document {
        let (members, ghosts) = self.members();
        let traffic = conversation::Traffic::of(self);
        let mut document = self.frame_of_document(&traffic);
        for (at, member) in members.iter().enumerate() {
            self.devices(at, member, &traffic, &mut document.devices);
        }
        self.ghosts(&ghosts, &mut document);
        let presented: Vec<&[&Presented<'_>]> = members.iter().map(|member| member.presented.as_slice()).collect();
        document.certificates = certificate::certificates(self, &presented, &self.ids);
        document.devices.sort_by(|a, b| a.id.cmp(&b.id));
        self.relate(&members, &mut document);
        document.conversations = traffic.conversations;
        document
    }

    /// Which device took whose place.
    fn relate(&self, members: &[member::Member<'_, 'a>], document: &mut Document) {
        for (old, new) in self.replacements(members) {
            let (Some(old), Some(new)) = (self.id(old), self.id(new)) else { continue };
            let find = |id: &str| document.devices.binary_search_by(|device| device.id.as_str().cmp(id)).ok();
            if let (Some(earlier), Some(later)) = (find(old), find(new)) {
                document.devices[earlier].replaced_by = Some(new.to_owned());
                document.devices[later].replaces.push(old.to_owned());
                document.devices[later].replaces.sort();
            }
        }
    }

    fn frame_of_document(&self, traffic: &conversation::Traffic) -> Document {
        let sources = source::records(self.said);
        let limits_hit = source::limits(self.said);
        Document {
            schema: SCHEMA.into(),
            producer: document::Producer {
                version: env!("CARGO_PKG_VERSION").into(),
                rules: self.fingerprints.rules().to_string(),
                ..document::Producer::default()
            },
            as_of: self.said.sources.values().filter_map(|one| one.source.last_seen).max().and_then(time),
            complete: self.said.sources.values().all(|one| one.source.complete) && limits_hit.is_empty(),
            limits_hit,
            coverage: self.coverage(traffic),
            sources,
            ..Document::default()
        }
    }

    fn coverage(&self, traffic: &conversation::Traffic) -> document::Coverage {
        let mut coverage = document::Coverage {
            one_way_conversations: traffic.one_way,
            conversations: traffic.conversations.len() as u64,
            overlapping_addresses: self.overlapping_addresses(),
            virtual_addresses: self.places.virtual_addresses.iter().map(|((_, _, ip), mac)| format!("{ip} at {mac}")).collect(),
            ..document::Coverage::default()
        };
        for (name, bytes) in self.said.sources.values().flat_map(|one| &one.source.opaque) {
            *coverage.opaque_bytes.entry(name.clone()).or_default() += bytes;
        }
        for ((site, key), shared) in &self.resolved.shared {
            let devices = shared.owners.iter().filter_map(|at| self.ids[*at].clone()).collect::<BTreeSet<_>>();
            coverage.shared_keys.push(document::SharedKey {
                key: key.text(),
                id: self.id_of(*site, key),
                devices: devices.into_iter().collect(),
                at_once: shared.at_once,
            });
        }
        coverage.shared_keys.sort_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
        coverage
    }

    fn component_of_mac(&self, site: Name, mac: Mac) -> Option<usize> {
        self.resolved.of_node.get(&Node::Mac(site, mac)).copied()
    }

    /// Components that have, or had, an address.
    #[must_use]
    pub fn components_of(&self, address: &Address) -> BTreeSet<usize> {
        let holders = self.places.holders.get(address).into_iter().flatten();
        let holders = holders.filter_map(|holder| self.component_of_mac(address.0, holder.mac));
        holders.chain(self.resolved.of_node.get(&Node::Ip(*address)).copied()).collect()
    }

    /// The component that a host was at a time; none where it could be several.
    #[must_use]
    pub fn component_at(&self, key: &HostKey, time: i64) -> Option<usize> {
        if let Some(node) = node_of(&self.places, key, time) {
            return self.resolved.of_node.get(&node).copied();
        }
        let holders = self.places.holders_at(&(key.site, key.segment, key.ip?), time);
        let components: BTreeSet<Option<usize>> = holders.into_iter().map(|mac| self.component_of_mac(key.site, mac)).collect();
        if components.len() == 1 { components.first().copied().flatten() } else { None }
    }

    /// A component's id.
    #[must_use]
    pub fn id(&self, component: usize) -> Option<&str> {
        self.ids.get(component)?.as_deref()
    }

    /// The component that shows an id.
    #[must_use]
    pub fn component(&self, id: &str) -> Option<usize> {
        self.ids.iter().position(|known| known.as_deref() == Some(id))
    }

    pub(crate) fn id_of(&self, site: Name, key: &Key) -> String {
        key.id_in(self.namespaces.get(usize::from(site)).copied().unwrap_or_default())
    }

    pub(crate) fn site(&self, site: Name) -> &str {
        self.facts.sites.get(usize::from(site)).map_or("", String::as_str)
    }

    pub(crate) fn segment(&self, segment: Name) -> &str {
        self.facts.segments.get(usize::from(segment)).map_or("", String::as_str)
    }
}
