//! How bad a lag is: the table that turns facts into a severity, and the rule that decided.
//!
//! Pure. The settings file fills these types (`config`); without it, [`Policy::default`] is the documented table.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::lag::Behind;
use crate::version::{Number, Step, Version};

/// How urgent a finding is.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing to do.
    #[default]
    None,
    /// No action needed.
    Info,
    /// Consider updating.
    Notice,
    /// Update by the due date.
    Warning,
    /// Urgent.
    Error,
    /// Migration required.
    Critical,
}

impl Severity {
    /// Every severity, mildest first.
    pub const ALL: [Self; 6] = [Self::None, Self::Info, Self::Notice, Self::Warning, Self::Error, Self::Critical];

    /// The word in files, flags and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }

    /// What a person should do about it, as a short imperative.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::None => "nothing to do",
            Self::Info => "no action needed",
            Self::Notice => "consider updating",
            Self::Warning => "update soon",
            Self::Error => "update now",
            Self::Critical => "plan the migration",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// One row of a policy by age: from this many whole days behind, this severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgeRow {
    /// Whole days since the first newer release was published.
    pub days: i64,
    /// The severity from then on.
    pub severity: Severity,
}

/// A table from lag to severity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The name in the settings; `default` for the built-in one.
    pub name: String,
    /// One patch, or one release of the scheme's finer steps.
    pub patch: Severity,
    /// Two or more of these.
    pub patches: Severity,
    /// One minor.
    pub minor: Severity,
    /// Two or more minors.
    pub minors: Severity,
    /// One or more majors.
    pub major: Severity,
    /// How long after `behind_since` an update that is a [`Severity::Warning`] for one minor is due.
    pub due_after: TimeDelta,
    /// Whether a new minor of a `0.x` version counts as a major, as Cargo and npm treat it.
    pub zero_minor_is_major: bool,
    /// Rows by age, ascending; when there are any, they decide instead of the segments (calendar versions).
    pub by_age: Vec<AgeRow>,
    /// How old a release must be before it is a target.
    pub minimum_age: Option<TimeDelta>,
    /// At least this severe when the pinned release is yanked.
    pub pin_yanked: Severity,
    /// At least this severe when the pinned release is not listed upstream (any more).
    pub pin_removed: Severity,
    /// At least this severe when the pinned release is deprecated.
    pub pin_deprecated: Severity,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            patch: Severity::Info,
            patches: Severity::Notice,
            minor: Severity::Warning,
            minors: Severity::Error,
            major: Severity::Critical,
            due_after: TimeDelta::days(14),
            zero_minor_is_major: false,
            by_age: Vec::new(),
            minimum_age: None,
            pin_yanked: Severity::Error,
            pin_removed: Severity::Error,
            pin_deprecated: Severity::Warning,
        }
    }
}

/// What is wrong with the pinned release itself; each raises the severity to at least the policy's row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PinTrouble {
    /// Withdrawn from new use.
    pub yanked: bool,
    /// Not listed (any more).
    pub removed: bool,
    /// Advised against.
    pub deprecated: bool,
}

/// The facts that a policy looks at.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The pinned version; `None` for a pinned commit.
    pub pinned: Option<&'a Version>,
    /// The most significant segment in which newest exceeds it.
    pub update: Step,
    /// How many of what lie between.
    pub behind: Behind,
    /// When the first newer release was published.
    pub behind_since: Option<DateTime<Utc>>,
    /// Whole days since then.
    pub days: Option<i64>,
    /// What is wrong with the pinned release itself.
    pub trouble: PinTrouble,
}

/// A severity and the rule that decided it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How urgent.
    pub severity: Severity,
    /// By when, for an update within a term.
    pub due: Option<DateTime<Utc>>,
    /// Whether that instant has passed.
    pub overdue: bool,
    /// The policy and row, for `explain`: `default: 2 or more minors`.
    pub rule: String,
}

