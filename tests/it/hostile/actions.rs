//! What `dispatch` sends and tells, and what `run` tells of everything that it did. Here GitHub's own words mean harm, too:
//! a refusal's message, a run's conclusion and its address.

use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};
use upmon::report::{Finding, Format, Options, Report, render};

use super::{HOSTILE, bases, check_markdown, check_plain, check_tables, flood, replace, sample};
use crate::github::faults::Fault;
use crate::github::state::Workflow;
use crate::github::{Asked, GitHub, TOKEN};
use crate::support::runner::{Run, World};

const SETTINGS: &str = r#"
[issues]

[badges]
out = "badges"

[dispatch]
approval = "never"

[dispatch.targets.image]
repository = "acme/images"
workflow = "rebuild.yml"
ref = "main"
packages = "nothing/*"
inputs = { version = "{{to}}", from = "{{from}}", name = "{{upstream}}", url = "{{url}}", correlation = "{{correlation}}" }
traced = true

[dispatch.targets.docs]
repository = "acme/docs"
event-type = "upstream-moved"
packages = "nothing/*"
traced = true
"#;

/// What of a finding decides whether anything is sent about it.
const DECIDING: [&str; 3] = ["/newest/version", "/pinned/version", "/upstream"];

/// A finding in which all texts of upstream's are this one, beside those named.
fn with_all_but(base: &Value, text: &str, kept: &[&str], number: usize) -> Finding {
    let mut json = base.clone();
    replace(&mut json, text);
    let ours =
        [("id", json!(format!("rust/x{number}"))), ("group", json!("rust")), ("package", json!(format!("x{number}")))];
    for (field, value) in ours {
        json[field] = value;
    }
    json["dispatch"] = json!(["image", "docs"]);
    // a file has to be readable before its names can be
    json["place"] = Value::Null;
    for pointer in kept {
        *json.pointer_mut(pointer).unwrap() = base.pointer(pointer).unwrap().clone();
    }
    serde_json::from_value(json).unwrap()
}

/// What of it decides is tame, and then each of that means harm alone.
fn findings(text: &str, first: usize) -> Vec<Finding> {
    let base = bases().into_iter().find(|finding| finding.id == "ruby/rake").unwrap();
    let mut base = serde_json::to_value(base).unwrap();
    base["upstream"] = json!("rake");
    let but = |harmful: Option<usize>| -> Vec<&str> {
        (0..DECIDING.len()).filter(|&index| harmful != Some(index)).map(|index| DECIDING[index]).collect()
    };
    let each = [None, Some(0), Some(1), Some(2)].into_iter().enumerate();
    let mut findings: Vec<Finding> =
        each.map(|(index, harmful)| with_all_but(&base, text, &but(harmful), first + index)).collect();
    let mut named = with_all_but(&base, text, &DECIDING, first);
    named.package = text.chars().take(1_000).collect();
    named.id = format!("rust/{}", named.package);
    findings.push(named);
    findings
}

/// Every text in everything that could be sent, and a flood where most can be told.
static REPORT_JSON: LazyLock<String> = LazyLock::new(|| {
    let texts = HOSTILE.iter().filter(|text| !text.is_empty());
    let mut all: Vec<Finding> = texts.enumerate().flat_map(|(index, text)| findings(text, 10 * index)).collect();
    let mut flooded = all[0].clone();
    "rust/flood".clone_into(&mut flooded.id);
    "flood".clone_into(&mut flooded.package);
    flooded.newest.as_mut().unwrap().version = flood();
    all.push(flooded);
    render(&Report::new(all, sample().generated_at), Format::Json, &Options::default())
});

/// A place to run in, and a GitHub that starts whatever it is told to.
struct Scene {
    world: World,
    github: GitHub,
}

impl Scene {
    async fn new() -> Self {
        let scene = Self { world: World::new("{}").await, github: GitHub::start().await };
        scene.world.write("upmon.toml", SETTINGS);
        scene.world.write("report.json", &REPORT_JSON);
        let mut state = scene.github.state();
        state.per_page = 100;
        for name in ["acme/images", "acme/docs"] {
            state.repository(name).workflows.push(Workflow {
                id: 7,
                file: "rebuild.yml",
                types: vec!["upstream-moved"],
                inputs: Some(vec!["version", "from", "name", "url", "correlation"]),
                run_name: "correlation",
                course: vec![("completed", Some("success"))],
            });
        }
        drop(state);
        scene
    }

