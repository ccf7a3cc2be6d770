//! Captures on a network interface through libpcap. Only listens: nothing here can send.

use super::block::{BLOCK_BYTES, BLOCK_RECORDS, Block, Blocks, Damage, Health, MAX_SNAPLEN, Reason};
use super::interfaces;
use super::text::shown;
use dissectors::packet::{LinkType, Packet};
use observations::{Part, Stamp};
use pcap::{Active, Capture, Error, Precision};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a wait on a silent link lasts: the stop flag is looked at this often.
const WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// How long the kernel may hold packets back to hand over many at once, milliseconds.
const HOLD_BACK_MS: i32 = 50;

/// How often the kernel is asked what it lost.
const STATISTICS_EVERY: Duration = Duration::from_secs(1);

/// How to capture.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// Bytes of a packet that are captured.
    pub snaplen: u32,
    /// Bytes of the kernel's buffer: what is lost when we fall behind depends on it.
    pub buffer_bytes: usize,
    /// Whether to see what is not addressed to this machine. A mirror port needs it.
    pub promiscuous: bool,
    /// A filter expression, run by the kernel.
    pub bpf: Option<String>,
    /// Ends the capture within 100 ms when set.
    pub stop: Arc<AtomicBool>,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self { snaplen: MAX_SNAPLEN, buffer_bytes: 64 * 1024 * 1024, promiscuous: true, bpf: None, stop: Arc::default() }
    }
}

/// Why capturing could not begin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LiveError {
    /// There is no such interface; those that exist, in words.
    NoInterface(String, String),
    /// The interface is switched off.
    Down(String),
    /// This user may not.
    Denied(String),
    /// The filter expression.
    Filter(String),
    /// What libpcap says.
    Other(String, String),
}

impl std::fmt::Display for LiveError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoInterface(name, exist) => write!(f, "no interface {}: {exist}", shown(name)),
            Self::Down(name) => write!(f, "interface {0} is down: switch it on with `ip link set {0} up`", shown(name)),
            Self::Denied(name) => write!(
                f,
                "capturing on {} is not permitted: give the program the right with `sudo setcap cap_net_raw+ep \"$(command -v wirecensus)\"`, or run it with sudo",
                shown(name)
            ),
            Self::Filter(what) => write!(f, "--bpf: {}", shown(what)),
            Self::Other(name, what) => write!(f, "{}: {}", shown(name), shown(what)),
        }
    }
}

impl std::error::Error for LiveError {}

/// A capture that runs.
pub struct Live {
    capture: Capture<Active>,
    interface: String,
    /// The interface's number; none for all interfaces together.
    index: Option<u32>,
    /// The interface is no longer there, or is switched off. libpcap would wait for it for ever.
    gone: Option<&'static str>,
    link: LinkType,
    snaplen: usize,
    stop: Arc<AtomicBool>,
    number: u64,
    /// Packets before it that have their numbers already.
    from: u64,
    losses: Losses,
    asked: Instant,
    damage: Option<String>,
    ended: bool,
}

/// Lost packets, summed over a counter that wraps at 32 bits.
#[derive(Clone, Copy, Debug, Default)]
struct Losses {
    total: u64,
    kernel: u32,
    interface: u32,
}

impl Losses {
    fn see(&mut self, kernel: u32, interface: u32) {
        self.total += u64::from(kernel.wrapping_sub(self.kernel)) + u64::from(interface.wrapping_sub(self.interface));
        (self.kernel, self.interface) = (kernel, interface);
    }
}

