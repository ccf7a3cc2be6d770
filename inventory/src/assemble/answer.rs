//! Whose service a one-way UDP conversation is. Who answers a question may do so from any port, to the port that it was put from: then
//! question and answer are two conversations, and neither tells of itself where the service is.

use observations::{Endpoint, Tally, Transport};
use std::num::NonZeroU32;

/// RFC 6335 §6: ports from here on are never assigned. Where something only comes from one, nobody is known to be served there.
pub(super) const DYNAMIC_PORTS: u16 = 49152;

/// Who put a question, in which protocol, to whom (`None`: to a group), and to which port.
type Question = (Side, u32, Option<Side>, u16);

/// All that was asked: a list that is sorted when it is whole, as there may be a question a conversation.
#[derive(Default)]
pub(super) struct Questions(Vec<Question>);

/// One side of a conversation: whose it is and at which address, by numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Side {
    /// Its component, if it has one.
    pub(super) component: Option<NonZeroU32>,
    pub(super) address: u32,
    /// The address is a group's.
    pub(super) group: bool,
}

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

impl Questions {
    /// Notes a conversation.
    pub(super) fn hear<O>(&mut self, client: &Side, server: &Side, protocol: u32, endpoint: Endpoint, tally: &Tally<O>) {
        if endpoint.transport != Transport::Udp || tally.packets_out == 0 {
            return;
        }
        // Which address is a subnet's broadcast is not known: it is nobody's and never answers.
        let group = server.group || (server.component.is_none() && tally.packets_in == 0);
        if group || tally.packets_in == 0 {
            self.0.push((*client, protocol, (!group).then_some(*server), endpoint.port));
        }
    }

    /// All were heard.
    pub(super) fn settle(&mut self) {
        self.0.sort_unstable();
        self.0.dedup();
    }

    /// The ports to which a question was put, in order.
    fn asked(&self, by: &Side, protocol: u32, of: Option<Side>) -> &[Question] {
        let asked = |question: &Question| (question.0, question.1, question.2);
        let rest = self.0.get(self.0.partition_point(|question| asked(question) < (*by, protocol, of))..).unwrap_or_default();
        rest.get(..rest.partition_point(|question| asked(question) == (*by, protocol, of))).unwrap_or_default()
    }

    /// What a conversation shows, by which side spoke in it. Who answers serves where it was asked, whatever port it answers from:
    /// searches of SSDP (UDA 2.0 §1.3.3) and WS-Discovery, legacy queries of mDNS (RFC 6762 §6.7), calls of PROFINET IO.
    pub(super) fn served<O>(&self, client: &Side, server: &Side, protocol: u32, endpoint: Endpoint, tally: &Tally<O>) -> Serves {
        let ports = |by: &Side, of: Option<Side>| self.asked(by, protocol, of);
        let at = |ports: &[Question]| if has(ports, endpoint.port) { Some(endpoint.port) } else { ports.first().map(|first| first.3) };
        match (endpoint.transport, tally.packets_out > 0, tally.packets_in > 0) {
            (Transport::Udp, false, true) => match at(ports(client, Some(*server))).or_else(|| at(ports(client, None))) {
                Some(port) => Serves::Server(port),
                None if endpoint.port >= DYNAMIC_PORTS => Serves::ServerSomewhere,
                None => Serves::Server(endpoint.port),
            },
            // The port that was taken for a service's is the one that the question was put from.
            (Transport::Udp, true, false) if !tally.roles_known => match ports(server, None) {
                [first, ..] if !has(ports(server, None), endpoint.port) => Serves::Client(first.3),
                _ => Serves::Nothing,
            },
            (_, _, true) => Serves::Server(endpoint.port),
            _ => Serves::Nothing,
        }
    }
}

