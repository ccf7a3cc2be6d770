//! OPC UA over TCP: which applications speak with each other, how they are protected, who uses them, and what is done.
//!
//! Spec: OPC 10000-6 sections 5.2 (binary encoding), 6.7 (secure conversation), 7.1 (connection protocol); OPC 10000-4 and 10000-5.
//! Tells us: application, product and names of both sides, certificates, security policy and mode, kinds of user tokens, build information,
//! name plates of the devices that a server shows (OPC 10000-100), services.
//! Does not tell: what a channel in mode SignAndEncrypt carries; whether a certificate is trusted; the hardware under a server's software.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use binary::Binary;
use observations::{Field, Kind, OperationClass, Span, Subject, Transport, Value};
use services::{
    ACTIVATE_SESSION, BROWSE, CREATE_SESSION, FIND_SERVERS, GET_ENDPOINTS, OPEN_SECURE_CHANNEL, PUBLISH, READ, RESPONSE, Session, TELLING, TRANSLATE,
};

mod binary;
mod plates;
mod proof;
mod services;

pub(crate) struct OpcUa;

/// 7.1.2.2: type, whether it is a final chunk, size.
const HEADER: usize = 8;
/// 6.7.2: header, channel, token, sequence number, request.
const MESSAGE: usize = 24;
/// The largest chunk that is believed to be one: stacks negotiate 64 KiB to 16 MiB.
const CHUNK_MAX: u32 = 16 << 20;
/// What is read of messages that tell nothing of who speaks: their header and the type.
const HEAD: usize = 64;
/// 7.1.2.3: an endpoint's URL has fewer bytes than this.
const URL_MAX: usize = 4096;
/// What is put together from the chunks of one message; endpoints with their certificates fit.
const GATHERED_MAX: usize = crate::reassembly::WANT_MAX;
/// Chunks that cannot be read, without one that can, before a connection that was picked up in the middle is called encrypted.
const OPAQUE_MIN: u8 = 4;

/// Numbers of requests in binary encoding (OPC 10000-6 annex A): the index is that of [`OPERATIONS`].
const SERVICES: &[u32] = &[
    FIND_SERVERS,
    GET_ENDPOINTS,
    437,
    OPEN_SECURE_CHANNEL,
    452,
    CREATE_SESSION,
    ACTIVATE_SESSION,
    473,
    479,
    488,
    494,
    500,
    506,
    BROWSE,
    533,
    TRANSLATE,
    560,
    566,
    615,
    621,
    READ,
    664,
    673,
    700,
    712,
    751,
    763,
    769,
    775,
    781,
    787,
    793,
    799,
    PUBLISH,
    832,
    841,
    847,
];
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("find_servers", OperationClass::Diagnose),
    ("get_endpoints", OperationClass::Diagnose),
    ("register_server", OperationClass::Session),
    ("open_secure_channel", OperationClass::Session),
    ("close_secure_channel", OperationClass::Session),
    ("create_session", OperationClass::Session),
    ("activate_session", OperationClass::Session),
    ("close_session", OperationClass::Session),
    ("cancel", OperationClass::Session),
    ("add_nodes", OperationClass::Configure),
    ("add_references", OperationClass::Configure),
    ("delete_nodes", OperationClass::Configure),
    ("delete_references", OperationClass::Configure),
    ("browse", OperationClass::Read),
    ("browse_next", OperationClass::Read),
    ("translate_browse_paths_to_node_ids", OperationClass::Read),
    ("register_nodes", OperationClass::Session),
    ("unregister_nodes", OperationClass::Session),
    ("query_first", OperationClass::Read),
    ("query_next", OperationClass::Read),
    ("read", OperationClass::Read),
    ("history_read", OperationClass::Read),
    ("write", OperationClass::Write),
    ("history_update", OperationClass::Write),
    ("call", OperationClass::Control),
    ("create_monitored_items", OperationClass::Read),
    ("modify_monitored_items", OperationClass::Read),
    ("set_monitoring_mode", OperationClass::Read),
    ("set_triggering", OperationClass::Read),
    ("delete_monitored_items", OperationClass::Read),
    ("create_subscription", OperationClass::Read),
    ("modify_subscription", OperationClass::Read),
    ("set_publishing_mode", OperationClass::Read),
    ("publish", OperationClass::Read),
    ("republish", OperationClass::Read),
    ("transfer_subscriptions", OperationClass::Read),
    ("delete_subscriptions", OperationClass::Read),
    ("hello", OperationClass::Session),
    ("reverse_hello", OperationClass::Session),
];
const OPEN: usize = 3;
const CLOSE: usize = 4;
const HELLO: usize = SERVICES.len();
const REVERSE_HELLO: usize = SERVICES.len() + 1;
const _: () = assert!(OPERATIONS.len() == SERVICES.len() + 2);

