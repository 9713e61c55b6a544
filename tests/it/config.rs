//! The settings: what each source says, which one wins, and how mistakes are told.

use std::collections::HashMap;
use std::fmt::Write as _;

use chrono::TimeDelta;
use proptest::prelude::{prop_assert, proptest};
use upmon::config::{Flags, Settings};
use upmon::document::{Source, Wrong};
use upmon::pin::manifest::Manifest;
use upmon::policy::Severity;
use upmon::registry::RegistryId;

use crate::manifest::damaged;

/// Settings that are right.
pub(crate) const VALID: &[&str] = &[
    "",
    "# nothing\n",
    SAMPLE,
    "policy.patch = \"none\"",
    "[policies.calendar]\nby-age = []\n",
    "[[rules]]\npins = \"**\"\npolicy = \"default\"\n",
    "[registries.crates-io]\nurl = \"sparse+http://user:pw@127.0.0.1:8080/prefix\"\n",
];

/// Every key at once.
pub(crate) const SAMPLE: &str = r#"
[policy]
patch = "none"
patches = "info"
minor = "notice"
minors = "warning"
major = "error"
due-after = "4w"
zero-minor-is-major = true
minimum-age = "36h"
by-age = []
pin-yanked = "critical"
pin-removed = "warning"
pin-deprecated = "notice"

[policies.relaxed]
major = "warning"

[policies.calendar]
by-age = [{ days = 180, severity = "error" }, { days = 30, severity = "notice" }]

[[rules]]
pins = ["rust/*", "python/boto*"]
policy = "relaxed"

[[rules]]
pins = "rust/tz*"
policy = "calendar"

[registries.npm]
url = "https://nexus.example.org/repository/npm"

[registries.pypi]
url = "https://nexus.example.org/repository/pypi/"

[check]
fail-on = "error"
allow-unknown = true
"#;

fn parse(text: &str, environment: &[(&str, &str)], flags: Flags) -> Result<Settings, Wrong> {
    let variables: HashMap<_, _> = environment.iter().copied().collect();
    let look_up = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    Settings::parse(Some(Source::new("upmon.toml", text)), &look_up, flags)
}

