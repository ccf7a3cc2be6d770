//! NTLM: names of both hosts, their build of Windows, and how weakly a client answers. Carried by SMB, HTTP, RDP, LDAP and DCE/RPC.
//!
//! Spec: MS-NLMP §2.2.
//! Tells us: the server's computer and domain names and version; the client's workstation name and version; the kind of response.
//! Does not tell: whether the log-in succeeded. User names are left out, challenges and responses are never shown.

use crate::context::{Context, Saying};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Next, Row};
use nom::bytes::take;
use nom::number::{le_u16, le_u32};
use nom::{IResult, Parser};
use observations::{Field, Kind, Value};

pub(crate) struct Ntlmssp;

/// §2.2.1: signature, then the message type.
const SIGNATURE: &[u8] = b"NTLMSSP\0";
const NEGOTIATE: u32 = 1;
const CHALLENGE: u32 = 2;
const AUTHENTICATE: u32 = 3;

/// §2.2.2.5.
const UNICODE: u32 = 0x0000_0001;
const ANONYMOUS: u32 = 0x0000_0800;
const EXTENDED_SESSION_SECURITY: u32 = 0x0008_0000;
const VERSION: u32 = 0x0200_0000;

/// §2.2.2.1 knows eleven ids; each stands once.
const AV_PAIRS_MAX: usize = 16;

/// §2.2.2.1.
const END: u16 = 0;
const NETBIOS_COMPUTER: u16 = 1;
const NETBIOS_DOMAIN: u16 = 2;
const DNS_COMPUTER: u16 = 3;
const DNS_DOMAIN: u16 = 4;

/// §3.3.1: an NTLM v1 response; v2 (§3.3.2) is longer by the client's challenge.
const V1_RESPONSE: usize = 24;

/// Names of computers are shorter (§2.2.2.1, RFC 1001 §14.1 in two bytes a character).
const NAME_MAX: usize = 64;

/// What the server calls itself.
#[derive(Default)]
pub(crate) struct State {
    server: Vec<u8>,
}

impl Dissector for Ntlmssp {
    type State = State;

    const ROW: Row = Row {
        name: "ntlmssp",
        revision: 1,
        spec: "MS-NLMP",
        tells: "names of both hosts, domain, Windows build, NTLM version",
        bindings: &[Binding::Under("ntlmssp", 0)],
        shapes: &[],
        operations: &[],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        match head.strip_prefix(SIGNATURE) {
            Some(&[NEGOTIATE_BYTE..=AUTHENTICATE_BYTE, 0, 0, 0, ..]) => Gate::Mine,
            _ => Gate::NotMine,
        }
    }

