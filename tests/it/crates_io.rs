//! crates.io and other Cargo registries: what a sparse index says, and where it is asked.

use futures_util::FutureExt;
use upmon::error::LookupError;
use upmon::registry::crates_io::CratesIo;
use upmon::registry::{Query, Registry};
use upmon::release::{Links, ReleaseSet};
use url::Url;

use crate::support::canned::{Canned, query, releases};

/// A true answer; see the page beside it.
const CFG_IF: &str = include_str!("../data/crates-io/cfg-if");
const ADDRESS: &str = "https://index.crates.io/cf/g-/cfg-if";

fn crates_io() -> CratesIo {
    CratesIo::new(None)
}

fn ask(name: &str, canned: &Canned) -> Result<ReleaseSet, LookupError> {
    releases(&crates_io(), &query(name), canned)
}

#[test]
fn a_true_index_file_gives_every_version_with_its_time_and_yanks() {
    for size in [1, 7, 1000, CFG_IF.len()] {
        let canned = Canned::default().answer(ADDRESS, "text/plain", CFG_IF).in_chunks_of(size);
        let facts = ask("cfg-if", &canned).unwrap();
        assert_eq!(facts.releases.len(), 17);
        assert!(facts.releases.iter().all(|release| release.published_at.is_some() && release.deprecated.is_none()));
        let first = &facts.releases[0];
        assert_eq!(
            (&*first.version, first.published_at.unwrap().to_rfc3339()),
            ("0.1.0", "2015-07-08T01:11:24+00:00".into())
        );
        let yanked: Vec<_> = facts.releases.iter().filter(|release| release.yanked.is_some()).collect();
        assert_eq!(yanked.iter().map(|release| &*release.version).collect::<Vec<_>>(), ["1.0.2"]);
        assert_eq!((facts.unreadable.len(), facts.dist_tags.len(), facts.links), (0, 0, Links::default()));
    }
}

#[test]
fn a_crate_under_its_other_spelling_is_told_and_not_taken() {
    let canned = Canned::default().answer(ADDRESS, "", CFG_IF);
    let error = ask("cfg_if", &canned).unwrap_err();
    let message = "no canned answer for https://index.crates.io/cf/g_/cfg_if; did you mean `cfg-if`?";
    assert_eq!(error, LookupError::NotFound { message: message.into() });
    assert_eq!(canned.asked(), ["https://index.crates.io/cf/g_/cfg_if", ADDRESS]);
}

#[test]
fn a_crate_that_neither_spelling_finds_is_not_found() {
    for (name, questions) in [("cfg-of", 2), ("serde", 1)] {
        let canned = Canned::default();
        let error = ask(name, &canned).unwrap_err();
        assert!(matches!(&error, LookupError::NotFound { message } if !message.contains("did you mean")), "{error}");
        assert_eq!(canned.asked().len(), questions, "{name}");
    }
}

#[test]
fn a_suggestion_that_fails_leaves_the_answer_as_it_was() {
    let limited = LookupError::RateLimited { message: "later".into(), until: None };
    let canned = Canned::default().fail(ADDRESS, limited);
    let message = "no canned answer for https://index.crates.io/cf/g_/cfg_if";
    assert_eq!(ask("cfg_if", &canned), Err(LookupError::NotFound { message: message.into() }));
}

#[test]
fn only_a_missing_crate_is_looked_for_under_another_spelling() {
    let refused = LookupError::Unauthorized { message: "no".into() };
    let canned = Canned::default().fail(ADDRESS, refused.clone());
    assert_eq!(ask("cfg-if", &canned), Err(refused));
    assert_eq!(canned.asked(), [ADDRESS]);
}

#[test]
fn a_name_that_cannot_be_a_crate_is_not_asked_for() {
    let canned = Canned::default();
    for name in ["../config.json", "a b", "größe", ""] {
        let error = ask(name, &canned).unwrap_err();
        let message = format!("crates-io has no `{name}`: that cannot be the name of a crate");
        assert_eq!(error, LookupError::NotFound { message });
    }
    assert!(canned.asked().is_empty());
}

#[test]
fn names_are_asked_for_in_lower_case_and_match_in_any() {
    let line = r#"{"name":"Inflector","vers":"0.11.4","deps":[],"cksum":"00","features":{},"yanked":false}"#;
    let canned = Canned::default().answer("https://index.crates.io/in/fl/inflector", "", line);
    for name in ["Inflector", "inflector"] {
        assert_eq!(ask(name, &canned).unwrap().releases.len(), 1, "{name}");
    }
}

#[test]
fn the_answer_for_another_crate_is_refused() {
    let canned = Canned::default().answer("https://index.crates.io/se/rd/serde", "", CFG_IF);
    let message = "line 1 is of another crate, `cfg-if`".into();
    assert_eq!(ask("serde", &canned), Err(LookupError::BadResponse { message }));
}

#[test]
fn another_registry_keeps_its_prefix_and_has_no_links_of_crates_io() {
    let registry = CratesIo::new(Some(Url::parse("sparse+https://host/api/cargo/team/index").unwrap()));
    let canned = Canned::default().answer("https://host/api/cargo/team/index/cf/g-/cfg-if", "", CFG_IF);
    let query: Query = query("cfg-if");
    assert_eq!(releases(&registry, &query, &canned).unwrap().releases.len(), 17);
    let links = registry.links(&query, &canned).now_or_never().expect("nobody is asked");
    assert_eq!(links, Ok(Links::default()));
    assert_eq!(registry.page(&query, None), None);
}
