//! `upmon dispatch`, through the binary, against a GitHub that remembers what was started.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not know for such")]

pub(crate) mod stand_in;

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};
use upmon::report::{Finding, Format, Options, Report, render};

use crate::github::TOKEN;
use crate::support::runner::{Run, World};
use stand_in::{Github, SHOP, Side};

pub(crate) const REPORT: &str = "report.json";
pub(crate) const RECORD: &str = "upmon-dispatches.json";

/// A target of each kind, the second behind the first.
pub(crate) const SETTINGS: &str = r#"
[issues]
mode = "per-package"

[dispatch]
approval = "never"

[dispatch.targets.image]
repository = "acme/images"
workflow = "rebuild.yml"
ref = "main"
packages = "rust/*"
inputs = { version = "{{to}}", correlation = "{{correlation}}" }
traced = true

[dispatch.targets.docs]
repository = "acme/docs"
event-type = "upstream-moved"
packages = ["rust/*", "ruby/*"]
traced = true
"#;

fn sample() -> Report {
    serde_json::from_str(include_str!("../data/report/sample.json")).unwrap()
}

pub(crate) fn findings(ids: &[&str]) -> Vec<Finding> {
    sample().findings.into_iter().filter(|finding| ids.contains(&finding.id.as_str())).collect()
}

/// One finding, with changes to its JSON.
fn changed(id: &str, changes: &[(&str, Value)]) -> Finding {
    let mut json = serde_json::to_value(findings(&[id]).remove(0)).unwrap();
    for (pointer, value) in changes {
        *json.pointer_mut(pointer).unwrap() = value.clone();
    }
    serde_json::from_value(json).unwrap()
}

/// A place to run in, and the GitHub it is about.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) github: Github,
}

impl Scene {
    pub(crate) async fn new(settings: &str, findings: Vec<Finding>) -> Self {
        // a task that never waits runs out of tokio's budget, and then no server can be stopped
        tokio::task::yield_now().await;
        let scene = Self { world: World::new("{}").await, github: Github::start().await };
        scene.world.write("upmon.toml", settings);
        scene.find(findings);
        scene
    }

    pub(crate) fn find(&self, findings: Vec<Finding>) {
        let report = Report::new(findings, sample().generated_at);
        self.world.write(REPORT, &render(&report, Format::Json, &Options::default()));
    }

    pub(crate) fn command(&self, command: &str, more: &[&str]) -> Command {
        let mut command = self.world.command(&[&[command, "--report", REPORT], more].concat());
        command.env("UPMON_GITHUB_API_URL", self.github.url()).env("GITHUB_TOKEN", TOKEN);
        command.env("GITHUB_REPOSITORY", SHOP).env("UPMON_ISSUES_PACE", "0s").env("UPMON_DISPATCH_PACE", "0s");
        command.env("UPMON_DISPATCH_POLL", "0s").env("UPMON_DISPATCH_SETTLE", "0s");
        command
    }

    fn run(&self, more: &[&str]) -> Run {
        let run = Run::of(self.command("dispatch", more).output().unwrap());
        assert!(!run.stdout.contains(TOKEN) && !run.stderr.contains(TOKEN), "the token is shown: {run:?}");
        run
    }

    fn issues(&self) {
        Run::of(self.command("issues", &[]).output().unwrap()).ended(0);
    }

    /// Repository and correlation id of everything that was started.
    pub(crate) fn starts(&self) -> Vec<(String, String)> {
        let memory = self.github.memory();
        let of = |start: &stand_in::Start| {
            let repository: Vec<&str> = start.path.split('/').take(2).collect();
            (repository.join("/"), start.correlation().to_owned())
        };
        memory.starts.iter().map(of).collect()
    }
}

