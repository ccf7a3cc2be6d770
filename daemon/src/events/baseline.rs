//! What is usual between two devices: who asks whom in what for which operations, how often, and how much.
//!
//! The document's counters are absolute, and a source counts for good: what was counted between two rounds is the difference. It is taken
//! over windows of watching, since the sensor writes counters down each half minute. A window in which the mirror was blind, or in which
//! nobody looked, is thrown away.

use super::compare::{Round, span};
use super::event::Event;
use super::kind::{Kind, Severity};
use super::known::{Known, KnownTalk, OPERATIONS_MAX, Rate, TALKS_MAX, Window, talk_key, talk_parts};
use inventory::judge::catalogue::Catalogue;
use std::collections::{BTreeMap, BTreeSet};

/// Seconds of watching that a window has at least: twenty times what the sensor's counters may be late, so that this is no tenth.
pub const WINDOW: u64 = 600;

/// What a window must hold, by what was learnt, before a difference is more than chance: three sigma of 30 are half of it.
pub const COUNT_MIN: u64 = 30;

/// The same for volume, in bytes: as many small requests.
const BYTES_MIN: u64 = COUNT_MIN * 60;

/// Windows from which is learnt at least: an hour.
pub const WINDOWS_MIN: u32 = 6;

/// Windows in succession that must differ: one is a restart of the client.
pub const OUTSIDE_MIN: u32 = 2;

/// Classes of operations that change something.
const CHANGING: &[&str] = &["write", "control", "program", "configure"];

/// What the document shows of one client, server and protocol, over all addresses and ports.
#[derive(Default)]
struct Seen<'r> {
    operations: BTreeMap<&'r str, u64>,
    classes: BTreeSet<&'r str>,
    bytes: u64,
    first_seen: Option<&'r String>,
    last_seen: Option<&'r String>,
}

/// Holds conversations against what was learnt.
pub(super) fn talks(round: &mut Round<'_>, known: &mut Known) {
    for (key, seen) in gathered(round) {
        let Some((client, server, protocol)) = talk_parts(&key) else { continue };
        let count: u64 = seen.operations.values().sum();
        let old = known.talks.get(&key).cloned();
        if old.is_none() && known.talks.len() >= TALKS_MAX {
            round.limit(known, "conversations", TALKS_MAX);
            continue;
        }
        let mut now = old.clone().unwrap_or_default();
        let fresh: Vec<&str> = seen.operations.keys().copied().filter(|name| !now.operations.contains(*name)).collect();
        let classes: Vec<&str> = seen.classes.iter().copied().filter(|name| !now.classes.contains(*name)).collect();
        let event = match &old {
            None => new_conversation(round, (client, server, protocol), &seen),
            Some(_) if !fresh.is_empty() => new_operation(round, (client, server, protocol), &seen, &fresh, &classes),
            Some(_) => None,
        };
        place(round, known, client, server, event);
        let room = OPERATIONS_MAX.saturating_sub(now.operations.len());
        now.operations.extend(fresh.into_iter().take(room).map(str::to_owned));
        now.classes.extend(classes.into_iter().map(str::to_owned));
        let told = polling(round, known, &mut now, (client, server, protocol), (count, seen.bytes), old.is_some());
        for event in told {
            place(round, known, client, server, Some(event));
        }
        (now.count, now.bytes) = (count, seen.bytes);
        known.talks.insert(key, now);
    }
}

fn gathered<'r>(round: &Round<'r>) -> BTreeMap<String, Seen<'r>> {
    let catalogue = Catalogue::built_in();
    let mut all: BTreeMap<String, Seen<'r>> = BTreeMap::new();
    let document = round.document;
    for talk in document.conversations.iter().filter(|talk| round.rules.all_protocols || catalogue.is_of_process(&talk.protocol)) {
        let key = |party: &Option<String>| party.as_ref().and_then(|id| round.keys.get(id.as_str()));
        let (Some(client), Some(server)) = (key(&talk.client.device), key(&talk.server.device)) else { continue };
        let seen = all.entry(talk_key(client, server, &talk.protocol)).or_default();
        for (name, count) in &talk.operations {
            *seen.operations.entry(name).or_default() += count;
        }
        seen.classes.extend(talk.operation_classes.keys().map(String::as_str));
        seen.bytes += talk.bytes;
        seen.last_seen = seen.last_seen.max(talk.last_seen.as_ref());
        seen.first_seen = match seen.first_seen {
            Some(first) => talk.first_seen.as_ref().map_or(Some(first), |other| Some(first.min(other))),
            None => talk.first_seen.as_ref(),
        };
    }
    all
}

