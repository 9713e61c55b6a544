//! The service's wall clock: when a check began, what is due, how old a finding is.

use chrono::{DateTime, Utc};

/// The present, by the machine's clock.
#[expect(clippy::disallowed_methods, reason = "the server owns a clock: it runs for months")]
pub(super) fn now() -> DateTime<Utc> {
    Utc::now()
}
