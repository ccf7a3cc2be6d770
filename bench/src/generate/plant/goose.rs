//! GOOSE of a protection relay: the same data set again and again, the sequence number counting up.

use crate::generate::call::Call;
use crate::generate::frame::ethernet;
use crate::generate::put::Put;
use crate::generate::random::Random;
use crate::generate::site::{Device, Kind};
use crate::generate::talk::{Cyclic, Talk};

/// One publisher's messages.
pub(crate) fn publish(call: &mut Call<'_>) -> Box<dyn Talk> {
    let device = *call.site.any(Kind::Relay, call.random);
    let points = call.random.between(4, 26) as usize;
    Box::new(Cyclic {
        frame: Box::new(move |number, random| message(&device, number, points, random)),
        next: 0,
        cycles: u64::from(call.packets),
        gap: call.life / u64::from(call.packets.max(1)),
    })
}

fn message(device: &Device, number: u64, points: usize, random: &mut Random) -> Vec<u8> {
    let name = device.name();
    let mut pdu = Vec::with_capacity(300);
    field(&mut pdu, 0x80, format!("{name}CFG/LLN0$GO$gcb01").as_bytes());
    field(&mut pdu, 0x81, &[0x0f, 0xa0]);
    field(&mut pdu, 0x82, format!("{name}CFG/LLN0$DSet01").as_bytes());
    field(&mut pdu, 0x83, name.as_bytes());
    field(&mut pdu, 0x84, &[0x67, 0x87, 0x6a, 0x80, 0, 0, 0, 0x0a]);
    field(&mut pdu, 0x85, &[1]);
    field(&mut pdu, 0x86, &(number as u32 & 0x7fff_ffff).to_be_bytes());
    field(&mut pdu, 0x87, &[0]);
    field(&mut pdu, 0x88, &[1]);
    field(&mut pdu, 0x89, &[0]);
    field(&mut pdu, 0x8a, &[points as u8]);
    let mut data = Vec::new();
    for _ in 0..points {
        field(&mut data, 0x85, &(random.word() & 0x7fff).to_be_bytes());
    }
    field(&mut pdu, 0xab, &data);
    let mut whole = Vec::with_capacity(pdu.len() + 4);
    field(&mut whole, 0x61, &pdu);
    let mut body = Vec::with_capacity(whole.len() + 8);
    body.be16(device.number as u16).be16(whole.len() as u16 + 8).be32(0).raw(&whole);
    let [.., high, low] = device.number.to_be_bytes();
    let group = [0x01, 0x0c, 0xcd, 0x01, high & 1, low];
    ethernet(group, device.mac, device.vlan, 0x88b8, &body)
}

/// Tag, length, value of BER.
fn field(to: &mut Vec<u8>, tag: u8, value: &[u8]) {
    to.byte(tag);
    match value.len() {
        short @ 0..=127 => to.byte(short as u8),
        middle @ 128..=255 => to.byte(0x81).byte(middle as u8),
        long => to.byte(0x82).be16(long as u16),
    };
    to.raw(value);
}
