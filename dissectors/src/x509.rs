//! X.509 certificates, whoever presents them.
//!
//! Spec: RFC 5280; hardware module names RFC 4108 §5 and IEEE 802.1AR; key algorithms RFC 3279, RFC 5480, RFC 8410.
//! Tells us: digest, names, validity, key, extensions of use. Does not tell: whether any signature is good; nothing is verified here.

use crate::context::{Context, Saying};
use crate::der::{self, BIT_STRING, BOOLEAN, Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, cut_element, element, elements, tagged};
use crate::dissector::DissectError;
use crate::dn;
use crate::pki;
use observations::value::hex;
use observations::{Field, Kind, Subject, Value};
use sha2::{Digest, Sha256};
use std::net::IpAddr;

mod names;
mod proof;

pub(crate) use names::is_for;
pub(crate) use proof::scheme;

/// Alternative names of one certificate that are said: devices have a few; the hundreds of shared web hosts name no device here.
const NAMES_MAX: usize = 16;

/// How a certificate was shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shown {
    /// `server` or `client`, if that is known.
    pub(crate) role: Option<&'static str>,
    /// Its place in the chain; 0 is the presenter's own.
    pub(crate) position: u64,
}

/// Whether bytes may be a certificate: a SEQUENCE that holds a SEQUENCE, as long as it says or cut.
pub(crate) fn looks_like(bytes: &[u8]) -> bool {
    let inner = cut_element(bytes).ok().filter(|(_, outer)| outer.tag == SEQUENCE).map(|(_, outer)| outer.body);
    inner.and_then(|inner| cut_element(inner).ok()).is_some_and(|(_, inner)| inner.tag == SEQUENCE)
}

/// Says what a certificate holds, about who presents it. `whole` says that no byte of it is missing: only then it has a digest.
///
/// # Errors
/// Where it breaks its form; what was read before stands.
pub(crate) fn say(cx: &mut Context<'_>, about: &Subject, bytes: &[u8], shown: Shown, whole: bool) -> Result<(), DissectError> {
    let certificate = read(bytes);
    let mut saying = cx.say(about, Kind::Certificate);
    if whole {
        saying = saying.decoded(Field::CertificateSha256, &Value::Bytes(Sha256::digest(bytes).to_vec()), bytes, "sha256");
    }
    saying = saying.maybe(shown.role, |saying, role| saying.implied(Field::CertificateRole, &Value::Text(role.into())));
    saying = saying.implied(Field::ChainPosition, &Value::Number(shown.position));
    fields(saying, &certificate, whole);
    match certificate.extensions {
        Some(_) => Ok(()),
        None if whole => Err(DissectError::Malformed { rule: "certificate", offset: 0 }),
        None => Err(DissectError::Truncated { needed: 1 }),
    }
}

/// RFC 5280 §4.1, in the order of the wire; what could not be read is missing.
#[derive(Default)]
struct Certificate<'a> {
    version: Option<Element<'a>>,
    serial: Option<Element<'a>>,
    signature: Option<Element<'a>>,
    issuer: Option<Element<'a>>,
    not_before: Option<Element<'a>>,
    not_after: Option<Element<'a>>,
    subject: Option<Element<'a>>,
    key: Option<Element<'a>>,
    /// What is signed, and the signature.
    signed: &'a [u8],
    value: &'a [u8],
    /// Nothing if reading ended before; empty where a certificate has none.
    extensions: Option<&'a [u8]>,
}

fn read(bytes: &[u8]) -> Certificate<'_> {
    let mut certificate = Certificate::default();
    // The failure shows as what is missing.
    let _ = to_be_signed(bytes, &mut certificate);
    certificate
}

fn to_be_signed<'a>(bytes: &'a [u8], out: &mut Certificate<'a>) -> nom::IResult<&'a [u8], ()> {
    /// §4.1: EXPLICIT [0].
    const VERSION: u8 = 0xa0;
    /// §4.1: EXPLICIT [3].
    const EXTENSIONS: u8 = 0xa3;
    let (_, outer) = cut_element(bytes)?;
    let (_, inner) = cut_element(outer.body)?;
    out.signed = inner.whole;
    out.value = proof::value(outer.body).unwrap_or_default();
    let mut i = inner.body;
    let (rest, first) = element(i)?;
    if first.tag == VERSION {
        out.version = elements(first.body).next();
        i = rest;
    }
    (i, out.serial) = tagged(INTEGER)(i).map(|(i, found)| (i, Some(found)))?;
    (i, out.signature) = tagged(SEQUENCE)(i).map(|(i, found)| (i, Some(found)))?;
    (i, out.issuer) = tagged(SEQUENCE)(i).map(|(i, found)| (i, Some(found)))?;
    let (rest, validity) = tagged(SEQUENCE)(i)?;
    let mut times = elements(validity.body);
    (out.not_before, out.not_after) = (times.next(), times.next());
    (i, out.subject) = tagged(SEQUENCE)(rest).map(|(i, found)| (i, Some(found)))?;
    (i, out.key) = tagged(SEQUENCE)(i).map(|(i, found)| (i, Some(found)))?;
    let mut extensions: &[u8] = &[];
    while !i.is_empty() {
        let (rest, found) = element(i)?;
        if found.tag == EXTENSIONS {
            extensions = elements(found.body).next().map_or(&[], |list| list.body);
        }
        i = rest;
    }
    out.extensions = Some(extensions);
    Ok((i, ()))
}

