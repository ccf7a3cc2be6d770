//! TLS records, and the handshake messages that they carry: framing, putting together, and how far a conversation is.
//!
//! Spec: RFC 8446 §5.1 and §4, RFC 5246 §6.2 and §7.

use super::tls_handshake::{
    self as handshake, CERTIFICATE, CERTIFICATE_REQUEST, CLIENT_HELLO, Decision, Gathered, HANDSHAKE_BYTES_MAX, IN_THE_CLEAR, SERVER_HELLO,
    SERVER_HELLO_DONE, is_version,
};
use super::tls_key_exchange::{self as key_exchange, CLIENT_KEY_EXCHANGE, SERVER_KEY_EXCHANGE};
use super::tls_proof::{self as proof, Signed};
use crate::context::Context;
use crate::dissector::{DissectError, Gate, Next, Side};
use crate::ja::Carrier;
use crate::login;
use observations::Transport;

/// RFC 8446 §5.1: type, version, length.
pub(super) const HEADER: usize = 5;
pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
pub(super) const HEARTBEAT: u8 = 24;

/// RFC 5246 §6.2.3: 2^14 bytes, and 2,048 that compression and protection may add.
const RECORD_MAX: usize = 16_384 + 2_048;

/// Handshake message: type, length (RFC 8446 §4).
pub(super) const MESSAGE_HEADER: usize = 4;

/// The longest record with its header.
pub(super) const RECORD_END: usize = HEADER + RECORD_MAX;

/// RFC 8446 §5.1.
pub(super) struct Record<'a> {
    pub(super) kind: u8,
    /// As the header says.
    length: usize,
    /// As much as is there.
    pub(super) body: &'a [u8],
}

/// The record at the head of these bytes, and what follows it if it is all there.
pub(super) fn record(head: &[u8]) -> Option<(Record<'_>, Option<&[u8]>)> {
    let (&[kind @ CHANGE_CIPHER_SPEC..=HEARTBEAT, 3, 0..=7, high, low], rest) = head.split_first_chunk::<HEADER>()? else { return None };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > RECORD_MAX {
        return None;
    }
    Some(match rest.split_at_checked(length) {
        Some((body, next)) => (Record { kind, length, body }, Some(next)),
        None => (Record { kind, length, body: rest }, None),
    })
}

impl Record<'_> {
    /// Whether the length suits the type: a change is one byte, an alert two or encrypted, handshake is never empty.
    pub(super) fn is_sound(&self) -> bool {
        match self.kind {
            CHANGE_CIPHER_SPEC => self.length == 1 && self.body.first().is_none_or(|change| *change == 1),
            ALERT => (self.length == 2 && self.body.first().is_none_or(|level| matches!(level, 1 | 2))) || self.length >= 16,
            HANDSHAKE => self.length >= MESSAGE_HEADER,
            _ => self.length > 0,
        }
    }

    /// Whether it shows by itself that it is TLS: a hello by its length and version, another handshake message in the clear by both
    /// lengths, a change of cipher. Anything else could be another's.
    pub(super) fn shows_itself(&self) -> Gate {
        /// RFC 5246 §7.4.1.2: version, random and an empty session.
        const HELLO_MIN: usize = 2 + 32 + 1;
        if self.kind != HANDSHAKE {
            return if self.kind == CHANGE_CIPHER_SPEC && self.body == [1] { Gate::Mine } else { Gate::NotMine };
        }
        let Some((&[kind, b2, b1, b0], body)) = self.body.split_first_chunk::<MESSAGE_HEADER>() else {
            return if self.body.len() < self.length { Gate::More } else { Gate::NotMine };
        };
        let length = usize::from(b2) << 16 | usize::from(b1) << 8 | usize::from(b0);
        let sound = match kind {
            CLIENT_HELLO | SERVER_HELLO => {
                let version = body.first_chunk().is_none_or(|version| is_version(u16::from_be_bytes(*version), Carrier::Tcp));
                version && (HELLO_MIN..=HANDSHAKE_BYTES_MAX).contains(&length)
            }
            // A list of certificates is three bytes shorter than its message.
            CERTIFICATE => (3..=HANDSHAKE_BYTES_MAX).contains(&length) && body.get(..3) == length.saturating_sub(3).to_be_bytes().get(5..),
            SERVER_HELLO_DONE => length == 0 && self.length == MESSAGE_HEADER,
            _ => IN_THE_CLEAR.contains(&kind) && length > 0 && length + MESSAGE_HEADER <= self.length,
        };
        if sound { Gate::Mine } else { Gate::NotMine }
    }
}

