//! How many findings a document lists: beyond that the least severe go first, of equal ones those of the greatest ids of devices, so that
//! the same was said gives the same list.

use super::Shown;
use super::catalogue::{Catalogue, Rule, Severity};
use crate::assemble::View;
use crate::grouped::Grouped;
use std::cmp::Reverse;
use std::collections::HashSet;

/// Findings of devices that a document lists: a hundred thousand devices with five each. Each is a kilobyte or two, and what nobody can
/// read helps nobody.
pub const FINDINGS_MAX: usize = 500_000;

/// See the module.
#[derive(Default)]
pub(crate) struct LeftOut {
    /// Components, with the rules whose findings are not listed.
    of: HashSet<(u32, u16)>,
    /// The gravest severity of these.
    gravest: Option<Severity>,
}

impl LeftOut {
    /// Whether a component's finding by this rule is listed.
    pub(crate) fn lists(&self, component: usize, rule: u16) -> bool {
        self.of.is_empty() || !self.of.contains(&(component as u32, rule))
    }

    /// Whether what is only found when a device is made is listed: if it is graver than all that is not.
    pub(crate) fn lists_one_of(&self, severity: Severity) -> bool {
        self.gravest.is_none_or(|gravest| severity > gravest)
    }

    /// That something is not listed, for the document's limits.
    pub(crate) fn told(&self) -> Option<String> {
        (!self.of.is_empty()).then(|| format!("findings listed: the least severe are left out ({})", self.of.len()))
    }
}

/// What goes beyond what the view may list; `others` are findings that are no device's.
pub(super) fn left_out(view: &View<'_>, hits: &Grouped<(u16, Shown)>, others: usize) -> LeftOut {
    let components = || 0..view.resolved.components.len();
    let rules = |at: usize| hits.get(at).chunk_by(|a, b| a.0 == b.0).map(|of_rule| of_rule[0].0);
    let most = view.findings_max().saturating_sub(others);
    if components().map(|at| rules(at).count()).sum::<usize>() <= most {
        return LeftOut::default();
    }
    let severity = |number: u16| Catalogue::built_in().rule(number).map(|rule| of_rule(view, rule));
    let mut all: Vec<_> = components().flat_map(|at| rules(at).map(move |rule| (Reverse(severity(rule)), view.uuid(at), rule, at as u32))).collect();
    all.sort_unstable();
    let rest = all.get(most..).unwrap_or_default();
    let gravest = rest.first().and_then(|(severity, ..)| severity.0);
    LeftOut { of: rest.iter().map(|(_, _, rule, at)| (*at, *rule)).collect(), gravest }
}

/// An operator's own word on the rule, else the catalogue's.
fn of_rule(view: &View<'_>, rule: &Rule) -> Severity {
    view.policy().severities.get(&rule.id).map_or(rule.severity, |(severity, _)| *severity)
}
