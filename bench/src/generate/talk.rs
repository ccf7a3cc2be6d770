//! Talks: whatever sends frames over time. A conversation of two, a cyclic sender, or a few frames once.

use super::air::Air;
use super::frame::{End, udp};
use super::random::Random;
use super::tcp::{Client, Server, Side, Tcp};

/// One message of a conversation.
pub(crate) type Turn = (Side, Vec<u8>);
/// Makes the messages of the next round.
pub(crate) type Round = Box<dyn FnMut(&mut Random) -> Vec<Turn>>;
/// Makes the frame of a cycle from its number.
pub(crate) type Repeat = Box<dyn FnMut(u64, &mut Random) -> Vec<u8>>;

/// Something that sends frames from time to time.
pub(crate) trait Talk {
    /// Sends what passes from `now` on; when to be asked again, or `None` at the end.
    fn go_on(&mut self, now: u64, air: &mut Air) -> Option<u64>;
}

/// How a conversation travels.
pub(crate) enum Link {
    /// Over a connection.
    Tcp(Box<Tcp>),
    /// In datagrams between client and server.
    Udp(End, End, Option<u16>),
}

/// How a conversation begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// From handshake to close.
    Whole,
    /// Was open before the capture began and stays so.
    Midway,
    /// Opened, and still open at the end.
    Open,
    /// Turned away at once.
    Refused,
}

/// Two that talk: an opening, then rounds.
pub(crate) struct Conversation {
    /// How it travels.
    pub(crate) link: Link,
    /// Said once, first.
    pub(crate) opening: Vec<Turn>,
    /// Said again and again.
    pub(crate) round: Round,
    /// How often.
    pub(crate) rounds: u32,
    /// Microseconds between two rounds, on average.
    pub(crate) gap: u64,
    /// How it begins and ends.
    pub(crate) span: Span,
    begun: bool,
}

impl Conversation {
    /// A conversation that has only an opening.
    pub(crate) fn brief(link: Link, opening: Vec<Turn>) -> Self {
        Self { link, opening, round: Box::new(|_| Vec::new()), rounds: 0, gap: 20_000, span: Span::Whole, begun: false }
    }

    /// The same with `rounds` rounds spread over `life` microseconds.
    pub(crate) fn rounds(mut self, rounds: u64, life: u64, round: Round) -> Self {
        self.rounds = rounds.max(1) as u32;
        self.gap = life / u64::from(self.rounds);
        self.round = round;
        self
    }

    /// The same with another beginning or end.
    pub(crate) fn spanning(mut self, span: Span) -> Self {
        self.span = span;
        if span == Span::Midway {
            self.opening.clear();
        }
        self
    }

    /// Boxed for the schedule.
    pub(crate) fn boxed(self) -> Box<dyn Talk> {
        Box::new(self)
    }

    fn begin(&mut self, now: u64, air: &mut Air) -> u64 {
        self.begun = true;
        let mut at = now;
        if let Link::Tcp(tcp) = &mut self.link
            && self.span != Span::Midway
        {
            at = tcp.open(now, air);
        }
        let opening = std::mem::take(&mut self.opening);
        exchange(&mut self.link, &opening, at, air)
    }

    fn end(&mut self, at: u64, air: &mut Air) {
        if let (Link::Tcp(tcp), Span::Whole) = (&mut self.link, self.span) {
            tcp.close(at + 100, air);
        }
    }
}

impl Talk for Conversation {
    fn go_on(&mut self, now: u64, air: &mut Air) -> Option<u64> {
        if let (Link::Tcp(tcp), Span::Refused) = (&mut self.link, self.span) {
            tcp.refused(now, air);
            return None;
        }
        let done = if self.begun {
            let turns = (self.round)(&mut air.random);
            self.rounds -= 1;
            exchange(&mut self.link, &turns, now, air)
        } else {
            self.begin(now, air)
        };
        if self.rounds == 0 {
            self.end(done, air);
            return None;
        }
        let gap = air.random.between(self.gap * 9 / 10, self.gap * 11 / 10);
        Some(done.max(now + gap))
    }
}

/// Says `turns` one after the other; when the last has passed.
fn exchange(link: &mut Link, turns: &[Turn], at: u64, air: &mut Air) -> u64 {
    let mut now = at;
    for (number, (from, bytes)) in turns.iter().enumerate() {
        let last = turns.get(number + 1).is_none_or(|next| next.0 == *from);
        match link {
            Link::Tcp(tcp) => now = over_tcp(tcp, *from, bytes, last, now, air),
            Link::Udp(client, server, vlan) => {
                let (speaker, listener) = match from {
                    Client => (&*client, &*server),
                    Server => (&*server, &*client),
                };
                let id = air.random.word();
                air.send(now, udp(speaker, listener, *vlan, id, bytes));
                now += if last { 15 } else { air.random.between(200, 900) };
            }
        }
    }
    now
}

fn over_tcp(tcp: &mut Tcp, from: Side, bytes: &[u8], unanswered: bool, at: u64, air: &mut Air) -> u64 {
    let passed = tcp.say(from, bytes, at, air);
    if !unanswered {
        return passed + tcp.trip;
    }
    let listener = if from == Client { Server } else { Client };
    tcp.acknowledge(listener, passed + 150, air);
    passed + 200
}

/// One sender that repeats itself below IP.
pub(crate) struct Cyclic {
    /// Makes the frame of a cycle from its number.
    pub(crate) frame: Repeat,
    /// The cycle to send next.
    pub(crate) next: u64,
    /// How many cycles there are.
    pub(crate) cycles: u64,
    /// Microseconds between them.
    pub(crate) gap: u64,
}

impl Talk for Cyclic {
    fn go_on(&mut self, now: u64, air: &mut Air) -> Option<u64> {
        let frame = (self.frame)(self.next, &mut air.random);
        air.send(now, frame);
        self.next += 1;
        let jitter = air.random.below(self.gap / 50 + 1);
        (self.next < self.cycles).then_some(now + self.gap + jitter)
    }
}

/// A few frames once, each some microseconds after the start.
pub(crate) struct Frames(pub(crate) Vec<(u64, Vec<u8>)>);

impl Talk for Frames {
    fn go_on(&mut self, now: u64, air: &mut Air) -> Option<u64> {
        for (after, frame) in self.0.drain(..) {
            air.send(now + after, frame);
        }
        None
    }
}
