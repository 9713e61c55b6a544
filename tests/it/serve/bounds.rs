//! What strangers may make the service hold, and for how long.

use std::io::{Read as _, Write as _};

use super::service::Service;
use crate::cli::world::small_with;

async fn hasty(settings: &str) -> Service {
    let world = small_with("{}").await;
    world.write("upmon.toml", &format!("[server]\n{settings}"));
    Service::checked(&world)
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_bodies_have_a_largest_size() {
    let service = hasty("").await;
    let header = |length: usize| format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(length));
    assert_eq!(service.send(header(40 << 10).as_bytes()).status, 431);
    let lines = "A: b\r\n".repeat(200);
    assert_eq!(service.send(format!("GET / HTTP/1.1\r\nHost: x\r\n{lines}\r\n").as_bytes()).status, 431);
    // 10 GB are refused by their announcement, before any of them is read
    let huge = b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000000\r\nConnection: close\r\n\r\n";
    assert_eq!(service.send(huge).status, 413);
    assert_eq!(service.get("/healthz").json()["status"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_or_too_slowly_is_not_waited_for() {
    let service = hasty("timeout = \"200ms\"\n").await;
    for begun in ["", "GET /badge.svg HT", "GET /badge.svg HTTP/1.1\r\nHost: x\r\n"] {
        let mut stream = service.connect();
        stream.write_all(begun.as_bytes()).unwrap();
        let mut told = Vec::new();
        stream.read_to_end(&mut told).unwrap_or_else(|error| panic!("it was not closed after `{begun}`: {error}"));
    }
    // between two requests as well
    let mut kept = service.connect();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut told = String::new();
    kept.read_to_string(&mut told).unwrap();
    assert!(told.starts_with("HTTP/1.1 200 "), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_connections_than_there_may_be_wait_for_their_turn() {
    let service = hasty("connections = 1\ntimeout = \"500ms\"\n").await;
    let mut first = service.connect();
    first.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n").unwrap();
    let mut second = service.connect();
    second.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    // the first one never ends its request, so it is closed, and then comes the second
    let mut told = String::new();
    second.read_to_string(&mut told).unwrap();
    assert!(told.starts_with("HTTP/1.1 200 "), "{told}");
    let mut left = Vec::new();
    first.set_nonblocking(true).unwrap();
    assert!(first.read_to_end(&mut left).is_ok(), "the first connection is still open");
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_lead_nowhere_else() {
    let service = hasty("").await;
    for path in [
        "/index.html",
        "/../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "//etc/passwd",
        "/healthz/",
        "/%00",
        "/.git/config",
    ] {
        let answer = service.get(path);
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert!(answer.json()["error"].is_string());
    }
    assert_eq!(service.send(b"DELETE /badge.svg HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status, 405);
    assert_eq!(service.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no http\r\n\r\n").status, 400);
    assert_eq!(service.get("/healthz").status, 200);
}