fn has(asked: &[Question], port: u16) -> bool {
    asked.iter().any(|question| question.3 == port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const SEARCHER: &str = "10.0.0.40";
    const DEVICE: &str = "10.0.0.22";

    fn side(address: &str) -> Side {
        let ip: Ipv4Addr = address.parse().unwrap();
        Side { component: None, address: ip.into(), group: ip.is_multicast() }
    }

    /// A protocol's number.
    fn number(protocol: &str) -> u32 {
        protocol.bytes().fold(0, |number, byte| number.wrapping_mul(31).wrapping_add(byte.into()))
    }

    const fn udp(port: u16) -> Endpoint {
        Endpoint { transport: Transport::Udp, port }
    }

    fn tally(packets_out: u64, packets_in: u64) -> Tally {
        Tally { packets_out, packets_in, flows: 1, ..Tally::default() }
    }

    fn asked(group: &str, protocol: &str, port: u16) -> Questions {
        let mut questions = Questions::default();
        questions.hear(&side(SEARCHER), &side(group), number(protocol), udp(port), &tally(2, 0));
        questions.settle();
        questions
    }

    #[test]
    fn who_answers_a_groups_question_serves_at_the_groups_port() {
        for (group, protocol, port) in [("239.255.255.250", "ssdp", 1900), ("224.0.0.251", "mdns", 5353), ("224.0.23.12", "knxip", 3671)] {
            let questions = asked(group, protocol, port);
            let served = |port| questions.served(&side(SEARCHER), &side(DEVICE), number(protocol), udp(port), &tally(0, 1));
            assert_eq!((served(port), served(38753), served(54255)), (Serves::Server(port), Serves::Server(port), Serves::Server(port)));
            let other = questions.served(&side(SEARCHER), &side(DEVICE), number("coap"), udp(38753), &tally(0, 1));
            assert_eq!(other, Serves::Server(38753), "{protocol} was asked, nothing else");
        }
    }

    #[test]
    fn who_asked_serves_nobody_at_the_port_that_it_asked_from() {
        let questions = asked("239.255.255.250", "wsdd", 3702);
        // The answer came from the higher port: by the ports alone it would be the question.
        let guessed = |port, tally: Tally| questions.served(&side(DEVICE), &side(SEARCHER), number("wsdd"), udp(port), &tally);
        assert_eq!(guessed(40000, tally(1, 0)), Serves::Client(3702));
        assert_eq!(guessed(3702, tally(1, 0)), Serves::Nothing, "it may itself be asked there");
        assert_eq!(guessed(40000, Tally { roles_known: true, ..tally(1, 0) }), Serves::Nothing);
        assert_eq!(guessed(40000, tally(1, 1)), Serves::Server(40000), "it has answered");
    }

    #[test]
    fn who_is_asked_and_answers_from_another_port_serves_where_it_was_asked() {
        let mut questions = Questions::default();
        questions.hear(&side(SEARCHER), &side("10.0.0.255"), number("ccief-basic"), udp(61450), &tally(9, 0));
        let mut server = side(DEVICE);
        server.component = NonZeroU32::new(1);
        questions.hear(&side(SEARCHER), &server, number("pn_io"), udp(34964), &tally(1, 0));
        questions.settle();
        let served = |protocol: &str, port| questions.served(&side(SEARCHER), &server, number(protocol), udp(port), &tally(0, 1));
        assert_eq!(served("ccief-basic", 61450), Serves::Server(61450), "a subnet's broadcast");
        assert_eq!(served("pn_io", 49161), Serves::Server(34964));
        let other = Side { component: NonZeroU32::new(2), ..side("10.0.0.23") };
        assert_eq!(
            questions.served(&side(SEARCHER), &other, number("pn_io"), udp(49161), &tally(0, 1)),
            Serves::ServerSomewhere,
            "another was asked"
        );
    }

    #[test]
    fn an_answer_from_a_port_that_is_never_assigned_shows_no_service_where_no_question_is_seen() {
        let served = |port| Questions::default().served(&side(SEARCHER), &side(DEVICE), number("ssdp"), udp(port), &tally(0, 3));
        assert_eq!((served(1900), served(47808), served(49152)), (Serves::Server(1900), Serves::Server(47808), Serves::ServerSomewhere));
        let tcp = Endpoint { transport: Transport::Tcp, port: 54255 };
        assert_eq!(Questions::default().served(&side(SEARCHER), &side(DEVICE), number("ftp-data"), tcp, &tally(0, 3)), Serves::Server(54255));
    }
}
