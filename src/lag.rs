//! How far a pin is behind: counts, dates, status. Facts only; how bad that is belongs to `policy`.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use foldhash::HashSet;
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

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;
    use crate::pin::Pin;
    use crate::release::ReleaseSet;
    use crate::select::{Limits, select};

    fn at(day: &str) -> DateTime<Utc> {
        format!("{day}T12:00:00Z").parse().unwrap()
    }

    fn now() -> DateTime<Utc> {
        at("2026-11-20")
    }

    fn listed(versions: &[&str]) -> ReleaseSet {
        ReleaseSet {
            releases: versions.iter().map(|version| Release::new(*version)).collect(),
            ..ReleaseSet::default()
        }
    }

    fn dated(releases: &[(&str, Option<&str>)]) -> ReleaseSet {
        let release =
            |(version, day): &(&str, Option<&str>)| Release { published_at: day.map(at), ..Release::new(*version) };
        ReleaseSet { releases: releases.iter().map(release).collect(), ..ReleaseSet::default() }
    }

    fn measured<'facts>(pin: &Pin, facts: &'facts ReleaseSet) -> Option<Lag<'facts>> {
        lag(&select(pin, facts, Limits::as_of(now())).unwrap(), now())
    }

    #[test]
    fn status_update_and_newest_follow_from_the_order() {
        let versions = ["1.0.0", "1.0.1", "1.2.0", "2.0.0-rc1", "1.2"];
        for (pinned, status, update) in [
            ("1.0.0", Status::Behind, Step::Minor),
            ("1.1.9", Status::Behind, Step::Minor),
            ("0.9", Status::Behind, Step::Major),
            ("1.2.0-rc1", Status::Behind, Step::Prerelease),
            ("1.2.0", Status::Current, Step::None),
            ("1.2", Status::Current, Step::None),
            ("2.0.0-rc2", Status::Ahead, Step::None),
            ("1.3", Status::Ahead, Step::None),
        ] {
            let facts = listed(&versions);
            let lag = measured(&Pin::sample(pinned), &facts).unwrap();
            assert_eq!((lag.status, lag.update), (status, update), "{pinned}");
        }
    }

    #[test]
    fn only_what_was_published_counts() {
        let facts =
            listed(&["1.2.3", "1.2.4", "1.2.9", "1.4.0", "1.4.1", "1.9.0", "3.0.0", "3.1.0", "7.0.0", "8.0.0-rc1"]);
        for (pinned, major, minor, patch, releases) in [
            ("1.2.3", 2, 2, 2, 8),
            ("1.2.9", 2, 2, 0, 6),
            ("1.9.0", 2, 0, 0, 3),
            ("3.0.0", 1, 1, 0, 2),
            ("7.0.0", 0, 0, 0, 0),
            ("0.1", 3, 0, 0, 9),
            ("9", 0, 0, 0, 0),
        ] {
            let lag = measured(&Pin::sample(pinned), &facts).unwrap();
            assert_eq!(lag.behind, Behind { major, minor, patch, releases }, "{pinned}");
        }
    }

    #[test]
    fn a_yanked_release_is_no_lag() {
        let mut facts = listed(&["1.0", "1.1", "1.2"]);
        facts.releases[2].yanked = Some("".into());
        let pin = Pin::sample("1.0");
        assert_eq!(&*measured(&pin, &facts).unwrap().newest.version, "1.1");
        facts.releases[1].yanked = Some("".into());
        assert_eq!(measured(&pin, &facts).unwrap().status, Status::Current);
        facts.releases[0].yanked = Some("".into());
        assert_eq!(measured(&pin, &facts), None, "nothing eligible is not knowledge");
    }

    #[test]
    fn a_deprecated_release_stays_a_target() {
        let mut facts = listed(&["1.0", "1.1"]);
        facts.releases[1].deprecated = Some("use 2".into());
        assert_eq!(measured(&Pin::sample("1.0"), &facts).unwrap().status, Status::Behind);
    }

    #[test]
    fn the_lag_begins_when_the_first_newer_release_was_published() {
        for (releases, since, days, libyears) in [
            (
                &[("1.0", Some("2024-11-20")), ("1.1", Some("2026-11-10")), ("1.0.1", Some("2026-11-15"))][..],
                Some("2026-11-10"),
                Some(10),
                Some(1.971_252),
            ),
            // a backport to a line above the pin's may be older than the pin
            (&[("1.0", Some("2026-01-01")), ("1.1", Some("2025-01-01"))], Some("2025-01-01"), Some(688), Some(0.0)),
            (&[("1.0", None), ("1.1", Some("2026-11-19"))], Some("2026-11-19"), Some(1), None),
            (&[("1.0", Some("2026-01-01")), ("1.1", None)], None, None, None),
            (&[("1.0", Some("2026-01-01"))], None, None, None),
        ] {
            let facts = dated(releases);
            let lag = measured(&Pin::sample("1.0"), &facts).unwrap();
            assert_eq!((lag.behind_since, lag.days), (since.map(at), days), "{releases:?}");
            assert_eq!(lag.libyears.is_some(), libyears.is_some(), "{releases:?}");
            let difference = lag.libyears.unwrap_or_default() - libyears.unwrap_or_default();
            assert!(difference.abs() < 1e-6, "{:?} for {releases:?}", lag.libyears);
        }
    }

    #[test]
    fn whole_days_are_counted() {
        let facts = dated(&[("1.0", None), ("1.1", Some("2026-11-19"))]);
        let selection = select(&Pin::sample("1.0"), &facts, Limits::as_of(now())).unwrap();
        assert_eq!(lag(&selection, now() - TimeDelta::seconds(1)).unwrap().days, Some(0));
        assert_eq!(lag(&selection, now()).unwrap().days, Some(1));
    }

    #[test]
    fn a_branch_is_measured_in_commits() {
        let range = |pinned: Option<&str>, ahead_by: Option<u64>| CommitRange {
            head: "b".into(),
            head_at: Some(at("2026-11-19")),
            pinned: pinned.map(Into::into),
            pinned_at: Some(at("2026-11-09")),
            ahead_by,
            first_at: None,
        };
        for (pinned, ahead_by, status, commits, days) in [
            (Some("b"), Some(0), Status::Current, 0, None),
            (Some("a"), Some(3), Status::Behind, 3, Some(1)),
            (Some("a"), None, Status::Behind, 1, Some(1)),
            (Some("a"), Some(0), Status::Ahead, 0, None),
            (None, None, Status::Unknown, 0, None),
        ] {
            let lag = commit_lag(&range(pinned, ahead_by), now());
            let behind = Behind { major: 0, minor: 0, patch: commits, releases: commits };
            assert_eq!((lag.status, lag.behind, lag.days), (status, behind, days), "{pinned:?} {ahead_by:?}");
            assert_eq!(lag.libyears.is_some(), status == Status::Behind);
        }
    }

    fn release() -> impl Strategy<Value = Release> {
        let label = "[0-3]\\.[0-3](\\.[0-3])?(-rc[1-3])?";
        (label, proptest::option::of(0..1_000_i64), proptest::bool::weighted(0.1)).prop_map(|(label, age, yanked)| {
            Release {
                published_at: age.map(|age| now() - TimeDelta::days(age)),
                yanked: yanked.then(|| "".into()),
                ..Release::new(label)
            }
        })
    }

    proptest! {
        #[test]
        fn a_lower_release_is_never_the_target(
            pinned in "[0-3]\\.[0-3](\\.[0-3])?(-rc[1-3])?",
            releases in proptest::collection::vec(release(), 0..12),
            latest in any::<prop::sample::Index>(),
            prereleases in any::<Option<bool>>(),
            follows_latest in any::<bool>(),
        ) {
            let mut facts = ReleaseSet { releases, ..ReleaseSet::default() };
            if let Some(release) = (!facts.releases.is_empty()).then(|| latest.get(&facts.releases)) {
                let label = release.version.clone();
                facts.dist_tags.insert("latest".into(), label);
            }
            let channel = (follows_latest && !facts.dist_tags.is_empty()).then(|| "latest".to_owned());
            let pin = Pin { prereleases, channel, ..Pin::sample(&pinned) };
            let selection = select(&pin, &facts, Limits::as_of(now())).unwrap();
            let Some(lag) = lag(&selection, now()) else {
                prop_assert_eq!(selection.eligible().count(), 0);
                return Ok(());
            };
            let order = |release: &Release| pin.scheme.parse(&release.version).unwrap().precedence(&selection.pinned);
            let is_behind = lag.status == Status::Behind;
            prop_assert_eq!(order(lag.newest) == Ordering::Greater, is_behind);
            prop_assert_eq!(lag.update != Step::None, is_behind);
            prop_assert_eq!(lag.behind.releases > 0, is_behind);
            prop_assert!(lag.next.is_none_or(|next| order(next) == Ordering::Greater));
            prop_assert!(lag.libyears.is_none_or(|years| years >= 0.0));
            let newest = pin.scheme.parse(&lag.newest.version).unwrap();
            prop_assert!(selection.eligible().all(|(_, version)| version.precedence(&newest) != Ordering::Greater));
        }
    }
}
