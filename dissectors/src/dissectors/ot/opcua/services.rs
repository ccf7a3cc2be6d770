//! OPC UA's services, as far as they tell who client and server are: endpoints, servers, sessions, user tokens, build information.
//!
//! Spec: OPC 10000-4 (services), OPC 10000-5 (BuildInfo, ServerStatus), OPC 10000-6 annex A (numbers of types and nodes).

use super::binary::{self, Binary, HASHED, NodeId, Variant, hash};
use super::plates::{self, Plate, Plates};
use super::proof::Signed;
use crate::context::{Context, Saying};
use crate::dissector::DissectError;
use crate::x509::{self, Shown};
use observations::{Field, Kind, Subject, Value};
use std::net::IpAddr;

/// The numbers of requests in binary encoding; a response's is three more, where it is not said otherwise.
pub(super) const FIND_SERVERS: u32 = 422;
pub(super) const GET_ENDPOINTS: u32 = 428;
pub(super) const OPEN_SECURE_CHANNEL: u32 = 446;
pub(super) const CREATE_SESSION: u32 = 461;
pub(super) const ACTIVATE_SESSION: u32 = 467;
pub(super) const BROWSE: u32 = 527;
pub(super) const TRANSLATE: u32 = 554;
pub(super) const READ: u32 = 631;
pub(super) const PUBLISH: u32 = 826;
pub(super) const RESPONSE: u32 = 3;

/// A server offers an endpoint for each policy and mode on each of its names; more tell nothing new.
const ENDPOINTS_MAX: usize = 64;
/// Values of one Read that are remembered until they are answered: BuildInfo has six, a name plate eleven.
const VALUES_MAX: usize = 64;
/// Reads of one connection that are open at a time; stacks have one to ten.
const READS_MAX: usize = 8;

/// What a Read asked for that tells who the server is, or a device that it shows: place in the answer, node.
type Asked = Vec<(usize, Node)>;

#[derive(Clone, Copy)]
enum Node {
    /// Of namespace 0.
    Standard(u32),
    Plate(Plate),
}

/// What a connection's later messages need of its earlier ones.
#[derive(Default)]
pub(super) struct Session {
    reads: Vec<(u32, Asked)>,
    plates: Plates,
    /// The request that showed a user's token, and the token's kind.
    token: Option<(u32, &'static str)>,
    signed: Signed,
}

/// OPC 10000-4 §7.33: the session's token.
pub(super) fn request_header<'a>(i: &mut Binary<'a>) -> Result<&'a [u8], DissectError> {
    let token = node_bytes(i)?;
    // Timestamp, handle, diagnostics wanted.
    i.take(8 + 4 + 4)?;
    i.string()?;
    i.u32()?;
    i.extension_object()?;
    Ok(token)
}

/// The bytes of a node's identifier.
fn node_bytes<'a>(i: &mut Binary<'a>) -> Result<&'a [u8], DissectError> {
    let before = i.rest;
    i.node_id()?;
    Ok(before.get(..before.len() - i.rest.len()).unwrap_or_default())
}

/// OPC 10000-4 §7.34: the service's result.
pub(super) fn response_header(i: &mut Binary<'_>) -> Result<u32, DissectError> {
    // Timestamp, handle.
    i.take(8 + 4)?;
    let result = i.u32()?;
    i.diagnostic_info()?;
    i.strings()?;
    i.extension_object()?;
    Ok(result)
}

/// OPC 10000-4 §7.2.
#[derive(Clone, Copy)]
struct Application<'a> {
    uri: &'a [u8],
    product: &'a [u8],
    name: &'a [u8],
    kind: u32,
    /// The host of the first discovery URL that names one by its address.
    host: Option<IpAddr>,
}

fn application<'a>(i: &mut Binary<'a>) -> Result<Application<'a>, DissectError> {
    let (uri, product, name, kind) = (i.string()?, i.string()?, i.localized_text()?, i.u32()?);
    let (_gateway, _profile) = (i.string()?, i.string()?);
    let mut host = None;
    for _ in 0..i.count()? {
        host = host.or(host_of(i.string()?));
    }
    Ok(Application { uri, product, name, kind, host })
}

