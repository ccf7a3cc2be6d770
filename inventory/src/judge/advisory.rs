//! Advisories of makers and coordinators: which versions of which products have which weakness, held against what a device says it is.
//!
//! A product is the device's only if the maker agrees and the name or the order number is the same; a version is in a range only if it
//! is safe to say so (`version`). All else is *unknown*, with the reason: never *affected* by likeness.

use super::version::Versions;
use crate::document::{AttributeRecord, Device, Verdict};
use std::collections::BTreeSet;

/// Verdicts kept of one device.
const VERDICTS_MAX: usize = 256;

/// Wildcards of a model number that are tried; CSAF names few.
const WILDCARDS_MAX: usize = 8;

/// Letters and digits that an order number in a product's name has at least.
const ORDER_NUMBER_MIN: usize = 5;

/// One advisory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Advisory {
    /// Its publisher's id.
    pub id: String,
    /// For people.
    pub title: String,
    /// Its products.
    pub products: Vec<Named>,
    /// Its weaknesses.
    pub weaknesses: Vec<Weakness>,
}

/// One weakness, and which products have it: places in [`Advisory::products`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Weakness {
    /// `CVE-2026-…`, or the advisory's own id.
    pub id: String,
    /// Products that have it.
    pub affected: Vec<usize>,
    /// Those that do not, or no longer.
    pub unaffected: Vec<usize>,
    /// Those of which it is not known yet.
    pub investigated: Vec<usize>,
}

/// A product, in the spellings in which devices are compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    vendor: Vec<String>,
    names: BTreeSet<String>,
    /// With `*` and `?`.
    order_numbers: BTreeSet<String>,
    versions: Versions,
}

/// Whether a device has a weakness.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Affected,
    Unknown,
    NotAffected,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Affected => "affected",
            Self::Unknown => "unknown",
            Self::NotAffected => "not affected",
        }
    }
}

impl Named {
    /// A product of a maker by its name, its order numbers (which may have `*` and `?`) and its versions.
    #[must_use]
    pub fn new(vendor: &str, name: &str, order_numbers: &[String], versions: Versions) -> Self {
        let in_name = name.split(['(', ')', ',', ';']).skip(1).filter(|part| is_order_number(part)).map(plain);
        let bare = name.split('(').next().unwrap_or_default();
        Self {
            vendor: words(vendor),
            names: [plain(name), plain(bare)].into_iter().filter(|name| !name.is_empty()).collect(),
            order_numbers: order_numbers.iter().map(|number| wild(number)).chain(in_name).filter(|number| !number.is_empty()).collect(),
            versions,
        }
    }

    /// Whether a device is of this product.
    fn is(&self, device: &Says<'_>) -> bool {
        let begins = |long: &[String], short: &[String]| !short.is_empty() && long.starts_with(short);
        if !begins(&self.vendor, &device.vendor) && !begins(&device.vendor, &self.vendor) {
            return false;
        }
        device.names.iter().any(|name| self.names.contains(name))
            || device.numbers.iter().any(|number| self.order_numbers.iter().any(|wanted| matches(wanted, number)))
    }
}

/// What a device says it is.
struct Says<'d> {
    vendor: Vec<String>,
    names: Vec<String>,
    numbers: Vec<String>,
    firmware: Option<&'d str>,
    /// Why what it says is not certain.
    doubt: Option<&'static str>,
}

impl<'d> Says<'d> {
    fn of(device: &'d Device) -> Option<Self> {
        let of = |name: &str| device.attributes.get(name);
        let (vendor, model, number, firmware) = (of("vendor")?, of("model"), of("order_number"), of("firmware"));
        let text = |record: Option<&AttributeRecord>| record.map(|record| plain(&record.value)).filter(|text| !text.is_empty());
        let maker: String = words(&vendor.value).concat();
        let names: Vec<String> = text(model).into_iter().flat_map(|model| [format!("{maker}{model}"), model]).collect();
        let numbers: Vec<String> = text(number).into_iter().chain(text(model)).collect();
        let identity = [Some(vendor), number.or(model)];
        let inferred = |record: &&AttributeRecord| record.class == "inferred" || record.conflict;
        let doubt = if identity.into_iter().flatten().any(|record| inferred(&record)) {
            Some("what the device is, is inferred or in conflict")
        } else if firmware.as_ref().is_some_and(inferred) {
            Some("its version is inferred or in conflict")
        } else {
            None
        };
        (!numbers.is_empty()).then(|| Self {
            vendor: words(&vendor.value),
            names,
            numbers,
            firmware: firmware.map(|record| record.value.as_str()),
            doubt,
        })
    }

