use std::collections::BTreeSet;

use super::*;
use crate::holds::{Noted, Remembered, Shape};
use crate::pin::{Ignore, Written};
use crate::registry::RegistryId;

fn at(day: &str) -> DateTime<Utc> {
    format!("{day}T12:00:00Z").parse().unwrap()
}

fn limits() -> Limits<'static> {
    Limits::as_of(at("2026-11-20"))
}

fn released(version: &str, day: &str) -> Release {
    Release { published_at: Some(at(day)), ..Release::new(version) }
}

fn listed(versions: &[&str]) -> ReleaseSet {
    ReleaseSet { releases: versions.iter().map(|version| Release::new(*version)).collect(), ..ReleaseSet::default() }
}

fn holding(release: Release) -> ReleaseSet {
    ReleaseSet { releases: vec![release], ..ReleaseSet::default() }
}

/// Why the only release is not eligible.
fn rejection(pin: &Pin, release: Release, limits: Limits) -> Option<String> {
    let facts = holding(release);
    let selection = select(pin, &facts, limits).unwrap();
    selection.candidates[0].rejection.as_ref().map(ToString::to_string)
}

fn eligible(pin: &Pin, facts: &ReleaseSet) -> Vec<String> {
    select(pin, facts, limits()).unwrap().eligible().map(|(release, _)| release.version.to_string()).collect()
}

fn ignoring(versions: &str, reason: Option<&str>, until: Option<&str>) -> Pin {
    let until = until.map(|day| day.parse().unwrap());
    let ignore = Ignore { versions: versions.to_owned(), reason: reason.map(str::to_owned), until };
    Pin { ignore: vec![ignore], ..Pin::sample("1.0.0") }
}

#[test]
fn every_rejection_says_why() {
    let pin = Pin::sample("1.0.0");
    let yanked = |reason: &str| Release { yanked: Some(reason.into()), ..Release::new("1.1.0") };
    for (release, why) in [
        (Release::new("1.1.0"), None),
        (Release::new("0.9.0"), None),
        (released("1.1.0", "2026-11-20"), None),
        (Release { deprecated: Some("use 2".into()), ..Release::new("1.1.0") }, None),
        (Release::new("v1.1.0"), Some("does not match the tag template")),
        (Release::new("latest"), Some("does not match the tag template")),
        (yanked(""), Some("yanked")),
        (yanked("broken"), Some("yanked: broken")),
        (Release { without_files: true, ..Release::new("1.1.0") }, Some("has no file to install")),
        (released("1.1.0", "2026-11-21"), Some("published later, at 2026-11-21T12:00:00Z")),
        (Release::new("1.1.0-rc1"), Some("a prerelease")),
    ] {
        assert_eq!(rejection(&pin, release.clone(), limits()).as_deref(), why, "{release:?}");
    }
}

#[test]
fn a_label_that_does_not_parse_stays_in_the_trace() {
    let pin = Pin { scheme: SchemeId::Calver, ..Pin::sample("2024.1") };
    assert_eq!(
        rejection(&pin, Release::new("2024.13"), limits()).as_deref(),
        Some("does not parse: `13` is not a month")
    );
}

#[test]
fn the_first_reason_is_told() {
    let release = Release { yanked: Some("".into()), without_files: true, ..released("2.0.0-rc1", "2027-01-01") };
    assert_eq!(rejection(&ignoring(">=2", None, None), release, limits()).as_deref(), Some("yanked"));
}

#[test]
fn an_ignore_entry_holds_until_the_end_of_its_last_day() {
    for (until, why) in [
        (None, Some("ignored: breaks us")),
        (Some("2026-11-20"), Some("ignored until 2026-11-20: breaks us")),
        (Some("2026-11-19"), None),
    ] {
        let pin = ignoring(">=1.1", Some("breaks us"), until);
        assert_eq!(rejection(&pin, Release::new("1.1.0"), limits()).as_deref(), why, "{until:?}");
        assert_eq!(rejection(&pin, Release::new("1.0.1"), limits()), None);
    }
    assert_eq!(rejection(&ignoring("1.1.*", None, None), Release::new("1.1.5"), limits()).as_deref(), Some("ignored"));
}