fn fields(saying: Saying<'_, '_>, certificate: &Certificate<'_>, whole: bool) {
    let mut saying = saying
        .maybe(certificate.version, |saying, version| match version.body {
            // §4.1.2.1: version 3 is written 2; version 1 is not written.
            &[number] => saying.decoded(Field::CertificateVersion, &Value::Number(u64::from(number) + 1), version.body, "plus-one"),
            _ => saying,
        })
        .maybe(certificate.serial, |saying, number| saying.bytes(Field::CertificateSerial, serial(number.body)))
        .maybe(certificate.signature.and_then(|algorithm| oid(algorithm.body)), |saying, (dotted, at)| {
            saying.decoded(Field::SignatureAlgorithm, &dotted, at, "ber-oid")
        })
        .maybe(certificate.issuer, |saying, issuer| named(saying, Field::CertificateIssuer, &issuer))
        .maybe(certificate.not_before, |saying, time| dated(saying, Field::NotBefore, &time))
        .maybe(certificate.not_after, |saying, time| dated(saying, Field::NotAfter, &time))
        .maybe(certificate.subject, |saying, subject| named(saying, Field::CertificateSubject, &subject));
    if let Some(subject) = certificate.subject {
        saying = attribute(saying, Field::CertificateOrganization, subject.body, dn::ORGANIZATION);
        saying = attribute(saying, Field::CertificateCommonName, subject.body, dn::COMMON_NAME);
        saying = attribute(saying, Field::SubjectSerialNumber, subject.body, dn::SERIAL_NUMBER);
    }
    if let (Some(subject), Some(issuer)) = (certificate.subject, certificate.issuer) {
        let same = u64::from(subject.whole == issuer.whole);
        saying = saying.decoded(Field::SelfSigned, &Value::Number(same), subject.whole, "subject-equals-issuer");
    }
    if let Some(key) = certificate.key {
        saying = public_key(saying, &key);
    }
    saying = limits(saying, certificate.extensions.unwrap_or_default());
    if whole {
        saying = proof::say(saying, certificate);
    }
    // Last, because they are many: what does not fit is theirs.
    alternative_names(saying, certificate.extensions.unwrap_or_default());
}

/// X.690 §8.3: a leading zero only keeps the number positive.
pub(crate) fn serial(body: &[u8]) -> &[u8] {
    match body {
        [0, number @ ..] if !number.is_empty() => number,
        number => number,
    }
}

/// A certificate that lies in a file; nothing if its key cannot be read.
pub(crate) fn stored(bytes: &[u8]) -> Option<pki::Certificate> {
    let (_, whole) = element(bytes).ok()?;
    let certificate = read(whole.whole);
    let key_id = extension(certificate.extensions?, SUBJECT_KEY).and_then(|value| elements(value).next());
    Some(pki::Certificate {
        sha256: Sha256::digest(whole.whole).to_vec(),
        subject: dn::text(certificate.subject?.body),
        serial: serial(certificate.serial?.body).to_vec(),
        key_id: key_id.map(|id| id.body.to_vec()),
        public_key: certificate.key?.whole.to_vec(),
        not_after: certificate.not_after.and_then(|time| der::seconds(&time)),
    })
}

/// The first object identifier of an AlgorithmIdentifier (§4.1.1.2) or a list, dotted.
fn oid(body: &[u8]) -> Option<(Value, &[u8])> {
    let first = elements(body).next().filter(|first| first.tag == OBJECT_IDENTIFIER)?;
    Some((Value::Text(der::dotted(first.body)?.into_bytes()), first.body))
}

fn named<'s, 'a>(saying: Saying<'s, 'a>, field: Field, name: &Element<'_>) -> Saying<'s, 'a> {
    match dn::text(name.body) {
        // An empty name is allowed (§4.1.2.6) and says nothing.
        text if text.is_empty() => saying,
        text => saying.decoded(field, &Value::Text(text), name.whole, "rfc4514"),
    }
}

