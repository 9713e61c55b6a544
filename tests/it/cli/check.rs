//! `upmon check` where nothing goes wrong but what the world brings.

use serde_json::{Value, json};
use upmon::registry::RegistryId;
use upmon::schema::{Which, schema};

use super::world::{KNOWN_PINS, PINS, small, small_with};
use crate::support::runner::{AS_OF, Run, World};

const FORMATS: [&str; 7] = ["table", "json", "ndjson", "markdown", "github", "sarif", "html"];

#[tokio::test]
async fn the_table_shows_every_pin_and_what_to_do() {
    let world = small().await;
    let run = world.run(&["check"]).ended(3);
    insta::assert_snapshot!(world.plain(&run.stdout));
    assert_eq!(run.stderr, "");
}

#[tokio::test]
async fn markdown_is_a_summary_for_people() {
    let world = small().await;
    insta::assert_snapshot!(world.plain(&world.run(&["check", "--format", "markdown"]).ended(3).stdout));
}

#[tokio::test]
async fn annotations_point_at_the_pins() {
    let world = small().await;
    insta::assert_snapshot!(world.plain(&world.run(&["check", "--format", "github"]).ended(3).stdout));
}

#[tokio::test]
async fn json_is_one_valid_document_alone_on_standard_output() {
    let world = small().await;
    let run = world.run(&["check", "--json"]).ended(3);
    assert!(run.stdout.starts_with("{\n") && run.stdout.ends_with("}\n"), "{run:?}");
    assert_eq!(run.stderr, "");
    let validator = jsonschema::draft202012::new(&schema(Which::Report)).unwrap();
    let errors: Vec<String> = validator.iter_errors(&run.json()).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(run.json()["generated_at"], AS_OF);
    let words = |pointer| run.each(pointer);
    assert_eq!(
        words("/id"),
        ["rust/steady", "rust/drift", "ruby/gemmy", "python/serpent", "typescript/@acme/pad", "typescript/lost"]
    );
    assert_eq!(words("/status"), ["current", "behind", "behind", "behind", "behind", "unknown"]);
    assert_eq!(
        words("/severity"),
        [json!("none"), json!("error"), json!("info"), json!("critical"), json!("warning"), Value::Null]
    );
    assert_eq!(
        words("/wanted/version"),
        [Value::Null, json!("1.1.1"), Value::Null, Value::Null, Value::Null, Value::Null]
    );
    assert_eq!(words("/notices/0/kind")[1], "pin-yanked");
    assert_eq!(words("/due")[4], "2026-11-29T00:00:00Z");
    assert_eq!(words("/error/kind")[5], "not-found");
}

#[tokio::test]
async fn links_that_cost_a_question_are_asked_for_only_when_wanted() {
    let world = small_with(KNOWN_PINS).await;
    let gemmy = |run: Run| run.each("/links/changelog")[2].clone();
    assert_eq!(gemmy(world.run(&["check", "--json"]).ended(0)), Value::Null);
    let asked = world.questions().await;
    let changelog = "https://example.org/gemmy/CHANGELOG.md";
    assert_eq!(gemmy(world.run(&["check", "--json", "--links"]).ended(0)), changelog);
    // one gem is behind; crates have no links outside of crates.io
    assert_eq!(world.questions().await, asked + 1);
    assert_eq!(gemmy(world.run(&["check", "--json", "--offline", "--links"]).ended(0)), Value::Null);
    assert_eq!(gemmy(world.with("UPMON_LINKS", "1").run(&["check", "--json"]).ended(0)), changelog);
}

#[tokio::test]
async fn prose_goes_to_standard_error() {
    let world = small_with(KNOWN_PINS).await;
    world.write("upmon.toml", "[policies.calm]\nmajor = \"notice\"\n[[rules]]\npins = \"helm/*\"\npolicy = \"calm\"\n");
    let run = world.run(&["check", "--json"]).ended(0);
    assert!(run.stderr.contains("no pin matches"), "{run:?}");
    assert_eq!(run.json()["summary"]["packages"], 3);
    assert_eq!(world.run(&["check", "--json", "--quiet"]).ended(0).stderr, "");
}

#[tokio::test]
async fn requests_are_told_on_standard_error_when_asked() {
    let world = small_with(KNOWN_PINS).await;
    let run = world.run(&["check", "--json", "--verbose"]).ended(0);
    assert!(run.stderr.contains("crates-io/st/ea/steady"), "{run:?}");
    run.json();
}

#[tokio::test]
async fn ndjson_is_a_line_for_each_finding_and_the_summary_last() {
    let world = small().await;
    let run = world.run(&["check", "--format", "ndjson"]).ended(3);
    let lines: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let types: Vec<&Value> = lines.iter().map(|line| &line["type"]).collect();
    assert_eq!(types, ["finding", "finding", "finding", "finding", "finding", "finding", "summary"]);
}

