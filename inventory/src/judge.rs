//! What is weak, and what to do: rules of the catalogue held against all that was said.
//!
//! ```text
//! Facts, Traffic ── marks, talks, certificates, derived ──► Hits by component ── Finding
//! ```
//!
//! | module | is |
//! |---|---|
//! | [`catalogue`] | the rules, one row each in `data/findings/` |
//! | [`controls`] | titles of what findings relate to |
//! | `condition` | what a statement must say |
//! | `talk` | what a conversation must be |
//! | `certificate` | what can be wrong with a certificate |
//! | `derived` | what needs more than one of those |
//! | `secret` | which devices accept the same secret |
//! | `trust` | whose certificates are trusted, whose keys were proven |
//! | [`newcomer`] | who was not there before |
//! | [`advisory`] | what makers say of weak versions |
//! | [`version`] | whether a version is in a range, where that is safe to say |
//! | `whole` | what needs a device with all its attributes |
//! | [`policy`] | what an operator knows: zones, lists, severities |
//! | `protection` | evidence of strength: what is authenticated and encrypted |
//! | `zone` | where a device stands |
//! | `flood` | more strangers than a network has |
//! | `bound` | how many findings a document lists, and which go first |
//! | `finding` | hits to the document's findings, and the exposure score |
//!
//! A rule rests on statements that dissectors made about security, on conversations with what was asked in them, or on certificates.
//! What rests on absence says in `observable` what would have shown presence, and holds only where that was there to see.

pub mod advisory;
mod bound;
pub mod catalogue;
mod certificate;
mod condition;
pub mod controls;
mod derived;
mod finding;
mod flood;
pub mod newcomer;
pub mod policy;
pub(crate) mod protection;
mod secret;
mod talk;
mod trust;
pub mod version;
pub(crate) mod whole;
pub(crate) mod zone;

use crate::assemble::{Members, Talk, Traffic, View};
use crate::gather::{At, Name, Span, Told};
use crate::grouped::Grouped;
pub use bound::FINDINGS_MAX;
use catalogue::Catalogue;
use certificate::Seen;
use condition::{Condition, Listed, Role, Whom};
pub(crate) use finding::{Basis, score};
use observations::{Kind, Statement, ValueRef};
use policy::Policy;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use talk::{Between, Ends, Talks};

/// That a statement meets a condition of the catalogue.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Mark {
    pub(crate) condition: u16,
    pub(crate) at: At,
}

/// Conditions on what is said in one protocol: looked up once, asked of each statement.
#[derive(Clone, Default)]
pub(crate) struct Conditions(Vec<(u16, &'static Condition)>);

impl Mark {
    /// No condition of the catalogue: a certificate, which every rule on certificates looks at.
    pub(crate) const CERTIFICATE: u16 = u16::MAX;
    /// Neither: a statement about the protection of a service.
    pub(crate) const SECURITY: u16 = u16::MAX - 1;
    /// Nor these: something that may change a device was asked of it.
    pub(crate) const OPERATION: u16 = u16::MAX - 2;
    /// Nor these: a side proved, or tried to prove, that it holds the key of a certificate.
    pub(crate) const PROOF: u16 = u16::MAX - 3;
    /// Nor these: a secret was shown.
    pub(crate) const SECRET: u16 = u16::MAX - 4;
}

impl Conditions {
    pub(crate) fn on(protocol: &str) -> Self {
        Self(Catalogue::built_in().on(protocol))
    }

    /// Conditions that a statement meets, and whether they are its subject's, its speaker's, or both's.
    pub(crate) fn met<'s>(&'s self, said: &'s Statement<'_>, itself: bool) -> impl Iterator<Item = (u16, bool, bool)> + 's {
        let met = self.0.iter().filter(move |(_, condition)| condition.holds(said, itself));
        met.map(|(number, condition)| (*number, condition.whom != Whom::Speaker, condition.whom != Whom::About))
    }
}

/// What shows one finding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Shown {
    /// A statement, by the condition that it meets.
    Said(Mark),
    /// A certificate, by the test that it fails: see [`catalogue::Rule`].
    Certificate(At, u8),
    /// A conversation's number, and which of the rule's conditions it meets.
    Talk(u32, u16),
    /// A number in [`Judged::notes`].
    Note(u32),
}

/// Something that rule in code found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Note {
    /// For people.
    pub(crate) text: String,
    /// When.
    pub(crate) span: Option<Span>,
    /// Where it can be read.
    pub(crate) at: Vec<At>,
    /// The conversation that shows it.
    pub(crate) talk: Option<u32>,
}

/// Everything that is weak, by component.
pub(crate) struct Judged {
    /// Rules, by component, each with what shows it.
    hits: Grouped<(u16, Shown)>,
    /// What concerns the site as a whole.
    of_site: Vec<(u16, Note)>,
    notes: Vec<Note>,
    /// Components whose weakness was mended, by rule: when strength was first seen.
    mended: BTreeMap<(u32, u16), i64>,
    /// What is known of the protection of services and conversations.
    pub(crate) strength: protection::Strength,
    /// What is not listed, because there is too much.
    pub(crate) left_out: bound::LeftOut,
}

