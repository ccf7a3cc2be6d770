//! ADS over UDP: how TwinCAT systems are found, and how a route to them is opened.
//!
//! Spec: no public one. Layout as Beckhoff's ADS library (AdsLib, MIT licence, `RouterAccess` and `bhf`) builds and reads it: cookie,
//! number, service, sender, port, then tags of number, length and value.

use crate::context::Context;
use crate::dissector::DissectError;
use observations::{Field, Kind, Value};

pub(super) const PORT: u16 = 48899;
const COOKIE: [u8; 4] = [0x03, 0x66, 0x14, 0x71];
/// Cookie, number, service (4 each), net id (6), port (2), number of tags (4).
pub(super) const HEADER: usize = 24;
const ANSWER: u32 = 0x8000_0000;
pub(super) const IDENTIFY: u32 = 1;
pub(super) const ADD_ROUTE: u32 = 6;
/// The highest service in use.
const SERVICE_MAX: u32 = 16;
/// An answer has some eight tags.
const TAGS_MAX: usize = 32;

/// Tags.
const PASSWORD: u16 = 2;
const TWINCAT_VERSION: u16 = 3;
const OS_VERSION: u16 = 4;
const HOST_NAME: u16 = 5;
const NET_ID: u16 = 7;
const ROUTE_NAME: u16 = 12;
const USER: u16 = 13;

/// One datagram.
pub(super) struct Packet<'a> {
    pub(super) service: u32,
    pub(super) answer: bool,
    net_id: &'a [u8],
    tags: &'a [u8],
}

pub(super) fn packet(bytes: &[u8]) -> Option<Packet<'_>> {
    let (header, tags) = bytes.split_first_chunk::<HEADER>()?;
    let (cookie, rest) = header.split_first_chunk::<4>()?;
    let service = u32::from_le_bytes(*rest.get(4..8)?.first_chunk()?);
    let plain = service & !ANSWER;
    let ours = *cookie == COOKIE && (1..=SERVICE_MAX).contains(&plain);
    ours.then_some(Packet { service: plain, answer: service & ANSWER != 0, net_id: bytes.get(12..18)?, tags })
}

/// A net id as it is written: six numbers with dots.
pub(super) fn net_id(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(".").into_bytes()
}

/// Number and value of each tag, as far as they are whole.
fn tags(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    (0..TAGS_MAX).map_while(move |_| {
        let (&[t0, t1, l0, l1], behind) = rest.split_first_chunk::<4>()?;
        let (value, behind) = behind.split_at_checked(usize::from(u16::from_le_bytes([l0, l1])))?;
        rest = behind;
        Some((u16::from_le_bytes([t0, t1]), value))
    })
}

/// Text up to its end.
fn text(value: &[u8]) -> &[u8] {
    value.split(|byte| *byte == 0).next().unwrap_or_default()
}

pub(super) fn read(bytes: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let Some(packet) = packet(bytes) else { return Err(DissectError::NotMine) };
    let sender = cx.sender();
    let mut saying = cx.say(&sender, Kind::Identity);
    // A search goes out before its sender has a net id.
    if packet.net_id.iter().any(|byte| *byte != 0) {
        saying = saying.decoded(Field::AmsNetId, &Value::Text(net_id(packet.net_id)), packet.net_id, "decimal-dotted");
    }
    if !packet.answer {
        drop(saying);
        if packet.service == ADD_ROUTE {
            add_route(packet.tags, cx);
        }
        return Ok(());
    }
    if packet.service != IDENTIFY {
        return Ok(());
    }
    for (tag, value) in tags(packet.tags) {
        saying = match (tag, value) {
            (HOST_NAME, value) => saying.trimmed(Field::Hostname, text(value)),
            (TWINCAT_VERSION, &[major, minor, low, high, ..]) => {
                let version = format!("{major}.{minor}.{}", u16::from_le_bytes([low, high]));
                saying.decoded(Field::RuntimeVersion, &Value::Text(version.into_bytes()), value.get(..4).unwrap_or_default(), "u8.u8.u16-le")
            }
            (OS_VERSION, value) => saying.maybe(os_version(value), |s, version| {
                s.decoded(Field::OsVersion, &Value::Text(version), value.get(4..20).unwrap_or_default(), "os-version-info")
            }),
            _ => saying,
        };
    }
    Ok(())
}

