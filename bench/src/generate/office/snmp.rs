//! SNMP version 2c: a management station reads the system group.

use crate::generate::call::Call;
use crate::generate::site::{Device, Kind};
use crate::generate::talk::{Conversation, Talk};
use crate::generate::tcp::{Client, Server};

/// OBJECT IDENTIFIER 1.3.6.1.2.1.1.
const SYSTEM: [u8; 6] = [0x2b, 6, 1, 2, 1, 1];

/// Two questions and their answers.
pub(crate) fn poll(call: &mut Call<'_>) -> Box<dyn Talk> {
    let kind = if call.random.chance(50) { Kind::Appliance } else { Kind::PlantSwitch };
    let device = *call.site.any(kind, call.random);
    let station = *call.site.any(Kind::Server, call.random);
    let mut from = station.end(call.random.port());
    from.mac = call.site.router(&device);
    from.hops -= 1;
    let mut opening = Vec::new();
    for _ in 0..2 {
        let id = call.random.word();
        opening.push((Client, question(id)));
        opening.push((Server, answer(&device, id)));
    }
    let mut to = device.end(161);
    to.hops = 64;
    let link = crate::generate::talk::Link::Udp(from, to, device.vlan);
    Conversation::brief(link, opening).boxed()
}

/// A get request for description, object id and name.
pub(crate) fn question(id: u16) -> Vec<u8> {
    let values = [1, 2, 5].map(|leaf| pair(leaf, &[5, 0]));
    message(0xa0, id, &values.concat())
}

/// The answer of `device`.
pub(crate) fn answer(device: &Device, id: u16) -> Vec<u8> {
    let (description, enterprise) = match (device.kind, device.make) {
        (Kind::PlantSwitch, 0) => ("Hirschmann Railswitch RS20", [0x2b, 6, 1, 4, 1, 0x81, 0x78]),
        (Kind::PlantSwitch, _) => ("RuggedCom RSG2100 ROS v5.5.4", [0x2b, 6, 1, 4, 1, 0xf5, 0x04]),
        (_, 0) => ("Brother NC-8900h, Firmware Ver.1.33", [0x2b, 6, 1, 4, 1, 0x93, 0x03]),
        (_, 1) => ("AXIS M3045-V Network Camera 9.80.3", [0x2b, 6, 1, 4, 1, 0x82, 0x3c]),
        _ => ("Linux nas 4.4.302+ SMP x86_64", [0x2b, 6, 1, 4, 1, 0xbf, 0x08]),
    };
    let text = format!("{description} {}", device.serial());
    let values = [pair(1, &tagged(4, text.as_bytes())), pair(2, &tagged(6, &enterprise)), pair(5, &tagged(4, device.name().as_bytes()))];
    message(0xa2, id, &values.concat())
}

fn pair(leaf: u8, value: &[u8]) -> Vec<u8> {
    let id = [&SYSTEM[..], &[leaf, 0]].concat();
    tagged(0x30, &[&tagged(6, &id), value].concat())
}

fn message(kind: u8, id: u16, values: &[u8]) -> Vec<u8> {
    let number = tagged(2, &(id & 0x7fff).to_be_bytes());
    let body = [&number[..], &[2, 1, 0, 2, 1, 0], &tagged(0x30, values)].concat();
    let whole = [&[2, 1, 1], &tagged(4, b"public")[..], &tagged(kind, &body)].concat();
    tagged(0x30, &whole)
}

fn tagged(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    if value.len() > 127 {
        bytes.push(0x81);
    }
    bytes.push(value.len() as u8);
    bytes.extend_from_slice(value);
    bytes
}
