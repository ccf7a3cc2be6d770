//! LLDP: a device's name, description, ports and addresses, its inventory (MED), and what PROFINET adds.
//!
//! Spec: IEEE 802.1AB-2016 section 8; annex D (802.1) and IEEE 802.3-2018 section 79 (802.3); ANSI/TIA-1057 (MED); IEC 61158-6-10 (PROFINET).
//! Tells us: chassis and port, system name and description, management addresses, MED serial number, model and versions, port VLAN, PoE class.
//! Does not tell: the neighbour; that names itself. MED locations and call policies are left unread.

use crate::context::{Context, Saying};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Next, Row};
use crate::tlv::{number, text_or_bytes};
use observations::{Field, Kind, Mac};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) struct Lldp;

/// 802.1AB §8.4, table 8-1.
const END: u8 = 0;
const CHASSIS_ID: u8 = 1;
const PORT_ID: u8 = 2;
const TIME_TO_LIVE: u8 = 3;
const PORT_DESCRIPTION: u8 = 4;
const SYSTEM_NAME: u8 = 5;
const SYSTEM_DESCRIPTION: u8 = 6;
const CAPABILITIES: u8 = 7;
const MANAGEMENT_ADDRESS: u8 = 8;
const ORGANIZATION: u8 = 127;

/// §8.5.2 table 8-2 and §8.5.3 table 8-3: subtypes of chassis and port identifiers.
const CHASSIS_MAC: u8 = 4;
const CHASSIS_NETWORK: u8 = 5;
const CHASSIS_LOCAL: u8 = 7;
const PORT_MAC: u8 = 3;
const PORT_NETWORK: u8 = 4;
const PORT_LOCAL: u8 = 7;
/// IANA address family numbers (§8.5.2.3).
const FAMILY_IPV4: u8 = 1;
const FAMILY_IPV6: u8 = 2;
/// A chassis or port identifier, its subtype left out, has at most so many bytes (§8.5.2).
const ID_MAX: usize = 255;
/// An LLDPDU has few TLVs; a frame full of empty ones is no reason to read on.
const TLVS_MAX: usize = 256;
/// Management addresses of one port; devices tell one of each family.
const ADDRESSES_MAX: usize = 8;

/// Organisations of TLVs (802.1AB §8.6).
const MED: [u8; 3] = [0x00, 0x12, 0xbb];
const PROFINET: [u8; 3] = [0x00, 0x0e, 0xcf];
const IEEE_802_1: [u8; 3] = [0x00, 0x80, 0xc2];
const IEEE_802_3: [u8; 3] = [0x00, 0x12, 0x0f];

impl Dissector for Lldp {
    type State = ();

    const ROW: Row = Row {
        name: "lldp",
        revision: 1,
        spec: "IEEE 802.1AB-2016, ANSI/TIA-1057, IEC 61158-6-10",
        tells: "name, description, chassis, port, management address, MED serial number and versions, PROFINET names",
        bindings: &[Binding::EtherType(0x88cc)],
        shapes: &[],
        operations: &[],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        // §8.2: chassis and port identifiers stand first, each with a subtype and at least one byte, then the time to live.
        let mut first = Tlvs::of(head);
        let chassis = first.next().is_some_and(|(kind, value)| kind == CHASSIS_ID && is_id(value));
        let port = first.next().is_some_and(|(kind, value)| kind == PORT_ID && is_id(value));
        let time = first.next().is_some_and(|(kind, value)| kind == TIME_TO_LIVE && value.len() >= 2);
        if chassis && port && time { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, _: &[u8], _: &At) -> Glance {
        Glance::READ
    }

    fn read(&self, pdu: &[u8], _: &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let profinet = Tlvs::of(pdu).any(|(kind, value)| kind == ORGANIZATION && value.starts_with(&PROFINET));
        let about = cx.sender_host();
        let saying = Tlvs::of(pdu).fold(cx.say(&about, Kind::Identity), identity);
        drop(if profinet { station_name(saying, pdu) } else { saying });
        let own = |tlv: &(u8, &[u8])| tlv.0 == ORGANIZATION && tlv.1.starts_with(&PROFINET) && tlv.1.get(3) == Some(&2);
        if let Some((_, value)) = Tlvs::of(pdu).find(own) {
            cx.say(&about, Kind::State).bytes(Field::PortStatus, value.get(4..).unwrap_or_default());
        }
        for (_, value) in Tlvs::of(pdu).filter(|tlv| tlv.0 == MANAGEMENT_ADDRESS).take(ADDRESSES_MAX) {
            management_address(value, cx);
        }
        let mut tlvs = Tlvs::of(pdu);
        let count = tlvs.by_ref().count();
        match (tlvs.ended, tlvs.rest) {
            // Some senders leave the end TLV out.
            (true, _) | (false, []) => Ok(Next::Read),
            _ if count >= TLVS_MAX => Err(DissectError::Malformed { rule: "number of TLVs", offset: pdu.len() - tlvs.rest.len() }),
            _ => Err(DissectError::Truncated { needed: 1 }),
        }
    }
}

/// Type of seven bits, length of nine, value (§8.4); ends at the end TLV, or at the first that is cut.
struct Tlvs<'a> {
    rest: &'a [u8],
    ended: bool,
    left: usize,
}

