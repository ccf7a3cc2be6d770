//! Names: DNS, mDNS, LLMNR and NetBIOS.

use crate::generate::call::Call;
use crate::generate::frame::{End, Ip};
use crate::generate::put::Put;
use crate::generate::site::{Device, Kind};
use crate::generate::talk::{Conversation, Frames, Link, Talk};
use crate::generate::tcp::{Client, Server};

/// Record type A.
const A: u16 = 1;
/// Record type PTR.
const PTR: u16 = 12;
/// Record type TXT.
const TXT: u16 = 16;
/// Record type SRV.
const SRV: u16 = 33;

/// A question to the name server and its answer.
pub(crate) fn dns(call: &mut Call<'_>) -> Box<dyn Talk> {
    let user = *call.site.user(call.random);
    let (server, _) = call.site.server(&user, 53, call.random);
    let number = call.random.below(400);
    let name = if call.random.chance(40) { format!("srv-{number:05}.works.example.com") } else { format!("cdn{number}.static.example.net") };
    let id = call.random.word();
    let address = [192, 0, 2, number as u8];
    let mut ask = header(id, 0x0100, 1, 0);
    question(&mut ask, &name, A);
    let mut told = header(id, 0x8180, 1, 1);
    question(&mut told, &name, A);
    told.be16(0xc00c).be16(A).be16(1).be32(300).long(&address);
    let port = call.random.port();
    let link = call.udp(&user, port, server);
    Conversation::brief(link, vec![(Client, ask), (Server, told)]).boxed()
}

/// A service announcement, over either version of IP.
pub(crate) fn mdns(call: &mut Call<'_>) -> Box<dyn Talk> {
    let kind = if call.random.chance(60) { Kind::Apple } else { Kind::Appliance };
    let device = *call.site.any(kind, call.random);
    let body = services(&device);
    let six = call.random.chance(40);
    let (from, to) = groups(&device, 5_353, 0xfb, [224, 0, 0, 251], six);
    Conversation::brief(Link::Udp(from, to, device.vlan), vec![(Client, body)]).boxed()
}

/// The answer that a device's responder multicasts.
pub(crate) fn services(device: &Device) -> Vec<u8> {
    let host = format!("{}.local", device.name());
    let (service, text) = match (device.kind, device.make) {
        (Kind::Apple, _) => ("_device-info._tcp.local", "model=MacBookPro18,3".to_owned()),
        (_, 0) => ("_ipp._tcp.local", "ty=Brother HL-L5200DW series".to_owned()),
        (_, 1) => ("_axis-video._tcp.local", "macaddress=ACCC8E000000".to_owned()),
        (_, 2) => ("_smb._tcp.local", format!("serial={}", device.serial())),
        _ => ("_workstation._tcp.local", "os=linux".to_owned()),
    };
    let instance = format!("{}.{service}", device.name());
    let mut target = Vec::new();
    target.be16(0).be16(0).be16(631);
    name(&mut target, &host);
    let mut body = header(0, 0x8400, 0, 4);
    record(&mut body, service, PTR, &encoded(&instance));
    record(&mut body, &instance, SRV, &target);
    let mut pairs = Vec::new();
    pairs.short(text.as_bytes());
    record(&mut body, &instance, TXT, &pairs);
    record(&mut body, &host, A, &device.v4);
    body
}

/// A Windows computer asks its neighbours for a name.
pub(crate) fn llmnr(call: &mut Call<'_>) -> Box<dyn Talk> {
    let device = *call.site.any(Kind::Windows, call.random);
    let name = format!("srv-{:05}", call.random.below(900));
    let body = local_question(&name, call.random.word());
    let six = call.random.chance(50);
    let (mut from, to) = groups(&device, 5_355, 0x0001_0003, [224, 0, 0, 252], six);
    from.port = call.random.port();
    Conversation::brief(Link::Udp(from, to, device.vlan), vec![(Client, body)]).boxed()
}

/// An LLMNR question.
pub(crate) fn local_question(name: &str, id: u16) -> Vec<u8> {
    let mut body = header(id, 0, 1, 0);
    question(&mut body, name, A);
    body
}

/// A NetBIOS name is registered by broadcast.
pub(crate) fn nbns(call: &mut Call<'_>) -> Box<dyn Talk> {
    let device = *call.site.any(Kind::Windows, call.random);
    let body = registration(&device, call.random.word());
    let to = broadcast(&device, 137);
    let frame = call.datagram(&device, 137, &to, &body);
    Box::new(Frames(vec![(0, frame)]))
}

/// The registration of a device's own name.
pub(crate) fn registration(device: &Device, id: u16) -> Vec<u8> {
    let mut label = device.name().to_uppercase();
    label.truncate(15);
    let padded = format!("{label:<15}\0");
    let half: Vec<u8> = padded.bytes().flat_map(|b| [b'A' + (b >> 4), b'A' + (b & 15)]).collect();
    let mut body = Vec::with_capacity(70);
    body.be16(id).be16(0x2910).be16(1).be16(0).be16(0).be16(1);
    body.short(&half).byte(0).be16(0x20).be16(1);
    body.be16(0xc00c).be16(0x20).be16(1).be32(300_000).be16(6).be16(0).raw(&device.v4);
    body
}

/// The broadcast address of a device's segment.
pub(crate) fn broadcast(device: &Device, port: u16) -> End {
    let [a, b, c, _] = device.v4;
    End { mac: [0xff; 6], ip: Ip::V4([a, b, c, 255]), port, hops: 1 }
}

/// A device and a multicast group, over either version of IP.
pub(crate) fn groups(device: &Device, port: u16, six: u32, four: [u8; 4], v6: bool) -> (End, End) {
    if v6 {
        let mut group = [0; 16];
        group[..2].copy_from_slice(&[0xff, 2]);
        group[12..].copy_from_slice(&six.to_be_bytes());
        let to = End { mac: [0x33, 0x33, group[12], group[13], group[14], group[15]], ip: Ip::V6(group), port, hops: 255 };
        return (End { hops: 255, ..device.end6(port, true) }, to);
    }
    let to = End { mac: [1, 0, 0x5e, four[1] & 0x7f, four[2], four[3]], ip: Ip::V4(four), port, hops: 255 };
    (End { hops: 255, ..device.end(port) }, to)
}

fn header(id: u16, flags: u16, questions: u16, answers: u16) -> Vec<u8> {
    let mut body = Vec::with_capacity(128);
    body.be16(id).be16(flags).be16(questions).be16(answers).be32(0);
    body
}

fn question(to: &mut Vec<u8>, asked: &str, kind: u16) {
    name(to, asked);
    to.be16(kind).be16(1);
}

fn record(to: &mut Vec<u8>, owner: &str, kind: u16, data: &[u8]) {
    name(to, owner);
    to.be16(kind).be16(0x8001).be32(4_500).long(data);
}

fn encoded(whole: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    name(&mut bytes, whole);
    bytes
}

fn name(to: &mut Vec<u8>, whole: &str) {
    for label in whole.split('.') {
        to.short(label.as_bytes());
    }
    to.byte(0);
}
