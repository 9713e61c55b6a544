//! `actions` and `[[server.commands]]` of the section `[server]`: what is done after a check.

use std::path::{Path, PathBuf};
use std::time::Duration;

use globset::GlobMatcher;

use super::policy::Globs;
use crate::document::{FilePath, InFile, Placed, Text, Timeout, Word, inline_schema, schema_of_words, table};
use crate::policy::Severity;

/// Something that upmon does with a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Issues are made true, as `upmon issues` does.
    Issues,
    /// Badges are written, as `upmon badge` does.
    Badges,
    /// Rebuilds are started, as `upmon dispatch` does.
    Dispatch,
}

impl Action {
    /// All of them, in the order in which they are done: a dispatch may depend on what issues say.
    pub const ALL: [Self; 3] = [Self::Issues, Self::Badges, Self::Dispatch];

    /// The word in settings, tables and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issues => "issues",
            Self::Badges => "badges",
            Self::Dispatch => "dispatch",
        }
    }
}

impl Word for Action {
    const KIND: &'static str = "an action";

    fn all() -> Vec<Self> {
        Self::ALL.to_vec()
    }

    fn word(self) -> &'static str {
        self.as_str()
    }
}

/// What of a pin a command is started for. What could not be looked up changes none of it but `unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// It is behind, and was not before, or not behind this version.
    Update,
    /// It is of another severity than it last was.
    Severity,
    /// It is no longer behind.
    Current,
    /// Nothing could be learned of it, unlike before.
    Unknown,
}

impl Trigger {
    /// The word in settings and for commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Severity => "severity",
            Self::Current => "current",
            Self::Unknown => "unknown",
        }
    }
}

impl Word for Trigger {
    const KIND: &'static str = "a change";

    fn all() -> Vec<Self> {
        vec![Self::Update, Self::Severity, Self::Current, Self::Unknown]
    }

    fn word(self) -> &'static str {
        self.as_str()
    }
}

inline_schema!(Action, |_| schema_of_words::<Action>());
inline_schema!(Trigger, |_| schema_of_words::<Trigger>());

table! {
    /// A program that is started for a pin that changed.
    #[schemars(rename = "command")]
    struct CommandTable required ["run"] {
        /// The program and its arguments, as they are: no shell reads them. Required.
        #[schemars(length(min = 1), extend("examples" = [["/usr/local/bin/rebuild", "--quiet"]]))]
        run = "run": Vec<Placed<InFile<Text>>>,
        /// What it is called in logs, metrics and the API. Default: the file name of the program.
        #[schemars(example = &"rebuild")]
        name = "name": Text,
        /// What it is started for.
        #[schemars(extend("default" = ["update"]), extend("examples" = [["update", "unknown"]]))]
        on = "on": Vec<Placed<InFile<Trigger>>>,
        /// A glob over `group/package`, or a list of globs: for which pins. Default: all.
        #[schemars(extend("examples" = ["rust/*"]))]
        pins = "pins": Globs,
        /// The mildest severity for which it is started, before the change or after it. Default: any.
        #[schemars(example = &"warning")]
        severity = "severity": Severity,
        /// How long it may take; then its whole process group is ended.
        #[schemars(extend("default" = "5m"), example = &"30s")]
        timeout = "timeout": Timeout,
        /// Where it runs; a relative path is meant from the settings file. Default: the directory of the settings file.
        #[schemars(example = &"/srv/images")]
        directory = "directory": FilePath,
    }
}

/// A program that is started for a pin that changed.
#[derive(Debug, Clone)]
pub struct CommandSettings {
    /// What it is called.
    pub name: String,
    /// The program and its arguments; never empty.
    pub run: Vec<String>,
    /// What it is started for.
    pub on: Vec<Trigger>,
    /// For which pins, by globs over their ids; `None` for all.
    pub pins: Option<Vec<GlobMatcher>>,
    /// The mildest severity.
    pub severity: Option<Severity>,
    /// How long it may take.
    pub timeout: Duration,
    /// Where it runs.
    pub directory: PathBuf,
}

/// How long a command may take where nothing else is said.
const TIMEOUT: Duration = Duration::from_mins(5);

impl CommandTable {
    /// `file` is the settings file. One without its program was refused already.
    pub(super) fn merge(self, file: &Path) -> Option<CommandSettings> {
        let run: Vec<String> =
            self.run.cloned()?.into_iter().map(|Placed { value: InFile(Text(word)), .. }| word).collect();
        let stem = Path::new(run.first()?).file_name().map(|name| name.to_string_lossy().into_owned());
        let beside = file.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let on = self.on.cloned().map(|on| on.into_iter().map(|Placed { value: InFile(on), .. }| on).collect());
        Some(CommandSettings {
            name: self.name.cloned().map(|Text(name)| name).or(stem)?,
            on: on.unwrap_or_else(|| vec![Trigger::Update]),
            pins: self.pins.cloned().map(Globs::matchers),
            severity: self.severity.cloned(),
            timeout: self.timeout.cloned().map_or(TIMEOUT, |Timeout(time)| time),
            directory: self
                .directory
                .map(|path| path.beside(file))
                .cloned()
                .map_or(beside.to_owned(), |FilePath(path)| path),
            run,
        })
    }
}
