//! What is read of certificates, and what is not.

use super::*;
use crate::dissectors::DISSECTORS;
use crate::testing::field;

/// One element, with a length of one, two or three octets.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let [.., high, low] = body.len().to_be_bytes();
    let length: &[u8] = match body.len() {
        ..0x80 => &[low],
        0x80..0x100 => &[0x81, low],
        _ => &[0x82, high, low],
    };
    [&[tag][..], length, &body].concat()
}

fn relative(kind: u8, tag: u8, text: &[u8]) -> Vec<u8> {
    der(0x31, &[&der(0x30, &[&der(0x06, &[&[0x55, 4, kind]]), &der(tag, &[text])])])
}

fn extension_of(number: u8, critical: bool, value: &[u8]) -> Vec<u8> {
    let flag: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    der(0x30, &[&[0x06, 3, 0x55, 29, number], flag, &der(0x04, &[value])])
}

/// A device identity as IEEE 802.1AR describes it, made up.
pub(crate) fn certificate() -> Vec<u8> {
    let names = der(
        0x30,
        &[
            &der(0x82, &[b"plc-7.plant.example"]),
            &der(0x87, &[&[10, 77, 0, 7]]),
            &der(0x81, &[b"someone@plant.example"]),
            &der(0x86, &[b"urn:plant:plc-7"]),
            &der(
                0xa0,
                &[
                    &[0x06, 8, 0x2b, 6, 1, 5, 5, 7, 8, 4], // id-on-hardwareModuleName
                    &der(0xa0, &[&der(0x30, &[&[0x06, 3, 0x2a, 3, 4], &der(0x04, &[b"S7-0042"])])]),
                ],
            ),
        ],
    );
    let extensions = der(
        0x30,
        &[
            &extension_of(17, false, &names),
            &extension_of(19, true, &[0x30, 0]),
            &extension_of(14, false, &[0x04, 4, 1, 2, 3, 4]),
            &extension_of(35, false, &[0x30, 6, 0x80, 4, 5, 6, 7, 8]),
            &extension_of(37, false, &[0x30, 10, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1]), // serverAuth
        ],
    );
    let modulus = [&[0u8, 0xc5][..], &[0x11; 127]].concat();
    let key = der(0x30, &[&der(0x02, &[&modulus]), &[0x02, 3, 1, 0, 1]]);
    let to_be_signed = der(
        0x30,
        &[
            &[0xa0, 3, 0x02, 1, 2],                                                     // version 3
            &[0x02, 3, 0, 0x9a, 1],                                                     // serial number
            &[0x30, 13, 0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5, 0x05, 0], // sha1WithRSAEncryption
            &der(0x30, &[&relative(10, 0x0c, b"Plant CA")]),                            // issuer
            &der(0x30, &[&der(0x17, &[b"240229120000Z"]), &der(0x18, &[b"99991231235959Z"])]),
            &der(0x30, &[&relative(10, 0x13, b"Example Works"), &relative(3, 0x0c, b"plc-7"), &relative(5, 0x13, b"0042")]),
            &der(0x30, &[&[0x30, 13, 0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 0x05, 0], &der(0x03, &[&[0], &key])]),
            &der(0xa3, &[&extensions]),
        ],
    );
    der(0x30, &[&to_be_signed, &[0x30, 2, 0x05, 0], &[0x03, 2, 0, 0]])
}

/// Reads a certificate as the TLS server's own, in a handshake record.
fn shown(bytes: &[u8]) -> Vec<observations::Observation> {
    let tls = DISSECTORS.iter().find(|row| row.row().name == "tls").unwrap();
    let sized = |body: &[u8]| [&u32::try_from(body.len()).unwrap().to_be_bytes()[1..], body].concat();
    let message = [&[11][..], &sized(&sized(&sized(bytes)))].concat();
    let record = [&[22, 3, 3][..], &u16::try_from(message.len()).unwrap().to_be_bytes(), &message].concat();
    crate::testing::answer(*tls, &record)
}

