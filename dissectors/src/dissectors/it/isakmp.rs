//! IKE: gateways and clients that agree on IPsec, with which algorithms, made by whom.
//!
//! Spec: RFC 2408 and RFC 2409 (IKEv1), RFC 7296 (IKEv2), IANA's registries of both; RFC 3947 and RFC 3948 (UDP 4500).
//! Tells us: version, algorithms that a responder chose, aggressive mode, vendor ids of both sides.
//! Does not tell: identities, which are encrypted or left out here; keys.

use crate::context::{Context, Saying};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Side};
use crate::login::word;
use crate::tlv::number;
use observations::{Field, Kind, OperationClass, Value};

pub(crate) struct Isakmp;

const PORT: u16 = 500;
const NAT_PORT: u16 = 4500;
/// RFC 3948 §2.2: four bytes of zero before IKE on port 4500.
const MARKER: &[u8] = &[0; 4];
/// RFC 7296 §3.1.
const HEADER: usize = 28;
const RESPONSE: u8 = 0x20;
const ENCRYPTED_V1: u8 = 0x01;
/// Exchanges of both versions.
const EXCHANGES: &[(u8, &str, OperationClass)] = &[
    (2, "identity_protection", OperationClass::Session),
    (4, "aggressive", OperationClass::Session),
    (5, "informational", OperationClass::Session),
    (6, "transaction", OperationClass::Session),
    (32, "quick_mode", OperationClass::Session),
    (34, "ike_sa_init", OperationClass::Session),
    (35, "ike_auth", OperationClass::Session),
    (36, "create_child_sa", OperationClass::Session),
    (37, "informational_v2", OperationClass::Session),
];
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("identity_protection", OperationClass::Session),
    ("aggressive", OperationClass::Session),
    ("informational", OperationClass::Session),
    ("transaction", OperationClass::Session),
    ("quick_mode", OperationClass::Session),
    ("ike_sa_init", OperationClass::Session),
    ("ike_auth", OperationClass::Session),
    ("create_child_sa", OperationClass::Session),
    ("informational_v2", OperationClass::Session),
];
const AGGRESSIVE: u8 = 4;
/// Payload types.
const SA_V1: u8 = 1;
const VENDOR_V1: u8 = 13;
const SA_V2: u8 = 33;
const VENDOR_V2: u8 = 43;
const PAYLOADS_MAX: usize = 32;
const ATTRIBUTES_MAX: usize = 16;
const TRANSFORMS_MAX: usize = 32;

/// RFC 2409 appendix A, and what IANA added.
const ENCRYPTION_V1: &[(u64, &str)] =
    &[(1, "des"), (2, "idea"), (3, "blowfish"), (4, "rc5"), (5, "3des"), (6, "cast"), (7, "aes-cbc"), (8, "camellia-cbc")];
const HASH_V1: &[(u64, &str)] = &[(1, "md5"), (2, "sha1"), (3, "tiger"), (4, "sha2-256"), (5, "sha2-384"), (6, "sha2-512")];
const METHOD_V1: &[(u64, &str)] = &[
    (1, "pre-shared-key"),
    (2, "dss-signatures"),
    (3, "rsa-signatures"),
    (4, "rsa-encryption"),
    (5, "rsa-encryption"),
    (64221, "hybrid-rsa"),
    (65001, "xauth-pre-shared-key"),
    (65005, "xauth-rsa"),
];
/// RFC 7296 §3.3.2, and what IANA added.
const ENCRYPTION_V2: &[(u64, &str)] = &[
    (1, "des-iv64"),
    (2, "des"),
    (3, "3des"),
    (5, "idea"),
    (6, "cast"),
    (7, "blowfish"),
    (11, "null"),
    (12, "aes-cbc"),
    (13, "aes-ctr"),
    (14, "aes-ccm-8"),
    (15, "aes-ccm-12"),
    (16, "aes-ccm-16"),
    (18, "aes-gcm-8"),
    (19, "aes-gcm-12"),
    (20, "aes-gcm-16"),
    (23, "camellia-cbc"),
    (28, "chacha20-poly1305"),
];
const PRF_V2: &[(u64, &str)] = &[
    (1, "hmac-md5"),
    (2, "hmac-sha1"),
    (3, "hmac-tiger"),
    (4, "aes128-xcbc"),
    (5, "hmac-sha2-256"),
    (6, "hmac-sha2-384"),
    (7, "hmac-sha2-512"),
    (8, "aes128-cmac"),
];
const INTEGRITY_V2: &[(u64, &str)] = &[
    (0, "none"),
    (1, "hmac-md5-96"),
    (2, "hmac-sha1-96"),
    (3, "des-mac"),
    (4, "kpdk-md5"),
    (5, "aes-xcbc-96"),
    (12, "hmac-sha2-256-128"),
    (13, "hmac-sha2-384-192"),
    (14, "hmac-sha2-512-256"),
];

