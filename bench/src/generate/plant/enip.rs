//! EtherNet/IP: List Identity, sessions with CIP reads, and implicit I/O on UDP 2222.

use crate::generate::call::Call;
use crate::generate::frame::{End, Ip};
use crate::generate::put::Put;
use crate::generate::random::Random;
use crate::generate::site::{Device, Kind};
use crate::generate::talk::{Conversation, Frames, Round, Span, Talk};
use crate::generate::tcp::{Client, Server};

/// Device type, product code, revision and name, by vendor prefix of the kind.
const MAKES: [(u16, u16, [u8; 2], &str); 2] = [(14, 166, [32, 11], "1756-L71/B LOGIX5571"), (12, 58, [11, 2], "1756-EN2T/C")];

/// A search for devices by broadcast, and the answer of one.
pub(crate) fn list_identity(call: &mut Call<'_>) -> Box<dyn Talk> {
    let device = *call.site.any(Kind::Rockwell, call.random);
    let operator = *call.site.operator(&device, call.random);
    let port = call.random.port();
    let question = frame(0x63, 0, &[]);
    let answer = frame(0x63, 0, &identity_item(&device));
    if call.random.chance(50) {
        let mut everyone = device.end(44_818);
        everyone.mac = [0xff; 6];
        everyone.ip = Ip::V4([device.v4[0], device.v4[1], device.v4[2], 255]);
        let asked = call.datagram(&operator, port, &everyone, &question);
        let told = call.datagram(&device, 44_818, &operator.end(port), &answer);
        return Box::new(Frames(vec![(0, asked), (1_200, told)]));
    }
    let link = call.udp(&operator, port, device.end(44_818));
    Conversation::brief(link, vec![(Client, question), (Server, answer)]).boxed()
}

/// The identity answer of `device`, unasked: what remains where the question was not mirrored.
pub(crate) fn identity_answer(device: &Device) -> Vec<u8> {
    frame(0x63, 0, &identity_item(device))
}

/// A session with CIP reads.
pub(crate) fn explicit(call: &mut Call<'_>) -> Box<dyn Talk> {
    let device = *call.site.any(Kind::Rockwell, call.random);
    let operator = *call.site.operator(&device, call.random);
    let session = call.random.next() as u32;
    let mut opening = vec![(Client, frame(0x65, 0, &[1, 0, 0, 0])), (Server, frame(0x65, session, &[1, 0, 0, 0]))];
    if call.random.chance(30) {
        opening.push((Client, frame(0x63, session, &[])));
        opening.push((Server, frame(0x63, session, &identity_item(&device))));
        opening.push((Client, unconnected(session, &[1, 2, 0x20, 1, 0x24, 1])));
        let told = [&[0x81, 0, 0, 0], &identity(&device)[..]].concat();
        opening.push((Server, unconnected(session, &told)));
    }
    let link = call.tcp(&operator, &device, 44_818);
    let rounds = u64::from(call.packets) / 3;
    Conversation::brief(link, opening)
        .rounds(rounds, call.life, reads(session, call.random))
        .spanning(if call.packets > 100 { Span::Open } else { Span::Whole })
        .boxed()
}

/// Cyclic I/O between a controller and its adapter, both ways.
pub(crate) fn implicit(call: &mut Call<'_>) -> Box<dyn Talk> {
    let device = *call.site.any(Kind::Rockwell, call.random);
    let place = (device.number + 1) as usize % call.site.devices.len();
    let adapter = call.site.devices[place];
    let to = End { port: 2_222, ..adapter.end(2_222) };
    let link = call.udp(&device, 2_222, to);
    let connections = (call.random.next() as u32, call.random.next() as u32);
    let sizes = (call.random.between(40, 400), call.random.between(120, 490));
    let mut sequence = 0_u32;
    let round: Round = Box::new(move |random| {
        sequence += 1;
        vec![
            (Client, io(connections.0, sequence, &random.bytes(sizes.0 as usize))),
            (Server, io(connections.1, sequence, &random.bytes(sizes.1 as usize))),
        ]
    });
    Conversation::brief(link, Vec::new()).rounds(u64::from(call.packets) / 2, call.life, round).boxed()
}

fn io(connection: u32, sequence: u32, data: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(data.len() + 20);
    packet.le16(2).le16(0x8002).le16(8).le32(connection).le32(sequence);
    packet.le16(0x00b1).le16(data.len() as u16 + 2).le16(sequence as u16).raw(data);
    packet
}

/// Read Tag of one symbol, over and over.
fn reads(session: u32, random: &mut Random) -> Round {
    let tag = format!("Line{}_Value{:02}", random.between(1, 9), random.below(100));
    let mut ask = vec![0x4c, (tag.len() as u8).div_ceil(2) + 1, 0x91];
    ask.short(tag.as_bytes());
    if tag.len() % 2 == 1 {
        ask.byte(0);
    }
    ask.le16(1);
    let size = random.between(4, 200) as usize;
    Box::new(move |random| {
        let mut told = vec![0xcc, 0, 0, 0, 0xc4, 0];
        told.raw(&random.bytes(size));
        vec![(Client, unconnected(session, &ask)), (Server, unconnected(session, &told))]
    })
}

/// SendRRData with an unconnected message.
fn unconnected(session: u32, message: &[u8]) -> Vec<u8> {
    let mut data = Vec::with_capacity(message.len() + 16);
    data.le32(0).le16(5).le16(2).le16(0).le16(0);
    data.le16(0x00b2).le16(message.len() as u16).raw(message);
    frame(0x6f, session, &data)
}

fn identity_item(device: &Device) -> Vec<u8> {
    let identity = identity(device);
    let mut item = Vec::new();
    item.le16(1).le16(0x000c).le16(identity.len() as u16 + 19).le16(1);
    item.be16(2).be16(44_818).raw(&device.v4).raw(&[0; 8]);
    item.raw(&identity).byte(3);
    item
}

/// What the identity object tells: vendor 1, type, code, revision, status, serial, name.
fn identity(device: &Device) -> Vec<u8> {
    let (kind, code, revision, name) = MAKES[device.make % MAKES.len()];
    let serial = device.number.wrapping_mul(2_654_435_761);
    let mut bytes = Vec::new();
    bytes.le16(1).le16(kind).le16(code).raw(&revision).le16(0x3060);
    bytes.le32(serial).short(name.as_bytes());
    bytes
}

fn frame(command: u16, session: u32, data: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(data.len() + 24);
    frame.le16(command).le16(data.len() as u16).le32(session).le32(0);
    frame.raw(b"\0\0\0\0bnch").le32(0).raw(data);
    frame
}