impl Live {
    /// Begins to capture on `interface`.
    ///
    /// # Errors
    /// If there is no such interface, it is down, it is not permitted, or the filter does not compile.
    pub fn open(interface: &str, options: &LiveOptions) -> Result<Self, LiveError> {
        let known = interfaces::interfaces();
        match known.iter().find(|known| known.name == interface) {
            None if interface != interfaces::ALL => return Err(LiveError::NoInterface(interface.to_owned(), interfaces::names_near(interface))),
            Some(known) if !known.up => return Err(LiveError::Down(interface.to_owned())),
            _ => {}
        }
        let failed = |error: Error| explain(interface, &error);
        let snaplen = options.snaplen.clamp(64, MAX_SNAPLEN);
        let inactive = Capture::from_device(interface).map_err(failed)?;
        let inactive = inactive
            .promisc(options.promiscuous)
            .snaplen(snaplen.cast_signed())
            .buffer_size(i32::try_from(options.buffer_bytes).unwrap_or(i32::MAX))
            .timeout(HOLD_BACK_MS)
            .precision(Precision::Nano);
        let mut capture = inactive.open().and_then(Capture::setnonblock).map_err(failed)?;
        if let Some(expression) = &options.bpf {
            capture.filter(expression, true).map_err(|error| LiveError::Filter(format!("{expression:?}: {error}")))?;
        }
        let link = LinkType(capture.get_datalink().0.cast_unsigned());
        Ok(Self {
            // Files number raw IP as 101, libpcap on this system as 12.
            link: if link == LinkType::RAW_OLD { LinkType::RAW } else { link },
            capture,
            interface: interface.to_owned(),
            index: known.iter().find(|known| known.name == interface).map(|known| known.index),
            gone: None,
            snaplen: snaplen as usize,
            stop: Arc::clone(&options.stop),
            number: 0,
            from: 0,
            losses: Losses::default(),
            asked: Instant::now(),
            damage: None,
            ended: false,
        })
    }

    /// What its packets begin with.
    #[must_use]
    pub const fn link(&self) -> LinkType {
        self.link
    }

    /// Packets captured up to now.
    #[must_use]
    pub const fn captured(&self) -> u64 {
        self.number - self.from
    }

    /// Numbers packets on after so many: the interface was away and is back.
    pub(crate) fn go_on_from(&mut self, packets: u64) {
        (self.number, self.from) = (packets, packets);
    }

    /// Copies what the kernel has, until it has no more or the block is full. Returns the bytes filled and whether there may be more.
    fn drain(&mut self, block: &mut Block, mut filled: usize) -> Result<(usize, bool), Error> {
        // The room is looked at first: a packet that was taken and does not fit would be lost.
        while filled + self.snaplen <= BLOCK_BYTES && block.len() < BLOCK_RECORDS {
            let packet = match self.capture.next_packet() {
                Ok(packet) => packet,
                Err(Error::TimeoutExpired | Error::NoMorePackets) => return Ok((filled, false)),
                Err(error) => return Err(error),
            };
            self.number += 1;
            let data = packet.data.get(..self.snaplen).unwrap_or(packet.data);
            // With nanosecond precision the field named microseconds holds nanoseconds.
            let time = packet.header.ts.tv_sec.saturating_mul(1_000_000_000).saturating_add(packet.header.ts.tv_usec);
            let wire_len = packet.header.len.max(packet.header.caplen);
            let packet = Packet { data, wire_len, link: self.link, time, id: Stamp::packet_id(0, self.number) };
            filled = block.append(filled, &packet).unwrap_or(filled);
        }
        Ok((filled, true))
    }

    /// Asks the kernel what it lost, now and then, and whether the interface is still there.
    fn ask(&mut self, at_once: bool) {
        if !at_once && self.asked.elapsed() < STATISTICS_EVERY {
            return;
        }
        self.asked = Instant::now();
        if let Ok(stat) = self.capture.stats() {
            self.losses.see(stat.dropped, stat.if_dropped);
        }
        let Some(index) = self.index else { return };
        self.gone = match interfaces::interfaces().iter().find(|known| known.index == index) {
            None => Some("the interface is gone"),
            Some(known) if !known.up => Some("the interface is down"),
            Some(_) => None,
        };
    }

    /// Ends the capture with what libpcap or the system says: the interface is gone, or down.
    fn fail(&mut self, what: &str) -> Damage {
        self.ended = true;
        let reason = Reason::Live(shown(what));
        let damage = Damage { file: self.interface.clone(), packet: self.number + 1, offset: 0, unpacked: false, part: 0, reason };
        self.damage = Some(damage.what());
        damage
    }
}

