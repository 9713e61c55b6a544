//! Pins out of the files of real projects: what is found is what the ecosystem's own tool lists.

mod hostile;
mod places;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use upmon::pin::Pin;
use upmon::pin::holdings::{Holdings, Unpinned};
use upmon::pin::project::Format;
use upmon::registry::RegistryId;

use crate::manifest;

/// The kept projects of an ecosystem.
fn projects(ecosystem: &str) -> Vec<PathBuf> {
    let folder = manifest::root().join("tests/data/projects").join(ecosystem);
    let entries = std::fs::read_dir(&folder).expect("the projects are there");
    let mut projects: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    projects.sort();
    projects
}

/// What upmon finds in a project.
fn held(project: &Path) -> Holdings {
    let holdings = Holdings::read(&project.join("upstream-versions.json"), None);
    holdings.unwrap_or_else(|error| panic!("{}: {}", project.display(), error.render(false)))
}

/// `name version`, as the lists of the ecosystems' tools have it.
fn line(pin: &Pin) -> String {
    let name = match pin.registry {
        // the tools print names as the index normalises them
        RegistryId::PyPi => pin.upstream.to_lowercase().replace(['_', '.'], "-"),
        _ => pin.upstream.clone(),
    };
    format!("{name} {}", pin.version)
}

/// Every project of an ecosystem: its pins, places and list.
fn check(ecosystem: &str, least: usize) {
    let projects = projects(ecosystem);
    assert!(projects.len() >= least, "{ecosystem}: {projects:?}");
    for project in projects {
        let holdings = held(&project);
        let found: BTreeSet<String> = holdings.manifest.pins.iter().map(line).collect();
        let expected = std::fs::read_to_string(project.join("expected.txt")).expect("the tool's list is there");
        let expected: BTreeSet<String> = expected.lines().map(str::to_owned).collect();
        assert!(!expected.is_empty());
        assert_eq!(found, expected, "{}: {:#?}", project.display(), holdings.unpinned);
        holdings.manifest.pins.iter().for_each(assert_in_place);
    }
}

/// The bytes of the place are the version, and so are those of each requirement.
fn assert_in_place(pin: &Pin) {
    let written = |file: &Path, span: std::ops::Range<usize>| {
        let bytes = std::fs::read(file).expect("the file of a pin is there");
        String::from_utf8(bytes[span].to_vec()).expect("a text")
    };
    let version = written(&pin.place.file, pin.place.span.clone());
    assert_eq!(version.trim_matches(['"', '\'']), pin.version, "{}", pin.place);
    for requirement in &pin.requirements {
        let text = written(&requirement.place.file, requirement.place.span.clone());
        let text = text.trim_matches(['"', '\'']);
        // Poetry's own operators are told in the standard's words
        let is_translated = pin.registry == RegistryId::PyPi && !text.starts_with(['<', '>', '!']);
        // of several strings of Ruby, the place is all of them
        let is_there = text.replace([' ', '"', '\''], "").contains(&requirement.text.replace(' ', ""));
        assert!(is_translated || is_there, "{}: {text}", requirement.place);
    }
}

#[test]
fn cargo_projects_hold_what_cargo_metadata_lists() {
    check("cargo", 6);
}

#[test]
fn npm_projects_hold_what_npm_ls_lists() {
    check("npm", 7);
}

#[test]
fn python_projects_hold_what_uv_poetry_and_pip_list() {
    check("python", 6);
}

#[test]
fn ruby_projects_hold_what_bundler_reads() {
    check("ruby", 7);
}

#[test]
fn pnpm_projects_hold_what_pnpm_ls_lists() {
    check("pnpm", 6);
}

#[test]
fn yarn_projects_hold_what_yarn_lists() {
    check("yarn", 12);
}

#[test]
fn workflows_hold_the_tags_of_their_actions() {
    check("actions", 5);
}

/// `path version` of everything that was found, of what stands in for it where it is replaced.
fn required(holdings: &Holdings) -> BTreeSet<String> {
    let plain = |version: &str| version.trim_end_matches("+incompatible").trim_start_matches('v').to_owned();
    let pins = holdings.manifest.pins.iter().map(|pin| format!("{} v{}", pin.package, plain(&pin.version)));
    let others = holdings.unpinned.iter().map(|other| match &other.version {
        Some(version) => format!("{} v{}", other.package, plain(version)),
        None => format!("{} {}", other.package, other.reason),
    });
    pins.chain(others).collect()
}

