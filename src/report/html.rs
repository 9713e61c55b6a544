//! A page for a browser: static, whole in itself, and readable without script, through `templates/report.html.hbs`.
//!
//! The template arranges, this module chooses. Whatever a template shows goes through [`escape::xml`] unless a helper says
//! otherwise: `prose` for sentences with names in backticks, `stylesheet` for our own style. An address reaches a template
//! only as [`escape::web_address`] lets it through.
//!
//! The page asks nobody for anything and runs nothing, and says so itself: its content security policy allows one style,
//! by hash. What is filtered is filtered by that style, so there are as many rules as a report has groups.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use handlebars::{Context, Handlebars, Helper, HelperResult, Output, RenderContext};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Finding, Pinned, Report, Target, escape, words};
use crate::lag::{Behind, Status};

const TEMPLATE: &str = "report";

const STYLE: &str = include_str!("../../templates/page.css");

static TEMPLATES: LazyLock<Handlebars<'static>> = LazyLock::new(|| {
    let mut templates = escaping();
    templates
        .register_template_string(TEMPLATE, include_str!("../../templates/report.html.hbs"))
        .expect("the embedded template parses");
    templates
});

/// Templates of HTML with only `page` in it, the frame of every page: strict, escaping, and with the helpers named above.
fn escaping() -> Handlebars<'static> {
    let mut templates = Handlebars::new();
    templates.set_strict_mode(true);
    templates.register_escape_fn(escape::xml);
    templates.register_helper("prose", Box::new(prose));
    templates.register_helper("stylesheet", Box::new(stylesheet));
    templates
        .register_template_string("page", include_str!("../../templates/page.html.hbs"))
        .expect("the embedded template parses");
    templates
}

fn prose(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    out.write(&escape::html(text(helper)))?;
    Ok(())
}

fn stylesheet(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    out.write(text(helper))?;
    Ok(())
}

/// A helper's argument.
fn text<'a>(helper: &'a Helper<'_>) -> &'a str {
    helper.param(0).and_then(|argument| argument.value().as_str()).unwrap_or_default()
}

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
    title: &'a str,
    headline: String,
    generated_at: String,
    as_of: String,
    /// How old the report is, in words; empty while it is young.
    age: String,
    tool: String,
    policy: String,
    style: String,
    figures: Vec<Figure>,
    /// Of how many packages nothing is known, in words; empty for none.
    unknown: String,
    /// What is known of how many packages is not fresh, in words; empty for none.
    stale: String,
    filters: Vec<Filter>,
    groups: Vec<Group<'a>>,
    findings: Vec<Row<'a>>,
    total: String,
}

#[derive(Serialize)]
struct Figure {
    name: &'static str,
    value: String,
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

/// One package: what stands in its row, and below it.
#[derive(Serialize)]
struct Row<'a> {
    id: String,
    classes: String,
    severity: &'static str,
    stale: bool,
    is_behind: bool,
    url: Option<String>,
    group: Cow<'a, str>,
    package: Cow<'a, str>,
    pinned: Cow<'a, str>,
    newest: Option<Link<'a>>,
    behind: String,
    since: String,
    next: String,
    said: Vec<Said<'a>>,
    facts: Vec<Fact>,
    links: Vec<NamedLink>,
}

#[derive(Serialize)]
struct Link<'a> {
    version: Cow<'a, str>,
    url: Option<String>,
}

/// Why nothing is known, or a notice.
#[derive(Serialize)]
struct Said<'a> {
    kind: &'static str,
    message: Cow<'a, str>,
}

/// A line of the details: a version or a name, if there is one, and what is to be said of it.
#[derive(Serialize)]
struct Fact {
    name: &'static str,
    code: String,
    text: String,
}

#[derive(Serialize)]
struct NamedLink {
    name: &'static str,
    url: String,
}

