//! What follows from checks: issues, badges, dispatches and commands, once each, whatever is killed in between.

use std::time::Duration;

use serde_json::{Value, json};
use upmon::server::sign;

use super::service::Service;
use crate::cli::world::small_with;
use crate::github::faults::{Fault, Moment, What, Which};
use crate::github::state::Workflow;
use crate::github::{GitHub, TOKEN};
use crate::support::runner::World;

const SECRET: &str = "s3cret-s3cret-s3cret";

/// Two pins, one of them behind.
const PINNED: &str = r#"{ "rust": { "steady": "1.0.0", "drift": "1.0.0" } }"#;

/// Checks come from outside alone, but for the first.
const NEVER: &str = "[[server.schedules]]\ncron = \"0 0 29 2 *\"\n";

/// The same pins with a newer version of one of them, which upstream has for long.
fn world_env(world: World, github: &GitHub) -> World {
    let url: &'static str = Box::leak(github.url().to_owned().into_boxed_str());
    world
        .with("UPMON_GITHUB_API_URL", url)
        .with("GITHUB_TOKEN", TOKEN)
        .with("GITHUB_REPOSITORY", "acme/shop")
        .with("UPMON_ISSUES_PACE", "0s")
        .with("UPMON_DISPATCH_PACE", "0s")
        .with("UPMON_SERVER_TOKEN", SECRET)
        .with("UPMON_SERVER_WEBHOOK_SECRET", SECRET)
}

fn actions(service: &Service) -> Vec<Value> {
    service.get("/api/v1/actions").json()["actions"].as_array().unwrap().clone()
}

fn of_kind(service: &Service, kind: &str) -> Vec<Value> {
    actions(service).into_iter().filter(|action| action["kind"] == kind).collect()
}

/// Waits until nothing is left to be done.
fn settle(service: &Service, what: &str, least: usize) {
    service.until(what, |service| {
        let actions = actions(service);
        actions.len() >= least && actions.iter().all(|action| !action["ended_at"].is_null())
    });
}

/// Tells of a package, by an event of GitHub.
fn tell(service: &Service, id: &str, packages: &Value) {
    let body = json!({ "client_payload": { "packages": packages }, "id": id }).to_string();
    let headers = format!(
        "X-GitHub-Event: repository_dispatch\r\nX-GitHub-Delivery: {id}\r\nX-Hub-Signature-256: {}\r\n",
        sign(SECRET, body.as_bytes())
    );
    assert_eq!(service.post("/webhooks/github", &headers, &body).status, 202);
}

fn checked_at(service: &Service, id: &str) -> Value {
    service.get(&format!("/api/v1/packages/{id}")).json()["checked_at"].clone()
}