/// What rules look at.
pub(crate) struct Bench<'v, 'a> {
    pub(crate) view: &'v View<'a>,
    pub(crate) members: &'v Members,
    pub(crate) traffic: &'v Traffic<'v>,
    pub(crate) policy: &'v Policy,
    /// Devices that serve in a protocol of the process.
    process: BTreeSet<usize>,
    /// Addresses of cells that clone each other's.
    overlapping: &'v [String],
    /// The time of the inventory.
    as_of: i64,
    /// When each first asked each other; once it was needed.
    first_asked: OnceCell<newcomer::FirstAsked<'v>>,
    /// Zones in which a process is; once it was needed.
    process_zones: OnceCell<BTreeSet<String>>,
    /// Sites that the baseline's document shows; once it was needed.
    sites_then: OnceCell<BTreeSet<Name>>,
    /// Class and type of devices that were asked about.
    classes: RefCell<BTreeMap<usize, (String, String)>>,
}

/// Hits on their way.
#[derive(Default)]
pub(crate) struct Found {
    hits: Vec<(u32, (u16, Shown))>,
    notes: Vec<Note>,
    of_site: Vec<(u16, Note)>,
}

impl Found {
    fn hit(&mut self, component: usize, rule: u16, shown: Shown) {
        self.hits.push((component as u32, (rule, shown)));
    }

    /// What a rule in code found of a component.
    pub(crate) fn note(&mut self, component: usize, rule: u16, note: Note) {
        let number = self.notes.len() as u32;
        self.notes.push(note);
        self.hit(component, rule, Shown::Note(number));
    }

    /// What a rule in code found of the site.
    pub(crate) fn of_site(&mut self, rule: u16, note: Note) {
        self.of_site.push((rule, note));
    }
}

/// A condition's statement at its component.
struct Placed<'a> {
    mark: Mark,
    told: Told<'a>,
}

impl<'v, 'a> Bench<'v, 'a> {
    pub(crate) fn of(view: &'v View<'a>, members: &'v Members, traffic: &'v Traffic<'v>, overlapping: &'v [String]) -> Self {
        let of_process = traffic.talks(|protocol| Catalogue::built_in().is_of_process(protocol)).filter(|(_, talk)| talk.both);
        let process = of_process.filter_map(|(_, talk)| talk.server).collect();
        Self {
            view,
            members,
            traffic,
            policy: view.policy(),
            process,
            overlapping,
            as_of: view.as_of(),
            first_asked: OnceCell::new(),
            process_zones: OnceCell::new(),
            sites_then: OnceCell::new(),
            classes: RefCell::default(),
        }
    }

    /// Conversations in protocols of the process.
    fn of_process(&self) -> impl Iterator<Item = (u32, Talk<'v>)> {
        self.traffic.talks(|protocol| Catalogue::built_in().is_of_process(protocol))
    }

    /// Zones in which devices of the process are; nobody's zone is none.
    fn process_zones(&self) -> &BTreeSet<String> {
        let zone = |at: &usize| self.view.zone(*at, self.policy).name;
        self.process_zones.get_or_init(|| self.process.iter().map(zone).filter(|zone| zone != zone::OUTSIDE).collect())
    }

    /// Holds every rule against everything.
    pub(crate) fn judge(&self) -> Judged {
        let mut found = Found::default();
        let mended = self.statements(&mut found);
        self.certificates(&mut found);
        self.talks(&mut found);
        for (number, rule) in (0u16..).zip(&Catalogue::built_in().rules) {
            if let Some(derived) = rule.derived {
                derived.look(self, number, &mut found);
            }
        }
        found.hits.sort_unstable();
        found.hits.dedup();
        found.of_site.sort_by(|a, b| (a.0, &a.1.text).cmp(&(b.0, &b.1.text)));
        let hits = Grouped::of(self.view.resolved.components.len(), found.hits);
        let left_out = bound::left_out(self.view, &hits, found.of_site.len());
        Judged { hits, of_site: found.of_site, notes: found.notes, mended, strength: self.strength(), left_out }
    }

