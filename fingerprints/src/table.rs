//! The registries under `data/`: looked up in the text as it stands, so that starting costs nothing.

use observations::Mac;
use std::sync::OnceLock;

const OUI: &str = include_str!("../data/oui.tsv");
const CIP_VENDOR: &str = include_str!("../data/cip_vendor.tsv");
const CIP_DEVICE_TYPE: &str = include_str!("../data/cip_device_type.tsv");
const PROFINET_VENDOR: &str = include_str!("../data/profinet_vendor.tsv");
const BACNET_VENDOR: &str = include_str!("../data/bacnet_vendor.tsv");
const KNX_MANUFACTURER: &str = include_str!("../data/knx_manufacturer.tsv");
const ETHERCAT_VENDOR: &str = include_str!("../data/ethercat_vendor.tsv");
const HART_MANUFACTURER: &str = include_str!("../data/hart_manufacturer.tsv");
const CSA_VENDOR: &str = include_str!("../data/csa_vendor.tsv");
const ENTERPRISE: &str = include_str!("../data/snmp_enterprise.tsv");
const FLAG_ID: &str = include_str!("../data/flag_id.tsv");
const PORT_GUESS: &str = include_str!("../data/port_guess.tsv");
const BUILDERS: &str = include_str!("../data/mac_vendor_builds_devices.tsv");
const VENDOR_NAMES: &str = include_str!("../data/vendor_names.tsv");

/// Every table.
const ALL: &[&str] = &[
    OUI,
    CIP_VENDOR,
    CIP_DEVICE_TYPE,
    PROFINET_VENDOR,
    BACNET_VENDOR,
    KNX_MANUFACTURER,
    ETHERCAT_VENDOR,
    HART_MANUFACTURER,
    CSA_VENDOR,
    ENTERPRISE,
    FLAG_ID,
    PORT_GUESS,
    BUILDERS,
    VENDOR_NAMES,
];

/// A digest of the tables: another edition has another.
#[must_use]
pub fn digest() -> String {
    crate::digest(ALL.iter().copied().chain([crate::support::table()]))
}

/// The organisation to which a MAC address's prefix is registered: MA-S (36 bits), MA-M (28), MA-L (24). A locally administered address
/// belongs to nobody, unless its company identifier (CID) is registered.
#[must_use]
pub fn organisation(mac: Mac) -> Option<&'static str> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if mac.is_local() {
        return None;
    }
    let mut digits = [0; 12];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(mac.0) {
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    let digits = std::str::from_utf8(&digits).ok()?;
    let shelf = usize::from(mac.0[0]) << 4 | usize::from(mac.0[1] >> 4);
    let shelves = shelves();
    let rows = OUI.get(shelves[shelf] as usize..shelves[shelf + 1] as usize)?;
    [9, 7, 6].into_iter().find_map(|length| find(rows, digits.get(..length)?, Ord::cmp))
}

/// Prefixes that agree in their first three digits stand together: where each such shelf begins. The table is the largest, and is asked
/// for each device; the index is made when it is first asked.
fn shelves() -> &'static [u32] {
    static SHELVES: OnceLock<Vec<u32>> = OnceLock::new();
    SHELVES.get_or_init(|| {
        let mut shelves = Vec::with_capacity(4097);
        let mut start = 0;
        for line in OUI.split_inclusive('\n') {
            let shelf = line.get(..3).filter(|_| !line.starts_with('#')).and_then(|digits| usize::from_str_radix(digits, 16).ok());
            if let Some(shelf) = shelf {
                shelves.resize(shelves.len().max(shelf + 1), start as u32);
            }
            start += line.len();
        }
        shelves.resize(4097, OUI.len() as u32);
        shelves
    })
}

/// The vendor whose devices carry an organisation's MAC addresses, if that organisation builds devices and not just cards and chips.
#[must_use]
pub fn builder(organisation: &str) -> Option<&'static str> {
    find(BUILDERS, organisation, |a, b| a.as_bytes().cmp(b.as_bytes()))
}

/// The vendor of a CIP vendor identifier (ODVA).
#[must_use]
pub fn cip_vendor(id: u64) -> Option<&'static str> {
    numbered(CIP_VENDOR, id)
}

/// The name of a CIP device profile.
#[must_use]
pub fn cip_device_type(id: u64) -> Option<&'static str> {
    numbered(CIP_DEVICE_TYPE, id)
}

/// The vendor of a PROFINET vendor identifier.
#[must_use]
pub fn profinet_vendor(id: u64) -> Option<&'static str> {
    numbered(PROFINET_VENDOR, id)
}

/// The vendor of a BACnet vendor identifier (ASHRAE).
#[must_use]
pub fn bacnet_vendor(id: u64) -> Option<&'static str> {
    numbered(BACNET_VENDOR, id)
}

/// The maker of a meter by its three letters (DLMS User Association).
#[must_use]
pub fn flag_id(id: &str) -> Option<&'static str> {
    find(FLAG_ID, id, |a, b| a.as_bytes().cmp(b.as_bytes()))
}

/// What bytes that nobody could read may be by their port alone, `udp/18507`: a guess, of which no device's record knows.
#[must_use]
pub fn port_guess(port: &str) -> Option<&'static str> {
    find(PORT_GUESS, port, |a, b| a.as_bytes().cmp(b.as_bytes()))
}

