//! A whole run that is killed before or after any of its writes, and the run behind it, which makes good what is missing
//! and nothing twice: issues, labels, comments, dispatches and badges.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::{Child, Command};

use serde_json::Value;

use super::files;
use crate::dispatch::RECORD;
use crate::github::faults::{Fault, Moment, What, Which};
use crate::github::state::{Repository, Workflow};
use crate::issues::crash::{ACTIONS, before, ready, settled};
use crate::issues::scene::Scene;
use crate::support::runner::Run;

/// Two kinds of rebuilds, and badges; the issues are as [`ready`] has them.
const SETTINGS: &str = r#"
[issues]

[badges]
out = "badges"

[dispatch]
approval = "never"
record = "PLACE"

[dispatch.targets.image]
repository = "acme/images"
workflow = "rebuild.yml"
ref = "main"
packages = "rust/new-*"
inputs = { version = "{{to}}", correlation = "{{correlation}}" }
traced = true

[dispatch.targets.docs]
repository = "acme/docs"
event-type = "upstream-moved"
packages = ["rust/worse-*", "rust/shut"]
traced = true
"#;

/// The repositories that are rebuilt.
const REBUILT: [&str; 2] = ["acme/docs", "acme/images"];

/// What the two targets start: three new packages, two that are worse and one that is open again.
const STARTS: usize = 6;

/// Every kind of write that a run knows.
const KINDS: [&str; 6] = [
    "PATCH issues/N",
    "POST /repos/acme/docs/dispatches",
    "POST /repos/acme/images/actions/workflows/rebuild.yml/dispatches",
    "POST issues",
    "POST issues/N/comments",
    "POST labels",
];

/// A workflow that both kinds start, whose runs show the correlation id and end at once.
fn workflow() -> Workflow {
    Workflow {
        id: 7,
        file: "rebuild.yml",
        types: vec!["upstream-moved"],
        inputs: Some(vec!["version", "correlation"]),
        run_name: "correlation",
        course: vec![("completed", Some("success"))],
    }
}

/// A place where the run is about to happen.
async fn place(before: &Repository, record: &str) -> Scene {
    let scene = ready(before, 0).await;
    scene.world.write("upmon.toml", &SETTINGS.replace("PLACE", record));
    for name in REBUILT {
        scene.github.state().repository(name).workflows.push(workflow());
    }
    scene
}

fn command(scene: &Scene, more: &[&str]) -> Command {
    // how its runs end is noted, too: with `--wait` in the same run, not in the one behind it
    let mut command = scene.command_of("run", &[&["--wait"], more].concat());
    command.env("UPMON_DISPATCH_PACE", "0s").env("UPMON_DISPATCH_SETTLE", "0s").env("UPMON_DISPATCH_POLL", "0s");
    command
}

fn run(scene: &Scene) {
    Run::of(command(scene, &[]).output().unwrap()).ended(0);
}

/// What is on GitHub and on disk, without what tells when it happened.
#[derive(Debug, PartialEq)]
struct Everything {
    shop: Repository,
    /// By repository, in any order: what was cut off starts later than what comes behind it.
    starts: BTreeSet<(String, String)>,
    badges: BTreeMap<String, Vec<u8>>,
}

fn everything(scene: &Scene) -> Everything {
    let mut shop = settled(scene.github.shop());
    shop.issues.iter_mut().for_each(|issue| issue.body = without_state(&issue.body));
    let root = scene.world.path("badges").display().to_string();
    let badges = files(&scene.world.path("badges")).into_iter();
    let badges = badges.map(|(name, bytes)| (name.replacen(&root, "", 1), bytes)).collect();
    Everything { shop, starts: starts(scene), badges }
}

