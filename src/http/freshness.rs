//! How long an answer need not be asked again, and what the next question about it says.
//!
//! The rules of HTTP ([RFC 9111](https://www.rfc-editor.org/rfc/rfc9111.html)) are read by `http-cache-semantics`; here are
//! the bounds that a monitor puts on them: it must not be blind for long because a server is generous.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::header::{CACHE_CONTROL, ETAG, EXPIRES, LAST_MODIFIED, PRAGMA};
use http::{HeaderMap, HeaderValue};
use http_cache_semantics::{CacheOptions, CachePolicy};

use super::cache::{Entry, Keeping};
use super::exchange::Validator;

/// For answers that say nothing of how long they keep, as those of repository managers often do: what nobody promised is
/// not taken for fresh. Who knows better sets `fresh-for`.
const UNSAID: Duration = Duration::ZERO;

/// Whatever a server says, after this it is asked again.
const LONGEST: Duration = Duration::from_hours(1);

/// "No such package" keeps this long: long enough for a second run by hand, short enough for a first release.
pub(super) const MISSING: Duration = Duration::from_mins(1);

/// How an answer with these headers is kept; `None` when it must not be.
pub(super) fn keeping(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Keeping> {
    let bytes = |name| headers.get(name).map(|value: &HeaderValue| value.as_bytes().to_vec());
    Some(Keeping { fresh_for: fresh_for(headers, now)?, etag: bytes(ETAG), last_modified: bytes(LAST_MODIFIED) })
}

/// How long an answer with these headers is fresh from now; `None` when it must not be kept at all (`no-store`).
fn fresh_for(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let mut response = http::Response::new(());
    response.headers_mut().clone_from(headers);
    let options = CacheOptions { shared: false, cache_heuristic: 0.0, ..CacheOptions::default() };
    let policy = CachePolicy::new_options(&http::Request::new(()), &response, now.into(), options);
    let time = if is_said(headers) { policy.time_to_live(now.into()) } else { UNSAID };
    policy.is_storable().then_some(time.min(LONGEST))
}

fn is_said(headers: &HeaderMap) -> bool {
    [CACHE_CONTROL, EXPIRES, PRAGMA].iter().any(|name| headers.contains_key(name))
}

/// How long an entry is fresh from the moment that a 304 confirmed it. One that says nothing confirms that too.
pub(super) fn confirmed_for(headers: &HeaderMap, entry: &Entry, now: DateTime<Utc>) -> Duration {
    if is_said(headers) { fresh_for(headers, now).unwrap_or_default() } else { entry.keeping.fresh_for }
}

/// What makes the next question conditional: the `ETag` alone where there is one, as cargo does.
pub(super) fn validator(entry: &Entry) -> Option<Validator> {
    let value = |bytes: &Option<Vec<u8>>| HeaderValue::from_bytes(bytes.as_deref()?).ok();
    let etag = value(&entry.keeping.etag).map(Validator::ETag);
    etag.or_else(|| value(&entry.keeping.last_modified).map(Validator::LastModified))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_keeps_as_long_as_it_says_within_our_bounds() {
        let now: DateTime<Utc> = "2026-11-20T06:00:00Z".parse().unwrap();
        let minutes = |minutes| Some(Duration::from_mins(minutes));
        for (headers, expected) in [
            (&[("cache-control", "public,max-age=600")][..], minutes(10)),
            (&[("cache-control", "max-age=600"), ("age", "540")], minutes(1)),
            (&[("cache-control", "max-age=600"), ("age", "6000")], minutes(0)),
            (&[("cache-control", "private, max-age=60")], minutes(1)),
            (&[("cache-control", "max-age=31536000, immutable")], minutes(60)),
            (&[("cache-control", "no-cache")], minutes(0)),
            (&[("cache-control", "must-revalidate")], minutes(0)),
            (&[("cache-control", "max-age=often")], minutes(0)),
            (&[("cache-control", "no-store")], None),
            (&[("cache-control", "max-age=600"), ("vary", "*")], minutes(0)),
            (&[("cache-control", "max-age=600"), ("vary", "accept, accept-encoding")], minutes(10)),
            (&[("pragma", "no-cache")], minutes(0)),
            (&[("expires", "Fri, 20 Nov 2026 06:02:00 GMT"), ("date", "Fri, 20 Nov 2026 06:00:00 GMT")], minutes(2)),
            (&[("expires", "0")], minutes(0)),
            (&[("last-modified", "Mon, 20 Nov 2006 06:00:00 GMT")], minutes(0)),
            (&[], minutes(0)),
        ] {
            let map = headers.iter().map(|&(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            assert_eq!(fresh_for(&map, now), expected, "{headers:?}");
        }
    }
}
