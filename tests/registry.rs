//! What is asked of every dissector, whoever adds it: a bad row fails here without anybody remembering a rule.

use crate::captures::{self, Capture};
use crate::packets::records;
use dissectors::dissector::{At, Shape};
use dissectors::packet::{LinkType, Packet};
use dissectors::registry::{Registry, SHAPES_MAX};
use dissectors::tunnel::Decoder;
use observations::Transport;
use std::collections::BTreeSet;

/// Dissectors without a folder of their own: where we heard them, or nowhere, and why.
const ELSEWHERE: &[(&str, Option<&str>, &str)] = &[
    ("acse", Some("mms"), "how associations of MMS begin"),
    ("browser", Some("smb"), "announcements come with Samba's name service"),
    ("cip", Some("enip"), "spoken within EtherNet/IP"),
    ("cipio", None, "the lab's EtherNet/IP stack opens no cyclic connection"),
    ("cldap", Some("ldap"), "how domain controllers are found"),
    ("cotp", Some("s7comm"), "the transport of S7 and MMS"),
    ("dcerpc", Some("weakness"), "called over connections by classic OPC; in datagrams it says nothing of its own"),
    ("cspv4", None, "an envelope that says nothing of its own"),
    ("eap", Some("eapol"), "spoken within EAPOL and RADIUS"),
    ("hnap", None, "spoken by home routers; no package answers as one"),
    ("nbdgm", Some("smb"), "carries the browser's announcements"),
    ("ntlmssp", Some("smb"), "log-ins within SMB"),
    ("pn_rt", Some("pn_io"), "cyclic data and alarms of a connection"),
    ("pres", None, "an envelope that says nothing of its own"),
    ("smb2", Some("smb"), "what a negotiation of SMB goes on with"),
    ("ses", None, "an envelope that says nothing of its own"),
    ("someip", Some("someipsd"), "services are used after they were found"),
    ("tpkt", None, "an envelope that says nothing of its own"),
    ("upnp", Some("ssdp"), "descriptions are fetched after a search"),
    ("websocket", None, "an envelope that says nothing of its own"),
];

/// Where `unusual-port.pcap` of a folder has its server.
const UNUSUAL_PORTS: &[(&str, u16)] = &[
    ("dlms", 14059),
    ("dnp3", 12000),
    ("iec60870_104", 12404),
    ("mms", 10102),
    ("synphasor", 14712),
    ("doip", 23400),
    ("fox", 11911),
    ("knxip", 13671),
    ("opcua", 49320),
    ("semtech-udp", 1780),
    ("ads", 40898),
    ("addp", 22362),
    ("codesys", 21740),
    ("enip", 52222),
    ("hart_ip", 25094),
    ("lantronix", 40718),
    ("nport", 24800),
    ("pcworx", 21962),
    ("proconos", 40547),
    ("tristation", 21502),
    ("coap", 15683),
    ("http", 4711),
    ("imap", 10143),
    ("kerberos", 10088),
    ("ldap", 10389),
    ("quic", 14443),
    ("rdp", 13389),
    ("rtsp", 15540),
    ("smtp", 10025),
    ("tacplus", 10049),
    ("vnc", 15900),
    ("modbus", 10502),
    ("s7comm", 10102),
    ("ssh", 22022),
    ("tls", 4712),
];

/// Who really speaks in a folder's `stranger-on-port.pcap`, as far as there are dissectors for them.
const STRANGERS: &[(&str, &[&str])] = &[
    ("dns", &["ssh", "http", "tls", "snmp"]),
    ("enip", &["ssh", "http", "tls"]),
    ("http", &["ssh", "tls", "modbus"]),
    ("modbus", &["ssh", "http", "tls"]),
    ("s7comm", &["ssh", "http", "tls", "modbus"]),
    ("snmp", &["dns"]),
    ("ssh", &["http", "tls"]),
    ("tls", &["ssh", "http", "modbus"]),
];

/// Rows that may survive the look at a payload's first bytes: each costs a call of its gate.
const SURVIVORS_MAX: usize = 8;

fn of_folder(folder: &str) -> Vec<&'static Capture> {
    captures::all().iter().filter(|capture| capture.folder() == folder).collect()
}

fn named(name: &str) -> Vec<&'static Capture> {
    captures::all().iter().filter(|capture| capture.name.ends_with(&format!("/{name}"))).collect()
}

