//! Python package indexes: three forms of answers, and which of them is asked when.

use futures_util::FutureExt;
use upmon::error::{ErrorKind, LookupError, Trouble};
use upmon::registry::pypi::PyPi;
use upmon::registry::{Query, Registry};
use upmon::release::{Links, PackageStatus, Release, ReleaseSet};
use url::Url;

use crate::support::canned::{Canned, query, releases};

const SIMPLE: &str = "https://pypi.org/simple/demo-project/";
const PROJECT: &str = "https://pypi.org/pypi/demo-project/json";
const JSON: &str = "application/vnd.pypi.simple.v1+json";
const DEMO_JSON: &str = include_str!("../data/pypi/demo.simple.json");
const DEMO_HTML: &str = include_str!("../data/pypi/demo.simple.html");
const TRUE_HTML: &str = include_str!("../data/pypi/sampleproject.simple.html");
const TRUE_PROJECT: &str = include_str!("../data/pypi/sampleproject.project.json");

fn pypi() -> PyPi {
    PyPi::new(None)
}

/// What the index makes of `body` as the simple API's answer about `demo-project`.
fn read(media_type: &str, body: &str) -> Result<ReleaseSet, LookupError> {
    releases(&pypi(), &query("Demo.Project"), &Canned::default().answer(SIMPLE, media_type, body))
}

/// Version, time, yanked, without files: what differs between releases of an index.
type Row<'set> = (&'set str, Option<String>, Option<&'set str>, bool);

fn rows(facts: &ReleaseSet) -> Vec<Row<'_>> {
    let row = |release: &'_ Release| release.published_at.map(|time| time.to_rfc3339());
    facts
        .releases
        .iter()
        .map(|release| (&*release.version, row(release), release.yanked.as_deref(), release.without_files))
        .collect()
}

fn time(text: &str) -> String {
    format!("{text}+00:00")
}

fn unreadable(facts: &ReleaseSet) -> Vec<&str> {
    facts.unreadable.iter().map(|(entry, _)| &**entry).collect()
}

#[test]
fn the_json_form_joins_files_to_versions() {
    let facts = read(JSON, DEMO_JSON).unwrap();
    assert_eq!(
        rows(&facts),
        [
            // one file of two is yanked: the version is not
            ("1.0.0", Some(time("2024-01-02T03:04:05")), None, false),
            ("1.1.0", Some(time("2024-02-01T00:00:00")), None, false),
            // all are, one of them known by its label alone; the first reason given is kept
            ("1.2.0", Some(time("2024-03-01T00:00:00")), Some("no } good"), false),
            // its file spells it `1.03.0`
            ("1.3.0", None, None, false),
            ("1.4.0", None, None, true),
            ("not a version", None, None, true),
        ]
    );
    assert_eq!(facts.status, PackageStatus::Archived(Some("we moved on".into())));
    assert_eq!(unreadable(&facts), ["unrelated-9.0.tar.gz"]);
}

#[test]
fn the_html_form_tells_files_and_yanks() {
    let facts = read("text/html", DEMO_HTML).unwrap();
    assert_eq!(
        rows(&facts),
        [
            ("1.0.0", Some(time("2024-01-02T03:04:05.500")), Some("two <reasons>"), false),
            ("1.1.0+local.1", None, None, false),
            ("1.2.0", None, None, false),
        ]
    );
    assert_eq!(facts.status, PackageStatus::Deprecated(Some("use \"other\"".into())));
    assert_eq!(unreadable(&facts), ["unrelated-3.0.zip"]);
}

