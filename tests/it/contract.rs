//! What every registry has to keep, over the whole list of registries, through the real client and the real engine.
//!
//! A server here answers in one way, and the finding has to say what that means: the same status and kind of error
//! whatever the registry. Above all, a failure is never `current`. A new registry needs one function in
//! [`fixtures`]; the tests below then hold it to the same.

pub(crate) mod fixtures;
mod list;
mod server;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use upmon::error::ErrorKind;
use upmon::http::client::{Client, Options};
use upmon::lag::Status;
use upmon::lookup::Engine;
use upmon::pin::{Pin, Place, Strategy};
use upmon::policy::Policies;
use upmon::registry::RegistryId;
use upmon::report::Finding;
use url::Url;
use wiremock::ResponseTemplate;

use self::fixtures::{PACKAGE, Page, Told, listed, pages, withdrawn};
use self::server::{Server, answering, breaking_off, serving};

/// An engine with every registry at its own base.
fn engine(bases: &HashMap<RegistryId, Url>) -> Engine {
    let registries = RegistryId::ALL.iter().map(|&id| (id, id.open(bases.get(&id).cloned()))).collect();
    let options = Options { deadline: Some(Duration::from_secs(30)), ..Options::default() };
    Engine {
        registries: Arc::new(registries),
        fetch: Arc::new(Client::new(options).expect("the options are right")),
        policies: Arc::new(Policies::default()),
        now: "2026-11-20T06:00:00Z".parse().expect("a time"),
        as_of: false,
        links: true,
        holds: std::sync::Arc::default(),
        beside: std::sync::Arc::default(),
    }
}

fn pin(registry: RegistryId, version: &str, base: &Url) -> Pin {
    let remote = base.join(PACKAGE).expect("a package is a path segment");
    Pin {
        group: registry.as_str().to_owned(),
        package: PACKAGE.to_owned(),
        upstream: PACKAGE.to_owned(),
        version: version.to_owned(),
        registry,
        scheme: registry.scheme(),
        // a registry without a public place is one whose pins carry their own
        url: registry.default_url().is_none().then(|| remote.into()),
        strategy: Strategy::Tags,
        tag: None,
        requirement: None,
        requirements: Vec::new(),
        elsewhere: Vec::new(),
        moves: false,
        prereleases: None,
        channel: None,
        ignore: Vec::new(),
        policy: None,
        dispatch: None,
        changelog: None,
        migration_guide: None,
        place: Place { file: PathBuf::from("upstream-versions.json"), line: 1, column: 1, span: 0..0 },
    }
}

/// What a pin at `version` of every registry comes to, each registry before a server of its own.
async fn findings(version: &str, serve: impl AsyncFn(RegistryId) -> Server) -> Vec<Finding> {
    let servers = join_all(RegistryId::ALL.iter().map(|&registry| serve(registry))).await;
    let bases: HashMap<_, _> = RegistryId::ALL.iter().copied().zip(servers.iter().map(Server::base)).collect();
    let pins: Vec<Pin> = RegistryId::ALL.iter().map(|&id| pin(id, version, &bases[&id])).collect();
    let report = engine(&bases).check(&pins, &|_| {}).await;
    assert!(report.findings.iter().map(|finding| finding.registry).eq(RegistryId::ALL.iter().copied()));
    report.findings
}

/// The same, before servers that list these releases.
async fn findings_of(version: &str, releases: &[Told]) -> Vec<Finding> {
    findings(version, async |registry| serving(pages(registry, releases)).await).await
}

/// The same, before servers that answer every request in one way.
async fn findings_after(response: ResponseTemplate) -> Vec<Finding> {
    findings("1.0.0", async |_| answering(response.clone()).await).await
}

/// What a finding says: `behind 1.2.0`, `unknown not-found`.
fn told(finding: &Finding) -> String {
    let status = serde_json::to_value(finding.status).expect("a status is a word");
    let kind = finding.error.as_ref().map(|error| error.kind.as_str());
    let detail = kind.or(finding.newest.as_ref().map(|newest| &*newest.version)).unwrap_or("nothing");
    format!("{} {detail}", status.as_str().expect("a status is a word"))
}

/// Compares what every registry's finding says, and shows all that differ.
#[track_caller]
fn assert_told(findings: &[Finding], expected: impl Fn(RegistryId) -> String) {
    let differs = |finding: &&Finding| told(finding) != expected(finding.registry);
    let complaint = |finding: &Finding| {
        let Finding { registry, error, .. } = finding;
        format!("{registry}: expected `{}`, got `{}` ({error:?})", expected(*registry), told(finding))
    };
    let complaints: Vec<String> = findings.iter().filter(differs).map(complaint).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    findings.iter().filter(|finding| finding.status == Status::Unknown).for_each(assert_claims_nothing);
}

