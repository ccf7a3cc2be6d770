//! Syslog (RFC 5424) over UDP (RFC 5426), TCP with octet counting (RFC 6587, section 3.4.1) and TLS (RFC 5425).
//!
//! Syslog answers nothing. Over a stream a message counts as taken when it is written and the connection was not reset; one that was on
//! its way when it was is sent again. Over UDP nobody can tell.

use super::NotTaken;
use crate::events::event::{Message, Profile};
use crate::events::settings::Receiver;
use enrollment::credential;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Facility "local use 0" (RFC 5424, section 6.2.1).
const FACILITY: u8 = 16;

/// The enterprise number that RFC 5612 sets apart for examples: we have none of our own.
const ENTERPRISE: u32 = 32473;

/// Bytes of a message over UDP: what fits the least IPv6 packet that all must take is 480 (RFC 5426, section 3.2), and receivers take
/// 2048 (RFC 5424, section 6.1).
const UDP_MAX: usize = 2048;

/// Bytes of a message over a stream: ten devices and their texts take a quarter.
const STREAM_MAX: usize = 16 * 1024;

/// How long connecting, a handshake or a write may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long is waited for a sign that the other side has closed: its answer to what is written on a closed connection is a round trip away.
const CLOSE_SEEN: Duration = Duration::from_millis(50);

/// Bytes of a file with certificates.
const FILE_MAX: u64 = 1 << 20;

enum Transport {
    Udp,
    Tcp,
    Tls(Arc<ClientConfig>, ServerName<'static>),
}

enum Open {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// Whether a connection can be used.
#[derive(PartialEq, Eq)]
enum Standing {
    Stands,
    /// The other side read what there was and closed: it would have reset a connection with something unread.
    Ended,
    /// It was reset: what was written last is lost.
    Broken,
}

/// A receiver of syslog.
pub(super) struct Sender {
    name: String,
    address: String,
    sensor: String,
    transport: Transport,
    open: Option<Open>,
}

impl Sender {
    pub(super) fn open(name: &str, receiver: &Receiver, sensor: Option<&str>) -> Result<Self, String> {
        let wrong = |what: &str| format!("target {name}: {what}");
        let (scheme, address) = receiver.address.split_once("://").ok_or_else(|| wrong("`address` is udp://, tcp:// or tls://HOST:PORT"))?;
        let (host, port) = address.rsplit_once(':').ok_or_else(|| wrong("`address` ends with a port, as in udp://siem.example:514"))?;
        if port.parse::<u16>().is_err() || host.is_empty() {
            return Err(wrong("`address` ends with a port, as in udp://siem.example:514"));
        }
        let transport = match scheme {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            _ => {
                let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                let server = ServerName::try_from(bare).map_err(|_| wrong("`address` holds no name that a certificate could bear"))?;
                Transport::Tls(Arc::new(tls(receiver).map_err(|what| wrong(&what))?), server)
            }
        };
        Ok(Self { name: name.to_owned(), address: address.to_owned(), sensor: header(sensor.unwrap_or("-"), 255), transport, open: None })
    }

    pub(super) fn send(&mut self, message: &Message, profile: Profile) -> Result<(), NotTaken> {
        let sent = match &self.transport {
            Transport::Udp => self.datagram(&line(message, profile, &self.sensor, UDP_MAX)),
            _ => self.framed(&line(message, profile, &self.sensor, STREAM_MAX)),
        };
        if sent.is_err() {
            self.open = None;
        }
        sent.map_err(|error| NotTaken::new(format!("target {} ({}): {}", self.name, self.address, words(&error))))
    }

    fn datagram(&self, text: &str) -> std::io::Result<()> {
        let to = self.address.to_socket_addrs()?.next().ok_or(ErrorKind::NotFound)?;
        let from = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(from)?;
        socket.send_to(text.as_bytes(), to).map(|_| ())
    }

    /// `MSG-LEN SP SYSLOG-MSG`.
    fn framed(&mut self, text: &str) -> std::io::Result<()> {
        let kept = self.open.take().and_then(|mut open| (open.standing() == Standing::Stands).then_some(open));
        let fresh = kept.map_or_else(|| self.connect(), Ok)?;
        let open = self.open.insert(fresh);
        let frame = format!("{} {text}", text.len());
        open.write(frame.as_bytes())?;
        match open.standing() {
            Standing::Stands => {}
            Standing::Ended => self.open = None,
            Standing::Broken => return Err(ErrorKind::ConnectionReset.into()),
        }
        Ok(())
    }

