//! The shape *hosts*: very many devices that mostly say who they are, one packet a flow.

use super::call::Call;
use super::frame::{End, Segment, ethernet, tcp, udp};
use super::office::{dhcp, names, snmp, ssdp};
use super::plant::{enip, link, profinet};
use super::random::Random;
use super::site::{Device, Kind};
use super::talk::{Frames, Talk};

/// What a device can say.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Saying {
    /// Its address, by ARP.
    Address,
    /// A DHCP discover or request.
    Lease,
    /// mDNS, SSDP, NBNS, LLMNR, List Identity, DCP or LLDP, whatever its kind has.
    Itself,
    /// The answer to an SNMP question.
    Managed,
    /// A DNS question.
    Question,
    /// The beginning of a connection.
    Syn,
    /// A short datagram to a server.
    Datagram,
}

/// Which device says what, when: every device at least its address.
pub(crate) fn plan(packets: u64, devices: u64, seconds: u64, random: &mut Random) -> Vec<(u64, (u64, Saying))> {
    let whole = seconds * 1_000_000;
    (0..packets)
        .map(|number| {
            let device = if number < devices { number } else { random.below(devices) };
            let saying = match (number < devices, random.below(100)) {
                (true, _) | (_, 0..=9) => Saying::Address,
                (_, 10..=16) => Saying::Lease,
                (_, 17..=33) => Saying::Itself,
                (_, 34..=44) => Saying::Managed,
                (_, 45..=63) => Saying::Question,
                (_, 64..=81) => Saying::Syn,
                _ => Saying::Datagram,
            };
            (random.below(whole), (device, saying))
        })
        .collect()
}

/// The one frame of an entry.
pub(crate) fn say(call: &mut Call<'_>, device: usize, saying: Saying) -> Box<dyn Talk> {
    let device = call.site.devices[device % call.site.devices.len()];
    let frame = match saying {
        Saying::Address => link::gratuitous(&device),
        Saying::Lease => {
            let kind = if call.random.chance(50) { 1 } else { 3 };
            dhcp::asked(&device, kind, call.random.next() as u32, call.random.word())
        }
        Saying::Itself => itself(call, &device),
        Saying::Managed => {
            let body = snmp::answer(&device, call.random.word());
            let to = server(call, &device, 0);
            call.datagram(&device, 161, &to, &body)
        }
        Saying::Question => {
            let name = format!("{}.works.example.com", device.name());
            let body = names::local_question(&name, call.random.word());
            let (port, to) = (call.random.port(), server(call, &device, 53));
            call.datagram(&device, port, &to, &body)
        }
        Saying::Syn => syn(call, &device),
        Saying::Datagram => {
            let body = call.random.bytes(32);
            let (port, to) = (call.random.port(), server(call, &device, 514));
            call.datagram(&device, port, &to, &body)
        }
    };
    Box::new(Frames(vec![(0, frame)]))
}

/// A server behind the router; port 0 stands for an ephemeral one.
fn server(call: &mut Call<'_>, device: &Device, port: u16) -> End {
    let port = if port == 0 { call.random.port() } else { port };
    let (mut end, _) = call.site.server(device, port, call.random);
    end.mac = call.site.router(device);
    end
}

fn itself(call: &mut Call<'_>, device: &Device) -> Vec<u8> {
    let id = call.random.word();
    match device.kind {
        Kind::Siemens => profinet_answer(call, device),
        Kind::Rockwell => {
            let to = server(call, device, 0);
            call.datagram(device, 44_818, &to, &enip::identity_answer(device))
        }
        Kind::PlantSwitch | Kind::OfficeSwitch => link::announcement(device, u64::from(id) % 24 + 1),
        Kind::Windows | Kind::Operator if id.is_multiple_of(2) => {
            let to = names::broadcast(device, 137);
            call.datagram(device, 137, &to, &names::registration(device, id))
        }
        Kind::Windows | Kind::Operator => {
            let (_, to) = names::groups(device, 5_355, 0, [224, 0, 0, 252], false);
            let body = names::local_question(&device.name(), id);
            let port = call.random.port();
            call.datagram(device, port, &to, &body)
        }
        Kind::Appliance if id.is_multiple_of(2) => {
            let (_, to) = names::groups(device, 1_900, 0, [239, 255, 255, 250], false);
            let body = ssdp::notification(device);
            call.datagram(device, 1_900, &to, body.as_bytes())
        }
        _ => {
            let six = id.is_multiple_of(3);
            let (from, to) = names::groups(device, 5_353, 0xfb, [224, 0, 0, 251], six);
            udp(&from, &to, device.vlan, id, &names::services(device))
        }
    }
}

fn profinet_answer(call: &mut Call<'_>, device: &Device) -> Vec<u8> {
    let asker = *call.site.operator(device, call.random);
    let body = profinet::identity(device, call.random.next() as u32);
    ethernet(asker.mac, device.mac, device.vlan, 0x8892, &body)
}

fn syn(call: &mut Call<'_>, device: &Device) -> Vec<u8> {
    let port = [443, 80, 445, 22, 502, 102][call.random.below(6) as usize];
    let to = server(call, device, port);
    let from = device.end(call.random.port());
    let segment = Segment {
        sequence: call.random.next() as u32,
        acknowledgement: 0,
        flags: 2,
        window: 64_240,
        options: &[2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2],
    };
    tcp(&from, &to, device.vlan, call.random.word(), &segment, &[])
}
