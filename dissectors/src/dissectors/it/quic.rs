//! QUIC: which hosts speak it, whom clients ask for and with which software.
//!
//! Spec: RFC 9000 §16 to §19 (packets and frames), RFC 9001 §5 (protection), RFC 9369 (version 2).
//! Tells us: the version; of a client's first packets its hello: server name, ALPN, JA4; of the server's its choice of suite and group.
//! Does not tell: certificates, and what is said: all that is encrypted under keys that only both ends have.

use super::quic_keys::{Keys, initial_type, is_known};
use super::tls_handshake::{self as handshake, CLIENT_HELLO, SERVER_HELLO};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::ja::Carrier;
use observations::{Field, Kind, Transport};

pub(crate) struct Quic;

/// RFC 9000 §17.2: a long header and the fixed bit.
const LONG: u8 = 0xc0;
/// RFC 9000 §17.2: connection ids have at most 20 bytes; a client's first one at least 8 (§7.2).
const CONNECTION_MAX: usize = 20;
const CONNECTION_MIN: usize = 8;
/// RFC 9000 §14.1: a client's Initial is padded to 1,200 bytes; the gate sees less of it.
const DATAGRAM_MIN: usize = 1200;
/// Initial packets that are opened of one direction: a hello takes one or two, with keys of after the quantum three.
const PACKETS_MAX: u8 = 8;
/// A hello is no longer: those with large key shares have 2 KiB.
const CRYPTO_MAX: usize = 16 * 1024;
/// Pieces of a hello: some clients shuffle it into a dozen.
const PIECES_MAX: usize = 64;
/// Frames of one packet.
const FRAMES_MAX: usize = 256;

/// RFC 9000 §19.
const PADDING: u64 = 0;
const PING: u64 = 1;
const ACK: u64 = 2;
const ACK_ECN: u64 = 3;
const CRYPTO: u64 = 6;

const fn shape(bytes: &'static [(usize, u8, u8)]) -> Shape {
    // The look at a payload is at no more than its first 512 bytes.
    Shape { over: Transport::Udp, bytes, min: 64, max: usize::MAX }
}

impl Dissector for Quic {
    type State = State;

    const ROW: Row = Row {
        name: "quic",
        revision: 1,
        spec: "RFC 9000, RFC 9001, RFC 9369",
        tells: "versions, server names, ALPN and JA4 of clients, suites",
        bindings: &[Binding::Udp(443), Binding::Udp(853), Binding::Udp(8443), Binding::Udp(4433)],
        shapes: &[
            shape(&[(0, 0xf0, 0xc0), (1, 0xff, 0), (2, 0xff, 0), (3, 0xff, 0), (4, 0xff, 1)]),
            shape(&[(0, 0xf0, 0xd0), (1, 0xff, 0x6b), (2, 0xff, 0x33), (3, 0xff, 0x43), (4, 0xff, 0xcf)]),
            shape(&[(0, 0xf0, 0xc0), (1, 0xff, 0xff), (2, 0xff, 0), (3, 0xff, 0)]),
        ],
        operations: &[],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        match initial(head) {
            Some(packet) if packet.length >= 20 && (packet.to.len() >= CONNECTION_MIN || !packet.from.is_empty()) => Gate::Mine,
            _ => Gate::NotMine,
        }
    }

    fn side(&self, head: &[u8]) -> Side {
        // A client names a server that it does not know yet by eight bytes at least, and pads.
        match initial(head) {
            Some(packet) if packet.to.len() < CONNECTION_MIN => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        if head.first().is_some_and(|first| first & LONG == LONG) { Glance { look: Look::Always, ..Glance::SKIP } } else { Glance::SKIP }
    }

    fn read(&self, pdu: &[u8], state: &mut State, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let mut rest = pdu;
        while let Some(packet) = initial(rest) {
            let end = packet.number_at.saturating_add(packet.length);
            let Some((whole, behind)) = rest.split_at_checked(end) else { break };
            state.packet(&packet, whole, pdu.len(), cx)?;
            rest = behind;
        }
        // A short header (RFC 9000 §17.3): the handshake is over.
        let over = pdu.first().is_some_and(|first| first & 0x80 == 0) || state.is_over();
        Ok(if over { Next::Count } else { Next::Read })
    }
}

/// RFC 9000 §17.2.2.
struct Initial<'a> {
    version: u32,
    to: &'a [u8],
    from: &'a [u8],
    /// Where the packet number stands, and how long the packet is from there.
    number_at: usize,
    length: usize,
    version_at: &'a [u8],
}

