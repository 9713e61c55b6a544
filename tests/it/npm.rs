//! The npm registry: what packuments say, in every form they come in.

use futures_util::FutureExt;
use upmon::error::{ErrorKind, LookupError};
use upmon::registry::npm::Npm;
use upmon::registry::{Query, Registry};
use upmon::release::{PackageStatus, Release, ReleaseSet};
use url::Url;

use crate::support::canned::{Canned, query, releases};

const ABBREVIATED: &str = include_str!("../data/npm/demo.abbreviated.json");
const FULL: &str = include_str!("../data/npm/demo.full.json");
const INSTALL: &str = "application/vnd.npm.install-v1+json";
const DEMO: &str = "https://registry.npmjs.org/@demo%2Fpad";

fn npm() -> Npm {
    Npm::new(None)
}

/// What the registry makes of `body` as the packument of `package`.
fn read(package: &str, body: &str) -> Result<ReleaseSet, LookupError> {
    let url = format!("https://registry.npmjs.org/{}", package.replace('/', "%2F"));
    releases(&npm(), &query(package), &Canned::default().answer(&url, "application/json", body))
}

fn find<'set>(facts: &'set ReleaseSet, version: &str) -> &'set Release {
    facts.releases.iter().find(|release| &*release.version == version).expect(version)
}

fn labels(facts: &ReleaseSet) -> Vec<&str> {
    facts.releases.iter().map(|release| &*release.version).collect()
}

fn published(release: &Release) -> Option<String> {
    release.published_at.map(|time| time.to_rfc3339())
}

#[test]
fn the_abbreviated_form_gives_versions_tags_and_deprecations() {
    let facts =
        releases(&npm(), &query("@demo/pad"), &Canned::default().answer_if(DEMO, INSTALL, INSTALL, ABBREVIATED));
    let facts = facts.unwrap();
    assert_eq!(labels(&facts), ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.5.0", "2.0.0-rc.1"]);
    let deprecated: Vec<_> = facts.releases.iter().map(|release| release.deprecated.as_deref()).collect();
    assert_eq!(deprecated, [Some("use “padStart”: {\"a\": [1]}"), None, None, Some(""), None, None]);
    assert!(facts.releases.iter().all(|release| release.published_at.is_none() && release.yanked.is_none()));
    let tags: Vec<_> = facts.dist_tags.iter().map(|(tag, version)| (&**tag, &**version)).collect();
    assert_eq!(tags, [("latest", "1.1.0"), ("next", "2.0.0-rc.1")]);
    assert_eq!(facts.status, PackageStatus::Active);
    let unreadable: Vec<_> = facts.unreadable.iter().map(|(label, reason)| (&**label, &**reason)).collect();
    assert_eq!(
        unreadable,
        [("1.4.0", "is not an object"), ("1.5.0", "has a deprecation that is neither a text nor true or false"),]
    );
}

#[test]
fn the_full_form_adds_times_and_links_and_an_unpublished_version_is_no_release() {
    let facts = read("@demo/pad", FULL).unwrap();
    assert_eq!(labels(&facts), ["1.0.0", "1.1.0"]);
    assert_eq!(published(find(&facts, "1.0.0")).as_deref(), Some("2024-01-02T03:04:05.678+00:00"));
    assert_eq!(published(find(&facts, "1.1.0")).as_deref(), Some("2024-02-02T03:04:05+00:00"));
    assert_eq!(facts.links.repository.as_deref(), Some("https://github.com/demo/pad"));
    assert_eq!(facts.links.homepage.as_deref(), Some("https://example.org/pad#readme"));
    assert_eq!(facts.links.changelog, None);
    assert_eq!(facts.status, PackageStatus::Active);
}

#[test]
fn a_manager_that_answers_with_another_form_is_read_for_what_it_sent() {
    let facts = read("left-pad", include_str!("../data/npm/left-pad.managed.json")).unwrap();
    assert_eq!(labels(&facts), ["0.0.9", "1.1.3", "1.3.0"]);
    assert_eq!(published(find(&facts, "1.3.0")).as_deref(), Some("2024-09-05T00:40:51.026+00:00"));
    let facts = read("@types/left-pad", include_str!("../data/npm/types-left-pad.managed.json")).unwrap();
    assert_eq!(labels(&facts), ["1.1.2", "1.1.0", "1.2.0"]);
    assert_eq!(facts.dist_tags["latest"], "1.2.0".into());
}

#[test]
fn chunk_borders_mean_nothing() {
    for body in [ABBREVIATED, FULL] {
        let whole = read("@demo/pad", body).unwrap();
        for size in [1, 2, 3, 5, 64, 1000, 1 << 20] {
            let canned = Canned::default().answer(DEMO, "", body).in_chunks_of(size);
            assert_eq!(releases(&npm(), &query("@demo/pad"), &canned).unwrap(), whole, "chunks of {size}");
        }
    }
}

#[test]
fn a_truncated_packument_is_never_an_answer() {
    for body in [ABBREVIATED, FULL] {
        for end in 0..body.trim_end().len() {
            let Some(cut) = body.get(..end) else { continue };
            let error = read("@demo/pad", cut).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadResponse, "cut at {end}: {error}");
        }
    }
}

