//! From the inventory document and the policy to requests. Personal data and captured text stay behind: only what is listed here goes out.

use crate::policy::{Policy, Rule, Verdict, confidence};
use crate::request::{Identifiers, Proof, Request, Requested, SCHEMA, canonical, digest};
use inventory::Document;
use inventory::document::Device;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Namespace of requests' ids. A random UUID, fixed for ever.
const REQUESTS: Uuid = Uuid::from_u128(0x93b6_0f1e_57c4_4d2b_8a90_6e1d_c23f_70a5);

/// Attributes that go out. All others stay: users, owners and locations are personal data or the plant's own business.
const ATTRIBUTES: &[&str] = &["vendor", "model", "order_number", "firmware", "hardware", "serial", "os", "mac_vendor"];

/// Classes whose names tend to be those of people ("Anna's phone").
const PERSONAL: &[&str] = &["mobile", "office"];

/// Pieces of evidence an attribute: the first ones say what there is to say.
const PROOFS_MAX: usize = 4;

/// A request for every candidate, in the order of the document.
#[must_use]
pub fn propose(document: &Document, policy: &Policy, sensor: &str) -> Vec<Request> {
    let requests = document.devices.iter().filter_map(|device| match policy.judge(device) {
        Verdict::Candidate(rule, method) => request(device, rule, method, sensor),
        Verdict::Not(_) => None,
    });
    requests.collect()
}

/// The request of one device; none if a name that the rule asks for cannot be formed.
#[must_use]
pub fn request(device: &Device, rule: &Rule, method: &str, sensor: &str) -> Option<Request> {
    let identifiers = identifiers(device);
    let evidence = evidence(device);
    let mut device_keys: Vec<String> = std::iter::once(&device.id).chain(&device.aliases).cloned().collect();
    device_keys.sort();
    device_keys.dedup();
    let name = |template: &String| filled(template, device, &identifiers);
    let requested = Requested {
        credentials: rule.credentials.clone(),
        csr_pem: None,
        ttl: rule.ttl.clone(),
        common_name: name(&rule.common_name)?,
        sans: rule.sans.iter().map(name).collect::<Option<_>>()?,
    };
    let known = ATTRIBUTES.iter().filter_map(|name| Some(((*name).to_owned(), device.attributes.get(*name)?.value.clone())));
    let mut attributes: BTreeMap<String, String> = known.collect();
    attributes.insert("class".to_owned(), device.class.clone());
    attributes.insert("type".to_owned(), device.kind_of_device.clone());
    Some(Request {
        schema: SCHEMA.to_owned(),
        id: id(&device.site, &device.id, &rule.target, &rule.profile),
        device_id: device.id.clone(),
        device_keys,
        site: device.site.clone(),
        sensor: sensor.to_owned(),
        target: rule.target.clone(),
        identity_profile: rule.profile.clone(),
        method: method.to_owned(),
        identifiers,
        attributes,
        confidence: confidence(device),
        evidence_digest: digest(&canonical(&evidence)),
        evidence,
        requested,
        justification: format!("rule {} of the policy; method {method}", rule.name),
        requested_by: format!("policy:{}", rule.name),
    })
}

/// UUIDv5 over site, key, target and profile; lengths in front, so that no two lists of texts read alike.
fn id(site: &str, key: &str, target: &str, profile: &str) -> String {
    let name: String = [site, key, target, profile].iter().map(|part| format!("{}:{part}", part.len())).collect();
    Uuid::new_v5(&REQUESTS, name.as_bytes()).to_string()
}

fn identifiers(device: &Device) -> Identifiers {
    let sorted = |values: &[String]| {
        let mut values = values.to_vec();
        values.sort();
        values.dedup();
        values
    };
    let personal = PERSONAL.contains(&device.class.as_str());
    let certificates = device.identities.iter().filter(|one| one.kind == "x509" && one.unique).map(|one| one.value.clone());
    Identifiers {
        mac: sorted(&device.macs),
        ip: sorted(&device.ips),
        serial: device.attributes.get("serial").map(|serial| serial.value.clone()).into_iter().collect(),
        hostnames: if personal { Vec::new() } else { sorted(&device.hostnames) },
        cert_sha256: sorted(&certificates.collect::<Vec<_>>()),
    }
}

fn evidence(device: &Device) -> Vec<Proof> {
    let named = ATTRIBUTES.iter().filter_map(|name| Some((*name, device.attributes.get(*name)?)));
    let proofs = named.flat_map(|(name, attribute)| {
        attribute.evidence.iter().take(PROOFS_MAX).map(move |evidence| Proof {
            attribute: name.to_owned(),
            value: attribute.value.clone(),
            class: attribute.class.clone(),
            confidence: attribute.confidence,
            protocol: evidence.protocol.clone(),
            field: evidence.field.clone(),
            observed_at: evidence.time.clone().unwrap_or_default(),
            source: evidence.source.clone(),
            packet: evidence.spans.first().map_or(0, |span| span.packet),
            frame_sha256: evidence.frame_sha256.clone(),
        })
    });
    proofs.collect()
}

/// Fills a template; none if a value is missing or a placeholder is not known.
fn filled(template: &str, device: &Device, names: &Identifiers) -> Option<String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}')?;
        out.push_str(before);
        out.push_str(&match name {
            "id" => device.id.clone(),
            "site" => device.site.clone(),
            "mac" => names.mac.first()?.replace(':', "-"),
            "ip" => names.ip.first()?.clone(),
            "serial" => names.serial.first()?.clone(),
            "hostname" => names.hostnames.first()?.clone(),
            _ => return None,
        });
        rest = behind;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::{camera, policy, rule};

    fn made(device: Device) -> Vec<Request> {
        propose(&Document { devices: vec![device], ..Document::default() }, &policy(), "s")
    }

    #[test]
    fn proposing_again_is_the_same_request() {
        let (one, again) = (made(camera()), made(camera()));
        assert_eq!((one.len(), &one), (1, &again));
        assert_eq!(one[0].requested.common_name, "cam-44-19-b6-0a-00-22");
        assert_ne!(id("a", "bc", "t", "p"), id("ab", "c", "t", "p"));
    }

    #[test]
    fn users_and_quotes_stay_behind_and_so_do_names_of_personal_devices() {
        let text = String::from_utf8(made(camera())[0].canonical()).unwrap();
        assert!(!text.contains("alice") && !text.contains("secret") && text.contains("cam-1"), "{text}");
        let phone = Device { class: "mobile".to_owned(), ..camera() };
        let request = request(&phone, &rule(), "manual CSR", "s").unwrap();
        assert!(request.identifiers.hostnames.is_empty());
    }

    #[test]
    fn a_name_that_cannot_be_formed_makes_no_request() {
        let mut device = camera();
        device.macs.clear();
        assert_eq!(made(device), []);
    }
}
