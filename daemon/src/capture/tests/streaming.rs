//! Tests of captures that come over IP, over this machine's loopback.

use super::*;
use std::path::Path;

fn capture() -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps/modbus/device-identification.pcap")).unwrap()
}

/// Packets of the capture, by the reader of files.
fn packets_of(bytes: &[u8]) -> usize {
    let mut file = FileReader::from_reader("x", Box::new(io::Cursor::new(bytes.to_vec())), 0, 0).unwrap();
    let (mut block, mut packets) = (Block::default(), 0);
    while file.next(&mut block).unwrap() {
        packets += block.len();
    }
    packets
}

/// Reads until so many packets came; the numbers that they were given.
fn read(come: &mut OverIp, packets: usize) -> Vec<u64> {
    let (mut block, mut ids) = (Block::default(), Vec::new());
    for _ in 0..200 {
        assert!(come.next(&mut block).unwrap());
        ids.extend(block.packets().map(|packet| packet.id));
        if ids.len() >= packets {
            return ids;
        }
    }
    panic!("{} of {packets} packets", ids.len());
}

fn listening(tls: Option<Secured>) -> (OverIp, SocketAddr, Arc<AtomicBool>) {
    let meeting = Meeting::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let Meeting::Listen(listener) = &meeting else { panic!("it listens") };
    let (address, stop) = (listener.local_addr().unwrap(), Arc::<AtomicBool>::default());
    (OverIp::new("peer", meeting, tls, Arc::clone(&stop)), address, stop)
}

/// Whether it ends, once it is told to.
fn ends(come: &mut OverIp, stop: &AtomicBool) -> bool {
    stop.store(true, Ordering::Relaxed);
    let mut block = Block::default();
    (0..60).any(|_| !come.next(&mut block).unwrap())
}

#[test]
fn one_peer_after_the_other_is_read_and_packets_are_numbered_on() {
    let (mut come, address, stop) = listening(None);
    let (bytes, each) = (capture(), packets_of(&capture()));
    for turn in 0..2 {
        let mut peer = TcpStream::connect(address).unwrap();
        peer.write_all(&bytes).unwrap();
        drop(peer);
        let first = turn * each as u64 + 1;
        assert_eq!(read(&mut come, each), (first..first + each as u64).collect::<Vec<_>>());
    }
    assert_eq!(come.parts()[0].damage, None);
    // One that breaks off within a packet, and one that sends something else.
    for bad in [&bytes[..bytes.len() - 3], b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"] {
        let mut peer = TcpStream::connect(address).unwrap();
        peer.write_all(bad).unwrap();
    }
    let mut block = Block::default();
    while come.parts()[0].damage.as_deref() != Some("the stream broke 2 times") {
        assert!(come.next(&mut block).unwrap());
    }
    assert!(ends(&mut come, &stop));
}

#[test]
fn a_filter_holds_for_what_comes_over_ip_too() {
    let (mut come, address, stop) = listening(None);
    assert!(come.filter(Some("no filter")).is_err());
    come.filter(Some("arp")).unwrap();
    TcpStream::connect(address).unwrap().write_all(&capture()).unwrap();
    TcpStream::connect(address)
        .unwrap()
        .write_all(&std::fs::read(format!("{}/../pcaps/arp/plant-start-up.pcap", env!("CARGO_MANIFEST_DIR"))).unwrap())
        .unwrap();
    let first = read(&mut come, 1);
    assert_eq!(first[0], 1, "what passed is numbered");
    assert!(ends(&mut come, &stop));
}

#[test]
fn a_quiet_stream_is_alive_before_its_first_packet_and_its_end_is_told() {
    let (mut come, address, stop) = listening(None);
    let condition = come.condition();
    assert_eq!(condition.now().0, State::Down);
    let mut peer = TcpStream::connect(address).unwrap();
    peer.write_all(&capture()[..24]).unwrap();
    let mut block = Block::default();
    while condition.now().0 != State::Alive {
        assert!(come.next(&mut block).unwrap() && block.is_empty());
    }
    peer.write_all(&capture()[24..]).unwrap();
    read(&mut come, packets_of(&capture()));
    drop(peer);
    while condition.now().0 != State::Down {
        come.next(&mut block).unwrap();
    }
    assert!(ends(&mut come, &stop));
}

#[test]
fn who_connects_tries_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stop = Arc::<AtomicBool>::default();
    let meeting = Meeting::connect(&listener.local_addr().unwrap().to_string()).unwrap();
    let mut come = OverIp::new("peer", meeting, None, Arc::clone(&stop));
    assert!(come.next(&mut Block::default()).unwrap(), "it begins to connect");
    for _ in 0..2 {
        listener.accept().unwrap().0.write_all(&capture()).unwrap();
        read(&mut come, packets_of(&capture()));
    }
    assert!(ends(&mut come, &stop));
}

