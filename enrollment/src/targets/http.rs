//! One blocking HTTP client for all kinds that speak HTTP: TLS against one private CA file, no proxy, no foreign redirect, bounded answers.
//!
//! What goes wrong is told apart here once: a host that is not there, a certificate that is not trusted, one for another name, a time-out,
//! an answer that is none. Messages name the host and what to do, and never a header or a body that we sent.

use super::Settings;
use crate::credential;
use crate::target::{Failure, Reason};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, ClientCert, PemItem, RootCerts, TlsConfig};

/// How long a whole call may take. A vault that signs with a hardware module needs seconds; one that needs longer is in trouble.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long connecting and the TLS handshake may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer in bytes. A list of 100,000 serials takes 6 MB.
const MAX_ANSWER: u64 = 16 << 20;
/// How many redirects are followed on the same host.
const MAX_REDIRECTS: usize = 2;
/// Longest file with a credential or certificates in bytes.
const MAX_FILE: u64 = 1 << 20;
/// Paths of a vault that no namespace has: they are asked of the whole server.
const ROOT_ONLY: &[&str] = &["/v1/sys/health", "/v1/sys/seal-status"];
/// How much of another's words a message repeats, in characters.
const MAX_QUOTED: usize = 300;

/// A value that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

/// An answer: whatever its status, it is for the caller to judge.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) location: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) replayed: bool,
}

impl Answer {
    /// The body as JSON; null where it is none.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A client of one host.
pub(crate) struct Client {
    agent: ureq::Agent,
    base: String,
    name: String,
    timeout: Duration,
    namespace: Option<String>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({})", self.base)
    }
}

impl Client {
    /// A client of the host of `settings.address`.
    pub(crate) fn open(name: &str, settings: &Settings) -> Result<Self, Failure> {
        Self::with_timeout(name, settings, CALL_TIMEOUT)
    }