#[test]
fn names_are_unique_and_spelt_as_display_filters_are() {
    let mut names = BTreeSet::new();
    for (_, row) in Registry::new().rows() {
        assert!(names.insert(row.name), "{} stands twice", row.name);
        let spelt = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        assert!(row.name.starts_with(|c: char| c.is_ascii_alphanumeric()) && row.name.chars().all(spelt), "{:?}", row.name);
    }
    // What stands for conversations that nobody read must not be a protocol's name.
    for taken in ["tcp", "udp", "sctp", "ip", "ipv6", "eth", "ethernet", "unknown"] {
        assert!(!names.contains(taken), "{taken} is no dissector's name");
    }
}

#[test]
fn every_row_says_what_it_follows_what_it_tells_and_where_to_look() {
    for (_, row) in Registry::new().rows() {
        assert!(row.revision > 0, "{} has revision 0", row.name);
        for (what, text) in [("spec", row.spec), ("tells", row.tells)] {
            assert!(text.trim() == text && text.len() > 3, "{}: {what} is {text:?}", row.name);
            assert!(!text.chars().any(char::is_control), "{}: {what} has control characters", row.name);
        }
        assert!(!row.bindings.is_empty() || !row.shapes.is_empty(), "{} is looked for nowhere", row.name);
    }
}

#[test]
fn every_shape_has_a_bit() {
    // One that had none would never be looked for.
    let shapes: usize = Registry::new().rows().map(|(_, row)| row.shapes.len()).sum();
    assert!(shapes <= SHAPES_MAX, "{shapes} shapes, {SHAPES_MAX} bits");
}

#[test]
fn the_operations_of_a_row_are_unique_and_plain_words() {
    for (_, row) in Registry::new().rows() {
        let mut seen = BTreeSet::new();
        for (operation, _) in row.operations {
            // Counters are kept by name: of two that are called alike one would be lost.
            assert!(seen.insert(operation), "{} has the operation {operation} twice", row.name);
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            assert!(!operation.is_empty() && operation.chars().all(plain), "{}: operation {operation:?}", row.name);
        }
    }
}

#[test]
fn the_shapes_of_a_row_look_where_the_registry_looks() {
    for (_, row) in Registry::new().rows() {
        for shape in row.shapes {
            assert!(shape.min <= shape.max && shape.max > 0, "{}: from {} to {} bytes", row.name, shape.min, shape.max);
            assert!(matches!(shape.over, Transport::Tcp | Transport::Udp), "{}: shapes are of TCP and UDP", row.name);
            for (offset, mask, value) in shape.bytes {
                assert!(*offset < Shape::WINDOW, "{}: offset {offset} lies behind the window", row.name);
                assert!(*mask != 0 && value & !mask == 0, "{}: value {value:#x} under mask {mask:#x}", row.name);
            }
        }
    }
}

