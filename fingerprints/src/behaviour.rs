//! Class, type and roles from what a device serves and uses. Behaviour is weak evidence: nothing here exceeds what an inference may have,
//! and what does not carry a type claims a class only, or nothing.

use crate::claim::{Attribute, Claim, Class};
use std::collections::BTreeSet;

/// What serving a protocol says: (protocol, class, type, confidence). Only protocols that one kind of box serves stand here: a PC can
/// serve Modbus, but PROFINET's and Siemens' own protocols are served by what they were made for.
const SERVES: &[(&str, &str, &str, u8)] = &[
    ("s7comm", "controller", "plc", 60),
    ("s7comm-plus", "controller", "plc", 65),
    ("umas", "controller", "plc", 65),
    ("pn_dcp", "field-device", "", 50),
    ("ipp", "printing", "printer", 65),
    // Media servers speak it as well: alone it is told of nobody.
    ("rtsp", "surveillance", "camera", 45),
    ("omron-fins", "controller", "plc", 60),
    ("slmp", "controller", "plc", 60),
    ("melsoft", "controller", "plc", 65),
    ("ccief-basic", "field-device", "", 55),
    ("pccc", "controller", "plc", 60),
    ("cspv4", "controller", "plc", 60),
    ("ge-srtp", "controller", "plc", 65),
    ("egd", "controller", "", 50),
    ("bsap", "controller", "rtu", 55),
    ("roc_plus", "controller", "rtu", 55),
    ("genisys", "controller", "rtu", 50),
    ("atg", "field-device", "", 55),
    ("codesys", "controller", "plc", 60),
    ("pcworx", "controller", "plc", 60),
    ("proconos", "controller", "plc", 60),
    ("tristation", "controller", "safety-controller", 65),
    ("addp", "network", "", 50),
    ("iec60870_104", "controller", "rtu", 50),
    ("dnp3", "controller", "rtu", 50),
    ("synphasor", "field-device", "", 55),
    ("hart_ip", "field-device", "", 60),
    ("c1222", "field-device", "meter", 55),
    ("dlms", "field-device", "meter", 55),
    ("bacnet", "building", "", 55),
    ("knxip", "building", "", 60),
    ("cnip", "building", "", 50),
    ("fox", "building", "building-controller", 60),
    ("dicom", "medical", "", 60),
    ("onvif", "surveillance", "camera", 55),
    ("pjl", "printing", "printer", 60),
    ("tplink-smarthome", "building", "", 55),
    ("lifx", "building", "light", 60),
    ("wiz", "building", "light", 55),
    ("ipmi", "server", "bmc", 60),
    ("kerberos", "server", "server", 55),
    ("ldap", "server", "server", 50),
    ("radius", "server", "server", 50),
    ("imap", "server", "server", 50),
    ("pop", "server", "server", 50),
    ("tds", "server", "", 50),
    ("tns", "server", "", 50),
    ("bgp", "network", "router", 50),
    ("capwap", "network", "", 60),
];

/// What asking in a protocol says: that of engineering and operating of one maker's controllers, of being a fieldbus's master, and where
/// what is asked for is the asker's own business.
const ASKS: &[(&str, &str, &str, u8)] = &[
    ("s7comm-plus", "operator-station", "", 55),
    ("umas", "operator-station", "", 50),
    ("semtech-udp", "network", "gateway", 60),
    ("ecat", "controller", "", 55),
    ("ccief-basic", "controller", "", 50),
    ("ocpp", "infrastructure", "vehicle-charger", 65),
    ("dicom", "medical", "", 45),
    ("bgp", "network", "router", 50),
    ("vrrp", "network", "", 45),
    ("edp", "network", "switch", 60),
    ("fdp", "network", "switch", 55),
    ("capwap", "network", "access-point", 60),
];

