//! Which version of a real list a requirement picks.

use std::cmp::Ordering;
use std::collections::HashMap;

use serde_json::Value;
use upmon::version::{Requirement, SchemeId, Version};

use super::lists::{List, read_lists};
use super::{Disagreements, check, requirement_of, text_of};

#[test]
fn cargo_picks_the_highest_match_that_is_not_yanked() {
    let lists = read_lists("A_lists/crates");
    check("C_select/cargo", |row, disagreements| {
        let (list, requirement) = read(&lists, row);
        expect_pick("picked", highest(&matching(list, requirement.as_ref())), row, disagreements);
    });
}

/// `npm_pick` is left out: it prefers the dist-tag `latest` to a higher match, and we never recommend lower.
#[test]
fn npm_picks_the_ends_of_what_satisfies_a_range() {
    let lists = read_lists("A_lists/npm");
    check("C_select/npm", |row, disagreements| {
        let (list, requirement) = read(&lists, row);
        let mut matching = matching(list, requirement.as_ref());
        expect_pick("max_satisfying", highest(&matching), row, disagreements);
        matching.sort_by(|a, b| a.total_order(b));
        expect_pick("min_satisfying", matching.first().copied(), row, disagreements);
    });
}

/// A filter of `packaging` hides prereleases while a final release matches, unless a specifier names a prerelease.
#[test]
fn packaging_picks_the_highest_match_with_and_without_prereleases() {
    let lists = read_lists("A_lists/pypi");
    check("C_select/pep440", |row, disagreements| {
        let (list, requirement) = read(&lists, row);
        let all = matching(list, requirement.as_ref());
        let finals = without_prereleases(&all);
        expect_pick("picked_with_prereleases", highest(&all), row, disagreements);
        expect_pick("picked_no_prereleases", highest(&finals), row, disagreements);
        let hides = !finals.is_empty() && !names_a_prerelease(SchemeId::Pep440, requirement.as_ref());
        expect_pick("picked", highest(if hides { &finals } else { &all }), row, disagreements);
    });
}

/// A dependency hides prereleases unless its requirement names one.
#[test]
fn rubygems_picks_the_highest_match_with_and_without_prereleases() {
    let lists = read_lists("A_lists/rubygems");
    check("C_select/gem", |row, disagreements| {
        let (list, requirement) = read(&lists, row);
        let all = matching(list, requirement.as_ref());
        expect_pick("picked_requirement_only", highest(&all), row, disagreements);
        let hides = !names_a_prerelease(SchemeId::Gem, requirement.as_ref());
        let offered = if hides { without_prereleases(&all) } else { all };
        expect_pick("picked", highest(&offered), row, disagreements);
    });
}

/// The list and the requirement of a row; `None` where it is none, such as a dist-tag, which picks nothing.
fn read<'lists>(lists: &'lists HashMap<String, List>, row: &Value) -> (&'lists List, Option<Requirement>) {
    let list = lists.get(text_of(row, "package")).unwrap_or_else(|| panic!("no list has {}", row["package"]));
    (list, list.scheme.requirement(&requirement_of(row)).ok())
}

fn matching<'list>(list: &'list List, requirement: Option<&Requirement>) -> Vec<&'list Version> {
    list.offered().filter(|version| requirement.is_some_and(|requirement| requirement.accepts(version))).collect()
}

fn without_prereleases<'list>(versions: &[&'list Version]) -> Vec<&'list Version> {
    versions.iter().copied().filter(|version| !version.is_prerelease()).collect()
}

fn highest<'list>(versions: &[&'list Version]) -> Option<&'list Version> {
    versions.iter().copied().max_by(|a, b| a.total_order(b))
}

/// Which of several equal spellings is picked depends on the order of the list, so equal ones agree.
fn expect_pick(which: &str, ours: Option<&Version>, row: &Value, disagreements: &mut Disagreements) {
    let ours_text = ours.map(Version::as_str);
    let oracle = row[which].as_str();
    assert!(!row[which].is_null() || row.get(which).is_some(), "`{which}` is missing in {row}");
    let is_same = match (ours, oracle) {
        (Some(ours), Some(oracle)) => {
            ours.scheme().parse(oracle).is_ok_and(|oracle| ours.precedence(&oracle) == Ordering::Equal)
        }
        (ours, oracle) => ours.is_none() && oracle.is_none(),
    };
    disagreements.expect(which, &if is_same { oracle } else { ours_text }, &oracle);
}

/// Whether one of the clauses between commas names a prerelease; PEP 440's `!=` does not count.
fn names_a_prerelease(scheme: SchemeId, requirement: Option<&Requirement>) -> bool {
    let Some(requirement) = requirement else { return false };
    let clauses = requirement.as_str().split(',').map(str::trim);
    clauses.filter(|clause| scheme != SchemeId::Pep440 || !clause.starts_with("!=")).any(|clause| {
        let label = clause.trim_start_matches(['=', '<', '>', '~', '!', ' ']);
        scheme.parse(label).is_ok_and(|version| version.is_prerelease())
    })
}
