//! `upmon init`: what it finds, what it writes, and that it does so once.

use std::fs;

use super::world::CARGO_LOCK;
use crate::support::runner::{PINS, World};

const MANIFEST: &str =
    "[package]\nname = \"app\"\nversion = \"0.1.0\"\n\n[dependencies]\nsteady = \"0.5\"\nours = { path = \"ours\" }\n";

const STEPS: &str = "jobs:\n  a:\n    steps:\n      - uses: actions/checkout@v5\n";
const WEB: &str = r#"{ "dependencies": { "left-pad": "1.3.0" } }"#;

/// A repository with a lock file, a workflow, a page and what git ignores; without pins.
async fn project() -> World {
    let world = World::new("{}").await;
    fs::remove_file(world.path(PINS)).unwrap();
    for directory in [".git", ".github/workflows", "web/node_modules/x", "built"] {
        fs::create_dir_all(world.path(directory)).unwrap();
    }
    world.write("Cargo.toml", MANIFEST);
    world.write("Cargo.lock", CARGO_LOCK);
    world.write(".github/workflows/ci.yml", STEPS);
    world.write("web/package.json", WEB);
    world.write("web/node_modules/x/package.json", WEB);
    world.write("built/package.json", WEB);
    world.write(".gitignore", "/built\n");
    world
}

#[tokio::test]
async fn a_second_run_changes_nothing_and_a_dry_one_not_even_the_first_time() {
    let world = project().await;
    let dry = world.run(&["init", "--dry-run"]).ended(0);
    assert!(dry.stdout.contains("would be written"), "{dry:?}");
    assert!(!world.path(PINS).exists());
    let first = world.run(&["init"]).ended(0);
    insta::assert_snapshot!(first.stdout);
    let pins = world.read(PINS);
    assert_eq!(
        pins,
        "{\n  \"from\": [\n    \".github/workflows/*.yml\",\n    \"Cargo.lock\",\n    \"web/package.json\"\n  ]\n}\n"
    );
    let second = world.run(&["init"]).ended(0);
    assert!(second.stdout.contains("stays as it is") && !second.stdout.contains("new "), "{second:?}");
    assert_eq!(world.read(PINS), pins);
    let listed = world.run(&["list", "--json"]).ended(0).json();
    assert_eq!(listed["pins"].as_array().unwrap().len(), 3);
    assert_eq!(world.questions().await, 0);
}

#[tokio::test]
async fn what_stands_there_keeps_its_bytes() {
    let world = project().await;
    let before =
        "{ \"rust\":{\"other\" : \"1.0.0\"},\n\n\t\"from\": [ {\"file\": \"Cargo.lock\", \"group\": \"x\"} ] }";
    world.write(PINS, before);
    world.run(&["init", "--exclude", "web/**"]).ended(0);
    let after = before.replace("\"x\"} ]", "\"x\"},\".github/workflows/*.yml\" ]");
    assert_eq!(world.read(PINS), after);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named_and_the_others_are_taken() {
    let world = project().await;
    world.write("web/package.json", "{ \"dependencies\": [\n");
    let run = world.run(&["init"]).ended(3);
    assert!(run.stdout.contains("web/package.json:"), "{run:?}");
    assert!(world.read(PINS).contains("Cargo.lock") && !world.read(PINS).contains("web"));
}

#[tokio::test]
async fn pins_that_are_wrong_or_missing_everywhere_are_an_error_and_nothing_is_written() {
    let world = project().await;
    world.write(PINS, "{ \"rust\": 1 }");
    let run = world.run(&["init"]).ended(2);
    assert!(run.stderr.contains("rust"), "{run:?}");
    assert_eq!(world.read(PINS), "{ \"rust\": 1 }");
    let empty = World::new("{}").await;
    fs::remove_file(empty.path(PINS)).unwrap();
    let run = empty.run(&["init"]).ended(2);
    assert!(run.stderr.contains("holds no file that upmon reads pins from"), "{run:?}");
    assert!(empty.files().is_empty());
}

#[tokio::test]
async fn the_workflow_counts_at_once_and_is_replaced_only_when_told() {
    let world = project().await;
    let workflow = ".github/workflows/upmon.yml";
    let planned = world.run(&["init", "--workflow", "--dry-run"]).ended(0);
    assert!(planned.stdout.contains("2 pins"), "the workflow's own action counts, too: {planned:?}");
    assert!(!world.path(workflow).exists());
    world.run(&["init", "--workflow", "--action", "acme/upmon@0123abc"]).ended(0);
    let text = world.read(workflow);
    assert!(text.contains("- uses: acme/upmon@0123abc\n"), "{text}");
    let pins = world.read(PINS);
    let again = world.run(&["init", "--workflow", "--action", "acme/upmon@0123abc"]).ended(0);
    assert!(again.stdout.contains("`.github/workflows/upmon.yml` stays as it is"), "{again:?}");
    assert_eq!(world.read(PINS), pins);
    world.write(workflow, STEPS);
    let kept = world.run(&["init", "--workflow"]).ended(0);
    assert!(kept.stdout.contains("`--force` replaces it"), "{kept:?}");
    assert_eq!(world.read(workflow), STEPS);
    world.run(&["init", "--workflow", "--force", "--action", "acme/upmon@0123abc"]).ended(0);
    assert_eq!(world.read(workflow), text);
}

#[tokio::test]
async fn a_directory_gets_pins_of_its_own_or_adds_to_those_above() {
    let world = project().await;
    world.run(&["init", "web"]).ended(0);
    assert!(world.read("web/upstream-versions.json").contains("\"package.json\""));
    world.run(&["--pins", "pins.json", "init", "web"]).ended(0);
    assert!(world.read("pins.json").contains("[\n    \"web/package.json\"\n  ]"));
    let outside = world.run(&["--pins", "web/pins.json", "init", "built"]).ended(2);
    assert!(outside.stderr.contains("does not lie below the pins file"), "{outside:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn pins_behind_a_link_are_written_there_and_keep_their_rights() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let world = project().await;
    fs::create_dir(world.path("kept")).unwrap();
    fs::write(world.path("kept/pins.json"), "{ \"rust\": {} }").unwrap();
    fs::set_permissions(world.path("kept/pins.json"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("kept/pins.json", world.path(PINS)).unwrap();
    world.write("nvchecker.toml", "[serpent]\nsource = \"pypi\"\n");
    world.write("old.json", "{ \"serpent\": \"1.0\" }");
    for (command, added) in
        [(vec!["init"], "Cargo.lock"), (vec!["import", "nvchecker.toml", "--versions", "old.json"], "serpent")]
    {
        world.run(&command).ended(0);
        assert!(fs::symlink_metadata(world.path(PINS)).unwrap().is_symlink(), "{command:?}");
        assert!(world.read("kept/pins.json").contains(added), "{command:?}");
        let mode = fs::metadata(world.path("kept/pins.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640, "{command:?}");
    }
}
