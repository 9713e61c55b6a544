//! What the server remembers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::faults::Faults;
use super::{Asked, SHOP};

/// Items on a page at most: few, so that there are pages.
const PER_PAGE: usize = 2;

/// Everything.
#[derive(Debug)]
pub(crate) struct State {
    /// The root of the API, for links.
    pub(super) root: String,
    repositories: BTreeMap<String, Repository>,
    /// Old names of repositories, and what they are called now.
    pub(crate) moved: BTreeMap<String, String>,
    /// Every request, oldest first.
    pub(crate) asked: Vec<Asked>,
    pub(super) looked_at: usize,
    pub(crate) faults: Faults,
    /// What the token may do.
    pub(crate) rights: Rights,
    /// How many requests pass until what was created shows up in lists. Single things can be asked for at once.
    pub(crate) lag: usize,
    /// Items on a page at most.
    pub(crate) per_page: usize,
    /// How many requests are left until GitHub's own limit; `None` for more than any test asks.
    pub(crate) remaining: Option<usize>,
    /// How many writes are left until the secondary limit, and what it answers: status and `Retry-After`.
    pub(crate) writes_left: Option<(usize, u16, Option<u64>)>,
    /// A `Link` header for lists of issues in place of the right one.
    pub(crate) link: Option<String>,
    /// Whether a workflow's dispatch can answer with the run that it started; older servers refuse to be asked.
    pub(crate) tells_runs: bool,
}

/// What the token may do beside knowing that it is one.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each right is given or not")]
pub(crate) struct Rights {
    /// Without it, GitHub says that there is no such repository.
    pub(crate) read: bool,
    pub(crate) write_issues: bool,
    /// Without it, labels of new issues are dropped silently.
    pub(crate) write_labels: bool,
    pub(crate) dispatch: bool,
}

/// A repository.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Repository {
    pub(crate) has_issues: bool,
    pub(crate) issues: Vec<Issue>,
    pub(crate) labels: Vec<Label>,
    pub(crate) comments: Vec<Comment>,
    /// Bodies of `POST dispatches`.
    pub(crate) dispatches: Vec<Value>,
    pub(crate) workflows: Vec<Workflow>,
    pub(crate) runs: Vec<Run>,
}

/// An issue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Issue {
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) labels: Vec<String>,
    pub(crate) assignees: Vec<String>,
    pub(crate) is_closed: bool,
    pub(crate) state_reason: Option<String>,
    pub(crate) is_pull_request: bool,
    /// From which request on it is in lists.
    pub(crate) listed_from: usize,
}

/// A label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Label {
    pub(crate) name: String,
    pub(crate) color: String,
    pub(crate) description: String,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comment {
    pub(crate) issue: u64,
    pub(crate) body: String,
    pub(crate) listed_from: usize,
}

/// A workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Workflow {
    pub(crate) id: u64,
    /// The name of its file, by which it can be named too.
    pub(crate) file: &'static str,
    /// Types of `repository_dispatch` that start it.
    pub(crate) types: Vec<&'static str>,
    /// Inputs of `workflow_dispatch`; `None` where it has no such trigger.
    pub(crate) inputs: Option<Vec<&'static str>>,
    /// The field of the payload, or the input, that its `run-name` shows.
    pub(crate) run_name: &'static str,
    /// What its runs go through: status and conclusion. A run goes a step further whenever it is asked for by its id.
    pub(crate) course: Vec<(&'static str, Option<&'static str>)>,
}

/// A run of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) id: u64,
    pub(crate) workflow: u64,
    pub(crate) event: &'static str,
    pub(crate) title: String,
    pub(crate) branch: String,
    /// How far it is in its workflow's course.
    pub(crate) step: usize,
    pub(crate) listed_from: usize,
}

impl State {
    pub(super) fn new(root: &str) -> Self {
        Self {
            root: root.to_owned(),
            repositories: BTreeMap::from([(SHOP.to_owned(), Repository::default())]),
            moved: BTreeMap::new(),
            asked: Vec::new(),
            looked_at: 0,
            faults: Faults::default(),
            rights: Rights { read: true, write_issues: true, write_labels: true, dispatch: true },
            lag: 0,
            per_page: PER_PAGE,
            remaining: None,
            writes_left: None,
            link: None,
            tells_runs: true,
        }
    }

    /// A repository, made where it is not there yet.
    pub(crate) fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.repositories.contains_key(name)
    }

    /// From which request on something that is made now is in lists.
    pub(super) fn listed_from(&self) -> usize {
        self.asked.len() + self.lag
    }
}

impl Default for Repository {
    fn default() -> Self {
        Self {
            has_issues: true,
            issues: Vec::new(),
            labels: Vec::new(),
            comments: Vec::new(),
            dispatches: Vec::new(),
            workflows: Vec::new(),
            runs: Vec::new(),
        }
    }
}

impl Repository {
    pub(super) fn label_named(&self, name: &str) -> Option<&Label> {
        self.labels.iter().find(|label| label.name.eq_ignore_ascii_case(name))
    }

    pub(super) fn workflow(&self, id: &str) -> Option<&Workflow> {
        self.workflows.iter().find(|workflow| workflow.file == id || workflow.id.to_string() == id)
    }

    /// Starts a run; gives its id.
    pub(super) fn start(&mut self, of: &Workflow, event: &'static str, title: &str, branch: &str, from: usize) -> u64 {
        let id = 1_000 + self.runs.len() as u64;
        let (title, branch) = (title.to_owned(), branch.to_owned());
        self.runs.push(Run { id, workflow: of.id, event, title, branch, step: 0, listed_from: from });
        id
    }

    pub(super) fn issue_json(&self, issue: &Issue, url: &str) -> Value {
        let labels: Vec<Value> = issue.labels.iter().map(|name| self.label_json(name)).collect();
        let assignees: Vec<Value> = issue.assignees.iter().map(|login| json!({ "login": login })).collect();
        let mut json = json!({
            "id": 10_000 + issue.number, "number": issue.number, "url": format!("{url}/{}", issue.number),
            "title": issue.title, "body": issue.body, "state": if issue.is_closed { "closed" } else { "open" },
            "state_reason": issue.state_reason, "labels": labels, "assignees": assignees, "locked": false,
            "comments": self.comments.iter().filter(|comment| comment.issue == issue.number).count(),
            "user": { "login": "github-actions[bot]" },
        });
        if issue.is_pull_request {
            json["pull_request"] = json!({ "url": url });
        }
        json
    }

    fn label_json(&self, name: &str) -> Value {
        let known = self.label_named(name);
        let color = known.map_or("ededed", |label| &label.color);
        json!({ "name": name, "color": color, "description": known.map(|label| &label.description), "default": false })
    }

    pub(super) fn run_json(&self, run: &Run) -> Value {
        let workflow = self.workflows.iter().find(|workflow| workflow.id == run.workflow);
        let course = workflow.map_or(&[][..], |workflow| &workflow.course);
        let (status, conclusion) = course.get(run.step).or(course.last()).copied().unwrap_or(("queued", None));
        json!({
            "id": run.id, "workflow_id": run.workflow, "event": run.event, "display_title": run.title,
            "name": workflow.map(|workflow| workflow.file), "head_branch": run.branch, "head_sha": "0".repeat(40),
            "status": status, "conclusion": conclusion, "run_number": run.id - 999, "run_attempt": 1,
            "html_url": format!("https://github.example/runs/{}", run.id),
            "created_at": "2026-11-20T06:00:00Z", "updated_at": "2026-11-20T06:00:00Z",
        })
    }
}
