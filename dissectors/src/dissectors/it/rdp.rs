//! Remote Desktop: how a session is protected, and which host a client is.
//!
//! Spec: MS-RDPBCGR §2.2.1 (connection: negotiation, client and server data), ITU-T T.125 §7 (connect PDUs), T.124 §8.7.
//! Tells us: protection asked for and chosen (standard security, TLS, CredSSP); without TLS the client's name and build, encryption and
//! the server's key length; with TLS the server's certificate.
//! Does not tell: users (a cookie names one, which is personal) and what is done.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Next, Row, Side};
use crate::login;
use observations::{Field, Kind, Value};

pub(crate) struct Rdp;

/// What COTP hands on: the variable parts of CR and CC under their codes, TSDUs under 0.
const REQUEST: u64 = 0xe0;
const CONFIRM: u64 = 0xd0;
const TSDU: u64 = 0;

/// §2.2.1.1.1, §2.2.1.2.1, §2.2.1.2.2: type, flags, length 8.
const NEGOTIATION: usize = 8;
const NEG_REQUEST: u8 = 1;
const NEG_RESPONSE: u8 = 2;
const NEG_FAILURE: u8 = 3;
/// §2.2.1.1: a cookie or routing token stands before the negotiation.
const COOKIE: &[u8] = b"Cookie: ";

/// T.125 §7: BER tags of Connect-Initial and Connect-Response.
const CONNECT_INITIAL: [u8; 2] = [0x7f, 0x65];
const CONNECT_RESPONSE: [u8; 2] = [0x7f, 0x66];
/// §2.2.1.3.1: types of user data blocks.
const CS_CORE: u16 = 0xc001;
const SC_SECURITY: u16 = 0x0c02;
/// T.124 §8.7: the keys of H.221 behind which user data stands.
const CLIENT_KEY: &[u8] = b"Duca";
const SERVER_KEY: &[u8] = b"McDn";
/// Blocks of user data: seven of clients, five of servers are defined.
const BLOCKS_MAX: usize = 16;

/// §2.2.1.2.1: protocols by number; §2.2.1.1.1 has the same as bits.
const PROTOCOLS: &[(u32, &str)] = &[(0, "rdp"), (1, "tls"), (2, "credssp"), (4, "rdstls"), (8, "credssp-early-auth"), (16, "rdsaad")];
/// §2.2.1.2.2: what a server that refuses wants.
const WANTS: &[(u32, &str)] = &[(1, "tls"), (2, "rdp"), (5, "credssp"), (6, "tls with a client certificate")];

impl Dissector for Rdp {
    type State = ();

