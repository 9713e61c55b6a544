//! Which version is taken into the pins file, and which is refused.

use serde_json::json;

use crate::cli::world::{PINS as SMALL, small, small_with};
use crate::support::runner::PINS;

#[tokio::test]
async fn what_check_proposes_is_written_in_one_place() {
    let world = small().await;
    let run = world.run(&["take", "serpent"]).ended(0);
    insta::assert_snapshot!(run.stdout, @r#"
    python/serpent: 1.0 -> 2.0
    upstream-versions.json:4
    -  "python": { "serpent": "1.0" },
    +  "python": { "serpent": "2.0" },
    "#);
    assert_eq!(world.read(PINS), SMALL.replace(r#""serpent": "1.0""#, r#""serpent": "2.0""#));
    // the same once more changes nothing
    let run = world.run(&["take", "python/serpent"]).ended(0);
    assert_eq!(run.stdout, "python/serpent: 2.0 stays: it is at `2.0`, the newest eligible release\n");
    let after = world.run(&["check", "serpent", "--json"]).ended(0);
    assert_eq!(after.each("/status"), ["current"]);
}

#[tokio::test]
async fn without_a_version_the_requirement_holds() {
    let world = small().await;
    world.run(&["take", "drift"]).ended(0);
    assert!(world.read(PINS).contains(r#""drift": { "version": "1.1.1", "requirement": "~1.1" }"#));
    let run = world.run(&["take", "drift"]).ended(0);
    assert_eq!(
        run.stdout,
        "rust/drift: 1.1.1 stays: the requirement `~1.1` accepts nothing newer; name `1.2.0` to take it\n"
    );
}

#[tokio::test]
async fn a_version_that_speaks_against_itself_is_refused_with_the_remedy() {
    let world = small().await;
    let ignored = SMALL.replace(
        r#""drift": { "version": "1.0.0", "requirement": "~1.1" }"#,
        r#""drift": { "version": "1.1.0", "ignore": [{ "versions": "=1.2.0", "reason": "leaks" }] }"#,
    );
    for (pins, version, code, message) in [
        (SMALL, "9.9.9", 4, "upstream has no release `9.9.9`\nhint: `upmon explain rust/drift` shows every release"),
        (SMALL, "v1.1.1", 4, "upstream has no release `v1.1.1`\nhint: did you mean `1.1.1`?"),
        (SMALL, "1.0.0", 4, "`1.0.0` is not eligible: yanked\nhint: --force takes it all the same"),
        (
            SMALL,
            "1.2.0",
            4,
            "the requirement `~1.1` does not accept `1.2.0`\nhint: --files moves what is required along, in the pins file too; --force leaves it behind",
        ),
        (&ignored, "1.2.0", 4, "`1.2.0` is not eligible: ignored: leaks\nhint: --force takes it all the same"),
    ] {
        world.write(PINS, pins);
        let run = world.run(&["take", "drift", version]).ended(code);
        assert_eq!(run.stderr, format!("error: `rust/drift`: {message}\n"));
        assert_eq!((run.stdout.as_str(), world.read(PINS).as_str()), ("", pins));
    }
    world.write(PINS, &ignored);
    world.run(&["take", "drift", "1.2.0", "--force"]).ended(0);
    assert!(world.read(PINS).contains(r#""drift": { "version": "1.2.0", "ignore""#));
}

#[tokio::test]
async fn going_back_needs_the_version_to_be_named() {
    let world = small_with("{\r\n\t\"rust\": { \"steady\":   \"1.0.0\" }\r\n}").await;
    let run = world.run(&["take", "steady"]).ended(0);
    assert_eq!(run.stdout, "rust/steady: 1.0.0 stays: it is at `1.0.0`, the newest eligible release\n");
    world.run(&["take", "steady", "0.9.0"]).ended(0);
    assert_eq!(world.read(PINS), "{\r\n\t\"rust\": { \"steady\":   \"0.9.0\" }\r\n}");
}

#[tokio::test]
async fn a_prerelease_that_is_named_is_meant() {
    let world = small_with(r#"{ "rust": { "drift": "1.2.0" } }"#).await;
    world.run(&["take", "drift", "2.0.0-rc.1"]).ended(0);
    assert_eq!(world.read(PINS), r#"{ "rust": { "drift": "2.0.0-rc.1" } }"#);
}

#[tokio::test]
async fn the_unknown_is_never_taken() {
    let world = small().await;
    let run = world.run(&["take", "lost"]).ended(3);
    assert!(run.stderr.starts_with("error: cannot take a version of `typescript/lost`: "), "{}", run.stderr);
    assert_eq!(world.read(PINS), SMALL);
    // the others are taken, and the unknown one is told
    let run = world.run(&["take", "--all", "--json"]).ended(3).json();
    let ids = |key: &str| run[key].as_array().unwrap().iter().map(|one| one["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids("taken"), ["rust/drift", "ruby/gemmy", "python/serpent", "typescript/@acme/pad"]);
    assert_eq!((ids("stays"), ids("left")), (vec![json!("rust/steady")], vec![json!("typescript/lost")]));
    assert_eq!(run["left"][0]["unknown"], json!(true));
    assert_eq!(run["changes"][0]["file"], json!(PINS));
    world.run(&["take", "--all", "--offline", "--no-cache"]).ended(2);
}

#[tokio::test]
async fn a_dry_run_shows_the_same_and_writes_nothing() {
    let world = small().await;
    let dry = world.run(&["take", "gemmy", "--dry-run"]).ended(0);
    assert_eq!(dry.stderr, "nothing was written (--dry-run)\n");
    assert_eq!(world.read(PINS), SMALL);
    let run = world.run(&["take", "gemmy"]).ended(0);
    assert_eq!(run.stdout, dry.stdout);
}

#[tokio::test]
async fn what_was_published_after_the_instant_is_not_proposed() {
    let world = small().await;
    world.run(&["take", "drift", "--as-of", "2025-01-15"]).ended(0);
    assert!(world.read(PINS).contains(r#""version": "1.1.0""#));
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_is_written_through_and_rights_are_kept() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let world = small().await;
    std::fs::create_dir(world.path("kept")).unwrap();
    std::fs::rename(world.path(PINS), world.path("kept/pins.json")).unwrap();
    std::fs::set_permissions(world.path("kept/pins.json"), std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink("kept/pins.json", world.path(PINS)).unwrap();
    world.run(&["take", "serpent"]).ended(0);
    assert!(std::fs::symlink_metadata(world.path(PINS)).unwrap().is_symlink());
    assert!(world.read("kept/pins.json").contains(r#""serpent": "2.0""#));
    let mode = std::fs::metadata(world.path("kept/pins.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[tokio::test]
async fn only_what_was_asked_for_is_taken_and_the_rest_stays_with_the_reason() {
    let pins = r#"{ "rust": { "drift": "1.1.0", "steady": "0.9.0" }, "ruby": { "gemmy": "1.0.0" }, "python": { "serpent": "1.0" } }"#;
    for (options, taken) in [
        (vec!["--update", "patch"], vec!["drift 1.1.1", "gemmy 1.0.1"]),
        (vec!["--update", "minor,patch"], vec!["drift 1.2.0", "gemmy 1.0.1"]),
        (vec!["--update", "minor", "--update", "major"], vec!["drift 1.2.0", "steady 1.0.0", "serpent 2.0"]),
        (vec!["--update", "prerelease"], vec![]),
        (vec!["--severity", "critical"], vec!["steady 1.0.0", "serpent 2.0"]),
        (vec!["--severity", "info,warning"], vec!["drift 1.2.0", "gemmy 1.0.1"]),
        (vec!["--severity", "info,warning", "--update", "patch"], vec!["drift 1.1.1", "gemmy 1.0.1"]),
    ] {
        let world = small_with(pins).await;
        let told = world.run(&[vec!["take", "--all", "--json"], options.clone()].concat()).ended(0).json();
        let found: Vec<String> = told["taken"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                let name = one["id"].as_str().unwrap().rsplit('/').next().unwrap();
                format!("{name} {}", one["to"].as_str().unwrap())
            })
            .collect();
        assert_eq!(found, taken, "{options:?}: {told:#}");
        let stays = told["stays"].as_array().unwrap();
        assert_eq!(stays.len(), 4 - taken.len());
        assert!(stays.iter().all(|one| one["reason"].as_str().unwrap().contains("asked for")), "{told:#}");
    }
}

#[tokio::test]
async fn a_filter_hides_nothing_that_is_unknown_and_is_none_beside_a_version() {
    let world = small_with(r#"{ "typescript": { "lost": "0.1.0" } }"#).await;
    let run = world.run(&["take", "--all", "--severity", "info", "--update", "patch"]).ended(3);
    assert!(run.stdout.contains("typescript/lost: 0.1.0 is left"), "{run:?}");
    for option in ["--severity=info", "--update=patch"] {
        world.run(&["take", "lost", "0.1.1", option]).ended(2);
    }
    world.run(&["take", "--all", "--update", "none"]).ended(2);
}
