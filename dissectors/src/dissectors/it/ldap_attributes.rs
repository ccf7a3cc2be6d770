//! LDAP: what the root of a directory tells of its server, and what domain controllers tell those that look for one.
//!
//! Spec: RFC 4512 §5.1, RFC 3045 (vendor), MS-ADTS §3.1.1.3.2 (root DSE) and §6.3.1.9 (NETLOGON_SAM_LOGON_RESPONSE_EX).

use crate::asn1::{OCTET_STRING, Reader, SEQUENCE};
use crate::context::Context;
use crate::dissector::DissectError;
use crate::login;
use observations::{Field, Kind, Value};

const SET: u8 = 0x31;
/// Root DSEs have some 40 attributes; lists of controls have 60 values.
const ATTRIBUTES_MAX: usize = 128;
const VALUES_MAX: usize = 128;
/// Mechanisms and naming contexts that are told; servers have three to six.
const TOLD_MAX: usize = 8;
/// RFC 4511 §4.14.1: StartTLS, as an extension that the server has.
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";

/// Attributes of a root DSE that are of its server.
const ROOT: &[(&[u8], Field)] = &[
    (b"dnsHostName", Field::FullyQualifiedName),
    (b"vendorName", Field::SoftwareManufacturer),
    (b"vendorVersion", Field::SoftwareVersion),
    (b"productName", Field::SoftwareProduct),
    (b"domainControllerFunctionality", Field::FunctionalLevel),
    (b"defaultNamingContext", Field::NamingContext),
];

/// RFC 4511 §4.5.2.
pub(super) fn entry(members: &mut Reader<'_>, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let root = members.expect(OCTET_STRING, "object name")?.content.is_empty();
    let mut list = members.enter(SEQUENCE, "attributes")?;
    for _ in 0..ATTRIBUTES_MAX {
        let Some(one) = list.next()? else { break };
        let mut attribute = one.open()?;
        let name = attribute.expect(OCTET_STRING, "attribute")?.content;
        let mut values = attribute.enter(SET, "values")?;
        if root {
            values_of(name, &mut values, cx)?;
        }
    }
    Ok(())
}

fn values_of(name: &[u8], values: &mut Reader<'_>, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let server = cx.sender();
    let host = cx.sender_host();
    for told in 0..VALUES_MAX {
        let Some(value) = values.next()? else { break };
        let value = value.content;
        if let Some((_, field)) = ROOT.iter().find(|row| row.0.eq_ignore_ascii_case(name)) {
            let about = if *field == Field::FullyQualifiedName { &host } else { &server };
            cx.say(about, Kind::Identity).trimmed(*field, value);
        } else if name.eq_ignore_ascii_case(b"supportedSASLMechanisms") && told < TOLD_MAX {
            login::quoted(cx, &server, value, login::OFFERED);
        } else if name.eq_ignore_ascii_case(b"supportedExtension") && value == START_TLS {
            login::protection(cx, &server, "tls", login::OFFERED);
        } else if name.eq_ignore_ascii_case(b"ldapServiceName") {
            // MS-ADTS §3.1.1.3.2.12: domain:principal.
            let domain = value.split(|byte| *byte == b':').next().unwrap_or_default();
            cx.say(&server, Kind::Identity).text(Field::DomainName, domain);
        } else if name.eq_ignore_ascii_case(b"netlogon") {
            netlogon(value, cx);
        }
    }
    Ok(())
}

