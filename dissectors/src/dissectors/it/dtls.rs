//! DTLS: TLS over datagrams, of CoAP, CIP Security, WebRTC and VPNs.
//!
//! Spec: RFC 6347 (1.2), RFC 4347 (1.0), RFC 9147 (1.3).
//! Tells us: as TLS: certificates of both sides (up to 1.2), version, cipher suite, server name, JA3 and JA4, mutual authentication.
//! Does not tell: what is encrypted; who holds a pre-shared key.

use super::tls_handshake::{
    self as handshake, CERTIFICATE, CERTIFICATE_REQUEST, CLIENT_HELLO, Decision, Gathered, HANDSHAKE_BYTES_MAX, IN_THE_CLEAR, SERVER_HELLO,
    is_version,
};
use super::tls_key_exchange::{self as key_exchange, CLIENT_KEY_EXCHANGE, SERVER_KEY_EXCHANGE};
use super::tls_proof::{self as proof, Signed};
use crate::context::Context;
use crate::dissector::Binding::{Udp, Under};
use crate::dissector::{At, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::ja::Carrier;
use crate::login;
use nom::bytes::take;
use nom::number::{be_u8, be_u16, be_u24};
use nom::{IResult, Parser};
use observations::Transport;

pub(crate) struct Dtls;

const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const HEARTBEAT: u8 = 24;

/// RFC 6347 §4.1: type, version, epoch, sequence number, length.
const HEADER: usize = 13;

/// RFC 6347 §4.2.2: type, length, message number, fragment offset and length.
const MESSAGE_HEADER: usize = 12;

/// RFC 6347 §4.1.1: records in one datagram; a flight has six messages.
const RECORDS_MAX: usize = 16;

impl Dissector for Dtls {
    type State = State;

    const ROW: Row = Row {
        name: "dtls",
        revision: 3,
        spec: "RFC 6347, RFC 9147",
        tells: "certificates, versions and cipher suites, server names, JA3 and JA4, mutual authentication",
        // OpenSSL's default, coaps, CIP Security, radius/dtls, syslog-dtls, capwap's cousins; "dtls" is who carries datagrams in others.
        bindings: &[Udp(4433), Udp(5684), Udp(2221), Udp(2083), Udp(6514), Udp(853), Udp(443), Under("dtls", 0)],
        shapes: &[Shape {
            over: Transport::Udp,
            // A handshake record of epoch 0 with a client's or server's hello or a hello verify request.
            bytes: &[(0, 0xff, HANDSHAKE), (3, 0xff, 0), (4, 0xff, 0), (13, 0xfc, 0)],
            min: HEADER + MESSAGE_HEADER + 3,
            max: usize::MAX,
        }],
        operations: &[],
    };

    /// Only a hello in the clear begins a conversation here: encrypted records have too little form to be told from other datagrams.
    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Ok((_, record)) = record(head) else { return Gate::NotMine };
        let Ok((_, fragment)) = fragment(record.body) else { return Gate::NotMine };
        let hello = matches!(fragment.kind, CLIENT_HELLO | SERVER_HELLO | VERIFY_REQUEST);
        let sound = record.kind == HANDSHAKE && record.epoch == 0 && hello && fragment.is_sound();
        let version = fragment.body.first_chunk().map_or(0, |version| u16::from_be_bytes(*version));
        if sound && fragment.offset == 0 && is_version(version, Carrier::Dtls) { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.get(HEADER) {
            Some(&CLIENT_HELLO) => Side::Client,
            Some(_) => Side::Server,
            None => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        match head.first_chunk::<5>() {
            Some([HANDSHAKE, _, _, 0, 0]) => Glance::READ,
            Some([kind, ..]) => Glance { look: Look::Once(u32::from(*kind) << 1 | u32::from(at.from_client == Some(false))), ..Glance::SKIP },
            None => Glance::SKIP,
        }
    }

    fn read(&self, pdu: &[u8], state: &mut State, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let mut rest = pdu;
        for _ in 0..RECORDS_MAX {
            let Ok((next, record)) = record(rest) else { break };
            state.record(&record, cx)?;
            rest = next;
        }
        Ok(state.next())
    }
}

/// RFC 6347 §4.2.1: the server asks for the hello again, with a cookie.
const VERIFY_REQUEST: u8 = 3;

struct Record<'a> {
    kind: u8,
    epoch: u16,
    body: &'a [u8],
}

fn record(i: &[u8]) -> IResult<&[u8], Record<'_>> {
    let (i, (kind, version, epoch)) = (be_u8(), be_u16(), be_u16()).parse(i)?;
    let (i, (_sequence, length)) = (take(6usize), be_u16()).parse(i)?;
    if !(CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&kind) || !is_version(version, Carrier::Dtls) {
        return Err(nom::Err::Error(nom::error::Error::new(i, nom::error::ErrorKind::Verify)));
    }
    // A record that the capture cut is read as far as it goes.
    let (body, rest) = i.split_at_checked(usize::from(length)).unwrap_or((i, &[]));
    Ok((rest, Record { kind, epoch, body }))
}