    fn read(&self, pdu: &[u8], state: &mut State, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (i, (_signature, kind)) = (take(SIGNATURE.len()), le_u32::<_, Error<'_>>()).parse(pdu)?;
        match kind {
            NEGOTIATE => negotiate(pdu, i, cx)?,
            CHALLENGE => challenge(pdu, i, state, cx)?,
            AUTHENTICATE => authenticate(pdu, i, state, cx)?,
            _ => return Err(DissectError::Malformed { rule: "message type", offset: SIGNATURE.len() }),
        }
        Ok(Next::Read)
    }
}

const NEGOTIATE_BYTE: u8 = 1;
const AUTHENTICATE_BYTE: u8 = 3;

type Error<'a> = nom::error::Error<&'a [u8]>;

/// §2.2.1.1: flags, domain, workstation, version. Names are in the client's code page here.
fn negotiate(pdu: &[u8], i: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (i, flags) = le_u32::<_, Error<'_>>().parse(i)?;
    let (i, (_domain, workstation)) = (reference, reference).parse(i)?;
    let about = cx.sender_host();
    let saying = cx.say(&about, Kind::Name).trimmed(Field::Hostname, workstation.bytes(pdu));
    drop(version(saying, flags, i));
    Ok(())
}

/// §2.2.1.2: target name, flags, challenge, reserved, target information, version. The target's own names stand in the information.
fn challenge(pdu: &[u8], i: &[u8], state: &mut State, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (i, (_target, flags)) = (reference, le_u32()).parse(i)?;
    let (i, (_challenge, _reserved)) = (take(8usize), take::<_, _, Error<'_>>(8usize)).parse(i)?;
    let about = cx.sender_host();
    let Ok((i, information)) = reference(i) else { return Ok(()) };
    let names = Names::read(information.bytes_to_the_end(pdu));
    state.server = names.netbios_computer.filter(|name| name.len() <= NAME_MAX).unwrap_or_default().to_vec();
    let saying = cx
        .say(&about, Kind::Name)
        .maybe(names.netbios_computer, |saying, name| utf16(saying, Field::Hostname, name))
        .maybe(names.dns_computer, |saying, name| utf16(saying, Field::FullyQualifiedName, name))
        // A host that is in no domain gives its own name as that of its domain.
        .maybe(names.netbios_domain.filter(|domain| names.netbios_computer != Some(domain)), |saying, name| utf16(saying, Field::DomainName, name))
        .maybe(names.dns_domain.filter(|domain| names.dns_computer != Some(domain)), |saying, name| utf16(saying, Field::DomainName, name));
    drop(version(saying, flags, i));
    Ok(())
}

/// §2.2.1.3: LM and NT response, domain, user, workstation, session key, flags, version.
fn authenticate(pdu: &[u8], i: &[u8], state: &State, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (i, (lm, nt)) = (reference, reference).parse(i)?;
    let (i, (_domain, user, workstation)) = (reference, reference, reference).parse(i)?;
    // Old clients end here (§2.2.1.3, on the offset of the payload).
    let (i, flags) = (reference, le_u32::<_, Error<'_>>()).parse(i).map_or((i, UNICODE), |(i, (_key, flags))| (i, flags));
    let about = cx.sender_host();
    let mut saying = cx.say(&about, Kind::Name);
    saying = match workstation.bytes(pdu) {
        // Some clients give the server's own name back: it is not theirs.
        name if !name.is_empty() && name == state.server => saying,
        name if flags & UNICODE != 0 => utf16(saying, Field::Hostname, name),
        name => saying.trimmed(Field::Hostname, name),
    };
    drop(version(saying, flags, i));
    let nobody = flags & ANONYMOUS != 0 || user.length == 0;
    let method: &[u8] = match (nt.length, lm.length) {
        // §3.2.5.1.2: an LM response of one zero byte is as good as none.
        (0, 0 | 1) if nobody => b"anonymous",
        (0, 0 | 1) => b"none",
        (0, V1_RESPONSE) => b"lm",
        (V1_RESPONSE, _) if flags & EXTENDED_SESSION_SECURITY != 0 => b"ntlm-v1-extended-session",
        (V1_RESPONSE, _) => b"ntlm-v1",
        (length, _) if length > V1_RESPONSE => b"ntlm-v2",
        _ => return Err(DissectError::Malformed { rule: "length of response", offset: 12 }),
    };
    let lengths = if nt.length == 0 { lm.at } else { nt.at };
    cx.say(&about, Kind::Security).decoded(Field::AuthenticationMethod, &Value::Text(method.to_vec()), lengths, "ntlm-response-length");
    Ok(())
}

/// §2.2.1.1, "Fields": length, greatest length, offset from the message's beginning.
#[derive(Clone, Copy)]
struct Reference<'a> {
    length: usize,
    offset: u32,
    /// The reference's own bytes.
    at: &'a [u8],
}

impl Reference<'_> {
    /// What is referred to; nothing if it lies outside.
    fn bytes<'p>(&self, pdu: &'p [u8]) -> &'p [u8] {
        let start = usize::try_from(self.offset).unwrap_or(usize::MAX);
        pdu.get(start..start.saturating_add(self.length)).unwrap_or_default()
    }

    /// The same of a list, whose end the capture may have cut.
    fn bytes_to_the_end<'p>(&self, pdu: &'p [u8]) -> &'p [u8] {
        let rest = usize::try_from(self.offset).ok().and_then(|start| pdu.get(start..)).unwrap_or_default();
        rest.get(..self.length).unwrap_or(rest)
    }
}

