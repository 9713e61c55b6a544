//! The table for people: groups in the order of the pins file, worst first within each, and what to do next.
//!
//! As many columns as the terminal has room for; where it has room for none, the same words one below the other. No line
//! is ever wider than the terminal. Severity stands first and is a word; colour only repeats it. Everything around
//! upstream's own words is ASCII, so that it reads the same under every locale.
//!
//! `comfy-table` wraps and aligns plain text, whose widths it measures; colour is put on afterwards, line by line.

use anstyle::{AnsiColor, Style};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use unicode_width::UnicodeWidthStr;

use super::escape::terminal;
use super::{Finding, Options, Report, words};
use crate::policy::Severity;

/// Below this there is no room for words.
const NARROWEST: u16 = 20;

/// Before every row.
const INDENT: u16 = 2;

/// Between two columns.
const GAP: u16 = 2;

/// Before lines that belong to the row above, as far as the package column.
const BELOW: u16 = 12;

pub(super) fn render(report: &Report, options: &Options) -> String {
    let width = options.width.max(NARROWEST);
    let entries: Vec<(&str, Vec<Entry>)> = words::by_group(report)
        .into_iter()
        .map(|(group, findings)| (group, findings.into_iter().map(|finding| Entry::of(finding, report)).collect()))
        .collect();
    let mut lines = body(&entries, width);
    lines.extend(closing(report, width));
    lines.iter().map(|line| line.painted(options.colour)).collect()
}

/// One line, and what colour puts on it.
struct Line {
    text: String,
    paint: Paint,
}

#[derive(Clone, Copy)]
enum Paint {
    Nothing,
    All(Style),
    /// The first time that the word stands in the line.
    Word(&'static str, Style),
}

impl Line {
    /// A line without trailing spaces that no runner takes for a [workflow
    /// command](https://docs.github.com/actions/using-workflows/workflow-commands-for-github-actions), which starts with
    /// `::`, whatever the wrapping put in front.
    fn new(text: &str, paint: Paint) -> Self {
        let text = text.trim_end();
        let start = text.len() - text.trim_start().len();
        let command = text[start..].strip_prefix("::").map(|rest| format!("{}.:{rest}", &text[..start]));
        Self { text: command.unwrap_or_else(|| text.to_owned()), paint }
    }

    fn empty() -> Self {
        Self::new("", Paint::Nothing)
    }

    fn painted(&self, colour: bool) -> String {
        let Self { text, paint } = self;
        match *paint {
            Paint::All(style) if colour && !text.is_empty() => format!("{style}{text}{style:#}\n"),
            Paint::Word(word, style) if colour => match text.split_once(word) {
                Some((before, after)) => format!("{before}{style}{word}{style:#}{after}\n"),
                None => format!("{text}\n"),
            },
            _ => format!("{text}\n"),
        }
    }
}

const HEADING: Style = Style::new().bold();
const HEADER: Style = Style::new().dimmed();

/// One finding in words, escaped for a terminal.
struct Entry {
    severity: &'static str,
    style: Style,
    package: String,
    pinned: String,
    newest: String,
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
            behind: words::behind(finding),
            since: words::since(finding).unwrap_or_default(),
            next: terminal(&words::next_step(finding, report.generated_at)),
            below: error.chain(notices).collect(),
        }
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Severity,
    Package,
    Pinned,
    Newest,
    /// All counts: `2 minor, 14 releases`.
    Behind,
    /// The most significant count: `2 minor`.
    BehindShort,
    Since,
    Next,
}

/// Columns, and how narrow those with names, versions and sentences may get before they are wrapped beyond reading.
struct Layout {
    columns: &'static [Column],
    package: usize,
    version: usize,
    next: usize,
}

/// From the widest to the one for eighty columns; below that, [`stacked`].
const LAYOUTS: [Layout; 3] = [
    Layout {
        columns: &[
            Column::Severity,
            Column::Package,
            Column::Pinned,
            Column::Newest,
            Column::Behind,
            Column::Since,
            Column::Next,
        ],
        package: 24,
        version: 14,
        next: 24,
    },
    Layout {
        columns: &[
            Column::Severity,
            Column::Package,
            Column::Pinned,
            Column::Newest,
            Column::BehindShort,
            Column::Since,
            Column::Next,
        ],
        package: 16,
        version: 12,
        next: 20,
    },
    Layout {
        columns: &[
            Column::Severity,
            Column::Package,
            Column::Pinned,
            Column::Newest,
            Column::BehindShort,
            Column::Next,
        ],
        package: 14,
        version: 9,
        next: 16,
    },
];

impl Layout {
    /// Counts and dates are never wrapped.
    const fn least(&self, column: Column) -> usize {
        match column {
            Column::Package => self.package,
            Column::Pinned | Column::Newest => self.version,
            Column::Next => self.next,
            Column::Severity | Column::Behind | Column::BehindShort | Column::Since => usize::MAX,
        }
    }
}

impl Column {
    const fn heading(self) -> &'static str {
        match self {
            Self::Severity => "severity",
            Self::Package => "package",
            Self::Pinned => "pinned",
            Self::Newest => "newest",
            Self::Behind | Self::BehindShort => "behind",
            Self::Since => "since",
            Self::Next => "next",
        }
    }

    fn cell(self, entry: &Entry) -> String {
        match self {
            Self::Severity => entry.severity.to_owned(),
            Self::Package => entry.package.clone(),
            Self::Pinned => entry.pinned.clone(),
            Self::Newest => entry.newest.clone(),
            Self::Behind => entry.behind.join(", "),
            Self::BehindShort => entry.behind.first().cloned().unwrap_or_default(),
            Self::Since => entry.since.clone(),
            Self::Next => entry.next.clone(),
        }
    }

    /// From where on a cell is wrapped however wide the terminal is.
    const fn most(self) -> usize {
        match self {
            Self::Package => 40,
            Self::Pinned | Self::Newest => 28,
            Self::Next => 72,
            Self::Severity | Self::Behind | Self::BehindShort | Self::Since => usize::MAX,
        }
    }
}

