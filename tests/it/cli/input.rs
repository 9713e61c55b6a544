//! What users get wrong: told with the place and the remedy, before anybody is asked.

use super::world::{small, small_with};
use crate::support::runner::{PINS, World, upmon};

#[test]
fn a_wrong_command_line_tells_the_nearest_right_one() {
    for (arguments, expected) in [
        (&["chek"][..], "'check'"),
        (&["check", "--fail-onn", "error"], "'--fail-on'"),
        (&["check", "--jsn"], "'--json'"),
        (&["check", "--format", "tabel"], "'table'"),
        (&["check", "--format", "pdf"], "table, json, ndjson, markdown, github, sarif, html"),
        (&["check", "--fail-on", "bad"], "none, info, notice, warning, error, critical"),
        (&["check", "--json", "--format", "table"], "cannot be used with"),
        (&["check", "--offline", "--no-cache"], "cannot be used with"),
        (&["check", "--as-of", "yesterday"], "2026-11-20T06:00:00Z"),
        (&["check", "--as-of", "2026-11-31"], "2026-11-20"),
        (&["check", "--color", "maybe"], "auto, always, never"),
        (&["check", "-q", "-v"], "cannot be used with"),
        (&["explain"], "<PACKAGE>"),
        (&["schema", "pin"], "'pins'"),
        (&["completions", "tcsh"], "bash, elvish, fish, powershell, zsh"),
        (&["man", "chek"], "there is no command `chek`"),
        (&[], "Usage: upmon"),
    ] {
        let run = upmon(arguments).ended(2);
        assert!(run.stderr.contains(expected) && run.stdout.is_empty(), "{arguments:?}: {run:#?}");
    }
}

#[tokio::test]
async fn an_unknown_package_tells_the_nearest_pin() {
    let world = small().await;
    for (name, hint) in [
        ("driftt", "did you mean `drift`?"),
        ("rust/drif", "did you mean `rust/drift`?"),
        ("ruby/drift", "did you mean `rust/drift`?"),
        ("tokio", "a pin is named as `group/package`, or by its package alone"),
    ] {
        for command in ["check", "explain"] {
            let run = world.run(&[command, name]).ended(2);
            assert_eq!(run.stderr, format!("error: no pin is called `{name}`\nhint: {hint}\n"));
            assert_eq!(run.stdout, "");
        }
    }
    assert_eq!(world.questions().await, 0);
}

/// How `check` tells of these pins, and that it asked nobody and wrote nothing else.
async fn told(pins: &str) -> String {
    let world = small_with(pins).await;
    let run = world.run(&["check", "--json"]).ended(2);
    assert_eq!((run.stdout.as_str(), world.questions().await), ("", 0));
    run.stderr
}

#[tokio::test]
async fn a_missing_pins_file_is_told_with_a_first_step() {
    let world = World::new("{}").await;
    std::fs::remove_file(world.path(PINS)).unwrap();
    insta::assert_snapshot!(world.run(&["check"]).ended(2).stderr);
}

#[tokio::test]
async fn a_broken_pins_file_is_told_with_the_place() {
    insta::assert_snapshot!(told("{\n  \"rust\": { \"tokio\": \"1.40.0\"\n").await);
}

#[tokio::test]
async fn a_duplicate_key_is_told_with_both_places() {
    insta::assert_snapshot!(
        told("{\n  \"rust\": {\n    \"tokio\": \"1.40.0\",\n    \"tokio\": \"1.41.0\"\n  }\n}\n").await
    );
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once() {
    let pins = r#"{
  "rust": { "tokio": { "versoin": "1.40.0" }, "serde": { "version": "1.0.200", "tag": "v{version}" } },
  "tools": { "jq": "1.7" },
  "git": { "git": { "version": "v2.47.3" } }
}
"#;
    insta::assert_snapshot!(told(pins).await);
}

#[tokio::test]
async fn wrong_settings_are_told_with_the_place() {
    let world = small().await;
    world.write("upmon.toml", "[check]\nfail-onn = \"error\"\n\n[policy]\nminor = \"bad\"\n");
    let run = world.run(&["check"]).ended(2);
    insta::assert_snapshot!(run.stderr);
    assert_eq!(world.questions().await, 0);
}

#[tokio::test]
async fn a_wrong_variable_is_told_by_its_name() {
    let world = small().await.with("UPMON_CHECK_FAIL_ON", "bad");
    let run = world.run(&["check"]).ended(2);
    insta::assert_snapshot!(run.stderr);
    assert_eq!(world.questions().await, 0);
}

#[tokio::test]
async fn a_pin_that_names_no_policy_is_told_with_the_place() {
    let stderr = told(r#"{ "rust": { "steady": { "version": "1.0.0", "policy": "relaxd" } } }"#).await;
    assert!(stderr.contains("upstream-versions.json:1:") && stderr.contains("relaxd"), "{stderr}");
}

#[tokio::test]
async fn settings_that_are_named_have_to_exist() {
    let world = small().await;
    let run = world.run(&["check", "--config", "nope.toml"]).ended(2);
    assert!(run.stderr.starts_with("error: cannot read `nope.toml`: ") && run.stderr.contains("\nhint: "), "{run:?}");
}

#[tokio::test]
async fn a_version_that_does_not_parse_is_a_finding_and_no_error() {
    let world = small_with(r#"{ "rust": { "steady": "one", "drift": "1.0.0" } }"#).await;
    let run = world.run(&["check", "--json"]).ended(3);
    assert_eq!(run.each("/error/kind")[0], "unparsable-pin");
    assert_eq!(run.each("/status"), ["unknown", "behind"]);
}

#[tokio::test]
async fn no_secret_of_an_address_is_ever_shown() {
    let world = small().await.with("UPMON_NPM_URL", "http://user:hunter2@127.0.0.1:1/");
    for arguments in [&["check", "--json", "@acme/pad"][..], &["check", "-vv", "@acme/pad"], &["explain", "@acme/pad"]]
    {
        let run = world.run(arguments).ended(3);
        assert!(!format!("{run:?}").contains("hunter2"), "{run:#?}");
    }
    let world = world.with("UPMON_NPM_URL", "ftp://user:hunter2@host/");
    let run = world.run(&["check"]).ended(2);
    assert!(!format!("{run:?}").contains("hunter2"), "{run:#?}");
}
