//! What is kept between runs, and that it is never passed off as fresher than it is.

use std::fs;
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use upmon::error::ErrorKind;
use upmon::http::client::{Client, Options, RegistryOptions};
use upmon::http::credentials::{Credential, Credentials, Scope};
use upmon::http::{Fetch, Origin};
use upmon::registry::RegistryId;
use url::Url;

use super::support::{Act, Server, answer, ask_of, client, fetch, good, lines, options, versions};

const STALE_AT_ONCE: &str = "cache-control: max-age=0";

/// Options with a cache.
fn cached(directory: &Path) -> Options {
    Options { cache: Some(directory.to_owned()), ..options() }
}

/// A new process with this cache.
fn run(directory: &Path) -> Client {
    client(cached(directory))
}

/// What lies in the cache: a file for each run that wrote something.
fn segments(directory: &Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(directory.join("facts")).unwrap().map(|file| file.unwrap().path()).collect()
}

/// Answers with 304 to a question with this header, and else with facts that have these headers.
fn revalidating(validator: &'static str, headers: &'static [&'static str]) -> impl Fn(usize, &str) -> Vec<Act> {
    move |_, request| {
        if request.contains(validator) {
            answer("304 Not Modified", headers, "")
        } else {
            answer("200 OK", headers, "1.0.0\nend")
        }
    }
}

#[tokio::test]
async fn fresh_facts_need_no_request() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| answer("200 OK", &["cache-control: max-age=600"], "1.0.0\nend")).await;
    let first = fetch(&run(directory.path()), &server.url).await.unwrap();
    let second = fetch(&run(directory.path()), &server.url).await.unwrap();
    assert_eq!((first.origin, second.origin), (Origin::Network, Origin::Fresh));
    assert_eq!(first.facts, second.facts);
    assert!(first.confirmed_at.is_none() && second.confirmed_at.is_some());
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn an_etag_goes_back_byte_for_byte_and_alone() {
    let directory = tempfile::tempdir().unwrap();
    let headers = &[STALE_AT_ONCE, "etag: W/\"a,b\"", "last-modified: Fri, 20 Nov 2026 05:00:00 GMT"];
    let server = Server::start(revalidating("if-none-match: W/\"a,b\"\r\n", headers)).await;
    for origin in [Origin::Network, Origin::Revalidated, Origin::Revalidated] {
        let fetched = fetch(&run(directory.path()), &server.url).await.unwrap();
        assert_eq!((fetched.origin, versions(&fetched)), (origin, vec!["1.0.0"]));
    }
    assert!(!server.requests().iter().any(|request| request.contains("if-modified-since")));
}

#[tokio::test]
async fn without_an_etag_the_date_is_asked_about() {
    let directory = tempfile::tempdir().unwrap();
    let headers = &[STALE_AT_ONCE, "last-modified: Fri, 20 Nov 2026 05:00:00 GMT"];
    let server = Server::start(revalidating("if-modified-since: Fri, 20 Nov 2026 05:00:00 GMT", headers)).await;
    for origin in [Origin::Network, Origin::Revalidated] {
        assert_eq!(fetch(&run(directory.path()), &server.url).await.unwrap().origin, origin);
    }
}

#[tokio::test]
async fn a_confirmation_makes_facts_fresh_again() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(|turn, _| {
        let headers = [if turn == 0 { STALE_AT_ONCE } else { "cache-control: max-age=600" }, "etag: \"a\""];
        if turn == 0 { answer("200 OK", &headers, "1.0.0\nend") } else { answer("304 Not Modified", &headers, "") }
    })
    .await;
    for origin in [Origin::Network, Origin::Revalidated, Origin::Fresh] {
        assert_eq!(fetch(&run(directory.path()), &server.url).await.unwrap().origin, origin);
    }
}

#[tokio::test]
async fn a_200_with_the_same_etag_confirms_and_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(|turn, _| {
        let body = if turn == 0 { "1.0.0\nend" } else { "<html>not looked at" };
        answer("200 OK", &[STALE_AT_ONCE, "etag: \"a\""], body)
    })
    .await;
    for origin in [Origin::Network, Origin::Revalidated] {
        let fetched = fetch(&run(directory.path()), &server.url).await.unwrap();
        assert_eq!((fetched.origin, versions(&fetched)), (origin, vec!["1.0.0"]));
    }
}

#[tokio::test]
async fn a_changed_answer_replaces_what_was_kept() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(|turn, _| {
        answer("200 OK", &[STALE_AT_ONCE, &format!("etag: \"{turn}\"")], format!("1.{turn}.0\nend"))
    })
    .await;
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        assert_eq!(versions(&fetch(&run(directory.path()), &server.url).await.unwrap()), [version]);
    }
}