/// 397 is a ServiceFault: the answer to a request that failed.
const FAULT: u32 = 397;

/// The letter after the type is F, C or A (7.1.2.2, 6.7.2.2).
const fn shape(kind: &'static [u8; 3]) -> [(usize, u8, u8); 4] {
    [(0, 0xff, kind[0]), (1, 0xff, kind[1]), (2, 0xff, kind[2]), (3, 0xf8, 0x40)]
}
static HEL: [(usize, u8, u8); 4] = shape(b"HEL");
static ACK: [(usize, u8, u8); 4] = shape(b"ACK");
static OPN: [(usize, u8, u8); 4] = shape(b"OPN");
static MSG: [(usize, u8, u8); 4] = shape(b"MSG");
static RHE: [(usize, u8, u8); 4] = shape(b"RHE");

impl Dissector for OpcUa {
    type State = State;

    const ROW: Row = Row {
        name: "opcua",
        revision: 2,
        spec: "OPC 10000-4, OPC 10000-5, OPC 10000-6, OPC 10000-100",
        tells: "applications and products, certificates, security policy and mode, user tokens, build information, name plates, services",
        bindings: &[Binding::Tcp(4840)],
        shapes: &[
            Shape { over: Transport::Tcp, bytes: &HEL, min: HEADER, max: usize::MAX },
            Shape { over: Transport::Tcp, bytes: &ACK, min: HEADER, max: usize::MAX },
            Shape { over: Transport::Tcp, bytes: &OPN, min: HEADER, max: usize::MAX },
            Shape { over: Transport::Tcp, bytes: &MSG, min: HEADER, max: usize::MAX },
            Shape { over: Transport::Tcp, bytes: &RHE, min: HEADER, max: usize::MAX },
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(header) = Header::of(head) else {
            let begins = |kind: &&[u8; 3]| kind.iter().zip(head).all(|(want, byte)| want == byte);
            return if head.len() < HEADER && KINDS.iter().any(|kind| begins(&kind)) { Gate::More } else { Gate::NotMine };
        };
        let body = head.get(HEADER..).unwrap_or_default();
        if header.is_sound(body) { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        let service = || match service(head) {
            Some((kind, ..)) if SERVICES.contains(&kind) => Side::Client,
            Some(_) => Side::Server,
            None => Side::Unknown,
        };
        match head.get(..3) {
            Some(b"HEL") => Side::Client,
            Some(b"ACK" | b"ERR" | b"RHE") => Side::Server,
            Some(b"CLO") => Side::Client,
            _ => service(),
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        if head.len() < HEADER {
            return Framing::Need(HEADER);
        }
        let Some(header) = Header::of(head) else { return Framing::Lost };
        let len = header.size as usize;
        if header.kind != *b"MSG" {
            return Framing::Pdu { len, want: len };
        }
        if len > HEAD && head.len() < HEAD {
            return Framing::Need(HEAD);
        }
        // Of services that tell nothing of who speaks, and of errors, the head is enough.
        let want = if service(head).is_some_and(|(kind, ..)| !is_telling(kind) && kind != PUBLISH) { len.min(HEAD) } else { len };
        Framing::Pdu { len, want }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let numbered = |index: usize| u16::try_from(index).ok();
        let Some(header) = Header::of(head) else { return Glance::SKIP };
        match &header.kind {
            b"HEL" => Glance { operation: numbered(HELLO), ..Glance::READ },
            b"RHE" => Glance { operation: numbered(REVERSE_HELLO), ..Glance::READ },
            b"CLO" => Glance { operation: numbered(CLOSE), ..Glance::SKIP },
            b"MSG" => match service(head) {
                Some((kind, _, body)) => {
                    let operation = SERVICES.iter().position(|service| *service == kind).and_then(numbered);
                    let look = match kind {
                        // Polls ask for the same nodes again and again.
                        READ if !asks_who(body) => services::asks_what(body).map_or(Look::Once(kind), Look::Once),
                        _ if is_telling(kind) => Look::Always,
                        _ => Look::Once(kind),
                    };
                    Glance { operation, look, inner: None }
                }
                // Encrypted, or the continuation of a message: what it is only the state tells.
                None => Glance::READ,
            },
            b"OPN" => {
                let request = open(head).ok().and_then(|open| open.request());
                Glance { operation: request.filter(|request| *request).and_then(|_| numbered(OPEN)), ..Glance::READ }
            }
            _ => Glance::READ,
        }
    }

    fn read(&self, pdu: &[u8], state: &mut State, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some(header) = Header::of(pdu) else { return Err(DissectError::Malformed { rule: "message type", offset: 0 }) };
        match &header.kind {
            b"RHE" => reverse_hello(pdu, cx)?,
            b"OPN" => state.opened(&open(pdu)?, cx)?,
            b"MSG" => state.chunk(&header, pdu, cx)?,
            _ => {}
        }
        Ok(Next::Watch)
    }
}

const KINDS: &[[u8; 3]] = &[*b"HEL", *b"ACK", *b"ERR", *b"RHE", *b"OPN", *b"MSG", *b"CLO"];

/// 7.1.2.2.
struct Header {
    kind: [u8; 3],
    chunk: u8,
    size: u32,
}

impl Header {
    fn of(head: &[u8]) -> Option<Self> {
        let &[a, b, c, chunk, s0, s1, s2, s3] = head.first_chunk::<HEADER>()?;
        let (kind, size) = ([a, b, c], u32::from_le_bytes([s0, s1, s2, s3]));
        let chunked = kind == *b"MSG" || kind == *b"OPN";
        let known = KINDS.contains(&kind) && (chunk == b'F' || chunked && matches!(chunk, b'C' | b'A'));
        (known && usize::try_from(size).is_ok_and(|size| size > HEADER) && size <= CHUNK_MAX).then_some(Self { kind, chunk, size })
    }

    /// Whether the size is what the type demands, and what follows the message is another.
    fn is_sound(&self, body: &[u8]) -> bool {
        let length = self.size as usize - HEADER;
        let counted = |fixed: usize, max: usize| {
            let count = body.get(fixed..fixed + 4).map(|count| binary::number(count).cast_signed());
            count.is_some_and(|count| usize::try_from(count).map_or(length == fixed + 4, |count| count <= max && length == fixed + 4 + count))
        };
        let sound = match &self.kind {
            b"HEL" => counted(20, URL_MAX),
            b"ACK" => length == 20,
            b"ERR" => counted(4, URL_MAX),
            b"RHE" => Binary::new(body).string().is_ok(),
            b"OPN" => body.get(4..12).is_some_and(|policy| matches!(policy, [1..=0xff, 0, 0, 0, b'h', b't', b't', b'p'])),
            _ => length >= MESSAGE - HEADER && body.get(..4).is_some_and(|channel| channel != [0; 4]),
        };
        let next = body.get(length..).unwrap_or_default();
        sound && KINDS.iter().any(|kind| kind.iter().zip(next).all(|(want, byte)| want == byte))
    }
}

/// The service of a message that begins here and lies open: its number, its request, and what follows the type. The later chunks of a
/// long message begin in the middle of it.
fn service(head: &[u8]) -> Option<(u32, u32, &[u8])> {
    let mut i = Binary::new(head.get(MESSAGE - 4..)?);
    let request = i.u32().ok()?;
    let kind = i.node_id().ok()?.number()?;
    let known = SERVICES.contains(&kind) || kind == FAULT || kind.checked_sub(RESPONSE).is_some_and(|request| SERVICES.contains(&request));
    known.then_some((kind, request, i.rest))
}

/// Whether a message begins with the number of a type, in the form that stacks write it.
fn lies_open(pdu: &[u8]) -> bool {
    matches!(pdu.get(MESSAGE..MESSAGE + 4), Some([1, 0, _, _]))
}

/// Whether a service's messages tell who speaks.
const fn is_telling(kind: u32) -> bool {
    const FOUND: u32 = FIND_SERVERS + RESPONSE;
    const ENDPOINTS: u32 = GET_ENDPOINTS + RESPONSE;
    const CREATED: u32 = CREATE_SESSION + RESPONSE;
    const ACTIVATED: u32 = ACTIVATE_SESSION + RESPONSE;
    const VALUES: u32 = READ + RESPONSE;
    const BROWSED: u32 = BROWSE + RESPONSE;
    const TRANSLATED: u32 = TRANSLATE + RESPONSE;
    matches!(
        kind,
        BROWSE | BROWSED | TRANSLATE | TRANSLATED | CREATE_SESSION | ACTIVATE_SESSION | READ | FOUND | ENDPOINTS | CREATED | ACTIVATED | VALUES
    )
}

/// Whether a Read asks for a node that tells who the server is: a number of namespace 0 in one of the two forms that hold it.
fn asks_who(body: &[u8]) -> bool {
    let telling = |low: &u8, high: &u8| TELLING.contains(&u32::from(u16::from_le_bytes([*low, *high])));
    body.windows(5).any(|node| matches!(node, [_, 1, 0, low, high] | [2, 0, 0, low, high] if telling(low, high)))
}

/// 7.1.2.6: a server that connects to its client says who it is.
fn reverse_hello(pdu: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let mut i = Binary::new(pdu.get(HEADER..).unwrap_or_default());
    let (uri, about) = (i.string()?, cx.sender_host());
    cx.say(&about, Kind::Identity).trimmed(Field::ApplicationUri, uri);
    Ok(())
}

/// An OpenSecureChannel message (6.7.2.3): channel, policy, certificate, thumbprint, sequence, and the body.
struct Open<'a> {
    policy: &'a [u8],
    certificate: &'a [u8],
    body: &'a [u8],
}

fn open(pdu: &[u8]) -> Result<Open<'_>, DissectError> {
    let mut i = Binary::new(pdu.get(HEADER..).unwrap_or_default());
    let (_channel, policy, certificate, _thumbprint) = (i.u32()?, i.string()?, i.string()?, i.string()?);
    Ok(Open { policy, certificate, body: i.rest })
}

impl<'a> Open<'a> {
    fn is_secured(&self) -> bool {
        services::fragment(self.policy) != b"None"
    }

