//! SSH: software of both sides, what they can protect with, and the host key by which a machine is known.
//!
//! Spec: RFC 4253 (transport), RFC 4419 (group exchange), RFC 5656 and RFC 8731 (elliptic curves), RFC 8332; HASSH (Salesforce, BSD).
//! Tells us: identification strings, algorithm lists, HASSH of both sides, type, size and digest of the host key.
//! Does not tell: who logs in and how (encrypted); whether the server holds the key that it shows (its signature is not checked here).

use super::ssh_agreement::Agreement;
use crate::context::Context;
use crate::der;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Next, Row, Shape, Side};
use md5::{Digest as _, Md5};
use nom::bytes::take;
use nom::multi::length_data;
use nom::number::{be_u8, be_u32};
use nom::{IResult, Parser};
use observations::value::hex;
use observations::{Field, Kind, Subject, Transport, Value};
use sha2::Sha256;

pub(crate) struct Ssh;

const PORT: u16 = 22;

/// RFC 4253 §4.2.
const PREFIX: &[u8] = b"SSH-";

/// RFC 4253 §4.2: 255 bytes with CR and LF. Lines before the identification string have no bound of their own; banners of access
/// policies are the longest that are seen, and fit.
const LINE_MAX: usize = 1024;

/// Lines that a server may send before its identification string: a page of text.
const LINES_MAX: u8 = 64;

/// RFC 4253 §6.1: every implementation takes packets of this size.
const PACKET_MAX: usize = 35_000;

/// RFC 4253 §6: packet length, padding length, one byte of payload, four of padding.
const PACKET_MIN: usize = 4 + 1 + 1 + 4;

/// RFC 4253 §12, RFC 4419 §5, RFC 5656 §7.1.
const KEXINIT: u8 = 20;
const NEWKEYS: u8 = 21;
/// SSH_MSG_KEXDH_REPLY and SSH_MSG_KEX_ECDH_REPLY; in group exchange a group.
const KEX_REPLY: u8 = 31;
const KEX_DH_GEX_REPLY: u8 = 33;
/// Transport messages and those of key exchange: others do not come before encryption.
const BEFORE_ENCRYPTION_MAX: u8 = 49;

impl Dissector for Ssh {
    type State = State;

    const ROW: Row = Row {
        name: "ssh",
        revision: 2,
        spec: "RFC 4253, RFC 4419, RFC 5656, RFC 8731",
        tells: "software of both sides, algorithms, HASSH, host key",
        bindings: &[Binding::Tcp(PORT)],
        shapes: &[Shape {
            over: Transport::Tcp,
            bytes: &[(0, 0xff, b'S'), (1, 0xff, b'S'), (2, 0xff, b'H'), (3, 0xff, b'-'), (5, 0xff, b'.')],
            min: 8,
            max: usize::MAX,
        }],
        operations: &[],
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        if let Ok(identification) = identification(head) {
            return if identification.has_version() { Gate::Mine } else { Gate::NotMine };
        }
        if PREFIX.starts_with(head) || (head.starts_with(PREFIX) && head.len() < PREFIX.len() + 4) {
            return Gate::More;
        }
        if at.src_port != PORT && at.dst_port != PORT {
            return Gate::NotMine;
        }
        // On its own port also the lines that a server may send before, and a key exchange that is picked up in the middle.
        let exchange = matches!(piece(head), Piece::Packet { message: KEXINIT, .. });
        if exchange || follows_lines(head) { Gate::Mine } else { Gate::NotMine }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        match piece(head) {
            Piece::Line(line) => Framing::Pdu { len: line.len(), want: line.len() },
            Piece::Packet { len, .. } => Framing::Pdu { len, want: len },
            Piece::Need(bytes) => Framing::Need(bytes),
            Piece::None => Framing::Lost,
        }
    }