fn dated<'s, 'a>(saying: Saying<'s, 'a>, field: Field, time: &Element<'_>) -> Saying<'s, 'a> {
    saying.maybe(der::seconds(time), |saying, seconds| saying.decoded(field, &Value::Time(seconds), time.body, "asn1-time"))
}

/// The most specific attribute of a type: the last.
fn attribute<'s, 'a>(saying: Saying<'s, 'a>, field: Field, name: &[u8], kind: &[u8]) -> Saying<'s, 'a> {
    let found = dn::attributes(name).map(|(_, attribute)| attribute).filter(|attribute| attribute.kind == kind).last();
    match found {
        Some(found) if found.is_plain() => saying.text(field, found.value.body),
        Some(found) => saying.maybe(found.text(), |saying, text| saying.decoded(field, &Value::Text(text), found.value.body, "utf-16be")),
        None => saying,
    }
}

/// §4.1.2.7: algorithm, then the key as a BIT STRING.
fn public_key<'s, 'a>(saying: Saying<'s, 'a>, key: &Element<'_>) -> Saying<'s, 'a> {
    let digest = Value::Bytes(Sha256::digest(key.whole).to_vec());
    let saying = saying.decoded(Field::SpkiSha256, &digest, key.whole, "sha256");
    let mut parts = elements(key.body);
    let (Some(algorithm), Some(value)) = (parts.next(), parts.next()) else { return saying };
    let parameter = elements(algorithm.body).nth(1);
    let curve = parameter.filter(|parameter| parameter.tag == OBJECT_IDENTIFIER);
    let Some((dotted, at)) = oid(algorithm.body) else { return saying };
    let size = size(at, parameter, &value);
    saying
        .decoded(Field::KeyAlgorithm, &dotted, at, "ber-oid")
        .maybe(curve.and_then(|curve| Some((der::dotted(curve.body)?, curve.body))), |saying, (dotted, at)| {
            saying.decoded(Field::KeyParameters, &Value::Text(dotted.into_bytes()), at, "ber-oid")
        })
        .maybe(size, |saying, (bits, at, how)| saying.decoded(Field::KeyBits, &Value::Number(bits), at, how))
}

/// RFC 3279 §2.3.1, rsaEncryption.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
/// RFC 4055 §1.2, id-RSASSA-PSS.
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
/// RFC 3279 §2.3.2, id-dsa.
const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1];
/// RFC 5480 §2.1.1.1, RFC 5639 §4.1, SEC 2: curves with the size of their field; RFC 8410 §3: algorithms with one size.
const SIZES: &[(&[u8], u64)] = &[
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 1], 192), // secp192r1
    (&[0x2b, 0x81, 4, 0, 33], 224),                  // secp224r1
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], 256), // secp256r1
    (&[0x2b, 0x81, 4, 0, 10], 256),                  // secp256k1
    (&[0x2b, 0x81, 4, 0, 34], 384),                  // secp384r1
    (&[0x2b, 0x81, 4, 0, 35], 521),                  // secp521r1
    (&[0x2b, 0x24, 3, 3, 2, 8, 1, 1, 7], 256),       // brainpoolP256r1
    (&[0x2b, 0x24, 3, 3, 2, 8, 1, 1, 11], 384),      // brainpoolP384r1
    (&[0x2b, 0x24, 3, 3, 2, 8, 1, 1, 13], 512),      // brainpoolP512r1
    (&[0x2b, 0x65, 0x70], 256),                      // Ed25519
    (&[0x2b, 0x65, 0x71], 456),                      // Ed448
];

/// The key's size in bits, the bytes that tell it, and how.
fn size<'a>(algorithm: &'a [u8], parameter: Option<Element<'a>>, key: &Element<'a>) -> Option<(u64, &'a [u8], &'static str)> {
    let known = |oid: &'a [u8]| SIZES.iter().find(|row| row.0 == oid).map(|row| (row.1, oid, "size-of-curve"));
    match algorithm {
        RSA | RSA_PSS => {
            // X.690 §8.6.2: the first octet counts unused bits. RFC 8017 §A.1.1: modulus, exponent.
            let bits = key.body.split_first().filter(|_| key.tag == BIT_STRING)?.1;
            let modulus = elements(elements(bits).next()?.body).next().filter(|modulus| modulus.tag == INTEGER)?;
            Some((der::bits(modulus.body), modulus.body, "bit-length"))
        }
        DSA => elements(parameter?.body).next().map(|prime| (der::bits(prime.body), prime.body, "bit-length")),
        _ => known(algorithm).or_else(|| known(parameter?.body)),
    }
}

/// §4.2.1: the contents of an extension whose identifier is 2.5.29 and this number.
pub(crate) fn extension(extensions: &[u8], number: u8) -> Option<&[u8]> {
    elements(extensions).find_map(|extension| {
        let mut parts = elements(extension.body);
        parts.next().filter(|id| id.tag == OBJECT_IDENTIFIER && id.body == [0x55, 29, number])?;
        parts.find(|part| part.tag == OCTET_STRING).map(|value| value.body)
    })
}

