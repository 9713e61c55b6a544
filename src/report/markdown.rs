//! A job summary: Markdown as GitHub renders it, through `templates/summary.md.hbs`.
//!
//! The template arranges, this module chooses. Whatever the template shows goes through [`escape::markdown`] unless a
//! helper says otherwise: `code` for names and versions, `code_link` for those that may have an address, `address` for
//! where a link leads.

use std::sync::LazyLock;

use handlebars::{Handlebars, Helper};
use serde::Serialize;

use super::templates::{embedded, helper, text};
use super::{Finding, Report, Target, escape, words};
use crate::lag::Status;
use crate::policy::Severity;

/// A step's summary [ends at 1 MiB](https://docs.github.com/actions/using-workflows/workflow-commands-for-github-actions#step-isolation-and-limits),
/// above which GitHub shows nothing of it; a little is left for what else the step writes there.
const BUDGET: usize = 1024 * 1024 - 64 * 1024;

const TEMPLATE: &str = "summary";

static TEMPLATES: LazyLock<Handlebars<'static>> =
    LazyLock::new(|| templates([(TEMPLATE, include_str!("../../templates/summary.md.hbs"))]));

/// Templates of Markdown: strict, escaping, and with the helpers named above.
pub(crate) fn templates<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Handlebars<'static> {
    let mut templates = embedded(escape::markdown, texts);
    templates.register_helper("code", helper(|helper| escape::markdown_code(text(helper, 0))));
    templates.register_helper("code_link", helper(code_link));
    templates
        .register_helper("address", helper(|helper| escape::markdown_address(text(helper, 0)).unwrap_or_default()));
    templates
}

fn code_link(helper: &Helper<'_>) -> String {
    let name = escape::markdown_code(text(helper, 0));
    match escape::markdown_address(text(helper, 1)) {
        Some(address) => format!("[{name}]({address})"),
        None => name,
    }
}

pub(super) fn render(report: &Report) -> String {
    within(report, BUDGET)
}

/// The summary with as many findings, worst first, as the budget in bytes has room for.
fn within(report: &Report, budget: usize) -> String {
    let findings = words::worst_first(&report.findings);
    let whole = page(report, &findings, findings.len());
    if whole.len() <= budget {
        return whole;
    }
    // a page grows with every finding, so the last one that fits can be searched for by halves
    let (mut fits, mut too_many) = (0, findings.len());
    while too_many - fits > 1 {
        let middle = usize::midpoint(fits, too_many);
        if page(report, &findings, middle).len() <= budget { fits = middle } else { too_many = middle }
    }
    page(report, &findings, fits)
}

fn page(report: &Report, worst_first: &[&Finding], shown: usize) -> String {
    TEMPLATES
        .render(TEMPLATE, &Page::of(report, &worst_first[..shown]))
        .expect("the page has every field that the template names")
}

/// What the template shows.
#[derive(Serialize)]
struct Page<'a> {
    headline: String,
    totals: String,
    behind: Vec<Row<'a>>,
    unknown: Vec<Unknown<'a>>,
    noted: Vec<Noted<'a>>,
    linked: Vec<Linked<'a>>,
    current: Vec<Row<'a>>,
    /// How many findings are not shown, in words; empty when all are.
    left_out: String,
    footer: String,
}

#[derive(Serialize)]
struct Row<'a> {
    severity: &'static str,
    id: String,
    pinned: String,
    newest: Newest<'a>,
    behind: String,
    since: String,
    next: String,
}

#[derive(Serialize)]
struct Newest<'a> {
    version: String,
    url: Option<&'a str>,
}

#[derive(Serialize)]
struct Unknown<'a> {
    id: String,
    pinned: String,
    kind: &'static str,
    message: std::borrow::Cow<'a, str>,
    next: String,
}

#[derive(Serialize)]
struct Noted<'a> {
    id: String,
    pinned: String,
    notices: Vec<Note<'a>>,
}

#[derive(Serialize)]
struct Note<'a> {
    kind: &'static str,
    message: std::borrow::Cow<'a, str>,
}

#[derive(Serialize)]
struct Linked<'a> {
    id: String,
    links: Vec<Link<'a>>,
}

#[derive(Serialize)]
struct Link<'a> {
    name: &'static str,
    url: &'a str,
}

