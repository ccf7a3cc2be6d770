//! Class and type of one device agree: it is not one rule's class and another's type.

use crate::gather::ClaimAt;
use fingerprints::Attribute;
use fingerprints::behaviour::Acts;

/// What stands where nothing is told.
const UNKNOWN: &str = "unknown";

/// Types that are of any computer, and the classes of which it is one where another rule tells the class: a simulator of controllers may be a
/// workstation, and is told as what it does.
const OF_COMPUTERS: &[(&str, &[&str])] = &[
    ("workstation", &["office", "operator-station", "medical", UNKNOWN]),
    ("laptop", &["office", "operator-station", "medical", UNKNOWN]),
    ("server", &["server", "operator-station", "medical", "surveillance", "building", "security", UNKNOWN]),
];

/// Whether a type can be told of a device of a class.
pub(super) fn fits(kind: &str, class: &str) -> bool {
    OF_COMPUTERS.iter().find(|row| row.0 == kind).is_none_or(|row| row.1.contains(&class))
}

/// Types of rules that do not say, of the same statement, another class than the one that stands.
pub(super) fn agreeing<'c, 't, 'a>(kinds: &[&'c ClaimAt<'t, 'a>], classes: &[&ClaimAt<'_, '_>], class: &str) -> Vec<&'c ClaimAt<'t, 'a>> {
    let contradicts = |kind: &ClaimAt<'_, '_>| {
        let same = |other: &&&ClaimAt<'_, '_>| other.claim.rule == kind.claim.rule && other.told.entry.key == kind.told.entry.key;
        class != UNKNOWN && classes.iter().find(same).is_some_and(|other| other.claim.value != class)
    };
    kinds.iter().copied().filter(|kind| fits(&kind.claim.value, class) && !contradicts(kind)).collect()
}

/// The same for what behaviour says.
pub(super) fn of_class<'c>(behaviour: &[Acts<'c>], class: &str) -> Vec<Acts<'c>> {
    let contradicts = |rule: &str| {
        let mut classes = behaviour.iter().map(|acts| &acts.claim).filter(|claim| claim.attribute == Attribute::Class && claim.rule == rule);
        class != UNKNOWN && classes.any(|claim| claim.value != class)
    };
    behaviour.iter().filter(|acts| !contradicts(&acts.claim.rule)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use crate::decision::Decisions;
    use crate::document::{Device, Document};
    use fingerprints::Fingerprints;
    use observations::said::Entry;
    use observations::{Evidence, Field, FieldEvidence, Kind, Observation, Said, SaidField, SourceSaid, Stamp, Subject, Value};

    /// Protocol, kind and what is said.
    type Statement<'s> = (&'s str, Kind, &'s [(Field, Value)]);

    const MAC: &str = "00:1b:a9:01:02:03";

    /// What the host with this MAC address says of itself, one packet each.
    fn inventory(mac: &str, statements: &[Statement<'_>]) -> Document {
        let host = Subject { mac: mac.parse().ok(), ..Subject::default() };
        let mut source = SourceSaid::default();
        for (packet, (protocol, kind, fields)) in (1..).zip(statements) {
            let stamp = Stamp { time: 1_000, packet };
            let observation = Observation {
                about: host.clone(),
                speaker: host.clone(),
                protocol: (*protocol).to_owned(),
                kind: *kind,
                fields: fields.iter().map(|(field, value)| SaidField { field: *field, value: value.clone() }).collect(),
                revision: 1,
                first: Evidence { stamp, ..Evidence::default() },
                fields_first: vec![FieldEvidence::default(); fields.len()],
                last: stamp,
            };
            let entry = Entry { evidence: observation.evidence_bytes().into(), first: stamp, last: stamp, revision: 1 };
            source.insert(&observation.key(), &entry);
        }
        let prints = Fingerprints::new().unwrap_or_else(|e| panic!("{e}"));
        crate::inventory(&Said::of(source), &prints, &Decisions::default())
    }

    fn device(mac: &str, statements: &[Statement<'_>]) -> Device {
        inventory(mac, statements).devices.into_iter().find(|device| device.macs == [mac]).unwrap()
    }

    fn text(text: &str) -> Value {
        Value::Text(text.as_bytes().to_vec())
    }

    #[test]
    fn a_device_is_not_one_rules_class_and_anothers_type() {
        // The name says printer with more confidence than the bits say switch.
        let name = [(Field::Hostname, text("BRN001BA9010203"))];
        let bits = [(Field::Capabilities, Value::Number(0x0004))];
        let device = device(MAC, &[("dhcp", Kind::Name, &name), ("lldp", Kind::Identity, &bits)]);
        assert_eq!((device.class.as_str(), device.kind_of_device.as_str()), ("printing", "printer"));
        assert!(device.attributes["type"].rivals.iter().all(|rival| rival.value != "switch"));
    }

    #[test]
    fn who_looks_for_a_name_does_not_bear_it() {
        let asked = [(Field::StationName, text("et200-1")), (Field::SerialNumber, text("S C-12345"))];
        let device = device(MAC, &[("eth", Kind::Presence, &[]), ("pn_dcp", Kind::Request, &asked)]);
        assert!(device.hostnames.is_empty() && device.aliases.is_empty(), "{:?}", device.aliases);
        assert!(!device.attributes.contains_key("serial") && !device.attributes.contains_key("station_name"));
    }

    #[test]
    fn a_maker_of_one_kind_of_device_hints_at_its_class() {
        let device = device("00:40:8c:01:02:03", &[("eth", Kind::Presence, &[])]);
        assert_eq!(device.class, "surveillance");
        assert_eq!(device.attributes["class"].class, "inferred");
    }

    #[test]
    fn a_uuid_that_a_device_gives_itself_is_an_identity() {
        let uuid = [(Field::Uuid, text("44190000-b60a-0022-8000-4419b60a0022"))];
        let device = device(MAC, &[("upnp", Kind::Identity, &uuid)]);
        let found: Vec<_> = device.identities.iter().map(|identity| (identity.kind.as_str(), identity.value.as_str())).collect();
        assert_eq!(found, [("uuid", "44190000-b60a-0022-8000-4419b60a0022")]);
    }

    #[test]
    fn a_registrys_name_says_so_in_its_derivation() {
        let device = device(MAC, &[("enip", Kind::Identity, &[(Field::CipVendorId, Value::Number(1))])]);
        let vendor = &device.attributes["vendor"];
        assert_eq!(vendor.value, "Rockwell Automation");
        assert_eq!(vendor.evidence[0].derivation, ["cip-vendor"]);
    }
}
