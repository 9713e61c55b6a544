//! The table for people: groups in the order of the pins file, worst first within each, and what to do next.
//!
//! As many columns as the terminal has room for ([`grid`]); where it has room for none, the same words one below the
//! other. No line is ever wider than the terminal. Severity stands first and is a word; colour only repeats it.
//! Everything around upstream's own words is ASCII, so that it reads the same under every locale.
//!
//! `comfy-table` wraps and aligns plain text, whose widths it measures; colour is put on afterwards, line by line.

mod grid;
mod line;

use anstyle::{AnsiColor, Style};

use self::grid::{Grid, INDENT};
use self::line::{Line, Paint, first_painted, wrapped};
use super::escape::terminal;
use super::{Finding, Options, Report, words};
use crate::policy::Severity;

/// Below this there is no room for words.
const NARROWEST: u16 = 20;

/// Before the sentences below a row: as far as the package column.
const BELOW: u16 = 12;

const HEADING: Style = Style::new().bold();
const HEADER: Style = Style::new().dimmed();

pub(super) fn render(report: &Report, options: &Options) -> String {
    let width = options.width.max(NARROWEST);
    let groups: Vec<(&str, Vec<Entry>)> = words::by_group(report)
        .into_iter()
        .map(|(group, findings)| (group, findings.into_iter().map(|finding| Entry::of(finding, report)).collect()))
        .collect();
    let lines = body(&groups, width).into_iter().chain(closing(report, width));
    lines.map(|line| line.painted(options.colour)).collect()
}

/// The groups, in columns or stacked.
fn body(groups: &[(&str, Vec<Entry>)], width: u16) -> Vec<Line> {
    let entries: Vec<&Entry> = groups.iter().flat_map(|(_, entries)| entries).collect();
    let grid = Grid::fit(&entries, width).filter(|_| !entries.is_empty());
    let header = grid.iter().flat_map(Grid::header).map(|text| Line::new(&text, Paint::All(HEADER)));
    let mut lines: Vec<Line> = header.collect();
    for (group, entries) in groups {
        let heading = wrapped(&terminal(&words::label(group)), 0, width);
        lines.extend(heading.iter().map(|text| Line::new(text, Paint::All(HEADING))));
        for entry in entries {
            match &grid {
                Some(grid) => lines.extend(row(grid, entry, width)),
                None => lines.extend(stack(entry, width)),
            }
        }
        lines.push(Line::empty());
    }
    lines
}

fn row(grid: &Grid, entry: &Entry, width: u16) -> impl Iterator<Item = Line> {
    first_painted(grid.row(entry), entry.paint()).chain(indented(&entry.below, BELOW, width))
}

/// One finding as a few lines one below the other, for narrow terminals.
fn stack(entry: &Entry, width: u16) -> impl Iterator<Item = Line> {
    let title = wrapped(&format!("{} {}", entry.severity, entry.package), INDENT, width);
    first_painted(title, entry.paint())
        .chain(indented(&[entry.facts(), entry.next.clone()], 2 * INDENT, width))
        .chain(indented(&entry.below, 2 * INDENT, width))
}

fn indented(texts: &[String], indent: u16, width: u16) -> Vec<Line> {
    texts.iter().flat_map(|text| wrapped(text, indent, width)).map(|text| Line::new(&text, Paint::Nothing)).collect()
}

/// One finding in words, escaped for a terminal.
struct Entry {
    severity: &'static str,
    style: Style,
    package: String,
    pinned: String,
    newest: String,
    versions: String,
    behind: Vec<String>,
    since: String,
    next: String,
    /// Why nothing is known, and notices: sentences that stand below the row.
    below: Vec<String>,
}

impl Entry {
    fn of(finding: &Finding, report: &Report) -> Self {
        let error =
            finding.error.iter().map(|error| format!("{}: {}", error.kind, terminal(&words::sentence(&error.message))));
        let notices =
            finding.notices.iter().map(|notice| format!("note: {}", terminal(&words::sentence(&notice.message))));
        Self {
            severity: words::severity(finding),
            style: style(finding.severity),
            package: terminal(&words::label(&finding.package)),
            pinned: terminal(&words::version(&finding.pinned.version)),
            newest: terminal(&words::newest(finding)),
            versions: terminal(&words::versions(finding)),
            behind: words::behind(finding),
            since: words::since(finding).unwrap_or_default(),
            next: terminal(&words::next_step(finding, report.generated_at)),
            below: error.chain(notices).collect(),
        }
    }

    /// Versions and distance in one line.
    fn facts(&self) -> String {
        let distance = self.behind.iter().chain([&self.since]).filter(|part| !part.is_empty());
        std::iter::once(&self.versions).chain(distance).map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    fn paint(&self) -> Paint {
        Paint::Word(self.severity, self.style)
    }
}

fn style(severity: Option<Severity>) -> Style {
    let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
    match severity {
        None => colour(AnsiColor::Magenta).bold(),
        Some(Severity::None) => colour(AnsiColor::Green),
        Some(Severity::Info) => colour(AnsiColor::Blue),
        Some(Severity::Notice) => colour(AnsiColor::Cyan),
        Some(Severity::Warning) => colour(AnsiColor::Yellow),
        Some(Severity::Error) => colour(AnsiColor::Red),
        Some(Severity::Critical) => colour(AnsiColor::Red).bold(),
    }
}

/// The totals, and where to read on.
fn closing(report: &Report, width: u16) -> Vec<Line> {
    let summary = &report.summary;
    let worst = Paint::Word(words::worst(summary), style(summary.worst));
    let totals = wrapped(&words::totals(summary), 0, width).into_iter().map(|text| Line::new(&text, worst));
    let hints = hints(report).into_iter().flat_map(|hint| wrapped(&hint, 0, width));
    totals.chain(hints.map(|text| Line::new(&text, Paint::Word("hint:", HEADING)))).collect()
}

fn hints(report: &Report) -> Vec<String> {
    let explain = words::worst_first(&report.findings)
        .into_iter()
        .take_while(|finding| words::urgency(finding) > words::Urgency::None)
        .map(|finding| finding.id.as_str())
        .find(|id| is_plain_argument(id))
        .map(|id| format!("hint: `upmon explain {id}` shows every release seen and why it counts or not"));
    let unknown = (report.summary.unknown > 0)
        .then(|| "hint: unknown is never taken for current: exit code 3, unless `--allow-unknown`".to_owned());
    explain.into_iter().chain(unknown).collect()
}

/// Whether a shell takes the text as one argument without quotes, so that the hint can be copied.
fn is_plain_argument(text: &str) -> bool {
    !text.starts_with('-') && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@/._+-".contains(&byte))
}
