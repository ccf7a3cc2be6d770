//! What a dissector is: a row that says where to look, a gate that decides by structure, and a reader that says what it found.

use crate::context::Context;
use observations::{OperationClass, Transport};
use std::any::Any;

/// Where a protocol is looked for. A binding is a place to look, never a proof: [`Dissector::gate`] decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Binding {
    /// An EtherType.
    EtherType(u16),
    /// IEEE 802.2 LLC: DSAP in the high byte, SSAP in the low.
    Llc(u16),
    /// A SNAP protocol: organisation and number.
    Snap([u8; 3], u16),
    /// An IP protocol number.
    Ip(u8),
    /// A TCP port of the server.
    Tcp(u16),
    /// A UDP port of either side.
    Udp(u16),
    /// Handed on by another dissector: its name, and the key that it passes to [`Context::under`].
    Under(&'static str, u64),
}

/// What the first bytes of a conversation look like: masked bytes within the first [`Shape::WINDOW`], and the payload's length. With a
/// shape a protocol is found on ports that it is not bound to.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// TCP or UDP.
    pub over: Transport,
    /// (offset, mask, value): the byte at `offset`, under `mask`, equals `value`.
    pub bytes: &'static [(usize, u8, u8)],
    /// Shortest payload.
    pub min: usize,
    /// Longest payload; [`usize::MAX`] for streams.
    pub max: usize,
}

impl Shape {
    /// Offsets that shapes can name.
    pub const WINDOW: usize = 16;
}

/// One row of the registry.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// As Wireshark's display filter spells it.
    pub name: &'static str,
    /// Raised when the dissector reads more or other than before: what older revisions said is read again, or left out.
    pub revision: u16,
    /// The document that the file follows.
    pub spec: &'static str,
    /// What it tells of a device, in a few words, for `wirecensus protocols`.
    pub tells: &'static str,
    /// Where to look.
    pub bindings: &'static [Binding],
    /// How to find it elsewhere; empty if its first bytes do not tell it from others.
    pub shapes: &'static [Shape],
    /// Operations by the specification's names and what they do, which [`Glance::operation`] indexes.
    pub operations: &'static [(&'static str, OperationClass)],
}

/// What is known of a payload beside its bytes.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// What carries it.
    pub transport: Transport,
    /// The sender's port, 0 without.
    pub src_port: u16,
    /// The receiver's port, 0 without.
    pub dst_port: u16,
    /// Whether the sender is the client; `None` while that is not known.
    pub from_client: Option<bool>,
}

/// Whose bytes these are, by their structure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gate {
    /// This protocol's.
    Mine,
    /// Somebody else's.
    NotMine,
    /// Too few to tell.
    More,
}

/// Which side sent a payload, by its structure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The one that asks.
    Client,
    /// The one that answers.
    Server,
    /// The structure does not tell; a handshake or the ports decide.
    Unknown,
}

/// How long the PDU at the head of a stream is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// At least so many bytes are needed to tell.
    Need(usize),
    /// A PDU.
    Pdu {
        /// Its length in the stream, however long.
        len: usize,
        /// How much of it must be there before it is read; at most `len`, and at most [`crate::reassembly::WANT_MAX`] is honoured.
        want: usize,
    },
    /// This is no PDU's beginning: a gap was not noticed, or an attacker plays with us.
    Lost,
}

impl Framing {
    /// A payload that is one PDU.
    #[must_use]
    pub const fn datagram(head: &[u8]) -> Self {
        Self::Pdu { len: head.len(), want: head.len() }
    }
}

/// What a conversation's next PDUs need.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Each is read.
    Read,
    /// Each is glanced at; what is new is read. Request/response conversations of plants stay here for ever.
    Watch,
    /// None is looked at: files, media, encrypted records.
    Count,
}

/// Whether a PDU is worth reading while its conversation is watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// It may carry something new each time (identification, errors, log-ins).
    Always,
    /// It is read once per key and conversation: a new operation, unit or object.
    Once(u32),
    /// Never.
    Never,
}

/// What the head of a PDU tells without reading it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Glance {
    /// Index into [`Row::operations`], if this PDU is one.
    pub operation: Option<u16>,
    /// Whether to read it while watching.
    pub look: Look,
    /// The inner protocol that decides instead: key and offset as for [`Context::under`].
    pub inner: Option<(u64, usize)>,
}

impl Glance {
    /// Nothing to count; always read.
    pub const READ: Self = Self { operation: None, look: Look::Always, inner: None };
    /// Nothing to count, nothing to read.
    pub const SKIP: Self = Self { operation: None, look: Look::Never, inner: None };
}

/// Why a PDU was not read to its end. What was said before it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DissectError {
    /// The PDU ends early: the capture was cut, or a length lies.
    Truncated {
        /// Bytes that were needed.
        needed: usize,
    },
    /// Somebody else's bytes after all: the conversation is given back.
    NotMine,
    /// Ours, and breaking a named rule.
    Malformed {
        /// The rule, in a few words.
        rule: &'static str,
        /// Where in the PDU.
        offset: usize,
    },
}

