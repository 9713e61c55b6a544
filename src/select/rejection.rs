//! Why a release is not eligible, as a value and in words.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};

use crate::holds::Suspicion;

/// Why a release is not eligible. The first reason that applies, in the order of the variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// The tag does not match the pin's template.
    OtherTag,
    /// The pin is a tag that moves, and this one names a release more exactly.
    MoreExact,
    /// The label does not parse under the pin's scheme.
    Unparsable(String),
    /// Withdrawn by its maintainers, with their reason, empty where none was given.
    Yanked(Box<str>),
    /// Listed, but with no file to install.
    WithoutFiles,
    /// Matched by an `ignore` entry, with the maintainer's reason and the entry's last day.
    Ignored(Option<String>, Option<NaiveDate>),
    /// Published after the instant that the run judges as of.
    NotYetPublished(DateTime<Utc>),
    /// A prerelease, and the pin does not ask for those.
    Prerelease,
    /// Above the release that the pin's channel points to.
    AboveChannel(Box<str>),
    /// Suspicious, and nobody has said yet that it is right.
    Suspicious(Suspicion),
    /// Younger than the policy's `minimum-age`; held until then.
    TooYoung(Cooldown),
}

/// How long a release is held for its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cooldown {
    /// Until then.
    pub until: DateTime<Utc>,
    /// When upmon first saw it, for a release without a date: it counts as published then.
    pub first_seen: Option<DateTime<Utc>>,
}

impl Rejection {
    /// The rule in one word, as `upmon explain --json` names it.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::OtherTag => "other-tag",
            Self::MoreExact => "more-exact",
            Self::Unparsable(_) => "unparsable",
            Self::Yanked(_) => "yanked",
            Self::WithoutFiles => "without-files",
            Self::Ignored(..) => "ignored",
            Self::NotYetPublished(_) => "not-yet-published",
            Self::TooYoung(_) => "too-young",
            Self::Prerelease => "prerelease",
            Self::AboveChannel(_) => "above-channel",
            Self::Suspicious(_) => "suspicious",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherTag => formatter.write_str("does not match the tag template"),
            Self::MoreExact => formatter.write_str("names one release, and the pin is a tag that moves"),
            Self::Unparsable(reason) => write!(formatter, "does not parse: {reason}"),
            Self::Yanked(reason) if reason.is_empty() => formatter.write_str("yanked"),
            Self::Yanked(reason) => write!(formatter, "yanked: {reason}"),
            Self::WithoutFiles => formatter.write_str("has no file to install"),
            Self::Ignored(reason, until) => {
                formatter.write_str("ignored")?;
                until.map_or(Ok(()), |until| write!(formatter, " until {until}"))?;
                reason.as_ref().map_or(Ok(()), |reason| write!(formatter, ": {reason}"))
            }
            Self::NotYetPublished(at) => write!(formatter, "published later, at {}", at.format("%Y-%m-%dT%H:%M:%SZ")),
            Self::TooYoung(Cooldown { until, first_seen }) => {
                write!(formatter, "younger than minimum-age, held until {}", until.format("%Y-%m-%dT%H:%M:%SZ"))?;
                let Some(seen) = first_seen else { return Ok(()) };
                write!(formatter, "; it has no date, and was first seen at {}", seen.format("%Y-%m-%dT%H:%M:%SZ"))
            }
            Self::Prerelease => formatter.write_str("a prerelease"),
            Self::AboveChannel(head) => write!(formatter, "above the channel, which is at {head}"),
            Self::Suspicious(suspicion) => {
                write!(formatter, "suspicious ({}), held until acknowledged: {suspicion}", suspicion.kind)
            }
        }
    }
}
