//! `upmon issues`, through the binary, against a GitHub that remembers.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not know for such")]

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use upmon::report::{Finding, Format, Options, Report, render};

use crate::support::runner::{Run, World};
use crate::support::tracker::{TOKEN, Tracker};

const REPORT: &str = "report.json";

fn sample() -> Report {
    serde_json::from_str(include_str!("../data/report/sample.json")).unwrap()
}

/// Known findings that ask for something, mild and severe.
fn asking() -> Vec<Finding> {
    let ids = ["rust/tokio", "rust/http", "ruby/rails", "ruby/puma", "python/numpy"];
    sample().findings.into_iter().filter(|finding| ids.contains(&finding.id.as_str())).collect()
}

/// One finding, with changes to its JSON.
fn one(id: &str, changes: &[(&str, Value)]) -> Vec<Finding> {
    let finding = sample().findings.into_iter().find(|finding| finding.id == id).unwrap();
    let mut json = serde_json::to_value(finding).unwrap();
    for (pointer, value) in changes {
        *json.pointer_mut(pointer).unwrap() = value.clone();
    }
    vec![serde_json::from_value(json).unwrap()]
}

fn current() -> Vec<Finding> {
    let changes = [("/pinned/version", json!("1.54.1")), ("/status", json!("current")), ("/severity", json!("none"))];
    let nothing = [
        ("/update", json!("none")),
        ("/behind", json!({ "major": 0, "minor": 0, "patch": 0, "releases": 0 })),
        ("/behind_since", json!(null)),
        ("/days", json!(null)),
    ];
    one("rust/tokio", &[changes.as_slice(), &nothing].concat())
}

fn unknown() -> Vec<Finding> {
    let mut findings = sample().findings;
    findings.retain(|finding| finding.id == "python/requests");
    for finding in &mut findings {
        "rust/tokio".clone_into(&mut finding.id);
        "rust".clone_into(&mut finding.group);
        "tokio".clone_into(&mut finding.package);
    }
    findings
}

/// A place to run in, and the GitHub it is about.
struct Scene {
    world: World,
    tracker: Tracker,
}

impl Scene {
    async fn new(findings: Vec<Finding>) -> Self {
        let scene = Self { world: World::new("{}").await, tracker: Tracker::start().await };
        scene.find(findings);
        scene
    }

    /// What the next run finds.
    fn find(&self, findings: Vec<Finding>) {
        let report = Report::new(findings, sample().generated_at);
        self.world.write(REPORT, &render(&report, Format::Json, &Options::default()));
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = self.world.command(&[&["issues", "--report", REPORT], more].concat());
        command.env("UPMON_GITHUB_API_URL", self.tracker.url()).env("GITHUB_TOKEN", TOKEN);
        command.env("GITHUB_REPOSITORY", "acme/shop").env("UPMON_ISSUES_PACE", "0s");
        command
    }

    fn run(&self, more: &[&str]) -> Run {
        let run = Run::of(self.command(more).output().unwrap());
        assert!(!run.stdout.contains(TOKEN) && !run.stderr.contains(TOKEN), "the token is shown: {run:?}");
        run
    }

    fn writes(&self) -> Vec<String> {
        let writes = &mut self.tracker.memory().writes;
        std::mem::take(writes).into_iter().map(|write| write.replace("/api/v3/repos/acme/shop/", "")).collect()
    }

    fn issue(&self, number: usize) -> Value {
        self.tracker.memory().issues[number - 1].clone()
    }
}

const PER_PACKAGE: (&str, &str) = ("UPMON_ISSUES_MODE", "per-package");

