//! Objects beside Identity whose single attributes tell something of a device.
//!
//! Spec: ODVA CIP Volume 2 section 5-4 (TCP/IP Interface, class 0xF5), 5-5 (Ethernet Link, class 0xF6); Volume 8 chapter 5 (CIP Security,
//! class 0x5D; EtherNet/IP Security, class 0x5E).

use crate::context::Context;
use observations::{Field, Kind, Mac, Subject};

const CIP_SECURITY: u32 = 0x5d;
const ENIP_SECURITY: u32 = 0x5e;
const TCP_IP_INTERFACE: u32 = 0xf5;
const ETHERNET_LINK: u32 = 0xf6;

/// Whether an attribute is one of those.
pub(super) const fn is_known(class: u32, attribute: u16) -> bool {
    matches!((class, attribute), (TCP_IP_INTERFACE, 6) | (ETHERNET_LINK, 3) | (CIP_SECURITY, 1 | 2) | (ENIP_SECURITY, 1))
}

/// One attribute's value.
pub(super) fn say(class: u32, attribute: u16, value: &[u8], about: &Subject, cx: &mut Context<'_>) {
    match (class, attribute, value) {
        // A string with its length before it; one that is empty was never set.
        (TCP_IP_INTERFACE, 6, &[low, high, ref name @ ..]) => {
            let length = usize::from(u16::from_le_bytes([low, high]));
            cx.say(about, Kind::Identity).trimmed(Field::Hostname, name.get(..length).unwrap_or_default());
        }
        (ETHERNET_LINK, 3, &[a, b, c, d, e, f]) => {
            let mac = Mac([a, b, c, d, e, f]);
            // Of a module behind a route the address is the module's, and not that of the way to it.
            if mac.is_device() && about.path.is_empty() {
                cx.say(about, Kind::Identity).mac(Field::MacAddress, mac, value);
            }
        }
        (CIP_SECURITY, 1, &[state]) => drop(cx.say(about, Kind::Security).number(Field::CipSecurityState, state.into(), value)),
        (CIP_SECURITY, 2, &[low, high]) => {
            let profiles = u16::from_le_bytes([low, high]);
            cx.say(about, Kind::Security).number(Field::CipSecurityProfiles, profiles.into(), value);
        }
        (ENIP_SECURITY, 1, &[state]) => drop(cx.say(about, Kind::Security).number(Field::EnipSecurityState, state.into(), value)),
        _ => {}
    }
}