    /// Whether it is the request; nothing if it is encrypted.
    fn request(&self) -> Option<bool> {
        let mut i = self.message()?;
        Some(i.node_id().ok()?.number()? == OPEN_SECURE_CHANNEL)
    }

    /// What follows the sequence header, if it lies open.
    fn message(&self) -> Option<Binary<'a>> {
        let mut i = Binary::new(self.body);
        i.take(8).ok()?;
        (!self.is_secured()).then_some(i)
    }

    /// The security mode that a request asks for (OPC 10000-4 §5.6.2).
    fn mode(&self) -> Option<&'a [u8]> {
        let mut i = self.message()?;
        i.node_id().ok()?.number().filter(|kind| *kind == OPEN_SECURE_CHANNEL)?;
        services::request_header(&mut i).ok()?;
        // Protocol version, type of request.
        i.take(8).ok()?;
        i.take(4).ok()
    }
}

/// What one connection has told so far.
#[derive(Default)]
pub(crate) struct State {
    session: Session,
    /// Whether the channel's policy secures anything, once it was seen.
    secured: Option<bool>,
    /// Chunks that could not be read, since one that could be.
    opaque: u8,
    readable: bool,
    /// That what the channel's messages show of their protection was said.
    told: bool,
    gathered: [Option<Gathered>; 2],
}