/// An unknown finding says why and nothing else; what it says may stand in one line.
#[track_caller]
fn assert_claims_nothing(finding: &Finding) {
    let Finding { registry, error, .. } = finding;
    let error = error.as_ref().expect("an unknown finding says why");
    assert_eq!((&finding.newest, finding.severity, finding.behind), (&None, None, None), "{registry}");
    assert_eq!(error.retryable, error.kind.is_retryable(), "{registry}");
    assert!(!error.message.is_empty() && !error.message.chars().any(char::is_control), "{registry}: {}", error.message);
}

#[track_caller]
fn assert_all_unknown(findings: &[Finding], kind: ErrorKind) {
    assert_told(findings, |_| format!("unknown {kind}"));
}

#[tokio::test]
async fn a_newer_release_is_found() {
    let findings = findings_of("1.0.0", &[listed("1.0.0"), listed("1.2.0"), listed("1.1.0")]).await;
    assert_told(&findings, |_| "behind 1.2.0".to_owned());
    for finding in findings {
        assert_eq!(finding.behind.map(|behind| behind.releases), Some(2), "{}", finding.registry);
    }
}

#[tokio::test]
async fn a_withdrawn_release_is_never_newest() {
    let findings = findings_of("1.1.0", &[listed("1.0.0"), listed("1.1.0"), withdrawn("1.2.0")]).await;
    assert_told(&findings, |_| "current 1.1.0".to_owned());
}

#[tokio::test]
async fn a_package_of_which_everything_is_withdrawn_is_unknown() {
    let findings = findings_of("1.0.0", &[withdrawn("1.0.0"), withdrawn("1.1.0")]).await;
    assert_all_unknown(&findings, ErrorKind::NoEligibleRelease);
}

#[tokio::test]
async fn a_package_without_releases_is_unknown() {
    let findings = findings_of("1.0.0", &[]).await;
    assert_told(&findings, |registry| match registry {
        // a sparse index has no way to write such a crate: its file would be an empty body
        RegistryId::CratesIo => "unknown bad-response".to_owned(),
        _ => "unknown no-eligible-release".to_owned(),
    });
}

#[tokio::test]
async fn a_404_is_not_found() {
    for status in [404, 410] {
        assert_all_unknown(&findings_after(ResponseTemplate::new(status)).await, ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn a_401_or_403_is_unauthorized() {
    let challenge = ResponseTemplate::new(401).insert_header("www-authenticate", "Basic realm=\"team\"");
    assert_all_unknown(&findings_after(challenge).await, ErrorKind::Unauthorized);
    assert_all_unknown(&findings_after(ResponseTemplate::new(403)).await, ErrorKind::Unauthorized);
}

#[tokio::test]
async fn a_429_beyond_the_deadline_is_rate_limited() {
    let response = ResponseTemplate::new(429).insert_header("retry-after", "86400");
    assert_all_unknown(&findings_after(response).await, ErrorKind::RateLimited);
}

#[tokio::test]
async fn a_500_is_unreachable() {
    assert_all_unknown(&findings_after(ResponseTemplate::new(500)).await, ErrorKind::Unreachable);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let findings = findings("1.0.0", async |_| Server::gone()).await;
    assert_all_unknown(&findings, ErrorKind::Unreachable);
}

#[tokio::test]
async fn an_empty_body_is_a_bad_response() {
    assert_all_unknown(&findings_after(ResponseTemplate::new(200)).await, ErrorKind::BadResponse);
}

#[tokio::test]
async fn garbage_is_a_bad_response() {
    let bodies = [&b"\x00\x1b[31m\xff\xfe%PDF-1.4\n"[..], b"null", b"[]", b"\"1.0.0\"\n", b"1.0.0\n1.1.0\n"];
    // the right address and the right media type, and nonsense as the body
    let before = async |body: &[u8]| {
        let nonsense = |page: Page| Page { body: body.to_vec(), ..page };
        findings("1.0.0", async |registry| {
            serving(pages(registry, &[listed("1.0.0")]).into_iter().map(nonsense).collect()).await
        })
        .await
    };
    for findings in join_all(bodies.map(before)).await {
        assert_all_unknown(&findings, ErrorKind::BadResponse);
    }
}

#[tokio::test]
async fn html_in_place_of_the_protocol_is_a_bad_response() {
    let page =
        "<!doctype html><html><head><title>Sign in</title></head><body><form action=\"/login\"></form></body></html>";
    assert_all_unknown(
        &findings_after(ResponseTemplate::new(200).set_body_raw(page, "text/html")).await,
        ErrorKind::BadResponse,
    );
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_bad_response() {
    let releases = [listed("1.0.0"), listed("1.1.0")];
    let findings = findings("1.0.0", async |registry| breaking_off(pages(registry, &releases)).await).await;
    assert_all_unknown(&findings, ErrorKind::BadResponse);
}

#[tokio::test]
async fn one_failure_is_one_row() {
    for &failing in RegistryId::ALL {
        let findings = findings("1.0.0", async |registry| {
            if registry == failing {
                answering(ResponseTemplate::new(404)).await
            } else {
                serving(pages(registry, &[listed("1.0.0")])).await
            }
        });
        assert_told(&findings.await, |registry| {
            if registry == failing { "unknown not-found".to_owned() } else { "current 1.0.0".to_owned() }
        });
    }
}
