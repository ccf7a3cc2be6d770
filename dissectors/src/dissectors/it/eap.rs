//! EAP: methods by which hosts log in at a network, within EAPOL and RADIUS, and whether they are let in.
//!
//! Spec: RFC 3748 §4 and §5; RFC 5216 §3 (EAP-TLS), RFC 5281 §9 (TTLS), RFC 9190 (with TLS 1.3).
//! Tells us: methods offered, used and refused; machines by their identity; certificates where TLS is before 1.3.
//! Does not tell: users, who are personal; what goes on within a tunnel.

use crate::context::{Behalf, Context, Layers};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Next, Row, Side};
use crate::login;
use observations::{Field, Kind, Mac, Span, Subject, Transport};

pub(crate) struct Eap;

/// RFC 3748 §4: code, identifier, length.
const HEADER: usize = 4;
const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;
const SUCCESS: u8 = 3;
const FAILURE: u8 = 4;

/// RFC 3748 §5 and IANA's registry of method types.
const IDENTITY: u8 = 1;
const NOTIFICATION: u8 = 2;
const NAK: u8 = 3;
const TYPES: &[(u8, &str)] = &[
    (4, "eap-md5"),
    (5, "eap-otp"),
    (6, "eap-gtc"),
    (13, "eap-tls"),
    (17, "eap-leap"),
    (18, "eap-sim"),
    (21, "eap-ttls"),
    (23, "eap-aka"),
    (25, "eap-peap"),
    (26, "eap-mschapv2"),
    (43, "eap-fast"),
    (50, "eap-aka-prime"),
    (52, "eap-pwd"),
    (55, "eap-teap"),
    (254, "eap-expanded"),
];
/// Methods that carry TLS in this form: flags, a length of four bytes with the first fragment, records (RFC 5216 §3.1).
const OVER_TLS: &[u8] = &[13, 21, 25, 43, 55];
const LENGTH_INCLUDED: u8 = 0x80;
const MORE_FRAGMENTS: u8 = 0x40;
const TLS: &str = "tls";

/// Fragments of one message: RFC 5216 §2.1.5 lets them be as small as the link's frames, chains of certificates take up to 64 KiB.
const FRAGMENTS_MAX: usize = 128;
const MESSAGE_MAX: usize = 64 * 1024;
/// Peers that log in through one network access server at a time.
const PEERS_MAX: usize = 64;

impl Dissector for Eap {
    type State = Peers;

