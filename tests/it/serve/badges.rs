//! Badges over HTTP.

use proptest::prelude::*;

use super::service::Service;
use crate::cli::world::{small, small_with};

#[tokio::test(flavor = "multi_thread")]
async fn every_pin_group_and_the_whole_report_have_a_badge() {
    let service = Service::checked(&small().await);
    let table = [
        ("/badge", "upstream", "4 behind, worst critical, 1 unknown"),
        ("/badge/rust", "rust", "1 behind, worst error"),
        ("/badge/rust/steady", "steady", "current"),
        ("/badge/rust/drift", "drift", "yanked, 2 minor behind, 688 d"),
        ("/badge/typescript/@acme/pad", "@acme/pad", "1 minor behind, 5 d"),
        ("/badge/typescript/@acme%2Fpad", "@acme/pad", "1 minor behind, 5 d"),
        ("/badge/typescript/%40acme%2fpad", "@acme/pad", "1 minor behind, 5 d"),
        ("/badge/typescript/lost", "lost", "unknown: not found"),
        ("/badge/rust/nope", "nope", "unknown: not pinned"),
        ("/badge/nope", "nope", "unknown: not pinned"),
        ("/badge/", "", "unknown: not pinned"),
        ("/badge/%ff/%00", "\\0", "unknown: not pinned"),
        ("/badge/../../etc/passwd", "../etc/passwd", "unknown: not pinned"),
    ];
    for (path, label, message) in table {
        let answer = service.get(&format!("{path}.json"));
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{path}: {answer:?}");
        let badge = answer.json();
        assert_eq!((&badge["label"], &badge["message"]), (&label.into(), &message.into()), "{path}");
        let is_unknown = message.contains("unknown");
        assert_eq!(badge["isError"], is_unknown, "{path}");
        let kept = if is_unknown { "public, max-age=60" } else { "public, max-age=300" };
        assert_eq!(answer.header("cache-control"), kept, "{path}");
        let picture = service.get(&format!("{path}.svg"));
        assert_eq!((picture.status, picture.header("content-type")), (200, "image/svg+xml"), "{path}: {picture:?}");
        assert!(picture.body.starts_with("<svg ") && picture.body.contains(message), "{path}: {picture:?}");
        assert_eq!(picture.header("x-content-type-options"), "nosniff");
        assert_eq!(picture.header("content-security-policy"), "default-src 'none'");
    }
    for path in ["/badge", "/badge/rust", "/badge/rust/steady.png", "/badge.html"] {
        assert_eq!(service.get(path).status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn style_and_label_are_those_of_shields_and_the_colour_is_nobodys_to_choose() {
    let service = Service::checked(&small().await);
    let badge = |query: &str| service.get(&format!("/badge/typescript/lost.json?{query}")).json();
    assert_eq!(badge("style=flat-square")["style"], "flat-square");
    assert_eq!(badge("style=for-the-badge")["style"], "flat");
    assert_eq!(badge("label=my%20pin&label=other")["label"], "my pin");
    assert_eq!(badge("label=&x&&=&%ff")["label"], "lost");
    assert_eq!(badge("color=green&message=current"), badge(""));
    let hostile = "%3C/text%3E%3Cscript%3Ealert(1)%3C/script%3E%22%26";
    let picture = service.get(&format!("/badge/rust/steady.svg?label={hostile}&style=flat-square"));
    assert!(picture.body.contains("&lt;/text&gt;&lt;script&gt;") && !picture.body.contains("<script"), "{picture:?}");
    let hostile = service.get(&format!("/badge/{hostile}.svg"));
    assert!(!hostile.body.contains("<script"), "{hostile:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_badge_is_not_sent_it_again() {
    let service = Service::checked(&small().await);
    let first = service.get("/badge.svg");
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() == 34, "{tag}");
    for has in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let again = service.get_with("/badge.svg", &format!("If-None-Match: {has}\r\n"));
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{has}");
        assert_eq!(
            (again.header("etag"), again.header("cache-control")),
            (tag.as_str(), "public, max-age=60"),
            "{has}"
        );
    }
    for other in ["\"x\"", "x", ""] {
        let again = service.get_with("/badge.svg", &format!("If-None-Match: {other}\r\n"));
        assert_eq!((again.status, &again.body), (200, &first.body), "{other}");
    }
    let head = service.send(b"HEAD /badge.svg HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!((head.status, head.header("etag"), head.body.as_str()), (200, tag.as_str(), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_checked_for_too_long_is_stale_and_never_green() {
    let world = small_with(r#"{ "rust": { "steady": "1.0.0" } }"#).await;
    world.write("upmon.toml", "[server]\nstale-after = \"0h\"\n");
    let service = Service::checked(&world);
    let badge = service.get("/badge/rust/steady.json").json();
    assert_eq!((&badge["message"], &badge["color"]), (&"current, stale 0 d".into(), &"656d76".into()));
    let whole = service.get("/badge.json").json();
    assert_eq!((&whole["message"], &whole["color"]), (&"1 stale".into(), &"656d76".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn any_address_under_badge_is_answered_without_harm() {
    let service = Service::checked(&small_with("{}").await);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(200));
    let path = "[!-~]{0,40}";
    runner
        .run(&(path, path), |(path, query)| {
            let answer = service.get(&format!("/badge/{path}.svg?{query}"));
            // `#` ends what is sent of an address, and hyper refuses what no address may hold
            prop_assert!([200, 400, 404].contains(&answer.status), "{}?{}: {:?}", path, query, answer);
            prop_assert!(!answer.body.contains("<script"));
            Ok(())
        })
        .unwrap();
    assert!(!service.log().contains("panicked"), "{}", service.log());
}