impl<'a> Tlvs<'a> {
    const fn of(rest: &'a [u8]) -> Self {
        Self { rest, ended: false, left: TLVS_MAX }
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let ([high, low], behind) = self.rest.split_first_chunk::<2>()?;
        let (kind, length) = (high >> 1, usize::from(high & 1) << 8 | usize::from(*low));
        if kind == END {
            self.ended = true;
            return None;
        }
        let (value, behind) = behind.split_at_checked(length)?;
        self.rest = behind;
        Some((kind, value))
    }
}

const fn is_id(value: &[u8]) -> bool {
    value.len() >= 2 && value.len() <= ID_MAX + 1
}

fn identity<'s, 'a>(saying: Saying<'s, 'a>, (kind, value): (u8, &[u8])) -> Saying<'s, 'a> {
    match kind {
        CHASSIS_ID => id(saying, Field::ChassisId, (CHASSIS_MAC, CHASSIS_NETWORK), value),
        PORT_ID => id(saying, Field::PortId, (PORT_MAC, PORT_NETWORK), value),
        PORT_DESCRIPTION => saying.trimmed(Field::PortDescription, value),
        SYSTEM_NAME => saying.trimmed(Field::SystemName, value),
        SYSTEM_DESCRIPTION => saying.trimmed(Field::LldpSystemDescription, value),
        // §8.5.8: what the system can, then what it does.
        CAPABILITIES => saying.maybe(value.get(2..4), |s, v| s.number(Field::Capabilities, number(v), v)),
        ORGANIZATION => match value.split_first_chunk::<4>() {
            Some(([a, b, c, subtype], value)) => organization(saying, [*a, *b, *c], *subtype, value),
            None => saying,
        },
        _ => saying,
    }
}

/// An identifier by its subtype; the numbers of those for MAC and network addresses differ between chassis and port.
fn id<'s, 'a>(saying: Saying<'s, 'a>, field: Field, (mac_subtype, network_subtype): (u8, u8), value: &[u8]) -> Saying<'s, 'a> {
    let Some((&subtype, value)) = value.split_first() else { return saying };
    if let (true, Some(mac)) = (subtype == mac_subtype, mac(value)) {
        return saying.mac(field, mac, value).mac(Field::MacAddress, mac, value);
    }
    if let (true, Some((ip, value))) = (subtype == network_subtype, network_address(value)) {
        return saying.ip(field, ip, value);
    }
    text_or_bytes(saying, field, value)
}

fn mac(slice: &[u8]) -> Option<Mac> {
    <[u8; 6]>::try_from(slice).ok().map(Mac).filter(|mac| mac.is_device())
}

/// Family, then address.
fn network_address(value: &[u8]) -> Option<(IpAddr, &[u8])> {
    let (&family, slice) = value.split_first()?;
    let ip: IpAddr = match family {
        FAMILY_IPV4 => Ipv4Addr::from(<[u8; 4]>::try_from(slice).ok()?).into(),
        FAMILY_IPV6 => Ipv6Addr::from(<[u8; 16]>::try_from(slice).ok()?).into(),
        _ => return None,
    };
    (!ip.is_unspecified() && !ip.is_multicast() && !ip.is_loopback()).then_some((ip, slice))
}

