//! S7comm over TPKT and COTP: connect, set up, read variables; some ask for the module's identity (SZL).

use crate::generate::call::Call;
use crate::generate::put::Put;
use crate::generate::random::Random;
use crate::generate::site::{Device, Kind};
use crate::generate::talk::{Conversation, Round, Span, Talk, Turn};
use crate::generate::tcp::{Client, Server};

/// Order numbers and firmware, by vendor prefix of the kind.
const MAKES: [(&str, [u8; 3], &str); 3] = [
    ("6ES7 315-2EH14-0AB0 ", [3, 2, 6], "CPU 315-2 PN/DP"),
    ("6ES7 151-8AB01-0AB0 ", [3, 2, 7], "IM151-8 PN/DP CPU"),
    ("6ES7 412-2EK06-0AB0 ", [6, 0, 3], "CPU 412-2 PN/DP"),
];

/// A poll of variables that goes on for long.
pub(crate) fn poll(call: &mut Call<'_>) -> Box<dyn Talk> {
    let (_, conversation) = begin(call);
    let rounds = u64::from(call.packets) / 3;
    let span = if call.random.chance(25) { Span::Midway } else { Span::Open };
    let round = reads(call.random);
    conversation.rounds(rounds, call.life, round).spanning(span).boxed()
}

/// Connect, ask who it is, close.
pub(crate) fn visit(call: &mut Call<'_>) -> Box<dyn Talk> {
    let (device, mut conversation) = begin(call);
    if call.random.chance(35) {
        conversation.opening.extend(identify(&device));
    }
    let round = reads(call.random);
    conversation.rounds(2, call.life, round).boxed()
}

fn begin(call: &mut Call<'_>) -> (Device, Conversation) {
    let device = *call.site.any(Kind::Siemens, call.random);
    let operator = *call.site.operator(&device, call.random);
    let link = call.tcp(&operator, &device, 102);
    (device, Conversation::brief(link, connect()))
}

/// COTP connect request and confirm, then setup communication.
fn connect() -> Vec<Turn> {
    let parameters = [0xc0, 1, 0x0a, 0xc1, 2, 1, 0, 0xc2, 2, 1, 2];
    let request = [&[0x11, 0xe0, 0, 0, 0, 1, 0], &parameters[..]].concat();
    let confirm = [&[0x11, 0xd0, 0, 1, 0, 7, 0], &parameters[..]].concat();
    let wanted = [0xf0, 0, 0, 1, 0, 1, 1, 0xe0];
    let granted = [0xf0, 0, 0, 1, 0, 1, 0, 0xf0];
    vec![(Client, tpkt(&request)), (Server, tpkt(&confirm)), (Client, pdu(1, 0, &wanted, &[])), (Server, pdu(3, 0, &granted, &[]))]
}

fn reads(random: &mut Random) -> Round {
    let block = random.between(1, 90) as u16;
    let length = random.between(20, 200) as u16;
    let start = random.below(100) as u32 * 8;
    let mut reference = 1_u16;
    Box::new(move |random| {
        reference = reference.wrapping_add(1);
        let mut ask = vec![4, 1, 0x12, 0x0a, 0x10, 2];
        ask.be16(length).be16(block).byte(0x84).be24(start * 8);
        let mut values = vec![0xff, 4];
        values.be16(length * 8).raw(&random.bytes(usize::from(length)));
        vec![(Client, pdu(1, reference, &ask, &[])), (Server, pdu(3, reference, &[4, 1], &values))]
    })
}

/// Read SZL 0x0011 (order number, versions) and 0x001C (names, serial).
fn identify(device: &Device) -> Vec<Turn> {
    let (order, version, module) = MAKES[device.make % MAKES.len()];
    let mut modules = Vec::new();
    for (index, tail) in [(1_u16, [0, 0, 1, 0]), (7, [0x56, version[0], version[1], version[2]])] {
        modules.be16(index).padded(order, 20, b' ').be16(0xc0).raw(&tail);
    }
    let names = [(1_u16, device.name()), (2, format!("{module} {}", device.number)), (5, device.serial()), (7, module.to_owned())];
    let mut components = Vec::new();
    for (index, name) in names {
        components.be16(index).padded(&name, 32, 0);
    }
    [szl(1, 0x0011, 28, &modules), szl(2, 0x001c, 34, &components)].concat()
}

/// One system status list: the question and its answer.
fn szl(sequence: u8, list: u16, width: u16, records: &[u8]) -> Vec<Turn> {
    let reference = u16::from(sequence) + 0x0400;
    let ask = [0, 1, 0x12, 4, 0x11, 0x44, 1, sequence];
    let mut wanted = vec![0xff, 9];
    wanted.be16(4).be16(list).be16(0);
    let told = [0, 1, 0x12, 8, 0x12, 0x84, 1, sequence, 0, 0, 0, 0];
    let mut answer = vec![0xff, 9];
    answer.be16(records.len() as u16 + 8).be16(list).be16(0).be16(width).be16(records.len() as u16 / width).raw(records);
    vec![(Client, pdu(7, reference, &ask, &wanted)), (Server, pdu(7, reference, &told, &answer))]
}

/// An S7 PDU in a COTP data TPDU; acknowledgements carry an error code.
fn pdu(kind: u8, reference: u16, parameter: &[u8], data: &[u8]) -> Vec<u8> {
    let mut body = vec![2, 0xf0, 0x80, 0x32, kind];
    body.be16(0).be16(reference).be16(parameter.len() as u16).be16(data.len() as u16);
    if kind == 3 {
        body.be16(0);
    }
    body.raw(parameter).raw(data);
    tpkt(&body)
}

fn tpkt(body: &[u8]) -> Vec<u8> {
    let mut packet = vec![3, 0];
    packet.be16(body.len() as u16 + 4).raw(body);
    packet
}