impl Dissector for Isakmp {
    type State = ();

    const ROW: Row = Row {
        name: "isakmp",
        revision: 1,
        spec: "RFC 2408, RFC 2409, RFC 7296",
        tells: "IPsec gateways and clients, algorithms chosen, aggressive mode, vendor ids",
        bindings: &[Binding::Udp(PORT), Binding::Udp(NAT_PORT)],
        // Cookies are random; the rest stands beyond what shapes see.
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        if message(head, at).is_some() { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        let bytes = head.strip_prefix(MARKER).filter(|_| head.len() > HEADER + 4).unwrap_or(head);
        let begins = bytes.get(8..16) == Some(&[0; 8]);
        let (version, flags) = (bytes.get(17).copied().unwrap_or_default() >> 4, bytes.get(19).copied().unwrap_or_default());
        match version {
            _ if begins => Side::Client,
            2 if flags & RESPONSE != 0 => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let Some(message) = message(head, at) else { return Glance::SKIP };
        let operation = EXCHANGES.iter().position(|row| row.0 == message.exchange).and_then(|index| u16::try_from(index).ok());
        let open = matches!(message.exchange, 2 | AGGRESSIVE | 34) && !message.encrypted;
        Glance { operation, look: if open { Look::Always } else { Look::Never }, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let at = *cx.at();
        let message = message(pdu, &at).ok_or(DissectError::NotMine)?;
        if message.encrypted {
            return Ok(Next::Watch);
        }
        let about = if message.answers { cx.sender() } else { cx.sender_host() };
        let payloads = Payloads { next: message.first, rest: message.body };
        for (kind, body) in payloads.take(PAYLOADS_MAX) {
            match kind {
                VENDOR_V1 | VENDOR_V2 => drop(cx.say(&about, Kind::Client).bytes(Field::IkeVendorId, body)),
                SA_V1 | SA_V2 if message.answers => {
                    let saying = cx.say(&about, Kind::Security).implied(Field::RemoteAccess, &word("ipsec"));
                    let saying = saying.decoded(Field::ProtocolVersion, &Value::Number(message.version.into()), message.version_byte, "high-half");
                    let saying = if message.exchange == AGGRESSIVE { saying.implied(Field::Protection, &word("aggressive mode")) } else { saying };
                    drop(if kind == SA_V1 { chosen_v1(saying, body) } else { chosen_v2(saying, body) });
                }
                _ => {}
            }
        }
        Ok(Next::Watch)
    }
}

struct Message<'a> {
    first: u8,
    version: u8,
    version_byte: &'a [u8],
    exchange: u8,
    answers: bool,
    encrypted: bool,
    body: &'a [u8],
}

/// RFC 2408 §3.1, RFC 7296 §3.1.
fn message<'a>(bytes: &'a [u8], at: &At) -> Option<Message<'a>> {
    let nat = at.src_port == NAT_PORT || at.dst_port == NAT_PORT;
    let bytes = match bytes.strip_prefix(MARKER) {
        Some(rest) if nat => rest,
        _ if nat => return None,
        _ => bytes,
    };
    let (head, body) = bytes.split_at_checked(HEADER)?;
    let (initiator, responder) = (head.get(..8)?, head.get(8..16)?);
    let &[first, version, exchange, flags, ..] = head.get(16..)? else { return None };
    let length = usize::try_from(number(head.get(24..)?)).ok()?;
    let whole = length == bytes.len() || length > bytes.len() && bytes.len() + 4 >= crate::engine::GATE_BYTES;
    let known = EXCHANGES.iter().any(|row| row.0 == exchange) && matches!(version, 0x10 | 0x20);
    let answers = if version == 0x20 { flags & RESPONSE != 0 } else { responder != [0; 8] };
    let encrypted = version == 0x10 && flags & ENCRYPTED_V1 != 0;
    (initiator != [0; 8] && known && whole).then_some(Message {
        first,
        version: version >> 4,
        version_byte: head.get(17..18)?,
        exchange,
        answers,
        encrypted,
        body,
    })
}

