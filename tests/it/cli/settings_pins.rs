//! Pins in `upmon.toml`: what they mean for each command.

use std::fs;

use serde_json::json;

use super::world::small_with;
use crate::support::runner::{PINS, World};

const SETTINGS: &str = r#"[check]
fail-on = "error"

[[pins]]
group = "rust"
name = "drift" # by hand
version = "1.0.0"
requirement = '~1.1'

[[pins]]
group = "ruby"
name = "gemmy"
version = "1.0.0"
ignore = [{ versions = "1.0.1" }]

[[pins]]
file = "web/package.json"
group = "web"
"#;

/// A world whose pins stand in the settings, with a pins file that holds the rest.
async fn world(pins: &str) -> World {
    let world = small_with(pins).await;
    fs::create_dir(world.path("web")).unwrap();
    world.write("web/package.json", "{ \"dependencies\": {\n  \"@acme/pad\": \"1.0.0\" } }\n");
    world.write("upmon.toml", SETTINGS);
    world
}

/// The same without a pins file.
async fn alone() -> World {
    let world = world("{}").await;
    fs::remove_file(world.path(PINS)).unwrap();
    world
}

#[tokio::test]
async fn they_are_listed_with_their_places() {
    let world = world(r#"{ "rust": { "steady": "1.0.0" } }"#).await;
    let run = world.run(&["list"]).ended(0);
    insta::assert_snapshot!(run.stdout);
    fs::remove_file(world.path(PINS)).unwrap();
    assert_eq!(world.run(&["list"]).ended(0).stdout.lines().count(), 5, "the pins file may be missing");
}

#[tokio::test]
async fn they_are_checked_and_explained_like_others() {
    let world = alone().await;
    let run = world.run(&["check", "--json"]).ended(1);
    assert_eq!(run.each("/id"), ["rust/drift", "ruby/gemmy", "web/@acme/pad"]);
    assert_eq!(run.each("/status"), ["behind", "current", "behind"]);
    assert_eq!(run.each("/wanted/version")[0], "1.1.1");
    assert_eq!(run.each("/place/line"), [7, 13, 2]);
    assert_eq!(run.each("/place/file"), ["upmon.toml", "upmon.toml", "web/package.json"]);
    assert_eq!(run.stderr, "");
    let told = world.run(&["explain", "drift"]).ended(0).stdout;
    assert!(told.contains("upmon.toml:7"), "{told}");
}

#[tokio::test]
async fn a_file_that_pins_the_same_is_compared() {
    let settings = SETTINGS.replace("file =", "name = \"@acme/pad\"\nregistry = \"npm\"\nversion = \"1.1.0\" #");
    let world = world(r#"{ "from": ["web/package.json"] }"#).await;
    world.write("upmon.toml", &settings);
    let run = world.run(&["check", "--json"]).ended(1);
    assert_eq!(run.each("/id"), ["rust/drift", "ruby/gemmy", "web/@acme/pad"]);
    let message = "`upmon.toml:19` pins `1.1.0`, `web/package.json:2` pins `1.0.0`";
    assert_eq!(run.each("/notices")[2], json!([{ "kind": "drift", "message": message }]));
}

#[tokio::test]
async fn the_same_pin_in_both_files_is_refused_with_both_places() {
    let world = world("{ \"rust\": {\n  \"drift\": \"1.1.0\" } }").await;
    let run = world.run(&["check"]).ended(2);
    insta::assert_snapshot!(run.stderr);
    assert_eq!(world.questions().await, 0);
}

#[tokio::test]
async fn every_mistake_of_the_settings_is_told_at_once() {
    let world = alone().await;
    world.write("upmon.toml", "[check]\nfail-on = 1\n[[pins]]\ngroup = \"rust\"\nversion = \"1\"\n");
    let run = world.run(&["check"]).ended(2);
    for expected in ["upmon.toml:2:11", "`fail-on` must be", "upmon.toml:3:1", "`name` is missing from this pin"] {
        assert!(run.stderr.contains(expected), "{}", run.stderr);
    }
}

#[tokio::test]
async fn without_any_pins_both_remedies_are_named() {
    let world = alone().await;
    world.write("upmon.toml", "pins = []\n");
    let run = world.run(&["check"]).ended(2);
    assert!(run.stderr.contains("cannot read `upstream-versions.json`"), "{}", run.stderr);
    assert!(run.stderr.contains("{ \"rust\": { \"serde\": \"1.0.200\" } }"), "{}", run.stderr);
    assert!(run.stderr.contains("write `[[pins]]` into upmon.toml"), "{}", run.stderr);
}

#[tokio::test]
async fn paths_start_at_the_settings_file_that_is_named() {
    let world = alone().await;
    fs::create_dir(world.path(".git")).unwrap();
    fs::create_dir(world.path("ci")).unwrap();
    fs::rename(world.path("upmon.toml"), world.path("ci/upmon.toml")).unwrap();
    let run = world.run(&["list", "--config", "ci/upmon.toml"]).ended(2);
    assert!(run.stderr.contains("no file `web/package.json`"), "{}", run.stderr);
    world.write("ci/upmon.toml", &SETTINGS.replace("web/", "../web/"));
    let listed = world.run(&["list", "--json", "--config", "ci/upmon.toml"]).ended(0).json();
    let files: Vec<_> = (0..3).map(|at| listed["pins"][at]["place"]["file"].clone()).collect();
    assert_eq!(files, ["ci/upmon.toml", "ci/upmon.toml", "web/package.json"]);
    // settings of another place may not lead out of the repository whose pins are checked
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("upmon.toml"), "[[pins]]\nfile = \"package.json\"\n").unwrap();
    fs::write(outside.path().join("package.json"), "{}").unwrap();
    world.write(PINS, "{}");
    let named = outside.path().join("upmon.toml");
    let run = world.run(&["list", "--config", named.to_str().unwrap()]).ended(2);
    assert!(run.stderr.contains("lies outside of the repository"), "{}", run.stderr);
}

#[tokio::test]
async fn a_version_is_taken_there_on_request_and_nothing_else_changes() {
    let world = alone().await;
    let run = world.run(&["take", "drift"]).ended(4);
    assert_eq!(
        run.stderr,
        "error: `rust/drift`: it is pinned in `upmon.toml:7`, not in the pins file\nhint: --files changes it there\n"
    );
    assert_eq!(world.read("upmon.toml"), SETTINGS);
    world.run(&["take", "drift", "--files"]).ended(0);
    let taken = SETTINGS.replacen("\"1.0.0\"", "\"1.1.1\"", 1);
    assert_eq!(world.read("upmon.toml"), taken);
    world.run(&["take", "drift", "1.2.0", "--files"]).ended(0);
    assert_eq!(world.read("upmon.toml"), taken.replace("1.1.1", "1.2.0").replace("~1.1", "~1.2"));
    world.run(&["take", "@acme/pad", "--files"]).ended(0);
    assert!(world.read("web/package.json").contains("1.1.0"));
    assert!(!world.path(PINS).exists());
}

#[tokio::test]
async fn a_version_that_is_not_plain_text_is_left() {
    let world = alone().await;
    let settings = SETTINGS.replacen("\"1.0.0\"", "\"1\\u002e0.0\"", 1);
    world.write("upmon.toml", &settings);
    let run = world.run(&["take", "drift", "--files"]).ended(4);
    assert!(run.stderr.contains("`upmon.toml:7` does not hold `1.0.0` as it is"), "{}", run.stderr);
    assert_eq!(world.read("upmon.toml"), settings);
}

#[tokio::test]
async fn entries_of_ignore_are_shown_and_left_to_people() {
    let world = alone().await;
    let run = world.run(&["ignore", "add", "drift"]).ended(2);
    assert_eq!(
        run.stderr,
        "error: `rust/drift` is pinned in `upmon.toml:7`, and settings are left to people\n\
         hint: write `ignore = [{ versions = \">1.0.0\" }]` there\n"
    );
    assert!(world.run(&["ignore", "list"]).ended(0).stdout.contains("ruby/gemmy  1.0.1"));
    world.write("upmon.toml", &SETTINGS.replace("\"1.0.1\" }", "\"1.0.1\", until = \"2026-01-01\" }"));
    let run = world.run(&["ignore", "prune"]).ended(0);
    assert_eq!(run.stderr, "note: `ruby/gemmy` in `upmon.toml:13` has entries that are over; take them out by hand\n");
    assert!(!world.path(PINS).exists());
    // those of the pins file go all the same
    world.write(PINS, r#"{ "rust": { "steady": { "version": "1.0.0", "ignore": [{ "versions": "<1" }] } } }"#);
    world.run(&["ignore", "prune"]).ended(0);
    assert!(!world.read(PINS).contains("ignore"), "{}", world.read(PINS));
}

#[tokio::test]
async fn init_adds_what_the_settings_do_not_name() {
    let world = alone().await;
    let run = world.run(&["init"]).ended(0);
    assert!(run.stdout.contains("known  web/package.json"), "{}", run.stdout);
    assert!(run.stdout.contains("`upstream-versions.json` is not written"), "{}", run.stdout);
    assert!(!world.path(PINS).exists());
    world.write("requirements.txt", "serpent==1.0\n");
    world.run(&["init"]).ended(0);
    assert_eq!(world.read(PINS), "{\n  \"from\": [\n    \"requirements.txt\"\n  ]\n}\n");
    assert_eq!(world.run(&["check", "--json"]).ended(1).each("/id").len(), 4);
}

#[tokio::test]
async fn an_import_leaves_what_the_settings_pin() {
    let world = alone().await;
    world.write("nvchecker.toml", "[drift]\nsource = \"cratesio\"\ncratesio = \"drift\"\n");
    world.write("old.json", r#"{ "version": 2, "data": { "drift": { "version": "1.0.0" } } }"#);
    let run = world.run(&["import", "nvchecker.toml", "--versions", "old.json"]).ended(0);
    assert!(run.stdout.contains("pinned already, and left as they are:\nrust/drift"), "{}", run.stdout);
    assert!(!world.path(PINS).exists());
}