#[test]
fn true_answers_of_a_manager_are_read() {
    let simple = "https://pypi.org/simple/sampleproject/";
    let facts = releases(&pypi(), &query("sampleproject"), &Canned::default().answer(simple, "text/html", TRUE_HTML));
    let expected = [
        ("1.2.0", Some(time("2015-06-14T14:37:56.383366")), None, false),
        ("1.3.0", Some(time("2019-05-28T20:23:12.721927")), None, false),
        ("3.0.0", Some(time("2022-12-01T18:51:00.007372")), None, false),
        ("4.0.0", Some(time("2024-11-06T22:37:09.220617")), None, false),
    ];
    assert_eq!(rows(&facts.unwrap())[..], expected);
    let project = "https://pypi.org/pypi/sampleproject/json";
    let canned = Canned::default().answer(project, "application/json", TRUE_PROJECT);
    let facts = releases(&pypi(), &query("sampleproject"), &canned).unwrap();
    let fileless = ("1.0", None, None, true);
    assert_eq!(rows(&facts), [&[fileless], &expected[..1], &expected[2..]].concat());
    assert_eq!(facts.links.repository.as_deref(), Some("https://github.com/pypa/sampleproject/"));
    assert_eq!(facts.links.homepage.as_deref(), Some("https://github.com/pypa/sampleproject"));
    assert_eq!(canned.asked(), [simple, project]);
}

#[test]
fn the_body_decides_and_not_what_the_server_calls_it() {
    for media_type in ["", "text/plain", "text/html", "application/octet-stream", "application/json", JSON] {
        assert_eq!(read(media_type, &format!(" \r\n\t{DEMO_JSON}")).unwrap().releases.len(), 6, "{media_type}");
        assert_eq!(read(media_type, &format!("\n\u{feff}{DEMO_HTML}")).unwrap().releases.len(), 3, "{media_type}");
    }
}

#[test]
fn chunk_borders_mean_nothing() {
    for body in [DEMO_JSON, DEMO_HTML] {
        let whole = read("", body).unwrap();
        for size in [1, 2, 3, 5, 64, 1000, 1 << 20] {
            let canned = Canned::default().answer(SIMPLE, "", body).in_chunks_of(size);
            assert_eq!(releases(&pypi(), &query("demo_project"), &canned).unwrap(), whole, "chunks of {size}");
        }
    }
}

#[test]
fn a_truncated_answer_is_never_another_answer() {
    for (name, url, body) in [
        ("demo-project", SIMPLE, DEMO_JSON),
        ("demo-project", SIMPLE, DEMO_HTML),
        ("sampleproject", "https://pypi.org/simple/sampleproject/", TRUE_PROJECT),
    ] {
        let read =
            |body: &[u8]| releases(&pypi(), &query(name), &Canned::default().answer(url, "", body).in_chunks_of(997));
        let whole = read(body.as_bytes()).unwrap();
        let mut refused = 0;
        for end in 0..body.len() {
            match read(&body.as_bytes()[..end]) {
                Ok(facts) => assert_eq!(facts, whole, "cut at {end}"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::BadResponse, "cut at {end}: {error}");
                    refused += 1;
                }
            }
        }
        assert!(refused + 20 > body.trim_end().len(), "only the closing tags may be missing: {refused}");
    }
}

