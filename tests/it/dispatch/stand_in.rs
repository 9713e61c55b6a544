//! A GitHub of several repositories that remembers what was started, and the issues of one of them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::github::{Asked, TOKEN, record};

/// The repository of the issues.
pub(crate) const SHOP: &str = "acme/shop";

/// Something that was started.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    /// Repository and path below it.
    pub(crate) path: String,
    pub(crate) body: Value,
}

impl Start {
    /// The correlation id, wherever the receiver is told it.
    pub(crate) fn correlation(&self) -> &str {
        let told = [&self.body["client_payload"]["correlation"], &self.body["inputs"]["correlation"]];
        told.into_iter().find_map(Value::as_str).unwrap_or_default()
    }
}

/// When a write is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Before it is done.
    Before,
    /// When it is done, before that is said.
    After,
}

/// What method and path start with, and then status, body and headers.
pub(crate) type Fault = (String, u16, Value, Vec<(&'static str, &'static str)>);

/// What it has, and how it behaves.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) issues: Vec<Value>,
    pub(crate) labels: Vec<Value>,
    pub(crate) starts: Vec<Start>,
    /// Runs, as the API has them, with the repository as `of`.
    pub(crate) runs: Vec<Value>,
    /// Every request that changes something: method, and path below the repository's owner.
    pub(crate) writes: Vec<String>,
    /// Every request, for the record that is held against GitHub's description.
    pub(crate) asked: Vec<Asked>,
    /// The write, by its number from 0, of which nothing is heard, and whether it is done.
    pub(crate) held: Option<(usize, Side)>,
    /// Whether it does not know `return_run_details`.
    pub(crate) is_old: bool,
    /// Whether the `run-name` of workflows shows the correlation id.
    pub(crate) shows: bool,
    /// How often a run is looked at before it has ended.
    pub(crate) patience: u64,
    /// How runs of repositories that contain this text end, in place of success.
    pub(crate) failing: Option<(&'static str, &'static str)>,
    /// Answers for requests whose method and path start so: status, body, headers.
    pub(crate) faults: Vec<Fault>,
    /// Whether labels of new issues are dropped, and those of old ones stay as they are.
    pub(crate) drops_labels: bool,
}

/// The server.
pub(crate) struct Github {
    server: MockServer,
    shared: Arc<(Mutex<Memory>, Condvar)>,
}

impl Github {
    pub(crate) async fn start() -> Self {
        let server = MockServer::start().await;
        let shared = Arc::new((Mutex::new(Memory { shows: true, ..Memory::default() }), Condvar::new()));
        Mock::given(any()).respond_with(Answers(Arc::clone(&shared))).mount(&server).await;
        Self { server, shared }
    }

    pub(crate) fn url(&self) -> String {
        self.server.uri()
    }

    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.shared.0.lock().unwrap()
    }

    /// Waits until it has seen so many writes.
    pub(crate) fn wait_for_writes(&self, count: usize) {
        let enough = |memory: &mut Memory| memory.writes.len() < count;
        let (memory, waited) =
            self.shared.1.wait_timeout_while(self.memory(), Duration::from_secs(30), enough).unwrap();
        assert!(!waited.timed_out(), "there are only these writes: {:?}", memory.writes);
    }

    /// What was written since the last look.
    pub(crate) fn writes(&self) -> Vec<String> {
        std::mem::take(&mut self.memory().writes)
    }
}

impl Drop for Github {
    fn drop(&mut self) {
        // a test that failed while it looked has more to say than the lock
        record(&self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).asked);
    }
}

struct Answers(Arc<(Mutex<Memory>, Condvar)>);

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let (memory, changed) = &*self.0;
        let mut memory = memory.lock().unwrap();
        let path = request.url.path().strip_prefix("/repos/").unwrap_or_default().to_owned();
        let call = format!("{} {path}", request.method);
        if request.headers.get("authorization").is_none_or(|value| value != &format!("Bearer {TOKEN}")) {
            return ResponseTemplate::new(401).set_body_json(json!({ "message": "Bad credentials" }));
        }
        let address = (request.url.path(), request.url.query());
        memory.asked.push(Asked::new(&request.method, address, &request.headers, &request.body));
        let number = memory.writes.len();
        let is_write = request.method != "GET";
        let held = memory.held.filter(|(held, _)| is_write && *held == number).map(|(_, side)| side);
        let response = match held {
            Some(Side::Before) => ResponseTemplate::new(500),
            _ => memory.answer(request, &call, &path),
        };
        if is_write {
            memory.writes.push(call);
        }
        changed.notify_all();
        if held.is_some() { response.set_delay(Duration::from_mins(5)) } else { response }
    }
}

