//! Tuya: things of many brands with one maker's module announce themselves, and are switched.
//!
//! Spec: none by its maker; tinytuya (MIT), its notes on discovery and on the commands of the local protocol.
//! Tells us: the thing's identifier, its product key and protocol version, also where the announcement is encrypted: its key is the same for
//! all things and published; who switches.
//! Does not tell: what is switched from version 3.3 on; brand and model, which the cloud knows.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape};
use crate::json::{self, Step};
use aes::Aes128;
use aes::cipher::{Block, BlockCipherDecrypt, KeyInit};
use aes_gcm::Aes128Gcm;
use aes_gcm::aead::{Aead, Payload};
use observations::{Field, Kind, OperationClass, Subject, Transport, Value};

pub(crate) struct Tuya;

/// Announcements in the clear, encrypted, and of version 3.5; the local protocol.
const PLAIN: u16 = 6666;
const ENCRYPTED: u16 = 6667;
const SEALED: u16 = 7000;
const LOCAL: u16 = 6668;
/// Marks at both ends; between them sequence, command and length, of four bytes each.
const BEGIN: &[u8] = &[0, 0, 0x55, 0xaa];
const END: &[u8] = &[0, 0, 0xaa, 0x55];
/// The same of version 3.5: two bytes more stand behind the first mark, and the second mark is not counted.
const BEGIN_35: &[u8] = &[0, 0, 0x66, 0x99];
const END_35: &[u8] = &[0, 0, 0x99, 0x66];
const NUMBERS: usize = 12;
/// Announcements have some 200 bytes, states of things up to a kilobyte.
const LENGTH_MAX: usize = 16 * 1024;
/// Of GCM: what stands before and behind what is sealed.
const NONCE: usize = 12;
const TAG: usize = 16;
/// What announcements are encrypted with: the MD5 of a word that is in every thing and every app (tinytuya, `udpkey`).
const ANNOUNCEMENT_KEY: [u8; 16] = [0x6c, 0x1e, 0xc8, 0xe2, 0xbb, 0x9b, 0xb5, 0x9a, 0xb5, 0x0b, 0x0d, 0xaf, 0x64, 0x9b, 0x41, 0x0a];

/// Commands by number; the index is that of [`OPERATIONS`].
const COMMANDS: &[u32] = &[3, 4, 5, 7, 8, 9, 0x0a, 0x0d, 0x10, 0x12];
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("sess_key_neg_start", OperationClass::Session),
    ("sess_key_neg_resp", OperationClass::Session),
    ("sess_key_neg_finish", OperationClass::Session),
    ("control", OperationClass::Control),
    ("status", OperationClass::Read),
    ("heart_beat", OperationClass::Session),
    ("dp_query", OperationClass::Read),
    ("control_new", OperationClass::Control),
    ("dp_query_new", OperationClass::Read),
    ("updatedps", OperationClass::Read),
];

const fn shape(over: Transport) -> Shape {
    Shape { over, bytes: &[(0, 0xff, 0), (1, 0xff, 0), (2, 0xff, 0x55), (3, 0xff, 0xaa), (12, 0xff, 0), (13, 0xff, 0)], min: 24, max: usize::MAX }
}

const fn shape_35(over: Transport) -> Shape {
    Shape { over, bytes: &[(0, 0xff, 0), (1, 0xff, 0), (2, 0xff, 0x66), (3, 0xff, 0x99), (14, 0xff, 0), (15, 0xff, 0)], min: 50, max: usize::MAX }
}

impl Dissector for Tuya {
    type State = ();

