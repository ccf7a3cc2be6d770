//! Fields that stand in a registry: CIP, PROFINET, BACnet, EtherCAT, HART, KNX and Matter vendors, SNMP enterprises, letters of
//! makers of meters.

use crate::attribute::class_of;
use crate::claim::{Attribute, Claim};
use crate::table;
use observations::{Field, Statement, ValueRef};
use std::collections::HashMap;
use std::sync::Mutex;

/// Enterprise numbers of agents that run on anybody's device: they name the software, not the vendor (RFC 3411 leaves the choice to the
/// implementer). UCD and Net-SNMP, Microsoft's service; Frogfoot's, which radios of another maker show; and systemd's, which stands in
/// DHCPv6 identifiers.
const AGENTS: &[u64] = &[2021, 8072, 311, 10002, 43793];

/// BACnet vendor identifiers of which the same holds: the open-source BACnet Stack's, which its users often leave as it is.
const STACKS: &[u64] = &[260];
/// BACnet's identifier of ASHRAE, who build nothing: samples and unset devices show it.
const BACNET_UNSET: u64 = 0;

/// The vendors of numbers that were asked for: devices of one maker come in numbers.
#[derive(Default)]
pub(crate) struct Vendors(Mutex<HashMap<(Field, u64), Option<&'static str>>>);

/// Distinct numbers that are remembered; beyond it they are looked up again each time.
const KNOWN_MAX: usize = 10_000;

impl Vendors {
    /// Claims from registered numbers and letters.
    pub(crate) fn claims<'a>(&self, said: &Statement<'a>, claims: &mut Vec<Claim<'a>>) {
        for (index, one) in said.fields.iter().enumerate() {
            let Some((most, rule)) = row(one.field) else { continue };
            let id = match (one.field, one.value) {
                (Field::SystemObjectId | Field::TrapEnterprise, value) => enterprise_of(&value.display()),
                (Field::MdnsTxt, ValueRef::Text(text)) => matter_vendor(text),
                (Field::FlagId, _) => None,
                (_, value) => value.number(),
            };
            let vendor = match one.field {
                Field::FlagId => table::flag_id(&one.value.display()).map(usual),
                field => id.and_then(|id| self.vendor(field, id)),
            };
            let Some(vendor) = vendor else { continue };
            let class = class_of(said);
            let stack = one.field == Field::BacnetVendorId && id.is_some_and(|id| STACKS.contains(&id));
            let confidence = if stack { 50 } else { most }.min(class.most());
            claims.push(Claim { attribute: Attribute::Vendor, value: vendor.into(), class, confidence, rule: rule.into(), field: Some(index) });
        }
    }

    fn vendor(&self, field: Field, id: u64) -> Option<&'static str> {
        let Ok(mut known) = self.0.lock() else { return vendor(field, id) };
        if let Some(vendor) = known.get(&(field, id)) {
            return *vendor;
        }
        let vendor = vendor(field, id);
        if known.len() < KNOWN_MAX {
            known.insert((field, id), vendor);
        }
        vendor
    }
}

/// How far a field is believed, and the registry that it stands in.
const fn row(field: Field) -> Option<(u8, &'static str)> {
    Some(match field {
        Field::CipVendorId => (90, "registry:cip-vendor"),
        Field::ProfinetVendorId => (90, "registry:profinet-vendor"),
        Field::BacnetVendorId => (90, "registry:bacnet-vendor"),
        Field::KnxManufacturer => (80, "registry:knx-manufacturer"),
        Field::EtherCatVendorId => (90, "registry:ethercat-vendor"),
        Field::HartManufacturerId => (90, "registry:hart-manufacturer"),
        Field::EnterpriseNumber => (75, "registry:snmp-enterprise"),
        Field::SystemObjectId => (80, "registry:snmp-enterprise"),
        // Whoever sends a maker's trap is of that maker as a rule.
        Field::TrapEnterprise => (50, "registry:snmp-enterprise"),
        Field::FlagId => (85, "registry:flag-id"),
        Field::MdnsTxt => (85, "registry:csa-vendor"),
        _ => return None,
    })
}

/// Whether a field stands in a registry.
pub(crate) const fn reads(field: Field) -> bool {
    row(field).is_some()
}

fn vendor(field: Field, id: u64) -> Option<&'static str> {
    let name = match field {
        Field::CipVendorId => table::cip_vendor(id),
        Field::ProfinetVendorId => table::profinet_vendor(id),
        Field::BacnetVendorId => table::bacnet_vendor(id).filter(|_| id != BACNET_UNSET),
        Field::KnxManufacturer => table::knx_manufacturer(id),
        Field::EtherCatVendorId => table::ethercat_vendor(id),
        Field::HartManufacturerId => table::hart_manufacturer(id),
        Field::MdnsTxt => table::csa_vendor(id),
        _ => table::enterprise(id).filter(|_| !AGENTS.contains(&id)),
    };
    name.map(usual)
}

/// The usual name of a maker that a registry names.
fn usual(name: &'static str) -> &'static str {
    table::vendor_name(name).unwrap_or_else(|| name.split(" (").next().unwrap_or(name).trim())
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
        let told = |txt| {
            let (said, mut found) = (said("mdns", observations::Kind::Service, &[(Field::MdnsTxt, text(txt))]), Vec::new());
            Vendors::default().claims(&said.statement(), &mut found);
            found.pop().map(|claim| claim.value.into_owned())
        };
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
