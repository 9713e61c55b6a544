//! The server itself: that it does what GitHub does where no test of `upmon` would notice.

use http::StatusCode;
use serde_json::{Value, json};

use super::faults::{Fault, Moment, What, Which};
use super::state::Workflow;
use super::{GitHub, SHOP, TOKEN};

async fn ask(github: &GitHub, method: &str, below: &str, body: Value) -> reqwest::Result<(StatusCode, Value, String)> {
    let method: reqwest::Method = method.parse().unwrap();
    let client = upmon::http::client::bare(&upmon::http::options::Options::default()).unwrap();
    let request = client.request(method, format!("{}/repos/{SHOP}/{below}", github.url()));
    let request =
        request.header("authorization", format!("Bearer {TOKEN}")).header("accept", "application/vnd.github+json");
    let request = request.header("x-github-api-version", "2022-11-28").header("content-type", "application/json");
    let request = if body.is_null() { request } else { request.body(body.to_string()) };
    let response = request.send().await?;
    let link = response.headers().get("link").map_or("", |link| link.to_str().unwrap()).to_owned();
    let status = response.status();
    Ok((status, serde_json::from_str(&response.text().await?).unwrap_or_default(), link))
}

/// Status and body.
async fn said(github: &GitHub, method: &str, below: &str, body: Value) -> (u16, Value) {
    let (status, body, _) = ask(github, method, below, body).await.unwrap();
    (status.as_u16(), body)
}

fn build() -> Workflow {
    Workflow {
        id: 7,
        file: "build.yml",
        types: vec!["upstream-release"],
        inputs: Some(vec!["version", "key"]),
        run_name: "key",
        course: vec![("queued", None), ("in_progress", None), ("completed", Some("success"))],
    }
}

#[tokio::test]
async fn a_repository_dispatch_starts_the_workflows_that_listen_and_says_nothing_of_them() {
    let github = GitHub::start().await;
    github.change(|shop| shop.workflows = vec![build(), Workflow { id: 8, file: "x.yml", types: vec![], ..build() }]);
    let body = json!({ "event_type": "upstream-release", "client_payload": { "key": "tokio-1.54.1" } });
    assert_eq!(said(&github, "POST", "dispatches", body.clone()).await, (204, Value::Null));
    let runs = said(&github, "GET", "actions/runs?event=repository_dispatch&per_page=100", Value::Null).await.1;
    assert_eq!(runs["total_count"], 1);
    assert_eq!(runs["workflow_runs"][0]["display_title"], "tokio-1.54.1");
    assert_eq!(github.shop().dispatches, [body]);
    let many: serde_json::Map<String, Value> = (0..11).map(|key| (key.to_string(), json!(1))).collect();
    let too_many = json!({ "event_type": "upstream-release", "client_payload": many });
    let (status, _) = said(&github, "POST", "dispatches", too_many).await;
    assert_eq!((status, github.shop().dispatches.len()), (422, 1));
    // what was refused is not for the record that is held against GitHub's description
    github.state().asked.pop();
}

#[tokio::test]
async fn a_workflow_dispatch_tells_its_run_if_it_is_asked_and_the_run_goes_on() {
    let github = GitHub::start().await;
    github.change(|shop| shop.workflows = vec![build()]);
    let quiet = json!({ "ref": "main", "inputs": { "version": "1.54.1" } });
    assert_eq!(said(&github, "POST", "actions/workflows/7/dispatches", quiet).await, (204, Value::Null));
    let asking = json!({ "ref": "main", "return_run_details": true });
    let (status, told) = said(&github, "POST", "actions/workflows/build.yml/dispatches", asking.clone()).await;
    assert_eq!((status, &told["workflow_run_id"]), (200, &json!(1001)));
    let mut seen = Vec::new();
    for _ in 0..4 {
        let run = said(&github, "GET", "actions/runs/1001", Value::Null).await.1;
        seen.push((run["status"].as_str().unwrap().to_owned(), run["conclusion"].as_str().map(str::to_owned)));
    }
    let (queued, running) = (("queued".to_owned(), None), ("in_progress".to_owned(), None));
    let done = ("completed".to_owned(), Some("success".to_owned()));
    assert_eq!(seen, [queued, running, done.clone(), done]);
    github.state().tells_runs = false;
    let before = github.shop().runs.len();
    for body in [asking, json!({ "ref": "main", "inputs": { "nope": "1" } })] {
        assert_eq!(said(&github, "POST", "actions/workflows/7/dispatches", body).await.0, 422);
    }
    assert_eq!(said(&github, "POST", "actions/workflows/9/dispatches", json!({ "ref": "main" })).await.0, 404);
    github.change(|shop| shop.workflows[0].inputs = None);
    assert_eq!(said(&github, "POST", "actions/workflows/7/dispatches", json!({ "ref": "main" })).await.0, 422);
    github.state().rights.dispatch = false;
    assert_eq!(said(&github, "POST", "actions/workflows/7/dispatches", json!({ "ref": "main" })).await.0, 403);
    assert_eq!(github.shop().runs.len(), before);
}

