//! The page of one pin: what is known of it, since when, and how it came to that.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::activity::{DeliveryRow, patiently};
use super::chart::{Chart, releases};
use super::{LOOKS, Moment};
use crate::badge::Badge;
use crate::report::html::frame::Head;
use crate::report::html::row::{Row, path};
use crate::report::{Finding, Target, escape, words};
use crate::server::Service;
use crate::server::store::{Change, Known};

/// The changes that are drawn and listed; who wants more asks the API.
const CHANGES: u32 = 200;

/// The deliveries that are listed.
const DELIVERIES: u32 = 20;

/// What `templates/package.html.hbs` shows.
#[derive(Serialize)]
pub(super) struct Page<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    finding: Row<'a>,
    /// When the check began that it is from.
    checked: Moment,
    /// When such a check last learned something; `None` if none ever did.
    known: Option<Moment>,
    /// Since when it is as it is.
    since: Option<Moment>,
    badge: BadgeOf,
    /// Whether the database answered.
    answers: bool,
    chart: Option<Chart>,
    changes: Vec<ChangeRow>,
    /// Whether there are more changes than are listed.
    more: bool,
    /// The query that asks the API for the changes.
    history: String,
    deliveries: Vec<DeliveryRow>,
}

#[derive(Serialize)]
struct BadgeOf {
    /// Its address without the ending.
    path: String,
    says: String,
    markdown: String,
}

/// What held from an instant on.
#[derive(Serialize)]
struct ChangeRow {
    at: Moment,
    severity: &'static str,
    stale: bool,
    behind: String,
    days: String,
    changed: Vec<Changed>,
}

/// What was one way, and then another.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Changed {
    name: &'static str,
    from: String,
    to: String,
}

impl<'a> Page<'a> {
    pub(super) async fn of(service: &Service, known: &'a Known, finding: &'a Finding, now: DateTime<Utc>) -> Self {
        let id = &known.finding.id;
        let soon = now + TimeDelta::seconds(1);
        // one more than is shown, which tells what the oldest has changed
        let changes = patiently(service.store.history(id, soon, CHANGES + 1)).await;
        let deliveries = match &changes {
            Some(_) => patiently(service.store.deliveries_about(id, DELIVERIES)).await,
            None => None,
        };
        let answers = changes.is_some() && deliveries.is_some();
        let changes = changes.unwrap_or_default();
        let shown = &changes[..changes.len().min(CHANGES as usize)];
        let row = Row::of(finding, known.checked_at, None);
        let headline = headline(finding);
        let title = words::label(id);
        Self {
            head: Head::new(title, headline, LOOKS.clone()).dated(known.checked_at, now).below("/"),
            badge: BadgeOf::of(finding, now),
            finding: row,
            checked: Moment::aged(known.checked_at, now),
            known: known.known_at.map(|at| Moment::aged(at, now)),
            since: shown.first().map(|change| Moment::aged(change.changed_at, now)),
            answers,
            chart: Chart::of(shown, known.checked_at),
            changes: rows(&changes).take(shown.len()).collect(),
            more: changes.len() > shown.len(),
            history: format!("/api/v1/history?{}", query("id", id)),
            deliveries: deliveries.unwrap_or_default().iter().map(DeliveryRow::of).collect(),
        }
    }
}

/// `critical, 2 major behind`.
fn headline(finding: &Finding) -> String {
    let severity = words::severity(finding);
    let stale = finding.is_stale().then(|| "stale".to_owned());
    let distance = words::behind(finding).into_iter().next().map(|distance| format!("{distance} behind"));
    let error = finding.error.as_ref().map(|error| error.kind.as_str().to_owned());
    std::iter::once(severity.to_owned()).chain(distance).chain(error).chain(stale).collect::<Vec<_>>().join(", ")
}

fn query(name: &str, value: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish()
}