impl Policy {
    /// Judges a lag as of `now`.
    pub fn judge(&self, facts: &Facts<'_>, now: DateTime<Utc>) -> Verdict {
        let (severity, row) = self.row(facts);
        let is_minor_row = row == ONE_MINOR;
        let due = facts
            .behind_since
            .filter(|_| is_minor_row && severity == Severity::Warning)
            .map(|since| since + self.due_after);
        let trouble = [
            (facts.trouble.yanked, self.pin_yanked, "the pin is yanked"),
            (facts.trouble.removed, self.pin_removed, "the pin is not listed upstream"),
            (facts.trouble.deprecated, self.pin_deprecated, "the pin is deprecated"),
        ];
        let (severity, row) = trouble
            .into_iter()
            .filter(|(applies, ..)| *applies)
            .fold((severity, row), |worst, (_, least, why)| if least > worst.0 { (least, why) } else { worst });
        Verdict { severity, due, overdue: due.is_some_and(|due| now > due), rule: format!("{}: {row}", self.name) }
    }

    fn row(&self, facts: &Facts<'_>) -> (Severity, &'static str) {
        if facts.update == Step::None {
            return (Severity::None, "nothing newer");
        }
        if !self.by_age.is_empty() {
            // without a date the age is unknown; something newer exists all the same, so the mildest row holds
            let reached = facts.days.and_then(|days| self.by_age.iter().rev().find(|row| days >= row.days));
            return match (reached, facts.days) {
                (Some(row), _) => (row.severity, "by age"),
                (None, Some(_)) => (Severity::None, "younger than the first row by age"),
                (None, None) => (self.by_age[0].severity, "by age, and no date is known"),
            };
        }
        let zero_minor =
            self.zero_minor_is_major && facts.pinned.is_some_and(|pinned| *pinned.segments().get(0) == Number::ZERO);
        match facts.update {
            Step::Major => (self.major, "1 or more majors"),
            Step::Minor if zero_minor => (self.major, "a minor of 0.x counts as a major"),
            Step::Minor if facts.behind.minor >= 2 => (self.minors, "2 or more minors"),
            Step::Minor => (self.minor, ONE_MINOR),
            // the finer steps have no count of their own: every release is one
            _ if facts.behind.patch >= 2 || (facts.behind.patch == 0 && facts.behind.releases >= 2) => {
                (self.patches, "2 or more patches")
            }
            _ => (self.patch, "1 patch"),
        }
    }
}

const ONE_MINOR: &str = "1 minor";

/// The default policy, the named ones, and which pins they are for.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    /// For every pin that no rule and no name sends elsewhere.
    pub default: Policy,
    /// Policies with a name, which a pin or a rule may use.
    pub named: Vec<Policy>,
    /// Rules by glob over `group/package`; the last that matches wins.
    pub rules: Vec<PolicyRule>,
}

/// Sends the pins that a glob matches to a named policy.
#[derive(Debug, Clone)]
pub struct PolicyRule {
    /// Matches `group/package`.
    pub pins: globset::GlobMatcher,
    /// The policy's name.
    pub policy: String,
}

impl Policies {
    /// The policy of a name; `None` when there is none.
    pub fn named(&self, name: &str) -> Option<&Policy> {
        if name == self.default.name {
            Some(&self.default)
        } else {
            self.named.iter().find(|policy| policy.name == name)
        }
    }

    /// Every name that a pin or a rule may use.
    pub fn names(&self) -> Vec<&str> {
        std::iter::once(&self.default).chain(&self.named).map(|policy| policy.name.as_str()).collect()
    }

    /// The policy of a pin: its own, else the last rule's, else the default. Names are checked when settings are read.
    pub fn of(&self, pin: &crate::pin::Pin) -> &Policy {
        let by_rule =
            || self.rules.iter().rev().find(|rule| rule.pins.is_match(pin.id())).map(|rule| rule.policy.as_str());
        pin.policy.as_deref().or_else(by_rule).and_then(|name| self.named(name)).unwrap_or(&self.default)
    }
}
