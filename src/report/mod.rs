//! The report: one finding a pin, the totals, and the formats that show them.
//!
//! The structs here are the published JSON (schema version 1, see `upmon schema report`): a field may be added, none is
//! renamed or removed within a version. Renderers take a [`Report`] and give text; they escape what came from upstream
//! for where it is shown ([`escape`]), and the same report always gives the same bytes.
//!
//! Adding a format: one file beside this one, one variant of [`Format`], one arm in [`render`].

pub mod baseline;
pub mod escape;
pub mod file;
mod github;
pub mod html;
mod json;
pub(crate) mod markdown;
mod ndjson;
mod sarif;
mod table;
pub(crate) mod templates;
pub(crate) mod words;

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::ErrorKind;
use crate::holds::Kind;
use crate::lag::{Behind, Status};
use crate::pin::Place;
use crate::policy::Severity;
use crate::registry::RegistryId;
use crate::version::{SchemeId, Step};

/// The version of the report's JSON.
pub const SCHEMA_VERSION: u32 = 1;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, clap::ValueEnum)]
pub enum Format {
    /// A table for people, as wide as the terminal
    #[default]
    Table,
    /// One JSON document (schema version 1)
    Json,
    /// One JSON document a line: every finding, then the summary
    Ndjson,
    /// Markdown, for the job summary of GitHub Actions
    Markdown,
    /// Annotations for GitHub Actions that point at the pin's line, worst first
    Github,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// One HTML page that needs nothing else: no script, no file, no network
    Html,
}

/// What a format has to know of the place where it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Columns of the terminal, for [`Format::Table`]; fewer than 20 are treated as 20.
    pub width: u16,
    /// Whether [`Format::Table`] may use colour; every colour only repeats a word.
    pub colour: bool,
    /// The most findings that [`Format::Github`] annotates.
    pub annotations: usize,
}

impl Default for Options {
    /// Eighty columns, no colour, as many annotations as GitHub shows of one level a step.
    fn default() -> Self {
        Self { width: 80, colour: false, annotations: github::PER_LEVEL }
    }
}

/// Writes a report in a format; what is not empty ends with a newline.
///
/// # Errors
/// Those of `out`.
pub fn write(report: &Report, format: Format, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    match format {
        // by far the longest, and what machines with ten thousand pins ask for
        Format::Json => json::write(report, out),
        _ => out.write_all(render(report, format, options).as_bytes()),
    }
}

/// The same as text.
pub fn render(report: &Report, format: Format, options: &Options) -> String {
    match format {
        Format::Table => table::render(report, options),
        Format::Json => {
            let mut bytes = Vec::new();
            json::write(report, &mut bytes).expect("a vector takes every write, and a report serialises");
            String::from_utf8(bytes).expect("JSON is written as text")
        }
        Format::Ndjson => ndjson::render(report),
        Format::Markdown => markdown::render(report),
        Format::Github => github::render(report, options),
        Format::Sarif => sarif::render(report),
        Format::Html => html::render(report),
    }
}

/// The whole outcome of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Report {
    /// The version of this document's contract.
    pub schema_version: u32,
    /// The instant that the run judged as of.
    #[serde(with = "seconds")]
    #[schemars(with = "DateTime<Utc>")]
    pub generated_at: DateTime<Utc>,
    /// Which upmon made it.
    pub tool: Tool,
    /// The totals.
    pub summary: Summary,
    /// One finding a pin, in the order of the pins file.
    pub findings: Vec<Finding>,
}

/// The program that made a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Tool {
    /// Always `upmon`.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Default for Tool {
    fn default() -> Self {
        Self { name: env!("CARGO_PKG_NAME").to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

/// Totals over the findings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Summary {
    /// Findings in all.
    pub packages: usize,
    /// Pins at the newest eligible release.
    pub current: usize,
    /// Pins below it.
    pub behind: usize,
    /// Pins above every eligible release.
    pub ahead: usize,
    /// Pins about which nothing is known.
    pub unknown: usize,
    /// The highest severity among the known ones; `null` when nothing is known.
    pub worst: Option<Severity>,
    /// Known findings by severity.
    pub by_severity: BySeverity,
    /// The sum of the known libyears, to two places.
    pub libyears: f64,
    /// How many findings are new against the baseline; only in a report that was held against one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<usize>,
}

/// Counts by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct BySeverity {
    /// Nothing to do.
    pub none: usize,
    /// No action needed.
    pub info: usize,
    /// Consider updating.
    pub notice: usize,
    /// Update by the due date.
    pub warning: usize,
    /// Urgent.
    pub error: usize,
    /// Migration required.
    pub critical: usize,
}

