//! Which releases are eligible for a pin, and why the others are not: the trace that `explain` prints.
//!
//! Pure: facts, pin and `now` in, verdicts out. Every release keeps its verdict, so nothing is dropped silently.

use std::cmp::Ordering;
use std::fmt;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::pin::{Ignore, Pin, TagTemplate};
use crate::registry::RegistryId;
use crate::release::{Release, ReleaseSet};
use crate::version::{ParseVersionError, Requirement, SchemeId, Version};

/// Why a release is not eligible. The first reason that applies, in the order of the variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// The tag does not match the pin's template.
    OtherTag,
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
    /// Younger than the policy's `minimum-age`; held until then.
    TooYoung(DateTime<Utc>),
    /// A prerelease, and the pin does not ask for those.
    Prerelease,
    /// Above the release that the pin's channel points to.
    AboveChannel(Box<str>),
}

impl fmt::Display for Rejection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherTag => formatter.write_str("does not match the tag template"),
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
            Self::TooYoung(until) => {
                write!(formatter, "younger than minimum-age, held until {}", until.format("%Y-%m-%dT%H:%M:%SZ"))
            }
            Self::Prerelease => formatter.write_str("a prerelease"),
            Self::AboveChannel(head) => write!(formatter, "above the channel, which is at {head}"),
        }
    }
}

/// A release, how it parsed, and whether it may be a target.
#[derive(Debug, Clone)]
pub struct Candidate<'facts> {
    /// The release as published.
    pub release: &'facts Release,
    /// Its version under the pin's scheme; `None` when the tag does not match or the label does not parse.
    pub version: Option<Version>,
    /// Why it is not eligible; `None` when it is.
    pub rejection: Option<Rejection>,
}

/// The pinned version read under its scheme, every release with its verdict, and the requirement.
#[derive(Debug, Clone)]
pub struct Selection<'facts> {
    /// The pin's own version.
    pub pinned: Version,
    /// Every release of the facts, in their order.
    pub candidates: Vec<Candidate<'facts>>,
    /// The pin's requirement, parsed.
    pub requirement: Option<Requirement>,
}

impl<'facts> Selection<'facts> {
    /// The eligible releases with their versions, in no order.
    pub fn eligible(&self) -> impl Iterator<Item = (&'facts Release, &Version)> {
        self.candidates
            .iter()
            .filter(|candidate| candidate.rejection.is_none())
            .filter_map(|candidate| Some((candidate.release, candidate.version.as_ref()?)))
    }

    /// The highest eligible release; equal ones are told apart by build metadata, then by their text.
    pub fn newest(&self) -> Option<(&'facts Release, &Version)> {
        self.eligible().max_by(|(_, a), (_, b)| a.total_order(b))
    }

    /// The highest eligible release that the requirement accepts; `None` without a requirement.
    pub fn wanted(&self) -> Option<(&'facts Release, &Version)> {
        let requirement = self.requirement.as_ref()?;
        self.eligible().filter(|(_, version)| requirement.accepts(version)).max_by(|(_, a), (_, b)| a.total_order(b))
    }

    /// The listed release that the pin names: the same label, else the same version in another spelling.
    pub fn listed(&self) -> Option<&'facts Release> {
        let same = |candidate: &&Candidate<'facts>| {
            candidate.version.as_ref().is_some_and(|version| version.precedence(&self.pinned) == Ordering::Equal)
        };
        let mut equal = self.candidates.iter().filter(same);
        let first = equal.next()?;
        let exact = std::iter::once(first).chain(equal).find(|candidate| {
            candidate.version.as_ref().is_some_and(|version| version.as_str() == self.pinned.as_str())
        });
        Some(exact.unwrap_or(first).release)
    }
}

/// What is held against the releases, beside the pin itself.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The instant that the run judges as of.
    pub now: DateTime<Utc>,
    /// How old a release must be before it is a target; releases without a date pass.
    pub minimum_age: Option<TimeDelta>,
}

/// Why no selection could be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// The pinned version does not parse under its scheme.
    #[error(transparent)]
    Pin(#[from] ParseVersionError),
    /// The pin's requirement, or the `versions` of an ignore entry, does not parse.
    #[error(transparent)]
    Requirement(#[from] crate::version::ParseRequirementError),
    /// The pin's channel is not among the package's dist-tags.
    #[error("the package has no dist-tag `{0}`")]
    Channel(String),
}

/// Gives every release its verdict.
///
/// # Errors
/// When the pin itself cannot be read; see [`SelectError`].
pub fn select<'facts>(pin: &Pin, facts: &'facts ReleaseSet, limits: Limits) -> Result<Selection<'facts>, SelectError> {
    let template = template_of(pin);
    let pinned = parse_pinned(pin, template.as_ref())?;
    let judge = Judge {
        limits,
        prereleases: Prereleases::of(pin, &pinned),
        ignore: active_ignores(pin, limits.now)?,
        channel: channel_head(pin, facts)?,
    };
    let candidates = facts
        .releases
        .iter()
        .map(|release| match label_of(release, template.as_ref()).map(|label| pin.scheme.parse(&label)) {
            None => Candidate { release, version: None, rejection: Some(Rejection::OtherTag) },
            Some(Err(error)) => {
                Candidate { release, version: None, rejection: Some(Rejection::Unparsable(error.reason)) }
            }
            Some(Ok(version)) => {
                let rejection = judge.rejection(release, &version, &pinned);
                Candidate { release, version: Some(version), rejection }
            }
        })
        .collect();
    let requirement = pin.requirement.as_deref().map(|text| pin.scheme.requirement(text)).transpose()?;
    Ok(Selection { pinned, candidates, requirement })
}

