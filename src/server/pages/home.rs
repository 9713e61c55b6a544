//! The first page: the totals, the packages worst first, what can be chosen of them, and what goes on.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::LOOKS;
use super::activity::Activity;
use super::query::{KINDS, PAGE, Query, is_of};
use crate::report::html::frame::Head;
use crate::report::html::row::Row;
use crate::report::html::totals::Totals;
use crate::report::{Finding, Report, words};

/// What `templates/home.html.hbs` shows.
#[derive(Serialize)]
pub(super) struct Home<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    #[serde(flatten)]
    totals: Totals,
    is_checked: bool,
    /// How many packages are pinned.
    pinned: usize,
    query: Chosen,
    chips: Vec<Chip>,
    groups: Vec<Group<'a>>,
    findings: Vec<Row<'a>>,
    /// `101 to 200 of 2000 packages`.
    range: String,
    pages: Vec<Link>,
    errors: Vec<Errors>,
    activity: Activity,
}

/// What is asked for, as the form shows it again.
#[derive(Serialize)]
struct Chosen {
    is_choice: bool,
    is_odd: bool,
    show: &'static str,
    text: String,
}

/// A severity or status to choose, and how many packages of it there are among the others that are chosen.
#[derive(Serialize)]
struct Chip {
    name: &'static str,
    count: usize,
    url: String,
    is_chosen: bool,
}

#[derive(Serialize)]
struct Group<'a> {
    value: Cow<'a, str>,
    name: Cow<'a, str>,
    count: usize,
    is_chosen: bool,
}

/// A way to another page of the packages.
#[derive(Serialize)]
struct Link {
    name: &'static str,
    url: String,
}

/// How many packages of a registry are unknown for the same reason.
#[derive(Serialize)]
struct Errors {
    registry: &'static str,
    kind: &'static str,
    count: usize,
}

impl<'a> Home<'a> {
    /// `is_checked` is whether the report is of a check; before the first one it is empty, and says nothing.
    pub(super) fn of(
        report: &'a Report,
        is_checked: bool,
        query: &Query,
        activity: Activity,
        now: DateTime<Utc>,
    ) -> Self {
        let is_about = query.is_about();
        let about: Vec<&Finding> = report.findings.iter().filter(|finding| is_about(finding)).collect();
        let shown = about.iter().copied().filter(|finding| query.show.is_none_or(|kind| is_of(finding, kind)));
        let shown = words::worst_first(shown);
        let last = shown.len().div_ceil(PAGE).max(1);
        let query = &query.at(query.page.min(last));
        let from = (query.page - 1) * PAGE;
        let row = |finding: &&'a Finding| Row::of(finding, report.generated_at, Some("/packages/"));
        let findings: Vec<Row<'a>> = shown.iter().skip(from).take(PAGE).map(row).collect();
        let totals = Totals::of(report);
        let head = |headline: &str| Head::new("Upstream versions", headline.to_owned(), LOOKS.clone());
        Self {
            head: if is_checked { head(&totals.headline).of_report(report, now) } else { head("not checked yet") },
            totals,
            is_checked,
            pinned: report.findings.len(),
            query: Chosen::of(query),
            chips: chips(&about, query),
            groups: groups(report, query),
            range: range(from, findings.len(), shown.len()),
            findings,
            pages: pages(query, last),
            errors: errors(report),
            activity,
        }
    }
}

impl Chosen {
    fn of(query: &Query) -> Self {
        Self {
            is_choice: query.is_choice(),
            is_odd: query.is_odd,
            show: query.show.unwrap_or_default(),
            text: query.text.clone().unwrap_or_default(),
        }
    }
}

/// `101 to 200 of 2000 packages`; empty for none.
fn range(from: usize, count: usize, of: usize) -> String {
    let all = words::counted(of as u64, "package");
    match count {
        0 => String::new(),
        count if count == of => all,
        count => format!("{} to {} of {all}", from + 1, from + count),
    }
}

/// What there is among the packages that are in the group and have the text in their name.
fn chips(about: &[&Finding], query: &Query) -> Vec<Chip> {
    let chip = |show: Option<&'static str>, count: usize| Chip {
        name: show.unwrap_or("everything"),
        count,
        url: query.showing(show).address(),
        is_chosen: query.show == show,
    };
    let count = |kind: &str| about.iter().filter(|finding| is_of(finding, kind)).count();
    let kinds = KINDS.into_iter().map(|kind| chip(Some(kind), count(kind)));
    std::iter::once(chip(None, about.len())).chain(kinds.filter(|chip| chip.count > 0 || chip.is_chosen)).collect()
}

/// The groups to choose from; none where there is no choice. One that is asked for and not there can be seen as chosen.
fn groups<'a>(report: &'a Report, query: &Query) -> Vec<Group<'a>> {
    let groups = words::by_group(report);
    let is_chosen = |name: &str| query.group.as_deref() == Some(name);
    let odd = query.group.clone().filter(|name| groups.iter().all(|(group, _)| group != name));
    let odd = odd.map(|name| Group { name: name.clone().into(), value: name.into(), count: 0, is_chosen: true });
    let is_choice = groups.len() > 1 || query.group.is_some();
    let group = |(name, findings): (&'a str, Vec<&Finding>)| Group {
        value: name.into(),
        name: words::label(name),
        count: findings.len(),
        is_chosen: is_chosen(name),
    };
    groups.into_iter().filter(|_| is_choice).map(group).chain(odd).collect()
}

fn pages(query: &Query, last: usize) -> Vec<Link> {
    let link = |name, page| Link { name, url: query.at(page).address() };
    let back = (query.page > 1).then(|| [link("first", 1), link("previous", query.page - 1)]);
    let on = (query.page < last).then(|| [link("next", query.page + 1), link("last", last)]);
    [back, on].into_iter().flatten().flatten().collect()
}

fn errors(report: &Report) -> Vec<Errors> {
    let mut counts: BTreeMap<(&'static str, &'static str), usize> = BTreeMap::new();
    for finding in &report.findings {
        if let Some(error) = &finding.error {
            *counts.entry((finding.registry.as_str(), error.kind.as_str())).or_default() += 1;
        }
    }
    counts.into_iter().map(|((registry, kind), count)| Errors { registry, kind, count }).collect()
}