    fn judge(&self, advisory: &Advisory, weakness: &Weakness) -> Option<(State, String)> {
        let own = |places: &[usize]| places.iter().filter_map(|at| advisory.products.get(*at)).filter(|one| one.is(self)).collect::<Vec<_>>();
        let (affected, unaffected, investigated) = (own(&weakness.affected), own(&weakness.unaffected), own(&weakness.investigated));
        if affected.is_empty() && unaffected.is_empty() && investigated.is_empty() {
            return None;
        }
        let unknown = |why: &str| Some((State::Unknown, why.to_owned()));
        if let Some(doubt) = self.doubt {
            return unknown(doubt);
        }
        let (mut has, mut why_not) = (false, None);
        for one in &affected {
            match self.has(&one.versions) {
                Ok(true) => has = true,
                Ok(false) => {}
                Err(why) => why_not = Some(why),
            }
        }
        let mended = unaffected.iter().any(|one| self.has(&one.versions) == Ok(true));
        let version = self.firmware.map_or_else(|| "all versions".to_owned(), |version| format!("version {version}"));
        match (has, mended, why_not) {
            (true, true, _) => unknown("the advisory names its version among those that have the weakness, and among those that do not"),
            (true, false, _) => Some((State::Affected, format!("{version} is among those that have the weakness"))),
            (false, true, _) => Some((State::NotAffected, format!("{version} is named as one without the weakness"))),
            (false, false, Some(why)) => unknown(&why),
            (false, false, None) if !investigated.is_empty() => unknown("the publisher does not know yet"),
            (false, false, None) if affected.is_empty() => unknown("its version is none of those that are named as without the weakness"),
            (false, false, None) => Some((State::NotAffected, format!("{version} is none of those that have the weakness"))),
        }
    }

    fn has(&self, versions: &Versions) -> Result<bool, String> {
        match (versions, self.firmware) {
            (Versions::All, _) => Ok(true),
            (_, None) => Err("its version was not seen".to_owned()),
            (versions, Some(version)) => versions.contain(version),
        }
    }
}

/// What advisories say of a device, the gravest first.
pub(super) fn verdicts(advisories: &[Advisory], device: &Device) -> Vec<Verdict> {
    if advisories.is_empty() {
        return Vec::new();
    }
    let Some(says) = Says::of(device) else { return Vec::new() };
    let weaknesses = advisories.iter().flat_map(|advisory| advisory.weaknesses.iter().map(move |weakness| (advisory, weakness)));
    let mut found: Vec<(State, Verdict)> = weaknesses
        .filter_map(|(advisory, weakness)| {
            let (state, reason) = says.judge(advisory, weakness)?;
            let verdict = Verdict { advisory: advisory.id.clone(), weakness: weakness.id.clone(), verdict: state.name().into(), reason };
            Some((state, verdict))
        })
        .collect();
    found.sort_by(|a, b| (a.0, &a.1.advisory, &a.1.weakness).cmp(&(b.0, &b.1.advisory, &b.1.weakness)));
    found.dedup();
    found.into_iter().map(|(_, verdict)| verdict).take(VERDICTS_MAX).collect()
}

/// Letters and digits, in lower case: makers spell order numbers with and without spaces.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The same, wildcards kept.
fn wild(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric() || matches!(c, '*' | '?')).flat_map(char::to_lowercase).collect()
}