/// RFC 4511 §4.5.1: a host that looks for a domain controller names itself (MS-ADTS §6.3.3).
pub(super) fn search(members: &mut Reader<'_>, cx: &mut Context<'_>) -> Result<(), DissectError> {
    const AND: u8 = 0xa0;
    const EQUALITY: u8 = 0xa3;
    let members_before_filter = 6;
    for _ in 0..members_before_filter {
        members.next()?;
    }
    let Some(filter) = members.next()?.filter(|filter| filter.tag == AND) else { return Ok(()) };
    let mut filter = filter.open()?;
    let (mut host, mut asks) = (None, false);
    for _ in 0..ATTRIBUTES_MAX {
        let Some(one) = filter.next()? else { break };
        if one.tag != EQUALITY {
            continue;
        }
        let mut pair = one.open()?;
        let name = pair.expect(OCTET_STRING, "attribute")?.content;
        let value = pair.expect(OCTET_STRING, "value")?.content;
        asks |= name.eq_ignore_ascii_case(b"NtVer");
        if name.eq_ignore_ascii_case(b"Host") {
            host = Some(value);
        }
    }
    let is_name = |name: &&[u8]| !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if let Some(name) = host.filter(is_name).filter(|_| asks) {
        let about = cx.sender_host();
        let field = if name.contains(&b'.') { Field::FullyQualifiedName } else { Field::Hostname };
        cx.say(&about, Kind::Identity).text(field, name);
    }
    Ok(())
}

/// MS-ADTS §6.3.1.9: operation code, flags and GUID, then names as RFC 1035 compresses them, from the value's own beginning.
fn netlogon(value: &[u8], cx: &mut Context<'_>) {
    const BEFORE_NAMES: usize = 2 + 2 + 4 + 16;
    // LOGON_SAM_LOGON_RESPONSE_EX and LOGON_SAM_USER_UNKNOWN_EX.
    if !matches!(value.first_chunk(), Some([23 | 25, 0])) {
        return;
    }
    let (host, server) = (cx.sender_host(), cx.sender());
    let mut at = BEFORE_NAMES;
    let mut names: [Option<(Vec<u8>, &[u8])>; 5] = [const { None }; 5];
    for place in &mut names {
        let Some((name, end)) = name(value, at) else { break };
        *place = value.get(at..end).map(|slice| (name, slice));
        at = end;
    }
    let [_forest, domain, full, _netbios_domain, netbios] = names;
    let text = |name: Vec<u8>| Value::Text(name);
    if let Some((name, slice)) = domain {
        cx.say(&server, Kind::Identity).decoded(Field::DomainName, &text(name), slice, "dns-name");
    }
    let saying = cx.say(&host, Kind::Identity);
    let saying = saying.maybe(full, |s, (name, slice)| s.decoded(Field::FullyQualifiedName, &text(name), slice, "dns-name"));
    drop(saying.maybe(netbios, |s, (name, slice)| s.decoded(Field::Hostname, &text(name), slice, "dns-name")));
}

