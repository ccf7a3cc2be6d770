//! Tests of MMS: services within data of presentation, session and transport.

use super::super::{acse::Acse, cotp::Cotp, pres::Pres, ses::Ses, tpkt::Tpkt};
use super::*;
use crate::testing::{conversation_of, field};
use observations::{Observation, Transport};

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    match u8::try_from(content.len()) {
        Ok(length @ 0..=127) => [&[tag, length], content].concat(),
        _ => [&[tag, 0x82], u16::try_from(content.len()).unwrap().to_be_bytes().as_slice(), content].concat(),
    }
}

fn packet(pdu: &[u8]) -> Vec<u8> {
    let value = [&[2, 1, 3][..], &tlv(0xa0, pdu)].concat();
    let data = [&[1, 0, 1, 0][..], &tlv(0x61, &tlv(0x30, &value))].concat();
    let length = u16::try_from(data.len() + 7).unwrap().to_be_bytes();
    [&[3, 0, length[0], length[1], 2, 0xf0, 0x80], data.as_slice()].concat()
}

fn asked(id: u8, service: &[u8]) -> Vec<u8> {
    packet(&tlv(CONFIRMED_REQUEST, &[&[INTEGER, 1, id], service].concat()))
}

fn answered(id: u8, service: &[u8]) -> Vec<u8> {
    packet(&tlv(CONFIRMED_RESPONSE, &[&[INTEGER, 1, id], service].concat()))
}

fn name(domain: &[u8], item: &[u8]) -> Vec<u8> {
    tlv(0xa0, &tlv(0xa1, &[tlv(0x1a, domain), tlv(0x1a, item)].concat()))
}

fn read(items: &[&[u8]]) -> Vec<u8> {
    let list: Vec<u8> = items.iter().flat_map(|item| tlv(SEQUENCE, &name(b"BAY1LD0", item))).collect();
    tlv(0xa4, &tlv(0xa1, &tlv(0xa0, &list)))
}

fn write(item: &[u8]) -> Vec<u8> {
    tlv(0xa5, &[tlv(0xa0, &tlv(SEQUENCE, &name(b"BAY1LD0", item))), tlv(0xa0, &[0x83, 1, 1])].concat())
}

fn values(values: &[Vec<u8>]) -> Vec<u8> {
    tlv(0xa4, &tlv(0xa1, &values.concat()))
}

fn text(text: &[u8]) -> Vec<u8> {
    tlv(0x8a, text)
}

fn said(payloads: &[(bool, Vec<u8>)]) -> Vec<Observation> {
    let way = |client| if client { (50000, 102) } else { (102, 50000) };
    let payloads: Vec<(u16, u16, &[u8])> = payloads.iter().map(|(client, bytes)| (way(*client).0, way(*client).1, bytes.as_slice())).collect();
    conversation_of(&[&Tpkt, &Cotp, &Ses, &Pres, &Acse, &Mms], Transport::Tcp, &payloads)
}

#[test]
fn identify_names_vendor_model_and_revision() {
    let answer = tlv(0xa2, &[tlv(0x80, b"Example Relays"), tlv(0x81, b"XR615"), tlv(0x82, b"5.1.20")].concat());
    let said = said(&[(true, asked(1, &[0x82, 0])), (false, answered(1, &answer))]);
    assert_eq!(field(&said, Kind::Identity, Field::VendorName), ["Example Relays"]);
    assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["XR615"]);
    assert_eq!(field(&said, Kind::Identity, Field::SoftwareVersion), ["5.1.20"]);
}

#[test]
fn a_name_plate_that_is_read_by_its_attributes_is_one_statement() {
    let question = asked(7, &read(&[b"LPHD1$DC$PhyNam$vendor", b"LPHD1$DC$PhyNam$serNum", b"LPHD1$ST$PhyHealth$stVal"]));
    let answer = answered(7, &values(&[text(b"Example Relays"), text(b"1VHR91400123"), vec![0x85, 1, 1]]));
    let said = said(&[(true, question), (false, answer)]);
    let plate = said.iter().find(|said| said.get(Field::SerialNumber).is_some()).unwrap();
    assert_eq!(plate.get(Field::VendorName).map(observations::Value::display).as_deref(), Some("Example Relays"));
    assert_eq!(field(&said, Kind::Identity, Field::MmsDomain), ["BAY1LD0"]);
}

