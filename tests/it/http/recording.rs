//! A run that was recorded is decided again from the recording, whatever came over the wire, and nobody is asked.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use upmon::error::{LookupError, Trouble};
use upmon::http::Fetch;
use upmon::http::client::{Client, Options};
use upmon::http::credentials::Credentials;
use upmon::http::recording::{About, Tape};
use upmon::registry::RegistryId;
use upmon::release::ReleaseSet;
use url::Url;

use super::faults::gzip;
use super::support::{Act, Server, answer, ask_of, client, good, lines, options, send};

const GZIP: &str = "content-encoding: gzip";

const SECRET: &str = "s3cr3t-t0k3n";

type Outcome = Result<ReleaseSet, LookupError>;

async fn ask(client: &Client, url: &str) -> Outcome {
    client.fetch(ask_of(RegistryId::CratesIo, url), &lines).await.map(|fetched| fetched.facts)
}

/// Asks each address, recording.
async fn recorded(directory: &Path, options: Options, urls: &[&str]) -> Vec<Outcome> {
    let tape = Arc::new(Tape::record(directory).unwrap());
    let client = client(Options { tape: Some(Arc::clone(&tape)), ..options });
    let mut outcomes = Vec::new();
    for url in urls {
        outcomes.push(ask(&client, url).await);
    }
    let now = "2026-11-20T06:00:00Z".parse().unwrap();
    tape.finish(&About { now, as_of: true, links: false, state: None }).unwrap();
    outcomes
}

/// Asks each address of a recording.
async fn replayed(directory: &Path, urls: &[&str]) -> Vec<Outcome> {
    let tape = Some(Arc::new(Tape::replay(directory).unwrap()));
    let client = client(Options { tape, deadline: None, ..options() });
    let mut outcomes = Vec::new();
    for url in urls {
        outcomes.push(ask(&client, url).await);
    }
    outcomes
}

/// Everything that stands in a recording.
fn text(directory: &Path) -> String {
    let files = std::fs::read_dir(directory).unwrap();
    files.map(|file| String::from_utf8_lossy(&std::fs::read(file.unwrap().path()).unwrap()).into_owned()).collect()
}

