//! `upmon badge` through the binary, and what a step of GitHub Actions gets from `check`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use proptest::prelude::*;
use serde_json::{Value, json};
use upmon::badge::plan::files;
use upmon::badge::svg::Style;
use upmon::report::Report;

use crate::support::runner::{PINS, Run, World};

const SAMPLE: &str = include_str!("../data/report/sample.json");

/// A world with the sample as a report that was made before; nobody is asked anything.
async fn reported() -> World {
    let world = World::new("{}").await;
    world.write("report.json", SAMPLE);
    world
}

fn badge(world: &World, more: &[&str]) -> Run {
    world.run(&[&["badge", "--out", "badges", "--report", "report.json"], more].concat())
}

/// Every file below a directory, with its bytes and when it was written.
fn tree(directory: &Path) -> BTreeMap<String, (String, SystemTime)> {
    let mut found = BTreeMap::new();
    let mut todo = vec![directory.to_owned()];
    while let Some(next) = todo.pop() {
        for entry in fs::read_dir(next).expect("a directory").flatten() {
            let (path, facts) = (entry.path(), entry.metadata().expect("a file that is there"));
            if facts.is_dir() {
                todo.push(path);
            } else {
                let name = path.strip_prefix(directory).expect("it is below").to_str().expect("a name of ours");
                let written = facts.modified().expect("a system that keeps times");
                found.insert(name.to_owned(), (fs::read_to_string(&path).expect("a text"), written));
            }
        }
    }
    found
}

#[tokio::test]
async fn a_report_becomes_badges_and_an_unchanged_world_costs_no_write() {
    let world = reported().await;
    let first = badge(&world, &[]).ended(3);
    let before = tree(&world.path("badges"));
    assert!(first.stdout.ends_with(&format!("{0} badge files: {0} create\n", before.len() - 1)), "{first:?}");
    let whole: Value = serde_json::from_str(&before["upmon.json"].0).unwrap();
    assert_eq!(
        whole,
        json!({ "schemaVersion": 1, "label": "upstream", "message": "16 behind, worst critical, 8 unknown",
            "color": "b3161b", "isError": true, "style": "flat", "cacheSeconds": 300 })
    );
    assert!(before.contains_key("rust/tokio.svg") && before.contains_key("typescript/~40internal~2fsecret.json"));
    let again = badge(&world, &[]).ended(3);
    assert_eq!(again.stdout, format!("{0} badge files: {0} unchanged\n", before.len() - 1));
    assert_eq!(tree(&world.path("badges")), before);
}

#[tokio::test]
async fn a_dry_run_prints_the_plan_and_writes_nothing() {
    let world = reported().await;
    let planned = badge(&world, &["--dry-run"]).ended(3);
    assert!(!world.path("badges").exists());
    assert!(planned.stdout.contains("create   rust/tokio.json\n"), "{planned:?}");
    assert_eq!(badge(&world, &[]).ended(3).stdout, planned.stdout);
}

#[tokio::test]
async fn a_package_that_is_no_longer_pinned_loses_its_badges_and_strangers_keep_theirs() {
    let world = reported().await;
    badge(&world, &[]).ended(3);
    fs::write(world.path("badges/rust/logo.svg"), "mine").unwrap();
    let mut report: Report = serde_json::from_str(SAMPLE).unwrap();
    report.findings.retain(|finding| finding.id == "rust/anyhow");
    let report = Report::new(report.findings, report.generated_at);
    world.write("report.json", &serde_json::to_string(&report).unwrap());
    let run = badge(&world, &["--allow-unknown", "--label", "pins"]).ended(0);
    assert!(
        run.stdout.contains("remove   rust/tokio.json\n") && run.stdout.contains("update   upmon.svg\n"),
        "{run:?}"
    );
    let left: Vec<String> = tree(&world.path("badges")).into_keys().collect();
    let expected = [
        ".upmon-badges",
        "rust.json",
        "rust.svg",
        "rust/anyhow.json",
        "rust/anyhow.svg",
        "rust/logo.svg",
        "upmon.json",
        "upmon.svg",
    ];
    assert_eq!(left, expected);
    assert!(!world.path("badges/python").exists());
    let whole: Value = serde_json::from_str(&world.read("badges/upmon.json")).unwrap();
    assert_eq!(
        (&whole["label"], &whole["message"], &whole["isError"]),
        (&json!("pins"), &json!("all current"), &json!(false))
    );
}

#[tokio::test]
async fn what_stands_in_the_way_is_told_and_the_rest_is_written() {
    let world = reported().await;
    fs::create_dir(world.path("badges")).unwrap();
    fs::write(world.path("badges/rust.svg"), "mine").unwrap();
    let run = badge(&world, &[]).ended(4);
    assert!(run.stderr.contains("`badges/rust.svg`: it is there, and upmon did not write it"), "{run:?}");
    assert!(run.stderr.contains("hint: move it away"), "{run:?}");
    assert_eq!(world.read("badges/rust.svg"), "mine");
    assert!(world.read("badges/rust/tokio.svg").starts_with("<svg "));
}