/// The maker of a KNX manufacturer code (KNX Association).
#[must_use]
pub fn knx_manufacturer(id: u64) -> Option<&'static str> {
    numbered(KNX_MANUFACTURER, id)
}

/// The vendor of an EtherCAT vendor identifier (ETG).
#[must_use]
pub fn ethercat_vendor(id: u64) -> Option<&'static str> {
    numbered(ETHERCAT_VENDOR, id)
}

/// The maker of a HART manufacturer code (FieldComm Group).
#[must_use]
pub fn hart_manufacturer(id: u64) -> Option<&'static str> {
    numbered(HART_MANUFACTURER, id)
}

/// The vendor of an identifier of the Connectivity Standards Alliance (Matter).
#[must_use]
pub fn csa_vendor(id: u64) -> Option<&'static str> {
    numbered(CSA_VENDOR, id)
}

/// The organisation of an IANA private enterprise number.
#[must_use]
pub fn enterprise(id: u64) -> Option<&'static str> {
    numbered(ENTERPRISE, id)
}

/// The usual short name of a vendor that registries spell in their own ways, so that one maker is not told as two.
#[must_use]
pub fn vendor_name(registered: &str) -> Option<&'static str> {
    let plain: String = registered.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    find(VENDOR_NAMES, &plain, |a, b| a.as_bytes().cmp(b.as_bytes()))
}

fn numbered(table: &'static str, id: u64) -> Option<&'static str> {
    find(table, &id.to_string(), |a, b| number(a).cmp(&number(b)))
}

/// A key as a number; the comment lines at the head sort before all.
fn number(key: &str) -> Option<u64> {
    key.parse().ok()
}

/// Binary search over the lines of a table sorted by its first column.
fn find(table: &'static str, key: &str, compare: impl Fn(&str, &str) -> std::cmp::Ordering) -> Option<&'static str> {
    use std::cmp::Ordering;
    let (mut low, mut high) = (0, table.len());
    while low < high {
        let middle = low + (high - low) / 2;
        // Tables are text: a middle may lie within a character, so lines are found by bytes.
        let (before, behind) = table.as_bytes().split_at(middle);
        let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let end = memchr::memchr(b'\n', behind).map_or(table.len(), |at| middle + at);
        let line = &table[start..end];
        let order = match line.split_once('\t') {
            Some((found, value)) if !line.starts_with('#') => match compare(found, key) {
                Ordering::Equal => return Some(value),
                order => order,
            },
            _ => Ordering::Less,
        };
        match order {
            Ordering::Less => low = end + 1,
            _ => high = start,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_found_by_their_longest_registration() {
        assert_eq!(organisation("00:00:00:01:02:03".parse().unwrap()), Some("XEROX CORPORATION"));
        assert!(organisation("00:80:f4:01:02:03".parse().unwrap()).is_some_and(|name| name.contains("TELEMECANIQUE")));
        assert_eq!(organisation("02:80:f4:01:02:03".parse().unwrap()), None);
    }

    #[test]
    fn every_row_of_every_table_is_found_by_its_key() {
        for (table, numeric) in [
            (OUI, false),
            (BUILDERS, false),
            (VENDOR_NAMES, false),
            (FLAG_ID, false),
            (CIP_VENDOR, true),
            (CIP_DEVICE_TYPE, true),
            (PROFINET_VENDOR, true),
            (BACNET_VENDOR, true),
            (CSA_VENDOR, true),
            (ENTERPRISE, true),
        ] {
            for line in table.lines().filter(|line| !line.starts_with('#')) {
                let (key, value) = line.split_once('\t').unwrap_or_else(|| panic!("no tab in {line:?}"));
                let found = if numeric {
                    find(table, key, |a, b| number(a).cmp(&number(b)))
                } else {
                    find(table, key, |a, b| a.as_bytes().cmp(b.as_bytes()))
                };
                assert_eq!(found, Some(value), "{key}");
            }
        }
    }

    #[test]
    fn numbers_lead_to_their_registries() {
        assert_eq!(cip_vendor(1), Some("Rockwell Automation/Allen-Bradley"));
        assert_eq!(profinet_vendor(42), Some("Siemens AG"));
        assert!(enterprise(9).is_some_and(|name| name.to_lowercase().contains("cisco")));
        assert_eq!(cip_vendor(999_999), None);
        assert_eq!(flag_id("LGZ").and_then(vendor_name), Some("Landis+Gyr"));
        assert_eq!(flag_id("???"), None);
    }

    #[test]
    fn ports_are_guesses_where_they_are_known_for_something() {
        assert_eq!(port_guess("udp/18507"), Some("Emerson DeltaV"));
        assert_eq!((port_guess("udp/5450"), port_guess("tcp/80")), (None, None));
        let keys: Vec<&str> = PORT_GUESS.lines().filter(|line| !line.starts_with('#')).filter_map(|line| Some(line.split_once('\t')?.0)).collect();
        assert!(keys.iter().all(|key| port_guess(key).is_some()));
    }

    #[test]
    fn registries_that_spell_one_maker_differently_agree() {
        for name in [cip_vendor(1), enterprise(95)] {
            assert!(name.is_some_and(|name| vendor_name(name) == Some("Rockwell Automation")), "{name:?}");
        }
        assert_eq!(profinet_vendor(42).and_then(vendor_name), Some("Siemens"));
        assert_eq!(enterprise(9).and_then(vendor_name), Some("Cisco"));
        assert_eq!(vendor_name("Nobody & Sons"), None);
    }
}
