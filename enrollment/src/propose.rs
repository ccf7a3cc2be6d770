//! From an inventory to requests: for each device that a rule names what would be asked for it, or why nothing is.

use crate::policy::{Policy, Rule};
use crate::request::{Identifiers, Proof, Request, Requested, SCHEMA, canonical, digest};
use inventory::document::{Device, Document};
use uuid::Uuid;

/// Attributes that a request shows, with their evidence. Names of people and places are none of them.
const SHOWN: &[&str] = &["vendor", "model", "order_number", "serial", "firmware", "hardware", "os", "class", "type"];

/// Classes whose names are people's, as often as not: "Anna's phone" goes nowhere.
const PERSONAL: &[&str] = &["mobile", "office"];

/// Pieces of evidence in a request: the vault's people read it, and can follow each to its packet.
const EVIDENCE_MAX: usize = 16;

/// A device that a rule names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// The device's id.
    pub device: String,
    /// How people call it.
    pub label: String,
    /// By which rule.
    pub rule: String,
    /// What would be proposed, or why nothing is.
    pub outcome: Result<Box<Request>, String>,
}

/// Every device that a rule names, in the document's order.
#[must_use]
pub fn candidates(document: &Document, policy: &Policy) -> Vec<Candidate> {
    document.devices.iter().filter_map(|device| candidate(device, policy)).collect()
}

fn candidate(device: &Device, policy: &Policy) -> Option<Candidate> {
    // What is no device, what is not ours and what nobody recognised is never proposed.
    if device.kind != "device" || device.reach == "external" || device.class == "unknown" || device.replaced_by.is_some() {
        return None;
    }
    let rule = policy.rule.iter().find(|rule| fits(rule, device))?;
    let outcome = request(device, rule).map(Box::new);
    let label = device.hostnames.first().or_else(|| device.ips.first()).or_else(|| device.macs.first());
    Some(Candidate { device: device.id.clone(), label: label.unwrap_or(&device.id).clone(), rule: rule.name.clone(), outcome })
}

fn fits(rule: &Rule, device: &Device) -> bool {
    let among = |list: &[String], value: &str| list.is_empty() || list.iter().any(|one| one == value);
    let finding = rule.finding.is_empty()
        || device
            .findings
            .iter()
            .any(|finding| finding.status == "open" && finding.suppressed.is_none() && rule.finding.iter().any(|one| *one == finding.rule));
    among(&rule.site, &device.site)
        && among(&rule.class, &device.class)
        && among(&rule.kind, &device.kind_of_device)
        && among(&rule.reach, &device.reach)
        && among(&rule.managed, &device.managed.state)
        && finding
}

fn request(device: &Device, rule: &Rule) -> Result<Request, String> {
    if device.managed.state == "conflict" {
        return Err(format!("its identity is in conflict: {}", device.managed.reason));
    }
    let identifiers = identifiers(device);
    if identifiers.mac.is_empty() && identifiers.serial.is_empty() && identifiers.cert_sha256.is_empty() {
        return Err("nothing identifies it but an address, which another may have tomorrow".to_owned());
    }
    let confidence = confidence(device);
    if confidence < rule.confidence {
        return Err(format!("its type is sure to {confidence} %, and the rule asks for {}", rule.confidence));
    }
    Ok(described(device, rule, identifiers, method(device, rule)?))
}

/// A request for a device that gets no identity of its own: what is delegated or compensated for has one, to be found again by.
///
/// # Errors
/// If there is no such device, or no rule names it.
pub fn without_identity(document: &Document, policy: &Policy, id: &str) -> Result<Request, String> {
    let is_it = |device: &&Device| device.id == id || device.aliases.iter().any(|alias| alias == id);
    let device = document.devices.iter().find(is_it).ok_or_else(|| format!("there is neither a request nor a device {id}"))?;
    let rule = policy.rule.iter().find(|rule| fits(rule, device)).ok_or_else(|| format!("no rule names the device {id}"))?;
    Ok(described(device, rule, identifiers(device), "none".to_owned()))
}

