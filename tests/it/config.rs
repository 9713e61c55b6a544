//! The settings: what each source says, which one wins, and how mistakes are told.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use proptest::prelude::{prop_assert, proptest};
use upmon::config::{CacheSettings, CredentialFile, Flags, NetworkSettings, RegistrySettings, Settings};
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
    "[dispatch]\napproval = \"always\"\nrecord = \"issue\"\n[dispatch.targets.a]\nrepository = \"a/b\"\n\
     event-type = \"x\"\npackages = \"rust/*\"\npayload = { a = [1, { b = \"{{to}}\" }] }\n",
    "[dispatch.targets.a]\nrepository = \"a/b\"\nworkflow = \"x.yml\"\nref = \"main\"\nneeds = [\"b\"]\n\
     [dispatch.targets.b]\nrepository = \"a/b\"\nworkflow = \"17\"\nref = \"main\"\nupdate = \"minor\"\n",
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

concurrency = 10
rate = 2.5
fresh-for = "15m"
max-size = "64 MiB"
token-file = "secrets/npm"

[registries.pypi]
url = "https://nexus.example.org/repository/pypi/"
username = "ci"
password-file = "/run/secrets/pypi"

[registries.git]
concurrency = 4
fresh-for = "1h"

[network]
timeout = "10s"
connect-timeout = "1500ms"
deadline = "90s"
certificates = "ours.pem"
contact = "ops@example.org"

[cache]
dir = "../cache"
size = "1 GiB"
stale = true

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
    let npm = &settings.registries[&RegistryId::Npm];
    let base = npm.base.as_ref().unwrap();
    assert_eq!(base.url.url().as_str(), "https://nexus.example.org/repository/npm");
    assert_eq!(base.source, "`upmon.toml`");
    assert_eq!((npm.concurrency, npm.rate), (Some(10), Some(2.5)));
    assert_eq!((npm.fresh_for, npm.max_size), (Some(Duration::from_mins(15)), Some(64 << 20)));
    let git = RegistrySettings {
        concurrency: Some(4),
        fresh_for: Some(Duration::from_hours(1)),
        ..RegistrySettings::default()
    };
    assert_eq!(settings.registries[&RegistryId::Git], git);
    let network = NetworkSettings {
        timeout: Some(Duration::from_secs(10)),
        connect_timeout: Some(Duration::from_millis(1500)),
        deadline: Some(Duration::from_secs(90)),
        certificates: Some("ours.pem".into()),
        contact: Some("ops@example.org".to_owned()),
    };
    assert_eq!(settings.network, network);
    let cache = CacheSettings { directory: Some("../cache".into()), size: Some(1 << 30), stale: true };
    assert_eq!(settings.cache, cache);
}

#[test]
fn secrets_lie_in_files_beside_the_settings() {
    let registries = settings(SAMPLE).registries;
    let token = CredentialFile::Token(PathBuf::from("secrets/npm"));
    assert_eq!(registries[&RegistryId::Npm].credential, Some(token));
    let password = CredentialFile::Password { username: "ci".to_owned(), file: "/run/secrets/pypi".into() };
    assert_eq!(registries[&RegistryId::PyPi].credential, Some(password));
    let elsewhere = Source::new("/etc/upmon/upmon.toml", SAMPLE);
    let settings = Settings::parse(Some(elsewhere), &|_| None, Flags::default()).unwrap();
    let token = CredentialFile::Token(PathBuf::from("/etc/upmon/secrets/npm"));
    assert_eq!(settings.registries[&RegistryId::Npm].credential, Some(token));
    assert_eq!(settings.cache.directory, Some(PathBuf::from("/etc/upmon/../cache")));
}

#[test]
fn the_environment_beats_every_network_setting_of_the_file() {
    let environment = [
        ("UPMON_NETWORK_TIMEOUT", "1s"),
        ("UPMON_NETWORK_CONNECT_TIMEOUT", "2s"),
        ("UPMON_NETWORK_DEADLINE", "3s"),
        ("UPMON_NETWORK_CERTIFICATES", "theirs.pem"),
        ("UPMON_NETWORK_CONTACT", "me@example.org"),
        ("UPMON_CACHE_DIR", "elsewhere"),
        ("UPMON_CACHE_SIZE", "5 kB"),
        ("UPMON_CACHE_STALE", "false"),
        ("UPMON_NPM_CONCURRENCY", "1"),
        ("UPMON_NPM_RATE", "0.5"),
        ("UPMON_NPM_FRESH_FOR", "0s"),
        ("UPMON_NPM_MAX_SIZE", "7 B"),
        ("UPMON_GIT_CONCURRENCY", "2"),
        ("UPMON_GIT_FRESH_FOR", "9m"),
        ("UPMON_RUBYGEMS_RATE", "8"),
    ];
    let settings = parse(SAMPLE, &environment, Flags::default()).unwrap();
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let network = NetworkSettings {
        timeout: seconds(1),
        connect_timeout: seconds(2),
        deadline: seconds(3),
        certificates: Some("theirs.pem".into()),
        contact: Some("me@example.org".to_owned()),
    };
    assert_eq!(settings.network, network);
    let cache = CacheSettings { directory: Some("elsewhere".into()), size: Some(5000), stale: false };
    assert_eq!(settings.cache, cache);
    let npm = &settings.registries[&RegistryId::Npm];
    assert_eq!((npm.concurrency, npm.rate), (Some(1), Some(0.5)));
    assert_eq!((npm.fresh_for, npm.max_size), (seconds(0), Some(7)));
    let git = &settings.registries[&RegistryId::Git];
    assert_eq!((git.concurrency, git.fresh_for), (Some(2), seconds(540)));
    assert_eq!(settings.registries[&RegistryId::RubyGems].rate, Some(8.0));
}

