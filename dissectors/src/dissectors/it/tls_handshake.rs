//! TLS and DTLS handshake messages, once they are put together: hellos, certificates, requests for certificates.
//!
//! Spec: RFC 5246 §7.4, RFC 8446 §4, RFC 6347 §4.2.1, RFC 6066 §3 (server name), RFC 7301 (ALPN), RFC 8701 (GREASE).
//! tls-parser reads what extensions hold; the hellos themselves are walked here, so that each field knows its bytes and one that the
//! capture cut keeps what came before.

use crate::context::Context;
use crate::dissector::DissectError;
use crate::ja::{self, Carrier, Offer};
use crate::reassembly;
use crate::x509::{self, Shown};
use nom::bytes::take;
use nom::multi::length_data;
use nom::number::{be_u8, be_u16, be_u24};
use nom::{IResult, Parser};
use observations::{Field, Kind, Span, Value};
use tls_parser::TlsExtension;

/// RFC 8446 §4.
pub(super) const CLIENT_HELLO: u8 = 1;
pub(super) const SERVER_HELLO: u8 = 2;
pub(super) const CERTIFICATE: u8 = 11;
pub(super) const CERTIFICATE_REQUEST: u8 = 13;
pub(super) const SERVER_HELLO_DONE: u8 = 14;

/// Every message that is sent in the clear (registry of handshake types): hello request, hellos, hello verify request, session ticket,
/// retry, certificate, server key exchange, certificate request, done, verify, client key exchange, finished, certificate URL and status.
pub(super) const IN_THE_CLEAR: &[u8] = &[0, 1, 2, 3, 4, 6, 11, 12, 13, 14, 15, 16, 20, 21, 22];

/// RFC 8446 §4.1.2, RFC 9147 §5.3.
const TLS_VERSIONS: std::ops::RangeInclusive<u16> = 0x0300..=0x0304;
/// DTLS counts downwards: 1.0 is 0xFEFF (RFC 4347 §4.1), 1.3 is 0xFEFC; 0x0100 is OpenSSL's before that RFC.
const DTLS_VERSIONS: std::ops::RangeInclusive<u16> = 0xfefc..=0xfeff;
const DTLS_BEFORE_1_0: u16 = 0x0100;

/// RFC 8446 §4.1.3: the random of a ServerHello that asks for another ClientHello: SHA-256 of "HelloRetryRequest".
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
    0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Protocols of one ALPN list that are said; clients offer two or three.
const PROTOCOLS_MAX: usize = 8;

/// Certificates of one chain that are said: a leaf, its issuers, a root sent in vain. OpenSSL verifies no deeper by default than 100, but
/// sends what it was given, which is two to four.
const CHAIN_MAX: u64 = 10;

/// Handshake bytes of one direction that are gathered over several records. A message may be longer by its length (2^24), none in use is:
/// chains of ten certificates with 4,096-bit keys take 25 KiB, and implementations refuse more than 100 KiB.
pub(super) const HANDSHAKE_BYTES_MAX: usize = 64 * 1024;

/// Records or fragments of one message: the least maximum that peers can agree on (512 bytes, RFC 6066 §4) makes 128 of 64 KiB.
pub(super) const PARTS_MAX: usize = 256;

/// IANA's registry of supported groups: ML-KEM, and hybrids of it and of Kyber (FIPS 203).
const QUANTUM_SAFE: &[u16] = &[0x0200, 0x0201, 0x0202, 0x11eb, 0x11ec, 0x11ed, 0x6399, 0x639a];

/// What a ServerHello decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Decision {
    /// What follows is encrypted, certificates included (TLS 1.3).
    pub(super) hides_the_rest: bool,
    /// The client is asked for another hello.
    pub(super) retry: bool,
    /// The cipher suite.
    pub(super) suite: u16,
    /// The version, wherever it stood.
    pub(super) version: u16,
}

/// Whether a hello may begin with this version.
pub(super) fn is_version(version: u16, carrier: Carrier) -> bool {
    match carrier {
        Carrier::Tcp | Carrier::Quic => TLS_VERSIONS.contains(&version),
        Carrier::Dtls => DTLS_VERSIONS.contains(&version) || version == DTLS_BEFORE_1_0,
    }
}