/// A name with pointers to what stands before it, and where what follows begins.
fn name(value: &[u8], at: usize) -> Option<(Vec<u8>, usize)> {
    /// RFC 1035 §2.3.4.
    const NAME_MAX: usize = 255;
    const POINTERS_MAX: u8 = 8;
    let (mut text, mut place, mut end, mut pointers) = (Vec::new(), at, None, 0);
    loop {
        let length = *value.get(place)?;
        match length {
            0 => return Some((text, end.unwrap_or(place + 1))),
            1..=63 => {
                let label = value.get(place + 1..place + 1 + usize::from(length))?;
                if text.len() + label.len() + 1 > NAME_MAX || !label.iter().all(u8::is_ascii_graphic) {
                    return None;
                }
                if !text.is_empty() {
                    text.push(b'.');
                }
                text.extend_from_slice(label);
                place += 1 + usize::from(length);
            }
            0xc0.. => {
                let target = usize::from(length & 0x3f) << 8 | usize::from(*value.get(place + 1)?);
                pointers += 1;
                if target >= place || pointers > POINTERS_MAX {
                    return None;
                }
                end.get_or_insert(place + 2);
                place = target;
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ldap::{Cldap, Ldap};
    use super::*;
    use crate::testing::{field, payload};
    use observations::{Observation, Transport};

    fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[tag, 0x82, length[0], length[1]][..], &body].concat()
    }

    fn entry(name: &str, attributes: &[(&str, &[&[u8]])]) -> Vec<u8> {
        let list: Vec<Vec<u8>> = attributes
            .iter()
            .map(|(name, values)| {
                let values: Vec<u8> = values.iter().flat_map(|value| tlv(4, &[value])).collect();
                tlv(0x30, &[&tlv(4, &[name.as_bytes()]), &tlv(0x31, &[&values])])
            })
            .collect();
        let name: Vec<u8> = [&[4, u8::try_from(name.len()).unwrap()][..], name.as_bytes()].concat();
        tlv(0x30, &[&[2, 1, 2], &tlv(0x64, &[&name, &tlv(0x30, &[&list.concat()])])])
    }

    fn read(attributes: &[(&str, &[&[u8]])]) -> Vec<Observation> {
        payload(&Ldap, Transport::Tcp, 389, 50000, &entry("", attributes))
    }

    #[test]
    fn the_root_tells_name_product_mechanisms_and_tls() {
        let said = read(&[
            ("dnsHostName", &[b"dc1.plant.test"]),
            ("ldapServiceName", &[b"plant.test:dc1$@PLANT.TEST"]),
            ("supportedSASLMechanisms", &[b"GSSAPI", b"DIGEST-MD5"]),
            ("supportedExtension", &[b"1.3.6.1.4.1.4203.1.11.1", START_TLS]),
            ("vendorName", &[b"Directory Works"]),
        ]);
        assert_eq!(field(&said, Kind::Identity, Field::FullyQualifiedName), ["dc1.plant.test"]);
        assert_eq!(field(&said, Kind::Identity, Field::DomainName), ["plant.test"]);
        assert_eq!(field(&said, Kind::Identity, Field::SoftwareManufacturer), ["Directory Works"]);
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["tls"]);
        let mut mechanisms = field(&said, Kind::Security, Field::AuthenticationMethod);
        mechanisms.sort();
        assert_eq!(mechanisms, ["DIGEST-MD5", "GSSAPI"]);
    }

    #[test]
    fn other_entries_are_nobody_s_identity() {
        let said = payload(&Ldap, Transport::Tcp, 389, 50000, &entry("cn=a", &[("dnsHostName", &[b"pc7.plant.test"])]));
        assert!(said.iter().all(|said| said.protocol != "ldap"));
    }

    #[test]
    fn a_domain_controller_is_found_by_its_answer() {
        let names = b"\x05plant\x04test\0\xc0\x18\x03dc1\xc0\x18\x05PLANT\0\x03DC1\0\0";
        let value = [&[23, 0, 0, 0][..], &[0; 20], names].concat();
        let said = payload(&Cldap, Transport::Udp, 389, 50000, &entry("", &[("Netlogon", &[&value])]));
        assert_eq!(field(&said, Kind::Identity, Field::FullyQualifiedName), ["dc1.plant.test"]);
        assert_eq!(field(&said, Kind::Identity, Field::Hostname), ["DC1"]);
        assert_eq!(field(&said, Kind::Identity, Field::DomainName), ["plant.test"]);
    }

    #[test]
    fn pointers_in_circles_end() {
        let value = [&[23, 0, 0, 0][..], &[0; 20], b"\xc0\x18\xc0\x18\xff"].concat();
        assert!(name(&value, 24).is_none());
    }

    #[test]
    fn a_host_that_looks_for_a_domain_names_itself() {
        let pair = |name: &str, value: &[u8]| tlv(0xa3, &[&tlv(4, &[name.as_bytes()]), &tlv(4, &[value])]);
        let filter = tlv(0xa0, &[&pair("DnsDomain", b"plant.test"), &pair("Host", b"ENG-WS02"), &pair("NtVer", &[6, 0, 0, 0])]);
        let body = tlv(0x63, &[&[4, 0, 10, 1, 0, 10, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0], &filter, &tlv(0x30, &[&tlv(4, &[b"Netlogon"])])]);
        let said = payload(&Cldap, Transport::Udp, 50000, 389, &tlv(0x30, &[&[2, 1, 1], &body]));
        assert_eq!(field(&said, Kind::Identity, Field::Hostname), ["ENG-WS02"]);
    }
}
