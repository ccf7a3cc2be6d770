//! TLS of the front: few connections, handshakes beside each other and each with an end.

use super::{Front, Lasting};
use crate::credential;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Connections at a time: a plant has some dozens of sensors, and each is done in a second.
const CONNECTIONS: usize = 64;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a connection may last, whatever it does: who has more to say comes again.
const LASTS: Duration = Duration::from_secs(60);
/// After a failed `accept` (no file descriptor is left) something else must end first.
const PAUSE: Duration = Duration::from_millis(200);

/// Certificate, key and the CAs of clients.
pub(super) fn config(front: &Front) -> Result<Arc<ServerConfig>, String> {
    let named = |option: &str, file: &Path, what: &str| format!("[enrollment.front] {option} = {:?}: {what}", file.display().to_string());
    let certificates = |option: &str, file: &Path| {
        let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let found = read.map_err(|error| named(option, file, &error.to_string()))?;
        if found.is_empty() { Err(named(option, file, "it holds no certificate in PEM")) } else { Ok(found) }
    };
    let chain = certificates("cert_file", &front.cert_file)?;
    let wrong = |what: &str| named("key_file", &front.key_file, what);
    let key_file = credential::path(&front.key_file).map_err(|what| wrong(&what))?;
    if std::fs::metadata(&key_file).is_ok_and(|metadata| credential::open_to_others(&metadata).is_some()) {
        return Err(wrong("it may be read by others: chmod 600, and replace it"));
    }
    let key = PrivateKeyDer::from_pem_file(&key_file).map_err(|error| wrong(&error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    let config = match &front.client_ca_file {
        None => config.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for root in certificates("client_ca_file", file)? {
                roots.add(root).map_err(|error| named("client_ca_file", file, &error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            config.with_client_cert_verifier(verifier.map_err(|error| named("client_ca_file", file, &error.to_string()))?)
        }
    };
    let config = config.with_single_cert(chain, key);
    config.map(Arc::new).map_err(|error| wrong(&format!("not the key of cert_file: {error}")))
}

/// Connections whose handshake is done.
pub(super) struct Tls {
    ready: mpsc::Receiver<(Lasting<TlsStream<TcpStream>>, SocketAddr)>,
    address: SocketAddr,
}

impl Tls {
    pub(super) fn new(listener: TcpListener, address: SocketAddr, config: Arc<ServerConfig>) -> Self {
        let (sender, ready) = mpsc::channel(CONNECTIONS);
        tokio::spawn(take(listener, TlsAcceptor::from(config), sender));
        Self { ready, address }
    }
}

type Ready = mpsc::Sender<(Lasting<TlsStream<TcpStream>>, SocketAddr)>;

/// Takes connections while there is a place for them; others wait in the system's queue.
async fn take(listener: TcpListener, acceptor: TlsAcceptor, ready: Ready) {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else { return };
        let Ok((stream, from)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let (acceptor, ready) = (acceptor.clone(), ready.clone());
        tokio::spawn(async move {
            // Who is not trusted, or says nothing, is gone; there is nobody to tell it to.
            if let Ok(Ok(stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await {
                let _ = ready.send((Lasting::new(stream, LASTS, Some(permit)), from)).await;
            }
        });
    }
}

impl axum::serve::Listener for Tls {
    type Io = Lasting<TlsStream<TcpStream>>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(ready) => ready,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}