#[test]
fn times_are_asked_for_in_the_full_form() {
    let canned = || {
        Canned::default().answer_if(DEMO, INSTALL, INSTALL, ABBREVIATED).answer_if(
            DEMO,
            "application/json",
            "application/json",
            FULL,
        )
    };
    let dated = Query { dates: true, ..query("@demo/pad") };
    assert!(releases(&npm(), &dated, &canned()).unwrap().releases[0].published_at.is_some());
    let (registry, canned, asked) = (npm(), canned(), query("@demo/pad"));
    let full = registry.dates(&asked, &["1.1.0"], &canned).now_or_never().unwrap().unwrap();
    assert!(find(&full, "1.1.0").published_at.is_some());
    assert_eq!(full.links.repository.as_deref(), Some("https://github.com/demo/pad"));
}

#[test]
fn a_tag_that_stands_behind_a_long_list_of_tags_is_read() {
    let mut tags: Vec<String> = (0..500).map(|number| format!("\"preview-{number}\": \"1.0.0\"")).collect();
    tags.push("\"latest\": \"1.0.0\"".to_owned());
    let body = format!("{{\"dist-tags\": {{{}}}, \"versions\": {{\"1.0.0\": {{}}}}}}", tags.join(", "));
    let facts = read("demo", &body);
    let facts = facts.unwrap();
    assert_eq!((facts.dist_tags.len(), &*facts.dist_tags["latest"]), (501, "1.0.0"));
}

#[test]
fn a_packument_without_the_times_asked_for_is_a_bad_response() {
    let other = r#"{"name": "@demo/pad", "versions": {}, "time": {"9.9.9": "2020-01-01T00:00:00Z"}}"#;
    for body in [r#"{"name": "@demo/pad", "dist-tags": {}, "versions": {}}"#, ABBREVIATED, other] {
        let canned = Canned::default().answer(DEMO, "application/json", body);
        let error = npm().dates(&query("@demo/pad"), &["1.1.0"], &canned).now_or_never().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadResponse, "{error}");
        assert!(error.to_string().ends_with("has none of the publication times asked for"), "{error}");
    }
}

