//! Operational time: when a capture was begun, when a decision was made. Nothing in an inventory depends on it but a live source's key
//! and the log of decisions.

use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970, as this machine's clock says.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the one place that asks for operational time")]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
