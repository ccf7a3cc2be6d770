//! Receivers on this machine: what they get, and what happens while they are away.

use super::*;
use crate::events::event::Event;
use crate::events::kind::{Kind, Severity};
use crate::events::known::Known;
use crate::events::store::Telling;
use enrollment::targets::webhook::verify;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn receiver(kind: ReceiverKind, address: String) -> Receiver {
    Receiver {
        kind,
        address,
        profile: Profile::Minimal,
        severity: Severity::Informational,
        ca_file: None,
        client_cert_file: None,
        client_key_file: None,
        key_id: None,
        key_file: None,
    }
}

fn message(number: u32) -> Message {
    let event = Event { device: Some(format!("d{number}")), ..Event::of_all(Kind::NewDevice, "192.0.2.1 is new", "why") };
    Message { id: format!("o-{number}"), ..Message::of(&[event], "2026-03-01T00:00:00.000000000Z").unwrap() }
}

/// One frame of RFC 6587.
fn frame(from: &mut impl Read) -> Option<String> {
    let mut length = String::new();
    loop {
        let mut one = [0];
        from.read_exact(&mut one).ok()?;
        match one[0] {
            b' ' => break,
            digit => length.push(char::from(digit)),
        }
    }
    let mut text = vec![0; length.parse().ok()?];
    from.read_exact(&mut text).ok()?;
    String::from_utf8(text).ok()
}

#[test]
fn syslog_over_udp_arrives_as_one_datagram() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = format!("udp://{}", socket.local_addr().unwrap());
    let mut outlet = Outlet::open("siem", &receiver(ReceiverKind::Syslog, address), Some("hall-3")).unwrap();
    outlet.send(&message(1)).unwrap();
    let mut bytes = [0; 4096];
    let length = socket.recv(&mut bytes).unwrap();
    let text = std::str::from_utf8(&bytes[..length]).unwrap();
    assert!(text.starts_with("<132>1 2026-03-01T00:00:00.000000Z hall-3 wirecensus - new-device [event@32473 id=\"o-1\""), "{text}");
    assert!(!text.contains("192.0.2.1"), "{text}");
}

#[test]
fn syslog_over_tcp_keeps_its_connection_and_opens_another_when_it_was_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let patient = || {
            let stream = listener.accept().unwrap().0;
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            stream
        };
        let mut first = patient();
        let mut got = vec![frame(&mut first).unwrap(), frame(&mut first).unwrap()];
        drop(first);
        let mut second = patient();
        got.push(frame(&mut second).unwrap());
        got
    });
    let mut outlet = Outlet::open("siem", &receiver(ReceiverKind::Syslog, address), None).unwrap();
    outlet.send(&message(1)).unwrap();
    outlet.send(&message(2)).unwrap();
    // It read both and closed.
    outlet.send(&message(3)).unwrap();
    let got = server.join().unwrap();
    assert!(got[0].contains("o-1") && got[1].contains("o-2") && got[2].contains("o-3"), "{got:?}");
}

struct Papers {
    folder: tempfile::TempDir,
    server: Arc<ServerConfig>,
}

/// A CA, a certificate for `localhost`, and a CA that nobody knows.
fn papers() -> Papers {
    let folder = tempfile::tempdir().unwrap();
    let authority = |name: &str| {
        let mut parameters = rcgen::CertificateParams::new(vec![]).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        std::fs::write(folder.path().join(name), certificate.pem()).unwrap();
        rcgen::Issuer::new(parameters, key)
    };
    let (issuer, _other) = (authority("ca.pem"), authority("other.pem"));
    let key = rcgen::KeyPair::generate().unwrap();
    let own = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider())).with_safe_default_protocol_versions();
    let server = builder.unwrap().with_no_client_auth().with_single_cert(vec![own.der().clone()], private).unwrap();
    Papers { folder, server: Arc::new(server) }
}

#[test]
fn syslog_over_tls_arrives_where_the_certificate_is_of_the_ca_and_nowhere_else() {
    let papers = papers();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tls://localhost:{}", listener.local_addr().unwrap().port());
    let config = Arc::clone(&papers.server);
    let server = thread::spawn(move || {
        let mut got = Vec::new();
        for stream in listener.incoming().take(2) {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let stream = stream.unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            got.push(frame(&mut stream));
        }
        got
    });
    let with = |ca: &str| Receiver { ca_file: Some(papers.folder.path().join(ca)), ..receiver(ReceiverKind::Syslog, address.clone()) };
    let mut stranger = Outlet::open("siem", &with("other.pem"), None).unwrap();
    let refused = stranger.send(&message(1)).unwrap_err();
    assert!(refused.what.contains("TLS: invalid peer certificate"), "{}", refused.what);
    let mut outlet = Outlet::open("siem", &with("ca.pem"), None).unwrap();
    outlet.send(&message(2)).unwrap();
    let got = server.join().unwrap();
    assert!(got[0].is_none() && got[1].as_ref().unwrap().contains("o-2"), "{got:?}");
    let none = Outlet::open("siem", &receiver(ReceiverKind::Syslog, address), None).err().unwrap();
    assert!(none.contains("`ca_file` is missing"), "{none}");
}