/// A message of which chunks were seen, all but the last.
struct Gathered {
    request: u32,
    bytes: Vec<u8>,
    parts: Vec<(usize, Vec<Span>)>,
}

/// The side that serves.
fn server(cx: &Context<'_>) -> Subject {
    if cx.from_client() == Some(true) { cx.receiver() } else { cx.sender() }
}

impl State {
    fn opened(&mut self, open: &Open<'_>, cx: &mut Context<'_>) -> Result<(), DissectError> {
        let (about, from_client) = (cx.sender(), cx.from_client() == Some(true));
        self.secured = Some(open.is_secured());
        let saying = services::policy_of(cx.say(&server(cx), Kind::Security), open.policy);
        drop(saying.maybe(open.mode(), services::mode_of));
        services::certificates(&about, if from_client { "client" } else { "server" }, open.certificate, cx);
        Ok(())
    }

    fn chunk(&mut self, header: &Header, pdu: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
        let direction = usize::from(cx.from_client() == Some(true));
        if header.chunk == b'A' {
            self.gathered = [None, None];
            return Ok(());
        }
        match service(pdu) {
            Some((kind, request, body)) => {
                self.readable = true;
                self.level(kind, header, body, cx);
                let telling = is_telling(kind);
                if header.chunk == b'C' && telling {
                    self.begin(direction, request, pdu.get(MESSAGE..).unwrap_or_default(), cx);
                    return Ok(());
                }
                if telling { services::message(kind, request, body, &mut self.session, cx) } else { Ok(()) }
            }
            None if self.goes_on(direction, pdu) => self.more(direction, header, pdu, cx),
            // A service that is not in the table, or one of a namespace of its own, is no secret.
            None if lies_open(pdu) => {
                self.readable = true;
                Ok(())
            }
            None => {
                self.opaque = self.opaque.saturating_add(1);
                self.closed(cx);
                Ok(())
            }
        }
    }

