//! The totals above a table of packages.

use serde::Serialize;

use crate::report::{Finding, Report, words};

/// What `templates/figures.html.hbs` shows.
#[derive(Debug, Serialize)]
pub(crate) struct Totals {
    /// What a person has to know who reads no further.
    #[serde(skip)]
    pub(crate) headline: String,
    figures: Vec<Figure>,
    /// Of how many packages nothing is known, in words; empty for none.
    unknown: String,
    /// What is known of how many packages is not fresh, in words; empty for none.
    stale: String,
}

#[derive(Debug, Serialize)]
struct Figure {
    name: &'static str,
    value: String,
}

impl Totals {
    /// Those of a report.
    pub(crate) fn of(report: &Report) -> Self {
        let aged = report.findings.iter().filter(|finding| Finding::is_stale(finding)).count();
        Self {
            headline: headline(report, aged),
            figures: figures(report),
            unknown: packages(report.summary.unknown),
            stale: packages(aged),
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
