//! SSH: banners, KEXINIT, key exchange with a host key, then noise.

use crate::generate::call::Call;
use crate::generate::put::Put;
use crate::generate::random::Random;
use crate::generate::talk::{Conversation, Round, Talk, Turn};
use crate::generate::tcp::{Client, Server, Stack};

const LISTS: [&str; 10] = [
    "curve25519-sha256,ecdh-sha2-nistp256,diffie-hellman-group14-sha256",
    "ssh-ed25519,rsa-sha2-512",
    "chacha20-poly1305@openssh.com,aes128-ctr,aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com,aes128-ctr,aes256-gcm@openssh.com",
    "hmac-sha2-256-etm@openssh.com,hmac-sha2-256",
    "hmac-sha2-256-etm@openssh.com,hmac-sha2-256",
    "none,zlib@openssh.com",
    "none,zlib@openssh.com",
    "",
    "",
];

/// A login and some work.
pub(crate) fn session(call: &mut Call<'_>) -> Box<dyn Talk> {
    let user = *call.site.user(call.random);
    let (end, server) = call.site.server(&user, 22, call.random);
    let link = call.tcp_to(&user, (end, Stack::Linux));
    let opening = exchange(server.number, call.random);
    let round: Round = Box::new(|random| {
        let size = random.between(40, 900) as usize;
        vec![(Client, random.bytes(52)), (Server, random.bytes(size))]
    });
    let rounds = u64::from(call.packets.saturating_sub(16)) / 3;
    Conversation::brief(link, opening).rounds(rounds, call.life, round).boxed()
}

fn exchange(server: u32, random: &mut Random) -> Vec<Turn> {
    let mut host_key = Vec::new();
    let key = Random::new(u64::from(server)).bytes(32);
    string(&mut host_key, b"ssh-ed25519");
    string(&mut host_key, &key);
    let mut signature = Vec::new();
    string(&mut signature, b"ssh-ed25519");
    string(&mut signature, &random.bytes(64));
    let mut ask = vec![30];
    string(&mut ask, &random.bytes(32));
    let mut reply = vec![31];
    string(&mut reply, &host_key);
    string(&mut reply, &random.bytes(32));
    string(&mut reply, &signature);
    vec![
        (Client, b"SSH-2.0-PuTTY_Release_0.81\r\n".to_vec()),
        (Server, b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n".to_vec()),
        (Client, packet(&offer(random))),
        (Server, packet(&offer(random))),
        (Client, packet(&ask)),
        (Server, [packet(&reply), packet(&[21])].concat()),
        (Client, packet(&[21])),
    ]
}

fn offer(random: &mut Random) -> Vec<u8> {
    let mut body = vec![20];
    body.raw(&random.bytes(16));
    for list in LISTS {
        string(&mut body, list.as_bytes());
    }
    body.byte(0).be32(0);
    body
}

fn packet(body: &[u8]) -> Vec<u8> {
    let padding = 8 - (body.len() + 5) % 8 + if (body.len() + 5) % 8 > 4 { 8 } else { 0 };
    let mut whole = Vec::new();
    whole.be32((body.len() + padding + 1) as u32).byte(padding as u8);
    whole.raw(body).raw(&vec![0; padding]);
    whole
}

fn string(to: &mut Vec<u8>, value: &[u8]) {
    to.be32(value.len() as u32).raw(value);
}