    fn read(&self, pdu: &[u8], state: &mut State, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if pdu.first() != Some(&0) {
            return state.line(pdu, cx);
        }
        // RFC 4253 §6: packet length, padding length, payload, padding.
        let (i, (_length, padding)) = (take(4usize), be_u8::<_, Error<'_>>()).parse(pdu)?;
        let payload = i.get(..i.len().saturating_sub(usize::from(padding))).unwrap_or_default();
        let (body, message) = be_u8::<_, Error<'_>>().parse(payload)?;
        match message {
            KEXINIT => kexinit(body, &mut state.agreement, cx)?,
            KEX_REPLY | KEX_DH_GEX_REPLY => host_key(body, &state.agreement, cx)?,
            // The client sends it after the server's reply: whichever side is first, all that is in the clear was said.
            NEWKEYS => return Ok(Next::Count),
            _ => {}
        }
        Ok(Next::Read)
    }
}

type Error<'a> = nom::error::Error<&'a [u8]>;

/// How far a conversation is.
#[derive(Default)]
pub(crate) struct State {
    identified: u8,
    lines: u8,
    /// One side speaks SSH 1 only: its packets have another form.
    old: bool,
    agreement: Agreement,
}

impl State {
    /// An identification string, or a line that a server sends before it.
    fn line(&mut self, line: &[u8], cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Ok(found) = identification(line) else {
            self.lines = self.lines.saturating_add(1);
            return if self.lines > LINES_MAX { Err(DissectError::NotMine) } else { Ok(Next::Read) };
        };
        let (about, kind) = whose(cx, Kind::Service);
        cx.say(&about, kind).text(Field::SshBanner, found.whole).text(Field::ProtocolVersion, found.version);
        self.identified += 1;
        // RFC 4253 §5.1: a server that says 1.99 speaks 2.0 as well.
        self.old |= found.version.starts_with(b"1.") && found.version != b"1.99";
        Ok(if self.old && self.identified >= 2 { Next::Count } else { Next::Read })
    }
}

/// About whom the sender speaks, and as what: a server of its service, a client of its software; unknown of its host alone.
fn whose(cx: &Context<'_>, as_server: Kind) -> (Subject, Kind) {
    let sender = cx.sender();
    match cx.from_client() {
        _ if sender.endpoint.is_some() => (sender, as_server),
        None if cx.receiver().endpoint.is_none() => (cx.sender_host(), Kind::Identity),
        _ => (cx.sender_host(), Kind::Client),
    }
}

/// What stands at the head of a stream.
enum Piece<'a> {
    /// With its end.
    Line(&'a [u8]),
    Packet {
        len: usize,
        message: u8,
    },
    Need(usize),
    None,
}

fn piece(head: &[u8]) -> Piece<'_> {
    match head.first() {
        // A packet's length begins with zeros; text does not.
        Some(0) => packet(head),
        Some(b'\t' | b'\r' | b'\n' | b' '..) => match head.iter().take(LINE_MAX).position(|byte| *byte == b'\n') {
            Some(end) => Piece::Line(head.get(..=end).unwrap_or(head)),
            None if head.len() < LINE_MAX => Piece::Need(head.len() + 1),
            None => Piece::None,
        },
        _ => Piece::None,
    }
}

/// RFC 4253 §6: packets are padded to eight bytes with at least four, while nothing is encrypted.
fn packet(head: &[u8]) -> Piece<'_> {
    let Some(&[a, b, c, d, padding, message]) = head.first_chunk::<6>() else { return Piece::Need(6) };
    let Ok(length) = usize::try_from(u32::from_be_bytes([a, b, c, d])) else { return Piece::None };
    let (len, padding) = (length.saturating_add(4), usize::from(padding));
    let sound = (PACKET_MIN..=PACKET_MAX).contains(&len) && len % 8 == 0 && padding >= 4 && padding + 2 <= length;
    if sound && (1..=BEFORE_ENCRYPTION_MAX).contains(&message) { Piece::Packet { len, message } } else { Piece::None }
}

