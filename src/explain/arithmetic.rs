//! How each number of a lag comes about: the versions that were counted, the dates that were subtracted.
//!
//! The numbers themselves are [`lag`](crate::lag)'s; a property holds the two together.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::lag::lag;
use crate::release::Release;
use crate::report::to_hundredths;
use crate::select::Selection;
use crate::version::{Number, Segments, Version};

/// What the numbers of a lag were made of.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Arithmetic {
    /// The distinct first parts above the pin's among the eligible releases.
    pub major: Counted,
    /// The distinct second parts above the pin's, within its first.
    pub minor: Counted,
    /// The distinct third parts above the pin's, within its first and second.
    pub patch: Counted,
    /// Every eligible release above the pin, lowest first: as many as `behind.releases`.
    pub releases: Vec<String>,
    /// How many of these have no date, and so cannot be the first.
    pub undated: usize,
    /// The first of them to be published; `null` where nothing is newer or no date is known.
    pub behind_since: Option<Since>,
    /// The days since then.
    pub days: Option<Days>,
    /// From the pin's publication to newest's; `null` where nothing is newer or a date is unknown.
    pub libyears: Option<Years>,
}

/// The distinct parts that were counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Counted {
    /// How many: as in `behind`.
    pub count: usize,
    /// Each of them, lowest first.
    pub steps: Vec<Step>,
}

/// One distinct part, and the releases that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Step {
    /// The parts up to the one that counts: `2`, `1.41`, `1.40.3`; an epoch stands in front, as in `1!2`.
    pub parts: String,
    /// The eligible releases that have them, lowest first.
    pub versions: Vec<String>,
}

/// When the lag began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Since {
    /// The release that was published first.
    pub version: String,
    /// When.
    #[serde(with = "crate::report::seconds")]
    #[schemars(with = "DateTime<Utc>")]
    pub published_at: DateTime<Utc>,
}

/// Whole days between two instants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Days {
    /// `behind_since`.
    #[serde(with = "crate::report::seconds")]
    #[schemars(with = "DateTime<Utc>")]
    pub from: DateTime<Utc>,
    /// The instant that the run judges as of.
    #[serde(with = "crate::report::seconds")]
    #[schemars(with = "DateTime<Utc>")]
    pub to: DateTime<Utc>,
    /// Whole days from one to the other, a part of a day dropped.
    pub days: i64,
}

/// Years of 365.25 days between two releases.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Years {
    /// The pinned release.
    pub from_version: String,
    /// When it was published.
    #[serde(with = "crate::report::seconds")]
    #[schemars(with = "DateTime<Utc>")]
    pub from: DateTime<Utc>,
    /// The newest release.
    pub to_version: String,
    /// When it was published.
    #[serde(with = "crate::report::seconds")]
    #[schemars(with = "DateTime<Utc>")]
    pub to: DateTime<Utc>,
    /// To two places; 0 where newest was published before the pin.
    pub years: f64,
}

type Newer<'a> = [(&'a Release, &'a Version)];

impl Arithmetic {
    /// Takes a lag apart; `None` where no release is eligible.
    pub(super) fn of(selection: &Selection<'_>, now: DateTime<Utc>) -> Option<Self> {
        let lag = lag(selection, now)?;
        let pinned = &selection.pinned;
        let mut newer: Vec<(&Release, &Version)> =
            selection.eligible().filter(|(_, version)| version.precedence(pinned) == Ordering::Greater).collect();
        newer.sort_by(|(_, a), (_, b)| a.total_order(b));
        let pin = pinned.segments();
        let first = newer.iter().filter_map(|(release, _)| Some((release.published_at?, release)));
        let first = first.min_by_key(|(at, _)| *at);
        let dates = selection.listed().and_then(|from| Some((from, from.published_at?, lag.newest.published_at?)));
        Some(Self {
            major: majors(&pin, &newer),
            minor: steps(&pin, &newer, 1),
            patch: steps(&pin, &newer, 2),
            releases: newer.iter().map(|(release, _)| release.version.to_string()).collect(),
            undated: newer.iter().filter(|(release, _)| release.published_at.is_none()).count(),
            behind_since: first
                .map(|(published_at, release)| Since { version: release.version.to_string(), published_at }),
            days: lag.behind_since.zip(lag.days).map(|(from, days)| Days { from, to: now, days }),
            libyears: dates.zip(lag.libyears).map(|((pinned, from, to), years)| Years {
                from_version: pinned.version.to_string(),
                from,
                to_version: lag.newest.version.to_string(),
                to,
                years: to_hundredths(years),
            }),
        })
    }
}