#[tokio::test]
async fn whatever_came_over_the_wire_is_decided_again() {
    type Script = fn(usize, &str) -> Vec<Act>;
    let scripts: [(&str, bool, Script); 22] = [
        ("a good answer", true, |_, _| good()),
        ("a redirect", true, |_, asked| {
            let there = "location: /there?signature=hunter2";
            if asked.contains("/there") { good() } else { answer("302 Found", &[there], "") }
        }),
        ("a circle", false, |_, _| answer("302 Found", &["location: /tokio"], "")),
        ("304 to whatever", false, |_, _| answer("304 Not Modified", &[], "")),
        ("500 to whatever", false, |_, _| answer("500 Internal Server Error", &[], "oops")),
        ("500 twice", true, |nth, _| if nth < 2 { answer("500 Oh", &[], "oops") } else { good() }),
        ("404", false, |_, _| answer("404 Not Found", &[], "nothing here")),
        ("401", false, |_, _| answer("401 Unauthorized", &["www-authenticate: Basic realm=\"x\""], "")),
        ("406, then anything", true, |nth, _| if nth == 0 { answer("406 No", &[], "") } else { good() }),
        ("429 once", true, |nth, _| match nth {
            0 => answer("429 Too Many Requests", &["retry-after: 0"], ""),
            _ => good(),
        }),
        ("429 for long", false, |_, _| answer("429 Too Many Requests", &["retry-after: 86400"], "")),
        ("a web page", false, |_, _| answer("200 OK", &["content-type: text/html"], "<html>")),
        ("too much", false, |_, _| answer("200 OK", &[], "x".repeat((1 << 20) + 1))),
        ("half an answer", false, |_, _| vec![send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n1.0.0\n")]),
        ("a packed answer", true, |_, _| answer("200 OK", &[GZIP], gzip(b"1.0.0\nend"))),
        ("half a packed answer", false, |_, _| answer("200 OK", &[GZIP], &gzip(b"1.0.0\nend")[..20])),
        ("what is called packed and is not", false, |_, _| answer("200 OK", &[GZIP], "1.0.0\nend")),
        ("a packed answer of too much", false, |_, _| answer("200 OK", &[GZIP], gzip(&vec![b'x'; 50 << 20]))),
        ("packed twice", false, |_, _| answer("200 OK", &["content-encoding: gzip, gzip"], gzip(&gzip(b"1.0.0\nend")))),
        ("a packed 404", false, |_, _| answer("404 Not Found", &[GZIP], gzip(b"nothing here"))),
        ("no answer", false, |_, _| vec![Act::Reset]),
        ("no HTTP", false, |_, _| vec![send("220 smtp\r\n\r\n")]),
    ];
    for (name, is_good, script) in scripts {
        let (server, directory) = (Server::start(script).await, tempfile::tempdir().unwrap());
        let url = format!("{}/tokio", server.url);
        let live = recorded(directory.path(), options(), &[&url]).await;
        let asked = server.requests().len();
        assert_eq!(live[0].is_ok(), is_good, "{name}: {live:?}");
        assert_eq!(replayed(directory.path(), &[&url]).await, until_unset(live), "{name}");
        assert_eq!(server.requests().len(), asked, "{name}: the server was asked again");
        assert!(!text(directory.path()).contains("hunter2"), "{name}");
    }
}

/// A limit that is counted from now ends later in a replay, which no report tells.
fn until_unset(outcomes: Vec<Outcome>) -> Vec<Outcome> {
    let unset = |outcome: Outcome| match outcome {
        Err(LookupError::RateLimited { message, .. }) => Err(LookupError::RateLimited { message, until: None }),
        other => other,
    };
    outcomes.into_iter().map(unset).collect()
}

#[tokio::test]
async fn a_run_that_was_over_before_the_answer_ends_so_again() {
    for options in [
        Options { timeout: Duration::from_millis(50), ..options() },
        Options { deadline: Some(Duration::from_millis(50)), ..options() },
    ] {
        let (server, directory) = (Server::start(|_, _| vec![Act::Hang]).await, tempfile::tempdir().unwrap());
        let urls = [format!("{}/a", server.url), format!("{}/b", server.url)];
        let urls = [urls[0].as_str(), urls[1].as_str()];
        let live = recorded(directory.path(), options, &urls).await;
        assert!(live.iter().all(Result::is_err), "{live:?}");
        assert_eq!(replayed(directory.path(), &urls).await, live);
    }
}

#[tokio::test]
async fn what_was_not_recorded_is_unreachable_and_nobody_is_asked() {
    let (server, directory) = (Server::start(|_, _| good()).await, tempfile::tempdir().unwrap());
    let known = format!("{}/tokio", server.url);
    recorded(directory.path(), options(), &[&known]).await;
    let other = format!("{}/other", server.url);
    let outcomes = replayed(directory.path(), &[&other, &known, &known]).await;
    let message = format!("asking crates-io for `tokio`: `{other}` was not asked: it is not in the recording");
    assert_eq!(outcomes[0], Err(LookupError::Unreachable { message, trouble: Trouble::Other }));
    assert!(outcomes[1].is_ok() && outcomes[1] == outcomes[2], "a question may be asked again: {outcomes:?}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn what_was_packed_is_kept_as_a_person_can_read_it() {
    let server = Server::start(|_, _| answer("200 OK", &[GZIP], gzip(b"1.0.0\nend"))).await;
    let directory = tempfile::tempdir().unwrap();
    let url = format!("{}/tokio", server.url);
    assert!(recorded(directory.path(), options(), &[&url]).await[0].is_ok());
    let text = text(directory.path());
    assert!(text.contains("\n\n1.0.0\nend") && !text.contains("content-encoding"), "{text}");
}

#[tokio::test]
async fn the_same_question_has_as_many_answers_as_it_had() {
    let script = |nth, _: &str| answer("200 OK", &[], format!("1.0.{nth}\nend"));
    let (server, directory) = (Server::start(script).await, tempfile::tempdir().unwrap());
    let url = format!("{}/tokio", server.url);
    let live = recorded(directory.path(), options(), &[&url, &url]).await;
    assert_ne!(live[0], live[1]);
    assert_eq!(replayed(directory.path(), &[&url, &url]).await, live);
}

#[tokio::test]
async fn a_recording_asks_past_the_cache() {
    let server = Server::start(|_, _| answer("200 OK", &["cache-control: max-age=600"], "1.0.0\nend")).await;
    let (cache, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let url = format!("{}/tokio", server.url);
    let cached = Options { cache: Some(cache.path().to_owned()), ..options() };
    ask(&client(cached.clone()), &url).await.unwrap();
    recorded(directory.path(), cached, &[&url]).await[0].as_ref().unwrap();
    assert_eq!(server.requests().len(), 2);
    assert!(replayed(directory.path(), &[&url]).await[0].is_ok());
}

/// Options with a token for a registry at this address, as it comes from the environment.
fn with_token(base: &str) -> Options {
    let bases = [(RegistryId::CratesIo, Url::parse(base).unwrap())].into_iter().collect();
    let variable = |asked: &str| (asked == "UPMON_CRATES_IO_TOKEN").then(|| SECRET.to_owned());
    Options { credentials: Credentials::from_environment(&variable, &bases).unwrap(), ..options() }
}

#[tokio::test]
async fn a_token_is_in_no_recording_even_where_the_registry_echoes_it() {
    for status in ["200 OK", "401 Unauthorized"] {
        let echo = move |_: usize, asked: &str| {
            assert!(asked.contains(SECRET));
            let headers = [format!("etag: \"{SECRET}\""), format!("www-authenticate: {SECRET}")];
            answer(status, &[&headers[0], &headers[1]], format!("1.0.0-{SECRET}\nend"))
        };
        let (server, directory) = (Server::start(echo).await, tempfile::tempdir().unwrap());
        let url = format!("{}/tokio?key={SECRET}", server.url);
        let live = recorded(directory.path(), with_token(&server.url), &[&url]).await;
        let text = text(directory.path());
        assert!(!text.contains(SECRET), "{text}");
        assert!(text.contains("`UPMON_CRATES_IO_TOKEN`"), "where it came from is told: {text}");
        // who plays it has no token, and reads the same
        assert_eq!(replayed(directory.path(), &[&url]).await, live, "{status}");
    }
}

#[tokio::test]
async fn a_secret_in_the_address_itself_stays_out() {
    let (server, directory) = (Server::start(|_, _| good()).await, tempfile::tempdir().unwrap());
    let url = format!("{}/tokio", server.url.replace("http://", &format!("http://me:{SECRET}@")));
    let live = recorded(directory.path(), options(), &[&url]).await;
    assert!(live[0].is_ok() && !text(directory.path()).contains(SECRET), "{live:?}");
    assert_eq!(replayed(directory.path(), &[&format!("{}/tokio", server.url)]).await, live);
}
