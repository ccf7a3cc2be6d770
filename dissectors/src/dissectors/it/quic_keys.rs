//! QUIC: the keys of Initial packets, which anybody can derive from the first of them, and what they hide.
//!
//! Spec: RFC 9001 §5.2 to §5.4 and appendix A, RFC 9369 §3.3 (version 2), draft-ietf-quic-tls-29 §5.2.

use aes::Aes128;
use aes::cipher::{Block, BlockCipherEncrypt, KeyInit};
use aes_gcm::Aes128Gcm;
use aes_gcm::aead::{Aead, Payload};
use hkdf::Hkdf;
use sha2::Sha256;

const V1: u32 = 1;
const V2: u32 = 0x6b33_43cf;
/// draft-29 to draft-32 share a salt; clients of their time said 29.
const DRAFTS: std::ops::RangeInclusive<u32> = 0xff00_001d..=0xff00_0020;

const SALT_V1: [u8; 20] = [0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a];
const SALT_V2: [u8; 20] = [0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9];
const SALT_DRAFTS: [u8; 20] =
    [0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99];

/// RFC 9001 §5.4.2: the sample is taken as if the packet number had four bytes.
const SAMPLE_AT: usize = 4;

/// Whether the keys of a version are known.
pub(super) fn is_known(version: u32) -> bool {
    matches!(version, V1 | V2) || DRAFTS.contains(&version)
}

/// The type of an Initial packet in the two bits of its first byte (RFC 9000 §17.2.2, RFC 9369 §3.2).
pub(super) const fn initial_type(version: u32) -> u8 {
    if version == V2 { 1 } else { 0 }
}

/// The keys of one direction.
pub(crate) struct Keys {
    key: [u8; 16],
    iv: [u8; 12],
    header: [u8; 16],
}

impl Keys {
    /// Those of the client's and of the server's Initial packets, from the connection id that the client chose for the server.
    pub(super) fn pair(version: u32, connection: &[u8]) -> Option<[Self; 2]> {
        let (salt, prefix): (&[u8], &str) = match version {
            V1 => (&SALT_V1, "quic"),
            V2 => (&SALT_V2, "quicv2"),
            _ if DRAFTS.contains(&version) => (&SALT_DRAFTS, "quic"),
            _ => return None,
        };
        let secret = Hkdf::<Sha256>::new(Some(salt), connection);
        Some([Self::of(&secret, "client in", prefix)?, Self::of(&secret, "server in", prefix)?])
    }

    fn of(secret: &Hkdf<Sha256>, side: &str, prefix: &str) -> Option<Self> {
        let own: [u8; 32] = expand(secret, side)?;
        let own = Hkdf::<Sha256>::from_prk(&own).ok()?;
        Some(Self {
            key: expand(&own, &format!("{prefix} key"))?,
            iv: expand(&own, &format!("{prefix} iv"))?,
            header: expand(&own, &format!("{prefix} hp"))?,
        })
    }

    /// What a packet hides, if it was sealed with these keys; `number_at` is where its number stands.
    pub(super) fn open(&self, packet: &[u8], number_at: usize) -> Option<Vec<u8>> {
        let sample = packet.get(number_at + SAMPLE_AT..)?.first_chunk::<16>()?;
        let mut mask = Block::<Aes128>::from(*sample);
        Aes128::new_from_slice(&self.header).ok()?.encrypt_block(&mut mask);
        let (&first_mask, number_mask) = mask.split_first()?;
        let first = packet.first()? ^ (first_mask & 0x0f);
        let length = usize::from(first & 3) + 1;
        let mut head = packet.get(..number_at + length)?.to_vec();
        *head.first_mut()? = first;
        let mut nonce = self.iv;
        let end = nonce.len() - length;
        for (at, mask) in (0..length).zip(number_mask) {
            let byte = head.get_mut(number_at + at)?;
            *byte ^= mask;
            *nonce.get_mut(end + at)? ^= *byte;
        }
        let cipher = Aes128Gcm::new_from_slice(&self.key).ok()?;
        cipher.decrypt(&nonce.into(), Payload { msg: packet.get(number_at + length..)?, aad: &head }).ok()
    }
}