#[test]
fn a_failure_keeps_the_places_of_what_follows() {
    let question = asked(7, &read(&[b"LPHD1$DC$PhyNam$vendor", b"LPHD1$DC$PhyNam$model"]));
    let answer = answered(7, &values(&[vec![0x80, 1, 10], text(b"XR615")]));
    let said = said(&[(true, question), (false, answer)]);
    assert!(field(&said, Kind::Identity, Field::VendorName).is_empty());
    assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["XR615"]);
}

#[test]
fn a_structure_is_read_if_its_type_was_asked_for_and_else_not() {
    let string = |name: &[u8]| tlv(SEQUENCE, &[tlv(0x80, name), tlv(0xa1, &[0x8a, 2, 1, 0])].concat());
    let structure = |members: &[Vec<u8>]| tlv(0xa2, &tlv(0xa1, &members.concat()));
    let of = |name: &[u8], kind: Vec<u8>| tlv(SEQUENCE, &[tlv(0x80, name), tlv(0xa1, &kind)].concat());
    let plate = structure(&[string(b"model"), string(b"vendor")]);
    let node =
        structure(&[of(b"ST", structure(&[string(b"x")])), of(b"DC", structure(&[of(b"Other", structure(&[string(b"d")])), of(b"PhyNam", plate)]))]);
    let question = asked(3, &tlv(0xa6, &name(b"BAY1LD0", b"LPHD1")));
    let types = answered(3, &tlv(0xa6, &[vec![0x80, 1, 0], tlv(0xa2, &node)].concat()));
    let value = tlv(0xa2, &[tlv(0xa2, &text(b"other")), tlv(0xa2, &[text(b"XR615"), text(b"Example Relays")].concat())].concat());
    let reading = [(true, asked(4, &read(&[b"LPHD1$DC"]))), (false, answered(4, &values(&[value])))];
    let known = said(&[&[(true, question), (false, types)], reading.as_slice()].concat());
    assert_eq!(field(&known, Kind::Identity, Field::ModelName), ["XR615"]);
    assert_eq!(field(&known, Kind::Identity, Field::VendorName), ["Example Relays"]);
    assert!(field(&said(&reading), Kind::Identity, Field::ModelName).is_empty());
}

#[test]
fn domains_are_told_when_the_server_lists_or_answers_for_them() {
    let question = asked(1, &tlv(0xa1, &[tlv(0xa0, &[0x80, 1, 9]), tlv(0xa1, &[0x80, 0])].concat()));
    let answer = answered(1, &tlv(0xa1, &[tlv(0xa0, &[tlv(0x1a, b"BAY1LD0"), tlv(0x1a, b"BAY1CTRL")].concat()), vec![0x81, 1, 0]].concat()));
    assert_eq!(field(&said(&[(true, question), (false, answer)]), Kind::Identity, Field::MmsDomain), ["BAY1LD0", "BAY1CTRL"]);
    let poll = asked(2, &read(&[b"MMXU1$MX$A"]));
    assert!(field(&said(&[(true, poll.clone())]), Kind::Identity, Field::MmsDomain).is_empty());
    let polled = said(&[(true, poll), (false, answered(2, &values(&[vec![0x87, 5, 8, 0, 0, 0, 0]])))]);
    assert_eq!(field(&polled, Kind::Identity, Field::MmsDomain), ["BAY1LD0"]);
}

#[test]
fn a_name_plate_is_seen_after_many_polls() {
    let mut payloads = Vec::new();
    for id in 0..200u8 {
        payloads.push((true, asked(id % 100, &read(&[b"MMXU1$MX$A"]))));
        payloads.push((false, answered(id % 100, &values(&[vec![0x87, 5, 8, 0, 0, 0, id]]))));
    }
    payloads.push((true, asked(101, &read(&[b"LPHD1$DC$PhyNam$model"]))));
    payloads.push((false, answered(101, &values(&[text(b"XR615")]))));
    assert_eq!(field(&said(&payloads), Kind::Identity, Field::ModelName), ["XR615"]);
}