#[test]
fn packets_of_the_far_future_make_no_months() {
    let (mut come, address, stop) = listening(None);
    let mut bytes = capture();
    // The first packet's seconds: in the year 2106.
    bytes[24..28].copy_from_slice(&[0xff; 4]);
    TcpStream::connect(address).unwrap().write_all(&bytes).unwrap();
    read(&mut come, packets_of(&bytes) - 1);
    assert!(come.parts()[0].damage.as_deref().is_some_and(|damage| damage.starts_with("1 packets of more than a day ahead")));
    assert!(ends(&mut come, &stop));
}

/// An authority with a certificate for this machine and one for a sender, in files.
struct Pki(tempfile::TempDir);

impl Pki {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut parameters = rcgen::CertificateParams::default();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        std::fs::write(folder.path().join("ca.pem"), parameters.self_signed(&key).unwrap().pem()).unwrap();
        let issuer = rcgen::Issuer::new(parameters, key);
        for name in ["localhost", "sender"] {
            let key = rcgen::KeyPair::generate().unwrap();
            let one = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
            std::fs::write(folder.path().join(format!("{name}.pem")), one.pem()).unwrap();
            let file = folder.path().join(format!("{name}.key"));
            std::fs::write(&file, key.serialize_pem()).unwrap();
            std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
        Self(folder)
    }

    fn tls(&self, ca: bool, name: Option<&str>) -> crate::feeds::Tls {
        let path = |file: String| self.0.path().join(file);
        crate::feeds::Tls {
            ca: ca.then(|| path("ca.pem".to_owned())),
            certificate: name.map(|name| path(format!("{name}.pem"))),
            key: name.map(|name| path(format!("{name}.key"))),
        }
    }
}

/// Sends a capture through TLS; whether the other side took it.
fn send(tls: &Secured, stream: TcpStream, bytes: &[u8]) -> bool {
    let mut connection: rustls::Connection = match tls {
        Secured::Client(config, name) => rustls::ClientConnection::new(Arc::clone(config), name.clone()).unwrap().into(),
        Secured::Server(config) => rustls::ServerConnection::new(Arc::clone(config)).unwrap().into(),
    };
    let mut stream = stream;
    while connection.is_handshaking() {
        if connection.complete_io(&mut stream).is_err() {
            return false;
        }
    }
    connection.writer().write_all(bytes).unwrap();
    connection.send_close_notify();
    while connection.wants_write() {
        if connection.write_tls(&mut stream).is_err() {
            return false;
        }
    }
    // A refusal of our certificate comes after the handshake, where TLS 1.3 is spoken.
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    while connection.read_tls(&mut stream).is_ok_and(|read| read > 0) {
        if connection.process_new_packets().is_err() {
            return false;
        }
    }
    true
}

#[test]
fn with_tls_only_who_shows_a_certificate_of_the_authority_is_read() {
    let pki = Pki::new();
    let (mut come, address, stop) = listening(Some(Secured::server(&pki.tls(true, Some("localhost"))).unwrap()));
    let connect = || TcpStream::connect(address).unwrap();
    let host = "localhost:57012";
    assert!(come.next(&mut Block::default()).unwrap(), "it begins to listen");
    let stranger = Pki::new();
    assert!(!send(&Secured::client(&pki.tls(true, None), host).unwrap(), connect(), &capture()), "it shows none");
    assert!(!send(&Secured::client(&stranger.tls(true, None), host).unwrap(), connect(), &capture()), "it does not believe us");
    let known = Secured::client(&pki.tls(true, Some("sender")), host).unwrap();
    let sender = std::thread::spawn(move || send(&known, TcpStream::connect(address).unwrap(), &capture()));
    assert_eq!(read(&mut come, packets_of(&capture())), (1..=packets_of(&capture()) as u64).collect::<Vec<_>>());
    assert!(sender.join().unwrap());
    assert_eq!(come.parts()[0].damage, None, "who was refused is no broken stream");
    assert!(ends(&mut come, &stop));
}

#[test]
fn who_connects_with_tls_believes_the_authority_alone() {
    let (pki, stranger) = (Pki::new(), Pki::new());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stop = Arc::<AtomicBool>::default();
    let meeting = Meeting::connect(&listener.local_addr().unwrap().to_string()).unwrap();
    let tls = Secured::client(&pki.tls(true, None), "localhost:1").unwrap();
    let mut come = OverIp::new("peer", meeting, Some(tls), Arc::clone(&stop));
    assert!(come.next(&mut Block::default()).unwrap(), "it begins to connect");
    let bad = Secured::server(&stranger.tls(false, Some("localhost"))).unwrap();
    assert!(!send(&bad, listener.accept().unwrap().0, &capture()));
    let good = Secured::server(&pki.tls(false, Some("localhost"))).unwrap();
    let sender = std::thread::spawn(move || send(&good, listener.accept().unwrap().0, &capture()));
    read(&mut come, packets_of(&capture()));
    assert!(ends(&mut come, &stop));
    assert!(sender.join().unwrap());
    let without = |tls, what: &str| assert!(Secured::server(&tls).err().unwrap().contains(what));
    without(pki.tls(true, None), "needs `certificate` and `key`");
    without(crate::feeds::Tls { key: Some(pki.0.path().join("ca.pem")), ..pki.tls(false, Some("localhost")) }, "ca.pem: ");
}
