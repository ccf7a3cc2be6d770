//! Few connections at a time, each with an end.

use axum::serve::Listener;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

/// Connections at a time: a Prometheus, a probe and some people. Each holds a buffer and a file descriptor.
pub(super) const CONNECTIONS: usize = 16;

/// How long one may last, whatever it does: who comes regularly comes again.
const LASTS: Duration = Duration::from_secs(30);

/// A listener that takes no more than [`CONNECTIONS`]; others wait in the system's queue.
pub(super) struct Limited<L> {
    inner: L,
    free: Arc<Semaphore>,
}

impl<L> Limited<L> {
    pub(super) fn new(inner: L) -> Self {
        Self { inner, free: Arc::new(Semaphore::new(CONNECTIONS)) }
    }
}

impl<L: Listener> Listener for Limited<L>
where
    L::Io: Unpin,
{
    type Io = Lasting<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        // The semaphore is never closed; without a permit there would be one connection too many.
        let permit = Arc::clone(&self.free).acquire_owned().await.ok();
        let (io, address) = self.inner.accept().await;
        (Lasting { io, end: Box::pin(sleep(LASTS)), _permit: permit }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.inner.local_addr()
    }
}

/// A connection that ends after [`LASTS`].
pub(super) struct Lasting<I> {
    io: I,
    end: Pin<Box<Sleep>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl<I> Lasting<I> {
    fn over(&mut self, cx: &mut Context<'_>) -> bool {
        self.end.as_mut().poll(cx).is_ready()
    }
}

fn too_long<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
}

impl<I: AsyncRead + Unpin> AsyncRead for Lasting<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.over(cx) { too_long() } else { Pin::new(&mut self.io).poll_read(cx, buffer) }
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Lasting<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.over(cx) { too_long() } else { Pin::new(&mut self.io).poll_write(cx, bytes) }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
