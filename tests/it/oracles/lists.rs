//! The real version lists of packages: what parses, in which order, and which is newest.

use std::cmp::Ordering;
use std::collections::HashMap;

use serde_json::Value;
use upmon::version::{SchemeId, Version};

use super::{Disagreements, check, list_of, rows, scheme_of, text_of};

#[test]
fn crates_list_in_cargo_order() {
    check("A_lists/crates", check_list);
}

#[test]
fn npm_packages_list_in_node_semver_order() {
    check("A_lists/npm", check_list);
}

#[test]
fn python_packages_list_in_packaging_order() {
    check("A_lists/pypi", check_list);
}

#[test]
fn gems_list_in_rubygems_order() {
    check("A_lists/rubygems", check_list);
}

/// A package with its versions.
pub(super) struct List {
    pub(super) scheme: SchemeId,
    entries: Vec<Entry>,
}

/// One listed version.
struct Entry {
    label: String,
    /// `None` where the label does not parse.
    version: Option<Version>,
    /// Whether the registry offers it for new use: not yanked, and with a file.
    is_offered: bool,
    oracle: Oracle,
}

/// What the oracle says of a listed version.
struct Oracle {
    is_ok: bool,
    is_prerelease: Option<bool>,
    rank: Option<u64>,
}

/// All packages of a file of lists, by name.
pub(super) fn read_lists(file: &str) -> HashMap<String, List> {
    rows(file).iter().map(|row| (text_of(row, "package").to_owned(), List::read(row))).collect()
}

impl List {
    fn read(row: &Value) -> Self {
        let scheme = scheme_of(text_of(row, "scheme"));
        let columns = Columns(list_of(row, "columns"));
        let entries: Vec<Entry> =
            list_of(row, "rows").iter().map(|cells| Entry::read(scheme, columns, cells)).collect();
        assert!(!entries.is_empty(), "the list of {} is empty", row["package"]);
        Self { scheme, entries }
    }

    /// The versions that parse and are offered.
    pub(super) fn offered(&self) -> impl Iterator<Item = &Version> {
        self.entries.iter().filter(|entry| entry.is_offered).filter_map(|entry| entry.version.as_ref())
    }
}

/// The names of the cells.
#[derive(Clone, Copy)]
struct Columns<'row>(&'row [Value]);

impl Columns<'_> {
    /// A cell; null where the list has no such column.
    fn cell<'row>(self, cells: &'row Value, name: &str) -> &'row Value {
        self.0.iter().position(|column| column == name).map_or(&Value::Null, |index| &cells[index])
    }
}

impl Entry {
    fn read(scheme: SchemeId, columns: Columns<'_>, cells: &Value) -> Self {
        let label = columns.cell(cells, "v").as_str().expect("`v` is a text").to_owned();
        let is_yanked = columns.cell(cells, "yanked").as_bool().unwrap_or(false);
        Self {
            version: scheme.parse(&label).ok(),
            label,
            is_offered: !is_yanked && columns.cell(cells, "files").as_u64() != Some(0),
            oracle: Oracle {
                is_ok: columns.cell(cells, "ok").as_bool().expect("`ok` is a flag"),
                is_prerelease: columns.cell(cells, "pre").as_bool(),
                rank: columns.cell(cells, "rank").as_u64(),
            },
        }
    }
}

fn check_list(row: &Value, disagreements: &mut Disagreements) {
    let list = List::read(row);
    for entry in &list.entries {
        let label = &entry.label;
        disagreements.expect(&format!("whether `{label}` parses"), &entry.version.is_some(), &entry.oracle.is_ok);
        if let (Some(version), Some(oracle)) = (&entry.version, entry.oracle.is_prerelease) {
            disagreements.expect(&format!("whether `{label}` is a prerelease"), &version.is_prerelease(), &oracle);
        }
    }
    check_ranks(&list, disagreements);
    let expected = &row["expect"];
    expect_newest("newest_any", &list, |_| true, expected, disagreements);
    expect_newest("newest_stable", &list, |version| !version.is_prerelease(), expected, disagreements);
}

/// Neighbours by rank compare as their ranks do, which for a total order means that all pairs do.
fn check_ranks(list: &List, disagreements: &mut Disagreements) {
    let mut ranked: Vec<(u64, &Version)> =
        list.entries.iter().filter_map(|entry| Some((entry.oracle.rank?, entry.version.as_ref()?))).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    for pair in ranked.windows(2) {
        let [(lower_rank, lower), (higher_rank, higher)] = pair else { unreachable!("windows of two") };
        let what = format!("`{lower}` against `{higher}`");
        disagreements.expect(&what, &lower.precedence(higher), &lower_rank.cmp(higher_rank));
    }
}

/// The oracle names all spellings of the newest, or null where nothing is a candidate.
fn expect_newest(
    which: &str,
    list: &List,
    is_candidate: impl Fn(&Version) -> bool,
    expected: &Value,
    disagreements: &mut Disagreements,
) {
    let candidates: Vec<&Version> = list.offered().filter(|version| is_candidate(version)).collect();
    let newest = candidates.iter().copied().max_by(|a, b| a.total_order(b));
    let mut ours: Vec<&str> = candidates
        .iter()
        .filter(|version| newest.is_some_and(|newest| version.precedence(newest) == Ordering::Equal))
        .map(|version| version.as_str())
        .collect();
    let mut oracle: Vec<&str> = expected[which].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    ours.sort_unstable();
    oracle.sort_unstable();
    disagreements.expect(which, &ours, &oracle);
}