    /// What a message that can be read shows of its protection, once: signed, or nothing.
    fn level(&mut self, kind: u32, header: &Header, body: &[u8], cx: &mut Context<'_>) {
        /// OPC 10000-7: the shortest signature in use is an HMAC of SHA-1, the longest an RSA one.
        const SIGNATURE: std::ops::RangeInclusive<usize> = 20..=512;
        if self.told || header.chunk != b'F' {
            return;
        }
        let level = match (self.secured, services::behind(kind, body)) {
            (Some(false), _) => return,
            (Some(true), _) => "sign",
            (None, Some(0)) => "none",
            (None, Some(length)) if SIGNATURE.contains(&length) => "sign",
            _ => return,
        };
        self.told = true;
        let about = server(cx);
        cx.say(&about, Kind::Security).implied(Field::SecurityLevel, &Value::Text(level.into()));
    }

    /// Messages that nobody can read are encrypted.
    fn closed(&mut self, cx: &mut Context<'_>) {
        let sure = self.secured == Some(true) || self.secured.is_none() && self.opaque >= OPAQUE_MIN;
        if self.told || self.readable || !sure {
            return;
        }
        self.told = true;
        let about = server(cx);
        cx.say(&about, Kind::Security).implied(Field::SecurityLevel, &Value::Text(b"sign-and-encrypt".to_vec()));
    }

    fn begin(&mut self, direction: usize, request: u32, body: &[u8], cx: &Context<'_>) {
        if let Some(slot) = self.gathered.get_mut(direction) {
            *slot = Some(Gathered { request, bytes: body.to_vec(), parts: vec![(body.len(), cx.spans_of(body))] });
        }
    }

    /// Whether a chunk continues the message that is being put together.
    fn goes_on(&self, direction: usize, pdu: &[u8]) -> bool {
        let request = pdu.get(MESSAGE - 4..MESSAGE).map(binary::number);
        self.gathered.get(direction).and_then(Option::as_ref).is_some_and(|gathered| Some(gathered.request) == request)
    }

    fn more(&mut self, direction: usize, header: &Header, pdu: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
        let Some(slot) = self.gathered.get_mut(direction) else { return Ok(()) };
        let Some(mut gathered) = slot.take() else { return Ok(()) };
        let body = pdu.get(MESSAGE..).unwrap_or_default();
        if gathered.bytes.len() + body.len() > GATHERED_MAX {
            cx.limit("bytes of one OPC UA message");
            return Ok(());
        }
        gathered.bytes.extend_from_slice(body);
        gathered.parts.push((body.len(), cx.spans_of(body)));
        if header.chunk == b'C' {
            *slot = Some(gathered);
            return Ok(());
        }
        let session = &mut self.session;
        cx.stitched(&gathered.bytes, &gathered.parts, "opcua-chunks", |bytes, cx| {
            let mut i = Binary::new(bytes);
            let kind = i.node_id()?.number().unwrap_or_default();
            services::message(kind, gathered.request, i.rest, session, cx)
        })
    }
}

#[cfg(test)]
mod tests;
