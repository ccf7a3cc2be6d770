//! TLS and DTLS up to 1.2: what each side signs to prove that it holds the key of its certificate. Nothing is verified here.
//!
//! Spec: RFC 5246 §7.4.3 (ServerKeyExchange) and §7.4.8 (CertificateVerify), RFC 4346 §7.4.3 and §7.4.8, RFC 8422 §5.4, RFC 6347 §4.2.6.
//! A client signs all handshake messages so far: they are kept only while both directions are seen from the first on and in their order.

use super::tls_handshake::{
    CERTIFICATE, CERTIFICATE_REQUEST, CLIENT_HELLO, Decision, HANDSHAKE_BYTES_MAX, SERVER_HELLO, SERVER_HELLO_DONE, server_name,
};
use super::tls_key_exchange::{CLIENT_KEY_EXCHANGE, SERVER_KEY_EXCHANGE};
use crate::context::Context;
use crate::signed::{Cited, MD5_SHA1, Proof};
use crate::x509;
use observations::{Field, Kind, Value};
use sha2::{Digest, Sha256};

const HELLO_REQUEST: u8 = 0;
const CERTIFICATE_VERIFY: u8 = 15;
const CERTIFICATE_URL: u8 = 21;
const CERTIFICATE_STATUS: u8 = 22;

/// TLS 1.0 to 1.2; DTLS 1.0 and 1.2. SSL 3.0 signs other bytes for the client, and TLS 1.3 in what is encrypted.
const VERSIONS: &[u16] = &[0x0301, 0x0302, 0x0303, 0xfeff, 0xfefd];
/// Those in which a signature names its scheme (RFC 5246 §4.7).
const NAMED: &[u16] = &[0x0303, 0xfefd];

/// A handshake message as it is hashed: its header, and what follows.
#[derive(Clone, Copy)]
pub(super) struct Message<'p> {
    pub(super) kind: u8,
    pub(super) head: &'p [u8],
    pub(super) body: &'p [u8],
}

/// Who speaks next in a full handshake (RFC 5246 §7.3).
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Flight {
    /// Something was missed, or need not be kept.
    #[default]
    Unknown,
    ServerHello,
    Server,
    Client,
}

/// What of a handshake is signed, as far as it was seen.
#[derive(Default)]
pub(super) struct Signed {
    version: u16,
    /// The name that the client asks for.
    asked_name: Cited,
    client_random: Cited,
    server_random: Cited,
    /// The server's own certificate, and the client's.
    server_own: Cited,
    client_own: Cited,
    /// All messages so far, while none was missed.
    messages: Cited,
    flight: Flight,
    /// The client is asked who it is.
    asked: bool,
    /// Gaps in the streams before the first message.
    missed: u32,
}

impl Signed {
    /// A message that is whole; `decision` is what was read of a ServerHello, `ordered` whether no message can come twice or be missed
    /// unnoticed.
    pub(super) fn message(&mut self, message: Message<'_>, decision: Option<Decision>, ordered: bool, cx: &mut Context<'_>) {
        let Some(from_client) = cx.from_client() else { return self.forget() };
        match (message.kind, from_client) {
            (HELLO_REQUEST, _) => return,
            // The hello with a cookie begins anew (RFC 6347 §4.2.6).
            (CLIENT_HELLO, true) => self.begin(message, ordered, cx),
            (SERVER_HELLO, false) => match decision {
                Some(decision) => self.agree(message, decision, cx),
                None => return self.forget(),
            },
            (CERTIFICATE, _) => {
                let leaf = leaf(message.body).unwrap_or_default();
                if !from_client {
                    self.other_name(leaf, cx);
                }
                let own = Cited::of(leaf, cx);
                *(if from_client { &mut self.client_own } else { &mut self.server_own }) = own;
            }
            (SERVER_KEY_EXCHANGE, false) => self.server(message.body, cx),
            (CERTIFICATE_REQUEST, false) => self.asked = true,
            (CERTIFICATE_VERIFY, true) => self.client(message.body, cx),
            _ => {}
        }
        self.keep(message, from_client, cx);
    }