/// The address in `opc.tcp://address:port/path`.
fn host_of(url: &[u8]) -> Option<IpAddr> {
    let rest = std::str::from_utf8(url).ok()?.split_once("://")?.1;
    let authority = rest.split('/').next()?;
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

impl Application<'_> {
    fn say(&self, about: &Subject, cx: &mut Context<'_>) {
        cx.say(about, Kind::Identity)
            .trimmed(Field::ApplicationUri, self.uri)
            .trimmed(Field::ProductUri, self.product)
            .trimmed(Field::ApplicationName, self.name);
    }
}

/// A certificate, and those that vouch for it behind it (OPC 10000-6 §6.2.6), about who shows them.
pub(super) fn certificates(about: &Subject, role: &'static str, bytes: &[u8], cx: &mut Context<'_>) {
    /// Deeper chains are not in use.
    const CHAIN_MAX: u64 = 8;
    let mut rest = bytes;
    for position in 0..CHAIN_MAX {
        if !x509::looks_like(rest) {
            return;
        }
        let (one, behind) = crate::der::element(rest).map_or((rest, &[][..]), |(behind, one)| (one.whole, behind));
        // What is wrong with it shows as what is missing.
        let _ = x509::say(cx, about, one, Shown { role: Some(role), position }, true);
        rest = behind;
    }
}

/// One message of a service: its number, its request's number in the conversation, and what follows the type.
pub(super) fn message(kind: u32, request: u32, body: &[u8], session: &mut Session, cx: &mut Context<'_>) -> Result<(), DissectError> {
    const FIND_SERVERS_ANSWER: u32 = FIND_SERVERS + RESPONSE;
    const GET_ENDPOINTS_ANSWER: u32 = GET_ENDPOINTS + RESPONSE;
    const CREATE_SESSION_ANSWER: u32 = CREATE_SESSION + RESPONSE;
    const ACTIVATE_SESSION_ANSWER: u32 = ACTIVATE_SESSION + RESPONSE;
    const BROWSE_ANSWER: u32 = BROWSE + RESPONSE;
    const TRANSLATE_ANSWER: u32 = TRANSLATE + RESPONSE;
    const READ_ANSWER: u32 = READ + RESPONSE;
    let mut i = Binary::new(body);
    match kind {
        FIND_SERVERS_ANSWER => find_servers(&mut i, cx),
        GET_ENDPOINTS_ANSWER => {
            response_header(&mut i)?;
            endpoints(&mut i, cx).map(drop)
        }
        CREATE_SESSION => create_session(&mut i, request, session, cx),
        CREATE_SESSION_ANSWER => created(&mut i, request, session, cx),
        ACTIVATE_SESSION => activate_session(&mut i, request, session, cx),
        ACTIVATE_SESSION_ANSWER => activated(&mut i, request, session, cx),
        BROWSE => session.plates.browse(&mut i, request),
        BROWSE_ANSWER => session.plates.browsed(&mut i, request, cx),
        TRANSLATE => session.plates.translate(&mut i, request),
        TRANSLATE_ANSWER => session.plates.translated(&mut i, request, cx),
        READ => read(&mut i, request, session),
        READ_ANSWER => answered(&mut i, request, session, cx),
        _ => Ok(()),
    }
}

/// OPC 10000-4 §5.5.2: the servers that this one knows. One alone is itself; of several only what its own address or kind shows to be.
fn find_servers(i: &mut Binary<'_>, cx: &mut Context<'_>) -> Result<(), DissectError> {
    const DISCOVERY_SERVER: u32 = 3;
    response_header(i)?;
    let about = cx.sender();
    let count = i.count()?;
    for _ in 0..count.min(ENDPOINTS_MAX) {
        let one = application(i)?;
        if count == 1 || one.kind == DISCOVERY_SERVER || (one.host.is_some() && one.host == about.ip && about.ip.is_some_and(|ip| !ip.is_loopback()))
        {
            one.say(&about, cx);
        }
    }
    Ok(())
}

