//! No floods: what happens to many at once is one message, and an hour has a budget. The database keeps every event.

use super::event::{Event, Message};
use super::kind::Kind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Seconds of an hour.
const HOUR: i64 = 3600;

/// What of this hour's budget is spent.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Budget {
    /// When the hour began, seconds since 1970.
    pub began: i64,
    /// Messages told in it.
    pub told: u32,
    /// Events held back in it, by kind.
    pub held: BTreeMap<String, u64>,
}

/// Events of one round in groups, by kind and place; each with the positions of its events.
#[must_use]
pub fn groups(events: &[Event]) -> Vec<Vec<usize>> {
    let mut order: Vec<Vec<usize>> = Vec::new();
    let mut known: BTreeMap<(Kind, &str, &str), usize> = BTreeMap::new();
    for (at, event) in events.iter().enumerate() {
        let slot = *known.entry((event.kind, &event.site, &event.segment)).or_insert_with(|| {
            order.push(Vec::new());
            order.len() - 1
        });
        if let Some(group) = order.get_mut(slot) {
            group.push(at);
        }
    }
    order
}

impl Budget {
    /// Whether a message may be told now; if not, it is counted as held back.
    pub fn allows(&mut self, message: &Message, per_hour: u32) -> bool {
        if message.kind.is_always_told() {
            return true;
        }
        if self.told >= per_hour {
            *self.held.entry(message.kind.name().to_owned()).or_default() += message.count;
            return false;
        }
        self.told += 1;
        true
    }

    /// Begins another hour if this one is over, or the clock was set back; what was held back in it.
    pub fn turn(&mut self, now: i64, at: &str) -> Option<Message> {
        if (self.began..self.began.saturating_add(HOUR)).contains(&now) {
            return None;
        }
        let held = std::mem::take(&mut self.held);
        *self = Self { began: now, ..Self::default() };
        let count: u64 = held.values().sum();
        let kinds: Vec<String> = held.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let reason = "`per_hour` is spent; `wirecensus events list` has them";
        (count > 0).then(|| Message::about(Kind::HeldBack, at, count, format!("{count} events were held back: {}", kinds.join(", ")), reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: Kind, segment: &str) -> Event {
        Event { segment: segment.into(), ..Event::of_all(kind, "x", "y") }
    }

    #[test]
    fn what_happens_to_many_of_a_segment_is_one_group() {
        let events =
            [event(Kind::Silent, "a"), event(Kind::Silent, "b"), event(Kind::Silent, "a"), event(Kind::NewDevice, "a"), event(Kind::Silent, "a")];
        assert_eq!(groups(&events), [vec![0, 2, 4], vec![1], vec![3]]);
    }

    #[test]
    fn beyond_the_budget_is_held_back_and_told_once_when_the_hour_is_over() {
        let mut budget = Budget::default();
        assert!(budget.turn(10_000, "t").is_none());
        let message = |kind| Message::of(&[event(kind, ""), event(kind, "")], "t").unwrap();
        let told = (0..5).filter(|_| budget.allows(&message(Kind::Silent), 3)).count();
        assert_eq!(told, 3);
        assert!(budget.allows(&message(Kind::MirrorDegraded), 3), "a dead mirror is always told");
        assert!(budget.turn(10_000 + HOUR - 1, "t").is_none());
        let held = budget.turn(10_000 + HOUR, "t").unwrap();
        assert_eq!((held.kind, held.count), (Kind::HeldBack, 4));
        assert!(held.text.contains("4 silent"), "{}", held.text);
        assert!(budget.turn(10_000, "t").is_none() && budget.allows(&message(Kind::Silent), 3), "a clock that is set back begins another hour");
    }
}
