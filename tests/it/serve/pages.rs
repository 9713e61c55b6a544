//! The pages for people: what they show, what can be chosen, and that nothing of it becomes markup.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use upmon::registry::RegistryId;
use upmon::server::sign;

use super::service::{Answer, Service};
use crate::cli::world::{small, small_with};
use crate::support::runner::{PINS, World};

const SECRET: &str = "s3cret-s3cret-s3cret";

/// Tries to become markup wherever it is shown.
const HOSTILE: &str = "</title></svg>\"'><script>alert(1)</script><img/src=x/onerror=alert(1)>";

/// The same as the name of a group, which has no slash.
const HOSTILE_GROUP: &str = "\"'><svg><script>alert(1)";

/// The ids of the packages that a page shows, in its order.
fn shown(page: &str) -> Vec<&str> {
    page.split("<tbody id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// Nothing on a page runs, and it says so itself.
#[track_caller]
fn assert_harmless(answer: &Answer) {
    let page = &answer.body;
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"), "{page}");
    for markup in ["<script", "<img/", " style=", "javascript:", "<b>"] {
        assert!(!page.contains(markup), "{markup}: {page}");
    }
    assert_eq!(
        (page.matches("<style>").count(), page.matches("</title>").count()),
        (1, 1 + page.matches("<svg").count())
    );
    let style = page.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next()).unwrap();
    let hash = STANDARD.encode(Sha256::digest(style));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data: 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    assert_eq!(answer.header("content-security-policy"), policy);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_shows_every_package_worst_first_and_leads_to_each() {
    let service = Service::checked(&small().await);
    let answer = service.get("/");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_harmless(&answer);
    let page = &answer.body;
    assert!(page.contains("<p class=\"headline\">critical, 4 of 6 behind, 1 unknown</p>"), "{page}");
    let ids = shown(page);
    assert_eq!((ids.len(), ids[0], ids[5]), (6, "python/serpent", "rust/steady"));
    for id in ids {
        assert!(page.contains(&format!("<a href=\"/packages/{id}\">")), "{id}: {page}");
        assert_eq!(service.get(&format!("/packages/{id}")).status, 200, "{id}");
    }
    for told in ["<h3>Queue</h3>", "schedule, all pins", "<code>17 * * * *</code> UTC, all pins", "up to 5 min later"] {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert!(page.contains("<th scope=\"row\">npm</th><td>not-found</td><td>1</td>"), "{page}");
    assert!(page.contains("Nothing was delivered yet."), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn group_kind_and_text_choose_and_the_rest_is_said() {
    let service = Service::checked(&small().await);
    let table: [(&str, &[&str]); 12] = [
        ("group=rust", &["rust/drift", "rust/steady"]),
        ("show=unknown", &["typescript/lost"]),
        ("show=critical", &["python/serpent"]),
        ("show=current", &["rust/steady"]),
        ("show=behind&group=rust", &["rust/drift"]),
        ("q=ST", &["typescript/lost", "rust/drift", "rust/steady"]),
        ("q=%40acme/pad", &["typescript/%40acme%2Fpad"]),
        ("q=st&group=rust&show=none", &["rust/steady"]),
        ("group=nope", &[]),
        ("q=nope", &[]),
        ("page=99&q=serpent", &["python/serpent"]),
        ("page=x&q=serpent", &["python/serpent"]),
    ];
    for (query, ids) in table {
        let answer = service.get(&format!("/?{query}"));
        let mut found = shown(&answer.body);
        let mut ids = ids.to_vec();
        found.sort_unstable();
        ids.sort_unstable();
        assert_eq!(found, ids, "{query}");
        assert_eq!(answer.body.contains("No package fits."), ids.is_empty(), "{query}");
        assert!(answer.body.contains(">Show all 6</a>"), "{query}");
    }
    let odd = service.get("/?show=everything-else");
    assert_eq!(shown(&odd.body).len(), 6);
    assert!(odd.body.contains("There is no such thing to show"), "{odd:?}");
    // what is chosen stays chosen when something else is
    let both = service.get("/?group=rust&q=st&show=none").body;
    assert!(both.contains("<option value=\"rust\" selected>") && both.contains("name=\"q\" value=\"st\""), "{both}");
    assert!(both.contains("<input type=\"hidden\" name=\"show\" value=\"none\">"), "{both}");
    assert!(both.contains("<a href=\"/?group=rust&amp;show=none&amp;q=st#packages\" aria-current=\"true\">"), "{both}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_packages_come_a_hundred_at_a_time() {
    let names: serde_json::Map<String, serde_json::Value> =
        (0..250).map(|at| (format!("none-{at:03}"), json!("1.0.0"))).collect();
    let world = small_with(&json!({ "rust": names }).to_string()).await;
    let service = Service::start_with(&world, &["--offline"]);
    service.until("the first check", |service| !service.get("/readyz").json()["last_good_check"].is_null());
    let pages: Vec<String> = ["/", "/?page=2", "/?page=3"].into_iter().map(|path| service.get(path).body).collect();
    let all: Vec<&str> = pages.iter().flat_map(|page| shown(page)).collect();
    assert_eq!((all.len(), all[0], all[249]), (250, "rust/none-000", "rust/none-249"));
    assert!(
        pages[0].contains("Shown: 1 to 100 of 250 packages.") && pages[2].contains("201 to 250 of 250"),
        "{}",
        pages[2]
    );
    assert!(pages[1].contains("<a href=\"/?page=3#packages\">next</a>"), "{}", pages[1]);
    assert!(pages[1].contains("<a href=\"/#packages\">previous</a>"), "{}", pages[1]);
    assert_eq!(service.get("/?page=4").body, pages[2]);
    assert_eq!(service.get("/?page=18446744073709551615").body, pages[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_has_a_page_with_its_facts_its_history_and_its_badge() {
    let world = small().await;
    let service = Service::checked(&world);
    for path in ["typescript/@acme/pad", "typescript/@acme%2Fpad", "typescript/%40acme%2fpad"] {
        let answer = service.get(&format!("/packages/{path}"));
        assert_eq!(answer.status, 200, "{path}");
        assert_harmless(&answer);
        let page = &answer.body;
        assert!(page.contains("<h1>typescript/@acme/pad</h1>"), "{page}");
        assert!(
            page.contains("<img src=\"/badge/typescript/%40acme%2Fpad.svg\" alt=\"@acme/pad: 1 minor behind, 5 d\">"),
            "{page}"
        );
        assert!(page.contains("](https://HOST/packages/typescript/%40acme%2Fpad)</code>"), "{page}");
        assert!(page.contains("pinned <code>1.0.0</code>; newest <code>1.1.0</code>"), "{page}");
        assert_eq!((page.matches("<rect ").count(), page.matches("<desc ").count()), (1, 1), "{page}");
        assert!(page.contains("<a href=\"/\">All packages</a>"), "{page}");
    }
    let lost = service.get("/packages/typescript/lost").body;
    assert!(lost.contains("<p class=\"headline\">unknown, not-found</p>"), "{lost}");
    assert!(lost.contains("no check ever learned something") && lost.contains("<rect class=\"unknown\""), "{lost}");
    assert!(!lost.contains("<code>current</code>"), "{lost}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_is_told_with_both_sides_and_stays_when_nothing_changes() {
    let world = small().await.with("UPMON_SERVER_TOKEN", "t0ken-t0ken-t0ken");
    let service = Service::checked(&world);
    world.write(PINS, &crate::cli::world::PINS.replace("\"gemmy\": \"1.0.0\"", "\"gemmy\": \"1.0.1\""));
    service.post("/api/v1/check", "Authorization: Bearer t0ken-t0ken-t0ken\r\n", "{\"packages\": [\"ruby/gemmy\"]}");
    let is_there = |service: &Service| service.get("/packages/ruby/gemmy").body.matches("<rect ").count() == 2;
    service.until("the change", is_there);
    let page = service.get("/packages/ruby/gemmy").body;
    assert!(page.contains("pinned <code>1.0.0</code> to <code>1.0.1</code>"), "{page}");
    assert!(
        page.contains("<rect class=\"none\"") && page.contains("<li><span class=\"swatch info\"></span>info</li>"),
        "{page}"
    );
    assert!(page.contains("; at most 1 release behind; now 0 releases behind."), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_pinned_is_not_found_and_leads_back() {
    let service = Service::checked(&small().await);
    for path in ["rust/nope", "nope/steady", "rust/", "rust/steady/", "%ff/%00", "../../etc/passwd", "rust"] {
        let answer = service.get(&format!("/packages/{path}"));
        assert_eq!(answer.status, 404, "{path}");
        assert_harmless(&answer);
        assert!(answer.body.contains("<a href=\"/#packages\">See what is pinned</a>"), "{answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    for path in ["/packages", "/packages/"] {
        assert_eq!(service.get(path).status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_check_nothing_is_called_current() {
    let world = World::new(r#"{ "ruby": { "slow": "1.0.0" } }"#).await;
    let late = wiremock::ResponseTemplate::new(200).set_delay(Duration::from_mins(10));
    world.respond(RegistryId::RubyGems, "info/slow", late).await;
    let service = Service::start(&world);
    service.until("the check", |service| service.get("/").body.contains("<td>under way</td>"));
    let first = service.get("/");
    assert_eq!(first.status, 200);
    assert_harmless(&first);
    let told =
        ["<p class=\"headline\">not checked yet</p>", "Last good check of all pins: none yet.", "Not checked yet."];
    assert!(told.iter().all(|told| first.body.contains(told)), "{first:?}");
    assert!(!first.body.contains("<dt>current</dt>") && !first.body.contains("Every registry told"), "{first:?}");
    let package = service.get("/packages/ruby/slow");
    assert_eq!(package.status, 503, "{package:?}");
    assert_harmless(&package);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_came_to_nothing_is_shown_and_its_reason_is_for_the_log() {
    let world = small().await.with("UPMON_SERVER_TOKEN", "t0ken-t0ken-t0ken");
    let service = Service::checked(&world);
    world.write(PINS, "{ \"secret-name");
    service.post("/api/v1/check", "Authorization: Bearer t0ken-t0ken-t0ken\r\n", "");
    let is_told = |service: &Service| service.get("/").body.contains("nothing could be checked: the log tells why");
    service.until("the failed check", is_told);
    let page = service.get("/").body;
    assert!(page.contains("came to nothing once, again at ") && !page.contains("secret-name"), "{page}");
    assert_eq!(shown(&page).len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_page_is_not_sent_it_again() {
    let service = Service::checked(&small().await);
    for path in ["/", "/?show=unknown", "/packages/rust/steady"] {
        let first = service.get(path);
        let tag = first.header("etag").to_owned();
        assert_eq!(first.header("cache-control"), "private, no-cache");
        let again = service.get_with(path, &format!("If-None-Match: {tag}\r\n"));
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{path}");
        assert_eq!(again.header("etag"), tag, "{path}");
        let other = service.get_with(path, "If-None-Match: \"x\"\r\n");
        assert_eq!((other.status, &other.body), (200, &first.body), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_versions_and_deliveries_are_only_text() {
    let pins = json!({ HOSTILE_GROUP: { HOSTILE: { "version": HOSTILE, "registry": "npm", "package": "lost" } }, "rust": { "steady": "1.0.0" } });
    let world = small_with(&pins.to_string()).await.with("UPMON_SERVER_WEBHOOK_SECRET", SECRET);
    let service = Service::checked(&world);
    let id = format!("{HOSTILE_GROUP}/{HOSTILE}");
    let body = json!({ "action": "published", "client_payload": { "packages": [id] } }).to_string();
    let headers = format!(
        "Content-Type: application/json\r\nX-GitHub-Event: repository_dispatch\r\nX-GitHub-Delivery: {HOSTILE}\r\nX-Hub-Signature-256: {}\r\n",
        sign(SECRET, body.as_bytes())
    );
    let told = service.post("/webhooks/github", &headers, &body);
    assert!([202, 400].contains(&told.status), "{told:?}");
    let signed = headers.replace(HOSTILE, "one");
    assert_eq!(service.post("/webhooks/github", &signed, &format!("{body} ")).status, 401);
    if told.status == 400 {
        assert_eq!(service.post("/webhooks/github", &signed, &body).status, 202);
    }
    service.until("the delivery", |service| service.get("/").body.contains("repository_dispatch"));
    let home = service.get("/");
    assert_harmless(&home);
    let url = home.body.split("<a href=\"/packages/").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let package = service.get(&format!("/packages/{url}"));
    assert_eq!(package.status, 200, "{url}");
    assert_harmless(&package);
    assert!(package.body.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{package:?}");
    assert!(!service.log().contains("panicked"), "{}", service.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn any_query_and_any_address_is_answered_without_harm() {
    let service = Service::checked(&small_with(r#"{ "rust": { "steady": "1.0.0" } }"#).await);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(60));
    let words = prop_oneof!["[!-~]{0,20}", Just(HOSTILE.to_owned())];
    let encoded =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let case = (words, "group|show|q|page", any::<bool>());
    runner
        .run(&case, |(text, name, is_encoded)| {
            let value = if is_encoded { encoded(&text) } else { text.replace(['#', ' '], "") };
            for path in [format!("/?{name}={value}"), format!("/packages/{value}")] {
                let answer = service.get(&path);
                prop_assert!([200, 400, 404].contains(&answer.status), "{}: {:?}", path, answer);
                if answer.status == 200 || answer.header("content-type").starts_with("text/html") {
                    assert_harmless(&answer);
                }
            }
            Ok(())
        })
        .unwrap();
    assert!(!service.log().contains("panicked"), "{}", service.log());
}
