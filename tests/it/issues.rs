//! `upmon issues`, through the binary, against a GitHub that remembers.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not know for such")]

pub(crate) mod crash;
pub(crate) mod scene;
mod table;
mod year;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::github::faults::{Fault, Moment, What, Which};
use crate::github::state::{Issue, Label};
use crate::github::{GitHub, TOKEN};
use crate::support::runner::Run;
use scene::{Scene, asking, current, one, per_package, unknown};

#[tokio::test(flavor = "multi_thread")]
async fn a_first_run_creates_and_a_second_writes_nothing() {
    let scene = Scene::new(asking()).await;
    let planned = scene.run(&["--dry-run"]).ended(0).json();
    assert!(scene.writes().is_empty());
    scene.run(&[]).ended(0);
    let issues = scene.writes().iter().filter(|write| *write == "POST issues").count();
    assert_eq!(issues, 6, "five packages and the rollup");
    let created = planned["changes"].as_array().unwrap().iter().filter(|change| change["change"] == "create");
    for (plan, issue) in created.zip(&scene.github.shop().issues) {
        assert_eq!((plan["title"].as_str(), plan["body"].as_str()), (Some(&*issue.title), Some(&*issue.body)));
    }
    let again = scene.run(&[]).ended(0);
    assert_eq!((scene.writes(), again.stdout.as_str()), (Vec::new(), "nothing to change\n"));
    assert_eq!(scene.run(&["--dry-run"]).ended(0).json(), json!({ "changes": [], "waiting": [], "notes": [] }));
    for asked in scene.github.asked() {
        let agent = asked.header("user-agent");
        assert!(agent.len() == 1 && agent[0].starts_with("upmon/"), "{asked:?}");
        assert_eq!(asked.header("x-github-api-version"), ["2022-11-28"], "{asked:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_refused_fails_or_cannot_be_right_creates_nothing() {
    let fault = |status: u16, body: Value| Fault::status("GET issues", status, body).times(9);
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
        scene.github.state().faults.add(fault);
        let run = scene.run(&[]).ended(4);
        assert!(run.stderr.contains(expected) && run.stderr.contains("nothing was created"), "{expected}: {run:?}");
        assert!(scene.writes().is_empty(), "{expected}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_pages_than_announced_create_nothing() {
    let scene = Scene::new(asking()).await;
    let last = format!("<{}/repos/acme/shop/issues?page=3>; rel=\"last\"", scene.github.url());
    scene.github.state().link = Some(last);
    let run = scene.run(&[]).ended(4);
    assert!(run.stderr.contains("before the 3 pages that were announced"), "{run:?}");
    assert!(scene.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_follows_no_link_to_another_server() {
    let scene = Scene::new(asking()).await;
    let other = GitHub::start().await;
    let next = format!("<{}/repos/acme/shop/issues?page=2>; rel=\"next\"", other.url());
    scene.github.state().link = Some(next);
    let labels = vec!["upmon".to_owned()];
    scene.github.change(|shop| shop.issues.push(Issue { number: 1, labels, ..Issue::default() }));
    let run = scene.run(&[]).ended(4);
    assert!(run.stderr.contains("on another server"), "{run:?}");
    assert!(other.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_worse_is_one_comment_also_when_the_edit_behind_it_fails() {
    let scene = per_package(one("rust/http", &[])).await;
    scene.run(&[]).ended(0);
    scene.writes();
    scene.find(one("rust/http", &[("/severity", json!("error"))]));
    scene.github.state().faults.add(Fault::status("PATCH issues/1", 502, json!({})));
    let run = scene.run(&[]).ended(4);
    assert!(run.stderr.contains("editing issue 1 about `rust/http`: GitHub answered 502"), "{run:?}");
    assert_eq!(scene.writes(), ["POST labels", "POST issues/1/comments", "PATCH issues/1"], "no write is repeated");
    scene.run(&[]).ended(0);
    assert_eq!(scene.writes(), ["PATCH issues/1"]);
    scene.run(&[]).ended(0);
    assert!(scene.writes().is_empty());
    let comments = scene.github.shop().comments;
    assert_eq!(comments.len(), 1);
    assert!(comments[0].body.contains("the severity is error, it was warning"), "{comments:?}");
    assert_eq!(scene.issue(1).labels, ["upmon", "upmon:error"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_changed_survives() {
    let scene = per_package(one("rust/tokio", &[])).await;
    scene.run(&[]).ended(0);
    scene.github.change(|shop| {
        let issue = &mut shop.issues[0];
        issue.body = format!("- [x] ask Ana\r\n{}\r\nsee the wiki", issue.body.replace('\n', "\r\n"));
        issue.title = "tokio, please".to_owned();
        issue.labels.push("team-a".to_owned());
        issue.assignees.push("ana".to_owned());
    });
    scene.writes();
    scene.run(&[]).ended(0);
    assert!(scene.writes().is_empty(), "what people write is no reason to write");
    scene.find(one("rust/tokio", &[("/newest/version", json!("1.55.0"))]));
    scene.run(&[]).ended(0);
    let issue = scene.issue(1);
    let body = &issue.body;
    assert!(body.starts_with("- [x] ask Ana\r\n<!-- upmon:v1 ") && body.ends_with("\r\nsee the wiki"), "{body}");
    assert!(body.contains("1.55.0"), "{body}");
    assert_eq!(issue.title, "tokio, please");
    assert_eq!((issue.labels.len(), issue.assignees), (3, vec!["ana".to_owned()]));
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
    scene.github.change(|shop| shop.issues[0].is_closed = true);
    scene.find(one("rust/tokio", &[]));
    scene.run(&[]).ended(0);
    assert!(scene.writes().is_empty());
    scene.find(one("rust/tokio", &[("/newest/version", json!("1.55.0"))]));
    scene.run(&[]).ended(0);
    assert_eq!(scene.writes(), ["POST issues/1/comments", "PATCH issues/1"]);
    assert!(!scene.issue(1).is_closed);
    // current: closed by us, and opened again when it falls behind again
    scene.find(current());
    scene.run(&[]).ended(0);
    assert!(scene.issue(1).is_closed);
    scene.writes();
    scene.run(&[]).ended(0);
    assert!(scene.writes().is_empty());
    scene.find(one("rust/tokio", &[("/newest/version", json!("1.55.0"))]));
    scene.run(&[]).ended(0);
    assert!(!scene.issue(1).is_closed);
    let shop = scene.github.shop();
    assert_eq!((shop.issues.len(), shop.comments.len()), (1, 3));
}

/// What becomes of the server, and what is told of it.
type Changed<'a> = (&'a dyn Fn(&GitHub), &'a str);

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_stops_the_run_and_is_told_with_its_end() {
    let secondary = |status, wait| move |github: &GitHub| github.state().writes_left = Some((4, status, wait));
    let primary = |github: &GitHub| github.state().remaining = Some(8);
    let table: [Changed<'_>; 4] = [
        (
            &secondary(403, Some(60)),
            "GitHub answered 403: You have exceeded a secondary rate limit; it asks to wait for 60 s",
        ),
        (
            &secondary(429, Some(7)),
            "GitHub answered 429: You have exceeded a secondary rate limit; it asks to wait for 7 s",
        ),
        (&secondary(429, None), "GitHub answered 429: You have exceeded a secondary rate limit; stopped with"),
        (&primary, "API rate limit exceeded for installation ID 1; the rate limit lasts until 2026-11-20T06:00:00Z"),
    ];
    for (limit, expected) in table {
        let scene = Scene::new(asking()).await;
        limit(&scene.github);
        let run = scene.run(&[]).ended(4);
        assert!(run.stderr.contains(expected), "{expected}: {run:?}");
        let writes = scene.writes().len();
        assert!((1..9).contains(&writes), "{expected}: no write after the refusal, {writes}");
        scene.github.state().writes_left = None;
        scene.github.state().remaining = None;
        scene.run(&[]).ended(0);
        assert_eq!(scene.github.shop().issues.len(), 6, "{expected}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_is_not_as_it_was_is_told_and_nothing_is_written() {
    let table: [Changed<'_>; 4] = [
        (
            &|github| github.change(|shop| shop.has_issues = false),
            "GitHub answered 410: Issues are disabled for this repo",
        ),
        (&|github| github.state().rights.read = false, "GitHub answered 404: Not Found"),
        (&|github| github.state().rights.write_issues = false, "GitHub answered 403: Resource not accessible"),
        (
            &|github| drop(github.state().moved.insert("acme/shop".to_owned(), "acme/store".to_owned())),
            "GitHub answered 301: Moved Permanently",
        ),
    ];
    for (change, expected) in table {
        let scene = Scene::new(asking()).await;
        change(&scene.github);
        let run = scene.run(&[]).ended(4);
        assert!(run.stderr.contains(expected), "{expected}: {run:?}");
        assert!(scene.writes().len() <= 1, "{expected}");
        assert!(scene.github.shop().issues.is_empty(), "{expected}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_before_or_after_its_effect_is_not_repeated_and_made_good_by_the_next_run() {
    let failed = || What::Answer(crate::github::Answer { status: 502, headers: Vec::new(), body: json!("<html>") });
    for what in [failed(), What::Close] {
        for moment in [Moment::BeforeTheEffect, Moment::AfterTheEffect] {
            let scene = Scene::new(asking()).await;
            scene.github.state().faults.add(Fault::new(Which::Told("POST issues"), what.clone()).at(moment));
            scene.run(&[]).ended(4);
            assert_eq!(scene.writes().iter().filter(|write| *write == "POST issues").count(), 1, "{what:?} {moment:?}");
            scene.run(&[]).ended(0);
            let titles: BTreeSet<String> = scene.github.shop().issues.into_iter().map(|issue| issue.title).collect();
            assert_eq!((titles.len(), scene.github.shop().issues.len()), (6, 6), "{what:?} {moment:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_may_not_set_labels_makes_no_second_issue() {
    let scene = Scene::new(asking()).await;
    scene.github.state().rights.write_labels = false;
    let labels = ["upmon", "upmon:error", "upmon:warning", "upmon:critical"];
    let label =
        |name: &&str| Label { name: (*name).to_owned(), color: "ededed".to_owned(), description: String::new() };
    scene.github.change(|shop| shop.labels = labels.iter().map(label).collect());
    let run = scene.run(&[]).ended(4);
    assert!(run.stderr.contains("the token may not set labels: it needs `issues: write`"), "{run:?}");
    for _ in 0..2 {
        let run = scene.run(&[]).ended(4);
        assert!(run.stderr.contains("giving issue 1 about"), "{run:?}");
        assert_eq!(scene.github.shop().issues.len(), 1);
    }
    scene.github.state().rights.write_labels = true;
    let run = scene.run(&[]).ended(4);
    assert!(run.stderr.contains("has it again; run this once more"), "{run:?}");
    scene.run(&[]).ended(0);
    assert_eq!(scene.github.shop().issues.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_that_somebody_else_makes_first_is_no_failure_and_one_that_is_refused_is() {
    let scene = per_package(one("rust/tokio", &[])).await;
    let refusal = Fault::status("POST labels", 422, json!({ "message": "Validation failed" }));
    scene.github.state().faults.add(refusal.clone());
    let run = scene.run(&[]).ended(4);
    assert!(run.stderr.contains("creating the label `upmon`: GitHub answered 422: Validation failed"), "{run:?}");
    assert!(scene.github.shop().issues.is_empty());
    scene.github.state().faults.add(refusal.at(Moment::AfterTheEffect));
    let run = scene.run(&[]).ended(0);
    assert!(run.stdout.contains("the label upmon is there\n"), "{run:?}");
    assert_eq!((scene.github.shop().issues.len(), scene.github.shop().labels.len()), (1, 2));
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
    let gone = Fault::status("PATCH issues/2", 410, json!({ "message": "This issue was deleted" }));
    scene.github.state().faults.add(gone);
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
    assert!(scene.github.asked().is_empty());
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