/// Whether text lines stand here, with an identification string behind one.
fn follows_lines(head: &[u8]) -> bool {
    let at = head.windows(PREFIX.len() + 1).position(|window| window.starts_with(b"\n") && window.ends_with(PREFIX));
    let (lines, rest) = head.split_at_checked(at.map_or(0, |at| at + 1)).unwrap_or((head, &[]));
    let text = lines.iter().all(|byte| matches!(byte, b'\t' | b'\r' | b'\n' | b' '..));
    at.is_some() && text && identification(rest).is_ok_and(|found| found.has_version())
}

/// RFC 4253 §4.2: SSH-protoversion-softwareversion SP comments CR LF.
struct Identification<'a> {
    /// Without CR and LF.
    whole: &'a [u8],
    version: &'a [u8],
}

impl Identification<'_> {
    fn has_version(&self) -> bool {
        matches!(self.version, [b'1' | b'2', b'.', minor @ ..] if !minor.is_empty() && minor.iter().all(u8::is_ascii_digit))
    }
}

fn identification(line: &[u8]) -> Result<Identification<'_>, DissectError> {
    let whole = line.iter().position(|byte| *byte == b'\n').and_then(|end| line.get(..end)).unwrap_or(line);
    let whole = whole.strip_suffix(b"\r").unwrap_or(whole);
    let rest = whole.strip_prefix(PREFIX).ok_or(DissectError::NotMine)?;
    let version = rest.iter().position(|byte| *byte == b'-').and_then(|end| rest.get(..end)).ok_or(DissectError::NotMine)?;
    Ok(Identification { whole, version })
}

fn string(i: &[u8]) -> IResult<&[u8], &[u8]> {
    length_data(be_u32()).parse(i)
}

