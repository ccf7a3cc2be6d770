//! The whole way of an identity: seen, proposed, approved by two, registered at a running `OpenBao`, signed there, and seen to be used:
//! by the device that it was given to, and then by another.

use crate::captures;
use crate::command::run_in;
use etherparse::PacketBuilder;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use support::{Bao, leaf, start, write};

#[path = "../enrollment/tests/support/mod.rs"]
pub(crate) mod support;

/// Whom devices talk to.
const BROKER: End = End { mac: [0x02, 0x42, 0x0a, 0, 0, 9], ip: [10, 0, 0, 9], port: 8883 };
/// A device that was given nothing.
const OTHER: End = End { mac: [0x02, 0x42, 0x0a, 0, 0, 77], ip: [10, 0, 0, 77], port: 41_000 };
/// Octets of a segment: what Ethernet leaves to TCP without options, and less.
const SEGMENT: usize = 1_400;

/// One end of a conversation.
#[derive(Clone, Copy)]
struct End {
    mac: [u8; 6],
    ip: [u8; 4],
    port: u16,
}

/// What one side sent: whether the client, and the bytes.
type Sent = (bool, Vec<u8>);

/// A desk with an inventory, its registrar and a vault.
struct Desk<'b> {
    folder: &'b Path,
}

impl Desk<'_> {
    fn said(&self, words: &[&str]) -> String {
        let ran = run_in(self.folder, &[words, &["--db", "plant.db", "--config", "w.toml"]].concat());
        assert_eq!(ran.status, 0, "{words:?}: {}{}", ran.stdout, ran.stderr);
        ran.stdout + &ran.stderr
    }

    fn replay(&self, capture: &str) {
        let ran = run_in(self.folder, &["replay", capture, "--db", "plant.db"]);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
    }

    fn state(&self, id: &str) -> Value {
        serde_json::from_str(&self.said(&["enroll", "show", id])).expect("JSON")
    }
}

#[test]
fn a_device_gets_an_identity_of_a_real_vault_and_is_seen_to_use_it_and_then_another_does() {
    let Some(bao) = start() else { return };
    let folder = captures::folder("whole-way");
    let desk = Desk { folder: &folder };
    let capture = captures::root().join("pcaps/ssh/openssh-and-dropbear.pcap");
    desk.replay(&capture.to_string_lossy());
    configure(&bao, &folder);

    desk.said(&["enroll", "plan", "--output", "plan.json"]);
    let plan: Value = serde_json::from_slice(&std::fs::read(folder.join("plan.json")).expect("a plan")).expect("JSON");
    let request = &plan["requests"][0];
    let id = request["id"].as_str().expect("an id");
    let approve = |name: &str| desk.said(&["enroll", "approve", id, "--as", name, "--key", &format!("{name}.key"), "--yes"]);
    approve("anna");
    assert!(desk.said(&["enroll", "dispatch"]).starts_with("0 registered"), "one of two is not enough");
    approve("bob");

    let key = KeyPair::generate().expect("a key");
    let csr = CertificateParams::default().serialize_request(&key).expect("a CSR").pem().expect("PEM");
    std::fs::write(folder.join("device.csr"), csr).expect("a file");
    desk.said(&["enroll", "csr", "attach", id, "device.csr", "--as", "anna"]);
    assert!(desk.said(&["enroll", "dispatch"]).starts_with("1 registered"));
    assert!(desk.said(&["enroll", "dispatch"]).contains("1 certificates signed"));
    registered(&bao, request);

    let chain = desk.said(&["enroll", "cert", "fetch", id]);
    let handshake = handshake(&bao, &chain, &key);
    let device = end(request);
    // Packets are as young as the certificate: an older one would not be valid yet.
    let now = jiff::Timestamp::now().as_second();
    record(&folder.join("used.pcap"), device, &handshake, now);
    desk.replay("used.pcap");
    desk.said(&["enroll", "plan", "--output", "later.json"]);
    let shown = desk.state(id);
    assert_eq!(shown["state"], "verified", "{shown}");
    assert!(shown["reason"].as_str().expect("a reason").contains("proven to be held"), "{shown}");

    record(&folder.join("cloned.pcap"), OTHER, &handshake, now + 60);
    desk.replay("cloned.pcap");
    desk.said(&["enroll", "plan", "--output", "last.json"]);
    let shown = desk.state(id);
    assert_eq!(shown["state"], "suspended", "{shown}");
    let log = run_in(&folder, &["audit", "verify", "--db", "plant.db"]);
    assert!(log.status == 0 && log.stdout.contains("whole"), "{}", log.stderr);
}

/// Two approvers with keys of their own, a rule that takes everybody, and the vault by `AppRole`.
fn configure(bao: &Bao, folder: &Path) {
    let key = |name: &str| run_in(folder, &["enroll", "key", &format!("{name}.key")]).stdout.trim().to_owned();
    let approver = |name: &str| format!("[[enrollment.approver]]\nname = \"{name}\"\npublic_key = \"{}\"\n", key(name));
    let settings = toml::to_string(&bao.settings("registrar", false)).expect("TOML").replace("[approle]", "[enrollment.targets.vault.approle]");
    let rule = "[[enrollment.rule]]\nname = \"all\"\nconfidence = 0\ntarget = \"vault\"\nprofile = \"iot-camera\"\nttl = \"24h\"\n";
    write(&folder.join("w.toml"), &format!("{}{}{rule}[enrollment.targets.vault]\n{settings}", approver("anna"), approver("bob")));
}