    const ROW: Row = Row {
        name: "eap",
        revision: 2,
        spec: "RFC 3748, RFC 5216",
        tells: "methods of log-ins at a network, certificates",
        bindings: &[Binding::Under("eapol", 0), Binding::Under("radius", 79)],
        shapes: &[],
        operations: &[],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some((&[code, _, high, low], _)) = head.split_first_chunk::<HEADER>() else { return Gate::NotMine };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let ours = match code {
            REQUEST | RESPONSE => length > HEADER,
            SUCCESS | FAILURE => length == HEADER,
            _ => false,
        };
        if ours { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first() {
            Some(&RESPONSE) => Side::Client,
            Some(&(REQUEST | SUCCESS | FAILURE)) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, _: &[u8], _: &At) -> Glance {
        Glance::READ
    }

    fn read(&self, pdu: &[u8], peers: &mut Peers, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some((&[code, id, high, low], rest)) = pdu.split_first_chunk::<HEADER>() else {
            return Err(DissectError::Truncated { needed: HEADER });
        };
        let length = usize::from(u16::from_be_bytes([high, low])).saturating_sub(HEADER);
        let body = rest.get(..length).unwrap_or(rest);
        let ends = Ends::of(code, cx);
        let exchange = cx.exchange().transaction;
        let mut peer = peers.take(exchange);
        match (code, body.split_first()) {
            (REQUEST | RESPONSE, Some((kind, _))) if *kind != IDENTITY && peer.repeats(code == RESPONSE, id) => {}
            (REQUEST | RESPONSE, Some((kind, data))) => peer.method(code == RESPONSE, *kind, data, body, &ends, cx),
            (SUCCESS | FAILURE, _) => peer.decided(code == SUCCESS, &ends, cx),
            _ => {}
        }
        if peer.goes_on() {
            peers.put(exchange, peer);
        }
        Ok(Next::Watch)
    }
}

/// Who logs in, and who lets in. Within RADIUS the peer is named by its MAC address, if at all.
struct Ends {
    peer: Option<Subject>,
    server: Option<Subject>,
}

impl Ends {
    fn of(code: u8, cx: &Context<'_>) -> Self {
        let named = peer_of(cx.exchange().transaction).map(|mac| cx.by_mac(mac));
        let known = |host: Subject| Some(host).filter(|host| host.mac.is_some() || host.ip.is_some());
        match (cx.at().transport == Transport::Udp, code == RESPONSE) {
            (true, true) => Self { peer: named, server: known(cx.receiver()) },
            (true, false) => Self { peer: named, server: known(cx.sender()) },
            // Frames go to a group: the other end is not named.
            (false, true) => Self { peer: known(cx.sender_host()), server: known(cx.receiver_host()) },
            (false, false) => Self { peer: known(cx.receiver_host()), server: known(cx.sender_host()) },
        }
    }
}

/// Log-ins that go on, by exchange.
#[derive(Default)]
pub(crate) struct Peers(Vec<(u128, Peer)>);

impl Peers {
    fn take(&mut self, exchange: u128) -> Peer {
        match self.0.iter().position(|one| one.0 == exchange) {
            Some(at) => self.0.remove(at).1,
            None => Peer::default(),
        }
    }

    /// Of too many the one that was silent longest is forgotten.
    fn put(&mut self, exchange: u128, peer: Peer) {
        if self.0.len() >= PEERS_MAX {
            self.0.remove(0);
        }
        self.0.push((exchange, peer));
    }
}

/// One log-in: the method that goes on, and TLS of both sides in fragments.
#[derive(Default)]
struct Peer {
    method: Option<u8>,
    fragments: [Fragments; 2],
    /// States of the protocols within the method: through one access server many log in at a time.
    layers: Layers,
    /// Identifiers of the last request and the last response.
    last: [Option<u8>; 2],
}

#[derive(Default)]
struct Fragments {
    bytes: Vec<u8>,
    parts: Vec<(usize, Vec<Span>)>,
}

impl Peer {
    const fn goes_on(&self) -> bool {
        self.method.is_some()
    }

    /// RFC 3748 §4.1: what is sent again keeps its identifier, a new request has another.
    fn repeats(&mut self, response: bool, id: u8) -> bool {
        let [of_requests, of_responses] = &mut self.last;
        (if response { of_responses } else { of_requests }).replace(id) == Some(id)
    }

    /// RFC 3748 §5: a method is offered by a request and taken, or declined, by a response.
    fn method(&mut self, response: bool, kind: u8, data: &[u8], body: &[u8], ends: &Ends, cx: &mut Context<'_>) {
        match kind {
            // Here a log-in begins.
            IDENTITY if response => {
                *self = Self::default();
                identified(data, ends, cx);
            }
            NAK if response => declined(data, ends, cx),
            IDENTITY | NOTIFICATION | NAK => {}
            _ => {
                let Some(name) = name(kind) else { return };
                // What is said again in each round of a method is said once.
                if self.method != Some(kind) || response {
                    let (about, outcome) = if response { (&ends.peer, login::ATTEMPTED) } else { (&ends.server, login::OFFERED) };
                    if let Some(about) = about {
                        login::say(cx, about, name, outcome).number(Field::EapType, u64::from(kind), body.get(..1).unwrap_or_default());
                    }
                }
                self.method = Some(kind);
                if OVER_TLS.contains(&kind) {
                    self.tls(response, data, cx);
                }
            }
        }
    }

    fn decided(&mut self, accepted: bool, ends: &Ends, cx: &mut Context<'_>) {
        let Some(name) = self.method.take().and_then(name) else { return };
        for about in [&ends.server, &ends.peer].into_iter().flatten() {
            drop(login::say(cx, about, name, login::outcome(accepted)));
        }
    }

    /// RFC 5216 §3.1: TLS in fragments, handed on when the last is there.
    fn tls(&mut self, response: bool, data: &[u8], cx: &mut Context<'_>) {
        let Some((flags, rest)) = data.split_first() else { return };
        let records = if flags & LENGTH_INCLUDED == 0 { rest } else { rest.get(4..).unwrap_or_default() };
        // Within RADIUS the frame of a response is the access server's: where the peer is not named, its certificate would be taken for that.
        let relayed = cx.at().transport == Transport::Udp;
        let behalf = peer_of(cx.exchange().transaction).filter(|_| relayed).map(|mac| Behalf { mac, sends: response });
        let another_s = response && relayed && behalf.is_none();
        let [of_server, of_peer] = &mut self.fragments;
        let fragments = if response { of_peer } else { of_server };
        if records.is_empty() || another_s || !fragments.push(records, cx) || flags & MORE_FRAGMENTS != 0 {
            return;
        }
        let Fragments { bytes, parts } = std::mem::take(fragments);
        cx.on_behalf(behalf, &mut self.layers, |cx| {
            if parts.len() == 1 {
                cx.beside(TLS, 0, records)
            } else {
                cx.stitched(&bytes, &parts, "eap-fragments", |bytes, cx| cx.beside(TLS, 0, bytes))
            }
        });
    }
}

impl Fragments {
    /// Says whether there was room.
    fn push(&mut self, bytes: &[u8], cx: &mut Context<'_>) -> bool {
        if self.parts.len() >= FRAGMENTS_MAX || self.bytes.len() + bytes.len() > MESSAGE_MAX {
            cx.limit("bytes of one EAP message");
            *self = Self::default();
            return false;
        }
        self.bytes.extend_from_slice(bytes);
        self.parts.push((bytes.len(), cx.spans_of(bytes)));
        true
    }
}

/// The peer's MAC address, which RADIUS gives as the exchange's number.
fn peer_of(exchange: u128) -> Option<Mac> {
    let bytes = u64::try_from(exchange).ok().filter(|number| *number != 0)?.to_be_bytes();
    bytes.last_chunk::<6>().filter(|_| bytes.starts_with(&[0, 0])).map(|mac| Mac(*mac))
}

/// RFC 3748 §5.1: users are personal; machines of a domain name themselves `host/NAME`.
fn identified(identity: &[u8], ends: &Ends, cx: &mut Context<'_>) {
    let (Some(peer), Some(name)) = (&ends.peer, identity.strip_prefix(b"host/")) else { return };
    if !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')) {
        let field = if name.contains(&b'.') { Field::FullyQualifiedName } else { Field::Hostname };
        cx.say(peer, Kind::Identity).text(field, name);
    }
}

/// RFC 3748 §5.3.1: what the peer would rather do.
fn declined(wanted: &[u8], ends: &Ends, cx: &mut Context<'_>) {
    let Some(peer) = &ends.peer else { return };
    for kind in wanted.iter().take(TYPES.len()) {
        if let Some(name) = name(*kind) {
            login::say(cx, peer, name, login::OFFERED).number(Field::EapType, u64::from(*kind), std::slice::from_ref(kind));
        }
    }
}

fn name(kind: u8) -> Option<&'static str> {
    TYPES.iter().find(|row| row.0 == kind).map(|row| row.1)
}