/// OPC 10000-4 §7.14: what a server says of itself, and how it may be talked to. Whether all were read.
fn endpoints(i: &mut Binary<'_>, cx: &mut Context<'_>) -> Result<bool, DissectError> {
    let about = cx.sender();
    let count = i.count()?;
    for _ in 0..count.min(ENDPOINTS_MAX) {
        let url = i.string()?;
        application(i)?.say(&about, cx);
        certificates(&about, "server", i.string()?, cx);
        let mode = i.take(4)?;
        let policy = i.string()?;
        let saying = cx.say(&about, Kind::Service).text(Field::Url, url);
        let mut saying = policy_of(mode_of(saying, mode), policy);
        for _ in 0..i.count()? {
            let (_policy, kind) = (i.string()?, i.take(4)?);
            let (_issued, _issuer, _policy) = (i.string()?, i.string()?, i.string()?);
            saying = match binary::number(kind) {
                0 => word(saying, Field::AuthenticationMethod, "anonymous", kind),
                1 => word(saying, Field::AuthenticationMethod, "password", kind),
                2 => word(saying, Field::AuthenticationMethod, "certificate", kind),
                3 => word(saying, Field::AuthenticationMethod, "issued-token", kind),
                _ => saying,
            };
        }
        drop(saying);
        let (_transport, _level) = (i.string()?, i.byte()?);
    }
    Ok(count <= ENDPOINTS_MAX)
}

fn word<'s, 'a>(saying: Saying<'s, 'a>, field: Field, word: &str, bytes: &[u8]) -> Saying<'s, 'a> {
    saying.decoded(field, &Value::Text(word.into()), bytes, "opcua-enumeration")
}

/// OPC 10000-4 §7.20, MessageSecurityMode.
pub(super) fn mode_of<'s, 'a>(saying: Saying<'s, 'a>, mode: &[u8]) -> Saying<'s, 'a> {
    match binary::number(mode) {
        1 => word(saying, Field::SecurityLevel, "none", mode),
        2 => word(saying, Field::SecurityLevel, "sign", mode),
        3 => word(saying, Field::SecurityLevel, "sign-and-encrypt", mode),
        _ => saying,
    }
}

/// OPC 10000-7 §6.6: what stands behind the number sign of a policy's URI.
pub(super) fn policy_of<'s, 'a>(saying: Saying<'s, 'a>, uri: &[u8]) -> Saying<'s, 'a> {
    saying.text(Field::EncryptionMethod, fragment(uri))
}

pub(super) fn fragment(uri: &[u8]) -> &[u8] {
    uri.rsplit(|byte| *byte == b'#').next().unwrap_or(uri)
}

/// OPC 10000-4 §5.7.2, request: what the client is.
fn create_session(i: &mut Binary<'_>, request: u32, session: &mut Session, cx: &mut Context<'_>) -> Result<(), DissectError> {
    request_header(i)?;
    let client = cx.sender();
    application(i)?.say(&client, cx);
    let (_server, _endpoint, _name, nonce) = (i.string()?, i.string()?, i.string()?, i.string()?);
    let certificate = i.string()?;
    session.signed.asked(request, certificate, nonce, cx);
    certificates(&client, "client", certificate, cx);
    Ok(())
}

/// OPC 10000-4 §5.7.2, response: the server's certificate and endpoints.
fn created(i: &mut Binary<'_>, request: u32, session: &mut Session, cx: &mut Context<'_>) -> Result<(), DissectError> {
    if response_header(i)? != 0 {
        return Ok(());
    }
    let (_session, token, _timeout, nonce) = (i.node_id()?, node_bytes(i)?, i.take(8)?, i.string()?);
    let about = cx.sender();
    let certificate = i.string()?;
    certificates(&about, "server", certificate, cx);
    if endpoints(i, cx)? {
        session.signed.answered(request, token, (certificate, nonce), i, cx);
    }
    Ok(())
}