fn initial(head: &[u8]) -> Option<Initial<'_>> {
    let (&[first, v0, v1, v2, v3, to_length], _) = head.split_first_chunk::<6>()?;
    let version = u32::from_be_bytes([v0, v1, v2, v3]);
    if first & LONG != LONG || first >> 4 & 3 != initial_type(version) || !is_known(version) {
        return None;
    }
    let (to, rest) = head.get(6..)?.split_at_checked(usize::from(to_length))?;
    let (&from_length, rest) = rest.split_first()?;
    let (from, rest) = rest.split_at_checked(usize::from(from_length))?;
    if to.len() > CONNECTION_MAX || from.len() > CONNECTION_MAX {
        return None;
    }
    let (token, rest) = number(rest)?;
    let rest = rest.get(usize::try_from(token).ok()?..)?;
    let (length, rest) = number(rest)?;
    let length = usize::try_from(length).ok().filter(|length| *length <= usize::from(u16::MAX))?;
    Some(Initial { version, to, from, number_at: head.len() - rest.len(), length, version_at: head.get(1..5)? })
}

/// RFC 9000 §16: the first two bits tell how long a number is.
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let first = *bytes.first()?;
    let (digits, rest) = bytes.split_at_checked(1 << (first >> 6))?;
    let value = digits.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    let bits = digits.len() * 8 - 2;
    Some((value & (u64::MAX >> (64 - bits)), rest))
}

/// Keys of both directions, and both hellos in pieces.
#[derive(Default)]
pub(crate) struct State {
    keys: Option<[Keys; 2]>,
    client: Hello,
    server: Hello,
}

/// A handshake message that comes in pieces, in any order.
#[derive(Default)]
struct Hello {
    packets: u8,
    pieces: Vec<(usize, Vec<u8>)>,
    bytes: usize,
    read: bool,
}

impl State {
    fn is_over(&self) -> bool {
        let done = |hello: &Hello| hello.read || hello.packets >= PACKETS_MAX;
        done(&self.client) && done(&self.server)
    }

    fn packet(&mut self, packet: &Initial<'_>, whole: &[u8], datagram: usize, cx: &mut Context<'_>) -> Result<(), DissectError> {
        let from_client = match cx.from_client() {
            Some(client) => client,
            None => packet.to.len() >= CONNECTION_MIN && datagram >= DATAGRAM_MIN,
        };
        let hello = if from_client { &mut self.client } else { &mut self.server };
        if hello.read || hello.packets >= PACKETS_MAX {
            return Ok(());
        }
        hello.packets += 1;
        let at = usize::from(!from_client);
        let known = self.keys.as_ref().and_then(|keys| keys.get(at)).and_then(|keys| keys.open(whole, packet.number_at));
        // RFC 9001 §5.2: the keys come from where the client's first packet goes; after a Retry from where the next one does.
        let plain = match known {
            None if from_client => {
                let keys = Keys::pair(packet.version, packet.to);
                let plain = keys.as_ref().and_then(|keys| keys.first()).and_then(|keys| keys.open(whole, packet.number_at));
                self.keys = if plain.is_some() { keys } else { self.keys.take() };
                plain
            }
            known => known,
        };
        let Some(plain) = plain else { return Ok(()) };
        let (about, kind) = if from_client { (cx.sender_host(), Kind::Client) } else { (cx.sender(), Kind::Service) };
        cx.say(&about, kind).number(Field::QuicVersion, u64::from(packet.version), packet.version_at);
        let hello = if from_client { &mut self.client } else { &mut self.server };
        frames(&plain, hello);
        let Some(message) = hello.message() else { return Ok(()) };
        hello.read = true;
        hello.pieces = Vec::new();
        cx.derived(&message, whole, "quic-initial", |message, cx| read(message, cx))
    }
}

