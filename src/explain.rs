//! The whole decision about one pin, as values: what was asked, every release with the one rule that took or rejected it,
//! how each number of the lag comes about, and the row of the policy that decided.
//!
//! The structs here are the published JSON of `upmon explain --json` (schema version 1, see `upmon schema explain`): a field
//! may be added, none is renamed or removed within a version. Nothing is decided here: verdicts are those of
//! [`select`](crate::select), numbers those of [`lag`](crate::lag), the severity that of [`policy`](crate::policy); what is
//! added is what they were made of. [`text`] shows the same to people.

mod arithmetic;
mod releases;
pub mod text;

use chrono::{DateTime, Utc};
use serde::Serialize;

pub use self::arithmetic::{Arithmetic, Counted, Days, Since, Step, Years};
pub use self::releases::{Listed, Parsed, Position};
use crate::http::Origin;
use crate::http::journal::{Answered, Asked};
use crate::lookup::{Engine, Learned};
use crate::pin::{Pin, Strategy, Written};
use crate::policy::{Choice, Policy, Severity, UNDATED};
use crate::report::{Finding, FindingPlace, Tool, escape};
use crate::select::template_of;

/// The version of the JSON.
pub const SCHEMA_VERSION: u32 = 1;

/// What `upmon explain --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Document {
    /// The version of this document's contract.
    pub schema_version: u32,
    /// The instant that the run judged as of.
    #[serde(with = "crate::report::seconds")]
    #[schemars(with = "DateTime<Utc>")]
    pub generated_at: DateTime<Utc>,
    /// Which upmon made it.
    pub tool: Tool,
    /// One explanation for each pin of the name, in the order of the pins file.
    pub explanations: Vec<Explanation>,
}

/// The decision about one pin.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Explanation {
    /// The decision, as a report has it.
    pub finding: Finding,
    /// What was asked, in the order in which it was answered.
    pub requests: Vec<Request>,
    /// How tags have to spell a version to count; `null` where labels are versions as they are.
    pub tag: Option<String>,
    /// Whether the pin is a tag that its owner moves with each release of a line, such as `v4` of an action: then only tags
    /// with as many numbers count.
    pub moves: bool,
    /// Everything that is required of the package, each where it stands; `requirement` of the finding is all of them at
    /// once. Empty where nothing is.
    pub requirements: Vec<Required>,
    /// The versions at which other files pin the package, or other lines of the same one.
    pub elsewhere: Vec<Elsewhere>,
    /// Every release that the registry lists, highest first; those that do not parse last, in the registry's order.
    pub releases: Vec<Listed>,
    /// Entries of the answer that could not be read as a release.
    pub unreadable: Vec<Unreadable>,
    /// What the numbers of the lag were made of; `null` where nothing is known, and for a pinned commit.
    pub lag: Option<Arithmetic>,
    /// The policy that judged.
    pub policy: Judged,
}

/// A requirement, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Required {
    /// As it is written there.
    pub requirement: String,
    /// Where.
    pub place: FindingPlace,
}

/// A version at which the package is pinned too, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Elsewhere {
    /// As it is written there.
    pub version: String,
    /// Where.
    pub place: FindingPlace,
}

/// One question to a registry or a remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Request {
    /// The address, without credentials and query.
    pub address: String,
    /// What was asked for there: a media type, or the tags, dates or commits of a git remote.
    pub asked_for: String,
    /// What came over the wire, in order: redirects and repeats too. Empty where a cache entry was fresh, and for git.
    pub answers: Vec<Answer>,
    /// Where the facts came from; `null` where there are none.
    pub origin: Option<Source>,
    /// When the registry said so before, for what came from a cache entry: facts, or that there is no such package.
    #[serde(with = "crate::report::optional_seconds")]
    #[schemars(with = "Option<DateTime<Utc>>")]
    pub confirmed_at: Option<DateTime<Utc>>,
    /// How old the cache entry was, in whole seconds.
    pub age_seconds: Option<u64>,
    /// Why there are no facts; `null` otherwise. Upstream's own words may be part of it: hostile text.
    pub error: Option<String>,
}

/// One answer over the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Answer {
    /// The address that answered, without credentials and query.
    pub address: String,
    /// The HTTP status; `null` where no answer came.
    pub status: Option<u16>,
    /// What was wrong with it; `null` for a good answer and for a redirect.
    pub trouble: Option<String>,
}

/// Where facts came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Read from the registry, or the recording, in this run.
    Fetched,
    /// From a cache entry that the registry confirmed in this run.
    Revalidated,
    /// From a cache entry that is still fresh; nobody was asked.
    Fresh,
    /// From a cache entry that is no longer fresh, since the registry was not asked or could not be.
    Stale,
}

/// An entry that is no release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Unreadable {
    /// The entry, as upstream writes it: hostile text.
    pub entry: String,
    /// Why it cannot be read.
    pub reason: String,
}

