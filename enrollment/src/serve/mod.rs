//! The registrar's front: sensors on other hosts propose here by `openapi/enrollment.yaml`, and people whom a vault authenticates say what
//! they think of it (`openapi/registrar.yaml`). HTTPS alone.
//!
//! What counts is the signature: a proposal is taken of a sensor that the policy lists, whoever opened the connection, and of nobody
//! else. Where `client_ca_file` is given, a connection needs a certificate besides. One thread answers, few connections at a time, each
//! with an end; nobody who is not listed makes anything grow.

mod answer;
mod caller;
mod gate;
mod lasting;
mod people;
mod tls;

pub use caller::{SIGNATURE, of_call, of_proposal};
pub use lasting::Lasting;

use crate::policy::Policy;
use crate::registrar::Registrar;
use crate::sign::Key;
use crate::targets::{Secret, now};
use answer::{Asked, Desk, Reply};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Below which the contract's paths stand.
pub const BASE: &str = "/api/v1";
/// Longest body, octets. A request with all its evidence has about 10,000.
const BODY_MAX: usize = 256 * 1024;
/// Calls that are worked on at a time: the database takes one after the other, a vault that is asked for a person may be slow.
const WORKERS: usize = 8;

/// The table `[enrollment.front]`: how the registrar is reached by sensors on other hosts.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Front {
    /// Address and port; `enroll serve --listen` says another. Neither: there is no front.
    pub listen: Option<SocketAddr>,
    /// The registrar's certificate and what leads to its root, PEM.
    pub cert_file: PathBuf,
    /// Its key, PEM.
    pub key_file: PathBuf,
    /// The CAs whose certificates open a connection, PEM. Without it any connection is taken: the signature counts all the same.
    pub client_ca_file: Option<PathBuf>,
}

/// A front that listens and does not answer yet.
pub struct Bound {
    listener: std::net::TcpListener,
    tls: Arc<rustls::ServerConfig>,
    address: SocketAddr,
}

impl Bound {
    /// Listens.
    ///
    /// # Errors
    /// If the address is in use, or certificate and key make no server; the message says which.
    pub fn open(listen: SocketAddr, front: &Front) -> Result<Self, String> {
        let tls = tls::config(front)?;
        let failed = |error: std::io::Error| format!("listen {listen}: {error}");
        let listener = std::net::TcpListener::bind(listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, tls, address })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers from now on, in a thread of its own, with a registrar of its own on the same database; `key` is the registrar's own.
    ///
    /// # Errors
    /// If there can be no such thread.
    pub fn serve(self, registrar: Registrar, key: Key) -> Result<Server, String> {
        let failed = |error: std::io::Error| format!("a thread for the front: {error}");
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_io().enable_time().max_blocking_threads(WORKERS).build().map_err(failed)?;
        let (end, ended) = oneshot::channel::<()>();
        let desk = Arc::new(Desk::new(registrar, key));
        let answer = move || {
            runtime.block_on(async move {
                // What is being answered is cut off: whoever asked asks again.
                tokio::select! { () = self.answer(desk) => {}, _ = ended => {} }
            });
        };
        let thread = std::thread::Builder::new().name("front".to_owned()).spawn(answer).map_err(failed)?;
        Ok(Server { end, thread })
    }

    async fn answer(self, desk: Arc<Desk>) {
        let Ok(listener) = tokio::net::TcpListener::from_std(self.listener) else { return };
        let router = Router::new().fallback(handle).with_state(desk);
        // It ends with the thread and not before.
        let _ = axum::serve(tls::Tls::new(listener, self.address, self.tls), router).await;
    }
}

/// Answers until it is ended.
pub struct Server {
    end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Ends it.
    pub fn end(self) {
        let _ = self.end.send(());
        let _ = self.thread.join();
    }
}

async fn handle(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_MAX).await else {
        return response(Reply::problem(413, "too long", &format!("a body has at most {BODY_MAX} octets")));
    };
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let asked = Asked {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        signature: text(SIGNATURE),
        idempotency_key: text("idempotency-key"),
        token: text("x-vault-token").map(|token| Secret::new(&token)),
        body: body.to_vec(),
    };
    let worked = tokio::task::spawn_blocking(move || desk.answer(&asked, now())).await;
    response(worked.unwrap_or_else(|_| Reply::problem(500, "in trouble", "the registrar could not answer; its log says why")))
}

fn response(reply: Reply) -> Response {
    let kind = if reply.status >= 400 { "application/problem+json" } else { "application/json" };
    let mut response = Response::new(Body::from(reply.body.to_string()));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(at) = reply.location.and_then(|at| HeaderValue::from_str(&at).ok()) {
        headers.insert(header::LOCATION, at);
    }
    if let Some(seconds) = reply.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if reply.replayed {
        headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    response
}

/// Whether a policy lets anybody in at all: a front without a sensor and without people answers nobody.
#[must_use]
pub fn serves_anybody(policy: &Policy) -> bool {
    !policy.sensor.is_empty() || policy.people.is_some()
}