fn reference(i: &[u8]) -> IResult<&[u8], Reference<'_>> {
    let (rest, at) = take(8usize).parse(i)?;
    let (_, (length, _greatest, offset)) = (le_u16(), le_u16(), le_u32()).parse(at)?;
    Ok((rest, Reference { length: usize::from(length), offset, at }))
}

/// §2.2.2.10: major, minor, build, three reserved bytes, revision.
fn version<'s, 'a>(saying: Saying<'s, 'a>, flags: u32, i: &[u8]) -> Saying<'s, 'a> {
    match i.first_chunk::<8>() {
        // Zeros are sent where the flag is set and nothing is known.
        Some(&[major, minor, low, high, ..]) if flags & VERSION != 0 && major != 0 => {
            let text = format!("{major}.{minor}.{}", u16::from_le_bytes([low, high]));
            saying.decoded(Field::NtlmVersion, &Value::Text(text.into_bytes()), i.get(..4).unwrap_or_default(), "ntlm-version")
        }
        _ => saying,
    }
}

/// §2.2.2.1: the names in the target information.
#[derive(Default)]
struct Names<'a> {
    netbios_computer: Option<&'a [u8]>,
    netbios_domain: Option<&'a [u8]>,
    dns_computer: Option<&'a [u8]>,
    dns_domain: Option<&'a [u8]>,
}

impl<'a> Names<'a> {
    fn read(mut i: &'a [u8]) -> Self {
        let mut names = Self::default();
        for _ in 0..AV_PAIRS_MAX {
            let Ok((rest, (id, value))) = av_pair(i) else { break };
            match id {
                END => break,
                NETBIOS_COMPUTER => names.netbios_computer = Some(value),
                NETBIOS_DOMAIN => names.netbios_domain = Some(value),
                DNS_COMPUTER => names.dns_computer = Some(value),
                DNS_DOMAIN => names.dns_domain = Some(value),
                _ => {}
            }
            i = rest;
        }
        names
    }
}

fn av_pair(i: &[u8]) -> IResult<&[u8], (u16, &[u8])> {
    let (i, (id, length)) = (le_u16(), le_u16()).parse(i)?;
    let (i, value) = take(length).parse(i)?;
    Ok((i, (id, value)))
}

