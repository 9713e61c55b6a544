//! `--record` and `--replay`: the same decisions from what was kept, byte for byte.

use serde_json::{Value, json};
use upmon::registry::RegistryId;
use wiremock::ResponseTemplate;
use wiremock::matchers::query_param;

use super::git::tagged;
use super::world::{small, small_with};
use crate::support::runner::{PINS, World};

/// The small world, recorded to `tape`.
async fn recorded() -> World {
    let world = small().await;
    world.run(&["check", "--record", "tape"]).ended(3);
    world
}

#[tokio::test]
async fn the_same_decisions_are_made_again_byte_for_byte() {
    let world = small().await;
    let live = world.run(&["check", "--json", "--links", "--record", "tape"]).ended(3);
    let asked = world.questions().await;
    // links and the instant are those of the recording
    let world = world.with("UPMON_AS_OF", None);
    let replayed = world.run(&["check", "--json", "--replay", "tape"]).ended(3);
    assert_eq!((&replayed.stdout, &replayed.stderr), (&live.stdout, &live.stderr));
    assert_eq!(world.questions().await, asked);
    for format in ["table", "markdown", "github", "sarif", "ndjson", "html"] {
        let again = || world.run(&["check", "--format", format, "--replay", "tape"]).ended(3).stdout;
        assert_eq!(again(), again());
    }
}

#[tokio::test]
async fn the_instant_of_a_run_is_recorded_to_the_nanosecond() {
    let world = small().await.with("UPMON_AS_OF", None);
    let live = world.run(&["check", "--json", "--record", "tape"]).ended(3);
    assert_eq!(world.run(&["check", "--json", "--replay", "tape"]).ended(3).stdout, live.stdout);
    let index: Value = serde_json::from_str(&world.read("tape/index.json")).unwrap();
    assert_eq!((&index["format"], &index["as_of"]), (&json!(1), &json!(false)));
    let early = world.run(&["check", "--json", "--replay", "tape", "--as-of", "2026-01-15"]).ended(3);
    assert_eq!(early.json()["generated_at"], "2026-01-15T00:00:00Z");
    assert_eq!(early.each("/newest/version")[4], "1.0.0", "the questions are those that were recorded");
}

