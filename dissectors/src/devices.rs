//! Of how many devices something is kept: those that are known, by their addresses.

use crate::limits::Limits;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use observations::rows::Host;
use std::hash::BuildHasher;

/// The counter of what was not kept because it was about a device that is new when [`Limits::devices`] are known.
pub(crate) const DEVICES: &str = "devices known";

/// The same of newcomers that nobody answered, when three quarters are.
pub(crate) const UNANSWERED_DEVICES: &str = "devices that nobody answered";

/// A device by the address that it is told apart by: its segment, and its IP address or, where there is none, its MAC address.
pub(crate) type Address<'a> = (u16, &'a [u8]);

/// See the module. Of an address its hash is kept: with a seed that nobody knows two that agree come once in millions of full tables.
#[derive(Clone, Default)]
pub(crate) struct Devices {
    hasher: RandomState,
    known: HashTable<u64>,
    /// Who was noted last: of one host a packet says several things.
    last: u64,
    most: usize,
}

impl Devices {
    /// None yet.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { most: limits.devices, ..Self::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there is no room for one that is new; the last quarter is for those who were answered.
    pub(crate) fn is_full(&self, answered: bool) -> bool {
        self.known.len() >= if answered { self.most } else { Limits::unanswered(self.most) }
    }

    pub(crate) fn knows(&self, address: Address<'_>) -> bool {
        let hash = self.hasher.hash_one(address);
        self.known.find(hash, |known| *known == hash).is_some()
    }

    pub(crate) fn note(&mut self, address: Address<'_>) {
        let hash = self.hasher.hash_one(address);
        if std::mem::replace(&mut self.last, hash) != hash && self.known.find(hash, |known| *known == hash).is_none() {
            self.known.insert_unique(hash, hash, |known| *known);
        }
    }
}

/// Whom an observation, or its group, is about; nothing where the bytes are none, or where it is about no address.
pub(crate) fn about(key: &[u8]) -> Option<Address<'_>> {
    let host = Host::of(key).ok()?;
    let [mac, ip] = host.identifiers();
    Some((host.segment(), ip.or(mac)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_quarter_is_for_those_who_were_answered_and_who_is_known_stays() {
        let mut devices = Devices::new(&Limits { devices: 8, ..Limits::default() });
        let mut come = |number: u8, answered: bool| {
            let address = [10, 0, 0, number];
            let room = devices.knows((0, &address)) || !devices.is_full(answered);
            if room {
                devices.note((0, &address));
            }
            room
        };
        assert!((0..6).all(|number| come(number, false)));
        assert!(!come(6, false) && come(0, false) && come(6, true) && come(7, true) && !come(8, true) && come(7, false));
        assert!(devices.len() == 8 && !devices.knows((1, &[10, 0, 0, 0])));
    }
}
