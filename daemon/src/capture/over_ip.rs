//! A capture that another machine sends over TCP as it is taken (pcap-over-IP), with TLS or without. Whoever sends it is named in the
//! configuration; nobody else is contacted, and what comes is as hostile as any capture.

use super::block::{Block, Blocks, Damage, Health};
use super::condition::{Condition, State};
use super::file::FileReader;
use super::filter::Filter;
use super::text::{grouped, shown};
use super::tls::Secured;
use crate::clock;
use observations::{Part, Stamp};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Blocks that wait to be read: what the peer may send ahead of us, some megabytes. Then TCP holds it back.
const QUEUE: usize = 4;

/// How long a wait lasts: the stop flag is looked at this often.
const WAIT: Duration = Duration::from_millis(100);

/// For a connection, and for a write: within the five seconds that an end may take.
const CONNECT_MAX: Duration = Duration::from_secs(2);

/// For the handshake of TLS: four messages.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// A peer that sends nothing for so long gives way to the next: there is one at a time. Networks at rest speak every half minute.
const IDLE_MAX: Duration = Duration::from_secs(300);

/// Silence that is worth a word, as on an interface.
const SILENT_AFTER: Duration = Duration::from_secs(45);

/// Between two attempts to connect: doubled until it is a minute.
const BACKOFF_LEAST: Duration = Duration::from_secs(1);
const BACKOFF_MOST: Duration = Duration::from_secs(60);

/// Packets that claim to come from more than a day ahead are left out: each month of packet time is a source of its own, and a peer could
/// make them without end.
const AHEAD_MAX: i64 = 86_400 * 1_000_000_000;

/// How the peer is met.
pub enum Meeting {
    /// We connect to one of these addresses of one host.
    Connect(Vec<SocketAddr>),
    /// We wait for it, one at a time.
    Listen(TcpListener),
}

impl Meeting {
    /// Finds a host's addresses: before rights are given up, and once.
    ///
    /// # Errors
    /// If it has none.
    pub fn connect(host: &str) -> io::Result<Self> {
        let found: Vec<SocketAddr> = std::net::ToSocketAddrs::to_socket_addrs(host)?.collect();
        if found.is_empty() { Err(io::Error::other("no such host")) } else { Ok(Self::Connect(found)) }
    }

    /// Opens an address of this machine.
    ///
    /// # Errors
    /// If it is taken, or not ours.
    pub fn listen(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self::Listen(listener))
    }
}

/// A capture that comes over IP, for as long as the daemon runs.
pub struct OverIp {
    name: String,
    receiver: Receiver<Block>,
    /// Who will meet the peer, until the first block is asked for.
    other: Option<Other>,
    shared: Arc<Shared>,
    condition: Arc<Condition>,
    state: State,
    heard: Instant,
    number: u64,
    /// Packets that were left out.
    ahead: u64,
    filter: Option<Filter>,
}

/// What both threads know.
#[derive(Default)]
struct Shared {
    connected: AtomicBool,
    /// Streams that ended within a packet, or were none.
    broken: AtomicU64,
}

impl OverIp {
    /// Will meet the peer, on a thread of its own that begins when the first block is asked for, since rights are given up before that,
    /// and ends with the flag.
    #[must_use]
    pub fn new(name: &str, meeting: Meeting, tls: Option<Secured>, stop: Arc<AtomicBool>) -> Self {
        let (sender, receiver) = sync_channel(QUEUE);
        let shared = Arc::<Shared>::default();
        let condition = Arc::<Condition>::default();
        condition.is(State::Down, Duration::ZERO);
        let other = Other { name: name.to_owned(), meeting, tls, stop, sender, shared: Arc::clone(&shared), backoff: BACKOFF_LEAST, told: false };
        let heard = Instant::now();
        Self { name: name.to_owned(), receiver, other: Some(other), shared, condition, state: State::Down, heard, number: 0, ahead: 0, filter: None }
    }