    /// What was seen so far proves nothing.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    fn begin(&mut self, message: Message<'_>, ordered: bool, cx: &Context<'_>) {
        let random = message.body.get(2..34).map_or_else(Cited::default, |random| Cited::of(random, cx));
        let flight = if ordered { Flight::ServerHello } else { Flight::Unknown };
        let asked_name = server_name(message.body).map_or_else(Cited::default, |name| Cited::of(name, cx));
        *self = Self { asked_name, client_random: random, flight, missed: cx.missed(), ..Self::default() };
    }

    fn agree(&mut self, message: Message<'_>, decision: Decision, cx: &Context<'_>) {
        let random = message.body.get(2..34).filter(|_| VERSIONS.contains(&decision.version) && !decision.hides_the_rest);
        match random.filter(|_| !self.client_random.is_empty() && self.server_random.is_empty()) {
            Some(random) => (self.version, self.server_random) = (decision.version, Cited::of(random, cx)),
            None => self.forget(),
        }
    }

    /// A server that shows a certificate of another name than was asked for.
    fn other_name(&self, leaf: &[u8], cx: &mut Context<'_>) {
        let name = &self.asked_name;
        if name.is_empty() || x509::is_for(leaf, &name.bytes) != Some(false) {
            return;
        }
        let about = cx.sender();
        cx.stitched(&name.bytes, &name.parts, "connection", |name, cx| {
            cx.say(&about, Kind::Security).text(Field::TlsServerName, name).decoded(
                Field::CertificateSha256,
                &Value::Bytes(Sha256::digest(leaf).to_vec()),
                leaf,
                "sha256",
            );
        });
    }

    /// Keeps a message that the client will sign, in the order in which it must come.
    fn keep(&mut self, message: Message<'_>, from_client: bool, cx: &Context<'_>) {
        let next = match (self.flight, message.kind, from_client) {
            (Flight::Unknown, ..) => return,
            (Flight::ServerHello, CLIENT_HELLO, true) => Flight::ServerHello,
            (Flight::ServerHello, SERVER_HELLO, false) => Flight::Server,
            (Flight::Server, CERTIFICATE | CERTIFICATE_STATUS | SERVER_KEY_EXCHANGE | CERTIFICATE_REQUEST, false) => Flight::Server,
            (Flight::Server, SERVER_HELLO_DONE, false) if self.asked => Flight::Client,
            (Flight::Client, CERTIFICATE | CLIENT_KEY_EXCHANGE | CERTIFICATE_URL, true) => Flight::Client,
            _ => Flight::Unknown,
        };
        let length = self.messages.bytes.len() + message.head.len() + message.body.len();
        let missed = self.missed != cx.missed();
        if next == Flight::Unknown || missed || length > HANDSHAKE_BYTES_MAX {
            (self.flight, self.messages) = (Flight::Unknown, Cited::default());
            return;
        }
        self.flight = next;
        self.messages.push(message.head, cx);
        self.messages.push(message.body, cx);
    }

    /// RFC 5246 §7.4.3: both randoms and the parameters.
    fn server(&self, body: &[u8], cx: &mut Context<'_>) {
        // Behind a gap it may be the answer to another hello.
        if self.client_random.is_empty() || self.server_random.is_empty() || self.missed != cx.missed() {
            return;
        }
        let found = [named_curve(body), prime(body)].into_iter().flatten();
        let Some((params, (scheme, signature))) = found.filter_map(|(params, rest)| Some((params, self.signature(rest)?))).next() else { return };
        let mut signed = Cited::default();
        signed.append(&self.client_random);
        signed.append(&self.server_random);
        signed.push(params, cx);
        let about = cx.sender();
        Proof { role: "server", certificate: &self.server_own, scheme, signed: &signed, signature }.say(&about, cx);
    }

    /// RFC 5246 §7.4.8: all messages so far.
    fn client(&self, body: &[u8], cx: &mut Context<'_>) {
        let complete = self.flight == Flight::Client && self.missed == cx.missed();
        let Some((scheme, signature)) = self.signature(body).filter(|_| complete) else { return };
        let about = cx.sender_host();
        Proof { role: "client", certificate: &self.client_own, scheme, signed: &self.messages, signature }.say(&about, cx);
    }

    /// RFC 5246 §4.7: scheme, length, signature, and nothing behind it; before TLS 1.2 the scheme is not named.
    fn signature<'p>(&self, bytes: &'p [u8]) -> Option<(u16, &'p [u8])> {
        let (scheme, rest) = if NAMED.contains(&self.version) {
            let (scheme, rest) = bytes.split_first_chunk::<2>()?;
            (u16::from_be_bytes(*scheme), rest)
        } else {
            (MD5_SHA1, bytes)
        };
        let (signature, behind) = sized(rest)?;
        behind.is_empty().then_some((scheme, signature))
    }
}