/// What the vault itself says of it.
fn registered(bao: &Bao, request: &Value) {
    let device = request["device_id"].as_str().expect("a device");
    let record = bao.admin("GET", &format!("devices/data/inventory/{device}"), &Value::Null);
    assert_eq!(record["data"]["data"]["request_id"], request["id"]);
    let entity = bao.admin("GET", &format!("identity/entity/name/dev-{device}"), &Value::Null);
    assert_eq!(entity["data"]["metadata"]["request_id"], request["id"]);
}

/// Where the device stands on the wire.
fn end(request: &Value) -> End {
    let first = |name: &str| request["identifiers"][name][0].as_str().expect("an identifier").to_owned();
    let mac: Vec<u8> = first("mac").split(':').map(|octet| u8::from_str_radix(octet, 16).expect("hexadecimal")).collect();
    let ip: std::net::Ipv4Addr = first("ip").parse().expect("an address");
    End { mac: mac.try_into().expect("six octets"), ip: ip.octets(), port: 40_000 }
}

/// A handshake of TLS 1.2 in which the device shows its certificate, and the other side holds it against the vault's CA.
fn handshake(bao: &Bao, chain: &str, key: &KeyPair) -> Vec<Sent> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificates = |pem: &str| CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>().expect("certificates");
    let roots = |pem: &str| {
        let mut roots = RootCertStore::empty();
        certificates(pem).into_iter().for_each(|one| roots.add(one).expect("a root"));
        roots
    };
    let private = |pem: &str| PrivateKeyDer::from_pem_slice(pem.as_bytes()).expect("a key");
    let device_ca = bao.admin("GET", "pki-devices/cert/ca", &Value::Null)["data"]["certificate"].as_str().expect("a CA").to_owned();
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(&device_ca)), Arc::clone(&provider)).build().expect("a verifier");
    let (broker, broker_key) = leaf(&bao.ca, "broker", &["broker.plant.example"]);
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&[&rustls::version::TLS12]).expect("TLS 1.2");
    let server = server.with_client_cert_verifier(clients).with_single_cert(certificates(&broker), private(&broker_key)).expect("a server");
    let client = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS12]).expect("TLS 1.2");
    let client = client.with_root_certificates(roots(&bao.ca.pem())).with_client_auth_cert(certificates(chain), private(&key.serialize_pem()));
    let name = ServerName::try_from("broker.plant.example").expect("a name");
    let mut client = ClientConnection::new(Arc::new(client.expect("a client")), name).expect("a client");
    let mut server = ServerConnection::new(Arc::new(server)).expect("a server");
    let mut sent = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        let mut flight = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut flight).expect("memory takes everything");
        }
        server.read_tls(&mut flight.as_slice()).expect("bytes");
        server.process_new_packets().expect("the certificate holds");
        sent.push((true, std::mem::take(&mut flight)));
        while server.wants_write() {
            server.write_tls(&mut flight).expect("memory takes everything");
        }
        client.read_tls(&mut flight.as_slice()).expect("bytes");
        client.process_new_packets().expect("the broker's certificate holds");
        sent.push((false, flight));
    }
    sent
}

/// A capture of the conversation, as a mirrored port shows it.
fn record(path: &Path, device: End, sent: &[Sent], second: i64) {
    let segments = sent.iter().flat_map(|(client, bytes)| bytes.chunks(SEGMENT).map(|part| (*client, part)));
    let mut next = [1_000u32, 9_000];
    let mut packets = vec![segment(device, true, next, b"", true), segment(device, false, [next[0] + 1, next[1]], b"", true)];
    next = next.map(|number| number + 1);
    packets.push(segment(device, true, next, b"", false));
    for (client, part) in segments {
        packets.push(segment(device, client, next, part, false));
        next[usize::from(!client)] += u32::try_from(part.len()).expect("a segment");
    }
    let mut file = crate::packets::header();
    for (number, packet) in (0u32..).zip(&packets) {
        let length = u32::try_from(packet.len()).expect("a packet");
        let fields = [u32::try_from(second).expect("this century"), number * 1_000, length, length];
        file.extend(fields.iter().flat_map(|field| field.to_le_bytes()));
        file.extend(packet);
    }
    std::fs::write(path, file).expect("a file");
}

/// One segment; `next` are the sequence numbers of client and server.
fn segment(device: End, client: bool, next: [u32; 2], part: &[u8], begins: bool) -> Vec<u8> {
    let (from, to, number, other) = if client { (device, BROKER, next[0], next[1]) } else { (BROKER, device, next[1], next[0]) };
    let built = PacketBuilder::ethernet2(from.mac, to.mac).ipv4(from.ip, to.ip, 64).tcp(from.port, to.port, number, 64_000);
    let built = match (begins, client) {
        (true, true) => built.syn(),
        (true, false) => built.syn().ack(other),
        (false, _) => built.ack(other).psh(),
    };
    let mut packet = Vec::with_capacity(built.size(part.len()));
    built.write(&mut packet, part).expect("memory takes everything");
    packet
}