fn organization<'s, 'a>(saying: Saying<'s, 'a>, organization: [u8; 3], subtype: u8, value: &[u8]) -> Saying<'s, 'a> {
    match (organization, subtype) {
        // TIA-1057 §10.2.2: capabilities, device class.
        (MED, 1) => saying.maybe(value.get(2..3), |s, v| s.number(Field::MedDeviceClass, number(v), v)),
        // §10.2.6, the inventory set.
        (MED, 5) => saying.trimmed(Field::HardwareVersion, value),
        (MED, 6) => saying.trimmed(Field::FirmwareVersion, value),
        (MED, 7) => saying.trimmed(Field::SoftwareVersion, value),
        (MED, 8) => saying.trimmed(Field::SerialNumber, value),
        (MED, 9) => saying.trimmed(Field::Manufacturer, value),
        (MED, 10) => saying.trimmed(Field::ModelName, value),
        (MED, 11) => saying.trimmed(Field::AssetId, value),
        // IEC 61158-6-10, LLDP_PNIO_Header: alias of the port, MAC address of the chassis.
        (PROFINET, 3) => saying.trimmed(Field::StationAlias, value),
        (PROFINET, 5) => saying.maybe(mac(value), |s, mac| s.mac(Field::MacAddress, mac, value)),
        // 802.1AB annex D.2.1: the port's VLAN; 0 is none.
        (IEEE_802_1, 1) if value.len() == 2 && value != [0, 0] => saying.number(Field::NativeVlan, number(value), value),
        // 802.3 §79.3.2: power support, pair, class.
        (IEEE_802_3, 2) => saying.maybe(value.get(2..3), |s, v| s.number(Field::PowerClass, number(v), v)),
        _ => saying,
    }
}

/// IEC 61158-6-10, LLDP_PortID and LLDP_ChassisID: the station's name stands behind the port's ("port-001.station"), or, where the port
/// has no such ending, in the locally assigned chassis identifier.
fn station_name<'s, 'a>(saying: Saying<'s, 'a>, pdu: &[u8]) -> Saying<'s, 'a> {
    let local = |kind: u8, subtype: u8| Tlvs::of(pdu).find(|tlv| tlv.0 == kind).and_then(|tlv| tlv.1.strip_prefix(&[subtype]));
    let Some(port) = local(PORT_ID, PORT_LOCAL).filter(|port| port.starts_with(b"port-")) else { return saying };
    match port.iter().position(|byte| *byte == b'.') {
        Some(dot) => saying.trimmed(Field::StationName, port.get(dot + 1..).unwrap_or_default()),
        None => saying.maybe(local(CHASSIS_ID, CHASSIS_LOCAL), |s, v| s.trimmed(Field::StationName, v)),
    }
}