impl BySeverity {
    /// The count of one severity.
    pub const fn get(&self, severity: Severity) -> usize {
        match severity {
            Severity::None => self.none,
            Severity::Info => self.info,
            Severity::Notice => self.notice,
            Severity::Warning => self.warning,
            Severity::Error => self.error,
            Severity::Critical => self.critical,
        }
    }

    const fn add(&mut self, severity: Severity) {
        match severity {
            Severity::None => self.none += 1,
            Severity::Info => self.info += 1,
            Severity::Notice => self.notice += 1,
            Severity::Warning => self.warning += 1,
            Severity::Error => self.error += 1,
            Severity::Critical => self.critical += 1,
        }
    }
}

/// What was found about one pin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Finding {
    /// `group/package`.
    pub id: String,
    /// The group in the pins file.
    pub group: String,
    /// The key in the group.
    pub package: String,
    /// Who lists the releases.
    pub registry: RegistryId,
    /// How the versions compare.
    pub scheme: SchemeId,
    /// Where the pin stands.
    pub status: Status,
    /// The pinned release.
    pub pinned: Pinned,
    /// The highest eligible release; `null` when unknown.
    pub newest: Option<Target>,
    /// The highest eligible release that the requirement accepts; `null` without one.
    pub wanted: Option<Target>,
    /// The most significant segment in which newest exceeds the pin; `null` when unknown.
    pub update: Option<Step>,
    /// How urgent; `null` when unknown.
    pub severity: Option<Severity>,
    /// The policy and the row of it that decided the severity, for people: `default: 2 or more minors`.
    #[serde(default)]
    pub rule: Option<String>,
    /// How many releases lie between; `null` when unknown.
    pub behind: Option<Behind>,
    /// When the first eligible release above the pin was published; `null` where nothing is newer or no date is known.
    #[serde(with = "optional_seconds")]
    #[schemars(with = "Option<DateTime<Utc>>")]
    pub behind_since: Option<DateTime<Utc>>,
    /// Whole days from `behind_since` to `generated_at`.
    pub days: Option<i64>,
    /// From the pin's publication to newest's, in years of 365.25 days, to two places; never negative.
    pub libyears: Option<f64>,
    /// By when the update is due, for a severity with a term.
    #[serde(with = "optional_seconds")]
    #[schemars(with = "Option<DateTime<Utc>>")]
    pub due: Option<DateTime<Utc>>,
    /// Whether that has passed.
    pub overdue: bool,
    /// What else a person should know.
    pub notices: Vec<Notice>,
    /// Releases that would be targets but for their age, or for being suspicious; the highest ten, highest first. Missing
    /// where nothing is held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Held>,
    /// Addresses that help to decide.
    pub links: FindingLinks,
    /// Why nothing is known; `null` otherwise.
    pub error: Option<FindingError>,
    /// Where the pin stands, for annotations; `null` in reports from elsewhere.
    #[serde(default)]
    pub place: Option<FindingPlace>,
    /// Upstream's name of the package, where the key in the group is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// The range of versions that the pin accepts, where it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirement: Option<String>,
    /// Whether the lag is new against the baseline: worse than there, of a pin that was moved back, or of one of which the
    /// baseline knows nothing. Only in a report that was held against one, and not where nothing is known now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<bool>,
    /// When the registry last said so, for facts that are no longer fresh; missing for all others, and where nobody
    /// knows.
    #[serde(default, with = "optional_seconds", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime<Utc>>")]
    pub confirmed_at: Option<DateTime<Utc>>,
    /// The dispatch targets that the pin names, where it names any: then no others are started for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatch: Option<Vec<String>>,
}

