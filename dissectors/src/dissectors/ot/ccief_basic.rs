//! CC-Link IE Field Network Basic: stations that exchange process data over UDP, and how they are found and given addresses.
//!
//! Spec: CLPA BAP-C2005 and BAP-C2006 (CC-Link IE Field Network Basic; SLMP), as CLPA's sample code lays the frames out.
//! Tells us: vendor, model and version numbers, MAC and IP addresses, whether a station's application runs; addresses that are set.
//! Does not tell: the names behind the numbers (CLPA's list is not public); who may set addresses (there is no authentication).

use super::slmp_frame::{Frame, frame};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Side};
use nom::bytes::take;
use nom::number::le_u8;
use nom::{IResult, Parser};
use observations::{Field, Kind, Mac, OperationClass, Subject, Value};
use std::net::Ipv4Addr;

pub(crate) struct CciefBasic;

const NODE_SEARCH: u16 = 0x0e30;
const IP_ADDRESS_SET: u16 = 0x0e31;
const CYCLIC_DATA: u16 = 0x0e70;
/// BAP-C2006: an answer to a node search without a host's name.
const NODE_SEARCH_LENGTH: usize = 51;
/// Where a cyclic request has the state of its sender.
const MASTER_STATE: usize = 20;

const OPERATIONS: &[(&str, OperationClass)] =
    &[("node_search", OperationClass::Diagnose), ("ip_address_set", OperationClass::Configure), ("cyclic_data", OperationClass::Write)];

impl Dissector for CciefBasic {
    type State = ();

