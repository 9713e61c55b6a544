//! What every answer goes through: headers, redirects, statuses, sizes.

use upmon::error::ErrorKind;
use upmon::http::Origin;
use wiremock::matchers::{header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use upmon::http::Fetch;
use upmon::registry::RegistryId;

use super::support::{Server, answer, ask_of, client, fetch, good, lines, options, versions};

#[tokio::test]
async fn a_good_answer_becomes_facts() {
    let server = MockServer::start().await;
    let agent = concat!("upmon/", env!("CARGO_PKG_VERSION"));
    Mock::given(path("/tokio"))
        .and(header("accept", "text/plain"))
        .and(wiremock::matchers::header_regex("user-agent", agent))
        .respond_with(ResponseTemplate::new(200).set_body_string("1.0.0\n1.1.0\nend"))
        .mount(&server)
        .await;
    let fetched = fetch(&client(options()), &format!("{}/tokio", server.uri())).await.unwrap();
    assert_eq!(versions(&fetched), ["1.0.0", "1.1.0"]);
    assert_eq!(fetched.origin, Origin::Network);
}

#[tokio::test]
async fn a_status_becomes_the_kind_that_tells_what_to_do() {
    for (status, kind) in [
        (204, ErrorKind::BadResponse),
        (300, ErrorKind::BadResponse),
        (301, ErrorKind::BadResponse),
        (304, ErrorKind::BadResponse),
        (400, ErrorKind::BadResponse),
        (401, ErrorKind::Unauthorized),
        (402, ErrorKind::Unauthorized),
        (403, ErrorKind::Unauthorized),
        (404, ErrorKind::NotFound),
        (406, ErrorKind::BadResponse),
        (410, ErrorKind::NotFound),
        (418, ErrorKind::BadResponse),
        (451, ErrorKind::NotFound),
        (500, ErrorKind::Unreachable),
        (502, ErrorKind::Unreachable),
        (503, ErrorKind::Unreachable),
    ] {
        let server = MockServer::start().await;
        Mock::given(path("/tokio")).respond_with(ResponseTemplate::new(status)).mount(&server).await;
        let error = fetch(&client(options()), &format!("{}/tokio", server.uri())).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status}: {error}");
    }
}

#[tokio::test]
async fn a_refused_accept_is_dropped_once() {
    let server = Server::start(|_, request| {
        if request.contains("accept: text/plain") { answer("406 Not Acceptable", &[], "") } else { good() }
    })
    .await;
    let fetched = fetch(&client(options()), &server.url).await.unwrap();
    assert_eq!(versions(&fetched), ["1.0.0"]);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_304_that_nobody_asked_for_is_asked_again_once() {
    let server = Server::start(|turn, _| if turn == 0 { answer("304 Not Modified", &[], "") } else { good() }).await;
    assert_eq!(versions(&fetch(&client(options()), &server.url).await.unwrap()), ["1.0.0"]);
    let server = Server::start(|_, _| answer("304 Not Modified", &[], "")).await;
    let error = fetch(&client(options()), &server.url).await.unwrap_err();
    assert_eq!((error.kind(), server.requests().len()), (ErrorKind::BadResponse, 2));
}

#[tokio::test]
async fn a_refusal_names_the_challenge_and_that_nothing_was_sent() {
    let server =
        Server::start(|_, _| answer("401 Unauthorized", &["www-authenticate: Basic realm=\"corp\""], "")).await;
    let error = fetch(&client(options()), &server.url).await.unwrap_err().to_string();
    assert!(error.contains("`Basic realm=\"corp\"`") && error.contains("no credential was sent"), "{error}");
    assert!(error.starts_with("crates-io refuses `tokio`: `http://127.0.0.1"), "{error}");
}

#[tokio::test]
async fn compressed_bodies_are_read() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(b"1.0.0\nend").unwrap();
    let body = encoder.finish().unwrap();
    let server = Server::start(move |_, request| {
        assert!(["gzip", "br", "zstd"].iter().all(|coding| request.contains(coding)), "{request}");
        answer("200 OK", &["content-encoding: gzip"], &body)
    })
    .await;
    assert_eq!(versions(&fetch(&client(options()), &server.url).await.unwrap()), ["1.0.0"]);
}

#[tokio::test]
async fn a_redirect_is_followed_and_the_decoder_is_told_where_it_led() {
    let server = Server::start(|_, request| {
        if request.starts_with("GET /new") { good() } else { answer("301 Moved", &["location: /new"], "") }
    })
    .await;
    let led = |head: &upmon::http::Head| {
        assert_eq!(head.url.path(), "/new");
        lines(head)
    };
    let request = ask_of(RegistryId::PyPi, &format!("{}/old", server.url));
    let fetched = client(options()).fetch(request, &led).await.unwrap();
    assert!(fetched.address.ends_with("/old"), "{}", fetched.address);
}