#[tokio::test]
async fn a_confirmation_of_an_entry_that_is_gone_is_asked_again() {
    // pitfall 27: a 304 is about what we have; without it there is nothing that it could be about.
    let directory = tempfile::tempdir().unwrap();
    let headers = &[STALE_AT_ONCE, "etag: \"a\""];
    let server = Server::start(move |turn, _| {
        if turn == 1 { answer("304 Not Modified", headers, "") } else { answer("200 OK", headers, "1.0.0\nend") }
    })
    .await;
    fetch(&run(directory.path()), &server.url).await.unwrap();
    fs::remove_file(&segments(directory.path())[0]).unwrap();
    let fetched = fetch(&run(directory.path()), &server.url).await.unwrap();
    assert_eq!((fetched.origin, versions(&fetched)), (Origin::Network, vec!["1.0.0"]));
    assert!(!server.requests().iter().any(|request| request.contains("if-none-match")));
}

#[tokio::test]
async fn an_empty_list_that_is_confirmed_stays_an_empty_list_and_no_error_is_made_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(|_, request| {
        let status = if request.contains("if-none-match") { "304 Not Modified" } else { "200 OK" };
        answer(status, &[STALE_AT_ONCE, "etag: \"a\""], if status == "200 OK" { "end" } else { "" })
    })
    .await;
    for origin in [Origin::Network, Origin::Revalidated] {
        let fetched = fetch(&run(directory.path()), &server.url).await.unwrap();
        assert_eq!((fetched.origin, versions(&fetched).len()), (origin, 0));
    }
}

#[tokio::test]
async fn broken_entries_are_fetched_again() {
    let server = Server::start(|_, _| answer("200 OK", &["cache-control: max-age=600"], "1.0.0\nend")).await;
    let breaks: [fn(&Path); 4] = [
        |path| fs::write(path, "").unwrap(),
        |path| fs::write(path, "something else altogether").unwrap(),
        |path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        },
        |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        },
    ];
    for (turn, broken) in breaks.into_iter().enumerate() {
        let directory = tempfile::tempdir().unwrap();
        fetch(&run(directory.path()), &server.url).await.unwrap();
        broken(&segments(directory.path())[0]);
        let fetched = fetch(&run(directory.path()), &server.url).await.unwrap();
        assert_eq!((fetched.origin, versions(&fetched)), (Origin::Network, vec!["1.0.0"]), "break {turn}");
    }
}

#[tokio::test]
async fn a_cache_that_cannot_be_made_is_no_reason_to_fail() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let server = Server::start(|_, _| good()).await;
    assert_eq!(fetch(&run(file.path()), &server.url).await.unwrap().origin, Origin::Network);
}

#[tokio::test]
async fn errors_are_never_kept() {
    for (status, headers) in [
        ("401 Unauthorized", &["cache-control: max-age=600"][..]),
        ("403 Forbidden", &["cache-control: max-age=600"]),
        ("500 Internal Server Error", &["cache-control: max-age=600"]),
        ("400 Bad Request", &["cache-control: max-age=600"]),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let server = Server::start(move |_, _| answer(status, headers, "")).await;
        fetch(&run(directory.path()), &server.url).await.unwrap_err();
        assert!(segments(directory.path()).is_empty(), "{status}");
    }
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| answer("200 OK", &["cache-control: max-age=600"], "<html>")).await;
    fetch(&run(directory.path()), &server.url).await.unwrap_err();
    assert!(segments(directory.path()).is_empty());
}

