//! Fields that stand in a registry: CIP, PROFINET, BACnet, EtherCAT, HART, KNX and Matter vendors, SNMP enterprises, letters of
//! makers of meters.

use crate::attribute::class_of;
use crate::claim::{Attribute, Claim};
use crate::table;
use observations::{Field, Observation, Value};

/// Enterprise numbers of agents that run on anybody's device: they name the software, not the vendor (RFC 3411 leaves the choice to the
/// implementer). UCD and Net-SNMP, Microsoft's service; and Frogfoot's, which radios of another maker show.
const AGENTS: &[u64] = &[2021, 8072, 311, 10002];

/// BACnet vendor identifiers of which the same holds: the open-source BACnet Stack's, which its users often leave as it is.
const STACKS: &[u64] = &[260];
/// BACnet's identifier of ASHRAE, who build nothing: samples and unset devices show it.
const BACNET_UNSET: u64 = 0;

/// Claims from registered numbers.
#[must_use]
pub fn claims(observation: &Observation) -> Vec<Claim> {
    let class = class_of(observation);
    let mut claims = Vec::new();
    for (index, said) in observation.fields.iter().enumerate() {
        let (name, confidence, rule) = match (said.field, &said.value) {
            (Field::CipVendorId, Value::Number(id)) => (table::cip_vendor(*id), 90, "registry:cip-vendor"),
            (Field::ProfinetVendorId, Value::Number(id)) => (table::profinet_vendor(*id), 90, "registry:profinet-vendor"),
            (Field::BacnetVendorId, Value::Number(BACNET_UNSET)) => continue,
            (Field::BacnetVendorId, Value::Number(id)) => {
                (table::bacnet_vendor(*id), if STACKS.contains(id) { 50 } else { 90 }, "registry:bacnet-vendor")
            }
            (Field::KnxManufacturer, Value::Number(id)) => (table::knx_manufacturer(*id), 80, "registry:knx-manufacturer"),
            (Field::EtherCatVendorId, Value::Number(id)) => (table::ethercat_vendor(*id), 90, "registry:ethercat-vendor"),
            (Field::HartManufacturerId, Value::Number(id)) => (table::hart_manufacturer(*id), 90, "registry:hart-manufacturer"),
            (Field::EnterpriseNumber, Value::Number(id)) => (table::enterprise(*id).filter(|_| !AGENTS.contains(id)), 75, "registry:snmp-enterprise"),
            (Field::FlagId, value) => (table::flag_id(&value.display()), 85, "registry:flag-id"),
            (Field::SystemObjectId, value) => {
                let id = enterprise_of(&value.display());
                (id.filter(|id| !AGENTS.contains(id)).and_then(table::enterprise), 80, "registry:snmp-enterprise")
            }
            (Field::MdnsTxt, Value::Text(text)) => match matter_vendor(text) {
                Some(id) => (table::csa_vendor(id), 85, "registry:csa-vendor"),
                None => continue,
            },
            _ => continue,
        };
        if let Some(name) = name {
            claims.push(Claim {
                attribute: Attribute::Vendor,
                value: table::vendor_name(name).unwrap_or_else(|| name.split(" (").next().unwrap_or(name).trim()).to_owned(),
                class,
                confidence: confidence.min(class.most()),
                rule: rule.to_owned(),
                field: Some(index),
            });
        }
    }
    claims
}

/// The enterprise number in an object identifier below 1.3.6.1.4.1 (RFC 1155).
fn enterprise_of(oid: &str) -> Option<u64> {
    oid.trim_start_matches('.').strip_prefix("1.3.6.1.4.1.")?.split('.').next()?.parse().ok()
}

/// The vendor in a Matter node's `VP=vendor+product` (Matter Core Specification 1.0 §4.3.1.6), both decimal.
fn matter_vendor(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text.strip_prefix(b"VP=")?).ok()?.split('+').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matter_node_names_its_vendor_by_number() {
        use crate::testing::{said, text};
        let told = |txt| claims(&said("mdns", observations::Kind::Service, &[(Field::MdnsTxt, text(txt))])).pop().map(|claim| claim.value);
        assert_eq!(told("VP=4447+8194").as_deref(), Some("Aqara"));
        assert_eq!(told("VP=65521+32769"), None);
        assert_eq!(told("vp=x"), None);
    }

    #[test]
    fn an_object_identifier_names_its_enterprise() {
        assert_eq!(enterprise_of("1.3.6.1.4.1.4329.6.3.2"), Some(4329));
        assert_eq!(enterprise_of(".1.3.6.1.4.1.9"), Some(9));
        assert_eq!(enterprise_of("1.3.6.1.2.1.1"), None);
    }
}