/// OPC 10000-4 §5.7.3, request: who uses the session.
fn activate_session(i: &mut Binary<'_>, request: u32, session: &mut Session, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let token = request_header(i)?;
    session.signed.activates(token, i, cx)?;
    for _ in 0..i.count()? {
        let (_data, _signature) = (i.string()?, i.string()?);
    }
    i.strings()?;
    let (kind, body) = i.extension_object()?;
    let mut token = Binary::new(body);
    let client = cx.sender();
    let method = match kind {
        NodeId::Standard(321, _) => "anonymous",
        NodeId::Standard(324, _) => "password",
        NodeId::Standard(327, _) => "certificate",
        NodeId::Standard(940, _) => "issued-token",
        // A null token is an anonymous one (§5.7.3.2).
        NodeId::Standard(0, _) => "anonymous",
        _ => return Ok(()),
    };
    if let NodeId::Standard(_, bytes) = kind {
        word(cx.say(&client, Kind::Security), Field::AuthenticationMethod, method, bytes);
    }
    session.token = Some((request, method));
    if method == "password" {
        let (_policy, user, password, algorithm) = (token.string()?, token.string()?, token.string()?, token.string()?);
        // §7.41.4: without an algorithm the password lies open, unless it is an EncryptedSecret (§7.41.2.3), which is no text.
        if algorithm.is_empty() && password.iter().all(|byte| *byte >= b' ') {
            cx.secret(&client, "opcua user name token", Some(user), password);
        }
    }
    Ok(())
}

/// OPC 10000-4 §5.7.3, response: whether the server let that user in.
fn activated(i: &mut Binary<'_>, request: u32, session: &mut Session, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let header = i.rest;
    let result = response_header(i)?;
    let result_bytes = header.get(12..16).unwrap_or_default();
    let token = session.token.take().filter(|token| token.0 == request);
    let about = cx.sender();
    let saying = cx
        .say(&about, Kind::Security)
        .maybe(token.filter(|_| result == 0), |saying, (_, method)| saying.implied(Field::AuthenticationMethod, &Value::Text(method.into())));
    if result != 0 {
        saying.number(Field::ServiceResult, u64::from(result), result_bytes);
    }
    Ok(())
}

/// Nodes of namespace 0 (OPC 10000-6 annex A, NodeIds.csv): Server_ServerArray, Server_ServerStatus, its BuildInfo and what that holds.
const SERVER_ARRAY: u32 = 2254;
const SERVER_STATUS: u32 = 2256;
const BUILD_INFO: u32 = 2260;
const TEXTS: &[(u32, Field)] = &[
    (SERVER_ARRAY, Field::ApplicationUri),
    (2261, Field::SoftwareProduct),
    (2262, Field::ProductUri),
    (2263, Field::SoftwareManufacturer),
    (2264, Field::SoftwareVersion),
    (2265, Field::BuildNumber),
];
/// The first and the last of these nodes.
pub(super) const TELLING: std::ops::RangeInclusive<u32> = SERVER_ARRAY..=2265;

/// OPC 10000-4 §5.11.2, request.
fn read(i: &mut Binary<'_>, request: u32, session: &mut Session) -> Result<(), DissectError> {
    /// OPC 10000-6 annex A: the number of the attribute Value.
    const VALUE: u32 = 13;
    request_header(i)?;
    // Maximum age, time stamps wanted.
    i.take(8 + 4)?;
    let mut asked = Asked::new();
    for index in 0..i.count()? {
        let (node, attribute) = (i.node_id()?, i.u32()?);
        let (_range, _encoding) = (i.string()?, (i.u16()?, i.string()?));
        let standard = node.number().filter(|node| TELLING.contains(node)).map(Node::Standard);
        if let Some(node) = standard.or_else(|| session.plates.of(node).map(Node::Plate)).filter(|_| attribute == VALUE && asked.len() < VALUES_MAX) {
            asked.push((index, node));
        }
    }
    if !asked.is_empty() {
        if session.reads.len() >= READS_MAX {
            session.reads.remove(0);
        }
        session.reads.push((request, asked));
    }
    Ok(())
}