    /// How it fares; the clone may be asked from another thread.
    #[must_use]
    pub fn condition(&self) -> Arc<Condition> {
        Arc::clone(&self.condition)
    }

    /// Notes how it fares, where that changed: others change it too.
    fn fares(&mut self) {
        let lasted = self.heard.elapsed();
        let state = match () {
            () if !self.shared.connected.load(Ordering::Relaxed) => State::Down,
            () if lasted >= SILENT_AFTER => State::Silent,
            () => State::Alive,
        };
        if state != self.state {
            self.state = state;
            self.condition.is(state, if state == State::Silent { lasted } else { Duration::ZERO });
            if state == State::Silent {
                tracing::warn!(source = %shown(&self.name), "{}: no packet for {} s", shown(&self.name), lasted.as_secs());
            }
        }
    }

    /// Packets go on being numbered over all streams.
    fn take(&mut self, block: &mut Block) {
        let most = clock::now().saturating_add(AHEAD_MAX);
        let before = block.records.len();
        block.records.retain(|record| record.time <= most);
        let left_out = (before - block.records.len()) as u64;
        if left_out > 0 && self.ahead == 0 {
            tracing::warn!(source = %shown(&self.name), "{}: packets of more than a day ahead are left out: whose clock is wrong?", shown(&self.name));
        }
        self.ahead += left_out;
        if let Some(filter) = &mut self.filter {
            filter.apply(block);
        }
        for record in &mut block.records {
            self.number += 1;
            record.id = Stamp::packet_id(0, self.number);
        }
    }
}

impl Blocks for OverIp {
    fn next(&mut self, block: &mut Block) -> Result<bool, Damage> {
        block.records.clear();
        if let Some(mut other) = self.other.take() {
            // Without a thread nobody sends, and the source ends at once.
            if let Err(error) = std::thread::Builder::new().name("pcap-over-ip".to_owned()).spawn(move || other.run()) {
                tracing::error!(source = %shown(&self.name), "{}: {error}", shown(&self.name));
            }
        }
        match self.receiver.recv_timeout(WAIT) {
            Ok(mut come) => {
                self.heard = Instant::now();
                self.take(&mut come);
                *block = come;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(false),
        }
        self.fares();
        Ok(true)
    }

    fn health(&self) -> Health {
        Health::default()
    }

    fn parts(&self) -> Vec<Part> {
        let broken = self.shared.broken.load(Ordering::Relaxed);
        let mut damages = Vec::new();
        damages.extend((broken > 0).then(|| format!("the stream broke {} times", grouped(broken))));
        damages.extend((self.ahead > 0).then(|| format!("{} packets of more than a day ahead were left out", grouped(self.ahead))));
        let damage = (!damages.is_empty()).then(|| damages.join("; "));
        vec![Part { name: self.name.clone(), packets: self.number, damage, sha256: None }]
    }

    fn filter(&mut self, expression: Option<&str>) -> Result<(), String> {
        self.filter = expression.map(Filter::compile).transpose()?;
        Ok(())
    }
}

/// The thread that meets the peer.
struct Other {
    name: String,
    meeting: Meeting,
    tls: Option<Secured>,
    stop: Arc<AtomicBool>,
    sender: SyncSender<Block>,
    shared: Arc<Shared>,
    backoff: Duration,
    /// That it cannot be met was said.
    told: bool,
}

impl Other {
    fn run(&mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            let ended = match self.meet() {
                Ok(Some((stream, from))) => self.read(stream, &from),
                Ok(None) => continue,
                Err(error) => Err(error.to_string()),
            };
            self.shared.connected.store(false, Ordering::Relaxed);
            match ended {
                Ok(()) => self.told = false,
                Err(_) if self.stop.load(Ordering::Relaxed) => return,
                Err(why) if !std::mem::replace(&mut self.told, true) => self.tell(&format!("{why}; it is tried again")),
                Err(why) => tracing::debug!(source = %shown(&self.name), "{}: {}", shown(&self.name), shown(&why)),
            }
            self.rest();
        }
    }