impl Hello {
    fn push(&mut self, offset: usize, data: &[u8]) {
        if self.pieces.len() < PIECES_MAX && self.bytes + data.len() <= CRYPTO_MAX && offset <= CRYPTO_MAX {
            self.bytes += data.len();
            self.pieces.push((offset, data.to_vec()));
        }
    }

    /// The first message, once its pieces leave no gap.
    fn message(&mut self) -> Option<Vec<u8>> {
        self.pieces.sort_by_key(|piece| piece.0);
        let mut whole: Vec<u8> = Vec::with_capacity(self.bytes);
        for (offset, data) in &self.pieces {
            let known = whole.len().checked_sub(*offset)?;
            whole.extend_from_slice(data.get(known..).unwrap_or_default());
        }
        let &[_, high, middle, low] = whole.first_chunk::<4>()?;
        let length = 4 + (usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low));
        (whole.len() >= length).then(|| {
            whole.truncate(length);
            whole
        })
    }
}

/// RFC 9000 §17.2.2: what frames Initial packets have; CRYPTO holds the handshake.
fn frames(plain: &[u8], hello: &mut Hello) {
    let mut rest = plain;
    for _ in 0..FRAMES_MAX {
        // Padding is one byte a frame, and mostly the rest of the packet.
        let padding = rest.iter().take_while(|byte| u64::from(**byte) == PADDING).count();
        rest = rest.get(padding..).unwrap_or_default();
        let Some((kind, behind)) = number(rest) else { return };
        let next = match kind {
            PING => Some(behind),
            ACK | ACK_ECN => acknowledged(behind, kind == ACK_ECN),
            CRYPTO => crypto(behind, hello),
            _ => None,
        };
        match next {
            Some(next) => rest = next,
            None => return,
        }
    }
}

/// RFC 9000 §19.3: largest, delay, ranges, first range; two numbers a range; three counts of ECN.
fn acknowledged(rest: &[u8], counts: bool) -> Option<&[u8]> {
    /// Initial packets acknowledge a few.
    const RANGES_MAX: u64 = 64;
    let (_, rest) = number(rest)?;
    let (_, rest) = number(rest)?;
    let (ranges, rest) = number(rest)?;
    let numbers = 1 + ranges.min(RANGES_MAX) * 2 + if counts { 3 } else { 0 };
    (0..numbers).try_fold(rest, |rest, _| number(rest).map(|(_, rest)| rest))
}

fn crypto<'a>(rest: &'a [u8], hello: &mut Hello) -> Option<&'a [u8]> {
    let (offset, rest) = number(rest)?;
    let (length, rest) = number(rest)?;
    let (data, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    hello.push(usize::try_from(offset).ok()?, data);
    Some(rest)
}

