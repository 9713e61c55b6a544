//! The labels of our issues: which there are, and which an issue has after a change.

use super::marker::State;
use super::{Issue, Label};
use crate::policy::Severity;

/// The label by which our issues are listed.
pub const LABEL: &str = "upmon";

/// The label with which people put an issue to sleep.
pub const SNOOZED: &str = "upmon:snoozed";

/// The label with which people approve the version that an issue tells of.
pub const APPROVED: &str = "upmon:approved";

/// The label of a severity.
pub(super) fn label_of(severity: Severity) -> String {
    format!("{LABEL}:{severity}")
}

/// Whether a label is among others; GitHub makes no difference between capitals and small letters.
pub(super) fn has_label(labels: &[String], name: &str) -> bool {
    labels.iter().any(|label| label.eq_ignore_ascii_case(name))
}

/// The labels with another one for the severity, when that is another: a label that a person took away stays away. What
/// was approved is no longer told of when the version is another, so that label goes.
pub(super) fn relabelled(issue: &Issue, before: Option<&State>, after: &State) -> Option<Vec<String>> {
    let severity = after.severity.filter(|severity| before.and_then(|state| state.severity) != Some(*severity));
    let is_moved = before.is_none_or(|state| state.to != after.to);
    let is_old = |label: &String| {
        let of_severity = || Severity::ALL.iter().any(|&old| label.eq_ignore_ascii_case(&label_of(old)));
        (severity.is_some() && of_severity()) || (is_moved && label.eq_ignore_ascii_case(APPROVED))
    };
    let kept = issue.labels.iter().filter(|label| !is_old(label)).cloned();
    let labels: Vec<String> = kept.chain(severity.map(label_of)).collect();
    let is_same = labels.len() == issue.labels.len() && labels.iter().all(|label| issue.labels.contains(label));
    (!is_same).then_some(labels)
}

impl Label {
    /// A label of ours, or one of the settings.
    pub(super) fn named(name: String) -> Self {
        let severity = Severity::ALL.into_iter().find(|&severity| label_of(severity) == name);
        let (color, description) = match severity {
            None if name == LABEL => ("1d76db", "Kept up to date by upmon".to_owned()),
            None if name == APPROVED => ("5319e7", "The version that this tells of may be built".to_owned()),
            None => ("ededed", String::new()),
            Some(severity) => (color(severity), severity.advice().to_owned()),
        };
        Self { name, color: color.to_owned(), description }
    }
}

const fn color(severity: Severity) -> &'static str {
    match severity {
        Severity::None => "0e8a16",
        Severity::Info => "c5def5",
        Severity::Notice => "bfdadc",
        Severity::Warning => "fbca04",
        Severity::Error => "d93f0b",
        Severity::Critical => "b60205",
    }
}
