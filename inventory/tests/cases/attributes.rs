//! Of several claims the one that stands.

use crate::wire::*;
use observations::{Field, Kind, Value};

const A: &str = "00:80:f4:01:00:01";

fn record(wire: &Wire, attribute: &str) -> inventory::document::AttributeRecord {
    wire.seen().mac(A).attributes.get(attribute).cloned().unwrap()
}

#[test]
fn the_latest_of_what_changes_and_the_earliest_of_what_lasts() {
    let device = host(A, "10.0.0.1");
    let mut wire = Wire::new("times");
    wire.lives(A, "10.0.0.1");
    for (time, firmware, model) in [(10, "1.0", "TM221"), (20, "2.0", "TM241")] {
        wire.at(time).tells(&device, "modbus", Kind::Identity, &[text(Field::FirmwareVersion, firmware), text(Field::ModelName, model)]);
    }
    let firmware = record(&wire, "firmware");
    assert_eq!((firmware.value.as_str(), firmware.history[0].value.as_str()), ("2.0", "1.0"));
    assert_eq!(record(&wire, "model").value, "TM221");
}

#[test]
fn a_clock_that_is_not_believed_never_ranks_first() {
    let device = host(A, "10.0.0.1");
    let version = |wire: &mut Wire, version| {
        wire.lives(A, "10.0.0.1").tells(&device, "modbus", Kind::Identity, &[text(Field::FirmwareVersion, version)]);
    };
    let (mut good, mut bad) = (Wire::new("good"), Wire::new("bad"));
    version(good.at(10), "1.0");
    version(bad.at(2_000_000_000), "9.9");
    bad.said.source.clock = Some("the year 2033".into());
    let mut said = good.done();
    said.join(bad.done());
    let seen = see(&said, &[]);
    let firmware = &seen.mac(A).attributes["firmware"];
    assert_eq!(firmware.value, "1.0");
    assert_eq!(firmware.rivals.iter().chain(&firmware.history).map(|other| other.value.as_str()).collect::<Vec<_>>(), ["9.9"]);
}

#[test]
fn spellings_of_one_maker_corroborate() {
    let device = host(A, "10.0.0.1");
    let mut wire = Wire::new("spellings");
    wire.lives(A, "10.0.0.1").tells(&device, "modbus", Kind::Identity, &[text(Field::VendorName, "SIEMENS AG")]);
    let alone = record(&wire, "vendor").confidence;
    wire.tells(&device, "snmp", Kind::Identity, &[text(Field::VendorName, "Siemens")]);
    let vendor = record(&wire, "vendor");
    assert!(vendor.rivals.is_empty() && vendor.confidence > alone);
    wire.tells(&device, "http", Kind::Identity, &[text(Field::VendorName, "Siemens Energy")]);
    assert_eq!(record(&wire, "vendor").rivals.len(), 1);
}

#[test]
fn a_server_that_agrees_on_nothing_older_hides_its_certificates() {
    let mut wire = Wire::new("plant");
    let agrees = |wire: &mut Wire, ip: &str, port: u16, version: u64| {
        let server = at_port(&host("00:80:f4:01:02:03", ip), port);
        wire.tells(&server, "tls", Kind::Security, &[(Field::TlsVersion, Value::Number(version))]);
    };
    assert_eq!(wire.seen().0.coverage.tls13_share, None);
    agrees(&mut wire, "10.0.0.1", 443, 0x0304);
    agrees(&mut wire, "10.0.0.1", 443, 0x0303);
    agrees(&mut wire, "10.0.0.2", 8443, 0x0304);
    agrees(&mut wire, "10.0.0.2", 5684, 0xfefd);
    agrees(&mut wire, "10.0.0.3", 443, 0x0304);
    assert_eq!(wire.seen().0.coverage.tls13_share, Some(50));
}
