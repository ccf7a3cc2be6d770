//! SSH: what two offers of algorithms agree on.
//!
//! Spec: RFC 4253 §7.1: the first of the client's that the server has too; RFC 5647 §5.1 and OpenSSH's PROTOCOL (ciphers with a MAC of
//! their own).

use crate::context::Context;
use crate::dissector::Side;
use observations::{Field, Kind};

/// Key exchange, host key, cipher and MAC of both directions (client to server first).
pub(super) const LISTS: usize = 6;
const FIELDS: [Field; LISTS] = [Field::SshKeyExchange, Field::SshHostKeyAlgorithm, Field::SshCipher, Field::SshCipher, Field::SshMac, Field::SshMac];
const CIPHERS: usize = 2;
const MACS: usize = 4;

/// The offer of one side, until that of the other comes; its packet bounds it (35,000 bytes).
#[derive(Default)]
pub(crate) struct Agreement {
    waiting: Option<(Side, [Vec<u8>; LISTS])>,
    /// The method of key exchange, once it is known.
    pub(super) method: Option<Vec<u8>>,
}

impl Agreement {
    /// One side's lists; with those of the other it is known what is used.
    pub(super) fn offered(&mut self, side: Side, lists: [&[u8]; LISTS], cx: &mut Context<'_>) {
        match self.waiting.take() {
            Some((other, kept)) if other != side && side != Side::Unknown && other != Side::Unknown => self.agree(side, lists, &kept, cx),
            _ => self.waiting = Some((side, lists.map(<[u8]>::to_vec))),
        }
    }

    fn agree(&mut self, side: Side, here: [&[u8]; LISTS], there: &[Vec<u8>; LISTS], cx: &mut Context<'_>) {
        let server = if side == Side::Server { cx.sender() } else { cx.receiver() };
        let mut chosen = [None; LISTS];
        for ((chosen, here), there) in chosen.iter_mut().zip(here).zip(there) {
            *chosen =
                if side == Side::Client { first(here, there) } else { first(there, here).and_then(|name| names(here).find(|one| *one == name)) };
        }
        self.method = chosen.first().copied().flatten().map(<[u8]>::to_vec);
        let mut saying = cx.say(&server, Kind::Security);
        for (at, (field, name)) in FIELDS.into_iter().zip(chosen).enumerate() {
            // Of both directions one is told where they are alike, and no MAC where the cipher has its own.
            let alike = (at == CIPHERS + 1 || at == MACS + 1) && chosen.get(at - 1).copied().flatten() == name;
            let own = at >= MACS && chosen.get(at - (MACS - CIPHERS)).copied().flatten().is_some_and(is_authenticated);
            if let Some(name) = name.filter(|_| !alike && !own) {
                saying = saying.text(field, name);
            }
        }
    }
}

fn names(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',').filter(|name| !name.is_empty())
}

/// The first of the client's names that the server has too. Both lists are bounded by their packets; some hundred names are the most.
fn first<'a>(client: &'a [u8], server: &[u8]) -> Option<&'a [u8]> {
    /// Lists have up to forty names; beyond that an attacker makes work.
    const NAMES_MAX: usize = 128;
    names(client).take(NAMES_MAX).find(|name| names(server).take(NAMES_MAX).any(|known| known == *name))
}

fn is_authenticated(cipher: &[u8]) -> bool {
    cipher.starts_with(b"chacha20-poly1305") || cipher.windows(4).any(|window| window == b"-gcm") || cipher.starts_with(b"AEAD_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_s_order_decides() {
        assert_eq!(first(b"a,b,c", b"c,b"), Some(&b"b"[..]));
        assert_eq!(first(b"a", b"b"), None);
        assert_eq!(first(b"", b""), None);
        assert!(is_authenticated(b"aes128-gcm@openssh.com") && !is_authenticated(b"aes128-ctr"));
    }
}