impl<'a> Page<'a> {
    fn of(report: &'a Report, findings: &[&'a Finding]) -> Self {
        let rows = |wanted: fn(&Finding) -> bool| {
            findings.iter().filter(move |finding| wanted(finding)).map(|finding| Row::of(finding, report)).collect()
        };
        let left_out = report.findings.len() - findings.len();
        Self {
            headline: words::headline(report),
            totals: words::totals(&report.summary),
            behind: rows(asks_something),
            unknown: findings.iter().filter_map(|finding| Unknown::of(finding, report)).collect(),
            noted: findings.iter().filter_map(|finding| Noted::of(finding)).collect(),
            linked: findings.iter().filter_map(|finding| Linked::of(finding)).collect(),
            current: rows(|finding| finding.severity == Some(Severity::None)),
            left_out: if left_out == 0 { String::new() } else { words::counted(left_out as u64, "package") },
            footer: format!(
                "{} {}, as of {}",
                report.tool.name,
                report.tool.version,
                report.generated_at.format("%Y-%m-%d %H:%M UTC")
            ),
        }
    }
}

fn asks_something(finding: &Finding) -> bool {
    finding.severity > Some(Severity::None)
}

impl<'a> Row<'a> {
    fn of(finding: &'a Finding, report: &Report) -> Self {
        Self {
            severity: words::severity(finding),
            id: words::cell(&finding.id).into_owned(),
            pinned: words::version_cell(&finding.pinned.version).into_owned(),
            newest: Newest {
                version: words::version_cell(&words::newest(finding)).into_owned(),
                url: finding.newest.as_ref().and_then(|newest: &Target| newest.url.as_deref()),
            },
            behind: words::behind(finding).join(", "),
            since: words::since(finding).unwrap_or_default(),
            next: words::next_step(finding, report.generated_at),
        }
    }
}

impl<'a> Unknown<'a> {
    fn of(finding: &'a Finding, report: &Report) -> Option<Self> {
        let error = finding.error.as_ref().filter(|_| finding.status == Status::Unknown)?;
        Some(Self {
            id: words::label(&finding.id).into_owned(),
            pinned: words::version(&finding.pinned.version).into_owned(),
            kind: error.kind.as_str(),
            message: words::sentence(&error.message),
            next: words::next_step(finding, report.generated_at),
        })
    }
}

impl<'a> Noted<'a> {
    fn of(finding: &'a Finding) -> Option<Self> {
        let notices = finding
            .notices
            .iter()
            .map(|notice| Note { kind: notice.kind.as_str(), message: words::sentence(&notice.message) });
        (!finding.notices.is_empty()).then(|| Self {
            id: words::label(&finding.id).into_owned(),
            pinned: words::version(&finding.pinned.version).into_owned(),
            notices: notices.collect(),
        })
    }
}

impl<'a> Linked<'a> {
    fn of(finding: &'a Finding) -> Option<Self> {
        let links: Vec<Link<'a>> = words::links(&finding.links)
            .map(|(name, url)| Link { name, url })
            .filter(|link| escape::markdown_address(link.url).is_some())
            .collect();
        let is_useful = finding.status == Status::Behind && !links.is_empty();
        is_useful.then(|| Self { id: words::label(&finding.id).into_owned(), links })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Report {
        serde_json::from_str(include_str!("../../tests/data/report/sample.json")).unwrap()
    }

    #[test]
    fn a_budget_drops_the_mildest_and_says_how_many() {
        let report = sample();
        let whole = render(&report);
        assert!(!whole.contains("left out"));
        for budget in (1_000..whole.len()).step_by(500) {
            let page = within(&report, budget);
            assert!(page.len() <= budget, "{} bytes for a budget of {budget}", page.len());
            let findings = words::worst_first(&report.findings);
            let has = |id: &str| page.contains(&escape::markdown_code(id));
            let is_shown = |finding: &&&Finding| has(&words::cell(&finding.id)) || has(&words::label(&finding.id));
            let shown = findings.iter().take_while(is_shown);
            let left_out = findings.len() - shown.count();
            assert!(
                page.contains(&format!("{} that are no worse", words::counted(left_out as u64, "package"))),
                "{page}"
            );
        }
        assert_eq!(within(&report, whole.len()), whole);
    }

    #[test]
    fn the_template_shows_nothing_unescaped() {
        let template = include_str!("../../templates/summary.md.hbs");
        assert!(!template.contains("{{{") && !template.contains("{{&"));
    }

    #[test]
    fn an_address_or_a_field_that_is_missing_is_no_link() {
        let mut report = sample();
        report.findings.retain(|finding| finding.id == "rust/tokio");
        report.findings[0].newest.as_mut().unwrap().url = Some("javascript:alert(1)".to_owned());
        let page = render(&report);
        assert!(page.contains("| `1.54.1` |"), "{page}");
        assert!(!page.contains("javascript"), "{page}");
    }
}