#[test]
fn a_release_is_held_until_it_is_old_enough() {
    let limits = Limits { minimum_age: Some(TimeDelta::days(3)), ..limits() };
    for (release, why) in [
        (released("1.1.0", "2026-11-18"), Some("younger than minimum-age, held until 2026-11-21T12:00:00Z")),
        (released("1.1.0", "2026-11-17"), None),
        (
            Release::new("1.1.0"),
            Some(
                "younger than minimum-age, held until 2026-11-23T12:00:00Z; it has no date, and was first seen at \
                 2026-11-20T12:00:00Z",
            ),
        ),
        (Release::new("1.0.0"), None),
        (Release::new("0.9.0"), None),
        // what is in use already is current, and not unknown for being young
        (released("1.0.0", "2026-11-20"), None),
        (released("0.9.0", "2026-11-20"), None),
    ] {
        assert_eq!(rejection(&Pin::sample("1.0.0"), release.clone(), limits).as_deref(), why, "{release:?}");
    }
}

#[test]
fn a_release_without_a_date_ages_from_its_first_sight() {
    let noted = |seen: &str| Noted { content: BTreeSet::new(), held: None, seen: at(seen) };
    for (seen, is_held) in [("2026-11-17", false), ("2026-11-18", true)] {
        let releases = [("1.1.0".to_owned(), noted(seen))].into();
        let known = Remembered { releases, ..Remembered::default() };
        let memory = Some(Memory { known: &known, owner: None, major_jump: 0 });
        let limits = Limits { minimum_age: Some(TimeDelta::days(3)), memory, ..limits() };
        let why = rejection(&Pin::sample("1.0.0"), Release::new("1.1.0"), limits);
        assert_eq!(why.is_some(), is_held, "{why:?}");
    }
}

#[test]
fn only_what_would_be_a_target_is_suspicious() {
    let known = Remembered { major: 1, shapes: [Shape::Number].into(), ..Remembered::default() };
    let memory = Some(Memory { known: &known, owner: None, major_jump: 20 });
    let limits = Limits { minimum_age: Some(TimeDelta::days(3)), memory, ..limits() };
    for (release, rule) in [
        (released("99.0", "2026-11-01"), "suspicious"),
        // told before its age, so that somebody can look at it meanwhile
        (released("99.0", "2026-11-20"), "suspicious"),
        (released("99.0-rc1", "2026-11-01"), "prerelease"),
        (Release { yanked: Some("".into()), ..released("99.0", "2026-11-01") }, "yanked"),
        (released("2.0", "2026-11-20"), "too-young"),
    ] {
        let facts = ReleaseSet { releases: vec![release], ..ReleaseSet::default() };
        let selection = select(&Pin::sample("1.0.0"), &facts, limits).unwrap();
        assert_eq!(selection.candidates[0].rejection.as_ref().map(Rejection::rule), Some(rule), "{facts:?}");
    }
}

#[test]
fn prereleases_are_offered_as_the_pin_asks() {
    let facts = listed(&["1.9", "2.0-rc1", "2.0-rc2", "2.0", "2.1-rc1", "2.1"]);
    let stable = ["1.9", "2.0", "2.1"];
    let own_line = ["1.9", "2.0-rc1", "2.0-rc2", "2.0", "2.1"];
    let all = ["1.9", "2.0-rc1", "2.0-rc2", "2.0", "2.1-rc1", "2.1"];
    for (pinned, prereleases, expected) in [
        ("1.9", None, &stable[..]),
        ("1.9", Some(false), &stable),
        ("1.9", Some(true), &all),
        ("2.0-rc1", None, &own_line),
        ("2.0.0-rc1", None, &own_line),
        ("2.0-rc1", Some(true), &all),
    ] {
        let pin = Pin { prereleases, ..Pin::sample(pinned) };
        assert_eq!(eligible(&pin, &facts), expected, "{pinned} {prereleases:?}");
    }
}

#[test]
fn a_channel_bounds_the_releases_from_above() {
    let mut facts = listed(&["1.0", "1.1-rc1", "1.1", "2.0"]);
    facts.dist_tags.insert("lts".into(), "1.1".into());
    let channel = |name: &str| Pin { channel: Some(name.to_owned()), ..Pin::sample("1.0") };
    assert_eq!(eligible(&channel("lts"), &facts), ["1.0", "1.1-rc1", "1.1"]);
    assert_eq!(
        select(&channel("next"), &facts, limits()).unwrap_err().to_string(),
        "the package has no dist-tag `next`"
    );
}