type Groups<'a> = [(&'a str, Vec<Entry>)];

/// The rows in the widest layout that the terminal has room for.
fn body(groups: &Groups<'_>, width: u16) -> Vec<Line> {
    if groups.is_empty() {
        return Vec::new();
    }
    LAYOUTS
        .iter()
        .find_map(|layout| Grid::fit(layout, groups, width))
        .map_or_else(|| stacked(groups, width), |grid| grid.lines(groups))
}

/// Columns with the widths that fit a terminal.
struct Grid {
    columns: &'static [Column],
    widths: Vec<u16>,
    terminal: u16,
}

impl Grid {
    /// `None` where the terminal is too narrow. The columns that have most to spare give way first.
    fn fit(layout: &Layout, groups: &Groups<'_>, terminal: u16) -> Option<Self> {
        let entries = || groups.iter().flat_map(|(_, entries)| entries);
        let wanted = |column: &Column| {
            let content = entries().map(|entry| column.cell(entry).width()).max().unwrap_or(0);
            content.min(column.most()).max(column.heading().len())
        };
        let mut widths: Vec<usize> = layout.columns.iter().map(wanted).collect();
        let room = usize::from(terminal - INDENT) - usize::from(GAP) * (widths.len() - 1);
        while widths.iter().sum::<usize>() > room {
            let spare =
                layout.columns.iter().zip(&widths).map(|(column, width)| width.saturating_sub(layout.least(*column)));
            let (_, most) = spare.zip(0..).filter(|(spare, _)| *spare > 0).max()?;
            widths[most] -= 1;
        }
        let widths = widths.into_iter().map(u16::try_from).collect::<Result<_, _>>().ok()?;
        Some(Self { columns: layout.columns, widths, terminal })
    }

    fn lines(&self, groups: &Groups<'_>) -> Vec<Line> {
        let headings = self.columns.iter().map(|column| column.heading().to_owned()).collect();
        let mut lines: Vec<Line> = self.row(headings).iter().map(|text| Line::new(text, Paint::All(HEADER))).collect();
        for (group, entries) in groups {
            lines.extend(heading(group, self.terminal));
            lines.extend(entries.iter().flat_map(|entry| self.entry(entry)));
            lines.push(Line::empty());
        }
        lines
    }

    fn entry(&self, entry: &Entry) -> Vec<Line> {
        let row = self.row(self.columns.iter().map(|column| column.cell(entry)).collect());
        let mut lines: Vec<Line> = row.iter().map(|text| Line::new(text, Paint::Nothing)).collect();
        if let Some(first) = lines.first_mut() {
            first.paint = entry.paint();
        }
        lines.extend(below(entry, BELOW, self.terminal));
        lines
    }

    /// One row, wrapped into its columns.
    fn row(&self, cells: Vec<String>) -> Vec<String> {
        let mut table = plain_table(self.terminal);
        table.add_row(cells);
        let last = self.widths.len() - 1;
        for (index, (column, width)) in table.column_iter_mut().zip(&self.widths).enumerate() {
            let padding = (if index == 0 { INDENT } else { 0 }, if index == last { 0 } else { GAP });
            column.set_padding(padding);
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width + padding.0 + padding.1)));
        }
        table.lines().collect()
    }
}

fn plain_table(width: u16) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table
}

/// A text in lines of at most `width` columns, all of them indented.
fn wrapped(text: &str, indent: u16, width: u16) -> Vec<String> {
    let mut table = plain_table(width);
    table.add_row([text]);
    if let Some(column) = table.column_mut(0) {
        column.set_padding((indent, 0)).set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
    }
    table.lines().collect()
}

fn heading(group: &str, width: u16) -> impl Iterator<Item = Line> {
    wrapped(&terminal(&words::label(group)), 0, width).into_iter().map(|text| Line::new(&text, Paint::All(HEADING)))
}

/// The sentences below a row.
fn below(entry: &Entry, indent: u16, width: u16) -> impl Iterator<Item = Line> {
    let indent = indent.min(width / 5);
    entry.below.iter().flat_map(move |text| wrapped(text, indent, width)).map(|text| Line::new(&text, Paint::Nothing))
}

/// Every finding as a few lines one below the other, for narrow terminals.
fn stacked(groups: &Groups<'_>, width: u16) -> Vec<Line> {
    let mut lines = Vec::new();
    for (group, entries) in groups {
        lines.extend(heading(group, width));
        lines.extend(entries.iter().flat_map(|entry| stack(entry, width)));
        lines.push(Line::empty());
    }
    lines
}

fn stack(entry: &Entry, width: u16) -> Vec<Line> {
    let mut lines: Vec<Line> = wrapped(&format!("{} {}", entry.severity, entry.package), INDENT, width)
        .iter()
        .map(|text| Line::new(text, Paint::Nothing))
        .collect();
    if let Some(first) = lines.first_mut() {
        first.paint = entry.paint();
    }
    let distance = [entry.behind.join(", "), entry.since.clone()].into_iter().filter(|part| !part.is_empty());
    let versions = format!("{} -> {}", entry.pinned, entry.newest);
    let facts: Vec<String> = std::iter::once(versions).chain(distance).collect();
    for text in [facts.join(", "), entry.next.clone()] {
        lines.extend(wrapped(&text, 2 * INDENT, width).iter().map(|text| Line::new(text, Paint::Nothing)));
    }
    lines.extend(below(entry, 2 * INDENT, width));
    lines
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
