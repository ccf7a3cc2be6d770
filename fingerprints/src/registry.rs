//! Fields that are numbers in a registry: CIP, PROFINET and BACnet vendors, SNMP enterprises.

use crate::attribute::class_of;
use crate::claim::{Attribute, Claim};
use crate::table;
use observations::{Field, Statement};
use std::collections::HashMap;
use std::sync::Mutex;

/// Enterprise numbers of agents that run on anybody's device: they name the software, not the vendor (RFC 3411 leaves the choice to the
/// implementer). UCD and Net-SNMP, Microsoft's service; and Frogfoot's, which radios of another maker show.
const AGENTS: &[u64] = &[2021, 8072, 311, 10002];

/// The vendors of numbers that were asked for: devices of one maker come in numbers.
#[derive(Default)]
pub(crate) struct Vendors(Mutex<HashMap<(Field, u64), Option<&'static str>>>);

/// Distinct numbers that are remembered; beyond it they are looked up again each time.
const KNOWN_MAX: usize = 10_000;

impl Vendors {
    /// Claims from registered numbers.
    pub(crate) fn claims<'a>(&self, said: &Statement<'a>, claims: &mut Vec<Claim<'a>>) {
        for (index, one) in said.fields.iter().enumerate() {
            let Some((confidence, rule)) = row(one.field) else { continue };
            let id = match (one.field, one.value) {
                (Field::SystemObjectId, value) => enterprise_of(&value.display()),
                (_, value) => value.number(),
            };
            if let Some(vendor) = id.and_then(|id| self.vendor(one.field, id)) {
                let class = class_of(said);
                let confidence = confidence.min(class.most());
                claims.push(Claim { attribute: Attribute::Vendor, value: vendor.into(), class, confidence, rule: rule.into(), field: Some(index) });
            }
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

/// How far a field's number is believed, and the registry.
const fn row(field: Field) -> Option<(u8, &'static str)> {
    Some(match field {
        Field::CipVendorId => (90, "registry:cip-vendor"),
        Field::ProfinetVendorId => (90, "registry:profinet-vendor"),
        Field::BacnetVendorId => (90, "registry:bacnet-vendor"),
        Field::EnterpriseNumber => (75, "registry:snmp-enterprise"),
        Field::SystemObjectId => (80, "registry:snmp-enterprise"),
        _ => return None,
    })
}

/// Whether a field is a number in a registry.
pub(crate) const fn reads(field: Field) -> bool {
    row(field).is_some()
}

fn vendor(field: Field, id: u64) -> Option<&'static str> {
    let name = match field {
        Field::CipVendorId => table::cip_vendor(id),
        Field::ProfinetVendorId => table::profinet_vendor(id),
        Field::BacnetVendorId => table::bacnet_vendor(id),
        _ => table::enterprise(id).filter(|_| !AGENTS.contains(&id)),
    }?;
    Some(table::vendor_name(name).unwrap_or_else(|| name.split(" (").next().unwrap_or(name).trim()))
}

/// The enterprise number in an object identifier below 1.3.6.1.4.1 (RFC 1155).
fn enterprise_of(oid: &str) -> Option<u64> {
    oid.trim_start_matches('.').strip_prefix("1.3.6.1.4.1.")?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_identifier_names_its_enterprise() {
        assert_eq!(enterprise_of("1.3.6.1.4.1.4329.6.3.2"), Some(4329));
        assert_eq!(enterprise_of(".1.3.6.1.4.1.9"), Some(9));
        assert_eq!(enterprise_of("1.3.6.1.2.1.1"), None);
    }
}
