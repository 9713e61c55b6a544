//! Politeness: how many requests an origin sees at once, and what becomes of its wishes to wait.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use upmon::error::{ErrorKind, LookupError};
use upmon::http::client::{Options, RegistryOptions};
use upmon::http::limit::Pace;
use upmon::registry::RegistryId;

use super::support::{Act, Server, answer, client, fetch, good, options};

/// Options that ask crates.io with so many requests at once.
fn in_flight(in_flight: usize) -> Options {
    let pace = Some(Pace { in_flight, per_second: None });
    let registry = RegistryOptions { pace, ..RegistryOptions::default() };
    Options { registries: [(RegistryId::CratesIo, registry)].into(), ..options() }
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_the_pace_allows() {
    let slow = || [vec![Act::Wait(Duration::from_millis(20))], good()].concat();
    let server = Server::start(move |_, _| slow()).await;
    let client = client(in_flight(4));
    let ended = join_all((0..40).map(|_| fetch(&client, &server.url))).await;
    assert!(ended.iter().all(Result::is_ok));
    assert!((2..=4).contains(&server.most_under_way()), "{}", server.most_under_way());
}

#[tokio::test]
async fn one_wish_to_wait_holds_all_lookups_of_the_origin_back() {
    for (status, is_date) in [("429 Too Many Requests", false), ("503 Service Unavailable", true)] {
        let relents = OnceLock::new();
        let server = Server::start(move |_, _| {
            let at = *relents.get_or_init(|| now() + Duration::from_secs(1));
            // A date has whole seconds only, so it may name the next one.
            let date = httpdate::fmt_http_date(at + Duration::from_secs(1));
            let wait = if is_date { &date } else { "1" };
            if now() < at { answer(status, &[&format!("retry-after: {wait}")], "") } else { good() }
        })
        .await;
        let client = client(in_flight(1));
        let ended = join_all((0..20).map(|_| fetch(&client, &server.url))).await;
        assert!(ended.iter().all(Result::is_ok), "{status}");
        assert_eq!(server.requests().len(), 21, "{status}: asked before the registry relented");
    }
}

#[expect(clippy::disallowed_methods, reason = "the server's clock: a date that lies ahead of the client's")]
fn now() -> SystemTime {
    SystemTime::now()
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_ends_all_lookups_at_once_and_says_until_when() {
    for (status, headers) in [
        ("429 Too Many Requests", &["retry-after: 7200"][..]),
        ("503 Service Unavailable", &["retry-after: 7200"]),
        ("403 Forbidden", &["x-ratelimit-remaining: 0", "x-ratelimit-reset: 4102444800"]),
    ] {
        let server = Server::start(move |_, _| answer(status, headers, "")).await;
        let client = client(in_flight(1));
        for ended in join_all((0..20).map(|_| fetch(&client, &server.url))).await {
            let error = ended.unwrap_err();
            assert!(matches!(&error, LookupError::RateLimited { until: Some(_), .. }), "{status}: {error:?}");
        }
        assert_eq!(server.requests().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_registry_that_never_relents_is_rate_limited_and_not_asked_for_ever() {
    let server = Server::start(|_, _| answer("429 Too Many Requests", &["retry-after: 0"], "")).await;
    let error = fetch(&client(options()), &server.url).await.unwrap_err();
    assert_eq!((error.kind(), server.requests().len()), (ErrorKind::RateLimited, 5));
}

#[tokio::test]
async fn a_registry_in_trouble_is_not_stormed_with_repeats() {
    let server = Server::start(|_, _| answer("503 Service Unavailable", &[], "")).await;
    let client = client(options());
    let ended = join_all((0..300).map(|_| fetch(&client, &server.url))).await;
    assert!(ended.iter().all(|ended| ended.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unreachable)));
    let asked = server.requests().len();
    assert!((301..=700).contains(&asked), "{asked}");
}
