//! What a talk is made from: the site, chance, how many packets it may have and how long it lasts.

use super::frame::{End, udp};
use super::random::Random;
use super::site::{Device, Site};
use super::talk::Link;
use super::tcp::{Stack, Tcp};

/// One entry of the plan, to be made into a talk.
pub(crate) struct Call<'a> {
    /// The devices.
    pub(crate) site: &'a Site,
    /// Chance.
    pub(crate) random: &'a mut Random,
    /// About how many packets it should have.
    pub(crate) packets: u32,
    /// About how many microseconds it should last.
    pub(crate) life: u64,
}

impl Call<'_> {
    /// A connection between two devices of one segment.
    pub(crate) fn tcp(&mut self, client: &Device, server: &Device, port: u16) -> Link {
        let to = (server.end(port), server.stack());
        self.tcp_to(client, to)
    }

    /// A connection to an end somewhere.
    pub(crate) fn tcp_to(&mut self, client: &Device, server: (End, Stack)) -> Link {
        let from = (client.end(self.random.port()), client.stack());
        Link::Tcp(Box::new(Tcp::new(from, server, client.vlan, self.random)))
    }

    /// A connection to a host on the internet, one in six over IPv6.
    pub(crate) fn tcp_outside(&mut self, client: &Device, port: u16) -> Link {
        let local = self.random.port();
        let (from, to) = if self.random.chance(16) {
            let to = self.site.outside6(client, port, self.random);
            (client.end6(local, false), to)
        } else {
            (client.end(local), self.site.outside(client, port, self.random))
        };
        let stacks = ((from, client.stack()), (to, Stack::Linux));
        Link::Tcp(Box::new(Tcp::new(stacks.0, stacks.1, client.vlan, self.random)))
    }

    /// Datagrams between two ends in the segment of `client`.
    pub(crate) fn udp(&mut self, client: &Device, port: u16, server: End) -> Link {
        Link::Udp(client.end(port), server, client.vlan)
    }

    /// One datagram of a device.
    pub(crate) fn datagram(&mut self, from: &Device, port: u16, to: &End, body: &[u8]) -> Vec<u8> {
        udp(&from.end(port), to, from.vlan, self.random.word(), body)
    }
}
