//! Faults: an answer that is broken in any way is an error of the right kind, never facts.

use std::io::Write;
use std::time::{Duration, Instant};

use upmon::error::{ErrorKind, LookupError, Trouble};
use upmon::http::client::{Options, RegistryOptions};
use upmon::http::{Decode, Fetch, Head, Malformed, Request};
use upmon::registry::RegistryId;
use upmon::release::ReleaseSet;

use super::support::{Act, Server, answer, ask_of, client, fetch, good, lines, options, send, versions};

/// What a client makes of a server that always does this.
async fn kind_of(acts: Vec<Act>) -> ErrorKind {
    let server = Server::start(move |_, _| acts.clone()).await;
    let options = Options { timeout: Duration::from_millis(500), ..options() };
    let error = fetch(&client(options), &server.url).await.expect_err("the answer is broken");
    assert!(error.to_string().contains(&server.url), "{error}");
    error.kind()
}

pub(super) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_bad_response() {
    let head = "HTTP/1.1 200 OK\r\n";
    for acts in [
        vec![send(format!("{head}content-length: 100\r\n\r\n1.0.0\nend"))],
        vec![send(format!("{head}content-length: 100\r\n\r\n1.0.0\nend")), Act::Reset],
        vec![send(format!("{head}transfer-encoding: chunked\r\n\r\n9\r\n1.0.0\nend\r\n"))],
        vec![send(format!("{head}connection: close\r\n\r\n1.0.0\n"))],
        answer("200 OK", &[], ""),
        answer("200 OK", &["content-encoding: gzip"], &gzip(b"1.0.0\nend")[..20]),
        answer("200 OK", &["content-encoding: gzip"], "1.0.0\nend"),
        answer("200 OK", &["content-encoding: zstd"], "1.0.0\nend"),
        answer("200 OK", &["content-encoding: br"], "1.0.0\nend"),
    ] {
        assert_eq!(kind_of(acts).await, ErrorKind::BadResponse);
    }
}

