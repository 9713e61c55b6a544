//! The one wall clock of the network layer: freshness, `Retry-After` dates and ages are told by it.
//!
//! A run's `now` is an argument everywhere else; it may lie in the past (`--as-of`), and a cache that believed it would
//! take yesterday's facts for fresh.

use chrono::{DateTime, Utc};

/// The present, by the machine's clock.
#[expect(clippy::disallowed_methods, reason = "the cache owns a clock: `--as-of` must not make old facts fresh")]
pub(super) fn now() -> DateTime<Utc> {
    Utc::now()
}