/// The pinned release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Pinned {
    /// The version as the pins file spells it.
    pub version: String,
    /// When it was published; `null` where unknown.
    #[serde(with = "optional_seconds")]
    #[schemars(with = "Option<DateTime<Utc>>")]
    pub published_at: Option<DateTime<Utc>>,
    /// Whether it is withdrawn from new use.
    pub yanked: bool,
    /// The maintainers' words against it; `null` where they have none.
    pub deprecated: Option<String>,
}

/// A release to move to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Target {
    /// The version as upstream spells it.
    pub version: String,
    /// When it was published; `null` where unknown.
    #[serde(with = "optional_seconds")]
    #[schemars(with = "Option<DateTime<Utc>>")]
    pub published_at: Option<DateTime<Utc>>,
    /// Its public page; `null` where none can be told.
    pub url: Option<String>,
}

/// A release that is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Held {
    /// The version as upstream spells it.
    pub version: String,
    /// When it was published; `null` where unknown.
    #[serde(with = "optional_seconds")]
    #[schemars(with = "Option<DateTime<Utc>>")]
    pub published_at: Option<DateTime<Utc>>,
    /// Why.
    pub kind: HeldKind,
    /// Until when, for `cooldown`; everything else is held until somebody acknowledges it.
    #[serde(default, with = "optional_seconds", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime<Utc>>")]
    pub until: Option<DateTime<Utc>>,
    /// When upmon first saw it, for `cooldown` of a release without a date.
    #[serde(default, with = "optional_seconds", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime<Utc>>")]
    pub first_seen: Option<DateTime<Utc>>,
    /// What was expected, for what is suspicious.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was there instead. Upstream's own words may be part of it: hostile text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
}

/// Why a release is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HeldKind {
    /// It is younger than the policy's minimum age.
    Cooldown,
    /// Its first number is absurdly far above that of every other release.
    MajorJump,
    /// Its version looks like that of no other release.
    SchemeChange,
    /// Its tag points to another commit than before.
    TagMoved,
    /// It was published again with other content.
    Republished,
    /// The source repository belongs to somebody else than before.
    OwnerMoved,
}

/// Something a person should know of a pin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// One sentence. Upstream's own words may be part of it: hostile text.
    pub message: String,
}

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// The pinned release is withdrawn from new use.
    PinYanked,
    /// The pinned release is not listed (any more).
    PinRemoved,
    /// The pinned release is advised against.
    PinDeprecated,
    /// The release to move to is advised against.
    NewestDeprecated,
    /// The whole package is advised against.
    PackageDeprecated,
    /// No more releases are expected.
    PackageArchived,
    /// The registry has hidden the package as possibly harmful.
    PackageQuarantined,
    /// Why the pin is above every eligible release.
    PinAhead,
    /// An `ignore` entry's last day has passed.
    IgnoreExpired,
    /// A newer release is held by the policy's minimum age.
    HeldByAge,
    /// The requirement accepts no eligible release.
    Requirement,
    /// Files disagree: the pin is outside of a requirement, or another file pins another version.
    Drift,
    /// The facts are kept from an earlier run and are no longer fresh.
    Stale,
    /// Dates could not be had; `behind_since`, `days` and `libyears` may be missing.
    DatesUnknown,
    /// Higher tags exist that are spelled otherwise than a git pin, and so do not count.
    OtherTags,
    /// A release is held: its first number is absurdly far above that of every other.
    MajorJump,
    /// A release is held: its version looks like that of no other.
    SchemeChange,
    /// The tag of the pinned release, or of one that is held, points to another commit than before.
    TagMoved,
    /// The pinned release, or one that is held, was published again with other content.
    Republished,
    /// The source repository belongs to somebody else than before.
    OwnerMoved,
}

/// What is suspicious is called the same everywhere.
macro_rules! from_kind {
    ($($name:ident),+) => {$(
        impl From<Kind> for $name {
            fn from(kind: Kind) -> Self {
                match kind {
                    Kind::MajorJump => Self::MajorJump,
                    Kind::SchemeChange => Self::SchemeChange,
                    Kind::TagMoved => Self::TagMoved,
                    Kind::Republished => Self::Republished,
                    Kind::OwnerMoved => Self::OwnerMoved,
                }
            }
        }
    )+};
}
from_kind!(HeldKind, NoticeKind);

