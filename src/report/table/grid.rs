//! Columns: which ones a terminal has room for, how wide each is, and one row wrapped into them.

use comfy_table::{ColumnConstraint, Width};
use unicode_width::UnicodeWidthStr;

use super::Entry;
use super::line::plain_table;

/// Before every row.
pub(super) const INDENT: u16 = 2;

/// Between two columns.
const GAP: u16 = 2;

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

/// From the widest to the one for eighty columns; below that, findings are stacked.
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

/// Columns with the widths that fit a terminal.
pub(super) struct Grid {
    columns: &'static [Column],
    widths: Vec<u16>,
    terminal: u16,
}

impl Grid {
    /// The widest layout that the terminal has room for; `None` where it has room for none.
    pub(super) fn fit(entries: &[&Entry], terminal: u16) -> Option<Self> {
        LAYOUTS.iter().find_map(|layout| Self::fit_layout(layout, entries, terminal))
    }

    /// The columns that have most to spare give way first.
    fn fit_layout(layout: &Layout, entries: &[&Entry], terminal: u16) -> Option<Self> {
        let wanted = |column: &Column| {
            let content = entries.iter().map(|entry| column.cell(entry).width()).max().unwrap_or(0);
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

    /// What stands above the columns.
    pub(super) fn header(&self) -> Vec<String> {
        self.wrapped(self.columns.iter().map(|column| column.heading().to_owned()).collect())
    }

    /// The lines of one finding.
    pub(super) fn row(&self, entry: &Entry) -> Vec<String> {
        self.wrapped(self.columns.iter().map(|column| column.cell(entry)).collect())
    }

    fn wrapped(&self, cells: Vec<String>) -> Vec<String> {
        let mut table = plain_table(self.terminal);
        table.add_row(cells);
        let last = self.widths.len() - 1;
        for (index, (column, width)) in table.column_iter_mut().zip(&self.widths).enumerate() {
            let (left, right) = (if index == 0 { INDENT } else { 0 }, if index == last { 0 } else { GAP });
            column.set_padding((left, right));
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width + left + right)));
        }
        table.lines().collect()
    }
}