type Ends<'k> = (&'k str, &'k str, &'k str);

/// Whoever is new has no old acquaintances: a new server is one event, and what is asked of it none.
fn new_conversation(round: &Round<'_>, (_, server, protocol): Ends<'_>, seen: &Seen<'_>) -> Option<Event> {
    if !round.settled || !round.is_news(seen.first_seen) || round.new.contains(server) {
        return None;
    }
    let classes = words(&seen.classes);
    let text = format!("in {protocol}: {classes} ({})", words(seen.operations.keys()));
    let reason = "this client did not ask this server in this protocol while it was learnt what is usual, or since";
    let severity = if changes(seen.classes.iter()) { Severity::Warning } else { Severity::Notice };
    Some(Event { severity, seen: seen.first_seen.cloned(), ..Event::of_all(Kind::NewConversation, text, reason) })
}

/// Names of operations are a dissector's: another program may know more of them.
fn new_operation(round: &Round<'_>, (_, _, protocol): Ends<'_>, seen: &Seen<'_>, fresh: &[&str], classes: &[&str]) -> Option<Event> {
    if !round.settled || round.refreshed || round.first {
        return None;
    }
    let text =
        format!("in {protocol}: {}{}", words(fresh), if classes.is_empty() { String::new() } else { format!("; new is to {}", words(classes)) });
    let severity = if changes(classes.iter()) { Severity::Warning } else { Severity::Notice };
    let reason = "this client did not ask this server for it while it was learnt what is usual, or since";
    Some(Event { severity, seen: seen.last_seen.cloned(), ..Event::of_all(Kind::NewOperation, text, reason) })
}

fn changes<'a>(mut classes: impl Iterator<Item = &'a &'a str>) -> bool {
    classes.any(|class| CHANGING.contains(class))
}

fn words<T: AsRef<str>>(all: impl IntoIterator<Item = T>) -> String {
    /// Names in a message; the document has the others.
    const SHOWN: usize = 12;
    let words: Vec<String> = all.into_iter().take(SHOWN).map(|word| word.as_ref().to_owned()).collect();
    words.join(", ")
}

/// Counts into the window, and holds a full one against what was learnt.
fn polling(
    round: &Round<'_>,
    known: &Known,
    now: &mut KnownTalk,
    (client, server, protocol): Ends<'_>,
    (count, bytes): (u64, u64),
    was_known: bool,
) -> Vec<Event> {
    let blind = [client, server].iter().filter_map(|key| known.devices.get(*key)).any(|one| round.watch.is_blind(&one.site, &one.segments));
    // Counters that fell back belong to sources that were sealed and forgotten.
    if !was_known || blind || round.watch.gap || count < now.count || bytes < now.bytes {
        now.window = Window::default();
        return Vec::new();
    }
    now.window.seconds += round.watch.seconds;
    now.window.count += count - now.count;
    now.window.bytes += bytes - now.bytes;
    if now.window.seconds < WINDOW {
        return Vec::new();
    }
    let window = std::mem::take(&mut now.window);
    let learning = !round.settled;
    let mut events = Vec::new();
    let pace = by_minute(window.count.saturating_mul(1000), window.seconds);
    let least = by_minute(COUNT_MIN.saturating_mul(1000), window.seconds);
    if let Some((low, high)) = held_against(&mut now.pace, pace, least, round.rules.factor, learning) {
        let text = format!("in {protocol}: {} operations a minute, usual are {} to {}", thousandths(pace), thousandths(low), thousandths(high));
        events.push(changed(round, text, "periodicity"));
    }
    let volume = by_minute(window.bytes, window.seconds);
    let least = by_minute(BYTES_MIN, window.seconds);
    if let Some((low, high)) = held_against(&mut now.volume, volume, least, round.rules.factor, learning)
        && events.is_empty()
    {
        events.push(changed(round, format!("in {protocol}: {volume} bytes a minute, usual are {low} to {high}"), "volume"));
    }
    events
}