fn settings(text: &str) -> Settings {
    parse(text, &[], Flags::default()).unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn rendered(text: &str) -> String {
    parse(text, &[], Flags::default()).expect_err(text).render(false)
}

#[test]
fn valid_settings_are_read() {
    for text in VALID {
        settings(text);
    }
}

#[test]
fn without_a_file_every_setting_has_its_default() {
    let folder = tempfile::tempdir().unwrap();
    let pins = folder.path().join("upstream-versions.json");
    let settings = Settings::load(None, &pins, &|_| None, Flags::default()).unwrap();
    assert_eq!(settings.policies.default, upmon::policy::Policy::default());
    assert!(settings.policies.named.is_empty() && settings.registries.is_empty());
    assert_eq!((settings.fail_on, settings.allow_unknown), (None, false));
}

#[test]
fn the_file_beside_the_pins_is_found_and_a_named_one_must_exist() {
    let folder = tempfile::tempdir().unwrap();
    let pins = folder.path().join("upstream-versions.json");
    std::fs::write(folder.path().join("upmon.toml"), "[check]\nfail-on = \"error\"\n").unwrap();
    let settings = Settings::load(None, &pins, &|_| None, Flags::default()).unwrap();
    assert_eq!(settings.fail_on, Some(Severity::Error));
    let missing = folder.path().join("other.toml");
    let error = Settings::load(Some(&missing), &pins, &|_| None, Flags::default()).expect_err("missing");
    assert!(error.is_missing() && error.render(false).contains("hint: "), "{error}");
}

#[test]
fn every_key_of_the_file_arrives() {
    let settings = settings(SAMPLE);
    let policy = &settings.policies.default;
    let rows = [policy.patch, policy.patches, policy.minor, policy.minors, policy.major];
    assert_eq!(rows, [Severity::None, Severity::Info, Severity::Notice, Severity::Warning, Severity::Error]);
    let own = [policy.pin_yanked, policy.pin_removed, policy.pin_deprecated];
    assert_eq!(own, [Severity::Critical, Severity::Warning, Severity::Notice]);
    assert_eq!((policy.due_after, policy.minimum_age), (TimeDelta::weeks(4), Some(TimeDelta::hours(36))));
    assert!(policy.zero_minor_is_major && policy.by_age.is_empty());
    assert_eq!((settings.fail_on, settings.allow_unknown), (Some(Severity::Error), true));
    let npm = settings.registries[&RegistryId::Npm].url().as_str();
    assert_eq!(npm, "https://nexus.example.org/repository/npm");
}

#[test]
fn a_named_policy_takes_from_the_default_what_it_leaves_out() {
    let settings = settings(SAMPLE);
    let relaxed = settings.policies.named("relaxed").unwrap();
    assert_eq!((relaxed.major, relaxed.minor, relaxed.name.as_str()), (Severity::Warning, Severity::Notice, "relaxed"));
    let calendar = settings.policies.named("calendar").unwrap();
    let days: Vec<_> = calendar.by_age.iter().map(|row| row.days).collect();
    assert_eq!(days, [30, 180]);
}

#[test]
fn the_last_rule_that_matches_wins_and_a_pin_that_names_its_policy_beats_it() {
    let text = r#"{ "rust": { "tokio": "1", "tzdata": "1", "own": { "version": "1", "policy": "default" } }, "ruby": { "r": "1" } }"#;
    let manifest = Manifest::parse(Source::new("pins", text)).unwrap();
    let policies = settings(SAMPLE).policies;
    let names: Vec<_> = manifest.pins.iter().map(|pin| policies.of(pin).name.as_str()).collect();
    assert_eq!(names, ["relaxed", "calendar", "default", "default"]);
}

#[test]
fn flag_beats_environment_beats_file_beats_default() {
    let file = "[check]\nfail-on = \"error\"\n[policy]\nmajor = \"error\"\n";
    let environment =
        [("UPMON_CHECK_FAIL_ON", "warning"), ("UPMON_POLICY_DUE_AFTER", "2d"), ("UPMON_POLICY_MAJOR", "")];
    let flags = Flags { fail_on: Some(Severity::Critical), allow_unknown: true };
    let fail_on = |text, environment, flags| parse(text, environment, flags).unwrap().fail_on;
    assert_eq!(fail_on("", &[], Flags::default()), None);
    assert_eq!(fail_on(file, &[], Flags::default()), Some(Severity::Error));
    assert_eq!(fail_on(file, &environment, Flags::default()), Some(Severity::Warning));
    assert_eq!(fail_on(file, &environment, flags), Some(Severity::Critical));
    let settings = parse(file, &environment, flags).unwrap();
    assert_eq!(settings.policies.default.due_after, TimeDelta::days(2));
    assert_eq!(settings.policies.default.major, Severity::Error, "an empty variable is not set");
    assert!(settings.allow_unknown);
}

#[test]
fn the_environment_moves_registries() {
    let file = "[registries.npm]\nurl = \"https://file.example.org/\"\n";
    let environment =
        [("UPMON_NPM_URL", "https://env.example.org/x"), ("UPMON_CRATES_IO_URL", "sparse+https://c.example.org/")];
    let settings = parse(file, &environment, Flags::default()).unwrap();
    let shown: Vec<_> = settings.registries.iter().map(|(id, base)| format!("{id} {base}")).collect();
    assert_eq!(shown, ["crates-io https://c.example.org/", "npm https://env.example.org/x"]);
}

#[test]
fn a_credential_in_an_address_is_kept_and_never_shown() {
    let settings = settings("[registries.npm]\nurl = \"https://user:hunter2@npm.example.org/\"\n");
    assert_eq!(settings.registries[&RegistryId::Npm].url().password(), Some("hunter2"));
    assert!(!format!("{settings:?}").contains("hunter2"));
    for (file, environment) in [
        ("[registries.npm]\nurl = \"https://user:hunter2@host/?x\"\nx = 1", ""),
        ("[registries.npm]\nurl = \"ftp://user:hunter2@host/\"\n", ""),
        ("[registries.npm]\nurl = \"https://user:hunter2@host/\n", ""),
        ("[registries.npm]\nurl = \"user:hunter2@host\"", ""),
        ("", "user:hunter2@host"),
        ("", "https://user:hunter2@host:99999/"),
        ("", "https://host/?hunter2"),
    ] {
        let wrong = parse(file, &[("UPMON_NPM_URL", environment)], Flags::default()).expect_err(file);
        let drawn = wrong.render(false);
        assert!(!drawn.contains("hunter2") && !wrong.to_string().contains("hunter2"), "{drawn}");
    }
}

/// One mistake a row: the file and what is told.
const WRONG: &[(&str, &str)] = &[
    ("[policy", "1:8: not valid TOML: unclosed table, expected `]`"),
    ("[check]\nfail-on = \"error\"\nfail-on = \"none\"", "3:1: not valid TOML: duplicate key"),
    ("[polcy]", "1:2: unknown key `polcy`"),
    ("[issues]", "1:2: unknown key `issues`"),
    ("policy = 1", "1:10: `policy` must be a table, not a number"),
    ("[policy]\nmajr = \"error\"", "2:1: unknown key `majr`"),
    ("[policy]\nmajor = \"fatal\"", "2:9: `major` is not a severity"),
    ("[policy]\nmajor = true", "2:9: `major` must be a string, not a boolean"),
    ("[policy]\ndue-after = 14", "2:13: `due-after` must be a string, not a number"),
    ("[policy]\ndue-after = \"14\"", "2:13: `due-after` has no unit"),
    ("[policy]\nminimum-age = \"3m\"", "2:15: `minimum-age` has an unknown unit"),
    ("[policy]\nminimum-age = \"-3d\"", "2:15: `minimum-age` is not a length of time"),
    ("[policy]\nby-age = [{ days = -1, severity = \"info\" }]", "2:20: `days` must be a whole number from 0 to 36525"),
    ("[policy]\nby-age = [{ days = 1.5, severity = \"info\" }]", "2:20: `days` must be a whole number from 0 to 36525"),
    ("[policy]\nby-age = [{ days = 1 }]", "2:11: `severity` is missing from `by-age`"),
    (
        "[policy]\nby-age = [{ days = 1, severity = \"info\" }, { days = 1, severity = \"error\" }]",
        "2:44: a second row for 1 days",
    ),
    ("[policies.default]", "1:11: `default` is the name of the section `[policy]`"),
    ("[policies.\"\"]", "1:11: the policy's name is empty"),
    ("[policies.x]\nmajr = \"error\"", "2:1: unknown key `majr`"),
    ("[[rules]]\npins = \"a\"", "1:1: `policy` is missing from `rules`"),
    ("[[rules]]\npins = []\npolicy = \"default\"", "2:8: `pins` is an empty list, which matches no pin"),
    (
        "[[rules]]\npins = \"a[\"\npolicy = \"default\"",
        "2:8: `pins` is not a glob: unclosed character class; missing ']'",
    ),
    ("[[rules]]\npins = \"a\"\npolicy = \"defualt\"", "3:10: there is no policy `defualt`"),
    ("[rules]\npins = \"a\"", "1:1: `rules` must be a list, not a table"),
    ("[registries.cratesio]\nurl = \"https://host/\"", "1:13: there is no registry `cratesio` that could be moved"),
    ("[registries.git]\nurl = \"https://host/\"", "1:13: there is no registry `git` that could be moved"),
    ("[registries.npm]", "1:1: `url` is missing from `npm`"),
    ("[registries.npm]\nurl = \"host\"", "2:7: `url` is not an address: relative URL without a base"),
    ("[registries.npm]\nurl = \"file:///x\"", "2:7: `url` is not an http address"),
    (
        "[registries.npm]\nurl = \"https://host/?q\"",
        "2:7: `url` has a query or a fragment, and no path can hang under it",
    ),
    ("[registries.npm]\nurl = \"sparse+https://host/\"", "2:7: only Cargo registries are `sparse+`"),
    ("[check]\nallow-unknown = 1", "2:17: `allow-unknown` must be `true` or `false`, not a number"),
    ("[check]\nfail-on = 2026-01-01", "2:11: `fail-on` must be a string, not a date"),
];

#[test]
fn every_mistake_is_told_with_its_place() {
    let mut differences = String::new();
    for (text, expected) in WRONG {
        let told = parse(text, &[], Flags::default()).expect_err(text).to_string().replace("upmon.toml:", "");
        if told != *expected {
            writeln!(differences, "{text}\n  expected {expected}\n  told     {told}").unwrap();
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

proptest! {
    #[test]
    fn whatever_stands_in_the_file_is_told_and_drawn(text in damaged(VALID)) {
        if let Err(wrong) = parse(&text, &[], Flags::default()) {
            prop_assert!(!wrong.problems().is_empty());
            let drawn = wrong.render(false) + &wrong.to_string();
            prop_assert!(!drawn.contains(['\u{0}', '\u{1b}', '\u{9b}', '\u{202e}']), "{}", drawn);
        }
    }
}

#[test]
fn all_mistakes_of_a_file_are_told_in_one_go() {
    insta::assert_snapshot!(rendered(
        "[policy]\nminor = \"warn\"\ndue_after = \"14d\"\n\n[[rules]]\npins = \"rust/*\"\npolicy = \"relaxd\"\n\n[policies.relaxed]\nmajor = 3\n"
    ), @r##"
     x `minor` is not a severity
      ,-[upmon.toml:2:9]
    2 | minor = "warn"
      :         ^^^|^^
      :            `-- expected one of none, info, notice, warning, error, critical
      `----
     help: did you mean `warning`?

     x unknown key `due_after`
      ,-[upmon.toml:3:1]
    3 | due_after = "14d"
      : ^^^^^^^^^
      `----
     help: did you mean `due-after`? the keys here are patch, patches, minor, minors, major, due-after, zero-minor-is-major, minimum-age, by-age, pin-yanked, pin-removed, pin-deprecated, pin-quarantined

     x there is no policy `relaxd`
      ,-[upmon.toml:7:10]
    7 | policy = "relaxd"
      :          ^^^^^^^^
      `----
     help: did you mean `relaxed`?

     x `major` must be a string, not a number
       ,-[upmon.toml:10:9]
    10 | major = 3
       :         |
       :         `-- expected one of none, info, notice, warning, error, critical
       `----
    "##);
}

#[test]
fn mistakes_of_the_environment_are_told_like_those_of_a_file() {
    let environment =
        [("UPMON_POLICY_MINOR", "warn"), ("UPMON_CHECK_ALLOW_UNKNOWN", "yes\nno"), ("UPMON_NPM_URL", "npm")];
    let wrong = parse("", &environment, Flags::default()).expect_err("wrong");
    insta::assert_snapshot!(wrong.render(false), @r##"
     x `UPMON_POLICY_MINOR` is not a severity
      ,-[environment:1:20]
    1 | UPMON_POLICY_MINOR=warn
      :                    ^^^^
      `----
     help: did you mean `warning`?

     x `UPMON_CHECK_ALLOW_UNKNOWN` must be `true` or `false`
      ,-[environment:2:27]
    2 | UPMON_CHECK_ALLOW_UNKNOWN=yes no
      :                           ^^^^^^
      `----

     x `UPMON_NPM_URL` is not an address: relative URL without a base
      ,-[environment:3:15]
    3 | UPMON_NPM_URL=***
      :               ^^^
      `----
    "##);
}

#[test]
fn a_policy_that_a_pin_names_must_exist() {
    let text = "{\n  \"rust\": { \"a\": { \"version\": \"1\", \"policy\": \"relaxd\" } }\n}";
    let manifest = Manifest::parse(Source::new("pins.json", text)).unwrap();
    let wrong = settings(SAMPLE).check_policies(&manifest).expect_err("unknown");
    insta::assert_snapshot!(wrong.render(false), @r##"
     x the settings have no policy `relaxd`
      ,-[pins.json:2:46]
    2 |   "rust": { "a": { "version": "1", "policy": "relaxd" } }
      :                                              ^^^^^^^^
      `----
     help: did you mean `relaxed`?
    "##);
}

#[test]
fn a_rule_that_matches_no_pin_is_a_warning() {
    let manifest = Manifest::parse(Source::new("pins.json", r#"{ "rust": { "tzdata": "1" } }"#)).unwrap();
    let warnings = settings(SAMPLE).check_policies(&manifest).unwrap().expect("a warning");
    insta::assert_snapshot!(warnings.render_warnings(false), @r##"
     ! no pin matches, so this has no effect
       ,-[upmon.toml:23:19]
    23 | pins = ["rust/*", "python/boto*"]
       :                   ^^^^^^^^^^^^^^
       `----
    "##);
    let all = r#"{ "rust": { "tzdata": "1" }, "python": { "boto3": "1" } }"#;
    let manifest = Manifest::parse(Source::new("pins.json", all)).unwrap();
    assert!(settings(SAMPLE).check_policies(&manifest).unwrap().is_none());
}
