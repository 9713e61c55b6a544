//! What is answered to whom: <https://docs.github.com/rest>.

use serde_json::{Value, json};

use super::state::{Comment, Issue, Label, State};
use super::{Answer, Asked};

/// The most characters of a title and of a body.
const LONGEST: [(&str, usize); 2] = [("title", 256), ("body", 65_536)];

impl Answer {
    fn new(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body }
    }

    fn message(status: u16, message: &str) -> Self {
        Self::new(status, json!({ "message": message, "documentation_url": "https://docs.github.com/rest" }))
    }

    fn with(mut self, name: &str, value: &dyn ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }
}

pub(super) fn unauthorized() -> Answer {
    Answer::message(401, "Bad credentials")
}

fn not_found() -> Answer {
    Answer::message(404, "Not Found")
}

fn forbidden() -> Answer {
    Answer::message(403, "Resource not accessible by integration")
}

fn invalid(resource: &str, field: &str, code: &str) -> Answer {
    let errors = json!([{ "resource": resource, "field": field, "code": code }]);
    Answer::new(422, json!({ "message": "Validation Failed", "errors": errors }))
}

/// The limits first, then what is asked.
pub(super) fn answer(asked: &Asked, state: &mut State) -> Answer {
    if state.remaining == Some(0) {
        let over = Answer::message(403, "API rate limit exceeded for installation ID 1");
        return over.with("x-ratelimit-remaining", &0).with("x-ratelimit-reset", &1_795_154_400);
    }
    state.remaining = state.remaining.map(|left| left - 1);
    if let (true, Some((left, status, wait))) = (asked.is_write(), &mut state.writes_left) {
        if *left == 0 {
            let over = Answer::message(*status, "You have exceeded a secondary rate limit");
            return wait.map_or(over.clone(), |wait| over.with("retry-after", &wait));
        }
        *left -= 1;
    }
    let remaining = state.remaining.unwrap_or(4_999);
    route(asked, state).with("x-ratelimit-limit", &5_000).with("x-ratelimit-remaining", &remaining)
}

fn route(asked: &Asked, state: &mut State) -> Answer {
    let parts: Vec<&str> = asked.path.trim_start_matches('/').split('/').collect();
    let ["repos", owner, name, below @ ..] = parts.as_slice() else { return not_found() };
    let full = format!("{owner}/{name}");
    if let Some(now) = state.moved.get(&full) {
        let url = format!("{}/repos/{now}/{}", state.root, below.join("/"));
        let status = if asked.is_write() { 307 } else { 301 };
        return Answer::new(status, json!({ "message": "Moved Permanently", "url": url })).with("location", &url);
    }
    if !state.has(&full) || !state.rights.read {
        return not_found();
    }
    match below {
        [] => Answer::new(200, json!({ "full_name": full, "default_branch": "main" })),
        ["issues" | "labels", ..] if !state.repository(&full).has_issues => {
            Answer::message(410, "Issues are disabled for this repo")
        }
        ["issues" | "labels", ..] if asked.is_write() && !state.rights.write_issues => forbidden(),
        ["dispatches"] | ["actions", "workflows", _, "dispatches"] if !state.rights.dispatch => forbidden(),
        _ => Desk { asked, state, full: &full }.answer(&asked.method, below),
    }
}

/// A request that may be answered.
struct Desk<'a> {
    asked: &'a Asked,
    state: &'a mut State,
    full: &'a str,
}

