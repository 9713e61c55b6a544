//! What we hold: pins, and where each stands.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::document::Source;
use crate::registry::{Query, RegistryId};
use crate::version::SchemeId;

mod drift;
mod entry;
mod finder;
mod from;
mod ground;
pub mod holdings;
mod located;
pub mod manifest;
mod names;
pub mod project;
mod rows;
pub mod tag;

pub(crate) use drift::drift;
pub(crate) use entry::EntryTable;
pub(crate) use from::FromEntry;
pub(crate) use names::is_remote;
pub(crate) use rows::PinRows;
pub use tag::TagTemplate;

/// What of a git remote is followed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// Its tags, read as versions.
    #[default]
    Tags,
    /// The commits of a branch: the pin is a commit id.
    Commits {
        /// The branch; the remote's HEAD where none is named.
        branch: Option<String>,
        /// The pinned commit, since the count of commits starts there.
        pin: String,
    },
}

/// Versions of a package that are not wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignore {
    /// The requirement, in the scheme's syntax, that the unwanted versions match.
    pub versions: String,
    /// Why, in the maintainer's words.
    pub reason: Option<String>,
    /// The last day on which the entry holds; afterwards the finding says that it has expired.
    pub until: Option<NaiveDate>,
}

/// Where a pin stands in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as it was named to upmon.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The byte range of the pinned version's text, quotes included.
    pub span: Range<usize>,
}

impl Place {
    /// The place of a range of a file's text.
    pub(crate) fn of(source: &Source, span: &Range<usize>) -> Self {
        let (line, column) = source.line_and_column(span.start);
        Self { file: source.name().to_owned(), line, column, span: source.in_file(span) }
    }

    /// Whether both hold some of the same text.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.span.start < other.span.end && other.span.start < self.span.end && self.file == other.file
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// A text of a file, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// What it says, without quotes.
    pub text: String,
    /// Where; the range covers quotes, if there are any.
    pub place: Place,
}

/// A package at the version we hold, and what we want to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The group in the file.
    pub group: String,
    /// The key in the group; often, but not always, upstream's name.
    pub package: String,
    /// Upstream's name.
    pub upstream: String,
    /// The version we hold, as text: whether it parses is a finding, not an error.
    pub version: String,
    /// Who lists its releases.
    pub registry: RegistryId,
    /// How its versions compare.
    pub scheme: SchemeId,
    /// The git remote.
    pub url: Option<String>,
    /// What of a git remote is followed.
    pub strategy: Strategy,
    /// How tags spell a version; `None` reads tags loosely.
    pub tag: Option<TagTemplate>,
    /// The range that we accept, for `wanted`.
    pub requirement: Option<String>,
    /// Everything that files require of the package, the pin's own requirement included.
    pub requirements: Vec<Written>,
    /// The versions at which files pin the package, beside `version`.
    pub elsewhere: Vec<Written>,
    /// Whether it is a tag that its owner moves with each release of a line, such as `v4` of an action: then only tags
    /// with as many numbers count, or every release of the line would be an update that is already in use.
    pub moves: bool,
    /// Whether prereleases count; `None` follows the pin (see `select`).
    pub prereleases: Option<bool>,
    /// The npm dist-tag that we follow instead of all releases.
    pub channel: Option<String>,
    /// Versions that are not wanted.
    pub ignore: Vec<Ignore>,
    /// The policy named in the pin itself.
    pub policy: Option<String>,
    /// The dispatch targets named in the pin itself, which then has no others.
    pub dispatch: Option<Vec<String>>,
    /// An address that upstream's facts do not give.
    pub changelog: Option<String>,
    /// Where the way across a major version is described.
    pub migration_guide: Option<String>,
    /// Where it is pinned.
    pub place: Place,
}

impl Pin {
    /// `group/package`, unique in a pins file and stable in reports.
    pub fn id(&self) -> String {
        format!("{}/{}", self.group, self.package)
    }

    /// Adds a requirement; what is wanted has to meet all of them.
    fn require(&mut self, requirement: Option<Written>) {
        let Some(requirement) = requirement else { return };
        if self.requirements.iter().any(|known| known.text == requirement.text) {
            return;
        }
        self.requirements.push(requirement);
        let texts: Vec<&str> = self.requirements.iter().map(|requirement| requirement.text.as_str()).collect();
        self.requirement = self.scheme.all_of(&texts);
    }

    /// What has to be asked of the registry; `dates` as [`Query::dates`].
    pub fn query(&self, dates: bool) -> Query {
        Query {
            package: self.upstream.clone(),
            url: self.url.clone(),
            strategy: self.strategy.clone(),
            tag_prefix: self.tag.as_ref().map(|tag| tag.prefix().to_owned()).unwrap_or_default(),
            dates,
        }
    }
}

#[cfg(test)]
impl Pin {
    /// A pin for tests: of a git tag, read loosely.
    pub(crate) fn sample(version: &str) -> Self {
        Self {
            group: "git".to_owned(),
            package: "sample".to_owned(),
            upstream: "sample".to_owned(),
            version: version.to_owned(),
            registry: RegistryId::Git,
            scheme: SchemeId::Loose,
            url: Some("https://git.example/sample".to_owned()),
            strategy: Strategy::Tags,
            tag: None,
            requirement: None,
            requirements: Vec::new(),
            elsewhere: Vec::new(),
            moves: false,
            prereleases: None,
            channel: None,
            ignore: Vec::new(),
            policy: None,
            dispatch: None,
            changelog: None,
            migration_guide: None,
            place: Place { file: "upstream-versions.json".into(), line: 1, column: 1, span: 0..0 },
        }
    }
}