#[test]
fn go_modules_hold_what_go_mod_edit_lists() {
    let projects = projects("go");
    assert!(projects.len() >= 6, "{projects:?}");
    for project in projects {
        let direct = held(&project);
        let text = std::fs::read_to_string(project.join("expected.txt")).expect("the tool's list is there");
        let expected = |all: bool| -> BTreeSet<String> {
            let lines = text.lines().filter(|line| all || !line.ends_with(" // indirect"));
            lines.map(|line| line.trim_end_matches(" // indirect").to_owned()).collect()
        };
        assert_eq!(required(&direct), expected(false), "{}", project.display());
        direct.manifest.pins.iter().for_each(assert_in_place);
        let go_mod = std::fs::read(project.join("go.mod")).expect("a module");
        let everything = repository(&[
            ("go.mod", &go_mod),
            ("upstream-versions.json", br#"{ "from": [{ "file": "go.mod", "all": true }] }"#),
        ]);
        let everything = held(everything.path());
        assert_eq!(required(&everything), expected(true), "{}", project.display());
        // every module that lies at a known forge and has a version is a pin
        let is_at_forge = |name: &str| ["github.com/", "gitlab.com/"].iter().any(|forge| name.starts_with(forge));
        for other in everything.unpinned {
            let is_commit = other.reason == "a commit between tags" || other.version.is_none();
            assert!(is_commit || !is_at_forge(&other.package), "{other:?}");
        }
    }
}

#[test]
fn dockerfiles_hold_the_images_that_their_lines_name() {
    let projects = projects("images");
    assert!(projects.len() >= 2, "{projects:?}");
    for project in projects {
        let holdings = held(&project);
        let listed = |other: &Unpinned| {
            let version = other.version.as_deref().unwrap_or("-");
            format!(
                "{}:{} {} {version}",
                other.place.file.file_name().expect("a file").display(),
                other.place.line,
                other.package
            )
        };
        let found: BTreeSet<String> = holdings.unpinned.iter().map(listed).collect();
        let expected = std::fs::read_to_string(project.join("expected.txt")).expect("the list is there");
        assert_eq!(found, expected.lines().map(str::to_owned).collect(), "{}", project.display());
        holdings.unpinned.iter().for_each(assert_told_in_place);
    }
}

/// The bytes of the place are the version, where what is no pin has one.
fn assert_told_in_place(other: &Unpinned) {
    let Some(version) = &other.version else { return };
    let bytes = std::fs::read(&other.place.file).expect("the file is there");
    let written = String::from_utf8(bytes[other.place.span.clone()].to_vec()).expect("a text");
    assert_eq!(written.trim_matches(['"', '\'']), version, "{}", other.place);
}

#[test]
fn charts_hold_what_helm_lists() {
    let projects = projects("charts");
    assert!(projects.len() >= 6, "{projects:?}");
    for project in projects {
        let holdings = held(&project);
        assert!(holdings.manifest.pins.is_empty(), "{:?}", holdings.manifest.pins);
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let listed =
            |one: &Unpinned| format!("{} {} {}", one.package, or_none(&one.version), or_none(&one.requirement));
        let found: BTreeSet<String> = holdings.unpinned.iter().map(listed).collect();
        let expected = std::fs::read_to_string(project.join("expected.txt")).expect("the list is there");
        assert_eq!(found, expected.lines().map(str::to_owned).collect(), "{}", project.display());
        holdings.unpinned.iter().for_each(assert_told_in_place);
    }
}

#[test]
fn versions_by_path_and_by_pattern_are_those_of_their_lines() {
    check("located", 3);
}

#[test]
fn every_format_is_told() {
    let told = std::fs::read_to_string(manifest::root().join("docs/sources.md")).expect("docs/sources.md is there");
    for format in Format::ALL {
        let (_, row) =
            told.split_once(&format!("\n| `{}` | ", format.as_str())).unwrap_or_else(|| panic!("{format:?}"));
        let (row, _) = row.split_once('\n').expect("rows end");
        for name in format.file_names() {
            assert!(row.contains(&format!("`{name}`")), "{format:?}: {name}");
        }
        assert!(row.contains(&format!(" | `{}` | ", format.group())), "{format:?}: {row}");
    }
}

/// A repository of a test: its files by name, in a directory of their own.
fn repository(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory for a test");
    for (name, content) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a file lies in a directory")).expect("directories can be made");
        std::fs::write(path, content).expect("files can be written");
    }
    directory
}

