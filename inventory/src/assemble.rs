//! Components to the published document: whole, or one device at a time.

use crate::decision::Decisions;
use crate::document::{self, Document, SCHEMA};
use crate::gather::{Facts, HostKey, Name, gather};
use crate::grouped::Grouped;
use crate::judge::FINDINGS_MAX;
use crate::judge::policy::Policy;
use crate::key::{Key, namespace};
use crate::place::{Address, Holder, Places};
use crate::proof::Proofs;
use crate::resolve::{Component, Node, Resolved, node_of, resolve};
use fingerprints::Fingerprints;
use fingerprints::table;
use observations::{Mac, Said};
use std::collections::BTreeSet;
use std::sync::OnceLock;
use uuid::Uuid;

mod acts;
mod answer;
mod certificate;
mod conversation;
mod decided;
mod device;
mod judged;
mod kind;
mod member;
mod outline;
mod overlap;
mod source;
mod text;

pub(crate) use conversation::{Talk, Traffic};
pub(crate) use member::Members;
pub use outline::Outline;
pub use text::time;

/// Nothing but what the wire tells.
static NO_POLICY: Policy = Policy::NONE;

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
    /// What an operator knows.
    policy: &'a Policy,
    /// By site.
    namespaces: Vec<Uuid>,
    /// By component.
    ids: Vec<Option<Uuid>>,
    /// By component: addresses that its MAC addresses had, as numbers of [`Places::holding`].
    addresses_of: Grouped<u32>,
    /// Findings of devices that are listed.
    findings_max: usize,
    /// Made when it is first asked for: looking at signatures takes time.
    proofs: OnceLock<Proofs>,
}

impl<'a> View<'a> {
    /// Resolves what was said.
    #[must_use]
    pub fn of(said: &'a Said, fingerprints: &'a Fingerprints, decisions: &'a Decisions) -> Self {
        Self::under(said, fingerprints, decisions, &NO_POLICY)
    }

    /// The same, judged by what an operator knows.
    #[must_use]
    pub fn under(said: &'a Said, fingerprints: &'a Fingerprints, decisions: &'a Decisions, policy: &'a Policy) -> Self {
        let mut facts = gather(said, fingerprints);
        let places = Places::of(&facts);
        let resolved = resolve(&facts, &places, decisions);
        facts.settle();
        let namespaces: Vec<Uuid> = facts.sites.iter().map(|site| namespace(site)).collect();
        let (ids, addresses_of, proofs) = (Vec::new(), Grouped::default(), OnceLock::new());
        let findings_max = FINDINGS_MAX;
        let mut view = Self { said, facts, places, resolved, fingerprints, decisions, policy, namespaces, ids, addresses_of, findings_max, proofs };
        let components = &view.resolved.components;
        view.ids = components.iter().map(|component| Some(view.uuid_of(component.site(), component.least()?))).collect();
        let held = (0u32..).zip(view.places.holding());
        let held = held.filter_map(|(at, (address, holder))| Some((view.component_of_mac(address.0, holder.mac)? as u32, at)));
        view.addresses_of = Grouped::of(components.len(), held.collect());
        view
    }

    /// The same with so many findings of devices at most; the least severe go first.
    #[must_use]
    pub fn listing(self, findings_max: usize) -> Self {
        Self { findings_max, ..self }
    }

    pub(crate) const fn findings_max(&self) -> usize {
        self.findings_max
    }

    pub(crate) fn uuid(&self, component: usize) -> Option<Uuid> {
        self.ids.get(component).copied().flatten()
    }