    const ROW: Row = Row {
        name: "ccief-basic",
        revision: 1,
        spec: "CLPA BAP-C2005, BAP-C2006",
        tells: "vendor, model and version numbers, addresses, state of stations; addresses that are set",
        bindings: &[Binding::Udp(61450), Binding::Udp(61451)],
        // Frames are those of SLMP, and found as such elsewhere.
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Ok((_, frame)) = frame(head) else { return Gate::NotMine };
        let whole = frame.length == head.len() || head.len() >= crate::engine::GATE_BYTES;
        let known = if frame.response {
            is_node(&frame) || cyclic(&frame).is_some() || frame.serial.is_some() && matches!(frame.body.len(), 6 | 9)
        } else {
            operation(frame.code).is_some()
        };
        if whole && known && !frame.ascii && frame.has_route() { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match frame(head) {
            Ok((_, Frame { response: true, .. })) => Side::Server,
            Ok(_) => Side::Client,
            Err(_) => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        const RESPONSE: u32 = 1 << 16;
        let Ok((_, frame)) = frame(head) else { return Glance::SKIP };
        // Cyclic frames are new once a state of the station that sends them.
        let look = match (frame.response, cyclic(&frame)) {
            (true, Some(station)) => Look::Once(RESPONSE | u32::from(station.running)),
            (false, _) if frame.code == CYCLIC_DATA => Look::Once(frame.body.get(MASTER_STATE).copied().unwrap_or(0).into()),
            _ => Look::Always,
        };
        Glance { operation: operation(frame.code).filter(|_| !frame.response), look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (_, frame) = frame(pdu)?;
        match (frame.response, frame.code) {
            (true, _) if is_node(&frame) => node(frame.body, cx)?,
            (true, _) => {
                if let Some(station) = cyclic(&frame) {
                    station_told(&station, cx);
                }
            }
            (false, NODE_SEARCH) => {
                let (_, (mac, ip)) = adapter(frame.body)?;
                bind(mac, ip, cx);
            }
            (false, IP_ADDRESS_SET) => address_set(frame.body, cx)?,
            (false, CYCLIC_DATA) => {
                let about = cx.sender_host();
                operating_mode(frame.body.get(MASTER_STATE..MASTER_STATE + 2), &about, cx);
            }
            _ => {}
        }
        Ok(Next::Watch)
    }
}

const fn operation(command: u16) -> Option<u16> {
    match command {
        NODE_SEARCH => Some(0),
        IP_ADDRESS_SET => Some(1),
        CYCLIC_DATA => Some(2),
        _ => None,
    }
}

/// MAC address, length of the IP address (4), IP address, all with the low byte first.
fn adapter(i: &[u8]) -> IResult<&[u8], (&[u8], &[u8])> {
    let (i, (mac, _length, ip)) = (take(6usize), take(1usize), take(4usize)).parse(i)?;
    Ok((i, (mac, ip)))
}

/// A MAC address whose low byte stands first.
fn mac_of(bytes: &[u8]) -> Option<Mac> {
    bytes.first_chunk().map(|bytes: &[u8; 6]| {
        let mut mac = *bytes;
        mac.reverse();
        Mac(mac)
    })
}

/// An IP address whose low byte stands first.
fn ip_of(bytes: &[u8]) -> Option<Ipv4Addr> {
    bytes.first_chunk().map(|bytes| Ipv4Addr::from(u32::from_le_bytes(*bytes)))
}

/// Who sends says that these addresses are its own; believed where the frame agrees.
fn bind(mac_bytes: &[u8], ip_bytes: &[u8], cx: &mut Context<'_>) {
    let about = cx.sender_host();
    let (Some(mac), Some(ip)) = (mac_of(mac_bytes), ip_of(ip_bytes)) else { return };
    if about.mac == Some(mac) && about.ip == Some(ip.into()) {
        cx.say(&about, Kind::Binding).decoded(Field::MacAddress, &Value::Mac(mac), mac_bytes, "reversed").decoded(
            Field::Ipv4Address,
            &Value::Ip(ip.into()),
            ip_bytes,
            "ipv4-le",
        );
    }
}

/// An answer to a node search: the master's adapter, then the station's own, whose IP address is that of the frame.
fn is_node(frame: &Frame<'_>) -> bool {
    let size = |at: usize| frame.body.get(at).copied();
    let name = size(30).map_or(0, usize::from);
    let sizes = size(6) == Some(4) && size(17) == Some(4) && frame.body.len() == NODE_SEARCH_LENGTH + name;
    !frame.ascii && frame.response && frame.serial.is_some() && frame.code == 0 && sizes
}

/// BAP-C2006, NodeSearch response.
fn node(body: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (i, _master) = adapter(body)?;
    let (i, (mac, ip)) = adapter(i)?;
    let about = cx.sender_host();
    if ip_of(ip).map(Into::into) != about.ip {
        return Ok(());
    }
    bind(mac, ip, cx);
    let (i, (_mask, _gateway, size)) = (take::<_, _, nom::error::Error<&[u8]>>(4usize), take(4usize), le_u8()).parse(i)?;
    let (i, (name, vendor)) = (take::<_, _, nom::error::Error<&[u8]>>(size), take(2usize)).parse(i)?;
    let (_, (model, version)) = (take::<_, _, nom::error::Error<&[u8]>>(4usize), take(2usize)).parse(i)?;
    cx.say(&about, Kind::Identity)
        .trimmed(Field::Hostname, name)
        .number(Field::CclinkVendorCode, little(vendor), vendor)
        .number(Field::ModelCode, little(model), model)
        .number(Field::EquipmentVersion, little(version), version);
    Ok(())
}

fn little(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// BAP-C2006, IPAddressSet: what a station is told to be.
fn address_set(body: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (i, _master) = adapter(body)?;
    let (_, (mac, ip)) = adapter(i)?;
    if let (Some(mac), Some(address)) = (mac_of(mac), ip_of(ip)) {
        let about = cx.by_mac(mac);
        cx.say(&about, Kind::Request).decoded(Field::Ipv4Address, &Value::Ip(address.into()), ip, "ipv4-le");
    }
    Ok(())
}

/// What a CC-Link IE Field Basic station says in each answer.
struct Station<'a> {
    vendor: &'a [u8],
    model: &'a [u8],
    version: &'a [u8],
    state: &'a [u8],
    running: bool,
}

/// A cyclic answer by its structure: version, end code, offset of the data (40), zeros; then the station's notification.
fn cyclic<'a>(frame: &Frame<'a>) -> Option<Station<'a>> {
    const HEADER: usize = 20;
    const OFFSET: u8 = 40;
    if frame.ascii || !frame.response || frame.serial.is_some() {
        return None;
    }
    let (header, notification) = frame.body.split_at_checked(HEADER)?;
    let shaped = matches!(header, [_, 0, _, _, OFFSET, 0, zeros @ ..] if zeros.iter().all(|byte| *byte == 0));
    let (vendor, reserved) = (notification.get(..2)?, notification.get(2..4)?);
    let (model, version, zeros) = (notification.get(4..8)?, notification.get(8..10)?, notification.get(10..12)?);
    let state = notification.get(12..14)?;
    let running = state == [1, 0];
    (shaped && reserved == [0, 0] && zeros == [0, 0]).then_some(Station { vendor, model, version, state, running })
}

fn station_told(station: &Station<'_>, cx: &mut Context<'_>) {
    let about = cx.sender();
    cx.say(&about, Kind::Identity)
        .number(Field::CclinkVendorCode, little(station.vendor), station.vendor)
        .number(Field::ModelCode, little(station.model), station.model)
        .number(Field::EquipmentVersion, little(station.version), station.version);
    operating_mode(Some(station.state), &about, cx);
}

/// Whether a station's application runs.
fn operating_mode(state: Option<&[u8]>, about: &Subject, cx: &mut Context<'_>) {
    let mode: &[u8] = match state {
        Some([0 | 2, 0]) => b"stop",
        Some([1, 0]) => b"run",
        _ => return,
    };
    let state = state.and_then(|state| state.get(..1)).unwrap_or_default();
    cx.say(about, Kind::State).decoded(Field::OperatingMode, &Value::Text(mode.to_vec()), state, "cclink-state");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, payload};
    use observations::Transport;