    fn connect(&self) -> std::io::Result<Open> {
        let mut last = std::io::Error::from(ErrorKind::NotFound);
        for address in self.address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => return self.opened(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn opened(&self, mut stream: TcpStream) -> std::io::Result<Open> {
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let Transport::Tls(config, server) = &self.transport else { return Ok(Open::Plain(stream)) };
        let mut connection = ClientConnection::new(Arc::clone(config), server.clone()).map_err(std::io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(Open::Tls(Box::new(StreamOwned::new(connection, stream))))
    }
}

impl Open {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
            Self::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    /// What the other side did meanwhile. It has nothing to say; what it says all the same is read away.
    fn standing(&mut self) -> Standing {
        let mut some = [0; 256];
        let socket = match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => &stream.sock,
        };
        if socket.set_read_timeout(Some(CLOSE_SEEN)).is_err() {
            return Standing::Broken;
        }
        let read = match self {
            Self::Plain(stream) => stream.read(&mut some),
            Self::Tls(stream) => stream.read(&mut some),
        };
        match read {
            Ok(0) => Standing::Ended,
            Ok(_) => Standing::Stands,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => Standing::Stands,
                ErrorKind::UnexpectedEof => Standing::Ended,
                _ => Standing::Broken,
            },
        }
    }
}

/// TLS with the CAs of `ca_file` and nothing else.
fn tls(receiver: &Receiver) -> Result<ClientConfig, String> {
    let file = receiver.ca_file.as_deref().ok_or("`ca_file` is missing: the CA that issued the receiver's certificate, PEM")?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| format!("`ca_file` {}: {error}", file.display()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    let builder = builder.with_root_certificates(roots);
    match (&receiver.client_cert_file, &receiver.client_key_file) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(chain), Some(key)) => {
            let private = PrivateKeyDer::from_pem_slice(&private(key)?)
                .map_err(|_| format!("`client_key_file` {} holds no private key in PEM", key.display()))?;
            let own = builder.with_client_auth_cert(certificates(chain)?, private);
            own.map_err(|_| "`client_key_file` is not the key of the first certificate in `client_cert_file`".to_owned())
        }
        _ => Err("`client_cert_file` and `client_key_file` go together: one is missing".to_owned()),
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(&read(file)?).filter_map(Result::ok).collect();
    if found.is_empty() { Err(format!("{} holds no certificate in PEM", file.display())) } else { Ok(found) }
}

fn read(named: &Path) -> Result<Vec<u8>, String> {
    let file = credential::path(named)?;
    let problem = |error: std::io::Error| format!("{} cannot be read: {error}", file.display());
    if std::fs::metadata(&file).map_err(problem)?.len() > FILE_MAX {
        return Err(format!("{} is longer than {FILE_MAX} bytes: is it the right file?", file.display()));
    }
    std::fs::read(&file).map_err(problem)
}

/// A file with a key: refused where others may read it.
fn private(file: &Path) -> Result<Vec<u8>, String> {
    let secret = credential::secret(file).map_err(|what| format!("{}: {what}", file.display()))?;
    read(&secret)
}

/// What went wrong, without what was sent.
fn words(error: &std::io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => format!("TLS: {error}"),
        None => format!("cannot be reached: {}", error.kind()),
    }
}

/// `<PRI>VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG`, cut to so many bytes.
fn line(message: &Message, profile: Profile, sensor: &str, most: usize) -> String {
    let priority = u16::from(FACILITY) * 8 + message.severity as u16;
    let mut fields = vec![("id", message.id.clone()), ("count", message.count.to_string()), ("site", message.site.clone())];
    fields.extend(message.ticket.iter().map(|ticket| ("ticket", ticket.clone())));
    for device in &message.devices {
        fields.push(("device", device.id.clone()));
        fields.push(("class", device.class.clone()));
    }
    if profile == Profile::Full {
        fields.push(("segment", message.segment.clone()));
        fields.push(("reason", message.reason.clone()));
        fields.extend(message.seen.iter().map(|seen| ("seen", seen.clone())));
    }
    let data: String = fields.iter().map(|(name, value)| format!(" {name}=\"{}\"", escaped(value))).collect();
    let msgid = header(message.kind.name(), 32);
    let head = format!("<{priority}>1 {} {sensor} wirecensus - {msgid} [event@{ENTERPRISE}{data}] ", stamp(&message.at));
    // The byte order mark says that the text is UTF-8 (section 6.4).
    let mut text = format!("{head}\u{feff}{}", message.words(profile));
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// A time has six digits of a second's fraction at most (section 6.2.3.1).
fn stamp(at: &str) -> String {
    match at.split_once('.') {
        Some((whole, fraction)) => format!("{whole}.{}Z", fraction.trim_end_matches('Z').get(..6).unwrap_or("000000")),
        None => at.to_owned(),
    }
}

/// `PARAM-VALUE` (section 6.3.3): quote, backslash and closing bracket are escaped; control characters have no place.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A field of the header: printable ASCII without blanks, `-` if nothing is left.
fn header(text: &str, most: usize) -> String {
    let kept: String = text.chars().filter(char::is_ascii_graphic).take(most).collect();
    if kept.is_empty() { "-".to_owned() } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::event::Event;
    use crate::events::kind::Kind;

    fn message() -> Message {
        let event = Event { site: "n\"o]r\\th\n".into(), device: Some("d1".into()), ..Event::of_all(Kind::Silent, "192.0.2.1 äöü", "limit 1 h") };
        Message { id: "o-7".into(), ..Message::of(&[event], "2026-03-01T12:00:00.123456789Z").unwrap() }
    }

    #[test]
    fn a_message_is_as_the_rfc_writes_it_and_minimal_says_no_address() {
        let text = line(&message(), Profile::Minimal, "hall-3", UDP_MAX);
        let head = "<133>1 2026-03-01T12:00:00.123456Z hall-3 wirecensus - silent [event@32473 id=\"o-7\" count=\"1\" site=\"n\\\"o\\]r\\\\th\" \
                    device=\"d1\" class=\"\"] \u{feff}A device that used to speak";
        assert!(text.starts_with(head), "{text}");
        assert!(!text.contains("192.0.2.1") && !text.contains("limit 1 h"));
        assert!(line(&message(), Profile::Full, "-", UDP_MAX).ends_with("\u{feff}192.0.2.1 äöü"));
    }

    #[test]
    fn a_message_is_cut_between_characters() {
        for most in 150..260 {
            let text = line(&message(), Profile::Full, "-", most);
            assert!(text.len() <= most);
        }
        assert_eq!((header("a b\u{e4}\n", 255), header("\u{e4}", 9)), ("ab".to_owned(), "-".to_owned()));
    }
}