    pub(crate) fn with_timeout(name: &str, settings: &Settings, timeout: Duration) -> Result<Self, Failure> {
        let base = settings.address.trim_end_matches('/').to_owned();
        let host = authority(&base).unwrap_or_default();
        let secure = base.starts_with("https://");
        if host.is_empty() || host.contains('@') || !(secure || base.starts_with("http://")) {
            return Err(wrong(name, "address must be https://HOST:PORT"));
        }
        if !secure && !loopback(&host) {
            return Err(wrong(name, "address must begin with https://: credentials do not cross a network in the clear"));
        }
        let namespace = settings.namespace.as_deref().map(|path| path.trim_matches('/').to_owned());
        if namespace.as_ref().is_some_and(|path| path.is_empty() || !path.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))) {
            return Err(wrong(name, "namespace is no path of a namespace: letters, digits, - _ . and slashes between"));
        }
        let config = ureq::Agent::config_builder()
            .tls_config(tls(name, settings, secure)?)
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(timeout))
            .timeout_connect(Some(CONNECT_TIMEOUT.min(timeout)))
            .user_agent(concat!("wirecensus/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: config.into(), base, name: name.to_owned(), timeout, namespace })
    }

    /// The target's name in the configuration.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where it leads.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// One call. `path` begins with a slash and is appended to the address.
    pub(crate) fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Result<Answer, Failure> {
        let mut url = format!("{}{path}", self.base);
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.once(method, &url, headers, body)?;
            if !matches!(answer.status, 301 | 302 | 307 | 308) {
                return Ok(answer);
            }
            url = self.redirected(answer.location.as_deref().unwrap_or_default())?;
        }
        Err(self.failure(Reason::Refused, "redirects in a circle: check the address"))
    }

    fn once(&self, method: &str, url: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Result<Answer, Failure> {
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(namespace) = self.namespace.as_ref().filter(|_| !ROOT_ONLY.iter().any(|path| url.ends_with(path))) {
            request = request.header("X-Vault-Namespace", namespace);
        }
        // An invalid header is the one thing that fails here, and a header is a credential or an id: it is not repeated.
        let bad =
            |_| self.failure(Reason::Refused, "a header or the path cannot be sent as it stands: look for line breaks in the credential's file");
        let sent = match body {
            Some(body) => self.agent.run(request.body(body).map_err(bad)?),
            None => self.agent.run(request.body(()).map_err(bad)?),
        };
        let mut response = sent.map_err(|error| self.explain(&error))?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (location, retry_after) = (header("location"), header("retry-after"));
        let replayed = header("idempotency-replayed").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec().map_err(|error| self.explain(&error))?;
        Ok(Answer { status, body, location, retry_after: retry_after.and_then(|text| seconds(&text)), replayed })
    }

    /// Where a redirect leads, if that is the same host: a credential goes to no other.
    fn redirected(&self, location: &str) -> Result<String, Failure> {
        let own = authority(&self.base).unwrap_or_default();
        let scheme = self.base.split("://").next().unwrap_or_default();
        if location.starts_with('/') && !location.starts_with("//") {
            return Ok(format!("{scheme}://{own}{location}"));
        }
        if location.starts_with(&format!("{scheme}://")) && authority(location).as_ref() == Some(&own) {
            return Ok(location.to_owned());
        }
        let to = authority(location).unwrap_or_else(|| "nowhere".to_owned());
        let text = format!("redirects to {}, which is another host: give that one as address, or one that stays", clean(&to));
        Err(self.failure(Reason::Refused, &text))
    }

    pub(crate) fn failure(&self, reason: Reason, text: &str) -> Failure {
        Failure { reason, message: format!("target {} ({}): {text}", self.name, self.base) }
    }

    fn explain(&self, error: &ureq::Error) -> Failure {
        use ureq::Error;
        match error {
            Error::Rustls(error) => self.untrusted(error),
            Error::Io(io) => match io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(error) => self.untrusted(error),
                None if io.kind() == std::io::ErrorKind::TimedOut => self.timed_out(),
                None => self.failure(Reason::Unreachable, &format!("cannot be reached: {}; is it up, and is the address right?", io.kind())),
            },
            Error::Timeout(_) => self.timed_out(),
            Error::HostNotFound => self.failure(Reason::Unreachable, "the host's name does not resolve: check the address and the name server"),
            Error::BodyExceedsLimit(_) | Error::LargeResponseHeader(..) => {
                self.failure(Reason::Garbled, &format!("answered more than {MAX_ANSWER} bytes: is it the right address?"))
            }
            Error::Protocol(_) | Error::Http(_) => {
                self.failure(Reason::Garbled, "the answer is not HTTP: is it the right port, and https where https is meant?")
            }
            Error::Tls(_) => self.failure(Reason::Untrusted, "the address holds no name that a certificate could bear"),
            _ => self.failure(Reason::Unreachable, "cannot be reached: is it up, and is the address right?"),
        }
    }

    fn timed_out(&self) -> Failure {
        self.failure(Reason::Unreachable, &format!("did not answer within {} s", self.timeout.as_secs_f32()))
    }

    fn untrusted(&self, error: &rustls::Error) -> Failure {
        use rustls::{AlertDescription as Alert, CertificateError as Wrong, Error};
        match error {
            Error::InvalidCertificate(wrong) => {
                let text = match wrong {
                    Wrong::UnknownIssuer | Wrong::BadSignature => "its certificate is of a CA that is not in ca_file: give the CA that issued it",
                    Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => {
                        "its certificate bears another name than the address: use a name that it bears, or have it reissued"
                    }
                    Wrong::Expired | Wrong::ExpiredContext { .. } => {
                        "its certificate has expired, or this machine's clock is ahead: compare the clocks, then renew it"
                    }
                    Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
                        "its certificate is not valid yet: this machine's clock is behind, or its clock was ahead"
                    }
                    Wrong::Revoked => "its certificate was revoked: somebody else may hold its key",
                    _ => "its certificate does not hold: have it reissued (openssl s_client shows it)",
                };
                self.failure(Reason::Untrusted, text)
            }
            Error::AlertReceived(
                Alert::CertificateRequired
                | Alert::UnknownCA
                | Alert::BadCertificate
                | Alert::AccessDenied
                | Alert::CertificateExpired
                | Alert::CertificateUnknown,
            ) => self.failure(
                Reason::Unauthenticated,
                "refuses our TLS certificate: give client_cert_file and client_key_file of a CA that it knows, not expired",
            ),
            Error::InvalidMessage(_) => self.failure(Reason::Garbled, "does not speak TLS on this port: is the port right?"),
            _ => self.failure(Reason::Untrusted, "the TLS handshake failed: it offers no version or algorithm of TLS 1.2 or 1.3 that we accept"),
        }
    }
}

