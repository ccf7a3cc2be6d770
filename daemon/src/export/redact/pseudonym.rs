//! Pseudonyms of whole values: of each form another that has the same form.

use crate::tags::SiteKey;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Hexadecimal digits of a name's pseudonym: among a million names two are alike once in two thousand inventories.
const DIGITS: usize = 12;

/// Fewer hexadecimal digits are a word or a number, not a digest.
const DIGEST_MIN: usize = 16;

/// Networks with the length of what stays as it is: what kind of address it is. RFC 1918, RFC 3927, RFC 6598, RFC 5737, RFC 2544, and
/// the multicast addresses of RFC 5771.
const KINDS: &[([u8; 4], u32, u32)] = &[
    ([10, 0, 0, 0], 8, 8),
    ([172, 16, 0, 0], 12, 12),
    ([192, 168, 0, 0], 16, 16),
    ([169, 254, 0, 0], 16, 16),
    ([100, 64, 0, 0], 10, 10),
    ([192, 0, 2, 0], 24, 24),
    ([198, 51, 100, 0], 24, 24),
    ([203, 0, 113, 0], 24, 24),
    ([198, 18, 0, 0], 15, 15),
    ([0, 0, 0, 0], 8, 32),
    ([127, 0, 0, 0], 8, 32),
    ([224, 0, 0, 0], 23, 32),
    ([239, 255, 255, 250], 32, 32),
    ([224, 0, 0, 0], 4, 8),
    ([255, 255, 255, 255], 32, 32),
    ([240, 0, 0, 0], 4, 4),
];

/// Prefixes under which software numbers cards: see the same in the rules of locally administered addresses.
const SOFTWARE_PREFIXES: &[[u8; 3]] = &[[0x52, 0x54, 0x00]];

/// What values a pseudonym was made of; a name that is spelt as an address's digits shares nothing with it.
#[derive(Clone, Copy)]
enum Of {
    Name = 1,
    Digest,
    Id,
    Address,
    Network,
    Mac,
}

/// Makes pseudonyms under a key.
pub(super) struct Pseudonyms<'k> {
    key: &'k SiteKey,
}

impl<'k> Pseudonyms<'k> {
    pub(super) fn of(key: &'k SiteKey) -> Self {
        Self { key }
    }

    /// Of a value, by its form: address, network, MAC address, UUID, digest, or a name.
    pub(super) fn whole(&self, text: &str) -> String {
        self.address(text).unwrap_or_else(|| self.name(text))
    }

