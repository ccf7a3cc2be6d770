//! Rules that look at a device with all its attributes: they are held when the device is made, so that it is made once.

use super::bound::LeftOut;
use super::catalogue::{Catalogue, Rule, Severity};
use super::derived::Derived;
use super::finding::{Case, finding, sort};
use super::zone::Zone;
use super::{Judged, advisory};
use crate::assemble::View;
use crate::document::{AttributeRecord, Device, Finding};
use fingerprints::support;

/// Attributes of which a maker says until when there are updates.
const SUPPORTED: &[&str] = &["os", "firmware", "software", "model", "order_number"];

/// An inference that is weaker than this is no ground to call a product old.
const CONFIDENCE_MIN: u8 = 60;

/// Adds what is weak of a device, or of a part of one, as a whole, and what advisories say of it.
pub(crate) fn judge(view: &View<'_>, at: usize, device: &mut Device, zone: &Zone, left_out: &LeftOut) {
    device.advisories = advisory::verdicts(&view.policy().advisories, device);
    for rule in &Catalogue::built_in().rules {
        let shown = match rule.derived {
            Some(Derived::EndOfSupport) => end_of_support(view, device).map(|case| (rule.severity, case)),
            Some(Derived::Advisory) => advised(device, rule),
            _ => None,
        };
        if let Some((severity, case)) = shown.filter(|(severity, _)| left_out.lists_one_of(*severity)) {
            let id = Judged::id_of(view, at, &device.id, rule);
            let found = finding(rule, view.policy(), id, Some(zone), None, case);
            // An operator's own word on the rule stands.
            let severity = if view.policy().severities.contains_key(&rule.id) { found.severity.clone() } else { severity.name().into() };
            let suppressed = view.suppressed(at, &rule.id, &zone.name);
            let (first_seen, last_seen) = (device.first_seen.clone(), device.last_seen.clone());
            device.findings.push(Finding { severity, suppressed, first_seen, last_seen, ..found });
        }
    }
    sort(&mut device.findings);
}

fn end_of_support(view: &View<'_>, device: &Device) -> Option<Case> {
    let now = view.as_of().div_euclid(1_000_000_000);
    let vendor = device.attributes.get("vendor").map(|vendor| vendor.value.as_str());
    let mut case = Case::default();
    for (name, record) in SUPPORTED.iter().filter_map(|name| Some((*name, device.attributes.get(*name)?))) {
        if record.conflict || record.confidence < CONFIDENCE_MIN {
            continue;
        }
        let of = |products| support::of(products, name, vendor, &record.value);
        // One's own table knows better.
        let Some(product) = of(&view.policy().products).or_else(|| of(support::built_in())).filter(|product| product.is_over(now)) else { continue };
        let paid = product.paid.as_ref().map_or_else(String::new, |paid| format!("; who pays got them until {paid}"));
        case.tell(format!("{name} {}: no updates since {}{paid} ({})", record.value, product.ends, product.source));
        case.see(1, None);
        show(&mut case, record);
    }
    (case.count > 0).then_some(case)
}

/// Affected for certain, else what could not be decided: that is worth a look, and no alarm.
fn advised(device: &Device, rule: &Rule) -> Option<(Severity, Case)> {
    let of = |verdict: &str| device.advisories.iter().filter(|one| one.verdict == verdict).collect::<Vec<_>>();
    let (affected, unknown) = (of("affected"), of("unknown"));
    let (severity, shown) = if affected.is_empty() { (Severity::Low, unknown) } else { (rule.severity, affected) };
    let mut case = Case::default();
    for one in &shown {
        case.tell(format!("{} ({}): {}: {}", one.weakness, one.advisory, one.verdict, one.reason));
        case.see(1, None);
    }
    for name in ["order_number", "model", "firmware"] {
        device.attributes.get(name).into_iter().for_each(|record| show(&mut case, record));
    }
    (case.count > 0).then_some((severity, case))
}

/// Where an attribute can be read.
fn show(case: &mut Case, record: &AttributeRecord) {
    case.show(record.evidence.first().cloned());
}
