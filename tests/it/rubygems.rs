//! RubyGems.org and other gem servers: which of the two interfaces is asked for what, and what the answers say.
//!
//! The answers are not recordings; they are written after the documented formats (see the page beside them).

use futures_util::FutureExt;
use upmon::error::{LookupError, Trouble};
use upmon::registry::rubygems::RubyGems;
use upmon::registry::{Query, Registry};
use upmon::release::{Links, Release, ReleaseSet};
use url::Url;

use crate::support::canned::{Canned, query, releases};

const INFO_V1: &str = include_str!("../data/rubygems/info-v1");
const INFO_V2: &str = include_str!("../data/rubygems/info-v2");
const VERSIONS: &str = include_str!("../data/rubygems/versions.json");
const GEM: &str = include_str!("../data/rubygems/gem.json");

const INFO: &str = "https://rubygems.org/info/tiny-up";
const VERSIONS_URL: &str = "https://rubygems.org/api/v1/versions/tiny-up.json";
const GEM_URL: &str = "https://rubygems.org/api/v1/gems/tiny-up.json";

fn rubygems() -> RubyGems {
    RubyGems::new(None)
}

fn ask(query: &Query, canned: &Canned) -> Result<ReleaseSet, LookupError> {
    releases(&rubygems(), query, canned)
}

fn dated(package: &str) -> Query {
    Query { dates: true, ..query(package) }
}

/// The releases of every answer here: platforms are folded, and the earliest of their times counts.
fn expected() -> Vec<Release> {
    let rows = [
        ("1.0.0", "2023-03-01T09:00:00Z"),
        ("1.1.0", "2024-05-02T11:30:00Z"),
        ("2.0.0.rc1", "2026-06-20T08:15:00Z"),
        ("2.0.0", "2026-07-01T08:15:00Z"),
    ];
    let dated = |(version, time): (&str, &str)| {
        let published_at = Some(time.parse().expect("a time"));
        Release { published_at, ..Release::new(version) }
    };
    rows.map(dated).into()
}

fn undated() -> Vec<Release> {
    expected().into_iter().map(|release| Release { published_at: None, ..release }).collect()
}

/// The releases without what they consist of, which every line of an index tells.
fn plain(facts: ReleaseSet) -> Vec<Release> {
    facts.releases.into_iter().map(|release| Release { content: None, ..release }).collect()
}

fn sorted(mut facts: ReleaseSet) -> Vec<Release> {
    facts.releases.sort_by_key(|release| release.published_at);
    facts.releases
}

#[test]
fn the_compact_index_gives_versions_and_times_in_one_answer() {
    let canned = Canned::default().answer(INFO, "text/plain", INFO_V2);
    let facts = ask(&dated("tiny-up"), &canned).unwrap();
    assert!(facts.releases.iter().all(|release| release.content.is_some()), "{facts:?}");
    assert_eq!(plain(facts), expected());
    assert_eq!(canned.asked(), [INFO]);
}

#[test]
fn an_index_without_times_asks_the_api_only_when_they_are_wanted() {
    let canned = Canned::default().answer(INFO, "text/plain", INFO_V1).answer(VERSIONS_URL, "", VERSIONS);
    assert_eq!(plain(ask(&query("tiny-up"), &canned).unwrap()), undated());
    assert_eq!(canned.asked(), [INFO]);
    assert_eq!(plain(ask(&dated("tiny-up"), &canned).unwrap()), expected());
    assert_eq!(canned.asked(), [INFO, INFO, VERSIONS_URL]);
}

#[test]
fn releases_stand_when_their_times_cannot_be_had() {
    let broken = LookupError::Unreachable { message: "gone".into(), trouble: Trouble::Other };
    let canned = Canned::default().answer(INFO, "text/plain", INFO_V1).fail(VERSIONS_URL, broken.clone());
    assert_eq!(plain(ask(&dated("tiny-up"), &canned).unwrap()), undated());
    let times = rubygems().dates(&query("tiny-up"), &["1.1.0"], &canned).now_or_never().unwrap();
    assert_eq!(times, Err(broken));
}