/// RFC 6347 §4.2.2.
struct Fragment<'a> {
    kind: u8,
    length: usize,
    number: u16,
    offset: usize,
    fragment_length: usize,
    /// As much as is there.
    body: &'a [u8],
}

impl Fragment<'_> {
    /// The header that the message has, or would have, in one fragment.
    fn whole_head(&self) -> Vec<u8> {
        let three = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes().into_iter().skip(1);
        let mut head = vec![self.kind];
        head.extend(three(self.length));
        head.extend(self.number.to_be_bytes());
        head.extend(three(0).chain(three(self.length)));
        head
    }

    fn is_sound(&self) -> bool {
        IN_THE_CLEAR.contains(&self.kind) && self.length <= HANDSHAKE_BYTES_MAX && self.offset + self.fragment_length <= self.length
    }
}

fn fragment(i: &[u8]) -> IResult<&[u8], Fragment<'_>> {
    let (i, (kind, length, number)) = (be_u8(), be_u24(), be_u16()).parse(i)?;
    let (i, (offset, fragment_length)) = (be_u24(), be_u24()).parse(i)?;
    let narrow = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
    let (body, rest) = i.split_at_checked(narrow(fragment_length)).unwrap_or((i, &[]));
    Ok((rest, Fragment { kind, length: narrow(length), number, offset: narrow(offset), fragment_length: narrow(fragment_length), body }))
}

/// How far a conversation is.
#[derive(Default)]
pub(crate) struct State {
    client: Half,
    server: Half,
    client_hello: bool,
    session: Vec<u8>,
    suite: Option<u16>,
    /// The client has shown a certificate, and the server has not yet gone on.
    shown: bool,
    signed: Signed,
}

/// One direction.
#[derive(Default)]
struct Half {
    /// What follows is encrypted.
    encrypted: bool,
    /// The message that is being put together: its number, and its bytes so far.
    number: u16,
    gathered: Gathered,
    /// The number of the next message that is new.
    next: u16,
}

impl State {
    fn half(&mut self, cx: &Context<'_>) -> &mut Half {
        if cx.from_client() == Some(false) { &mut self.server } else { &mut self.client }
    }

    const fn next(&self) -> Next {
        if self.client.encrypted && self.server.encrypted { Next::Count } else { Next::Read }
    }