/// RFC 8446 §4.1.2; of DTLS with a cookie after the session (RFC 6347 §4.2.1).
pub(super) fn client_hello(body: &[u8], carrier: Carrier, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (i, (version, _random)) = (take(2usize), take(32usize)).parse(body)?;
    let (i, _session) = length_data(be_u8::<_, Error<'_>>()).parse(i)?;
    let (i, _cookie) = if carrier == Carrier::Dtls { length_data(be_u8::<_, Error<'_>>()).parse(i)? } else { (i, i) };
    let (i, ciphers) = length_data(be_u16::<_, Error<'_>>()).parse(i)?;
    let (i, _compression) = length_data(be_u8::<_, Error<'_>>()).parse(i)?;
    let seen = Extensions::read(i);
    if !is_version(number(version), carrier) {
        return Err(DissectError::Malformed { rule: "client version", offset: 0 });
    }
    let lasting: Vec<(u16, &[u8])> = seen.lasting().collect();
    cx.once((version, ciphers, lasting, seen.stopped.is_some()), |cx| offered(version, ciphers, &seen, body, carrier, cx))
}

/// The name that a client's hello asks for, if it is all there.
pub(super) fn server_name(body: &[u8]) -> Option<&[u8]> {
    const DTLS: u8 = 0xfe;
    let mut rest = body.get(34..)?;
    // A session and, of DTLS, a cookie (RFC 6347 §4.2.1), cipher suites, compression.
    for wide in [Some(false), (body.first() == Some(&DTLS)).then_some(false), Some(true), Some(false)].into_iter().flatten() {
        let read = if wide { length_data(be_u16::<_, Error<'_>>()).parse(rest) } else { length_data(be_u8::<_, Error<'_>>()).parse(rest) };
        rest = read.ok()?.0;
    }
    let seen = Extensions::read(rest);
    seen.server_names().next()
}

/// What a hello tells of its sender.
fn offered(version: &[u8], ciphers: &[u8], seen: &Extensions<'_>, body: &[u8], carrier: Carrier, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let about = cx.sender_host();
    let prints = seen.stopped.is_none().then(|| {
        // Of all that a client says to many servers only the name differs.
        let lasting: Vec<(u16, &[u8])> = seen.lasting().filter(|one| one.0 != extension::SERVER_NAME).collect();
        let offer = || Offer { version: number(version), ciphers: numbers(ciphers), ..seen.offer() };
        let named = seen.find(extension::SERVER_NAME).is_some();
        cx.client_prints((carrier == Carrier::Tcp, version, ciphers, named, lasting), || ja::Prints::of(&offer(), carrier))
    });
    let mut saying = cx.say(&about, Kind::Client);
    if let Some((newest, at)) = seen.find(extension::VERSIONS).and_then(|versions| newest(versions, carrier)) {
        saying = saying.number(Field::TlsVersion, u64::from(newest), at);
    } else if seen.stopped.is_none() {
        saying = saying.number(Field::TlsVersion, u64::from(number(version)), version);
    }
    for name in seen.server_names() {
        saying = saying.text(Field::TlsServerName, name);
    }
    for protocol in seen.protocols() {
        saying = saying.text(Field::TlsAlpn, protocol);
    }
    if let Some(error) = seen.stopped {
        return Err(error);
    }
    let Some(ja::Prints { ja3, ja4 }) = prints else { return Ok(()) };
    let [ja3, ja4] = [ja3, ja4].map(|print| Value::Text(print.into_bytes()));
    drop(saying.decoded(Field::Ja4, &ja4, body, "ja4"));
    // Apart from the names: some clients shuffle their extensions, so that JA3 is another one each time.
    drop(cx.say(&about, Kind::Client).decoded(Field::Ja3, &ja3, body, "ja3").decoded(Field::Ja4, &ja4, body, "ja4"));
    if let Some(groups) = seen.find(extension::GROUPS).and_then(|groups| groups.get(2..)) {
        let safe = numbers(groups).iter().filter(|group| QUANTUM_SAFE.contains(group)).count() as u64;
        cx.say(&about, Kind::Client).decoded(Field::QuantumSafeGroups, &Value::Number(safe), groups, "quantum-safe-groups");
    }
    Ok(())
}

/// The newest version that the extension offers (RFC 8446 §4.2.1), and its bytes; drafts and GREASE are none.
fn newest(versions: &[u8], carrier: Carrier) -> Option<(u16, &[u8])> {
    let (_, list) = length_data(be_u8::<_, Error<'_>>()).parse(versions).ok()?;
    let offered = list.chunks_exact(2).map(|version| (number(version), version));
    match carrier {
        Carrier::Tcp | Carrier::Quic => offered.filter(|(version, _)| TLS_VERSIONS.contains(version)).max_by_key(|(version, _)| *version),
        Carrier::Dtls => offered.filter(|(version, _)| DTLS_VERSIONS.contains(version)).min_by_key(|(version, _)| *version),
    }
}

/// RFC 8446 §4.1.3. The version that was selected stands in an extension, if that is there.
pub(super) fn server_hello(body: &[u8], carrier: Carrier, asked: &[u8], cx: &mut Context<'_>) -> Result<Decision, DissectError> {
    let (i, (version, random)) = (take(2usize), take(32usize)).parse(body)?;
    let (i, session) = length_data(be_u8::<_, Error<'_>>()).parse(i)?;
    let (i, (suite, _compression)) = (take(2usize), be_u8::<_, Error<'_>>()).parse(i)?;
    let seen = Extensions::read(i);
    if !is_version(number(version), carrier) {
        return Err(DissectError::Malformed { rule: "server version", offset: 0 });
    }
    let selected = seen.find(extension::VERSIONS).filter(|selected| selected.len() == 2);
    if let (Some(error), None) = (seen.stopped, selected) {
        // The extension may be among those that are missing: the version is not known.
        return Err(error);
    }
    let at = selected.unwrap_or(version);
    let newest = if carrier == Carrier::Dtls { DTLS_VERSIONS.start() } else { TLS_VERSIONS.end() };
    let about = cx.sender();
    let mut saying = cx.say(&about, Kind::Security).number(Field::TlsVersion, u64::from(number(at)), at);
    saying = saying.number(Field::TlsCipherSuite, u64::from(number(suite)), suite);
    for protocol in seen.protocols() {
        saying = saying.text(Field::TlsAlpn, protocol);
    }
    drop(saying);
    let hides_the_rest = number(at) == *newest;
    let share = seen.find(extension::KEY_SHARE).and_then(|share| share.get(..2)).filter(|_| hides_the_rest);
    drop(cx.say(&about, Kind::Security).maybe(share, |s, group| s.number(Field::TlsGroup, u64::from(number(group)), group)));
    // Of TLS 1.3 a session is echoed for old middleboxes (RFC 8446 §D.4), and a chosen key shows that one goes on.
    let resumed = if hides_the_rest { seen.find(extension::PRE_SHARED_KEY).is_some() } else { !session.is_empty() && session == asked };
    drop(cx.say(&about, Kind::Security).maybe(Some(1).filter(|_| resumed), |s, one| s.implied(Field::TlsResumption, &Value::Number(one))));
    match seen.stopped {
        Some(error) => Err(error),
        None => Ok(Decision { hides_the_rest, retry: random == RETRY, suite: number(suite), version: number(at) }),
    }
}

/// The session that a client asks to go on with (RFC 5246 §7.4.1.2).
pub(super) fn session(body: &[u8]) -> &[u8] {
    let length = body.get(34).copied().map_or(0, usize::from);
    body.get(35..35 + length).unwrap_or_default()
}

/// RFC 5246 §7.4.2: a chain, the presenter's own certificate first. `whole` says that the message is not cut.
pub(super) fn certificates(body: &[u8], whole: bool, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let server = cx.from_client().map_or(cx.sender().endpoint.is_some(), |client| !client);
    let role = if server { Some("server") } else { cx.from_client().map(|_| "client") };
    let about = if server { cx.sender() } else { cx.sender_host() };
    let (mut i, listed) = be_u24::<_, Error<'_>>().parse(body)?;
    if whole && usize::try_from(listed).ok() != Some(i.len()) {
        return Err(DissectError::Malformed { rule: "length of certificates", offset: 0 });
    }
    for position in 0..CHAIN_MAX {
        if i.is_empty() {
            break;
        }
        let shown = Shown { role, position };
        let Ok((rest, bytes)) = certificate(i) else {
            // The last one was cut: its names may be there, its digest is not.
            let bytes = i.get(3..).filter(|bytes| x509::looks_like(bytes)).ok_or(DissectError::Truncated { needed: 3 })?;
            return x509::say(cx, &about, bytes, shown, false);
        };
        if !x509::looks_like(bytes) {
            return Err(DissectError::Malformed { rule: "certificate", offset: body.len() - i.len() });
        }
        let read = x509::say(cx, &about, bytes, shown, true);
        // The next certificate of the chain may be sound.
        let row = cx.row;
        cx.note(row, read.err());
        i = rest;
    }
    Ok(())
}

fn certificate(i: &[u8]) -> IResult<&[u8], &[u8]> {
    length_data(be_u24()).parse(i)
}

/// RFC 5246 §7.4.4: the server wants to know who the client is.
pub(super) fn certificate_request(body: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (_, types) = length_data(be_u8::<_, Error<'_>>()).parse(body)?;
    if types.is_empty() {
        return Err(DissectError::Malformed { rule: "certificate types", offset: 0 });
    }
    let about = cx.sender();
    cx.say(&about, Kind::Security).decoded(Field::TlsClientAuth, &Value::Number(1), body, "certificate-request");
    Ok(())
}

/// The beginning of a handshake message that goes on in the next record, with the places of its bytes.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) bytes: Vec<u8>,
    pub(super) parts: Vec<(usize, Vec<Span>)>,
}

impl Gathered {
    /// Says whether there was room.
    pub(super) fn push(&mut self, bytes: &[u8], spans: Vec<Span>) -> bool {
        if self.parts.len() >= PARTS_MAX {
            return false;
        }
        self.bytes.extend_from_slice(bytes);
        self.parts.push((bytes.len(), spans));
        true
    }

    /// Takes the first `length` bytes out.
    pub(super) fn take(&mut self, length: usize) -> Self {
        let mut taken = Self::default();
        let left = self.bytes.split_off(length.min(self.bytes.len()));
        taken.bytes = std::mem::replace(&mut self.bytes, left);
        let mut missing = taken.bytes.len();
        for (length, spans) in std::mem::take(&mut self.parts) {
            let here = length.min(missing);
            if here > 0 {
                taken.parts.push((here, reassembly::cut(&spans, 0, here)));
            }
            if length > here {
                self.parts.push((length - here, reassembly::cut(&spans, here, length - here)));
            }
            missing -= here;
        }
        taken
    }
}

type Error<'a> = nom::error::Error<&'a [u8]>;

/// RFC 8446 §4.2 and its registry.
mod extension {
    pub(super) const SERVER_NAME: u16 = 0;
    pub(super) const GROUPS: u16 = 10;
    pub(super) const POINT_FORMATS: u16 = 11;
    pub(super) const SIGNATURES: u16 = 13;
    pub(super) const ALPN: u16 = 16;
    pub(super) const PRE_SHARED_KEY: u16 = 41;
    pub(super) const VERSIONS: u16 = 43;
    pub(super) const KEY_SHARE: u16 = 51;
}

/// A hello's extensions in the order of the wire.
#[derive(Default)]
struct Extensions<'a> {
    all: Vec<One<'a>>,
    /// Why they are not all there.
    stopped: Option<DissectError>,
}

#[derive(Clone, Copy)]
struct One<'a> {
    kind: u16,
    value: &'a [u8],
    /// Type, length and value.
    whole: &'a [u8],
}

impl<'a> Extensions<'a> {
    /// Reads what follows a hello: nothing at all, or a length and extensions. Each takes four bytes at least, so the bytes bound them.
    fn read(i: &'a [u8]) -> Self {
        let mut read = Self::default();
        if i.is_empty() {
            return read;
        }
        let Ok((list, length)) = be_u16::<_, Error<'_>>().parse(i) else {
            return Self { stopped: Some(DissectError::Truncated { needed: 2 }), ..read };
        };
        let (mut i, cut) = match list.split_at_checked(usize::from(length)) {
            Some((list, _)) => (list, false),
            None => (list, true),
        };
        while !i.is_empty() {
            let Ok((rest, (kind, value))) = (be_u16::<_, Error<'_>>(), length_data(be_u16())).parse(i) else { break };
            let whole = i.get(..i.len() - rest.len()).unwrap_or(i);
            read.all.push(One { kind, value, whole });
            i = rest;
        }
        if cut {
            read.stopped = Some(DissectError::Truncated { needed: usize::from(length) });
        } else if !i.is_empty() {
            read.stopped = Some(DissectError::Malformed { rule: "extensions", offset: 0 });
        }
        read
    }

    /// Each extension's type, and what is in it where that is read: the rest is drawn anew for each hello.
    fn lasting(&self) -> impl Iterator<Item = (u16, &'a [u8])> {
        use extension::{ALPN, GROUPS, POINT_FORMATS, SERVER_NAME, SIGNATURES, VERSIONS};
        let read = |kind| matches!(kind, SERVER_NAME | GROUPS | POINT_FORMATS | SIGNATURES | ALPN | VERSIONS);
        self.all.iter().map(move |one| (one.kind, if read(one.kind) { one.value } else { &[] }))
    }

    fn find(&self, kind: u16) -> Option<&'a [u8]> {
        self.one(kind).map(|one| one.value)
    }

    fn one(&self, kind: u16) -> Option<One<'a>> {
        self.all.iter().find(|one| one.kind == kind).copied()
    }

    /// What tls-parser reads in one.
    fn content(&self, kind: u16) -> Option<TlsExtension<'a>> {
        let One { value, whole, .. } = self.one(kind)?;
        let read = match kind {
            extension::SERVER_NAME => tls_parser::parse_tls_extension_sni_content(value),
            extension::GROUPS => tls_parser::parse_tls_extension_elliptic_curves_content(value),
            extension::POINT_FORMATS => tls_parser::parse_tls_extension_ec_point_formats_content(value),
            extension::SIGNATURES => tls_parser::parse_tls_extension_signature_algorithms_content(value),
            extension::ALPN => tls_parser::parse_tls_extension_alpn_content(value),
            _ => tls_parser::parse_tls_extension_supported_versions(whole),
        };
        read.ok().map(|(_, content)| content)
    }

    /// RFC 6066 §3: names of type host_name.
    fn server_names(&self) -> impl Iterator<Item = &'a [u8]> {
        const HOST_NAME: u8 = 0;
        let names = match self.content(extension::SERVER_NAME) {
            Some(TlsExtension::SNI(names)) => names,
            _ => Vec::new(),
        };
        // The RFC forbids a second name of one type.
        names.into_iter().filter(|(kind, _)| kind.0 == HOST_NAME).map(|(_, name)| name).take(1)
    }

    /// RFC 7301 §3.1, GREASE (RFC 8701 §2) left out.
    fn protocols(&self) -> impl Iterator<Item = &'a [u8]> {
        let protocols = match self.content(extension::ALPN) {
            Some(TlsExtension::ALPN(protocols)) => protocols,
            _ => Vec::new(),
        };
        let is_grease = |protocol: &[u8]| <[u8; 2]>::try_from(protocol).is_ok_and(|two| ja::is_grease(u16::from_be_bytes(two)));
        protocols.into_iter().filter(move |protocol| !is_grease(protocol)).take(PROTOCOLS_MAX)
    }

    /// What a client's extensions add to its offer.
    fn offer(&self) -> Offer<'a> {
        let mut offer = Offer { extensions: self.all.iter().map(|one| one.kind).collect(), ..Offer::default() };
        if let Some(TlsExtension::EllipticCurves(groups)) = self.content(extension::GROUPS) {
            offer.groups = groups.into_iter().map(|group| group.0).collect();
        }
        if let Some(TlsExtension::EcPointFormats(formats)) = self.content(extension::POINT_FORMATS) {
            offer.point_formats = formats;
        }
        if let Some(TlsExtension::SignatureAlgorithms(signatures)) = self.content(extension::SIGNATURES) {
            offer.signatures = signatures;
        }
        if let Some(TlsExtension::SupportedVersions(versions)) = self.content(extension::VERSIONS) {
            offer.versions = versions.into_iter().map(|version| version.0).collect();
        }
        if let Some(TlsExtension::ALPN(protocols)) = self.content(extension::ALPN) {
            offer.alpn = protocols.first().copied();
        }
        offer
    }
}

fn number(bytes: &[u8]) -> u16 {
    bytes.first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes))
}

fn numbers(bytes: &[u8]) -> Vec<u16> {
    bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect()
}