#[test]
fn what_is_no_list_of_files_is_a_bad_response() {
    let table = [
        ("text/html", "", "expected a list of files, got nothing"),
        ("text/html", "  ", "expected a list of files, got nothing"),
        ("text/html", "Not Found", "expected JSON or HTML, got `Not Found`"),
        (
            "text/html",
            "<html><body><a href='/login'>Sign in</a></body></html>",
            "expected a list of files, got another HTML page",
        ),
        ("text/html", "<title>Links for x</title>", "the HTML page ends too early"),
        ("text/html", "</body><a href='demo-project-1.0.zip'>", "the HTML page ends too early"),
        (
            "text/html",
            "<meta name='pypi:repository-version' content='2.0'></html>",
            "expected version 1 of the simple API, got `2.0`",
        ),
        ("application/json", "{}", "expected a list of files, got an object without `files`"),
        ("application/json", "[]", "expected JSON or HTML, got `[]`"),
        ("application/json", r#"{"files": {}}"#, "`files` is of another type than it should be"),
        ("application/json", r#"{"files": [], "versions": {}}"#, "`versions` is of another type than it should be"),
        ("application/json", r#"{"files": [], "name": "other"}"#, "the answer is about another project, `other`"),
        ("application/json", r#"{"info": {"name": "other"}}"#, "the answer is about another project, `other`"),
        (
            "application/json",
            r#"{"meta": {"api-version": "2.0"}, "files": []}"#,
            "expected version 1 of the simple API, got `2.0`",
        ),
        (
            "application/vnd.pypi.simple.v2+json",
            "{}",
            "expected version 1 of the simple API, got `application/vnd.pypi.simple.v2+json`",
        ),
        ("application/json", r#"{"files": [{}]}"#, "a file has no `filename`"),
        ("application/json", r#"{"files": [1]}"#, "a file is of another type than it should be"),
        (
            "application/json",
            r#"{"files": [{"filename": "a", "yanked": 1}]}"#,
            "`yanked` is neither a text nor true or false",
        ),
        (
            "application/json",
            r#"{"files": [{"filename": "a", "upload-time": null, "filename": "b"}]}"#,
            "`filename` stands twice",
        ),
        (
            "application/json",
            r#"{"info": {}, "releases": {"1.0": [{"yanked": false, "yanked": true}]}}"#,
            "`yanked` stands twice",
        ),
        ("application/json", r#"{"files": []} x"#, "expected the end of the document at byte 14, got `x`"),
    ];
    for (media_type, body, reason) in table {
        let canned = Canned::default().answer(SIMPLE, media_type, body).in_chunks_of(1000);
        let error = releases(&pypi(), &query("demo-project"), &canned).unwrap_err();
        assert_eq!((error.kind(), &*error.to_string()), (ErrorKind::BadResponse, reason), "{body}");
    }
}

#[test]
fn a_list_without_files_is_an_answer() {
    let empty = "<!DOCTYPE html><html><head><title>Links for demo-project</title></head><body></body></html>";
    assert_eq!(read("text/html", empty).unwrap(), ReleaseSet::default());
    let quarantined =
        r#"{"meta": {"api-version": "1.4"}, "project-status": {"status": "quarantined"}, "files": [], "versions": []}"#;
    let facts = read(JSON, quarantined).unwrap();
    assert_eq!((facts.status, facts.releases.len()), (PackageStatus::Quarantined(None), 0));
}

#[test]
fn the_status_is_found_wherever_servers_put_it() {
    let words = || Some("gone".into());
    let table = [
        (r#"{"project-status": {"status": "active"}, "files": []}"#, PackageStatus::Active),
        (r#"{"project-status": null, "files": []}"#, PackageStatus::Active),
        (r#"{"project-status": "archived", "files": []}"#, PackageStatus::Archived(None)),
        (
            r#"{"project-status": {"status": "deprecated", "reason": "gone"}, "files": []}"#,
            PackageStatus::Deprecated(words()),
        ),
        (
            r#"{"meta": {"project-status": "archived", "project-status-reason": "gone"}, "files": []}"#,
            PackageStatus::Archived(words()),
        ),
        (
            r#"{"meta": {"project-status": {"status": "quarantined", "reason": "gone"}}, "files": []}"#,
            PackageStatus::Quarantined(words()),
        ),
        (r#"{"project-status": {"status": "mystery"}, "files": []}"#, PackageStatus::Active),
    ];
    for (body, expected) in table {
        assert_eq!(read(JSON, body).unwrap().status, expected, "{body}");
    }
}

#[test]
fn versions_are_derived_from_files_when_the_index_names_none() {
    for versions in ["", r#", "versions": null"#] {
        let body = format!(
            r#"{{"files": [{{"filename": "demo-project-1.0.tar.gz"}}, {{"filename": "demo_project-1.0-py3-none-any.whl"}},
                {{"filename": "demo-project-1.1.win32-py2.7.exe", "yanked": true}}, {{"filename": "demo-project-0.5-hg.zip"}}]{versions}}}"#
        );
        let facts = read(JSON, &body).unwrap();
        assert_eq!(
            rows(&facts),
            [("1.0", None, None, false), ("1.1", None, Some(""), false), ("0.5-hg", None, None, false)]
        );
    }
}

#[test]
fn two_spellings_of_one_version_are_one_release_in_the_index_s_own_spelling() {
    let body = r#"{"versions": ["1.0-rc1", "2.0.0"], "files": [
        {"filename": "demo_project-1.0rc1-py3-none-any.whl", "upload-time": "2024-01-02T00:00:00Z"},
        {"filename": "demo-project-2.0.tar.gz", "yanked": true}]}"#;
    let facts = read(JSON, body).unwrap();
    assert_eq!(
        rows(&facts),
        [("1.0-rc1", Some(time("2024-01-02T00:00:00")), None, false), ("2.0.0", None, Some(""), false)]
    );
}

#[test]
fn an_index_is_asked_for_json_first_under_the_path_of_its_base() {
    let table = [
        ("https://pypi.org", "Demo.Project", "https://pypi.org/simple/demo-project/"),
        ("https://example.org/api/pypi/all", "ruamel_YAML", "https://example.org/api/pypi/all/simple/ruamel-yaml/"),
        ("http://127.0.0.1:8080/root/", "a", "http://127.0.0.1:8080/root/simple/a/"),
    ];
    for (base, package, expected) in table {
        let registry = PyPi::new(Some(Url::parse(base).unwrap()));
        let canned = Canned::default().answer_if(expected, JSON, JSON, r#"{"files": []}"#);
        assert!(releases(&registry, &query(package), &canned).is_ok(), "{expected}");
        assert_eq!(canned.asked(), [expected]);
    }
}

#[test]
fn a_name_that_no_project_can_have_is_not_found_without_asking() {
    for package in ["", "..", "a/b", "_foo", "foo.", "a b"] {
        let canned = Canned::default();
        assert_eq!(releases(&pypi(), &query(package), &canned).unwrap_err().kind(), ErrorKind::NotFound, "{package}");
        assert_eq!(canned.asked(), [""; 0], "{package}");
    }
}

#[test]
fn a_project_is_not_found_when_both_ways_say_so() {
    let ask = |canned: &Canned| releases(&pypi(), &query("demo-project"), canned).unwrap_err().kind();
    let neither = Canned::default();
    assert_eq!(ask(&neither), ErrorKind::NotFound);
    assert_eq!(neither.asked(), [SIMPLE, PROJECT]);
    let message = || String::from("x");
    let late =
        Canned::default().fail(PROJECT, LookupError::Unreachable { message: message(), trouble: Trouble::Other });
    assert_eq!(ask(&late), ErrorKind::Unreachable, "the second way may know the project tomorrow");
    let garbage = Canned::default().answer(PROJECT, "text/html", "<html>Sign in</html>");
    assert_eq!(ask(&garbage), ErrorKind::NotFound, "the server has no second way");
    let empty = Canned::default().answer(PROJECT, "application/json", r#"{"info": {}, "releases": {}}"#);
    assert_eq!(ask(&empty), ErrorKind::NotFound);
    let down = Canned::default().fail(SIMPLE, LookupError::Unreachable { message: message(), trouble: Trouble::Other });
    assert_eq!(ask(&down), ErrorKind::Unreachable);
    assert_eq!(down.asked(), [SIMPLE], "only a clear no leads to the second way");
}

#[test]
fn dates_that_the_simple_api_lacks_come_from_the_project_document() {
    let files = r#"{"files": [{"filename": "demo-project-1.0.tar.gz"}, {"filename": "demo-project-1.01.tar.gz"}]}"#;
    let document = r#"{"info": {"name": "Demo.Project"}, "releases": {
        "1.0": [{"upload_time": "2020-01-03T00:00:00", "yanked": true, "yanked_reason": "x"},
                {"upload_time": "2020-01-02T00:00:00", "upload_time_iso_8601": "2020-01-01T00:00:00.5Z"}],
        "1.1": [{"upload_time": "2021-01-01T00:00:00", "yanked": true, "yanked_reason": null}], "1.2": null}}"#;
    let canned = || Canned::default().answer(SIMPLE, JSON, files).answer(PROJECT, "application/json", document);
    let expected = [Some(time("2020-01-01T00:00:00.500")), Some(time("2021-01-01T00:00:00"))];

    let dated = Query { dates: true, ..query("demo-project") };
    let facts = releases(&pypi(), &dated, &canned()).unwrap();
    assert_eq!(rows(&facts).into_iter().map(|row| row.1).collect::<Vec<_>>(), expected);
    let undated = releases(&pypi(), &query("demo-project"), &canned()).unwrap();
    assert!(undated.releases.iter().all(|release| release.published_at.is_none()));

    let (registry, canned, asked) = (pypi(), canned(), query("demo-project"));
    let told = registry.dates(&asked, &["1.0", "1.01"], &canned).now_or_never().unwrap().unwrap();
    let mut adopting = undated;
    adopting.adopt_dates(&told);
    assert_eq!(rows(&adopting).into_iter().map(|row| row.1).collect::<Vec<_>>(), expected);
    assert_eq!(canned.asked(), [PROJECT]);
    assert_eq!(unreadable(&told), ["1.2"]);
    let yanked: Vec<_> = rows(&told).into_iter().take(2).map(|row| row.2).collect();
    assert_eq!(yanked, [None, Some("")]);
}

#[test]
fn a_document_without_the_dates_asked_for_is_a_bad_response() {
    for body in [r#"{"info": {}, "releases": {}}"#, r#"{"info": {}, "releases": {"1.0": [{"yanked": false}]}}"#] {
        let canned = Canned::default().answer(PROJECT, "application/json", body);
        let (registry, asked) = (pypi(), query("demo-project"));
        let error = registry.dates(&asked, &["1.0"], &canned).now_or_never().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadResponse, "{error}");
    }
}

#[test]
fn a_server_without_dates_still_gives_releases() {
    let files = r#"{"files": [{"filename": "demo-project-1.0.tar.gz"}]}"#;
    let dated = Query { dates: true, ..query("demo-project") };
    let canned = Canned::default().answer(SIMPLE, JSON, files);
    assert_eq!(releases(&pypi(), &dated, &canned).unwrap().releases.len(), 1);
    assert_eq!(canned.asked(), [SIMPLE, PROJECT]);
    let with_dates = r#"{"files": [{"filename": "demo-project-1.0.tar.gz", "upload-time": "2020-01-01T00:00:00Z"}], "versions": ["1.0", "1.1"]}"#;
    let canned = Canned::default().answer(SIMPLE, JSON, with_dates);
    releases(&pypi(), &dated, &canned).unwrap();
    assert_eq!(canned.asked(), [SIMPLE], "a version without files has no date to ask for");
}

#[test]
fn links_are_sorted_by_what_their_labels_usually_mean() {
    let table = [
        (r#""project_urls": {"Change Log": "https://a"}"#, [Some("https://a"), None, None]),
        (
            r#""project_urls": {"What's New": "https://a", "Source Code": "https://b"}"#,
            [Some("https://a"), Some("https://b"), None],
        ),
        (
            r#""project_urls": {"release-notes": "https://a", "Changelog": "https://b"}"#,
            [Some("https://a"), None, None],
        ),
        (r#""home_page": "https://c", "project_urls": null"#, [None, None, Some("https://c")]),
        (
            r#""home_page": "https://c", "project_urls": {"Homepage": "https://d", "Bugs": 7}"#,
            [None, None, Some("https://d")],
        ),
        (r#""home_page": null, "description": "\"project_urls\": {}""#, [None, None, None]),
    ];
    for (info, [changelog, repository, homepage]) in table {
        let document = format!(r#"{{"info": {{{info}}}, "urls": []}}"#);
        let canned = Canned::default().answer(PROJECT, "application/json", document);
        let (registry, asked) = (pypi(), query("demo-project"));
        let links = registry.links(&asked, &canned).now_or_never().unwrap().unwrap();
        let boxed = |link: Option<&str>| link.map(Into::into);
        let expected = Links { changelog: boxed(changelog), repository: boxed(repository), homepage: boxed(homepage) };
        assert_eq!(links, expected, "{info}");
    }
}

#[test]
fn pages_are_known_for_the_public_index_alone() {
    let page = |version: Option<&str>| pypi().page(&query("Demo.Project"), version);
    assert_eq!(page(None).as_deref(), Some("https://pypi.org/project/demo-project/"));
    assert_eq!(page(Some("1!2.0+a")).as_deref(), Some("https://pypi.org/project/demo-project/1!2.0+a/"));
    assert_eq!(page(Some("a/../b?#")).as_deref(), Some("https://pypi.org/project/demo-project/a%2F..%2Fb%3F%23/"));
    let other = PyPi::new(Some(Url::parse("https://pypi.example.org").unwrap()));
    assert_eq!(other.page(&query("demo-project"), None), None);
}
