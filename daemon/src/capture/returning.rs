//! An interface that goes down or vanishes is waited for, and captured again when it is back: a switch restarts, a cable is moved. A port
//! that is there and hears nothing is told as well, since a mirror that died looks like a plant at rest.

use super::block::{Block, Blocks, Damage, Health};
use super::condition::{Condition, State};
use super::interfaces;
use super::live::{Live, LiveError, LiveOptions};
use super::text::{grouped, shown};
use dissectors::packet::LinkType;
use observations::Part;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Between two attempts to capture again.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// How long a loop that has nothing to read sleeps: the stop flag is looked at this often.
const REST: Duration = Duration::from_millis(100);

/// Silence that is worth a word. Switches send spanning tree every 2 s and LLDP every 30 s (IEEE 802.1D-2004 §17.14, 802.1AB-2016
/// §9.2.5.7), so that a mirror in which nothing at all moves for longer is most likely none.
const SILENT_AFTER: Duration = Duration::from_secs(45);

/// A capture that survives its interface.
pub struct Returning {
    interface: String,
    options: LiveOptions,
    link: LinkType,
    live: Option<Live>,
    /// Of the captures before this one.
    before: Before,
    /// When it went away, while it is.
    away: Option<Instant>,
    /// When it was last tried to capture again.
    tried: Instant,
    silence: Silence,
    /// For those who tell it.
    condition: Arc<Condition>,
    /// A port that comes back with an address is no mirror, and is left alone.
    refuses_addresses: bool,
    /// That it has one was told.
    addressed: bool,
}

#[derive(Default)]
struct Before {
    packets: u64,
    dropped: u64,
    /// How often it went away, and how long it was.
    times: u64,
    lasted: Duration,
}

/// Whether a port that is there hears anything.
struct Silence {
    heard: Instant,
    told: bool,
}

impl Silence {
    fn new(now: Instant) -> Self {
        Self { heard: now, told: false }
    }

    /// What is worth a word, once when it begins and once when it ends.
    fn see(&mut self, interface: &str, packets: usize, now: Instant) -> Option<String> {
        let lasted = now.duration_since(self.heard);
        if packets > 0 {
            self.heard = now;
            let told = std::mem::take(&mut self.told);
            return told.then(|| format!("{}: packets again, after {} s of silence", shown(interface), lasted.as_secs()));
        }
        if self.told || lasted < SILENT_AFTER {
            return None;
        }
        self.told = true;
        let linked = interfaces::interfaces().iter().any(|known| known.name == interface && known.running);
        let why =
            if linked { "although there is a link: is the mirror still set up on the switch?" } else { "and there is no link: is the cable in?" };
        Some(format!("{}: no packet for {} s, {why}", shown(interface), lasted.as_secs()))
    }
}

impl Returning {
    /// Begins to capture on `interface`, which must be there and up now.
    ///
    /// # Errors
    /// As [`Live::open`].
    pub fn open(interface: &str, options: &LiveOptions) -> Result<Self, LiveError> {
        let live = Live::open(interface, options)?;
        let now = Instant::now();
        Ok(Self {
            interface: interface.to_owned(),
            options: options.clone(),
            link: live.link(),
            live: Some(live),
            before: Before::default(),
            away: None,
            tried: now,
            silence: Silence::new(now),
            condition: Arc::default(),
            refuses_addresses: false,
            addressed: false,
        })
    }

    /// What its packets begin with.
    #[must_use]
    pub const fn link(&self) -> LinkType {
        self.link
    }

    /// Whether it stays away from a port that comes back with an address.
    #[must_use]
    pub fn refusing_addresses(self, refuses: bool) -> Self {
        Self { refuses_addresses: refuses, ..self }
    }

    /// Whether the port has an address and may have none; told once, as an error.
    fn is_addressed(&mut self) -> bool {
        let found = interfaces::interfaces().into_iter().find(|known| known.name == self.interface && !known.addresses.is_empty());
        let Some(known) = found.filter(|_| self.refuses_addresses) else {
            self.addressed = false;
            return false;
        };
        if !std::mem::replace(&mut self.addressed, true) {
            self.condition.refused(Some("it came back with an address, and is not captured"));
            let name = shown(&self.interface);
            tracing::error!(
                interface = %name,
                "{name} came back with an address ({}): a port that gets a mirror has none, and it is not captured. Take it away with \
                 `ip addr flush dev {name}`, or say --allow-address",
                known.addresses.join(", ")
            );
        }
        true
    }