    /// Of what has the form of an address, network, UUID or digest.
    pub(super) fn address(&self, text: &str) -> Option<String> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Some(self.ip(ip).to_string());
        }
        if let Some((ip, length)) = text.split_once('/').and_then(|(ip, length)| Some((ip.parse::<IpAddr>().ok()?, length.parse::<u32>().ok()?))) {
            return Some(format!("{}/{length}", network(self.ip(ip), length)));
        }
        if let Some((mac, between)) = mac_of(text) {
            let digits: Vec<String> = self.mac(mac).iter().map(|byte| format!("{byte:02x}")).collect();
            return Some(digits.join(between));
        }
        if is_uuid(text) {
            return Some(uuid(&self.bytes(Of::Id, text.to_ascii_lowercase().as_bytes())));
        }
        let digest = text.len() >= DIGEST_MIN && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        digest.then(|| hex(&self.bytes(Of::Digest, text.to_ascii_lowercase().as_bytes())).chars().take(text.len()).collect())
    }

    /// Of a name, label by label: what is in one domain stays so. Capital letters make no other name.
    pub(super) fn name(&self, text: &str) -> String {
        let text = text.to_lowercase();
        let one = |label: &str| match label {
            "" => String::new(),
            label => format!("anon-{}", &hex(&self.bytes(Of::Name, label.as_bytes()))[..DIGITS]),
        };
        if text.contains(char::is_whitespace) { one(&text) } else { text.split('.').map(one).collect::<Vec<_>>().join(".") }
    }

    /// Of an address: one of the same kind; addresses that begin alike still do.
    fn ip(&self, ip: IpAddr) -> IpAddr {
        match ip {
            IpAddr::V4(ip) => self.ipv4(ip).into(),
            IpAddr::V6(ip) => self.ipv6(ip).into(),
        }
    }

    fn ipv4(&self, ip: Ipv4Addr) -> Ipv4Addr {
        let within = |network: [u8; 4], length: u32| (u32::from_be_bytes(network) ^ ip.to_bits()).checked_shr(32 - length).unwrap_or(0) == 0;
        if let Some((.., stays)) = KINDS.iter().find(|(network, length, _)| within(*network, *length)) {
            return self.turned(Of::Address, &[], ip.octets(), *stays).into();
        }
        // A public address would become somebody else's. Nobody's are those of RFC 1112 section 4: documentation and benchmarks together
        // have too few to keep a hundred thousand apart. The network of 24 bits becomes one of 20, hosts stay apart in it.
        let [a, b, c, d] = ip.octets();
        let network = self.bytes(Of::Network, &[a, b, c]);
        let [host] = self.turned(Of::Address, &[a, b, c], [d], 0);
        Ipv4Addr::new(240 | network[0] & 15, network[1], network[2], host)
    }

    fn ipv6(&self, ip: Ipv6Addr) -> Ipv6Addr {
        if let Some(v4) = ip.to_ipv4_mapped() {
            return self.ipv4(v4).to_ipv6_mapped();
        }
        let octets = ip.octets();
        match octets {
            _ if ip.is_unspecified() || ip.is_loopback() => ip,
            // The solicited-node address of RFC 4291 section 2.7.1 has the last bytes of an address.
            [0xff, _, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ..] => self.turned(Of::Address, &[], octets, 104).into(),
            [0xff, ..] if octets[2..12].iter().all(|byte| *byte == 0) => ip,
            [0xff, ..] => self.turned(Of::Address, &[], octets, 16).into(),
            [0xfe, byte, ..] if byte & 0xc0 == 0x80 => self.interface(octets, octets),
            [0xfc | 0xfd, ..] => self.interface(self.turned(Of::Address, &[], octets, 8), octets),
            // All others become addresses of documentation (RFC 3849), networks in 32 bits.
            _ => {
                let site = self.bytes(Of::Network, &octets[..6]);
                let [a, b] = self.turned(Of::Address, &octets[..6], [octets[6], octets[7]], 0);
                let mut to = [0; 16];
                to[..8].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8, site[0], site[1], a, b]);
                self.interface(to, octets)
            }
        }
    }

    /// The lower half of an address: of one that has a MAC address in it (RFC 4291 appendix A), that of the MAC address's pseudonym.
    fn interface(&self, to: [u8; 16], from: [u8; 16]) -> Ipv6Addr {
        let mut to = to;
        let lower = match from[8..] {
            [a, b, c, 0xff, 0xfe, d, e, f] => {
                let [a, b, c, d, e, f] = self.mac([a ^ 2, b, c, d, e, f]);
                [a ^ 2, b, c, 0xff, 0xfe, d, e, f]
            }
            _ => {
                let turn = |half: [u8; 8]| self.turned(Of::Address, &from[..8], half, 0);
                let mut half = turn(from[8..].try_into().unwrap_or_default());
                // None of the others becomes one with a MAC address in it.
                while half[3..5] == [0xff, 0xfe] {
                    half = turn(half);
                }
                half
            }
        };
        to[8..].copy_from_slice(&lower);
        to.into()
    }

    /// Of a MAC address: one of the same maker. Of one that software chose, one that software chose; groups are no devices.
    fn mac(&self, mac: [u8; 6]) -> [u8; 6] {
        let [a, b, c, ..] = mac;
        let stays = match mac {
            [0x33, 0x33, 0xff, ..] => 24,
            _ if a & 1 != 0 => return mac,
            _ if SOFTWARE_PREFIXES.contains(&[a, b, c]) => 24,
            [0x02, 0x42, ..] => 16,
            // The two bits that say so are the last of the first byte: the others of it stay with them.
            _ if a & 2 != 0 => 8,
            _ => 24,
        };
        self.turned(Of::Mac, &[], mac, stays)
    }

    /// A permutation that keeps what begins alike alike: each bit is turned, or not, as the bits before it say (J. Xu et al., "On the design
    /// and performance of prefix-preserving IP traffic trace anonymization", 2001). One digest gives the turns of a whole byte: a tree of
    /// 255 nodes, the place in which is what was read of the byte.
    fn turned<const N: usize>(&self, of: Of, before: &[u8], from: [u8; N], stays: u32) -> [u8; N] {
        let mut to = from;
        for (at, byte) in to.iter_mut().enumerate().skip(stays as usize / 8) {
            let turns = self.bytes(of, &[before, &from[..at]].concat());
            let mut node = 1usize;
            for bit in 0..8 {
                let (place, value) = (7 - bit, from[at] >> (7 - bit) & 1);
                if at as u32 * 8 + bit >= stays {
                    *byte ^= (turns[node / 8] >> (node % 8) & 1) << place;
                }
                node = node * 2 + usize::from(value);
            }
        }
        to
    }

    fn bytes(&self, of: Of, value: &[u8]) -> [u8; 32] {
        self.key.pseudonym(of as u8, value)
    }
}

/// An address without what is beyond its network.
fn network(ip: IpAddr, length: u32) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() & u32::MAX.checked_shl(32u32.saturating_sub(length)).unwrap_or(0)).into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & u128::MAX.checked_shl(128u32.saturating_sub(length)).unwrap_or(0)).into(),
    }
}

/// A MAC address and what stands between its bytes.
pub(super) fn mac_of(text: &str) -> Option<([u8; 6], &'static str)> {
    let between = if text.contains(':') { ":" } else { "-" };
    let mut mac = [0; 6];
    let mut parts = text.split(between);
    for byte in &mut mac {
        let part = parts.next().filter(|part| part.len() == 2 && part.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some((mac, between))
}

/// RFC 9562 section 4.
pub(super) fn is_uuid(text: &str) -> bool {
    let digits = |(part, length): (&str, usize)| part.len() == length && part.bytes().all(|digit| digit.is_ascii_hexdigit());
    text.len() == 36 && text.split('-').count() == 5 && text.split('-').zip([8, 4, 4, 4, 12]).all(digits)
}

/// A UUID of one's own making (RFC 9562 section 5.8).
fn uuid(bytes: &[u8; 32]) -> String {
    let mut bytes = bytes.to_owned();
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex(&bytes);
    format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..32])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
