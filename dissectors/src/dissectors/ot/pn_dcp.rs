//! PROFINET DCP: names, vendor and device numbers and addresses of PROFINET devices, and who sets them.
//!
//! Spec: IEC 61158-6-10 section 4.3 (DCP).
//! Tells us: station name, vendor id, device id, role, station type, alias, IP address of whoever answers; names and addresses that are
//! set, resets.
//! Does not tell: order number and firmware (I&M records do); who may set (there is no authorisation).

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Side};
use nom::bytes::take;
use nom::number::{be_u8, be_u16, be_u32};
use nom::{IResult, Parser};
use observations::{Field, Kind, OperationClass};
use std::net::Ipv4Addr;

pub(crate) struct PnDcp;

/// Frame identifiers.
const HELLO: u16 = 0xfefc;
const GET_OR_SET: u16 = 0xfefd;
const IDENTIFY_REQUEST: u16 = 0xfefe;
const IDENTIFY_RESPONSE: u16 = 0xfeff;
/// Services.
const SERVICE_GET: u8 = 3;
const SERVICE_SET: u8 = 4;
const SERVICE_IDENTIFY: u8 = 5;
const SERVICE_HELLO: u8 = 6;
const REQUEST: u8 = 0;
const SUCCESS: u8 = 1;
const NOT_SUPPORTED: u8 = 5;
/// What fits an Ethernet frame.
const BLOCKS_LENGTH_MAX: u16 = 1416;
/// A block has at least four bytes; a device says a dozen.
const BLOCKS_MAX: usize = 64;
/// An IP suite of zeros is none.
const IP_LENGTH: usize = 12;

/// Option and suboption.
const IP_SUITE: (u8, u8) = (1, 2);
const FULL_IP_SUITE: (u8, u8) = (1, 3);
const DEVICE_VENDOR_VALUE: (u8, u8) = (2, 1);
const NAME_OF_STATION: (u8, u8) = (2, 2);
const DEVICE_ID: (u8, u8) = (2, 3);
const DEVICE_ROLE: (u8, u8) = (2, 4);
const ALIAS_NAME: (u8, u8) = (2, 6);
const SIGNAL: (u8, u8) = (5, 3);
const FACTORY_RESET: (u8, u8) = (5, 5);
const RESET_TO_FACTORY: (u8, u8) = (5, 6);

const OPERATIONS: &[(&str, OperationClass)] = &[
    ("hello", OperationClass::Session),
    ("get", OperationClass::Read),
    ("identify", OperationClass::Session),
    ("set", OperationClass::Configure),
    ("set_ip_suite", OperationClass::Configure),
    ("set_name_of_station", OperationClass::Configure),
    ("signal", OperationClass::Diagnose),
    ("factory_reset", OperationClass::Configure),
    ("reset_to_factory", OperationClass::Configure),
];

impl Dissector for PnDcp {
    type State = ();

