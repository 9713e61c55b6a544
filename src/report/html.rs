//! A page for a browser: static, whole in itself, and readable without script, through `templates/report.html.hbs`.
//!
//! The template arranges, this module chooses; what it shares with the pages of the service is `frame`, `totals` and
//! `row`, with a partial each. Whatever a template shows goes through [`escape::xml`](super::escape::xml) unless a helper
//! says otherwise: `prose` for sentences with names in backticks, `stylesheet` for our own style. An address reaches a
//! template only as [`escape::web_address`](super::escape::web_address) lets it through.
//!
//! The page asks nobody for anything and runs nothing, and says so itself: its content security policy allows one style,
//! by hash. What is filtered is filtered by that style, so there are as many rules as a report has groups.

pub(crate) mod frame;
pub(crate) mod row;
pub(crate) mod totals;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use handlebars::Handlebars;
use serde::Serialize;

use super::{Finding, Report, words};
use frame::{Head, Looks, STYLE, templates};
use row::{Row, kinds};
use totals::Totals;

const TEMPLATE: &str = "report";

static TEMPLATES: LazyLock<Handlebars<'static>> =
    LazyLock::new(|| templates([(TEMPLATE, include_str!("../../templates/report.html.hbs"))]));

/// What a page says beside the report.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The heading.
    pub title: &'a str,
    /// When the page is read; a report that is an hour older, or more, says how old it is.
    pub now: DateTime<Utc>,
    /// The address under which each package has a page, `<this>group/package`; without one nothing leads there.
    pub packages: Option<&'a str>,
}

pub(super) fn render(report: &Report) -> String {
    page(report, &Frame { title: "Upstream versions", now: report.generated_at, packages: None })
}

/// The report as a whole document with a final newline. The same report in the same frame gives the same bytes.
pub fn page(report: &Report, frame: &Frame<'_>) -> String {
    TEMPLATES.render(TEMPLATE, &Page::of(report, frame)).expect("the page has every field that the templates name")
}

/// What the template shows.
#[derive(Serialize)]
struct Page<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    #[serde(flatten)]
    totals: Totals,
    filters: Vec<Filter>,
    groups: Vec<Group<'a>>,
    findings: Vec<Row<'a>>,
    total: String,
}

#[derive(Serialize)]
struct Filter {
    class: &'static str,
    name: &'static str,
    count: usize,
}

#[derive(Serialize)]
struct Group<'a> {
    name: Cow<'a, str>,
    count: usize,
}

impl<'a> Page<'a> {
    fn of(report: &'a Report, frame: &Frame<'a>) -> Self {
        let groups = words::by_group(report);
        let findings = words::worst_first(&report.findings);
        let totals = Totals::of(report);
        let looks = Looks::alone(style(groups.len()));
        Self {
            head: Head::new(frame.title, totals.headline.clone(), looks).of_report(report, frame.now),
            totals,
            filters: filters(&findings),
            groups: choices(&groups),
            findings: rows(report, frame, &findings, &groups),
            total: words::counted(report.findings.len() as u64, "package"),
        }
    }
}

/// Our style, with a rule for each group by which it can be shown alone.
fn style(groups: usize) -> String {
    let mut style = STYLE.to_owned();
    for group in 0..groups {
        writeln!(
            style,
            ":root:has(option[value=g{group}]:checked) .findings tbody:not(.g{group}) {{ display: none; }}"
        )
        .expect("a string takes every write");
    }
    style
}

/// What can be chosen, worst first; each has a rule in the style. What no finding is cannot be chosen.
fn filters(findings: &[&Finding]) -> Vec<Filter> {
    const KINDS: [&str; 10] =
        ["critical", "error", "unknown", "warning", "notice", "info", "none", "new", "overdue", "stale"];
    let count = |kind: &str| findings.iter().filter(|finding| kinds(finding).any(|of| of == kind)).count();
    let everything = Filter { class: "everything", name: "everything", count: findings.len() };
    let kinds = KINDS.into_iter().map(|kind| Filter { class: kind, name: kind, count: count(kind) });
    std::iter::once(everything).chain(kinds.filter(|filter| filter.count > 0)).collect()
}

