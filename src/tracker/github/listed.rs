//! What GitHub lists, as far as anything is made of it.

use serde::Deserialize;
use serde_json::Value;

use crate::tracker::Issue;

#[derive(Deserialize)]
pub(super) struct ListedIssue {
    pub(super) number: u64,
    title: String,
    state: IssueState,
    body: Option<String>,
    pub(super) labels: Vec<ListedLabel>,
    /// How many comments it has.
    #[serde(default)]
    pub(super) comments: usize,
    /// Pull requests are issues too: <https://docs.github.com/rest/issues/issues#list-repository-issues>.
    pull_request: Option<Value>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum IssueState {
    Open,
    Closed,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum ListedLabel {
    Plain(String),
    Whole { name: String },
}

#[derive(Deserialize)]
pub(super) struct ListedComment {
    pub(super) body: Option<String>,
}

impl ListedIssue {
    pub(super) fn into_issue(self) -> Option<Issue> {
        self.pull_request.is_none().then(|| Issue {
            number: self.number,
            is_open: self.state == IssueState::Open,
            title: self.title,
            body: self.body.unwrap_or_default(),
            labels: self.labels.into_iter().map(ListedLabel::name).collect(),
        })
    }
}

impl ListedLabel {
    pub(super) fn name(self) -> String {
        match self {
            Self::Plain(name) | Self::Whole { name } => name,
        }
    }

    pub(super) fn is(&self, wanted: &str) -> bool {
        match self {
            Self::Plain(name) | Self::Whole { name } => name.eq_ignore_ascii_case(wanted),
        }
    }
}