fn read(message: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let body = message.get(4..).unwrap_or_default();
    match message.first() {
        Some(&CLIENT_HELLO) => handshake::client_hello(body, Carrier::Quic, cx),
        Some(&SERVER_HELLO) => handshake::server_hello(body, Carrier::Quic, &[], cx).map(drop),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::quic_keys::tests::seal;
    use super::*;
    use crate::testing::{conversation, field, gate};
    use observations::Observation;

    const CONNECTION: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

    fn hello() -> Vec<u8> {
        let name = [&[0, 0, 0, 12, 0, 10, 0, 0, 7][..], b"plc.lan"].concat();
        let alpn = [&[0, 16, 0, 5, 0, 3, 2][..], b"h3"].concat();
        let versions = [0, 43, 0, 3, 2, 3, 4];
        let extensions = [&name[..], &alpn, &versions].concat();
        let length = u8::try_from(extensions.len()).unwrap();
        let body = [&[3, 3][..], &[9; 32], &[0, 0, 2, 0x13, 1, 1, 0, 0, length], &extensions].concat();
        [&[1, 0, 0, u8::try_from(body.len()).unwrap()][..], &body].concat()
    }

    fn crypto(offset: usize, data: &[u8]) -> Vec<u8> {
        [&[6, u8::try_from(offset).unwrap(), 0x40, u8::try_from(data.len()).unwrap()][..], data].concat()
    }

    fn initial_of(version: u32, from_client: bool, frames: &[u8]) -> Vec<u8> {
        seal(version, &CONNECTION, from_client, &[frames, &vec![0; 1180 - frames.len()]].concat())
    }

    fn talk(port: u16, datagrams: &[(bool, Vec<u8>)]) -> Vec<Observation> {
        let datagrams: Vec<_> = datagrams.iter().map(|(up, d)| if *up { (50000, port, &d[..]) } else { (port, 50000, &d[..]) }).collect();
        conversation(&Quic, Transport::Udp, &datagrams)
    }

    #[test]
    fn a_client_s_hello_is_opened_and_the_server_s_choice() {
        let choice = [&[2, 0, 0, 46, 3, 3][..], &[8; 32], &[0, 0x13, 2, 0, 0, 6, 0, 43, 0, 2, 3, 4]].concat();
        let said = talk(443, &[(true, initial_of(1, true, &crypto(0, &hello()))), (false, initial_of(1, false, &crypto(0, &choice)))]);
        assert_eq!(field(&said, Kind::Client, Field::TlsServerName), ["plc.lan"]);
        assert_eq!(field(&said, Kind::Client, Field::TlsAlpn), ["h3"]);
        assert!(field(&said, Kind::Client, Field::Ja4)[0].starts_with("q13d0103h3_"));
        assert_eq!(field(&said, Kind::Client, Field::QuicVersion), ["1"]);
        assert_eq!(field(&said, Kind::Security, Field::TlsCipherSuite), ["4866"]);
        let name = said.iter().find(|said| said.get(Field::TlsServerName).is_some()).unwrap();
        assert_eq!(name.fields_first[0].derivation.as_deref(), Some("quic-initial"));
    }

    #[test]
    fn pieces_come_in_any_order_and_in_two_packets() {
        let hello = hello();
        let (first, second) = hello.split_at(40);
        let one = talk(443, &[(true, initial_of(1, true, &[crypto(40, second), crypto(0, first)].concat()))]);
        assert_eq!(field(&one, Kind::Client, Field::TlsServerName), ["plc.lan"]);
        let two = talk(8443, &[(true, initial_of(0x6b33_43cf, true, &crypto(40, second))), (true, initial_of(0x6b33_43cf, true, &crypto(0, first)))]);
        assert_eq!(field(&two, Kind::Client, Field::TlsServerName), ["plc.lan"]);
    }

    #[test]
    fn it_is_found_elsewhere_and_strangers_are_refused() {
        let packet = initial_of(1, true, &crypto(0, &hello()));
        assert_eq!(field(&talk(40443, &[(true, packet.clone())]), Kind::Client, Field::TlsAlpn), ["h3"]);
        let mut other = packet.clone();
        other[4] = 9;
        for stranger in [&other[..], &packet[..12], &[0xc0; 64], b"GET / HTTP/1.1\r\n\r\n", &[0x16, 0xfe, 0xfd, 0, 0, 0, 0, 0]] {
            assert_eq!(gate(&Quic, stranger, 443), Gate::NotMine);
        }
        let mut broken = packet;
        broken[100] ^= 1;
        assert!(talk(443, &[(true, broken)]).iter().all(|said| said.protocol != "quic"));
    }
}
