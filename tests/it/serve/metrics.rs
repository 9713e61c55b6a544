//! What `/metrics` counts of requests and of deliveries.

use std::collections::HashMap;
use std::net::TcpListener;

use upmon::registry::RegistryId;
use upmon::server::sign;
use wiremock::matchers::{any, header};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::service::Service;
use crate::cli::git::tagged;
use crate::cli::world::small;
use crate::support::runner::{PINS, World};

const SECRET: &str = "s3cret-s3cret-s3cret";

/// A crate that has not changed, a throttled and a dead registry, a package that is not there, and a git remote.
/// The second server lives as long as the test.
async fn of_every_kind() -> (World, MockServer) {
    let world = tagged(&["v1.0.0"]).await.with("UPMON_SERVER_TOKEN", SECRET);
    let url = serde_json::json!(world.path("repository"));
    world.write(
        PINS,
        &format!(
            r#"{{ "rust": {{ "steady": "1.0.0" }}, "ruby": {{ "lost": "1.0.0" }}, "python": {{ "dead": "1.0" }},
                "typescript": {{ "busy": "1.0.0" }}, "git": {{ "near": {{ "version": "v1.0.0", "url": {url} }} }} }}"#
        ),
    );
    let line = r#"{"name":"steady","vers":"1.0.0","deps":[],"cksum":"00","features":{},"yanked":false,"pubtime":"2024-01-01T00:00:00Z"}"#;
    let index = ResponseTemplate::new(200).set_body_raw(line, "text/plain").insert_header("etag", "\"one\"");
    let known = header("if-none-match", "\"one\"");
    world.respond(RegistryId::CratesIo, "st/ea/steady", index).await;
    world.respond_when(RegistryId::CratesIo, "st/ea/steady", known, ResponseTemplate::new(304)).await;
    world.missing(RegistryId::RubyGems, "info/lost").await;
    world.missing(RegistryId::RubyGems, "api/v1/versions/lost.json").await;
    // of its own origin, since nobody asks an origin that wants a pause
    let busy = MockServer::start().await;
    let wait = ResponseTemplate::new(429).insert_header("retry-after", "86400");
    Mock::given(any()).respond_with(wait).mount(&busy).await;
    let world = world.at(RegistryId::Npm, &busy.uri());
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    (world.at(RegistryId::PyPi, &format!("http://{nobody}/")), busy)
}

/// Fails unless a text is as `OpenMetrics` has it: each sample behind the type of its family, buckets that only grow up to the
/// count, and an end.
#[track_caller]
fn is_open_metrics(text: &str) {
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    let mut families: Vec<(&str, &str)> = Vec::new();
    let mut counts: HashMap<String, Vec<(String, f64)>> = HashMap::new();
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# ") {
            let words: Vec<&str> = rest.splitn(3, ' ').collect();
            if words[0] == "TYPE" {
                assert!(families.iter().all(|(name, _)| *name != words[1]), "{line} comes twice");
                families.push((words[1], words[2]));
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        let (family, kind) = *families.last().unwrap();
        let endings: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        assert!(endings.iter().any(|ending| name == format!("{family}{ending}")), "{line} is no {kind} of {family}");
        let value: f64 = value.parse().unwrap();
        if kind == "histogram" && !name.ends_with("_sum") {
            let labels = series[name.len()..].trim_matches(['{', '}']).split(',').filter(|label| !label.is_empty());
            let (bound, others): (Vec<&str>, Vec<&str>) = labels.partition(|label| label.starts_with("le="));
            counts.entry(format!("{family}{others:?}")).or_default().push((bound.concat(), value));
        }
    }
    for (series, mut counts) in counts {
        counts.sort_by(|(one, _), (other, _)| bound(one).total_cmp(&bound(other)));
        assert!(counts.is_sorted_by(|(_, one), (_, other)| one <= other), "{series}: {counts:?}");
        // the count itself stands last, behind the bucket without an upper bound
        assert_eq!(counts[counts.len() - 2], ("le=\"+Inf\"".to_owned(), counts[counts.len() - 1].1), "{series}");
    }
}

/// The upper bound of a bucket; of what is none, one above all.
fn bound(label: &str) -> f64 {
    let text = label.trim_start_matches("le=").trim_matches('"');
    if text.is_empty() { f64::NAN } else { text.parse().unwrap() }
}