/// Payloads one after another: next, flags, length (2), body.
struct Payloads<'a> {
    next: u8,
    rest: &'a [u8],
}

impl<'a> Iterator for Payloads<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == 0 {
            return None;
        }
        let &[next, _, high, low] = self.rest.first_chunk::<4>()?;
        let (whole, rest) = self.rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        let one = (self.next, whole.get(4..)?);
        (self.next, self.rest) = (next, rest);
        Some(one)
    }
}

fn name<'s, 'a>(saying: Saying<'s, 'a>, field: Field, words: &[(u64, &str)], slice: &[u8]) -> Saying<'s, 'a> {
    match words.iter().find(|row| row.0 == number(slice)) {
        Some((_, text)) => saying.decoded(field, &word(text), slice, "ike-algorithm"),
        None => saying,
    }
}

/// RFC 2409: DOI, situation, one proposal with one transform, whose attributes are short.
fn chosen_v1<'s, 'a>(mut saying: Saying<'s, 'a>, body: &[u8]) -> Saying<'s, 'a> {
    let Some((_, proposal)) = (Payloads { next: 2, rest: body.get(8..).unwrap_or_default() }).next() else { return saying };
    let spi = proposal.get(2).map_or(0, |size| usize::from(*size));
    let Some((_, transform)) = (Payloads { next: 3, rest: proposal.get(4 + spi..).unwrap_or_default() }).next() else { return saying };
    let mut rest = transform.get(4..).unwrap_or_default();
    for _ in 0..ATTRIBUTES_MAX {
        let Some((&[high, low, a, b], behind)) = rest.split_first_chunk::<4>() else { break };
        let value = rest.get(2..4).unwrap_or_default();
        rest = behind;
        // RFC 2408 §3.3: without the highest bit the value is a length, and follows.
        if high & 0x80 == 0 {
            rest = rest.get(usize::from(u16::from_be_bytes([a, b]))..).unwrap_or_default();
            continue;
        }
        saying = match low {
            1 => name(saying, Field::EncryptionMethod, ENCRYPTION_V1, value),
            2 => name(saying, Field::IntegrityMethod, HASH_V1, value),
            3 => name(saying, Field::AuthenticationMethod, METHOD_V1, value),
            4 => saying.number(Field::DhGroup, number(value), value),
            14 => saying.number(Field::KeyBits, number(value), value),
            _ => saying,
        };
    }
    saying
}

