//! One TCP connection: handshake, segments with true sequence numbers, acknowledgements, the end.

use super::air::Air;
use super::frame::{End, Segment, tcp};
use super::put::Put;
use super::random::Random;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PSH: u8 = 8;
const ACK: u8 = 16;

/// Microseconds between two full segments of one sender.
const PACE: u64 = 13;

/// Who of the two speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Who opened.
    Client,
    /// Who answers.
    Server,
}
pub(crate) use Side::{Client, Server};

impl Side {
    fn other(self) -> Self {
        match self {
            Client => Server,
            Server => Client,
        }
    }
}

/// The make of a TCP stack, told by its SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stack {
    /// MSS, SACK, timestamps, window scale; TTL 64.
    Linux,
    /// MSS, window scale, SACK; TTL 128.
    Windows,
    /// MSS only; TTL 64, a small window.
    Embedded,
}

impl Stack {
    /// The initial time to live.
    pub(crate) fn hops(self) -> u8 {
        match self {
            Self::Windows => 128,
            Self::Linux | Self::Embedded => 64,
        }
    }

    fn window(self) -> u16 {
        match self {
            Self::Linux => 64_240,
            Self::Windows => 65_535,
            Self::Embedded => 4_096,
        }
    }

    fn syn_options(self, stamps: Option<[u8; 8]>) -> Vec<u8> {
        let mut options = vec![2, 4, 5, 0xb4];
        match (self, stamps) {
            (Self::Embedded, _) => {}
            (Self::Linux, Some(stamps)) => {
                options.raw(&[4, 2, 8, 10]).raw(&stamps).raw(&[1, 3, 3, 7]);
            }
            (Self::Linux | Self::Windows, _) => {
                options.raw(&[1, 3, 3, 8, 1, 1, 4, 2]);
            }
        }
        options
    }
}

/// One end's own numbers.
struct Peer {
    end: End,
    stack: Stack,
    next: u32,
    id: u16,
    clock: u32,
}

impl Peer {
    fn new(end: End, stack: Stack, random: &mut Random) -> Self {
        Self { end, stack, next: random.next() as u32, id: random.word(), clock: random.next() as u32 >> 1 }
    }
}

/// A connection between two ends.
pub(crate) struct Tcp {
    client: Peer,
    server: Peer,
    vlan: Option<u16>,
    stamped: bool,
    /// From here to the server and back, in microseconds.
    pub(crate) trip: u64,
}

impl Tcp {
    /// A connection not yet opened.
    pub(crate) fn new((client, client_stack): (End, Stack), (server, server_stack): (End, Stack), vlan: Option<u16>, random: &mut Random) -> Self {
        Self {
            client: Peer::new(client, client_stack, random),
            server: Peer::new(server, server_stack, random),
            vlan,
            stamped: client_stack == Stack::Linux && server_stack == Stack::Linux,
            trip: random.between(150, 900),
        }
    }

    /// The handshake; when it is done.
    pub(crate) fn open(&mut self, at: u64, air: &mut Air) -> u64 {
        self.segment(Client, SYN, &[], at, air);
        let answered = at + self.trip;
        self.segment(Server, SYN | ACK, &[], answered, air);
        let open = answered + 60;
        self.segment(Client, ACK, &[], open, air);
        open + 40
    }

    /// An attempt that is turned away.
    pub(crate) fn refused(&mut self, at: u64, air: &mut Air) {
        self.segment(Client, SYN, &[], at, air);
        self.server.next = 0;
        self.segment(Server, RST | ACK, &[], at + self.trip, air);
    }

    /// Sends `bytes` in segments, every second one acknowledged; when the last has passed.
    pub(crate) fn say(&mut self, from: Side, bytes: &[u8], at: u64, air: &mut Air) -> u64 {
        let most = if self.stamped { 1_448 } else { 1_460 };
        let mut now = at;
        let count = bytes.len().div_ceil(most);
        for (number, part) in bytes.chunks(most).enumerate() {
            let last = number + 1 == count;
            let flags = if last { PSH | ACK } else { ACK };
            self.segment(from, flags, part, now, air);
            if number % 2 == 1 && !last {
                self.segment(from.other(), ACK, &[], now + PACE / 2, air);
            }
            now += PACE;
        }
        now
    }

    /// A bare acknowledgement.
    pub(crate) fn acknowledge(&mut self, from: Side, at: u64, air: &mut Air) {
        self.segment(from, ACK, &[], at, air);
    }

    /// Both sides say that they are done.
    pub(crate) fn close(&mut self, at: u64, air: &mut Air) {
        self.segment(Client, FIN | ACK, &[], at, air);
        self.segment(Server, FIN | ACK, &[], at + self.trip, air);
        self.segment(Client, ACK, &[], at + self.trip + 50, air);
    }

    fn segment(&mut self, from: Side, flags: u8, payload: &[u8], at: u64, air: &mut Air) {
        let (vlan, stamped) = (self.vlan, self.stamped);
        let (speaker, listener) = match from {
            Client => (&mut self.client, &mut self.server),
            Server => (&mut self.server, &mut self.client),
        };
        let answers = flags & ACK != 0;
        let mut stamps = [0; 8];
        let now = (at / 1_000) as u32;
        stamps[..4].copy_from_slice(&speaker.clock.wrapping_add(now).to_be_bytes());
        if answers {
            stamps[4..].copy_from_slice(&listener.clock.wrapping_add(now).to_be_bytes());
        }
        let options = if flags & SYN != 0 {
            speaker.stack.syn_options(stamped.then_some(stamps))
        } else if stamped {
            [&[1, 1, 8, 10], &stamps[..]].concat()
        } else {
            Vec::new()
        };
        let segment = Segment {
            sequence: speaker.next,
            acknowledgement: if answers { listener.next } else { 0 },
            flags,
            window: if flags & RST != 0 { 0 } else { speaker.stack.window() },
            options: &options,
        };
        air.send(at, tcp(&speaker.end, &listener.end, vlan, speaker.id, &segment, payload));
        speaker.id = speaker.id.wrapping_add(1);
        let counted = payload.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
        speaker.next = speaker.next.wrapping_add(counted);
    }
}
