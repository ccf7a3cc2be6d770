//! DHCP: discover, request, acknowledge, with the options that betray the maker.

use crate::generate::call::Call;
use crate::generate::frame::{End, Ip, udp};
use crate::generate::put::Put;
use crate::generate::site::{Device, Kind};
use crate::generate::talk::{Frames, Talk};

/// Vendor class (option 60) and parameter request list (option 55) of a kind.
fn habits(kind: Kind) -> (&'static str, &'static [u8]) {
    match kind {
        Kind::Windows | Kind::Operator => ("MSFT 5.0", &[1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252]),
        Kind::Apple => ("", &[1, 121, 3, 6, 15, 108, 114, 119, 252, 95, 44, 46]),
        Kind::Server => ("", &[1, 28, 2, 121, 15, 6, 12, 40, 41, 42, 26, 119, 3]),
        _ => ("udhcp 1.24.1", &[1, 3, 6, 12, 15, 28, 42]),
    }
}

/// A whole lease: discover, request and acknowledge, in broadcasts.
pub(crate) fn lease(call: &mut Call<'_>) -> Box<dyn Talk> {
    let device = *call.site.user(call.random);
    let transaction = call.random.next() as u32;
    let mut frames = Vec::new();
    for (after, kind) in [(0, 1), (30_000, 3)] {
        let id = call.random.word();
        frames.push((after, asked(&device, kind, transaction, id)));
    }
    frames.push((33_000, acknowledged(call, &device, transaction)));
    Box::new(Frames(frames))
}

/// A discover (1) or request (3) of `device` in its frame.
pub(crate) fn asked(device: &Device, kind: u8, transaction: u32, id: u16) -> Vec<u8> {
    let (class, wanted) = habits(device.kind);
    let mut body = header(1, device, transaction, [0; 4]);
    option(&mut body, 53, &[kind]);
    option(&mut body, 61, &[&[1], &device.mac[..]].concat());
    if kind == 3 {
        option(&mut body, 50, &device.v4);
    }
    option(&mut body, 12, device.name().as_bytes());
    if !class.is_empty() {
        option(&mut body, 60, class.as_bytes());
    }
    option(&mut body, 55, wanted);
    body.byte(255);
    let mut from = device.end(68);
    from.ip = Ip::V4([0; 4]);
    udp(&from, &everyone(67), device.vlan, id, &body)
}

fn acknowledged(call: &mut Call<'_>, device: &Device, transaction: u32) -> Vec<u8> {
    let (server, machine) = call.site.server(device, 67, call.random);
    let [a, b, c, _] = device.v4;
    let mut body = header(2, device, transaction, device.v4);
    option(&mut body, 53, &[5]);
    option(&mut body, 54, &machine.v4);
    option(&mut body, 51, &[0, 0, 0x70, 0x80]);
    option(&mut body, 1, &[255, 255, 255, 0]);
    option(&mut body, 3, &[a, b, c, 1]);
    option(&mut body, 6, &machine.v4);
    option(&mut body, 15, b"works.example.com");
    body.byte(255);
    udp(&server, &everyone(68), device.vlan, call.random.word(), &body)
}

fn everyone(port: u16) -> End {
    End { mac: [0xff; 6], ip: Ip::V4([255; 4]), port, hops: 1 }
}

fn header(operation: u8, device: &Device, transaction: u32, given: [u8; 4]) -> Vec<u8> {
    let mut body = Vec::with_capacity(320);
    body.raw(&[operation, 1, 6, 0]).be32(transaction).be32(0).be32(0);
    body.raw(&given).be32(0).be32(0).raw(&device.mac).raw(&[0; 202]);
    body.be32(0x6382_5363);
    body
}

fn option(to: &mut Vec<u8>, code: u8, value: &[u8]) {
    to.byte(code).short(value);
}
