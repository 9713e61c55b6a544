//! `upmon import`: what another tool watches becomes pins, and nothing is lost silently.

use serde_json::{Value, json};

use crate::manifest;
use crate::support::runner::{PINS, World};

/// A configuration as they are found in public repositories, see `tests/data/import/README.md`.
fn sample() -> String {
    std::fs::read_to_string(manifest::root().join("tests/data/import/nvchecker.toml")).unwrap()
}

const OLD: &str = r#"{ "version": 2, "data": {
  "archivebox": { "version": "0.7.2" },
  "chisel-tunnel": { "version": "1.9.1", "gitref": "refs/tags/v1.9.1", "revision": null },
  "cloudflared-bin": { "version": "2024.1.0" },
  "htrace.sh": { "version": "1.1.7" },
  "nali-cli": { "version": "1.0.0" },
  "ruby-gssapi": { "version": "1.3.1" },
  "arti": { "version": "arti-v1.2.0" },
  "release-plz": { "version": "0.3.60" },
  "kx-aspe-cli": { "version": "0123456789012345678901234567890123456789" }
} }"#;

async fn world() -> World {
    let world = World::new("{\n  \"rust\": { \"mine\": \"1.0.0\" },\n  \"npm\": {}\n}\n").await;
    world.write("nvchecker.toml", &sample());
    world.write("old_ver.json", OLD);
    world
}

#[tokio::test]
async fn packages_become_pins_and_the_rest_is_told_with_lines() {
    let world = world().await;
    let before = world.read(PINS);
    let dry = world.run(&["import", "nvchecker.toml", "--dry-run"]).ended(3);
    assert_eq!(world.read(PINS), before);
    let run = world.run(&["import", "nvchecker.toml"]).ended(3);
    insta::assert_snapshot!(run.stdout);
    assert!(dry.stdout.contains("would be written"), "{dry:?}");
    let text = world.read(PINS);
    assert!(text.starts_with("{\n  \"rust\": { \"mine\": \"1.0.0\" },\n  \"npm\": {},\n"), "{text}");
    let pins: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        pins["git"]["htrace.sh"],
        json!({ "version": "v1.1.7", "url": "https://github.com/trimstray/htrace.sh" })
    );
    assert_eq!(pins["git"]["arti"]["url"], "https://gitlab.torproject.org/tpo/core/arti");
    assert_eq!(pins["git"]["release-plz"]["version"], "release-plz-v0.3.60");
    assert_eq!(pins["ruby"]["ruby-gssapi"], json!({ "version": "1.3.1", "package": "gssapi" }));
    world.run(&["list"]).ended(0);
    let again = world.run(&["import", "nvchecker.toml"]).ended(3);
    assert!(again.stdout.contains("stays as it is"), "{again:?}");
    assert_eq!(world.read(PINS), text);
    assert_eq!(world.questions().await, 0);
}

#[tokio::test]
async fn everything_that_can_be_taken_over_is_no_failure() {
    let world = World::new("{}").await;
    world.write("watch.toml", "[serde]\nsource = \"cratesio\"\n");
    world.write("held.json", "{ \"serde\": \"1.0.200\" }");
    let unknown = world.run(&["import", "watch.toml"]).ended(2);
    assert!(unknown.stderr.contains("--format nvchecker"), "{unknown:?}");
    world.run(&["import", "watch.toml", "--format", "nvchecker", "--versions", "held.json"]).ended(0);
    let pins: Value = serde_json::from_str(&world.read(PINS)).unwrap();
    assert_eq!(pins, json!({ "rust": { "serde": "1.0.200" } }));
}

#[tokio::test]
async fn files_that_are_wrong_are_refused_with_their_places_and_nothing_is_written() {
    let world = World::new("{}").await;
    for (config, record, told) in [
        ("[x\n", "{}", "nvchecker.toml:1"),
        ("[x]\nsource = \"pypi\"\n", "[]", "old.json:1"),
        ("[x]\nsource = \"pypi\"\n", "{ \"x\": ", "old.json:1"),
    ] {
        world.write("nvchecker.toml", config);
        world.write("old.json", record);
        let run = world.run(&["import", "nvchecker.toml", "--versions", "old.json"]).ended(2);
        assert!(run.stderr.contains(told), "{run:?}");
    }
    let run = world.run(&["import", "nvchecker.toml", "--versions", "none.json"]).ended(2);
    assert!(run.stderr.contains("none.json"), "{run:?}");
    assert_eq!(world.read(PINS), "{}");
}

#[tokio::test]
async fn an_address_with_a_credential_is_not_imported_and_not_shown() {
    let world = World::new("{}").await;
    world.write("nvchecker.toml", "[x]\nsource = \"git\"\ngit = \"https://user:s3cret@g.example/a\"\n");
    world.write("old.json", "{ \"x\": \"1.0.0\" }");
    let run = world.run(&["import", "nvchecker.toml", "--versions", "old.json"]).ended(3);
    assert!(run.stdout.contains("nvchecker.toml:1: git/x: ") && !run.printed().contains("s3cret"), "{run:?}");
    assert_eq!(world.read(PINS), "{}");
}