    const ROW: Row = Row {
        name: "tuya",
        revision: 1,
        spec: "tinytuya: notes on the protocol",
        tells: "identifier, product key and protocol version of things, who switches",
        bindings: &[Binding::Udp(PLAIN), Binding::Udp(ENCRYPTED), Binding::Udp(SEALED), Binding::Tcp(LOCAL)],
        shapes: &[shape(Transport::Udp), shape(Transport::Tcp), shape_35(Transport::Udp), shape_35(Transport::Tcp)],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(header) = header(head) else { return Gate::NotMine };
        match head.get(header.all - END.len()..header.all) {
            Some(end) if end == header.end => Gate::Mine,
            None if head.len() >= crate::engine::GATE_BYTES => Gate::Mine,
            _ => Gate::NotMine,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        if head.len() < BEGIN.len() + 2 + NUMBERS {
            return Framing::Need(BEGIN.len() + 2 + NUMBERS);
        }
        // Of the local protocol all but the command is encrypted, or states that pass.
        header(head).map_or(Framing::Lost, |header| Framing::Pdu { len: header.all, want: header.body })
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let command = header(head).map(|header| header.command);
        let index = COMMANDS.iter().position(|known| Some(*known) == command);
        let counted = at.transport == Transport::Tcp && at.from_client != Some(false);
        let operation = index.and_then(|index| u16::try_from(index).ok()).filter(|_| counted);
        let look = if at.transport == Transport::Tcp { Look::Once(command.unwrap_or(0)) } else { Look::Always };
        Glance { operation, look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let header = header(pdu).ok_or(DissectError::Malformed { rule: "header", offset: 0 })?;
        let body = pdu.get(header.body..header.all.min(pdu.len())).unwrap_or_default();
        match message(body) {
            Some(text) => announced(text, true, cx),
            None if cx.at().transport == Transport::Udp => {
                if let Some(open) = opened(pdu, &header) {
                    cx.derived(&open, pdu, "tuya-announcement", |open, cx| {
                        if let Some(text) = message(open) {
                            announced(text, false, cx);
                        }
                    });
                }
            }
            None => {}
        }
        Ok(Next::Watch)
    }
}

struct Header {
    command: u32,
    /// Where the body begins, and how long all is.
    body: usize,
    all: usize,
    end: &'static [u8],
}

/// The two forms of a message.
fn header(head: &[u8]) -> Option<Header> {
    let is_35 = head.starts_with(BEGIN_35);
    let at = if is_35 { BEGIN_35.len() + 2 } else { head.strip_prefix(BEGIN).map(|_| BEGIN.len())? };
    let number = |from: usize| head.get(at + from..at + from + 4).map(crate::tlv::number);
    let (command, length) = (u32::try_from(number(4)?).ok()?, usize::try_from(number(8)?).ok()?);
    let (body, end, least) = if is_35 { (at + NUMBERS, END_35, NONCE + TAG) } else { (at + NUMBERS, END, 8) };
    // Checksum and mark are counted; of version 3.5 nonce and tag.
    let all = body + length + if is_35 { END_35.len() } else { 0 };
    (least..=LENGTH_MAX).contains(&length).then_some(Header { command, body, all, end })
}

/// JSON, before which a return code may stand; a checksum and the mark stand behind.
fn message(body: &[u8]) -> Option<&[u8]> {
    let open = body.iter().take(5).position(|byte| *byte == b'{')?;
    body.get(open..)
}

/// What an announcement hides: of version 3.3 in blocks of their own (ECB), behind a return code or not; of 3.5 sealed with its header.
fn opened(pdu: &[u8], header: &Header) -> Option<Vec<u8>> {
    const RETURN_CODE: usize = 4;
    const BLOCK: usize = 16;
    if header.end == END_35 {
        let (nonce, sealed) = pdu.get(header.body..header.all - END_35.len())?.split_first_chunk::<NONCE>()?;
        let cipher = Aes128Gcm::new_from_slice(&ANNOUNCEMENT_KEY).ok()?;
        return cipher.decrypt(&(*nonce).into(), Payload { msg: sealed, aad: pdu.get(BEGIN_35.len()..header.body)? }).ok();
    }
    let body = pdu.get(header.body..header.all - END.len() - 4)?;
    let blocks = if body.len() % BLOCK == RETURN_CODE { body.get(RETURN_CODE..)? } else { body };
    let cipher = Aes128::new_from_slice(&ANNOUNCEMENT_KEY).ok()?;
    let mut open = Vec::with_capacity(blocks.len());
    for block in blocks.chunks_exact(BLOCK) {
        let mut block = Block::<Aes128>::from(*block.first_chunk::<BLOCK>()?);
        cipher.decrypt_block(&mut block);
        open.extend_from_slice(&block);
    }
    // PKCS #7: the last byte says how many are padding.
    let padding = usize::from(*open.last()?);
    let length = open.len().checked_sub(padding).filter(|_| (1..=BLOCK).contains(&padding))?;
    open.truncate(length);
    Some(open)
}

/// An announcement names the address that the thing has: it may have been passed on.
fn announced(text: &[u8], lies_open: bool, cx: &mut Context<'_>) {
    let nothing: [&[u8]; 4] = [&[]; 4];
    let (told, _checksum) = json::fold(text, nothing, |[ip, id, key, version], path, value| match path {
        [Step::Key(b"ip")] => [value.bytes(), id, key, version],
        [Step::Key(b"gwId")] => [ip, value.bytes(), key, version],
        [Step::Key(b"productKey")] => [ip, id, value.bytes(), version],
        [Step::Key(b"version")] => [ip, id, key, value.bytes()],
        _ => [ip, id, key, version],
    });
    let [ip, id, key, version] = told;
    let about = whose(ip, cx);
    let saying = cx.say(&about, Kind::Identity).text(Field::ThingId, id).text(Field::HardwareId, key);
    drop(saying.text(Field::ProtocolVersion, version));
    if !id.is_empty() && lies_open {
        cx.say(&about, Kind::Security).implied(Field::SecurityLevel, &Value::Text("none".into()));
    }
}

fn whose(ip: &[u8], cx: &Context<'_>) -> Subject {
    let sender = cx.sender_host();
    match std::str::from_utf8(ip).ok().and_then(|text| text.parse().ok()) {
        Some(ip) if sender.ip != Some(ip) => cx.by_ip(ip),
        _ => sender,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, payload};

    fn datagram(command: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
        [BEGIN, &[0, 0, 0, 1, 0, 0, 0, command], &length, body, &[1, 2, 3, 4], END].concat()
    }

    const ANNOUNCED: &[u8] =
        br#"{"ip":"10.0.0.1","gwId":"0120015260091453a970","active":2,"encrypt":true,"productKey":"keyq8h4pm7vq9ftn","version":"3.1"}"#;

    #[test]
    fn an_announcement_names_the_thing() {
        let said = payload(&Tuya, Transport::Udp, 49154, PLAIN, &datagram(0, &[&[0; 4], ANNOUNCED].concat()));
        assert_eq!(field(&said, Kind::Identity, Field::ThingId), ["0120015260091453a970"]);
        assert_eq!(field(&said, Kind::Identity, Field::ProtocolVersion), ["3.1"]);
        assert!(said.iter().find(|said| said.kind == Kind::Identity).unwrap().of_itself());
    }

    #[test]
    fn what_is_passed_on_is_about_another() {
        let said = payload(&Tuya, Transport::Udp, PLAIN, PLAIN, &datagram(0, ANNOUNCED));
        assert!(!said.iter().find(|said| said.kind == Kind::Identity).unwrap().of_itself());
    }

    #[test]
    fn an_announcement_is_read_through_the_key_that_all_things_share() {
        use aes::cipher::BlockCipherEncrypt;
        let padding = 16 - ANNOUNCED.len() % 16;
        let padded = [ANNOUNCED, &vec![u8::try_from(padding).unwrap(); padding]].concat();
        let cipher = Aes128::new_from_slice(&ANNOUNCEMENT_KEY).unwrap();
        let blocks = padded.chunks(16).flat_map(|chunk| {
            let mut block = Block::<Aes128>::from(<[u8; 16]>::try_from(chunk).unwrap());
            cipher.encrypt_block(&mut block);
            block.to_vec()
        });
        let blocks: Vec<u8> = blocks.collect();
        let head = [&[0, 0, 0, 0, 0, 1, 0, 0, 0, 0x13][..], &u32::try_from(ANNOUNCED.len() + NONCE + TAG).unwrap().to_be_bytes()].concat();
        let sealing = Aes128Gcm::new_from_slice(&ANNOUNCEMENT_KEY).unwrap();
        let sealed = sealing.encrypt(&[7; NONCE].into(), Payload { msg: ANNOUNCED, aad: &head }).unwrap();
        let newer = [BEGIN_35, &head, &[7; NONCE], &sealed, END_35].concat();
        for sent in [datagram(0x13, &[&[0; 4], &blocks[..]].concat()), datagram(0x13, &blocks), newer] {
            let said = payload(&Tuya, Transport::Udp, 49154, ENCRYPTED, &sent);
            assert_eq!(field(&said, Kind::Identity, Field::ThingId), ["0120015260091453a970"]);
            assert_eq!(field(&said, Kind::Identity, Field::HardwareId), ["keyq8h4pm7vq9ftn"]);
            assert!(field(&said, Kind::Security, Field::SecurityLevel).is_empty());
        }
    }

    #[test]
    fn what_is_encrypted_otherwise_tells_nothing_and_is_known_on_any_port() {
        let said = payload(&Tuya, Transport::Udp, 49154, 40000, &datagram(0x13, &[0x9a; 64]));
        assert!(said.iter().all(|said| said.protocol != "tuya"));
        assert_eq!(gate(&Tuya, &datagram(0x13, &[0x9a; 64]), 40000), Gate::Mine);
        let switched = conversation(&Tuya, Transport::Tcp, &[(50000, LOCAL, &datagram(7, &[0x9a; 32]))]);
        // That it was asked to is told, and nothing else.
        assert!(switched.iter().all(|said| said.protocol != "tuya" || said.kind == Kind::Operation));
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        for stranger in [
            &b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..],
            b"{\"ip\":\"10.0.0.1\"}",
            &[0; 40],
            &[0, 0, 0x55, 0xaa, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2],
            &[0, 0, 0x66, 0x99, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x13, 0, 0, 0, 4, 1, 2, 3, 4, 0, 0, 0x99, 0x66],
        ] {
            assert_eq!(gate(&Tuya, stranger, PLAIN), Gate::NotMine);
        }
    }
}
