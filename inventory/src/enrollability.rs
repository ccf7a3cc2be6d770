//! How a device could get an identity: ways in the order in which they should be tried, each with what speaks for it and what is in the
//! way. Nothing here is started by what was seen: a way is proposed, people and their vault decide.

use crate::document::{Device, Enrollability};

/// What was seen of a device, as far as it bears on how it could be enrolled.
#[derive(Clone, Copy, Default)]
pub(crate) struct Signs {
    /// It presented an initial device identity (IEEE 802.1AR: a serial number in the certificate's subject).
    pub(crate) initial_identity: bool,
    /// It presented a certificate as OPC UA application.
    pub(crate) opcua_certificate: bool,
    /// It said that it speaks CIP Security.
    pub(crate) cip_security: bool,
}

/// Classes of machines whose operating system runs an enrollment client.
const GENERAL_PURPOSE: &[&str] = &["server", "office", "operator-station"];

/// Classes of boxes with a management page of their own.
const MANAGED: &[&str] = &["network", "security", "surveillance", "printing", "infrastructure"];

/// Protocols of a bus below any identity of its own.
const FIELDBUS: &[&str] = &["ecat", "epl", "pn_rt", "pn_dcp", "goose", "sv", "modbus", "mbrtu", "hart_ip"];

/// Ways for a device, the best first; none for what is not ours.
pub(crate) fn ways(device: &Device, signs: Signs) -> Vec<Enrollability> {
    if device.reach == "external" || device.kind == "ghost" {
        return Vec::new();
    }
    let serves = |name: &str| device.services.iter().any(|service| service.protocol == name);
    let speaks = |name: &str| serves(name) || device.protocols.iter().any(|protocol| protocol == name);
    let class = device.class.as_str();
    let mut ways = Vec::new();
    let mut way = |method: &str, reason: &str, blockers: &[&str]| {
        ways.push(Enrollability {
            method: method.into(),
            target_supports: None,
            blockers: blockers.iter().map(|&text| text.to_owned()).collect(),
            reasons: vec![reason.to_owned()],
        });
    };
    if signs.initial_identity {
        let reason = "it presented an initial device identity (IEEE 802.1AR)";
        way("BRSKI", reason, &["the device must begin it: a request only pre-authorises its serial number (RFC 8995)"]);
        way("ACME-DA", reason, &["the device must begin it; the protocol is a draft"]);
    }
    if serves("opcua") {
        let blocker: &[&str] = if signs.opcua_certificate { &[] } else { &["no application certificate was seen"] };
        way("GDS", "it is an OPC UA server: certificates can be pushed (OPC UA Part 12)", blocker);
    }
    if serves("enip") || serves("cip") {
        let blocker: &[&str] = if signs.cip_security { &[] } else { &["it did not say that it supports CIP Security"] };
        way("CIP Security", "it is an EtherNet/IP device: CIP Security enrolls by EST", blocker);
    }
    if serves("bacnet") {
        way("BACnet/SC", "it is a BACnet device", &["BACnet/SC was not seen: firmware may lack it"]);
    }
    let logs_in = serves("ssh") || serves("smb") || serves("smb2") || serves("rdp");
    if GENERAL_PURPOSE.contains(&class) && (logs_in || speaks("smb2") || speaks("kerberos") || class == "server") {
        way("ACME", "it has an operating system that runs an enrollment client", &[]);
        way("EST", "it has an operating system that runs an enrollment client", &["the vault needs a registration authority that speaks EST"]);
    }
    if serves("ssh") {
        way("SSH CA", "it serves SSH: its host key can be signed", &[]);
    }
    let page = serves("http") || serves("tls");
    if page && (MANAGED.contains(&class) || class == "controller" || class == "building" || class == "medical") {
        way("manual CSR", "it has a page of its own, where a certificate can be installed", &["by hand, by somebody who vouches for it"]);
    }
    if MANAGED.contains(&class) {
        way("802.1X EAP-TLS", "boxes of its class carry an 802.1X supplicant", &["whether this one does was not seen"]);
    }
    let log_in = ["telnet", "ftp", "snmp", "http"].into_iter().find(|name| serves(name));
    if let Some(protocol) = log_in {
        way("KV", &format!("it is logged in to by a secret ({protocol}): the vault can keep and rotate it"), &[]);
    }
    let process = FIELDBUS.iter().find(|name| speaks(name));
    if let Some(protocol) = process.filter(|_| matches!(class, "controller" | "field-device" | "unknown" | "building")) {
        way("gateway", &format!("{protocol} has no place for an identity: what stands before it can hold one (delegated)"), &[]);
    }
    if ways.is_empty() {
        ways.push(Enrollability {
            method: "zone".into(),
            target_supports: None,
            blockers: vec!["nothing that was seen can hold an identity".into()],
            reasons: vec!["a zone with an owner and a review date compensates (IEC 62443-3-3)".into()],
        });
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Service;

    fn device(class: &str, services: &[&str]) -> Device {
        let service = |name: &&str| Service { protocol: (*name).into(), ..Service::default() };
        Device { class: class.into(), reach: "local".into(), services: services.iter().map(service).collect(), ..Device::default() }
    }

    fn methods(device: &Device, signs: Signs) -> Vec<String> {
        ways(device, signs).into_iter().map(|way| way.method).collect()
    }

    #[test]
    fn an_initial_identity_comes_first_and_a_zone_is_the_last_resort() {
        let signs = Signs { initial_identity: true, ..Signs::default() };
        assert_eq!(methods(&device("controller", &["opcua"]), signs)[..3], ["BRSKI", "ACME-DA", "GDS"]);
        assert_eq!(methods(&device("unknown", &[]), Signs::default()), ["zone"]);
    }

    #[test]
    fn a_plain_fieldbus_device_is_represented_by_a_gateway() {
        assert_eq!(methods(&device("controller", &["modbus"]), Signs::default()), ["gateway"]);
    }

    #[test]
    fn nobody_beyond_the_routers_is_proposed() {
        let outside = Device { reach: "external".into(), ..device("server", &["tls"]) };
        assert!(methods(&outside, Signs::default()).is_empty());
    }
}