    fn response(end: u16, body: &[u8]) -> Vec<u8> {
        let length = u8::try_from(body.len() + 2).unwrap();
        let [low, high] = end.to_le_bytes();
        [&[0xd0, 0, 0, 0xff, 0xff, 3, 0, length, 0, low, high], body].concat()
    }

    #[test]
    fn a_node_says_vendor_model_and_addresses() {
        // The sender of `payload` is 10.0.0.2 with 00:00:00:00:01:02.
        let mut node = vec![0xd4, 0, 7, 0, 0, 0, 0, 0xff, 0xff, 3, 0, 53, 0, 0, 0];
        node.extend_from_slice(&[1, 1, 0, 0, 0, 0, 4, 1, 0, 0, 10]); // master
        node.extend_from_slice(&[2, 1, 0, 0, 0, 0, 4, 2, 0, 0, 10, 0, 255, 255, 255, 255, 255, 255, 255, 0]); // itself
        node.extend_from_slice(&[0x34, 0x12, 0x01, 0x22, 0, 0, 5, 0]); // vendor, model, version
        node.extend_from_slice(&[4, 255, 255, 255, 255, 255, 255, 0, 0, 0x0b, 0xf0, 1]);
        let said = payload(&CciefBasic, Transport::Udp, 61451, 61452, &node);
        assert_eq!(field(&said, Kind::Identity, Field::CclinkVendorCode), ["4660"]);
        assert_eq!(field(&said, Kind::Identity, Field::ModelCode), ["8705"]);
        assert_eq!(field(&said, Kind::Identity, Field::EquipmentVersion), ["5"]);
        assert_eq!(field(&said, Kind::Binding, Field::Ipv4Address), ["10.0.0.2"]);
    }

    #[test]
    fn a_cyclic_answer_says_what_the_station_is() {
        let mut body = vec![1, 0, 0, 0, 40, 0];
        body.extend_from_slice(&[0; 14]);
        body.extend_from_slice(&[0x34, 0x12, 0, 0, 1, 0x22, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        body.extend_from_slice(&[2, 0, 0, 10, 1, 0, 9, 0]);
        body.extend_from_slice(&[0; 72]);
        let said = payload(&CciefBasic, Transport::Udp, 61450, 61452, &response(0, &body));
        assert_eq!(field(&said, Kind::Identity, Field::EquipmentVersion), ["3"]);
        assert_eq!(field(&said, Kind::State, Field::OperatingMode), ["run"]);
    }

    #[test]
    fn an_address_that_is_set_is_asked_for_and_not_so() {
        let mut set = vec![0x54, 0, 7, 0, 0, 0, 0, 0xff, 0xff, 3, 0, 45, 0, 0, 0, 0x31, 0x0e, 0, 0];
        set.extend_from_slice(&[1, 1, 0, 0, 0, 0, 4, 1, 0, 0, 10]); // master
        set.extend_from_slice(&[9, 1, 0, 0, 0, 0, 4, 77, 0, 0, 10, 0, 255, 255, 255, 255, 255, 255, 255, 0]); // station, as it shall be
        set.extend_from_slice(&[4, 255, 255, 255, 255, 255, 255, 1]);
        let said = payload(&CciefBasic, Transport::Udp, 61452, 61451, &set);
        assert_eq!(field(&said, Kind::Request, Field::Ipv4Address), ["10.0.0.77"]);
    }

    #[test]
    fn strangers_and_other_commands_are_refused() {
        let at = At { transport: Transport::Udp, src_port: 61450, dst_port: 61450, from_client: None };
        let read = [0x50, 0, 0, 0xff, 0xff, 3, 0, 12, 0, 4, 0, 1, 4, 0, 0, 0, 0, 0, 0xa8, 1, 0];
        for stranger in [&[0; 40][..], b"M-SEARCH * HTTP/1.1\r\n", &read, &response(0, &[0; 20])] {
            assert_eq!(CciefBasic.gate(stranger, &at), Gate::NotMine);
        }
    }
}