/// OPC 10000-4 §5.11.2, response.
fn answered(i: &mut Binary<'_>, request: u32, session: &mut Session, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let Some(at) = session.reads.iter().position(|read| read.0 == request) else { return Ok(()) };
    let (_, asked) = session.reads.remove(at);
    response_header(i)?;
    let about = cx.sender();
    let mut plates = Vec::new();
    let mut saying = cx.say(&about, Kind::Identity);
    for index in 0..i.count()? {
        let (value, good) = i.data_value()?;
        let Some((_, node)) = asked.iter().find(|asked| asked.0 == index && good) else { continue };
        let node = match (node, value) {
            (Node::Standard(node), _) => node,
            (Node::Plate(plate), Variant::Text(text)) => {
                plates.push((*plate, text));
                continue;
            }
            _ => continue,
        };
        saying = match (value, node) {
            (Variant::Text(text), node) => match TEXTS.iter().find(|row| row.0 == *node) {
                Some((_, field)) => saying.trimmed(*field, text),
                None => saying,
            },
            (Variant::Structure(Some(340), body), &BUILD_INFO) => build_info(saying, &mut Binary::new(body))?,
            (Variant::Structure(Some(864), body), &SERVER_STATUS) => {
                let mut status = Binary::new(body);
                // Start time, current time, state.
                status.take(8 + 8 + 4)?;
                build_info(saying, &mut status)?
            }
            _ => saying,
        };
    }
    drop(saying);
    plates::say(&plates, &about, cx);
    Ok(())
}

/// A number for what a Read asks for, its first nodes: it differs where other nodes are asked for.
pub(super) fn asks_what(body: &[u8]) -> Option<u32> {
    let mut i = Binary::new(body);
    request_header(&mut i).ok()?;
    i.take(8 + 4).ok()?;
    let mut sum = HASHED;
    for _ in 0..i.count().ok()?.min(VALUES_MAX) {
        let (node, _attribute) = (i.node_id().ok()?, i.u32().ok()?);
        let (_range, _encoding) = (i.string().ok()?, (i.u16().ok()?, i.string().ok()?));
        sum = hash(sum, &node.key().to_le_bytes());
    }
    u32::try_from(sum >> 32).ok()
}

/// OPC 10000-5 §12.4, BuildInfo: of the server's software.
fn build_info<'s, 'a>(saying: Saying<'s, 'a>, i: &mut Binary<'_>) -> Result<Saying<'s, 'a>, DissectError> {
    let (uri, manufacturer, product, version, build) = (i.string()?, i.string()?, i.string()?, i.string()?, i.string()?);
    Ok(saying
        .trimmed(Field::ProductUri, uri)
        .trimmed(Field::SoftwareManufacturer, manufacturer)
        .trimmed(Field::SoftwareProduct, product)
        .trimmed(Field::SoftwareVersion, version)
        .trimmed(Field::BuildNumber, build))
}

/// How many bytes follow the structure of a request whose form is known to its last byte: none where nothing is signed, a signature
/// where it is. `None` for other messages.
pub(super) fn behind(kind: u32, body: &[u8]) -> Option<usize> {
    let mut i = Binary::new(body);
    request_header(&mut i).ok()?;
    match kind {
        READ => {
            i.take(8 + 4).ok()?;
            for _ in 0..i.count().ok()? {
                let _node = (i.node_id().ok()?, i.u32().ok()?, i.string().ok()?, i.u16().ok()?, i.string().ok()?);
            }
        }
        PUBLISH => {
            for _ in 0..i.count().ok()? {
                i.take(8).ok()?;
            }
        }
        _ => return None,
    }
    Some(i.rest.len())
}
