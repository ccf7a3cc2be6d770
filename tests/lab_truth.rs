//! What the lab's larger plant is, held against what is found in its capture.

use crate::captures;
use inventory::document::Device;
use std::collections::{BTreeMap, BTreeSet};

/// A device of `pcaps/lab/plants/*.tsv`: a row for each of its cards that the mirror sees.
#[derive(Default)]
struct Truth {
    macs: BTreeSet<String>,
    addresses: BTreeSet<String>,
    vlans: BTreeSet<String>,
    class: String,
}

/// The devices by name, and the classes' word for what is no device of the plant.
fn truth() -> BTreeMap<String, Truth> {
    truth_of("two-cells")
}

fn truth_of(plant: &str) -> BTreeMap<String, Truth> {
    let table = std::fs::read_to_string(captures::root().join(format!("pcaps/lab/plants/{plant}.tsv"))).expect("the plant's table");
    let (mut vlans, mut devices) = (BTreeMap::new(), BTreeMap::<String, Truth>::new());
    for line in table.lines() {
        match line.split('\t').collect::<Vec<_>>()[..] {
            ["#cell", name, vlan, _] => drop(vlans.insert(name.to_owned(), vlan.to_owned())),
            [name, cell, mac, address, _, _, _, class, _] if !name.starts_with('#') && vlans[cell] != "unseen" => {
                let device = devices.entry(name.to_owned()).or_default();
                device.macs.insert(mac.to_owned());
                device.vlans.insert(format!("vlan {}", vlans[cell]));
                device.addresses.extend(address.split('/').next().map(str::to_owned));
                class.clone_into(&mut device.class);
            }
            _ => {}
        }
    }
    devices
}

fn devices() -> Vec<&'static Device> {
    devices_of("two-cells")
}

fn devices_of(plant: &str) -> Vec<&'static Device> {
    let plant = captures::all().iter().find(|capture| capture.name == plant).expect("the plant's capture");
    plant.document.devices.iter().collect()
}

/// The device with any of these MAC addresses, which must be one.
fn found(truth: &Truth) -> Option<&'static Device> {
    found_in("two-cells", truth)
}

fn found_in(plant: &str, truth: &Truth) -> Option<&'static Device> {
    let with: Vec<_> = devices_of(plant).into_iter().filter(|device| device.macs.iter().any(|mac| truth.macs.contains(mac))).collect();
    if let [only] = with[..] { Some(only) } else { None }
}

#[test]
fn every_device_of_the_plant_is_found_once_and_nothing_else() {
    let truth = truth();
    assert!(truth.len() >= 60, "{} devices", truth.len());
    for (name, device) in &truth {
        let found = found(device).unwrap_or_else(|| panic!("{name} is not one device"));
        assert_eq!(found.macs.iter().cloned().collect::<BTreeSet<_>>(), device.macs, "{name}");
        assert!(device.addresses.iter().all(|address| found.ips.contains(address)), "{name}: {:?}", found.ips);
        assert!(device.vlans.iter().all(|vlan| found.segments.contains(vlan)), "{name}: {:?}", found.segments);
    }
    let local = devices().into_iter().filter(|device| device.reach == "local" && ["device", "represents_many"].contains(&&*device.kind));
    assert_eq!(local.count(), truth.len());
    let routed: Vec<&str> =
        devices().into_iter().filter(|device| device.reach != "local").flat_map(|device| &device.ips).map(String::as_str).collect();
    assert_eq!(routed, ["203.0.113.10"], "the one web server beyond the router");
}

#[test]
fn every_device_of_the_plants_is_taken_for_what_it_is_and_with_a_reason() {
    for (plant, at_least) in [("two-cells", 60), ("plant-and-office", 18)] {
        // The smaller plant's table has more devices than its capture shows.
        let truth = truth_of(plant);
        let shown: Vec<_> = truth.iter().filter_map(|(name, device)| Some((name, device, found_in(plant, device)?))).collect();
        assert!(shown.len() >= at_least, "{plant}: {}", shown.len());
        for (name, device, found) in shown.into_iter().filter(|(_, device, _)| device.class != "-") {
            assert_eq!(found.class, device.class, "{plant}: {name}");
            if device.class == "unknown" {
                continue;
            }
            assert_ne!(found.kind_of_device, "unknown", "{plant}: {name}");
            for what in ["class", "type"] {
                assert!(!found.attributes[what].evidence.is_empty(), "{plant}: {name}: {what} without a reason");
            }
        }
    }
}

#[test]
fn twins_with_one_address_in_two_cells_stay_apart() {
    let twins = |of: &str| devices().into_iter().filter(|device| device.ips.iter().any(|ip| ip == of) && device.kind != "ghost").count();
    for last in 10..=24 {
        assert_eq!(twins(&format!("192.168.1.{last}")), 2, "192.168.1.{last}");
    }
}

#[test]
fn units_are_components_of_their_own_gateway_each() {
    let truth = truth();
    for name in ["a-mgate", "b-mgate"] {
        let gateway = found(&truth[name]).expect("one device");
        let units: BTreeSet<&str> =
            devices().into_iter().filter(|device| device.parent.as_ref() == Some(&gateway.id)).filter_map(|device| device.part.as_deref()).collect();
        assert_eq!(units, BTreeSet::from(["unit 1", "unit 2", "unit 3"]), "{name}");
    }
}

#[test]
fn a_forwarding_router_keeps_its_own_identity() {
    let truth = truth();
    for (name, device) in truth.iter().filter(|(name, _)| name.ends_with("-rtr")) {
        let router = found(device).expect("one device");
        assert_eq!(router.kind, "represents_many", "{name}");
        assert!(["model", "order_number", "serial"].iter().all(|what| !router.attributes.contains_key(*what)), "{name}");
    }
}

#[test]
fn who_moves_is_one_device_with_both_addresses() {
    let truth = truth();
    let moved = |name: &str, there: &str| found(&truth[name]).is_some_and(|device| device.ips.iter().any(|ip| ip.starts_with(there)));
    assert!(moved("scan", "10.90.30.18"), "DHCP gave the scanner an address in the hall");
    assert!(moved("rogue", "192.168.1.200"), "the small computer took one in line a");
}