/// Fails unless these lines are among the metrics.
#[track_caller]
fn has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|known| known == *line), "{line}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_by_registry_and_by_how_they_ended() {
    let (world, _busy) = of_every_kind().await;
    let service = Service::checked(&world);
    let text = service.get("/metrics").body;
    is_open_metrics(&text);
    has(
        &text,
        &[
            "upmon_registry_requests_total{registry=\"crates-io\",outcome=\"answered\"} 1",
            "upmon_registry_requests_total{registry=\"npm\",outcome=\"rate-limited\"} 1",
            "upmon_registry_requests_total{registry=\"rubygems\",outcome=\"not-found\"} 2",
            // each attempt is one
            "upmon_registry_requests_total{registry=\"pypi\",outcome=\"unreachable\"} 3",
            "upmon_registry_request_duration_seconds_count{registry=\"pypi\"} 3",
            "upmon_registry_request_duration_seconds_bucket{le=\"30.0\",registry=\"crates-io\"} 1",
            // pins of which nothing is known, as ever
            "upmon_registry_errors{registry=\"npm\",kind=\"rate-limited\"} 1",
        ],
    );
    assert!(text.contains("upmon_registry_requests_total{registry=\"git\",outcome=\"answered\"}"), "{text}");
    assert!(!text.contains("not-modified"), "{text}");
    let bearer = format!("Authorization: Bearer {SECRET}\r\nContent-Type: application/json\r\n");
    assert_eq!(service.post("/api/v1/check", &bearer, "{\"packages\": [\"rust/steady\"]}").status, 202);
    let again = "upmon_registry_requests_total{registry=\"crates-io\",outcome=\"not-modified\"} 1";
    service.until("the check", |service| service.get("/metrics").body.lines().any(|line| line == again));
    has(&service.get("/metrics").body, &["upmon_registry_request_duration_seconds_count{registry=\"crates-io\"} 2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_cache_answers_is_no_request() {
    let world = small().await;
    world.run(&["check"]);
    let asked = world.questions().await;
    let service = Service::checked(&world);
    assert_eq!(world.questions().await, asked);
    let text = service.get("/metrics").body;
    is_open_metrics(&text);
    assert!(!text.contains("upmon_registry_requests_total"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_sender_makes_a_count_of_its_own() {
    let world = World::new("{}").await.with("UPMON_SERVER_WEBHOOK_SECRET", SECRET);
    let service = Service::start(&world);
    let right = format!("X-Hub-Signature-256: {}\r\n", sign(SECRET, b"{}"));
    let say = |to: &str, headers: &str| service.post(to, headers, "{}").status;
    for event in ["a", "b", "Tag Push Hook", "x\\\"} 1", "push"] {
        assert_eq!(say("/webhooks/github", &format!("X-GitHub-Event: {event}\r\n")), 401);
    }
    assert_eq!(say("/webhooks/github", &format!("X-GitHub-Event: star\r\n{right}")), 204);
    assert_eq!(say("/webhooks/github", &format!("X-GitHub-Event: ping\r\n{right}")), 200);
    let token = format!("X-Gitlab-Token: {SECRET}\r\n");
    assert_eq!(say("/webhooks/gitlab", &format!("X-Gitlab-Event: Issue Hook\r\n{token}")), 204);
    assert_eq!(say("/webhooks/gitlab", &format!("X-Gitlab-Event: Push Hook\r\n{token}")), 204);
    assert_eq!(say("/webhooks/gitea", "X-Forgejo-Event: release\r\n"), 401);
    assert_eq!(say("/webhooks/gitea", ""), 401);
    assert_eq!(say("/webhooks/signed", "X-GitHub-Event: push\r\n"), 401);
    let text = service.get("/metrics").body;
    is_open_metrics(&text);
    let counted = |line: &&str| line.starts_with("upmon_deliveries_total");
    let mut lines: Vec<&str> =
        text.lines().filter(counted).map(|line| &line["upmon_deliveries_total".len()..]).collect();
    lines.sort_unstable();
    let expected = [
        r#"{sender="gitea",event="other",outcome="refused"} 1"#,
        r#"{sender="gitea",event="release",outcome="refused"} 1"#,
        r#"{sender="github",event="other",outcome="concerns-nothing"} 1"#,
        r#"{sender="github",event="other",outcome="refused"} 4"#,
        r#"{sender="github",event="ping",outcome="pong"} 1"#,
        r#"{sender="github",event="push",outcome="refused"} 1"#,
        r#"{sender="gitlab",event="Push Hook",outcome="concerns-nothing"} 1"#,
        r#"{sender="gitlab",event="other",outcome="concerns-nothing"} 1"#,
        r#"{sender="signed",event="signed",outcome="refused"} 1"#,
    ];
    assert_eq!(lines, expected);
}