#[tokio::test]
async fn that_there_is_no_such_package_is_kept_for_a_while() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| answer("404 Not Found", &[], "")).await;
    for _ in 0..2 {
        let error = fetch(&run(directory.path()), &server.url).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn what_must_not_be_kept_is_not_kept() {
    let directory = tempfile::tempdir().unwrap();
    let server =
        Server::start(|_, _| answer("200 OK", &["cache-control: no-store", "etag: \"a\""], "1.0.0\nend")).await;
    fetch(&run(directory.path()), &server.url).await.unwrap();
    assert!(segments(directory.path()).is_empty());
}

#[tokio::test]
async fn forms_addresses_registries_and_credentials_are_kept_apart() {
    let directory = tempfile::tempdir().unwrap();
    let server =
        Server::start(|turn, _| answer("200 OK", &["cache-control: max-age=600"], format!("1.{turn}.0\nend"))).await;
    let other_form = |request: upmon::http::Request| upmon::http::Request { accept: "text/x-lines", ..request };
    let plain = ask_of(RegistryId::Npm, &server.url);
    let with_user = ask_of(RegistryId::Npm, &server.url.replace("http://", "http://me:pw@"));
    for (turn, request) in [
        plain.clone(),
        other_form(plain.clone()),
        ask_of(RegistryId::Npm, &format!("{}/?page=2", server.url)),
        ask_of(RegistryId::PyPi, &server.url),
        with_user,
    ]
    .into_iter()
    .enumerate()
    {
        let fetched = run(directory.path()).fetch(request, &lines).await.unwrap();
        assert_eq!(versions(&fetched), [format!("1.{turn}.0")]);
    }
    let mut credentials = Credentials::default();
    let scope = Scope::under(&Url::parse(&server.url).unwrap());
    credentials.push(Credential::bearer(scope, &"s3cr3t".into(), "a test").unwrap());
    let with_token = client(Options { credentials, ..cached(directory.path()) });
    assert_eq!(versions(&with_token.fetch(plain.clone(), &lines).await.unwrap()), ["1.5.0"]);
    assert_eq!(versions(&run(directory.path()).fetch(plain, &lines).await.unwrap()), ["1.0.0"]);
}

#[tokio::test]
async fn offline_shows_what_is_known_with_its_age_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(|_, request| {
        let age = if request.starts_with("GET /old") { STALE_AT_ONCE } else { "cache-control: max-age=600" };
        answer("200 OK", &[age], "1.0.0\nend")
    })
    .await;
    let (old, new) = (format!("{}/old", server.url), format!("{}/new", server.url));
    for url in [&old, &new] {
        fetch(&run(directory.path()), url).await.unwrap();
    }
    let offline = client(Options { offline: true, ..cached(directory.path()) });
    let stale = fetch(&offline, &old).await.unwrap();
    assert!(stale.origin == Origin::Stale && stale.confirmed_at.is_some());
    assert_eq!(fetch(&offline, &new).await.unwrap().origin, Origin::Fresh);
    let error = fetch(&offline, &format!("{}/other", server.url)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.to_string().contains("offline"), "{error}");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn stale_facts_are_shown_only_to_those_who_ask_and_only_when_nobody_answers() {
    for (status, is_outage) in [
        ("500 Internal Server Error", true),
        ("429 Too Many Requests\r\nretry-after: 7200", true),
        ("404 Not Found", false),
        ("401 Unauthorized", false),
    ] {
        for stale in [false, true] {
            let directory = tempfile::tempdir().unwrap();
            let server = Server::start(move |turn, _| {
                if turn == 0 { answer("200 OK", &[STALE_AT_ONCE], "1.0.0\nend") } else { answer(status, &[], "") }
            })
            .await;
            fetch(&run(directory.path()), &server.url).await.unwrap();
            let ended = fetch(&client(Options { stale, ..cached(directory.path()) }), &server.url).await;
            assert_eq!(ended.is_ok(), stale && is_outage, "{status} {stale}");
            if let Ok(fetched) = ended {
                assert!(fetched.origin == Origin::Stale && fetched.confirmed_at.is_some());
            }
        }
    }
}

#[tokio::test]
async fn the_freshness_of_a_registry_can_be_set() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| answer("200 OK", &["cache-control: max-age=600"], "1.0.0\nend")).await;
    fetch(&run(directory.path()), &server.url).await.unwrap();
    let set = |fresh_for| {
        let registry = RegistryOptions { fresh_for: Some(fresh_for), ..RegistryOptions::default() };
        client(Options { registries: [(RegistryId::CratesIo, registry)].into(), ..cached(directory.path()) })
    };
    assert_eq!(fetch(&set(Duration::ZERO), &server.url).await.unwrap().origin, Origin::Network);
    assert_eq!(fetch(&set(Duration::from_hours(24)), &server.url).await.unwrap().origin, Origin::Fresh);
}

#[tokio::test]
async fn two_runs_at_once_do_not_disturb_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(|turn, _| {
        answer("200 OK", &[STALE_AT_ONCE, &format!("etag: \"{}\"", turn % 3)], format!("1.{turn}.0\nend"))
    })
    .await;
    let (one, other) = (run(directory.path()), run(directory.path()));
    let lookups = (0..100).map(|turn| fetch(if turn % 2 == 0 { &one } else { &other }, &server.url));
    for ended in join_all(lookups).await {
        assert_eq!(versions(&ended.unwrap()).len(), 1);
    }
}
