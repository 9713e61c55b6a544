//! The published JSON of `upmon take --json` (schema version 1, see `upmon schema take`): a field may be added, none is
//! renamed or removed within a version.

use serde::Serialize;

use super::show::hunks;
use super::{Command, Moved, Plan};
use crate::report::escape;

/// The version of the JSON.
const SCHEMA_VERSION: u32 = 1;

/// What `upmon take --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub(crate) struct Document {
    /// The version of this document's contract.
    schema_version: u32,
    /// Whether nothing was written and run, since `--dry-run` was given.
    dry_run: bool,
    /// The pins that get another version, in the order of the pins.
    taken: Vec<Taken>,
    /// The pins that stay as they are, since nothing else is proposed or asked for.
    stays: Vec<Stays>,
    /// The pins of which no version could be taken.
    left: Vec<Left>,
    /// The lines that change, file by file.
    changes: Vec<Changed>,
    /// The commands that are left to be run, in this order. Empty where they were run.
    commands: Vec<Told>,
    /// The commands that were run, in this order; `--lock` alone runs them.
    ran: Vec<Told>,
    /// Other direct dependencies that these commands moved.
    moved: Vec<Along>,
}

/// A pin that gets another version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub(crate) struct Taken {
    /// `group/package`, as in a report.
    pub(crate) id: String,
    /// The version before.
    pub(crate) from: String,
    /// The version now.
    pub(crate) to: String,
}

/// A pin that stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub(crate) struct Stays {
    /// `group/package`, as in a report.
    pub(crate) id: String,
    /// Its version.
    pub(crate) version: String,
    /// Why, as a sentence fragment.
    pub(crate) reason: String,
}

/// A pin of which no version could be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub(crate) struct Left {
    /// `group/package`, as in a report.
    pub(crate) id: String,
    /// Its version.
    pub(crate) version: String,
    /// Why, as a sentence fragment.
    pub(crate) reason: String,
    /// Whether nothing could be learned of its package; otherwise something speaks against the version.
    pub(crate) unknown: bool,
}

/// Lines that stand together and change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
struct Changed {
    /// The file, as it was named to upmon.
    file: String,
    /// The first of the lines, from 1.
    line: usize,
    /// The lines before, without their ends.
    before: Vec<String>,
    /// The lines now.
    after: Vec<String>,
}

/// A command that writes a lock file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
struct Told {
    /// The file that it writes.
    file: String,
    /// Where to run it.
    directory: String,
    /// The command, as a shell takes it.
    command: String,
}

/// A direct dependency that a command moved along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
struct Along {
    /// `group/package`, as the file calls it.
    id: String,
    /// The file that holds it.
    file: String,
    /// The version before.
    from: String,
    /// The version now.
    to: String,
}

impl Document {
    /// What becomes of the pins.
    pub(crate) const fn new(is_dry: bool, taken: Vec<Taken>, stays: Vec<Stays>, left: Vec<Left>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            dry_run: is_dry,
            taken,
            stays,
            left,
            changes: Vec::new(),
            commands: Vec::new(),
            ran: Vec::new(),
            moved: Vec::new(),
        }
    }

    /// The same with what becomes of the files.
    pub(crate) fn with(self, plan: &Plan, ran: &[Command], moved: &[Moved]) -> Self {
        let changes = plan.changes.iter().flat_map(|change| {
            let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
            hunks(change).into_iter().map(move |hunk| Changed {
                file: change.before.name().display().to_string(),
                line: hunk.line,
                before: lines(&hunk.before),
                after: lines(&hunk.after),
            })
        });
        let told = |commands: &[Command]| commands.iter().map(Told::of).collect();
        let moved = moved.iter().map(Along::of);
        let (changes, moved) = (changes.collect(), moved.collect());
        Self { changes, commands: told(&plan.commands), ran: told(ran), moved, ..self }
    }

    /// The document as text with a final newline.
    pub(crate) fn json(&self) -> String {
        let document = serde_json::to_string_pretty(self).expect("a document has only text keys and serialises");
        format!("{}\n", escape::json(document))
    }
}

impl Told {
    fn of(command: &Command) -> Self {
        Self {
            file: command.file.display().to_string(),
            directory: command.directory.display().to_string(),
            command: command.command.clone(),
        }
    }
}

impl Along {
    fn of(moved: &Moved) -> Self {
        let Moved { id, file, from, to } = moved;
        Self { id: id.clone(), file: file.display().to_string(), from: from.clone(), to: to.clone() }
    }
}