/// TLS with the CAs of `ca_file` and nothing else.
fn tls(name: &str, settings: &Settings, secure: bool) -> Result<TlsConfig, Failure> {
    let roots = match &settings.ca_file {
        Some(file) => certificates(name, "ca_file", file)?,
        None if secure => return Err(wrong(name, "ca_file is missing: the CA that issued the other side's certificate, PEM")),
        None => Vec::new(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&roots)).unversioned_rustls_crypto_provider(Arc::clone(&provider));
    let client = match (&settings.client_cert_file, &settings.client_key_file) {
        (Some(chain), Some(key)) => Some(client(name, chain, key, &provider)?),
        (None, None) => None,
        _ => return Err(wrong(name, "client_cert_file and client_key_file go together: one is missing")),
    };
    Ok(config.client_cert(client).build())
}

fn certificates(name: &str, option: &str, file: &Path) -> Result<Vec<Certificate<'static>>, Failure> {
    let pem = read(name, option, file)?;
    let found: Vec<_> = ureq::tls::parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() { Err(wrong(name, &format!("{option} {} holds no certificate in PEM", file.display()))) } else { Ok(found) }
}

/// Our certificate. Whether the key belongs to it is checked here: later is too late for a message.
fn client(name: &str, chain: &Path, key: &Path, provider: &Arc<rustls::crypto::CryptoProvider>) -> Result<ClientCert, Failure> {
    let certificates = certificates(name, "client_cert_file", chain)?;
    let pem = read_private(name, "client_key_file", key)?;
    let private = ureq::tls::PrivateKey::from_pem(pem.reveal().as_bytes())
        .map_err(|_| wrong(name, &format!("client_key_file {} holds no private key in PEM", key.display())))?;
    let der = rustls::pki_types::PrivateKeyDer::try_from(private.der().to_vec())
        .map_err(|_| wrong(name, "client_key_file is of a kind that is not known"))?;
    let list = certificates.iter().map(|one| rustls::pki_types::CertificateDer::from(one.der().to_vec())).collect();
    rustls::sign::CertifiedKey::from_der(list, der, provider)
        .map_err(|_| wrong(name, "client_key_file is not the key of the first certificate in client_cert_file"))?;
    Ok(ClientCert::new_with_certs(&certificates, private))
}

/// A file of the configuration.
pub(crate) fn read(name: &str, option: &str, file: &Path) -> Result<Vec<u8>, Failure> {
    let file = &credential::path(file).map_err(|what| wrong(name, &format!("{option}: {what}")))?;
    let problem = |error: std::io::Error| wrong(name, &format!("{option} {} cannot be read: {error}", file.display()));
    if std::fs::metadata(file).map_err(problem)?.len() > MAX_FILE {
        return Err(wrong(name, &format!("{option} {} is longer than {MAX_FILE} bytes: is it the right file?", file.display())));
    }
    std::fs::read(file).map_err(problem)
}