/// RFC 4253 §7.1, without the cookie and the languages.
struct Offer<'a> {
    kex: &'a [u8],
    host_key: &'a [u8],
    /// Client to server, server to client.
    ciphers: [&'a [u8]; 2],
    macs: [&'a [u8]; 2],
    compressions: [&'a [u8]; 2],
    /// All lists, for evidence.
    lists: &'a [u8],
}

fn offer(i: &[u8]) -> IResult<&[u8], Offer<'_>> {
    let (start, _cookie) = take(16usize).parse(i)?;
    let (i, (kex, host_key)) = (string, string).parse(start)?;
    let (i, ciphers) = (string, string).parse(i)?;
    let (i, macs) = (string, string).parse(i)?;
    let (i, compressions) = (string, string).parse(i)?;
    let lists = start.get(..start.len() - i.len()).unwrap_or(start);
    Ok((i, Offer { kex, host_key, ciphers: ciphers.into(), macs: macs.into(), compressions: compressions.into(), lists }))
}

/// The list of host key algorithms.
const HOST_KEY: &str = "host-key";

impl<'a> Offer<'a> {
    /// Each list with its name; those of the two directions once if they are equal.
    fn named(&self) -> impl Iterator<Item = (&'static str, &'a [u8])> {
        let both = |names: [&'static str; 3], [up, down]: [&'a [u8]; 2]| {
            let [one, to_server, to_client] = names;
            if up == down { [Some((one, up)), None] } else { [Some((to_server, up)), Some((to_client, down))] }
        };
        let ciphers = both(["cipher", "cipher-c2s", "cipher-s2c"], self.ciphers);
        let macs = both(["mac", "mac-c2s", "mac-s2c"], self.macs);
        let compressions = both(["compression", "compression-c2s", "compression-s2c"], self.compressions);
        let first = [Some(("kex", self.kex)), Some((HOST_KEY, self.host_key))];
        first.into_iter().chain(ciphers).chain(macs).chain(compressions).flatten()
    }

    /// HASSH: MD5 of key exchange, cipher, MAC and compression of the sender's own direction, in hexadecimal digits.
    fn hassh(&self, direction: Direction) -> String {
        let own = |[up, down]: [&'a [u8]; 2]| if direction == Direction::ToServer { up } else { down };
        hex(&Md5::digest([self.kex, own(self.ciphers), own(self.macs), own(self.compressions)].join(&b';')))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToServer,
    ToClient,
}

fn kexinit(body: &[u8], agreement: &mut Agreement, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (_, offer) = offer(body)?;
    if !offer.named().all(|(_, names)| is_names(names)) {
        return Err(DissectError::Malformed { rule: "name-list", offset: 0 });
    }
    let (about, kind) = whose(cx, Kind::Security);
    let mut saying = cx.say(&about, kind);
    // Without knowing who asks, it is not known which of the two fingerprints this is.
    if kind != Kind::Identity {
        let direction = if kind == Kind::Client { Direction::ToServer } else { Direction::ToClient };
        saying = saying.decoded(Field::Hassh, &Value::Text(offer.hassh(direction).into_bytes()), offer.lists, "hassh");
    }
    // Clients put host key types first that they know the server by: that list is about the server, and another one each time.
    for (name, names) in offer.named().filter(|(name, _)| kind != Kind::Client || *name != HOST_KEY) {
        saying = saying.decoded(Field::SshAlgorithms, &Value::Text([name.as_bytes(), b":", names].concat()), names, "name-list");
    }
    drop(saying);
    let side = match cx.from_client() {
        Some(true) => Side::Client,
        Some(false) => Side::Server,
        None => Side::Unknown,
    };
    let ([c2s, s2c], [mac_c2s, mac_s2c]) = (offer.ciphers, offer.macs);
    agreement.offered(side, [offer.kex, offer.host_key, c2s, s2c, mac_c2s, mac_s2c], cx);
    Ok(())
}

/// RFC 4251 §5 and §6: names of printable US-ASCII, separated by commas.
fn is_names(list: &[u8]) -> bool {
    list.iter().all(u8::is_ascii_graphic)
}

/// RFC 4253 §8, RFC 4419 §3, RFC 5656 §4: the reply begins with the host key. Message 31 is also the group of a group exchange, which
/// begins with a prime: what is no key blob says nothing.
fn host_key(body: &[u8], agreement: &Agreement, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let Ok((_, blob)) = string(body) else { return Ok(()) };
    let Some((key, kind)) = string(blob).ok().filter(|(_, kind)| is_key_type(kind)) else {
        group(blob, agreement, cx);
        return Ok(());
    };
    let about = cx.sender();
    let digest = Value::Bytes(Sha256::digest(blob).to_vec());
    let saying = cx.say(&about, Kind::Key).text(Field::SshHostKeyType, kind).decoded(Field::SshHostKey, &digest, blob, "sha256");
    match bits(kind, key) {
        Some((bits, at, how)) => drop(saying.decoded(Field::KeyBits, &Value::Number(bits), at, how)),
        None => drop(saying),
    }
    Ok(())
}

/// RFC 4419 §3: the server's group, of which the prime stands first.
fn group(prime: &[u8], agreement: &Agreement, cx: &mut Context<'_>) {
    /// 256 bits, below every prime in use, and 16,384, above.
    const BYTES: std::ops::RangeInclusive<usize> = 32..=2049;
    let exchanged = agreement.method.as_deref().is_some_and(|method| method.starts_with(b"diffie-hellman-group-exchange"));
    if exchanged && BYTES.contains(&prime.len()) {
        let about = cx.sender();
        cx.say(&about, Kind::Security).decoded(Field::DhPrimeBits, &Value::Number(der::bits(prime)), prime, "bit-length");
    }
}

/// RFC 4251 §6: a name of at most 64 characters; those of keys have a dash and begin with a small letter.
fn is_key_type(kind: &[u8]) -> bool {
    kind.len() <= 64 && kind.first().is_some_and(u8::is_ascii_lowercase) && kind.contains(&b'-') && is_names(kind)
}

/// The key's size, the bytes that tell it, and how: RFC 4253 §6.6 (RSA: exponent, modulus; DSA: prime first), RFC 5656 §3.1 (the curve's
/// name), RFC 8709 §4.
fn bits<'a>(kind: &'a [u8], key: &'a [u8]) -> Option<(u64, &'a [u8], &'static str)> {
    let number = |i: &'a [u8]| string(i).ok();
    match kind {
        b"ssh-rsa" => number(number(key)?.0).map(|(_, modulus)| (der::bits(modulus), modulus, "bit-length")),
        b"ssh-dss" => number(key).map(|(_, prime)| (der::bits(prime), prime, "bit-length")),
        b"ecdsa-sha2-nistp256" | b"ssh-ed25519" => Some((256, kind, "size-of-curve")),
        b"ecdsa-sha2-nistp384" => Some((384, kind, "size-of-curve")),
        b"ecdsa-sha2-nistp521" => Some((521, kind, "size-of-curve")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, conversation, field, gate, payload, request};

    fn text(text: &[u8]) -> Vec<u8> {
        [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text].concat()
    }

    fn packet(payload: &[u8]) -> Vec<u8> {
        let padding = 4 + (8 - (5 + payload.len() + 4) % 8) % 8;
        let length = u32::try_from(1 + payload.len() + padding).unwrap();
        [&length.to_be_bytes()[..], &[u8::try_from(padding).unwrap()], payload, &vec![0; padding]].concat()
    }

    fn kexinit() -> Vec<u8> {
        let lists: [&[u8]; 10] = [
            b"curve25519-sha256,diffie-hellman-group14-sha1", // key exchange
            b"ssh-ed25519,ssh-rsa",                           // host key
            b"aes128-ctr",                                    // cipher, client to server
            b"aes256-ctr",                                    // cipher, server to client
            b"hmac-sha1",                                     // MAC, client to server
            b"hmac-sha1",                                     // MAC, server to client
            b"none",                                          // compression, client to server
            b"none",                                          // compression, server to client
            b"",                                              // languages
            b"",
        ];
        let lists: Vec<u8> = lists.iter().flat_map(|list| text(list)).collect();
        packet(&[&[KEXINIT][..], &[7; 16], &lists, &[0, 0, 0, 0, 0]].concat())
    }

    fn reply(message: u8) -> Vec<u8> {
        let modulus = [&[0u8, 0x80][..], &[5; 127]].concat();
        let blob = [text(b"ssh-rsa"), text(&[1, 0, 1]), text(&modulus)].concat();
        packet(&[&[message][..], &text(&blob), &text(&[4; 32]), &text(b"signature")].concat())
    }

    #[test]
    fn a_server_s_identification_is_a_service() {
        let said = answer(&Ssh, b"SSH-2.0-dropbear_2022.83\r\n");
        assert_eq!(field(&said, Kind::Service, Field::SshBanner), ["SSH-2.0-dropbear_2022.83"]);
        assert_eq!(field(&said, Kind::Service, Field::ProtocolVersion), ["2.0"]);
    }

    #[test]
    fn a_client_s_identification_is_about_its_host() {
        let said = request(&Ssh, b"SSH-2.0-PuTTY_Release_0.78\r\n");
        assert_eq!(field(&said, Kind::Client, Field::SshBanner), ["SSH-2.0-PuTTY_Release_0.78"]);
        assert!(said.iter().filter(|said| said.protocol == "ssh").all(|said| said.about.endpoint.is_none()));
    }

    #[test]
    fn odd_bytes_and_lines_before_the_identification_do_no_harm() {
        let said = answer(&Ssh, b"Authorised access only\r\n\r\nSSH-2.0-x\xff\xfe y\n");
        assert_eq!(field(&said, Kind::Service, Field::SshBanner), ["SSH-2.0-x\u{fffd}\u{fffd} y"]);
    }

    #[test]
    fn lists_and_fingerprint_of_both_sides_are_read() {
        let (client, server): (&[u8], &[u8]) = (b"SSH-2.0-a\r\n", b"SSH-2.0-b\r\n");
        let exchange = kexinit();
        let said = conversation(&Ssh, Transport::Tcp, &[(22, 50000, server), (50000, 22, client), (50000, 22, &exchange), (22, 50000, &exchange)]);
        assert_eq!(field(&said, Kind::Security, Field::SshKeyExchange), ["curve25519-sha256"]);
        assert_eq!(field(&said, Kind::Security, Field::SshHostKeyAlgorithm), ["ssh-ed25519"]);
        assert_eq!(field(&said, Kind::Security, Field::SshCipher), ["aes128-ctr", "aes256-ctr"]);
        assert_eq!(field(&said, Kind::Security, Field::SshMac), ["hmac-sha1"]);
        let md5 = |line: &str| vec![hex(&Md5::digest(line))];
        let kex = "curve25519-sha256,diffie-hellman-group14-sha1";
        assert_eq!(field(&said, Kind::Client, Field::Hassh), md5(&format!("{kex};aes128-ctr;hmac-sha1;none")));
        assert_eq!(field(&said, Kind::Security, Field::Hassh), md5(&format!("{kex};aes256-ctr;hmac-sha1;none")));
        let lists = field(&said, Kind::Security, Field::SshAlgorithms);
        assert_eq!(
            lists[1..],
            ["host-key:ssh-ed25519,ssh-rsa", "cipher-c2s:aes128-ctr", "cipher-s2c:aes256-ctr", "mac:hmac-sha1", "compression:none"]
        );
    }

    #[test]
    fn the_host_key_is_known_by_its_digest() {
        for message in [KEX_REPLY, KEX_DH_GEX_REPLY] {
            let said = conversation(&Ssh, Transport::Tcp, &[(22, 50000, b"SSH-2.0-b\r\n"), (22, 50000, &reply(message))]);
            assert_eq!(field(&said, Kind::Key, Field::SshHostKeyType), ["ssh-rsa"]);
            assert_eq!(field(&said, Kind::Key, Field::KeyBits), ["1024"]);
            assert_eq!(field(&said, Kind::Key, Field::SshHostKey).len(), 1);
        }
    }

    #[test]
    fn the_group_of_a_group_exchange_is_no_host_key() {
        let prime = [&[0u8, 0xff][..], &[9; 127]].concat();
        let group = packet(&[&[KEX_REPLY][..], &text(&prime), &text(&[2])].concat());
        let said = conversation(&Ssh, Transport::Tcp, &[(22, 50000, b"SSH-2.0-b\r\n"), (22, 50000, &group)]);
        assert!(field(&said, Kind::Key, Field::SshHostKey).is_empty());
    }

    #[test]
    fn nothing_is_read_after_new_keys() {
        let keys = packet(&[NEWKEYS]);
        let said = conversation(&Ssh, Transport::Tcp, &[(22, 50000, b"SSH-2.0-b\r\n"), (22, 50000, &keys), (22, 50000, &reply(KEX_REPLY))]);
        assert!(field(&said, Kind::Key, Field::SshHostKey).is_empty());
    }

    #[test]
    fn ssh_1_is_known_by_its_identification() {
        let said = conversation(&Ssh, Transport::Tcp, &[(22, 50000, b"SSH-1.5-Cisco-1.25\n"), (50000, 22, b"SSH-1.5-x\n"), (22, 50000, &kexinit())]);
        assert_eq!(field(&said, Kind::Service, Field::ProtocolVersion), ["1.5"]);
        assert!(field(&said, Kind::Security, Field::Hassh).is_empty());
    }

    #[test]
    fn it_is_found_on_any_port() {
        let said = payload(&Ssh, Transport::Tcp, 50000, 22_022, b"SSH-2.0-x\r\n");
        assert_eq!(said.iter().filter(|said| said.get(Field::SshBanner).is_some()).count(), 1);
        assert_eq!(gate(&Ssh, &kexinit(), 22), Gate::Mine);
        assert_eq!(gate(&Ssh, &kexinit(), 22_022), Gate::NotMine);
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        for stranger in [
            &b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..],
            b"220 smtp ready\r\n",
            b"SSH-x.y-\r\n",
            &[0; 40],
            &[0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1],
            &[22, 3, 1, 0, 5, 1, 0, 0, 1, 3],
        ] {
            assert_eq!(gate(&Ssh, stranger, 22), Gate::NotMine);
        }
        assert_eq!(gate(&Ssh, b"SSH-2", 22), Gate::More);
    }
}
