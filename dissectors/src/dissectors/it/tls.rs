//! TLS and SSL: who a server proves to be, what a client's software offers, and how well a conversation is protected.
//!
//! Spec: RFC 5246 and RFC 8446 (TLS 1.2 and 1.3), RFC 6101 (SSL 3.0), RFC 5246 §E.2 (ClientHello in the form of SSL 2.0).
//! Tells us: certificates of both sides (up to TLS 1.2) and what each side signs to prove that it holds its key, version, cipher suite,
//! server name, JA3 and JA4, whether clients must show who they are. Does not tell: certificates of TLS 1.3, which are encrypted; whether
//! a signature is good.

use super::tls_handshake::{CLIENT_HELLO, SERVER_HELLO};
use super::tls_record::{CHANGE_CIPHER_SPEC, HANDSHAKE, HEADER, HEARTBEAT, MESSAGE_HEADER, RECORD_END, State, record};
use super::tls_ssl2 as ssl2;
use crate::context::Context;
use crate::dissector::Binding::{self, Tcp, Under};
use crate::dissector::{At, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use observations::Transport;

pub(crate) struct Tls;

/// IANA's service names: https, submissions, ldaps, mbap-s, domain-s, ftps, telnets, imaps, pop3s, radsec, msft-gc-ssl, DoIP, ICCP (IEC
/// 62351-4), opcua-tls, foxs, sips, amqps, wsmans, netconf-tls, syslog-tls, ADS, mqtts, IEC 104 and DNP3 (IEC 62351-3).
const BINDINGS: &[Binding] = &[
    Tcp(443),
    Tcp(465),
    Tcp(636),
    Tcp(802),
    Tcp(853),
    Tcp(989),
    Tcp(990),
    Tcp(992),
    Tcp(993),
    Tcp(995),
    Tcp(2083),
    Tcp(2221),
    Tcp(3269),
    Tcp(3496),
    Tcp(3782),
    Tcp(4843),
    Tcp(4911),
    Tcp(5061),
    Tcp(5671),
    Tcp(5684),
    Tcp(5986),
    Tcp(6513),
    Tcp(6514),
    Tcp(8016),
    Tcp(8443),
    Tcp(8883),
    Tcp(9443),
    Tcp(19998),
    Tcp(19999),
    // After STARTTLS and inside EAP: whoever carries records hands them on as layer "tls".
    Under("tls", 0),
];

impl Dissector for Tls {
    type State = State;

    const ROW: Row = Row {
        name: "tls",
        revision: 3,
        spec: "RFC 5246, RFC 8446, RFC 6101",
        tells: "certificates, versions and cipher suites, server names, JA3 and JA4, mutual authentication",
        bindings: BINDINGS,
        shapes: &[
            // A handshake record with a ClientHello or a ServerHello, whose length is below 64 KiB.
            Shape {
                over: Transport::Tcp,
                bytes: &[(0, 0xff, HANDSHAKE), (1, 0xff, 3), (2, 0xf8, 0), (5, 0xff, CLIENT_HELLO), (6, 0xff, 0), (9, 0xff, 3)],
                min: HEADER + MESSAGE_HEADER + 2,
                max: usize::MAX,
            },
            Shape {
                over: Transport::Tcp,
                bytes: &[(0, 0xff, HANDSHAKE), (1, 0xff, 3), (2, 0xf8, 0), (5, 0xff, SERVER_HELLO), (6, 0xff, 0), (9, 0xff, 3)],
                min: HEADER + MESSAGE_HEADER + 2,
                max: usize::MAX,
            },
            Shape { over: Transport::Tcp, bytes: &[(0, 0x80, 0x80), (2, 0xff, ssl2::CLIENT_HELLO), (3, 0xfc, 0), (4, 0xfc, 0)], min: 11, max: 512 },
        ],
        operations: &[],
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        if ssl2::begins(head) {
            return Gate::Mine;
        }
        let Some((record, rest)) = record(head) else {
            let possible = head.iter().zip([0xfc, 0xff, 0xf8]).zip([HANDSHAKE & 0xfc, 3, 0]).all(|((byte, mask), want)| byte & mask == want);
            return if possible && head.len() < HEADER { Gate::More } else { Gate::NotMine };
        };
        let whole = rest.is_none_or(|rest| rest.len() < HEADER || self::record(rest).is_some());
        if !whole || !record.is_sound() {
            return Gate::NotMine;
        }
        // On an unusual port, and handed on by another protocol, a record must show what it is.
        let bound = BINDINGS.iter().any(|binding| *binding == Tcp(at.src_port) || *binding == Tcp(at.dst_port));
        if bound { Gate::Mine } else { record.shows_itself() }
    }

    fn side(&self, head: &[u8]) -> Side {
        if ssl2::begins(head) {
            return if head.get(2) == Some(&ssl2::CLIENT_HELLO) { Side::Client } else { Side::Server };
        }
        match record(head).filter(|(record, _)| record.kind == HANDSHAKE).and_then(|(record, _)| record.body.first()) {
            Some(&CLIENT_HELLO) => Side::Client,
            Some(&SERVER_HELLO) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        if let Some(framing) = ssl2::frame(head) {
            return framing;
        }
        match head.first_chunk::<HEADER>() {
            Some(&[kind, 3, 0..=7, high, low]) if (CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&kind) => {
                let len = HEADER + usize::from(u16::from_be_bytes([high, low]));
                match len {
                    // What is not handshake is only known by its type.
                    ..=RECORD_END => Framing::Pdu { len, want: if kind == HANDSHAKE { len } else { HEADER } },
                    _ => Framing::Lost,
                }
            }
            None => Framing::Need(HEADER),
            Some(_) => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        // One record of each kind and direction tells how far the handshake is; only handshake records hold more.
        match head.first() {
            Some(&HANDSHAKE) => Glance::READ,
            Some(&kind) => Glance { look: Look::Once(u32::from(kind) << 1 | u32::from(at.from_client == Some(false))), ..Glance::SKIP },
            None => Glance::SKIP,
        }
    }

    fn read(&self, pdu: &[u8], state: &mut State, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if ssl2::begins(pdu) {
            state.ssl2(ssl2::read(pdu, cx)?);
            return Ok(state.next(cx));
        }
        // The engine hands over one record; who hands on from another protocol may have several.
        let mut rest = pdu;
        while let Some((record, next)) = record(rest) {
            state.record(&record, cx)?;
            match next {
                Some(next) => rest = next,
                None => break,
            }
        }
        Ok(state.next(cx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, conversation, field, gate, payload, read_cut, request};
    use observations::{Field, Kind};

    const CLIENT: &[u8] = &[
        22, 3, 1, 0, 0x75, // handshake, TLS 1.0, 117 bytes
        1, 0, 0, 0x71, // ClientHello, 113 bytes
        3, 3, // TLS 1.2
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, // random
        0,  // no session
        0, 8, 0x1a, 0x1a, 0x13, 0x01, 0xc0, 0x2f, 0x00, 0x2f, // cipher suites, one of GREASE
        1, 0, // no compression
        0, 0x40, // 64 bytes of extensions
        0, 0, 0, 12, 0, 10, 0, 0, 7, b'p', b'l', b'c', b'.', b'l', b'a', b'n', // server name
        0, 10, 0, 4, 0, 2, 0, 0x17, // groups
        0, 11, 0, 2, 1, 0, // point formats
        0, 13, 0, 6, 0, 4, 4, 3, 8, 4, // signature algorithms
        0, 16, 0, 11, 0, 9, 8, b'h', b't', b't', b'p', b'/', b'1', b'.', b'1', // ALPN
        0, 43, 0, 5, 4, 3, 4, 3, 3, // versions 1.3 and 1.2
    ];

    const SERVER: &[u8] = &[
        22, 3, 3, 0, 0x2a, // handshake
        2, 0, 0, 0x26, // ServerHello
        3, 3, // TLS 1.2
        9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, // random
        0, // no session
        0xc0, 0x2f, // ECDHE_RSA_WITH_AES_128_GCM_SHA256
        0,    // no compression
    ];

    fn record(messages: &[u8]) -> Vec<u8> {
        [&[22, 3, 3][..], &u16::try_from(messages.len()).unwrap().to_be_bytes(), messages].concat()
    }

    fn sized(body: &[u8]) -> Vec<u8> {
        [&u32::try_from(body.len()).unwrap().to_be_bytes()[1..], body].concat()
    }

    fn chain() -> Vec<u8> {
        let certificate = sized(&crate::x509::tests::certificate());
        [&[11][..], &sized(&sized(&[certificate.clone(), certificate].concat()))].concat()
    }

    #[test]
    fn a_client_s_hello_shows_its_software_and_whom_it_asks_for() {
        let said = request(&Tls, CLIENT);
        assert_eq!(field(&said, Kind::Client, Field::TlsVersion), ["772"]);
        assert_eq!(field(&said, Kind::Client, Field::TlsServerName), ["plc.lan"]);
        assert_eq!(field(&said, Kind::Client, Field::TlsAlpn), ["http/1.1"]);
        assert_eq!(field(&said, Kind::Client, Field::Ja3), ["01345f48f8dd6f57270ef98d51d6b89e"]);
        assert_eq!(field(&said, Kind::Client, Field::Ja4)[0], "t13d0306h1_54093f43ad55_fb71836bce29");
        assert!(said.iter().filter(|said| said.protocol == "tls").all(|said| said.about.endpoint.is_none() && said.of_itself()));
    }

    #[test]
    fn our_reading_of_a_hello_is_tls_parser_s() {
        let (_, theirs) = tls_parser::parse_tls_handshake_client_hello(&CLIENT[9..]).unwrap();
        assert_eq!((theirs.version.0, theirs.ciphers.len(), theirs.ext.map(<[u8]>::len)), (0x0303, 4, Some(64)));
        let (rest, theirs) = tls_parser::parse_tls_extensions(theirs.ext.unwrap()).unwrap();
        assert_eq!((rest.len(), theirs.len()), (0, 6));
    }

    #[test]
    fn a_server_s_hello_shows_what_protects_the_conversation() {
        let said = answer(&Tls, SERVER);
        assert_eq!(field(&said, Kind::Security, Field::TlsVersion), ["771"]);
        assert_eq!(field(&said, Kind::Security, Field::TlsCipherSuite), ["49199"]);
        assert_eq!(said.iter().find(|said| said.kind == Kind::Security).and_then(|said| said.about.endpoint).map(|at| at.port), Some(443));
    }

    #[test]
    fn the_selected_version_stands_in_an_extension() {
        let mut hello = SERVER.to_vec();
        hello.extend_from_slice(&[0, 6, 0, 43, 0, 2, 3, 4]);
        (hello[4], hello[8]) = (0x32, 0x2e);
        let said = answer(&Tls, &hello);
        assert_eq!(field(&said, Kind::Security, Field::TlsVersion), ["772"]);
    }

    #[test]
    fn a_chain_and_a_request_in_one_record_are_read() {
        let messages = [&chain()[..], &[13, 0, 0, 8, 2, 1, 64, 0, 2, 4, 1, 0], &[14, 0, 0, 0]].concat();
        let said = conversation(&Tls, Transport::Tcp, &[(50000, 443, CLIENT), (443, 50000, SERVER), (443, 50000, &record(&messages))]);
        assert_eq!(field(&said, Kind::Certificate, Field::CertificateCommonName), ["plc-7", "plc-7"]);
        let mut positions = field(&said, Kind::Certificate, Field::ChainPosition);
        positions.sort();
        assert_eq!(positions, ["0", "1"]);
        assert_eq!(field(&said, Kind::Security, Field::TlsClientAuth), ["1"]);
    }

    #[test]
    fn a_message_over_several_records_is_put_together_with_its_places() {
        let messages = chain();
        let records: Vec<Vec<u8>> = messages.chunks(300).map(record).collect();
        let mut payloads: Vec<(u16, u16, &[u8])> = vec![(50000, 443, CLIENT), (443, 50000, SERVER)];
        payloads.extend(records.iter().map(|record| (443, 50000, &record[..])));
        let said = conversation(&Tls, Transport::Tcp, &payloads);
        let first = said.iter().find(|said| said.get(Field::ChainPosition).and_then(observations::Value::number) == Some(0)).unwrap();
        assert_eq!(first.fields[0].field, Field::CertificateSha256);
        let digest = &first.fields_first[0];
        assert_eq!(digest.derivation.as_deref(), Some("tls-records sha256"));
        assert!(digest.spans.len() >= 2);
        assert_eq!(digest.spans.iter().map(|span| span.length as usize).sum::<usize>(), crate::x509::tests::certificate().len());
        // Message header, length of the list and of the first: ten bytes into the third payload's record.
        assert_eq!((digest.spans[0].packet, digest.spans[0].offset), (3, 15));
    }

    #[test]
    fn a_client_s_certificate_is_about_its_host() {
        let messages = record(&chain());
        let said = conversation(&Tls, Transport::Tcp, &[(50000, 443, CLIENT), (443, 50000, SERVER), (50000, 443, &messages)]);
        assert!(field(&said, Kind::Certificate, Field::CertificateRole).iter().all(|role| role == "client"));
        assert!(said.iter().filter(|said| said.kind == Kind::Certificate).all(|said| said.about.endpoint.is_none()));
    }

    #[test]
    fn what_follows_a_change_of_cipher_is_not_read() {
        let change = [&[20, 3, 3, 0, 1, 1][..], &record(&chain())].concat();
        let said = conversation(&Tls, Transport::Tcp, &[(50000, 443, CLIENT), (443, 50000, SERVER), (443, 50000, &change)]);
        assert!(field(&said, Kind::Certificate, Field::CertificateSha256).is_empty());
    }

    #[test]
    fn a_hello_that_the_capture_cut_keeps_its_names_and_has_no_fingerprint() {
        let said = read_cut(&Tls, true, &CLIENT[..CLIENT.len() - 20]);
        assert_eq!(field(&said, Kind::Client, Field::TlsServerName), ["plc.lan"]);
        assert!(field(&said, Kind::Client, Field::TlsVersion).is_empty());
        assert!(field(&said, Kind::Client, Field::Ja4).is_empty());
    }

    #[test]
    fn a_chain_that_the_capture_cut_has_no_digest_of_its_last() {
        let whole = record(&chain());
        let said = read_cut(&Tls, false, &whole[..whole.len() - 300]);
        assert_eq!(field(&said, Kind::Certificate, Field::CertificateSha256).len(), 1);
        assert_eq!(field(&said, Kind::Certificate, Field::CertificateCommonName), ["plc-7", "plc-7"]);
    }

    #[test]
    fn hellos_are_found_on_any_port_and_other_records_on_known_ones() {
        let said = payload(&Tls, Transport::Tcp, 50000, 11_111, CLIENT);
        assert_eq!(field(&said, Kind::Client, Field::TlsServerName), ["plc.lan"]);
        let data = [23, 3, 3, 0, 2, 7, 7, 23, 3, 3, 0, 1, 9];
        assert_eq!((gate(&Tls, &data, 8883), gate(&Tls, &data, 11_111)), (Gate::Mine, Gate::NotMine));
        // After STARTTLS the records behind the hello are handed on by themselves.
        assert_eq!(gate(&Tls, &record(&chain()), 25), Gate::Mine);
        assert_eq!(gate(&Tls, &record(&[14, 0, 1, 0, 0]), 25), Gate::NotMine);
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        for stranger in [
            &b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..],
            b"SSH-2.0-OpenSSH_9.2p1\r\n",
            &[0; 40],
            &[0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1],
            &[3, 0, 0, 22, 17, 0xe0, 0, 0, 0, 1, 0, 0xc1, 2, 1, 0, 0xc2, 2, 1, 2, 0xc0, 1, 10],
            &[0x16, 3, 9, 0, 5, 1, 0, 0, 1, 3],
            &[23, 3, 3, 0, 2, 7, 7, 1, 2, 3, 4, 5],
        ] {
            assert_eq!(gate(&Tls, stranger, 443), Gate::NotMine);
        }
        assert_eq!(gate(&Tls, &CLIENT[..3], 443), Gate::More);
    }

    #[test]
    fn a_hello_in_the_form_of_ssl_2_is_known() {
        const OLD: &[u8] = &[
            0x80, 0x1f, // 31 bytes
            1,    // ClientHello
            0, 2, // SSL 2.0
            0, 6, 0, 0, 0, 16, // two cipher specs, no session, challenge of 16
            1, 0, 0x80, 7, 0, 0xc0, // RC4_128_WITH_MD5, DES_192_EDE3_CBC_WITH_MD5
            1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, // challenge
        ];
        let said = request(&Tls, OLD);
        assert_eq!(field(&said, Kind::Client, Field::TlsVersion), ["2"]);
        assert_eq!(gate(&Tls, &OLD[..8], 11_111), Gate::NotMine);
    }
}
