//! How much each may ask, and how often a refusal is written down.

use std::collections::BTreeMap;

/// So many calls at once, and so many a second after that.
#[derive(Clone, Copy)]
pub(super) struct Rate {
    burst: i64,
    per_second: i64,
}

/// Of one sensor: a plant of two thousand devices that is proposed for the first time.
pub(super) const SENSOR: Rate = Rate { burst: 2_000, per_second: 5 };
/// Of all people together: each call costs the vault a look-up, and whoever can connect can make it.
pub(super) const PEOPLE: Rate = Rate { burst: 60, per_second: 1 };
/// Refusals that stand in the log in a minute: an audit log is no place that strangers may fill.
const REFUSALS: u32 = 1;
const MINUTE: i64 = 60;

/// What each listed sensor has left. It has one entry a sensor: who is not listed is refused before.
#[derive(Default)]
pub(super) struct Gate {
    left: BTreeMap<String, (i64, i64)>,
    minute: i64,
    refused: u32,
}

impl Gate {
    /// Takes one call of this caller; seconds to wait where it has none left.
    pub(super) fn pass(&mut self, caller: &str, rate: Rate, now: i64) -> Result<(), u32> {
        let (left, since) = self.left.get(caller).copied().unwrap_or((rate.burst, now));
        let left = now.saturating_sub(since).max(0).saturating_mul(rate.per_second).saturating_add(left).min(rate.burst);
        if left < 1 {
            return Err(1);
        }
        self.left.insert(caller.to_owned(), (left - 1, now));
        Ok(())
    }

    /// Whether this refusal is written down.
    pub(super) fn tells(&mut self, now: i64) -> bool {
        if now.div_euclid(MINUTE) != self.minute {
            (self.minute, self.refused) = (now.div_euclid(MINUTE), 0);
        }
        self.refused = self.refused.saturating_add(1);
        self.refused <= REFUSALS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_too_much_waits_and_nobody_else() {
        let mut gate = Gate::default();
        let mut passes = |caller: &str, now| gate.pass(caller, SENSOR, now).is_ok();
        assert!((0..SENSOR.burst).all(|_| passes("a", 100)));
        assert!(!passes("a", 100) && passes("b", 100));
        assert!((0..SENSOR.per_second).all(|_| passes("a", 101)) && !passes("a", 101));
        assert!(!passes("a", 0), "a clock that goes back gives nothing");
    }

    #[test]
    fn strangers_fill_no_log() {
        let mut gate = Gate::default();
        assert_eq!((0..1_000).filter(|second| gate.tells(6_000 + second)).count(), 17);
    }
}