/// OSVERSIONINFO of the Windows API: size, major, minor, build, platform (4 each): `nt 6.1.7601`, `ce 6.0.0`.
fn os_version(value: &[u8]) -> Option<Vec<u8>> {
    let number = |at: usize| value.get(at..at + 4).and_then(|bytes| bytes.first_chunk()).map(|bytes| u32::from_le_bytes(*bytes));
    let platform = match number(16)? {
        2 => "nt",
        3 => "ce",
        _ => return None,
    };
    Some(format!("{platform} {}.{}.{}", number(4)?, number(8)?, number(12)?).into_bytes())
}

/// A route to the sender is to be added: what the sender calls itself, and user and password, which stand in clear.
fn add_route(bytes: &[u8], cx: &mut Context<'_>) {
    let (sender, asked) = (cx.sender(), cx.receiver());
    let (mut user, mut password) = (None, None);
    for (tag, value) in tags(bytes) {
        match tag {
            ROUTE_NAME => drop(cx.say(&sender, Kind::Client).trimmed(Field::ClientName, text(value))),
            NET_ID if value.len() == 6 => {
                cx.say(&sender, Kind::Identity).decoded(Field::AmsNetId, &Value::Text(net_id(value)), value, "decimal-dotted");
            }
            USER => user = Some(text(value)),
            PASSWORD => password = Some(text(value)),
            _ => {}
        }
    }
    if let Some(password) = password {
        cx.secret(&asked, "ads route", user, password);
        cx.say(&asked, Kind::Security).implied(Field::AuthenticationMethod, &Value::Text(b"password".to_vec()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::ads::Ads;
    use super::*;
    use crate::testing::{field, payload};
    use observations::Transport;

    fn datagram(service: u32, id: [u8; 6], tags: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = [&COOKIE[..], &[0; 4], &service.to_le_bytes(), &id, &[0x10, 0x27]].concat();
        bytes.extend(u32::try_from(tags.len()).unwrap().to_le_bytes());
        for (tag, value) in tags {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
            bytes.extend_from_slice(value);
        }
        bytes
    }

    fn os(numbers: [u32; 5]) -> Vec<u8> {
        let mut bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        bytes.resize(276, 0);
        bytes
    }

    #[test]
    fn a_system_that_is_found_says_name_net_id_and_versions() {
        let answer = datagram(
            ANSWER | IDENTIFY,
            [5, 13, 117, 96, 1, 1],
            &[(HOST_NAME, b"CX_0D7560\0"), (OS_VERSION, &os([276, 6, 0, 0, 3])), (TWINCAT_VERSION, &[2, 11, 0xb4, 8])],
        );
        let said = payload(&Ads, Transport::Udp, PORT, 50000, &answer);
        assert_eq!(field(&said, Kind::Identity, Field::AmsNetId), ["5.13.117.96.1.1"]);
        assert_eq!(field(&said, Kind::Identity, Field::Hostname), ["CX_0D7560"]);
        assert_eq!(field(&said, Kind::Identity, Field::OsVersion), ["ce 6.0.0"]);
        assert_eq!(field(&said, Kind::Identity, Field::RuntimeVersion), ["2.11.2228"]);
        let said = payload(&Ads, Transport::Udp, PORT, 50000, &answer[..60]);
        assert_eq!(field(&said, Kind::Identity, Field::Hostname), ["CX_0D7560"]);
    }

    #[test]
    fn a_route_is_opened_with_a_credential_that_is_never_quoted() {
        let ask = datagram(
            ADD_ROUTE,
            [192, 168, 1, 199, 1, 1],
            &[
                (ROUTE_NAME, b"ENG-PC\0"),
                (NET_ID, &[192, 168, 1, 199, 1, 1]),
                (USER, b"Administrator\0"),
                (PASSWORD, b"1\0"),
                (HOST_NAME, b"192.168.1.99\0"),
            ],
        );
        let said = payload(&Ads, Transport::Udp, 50000, PORT, &ask);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["ads route"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretLengthClass), ["1"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["password"]);
        assert_eq!(field(&said, Kind::Client, Field::ClientName), ["ENG-PC"]);
        // The address in a route is where it leads to, and no name of its own.
        assert!(field(&said, Kind::Identity, Field::Hostname).is_empty());
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&[0; 40][..], b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &COOKIE, &datagram(99, [0; 6], &[])] {
            assert!(packet(stranger).is_none());
        }
    }
}