/// A file with a credential: trimmed, and refused where others may read it.
pub(crate) fn read_private(name: &str, option: &str, file: &Path) -> Result<Secret, Failure> {
    let bytes = read(name, option, file)?;
    let file = &credential::path(file).map_err(|what| wrong(name, &format!("{option}: {what}")))?;
    if let Some(mode) = std::fs::metadata(file).ok().and_then(|metadata| credential::open_to_others(&metadata)) {
        let what = format!("{option} {} may be read by others (mode {mode:04o}): chmod 600, and replace what is in it", file.display());
        return Err(wrong(name, &what));
    }
    match std::str::from_utf8(&bytes).map(str::trim) {
        Ok(text) if !text.is_empty() => Ok(Secret::new(text)),
        _ => Err(wrong(name, &format!("{option} {} is empty or no text", file.display()))),
    }
}

/// A setting that makes no target.
pub(crate) fn wrong(name: &str, text: &str) -> Failure {
    Failure { reason: Reason::Refused, message: format!("target {name}: {text}") }
}

/// Another's words, fit to be repeated: one line, short, no control characters.
pub(crate) fn clean(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().filter(|c| !c.is_control()).take(MAX_QUOTED).collect()
}

/// A segment of a path, percent-encoded but for the unreserved characters (RFC 3986, section 2.3).
pub(crate) fn segment(text: &str) -> String {
    text.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            path.push(char::from(byte));
        } else {
            path += &format!("%{byte:02X}");
        }
        path
    })
}

fn authority(url: &str) -> Option<String> {
    let rest = url.split_once("://")?.1;
    rest.split(['/', '?', '#']).next().map(str::to_ascii_lowercase)
}

fn loopback(authority: &str) -> bool {
    let host = authority.strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or_else(|| authority.split(':').next().unwrap_or_default());
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `Retry-After` in seconds (RFC 9110, section 10.2.3). A date is taken as none: our clocks may differ.
fn seconds(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(address: &str) -> Settings {
        Settings { address: address.to_owned(), ..Settings::default() }
    }

    #[test]
    fn credentials_do_not_cross_a_network_in_the_clear() {
        for address in ["http://vault.example", "ftp://127.0.0.1", "127.0.0.1:8200", "https://user:pass@host", ""] {
            assert!(Client::open("v", &settings(address)).is_err(), "{address}");
        }
        assert!(Client::open("v", &settings("http://127.0.0.1:8200/")).is_ok());
        assert!(Client::open("v", &settings("http://[::1]:8200")).is_ok());
        let failure = Client::open("v", &settings("https://vault.example")).unwrap_err();
        assert!(failure.message.contains("ca_file is missing"), "{failure}");
    }

    #[test]
    fn a_redirect_is_followed_on_the_same_host_only() {
        let client = Client::open("v", &settings("http://127.0.0.1:8200")).unwrap();
        assert_eq!(client.redirected("/v1/x").unwrap(), "http://127.0.0.1:8200/v1/x");
        assert!(client.redirected("http://127.0.0.1:8200/v1/x").is_ok());
        for location in ["http://127.0.0.1:8201/", "https://127.0.0.1:8200/", "//evil/", "http://127.0.0.1:8200@evil/", ""] {
            assert_eq!(client.redirected(location).unwrap_err().reason, Reason::Refused, "{location}");
        }
    }

    #[test]
    fn nothing_of_a_secret_is_shown() {
        assert_eq!(format!("{:?}", Secret::new("hvs.abc")), "Secret(…)");
    }

    #[test]
    fn a_segment_stays_one() {
        assert_eq!(segment("a/../b?c=ü"), "a%2F..%2Fb%3Fc%3D%C3%BC");
    }

    #[test]
    fn a_credential_that_everybody_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "s.secret\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let failure = read_private("v", "token_file", &file).unwrap_err();
        assert!(failure.message.contains("chmod 600") && !failure.message.contains("s.secret"), "{failure}");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read_private("v", "token_file", &file).unwrap().reveal(), "s.secret");
    }
}
