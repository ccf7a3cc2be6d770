//! OPC UA over TCP, security None: hello, open channel, endpoints, then publish responses.

use crate::generate::call::Call;
use crate::generate::put::Put;
use crate::generate::random::Random;
use crate::generate::site::{Device, Kind};
use crate::generate::talk::{Conversation, Round, Span, Talk, Turn};
use crate::generate::tcp::{Client, Server};

const NO_SECURITY: &str = "http://opcfoundation.org/UA/SecurityPolicy#None";
const TRANSPORT: &str = "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary";

/// A subscription of a SCADA server.
pub(crate) fn subscribe(call: &mut Call<'_>) -> Box<dyn Talk> {
    let device = *call.site.any(Kind::OpcUa, call.random);
    let operator = *call.site.operator(&device, call.random);
    let link = call.tcp(&operator, &device, 4_840);
    let rounds = u64::from(call.packets) / 3;
    Conversation::brief(link, opening(&device)).rounds(rounds, call.life, publishing(call.random)).spanning(Span::Open).boxed()
}

fn opening(device: &Device) -> Vec<Turn> {
    let url = format!("opc.tcp://{}:4840", device.name());
    let mut hello = Vec::new();
    for number in [0_u32, 65_536, 65_536, 0, 0] {
        hello.le32(number);
    }
    let acknowledge = hello.clone();
    text(&mut hello, &url);
    let mut get = request(428);
    text(&mut get, &url);
    get.le32(0).le32(0);
    vec![
        (Client, message(b"HELF", &hello)),
        (Server, message(b"ACKF", &acknowledge)),
        (Client, open(0, &open_request())),
        (Server, open(7, &open_response())),
        (Client, secure(2, &get)),
        (Server, secure(2, &endpoints(device, &url))),
    ]
}

fn open_request() -> Vec<u8> {
    let mut body = request(446);
    body.le32(0).le32(0).le32(1);
    text(&mut body, "");
    body.le32(3_600_000);
    body
}

fn open_response() -> Vec<u8> {
    let mut body = response(449);
    body.le32(0).le32(7).le32(1).raw(&[0; 8]).le32(3_600_000);
    text(&mut body, "");
    body
}

/// One endpoint without security, for anybody.
fn endpoints(device: &Device, url: &str) -> Vec<u8> {
    let mut body = response(431);
    body.le32(1);
    text(&mut body, url);
    text(&mut body, &format!("urn:{}:OpcUaServer", device.name()));
    text(&mut body, "urn:example:controller:opcua");
    body.byte(2);
    text(&mut body, &format!("OPC UA Server {}", device.serial()));
    body.le32(0);
    body.raw(&[0xff; 8]).le32(1);
    text(&mut body, url);
    body.raw(&[0xff; 4]).le32(1);
    text(&mut body, NO_SECURITY);
    body.le32(1);
    text(&mut body, "anonymous");
    body.le32(0).raw(&[0xff; 12]);
    text(&mut body, TRANSPORT);
    body.byte(0);
    body
}

fn publishing(random: &mut Random) -> Round {
    let items = random.between(15, 90) as u32;
    let mut sequence = 2_u32;
    Box::new(move |random| {
        sequence += 1;
        let mut ask = request(826);
        ask.le32(0);
        let mut told = response(829);
        notification(&mut told, sequence, items, random);
        vec![(Client, secure(sequence, &ask)), (Server, secure(sequence, &told))]
    })
}

/// A data change of `items` floating-point values.
fn notification(to: &mut Vec<u8>, sequence: u32, items: u32, random: &mut Random) {
    to.le32(1).raw(&[0xff; 4]).byte(0).le32(sequence);
    to.raw(&[0, 0x80, 0x3e, 0xd5, 0xde, 0xb1, 0xdb, 1]).le32(1);
    to.raw(&[1, 0]).le16(811).byte(1).le32(items * 14 + 8).le32(items);
    for handle in 0..items {
        to.le32(handle).raw(&[1, 11]).raw(&random.bytes(8));
    }
    to.raw(&[0xff; 12]);
}

/// Node id and request header.
fn request(kind: u16) -> Vec<u8> {
    let mut body = vec![1, 0];
    body.le16(kind).raw(&[0, 0]).raw(&[0; 8]).le32(1).le32(0).raw(&[0xff; 4]);
    body.le32(10_000).raw(&[0, 0, 0]);
    body
}

/// Node id and response header, all good.
fn response(kind: u16) -> Vec<u8> {
    let mut body = vec![1, 0];
    body.le16(kind).raw(&[0; 8]).le32(1).le32(0).byte(0).le32(0).raw(&[0, 0, 0]);
    body
}

fn open(channel: u32, body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    whole.le32(channel);
    text(&mut whole, NO_SECURITY);
    whole.raw(&[0xff; 8]).le32(1).le32(1).raw(body);
    message(b"OPNF", &whole)
}

fn secure(sequence: u32, body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(body.len() + 16);
    whole.le32(7).le32(1).le32(sequence).le32(sequence).raw(body);
    message(b"MSGF", &whole)
}

fn message(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(body.len() + 8);
    whole.raw(kind).le32(body.len() as u32 + 8).raw(body);
    whole
}

fn text(to: &mut Vec<u8>, value: &str) {
    if value.is_empty() {
        to.raw(&[0xff; 4]);
    } else {
        to.le32(value.len() as u32).raw(value.as_bytes());
    }
}
