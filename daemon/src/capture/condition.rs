//! Whether a source hears what it should, told by who captures and asked by who tells: what nobody heard was not absent if the mirror was
//! dead.

use crate::clock;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How a source fares.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It hears what it should, as far as can be told.
    #[default]
    Alive,
    /// It is there, and has heard nothing for a while.
    Silent,
    /// It heard both directions of conversations, and now hears one.
    OneWay,
    /// It is not there, or is switched off.
    Down,
}

impl State {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Silent => "silent",
            Self::OneWay => "one-way",
            Self::Down => "down",
        }
    }
}

/// How a source fares, and since when. Shared between threads.
#[derive(Debug)]
pub struct Condition(Mutex<(State, i64)>, Mutex<Option<&'static str>>);

impl Default for Condition {
    fn default() -> Self {
        Self(Mutex::new((State::Alive, clock::now())), Mutex::default())
    }
}

impl Condition {
    /// It has fared so for this long. What it was already keeps its beginning.
    pub fn is(&self, state: State, lasted: Duration) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0 != state {
            *held = (state, clock::now().saturating_sub(i64::try_from(lasted.as_nanos()).unwrap_or(i64::MAX)));
        }
    }

    /// Why it is refused, although it is there; `None` if it is not.
    pub fn refused(&self, why: Option<&'static str>) {
        *self.1.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Why it is refused, if it is.
    #[must_use]
    pub fn refusal(&self) -> Option<&'static str> {
        *self.1.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, and since when: nanoseconds since 1970.
    #[must_use]
    pub fn now(&self) -> (State, i64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_keeps_its_beginning_until_another_comes() {
        let condition = Condition::default();
        let (_, begun) = condition.now();
        condition.is(State::Alive, Duration::ZERO);
        assert_eq!(condition.now(), (State::Alive, begun));
        condition.is(State::Silent, Duration::from_secs(45));
        let (state, since) = condition.now();
        assert!(state == State::Silent && since <= clock::now() - 45_000_000_000, "silence began with the last packet");
        condition.is(State::Silent, Duration::from_secs(50));
        assert_eq!(condition.now().1, since);
        assert_eq!(serde_json::to_string(&State::OneWay).unwrap(), "\"one-way\"");
        assert!(
            [State::Alive, State::Silent, State::OneWay, State::Down]
                .into_iter()
                .all(|state| { serde_json::to_string(&state).unwrap() == format!("\"{}\"", state.name()) })
        );
    }
}
