//! What every answer goes through: headers, redirects, statuses, sizes.

use upmon::error::ErrorKind;
use upmon::http::Origin;
use wiremock::matchers::{header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::support::{client, fetch, options, versions};

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
