//! Which releases are eligible for a pin, and why the others are not: the trace that `explain` prints.
//!
//! Pure: facts, pin and `now` in, verdicts out. Every release keeps its verdict, so nothing is dropped silently.

use std::cmp::Ordering;
use std::fmt;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::holds::Suspicion;
use crate::holds::rules::Memory;
use crate::pin::{Ignore, Pin, TagTemplate};
use crate::registry::RegistryId;
use crate::release::{Release, ReleaseSet};
use crate::version::{ParseRequirementError, ParseVersionError, Requirement, SchemeId, Version};

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
    /// Whether releases are held for their age.
    pub minimum_age: bool,
    /// That the whole package is suspicious: its source repository belongs to somebody else than before.
    pub moved: Option<Suspicion>,
    /// That the pinned release itself consists of something else than before.
    pub replaced: Option<Suspicion>,
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
        self.listed_version().map(|(release, _)| release)
    }

    /// The same with its version.
    pub fn listed_version(&self) -> Option<(&'facts Release, &Version)> {
        let by = |is_it: &dyn Fn(&Version) -> bool| {
            self.candidates.iter().find(|candidate| candidate.version.as_ref().is_some_and(is_it))
        };
        let exact = by(&|version| version.as_str() == self.pinned.as_str());
        let listed = exact.or_else(|| by(&|version| version.precedence(&self.pinned) == Ordering::Equal));
        listed.and_then(|candidate| Some((candidate.release, candidate.version.as_ref()?)))
    }
}

/// What is held against the releases, beside the pin itself.
#[derive(Debug, Clone, Copy)]
pub struct Limits<'known> {
    /// The instant that the run judges as of.
    pub now: DateTime<Utc>,
    /// How old a release must be before it is a target. One without a date is as old as upmon's knowledge of it.
    pub minimum_age: Option<TimeDelta>,
    /// What is remembered of the package; `None` where nothing is, and so nothing is suspicious.
    pub memory: Option<Memory<'known>>,
}

impl Limits<'_> {
    /// Nothing but an instant.
    pub const fn as_of(now: DateTime<Utc>) -> Self {
        Self { now, minimum_age: None, memory: None }
    }
}

/// Why no selection could be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// The pinned version does not parse under its scheme.
    #[error(transparent)]
    Pin(#[from] ParseVersionError),
    /// The pin's requirement, or the `versions` of an ignore entry, does not parse.
    #[error(transparent)]
    Requirement(#[from] ParseRequirementError),
    /// The pin's channel is not among the package's dist-tags.
    #[error("the package has no dist-tag `{0}`")]
    Channel(String),
}

/// Gives every release its verdict.
///
/// # Errors
/// When the pin itself cannot be read; see [`SelectError`].
pub fn select<'facts>(
    pin: &Pin,
    facts: &'facts ReleaseSet,
    limits: Limits<'_>,
) -> Result<Selection<'facts>, SelectError> {
    let template = template_of(pin);
    let pinned = parse_pinned(pin, template.as_ref())?;
    let judge = Judge {
        pin,
        limits,
        prereleases: Prereleases::of(pin, &pinned),
        ignore: active_ignores(pin, limits.now)?,
        channel: channel_head(pin, facts)?,
        numbers: pin.moves.then(|| pinned.segments().numbers.len()),
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
    let requirement = pin.requirement.as_deref().map(|text| required(pin, text)).transpose()?;
    let memory = limits.memory;
    let mut selection = Selection {
        pinned,
        candidates,
        requirement,
        minimum_age: limits.minimum_age.is_some(),
        moved: memory.and_then(|memory| memory.moved()),
        replaced: None,
    };
    selection.replaced = memory
        .zip(selection.listed_version())
        .and_then(|(memory, (release, version))| memory.changed(pin, release, version, &selection.pinned));
    Ok(selection)
}