impl Memory {
    fn answer(&mut self, request: &Request, call: &str, path: &str) -> ResponseTemplate {
        if let Some((_, status, body, headers)) = self.faults.iter().find(|fault| call.starts_with(&fault.0)) {
            let response = ResponseTemplate::new(*status).set_body_json(body);
            return headers.iter().fold(response, |response, (name, value)| response.insert_header(*name, *value));
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let parts: Vec<&str> = path.split('/').collect();
        let repository = parts.get(..2).map(|parts| parts.join("/")).unwrap_or_default();
        match (request.method.as_str(), &parts[2.min(parts.len())..]) {
            ("GET", ["issues"]) if repository == SHOP => self.list_issues(request),
            ("GET", ["labels"]) if repository == SHOP => ok(&json!(self.labels)),
            ("GET", ["issues", number]) => {
                self.issues.get(number.parse::<usize>().unwrap() - 1).map_or_else(not_found, ok)
            }
            ("POST", ["labels"]) => {
                self.labels.push(body.clone());
                ResponseTemplate::new(201).set_body_json(body)
            }
            ("POST", ["issues"]) => self.create_issue(&body),
            ("POST", ["issues", _, "comments"]) => ResponseTemplate::new(201).set_body_json(json!({ "id": 1 })),
            ("GET", ["issues", _, "comments"]) => ok(&json!([])),
            ("PATCH", ["issues", number]) => self.edit_issue(number.parse().unwrap(), &body),
            ("POST", ["dispatches"]) => {
                self.begin(&repository, path, body, ("repository_dispatch", "any.yml"));
                ResponseTemplate::new(204)
            }
            ("POST", ["actions", "workflows", workflow, "dispatches"]) => {
                self.dispatch_workflow(&repository, path, body, workflow)
            }
            ("GET", ["actions", "runs"]) => self.list_runs(request, &repository, "repository_dispatch", None),
            ("GET", ["actions", "workflows", workflow, "runs"]) => {
                self.list_runs(request, &repository, "workflow_dispatch", Some(workflow))
            }
            ("GET", ["actions", "runs", id]) => {
                let id: usize = id.parse().unwrap();
                self.look(id - 1);
                ok(&self.runs[id - 1])
            }
            _ => not_found(),
        }
    }

    fn list_issues(&self, request: &Request) -> ResponseTemplate {
        let label = request.url.query_pairs().find(|(name, _)| name == "labels").map(|(_, value)| value.into_owned());
        let is_asked = |issue: &&Value| label.as_ref().is_none_or(|label| has_label(issue, label));
        ok(&json!(self.issues.iter().filter(is_asked).collect::<Vec<_>>()))
    }

    fn create_issue(&mut self, body: &Value) -> ResponseTemplate {
        let labels = if self.drops_labels { json!([]) } else { named(&body["labels"]) };
        let number = self.issues.len() + 1;
        let issue = json!({
            "number": number, "state": "open", "title": body["title"], "body": body["body"], "labels": labels,
        });
        self.issues.push(issue.clone());
        ResponseTemplate::new(201).set_body_json(issue)
    }

    fn edit_issue(&mut self, number: usize, body: &Value) -> ResponseTemplate {
        let drops_labels = self.drops_labels;
        let issue = &mut self.issues[number - 1];
        for key in ["title", "body", "state"] {
            if let Some(value) = body.get(key) {
                issue[key] = value.clone();
            }
        }
        if body.get("labels").is_some() && !drops_labels {
            issue["labels"] = named(&body["labels"]);
        }
        ok(issue)
    }

    fn dispatch_workflow(&mut self, repository: &str, path: &str, body: Value, workflow: &str) -> ResponseTemplate {
        if self.is_old && body.get("return_run_details").is_some() {
            let message = "Invalid request.\n\n\"return_run_details\" is not a permitted key.";
            return ResponseTemplate::new(422).set_body_json(json!({ "message": message }));
        }
        let asks = body["return_run_details"] == true;
        let id = self.begin(repository, path, body, ("workflow_dispatch", workflow));
        if !asks {
            return ResponseTemplate::new(204);
        }
        let url = format!("https://github.example/{repository}/actions/runs/{id}");
        ok(&json!({ "workflow_run_id": id, "run_url": url, "html_url": url }))
    }

    fn begin(&mut self, repository: &str, path: &str, body: Value, (event, workflow): (&str, &str)) -> usize {
        let start = Start { path: path.to_owned(), body };
        let title = if self.shows { format!("rebuild {}", start.correlation()) } else { "rebuild".to_owned() };
        self.starts.push(start);
        let id = self.runs.len() + 1;
        self.runs.push(json!({
            "id": id, "of": repository, "event": event, "workflow": workflow, "display_title": title, "name": "build",
            "status": "queued", "conclusion": null, "looks": 0,
            "html_url": format!("https://github.example/{repository}/actions/runs/{id}"),
        }));
        id
    }

    fn list_runs(&mut self, request: &Request, of: &str, event: &str, workflow: Option<&str>) -> ResponseTemplate {
        let query = |wanted: &str| request.url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value);
        assert_eq!(query("event").as_deref(), Some(event));
        assert!(query("created").is_some_and(|created| created.starts_with(">=20")), "{}", request.url);
        let is_asked = |run: &Value| {
            run["of"] == of && run["event"] == event && workflow.is_none_or(|name| run["workflow"] == name)
        };
        let found: Vec<usize> = (0..self.runs.len()).filter(|&at| is_asked(&self.runs[at])).collect();
        for &at in &found {
            self.look(at);
        }
        let runs: Vec<&Value> = found.iter().map(|&at| &self.runs[at]).collect();
        ok(&json!({ "total_count": runs.len(), "workflow_runs": runs }))
    }

    /// A run goes on while it is looked at.
    fn look(&mut self, at: usize) {
        let run = &mut self.runs[at];
        let looks = run["looks"].as_u64().unwrap() + 1;
        run["looks"] = looks.into();
        if looks > self.patience && run["status"] != "completed" {
            let failing = self.failing.filter(|(name, _)| run["of"].as_str().unwrap().contains(name));
            run["status"] = "completed".into();
            run["conclusion"] = failing.map_or("success", |(_, conclusion)| conclusion).into();
        }
    }
}

fn not_found() -> ResponseTemplate {
    ResponseTemplate::new(404).set_body_json(json!({ "message": "Not Found" }))
}

fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn named(labels: &Value) -> Value {
    labels.as_array().into_iter().flatten().map(|name| json!({ "name": name })).collect()
}

fn has_label(issue: &Value, name: &str) -> bool {
    issue["labels"].as_array().into_iter().flatten().any(|label| label["name"] == name)
}
