//! TLS: 1.2 with certificates that can be read, 1.3 without, short visits and bulk.

use crate::generate::call::Call;
use crate::generate::put::Put;
use crate::generate::random::Random;
use crate::generate::talk::{Conversation, Link, Round, Span, Talk, Turn};
use crate::generate::tcp::{Client, Server, Stack};

const AUTHORITY: &[u8] = include_bytes!("../../../certificates/authority.der");
const LEAVES: [(&str, &[u8]); 5] = [
    ("www.example.com", include_bytes!("../../../certificates/web.der")),
    ("intranet.example.com", include_bytes!("../../../certificates/intranet.der")),
    ("files.example.com", include_bytes!("../../../certificates/files.der")),
    ("plc-0042", include_bytes!("../../../certificates/controller.der")),
    ("prn-00a1b2.local", include_bytes!("../../../certificates/printer.der")),
];

/// A visit with TLS 1.2: the server shows its chain.
pub(crate) fn visit12(call: &mut Call<'_>) -> Box<dyn Talk> {
    let link = link(call);
    let opening = handshake12(call.random);
    let round = records(60, 5_000);
    let rounds = u64::from(call.packets.saturating_sub(14).max(4) / 4);
    Conversation::brief(link, opening).rounds(rounds, call.life, round).boxed()
}

/// A visit with TLS 1.3: certificates are hidden.
pub(crate) fn visit13(call: &mut Call<'_>) -> Box<dyn Talk> {
    let link = link(call);
    let opening = handshake13(call.random);
    let round = records(60, 6_000);
    let rounds = u64::from(call.packets.saturating_sub(12).max(4) / 4);
    Conversation::brief(link, opening).rounds(rounds, call.life, round).boxed()
}

/// A download or a backup.
pub(crate) fn bulk(call: &mut Call<'_>) -> Box<dyn Talk> {
    let link = link(call);
    let opening = if call.random.chance(50) { handshake12(call.random) } else { handshake13(call.random) };
    let rounds = u64::from(call.packets) / 35;
    Conversation::brief(link, opening)
        .rounds(rounds, call.life, records(24_000, 40_000))
        .spanning(if call.random.chance(50) { Span::Open } else { Span::Whole })
        .boxed()
}

fn link(call: &mut Call<'_>) -> Link {
    let user = *call.site.user(call.random);
    if call.random.chance(25) {
        let (server, _) = call.site.server(&user, 443, call.random);
        return call.tcp_to(&user, (server, Stack::Linux));
    }
    call.tcp_outside(&user, 443)
}

fn handshake12(random: &mut Random) -> Vec<Turn> {
    let (name, leaf) = LEAVES[random.below(5) as usize];
    let mut chain = Vec::new();
    for certificate in [leaf, AUTHORITY] {
        chain.be24(certificate.len() as u32).raw(certificate);
    }
    let mut certificates = Vec::new();
    certificates.be24(chain.len() as u32).raw(&chain);
    let mut key = vec![3, 0, 0x17];
    key.short(&point(random)).be16(0x0403).long(&random.bytes(71));
    let flight = [message(2, &hello_back(random, false)), message(11, &certificates), message(12, &key), message(14, &[])].concat();
    let mut client_key = Vec::new();
    client_key.short(&point(random));
    let finished = record(22, &random.bytes(40));
    let changed = record(20, &[1]);
    let answer = [&record(22, &message(16, &client_key))[..], &changed, &finished].concat();
    vec![
        (Client, record(22, &message(1, &hello(random, name, false)))),
        (Server, record(22, &flight)),
        (Client, answer),
        (Server, [changed, finished].concat()),
    ]
}

fn handshake13(random: &mut Random) -> Vec<Turn> {
    let name = format!("app{}.example.net", random.below(500));
    let changed = record(20, &[1]);
    let hidden = random.between(1_200, 3_600) as usize;
    let flight = [record(22, &message(2, &hello_back(random, true))), changed.clone(), record(23, &random.bytes(hidden))].concat();
    vec![
        (Client, record(22, &message(1, &hello(random, &name, true)))),
        (Server, flight),
        (Client, [changed, record(23, &random.bytes(53))].concat()),
    ]
}

/// Requests of up to 400 bytes, answers of `least` to `most`.
fn records(least: u64, most: u64) -> Round {
    Box::new(move |random| {
        let asked = random.between(60, 400) as usize;
        let mut left = random.between(least, most) as usize;
        let mut told = Vec::with_capacity(left + 64);
        while left > 0 {
            let size = left.min(16_000);
            told.raw(&record(23, &random.bytes(size)));
            left -= size;
        }
        vec![(Client, record(23, &random.bytes(asked))), (Server, told)]
    })
}

fn hello(random: &mut Random, name: &str, newest: bool) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.raw(&random.bytes(32)).short(&random.bytes(32));
    let mut suites = Vec::new();
    if newest {
        suites.be16(0x1301).be16(0x1302).be16(0x1303);
    }
    for suite in [0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0x009c, 0x002f] {
        suites.be16(suite);
    }
    body.long(&suites).short(&[0]);
    let mut server_name = Vec::new();
    server_name.byte(0).long(name.as_bytes());
    let mut names = Vec::new();
    names.long(&server_name);
    let mut all = Vec::new();
    extension(&mut all, 0, &names);
    extension(&mut all, 0x17, &[]);
    extension(&mut all, 10, &[0, 6, 0, 0x1d, 0, 0x17, 0, 0x18]);
    extension(&mut all, 11, &[1, 0]);
    extension(&mut all, 35, &[]);
    extension(&mut all, 16, b"\x00\x0c\x02h2\x08http/1.1");
    extension(&mut all, 13, &[0, 8, 4, 3, 8, 4, 4, 1, 5, 3]);
    if newest {
        extension(&mut all, 43, &[4, 3, 4, 3, 3]);
        extension(&mut all, 45, &[1, 1]);
        extension(&mut all, 51, &[&[0, 0x24, 0, 0x1d, 0, 0x20], &random.bytes(32)[..]].concat());
    }
    body.long(&all);
    body
}

fn hello_back(random: &mut Random, newest: bool) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.raw(&random.bytes(32)).short(&random.bytes(32));
    let mut all = Vec::new();
    if newest {
        body.be16(0x1301);
        extension(&mut all, 43, &[3, 4]);
        extension(&mut all, 51, &[&[0, 0x1d, 0, 0x20], &random.bytes(32)[..]].concat());
    } else {
        body.be16(0xc02f);
        extension(&mut all, 0xff01, &[0]);
        extension(&mut all, 11, &[1, 0]);
    }
    body.byte(0).long(&all);
    body
}

fn point(random: &mut Random) -> Vec<u8> {
    [&[4], &random.bytes(64)[..]].concat()
}

fn extension(to: &mut Vec<u8>, kind: u16, value: &[u8]) {
    to.be16(kind).long(value);
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut whole = vec![kind];
    whole.be24(body.len() as u32).raw(body);
    whole
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(body.len() + 5);
    whole.raw(&[kind, 3, 3]).long(body);
    whole
}
