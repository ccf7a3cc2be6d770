//! Who becomes a candidate, and for what: the registrar's rules. The first rule that fits decides.

use inventory::document::Device;

/// What the registrar was told to propose, and how much of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// In order; the first that fits decides.
    pub rules: Vec<Rule>,
    /// New requests that are taken in within an hour.
    pub per_hour: u32,
    /// Requests that may wait for approval or delivery at a time.
    pub in_flight: u32,
    /// Distinct people who must approve. 0 is the single-operator mode, which every status shows.
    pub approvals_required: u8,
}

impl Default for Policy {
    fn default() -> Self {
        // A person can review some ten an hour; a hundred are a day's work for two.
        Self { rules: Vec::new(), per_hour: 100, in_flight: 1000, approvals_required: 2 }
    }
}

/// One rule. An empty list means any.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rule {
    /// For people; stands in every request as `policy:NAME`.
    pub name: String,
    /// Sites.
    pub sites: Vec<String>,
    /// Classes of the document.
    pub classes: Vec<String>,
    /// Types of the document.
    pub types: Vec<String>,
    /// Rules of findings, of which one must be open.
    pub findings: Vec<String>,
    /// States of `managed`; empty: `unmanaged` alone, because what no list covers may well be managed.
    pub managed: Vec<String>,
    /// Least confidence of what names it, in percent.
    pub confidence: u8,
    /// The target's name.
    pub target: String,
    /// The target's profile.
    pub profile: String,
    /// Methods that the target supports; empty: whatever the device offers first.
    pub methods: Vec<String>,
    /// Which credentials are asked for.
    pub credentials: Vec<String>,
    /// How long, such as `720h`.
    pub ttl: String,
    /// The common name, with `{id}`, `{mac}`, `{serial}`, `{hostname}`, `{ip}` and `{site}`.
    pub common_name: String,
    /// Alternative names, likewise, each with its kind: `dns:{hostname}`.
    pub sans: Vec<String>,
}

/// Why a device is no candidate, or by which rule and method it is one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict<'a> {
    /// A candidate.
    Candidate(&'a Rule, &'a str),
    /// Not, and why.
    Not(String),
}

impl Policy {
    /// Judges a device.
    #[must_use]
    pub fn judge<'a>(&'a self, device: &'a Device) -> Verdict<'a> {
        if let Some(why) = never(device) {
            return Verdict::Not(why);
        }
        let Some(rule) = self.rules.iter().find(|rule| rule.fits(device)) else {
            return Verdict::Not("no rule of the policy fits it".to_owned());
        };
        match rule.method(device) {
            Some(method) => Verdict::Candidate(rule, method),
            None => Verdict::Not(format!("rule {}: no method without blockers that the target supports", rule.name)),
        }
    }
}

/// What no rule can make a candidate: what is not ours, what we do not know, and what stands for several.
fn never(device: &Device) -> Option<String> {
    // A closed list of what may be: what a later version of the document adds is not enrolled by accident.
    match device.kind.as_str() {
        "device" => {}
        kind => return Some(format!("a {kind} is no single device of its own")),
    }
    if !matches!(device.reach.as_str(), "local" | "routed") {
        return Some("it is external: not ours".to_owned());
    }
    if device.class == "unknown" || device.class.is_empty() {
        return Some("its class is unknown".to_owned());
    }
    if device.replaced_by.is_some() {
        return Some("another device took its place".to_owned());
    }
    None
}

impl Rule {
    fn fits(&self, device: &Device) -> bool {
        let any = |list: &[String], value: &str| list.is_empty() || list.iter().any(|one| one == value);
        let managed = match self.managed.as_slice() {
            [] => device.managed.state == "unmanaged",
            list => list.contains(&device.managed.state),
        };
        let open = |rule: &String| device.findings.iter().any(|one| one.rule == *rule && one.status == "open" && one.suppressed.is_none());
        managed
            && any(&self.sites, &device.site)
            && any(&self.classes, &device.class)
            && any(&self.types, &device.kind_of_device)
            && (self.findings.is_empty() || self.findings.iter().any(open))
            && confidence(device) >= self.confidence
    }

