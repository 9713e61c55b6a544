//! `upmon explain`: the whole decision about one pin.

use upmon::registry::RegistryId;

use super::world::{small, small_with};

#[tokio::test]
async fn every_release_is_shown_with_its_verdict() {
    let world = small().await;
    let run = world.run(&["explain", "rust/drift"]).ended(0);
    insta::assert_snapshot!(world.plain(&run.stdout));
    assert_eq!(run.stderr, "");
    let second = world.run(&["explain", "drift"]).ended(0);
    assert!(second.stdout.contains("(kept from an earlier run, still fresh)"), "{second:?}");
}

#[tokio::test]
async fn what_is_unknown_is_explained_and_ends_so() {
    let world = small().await;
    insta::assert_snapshot!(world.plain(&world.run(&["explain", "lost"]).ended(3).stdout));
}

#[tokio::test]
async fn what_does_not_parse_comes_last_and_is_not_hidden() {
    let pins =
        r#"{ "rust": { "odd": { "version": "1.0.0", "ignore": [{ "versions": "=2.0.0", "reason": "broken" }] } } }"#;
    let world = small_with(pins).await;
    let versions = [("1", "2020-01-01", false), ("1.0.0", "2021-01-01", false), ("2.0.0", "2022-01-01", false)];
    super::world::add_crate_at(&world, "3/o/odd", "odd", &versions).await;
    insta::assert_snapshot!(world.plain(&world.run(&["explain", "odd"]).ended(0).stdout));
}

#[tokio::test]
async fn pins_of_one_name_are_all_explained() {
    let world = small_with(
        r#"{ "rust": { "drift": "1.0.0" }, "old": { "drift": { "version": "1.1.0", "registry": "crates-io" } } }"#,
    )
    .await;
    let run = world.run(&["explain", "drift"]).ended(0);
    assert!(run.stdout.starts_with("rust/drift 1.0.0\n") && run.stdout.contains("\nold/drift 1.1.0\n"), "{run:?}");
}

#[tokio::test]
async fn escapes_from_upstream_reach_no_terminal() {
    let world = small_with(r#"{ "node": { "evil": "1.0.0" } }"#).await;
    let body = r#"{ "name": "evil", "versions": { "1.0.0": { "version": "1.0.0", "deprecated": "\u001b[31mred\u0007" } },
        "time": { "1.0.0": "2024-01-01T00:00:00Z" } }"#;
    world.answer(RegistryId::Npm, "evil", "application/json", body).await;
    for arguments in
        [&["explain", "evil"][..], &["check"], &["check", "--format", "markdown"], &["check", "--format", "github"]]
    {
        let run = world.run(arguments).ended(0);
        assert!(run.stdout.contains("red") && !run.stdout.contains(['\u{1b}', '\u{7}']), "{arguments:?}: {run:?}");
    }
}
