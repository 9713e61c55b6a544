//! A token goes to the origin it belongs to, and appears nowhere: no other origin, no log, no error, no file.

use std::collections::HashMap;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use upmon::http::Fetch;
use upmon::http::client::Options;
use upmon::http::credentials::Credentials;
use upmon::registry::RegistryId;
use upmon::registry::git::{Git, GitOptions, Logins};
use url::Url;

use super::support::{Server, answer, ask_of, client, good, lines, options};

const SECRET: &str = "s3cr3t-t0k3n";

/// Options with a token for a registry at this address, as it comes from the environment.
fn with_token(registry: RegistryId, base: &str) -> Options {
    let bases = HashMap::from([(registry, Url::parse(base).unwrap())]);
    let name = registry.url_variable().replace("_URL", "_TOKEN");
    let variable = |asked: &str| (asked == name).then(|| SECRET.to_owned());
    Options { credentials: Credentials::from_environment(&variable, &bases).unwrap(), ..options() }
}

/// Whether a text shows the secret, as it is or as a header carries it.
fn shows_secret(text: &str) -> bool {
    let pairs = [format!("__token__:{SECRET}"), format!("{SECRET}:"), format!("x-access-token:{SECRET}")];
    let encoded = pairs.map(|pair| base64::engine::general_purpose::STANDARD.encode(pair));
    text.contains(SECRET) || encoded.iter().any(|pair| text.contains(pair))
}

/// Everything that was logged.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_token_is_sent_to_its_origin_and_never_to_where_a_redirect_leads() {
    for &registry in RegistryId::ALL {
        let other = Server::start(|_, _| good()).await;
        let location = format!("location: {}/elsewhere", other.url.replace("http://", "http://me:pw@"));
        let home = Server::start(move |_, _| answer("302 Found", &[&location], "")).await;
        let client = client(with_token(registry, &home.url));
        client.fetch(ask_of(registry, &format!("{}/tokio", home.url)), &lines).await.unwrap();
        assert!(shows_secret(&home.requests()[0]), "{registry}: {:?}", home.requests());
        assert!(!other.requests()[0].contains("authorization"), "{registry}: {:?}", other.requests());
    }
}

#[tokio::test]
async fn a_token_stays_below_the_path_it_belongs_to() {
    for &registry in RegistryId::ALL {
        let home = Server::start(|_, request| {
            if request.starts_with("GET /private") { answer("302 Found", &["location: /public"], "") } else { good() }
        })
        .await;
        let client = client(with_token(registry, &format!("{}/private", home.url)));
        client.fetch(ask_of(registry, &format!("{}/private/tokio", home.url)), &lines).await.unwrap();
        let requests = home.requests();
        assert!(shows_secret(&requests[0]) && !requests[1].contains("authorization"), "{registry}: {requests:?}");
    }
}

#[tokio::test]
async fn a_token_comes_back_to_its_origin_after_a_detour_only_to_its_origin() {
    let home = Server::start(|_, request| {
        if request.starts_with("GET /old") { answer("302 Found", &["location: /new"], "") } else { good() }
    })
    .await;
    let client = client(with_token(RegistryId::Npm, &home.url));
    client.fetch(ask_of(RegistryId::Npm, &format!("{}/old", home.url)), &lines).await.unwrap();
    assert!(home.requests().iter().all(|request| shows_secret(request)), "{:?}", home.requests());
}

#[tokio::test]
async fn no_log_at_the_highest_verbosity_no_error_and_no_answer_shows_a_token() {
    let captured = Captured::default();
    let writer = captured.clone();
    // where there is one subscriber alone, a thread without it decides for all what is never logged
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish()
        .set_default();
    let directory = tempfile::tempdir().unwrap();
    for &registry in RegistryId::ALL {
        for (status, body) in [
            ("200 OK", "1.0.0\nend".to_owned()),
            ("200 OK", format!("<{SECRET}")),
            (&*format!("401 Unauthorized\r\nwww-authenticate: {SECRET}"), String::new()),
            ("404 Not Found", String::new()),
            ("500 Internal Server Error", SECRET.to_owned()),
        ] {
            let answer = answer(status, &["cache-control: max-age=600"], body);
            let server = Server::start(move |_, _| answer.clone()).await;
            let options = with_token(registry, &server.url);
            assert!(!shows_secret(&format!("{options:?}")));
            let client = client(Options { cache: Some(directory.path().to_owned()), ..options });
            let ended = client.fetch(ask_of(registry, &server.url), &lines).await;
            assert!(shows_secret(&server.requests()[0]), "{registry}: the token was sent");
            assert!(!shows_secret(&format!("{ended:?} {client:?}")), "{registry}: {ended:?}");
        }
        let in_address = format!("http://me:{SECRET}@127.0.0.1:1/tokio");
        let error = client(options()).fetch(ask_of(registry, &in_address), &lines).await.unwrap_err();
        assert!(!shows_secret(&format!("{error:?}")), "{registry}: {error:?}");
    }
    let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    let layers = ["upmon::http", "hyper_util", "reqwest", "TRACE"];
    assert!(layers.iter().all(|layer| log.contains(layer)), "every layer's log was captured: {log}");
    assert!(!shows_secret(&log), "{log}");
    for entry in std::fs::read_dir(directory.path().join("facts")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!shows_secret(&String::from_utf8_lossy(&bytes)));
    }
}

#[test]
fn a_panic_that_prints_any_part_of_the_network_layer_shows_no_token() {
    for &registry in RegistryId::ALL {
        let options = with_token(registry, "https://registry.example/");
        let request = ask_of(registry, &format!("https://me:{SECRET}@registry.example/tokio?token={SECRET}"));
        let variable = |name: &str| (name == "UPMON_GIT_TOKEN").then(|| SECRET.to_owned());
        let logins = Logins::from_credentials(Credentials::for_git(&variable).unwrap());
        let git = Git::with_options(GitOptions { logins, ..GitOptions::default() });
        let client = client(options.clone());
        let panics = AssertUnwindSafe(|| panic!("{request:?} {options:?} {client:?} {git:?}"));
        let panic = std::panic::catch_unwind(panics).unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        assert!(message.contains("registry.example") && !shows_secret(message), "{message}");
    }
}

#[tokio::test]
async fn user_and_password_of_an_address_become_a_header_and_leave_the_address() {
    let server = Server::start(|_, _| good()).await;
    let address = server.url.replace("http://", &format!("http://me:{SECRET}@"));
    let fetched = client(options()).fetch(ask_of(RegistryId::PyPi, &address), &lines).await.unwrap();
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("me:{SECRET}"));
    assert!(server.requests()[0].contains(&format!("authorization: Basic {pair}")), "{:?}", server.requests());
    assert!(fetched.address.starts_with(&server.url), "{}", fetched.address);
}
