//! What issues of packages remember beside what they say, for `dispatch`.

use super::marker::{Section, State};
use super::{Issue, ROLLUP, Snapshot};

/// What an issue of a package remembers.
#[derive(Debug)]
pub(crate) struct Memory<'a> {
    /// The finding.
    pub(crate) id: String,
    /// The issue.
    pub(crate) issue: &'a Issue,
    state: Option<State>,
}

impl Memory<'_> {
    /// Whether its marker can be read.
    pub(crate) const fn is_whole(&self) -> bool {
        self.state.is_some()
    }

    /// The version that it tells of.
    pub(crate) fn version(&self) -> Option<&str> {
        self.state.as_ref().map(|state| state.to.as_str()).filter(|version| !version.is_empty())
    }

    /// What it keeps for `dispatch`.
    pub(crate) fn dispatches(&self) -> &[serde_json::Value] {
        self.state.as_ref().map(|state| state.dispatches.as_slice()).unwrap_or_default()
    }
}

/// What issues of packages remember; of several about the same, the one that counts comes first.
pub(crate) fn memories(tracker: &Snapshot) -> Vec<Memory<'_>> {
    let with_section = tracker.issues.iter().filter_map(|issue| Some((issue, Section::find(&issue.body)?)));
    let mut memories: Vec<Memory<'_>> = with_section
        .filter(|(_, section)| section.id != ROLLUP)
        .map(|(issue, section)| Memory { id: section.id, issue, state: section.state })
        .collect();
    memories.sort_by_key(|memory| (!memory.issue.is_open, memory.issue.number));
    memories
}

/// The body of an issue that remembers other dispatches, and all else as it is; `None` where it is not the finding's, or
/// its marker cannot be read.
pub(crate) fn remember(body: &str, id: &str, dispatches: Vec<serde_json::Value>) -> Option<String> {
    let section = Section::find(body).filter(|section| section.id == id)?;
    let state = State { dispatches, ..section.state.clone()? };
    section.with_state(body, &state)
}
