//! How long 100,000 devices take: `cargo test --profile quick -p inventory --test speed -- --ignored --nocapture`.

#[path = "cases/wire.rs"]
mod wire;

use observations::{Field, Kind, Said, Value};
use std::time::Instant;
use wire::*;

const DEVICES: u32 = 100_000;

fn plant() -> Said {
    let mut wire = Wire::new("large");
    let server = host("00:15:5d:00:00:01", "10.255.0.1");
    for number in 0..DEVICES {
        let [_, a, b, c] = number.to_be_bytes();
        let card = format!("00:80:f4:{a:02x}:{b:02x}:{c:02x}");
        let address = format!("10.{a}.{b}.{c}");
        let of = host(&card, &address);
        wire.at(i64::from(number % 1000)).lives(&card, &address);
        wire.serial(&at_port(&of, 502), "modbus", "Schneider Electric", &format!("SN-{number:08}"));
        wire.tells(&of, "snmp", Kind::Identity, &[text(Field::SystemDescription, "Modicon M221"), text(Field::SystemName, &format!("plc-{number}"))]);
        wire.name(&of, &format!("plc-{number}.plant.example")).dns_answer(&server, &format!("plc-{number}.plant.example"), &address);
        wire.tells(
            &of,
            "pn_dcp",
            Kind::Identity,
            &[text(Field::StationName, &format!("plc-{number}")), (Field::ProfinetVendorId, Value::Number(42))],
        );
        wire.dhcp_client(&card, format!("\0client-{number}").as_bytes());
        wire.certificate(&of, &number.to_be_bytes().repeat(8));
        wire.talks(&of, &server, 502, "modbus");
    }
    wire.done()
}

#[test]
#[ignore = "measures, and needs an optimised build to mean anything"]
fn a_hundred_thousand_devices() {
    let said = plant();
    let observations: usize = said.sources.values().map(|one| one.observations.len()).sum();
    let decisions = inventory::decision::Decisions::default();
    let fingerprints = &*RULES;
    let start = Instant::now();
    let one = said.sources.values().next().unwrap();
    let read = || one.observations.iter().map(|entry| entry.statement().unwrap());
    let fields: usize = read().map(|said| said.fields.len()).sum();
    let decoded = start.elapsed();
    let claims: usize = read().map(|said| fingerprints.claims(&said).len()).sum();
    println!("{fields} fields, {claims} claims: decode {decoded:?}, claims {:?}", start.elapsed() - decoded - decoded);
    let start = Instant::now();
    let facts = inventory::gather::gather(&said, fingerprints);
    let gathered = start.elapsed();
    let places = inventory::place::Places::of(&facts);
    let placed = start.elapsed();
    let resolved = inventory::resolve::resolve(&facts, &places, &decisions);
    let joined = start.elapsed();
    println!(
        "{observations} observations, {} components: gather {gathered:?}, place {:?}, resolve {:?}",
        resolved.components.len(),
        placed - gathered,
        joined - placed
    );
    drop((facts, places, resolved));
    let start = Instant::now();
    let view = inventory::View::of(&said, fingerprints, &decisions);
    let viewed = start.elapsed();
    let document = view.document();
    println!("view {viewed:?}, document of {} devices {:?}", document.devices.len(), start.elapsed() - viewed);
}