fn described(device: &Device, rule: &Rule, identifiers: Identifiers, method: String) -> Request {
    let evidence = evidence(device);
    let mut device_keys: Vec<String> = device.aliases.iter().chain([&device.id]).cloned().collect();
    device_keys.sort();
    let common_name = common_name(&rule.common_name, device, &identifiers);
    let requested = Requested {
        credentials: if method == "none" { Vec::new() } else { vec!["x509-client".to_owned()] },
        csr_pem: None,
        ttl: rule.ttl.clone(),
        sans: vec![format!("uri:urn:uuid:{}", device.id)],
        common_name,
    };
    let attribute = |name: &&str| Some(((*name).to_owned(), device.attributes.get(*name)?.value.clone()));
    let mut attributes: std::collections::BTreeMap<String, String> = SHOWN.iter().filter_map(attribute).collect();
    attributes.insert("class".to_owned(), device.class.clone());
    attributes.insert("type".to_owned(), device.kind_of_device.clone());
    Request {
        schema: SCHEMA.to_owned(),
        id: id(&device_keys, &rule.target, &rule.profile),
        device_id: device.id.clone(),
        device_keys,
        site: device.site.clone(),
        sensor: String::new(),
        target: rule.target.clone(),
        identity_profile: rule.profile.clone(),
        method,
        identifiers,
        attributes,
        confidence: confidence(device),
        evidence_digest: digest(&canonical(&evidence)),
        evidence,
        requested,
        justification: format!("rule {}: {} {}, {}", rule.name, device.class, device.kind_of_device, device.managed.state),
        requested_by: format!("policy:{}", rule.name),
    }
}

/// Of its type, in percent.
fn confidence(device: &Device) -> u8 {
    device.attributes.get("type").map_or(0, |record| record.confidence)
}

/// The same for the same device, target and profile: a UUIDv5 over the least of its keys.
pub(crate) fn id(keys: &[String], target: &str, profile: &str) -> String {
    let name = format!("{}\u{1f}{target}\u{1f}{profile}", keys.first().map_or("", String::as_str));
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("urn:wirecensus:enrollment-request:{name}").as_bytes()).to_string()
}

fn identifiers(device: &Device) -> Identifiers {
    let sorted = |mut all: Vec<String>| {
        all.sort();
        all.dedup();
        all
    };
    let certificates = device.identities.iter().filter(|identity| identity.kind == "x509" && identity.unique);
    Identifiers {
        mac: sorted(device.macs.clone()),
        ip: sorted(device.ips.clone()),
        serial: device.attributes.get("serial").filter(|record| !record.conflict).map(|record| record.value.clone()).into_iter().collect(),
        hostnames: if PERSONAL.contains(&device.class.as_str()) { Vec::new() } else { sorted(device.hostnames.clone()) },
        cert_sha256: sorted(certificates.map(|identity| identity.value.clone()).collect()),
    }
}

/// The method of a device that can hold no identity: a zone compensates for it.
const NO_WAY: &str = "zone";

/// The way that the rule names, whose blockers are then its author's to clear (a CSR by hand always waits for somebody); else the first that
/// nothing blocks.
fn method(device: &Device, rule: &Rule) -> Result<String, String> {
    let ways = || device.enrollability.iter().filter(|way| rule.method.as_ref().is_none_or(|method| *method == way.method));
    let refused = |way: &inventory::document::Enrollability| format!("{}: {}", way.method, way.blockers.join(", "));
    let open = |way: &&inventory::document::Enrollability| way.blockers.is_empty() || rule.method.is_some() && way.method != NO_WAY;
    match ways().find(|way| open(way) && way.target_supports != Some(false)) {
        Some(way) => Ok(way.method.clone()),
        None => {
            let blocked: Vec<String> = ways().filter(|way| !way.blockers.is_empty()).map(refused).collect();
            Err(format!("no way to an identity is open: {}", if blocked.is_empty() { "none is known".to_owned() } else { blocked.join("; ") }))
        }
    }
}

fn evidence(device: &Device) -> Vec<Proof> {
    let of = |name: &&str| {
        let record = device.attributes.get(*name)?;
        let evidence = record.evidence.first()?;
        Some(Proof {
            attribute: (*name).to_owned(),
            value: record.value.clone(),
            class: record.class.to_string(),
            confidence: record.confidence,
            protocol: evidence.protocol.clone(),
            field: evidence.field.clone().into_owned(),
            observed_at: evidence.time.clone().unwrap_or_default(),
            source: evidence.source.as_ref().into(),
            packet: evidence.spans.first().map_or(0, |span| span.packet),
            frame_sha256: evidence.frame_sha256.clone(),
        })
    };
    SHOWN.iter().filter_map(of).take(EVIDENCE_MAX).collect()
}

