//! Concurrency and pace per origin, and the waits that registries ask for.
//!
//! An origin (scheme, host, port) has one pause that all its lookups share, and for each registry that lives there one
//! lane for static files and one for its API, since registries publish different rules for the two. Every number stands
//! under a link to the rule it keeps. What is waited for never lies beyond the run's deadline: then the wait ends at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::HeaderMap;
use http::header::RETRY_AFTER;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout_at};
use url::Url;

use super::clock;
use super::exchange::Failure;
use super::retry::{Budget, Cause};
use crate::registry::RegistryId;

/// How fast a registry is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Requests under way at once; at least 1.
    pub in_flight: usize,
    /// Requests started in a second, evenly spaced; `None` for as many as are in flight.
    pub per_second: Option<f64>,
}

impl Pace {
    const fn files(in_flight: usize) -> Self {
        Self { in_flight, per_second: None }
    }

    const fn api(in_flight: usize, per_second: f64) -> Self {
        Self { in_flight, per_second: Some(per_second) }
    }

    /// The pace that keeps a registry's published rule for an address.
    pub fn of(registry: RegistryId, url: &Url) -> Self {
        match (registry, is_api(registry, url)) {
            // The index has no rate limit: <https://crates.io/data-access>. Cargo itself asks for a whole dependency
            // graph at once over one HTTP/2 connection.
            (RegistryId::CratesIo, false) => Self::files(100),
            // "A maximum of 1 request per second": <https://crates.io/data-access>
            (RegistryId::CratesIo, true) => Self::api(1, 1.0),
            // Served by a CDN, where Bundler asks for /info files in parallel.
            (RegistryId::RubyGems, false) => Self::files(64),
            // 10 requests a second: <https://guides.rubygems.org/rubygems-org-rate-limits/>
            (RegistryId::RubyGems, true) => Self::api(8, 10.0),
            // "No rate limiting at the edge": <https://docs.pypi.org/api/>; 50 is what uv has by default:
            // <https://docs.astral.sh/uv/reference/settings/#concurrent-downloads>
            (RegistryId::PyPi, _) => Self::files(50),
            // No published number; pnpm has 64 to 96 by default, depending on the machine:
            // <https://github.com/pnpm/pnpm/pull/12329>
            (RegistryId::Npm, _) => Self::files(96),
            // Git asks nothing through this client; its conversations keep the same pace in `registry::git`.
            (RegistryId::Git, _) => Self::files(GIT_PER_HOST),
        }
    }
}

/// Conversations of git with one host at once. Forges publish no number for git itself; 16 is what Renovate allows a host
/// ([`concurrentRequestLimit`](https://docs.renovatebot.com/configuration-options/#hostrulesconcurrentrequestlimit)), and
/// over HTTP/2 they share one connection.
pub(crate) const GIT_PER_HOST: usize = 16;

/// Whether an address belongs to a registry's API rather than to its static files. Paths tell, since a base URL may be a
/// mirror's.
fn is_api(registry: RegistryId, url: &Url) -> bool {
    match registry {
        RegistryId::CratesIo => url.path().contains("/api/v1/"),
        RegistryId::RubyGems => url.path().contains("/api/v1/") || url.path().contains("/api/v2/"),
        RegistryId::PyPi | RegistryId::Npm | RegistryId::Git => false,
    }
}

/// A wait for longer than this is not begun, even in a run without a deadline.
const LONGEST_PAUSE: Duration = Duration::from_mins(15);

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

    /// One that begins now.
    pub(super) fn lasting(wait: Duration) -> Self {
        Self { until: clock::now() + wait, wait }
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

/// What an origin says of its rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Requests that are left.
    pub left: u64,
    /// Requests in all, where it says so.
    pub limit: Option<u64>,
}

impl Quota {
    /// Reads `x-ratelimit-*` as GitHub writes it and `ratelimit-*` as the
    /// [draft](https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/) had it, where a window may follow
    /// the number.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.split([';', ',']).next()?.trim().parse().ok();
        let either =
            |name: &str| number(&format!("x-ratelimit-{name}")).or_else(|| number(&format!("ratelimit-{name}")));
        Some(Self { left: either("remaining")?, limit: either("limit") })
    }
}

/// Every origin that was asked so far.
#[derive(Debug, Default)]
pub(super) struct Limits {
    lanes: Mutex<HashMap<(String, RegistryId, bool), Arc<Lane>>>,
    shared: Mutex<HashMap<String, Arc<Shared>>>,
    paces: HashMap<RegistryId, Pace>,
}

