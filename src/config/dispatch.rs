//! The section `[dispatch]`: what is started where, by what, and in which order.

mod needs;
mod target;
mod values;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::document::{Environment, FilePath, Lapse, Problem, Table, Timeout, table};
use target::Targets;
use values::RecordWord;

pub use target::{Kind, Target};
pub use values::Approval;

table! {
    /// What `upmon dispatch` starts, by what, and in which order.
    #[schemars(rename = "dispatch")]
    struct DispatchTable {
        /// What is started, by name.
        #[schemars(extend("default" = {}), extend("examples" = [{ "image": { "repository": "acme/images", "event-type": "upstream" } }]))]
        targets = "targets": Targets,
        /// Which updates wait until a person approves them on the package's issue.
        #[schemars(extend("default" = "major"), example = &"always")]
        approval = "approval": Approval,
        /// Where it is kept what was started: in a file, in the package's issue, or in the database of `upmon serve`.
        #[schemars(extend("default" = "file"), example = &"issue")]
        record = "record": RecordWord,
        /// The file of `record = "file"`; a relative path is meant from the settings file. Default:
        /// `upmon-dispatches.json`.
        #[schemars(example = &"/var/lib/upmon/dispatches.json")]
        record_file = "record-file": FilePath,
        /// How long after a dispatch that was cut off a run of which there is no trace counts as never started.
        #[schemars(extend("default" = "10m"), example = &"30m")]
        settle = "settle": Lapse,
        /// The pause between two writes.
        #[schemars(extend("default" = "1s"), example = &"2s")]
        pace = "pace": Lapse,
        /// With `--wait`, the pause between two looks at the runs.
        #[schemars(extend("default" = "15s"), example = &"1m")]
        poll = "poll": Lapse,
        /// With `--wait`, how long runs are followed.
        #[schemars(extend("default" = "1h"), example = &"3h")]
        timeout = "timeout": Timeout,
    }
}

/// Where it is kept what was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordPlace {
    /// In this file.
    File(PathBuf),
    /// In the hidden marker of the package's issue.
    Issue,
    /// In the database of the service.
    Store,
}

/// What is set for dispatches, with its defaults.
#[derive(Debug, Clone)]
pub struct DispatchSettings {
    /// What is started; those that others need come before them.
    pub targets: Vec<Target>,
    /// Where it is kept what was started.
    pub record: RecordPlace,
    /// How long a server may not yet show what it was asked for.
    pub settle: Duration,
    /// The pause between two writes.
    pub pace: Duration,
    /// The pause between two looks at runs.
    pub poll: Duration,
    /// How long runs are followed.
    pub timeout: Duration,
}

/// The record's name, where none is set.
const RECORD: &str = "upmon-dispatches.json";

impl Default for DispatchSettings {
    fn default() -> Self {
        Self {
            targets: Vec::new(),
            record: RecordPlace::File(RECORD.into()),
            settle: Duration::from_mins(10),
            pace: Duration::from_secs(1),
            poll: Duration::from_secs(15),
            timeout: Duration::from_hours(1),
        }
    }
}

impl DispatchSettings {
    /// A target by its name.
    pub fn target(&self, name: &str) -> Option<&Target> {
        self.targets.iter().find(|target| target.name == name)
    }
}

impl DispatchTable {
    /// `file` is the settings file, beside which its relative paths lie.
    pub(super) fn merge(
        mut self,
        file: &Path,
        environment: &mut Environment<'_>,
        problems: &mut Vec<Problem>,
    ) -> DispatchSettings {
        self.record_file = self.record_file.map(|path| path.beside(file));
        self.overlay(super::DISPATCH, environment);
        let defaults = DispatchSettings::default();
        let lapse = |field: Option<Lapse>, default| field.map_or(default, |Lapse(lapse)| lapse);
        DispatchSettings {
            record: self.place(file, problems),
            settle: lapse(self.settle.cloned(), defaults.settle),
            pace: lapse(self.pace.cloned(), defaults.pace),
            poll: lapse(self.poll.cloned(), defaults.poll),
            timeout: self.timeout.cloned().map_or(defaults.timeout, |Timeout(timeout)| timeout),
            targets: self
                .targets
                .cloned()
                .unwrap_or_default()
                .in_order(self.approval.cloned().unwrap_or_default(), problems),
        }
    }

    fn place(&self, file: &Path, problems: &mut Vec<Problem>) -> RecordPlace {
        let elsewhere = match self.record.get() {
            Some(RecordWord::Issue) => Some((RecordPlace::Issue, "in issues")),
            Some(RecordWord::Store) => Some((RecordPlace::Store, "in the database")),
            Some(RecordWord::File) | None => None,
        };
        if let Some((place, kept)) = elsewhere {
            problems.extend(self.record_file.span().map(|span| {
                Problem::new(span.clone(), format!("`record-file` has no effect here: the record is kept {kept}"))
            }));
            return place;
        }
        let FilePath(path) = self.record_file.cloned().unwrap_or_else(|| FilePath(RECORD.into()).beside(file));
        RecordPlace::File(path)
    }
}
