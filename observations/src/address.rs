//! MAC addresses and transports.

use crate::value::hex_digits;
use std::fmt;

/// A 48-bit MAC address (IEEE 802), in transmission order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// ff:ff:ff:ff:ff:ff.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// The group bit (IEEE 802 §8.2): multicast and broadcast are no devices.
    #[must_use]
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// The U/L bit: set by an administrator or by software, not from an IEEE block.
    #[must_use]
    pub const fn is_local(self) -> bool {
        self.0[0] & 2 != 0
    }

    /// 00:00:00:00:00:00: nobody.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        matches!(self.0, [0, 0, 0, 0, 0, 0])
    }

    /// An address that can be one device's: neither group nor zero.
    #[must_use]
    pub const fn is_device(self) -> bool {
        !self.is_group() && !self.is_zero()
    }

    /// A router redundancy address, which moves between devices: VRRP (RFC 9568 §7.3), HSRP 1 and 2, GLBP (Cisco), CARP (as VRRP).
    #[must_use]
    pub const fn is_virtual_router(self) -> bool {
        matches!(
            self.0,
            [0x00, 0x00, 0x5e, 0x00, 0x01 | 0x02, _]
                | [0x00, 0x00, 0x0c, 0x07, 0xac, _]
                | [0x00, 0x00, 0x0c, 0x9f, 0xf0..=0xff, _]
                | [0x00, 0x07, 0xb4, 0x00, _, _]
        )
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = *b"00:00:00:00:00:00";
        for (pair, byte) in text.chunks_mut(3).zip(self.0) {
            pair[..2].copy_from_slice(&hex_digits(byte));
        }
        // Nothing but ASCII.
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Mac {
    type Err = ();

    /// Six hexadecimal bytes, separated by `:` or `-`, or twelve digits, or Cisco's three groups of four.
    fn from_str(text: &str) -> Result<Self, ()> {
        let digits: Vec<u8> = text.bytes().filter(|b| !matches!(b, b':' | b'-' | b'.')).collect();
        let [a, b, c, d, e, f, g, h, i, j, k, l] = digits[..] else { return Err(()) };
        let byte = |high: u8, low: u8| -> Result<u8, ()> {
            let digit = |x: u8| char::from(x).to_digit(16).and_then(|d| u8::try_from(d).ok()).ok_or(());
            Ok(digit(high)? << 4 | digit(low)?)
        };
        Ok(Self([byte(a, b)?, byte(c, d)?, byte(e, f)?, byte(g, h)?, byte(i, j)?, byte(k, l)?]))
    }
}

/// What carries a service's port.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Transport {
    /// TCP, RFC 9293.
    Tcp,
    /// UDP, RFC 768.
    Udp,
    /// SCTP, RFC 9260.
    Sctp,
    /// Directly on IP: the port is the IP protocol number.
    Ip,
    /// Directly on Ethernet or LLC: the port is the EtherType, or the LLC SAP pair.
    Ethernet,
}

impl Transport {
    /// The name in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Ip => "ip",
            Self::Ethernet => "ethernet",
        }
    }

    /// The transport of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Tcp, Self::Udp, Self::Sctp, Self::Ip, Self::Ethernet].into_iter().find(|transport| transport.name() == name)
    }

    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Tcp => 1,
            Self::Udp => 2,
            Self::Sctp => 3,
            Self::Ip => 4,
            Self::Ethernet => 5,
        }
    }

    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Tcp,
            2 => Self::Udp,
            3 => Self::Sctp,
            4 => Self::Ip,
            5 => Self::Ethernet,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_is_read_in_all_three_spellings() {
        for text in ["00:80:f4:0a:00:11", "00-80-F4-0A-00-11", "0080.f40a.0011", "0080f40a0011"] {
            assert_eq!(text.parse(), Ok(Mac([0, 0x80, 0xf4, 0x0a, 0, 0x11])), "{text}");
        }
        assert!("00:80:f4".parse::<Mac>().is_err());
        assert!("00:80:f4:0a:00:1g".parse::<Mac>().is_err());
    }

    #[test]
    fn redundancy_addresses_belong_to_no_device() {
        for text in ["00:00:5e:00:01:0a", "00:00:0c:07:ac:01", "00:00:0c:9f:f0:01", "00:07:b4:00:01:02"] {
            assert!(text.parse::<Mac>().unwrap().is_virtual_router(), "{text}");
        }
        assert!(!"00:80:f4:0a:00:11".parse::<Mac>().unwrap().is_virtual_router());
    }
}