impl Limits {
    /// The default paces, but for the static files of some registries.
    pub(super) fn new(paces: HashMap<RegistryId, Pace>) -> Self {
        Self { paces, ..Self::default() }
    }

    /// Where requests of a registry for an address queue.
    pub(super) fn lane(&self, registry: RegistryId, url: &Url) -> Arc<Lane> {
        let origin = url.origin().ascii_serialization();
        let is_api = is_api(registry, url);
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry((origin, registry, is_api)).or_insert_with_key(|(origin, ..)| {
            let set = self.paces.get(&registry).filter(|_| !is_api);
            let pace = set.copied().unwrap_or_else(|| Pace::of(registry, url));
            Arc::new(Lane::new(pace, self.shared(origin), url.scheme() == "https"))
        });
        Arc::clone(lane)
    }

    /// What the origin of an address last said of its limit, if it says anything of it.
    pub(super) fn quota(&self, url: &Url) -> Option<Quota> {
        let shared = self.shared(&url.origin().ascii_serialization());
        *shared.quota.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shared(&self, origin: &str) -> Arc<Shared> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(shared.entry(origin.to_owned()).or_default())
    }
}

/// What all lookups of an origin share.
#[derive(Debug, Default)]
struct Shared {
    pause: Mutex<Option<(Instant, Pause)>>,
    quota: Mutex<Option<Quota>>,
    budget: Budget,
}

/// One queue of requests.
#[derive(Debug)]
pub(super) struct Lane {
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
    in_flight: usize,
    /// Whether the origin has answered. Until then an https origin gets one request, lest every waiting lookup open a
    /// connection of its own before the first has turned out to carry them all (HTTP/2).
    is_wide: AtomicBool,
    interval: Option<Duration>,
    next_start: Mutex<Instant>,
}

/// The right to have one request under way.
#[derive(Debug)]
pub(super) struct Place {
    lane: Arc<Lane>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    /// Notes that the origin answered, whatever it said, and what is left of its limit.
    pub(super) fn answered(&self, headers: &HeaderMap) {
        self.lane.widen();
        if let Some(quota) = Quota::of(headers) {
            *self.lane.shared.quota.lock().unwrap_or_else(PoisonError::into_inner) = Some(quota);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lane.widen();
    }
}

impl Lane {
    fn new(pace: Pace, shared: Arc<Shared>, is_narrow: bool) -> Self {
        let in_flight = pace.in_flight.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            shared,
            places: Arc::new(Semaphore::new(if is_narrow { 1 } else { in_flight })),
            in_flight,
            is_wide: AtomicBool::new(!is_narrow),
            interval: pace.per_second.and_then(|rate| Duration::try_from_secs_f64(rate.recip()).ok()),
            next_start: Mutex::new(Instant::now()),
        }
    }

    fn widen(&self) {
        if !self.is_wide.swap(true, Ordering::Relaxed) {
            self.places.add_permits(self.in_flight - 1);
        }
    }

    /// The repeats that the origin may still be asked for.
    pub(super) fn budget(&self) -> &Budget {
        &self.shared.budget
    }

    /// Waits for a place, for the end of a pause and for the pace, in this order: whoever has a place waits on. A pause
    /// that the origin asked for during the wait for the pace is waited out too.
    ///
    /// # Errors
    /// When no place comes free before `deadline`: [`Cause::Limited`] if the origin had asked for a pause, else
    /// [`Cause::TimedOut`]. [`Cause::Limited`] at once when a pause or the pace leads beyond it.
    pub(super) async fn enter(self: Arc<Self>, url: &Url, deadline: Option<Instant>) -> Result<Place, Failure> {
        let place = by(deadline, Arc::clone(&self.places).acquire_owned()).await;
        let Some(Ok(permit)) = place else {
            return Err(self.never_asked(url));
        };
        loop {
            self.wait_out_pauses(url, deadline).await?;
            self.keep_pace(url, deadline).await?;
            if self.current_pause().is_none() {
                break;
            }
        }
        Ok(Place { lane: self, _permit: permit })
    }

    /// Nobody who had a place gave it up in time: they were slow, or the origin had asked them to wait.
    fn never_asked(&self, url: &Url) -> Failure {
        let pause = self.last_pause().map(|(_, pause)| pause);
        let cause = pause.map_or(Cause::TimedOut, |pause| Cause::Limited(Some(pause)));
        Failure::new(cause, url, "was not asked before the run's deadline")
    }