fn changed(round: &Round<'_>, text: String, what: &str) -> Event {
    let factor = round.rules.factor;
    let reason = format!("{what} beyond {factor} times what was learnt, in {OUTSIDE_MIN} windows of {} in succession", span(WINDOW));
    Event { seen: round.document.as_of.clone(), ..Event::of_all(Kind::PollingChanged, text, reason) }
}

/// Learns from a value, or holds it against what was learnt; what was usual, if it is not any longer. What is told becomes usual.
fn held_against(rate: &mut Rate, value: u64, least: u64, factor: u32, learning: bool) -> Option<(u64, u64)> {
    if learning || rate.windows < WINDOWS_MIN {
        (rate.low, rate.high) = if rate.windows == 0 { (value, value) } else { (rate.low.min(value), rate.high.max(value)) };
        rate.windows = rate.windows.saturating_add(1);
        return None;
    }
    let factor = u64::from(factor);
    let fewer = rate.low >= least && value < rate.low / factor;
    let more = value >= least && value > rate.high.saturating_mul(factor);
    rate.outside = if fewer || more { rate.outside + 1 } else { 0 };
    if rate.outside < OUTSIDE_MIN {
        return None;
    }
    let usual = (rate.low, rate.high);
    *rate = Rate { low: value, high: value, windows: WINDOWS_MIN, outside: 0 };
    Some(usual)
}

fn by_minute(value: u64, seconds: u64) -> u64 {
    value.saturating_mul(60).checked_div(seconds).unwrap_or(0)
}

fn thousandths(value: u64) -> String {
    format!("{}.{}", value / 1000, value % 1000 / 100)
}

/// Gives an event its place: the server's, since it is asked.
fn place(round: &mut Round<'_>, known: &Known, client: &str, server: &str, event: Option<Event>) {
    let (Some(event), Some(asked)) = (event, known.devices.get(server)) else { return };
    let asker = known.devices.get(client).map_or(client, |one| one.subject.as_str());
    round.events.push(Event {
        site: asked.site.clone(),
        segment: asked.segments.first().cloned().unwrap_or_default(),
        device: Some(server.to_owned()),
        class: asked.class.clone(),
        subject: asked.subject.clone(),
        text: format!("{asker} asks {} {}", asked.subject, event.text),
        ..event
    });
}

/// Counts towards the end of learning, and tells it.
pub(super) fn learn(round: &mut Round<'_>, known: &mut Known) {
    if known.whole.settled {
        return;
    }
    if !round.watch.nothing_heard {
        known.whole.learnt = known.whole.learnt.saturating_add(round.watch.seconds);
    }
    if known.whole.learnt < round.rules.learn {
        return;
    }
    known.whole.settled = true;
    if round.rules.learn > 0 {
        let text = format!("{} devices and {} conversations are known", known.devices.len(), known.talks.len());
        let reason = format!("{} were watched", span(known.whole.learnt));
        round.events.push(Event::of_all(Kind::Learnt, text, reason));
    }
}

/// Conversations of devices that turned out to be others.
pub(super) fn rename(known: &mut Known, merged: &BTreeMap<String, String>) {
    if merged.is_empty() {
        return;
    }
    let to = |key: &str| merged.get(key).cloned().unwrap_or_else(|| key.to_owned());
    for (key, talk) in std::mem::take(&mut known.talks) {
        let Some((client, server, protocol)) = talk_parts(&key) else { continue };
        let entry = known.talks.entry(talk_key(&to(client), &to(server), protocol)).or_default();
        entry.operations.extend(talk.operations);
        entry.classes.extend(talk.classes);
        (entry.count, entry.bytes) = (entry.count.saturating_add(talk.count), entry.bytes.saturating_add(talk.bytes));
        if entry.pace.windows == 0 {
            (entry.pace, entry.volume) = (talk.pace, talk.volume);
        }
    }
}
