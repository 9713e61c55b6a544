//! What stands in the row of a package, and below it.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::lag::{Behind, Status};
use crate::report::{Finding, Pinned, Target, escape, words};

/// One package, as `templates/findings.html.hbs` and `templates/facts.html.hbs` show it.
#[derive(Debug, Serialize)]
pub(crate) struct Row<'a> {
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

#[derive(Debug, Serialize)]
struct Link<'a> {
    version: Cow<'a, str>,
    url: Option<String>,
}

/// Why nothing is known, or a notice.
#[derive(Debug, Serialize)]
struct Said<'a> {
    kind: &'static str,
    message: Cow<'a, str>,
}

/// A line of the details: a version or a name, if there is one, and what is to be said of it.
#[derive(Debug, Serialize)]
struct Fact {
    name: &'static str,
    code: String,
    text: String,
}

#[derive(Debug, Serialize)]
struct NamedLink {
    name: &'static str,
    url: String,
}

impl<'a> Row<'a> {
    /// Of a report as of an instant. `packages` is the address under which each package has a page.
    pub(crate) fn of(finding: &'a Finding, as_of: DateTime<Utc>, packages: Option<&str>) -> Self {
        let id = path(&finding.group, &finding.package);
        Self {
            url: packages.map(|base| format!("{base}{id}")),
            id,
            classes: kinds(finding).collect::<Vec<_>>().join(" "),
            severity: words::severity(finding),
            stale: finding.is_stale(),
            is_behind: finding.status == Status::Behind,
            group: words::label(&finding.group),
            package: words::label(&finding.package),
            pinned: words::version(&finding.pinned.version),
            newest: finding.newest.as_ref().map(Link::of),
            behind: words::behind(finding).join(", "),
            since: words::since(finding).unwrap_or_default(),
            next: next_step(finding, as_of),
            said: said(finding),
            facts: facts(finding),
            links: links(finding),
        }
    }

    /// With one more class.
    pub(crate) fn in_class(mut self, class: &str) -> Self {
        self.classes = format!("{class} {}", self.classes);
        self
    }
}

/// `group/package` as the end of an address.
pub(crate) fn path(group: &str, package: &str) -> String {
    format!("{}/{}", escape::segment(group), escape::segment(package))
}

impl<'a> Link<'a> {
    fn of(target: &'a Target) -> Self {
        Self { version: words::version(&target.version), url: target.url.as_deref().and_then(escape::web_address) }
    }
}

/// The next step as every format has it, but a page is looked at for longer than a terminal: what was current when a
/// registry was last asked is not called so.
fn next_step(finding: &Finding, as_of: DateTime<Utc>) -> String {
    if finding.is_stale() && finding.status == Status::Current {
        return "ask again: it was current when last asked".to_owned();
    }
    words::next_step(finding, as_of)
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

/// What a finding is, in the words of the filters.
pub(crate) fn kinds(finding: &Finding) -> impl Iterator<Item = &'static str> {
    let also = [("new", finding.new == Some(true)), ("overdue", finding.overdue), ("stale", finding.is_stale())];
    std::iter::once(words::severity(finding)).chain(also.into_iter().filter_map(|(kind, is_so)| is_so.then_some(kind)))
}
