//! Metrics and health over HTTP, where the configuration says. Nothing can be changed through it, and nothing of the inventory stands
//! in it.
//!
//! `/metrics` in the text format of Prometheus; `/health/live` answers while the process does; `/health/ready` is 200 if all is as it
//! should be and else 503 with the reasons. One thread, few connections, each with an end.

mod limits;

use crate::operation::board::Board;
use crate::operation::settings::Listen;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use limits::Limited;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Why metrics and health cannot be told.
#[derive(Debug)]
pub enum ApiError {
    /// The address or socket.
    Listen(String, std::io::Error),
    /// The thread or what runs in it.
    Thread(std::io::Error),
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listen(place, error) => write!(f, "[api] listen {place}: {error}"),
            Self::Thread(error) => write!(f, "a thread beside capturing: {error}"),
        }
    }
}

impl std::error::Error for ApiError {}

/// A socket that listens, opened while there were still rights for it.
#[derive(Debug)]
pub enum Bound {
    /// An address.
    Tcp(std::net::TcpListener),
    /// A socket in the file system, which is taken away at the end.
    Unix(std::os::unix::net::UnixListener, PathBuf),
}

impl Bound {
    /// Listens.
    ///
    /// # Errors
    /// If the address is in use, or may not be used.
    pub fn open(listen: &Listen) -> Result<Self, ApiError> {
        let (place, bound) = match listen {
            Listen::Tcp(address) => {
                (address.to_string(), std::net::TcpListener::bind(address).and_then(|bound| bound.set_nonblocking(true).map(|()| Self::Tcp(bound))))
            }
            Listen::Unix(path) => {
                // A daemon that was killed left its own; anything else is not ours to take away.
                if std::fs::symlink_metadata(path).is_ok_and(|known| known.file_type().is_socket())
                    && std::os::unix::net::UnixStream::connect(path).is_err()
                {
                    let _ = std::fs::remove_file(path);
                }
                let bound = std::os::unix::net::UnixListener::bind(path);
                (path.display().to_string(), bound.and_then(|bound| bound.set_nonblocking(true).map(|()| Self::Unix(bound, path.clone()))))
            }
        };
        bound.map_err(|error| ApiError::Listen(place, error))
    }

    /// Answers from now on, in a thread of its own.
    ///
    /// # Errors
    /// If there can be no such thread.
    pub fn serve(self, board: Arc<Board>) -> Result<Server, ApiError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().map_err(ApiError::Thread)?;
        let (end, ended) = oneshot::channel::<()>();
        let path = if let Self::Unix(_, path) = &self { Some(path.clone()) } else { None };
        let answer = move || {
            runtime.block_on(async move {
                let serving = self.answer(router(board));
                // What is being answered is cut off: a stop waits for nobody.
                tokio::select! { () = serving => {}, _ = ended => {} }
            });
        };
        let thread = std::thread::Builder::new().name("api".to_owned()).spawn(answer).map_err(ApiError::Thread)?;
        Ok(Server { end, thread, path })
    }

    async fn answer(self, router: Router) {
        let served = match self {
            Self::Tcp(bound) => match tokio::net::TcpListener::from_std(bound) {
                Ok(bound) => axum::serve(Limited::new(bound), router).await,
                Err(error) => Err(error),
            },
            Self::Unix(bound, _) => match tokio::net::UnixListener::from_std(bound) {
                Ok(bound) => axum::serve(Limited::new(bound), router).await,
                Err(error) => Err(error),
            },
        };
        if let Err(error) = served {
            tracing::error!(%error, "metrics and health are no longer told");
        }
    }
}

/// Answers until it is ended.
#[derive(Debug)]
pub struct Server {
    end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
    path: Option<PathBuf>,
}

impl Server {
    /// Ends it.
    pub fn end(self) {
        let _ = self.end.send(());
        let _ = self.thread.join();
        if let Some(path) = self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn router(board: Arc<Board>) -> Router {
    Router::new().route("/metrics", get(metrics)).route("/health/live", get(live)).route("/health/ready", get(ready)).with_state(board)
}

async fn metrics(State(board): State<Arc<Board>>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], board.status().metrics()).into_response()
}

async fn live() -> Response {
    json(StatusCode::OK, &serde_json::json!({ "live": true }))
}

async fn ready(State(board): State<Arc<Board>>) -> Response {
    let status = board.status();
    let code = if status.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(code, &serde_json::json!({ "ready": status.ready, "reasons": status.reasons }))
}

fn json(code: StatusCode, value: &serde_json::Value) -> Response {
    (code, [(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    /// What comes back, heads and all.
    fn ask(path: &std::path::Path, request: &str) -> String {
        let mut stream = UnixStream::connect(path).unwrap();
        stream.write_all(format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn metrics_and_health_are_told_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        let board = Arc::new(Board::new("w.db", &["eth1".to_owned()]));
        let server = Bound::open(&Listen::Unix(path.clone())).unwrap().serve(Arc::clone(&board)).unwrap();
        assert!(ask(&path, "GET /metrics").contains("wirecensus_packets_total{interface=\"eth1\"} 0\n"));
        assert!(ask(&path, "GET /health/live").starts_with("HTTP/1.1 200"));
        assert!(ask(&path, "GET /health/ready").contains("{\"ready\":true,\"reasons\":[]}"));
        board.gauge("eth1").unwrap().end();
        let answer = ask(&path, "GET /health/ready");
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("eth1: no longer listened to"), "{answer}");
        assert!(ask(&path, "POST /metrics").starts_with("HTTP/1.1 405"));
        assert!(ask(&path, "GET /").starts_with("HTTP/1.1 404"));
        assert!(Bound::open(&Listen::Unix(path.clone())).is_err(), "it is in use");
        server.end();
        assert!(!path.exists());
    }

    #[test]
    fn those_who_say_nothing_keep_nobody_else_out_for_long() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        let server = Bound::open(&Listen::Unix(path.clone())).unwrap().serve(Arc::new(Board::new("w.db", &[]))).unwrap();
        let idle: Vec<UnixStream> = (0..limits::CONNECTIONS - 1).map(|_| UnixStream::connect(&path).unwrap()).collect();
        assert!(ask(&path, "GET /health/live").starts_with("HTTP/1.1 200"));
        drop(idle);
        server.end();
    }
}