/// RFC 7296 §3.3: one proposal; transforms of each kind.
fn chosen_v2<'s, 'a>(mut saying: Saying<'s, 'a>, body: &[u8]) -> Saying<'s, 'a> {
    let spi = body.get(6).map_or(0, |size| usize::from(*size));
    let mut rest = body.get(8 + spi..).unwrap_or_default();
    for _ in 0..TRANSFORMS_MAX {
        let Some(&[_, _, high, low]) = rest.first_chunk::<4>() else { break };
        let Some((whole, behind)) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low]))) else { break };
        rest = behind;
        let (Some(kind), Some(id)) = (whole.get(4), whole.get(6..8)) else { break };
        saying = match kind {
            1 => {
                let bits = whole.get(8..12).filter(|attribute| attribute.starts_with(&[0x80, 14])).and_then(|attribute| attribute.get(2..));
                let saying = name(saying, Field::EncryptionMethod, ENCRYPTION_V2, id);
                saying.maybe(bits, |s, bits| s.number(Field::KeyBits, number(bits), bits))
            }
            2 => name(saying, Field::PseudoRandomFunction, PRF_V2, id),
            3 => name(saying, Field::IntegrityMethod, INTEGRITY_V2, id),
            4 => saying.number(Field::DhGroup, number(id), id),
            _ => saying,
        };
        if whole.first() == Some(&0) {
            break;
        }
    }
    saying
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};
    use observations::Transport;

    fn packet(version: u8, exchange: u8, flags: u8, responder: u8, first: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER + body.len()).unwrap().to_be_bytes();
        [&[1; 8][..], &[responder; 8], &[first, version, exchange, flags, 0, 0, 0, 0], &length, body].concat()
    }

    fn v1(responder: u8, exchange: u8) -> Vec<u8> {
        let transform = [0, 0, 0, 28, 1, 1, 0, 0, 0x80, 1, 0, 5, 0x80, 2, 0, 1, 0x80, 3, 0, 1, 0x80, 4, 0, 2, 0x80, 11, 0, 1];
        let proposal = [&[0, 0, 0, 36, 1, 1, 0, 1][..], &transform].concat();
        let sa = [&[13, 0, 0, 48, 0, 0, 0, 1, 0, 0, 0, 1][..], &proposal].concat();
        let vendor = [&[0, 0, 0, 20][..], &[0xaf; 16]].concat();
        packet(0x10, exchange, 0, responder, SA_V1, &[sa, vendor].concat())
    }

    #[test]
    fn what_a_responder_chose_is_told_and_what_is_proposed_is_not() {
        let said = payload(&Isakmp, Transport::Udp, PORT, 50000, &v1(2, AGGRESSIVE));
        assert_eq!(field(&said, Kind::Security, Field::EncryptionMethod), ["3des"]);
        assert_eq!(field(&said, Kind::Security, Field::IntegrityMethod), ["md5"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["pre-shared-key"]);
        assert_eq!(field(&said, Kind::Security, Field::DhGroup), ["2"]);
        assert_eq!(field(&said, Kind::Security, Field::Protection), ["aggressive mode"]);
        let asked = payload(&Isakmp, Transport::Udp, 50000, PORT, &v1(0, AGGRESSIVE));
        assert!(asked.iter().all(|said| said.kind != Kind::Security));
        assert_eq!(field(&asked, Kind::Client, Field::IkeVendorId).len(), 1);
    }

    #[test]
    fn version_2_names_its_algorithms() {
        let transforms = [&[3, 0, 0, 12, 1, 0, 0, 20, 0x80, 14, 1, 0][..], &[3, 0, 0, 8, 2, 0, 0, 5], &[0, 0, 0, 8, 4, 0, 0, 19]].concat();
        let proposal = [&[0, 0, 0, 36, 1, 1, 0, 3][..], &transforms].concat();
        let sa = [&[0, 0, 0, 40][..], &proposal].concat();
        let marked = [MARKER, &packet(0x20, 34, RESPONSE, 2, SA_V2, &sa)].concat();
        let said = payload(&Isakmp, Transport::Udp, NAT_PORT, 50000, &marked);
        assert_eq!(field(&said, Kind::Security, Field::EncryptionMethod), ["aes-gcm-16"]);
        assert_eq!(field(&said, Kind::Security, Field::KeyBits), ["256"]);
        assert_eq!(field(&said, Kind::Security, Field::PseudoRandomFunction), ["hmac-sha2-256"]);
        assert_eq!(field(&said, Kind::Security, Field::DhGroup), ["19"]);
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"[..], &[0; 40], &[1; 40], &v1(0, 2)[..27], &v1(0, 2)[..40]] {
            assert_eq!(gate(&Isakmp, stranger, PORT), Gate::NotMine);
        }
    }
}
