//! How bad a lag is: the table that turns facts into a severity, and the rule that decided.
//!
//! Pure. The settings file fills these types (`config`); without it, [`Policy::default`] is the documented table.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::document::Word;
use crate::holds::rules::MAJOR_JUMP;
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

impl Word for Severity {
    const KIND: &'static str = "a severity";

    fn all() -> Vec<Self> {
        Self::ALL.to_vec()
    }

    fn word(self) -> &'static str {
        self.as_str()
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
    /// How far the first number of a release must be above that of every other to be held as an absurd jump; 0 for no
    /// limit. It must be more than twice as high as well.
    pub major_jump: u64,
    /// The least for a pinned release of which the tag moved, or that was published again with other content.
    pub pin_replaced: Severity,
    /// How old a release must be before it is a target.
    pub minimum_age: Option<TimeDelta>,
    /// At least this severe when the pinned release is yanked.
    pub pin_yanked: Severity,
    /// At least this severe when the pinned release is not listed upstream (any more).
    pub pin_removed: Severity,
    /// At least this severe when the pinned release is deprecated.
    pub pin_deprecated: Severity,
    /// At least this severe when the registry has hidden the whole package as possibly harmful.
    pub pin_quarantined: Severity,
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
            major_jump: MAJOR_JUMP,
            pin_replaced: Severity::Error,
            minimum_age: None,
            pin_yanked: Severity::Error,
            pin_removed: Severity::Error,
            pin_deprecated: Severity::Warning,
            pin_quarantined: Severity::Error,
        }
    }
}

/// What is wrong with the pinned release itself; each raises the severity to at least the policy's row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "any of these can be true beside the others")]
pub struct PinTrouble {
    /// Withdrawn from new use.
    pub yanked: bool,
    /// Not listed (any more).
    pub removed: bool,
    /// Advised against.
    pub deprecated: bool,
    /// Hidden by the registry with its whole package, as possibly harmful.
    pub quarantined: bool,
    /// Its tag moved, or it was published again with other content.
    pub replaced: bool,
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
            (facts.trouble.quarantined, self.pin_quarantined, QUARANTINED),
            (facts.trouble.replaced, self.pin_replaced, REPLACED),
            (facts.trouble.yanked, self.pin_yanked, YANKED),
            (facts.trouble.removed, self.pin_removed, REMOVED),
            (facts.trouble.deprecated, self.pin_deprecated, DEPRECATED),
        ];
        let (severity, row) = trouble
            .into_iter()
            .filter(|(applies, ..)| *applies)
            .fold((severity, row), |worst, (_, least, why)| if least > worst.0 { (least, why) } else { worst });
        Verdict { severity, due, overdue: due.is_some_and(|due| now > due), rule: format!("{}: {row}", self.name) }
    }

    /// Every row, mildest lag first: the lag in words, as in [`Verdict::rule`], and its severity.
    pub fn rows(&self) -> Vec<(String, Severity)> {
        if !self.by_age.is_empty() {
            let days = |days: i64| if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
            let row = |row: &AgeRow| (format!("{} or more", days(row.days)), row.severity);
            return self.by_age.iter().map(row).collect();
        }
        let zero = self.zero_minor_is_major.then_some((ZERO_MINOR, self.major));
        [
            (NOTHING, Severity::None),
            (ONE_PATCH, self.patch),
            (PATCHES, self.patches),
            (ONE_MINOR, self.minor),
            (MINORS, self.minors),
        ]
        .into_iter()
        .chain(zero)
        .chain([(MAJORS, self.major)])
        .map(|(lag, severity)| (lag.to_owned(), severity))
        .collect()
    }

    /// What is wrong with the pin itself, in words, and the severity that it raises a finding to.
    pub fn raises(&self) -> [(&'static str, Severity); 5] {
        [
            (QUARANTINED, self.pin_quarantined),
            (REPLACED, self.pin_replaced),
            (YANKED, self.pin_yanked),
            (REMOVED, self.pin_removed),
            (DEPRECATED, self.pin_deprecated),
        ]
    }

    fn row(&self, facts: &Facts<'_>) -> (Severity, &'static str) {
        if facts.update == Step::None {
            return (Severity::None, NOTHING);
        }
        if !self.by_age.is_empty() {
            // without a date the age is unknown; something newer exists all the same, so the mildest row holds
            let reached = facts.days.and_then(|days| self.by_age.iter().rev().find(|row| days >= row.days));
            return match (reached, facts.days) {
                (Some(row), _) => (row.severity, "by age"),
                (None, Some(_)) => (Severity::None, "younger than the first row by age"),
                (None, None) => (self.by_age[0].severity, UNDATED),
            };
        }
        let zero_minor =
            self.zero_minor_is_major && facts.pinned.is_some_and(|pinned| *pinned.segments().get(0) == Number::ZERO);
        match facts.update {
            Step::Major => (self.major, MAJORS),
            Step::Minor if zero_minor => (self.major, ZERO_MINOR),
            Step::Minor if facts.behind.minor >= 2 => (self.minors, MINORS),
            Step::Minor => (self.minor, ONE_MINOR),
            // the finer steps have no count of their own: every release is one
            _ if facts.behind.patch >= 2 || (facts.behind.patch == 0 && facts.behind.releases >= 2) => {
                (self.patches, PATCHES)
            }
            _ => (self.patch, ONE_PATCH),
        }
    }
}