#[tokio::test]
async fn a_zstd_or_brotli_body_that_breaks_off_is_a_bad_response() {
    // "1.0.0\nend" in one frame each, without the last bytes.
    let zstd = b"\x28\xb5\x2f\xfd\x04\x58\x49\x00\x001.0.0\ne";
    let brotli = b"\x0b\x04\x801.0.0\ne";
    for (coding, body) in [("zstd", &zstd[..]), ("br", &brotli[..])] {
        assert_eq!(
            kind_of(answer("200 OK", &[&format!("content-encoding: {coding}")], body)).await,
            ErrorKind::BadResponse,
            "{coding}"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_packed_in_a_way_nobody_asked_for_is_a_bad_response() {
    for (coding, body) in [
        ("gzip, gzip", gzip(&gzip(b"1.0.0\nend"))),
        ("gzip, br", b"1.0.0\nend".to_vec()),
        ("compress", b"1.0.0\nend".to_vec()),
    ] {
        let kind = kind_of(answer("200 OK", &[&format!("content-encoding: {coding}")], body)).await;
        assert_eq!(kind, ErrorKind::BadResponse, "{coding}");
    }
    let plain = answer("200 OK", &["content-encoding: identity"], "1.0.0\nend");
    let server = Server::start(move |_, _| plain.clone()).await;
    assert_eq!(versions(&fetch(&client(options()), &server.url).await.unwrap()), ["1.0.0"]);
}

/// A small body that unpacks to so many MiB of blanks.
fn bomb(mebibytes: usize) -> Vec<u8> {
    gzip(&vec![b' '; mebibytes << 20])
}

#[tokio::test]
async fn an_answer_that_takes_too_much_memory_is_given_up_whatever_size_is_allowed() {
    let npm = RegistryOptions { max_size: Some(1 << 40), ..RegistryOptions::default() };
    let options = Options { registries: [(RegistryId::Npm, npm)].into(), ..options() };
    let packed = answer("200 OK", &["content-encoding: gzip"], bomb(64));
    let server = Server::start(move |_, _| packed.clone()).await;
    let error = client(options).fetch(ask_of(RegistryId::Npm, &server.url), &lines).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadResponse, "{error}");
    assert!(error.to_string().ends_with("tells more than anybody has to tell of a package"), "{error}");
}

#[tokio::test]
async fn many_large_answers_at_once_take_turns_and_are_all_read() {
    let body = format!("{}\n1.0.0\nend", "x".repeat(768 << 10));
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let (most, rest) = body.split_at(body.len() - 3);
    let acts = vec![send(head + most), Act::Wait(Duration::from_millis(200)), send(rest)];
    let server = Server::start(move |_, _| acts.clone()).await;
    let client = client(options());
    let ended = futures_util::future::join_all((0..30).map(|_| fetch(&client, &server.url))).await;
    assert!(ended.iter().all(Result::is_ok), "{:?}", ended.iter().find(|ended| ended.is_err()));
    let asked = server.requests().len();
    assert!((31..=60).contains(&asked), "{asked}: those that found no place were asked for again, once");
}

#[tokio::test]
async fn what_is_not_the_protocol_is_a_bad_response() {
    for acts in [
        vec![send("\x00\x01\x02 garbage \x03\r\n\r\n")],
        vec![send("SSH-2.0-OpenSSH_9.9\r\n")],
        answer("200 OK", &["content-type: text/html"], "<!doctype html>"),
        answer("200 OK", &["content-type: text/plain"], "<!doctype html>"),
        answer("200 OK", &[], b"1.0.0\n\xff\nend"),
        answer("206 Partial Content", &[], "1.0.0\nend"),
    ] {
        assert_eq!(kind_of(acts).await, ErrorKind::BadResponse);
    }
}

#[tokio::test]
async fn silence_and_resets_are_unreachable() {
    for acts in [vec![Act::Reset], vec![], vec![Act::Hang]] {
        assert_eq!(kind_of(acts).await, ErrorKind::Unreachable);
    }
}

#[tokio::test]
async fn a_slow_drip_ends_with_its_time() {
    let head = send("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n");
    assert_eq!(kind_of(vec![head, Act::Drip(b"1".to_vec())]).await, ErrorKind::Unreachable);
    assert_eq!(kind_of(vec![Act::Drip(b"H".to_vec())]).await, ErrorKind::Unreachable);
}

#[tokio::test]
async fn a_name_that_cannot_be_looked_up_and_a_port_where_nobody_listens_are_unreachable() {
    for (url, trouble, words) in [
        ("http://nobody.invalid/", Trouble::NoSuchHost, "there is no host of that name"),
        ("http://127.0.0.1:1/", Trouble::NobodyListens, "nobody listens there"),
        ("https://127.0.0.1:1/", Trouble::NobodyListens, "nobody listens there"),
    ] {
        let error = fetch(&client(options()), url).await.unwrap_err();
        let message = format!("asking crates-io for `tokio`: `{url}` could not be reached: {words}");
        assert_eq!(error, LookupError::Unreachable { message, trouble });
    }
}

#[tokio::test]
async fn a_server_without_tls_behind_an_https_address_is_unreachable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let plain = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
            drop(tokio::io::AsyncWriteExt::write_all(&mut stream, plain).await);
        }
    });
    let error = fetch(&client(options()), &address).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
}

#[tokio::test]
async fn a_connection_that_is_never_made_ends_with_its_time() {
    let server = Server::start(|_, _| good()).await;
    let options = Options { connect_timeout: Duration::from_millis(200), ..options() };
    // The server waits for an end of line that no TLS greeting has.
    let error = fetch(&client(options), &server.url.replace("http:", "https:")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
}

#[tokio::test]
async fn a_fault_that_passes_costs_a_repeat_and_nothing_else() {
    let cut = || vec![send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n1.0.0")];
    for fault in [
        vec![Act::Reset],
        cut(),
        vec![cut().remove(0), Act::Reset],
        answer("500 Internal Server Error", &[], ""),
        answer("502 Bad Gateway", &[], "<html>"),
        answer("503 Service Unavailable", &[], ""),
    ] {
        let server = Server::start(move |turn, _| if turn < 2 { fault.clone() } else { good() }).await;
        let fetched = fetch(&client(options()), &server.url).await.unwrap();
        assert_eq!(versions(&fetched), ["1.0.0"]);
        assert_eq!(server.requests().len(), 3);
    }
}

#[tokio::test]
async fn a_body_of_500_mb_is_read_up_to_the_cap() {
    let head = send(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 500 << 20));
    let acts = vec![head, Act::Flood(vec![b'1'; 1 << 16])];
    let server = Server::start(move |_, _| acts.clone()).await;
    let error = fetch(&client(options()), &server.url).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadResponse);
    assert!(error.to_string().contains("1048576 bytes"), "{error}");
    // What went out beyond the cap lies in the buffers of the two sockets.
    assert!(server.sent() < 64 << 20, "{}", server.sent());
}