fn key_file(folder: &Path) -> PathBuf {
    let file = folder.join("key");
    std::fs::write(&file, KEY).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    file
}

/// Reads a request; its head and body.
fn request(stream: &TcpStream) -> (String, Vec<u8>) {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (head, body)
}

/// Heads and bodies of requests.
type Requests = Vec<(String, Vec<u8>)>;

/// A receiver that answers so, one request after the other.
fn hook(answers: &'static [&'static str]) -> (String, thread::JoinHandle<Requests>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/hook", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let one = |answer: &&str| {
            let (mut stream, _) = listener.accept().unwrap();
            let got = request(&stream);
            write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            got
        };
        answers.iter().map(one).collect()
    });
    (address, server)
}

#[test]
fn a_webhook_gets_signed_messages_in_order_until_it_takes_them_across_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (address, server) = hook(&["503 Later", "200 OK", "200 OK"]);
    let settings = Receiver { key_id: Some("k1".into()), key_file: Some(key_file(folder.path())), ..receiver(ReceiverKind::Webhook, address) };
    let path = folder.path().join("plant.events.db");
    let targets = BTreeMap::from([("hook".to_owned(), Severity::Informational)]);
    let telling = Telling { now: 100, at: "2026-03-01T00:00:00Z", per_hour: 60, targets: &targets, keep: 1_000_000 };
    let events = [Event::of_all(Kind::NewDevice, "192.0.2.1", "why"), Event::of_all(Kind::Silent, "192.0.2.2", "why")];
    Store::open(&path).unwrap().keep(&Known::default(), &Known::default(), &events, &telling).unwrap();
    let stop = AtomicBool::new(false);
    let round = |now: i64| Outlet::open("hook", &settings, None).unwrap().empty(&mut Store::open(&path).unwrap(), || now, &stop).unwrap();
    assert_eq!((round(100), round(101)), (0, 0), "it said that it is in trouble, and is left alone");
    assert_eq!(round(105), 2);
    let got = server.join().unwrap();
    let kinds: Vec<String> =
        got.iter().map(|(_, body)| serde_json::from_slice::<serde_json::Value>(body).unwrap()["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["new-device", "new-device", "silent"]);
    let field = |head: &str, name: &str| -> String {
        head.lines().find_map(|line| line.to_ascii_lowercase().starts_with(name).then(|| line.split_once(": ").unwrap().1.trim().to_owned())).unwrap()
    };
    assert_eq!(field(&got[0].0, "idempotency-key"), field(&got[1].0, "idempotency-key"), "said again it is the same");
    let clock = crate::clock::now() / 1_000_000_000;
    for (head, body) in &got {
        assert!(verify(&field(head, "x-signature"), &[("k1", KEY.as_bytes())], clock, "POST", "/hook", body));
        assert!(!String::from_utf8_lossy(body).contains("192.0.2"), "minimal");
    }
    assert_eq!(Store::open(&path).unwrap().receipts().unwrap()[0].sent, 2);
}

#[test]
fn a_thread_of_its_own_tells_what_comes_and_ends_when_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plant.events.db");
    let mut store = Store::open(&path).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let outlet = Outlet::open("siem", &receiver(ReceiverKind::Syslog, format!("udp://{}", socket.local_addr().unwrap())), None).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| keep_on(outlet, &path, &stop, || 100, |_| {}));
        let targets = BTreeMap::from([("siem".to_owned(), Severity::Informational)]);
        let telling = Telling { now: 100, at: "2026-03-01T00:00:00Z", per_hour: 60, targets: &targets, keep: 1_000_000 };
        let event = [Event::of_all(Kind::Silent, "x", "y")];
        let kept = store.keep(&Known::default(), &Known::default(), &event, &telling);
        let got = socket.recv(&mut [0; 4096]);
        stop.store(true, Ordering::Relaxed);
        assert!(kept.is_ok() && got.is_ok());
    });
}