impl Blocks for Live {
    /// Returns within 100 ms, with no packets if there were none, so that the caller can do what time asks for.
    fn next(&mut self, block: &mut Block) -> Result<bool, Damage> {
        block.records.clear();
        if self.ended || self.stop.load(Ordering::Relaxed) {
            self.ask(true);
            self.ended = true;
            return Ok(false);
        }
        self.ask(false);
        if let Some(why) = self.gone {
            return Err(self.fail(why));
        }
        let mut result = self.drain(block, 0);
        if matches!(result, Ok((0, false))) {
            let waited = poll(&mut [PollFd::new(&self.capture, PollFlags::IN)], Some(&WAIT));
            result = match waited {
                Ok(_) | Err(Errno::INTR) => self.drain(block, 0),
                Err(error) => return Err(self.fail(&error.to_string())),
            };
        }
        match result {
            Ok(_) => Ok(true),
            // What was copied before stands; the error comes again.
            Err(_) if !block.is_empty() => Ok(true),
            Err(error) => Err(self.fail(&error.to_string())),
        }
    }

    fn health(&self) -> Health {
        Health { dropped: Some(self.losses.total), ..Health::default() }
    }

    fn parts(&self) -> Vec<Part> {
        vec![Part { name: self.interface.clone(), packets: self.number, damage: self.damage.clone(), sha256: None }]
    }

    fn filter(&mut self, expression: Option<&str>) -> Result<(), String> {
        // An empty expression lets all pass (pcap-filter(7)); libpcap sorts out itself what the old one let into the buffer.
        self.capture.filter(expression.unwrap_or(""), true).map_err(|error| shown(&error.to_string()))
    }
}

/// What libpcap's words mean for a user.
fn explain(interface: &str, error: &Error) -> LiveError {
    let what = error.to_string();
    let lower = what.to_lowercase();
    let interface = interface.to_owned();
    match () {
        () if lower.contains("permi") => LiveError::Denied(interface),
        () if lower.contains("no such device") => {
            let near = interfaces::names_near(&interface);
            LiveError::NoInterface(interface, near)
        }
        () if lower.contains("not up") || lower.contains("is down") => LiveError::Down(interface),
        () => LiveError::Other(interface, what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_is_not_there_names_those_that_are() {
        let error = Live::open("nowhere0", &LiveOptions::default()).err().unwrap().to_string();
        assert!(error.starts_with("no interface nowhere0: there are "), "{error}");
    }

    #[test]
    fn losses_survive_a_counter_that_wraps() {
        let mut losses = Losses::default();
        losses.see(u32::MAX - 1, 5);
        losses.see(3, 5);
        assert_eq!(losses.total, u64::from(u32::MAX) + 3 + 1 + 5);
    }

    #[test]
    #[ignore = "needs CAP_NET_RAW; sends one datagram to itself over loopback"]
    fn a_silent_link_gives_empty_blocks_and_stops_at_once() {
        let stop = Arc::new(AtomicBool::new(false));
        let options = LiveOptions { bpf: Some("udp port 47808".into()), stop: Arc::clone(&stop), ..LiveOptions::default() };
        let mut live = Live::open("lo", &options).unwrap();
        let mut block = Block::default();
        let begun = Instant::now();
        assert!(live.next(&mut block).unwrap() && block.is_empty());
        assert!(begun.elapsed() < Duration::from_millis(200), "{:?}", begun.elapsed());
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(b"who-is", "127.0.0.1:47808").unwrap();
        let mut seen = 0;
        for _ in 0..20 {
            assert!(live.next(&mut block).unwrap());
            seen += block.packets().filter(|packet| packet.data.ends_with(b"who-is")).count();
        }
        assert!(seen >= 1);
        stop.store(true, Ordering::Relaxed);
        assert!(!live.next(&mut block).unwrap());
        assert_eq!(live.health().dropped, Some(0));
    }
}