#[test]
fn what_an_entry_says_wrong_is_told_with_its_place() {
    for (from, expected) in [
        (r#""Cargo.lock""#, "`from` must be a list, not a string"),
        (r"[]", "0 pins, 0 not checked"),
        (r#"["Cargo.lock"]"#, "there is no file `Cargo.lock`"),
        (r#"["*/Cargo.lock"]"#, "no file matches `*/Cargo.lock`"),
        (r#"["/etc/passwd"]"#, "must be a path relative to this file"),
        (r#"["../../../../../../../../../etc/passwd"]"#, "is not called like a file that upmon knows"),
        (
            r#"[{ "file": "../../../../../../../../../etc/passwd", "format": "cargo-lock" }]"#,
            "outside of the repository",
        ),
        (r#"["pins.json"]"#, "is not called like a file that upmon knows"),
        (r#"[{ "file": "pins.json", "format": "package-jsn" }]"#, "did you mean `package-json`?"),
        (r#"[{ "file": "pins.json", "format": "package-lock" }]"#, "only `lockfileVersion` 2 and 3 are read"),
        (r#"[{ "fil": "Cargo.lock" }]"#, "did you mean `file`?"),
        (r#"[{ "file": "x", "include": [] }]"#, "the list is empty"),
        (r#"[{ "file": "x", "include": ["{"] }]"#, "is not a glob"),
        (r#"[{ "file": "x", "group": "a/b" }]"#, "holds a slash"),
        (r#"[{ "file": "x", "all": "yes" }]"#, "must be `true` or `false`"),
        (r"[1]", "must be a list of file names"),
        (r#"[{ "file": "x", "pins": { "a": { "path": "$.a" } } }]"#, "`pins` needs a `group`"),
        (r#"[{ "file": "x", "group": "rust", "pins": {} }]"#, "`pins` has no effect here: it is empty"),
        (r#"[{ "file": "x", "group": "rust", "pins": [] }]"#, "must be an object of packages"),
        (
            r#"[{ "file": "x", "group": "rust", "pins": { "a": "$.a" } }]"#,
            "must be an object with a `path` or a `pattern`",
        ),
        (r#"[{ "file": "x", "group": "rust", "pins": { "a": {} } }]"#, "says neither by `path` nor by `pattern`"),
        (
            r#"[{ "file": "x", "group": "rust", "pins": { "a": { "path": "$.a", "pattern": "(?<version>a)" } } }]"#,
            "takes one `path`",
        ),
        (
            r#"[{ "file": "x", "group": "rust", "pins": { "a": { "path": "$.a", "version": "1" } } }]"#,
            "it stands in the file",
        ),
        (r#"[{ "file": "x", "group": "rust", "pins": { "a": { "paht": "$.a" } } }]"#, "did you mean `path`?"),
        (r#"[{ "file": "x", "group": "rust", "pins": { "a": { "path": "a.b" } } }]"#, "did you mean `$.a.b`?"),
        (
            r#"[{ "file": "x", "group": "rust", "pins": { "a": { "path": "$.a", "url": "https://x/y" } } }]"#,
            "`url` has no effect here",
        ),
        (r#"[{ "file": "x", "group": "tools", "pins": { "a": { "path": "$.a" } } }]"#, "`a` names no registry"),
        (r#"[{ "file": "*.x", "group": "rust", "pins": { "a": { "path": "$.a" } } }]"#, "`pins` takes one file"),
        (
            r#"[{ "file": "x", "group": "rust", "all": true, "pins": { "a": { "path": "$.a" } } }]"#,
            "`all` has no effect here",
        ),
        (
            r#"[{ "file": "x", "group": "rust", "format": "cargo-lock", "pins": { "a": { "path": "$.a" } } }]"#,
            "takes one of json, toml, yaml",
        ),
        (r#"[{ "file": "x", "format": "toml" }]"#, "`format` has no effect here: only `pins` says where in it"),
        (
            r#"[{ "file": "x", "group": "rust", "pins": { "a": { "pattern": "(?<version>a)(?<package>b)" } } }]"#,
            "has a group `package`",
        ),
        (r#"[{ "file": "x", "group": "rust", "pattern": "(?<version>a)" }]"#, "`pattern` has no group `package`"),
        (
            r#"[{ "file": "x", "group": "tools", "pattern": "(?<version>a)(?<package>b)" }]"#,
            "nothing says who lists the packages",
        ),
        (
            r#"[{ "file": "x", "pattern": "(?<version>a)(?<package>b)", "registry": "npm" }]"#,
            "`pattern` needs a `group`",
        ),
        (r#"[{ "file": "x", "registry": "npm" }]"#, "`registry` has no effect here"),
        (
            r#"[{ "file": "x", "group": "rust", "pins": { "a": { "path": "$.a" } } },
                { "file": "y", "group": "rust", "pins": { "a": { "path": "$.a" } } }]"#,
            "`rust/a` is pinned twice",
        ),
        (r#"{ "a": { "version": "1", "registry": "npm" } }"#, "1 pins, 0 not checked"),
    ] {
        let directory = repository(&[("pins.json", format!("{{ \"from\": {from} }}").as_bytes())]);
        let told = match Holdings::read(&directory.path().join("pins.json"), None) {
            Err(error) => error.render(false),
            Ok(holdings) => format!("{} pins, {} not checked", holdings.manifest.pins.len(), holdings.unpinned.len()),
        };
        assert!(told.contains(expected), "{from}: {told}");
    }
}
