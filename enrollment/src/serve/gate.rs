//! How much each may ask, and how often a refusal is written down.

use std::collections::BTreeMap;

/// Calls of one sensor at once: a plant of two thousand devices that is proposed for the first time.
pub(super) const BURST: i64 = 2_000;
/// Calls of one sensor a second, after that.
const PER_SECOND: i64 = 5;
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
    pub(super) fn pass(&mut self, caller: &str, now: i64) -> Result<(), u32> {
        let (left, since) = self.left.get(caller).copied().unwrap_or((BURST, now));
        let left = now.saturating_sub(since).max(0).saturating_mul(PER_SECOND).saturating_add(left).min(BURST);
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
        assert!((0..BURST).all(|_| gate.pass("a", 100).is_ok()));
        assert!(gate.pass("a", 100).is_err() && gate.pass("b", 100).is_ok());
        assert!((0..PER_SECOND).all(|_| gate.pass("a", 101).is_ok()) && gate.pass("a", 101).is_err());
        assert!(gate.pass("a", 0).is_err(), "a clock that goes back gives nothing");
    }

    #[test]
    fn strangers_fill_no_log() {
        let mut gate = Gate::default();
        assert_eq!((0..1_000).filter(|second| gate.tells(6_000 + second)).count(), 17);
    }
}