#[tokio::test]
async fn only_the_pins_that_are_named_are_checked() {
    let world = small().await;
    for (arguments, ids) in [
        (&["drift"][..], &["rust/drift"][..]),
        (&["python/serpent", "rust/steady"], &["rust/steady", "python/serpent"]),
        (&["@acme/pad"], &["typescript/@acme/pad"]),
    ] {
        let run = world.run(&[&["check", "--json"], arguments].concat()).ended(0);
        assert_eq!(run.each("/id"), ids);
    }
}

#[tokio::test]
async fn the_same_facts_give_the_same_bytes_and_a_second_run_asks_nobody() {
    let world = small().await;
    for format in FORMATS {
        let first = world.run(&["check", "--format", format]).ended(3);
        let asked = world.questions().await;
        let second = world.run(&["check", "--format", format]).ended(3);
        assert_eq!((&first.stdout, &first.stderr), (&second.stdout, &second.stderr));
        assert_eq!(world.questions().await, asked);
        let uncached = world.run(&["check", "--format", format, "--no-cache"]).ended(3);
        assert_eq!(first.stdout, uncached.stdout);
        assert!(world.questions().await > asked);
    }
}

#[tokio::test]
async fn the_report_file_is_the_json_beside_any_format() {
    let world = small().await;
    let json = world.run(&["check", "--json"]).ended(3).stdout;
    for format in FORMATS {
        let alone = world.run(&["check", "--format", format]).ended(3).stdout;
        let run = world.run(&["check", "--format", format, "--write-report", "report.json"]).ended(3);
        assert_eq!(run.stdout, alone);
        assert_eq!(world.read("report.json"), json);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_report_file_is_replaced_as_a_whole_and_is_as_open_as_any_new_file() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let world = small_with(KNOWN_PINS).await;
    world.write("report.json", "an older report");
    let older = std::fs::File::open(world.path("report.json")).unwrap();
    world.run(&["check", "--write-report", "report.json"]).ended(0);
    let newer = std::fs::metadata(world.path("report.json")).unwrap();
    // whoever reads the old file while it is replaced reads all of it
    assert_eq!(std::io::read_to_string(&older).unwrap(), "an older report");
    assert_ne!(older.metadata().unwrap().ino(), newer.ino());
    let pins = std::fs::metadata(world.path("upstream-versions.json")).unwrap();
    assert_eq!(newer.permissions().mode(), pins.permissions().mode());
    assert_eq!(world.files(), ["report.json", "upstream-versions.json"]);
}

#[tokio::test]
async fn a_dead_registry_makes_its_pins_unknown_and_no_others() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = format!("http://{}/", socket.local_addr().unwrap());
    drop(socket);
    let world = small().await.at(RegistryId::PyPi, &gone);
    let run = world.run(&["check", "--json", "rust/steady", "python/serpent", "ruby/gemmy"]).ended(3);
    assert_eq!(run.each("/status"), ["current", "behind", "unknown"]);
    assert_eq!(run.each("/error/kind")[2], "unreachable");
    assert_eq!(run.each("/error/retryable")[2], true);
    let message = run.each("/error/message")[2].as_str().unwrap().replace(&gone, "http://gone/");
    let expected =
        "asking pypi for `serpent`: `http://gone/simple/serpent/` could not be reached: nobody listens there";
    assert_eq!(message, expected);
}

#[tokio::test]
async fn offline_answers_from_the_cache_or_not_at_all() {
    let world = small_with(KNOWN_PINS).await;
    let empty = world.run(&["check", "--json", "--offline"]).ended(3);
    assert_eq!(empty.each("/error/kind"), ["unreachable"; 3]);
    assert!(empty.stdout.contains("offline, and not in the cache"), "{empty:?}");
    assert_eq!(world.questions().await, 0);
    let online = world.run(&["check", "--json"]).ended(0);
    let asked = world.questions().await;
    let offline = world.run(&["check", "--json", "--offline"]).ended(0);
    assert_eq!((online.each("/newest"), online.each("/days")), (offline.each("/newest"), offline.each("/days")));
    assert_eq!(world.questions().await, asked);
}

