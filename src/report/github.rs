//! Annotations for GitHub Actions: one [workflow
//! command](https://docs.github.com/actions/using-workflows/workflow-commands-for-github-actions) a finding, which
//! points at the pin's line. The worst come first, since GitHub shows only the first few and drops the rest silently.

use std::fmt::Write as _;

use super::escape::{workflow_data, workflow_property};
use super::{Finding, Options, Report, words};
use crate::policy::Severity;

/// How many annotations of one level GitHub [shows a
/// step](https://docs.github.com/rest/checks/runs); later ones of that level are dropped.
pub(super) const PER_LEVEL: usize = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Error,
    Warning,
    Notice,
}

impl Level {
    /// `None` for a finding that asks nothing of anybody. Unknown is a warning: it is not known to be harmless.
    const fn of(finding: &Finding) -> Option<Self> {
        match finding.severity {
            Some(Severity::None) => None,
            Some(Severity::Info | Severity::Notice) => Some(Self::Notice),
            Some(Severity::Warning) | None => Some(Self::Warning),
            Some(Severity::Error | Severity::Critical) => Some(Self::Error),
        }
    }

    const fn command(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

pub(super) fn render(report: &Report, options: &Options) -> String {
    let mut told: Vec<(Level, &Finding)> = words::worst_first(&report.findings)
        .into_iter()
        .filter_map(|finding| Some((Level::of(finding)?, finding)))
        .collect();
    // what a pull request brings must not be among those that GitHub drops
    told.sort_by_key(|(_, finding)| finding.new != Some(true));
    let shown = &told[..shown(&told, options.annotations)];
    let mut lines: String = shown.iter().map(|(level, finding)| annotation(*level, finding, report)).collect();
    if shown.len() < told.len() {
        lines.push_str(&remainder(told.len() - shown.len(), report));
    }
    lines
}

/// The limit, less what keeps the closing notice from being one notice too many for GitHub to show it. Notices are the
/// mildest, so they are the last to be told.
fn shown(told: &[(Level, &Finding)], limit: usize) -> usize {
    if told.len() <= limit {
        return told.len();
    }
    let notices = told[..limit].iter().filter(|(level, _)| *level == Level::Notice).count();
    limit - (notices + 1).saturating_sub(PER_LEVEL)
}

fn annotation(level: Level, finding: &Finding, report: &Report) -> String {
    let mut line = format!("::{} ", level.command());
    if let Some(place) = &finding.place {
        let file = workflow_property(place.file.strip_prefix("./").unwrap_or(&place.file));
        write!(line, "file={file},line={},col={},", place.line, place.column).expect("a string takes every write");
    }
    let message = workflow_data(&message(finding, report));
    writeln!(line, "title={}::{message}", workflow_property(&title(finding))).expect("a string takes every write");
    line
}

/// The severity by word: a level has fewer steps.
fn title(finding: &Finding) -> String {
    let new = if finding.new == Some(true) { "new " } else { "" };
    format!("{new}{}: {}", words::severity(finding), words::label(&finding.id))
}

/// What there is to say of a finding, with a line for each notice. Upstream's own words may be part of it.
pub(super) fn message(finding: &Finding, report: &Report) -> String {
    let next = words::next_step(finding, report.generated_at);
    let versions = words::versions(finding);
    let head = match &finding.error {
        Some(error) => format!("{versions}: {}: {} ({next})", error.kind, words::sentence(&error.message)),
        None => format!("{versions}{}; {next}", distance(finding)),
    };
    let notices = finding.notices.iter().map(|notice| format!("note: {}", words::sentence(&notice.message)));
    std::iter::once(head).chain(notices).collect::<Vec<_>>().join("\n")
}

/// ` (14 minor, 40 releases, 810 d)`, or nothing.
fn distance(finding: &Finding) -> String {
    let mut parts = words::behind(finding);
    parts.extend(words::since(finding));
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

fn remainder(more: usize, report: &Report) -> String {
    let rest = if report.summary.new.is_some() { "" } else { ", none worse than these" };
    let message = format!("{more} more{rest}; {}", words::totals(&report.summary));
    format!("::notice title=upmon::{}\n", workflow_data(&message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Report {
        serde_json::from_str(include_str!("../../tests/data/report/sample.json")).unwrap()
    }

    fn lines(report: &Report, annotations: usize) -> Vec<String> {
        let options = Options { annotations, ..Options::default() };
        render(report, &options).lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_worst_are_told_and_the_rest_is_counted() {
        let report = sample();
        let all = lines(&report, usize::MAX);
        for limit in 0..all.len() {
            let some = lines(&report, limit);
            let (last, told) = some.split_last().unwrap();
            assert_eq!(told, &all[..limit]);
            assert!(last.starts_with(&format!("::notice title=upmon::{} more", all.len() - limit)), "{last}");
        }
    }

    #[test]
    fn the_closing_notice_is_never_one_notice_too_many() {
        let mut report = sample();
        let notice = report.findings.iter().find(|finding| finding.severity == Some(Severity::Notice)).unwrap().clone();
        report.findings = vec![notice; 15];
        assert_eq!(lines(&report, 10).len(), PER_LEVEL);
        assert_eq!(lines(&report, 12).len(), PER_LEVEL);
        assert!(lines(&report, 10)[9].contains("6 more"));
        assert_eq!(lines(&report, 15).len(), 15);
    }

    #[test]
    fn a_path_is_given_as_the_repository_knows_it() {
        let mut report = sample();
        report.findings.truncate(1);
        report.findings[0].place.as_mut().unwrap().file = "./a, b/pins: 100%.json".to_owned();
        let told = lines(&report, 10);
        assert!(told[0].starts_with("::error file=a%2C b/pins%3A 100%25.json,line=3,col=14,title="), "{}", told[0]);
    }
}