    fn tell(&self, what: &str) {
        tracing::warn!(source = %shown(&self.name), "{}: {}", shown(&self.name), shown(what));
    }

    /// Between two attempts to connect. Who listens waits for the peer anyway.
    fn rest(&mut self) {
        let long = if let Meeting::Connect(_) = self.meeting { self.backoff } else { WAIT };
        let until = Instant::now() + long;
        while Instant::now() < until && !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(WAIT.min(long));
        }
        self.backoff = (self.backoff * 2).min(BACKOFF_MOST);
    }

    /// A connection, if there is one by now.
    fn meet(&self) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        match &self.meeting {
            Meeting::Connect(addresses) => {
                let mut last = io::Error::other("no address");
                for address in addresses {
                    match TcpStream::connect_timeout(address, CONNECT_MAX) {
                        Ok(stream) => return Ok(Some((stream, *address))),
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
            Meeting::Listen(listener) => match listener.accept() {
                Ok(met) => Ok(Some(met)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::thread::sleep(WAIT);
                    Ok(None)
                }
                Err(error) => Err(error),
            },
        }
    }

    /// Reads a stream to its end.
    fn read(&mut self, stream: TcpStream, from: &SocketAddr) -> Result<(), String> {
        let words = |error: io::Error| format!("{from}: {error}");
        stream.set_nonblocking(false).map_err(words)?;
        stream.set_read_timeout(Some(WAIT)).map_err(words)?;
        stream.set_write_timeout(Some(CONNECT_MAX)).map_err(words)?;
        let until = Some(Instant::now() + HANDSHAKE_MAX);
        let mut patient = Patient { stream, stop: Arc::clone(&self.stop), limit: HANDSHAKE_MAX, until };
        let reader: Box<dyn Read + Send> = match &self.tls {
            None => {
                patient.go_on();
                Box::new(patient)
            }
            Some(tls) => Box::new(tls.over(patient).map_err(|error| format!("{from}: TLS: {error}"))?),
        };
        self.shared.connected.store(true, Ordering::Relaxed);
        tracing::info!(source = %shown(&self.name), "{}: a stream from {from} begins", shown(&self.name));
        let broken = |why: String| {
            self.shared.broken.fetch_add(1, Ordering::Relaxed);
            Err(why)
        };
        let mut file = match FileReader::from_stream(&from.to_string(), reader) {
            Ok(file) => file,
            Err(error) => return broken(error.to_string()),
        };
        loop {
            let mut block = Block::default();
            match file.next(&mut block) {
                Ok(true) => self.backoff = BACKOFF_LEAST,
                Ok(false) => break,
                Err(damage) => return broken(damage.to_string()),
            }
            if self.sender.send(block).is_err() {
                break;
            }
        }
        tracing::info!(source = %shown(&self.name), "{}: the stream from {from} has ended", shown(&self.name));
        Ok(())
    }
}

/// A connection whose reads end with the stop flag, or when nothing came for too long.
pub(super) struct Patient {
    stream: TcpStream,
    stop: Arc<AtomicBool>,
    limit: Duration,
    /// When all of it must be over: a byte at a time is no progress.
    until: Option<Instant>,
}

impl Patient {
    /// From now on a stream, which may last.
    pub(super) fn go_on(&mut self) {
        (self.limit, self.until) = (IDLE_MAX, None);
    }
}

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let begun = Instant::now();
        if self.until.is_some_and(|until| begun >= until) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the handshake takes too long"));
        }
        loop {
            match self.stream.read(buffer) {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted) => {}
                other => return other,
            }
            if self.stop.load(Ordering::Relaxed) {
                return Err(io::Error::other("the daemon ends"));
            }
            if begun.elapsed() >= self.limit || self.until.is_some_and(|until| Instant::now() >= until) {
                return Err(io::Error::new(io::ErrorKind::TimedOut, format!("nothing came for {} s", self.limit.as_secs())));
            }
        }
    }
}

impl Write for Patient {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
#[path = "tests/streaming.rs"]
mod tests;
