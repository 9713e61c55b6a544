//! The section `[issues]`: which findings get an issue, where, and how fast they are written.

use std::fmt;
use std::time::Duration;

use schemars::json_schema;

use crate::document::{
    Count, Environment, FromText, InFile, Lapse, Placed, Refusal, Table, Text, Word, inline_schema, schema_of_words,
    table,
};
use crate::policy::Severity;

table! {
    /// Issues on GitHub that `upmon issues` keeps true.
    #[schemars(rename = "issues")]
    struct IssuesTable {
        /// The mildest severity that gets an issue.
        #[schemars(extend("default" = "warning"), example = &"error")]
        threshold = "threshold": Severity,
        /// What is opened: an issue for each package, one rollup of all of them, or both. What is open already is kept
        /// true in every mode.
        #[schemars(extend("default" = "both"), example = &"rollup")]
        mode = "mode": Mode,
        /// The most issues of packages that one run opens or reopens, worst first; the rollup tells of the rest.
        #[schemars(extend("default" = 10), example = 25)]
        max_new = "max-new": Count,
        /// The repository, as `owner/name`. Default: `GITHUB_REPOSITORY`.
        #[schemars(example = &"acme/shop")]
        repository = "repository": Repository,
        /// Further labels for new issues. They are never taken away, nor put back.
        #[schemars(extend("default" = []), extend("examples" = [["dependencies"]]))]
        labels = "labels": Vec<Placed<InFile<LabelName>>>,
        /// The pause between two writes.
        #[schemars(extend("default" = "1s"), example = &"2s")]
        pace = "pace": Lapse,
    }
}

/// What is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// An issue for each package.
    PerPackage,
    /// One issue for all packages.
    Rollup,
    /// Both.
    #[default]
    Both,
}

impl Mode {
    /// Whether packages get issues of their own.
    pub const fn has_packages(self) -> bool {
        matches!(self, Self::PerPackage | Self::Both)
    }

    /// Whether there is a rollup.
    pub const fn has_rollup(self) -> bool {
        matches!(self, Self::Rollup | Self::Both)
    }
}

impl Word for Mode {
    const KIND: &'static str = "a way to open issues";

    fn all() -> Vec<Self> {
        vec![Self::PerPackage, Self::Rollup, Self::Both]
    }

    fn word(self) -> &'static str {
        match self {
            Self::PerPackage => "per-package",
            Self::Rollup => "rollup",
            Self::Both => "both",
        }
    }
}

inline_schema!(Mode, |_| schema_of_words::<Mode>());

/// A repository on GitHub, as `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository(String);

impl Repository {
    /// Reads `owner/name`.
    ///
    /// # Errors
    /// With what is wrong, to be put behind the name of where the text came from.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_name = |name: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            !matches!(name, "" | "." | "..") && name.bytes().all(allowed)
        };
        match text.split_once('/') {
            Some((owner, name)) if is_name(owner) && is_name(name) => Ok(Self(text.to_owned())),
            _ => Err("is not a repository such as `owner/name`".to_owned()),
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl FromText for Repository {
    fn expected() -> Option<String> {
        Some("`owner/name`".to_owned())
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        Self::parse(text).map_err(Refusal::new)
    }
}

inline_schema!(Repository, |_| {
    let name = "\\.{0,2}([A-Za-z0-9_-][A-Za-z0-9._-]*|\\.{3}[A-Za-z0-9._-]*)";
    json_schema!({ "type": "string", "pattern": format!("^{name}/{name}$") })
});

/// The name of a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LabelName(String);

/// GitHub refuses [longer names](https://docs.github.com/rest/issues/labels#create-a-label).
const LONGEST: usize = 50;

impl FromText for LabelName {
    fn expected() -> Option<String> {
        None
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let Text(name) = Text::from_text(text)?;
        match () {
            () if name.chars().count() > LONGEST => Err(Refusal::new(format!("is longer than {LONGEST} characters"))),
            () if name.contains(',') => Err(Refusal::new("holds a comma, which a label cannot")),
            () if name.to_lowercase().starts_with("upmon") => Err(Refusal::new("is a label that upmon sets itself")),
            () => Ok(Self(name)),
        }
    }
}

inline_schema!(LabelName, |_| {
    let pattern = "^(?![Uu][Pp][Mm][Oo][Nn])[^,]*[^,\\s][^,]*$";
    json_schema!({ "type": "string", "maxLength": LONGEST, "pattern": pattern })
});

/// What is set for issues, with its defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueSettings {
    /// The mildest severity that gets an issue.
    pub threshold: Severity,
    /// What is opened.
    pub mode: Mode,
    /// The most issues of packages that one run opens or reopens.
    pub max_new: usize,
    /// The repository, unless the environment has to say.
    pub repository: Option<Repository>,
    /// Further labels for new issues.
    pub labels: Vec<String>,
    /// The pause between two writes: GitHub [asks for a second at
    /// least](https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#pause-between-mutative-requests).
    pub pace: Duration,
}

impl Default for IssueSettings {
    fn default() -> Self {
        Self {
            threshold: Severity::Warning,
            mode: Mode::default(),
            max_new: 10,
            repository: None,
            labels: Vec::new(),
            pace: Duration::from_secs(1),
        }
    }
}

impl IssuesTable {
    pub(super) fn merge(mut self, environment: &mut Environment<'_>) -> IssueSettings {
        self.overlay(super::ISSUES, environment);
        let defaults = IssueSettings::default();
        let labels = self.labels.cloned().unwrap_or_default();
        IssueSettings {
            threshold: self.threshold.cloned().unwrap_or(defaults.threshold),
            mode: self.mode.cloned().unwrap_or(defaults.mode),
            max_new: self.max_new.cloned().map_or(defaults.max_new, |Count(count)| count),
            repository: self.repository.cloned(),
            labels: labels.into_iter().map(|Placed { value: InFile(LabelName(name)), .. }| name).collect(),
            pace: self.pace.cloned().map_or(defaults.pace, |Lapse(pace)| pace),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_an_owner_and_a_name() {
        for text in ["acme/shop", "a-b/c_d.e", "acme/.github"] {
            assert_eq!(Repository::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "acme", "acme/", "/shop", "a/b/c", "a/..", "./b", "a/b?c", "a b/c", "https://github.com/a/b"] {
            assert!(Repository::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_label_is_short_and_not_one_of_ours() {
        assert!(LabelName::from_text("dependencies").is_ok());
        for text in ["", " ", "a,b", "upmon:error", "Upmon", &"x".repeat(51)] {
            assert!(LabelName::from_text(text).is_err(), "{text}");
        }
    }
}