/// The groups to choose from; none where there is no choice.
fn choices<'a>(groups: &[(&'a str, Vec<&Finding>)]) -> Vec<Group<'a>> {
    let is_choice = groups.len() > 1;
    let choices = groups.iter().filter(|_| is_choice);
    choices.map(|(name, findings)| Group { name: words::label(name), count: findings.len() }).collect()
}

fn rows<'a>(
    report: &Report,
    frame: &Frame<'_>,
    findings: &[&'a Finding],
    groups: &[(&str, Vec<&Finding>)],
) -> Vec<Row<'a>> {
    let numbers: HashMap<&str, usize> = groups.iter().enumerate().map(|(at, (name, _))| (*name, at)).collect();
    let group = |finding: &Finding| format!("g{}", numbers[finding.group.as_str()]);
    let row = |finding| Row::of(finding, report.generated_at, frame.packages).in_class(&group(finding));
    findings.iter().map(|finding| row(finding)).collect()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn sample() -> Report {
        serde_json::from_str(include_str!("../../tests/data/report/sample.json")).unwrap()
    }

    #[test]
    fn only_our_style_is_shown_unescaped() {
        let paths = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/templates")).unwrap();
        let paths = paths.map(|entry| entry.unwrap().path());
        let pages = paths.filter(|path| path.to_string_lossy().ends_with(".html.hbs"));
        let templates: Vec<String> = pages.map(|path| std::fs::read_to_string(path).unwrap()).collect();
        assert!(templates.len() >= 8, "{}", templates.len());
        for template in &templates {
            assert!(!template.contains("{{{") && !template.contains("{{&"), "{template}");
        }
        assert_eq!(templates.concat().matches("{{stylesheet ").count(), 1);
        assert!(!STYLE.contains(['<', '&']));
    }

    #[test]
    fn an_old_report_says_how_old_it_is() {
        let report = sample();
        let table = [
            (TimeDelta::minutes(-5), ""),
            (TimeDelta::minutes(59), ""),
            (TimeDelta::hours(1), ", 1 h ago"),
            (TimeDelta::hours(71), ", 2 d ago"),
        ];
        for (later, expected) in table {
            let frame = Frame { title: "Pins", now: report.generated_at + later, packages: None };
            let said = format!("2026-11-20 06:00 UTC</time>{expected}, by upmon 0.1.0</p>");
            assert!(page(&report, &frame).contains(&said), "{said}");
        }
    }

    #[test]
    fn packages_lead_to_their_pages_where_there_are_any() {
        let report = sample();
        let frame = Frame { title: "<Pins>", now: report.generated_at, packages: Some("/packages/") };
        let page = page(&report, &frame);
        assert!(page.contains(r#"<a href="/packages/typescript/%40types%2Fnode"><code>"#), "{page}");
        assert!(page.contains("<h1>&lt;Pins&gt;</h1>"), "{page}");
        assert!(!render(&report).contains("/packages/"));
    }

    #[test]
    fn every_choice_has_a_rule() {
        let report = sample();
        let page = Page::of(&report, &Frame { title: "", now: report.generated_at, packages: None });
        assert_eq!(page.groups.len(), words::by_group(&report).len());
        for filter in page.filters.iter().skip(1) {
            let rule = format!(":root:has(#show-{0}:checked) .findings tbody:not(.{0})", filter.class);
            assert!(page.head.looks.style.contains(&rule), "{rule}");
        }
        for group in 0..page.groups.len() {
            assert!(
                page.head
                    .looks
                    .style
                    .contains(&format!("option[value=g{group}]:checked) .findings tbody:not(.g{group}) "))
            );
        }
    }
}
