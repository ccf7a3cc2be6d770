//! TLS around a capture that comes over IP. Only authorities that the configuration names are believed.

use super::over_ip::Patient;
use crate::feeds::Tls;
use enrollment::credential;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// What a side of TLS needs, read before rights are given up.
pub enum Secured {
    /// We connect to a host of this name.
    Client(Arc<ClientConfig>, ServerName<'static>),
    /// We are connected to.
    Server(Arc<ServerConfig>),
}

fn failed(path: &Path, error: impl std::fmt::Display) -> String {
    format!("{}: {error}", super::text::shown(&path.to_string_lossy()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let file = credential::path(path).map_err(|what| failed(path, what))?;
    let all = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(|error| failed(path, error))?;
    if all.is_empty() { Err(failed(path, "no certificate in PEM stands in it")) } else { Ok(all) }
}

fn authorities(path: &Path) -> Result<Arc<RootCertStore>, String> {
    let mut roots = RootCertStore::empty();
    for one in certificates(path)? {
        roots.add(one).map_err(|error| failed(path, error))?;
    }
    Ok(Arc::new(roots))
}

/// Our certificate and its key.
fn identity(tls: &Tls) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>, String> {
    let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) else { return Ok(None) };
    let file = credential::secret(key).map_err(|what| failed(key, what))?;
    Ok(Some((certificates(certificate)?, PrivateKeyDer::from_pem_file(file).map_err(|error| failed(key, error))?)))
}

impl Secured {
    /// For who connects to `host`, a name or an address with its port.
    ///
    /// # Errors
    /// If a file cannot be used.
    pub fn client(tls: &Tls, host: &str) -> Result<Self, String> {
        let Some(ca) = &tls.ca else { return Err("whose certificates may the other side show? Say `ca`".to_owned()) };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        let config = config.with_root_certificates(authorities(ca)?);
        let config = match identity(tls)? {
            Some((chain, key)) => config.with_client_auth_cert(chain, key).map_err(|error| error.to_string())?,
            None => config.with_no_client_auth(),
        };
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
        let name = ServerName::try_from(name.to_owned()).map_err(|error| format!("{}: {error}", super::text::shown(name)))?;
        Ok(Self::Client(Arc::new(config), name))
    }

    /// For who listens.
    ///
    /// # Errors
    /// If a file cannot be used.
    pub fn server(tls: &Tls) -> Result<Self, String> {
        let Some((chain, key)) = identity(tls)? else { return Err("who listens with TLS needs `certificate` and `key`".to_owned()) };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let config = config.map_err(|error| error.to_string())?;
        let config = match &tls.ca {
            Some(ca) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(authorities(ca)?, provider).build();
                config.with_client_cert_verifier(verifier.map_err(|error| failed(ca, error))?)
            }
            None => config.with_no_client_auth(),
        };
        Ok(Self::Server(Arc::new(config.with_single_cert(chain, key).map_err(|error| error.to_string())?)))
    }

    /// Shakes hands over a connection.
    pub(super) fn over(&self, mut stream: Patient) -> io::Result<Encrypted> {
        let mut connection: Connection = match self {
            Self::Client(config, name) => ClientConnection::new(Arc::clone(config), name.clone()).map_err(io::Error::other)?.into(),
            Self::Server(config) => ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?.into(),
        };
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        stream.go_on();
        Ok(Encrypted { connection, stream })
    }
}

/// What comes through TLS.
pub(super) struct Encrypted {
    connection: Connection,
    stream: Patient,
}

impl Read for Encrypted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.connection.wants_read() {
            if self.connection.complete_io(&mut self.stream)?.0 == 0 {
                break;
            }
        }
        self.connection.reader().read(buffer)
    }
}