    const ROW: Row = Row {
        name: "rdp",
        revision: 1,
        spec: "MS-RDPBCGR",
        tells: "protection asked for and chosen, client names and builds",
        bindings: &[Binding::Under("cotp", REQUEST), Binding::Under("cotp", CONFIRM), Binding::Under("cotp", TSDU)],
        shapes: &[],
        operations: &[],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let negotiation = |bytes: &[u8]| matches!(bytes, [NEG_REQUEST..=NEG_FAILURE, _, 8, 0, ..]) && bytes.len() == NEGOTIATION;
        let mine = negotiation(head)
            || head.starts_with(COOKIE)
                && (head.ends_with(b"\r\n") || head.len().checked_sub(NEGOTIATION).and_then(|at| head.get(at..)).is_some_and(negotiation))
            || user_data(head).is_some();
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head {
            [NEG_REQUEST, ..] | [b'C', ..] => Side::Client,
            [NEG_RESPONSE | NEG_FAILURE, ..] => Side::Server,
            _ if head.starts_with(&CONNECT_INITIAL) => Side::Client,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, _: &[u8], _: &At) -> Glance {
        Glance::READ
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if let Some((data, from_client)) = user_data(pdu) {
            return blocks(data, from_client, cx).map(|()| Next::Watch);
        }
        let at = pdu.len().checked_sub(NEGOTIATION);
        if let Some(negotiation) = at.and_then(|at| pdu.get(at..)).filter(|bytes| matches!(bytes, [NEG_REQUEST..=NEG_FAILURE, _, 8, 0, ..])) {
            negotiated(negotiation, cx);
        }
        Ok(Next::Watch)
    }
}

fn negotiated(negotiation: &[u8], cx: &mut Context<'_>) {
    let number = little(negotiation, 4).unwrap_or_default();
    let at = negotiation.get(4..).unwrap_or_default();
    let find = |table: &[(u32, &'static str)], number| table.iter().find(|row| row.0 == number).map(|row| row.1);
    let (about, word, outcome) = match negotiation.first() {
        Some(&NEG_REQUEST) => {
            // The strongest that is asked for.
            let strongest = PROTOCOLS.iter().rev().find(|row| row.0 & number != 0).map_or("rdp", |row| row.1);
            (cx.receiver(), Some(strongest), login::ATTEMPTED)
        }
        Some(&NEG_RESPONSE) => (cx.sender(), find(PROTOCOLS, number), login::ACCEPTED),
        _ => (cx.sender(), find(WANTS, number), login::REQUIRED),
    };
    let Some(word) = word else { return };
    let field = if outcome == login::REQUIRED { Field::ServiceResult } else { Field::RdpProtocol };
    let saying = cx.say(&about, Kind::Security).implied(Field::SecurityLevel, &login::word(word)).implied(Field::Outcome, &login::word(outcome));
    drop(saying.number(field, u64::from(number), at));
}

/// The user data of a connect PDU, and whether it is the client's. Encoded by packed rules, of which the key and a length of two bytes
/// behind it are all that changes.
fn user_data(pdu: &[u8]) -> Option<(&[u8], bool)> {
    /// What stands before: tags, domain parameters, T.124's identifier; some hundred bytes.
    const BEFORE_MAX: usize = 256;
    let (key, from_client) = match *pdu.first_chunk()? {
        CONNECT_INITIAL => (CLIENT_KEY, true),
        CONNECT_RESPONSE => (SERVER_KEY, false),
        _ => return None,
    };
    let at = pdu.get(..BEFORE_MAX.min(pdu.len()))?.windows(key.len()).position(|window| window == key)? + key.len();
    let first = *pdu.get(at)?;
    // X.691 §10.9.3.6: below 128 in one byte, else with the highest bit in two.
    let data = pdu.get(at + if first & 0x80 == 0 { 1 } else { 2 }..)?;
    Some((data, from_client))
}

/// §2.2.1.3.1: type and length of each block, both with the low byte first.
fn blocks(mut data: &[u8], from_client: bool, cx: &mut Context<'_>) -> Result<(), DissectError> {
    for _ in 0..BLOCKS_MAX {
        let Some(&[t0, t1, l0, l1]) = data.first_chunk::<4>() else { break };
        let length = usize::from(u16::from_le_bytes([l0, l1]));
        let Some((block, rest)) = data.split_at_checked(length).filter(|_| length >= 4) else {
            return Err(DissectError::Truncated { needed: length });
        };
        match u16::from_le_bytes([t0, t1]) {
            CS_CORE if from_client => core(block, cx),
            SC_SECURITY if !from_client => security(block, cx),
            _ => {}
        }
        data = rest;
    }
    Ok(())
}

/// §2.2.1.3.2: client core data.
fn core(block: &[u8], cx: &mut Context<'_>) {
    const BUILD: usize = 20;
    const NAME: usize = 24;
    const NAME_LENGTH: usize = 32;
    let client = cx.sender_host();
    if let (Some(build), Some(at)) = (little(block, BUILD), block.get(BUILD..BUILD + 4)) {
        cx.say(&client, Kind::Client).number(Field::ClientBuild, u64::from(build), at);
    }
    let Some(name) = block.get(NAME..NAME + NAME_LENGTH) else { return };
    let end = name.chunks_exact(2).position(|unit| unit == [0, 0]).map_or(name.len(), |units| units * 2);
    let Some(name) = name.get(..end).filter(|name| !name.is_empty()) else { return };
    let units: Vec<u16> = name.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    let text = String::from_utf16_lossy(&units);
    cx.say(&client, Kind::Identity).decoded(Field::Hostname, &Value::Text(text.into_bytes()), name, "utf-16le");
}

/// §2.2.1.4.3: how the session is encrypted without TLS, and the key that the server shows for it (§2.2.1.4.3.1.1.1).
fn security(block: &[u8], cx: &mut Context<'_>) {
    const METHOD: usize = 4;
    const LEVEL: usize = 8;
    let server = cx.sender();
    let (Some(method), Some(level)) = (little(block, METHOD), little(block, LEVEL)) else { return };
    let at = |offset: usize| block.get(offset..offset + 4).unwrap_or_default();
    let key = block.windows(4).position(|window| window == b"RSA1").and_then(|start| Some((little(block, start + 8)?, at(start + 8))));
    let saying = cx.say(&server, Kind::Security).number(Field::RdpEncryptionMethod, u64::from(method), at(METHOD));
    let saying = saying.number(Field::RdpEncryptionLevel, u64::from(level), at(LEVEL));
    drop(saying.maybe(key, |s, (bits, at)| s.number(Field::KeyBits, u64::from(bits), at)));
    // Behind TLS this block is there too, but not to be seen: what is seen has standard security.
    login::protection(cx, &server, "rdp", login::ACCEPTED);
}

fn little(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_le_bytes(*four))
}

#[cfg(test)]
mod tests {
    use super::super::super::ot::{cotp::Cotp, tpkt::Tpkt};
    use super::*;
    use crate::testing::{conversation_of, field, outcomes};
    use observations::{Observation, Transport};

    fn connect(code: u8, variable: &[u8]) -> Vec<u8> {
        let indicator = u8::try_from(6 + variable.len()).unwrap();
        let length = u16::from(indicator) + 5;
        [&[3, 0][..], &length.to_be_bytes(), &[indicator, code, 0, 0, 0, 0, 0], variable].concat()
    }

    fn data(tsdu: &[u8]) -> Vec<u8> {
        let length = u16::try_from(tsdu.len() + 7).unwrap();
        [&[3, 0][..], &length.to_be_bytes(), &[2, 0xf0, 0x80], tsdu].concat()
    }

    fn talk(parts: &[(bool, Vec<u8>)]) -> Vec<Observation> {
        let parts: Vec<_> = parts.iter().map(|(up, bytes)| if *up { (50000, 3389, &bytes[..]) } else { (3389, 50000, &bytes[..]) }).collect();
        conversation_of(&[&Tpkt, &Cotp, &Rdp], Transport::Tcp, &parts)
    }

    #[test]
    fn what_is_asked_for_and_what_is_chosen_are_told_and_the_user_is_not() {
        let asks = [b"Cookie: mstshash=operator\r\n", &[1, 0, 8, 0, 11, 0, 0, 0][..]].concat();
        let said = talk(&[(true, connect(0xe0, &asks)), (false, connect(0xd0, &[2, 0x1f, 8, 0, 2, 0, 0, 0]))]);
        assert_eq!(outcomes(&said), ["credssp accepted", "credssp-early-auth attempted"]);
        assert_eq!(field(&said, Kind::Security, Field::RdpProtocol), ["11", "2"]);
        assert!(said.iter().flat_map(|said| &said.fields).all(|field| !field.value.display().contains("operator")));
    }

    #[test]
    fn a_server_says_what_it_wants() {
        let said = talk(&[(true, connect(0xe0, &[1, 0, 8, 0, 0, 0, 0, 0])), (false, connect(0xd0, &[3, 0, 8, 0, 5, 0, 0, 0]))]);
        assert_eq!(outcomes(&said), ["credssp required", "rdp attempted"]);
    }

    #[test]
    fn without_tls_client_and_encryption_are_told() {
        let name: Vec<u8> = "ENG-WS02".encode_utf16().flat_map(u16::to_le_bytes).chain([0; 16]).collect();
        let core = [&[1, 0xc0, 56, 0, 4, 0, 8, 0, 0, 4, 0, 3, 1, 0xca, 3, 0xaa, 9, 4, 0, 0][..], &2600u32.to_le_bytes(), &name].concat();
        let initial = [&[0x7f, 0x65, 0x50][..], &[0; 20], b"\0\x05\0\x14\x7c\0\x01Duca\x81\x38", &core].concat();
        let block =
            [&[2, 0x0c, 32, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], b"RSA1", &72u32.to_le_bytes(), &512u32.to_le_bytes()].concat();
        let response = [&[0x7f, 0x66, 0x50][..], &[0; 20], b"\0\x05\0\x14\x7c\0\x01McDn\x20", &block].concat();
        let said = talk(&[(true, data(&initial)), (false, data(&response))]);
        assert_eq!(field(&said, Kind::Identity, Field::Hostname), ["ENG-WS02"]);
        assert_eq!(field(&said, Kind::Client, Field::ClientBuild), ["2600"]);
        assert_eq!(field(&said, Kind::Security, Field::RdpEncryptionMethod), ["1"]);
        assert_eq!(field(&said, Kind::Security, Field::KeyBits), ["512"]);
        assert_eq!(outcomes(&said), ["rdp accepted"]);
    }

    #[test]
    fn other_transport_connections_are_not_ours() {
        let s7 = [0xc1, 2, 1, 0, 0xc2, 2, 1, 2, 0xc0, 1, 10];
        let said = talk(&[(true, connect(0xe0, &s7)), (true, data(&[0x32, 1, 0, 0])), (true, data(&[0x7f, 0x65, 1, 2]))]);
        assert!(said.iter().all(|said| said.protocol != "rdp"));
    }
}