/// Protocols in which controllers are asked, by the maker or family whose they are. Who asks controllers of two families, and is none
/// itself, is an operator's station: SCADA, HMI, engineering. Gateways serve one of them.
const CONTROLLERS: &[(&str, &str)] = &[
    ("modbus", "modbus"),
    ("umas", "modbus"),
    ("s7comm", "siemens"),
    ("s7comm-plus", "siemens"),
    ("enip", "cip"),
    ("cip", "cip"),
    ("omron-fins", "omron"),
    ("slmp", "mitsubishi"),
    ("melsoft", "mitsubishi"),
    ("mbrtu", "modbus"),
    ("pccc", "cip"),
    ("cspv4", "cip"),
    ("ge-srtp", "ge"),
    ("bsap", "bristol"),
    ("roc_plus", "roc"),
    ("genisys", "genisys"),
    ("codesys", "codesys"),
    ("ads", "beckhoff"),
    ("pcworx", "phoenix"),
    ("proconos", "proconos"),
    ("tristation", "triconex"),
    ("dnp3", "dnp3"),
    ("iec60870_104", "iec"),
    ("mms", "iec"),
];

/// One role that a device plays in a protocol.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Role<'a> {
    /// The protocol.
    pub protocol: &'a str,
    /// Whether it serves; else it asks.
    pub serves: bool,
}

impl Role<'_> {
    /// The text in documents: `modbus server`.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} {}", self.protocol, if self.serves { "server" } else { "client" })
    }
}

/// What a device's roles say of its class and type.
#[must_use]
pub fn claims(roles: &[Role<'_>]) -> Vec<Claim<'static>> {
    let mut claims: Vec<Claim<'static>> = operator(roles).into_iter().collect();
    for role in roles {
        let (table, verb) = if role.serves { (SERVES, "serves") } else { (ASKS, "asks") };
        for (protocol, class, kind, confidence) in table.iter().filter(|row| row.0 == role.protocol) {
            for (attribute, value) in [(Attribute::Class, *class), (Attribute::Type, *kind)] {
                if !value.is_empty() {
                    let rule = format!("behaviour:{verb}-{protocol}").into();
                    claims.push(Claim { attribute, value: value.into(), class: Class::Inferred, confidence: *confidence, rule, field: None });
                }
            }
        }
    }
    claims
}

/// See [`CONTROLLERS`].
fn operator(roles: &[Role<'_>]) -> Option<Claim<'static>> {
    let families = |serves: bool| {
        let of = move |role: &&Role<'_>| role.serves == serves;
        let family = |role: &Role<'_>| CONTROLLERS.iter().find(|row| row.0 == role.protocol).map(|row| row.1);
        roles.iter().filter(of).filter_map(family).collect::<BTreeSet<_>>()
    };
    (families(false).len() >= 2 && families(true).is_empty()).then(|| Claim {
        attribute: Attribute::Class,
        value: "operator-station".into(),
        class: Class::Inferred,
        confidence: 55,
        rule: "behaviour:asks-controllers-of-several-families".into(),
        field: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(protocol: &str, serves: bool) -> Vec<String> {
        claims(&[Role { protocol, serves }]).into_iter().map(|claim| claim.value.into_owned()).collect()
    }

    #[test]
    fn who_asks_controllers_of_two_families_and_is_none_is_operated() {
        let roles = |asked: &[&'static str], served: &[&'static str]| {
            let role = |serves| move |protocol: &&'static str| Role { protocol, serves };
            let roles: Vec<Role<'_>> = asked.iter().map(role(false)).chain(served.iter().map(role(true))).collect();
            claims(&roles).into_iter().map(|claim| claim.value).collect::<Vec<_>>()
        };
        assert_eq!(roles(&["modbus", "s7comm"], &["http"]), ["operator-station"]);
        assert!(roles(&["modbus", "s7comm"], &["modbus"]).is_empty());
        assert!(roles(&["enip", "cip"], &[]).is_empty());
    }

    #[test]
    fn who_asks_a_controller_is_none() {
        assert_eq!(told("s7comm-plus", true), ["controller", "plc"]);
        assert_eq!(told("s7comm-plus", false), ["operator-station"]);
        assert!(told("s7comm", false).is_empty());
        assert!(told("modbus", true).is_empty());
    }
}
