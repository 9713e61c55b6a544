//! What issues say about dispatches: what a person approved there, and, where the record is kept in them, what was started.

use std::collections::BTreeMap;

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::record::{Dispatched, Record};
use crate::tracker::github::{Github, TrackerError};
use crate::tracker::{APPROVED, Memory, Snapshot, memories, remember};

/// As many dispatches of a package as its issue remembers. The versions of a package only rise, so the oldest are never
/// asked for again.
const MOST: usize = 40;

/// The issues of packages.
#[derive(Debug, Clone, Default)]
pub struct Issues(BTreeMap<String, Issue>);

#[derive(Debug, Clone)]
struct Issue {
    number: u64,
    /// Whether it is open and its marker can be read.
    is_open: bool,
    is_whole: bool,
    /// The version that the label approves.
    labelled: Option<String>,
    body: String,
}

impl Issues {
    /// Takes from the tracker's issues what matters here, and what they remember of dispatches.
    ///
    /// # Errors
    /// When what one remembers cannot be read: then nobody knows what was started.
    pub fn of(snapshot: &Snapshot) -> Result<(Self, Record), TrackerError> {
        let mut issues = BTreeMap::new();
        let mut record = Record::default();
        for memory in memories(snapshot) {
            for value in memory.dispatches() {
                record.set(read(value, &memory)?);
            }
            // the first is the one that counts
            issues.entry(memory.id.clone()).or_insert_with(|| Issue::of(&memory));
        }
        Ok((Self(issues), record))
    }

    /// Whether a package has an issue in which something can be noted.
    pub fn has(&self, package: &str) -> bool {
        self.0.get(package).is_some_and(|issue| issue.is_whole)
    }

    /// Whether a person approved a version of a package.
    pub fn approves(&self, package: &str, version: &str) -> bool {
        self.0.get(package).filter(|issue| issue.is_open).is_some_and(|issue| {
            issue.labelled.as_deref() == Some(version) || crate::tracker::is_approved(&issue.body, version)
        })
    }

    /// Notes in a package's issue what was started for it. The issue is read anew, since people may have written in it
    /// meanwhile.
    pub(super) async fn note(&self, github: &mut Github, package: &str, record: &Record) -> Result<(), TrackerError> {
        let issue = self.0.get(package).ok_or_else(|| TrackerError::last("the package has no issue"))?;
        let what = format!("noting the dispatch in issue {}", issue.number);
        let url = github.address(github.repository(), &format!("issues/{}", issue.number));
        let read: Read = github.get(&url, &what).await?;
        let of_package: Vec<&Dispatched> =
            record.dispatches.iter().filter(|dispatched| dispatched.package == package).collect();
        let kept = &of_package[of_package.len().saturating_sub(MOST)..];
        let values = kept.iter().map(|dispatched| serde_json::to_value(dispatched).expect("a dispatch is plain data"));
        let body = remember(&read.body.unwrap_or_default(), package, values.collect());
        let body = body.ok_or_else(|| TrackerError::last(format!("{what}: its hidden marker cannot be read")))?;
        let answer = github.send(Method::PATCH, url, &json!({ "body": body }), &what).await?;
        github.expect(answer, &what, false).await.map(drop)
    }
}

impl Issue {
    fn of(memory: &Memory<'_>) -> Self {
        let is_labelled = memory.issue.labels.iter().any(|label| label.eq_ignore_ascii_case(APPROVED));
        Self {
            number: memory.issue.number,
            is_open: memory.issue.is_open,
            is_whole: memory.is_whole(),
            labelled: memory.version().filter(|_| is_labelled).map(str::to_owned),
            body: memory.issue.body.clone(),
        }
    }
}

#[derive(Deserialize)]
struct Read {
    body: Option<String>,
}

fn read(value: &Value, memory: &Memory<'_>) -> Result<Dispatched, TrackerError> {
    Dispatched::deserialize(value).map_err(|error| {
        let number = memory.issue.number;
        TrackerError::last(format!("what issue {number} remembers of dispatches cannot be read: {error}"))
    })
}