/// The defaults that the schema tells are those that hold.
#[test]
fn the_defaults_of_the_schema_are_those_of_the_code() {
    let defaults = upmon::http::options::Options::default();
    let schema = upmon::schema::schema(upmon::schema::Which::Settings);
    let of = |section: &str, key: &str| schema["$defs"][section]["properties"][key]["default"].clone();
    let seconds = |time: Duration| serde_json::json!(format!("{}s", time.as_secs()));
    assert_eq!(of("network", "timeout"), seconds(defaults.timeout));
    assert_eq!(of("network", "connect-timeout"), seconds(defaults.connect_timeout));
    assert_eq!((of("network", "deadline"), defaults.deadline), ("5m".into(), Some(Duration::from_mins(5))));
    assert_eq!(of("cache", "size"), serde_json::json!(format!("{} MiB", defaults.cache_size >> 20)));
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
    let shown = |(id, settings): (&RegistryId, &RegistrySettings)| {
        let base = settings.base.as_ref().unwrap();
        format!("{id} {} {}", base.url, base.source)
    };
    let shown: Vec<_> = settings.registries.iter().map(shown).collect();
    let expected =
        ["crates-io https://c.example.org/ `UPMON_CRATES_IO_URL`", "npm https://env.example.org/x `UPMON_NPM_URL`"];
    assert_eq!(shown, expected);
}

#[test]
fn a_credential_in_an_address_is_kept_and_never_shown() {
    let settings = settings("[registries.npm]\nurl = \"https://user:hunter2@npm.example.org/\"\n");
    let base = settings.registries[&RegistryId::Npm].base.as_ref().unwrap();
    assert_eq!(base.url.url().password(), Some("hunter2"));
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
    ("[issues]\nmode = \"all\"", "2:8: `mode` is not a way to open issues"),
    ("[issues]\nrepository = \"shop\"", "2:14: `repository` is not a repository such as `owner/name`"),
    ("[issues]\nlabels = [\"a,b\"]", "2:11: `labels` holds a comma, which a label cannot"),
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
    ("[registries.cratesio]\nurl = \"https://host/\"", "1:13: there is no registry `cratesio`"),
    ("[registries.git]\nurl = \"https://host/\"", "2:1: unknown key `url`"),
    ("[registries.npm]\nconcurrency = 0", "2:15: `concurrency` must be a whole number from 1 to 1000"),
    ("[registries.npm]\nconcurrency = 1.5", "2:15: `concurrency` must be a whole number from 1 to 1000"),
    ("[registries.npm]\nconcurrency = \"1\"", "2:15: `concurrency` must be a whole number, not a string"),
    ("[registries.npm]\nrate = 0", "2:8: `rate` must be a number from 0.001 to 1000"),
    ("[registries.npm]\nrate = nan", "2:8: `rate` must be a number from 0.001 to 1000"),
    ("[registries.npm]\nfresh-for = 15", "2:13: `fresh-for` must be a string, not a number"),
    ("[registries.npm]\nfresh-for = \"15\"", "2:13: `fresh-for` has no unit"),
    ("[registries.npm]\nfresh-for = \"2w\"", "2:13: `fresh-for` has an unknown unit"),
    ("[registries.npm]\nmax-size = \"64\"", "2:12: `max-size` has no unit"),
    ("[registries.npm]\nmax-size = \"64 Mb\"", "2:12: `max-size` has an unknown unit"),
    ("[registries.npm]\nmax-size = \"0 B\"", "2:12: `max-size` leaves room for nothing"),
    ("[registries.npm]\ntoken = \"x\"", "2:1: unknown key `token`"),
    ("[registries.npm]\ntoken-file = \"~/token\"", "2:14: `token-file` starts with `~`"),
    ("[registries.npm]\nusername = \"ci\"", "2:12: `username` stands without `password-file`"),
    ("[registries.npm]\npassword-file = \"p\"", "2:17: `password-file` stands without `username`"),
    (
        "[registries.npm]\ntoken-file = \"t\"\nusername = \"ci\"",
        "2:14: `token-file` stands beside a user name or password, and one credential is enough",
    ),
    ("[network]\ntimeout = \"0s\"", "2:11: `timeout` leaves no time at all"),
    ("[network]\ntimeout = \"30\"", "2:11: `timeout` has no unit"),
    ("[network]\ndeadline = \"2y\"", "2:12: `deadline` has an unknown unit"),
    ("[network]\ndeadline = \"400d\"", "2:12: `deadline` is longer than a year"),
    ("[network]\ncontact = \"me (at home)\"", "2:11: `contact` holds `(`, which a user agent cannot"),
    ("[network]\nproxy = \"http://proxy:3128\"", "2:1: unknown key `proxy`"),
    ("[cache]\nsize = \"1 TB\"", "2:8: `size` has an unknown unit"),
    ("[cache]\nstale = \"yes\"", "2:9: `stale` must be `true` or `false`, not a string"),
    ("[cache]\ndir = \"\"", "2:7: `dir` is empty"),
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
     help: did you mean `due-after`? the keys here are patch, patches, minor, minors, major, due-after, zero-minor-is-major, minimum-age, by-age, pin-yanked, pin-removed, pin-deprecated, pin-replaced, major-jump, pin-quarantined

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
     help: expected an address that starts with https:// or http:// and has no query
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
