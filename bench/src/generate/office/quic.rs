//! QUIC-like bulk on UDP 443: an initial packet, then noise with a short header.

use crate::generate::call::Call;
use crate::generate::put::Put;
use crate::generate::random::Random;
use crate::generate::site::Kind;
use crate::generate::talk::{Conversation, Link, Talk};
use crate::generate::tcp::{Client, Server};

/// A visit over QUIC.
pub(crate) fn visit(call: &mut Call<'_>) -> Box<dyn Talk> {
    let user = *call.site.any(Kind::Windows, call.random);
    let port = call.random.port();
    let link = if call.random.chance(25) {
        let to = call.site.outside6(&user, 443, call.random);
        Link::Udp(user.end6(port, false), to, user.vlan)
    } else {
        let to = call.site.outside(&user, 443, call.random);
        Link::Udp(user.end(port), to, user.vlan)
    };
    let connection = call.random.bytes(8);
    let opening = vec![(Client, initial(&connection, &[], call.random)), (Server, initial(&[], &connection, call.random))];
    let rounds = u64::from(call.packets) / 6;
    let round = move |random: &mut Random| {
        let mut turns = vec![(Client, short(&connection, 60, random))];
        for _ in 0..4 {
            turns.push((Server, short(&[], 1_200, random)));
        }
        turns.push((Client, short(&connection, 30, random)));
        turns
    };
    Conversation::brief(link, opening).rounds(rounds, call.life, Box::new(round)).boxed()
}

/// A long header of version 1, filled up to 1,200 bytes.
fn initial(to: &[u8], from: &[u8], random: &mut Random) -> Vec<u8> {
    let mut packet = vec![0xc0 | (random.word() as u8 & 0x0f)];
    packet.be32(1).short(to).short(from).byte(0);
    let rest = 1_200 - packet.len() - 2;
    packet.be16(0x4000 | rest as u16).raw(&random.bytes(rest));
    packet
}

fn short(to: &[u8], size: usize, random: &mut Random) -> Vec<u8> {
    let mut packet = vec![0x40 | (random.word() as u8 & 0x1f)];
    packet.raw(to).raw(&random.bytes(size));
    packet
}
