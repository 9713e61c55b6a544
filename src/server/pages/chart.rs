//! The lag of one package over time, as a chart: a bar from each change to the next, as high as there were releases between.
//!
//! The chart is stretched to the width that there is, so it holds no text: its ends, its height and its colours are told
//! around it, and every number in the table below it. What was unknown is a bar of full height with a broken edge, so that
//! a gap is never taken for calm.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Moment;
use crate::lag::Status;
use crate::report::{Finding, words};
use crate::server::store::Change;

/// The size of the picture in its own units, which is stretched.
const WIDTH: i64 = 10_000;
const HEIGHT: u64 = 1_000;

/// The least of a bar that can be seen.
const NARROWEST: i64 = 20;
const LOWEST: u64 = 20;

/// What `templates/chart.html.hbs` shows.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    width: i64,
    height: u64,
    /// All of it in a sentence.
    description: String,
    /// `40 releases`: what the full height means.
    most: String,
    from: Moment,
    to: Moment,
    bars: Vec<Bar>,
    /// The severities that it shows, in the order of time.
    legend: Vec<&'static str>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Bar {
    class: &'static str,
    x: i64,
    y: u64,
    width: i64,
    height: u64,
}

impl Chart {
    /// Of changes, latest first, up to an instant. `None` without any.
    pub(super) fn of(changes: &[Change], until: DateTime<Utc>) -> Option<Self> {
        let (first, last) = (changes.last()?, changes.first()?);
        let until = until.max(last.changed_at);
        let most = changes.iter().filter_map(|change| releases(&change.finding)).max().unwrap_or_default();
        let scale = Scale { from: first.changed_at, until, most: most.max(1) };
        let ends = std::iter::once(until).chain(changes.iter().map(|change| change.changed_at));
        let mut bars: Vec<Bar> = changes.iter().zip(ends).map(|(change, end)| scale.bar(change, end)).collect();
        bars.reverse();
        let mut legend: Vec<&'static str> = Vec::new();
        for class in bars.iter().map(|bar| bar.class) {
            if !legend.contains(&class) {
                legend.push(class);
            }
        }
        Some(Self {
            width: WIDTH,
            height: HEIGHT,
            description: description(changes, most),
            most: words::counted(scale.most, "release"),
            from: Moment::of(first.changed_at),
            to: Moment::of(until),
            bars,
            legend,
        })
    }
}

/// How many releases lay between; `None` where nothing was known.
pub(super) fn releases(finding: &Finding) -> Option<u64> {
    match finding.status {
        Status::Unknown => None,
        Status::Current | Status::Ahead => Some(0),
        Status::Behind => finding.behind.map(|behind| behind.releases),
    }
}

struct Scale {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    most: u64,
}

impl Scale {
    fn x(&self, at: DateTime<Utc>) -> i64 {
        // a check alone fills the picture
        let span = (self.until - self.from).num_milliseconds().max(1);
        let millis = i128::from((at - self.from).num_milliseconds());
        i64::try_from(millis * i128::from(WIDTH) / i128::from(span)).unwrap_or(WIDTH)
    }

    fn bar(&self, change: &Change, end: DateTime<Utc>) -> Bar {
        let is_alone = self.from == self.until;
        let x = self.x(change.changed_at).min(WIDTH - NARROWEST);
        let width = if is_alone { WIDTH } else { (self.x(end) - x).max(NARROWEST) };
        let releases = releases(&change.finding);
        let height = releases.map_or(HEIGHT, |releases| {
            let height = u128::from(releases) * u128::from(HEIGHT) / u128::from(self.most);
            u64::try_from(height).unwrap_or(HEIGHT).max(LOWEST)
        });
        let class = if releases.is_none() { "unknown" } else { words::severity(&change.finding) };
        Bar { class, x: if is_alone { 0 } else { x }, y: HEIGHT - height, width, height }
    }
}

fn description(changes: &[Change], most: u64) -> String {
    let now = match changes.first().and_then(|change| releases(&change.finding)) {
        Some(count) => format!("now {} behind", words::counted(count, "release")),
        None => "now unknown".to_owned(),
    };
    let gaps = changes.iter().filter(|change| releases(&change.finding).is_none()).count();
    let gaps = match gaps {
        0 => String::new(),
        gaps => format!(", unknown in {gaps} of them"),
    };
    let stretches = words::counted(changes.len() as u64, "stretch").replace("stretchs", "stretches");
    format!("{stretches} of time{gaps}; at most {} behind; {now}.", words::counted(most, "release"))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::lag::Behind;
    use crate::report::Report;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::hours(hours)
    }

    /// A change at an hour to so many releases; `None` for unknown.
    fn change(hours: i64, releases: Option<u64>) -> Change {
        let report: Report = serde_json::from_str(include_str!("../../../tests/data/report/sample.json")).unwrap();
        let is_fit = |finding: &Finding| match releases {
            None => finding.status == Status::Unknown,
            Some(0) => finding.status == Status::Current,
            Some(_) => finding.status == Status::Behind,
        };
        let mut finding = report.findings.into_iter().find(is_fit).unwrap();
        finding.behind = finding.behind.map(|behind| Behind { releases: releases.unwrap_or_default(), ..behind });
        Change { changed_at: at(hours), finding }
    }

    fn bars(changes: &[(i64, Option<u64>)], until: i64) -> Vec<(i64, i64, u64)> {
        let changes: Vec<Change> = changes.iter().rev().map(|(hours, releases)| change(*hours, *releases)).collect();
        let chart = Chart::of(&changes, at(until)).unwrap();
        for bar in &chart.bars {
            assert!(bar.x >= 0 && bar.x + bar.width <= WIDTH && bar.y + bar.height == HEIGHT, "{bar:?}");
        }
        chart.bars.iter().map(|bar| (bar.x, bar.width, bar.height)).collect()
    }

    #[test]
    fn bars_reach_from_each_change_to_the_next() {
        assert_eq!(bars(&[(0, Some(2)), (5, Some(4))], 10), [(0, 5000, 500), (5000, 5000, 1000)]);
        assert_eq!(bars(&[(0, Some(0)), (5, None)], 10), [(0, 5000, LOWEST), (5000, 5000, HEIGHT)]);
    }

    #[test]
    fn one_check_fills_the_picture_and_a_moment_can_be_seen() {
        assert_eq!(bars(&[(0, Some(3))], 0), [(0, WIDTH, HEIGHT)]);
        assert_eq!(
            bars(&[(0, Some(3)), (10, Some(3))], 10),
            [(0, WIDTH, HEIGHT), (WIDTH - NARROWEST, NARROWEST, HEIGHT)]
        );
        // a clock that was set back
        assert_eq!(bars(&[(0, Some(3)), (10, Some(3))], -5).len(), 2);
        assert_eq!(bars(&[(0, Some(u64::MAX)), (1_000_000, Some(1))], 2_000_000)[0], (0, 5000, HEIGHT));
    }

    #[test]
    fn what_was_unknown_is_told_and_never_calm() {
        let changes = [change(2, None), change(1, Some(0)), change(0, None)];
        let chart = Chart::of(&changes, at(3)).unwrap();
        assert_eq!(chart.legend, ["unknown", "none"]);
        assert_eq!(
            chart.description,
            "3 stretches of time, unknown in 2 of them; at most 0 releases behind; now unknown."
        );
        assert!(Chart::of(&[], at(0)).is_none());
    }
}
