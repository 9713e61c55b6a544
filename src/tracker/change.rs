//! What a tracker has, and what is to be changed in it.

use serde::Serialize;

/// An issue as the tracker has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Issue {
    /// Its number: lower is older.
    pub number: u64,
    /// Whether it is open.
    pub is_open: bool,
    /// Its title.
    pub title: String,
    /// Its body.
    pub body: String,
    /// The names of its labels.
    pub labels: Vec<String>,
}

/// What the tracker has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Every issue with our label, open or closed.
    pub issues: Vec<Issue>,
    /// The names of all labels.
    pub labels: Vec<String>,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The changes.
    pub changes: Vec<IssueChange>,
    /// Findings that ask for an issue and get none in this run, because of `max-new`.
    pub waiting: Vec<String>,
    /// What a person should know beside that.
    pub notes: Vec<String>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum IssueChange {
    /// A label that is missing.
    CreateLabel(Label),
    /// An issue that lost the label `upmon`, by which it would be found, gets it back. Such a run does nothing else.
    Adopt(Edit),
    /// An issue that is missing.
    Create(NewIssue),
    /// Title, our section and severity label are made true, with a comment where it became worse.
    Update(Edit),
    /// It is closed, with a comment.
    Close(Edit),
    /// It is opened again, with a comment.
    Reopen(Edit),
    /// A second issue for the same finding is closed in favour of the oldest.
    Fold(Edit),
}

impl IssueChange {
    /// The finding about which it creates an issue, if it does.
    pub(super) fn created(&self) -> Option<&str> {
        match self {
            Self::Create(new) => Some(&new.id),
            _ => None,
        }
    }
}

/// A label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Label {
    /// Its name.
    pub name: String,
    /// Six hexadecimal digits.
    pub color: String,
    /// What it is for.
    pub description: String,
}

/// An issue to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewIssue {
    /// The finding that it is about, or `rollup`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its body, markers included.
    pub body: String,
    /// Its labels.
    pub labels: Vec<String>,
}

/// A change of an issue: at most one comment, then at most one edit of the fields that differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// The issue.
    pub number: u64,
    /// The finding that it is about, or `rollup`.
    pub id: String,
    /// The comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<Comment>,
    /// The fields.
    pub fields: Fields,
}

/// A comment with the key by which a later run sees that it was written already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comment {
    /// A hidden line of the body.
    pub key: String,
    /// The text, with the key.
    pub body: String,
}

/// The fields of an issue that change; `None` leaves one as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Fields {
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// All labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// `open` or `closed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// Why it is closed: `completed` or `not_planned`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<&'static str>,
}
