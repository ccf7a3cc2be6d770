//! Messages are put together from their parts, as BER nests them.

use super::*;
use crate::testing::{answer, conversation, field, gate, payload, request};

fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut bytes = vec![tag];
    match u8::try_from(content.len()) {
        Ok(length) if length < 0x80 => bytes.push(length),
        _ => {
            bytes.push(0x82);
            bytes.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
        }
    }
    bytes.extend(content);
    bytes
}

fn bind(name: &[u8], value: &[u8]) -> Vec<u8> {
    tlv(SEQUENCE, &[&tlv(OBJECT_IDENTIFIER, &[name]), value])
}

fn text(value: &str) -> Vec<u8> {
    tlv(OCTET_STRING, &[value.as_bytes()])
}

const ZERO: &[u8] = &[INTEGER, 1, 0];

fn pdu(tag: u8, binds: &[Vec<u8>]) -> Vec<u8> {
    tlv(tag, &[&[INTEGER, 1, 7], ZERO, ZERO, &tlv(SEQUENCE, &[&binds.concat()])])
}

fn v2c(tag: u8, binds: &[Vec<u8>]) -> Vec<u8> {
    tlv(SEQUENCE, &[&[INTEGER, 1, 1], &text("public"), &pdu(tag, binds)])
}

fn system() -> Vec<Vec<u8>> {
    let object = |number: u8| [0x2b, 6, 1, 2, 1, 1, number, 0];
    vec![
        bind(&object(1), &text("Switch 8 ports, V3.1")),
        bind(&object(2), &tlv(OBJECT_IDENTIFIER, &[&[0x2b, 6, 1, 4, 1, 0xe4, 0x1a, 1]])),
        bind(&object(4), &text("alice@example.com")),
        bind(&object(5), &text("sw-01")),
        bind(&object(6), &text("hall 3")),
    ]
}

fn entity(column: u8, index: u8, value: &[u8]) -> Vec<u8> {
    bind(&[0x2b, 6, 1, 2, 1, 47, 1, 1, 1, 1, column, index], value)
}

#[test]
fn an_agent_says_its_system_and_no_contact() {
    let said = answer(&Snmp, &v2c(RESPONSE, &system()));
    assert_eq!(field(&said, Kind::Identity, Field::SystemDescription), ["Switch 8 ports, V3.1"]);
    assert_eq!(field(&said, Kind::Identity, Field::SystemObjectId), ["1.3.6.1.4.1.12826.1"]);
    assert_eq!(field(&said, Kind::Identity, Field::SystemName), ["sw-01"]);
    assert_eq!(field(&said, Kind::Identity, Field::Location), ["hall 3"]);
    assert!(!said.iter().any(|said| said.fields.iter().any(|said| said.value.display().contains("alice"))));
}

#[test]
fn a_community_leaves_only_its_use_and_length_class() {
    let said = request(&Snmp, &v2c(GET, &[bind(&[0x2b, 6, 1], &[5, 0])]));
    assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["snmp community"]);
    assert_eq!(field(&said, Kind::Credential, Field::SecretLengthClass), ["1"]);
    assert_eq!(field(&said, Kind::Security, Field::ProtocolVersion), ["2c"]);
    let quotes = |said: &observations::Observation| said.fields_first.iter().any(|field| field.quote.windows(6).any(|quote| quote == b"public"));
    assert!(!said.iter().any(quotes));
}

#[test]
fn the_chassis_is_the_device_and_what_it_contains_are_parts() {
    let binds = [
        entity(4, 2, ZERO),
        entity(5, 2, &[INTEGER, 1, 3]),
        entity(11, 2, &text("CH-1")),
        entity(13, 2, &text("R-8")),
        entity(4, 3, &[INTEGER, 1, 2]),
        entity(5, 3, &[INTEGER, 1, 9]),
        entity(11, 3, &text("MOD-7")),
    ];
    let said = answer(&Snmp, &v2c(RESPONSE, &binds));
    let serials: Vec<_> = said.iter().filter_map(|said| Some((said.about.path.len(), said.get(Field::SerialNumber)?.display()))).collect();
    assert!(serials.contains(&(0, "CH-1".to_owned())) && serials.contains(&(1, "MOD-7".to_owned())));
    let chassis = said.iter().find(|said| said.get(Field::ModelName).is_some()).unwrap();
    assert!(chassis.get(Field::SerialNumber).is_some());
}

#[test]
fn what_a_walk_told_of_places_holds_for_its_later_answers() {
    let (asked, places) = (v2c(0xa1, &[bind(&[0x2b, 6, 1], &[5, 0])]), v2c(RESPONSE, &[entity(5, 1, &[INTEGER, 1, 9])]));
    let serial = v2c(RESPONSE, &[entity(11, 1, &text("MOD-1"))]);
    let said = conversation(&Snmp, Transport::Udp, &[(50000, 161, &asked), (161, 50000, &places), (161, 50000, &serial)]);
    let part = said.iter().find(|said| said.get(Field::SerialNumber).is_some()).unwrap();
    assert_eq!(part.about.path.len(), 1);
}

