//! Concurrency and pace per origin.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::HeaderMap;
use http::header::RETRY_AFTER;

/// A registry's wish that we stay away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pause {
    /// Until when.
    pub(super) until: DateTime<Utc>,
    /// The same from now.
    pub(super) wait: Duration,
}

impl Pause {
    fn until(until: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self { until, wait: (until - now).to_std().unwrap_or_default() }
    }

    /// Reads `Retry-After`, in seconds or as a date ([RFC 9110, 10.2.3]).
    ///
    /// [RFC 9110, 10.2.3]: https://www.rfc-editor.org/rfc/rfc9110.html#section-10.2.3
    pub(super) fn of(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Self> {
        let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = value.parse::<u32>() {
            return Some(Self::until(now + Duration::from_secs(seconds.into()), now));
        }
        let date = httpdate::parse_http_date(value).ok()?;
        Some(Self::until(date.into(), now))
    }

    /// Reads GitHub's form: nothing left in `x-ratelimit-remaining`, and `x-ratelimit-reset` in epoch seconds
    /// ([documentation](https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api)).
    pub(super) fn of_quota(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Self> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
        if number("x-ratelimit-remaining")? > 0 {
            return None;
        }
        Some(Self::until(DateTime::from_timestamp(number("x-ratelimit-reset")?, 0)?, now))
    }
}