const NOTHING: &str = "nothing newer";
const ONE_PATCH: &str = "1 patch";
const PATCHES: &str = "2 or more patches";
const ONE_MINOR: &str = "1 minor";
const MINORS: &str = "2 or more minors";
const MAJORS: &str = "1 or more majors";
/// Something newer exists, so the mildest row by age holds.
pub(crate) const UNDATED: &str = "by age, and no date is known";
const ZERO_MINOR: &str = "a minor of 0.x counts as a major";
const QUARANTINED: &str = "the package is quarantined";
const REPLACED: &str = "the pin was replaced upstream";
const YANKED: &str = "the pin is yanked";
const REMOVED: &str = "the pin is not listed upstream";
const DEPRECATED: &str = "the pin is deprecated";

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

/// Why a pin has its policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The pin names it.
    Pin,
    /// The last rule whose glob matches sends the pin there.
    Rule(String),
    /// Nothing sends the pin elsewhere.
    Default,
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

    /// Why a pin has its policy: the pin names it, the glob of the last rule that matches, or neither.
    pub fn choice(&self, pin: &crate::pin::Pin) -> Choice {
        if pin.policy.is_some() {
            return Choice::Pin;
        }
        let rule = self.rules.iter().rev().find(|rule| rule.pins.is_match(pin.id()));
        rule.map_or(Choice::Default, |rule| Choice::Rule(rule.pins.glob().glob().to_owned()))
    }

    /// The policy of a pin: its own, else the last rule's, else the default. Names are checked when settings are read.
    pub fn of(&self, pin: &crate::pin::Pin) -> &Policy {
        let by_rule =
            || self.rules.iter().rev().find(|rule| rule.pins.is_match(pin.id())).map(|rule| rule.policy.as_str());
        pin.policy.as_deref().or_else(by_rule).and_then(|name| self.named(name)).unwrap_or(&self.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pin::Pin;
    use crate::version::SchemeId;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn now() -> DateTime<Utc> {
        at("2026-11-20T12:00:00Z")
    }

    /// Major, minor, patch and releases behind, and the step that they imply.
    fn facts((major, minor, patch, releases): (u64, u64, u64, u64)) -> Facts<'static> {
        let update = match (major, minor, patch, releases) {
            (0, 0, 0, 0) => Step::None,
            (0, 0, ..) => Step::Patch,
            (0, ..) => Step::Minor,
            _ => Step::Major,
        };
        let behind = Behind { major, minor, patch, releases };
        Facts { pinned: None, update, behind, behind_since: None, days: None, trouble: PinTrouble::default() }
    }

    const CURRENT: (u64, u64, u64, u64) = (0, 0, 0, 0);
    const ONE_MINOR_BEHIND: (u64, u64, u64, u64) = (0, 1, 0, 1);

    #[test]
    fn the_default_policy_is_the_documented_table() {
        for (behind, severity, rule) in [
            (CURRENT, Severity::None, "default: nothing newer"),
            ((0, 0, 1, 1), Severity::Info, "default: 1 patch"),
            ((0, 0, 1, 3), Severity::Info, "default: 1 patch"),
            ((0, 0, 2, 2), Severity::Notice, "default: 2 or more patches"),
            ((0, 0, 0, 1), Severity::Info, "default: 1 patch"),
            ((0, 0, 0, 2), Severity::Notice, "default: 2 or more patches"),
            ((0, 1, 5, 9), Severity::Warning, "default: 1 minor"),
            ((0, 2, 0, 2), Severity::Error, "default: 2 or more minors"),
            ((1, 0, 0, 1), Severity::Critical, "default: 1 or more majors"),
            ((3, 9, 9, 99), Severity::Critical, "default: 1 or more majors"),
        ] {
            let verdict = Policy::default().judge(&facts(behind), now());
            assert_eq!((verdict.severity, verdict.rule.as_str()), (severity, rule), "{behind:?}");
        }
    }

    #[test]
    fn a_prerelease_step_counts_releases() {
        for (releases, severity) in [(1, Severity::Info), (2, Severity::Notice)] {
            let facts = Facts { update: Step::Prerelease, ..facts((0, 0, 0, releases)) };
            assert_eq!(Policy::default().judge(&facts, now()).severity, severity);
        }
    }

    #[test]
    fn one_minor_is_due_after_a_fortnight_and_overdue_after_that() {
        let due = Some(at("2026-11-20T12:00:00Z"));
        for (since, due, overdue) in [
            (Some("2026-11-06T12:00:01Z"), Some(at("2026-11-20T12:00:01Z")), false),
            (Some("2026-11-06T12:00:00Z"), due, false),
            (Some("2026-11-06T11:59:59Z"), Some(at("2026-11-20T11:59:59Z")), true),
            (None, None, false),
        ] {
            let facts = Facts { behind_since: since.map(at), ..facts(ONE_MINOR_BEHIND) };
            let verdict = Policy::default().judge(&facts, now());
            assert_eq!(
                (verdict.severity, verdict.due, verdict.overdue),
                (Severity::Warning, due, overdue),
                "{since:?}"
            );
        }
    }

    #[test]
    fn only_the_row_for_one_minor_is_due() {
        let since = Some(at("2020-01-01T00:00:00Z"));
        for behind in [CURRENT, (0, 0, 1, 1), (0, 0, 5, 5), (0, 2, 0, 2), (1, 0, 0, 1)] {
            let verdict = Policy::default().judge(&Facts { behind_since: since, ..facts(behind) }, now());
            assert_eq!((verdict.due, verdict.overdue), (None, false), "{behind:?}");
        }
        let lenient = Policy { minor: Severity::Info, ..Policy::default() };
        let verdict = lenient.judge(&Facts { behind_since: since, ..facts(ONE_MINOR_BEHIND) }, now());
        assert_eq!((verdict.severity, verdict.due), (Severity::Info, None));
    }

    #[test]
    fn a_minor_of_zero_can_count_as_a_major() {
        let policy = Policy { zero_minor_is_major: true, ..Policy::default() };
        for (pinned, behind, severity) in [
            ("0.1.0", (0, 1, 0, 1), Severity::Critical),
            ("0.1.0", (0, 0, 1, 1), Severity::Info),
            ("1.1.0", (0, 1, 0, 1), Severity::Warning),
            ("1.1.0", (0, 2, 0, 2), Severity::Error),
        ] {
            let version = SchemeId::Loose.parse(pinned).unwrap();
            let facts = Facts { pinned: Some(&version), ..facts(behind) };
            assert_eq!(policy.judge(&facts, now()).severity, severity, "{pinned} {behind:?}");
        }
        let version = SchemeId::Loose.parse("0.1.0").unwrap();
        let facts = Facts { pinned: Some(&version), ..facts(ONE_MINOR_BEHIND) };
        assert_eq!(Policy::default().judge(&facts, now()).severity, Severity::Warning);
    }

    #[test]
    fn rows_by_age_decide_instead_of_the_segments() {
        let rows = [(30, Severity::Notice), (90, Severity::Error)];
        let by_age = rows.map(|(days, severity)| AgeRow { days, severity }).to_vec();
        let policy = Policy { name: "calendar".to_owned(), by_age, ..Policy::default() };
        for (behind, days, severity, rule) in [
            (CURRENT, None, Severity::None, "calendar: nothing newer"),
            ((1, 0, 0, 1), Some(29), Severity::None, "calendar: younger than the first row by age"),
            ((1, 0, 0, 1), Some(30), Severity::Notice, "calendar: by age"),
            ((0, 0, 1, 1), Some(89), Severity::Notice, "calendar: by age"),
            ((0, 0, 1, 1), Some(90), Severity::Error, "calendar: by age"),
            ((0, 0, 1, 1), None, Severity::Notice, "calendar: by age, and no date is known"),
        ] {
            let verdict = policy.judge(&Facts { days, ..facts(behind) }, now());
            assert_eq!((verdict.severity, verdict.rule.as_str()), (severity, rule), "{behind:?} {days:?}");
        }
    }

    #[test]
    fn trouble_with_the_pin_raises_the_severity_and_never_lowers_it() {
        let yanked = PinTrouble { yanked: true, ..PinTrouble::default() };
        let removed = PinTrouble { removed: true, ..PinTrouble::default() };
        let deprecated = PinTrouble { deprecated: true, ..PinTrouble::default() };
        let quarantined = PinTrouble { quarantined: true, ..PinTrouble::default() };
        let replaced = PinTrouble { replaced: true, ..PinTrouble::default() };
        let all = PinTrouble { yanked: true, removed: true, deprecated: true, ..PinTrouble::default() };
        for (behind, trouble, severity, rule) in [
            (CURRENT, yanked, Severity::Error, "default: the pin is yanked"),
            (CURRENT, removed, Severity::Error, "default: the pin is not listed upstream"),
            (CURRENT, deprecated, Severity::Warning, "default: the pin is deprecated"),
            (CURRENT, quarantined, Severity::Error, "default: the package is quarantined"),
            (CURRENT, replaced, Severity::Error, "default: the pin was replaced upstream"),
            (CURRENT, all, Severity::Error, "default: the pin is yanked"),
            ((0, 2, 0, 2), deprecated, Severity::Error, "default: 2 or more minors"),
            ((1, 0, 0, 1), yanked, Severity::Critical, "default: 1 or more majors"),
        ] {
            let verdict = Policy::default().judge(&Facts { trouble, ..facts(behind) }, now());
            assert_eq!((verdict.severity, verdict.rule.as_str()), (severity, rule), "{behind:?} {trouble:?}");
        }
    }

    #[test]
    fn a_deprecated_pin_alone_is_not_due() {
        let trouble = PinTrouble { deprecated: true, ..PinTrouble::default() };
        let facts = Facts { behind_since: Some(at("2020-01-01T00:00:00Z")), trouble, ..facts((0, 0, 1, 1)) };
        let verdict = Policy::default().judge(&facts, now());
        assert_eq!((verdict.severity, verdict.due), (Severity::Warning, None));
    }

    #[test]
    fn a_pin_finds_its_policy_by_name_then_by_the_last_rule() {
        let named = |name: &str| Policy { name: name.to_owned(), ..Policy::default() };
        let rule = |glob: &str, policy: &str| PolicyRule {
            pins: globset::Glob::new(glob).unwrap().compile_matcher(),
            policy: policy.to_owned(),
        };
        let policies = Policies {
            default: Policy::default(),
            named: vec![named("strict"), named("lenient")],
            rules: vec![rule("git/*", "strict"), rule("git/sam*", "lenient"), rule("rust/*", "strict")],
        };
        let other = Pin { package: "other".to_owned(), ..Pin::sample("1.0") };
        let unruled = Pin { group: "helm".to_owned(), ..Pin::sample("1.0") };
        let own = Pin { policy: Some("default".to_owned()), ..Pin::sample("1.0") };
        for (pin, name) in [(Pin::sample("1.0"), "lenient"), (other, "strict"), (unruled, "default"), (own, "default")]
        {
            assert_eq!(policies.of(&pin).name, name, "{}", pin.id());
        }
    }
}