#[test]
fn interfaces_and_addresses_are_bound() {
    let binds = [
        bind(&[0x2b, 6, 1, 2, 1, 2, 2, 1, 6, 1], &tlv(OCTET_STRING, &[&[0, 0x1b, 0x1b, 1, 2, 3]])),
        bind(&[0x2b, 6, 1, 2, 1, 2, 2, 1, 6, 2], &text("")), // loopback
        bind(&[0x2b, 6, 1, 2, 1, 4, 20, 1, 1, 10, 77, 0, 2], &[0x40, 4, 10, 77, 0, 2]),
    ];
    let said = answer(&Snmp, &v2c(RESPONSE, &binds));
    assert_eq!(field(&said, Kind::Binding, Field::MacAddress), ["00:1b:1b:01:02:03"]);
    assert_eq!(field(&said, Kind::Binding, Field::Ipv4Address), ["10.77.0.2"]);
}

#[test]
fn a_trap_that_is_passed_on_is_about_the_agent_that_it_names() {
    let trap = |agent: [u8; 4]| {
        let head = tlv(OBJECT_IDENTIFIER, &[&[0x2b, 6, 1, 4, 1, 9]]);
        let body = tlv(TRAP_V1, &[&head, &tlv(0x40, &[&agent]), &[INTEGER, 1, 3], ZERO, &[0x43, 1, 9], &tlv(SEQUENCE, &[])]);
        tlv(SEQUENCE, &[ZERO, &text("public"), &body])
    };
    let about = |said: &[observations::Observation]| said.iter().find(|said| said.kind == Kind::Identity).unwrap().about.ip.unwrap().to_string();
    assert_eq!(about(&payload(&Snmp, Transport::Udp, 50000, 162, &trap([10, 9, 9, 9]))), "10.9.9.9");
    assert_eq!(about(&payload(&Snmp, Transport::Udp, 50000, 162, &trap([10, 0, 0, 1]))), "10.0.0.1");
}

/// A v3 message: flags, engine, authentication parameter, data.
fn v3(flags: u8, engine: &[u8], authentication: &[u8], data: &[u8]) -> Vec<u8> {
    let header = tlv(SEQUENCE, &[&[INTEGER, 1, 7], &[INTEGER, 2, 5, 0xdc], &[OCTET_STRING, 1, flags], &[INTEGER, 1, 3]]);
    let (engine, authentication) = (tlv(OCTET_STRING, &[engine]), tlv(OCTET_STRING, &[authentication]));
    let usm = tlv(SEQUENCE, &[&engine, &[INTEGER, 1, 4], &[INTEGER, 1, 9], &text("operator"), &authentication, &text("saltsalt")]);
    tlv(SEQUENCE, &[&[INTEGER, 1, 3], &header, &tlv(OCTET_STRING, &[&usm]), data])
}

/// Enterprise 12826, format 3: a MAC address.
const ENGINE: &[u8] = &[0x80, 0, 0x32, 0x1a, 3, 0, 0x1b, 0x1b, 1, 2, 3];

#[test]
fn an_encrypted_answer_shows_the_engine_and_its_protection_and_no_user() {
    let said = answer(&Snmp, &v3(AUTH | PRIV, ENGINE, &[0; 12], &text("0123456789abcdef")));
    assert_eq!(field(&said, Kind::Key, Field::EnterpriseNumber), ["12826"]);
    assert_eq!(field(&said, Kind::Key, Field::MacAddress), ["00:1b:1b:01:02:03"]);
    assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["authPriv"]);
    assert_eq!(field(&said, Kind::Security, Field::AuthParameterLength), ["12"]);
    assert!(!said.iter().any(|said| said.fields.iter().any(|said| said.value.display().contains("operator"))));
}

#[test]
fn a_question_does_not_own_the_engine_that_it_names() {
    let said = request(&Snmp, &v3(AUTH | PRIV | REPORTABLE, ENGINE, &[0; 12], &text("0123456789abcdef")));
    assert!(field(&said, Kind::Key, Field::EngineId).is_empty());
    assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["authPriv"]);
}

#[test]
fn a_report_shows_the_engine_and_no_level() {
    let scoped = tlv(SEQUENCE, &[&tlv(OCTET_STRING, &[ENGINE]), &text(""), &pdu(REPORT, &[])]);
    let said = answer(&Snmp, &v3(0, ENGINE, &[], &scoped));
    assert_eq!(field(&said, Kind::Key, Field::EnterpriseNumber), ["12826"]);
    assert!(field(&said, Kind::Security, Field::SecurityLevel).is_empty());
}

#[test]
fn an_agent_that_speaks_for_another_says_nothing_of_itself() {
    let scoped = tlv(SEQUENCE, &[&text("other-engine"), &text(""), &pdu(RESPONSE, &system())]);
    assert!(field(&answer(&Snmp, &v3(0, ENGINE, &[], &scoped)), Kind::Identity, Field::SystemName).is_empty());
}