fn majors(pin: &Segments, newer: &Newer<'_>) -> Counted {
    let is_above = |of: &Segments| (&of.epoch, of.get(0)) > (&pin.epoch, pin.get(0));
    counted(newer, 1, is_above)
}

/// The distinct parts at `depth` above the pin's, among the releases that share those before with it.
fn steps(pin: &Segments, newer: &Newer<'_>, depth: usize) -> Counted {
    counted(newer, depth + 1, |of| of.same_prefix(pin, depth) && of.get(depth) > pin.get(depth))
}

fn counted(newer: &Newer<'_>, length: usize, counts: impl Fn(&Segments) -> bool) -> Counted {
    let mut steps: BTreeMap<Vec<Number>, Step> = BTreeMap::new();
    for (release, version) in newer {
        let segments = version.segments();
        if !counts(&segments) {
            continue;
        }
        let key =
            std::iter::once(&segments.epoch).chain((0..length).map(|index| segments.get(index))).cloned().collect();
        let step = steps.entry(key).or_insert_with(|| Step { parts: parts(&segments, length), versions: Vec::new() });
        step.versions.push(release.version.to_string());
    }
    Counted { count: steps.len(), steps: steps.into_values().collect() }
}

/// `1.41`, `1!2`.
fn parts(segments: &Segments, length: usize) -> String {
    let numbers: Vec<String> = (0..length).map(|index| segments.get(index).to_string()).collect();
    let epoch = if segments.epoch == Number::ZERO { String::new() } else { format!("{}!", segments.epoch) };
    format!("{epoch}{}", numbers.join("."))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;
    use crate::pin::Pin;
    use crate::release::ReleaseSet;
    use crate::select::{Limits, select};

    fn now() -> DateTime<Utc> {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    fn taken_apart(pinned: &str, releases: Vec<Release>) -> Option<(Arithmetic, crate::lag::Behind)> {
        let facts = ReleaseSet { releases, ..ReleaseSet::default() };
        let pin = Pin::sample(pinned);
        let selection = select(&pin, &facts, Limits::as_of(now())).unwrap();
        Some((Arithmetic::of(&selection, now())?, lag(&selection, now())?.behind))
    }

    #[test]
    fn what_was_counted_is_told() {
        let versions = ["1.0.0", "1.0.2", "1.0.10", "1.2.0", "1.10.0", "1.10.1", "3.0.0", "3.1.0", "4.0.0-rc1"];
        let releases = versions.map(Release::new).to_vec();
        let (arithmetic, _) = taken_apart("1.0.0", releases).unwrap();
        let told = |counted: &Counted| {
            let step = |step: &Step| format!("{} ({})", step.parts, step.versions.join(" "));
            counted.steps.iter().map(step).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(told(&arithmetic.major), "3 (3.0.0 3.1.0)");
        assert_eq!(told(&arithmetic.minor), "1.2 (1.2.0), 1.10 (1.10.0 1.10.1)");
        assert_eq!(told(&arithmetic.patch), "1.0.2 (1.0.2), 1.0.10 (1.0.10)");
        assert_eq!((arithmetic.releases.len(), arithmetic.undated), (7, 7));
        assert_eq!((arithmetic.behind_since, arithmetic.days, arithmetic.libyears), (None, None, None));
    }

    fn release() -> impl Strategy<Value = Release> {
        let label = "[0-3]\\.[0-3](\\.[0-3])?(-rc[1-3])?";
        (label, proptest::option::of(-9..1_000_i64), proptest::bool::weighted(0.1)).prop_map(|(label, age, yanked)| {
            Release {
                published_at: age.map(|age| now() - TimeDelta::days(age)),
                yanked: yanked.then(|| "".into()),
                ..Release::new(label)
            }
        })
    }

    proptest! {
        #[test]
        fn the_parts_add_up_to_the_lag(
            pinned in "[0-3]\\.[0-3](\\.[0-3])?(-rc[1-3])?",
            releases in proptest::collection::vec(release(), 0..12),
        ) {
            let Some((arithmetic, behind)) = taken_apart(&pinned, releases) else { return Ok(()) };
            let counts = [&arithmetic.major, &arithmetic.minor, &arithmetic.patch].map(|counted| counted.count as u64);
            prop_assert_eq!(counts, [behind.major, behind.minor, behind.patch]);
            prop_assert_eq!(arithmetic.releases.len() as u64, behind.releases);
            let since = arithmetic.behind_since.as_ref().map(|since| since.published_at);
            prop_assert_eq!(since, arithmetic.days.as_ref().map(|days| days.from));
            prop_assert!(arithmetic.days.is_none_or(|days| (days.to - days.from).num_days() == days.days));
        }
    }
}
