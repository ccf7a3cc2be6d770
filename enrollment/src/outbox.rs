//! When a delivery is tried again, and when not any more. Time and chance are handed in.

/// Milliseconds.
pub type Millis = i64;

/// The first wait is up to this.
const BASE: Millis = 1000;

/// No wait is longer: a vault that is back is found within a quarter of an hour.
const CAP: Millis = 15 * 60 * 1000;

/// After that a request is a dead letter: three days outlast a weekend.
pub const AGE_MAX: Millis = 72 * 3600 * 1000;

/// How long a delivery belongs to the process that began it: longer than any call takes.
pub const LEASE: Millis = 5 * 60 * 1000;

/// Failures in a row that open the circuit breaker.
const FAILURES: u32 = 5;

/// How long it stays open before the target is probed.
const OPEN: Millis = 60 * 1000;

/// A `Retry-After` beyond this is a slip of the other side: a request must not sleep past its own end.
const RETRY_AFTER_MAX: Millis = 24 * 3600 * 1000;

/// Wait before the next try: full jitter below `min(15 min, 1 s · 2^attempts)`, and not less than the other side asked for.
#[must_use]
pub fn wait(attempts: u32, asked: Option<std::time::Duration>, random: u64) -> Millis {
    let most = BASE.checked_shl(attempts.min(20)).unwrap_or(CAP).min(CAP);
    let jitter = i64::try_from(random % most.unsigned_abs()).unwrap_or(0);
    let asked = asked.map_or(0, |asked| i64::try_from(asked.as_millis()).unwrap_or(RETRY_AFTER_MAX).min(RETRY_AFTER_MAX));
    jitter.max(asked)
}

/// A target's circuit breaker.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Breaker {
    /// In a row.
    pub failures: u32,
    /// Nothing is sent before.
    pub open_until: Millis,
}

impl Breaker {
    /// Whether nothing may be sent now.
    #[must_use]
    pub const fn is_open(self, now: Millis) -> bool {
        now < self.open_until
    }

    /// Whether the target must be probed before anything is sent.
    #[must_use]
    pub const fn must_probe(self) -> bool {
        self.failures >= FAILURES
    }

    /// After a failure.
    #[must_use]
    pub const fn failed(self, now: Millis) -> Self {
        let failures = self.failures.saturating_add(1);
        Self { failures, open_until: if failures >= FAILURES { now.saturating_add(OPEN) } else { 0 } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn waits_grow_to_a_quarter_of_an_hour_and_are_never_shorter_than_asked() {
        assert_eq!((wait(0, None, 999), wait(0, None, 1000), wait(3, None, 7_999)), (999, 0, 7_999));
        assert_eq!((wait(30, None, 899_999), wait(u32::MAX, None, 900_001)), (899_999, 1));
        assert_eq!(wait(0, Some(Duration::from_secs(90)), 1), 90_000);
        assert_eq!(wait(0, Some(Duration::MAX), 1), RETRY_AFTER_MAX);
    }

    #[test]
    fn five_failures_open_the_breaker_for_a_minute_and_then_it_is_probed() {
        let four = (0..4).fold(Breaker::default(), |breaker, _| breaker.failed(0));
        assert!(!four.is_open(0) && !four.must_probe());
        let five = four.failed(0);
        assert!(five.is_open(59_999) && !five.is_open(60_000) && five.must_probe());
        assert!(five.failed(60_000).is_open(119_999));
    }
}