/// RFC 5246 §7.4.2: the first of the list.
fn leaf(body: &[u8]) -> Option<&[u8]> {
    let (&[_, _, _, b2, b1, b0], rest) = body.split_first_chunk::<6>()?;
    let length = usize::from(b2) << 16 | usize::from(b1) << 8 | usize::from(b0);
    rest.get(..length).filter(|leaf| !leaf.is_empty())
}

/// RFC 8422 §5.4: type of curve, its number, the point; and what follows.
fn named_curve(body: &[u8]) -> Option<(&[u8], &[u8])> {
    const NAMED_CURVE: u8 = 3;
    let [NAMED_CURVE, _, _, length, ..] = *body else { return None };
    body.split_at_checked(4 + usize::from(length))
}

/// RFC 5246 §7.4.3: prime, generator, the server's value; and what follows.
fn prime(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, rest) = sized(body)?;
    let (_, rest) = sized(rest)?;
    let (_, rest) = sized(rest)?;
    body.split_at_checked(body.len() - rest.len())
}

/// Bytes behind their length of two, and what follows.
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

#[cfg(test)]
mod tests {
    use super::super::tls::Tls;
    use crate::reassembly::PENDING_SEGMENTS_MAX;
    use crate::testing::{conversation, conversation_losing, field};
    use observations::{Field, Kind, Observation, Transport};

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind, 0][..], &u16::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
    }

    fn hello(kind: u8, version: u16) -> Vec<u8> {
        let version = version.to_be_bytes();
        let suites: &[u8] = if kind == 1 { &[0, 0, 2, 0xc0, 0x2f, 1, 0] } else { &[0, 0xc0, 0x2f, 0] };
        message(kind, &[&version[..], &[kind; 32], suites].concat())
    }

    fn chain() -> Vec<u8> {
        let sized = |body: &[u8]| [&u32::try_from(body.len()).unwrap().to_be_bytes()[1..], body].concat();
        message(11, &sized(&sized(&crate::x509::tests::certificate())))
    }

    const CURVE: &[u8] = &[3, 0, 23, 4, 4, 7, 7, 7];

    fn exchange(signature: &[u8]) -> Vec<u8> {
        message(12, &[CURVE, signature].concat())
    }

    fn records(parts: &[(bool, Vec<u8>)]) -> Vec<(bool, Vec<u8>)> {
        let record = |body: &[u8]| [&[22, 3, 3][..], &u16::try_from(body.len()).unwrap().to_be_bytes(), body].concat();
        parts.iter().map(|(up, body)| (*up, record(body))).collect()
    }

    fn ends(records: &[(bool, Vec<u8>)]) -> Vec<(u16, u16, &[u8])> {
        records.iter().map(|(up, bytes)| if *up { (50000, 443, &bytes[..]) } else { (443, 50000, &bytes[..]) }).collect()
    }

    fn talk(parts: &[(bool, Vec<u8>)]) -> Vec<Observation> {
        conversation(&Tls, Transport::Tcp, &ends(&records(parts)))
    }

    fn digests(said: &[Observation]) -> Vec<String> {
        field(said, Kind::Proof, Field::SignedDigest)
    }

    #[test]
    fn a_server_signs_both_randoms_and_its_parameters() {
        let said = talk(&[(true, hello(1, 0x0303)), (false, hello(2, 0x0303)), (false, chain()), (false, exchange(&[4, 1, 0, 2, 9, 9]))]);
        let signed = [&[1; 32][..], &[2; 32], CURVE].concat();
        assert_eq!(digests(&said), [observations::value::hex(&crate::signed::digest(0x0401, &signed).unwrap().0)]);
        assert_eq!(field(&said, Kind::Proof, Field::Signature), ["0909"]);
        assert_eq!(field(&said, Kind::Proof, Field::CertificateSha256), field(&said, Kind::Certificate, Field::CertificateSha256));
        let proof = said.iter().find(|said| said.kind == Kind::Proof).unwrap();
        let packets = |at: usize| proof.fields_first[at].spans.iter().map(|span| span.packet).collect::<Vec<_>>();
        assert_eq!((packets(0), packets(3), packets(4)), (vec![3], vec![1, 2, 4], vec![4]));
        assert!(proof.about.endpoint.is_some());
    }

    #[test]
    fn before_tls_1_2_no_scheme_is_named() {
        let said = talk(&[(true, hello(1, 0x0301)), (false, hello(2, 0x0301)), (false, chain()), (false, exchange(&[0, 2, 9, 9]))]);
        assert_eq!(digests(&said)[0].len(), 72);
        assert!(field(&said, Kind::Proof, Field::SignatureScheme).is_empty());
    }

    #[test]
    fn a_client_signs_all_that_was_said() {
        let (verify, done) = (message(15, &[4, 1, 0, 1, 7]), message(14, &[]));
        let server = [chain(), exchange(&[4, 1, 0, 1, 9]), message(13, &[1, 1, 0, 2, 4, 1, 0, 0]), done].concat();
        let parts =
            [(true, hello(1, 0x0303)), (false, hello(2, 0x0303)), (false, server), (true, chain()), (true, message(16, &[1, 5])), (true, verify)];
        let client = |said: &[Observation]| said.iter().filter(|said| said.kind == Kind::Proof && said.about.endpoint.is_none()).count();
        let said = talk(&parts);
        let all: Vec<u8> = parts[..5].iter().flat_map(|(_, bytes)| bytes.clone()).collect();
        assert!(digests(&said).contains(&observations::value::hex(&crate::signed::digest(0x0401, &all).unwrap().0)));
        assert_eq!(client(&said), 1);
        // Without one message, or in another order, it is not known what was signed.
        let without = [&parts[..2], &parts[3..]].concat();
        assert_eq!(client(&talk(&without)), 0);
        let turned = [parts[0].clone(), parts[1].clone(), parts[3].clone(), parts[2].clone(), parts[4].clone(), parts[5].clone()];
        assert_eq!(client(&talk(&turned)), 0);
    }

    #[test]
    fn behind_a_gap_nothing_is_held_against_a_hello_before_it() {
        let mut parts = vec![(true, hello(1, 0x0303)), (false, message(0, &[])), (false, message(0, &[]))];
        parts.extend([(false, hello(2, 0x0303)), (false, chain()), (false, exchange(&[4, 1, 0, 2, 9, 9]))]);
        // A gap is one when so much has come behind it that it will not close any more.
        parts.extend(std::iter::repeat_n((false, message(0, &[])), PENDING_SEGMENTS_MAX));
        let records = records(&parts);
        let said = |lost| conversation_losing(&[&Tls], Transport::Tcp, &ends(&records), lost);
        assert_eq!(digests(&said(None)).len(), 1);
        let behind = said(Some(3));
        assert_eq!((digests(&behind).len(), field(&behind, Kind::Certificate, Field::CertificateSha256).len()), (0, 1));
    }

    #[test]
    fn what_is_not_known_whole_proves_nothing() {
        let exchange = || exchange(&[4, 1, 0, 2, 9, 9]);
        assert!(digests(&talk(&[(false, hello(2, 0x0303)), (false, chain()), (false, exchange())])).is_empty());
        assert!(digests(&talk(&[(true, hello(1, 0x0303)), (false, hello(2, 0x0303)), (false, exchange())])).is_empty());
        assert!(digests(&talk(&[(true, hello(1, 0x0300)), (false, hello(2, 0x0300)), (false, chain()), (false, exchange())])).is_empty());
        let longer = [exchange(), vec![]].concat();
        let longer = message(12, &[&longer[4..], &[0]].concat());
        assert!(digests(&talk(&[(true, hello(1, 0x0303)), (false, hello(2, 0x0303)), (false, chain()), (false, longer)])).is_empty());
    }
}
