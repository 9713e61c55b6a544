//! A GitHub of one repository that remembers: issues, labels, comments, pages, and whatever can go wrong.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// The token that it wants.
pub(crate) const TOKEN: &str = "ghs_s3cr3tS3cr3t";

/// What a request's method and path start with, how often it is answered so, and then status, body and headers.
pub(crate) type Fault = (String, usize, u16, Value, Vec<(String, String)>);

/// What it has, and how it misbehaves.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) issues: Vec<Value>,
    pub(crate) labels: Vec<Value>,
    /// Issue and text.
    pub(crate) comments: Vec<(u64, String)>,
    /// Every request that changes something: method and path.
    pub(crate) writes: Vec<String>,
    /// Answers for requests whose method and path start so, in place of the right ones.
    pub(crate) faults: Vec<Fault>,
    /// Requests whose answer is not awaited: what they ask is done, and nothing is said.
    pub(crate) silent_after: Option<String>,
    /// A `Link` header for lists of issues in place of the right one.
    pub(crate) link: Option<String>,
    /// Whether labels of new issues are dropped, as GitHub does for who may not set them.
    pub(crate) drops_labels: bool,
}

/// The server.
pub(crate) struct Tracker {
    server: MockServer,
    memory: Arc<Mutex<Memory>>,
}

/// Items on a page, few, so that there are pages.
const PER_PAGE: usize = 2;

impl Tracker {
    /// A repository `acme/shop` with nothing in it.
    pub(crate) async fn start() -> Self {
        let server = MockServer::start().await;
        let memory = Arc::new(Mutex::new(Memory::default()));
        let answers = Answers { memory: Arc::clone(&memory), root: server.uri() };
        Mock::given(any()).respond_with(answers).mount(&server).await;
        Self { server, memory }
    }

    /// The root of its API, which has a path as that of an enterprise server.
    pub(crate) fn url(&self) -> String {
        format!("{}/api/v3", self.server.uri())
    }

    /// What it remembers.
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().expect("no test fails while it looks")
    }

    /// Every request that it has seen.
    pub(crate) async fn requests(&self) -> Vec<Request> {
        self.server.received_requests().await.expect("the server keeps a record")
    }
}

struct Answers {
    memory: Arc<Mutex<Memory>>,
    root: String,
}

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut memory = self.memory.lock().expect("no test fails while it looks");
        let call = format!("{} {}", request.method, request.url.path());
        if let Some(fault) = memory.faults.iter_mut().find(|fault| call.starts_with(&fault.0) && fault.1 > 0) {
            fault.1 -= 1;
            let (status, body) = (fault.2, fault.3.clone());
            let headers = fault.4.clone();
            if request.method != "GET" {
                memory.writes.push(call);
            }
            let response = ResponseTemplate::new(status).set_body_json(body);
            return headers
                .into_iter()
                .fold(response, |response, (name, value)| response.insert_header(name.as_str(), value.as_str()));
        }
        if request.headers.get("authorization").is_none_or(|value| value != &format!("Bearer {TOKEN}")) {
            return ResponseTemplate::new(401).set_body_json(json!({ "message": "Bad credentials" }));
        }
        if request.method != "GET" {
            memory.writes.push(call.clone());
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let response = self.answer(&mut memory, request, &body);
        match &memory.silent_after {
            Some(start) if call.starts_with(start) => response.set_delay(Duration::from_mins(5)),
            _ => response,
        }
    }
}

impl Answers {
    fn answer(&self, memory: &mut Memory, request: &Request, body: &Value) -> ResponseTemplate {
        let path = request.url.path().strip_prefix("/api/v3/repos/acme/shop/").unwrap_or_default().to_owned();
        let parts: Vec<&str> = path.split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["issues"]) => {
                let by_label = request.url.query_pairs().any(|(name, _)| name == "labels");
                let is_asked = |issue: &&Value| !by_label || has_label(issue, "upmon");
                let listed = memory.issues.iter().filter(is_asked).cloned().collect();
                let response = self.page(request, listed);
                match &memory.link {
                    Some(link) => response.insert_header("link", link.as_str()),
                    None => response,
                }
            }
            ("GET", ["labels"]) => self.page(request, memory.labels.clone()),
            ("GET", ["issues", number, "comments"]) => {
                let number: u64 = number.parse().expect("a number");
                let of_issue = memory.comments.iter().filter(|(of, _)| *of == number);
                self.page(request, of_issue.map(|(_, text)| json!({ "body": text })).collect())
            }
            ("POST", ["labels"]) => {
                if memory.labels.iter().any(|label| label["name"] == body["name"]) {
                    let error = json!({ "message": "Validation Failed", "errors": [{ "code": "already_exists" }] });
                    return ResponseTemplate::new(422).set_body_json(error);
                }
                memory.labels.push(body.clone());
                ResponseTemplate::new(201).set_body_json(body)
            }
            ("POST", ["issues"]) => {
                let names = if memory.drops_labels { &json!([]) } else { &body["labels"] };
                let issue = json!({
                    "number": memory.issues.len() + 1, "state": "open", "title": body["title"], "body": body["body"],
                    "labels": names.as_array().into_iter().flatten().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
                });
                memory.issues.push(issue.clone());
                ResponseTemplate::new(201).set_body_json(issue)
            }
            ("POST", ["issues", number, "comments"]) => {
                let text = body["body"].as_str().expect("a comment has a text").to_owned();
                memory.comments.push((number.parse().expect("a number"), text));
                ResponseTemplate::new(201).set_body_json(json!({ "id": 1 }))
            }
            ("PATCH", ["issues", number]) => {
                let index: usize = number.parse::<usize>().expect("a number") - 1;
                let drops_labels = memory.drops_labels;
                let issue = &mut memory.issues[index];
                for key in ["title", "body", "state"] {
                    if let Some(value) = body.get(key) {
                        issue[key] = value.clone();
                    }
                }
                if let Some(names) = body["labels"].as_array().filter(|_| !drops_labels) {
                    issue["labels"] = names.iter().map(|name| json!({ "name": name })).collect();
                }
                ResponseTemplate::new(200).set_body_json(issue.clone())
            }
            _ => ResponseTemplate::new(404).set_body_json(json!({ "message": "Not Found" })),
        }
    }

    fn page(&self, request: &Request, items: Vec<Value>) -> ResponseTemplate {
        let asked = request.url.query_pairs().find(|(name, _)| name == "page");
        let page: usize = asked.map_or(1, |(_, page)| page.parse().expect("a number"));
        let last = items.len().div_ceil(PER_PAGE).max(1);
        let shown: Vec<Value> = items.into_iter().skip((page - 1) * PER_PAGE).take(PER_PAGE).collect();
        let response = ResponseTemplate::new(200).set_body_json(shown);
        let query: Vec<String> = (request.url.query_pairs().filter(|(name, _)| name != "page"))
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let to = |page: usize| format!("{}{}?{}&page={page}", self.root, request.url.path(), query.join("&"));
        if page == last {
            return response;
        }
        let link = format!("<{}>; rel=\"next\", <{}>; rel=\"last\"", to(page + 1), to(last));
        response.insert_header("link", link.as_str())
    }
}

fn has_label(issue: &Value, name: &str) -> bool {
    issue["labels"].as_array().into_iter().flatten().any(|label| label["name"] == name)
}