#[tokio::test]
async fn a_small_body_that_unpacks_to_500_mb_is_read_up_to_the_cap() {
    let bomb = gzip(&vec![b'1'; 50 << 20]);
    let server = Server::start(move |_, _| answer("200 OK", &["content-encoding: gzip"], &bomb)).await;
    let error = fetch(&client(options()), &server.url).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadResponse);
}

#[tokio::test]
async fn the_cap_of_a_registry_can_be_set() {
    let small = RegistryOptions { max_size: Some(8), ..RegistryOptions::default() };
    let options = Options { registries: [(RegistryId::Npm, small)].into(), ..options() };
    let server = Server::start(|_, _| good()).await;
    let client = client(options);
    let error = client.fetch(ask_of(RegistryId::Npm, &server.url), &lines).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadResponse);
    assert!(client.fetch(ask_of(RegistryId::PyPi, &server.url), &lines).await.is_ok());
}

#[tokio::test]
async fn redirects_that_lead_nowhere_are_bad_responses() {
    let located = |location: &str| answer("302 Found", &[&format!("location: {location}")], "");
    for acts in [located("/"), located("ftp://127.0.0.1/"), located("http://[broken"), answer("302 Found", &[], "")] {
        assert_eq!(kind_of(acts).await, ErrorKind::BadResponse);
    }
    let server = Server::start(|turn, _| answer("302 Found", &[&format!("location: /{turn}")], "")).await;
    let error = fetch(&client(options()), &server.url).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadResponse);
    assert!(error.to_string().contains("redirects too often"), "{error}");
    assert_eq!(server.requests().len(), 11);
}

#[tokio::test]
async fn the_run_ends_with_its_deadline_whatever_is_still_under_way() {
    let server = Server::start(|_, _| vec![Act::Hang]).await;
    let client = client(Options { deadline: Some(Duration::from_millis(300)), ..options() });
    let lookups = (0..300).map(|_| fetch(&client, &server.url));
    for ended in futures_util::future::join_all(lookups).await {
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Unreachable);
    }
    let next_run = client.with_deadline(Some(Duration::from_secs(20)));
    let other = Server::start(|_, _| good()).await;
    assert!(fetch(&next_run, &other.url).await.is_ok());
}

/// Reads as a busy machine does: slowly.
struct Slow;

const A_PIECE: Duration = Duration::from_millis(20);

impl Decode for Slow {
    fn chunk(&mut self, _: &[u8]) -> Result<(), Malformed> {
        std::thread::sleep(A_PIECE);
        Ok(())
    }

    fn held(&self) -> usize {
        0
    }

    fn finish(self: Box<Self>) -> Result<ReleaseSet, Malformed> {
        Err(Malformed::new("nothing was read"))
    }
}

/// Of one body there is always more to read at once, of the other a few bytes take four seconds.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_at_the_deadline_is_not_read_on() {
    let endless = vec![send("HTTP/1.1 200 OK\r\n\r\n"), Act::Flood(vec![b'1'; 1 << 12])];
    let packed = answer("200 OK", &["content-encoding: gzip"], gzip(&vec![b'1'; 200 * (16 << 10)]));
    for acts in [endless, packed] {
        let server = Server::start(move |_, _| acts.clone()).await;
        let client = client(Options { deadline: Some(Duration::from_millis(300)), ..options() });
        let started = Instant::now();
        let slow = |_: &Head| Ok(Box::new(Slow) as Box<dyn Decode>);
        let request = || Request { max_size: 1 << 30, ..ask_of(RegistryId::CratesIo, &server.url) };
        for ended in futures_util::future::join_all((0..5).map(|_| client.fetch(request(), &slow))).await {
            assert_eq!(ended.unwrap_err().kind(), ErrorKind::Unreachable);
        }
        let seconds = started.elapsed().as_secs_f64();
        assert!(seconds < 1.5, "took {seconds:.1} s with a deadline of 0.3 s");
    }
}