#[test]
fn newest_is_by_order_and_never_by_date_or_dist_tag() {
    let mut facts = listed(&[]);
    facts.releases =
        vec![released("2.0", "2024-01-01"), released("1.9.9", "2026-01-01"), released("1.10", "2025-01-01")];
    facts.dist_tags.insert("latest".into(), "1.9.9".into());
    let selection = select(&Pin::sample("1.0"), &facts, limits()).unwrap();
    assert_eq!(&*selection.newest().unwrap().0.version, "2.0");
}

#[test]
fn a_tag_that_moves_is_compared_with_tags_that_move() {
    let facts = ReleaseSet {
        releases: ["v4", "v4.2.0", "v5", "v5.0.1", "v6.0.0"].map(Release::new).to_vec(),
        ..ReleaseSet::default()
    };
    for (moves, newest) in [(true, "v5"), (false, "v6.0.0")] {
        let pin = Pin { moves, ..Pin::sample("v4") };
        let selection = select(&pin, &facts, limits()).unwrap();
        assert_eq!(selection.newest().map(|(release, _)| &*release.version), Some(newest));
    }
}

#[test]
fn wanted_is_the_newest_that_the_requirement_accepts() {
    let facts = listed(&["1.0", "1.5", "2.0", "1.6-rc1"]);
    for (requirement, wanted) in
        [(None, None), (Some("<2"), Some("1.5")), (Some(">=3"), None), (Some("*"), Some("2.0"))]
    {
        let pin = Pin { requirement: requirement.map(str::to_owned), ..Pin::sample("1.0") };
        let selection = select(&pin, &facts, limits()).unwrap();
        assert_eq!(selection.wanted().map(|(release, _)| &*release.version), wanted, "{requirement:?}");
    }
}

/// npm's and Cargo's sets let in what one bound names; two files are no set.
#[test]
fn a_prerelease_that_one_of_several_requirements_refuses_is_not_wanted() {
    let facts = listed(&["1.2.2-0", "1.2.2-1", "1.2.1"]);
    for scheme in [SchemeId::Npm, SchemeId::Semver] {
        for (requirements, wanted) in [
            (&[">=1.2.2-0"][..], Some("1.2.2-1")),
            (&[">=1.2.2-0", "*"], None),
            (&[">=1.2.2-0", "^1.2.0"], None),
            (&[">=1.2.1-0", "^1.2.0"], Some("1.2.1")),
            (&["^1.2.2-0", ">=1.2.2-0"], Some("1.2.2-1")),
        ] {
            let place = Pin::sample("").place;
            let written = |text: &&str| Written { text: (*text).to_owned(), place: place.clone() };
            let pin = Pin {
                scheme,
                prereleases: Some(true),
                requirement: scheme.all_of(requirements),
                requirements: requirements.iter().map(written).collect(),
                ..Pin::sample("1.2.1")
            };
            let selection = select(&pin, &facts, limits()).unwrap();
            let found = selection.wanted().map(|(release, _)| &*release.version);
            assert_eq!(found, wanted, "{scheme} {requirements:?}");
        }
    }
}

#[test]
fn the_listed_release_is_the_same_label_before_an_equal_one() {
    for (pinned, versions, expected) in [
        ("v1.0", &["v1", "v1.0", "v1.0.0"][..], Some("v1.0")),
        ("v1.0", &["v1", "v1.0.0"], Some("v1")),
        ("v1.0", &["v1.1", "1.0"], None),
    ] {
        let facts = listed(versions);
        let selection = select(&Pin::sample(pinned), &facts, limits()).unwrap();
        assert_eq!(selection.listed().map(|release| &*release.version), expected, "{pinned} in {versions:?}");
    }
}

#[test]
fn a_pin_that_cannot_be_read_is_an_error() {
    let requiring = |text: &str| Pin { requirement: Some(text.to_owned()), ..Pin::sample("1.0") };
    let templated = Pin { tag: Some("v{version}".parse().unwrap()), ..Pin::sample("release-1.0") };
    for (pin, message) in [
        (Pin::sample("latest"), "`latest` is not a valid loose version: it names no version"),
        (Pin::sample(""), "`` is not a valid loose version: it names no version"),
        (
            Pin { registry: RegistryId::Npm, ..Pin::sample("latest") },
            "`latest` is not a valid loose version: it names no version",
        ),
        (templated, "`release-1.0` is not a valid loose version: it names no version"),
        (requiring(">="), "`>=` is not a valid loose requirement: `` is not a version"),
        (ignoring("", None, None), "`` is not a valid loose requirement: a comparator is missing"),
    ] {
        assert_eq!(select(&pin, &listed(&["1.0"]), limits()).unwrap_err().to_string(), message);
    }
}
