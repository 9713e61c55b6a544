//! The rules that a release has to pass, in their order.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};

use super::{Cooldown, Limits, Rejection, SelectError};
use crate::pin::{Ignore, Pin};
use crate::release::{Release, ReleaseSet};
use crate::version::{Requirement, Version};

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

/// What a pin holds against releases.
pub(super) struct Judge<'pin> {
    pin: &'pin Pin,
    limits: Limits<'pin>,
    prereleases: Prereleases,
    ignore: Vec<(Requirement, &'pin Ignore)>,
    channel: Option<Version>,
    /// How many numbers the tags have that count, where the pin is one that moves.
    numbers: Option<usize>,
}

impl<'pin> Judge<'pin> {
    /// # Errors
    /// When an ignore entry or the channel cannot be read.
    pub(super) fn of(
        pin: &'pin Pin,
        pinned: &Version,
        facts: &ReleaseSet,
        limits: Limits<'pin>,
    ) -> Result<Self, SelectError> {
        Ok(Self {
            pin,
            limits,
            prereleases: Prereleases::of(pin, pinned),
            ignore: active_ignores(pin, limits.now)?,
            channel: channel_head(pin, facts)?,
            numbers: pin.moves.then(|| pinned.segments().numbers.len()),
        })
    }

    /// Why a release is not eligible. Only what nothing rejects for good is held, and what is suspicious before what is only young.
    pub(super) fn rejection(&self, release: &Release, version: &Version, pinned: &Version) -> Option<Rejection> {
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
        if let Some((_, ignore)) = self.ignore.iter().find(|(versions, _)| versions.covers(version)) {
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
    /// is remembered. What is not above the pin is in use already, or no target, whatever its age.
    fn cooldown(&self, release: &Release, version: &Version, pinned: &Version) -> Option<Cooldown> {
        let age = self.limits.minimum_age.filter(|_| version.precedence(pinned) == Ordering::Greater)?;
        let known = || self.limits.memory?.known.releases.get(&*release.version).map(|noted| noted.seen);
        let first_seen = || known().unwrap_or(self.limits.now);
        let (at, first_seen) = match release.published_at {
            Some(at) => (at, None),
            None => (first_seen(), Some(first_seen())),
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