    /// Rules that rest on statements.
    fn statements(&self, found: &mut Found) -> BTreeMap<(u32, u16), i64> {
        let (catalogue, mut mended) = (Catalogue::built_in(), BTreeMap::new());
        for component in 0..self.view.resolved.components.len() {
            let marks = self.members.marks(component);
            for of_rule in by_rule(marks).chunk_by(|a, b| a.0 == b.0) {
                let placed: Vec<(Role, Placed<'a>)> = of_rule.iter().filter_map(|(_, mark)| self.placed(*mark)).collect();
                let (rule, of) = (of_rule[0].0, |role: Role| placed.iter().filter(move |(known, _)| *known == role).map(|(_, placed)| placed));
                if catalogue.rule(rule).is_some_and(|rule| rule.has_with) && of(Role::With).next().is_none() {
                    continue;
                }
                let weak: Vec<&Placed<'a>> = of(Role::Weak).filter(|weak| !of(Role::Unless).any(|unless| same_service(weak, unless))).collect();
                weak.iter().for_each(|weak| found.hit(component, rule, Shown::Said(weak.mark)));
                let last = weak.iter().map(|weak| weak.told.entry.last.time).max();
                let strong = of(Role::Strength).map(|strong| strong.told.entry.last.time).filter(|time| last.is_some_and(|last| *time > last)).min();
                if let Some(since) = strong {
                    mended.insert((component as u32, rule), since);
                }
            }
        }
        mended
    }

    fn placed(&self, mark: Mark) -> Option<(Role, Placed<'a>)> {
        let condition = Catalogue::built_in().condition(mark.condition)?;
        let told = self.view.facts.told(mark.at)?;
        self.is_listed(condition, &told.said).then_some((condition.role, Placed { mark, told }))
    }

    /// Whether the tag of a secret is on the list that the condition names.
    fn is_listed(&self, condition: &Condition, said: &Statement<'_>) -> bool {
        let on =
            |field, list: &BTreeSet<Vec<u8>>| said.all(field).any(|value| if let ValueRef::Bytes(tag) = value { list.contains(tag) } else { false });
        match condition.listed {
            None => true,
            Some(Listed::DefaultSecret) => on(observations::Field::SecretTag, &self.policy.default_secrets),
            Some(Listed::DefaultLogin) => on(observations::Field::LoginTag, &self.policy.default_logins),
        }
    }

    /// Rules that rest on certificates.
    fn certificates(&self, found: &mut Found) {
        for component in 0..self.view.resolved.components.len() {
            for at in self.members.certificates(component) {
                let Some(told) = self.view.facts.told(at).filter(|told| told.said.kind == Kind::Certificate && !told.doubtful) else { continue };
                let seen = Seen { first: told.entry.first.time, last: told.entry.last.time, as_of: self.as_of };
                for (number, rule) in (0u16..).zip(&Catalogue::built_in().rules) {
                    for (test, of) in (0u8..).zip(&rule.certificates) {
                        if of.fails(&told.said, seen).is_some() {
                            found.hit(component, number, Shown::Certificate(at, test));
                        }
                    }
                }
            }
        }
    }

    /// Rules that rest on conversations.
    fn talks(&self, found: &mut Found) {
        let catalogue = Catalogue::built_in();
        let mut zones: BTreeMap<usize, String> = BTreeMap::new();
        for (number, talk) in self.traffic.talks(|protocol| !catalogue.talks(protocol).is_empty()) {
            for (place, (rule, talks)) in (0u16..).zip(catalogue.talks(talk.protocol)) {
                if !talks.may_hold(talk.transport, talk.both) || !self.is_between(&talk, talks, &mut zones) {
                    continue;
                }
                if !self.are_whom_it_asks_for(&talk, talks) {
                    continue;
                }
                if talks.needs_operations() && !self.traffic.operations(number as usize).iter().any(|(name, uses)| talks.counts(name, uses.class)) {
                    continue;
                }
                let ends = [talk.server.filter(|_| talks.whom != Ends::Client), talk.client.filter(|_| talks.whom != Ends::Server)];
                ends.into_iter().flatten().for_each(|component| found.hit(component, *rule, Shown::Talk(number, place)));
            }
        }
    }

    /// Whether client and server are what a rule asks for: what is costly to know, last.
    fn are_whom_it_asks_for(&self, talk: &Talk<'v>, talks: &Talks) -> bool {
        talks.asker.is_none_or(|asker| self.is_asked_by(talk, asker)) && (talks.server_type.is_empty() || self.is_of_type(talk, &talks.server_type))
    }

    fn is_between(&self, talk: &Talk<'_>, talks: &Talks, zones: &mut BTreeMap<usize, String>) -> bool {
        if talks.of_process && !talk.client.is_some_and(|at| self.process.contains(&at)) && !talk.server.is_some_and(|at| self.process.contains(&at))
        {
            return false;
        }
        let (Some(between), Some(client), Some(server)) = (talks.between, talk.client, talk.server) else { return talks.between.is_none() };
        match between {
            Between::ServerOutside => self.view.is_outside(server) && !self.view.is_outside(client),
            Between::ClientOutside => self.view.is_outside(client) && !self.view.is_outside(server),
            Between::Zones => {
                let mut zone = |at| zones.entry(at).or_insert_with(|| self.view.zone(at, self.policy).name).clone();
                zone(client) != zone(server)
            }
        }
    }
}

/// Marks by the rule that they are for.
fn by_rule(marks: &[Mark]) -> Vec<(u16, Mark)> {
    let catalogue = Catalogue::built_in();
    let mut all: Vec<(u16, Mark)> = marks.iter().filter_map(|mark| Some((catalogue.condition(mark.condition)?.rule, *mark))).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Whether two statements are about one service; what names none is about the whole device.
fn same_service(a: &Placed<'_>, b: &Placed<'_>) -> bool {
    let (a, b) = (a.told.said.about.endpoint, b.told.said.about.endpoint);
    a.is_none() || b.is_none() || a == b
}