#[cfg(test)]
mod tests {
    use super::super::eapol::Eapol;
    use super::super::tls::Tls;
    use super::*;
    use crate::testing::{field, outcomes, read_frames};

    /// EAP within EAPOL, from the switch (1) or a host (2), to the group of ports.
    fn frame(from: u8, eap: &[u8]) -> Vec<u8> {
        let length = u16::try_from(eap.len()).unwrap().to_be_bytes();
        [&[1, 0x80, 0xc2, 0, 0, 3, 0, 0, 0, 0, 1, from, 0x88, 0x8e, 2, 0][..], &length, eap, &[0; 30]].concat()
    }

    fn eap(code: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[code, 7][..], &length, body].concat()
    }

    fn read(frames: &[Vec<u8>]) -> Vec<observations::Observation> {
        read_frames(&[&Eapol, &Eap, &Tls], frames)
    }

    #[test]
    fn a_method_is_offered_taken_and_decided_on() {
        let said = read(&[
            frame(1, &eap(1, &[1])),
            frame(2, &eap(2, b"\x01host/hmi7.plant.test")),
            frame(1, &eap(1, &[4, 16, 9, 9])),
            frame(2, &eap(2, &[4, 16, 8, 8])),
            frame(1, &eap(3, &[])),
        ]);
        assert_eq!(outcomes(&said), ["eap-md5 accepted", "eap-md5 attempted", "eap-md5 offered"]);
        assert_eq!(field(&said, Kind::Identity, Field::FullyQualifiedName), ["hmi7.plant.test"]);
    }

    #[test]
    fn users_are_told_nowhere_and_refusals_are() {
        let said = read(&[frame(2, &eap(2, b"\x01ann")), frame(2, &eap(2, &[3, 13, 25])), frame(1, &eap(1, &[17, 1])), frame(1, &eap(4, &[]))]);
        assert_eq!(outcomes(&said), ["eap-leap offered", "eap-leap refused", "eap-peap offered", "eap-tls offered"]);
        assert!(said.iter().flat_map(|said| &said.fields).all(|field| field.value.display() != "ann"));
    }

    #[test]
    fn tls_in_fragments_is_put_together() {
        let hello = [&[22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3][..], &[9; 32], &[0, 0xc0, 0x2f, 0]].concat();
        let (first, second) = hello.split_at(20);
        let next = |id, mut message: Vec<u8>| {
            message[1] = id;
            message
        };
        let begun = frame(1, &next(1, eap(1, &[&[13, 0xc0, 0, 0, 0, 47][..], first].concat())));
        let said = read(&[begun.clone(), begun, frame(2, &next(1, eap(2, &[13, 0]))), frame(1, &next(2, eap(1, &[&[13, 0][..], second].concat())))]);
        assert_eq!(field(&said, Kind::Security, Field::TlsCipherSuite), ["49199"]);
        let told = said.iter().find(|said| said.get(Field::TlsCipherSuite).is_some()).unwrap();
        assert_eq!(told.fields_first[0].derivation.as_deref(), Some("eap-fragments"));
    }

    #[test]
    fn the_peer_of_an_exchange_is_its_mac_address() {
        assert_eq!(peer_of(0x0000_240a_c40a_0021), Some(Mac([0x24, 0x0a, 0xc4, 0x0a, 0, 0x21])));
        assert_eq!(peer_of(0), None);
        assert_eq!(peer_of(u128::MAX), None);
    }
}