impl NoticeKind {
    /// The word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PinYanked => "pin-yanked",
            Self::PinRemoved => "pin-removed",
            Self::PinDeprecated => "pin-deprecated",
            Self::NewestDeprecated => "newest-deprecated",
            Self::PackageDeprecated => "package-deprecated",
            Self::PackageArchived => "package-archived",
            Self::PackageQuarantined => "package-quarantined",
            Self::PinAhead => "pin-ahead",
            Self::IgnoreExpired => "ignore-expired",
            Self::HeldByAge => "held-by-age",
            Self::Requirement => "requirement",
            Self::Drift => "drift",
            Self::Stale => "stale",
            Self::DatesUnknown => "dates-unknown",
            Self::OtherTags => "other-tags",
            Self::MajorJump => Kind::MajorJump.as_str(),
            Self::SchemeChange => Kind::SchemeChange.as_str(),
            Self::TagMoved => Kind::TagMoved.as_str(),
            Self::Republished => Kind::Republished.as_str(),
            Self::OwnerMoved => Kind::OwnerMoved.as_str(),
        }
    }
}

/// Addresses that help to decide about an update.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FindingLinks {
    /// The list of changes.
    pub changelog: Option<String>,
    /// What changed between the two versions.
    pub compare: Option<String>,
    /// The way across a major version.
    pub migration_guide: Option<String>,
    /// The source repository.
    #[serde(default)]
    pub repository: Option<String>,
}

/// Why nothing is known of a pin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FindingError {
    /// The kind: a closed list.
    pub kind: ErrorKind,
    /// One sentence. Upstream's own words may be part of it: hostile text.
    pub message: String,
    /// Whether a later run may end differently without anybody changing a file.
    pub retryable: bool,
}

/// Where a pin stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FindingPlace {
    /// The file as it was named to upmon.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl From<&Place> for FindingPlace {
    fn from(place: &Place) -> Self {
        Self { file: place.file.display().to_string(), line: place.line, column: place.column }
    }
}

impl Report {
    /// Counts the findings and puts the report together.
    pub fn new(findings: Vec<Finding>, generated_at: DateTime<Utc>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            generated_at,
            tool: Tool::default(),
            summary: Summary::of(&findings),
            findings,
        }
    }

    /// Whether a known finding is at or above the severity.
    pub fn reaches(&self, severity: Severity) -> bool {
        self.summary.worst.is_some_and(|worst| worst >= severity)
    }

    /// The same, of findings that are new against the baseline.
    pub fn reaches_anew(&self, severity: Severity) -> bool {
        self.findings.iter().any(|finding| finding.new == Some(true) && finding.severity >= Some(severity))
    }
}

impl Finding {
    /// Whether what is known of the pin is no longer fresh; what is unknown is neither.
    pub fn is_stale(&self) -> bool {
        self.status != Status::Unknown && self.notices.iter().any(|notice| notice.kind == NoticeKind::Stale)
    }
}

impl Summary {
    /// Counts findings.
    pub fn of<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Self {
        let findings: Vec<&Finding> = findings.into_iter().collect();
        let with = |status: Status| findings.iter().filter(|finding| finding.status == status).count();
        let mut by_severity = BySeverity::default();
        findings.iter().filter_map(|finding| finding.severity).for_each(|severity| by_severity.add(severity));
        Self {
            packages: findings.len(),
            current: with(Status::Current),
            behind: with(Status::Behind),
            ahead: with(Status::Ahead),
            unknown: with(Status::Unknown),
            worst: findings.iter().filter_map(|finding| finding.severity).max(),
            by_severity,
            libyears: to_hundredths(findings.iter().filter_map(|finding| finding.libyears).sum()),
            new: None,
        }
    }
}

/// Rounds to two places, so that the same facts always give the same bytes; never gives a negative nought.
pub fn to_hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0 + 0.0
}

/// Times as RFC 3339 in UTC with whole seconds and `Z`.
pub(crate) mod seconds {
    use chrono::{DateTime, SecondsFormat, Utc};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Secs, true))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
        DateTime::deserialize(deserializer)
    }
}

/// The same for a time that may be unknown.
pub(crate) mod optional_seconds {
    use chrono::{DateTime, SecondsFormat, Utc};
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "serde's `with` calls it so")]
    pub(crate) fn serialize<S: Serializer>(at: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Secs, true)),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
        Option::deserialize(deserializer)
    }
}