/// §4.2.1.2.
const SUBJECT_KEY: u8 = 14;

/// §4.2.1.1: the key's identifier in an AuthorityKeyIdentifier.
pub(crate) fn key_identifier(value: &[u8]) -> Option<&[u8]> {
    /// [0] IMPLICIT.
    const KEY_IDENTIFIER: u8 = 0x80;
    let list = elements(value).next()?;
    elements(list.body).find(|part| part.tag == KEY_IDENTIFIER).map(|part| part.body)
}

/// Key identifiers (§4.2.1.1, §4.2.1.2), basic constraints (§4.2.1.9) and purposes (§4.2.1.12).
fn limits<'s, 'a>(saying: Saying<'s, 'a>, extensions: &[u8]) -> Saying<'s, 'a> {
    const BASIC_CONSTRAINTS: u8 = 19;
    const AUTHORITY_KEY: u8 = 35;
    const PURPOSES: u8 = 37;
    let inside = |number| extension(extensions, number).and_then(|value| elements(value).next());
    let authority = extension(extensions, AUTHORITY_KEY).and_then(key_identifier);
    let purposes = inside(PURPOSES).map(|list| {
        let dotted = elements(list.body).filter_map(|purpose| der::dotted(purpose.body)).collect::<Vec<_>>();
        (Value::Text(dotted.join(",").into_bytes()), list.body)
    });
    saying
        .maybe(inside(BASIC_CONSTRAINTS), |saying, list| {
            let is_ca = elements(list.body).next().is_some_and(|flag| flag.tag == BOOLEAN && flag.body != [0]);
            saying.decoded(Field::IsCa, &Value::Number(u64::from(is_ca)), list.whole, "basic-constraints")
        })
        .maybe(inside(SUBJECT_KEY), |saying, key| saying.bytes(Field::SubjectKeyId, key.body))
        .maybe(authority, |saying, key| saying.bytes(Field::IssuerSpkiKeyId, key))
        .maybe(purposes, |saying, (dotted, at)| saying.decoded(Field::KeyPurposes, &dotted, at, "ber-oid"))
}

fn alternative_names(mut saying: Saying<'_, '_>, extensions: &[u8]) {
    const SUBJECT_ALTERNATIVE_NAME: u8 = 17;
    let Some(list) = extension(extensions, SUBJECT_ALTERNATIVE_NAME).and_then(|value| elements(value).next()) else { return };
    for (text, at) in elements(list.body).filter_map(|name| alternative_name(&name)).take(NAMES_MAX) {
        saying = saying.decoded(Field::SubjectAltName, &Value::Text(text), at, "general-name");
    }
}

/// §4.2.1.6 GeneralName. E-mail addresses (and names by other forms than these) are left out: they are people.
fn alternative_name<'a>(name: &Element<'a>) -> Option<(Vec<u8>, &'a [u8])> {
    const OTHER: u8 = 0xa0;
    const DNS: u8 = 0x82;
    const URI: u8 = 0x86;
    const IP: u8 = 0x87;
    let text = match name.tag {
        DNS => [b"dns:", name.body].concat(),
        // A URI may carry credentials before the host (RFC 3986 §3.2.1).
        URI if !name.body.contains(&b'@') => [b"uri:", name.body].concat(),
        IP => format!("ip:{}", address(name.body)?).into_bytes(),
        OTHER => hardware_module(name.body)?.into_bytes(),
        _ => return None,
    };
    Some((text, name.body))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// RFC 4108 §5: hardware type, then serial number; IEEE 802.1AR puts it into device identities.
fn hardware_module(other: &[u8]) -> Option<String> {
    /// id-on-hardwareModuleName, 1.3.6.1.5.5.7.8.4.
    const HARDWARE_MODULE_NAME: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 8, 4];
    let (rest, kind) = element(other).ok()?;
    if kind.body != HARDWARE_MODULE_NAME {
        return None;
    }
    let (_, explicit) = element(rest).ok()?;
    let (_, module) = element(explicit.body).ok()?;
    let mut parts = elements(module.body);
    let hardware = der::dotted(parts.next()?.body)?;
    let serial = parts.next()?.body;
    let printable = !serial.is_empty() && serial.iter().all(|byte| (0x21..0x7f).contains(byte));
    let serial = if printable { String::from_utf8_lossy(serial).into_owned() } else { format!("#{}", hex(serial)) };
    Some(format!("other:hardwareModuleName:{hardware}:{serial}"))
}

#[cfg(test)]
pub(crate) mod tests;