/// Which held dispatches there are, and why.
fn held(plan: &Value) -> Vec<(String, String)> {
    let text = |held: &Value, key: &str| held[key].as_str().unwrap().to_owned();
    plan["held"].as_array().unwrap().iter().map(|one| (text(one, "target"), text(one, "why"))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_planned_is_sent_once_and_a_second_run_writes_nothing() {
    let scene = Scene::new(SETTINGS, findings(&["rust/tokio", "ruby/rake"])).await;
    let plan = scene.run(&["--dry-run"]).ended(0).json();
    assert!(scene.github.writes().is_empty() && !scene.world.files().contains(&RECORD.to_owned()));
    scene.run(&[]).ended(0);
    let sent: Vec<(String, Value)> =
        scene.github.memory().starts.iter().map(|start| (start.path.clone(), start.body.clone())).collect();
    let planned: Vec<(String, Value)> = (plan["layers"][0].as_array().unwrap().iter())
        .map(|due| {
            let path = format!("{}/{}", due["repository"].as_str().unwrap(), due["path"].as_str().unwrap());
            (path, due["body"].clone())
        })
        .collect();
    assert_eq!((sent.len(), &sent), (3, &planned));
    let (path, body) = &sent[0];
    assert_eq!(path, "acme/images/actions/workflows/rebuild.yml/dispatches");
    assert_eq!((&body["ref"], &body["return_run_details"]), (&json!("main"), &json!(true)));
    assert_eq!(body["inputs"]["version"], "1.54.1");
    let (path, body) = &sent[1];
    assert_eq!((path.as_str(), &body["event_type"]), ("acme/docs/dispatches", &json!("upstream-moved")));
    let payload = body["client_payload"].as_object().unwrap();
    assert_eq!((payload.len(), &payload["id"], &payload["from"]), (10, &json!("rust/tokio"), &json!("1.40.0")));
    scene.github.writes();
    scene.run(&[]).ended(0);
    let record = scene.world.read(RECORD);
    let again = scene.run(&[]).ended(0);
    assert_eq!((scene.github.writes(), again.stdout.as_str()), (Vec::new(), "nothing to start\n"));
    assert_eq!(scene.world.read(RECORD), record, "nothing new is nothing to note");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_version_is_another_dispatch() {
    let scene = Scene::new(SETTINGS, findings(&["ruby/rake"])).await;
    scene.run(&[]).ended(0);
    scene.find(vec![changed("ruby/rake", &[("/newest/version", json!("99.0.0"))])]);
    scene.run(&[]).ended(0);
    let starts = scene.starts();
    assert_eq!(starts.len(), 2);
    assert_ne!(starts[0], starts[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_server_is_asked_in_the_plain_form_and_its_run_is_found() {
    let scene = Scene::new(SETTINGS, findings(&["rust/tokio"])).await;
    scene.github.memory().is_old = true;
    scene.github.memory().patience = 2;
    let run = scene.run(&["--wait"]).ended(0);
    assert!(run.stdout.contains("image for rust/tokio 1.54.1 ended as success: https://github.example/acme/images"));
    assert_eq!(scene.starts().len(), 2);
    let asked = scene.github.writes().into_iter().filter(|write| write.contains("rebuild.yml")).count();
    assert_eq!(asked, 2, "once in each form");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_another_reason_is_not_asked_twice_and_is_tried_in_a_later_run() {
    let scene = Scene::new(SETTINGS, findings(&["rust/tokio"])).await;
    let path = "POST acme/images/".to_owned();
    let body = json!({ "message": "Unexpected inputs provided: [\"version\"]" });
    scene.github.memory().faults.push((path, 422, body, Vec::new()));
    let run = scene.run(&[]).ended(4);
    assert!(
        run.stderr.contains("starting `image` for `rust/tokio`: GitHub answered 422: Unexpected inputs"),
        "{run:?}"
    );
    let starts: Vec<String> = scene.starts().into_iter().map(|(repository, _)| repository).collect();
    assert_eq!(starts, ["acme/docs"], "one that fails stops no other");
    assert_eq!(scene.github.writes().len(), 2);
    scene.github.memory().faults.clear();
    scene.run(&[]).ended(0);
    assert_eq!(scene.starts().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_stops_everything_and_nothing_is_lost() {
    let scene = Scene::new(SETTINGS, findings(&["rust/tokio", "rust/http", "ruby/rake"])).await;
    let said = json!({ "message": "You have exceeded a secondary rate limit" });
    scene.github.memory().faults.push(("POST acme/images/".to_owned(), 403, said, vec![("retry-after", "60")]));
    let run = scene.run(&[]).ended(4);
    assert!(run.stderr.contains("it asks to wait for 60 s") && run.stderr.contains("stopped before"), "{run:?}");
    assert_eq!(scene.github.writes().len(), 1);
    scene.github.memory().faults.clear();
    scene.run(&[]).ended(0);
    assert_eq!(scene.starts().len(), 5);
}

const ORDERED: &str = r#"
[dispatch]
approval = "never"

[dispatch.targets.app]
repository = "acme/app"
workflow = "build.yml"
ref = "main"
packages = "rust/*"
needs = ["base"]

[dispatch.targets.base]
repository = "acme/base"
event-type = "upstream"
packages = "rust/*"
traced = true
"#;

#[tokio::test(flavor = "multi_thread")]
async fn with_wait_a_layer_starts_when_the_one_before_it_has_ended() {
    let scene = Scene::new(ORDERED, findings(&["rust/tokio", "rust/http"])).await;
    scene.github.memory().patience = 3;
    let run = scene.run(&["--wait"]).ended(0);
    let starts: Vec<String> = scene.starts().into_iter().map(|(repository, _)| repository).collect();
    assert_eq!(starts, ["acme/base", "acme/base", "acme/app", "acme/app"]);
    let lines: Vec<&str> = run.stdout.lines().map(|line| &line[..9]).collect();
    assert_eq!(
        lines,
        ["started b", "started b", "base for ", "base for ", "started a", "started a", "app for r", "app for r"]
    );
    assert!(scene.run(&["--wait"]).ended(0).stdout.contains("nothing to start"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_wait_the_next_layer_starts_in_a_later_run() {
    let scene = Scene::new(ORDERED, findings(&["rust/tokio"])).await;
    scene.github.memory().patience = 2;
    let run = scene.run(&[]).ended(0);
    assert!(run.stdout.contains("app for rust/tokio is held: it needs `base`, which is started for"), "{run:?}");
    let plan = scene.run(&["--dry-run"]).ended(0).json();
    assert_eq!(held(&plan), pairs(&[("base", "started"), ("app", "waits-for")]));
    scene.run(&[]).ended(0);
    assert_eq!(scene.starts().len(), 1);
    scene.run(&[]).ended(0);
    assert_eq!(scene.starts().len(), 2, "the run of the base has ended now");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_run_that_failed_is_not_started_until_that_is_done_again() {
    let scene = Scene::new(ORDERED, findings(&["rust/tokio"])).await;
    scene.github.memory().failing = Some(("base", "failure"));
    let run = scene.run(&["--wait"]).ended(4);
    assert!(run.stderr.contains("base for rust/tokio 1.54.1 ended as failure: https://github.example/"), "{run:?}");
    assert!(run.stderr.contains("`app` for `rust/tokio` was not started: it needs `base`"), "{run:?}");
    let later = scene.run(&["--wait"]).ended(4);
    assert!(later.stderr.contains("`base` for `rust/tokio`: its run ended as `failure`"), "{later:?}");
    assert_eq!(scene.starts().len(), 1);
    scene.github.memory().failing = None;
    let again = scene.run(&["--wait", "--retry", "base/rust/tokio"]).ended(0);
    assert!(again.stdout.contains("app for rust/tokio 1.54.1 ended as success"), "{again:?}");
    let starts = scene.starts();
    assert_eq!(starts.len(), 3);
    assert_ne!(starts[0], starts[1], "what is started again has an id of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_somebody_repeats_with_success_is_one() {
    let scene = Scene::new(ORDERED, findings(&["rust/tokio"])).await;
    scene.github.memory().failing = Some(("base", "failure"));
    scene.run(&["--wait"]).ended(4);
    scene.github.memory().runs[0]["conclusion"] = "success".into();
    scene.run(&["--wait"]).ended(0);
    assert_eq!(scene.starts().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_does_not_end_in_time_is_told() {
    let scene = Scene::new(ORDERED, findings(&["rust/tokio"])).await;
    scene.github.memory().patience = u64::MAX;
    let run = scene.run(&["--wait", "--timeout", "1ms"]).ended(4);
    assert!(run.stderr.contains("the run of `base` for `rust/tokio` has not ended in time: https://"), "{run:?}");
    scene.github.memory().patience = 0;
    scene.run(&["--wait"]).ended(0);
    assert_eq!(scene.starts().len(), 2, "the run was followed on, and what needs it started");
}

fn with_record(place: &str) -> String {
    SETTINGS.replacen("[dispatch]\n", &format!("[dispatch]\nrecord = \"{place}\"\n"), 1)
}

/// How many writes a run of [`killed`] takes.
async fn count_writes(settings: &str) -> usize {
    let scene = noted(settings).await;
    scene.run(&[]).ended(0);
    scene.github.writes().len()
}

/// Two packages with issues, of which nothing was started.
async fn noted(settings: &str) -> Scene {
    let scene = Scene::new(settings, findings(&["rust/tokio", "ruby/puma"])).await;
    scene.issues();
    scene.github.writes();
    scene
}

/// A run that is killed at a write, and those behind it: every dispatch is there once.
async fn killed(settings: &str, number: usize, side: Side) {
    let scene = noted(settings).await;
    scene.github.memory().held = Some((number, side));
    let mut child = scene.command("dispatch", &[]).spawn().unwrap();
    scene.github.wait_for_writes(number + 1);
    child.kill().unwrap();
    child.wait().unwrap();
    scene.github.memory().held = None;
    scene.run(&[]).ended(0);
    let starts = scene.starts();
    let distinct: BTreeSet<_> = starts.iter().collect();
    assert_eq!((starts.len(), distinct.len()), (3, 3), "{number} {side:?}: {starts:?}");
    scene.run(&[]).ended(0);
    scene.github.writes();
    scene.run(&[]).ended(0);
    assert!(scene.github.writes().is_empty(), "{number} {side:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_at_any_write_is_finished_by_the_next_without_a_repetition() {
    for (place, writes) in [("file", 3), ("issue", 9)] {
        let settings = with_record(place);
        assert_eq!(count_writes(&settings).await, writes);
        for number in 0..writes {
            killed(&settings, number, Side::Before).await;
            killed(&settings, number, Side::After).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_know_is_told_and_not_repeated_until_a_person_says_so() {
    let settings = SETTINGS.replace("traced = true\n", "");
    for side in [Side::Before, Side::After] {
        let scene = Scene::new(&settings, findings(&["ruby/rake"])).await;
        scene.github.memory().held = Some((0, side));
        let mut child = scene.command("dispatch", &[]).spawn().unwrap();
        scene.github.wait_for_writes(1);
        child.kill().unwrap();
        child.wait().unwrap();
        scene.github.memory().held = None;
        for _ in 0..2 {
            let run = scene.run(&[]).ended(4);
            assert!(run.stderr.contains("`--retry docs/ruby/rake` starts it again"), "{run:?}");
        }
        assert_eq!(scene.starts().len(), usize::from(side == Side::After));
        scene.run(&["--retry", "docs/ruby/rake"]).ended(0);
        assert_eq!(scene.starts().len(), 1 + usize::from(side == Side::After));
        scene.run(&[]).ended(0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispatch_that_was_cut_off_is_not_repeated_while_its_run_may_not_be_listed_yet() {
    let scene = Scene::new(SETTINGS, findings(&["ruby/rake"])).await;
    scene.github.memory().faults.push(("POST acme/docs/".to_owned(), 502, json!({}), Vec::new()));
    let run = scene.run(&[]).ended(4);
    assert!(run.stderr.contains("GitHub answered 502"), "{run:?}");
    scene.github.memory().faults.clear();
    let run = Run::of(scene.command("dispatch", &[]).env("UPMON_DISPATCH_SETTLE", "10m").output().unwrap()).ended(0);
    assert!(run.stdout.contains("docs for ruby/rake is held: it was cut off at"), "{run:?}");
    assert!(scene.starts().is_empty());
    scene.run(&[]).ended(0);
    assert_eq!(scene.starts().len(), 1);
}

fn approving(place: &str) -> String {
    with_record(place).replace("approval = \"never\"", "approval = \"major\"")
}

fn major() -> Vec<Finding> {
    vec![changed("rust/serde", &[])]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_major_update_waits_for_a_tick_which_holds_for_that_version_alone() {
    for place in ["file", "issue"] {
        let scene = Scene::new(&approving(place), major()).await;
        scene.issues();
        let run = scene.run(&[]).ended(0);
        assert!(run.stdout.contains("image for rust/serde is held: a person has to approve it"), "{run:?}");
        {
            let issue = &mut scene.github.memory().issues[0];
            let body = issue["body"].as_str().unwrap();
            assert_eq!(body.matches("- [ ] Approve").count(), 1, "{body}");
            issue["body"] = body.replace("- [ ] Approve", "- [x] Approve").replace('\n', "\r\n").into();
        }
        scene.github.writes();
        scene.issues();
        assert!(scene.github.writes().is_empty(), "a tick is no reason to write");
        scene.run(&[]).ended(0);
        assert_eq!(scene.starts().len(), 2);
        scene.find(vec![changed("rust/serde", &[("/newest/version", json!("99.0.0"))])]);
        scene.run(&[]).ended(0);
        scene.issues();
        let body = scene.github.memory().issues[0]["body"].as_str().unwrap().to_owned();
        assert!(body.contains("- [ ] Approve `99.0.0`"), "{body}");
        scene.run(&[]).ended(0);
        assert_eq!(scene.starts().len(), 2, "{place}: the tick was for another version");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_label_approves_the_version_that_the_issue_tells_of() {
    let scene = Scene::new(&approving("file"), major()).await;
    scene.issues();
    let names: Vec<String> = scene.github.memory().labels.iter().map(|label| label["name"].to_string()).collect();
    assert!(names.contains(&"\"upmon:approved\"".to_owned()), "{names:?}");
    scene.github.memory().issues[0]["labels"].as_array_mut().unwrap().push(json!({ "name": "upmon:approved" }));
    // the issue does not tell of this one yet
    scene.find(vec![changed("rust/serde", &[("/newest/version", json!("99.0.0"))])]);
    scene.run(&[]).ended(0);
    assert!(scene.starts().is_empty());
    scene.issues();
    assert!(
        !scene.github.memory().issues[0]["labels"].to_string().contains("approved"),
        "the label goes with its version"
    );
    scene.run(&[]).ended(0);
    assert!(scene.starts().is_empty());
    scene.github.memory().issues[0]["labels"].as_array_mut().unwrap().push(json!({ "name": "upmon:approved" }));
    scene.run(&[]).ended(0);
    assert_eq!(scene.starts().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn issues_show_a_box_only_where_something_waits_for_approval() {
    let scene = Scene::new(&approving("file"), findings(&["rust/tokio", "ruby/rails"])).await;
    scene.issues();
    let memory = scene.github.memory();
    assert_eq!(memory.issues.len(), 2);
    for issue in &memory.issues {
        let body = issue["body"].as_str().unwrap();
        assert_eq!(body.contains("Approve"), issue["title"].as_str().unwrap().contains("rails"), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_in_an_issue_outlives_what_upmon_and_people_write_there() {
    let scene = Scene::new(&with_record("issue"), findings(&["rust/tokio", "ruby/rake"])).await;
    scene.issues();
    let run = scene.run(&[]).ended(0);
    assert!(run.stdout.contains("docs for ruby/rake is held: the package has no issue"), "{run:?}");
    assert_eq!(scene.starts().len(), 2);
    assert!(!scene.world.files().contains(&RECORD.to_owned()));
    let body = scene.github.memory().issues[0]["body"].as_str().unwrap().to_owned();
    scene.github.memory().issues[0]["body"] = format!("mine\r\n{body}\r\nmine too").into();
    scene.find(vec![changed("rust/tokio", &[("/severity", json!("critical"))])]);
    scene.issues();
    scene.run(&[]).ended(0);
    scene.github.writes();
    scene.run(&[]).ended(0);
    assert_eq!((scene.starts().len(), scene.github.writes()), (2, Vec::new()));
    let body = scene.github.memory().issues[0]["body"].as_str().unwrap().to_owned();
    assert!(body.starts_with("mine\r\n") && body.ends_with("\r\nmine too"), "{body}");
    assert!(body.contains("**critical**"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn issues_that_cannot_be_listed_start_nothing() {
    let scene = Scene::new(&with_record("issue"), findings(&["rust/tokio"])).await;
    let said = json!({ "message": "Resource not accessible" });
    scene.github.memory().faults.push(("GET acme/shop/issues".to_owned(), 403, said, Vec::new()));
    let run = scene.run(&[]).ended(4);
    assert!(run.stderr.contains("nothing was started: without the issues nobody knows"), "{run:?}");
    assert!(scene.github.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_workflow_could_take_for_a_command_is_not_sent() {
    for version in
        ["2.0.0\u{2069}$(curl evil)", "`id`", "1.0\n2", "a b", "2.0.0;id", "'x'", "-rf", "::stop-commands::x"]
    {
        let scene = Scene::new(SETTINGS, vec![changed("rust/tokio", &[("/newest/version", json!(version))])]).await;
        let run = scene.run(&[]).ended(4);
        assert!(run.stderr.contains("which a workflow could take for more than a text"), "{run:?}");
        assert!(!run.stderr.contains(version) || !version.contains('\n'), "{run:?}");
        assert!(scene.github.writes().is_empty());
    }
    let address = json!("https://evil.example/$(id)");
    let scene = Scene::new(SETTINGS, vec![changed("ruby/rake", &[("/newest/url", address)])]).await;
    scene.run(&[]).ended(0);
    assert_eq!(scene.github.memory().starts[0].body["client_payload"]["url"], "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_names_its_own_targets_and_no_others() {
    let named = |names: Value| {
        let mut json = serde_json::to_value(findings(&["rust/tokio"]).remove(0)).unwrap();
        json["dispatch"] = names;
        vec![serde_json::from_value(json).unwrap()]
    };
    let scene = Scene::new(SETTINGS, named(json!(["docs"]))).await;
    scene.run(&[]).ended(0);
    assert_eq!(scene.starts().len(), 1);
    scene.find(named(json!([])));
    assert_eq!(scene.run(&["--dry-run"]).ended(0).json()["held"], json!([]));
    scene.find(named(json!(["dosc"])));
    assert!(scene.run(&[]).ended(4).stderr.contains("the settings have no dispatch target `dosc`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_a_pin_names_has_to_be_there() {
    let pins = r#"{ "rust": { "tokio": { "version": "1.40.0", "dispatch": ["image", "dosc"] } } }"#;
    let world = World::new(pins).await;
    world.write("upmon.toml", SETTINGS);
    let run = world.run(&["check"]).ended(2);
    assert!(run.stderr.contains("the settings have no dispatch target `dosc`"), "{run:?}");
    assert!(run.stderr.contains("did you mean `docs`?") && run.stderr.contains(":1:"), "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_record_starts_nothing() {
    let scene = Scene::new(SETTINGS, findings(&["rust/tokio"])).await;
    scene.world.write(RECORD, "{");
    let run = scene.run(&[]).ended(4);
    assert!(
        run.stderr.contains("cannot read the record of dispatches") && run.stderr.contains("hint: nothing"),
        "{run:?}"
    );
    assert!(scene.github.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_at_once_do_not_start_the_same() {
    let scene = Scene::new(SETTINGS, findings(&["ruby/rake"])).await;
    scene.github.memory().held = Some((0, Side::After));
    let mut child = scene.command("dispatch", &[]).spawn().unwrap();
    scene.github.wait_for_writes(1);
    let run = scene.run(&[]).ended(4);
    assert!(run.stderr.contains("another run works with the record"), "{run:?}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(scene.starts().len(), 1);
}

/// Variables, arguments, and what is told.
type Wrong<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], &'a str);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_wrong_is_told_before_anybody_is_asked() {
    let scene = Scene::new(SETTINGS, findings(&["rust/tokio"])).await;
    let table: [Wrong<'_>; 8] = [
        (&[("GITHUB_TOKEN", "")], &[], "there is no token for GitHub"),
        (&[("UPMON_GITHUB_API_URL", "http://ghe.example.org/")], &[], "is not an https address"),
        (&[], &["--timeout", "5m"], "--wait"),
        (&[], &["--wait", "--timeout", "5"], "has no unit"),
        (&[], &["--retry", "image"], "such as `image/rust/tokio`"),
        (&[], &["--retry", "imgae/rust/tokio"], "did you mean `image`?"),
        (&[], &["--retry", "image/ruby/rake"], "cannot be started again"),
        (&[], &["--as-of", "2026-01-01"], "cannot be used with '--as-of'"),
    ];
    for (environment, arguments, expected) in table {
        let output = scene.command("dispatch", arguments).envs(environment.iter().copied()).output().unwrap();
        let run = Run::of(output).ended(2);
        assert!(run.stderr.contains(expected), "{expected}: {run:?}");
    }
    scene.world.write("upmon.toml", "");
    assert!(scene.run(&[]).ended(2).stderr.contains("the settings name nothing to start"));
    assert!(scene.github.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unknown_starts_nothing_and_is_told_by_the_exit_code() {
    let mut unknown = findings(&["python/requests"]);
    unknown[0].id = "rust/requests".to_owned();
    unknown[0].group = "rust".to_owned();
    let scene = Scene::new(SETTINGS, unknown).await;
    let plan = scene.run(&["--dry-run", "--allow-unknown"]).ended(0).json();
    assert_eq!(held(&plan), pairs(&[("image", "unknown"), ("docs", "unknown")]));
    scene.run(&[]).ended(3);
    assert!(scene.github.writes().is_empty());
}