#[test]
fn a_device_s_identity_is_read_whole() {
    let bytes = certificate();
    let said = shown(&bytes);
    let one = |name| field(&said, Kind::Certificate, name).join(" | ");
    assert_eq!(one(Field::CertificateSha256), hex(&Sha256::digest(&bytes)));
    assert_eq!(one(Field::CertificateVersion), "3");
    assert_eq!(one(Field::CertificateSerial), "9a01");
    assert_eq!(one(Field::SignatureAlgorithm), "1.2.840.113549.1.1.5");
    assert_eq!(one(Field::CertificateIssuer), "O=Plant CA");
    assert_eq!(one(Field::NotBefore), "1709208000");
    assert_eq!(one(Field::NotAfter), "253402300799");
    assert_eq!(one(Field::CertificateSubject), "serialNumber=0042,CN=plc-7,O=Example Works");
    assert_eq!(one(Field::CertificateCommonName), "plc-7");
    assert_eq!(one(Field::CertificateOrganization), "Example Works");
    assert_eq!(one(Field::SubjectSerialNumber), "0042");
    assert_eq!(one(Field::SelfSigned), "0");
    assert_eq!((one(Field::KeyAlgorithm).as_str(), one(Field::KeyBits).as_str()), ("1.2.840.113549.1.1.1", "1024"));
    assert_eq!((one(Field::SubjectKeyId).as_str(), one(Field::IssuerSpkiKeyId).as_str()), ("01020304", "05060708"));
    assert_eq!((one(Field::IsCa).as_str(), one(Field::KeyPurposes).as_str()), ("0", "1.3.6.1.5.5.7.3.1"));
    assert_eq!((one(Field::CertificateRole).as_str(), one(Field::ChainPosition).as_str()), ("server", "0"));
}

#[test]
fn alternative_names_are_said_but_for_people_s() {
    let said = shown(&certificate());
    let names = field(&said, Kind::Certificate, Field::SubjectAltName);
    assert_eq!(names, ["dns:plc-7.plant.example", "ip:10.77.0.7", "uri:urn:plant:plc-7", "other:hardwareModuleName:1.2.3.4:S7-0042"]);
}

#[test]
fn a_curve_tells_the_key_s_size() {
    const P521: &[u8] = &[0x06, 5, 0x2b, 0x81, 4, 0, 35];
    let algorithm = der(0x30, &[&[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], P521]);
    let bits = der(0x03, &[&[0, 4], &[7; 132]]);
    let (_, parameter) = element(P521).unwrap();
    let (_, key) = element(&bits).unwrap();
    assert_eq!(size(&algorithm[4..11], Some(parameter), &key).map(|size| size.0), Some(521));
}

#[test]
fn a_certificate_that_breaks_off_keeps_what_came_before() {
    let mut bytes = certificate();
    // The subject's tag is no SEQUENCE: what follows it cannot be read.
    let subject = bytes.windows(4).position(|window| window == [0x31, 22, 0x30, 20]).unwrap() - 2;
    bytes[subject] = 0x05;
    let said = shown(&bytes);
    assert_eq!(field(&said, Kind::Certificate, Field::CertificateIssuer), ["O=Plant CA"]);
    assert_eq!(field(&said, Kind::Certificate, Field::NotBefore), ["1709208000"]);
    assert_eq!(field(&said, Kind::Certificate, Field::CertificateSha256).len(), 1);
    assert!(field(&said, Kind::Certificate, Field::CertificateSubject).is_empty());
    assert!(field(&said, Kind::Certificate, Field::SelfSigned).is_empty());
}

#[test]
fn bytes_of_another_form_are_no_certificate() {
    assert!(!looks_like(b"-----BEGIN CERTIFICATE-----"));
    assert!(!looks_like(&[0x30, 3, 2, 1, 0]));
    assert!(!looks_like(&[]));
}