    /// Holds everybody who asks this origin back.
    pub(super) fn pause(&self, pause: Pause) {
        // A wait beyond what a clock can hold is as good as one beyond any deadline.
        let until = Instant::now() + pause.wait.min(Duration::from_hours(24 * 365));
        let mut current = self.shared.pause.lock().unwrap_or_else(PoisonError::into_inner);
        if current.is_none_or(|(end, _)| end < until) {
            *current = Some((until, pause));
        }
    }

    async fn wait_out_pauses(&self, url: &Url, deadline: Option<Instant>) -> Result<(), Failure> {
        while let Some((end, pause)) = self.current_pause() {
            let longest = deadline.unwrap_or_else(|| Instant::now() + LONGEST_PAUSE);
            if end > longest {
                let what = format!("asks to be left alone until {}", pause.until.format("%FT%TZ"));
                return Err(Failure::new(Cause::Limited(Some(pause)), url, what));
            }
            sleep_until(end + spread(pause.wait)).await;
        }
        Ok(())
    }

    fn current_pause(&self) -> Option<(Instant, Pause)> {
        self.last_pause().filter(|(end, _)| *end > Instant::now())
    }

    /// The pause that ends last of those that the origin asked for so far.
    fn last_pause(&self) -> Option<(Instant, Pause)> {
        *self.shared.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn keep_pace(&self, url: &Url, deadline: Option<Instant>) -> Result<(), Failure> {
        let Some(interval) = self.interval else { return Ok(()) };
        let start = self.reserve(interval, deadline).ok_or_else(|| {
            let what = "may not be asked so often that its turn came before the run's deadline";
            Failure::new(Cause::Limited(None), url, what)
        })?;
        sleep_until(start).await;
        Ok(())
    }

    /// Takes the next start, if it lies before the deadline.
    fn reserve(&self, interval: Duration, deadline: Option<Instant>) -> Option<Instant> {
        let mut next = self.next_start.lock().unwrap_or_else(PoisonError::into_inner);
        let start = (*next).max(Instant::now());
        if deadline.is_some_and(|deadline| start > deadline) {
            return None;
        }
        *next = start + interval;
        Some(start)
    }
}

/// Waits for something until a deadline.
pub(super) async fn by<T>(deadline: Option<Instant>, what: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => timeout_at(deadline, what).await.ok(),
        None => Some(what.await),
    }
}

