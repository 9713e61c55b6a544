//! Every release in its place, with how it parsed and the one rule that took or rejected it.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::holds::{Ack, Remembered};
use crate::select::{Candidate, Selection};
use crate::version::Version;

/// One release that the registry lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Listed {
    /// The label as upstream writes it; for git the whole tag name. Hostile text.
    pub version: String,
    /// How it parsed; `null` where it did not, or where the tag does not match the template.
    pub parsed: Option<Parsed>,
    /// When it was published; `null` where unknown.
    #[serde(with = "crate::report::optional_seconds")]
    #[schemars(with = "Option<DateTime<Utc>>")]
    pub published_at: Option<DateTime<Utc>>,
    /// Where it stands against the pin; `null` where it did not parse.
    pub position: Option<Position>,
    /// The one rule that decided: `eligible`, or what rejected it, the first that applies of `other-tag`, `unparsable`,
    /// `more-exact`, `yanked`, `without-files`, `ignored`, `not-yet-published`, `prerelease`, `above-channel`, `suspicious`,
    /// `too-young`.
    pub rule: String,
    /// The rule in words, with upstream's own words where it has some: hostile text. `null` for what is eligible.
    pub reason: Option<String>,
    /// Whether the requirement accepts it; `null` without a requirement, and for what is not eligible.
    pub in_requirement: Option<bool>,
    /// The maintainers' words against it; `null` where they have none. It is no reason to reject it.
    pub deprecated: Option<String>,
    /// When upmon first saw it, for the few releases that it remembers; missing for others.
    #[serde(default, with = "crate::report::optional_seconds", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime<Utc>>")]
    pub first_seen: Option<DateTime<Utc>>,
    /// What somebody said is right about it; missing where nobody had to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acknowledged: Vec<Ack>,
}

/// How a label parsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Parsed {
    /// The version in the label: without what the tag template has around it.
    pub version: String,
    /// Its numeric parts, most significant first, as decimal digits of any length.
    pub segments: Vec<String>,
    /// PEP 440's epoch, `0` for every scheme that has none.
    pub epoch: String,
    /// Whether it is a prerelease.
    pub prerelease: bool,
}

/// Where a release stands against the pin, by the scheme's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Position {
    /// Higher.
    Above,
    /// The very release that is pinned.
    Pinned,
    /// As high, and another label: it differs in build metadata or in spelling.
    Equal,
    /// Lower.
    Below,
}

/// Every release, highest first; those that do not parse last, in the registry's order.
pub(super) fn listed(selection: &Selection<'_>, known: Option<&Remembered>) -> Vec<Listed> {
    let mut candidates: Vec<&Candidate<'_>> = selection.candidates.iter().collect();
    candidates.sort_by(|a, b| match (&a.version, &b.version) {
        (Some(a), Some(b)) => b.total_order(a),
        (a, b) => b.is_some().cmp(&a.is_some()),
    });
    candidates.into_iter().map(|candidate| release(selection, candidate, known)).collect()
}

fn release(selection: &Selection<'_>, candidate: &Candidate<'_>, known: Option<&Remembered>) -> Listed {
    let Candidate { release, version, rejection } = candidate;
    let is_pinned = selection.listed().is_some_and(|listed| std::ptr::eq(listed, *release));
    let eligible = version.as_ref().filter(|_| rejection.is_none());
    let requirement = selection.requirement.as_ref();
    Listed {
        version: release.version.to_string(),
        parsed: version.as_ref().map(Parsed::of),
        published_at: release.published_at,
        position: version.as_ref().map(|version| match version.precedence(&selection.pinned) {
            Ordering::Greater => Position::Above,
            Ordering::Less => Position::Below,
            Ordering::Equal if is_pinned => Position::Pinned,
            Ordering::Equal => Position::Equal,
        }),
        rule: rejection.as_ref().map_or("eligible", |rejection| rejection.rule()).to_owned(),
        reason: rejection.as_ref().map(ToString::to_string),
        in_requirement: requirement.zip(eligible).map(|(requirement, version)| requirement.accepts(version)),
        deprecated: release.deprecated.as_deref().map(str::to_owned),
        first_seen: known.and_then(|known| Some(known.releases.get(&*release.version)?.seen)),
        acknowledged: known.map(|known| known.acks(&release.version).cloned().collect()).unwrap_or_default(),
    }
}

impl Parsed {
    fn of(version: &Version) -> Self {
        let segments = version.segments();
        Self {
            version: version.as_str().to_owned(),
            segments: segments.numbers.iter().map(ToString::to_string).collect(),
            epoch: segments.epoch.to_string(),
            prerelease: version.is_prerelease(),
        }
    }
}