impl Desk<'_> {
    fn answer(mut self, method: &str, below: &[&str]) -> Answer {
        match (method, below) {
            ("GET", ["issues"]) => self.list_issues(),
            ("POST", ["issues"]) => self.create_issue(),
            ("GET", ["labels"]) => self.list_labels(),
            ("POST", ["labels"]) => self.create_label(),
            ("GET", ["labels", name]) => self.label(name),
            (_, ["issues", number, rest @ ..]) => self.about_issue(method, number, rest),
            ("POST", ["dispatches"]) => self.repository_dispatch(),
            ("POST", ["actions", "workflows", id, "dispatches"]) => self.workflow_dispatch(id),
            ("GET", ["actions", "runs"]) => self.list_runs(None),
            ("GET", ["actions", "workflows", id, "runs"]) => self.list_runs(Some(id)),
            ("GET", ["actions", "runs", id]) => self.run(id),
            _ => not_found(),
        }
    }

    fn url(&self, below: &str) -> String {
        format!("{}/repos/{}/{below}", self.state.root, self.full)
    }

    /// A page of items, with links to the others.
    fn page(&self, items: Vec<Value>) -> (Vec<Value>, Option<String>) {
        let number = |name: &str| self.asked.parameter(name).and_then(|text| text.parse::<usize>().ok());
        let size = number("per_page").unwrap_or(30).min(self.state.per_page).max(1);
        let (page, last) = (number("page").unwrap_or(1), items.len().div_ceil(size).max(1));
        let shown = items.into_iter().skip((page - 1) * size).take(size).collect();
        let mut to =
            url::Url::parse(&format!("{}{}", self.state.root, self.asked.path)).expect("the root is an address");
        let kept = self.asked.query.iter().filter(|(name, _)| name != "page");
        to.query_pairs_mut().extend_pairs(kept);
        let to = |page: usize, name: &str| format!("<{to}&page={page}>; rel=\"{name}\"");
        (shown, (page < last).then(|| format!("{}, {}", to(page + 1, "next"), to(last, "last"))))
    }

    fn list(&self, items: Vec<Value>) -> Answer {
        let (shown, link) = self.page(items);
        let answer = Answer::new(200, json!(shown));
        match link {
            Some(link) => answer.with("link", &link),
            None => answer,
        }
    }

    fn list_issues(&mut self) -> Answer {
        let (now, url) = (self.state.asked.len(), self.url("issues"));
        let repository = self.state.repository(self.full).clone();
        let state = self.asked.parameter("state").unwrap_or("open");
        let labels: Vec<&str> =
            self.asked.parameter("labels").unwrap_or("").split(',').filter(|l| !l.is_empty()).collect();
        let is_shown = |issue: &&Issue| {
            let has = |wanted: &&str| issue.labels.iter().any(|label| label.eq_ignore_ascii_case(wanted));
            let in_state = state == "all" || (state == "closed") == issue.is_closed;
            issue.listed_from <= now && in_state && labels.iter().all(has)
        };
        let mut shown: Vec<&Issue> = repository.issues.iter().filter(is_shown).collect();
        shown.sort_by_key(|issue| issue.number);
        if self.asked.parameter("direction") != Some("asc") {
            shown.reverse();
        }
        let answer = self.list(shown.into_iter().map(|issue| repository.issue_json(issue, &url)).collect());
        match self.state.link.clone() {
            Some(link) => Answer { headers: vec![("link".to_owned(), link)], ..answer },
            None => answer,
        }
    }

    fn create_issue(&mut self) -> Answer {
        let (body, from, url) = (self.asked.json(), self.state.listed_from(), self.url("issues"));
        if let Some(refusal) = unfit(&body, true) {
            return refusal;
        }
        let may_label = self.state.rights.write_labels;
        let repository = self.state.repository(self.full);
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let number = repository.issues.iter().map(|issue| issue.number).max().unwrap_or(0) + 1;
        let labels = if may_label { texts(&body["labels"]) } else { Vec::new() };
        // a label that is not there is made, without a word
        for name in &labels {
            if repository.label_named(name).is_none() {
                let (color, description) = ("ededed".to_owned(), String::new());
                repository.labels.push(Label { name: name.clone(), color, description });
            }
        }
        let issue =
            Issue { number, title: text("title"), body: text("body"), labels, listed_from: from, ..Issue::default() };
        repository.issues.push(issue.clone());
        Answer::new(201, repository.issue_json(&issue, &url)).with("location", &format!("{url}/{number}"))
    }

    fn about_issue(&mut self, method: &str, number: &str, rest: &[&str]) -> Answer {
        let repository = self.state.repository(self.full);
        let wanted = number.parse::<u64>().ok();
        let Some(index) = repository.issues.iter().position(|issue| Some(issue.number) == wanted) else {
            return not_found();
        };
        match (method, rest) {
            ("GET", []) => {
                let url = self.url("issues");
                let repository = self.state.repository(self.full);
                Answer::new(200, repository.issue_json(&repository.issues[index], &url))
            }
            ("PATCH", []) => self.edit_issue(index),
            ("GET", ["comments"]) => self.list_comments(wanted.expect("an issue was found by it")),
            ("POST", ["comments"]) => self.comment(wanted.expect("an issue was found by it")),
            ("POST", ["labels"]) => self.add_labels(index),
            _ => not_found(),
        }
    }

    fn edit_issue(&mut self, index: usize) -> Answer {
        let (body, url) = (self.asked.json(), self.url("issues"));
        if let Some(refusal) = unfit(&body, false) {
            return refusal;
        }
        let may_label = self.state.rights.write_labels;
        let repository = self.state.repository(self.full);
        let issue = &mut repository.issues[index];
        let set = |field: &mut String, name: &str| {
            if let Some(text) = body[name].as_str() {
                text.clone_into(field);
            }
        };
        set(&mut issue.title, "title");
        set(&mut issue.body, "body");
        if let (true, Some(_)) = (may_label, body["labels"].as_array()) {
            issue.labels = texts(&body["labels"]);
        }
        if let Some(state) = body["state"].as_str() {
            issue.is_closed = state == "closed";
            issue.state_reason = body["state_reason"].as_str().map(str::to_owned);
        }
        let issue = issue.clone();
        Answer::new(200, repository.issue_json(&issue, &url))
    }

    fn list_comments(&mut self, number: u64) -> Answer {
        let now = self.state.asked.len();
        let comments = &self.state.repository(self.full).comments;
        let is_shown = |comment: &&Comment| comment.issue == number && comment.listed_from <= now;
        let shown = comments.iter().filter(is_shown).enumerate();
        let shown = shown.map(|(index, comment)| json!({ "id": index, "body": comment.body })).collect();
        self.list(shown)
    }

    fn comment(&mut self, issue: u64) -> Answer {
        let (body, listed_from) = (self.asked.json(), self.state.listed_from());
        let Some(text) = body["body"].as_str().filter(|text| !text.trim().is_empty()) else {
            return invalid("IssueComment", "body", "missing_field");
        };
        if let Some(refusal) = unfit(&body, false) {
            return refusal;
        }
        let comments = &mut self.state.repository(self.full).comments;
        comments.push(Comment { issue, body: text.to_owned(), listed_from });
        Answer::new(201, json!({ "id": comments.len(), "body": text }))
    }

    fn add_labels(&mut self, index: usize) -> Answer {
        if !self.state.rights.write_labels {
            return forbidden();
        }
        let labels = texts(&self.asked.json()["labels"]);
        let issue = &mut self.state.repository(self.full).issues[index];
        for label in labels {
            if !issue.labels.contains(&label) {
                issue.labels.push(label);
            }
        }
        Answer::new(200, json!(issue.labels.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>()))
    }

    fn list_labels(&mut self) -> Answer {
        let labels = self.state.repository(self.full).labels.clone();
        let shown = labels.iter().map(|label| json!({ "name": label.name, "color": label.color })).collect();
        self.list(shown)
    }

    fn label(&mut self, name: &str) -> Answer {
        let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
        match self.state.repository(self.full).label_named(&name) {
            Some(label) => Answer::new(200, json!({ "name": label.name, "color": label.color })),
            None => not_found(),
        }
    }

    fn create_label(&mut self) -> Answer {
        if !self.state.rights.write_labels {
            return forbidden();
        }
        let body = self.asked.json();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let label = Label { name: text("name"), color: text("color"), description: text("description") };
        let repository = self.state.repository(self.full);
        if label.name.is_empty() {
            return invalid("Label", "name", "missing_field");
        }
        if label.color.len() != 6 || !label.color.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return invalid("Label", "color", "invalid");
        }
        if label.description.chars().count() > 100 {
            return invalid("Label", "description", "too_long");
        }
        if repository.label_named(&label.name).is_some() {
            return invalid("Label", "name", "already_exists");
        }
        repository.labels.push(label);
        Answer::new(201, body)
    }

    fn repository_dispatch(&mut self) -> Answer {
        let (body, from) = (self.asked.json(), self.state.listed_from());
        let Some(kind) = body["event_type"].as_str().filter(|kind| !kind.is_empty()) else {
            return Answer::message(422, "Invalid request.\n\n\"event_type\" wasn't supplied.");
        };
        if body["client_payload"].as_object().is_some_and(|payload| payload.len() > 10) {
            return Answer::message(422, "Invalid request.\n\nNo more than 10 properties are allowed");
        }
        let repository = self.state.repository(self.full);
        let started = repository.workflows.clone().into_iter().filter(|workflow| workflow.types.contains(&kind));
        for workflow in started {
            let title = body["client_payload"][workflow.run_name].as_str().unwrap_or(kind);
            repository.start(&workflow, "repository_dispatch", title, "main", from);
        }
        repository.dispatches.push(body);
        Answer::new(204, Value::Null)
    }

    fn workflow_dispatch(&mut self, id: &str) -> Answer {
        let (body, from, tells) = (self.asked.json(), self.state.listed_from(), self.state.tells_runs);
        let url = self.url("actions/runs");
        let repository = self.state.repository(self.full);
        let Some(workflow) = repository.workflow(id).cloned() else { return not_found() };
        let Some(known) = &workflow.inputs else {
            return Answer::message(422, "Workflow does not have 'workflow_dispatch' trigger");
        };
        let given: Vec<&str> =
            body["inputs"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let unexpected: Vec<&&str> = given.iter().filter(|name| !known.contains(name)).collect();
        let Some(branch) = body["ref"].as_str() else {
            return Answer::message(422, "Invalid request.\n\n\"ref\" wasn't supplied.");
        };
        if !unexpected.is_empty() {
            return Answer::message(422, &format!("Unexpected inputs provided: {unexpected:?}"));
        }
        let wants_run = body.get("return_run_details").is_some();
        if wants_run && !tells {
            return Answer::message(422, "Invalid request.\n\n\"return_run_details\" is not a permitted key.");
        }
        let title = body["inputs"][workflow.run_name].as_str().unwrap_or(workflow.file);
        let run = repository.start(&workflow, "workflow_dispatch", title, branch, from);
        let details =
            json!({ "workflow_run_id": run, "run_url": format!("{url}/{run}"), "html_url": "https://github.example" });
        match body["return_run_details"].as_bool() {
            Some(true) => Answer::new(200, details),
            _ => Answer::new(204, Value::Null),
        }
    }

    fn list_runs(&mut self, workflow: Option<&str>) -> Answer {
        let now = self.state.asked.len();
        let repository = self.state.repository(self.full).clone();
        let of = workflow.map(|id| repository.workflow(id).map(|workflow| workflow.id));
        if of == Some(None) {
            return not_found();
        }
        let fits = |name: &str, value: &str| self.asked.parameter(name).is_none_or(|wanted| wanted == value);
        let shown = repository.runs.iter().rev().filter(|run| {
            let is_of = of.flatten().is_none_or(|id| run.workflow == id);
            is_of && run.listed_from <= now && fits("event", run.event) && fits("branch", &run.branch)
        });
        let shown: Vec<Value> = shown.map(|run| repository.run_json(run)).collect();
        let count = shown.len();
        let (runs, link) = self.page(shown);
        let answer = Answer::new(200, json!({ "total_count": count, "workflow_runs": runs }));
        match link {
            Some(link) => answer.with("link", &link),
            None => answer,
        }
    }

    fn run(&mut self, id: &str) -> Answer {
        let repository = self.state.repository(self.full);
        let Some(index) = repository.runs.iter().position(|run| run.id.to_string() == id) else { return not_found() };
        let answer = Answer::new(200, repository.run_json(&repository.runs[index]));
        repository.runs[index].step += 1;
        answer
    }
}

/// Why GitHub would not take the fields of an issue or a comment.
fn unfit(body: &Value, needs_title: bool) -> Option<Answer> {
    if needs_title && body["title"].as_str().is_none_or(|title| title.trim().is_empty()) {
        return Some(invalid("Issue", "title", "missing_field"));
    }
    let too_long =
        |(field, most): &(&str, usize)| body[*field].as_str().is_some_and(|text| text.chars().count() > *most);
    LONGEST.iter().find(|field| too_long(field)).map(|(field, _)| invalid("Issue", field, "too_long"))
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