#[tokio::test]
async fn lists_have_pages_and_what_is_new_shows_up_later() {
    let github = GitHub::start().await;
    for title in ["one", "two", "three"] {
        assert_eq!(said(&github, "POST", "issues", json!({ "title": title })).await.0, 201);
    }
    let (_, first, link) = ask(&github, "GET", "issues?direction=asc&per_page=100", Value::Null).await.unwrap();
    assert_eq!(first.as_array().unwrap().len(), 2);
    assert!(link.contains("page=2>; rel=\"next\"") && link.contains("page=2>; rel=\"last\""), "{link}");
    github.state().lag = 2;
    said(&github, "POST", "issues", json!({ "title": "four" })).await;
    assert_eq!(said(&github, "GET", "issues/4", Value::Null).await.0, 200, "asked for itself, it is there");
    assert_eq!(said(&github, "GET", "issues?per_page=1", Value::Null).await.1[0]["number"], 4, "two requests later");
    said(&github, "POST", "issues", json!({ "title": "five" })).await;
    assert_eq!(said(&github, "GET", "issues?per_page=1", Value::Null).await.1[0]["number"], 4);
}

#[tokio::test]
async fn what_a_token_may_not_do_is_refused_or_dropped() {
    let github = GitHub::start().await;
    github.state().rights.write_labels = false;
    let (status, issue) = said(&github, "POST", "issues", json!({ "title": "one", "labels": ["bug"] })).await;
    assert_eq!((status, &issue["labels"]), (201, &json!([])));
    let label = json!({ "name": "bug", "color": "d93f0b" });
    assert_eq!(said(&github, "POST", "labels", label.clone()).await.0, 403);
    github.state().rights.write_labels = true;
    assert_eq!(said(&github, "POST", "labels", label.clone()).await.0, 201);
    let (status, refusal) = said(&github, "POST", "labels", label).await;
    assert_eq!((status, &refusal["errors"][0]["code"]), (422, &json!("already_exists")));
    github.state().rights.write_issues = false;
    assert_eq!(said(&github, "POST", "issues", json!({ "title": "two" })).await.0, 403);
    github.state().rights.read = false;
    assert_eq!(said(&github, "GET", "issues", Value::Null).await.0, 404);
}

#[tokio::test]
async fn limits_moves_and_closed_doors_are_told_as_github_tells_them() {
    let github = GitHub::start().await;
    github.state().writes_left = Some((1, 429, Some(60)));
    assert_eq!(said(&github, "POST", "issues", json!({ "title": "one" })).await.0, 201);
    assert_eq!(said(&github, "POST", "issues", json!({ "title": "two" })).await.0, 429);
    github.state().writes_left = None;
    github.state().remaining = Some(1);
    assert_eq!(said(&github, "GET", "issues", Value::Null).await.0, 200);
    assert_eq!(said(&github, "GET", "issues", Value::Null).await.0, 403);
    github.state().remaining = None;
    github.change(|shop| shop.has_issues = false);
    assert_eq!(said(&github, "GET", "issues", Value::Null).await.0, 410);
    github.state().moved.insert(SHOP.to_owned(), "acme/store".to_owned());
    let (status, moved) = said(&github, "GET", "issues", Value::Null).await;
    assert_eq!((status, moved["url"].as_str().unwrap().ends_with("/repos/acme/store/issues")), (301, true));
}

#[tokio::test]
async fn a_fault_strikes_before_or_after_the_effect() {
    let github = GitHub::start().await;
    let close = |moment| Fault::new(Which::Writes, What::Close).at(moment);
    for (moment, issues) in [(Moment::BeforeTheEffect, 0), (Moment::AfterTheEffect, 1)] {
        github.state().faults.add(close(moment));
        assert!(ask(&github, "POST", "issues", json!({ "title": "one" })).await.is_err());
        assert_eq!(github.shop().issues.len(), issues, "{moment:?}");
    }
    github.state().faults.add(Fault::status("POST issues", 502, json!("<html>")).at(Moment::AfterTheEffect).after(1));
    assert_eq!(said(&github, "POST", "issues", json!({ "title": "two" })).await.0, 201);
    assert_eq!(said(&github, "POST", "issues", json!({ "title": "three" })).await.0, 502);
    assert_eq!(github.shop().issues.len(), 3);
}