/// §8.5.9: length, family, address; then the interface and an object identifier, which tell nothing of who it is.
fn management_address(value: &[u8], cx: &mut Context<'_>) {
    let Some((&length, rest)) = value.split_first() else { return };
    let Some((ip, slice)) = rest.get(..usize::from(length)).and_then(network_address) else { return };
    let Some(sender) = cx.sender_host().mac else { return };
    let about = cx.by_mac_and_ip(sender, ip);
    let field = if ip.is_ipv4() { Field::Ipv4Address } else { Field::Ipv6Address };
    cx.say(&about, Kind::Binding).ip(field, ip, slice).ip(Field::ManagementAddress, ip, slice);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, read_frame};

    const HEADER: &[u8] = &[0x01, 0x80, 0xc2, 0, 0, 0x0e, 0x00, 0x1b, 0x1b, 0x0a, 0x00, 0x15, 0x88, 0xcc];

    /// A TLV's bytes.
    fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind << 1, u8::try_from(value.len()).unwrap()];
        bytes.extend(value);
        bytes
    }

    fn frame(tlvs: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        for (kind, value) in tlvs {
            bytes.extend(tlv(*kind, value));
        }
        bytes.extend([0, 0]);
        bytes
    }

    const PHONE: &[(u8, &[u8])] = &[
        (CHASSIS_ID, &[CHASSIS_NETWORK, FAMILY_IPV4, 10, 77, 0, 27]),
        (PORT_ID, &[PORT_MAC, 0x80, 0x5e, 0xc0, 0x0a, 0, 0x27]),
        (TIME_TO_LIVE, &[0, 120]),
        (SYSTEM_NAME, b"phone-lobby"),
        (SYSTEM_DESCRIPTION, b"a phone"),
        (CAPABILITIES, &[0, 0x24, 0, 0x20]),
        (MANAGEMENT_ADDRESS, &[5, FAMILY_IPV4, 10, 77, 0, 27, 2, 0, 0, 0, 1, 0]),
        (ORGANIZATION, &[0x00, 0x12, 0xbb, 1, 0, 0x33, 3]), // MED capabilities, class 3
        (ORGANIZATION, b"\x00\x12\xbb\x051.0"),
        (ORGANIZATION, b"\x00\x12\xbb\x062.9"),
        (ORGANIZATION, b"\x00\x12\xbb\x073.8"),
        (ORGANIZATION, b"\x00\x12\xbb\x08SN42"),
        (ORGANIZATION, b"\x00\x12\xbb\x09Maker"),
        (ORGANIZATION, b"\x00\x12\xbb\x0aT46"),
        (ORGANIZATION, &[0x00, 0x80, 0xc2, 1, 0, 30]),   // port VLAN 30
        (ORGANIZATION, &[0x00, 0x12, 0x0f, 2, 0, 1, 2]), // PoE class 2
    ];

    #[test]
    fn a_phone_says_its_inventory_in_one_observation() {
        let said = read_frame(&Lldp, &frame(PHONE));
        let identity = said.iter().find(|said| said.kind == Kind::Identity).unwrap();
        let text = |field| identity.get(field).map(observations::Value::display);
        assert_eq!(text(Field::ChassisId).as_deref(), Some("10.77.0.27"));
        assert_eq!(text(Field::MacAddress).as_deref(), Some("80:5e:c0:0a:00:27"));
        assert_eq!(text(Field::SerialNumber).as_deref(), Some("SN42"));
        assert_eq!(text(Field::Manufacturer).as_deref(), Some("Maker"));
        assert_eq!(text(Field::FirmwareVersion).as_deref(), Some("2.9"));
        assert_eq!(text(Field::Capabilities).as_deref(), Some("32"));
        assert_eq!(text(Field::NativeVlan).as_deref(), Some("30"));
        assert_eq!(text(Field::PowerClass).as_deref(), Some("2"));
        assert_eq!(text(Field::MedDeviceClass).as_deref(), Some("3"));
        assert_eq!(field(&said, Kind::Binding, Field::ManagementAddress), ["10.77.0.27"]);
    }

    #[test]
    fn a_profinet_device_is_named_by_its_chassis_or_behind_its_port() {
        let old: &[(u8, &[u8])] = &[
            (CHASSIS_ID, b"\x07plc-1"),
            (PORT_ID, b"\x07port-001"),
            (TIME_TO_LIVE, &[0, 20]),
            (ORGANIZATION, &[0x00, 0x0e, 0xcf, 2, 0, 0, 0, 1]), // port status
            (ORGANIZATION, &[0x00, 0x0e, 0xcf, 5, 0x00, 0x1b, 0x1b, 0x0a, 0x00, 0x10]), // chassis MAC
        ];
        let said = read_frame(&Lldp, &frame(old));
        assert_eq!(field(&said, Kind::Identity, Field::StationName), ["plc-1"]);
        assert_eq!(field(&said, Kind::Identity, Field::MacAddress), ["00:1b:1b:0a:00:10"]);
        assert_eq!(field(&said, Kind::State, Field::PortStatus), ["00000001"]);
        let new: &[(u8, &[u8])] = &[(CHASSIS_ID, b"\x07A DEVICE 1.0"), (PORT_ID, b"\x07port-001.io-2"), old[2], old[4]];
        assert_eq!(field(&read_frame(&Lldp, &frame(new)), Kind::Identity, Field::StationName), ["io-2"]);
        // Without the organisation's TLV a local chassis identifier is no station's name.
        let other: &[(u8, &[u8])] = &old[..3];
        assert!(field(&read_frame(&Lldp, &frame(other)), Kind::Identity, Field::StationName).is_empty());
    }

    #[test]
    fn a_truncated_tlv_keeps_the_ones_before() {
        let whole = frame(PHONE);
        let said = read_frame(&Lldp, &whole[..60]);
        assert_eq!(field(&said, Kind::Identity, Field::SystemName), ["phone-lobby"]);
        assert!(field(&said, Kind::Identity, Field::SerialNumber).is_empty());
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &[2, 1, 4, 4, 2, 3, 1], &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3], &[2, 7, 4]] {
            assert_eq!(gate(&Lldp, stranger, 0), Gate::NotMine);
        }
    }
}