    /// The same, with a GitHub that says harmful things of runs and of what it refuses.
    async fn evil() -> Self {
        let scene = Self::new().await;
        let said = HOSTILE.join(" ");
        let run =
            json!({ "id": 1000, "html_url": said, "status": "completed", "conclusion": said, "display_title": said });
        let mut state = scene.github.state();
        state.faults.add(Fault::status("GET /repos/acme/images/actions/runs/", 200, run).times(usize::MAX));
        let refusal = Fault::status("POST /repos/acme/docs/dispatches", 422, json!({ "message": said }));
        state.faults.add(refusal.times(usize::MAX));
        drop(state);
        scene
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.world.command(&[arguments, &["--report", "report.json"]].concat());
        command.env("UPMON_GITHUB_API_URL", self.github.url()).env("GITHUB_TOKEN", TOKEN);
        command.env("GITHUB_REPOSITORY", "acme/shop").env("UPMON_ISSUES_PACE", "0s");
        for setting in ["PACE", "SETTLE", "POLL"] {
            command.env(format!("UPMON_DISPATCH_{setting}"), "0s");
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        // that some of it cannot be sent is told
        let code = if arguments.contains(&"--dry-run") { 0 } else { 4 };
        Run::of(self.command(arguments).output().unwrap()).ended(code)
    }

    /// The bodies of all dispatches.
    fn sent(&self) -> Vec<Value> {
        let is_start = |asked: &Asked| asked.method == "POST" && asked.path.ends_with("/dispatches");
        let asked = self.github.asked().into_iter().filter(is_start);
        asked.map(|asked| serde_json::from_str(&asked.body.unwrap()).unwrap()).collect()
    }
}

/// Whatever is told fits on a screen and is no command of the runner's.
#[track_caller]
fn check_lines(text: &str) {
    check_plain(text, "");
    for line in text.lines() {
        assert!(!line.trim_start().starts_with("::"), "a command: {line}");
        assert!(line.chars().count() < 8_000, "{} characters: {}", line.chars().count(), &line[..200]);
    }
}

/// Texts that a shell, a command line and the runner take for nothing but texts.
#[track_caller]
fn check_sent(json: &Value) {
    match json {
        Value::String(text) => {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+/@:~!=%,".contains(&byte);
            assert!(text.bytes().all(is_plain) && text.len() <= 2_000, "{text}");
            assert!(!text.starts_with("::") && !text.starts_with('-'), "{text}");
        }
        Value::Array(items) => items.iter().for_each(check_sent),
        Value::Object(fields) => fields.values().for_each(check_sent),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dispatch_sends_is_plain_text() {
    let scene = Scene::new().await;
    let run = scene.run(&["dispatch"]);
    let sent = scene.sent();
    assert!(sent.len() >= 2 * HOSTILE.len(), "{}", sent.len());
    for body in &sent {
        check_sent(body);
        let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert!(
            keys == ["event_type", "client_payload"] || keys == ["ref", "inputs", "return_run_details"],
            "{keys:?}"
        );
    }
    check_lines(&run.stdout);
    check_lines(&run.stderr);
    assert_eq!(run.stdout.lines().filter(|line| line.starts_with("started ")).count(), sent.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_dispatches_reads_back_and_is_plain_text() {
    let scene = Scene::new().await;
    let run = scene.run(&["dispatch", "--dry-run"]);
    check_plain(&run.stdout, "");
    check_plain(&run.stderr, "");
    let plan: Value = serde_json::from_str(&run.stdout).unwrap();
    let due = plan["layers"][0].as_array().unwrap();
    for due in due {
        check_sent(&due["body"]);
    }
    let held: Vec<&Value> = plan["held"].as_array().unwrap().iter().map(|held| &held["why"]).collect();
    assert!(due.len() >= 2 * HOSTILE.len() && held.len() > HOSTILE.len(), "{} and {}", due.len(), held.len());
    assert!(held.iter().all(|why| **why == "unsendable"), "{held:?}");
    assert!(scene.sent().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_of_dispatches_is_plain_text_whatever_github_says() {
    let scene = Scene::evil().await;
    // the second run tells what the record of the first one holds
    for _ in 0..2 {
        let run = scene.run(&["dispatch", "--wait"]);
        check_lines(&run.stdout);
        check_lines(&run.stderr);
        assert!(run.stderr.contains("GitHub answered 422: @acme/team fixes #1"), "{}", run.stderr);
        assert!(
            run.stderr.contains("ended as `@acme/team") || run.stderr.contains("ended as @acme/team"),
            "{}",
            run.stderr
        );
    }
    let plan = scene.run(&["dispatch", "--dry-run"]);
    check_plain(&plan.stdout, "");
    assert!(serde_json::from_str::<Value>(&plan.stdout).unwrap()["held"].to_string().contains("acme/team"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_tells_is_lines_of_plain_text() {
    let scene = Scene::evil().await;
    let planned = scene.run(&["run", "--dry-run"]);
    check_plain(&planned.stdout, "\u{200b}");
    check_plain(&planned.stderr, "");
    let run = scene.run(&["run", "--wait"]);
    check_lines(&run.stdout);
    check_lines(&run.stderr);
    assert!(run.stdout.contains("\ndispatch: "), "{}", run.stdout);
    assert!(run.stderr.contains("error: dispatch: starting `docs` for"), "{}", run.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_summary_of_a_run_is_only_its_own_markdown_and_its_annotations_are_its_own() {
    let scene = Scene::evil().await;
    let mut command = scene.command(&["run", "--wait", "--format", "github"]);
    command.env("GITHUB_OUTPUT", "outputs").env("GITHUB_STEP_SUMMARY", "summary.md");
    let run = Run::of(command.output().unwrap()).ended(4);
    check_plain(&run.stdout, "");
    let ours = ["::error ", "::warning ", "::notice "];
    for line in run.stdout.lines().filter(|line| line.trim_start().starts_with("::")) {
        assert!(ours.iter().any(|start| line.starts_with(start)), "{line}");
    }
    assert!(run.stdout.contains("\n::error title=upmon::dispatch: starting `docs` for"), "{}", run.stdout);
    assert!(
        scene
            .world
            .read("outputs")
            .lines()
            .all(|line| { ["worst=", "behind=", "unknown=", "report="].iter().any(|name| line.starts_with(name)) })
    );
    let summary = scene.world.read("summary.md");
    check_markdown(&summary);
    check_tables(&summary);
    let (_, actions) = summary.split_once("\n### Actions\n\n").unwrap();
    assert!(actions.lines().all(|line| line.starts_with("- ")) && actions.contains("acme/team"), "{actions}");
    assert!(summary.len() < 1 << 20, "GitHub takes no longer one: {}", summary.len());
}