fn words(vendor: &str) -> Vec<String> {
    vendor.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// Whether a part of a product's name is an order number: one word or two, with a digit.
fn is_order_number(part: &str) -> bool {
    part.split_whitespace().count() <= 2 && part.bytes().any(|byte| byte.is_ascii_digit()) && plain(part).chars().count() >= ORDER_NUMBER_MIN
}

/// Whether a model number is one of a pattern (CSAF 2.0 §3.1.3.3.5: `?` is one character, `*` any number of them).
fn matches(pattern: &str, number: &str) -> bool {
    if pattern.matches('*').count() > WILDCARDS_MAX {
        return false;
    }
    let (pattern, number): (Vec<char>, Vec<char>) = (pattern.chars().collect(), number.chars().collect());
    // One `*` is remembered at a time: what stands before it has matched, and only it can take more.
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < number.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || Some(c) == number.get(n) => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, n) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(fields: &[(&str, &str, &'static str)]) -> Device {
        let record = |value: &str, class: &'static str| AttributeRecord { value: value.into(), class: class.into(), ..AttributeRecord::default() };
        let attributes = fields.iter().map(|(name, value, class)| ((*name).to_owned(), record(value, class))).collect();
        Device { attributes, ..Device::default() }
    }

    fn controller(version: &str) -> Device {
        device(&[("vendor", "Acme", "declared"), ("order_number", "AC 315-2EH", "declared"), ("firmware", version, "declared")])
    }

    fn advisory(products: Vec<Named>) -> Advisory {
        let weakness = Weakness { id: "CVE-2026-1".into(), affected: vec![0], unaffected: vec![1], ..Weakness::default() };
        Advisory { id: "A-1".into(), products, weaknesses: vec![weakness], ..Advisory::default() }
    }

    fn verdict(advisory: &Advisory, device: &Device) -> String {
        verdicts(std::slice::from_ref(advisory), device).pop().map(|verdict| verdict.verdict).unwrap_or_default()
    }

    #[test]
    fn an_order_number_in_its_product_and_a_version_in_its_range_are_affected() {
        let name = "Controller 315 (AC315-2EH)";
        let known = advisory(vec![
            Named::new("Acme AG", name, &[], Versions::of_range("vers:intdot/<3.2")),
            Named::new("Acme AG", name, &[], Versions::of_range("vers:intdot/>=3.2")),
        ]);
        assert_eq!(verdict(&known, &controller("V3.1.9")), "affected");
        assert_eq!(verdict(&known, &controller("V3.2.0")), "not affected");
        assert_eq!(verdict(&known, &controller("V3.1 SP2")), "unknown");
        let other = device(&[("vendor", "Other", "declared"), ("order_number", "AC315-2EH", "declared"), ("firmware", "3.1", "declared")]);
        assert_eq!(verdict(&known, &other), "", "another maker's");
    }

    #[test]
    fn what_is_inferred_is_never_affected() {
        let known = advisory(vec![Named::new("Acme", "X100", &[], Versions::All)]);
        let inferred = device(&[("vendor", "Acme", "inferred"), ("model", "X100", "declared"), ("firmware", "1", "declared")]);
        assert_eq!(verdict(&known, &inferred), "unknown");
        assert_eq!(verdict(&known, &device(&[("vendor", "Acme", "declared"), ("model", "X100", "declared")])), "affected");
        assert_eq!(verdict(&known, &device(&[("vendor", "Acme", "declared"), ("model", "X1000", "declared")])), "");
        let ranged = advisory(vec![Named::new("Acme", "X100", &[], Versions::of_range("<2"))]);
        assert_eq!(verdict(&ranged, &device(&[("vendor", "Acme", "declared"), ("model", "X100", "declared")])), "unknown");
    }

    #[test]
    fn a_model_number_may_have_wildcards_and_no_pattern_takes_long() {
        assert!(matches("ac315*", "ac3152eh") && matches("ac31?2eh", "ac3152eh") && matches("*", ""));
        assert!(!matches("ac316*", "ac3152eh") && !matches("ac315?", "ac3152eh"));
        assert!(!matches(&"a*".repeat(9), &"a".repeat(10_000)));
        assert!(!matches(&format!("{}b", "a*".repeat(8)), &"a".repeat(10_000)));
    }
}