fn output(service: &Service, id: &Value) -> Value {
    let path = format!("/api/v1/actions/{}", id.as_str().unwrap());
    assert_eq!(service.get(&path).status, 401);
    service.get_with(&path, &format!("Authorization: Bearer {SECRET}\r\n")).json()["output"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_opens_an_issue_once_and_what_does_not_change_leads_to_nothing() {
    let github = GitHub::start().await;
    let world = world_env(small_with(r#"{ "rust": { "steady": "1.0.0" } }"#).await, &github);
    let settings = format!(
        "[server]\nactions = [\"issues\", \"badges\"]\n[issues]\nmode = \"per-package\"\n[badges]\nout = \"badges\"\n{NEVER}"
    );
    world.write("upmon.toml", &settings);
    let service = Service::checked(&world);
    settle(&service, "the first actions", 2);
    assert!(github.shop().issues.is_empty());
    world.write(crate::support::runner::PINS, PINNED);
    tell(&service, "one", &json!(["rust/drift"]));
    service.until("the issue", |_| github.shop().issues.len() == 1);
    settle(&service, "the actions", 4);
    assert!(github.shop().issues[0].title.contains("drift"), "{:?}", github.shop().issues);
    assert!(world.path("badges/rust/drift.svg").exists() && world.path("badges/rust/steady.svg").exists());
    github.writes();
    let before = (checked_at(&service, "rust/drift"), actions(&service).len());
    tell(&service, "two", &json!(["rust/drift"]));
    service.until("the second check", |service| checked_at(service, "rust/drift") != before.0);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(actions(&service).len(), before.1, "nothing changed");
    assert!(github.writes().is_empty());
    let metrics = service.get("/metrics").body;
    assert!(metrics.contains("upmon_actions_total{kind=\"issues\",outcome=\"done\"} 2"), "{metrics}");
    assert!(metrics.contains("upmon_queue_actions 0"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_action_is_told_and_tried_again_and_stops_no_check() {
    let github = GitHub::start().await;
    let world = world_env(small_with(PINNED).await, &github).with("GITHUB_TOKEN", "wrong");
    world.write("upmon.toml", &format!("[server]\nactions = [\"issues\"]\n[issues]\n{NEVER}"));
    let service = Service::checked(&world);
    service.until("the failure", |service| of_kind(service, "issues").iter().any(|action| action["success"] == false));
    let action = &of_kind(&service, "issues")[0];
    assert_eq!((&action["attempts"], &action["ended_at"]), (&json!(1), &Value::Null));
    assert!(action["summary"].as_str().unwrap().contains("401"), "{action}");
    assert!(service.log().contains("failed: ") && !service.log().contains(TOKEN), "{}", service.log());
    let before = checked_at(&service, "rust/drift");
    tell(&service, "one", &json!(["rust/drift"]));
    service.until("the check", |service| checked_at(service, "rust/drift") != before);
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_that_cannot_work_are_refused_at_the_start() {
    let world = small_with("{}").await;
    for (settings, expected) in [
        ("[server]\nactions = [\"issues\"]\n", "no repository is named"),
        ("[server]\nactions = [\"badges\"]\n", "say `out` in `[badges]`"),
        ("[server]\nactions = [\"dispatch\"]\n", "[dispatch.targets.NAME]"),
        ("[server]\nactions = [\"mail\"]\n", "is not an action"),
        ("[[server.commands]]\nrun = []\n", "names no program"),
    ] {
        world.write("upmon.toml", settings);
        let run = world.run(&["serve", "--listen", "127.0.0.1:0"]).ended(2);
        assert!(run.stderr.contains(expected), "{settings}: {run:?}");
    }
}

const DISPATCH: &str = r#"
[server]
actions = ["dispatch"]

[dispatch]
approval = "never"
record = "store"
settle = "0s"

[dispatch.targets.docs]
repository = "acme/docs"
event-type = "upstream-moved"
packages = "rust/*"
traced = true
"#;

/// A GitHub that runs what is started, and shows by which id.
async fn builder() -> GitHub {
    let github = GitHub::start().await;
    github.state().repository("acme/docs").workflows.push(Workflow {
        id: 7,
        file: "rebuild.yml",
        types: vec!["upstream-moved"],
        inputs: None,
        run_name: "correlation",
        course: vec![("completed", Some("success"))],
    });
    github
}

fn runs(github: &GitHub) -> Vec<String> {
    github.state().repository("acme/docs").runs.iter().map(|run| run.title.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_is_started_once_whenever_the_service_is_killed() {
    for moment in [Moment::BeforeTheEffect, Moment::AfterTheEffect] {
        let github = builder().await;
        let world = world_env(small_with(PINNED).await, &github);
        world.write("upmon.toml", &format!("{DISPATCH}{NEVER}"));
        github.state().faults.add(Fault::new(Which::Writes, What::Hold).at(moment));
        let service = Service::start(&world);
        github.held().await;
        service.signal("KILL");
        service.ended();
        github.state().faults.clear();
        let again = Service::start(&world);
        settle(&again, "the dispatch", 1);
        assert_eq!(runs(&github).len(), 1, "{moment:?}");
        assert!(!world.files().iter().any(|name| name.contains("dispatches")), "{:?}", world.files());
        // the command line reads the same record
        let plan = world.run(&["dispatch", "--dry-run"]).ended(0).json();
        assert_eq!(plan["layers"], json!([]), "{plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_services_at_one_database_start_a_rebuild_once() {
    let github = builder().await;
    let world = world_env(small_with(PINNED).await, &github);
    world.write("upmon.toml", &format!("{DISPATCH}{NEVER}"));
    let services = [Service::start(&world), Service::start(&world)];
    settle(&services[0], "the dispatch", 1);
    for number in 0..4 {
        let before = checked_at(&services[0], "rust/drift");
        tell(&services[number % 2], &number.to_string(), &json!(["rust/drift", "rust/steady"]));
        services[0].until("the check", |service| checked_at(service, "rust/drift") != before);
    }
    settle(&services[1], "all of it", 1);
    assert_eq!(runs(&github).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_file_that_is_there_is_used_further() {
    let github = builder().await;
    let world = world_env(small_with(PINNED).await, &github);
    world.write("upmon.toml", &format!("{}{NEVER}", DISPATCH.replace("\"store\"", "\"file\"")));
    world.run(&["dispatch"]).ended(0);
    assert!(world.files().contains(&"upmon-dispatches.json".to_owned()), "{:?}", world.files());
    let service = Service::checked(&world);
    settle(&service, "the dispatch", 1);
    assert_eq!((runs(&github).len(), &actions(&service)[0]["success"]), (1, &json!(true)));
}

#[cfg(unix)]
mod commands {
    use super::*;

    fn script(world: &World, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        world.write(name, &format!("#!/bin/sh\n{text}\n"));
        std::fs::set_permissions(world.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn command(world: &World, name: &str, more: &str) -> String {
        format!("[[server.commands]]\nrun = [\"{}\", \"two words\", \"$HOME\"]\n{more}\n", world.path(name).display())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_command_gets_the_change_and_nothing_of_our_secrets() {
        let github = GitHub::start().await;
        let world = world_env(small_with(PINNED).await, &github);
        script(
            &world,
            "hook",
            "env | sort > env; printf '%s|' \"$@\" > arguments; cat > change; echo out; echo err >&2",
        );
        world.write("upmon.toml", &format!("{}{NEVER}", command(&world, "hook", "")));
        let service = Service::checked(&world);
        settle(&service, "the command", 1);
        let done = actions(&service);
        assert_eq!((done.len(), &done[0]["package"]), (1, &json!("rust/drift")));
        assert_eq!((&done[0]["success"], &done[0]["attempts"]), (&json!(true), &json!(1)));
        let environment = world.read("env");
        let id = done[0]["id"].as_str().unwrap();
        for line in [
            format!("UPMON_ACTION_ID={id}").as_str(),
            "UPMON_ATTEMPT=1",
            "UPMON_CAUSE=schedule",
            "UPMON_CHANGED=update",
            "UPMON_ID=rust/drift",
            "UPMON_GROUP=rust",
            "UPMON_PACKAGE=drift",
            "UPMON_PINNED=1.0.0",
            "UPMON_NEWEST=1.2.0",
            "UPMON_PREVIOUS=",
        ] {
            assert!(environment.lines().any(|known| known == line), "{line}: {environment}");
        }
        assert!(!environment.contains(SECRET) && !environment.contains(TOKEN), "{environment}");
        assert_eq!(world.read("arguments"), "two words|$HOME|");
        let change: Value = serde_json::from_str(&world.read("change")).unwrap();
        assert_eq!((&change["finding"]["id"], &change["before"]), (&json!("rust/drift"), &Value::Null));
        let said = output(&service, &done[0]["id"]);
        assert!(said.as_str().unwrap().contains("out\n") && said.as_str().unwrap().contains("err\n"), "{said}");
        // nothing changed
        let before = checked_at(&service, "rust/drift");
        tell(&service, "one", &json!(["rust/drift"]));
        service.until("the second check", |service| checked_at(service, "rust/drift") != before);
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(actions(&service).len(), 1);
        drop(service);
        let again = Service::start(&world);
        assert_eq!(actions(&again).len(), 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_command_that_takes_too_long_is_ended_with_all_that_it_started() {
        let github = GitHub::start().await;
        let world = world_env(small_with(PINNED).await, &github);
        script(
            &world,
            "hook",
            "yes 0123456789 | head -c 200000; (sleep 600; echo late >> late) & echo $! > child; wait",
        );
        world.write("upmon.toml", &format!("{}{NEVER}", command(&world, "hook", "timeout = \"1s\"\nname = \"slow\"")));
        let service = Service::checked(&world);
        service.until("the failure", |service| {
            of_kind(service, "command").iter().any(|action| action["success"] == false)
        });
        let action = &of_kind(&service, "command")[0];
        assert_eq!((&action["name"], &action["ended_at"]), (&json!("slow"), &Value::Null));
        assert_eq!(action["summary"], "took longer than 1s and was ended");
        let said = output(&service, &action["id"]);
        let said = said.as_str().unwrap();
        assert!(said.len() < 66_000 && said.contains("more bytes were not kept"), "{}", said.len());
        let child = world.read("child").trim().to_owned();
        let alive = || std::process::Command::new("kill").args(["-0", &child]).output().unwrap().status.success();
        service.until("the end of its child", |_| !alive());
        let metrics = service.get("/metrics").body;
        assert!(metrics.contains("upmon_actions_total{kind=\"command\",outcome=\"failed\"} 1"), "{metrics}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_killed_is_done_by_the_next_process_under_the_same_id() {
        let github = GitHub::start().await;
        let world = world_env(small_with(PINNED).await, &github);
        script(
            &world,
            "hook",
            "echo $UPMON_ACTION_ID >> ids; if [ -e go ]; then echo $UPMON_ATTEMPT >> done; else sleep 30; fi",
        );
        let settings = format!("[server]\nactions = [\"issues\"]\n[issues]\nmode = \"per-package\"\n{NEVER}");
        world.write("upmon.toml", &format!("{settings}{}", command(&world, "hook", "")));
        let service = Service::checked(&world);
        service.until("the command", |_| world.path("ids").exists() && !world.read("ids").is_empty());
        service.signal("KILL");
        service.ended();
        world.write("go", "");
        let again = Service::start(&world);
        settle(&again, "the rest", 2);
        let ids = world.read("ids");
        let ids: Vec<&str> = ids.lines().collect();
        assert_eq!((ids.len(), ids[0]), (2, ids[1]));
        assert_eq!(world.read("done").trim(), "2");
        assert_eq!(github.shop().issues.len(), 1);
    }
}
