//! WebSockets: frames that HTTP gave its connection up to, unmasked and handed on to what is spoken in them.
//!
//! Spec: RFC 6455.
//! Tells us: nothing of its own.
//! Does not tell: messages in several frames beyond the first, compressed ones (RFC 7692), subprotocols that nobody names.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Next, Row, Shape, Side};
use crate::http_content;
use crate::http_message as http;
use crate::websocket;
use observations::Transport;

pub(crate) struct Websocket;

impl Dissector for Websocket {
    type State = Opened;

    const ROW: Row = Row {
        name: "websocket",
        revision: 1,
        spec: "RFC 6455",
        tells: "an envelope: what is spoken within",
        bindings: &[Binding::Under("http", http_content::WEBSOCKET)],
        // Connections last for months: whole texts, of a client masked, of a server an array.
        shapes: &[
            shape(&[(0, 0xff, 0x81), (1, 0x80, 0x80)]),
            shape(&[(0, 0xff, 0x81), (1, 0x80, 0), (2, 0xff, b'['), (4, 0xff, b',')]),
            shape(&[(0, 0xff, 0x81), (1, 0xff, 0x7e), (4, 0xff, b'['), (6, 0xff, b',')]),
        ],
        operations: &[],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let opening = || http::head(head).is_some_and(|head| websocket::subprotocol(&head).is_some());
        // What a text is must show in itself, as an opening may not have been seen.
        let frame = |frame: &websocket::Frame<'_>| !frame.is_text || frame.speaks().is_some();
        if websocket::frame(head).is_ok_and(|read| frame(&read)) || opening() { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match websocket::frame(head) {
            Ok(frame) if frame.key.is_some() => Side::Client,
            Ok(_) => Side::Server,
            Err(_) => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        websocket::framing(head)
    }

    fn read(&self, pdu: &[u8], opened: &mut Opened, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if http::gate(pdu) == Gate::Mine {
            // Of several that are offered the answer names one.
            let head = http::head(pdu).ok_or(DissectError::Malformed { rule: "head", offset: 0 })?;
            opened.subprotocol = websocket::subprotocol(&head);
            if let Some(key) = opened.subprotocol {
                cx.under(key, pdu);
            }
            return Ok(Next::Read);
        }
        let frame = websocket::frame(pdu)?;
        let Some(key) = opened.subprotocol.filter(|_| frame.begins).or_else(|| frame.speaks()) else { return Ok(Next::Read) };
        if frame.key.is_some() {
            cx.derived(&frame.unmasked(), frame.masked, "websocket-mask", |message, cx| cx.under(key, message));
        } else {
            cx.under(key, frame.payload);
        }
        Ok(Next::Read)
    }
}

const fn shape(bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over: Transport::Tcp, bytes, min: 8, max: usize::MAX }
}

/// What was agreed on when the connection was given up to frames.
#[derive(Default)]
pub(crate) struct Opened {
    subprotocol: Option<u64>,
}