    /// How it fares; the clone may be asked from another thread.
    #[must_use]
    pub fn condition(&self) -> Arc<Condition> {
        Arc::clone(&self.condition)
    }

    fn tell(&self, what: &str) {
        tracing::warn!(interface = %shown(&self.interface), "{what}");
    }

    /// The capture ended by itself: what it counted is kept.
    fn leave(&mut self, damage: &Damage) {
        let Some(live) = self.live.take() else { return };
        self.before.packets += live.captured();
        self.before.dropped += live.health().dropped.unwrap_or(0);
        self.before.times += 1;
        self.away = Some(Instant::now());
        self.condition.is(State::Down, Duration::ZERO);
        self.tell(&format!("{damage}; it is captured again when it is back"));
    }

    /// Tries to capture again, once a second.
    fn retry(&mut self) {
        if self.tried.elapsed() < RETRY_EVERY {
            return;
        }
        self.tried = Instant::now();
        if self.is_addressed() {
            return;
        }
        // Down, not there, or about to go: all of that is waited for.
        let Ok(mut live) = Live::open(&self.interface, &self.options) else { return };
        // Another kind of link under the same name is another port: what is recorded could not hold it.
        if live.link() != self.link {
            return;
        }
        live.go_on_from(self.before.packets);
        self.live = Some(live);
        let lasted = self.away.take().map_or(Duration::ZERO, |since| since.elapsed());
        self.before.lasted += lasted;
        self.silence = Silence::new(Instant::now());
        self.condition.refused(None);
        self.condition.is(State::Alive, Duration::ZERO);
        self.tell(&format!("{}: back after {} s, and captured again", shown(&self.interface), lasted.as_secs()));
    }

    /// That something was missed, for the source.
    fn damage(&self) -> Option<String> {
        let away = self.before.lasted + self.away.map_or(Duration::ZERO, |since| since.elapsed());
        (self.before.times > 0).then(|| format!("the interface was away {} times, {} s in all", grouped(self.before.times), away.as_secs()))
    }
}

impl Blocks for Returning {
    fn next(&mut self, block: &mut Block) -> Result<bool, Damage> {
        block.records.clear();
        let Some(live) = &mut self.live else {
            if self.options.stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            std::thread::sleep(REST);
            self.retry();
            return Ok(true);
        };
        match live.next(block) {
            Ok(more) => {
                let now = Instant::now();
                let lasted = now.duration_since(self.silence.heard);
                if let Some(word) = self.silence.see(&self.interface, block.len(), now) {
                    match self.silence.told {
                        true => self.condition.is(State::Silent, lasted),
                        false => self.condition.is(State::Alive, Duration::ZERO),
                    }
                    self.tell(&word);
                }
                Ok(more)
            }
            Err(damage) => {
                self.leave(&damage);
                Ok(true)
            }
        }
    }

    fn health(&self) -> Health {
        let now = self.live.as_ref().and_then(|live| live.health().dropped).unwrap_or(0);
        Health { dropped: Some(self.before.dropped + now), ..Health::default() }
    }

    fn parts(&self) -> Vec<Part> {
        let packets = self.before.packets + self.live.as_ref().map_or(0, Live::captured);
        vec![Part { name: self.interface.clone(), packets, damage: self.damage(), sha256: None }]
    }

    fn filter(&mut self, expression: Option<&str>) -> Result<(), String> {
        if let Some(live) = &mut self.live {
            live.filter(expression)?;
        }
        self.options.bpf = expression.map(str::to_owned);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_hears_nothing_is_told_once_and_so_is_its_end() {
        let begun = Instant::now();
        let mut silence = Silence::new(begun);
        assert_eq!(silence.see("nowhere0", 0, begun + SILENT_AFTER - REST), None);
        let word = silence.see("nowhere0", 0, begun + SILENT_AFTER).unwrap();
        assert_eq!(word, "nowhere0: no packet for 45 s, and there is no link: is the cable in?");
        assert_eq!(silence.see("nowhere0", 0, begun + SILENT_AFTER * 2), None);
        let word = silence.see("nowhere0", 3, begun + SILENT_AFTER * 2).unwrap();
        assert_eq!(word, "nowhere0: packets again, after 90 s of silence");
        assert_eq!(silence.see("nowhere0", 3, begun + SILENT_AFTER * 2), None);
    }
}