impl<'a> Page<'a> {
    fn of(report: &'a Report, frame: &Frame<'a>) -> Self {
        let groups = words::by_group(report);
        let findings = words::worst_first(&report.findings);
        let css = style(groups.len());
        let aged = findings.iter().filter(|finding| finding.is_stale()).count();
        Self {
            title: frame.title,
            headline: headline(report, aged),
            generated_at: report.generated_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            as_of: report.generated_at.format("%Y-%m-%d %H:%M UTC").to_string(),
            age: age(report.generated_at, frame.now),
            tool: format!("{} {}", report.tool.name, report.tool.version),
            policy: policy(&css),
            style: css,
            figures: figures(report),
            unknown: packages(report.summary.unknown),
            stale: packages(aged),
            filters: filters(&findings),
            groups: choices(&groups),
            findings: rows(report, frame, &findings, &groups),
            total: words::counted(report.findings.len() as u64, "package"),
        }
    }
}

/// The headline of every format, and what a page must not leave to a row: what is stale.
fn headline(report: &Report, stale: usize) -> String {
    let headline = words::headline(report);
    if stale == 0 { headline } else { format!("{headline}, {stale} stale") }
}

/// `3 packages`; empty for none.
fn packages(count: usize) -> String {
    if count == 0 { String::new() } else { words::counted(count as u64, "package") }
}