    fn record(&mut self, record: &Record<'_>, cx: &mut Context<'_>) -> Result<(), DissectError> {
        match record.kind {
            HANDSHAKE if record.epoch == 0 => {
                let mut i = record.body;
                // A fragment takes twelve bytes at least, so the datagram bounds them.
                while i.len() >= MESSAGE_HEADER {
                    let (rest, found) = fragment(i)?;
                    self.fragment(&found, cx)?;
                    i = rest;
                }
                Ok(())
            }
            CHANGE_CIPHER_SPEC | HANDSHAKE => {
                self.half(cx).encrypted = true;
                if cx.from_client() == Some(false) && std::mem::take(&mut self.shown) {
                    let server = cx.sender();
                    drop(login::say(cx, &server, "certificate", login::ACCEPTED));
                }
                Ok(())
            }
            APPLICATION_DATA => {
                (self.client.encrypted, self.server.encrypted) = (true, true);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Fragments come in order as a rule; a repeated one is passed over, and with one that is missing the message is given up.
    fn fragment(&mut self, found: &Fragment<'_>, cx: &mut Context<'_>) -> Result<(), DissectError> {
        if !found.is_sound() {
            return Err(DissectError::Malformed { rule: "fragment", offset: 0 });
        }
        if found.body.len() == found.length {
            return self.message(found, found.body, true, cx);
        }
        if found.body.len() < found.fragment_length {
            let read = if found.offset == 0 { self.message(found, found.body, false, cx) } else { Ok(()) };
            return read.and(Err(DissectError::Truncated { needed: found.fragment_length }));
        }
        let spans = cx.spans_of(found.body);
        let half = self.half(cx);
        if found.offset == 0 && (half.number != found.number || half.gathered.bytes.is_empty()) {
            (half.number, half.gathered) = (found.number, Gathered::default());
        }
        if half.number != found.number || half.gathered.bytes.len() != found.offset {
            return Ok(());
        }
        if !half.gathered.push(found.body, spans) {
            half.gathered = Gathered::default();
            return Err(DissectError::Malformed { rule: "handshake message in over 256 fragments", offset: 0 });
        }
        if half.gathered.bytes.len() < found.length {
            return Ok(());
        }
        let whole = half.gathered.take(found.length);
        cx.stitched(&whole.bytes, &whole.parts, "dtls-fragments", |bytes, cx| self.message(found, bytes, true, cx))
    }

    fn message(&mut self, found: &Fragment<'_>, body: &[u8], whole: bool, cx: &mut Context<'_>) -> Result<(), DissectError> {
        let mut decision = None;
        let read = self.read(found.kind, body, whole, &mut decision, cx);
        let half = self.half(cx);
        let next = if found.kind == CLIENT_HELLO { found.number } else { half.next };
        if !whole || found.number > next {
            self.signed.forget();
        } else if found.number == next {
            half.next = next.saturating_add(1);
            // RFC 6347 §4.2.6: each message is hashed as if it had come in one fragment.
            let head = found.whole_head();
            self.signed.message(proof::Message { kind: found.kind, head: &head, body }, decision, true, cx);
        }
        read
    }

    fn read(&mut self, kind: u8, body: &[u8], whole: bool, decided: &mut Option<Decision>, cx: &mut Context<'_>) -> Result<(), DissectError> {
        match kind {
            // The second one only adds the cookie.
            CLIENT_HELLO if !self.client_hello => {
                self.client_hello = true;
                self.session = handshake::session(body).to_vec();
                handshake::client_hello(body, Carrier::Dtls, cx)
            }
            SERVER_HELLO => {
                let decision = handshake::server_hello(body, Carrier::Dtls, &self.session, cx)?;
                self.suite = Some(decision.suite);
                *decided = Some(decision);
                if decision.hides_the_rest && !decision.retry {
                    (self.client.encrypted, self.server.encrypted) = (true, true);
                }
                Ok(())
            }
            // RFC 6347 §4.2.1: who asks must show that it is where it says.
            VERIFY_REQUEST => {
                let server = cx.sender();
                login::protection(cx, &server, "cookie", login::REQUIRED);
                Ok(())
            }
            CERTIFICATE => {
                // RFC 5246 §7.4.6: a client that has none shows an empty list.
                if cx.from_client() == Some(true) && body.len() > 3 {
                    self.shown = true;
                    let server = cx.receiver();
                    drop(login::say(cx, &server, "certificate", login::ATTEMPTED));
                }
                handshake::certificates(body, whole, cx)
            }
            CERTIFICATE_REQUEST => handshake::certificate_request(body, cx),
            SERVER_KEY_EXCHANGE => {
                key_exchange::server(self.suite, body, cx);
                Ok(())
            }
            CLIENT_KEY_EXCHANGE => {
                key_exchange::client(self.suite, body, cx);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, payload};
    use observations::{Field, Kind};

    const CLIENT: &[u8] = &[
        22, 0xfe, 0xff, // handshake, DTLS 1.0
        0, 0, 0, 0, 0, 0, 0, 0, // epoch 0, sequence 0
        0, 0x3a, // 58 bytes
        1, 0, 0, 0x2e, 0, 0, 0, 0, 0, 0, 0, 0x2e, // ClientHello, one fragment of 46 bytes
        0xfe, 0xfd, // DTLS 1.2
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, // random
        0, 0, // no session, no cookie
        0, 2, 0xc0, 0xa8, // TLS_PSK_WITH_AES_128_CCM_8
        1, 0, // no compression
        0, 0, // no extensions
    ];

    /// A fragment of a handshake message in a record of its own.
    fn datagram(kind: u8, message: &[u8], from: usize, to: usize) -> Vec<u8> {
        let three = |number: usize| number.to_be_bytes()[5..].to_vec();
        let length = u16::try_from(to - from + MESSAGE_HEADER).unwrap().to_be_bytes();
        let header = [&[kind][..], &three(message.len()), &[0, 1], &three(from), &three(to - from)].concat();
        [&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0][..], &length, &header, &message[from..to]].concat()
    }

    #[test]
    fn a_client_s_hello_shows_its_software() {
        let said = payload(&Dtls, Transport::Udp, 50000, 5684, CLIENT);
        assert_eq!(field(&said, Kind::Client, Field::TlsVersion), ["65277"]);
        assert_eq!(field(&said, Kind::Client, Field::Ja4)[0], "dd2i010000_7bb309af3d46_000000000000");
    }

    #[test]
    fn a_chain_in_fragments_is_put_together() {
        let sized = |body: &[u8]| [&u32::try_from(body.len()).unwrap().to_be_bytes()[1..], body].concat();
        let chain = sized(&sized(&crate::x509::tests::certificate()));
        let middle = chain.len() / 2;
        let (first, second) = (datagram(11, &chain, 0, middle), datagram(11, &chain, middle, chain.len()));
        let said =
            conversation(&Dtls, Transport::Udp, &[(50000, 5684, CLIENT), (5684, 50000, &first), (5684, 50000, &first), (5684, 50000, &second)]);
        assert_eq!(field(&said, Kind::Certificate, Field::CertificateCommonName), ["plc-7"]);
        assert_eq!(field(&said, Kind::Certificate, Field::CertificateRole), ["server"]);
        let found = said.iter().find(|said| said.kind == Kind::Certificate).unwrap();
        assert_eq!(found.fields_first[0].spans.iter().map(|span| span.packet).collect::<Vec<_>>(), [2, 4]);
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n plus some more bytes"[..], &[0; 60], &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3], &CLIENT[..20]] {
            assert_eq!(gate(&Dtls, stranger, 5684), Gate::NotMine);
        }
    }
}