/// A name in UTF-16; an empty one is nothing said.
fn utf16<'s, 'a>(saying: Saying<'s, 'a>, field: Field, bytes: &[u8]) -> Saying<'s, 'a> {
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
    let text: String = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    let text = text.trim_matches(['\0', ' ']);
    if text.is_empty() {
        return saying;
    }
    saying.decoded(field, &Value::Text(text.as_bytes().to_vec()), bytes, "utf-16le")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::registry::Registry;
    use crate::testing::{field, gate};
    use observations::{Observation, Transport};

    /// Reads a message as SMB would hand it on.
    fn read(from_client: bool, message: &[u8]) -> Vec<Observation> {
        let mut engine = Engine::new(std::sync::Arc::new(Registry::of(&[&Ntlmssp])), None, None);
        let ports = if from_client { (50000, 445) } else { (445, 50000) };
        engine.read_alone(&Ntlmssp, Transport::Tcp, ports, from_client, message);
        engine.finish().decoded().map(|said| said.unwrap()).collect()
    }

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn pair(id: u16, value: &[u8]) -> Vec<u8> {
        [&id.to_le_bytes()[..], &u16::try_from(value.len()).unwrap().to_le_bytes(), value].concat()
    }

    fn at(length: usize, offset: usize) -> Vec<u8> {
        let length = u16::try_from(length).unwrap().to_le_bytes();
        [&length[..], &length, &u32::try_from(offset).unwrap().to_le_bytes()].concat()
    }

    fn challenge_of(domain: &str) -> Vec<u8> {
        let information = [
            pair(2, &wide(domain)),
            pair(1, &wide("HISTORIAN1")),
            pair(4, &wide("plant.example")),
            pair(3, &wide("historian1.plant.example")),
            pair(7, &[1; 8]),
            pair(0, &[]),
        ]
        .concat();
        [
            SIGNATURE,
            &[2, 0, 0, 0],
            &at(0, 56),                        // target name
            &[0x15, 0x82, 0x89, 0xe2],         // flags with version
            &[0xaa; 8],                        // server challenge
            &[0; 8],                           // reserved
            &at(information.len(), 56),        // target information
            &[10, 0, 0x63, 0x45, 0, 0, 0, 15], // 10.0.17763
            &information,
        ]
        .concat()
    }

    fn authenticate_of(lm: usize, nt: usize, flags: u32) -> Vec<u8> {
        let (user, workstation) = (wide("operator"), wide("SCADA-HMI01"));
        let payload = 72;
        [
            SIGNATURE,
            &[3, 0, 0, 0],
            &at(lm, payload),                                       // LM response
            &at(nt, payload + lm),                                  // NT response
            &at(0, payload),                                        // domain
            &at(user.len(), payload + lm + nt),                     // user
            &at(workstation.len(), payload + lm + nt + user.len()), // workstation
            &at(0, payload),                                        // session key
            &flags.to_le_bytes(),
            &[6, 1, 0xb1, 0x1d, 0, 0, 0, 15], // 6.1.7601
            &vec![0x5e; lm],
            &vec![0x5e; nt],
            &user,
            &workstation,
        ]
        .concat()
    }

    #[test]
    fn a_challenge_names_the_server_and_its_build() {
        let said = read(false, &challenge_of("PLANT"));
        assert_eq!(field(&said, Kind::Name, Field::Hostname), ["HISTORIAN1"]);
        assert_eq!(field(&said, Kind::Name, Field::FullyQualifiedName), ["historian1.plant.example"]);
        assert_eq!(field(&said, Kind::Name, Field::DomainName), ["PLANT", "plant.example"]);
        assert_eq!(field(&said, Kind::Name, Field::NtlmVersion), ["10.0.17763"]);
    }

    #[test]
    fn a_host_s_own_name_is_no_domain() {
        let said = read(false, &challenge_of("HISTORIAN1"));
        assert_eq!(field(&said, Kind::Name, Field::DomainName), ["plant.example"]);
    }

    #[test]
    fn a_client_s_workstation_is_named_and_its_user_is_not() {
        let said = read(true, &authenticate_of(24, V1_RESPONSE, UNICODE | VERSION));
        assert_eq!(field(&said, Kind::Name, Field::Hostname), ["SCADA-HMI01"]);
        assert_eq!(field(&said, Kind::Name, Field::NtlmVersion), ["6.1.7601"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["ntlm-v1"]);
        let secret: &[u8] = &[0x5e; 4];
        for evidence in said.iter().flat_map(|said| &said.fields_first) {
            assert!(!evidence.quote.windows(4).any(|quote| quote == secret || quote == &wide("op")[..]));
        }
    }

    #[test]
    fn the_response_s_length_tells_its_version() {
        let method = |message: &[u8]| field(&read(true, message), Kind::Security, Field::AuthenticationMethod).concat();
        assert_eq!(method(&authenticate_of(24, 300, UNICODE)), "ntlm-v2");
        assert_eq!(method(&authenticate_of(24, 24, UNICODE | EXTENDED_SESSION_SECURITY)), "ntlm-v1-extended-session");
        assert_eq!(method(&authenticate_of(1, 0, UNICODE | ANONYMOUS)), "anonymous");
        assert_eq!(method(&authenticate_of(0, 0, UNICODE)), "none");
        assert_eq!(method(&authenticate_of(24, 0, UNICODE)), "lm");
        assert_eq!(method(&authenticate_of(24, 7, UNICODE)), "");
    }

    #[test]
    fn a_challenge_that_is_cut_keeps_the_names_that_are_there() {
        let whole = challenge_of("PLANT");
        // The end of the list and half of the time are missing.
        let said = read(false, &whole[..whole.len() - 8]);
        assert_eq!(field(&said, Kind::Name, Field::NtlmVersion), ["10.0.17763"]);
        assert_eq!(field(&said, Kind::Name, Field::Hostname), ["HISTORIAN1"]);
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n"[..], b"NTLMSSP\0\x04\0\0\0", b"NTLMSSP\0", &[0; 40]] {
            assert_eq!(gate(&Ntlmssp, stranger, 445), Gate::NotMine);
        }
    }
}
