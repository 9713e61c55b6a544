//! `upmon run`: one report, and every action that the settings ask for.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not know for such")]

mod crash;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;
use upmon::registry::RegistryId;

use crate::dispatch::stand_in::SHOP;
use crate::dispatch::{RECORD, SETTINGS, Scene, findings};
use crate::support::runner::{Run, World};

fn settings() -> String {
    format!("[badges]\nout = \"badges\"\n{SETTINGS}")
}

fn run(scene: &Scene, more: &[&str]) -> Run {
    Run::of(scene.command("run", more).output().unwrap())
}

/// How many issues there are, and how many dispatches.
fn counts(scene: &Scene) -> (usize, usize) {
    let memory = scene.github.memory();
    (memory.issues.len(), memory.starts.len())
}

/// Every file below a directory, with what it holds.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.insert(path.display().to_string(), std::fs::read(&path).unwrap());
        }
    }
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_done_once_and_an_unchanged_night_writes_nothing() {
    let scene = Scene::new(&settings(), findings(&["rust/tokio", "ruby/rake"])).await;
    let first = run(&scene, &["--wait"]).ended(0);
    assert_eq!(counts(&scene), (1, 3));
    let badges = files(&scene.world.path("badges"));
    assert_eq!(badges.len(), 2 * 5 + 1);
    let told: Vec<&str> = first.stdout.lines().rev().take(3).collect();
    assert_eq!(
        told,
        ["dispatch: 3 due, 0 under way, 0 held", "badges: 10 badge files: 10 create", "issues: 3 changes"]
    );
    assert!(first.stdout.contains("2 packages: 0 current, 2 behind"), "{first:?}");
    scene.github.writes();
    let record = scene.world.read(RECORD);
    let second = run(&scene, &["--wait"]).ended(0);
    let told: Vec<&str> = second.stdout.lines().rev().take(3).collect();
    assert_eq!(
        told,
        ["dispatch: 0 due, 0 under way, 0 held", "badges: 10 badge files: 10 unchanged", "issues: 0 changes"]
    );
    assert!(scene.github.writes().is_empty(), "an unchanged night writes nothing");
    assert_eq!((files(&scene.world.path("badges")), scene.world.read(RECORD)), (badges, record));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_told_and_stops_nothing_else() {
    let scene = Scene::new(&settings(), findings(&["rust/tokio"])).await;
    let said = json!({ "message": "Resource not accessible by integration" });
    scene.github.memory().faults.push((format!("GET {SHOP}/issues"), 403, said.clone(), Vec::new()));
    scene.github.memory().faults.push(("POST acme/docs/".to_owned(), 404, said, Vec::new()));
    // a failed action is told before what the findings mean
    let failed = run(&scene, &["--fail-on", "info"]).ended(4);
    assert!(failed.stderr.contains("error: issues: listing the issues: GitHub answered 403"), "{failed:?}");
    assert!(
        failed.stderr.contains("error: dispatch: starting `docs` for `rust/tokio`: GitHub answered 404"),
        "{failed:?}"
    );
    assert!(
        failed.stdout.contains("issues: not done; 1 failure\nbadges: ") && failed.stdout.contains("tokio"),
        "{failed:?}"
    );
    assert!(scene.world.path("badges/rust/tokio.svg").exists());
    assert_eq!(scene.starts().len(), 1);
    scene.github.memory().faults.clear();
    run(&scene, &["--fail-on", "info"]).ended(1);
    assert_eq!(counts(&scene), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_badge_that_cannot_be_written_stops_nothing_else() {
    let scene = Scene::new(&settings(), findings(&["rust/tokio"])).await;
    scene.world.write("badges", "in the way");
    let failed = run(&scene, &[]).ended(4);
    assert!(failed.stderr.contains("error: badges: cannot"), "{failed:?}");
    assert_eq!(counts(&scene), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_prints_all_plans_and_changes_nothing() {
    let scene = Scene::new(&settings(), findings(&["rust/tokio"])).await;
    let before = scene.world.files();
    let planned = run(&scene, &["--dry-run"]).ended(0);
    for part in ["issues:\n{", "\"change\": \"create\"", "badges:\ncreate ", "dispatch:\n{", "\"client_payload\""] {
        assert!(planned.stdout.contains(part), "{part}: {planned:?}");
    }
    assert!(scene.github.writes().is_empty());
    assert_eq!(scene.world.files(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_gets_annotations_outputs_and_a_summary_of_all() {
    let scene = Scene::new(&settings(), findings(&["rust/tokio"])).await;
    let said = json!({ "message": "::error::no\n%" });
    scene.github.memory().faults.push(("POST acme/docs/".to_owned(), 422, said, Vec::new()));
    let mut command = scene.command("run", &["--format", "github", "--write-report", "new.json"]);
    command.env("GITHUB_OUTPUT", "outputs").env("GITHUB_STEP_SUMMARY", "summary.md");
    let told = Run::of(command.output().unwrap()).ended(4);
    assert!(told.stdout.contains("::error file="), "{told:?}");
    assert!(told.stdout.contains("\n::error title=upmon::dispatch: starting `docs` for `rust/tokio`: "), "{told:?}");
    assert!(!told.stdout.contains("\n::error::no"), "{told:?}");
    assert!(scene.world.read("outputs").contains("worst=error\nbehind=1\nunknown=0\nreport=new.json\n"));
    let summary = scene.world.read("summary.md");
    let (report, actions) = summary.split_once("\n### Actions\n\n").unwrap();
    assert!(report.contains("1.54.1"), "{report}");
    assert!(
        actions.starts_with("- issues&#8203;: 3 changes\n") || actions.starts_with("- issues: 3 changes\n"),
        "{actions}"
    );
    assert_eq!(actions.lines().count(), 4, "one line each, and one for the failure: {actions}");
    assert!(scene.world.read("new.json").contains("\"rust/tokio\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_is_that_of_the_findings_where_all_is_done() {
    let scene = Scene::new("", findings(&["rust/tokio", "python/requests"])).await;
    let unknown = run(&scene, &[]).ended(3);
    assert!(unknown.stdout.ends_with("the settings ask for no action\n"), "{unknown:?}");
    run(&scene, &["--allow-unknown"]).ended(0);
    run(&scene, &["--fail-on", "error"]).ended(1);
    assert!(run(&scene, &["--as-of", "2026-01-01"]).ended(2).stderr.contains("'--as-of'"));
    scene.world.write("upmon.toml", &settings());
    let mut command = scene.command("run", &[]);
    let no_token = Run::of(command.env("GITHUB_TOKEN", "").output().unwrap()).ended(2);
    assert!(no_token.stderr.contains("there is no token"), "{no_token:?}");
    assert!(scene.github.writes().is_empty() && !scene.world.path("badges").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn registries_are_asked_once_for_all_actions() {
    let world = World::new(r#"{ "rust": { "serde": "1.0.0" } }"#).await;
    world.write("upmon.toml", "[badges]\nout = \"badges\"\n");
    let release = |version: &str| json!({ "name": "serde", "vers": version, "deps": [], "cksum": "0".repeat(64), "features": {}, "yanked": false });
    let index = format!("{}\n{}\n", release("1.0.0"), release("1.0.1"));
    world.answer(RegistryId::CratesIo, "se/rd/serde", "text/plain", &index).await;
    let run = world.run(&["run", "--no-cache"]).ended(0);
    assert!(run.stdout.contains("badges: 6 badge files: 6 create"), "{run:?}");
    assert_eq!(world.questions().await, 1);
}
