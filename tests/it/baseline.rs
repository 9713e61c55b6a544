//! `upmon check --baseline`: a pull request answers for the lag that it brings.

use serde_json::{Value, json};
use upmon::registry::RegistryId;
use upmon::schema::{Which, schema};

use crate::support::runner::World;

const BEFORE: &str = r#"{ "rust": { "calm": "1.1.0", "late": "1.0.0" } }"#;
/// `calm` moved down, `late` stayed, `more` came.
const AFTER: &str = r#"{ "rust": { "calm": "1.0.0", "late": "1.0.0", "more": "2.0.0", "gone": "1.0.0" } }"#;

/// A world whose report as of before lies in `baseline.json`; its pins are those of afterwards.
async fn world() -> World {
    let world = World::new(BEFORE).await;
    for (name, versions) in
        [("calm", &["1.0.0", "1.1.0"][..]), ("late", &["1.0.0", "2.0.0"]), ("more", &["2.0.0", "2.0.1"])]
    {
        let line = |version: &&str| {
            let line = json!({ "name": name, "vers": version, "deps": [], "cksum": "00", "features": {}, "yanked": false,
                "pubtime": "2026-11-10T00:00:00Z" });
            format!("{line}\n")
        };
        let place = format!("{}/{}/{name}", &name[..2], &name[2..4]);
        let index: String = versions.iter().map(line).collect();
        world.answer(RegistryId::CratesIo, &place, "text/plain", &index).await;
    }
    world.missing(RegistryId::CratesIo, "go/ne/gone").await;
    world.run(&["check", "--write-report", "baseline.json"]).ended(0);
    world.write("upstream-versions.json", AFTER);
    world
}

#[tokio::test]
async fn only_new_lag_counts_for_fail_on() {
    let world = world().await;
    let check = |arguments: &[&str]| world.run(&[&["check", "--json", "--allow-unknown"], arguments].concat()).code;
    assert_eq!(check(&["--fail-on", "critical"]), Some(1));
    for (severity, code) in [("info", 1), ("warning", 1), ("error", 0), ("critical", 0)] {
        assert_eq!(check(&["--baseline", "baseline.json", "--fail-on", severity]), Some(code), "{severity}");
    }
    // what is unknown is excused by no baseline
    world.run(&["check", "--baseline", "baseline.json"]).ended(3);
    world.run(&["check", "--baseline", "baseline.json", "--fail-on", "warning"]).ended(1);
}

#[tokio::test]
async fn the_report_tells_what_is_new_and_stays_a_report() {
    let world = world().await;
    let run = world.run(&["check", "--json", "--baseline", "baseline.json", "--write-report", "now.json"]).ended(3);
    assert_eq!(run.each("/new"), [json!(true), json!(false), json!(true), Value::Null]);
    assert_eq!(run.json()["summary"]["new"], 2);
    assert!(jsonschema::draft202012::is_valid(&schema(Which::Report), &run.json()));
    // it may be the next baseline: then nothing is new
    let next = world.run(&["check", "--json", "--baseline", "now.json"]).ended(3);
    assert_eq!(next.json()["summary"]["new"], 0);
    let plain = world.run(&["check", "--json"]).ended(3);
    assert!(!plain.stdout.contains("\"new\""), "{plain:?}");
}

#[tokio::test]
async fn every_output_marks_what_is_new() {
    let world = world().await.with("GITHUB_OUTPUT", "output.txt").with("GITHUB_STEP_SUMMARY", "summary.md");
    let check = |format: &str| world.run(&["check", "--format", format, "--baseline", "baseline.json"]).ended(3).stdout;
    insta::assert_snapshot!(world.plain(&[check("table"), check("markdown"), check("github")].join("\n")));
    assert_eq!(world.read("output.txt"), "worst=critical\nbehind=3\nunknown=1\nnew=2\nreport=\n");
    assert_eq!(world.read("summary.md"), check("markdown"));
    let page = check("html");
    assert!(page.contains("<dt>new</dt><dd>2</dd>") && page.contains("id=\"show-new\""), "{page}");
    assert_eq!(page.matches("<td class=\"wide\">new: ").count(), 2, "{page}");
    let sarif: Value = serde_json::from_str(&check("sarif")).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let states: Vec<&Value> = results.iter().map(|result| &result["baselineState"]).collect();
    assert_eq!(states, [&json!("new"), &json!("unchanged"), &Value::Null]);
}

#[tokio::test]
async fn a_baseline_that_cannot_be_read_is_wrong_input_and_asks_nobody() {
    let world = World::new(AFTER).await;
    world.write("broken.json", "{\"schema_version\": 1, ");
    for (file, told) in [("missing.json", "cannot read the report `missing.json`"), ("broken.json", "broken.json:1:")] {
        let run = world.run(&["check", "--baseline", file]).ended(2);
        assert!(run.stderr.contains(told) && run.stderr.contains("hint: "), "{run:?}");
        assert_eq!(run.stdout, "");
    }
    assert_eq!(world.questions().await, 0);
}