/// A bit of waiting on top of a pause, at most a quarter of it and two seconds, so that not everybody returns at once.
fn spread(wait: Duration) -> Duration {
    (wait / 4).min(Duration::from_secs(2)).mul_f64(fastrand::f64())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-20T06:00:00Z".parse().unwrap()
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        for (value, seconds) in [
            ("0", Some(0)),
            ("7", Some(7)),
            (" 120 ", Some(120)),
            ("Fri, 20 Nov 2026 06:00:30 GMT", Some(30)),
            ("Friday, 20-Nov-26 06:00:30 GMT", Some(30)),
            ("Fri, 20 Nov 2026 05:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            let pause = Pause::of(&headers(&[("retry-after", value)]), now());
            assert_eq!(pause.map(|pause| pause.wait.as_secs()), seconds, "{value}");
        }
    }

    #[test]
    fn a_quota_is_a_pause_only_when_nothing_is_left() {
        for (left, reset, seconds) in
            [("0", "1795154460", Some(60)), ("1", "1795154460", None), ("0", "never", None), ("0", "1", Some(0))]
        {
            let headers = headers(&[("x-ratelimit-remaining", left), ("x-ratelimit-reset", reset)]);
            assert_eq!(Pause::of_quota(&headers, now()).map(|pause| pause.wait.as_secs()), seconds, "{left} {reset}");
        }
    }

    #[test]
    fn what_is_left_is_read_in_both_spellings() {
        let quota = |left, limit| Some(Quota { left, limit });
        for (pairs, expected) in [
            (&[("x-ratelimit-remaining", "58"), ("x-ratelimit-limit", "60")][..], quota(58, Some(60))),
            (&[("ratelimit-remaining", "98;w=21600"), ("ratelimit-limit", "100;w=21600")], quota(98, Some(100))),
            (&[("x-ratelimit-remaining", "0")], quota(0, None)),
            (&[("x-ratelimit-limit", "60")], None),
            (&[("x-ratelimit-remaining", "many")], None),
        ] {
            assert_eq!(Quota::of(&headers(pairs)), expected, "{pairs:?}");
        }
    }

    #[test]
    fn starts_are_spaced_evenly_and_never_lie_beyond_the_deadline() {
        let lane = Lane::new(Pace { in_flight: 1, per_second: Some(10.0) }, Arc::default(), false);
        let interval = lane.interval.unwrap();
        let first = lane.reserve(interval, None).unwrap();
        assert_eq!(lane.reserve(interval, None), Some(first + Duration::from_millis(100)));
        assert_eq!(lane.reserve(interval, Some(first + Duration::from_millis(150))), None);
        assert_eq!(lane.reserve(interval, None), Some(first + Duration::from_millis(200)));
    }

    #[test]
    fn an_https_origin_is_asked_once_before_it_is_asked_widely() {
        let lane = Lane::new(Pace::files(64), Arc::default(), true);
        assert_eq!(lane.places.available_permits(), 1);
        lane.widen();
        lane.widen();
        assert_eq!(lane.places.available_permits(), 64);
    }

    #[test]
    fn a_shorter_pause_does_not_end_a_longer_one() {
        let lane = Lane::new(Pace::files(1), Arc::default(), false);
        let long = Pause::lasting(Duration::from_mins(5));
        lane.pause(long);
        lane.pause(Pause::lasting(Duration::from_secs(1)));
        assert_eq!(lane.current_pause().unwrap().1, long);
    }

    #[tokio::test]
    async fn a_pause_beyond_the_deadline_ends_the_wait_at_once_and_says_until_when() {
        let limits = Limits::default();
        let url = Url::parse("https://index.example/se/rd/serde").unwrap();
        let lane = limits.lane(RegistryId::CratesIo, &url);
        let until = Pause::lasting(Duration::from_hours(1));
        lane.pause(until);
        let deadline = Instant::now() + Duration::from_mins(1);
        let same_origin = limits.lane(RegistryId::Npm, &url);
        let failure = same_origin.enter(&url, Some(deadline)).await.unwrap_err();
        assert_eq!(failure.cause, Cause::Limited(Some(until)));
        assert!(failure.what.contains(&until.until.format("%FT%TZ").to_string()), "{}", failure.what);
    }

    #[tokio::test]
    async fn a_pause_that_begins_while_a_lookup_waits_for_the_pace_holds_it_back() {
        let url = Url::parse("https://rubygems.org/api/v1/gems/rails.json").unwrap();
        let lane = Arc::new(Lane::new(Pace::api(2, 10.0), Arc::default(), false));
        let _first = Arc::clone(&lane).enter(&url, None).await.unwrap();
        let until = Pause::lasting(Duration::from_hours(1));
        let second = Arc::clone(&lane).enter(&url, Some(Instant::now() + Duration::from_mins(1)));
        // the second is polled first: it has seen no pause, and its start lies ahead
        let (second, ()) = tokio::join!(second, async { lane.pause(until) });
        assert_eq!(second.unwrap_err().cause, Cause::Limited(Some(until)));
    }

    #[tokio::test]
    async fn what_was_not_asked_before_the_deadline_is_limited_only_if_the_origin_asked_for_a_pause() {
        let url = Url::parse("http://127.0.0.1/tokio").unwrap();
        let lane = Arc::new(Lane::new(Pace::files(1), Arc::default(), false));
        let _place = Arc::clone(&lane).enter(&url, None).await.unwrap();
        let past = Some(Instant::now());
        assert_eq!(Arc::clone(&lane).enter(&url, past).await.unwrap_err().cause, Cause::TimedOut);
        let pause = Pause::lasting(Duration::ZERO);
        lane.pause(pause);
        assert_eq!(Arc::clone(&lane).enter(&url, past).await.unwrap_err().cause, Cause::Limited(Some(pause)));
    }

    #[test]
    fn an_api_keeps_its_published_rule_whatever_is_set_for_files() {
        let set = HashMap::from([(RegistryId::RubyGems, Pace::files(500))]);
        let limits = Limits::new(set);
        let lane = |url: &str| limits.lane(RegistryId::RubyGems, &Url::parse(url).unwrap());
        assert_eq!(lane("https://rubygems.org/info/rails").in_flight, 500);
        let api = lane("https://rubygems.org/api/v1/gems/rails.json");
        assert_eq!((api.in_flight, api.interval), (8, Some(Duration::from_millis(100))));
        let crates = limits.lane(RegistryId::CratesIo, &Url::parse("https://crates.io/api/v1/crates/tokio").unwrap());
        assert_eq!((crates.in_flight, crates.interval), (1, Some(Duration::from_secs(1))));
    }
}
