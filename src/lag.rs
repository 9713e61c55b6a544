//! How far a pin is behind: counts, dates, status. Facts only; how bad that is belongs to `policy`.

use std::cmp::Ordering;
use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::release::{CommitRange, Release};
use crate::select::Selection;
use crate::version::{Number, Segments, Step, Version};

/// Where a pin stands against its eligible releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// At the newest eligible release.
    Current,
    /// Below it.
    Behind,
    /// Above every eligible release.
    Ahead,
    /// Not known: the lookup failed, or left nothing to compare with. Never the same as current.
    Unknown,
}

impl Status {
    /// The word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Behind => "behind",
            Self::Ahead => "ahead",
            Self::Unknown => "unknown",
        }
    }
}

/// How many of what lie between a pin and the newest release. Only what was published and is eligible counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Behind {
    /// Distinct first segments above the pin's (an epoch with it).
    pub major: u64,
    /// Distinct second segments above the pin's, within its first.
    pub minor: u64,
    /// Distinct third segments above the pin's, within its first and second.
    pub patch: u64,
    /// Eligible releases above the pin.
    pub releases: u64,
}

/// The distance from a pin to what upstream offers.
#[derive(Debug, Clone, PartialEq)]
pub struct Lag<'facts> {
    /// Where the pin stands.
    pub status: Status,
    /// The highest eligible release.
    pub newest: &'facts Release,
    /// The highest eligible release that the requirement accepts.
    pub wanted: Option<&'facts Release>,
    /// The most significant segment in which newest exceeds the pin.
    pub update: Step,
    /// How many releases lie between.
    pub behind: Behind,
    /// When the first eligible release above the pin was published.
    pub behind_since: Option<DateTime<Utc>>,
    /// Whole days from `behind_since` to `now`.
    pub days: Option<i64>,
    /// From the pin's publication to newest's, in years of 365.25 days; never negative; `None` where nothing is newer or
    /// a date is unknown.
    pub libyears: Option<f64>,
    /// The lowest release above the pin, whose date `behind_since` usually is.
    pub next: Option<&'facts Release>,
}

/// Measures the lag; `None` when no release is eligible, which is not knowledge but the lack of it.
pub fn lag<'facts>(selection: &Selection<'facts>, now: DateTime<Utc>) -> Option<Lag<'facts>> {
    let pinned = &selection.pinned;
    let (newest, newest_version) = selection.newest()?;
    let newer: Vec<(&Release, &Version)> =
        selection.eligible().filter(|(_, version)| version.precedence(pinned) == Ordering::Greater).collect();
    let behind_since = newer.iter().filter_map(|(release, _)| release.published_at).min();
    let libyears = match (selection.listed().and_then(|pin| pin.published_at), newest.published_at) {
        (Some(from), Some(to)) if !newer.is_empty() => Some(libyears(from, to)),
        _ => None,
    };
    Some(Lag {
        status: match newest_version.precedence(pinned) {
            Ordering::Greater => Status::Behind,
            Ordering::Equal => Status::Current,
            Ordering::Less => Status::Ahead,
        },
        newest,
        wanted: selection.wanted().map(|(release, _)| release),
        update: pinned.step_to(newest_version),
        behind: count(pinned, &newer),
        behind_since,
        days: behind_since.map(|since| (now - since).num_days()),
        libyears,
        next: newer.iter().min_by(|(_, a), (_, b)| a.total_order(b)).map(|(release, _)| *release),
    })
}

/// Years of 365.25 days, 0 where the newer one was published first.
fn libyears(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    const SECONDS_PER_YEAR: f64 = 365.25 * 86_400.0;
    #[expect(clippy::cast_precision_loss, reason = "seconds between two publications stay far below 2^52")]
    let seconds = (to - from).num_seconds() as f64;
    (seconds / SECONDS_PER_YEAR).max(0.0)
}

fn count(pinned: &Version, newer: &[(&Release, &Version)]) -> Behind {
    let pin = pinned.segments();
    let segments: Vec<Segments> = newer.iter().map(|(_, version)| version.segments()).collect();
    let distinct = |depth: usize| {
        let above = segments
            .iter()
            .filter(|segments| segments.same_prefix(&pin, depth) && segments.get(depth) > pin.get(depth));
        above.map(|segments| segments.get(depth)).collect::<HashSet<&Number>>().len() as u64
    };
    let majors: HashSet<(&Number, &Number)> = segments
        .iter()
        .map(|segments| (&segments.epoch, segments.get(0)))
        .filter(|key| *key > (&pin.epoch, pin.get(0)))
        .collect();
    Behind { major: majors.len() as u64, minor: distinct(1), patch: distinct(2), releases: newer.len() as u64 }
}

/// The distance from a pinned commit to the head of its branch.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitLag {
    /// `current` at the head, `behind` when commits were added, `ahead` when the branch holds nothing that the pin lacks,
    /// `unknown` when the remote does not have the pinned commit.
    pub status: Status,
    /// Commits count as releases, and as steps of the finest kind.
    pub behind: Behind,
    /// When the first of them was committed.
    pub behind_since: Option<DateTime<Utc>>,
    /// Whole days from `behind_since` to `now`.
    pub days: Option<i64>,
    /// From the pinned commit to the head, as [`Lag::libyears`].
    pub libyears: Option<f64>,
}

/// Measures the distance on a branch.
pub fn commit_lag(range: &CommitRange, now: DateTime<Utc>) -> CommitLag {
    let status = match (&range.pinned, range.ahead_by) {
        (Some(pinned), _) if *pinned == range.head => Status::Current,
        (Some(_), Some(0)) => Status::Ahead,
        (Some(_), _) => Status::Behind,
        (None, _) => Status::Unknown,
    };
    let is_behind = status == Status::Behind;
    // an uncounted distance is at least one commit
    let commits = if is_behind { range.ahead_by.unwrap_or(1) } else { 0 };
    let behind_since = range.first_at.or(range.head_at).filter(|_| is_behind).map(|since| since.min(now));
    CommitLag {
        status,
        behind: Behind { major: 0, minor: 0, patch: commits, releases: commits },
        behind_since,
        days: behind_since.map(|since| (now - since).num_days()),
        libyears: match (range.pinned_at, range.head_at) {
            (Some(from), Some(to)) if is_behind => Some(libyears(from, to)),
            _ => None,
        },
    }
}