#[test]
fn an_answer_without_the_times_asked_for_is_a_bad_response() {
    for body in ["[]", r#"[{"number": "1.1.0"}]"#] {
        let canned = Canned::default().answer(VERSIONS_URL, "application/json", body);
        let error = rubygems().dates(&query("tiny-up"), &["1.1.0"], &canned).now_or_never().unwrap().unwrap_err();
        assert!(matches!(error, LookupError::BadResponse { .. }), "{error:?}");
    }
}

#[test]
fn the_api_gives_times_and_links() {
    let canned = Canned::default().answer(VERSIONS_URL, "application/json", VERSIONS);
    let times = rubygems().dates(&query("tiny-up"), &["1.1.0"], &canned).now_or_never().unwrap().unwrap();
    let links = Links {
        changelog: Some("https://example.test/tiny-up/CHANGELOG.md".into()),
        repository: Some("https://example.test/tiny-up".into()),
        homepage: Some("https://example.test/".into()),
    };
    assert_eq!(times.links, links);
    assert_eq!(sorted(times), expected());
    let canned = Canned::default().answer(GEM_URL, "application/json", GEM);
    assert_eq!(rubygems().links(&query("tiny-up"), &canned).now_or_never().unwrap(), Ok(links));
    assert_eq!(canned.asked(), [GEM_URL]);
}

#[test]
fn a_server_without_a_compact_index_is_asked_through_the_api() {
    let canned = Canned::default().answer(VERSIONS_URL, "application/json", VERSIONS);
    assert_eq!(sorted(ask(&query("tiny-up"), &canned).unwrap()), expected());
    assert_eq!(canned.asked(), [INFO, VERSIONS_URL]);
}

#[test]
fn a_gem_that_neither_interface_knows_is_not_found() {
    let canned = Canned::default();
    let message = format!("no canned answer for {INFO}");
    assert_eq!(ask(&query("tiny-up"), &canned), Err(LookupError::NotFound { message }));
    assert_eq!(canned.asked(), [INFO, VERSIONS_URL]);
}

#[test]
fn a_gem_that_only_one_interface_denies_is_not_known_to_be_missing() {
    let broken = LookupError::Unreachable { message: "gone".into(), trouble: Trouble::Other };
    let canned = Canned::default().fail(VERSIONS_URL, broken.clone());
    assert_eq!(ask(&query("tiny-up"), &canned), Err(broken.clone()));
    let canned = Canned::default().fail(INFO, broken.clone()).answer(VERSIONS_URL, "application/json", VERSIONS);
    assert_eq!(ask(&query("tiny-up"), &canned), Err(broken));
    assert_eq!(canned.asked(), [INFO], "the other interface is for servers that do not have the first");
}

#[test]
fn names_keep_their_case_and_cannot_leave_their_place() {
    let canned = Canned::default().answer("https://rubygems.org/info/RedCloth", "", "---\n4.3.4 |checksum:00\n");
    assert_eq!(ask(&query("RedCloth"), &canned).unwrap().releases, [Release::new("4.3.4")]);
    assert!(ask(&query("redcloth"), &canned).is_err());
    let canned = Canned::default();
    for name in ["../api/v1/gems/x", "..", "a/b", "a b", ""] {
        let message = format!("rubygems has no `{name}`: that cannot be the name of a gem");
        assert_eq!(ask(&query(name), &canned), Err(LookupError::NotFound { message }));
        assert!(rubygems().links(&query(name), &canned).now_or_never().unwrap().is_err());
    }
    assert!(canned.asked().is_empty());
}

#[test]
fn another_server_keeps_its_prefix() {
    let registry = RubyGems::new(Some(Url::parse("https://host/api/gems/team").unwrap()));
    let canned = Canned::default().answer("https://host/api/gems/team/info/tiny-up", "", INFO_V2);
    assert_eq!(plain(releases(&registry, &query("tiny-up"), &canned).unwrap()), expected());
    assert_eq!(registry.page(&query("tiny-up"), Some("1.0.0")), None);
}

#[test]
fn a_page_of_html_is_never_an_empty_list() {
    for body in ["<!DOCTYPE html><title>Sign in</title>", "\n <html>\n---\n", ""] {
        let canned = Canned::default().answer(INFO, "text/html", body);
        assert!(matches!(ask(&query("tiny-up"), &canned), Err(LookupError::BadResponse { .. })), "{body}");
    }
}
