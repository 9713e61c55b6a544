//! Which releases are eligible for a pin, and why the others are not: the trace that `explain` prints.
//!
//! Pure: facts, pin and `now` in, verdicts out. Every release keeps its verdict, so nothing is dropped silently.

mod judge;
mod rejection;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use chrono::{DateTime, TimeDelta, Utc};

use crate::holds::Suspicion;
use crate::holds::rules::Memory;
use crate::pin::{Pin, TagTemplate};
use crate::release::{Release, ReleaseSet};
use crate::version::{ParseRequirementError, ParseVersionError, Requirement, SchemeId, Version};
use judge::Judge;

pub use crate::pin::tag::template_of;
pub use judge::has_expired;
pub use rejection::{Cooldown, Rejection};

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

/// The version that a label stands for under a pin; `None` where its tag does not match, or it does not parse.
pub fn version_of(pin: &Pin, label: &str) -> Option<Version> {
    let label = match template_of(pin) {
        Some(template) => template.version_in(label)?.into_owned(),
        None => label.to_owned(),
    };
    pin.scheme.parse(&label).ok()
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
    let judge = Judge::of(pin, &pinned, facts, limits)?;
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