impl<I> From<nom::Err<nom::error::Error<I>>> for DissectError {
    /// A nom parser that wants more bytes met a cut PDU; any other failure of one breaks the rule of the structure it reads.
    fn from(error: nom::Err<nom::error::Error<I>>) -> Self {
        match error {
            nom::Err::Incomplete(nom::Needed::Size(size)) => Self::Truncated { needed: size.get() },
            nom::Err::Incomplete(nom::Needed::Unknown) => Self::Truncated { needed: 1 },
            nom::Err::Error(e) | nom::Err::Failure(e) if e.code == nom::error::ErrorKind::Eof => Self::Truncated { needed: 1 },
            nom::Err::Error(_) | nom::Err::Failure(_) => Self::Malformed { rule: "structure", offset: 0 },
        }
    }
}

/// A reader of one protocol: one file, one row.
pub trait Dissector: Sync {
    /// What it remembers of a conversation; `()` costs nothing. Bounded by itself.
    type State: Default + Send + 'static;

    /// Its row in the registry.
    const ROW: Row;

    /// Whether these first bytes of a conversation (or of a datagram or frame) are this protocol's, by structure alone. Called with at
    /// most [`crate::engine::GATE_BYTES`] bytes; for streams possibly with the middle of one.
    fn gate(&self, head: &[u8], at: &At) -> Gate;

    /// Whether a datagram from a port that nobody asked is the answer that [`Context::expect_answer`] announced, by structure.
    fn follows(&self, _head: &[u8]) -> bool {
        false
    }

    /// Which side sends these bytes, if their structure tells.
    fn side(&self, _head: &[u8]) -> Side {
        Side::Unknown
    }

    /// The PDU at the head of a stream. Datagrams and frames are one PDU each.
    fn frame(&self, head: &[u8]) -> Framing {
        Framing::datagram(head)
    }

    /// The same, where it takes more than the bytes to tell (HTTP: whether a response has a body depends on its request). `state` is
    /// what [`Dissector::read`] has left; `None` before the first PDU of a conversation.
    fn frame_in(&self, head: &[u8], _at: &At, _state: Option<&Self::State>) -> Framing {
        self.frame(head)
    }

    /// What the head of a PDU tells without reading it. Cheap: it runs on every PDU of every conversation that is not only counted.
    fn glance(&self, _head: &[u8], _at: &At) -> Glance {
        Glance::READ
    }

    /// Reads one PDU (its first `want` bytes at least, all that the capture has at most) and says what it finds.
    ///
    /// # Errors
    /// [`DissectError`] where reading stopped; what was said before stands.
    fn read(&self, pdu: &[u8], state: &mut Self::State, cx: &mut Context<'_>) -> Result<Next, DissectError>;
}

/// A [`Dissector`] without its state's type, as the registry holds it.
pub trait Registered: Sync {
    /// See [`Dissector::ROW`].
    fn row(&self) -> &'static Row;
    /// See [`Dissector::gate`].
    fn gate(&self, head: &[u8], at: &At) -> Gate;
    /// See [`Dissector::follows`].
    fn follows(&self, head: &[u8]) -> bool;
    /// See [`Dissector::side`].
    fn side(&self, head: &[u8]) -> Side;
    /// See [`Dissector::frame_in`].
    fn frame(&self, head: &[u8], at: &At, state: Option<&(dyn Any + Send)>) -> Framing;
    /// See [`Dissector::glance`].
    fn glance(&self, head: &[u8], at: &At) -> Glance;
    /// A new conversation's state; `None` if it has none.
    fn state(&self) -> Option<Box<dyn Any + Send>>;
    /// Whether it remembers nothing of a conversation.
    fn is_stateless(&self) -> bool;
    /// See [`Dissector::read`].
    ///
    /// # Errors
    /// As there.
    fn read(&self, pdu: &[u8], state: Option<&mut (dyn Any + Send)>, cx: &mut Context<'_>) -> Result<Next, DissectError>;
}

impl<D: Dissector> Registered for D {
    fn row(&self) -> &'static Row {
        const { &D::ROW }
    }

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        Dissector::gate(self, head, at)
    }

    fn follows(&self, head: &[u8]) -> bool {
        Dissector::follows(self, head)
    }

    fn side(&self, head: &[u8]) -> Side {
        Dissector::side(self, head)
    }

    fn frame(&self, head: &[u8], at: &At, state: Option<&(dyn Any + Send)>) -> Framing {
        Dissector::frame_in(self, head, at, state.and_then(<dyn Any + Send>::downcast_ref::<D::State>))
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        Dissector::glance(self, head, at)
    }

    fn state(&self) -> Option<Box<dyn Any + Send>> {
        if size_of::<D::State>() == 0 { None } else { Some(Box::<D::State>::default()) }
    }

    fn is_stateless(&self) -> bool {
        size_of::<D::State>() == 0
    }

    fn read(&self, pdu: &[u8], state: Option<&mut (dyn Any + Send)>, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        match state.and_then(<dyn Any + Send>::downcast_mut::<D::State>) {
            Some(state) => Dissector::read(self, pdu, state, cx),
            None => Dissector::read(self, pdu, &mut D::State::default(), cx),
        }
    }
}