#[tokio::test]
async fn a_run_can_judge_as_of_another_instant() {
    let world = small_with(KNOWN_PINS).await;
    for (as_of, generated_at, newest) in [
        ("2024-06-01", "2024-06-01T00:00:00Z", ["1.0.0", "1.0.0"]),
        ("2025-01-01", "2025-01-01T00:00:00Z", ["1.1.0", "1.0.0"]),
        ("2024-12-31T23:59:59Z", "2024-12-31T23:59:59Z", ["1.0.0", "1.0.0"]),
        ("2025-02-01T01:00:00+01:00", "2025-02-01T00:00:00Z", ["1.1.1", "1.0.0"]),
        ("2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z", ["1.2.0", "1.0.1"]),
    ] {
        let world = &world;
        let run = world.run(&["check", "--json", "--as-of", as_of, "rust/drift", "ruby/gemmy"]);
        assert_eq!(run.json()["generated_at"], generated_at);
        let (status, newest_found) = (run.each("/status"), run.each("/newest/version"));
        // drift 1.0.0 is yanked, so nothing is eligible before 1.1.0
        let expected = if newest[0] == "1.0.0" { Value::Null } else { json!(newest[0]) };
        assert_eq!(newest_found, [expected, json!(newest[1])], "{as_of}: {status:?}");
    }
}

#[tokio::test]
async fn without_a_terminal_there_is_neither_colour_nor_progress() {
    for (variables, arguments, is_colourful) in [
        (&[][..], &["check"][..], false),
        (&[("TERM", "xterm-256color")], &["check"], false),
        (&[], &["check", "--color", "always"], true),
        (&[("NO_COLOR", "1")], &["check", "--color", "always"], true),
        (&[("CLICOLOR_FORCE", "1")], &["check"], true),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], &["check"], false),
        (&[("CLICOLOR_FORCE", "1")], &["check", "--color", "never"], false),
    ] {
        let world = small_with(KNOWN_PINS).await;
        let mut command = world.command(arguments);
        command.envs(variables.iter().copied());
        let run = Run::of(command.output().unwrap()).ended(0);
        assert_eq!(run.stdout.contains('\u{1b}'), is_colourful, "{variables:?} {arguments:?}");
        assert_eq!(run.stderr, "");
    }
}

#[tokio::test]
async fn no_line_is_wider_than_the_terminal() {
    for columns in [40, 60, 80, 120] {
        let world = small().await;
        let run = Run::of(world.command(&["check"]).env("COLUMNS", columns.to_string()).output().unwrap());
        let widest = run.stdout.lines().map(unicode_width::UnicodeWidthStr::width).max().unwrap();
        assert!(widest <= columns, "{columns}: {widest}\n{}", run.stdout);
    }
}

#[tokio::test]
async fn a_quarantined_package_is_an_error() {
    let world = World::new(r#"{ "python": { "evil": "1.0" } }"#).await;
    let page = json!({ "meta": { "api-version": "1.4" }, "name": "evil", "versions": ["1.0"],
        "project-status": { "status": "quarantined" },
        "files": [{ "filename": "evil-1.0.tar.gz", "hashes": {}, "url": "x", "upload-time": "2024-01-01T00:00:00Z" }] });
    let media_type = "application/vnd.pypi.simple.v1+json";
    world.answer(RegistryId::PyPi, "simple/evil/", media_type, &page.to_string()).await;
    let run = world.run(&["check", "--json"]).ended(0);
    assert_eq!((&run.each("/status")[0], &run.each("/severity")[0]), (&json!("current"), &json!("error")));
    assert_eq!(run.each("/rule")[0], "default: the package is quarantined");
    world.write("upmon.toml", "[policy]\npin-quarantined = \"critical\"\n");
    assert_eq!(world.run(&["check", "--json"]).ended(0).each("/severity"), ["critical"]);
}

#[tokio::test]
async fn a_file_without_pins_is_a_report_of_nothing() {
    let world = World::new("{}").await;
    let run = world.run(&["check"]).ended(0);
    assert!(run.stdout.contains("0 packages: nothing is pinned"), "{run:?}");
    assert_eq!(world.run(&["check", "--json"]).ended(0).json()["findings"], json!([]));
}

#[tokio::test]
async fn pins_and_settings_can_be_named_by_flag_and_environment() {
    let world = small_with("not read").await;
    world.write("pins.json", KNOWN_PINS);
    world.write("settings.toml", "[check]\nfail-on = \"error\"\n");
    world.run(&["check", "--pins", "pins.json", "--config", "settings.toml"]).ended(1);
    world.run(&["--pins", "pins.json", "check"]).ended(0);
    let world = world.with("UPMON_PINS", "pins.json").with("UPMON_CONFIG", "settings.toml");
    world.run(&["check"]).ended(1);
    let report = world.run(&["check", "--json"]).ended(1);
    assert_eq!(report.each("/place/file"), ["pins.json"; 3]);
    world.write("other.json", PINS);
    assert_eq!(world.run(&["check", "--json", "--pins", "other.json"]).each("/id").len(), 6);
}