/// The template that tags must match: the pin's own, else the one that the pin's own spelling implies.
pub fn template_of(pin: &Pin) -> Option<TagTemplate> {
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

/// What is required of a pin. Where several files do, each has its own say.
fn required(pin: &Pin, text: &str) -> Result<Requirement, ParseRequirementError> {
    let requirement = pin.scheme.requirement(text)?;
    match pin.requirements.as_slice() {
        [] | [_] => Ok(requirement),
        several => {
            let each: Result<_, _> = several.iter().map(|one| pin.scheme.requirement(&one.text)).collect();
            Ok(requirement.beside(each?))
        }
    }
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
    pin: &'pin Pin,
    limits: Limits<'pin>,
    prereleases: Prereleases,
    ignore: Vec<(Requirement, &'pin Ignore)>,
    channel: Option<Version>,
    /// How many numbers the tags have that count, where the pin is one that moves.
    numbers: Option<usize>,
}

impl Judge<'_> {
    /// Only what nothing rejects for good is held, and what is suspicious before what is only young.
    fn rejection(&self, release: &Release, version: &Version, pinned: &Version) -> Option<Rejection> {
        let suspicion = || self.limits.memory?.suspicion(self.pin, release, version, pinned);
        self.ordinary(release, version, pinned)
            .or_else(|| suspicion().map(Rejection::Suspicious))
            .or_else(|| self.cooldown(release, version, pinned).map(Rejection::TooYoung))
    }

    fn ordinary(&self, release: &Release, version: &Version, pinned: &Version) -> Option<Rejection> {
        if self.numbers.is_some_and(|numbers| version.segments().numbers.len() != numbers) {
            return Some(Rejection::MoreExact);
        }
        if let Some(reason) = &release.yanked {
            return Some(Rejection::Yanked(reason.clone()));
        }
        if release.without_files {
            return Some(Rejection::WithoutFiles);
        }
        if let Some((_, ignore)) = self.ignore.iter().find(|(versions, _)| versions.accepts(version)) {
            return Some(Rejection::Ignored(ignore.reason.clone(), ignore.until));
        }
        if let Some(at) = release.published_at.filter(|at| *at > self.limits.now) {
            return Some(Rejection::NotYetPublished(at));
        }
        if let Some(head) = &self.channel {
            // the channel decides alone: a prerelease that it has moved past is as good as any other
            return (version.precedence(head) == Ordering::Greater)
                .then(|| Rejection::AboveChannel(head.as_str().into()));
        }
        (!self.prereleases.admit(version, pinned)).then_some(Rejection::Prerelease)
    }

    /// How long its age holds a release; without a date, as if published when upmon first saw it, which is now unless it
    /// is remembered. What is not above the pin is in use already, whatever its age, where no date is known.
    fn cooldown(&self, release: &Release, version: &Version, pinned: &Version) -> Option<Cooldown> {
        let age = self.limits.minimum_age?;
        let known = || self.limits.memory?.known.releases.get(&*release.version).map(|noted| noted.seen);
        let is_above = || version.precedence(pinned) == Ordering::Greater;
        let first_seen = || is_above().then(|| known().unwrap_or(self.limits.now));
        let (at, first_seen) = match release.published_at {
            Some(at) => (at, None),
            None => first_seen().map(|seen| (seen, Some(seen)))?,
        };
        let until = at + age;
        (until > self.limits.now).then_some(Cooldown { until, first_seen })
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::holds::{Noted, Remembered, Shape};
    use crate::pin::Written;

    fn at(day: &str) -> DateTime<Utc> {
        format!("{day}T12:00:00Z").parse().unwrap()
    }

    fn limits() -> Limits<'static> {
        Limits::as_of(at("2026-11-20"))
    }

    fn released(version: &str, day: &str) -> Release {
        Release { published_at: Some(at(day)), ..Release::new(version) }
    }

    fn listed(versions: &[&str]) -> ReleaseSet {
        ReleaseSet {
            releases: versions.iter().map(|version| Release::new(*version)).collect(),
            ..ReleaseSet::default()
        }
    }

    fn holding(release: Release) -> ReleaseSet {
        ReleaseSet { releases: vec![release], ..ReleaseSet::default() }
    }

    /// Why the only release is not eligible.
    fn rejection(pin: &Pin, release: Release, limits: Limits) -> Option<String> {
        let facts = holding(release);
        let selection = select(pin, &facts, limits).unwrap();
        selection.candidates[0].rejection.as_ref().map(ToString::to_string)
    }

    fn eligible(pin: &Pin, facts: &ReleaseSet) -> Vec<String> {
        select(pin, facts, limits()).unwrap().eligible().map(|(release, _)| release.version.to_string()).collect()
    }

    fn ignoring(versions: &str, reason: Option<&str>, until: Option<&str>) -> Pin {
        let until = until.map(|day| day.parse().unwrap());
        let ignore = Ignore { versions: versions.to_owned(), reason: reason.map(str::to_owned), until };
        Pin { ignore: vec![ignore], ..Pin::sample("1.0.0") }
    }

    #[test]
    fn every_rejection_says_why() {
        let pin = Pin::sample("1.0.0");
        let yanked = |reason: &str| Release { yanked: Some(reason.into()), ..Release::new("1.1.0") };
        for (release, why) in [
            (Release::new("1.1.0"), None),
            (Release::new("0.9.0"), None),
            (released("1.1.0", "2026-11-20"), None),
            (Release { deprecated: Some("use 2".into()), ..Release::new("1.1.0") }, None),
            (Release::new("v1.1.0"), Some("does not match the tag template")),
            (Release::new("latest"), Some("does not match the tag template")),
            (yanked(""), Some("yanked")),
            (yanked("broken"), Some("yanked: broken")),
            (Release { without_files: true, ..Release::new("1.1.0") }, Some("has no file to install")),
            (released("1.1.0", "2026-11-21"), Some("published later, at 2026-11-21T12:00:00Z")),
            (Release::new("1.1.0-rc1"), Some("a prerelease")),
        ] {
            assert_eq!(rejection(&pin, release.clone(), limits()).as_deref(), why, "{release:?}");
        }
    }

    #[test]
    fn a_label_that_does_not_parse_stays_in_the_trace() {
        let pin = Pin { scheme: SchemeId::Calver, ..Pin::sample("2024.1") };
        assert_eq!(
            rejection(&pin, Release::new("2024.13"), limits()).as_deref(),
            Some("does not parse: `13` is not a month")
        );
    }

    #[test]
    fn the_first_reason_is_told() {
        let release = Release { yanked: Some("".into()), without_files: true, ..released("2.0.0-rc1", "2027-01-01") };
        assert_eq!(rejection(&ignoring(">=2", None, None), release, limits()).as_deref(), Some("yanked"));
    }

    #[test]
    fn an_ignore_entry_holds_until_the_end_of_its_last_day() {
        for (until, why) in [
            (None, Some("ignored: breaks us")),
            (Some("2026-11-20"), Some("ignored until 2026-11-20: breaks us")),
            (Some("2026-11-19"), None),
        ] {
            let pin = ignoring(">=1.1", Some("breaks us"), until);
            assert_eq!(rejection(&pin, Release::new("1.1.0"), limits()).as_deref(), why, "{until:?}");
            assert_eq!(rejection(&pin, Release::new("1.0.1"), limits()), None);
        }
        assert_eq!(
            rejection(&ignoring("1.1.*", None, None), Release::new("1.1.5"), limits()).as_deref(),
            Some("ignored")
        );
    }

    #[test]
    fn a_release_is_held_until_it_is_old_enough() {
        let limits = Limits { minimum_age: Some(TimeDelta::days(3)), ..limits() };
        for (release, why) in [
            (released("1.1.0", "2026-11-18"), Some("younger than minimum-age, held until 2026-11-21T12:00:00Z")),
            (released("1.1.0", "2026-11-17"), None),
            (
                Release::new("1.1.0"),
                Some(
                    "younger than minimum-age, held until 2026-11-23T12:00:00Z; it has no date, and was first seen at \
                     2026-11-20T12:00:00Z",
                ),
            ),
            (Release::new("1.0.0"), None),
            (Release::new("0.9.0"), None),
        ] {
            assert_eq!(rejection(&Pin::sample("1.0.0"), release.clone(), limits).as_deref(), why, "{release:?}");
        }
    }

    #[test]
    fn a_release_without_a_date_ages_from_its_first_sight() {
        let noted = |seen: &str| Noted { content: BTreeSet::new(), held: None, seen: at(seen) };
        for (seen, is_held) in [("2026-11-17", false), ("2026-11-18", true)] {
            let releases = [("1.1.0".to_owned(), noted(seen))].into();
            let known = Remembered { releases, ..Remembered::default() };
            let memory = Some(Memory { known: &known, owner: None, major_jump: 0 });
            let limits = Limits { minimum_age: Some(TimeDelta::days(3)), memory, ..limits() };
            let why = rejection(&Pin::sample("1.0.0"), Release::new("1.1.0"), limits);
            assert_eq!(why.is_some(), is_held, "{why:?}");
        }
    }

    #[test]
    fn only_what_would_be_a_target_is_suspicious() {
        let known = Remembered { major: 1, shapes: [Shape::Number].into(), ..Remembered::default() };
        let memory = Some(Memory { known: &known, owner: None, major_jump: 20 });
        let limits = Limits { minimum_age: Some(TimeDelta::days(3)), memory, ..limits() };
        for (release, rule) in [
            (released("99.0", "2026-11-01"), "suspicious"),
            // told before its age, so that somebody can look at it meanwhile
            (released("99.0", "2026-11-20"), "suspicious"),
            (released("99.0-rc1", "2026-11-01"), "prerelease"),
            (Release { yanked: Some("".into()), ..released("99.0", "2026-11-01") }, "yanked"),
            (released("2.0", "2026-11-20"), "too-young"),
        ] {
            let facts = ReleaseSet { releases: vec![release], ..ReleaseSet::default() };
            let selection = select(&Pin::sample("1.0.0"), &facts, limits).unwrap();
            assert_eq!(selection.candidates[0].rejection.as_ref().map(Rejection::rule), Some(rule), "{facts:?}");
        }
    }

    #[test]
    fn prereleases_are_offered_as_the_pin_asks() {
        let facts = listed(&["1.9", "2.0-rc1", "2.0-rc2", "2.0", "2.1-rc1", "2.1"]);
        let stable = ["1.9", "2.0", "2.1"];
        let own_line = ["1.9", "2.0-rc1", "2.0-rc2", "2.0", "2.1"];
        let all = ["1.9", "2.0-rc1", "2.0-rc2", "2.0", "2.1-rc1", "2.1"];
        for (pinned, prereleases, expected) in [
            ("1.9", None, &stable[..]),
            ("1.9", Some(false), &stable),
            ("1.9", Some(true), &all),
            ("2.0-rc1", None, &own_line),
            ("2.0.0-rc1", None, &own_line),
            ("2.0-rc1", Some(true), &all),
        ] {
            let pin = Pin { prereleases, ..Pin::sample(pinned) };
            assert_eq!(eligible(&pin, &facts), expected, "{pinned} {prereleases:?}");
        }
    }

    #[test]
    fn a_channel_bounds_the_releases_from_above() {
        let mut facts = listed(&["1.0", "1.1-rc1", "1.1", "2.0"]);
        facts.dist_tags.insert("lts".into(), "1.1".into());
        let channel = |name: &str| Pin { channel: Some(name.to_owned()), ..Pin::sample("1.0") };
        assert_eq!(eligible(&channel("lts"), &facts), ["1.0", "1.1-rc1", "1.1"]);
        assert_eq!(
            select(&channel("next"), &facts, limits()).unwrap_err().to_string(),
            "the package has no dist-tag `next`"
        );
    }

    #[test]
    fn newest_is_by_order_and_never_by_date_or_dist_tag() {
        let mut facts = listed(&[]);
        facts.releases =
            vec![released("2.0", "2024-01-01"), released("1.9.9", "2026-01-01"), released("1.10", "2025-01-01")];
        facts.dist_tags.insert("latest".into(), "1.9.9".into());
        let selection = select(&Pin::sample("1.0"), &facts, limits()).unwrap();
        assert_eq!(&*selection.newest().unwrap().0.version, "2.0");
    }

    #[test]
    fn a_tag_that_moves_is_compared_with_tags_that_move() {
        let facts = ReleaseSet {
            releases: ["v4", "v4.2.0", "v5", "v5.0.1", "v6.0.0"].map(Release::new).to_vec(),
            ..ReleaseSet::default()
        };
        for (moves, newest) in [(true, "v5"), (false, "v6.0.0")] {
            let pin = Pin { moves, ..Pin::sample("v4") };
            let selection = select(&pin, &facts, limits()).unwrap();
            assert_eq!(selection.newest().map(|(release, _)| &*release.version), Some(newest));
        }
    }

    #[test]
    fn wanted_is_the_newest_that_the_requirement_accepts() {
        let facts = listed(&["1.0", "1.5", "2.0", "1.6-rc1"]);
        for (requirement, wanted) in
            [(None, None), (Some("<2"), Some("1.5")), (Some(">=3"), None), (Some("*"), Some("2.0"))]
        {
            let pin = Pin { requirement: requirement.map(str::to_owned), ..Pin::sample("1.0") };
            let selection = select(&pin, &facts, limits()).unwrap();
            assert_eq!(selection.wanted().map(|(release, _)| &*release.version), wanted, "{requirement:?}");
        }
    }

    /// npm's and Cargo's sets let in what one bound names; two files are no set.
    #[test]
    fn a_prerelease_that_one_of_several_requirements_refuses_is_not_wanted() {
        let facts = listed(&["1.2.2-0", "1.2.2-1", "1.2.1"]);
        for scheme in [SchemeId::Npm, SchemeId::Semver] {
            for (requirements, wanted) in [
                (&[">=1.2.2-0"][..], Some("1.2.2-1")),
                (&[">=1.2.2-0", "*"], None),
                (&[">=1.2.2-0", "^1.2.0"], None),
                (&[">=1.2.1-0", "^1.2.0"], Some("1.2.1")),
                (&["^1.2.2-0", ">=1.2.2-0"], Some("1.2.2-1")),
            ] {
                let place = Pin::sample("").place;
                let written = |text: &&str| Written { text: (*text).to_owned(), place: place.clone() };
                let pin = Pin {
                    scheme,
                    prereleases: Some(true),
                    requirement: scheme.all_of(requirements),
                    requirements: requirements.iter().map(written).collect(),
                    ..Pin::sample("1.2.1")
                };
                let selection = select(&pin, &facts, limits()).unwrap();
                let found = selection.wanted().map(|(release, _)| &*release.version);
                assert_eq!(found, wanted, "{scheme} {requirements:?}");
            }
        }
    }

    #[test]
    fn the_listed_release_is_the_same_label_before_an_equal_one() {
        for (pinned, versions, expected) in [
            ("v1.0", &["v1", "v1.0", "v1.0.0"][..], Some("v1.0")),
            ("v1.0", &["v1", "v1.0.0"], Some("v1")),
            ("v1.0", &["v1.1", "1.0"], None),
        ] {
            let facts = listed(versions);
            let selection = select(&Pin::sample(pinned), &facts, limits()).unwrap();
            assert_eq!(selection.listed().map(|release| &*release.version), expected, "{pinned} in {versions:?}");
        }
    }

    #[test]
    fn a_pin_that_cannot_be_read_is_an_error() {
        let requiring = |text: &str| Pin { requirement: Some(text.to_owned()), ..Pin::sample("1.0") };
        let templated = Pin { tag: Some("v{version}".parse().unwrap()), ..Pin::sample("release-1.0") };
        for (pin, message) in [
            (Pin::sample("latest"), "`latest` is not a valid loose version: it names no version"),
            (Pin::sample(""), "`` is not a valid loose version: it names no version"),
            (
                Pin { registry: RegistryId::Npm, ..Pin::sample("latest") },
                "`latest` is not a valid loose version: it names no version",
            ),
            (templated, "`release-1.0` is not a valid loose version: it names no version"),
            (requiring(">="), "`>=` is not a valid loose requirement: `` is not a version"),
            (ignoring("", None, None), "`` is not a valid loose requirement: a comparator is missing"),
        ] {
            assert_eq!(select(&pin, &listed(&["1.0"]), limits()).unwrap_err().to_string(), message);
        }
    }
}