#[test]
fn the_path_of_the_base_is_kept_and_only_the_slash_of_a_scope_is_encoded() {
    let table = [
        ("https://registry.example.org", "left-pad", "https://registry.example.org/left-pad"),
        ("https://example.org/api/npm/all/", "@types/node", "https://example.org/api/npm/all/@types%2Fnode"),
        ("http://127.0.0.1:4873/npm", "@Scope/UPPER", "http://127.0.0.1:4873/npm/@Scope%2FUPPER"),
        ("https://example.org/npm", "left*pad", "https://example.org/npm/left*pad"),
    ];
    for (base, package, expected) in table {
        let (registry, canned) = (Npm::new(Some(Url::parse(base).unwrap())), Canned::default());
        assert_eq!(releases(&registry, &query(package), &canned).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(canned.asked(), [expected]);
    }
}

#[test]
fn a_name_that_npm_never_allowed_is_not_found_without_asking() {
    for package in ["", ".", "..", "a/b", "@scope/", "a b", "a?b", "node_modules", "../../etc"] {
        let canned = Canned::default();
        assert_eq!(releases(&npm(), &query(package), &canned).unwrap_err().kind(), ErrorKind::NotFound, "{package}");
        assert_eq!(canned.asked(), [""; 0], "{package}");
    }
}

#[test]
fn a_package_unpublished_as_a_whole_has_no_releases_and_says_so() {
    let facts = read("gone", include_str!("../data/npm/unpublished.json")).unwrap();
    assert_eq!(labels(&facts), [""; 0]);
    let words = "the whole package was unpublished on 2016-03-22";
    assert_eq!(facts.status, PackageStatus::Archived(Some(words.into())));
}

#[test]
fn a_package_is_deprecated_when_every_version_is() {
    let both = r#"{"name": "x", "dist-tags": {"latest": "1.0.0"}, "versions": {
        "1.0.0": {"deprecated": "moved to y"}, "2.0.0-rc.1": {"deprecated": "no"}}}"#;
    assert_eq!(read("x", both).unwrap().status, PackageStatus::Deprecated(Some("moved to y".into())));
    let untold = r#"{"versions": {"1.0.0": {"deprecated": true}}}"#;
    assert_eq!(read("x", untold).unwrap().status, PackageStatus::Deprecated(None));
    let one = r#"{"versions": {"1.0.0": {"deprecated": "moved to y"}, "2.0.0": {}}}"#;
    assert_eq!(read("x", one).unwrap().status, PackageStatus::Active);
    assert_eq!(read("x", r#"{"versions": {}}"#).unwrap(), ReleaseSet::default());
}

#[test]
fn times_of_another_type_and_years_that_mean_unknown_are_no_dates() {
    let body = r#"{"versions": {"1.0.0": {}, "1.1.0": {}, "1.2.0": {}, "1.3.0": {}},
        "time": {"1.0.0": null, "1.1.0": 17, "1.2.0": "1970-01-01T00:00:00.000Z"}, "homepage": ["x"], "repository": 7}"#;
    let facts = read("x", body).unwrap();
    assert_eq!(facts.releases.len(), 4);
    assert!(facts.releases.iter().all(|release| release.published_at.is_none()));
    assert_eq!(facts.links, upmon::release::Links::default());
}

#[test]
fn what_is_not_a_packument_is_a_bad_response() {
    let table = [
        ("", "expected a JSON object, got nothing"),
        ("<!DOCTYPE html><title>Sign in</title>", "expected a JSON object at byte 0, got `<!DOCTYPE html><titl`"),
        ("[]", "expected a JSON object at byte 0, got `[]`"),
        ("{}", "expected a packument, got an object without `versions`"),
        (r#"{"error": "not_found\n"}"#, r"expected a packument, got the error `not_found\n`"),
        (r#"{"versions": null}"#, "`versions` is not an object"),
        (r#"{"versions": ["1.0.0"]}"#, "`versions` is not an object"),
        (r#"{"name": "y", "versions": {}}"#, "the answer is about another package, `y`"),
        (r#"{"time": {"unpublished": null}}"#, "expected a packument, got an object without `versions`"),
        (r#"{"versions": {}} {}"#, "expected the end of the document at byte 17, got `{}`"),
    ];
    for (body, reason) in table {
        let canned = Canned::default().answer("https://registry.npmjs.org/x", "text/html", body).in_chunks_of(100);
        let error = releases(&npm(), &query("x"), &canned).unwrap_err();
        assert_eq!((error.kind(), &*error.to_string()), (ErrorKind::BadResponse, reason), "{body}");
    }
}

#[test]
fn pages_are_known_for_the_public_registry_alone() {
    let page = |version: Option<&str>| npm().page(&query("@types/node"), version);
    assert_eq!(page(None).as_deref(), Some("https://www.npmjs.com/package/@types/node"));
    assert_eq!(page(Some("20.1.0")).as_deref(), Some("https://www.npmjs.com/package/@types/node/v/20.1.0"));
    assert_eq!(page(Some("1/<2>?")).as_deref(), Some("https://www.npmjs.com/package/@types/node/v/1%2F%3C2%3E%3F"));
    let other = Npm::new(Some(Url::parse("https://npm.example.org").unwrap()));
    assert_eq!(other.page(&query("left-pad"), None), None);
}