/// `3 h`, `2 d`; empty within the first hour, and for a report from the future.
fn age(generated_at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let age = now - generated_at;
    match (age.num_days(), age.num_hours()) {
        (days, _) if days > 0 => format!("{days} d"),
        (_, hours) if hours > 0 => format!("{hours} h"),
        _ => String::new(),
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

/// A [content security policy](https://www.w3.org/TR/CSP3/) under which a page can do nothing but look as this style says.
/// The empty icon, which keeps browsers from asking for one, is an image by address.
fn policy(style: &str) -> String {
    let hash = STANDARD.encode(Sha256::digest(style));
    format!("default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; form-action 'none'")
}

fn figures(report: &Report) -> Vec<Figure> {
    let summary = &report.summary;
    let worst = if summary.packages == 0 { "-" } else { words::worst(summary) };
    [
        ("worst", worst.to_owned()),
        ("packages", summary.packages.to_string()),
        ("behind", summary.behind.to_string()),
        ("unknown", summary.unknown.to_string()),
        ("current", summary.current.to_string()),
        ("ahead", summary.ahead.to_string()),
        ("libyears", format!("{:.2}", summary.libyears)),
    ]
    .into_iter()
    .chain(summary.new.map(|new| ("new", new.to_string())))
    .map(|(name, value)| Figure { name, value })
    .collect()
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

/// What a finding is, in the words of the filters.
fn kinds(finding: &Finding) -> impl Iterator<Item = &'static str> {
    let also = [("new", finding.new == Some(true)), ("overdue", finding.overdue), ("stale", finding.is_stale())];
    std::iter::once(words::severity(finding)).chain(also.into_iter().filter_map(|(kind, is_so)| is_so.then_some(kind)))
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
    findings.iter().map(|finding| Row::of(finding, numbers[finding.group.as_str()], report, frame)).collect()
}

impl<'a> Row<'a> {
    fn of(finding: &'a Finding, group: usize, report: &Report, frame: &Frame<'_>) -> Self {
        let id = format!("{}/{}", escape::segment(&finding.group), escape::segment(&finding.package));
        Self {
            url: frame.packages.map(|base| format!("{base}{id}")),
            id,
            classes: kinds(finding).fold(format!("g{group}"), |classes, kind| format!("{classes} {kind}")),
            severity: words::severity(finding),
            stale: finding.is_stale(),
            is_behind: finding.status == Status::Behind,
            group: words::label(&finding.group),
            package: words::label(&finding.package),
            pinned: words::version(&finding.pinned.version),
            newest: finding.newest.as_ref().map(Link::of),
            behind: words::behind(finding).join(", "),
            since: words::since(finding).unwrap_or_default(),
            next: next_step(finding, report),
            said: said(finding),
            facts: facts(finding),
            links: links(finding),
        }
    }
}

impl<'a> Link<'a> {
    fn of(target: &'a Target) -> Self {
        Self { version: words::version(&target.version), url: target.url.as_deref().and_then(escape::web_address) }
    }
}

/// The next step as every format has it, but a page is looked at for longer than a terminal: what was current when a
/// registry was last asked is not called so.
fn next_step(finding: &Finding, report: &Report) -> String {
    if finding.is_stale() && finding.status == Status::Current {
        return "ask again: it was current when last asked".to_owned();
    }
    words::next_step(finding, report.generated_at)
}

fn said(finding: &Finding) -> Vec<Said<'_>> {
    let error = finding.error.iter().map(|error| (error.kind.as_str(), &error.message));
    let notices = finding.notices.iter().map(|notice| (notice.kind.as_str(), &notice.message));
    error.chain(notices).map(|(kind, message)| Said { kind, message: words::sentence(message) }).collect()
}

/// The addresses that may be followed; the newest release has its own here too, since a narrow screen shows no other.
fn links(finding: &Finding) -> Vec<NamedLink> {
    let newest = finding.newest.iter().filter_map(|newest| Some(("newest release", newest.url.as_deref()?)));
    newest
        .chain(words::links(&finding.links))
        .filter_map(|(name, address)| Some(NamedLink { name, url: escape::web_address(address)? }))
        .collect()
}

/// Everything that is known of a finding and not said already, in the order of the report's fields.
fn facts(finding: &Finding) -> Vec<Fact> {
    let code = |name, code: &str, text| Some(Fact { name, code: words::label(code).into_owned(), text });
    let text = |name, text| Some(Fact { name, code: String::new(), text });
    [
        finding.upstream.as_deref().and_then(|upstream| code("upstream", upstream, String::new())),
        text("registry", format!("{}, versions compare by {}", finding.registry, finding.scheme)),
        text("status", finding.status.as_str().to_owned()),
        code("pinned", &finding.pinned.version, of_pinned(&finding.pinned)),
        finding.requirement.as_deref().and_then(|requirement| code("requirement", requirement, String::new())),
        match &finding.newest {
            Some(newest) => code("newest", &newest.version, on(newest.published_at)),
            None => text("newest", "unknown".to_owned()),
        },
        finding.wanted.as_ref().and_then(|wanted| code("wanted", &wanted.version, on(wanted.published_at))),
        finding.update.and_then(|update| text("update", update.to_string())),
        finding.behind.and_then(|behind| text("behind", distance(behind))),
        finding.behind_since.and_then(|since| text("behind since", day(since))),
        finding.libyears.and_then(|libyears| text("libyears", format!("{libyears:.2}"))),
        finding
            .due
            .and_then(|due| text("due", format!("{}{}", day(due), if finding.overdue { ", overdue" } else { "" }))),
        finding.rule.as_deref().and_then(|rule| text("policy", words::label(rule).into_owned())),
        finding
            .error
            .as_ref()
            .filter(|error| error.retryable)
            .and_then(|_| text("retryable", "a later run may end differently".to_owned())),
        finding
            .place
            .as_ref()
            .and_then(|place| code("stands in", &place.file, format!("line {}, column {}", place.line, place.column))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn day(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d").to_string()
}

/// `of 2026-10-21`, where that is known.
fn on(published_at: Option<DateTime<Utc>>) -> String {
    published_at.map(|at| format!("of {}", day(at))).unwrap_or_default()
}

fn of_pinned(pinned: &Pinned) -> String {
    let yanked = pinned.yanked.then(|| "yanked".to_owned());
    let deprecated = pinned.deprecated.as_deref().map(|note| format!("deprecated: {}", words::sentence(note)));
    let published = Some(on(pinned.published_at)).filter(|text| !text.is_empty());
    published.into_iter().chain(yanked).chain(deprecated).collect::<Vec<_>>().join(", ")
}

/// `0 major, 14 minor, 0 patch, 40 releases`.
fn distance(behind: Behind) -> String {
    let Behind { major, minor, patch, releases } = behind;
    format!("{major} major, {minor} minor, {patch} patch, {}", words::counted(releases, "release"))
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
        let templates =
            [include_str!("../../templates/page.html.hbs"), include_str!("../../templates/report.html.hbs")];
        for template in templates {
            assert!(!template.contains("{{{") && !template.contains("{{&"));
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
            assert!(page.style.contains(&rule), "{rule}");
        }
        for group in 0..page.groups.len() {
            assert!(page.style.contains(&format!("option[value=g{group}]:checked) .findings tbody:not(.g{group}) ")));
        }
    }
}