/// The template that tags must match: the pin's own, else the one that the pin's own spelling implies.
fn template_of(pin: &Pin) -> Option<TagTemplate> {
    let inferred = || (pin.registry == RegistryId::Git).then(|| TagTemplate::infer(&pin.version));
    pin.tag.clone().or_else(inferred).map(|template| template.following(&pin.version, pin.scheme))
}

/// The pin may spell its version as the tag (`v1.2.3`) or without the template's text (`1.2.3`). Free-form schemes read
/// any text, so a pin that names no version (`latest`) is refused here.
fn parse_pinned(pin: &Pin, template: Option<&TagTemplate>) -> Result<Version, ParseVersionError> {
    let label = match template {
        Some(template) => template.version_of(&pin.version),
        None => Some((&*pin.version).into()),
    };
    let label = label.filter(|label| pin.scheme != SchemeId::Loose || label.contains(|c: char| c.is_ascii_digit()));
    let no_version = || ParseVersionError {
        text: pin.version.clone(),
        scheme: pin.scheme,
        reason: "it names no version".to_owned(),
    };
    pin.scheme.parse(&label.ok_or_else(no_version)?)
}

fn label_of<'text>(release: &'text Release, template: Option<&TagTemplate>) -> Option<std::borrow::Cow<'text, str>> {
    match template {
        Some(template) => template.version_in(&release.version),
        None => Some((&*release.version).into()),
    }
}

/// Which prereleases a pin is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prereleases {
    Hidden,
    /// Those with the pin's own release segments: `2.0.0-rc.2` for a pin at `2.0.0-rc.1`.
    OwnLine,
    All,
}

impl Prereleases {
    fn of(pin: &Pin, pinned: &Version) -> Self {
        match pin.prereleases {
            Some(true) => Self::All,
            _ if pinned.is_prerelease() => Self::OwnLine,
            _ => Self::Hidden,
        }
    }

    fn admit(self, version: &Version, pinned: &Version) -> bool {
        match self {
            Self::All => true,
            Self::Hidden => !version.is_prerelease(),
            Self::OwnLine => {
                !version.is_prerelease() || {
                    let (ours, theirs) = (pinned.segments(), version.segments());
                    ours.same_prefix(&theirs, ours.numbers.len().max(theirs.numbers.len()))
                }
            }
        }
    }
}

struct Judge<'pin> {
    limits: Limits,
    prereleases: Prereleases,
    ignore: Vec<(Requirement, &'pin Ignore)>,
    channel: Option<Version>,
}

impl Judge<'_> {
    fn rejection(&self, release: &Release, version: &Version, pinned: &Version) -> Option<Rejection> {
        if let Some(reason) = &release.yanked {
            return Some(Rejection::Yanked(reason.clone()));
        }
        if release.without_files {
            return Some(Rejection::WithoutFiles);
        }
        if let Some((_, ignore)) = self.ignore.iter().find(|(versions, _)| versions.accepts(version)) {
            return Some(Rejection::Ignored(ignore.reason.clone(), ignore.until));
        }
        if let Some(at) = release.published_at {
            if at > self.limits.now {
                return Some(Rejection::NotYetPublished(at));
            }
            let until = self.limits.minimum_age.map(|age| at + age);
            if let Some(until) = until.filter(|until| *until > self.limits.now) {
                return Some(Rejection::TooYoung(until));
            }
        }
        if let Some(head) = &self.channel {
            // the channel decides alone: a prerelease that it has moved past is as good as any other
            return (version.precedence(head) == Ordering::Greater)
                .then(|| Rejection::AboveChannel(head.as_str().into()));
        }
        (!self.prereleases.admit(version, pinned)).then_some(Rejection::Prerelease)
    }
}

/// The entries that still hold on the day of `now`.
fn active_ignores(pin: &Pin, now: DateTime<Utc>) -> Result<Vec<(Requirement, &Ignore)>, SelectError> {
    pin.ignore
        .iter()
        .filter(|ignore| !has_expired(ignore, now))
        .map(|ignore| Ok((pin.scheme.requirement(&ignore.versions)?, ignore)))
        .collect()
}

/// Whether an entry's last day has passed.
pub fn has_expired(ignore: &Ignore, now: DateTime<Utc>) -> bool {
    ignore.until.is_some_and(|until| now.date_naive() > until)
}

fn channel_head(pin: &Pin, facts: &ReleaseSet) -> Result<Option<Version>, SelectError> {
    let Some(channel) = &pin.channel else { return Ok(None) };
    let missing = || SelectError::Channel(channel.clone());
    let head = facts.dist_tags.get(channel.as_str()).ok_or_else(missing)?;
    Ok(Some(pin.scheme.parse(head).map_err(|_| missing())?))
}