/// The name with its places filled; what a name of a certificate cannot hold becomes a dash.
fn common_name(template: &str, device: &Device, identifiers: &Identifiers) -> String {
    let first = |all: &[String]| all.first().cloned().unwrap_or_default();
    let places = [
        ("{id}", device.id.clone()),
        ("{mac}", first(&identifiers.mac).replace(':', "-")),
        ("{serial}", first(&identifiers.serial)),
        ("{hostname}", first(&identifiers.hostnames)),
        ("{site}", device.site.clone()),
    ];
    let filled = places.iter().fold(template.to_owned(), |name, (place, value)| name.replace(place, value));
    // 64 characters: the upper bound of a common name (RFC 5280, appendix A.1).
    filled.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' }).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use inventory::document::{AttributeRecord, Enrollability, Managed};

    fn camera() -> Device {
        let kind = AttributeRecord { value: "camera".into(), confidence: 90, ..AttributeRecord::default() };
        Device {
            id: "b".into(),
            aliases: vec!["a".into()],
            kind: "device".into(),
            site: "north".into(),
            reach: "local".into(),
            class: "surveillance".into(),
            kind_of_device: "camera".into(),
            macs: vec!["00:80:f4:01:02:03".into()],
            hostnames: vec!["cam 1/\u{e4}".into()],
            attributes: [("type".to_owned(), kind)].into(),
            managed: Managed { state: "unmanaged".into(), ..Managed::default() },
            enrollability: vec![
                Enrollability { method: "EST".into(), blockers: vec!["no".into()], ..Enrollability::default() },
                Enrollability { method: "KV".into(), ..Enrollability::default() },
            ],
            ..Device::default()
        }
    }

    fn proposed(device: Device, rule: Rule) -> Option<Result<Box<Request>, String>> {
        let rule = Rule { name: "r".into(), target: "t".into(), profile: "p".into(), ..rule };
        let document = Document { devices: vec![device], ..Document::default() };
        candidates(&document, &Policy { rule: vec![rule], ..Policy::default() }).pop().map(|candidate| candidate.outcome)
    }

    #[test]
    fn a_camera_that_a_rule_names_is_proposed_by_the_first_way_that_nothing_blocks() {
        let request = proposed(camera(), Rule { common_name: "{hostname}".into(), ..Rule::default() }).unwrap().unwrap();
        assert_eq!((request.method.as_str(), request.requested.common_name.as_str()), ("KV", "cam-1--"));
        // By whichever of its ids it is shown, it is the same request.
        let renamed = Device { id: "a".into(), aliases: vec!["b".into()], ..camera() };
        assert_eq!(proposed(renamed, Rule::default()).unwrap().unwrap().id, request.id);
    }

    #[test]
    fn a_way_that_the_rule_names_is_taken_although_it_waits_for_somebody() {
        let way = |method: &str| Enrollability { method: method.into(), blockers: vec!["by hand".into()], ..Enrollability::default() };
        let device = || Device { enrollability: vec![way("manual CSR"), way("zone")], ..camera() };
        let by = |method: Option<&str>| proposed(device(), Rule { method: method.map(Into::into), ..Rule::default() }).unwrap();
        assert_eq!(by(Some("manual CSR")).unwrap().method, "manual CSR");
        assert!(by(None).unwrap_err().contains("by hand"));
        assert!(by(Some("zone")).is_err() && by(Some("EST")).is_err());
    }

    #[test]
    fn what_is_not_ours_not_known_or_not_a_device_is_never_proposed() {
        let never = |change: fn(&mut Device)| {
            let mut device = camera();
            change(&mut device);
            assert_eq!(proposed(device, Rule { reach: Vec::new(), managed: Vec::new(), confidence: 0, ..Rule::default() }), None);
        };
        never(|device| device.reach = "external".into());
        never(|device| device.class = "unknown".into());
        never(|device| device.kind = "ghost".into());
        never(|device| device.kind = "represents_many".into());
        never(|device| device.replaced_by = Some("c".into()));
    }

    #[test]
    fn why_nothing_is_proposed_is_told() {
        let told = |change: fn(&mut Device)| {
            let mut device = camera();
            change(&mut device);
            proposed(device, Rule::default()).unwrap().unwrap_err()
        };
        assert!(told(|device| device.macs.clear()).contains("nothing identifies it but an address"));
        assert!(told(|device| device.enrollability.truncate(1)).contains("EST: no"));
        assert!(told(|device| device.attributes.clear()).contains("sure to 0 %"));
        assert_eq!(proposed(Device { managed: Managed { state: "listed".into(), ..Managed::default() }, ..camera() }, Rule::default()), None);
    }

    #[test]
    fn names_of_peoples_devices_go_nowhere() {
        let phone = Device { class: "mobile".into(), hostnames: vec!["Annas-Phone".into()], ..camera() };
        assert!(proposed(phone, Rule::default()).unwrap().unwrap().identifiers.hostnames.is_empty());
    }
}