/// How far a conversation is.
#[derive(Default)]
pub(crate) struct State {
    client: Half,
    server: Half,
    client_hello: bool,
    server_hello: bool,
    /// The session that the client asked for, and the suite that the server chose.
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
    gathered: Gathered,
}

impl State {
    fn half(&mut self, cx: &Context<'_>) -> &mut Half {
        if cx.from_client() == Some(false) { &mut self.server } else { &mut self.client }
    }

    /// After a client's hello in the old form the server may go on in the new one; after a server's there is nothing but SSL 2.0.
    pub(super) const fn ssl2(&mut self, side: Side) {
        match side {
            Side::Server => (self.client.encrypted, self.server.encrypted) = (true, true),
            _ => self.client_hello = true,
        }
    }

    pub(super) fn record(&mut self, record: &Record<'_>, cx: &mut Context<'_>) -> Result<(), DissectError> {
        match record.kind {
            HANDSHAKE if !self.half(cx).encrypted => self.handshake(record, cx),
            CHANGE_CIPHER_SPEC => {
                self.half(cx).encrypted = true;
                // RFC 5246 §7.3: the server changes after it has verified what the client showed.
                if cx.from_client() == Some(false) && std::mem::take(&mut self.shown) {
                    let server = cx.sender();
                    drop(login::say(cx, &server, "certificate", login::ACCEPTED));
                }
                Ok(())
            }
            APPLICATION_DATA => {
                self.half(cx).encrypted = true;
                // Early data (RFC 8446 §2.3) is all that a client sends before the server's hello; whatever else is data comes after the
                // handshakes of both.
                if cx.from_client() == Some(false) || self.server_hello || !self.client_hello {
                    (self.client.encrypted, self.server.encrypted) = (true, true);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(super) const fn next(&self, cx: &Context<'_>) -> Next {
        match (self.client.encrypted, self.server.encrypted) {
            (true, true) => Next::Count,
            (false, false) => Next::Read,
            _ if cx.from_client().is_none() => Next::Count,
            _ => Next::Watch,
        }
    }

    /// Handshake messages may stand several in a record and go on from one record to the next (RFC 8446 §5.1). One that breaks its form
    /// does not hide those behind it.
    fn handshake(&mut self, record: &Record<'_>, cx: &mut Context<'_>) -> Result<(), DissectError> {
        if !self.half(cx).gathered.bytes.is_empty() {
            return self.gather(record.body, cx);
        }
        let mut i = record.body;
        let mut result = Ok(());
        while !i.is_empty() && !self.half(cx).encrypted {
            match message(i) {
                Message::Whole { kind, head, body, rest } => {
                    result = result.and(self.message(kind, head, body, true, cx));
                    i = rest;
                }
                // The capture cut the record: nothing follows that belongs to it.
                Message::Part { kind, body } if record.body.len() < record.length => {
                    let read = self.message(kind, &[], body, false, cx);
                    return result.and(read).and(Err(DissectError::Truncated { needed: record.length }));
                }
                Message::Part { .. } | Message::Head => return result.and(self.gather(i, cx)),
                Message::Long => return result.and(self.too_long(cx)),
                Message::None => self.half(cx).encrypted = true,
            }
        }
        result
    }

    /// Keeps what goes on in the next record, and reads the messages that are whole now.
    fn gather(&mut self, i: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
        let spans = cx.spans_of(i);
        if !self.half(cx).gathered.push(i, spans) {
            return self.too_long(cx);
        }
        let mut result = Ok(());
        loop {
            let length = match message(&self.half(cx).gathered.bytes) {
                Message::Whole { body, .. } => MESSAGE_HEADER + body.len(),
                Message::Part { .. } | Message::Head => return result,
                Message::Long => return result.and(self.too_long(cx)),
                Message::None => {
                    let half = self.half(cx);
                    half.encrypted |= !half.gathered.bytes.is_empty();
                    half.gathered = Gathered::default();
                    return result;
                }
            };
            let taken = self.half(cx).gathered.take(length);
            let read = cx.stitched(&taken.bytes, &taken.parts, "tls-records", |bytes, cx| match message(bytes) {
                Message::Whole { kind, head, body, .. } => self.message(kind, head, body, true, cx),
                _ => Ok(()),
            });
            result = result.and(read);
        }
    }

    /// Nothing in this direction can be read any more.
    fn too_long(&mut self, cx: &mut Context<'_>) -> Result<(), DissectError> {
        let half = self.half(cx);
        (half.encrypted, half.gathered) = (true, Gathered::default());
        self.signed.forget();
        // Without a hello before it, it was encrypted and only looked like a message.
        let known = self.client_hello || self.server_hello;
        if known { Err(DissectError::Malformed { rule: "handshake message over 64 KiB or 256 records", offset: 0 }) } else { Ok(()) }
    }

    fn message(&mut self, kind: u8, head: &[u8], body: &[u8], whole: bool, cx: &mut Context<'_>) -> Result<(), DissectError> {
        let mut decision = None;
        let read = self.read(kind, body, whole, &mut decision, cx);
        if whole {
            // Over datagrams (EAP) a message may come twice or be missed.
            // EAP takes turns, and what it repeats is known by its identifier (RFC 3748 §4.1).
            let ordered = cx.at().transport == Transport::Tcp || cx.is_carried_by("eap");
            self.signed.message(proof::Message { kind, head, body }, decision, ordered, cx);
        } else {
            self.signed.forget();
        }
        read
    }

    fn read(&mut self, kind: u8, body: &[u8], whole: bool, decided: &mut Option<Decision>, cx: &mut Context<'_>) -> Result<(), DissectError> {
        match kind {
            // The second hello that a server may ask for is not what the client would say by itself.
            CLIENT_HELLO if !self.client_hello => {
                self.client_hello = true;
                self.session = handshake::session(body).to_vec();
                handshake::client_hello(body, Carrier::Tcp, cx)
            }
            SERVER_HELLO => {
                self.server_hello = true;
                let decision = handshake::server_hello(body, Carrier::Tcp, &self.session, cx)?;
                self.suite = Some(decision.suite);
                *decided = Some(decision);
                if decision.hides_the_rest && !decision.retry {
                    self.server.encrypted = true;
                    // What a client sends after a hello of TLS 1.3 is encrypted.
                    self.client.encrypted |= self.client_hello;
                }
                Ok(())
            }
            // A server shows the same chain to every client.
            CERTIFICATE => {
                // RFC 5246 §7.4.6: a client that has none shows an empty list.
                if cx.from_client() == Some(true) && body.len() > 3 {
                    self.shown = true;
                    let server = cx.receiver();
                    drop(login::say(cx, &server, "certificate", login::ATTEMPTED));
                }
                cx.once((CERTIFICATE, whole, body), |cx| handshake::certificates(body, whole, cx))
            }
            SERVER_KEY_EXCHANGE => {
                key_exchange::server(self.suite, body, cx);
                Ok(())
            }
            CLIENT_KEY_EXCHANGE => {
                key_exchange::client(self.suite, body, cx);
                Ok(())
            }
            CERTIFICATE_REQUEST => handshake::certificate_request(body, cx),
            _ => Ok(()),
        }
    }
}

/// What stands at the head of handshake bytes.
enum Message<'a> {
    Whole {
        kind: u8,
        /// Type and length.
        head: &'a [u8],
        body: &'a [u8],
        rest: &'a [u8],
    },
    /// It goes on in the next record.
    Part { kind: u8, body: &'a [u8] },
    /// Too few to tell its length.
    Head,
    /// Longer than what is gathered.
    Long,
    /// No message in the clear begins like this.
    None,
}

fn message(i: &[u8]) -> Message<'_> {
    if i.first().is_none_or(|kind| !IN_THE_CLEAR.contains(kind)) {
        return Message::None;
    }
    let Some((head @ &[kind, b2, b1, b0], rest)) = i.split_first_chunk::<MESSAGE_HEADER>() else { return Message::Head };
    let length = usize::from(b2) << 16 | usize::from(b1) << 8 | usize::from(b0);
    if length > HANDSHAKE_BYTES_MAX - MESSAGE_HEADER {
        return Message::Long;
    }
    match rest.split_at_checked(length) {
        Some((body, rest)) => Message::Whole { kind, head, body, rest },
        None => Message::Part { kind, body: rest },
    }
}
