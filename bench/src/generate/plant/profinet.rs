//! PROFINET: cyclic real-time frames of both directions, and DCP identify.

use crate::generate::call::Call;
use crate::generate::frame::ethernet;
use crate::generate::put::Put;
use crate::generate::site::{Device, Kind};
use crate::generate::talk::{Cyclic, Frames, Talk};

/// EtherType of PROFINET.
const PROFINET: u16 = 0x8892;
/// Where DCP identify requests go.
const EVERYONE: [u8; 6] = [0x01, 0x0e, 0xcf, 0, 0, 0];

/// Cyclic data between a controller and an I/O device.
pub(crate) fn real_time(call: &mut Call<'_>) -> Box<dyn Talk> {
    let controller = *call.site.any(Kind::Siemens, call.random);
    let place = (controller.number + 1) as usize % call.site.devices.len();
    let device = call.site.devices[place];
    let id = 0x8000 + call.random.below(0x2000) as u16;
    let size = call.random.between(40, 220) as usize;
    Box::new(Cyclic {
        frame: Box::new(move |number, random| {
            let (from, to) = if number % 2 == 0 { (controller, device) } else { (device, controller) };
            let mut body = Vec::with_capacity(size + 6);
            body.be16(id + (number % 2) as u16).raw(&random.bytes(size));
            body.be16((number / 2 * 32) as u16).byte(0x35).byte(0);
            ethernet(to.mac, from.mac, controller.vlan, PROFINET, &body)
        }),
        next: 0,
        cycles: u64::from(call.packets),
        gap: call.life / u64::from(call.packets.max(1)),
    })
}

/// A search by name or for all, and the answers of some.
pub(crate) fn identify(call: &mut Call<'_>) -> Box<dyn Talk> {
    let device = *call.site.any(Kind::Siemens, call.random);
    let asker = *call.site.operator(&device, call.random);
    let exchange = call.random.next() as u32;
    let mut ask = Vec::new();
    ask.be16(0xfefe).byte(5).byte(0).be32(exchange).be16(1).be16(4).raw(&[0xff, 0xff, 0, 0]);
    let question = ethernet(EVERYONE, asker.mac, device.vlan, PROFINET, &ask);
    let answer = ethernet(asker.mac, device.mac, device.vlan, PROFINET, &identity(&device, exchange));
    Box::new(Frames(vec![(0, question), (1_500, answer)]))
}

/// The answer: vendor value, name of station, ids, role, address.
pub(crate) fn identity(device: &Device, exchange: u32) -> Vec<u8> {
    let mut blocks = Vec::new();
    block(&mut blocks, 2, 1, b"SIMATIC S7");
    block(&mut blocks, 2, 2, device.name().as_bytes());
    block(&mut blocks, 2, 3, &[0, 0x2a, 1, 1 + device.make as u8]);
    block(&mut blocks, 2, 4, &[2, 0]);
    let [a, b, c, d] = device.v4;
    block(&mut blocks, 1, 2, &[a, b, c, d, 255, 255, 255, 0, a, b, c, 1]);
    let mut answer = Vec::new();
    answer.be16(0xfeff).byte(5).byte(1).be32(exchange).be16(0);
    answer.long(&blocks);
    answer
}

/// One block: option, suboption, length with the block info, an even end.
fn block(to: &mut Vec<u8>, option: u8, suboption: u8, value: &[u8]) {
    to.byte(option).byte(suboption).be16(value.len() as u16 + 2).be16(0).raw(value);
    if value.len() % 2 == 1 {
        to.byte(0);
    }
}