    fn method<'a>(&self, device: &'a Device) -> Option<&'a str> {
        let supported = |method: &str| self.methods.is_empty() || self.methods.iter().any(|one| one.eq_ignore_ascii_case(method));
        let free = device.enrollability.iter().find(|way| way.blockers.is_empty() && supported(&way.method));
        free.map(|way| way.method.as_str())
    }
}

/// Of the weakest statement that counts among maker, model and serial number; 0 if there is none.
#[must_use]
pub fn confidence(device: &Device) -> u8 {
    let named = ["vendor", "model", "serial"].iter().filter_map(|name| device.attributes.get(*name));
    named.map(|attribute| if attribute.conflict { 0 } else { attribute.confidence }).min().unwrap_or(0)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use inventory::document::{AttributeRecord, Enrollability, Evidence};

    pub(crate) fn rule() -> Rule {
        let text = |text: &str| text.to_owned();
        Rule {
            name: text("cameras"),
            classes: vec![text("surveillance")],
            target: text("vault"),
            profile: text("camera"),
            ttl: text("720h"),
            common_name: text("cam-{mac}"),
            confidence: 60,
            ..Rule::default()
        }
    }

    pub(crate) fn policy() -> Policy {
        Policy { rules: vec![rule()], ..Policy::default() }
    }

    pub(crate) fn camera() -> Device {
        let text = |text: &str| text.to_owned();
        let mut device = Device { id: text("d-1"), kind: text("device"), reach: text("local"), class: text("surveillance"), ..Device::default() };
        device.macs = vec![text("44:19:b6:0a:00:22")];
        device.hostnames = vec![text("cam-1")];
        device.managed.state = text("unmanaged");
        let evidence = vec![Evidence { protocol: text("http"), field: text("server"), quote: text("secret"), ..Evidence::default() }];
        let model = AttributeRecord { value: text("DS-2"), confidence: 90, class: text("declared"), evidence, ..AttributeRecord::default() };
        device.attributes.insert(text("model"), model.clone());
        device.attributes.insert(text("user"), AttributeRecord { value: text("alice"), ..model });
        let blocked = Enrollability { method: text("BRSKI"), blockers: vec![text("x")], ..Enrollability::default() };
        device.enrollability = vec![blocked, Enrollability { method: text("manual CSR"), ..Enrollability::default() }];
        device
    }

    fn not(change: impl FnOnce(&mut Device)) -> bool {
        let mut device = camera();
        change(&mut device);
        matches!(policy().judge(&device), Verdict::Not(_))
    }

    #[test]
    fn a_fitting_device_gets_the_first_method_without_blockers() {
        let (policy, device) = (policy(), camera());
        assert_eq!(policy.judge(&device), Verdict::Candidate(&rule(), "manual CSR"));
    }

    #[test]
    fn what_is_not_ours_not_known_or_several_is_never_a_candidate() {
        assert!(!not(|_| ()));
        assert!(not(|device| device.reach = "external".to_owned()));
        assert!(not(|device| device.reach = "routed-external".to_owned()));
        assert!(not(|device| device.class = "unknown".to_owned()));
        assert!(not(|device| device.kind = "ghost".to_owned()));
        assert!(not(|device| device.kind = "represents_many".to_owned()));
    }

    #[test]
    fn a_managed_an_uncertain_and_a_contradictory_device_are_none() {
        assert!(not(|device| device.managed.state = "listed".to_owned()));
        assert!(not(|device| device.managed.state = "unknown".to_owned()));
        assert!(not(|device| device.attributes.get_mut("model").unwrap().confidence = 59));
        assert!(not(|device| device.attributes.get_mut("model").unwrap().conflict = true));
        assert!(not(|device| device.enrollability.truncate(1)));
    }
}
