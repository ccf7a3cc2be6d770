//! Findings in the Static Analysis Results Interchange Format (SARIF 2.1.0, OASIS), for what collects such from other tools.

use super::Contents;
use inventory::document::{Device, Finding};
use inventory::judge::catalogue::{Catalogue, Rule, Severity};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{self, Write};

/// Where the schema is published.
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Writes it: findings of zones and the site first, then those of devices, which of a zone's each device has its own.
///
/// # Errors
/// If the output cannot be written.
pub fn write(contents: &dyn Contents, out: &mut dyn Write) -> io::Result<()> {
    let mut results: Vec<Value> = contents.head().findings.iter().map(|finding| result(contents, finding, None)).collect();
    for number in 0..contents.devices() {
        let Some(device) = contents.device(number) else { continue };
        let own = device.findings.iter().filter(|finding| finding.scope == "device");
        results.extend(own.map(|finding| result(contents, finding, Some(&device))));
    }
    let rules = occurring(&mut results);
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "wirecensus", "version": contents.head().producer.version, "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "artifacts": contents.head().sources.iter().map(|source| json!({ "location": { "uri": uri(&source.name) } })).collect::<Vec<_>>(),
            "results": results,
        }]
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

/// Rules that occur, in the order of the catalogue; each result says at which place its own stands (§3.27.6).
fn occurring(results: &mut [Value]) -> Vec<Value> {
    let id = |result: &Value| result.get("ruleId").and_then(Value::as_str).unwrap_or_default().to_owned();
    let ids: BTreeSet<String> = results.iter().map(id).collect();
    let known: Vec<&Rule> = Catalogue::built_in().rules.iter().filter(|rule| ids.contains(&rule.id)).collect();
    for result in results {
        if let Some(place) = known.iter().position(|rule| rule.id == id(result)) {
            result["ruleIndex"] = place.into();
        }
    }
    let rule = |rule: &&Rule| {
        json!({
            "id": rule.id,
            "name": rule.id,
            "shortDescription": { "text": rule.title },
            "fullDescription": { "text": rule.detection },
            "help": { "text": rule.remedy },
            "defaultConfiguration": { "level": level(rule.severity) },
            "properties": { "severity": rule.severity.name(), "controls": rule.controls, "process_risk": rule.process_risk },
        })
    };
    known.iter().map(rule).collect()
}

fn result(contents: &dyn Contents, finding: &Finding, device: Option<&Device>) -> Value {
    let devices: Vec<&str> = device.map(|device| device.id.as_str()).into_iter().chain(finding.devices.iter().map(String::as_str)).collect();
    let whom = device.map(name).or_else(|| finding.zone.clone());
    let what = if finding.details.is_empty() { String::new() } else { format!(": {}", finding.details.join("; ")) };
    let message = whom.map_or_else(|| format!("{}{what}", finding.title), |whom| format!("{whom}: {}{what}", finding.title));
    let source = finding.evidence.first().and_then(|evidence| contents.head().sources.iter().find(|source| *source.key == *evidence.source));
    let physical = source.map(|source| json!({ "artifactLocation": { "uri": uri(&source.name) } }));
    let logical: Vec<Value> = devices.iter().map(|id| json!({ "fullyQualifiedName": id, "kind": "resource" })).collect();
    let mut location = serde_json::Map::new();
    location.extend(physical.map(|physical| ("physicalLocation".to_owned(), physical)));
    location.insert("logicalLocations".to_owned(), logical.into());
    let mut result = json!({
        "ruleId": finding.rule,
        "level": Severity::from_name(&finding.severity).map_or("none", level),
        "kind": if finding.status == "open" { "fail" } else { "pass" },
        "message": { "text": message },
        "locations": [location],
        "partialFingerprints": { "wirecensus/v1": finding.id },
        "occurrenceCount": finding.count.max(1),
        "properties": { "severity": finding.severity, "status": finding.status, "scope": finding.scope, "count": finding.count },
    });
    if finding.status != "open" {
        // §3.27.10: what is no failure has no level.
        result["level"] = "none".into();
    }
    if let Some(reason) = &finding.suppressed {
        result["suppressions"] = json!([{ "kind": "external", "justification": reason }]);
    }
    result
}

/// §3.27.10 has three levels for five severities.
const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// How a device is called where there is room for one name.
pub(crate) fn name(device: &Device) -> String {
    let names = [device.ips.first(), device.hostnames.first(), device.macs.first()];
    names.into_iter().flatten().next().unwrap_or(&device.id).clone()
}

/// A file's name as a relative reference (RFC 3986 §2.1).
fn uri(name: &str) -> String {
    let mut uri = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use inventory::Document;

    #[test]
    fn a_finding_is_a_result_with_its_rule_level_and_place() {
        let finding =
            Finding { rule: "CRD-003".into(), severity: "high".into(), status: "open".into(), scope: "device".into(), ..Finding::default() };
        let device = Device { id: "d".into(), ips: vec!["10.0.0.1".into()], findings: vec![finding], ..Device::default() };
        let document = Document { devices: vec![device], ..Document::default() };
        let mut out = Vec::new();
        write(&document, &mut out).unwrap();
        let sarif: Value = serde_json::from_slice(&out).unwrap();
        let result = &sarif["runs"][0]["results"][0];
        assert_eq!((result["ruleId"].as_str(), result["level"].as_str()), (Some("CRD-003"), Some("error")));
        assert_eq!(result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"], "d");
        let rules = sarif["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
        assert!(rules.len() == 1 && rules[0]["id"] == "CRD-003" && result["ruleIndex"] == 0, "rules that occur, and no others");
    }

    #[test]
    fn a_files_name_is_a_reference() {
        assert_eq!(uri("a b/ä.pcap"), "a%20b/%C3%A4.pcap");
    }
}