/// The policy that judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Judged {
    /// Its name in the settings.
    pub policy: String,
    /// Why the pin has it.
    pub chosen_by: ChosenBy,
    /// The glob of the rule that sent the pin there.
    pub glob: Option<String>,
    /// Its rows, mildest lag first.
    pub rows: Vec<Row>,
    /// What is wrong with the pin itself, whatever its lag, and the least severity that it brings.
    pub raises: Vec<Row>,
}

/// Why a pin has its policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChosenBy {
    /// The pin names it.
    Pin,
    /// The last rule that matches the pin.
    Rule,
    /// Nothing sends the pin elsewhere.
    Default,
}

/// One row of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Row {
    /// When it holds, in words.
    pub when: String,
    /// What it says.
    pub severity: Severity,
    /// Whether it decided.
    pub decided: bool,
}

impl Document {
    /// Explanations, judged as of an instant.
    pub fn new(explanations: Vec<Explanation>, generated_at: DateTime<Utc>) -> Self {
        Self { schema_version: SCHEMA_VERSION, generated_at, tool: Tool::default(), explanations }
    }

    /// The document as `upmon explain --json` prints it.
    pub fn json(&self) -> String {
        let document = serde_json::to_string_pretty(self).expect("a document has only text keys and serialises");
        format!("{}\n", escape::json(document))
    }
}

impl Explanation {
    /// Puts together what is known of a decision: `asked` is what its lookup asked, `finding` how it ended.
    pub fn new(engine: &Engine, pin: &Pin, asked: Vec<Asked>, learned: Option<&Learned>, finding: Finding) -> Self {
        let facts = learned.map(|learned| &learned.fetched.facts);
        let selection = facts.and_then(|facts| engine.selection(pin, facts).ok());
        let unreadable = facts.map(|facts| facts.unreadable.as_slice()).unwrap_or_default();
        Self {
            requests: asked.into_iter().map(Request::from).collect(),
            tag: template_of(pin).filter(|_| pin.strategy == Strategy::Tags).map(|template| template.to_string()),
            moves: pin.moves,
            requirements: pin.requirements.iter().map(Required::from).collect(),
            elsewhere: pin.elsewhere.iter().map(Elsewhere::from).collect(),
            releases: selection
                .as_ref()
                .map(|selection| releases::listed(selection, engine.holds.of(pin)))
                .unwrap_or_default(),
            unreadable: unreadable
                .iter()
                .map(|(entry, reason)| Unreadable { entry: entry.to_string(), reason: reason.to_string() })
                .collect(),
            lag: selection.as_ref().and_then(|selection| Arithmetic::of(selection, engine.now)),
            policy: Judged::of(engine.policies.of(pin), engine.policies.choice(pin), &finding),
            finding,
        }
    }
}

impl From<&Written> for Required {
    fn from(written: &Written) -> Self {
        Self { requirement: written.text.clone(), place: FindingPlace::from(&written.place) }
    }
}

impl From<&Written> for Elsewhere {
    fn from(written: &Written) -> Self {
        Self { version: written.text.clone(), place: FindingPlace::from(&written.place) }
    }
}

impl From<Asked> for Request {
    fn from(asked: Asked) -> Self {
        Self {
            address: asked.address,
            asked_for: asked.what,
            answers: asked.answers.into_iter().map(Answer::from).collect(),
            origin: asked.origin.map(Source::from),
            confirmed_at: asked.confirmed_at,
            age_seconds: asked.age.map(|age| age.as_secs()),
            error: asked.error,
        }
    }
}

impl From<Answered> for Answer {
    fn from(Answered { address, status, trouble }: Answered) -> Self {
        Self { address, status, trouble }
    }
}

impl From<Origin> for Source {
    fn from(origin: Origin) -> Self {
        match origin {
            Origin::Network => Self::Fetched,
            Origin::Revalidated => Self::Revalidated,
            Origin::Fresh => Self::Fresh,
            Origin::Stale => Self::Stale,
        }
    }
}

impl Judged {
    fn of(policy: &Policy, choice: Choice, finding: &Finding) -> Self {
        let decided = finding.rule.as_deref().and_then(|rule| rule.strip_prefix(&format!("{}: ", policy.name)));
        let row = |(when, severity): (String, Severity)| Row { decided: decided == Some(&when), when, severity };
        let mut rows: Vec<Row> = policy.rows().into_iter().map(row).collect();
        if !policy.by_age.is_empty() {
            let reached = finding.days.and_then(|days| policy.by_age.iter().rposition(|row| days >= row.days));
            if let Some(index) = reached {
                rows[index].decided = decided == Some("by age");
            }
            if decided == Some(UNDATED) {
                rows[0].decided = true;
            }
        }
        let (chosen_by, glob) = match choice {
            Choice::Pin => (ChosenBy::Pin, None),
            Choice::Rule(glob) => (ChosenBy::Rule, Some(glob)),
            Choice::Default => (ChosenBy::Default, None),
        };
        let raises = policy.raises().map(|(when, severity)| row((when.to_owned(), severity))).to_vec();
        Self { policy: policy.name.clone(), chosen_by, glob, rows, raises }
    }
}