#[tokio::test]
async fn a_wrong_report_is_refused_with_its_place_and_changes_nothing() {
    let world = reported().await;
    let table = [
        ("{", "error: report.json:1:1: not a report: EOF while parsing an object"),
        ("{\"schema_version\": 2}", "has schema version 2, and this upmon reads 1"),
        (&SAMPLE.replacen("\"unknown\": 8", "\"unknown\": 0", 1), "its summary does not count its findings"),
    ];
    for (text, expected) in table {
        world.write("report.json", text);
        let run = badge(&world, &[]).ended(2);
        assert!(run.stderr.contains(expected) && run.stderr.contains("hint: "), "{run:?}");
    }
    fs::remove_file(world.path("report.json")).unwrap();
    assert!(badge(&world, &[]).ended(2).stderr.contains("cannot read the report `report.json`"));
    assert!(!world.path("badges").exists());
}

#[tokio::test]
async fn options_that_would_have_no_effect_are_refused() {
    let world = reported().await;
    for more in [["--offline"], ["--stale"], ["--no-cache"], ["--label="]] {
        badge(&world, &more).ended(2);
    }
    world.run(&["badge"]).ended(2);
}

#[tokio::test]
async fn without_a_report_the_pins_are_checked() {
    let world = World::new(r#"{ "typescript": { "@acme/Pad": "1.0.0" }, "rust": { "odd": "x" } }"#).await;
    world.missing(upmon::registry::RegistryId::Npm, "@acme%2fPad").await;
    let offline = world.run(&["badge", "--out", "badges", "--offline", "--style", "flat-square"]).ended(3);
    assert!(offline.stdout.ends_with("10 badge files: 10 create\n"), "{offline:?}");
    let unreachable: Value = serde_json::from_str(&world.read("badges/typescript/~40acme~2f~50ad.json")).unwrap();
    assert_eq!(unreachable["message"], "unknown: unreachable");
    let odd: Value = serde_json::from_str(&world.read("badges/rust/odd.json")).unwrap();
    assert_eq!((&odd["isError"], &odd["style"]), (&json!(true), &json!("flat-square")));
    world.write("upmon.toml", "[check]\nallow-unknown = true\n");
    world.run(&["badge", "--out", "badges", "--offline", "--style", "flat-square"]).ended(0);
    world.write(PINS, "{");
    world.run(&["badge", "--out", "badges"]).ended(2);
}

/// The text between tags, and what an XML reader would make of it.
fn texts(svg: &str) -> Vec<String> {
    let unescaped = |text: &str| {
        let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
        text.replace("&amp;", "&")
    };
    let parts = svg.split("<text ").skip(1).filter_map(|part| part.split_once('>')?.1.split("</text>").next());
    parts.map(unescaped).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_name_breaks_a_badge(group in any::<String>(), package in any::<String>()) {
        let mut report: Report = serde_json::from_str(SAMPLE).unwrap();
        report.findings.truncate(1);
        report.findings[0].group = group;
        report.findings[0].package = package;
        for style in Style::ALL {
            for file in files(&report, "upstream", style) {
                if file.content.starts_with('{') {
                    let badge: Value = serde_json::from_str(&file.content).unwrap();
                    prop_assert_eq!(badge.as_object().unwrap().len(), 7);
                    prop_assert!(!badge["message"].as_str().unwrap().is_empty());
                } else {
                    let elements = file.content.matches('<').count();
                    let expected = if style == Style::Flat { 23 } else { 12 };
                    prop_assert_eq!(elements, expected, "{}", file.content);
                    prop_assert_eq!(file.content.matches('"').count() % 2, 0);
                    prop_assert!(!file.content.contains(|character: char| character.is_control() && character != '\n'));
                    prop_assert!(texts(&file.content).contains(&"14 minor behind, 810 d".to_owned())
                        || !file.path.contains('/'));
                }
            }
        }
    }
}

#[tokio::test]
async fn a_step_of_github_actions_gets_outputs_and_a_summary() {
    let world = World::new(r#"{ "rust": { "odd": "x" } }"#)
        .await
        .with("GITHUB_OUTPUT", "output.txt")
        .with("GITHUB_STEP_SUMMARY", "summary.md");
    world.write("output.txt", "earlier=1\n");
    let run = world.run(&["check", "--offline", "--format", "github", "--write-report", "report.json"]).ended(3);
    assert!(run.stdout.starts_with("::warning "), "{run:?}");
    assert_eq!(world.read("output.txt"), "earlier=1\nworst=unknown\nbehind=0\nunknown=1\nreport=report.json\n");
    assert!(world.read("summary.md").starts_with("## upmon: unknown"), "{}", world.read("summary.md"));
    // no other format is for a step
    world.run(&["check", "--offline", "--json"]).ended(3);
    assert_eq!(world.read("output.txt").lines().count(), 5);
    world.run(&["check", "--offline", "--format", "github", "--allow-unknown"]).ended(0);
    assert!(world.read("output.txt").ends_with("unknown=1\nreport=\n"));
}

#[tokio::test]
async fn outputs_that_cannot_be_written_are_told() {
    let world = World::new("{}").await.with("GITHUB_OUTPUT", "no/such/output.txt").with("GITHUB_STEP_SUMMARY", "");
    let run = world.run(&["check", "--format", "github"]).ended(4);
    assert!(run.stderr.contains("cannot write to `no/such/output.txt`"), "{run:?}");
    assert!(run.stderr.contains("hint: `GITHUB_OUTPUT` names it"), "{run:?}");
}
