//! SMB 2 on port 445: negotiate, then reads in bulk.

use crate::generate::call::Call;
use crate::generate::put::Put;
use crate::generate::random::Random;
use crate::generate::site::Kind;
use crate::generate::talk::{Conversation, Round, Span, Talk, Turn};
use crate::generate::tcp::{Client, Server, Stack};

/// A file is fetched from a server.
pub(crate) fn bulk(call: &mut Call<'_>) -> Box<dyn Talk> {
    let user = *call.site.any(Kind::Windows, call.random);
    let (end, server) = call.site.server(&user, 445, call.random);
    let link = call.tcp_to(&user, (end, Stack::Windows));
    let mut message = 1_u32;
    let round: Round = Box::new(move |random| {
        message += 1;
        let mut ask = header(8, message, false);
        ask.le16(49).raw(&[0; 47]);
        let size = random.between(20_000, 45_000) as usize;
        let mut told = header(8, message, true);
        told.le16(17).raw(&[80, 0]).le32(size as u32).le32(0).le32(0);
        told.raw(&random.bytes(size));
        vec![(Client, framed(&ask)), (Server, framed(&told))]
    });
    let rounds = u64::from(call.packets) / 34;
    Conversation::brief(link, negotiate(server.number, call.random))
        .rounds(rounds, call.life, round)
        .spanning(if call.random.chance(50) { Span::Open } else { Span::Whole })
        .boxed()
}

fn negotiate(server: u32, random: &mut Random) -> Vec<Turn> {
    let mut ask = header(0, 0, false);
    ask.le16(36).le16(2).le16(1).le16(0).le32(0x7f).raw(&random.bytes(16)).raw(&[0; 8]);
    ask.le16(0x0210).le16(0x0302);
    let mut told = header(0, 0, true);
    told.le16(65).le16(1).le16(0x0302).le16(0);
    told.raw(&Random::new(u64::from(server)).bytes(16)).le32(0x7f);
    told.le32(0x0080_0000).le32(0x0080_0000).le32(0x0080_0000);
    told.raw(&[0, 0x80, 0x3e, 0xd5, 0xde, 0xb1, 0x9d, 1]).raw(&[0; 8]);
    told.le16(128).le16(0).le32(0);
    vec![(Client, framed(&ask)), (Server, framed(&told))]
}

fn header(command: u16, message: u32, answer: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    bytes.raw(b"\xfeSMB").le16(64).le16(1).le32(0).le16(command).le16(1);
    bytes.le32(u32::from(answer)).le32(0).le32(message).le32(0).le32(0).le32(5);
    bytes.raw(&[7; 8]).raw(&[0; 16]);
    bytes
}

fn framed(body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(body.len() + 4);
    whole.be32(body.len() as u32).raw(body);
    whole
}
