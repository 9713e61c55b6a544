//! The pins file: what is read from it, and how everything that is wrong in it is told.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::{Strategy, any, prop, prop_assert, proptest};
use upmon::document::{Source, Wrong};
use upmon::pin::manifest::Manifest;
use upmon::pin::{self, Pin};
use upmon::registry::RegistryId;
use upmon::version::SchemeId;

/// Files that are right, each with the number of its pins.
pub(crate) const VALID: &[(&str, usize)] = &[
    ("{}", 0),
    (r#"{ "$schema": "https://example.org/x.json" }"#, 0),
    (r#"{ "rust": {} }"#, 0),
    (r#"{ "rust": { "tokio": "1.40.0", "serde": { "version": "1.0.200", "requirement": "^1.0" } } }"#, 2),
    (r#"{ "ruby": { "rails": "7.1.0" }, "python": { "requests": "2.31.0" }, "node": { "@types/node": "20.1.0" } }"#, 3),
    (r#"{ "crates-io": { "a": "1" }, "rubygems": { "a": "1" }, "pypi": { "a": "1" }, "npm": { "a": "1" } }"#, 4),
    (r#"{ "from": [] }"#, 0),
    (
        r#"{ "from": ["Cargo.lock", { "file": "web/*/package-lock.json", "format": "package-lock", "group": "web",
            "include": ["@a/*"], "exclude": ["b"], "all": true }], "rust": { "a": "1" } }"#,
        1,
    ),
    (
        r#"{ "from": [{ "file": "a.toml", "group": "rust", "pins": { "a": { "path": "$.a" }, "b": { "pattern": "(?<version>x)",
            "registry": "git", "url": "https://host/x", "tag": "v{version}", "policy": "relaxed" } } },
            { "file": "b", "format": "yaml", "group": "x", "pins": { "a": { "path": "$['a'][0]", "registry": "npm" } } },
            { "file": "*.txt", "group": "tools", "registry": "pypi", "pattern": "(?<package>a)(?<version>b)" }] }"#,
        0,
    ),
    (r#"{ "from": { "a": { "version": "1", "registry": "npm" } } }"#, 1),
    (r#"{ "tools": { "tokio": { "version": "1.40.0", "registry": "crates-io" } } }"#, 1),
    (r#"{ "javascript": { "x": { "version": "v1", "registry": "git", "url": "https://host/x" } } }"#, 1),
    (r#"{ "git": { "x": { "version": "v1", "url": "git@host:x", "strategy": "tags", "tag": "x/v{version}" } } }"#, 1),
    (r#"{ "git": { "x": { "version": "abc", "url": "/srv/x", "strategy": "commits", "branch": "main" } } }"#, 1),
    (r#"{ "npm": { "next": { "version": "15.0.0", "channel": "canary", "scheme": "npm", "registry": "npm" } } }"#, 1),
    (r#"{ "rust": { "a": { "version": "not a version", "prereleases": true, "policy": "relaxed" } } }"#, 1),
    (
        r#"{ "rust": { "a": { "version": "1", "ignore": [{ "versions": ">=2" },
            { "versions": "=1.1.0", "reason": "leaks", "until": "2027-01-31" }] } } }"#,
        1,
    ),
    (
        r#"{ "rust": { "alias": { "version": "1", "package": "real", "changelog": "https://host/c",
            "migration_guide": "http://host/m" } } }"#,
        1,
    ),
];

fn read(text: &str) -> Result<Manifest, Wrong> {
    Manifest::parse(Source::new("pins.json", text))
}

fn pins(text: &str) -> Vec<Pin> {
    read(text).unwrap_or_else(|wrong| panic!("{wrong}\n{text}")).pins
}

fn rendered(text: &str) -> String {
    read(text).expect_err(text).render(false)
}

#[test]
fn valid_files_give_their_pins() {
    for (text, count) in VALID {
        assert_eq!(pins(text).len(), *count, "{text}");
    }
}

