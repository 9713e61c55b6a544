//! `upmon ignore`: entries come and go, and the rest of the pins file stays as it is.

use crate::cli::world::small_with;
use crate::support::runner::{PINS, World};

const HELD: &str = "{\n  \"rust\": {\n    \"drift\": \"1.1.0\",\n    \"steady\": { \"version\": \"1.0.0\" }\n  }\n}\n";

async fn world() -> World {
    small_with(HELD).await
}

#[tokio::test]
async fn an_entry_is_added_renewed_and_has_an_effect() {
    let world = world().await;
    let run = world.run(&["ignore", "add", "drift", "--versions", "=1.2.0", "--reason", "leaks"]).ended(0);
    insta::assert_snapshot!(run.stdout, @r#"
    upstream-versions.json:3
    -    "drift": "1.1.0",
    +    "drift": { "version": "1.1.0", "ignore": [{ "versions": "=1.2.0", "reason": "leaks" }] },
    "#);
    let checked = world.run(&["check", "drift", "--json"]).ended(0);
    assert_eq!(checked.each("/newest/version"), ["1.1.1"]);
    world.run(&["ignore", "add", "drift", "--versions", "=1.2.0", "--until", "2027-01-31"]).ended(0);
    world.run(&["ignore", "add", "rust/steady"]).ended(0);
    assert_eq!(
        world.read(PINS),
        HELD.replace(
            "\"1.1.0\"",
            "{ \"version\": \"1.1.0\", \"ignore\": [{ \"versions\": \"=1.2.0\", \"reason\": \"leaks\", \"until\": \"2027-01-31\" }] }"
        )
        .replace("\"1.0.0\" }", "\"1.0.0\", \"ignore\": [{ \"versions\": \">1.0.0\" }] }")
    );
    let again = world.run(&["ignore", "add", "steady"]).ended(0);
    assert_eq!(again.stdout, "rust/steady ignores >1.0.0 already\n");
    let listed = world.run(&["ignore", "list"]).ended(0);
    insta::assert_snapshot!(listed.stdout, @r"
    rust/drift   =1.2.0  until 2027-01-31  leaks
    rust/steady  >1.0.0  for ever
    ");
}

#[tokio::test]
async fn what_is_over_is_shown_and_pruned() {
    let world = small_with(
        "{ \"rust\": {\n  \"drift\": { \"version\": \"1.1.0\", \"ignore\": [\n    { \"versions\": \"=1.0.0\" },\n    { \"versions\": \">=2\" },\n    \
         { \"versions\": \"=1.2.0\", \"until\": \"2026-01-01\" }\n  ] },\n  \"steady\": { \"version\": \"1.0.0\", \"ignore\": [{ \"versions\": \"<1\" }], \
         \"prereleases\": true }\n} }",
    )
    .await;
    let listed = world.run(&["ignore", "list", "--json"]).ended(0).json();
    let over: Vec<_> = listed["ignored"].as_array().unwrap().iter().map(|entry| entry["over"].clone()).collect();
    assert_eq!(over, ["beyond".into(), serde_json::Value::Null, "expired".into(), "beyond".into()]);
    let before = world.read(PINS);
    world.run(&["ignore", "prune", "--dry-run"]).ended(0);
    assert_eq!(world.read(PINS), before);
    world.run(&["ignore", "prune"]).ended(0);
    assert_eq!(
        world.read(PINS),
        "{ \"rust\": {\n  \"drift\": { \"version\": \"1.1.0\", \"ignore\": [\n    { \"versions\": \">=2\" }\n  ] },\n  \"steady\": { \"version\": \"1.0.0\", \
         \"prereleases\": true }\n} }"
    );
    let again = world.run(&["ignore", "prune"]).ended(0);
    assert_eq!(again.stdout, "every entry still has an effect, or there is none\n");
}

#[tokio::test]
async fn an_entry_that_would_be_wrong_is_refused() {
    let world = world().await;
    for (arguments, message) in [
        (&["drift", "--versions", "one"][..], "error: `one` is not a valid semver requirement"),
        (&["drift", "--until", "2026-01-01"], "error: 2026-01-01 has passed\n"),
        (&["drift", "--until", "soon"], "error: invalid value 'soon' for '--until <DATE>'"),
        (&["drfit"], "error: no pin is called `drfit`\nhint: did you mean `drift`?\n"),
        (&["drift", "--reason", " "], "error: `--reason` is empty\n"),
    ] {
        let run = world.run(&[&["ignore", "add"], arguments].concat()).ended(2);
        assert!(run.stderr.starts_with(message), "{arguments:?}: {}", run.stderr);
        assert_eq!(world.read(PINS), HELD);
    }
}

#[tokio::test]
async fn what_is_above_a_pin_is_ignored_with_its_prereleases_and_no_entry_of_that_is_over() {
    let held = r#"{ "rust": { "drift": { "version": "1.2.0", "prereleases": true } } }"#;
    let world = small_with(held).await;
    assert_eq!(world.run(&["check", "--json"]).ended(0).each("/newest/version"), ["2.0.0-rc.1"]);
    world.run(&["ignore", "add", "drift"]).ended(0);
    assert_eq!(world.run(&["check", "--json"]).ended(0).each("/status"), ["current"]);
    // at a prerelease, too
    let held = r#"{ "rust": { "drift": { "version": "2.0.0-rc.0", "ignore": [{ "versions": ">=1.3.0" }] } } }"#;
    world.write(PINS, held);
    assert_eq!(world.run(&["check", "--json"]).ended(0).each("/status"), ["ahead"]);
    let pruned = world.run(&["ignore", "prune"]).ended(0);
    assert_eq!(
        (pruned.stdout.as_str(), world.read(PINS).as_str()),
        ("every entry still has an effect, or there is none\n", held)
    );
}