#[test]
fn every_row_has_a_capture_in_which_it_is_heard() {
    let mut wrong = Vec::new();
    for (_, row) in Registry::new().rows() {
        let elsewhere = ELSEWHERE.iter().find(|(name, ..)| *name == row.name);
        let own = of_folder(row.name);
        match elsewhere {
            None if own.is_empty() => wrong.push(format!("{} has no capture: record one, or give ELSEWHERE a row with a reason", row.name)),
            None if !own.iter().any(|capture| capture.speaks(row.name)) => wrong.push(format!("{} is not heard in pcaps/{}/", row.name, row.name)),
            None => {}
            Some(_) if !own.is_empty() => wrong.push(format!("{} has captures of its own: its row of ELSEWHERE is not needed", row.name)),
            Some((_, Some(folder), _)) if !of_folder(folder).iter().any(|capture| capture.speaks(row.name)) => {
                wrong.push(format!("{} is not heard in pcaps/{folder}/", row.name));
            }
            Some((_, Some(_), _)) => {}
            Some((_, None, reason)) => {
                if let Some(capture) = captures::all().iter().find(|capture| capture.speaks(row.name)) {
                    wrong.push(format!("{} is heard in {}, although {reason:?}", row.name, capture.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn strangers_on_a_port_are_not_called_by_its_name() {
    let strangers = named("stranger-on-port");
    assert!(strangers.len() >= STRANGERS.len());
    for capture in strangers {
        assert!(!capture.speaks(capture.folder()), "{}: {} is told", capture.name, capture.folder());
        let Some((_, there)) = STRANGERS.iter().find(|(folder, _)| *folder == capture.folder()) else {
            panic!("{}: who is there? Give STRANGERS a row", capture.name);
        };
        for protocol in *there {
            assert!(capture.speaks(protocol), "{}: {protocol} is not recognised by its structure", capture.name);
        }
    }
}

#[test]
fn a_protocol_is_found_on_a_port_that_is_not_its_own() {
    let captures = named("unusual-port");
    assert!(captures.len() >= UNUSUAL_PORTS.len());
    for capture in captures {
        let Some((protocol, port)) = UNUSUAL_PORTS.iter().find(|(folder, _)| *folder == capture.folder()) else {
            panic!("{}: which port? Give UNUSUAL_PORTS a row", capture.name);
        };
        let found = capture.document.conversations.iter().any(|talk| talk.protocol == *protocol && talk.port == *port);
        assert!(found, "{}: no {protocol} on port {port}", capture.name);
    }
}

#[test]
fn captures_of_real_stacks_break_no_rule_and_hit_no_limit() {
    for capture in captures::all() {
        for source in &capture.document.sources {
            assert!(source.malformed.is_empty(), "{}: {:?}", capture.name, source.malformed);
            // Of a datagram in fragments all but the one that completes it wait.
            let stopped: Vec<_> = source.undecoded.keys().filter(|why| *why != "fragment waits for others").collect();
            assert!(stopped.is_empty(), "{}: {stopped:?}", capture.name);
        }
        assert_eq!(capture.document.limits_hit, Vec::<String>::new(), "{}", capture.name);
        assert!(capture.document.complete, "{}", capture.name);
    }
}

#[test]
fn every_value_that_stands_can_be_followed_back() {
    let mut without = BTreeSet::new();
    for capture in captures::all() {
        for device in &capture.document.devices {
            for (name, attribute) in device.attributes.iter().filter(|(_, attribute)| attribute.evidence.is_empty()) {
                without.insert(format!("{}: {} {name} {:?} by {}", capture.name, device.id, attribute.value, attribute.rule));
            }
        }
    }
    assert!(without.is_empty(), "no evidence for:\n{}", without.into_iter().take(30).collect::<Vec<_>>().join("\n"));
}

/// A payload between two ports that nobody is bound to is shown to few rows.
#[track_caller]
fn assert_few(registry: &Registry, transport: Transport, payload: &[u8]) {
    let at = At { transport, src_port: 0, dst_port: 0, from_client: None };
    let mut rows = Vec::new();
    registry.candidates(payload, &at, &mut rows);
    let survivors: Vec<&str> = rows.iter().map(|row| registry.name(*row)).collect();
    let head = &payload[..payload.len().min(Shape::WINDOW)];
    assert!(survivors.len() <= SURVIVORS_MAX, "{} rows for {head:02x?}: {survivors:?}; give their shapes more bytes", survivors.len());
}

#[test]
fn few_rows_survive_the_look_at_the_first_bytes_of_any_captured_payload() {
    let registry = Registry::new();
    let mut seen = 0;
    for (_, path) in captures::paths() {
        let mut decoder = Decoder::new();
        for (id, record) in (1u64..).zip(records(&path).1) {
            let data = &record[16..];
            let frame = decoder.decode(&Packet { data, wire_len: 0, link: LinkType::ETHERNET, time: 0, id });
            let payload = frame.payload(data);
            let transport = match frame.protocol {
                6 => Transport::Tcp,
                17 => Transport::Udp,
                _ => continue,
            };
            if !payload.is_empty() {
                assert_few(&registry, transport, payload);
                seen += 1;
            }
            decoder.release();
        }
    }
    assert!(seen > 1000, "{seen} payloads");
}

#[test]
fn few_rows_survive_the_look_at_the_first_bytes_of_random_payloads() {
    let registry = Registry::new();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for round in 0..20_000u64 {
        let length = usize::try_from(next() % 64).expect("small");
        // Of every bit pattern, of few different bytes, and of small numbers as binary protocols begin with.
        let mask = [0xff, 0x03, 0x0f, 0x81][usize::try_from(round % 4).expect("small")];
        let payload: Vec<u8> = (0..length).map(|_| next().to_be_bytes()[2] & mask).collect();
        for transport in [Transport::Tcp, Transport::Udp] {
            assert_few(&registry, transport, &payload);
        }
    }
    for byte in 0..=255u8 {
        for transport in [Transport::Tcp, Transport::Udp] {
            assert_few(&registry, transport, &[byte; 64]);
        }
    }
}