    pub(crate) fn policy(&self) -> &'a Policy {
        self.policy
    }

    /// Whose keys were proven.
    pub(crate) fn proofs(&self) -> &Proofs {
        self.proofs.get_or_init(|| Proofs::of(self))
    }

    /// The time of the inventory: what an operator set, else the last packet's.
    pub(crate) fn as_of(&self) -> i64 {
        let last = self.said.sources.values().filter(|one| one.source.clock.is_none()).filter_map(|one| one.source.last_seen).max();
        self.policy.as_of.or(last).unwrap_or(0)
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> Document {
        self.outline().document()
    }

    /// Addresses that a component's MAC addresses had.
    pub(crate) fn addresses_of(&self, at: usize) -> impl Iterator<Item = &(Address, Holder)> {
        self.addresses_of.get(at).iter().filter_map(|at| self.places.holding().get(*at as usize))
    }

    fn frame_of_document(&self, traffic: &Traffic<'_>) -> Document {
        let sources = source::records(self.said);
        let limits_hit = source::limits(self.said);
        Document {
            schema: SCHEMA.into(),
            producer: document::Producer {
                version: env!("CARGO_PKG_VERSION").into(),
                rules: format!("{} {}", self.fingerprints.rules(), self.fingerprints.digest()),
                data: table::digest(),
                config: self.policy.digest(),
            },
            as_of: self.said.sources.values().filter_map(|one| one.source.last_seen).max().and_then(time),
            complete: self.said.sources.values().all(|one| one.source.complete) && limits_hit.is_empty(),
            limits_hit,
            coverage: self.coverage(traffic),
            sources,
            ..Document::default()
        }
    }

    fn coverage(&self, traffic: &Traffic<'_>) -> document::Coverage {
        let shown = self.said.sources.values().fold(observations::Shown::default(), |sum, one| sum.plus(one.source.shown));
        let mut coverage = document::Coverage {
            one_way_conversations: traffic.one_way(),
            conversations: traffic.len() as u64,
            cut: self.said.sources.values().map(|one| one.source.cut).sum(),
            tcp_seen_bytes: shown.seen_bytes,
            tcp_unseen_bytes: shown.unseen_bytes,
            overlapping_addresses: self.overlapping_addresses(),
            virtual_addresses: self.places.virtual_addresses.iter().map(|((_, _, ip), mac)| format!("{ip} at {mac}")).collect(),
            reservations: self.lists_not_used().into_iter().chain(self.secrets_not_compared()).collect(),
            ..document::Coverage::default()
        };
        let hidden = self.facts.tls.values().filter(|hidden| **hidden).count();
        coverage.tls13_share = (100 * hidden).checked_div(self.facts.tls.len()).and_then(|share| u8::try_from(share).ok());
        for (name, bytes) in self.said.sources.values().flat_map(|one| &one.source.opaque) {
            *coverage.opaque_bytes.entry(name.clone()).or_default() += bytes;
        }
        let guess = |port: &String| table::port_guess(port).map(|guess| (port.clone(), guess.to_owned()));
        coverage.opaque_guesses = coverage.opaque_bytes.keys().filter_map(guess).collect();
        for ((site, key), shared) in &self.resolved.shared {
            let devices = shared.owners.iter().filter_map(|at| self.id(*at)).collect::<BTreeSet<_>>();
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

    pub(crate) fn component_of_mac(&self, site: Name, mac: Mac) -> Option<usize> {
        self.resolved.component_of(&Node::Mac(site, mac))
    }

    /// Components that have, or had, an address.
    #[must_use]
    pub fn components_of(&self, address: &Address) -> BTreeSet<usize> {
        let holders = self.places.holders_of(address).filter_map(|holder| self.component_of_mac(address.0, holder.mac));
        holders.chain(self.resolved.component_of(&Node::Ip(*address))).collect()
    }

    /// The component that a host was at a time; none where it could be several.
    #[must_use]
    pub fn component_at(&self, key: &HostKey, time: i64) -> Option<usize> {
        if let Some(node) = node_of(&self.places, key, time) {
            return self.resolved.component_of(&node);
        }
        let holders = self.places.holders_at(&(key.site, key.segment, key.ip?), time);
        let components: BTreeSet<Option<usize>> = holders.into_iter().map(|mac| self.component_of_mac(key.site, mac)).collect();
        if components.len() == 1 { components.first().copied().flatten() } else { None }
    }

    /// Whether a host is one component, or none, at all times: no address of its own that several had.
    fn is_settled(&self, key: &HostKey) -> bool {
        key.ip.is_none_or(|ip| {
            let address = (key.site, key.segment, ip);
            !self.places.has_moved(&address) || key.mac.is_some_and(|mac| self.places.is_direct(&address, mac))
        })
    }

    /// A component's id.
    #[must_use]
    pub fn id(&self, component: usize) -> Option<String> {
        self.ids.get(component)?.map(|id| id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).to_owned())
    }

    /// The component that shows an id.
    #[must_use]
    pub fn component(&self, id: &str) -> Option<usize> {
        let id = Uuid::try_parse(id).ok()?;
        self.ids.iter().position(|known| *known == Some(id))
    }

    pub(crate) fn id_of(&self, site: Name, key: &Key) -> String {
        self.uuid_of(site, key).to_string()
    }

    fn uuid_of(&self, site: Name, key: &Key) -> Uuid {
        key.id_in(self.namespace(site))
    }

    pub(crate) fn namespace(&self, site: Name) -> Uuid {
        self.namespaces.get(usize::from(site)).copied().unwrap_or_default()
    }

    pub(crate) fn site_of(&self, component: usize) -> Name {
        self.resolved.components.get(component).map_or(0, Component::site)
    }

    pub(crate) fn site(&self, site: Name) -> &str {
        self.facts.sites.get(usize::from(site)).map_or("", String::as_str)
    }

    pub(crate) fn segment(&self, segment: Name) -> &str {
        self.facts.segments.get(usize::from(segment)).map_or("", String::as_str)
    }
}
