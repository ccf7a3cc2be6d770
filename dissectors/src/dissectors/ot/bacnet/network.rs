//! BACnet's network layer: sources and destinations on other networks, and what routers say.
//!
//! Spec: ANSI/ASHRAE 135-2020 clause 6.2 (header), 6.4 (messages).

use super::apdu::Apdu;
use crate::context::Context;
use crate::tlv::number;
use observations::{Field, Kind, StepKind, Subject};

/// 6.2.1: the only version.
pub(super) const VERSION: u8 = 1;
/// 6.2.2: bits of the control octet.
const IS_MESSAGE: u8 = 0x80;
const HAS_DESTINATION: u8 = 0x20;
const HAS_SOURCE: u8 = 0x08;
const RESERVED: u8 = 0x50;
/// 6.2.2.2: global broadcast; as a source it means nothing.
const EVERYWHERE: u16 = 0xffff;

/// Messages of 6.2.4.
const WHO_IS_ROUTER: u8 = 0x00;
const I_AM_ROUTER: u8 = 0x01;
const INITIALIZE: u8 = 0x06;
const ESTABLISH: u8 = 0x08;
const SECURITY: std::ops::RangeInclusive<u8> = 0x0a..=0x11;
const NETWORK_NUMBER_IS: u8 = 0x13;
/// 6.2.4: from here on the maker's own, with a vendor identifier.
const PROPRIETARY: u8 = 0x80;
/// Networks of one router that are told of.
const NETWORKS_MAX: usize = 32;

/// A device on a network behind a router.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) network: u16,
    pub(super) network_bytes: &'a [u8],
    address: &'a [u8],
}

impl Place<'_> {
    /// The address as a number; of seven bytes at most, as all link layers have but one.
    pub(super) fn number(&self) -> Option<u64> {
        (1..=8).contains(&self.address.len()).then(|| number(self.address))
    }

    pub(super) fn part(&self, router: &Subject, address: u64, cx: &Context<'_>) -> Subject {
        let network = cx.part(router, StepKind::BacnetNetwork, u64::from(self.network));
        cx.part(&network, StepKind::BacnetAddress, address)
    }
}

/// 6.2.
pub(super) struct Npdu<'a> {
    pub(super) source: Option<Place<'a>>,
    /// The message's type and what follows it; none where an application PDU follows.
    message: Option<(u8, &'a [u8])>,
    rest: &'a [u8],
}

impl<'a> Npdu<'a> {
    pub(super) fn of(head: &'a [u8]) -> Option<Self> {
        let (&[VERSION, control], mut rest) = head.split_first_chunk::<2>()? else { return None };
        if control & RESERVED != 0 {
            return None;
        }
        let destination = if control & HAS_DESTINATION != 0 { Some(place(&mut rest)?) } else { None };
        let source = if control & HAS_SOURCE != 0 { Some(place(&mut rest)?) } else { None };
        if source.is_some_and(|place| matches!(place.network, 0 | EVERYWHERE) || place.address.is_empty()) {
            return None;
        }
        if destination.is_some() {
            let (_hops, behind) = rest.split_first()?;
            rest = behind;
        }
        let message = if control & IS_MESSAGE != 0 { Some(rest.split_first().map(|(kind, rest)| (*kind, rest))?) } else { None };
        Some(Self { source, message, rest })
    }

    /// The application PDU, if there is one.
    pub(super) fn apdu(&self) -> Option<Apdu<'a>> {
        if self.message.is_some() { None } else { Apdu::of(self.rest) }
    }

    pub(super) fn is_sound(&self) -> bool {
        match self.message {
            Some((0x00..=0x13 | PROPRIETARY..=0xff, _)) => true,
            Some(_) => false,
            None => self.apdu().is_some_and(|apdu| apdu.is_sound()),
        }
    }

    /// Which of the five operations of this layer a message is.
    pub(super) const fn operation(&self) -> Option<usize> {
        match self.message {
            Some((WHO_IS_ROUTER, _)) => Some(0),
            Some((I_AM_ROUTER, _)) => Some(1),
            Some((INITIALIZE, _)) => Some(2),
            Some((ESTABLISH, _)) => Some(3),
            Some(_) => Some(4),
            None => None,
        }
    }

    pub(super) fn is_security(&self) -> bool {
        self.message.is_some_and(|(kind, _)| SECURITY.contains(&kind))
    }

    /// 6.4.2, 6.4.20: networks that a router reaches, and the number of the one that a node is on.
    pub(super) fn topology(&self, about: &Subject, cx: &mut Context<'_>) {
        let networks = |body: &'a [u8]| body.chunks_exact(2).take(NETWORKS_MAX).filter(|network| !matches!(network, [0, 0] | [0xff, 0xff]));
        match self.message {
            Some((I_AM_ROUTER, body)) => {
                let saying = cx.say(about, Kind::Topology);
                drop(networks(body).fold(saying, |saying, network| saying.number(Field::BacnetNetwork, number(network), network)));
            }
            Some((NETWORK_NUMBER_IS, body)) => {
                let network = networks(body).next().filter(|_| body.len() == 3);
                drop(cx.say(about, Kind::Topology).maybe(network, |saying, network| saying.number(Field::BacnetNetwork, number(network), network)));
            }
            _ => {}
        }
    }

    /// A number that tells the sources of one conversation apart, mostly.
    pub(super) fn place_sum(&self) -> u32 {
        self.source.map_or(0, |place| {
            let bytes = place.network_bytes.iter().chain(place.address);
            bytes.fold(1u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte))) & 0x000f_ffff
        })
    }
}

/// Network, length of the address, address.
fn place<'a>(rest: &mut &'a [u8]) -> Option<Place<'a>> {
    let (network_bytes, behind) = rest.split_at_checked(2)?;
    let (length, behind) = behind.split_first()?;
    let (address, behind) = behind.split_at_checked(usize::from(*length))?;
    *rest = behind;
    Some(Place { network: u16::try_from(number(network_bytes)).ok()?, network_bytes, address })
}