#[tokio::test]
async fn a_repository_on_this_machine_is_recorded_too() {
    let world = tagged(&["v1.0.0", "v1.1.0", "v2.0.0"]).await;
    let url = world.path("repository");
    world.write(PINS, &format!(r#"{{ "git": {{ "x": {{ "version": "v1.0.0", "url": {url:?} }} }} }}"#));
    let live = world.run(&["check", "--json", "--as-of", "2100-01-01", "--record", "tape"]).ended(0);
    assert_eq!(live.each("/status"), ["behind"]);
    std::fs::remove_dir_all(url).unwrap();
    let world = world.with("UPMON_AS_OF", None);
    assert_eq!(world.run(&["check", "--json", "--replay", "tape"]).ended(0).stdout, live.stdout);
}

#[tokio::test]
async fn a_recorded_500_replays_as_such() {
    let world = small_with(r#"{ "rust": { "sick": "1.0.0" } }"#).await;
    world.respond(RegistryId::CratesIo, "si/ck/sick", ResponseTemplate::new(500)).await;
    let live = world.run(&["check", "--json", "--record", "tape"]).ended(3);
    assert!(live.stdout.contains("answered 500 Internal Server Error"), "{live:?}");
    assert_eq!(world.run(&["check", "--json", "--replay", "tape"]).ended(3).stdout, live.stdout);
}

#[tokio::test]
async fn what_was_not_recorded_is_unknown_and_says_so() {
    let world = recorded().await;
    let asked = world.questions().await;
    world.write(PINS, r#"{ "rust": { "steady": "1.0.0", "other": "1.0.0" } }"#);
    let run = world.run(&["check", "--json", "--replay", "tape"]).ended(3);
    assert_eq!(run.each("/status"), ["current", "unknown"]);
    assert_eq!(run.each("/error/kind")[1], "unreachable");
    assert!(run.stdout.contains("was not asked: it is not in the recording"), "{run:?}");
    assert_eq!(world.questions().await, asked);
}

#[tokio::test]
async fn other_commands_replay_as_well() {
    let world = recorded().await.with("UPMON_AS_OF", None);
    let asked = world.questions().await;
    let explained = world.run(&["explain", "rust/drift", "--replay", "tape"]).ended(0);
    assert!(explained.stdout.contains("1.2.0"), "{explained:?}");
    world.run(&["badge", "--out", "badges", "--replay", "tape", "--allow-unknown"]).ended(0);
    assert_eq!(world.questions().await, asked);
}

#[tokio::test]
async fn a_damaged_recording_is_wrong_input() {
    let world = recorded().await;
    let files = |world: &World| -> Vec<String> {
        let entries = std::fs::read_dir(world.path("tape")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let one = files(&world).into_iter().find(|file| file.contains("steady")).unwrap();
    let path = format!("tape/{one}");
    let whole = world.read(&path);
    world.write(&path, &whole.replace("1.0.0", "1.0.9"));
    let changed = world.run(&["check", "--replay", "tape"]).ended(2);
    let told =
        format!("error: the recording in `tape` is damaged: `{one}`: its bytes are not those that were recorded");
    assert!(changed.stderr.starts_with(&told) && changed.stderr.contains("hint: "), "{changed:?}");
    std::fs::remove_file(world.path(&path)).unwrap();
    assert!(world.run(&["check", "--replay", "tape"]).ended(2).stderr.contains("is damaged"));
    std::fs::remove_file(world.path("tape/index.json")).unwrap();
    let none = world.run(&["check", "--replay", "tape"]).ended(2);
    assert!(none.stderr.starts_with("error: `tape` holds no recording"), "{none:?}");
}

#[tokio::test]
async fn a_directory_of_other_things_is_not_recorded_to() {
    let world = small().await;
    let run = world.run(&["check", "--record", "."]).ended(2);
    assert!(run.stderr.contains("cannot record to `.`: it is not empty"), "{run:?}");
    for arguments in [["--offline", "--record"], ["--offline", "--replay"], ["--stale", "--record"]] {
        world.run(&["check", arguments[0], arguments[1], "tape"]).ended(2);
    }
    assert_eq!(world.questions().await, 0);
    assert_eq!(world.files(), [PINS]);
}

#[tokio::test]
async fn what_is_wrong_before_anything_is_asked_costs_no_recording() {
    let world = recorded().await;
    let replayed = || world.run(&["check", "--json", "--replay", "tape"]).ended(3).stdout;
    let before = replayed();
    for wrong in [&["check", "stedy"][..], &["explain", "stedy"], &["check", "--baseline", "no-such.json"]] {
        world.run(&[wrong, &["--record", "tape"]].concat()).ended(2);
        assert_eq!(replayed(), before, "{wrong:?}");
    }
    // what a run that broke off has left is in the way of none
    std::fs::remove_file(world.path("tape/index.json")).unwrap();
    world.run(&["check", "--record", "tape"]).ended(3);
    assert_eq!(replayed(), before);
}

#[tokio::test]
async fn a_redirect_to_the_same_place_but_for_its_query_replays_as_it_was() {
    let world = small_with(r#"{ "rust": { "signed": "1.0.0" } }"#).await;
    let index = r#"{"name":"signed","vers":"1.0.0","deps":[],"cksum":"00","features":{},"yanked":false}"#;
    let good = ResponseTemplate::new(200).set_body_string(format!("{index}\n"));
    world.respond_when(RegistryId::CratesIo, "si/gn/signed", query_param("signature", "hunter2"), good).await;
    let there = ResponseTemplate::new(302).insert_header("location", "signed?signature=hunter2");
    world.respond(RegistryId::CratesIo, "si/gn/signed", there).await;
    let live = world.run(&["explain", "--json", "signed", "--record", "tape"]).ended(0);
    assert_eq!(live.json()["explanations"][0]["requests"][0]["answers"][0]["trouble"], Value::Null);
    assert_eq!(world.run(&["explain", "--json", "signed", "--replay", "tape"]).ended(0).stdout, live.stdout);
}

#[tokio::test]
async fn an_exchange_reads_as_what_it_is() {
    let world = recorded().await;
    let entries = std::fs::read_dir(world.path("tape")).unwrap().map(|entry| entry.unwrap().path());
    let steady = entries.into_iter().find(|path| path.display().to_string().contains("steady")).unwrap();
    assert!(steady.file_name().unwrap().to_str().unwrap().starts_with("crates-io-steady-"), "{steady:?}");
    let text = std::fs::read_to_string(steady).unwrap();
    let (head, body) = text.split_once("\n\n").unwrap();
    let head: Value = serde_json::from_str(head).unwrap();
    assert_eq!(world.plain(head["asked"].as_str().unwrap()), "GET http://registry/crates-io/st/ea/steady");
    assert_eq!((&head["status"], &head["body_bytes"]), (&json!(200), &json!(body.len())));
    assert!(body.starts_with("{\"name\":\"steady\",\"vers\":\"0.9.0\""), "{body}");
}

#[tokio::test]
async fn a_token_reaches_the_registry_and_no_file() {
    let world = small_with(r#"{ "typescript": { "@acme/pad": "1.0.0" } }"#).await.with("UPMON_NPM_TOKEN", "hunter2");
    world.run(&["check", "--record", "tape"]).ended(0);
    for entry in std::fs::read_dir(world.path("tape")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
    }
}
