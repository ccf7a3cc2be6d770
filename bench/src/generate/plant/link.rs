//! What every segment has: LLDP and spanning tree of its switch, and ARP.

use crate::generate::call::Call;
use crate::generate::frame::{Mac, ethernet};
use crate::generate::put::Put;
use crate::generate::site::{Device, Kind};
use crate::generate::talk::{Cyclic, Frames, Talk};

const EVERYONE: Mac = [0xff; 6];

/// A switch announces itself.
pub(crate) fn lldp(call: &mut Call<'_>) -> Box<dyn Talk> {
    let switch = switch(call);
    let port = call.random.between(1, 24);
    Box::new(Frames(vec![(0, announcement(&switch, port))]))
}

fn switch(call: &mut Call<'_>) -> Device {
    let kind = if call.random.chance(50) { Kind::PlantSwitch } else { Kind::OfficeSwitch };
    *call.site.any(kind, call.random)
}

/// An LLDP frame of `switch`.
pub(crate) fn announcement(switch: &Device, port: u64) -> Vec<u8> {
    let description = match (switch.kind, switch.make) {
        (Kind::PlantSwitch, 0) => "Hirschmann RS20 Ethernet Switch - SW: 09.1.00",
        (Kind::PlantSwitch, _) => "RUGGEDCOM RSG2100 - ROS v5.5.4",
        _ => "Cisco IOS Software, C2960X Software (C2960X-UNIVERSALK9-M), Version 15.2(7)E4",
    };
    let mut body = Vec::with_capacity(200);
    item(&mut body, 1, &[&[4], &switch.mac[..]].concat());
    item(&mut body, 2, format!("\x05Gi1/0/{port}").as_bytes());
    item(&mut body, 3, &[0, 120]);
    item(&mut body, 5, switch.name().as_bytes());
    item(&mut body, 6, description.as_bytes());
    item(&mut body, 7, &[0, 0x14, 0, 4]);
    item(&mut body, 8, &[&[5, 1], &switch.v4[..], &[2, 0, 0, 0, 1, 0]].concat());
    item(&mut body, 0, &[]);
    ethernet([1, 0x80, 0xc2, 0, 0, 0x0e], switch.mac, None, 0x88cc, &body)
}

fn item(to: &mut Vec<u8>, kind: u16, value: &[u8]) {
    to.be16((kind << 9) | value.len() as u16).raw(value);
}

/// A switch's spanning tree messages.
pub(crate) fn spanning_tree(call: &mut Call<'_>) -> Box<dyn Talk> {
    let switch = switch(call);
    let root = call.site.devices[1].mac;
    Box::new(Cyclic {
        frame: Box::new(move |_, _| {
            let mut body = vec![0x42, 0x42, 3, 0, 0, 0, 0, 0];
            body.be16(0x1000).raw(&root).be32(4).be16(0x8000).raw(&switch.mac);
            body.be16(0x8001).be16(0x0100).be16(0x1400).be16(0x0200).be16(0x0f00);
            ethernet([1, 0x80, 0xc2, 0, 0, 0], switch.mac, None, 38, &body)
        }),
        next: 0,
        cycles: u64::from(call.packets),
        gap: call.life / u64::from(call.packets.max(1)),
    })
}

/// A question for an address and its answer.
pub(crate) fn arp(call: &mut Call<'_>) -> Box<dyn Talk> {
    let place = call.random.between(2, call.site.devices.len() as u64 - 2) as usize;
    let (asker, target) = (call.site.devices[place], call.site.devices[place + 1]);
    let question = arp_frame(&asker, EVERYONE, 1, [0; 6], target.v4);
    let answer = arp_frame(&target, asker.mac, 2, asker.mac, asker.v4);
    Box::new(Frames(vec![(0, question), (300, answer)]))
}

/// A device announces its own address.
pub(crate) fn gratuitous(device: &Device) -> Vec<u8> {
    arp_frame(device, EVERYONE, 1, [0; 6], device.v4)
}

fn arp_frame(from: &Device, to: Mac, operation: u16, card: Mac, address: [u8; 4]) -> Vec<u8> {
    let mut body = Vec::with_capacity(28);
    body.be16(1).be16(0x0800).byte(6).byte(4).be16(operation);
    body.raw(&from.mac).raw(&from.v4).raw(&card).raw(&address);
    ethernet(to, from.mac, from.vlan, 0x0806, &body)
}
