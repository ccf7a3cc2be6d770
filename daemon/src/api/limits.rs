//! Few connections at a time, each with an end.

use axum::serve::Listener;
use enrollment::serve::Lasting;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

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
        (Lasting::new(io, LASTS, permit), address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.inner.local_addr()
    }
}