#[test]
fn a_plain_entry_takes_everything_from_its_group() {
    let text = "{\n  \"typescript\": { \"@types/node\": \"20.1.0\" }\n}\n";
    let pin = &pins(text)[0];
    assert_eq!(pin.id(), "typescript/@types/node");
    assert_eq!((pin.upstream.as_str(), pin.version.as_str()), ("@types/node", "20.1.0"));
    assert_eq!((pin.registry, pin.scheme), (RegistryId::Npm, SchemeId::Npm));
    assert_eq!((&pin.strategy, &pin.tag, pin.prereleases), (&pin::Strategy::Tags, &None, None));
    assert_eq!(pin.place.to_string(), "pins.json:2:34");
    assert_eq!(&text[pin.place.span.clone()], "\"20.1.0\"");
}

#[test]
fn an_entry_with_every_key_is_read_whole() {
    let text = r#"{ "apps": { "key": { "version": "1.0", "registry": "npm", "package": "real", "scheme": "calver",
        "requirement": ">=2024.1", "channel": "next", "policy": "strict", "changelog": "https://host/c",
        "migration_guide": "https://host/m", "ignore": [{ "versions": "2024.1.*", "reason": "r", "until": "2027-01-31" }] },
        "remote": { "version": "abc", "registry": "git", "url": "https://host/r", "strategy": "commits", "branch": "b" },
        "tagged": { "version": "v1", "registry": "git", "url": "https://host/r", "tag": "v{version}", "prereleases": false } } }"#;
    let [pin, remote, tagged] = pins(text).try_into().expect("three pins");
    assert_eq!((pin.package.as_str(), pin.upstream.as_str(), pin.scheme), ("key", "real", SchemeId::Calver));
    assert_eq!((pin.requirement.as_deref(), pin.channel.as_deref()), (Some(">=2024.1"), Some("next")));
    assert_eq!((pin.policy.as_deref(), pin.changelog.as_deref()), (Some("strict"), Some("https://host/c")));
    assert_eq!(pin.migration_guide.as_deref(), Some("https://host/m"));
    let ignore = &pin.ignore[0];
    assert_eq!((ignore.versions.as_str(), ignore.reason.as_deref()), ("2024.1.*", Some("r")));
    assert_eq!(ignore.until.map(|day| day.to_string()).as_deref(), Some("2027-01-31"));
    assert_eq!(remote.strategy, pin::Strategy::Commits { branch: Some("b".to_owned()), pin: "abc".to_owned() });
    assert_eq!(remote.url.as_deref(), Some("https://host/r"));
    assert!(tagged.tag.is_some());
    assert_eq!(tagged.prereleases, Some(false));
}