    const ROW: Row = Row {
        name: "pn_dcp",
        revision: 2,
        spec: "IEC 61158-6-10 section 4.3",
        tells: "station name, vendor and device id, role, type, alias, IP address; names and addresses that are set",
        bindings: &[Binding::EtherType(0x8892)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Ok((blocks, header)) = header(head) else { return Gate::NotMine };
        let service = match (header.frame, header.service, header.kind) {
            (HELLO, SERVICE_HELLO, REQUEST) | (IDENTIFY_REQUEST, SERVICE_IDENTIFY, REQUEST) => true,
            (IDENTIFY_RESPONSE, SERVICE_IDENTIFY, kind) => kind != REQUEST,
            (GET_OR_SET, SERVICE_GET | SERVICE_SET, _) => true,
            _ => false,
        };
        let option = header.length == 0 || matches!(blocks.first(), Some(1..=6 | 0x80..=0xff));
        let kind = matches!(header.kind, REQUEST | SUCCESS | NOT_SUPPORTED);
        if service && kind && option && header.length <= BLOCKS_LENGTH_MAX { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match header(head) {
            Ok((_, Header { service: SERVICE_HELLO, .. })) | Err(_) => Side::Unknown,
            Ok((_, Header { kind: REQUEST, .. })) => Side::Client,
            Ok(_) => Side::Server,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Ok((blocks, header)) = header(head) else { return Glance::SKIP };
        let operation = match (header.service, header.kind) {
            (SERVICE_HELLO, REQUEST) => Some(0),
            (SERVICE_GET, REQUEST) => Some(1),
            (SERVICE_IDENTIFY, REQUEST) => Some(2),
            (SERVICE_SET, REQUEST) => Some(match blocks.first_chunk().map(|[option, suboption]| (*option, *suboption)) {
                Some(IP_SUITE | FULL_IP_SUITE) => 4,
                Some(NAME_OF_STATION) => 5,
                Some(SIGNAL) => 6,
                Some(FACTORY_RESET) => 7,
                Some(RESET_TO_FACTORY) => 8,
                _ => 3,
            }),
            _ => None,
        };
        Glance { operation, look: Look::Always, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (rest, header) = header(pdu)?;
        let blocks = rest.get(..usize::from(header.length)).unwrap_or(rest);
        match (header.service, header.kind) {
            (SERVICE_IDENTIFY | SERVICE_GET, SUCCESS) | (SERVICE_HELLO, REQUEST) => told(blocks, cx)?,
            (SERVICE_SET, REQUEST) => set(blocks, cx)?,
            (SERVICE_IDENTIFY, REQUEST) => asked(blocks, cx)?,
            _ => {}
        }
        Ok(Next::Watch)
    }
}

struct Header {
    frame: u16,
    service: u8,
    kind: u8,
    length: u16,
}

/// 4.3.1.3: frame, service, type, transaction, response delay or reserved, length.
fn header(i: &[u8]) -> IResult<&[u8], Header> {
    let (i, (frame, service, kind)) = (be_u16(), be_u8(), be_u8()).parse(i)?;
    let (i, (_transaction, _delay, length)) = (be_u32(), be_u16(), be_u16()).parse(i)?;
    Ok((i, Header { frame, service, kind, length }))
}

/// One block: option, suboption, block information or qualifier (2), value.
struct Block<'a> {
    option: (u8, u8),
    body: &'a [u8],
    value: &'a [u8],
}

/// 4.3.1.4: the length counts information and value; an odd one is followed by a pad.
fn block(i: &[u8]) -> IResult<&[u8], Block<'_>> {
    let (i, (option, suboption, length)) = (be_u8(), be_u8(), be_u16()).parse(i)?;
    let (i, body) = take(length).parse(i)?;
    let (i, _pad) = take(i.len().min(usize::from(length % 2))).parse(i)?;
    let value = body.get(2..).unwrap_or_default();
    Ok((i, Block { option: (option, suboption), body, value }))
}

/// What a device says of itself: identity together, addresses together.
fn told(blocks: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let about = cx.sender_host();
    let mut suite = None;
    let mut rest = blocks;
    let mut outcome = Ok(());
    let mut saying = cx.say(&about, Kind::Identity);
    for _ in 0..BLOCKS_MAX {
        if rest.is_empty() {
            break;
        }
        let block = match block(rest) {
            Ok((i, block)) => {
                rest = i;
                block
            }
            Err(error) => {
                outcome = Err(error.into());
                break;
            }
        };
        saying = match (block.option, block.value) {
            (DEVICE_VENDOR_VALUE, value) => saying.trimmed(Field::StationType, value),
            (NAME_OF_STATION, value) => saying.trimmed(Field::StationName, value),
            (ALIAS_NAME, value) => saying.trimmed(Field::StationAlias, value),
            (DEVICE_ID, value) if value.len() == 4 => {
                let (vendor, device) = value.split_at_checked(2).unwrap_or_default();
                saying.number(Field::ProfinetVendorId, number(vendor), vendor).number(Field::ProfinetDeviceId, number(device), device)
            }
            (DEVICE_ROLE, [role, ..]) => saying.number(Field::ProfinetRole, u64::from(*role), block.value.get(..1).unwrap_or_default()),
            (IP_SUITE | FULL_IP_SUITE, value) => {
                suite = suite.or(Some(value));
                saying
            }
            _ => saying,
        };
    }
    drop(saying);
    if let Some((address, netmask, gateway)) = suite.and_then(addresses)
        && let Some(mac) = about.mac
    {
        let ip = ip(address).into();
        let about = cx.by_mac_and_ip(mac, ip);
        let router = self::ip(gateway);
        cx.say(&about, Kind::Binding)
            .source_mac(Field::MacAddress)
            .ip(Field::Ipv4Address, ip, address)
            .ip(Field::Netmask, self::ip(netmask).into(), netmask)
            // A device without a router names itself, or none.
            .maybe((!router.is_unspecified() && router != ip).then_some(router), |saying, router| saying.ip(Field::Gateway, router.into(), gateway));
    }
    outcome
}

/// What a device is told to be: said as asked for, not as so.
fn set(blocks: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let about = cx.receiver_host();
    let mut rest = blocks;
    for _ in 0..BLOCKS_MAX {
        if rest.is_empty() {
            break;
        }
        let (i, block) = block(rest)?;
        rest = i;
        match block.option {
            NAME_OF_STATION => drop(cx.say(&about, Kind::Request).trimmed(Field::StationName, block.value)),
            IP_SUITE | FULL_IP_SUITE => {
                if let Some((address, ..)) = addresses(block.value) {
                    cx.say(&about, Kind::Request).ip(Field::Ipv4Address, ip(address).into(), address);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whose name a host asks for: a controller for those of its devices, and a station that starts for its own, whether another has it
/// (4.3.2.3, "name of station conflict").
fn asked(blocks: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let about = cx.sender_host();
    let (_, block) = block(blocks)?;
    if block.option == NAME_OF_STATION {
        // In a filter no block qualifier stands before the value (4.3.1.4.3).
        cx.say(&about, Kind::Request).trimmed(Field::StationAskedFor, block.body);
    }
    Ok(())
}

/// Address, mask and gateway; `None` where there is no address.
fn addresses(value: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let value = value.get(..IP_LENGTH)?;
    let (address, rest) = value.split_at_checked(4)?;
    let (netmask, gateway) = rest.split_at_checked(4)?;
    (!ip(address).is_unspecified()).then_some((address, netmask, gateway))
}

fn ip(bytes: &[u8]) -> Ipv4Addr {
    bytes.first_chunk::<4>().map_or(Ipv4Addr::UNSPECIFIED, |bytes| Ipv4Addr::from(*bytes))
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

const _: () = assert!(OPERATIONS.len() == 9);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, read_frame};

    const IDENTIFIED: &[u8] = &[
        0x28, 0x63, 0x36, 0x0a, 0x00, 0x05, // destination
        0x00, 0x0e, 0x8c, 0x0a, 0x00, 0x12, // source
        0x88, 0x92, // EtherType
        0xfe, 0xff, 5, 1, // Identify response
        0, 0, 0, 9, 0, 0, // transaction, reserved
        0, 60, // length of the blocks
        2, 2, 0, 7, 0, 0, b'p', b'l', b'c', b'-', b'1', 0, // name of station, padded
        2, 1, 0, 8, 0, 0, b'S', b'7', b'-', b'3', b'0', b'0', // device vendor value
        2, 3, 0, 6, 0, 0, 0x00, 0x2a, 0x01, 0x01, // vendor and device id
        2, 4, 0, 4, 0, 0, 2, 0, // role
        1, 2, 0, 14, 0, 1, 10, 77, 0, 12, 255, 255, 255, 0, 10, 77, 0, 1, // IP suite
    ];

    #[test]
    fn a_device_says_name_type_and_numbers_together() {
        let said = read_frame(&PnDcp, IDENTIFIED);
        let identity = said.iter().find(|said| said.kind == Kind::Identity).unwrap();
        assert_eq!(identity.fields.len(), 5);
        assert_eq!(field(&said, Kind::Identity, Field::StationName), ["plc-1"]);
        assert_eq!(field(&said, Kind::Identity, Field::StationType), ["S7-300"]);
        assert_eq!(field(&said, Kind::Identity, Field::ProfinetVendorId), ["42"]);
        assert_eq!(field(&said, Kind::Identity, Field::ProfinetDeviceId), ["257"]);
        assert_eq!(field(&said, Kind::Identity, Field::ProfinetRole), ["2"]);
    }

    #[test]
    fn its_address_is_bound_to_the_frames_source() {
        let said = read_frame(&PnDcp, IDENTIFIED);
        assert_eq!(field(&said, Kind::Binding, Field::Ipv4Address), ["10.77.0.12"]);
        assert_eq!(field(&said, Kind::Binding, Field::Gateway), ["10.77.0.1"]);
        let binding = said.iter().find(|said| said.kind == Kind::Binding && said.protocol == "pn_dcp").unwrap();
        assert_eq!(binding.fields_first[0].spans[0].offset, 6);
    }

    #[test]
    fn a_truncated_block_keeps_the_ones_before() {
        let said = read_frame(&PnDcp, &IDENTIFIED[..45]);
        assert_eq!(field(&said, Kind::Identity, Field::StationName), ["plc-1"]);
        assert!(field(&said, Kind::Identity, Field::StationType).is_empty());
    }

    #[test]
    fn what_is_set_is_asked_for_and_not_so() {
        let mut set = IDENTIFIED[..26].to_vec();
        set[14..18].copy_from_slice(&[0xfe, 0xfd, 4, 0]);
        set[25] = 12;
        set.extend_from_slice(&[2, 2, 0, 8, 0, 1, b'p', b'u', b'm', b'p', b'-', b'7']);
        let said = read_frame(&PnDcp, &set);
        assert_eq!(field(&said, Kind::Request, Field::StationName), ["pump-7"]);
        assert!(field(&said, Kind::Identity, Field::StationName).is_empty());
        let at = At { transport: observations::Transport::Ethernet, src_port: 0, dst_port: 0, from_client: None };
        assert_eq!(PnDcp.glance(&set[14..], &at).operation.map(|index| OPERATIONS[usize::from(index)].0), Some("set_name_of_station"));
    }

    #[test]
    fn a_name_that_is_asked_for_is_not_the_askers_and_not_its_own_word() {
        let mut asked = IDENTIFIED[..26].to_vec();
        asked[14..18].copy_from_slice(&[0xfe, 0xfe, 5, 0]);
        asked[25] = 10;
        asked.extend_from_slice(&[2, 2, 0, 6, b'p', b'u', b'm', b'p', b'-', b'7']);
        let said = read_frame(&PnDcp, &asked);
        assert_eq!(field(&said, Kind::Request, Field::StationAskedFor), ["pump-7"]);
        assert!(field(&said, Kind::Identity, Field::StationName).is_empty());
    }

    #[test]
    fn cyclic_frames_and_other_bytes_are_refused() {
        let at = At { transport: observations::Transport::Ethernet, src_port: 0, dst_port: 0, from_client: None };
        for stranger in [&[0x80, 0x01, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0][..], &[0xfe, 0xfe, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0], &[0; 40], &[0xfe, 0xff, 5, 1]]
        {
            assert_eq!(PnDcp.gate(stranger, &at), Gate::NotMine);
        }
    }
}