/// What upmon remembers in an issue holds the instant of each dispatch.
fn without_state(body: &str) -> String {
    let mut kept = String::new();
    for line in body.lines() {
        let marker = line.starts_with("<!-- upmon:v1 id=").then(|| line.split_once(" state=")).flatten();
        writeln!(kept, "{}", marker.map_or(line, |(id, _)| id)).unwrap();
    }
    kept
}

/// What was started where; fails where something was started twice.
fn starts(scene: &Scene) -> BTreeSet<(String, String)> {
    let mut state = scene.github.state();
    let titles = |name: &str, repository: &mut Repository| -> Vec<(String, String)> {
        repository.runs.iter().map(|run| (name.to_owned(), run.title.clone())).collect()
    };
    let all: Vec<_> = REBUILT.iter().flat_map(|name| titles(name, state.repository(name))).collect();
    let distinct: BTreeSet<_> = all.iter().cloned().collect();
    assert_eq!(distinct.len(), all.len(), "{all:?}");
    distinct
}

/// Starts the run, kills it when it waits for the answer to this write, and runs again.
async fn killed(before: &Repository, record: &str, write: usize, moment: Moment) -> Scene {
    let scene = place(before, record).await;
    scene.github.state().faults.add(Fault::new(Which::Writes, What::Hold).after(write).at(moment));
    let mut child: Child = command(&scene, &[]).spawn().unwrap();
    scene.github.held().await;
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "it was killed, it did not end");
    scene.github.state().faults.clear();
    run(&scene);
    scene
}

/// The run as it is when nothing happens to it: what it leaves, and its writes.
async fn whole(before: &Repository, record: &str) -> (Everything, Vec<String>) {
    let scene = place(before, record).await;
    let planned = Run::of(command(&scene, &["--dry-run"]).output().unwrap()).ended(0).stdout;
    assert!(scene.github.writes().is_empty());
    let plan = planned.strip_prefix("issues:\n").and_then(|rest| rest.split_once("badges:\n")).unwrap().0;
    let plan: Value = serde_json::from_str(plan).unwrap();
    let changes = plan["changes"].as_array().unwrap();
    let kinds: BTreeSet<&str> = changes.iter().map(|change| change["change"].as_str().unwrap()).collect();
    let every = ["close", "create", "create-label", "fold", "reopen", "update"];
    assert_eq!((changes.len(), kinds.into_iter().collect::<Vec<_>>().as_slice()), (ACTIONS, every.as_slice()));
    run(&scene);
    let writes = scene.github.writes();
    (everything(&scene), writes)
}

async fn check(record: &str, count: usize) {
    let before = before().await;
    let (expected, writes) = whole(&before, record).await;
    let numberless = |write: &String| {
        write.split('/').map(|part| if part.parse::<u64>().is_ok() { "N" } else { part }).collect::<Vec<_>>().join("/")
    };
    let kinds: BTreeSet<String> = writes.iter().map(numberless).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), KINDS);
    assert_eq!(expected.starts.len(), STARTS);
    assert_eq!(writes.len(), count);
    assert!(expected.badges.len() > STARTS, "{:?}", expected.badges.keys());
    for (write, killed_at) in writes.iter().enumerate() {
        for moment in [Moment::BeforeTheEffect, Moment::AfterTheEffect] {
            let scene = killed(&before, record, write, moment).await;
            let about = format!("killed {moment:?} of {killed_at}, number {write}, the record in `{record}`");
            assert_eq!(everything(&scene), expected, "{about}");
            let noted = (record == "file").then(|| scene.world.read(RECORD));
            scene.github.writes();
            run(&scene);
            assert_eq!(scene.github.writes(), Vec::<String>::new(), "{about}: a third run writes");
            assert_eq!(everything(&scene).badges, expected.badges, "{about}");
            assert_eq!((record == "file").then(|| scene.world.read(RECORD)), noted, "{about}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_anywhere_is_finished_by_the_next_and_nothing_is_there_twice() {
    check("file", 26).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_holds_when_issues_are_the_record() {
    check("issue", 44).await;
}