impl BadgeOf {
    fn of(finding: &Finding, now: DateTime<Utc>) -> Self {
        let path = path(&finding.group, &finding.package);
        let Badge { label, message, .. } = Badge::of_finding(finding, now);
        let alt = escape::markdown(&label);
        Self {
            markdown: format!("[![{alt}](https://HOST/badge/{path}.svg)](https://HOST/packages/{path})"),
            path: format!("/badge/{path}"),
            says: format!("{label}: {message}"),
        }
    }
}

/// Each change, and what it changed; the oldest has nothing before it.
fn rows(changes: &[Change]) -> impl Iterator<Item = ChangeRow> {
    changes.iter().enumerate().map(|(place, change)| ChangeRow {
        at: Moment::of(change.changed_at),
        severity: words::severity(&change.finding),
        stale: change.finding.is_stale(),
        behind: match releases(&change.finding) {
            Some(count) => words::counted(count, "release"),
            // the severity says so
            None => String::new(),
        },
        days: words::since(&change.finding).unwrap_or_default(),
        changed: differences(changes.get(place + 1).map(|before| &before.finding), &change.finding),
    })
}

/// A fact of a finding in words.
type Fact<'a> = &'a dyn Fn(&Finding) -> String;

/// What differs, in the order in which a person asks; nothing where only details do.
fn differences(before: Option<&Finding>, finding: &Finding) -> Vec<Changed> {
    let newest = |finding: &Finding| version(finding.newest.as_ref());
    let wanted = |finding: &Finding| version(finding.wanted.as_ref());
    let pinned = |finding: &Finding| words::version(&finding.pinned.version).into_owned();
    let severity = |finding: &Finding| words::severity(finding).to_owned();
    let error = |finding: &Finding| finding.error.as_ref().map_or("none", |error| error.kind.as_str()).to_owned();
    let notices = |finding: &Finding| {
        let kinds: Vec<&str> = finding.notices.iter().map(|notice| notice.kind.as_str()).collect();
        if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") }
    };
    let facts: [(&'static str, Fact<'_>); 6] = [
        ("pinned", &pinned),
        ("newest", &newest),
        ("wanted", &wanted),
        ("severity", &severity),
        ("error", &error),
        ("notices", &notices),
    ];
    let Some(before) = before else {
        // what was there first is told by what matters most
        let first = facts.into_iter().take(2).map(|(name, of)| Changed { name, from: String::new(), to: of(finding) });
        return first.collect();
    };
    let changed = facts.into_iter().map(|(name, of)| Changed { name, from: of(before), to: of(finding) });
    changed.filter(|changed| changed.from != changed.to).collect()
}

fn version(target: Option<&Target>) -> String {
    target.map_or_else(|| "unknown".to_owned(), |target| words::version(&target.version).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Report;

    fn of(id: &str) -> Finding {
        let report: Report = serde_json::from_str(include_str!("../../../tests/data/report/sample.json")).unwrap();
        report.findings.into_iter().find(|finding| finding.id == id).unwrap()
    }

    #[test]
    fn what_differs_is_told_with_both_sides() {
        let before = of("rust/tokio");
        let mut after = before.clone();
        after.days = Some(99);
        assert_eq!(differences(Some(&before), &after), []);
        after.pinned.version = "1.54.1".to_owned();
        let told = differences(Some(&before), &after);
        let expected = Changed { name: "pinned", from: before.pinned.version.clone(), to: "1.54.1".to_owned() };
        assert_eq!(told, [expected]);
        let first = differences(None, &after);
        assert_eq!(first.iter().map(|changed| changed.name).collect::<Vec<_>>(), ["pinned", "newest"]);
        assert!(first.iter().all(|changed| changed.from.is_empty()));
    }

    #[test]
    fn the_headline_says_how_bad_and_how_far() {
        let table = [
            ("rust/tokio", "error, 14 minor behind"),
            ("rust/anyhow", "none"),
            ("python/no-such-thing", "unknown, not-found"),
        ];
        for (id, expected) in table {
            assert_eq!(headline(&of(id)), expected, "{id}");
        }
    }
}