#[test]
fn a_bilateral_table_is_iccps() {
    let question = asked(5, &tlv(0xa4, &tlv(0xa1, &tlv(0xa0, &tlv(SEQUENCE, &name(b"ICC1", b"Bilateral_Table_ID"))))));
    let said = said(&[(true, question), (false, answered(5, &values(&[text(b"BLT 4")])))]);
    assert_eq!(field(&said, Kind::Identity, Field::BilateralTableId), ["BLT 4"]);
    assert_eq!(field(&said, Kind::Service, Field::ServiceType), ["iccp"]);
}

#[test]
fn an_iccp_server_tells_its_version_and_blocks() {
    let own = |item: &[u8]| tlv(0xa4, &tlv(0xa1, &tlv(0xa0, &tlv(SEQUENCE, &tlv(0xa0, &tlv(0x80, item))))));
    let version = tlv(0xa2, &[0x85, 2, 0x07, 0xd0, 0x85, 1, 8]);
    let payloads = [
        (true, asked(5, &own(b"TASE2_Version"))),
        (false, answered(5, &values(&[version]))),
        (true, asked(6, &own(b"Supported_Features"))),
        (false, answered(6, &values(&[vec![0x84, 3, 4, 0xc8, 0]]))),
    ];
    let said = said(&payloads);
    assert_eq!(field(&said, Kind::Service, Field::ProtocolVersion), ["2000.8"]);
    assert_eq!(field(&said, Kind::Service, Field::ConformanceBlocks), ["1, 2, 5"]);
}

#[test]
fn to_read_what_selects_is_to_select() {
    let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: 102, from_client: Some(true) };
    let name = |service: &[u8]| {
        let pdu = tlv(CONFIRMED_REQUEST, &[&[INTEGER, 1, 1], service].concat());
        Mms.glance(&pdu, &at).operation.map(|operation| OPERATIONS[usize::from(operation)].0)
    };
    for (service, operation) in [
        (read(&[b"CSWI1$CO$Pos$SBO"]), "select"),
        (read(&[b"Breaker_7_SBO"]), "select"),
        (read(&[b"Next_DSTransfer_Set"]), "next_ds_transfer_set"),
        (read(&[b"MMXU1$MX$A"]), "read"),
        (write(b"DSTrans1"), "write_transfer_set"),
        (write(b"Breaker_7_TAG"), "set_tag"),
        (write(b"Breaker_7"), "write"),
    ] {
        assert_eq!(name(&service), Some(operation));
    }
}

#[test]
fn writes_are_told_by_what_they_write() {
    let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: 102, from_client: Some(true) };
    let name = |service: &[u8]| {
        let pdu = tlv(CONFIRMED_REQUEST, &[&[INTEGER, 1, 1], service].concat());
        Mms.glance(&pdu, &at).operation.map(|operation| OPERATIONS[usize::from(operation)].0)
    };
    assert_eq!(name(&write(b"CSWI1$CO$Pos$Oper")), Some("operate"));
    assert_eq!(name(&write(b"CSWI1$CO$Pos$SBOw")), Some("select_with_value"));
    assert_eq!(name(&write(b"PTOC1$SE$StrVal$setMag$f")), Some("write_setting"));
    assert_eq!(name(&write(b"LLN0$BR$brcb01$RptEna")), Some("write_control_block"));
    assert_eq!(name(&write(b"GGIO1$MX$x")), Some("write"));
    assert_eq!(name(&[0xbf, 0x4d, 0]), Some("file_directory"));
    assert_eq!(name(&[0x82, 0]), Some("identify"));
    assert_eq!(OPERATIONS.len(), SET_TAG + 1);
}

#[test]
fn what_is_no_pdu_is_refused() {
    let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: 102, from_client: None };
    for stranger in [&[0xa0, 3, 2, 1, 1][..], &[0xa0, 5, 4, 1, 1, 0x82, 0], &[0x60, 0], &[0x8b, 1, 0], &[0xa3, 9, 0], &[0; 20]] {
        assert_eq!(Mms.gate(stranger, &at), Gate::NotMine);
    }
}