#[test]
fn a_cut_answer_keeps_the_objects_before() {
    let whole = v2c(RESPONSE, &system());
    let said = answer(&Snmp, &whole[..70]);
    assert_eq!(field(&said, Kind::Identity, Field::SystemDescription), ["Switch 8 ports, V3.1"]);
    assert!(field(&said, Kind::Identity, Field::SystemName).is_empty());
}

#[test]
fn strangers_are_refused_and_an_unusual_port_is_no_matter() {
    let ldap = [0x30, 12, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0];
    for stranger in [&[0u8; 40][..], b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n", &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3], &[0x30; 60], &ldap] {
        assert_eq!(gate(&Snmp, stranger, 161), Gate::NotMine);
    }
    let said = payload(&Snmp, Transport::Udp, 1161, 50000, &v2c(RESPONSE, &system()));
    assert_eq!(field(&said, Kind::Identity, Field::SystemName), ["sw-01"]);
}

/// NTCIP 1201, globalModuleTable.
fn module(column: u8, number: u8, value: &[u8]) -> Vec<u8> {
    bind(&[0x2b, 6, 1, 4, 1, 0x89, 0x36, 4, 2, 6, 1, 3, 1, column, number], value)
}

#[test]
fn a_roadside_device_says_its_kind_and_its_modules() {
    let binds = [
        module(3, 1, &text("Example Signals")),
        module(4, 1, &text("ATC-8")),
        module(5, 1, &text("B")),
        module(6, 1, &[INTEGER, 1, 2]),
        module(3, 2, &text("Other Soft")),
        module(4, 2, &text("Intersection")),
        module(5, 2, &text("76.15")),
        module(6, 2, &[INTEGER, 1, 3]),
        bind(&[0x2b, 6, 1, 4, 1, 0x89, 0x36, 4, 2, 1, 1, 1, 0], &[INTEGER, 1, 16]),
    ];
    let said = answer(&Snmp, &v2c(RESPONSE, &binds));
    assert_eq!(field(&said, Kind::Identity, Field::Manufacturer), ["Example Signals"]);
    assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["ATC-8"]);
    assert_eq!(field(&said, Kind::Identity, Field::SoftwareVersion), ["76.15"]);
    assert_eq!(field(&said, Kind::Identity, Field::SoftwareManufacturer), ["Other Soft"]);
    assert_eq!(field(&said, Kind::Identity, Field::DeviceType), ["traffic signal controller"]);
}

#[test]
fn an_object_that_a_device_does_not_have_tells_no_kind() {
    let binds = [bind(&[0x2b, 6, 1, 4, 1, 0x89, 0x36, 4, 2, 3, 1, 1, 0], &[0x81, 0])];
    assert!(field(&answer(&Snmp, &v2c(RESPONSE, &binds)), Kind::Identity, Field::DeviceType).is_empty());
}

#[test]
fn a_printer_s_first_device_is_its_model_and_a_computer_s_is_not() {
    let device = bind(&[0x2b, 6, 1, 2, 1, 25, 3, 2, 1, 3, 1], &text("Example LaserPrint 8"));
    let serial = bind(&[0x2b, 6, 1, 2, 1, 43, 5, 1, 1, 17, 1], &text("LP8-0042"));
    let printer = answer(&Snmp, &v2c(RESPONSE, &[device.clone(), serial]));
    assert_eq!(field(&printer, Kind::Identity, Field::ModelName), ["Example LaserPrint 8"]);
    assert_eq!(field(&printer, Kind::Identity, Field::SerialNumber), ["LP8-0042"]);
    assert!(field(&answer(&Snmp, &v2c(RESPONSE, &[device])), Kind::Identity, Field::ModelName).is_empty());
}

#[test]
fn an_answer_accepts_the_community_and_a_request_does_not() {
    let said = answer(&Snmp, &v2c(RESPONSE, &system()));
    assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["community"]);
    assert_eq!(field(&said, Kind::Security, Field::Outcome), ["accepted"]);
    assert!(field(&request(&Snmp, &v2c(0xa0, &system())), Kind::Security, Field::AuthenticationMethod).is_empty());
}

#[test]
fn a_set_that_was_done_is_told_from_one_that_was_only_tried() {
    let (set, done) = (v2c(SET, &system()), v2c(RESPONSE, &system()));
    let said = crate::testing::conversation(&Snmp, Transport::Udp, &[(50000, 161, &set), (161, 50000, &done)]);
    assert!(field(&said, Kind::Security, Field::Outcome).contains(&"set accepted".to_owned()));
    let tried = crate::testing::conversation(&Snmp, Transport::Udp, &[(50000, 161, &set)]);
    assert!(field(&tried, Kind::Security, Field::Outcome).is_empty());
}

#[test]
fn a_notification_names_what_it_tells() {
    let trap = bind(&[0x2b, 6, 1, 6, 3, 1, 1, 4, 1, 0], &[OBJECT_IDENTIFIER, 9, 0x2b, 6, 1, 6, 3, 1, 1, 5, 3]);
    let said = payload(&Snmp, Transport::Udp, 50000, 162, &v2c(TRAP_V2, &[trap]));
    assert_eq!(field(&said, Kind::State, Field::TrapOid), ["1.3.6.1.6.3.1.1.5.3"]);
}