async fn per_package(findings: Vec<Finding>) -> Scene {
    let Scene { world, tracker } = Scene::new(findings).await;
    Scene { world: world.with(PER_PACKAGE.0, PER_PACKAGE.1), tracker }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_run_creates_and_a_second_writes_nothing() {
    let scene = Scene::new(asking()).await;
    let planned = scene.run(&["--dry-run"]).ended(0).json();
    assert!(scene.writes().is_empty());
    scene.run(&[]).ended(0);
    let issues = scene.writes().iter().filter(|write| *write == "POST issues").count();
    assert_eq!(issues, 6, "five packages and the rollup");
    let memory = scene.tracker.memory().issues.clone();
    let created = planned["changes"].as_array().unwrap().iter().filter(|change| change["change"] == "create");
    for (plan, issue) in created.zip(&memory) {
        assert_eq!((&plan["title"], &plan["body"]), (&issue["title"], &issue["body"]));
    }
    let again = scene.run(&[]).ended(0);
    assert_eq!((scene.writes(), again.stdout.as_str()), (Vec::new(), "nothing to change\n"));
    assert_eq!(scene.run(&["--dry-run"]).ended(0).json(), json!({ "changes": [], "waiting": [], "notes": [] }));
    for request in scene.tracker.requests().await {
        let header =
            |name: &str| request.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
        assert!(header("user-agent")[0].starts_with("upmon/") && header("user-agent").len() == 1, "{request:?}");
        assert_eq!(header("authorization"), [format!("Bearer {TOKEN}")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_after_a_create_is_finished_by_the_next_without_a_duplicate() {
    let scene = Scene::new(asking()).await;
    scene.tracker.memory().silent_after = Some("POST /api/v3/repos/acme/shop/issues".to_owned());
    let mut child = scene.command(&[]).spawn().unwrap();
    while scene.tracker.memory().issues.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    scene.tracker.memory().silent_after = None;
    scene.run(&[]).ended(0);
    let titles: Vec<String> = scene.tracker.memory().issues.iter().map(|issue| issue["title"].to_string()).collect();
    let distinct: std::collections::BTreeSet<&String> = titles.iter().collect();
    assert_eq!((titles.len(), distinct.len()), (6, 6), "{titles:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_refused_fails_or_cannot_be_right_creates_nothing() {
    let list = "GET /api/v3/repos/acme/shop/issues";
    let fault = |status: u16, body: Value| (list.to_owned(), 9, status, body, Vec::new());
    let rows = [
        (fault(403, json!({ "message": format!("no {TOKEN}") })), "GitHub answered 403: no [redacted]"),
        (fault(404, json!({ "message": "Not Found" })), "GitHub answered 404: Not Found"),
        (fault(301, json!({ "message": "Moved Permanently" })), "GitHub answered 301: Moved Permanently"),
        (fault(502, json!("<html>")), "GitHub answered 502"),
        (fault(200, json!("<html>captive portal</html>")), "the answer cannot be read"),
        (
            fault(200, json!([{ "number": 1, "title": "x", "state": "locked", "labels": [] }])),
            "the answer cannot be read",
        ),
        (
            fault(200, json!([{ "number": 1, "title": "x", "state": "open", "labels": [] }])),
            "issue 1 does not have the label",
        ),
    ];
    for (fault, expected) in rows {
        let scene = Scene::new(asking()).await;
        scene.tracker.memory().faults.push(fault);
        let run = scene.run(&[]).ended(4);
        assert!(run.stderr.contains(expected) && run.stderr.contains("nothing was created"), "{expected}: {run:?}");
        assert!(scene.writes().is_empty(), "{expected}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_pages_than_announced_create_nothing() {
    let scene = Scene::new(asking()).await;
    let last = format!("<{}/repos/acme/shop/issues?page=3>; rel=\"last\"", scene.tracker.url());
    scene.tracker.memory().link = Some(last);
    let run = scene.run(&[]).ended(4);
    assert!(run.stderr.contains("before the 3 pages that were announced"), "{run:?}");
    assert!(scene.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_follows_no_link_to_another_server() {
    let scene = Scene::new(asking()).await;
    let other = Tracker::start().await;
    let next = format!("<{}/repos/acme/shop/issues?page=2>; rel=\"next\"", other.url());
    scene.tracker.memory().link = Some(next);
    scene.tracker.memory().issues.push(json!({ "number": 1, "title": "x", "state": "open", "labels": ["upmon"] }));
    scene.tracker.memory().issues[0]["labels"] = json!([{ "name": "upmon" }]);
    let run = scene.run(&[]).ended(4);
    assert!(run.stderr.contains("on another server"), "{run:?}");
    assert!(other.requests().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_worse_is_one_comment_also_when_the_edit_behind_it_fails() {
    let scene = per_package(one("rust/http", &[])).await;
    scene.run(&[]).ended(0);
    scene.writes();
    scene.find(one("rust/http", &[("/severity", json!("error"))]));
    let edit = "PATCH /api/v3/repos/acme/shop/issues/1".to_owned();
    scene.tracker.memory().faults.push((edit, 1, 502, json!({}), Vec::new()));
    let run = scene.run(&[]).ended(4);
    assert!(run.stderr.contains("editing issue 1 about `rust/http`: GitHub answered 502"), "{run:?}");
    assert_eq!(scene.writes(), ["POST labels", "POST issues/1/comments", "PATCH issues/1"], "no write is repeated");
    scene.run(&[]).ended(0);
    assert_eq!(scene.writes(), ["PATCH issues/1"]);
    scene.run(&[]).ended(0);
    assert!(scene.writes().is_empty());
    let comments = scene.tracker.memory().comments.clone();
    assert_eq!(comments.len(), 1);
    assert!(comments[0].1.contains("the severity is error, it was warning"), "{comments:?}");
    assert_eq!(scene.issue(1)["labels"], json!([{ "name": "upmon" }, { "name": "upmon:error" }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_changed_survives() {
    let scene = per_package(one("rust/tokio", &[])).await;
    scene.run(&[]).ended(0);
    {
        let issue = &mut scene.tracker.memory().issues[0];
        let body = issue["body"].as_str().unwrap().replace('\n', "\r\n");
        issue["body"] = format!("- [x] ask Ana\r\n{body}\r\nsee the wiki").into();
        issue["title"] = "tokio, please".into();
        issue["labels"].as_array_mut().unwrap().push(json!({ "name": "team-a" }));
        issue["assignees"] = json!([{ "login": "ana" }]);
    }
    scene.writes();
    scene.run(&[]).ended(0);
    assert!(scene.writes().is_empty(), "what people write is no reason to write");
    scene.find(one("rust/tokio", &[("/newest/version", json!("1.55.0"))]));
    scene.run(&[]).ended(0);
    let issue = scene.issue(1);
    let body = issue["body"].as_str().unwrap();
    assert!(body.starts_with("- [x] ask Ana\r\n<!-- upmon:v1 ") && body.ends_with("\r\nsee the wiki"), "{body}");
    assert!(body.contains("1.55.0"), "{body}");
    assert_eq!(issue["title"], "tokio, please");
    assert_eq!((issue["labels"].as_array().unwrap().len(), &issue["assignees"]), (3, &json!([{ "login": "ana" }])));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_goes_its_way_from_open_to_closed_and_back() {
    let scene = per_package(one("rust/tokio", &[])).await;
    scene.run(&[]).ended(0);
    // nothing is known: untouched, and the run says so
    scene.writes();
    scene.find(unknown());
    scene.run(&[]).ended(3);
    scene.run(&["--allow-unknown"]).ended(0);
    assert!(scene.writes().is_empty());
    // closed by a person: quiet, until a newer version
    scene.tracker.memory().issues[0]["state"] = "closed".into();
    scene.find(one("rust/tokio", &[]));
    scene.run(&[]).ended(0);
    assert!(scene.writes().is_empty());
    scene.find(one("rust/tokio", &[("/newest/version", json!("1.55.0"))]));
    scene.run(&[]).ended(0);
    assert_eq!(scene.writes(), ["POST issues/1/comments", "PATCH issues/1"]);
    assert_eq!(scene.issue(1)["state"], "open");
    // current: closed by us, and opened again when it falls behind again
    scene.find(current());
    scene.run(&[]).ended(0);
    assert_eq!(scene.issue(1)["state"], "closed");
    scene.writes();
    scene.run(&[]).ended(0);
    assert!(scene.writes().is_empty());
    scene.find(one("rust/tokio", &[("/newest/version", json!("1.55.0"))]));
    scene.run(&[]).ended(0);
    assert_eq!(scene.issue(1)["state"], "open");
    let memory = scene.tracker.memory();
    assert_eq!((memory.issues.len(), memory.comments.len()), (1, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_stops_the_run_and_is_told_with_its_end() {
    let scene = Scene::new(asking()).await;
    let limit = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795154400")];
    let headers = limit.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let create = "POST /api/v3/repos/acme/shop/issues".to_owned();
    let said = json!({ "message": "You have exceeded a secondary rate limit" });
    scene.tracker.memory().faults.push((create, 1, 403, said, headers));
    let run = scene.run(&[]).ended(4);
    assert!(run.stderr.contains("secondary rate limit; the rate limit lasts until 2026-11-20T06:00:00Z"), "{run:?}");
    assert_eq!(scene.writes().iter().filter(|write| *write == "POST issues").count(), 1);
    scene.run(&[]).ended(0);
    assert_eq!(scene.tracker.memory().issues.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_may_not_set_labels_makes_no_second_issue() {
    let scene = Scene::new(asking()).await;
    scene.tracker.memory().drops_labels = true;
    let run = scene.run(&[]).ended(4);
    assert!(run.stderr.contains("the token may not set labels: it needs `issues: write`"), "{run:?}");
    for _ in 0..2 {
        let run = scene.run(&[]).ended(4);
        assert!(run.stderr.contains("giving issue 1 about"), "{run:?}");
        assert_eq!(scene.tracker.memory().issues.len(), 1);
    }
    scene.tracker.memory().drops_labels = false;
    let run = scene.run(&[]).ended(4);
    assert!(run.stderr.contains("has it again; run this once more"), "{run:?}");
    scene.run(&[]).ended(0);
    assert_eq!(scene.tracker.memory().issues.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_issue_that_is_gone_stops_no_other() {
    let scene = Scene::new(asking()).await;
    scene.run(&[]).ended(0);
    let newer = asking().into_iter().map(|mut finding| {
        finding.newest.as_mut().unwrap().version.push_str(".99");
        finding
    });
    scene.find(newer.collect());
    let gone = "PATCH /api/v3/repos/acme/shop/issues/2".to_owned();
    scene.tracker.memory().faults.push((gone, 1, 410, json!({ "message": "This issue was deleted" }), Vec::new()));
    scene.writes();
    let run = scene.run(&[]).ended(4);
    assert!(run.stderr.contains("editing issue 2") && run.stderr.contains("deleted"), "{run:?}");
    assert_eq!(scene.writes().iter().filter(|write| write.starts_with("PATCH")).count(), 6);
}

/// Variables, arguments, and what is told.
type Wrong<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], &'a str);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_wrong_is_told_before_anybody_is_asked() {
    let scene = Scene::new(asking()).await;
    let table: [Wrong<'_>; 6] = [
        (&[("GITHUB_TOKEN", "")], &[], "there is no token for GitHub"),
        (&[("GITHUB_TOKEN", ""), ("GH_TOKEN_FILE", "missing")], &[], "`GH_TOKEN_FILE` names `missing`"),
        (&[("GITHUB_REPOSITORY", "")], &[], "no repository is named"),
        (&[("GITHUB_REPOSITORY", "shop")], &[], "`GITHUB_REPOSITORY` is not a repository"),
        (&[("UPMON_GITHUB_API_URL", "http://ghe.example.org/")], &[], "is not an https address"),
        (&[], &["--repository", "../x"], "is not a repository"),
    ];
    for (environment, arguments, expected) in table {
        let output = scene.command(arguments).envs(environment.iter().copied()).output().unwrap();
        let run = Run::of(output).ended(2);
        assert!(run.stderr.contains(expected), "{expected}: {run:?}");
    }
    assert!(scene.tracker.requests().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_repository_and_the_token_come_from_the_nearest_place() {
    let scene = Scene::new(Vec::new()).await;
    scene.world.write("token", &format!("{TOKEN}\n"));
    scene.world.write("upmon.toml", "[issues]\nrepository = \"acme/shop\"\n");
    let quiet = [("GITHUB_TOKEN", ""), ("UPMON_GITHUB_TOKEN_FILE", "token"), ("GITHUB_REPOSITORY", "other/place")];
    let output = scene.command(&[]).envs(quiet).output().unwrap();
    Run::of(output).ended(0);
    let output = scene.command(&["--repository", "acme/elsewhere"]).envs(quiet).output().unwrap();
    assert!(Run::of(output).ended(4).stderr.contains("404"), "the flag wins");
}