#[test]
fn pins_keep_the_order_of_the_file() {
    let ids: Vec<_> =
        pins(r#"{ "ruby": { "z": "1", "a": "1" }, "rust": { "m": "1" }, "git": {} }"#).iter().map(Pin::id).collect();
    assert_eq!(ids, ["ruby/z", "ruby/a", "rust/m"]);
}

#[test]
fn places_hold_with_windows_line_ends_and_a_byte_order_mark() {
    let text = "\u{feff}{\r\n  \"rust\": {\r\n    \"\u{e9}\u{4e16}\": \"1.0\"\r\n  }\r\n}\r\n";
    let pin = &pins(text)[0];
    assert_eq!((pin.place.line, pin.place.column), (3, 11));
    assert_eq!(&text[pin.place.span.clone()], "\"1.0\"");
}

/// One mistake a row: the file and what is told.
const WRONG: &[(&str, &str)] = &[
    ("", "1:1: the file is empty"),
    ("[]", "1:1: the file must be an object of groups, not a list"),
    ("null", "1:1: the file must be an object of groups, not null"),
    ("{ \"rust\": { \"a\": \"1\", } }", "1:21: not valid JSON: trailing commas are not allowed"),
    ("{ // why\n }", "1:3: not valid JSON: comments are not allowed"),
    (
        "{ \"rust\": { \"a\": \"1\n\" } }",
        "1:20: not valid JSON: control character (\\u0000-\\u001F) found while parsing a string",
    ),
    (r#"{ "$schema": 1 }"#, "1:14: `$schema` must be a string, not a number"),
    (r#"{ "$shema": "x" }"#, "1:3: unknown key `$shema`"),
    (r#"{ "rust": {}, "rust": {} }"#, "1:15: the key `rust` stands here a second time"),
    (r#"{ "rust": { "a": "1", "\u0061": "2" } }"#, "1:23: the key `a` stands here a second time"),
    (r#"{ "rust": { "a": { "version": "1", "version": "2" } } }"#, "1:36: the key `version` stands here a second time"),
    (r#"{ "rust": "1.0" }"#, "1:11: `rust` must be a group: an object of packages and versions, not a string"),
    (
        r#"{ "rust": { "a": 1.10 } }"#,
        "1:18: `a` must be a version as a string, or an object with a `version`, not a number",
    ),
    (
        r#"{ "rust": { "a": null } }"#,
        "1:18: `a` must be a version as a string, or an object with a `version`, not null",
    ),
    (r#"{ "rust": { "a": "" } }"#, "1:18: `version` is empty"),
    (r#"{ "rust": { "a": { "version": " " } } }"#, "1:31: `version` is empty"),
    (r#"{ "rust": { "a": "1\u001b[31m" } }"#, "1:18: `version` holds the hidden character U+001B"),
    (r#"{ "rust": { "a": "1\u202e0" } }"#, "1:18: `version` holds the hidden character U+202E"),
    (r#"{ "rust": { "a": {} } }"#, "1:18: `version` is missing from `a`"),
    (r#"{ "rust": { "a": { "versoin": "1" } } }"#, "1:20: unknown key `versoin`"),
    (
        r#"{ "rust": { "a": { "version": "1", "dispatch": {} } } }"#,
        "1:48: `dispatch` must be the name of a dispatch target or a list of names, not an object",
    ),
    (
        r#"{ "rust": { "a": { "version": "1", "prereleases": "yes" } } }"#,
        "1:51: `prereleases` must be `true` or `false`, not a string",
    ),
    (r#"{ "rust": { "a": { "version": "1", "ignore": "2" } } }"#, "1:46: `ignore` must be a list, not a string"),
    (r#"{ "rust": { "a": { "version": "1", "ignore": ["2"] } } }"#, "1:47: `ignore` must be an object, not a string"),
    (r#"{ "rust": { "a": { "version": "1", "ignore": [{}] } } }"#, "1:47: `versions` is missing from `ignore`"),
    (
        r#"{ "rust": { "a": { "version": "1", "ignore": [{ "versions": "1", "til": "2027-01-31" }] } } }"#,
        "1:66: unknown key `til`",
    ),
    (
        r#"{ "rust": { "a": { "version": "1", "ignore": [{ "versions": "1", "until": "soon" }] } } }"#,
        "1:75: `until` is not a date",
    ),
    (
        r#"{ "rust": { "a": { "version": "1", "ignore": [] } } }"#,
        "1:46: `ignore` has no effect here: the list is empty",
    ),
    (
        r#"{ "rust": { "a": { "version": "1", "registry": "crates_io" } } }"#,
        "1:48: `registry` is not a registry that upmon knows",
    ),
    (
        r#"{ "rust": { "a": { "version": "1", "scheme": "semvar" } } }"#,
        "1:46: `scheme` is not a version scheme that upmon knows",
    ),
    (r#"{ "tools": { "a": "1" } }"#, "1:14: `a` names no registry"),
    (r#"{ "Rust": { "a": { "version": "1" } } }"#, "1:13: `a` names no registry"),
    (r#"{ "a/b": {} }"#, "1:3: `a/b` holds a slash, which parts group and package in `group/package`"),
    (r#"{ "": {} }"#, "1:3: `` is empty"),
    (r#"{ "rust": { "../x": "1" } }"#, "1:13: `../x` reads like a path"),
    (r#"{ "rust": { "a b": "1" } }"#, "1:13: `a b` holds white space"),
    (r#"{ "rust": { "a\u0007": "1" } }"#, "1:13: `a?` holds the hidden character U+0007"),
    (r#"{ "rust": { "a/b": "1" } }"#, "1:13: `a/b` holds a slash, which no package name of crates-io does"),
    (r#"{ "npm": { "a": { "version": "1", "package": "@a/../b" } } }"#, "1:46: `package` reads like a path"),
    (r#"{ "git": { "x": "v1" } }"#, "1:12: `url` is missing, and a git pin has no other address"),
    (r#"{ "git": { "https://host/x": "v1" } }"#, "1:12: `https://host/x` is an address"),
    (
        r#"{ "git": { "x": { "version": "v1", "url": "https://u:secret@host/x" } } }"#,
        "1:43: `url` holds a credential, and this file is made to be shared",
    ),
    (
        r#"{ "git": { "x": { "version": "v1", "url": "https://secret@host/x" } } }"#,
        "1:43: `url` holds a credential, and this file is made to be shared",
    ),
    (r#"{ "git": { "x": { "version": "v1", "url": "github.com/a/b" } } }"#, "1:43: `url` is not an address"),
    (
        r#"{ "git": { "x": { "version": "v1", "url": "https://host/x", "strategy": "releases" } } }"#,
        "1:73: `strategy` is not a strategy",
    ),
    (
        r#"{ "git": { "x": { "version": "v1", "url": "https://host/x", "tag": "v" } } }"#,
        "1:68: `tag` is not a tag template: ",
    ),
    (
        r#"{ "git": { "x": { "version": "v1", "url": "https://host/x", "branch": "b" } } }"#,
        "1:71: `branch` has no effect here: only `strategy: commits` follows a branch",
    ),
    (
        r#"{ "rust": { "a": { "version": "1", "url": "https://host/x" } } }"#,
        "1:43: `url` has no effect here: crates-io is one place, and only pins of `git` have a remote of their own",
    ),
    (
        r#"{ "rust": { "a": { "version": "1", "strategy": "tags" } } }"#,
        "1:48: `strategy` has no effect here: crates-io is one place, and only pins of `git` have a remote of their own",
    ),
    (
        r#"{ "rust": { "a": { "version": "1", "tag": "v{version}" } } }"#,
        "1:43: `tag` has no effect here: crates-io is one place, and only pins of `git` have a remote of their own",
    ),
    (
        r#"{ "rust": { "a": { "version": "1", "channel": "next" } } }"#,
        "1:47: `channel` has no effect here: crates-io has no dist-tags, only npm has",
    ),
    (
        r#"{ "npm": { "a": { "version": "1", "channel": "next", "prereleases": true } } }"#,
        "1:69: `prereleases` has no effect here: the channel alone decides which releases count",
    ),
    (
        r#"{ "rust": { "a": { "version": "1", "changelog": "host/c" } } }"#,
        "1:49: `changelog` is not an address: relative URL without a base",
    ),
    (
        r#"{ "rust": { "a": { "version": "1", "changelog": "javascript:alert(1)" } } }"#,
        "1:49: `changelog` is not an http address",
    ),
    (
        r#"{ "rust": { "a": { "version": "1", "migration_guide": "https://u:secret@host/" } } }"#,
        "1:55: `migration_guide` holds a credential, and this file is made to be shared",
    ),
];

#[test]
fn every_mistake_is_told_with_its_place() {
    let mut differences = String::new();
    for (text, expected) in WRONG {
        let told = read(text).expect_err(text).to_string().replace("pins.json:", "");
        let is_open = expected.ends_with(": ");
        if told != *expected && !(is_open && told.starts_with(expected) && !told.contains('\n')) {
            writeln!(differences, "{text}\n  expected {expected}\n  told     {told}").unwrap();
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn options_that_commits_leave_without_effect_are_refused() {
    for option in [
        r#""tag": "v{version}""#,
        r#""requirement": "1""#,
        r#""scheme": "loose""#,
        r#""prereleases": true"#,
        r#""ignore": [{ "versions": "1" }]"#,
    ] {
        let entry = format!(r#""version": "abc", "url": "https://host/x", "strategy": "commits", {option}"#);
        let told = read(&format!(r#"{{ "git": {{ "x": {{ {entry} }} }} }}"#)).expect_err(option).to_string();
        assert!(
            told.contains("has no effect here: commits are followed") && told.lines().count() == 1,
            "{option}: {told}"
        );
    }
}

#[test]
fn what_the_scheme_cannot_read_is_refused_and_a_version_is_not() {
    let text = r#"{ "python": { "a": { "version": "not a version", "requirement": ">=<1", "ignore": [{ "versions": "~>" }] } } }"#;
    let told = read(text).expect_err(text).to_string();
    let places: Vec<_> = told.lines().filter_map(|line| line.split_once(": ")).map(|(place, _)| place).collect();
    assert_eq!(places, ["pins.json:1:65", "pins.json:1:98"], "{told}");
}

#[test]
fn all_mistakes_are_told_in_one_go_in_the_order_of_the_file() {
    insta::assert_snapshot!(rendered(
        r#"{
  "rust": {
    "tokio": { "versoin": "1.40.0" },
    "serde": 1.0,
    "semver": "1.0.27",
    "semver": "1.0.28"
  },
  "Ruby": { "rails": "7.1.0" },
  "git": {
    "zażółć": { "version": "v2", "url": "https://user:hunter2@host/x", "strategy": "tag" }
  }
}
"#
    ), @r##"
     x unknown key `versoin`
      ,-[pins.json:3:16]
    3 |     "tokio": { "versoin": "1.40.0" },
      :                ^^^^^^^^^
      `----
     help: did you mean `version`? the keys here are version, registry, package, url, strategy, branch, tag, scheme, requirement, prereleases, channel, ignore, policy, changelog, migration_guide, dispatch

     x `serde` must be a version as a string, or an object with a `version`, not a number
      ,-[pins.json:4:14]
    4 |     "serde": 1.0,
      :              ^^^
      `----
     help: put it in quotes: "1.0"

     x the key `semver` stands here a second time
      ,-[pins.json:6:5]
    5 |     "semver": "1.0.27",
      :     ^^^^|^^^
      :         `-- first
    6 |     "semver": "1.0.28"
      :     ^^^^|^^^
      :         `-- second
      `----

     x `rails` names no registry
      ,-[pins.json:8:13]
    8 |   "Ruby": { "rails": "7.1.0" },
      :             ^^^|^^^
      :                `-- whose package is it?
      `----
     help: did you mean the group `ruby`? A group of another name implies no registry

     x `url` holds a credential, and this file is made to be shared
       ,-[pins.json:10:41]
    10 |     "zażółć": { "version": "v2", "url": *****************************, "strategy": "tag" }
       :                                         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       `----
     help: take it out; credentials come from the environment or a netrc file

     x `strategy` is not a strategy
       ,-[pins.json:10:84]
    10 |     "zażółć": { "version": "v2", "url": *****************************, "strategy": "tag" }
       :                                                                                    ^^|^^
       :                                                                                      `-- expected one of tags, commits
       `----
     help: did you mean `tags`?
    "##);
}

#[test]
fn a_typing_error_shows_the_nearest_key_and_the_others() {
    insta::assert_snapshot!(rendered(r#"{ "npm": { "next": { "version": "15.0.0", "chanel": "canary" } } }"#), @r##"
     x unknown key `chanel`
      ,-[pins.json:1:43]
    1 | { "npm": { "next": { "version": "15.0.0", "chanel": "canary" } } }
      :                                           ^^^^^^^^
      `----
     help: did you mean `channel`? the keys here are version, registry, package, url, strategy, branch, tag, scheme, requirement, prereleases, channel, ignore, policy, changelog, migration_guide, dispatch
    "##);
}

#[test]
fn a_line_that_is_very_long_is_cut_round_the_spot() {
    let mut text = "{ \"rust\": { ".to_owned();
    for index in 0..500 {
        write!(text, "\"crate-{index}\": \"1.0.{index}\", ").unwrap();
    }
    text.push_str("\"crate-0\": 7 } }");
    insta::assert_snapshot!(rendered(&text), @r##"
     x the key `crate-0` stands here a second time
      ,-[pins.json:1:13]
    1 | { "rust": { "crate-0": "1.0.0", "crate-1": "1.0.1", "crate-2": "1.0.2", "crate-3": "1.0.3", "crate-4": "1.0.4", "crate-5": "1.0.5", "crate-6": "1.0.6", "crate-7
      :             ^^^^|^^^^
      :                 `-- first
      `----
      ,-[pins.json:1:11793]
    1 | 98": "1.0.498", "crate-499": "1.0.499", "crate-0": 7 } }
      :                                         ^^^^|^^^^
      :                                             `-- second
      `----

     x `crate-0` must be a version as a string, or an object with a `version`, not a number
      ,-[pins.json:1:11804]
    1 | 98", "crate-499": "1.0.499", "crate-0": 7 } }
      :                                         ^
      `----
     help: put it in quotes: "7"
    "##);
}

#[test]
fn only_the_first_mistakes_are_drawn() {
    let entries: Vec<_> = (0..1_000).map(|index| format!("\"crate-{index}\": {index}")).collect();
    let text = format!("{{ \"rust\": {{\n{}\n}} }}", entries.join(",\n"));
    let drawn = rendered(&text);
    assert_eq!(drawn.matches("must be a version").count(), 20);
    assert!(drawn.ends_with("  ... and 980 more in `pins.json`\n"), "{drawn}");
}

#[test]
fn what_is_drawn_is_ascii_without_colour_and_holds_no_secret() {
    for (text, _) in WRONG {
        let wrong = read(text).expect_err(text);
        let plain = wrong.render(false);
        assert!(plain.is_ascii() && !plain.contains('\u{1b}') && !plain.contains('\u{7}'), "{plain}");
        let coloured = wrong.render(true);
        assert!(coloured.contains("\u{1b}["), "{coloured}");
        for shown in [plain, coloured, wrong.to_string()] {
            assert!(!shown.contains("secret"), "{shown}");
        }
    }
}

#[test]
fn a_credential_is_covered_even_where_the_mistake_is_another() {
    for text in [
        "{ \"git\": { \"x\": { \"version\": 1, \"url\": \"https://u:hunter2@host/x\" } } }",
        "{ \"git\": { \"x\": { \"version\": \"1\", \"url\": \"https:\\/\\/u:hunter2@host/x\" },, } }",
        "{ \"git\": { \"x\": { \"version\": \"1\", \"url\": \"u:hunter2@host:x\" } } }",
        "{ \"https://u:hunter2@host/x\": 1 }",
        "{ \"git\": { \"x\": { \"version\": \"1\", \"url\": \"https://host/x?token=hunter2\" } } }",
    ] {
        let wrong = read(text).expect_err(text);
        assert!(!rendered(text).contains("hunter2") && !wrong.to_string().contains("hunter2"), "{}", rendered(text));
    }
}

#[test]
fn deep_nesting_is_told_and_does_not_overflow() {
    for open in ["[", "{\"a\":"] {
        let told = read(&open.repeat(100_000)).expect_err("too deep").to_string();
        assert!(told.contains("not valid JSON: recursion limit exceeded"), "{told}");
    }
}

#[test]
fn ten_thousand_pins_are_read_with_their_lines() {
    let entries: Vec<_> = (0..10_000).map(|index| format!("\"crate-{index}\": \"1.0.{index}\"")).collect();
    let pins = pins(&format!("{{ \"rust\": {{\n{}\n}} }}", entries.join(",\n")));
    assert_eq!((pins.len(), pins[9_999].place.line), (10_000, 10_001));
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Manifest::read(&folder.path().join("none.json"), None).expect_err("missing");
    assert!(missing.is_missing());
    let drawn = missing.render(false).replace(folder.path().to_str().unwrap(), "FOLDER");
    insta::assert_snapshot!(drawn, @r##"
    error: cannot read `FOLDER/none.json`: No such file or directory (os error 2)
    hint: create it, such as { "rust": { "serde": "1.0.200" } }, write `[[pins]]` into upmon.toml, or name another file with --pins
    "##);

    let binary = folder.path().join("binary.json");
    std::fs::write(&binary, b"{\n\xff").unwrap();
    let told = Manifest::read(&binary, None).expect_err("not UTF-8").to_string();
    assert!(told.ends_with("line 2 is not UTF-8"), "{told}");
    assert!(Manifest::read(folder.path(), None).is_err());
    if cfg!(unix) {
        let told = Manifest::read(Path::new("/dev/zero"), None).expect_err("endless").to_string();
        assert!(told.ends_with("it is larger than 16 MiB"), "{told}");
    }
}

/// Characters that files are made of, and some that have surprised readers of files.
const ODD: &str = "{}[]:,\"\\'/@?#. \t\n\r\u{0}\u{1b}\u{9b}\u{feff}\u{202e}\u{e9}\u{1f600}1a=-$";

/// A sample in which a few characters are replaced or added.
pub(crate) fn damaged(samples: &'static [&'static str]) -> impl Strategy<Value = String> {
    let odd: Vec<char> = ODD.chars().collect();
    let edit = (any::<prop::sample::Index>(), prop::sample::select(odd), any::<bool>());
    (prop::sample::select(samples), prop::collection::vec(edit, 1..6)).prop_map(|(sample, edits)| {
        let mut text: Vec<char> = sample.chars().collect();
        for (index, character, replaces) in edits {
            let at = index.index(text.len() + 1);
            text.splice(at..(at + usize::from(replaces)).min(text.len()), [character]);
        }
        text.into_iter().collect()
    })
}

const SAMPLES: &[&str] = &[
    VALID[3].0,
    VALID[8].0,
    VALID[12].0,
    "{\r\n  \"git\": { \"\u{e9}\": { \"version\": 1, \"url\": \"https://u:p@host/x?y\" } },\r\n  \"git\": 1\r\n}\r\n",
];

proptest! {
    #[test]
    fn whatever_stands_in_the_file_is_told_and_drawn(text in damaged(SAMPLES)) {
        match read(&text) {
            Ok(manifest) => for pin in manifest.pins {
                let place = &text[pin.place.span.clone()];
                prop_assert!(place.starts_with('"') && place.ends_with('"'), "{place}");
            },
            Err(wrong) => {
                prop_assert!(!wrong.problems().is_empty());
                let drawn = wrong.render(false) + &wrong.to_string();
                prop_assert!(!drawn.contains(['\u{0}', '\u{1b}', '\u{9b}', '\u{202e}']), "{}", drawn);
            }
        }
    }
}

#[test]
fn the_pins_of_upmon_itself_are_right() {
    let manifest =
        Manifest::read(&root().join("upstream-versions.json"), None).unwrap_or_else(|error| panic!("{error}"));
    for registry in RegistryId::ALL {
        assert!(manifest.pins.iter().any(|pin| pin.registry == *registry), "no pin of {registry}");
    }
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    for pin in manifest.pins.iter().filter(|pin| pin.registry == RegistryId::CratesIo) {
        let package = format!("name = \"{}\"\nversion = \"{}\"\n", pin.upstream, pin.version);
        assert!(lock.contains(&package), "{}: Cargo.lock has another version than {}", pin.place, pin.version);
    }
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