/// RFC 8446 §7.1: HKDF-Expand-Label without a context.
fn expand<const N: usize>(secret: &Hkdf<Sha256>, label: &str) -> Option<[u8; N]> {
    let (length, name) = (u16::try_from(N).ok()?, u8::try_from(label.len() + 6).ok()?);
    let info = [&length.to_be_bytes()[..], &[name], b"tls13 ", label.as_bytes(), &[0]].concat();
    let mut out = [0; N];
    secret.expand(&info, &mut out).ok()?;
    Some(out)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const CONNECTION: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];

    fn digits(bytes: &[u8]) -> String {
        observations::value::hex(bytes)
    }

    #[test]
    fn keys_are_those_of_the_rfc_s_appendix() {
        let [client, server] = Keys::pair(V1, &CONNECTION).unwrap();
        assert_eq!(digits(&client.key), "1f369613dd76d5467730efcbe3b1a22d");
        assert_eq!(digits(&client.iv), "fa044b2f42a3fd3b46fb255c");
        assert_eq!(digits(&client.header), "9f50449e04a0e810283a1e9933adedd2");
        assert_eq!(digits(&server.key), "cf3a5331653c364c88f0f379b6067e37");
        assert!(Keys::pair(0x5131_3436, &CONNECTION).is_none());
    }

    /// Seals a payload as RFC 9001 §5.3 and §5.4 do, with a packet number of two bytes.
    pub(in super::super) fn seal(version: u32, connection: &[u8], from_client: bool, payload: &[u8]) -> Vec<u8> {
        let [client, server] = Keys::pair(version, connection).unwrap();
        let keys = if from_client { client } else { server };
        let length = u16::try_from(payload.len() + 2 + 16).unwrap() | 0x4000;
        let (to, from): (&[u8], &[u8]) = if from_client { (connection, &[]) } else { (&[], &[7, 7, 7, 7]) };
        let first = 0xc1 | initial_type(version) << 4;
        let mut head = [&[first][..], &version.to_be_bytes(), &[u8::try_from(to.len()).unwrap()], to].concat();
        head.extend_from_slice(&[&[u8::try_from(from.len()).unwrap()][..], from, &[0], &length.to_be_bytes()].concat());
        let number_at = head.len();
        head.extend_from_slice(&[0, 2]);
        let mut nonce = keys.iv;
        nonce[11] ^= 2;
        let sealed = Aes128Gcm::new_from_slice(&keys.key).unwrap().encrypt(&nonce.into(), Payload { msg: payload, aad: &head }).unwrap();
        let mut packet = [&head[..], &sealed].concat();
        let mut mask = Block::<Aes128>::from(<[u8; 16]>::try_from(&packet[number_at + 4..number_at + 20]).unwrap());
        Aes128::new_from_slice(&keys.header).unwrap().encrypt_block(&mut mask);
        packet[0] ^= mask[0] & 0x0f;
        packet[number_at] ^= mask[1];
        packet[number_at + 1] ^= mask[2];
        packet
    }

    #[test]
    fn what_was_sealed_is_opened_and_nothing_else() {
        for version in [V1, V2, 0xff00_001d] {
            let packet = seal(version, &CONNECTION, true, &[6, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
            let number_at = 1 + 4 + 1 + 8 + 1 + 1 + 2;
            let [client, server] = Keys::pair(version, &CONNECTION).unwrap();
            assert_eq!(client.open(&packet, number_at).unwrap().first(), Some(&6));
            assert!(server.open(&packet, number_at).is_none());
            assert!(client.open(&packet[..30], number_at).is_none());
        }
    }
}
