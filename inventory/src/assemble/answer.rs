//! Whose service a one-way UDP conversation is. Who answers a question may do so from any port, to the port that it was put from: then
//! question and answer are two conversations, and neither tells of itself where the service is.

use super::conversation::{Address, Side};
use observations::{Endpoint, Tally, Transport};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// RFC 6335 §6: ports from here on are never assigned. Where something only comes from one, nobody is known to be served there.
const DYNAMIC_PORTS: u16 = 49152;

/// Who put questions, in which protocol, to whom (`None`: to a group), and to which ports.
#[derive(Default)]
pub(super) struct Questions<'s>(BTreeMap<(Side, &'s str, Option<Side>), BTreeSet<u16>>);

/// What a conversation shows of a service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Serves {
    /// The server serves at this port: the conversation's, or that which was asked.
    Server(u16),
    /// The server serves; where is not known.
    ServerSomewhere,
    /// The side that spoke was taken for the client and is the one that answers; it serves at this port.
    Client(u16),
    /// Nothing.
    Nothing,
}

impl<'s> Questions<'s> {
    /// Notes a conversation.
    pub(super) fn hear<O>(&mut self, client: &Side, server: &Side, protocol: &'s str, endpoint: Endpoint, tally: &Tally<O>) {
        if endpoint.transport != Transport::Udp || tally.packets_out == 0 {
            return;
        }
        // Which address is a subnet's broadcast is not known: it is nobody's and never answers.
        let group = is_group(&server.address) || (server.component.is_none() && tally.packets_in == 0);
        if group || tally.packets_in == 0 {
            self.0.entry((*client, protocol, (!group).then_some(*server))).or_default().insert(endpoint.port);
        }
    }

    /// What a conversation shows, by which side spoke in it. Who answers serves where it was asked, whatever port it answers from:
    /// searches of SSDP (UDA 2.0 §1.3.3) and WS-Discovery, legacy queries of mDNS (RFC 6762 §6.7), calls of PROFINET IO.
    pub(super) fn served<O>(&self, client: &Side, server: &Side, protocol: &str, endpoint: Endpoint, tally: &Tally<O>) -> Serves {
        let asked = |by: &Side, of: Option<Side>| self.0.get(&(*by, protocol, of));
        let at = |ports: &BTreeSet<u16>| if ports.contains(&endpoint.port) { Some(endpoint.port) } else { ports.first().copied() };
        match (endpoint.transport, tally.packets_out > 0, tally.packets_in > 0) {
            (Transport::Udp, false, true) => match asked(client, Some(*server)).or_else(|| asked(client, None)).and_then(at) {
                Some(port) => Serves::Server(port),
                None if endpoint.port >= DYNAMIC_PORTS => Serves::ServerSomewhere,
                None => Serves::Server(endpoint.port),
            },
            // The port that was taken for a service's is the one that the question was put from.
            (Transport::Udp, true, false) if !tally.roles_known => match asked(server, None) {
                Some(ports) if !ports.contains(&endpoint.port) => ports.first().map_or(Serves::Nothing, |port| Serves::Client(*port)),
                _ => Serves::Nothing,
            },
            (_, _, true) => Serves::Server(endpoint.port),
            _ => Serves::Nothing,
        }
    }
}

fn is_group(address: &Address) -> bool {
    match address {
        Address::Ip(IpAddr::V4(ip)) => ip.is_multicast() || ip.is_broadcast(),
        Address::Ip(IpAddr::V6(ip)) => ip.is_multicast(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEARCHER: &str = "10.0.0.40";
    const DEVICE: &str = "10.0.0.22";

    fn side(address: &str) -> Side {
        Side { component: None, address: Address::Ip(address.parse().unwrap()) }
    }

    const fn udp(port: u16) -> Endpoint {
        Endpoint { transport: Transport::Udp, port }
    }

    fn tally(packets_out: u64, packets_in: u64) -> Tally {
        Tally { packets_out, packets_in, flows: 1, ..Tally::default() }
    }

    fn asked(group: &str, protocol: &'static str, port: u16) -> Questions<'static> {
        let mut questions = Questions::default();
        questions.hear(&side(SEARCHER), &side(group), protocol, udp(port), &tally(2, 0));
        questions
    }

    #[test]
    fn who_answers_a_groups_question_serves_at_the_groups_port() {
        for (group, protocol, port) in [("239.255.255.250", "ssdp", 1900), ("224.0.0.251", "mdns", 5353), ("224.0.23.12", "knxip", 3671)] {
            let questions = asked(group, protocol, port);
            let served = |port| questions.served(&side(SEARCHER), &side(DEVICE), protocol, udp(port), &tally(0, 1));
            assert_eq!((served(port), served(38753), served(54255)), (Serves::Server(port), Serves::Server(port), Serves::Server(port)));
            let other = questions.served(&side(SEARCHER), &side(DEVICE), "coap", udp(38753), &tally(0, 1));
            assert_eq!(other, Serves::Server(38753), "{protocol} was asked, nothing else");
        }
    }

    #[test]
    fn who_asked_serves_nobody_at_the_port_that_it_asked_from() {
        let questions = asked("239.255.255.250", "wsdd", 3702);
        // The answer came from the higher port: by the ports alone it would be the question.
        let guessed = |port, tally: Tally| questions.served(&side(DEVICE), &side(SEARCHER), "wsdd", udp(port), &tally);
        assert_eq!(guessed(40000, tally(1, 0)), Serves::Client(3702));
        assert_eq!(guessed(3702, tally(1, 0)), Serves::Nothing, "it may itself be asked there");
        assert_eq!(guessed(40000, Tally { roles_known: true, ..tally(1, 0) }), Serves::Nothing);
        assert_eq!(guessed(40000, tally(1, 1)), Serves::Server(40000), "it has answered");
    }

    #[test]
    fn who_is_asked_and_answers_from_another_port_serves_where_it_was_asked() {
        let mut questions = Questions::default();
        questions.hear(&side(SEARCHER), &side("10.0.0.255"), "ccief-basic", udp(61450), &tally(9, 0));
        let mut server = side(DEVICE);
        server.component = Some(1);
        questions.hear(&side(SEARCHER), &server, "pn_io", udp(34964), &tally(1, 0));
        let served = |protocol, port| questions.served(&side(SEARCHER), &server, protocol, udp(port), &tally(0, 1));
        assert_eq!(served("ccief-basic", 61450), Serves::Server(61450), "a subnet's broadcast");
        assert_eq!(served("pn_io", 49161), Serves::Server(34964));
        let other = Side { component: Some(2), ..side("10.0.0.23") };
        assert_eq!(questions.served(&side(SEARCHER), &other, "pn_io", udp(49161), &tally(0, 1)), Serves::ServerSomewhere, "another was asked");
    }

    #[test]
    fn an_answer_from_a_port_that_is_never_assigned_shows_no_service_where_no_question_is_seen() {
        let served = |port| Questions::default().served(&side(SEARCHER), &side(DEVICE), "ssdp", udp(port), &tally(0, 3));
        assert_eq!((served(1900), served(47808), served(49152)), (Serves::Server(1900), Serves::Server(47808), Serves::ServerSomewhere));
        let tcp = Endpoint { transport: Transport::Tcp, port: 54255 };
        assert_eq!(Questions::default().served(&side(SEARCHER), &side(DEVICE), "ftp-data", tcp, &tally(0, 3)), Serves::Server(54255));
    }
}
