//! Whether the mirrored ports hear what they should: read from what the sensor says of itself, and what follows from it.

use super::event::Event;
use super::kind::Kind;
use super::known::{Trouble, Whole};
use crate::capture::condition::State;
use crate::config::Config;
use crate::feeds::is_folder;
use crate::operation::status::Status;
use std::collections::{BTreeMap, BTreeSet};

/// A port that hears nothing for so long is dead: switches alone speak every two seconds (IEEE 802.1D, Hello Time), and the sensor
/// itself tells it after as long.
pub const LAST_PACKET_MAX: u64 = 45;

/// Seconds that something must be wrong before it is told. With [`LAST_PACKET_MAX`] counted by the sensor it is told within a minute.
pub const HOLD: i64 = 10;

/// The same for a sensor that does not run: a restart of its service takes ten seconds.
pub const HOLD_SENSOR: i64 = 30;

/// Seconds that all must be well before that is told: what flaps is one event.
pub const HOLD_WELL: i64 = 60;

/// What stands for the sensor among the ports' names; no interface is called so (`ifname` has no blank).
const SENSOR: &str = "the sensor";

/// A port that is not as it should be.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scope {
    /// Its site; `None` if that is not known: then it is every site.
    pub site: Option<String>,
    /// Segments that other ports watch and this one does not.
    pub elsewhere: BTreeSet<String>,
}

/// How it was watched since the round before.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Watch {
    /// Seconds; no more than a round takes.
    pub seconds: u64,
    /// Nobody looked for longer than that, or the clock was set: what was counted meanwhile has no time.
    pub gap: bool,
    /// Ports that were not alive at a moment of it.
    pub blind: Vec<Scope>,
    /// No port was alive.
    pub nothing_heard: bool,
}

impl Watch {
    /// Whether a device there may have spoken unheard.
    #[must_use]
    pub fn is_blind(&self, site: &str, segments: &[String]) -> bool {
        let spares = |scope: &Scope| {
            let other_site = scope.site.as_ref().is_some_and(|own| own != site);
            other_site || (!segments.is_empty() && segments.iter().all(|segment| scope.elsewhere.contains(segment)))
        };
        self.blind.iter().any(|scope| !spares(scope))
    }
}

/// What the sensor says of itself; none where no sensor ever ran on the database.
pub type Told = Option<Status>;

/// What a port's state means, if it is none to rely on.
const fn trouble(state: State) -> Option<&'static str> {
    match state {
        State::Alive => None,
        State::Silent => Some("it hears nothing"),
        State::OneWay => Some("it hears one direction only"),
        State::Down => Some("it is down, or away"),
    }
}

/// What is wrong with each port; empty if all is well.
#[must_use]
pub fn wrong(told: &Told) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let Some(status) = told else { return all };
    if !status.running {
        all.insert(SENSOR.to_owned(), "no sensor runs on this database".to_owned());
        return all;
    }
    for port in status.ports.iter().filter(|port| !is_folder(&port.name)) {
        let dead = match port.last_packet_seconds {
            Some(seconds) => (seconds > LAST_PACKET_MAX).then(|| format!("the last packet came {seconds} s ago")),
            None => (status.seconds > LAST_PACKET_MAX).then(|| "no packet ever came".to_owned()),
        };
        let said = trouble(port.state).map(str::to_owned);
        let what = if port.listening { dead.or(said) } else { Some("it is no longer listened to".to_owned()) };
        all.extend(what.map(|what| (port.name.clone(), what)));
    }
    all
}

/// Whether no port hears anything.
#[must_use]
pub fn is_deaf(told: &Told, wrong: &BTreeMap<String, String>) -> bool {
    wrong.contains_key(SENSOR)
        || told.as_ref().is_some_and(|status| !wrong.is_empty() && wrong.len() >= status.ports.iter().filter(|port| !is_folder(&port.name)).count())
}

/// Goes on from what was wrong: events for what begins and ends, and the ports that count as blind.
pub fn step(whole: &mut Whole, wrong: &BTreeMap<String, String>, now: i64, config: &Config) -> (Vec<Event>, Vec<Scope>) {
    let mut events = Vec::new();
    for (name, what) in wrong {
        let known = whole.mirrors.entry(name.clone()).or_insert_with(|| Trouble { what: what.clone(), since: now, ..Trouble::default() });
        // A clock that was set back must not make a trouble that lasts for an hour to come.
        known.since = known.since.min(now);
        known.well = None;
        let hold = if name == SENSOR { HOLD_SENSOR } else { HOLD };
        if !known.told && now - known.since >= hold {
            known.told = true;
            known.what.clone_from(what);
            events.push(event(Kind::MirrorDegraded, name, &format!("{name}: {what}"), "silence there says nothing until it recovers", config));
        }
    }
    whole.mirrors.retain(|name, known| {
        if wrong.contains_key(name) {
            return true;
        }
        let well = (*known.well.get_or_insert(now)).min(now);
        known.well = Some(well);
        let lasts = known.told && now - well < HOLD_WELL;
        if known.told && !lasts {
            let text = format!("{name} is alive again; it was: {}", known.what);
            events.push(event(Kind::MirrorRecovered, name, &text, "it has been well for a minute", config));
        }
        lasts
    });
    let blind = wrong.keys().map(|name| scope(name, config)).collect();
    (events, blind)
}

fn event(kind: Kind, name: &str, text: &str, reason: &str, config: &Config) -> Event {
    Event { site: scope(name, config).site.unwrap_or_default(), subject: name.to_owned(), ..Event::of_all(kind, text, reason) }
}

/// Where a port listens, by the configuration.
fn scope(name: &str, config: &Config) -> Scope {
    let Some(own) = config.interfaces.iter().find(|one| one.name == name) else { return Scope::default() };
    let site = own.site.clone().or_else(|| config.site.clone());
    let others = config.interfaces.iter().filter(|one| one.name != name);
    let elsewhere = others.flat_map(|one| one.segments.names()).filter(|segment| !own.segments.names().contains(segment)).cloned().collect();
    Scope { site, elsewhere }
}
